#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""A network controller for sg-agent that has nothing but oslo.messaging's
public API: what it takes to feed the agent from an existing cloud.

usage: oslo_controller.py URL TOPOLOGY [MODE]

MODE is one of

    plain     the least that works: knows nothing of digests (default)
    digests   compares digests, and sends its own
    old       its `sync' has no argument `digest'
    odd       as digests, but on a bus that takes liberties (odd_bus.py)

Serves `sync' and `report' from a topology file, sends beacons, and takes
commands from standard input, one a line; each is answered by one line of
JSON, {"revision": N, ...} or {"error": TEXT}:

    add-member GROUP ADDRESS      as if a port with it had joined
    remove-member GROUP ADDRESS
    add-rule GROUP JSON           a rule with Neutron's names
    remove-rule GROUP RULE-ID
    set-port JSON                 a port with Neutron's names, new or changed
    delete-port PORT-ID
    quietly COMMAND ...           make the change, tell nobody
    hosts                         what hosts have reported, and asked
    answer-nothing                odd: reply without a result, once
    counts                        how often they asked in which way; forms
                                  of messages that were used
    quit
"""

import hashlib
import json
import os
import secrets
import sys
import threading
import time

import yaml

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "lib"))

import odd_bus  # noqa: E402
import oslo_bus  # noqa: E402

BEACON_S = 2
BEACON_REPEATS = 3
MODES = ("plain", "digests", "old", "odd")


def now_ms():
    return time.time_ns() // 1000000


class Controller:
    """The state, under one lock: calls come in threads of the library."""

    def __init__(self, bus, topology, mode):
        self.bus = bus
        self.mode = mode
        self.asked = dict.fromkeys(
            ("partial", "digest", "same", "have", "fresh"), 0)
        self.lock = threading.Lock()
        self.epoch = "%d-%s" % (now_ms(), secrets.token_hex(4))
        self.revision = 0
        self.objects = {}       # (kind, id) -> body as it travels
        self.deleted = {}       # (kind, id) -> revision
        self.changed = {}       # hash -> [revision, beacons left]
        self.hosts = {}         # host -> {"wants": {(kind, id)}, ...}
        self.seq = 0
        self.quiet = False
        self.load(topology)

    def load(self, topology):
        for group in topology["groups"]:
            self.set("rules", group["id"], {
                "group": group["id"], "stateful": group.get("stateful", True),
                "rules": group.get("rules", [])})
            self.set("members", group["id"], {
                "group": group["id"], "members": []})
        for group in topology.get("address_groups", []):
            self.set("members", group["id"], {
                "group": group["id"], "members": group["addresses"]})
        for port in topology["ports"]:
            self.set("port", port["id"], self.port_body(port))
            for group in port.get("security_groups", []):
                members = self.objects["members", group]["members"]
                for address in self.addresses(port):
                    if address not in members:
                        members.append(address)

    @staticmethod
    def port_body(port):
        # What is for people, the agent need not know.
        body = {k: v for k, v in port.items() if k not in ("name", "host")}
        body.setdefault("fixed_ips", [])
        body.setdefault("allowed_address_pairs", [])
        body.setdefault("security_groups", [])
        body.setdefault("port_security_enabled", True)
        body.setdefault("trusted", False)
        return body

    @staticmethod
    def addresses(port):
        return port.get("fixed_ips", []) + [
            pair["ip_address"] for pair in port.get("allowed_address_pairs",
                                                    [])]

    def set(self, kind, id, body):
        """A new state of an object, at the next revision."""
        self.revision += 1
        before = self.objects.get((kind, id), {}).get("revision", 0)
        self.objects[kind, id] = dict(body, revision=self.revision)
        self.deleted.pop((kind, id), None)
        self.note(kind, id)
        return before

    def note(self, kind, id):
        self.changed[oslo_bus.ref_hash(kind, id)] = [self.revision,
                                                     BEACON_REPEATS]

    # --- Answers ------------------------------------------------------------

    def request(self, method, args):
        """A request of an agent; what it returns is the reply."""
        with self.lock:
            if method == "sync" and self.mode == "old":
                return self.sync_old(**args)
            if method == "sync":
                return self.sync(**args)
            self.hosts.setdefault(args["host"], {"wants": set()}).update(
                report=args)

    def sync_old(self, host, boot, ports, epoch=None, objects=None, have=(),
                 page=None):
        """Fails, as agents always say `digest', null or not."""
        return self.sync(host, boot, ports, epoch, None, objects, have, page)

    def sync(self, host, boot, ports, epoch=None, digest=None, objects=None,
             have=(), page=None, **more):
        if objects is None:
            wanted = [("port", id) for id in ports]
        else:
            wanted = [(o["kind"], o["id"]) for o in objects]
        covered = list(dict.fromkeys(
            ref for kind, id in wanted
            for ref in (self.closure(id) if kind == "port"
                        else [(kind, id)])))
        known = self.hosts.setdefault(host, {"wants": set()})
        if objects is None:
            known["wants"] = set()
        known["wants"].update(covered)

        result = {"epoch": self.epoch, "sent": now_ms(), "objects": [],
                  "next": None}
        ours = self.digest(covered)
        self.count(objects, digest, have)
        if self.mode != "plain" and digest and epoch == self.epoch:
            word = "same" if digest == ours else "want_have"
            self.asked["same"] += word == "same"
            return dict(result, **{word: True})

        held = {(h["kind"], h["id"]): h["revision"] for h in have
                if epoch == self.epoch}
        result["objects"] = [
            self.answer(ref) for ref in covered
            if held.get(ref, 0) != self.revision_of(ref) or ref not in held]
        if covered and not result["objects"]:
            result["same"] = True
        if self.mode != "plain":
            result["page"] = 1
            if objects is None:
                result["digest"] = ours
        return result

    def count(self, objects, digest, have):
        self.asked["partial" if objects is not None else "digest" if digest
                   else "have" if have else "fresh"] += 1

    def digest(self, covered):
        """Of what exists of it."""
        lines = sorted("%s:%s:%d\n" % (kind, id.lower(),
                                       self.objects[kind, id]["revision"])
                       for kind, id in covered if (kind, id) in self.objects)
        return hashlib.sha1("".join(lines).encode()).hexdigest()

    def closure(self, port):
        yield "port", port
        groups = self.objects.get(("port", port), {}).get("security_groups",
                                                          [])
        for group in groups:
            yield "rules", group
            for rule in self.objects["rules", group]["rules"]:
                remote = (rule.get("remote_group_id")
                          or rule.get("remote_address_group_id"))
                if remote:
                    yield "members", remote

    def revision_of(self, ref):
        return self.deleted.get(ref) or self.objects.get(
            ref, {}).get("revision", 0)

    def answer(self, ref):
        kind, id = ref
        if ref in self.objects:
            return {"kind": kind, kind: self.objects[ref]}
        if ref in self.deleted:
            return {"kind": kind, "id": id, "deleted": True,
                    "revision": self.deleted[ref]}
        return {"kind": kind, "id": id, "unknown": True}

    # --- Changes ------------------------------------------------------------

    def tell(self, topic, method, **args):
        """By a fanout; whether anybody listens."""
        return not self.quiet and self.bus.fanout(
            topic, method, epoch=self.epoch, sent=now_ms(), **args)

    def tell_hosts(self, ref, method, **args):
        """By a cast to each host that asked for this object."""
        told = sorted(host for host, known in self.hosts.items()
                      if ref in known["wants"] and not self.quiet)
        for host in told:
            self.bus.cast("sg-agent", method, server=host, epoch=self.epoch,
                          sent=now_ms(), **args)
        return told

    def change_members(self, group, added, removed):
        body = self.objects["members", group]
        members = [m for m in body["members"] if m not in removed]
        new = [m for m in added if m not in members]
        gone = [m for m in removed if m in body["members"]]
        if not new and not gone:
            return {"told": False}
        prev = self.set("members", group, dict(body, members=members + new))
        return {"told": self.tell(
            "sg-members." + group, "members_changed",
            members={"group": group, "revision": self.revision, "prev": prev,
                     "added": new, "removed": gone})}

    def change_rules(self, group, edit):
        body = self.objects["rules", group]
        self.set("rules", group, dict(body, rules=edit(body["rules"])))
        return {"told": self.tell("sg-rules." + group, "rules_updated",
                                  rules=self.objects["rules", group])}

    def set_port(self, port):
        self.set("port", port["id"], self.port_body(port))
        ref = "port", port["id"]
        return {"told": self.tell_hosts(ref, "ports_updated",
                                        ports=[self.objects[ref]])}

    def delete_port(self, id):
        self.revision += 1
        del self.objects["port", id]
        self.deleted["port", id] = self.revision
        self.note("port", id)
        return {"told": self.tell_hosts(
            ("port", id), "ports_deleted",
            ports=[{"id": id, "revision": self.revision}])}

    def beacon(self):
        with self.lock:
            self.quiet = False
            self.seq += 1
            changed = {h: revision for h, (revision, _)
                       in self.changed.items()}
            for h in list(self.changed):
                self.changed[h][1] -= 1
                if not self.changed[h][1]:
                    del self.changed[h]
            self.tell("sg-beacon", "beacon", seq=self.seq, changed=changed,
                      more=False)

    # --- Commands -----------------------------------------------------------

    def command(self, line):
        name, _, rest = line.strip().partition(" ")
        quiet = name == "quietly"
        if quiet:
            name, _, rest = rest.partition(" ")
        first, _, rest = rest.partition(" ")
        with self.lock:
            self.quiet = quiet
            if name == "add-member":
                answer = self.change_members(first, [rest], [])
            elif name == "remove-member":
                answer = self.change_members(first, [], [rest])
            elif name == "add-rule":
                answer = self.change_rules(
                    first, lambda rules: rules + [json.loads(rest)])
            elif name == "remove-rule":
                answer = self.change_rules(
                    first, lambda rules: [r for r in rules
                                          if r["id"] != rest])
            elif name == "set-port":
                answer = self.set_port(json.loads(first + " " + rest))
            elif name == "delete-port":
                answer = self.delete_port(first)
            elif name == "hosts":
                answer = {"hosts": {
                    host: {"wants": sorted(map(list, known["wants"])),
                           "report": known.get("report")}
                    for host, known in self.hosts.items()}}
            elif name == "counts":
                answer = {"asked": self.asked,
                          "forms": getattr(self.bus, "used", {})}
            elif name == "answer-nothing":
                self.bus.nothing = True
                answer = {}
            else:
                raise ValueError("no such command: %r" % name)
            return dict(answer, revision=self.revision)


def main():
    mode = sys.argv[3] if len(sys.argv) == 4 else "plain"
    if len(sys.argv) not in (3, 4) or mode not in MODES:
        sys.exit(__doc__)
    with open(sys.argv[2]) as f:
        topology = yaml.safe_load(f)
    bus = (odd_bus if mode == "odd" else oslo_bus).Bus(sys.argv[1])
    controller = Controller(bus, topology, mode)
    server = controller.bus.serve("sg-controller", "oslo-controller",
                                  controller.request, ["sync", "report"])
    stopping = threading.Event()

    def beacons():
        while not stopping.is_set():
            controller.beacon()
            stopping.wait(BEACON_S)
    thread = threading.Thread(target=beacons)
    thread.start()
    print(json.dumps({"epoch": controller.epoch}), flush=True)
    for line in sys.stdin:
        if line.strip() == "quit":
            break
        try:
            answer = controller.command(line)
        except (KeyError, ValueError) as e:
            answer = {"error": "%s: %s" % (type(e).__name__, e)}
        print(json.dumps(answer), flush=True)
    stopping.set()
    thread.join()
    server.stop()
    server.wait()


if __name__ == "__main__":
    main()
