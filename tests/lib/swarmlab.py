# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""A broker, a controller and many simulated hosts, for tests and figures.

The caller runs beside the broker (tests/lib/with-broker), in the namespace of
which everything stays; what is started here ends with `close'."""

import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.realpath(__file__))))
BUILD = os.path.join(TOP, os.environ.get("BUILD", "build"))
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True)


class SwarmError(Exception):
    pass


def _die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Unixctl:
    """A connection to a control socket."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(60)
        self.sock.connect(path)
        self.rest = ""
        self.n = 0

    def close(self):
        self.sock.close()

    def call(self, method, *params):
        """The result, a document."""
        self.n += 1
        self.sock.sendall(json.dumps({"id": self.n, "method": method,
                                      "params": params}).encode())
        decoder = json.JSONDecoder()
        while True:
            try:
                reply, end = decoder.raw_decode(self.rest)
                break
            except ValueError:
                data = self.sock.recv(1 << 20)
                if not data:
                    raise SwarmError("the control connection was closed")
                self.rest += data.decode()
        self.rest = self.rest[end:].lstrip()
        if reply.get("error"):
            raise SwarmError("%s: %s" % (method, reply["error"].strip()))
        return json.loads(reply["result"])


class Cpu:
    """CPU time of processes, ns, from their scheduler statistics."""

    @staticmethod
    def of(pids):
        total = 0
        for pid in pids:
            try:
                for task in os.listdir("/proc/%d/task" % pid):
                    with open("/proc/%d/task/%s/schedstat" % (pid, task)) \
                            as f:
                        total += int(f.read().split()[0])
            except (FileNotFoundError, ProcessLookupError):
                pass            # A process or thread that ended meanwhile.
        return total


def children():
    """Every process's children, by pid."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name) as f:
                    parent = int(f.read().rpartition(")")[2].split()[1])
                found.setdefault(parent, []).append(int(name))
            except (FileNotFoundError, ProcessLookupError):
                pass
    return found


def process_status(pid):
    """RSS (kB), threads and descriptors of a process."""
    with open("/proc/%d/status" % pid) as f:
        status = dict(line.split(":", 1) for line in f)
    return {"rss_kb": int(status["VmRSS"].split()[0]),
            "threads": int(status["Threads"]),
            "descriptors": len(os.listdir("/proc/%d/fd" % pid))}


class SwarmLab:
    def __init__(self, topology):
        self.topology = topology
        self.dir = tempfile.mkdtemp(prefix="sg-swarm-")
        self.procs = {}                 # "controller", "swarm" -> Popen
        self.controls = {}              # The same -> Unixctl
        for name in ("state", "run", "log"):
            os.mkdir(self.path(name))
        self._write("password", os.environ["SG_TEST_BROKER_PASSWORD"], 0o600)
        self._write("agent.yaml",
                    "broker:\n  hosts: [\"%s\"]\n  user: %s\n"
                    "  password_file: %s\n"
                    % (os.environ["SG_TEST_BROKER"],
                       os.environ["SG_TEST_BROKER_USER"],
                       self.path("password")))
        self.write_topology()

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def _write(self, name, text, mode=0o644):
        new = self.path(name + ".new")
        with open(new, "w") as f:
            os.fchmod(f.fileno(), mode)
            f.write(text)
        os.rename(new, self.path(name))

    def write_topology(self):
        self._write("topology.yaml", self.topology.text())

    def close(self):
        for control in self.controls.values():
            control.close()
        for proc in self.procs.values():
            if proc.poll() is None:
                proc.kill()
            proc.wait()
        shutil.rmtree(self.dir)

    # --- Processes --------------------------------------------------------

    def _spawn(self, role, argv, socket_path):
        with open(self.path("log", role), "a") as log:
            self.procs[role] = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd="/", preexec_fn=_die_with_parent)
        end = time.monotonic() + 30
        while True:
            try:
                self.controls[role] = Unixctl(socket_path)
                return
            except OSError:
                if (self.procs[role].poll() is not None
                        or time.monotonic() > end):
                    raise SwarmError("%s does not start:\n%s"
                                     % (role, self.log_tail(role)))
                time.sleep(0.005)

    def log_tail(self, role):
        with open(self.path("log", role), errors="replace") as f:
            return "".join(f.readlines()[-15:])

    def start_controller(self):
        socket_path = self.path("run", "controller.ctl")
        self._spawn("controller", [
            os.path.join(BUILD, "sg-controller"),
            "--topology=" + self.path("topology.yaml"), "--no-watch",
            "--broker=" + os.environ["SG_TEST_BROKER"],
            "--broker-user=" + os.environ["SG_TEST_BROKER_USER"],
            "--password-file=" + self.path("password"),
            "--state-dir=" + self.path("state"),
            "--run-dir=" + self.path("run"), "--ctl=" + socket_path,
            "-vconsole:warn", "-vsyslog:off"], socket_path)

    def start_swarm(self):
        socket_path = self.path("run", "swarm.ctl")
        self._spawn("swarm", [
            os.path.join(BUILD, "sg-swarm"),
            "--config=" + self.path("agent.yaml"),
            "--topology=" + self.path("topology.yaml"),
            "--ctl=" + socket_path, "-vconsole:err", "-vsyslog:off"],
            socket_path)

    def kill(self, role):
        self.controls.pop(role).close()
        proc = self.procs.pop(role)
        if proc.poll() is not None:
            raise SwarmError("%s has ended:\n%s"
                             % (role, self.log_tail(role)))
        proc.kill()
        proc.wait()

    def call(self, role, *words):
        return self.controls[role].call(*words)

    def broker(self, *words):
        """A command to with-broker."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.connect(os.environ["SG_TEST_BROKER_CTL"])
            sock.sendall(" ".join(words).encode())
            answer = b""
            while True:
                data = sock.recv(65536)
                if not data:
                    break
                answer += data
        if not answer.startswith(b"ok\n"):
            raise SwarmError("broker %s: %s"
                             % (" ".join(words), answer.decode()))
        return answer[3:].decode()

    def broker_pids(self):
        """The Erlang machine and its helpers: all that with-broker, our
        parent, started besides us."""
        tree = children()
        found = []
        todo = [p for p in tree.get(os.getppid(), []) if p != os.getpid()]
        while todo:
            pid = todo.pop()
            found.append(pid)
            todo += tree.get(pid, [])
        return found

    def broker_pid(self):
        """The Erlang machine."""
        for pid in self.broker_pids():
            with open("/proc/%d/comm" % pid) as f:
                if f.read().strip() == "beam.smp":
                    return pid
        raise SwarmError("the broker does not run")

    # --- Looking ----------------------------------------------------------

    def cpu(self):
        """ns of CPU by role, so far."""
        found = {role: Cpu.of([proc.pid])
                 for role, proc in self.procs.items()}
        found["broker"] = Cpu.of(self.broker_pids())
        return found

    def status(self):
        return self.call("swarm", "status")

    def hosts(self):
        return self.call("swarm", "hosts")["hosts"]

    def epoch(self):
        return self.call("controller", "status")["epoch"]

    def wait_settled(self, since=None, timeout=120):
        """Waits until every host is in sync with the controller that runs
        now, and was not before `since' (ms, monotonic).  Returns what the
        hosts say."""
        epoch = self.epoch()
        end = time.monotonic() + timeout
        while True:
            status = self.status()
            if status["settled"] == status["hosts"]:
                hosts = self.hosts()
                if all(h["epoch"] == epoch and h["settled"]
                       and (since is None or h["settled"] >= since)
                       for h in hosts):
                    return hosts
            if time.monotonic() > end:
                raise SwarmError("not all hosts are in sync after %d s: %s"
                                 % (timeout, status))
            time.sleep(0.05)

    def reload(self):
        # The file says what is meant, however much it takes away.
        return self.call("controller", "reload", "--force")

    def change(self, change):
        """Makes one change of membership; returns the group and the
        controller's answer."""
        group = self.topology.apply(change)
        self.write_topology()
        return group, self.reload()
