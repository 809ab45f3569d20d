# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""What stands in the kernel of a host: rules and bytes of the legacy tables,
memory of the sets, and what of it belongs to one port."""

import ctypes
import os
import re
import socket
import struct

from labnet import LabError

TABLES = ("raw", "filter", "security")

_libc = ctypes.CDLL(None, use_errno=True)
# IPT_SO_GET_INFO and IP6T_SO_GET_INFO.
_GET_INFO = 64
# struct ipt_getinfo: name, hooks, entry points and underflows of five hooks,
# entries, bytes.
_INFO = struct.Struct("=32s11I2I")
_COMMANDS = {4: "iptables-legacy", 6: "ip6tables-legacy"}
_EMPTY = "*%s\n%sCOMMIT\n"
_BUILTIN = {"raw": ("PREROUTING", "OUTPUT"),
            "filter": ("INPUT", "FORWARD", "OUTPUT"),
            "security": ("INPUT", "FORWARD", "OUTPUT")}


def _table_size(family, table):
    """(entries, bytes) of a table of this thread's network namespace."""
    kind, level = ((socket.AF_INET, socket.IPPROTO_IP) if family == 4
                   else (socket.AF_INET6, socket.IPPROTO_IPV6))
    info = ctypes.create_string_buffer(
        _INFO.pack(table.encode(), *[0] * 13), _INFO.size)
    size = ctypes.c_uint(_INFO.size)
    with socket.socket(kind, socket.SOCK_RAW, socket.IPPROTO_RAW) as s:
        if _libc.getsockopt(s.fileno(), level, _GET_INFO, info,
                            ctypes.byref(size)):
            err = ctypes.get_errno()
            raise LabError("size of table %s: %s" % (table, os.strerror(err)))
    return _INFO.unpack(info.raw)[-2:]


def _save(space, family, table):
    return space.run([_COMMANDS[family] + "-save", "-t", table]).split("\n")


def _rules_of(lines, device):
    """How many rules stand in chains of this port alone, and how many leaves
    lead there.  A port's objects carry its device, or its bridge, whose name
    ends likewise."""
    suffix = device[3:]
    mine = re.compile(r"^-A sg1-\w+-(tap)?%s " % re.escape(suffix))
    leaf = re.compile(r"^-A \S+ -i qbr%s " % re.escape(suffix))
    return sum(bool(mine.match(line) or leaf.match(line)) for line in lines)


def footprint(space, device):
    """What there is in `space', and of it for the port behind `device'."""
    tables = []
    port = {"4": 0, "6": 0}
    for family in (4, 6):
        for table in TABLES:
            with space.entered():
                entries, size = _table_size(family, table)
            lines = _save(space, family, table)
            tables.append({
                "family": family, "table": table, "entries": entries,
                "bytes": size,
                "rules": sum(line.startswith("-A ") for line in lines),
                "chains": sum(line.startswith(":") for line in lines)})
            port[str(family)] += _rules_of(lines, device)
    sets = re.findall(r"^Size in memory: (\d+)$",
                      space.run(["ipset", "list", "-terse"]), re.M)
    return {"measure": "kernel", "tables": tables, "port_rules": port,
            "sets": len(sets), "set_bytes": sum(int(s) for s in sets)}


def wipe(space):
    """Empties the tables and destroys the sets, as on a fresh host."""
    for family in (4, 6):
        space.run([_COMMANDS[family] + "-restore"], text="".join(
            _EMPTY % (table, "".join(":%s ACCEPT\n" % chain
                                     for chain in _BUILTIN[table]))
            for table in TABLES))
    space.run(["ipset", "destroy"])


def memory(pid):
    """Resident memory of a process, kB."""
    def read(path):
        with open("/proc/%d/%s" % (pid, path)) as f:
            return {key: int(value) for key, value in re.findall(
                r"^(\w+):\s+(\d+) kB$", f.read(), re.M)}
    status, rollup = read("status"), read("smaps_rollup")
    return {"measure": "memory", "rss_kb": status["VmRSS"],
            "peak_kb": status["VmHWM"], "pss_kb": rollup["Pss"],
            "private_kb": rollup["Private_Clean"] + rollup["Private_Dirty"]}
