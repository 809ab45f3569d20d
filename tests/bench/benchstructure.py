# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""Measures the agent's starts, a rule more and less, and what a host then
holds."""

import json
import shutil

import benchkernel
from labnet import LabError


class Structure:
    """A host, and what is measured on it: "cold" (first start), "restart"
    (nothing has changed), "rule"."""

    kind = "structure"

    def __init__(self, ports, members, parts):
        self.ports = ports
        self.members = members
        self.parts = parts

    def name(self):
        return "structure-%d-%d" % (self.ports, self.members)

    def arguments(self):
        return ["--ports", str(self.ports), "--members", str(self.members)]

    def facts(self):
        return {"scenario": self.name(), "kind": self.kind,
                "ports": self.ports, "members": self.members}


def scenarios(quick):
    if quick:
        return [Structure(20, 500, ("cold", "restart", "rule"))]
    return [Structure(20, 500, ("cold", "restart", "rule")),
            Structure(100, 2000, ("cold", "restart", "rule")),
            Structure(200, 10000, ("cold", "restart", "rule")),
            Structure(1000, 10000, ("cold", "restart", "rule"))]


class Run:
    """One scenario on one host."""

    def __init__(self, bench, scenario, host, controller):
        self.bench = bench
        self.lab = bench.lab
        self.scenario = scenario
        self.host = host
        self.controller = controller
        self.pid = None

    def record(self, line, **facts):
        self.bench.record(line, **dict(self.scenario.facts(), **facts))

    def start(self, part, run):
        """Starts the agent; a start after which it is not well does not
        count as a measurement."""
        line = self.controller.ask(
            "start", self.lab.program("sg-agent"),
            self.lab.agent_config(self.host),
            self.lab.path(self.host, "log", "agent.log"))
        self.pid = line["pid"]
        status = json.loads(self.lab.space(self.host).run(
            [self.lab.program("sgctl"), "status", "--json"]))
        if status["ports"]["protected"] != self.scenario.ports:
            raise LabError("not all ports are protected after a start: %s"
                           % json.dumps(status["ports"]))
        self.record(line, part=part, run=run)
        self.record(benchkernel.memory(self.pid), part=part, run=run)

    def stop(self):
        self.controller.ask("stop")

    def cold(self, run):
        """As on a host that never had an agent."""
        benchkernel.wipe(self.lab.space(self.host))
        shutil.rmtree(self.lab.path(self.host, "agent"), ignore_errors=True)
        self.start("cold", run)

    def rules(self, runs):
        # The first change meets cold caches, as an agent does once.
        for op in ("add", "delete"):
            self.controller.ask("rule", op)
        self.record(self.controller.ask(
            "idle", self.bench.options.idle * 1000))
        for run in range(runs):
            for op in ("add", "delete"):
                self.record(self.controller.ask("rule", op), part="rule",
                            run=run)
        self.record(benchkernel.memory(self.pid), part="rule", run=0)

    def all(self, runs):
        # One start that does not count: the program is read from the disk.
        for part in ("cold", "restart"):
            if part not in self.scenario.parts:
                continue
            for run in range(-1, runs):
                if run >= 0 or part == "restart":
                    self.stop()
                if part == "cold":
                    self.cold(run)
                else:
                    self.start(part, run)
        self.record(benchkernel.footprint(
            self.lab.space(self.host), "tap10000000-00"))
        if "rule" in self.scenario.parts:
            self.rules(runs)
        self.stop()
