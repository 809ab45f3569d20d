# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""What a packet costs: from the lines of a run to tables."""

import statistics

import benchmachine
from benchtable import table

# Times the same bridge without rules, the worst port of P=1,000.
BUDGETS = {("IPv4", "established"): 1.8, ("IPv4", "new"): 1.95,
           ("IPv6", "established"): 2.1, ("IPv6", "new"): 2.4}
BUDGET_PORTS = 1000
# Between few and many members.
FLAT = 0.05
# Neutron 21.0.0 (iptables_hybrid, ipset on), IPv4, 200 ports, 500 members, on
# a machine on which the bridge without rules took 2.27 us.
NEUTRON_BARE_NS = 2266
NEUTRON_NS = {"established": 42333, "new": 43444, "dropped": 41943}

KINDS = (("established", "in"), ("established", "out"), ("new", "in"),
         ("new from few", "in"), ("new from a prefix", "in"),
         ("new", "out"), ("dropped", "in"), ("spoofed", "out"))


def _host(line):
    return (line["ports"], line["groups"], line["nets"])


class Packet:
    """One kind of packet to or from one port."""

    def __init__(self, line):
        self.line = line
        self.members = sorted(int(key.split("_")[1]) for key in line
                              if key.startswith("rules_"))

    def key(self):
        """All but the port, to find the same packet of another one."""
        return _host(self.line) + tuple(self.line[k] for k in (
            "family", "kind", "direction"))

    def ns(self, arm):
        rounds = self.line.get(arm + "_ns")
        return statistics.median(rounds) if rounds else None

    def rules_ns(self, members):
        return self.ns("rules_%d" % members)

    def _ratios(self, above, below):
        return [a / b for a, b in zip(self.line[above + "_ns"],
                                      self.line[below + "_ns"])]

    def ratios(self):
        """To the bridge without rules, round by round; most members."""
        return self._ratios("rules_%d" % self.members[-1], "bare")

    def growth(self):
        """What many members cost more than few, as a share."""
        return statistics.median(
            self._ratios("rules_%d" % self.members[-1],
                         "rules_%d" % self.members[0])) - 1

    def budget(self):
        return (BUDGETS.get((self.line["family"], self.line["kind"]))
                if _host(self.line) == (BUDGET_PORTS, 1, 0) else None)


def _packets(lines, port="worst"):
    return [Packet(x) for x in lines
            if x["measure"] == "packet" and x["port"] == port]


def _ns(value):
    return "-" if value is None else "%.0f" % value


def _ports(line):
    return (format(line["ports"], ",")
            + (", %d groups" % line["groups"] if line["groups"] > 1 else "")
            + (", %d prefixes" % line["nets"] if line["nets"] else ""))


def _costs(lines, family):
    found = [p for p in _packets(lines) if p.line["family"] == family]
    median = {p.key(): p for p in _packets(lines, "median")}
    rows = []
    for kind in KINDS:
        for p in found:
            if (p.line["kind"], p.line["direction"]) != kind:
                continue
            ratios, budget = p.ratios(), p.budget()
            middle = median.get(p.key())
            many = p.members[-1]
            rows.append([
                "%s %s" % kind, _ports(p.line), _ns(p.ns("off")),
                _ns(p.ns("bare")), _ns(p.ns("zone")),
                _ns(p.rules_ns(p.members[0])) if len(p.members) > 1 else "-",
                _ns(p.rules_ns(many)),
                "%.2f [%.2f..%.2f]" % (statistics.median(ratios),
                                       min(ratios), max(ratios)),
                "-" if budget is None else "%.2f %s" % (
                    budget, "ok" if statistics.median(ratios) <= budget
                    else "OVER"),
                "%+.1f %%" % (100 * p.growth()) if len(p.members) > 1
                else "-",
                _ns(middle.rules_ns(many)) if middle else "-"])
    members = found[0].members
    head = ["%s packet" % family, "P", "no br_netfilter", "no rules",
            "conntrack, one zone rule", "M=%s" % format(members[0], ","),
            "M=%s" % format(members[-1], ","), "times no rules", "budget",
            "for more members", "median port"]
    return table(head, rows)


def _flat(lines):
    found = [p for p in _packets(lines) if len(p.members) > 1]
    if not found:
        return []
    many, few = found[0].members[-1], found[0].members[0]

    def most(packets):
        worst = max(packets, key=lambda p: p.growth())
        return worst.growth(), "%.1f %% (%s %s, %s, P=%s)" % (
            100 * worst.growth(), worst.line["kind"],
            worst.line["direction"], worst.line["family"],
            _ports(worst.line))

    text = "%s members instead of %s cost at most %s." % (
        format(many, ","), format(few, ","), most(found)[1])
    bound = [p for p in found if p.line["ports"] == BUDGET_PORTS]
    if bound:
        text += "  At P=%s: %s, budget %.0f %%: %s." % (
            format(BUDGET_PORTS, ","), most(bound)[1], 100 * FLAT,
            "ok" if most(bound)[0] <= FLAT else "OVER")
    return [text]


def _compared(lines, port, host):
    found = [p.line["compared"] for p in _packets(lines, port)
             if p.key() == host + ("IPv4", "established", "in")]
    return found[0] if found else "-"


def _tables(lines):
    rows = []
    found = [x for x in lines if x["measure"] == "tables"]
    for x in found:
        if x["family"] != "IPv4":
            continue
        row = [_ports(x)] + [_compared(lines, port, _host(x))
                             for port in ("worst", "median")]
        for family in ("IPv4", "IPv6"):
            y = next(y for y in found if y["family"] == family
                     and _host(y) == _host(x))
            for name in ("security", "raw"):
                row.append("%s, %s" % (format(y[name]["entries"], ","),
                                       format(y[name]["bytes"], ",")))
        rows.append(row)
    return table(["P", "rules looked at, worst port", "median port",
                  "IPv4 security: entries, bytes", "raw", "IPv6 security",
                  "raw"], rows)


def _softirq(lines):
    found = [x for x in lines if x["measure"] == "softirq"]
    if any(x["ksoftirqd_ns"] < 0 for x in found):
        return "What ksoftirqd did is not in the figures: it was not visible."
    share = (sum(x["ksoftirqd_ns"] for x in found)
             / sum(x["sender_ns"] + x["ksoftirqd_ns"] for x in found))
    return "ksoftirqd did %.1f %% of it." % (100 * share)


def render(lines):
    first = _packets(lines)[0].line
    parts = [
        benchmachine.text(lines),
        "CPU ns per packet, median of %d rounds of %s packets; the ratio's "
        "range is that of the rounds.  %s" % (
            len(first["bare_ns"]), format(first["n"], ","),
            _softirq(lines))]
    parts += [_costs(lines, family) for family in ("IPv4", "IPv6")]
    parts += _flat(lines)
    parts += ["Neutron 21.0.0 (iptables_hybrid, ipset on) at P=200, M=500, "
              "IPv4, its worst port, on a machine of the same kind: "
              "established %d ns, new %d, dropped %d; %.1f times the bridge "
              "without rules, which took %d." % (
                  NEUTRON_NS["established"], NEUTRON_NS["new"],
                  NEUTRON_NS["dropped"],
                  NEUTRON_NS["established"] / NEUTRON_BARE_NS,
                  NEUTRON_BARE_NS),
              "**Tables**, with the rules of all P ports; what an established "
              "packet to the port meets of them.", _tables(lines)]
    return "\n\n".join(parts)


def readme_rows(lines):
    """For a table with the columns what; ports, members; sg-agent; Neutron;
    OVN.  Of each kind of packet the direction and family that cost most."""
    rows = []
    for kind, what in (("established", "a packet of a known connection"),
                       ("new", "the first packet of a connection")):
        found = [p for p in _packets(lines)
                 if p.line["kind"] == kind and p.budget()]
        if not found:
            continue
        worst = max(found, key=lambda p: statistics.median(p.ratios()))
        many = worst.members[-1]
        rows.append([
            what + ", with the bridge", "%s, %s" % (
                format(worst.line["ports"], ","), format(many, ",")),
            "%.1f us, %.1f times no rules" % (
                worst.rules_ns(many) / 1e3,
                statistics.median(worst.ratios())),
            "%.1f us, %.1f times (200, 500)" % (
                NEUTRON_NS[kind] / 1e3, NEUTRON_NS[kind] / NEUTRON_BARE_NS),
            "-"])
    return rows
