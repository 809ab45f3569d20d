# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""What an instance can send to get at a host, and who would hear it there.

A host of the lab listens on raw sockets, so that a packet counts as heard as
soon as the host's IP has taken it in, whether or not a program or a tunnel of
that kind is there; and on the devices over which it would route it on."""

import ipaddress
import itertools
import json
import select
import socket
import struct

import labcore
import labframes
import labtalk
from labframes import (ALL_NODES, BROADCAST, IP, UDP, Ether,
                       ICMPv6EchoRequest, ICMPv6ND_RA, IPv6, Raw, link_local)
from labhostile import case

CTL_ADDRESS6 = "fd00:255::1"
ADDRESS6 = {"h1": "fd00:255::11", "h2": "fd00:255::12"}
BRIDGE_ADDRESS = {4: "10.77.0.200", 6: "fd77::200"}
ROUTER_PREFIX = "fd66:6666"             # Of a router that is none.
VXLAN_PORT, GENEVE_PORT, BFD_PORT = 4789, 6081, 3784
VNI = 42
HEARD = {4: (1, 4, 6, 17, 41, 47), 6: (4, 6, 17, 41, 47, 58)}
RESERVED = "01:80:c2:00:00:%02x"        # 802.1D: never forwarded.
NOT_BRIDGED = (0x03, 0x0e, 0x0f)        # Those left to the host; 0e is LLDP's.
UPLINKS = "its uplink's MAC"
ELSEWHERE = "the MAC of the host's interface"


def macs(space):
    """{device: MAC} of a namespace."""
    return {link["ifname"]: link["address"] for link in json.loads(
        space.run(["ip", "-json", "link", "show"]))
        if link["link_type"] == "ether"}


def takes_uplinks(lab, me):
    """Does the host take for its own what goes to the MAC of the uplink of
    'me'?  Only if that is the bridge's: the lowest, nearly always."""
    here = macs(lab.space(me.host))
    return here[me.device("qvb")] == here[me.device("qbr")]


def packed(mac):
    return bytes.fromhex(mac.replace(":", ""))


def open_up(lab):
    """Makes both hosts as reachable as they can be: IPv6 everywhere, routing,
    a tunnel to each other."""
    lab.space("ctl").ip(["addr add %s/64 dev mgmt0 nodad" % CTL_ADDRESS6])
    for host in labcore.HOSTS:
        space = lab.space(host)
        other = next(h for h in labcore.HOSTS if h != host)
        space.sysctl({"ipv4/ip_forward": 1, "ipv6/conf/all/forwarding": 1,
                      "ipv6/conf/default/disable_ipv6": 0,
                      "ipv6/conf/default/accept_dad": 0,
                      "ipv6/conf/default/accept_ra": 2,
                      "ipv6/conf/mgmt0/disable_ipv6": 0})
        space.ip(["addr add %s/64 dev mgmt0 nodad" % ADDRESS6[host],
                  "link add vx0 type vxlan id %d local %s remote %s "
                  "dstport %d dev mgmt0" % (
                      VNI, labcore.HOST_ADDRESS[host],
                      labcore.HOST_ADDRESS[other], VXLAN_PORT),
                  "link set vx0 up"])
        # The userspace datapath reads these devices as a sniffer does, and
        # the kernel goes on to take what comes there for the host's own.  On
        # a real host Open vSwitch takes it away from the kernel.
        for device in macs(space):
            if device.startswith("qvo") or device in ("peer0", "br-int",
                                                      "ovs-netdev"):
                space.sysctl({"ipv4/conf/%s/arp_ignore" % device: 8,
                              "ipv6/conf/%s/disable_ipv6" % device: 1})
        for device in ("qvo+", "peer0", "br-int", "ovs-netdev"):
            space.run(["iptables-legacy", "-t", "raw", "-A", "PREROUTING",
                       "-i", device, "-j", "DROP"])


def enable_ipv6(lab, instance):
    """On the devices of an instance's plug, for the host itself."""
    enable_ipv6_on(lab.space(instance.host),
                   *[instance.device(kind) for kind in ("qbr", "tap", "qvb")])


def enable_ipv6_on(space, *devices):
    for name, value in (("accept_ra", 2), ("disable_ipv6", 0)):
        space.sysctl({"ipv6/conf/%s/%s" % (device, name): value
                      for device in devices})


def address_bridge(lab, instance):
    """Gives an instance's bridge addresses of the host."""
    space = lab.space(instance.host)
    enable_ipv6(lab, instance)
    space.ip(["addr add %s/24 dev %s" % (BRIDGE_ADDRESS[4],
                                         instance.device("qbr")),
              "addr add %s/64 dev %s nodad" % (BRIDGE_ADDRESS[6],
                                               instance.device("qbr"))])


class Ears:
    """Where a host would hear what it should not."""

    def __init__(self, lab, host):
        self.socks = []
        with lab.space(host).entered():
            for family, af in ((4, socket.AF_INET), (6, socket.AF_INET6)):
                for proto in HEARD[family]:
                    self._add(socket.socket(af, socket.SOCK_RAW, proto))
            for device in ("mgmt0", "vx0"):
                sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                                     socket.htons(3))
                sock.bind((device, 3))
                self._add(sock)

    def _add(self, sock):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        sock.setblocking(False)
        self.socks.append(sock)

    def drain(self):
        found = []
        for sock in select.select(self.socks, [], [], 0)[0]:
            while True:
                try:
                    found.append(sock.recv(65536))
                except BlockingIOError:
                    break
        return found

    def close(self):
        for sock in self.socks:
            sock.close()


class Eye:
    """What an instance gets from machines, not from instances."""

    def __init__(self, lab, name, device="eth0"):
        self.strange = {packed(mac) for host in labcore.HOSTS
                        for mac in macs(lab.space(host)).values()}
        with lab.space(name).entered():
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                                      socket.htons(3))
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.sock.bind((device, 3))
        self.sock.setblocking(False)
        self.frames = []

    def drain(self):
        while True:
            try:
                frame, address = self.sock.recvfrom(65536)
            except BlockingIOError:
                return
            if address[2] != socket.PACKET_OUTGOING:
                self.frames.append(frame)

    def answers(self):
        self.drain()
        return [f for f in self.frames if f[6:12] in self.strange
                and not is_announcement(f)]

    def close(self):
        self.sock.close()


def is_announcement(frame):
    """What a device with IPv6 says when it comes up: reports to multicast
    routers, a solicitation of routers, duplicate address detection."""
    if frame[12:14] != b"\x86\xdd":
        return False
    kind = frame[62 if frame[20] == 0 else 54:][:1]
    return kind in (b"\x83", b"\x84", b"\x85", b"\x8f") or (
        kind == b"\x87" and frame[22:38] == b"\0" * 16)


# --- Frames -----------------------------------------------------------------

ETHER_TYPE = {4: 0x0800, 6: 0x86dd}


class Packet:
    """From an instance to an address.  By hand: scapy takes its time."""

    def __init__(self, k, family, src, dst):
        self.k = k
        self.family = family
        self.src = ipaddress.ip_address(src).packed
        self.dst = ipaddress.ip_address(dst).packed

    def summed(self, proto, body, at):
        return proto, labtalk.with_sum(self.family, self.src, self.dst, proto,
                                       body, at)

    def udp(self, dport, data):
        return self.summed(17, struct.pack(
            "!HHHH", 4000, dport, 8 + len(data), 0) + data, 6)

    def tcp(self, dport, data):
        return self.summed(6, struct.pack(
            "!HHIIBBHHH", 4000, dport, 1, 0, 5 << 4, 2, 8192, 0, 0) + data,
            16)

    def ping(self, data):
        if self.family == 6:
            return self.summed(58, struct.pack("!BBHHH", 128, 0, 0, 7, 1)
                               + data, 2)
        body = struct.pack("!BBHHH", 8, 0, 0, 7, 1) + data
        return 1, body[:2] + struct.pack("!H", labtalk.inet_sum(body)) \
            + body[4:]

    def inner(self, mark):
        """A packet of another tenant's, in a frame of its own."""
        inside = Packet(self.k, self.family,
                        self.k.other.address(self.family),
                        self.k.target.address(self.family))
        return packed(BROADCAST) + packed(self.k.other.mac) + struct.pack(
            "!H", ETHER_TYPE[self.family]) + inside.packet(
                inside.udp(9999, mark * 3))

    def packet(self, body):
        return labtalk.ip_packet(self.family, self.src, self.dst, *body)


# What a host has ears for.
KINDS = {
    "UDP": lambda p, m: p.udp(5555, m * 3),
    "TCP": lambda p, m: p.tcp(22, m * 3),
    "Ping": lambda p, m: p.ping(m * 3),
    "DNS": lambda p, m: p.udp(53, m * 3),
    "VXLAN": lambda p, m: p.udp(VXLAN_PORT, struct.pack(
        "!II", 0x08000000, VNI << 8) + p.inner(m)),
    "Geneve": lambda p, m: p.udp(GENEVE_PORT, struct.pack(
        "!HHI", 0, 0x6558, VNI << 8) + p.inner(m)),
    "GRE": lambda p, m: (47, struct.pack(
        "!HH", 0, ETHER_TYPE[p.family]) + p.inner(m)[14:]),
    "GRE, Ethernet": lambda p, m: (47, struct.pack("!HH", 0, 0x6558)
                                   + p.inner(m)),
    "IP in IP": lambda p, m: (4 if p.family == 4 else 41, p.inner(m)[14:]),
    "BFD": lambda p, m: p.udp(BFD_PORT, bytes([0x20, 0x40, 3, 24]) + m * 5)}


def packets(k, to_mac, where, family, dst):
    """Cases: every kind, to one MAC and IP address."""
    head = packed(to_mac) + packed(k.mac) + struct.pack("!H",
                                                        ETHER_TYPE[family])
    packet = Packet(k, family, k.me.address(family), dst)
    for name, make in KINDS.items():
        yield case("%s to %s, %s" % (name, dst, where), family,
                   lambda m, make=make: head + packet.packet(
                       make(packet, m)))


def in_two(k, family, src, dst, ident, first, rest):
    """A UDP datagram in two pieces, from their EtherType on: its header and
    `first', which has a multiple of eight bytes, and `rest'."""
    head = 8 + len(first)
    upper = bytes((IP if family == 4 else IPv6)(src=src, dst=dst)
                  / UDP(sport=4000, dport=5555) / Raw(first + rest))[
                      20 if family == 4 else 40:]
    if family == 6:
        return [f[12:] for f in k.fragments6(src, dst, (17, b""), upper,
                                             (head,), ident)]
    return [struct.pack("!H", ETHER_TYPE[4]) + bytes(
        IP(src=src, dst=dst, proto=17, id=ident & 0xffff, frag=start // 8,
           flags="MF" if not start else 0) / Raw(data))
        for start, data in ((0, upper[:head]), (head, upper[head:]))]


def in_fragments(k, to_mac, where, dst4, dst6):
    """The same in pieces, put together before anybody looks."""
    for family, dst in ((4, dst4), (6, dst6)):
        yield case("fragments to %s, %s" % (dst, where), family,
                   lambda m, f=family, d=dst: [
                       packed(to_mac) + packed(k.mac) + piece
                       for piece in in_two(k, f, k.me.address(f), d,
                                           int.from_bytes(m, "big"), b"",
                                           m * 4)])


def completed(lab, k, to_mac, where):
    """A datagram to the host of which only one piece is the instance's; the
    other one comes from the machine ctl, over the host's own interface.  Put
    together they have the Ethernet header of the first, and come from where
    the last came."""
    here = packed(macs(lab.space(k.me.host))["mgmt0"])
    theirs = here + packed(macs(lab.space("ctl"))["mgmt0"])
    mine = packed(to_mac) + packed(k.mac)

    def other_ident(mark):
        """Not the mark itself, which the other one's piece must not show."""
        return int.from_bytes(mark, "big") ^ 0xffffffff
    for family, src, dst in (
            (4, labcore.CTL_ADDRESS, labcore.HOST_ADDRESS[k.me.host]),
            (6, CTL_ADDRESS6, ADDRESS6[k.me.host])):
        def begun(mark, family=family, src=src, dst=dst):
            first, rest = in_two(k, family, src, dst, other_ident(mark),
                                 b"", mark * 4)
            return [("ctl", theirs + first), mine + rest]

        def ended(mark, family=family, src=src, dst=dst):
            first, rest = in_two(k, family, src, dst, other_ident(mark),
                                 mark * 4, b"-" * 16)
            return [mine + first, ("ctl", theirs + rest)]
        for name, make in (("begun", begun), ("ended", ended)):
            yield case("datagram %s by another to %s, %s"
                       % (name, dst, where), family, make)


def targets(lab, me, neighbour, far):
    """{what: MAC address} that a host may take for its own."""
    here, there = macs(lab.space(me.host)), macs(lab.space(far.host))
    found = {"the bridge's own MAC": here[me.device("qbr")],
             "its tap's MAC": here[me.device("tap")],
             UPLINKS: here[me.device("qvb")],
             "the MAC of another bridge": here[neighbour.device("qbr")],
             ELSEWHERE: here["mgmt0"],
             "the MAC of a bridge of the other host": there[far.device(
                 "qbr")],
             "broadcast": BROADCAST, "all nodes": ALL_NODES,
             "the STP address": RESERVED % 0}
    for last in NOT_BRIDGED:
        found["the reserved address :%02x" % last] = RESERVED % last
    return found


def host_addresses(host):
    return {4: (labcore.HOST_ADDRESS[host], BRIDGE_ADDRESS[4]),
            6: (ADDRESS6[host], BRIDGE_ADDRESS[6])}


def attacks(lab, k, neighbour):
    """All cases, from instance k.me: to its host, to the other host, to the
    controller's, to an instance that its host would route to."""
    me, far = k.me, k.target
    others = {4: (labcore.HOST_ADDRESS[far.host], labcore.CTL_ADDRESS,
                  neighbour.address(4)),
              6: (ADDRESS6[far.host], CTL_ADDRESS6, neighbour.address(6))}
    for where, mac in targets(lab, me, neighbour, far).items():
        # Whoever else gets it may have it: the network floods it.
        own = host_addresses(me.host)
        for family in (4, 6):
            flooded = mac in (BROADCAST, ALL_NODES)
            for dst in own[family] + (() if flooded else others[family]):
                yield from packets(k, mac, where, family, dst)
        yield from in_fragments(k, mac, where, own[4][0], own[6][0])
        if "reserved" in where:
            yield from completed(lab, k, mac, where)
        yield case("ping to all nodes, " + where, 6, lambda m, x=mac: (
            k.ether(x) / IPv6(src=link_local(me.mac), dst="ff02::1")
            / ICMPv6EchoRequest(data=m * 3)))


def to_reserved(lab, k):
    """Of these only what goes to reserved addresses, and to the host of
    `k.me' itself."""
    for last in NOT_BRIDGED:
        mac, where = RESERVED % last, "the reserved address :%02x" % last
        for family, addresses in host_addresses(k.me.host).items():
            yield from packets(k, mac, where, family, addresses[0])
        yield from completed(lab, k, mac, where)


def questions(lab, k, neighbour):
    """Frames that ask a host for its MAC address, or tell it about a router:
    bytes.  Nobody may answer."""
    me = k.me
    addresses = host_addresses(me.host)
    addresses6 = addresses[6] + (link_local(macs(lab.space(me.host))[
        me.device("qbr")]),)
    for mac in [BROADCAST] + list(targets(lab, me, neighbour,
                                          k.target).values()):
        for dst in addresses[4] + (labcore.HOST_ADDRESS[k.target.host],):
            yield bytes(k.arp(b"", dst=mac, pdst=dst))
    for mac, dst in itertools.product([ALL_NODES, RESERVED % 0x0e],
                                      addresses6):
        frame = k.nd(labframes.ICMPv6ND_NS(tgt=dst), b"\0" * 4, dst=dst)
        yield packed(mac) + frame[6:]
    for mac in (ALL_NODES, RESERVED % 0x0e, RESERVED % 0x03):
        yield router_advertisement(me, mac)


def router_advertisement(me, to_mac):
    """`me' claims to be a router, for a prefix of its own."""
    prefix = socket.inet_pton(socket.AF_INET6,
                                        ROUTER_PREFIX + "::")
    option = struct.pack("!BBBBIII", 3, 4, 64, 0xc0, 86400, 14400, 0) + prefix
    return bytes(Ether(src=me.mac, dst=to_mac)
                 / IPv6(src=link_local(me.mac), dst="ff02::1", hlim=255)
                 / ICMPv6ND_RA(routerlifetime=1800) / Raw(option))
