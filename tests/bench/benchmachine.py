# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""What figures were taken on."""

import datetime
import os
import subprocess

TOP = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))


def _output(*argv):
    result = subprocess.run(argv, stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, cwd=TOP,
                            universal_newlines=True)
    return result.stdout.strip()


def facts(packages):
    """The line about this machine, with the versions of these packages."""
    with open("/proc/cpuinfo") as f:
        model = [line.partition(":")[2].strip() for line in f
                 if line.startswith("model name")]
    with open("/proc/meminfo") as f:
        memory = int(f.readline().split()[1]) // 1024
    commit = _output("git", "rev-parse", "--short=12", "HEAD")
    if commit and _output("git", "status", "--porcelain", "-uno"):
        commit += " with changes"
    return {"measure": "machine",
            "date": datetime.datetime.now(datetime.timezone.utc)
            .strftime("%Y-%m-%d %H:%M UTC"),
            "cpu": model[0] if model else "?", "cpus": len(model),
            "memory_mb": memory, "kernel": os.uname().release,
            "virtual": _output("systemd-detect-virt", "--vm") or "?",
            "load": os.getloadavg()[0], "commit": commit,
            "versions": {p: _output("dpkg-query", "-W", "-f", "${Version}", p)
                         for p in packages}}


def text(lines):
    m = next(x for x in lines if x["measure"] == "machine")
    return ("%s; commit %s.  %d x %s (%s), %.0f GB, Linux %s, load %.1f at "
            "the start.  %s." % (
                m["date"], m["commit"] or "?", m["cpus"], m["cpu"],
                m["virtual"], m["memory_mb"] / 1024.0, m["kernel"],
                m["load"], ", ".join("%s %s" % kv for kv in
                                     sorted(m["versions"].items()) if kv[1])))
