/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef BENCH_PACKET_RULES_H
#define BENCH_PACKET_RULES_H 1

/* The rules of a host with P ports, put into the kernel by firewall_apply(),
 * and their counters; and the layer-2 guard of these ports.
 *
 * All ports are in the same groups.  The last group lets in what comes from
 * its members and lets everything out; each group before it lets in its one
 * member and lets out TCP to port 22, so other packets pass it by.  Device
 * names end in random digits, as those of real ports do, the same in each
 * run.
 *
 * Whatever goes wrong ends the process. */

#include "firewall/backend.h"
#include "firewall/l2_guard.h"
#include "tests/lib/policy-text.h"

#define PACKET_RULES_MAX_PORTS 4000
#define PACKET_RULES_MAX_GROUPS 20
#define PACKET_RULES_MAX_NETS 1000
/* Prefixes of /24 (IPv6: /120) and longer. */
#define PACKET_N_LENGTHS 4

struct packet_rules_config {
    size_t n_ports, n_groups;
    /* Of the last group, in each family. */
    size_t n_members;           /* Addresses. */
    size_t n_nets;              /* Prefixes, of PACKET_N_LENGTHS lengths. */
};

struct packet_rules {
    struct packet_rules_config config;
    struct policy_text policy;
    struct fw_ruleset *rs;      /* As rendered. */
    struct fw_backend *reader;  /* For counters. */
    struct l2_guard *guard;
    struct l2_elements elements;        /* That it was given. */
};
/* Works in the network namespace that the process is in. */
void packet_rules_init(struct packet_rules *,
                       const struct packet_rules_config *);
void packet_rules_uninit(struct packet_rules *);

/* Is the guard still as it was put there? */
void packet_rules_check_guard(const struct packet_rules *);

/* Addresses: of the last group's members; and those that no set and no port
 * has.  They are one after the other. */
struct sg_prefix packet_rules_member(enum sg_family, size_t i);
/* Within the first prefix, which is of the shortest length. */
struct sg_prefix packet_rules_net_host(enum sg_family, size_t i);
struct sg_prefix packet_rules_stranger(enum sg_family, size_t i);

/* Rules whose counters say which way packets took. */
enum packet_spot {
    SPOT_TO_PORT,               /* First rule of the port's chain. */
    SPOT_FROM_PORT,
    SPOT_ESTABLISHED_IN,
    SPOT_ESTABLISHED_OUT,
    SPOT_GROUP_IN,              /* The rule with the members. */
    SPOT_NETS_IN,               /* The rule with the members' prefixes. */
    SPOT_GROUP_OUT,             /* The rule that lets all out. */
    SPOT_DROP,                  /* End of the root. */
};
#define PACKET_N_SPOTS 8
extern const char *const packet_spot_names[PACKET_N_SPOTS];
/* Reads the packets counted there from this namespace's kernel. */
void packet_rules_count(const struct packet_rules *, const char *device,
                        enum sg_family, uint64_t counts[PACKET_N_SPOTS]);

#endif /* tests/bench/packet_rules.h */
