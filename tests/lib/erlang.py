# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""How RabbitMQ's programs are started.

While it loads, an Erlang machine hands each module from thread to thread.  On
a virtual machine with two processors every hand-over is an interrupt of the
other one, which can cost more than the loading itself ("time
tests/lib/with-broker true", with and without).  So they begin on one, that
with the least to do, and a broker gets the others as soon as it listens."""

import contextlib
import os
import re
import time

# As many schedulers as it will have processors.
SERVER_ENV = {"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S %d:%d" % (
    (len(os.sched_getaffinity(0)),) * 2)}

LOOK_S = 0.2


def idle_times():
    """By processor: ticks without work (proc(5))."""
    with open("/proc/stat") as f:
        rows = [line.split() for line in f if re.match(r"cpu\d", line)]
    return {int(row[0][3:]): int(row[4]) + int(row[5]) for row in rows}


def pinned(argv):
    """The command that runs `argv' on one of our processors."""
    before = idle_times()
    time.sleep(LOOK_S)
    after = idle_times()
    cpu = max(os.sched_getaffinity(0),
              key=lambda c: after.get(c, 0) - before.get(c, 0))
    return ["taskset", "-c", str(cpu)] + list(argv)


def release(pid):
    """The process may use all of our processors from now on, and the threads
    that it has yet to start."""
    done = set()
    with contextlib.suppress(FileNotFoundError):        # It has ended.
        # Until there are no new ones, which may be children of old ones.
        while new := set(os.listdir("/proc/%d/task" % pid)) - done:
            for tid in new:
                with contextlib.suppress(ProcessLookupError):
                    os.sched_setaffinity(int(tid), os.sched_getaffinity(0))
            done |= new
