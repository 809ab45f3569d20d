# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""Frames that no instance may send, by what they try, and the legal ones that
are next to them.  See labframes.Case."""

from labframes import (ALL_NODES, BROADCAST, GATEWAY, ICMP, IP,
                       OTHER_MAC, TCP, UDP, Case, Dot1AD, Dot1Q, Ether,
                       ICMPv6EchoRequest, ICMPv6MLDMultAddrRec,
                       ICMPv6MLReport2, ICMPv6ND_NA, ICMPv6ND_NS,
                       ICMPv6ND_RA, ICMPv6ND_Redirect, ICMPv6ND_RS,
                       ICMPv6NDOptSrcLLAddr, IPv6, IPv6ExtHdrDestOpt,
                       IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, Raw,
                       RouterAlert, icmp6_sum, link_local, new_mark)

# With the guard away the other filters stop some of these, too.
GUARD, BOTH = True, False

PADDING = b"\x01\x04\0\0\0\0"


def case(name, family, make, guard=GUARD):
    """make(mark) returns a frame, or a list of them."""
    mark = new_mark()
    frames = make(mark)
    if not isinstance(frames, list):
        frames = [frames]
    return Case(name, family,
                [f if isinstance(f, tuple) else bytes(f) for f in frames],
                mark, guard)


# --- EtherTypes (V00) -------------------------------------------------------

def ether_types(k):
    """A packet that would be legal, in something else than IPv4 or IPv6."""
    for family, inner in ((4, 0x0800), (6, 0x86dd)):
        def tagged(*tags, family=family):
            def make(mark):
                frame = k.ether()
                for tag in tags:
                    frame = frame / tag
                return frame / k.packet(family, mark)
            return make

        def raw(ether_type, head=b"", family=family):
            def make(mark):
                return (k.ether(type=ether_type)
                        / Raw(head + bytes(k.packet(family, mark))))
            return make

        def llc(head, family=family):
            def make(mark):
                data = head + bytes(k.packet(family, mark))
                return k.ether(type=len(data)) / Raw(data)
            return make

        for vid, prio in ((0, 0), (0, 7), (1, 0), (5, 0), (4095, 0)):
            yield case("VLAN %d, priority %d" % (vid, prio), family,
                       tagged(Dot1Q(vlan=vid, prio=prio)))
        yield case("VLAN 0 twice", family,
                   tagged(Dot1Q(vlan=0), Dot1Q(vlan=0)))
        yield case("VLAN 5 in VLAN 0", family,
                   tagged(Dot1Q(vlan=0), Dot1Q(vlan=5)))
        yield case("QinQ, 0", family, tagged(Dot1AD(vlan=0)))
        yield case("QinQ, 5", family, tagged(Dot1AD(vlan=5)))
        yield case("QinQ and VLAN", family,
                   tagged(Dot1AD(vlan=5), Dot1Q(vlan=0)))
        for ether_type in (0x9100, 0x9200):
            yield case("old QinQ %#x" % ether_type, family,
                       raw(ether_type, b"\0\0" + inner.to_bytes(2, "big")))
        for ether_type in (0x8847, 0x8848):
            yield case("MPLS %#x" % ether_type, family,
                       raw(ether_type, b"\x00\x06\x41\x40"))
        yield case("PPPoE session", family, lambda mark, f=family: k.ether(
            type=0x8864) / Raw(b"\x11\0\0\1" + b"\0\x40"
                               + (b"\0\x21" if f == 4 else b"\0\x57")
                               + bytes(k.packet(f, mark))))
        yield case("PPPoE discovery", family, raw(0x8863, b"\x11\x09\0\0"))
        yield case("LLC/SNAP", family, llc(
            b"\xaa\xaa\x03\0\0\0" + inner.to_bytes(2, "big")))
        yield case("LLC/SNAP of another", family, llc(
            b"\xaa\xaa\x03\0\0\x0c" + inner.to_bytes(2, "big")))
        yield case("LLC, SAP of IP", family, llc(b"\x06\x06\x03"))
        yield case("802.3 without LLC", family, llc(b"\xff\xff"))
        yield case("the other IP's EtherType", family,
                   raw(0x86dd if family == 4 else 0x0800), BOTH)
        for ether_type, name in (
                (0x0600, "XNS"), (0x0801, "X.75"), (0x0808, "frame relay"),
                (0x6558, "bridged Ethernet"), (0x8137, "IPX"),
                (0x22f3, "TRILL"), (0x876b, "compressed TCP"),
                (0x880b, "PPP"), (0x888e, "EAPOL"), (0x88b5, "experiment"),
                (0x88cc, "LLDP"), (0x88e5, "MACsec"), (0x88f7, "PTP"),
                (0x8906, "FCoE"), (0x8915, "RoCE"), (0x894f, "NSH"),
                (0x9000, "loop"), (0xffff, "the last EtherType")):
            yield case(name, family, raw(ether_type))


# --- ARP and RARP (V20) -----------------------------------------------------

def arp(k):
    own, theirs = k.me.address(4), k.other.address(4)

    for whose, ip in (("the gateway", GATEWAY[4]), ("a neighbour", theirs),
                      ("nobody", "10.77.0.250"), ("broadcast", "10.77.0.255"),
                      ("loopback", "127.0.0.1")):
        for op, name in ((1, "request"), (2, "reply")):
            yield case("ARP %s as %s" % (name, whose), 4,
                       lambda m, o=op, i=ip: k.arp(m, op=o, psrc=i))
            yield case("ARP %s as %s, to one" % (name, whose), 4,
                       lambda m, o=op, i=ip: k.arp(
                           m, dst=k.target.mac, op=o, psrc=i,
                           hwdst=k.target.mac))
            yield case("gratuitous ARP %s as %s" % (name, whose), 4,
                       lambda m, o=op, i=ip: k.arp(m, op=o, psrc=i, pdst=i))
    for op in (1, 2):
        yield case("ARP %d, sender MAC of another" % op, 4,
                   lambda m, o=op: k.arp(m, op=o, hwsrc=k.other.mac))
        yield case("ARP %d, frame's MAC of another" % op, 4,
                   lambda m, o=op: k.arp(m, op=o, src=k.other.mac))
        yield case("ARP %d, all of another" % op, 4,
                   lambda m, o=op: k.arp(m, op=o, src=k.other.mac,
                                         hwsrc=k.other.mac, psrc=theirs))
        yield case("ARP %d, sender MAC broadcast" % op, 4,
                   lambda m, o=op: k.arp(m, op=o, hwsrc=BROADCAST))
        yield case("ARP %d, sender and target swapped" % op, 4,
                   lambda m, o=op: k.arp(m, op=o, hwsrc=k.other.mac,
                                         psrc=theirs, hwdst=k.mac, pdst=own))
    for op in (0, 3, 4, 8, 9, 10, 25, 256, 0xffff):
        yield case("ARP operation %d" % op, 4,
                   lambda m, o=op: k.arp(m, op=o))
    yield case("ARP probe for another's address", 4,
               lambda m: k.arp(m, psrc="0.0.0.0", pdst=theirs))
    yield case("ARP probe with another's MAC", 4,
               lambda m: k.arp(m, psrc="0.0.0.0", pdst=own,
                               hwsrc=k.other.mac))
    yield case("ARP reply from 0.0.0.0", 4,
               lambda m: k.arp(m, op=2, psrc="0.0.0.0", pdst=own))
    yield case("ARP for another hardware", 4, lambda m: k.arp(m, hwtype=6))
    yield case("ARP for another protocol", 4,
               lambda m: k.arp(m, ptype=0x86dd))
    yield case("ARP with long MACs", 4, lambda m: k.arp(m, hwlen=8))
    yield case("ARP with long addresses", 4, lambda m: k.arp(m, plen=16))
    yield case("truncated ARP", 4, lambda m: bytes(k.arp(m))[:14 + 12] + m)
    yield case("ARP in VLAN 0", 4, lambda m: k.ether(BROADCAST)
               / Dot1Q(vlan=0, type=0x0806) / Raw(bytes(k.arp(m))[14:]))

    def rarp(mark, **more):
        fields = {"op": 3, "psrc": "0.0.0.0", "pdst": "0.0.0.0",
                  "hwdst": k.mac, "ether_type": 0x8035}
        fields.update(more)
        return k.arp(mark, **fields)
    yield case("RARP, sender of another", 4,
               lambda m: rarp(m, hwsrc=k.other.mac))
    yield case("RARP, target of another", 4,
               lambda m: rarp(m, hwdst=k.other.mac))
    yield case("RARP, all of another", 4,
               lambda m: rarp(m, src=k.other.mac, hwsrc=k.other.mac,
                              hwdst=k.other.mac))
    yield case("RARP with an address", 4, lambda m: rarp(m, psrc=own))
    yield case("RARP that gives an address", 4, lambda m: rarp(m, pdst=own))
    for op in (1, 2, 4, 5):
        yield case("RARP operation %d" % op, 4, lambda m, o=op: rarp(m, op=o))


# --- Neighbour discovery (V22) ----------------------------------------------

def options(*found):
    """(type, length, MAC) as bytes."""
    return b"".join(bytes([kind, length])
                    + bytes.fromhex(mac.replace(":", ""))
                    for kind, length, mac in found)


def solicitation(target, *found):
    return ICMPv6ND_NS(tgt=target) / Raw(options(*found))


def advertisement(target, *found):
    return ICMPv6ND_NA(tgt=target, R=0, S=1, O=1) / Raw(options(*found))


def nd(k):
    own, theirs = k.me.address(6), k.other.address(6)
    someone = k.target.address(6)

    for kind, make, target in ((135, solicitation, someone),
                               (136, advertisement, own)):
        name = "NS" if kind == 135 else "NA"
        option = kind - 134

        def frame(*found, make=make, target=target, **more):
            return lambda m: k.nd(make(target, *found), m, **more)

        right = (option, 1, k.mac)
        yield case(name + " says another's MAC", 6,
                   frame((option, 1, k.other.mac)))
        yield case(name + " says the other kind of MAC", 6,
                   frame((3 - option, 1, k.mac)))
        yield case(name + " says it twice", 6, frame(right, right))
        yield case(name + " says two MACs", 6,
                   frame(right, (option, 1, k.other.mac)))
        yield case(name + ", option of length 0", 6,
                   frame((option, 0, k.mac)))
        yield case(name + ", option of length 2", 6,
                   frame((option, 2, k.mac), (0, 0, "00:00:00:00:00:00")))
        yield case(name + ", unknown option", 6, frame((200, 1, k.mac)))
        yield case(name + ", unknown option first", 6,
                   frame((200, 1, k.mac), (option, 1, k.other.mac)))
        yield case(name + ", hop limit 254", 6, frame(right, hop=254))
        yield case(name + ", hop limit 1", 6, frame(right, hop=1))
        yield case(name + " from a neighbour's address", 6,
                   frame(right, src=theirs), BOTH)
        yield case(name + " from a neighbour's link-local address", 6,
                   frame(right, src=link_local(k.other.mac)), BOTH)
        yield case(name + " from a router", 6, frame(right, src="fe80::1"),
                   BOTH)
        yield case(name + " with another's frame", 6,
                   frame(right, mac=k.other.mac), BOTH)
        for where, between in (
                ("hop-by-hop options", IPv6ExtHdrHopByHop(
                    options=RouterAlert())),
                ("destination options", IPv6ExtHdrDestOpt()),
                ("a routing header", IPv6ExtHdrRouting(type=4))):
            yield case("%s behind %s" % (name, where), 6,
                       frame(right, between=between))
        yield case(name + " with code 1", 6, lambda m, f=frame: recode(
            f(right)(m), 1))
        yield case(name + " truncated", 6, lambda m, f=frame: shorten(
            f(right)(m), 16))
        yield case(name + " truncated within its option", 6,
                   lambda m, f=frame: shorten(f(right)(m), 28))
        yield case(name + " in VLAN 0", 6, lambda m, f=frame: vlan0(
            f(right)(m)))
        yield from in_fragments(k, name, own, lambda m, f=frame: f(right)(m))

    for whose, ip in (("a neighbour", theirs), ("the gateway", GATEWAY[6]),
                      ("a router", "fe80::1"),
                      ("a neighbour, link-local", link_local(k.other.mac))):
        for found in ((), ((2, 1, k.mac),), ((2, 1, k.other.mac),)):
            yield case("NA for %s, %s" % (whose, "MAC " + found[0][2] if found
                                          else "no MAC"), 6,
                       lambda m, i=ip, f=found: k.nd(
                           advertisement(i, *f), m))
    yield case("DAD for a neighbour's address", 6, lambda m: k.nd(
        solicitation(theirs), m, src="::"))
    yield case("DAD for the gateway's address", 6, lambda m: k.nd(
        solicitation(GATEWAY[6]), m, src="::"))
    yield case("DAD with another's frame", 6, lambda m: k.nd(
        solicitation(own), m, src="::", mac=k.other.mac), BOTH)
    yield case("DAD that says a MAC", 6, lambda m: k.nd(
        solicitation(own, (1, 1, k.mac)), m, src="::"))
    yield case("DAD with hop limit 254", 6, lambda m: k.nd(
        solicitation(own), m, src="::", hop=254))
    yield case("RS says another's MAC", 6, lambda m: k.nd(
        ICMPv6ND_RS() / Raw(options((1, 1, k.other.mac))), m, dst="ff02::2"))
    yield case("RS says two MACs", 6, lambda m: k.nd(
        ICMPv6ND_RS() / Raw(options((1, 1, k.mac), (1, 1, k.other.mac))), m,
        dst="ff02::2"))
    yield case("RS from a neighbour", 6, lambda m: k.nd(
        ICMPv6ND_RS(), m, src=link_local(k.other.mac), dst="ff02::2"), BOTH)


def recode(frame, code):
    """The same ICMPv6 message with another code."""
    return resum(frame[:55] + bytes([code]) + frame[56:])


def shorten(frame, length):
    """Only so much of the ICMPv6 message."""
    return resum(frame[:18] + length.to_bytes(2, "big")
                 + frame[20:54 + length])


def resum(frame):
    packet = IPv6(frame[14:54])
    upper = frame[54:]
    return (frame[:54] + upper[:2]
            + icmp6_sum(packet.src, packet.dst, upper) + upper[4:])


def vlan0(frame):
    return frame[:12] + b"\x81\0\0\0" + frame[12:]


def in_fragments(k, name, src, make):
    """Whole, in two, and hidden behind destination options."""
    def cut(mark, chain, cuts):
        frame = make(mark)
        packet = IPv6(frame[14:54])
        return k.fragments6(packet.src, packet.dst, chain, frame[54:], cuts,
                            int.from_bytes(mark, "big"))
    options_first = (60, bytes([58, 0]) + PADDING)
    yield case(name + " in one fragment", 6,
               lambda m: cut(m, (58, b""), ()))
    yield case(name + " in two fragments", 6,
               lambda m: cut(m, (58, b""), (8,)))
    yield case(name + " in fragments, behind options", 6,
               lambda m: cut(m, options_first, (16,)))
    # The kernel itself wants all headers in the first one, since Linux 5.10.
    yield case(name + " in fragments, hidden behind options", 6,
               lambda m: cut(m, options_first, (8,)), BOTH)


# --- Routers (V23) ----------------------------------------------------------

def routers(k):
    local = link_local(k.mac)

    for name, message in (
            ("RA", ICMPv6ND_RA(routerlifetime=1800)
             / ICMPv6NDOptSrcLLAddr(lladdr=k.mac)),
            ("redirect", ICMPv6ND_Redirect(tgt=local,
                                           dst=k.other.address(6)))):
        for where, dst in (("to all nodes", "ff02::1"),
                           ("to one", k.target.address(6))):
            def frame(mark, message=message, dst=dst, **more):
                return k.nd(message, mark, src=local, dst=dst, **more)
            title = "%s %s" % (name, where)
            yield case(title, 6, frame, BOTH)
            for what, between in (
                    ("hop-by-hop options", IPv6ExtHdrHopByHop(
                        options=RouterAlert())),
                    ("destination options", IPv6ExtHdrDestOpt()),
                    ("a routing header", IPv6ExtHdrRouting(type=4))):
                yield case("%s behind %s" % (title, what), 6,
                           lambda m, f=frame, b=between: f(m, between=b),
                           BOTH)
            for c in in_fragments(k, title, local, frame):
                yield c._replace(guard=BOTH)
            yield case(title + " in VLAN 0", 6,
                       lambda m, f=frame: vlan0(f(m)))


# --- Sources (V21) ----------------------------------------------------------

def sources(k):
    bad = {4: (GATEWAY[4], k.other.address(4), "127.0.0.1", "224.0.0.1",
               "255.255.255.255", "10.77.0.255", "0.0.0.0", "169.254.1.1"),
           6: (GATEWAY[6], k.other.address(6), "::1", "ff02::1", "::",
               "fe80::1", link_local(k.other.mac), "::ffff:10.77.0.1")}
    for family in (4, 6):
        for ip in bad[family]:
            yield case("UDP from " + ip, family,
                       lambda m, f=family, i=ip: k.ether()
                       / k.packet(f, m, src=i), BOTH)
        for name, mac in (("a neighbour", k.other.mac), ("nobody",
                                                         OTHER_MAC)):
            yield case("own address, MAC of " + name, family,
                       lambda m, f=family, x=mac: k.ether(src=x)
                       / k.packet(f, m), BOTH)
        yield case("all of a neighbour", family,
                   lambda m, f=family: k.ether(src=k.other.mac)
                   / k.packet(f, m, src=k.other.address(f)), BOTH)
        yield case("fragment of a neighbour", family,
                   lambda m, f=family: forged_fragment(k, f, m, k.mac))
        yield case("fragment of a neighbour, with its MAC", family,
                   lambda m, f=family: forged_fragment(k, f, m, k.other.mac))

    def dhcp(mark, src="0.0.0.0", mac=k.mac, dst="255.255.255.255",
             sport=68, dport=67):
        return (Ether(src=mac, dst=BROADCAST) / IP(src=src, dst=dst)
                / UDP(sport=sport, dport=dport) / Raw(mark * 60))
    yield case("DHCP discovery with another's frame", 4,
               lambda m: dhcp(m, mac=k.other.mac), BOTH)
    yield case("DHCP discovery from another's address", 4,
               lambda m: dhcp(m, src=k.other.address(4)), BOTH)
    yield case("DHCP discovery from 0.0.0.0 to one", 4,
               lambda m: dhcp(m, dst=k.target.address(4)), BOTH)
    yield case("an answer of a DHCP server", 4,
               lambda m: dhcp(m, src=k.me.address(4), sport=67, dport=68),
               BOTH)
    yield case("MLD report from a neighbour", 6,
               lambda m: mld(k, m, link_local(k.other.mac)), BOTH)
    yield case("MLD report from ::, another's frame", 6,
               lambda m: mld(k, m, "::", mac=k.other.mac), BOTH)
    yield case("echo request from ::", 6, lambda m: k.ether()
               / k.ip(6, src="::") / ICMPv6EchoRequest(data=m * 3), BOTH)


def forged_fragment(k, family, mark, mac):
    """The neighbour sends the beginning of a datagram, which is its right,
    and 'me' the end of it."""
    ident = int.from_bytes(mark, "big") & 0xffff
    whole = bytes(k.packet(family, mark, src=k.other.address(family)))
    upper = whole[20 if family == 4 else 40:]
    first, rest = upper[:8], mark * 4
    # As a whole it would be right: no checksum in IPv4, one in IPv6 that
    # nobody looks at on the way.
    first = first[:4] + (8 + len(rest)).to_bytes(2, "big") + (
        b"\0\0" if family == 4 else b"\x12\x34")
    if family == 4:
        def piece(src_mac, offset, more, data):
            return bytes(Ether(src=src_mac, dst=k.target.mac)
                         / IP(src=k.other.address(4),
                              dst=k.target.address(4), id=ident, proto=17,
                              flags="MF" if more else 0, frag=offset)
                         / Raw(data))
        return [(k.other.name, piece(k.other.mac, 0, True, first)),
                piece(mac, 1, False, rest)]
    start, end = k.fragments6(k.other.address(6), k.target.address(6),
                              (17, b""), first + rest, (8,), ident)
    as_other = bytes.fromhex(k.other.mac.replace(":", ""))
    as_me = bytes.fromhex(mac.replace(":", ""))
    to = bytes.fromhex(k.target.mac.replace(":", ""))
    return [(k.other.name, to + as_other + start[12:]),
            to + as_me + end[12:]]


def mld(k, mark, src, mac=None):
    group = "ff02::%x:%x" % (int.from_bytes(mark[:2], "big"),
                             int.from_bytes(mark[2:], "big"))
    return (Ether(src=mac or k.mac, dst="33:33:00:00:00:16")
            / IPv6(src=src, dst="ff02::16", hlim=1)
            / IPv6ExtHdrHopByHop(options=RouterAlert())
            / ICMPv6MLReport2(records=[ICMPv6MLDMultAddrRec(
                rtype=4, dst=group)]))


def hostile(k):
    return [c for kind in (ether_types, arp, nd, routers, sources)
            for c in kind(k)]


# --- What must pass ---------------------------------------------------------

def legal(k):
    own4, own6 = k.me.address(4), k.me.address(6)
    local, someone = link_local(k.mac), k.target.address(6)

    def everybody():
        for family in (4, 6):
            yield "UDP", family, lambda m, f=family: (
                k.ether() / k.packet(f, m))
            yield "TCP", family, lambda m, f=family: (
                k.ether() / k.ip(f) / TCP(sport=4001, dport=4002, flags="S")
                / Raw(m * 2))
            yield "broadcast or multicast", family, lambda m, f=family: (
                k.ether(BROADCAST if f == 4 else ALL_NODES)
                / k.packet(f, m, dst="10.77.0.255" if f == 4 else "ff02::1"))
        yield "ping", 4, lambda m: k.ether() / k.ip(4) / ICMP() / Raw(m * 3)
        yield "ping", 6, lambda m: (k.ether() / k.ip(6)
                                    / ICMPv6EchoRequest(data=m * 3))
        yield "link-local ping", 6, lambda m: (
            k.ether() / k.ip(6, src=local) / ICMPv6EchoRequest(data=m * 3))
        yield "DHCP discovery", 4, lambda m: (
            k.ether(BROADCAST) / IP(src="0.0.0.0", dst="255.255.255.255")
            / UDP(sport=68, dport=67) / Raw(m * 60))
        yield "DHCP renewal", 4, lambda m: (
            k.ether() / k.ip(4) / UDP(sport=68, dport=67) / Raw(m * 60))
        yield "DHCPv6 solicitation", 6, lambda m: (
            k.ether("33:33:00:01:00:02")
            / k.ip(6, src=local, dst="ff02::1:2")
            / UDP(sport=546, dport=547) / Raw(m * 10))

    def addresses():
        yield "ARP request", 4, lambda m: k.arp(m)
        yield "ARP request to one", 4, lambda m: k.arp(m, dst=k.target.mac)
        yield "ARP reply", 4, lambda m: k.arp(
            m, op=2, dst=k.target.mac, hwdst=k.target.mac)
        yield "gratuitous ARP", 4, lambda m: k.arp(m, pdst=own4)
        yield "gratuitous ARP reply", 4, lambda m: k.arp(m, op=2, pdst=own4)
        yield "ARP probe", 4, lambda m: k.arp(m, psrc="0.0.0.0", pdst=own4)
        yield "RARP of a migration", 4, lambda m: k.arp(
            m, op=3, psrc="0.0.0.0", pdst="0.0.0.0", hwdst=k.mac,
            ether_type=0x8035)
        for src in (own6, local):
            yield "NS from " + src, 6, lambda m, s=src: k.nd(
                solicitation(someone, (1, 1, k.mac)), m, src=s)
            yield "NS from %s, no MAC" % src, 6, lambda m, s=src: k.nd(
                solicitation(someone), m, src=s, dst=someone)
            yield "NA for " + src, 6, lambda m, s=src: k.nd(
                advertisement(s, (2, 1, k.mac)), m, src=s)
            yield "NA for %s, no MAC" % src, 6, lambda m, s=src: k.nd(
                advertisement(s), m, src=s, dst=someone)
            yield "DAD for " + src, 6, lambda m, s=src: k.nd(
                solicitation(s), m, src="::")
            yield "DAD for %s, nonce" % src, 6, lambda m, s=src: k.nd(
                solicitation(s, (14, 1, OTHER_MAC)), m, src="::")
        yield "NA for one address from another", 6, lambda m: k.nd(
            advertisement(own6, (2, 1, k.mac)), m, src=local)
        yield "RS", 6, lambda m: k.nd(ICMPv6ND_RS(), m, src=local,
                                      dst="ff02::2")
        yield "RS that says its MAC", 6, lambda m: k.nd(
            ICMPv6ND_RS() / Raw(options((1, 1, k.mac))), m, src=local,
            dst="ff02::2")
        for src in (local, "::"):
            yield "MLDv2 report from " + src, 6, lambda m, s=src: (
                mld(k, m, s))

    def fragments():
        yield "in two fragments", 4, lambda m: [
            bytes(k.ether() / IP(src=own4, dst=k.target.address(4), id=77,
                                 proto=17, flags="MF")
                  / Raw(b"\x0f\xa0\x27\x0f\0\x18\0\0")),
            bytes(k.ether() / IP(src=own4, dst=k.target.address(4), id=77,
                                 proto=17, frag=1) / Raw(m * 4))]
        yield "in two fragments", 6, lambda m: k.fragments6(
            own6, someone, (17, b""),
            b"\x0f\xa0\x27\x0f\0\x18\x12\x34" + m * 4, (8,), 78)
        yield "large ping", 6, lambda m: ping_in_fragments(k, m)
        yield "UDP behind destination options", 6, lambda m: (
            k.ether() / k.ip(6) / IPv6ExtHdrDestOpt() / k.udp(m))
        yield "UDP behind hop-by-hop options", 6, lambda m: (
            k.ether() / k.ip(6) / IPv6ExtHdrHopByHop(options=RouterAlert())
            / k.udp(m))
    return [case(name, family, make)
            for kind in (everybody, addresses, fragments)
            for name, family, make in kind()]


def ping_in_fragments(k, mark):
    src, dst = k.me.address(6), k.target.address(6)
    upper = b"\x80\0\0\0\0\x07\0\x01" + mark * 400
    upper = upper[:2] + icmp6_sum(src, dst, upper) + upper[4:]
    return k.fragments6(src, dst, (58, b""), upper, (800,), 79)
