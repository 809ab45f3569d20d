# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""What the figures are compared with: budgets, and what peers take."""

# CPU of the agent, idle share subtracted.  "Aim" is what the design can
# reach, "budget" what it must not pass.
BUDGETS = {
    "isolated": {"budget": 110, "aim": 75, "unit": "us per change"},
    "paced": {"budget": 55, "aim": 38, "unit": "ms for 500"},
    "stream": {"budget": 25, "aim": 12, "unit": "us per change"},
}
WALL_P50_US = 1000
WALL_P99_US = 5000

# Measured on the same kind of machine with neutron 21.0.0 (iptables_hybrid,
# ipset on) and OVN 23.03.1 (host daemons), 20 ports, by members of the group.
PEER_ONE = {500: ("34.4 ms / 453 ms", "1.60 ms / 1.45 ms"),
            5000: ("60.1 ms / 527 ms", "2.74 ms / 2.21 ms"),
            50000: ("392 ms / 1.44 s", "17.0 ms / 17.6 ms")}
PEER_LARGE = "790 ms / 5.24 s"          # Neutron, 200 ports, 10,000 members.
PEER_GROW = ("14.9 s", "0.75 s")

# Starts and one rule, ms of CPU.
BUDGETS_MS = {
    # part, ports: budget, aim, Neutron
    ("cold", 20): (12, 5, "92 ms + 1.6 s of imports"),
    ("cold", 100): (None, None, "375 ms + 1.6 s of imports"),
    ("cold", 200): (100, 40, "914 ms + 1.6 s of imports"),
    ("restart", 20): (None, None, "699 ms"),
    ("restart", 100): (20, 10, "99.6 s"),
    ("rule", 20): (3, 1.3, "36 ms"),
    ("rule", 100): (None, None, "214 ms"),
    ("rule", 200): (12, 6, "840 ms (M=500: 448 ms)"),
    ("rule", 1000): (50, 30, "-"),
}
# OVN, host daemons: 500 members into an address set, nothing else.
PEER_OVN_COLD = {20: "13.8 ms (the address set alone)"}
# Resident memory, MB; OVN: its two daemons.
BUDGETS_RSS = {20: (8, "142 MB"), 200: (16, "154 MB")}
PEER_OVN_RSS = {20: "13 + 20 MB"}
# Rules and bytes of Neutron's filter and raw tables, both families.
PEER_KERNEL = {20: ("530 + 550", "0.56 MB"), 100: ("2,610 + 2,710", "2.7 MB"),
               200: ("5,210 + 5,410", "5.5 MB")}
# Rules of one port.
PORT_RULES = {"4": (9, "26"), "6": (12, "27")}
# Bytes: (kind, ports, gaps): budget, and what Neutron sends.
BUDGETS_BYTES = {
    ("members_changed", 20, False): (400, "2.07 MB or 45.6 KB"),
    ("sync", 20, False): (30000, "2.07 MB or 45.6 KB"),
    ("sync", 200, False): (None, "409 MB or 4.00 MB"),
    ("members", 200, False): (2000, None),
}
