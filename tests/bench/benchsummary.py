# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""One table that a README can quote."""

import statistics

import benchmachine
import benchreport
import benchstructurereport
import packetreport
from benchfigures import (BUDGETS_BYTES, BUDGETS_MS, BUDGETS_RSS, PEER_GROW,
                          PEER_KERNEL, PEER_ONE, PEER_OVN_COLD, PEER_OVN_RSS)
from benchtable import spread, table


def _number(n):
    return format(n, ",")


def _member_rows(lines):
    rows = []
    found = [s for s in benchreport.by_scenario(lines)
             if not s.first["dual"] and "sets" not in s.first["scenario"]]
    for s in found:
        where = "%d, %s" % (s.first["ports"], _number(s.first["members"]))
        neutron, ovn = benchreport.peers(s.first)
        for i, op in enumerate(("add", "delete")):
            runs = s.runs("isolated", op=op)
            if runs and neutron != "-" and s.first["members"] in PEER_ONE:
                peers = [(p.split(" / ") + ["-"])[i] if " / " in p else p
                         for p in (neutron, ovn)]
                rows.append(["one member %s" % (
                    "more" if op == "add" else "less"), where, "%s us"
                    % spread([s.net_ns(x) / x["n"] / 1e3 for x in runs],
                             "%.0f")] + peers)
    for s in found:
        runs = [x for x in s.runs("paced") if x["interval_us"]]
        if runs:
            rows.append(["a group grows from 1 to 500, one message each",
                         "%d, 500" % s.first["ports"], "%s ms" % spread(
                             [s.net_ns(x) / 1e6 for x in runs], "%.0f")]
                        + list(PEER_GROW))
    return rows


def _structure_rows(hosts):
    rows = []
    for part, text in (("rule", "one rule of a group that all ports have"),
                       ("cold", "first start, exec to enforced"),
                       ("restart", "restart, nothing changed")):
        for host in hosts:
            values = (host.rules_ms("add") if part == "rule"
                      else host.starts_ms(part))
            budget, _, peer = BUDGETS_MS.get((part, host.ports),
                                             (None, None, "-"))
            if values and budget:
                rows.append([text, ", ".join(host.what()),
                             "%s ms" % spread(values), peer,
                             PEER_OVN_COLD.get(host.ports, "-")
                             if part == "cold" else "-"])
    return rows


def _size_rows(hosts, lines):
    rows = []
    for host in hosts:
        if host.rss_mb("cold") and host.ports in BUDGETS_RSS:
            rows.append(["resident memory", ", ".join(host.what()),
                         "%.1f MB" % statistics.median(host.rss_mb("cold")),
                         BUDGETS_RSS[host.ports][1],
                         PEER_OVN_RSS.get(host.ports, "-")])
    for host in hosts:
        kernel = host.kernel()
        if kernel and host.ports in PEER_KERNEL:
            v4, v6, size = benchstructurereport.sums(kernel)
            rows.append(["rules in the kernel (IPv4 + IPv6), bytes",
                         ", ".join(host.what()),
                         "%s + %s, %.2f MB" % (_number(v4), _number(v6),
                                               size / 1e6),
                         ", ".join(PEER_KERNEL[host.ports]), "-"])
    for x in lines:
        peer = x["measure"] == "message" and BUDGETS_BYTES.get(
            (x["what"], x["ports"], x["gaps"]), (None, None))[1]
        if peer:
            rows.append(["message: %s" % {
                "members_changed": "one member",
                "sync": "all a host needs"}[x["what"]],
                "%d, %s" % (x["ports"], _number(x["members"] // 10 * 10)),
                "%s bytes" % _number(x["bytes"]), peer, "-"])
    return rows


def render(lines, packets=()):
    """`packets' are the lines of bench-packet."""
    hosts = benchstructurereport.hosts(lines)
    return "\n\n".join([
        "CPU of the agent on the compute host, median [least..most], where "
        "nothing else is said; \"M\" is the number of members of the one "
        "group that all ports have.  " + benchmachine.text(lines),
        table(["", "ports, M", "sg-agent", "Neutron 21.0.0", "OVN 23.03.1"],
              _member_rows(lines) + _structure_rows(hosts)
              + _size_rows(hosts, lines)
              + packetreport.readme_rows(packets))])
