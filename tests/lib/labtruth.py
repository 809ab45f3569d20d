# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""The truth table, tests/system/truth.yaml, as policies and as cases.

    table = Table()
    lab.up(edit=table.prepare)          # instances, without a group yet
    for batch in table.batches(table.forms):
        lab.change(batch.edit)          # one reload for N_PORTS forms
        for case in batch.cases(): ...

Nothing here finds out what a rule means: what is expected stands in the
table."""

import collections
import itertools
import os

import yaml

import labcore

FAMILIES = (4, 6)
N_PORTS = 16
PEER = "peer"                   # The instance at the other end; not filtered.
NETWORK = "5e9e0000-0000-4000-8000-000000000001"
NUMBERS = {"tcp": 6, "udp": 17, "udplite": 136, "sctp": 132, "dccp": 33,
           "igmp": 2}
ICMP = {4: 1, 6: 58}

# What a packet has by default, different in each case, so that no two of them
# are one flow.
FIRST_PORT = 20000
DEFAULT_PORT = 7000

# form      whose case this is
# number    of all cases
# text      as it stands in the table
# family    4 or 6
# egress    from the instance
# expected  it passes
# answer    None, or the answer to it passes
# proto     number;  port, sport, icmp: (type, code): None if it has none
# remote    the address at the other end; own: the instance's
# behind    an extension header, or None
# then      sent when the answers to other cases have been
Case = collections.namedtuple("Case", (
    "form number text family egress expected answer proto port sport icmp "
    "remote own behind then"))


def pick(value, family):
    """{4: A, 6: B}: A or B."""
    if isinstance(value, dict) and value and set(value) <= set(FAMILIES):
        return value.get(family)
    return value


def uuid(kind, number):
    """The kind and the number in the digits by which devices and chains are
    named."""
    return "5e9%x%04x-0000-4000-8000-%012x" % (kind, number & 0xffff, number)


PORT, GROUP, RULE, REMOTE, ADDRESSES, ELSEWHERE = range(6)


def nth_address(family, number):
    """One that no instance and no name of the table has."""
    return ("10.78.%d.%d" % divmod(number, 256) if family == 4
            else "fd78::%x" % number)


class Form:
    """What one port has, and what passes then."""

    numbers = itertools.count(1)

    def __init__(self, entry, addresses):
        self.number = next(self.numbers)
        self.title = entry["form"]
        self.groups = entry.get("groups", [entry.get("rules")])
        self.stateful = entry.get("stateful", True)
        self.flips = self.stateful == "flips"
        if self.flips:
            self.stateful = False
        self.members = entry.get("members", [])
        self.json = entry.get("told") == "json"
        refused = entry.get("refused", 0)
        self.refused = (refused if isinstance(refused, list)
                        else [refused, refused])
        self.port = None        # The instance that has it now.
        self.cases = [case for line in entry.get("cases", "").splitlines()
                      for case in self.cases_of(line, addresses)]

    def group_ids(self):
        return [uuid(GROUP, self.number * 16 + n)
                for n in range(len(self.groups))]

    def is_stateful(self, group):
        return (self.stateful[group] if isinstance(self.stateful, list)
                else self.stateful)

    def rules(self, group, names):
        """The rules of its n-th group, one for each family, as dicts.  `names'
        gives the ids of remotes."""
        found = []
        for n, rule in enumerate(self.groups[group]):
            for family in FAMILIES:
                ethertype = "IPv%d" % family
                if rule.get("ethertype", ethertype) != ethertype:
                    continue
                made = {key: pick(value, family)
                        for key, value in rule.items()}
                made["ethertype"] = ethertype
                made["id"] = self.rule_id(group, n, family)
                for key in ("remote_group_id", "remote_address_group_id"):
                    if isinstance(made.get(key), str):
                        made[key] = self.group_ids()[0] if made[key] == "own" \
                            else names.get((key, made[key]), made[key])
                found.append(made)
        return found

    def rule_id(self, group, n, family):
        return uuid(RULE, (self.number << 12 | group << 8 | n) << 4 | family)

    def cases_of(self, line, addresses):
        """The cases of one line, by family."""
        words = line.partition("#")[0].split()
        if not words:
            return
        text = " ".join(words)
        answer = None
        if "answer" in words:
            at = words.index("answer")
            answer, words = words[at + 1], words[:at]
        then = words[0] == "then"
        if then:
            words.pop(0)
        verdicts = words.pop(0).split("/")
        for family, verdict in zip(FAMILIES, verdicts * 2):
            if verdict != "-":
                case = self._case(text, family, verdict, answer, words,
                                  addresses)
                yield case._replace(then=then)

    def _case(self, text, family, verdict, answer, words, addresses):
        def number(value):
            return int(value.split("|")[-(family == 6 and "|" in value)])
        number_ = next_number()
        direction, name, *rest = words
        keys = dict(word.split("=") for word in rest if "=" in word)
        plain = [word for word in rest if "=" not in word]
        unknown = set(keys) - {"remote", "to", "from", "sport", "behind"}
        if (verdict not in ("pass", "drop") or direction not in ("in", "out")
                or len(plain) > 1 or unknown):
            raise ValueError("%s: %s" % (self.title, text))
        proto = (ICMP[family] if name == "icmp"
                 else NUMBERS[name] if name in NUMBERS else number(name))
        port = sport = icmp = None
        if proto == ICMP[family]:
            icmp = tuple(number(n) for n in plain[0].split("/")) if plain \
                else (ICMP_ECHO[family], 0)
        elif proto in PORTED:
            port = number(plain[0]) if plain else DEFAULT_PORT
            sport = number(keys.get("sport", str(FIRST_PORT + number_)))

        def named(key):
            return addresses[keys[key]][family // 6] if key in keys else None
        return Case(self, number_, text, family, direction == "out",
                    verdict == "pass", answer, proto, port, sport, icmp,
                    named("remote") or nth_address(family, number_),
                    named("from") or named("to"), keys.get("behind"), False)


PORTED = set(NUMBERS.values()) - {NUMBERS["igmp"]}
ICMP_ECHO = {4: 8, 6: 128}
_case_numbers = itertools.count(1)


def next_number():
    return next(_case_numbers)


def fill_in(value, words):
    """$1, $2 ... in all texts of a form."""
    if isinstance(value, dict):
        return {key: fill_in(v, words) for key, v in value.items()}
    if isinstance(value, list):
        return [fill_in(v, words) for v in value]
    if isinstance(value, str):
        for n, word in enumerate(words, 1):
            value = value.replace("$%d" % n, word)
    return value


class Table:
    def __init__(self, path=None):
        path = path or os.path.join(labcore.TOP, "tests", "system",
                                    "truth.yaml")
        with open(path) as f:
            content = yaml.load(f, Loader=yaml.CSafeLoader)
        self.addresses = content["addresses"]
        self.remotes = {"remote_group_id": content["remote_groups"],
                        "remote_address_group_id": content["address_groups"]}
        kinds = {"remote_group_id": REMOTE,
                 "remote_address_group_id": ADDRESSES}
        self.names = {(key, name): uuid(kinds[key], n)
                      for key, groups in self.remotes.items()
                      for n, name in enumerate(groups, 1)}
        self.forms = [Form(fill_in(entry, words.split()), self.addresses)
                      for entry in content["forms"]
                      for words in entry.get("each", [""])]
        for form in self.forms:
            self._check(form)

    def _check(self, form):
        """No case of a port is the answer to another one of it: its flow
        would be known."""
        flows = {}
        for case in form.cases:
            ends = [(case.remote, case.sport), (case.own, case.port)]
            if case.egress:
                ends = [(case.own, case.sport), (case.remote, case.port)]
            key = (case.family, case.proto)
            if tuple(reversed(ends)) in flows.get(key, ()):
                raise ValueError("%s: %s: the answer to another case"
                                 % (form.title, case.text))
            flows.setdefault(key, set()).add(tuple(ends))

    # --- The cloud ----------------------------------------------------------

    def port(self, number, groups):
        """The n-th port with these groups."""
        return {"id": uuid(PORT, number + 1), "network_id": NETWORK,
                "mac_address": "fa:16:3e:7a:00:%02x" % number,
                "fixed_ips": ["10.77.0.%d" % (100 + number),
                              "fd77::%x" % (0x100 + number)],
                "security_groups": groups}

    def prepare(self, topology):
        """Makes the lab's topology that of the table, nobody in a group."""
        topology.clear()
        Batch(self, []).edit(topology)

    def member_addresses(self, key, name):
        """All members of a remote."""
        for member in self.remotes[key][name]:
            for n, family in enumerate(FAMILIES):
                value = (self.addresses[member][n] if isinstance(member, str)
                         else member.get(family))
                if value:
                    yield value

    def elsewhere(self, number, addresses, group):
        """A port on no host of the lab, whose addresses are members."""
        return {"id": uuid(ELSEWHERE, number), "name": "far%d" % number,
                "mac_address": "fa:16:3e:7b:%02x:%02x" % divmod(number, 256),
                "fixed_ips": [a for a in addresses if "/" not in a],
                "allowed_address_pairs": [{"ip_address": a}
                                          for a in addresses if "/" in a],
                "security_groups": [group]}

    def batches(self, forms):
        """So many forms at a time as there are ports."""
        for at in range(0, len(forms), N_PORTS):
            yield Batch(self, forms[at:at + N_PORTS])


class Batch:
    """Forms that hold at the same time, each of one port."""

    def __init__(self, table, forms):
        self.table = table
        self.forms = forms
        for number, form in enumerate(forms):
            form.port = "t%02d" % number

    def cases(self):
        return [case for form in self.forms for case in form.cases]

    def groups(self):
        """(id, stateful, rules) of each group of a form."""
        for form in self.forms:
            for n, group in enumerate(form.group_ids()):
                yield group, form.is_stateful(n), form.rules(
                    n, self.table.names)

    def edit(self, topology):
        """Puts all of it into a topology."""
        table = self.table
        topology["address_groups"] = [
            {"id": table.names[key, name], "name": name,
             "addresses": list(table.member_addresses(key, name))}
            for key, name in table.names if key == "remote_address_group_id"
            and not any(a.endswith("/0")        # Refused in a topology.
                        for a in table.member_addresses(key, name))]
        topology["groups"] = [
            {"id": table.names[key, name], "name": name, "rules": []}
            for key, name in table.names if key == "remote_group_id"]
        topology["groups"] += [
            {"id": group, "stateful": stateful, "rules": rules}
            for group, stateful, rules in self.groups()]
        topology["ports"] = [dict(
            table.port(N_PORTS, []), name=PEER, host=labcore.HOSTS[0],
            port_security_enabled=False)]
        for number in range(N_PORTS):
            form = (self.forms[number] if number < len(self.forms) else None)
            topology["ports"].append(dict(
                table.port(number, form.group_ids() if form else []),
                name="t%02d" % number,
                host=labcore.HOSTS[number % len(labcore.HOSTS)]))
        topology["ports"] += self._far_ports()

    def objects(self):
        """All of it as the wire has it, but for revisions: (kind, body)."""
        table = self.table
        for number, form in enumerate(self.forms):
            yield "port", dict(table.port(number, form.group_ids()),
                               allowed_address_pairs=[])
        for group, stateful, rules in self.groups():
            yield "rules", {"group": group, "stateful": stateful,
                            "rules": rules}
        for key, name in table.names:
            yield "members", {"group": table.names[key, name],
                              "members": list(table.member_addresses(
                                  key, name))}

    def _far_ports(self):
        numbers = itertools.count(1)
        for key, name in self.table.names:
            if key == "remote_group_id":
                addresses = list(self.table.member_addresses(key, name))
                if addresses:
                    yield self.table.elsewhere(next(numbers), addresses,
                                               self.table.names[key, name])
        for form in self.forms:
            if form.members:
                yield self.table.elsewhere(
                    next(numbers), [a for name in form.members
                                    for a in self.table.addresses[name]],
                    form.group_ids()[0])
