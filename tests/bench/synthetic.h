/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef BENCH_SYNTHETIC_H
#define BENCH_SYNTHETIC_H 1

/* A policy made of a few numbers, and the answers to `sync` from it.
 *
 * One host with 'n_ports' ports, all of them in security group 0.  Group 0
 * lets everything out and lets in, in both families, what comes from each
 * measured group (0 is one of them) and from each of 'n_others' further
 * groups.  So the host has one set per family for each of these groups.  With
 * 'late' the rules begin without the measured groups, whose sets are then
 * made last: the kernel finds a set by walking over those made before it.
 *
 * Member i of a group is always the same address, so a list is a number: the
 * members of group g are the first 'n' of them, adding appends and deleting
 * takes the last away. */

#include "sg/update.h"

#define SYNTHETIC_MAX_PORTS 4096
#define SYNTHETIC_MAX_GROUPS 64
#define SYNTHETIC_MAX_OTHERS 4096
/* Members of one group; an address has 18 bits for them. */
#define SYNTHETIC_MAX_MEMBERS ((1u << 18) - 2)

struct synthetic_config {
    size_t n_ports;
    size_t n_groups;            /* Measured groups, at least one. */
    size_t n_members;           /* Of each measured group, at the start. */
    size_t n_others;
    bool dual;                  /* Members have an IPv6 address as well. */
    bool late;
    bool gaps;                  /* Only every other address is a member, so
                                 * that no two make a range. */
};

struct synthetic_group {
    struct uuid id;
    size_t n_members;
    int64_t revision;           /* Of the member list. */
};

struct synthetic {
    struct synthetic_config config;
    struct sg_epoch epoch;
    int64_t rules_revision;
    bool measured_in_rules;
    size_t n_more_rules;        /* By synthetic_change_rule(). */
    struct synthetic_group groups[SYNTHETIC_MAX_GROUPS];
};

void synthetic_init(struct synthetic *, const struct synthetic_config *,
                    const struct sg_epoch *);

struct uuid synthetic_port_id(size_t i);
/* Member 'i' of measured group 'g', without gaps. */
void synthetic_address(size_t g, size_t i, enum sg_family,
                       struct sg_prefix *);

/* Fills in the answer to 'request'; the caller uninits it. */
void synthetic_answer(const struct synthetic *,
                      const struct sg_sync_request *request,
                      struct sg_update *);

/* Changes the policy and fills in the message that says so; the caller
 * uninits it.  'n' members are appended or taken away. */
enum synthetic_change {
    SYNTHETIC_ADD,
    SYNTHETIC_DELETE,
};
void synthetic_change_members(struct synthetic *, size_t g,
                              enum synthetic_change, size_t n,
                              struct sg_update *);
/* Port 'i' as it is. */
void synthetic_update_port(const struct synthetic *, size_t i,
                           struct sg_update *);
/* Group 0 gets one more rule, for a TCP port over IPv4, or loses the last. */
void synthetic_change_rule(struct synthetic *, enum synthetic_change,
                           struct sg_update *);
/* With 'late': the rules name the measured groups from now on. */
void synthetic_join(struct synthetic *, struct sg_update *);

/* A beacon that names the member lists of all measured groups. */
void synthetic_beacon(const struct synthetic *, int64_t seq,
                      struct sg_update *);

#endif /* tests/bench/synthetic.h */
