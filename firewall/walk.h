/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef FIREWALL_WALK_H
#define FIREWALL_WALK_H 1

/* What a packet meets in the tables: walks the rules of a ruleset, desired or
 * actual, as the kernel does.  Pure.
 *
 * First match, jump and goto, falling off, the zone that the raw table gives,
 * sets.  Connection tracking is not modelled: a packet says in which zone, if
 * any, it belongs to a known flow, and is ESTABLISHED if the raw table puts it
 * there.  Foreign rules never match: whoever walks an actual ruleset is told
 * of each by a step.
 *
 * A walk goes through one table after the other:
 *
 *   struct fw_walk w = { .rs = rs, .packet = &p, .in_set = in_set };
 *   fw_walk_chain(&w, FW_RAW, "PREROUTING");     gives 'w.zone'
 *   rule = fw_walk_chain(&w, FW_SECURITY, "FORWARD"); */

#include "firewall/ruleset.h"

#define FW_NO_FLOW -1

/* The kernel allows no loop; this is for values that never were there. */
#define FW_WALK_MAX_DEPTH 256

struct fw_packet {
    enum sg_family family;
    struct sg_prefix src, dst;  /* Single addresses. */
    struct sg_mac mac;          /* Source. */
    char in[SG_DEVICE_LEN], out[SG_DEVICE_LEN];
    char physdev_in[SG_DEVICE_LEN], physdev_out[SG_DEVICE_LEN]; /* Or "". */
    uint8_t proto;
    uint16_t sport, dport;
    uint8_t icmp_type, icmp_code;
    int flow_zone;              /* Or FW_NO_FLOW. */
    uint32_t flow_mark;         /* Of that flow. */
};

/* A rule that was looked at.  Borrowed from the ruleset. */
struct fw_walk_step {
    enum fw_table_id table;
    const struct fw_chain *chain;
    size_t index;               /* In 'chain'. */
    unsigned int depth;         /* Chains entered by now, less one. */
    uint32_t missed;            /* FW_M_*: what does not fit; 0: it matches.
                                 * A set is in it only if all else fits. */
};
typedef void fw_walk_cb(const struct fw_walk_step *, void *aux);

struct fw_walk {
    const struct fw_ruleset *rs;
    const struct fw_packet *packet;
    /* Is the address in the set of this name?  Asked only where it matters,
     * of a rule that fits otherwise. */
    bool (*in_set)(void *aux, const char *set, const struct sg_prefix *);
    fw_walk_cb *step;           /* Or NULL. */
    void *aux;

    /* Results, of all tables so far. */
    const struct fw_rule *zone_rule;    /* The first CT target met. */
    uint16_t zone;
    bool untracked;
    size_t n_compared;          /* Rules looked at. */
};

/* Walks one chain.  Returns the rule that accepts or drops, or NULL if the
 * packet falls off the end. */
const struct fw_rule *fw_walk_chain(struct fw_walk *, enum fw_table_id,
                                    const char *chain);

#endif /* firewall/walk.h */
