/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef TESTS_LIB_SEMANTICS_H
#define TESTS_LIB_SEMANTICS_H 1

/* What security groups mean: may this packet pass?
 *
 * An oracle, written from the text of the networking API and from
 * docs/protocol.md, for the comparison with what the project does.  It must
 * therefore not know how the project does it: it includes no header of the
 * project, reads the JSON of an answer to `sync` itself and knows nothing of
 * chains, sets and tables (tools/check-layers keeps it so).  It is slow and
 * plain on purpose.
 *
 * Where the API text leaves room, or the packet filter cannot say what the
 * API can, the text of docs/protocol.md and docs/rules.md holds; those places
 * are marked "Ours:" in the code.  Not modelled: limits on sizes, and what an
 * answer does to an agent that held something before. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEMANTICS_ID_LEN 37     /* A UUID with its NUL. */

enum semantics_family { SEMANTICS_IPV4 = 4, SEMANTICS_IPV6 = 6 };

/* All addresses from one to another, both included. */
struct semantics_range {
    enum semantics_family family;
    uint8_t first[16], last[16];        /* IPv4: the first four bytes. */
};

struct semantics_mac {
    uint8_t byte[6];
};

struct semantics_source {
    struct semantics_range addresses;
    struct semantics_mac mac;
};

struct semantics_port {
    char id[SEMANTICS_ID_LEN];
    int64_t revision;
    bool deleted;
    bool filtered;              /* Port security on, and not trusted. */
    struct semantics_mac mac;
    struct semantics_source *sources;   /* Fixed IPs and address pairs. */
    size_t n_sources;
    char (*groups)[SEMANTICS_ID_LEN];
    size_t n_groups;
};

enum { SEMANTICS_ANY_PROTOCOL = -1, SEMANTICS_NO_PROTOCOL = -2 };

enum semantics_remote {
    SEMANTICS_ANYBODY,
    SEMANTICS_PREFIX,
    SEMANTICS_MEMBERS,          /* Of a group or an address group. */
};

struct semantics_rule {
    char id[SEMANTICS_ID_LEN];
    const char *left_out;       /* Why, or NULL: then the rest holds. */
    bool egress;
    enum semantics_family family;
    int protocol;               /* Or SEMANTICS_ANY_PROTOCOL. */
    bool has_ports;
    int port_min, port_max;
    bool has_source_ports;
    int source_port_min, source_port_max;
    int icmp_type, icmp_code;   /* -1: any. */
    enum semantics_remote remote;
    char remote_id[SEMANTICS_ID_LEN];
    struct semantics_range remote_range;
};

/* A group's rules, or its members: two objects. */
struct semantics_rules {
    char id[SEMANTICS_ID_LEN];
    int64_t revision;
    bool deleted, stateful;
    struct semantics_rule *rules;
    size_t n_rules;
};

struct semantics_members {
    char id[SEMANTICS_ID_LEN];
    int64_t revision;
    struct semantics_range *ranges;
    size_t n_ranges;
};

/* Everything the answer says, in its order; of objects with the same id the
 * newest holds.  A deleted list is an empty one. */
struct semantics {
    struct semantics_port *ports;
    size_t n_ports;
    struct semantics_rules *rules;
    size_t n_rules;
    struct semantics_members *members;
    size_t n_members;
};

/* Reads an answer to `sync`.  False if it is malformed as a whole: nothing of
 * it holds. */
bool semantics_read(struct semantics *, const char *json, size_t len);
void semantics_free(struct semantics *);

/* Why the rule is not in force, or NULL. */
const char *semantics_left_out(const struct semantics *, const char *rule_id);

/* Do flows of the port go untracked, whatever a packet says of them? */
bool semantics_is_stateless(const struct semantics *, const char *port_id);

/* Where a port is plugged.  A frame of the port goes between its device and
 * the uplink, which nothing else on the host shares. */
struct semantics_plug {
    const char *port;           /* Its id. */
    const char *device, *uplink;
    bool enforceable;           /* Rules can be put to it. */
};

struct semantics_packet {
    const char *from, *to;      /* Devices. */
    enum semantics_family family;
    uint8_t src[16], dst[16];
    struct semantics_mac mac;   /* Source. */
    int protocol;               /* IPv6: behind the extension headers. */
    int sport, dport;           /* If the protocol has them. */
    int icmp_type, icmp_code;   /* If it is the ICMP of the family. */
    bool known_flow;            /* Belongs or relates to a flow that this
                                 * port's tracking knows. */
    bool revoked_flow;          /* One that is known, and has been found to be
                                 * allowed no longer. */
};

struct semantics_verdict {
    bool allowed;
    char why[96];
};

void semantics_judge(const struct semantics *,
                     const struct semantics_plug *, size_t n_plugs,
                     const struct semantics_packet *,
                     struct semantics_verdict *);

/* Text to binary, strictly: "10.0.0.1", "2001:db8::/32", "a-b".  A range only
 * if 'ranges'; an address alone is a range of one. */
bool semantics_range_read(const char *, bool ranges,
                          struct semantics_range *);
bool semantics_mac_read(const char *, struct semantics_mac *);
bool semantics_in_range(const struct semantics_range *,
                        enum semantics_family, const uint8_t *address);
bool semantics_has_ports(int protocol);
/* The number of a protocol named as in a rule, or one of the two constants. */
int semantics_protocol_number(const char *);

#endif /* tests/lib/semantics.h */
