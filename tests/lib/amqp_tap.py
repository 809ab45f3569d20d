# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""What clients and a broker say to each other, heard on the way.

    tap = Tap(("10.255.0.1", 5673), ("127.0.0.1", 5672))
    ... clients connect to the first address ...
    for event in tap.events: ...

Passes all bytes on and reads them as AMQP 0-9-1.  The sockets are made in the
network namespace of the thread that makes the tap."""

import collections
import contextlib
import socket
import struct
import threading

from amqp import spec
from amqp.basic_message import Message
from amqp.serialization import loads

HEADER_BYTES = 8                # "AMQP" and the version, once, from clients.
METHOD, CONTENT, BODY = 1, 2, 3
TO_BROKER, TO_CLIENT = "client->broker", "broker->client"

# method -> (name, [argument], format of loads()), of what tests look at.
METHODS = {
    spec.Connection.StartOk: ("connection.start-ok", [
        "client_properties", "mechanism", "response", "locale"], "FsSs"),
    spec.Connection.TuneOk: ("connection.tune-ok", [
        "channel_max", "frame_max", "heartbeat"], "BlB"),
    spec.Channel.Close: ("channel.close", [
        "reply_code", "reply_text", "class_id", "method_id"], "BsBB"),
    spec.Exchange.Declare: ("exchange.declare", [
        "ticket", "exchange", "type", "passive", "durable", "auto_delete",
        "internal", "nowait", "arguments"], "BssbbbbbF"),
    spec.Queue.Declare: ("queue.declare", [
        "ticket", "queue", "passive", "durable", "exclusive", "auto_delete",
        "nowait", "arguments"], "BsbbbbbF"),
    spec.Queue.Bind: ("queue.bind", [
        "ticket", "queue", "exchange", "routing_key", "nowait",
        "arguments"], "BsssbF"),
    spec.Basic.Qos: ("basic.qos", [
        "prefetch_size", "prefetch_count", "global"], "lBb"),
    spec.Basic.Consume: ("basic.consume", [
        "ticket", "queue", "consumer_tag", "no_local", "no_ack", "exclusive",
        "nowait", "arguments"], "BssbbbbF"),
    spec.Basic.Publish: ("basic.publish", [
        "ticket", "exchange", "routing_key", "mandatory", "immediate"],
        "Bssbb"),
    spec.Basic.Deliver: ("basic.deliver", [
        "consumer_tag", "delivery_tag", "redelivered", "exchange",
        "routing_key"], "sLbss"),
    spec.Basic.Return: ("basic.return", [
        "reply_code", "reply_text", "exchange", "routing_key"], "Bsss"),
    spec.Confirm.Select: ("confirm.select", ["nowait"], "b"),
}

# `number' counts connections; `properties' and `body' of contents, else None.
Event = collections.namedtuple(
    "Event", "number direction method args properties body")


class _Reader:
    """Makes events of one direction of a connection."""

    def __init__(self, number, direction, emit):
        self.number = number
        self.direction = direction
        self.emit = emit
        self.data = b""
        self.skip = HEADER_BYTES if direction == TO_BROKER else 0
        self.contents = {}      # channel -> [name, args, properties, size, b]

    def feed(self, data):
        self.data += data
        if self.skip and len(self.data) >= self.skip:
            self.data, self.skip = self.data[self.skip:], 0
        while not self.skip and len(self.data) >= 7:
            kind, channel, size = struct.unpack("!BHI", self.data[:7])
            if len(self.data) < 8 + size:
                return
            payload, end = self.data[7:7 + size], self.data[7 + size]
            self.data = self.data[8 + size:]
            if end != 0xce:
                raise ValueError("a frame without its end")
            self.frame(kind, channel, payload)

    def frame(self, kind, channel, payload):
        if kind == METHOD:
            known = METHODS.get(struct.unpack("!HH", payload[:4]))
            if not known:
                return
            name, words, how = known
            args = dict(zip(words, loads(how, payload, 4)[0], strict=True))
            if name in ("basic.publish", "basic.deliver", "basic.return"):
                self.contents[channel] = [name, args, None, 0, b""]
            else:
                self.emit(Event(self.number, self.direction, name, args,
                                None, None))
        elif kind == CONTENT:
            content = self.contents[channel]
            class_id, _, content[3] = struct.unpack("!HHQ", payload[:12])
            message = Message()
            message._load_properties(class_id, payload, 12)
            content[2] = message.properties
            self.finish(channel)
        elif kind == BODY:
            self.contents[channel][4] += payload
            self.finish(channel)

    def finish(self, channel):
        name, args, properties, size, body = self.contents[channel]
        if len(body) >= size:
            del self.contents[channel]
            self.emit(Event(self.number, self.direction, name, args,
                            properties, body))


class Tap:
    def __init__(self, listen, broker):
        self.broker = broker
        self.events = []
        self.error = None
        self.lock = threading.Lock()
        self.links = set()              # (client's socket, broker's)
        self.number = 0
        self.listener = socket.create_server(listen, backlog=64)
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            try:
                broker = socket.create_connection(self.broker, timeout=5)
                broker.settimeout(None)
            except OSError:
                client.close()
                continue
            with self.lock:
                self.number += 1
                self.links.add((client, broker))
            for source, sink, direction in ((client, broker, TO_BROKER),
                                            (broker, client, TO_CLIENT)):
                threading.Thread(
                    target=self._pass, daemon=True, args=(
                        source, sink, _Reader(self.number, direction,
                                              self._emit))).start()

    def _emit(self, event):
        with self.lock:
            self.events.append(event)

    def _pass(self, source, sink, reader):
        try:
            while True:
                data = source.recv(1 << 16)
                if not data:
                    break
                # Before it goes on: who acts upon it finds it here.
                reader.feed(data)
                sink.sendall(data)
        except OSError:
            pass
        except Exception as e:
            self.error = self.error or "%s: %r" % (reader.direction, e)
            raise
        finally:
            self._drop(source, sink)

    def _drop(self, *sockets):
        for sock in sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def cut(self):
        """Ends all connections."""
        with self.lock:
            links, self.links = self.links, set()
        for link in links:
            self._drop(*link)

    def snapshot(self):
        """All events so far."""
        with self.lock:
            return list(self.events)

    def close(self):
        self._drop(self.listener)
        self.cut()
        self.thread.join(5)
