#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""Topologies for sg-swarm: many hosts, many groups, by a seed.

usage: tests/lib/swarmtopology.py [--hosts N] [--groups N] [--seed N]
                                  [--default-group] > topology.yaml

Group k of G has 1/k of the members of the largest (Zipf's law, exponent 1), at
least one; the largest and every other group is on at most SHARE of the hosts,
and within that as widely spread as its members allow.  With --default-group
all ports are in one group instead.  Each group has the rules of a default
group: egress to anybody, ingress from itself, in both families.

Changes of membership are ports without a host: their addresses join a group
or leave it, and nothing else changes.
"""

import argparse
import hashlib
import random
import sys
import uuid

import yaml

PORTS_PER_HOST = 20
SHARE = 0.3                     # Of the hosts, for the largest group.
# Members of the largest group, as a part of all ports: then the sizes add up
# to about one membership per port.
LARGEST = 0.1


class PlainDumper(yaml.CSafeDumper):
    """Writes a list that occurs twice twice: readers may refuse aliases."""

    def ignore_aliases(self, data):
        return True


def dump(value):
    return yaml.dump(value, Dumper=PlainDumper, sort_keys=False)


def make_id(kind, i):
    """Ids begin with different digits: devices are named after these."""
    return str(uuid.UUID(int=i << 96 | kind << 80 | 0x4000 << 64
                         | 0x8000 << 48 | i))


def set_name(group, family):
    """The names of the set of `group' for family 4 or 6, in both slots."""
    return ["sg1-m%d%s-%s-%s" % (
        family, slot, group[:8],
        hashlib.sha1(group.encode()).hexdigest()[:12]) for slot in "ab"]


class Port:
    def __init__(self, i, host):
        self.host = host
        self.id = make_id(2, i)
        self.address = "10.%d.%d.%d" % (i >> 16 & 255, i >> 8 & 255, i & 255)
        self.mac = "fa:16:%02x:%02x:%02x:%02x" % (
            i >> 24 & 255, i >> 16 & 255, i >> 8 & 255, i & 255)
        self.groups = []

    def to_dict(self):
        port = {"id": self.id}
        if self.host:
            port["host"] = self.host
        port.update(mac_address=self.mac, fixed_ips=[self.address],
                    security_groups=list(self.groups))
        return port


class Topology:
    """`extra' are the ports without a host: (group, port), by key."""

    def __init__(self, n_hosts, n_groups, seed, ports_per_host=PORTS_PER_HOST,
                 default_group=False):
        self.random = random.Random(seed)
        self.hosts = ["host-%03d" % (i + 1) for i in range(n_hosts)]
        self.ports = [Port(i + 1, host)
                      for i, host in enumerate(
                          h for h in self.hosts
                          for _ in range(ports_per_host))]
        if default_group:
            self.groups = [make_id(1, 1)]
            for port in self.ports:
                port.groups = list(self.groups)
        else:
            self.groups = [make_id(1, k + 1) for k in range(n_groups)]
            self._spread(ports_per_host)
        self.extra = {}
        self.n_made = len(self.ports)
        self.n_keys = 0
        self._fixed = None

    def _spread(self, ports_per_host):
        n_hosts = len(self.hosts)
        largest = LARGEST * len(self.ports)
        widest = max(1, round(SHARE * n_hosts))
        of_host = [self.ports[i * ports_per_host:(i + 1) * ports_per_host]
                   for i in range(n_hosts)]
        used = [0] * n_hosts
        for k, group in enumerate(self.groups):
            size = max(1, round(largest / (k + 1)))
            # The hosts with the fewest memberships so far, by lot among
            # equals: no host gets all the large groups.
            order = sorted(range(n_hosts),
                           key=lambda h: (used[h], self.random.random()))
            chosen = order[:min(size, widest)]
            for i in range(size):
                host = chosen[i % len(chosen)]
                free = [p for p in of_host[host] if group not in p.groups]
                if not free:
                    raise ValueError("too few ports for group %d" % (k + 1))
                port = min(free, key=lambda p: (len(p.groups),
                                                self.random.random()))
                port.groups.append(group)
                used[host] += 1

    # --- What follows from it ---------------------------------------------

    def members(self):
        """Addresses by group."""
        found = {group: set() for group in self.groups}
        for port in self.ports:
            for group in port.groups:
                found[group].add(port.address)
        for group, port in self.extra.values():
            found[group].add(port.address)
        return found

    def groups_of_hosts(self):
        found = {host: set() for host in self.hosts}
        for port in self.ports:
            found[port.host] |= set(port.groups)
        return found

    def expected_sets(self, host):
        """What the sets of this host must hold: addresses by group and
        family.  Every group is its own remote in both families."""
        members = self.members()
        return {(group, family): members[group] if family == 4 else set()
                for group in self.groups_of_hosts()[host]
                for family in (4, 6)}

    def hosts_of_groups(self):
        found = {group: 0 for group in self.groups}
        for groups in self.groups_of_hosts().values():
            for group in groups:
                found[group] += 1
        return found

    def facts(self):
        sizes = [len(m) for m in self.members().values()]
        spread = self.hosts_of_groups()
        largest = max(self.groups, key=lambda g: spread[g])
        return {"hosts": len(self.hosts), "ports": len(self.ports),
                "groups": len(self.groups), "memberships": sum(sizes),
                "largest_members": max(sizes),
                "largest_hosts": spread[largest],
                "host_groups": sum(spread.values()),
                # Of a change drawn by the sizes of the groups.
                "hosts_per_change": sum(
                    len(m) * spread[g] for g, m in self.members().items())
                / float(sum(sizes))}

    # --- Changes ----------------------------------------------------------

    def changes(self, n, seed, pool=20):
        """`n' changes, each a group: its next join or leave.  Joins are drawn
        by the sizes of the groups; leaves from those that joined, once there
        are `pool' of them."""
        rng = random.Random(seed)
        sizes = [len(m) for m in self.members().values()]
        joined = []
        for i in range(n):
            if len(joined) >= pool or (joined and i % 2):
                yield "leave", joined.pop(rng.randrange(len(joined)))
            else:
                self.n_keys += 1
                key = self.n_keys
                joined.append(key)
                yield "join", (key, rng.choices(self.groups, sizes)[0])

    def apply(self, change):
        """Makes one change; returns the group."""
        op, what = change
        if op == "join":
            key, group = what
            self.n_made += 1
            port = Port(self.n_made, None)
            port.groups = [group]
            self.extra[key] = (group, port)
            return group
        return self.extra.pop(what)[0]

    # --- As a file --------------------------------------------------------

    def text(self):
        """The groups and the ports of the hosts are put into words once."""
        if self._fixed is None:
            both = ("IPv4", "IPv6")
            groups = [{"id": group, "rules": [
                {"id": make_id(3, 4 * (k + 1) + i), "direction": "egress",
                 "ethertype": t} for i, t in enumerate(both)] + [
                {"id": make_id(3, 4 * (k + 1) + 2 + i),
                 "direction": "ingress", "ethertype": t,
                 "remote_group_id": group} for i, t in enumerate(both)]}
                for k, group in enumerate(self.groups)]
            self._fixed = dump({"groups": groups,
                                "ports": [p.to_dict() for p in self.ports]})
        tail = [port.to_dict() for _, port in self.extra.values()]
        return self._fixed + (dump(tail) if tail else "")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--hosts", type=int, default=100)
    parser.add_argument("--groups", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--default-group", action="store_true")
    options = parser.parse_args()
    topology = Topology(options.hosts, options.groups, options.seed,
                        default_group=options.default_group)
    sys.stdout.write(topology.text())
    print(topology.facts(), file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
