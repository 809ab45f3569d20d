# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""Single frames from an instance's device, legal and hostile, and what of them
gets out of its bridge.

A frame carries a mark, four bytes that nothing else has, where its kind has
room for them: in the data of a packet, in the reserved field of neighbour
discovery, behind an ARP message.  Whoever sees the mark at the bridge's other
end, whatever has become of the frame, has seen it delivered."""

import collections
import itertools
import select
import socket
import struct
import time

# What labhostile builds frames of, too.
from scapy.layers.inet import ICMP, IP, TCP, UDP  # noqa: F401
from scapy.layers.inet6 import (  # noqa: F401
    ICMPv6EchoRequest, ICMPv6MLDMultAddrRec, ICMPv6MLReport2, ICMPv6ND_NA,
    ICMPv6ND_NS, ICMPv6ND_RA, ICMPv6ND_Redirect, ICMPv6ND_RS,
    ICMPv6NDOptSrcLLAddr, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, RouterAlert)
from scapy.layers.l2 import ARP, Dot1AD, Dot1Q, Ether  # noqa: F401
from scapy.packet import Raw

BROADCAST = "ff:ff:ff:ff:ff:ff"
ALL_NODES = "33:33:00:00:00:01"
OTHER_MAC = "52:54:00:ba:d0:01"
GATEWAY = {4: "10.77.0.1", 6: "fd77::1"}

_numbers = itertools.count(0xb51000)


def new_mark():
    """Valid as the first word of an NA, too: flags and a reserved field."""
    return b"\x60" + struct.pack("!I", next(_numbers))[1:]


# name    for people
# family  4 or 6; 0: the kind knows no family
# frames  what is sent, one after the other, as bytes, or as (instance, bytes)
# mark    what is looked for
# guard   nothing but the guard stops it (of a hostile one)
Case = collections.namedtuple("Case", "name family frames mark guard")


def link_local(mac):
    m = bytes.fromhex(mac.replace(":", ""))
    eui = bytes([m[0] ^ 2]) + m[1:3] + b"\xff\xfe" + m[3:]
    return socket.inet_ntop(socket.AF_INET6, b"\xfe\x80" + b"\0" * 6 + eui)


class Wire:
    """Sends from instances' devices and watches the far ends of the bridges of
    some of them, in the host's namespace."""

    def __init__(self, lab, *watched):
        self.lab = lab
        self.senders = {}
        self.captures = []
        known = dict(lab.instances(), **lab.strangers)
        for name in watched:
            with lab.space(known[name].host).entered():
                self.watch(known[name].device("qvo"))

    def watch(self, device):
        """Called in a namespace: what comes in at 'device'."""
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                             socket.htons(0x0003))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        sock.bind((device, 0x0003))
        self.captures.append(sock)

    def send(self, name, frame, device="eth0"):
        if name not in self.senders:
            with self.lab.space(name).entered():
                sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            sock.bind((device, 0))
            self.senders[name] = sock
        self.senders[name].send(frame)

    def drain(self, seen):
        for sock in select.select(self.captures, [], [], 0.05)[0]:
            while True:
                try:
                    frame, address = sock.recvfrom(65536, socket.MSG_DONTWAIT)
                except BlockingIOError:
                    break
                if address[2] != socket.PACKET_OUTGOING:
                    seen.append(frame)

    def run(self, cases, sender, last):
        """Sends all frames of 'cases' from 'sender' and then 'last', a legal
        case: what that has not overtaken is not coming any more.  Returns the
        cases whose mark came through."""
        seen = []
        for case in cases + [last]:
            for frame in case.frames:
                who, frame = (frame if isinstance(frame, tuple)
                              else (sender, frame))
                self.send(who, frame)
            self.drain(seen)

        for _ in range(200):
            if any(last.mark in frame for frame in seen):
                break
            self.drain(seen)
        else:
            raise AssertionError("%s: a legal frame does not arrive"
                                 % last.name)
        return [case for case in cases
                if any(case.mark in frame for frame in seen)]

    def eventually(self, cases, sender, lasts, timeout=2):
        """Like run(), at a moment at which the legal cases 'lasts' may not
        pass yet: they are sent until all do.  Returns the cases whose mark
        came through, and how many seconds that took, or None."""
        seen = []
        for case in cases:
            for frame in case.frames:
                who, frame = (frame if isinstance(frame, tuple)
                              else (sender, frame))
                self.send(who, frame)
        start = time.monotonic()
        took = None
        while took is None and time.monotonic() < start + timeout:
            for last in lasts:
                self.send(sender, last.frames[0])
            self.drain(seen)
            if all(any(last.mark in frame for frame in seen)
                   for last in lasts):
                took = time.monotonic() - start
        self.drain(seen)
        return [case for case in cases
                if any(case.mark in frame for frame in seen)], took

    def close(self):
        for sock in self.captures + list(self.senders.values()):
            sock.close()


class Kinds:
    """Frames of 'me', an instance, that speak of themselves or of 'other', an
    instance on the same host; to 'target', one that may be elsewhere."""

    def __init__(self, me, other, target):
        self.me, self.other, self.target = me, other, target
        self.mac = me.mac

    # --- Bricks -------------------------------------------------------------

    def ether(self, dst=None, src=None, **more):
        return Ether(src=src or self.mac, dst=dst or self.target.mac, **more)

    def ip(self, family, src=None, dst=None, **more):
        src = src or self.me.address(family)
        dst = dst or self.target.address(family)
        return (IP if family == 4 else IPv6)(src=src, dst=dst, **more)

    def udp(self, mark, port=9999):
        return UDP(sport=4000, dport=port) / Raw(mark * 3)

    def packet(self, family, mark, **more):
        return self.ip(family, **more) / self.udp(mark)

    def arp(self, mark, dst=BROADCAST, src=None, ether_type=0x0806, **more):
        fields = {"op": 1, "hwsrc": self.mac, "psrc": self.me.address(4),
                  "hwdst": "00:00:00:00:00:00", "pdst": self.target.address(4)}
        fields.update(more)
        return (Ether(src=src or self.mac, dst=dst, type=ether_type)
                / ARP(**fields) / Raw(mark + b"\0" * 14))

    def nd(self, message, mark, src=None, dst="ff02::1", between=None,
           mac=None, hop=255):
        """'message' with its reserved word replaced, behind 'between'."""
        source = src or self.me.address(6)
        whole = bytes(IPv6(src=source, dst=dst, hlim=hop) / message)
        upper = whole[40:44] + mark + whole[48:]
        upper = upper[:2] + icmp6_sum(source, dst, upper) + upper[4:]
        packet = IPv6(src=source, dst=dst, hlim=hop,
                      nh=58 if between is None else None)
        if between is not None:
            packet = packet / between
            packet.lastlayer().nh = 58
        return bytes(Ether(src=mac or self.mac, dst=ALL_NODES, type=0x86dd)
                     / packet / Raw(upper))

    def fragments6(self, src, dst, chain, upper, cuts, ident, hop=255):
        """The fragmentable part chain + upper, whose first header is
        chain[0], cut at 'cuts' (multiples of eight)."""
        first, data = chain[0], chain[1] + upper
        ends = [0] + list(cuts) + [len(data)]
        frames = []
        for start, end in zip(ends, ends[1:]):
            header = IPv6ExtHdrFragment(nh=first, offset=start // 8,
                                        m=int(end < len(data)), id=ident)
            frames.append(bytes(
                Ether(src=self.mac, dst=ALL_NODES)
                / IPv6(src=src, dst=dst, nh=44, hlim=hop) / header
                / Raw(data[start:end])))
        return frames


def icmp6_sum(src, dst, upper):
    """The checksum of an ICMPv6 message whose field for it counts as 0."""
    data = (socket.inet_pton(socket.AF_INET6, src)
            + socket.inet_pton(socket.AF_INET6, dst)
            + struct.pack("!II", len(upper), 58)
            + upper[:2] + b"\0\0" + upper[4:])
    data += b"\0" * (len(data) & 1)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return struct.pack("!H", total ^ 0xffff)
