# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""Packets that are unusual or broken: fragments of each kind, options,
extension headers, lengths that lie, protocols nobody speaks.  What a policy
says of the packet they seem to be is what becomes of them, or nothing does.

odd(k, port, other) makes, for each kind, a packet from k.me to TCP port 'port'
of k.target, to port 'other', or one that has no port."""

import collections
import itertools

from labframes import (IP, TCP, Ether, IPv6, IPv6ExtHdrDestOpt,
                       IPv6ExtHdrFragment, IPv6ExtHdrHopByHop,
                       IPv6ExtHdrRouting, Raw, RouterAlert, link_local,
                       new_mark)

# What becomes of a kind where the policy allows what it seems to be.
PASSES = "passes"               # As any other packet.
EITHER = "either"               # No use to anyone; none of the policy's affairs.
BROKEN = "broken"               # What it is cannot be said: it is dropped.

# What a kind seems to be.
PORT = "TCP to the port"
OTHER = "TCP to the other port"
PROTOCOL = "a protocol without ports"

# name    for people
# family  4 or 6
# frames  as bytes, in the order in which they are sent
# mark    in the data of the last of what makes the packet whole
# seems   PORT, OTHER or PROTOCOL
# fate    PASSES, EITHER or BROKEN
Odd = collections.namedtuple("Odd", "name family frames mark seems fate")

TINY = 8                        # The ports, and no more.


class Ordered(list):
    """Frames whose order decides what they are.  A switch keeps the order of
    a flow's packets only, and first and later fragments are two flows: each
    has to be sent after the one before has arrived."""


# No two packets have the same: pieces of one that never came to be whole wait
# for 30 s and 60 s, and would be put together with those of the next.
idents = itertools.count(0x4d00)


class Maker:
    def __init__(self, k, port, other):
        self.k, self.port, self.other = k, port, other

    def ether(self):
        return Ether(src=self.k.mac, dst=self.k.target.mac)

    def tcp(self, mark, flags="S", port=None, **more):
        return (TCP(sport=4001, dport=port or self.port, flags=flags, **more)
                / Raw(mark * 4))

    def whole(self, family, mark, upper=None, **more):
        """A frame; fields of the IP header by name."""
        upper = self.tcp(mark) if upper is None else upper
        return bytes(self.ether() / self.k.ip(family, **more) / upper)

    def segment(self, family, mark, **more):
        """The bytes of a TCP segment with its checksum."""
        at = 14 + (20 if family == 4 else 40)
        return self.whole(family, mark, self.tcp(mark, **more))[at:]

    def pieces(self, family, data, cuts, ident=None):
        """`cuts': (start, end, more) of each fragment."""
        ident = next(idents) if ident is None else ident
        frames = []
        for start, end, more in cuts:
            part = Raw(data[start:end])
            if family == 4:
                packet = self.k.ip(4, id=ident, proto=6,
                                   flags="MF" if more else 0,
                                   frag=start // 8) / part
            else:
                packet = (self.k.ip(6, nh=44) / IPv6ExtHdrFragment(
                    nh=6, offset=start // 8, m=int(more), id=ident)
                          / part)
            frames.append(bytes(self.ether() / packet))
        return frames


def patched(frame, at, data):
    """With other bytes at an offset from the IP header."""
    at += 14
    return frame[:at] + data + frame[at + len(data):]


def resum4(frame):
    """With the right checksum of its IPv4 header."""
    length = (frame[14] & 15) * 4
    header = frame[14:24] + b"\0\0" + frame[26:14 + length]
    total = sum(int.from_bytes(header[i:i + 2], "big")
                for i in range(0, len(header), 2))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return patched(frame, 10, (total ^ 0xffff).to_bytes(2, "big"))


# --- TCP that no stack would send -------------------------------------------

def segments(m):
    for family in (4, 6):
        for name, flags, fate in (("SYN", "S", PASSES), ("ACK", "A", PASSES),
                                  ("no flags", 0, EITHER),
                                  ("all flags", 0x3f, EITHER),
                                  ("SYN and FIN", "SF", EITHER),
                                  ("SYN and RST", "SR", EITHER),
                                  ("FIN alone", "F", EITHER),
                                  ("FIN, URG, PSH", "FUP", EITHER)):
            yield "TCP, " + name, family, PORT, fate, (
                lambda x, f=family, g=flags: m.whole(f, x, m.tcp(x, flags=g)))
        yield "TCP, wrong checksum", family, PORT, EITHER, (
            lambda x, f=family: m.whole(f, x, m.tcp(x, chksum=0x1234)))
        yield "TCP, header of 16 bytes", family, PORT, EITHER, (
            lambda x, f=family: m.whole(f, x, m.tcp(x, dataofs=4)))
        yield "TCP, header longer than it is", family, PORT, EITHER, (
            lambda x, f=family: m.whole(f, x, m.tcp(x, dataofs=15)))


# --- Other protocols --------------------------------------------------------

def protocols(m):
    for family in (4, 6):
        for number in ((0, 3, 255) if family == 4 else (3, 59, 253, 255)):
            yield "protocol %d" % number, family, PROTOCOL, PASSES, (
                lambda x, f=family, n=number: m.whole(
                    f, x, Raw(bytes(m.tcp(x))),
                    **{"proto" if f == 4 else "nh": n}))


# --- Lengths that lie -------------------------------------------------------

def lengths(m):
    yield "total length beyond the frame", 4, PORT, BROKEN, (
        lambda x: m.whole(4, x, len=400))
    yield "total length within the TCP header", 4, PORT, BROKEN, (
        lambda x: m.whole(4, x, len=30))
    yield "total length of the ports alone", 4, PORT, BROKEN, (
        lambda x: m.whole(4, x, len=24))
    yield "total length less than the header", 4, PORT, BROKEN, (
        lambda x: m.whole(4, x, len=16))
    yield "header of 16 bytes", 4, PORT, BROKEN, lambda x: m.whole(4, x,
                                                                   ihl=4)
    yield "header of 60 bytes that has 20", 4, PORT, BROKEN, (
        lambda x: m.whole(4, x, ihl=15))
    yield "version 6", 4, PORT, BROKEN, lambda x: m.whole(4, x, version=6)
    yield "wrong checksum", 4, PORT, BROKEN, (
        lambda x: m.whole(4, x, chksum=0x1234))
    yield "payload length beyond the frame", 6, PORT, BROKEN, (
        lambda x: m.whole(6, x, plen=400))
    yield "payload length within the TCP header", 6, PORT, BROKEN, (
        lambda x: m.whole(6, x, plen=10))
    yield "payload length of the ports alone", 6, PORT, BROKEN, (
        lambda x: m.whole(6, x, plen=4))
    yield "payload length 0", 6, PORT, BROKEN, (
        lambda x: patched(m.whole(6, x), 4, b"\0\0"))
    yield "version 4", 6, PORT, BROKEN, (
        lambda x: patched(m.whole(6, x), 0, b"\x45"))
    for family in (4, 6):
        yield "cut after the ports", family, PORT, BROKEN, (
            lambda x, f=family: m.whole(f, x)[:14 + 24 + 20 * (f == 6)] + x)


# --- Options and extension headers ------------------------------------------

ADDRESS = bytes((10, 77, 0, 99))


def options4(m):
    for name, data in (
            ("no operation, 40 times", b"\x01" * 40),
            ("end of options", b"\0" * 4),
            ("router alert", b"\x94\x04\0\0"),
            ("record route", b"\x07\x07\x04" + b"\0" * 4 + b"\0"),
            ("timestamp", b"\x44\x08\x05\0" + b"\0" * 4),
            ("loose source route", b"\x83\x07\x04" + ADDRESS + b"\0"),
            ("strict source route", b"\x89\x07\x04" + ADDRESS + b"\0"),
            ("unknown", b"\x9e\x04\0\0")):
        yield "option: " + name, 4, PORT, PASSES, (
            lambda x, d=data: with_options4(m, x, d))
    for name, data in (("of length 0", b"\x07\0\x04\0"),
                       ("of length 1", b"\x83\x01\0\0"),
                       ("longer than the header", b"\x07\x28\x04\0")):
        yield "option " + name, 4, PORT, EITHER, (
            lambda x, d=data: with_options4(m, x, d))


def with_options4(m, mark, data):
    plain = m.whole(4, mark)
    head = bytes([0x45 + len(data) // 4]) + plain[15:34]
    frame = plain[:14] + head + data + plain[34:]
    return resum4(patched(frame, 2,
                          (len(frame) - 14).to_bytes(2, "big")))


def chains6(m):
    def behind(*headers):
        def make(mark):
            packet = m.k.ip(6)
            for header in headers:
                packet = packet / header
            return bytes(m.ether() / packet / m.tcp(mark))
        return make

    def routing(kind, addresses):
        return IPv6ExtHdrRouting(type=kind, segleft=0, addresses=addresses)

    local = [link_local(m.k.mac)]
    alert = IPv6ExtHdrHopByHop(options=RouterAlert())
    yield "hop-by-hop options", 6, PORT, PASSES, behind(alert)
    yield "destination options", 6, PORT, PASSES, behind(IPv6ExtHdrDestOpt())
    yield "destination options, 8 times", 6, PORT, PASSES, behind(
        *[IPv6ExtHdrDestOpt()] * 8)
    yield "hop-by-hop, destination, routing, destination", 6, PORT, PASSES, \
        behind(alert, IPv6ExtHdrDestOpt(), routing(4, []),
               IPv6ExtHdrDestOpt())
    yield "routing header 0, done", 6, PORT, PASSES, behind(
        routing(0, local))
    yield "routing header 4, done", 6, PORT, PASSES, behind(
        routing(4, local))
    yield "options longer than the packet", 6, PROTOCOL, EITHER, (
        lambda x: patched(behind(IPv6ExtHdrDestOpt())(x), 41, b"\x40"))
    yield "options cut short", 6, PORT, BROKEN, (
        lambda x: behind(IPv6ExtHdrDestOpt())(x)[:14 + 44] + x)


# --- Fragments --------------------------------------------------------------

def fragments(m):
    for family in (4, 6):
        # RFC 8200, section 4.5: all headers are in the first fragment.
        small = PASSES if family == 4 else BROKEN
        for name, fate, cuts in (
                ("one fragment", PASSES, lambda n: [(0, n, False)]),
                ("two fragments", PASSES,
                 lambda n: [(0, 24, True), (24, n, False)]),
                ("tiny fragments", small, tiny),
                ("tiny fragments, last first", small, lambda n: tiny(n)[::-1]),
                ("a tiny first fragment", small,
                 lambda n: [(0, TINY, True), (TINY, n, False)]),
                ("no first fragment", BROKEN,
                 lambda n: [(TINY, n, False)]),
                ("no last fragment", BROKEN,
                 lambda n: [(0, 32, True)]),
                ("a gap", BROKEN,
                 lambda n: [(0, TINY, True), (24, n, False)])):
            yield name, family, PORT, fate, (
                lambda x, f=family, c=cuts: cut(m, f, x, c))
        yield ("a fragment past the end of all packets", family, PORT, BROKEN,
               lambda x, f=family: far(m, f, x))
        # What makes it whole first counts; what is left waits in vain.
        for name, seems, order in (
                ("after the end", PORT, (0, 1, 2)),
                ("before the first", OTHER, (2, 1, 0)),
                ("after the last", PORT, (1, 0, 2)),
                ("after the last, first", OTHER, (1, 2, 0))):
            yield ("ports overlapped, " + name, family, seems, PASSES,
                   lambda x, f=family, o=order: overlap(m, f, x, o))
        # Both at once: none of it is to be trusted (RFC 5722, RFC 8200).
        yield ("ports overlapped, in part", family, PORT, BROKEN,
               lambda x, f=family: overlap_in_part(m, f, x))
        yield ("flags overlapped", family, PORT, BROKEN,
               lambda x, f=family: overlap_flags(m, f, x))


def tiny(n):
    return [(at, min(at + TINY, n), at + TINY < n)
            for at in range(0, n, TINY)]


def cut(m, family, mark, cuts):
    data = m.segment(family, mark)
    return m.pieces(family, data, cuts(len(data)))


def far(m, family, mark):
    """Its last fragment ends where no packet can."""
    ident = next(idents)
    return (m.pieces(family, m.segment(family, mark), [(0, 32, True)], ident)
            + m.pieces(family, b"\0" * 65528 + mark * 16,
                       [(65528, 65592, False)], ident))


def overlap(m, family, mark, order):
    """A first fragment for the port, one with all that follows, and a first
    fragment for the other port, in this order."""
    ident = next(idents)
    ours = m.segment(family, mark)
    theirs = m.segment(family, mark, port=m.other)
    frames = m.pieces(family, ours, [(0, 24, True), (24, len(ours), False)],
                      ident)
    frames += m.pieces(family, theirs, [(0, 24, True)], ident)
    return Ordered(frames[i] for i in order)


def overlap_in_part(m, family, mark):
    """As overlap(), but the other port's fragment is a longer one."""
    ident = next(idents)
    ours = m.segment(family, mark)
    theirs = m.segment(family, mark, port=m.other)
    frames = m.pieces(family, ours, [(0, 24, True)], ident)
    frames += m.pieces(family, theirs, [(0, 32, True)], ident)
    frames += m.pieces(family, ours, [(24, len(ours), False)], ident)
    return Ordered(frames)


def overlap_flags(m, family, mark):
    """As ACK it would belong to a connection."""
    ident = next(idents)
    ack = m.segment(family, mark, flags="A")
    syn = m.segment(family, mark, flags="S")
    frames = m.pieces(family, ack, [(0, 16, True)], ident)
    frames += m.pieces(family, syn, [(8, len(syn), False)], ident)
    return Ordered(frames)


def odd(k, port, other):
    m = Maker(k, port, other)
    kinds = []
    for make in (segments, protocols, lengths, options4, chains6, fragments):
        for name, family, seems, fate, frames in make(m):
            mark = new_mark()
            frames = frames(mark)
            if not isinstance(frames, list):
                frames = [frames]
            kinds.append(Odd(name, family, frames, mark, seems, fate))
    return kinds
