# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""The bus of sg-agent, spoken by a program that takes every liberty which
docs/protocol.md allows and a stock library does not take: heartbeats nobody
asked for, replies in two parts or twice or to nobody, messages without
envelope, in other JSON, with other keys.  The same interface as oslo_bus."""

import itertools
import json
import threading
import uuid

import amqp

EXCHANGE = "sg"
STOCK = {"content_type": "application/json", "content_encoding": "utf-8",
         "delivery_mode": 2, "priority": 0}
NOT_ASCII = "\u00fc\u4e16"


def plain(message):
    return json.dumps({"oslo.version": "2.0",
                       "oslo.message": json.dumps(message)})


def turned(message):
    """Other order, raw UTF-8, blanks, keys that nobody knows."""
    inner = dict(reversed(list(message.items())))
    inner["colour"] = NOT_ASCII
    text = json.dumps(inner, ensure_ascii=False, indent=1)
    return json.dumps({"x": None, "oslo.message": text,
                       "oslo.version": "2.0"}, ensure_ascii=False, indent=3)


def with_context(message):
    return plain(dict(
        message, _context_user=NOT_ASCII, _context_roles=["a", {"b": []}],
        _context_is_admin=True, _context_nothing=None))


def without_optional(message):
    return plain({key: value for key, value in message.items()
                  if key not in ("version", "_unique_id", "namespace")})


def with_more_arguments(message):
    return plain(dict(message, args=dict(
        message["args"], colour={"deep": [NOT_ASCII, 1.5, None]})))


REQUEST_FORMS = [
    # (name, encoder, properties, times)
    ("plain", plain, STOCK, 1),
    ("context keys", with_context, STOCK, 1),
    ("no envelope", json.dumps, STOCK, 1),
    ("no version, no id", without_optional, STOCK, 1),
    ("other JSON", turned, STOCK, 1),
    ("twice", plain, STOCK, 2),
    ("no properties", plain, {}, 1),
    ("more arguments", with_more_arguments, STOCK, 1),
]


def reply(request, result, ending=True, **more):
    return dict({"result": result, "failure": None, "ending": ending,
                 "_msg_id": request["_msg_id"],
                 "_unique_id": uuid.uuid4().hex}, **more)


def heartbeats(request, result):
    beat = reply(request, None, ending=False)
    return [plain(beat), plain(beat), plain(reply(request, result))]


def two_parts(request, result):
    return [plain(reply(request, result, ending=False)),
            plain(reply(request, None))]


def to_another(request, result):
    """Late answers to calls that were given up come first."""
    late = reply(dict(request, _msg_id=uuid.uuid4().hex), {"objects": 7})
    return [plain(late), plain(reply(request, result))]


REPLY_FORMS = [
    ("plain", lambda q, r: [plain(reply(q, r))]),
    ("heartbeats", heartbeats),
    ("two parts", two_parts),
    ("twice", lambda q, r: [plain(reply(q, r))] * 2),
    ("no envelope", lambda q, r: [json.dumps(reply(q, r))]),
    ("other JSON", lambda q, r: [turned(reply(q, r, log_failure=False))]),
    ("behind a late one", to_another),
]


class Bus:
    """`used' says which forms have been sent, and how often."""

    def __init__(self, url):
        self.url = url
        self.lock = threading.Lock()
        self.requests = itertools.cycle(REQUEST_FORMS)
        self.replies = itertools.cycle(REPLY_FORMS)
        self.used = {}
        self.nothing = False    # The next reply is to have no result.
        self.sender = self.connect().channel()

    def connect(self):
        """A connection to rabbit://USER:PASSWORD@HOST:PORT/."""
        account, _, place = self.url[len("rabbit://"):].partition("@")
        user, _, password = account.partition(":")
        connection = amqp.Connection(place.rstrip("/"), userid=user,
                                     password=password, confirm_publish=True)
        connection.connect()
        return connection

    def _publish(self, exchange, key, body, properties):
        self.sender.basic_publish(amqp.Message(body.encode(), **properties),
                                  exchange=exchange, routing_key=key)

    def _count(self, what, name):
        name = "%s: %s" % (what, name)
        self.used[name] = self.used.get(name, 0) + 1

    def _request(self, exchange, key, method, args):
        with self.lock:
            name, encode, properties, times = next(self.requests)
            body = encode({"method": method, "args": args, "version": "1.0",
                           "namespace": None, "_unique_id": uuid.uuid4().hex})
            for _ in range(times):
                self._publish(exchange, key, body, properties)
            self._count("request", name)

    def cast(self, topic, method, server=None, **args):
        self._request(EXCHANGE, topic + ("." + server if server else ""),
                      method, args)

    def fanout(self, topic, method, **args):
        exchange = topic + "_fanout"
        with self.lock:
            self.sender.exchange_declare(exchange, "fanout", durable=False,
                                         auto_delete=True)
        self._request(exchange, "", method, args)
        return True

    def serve(self, topic, server, handler, methods):
        listener = Listener(self, topic, handler, methods)
        listener.start()
        return listener

    def answer(self, request, result):
        with self.lock:
            name, encode = next(self.replies)
            if self.nothing:
                name, encode = "no answer", lambda q, _: [plain(reply(q,
                                                                      None))]
                self.nothing = False
            for body in encode(request, result):
                self._publish("", request["_reply_q"], body, STOCK)
            self._count("reply", name)


class Listener(threading.Thread):
    """Serves one topic, one request after the other."""

    def __init__(self, bus, topic, handler, methods):
        super().__init__(daemon=True)
        self.bus = bus
        self.handler = handler
        self.methods = methods
        self.stopping = threading.Event()
        self.connection = bus.connect()
        self.channel = self.connection.channel()
        self.channel.exchange_declare(EXCHANGE, "topic", durable=False,
                                      auto_delete=False)
        self.channel.queue_declare(topic, durable=False, exclusive=False,
                                   auto_delete=False)
        self.channel.queue_bind(topic, EXCHANGE, topic)
        self.channel.basic_consume(topic, callback=self.take)

    def take(self, message):
        self.channel.basic_ack(message.delivery_tag)
        body = json.loads(message.body)
        request = json.loads(body["oslo.message"])
        if request["method"] in self.methods:
            result = self.handler(request["method"], request["args"])
            if request.get("_msg_id"):
                self.bus.answer(request, result)

    def run(self):
        while not self.stopping.is_set():
            try:
                self.connection.drain_events(timeout=0.2)
            except TimeoutError:
                pass

    def stop(self):
        self.stopping.set()

    def wait(self):
        self.join(5)
