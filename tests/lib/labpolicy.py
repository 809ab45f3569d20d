# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""What etc/lab-topology.yaml means, flow by flow.

The expectations were found by reading the policy, by hand, and not with any
program: this is the side of the comparison that must not share a mistake with
the other.  Change both files together."""

import collections

from lablib import Flow

Expected = collections.namedtuple("Expected", "flow allowed why")

STRANGER_MAC = "fa:16:3e:99:99:99"


def _allowed(why, *flow, **more):
    return Expected(Flow(*flow, **more), True, why)


def _denied(why, *flow, **more):
    return Expected(Flow(*flow, **more), False, why)


FLOWS = [
    # web: TCP 80 to 90 and 443 from everywhere.
    _allowed("port in range", "client1", "web1", "tcp", 80, 4),
    _allowed("end of range", "client1", "web2", "tcp", 90, 4),
    _denied("past the range", "client1", "web2", "tcp", 91, 4),
    _allowed("port in range", "client1", "web2", "tcp", 85, 6),
    _allowed("start of range", "bare1", "web1", "tcp", 80, 6),
    _denied("before the range", "client1", "web1", "tcp", 79, 6),
    _allowed("prefix 0.0.0.0/0", "client1", "web2", "tcp", 443, 4),
    _allowed("prefix ::/0", "client1", "web1", "tcp", 443, 6),
    _denied("no rule", "client1", "web2", "tcp", 22, 4),
    _denied("no rule", "bare1", "web2", "tcp", 22, 6),
    _denied("rule is for TCP", "bare1", "web2", "udp", 80, 4),
    _denied("no such protocol", "bare1", "web1", 132, 0, 4),

    # web: UDP 5000 to 5010 from a prefix.
    _allowed("in prefix", "app1", "web1", "udp", 5000, 4),
    _allowed("in prefix", "app2", "web1", "udp", 5010, 6),
    _allowed("in prefix", "app1", "web2", "udp", 5005, 6),
    _denied("past the range", "app1", "web2", "udp", 5011, 4),
    _denied("not in prefix", "bare1", "web2", "udp", 5005, 4),
    _denied("not in prefix", "bare1", "web1", "udp", 5005, 6),
    _denied("not in prefix", "web1", "web2", "udp", 5005, 6),

    # app: everything from members of the group.
    _allowed("remote group", "app1", "app2", "tcp", 2222, 4),
    _allowed("remote group", "app2", "app1", "tcp", 2222, 6),
    _allowed("remote group", "app1", "app2", "udp", 7777, 6),
    _allowed("remote group", "app2", "app1", "udp", 7777, 4),
    _allowed("remote group", "app1", "app2", "icmp", 0, 4),
    _allowed("remote group", "app2", "app1", "icmp", 0, 6),
    _allowed("remote group", "app1", "app2", 132, 0, 4),
    _denied("not a member", "web1", "app1", "tcp", 2222, 4),
    _denied("not a member", "web1", "app2", "udp", 7777, 4),
    _denied("not a member", "web2", "app1", "udp", 7777, 6),
    _denied("not a member", "bare1", "app1", "icmp", 0, 6),

    # db: one TCP and one UDP port from members of app; no egress at all.
    _allowed("remote group", "app1", "db1", "tcp", 5432, 4),
    _allowed("remote group", "app2", "db1", "tcp", 5432, 6),
    _allowed("remote group", "app2", "db1", "udp", 5433, 4),
    _allowed("remote group", "app1", "db1", "udp", 5433, 6),
    _denied("no such port", "app1", "db1", "udp", 5434, 4),
    _denied("rule is for TCP", "app2", "db1", "udp", 5432, 6),
    _denied("not a member", "web1", "db1", "tcp", 5432, 4),
    _denied("not a member", "web2", "db1", "tcp", 5432, 6),
    _denied("not a member", "web2", "db1", "udp", 5433, 4),
    _denied("not a member", "client1", "db1", "icmp", 0, 4),
    _denied("no egress rule", "db1", "web1", "tcp", 80, 4),
    _denied("no egress rule", "db1", "web2", "tcp", 80, 6),
    _denied("no egress rule", "db1", "bare1", "udp", 9999, 6),

    # client: egress of TCP and ICMP only; no ingress.
    _allowed("echo request", "client1", "web2", "icmp", 0, 4),
    _allowed("echo request", "client1", "web1", "icmp", 0, 6),
    _allowed("egress of TCP", "client1", "bare1", "tcp", 9999, 4),
    _denied("no egress of UDP", "client1", "bare1", "udp", 9999, 4),
    _denied("no egress of UDP", "client1", "bare1", "udp", 9999, 6),
    _denied("no ingress rule", "web2", "client1", "tcp", 80, 4),
    _denied("no ingress rule", "bare1", "client1", "tcp", 80, 6),

    # ICMP by type, web has echo requests only.
    _allowed("echo request", "bare1", "web2", "icmp", 0, 6),
    _denied("timestamp request", "bare1", "web1", "icmp", 0, 4, icmp_type=13),
    _denied("no such type", "bare1", "web2", "icmp", 0, 6, icmp_type=139),

    # lone2 has no group, bare1 no port security.
    _denied("no group", "bare1", "lone2", "tcp", 80, 4),
    _denied("no group", "bare1", "lone2", "icmp", 0, 6),
    _denied("no group", "lone2", "bare1", "udp", 9999, 4),
    _denied("no group", "lone2", "bare1", "tcp", 9999, 6),
    _denied("no group", "web2", "lone2", "udp", 80, 6),
    _allowed("nothing filters", "web1", "bare1", "udp", 9999, 6),
    _allowed("nothing filters", "web2", "bare1", "tcp", 22, 4),

    # Who speaks: addresses and MAC addresses.
    _denied("foreign source", "web1", "bare1", "udp", 9999, 4,
            source="10.77.0.99"),
    _denied("foreign source", "web1", "bare1", "udp", 9999, 6,
            source="fd77::99"),
    _denied("another's source", "app1", "db1", "udp", 5433, 4,
            source="10.77.0.18"),
    _denied("another's source", "web1", "db1", "udp", 5433, 4,
            source="10.77.0.17"),
    _denied("another's source", "web2", "db1", "udp", 5433, 6,
            source="fd77::a:18"),
    _denied("foreign MAC", "web1", "bare1", "udp", 9999, 4,
            mac=STRANGER_MAC),
    _denied("foreign MAC", "web2", "bare1", "udp", 9999, 6,
            mac=STRANGER_MAC),
    _denied("foreign MAC", "app1", "app2", "udp", 7777, 4,
            mac=STRANGER_MAC),
    _allowed("address pair", "app2", "app1", "udp", 7777, 4,
             source="10.77.0.20"),
    _allowed("address pair", "app2", "db1", "udp", 5433, 6,
             source="fd77::a:20"),
    _allowed("may forge", "bare1", "web1", "udp", 5000, 4,
             source="10.77.0.17"),

    # What no instance may do, whatever its groups say.
    _denied("plays DHCP server", "web1", "bare1", "udp", 68, 4, sport=67),
    _denied("plays DHCPv6 server", "web2", "bare1", "udp", 546, 6,
            sport=547),
    _denied("plays router", "web1", "bare1", "icmp", 0, 6, icmp_type=134),
]


def same_host(lab, flow):
    known = lab.instances()
    return known[flow.src].host == known[flow.dst].host


def compare(lab, flows=None, tries=3):
    """Sends all packets; returns (Expected, seen) pairs."""
    flows = FLOWS if flows is None else flows
    answers = lab.try_flows([e.flow for e in flows], tries)
    return [(e, a["seen"]) for e, a in zip(flows, answers)]
