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
    print("\n%-18s %-4s %-28s %-8s %-8s %s" % (
        "who -> whom", "IP", "packet", "expected", "seen", "why"))
    wrong = 0
    results = labpolicy.compare(lab)
    for expected, seen in results:
        flow = expected.flow
        wrong += seen != expected.allowed
        print("%-7s -> %-7s v%d%s %-28s %-8s %-8s %s%s" % (
            flow.src, flow.dst, flow.family,
            " " if labpolicy.same_host(lab, flow) else "*", flow.what(),
            "passes" if expected.allowed else "-",
            "passes" if seen else "-", expected.why,
            "" if seen == expected.allowed else "   <== WRONG"))
    print("%d flows, %d as expected (*: between two hosts)" % (
        len(results), len(results) - wrong))
    return wrong


# --- Live -------------------------------------------------------------------

class Live:
    """Changes under traffic.  Each event is a row: what happened, how long
    from its publication to the kernel, which packets saw it first."""

    def __init__(self, lab, prober):
        self.lab = lab
        self.prober = prober

    def row(self, what, kernel_ms, packet_ms):
        def ms(value):
            return "-" if value is None else "%.1f ms" % value
        print("%-44s %12s %12s" % (what, ms(kernel_ms), ms(packet_ms)))

    def change(self, what, edit, opens=(), closes=()):
        """Edits the topology, publishes, waits until every host has applied
        it.  `opens' and `closes' are the flows whose fate changes."""
        with self.lab.edit_topology() as topology:
            edit(topology)
        if opens or closes:
            self.prober.expect("any", *opens, *closes)
        before = self.prober.stats()
        changes = self.lab.reload()
        kernel_ms = self.lab.wait_applied(changes)
        if opens:
            self.prober.expect("allowed", *opens)
        if closes:
            self.prober.expect("denied", *closes)
        time.sleep(0.3)
        self.row(what, kernel_ms, self.first_packet_ms(before, opens))
        time.sleep(0.3)

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
        time.sleep(0.5)
        start = time.monotonic()
        self.lab.start_agent(host)
        self.lab.wait_in_sync([host])
        self.row("agent on %s killed (-9), restarted" % host,
                 (time.monotonic() - start) * 1000, None)


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


def live(lab):
    """Runs the events; returns the number of packets lost and leaked."""
    print("\nlive: 1,000 numbered packets a second on each flow\n")
    print("%-44s %12s %12s" % ("event", "in kernel", "first packet"))
    with lablib.Prober(lab) as prober:
        live = Live(lab, prober)
        live.change("a new instance is plugged: app3, group web", newcomer)
        lab.plug(["app3"])
        lab.wait_in_sync()
        for name, flow in (
                ("stays4", ("app1", "app2", 7001, 4)),
                ("stays6", ("app2", "app1", 7001, 6)),
                ("never4", ("web1", "db1", 5433, 4)),
                ("never6", ("web2", "app1", 7001, 6)),
                ("member4", ("app3", "app1", 7002, 4)),
                ("member6", ("app3", "db1", 5433, 6)),
                ("rule4", ("bare1", "web2", 6000, 4)),
                ("rule6", ("bare1", "web1", 6000, 6))):
            prober.flow(name, *flow)
        prober.start()
        time.sleep(0.3)
        prober.expect("allowed", "stays4", "stays6")
        prober.expect("denied", "never4", "never6", "member4", "member6",
                      "rule4", "rule6")
        time.sleep(0.3)
        member = ("member4", "member6")
        rule = ("rule4", "rule6")
        live.change("app3 joins group app", set_groups("app3", "web", "app"),
                    opens=member)
        live.change("a rule is added: UDP 6000 to web", add_rule, opens=rule)
        live.restart_agent("h1")
        live.restart_agent("h2")
        live.change("the rule is removed", remove_rule, closes=rule)
        live.change("app3 leaves group app", set_groups("app3", "web"),
                    closes=member)
        time.sleep(0.3)
        result = prober.finish()
    return show_account(result)


def show_account(result):
    print("\n%-10s %10s %10s %10s %10s" % (
        "flow", "allowed", "lost", "denied", "leaked"))
    for flow in result["flows"]:
        print("%(id)-10s %(allowed)10d %(lost)10d %(denied)10d %(leaked)10d"
              % flow)
    print("%-10s %10d %10d %10d %10d" % (
        "all", result["allowed"], result["lost"], result["denied"],
        result["leaked"]))
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
