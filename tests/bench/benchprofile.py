# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""Where a process spends its time: its system calls with strace, samples of
its call chains with perf."""

import collections
import contextlib
import os
import re
import shutil
import signal
import subprocess
import time

# Samples a second and CPU.  Of all CPUs: a sampling timer of the process's
# own would have to be set up and put away at each switch, which doubles what
# a short wake-up costs.
SAMPLE_HZ = 8000
ATTACH_TIMEOUT = 10


class NotPossible(Exception):
    """This machine has no such tool, or does not let us use it."""


def _threads(pid):
    names = {}
    for tid in os.listdir("/proc/%d/task" % pid):
        with contextlib.suppress(OSError), \
                open("/proc/%d/task/%s/comm" % (pid, tid)) as f:
            names[int(tid)] = f.read().strip()
    return names


@contextlib.contextmanager
def _attached(argv, ready):
    """Runs the body while `argv' looks on; begins when `ready' is true."""
    if not shutil.which(argv[0]):
        raise NotPossible("%s is not installed" % argv[0])
    child = subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE,
                             universal_newlines=True)
    try:
        deadline = time.monotonic() + ATTACH_TIMEOUT
        while not ready():
            if child.poll() is not None or time.monotonic() > deadline:
                child.kill()
                raise NotPossible("%s: %s" % (
                    argv[0], child.communicate()[1].strip()))
            time.sleep(0.02)
        yield
    finally:
        if child.poll() is None:
            child.send_signal(signal.SIGINT)
        child.communicate()


def tracing(pid, where):
    """strace of all threads, into the file `where'."""
    def ready():
        with contextlib.suppress(OSError):
            for tid in _threads(pid):
                with open("/proc/%d/task/%d/status" % (pid, tid)) as f:
                    if "TracerPid:\t0\n" in f.read():
                        return False
            return True
        return False
    return _attached(["strace", "-f", "-qq", "-o", where, "-p", str(pid)],
                     ready)


def syscalls(where, pid):
    """The calls in strace's file: {thread name: {call: count}}."""
    names = _threads(pid)
    counts = collections.defaultdict(collections.Counter)
    with open(where, errors="replace") as f:
        for line in f:
            # A call that another thread interrupts has a second line
            # ("<... poll resumed>"), which does not match.
            match = re.match(r"(\d+) +(\w+)\(", line)
            if match:
                name = names.get(int(match.group(1)), "ended")
                counts[name][match.group(2)] += 1
    return {name: dict(counter) for name, counter in counts.items()}


def sampling(where):
    """perf record of all CPUs, into the file `where'."""
    return _attached(["perf", "record", "-q", "-a", "-m", "1024", "-e",
                      "cpu-clock", "-F", str(SAMPLE_HZ), "-g", "-o", where],
                     lambda: os.path.exists(where)
                     and os.path.getsize(where) > 0)


# What part of a kernel path a sample is in: the first match from the inside
# out.  Everything that is left is named by its system call alone.
_PARTS = [
    ("sleep, wake up, switch",
     r"^(schedule|__schedule|schedule_hrtimeout_range.*|try_to_wake_up"
     r"|wake_up_q|default_wake_function|__wake_up\w*|pollwake|futex_wake"
     r"|finish_task_switch.*|eventfd_write|\w*sysvec_reschedule_ipi)$"),
    ("ipset", r"^(ip_set_\w+|hash_ip\w+|call_ad.*)$"),
    ("netlink", r"^(nfnetlink_\w+|netlink_\w+)$"),
    ("TCP", r"^(tcp_\w+|__tcp_\w+|inet_\w+|sock_\w+send\w*)$"),
]
_PARTS = [(name, re.compile(pattern)) for name, pattern in _PARTS]


def _classify(frames):
    """Returns (system call or None, part) of a chain, innermost first.
    A frame is (symbol, object)."""
    if not frames or "kernel" not in frames[0][1]:
        return None, os.path.basename(frames[0][1]) if frames else "?"
    call = "entry, exit, interrupt"
    for symbol, where in frames:
        match = re.match(r"(?:__(?:x64|arm64)_sys|ksys|__sys)_(\w+)$",
                         symbol)
        if match:
            call = match.group(1)
            break
    for symbol, where in frames:
        for name, pattern in _PARTS:
            if pattern.match(symbol):
                return call, name
    return call, "other"


def samples(where, pid):
    """Counts of perf's samples: by thread, call and part; by symbol."""
    script = subprocess.run(
        ["perf", "script", "-i", where, "--pid", str(pid),
         "-F", "comm,tid,ip,sym,dso"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        universal_newlines=True, errors="replace").stdout
    places, symbols, total = (collections.Counter(), collections.Counter(),
                              0)
    for block in script.split("\n\n"):
        lines = block.strip("\n").split("\n")
        if not lines[0].strip():
            continue
        thread = re.sub(r"\s+\d+\s*$", "", lines[0]).strip()
        frames = []
        for line in lines[1:]:
            match = re.match(r"\s*[0-9a-f]+ (.*) \((.*)\)$", line)
            if match:
                frames.append((match.group(1).strip(), match.group(2)))
        call, part = _classify(frames)
        places[thread, call or "user", part] += 1
        if frames:
            symbols[thread, frames[0][0],
                    os.path.basename(frames[0][1])] += 1
        total += 1
    return {"samples": total,
            "places": [list(key) + [n] for key, n in places.most_common()],
            "symbols": [list(key) + [n]
                        for key, n in symbols.most_common(40)]}
