# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""From the lines of a run to the tables that people read."""

import statistics

import benchmachine
import benchstructurereport
from benchfigures import (BUDGETS, PEER_GROW, PEER_LARGE, PEER_ONE,
                          WALL_P50_US, WALL_P99_US)
from benchtable import pressure, spread, table, verdict

class Scenario:
    """The lines of one scenario."""

    def __init__(self, lines):
        self.first = lines[0]
        self.lines = lines
        idle = [x for x in lines if x["measure"] == "idle"]
        # Nanoseconds of CPU per second of the wall.
        self.idle = (statistics.median(x["cpu_ns"] / (x["wall_ns"] / 1e9)
                                       for x in idle) if idle else 0.0)
        floor = [x for x in lines if x["measure"] == "floor"]
        self.floor = ([x[key] / x["n"] / 1e3 for x in floor
                       for key in ("add_ns", "delete_ns")])

    def runs(self, measure, **where):
        return [x for x in self.lines if x["measure"] == measure
                and all(x.get(k) == v for k, v in where.items())]

    def net_ns(self, line):
        """The agent's CPU without what it would have used anyway."""
        return line["cpu_ns"] - self.idle * line["wall_ns"] / 1e9

    def idle_part(self, lines):
        """Idle share subtracted per change, us."""
        return statistics.median(self.idle * x["wall_ns"] / 1e9 / x["n"]
                                 / 1e3 for x in lines)

    def what(self):
        return "%d | %s%s" % (self.first["ports"],
                              format(self.first["members"], ","),
                              ", both families" if self.first["dual"]
                              else "")

    def sets(self):
        line = [x for x in self.lines if "set" in x][-1]
        return "%d of %d" % (line["set"]["position"] + 1,
                             line["set"]["sets"])

    def floor_text(self):
        return "%.1f / %.1f" % tuple(self.floor[:2]) if self.floor else "-"


def by_scenario(lines):
    groups = {}
    for line in lines:
        if line.get("kind") in ("isolated", "growth"):
            groups.setdefault(line["scenario"], []).append(line)
    return [Scenario(group) for group in groups.values()]


def peers(first):
    if first["ports"] == 20 and not first["dual"]:
        return PEER_ONE.get(first["members"], ("-", "-"))
    if first["ports"] == 200 and first["members"] == 50000:
        return (PEER_LARGE + " (M=10,000)", "-")
    return ("-", "-")


def isolated_tables(found):
    cpu, wall = [], []
    budget = BUDGETS["isolated"]
    for s in found:
        both = s.runs("isolated")
        if not both:
            continue
        cells = []
        for op in ("add", "delete"):
            runs = s.runs("isolated", op=op)
            net = [s.net_ns(x) / x["n"] / 1e3 for x in runs]
            cells.append(spread(net))
            lat = [x["latency_us"] for x in runs]
            p50 = statistics.median(x["p50"] for x in lat)
            p99 = statistics.median(x["p99"] for x in lat)
            res = statistics.median(x["resolution_us"]["p50"] for x in runs)
            wall.append([s.what(), s.sets(), op, "%.0f" % p50, "%.0f" % p99,
                         "%.0f" % max(x["max"] for x in lat), "%.0f" % res,
                         pressure(runs), verdict(p50, WALL_P50_US),
                         verdict(p99, WALL_P99_US)])
        worst = max(statistics.median(s.net_ns(x) / x["n"] / 1e3
                                      for x in s.runs("isolated", op=op))
                    for op in ("add", "delete"))
        neutron, ovn = peers(s.first)
        cpu.append([s.what(), s.sets()] + cells
                   + ["%.1f" % s.idle_part(both),
                      verdict(worst, budget["budget"], budget["aim"]),
                      s.floor_text(), neutron, ovn])
    if not cpu:
        return []
    runs, n = len(s_runs(found)), found[0].runs("isolated")[0]["n"]
    return [
        "**(a) Isolated changes.**  The agent's CPU for one change, us: "
        "median [least..most] of %d runs of %s adds and as many deletes, "
        "each published when the one before it is in the kernel.  Budget "
        "%d us, aim %d us." % (runs, format(n, ","), budget["budget"],
                               budget["aim"]),
        table(["P", "M", "set", "add", "delete", "idle subtracted", "budget",
               "floor add / delete", "Neutron add / delete",
               "OVN add / delete"], cpu),
        "Wall time from the publisher's call to the member being in (or out "
        "of) the kernel's set, us; median over the runs of p50 and p99, the "
        "largest of all.  \"Resolution\" is the median distance between the "
        "last look that did not see the change and the first that did; a "
        "time is never shown shorter than it was.  \"Busy\" is the share of "
        "the time in which some task of the machine had to wait for a CPU "
        "(/proc/pressure/cpu).  Budget p50 %s us, p99 %s us." % (
            format(WALL_P50_US, ","), format(WALL_P99_US, ",")),
        table(["P", "M", "set", "change", "p50", "p99", "max", "resolution",
               "busy %", "p50 budget", "p99 budget"], wall)]


def s_runs(found):
    """Runs of the first isolated scenario."""
    for s in found:
        runs = s.runs("isolated", op="add")
        if runs:
            return runs
    return []


def growth_table(found):
    rows = []
    for s in found:
        for key, interval in (("paced", 2000), ("stream", 0)):
            runs = [x for x in s.runs("paced")
                    if bool(x["interval_us"]) == bool(interval)]
            if not runs:
                continue
            budget = BUDGETS[key]
            per = (1e6 if key == "paced" else 1e3)
            net = [s.net_ns(x) / per / (1 if key == "paced" else x["n"])
                   for x in runs]
            rows.append([
                "(b) 2 ms apart" if key == "paced" else "(c) back to back",
                s.first["ports"], s.sets(), runs[0]["n"], len(runs),
                spread(net), budget["unit"],
                "%.2f" % (s.idle_part(runs) * (runs[0]["n"] / 1e3
                                               if key == "paced" else 1)),
                "%g (aim %g)" % (budget["budget"], budget["aim"]),
                verdict(statistics.median(net), budget["budget"],
                        budget["aim"]),
                spread([x["to_kernel_ns"] / 1e6 for x in runs]),
                pressure(runs)]
                + (list(PEER_GROW) if key == "paced" else ["-", "-"]))
    if not rows:
        return []
    return ["**(b), (c) A group grows from 1 member by 500 messages.**  A "
            "new group in each run.  Neutron and OVN: one update after the "
            "other, from 1 to 500.",
            table(["", "P", "set", "messages", "runs", "CPU", "unit",
                   "idle subtracted", "budget", "verdict",
                   "wall to the last, ms", "busy %",
                   "Neutron", "OVN"], rows)]


def idle_table(found):
    rows = []
    for s in found:
        for x in s.runs("idle"):
            rows.append([s.what(), s.sets(), "%.2f" % (s.idle / 1e6),
                         "%.3f" % (s.idle / 1e7), x["beacons"],
                         "%.0f" % (x["wall_ns"] / 1e9)])
    return ["**Idle share.**  The agent's CPU while nothing but beacons "
            "arrive, ms per second; it is what the tables above subtract.",
            table(["P", "M", "set", "ms/s", "% of a core", "beacons",
                   "seconds looked at"], rows)] if rows else []


def profile_tables(lines):
    parts = []
    for name in ("isolated", "stream"):
        here = [x for x in lines if x.get("profile") == name]
        plain = [x for x in here if x["measure"] == "paced"]
        if not plain:
            continue
        x = plain[0]
        rows = [[t["name"], "%.1f" % (t["cpu_ns"] / x["n"] / 1e3),
                 "%.2f" % (t["voluntary"] / x["n"]),
                 "%.2f" % (t["involuntary"] / x["n"])]
                for t in x["threads"]]
        title = ("one change each 2 ms" if x["interval_us"]
                 else "back to back")
        parts += ["**Threads, %s** (P=20, M=500, %d changes, idle share "
                  "included): per change." % (title, x["n"]),
                  table(["thread", "CPU us", "goes to sleep",
                         "is put aside"], rows)]
        for line in here:
            if line["measure"] == "syscalls":
                rows = [[thread, call, "%.2f" % (n / line["n"])]
                        for thread, calls in sorted(line["threads"].items())
                        for call, n in sorted(calls.items(),
                                              key=lambda c: -c[1])
                        if n / line["n"] >= 0.005]
                parts += ["System calls per change, %s (strace, which slows "
                          "the agent and so gathers more than is usual)."
                          % title,
                          table(["thread", "call", "per change"], rows)]
            elif line["measure"] == "samples" and line["samples"]:
                us = line["cpu_ns"] / line["n"] / 1e3
                rows = [[thread, call, part,
                         "%.1f" % (100.0 * n / line["samples"]),
                         "%.1f" % (us * n / line["samples"])]
                        for thread, call, part, n in line["places"]
                        if n * 100 >= line["samples"]]
                parts += ["Where the time goes, %s (%s samples of perf's "
                          "cpu-clock, places with 1 %% and more; us per "
                          "change are the share of %.1f us, perf's own cost "
                          "included)." % (title,
                                          format(line["samples"], ","), us),
                          table(["thread", "call", "part", "%", "us"], rows)]
    return parts


def render(lines):
    found = by_scenario(lines)
    parts = ([benchmachine.text(lines)] + isolated_tables(found)
             + growth_table(found)
             + benchstructurereport.tables(lines) + idle_table(found)
             + profile_tables(lines))
    return "\n\n".join(parts)
