# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""What a controller says, said by a test: answers to `sync' of every kind,
and messages faster than any controller sends them."""

import contextlib
import json
import socket
import struct
import threading
import time
import uuid

import amqp

import labcore
import lablib

CONTROLLER = "sg-controller"
BEACONS = "sg-beacon_fanout"


def connect(lab):
    """A connection to the lab's broker, as its controller has."""
    with lab.space("ctl").entered():
        connection = amqp.Connection(
            "127.0.0.1:%d" % labcore.AMQP_PORT, userid=labcore.BROKER_USER,
            password=labcore.BROKER_PASSWORD)
        connection.connect()
    return connection


def envelope(message):
    return json.dumps({"oslo.version": "2.0",
                       "oslo.message": json.dumps(message)})


def content(body):
    return amqp.Message(body, content_type="application/json",
                        content_encoding="utf-8")


def ask(lab, host, ports):
    """The real controller's answer about these ports: a dict."""
    connection = connect(lab)
    with connection:
        channel = connection.channel()
        queue = channel.queue_declare(exclusive=True).queue
        call = uuid.uuid4().hex
        channel.basic_publish(content(envelope({
            "method": "sync", "version": "1.0", "namespace": None,
            "_unique_id": uuid.uuid4().hex, "_msg_id": call,
            "_reply_q": queue, "_timeout": None,
            "args": {"host": host, "boot": "test", "epoch": None,
                     "ports": ports, "digest": None, "objects": None,
                     "have": [], "page": None}})),
            exchange="sg", routing_key=CONTROLLER)
        answer = lablib.wait_for(
            lambda: channel.basic_get(queue, no_ack=True), 10,
            "an answer of the controller")
    return json.loads(json.loads(answer.body)["oslo.message"])["result"]


class Impostor:
    """Takes the place of the controller, which must not run.  answer(args),
    which may be changed at any time, is called for each `sync' and returns
    the result, or an exception to be sent as a failure, or None for
    silence.  It runs in another thread."""

    def __init__(self, lab, epoch, answer=lambda args: None):
        self.lab = lab
        self.epoch = epoch
        self.answer = answer
        self.asked = []             # (time, host) of each sync.
        self.seq = 0
        self.stopping = threading.Event()
        self.failure = None
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def stop(self):
        self.stopping.set()
        self.thread.join()
        if self.failure:
            raise lablib.LabError("impostor: %r" % self.failure)

    def n_asked(self, host):
        return sum(1 for _, h in self.asked if h == host)

    def _run(self):
        try:
            with connect(self.lab) as connection:
                channel = connection.channel()
                next_beacon = 0
                while not self.stopping.is_set():
                    if time.monotonic() >= next_beacon:
                        next_beacon = time.monotonic() + 2
                        self._beacon(channel)
                    message = channel.basic_get(CONTROLLER, no_ack=True)
                    if message is None:
                        self.stopping.wait(0.005)
                        continue
                    self._take(channel, json.loads(
                        json.loads(message.body)["oslo.message"]))
        except Exception as e:      # For the thread that waits in stop().
            self.failure = e

    def _beacon(self, channel):
        self.seq += 1
        channel.basic_publish(content(lablib.request("beacon", {
            "epoch": self.epoch, "sent": lablib.now_ms(), "seq": self.seq,
            "changed": {}, "more": False})), exchange=BEACONS)

    def _take(self, channel, request):
        if request["method"] != "sync":
            return
        args = request["args"]
        if args["host"] not in labcore.HOSTS:
            return              # ask(), which the controller has answered.
        result = self.answer(args)
        self.asked.append((time.monotonic(), args["host"]))
        if result is None:
            return
        reply = {"result": result, "failure": None, "ending": True,
                 "_msg_id": request["_msg_id"],
                 "_unique_id": uuid.uuid4().hex}
        if isinstance(result, Exception):
            reply.update(result=None, failure=json.dumps({
                "class": type(result).__name__, "module": "builtins",
                "message": str(result), "tb": [], "args": [], "kwargs": {}}))
        channel.basic_publish(content(envelope(reply)),
                              routing_key=request["_reply_q"])


class Teller(Impostor):
    """Tells what is in `objects', {(kind, id): body}, and nothing else, and no
    object is too odd to be told.  A body that is None: deleted.  What is not
    there at all is unknown."""

    def __init__(self, lab, revision=1):
        self.objects = {}
        self.revisions = {}
        self.revision = revision
        super().__init__(lab, "%d-0badcafe" % lablib.now_ms(), self._tell)

    def put(self, kind, body):
        """`body' without a revision takes the place of what there was."""
        self._set(kind, body["id" if kind == "port" else "group"], body)

    def delete(self, kind, ref):
        self._set(kind, ref, None)

    def _set(self, kind, ref, body):
        self.revision += 1
        self.revisions[kind, ref] = self.revision
        self.objects[kind, ref] = body

    def tell(self, hosts=labcore.HOSTS):
        """Has the agents ask for everything; returns when they have it in
        their kernels."""
        for host in hosts:
            answer = self.lab.agent(host, "sg/resync")
            if answer.get("error"):
                raise lablib.LabError("%s: %s" % (host, answer["error"]))

    def _closure(self, refs):
        """What belongs to a question for `refs'."""
        found = dict.fromkeys(refs)
        for kind, ref in refs:
            if kind == "port" and self.objects.get((kind, ref)):
                found.update(dict.fromkeys(
                    ("rules", group) for group
                    in self.objects[kind, ref]["security_groups"]))
        for kind, ref in list(found):
            body = self.objects.get((kind, ref)) if kind == "rules" else None
            for rule in body["rules"] if body else []:
                for key in ("remote_group_id", "remote_address_group_id"):
                    with contextlib.suppress(TypeError, ValueError,
                                             AttributeError):
                        found["members", str(uuid.UUID(rule.get(key)))] = None
        return found

    def _entry(self, kind, ref):
        if (kind, ref) not in self.objects:
            return {"kind": kind, "id": ref, "unknown": True}
        body, revision = self.objects[kind, ref], self.revisions[kind, ref]
        if body is None:
            return {"kind": kind, "id": ref, "deleted": True,
                    "revision": revision}
        return {"kind": kind, kind: dict(body, revision=revision)}

    def _tell(self, args):
        wanted = args.get("objects")
        refs = [("port", port) for port in args["ports"]] if wanted is None \
            else [(o["kind"], o["id"]) for o in wanted]
        return {"epoch": self.epoch, "sent": lablib.now_ms(), "next": None,
                "objects": [self._entry(*ref) for ref in self._closure(refs)]}


def frame(kind, channel, payload):
    return struct.pack("!BHI", kind, channel, len(payload)) + payload + b"\xce"


def short(text):
    return bytes([len(text)]) + text.encode()


class Storm:
    """Publishes bodies to one exchange as fast as the broker takes them, or
    at a rate; the library would be the bottleneck."""

    def __init__(self, lab, exchange):
        self.connection = connect(lab)
        self.channel = self.connection.channel()
        number = self.channel.channel_id
        # basic.publish; content header with two properties, the type and the
        # encoding.
        self.method = frame(1, number, struct.pack("!HHH", 60, 40, 0)
                            + short(exchange) + short("") + b"\0")
        self.number = number

    def packed(self, body):
        header = struct.pack("!HHQH", 60, 0, len(body), 0xc000) \
            + short("application/json") + short("utf-8")
        return (self.method + frame(2, self.number, header)
                + frame(3, self.number, body))

    def run(self, bodies, rate, seconds, batch=100):
        """Sends for `seconds' what bodies() returns, `rate' a second at
        most; returns how many that were."""
        sock = self.connection.transport.sock
        sock.settimeout(60)
        # A broker that is flooded stops to read; the library would take a
        # second of that for its death.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 0)
        start = time.monotonic()
        sent = 0
        while time.monotonic() < start + seconds:
            sock.sendall(b"".join(self.packed(bodies())
                                  for _ in range(batch)))
            sent += batch
            ahead = sent / rate - (time.monotonic() - start)
            if ahead > 0:
                time.sleep(ahead)
        return sent

    def close(self):
        """Returns once the broker has taken all of it."""
        self.channel.queue_declare(exclusive=True)
        self.connection.close()
