# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""Tables of starts, rules, memory, kernel objects and messages."""

import statistics

from benchfigures import (BUDGETS_BYTES, BUDGETS_MS, BUDGETS_RSS,
                          PEER_KERNEL, PORT_RULES)
from benchtable import pressure, spread, table, verdict

PARTS = {"cold": "first start", "restart": "restart, nothing changed",
         "rule": "one rule"}


class Host:
    """The lines of one structure scenario."""

    def __init__(self, lines):
        self.lines = lines
        self.ports = lines[0]["ports"]
        self.members = lines[0]["members"]
        idle = [x for x in lines if x["measure"] == "idle"]
        self.idle = (idle[0]["cpu_ns"] / (idle[0]["wall_ns"] / 1e9)
                     if idle else 0.0)

    def runs(self, measure, **where):
        """Lines that count: run -1 is for warming up."""
        return [x for x in self.lines if x["measure"] == measure
                and x.get("run", 0) >= 0
                and all(x.get(k) == v for k, v in where.items())]

    def starts_ms(self, part):
        return [x["cpu_ns"] / 1e6 for x in self.runs("start", part=part)]

    def rules_ms(self, op):
        """The idle share is subtracted."""
        return [(x["cpu_ns"] - self.idle * x["wall_ns"] / 1e9) / 1e6
                for x in self.runs("rule", op=op)]

    def rss_mb(self, part):
        return [x["rss_kb"] / 1024 for x in self.runs("memory", part=part)]

    def kernel(self):
        found = self.runs("kernel")
        return found[0] if found else None

    def what(self):
        return [str(self.ports), format(self.members, ",")]


def hosts(lines):
    groups = {}
    for line in lines:
        if line.get("kind") == "structure":
            groups.setdefault(line["scenario"], []).append(line)
    return [Host(group) for group in groups.values()]


def _judge(values, part, ports):
    budget, aim, peer = BUDGETS_MS.get((part, ports), (None, None, "-"))
    if budget is None:
        return ["-", "-", peer]
    return ["%g (aim %g)" % (budget, aim),
            verdict(statistics.median(values), budget, aim), peer]


def _start_table(found):
    rows = []
    for host in found:
        for part in ("cold", "restart"):
            values = host.starts_ms(part)
            if values:
                runs = host.runs("start", part=part)
                rows.append(host.what() + [
                    PARTS[part], spread(values)]
                    + _judge(values, part, host.ports)
                    + [spread([x["wall_ns"] / 1e6 for x in runs], "%.0f"),
                       pressure(runs), len(runs)])
    return ["**(d) Starts.**  The agent's CPU from exec until all ports are "
            "protected and it has nothing more to do, ms; the wall time of "
            "the same.  A first start waits 1 s between the commit of the "
            "zones and that of the rules.",
            table(["P", "M", "start", "CPU ms", "budget", "verdict",
                   "Neutron", "wall ms", "busy %", "runs"],
                  rows)] if rows else []


def _rule_table(found):
    rows = []
    for host in found:
        added, deleted = host.rules_ms("add"), host.rules_ms("delete")
        if added:
            runs = host.runs("rule", op="add")
            rows.append(host.what() + [spread(added, "%.2f"),
                                       spread(deleted, "%.2f")]
                        + _judge(added, "rule", host.ports)
                        + ["%.2f" % statistics.median(
                            host.idle * x["wall_ns"] / 1e15 for x in runs),
                           spread([x["to_kernel_ns"] / 1e6 for x in runs],
                                  "%.0f"), len(runs)])
    return ["**(e) One rule** of the group that all ports have, added and "
            "deleted: the agent's CPU, ms.  The wall time is that from the "
            "publish until the kernel has it; 40 ms of it the agent waits "
            "for further changes.",
            table(["P", "M", "add", "delete", "budget", "verdict", "Neutron",
                   "idle subtracted", "wall ms", "runs"],
                  rows)] if rows else []


def _memory_table(found):
    rows = []
    for host in found:
        for part in ("cold", "restart", "rule"):
            lines = host.runs("memory", part=part)
            if not lines:
                continue
            budget, peer = BUDGETS_RSS.get(host.ports, (None, "-"))
            rss = statistics.median(host.rss_mb(part))
            rows.append(host.what() + [PARTS[part], "%.1f" % rss] + [
                "%.1f" % (statistics.median(x[key] for x in lines) / 1024)
                for key in ("peak_kb", "pss_kb", "private_kb")]
                + [budget or "-", verdict(rss, budget) if budget else "-",
                   peer])
    return ["**(f) Memory** of the agent after it, MB.",
            table(["P", "M", "after", "RSS", "peak", "PSS", "private",
                   "budget of RSS", "verdict", "Neutron"],
                  rows)] if rows else []


def sums(kernel):
    """(IPv4 rules, IPv6 rules, bytes) of all tables."""
    rules = {4: 0, 6: 0}
    for t in kernel["tables"]:
        rules[t["family"]] += t["rules"]
    return rules[4], rules[6], sum(t["bytes"] for t in kernel["tables"])


def _kernel_tables(found):
    rows, totals = [], []
    for host in found:
        kernel = host.kernel()
        if not kernel:
            continue
        for t in kernel["tables"]:
            rows.append(host.what() + ["IPv%d" % t["family"], t["table"],
                                       format(t["rules"], ","), t["chains"],
                                       "%.1f" % (t["bytes"] / 1e3)])
        v4, v6, size = sums(kernel)
        peer_rules, peer_size = PEER_KERNEL.get(host.ports, ("-", "-"))
        totals.append(host.what() + [
            "%s + %s" % (format(v4, ","), format(v6, ",")), peer_rules,
            "%.2f MB" % (size / 1e6), peer_size, kernel["sets"],
            "%.1f" % (kernel["set_bytes"] / 1e3)]
            + ["%d, %s" % (kernel["port_rules"][f], verdict(
                kernel["port_rules"][f], PORT_RULES[f][0])) for f in "46"])
    if not rows:
        return []
    return ["**(g) In the kernel.**  Rules in IPv4 and IPv6 and bytes of the "
            "tables, memory of the sets; rules of one port with one address "
            "and one group, in its own chains and leaves: at most %d in "
            "IPv4 and %d in IPv6 (Neutron %s and %s)." % (
                PORT_RULES["4"][0], PORT_RULES["6"][0], PORT_RULES["4"][1],
                PORT_RULES["6"][1]),
            table(["P", "M", "rules", "Neutron", "bytes", "Neutron", "sets",
                   "kB of sets", "a port's IPv4", "a port's IPv6"], totals),
            table(["P", "M", "family", "table", "rules", "chains", "kB"],
                  rows)]


def _message_table(lines):
    rows = []
    for x in lines:
        if x["measure"] != "message":
            continue
        budget, peer = BUDGETS_BYTES.get(
            (x["what"], x["ports"], x["gaps"]), (None, None))
        rows.append([x["what"], x["ports"], format(x["members"], ","),
                     "every other address" if x["gaps"] else "consecutive",
                     format(x["bytes"], ","),
                     format(budget, ",") if budget else "-",
                     verdict(x["bytes"], budget) if budget else "-",
                     peer or "-"])
    return ["**(h) Messages**, bytes of a body with its envelope.  `sync` is "
            "the answer to an agent that knows nothing, `members` its part "
            "about one group.  Neutron: `security_group_rules_for_devices` "
            "or, newer, `security_group_info_for_devices`, JSON alone.",
            table(["message", "P", "M", "members", "bytes", "budget",
                   "verdict", "Neutron"], rows)] if rows else []


def tables(lines):
    found = hosts(lines)
    return (_start_table(found) + _rule_table(found) + _memory_table(found)
            + _kernel_tables(found) + _message_table(lines))
