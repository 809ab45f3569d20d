/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "firewall/walk.h"

#include <string.h>

#include "util.h"

/* Where in a table the walk is. */
struct place {
    enum fw_table_id id;
    unsigned int depth;
};

static const struct fw_rule *walk(struct fw_walk *, struct place,
                                  const char *chain);
static uint32_t missed(const struct fw_walk *, const struct fw_rule *);
static uint32_t missed_l3(const struct fw_packet *, const struct fw_rule *);
static uint32_t missed_l4(const struct fw_packet *, const struct fw_rule *);
static uint32_t missed_flow(const struct fw_walk *, const struct fw_rule *);
static uint32_t missed_set(const struct fw_walk *, const struct fw_rule *);

const struct fw_rule *
fw_walk_chain(struct fw_walk *w, enum fw_table_id id, const char *chain)
{
    return walk(w, (struct place) { id, 0 }, chain);
}

/* A goto leaves nothing to return to in this chain, so falling off its target
 * is falling off this chain. */
static const struct fw_rule *
walk(struct fw_walk *w, struct place place, const char *name)
{
    const struct fw_table *table
        = &w->rs->tables[w->packet->family][place.id];
    const struct fw_chain *chain = fw_table_find(table, name);
    struct place next = { place.id, place.depth + 1 };

    for (size_t i = 0; chain && i < chain->n_rules
                       && place.depth < FW_WALK_MAX_DEPTH; i++) {
        const struct fw_rule *rule = &chain->rules[i];
        const struct fw_rule *decided;
        struct fw_walk_step step = {
            .table = place.id,
            .chain = chain,
            .index = i,
            .depth = place.depth,
            .missed = missed(w, rule),
        };

        w->n_compared++;
        if (w->step) {
            w->step(&step, w->aux);
        }
        if (step.missed) {
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
            decided = walk(w, next, rule->target);
            if (decided) {
                return decided;
            }
            break;
        case FW_GOTO:
            return walk(w, next, rule->target);
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

/* FW_M_* of 'rule' that do not fit.  Sets come last: each may be a question to
 * the kernel. */
static uint32_t
missed(const struct fw_walk *w, const struct fw_rule *rule)
{
    uint32_t m = rule->match & FW_M_FOREIGN;

    if (!m) {
        m = (missed_l3(w->packet, rule) | missed_l4(w->packet, rule)
             | missed_flow(w, rule));
    }
    return m ? m : missed_set(w, rule);
}

static bool
device_matches(const char *pattern, const char *name)
{
    size_t len = strlen(pattern);

    return (len && pattern[len - 1] == '+'
            ? !strncmp(pattern, name, len - 1) : !strcmp(pattern, name));
}

/* FLAG, if the rule has this match and the packet is not so. */
#define MISS(FLAG, FITS) (rule->match & (FLAG) && !(FITS) ? (FLAG) : 0)

static uint32_t
missed_l3(const struct fw_packet *p, const struct fw_rule *rule)
{
    return (MISS(FW_M_SRC, sg_prefix_contains(&rule->src, &p->src))
            | MISS(FW_M_DST, sg_prefix_contains(&rule->dst, &p->dst))
            | MISS(FW_M_IN, device_matches(rule->in, p->in))
            | MISS(FW_M_OUT, device_matches(rule->out, p->out))
            | MISS(FW_M_PHYSDEV_IN,
                   device_matches(rule->physdev_in, p->physdev_in))
            | MISS(FW_M_PHYSDEV_OUT,
                   device_matches(rule->physdev_out, p->physdev_out))
            | MISS(FW_M_MAC, !memcmp(&rule->mac, &p->mac, sizeof p->mac)));
}

static bool
in_range(uint16_t value, uint16_t min, uint16_t max)
{
    return min <= value && value <= max;
}

static uint32_t
missed_l4(const struct fw_packet *p, const struct fw_rule *rule)
{
    return (MISS(FW_M_PROTO, rule->proto == p->proto)
            | MISS(FW_M_NOT_PROTO, rule->proto != p->proto)
            | MISS(FW_M_SPORT,
                   in_range(p->sport, rule->sport_min, rule->sport_max))
            | MISS(FW_M_DPORT,
                   in_range(p->dport, rule->dport_min, rule->dport_max))
            | MISS(FW_M_ICMP_TYPE, rule->icmp_type == p->icmp_type)
            | MISS(FW_M_ICMP_CODE, rule->icmp_code == p->icmp_code));
}

/* The tracking finds a flow only in the zone that the raw table gave. */
static uint32_t
missed_flow(const struct fw_walk *w, const struct fw_rule *rule)
{
    const struct fw_packet *p = w->packet;
    bool known = !w->untracked && p->flow_zone == w->zone;

    /* What one end sends to, the other one sends from. */
    bool of_port = (fw_protocol_has_ports(p->proto)
                    && (p->sport == rule->flow_port
                        || p->dport == rule->flow_port));

    return (MISS(FW_M_ESTABLISHED, known)
            | MISS(FW_M_CONNMARK, known && p->flow_mark & rule->connmark)
            | MISS(FW_M_NOT_CONNMARK,
                   known && !(p->flow_mark & rule->connmark))
            | MISS(FW_M_NOT_FLOW_PORT, known && !of_port));
}

static uint32_t
missed_set(const struct fw_walk *w, const struct fw_rule *rule)
{
    return (MISS(FW_M_SET_SRC, w->in_set(w->aux, rule->set, &w->packet->src))
            | MISS(FW_M_SET_DST,
                   w->in_set(w->aux, rule->set, &w->packet->dst)));
}
