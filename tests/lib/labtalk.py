# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""Conversations of raw frames between two instances of a lab.

    with Talks(lab) as talks:
        talks.add("tcp", "tcp", 4, "app1", "web1", 7001)
        talks.establish()
        ...
        last = talks.last("tcp")        # When each end last got something.

Both ends of a conversation speak all the time, the client and the server,
whatever the other one says, so that a flow that is cut in one direction only,
or that the server makes anew, is seen.  The frames are made by hand, because
no socket goes on sending when nobody answers, and because the kernel may have
no sockets of the protocol.  What the instances' own kernels would answer is
dropped in their own namespaces.

Frames carry a number, so that what got lost can be counted."""

import bisect
import ipaddress
import itertools
import socket
import struct
import threading
import time

MAGIC = b"sgtalk"
PAYLOAD = struct.Struct("!6sHBI")       # MAGIC, conversation, end, number.
PORTS = "7000:7999"
CLIENT, SERVER = 0, 1
UDP, TCP, SCTP = 17, 6, 132
ICMP = {4: 1, 6: 58}
ECHO = {4: (8, 0), 6: (128, 129)}
UNREACHABLE = {4: (3, 3), 6: (1, 4)}


def inet_sum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def _crc_table():
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82f63b78 if n & 1 else 0)
        table.append(n)
    return table


CRC = _crc_table()


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc = CRC[(crc ^ byte) & 0xff] ^ crc >> 8
    return struct.pack("<I", crc ^ 0xffffffff)


def ip_packet(family, src, dst, proto, body):
    if family == 4:
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 0, 0, 64,
                           proto, 0, src, dst)
        return head[:10] + struct.pack("!H", inet_sum(head)) + head[12:] \
            + body
    return struct.pack("!IHBB16s16s", 6 << 28, len(body), proto, 64, src,
                       dst) + body


def with_sum(family, src, dst, proto, body, at):
    """The body with its checksum at offset `at'."""
    pseudo = src + dst + struct.pack("!IBBBB", len(body), 0, 0, 0, proto)
    if family == 4:
        pseudo = src + dst + struct.pack("!BBH", 0, proto, len(body))
    value = inet_sum(pseudo + body) or 0xffff
    return body[:at] + struct.pack("!H", value) + body[at + 2:]


class Talk:
    """One conversation; see Talks.add()."""

    def __init__(self, number, kind, family, client, server, port):
        self.number = number
        self.kind = kind
        self.family = family
        self.ends = (client, server)
        self.addresses = [ipaddress.ip_address(i.address(family)).packed
                          for i in self.ends]
        self.ports = (7900 + number % 100, port)
        self.sent = [[], []]            # When, by number.
        self.got = [{}, {}]             # Number: when, of what each end got.
        self.times = [[], []]           # When each end got something.
        self.speaking = False

    def frame(self, end, number, flags="data"):
        """What `end' sends."""
        payload = PAYLOAD.pack(MAGIC, self.number, end, number)
        src, dst = self.addresses[end], self.addresses[1 - end]
        sport, dport = self.ports[end], self.ports[1 - end]
        proto, body = getattr(self, "_" + self.kind)(
            end, src, dst, sport, dport, payload, flags)
        ether = bytes.fromhex(self.ends[1 - end].mac.replace(":", "")) \
            + bytes.fromhex(self.ends[end].mac.replace(":", "")) \
            + (b"\x08\x00" if self.family == 4 else b"\x86\xdd")
        return ether + ip_packet(self.family, src, dst, proto, body)

    def _udp(self, _, src, dst, sport, dport, payload, flags):
        body = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) \
            + payload
        return UDP, with_sum(self.family, src, dst, UDP, body, 6)

    def _tcp(self, end, src, dst, sport, dport, payload, flags):
        """Always the same sequence numbers: each frame is one that is sent
        once more, which is allowed."""
        bits = {"syn": 0x02, "synack": 0x12, "data": 0x18}[flags]
        mine, yours = ((1000, 5000), (5000, 1000))[end]
        seq = mine + (flags == "data")
        ack = 0 if flags == "syn" else yours + 1
        body = struct.pack("!HHIIBBHHH", sport, dport, seq, ack, 5 << 4,
                           bits, 65535, 0, 0) + payload * (flags == "data")
        return TCP, with_sum(self.family, src, dst, TCP, body, 16)

    def _sctp(self, end, src, dst, sport, dport, payload, flags):
        tags = (0x11111111, 0x22222222)
        tag = 0 if flags == "init" else tags[1 - end]
        init = struct.pack("!IIHHI", tags[end], 65535, 1, 1, 1)
        chunk = {
            "init": struct.pack("!BBH", 1, 0, 20) + init,
            "initack": struct.pack("!BBH", 2, 0, 20) + init,
            "echo": struct.pack("!BBHI", 10, 0, 8, 1),
            "ack": struct.pack("!BBH", 11, 0, 4),
            "data": struct.pack("!BBHIHHI", 0, 3, 16 + len(payload), 1, 0, 0,
                                0) + payload}[flags]
        head = struct.pack("!HHI", sport, dport, tag)
        return SCTP, head + crc32c(head + b"\0" * 4 + chunk) + chunk

    def _icmp(self, end, src, dst, sport, dport, payload, flags):
        body = struct.pack("!BBHHH", ECHO[self.family][end], 0, 0,
                           self.number + 1, 1) + payload
        if self.family == 6:
            return ICMP[6], with_sum(6, src, dst, ICMP[6], body, 2)
        return ICMP[4], body[:2] + struct.pack("!H", inet_sum(body)) \
            + body[4:]

    def _error(self, end, src, dst, sport, dport, payload, flags):
        """The client speaks UDP, the server says that nobody listens."""
        if end == CLIENT or flags == "answer":
            return self._udp(end, src, dst, sport, dport, payload, flags)
        udp = self._udp(CLIENT, dst, src, dport, sport, payload, flags)[1]
        kind, code = UNREACHABLE[self.family]
        body = struct.pack("!BBHI", kind, code, 0, 0) \
            + ip_packet(self.family, dst, src, UDP, udp)
        if self.family == 6:
            return ICMP[6], with_sum(6, src, dst, ICMP[6], body, 2)
        return ICMP[4], body[:2] + struct.pack("!H", inet_sum(body)) \
            + body[4:]

    def opening(self):
        """(end, flags) of the frames that begin it."""
        return {"tcp": [(CLIENT, "syn"), (SERVER, "synack"),
                        (CLIENT, "data")],
                "sctp": [(CLIENT, "init"), (SERVER, "initack"),
                         (CLIENT, "echo"), (SERVER, "ack")],
                "error": [(CLIENT, "data"), (SERVER, "answer")],
                }.get(self.kind, [(CLIENT, "data"), (SERVER, "data")])


class Talks:
    """All conversations, spoken by one thread.

    rate    how often the thread sends, a second
    share   each time only one of so many conversations has its turn, so that
            a thousand slow ones are no bursts"""

    def __init__(self, lab, rate=200, share=1):
        self.lab = lab
        self.pause = 1 / rate
        self.share = share
        self.by_number = {}
        self.talks = {}
        self.sockets = {}               # Instance name: socket.
        self.lock = threading.Lock()
        self.ending = False
        self.thread = threading.Thread(target=self._run, daemon=True)

    def add(self, name, kind, family, client, server, port):
        """`kind' is udp, tcp, sctp, icmp or error; `port' the server's, from
        7000 to 7899."""
        known = self.lab.instances()
        talk = Talk(len(self.talks), kind, family, known[client],
                    known[server], port)
        for end in (client, server):
            if end not in self.sockets:
                self._open(end)
        with self.lock:
            self.talks[name] = talk
            self.by_number[talk.number] = talk

    def _open(self, instance):
        space = self.lab.space(instance)
        for command, icmp in (("iptables-legacy", "icmp"),
                              ("ip6tables-legacy", "ipv6-icmp")):
            for match in (["tcp", "--dport", PORTS], ["udp", "--dport", PORTS],
                          ["sctp"], [icmp] + (
                              ["--icmpv6-type", "128"] if icmp != "icmp"
                              else [])):
                space.run([command, "-t", "raw", "-A", "PREROUTING", "-p"]
                          + match + ["-j", "DROP"])
        with space.entered():
            sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                                 socket.htons(3))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
        sock.bind(("eth0", 3))
        sock.setblocking(False)
        with self.lock:
            self.sockets[instance] = sock

    def _send(self, talk, end, flags="data"):
        number = len(talk.sent[end])
        self.sockets[talk.ends[end].name].send(
            talk.frame(end, number, flags))
        talk.sent[end].append(time.monotonic())

    def _receive(self):
        for name, sock in self.sockets.items():
            while True:
                try:
                    frame, address = sock.recvfrom(2048)
                except BlockingIOError:
                    break
                at = frame.rfind(MAGIC)
                if address[2] == socket.PACKET_OUTGOING or at < 0:
                    continue
                _, number, end, serial = PAYLOAD.unpack_from(frame, at)
                talk = self.by_number.get(number)
                if talk and talk.ends[1 - end].name == name:
                    now = time.monotonic()
                    talk.got[1 - end].setdefault(serial, now)
                    talk.times[1 - end].append(now)

    def _run(self):
        due = time.monotonic()
        turn = 0
        while not self.ending:
            with self.lock:
                self._receive()
                if time.monotonic() >= due:
                    due += self.pause
                    turn += 1
                    for talk in self.talks.values():
                        if (talk.speaking and talk.number % self.share
                                == turn % self.share):
                            self._send(talk, CLIENT)
                            self._send(talk, SERVER)
            time.sleep(max(0.0005, min(0.002, due - time.monotonic())))

    def establish(self, names=None, pause=0.1):
        """Begins conversations, one frame after the other, and then has both
        ends speak."""
        talks = [self.talks[n] for n in names or self.talks]
        for step in range(max(len(t.opening()) for t in talks)):
            with self.lock:
                for talk in talks:
                    if step < len(talk.opening()):
                        self._send(talk, *talk.opening()[step])
            time.sleep(pause)
        with self.lock:
            for talk in talks:
                talk.speaking = True

    def last(self, name):
        """When the client and the server last got something; 0: never."""
        with self.lock:
            return [times[-1] if times else 0
                    for times in self.talks[name].times]

    def since(self, name, moment):
        """What came after `moment', for each end: seconds until the first,
        or None, and how much."""
        with self.lock:
            found = []
            for times in self.talks[name].times:
                at = bisect.bisect(times, moment)
                found.append((times[at] - moment if at < len(times) else None,
                              len(times) - at))
            return found

    def lost(self, name, first, last):
        """How many frames, of those sent between the two moments, did not
        arrive; and how many there were."""
        with self.lock:
            talk = self.talks[name]
            n_lost = n = 0
            for end in (CLIENT, SERVER):
                a = bisect.bisect(talk.sent[end], first)
                b = bisect.bisect(talk.sent[end], last)
                n += b - a
                n_lost += sum(1 for number in range(a, b)
                              if number not in talk.got[1 - end])
            return n_lost, n

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ending = True
        self.thread.join()
        for sock in itertools.chain(self.sockets.values()):
            sock.close()
