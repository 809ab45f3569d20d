# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""Where measurements of the agent take place: a broker that stays, hosts with
plugged instances, a controller that measures."""

import contextlib
import json
import os
import subprocess
import time

import labcore
import labnet
from labnet import LabError

# First word of the port ids, as in synthetic.c.
PORT_WORD = 0x10000000

HOST_ADDRESS = "10.255.0.%d"
MAX_HOSTS = 200


def cpu_pressure():
    """Microseconds in which some task had to wait for a CPU."""
    try:
        with open("/proc/pressure/cpu") as f:
            return int(f.readline().rpartition("total=")[2])
    except OSError:
        return None                     # Kernel without CONFIG_PSI.


class Controller:
    """bench-controller, one command at a time."""

    def __init__(self, lab, host, arguments):
        argv = [os.path.join(lab.build, "tests", "bench-controller"),
                "--broker", "%s:%d" % (labcore.CTL_ADDRESS,
                                       labcore.AMQP_PORT),
                "--user", labcore.BROKER_USER,
                "--password", labcore.BROKER_PASSWORD] + arguments
        self.log = lab.path(host, "log", "bench-controller.log")
        with open(self.log, "a") as err:
            self.child = lab.space(host).popen(
                argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=err, cwd="/", env=lab.env(), universal_newlines=True)

    def send(self, *words):
        with contextlib.suppress(BrokenPipeError):
            self.child.stdin.write(" ".join(str(w) for w in words) + "\n")
            self.child.stdin.flush()

    def answer(self):
        line = self.child.stdout.readline()
        if not line:
            self.child.wait()
            with open(self.log, errors="replace") as f:
                raise LabError("bench-controller ended: %s"
                               % (f.read()[-2000:].strip() or "no reason"))
        return json.loads(line)

    def ask(self, *words):
        """Adds to the answer how much of the time some task, of whatever
        program, waited for a CPU."""
        pressure, start = cpu_pressure(), time.monotonic()
        self.send(*words)
        line = self.answer()
        if pressure is not None:
            waited = (cpu_pressure() - pressure) / 1e6
            line["pressure"] = waited / (time.monotonic() - start)
        return line

    def close(self):
        with contextlib.suppress(BrokenPipeError):
            self.child.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.child.wait(10)


class BenchLab(labcore.Lab):
    """A broker that stays and one host after the other."""

    def __init__(self, name, build):
        super().__init__(name)
        self.build = build
        self.n_hosts = 0

    def _up(self, agents, controller, plug):
        self._make_space("ctl", mounts=True)
        self.spaces["ctl"].ip(
            ["addr add %s/32 dev lo" % labcore.CTL_ADDRESS])
        self._start_broker()
        self.wait_broker()

    @contextlib.contextmanager
    def host(self, ports):
        """A host with `ports' plugged instances; gone afterwards."""
        self.n_hosts = self.n_hosts % MAX_HOSTS + 1
        host = "b%d" % self.n_hosts
        space = self._make_space(host, mounts=True)
        self._connect(host, HOST_ADDRESS % (10 + self.n_hosts))
        space.sysctl({"ipv6/conf/all/disable_ipv6": 1,
                      "ipv6/conf/default/disable_ipv6": 1,
                      "bridge/bridge-nf-call-iptables": 1,
                      "bridge/bridge-nf-call-ip6tables": 1})
        self._start_ovsdb(host)
        self._plug_ports(host, ports)
        try:
            yield host
        finally:
            if "agent@" + host in self.procs:
                with contextlib.suppress(LabError):
                    self.stop("agent@" + host)
            labnet.end_procs(labnet.procs_in_netns({space.netns}), 2)
            self.procs = {role: proc for role, proc in self.procs.items()
                          if not role.endswith("@" + host)}
            del self.spaces[host]
            self._save()

    def _connect(self, host, address):
        """A link of its own to the broker, so that a host that is still
        being taken down disturbs nobody."""
        self.spaces["ctl"].ip([
            "link add %s type veth peer name mgmt0 netns %d"
            % (host, self.spaces[host].proc.pid),
            "addr add %s peer %s/32 dev %s" % (labcore.CTL_ADDRESS, address,
                                               host),
            "link set %s up" % host])
        self.spaces[host].ip([
            "addr add %s peer %s/32 dev mgmt0" % (address,
                                                  labcore.CTL_ADDRESS),
            "link set mgmt0 up"])

    def _plug_ports(self, host, ports):
        """The hybrid plug without instances: nobody sends a packet, so there
        is nothing behind the tap and no switch behind the database."""
        ids = ["%08x-0000-4000-8000-000000000000" % (PORT_WORD + i)
               for i in range(ports)]
        lines, words = [], ["--no-wait", "--", "add-br", "br-int"]
        for port in ids:
            tap, qbr, qvb, qvo = (kind + port[:11]
                                  for kind in ("tap", "qbr", "qvb", "qvo"))
            lines += ["link add %s type bridge stp_state 0 forward_delay 0 "
                      "mcast_snooping 0" % qbr,
                      "link add %s master %s type veth peer name %s"
                      % (qvb, qbr, qvo),
                      "link add %s master %s type veth peer name vm%s"
                      % (tap, qbr, port[:11])]
            words += ["--", "add-port", "br-int", qvo,
                      "--", "set", "Interface", qvo,
                      "external_ids:iface-id=" + port]
        self.spaces[host].ip(lines)
        sock = self.path(host, "run", "openvswitch", "db.sock")
        self.wait_for("ovsdb@" + host, lambda: os.path.exists(sock),
                      "database socket")
        self.vsctl(host, words)
