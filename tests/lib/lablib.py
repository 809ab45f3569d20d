# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""Helpers for the system tests and the demo, on top of a lab.

    with lablib.running() as lab:
        flow = lablib.Flow("web1", "db1", "udp", 5433)
        assert not lab.try_flow(flow)
        with lab.edit_topology() as topology: ...
        lab.reload()
        lab.wait_in_sync()

Packets decide: nothing here looks at rules to find out what would pass."""

import base64
import collections
import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import uuid

import labcore
import labnet
from labnet import LabError, wait_until

BUILD = labcore.BUILD


class Flow(collections.namedtuple(
        "Flow", "src dst proto port family source mac sport icmp_type")):
    """One kind of packet, from one instance to another.

    proto      tcp, udp, icmp (ICMPv6 in family 6) or a protocol number
    family     4 or 6
    source     send from this address instead of the instance's own
    mac        send from this MAC address instead of its own (udp)
    sport      source port
    icmp_type  instead of an echo request"""

    def __new__(cls, src, dst, proto, port=0, family=4, source=None,
                mac=None, sport=0, icmp_type=None):
        return super().__new__(cls, src, dst, proto, port, family, source,
                               mac, sport, icmp_type)

    def __str__(self):
        return "%s -> %s IPv%d %s" % (self.src, self.dst, self.family,
                                      self.what())

    def what(self):
        """Protocol and port, and what is unusual about the packet."""
        text = self.proto if isinstance(self.proto, str) \
            else "protocol %d" % self.proto
        text += " %d" % self.port if self.port else ""
        text += " type %d" % self.icmp_type if self.icmp_type else ""
        text += " from port %d" % self.sport if self.sport else ""
        text += " as %s" % self.source if self.source else ""
        text += " as %s" % self.mac if self.mac else ""
        return text


class Lab(labcore.Lab):
    """A lab with what tests do to it."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.strangers = {}         # name -> Instance, see plug_stranger()

    # --- Packets ------------------------------------------------------------

    def try_flows(self, flows, tries=3):
        """Sends packets of all `flows' at the same time; returns what
        lab-flow says of each: a dict with seen, reply, us."""
        known = dict(self.instances(), **self.strangers)
        lines = []
        for number, flow in enumerate(flows):
            lines.append(self._flow_line(known, number, flow))
        result = subprocess.run(
            [os.path.join(BUILD, "tests", "lab-flow"), "-t", str(tries)],
            input="".join(lines), stdout=subprocess.PIPE,
            universal_newlines=True, check=True, timeout=60)
        answers = [json.loads(line) for line in result.stdout.splitlines()]
        for flow, answer in zip(flows, answers, strict=True):
            if answer["error"]:
                raise LabError("%s: %s" % (flow, answer["error"]))
        return answers

    def try_flow(self, flow, tries=3):
        """True if a packet of `flow' arrives (TCP: connects)."""
        return self.try_flows([flow], tries)[0]["seen"]

    def _flow_line(self, known, number, flow):
        src, dst = known[flow.src], known[flow.dst]
        words = ["id=%d" % number, "proto=%s" % flow.proto,
                 "src=" + self.space(flow.src).net_path(),
                 "from=" + (flow.source or src.address(flow.family)),
                 "dst=" + self.space(flow.dst).net_path(),
                 "to=" + dst.address(flow.family),
                 "port=%d" % flow.port]
        if flow.source:
            words.append("spoof=1")
        if flow.mac:
            words += ["smac=" + flow.mac, "dmac=" + dst.mac]
        if flow.sport:
            words.append("sport=%d" % flow.sport)
        if flow.icmp_type is not None:
            words.append("type=%d" % flow.icmp_type)
        return " ".join(words) + "\n"

    def ovs_drops(self):
        """How many frames the hosts' userspace datapaths were too slow to
        fetch from their devices.  When it grows, packets are missing for
        which no filter is to blame."""
        total = 0
        for host in labcore.HOSTS:
            shown = self.space(host).run(["ss", "-0", "-a", "-m", "-H"])
            total += sum(int(n) for n in re.findall(r"\bd(\d+)\)", shown))
        return total

    # --- Policy -------------------------------------------------------------

    def group(self, topology, name):
        """The group of `topology' with that name."""
        return next(g for g in topology["groups"] if g["name"] == name)

    def port(self, topology, name):
        return next(p for p in topology["ports"] if p["name"] == name)

    # --- The programs -------------------------------------------------------

    def agent(self, host, command, *params):
        """Gives the agent a command ("sg/status") over its control socket,
        without a process in between; returns the JSON of its answer."""
        return json.loads(unixctl(self.agent_socket(host), command, params))

    def controller(self, command, *params):
        """The same for the controller."""
        return json.loads(unixctl(self.controller_socket(), command, params))

    def reload(self):
        """Makes the controller read the topology again and publish what
        changed, however much it takes away; returns its answer, with the
        objects that changed."""
        return self.controller("reload", "--force")

    def wait_in_sync(self, hosts=labcore.HOSTS, timeout=30):
        """Waits until the agents of `hosts' have in the kernel what they
        know, and know what the controller knows."""
        for host in hosts:
            self._wait_agent(host, lambda h=host: self.agent(
                h, "sg/wait", self.generation(h), "1")["done"],
                timeout, "in sync")

    def generation(self, host):
        """The newest policy generation that the host's agent knows."""
        return str(self.agent(host, "sg/status")["generation"])

    def _wait_agent(self, host, condition, timeout, what):
        """Waits for `condition', which may raise LabError while the agent
        starts, and no longer than the agent lives."""
        def done():
            with contextlib.suppress(LabError):
                return condition()
            proc = self.procs.get("agent@" + host)
            if not proc or not proc.alive():
                raise self._died("agent@" + host)
            return False
        wait_for(done, timeout, "agent on %s %s" % (host, what))

    def held(self, host):
        """The revision of each object that the host's agent needs,
        {(kind, id): revision}; 0 while it has not come."""
        found = {("port", p["id"]): p["policy"]["revision"]
                 if p["policy"] else 0
                 for p in self.agent(host, "sg/ports")["ports"]}
        for group in self.agent(host, "sg/groups")["groups"]:
            for kind in ("rules", "members"):
                if group[kind]["needed"]:
                    found[kind, group["id"]] = group[kind]["revision"]
        return found

    def wait_applied(self, answer, hosts=labcore.HOSTS, timeout=30):
        """Waits until what reload() answered is in the kernels of all
        `hosts' that need it."""
        changed = {(c["kind"], c["id"]): c["revision"]
                   for c in answer["changed"]}

        def arrived(host):
            held = self.held(host)
            return all(held[ref] >= revision
                       for ref, revision in changed.items() if ref in held)
        for host in hosts:
            self._wait_agent(host, lambda h=host: arrived(h), timeout,
                             "at the new revisions")
        self.wait_in_sync(hosts, timeout)

    def change(self, edit, hosts=labcore.HOSTS):
        """Edits the topology with edit(topology), publishes, waits until
        `hosts' have applied it; returns the controller's answer."""
        with self.edit_topology() as topology:
            edit(topology)
        answer = self.reload()
        self.wait_applied(answer, hosts)
        return answer

    def sgctl(self, host, *args):
        """Runs sgctl on the host; returns exit status, output, errors."""
        result = subprocess.run(
            self.space(host).prefix() + [self.program("sgctl")] + list(args),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=self.env(), timeout=90,
            universal_newlines=True)
        return result.returncode, result.stdout, result.stderr

    def kill_agent(self, host):
        """kill -9."""
        self.stop("agent@" + host, signal.SIGKILL)

    def agent_log(self, host):
        """What the host's agents have logged so far."""
        with open(self.path(host, "log", "agent.log"),
                  errors="replace") as f:
            return f.read()

    def plug_stranger(self, name, beside, mac, addresses, device=None):
        """Puts a second tap on the bridge of instance `beside', or a device
        called `device', with a guest called `name' behind it that no port
        speaks of.  The tap sorts before that of the instance."""
        known = self.instances()[beside]
        stranger = labcore.Instance({
            "id": "00000000-0000-4000-8000-000000000000",
            "name": name, "host": known.host,
            "mac_address": mac, "fixed_ips": addresses})
        with self.changing():
            self._make_space(name, mounts=False)
            self.spaces[name].sysctl({
                "ipv6/conf/default/accept_dad": 0,
                "ipv6/conf/default/accept_ra": 0})
            tap = stranger.tap = device or stranger.device("tap")
            host = self.space(known.host)
            host.ip(["link add %s type veth peer name eth0 netns %d "
                     "address %s" % (tap, self.spaces[name].proc.pid, mac),
                     "link set %s master %s up" % (tap,
                                                   known.device("qbr"))])
            host.no_offload([tap])
            self._address(stranger)
        self.strangers[name] = stranger
        return tap

    def unplug_stranger(self, name):
        stranger = self.strangers.pop(name)
        with self.changing():
            self.space(stranger.host).ip(["link del " + stranger.tap])
            space = self.spaces.pop(name)
            labnet.end_procs(labnet.procs_in_netns({space.netns}), 0)
            self._save()

    def plug_again(self, name, host):
        """Plugs the port of instance `name' on `host' as well, as during a
        live migration.  Returns the second guest's name, for unplug()."""
        port = self.port(self.topology(), name)
        guest = labcore.Instance(dict(port, host=host,
                                      name="%s-on-%s" % (name, host)))
        with self.changing():
            self._plug([guest])
        self.strangers[guest.name] = guest
        return guest.name

    def unplug_again(self, name):
        del self.strangers[name]
        self.unplug([name])

    # --- Broker -------------------------------------------------------------

    def http(self, path, method="GET", body=None):
        """One request to the broker's management API; returns its JSON."""
        connection = http.client.HTTPConnection("127.0.0.1",
                                                labcore.HTTP_PORT)
        connection.sock = self.connect_ctl(labcore.HTTP_PORT)
        token = "%s:%s" % (labcore.BROKER_USER, labcore.BROKER_PASSWORD)
        headers = {"Authorization": "Basic " + _base64(token),
                   "Content-Type": "application/json"}
        try:
            connection.request(method, "/api/" + path, headers=headers,
                               body=None if body is None
                               else json.dumps(body))
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status >= 300:
            raise LabError("%s: %d %s" % (path, answer.status, answer.reason))
        return json.loads(text) if text else None

    def queues(self):
        """The broker's queues by name."""
        return {q["name"]: q for q in self.http("queues")}

    def deliver_counts(self):
        """Messages that the broker has delivered from each queue.  The
        broker adds them up once a second: wait for a sum, do not read it
        once."""
        counts = {}
        for name, queue in self.queues().items():
            stats = queue.get("message_stats", {})
            counts[name] = stats.get("deliver_get", 0)
        return counts

    def bindings(self):
        """(exchange, queue, key) of each binding of an exchange."""
        return [(b["source"], b["destination"], b["routing_key"])
                for b in self.http("bindings") if b["source"]]

    def agent_queue(self, host):
        """The name of the agent's own queue, or None."""
        names = [n for n in self.queues()
                 if n.startswith("sg-agent.%s." % host)]
        if len(names) > 1:
            raise LabError("%s has several queues: %s" % (host, names))
        return names[0] if names else None

    def publish(self, exchange, key, body):
        """Publishes a message, any message, by the management API; true if
        it reached a queue."""
        answer = self.http(
            "exchanges/%s/%s/publish" % (
                urllib.parse.quote("/", safe=""),
                urllib.parse.quote(exchange or "amq.default", safe="")),
            "POST",
            {"properties": {"content_type": "application/json",
                            "content_encoding": "utf-8", "headers": {}},
             "routing_key": key, "payload": body,
             "payload_encoding": "string"})
        return answer["routed"]

    def publish_amqp(self, exchange, key, body, times=1):
        """The same by AMQP: the API takes no large ones, nor many."""
        import amqp
        with self.space("ctl").entered():
            connection = amqp.Connection(
                "127.0.0.1:%d" % labcore.AMQP_PORT, confirm_publish=True,
                userid=labcore.BROKER_USER, password=labcore.BROKER_PASSWORD)
            connection.connect()
        with connection:
            channel = connection.channel()
            for _ in range(times):
                channel.basic_publish(
                    amqp.Message(body, content_type="application/json",
                                 content_encoding="utf-8"),
                    exchange=exchange, routing_key=key)

    def cast(self, host, method, args):
        """Casts a request to the host's agent."""
        return self.publish("sg", "sg-agent." + host, request(method, args))

    def kill_broker(self):
        """kill -9.  Its sockets go a moment later than its first thread."""
        self.stop("broker@ctl", signal.SIGKILL)
        wait_for(lambda: not self.broker_listens(), 10,
                 "the broker's sockets closed")

    def start_broker(self):
        self.spawn_broker()
        self.wait_broker()

    # --- Kernel -------------------------------------------------------------

    def iptables_save(self, host, family=4, table=None, counters=False):
        """The rules of the legacy tables as iptables-save prints them,
        without its comments, which contain the time."""
        command = "iptables-legacy-save" if family == 4 \
            else "ip6tables-legacy-save"
        argv = [command] + (["-t", table] if table else [])
        argv += ["-c"] if counters else []
        lines = [line for line in self.space(host).run(argv).splitlines()
                 if not line.startswith("#")]
        if not counters:
            lines = [re.sub(r"\[\d+:\d+\]$", "[0:0]", x) for x in lines]
        return "\n".join(lines) + "\n"

    def ipset_members(self, host):
        """Every set of the host with its members, {name: {text}}."""
        sets = {}
        for line in self.space(host).run(["ipset", "save"]).splitlines():
            words = line.split()
            if words[0] == "create":
                sets[words[1]] = set()
            elif words[0] == "add":
                sets[words[1]].add(words[2])
        return sets

    def cpu_ns(self, role):
        """CPU nanoseconds that the threads of process `role' have used;
        threads that have ended are not in it."""
        pid = self.procs[role].pid
        total = 0
        for thread in os.listdir("/proc/%d/task" % pid):
            with contextlib.suppress(OSError):
                with open("/proc/%d/task/%s/schedstat" % (pid, thread)) as f:
                    total += int(f.read().split()[0])
        return total


def request(method, args, version="1.0"):
    """The body of a cast or fanout, as oslo.messaging makes it."""
    message = {"method": method, "args": args, "version": version,
               "_unique_id": uuid.uuid4().hex}
    return json.dumps({"oslo.version": "2.0",
                       "oslo.message": json.dumps(message)})


def now_ms():
    """Unix time as messages carry it."""
    return int(time.time() * 1000)


def unixctl(path, command, params=(), timeout=60):
    """One command to a program with a control socket like Open vSwitch's:
    JSON-RPC, both sides without a line end."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(timeout)
        try:
            sock.connect(path)
            sock.sendall(json.dumps({"id": 0, "method": command,
                                     "params": list(params)}).encode())
            text = b""
            while True:
                chunk = sock.recv(1 << 16)
                text += chunk
                with contextlib.suppress(ValueError):
                    answer = json.loads(text)
                    break
                if not chunk:
                    raise LabError("%s: %s: no answer" % (path, command))
        except OSError as e:
            raise LabError("%s: %s: %s" % (path, command, e))
    if answer.get("error") is not None:
        raise LabError("%s: %s" % (command, answer["error"].strip()))
    return answer["result"]


def _base64(text):
    return base64.b64encode(text.encode()).decode()


class Prober:
    """The prober (tests/lib/prober.c) as an object.

        prober = Prober(lab)
        prober.flow("ok", "app1", "app2", 7001)
        prober.expect("allowed", "ok")
        prober.start("ok")
        ...
        result = prober.finish()"""

    def __init__(self, lab, guard_ms=20, rate=1000):
        self.lab = lab
        self.rate = rate
        self.neighbours = []
        self.ovs_drops = lab.ovs_drops()
        self.process = subprocess.Popen(
            [os.path.join(BUILD, "tests", "prober"),
             "--guard-ms", str(guard_ms)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env=lab.env(), universal_newlines=True)

    def command(self, *words):
        """One command; returns the answer without its "ok"."""
        line = " ".join(str(word) for word in words)
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if not answer.startswith("ok "):
            raise LabError("prober: %s: %s" % (line, answer or "it ended"))
        return answer[3:]

    def flow(self, name, src, dst, port, family=4, rate=None):
        """Makes a one-way UDP flow called `name'; does not start it.  The
        sender knows the receiver's MAC address for good, so that no packet
        waits for, or dies with, an address resolution."""
        a, b = self.lab.instances()[src], self.lab.instances()[dst]
        here, there = self.lab.space(src), self.lab.space(dst)
        neighbour = "%s dev eth0" % b.address(family)
        here.ip(["neigh replace %s lladdr %s nud permanent"
                 % (neighbour, b.mac)])
        self.neighbours.append((here, neighbour))
        self.command("flow", name, here.net_path(), a.address(family),
                     there.net_path(), b.address(family), port,
                     rate or self.rate)

    def reply(self, name, flow, src, dst, family=4, rate=None):
        """Makes the flow that replies to `flow', which goes from `src' to
        `dst'."""
        a = self.lab.instances()[src]
        there = self.lab.space(dst)
        neighbour = "%s dev eth0" % a.address(family)
        there.ip(["neigh replace %s lladdr %s nud permanent"
                  % (neighbour, a.mac)])
        self.neighbours.append((there, neighbour))
        self.command("reply", name, flow, rate or self.rate)

    def start(self, *flows):
        return self.command("start", *(flows or ("all",)))

    def stop(self, *flows):
        return self.command("stop", *flows)

    def end(self, *flows):
        return self.command("end", *flows)

    def phase(self, *flows):
        return self.command("phase", *(flows or ("all",)))

    def expect(self, what, *flows):
        """From now on, packets on `flows' are to be "allowed", "denied", or
        either ("any": a change has been published)."""
        return self.command("expect", what, *flows)

    def stats(self):
        return json.loads(self.command("stats"))

    def received(self, flow):
        return self.stats()["flows"][flow]["received"]

    def finish(self):
        """Ends the run; returns the result as a dict, see prober.c, with
        "ovs_drops" beside the prober's own drops."""
        out, _ = self.process.communicate("finish\n", timeout=60)
        result = json.loads(out)
        result["ovs_drops"] = self.lab.ovs_drops() - self.ovs_drops
        for space, neighbour in self.neighbours:
            if space.proc.alive():
                space.ip(["neigh del " + neighbour], force=True)
        return result

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


def own_drops(result):
    """Packets of a prober's result that the machine lost before or after
    any filter; a result with some proves no loss."""
    return (result["rx_drops"] + result["softnet_drops"]
            + result["ovs_drops"])


# --- Running a test -------------------------------------------------------

@contextlib.contextmanager
def running(name=None, **options):
    """A lab for the body.  `options' are those of labcore.Lab.up.  A signal
    ends the body and takes the lab down.  Nothing of it may be left, and the
    machine's own network has to be as it was."""
    lab = Lab(name or "t%d" % os.getpid())
    before = own_network()

    def on_signals(action):
        for signo in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(signo, action)

    def interrupted(signo, frame):
        on_signals(signal.SIG_IGN)
        raise LabError("interrupted by %s" % signal.Signals(signo).name)
    on_signals(interrupted)
    try:
        lab.up(**options)
        yield lab
        end_programs(lab)
    except BaseException:
        print_logs(lab)
        raise
    finally:
        on_signals(signal.SIG_IGN)      # Nothing ends this half-way.
        lab.down()
    left = left_behind(lab.id) + sorted(own_network() ^ before)
    if left:
        raise LabError("left behind: %s" % ", ".join(left))


def end_programs(lab):
    """Ends the programs under test; none may have died of a fault of its
    own, or have something to say about its memory."""
    for role in sorted(lab.procs):
        if role.startswith(("agent@", "controller@")) \
                and lab.procs[role].alive():
            lab.stop(role)
    for where in lab.spaces:
        for what in ("controller", "agent"):
            path = lab.path(where, "log", what + ".log")
            with contextlib.suppress(FileNotFoundError):
                with open(path, errors="replace") as f:
                    text = f.read()
                found = re.search(r"Sanitizer|runtime error:|\|EMER\|", text)
                if found:
                    raise LabError("%s:\n%s" % (
                        path, text[max(0, found.start() - 200):][:8000]))


def own_network():
    """Devices, sets and legacy rules of this process's own namespace, as
    lines; tables that are not loaded stay so."""
    lines = set()
    for argv in (["ip", "-brief", "link"], ["ipset", "save"],
                 ["iptables-legacy-save"], ["ip6tables-legacy-save"]):
        out = subprocess.run(argv, stdout=subprocess.PIPE, check=True,
                             universal_newlines=True).stdout
        lines |= {re.sub(r" *\[\d+:\d+\]$", "", line)
                  for line in out.splitlines() if not line.startswith("#")}
    return lines


def print_logs(lab, lines=30):
    """The ends of the logs of the programs under test, to stderr."""
    for where in ("ctl",) + labcore.HOSTS:
        for what in ("controller", "agent"):
            path = lab.path(where, "log", what + ".log")
            with contextlib.suppress(OSError):
                with open(path, errors="replace") as f:
                    tail = f.readlines()[-lines:]
                sys.stderr.write("--- %s\n%s" % (path, "".join(tail)))


class Checks:
    """Counts what a test checks, in the form tests/system/run counts."""

    def __init__(self):
        self.failed = 0

    def __call__(self, true, what, detail=""):
        print("%s - %s%s" % ("ok" if true else "not ok", what,
                             ": %s" % (detail,) if detail and not true
                             else ""),
              flush=True)
        self.failed += not true
        return bool(true)

    def equal(self, seen, expected, what):
        return self(seen == expected, what,
                    "%r, not %r" % (seen, expected))

    def exit(self):
        sys.exit(1 if self.failed else 0)


def wait_for(condition, timeout, what):
    """Waits until `condition' is true; its value is returned."""
    value = wait_until(condition, timeout)
    if not value:
        raise LabError("not within %g s: %s" % (timeout, what))
    return value


def left_behind(lab_id):
    """What a lab that is down has left: processes, mounts, files."""
    left = ["process %d" % p.pid for p in labnet.procs_of_lab(lab_id)]
    with open("/proc/self/mountinfo") as f:
        left += ["mount " + line.split()[4] for line in f
                 if labcore.ROOT_DIR in line]
    return left
