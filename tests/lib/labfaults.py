# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""Faults under traffic: what each of them promises, and whether it is kept.

    @labfaults.shows("F01", "packets as before; in sync <= 5 s after ...")
    def broker_killed(run):
        ...

    labfaults.main(globals(), proxy=True)

The numbers are those of the project's list of faults.  The decorator is also
the tag that tools/tags reads: what is not tagged does not run.

Each flow has 1,000 packets a second from before the first fault until after
the last.  Behind every fault stand the same checks: none of the packets was
lost or leaked meanwhile, no turn of an agent's loop was longer than it may
be, and nothing is left to complain about in `sgctl status'.

A test that is called by a name that ends with -long does it more often, or
for longer."""

import contextlib
import json
import os
import random
import re
import socket
import statistics
import sys
import time

import erlang
import labchurn
import labcore
import lablib
from labnet import LabError

HOSTS = labcore.HOSTS
PROXY_PORT = 5682
TURN_MS = 50                    # The longest turn of an agent's loop.
TOLD_S = 2                      # Until status says what has happened.
STALE_S = 6                     # Three beacons.
DROPPED_S = 15                  # Until a silent connection is given up.
BACK_S = 5                      # In sync again, 95 of 100 times,
BACK_MEDIAN_S = 2               # and in the middle.

# Some that never change, one that follows a group's members (switch bare1),
# one that follows its rules (switch any).
FLOWS = [f for f in labchurn.FLOWS
         if f.name in ("stays4", "stays6", "never4", "never6", "member4",
                       "any4")]

is_long = sys.argv[0].endswith("-long")
check = lablib.Checks()


def shows(name, promise):
    """Marks a function as the test of fault `name'; one function may be that
    of several."""
    def mark(function):
        function.faults = [(name, promise)] + getattr(function, "faults", [])
        return function
    return mark


class Proxy:
    """tests/lib/amqp-proxy between the agents and the broker."""

    def __init__(self, lab):
        self.socket = lab.path("ctl", "amqp-proxy")
        lab.spawn("proxy@ctl", [
            os.path.join(labcore.TOP, "tests", "lib", "amqp-proxy"),
            "%s:%d" % (labcore.CTL_ADDRESS, PROXY_PORT),
            "127.0.0.1:%d" % labcore.AMQP_PORT, self.socket])
        lab.wait_for("proxy@ctl", lambda: os.path.exists(self.socket),
                     "control socket")

    def command(self, host, **words):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(10)
            sock.connect(self.socket)
            sock.sendall(json.dumps(dict(
                words, peer=labcore.HOST_ADDRESS[host])).encode() + b"\n")
            text = b""
            while not text.endswith(b"\n"):
                chunk = sock.recv(1 << 16)
                if not chunk:
                    break
                text += chunk
        answer = json.loads(text or b'{"error": "it ended"}')
        if "error" in answer:
            raise LabError("proxy: %s: %s" % (words, answer["error"]))
        return answer["counts"]

    def rules(self, *hosts, **rules):
        """These and no other rules hold for `hosts', all without any."""
        for host in hosts or HOSTS:
            self.command(host, rules=rules)

    def count(self, host, what):
        return self.command(host, count=True).get(what, 0)


class Run:
    """One lab under traffic, and what tests do to it."""

    def __init__(self, lab, prober, churn, proxy):
        self.lab = lab
        self.prober = prober
        self.churn = churn
        self.proxy = proxy
        self.cut_rules = []
        self.lost = self.leaked = 0

    # --- Status ---------------------------------------------------------

    def status(self, host):
        return self.lab.agent(host, "sg/status")

    def reasons(self, host):
        """What the agent has to complain about, {code: reason}."""
        return {r["code"]: r for r in self.status(host)["reasons"]}

    def told(self, hosts, code, within, since, pattern="", began=None):
        """Checks that status names `code' on all `hosts', with a text like
        `pattern' and its age, at most `within' seconds after `since', and
        that sgctl says so and ends with 1.  `since' may be a dict.  What is
        told may have begun earlier, at `began'."""
        if not isinstance(since, dict):
            since = dict.fromkeys(hosts, since)
        found = {}

        def look():
            for host in hosts:
                with contextlib.suppress(LabError):
                    reason = self.reasons(host).get(code)
                    if reason and re.search(pattern, reason["text"]):
                        found.setdefault(host, (reason, time.monotonic()))
            return len(found) == len(hosts)
        lablib.wait_until(look, max(since.values()) + within + 10
                          - time.monotonic(), step=0.02)
        shown = {host: self.lab.sgctl(host, "status") for host in found}
        for host in hosts:
            reason, at = found.get(host) or ({"text": "never"}, float("inf"))
            took = at - since[host]
            check(took <= within, "%s: status says %s after %.1f s: %s" % (
                      host, code, took, reason["text"]),
                  "not within %.1f s%s" % (within, self.look(host)))
            if host not in found:
                continue
            age = reason.get("since_ms")
            oldest = at - (began or since[host])
            check(age is not None and age <= oldest * 1000 + 500,
                  "%s: and for how long: %s ms" % (host, age), oldest)
            status, out, _ = shown[host]
            check(status == 1 and code in out,
                  "%s: sgctl status says so, exit 1" % host, (status, out))

    def look(self, host):
        """For the text of a failed check."""
        try:
            status = self.status(host)
        except LabError as e:
            return "; %s" % e
        return "; %s" % json.dumps({key: status.get(key) for key in (
            "reasons", "broker", "sync", "beacon_age_ms")})

    def is_in_sync(self, host):
        try:
            status = self.status(host)
        except LabError:
            return False
        return (status["in_sync"] and not status["reasons"]
                and not status["sync"]["stale"]
                and status["epoch"] == self.epoch)

    def wait_back(self, hosts=HOSTS, timeout=60):
        """Waits until status has nothing to complain about, on all `hosts';
        returns the moment of the last."""
        self.epoch = self.lab.controller("status")["epoch"]
        for host in hosts:
            if not lablib.wait_until(lambda: self.is_in_sync(host), timeout,
                                     step=0.01):
                raise LabError("%s: not in sync within %d s%s" % (
                    host, timeout, self.look(host)))
        return time.monotonic()

    def back_times(self, since, timeout=60):
        """Waits as wait_back() does; returns how long it took each host."""
        self.epoch = self.lab.controller("status")["epoch"]
        times = {}

        def look():
            for host in HOSTS:
                if host not in times and self.is_in_sync(host):
                    times[host] = time.monotonic() - since
            return len(times) == len(HOSTS)
        if not lablib.wait_until(look, timeout, step=0.01):
            raise LabError("not in sync within %d s%s" % (
                timeout, "".join(map(self.look, HOSTS))))
        return list(times.values())

    def back(self, since, within, what, hosts=HOSTS):
        """Checks that all is well again, at most `within' seconds after
        `since'.  Returns how long it took."""
        took = self.wait_back(hosts) - since
        check(took <= within, "%s: in sync %.2f s later" % (what, took),
              "not within %.1f s" % within)
        return took

    def sync(self, host, what):
        """A number in the agent's status of its questions."""
        return self.status(host)["sync"][what]

    def sessions(self):
        """How many connections each host's agent has had."""
        return {h: self.status(h)["broker"]["sessions"] for h in HOSTS}

    def wait_sessions(self, before, timeout=30):
        """Until every agent has another connection than it had."""
        if not lablib.wait_until(lambda: all(
                self.sessions()[h] > before[h] for h in HOSTS), timeout):
            raise LabError("no new connections within %d s%s" % (
                timeout, "".join(map(self.look, HOSTS))))

    # --- Faults ---------------------------------------------------------

    def rabbitmqctl(self, *words):
        """Returns its output."""
        return self.lab.space("ctl").run(
            erlang.pinned([labcore.RABBIT_BIN + "/rabbitmqctl", "-q"]
                          + list(words)),
            env=self.lab.broker_env())

    def in_broker(self, code):
        """Has the broker evaluate this Erlang code; returns when it began
        to: rabbitmqctl itself takes a second or two."""
        answer = self.rabbitmqctl(
            "eval", "T = erlang:system_time(millisecond), %s, T." % code)
        ago = time.time() - int(re.findall(r"\d{13}", answer)[-1]) / 1000
        return time.monotonic() - ago

    def broker_is_back(self):
        """Waits for the broker to listen again; returns when it did."""
        lab = self.lab
        lab.wait_for("broker@ctl", lambda: lab._listens(labcore.AMQP_PORT),
                     "listener", timeout=labcore.BROKER_START_S)
        back = time.monotonic()
        erlang.release(lab.procs["broker@ctl"].pid)
        return back

    def cut(self, hosts, directions):
        """The network drops what goes to ("up") and comes from ("down") the
        broker, on the broker's side."""
        for host in hosts:
            for chain, port, address in (("INPUT", "--dport", "-s"),
                                         ("OUTPUT", "--sport", "-d")):
                if ("up" if chain == "INPUT" else "down") in directions:
                    rule = [chain, "-p", "tcp", port, str(labcore.AMQP_PORT),
                            address, labcore.HOST_ADDRESS[host], "-j", "DROP"]
                    self.iptables(["-I"] + rule)
                    self.cut_rules.append(rule)
        return time.monotonic()

    def refuse(self):
        """Connections of the agents to the broker itself are refused."""
        for host in HOSTS:
            rule = ["INPUT", "-p", "tcp", "--dport", str(labcore.AMQP_PORT),
                    "-s", labcore.HOST_ADDRESS[host], "-j", "REJECT",
                    "--reject-with", "tcp-reset"]
            self.iptables(["-I"] + rule)
            self.cut_rules.append(rule)

    def heal(self):
        """Undoes cut() and refuse(); returns when."""
        for rule in self.cut_rules:
            self.iptables(["-D"] + rule)
        self.cut_rules = []
        return time.monotonic()

    def iptables(self, words):
        self.lab.space("ctl").run(["iptables-legacy", "-w"] + words)

    # --- Changes --------------------------------------------------------

    def settle(self, event):
        """Waits until what was published is in the kernel of all hosts;
        they may have a question all the same.  Returns how long it took."""
        return self.churn.settle(event, arrived=self.arrived)

    def arrived(self, answer):
        changed = {(c["kind"], c["id"]): c["revision"]
                   for c in answer["changed"]}

        def is_there(host):
            held = self.lab.held(host)
            status = self.status(host)
            return status["applied"] == status["generation"] and all(
                held[ref] >= revision for ref, revision in changed.items()
                if ref in held)
        lablib.wait_for(lambda: all(map(is_there, HOSTS)), 60,
                        "a change in force")

    def change(self, within, *switches):
        """A change goes through and is in force on all hosts in time."""
        took = self.settle(self.churn.publish(switches))
        check(took <= within, "a change is in force %.2f s after it was made"
              % took, "not within %.1f s" % within)
        return took

    # --- Running --------------------------------------------------------

    def section(self, function):
        """One test: what it says it shows, and what all have to show."""
        for name, promise in function.faults:
            print("# %s: %s" % (name, promise), flush=True)
        names = " ".join(name for name, _ in function.faults)
        start = time.monotonic()
        for host in HOSTS:
            self.lab.agent(host, "sg/loop", "reset")
        try:
            function(self)
        except LabError as e:
            check(False, "%s: %s" % (names, e))
            if str(e).startswith("interrupted"):
                raise
        self.repair()
        self.after(names)
        print("# %s took %.1f s" % (names, time.monotonic() - start),
              flush=True)

    def repair(self):
        """A test that ended half-way does not spoil the next one."""
        self.heal()
        self.proxy.rules()
        controller = self.lab.procs.get("controller@ctl")
        if not controller or not controller.alive():
            self.lab.procs.pop("controller@ctl", None)
            self.lab.start_controller()
            lablib.wait_for(self.controller_answers, 10, "the controller")

    def controller_answers(self):
        with contextlib.suppress(LabError):
            return self.lab.controller("status")["broker"]["stage"] == "up"
        return False

    def after(self, names):
        try:
            self.wait_back()
        except LabError as e:
            check(False, "%s: %s" % (names, e))
        for host in HOSTS:
            status, out, _ = self.lab.sgctl(host, "status")
            check(status == 0, "%s: %s: sgctl status: exit 0" % (names, host),
                  (status, out))
            self.turn(names, host)
        time.sleep(0.2)         # The youngest packets are not judged yet.
        stats = self.prober.stats()["flows"].values()
        lost = sum(f["lost"] for f in stats)
        leaked = sum(f["leaked"] for f in stats)
        check.equal((lost - self.lost, leaked - self.leaked), (0, 0),
                    "%s: no packet lost, none leaked" % names)
        self.lost, self.leaked = lost, leaked

    def turn(self, names, host):
        """The longest turn of the agent's loop since the test began."""
        loop = self.status(host)["loop"]
        check(loop["longest_turn_ms"] <= TURN_MS,
              "%s: %s: longest turn of the loop %.1f ms (%s)" % (
                  names, host, loop["longest_turn_ms"],
                  loop["longest_turn_what"]), loop)

    def restart_agents(self, port=labcore.AMQP_PORT, **broker):
        """Agents that use this port of the broker's host, or other keys of
        `broker' in their configuration, take the place of those that run."""
        for host in HOSTS:
            if "agent@" + host in self.lab.procs:
                self.lab.stop("agent@" + host)
        self.lab.agent_keys = {"broker": dict(
            {"hosts": ["%s:%d" % (labcore.CTL_ADDRESS, port)],
             "user": labcore.BROKER_USER,
             "password": labcore.BROKER_PASSWORD}, **broker)}
        for host in HOSTS:
            self.lab.start_agent(host)
        self.lab.wait_in_sync()


def distribution(times):
    """A line about many measurements."""
    times = sorted(times)
    return "%d times: median %.2f s, 95 of 100 <= %.2f s, max %.2f s" % (
        len(times), statistics.median(times),
        times[max(0, -(-95 * len(times) // 100) - 1)], times[-1])


@contextlib.contextmanager
def running(seed):
    """A lab without agents, its proxy and its prober: a Run."""
    with labchurn.up(agents=False) as lab:
        proxy = Proxy(lab)
        with lablib.Prober(lab) as prober:
            yield Run(lab, prober, labchurn.Churn(lab, seed, prober, FLOWS),
                      proxy)


def main(tests, **broker):
    """Runs `tests', functions marked with shows(), in this order, on one lab;
    a string between them says how the agents are connected from there on,
    "direct" or "proxy".  `broker' are more keys of their configuration.
    Names of faults on the command line choose some."""
    wanted = set(sys.argv[1:])
    seed = int(os.environ.get("TEST_SEED", random.randrange(1 << 31)))
    print("# TEST_SEED=%d" % seed, flush=True)
    chosen = [t for t in tests if isinstance(t, str) or not wanted
              or wanted & {name for name, _ in t.faults}]
    with running(seed) as run:
        for number, test in enumerate(chosen):
            if not isinstance(test, str):
                run.section(test)
                continue
            run.restart_agents(port={"direct": labcore.AMQP_PORT,
                                     "proxy": PROXY_PORT}[test], **broker)
            if not number:
                run.churn.begin()
        result = run.prober.finish()
        labchurn.show(result, run.churn)
        check(result["allowed"] > 10000 and result["denied"] > 10000,
              "%(allowed)d packets judged as allowed, %(denied)d as denied"
              % result)
        check.equal(result["leaked"], 0, "none leaked")
        check.equal(lablib.own_drops(result), 0,
                    "the machine itself lost none")
        check.equal(result["lost"], 0, "none lost")
    check.exit()
