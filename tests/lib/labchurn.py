# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""Random policy changes under traffic, with an account of every packet.

A run has switches, each a piece of the topology that is there or not, and
flows whose fate follows from the switches alone.  An event flips one switch
or several, publishes, and waits until every host has applied it.  A flow that
fares the same before and after an event is judged without a pause, also while
the change is under way.  One exception: the controller announces a topology
as single changes, what takes away before what gives; a flow that loses one
permission and gets another in the same event is denied in between.

All flows are one-way UDP and so never ESTABLISHED, and a flow whose fate
changed goes on from a fresh source port."""

import collections
import copy
import random
import signal
import sys
import time

import lablib
from labnet import LabError

HOSTS = lablib.labcore.HOSTS
MAX_FLIPS = 3                   # In one event.

ProbeFlow = collections.namedtuple("ProbeFlow",
                                   "name src dst port family allowed")


# --- The topology -----------------------------------------------------------

def prepare(topology):
    """Adds to the lab's topology what the run needs: a second instance
    without port security, on the other host."""
    bare2 = copy.deepcopy(next(p for p in topology["ports"]
                               if p["name"] == "bare1"))
    bare2.update(id="0ab10002-0600-4000-8000-000000000062", name="bare2",
                 host="h2", mac_address="fa:16:3e:00:02:62",
                 fixed_ips=["10.77.0.62", "fd77::62"])
    topology["ports"].append(bare2)


def group(topology, name):
    return next(g for g in topology["groups"] if g["name"] == name)


def elsewhere(number, addresses, prefixes=()):
    """A port on no host of the lab makes addresses and prefixes members of
    app, and nothing but membership changes, other than by the first prefix,
    which brings rules."""
    port = {"id": "e15e0000-0000-4000-8000-0000000000%02x" % number,
            "mac_address": "fa:16:3e:ee:00:%02x" % number,
            "fixed_ips": addresses,
            "allowed_address_pairs": [{"ip_address": p} for p in prefixes]}

    def flip(topology, on):
        topology["ports"] = [p for p in topology["ports"]
                             if p["id"] != port["id"]]
        if on:
            topology["ports"].append(dict(
                port, security_groups=[group(topology, "app")["id"]]))
    return flip


def web_rules(number, on_rules, off_rules=()):
    """Rules of group web that are there while the switch is on, and others
    while it is off.  A changed rule is a rule with another id."""
    beginning = "5eb0%04x-" % number

    def flip(topology, on):
        web = group(topology, "web")
        web["rules"] = [r for r in web["rules"]
                        if not r["id"].startswith(beginning)]
        rules = on_rules if on else off_rules
        for i, (ethertype, port_min, port_max, more) in enumerate(rules):
            rule = {"id": "%s%04x-4000-8000-00000000000%d" % (
                        beginning, i, on),
                    "direction": "ingress", "ethertype": ethertype,
                    "protocol": "udp", "port_range_min": port_min,
                    "port_range_max": port_max}
            if more == "app":
                rule["remote_group_id"] = group(topology, "app")["id"]
            elif more:
                rule["remote_ip_prefix"] = more
            # Not always at the end: what is behind it stays in force.
            web["rules"].insert(i * 2, rule)
    return flip


def web2_groups(topology, on):
    names = ("web", "app") if on else ("web",)
    port = next(p for p in topology["ports"] if p["name"] == "web2")
    port["security_groups"] = [group(topology, n)["id"] for n in names]


SWITCHES = {
    # Members of app.
    "bare1": elsewhere(1, ["10.77.0.61", "fd77::61"]),
    "bare2": elsewhere(2, ["10.77.0.62", "fd77::62"]),
    # Both of them.
    "bares": elsewhere(3, ["10.77.9.9", "fd77::9:9"],
                       ["10.77.0.60/30", "fd77::60/126"]),
    # Rules of web: for everybody, a remote group, a prefix, a port range.
    "any": web_rules(1, [("IPv4", 6000, 6000, None),
                         ("IPv6", 6000, 6000, None)]),
    "remote": web_rules(2, [("IPv4", 6001, 6001, "app"),
                            ("IPv6", 6001, 6001, "app")]),
    "prefix": web_rules(3, [("IPv4", 6002, 6002, "10.77.0.60/30"),
                            ("IPv6", 6002, 6002, "fd77::60/126")]),
    "range": web_rules(4, [("IPv4", 6010, 6015, None),
                           ("IPv6", 6010, 6015, None)],
                       [("IPv4", 6010, 6012, None),
                        ("IPv6", 6010, 6012, None)]),
    # A port's groups.
    "web2": web2_groups,
}


def _f(name, src, dst, port, family, allowed):
    return ProbeFlow(name, src, dst, port, family, allowed)


def is_member(who, s):
    return who in s or "bares" in s


# 's' is the set of switches that are on.
FLOWS = [
    _f("member4", "bare1", "app1", 7000, 4, lambda s: is_member("bare1", s)),
    _f("member6", "bare1", "db1", 5433, 6, lambda s: is_member("bare1", s)),
    _f("far6", "bare2", "app2", 7000, 6, lambda s: is_member("bare2", s)),
    _f("far4", "bare2", "app1", 7001, 4, lambda s: is_member("bare2", s)),
    _f("any4", "bare1", "web1", 6000, 4, lambda s: "any" in s),
    _f("any6", "bare2", "web2", 6000, 6,
       lambda s: "any" in s or "web2" in s and is_member("bare2", s)),
    _f("remote4", "bare1", "web2", 6001, 4,
       lambda s: is_member("bare1", s) and bool({"remote", "web2"} & s)),
    _f("remote6", "bare2", "web1", 6001, 6,
       lambda s: "remote" in s and is_member("bare2", s)),
    _f("prefix4", "bare1", "web1", 6002, 4, lambda s: "prefix" in s),
    _f("range6", "bare1", "web1", 6014, 6, lambda s: "range" in s),
    _f("groups6", "web2", "app1", 7002, 6, lambda s: "web2" in s),
    # These two stand on the same rules and sets and never change.
    _f("stays4", "app1", "app2", 7003, 4, lambda s: True),
    _f("stays6", "app2", "db1", 5433, 6, lambda s: True),
    _f("inside4", "bare2", "web1", 6011, 4, lambda s: True),
    _f("never4", "web1", "app2", 7004, 4, lambda s: False),
    _f("never6", "bare2", "db1", 5434, 6, lambda s: False),
]


def changed_flows(before, after):
    """The flows that are not judged between these two."""
    return [f for f in FLOWS if f.allowed(before) != f.allowed(after)
            or f.allowed(before) and not f.allowed(before & after)]


# --- The run ----------------------------------------------------------------

class Churn:
    """Changes on one lab.  `seed' decides everything but the timing."""

    def __init__(self, lab, seed, prober, flows=FLOWS):
        self.lab = lab
        self.flows = flows
        self.random = random.Random(seed)
        self.prober = prober
        self.on = set()
        self.events = 0
        self.ended = {signal.SIGKILL: 0, signal.SIGTERM: 0}
        self.slowest_ms = 0
        self.log = []               # (seconds, text)

    def begin(self):
        """Starts all flows.  Every switch is off; the rules that stand for
        that are published here."""
        def off(topology):
            for flip in SWITCHES.values():
                flip(topology, False)
        self.lab.change(off)
        for flow in self.flows:
            self.prober.flow(flow.name, flow.src, flow.dst, flow.port,
                             flow.family)
        self.prober.start()
        time.sleep(0.1)
        for flow in self.flows:
            self.expect(flow)
        time.sleep(0.3)

    def reset(self, topology):
        """Flips everything off that is on; to be published by the caller."""
        for switch in self.on:
            SWITCHES[switch](topology, False)
        self.on = set()

    def expect(self, flow):
        self.prober.expect("allowed" if flow.allowed(self.on) else "denied",
                           flow.name)

    def flip(self, switches, meanwhile=None):
        """One event.  `meanwhile' is called once it is published."""
        event = self.publish(switches)
        if meanwhile:
            meanwhile()
        took = self.settle(event)
        self.slowest_ms = max(self.slowest_ms, took * 1000)

    def publish(self, switches):
        """The first half of an event; returns what settle() wants.  Packets
        of the flows that change are not judged until then."""
        before = set(self.on)
        self.on ^= set(switches)
        changed = [f for f in changed_flows(before, self.on)
                   if f in self.flows]
        with self.lab.edit_topology() as topology:
            for switch in switches:
                SWITCHES[switch](topology, switch in self.on)
        if changed:
            self.prober.expect("any", *(f.name for f in changed))
        self.note(" ".join("%s %s" % (s, "on" if s in self.on else "off")
                           for s in switches))
        return time.monotonic(), self.lab.reload(), changed

    def settle(self, event, arrived=None):
        """Waits until all hosts have applied what was published (until
        arrived() returns), and returns how many seconds ago that was.  From
        now on packets fare as it says."""
        start, answer, changed = event
        (arrived or self.lab.wait_applied)(answer)
        took = time.monotonic() - start
        if changed:
            self.prober.phase(*(f.name for f in changed))
            for flow in changed:
                self.expect(flow)
        self.events += 1
        self.note("applied")
        return took

    def note(self, text):
        self.log.append((time.monotonic(), text))

    def end_and_restart(self, host, signo):
        """Some milliseconds after a change was published: before, in or
        behind its commit.  Every fourth time once more soon after the start:
        before, in or behind what it does first."""
        again = self.random.random() < 0.25
        time.sleep(self.random.uniform(0, 0.08))
        self.end(host, signo)
        time.sleep(self.random.uniform(0, 0.5))
        self.lab.start_agent(host)
        if again:
            time.sleep(self.random.uniform(0, 0.2))
            self.end(host, signo)
            self.lab.start_agent(host)

    def end(self, host, signo):
        self.lab.stop("agent@" + host, signo)
        self.ended[signo] += 1
        self.note("agent on %s ended by %s" % (host,
                                               signal.Signals(signo).name))

    def run(self, events, kills=0, stops=0):
        """`events' changes; with as many of them as `kills' an agent is
        killed, with as many as `stops' it is told to end."""
        signals = [signal.SIGKILL] * kills + [signal.SIGTERM] * stops
        self.random.shuffle(signals)
        due = {(k + 1) * events // (len(signals) + 1): signo
               for k, signo in enumerate(signals)}
        names = sorted(SWITCHES)
        for event in range(events):
            n = self.random.choice((1, 1, 1, 2, MAX_FLIPS))
            switches = self.random.sample(names, n)
            host = self.random.choice(HOSTS)
            try:
                self.flip(switches, meanwhile=event in due and (
                    lambda: self.end_and_restart(host, due[event])))
            except LabError as e:
                raise LabError("event %d, %s flipped: %s" % (
                    event, " ".join(switches), e))
            # Judged for a while; the prober leaves out the last 20 ms
            # before the next change.
            time.sleep(0.03)
        time.sleep(0.2)


def up(lab_name=None, **options):
    """A lab with the run's topology; a context manager."""
    return lablib.running(lab_name, edit=prepare, **options)


def show(result, churn, stream=sys.stdout):
    """The account, as comments of a test; if a packet was lost or leaked,
    also what happened when, in the account's microseconds."""
    if result["lost"] or result["leaked"]:
        for seconds, text in churn.log:
            stream.write("# %9d %s\n" % (
                seconds * 1e6 - result["start_us"], text))
    for flow in result["flows"]:
        stream.write("# %-8s sent %6d  allowed %6d lost %3d  denied %6d "
                     "leaked %3d\n" % (
                         flow["id"], flow["sent"], flow["allowed"],
                         flow["lost"], flow["denied"], flow["leaked"]))
        for what in ("lost_runs", "leaked_runs"):
            if flow[what]:
                stream.write("#          %s %s\n" % (what, flow[what]))
    stream.write("# own drops %d, worst tick %d us\n" % (
        lablib.own_drops(result), result["worst_tick_us"]))
