/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef TESTS_LIB_EVAL_H
#define TESTS_LIB_EVAL_H 1

/* What happens to a packet at a host's hooks, by firewall/walk.h.
 *
 * A bridged frame passes raw PREROUTING, where it gets its conntrack zone,
 * filter FORWARD and security FORWARD; so does one that the host routes from
 * or to a bridge.  Connection tracking is not modelled:
 * a packet says in which zone, if any, it belongs to a known flow, and is
 * ESTABLISHED if the raw table puts it there.  Foreign rules never match. */

#include "firewall/ruleset.h"

/* The ruleset and where its sets' members are. */
struct eval_filter {
    const struct fw_ruleset *rs;
    const struct sg_members *(*members)(const void *aux, const char *set);
    const void *aux;
    bool filter_drops;          /* Somebody gave filter FORWARD a DROP
                                 * policy. */
};

/* A filter that holds the policy exactly: desired rules, sets as the policy
 * has them.  'rs' and 'policy' are borrowed. */
struct eval_policy {
    const struct fw_ruleset *rs;
    const struct sg_policy *policy;
};
struct eval_filter eval_policy_filter(const struct eval_policy *);

#define EVAL_NO_FLOW -1

struct eval_packet {
    enum sg_family family;
    struct sg_prefix src, dst;  /* Single addresses. */
    struct sg_mac mac;          /* Source. */
    char bridge[SG_DEVICE_LEN]; /* Both ways ... */
    char routed[SG_DEVICE_LEN]; /* ... or in; out is then this.  Or "". */
    char physdev_in[SG_DEVICE_LEN], physdev_out[SG_DEVICE_LEN];
    uint8_t proto;
    uint16_t sport, dport;
    uint8_t icmp_type, icmp_code;
    int flow_zone;              /* Or EVAL_NO_FLOW. */
    uint32_t flow_mark;         /* Of that flow. */
};

struct eval_result {
    bool accepted;
    uint16_t zone;
    size_t n_compared;          /* Rules looked at, all tables. */
    const struct fw_rule *decided;      /* In security, or NULL. */
};

void eval_forward(const struct eval_filter *, const struct eval_packet *,
                  struct eval_result *);
bool eval_accepts(const struct eval_filter *, const struct eval_packet *);
/* Walks one chain only.  Returns the rule that decided (ACCEPT, DROP, ZONE),
 * or NULL. */
const struct fw_rule *eval_chain(const struct eval_filter *,
                                 enum fw_table_id, const char *chain,
                                 const struct eval_packet *,
                                 size_t *n_compared);

void eval_packet_format(const struct eval_packet *, struct ds *);

#endif /* tests/lib/eval.h */
