# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""The bus of sg-agent for tests, by the public API of oslo.messaging alone:
what any program with a stock oslo.messaging can do."""

import hashlib
import logging

import oslo_messaging
from oslo_config import cfg

RemoteError = oslo_messaging.RemoteError
EXCHANGE = "sg"

# The library logs what it gets over by itself.
logging.basicConfig(level=logging.CRITICAL)


class Bus:
    """A connection to the broker at `url'."""

    def __init__(self, url, timeout=10):
        # The global one: parts of the library register their options there.
        conf = cfg.CONF
        conf([], project="sg", default_config_files=[])
        self.transport = oslo_messaging.get_rpc_transport(conf, url=url)
        self.timeout = timeout
        self.client = oslo_messaging.get_rpc_client(
            self.transport, oslo_messaging.Target(exchange=EXCHANGE))

    def call(self, topic, method, version="1.0", namespace=None, context=None,
             monitor=None, **args):
        """Calls and returns the result; raises what the other side raised.
        With `monitor', also if it is silent for so many seconds."""
        target = {"namespace": namespace} if namespace else {}
        return self.client.prepare(topic=topic, version=version,
                                   timeout=self.timeout,
                                   call_monitor_timeout=monitor,
                                   **target).call(context or {}, method,
                                                  **args)

    def cast(self, topic, method, server=None, **args):
        self.client.prepare(topic=topic, server=server,
                            version="1.0").cast({}, method, **args)

    def fanout(self, topic, method, **args):
        """Casts to all who listen to `topic'; false if nobody does."""
        try:
            self.client.prepare(topic=topic, fanout=True,
                                version="1.0").cast({}, method, **args)
        except oslo_messaging.MessageDeliveryFailure:
            return False
        return True

    def serve(self, topic, server, handler, methods):
        """Listens to `topic', as the server of that name and to its fanout.
        A request for one of `methods' becomes handler(method, arguments) in
        another thread; what that returns is the reply to a call.  Returns
        the started server."""
        def make(method):
            return lambda self, ctxt, **args: handler(method, args)
        endpoint = type("Endpoint", (), dict(
            {name: make(name) for name in methods},
            target=oslo_messaging.Target(version="1.0")))()
        listener = oslo_messaging.get_rpc_server(
            self.transport, oslo_messaging.Target(
                exchange=EXCHANGE, topic=topic, server=server),
            [endpoint], executor="threading")
        # One request after the other, in the order they come.
        listener.start(override_pool_size=1)
        return listener


def ref_hash(kind, id):
    """What stands for an object in a beacon."""
    return hashlib.sha1(("%s:%s" % (kind, id)).encode()).hexdigest()[:16]
