# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""Packets of the truth table as frames: many at a time, each with a number of
its own in its data, looked for at the device of who is to get them.

    with Taps(lab, names) as taps:
        shots = [shot(case, me, peer), ...]
        seen = taps.fire(shots)         # The numbers of those that arrived.
"""

import collections
import ipaddress
import select
import socket
import struct

import labframes
import labtalk

TCP, UDP, DCCP, SCTP, UDPLITE = 6, 17, 33, 132, 136
TAG = struct.Struct("!8sI")
MAGIC = b"sg-truth"
BURST = 16                      # Frames between two looks at what came.
QUIET_S = 0.05
TRIES = 3
FENCE_S = 5

# From one instance to another, by name; `number' says which it was.
Shot = collections.namedtuple("Shot", "sender receiver number frame")

# The header that stands before: its number, and what follows `next header'.
BEHIND = {"hops": (0, bytes([0, 1, 4, 0, 0, 0, 0])),
          "route": (43, bytes([0, 4, 0, 0, 0, 0, 0])),
          "options": (60, bytes([0, 1, 4, 0, 0, 0, 0])),
          "ah": (51, bytes([4, 0, 0]) + b"\0\0\1\0\0\0\0\1" + b"\0" * 12)}


def group_mac(address):
    """The MAC address of a multicast or broadcast address, or None."""
    if address.packed == b"\xff" * 4:
        return b"\xff" * 6
    if not address.is_multicast:
        return None
    if address.version == 4:
        return b"\x01\0\x5e" + bytes([address.packed[1] & 0x7f]) \
            + address.packed[2:]
    return b"\x33\x33" + address.packed[12:]


def mac_bytes(text):
    return bytes.fromhex(text.replace(":", ""))


def shot(case, me, peer, answer=False):
    """The packet of a case, or the answer to it, as it leaves for the other
    instance; `me' is the one whose rules are tried."""
    own = ipaddress.ip_address(case.own or me.address(case.family))
    remote = ipaddress.ip_address(case.remote)
    sender, receiver, src, dst = ((me, peer, own, remote) if case.egress
                                  else (peer, me, remote, own))
    sport, dport, flags = case.sport, case.port, "first"
    number = case.number * 2
    if answer:
        sender, receiver, src, dst = receiver, sender, dst, src
        sport, dport, flags = dport, sport, "answer"
        number += 1
    tag = TAG.pack(MAGIC, number)
    body = upper(case, src.packed, dst.packed, sport, dport, flags, tag)
    proto = case.proto
    if case.behind:
        proto, rest = BEHIND[case.behind]
        body = bytes([case.proto]) + rest + body
    ether = ((group_mac(dst) or mac_bytes(receiver.mac))
             + mac_bytes(sender.mac)
             + (b"\x08\0" if case.family == 4 else b"\x86\xdd"))
    return Shot(sender.name, receiver.name, number, ether
                + labtalk.ip_packet(case.family, src.packed, dst.packed,
                                    proto, body))


def upper(case, src, dst, sport, dport, flags, tag):
    """What stands behind the IP headers, `tag' at its end."""
    def summed(body, at):
        return labtalk.with_sum(case.family, src, dst, case.proto, body, at)
    if case.icmp:
        kind, code = case.icmp
        if flags == "answer":
            kind += 1 if case.family == 6 else -8
        body = struct.pack("!BBHHH", kind, code, 0, case.number, 1) + tag
        return summed(body, 2) if case.family == 6 \
            else body[:2] + struct.pack("!H", labtalk.inet_sum(body)) \
            + body[4:]
    if case.proto == TCP:
        bits, seq, ack = {"first": (0x02, 1000, 0),
                          "answer": (0x12, 5000, 1001)}[flags]
        return summed(struct.pack("!HHIIBBHHH", sport, dport, seq, ack,
                                  5 << 4, bits, 65535, 0, 0) + tag, 16)
    if case.proto in (UDP, UDPLITE):
        return summed(struct.pack("!HHHH", sport, dport,
                                  8 + len(tag) if case.proto == UDP else 0, 0)
                      + tag, 6)
    if case.proto == SCTP:
        return sctp(sport, dport, flags, tag)
    if case.proto == DCCP:
        # A request, with sequence numbers of 48 bits.
        return summed(struct.pack("!HHBBHBBHII", sport, dport, 5, 0, 0, 1, 0,
                                  0, 1, 0) + tag, 6)
    return b"\0" * 8 + tag


def sctp(sport, dport, flags, tag):
    """INIT or its acknowledgement, the tag in a parameter that nobody
    knows."""
    mine, yours, kind = ((0x11111111, 0, 1) if flags == "first"
                         else (0x22222222, 0x11111111, 2))
    known = struct.pack("!HH", 0xc0de, 4 + len(tag)) + tag
    chunk = struct.pack("!BBHIIHHI", kind, 0, 20 + len(known), mine, 65535, 1,
                        1, 1) + known
    head = struct.pack("!HHI", sport, dport, yours)
    return head + labtalk.crc32c(head + b"\0" * 4 + chunk) + chunk


class Taps(labframes.Wire):
    """The devices of some instances, as these see them."""

    def __init__(self, lab, names):
        super().__init__(lab)
        self.known = lab.instances()
        self.names = {}         # Of a capture: whose.
        self.fences = 0
        self.again = 0          # Frames that were sent once more.
        for name in names:
            with lab.space(name).entered():
                self.watch("eth0")
            self.names[self.captures[-1]] = name

    def _drain(self, seen, wait=0):
        """Adds (who, number) of what has come; false if that was nothing."""
        found = select.select(self.captures, [], [], wait)[0]
        for sock in found:
            while True:
                try:
                    frame, address = sock.recvfrom(65536, socket.MSG_DONTWAIT)
                except BlockingIOError:
                    break
                at = frame.rfind(MAGIC)
                if address[2] != socket.PACKET_OUTGOING and at >= 0 \
                        and at + TAG.size <= len(frame):
                    seen.add((self.names[sock],
                              TAG.unpack_from(frame, at)[1]))
        return bool(found)

    def _send(self, shots, seen):
        for n, one in enumerate(shots):
            self.send(one.sender, one.frame)
            if n % BURST == BURST - 1:
                self._drain(seen)

    def _fence(self, pairs):
        """ARP requests, which always pass, from one to the other of each
        pair."""
        fences = []
        for sender, receiver in pairs:
            self.fences += 1
            number = 1 << 31 | self.fences
            a, b = self.known[sender], self.known[receiver]
            kinds = labframes.Kinds(a, b, b)
            fences.append(Shot(sender, receiver, number, bytes(kinds.arp(
                TAG.pack(MAGIC, number), dst=b.mac))))
        return fences

    def fire(self, shots, needed=()):
        """Sends all of them; returns those that arrived.  Of `needed', those
        that did not are sent again: a machine that is busy loses some."""
        seen = set()
        for n in range(TRIES):
            left = [s for s in shots if (s.receiver, s.number) not in seen
                    and (not n or s.number in needed)]
            if not left:
                break
            self.again += len(left) if n else 0
            self._send(left, seen)
            self._wait(left, seen)
        return {s.number for s in shots if (s.receiver, s.number) in seen}

    def _wait(self, shots, seen):
        """Until all that was sent before has come, or never will."""
        pairs = sorted({(s.sender, s.receiver) for s in shots})
        for _ in range(TRIES):
            fences = self._fence(pairs)
            self._send(fences, seen)
            for _ in range(int(FENCE_S / QUIET_S)):
                if all((f.receiver, f.number) in seen for f in fences):
                    while self._drain(seen, QUIET_S):
                        pass
                    return
                self._drain(seen, QUIET_S)
            pairs = [(f.sender, f.receiver) for f in fences
                     if (f.receiver, f.number) not in seen]
        raise AssertionError("ARP does not arrive: %s" % pairs)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
