# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""How RabbitMQ's programs are started.

While it loads, an Erlang machine hands each module from thread to thread.  On
a virtual machine with two processors every hand-over is an interrupt of the
other one, which costs more than the loading itself: 12 seconds of CPU for a
broker that is up after 6 on one processor.  So they begin on one, and a
broker gets the others as soon as it listens."""

import contextlib
import os
import random

# As many schedulers as there will be processors.
SERVER_ENV = {"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S %d:%d" % (
    (os.cpu_count(),) * 2)}


def pinned(argv):
    """The command that runs `argv' on one of our processors."""
    cpu = random.choice(sorted(os.sched_getaffinity(0)))
    return ["taskset", "-c", str(cpu)] + list(argv)


def release(pid):
    """The process may use all of our processors from now on."""
    for tid in os.listdir("/proc/%d/task" % pid):
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(tid), os.sched_getaffinity(0))
