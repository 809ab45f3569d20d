# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""Many joins at once: when is each in force on each host?"""

import bisect
import concurrent.futures
import os
import queue
import time

import swarmlab
import swarmtopology


# The controller answers a patch when it has been published, up to 50 ms later:
# so many wait at one time.
CONNECTIONS = 48


class Patches:
    """Sends patches without waiting for the one before."""

    def __init__(self, lab):
        self.free = queue.Queue()
        self.all = [swarmlab.Unixctl(lab.path("run", "controller.ctl"))
                    for _ in range(CONNECTIONS)]
        for control in self.all:
            self.free.put(control)
        self.pool = concurrent.futures.ThreadPoolExecutor(CONNECTIONS)
        self.answers = []

    def send(self, name):
        self.answers.append(self.pool.submit(self._call, name))

    def _call(self, name):
        control = self.free.get()
        try:
            return control.call("apply", name)
        finally:
            self.free.put(control)

    def close(self):
        """Waits for all answers; raises what one of them raised."""
        self.pool.shutdown()
        for control in self.all:
            control.close()
        for answer in self.answers:
            answer.result()


class Burst:
    """`n' ports join the largest group, one after the other within `seconds'.
    Each is a patch of its own to the controller; their order is known, so a
    host has the k-th as soon as its set has k members more."""

    def __init__(self, lab, n, seconds, index=0):
        self.lab = lab
        self.n = n
        self.seconds = seconds
        spread = lab.topology.hosts_of_groups()
        self.group = max(lab.topology.groups, key=lambda g: spread[g])
        self.hosts = [h for h, groups in sorted(
            lab.topology.groups_of_hosts().items()) if self.group in groups]
        self.keys = ["burst-%d-%d" % (index, i) for i in range(n)]
        self.times = []                 # ms, of each join
        self.late_s = None

    def patches(self):
        """A file for each join; written before the clock runs."""
        names = []
        for i, key in enumerate(self.keys):
            self.lab.topology.apply(("join", (key, self.group)))
            port = self.lab.topology.extra[key][1]
            name = self.lab.path("patch-%d.yaml" % i)
            with open(name, "w") as f:
                f.write(swarmtopology.dump({"ports": [port.to_dict()]}))
            names.append(name)
        return names

    def run(self, timeout=30):
        patches = self.patches()
        sets = swarmtopology.set_name(self.group, 4)
        self.lab.call("swarm", "watch", *sets)
        sender = Patches(self.lab)
        begin = time.monotonic()
        for i, patch in enumerate(patches):
            wait = begin + i * self.seconds / self.n - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            self.times.append(time.monotonic() * 1e3)
            sender.send(patch)
        self.late_s = time.monotonic() - begin - self.seconds
        sender.close()
        for patch in patches:
            os.unlink(patch)
        end = time.monotonic() + timeout
        while True:
            steps = self.lab.call("swarm", "steps")
            if all(steps[h][-1] - steps[h][1] >= self.n for h in self.hosts):
                break
            if time.monotonic() > end:
                raise swarmlab.SwarmError(
                    "not all hosts have all %d joins after %d s"
                    % (self.n, timeout))
            time.sleep(0.05)
        self.lab.call("swarm", "watch")
        return self.latencies(steps), self.messages(steps)

    def latencies(self, steps):
        """ms from a join to its being in force, of each join on each host."""
        found = []
        for host in self.hosts:
            times, counts = steps[host][0::2], steps[host][1::2]
            if sorted(counts) != counts:
                raise swarmlab.SwarmError("%s lost a member" % host)
            for k, joined in enumerate(self.times):
                at = bisect.bisect_left(counts, counts[0] + k + 1)
                found.append(times[at] - joined)
        return sorted(found)

    def messages(self, steps):
        """Changes of the set for each host: joins that came together count as
        one."""
        return [len(steps[h]) // 2 - 1 for h in self.hosts]

    def undo(self):
        for key in self.keys:
            self.lab.topology.apply(("leave", key))
        self.lab.write_topology()
        self.lab.reload()
