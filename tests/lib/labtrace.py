# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""What a program writes into the kernel, seen from outside.

strace follows every thread from exec on; what counts is what the system
calls hand over, byte by byte, and not what the program says of itself:

  tables   setsockopt() that replaces a table or adds to its counters
  sets     netlink messages to ipset, by command
  guard    netlink messages to nf_tables, by command
  others   any netlink message that is not known to only read

A child process, which would escape this account, is one of the events."""

import collections
import glob
import ipaddress
import os
import re
import socket
import struct

import labnet

Write = collections.namedtuple("Write", "time kind what detail")

SYSCALLS = ("socket,setsockopt,sendto,sendmsg,sendmmsg,write,writev,pwrite64,"
            "pwritev,pwritev2,sendfile,splice,io_uring_setup,execve,execveat,"
            "fork,vfork,bpf")

NETLINK_ROUTE = 0
NETLINK_NETFILTER = 12
NFNL_SUBSYS_CTNETLINK = 1
NFNL_SUBSYS_IPSET = 6
NFNL_SUBSYS_NFTABLES = 10
# Begin and end of a transaction; what is in it counts.
NFNL_BATCH = (0x10, 0x11)

# Of ctnetlink (linux/netfilter/nfnetlink_conntrack.h): GET, GET_STATS.
CTNETLINK_READS = (1, 5)

# The commands of ipset (linux/netfilter/ipset/ip_set.h).
IPSET = {1: "PROTOCOL", 2: "CREATE", 3: "DESTROY", 4: "FLUSH", 5: "RENAME",
         6: "SWAP", 7: "LIST", 8: "SAVE", 9: "ADD", 10: "DEL", 11: "TEST",
         12: "HEADER", 13: "TYPE", 14: "GET_BYNAME", 15: "GET_BYINDEX"}
IPSET_READS = {"PROTOCOL", "LIST", "SAVE", "TEST", "HEADER", "TYPE",
               "GET_BYNAME", "GET_BYINDEX"}

# Those of nf_tables (linux/netfilter/nf_tables.h), three for each object.
NFT_OBJECTS = ("TABLE", "CHAIN", "RULE", "SET", "SETELEM", "GEN")

# setsockopt() of both families of tables (linux/netfilter/x_tables.h).
TABLES = {64: "replace", 65: "counters"}
LEVELS = {socket.SOL_IP: 4, socket.IPPROTO_IPV6: 6}


class Trace:
    """One traced run of a program.  `argv' goes before its command line; it
    keeps its own process id, and strace ends with it."""

    def __init__(self, directory):
        os.makedirs(directory)
        self.prefix = os.path.join(directory, "trace")
        self.argv = ["strace", "-D", "-ff", "-ttt", "-yy", "-X", "raw",
                     "-e", "signal=none", "-s", "0", "-e", "write=all",
                     "-e", "trace=" + SYSCALLS, "-o", self.prefix]

    def writes(self, since=0):
        """All writes after `since' (unix time), in their order."""
        found = []
        protocols = {}                  # Of netlink sockets, by descriptor.
        for time, name, args, result, data in self._calls():
            if name == "socket" and args.startswith("0x10,"):
                protocols[result.partition("<")[0]] = int(
                    args.split(",")[2], 0)
            elif time >= since:
                found += _judge(time, name, args, data, protocols)
        return found

    def ended(self):
        """Has the program ended, and strace said all of it?"""
        return all("+++ " in _tail(path) for path in self._files()[:1])

    def _files(self):
        files = sorted(glob.glob(self.prefix + ".*"),
                       key=lambda path: int(path.rpartition(".")[2]))
        if not files:
            raise labnet.LabError("strace did not start")
        return files

    def _calls(self):
        """(time, system call, arguments, result, bytes handed over) of all
        threads.  One file per thread, so that no call is in two pieces."""
        calls = []
        for path in self._files():
            with open(path, errors="replace") as f:
                for line in f:
                    if not line.endswith("\n"):
                        break           # Under way.
                    call = re.match(r"([0-9.]+) (\w+)\((.*)", line)
                    dump = re.match(r" \| [0-9a-f]+  ([0-9a-f ]{48})", line)
                    if call:
                        args, _, result = call[3].rpartition(" = ")
                        calls.append((float(call[1]), call[2],
                                      args.rstrip(" )"), result,
                                      bytearray()))
                    elif dump:
                        calls[-1][4].extend(bytes.fromhex(dump[1]))
        if not calls or calls[0][1] != "execve":
            raise labnet.LabError("strace did not see the program's start")
        return sorted(calls[1:], key=lambda call: call[0])


def _tail(path):
    with open(path, errors="replace") as f:
        return f.read()[-200:]


def _judge(time, name, args, data, protocols):
    """The writes that one system call is."""
    if name == "socket":
        return []
    if name == "setsockopt":
        level, option = (int(x, 0) for x in args.split(",")[1:3])
        if level in LEVELS and option in TABLES:
            return [Write(time, "table", TABLES[option], LEVELS[level])]
        return []
    if name not in ("sendto", "sendmsg", "sendmmsg", "write", "writev",
                    "pwrite64", "pwritev", "pwritev2", "sendfile", "splice"):
        return [Write(time, "process", name, args)]
    where = re.match(r"(\d+)<NETLINK:", args)
    if not where:
        return _judge_file(time, name, args)
    protocol = protocols.get(where[1])
    return [Write(time, *what) for what in _messages(protocol, bytes(data))
            if what]


def _judge_file(time, name, args):
    """Knobs of the kernel that are files."""
    path = re.match(r"\d+<(/(?:proc|sys)/[^>]*)", args)
    return [Write(time, "file", name, path[1])] if path else []


def _messages(protocol, data):
    """What each netlink message in `data' writes; None: nothing."""
    while len(data) >= 16:
        length, kind, flags = struct.unpack_from("=IHH", data)
        if length < 16 or length > len(data):
            break
        yield _message(protocol, kind, data[16:length])
        data = data[(length + 3) & ~3:]
    if data:
        yield "netlink", "unreadable", data.hex()


def _message(protocol, kind, body):
    if protocol == NETLINK_ROUTE and kind >= 16 and kind & 3 == 2:
        return None                     # RTM_GET...
    if protocol == NETLINK_NETFILTER and kind >> 8 == NFNL_SUBSYS_IPSET:
        command = IPSET.get(kind & 255, str(kind & 255))
        if command in IPSET_READS:
            return None
        return "set", command, set_request(body[4:])
    if protocol == NETLINK_NETFILTER and kind in NFNL_BATCH:
        return None
    if protocol == NETLINK_NETFILTER and kind >> 8 == NFNL_SUBSYS_NFTABLES:
        what, command = divmod(kind & 255, 3)
        if what < len(NFT_OBJECTS):
            # NFT_MSG_NEWGEN, which is no request, and GETGEN.
            if command == 1 or NFT_OBJECTS[what] == "GEN":
                return None
            return "guard", ("NEW", "GET", "DEL")[command], NFT_OBJECTS[what]
    if protocol == NETLINK_NETFILTER and kind >> 8 == NFNL_SUBSYS_CTNETLINK:
        if kind & 255 in CTNETLINK_READS:
            return None
        return "flow", "type %d" % (kind & 255), body.hex()
    return "netlink", "protocol %s" % protocol, "type %#x" % kind


def _attributes(data):
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        if length < 4:
            break
        yield kind & 0x3fff, data[4:length]
        data = data[(length + 3) & ~3:]


def set_request(data):
    """(name, elements) of a request to ipset; an element that is not an
    address is its bytes in hexadecimal."""
    name, elements = None, []
    for kind, value in _attributes(data):
        if kind == 2:                   # IPSET_ATTR_SETNAME
            name = value.rstrip(b"\0").decode(errors="replace")
        elif kind == 7:                 # IPSET_ATTR_DATA
            elements.append(_element(value))
        elif kind == 8:                 # IPSET_ATTR_ADT
            elements += [_element(v) for k, v in _attributes(value)
                         if k == 7]
    return name, elements


def _element(data):
    address, bits = None, ""
    for kind, value in _attributes(data):
        if kind == 1:                   # IPSET_ATTR_IP
            for _, packed in _attributes(value):
                address = str(ipaddress.ip_address(packed))
        elif kind == 3:                 # IPSET_ATTR_CIDR
            bits = "/%d" % value[0]
    return address + bits if address else data.hex()
