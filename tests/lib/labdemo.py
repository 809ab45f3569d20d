# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""The part of tools/demo that runs when everything is built."""

import argparse
import copy
import sys
import time

sys.dont_write_bytecode = True

import lablib  # noqa: E402
import labpolicy  # noqa: E402
from labnet import LabError  # noqa: E402

HOSTS = lablib.labcore.HOSTS


# --- The table --------------------------------------------------------------

def show_table(lab):
    """Prints the fate of each flow; returns how many fared otherwise."""
    line = "%-18s  %-6s  %-29s  %-8s  %-6s  %s"
    print("\n" + line % ("who -> whom", "IP", "packet", "expected", "seen",
                         "why"))
    wrong = 0
    results = labpolicy.compare(lab)
    for expected, seen in results:
        flow = expected.flow
        wrong += seen != expected.allowed
        print(line % (
            "%-7s -> %s" % (flow.src, flow.dst),
            "IPv%d%s" % (flow.family,
                         "" if labpolicy.same_host(lab, flow) else " *"),
            flow.what(), "passes" if expected.allowed else "-",
            "passes" if seen else "-", expected.why
            + ("" if seen == expected.allowed else "   <== WRONG")))
    print("%d flows, %d as expected (*: between two hosts)" % (
        len(results), len(results) - wrong))
    return wrong


# --- Live -------------------------------------------------------------------

class Live:
    """Changes under traffic.  Each event is a row: what happened, how long
    from its publication until each host had it in its kernel, by that host's
    own account, and what traffic saw of it."""

    LINE = "%-46s  %8s %8s  %8s  %6s %6s"

    def __init__(self, lab, prober):
        self.lab = lab
        self.prober = prober
        self.lost = self.leaked = 0
        print(self.LINE % ("", "publish", "-> kernel", "first ", "", ""))
        print(self.LINE % ("event", "h1 ", "h2 ", "packet", "lost", "leaked"))

    def row(self, what, kernel_ms=(None, None), packet_ms=None):
        """Waits a little, so that there is something to count."""
        def ms(value):
            return "" if value is None else "< 1 ms" if value < 1 \
                else "%.0f ms" % value
        time.sleep(0.4)
        flows = self.prober.stats()["flows"].values()
        lost = sum(flow["lost"] for flow in flows)
        leaked = sum(flow["leaked"] for flow in flows)
        print(self.LINE % (what, ms(kernel_ms[0]), ms(kernel_ms[1]),
                           ms(packet_ms), lost - self.lost,
                           leaked - self.leaked), flush=True)
        self.lost, self.leaked = lost, leaked

    def change(self, what, edit, opens=(), closes=()):
        """Edits the topology, publishes, waits until every host has applied
        it.  `opens' and `closes' are the flows whose fate changes."""
        self.prober.expect("any", *opens, *closes)
        before = self.prober.stats()
        self.lab.change(edit)
        for expectation, flows in (("allowed", opens), ("denied", closes)):
            if flows:
                self.prober.expect(expectation, *flows)
        lags = [self.lab.agent(host, "sg/status")["lag_ms"]
                for host in HOSTS]
        if opens:
            time.sleep(0.1)
        self.row(what, lags, self.first_packet_ms(before, opens))

    def first_packet_ms(self, before, opens):
        """From the publication to the first packet on each flow that
        opened, the slowest of them.  There is one packet a millisecond, and
        the prober looks once a millisecond."""
        after = self.prober.stats()["flows"]
        first = [after[f]["first_received_us"] for f in opens]
        if not first or min(first) < 0:
            return None
        return (max(first) - before["us"]) / 1000

    def restart_agent(self, host):
        self.lab.kill_agent(host)
        self.row("the agent on %s is killed (kill -9)" % host)
        start = time.monotonic()
        self.lab.start_agent(host)
        self.lab.wait_in_sync([host])
        self.row("it is started again: in sync after %.0f ms" % (
            (time.monotonic() - start) * 1000))


def newcomer(topology):
    """app3 on h2: at first a web server."""
    port = copy.deepcopy(next(p for p in topology["ports"]
                              if p["name"] == "app2"))
    port.update(id="0ab10002-0500-4000-8000-000000000019", name="app3",
                mac_address="fa:16:3e:00:02:19",
                fixed_ips=["10.77.0.19", "fd77::a:19"],
                security_groups=[group_id(topology, "web")])
    port.pop("allowed_address_pairs")
    topology["ports"].append(port)


def group_id(topology, name):
    return next(g["id"] for g in topology["groups"] if g["name"] == name)


def set_groups(port_name, *groups):
    def edit(topology):
        port = next(p for p in topology["ports"] if p["name"] == port_name)
        port["security_groups"] = [group_id(topology, g) for g in groups]
    return edit


def add_rule(topology):
    group = next(g for g in topology["groups"] if g["name"] == "web")
    for number, ethertype in ((0x61, "IPv4"), (0x62, "IPv6")):
        group["rules"].append({
            "id": "5eb00000-0001-4000-8000-0000000000%02x" % number,
            "direction": "ingress", "ethertype": ethertype,
            "protocol": "udp", "port_range_min": 6000,
            "port_range_max": 6000})


def remove_rule(topology):
    group = next(g for g in topology["groups"] if g["name"] == "web")
    group["rules"] = [r for r in group["rules"]
                      if r.get("port_range_min") != 6000]


def elsewhere(topology):
    """A port on a host that is not in the lab, with bare1's addresses."""
    bare1 = next(p for p in topology["ports"] if p["name"] == "bare1")
    topology["ports"].append({
        "id": "e15e0000-0000-4000-8000-000000000001",
        "mac_address": "fa:16:3e:ee:00:01",
        "fixed_ips": bare1["fixed_ips"],
        "security_groups": [group_id(topology, "app")]})


def nowhere(topology):
    topology["ports"] = [p for p in topology["ports"] if "host" in p]


FLOWS = {
    "stays4": ("app1", "app2", 7001, 4),
    "stays6": ("app2", "app1", 7001, 6),
    "never4": ("web1", "db1", 5433, 4),
    "never6": ("web2", "app1", 7001, 6),
    "member4": ("bare1", "app1", 7003, 4),
    "member6": ("bare1", "db1", 5433, 6),
    "rule4": ("bare1", "web2", 6000, 4),
    "rule6": ("bare1", "web1", 6000, 6),
    "port4": ("app3", "app1", 7002, 4),
    "port6": ("app3", "db1", 5433, 6),
}
MEMBER = ("member4", "member6")
RULE = ("rule4", "rule6")
PORT = ("port4", "port6")


def live(lab):
    """Runs the events; returns the number of packets lost and leaked."""
    lab.change(newcomer)
    lab.plug(["app3"])
    lab.wait_in_sync()
    print("\nlive: an instance app3 is plugged, in group web; then 1,000 "
          "numbered packets a\nsecond on each of %d flows, one way\n"
          % len(FLOWS))
    with lablib.Prober(lab) as prober:
        for name, flow in FLOWS.items():
            prober.flow(name, *flow)
        prober.start()
        time.sleep(0.2)
        prober.expect("allowed", "stays4", "stays6")
        prober.expect("denied", "never4", "never6", *MEMBER, *RULE, *PORT)
        time.sleep(0.2)
        live = Live(lab, prober)
        live.change("a member joins group app, somewhere else", elsewhere,
                    opens=MEMBER)
        live.change("a rule is added to group web: UDP 6000", add_rule,
                    opens=RULE)
        live.change("app3, on h2, is put into group app",
                    set_groups("app3", "web", "app"), opens=PORT)
        for host in HOSTS:
            live.restart_agent(host)
        live.change("the member leaves group app", nowhere, closes=MEMBER)
        live.change("the rule is removed", remove_rule, closes=RULE)
        live.change("app3 is taken out of group app",
                    set_groups("app3", "web"), closes=PORT)
        result = prober.finish()
    return show_account(result)


def show_account(result):
    line = "%-8s %-32s %8s %8s %8s %8s"
    columns = ("allowed", "lost", "denied", "leaked")
    print("\n" + line % (("flow", "") + columns))
    for flow in result["flows"]:
        src, dst, port, family = FLOWS[flow["id"]]
        print(line % ((flow["id"], "%s -> %s, UDP %d, IPv%d" % (
            src, dst, port, family)) + tuple(flow[c] for c in columns)))
    print(line % (("all", "") + tuple(result[c] for c in columns)))
    drops = lablib.own_drops(result)
    if drops:
        print("%d packets were lost by this machine's own queues, where no "
              "filter is: it is too slow for an account of lost packets"
              % drops)
    return result["lost"] + result["leaked"]


def main():
    parser = argparse.ArgumentParser(prog="tools/demo")
    parser.add_argument("--name", default="demo")
    parser.add_argument("--pause", action="store_true")
    args = parser.parse_args()
    start = time.monotonic()
    try:
        with lablib.running(args.name) as lab:
            lab.wait_in_sync()
            print("lab: two hosts, %d instances, RabbitMQ, Open vSwitch, "
                  "controller, two agents ... %.1f s" % (
                      len(lab.plugged), time.monotonic() - start))
            wrong = show_table(lab)
            bad = live(lab)
            if args.pause:
                input("\ntools/lab exec --name %s ... ; Return ends it "
                      % args.name)
        print("\nlab is down, nothing is left")
    except LabError as e:
        print("tools/demo: %s" % e, file=sys.stderr)
        return 1
    print("%s: %d flows not as expected, %d packets lost or leaked" % (
        "PASSED" if not wrong and not bad else "FAILED", wrong, bad))
    return 1 if wrong or bad else 0


if __name__ == "__main__":
    sys.exit(main())
