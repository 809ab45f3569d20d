# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""A group that grows under traffic: its members come from ports on no host of
the lab, in changes of any size, through the controller and the broker.

The topology is written whole once, with its ports at the end; what comes is
appended, because a library's writer is slow with many addresses."""

import ipaddress
import json
import os

import yaml

import labcore
import lablib

PER_PORT = 256                  # Addresses of a port: the limit.
FIRST = {4: ipaddress.ip_address("10.128.0.1"),
         6: ipaddress.ip_address("fd77:0:0:1::1")}
GROUP = "app"

# Both hosts name sets of app; flows from its members stand on them.
FLOWS = [
    ("stays4", "app1", "app2", 7003, 4, True),
    ("stays6", "app2", "db1", 5433, 6, True),
    ("back4", "app2", "app1", 7005, 4, True),
    ("never4", "web1", "app2", 7004, 4, False),
    ("never6", "bare1", "db1", 5433, 6, False),
]


class Growth:
    """The members of app beyond those of the lab."""

    def __init__(self, lab, families=(4, 6)):
        self.lab = lab
        self.families = families
        self.ports = 0
        self.members = 0            # Of each family, beyond the lab's own.
        topology = lab.topology()
        self.group = lab.group(topology, GROUP)["id"]
        ports = topology.pop("ports")
        topology["ports"] = ports
        self.base = yaml.dump(topology, Dumper=labcore.PlainDumper,
                              sort_keys=False)
        self.more = []

    def _port(self, addresses):
        self.ports += 1
        return {"id": "e15e0000-0000-4000-8000-00000001%04x" % self.ports,
                "mac_address": "fa:16:3e:ee:%02x:%02x"
                               % divmod(self.ports, 256),
                "fixed_ips": [str(a) for a in addresses],
                "security_groups": [self.group]}

    def _publish(self):
        new = self.lab.topology_path + ".new"
        with open(new, "w") as f:
            f.write(self.base)
            for port in self.more:
                f.write("- %s\n" % json.dumps(port))
        os.rename(new, self.lab.topology_path)
        for changed in self.lab.reload()["changed"]:
            if (changed["kind"], changed["id"]) == ("members", self.group):
                self._wait_applied(changed["revision"])

    def _wait_applied(self, revision):
        """Does not wait until the agents are in sync: so many ports change
        that the beacon lists them no more, and they ask some time later."""
        def applied(host):
            status = self.lab.agent(host, "sg/status")
            held = self.lab.held(host)
            return (held["members", self.group] >= revision
                    and status["applied"] >= status["generation"])
        for host in labcore.HOSTS:
            lablib.wait_for(lambda h=host: applied(h), 30,
                            "members at revision %d on %s" % (revision, host))

    def add(self, count):
        """`count' more members of each family, as one change; returns when
        they are in all kernels."""
        per_port = PER_PORT // len(self.families)
        for first in range(self.members, self.members + count, per_port):
            last = min(first + per_port, self.members + count)
            self.more.append(self._port(
                FIRST[family] + i for family in self.families
                for i in range(first, last)))
        self.members += count
        self._publish()

    def add_addresses(self, addresses):
        """Makes the addresses members."""
        self.more.append(self._port(addresses))
        self._publish()

    def sets(self, host):
        """What sgctl says of the sets of app's members, by family."""
        return {4 if s["family"] == "IPv4" else 6: s
                for s in self.lab.agent(host, "sg/sets")["sets"]
                if s["group"] == self.group and s["type"] == "hash:ip"}


def start(prober):
    """Makes the flows and starts them; from now on they are judged."""
    for name, src, dst, port, family, _ in FLOWS:
        prober.flow(name, src, dst, port, family)
    prober.start()
    for name, _, _, _, _, allowed in FLOWS:
        prober.expect("allowed" if allowed else "denied", name)


def counters(lab, host):
    """The counters of the agent on `host', by name."""
    found = {}
    for line in lab.sgctl(host, "metrics")[1].splitlines():
        if not line.startswith("#") and "{" not in line:
            name, value = line.split()
            found[name] = float(value)
    return found


def show(result):
    """The account of every flow, as comments of a test."""
    for flow in result["flows"]:
        print("# %(id)-7s sent %(sent)6d  allowed %(allowed)6d lost "
              "%(lost)3d  denied %(denied)6d leaked %(leaked)3d" % flow)
