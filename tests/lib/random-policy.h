/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef TESTS_LIB_RANDOM_POLICY_H
#define TESTS_LIB_RANDOM_POLICY_H 1

/* Random policies over a small world, and packets of that world.
 *
 * The world has few ports, groups, addresses and rules, so that chance soon
 * finds the cases that matter.  A policy is a value that can be copied and
 * changed a little; policy_text makes the real one of it. */

#include "openvswitch/dynamic-string.h"
#include "tests/lib/eval.h"

#define RANDOM_N_PORTS 4
#define RANDOM_N_GROUPS 4
#define RANDOM_N_ADDRESSES 8
#define RANDOM_N_PREFIXES 6
#define RANDOM_N_RULES 15
#define RANDOM_MAX_RULES 5

struct random_policy {
    struct {
        bool present;
        uint8_t kind;           /* Known, absent, deleted, trusted ... */
        uint8_t address;        /* Of the world's, both families. */
        uint8_t zone;
        uint8_t groups;         /* Bits. */
        bool pair;              /* Has an address pair, a prefix. */
    } ports[RANDOM_N_PORTS];
    struct {
        bool known;
        uint8_t rules[RANDOM_MAX_RULES];
        uint8_t remotes[RANDOM_MAX_RULES];
        uint8_t n_rules;
        uint8_t members;        /* Bits: addresses of the world. */
        uint8_t prefixes;       /* Bits: that cover some of them. */
        uint8_t slots;          /* Bits: families in slot b. */
    } groups[RANDOM_N_GROUPS];
};

/* What random_policy_change() may touch. */
#define RANDOM_RULES 1          /* Ports, groups of ports, rules. */
#define RANDOM_MEMBERS 2

void random_policy_init(struct random_policy *, uint64_t *state);
void random_policy_change(struct random_policy *, unsigned int what,
                          uint64_t *state);
void random_policy_format(const struct random_policy *, struct ds *);
void random_packet(struct eval_packet *, uint64_t *state);

#endif /* tests/lib/random-policy.h */
