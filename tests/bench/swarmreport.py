# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""From the lines of bench-swarm to the tables that people read."""

import statistics

import benchmachine
from benchtable import table

RESTARTS = [
    ("agents", "all agents"), ("controller", "controller"),
    ("broker", "broker"), ("all", "broker and all agents")]


class Scenario:
    """The lines of one topology."""

    def __init__(self, name, lines):
        self.name = name
        self.lines = lines
        self.topology = self.find("topology")[0]
        self.hosts = self.topology["hosts"]

    def find(self, measure, **where):
        return [x for x in self.lines if x["measure"] == measure
                and all(x[k] == v for k, v in where.items())]

    def idle_rate(self, role):
        """ns of CPU a second while nothing but beacons and reports pass: the
        median of the pieces, since what a start leaves to do may come
        late."""
        return statistics.median(
            w[role] for w in self.find("idle")[0]["windows"])

    def net_us(self, line, role):
        """us of CPU for each change, idle share subtracted."""
        return (line["cpu_ns"][role] - self.idle_rate(role)
                * line["wall_s"]) / line["n"] / 1e3

    def what(self, line):
        if self.name == "default":
            return "one group of all ports"
        return "%s groups, %s" % (
            format(self.topology["groups"], ","),
            "an exchange for each" if line["mode"] == "group"
            else "every host hears of every group")


def count(traffic, method, per=1.0):
    return traffic.get(method, [0, 0])[0] / per


def kilobytes(traffic, method, per=1.0):
    return traffic.get(method, [0, 0])[1] / per / 1e3


def percentile(values, p):
    """The smallest value that `p' percent of them do not pass."""
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * p / 100.0))]


def groups_text(s):
    n = s.topology["groups"]
    return "one group" if n == 1 else "%s groups" % format(n, ",")


def topology_text(s):
    t = s.topology
    text = ("%d hosts with %d ports each; %s with %s members, the largest "
            "%s members on %d hosts" % (
                t["hosts"], t["ports"] / t["hosts"], groups_text(s),
                format(t["memberships"], ","),
                format(t["largest_members"], ","), t["largest_hosts"]))
    if t["groups"] > 1:
        text += ("; a host has %.1f of the groups, and a change concerns "
                 "%.1f hosts in the mean" % (t["host_groups"] / t["hosts"],
                                             t["hosts_per_change"]))
    return text + "."


def changes_table(found):
    rows = []
    for s in found:
        for x in s.find("changes"):
            got = x["in"].get("members_changed", [0, 0])
            rows.append([
                s.what(x), "%.1f" % (x["needed"] / x["n"]),
                "%.1f" % (got[0] / x["n"]),
                format(round(got[1] / x["n"]), ","),
                "%.0f" % s.net_us(x, "broker"),
                "%.0f" % s.net_us(x, "swarm"),
                format(round(s.net_us(x, "controller")), ",")])
    if not rows:
        return []
    n = found[0].find("changes")[0]
    reload = found[0].find("reload")[0]
    return [
        "**One member joins or leaves** (%s changes, %.0f a second).  CPU in "
        "us for each change, idle share subtracted; the hosts' is that of all "
        "hosts together.  The controller's is that of reading a file: ten "
        "times in a row, with nothing changed in the %s groups, took %s us "
        "each." % (
            format(n["n"], ","), n["n"] / (n["wall_s"] - n["late_s"] - 0.5),
            format(found[0].topology["groups"], ","),
            format(round(reload["cpu_ns"]["controller"] / reload["n"] / 1e3),
                   ",")),
        table(["", "hosts that need it", "delivered to", "bytes of bodies",
               "broker", "hosts", "controller"], rows)]


def kinds_table(found):
    """What passed, by kind, each second."""
    rows = []
    for s in found:
        for x in s.find("idle") + s.find("changes"):
            w = x["wall_s"]
            rows.append(
                [s.what(x) if "mode" in x else "idle"]
                + ["%.1f (%.1f)" % (count(x["in"], method, w),
                                    kilobytes(x["in"], method, w))
                   for method in ("members_changed", "beacon", "sync")]
                + ["%.1f (%.1f)" % (count(x["out"], method, w),
                                    kilobytes(x["out"], method, w))
                   for method in ("sync", "report")]
                + ["%.1f" % (x["cpu_ns"][role] / w / 1e6)
                   for role in ("broker", "swarm", "controller")])
    if not rows:
        return []
    return ["**All that passed**, each second, all hosts together: messages "
            "and, in parentheses, kB of bodies; CPU in ms, nothing "
            "subtracted (the controller's is mostly reading the file).",
            table(["", "members_changed", "beacon", "answers to sync",
                   "sync", "report", "broker", "hosts", "controller"], rows)]


def bind_table(found):
    rows = []
    for s in found:
        for x in s.find("start"):
            last = {k: x["marks"][k][-1] for k in x["marks"]}
            bind_ms = last["bound"] - x["marks"]["answered"][0]
            rows.append(["start of %d hosts, %s" % (s.hosts, groups_text(s)),
                         format(x["bound"], ","), "%.2f" % (bind_ms / 1e3),
                         format(round(x["bound"] / bind_ms * 1e3), ","),
                         "%.0f" % (x["cpu_ns"]["broker"] / x["bound"] / 1e3),
                         "%.0f" % (x["broker"]["rss_kb"] / 1e3)])
        for x in s.find("bind"):
            rows.append(["every host %s every group"
                         % ("to" if x["bind"] else "from"),
                         format(x["n"], ","), "%.2f" % x["wall_s"],
                         format(round(x["n"] / x["wall_s"]), ","),
                         "%.0f" % (x["cpu_ns"]["broker"] / x["n"] / 1e3),
                         "%.0f" % (x["broker"]["rss_kb"] / 1e3)])
    return ["**Bindings.**  At a start the time is from the first answer to "
            "the last binding, and the broker's CPU includes connections, "
            "queues and sync.",
            table(["", "bindings", "s", "a second", "broker, us each",
                   "broker RSS, MB"], rows)]


def restart_table(found):
    rows = []
    for s in found:
        starts = [("first start", s.find("start"))]
        starts += [(text, s.find("restart", what=what))
                   for what, text in RESTARTS]
        for text, runs in starts:
            if not runs or (s.name == "default" and len(starts) > 1
                            and text != "first start"):
                continue
            if s.name == "default":
                text += ", one group"
            cells = [text, len(runs)]
            for mark in ("up", "answered", "bound"):
                cells.append("%.2f" % (statistics.median(
                    percentile(x["marks"][mark], 50) for x in runs) / 1e3))
            for p in (50, 99, 100):
                cells.append("%.2f" % (statistics.median(
                    percentile(x["marks"]["synced"], p)
                    for x in runs) / 1e3))
            syncs = [x["syncs"] if "syncs" in x
                     else x["in"]["sync"][0] for x in runs]
            cells.append("%.1f" % (statistics.median(syncs) / s.hosts))
            for role in ("broker", "controller", "swarm"):
                cells.append("%.2f" % (statistics.median(
                    x["cpu_ns"][role] - (x.get("boot_cpu_ns") or 0)
                    * (role == "broker") for x in runs) / 1e9))
            rows.append(cells)
    boots = [x["boot_s"] for s in found for x in s.find("restart")
             if x["boot_cpu_ns"]]
    text = ("**Until every host is in sync again**, s, counted from the kill, "
            "or, where the broker was killed, from when it listens again")
    if boots:
        text += " (it takes %.1f s to boot)" % statistics.median(boots)
    return [text + ".  In the middle the median host: its queue consumes, the "
            "complete answer is applied, its bindings stand.  Median of the "
            "runs; CPU in s, the broker's without its boot.",
            table(["", "runs", "up", "answered", "bound", "in sync: median",
                   "p99", "last", "questions per host", "broker CPU",
                   "controller CPU", "hosts' CPU"], rows)]


def burst_table(found):
    """Joins by the hundred, and what they cost everybody."""
    rows = []
    for s in found:
        for x in s.find("burst"):
            cells = ["%d joins, %d of %d hosts" % (
                x["n"], x["group_hosts"], s.hosts),
                "%.2f" % x["joins_s"],
                "%d" % statistics.median(x["messages"])]
            cells += ["%.0f" % x["latency_ms"][p]
                      for p in ("50", "90", "99", "100")]
            cells += ["%.2f" % (x["cpu_ns"][role] / 1e9)
                      for role in ("controller", "broker", "swarm")]
            rows.append(cells + ["%.2f" % (x["cpu_ns"]["controller"] / 1e9
                                           / x["wall_s"])])
    if not rows:
        return []
    return ["**Hundreds of joins in a second.**  Each is a patch of its own "
            "to the controller.  Times in ms from the patch to its being in "
            "force, of every join on every host that needs it; changes are "
            "those of one host's set, joins that came together counted once.  "
            "CPU in s, all of it.",
            table(["", "s", "changes per host", "in force: median", "p90",
                   "p99", "last", "controller CPU", "broker CPU",
                   "hosts' CPU", "controller, cores"], rows)]


def size_table(found):
    rows = []
    for s in found:
        x = s.find("start")[0]
        rows.append([
            "%d hosts, %s" % (s.hosts, groups_text(s)),
            "%.1f" % (x["swarm"]["rss_kb"] / 1e3),
            "%.2f" % (x["swarm"]["rss_kb"] / 1e3 / s.hosts),
            "%.1f" % (x["swarm"]["threads"] / s.hosts),
            "%.1f" % (x["swarm"]["descriptors"] / s.hosts)])
    return ["**The swarm itself**, and its share for each host.",
            table(["", "RSS, MB", "MB per host", "threads per host",
                   "descriptors per host"], rows)]


def render(lines):
    names = []
    for x in lines:
        if x.get("scenario") and x["scenario"] not in names:
            names.append(x["scenario"])
    found = [Scenario(n, [x for x in lines if x.get("scenario") == n])
             for n in names]
    machine = lines[0]
    parts = ["`%s`, %s" % (machine["command"], benchmachine.text(lines))]
    parts += [topology_text(s) for s in found]
    parts += changes_table(found) + kinds_table(found) + burst_table(found)
    parts += bind_table(found) + restart_table(found) + size_table(found)
    return "\n\n".join(parts)
