# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""What a lab is made of: namespaces, processes, links.

A namespace lives as long as its holder, a sleeping process of ours: there
are no bind mounts and no names under /run/netns, so a namespace cannot
outlive its processes and nothing has to be unmounted in the main namespace.

Every process that a lab starts carries the lab's id in its environment.
That, and not a list that a crash may leave behind, is how `down' finds what
belongs to a lab; a pid alone is never trusted, it comes with a start time.
"""

import contextlib
import ctypes
import errno
import fcntl
import os
import signal
import socket
import struct
import subprocess
import time

CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x40000

# The environment variable that marks a lab's processes.
LAB_ENV = "SG_LAB_ID"

_libc = ctypes.CDLL(None, use_errno=True)


class LabError(Exception):
    """Something that a lab needs did not happen; the text is for people."""


def _check(result, what):
    if result:
        err = ctypes.get_errno()
        raise OSError(err, "%s: %s" % (what, os.strerror(err)))


def setns(fd, kind):
    _check(_libc.setns(fd, kind), "setns")


def unshare(kinds):
    _check(_libc.unshare(kinds), "unshare")


def mount(source, target, fstype, flags):
    def enc(text):
        return None if text is None else text.encode()
    _check(_libc.mount(enc(source), enc(target), enc(fstype),
                       ctypes.c_ulong(flags), None), "mount %s" % target)


# --- Processes ------------------------------------------------------------

def proc_start(pid):
    """Returns the start time of `pid' in clock ticks since boot, or None if
    there is no such process or it is a zombie."""
    try:
        with open("/proc/%d/stat" % pid, "rb") as f:
            fields = f.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


class Proc:
    """A process known by pid and start time, so that a pid that was given
    to somebody else is never signalled."""

    def __init__(self, pid, start=None):
        self.pid = pid
        self.start = proc_start(pid) if start is None else start

    def alive(self):
        if self.start is None:
            return False
        with contextlib.suppress(ChildProcessError, OSError):
            os.waitpid(self.pid, os.WNOHANG)     # reap it, if it is ours
        return proc_start(self.pid) == self.start

    def kill(self, signo):
        if self.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signo)

    def wait_gone(self, timeout):
        return wait_until(lambda: not self.alive(), timeout)

    def __eq__(self, other):
        return (self.pid, self.start) == (other.pid, other.start)

    def __hash__(self):
        return hash((self.pid, self.start))


def wait_until(condition, timeout, step=0.005):
    """Polls `condition' until it is true or `timeout' seconds have passed;
    returns its last value."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value or time.monotonic() >= deadline:
            return value
        time.sleep(step)
        step = min(step * 1.5, 0.1)


def procs_where(test):
    """Returns a Proc for every process but this one for which `test(pid)'
    is true; processes that vanish meanwhile are left out."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        pid = int(entry)
        with contextlib.suppress(OSError):
            if test(pid):
                proc = Proc(pid)
                if proc.start is not None:
                    found.append(proc)
    return found


def procs_of_lab(lab_id):
    """The processes that carry `lab_id' in their environment."""
    mark = ("%s=%s" % (LAB_ENV, lab_id)).encode()

    def test(pid):
        with open("/proc/%d/environ" % pid, "rb") as f:
            return mark in f.read().split(b"\0")
    return procs_where(test)


def procs_in_netns(inodes):
    """The processes whose network namespace is one of `inodes'."""
    return procs_where(
        lambda pid: os.stat("/proc/%d/ns/net" % pid).st_ino in inodes)


def end_procs(procs, grace):
    """Ends `procs': SIGTERM, SIGKILL for those still there after `grace'
    seconds (0: SIGKILL at once).  Returns those that do not end at all."""
    if grace:
        for proc in procs:
            proc.kill(signal.SIGTERM)
        wait_until(lambda: not any(p.alive() for p in procs), grace)
    for proc in procs:
        proc.kill(signal.SIGKILL)
    wait_until(lambda: not any(p.alive() for p in procs), 10)
    return [p for p in procs if p.alive()]


# --- Namespaces -----------------------------------------------------------

class Space:
    """A network namespace, with a mount namespace of its own or without.

    `proc' is its holder.  With a mount namespace, the space sees the
    directory `run_dir' as its /run, so that lock files and control sockets
    are its own and can still be reached from outside by path."""

    def __init__(self, name, proc, netns, mounts, run_dir=None):
        self.name = name
        self.proc = proc
        self.netns = netns              # inode, known without the holder
        self.mounts = mounts
        self.run_dir = run_dir

    @staticmethod
    def create(name, env, title, run_dir=None, shared_dir=None):
        """Starts the holder of a new space and returns the space.  With
        `run_dir' the space gets a mount namespace, in which `shared_dir'
        (below /run) stays visible under its own path."""
        def setup():
            os.setsid()
            if run_dir is None:
                unshare(CLONE_NEWNET)
                return
            unshare(CLONE_NEWNET | CLONE_NEWNS)
            mount("none", "/", None, MS_REC | MS_PRIVATE)
            mount("sysfs", "/sys", "sysfs", 0)
            inner = run_dir + shared_dir[len("/run"):]
            mount(shared_dir, inner, None, MS_BIND)
            mount(run_dir, "/run", None, MS_BIND | MS_REC)

        if run_dir is not None:
            os.makedirs(run_dir + shared_dir[len("/run"):], exist_ok=True)
            os.makedirs(run_dir + "/lock", exist_ok=True)
        holder = subprocess.Popen(
            [title, "infinity"], executable="/bin/sleep", env=env,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, cwd="/", preexec_fn=setup)
        netns = os.stat("/proc/%d/ns/net" % holder.pid).st_ino
        return Space(name, Proc(holder.pid), netns, run_dir is not None,
                     run_dir)

    def to_json(self):
        return {"pid": self.proc.pid, "start": self.proc.start,
                "netns": self.netns, "mounts": self.mounts,
                "run_dir": self.run_dir}

    @staticmethod
    def from_json(name, data):
        return Space(name, Proc(data["pid"], data["start"]), data["netns"],
                     data["mounts"], data["run_dir"])

    def net_path(self):
        return "/proc/%d/ns/net" % self.proc.pid

    def prefix(self):
        """The words that make a command run inside this space."""
        if not self.proc.alive():
            raise LabError("%s: its namespace is gone" % self.name)
        words = ["nsenter", "--target", str(self.proc.pid), "--net"]
        return words + (["--mount"] if self.mounts else []) + ["--"]

    @contextlib.contextmanager
    def entered(self):
        """Runs the body with this thread in the network namespace; a socket
        that is made there stays there.  No mount namespace: paths keep
        their meaning."""
        if not self.proc.alive():
            raise LabError("%s: its namespace is gone" % self.name)
        with open("/proc/thread-self/ns/net", "rb") as old, \
                open(self.net_path(), "rb") as new:
            setns(new.fileno(), CLONE_NEWNET)
            try:
                yield
            finally:
                setns(old.fileno(), CLONE_NEWNET)

    def popen(self, argv, **kwargs):
        return subprocess.Popen(self.prefix() + list(argv), **kwargs)

    def run(self, argv, check=True, text=None, timeout=60, env=None):
        """Runs `argv' in the space; returns its standard output."""
        result = subprocess.run(
            self.prefix() + list(argv), input=text, timeout=timeout,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            universal_newlines=True, env=env)
        if check and result.returncode:
            raise LabError("%s: %s: exit status %d: %s" % (
                self.name, " ".join(argv), result.returncode,
                (result.stderr.strip() or result.stdout.strip())))
        return result.stdout

    def ip(self, lines, force=False):
        """Runs the given ip(8) commands in one process."""
        argv = ["ip"] + (["-force"] if force else []) + ["-batch", "-"]
        return self.run(argv, check=not force, text="\n".join(lines) + "\n")

    def sysctl(self, settings):
        """Writes net.* settings of this namespace, {"path": value}."""
        with self.entered():
            for path, value in settings.items():
                with open("/proc/sys/net/" + path, "w") as f:
                    f.write(str(value))

    def no_offload(self, devices):
        """Makes the kernel finish checksums and segments before a frame
        enters one of `devices': Open vSwitch's userspace datapath takes a
        frame as it is and would pass unfinished ones on as garbage."""
        with self.entered(), \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            for device in devices:
                for command in _ETHTOOL_OFF:
                    _ethtool_set(s, device, command, 0)


# ETHTOOL_STXCSUM, _STSO, _SGSO, _SGRO, _SSG
_ETHTOOL_OFF = (0x17, 0x1f, 0x24, 0x2c, 0x19)
_SIOCETHTOOL = 0x8946


def _ethtool_set(sock, device, command, value):
    arg = bytearray(struct.pack("=II", command, value))
    buf = (ctypes.c_char * len(arg)).from_buffer(arg)
    ifreq = struct.pack("16sP16x", device.encode(), ctypes.addressof(buf))
    try:
        fcntl.ioctl(sock, _SIOCETHTOOL, ifreq)
    except OSError as e:
        if e.errno != errno.EOPNOTSUPP:
            raise LabError("%s: cannot switch offload off: %s" % (device, e))
