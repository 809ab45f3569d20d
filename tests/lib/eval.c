/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tests/lib/eval.h"

#include <netinet/in.h>
#include <string.h>

#include "util.h"

/* One packet on its way through one table. */
struct walk {
    const struct eval_filter *filter;
    const struct eval_packet *packet;
    const struct fw_table *table;
    const struct fw_rule *zone_rule;    /* The first CT target met. */
    uint16_t zone;
    bool untracked;
    size_t n_compared;
};

static const struct fw_rule *walk_chain(struct walk *, const char *chain);
static bool matches(const struct walk *, const struct fw_rule *);
static bool matches_l4(const struct fw_rule *, const struct eval_packet *);

static const struct sg_members *
policy_members(const void *policy_, const char *name)
{
    const struct eval_policy *ep = policy_;
    const struct fw_set *set = fw_ruleset_find_set(ep->rs, name);
    const struct sg_group *group = (set ? sg_policy_group(ep->policy,
                                                          &set->group)
                                    : NULL);

    return group ? &group->members : NULL;
}

struct eval_filter
eval_policy_filter(const struct eval_policy *ep)
{
    return (struct eval_filter) {
        .rs = ep->rs,
        .members = policy_members,
        .aux = ep,
    };
}

/* Falling off the end of a built-in chain meets its policy, ACCEPT. */
static bool
passes(struct walk *w, enum fw_table_id id, const char *chain,
       const struct fw_rule **decided)
{
    w->table = &w->filter->rs->tables[w->packet->family][id];
    *decided = walk_chain(w, chain);
    return !*decided || (*decided)->verdict == FW_ACCEPT;
}

void
eval_forward(const struct eval_filter *filter, const struct eval_packet *p,
             struct eval_result *result)
{
    struct walk w = { .filter = filter, .packet = p };
    const struct fw_rule *decided;

    memset(result, 0, sizeof *result);
    passes(&w, FW_RAW, "PREROUTING", &decided);
    result->zone = w.zone;

    bool through = passes(&w, FW_FILTER, "FORWARD", &decided);
    if (filter->filter_drops && !decided) {
        through = false;
    }
    result->accepted = passes(&w, FW_SECURITY, "FORWARD", &result->decided)
                       && through;
    result->n_compared = w.n_compared;
}

bool
eval_accepts(const struct eval_filter *filter, const struct eval_packet *p)
{
    struct eval_result result;

    eval_forward(filter, p, &result);
    return result.accepted;
}

const struct fw_rule *
eval_chain(const struct eval_filter *filter, enum fw_table_id id,
           const char *chain, const struct eval_packet *p,
           size_t *n_compared)
{
    struct walk w = {
        .filter = filter,
        .packet = p,
        .table = &filter->rs->tables[p->family][id],
    };
    const struct fw_rule *decided = walk_chain(&w, chain);

    *n_compared = w.n_compared;
    return w.zone_rule ? w.zone_rule : decided;
}

/* Returns the rule that accepts or drops, or NULL if the packet falls off.
 * A goto leaves nothing to return to in this chain, so falling off its target
 * is falling off this chain. */
static const struct fw_rule *
walk_chain(struct walk *w, const char *name)
{
    const struct fw_chain *chain = fw_table_find(w->table, name);

    for (size_t i = 0; chain && i < chain->n_rules; i++) {
        const struct fw_rule *rule = &chain->rules[i];
        const struct fw_rule *decided;

        w->n_compared++;
        if (!matches(w, rule)) {
            continue;
        }
        switch ((enum fw_verdict) rule->verdict) {
        case FW_NONE:
            break;
        case FW_ACCEPT:
        case FW_DROP:
            return rule;
        case FW_RETURN:
            return NULL;
        case FW_JUMP:
            decided = walk_chain(w, rule->target);
            if (decided) {
                return decided;
            }
            break;
        case FW_GOTO:
            return walk_chain(w, rule->target);
        case FW_ZONE:
        case FW_NOTRACK:
            /* The packet goes on, and a second CT target changes nothing. */
            if (!w->zone_rule) {
                w->zone_rule = rule;
                w->zone = rule->zone;
                w->untracked = rule->verdict == FW_NOTRACK;
            }
            break;
        }
    }
    return NULL;
}

static bool
device_matches(const char *pattern, const char *name)
{
    size_t len = strlen(pattern);

    return (len && pattern[len - 1] == '+'
            ? !strncmp(pattern, name, len - 1) : !strcmp(pattern, name));
}

/* Is this a set for prefixes? */
static bool
holds_nets(const char *set)
{
    struct fw_set_form form;

    return fw_set_kind(set, &form) == FW_NAME_SET && form.content == FW_NETS;
}

/* 'members' may be those of a group: then only what belongs in such a set
 * counts. */
static bool
in_set(const struct walk *w, const char *set, const struct sg_prefix *address)
{
    const struct sg_members *members = w->filter->members(w->filter->aux,
                                                          set);
    const struct sg_member *m;

    if (!members || !holds_nets(set)) {
        return members && sg_members_contains(members, address);
    }
    SG_MEMBERS_FOR_EACH (m, members) {
        if (!sg_prefix_is_host(&m->prefix)
            && sg_prefix_contains(&m->prefix, address)) {
            return true;
        }
    }
    return false;
}

/* Does the tracking know the packet's flow?  Where there is none, no. */
static bool
is_known(const struct walk *w)
{
    return !w->untracked && w->packet->flow_zone == w->zone;
}

static bool
matches(const struct walk *w, const struct fw_rule *rule)
{
    const struct eval_packet *p = w->packet;
    const uint32_t m = rule->match;

    return !(m & FW_M_FOREIGN)
        && (!(m & FW_M_SRC) || sg_prefix_contains(&rule->src, &p->src))
        && (!(m & FW_M_DST) || sg_prefix_contains(&rule->dst, &p->dst))
        && (!(m & FW_M_IN) || device_matches(rule->in, p->bridge))
        && (!(m & FW_M_OUT)
            || device_matches(rule->out, p->routed[0] ? p->routed
                              : p->bridge))
        && (!(m & FW_M_PHYSDEV_IN)
            || device_matches(rule->physdev_in, p->physdev_in))
        && (!(m & FW_M_PHYSDEV_OUT)
            || device_matches(rule->physdev_out, p->physdev_out))
        && (!(m & FW_M_ESTABLISHED) || is_known(w))
        && (!(m & FW_M_CONNMARK)
            || (is_known(w) && p->flow_mark & rule->connmark))
        && (!(m & FW_M_MAC) || !memcmp(&rule->mac, &p->mac, sizeof p->mac))
        && (!(m & FW_M_SET_SRC) || in_set(w, rule->set, &p->src))
        && (!(m & FW_M_SET_DST) || in_set(w, rule->set, &p->dst))
        && matches_l4(rule, p);
}

static bool
matches_l4(const struct fw_rule *rule, const struct eval_packet *p)
{
    const uint32_t m = rule->match;

    return (!(m & FW_M_PROTO) || rule->proto == p->proto)
        && (!(m & FW_M_SPORT)
            || (rule->sport_min <= p->sport && p->sport <= rule->sport_max))
        && (!(m & FW_M_DPORT)
            || (rule->dport_min <= p->dport && p->dport <= rule->dport_max))
        && (!(m & FW_M_ICMP_TYPE) || rule->icmp_type == p->icmp_type)
        && (!(m & FW_M_ICMP_CODE) || rule->icmp_code == p->icmp_code);
}

void
eval_packet_format(const struct eval_packet *p, struct ds *ds)
{
    char src[SG_PREFIX_STRLEN], dst[SG_PREFIX_STRLEN], mac[SG_MAC_STRLEN];

    ds_put_format(ds, "%s %s: %s > %s, %s (%s) > %s, proto %"PRIu8,
                  sg_family_name(p->family), p->bridge, p->physdev_in,
                  p->physdev_out, sg_prefix_format(&p->src, src),
                  sg_mac_format(&p->mac, mac),
                  sg_prefix_format(&p->dst, dst), p->proto);
    if (fw_protocol_has_ports(p->proto)) {
        ds_put_format(ds, " %"PRIu16" > %"PRIu16, p->sport, p->dport);
    } else {
        ds_put_format(ds, " type %"PRIu8"/%"PRIu8, p->icmp_type,
                      p->icmp_code);
    }
    if (p->routed[0]) {
        ds_put_format(ds, ", routed to %s", p->routed);
    }
    if (p->flow_zone != EVAL_NO_FLOW) {
        ds_put_format(ds, ", flow in zone %d with mark 0x%"PRIx32,
                      p->flow_zone, p->flow_mark);
    }
}
