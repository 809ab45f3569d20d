/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "firewall/flow_verdict.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "firewall/render.h"
#include "hash.h"
#include "util.h"

/* One end of a prefix that is no address of the port. */
#define NOT_OWN -1

struct zone_port {
    struct hmap_node node;      /* In flow_judge 'ports', by zone. */
    const struct sg_port *port;
};

struct flow_judge {
    const struct sg_policy *policy;
    struct hmap ports;
};

/* The first packet of a flow as the filter sees it: behind a translation of
 * its destination, before one of its source. */
struct first_packet {
    enum sg_family family;
    const struct sg_prefix *src, *dst;
    uint8_t proto;
    bool has_ports, has_icmp;
    uint16_t sport, dport;
    uint8_t icmp_type, icmp_code;
};

static void get_first_packet(const struct flow_entry *,
                             struct first_packet *);
static bool answer_allowed(const struct sg_policy *,
                           const struct sg_port_spec *,
                           const struct first_packet *);
static bool port_allows(const struct sg_policy *, const struct sg_port_spec *,
                        const struct first_packet *);
static int own_length(const struct sg_port_spec *, const struct sg_prefix *);
static bool is_unspecified(const struct sg_prefix *);
static bool unspecified_allows(const struct first_packet *);
static bool is_dhcp(const struct first_packet *, bool from_client);
static bool groups_allow(const struct sg_policy *,
                         const struct sg_port_spec *, enum sg_direction,
                         const struct first_packet *);
static bool rule_allows(const struct sg_policy *, const struct sg_rule *,
                        const struct first_packet *);
static bool is_remote(const struct sg_policy *, const struct sg_rule *,
                      const struct sg_prefix *);
static bool members_cover(const struct sg_members *,
                          const struct sg_prefix *);

static struct zone_port *
find(const struct flow_judge *j, uint16_t zone)
{
    struct zone_port *zp;

    HMAP_FOR_EACH_WITH_HASH (zp, node, hash_int(zone, 0), &j->ports) {
        if (zp->port->binding.zone == zone) {
            return zp;
        }
    }
    return NULL;
}

struct flow_judge *
flow_judge_create(const struct sg_policy *policy)
{
    struct flow_judge *j = xzalloc(sizeof *j);
    const struct sg_port *port;

    j->policy = policy;
    hmap_init(&j->ports);
    HMAP_FOR_EACH (port, node, &policy->ports) {
        const struct sg_binding *b = &port->binding;
        struct zone_port *zp;

        if (b->plug != SG_PLUG_HYBRID || !b->zone) {
            continue;
        }
        /* Of several ports on a bridge the renderer takes the one whose
         * device comes first. */
        zp = find(j, b->zone);
        if (!zp) {
            zp = xmalloc(sizeof *zp);
            zp->port = port;
            hmap_insert(&j->ports, &zp->node, hash_int(b->zone, 0));
        } else if (strcmp(b->device, zp->port->binding.device) < 0) {
            zp->port = port;
        }
    }
    return j;
}

void
flow_judge_destroy(struct flow_judge *j)
{
    if (j) {
        struct zone_port *zp;

        HMAP_FOR_EACH_POP (zp, node, &j->ports) {
            free(zp);
        }
        hmap_destroy(&j->ports);
        free(j);
    }
}

const struct sg_port *
flow_judge_port(const struct flow_judge *j, uint16_t zone)
{
    const struct zone_port *zp = find(j, zone);

    return zp ? zp->port : NULL;
}

enum flow_verdict
flow_verdict(const struct flow_judge *j, const struct flow_entry *e)
{
    const struct sg_port *port = flow_judge_port(j, e->zone);
    struct first_packet p;

    /* (3). */
    if (!port || port->state == SG_ABSENT) {
        return FLOW_NOBODYS;
    }
    if (port->state == SG_DELETED) {
        return FLOW_REVOKED;
    }
    /* (4). */
    if (!sg_port_filters(&port->spec)) {
        return FLOW_ALLOWED;
    }
    /* (17). */
    if (sg_port_tracking(j->policy, &port->spec) == SG_STATELESS) {
        return FLOW_STALE;
    }
    get_first_packet(e, &p);
    return (port_allows(j->policy, &port->spec, &p)
            || answer_allowed(j->policy, &port->spec, &p)
            ? FLOW_ALLOWED : FLOW_REVOKED);
}

static void
get_first_packet(const struct flow_entry *e, struct first_packet *p)
{
    const struct flow_tuple *orig = e->related ? &e->master : &e->orig;

    *p = (struct first_packet) {
        .family = orig->src.family,
        .src = &orig->src,
        .dst = &orig->dst,
        .proto = orig->proto,
        .has_ports = orig->has_ports && fw_protocol_has_ports(orig->proto),
        .has_icmp = orig->has_icmp,
        .sport = orig->sport,
        .dport = orig->dport,
        .icmp_type = orig->icmp_type,
        .icmp_code = orig->icmp_code,
    };
    if (!e->related) {
        p->dst = &e->reply.src;
        p->dport = p->has_ports ? e->reply.sport : p->dport;
    }
}

/* (9) Each packet of DCCP needs a rule, and none that has one may be cut, so
 * what may be said the other way is as good as what was said first. */
static bool
answer_allowed(const struct sg_policy *policy,
               const struct sg_port_spec *spec, const struct first_packet *p)
{
    struct first_packet answer = *p;

    answer.src = p->dst;
    answer.dst = p->src;
    answer.sport = p->dport;
    answer.dport = p->sport;
    return p->proto == IPPROTO_DCCP && port_allows(policy, spec, &answer);
}

/* (5) to (10). */
static bool
port_allows(const struct sg_policy *policy, const struct sg_port_spec *spec,
            const struct first_packet *p)
{
    int src = own_length(spec, p->src);
    int dst = own_length(spec, p->dst);

    if (src == NOT_OWN && is_unspecified(p->src) && unspecified_allows(p)) {
        return true;
    }
    if (src != NOT_OWN && src >= dst && !is_dhcp(p, false)
        && (is_dhcp(p, true) || groups_allow(policy, spec, SG_EGRESS, p))) {
        return true;
    }
    return dst >= src && (is_dhcp(p, false)
                          || groups_allow(policy, spec, SG_INGRESS, p));
}

static int
longer(int length, const struct sg_prefix *prefix,
       const struct sg_prefix *address)
{
    return (sg_prefix_contains(prefix, address) ? MAX(length, prefix->plen)
            : length);
}

static int
longer_link_local(int length, const struct sg_mac *mac,
                  const struct sg_prefix *address)
{
    struct sg_prefix link_local;

    sg_mac_link_local(mac, &link_local);
    return longer(length, &link_local, address);
}

/* (5) The length of the longest prefix the port may send from that has
 * 'address', or NOT_OWN. */
static int
own_length(const struct sg_port_spec *spec, const struct sg_prefix *address)
{
    int length = longer_link_local(NOT_OWN, &spec->mac, address);

    for (size_t i = 0; i < spec->n_fixed_ips; i++) {
        length = longer(length, &spec->fixed_ips[i], address);
    }
    for (size_t i = 0; i < spec->n_pairs; i++) {
        length = longer(length, &spec->pairs[i].prefix, address);
        length = longer_link_local(length, &spec->pairs[i].mac, address);
    }
    return length;
}

static bool
is_unspecified(const struct sg_prefix *address)
{
    static const uint8_t zero[sizeof address->addr];

    return !memcmp(address->addr, zero, sizeof zero);
}

/* (6) What else may come from there is not tracked. */
static bool
unspecified_allows(const struct first_packet *p)
{
    static const uint8_t broadcast[4] = { 255, 255, 255, 255 };

    return p->family == SG_IPV4 && is_dhcp(p, true)
           && !memcmp(p->dst->addr, broadcast, sizeof broadcast);
}

/* (7), (8) Neighbour discovery and the like are not tracked. */
static bool
is_dhcp(const struct first_packet *p, bool from_client)
{
    uint16_t client = p->family == SG_IPV4 ? 68 : 546;
    uint16_t server = p->family == SG_IPV4 ? 67 : 547;

    return p->proto == IPPROTO_UDP && p->has_ports
           && p->sport == (from_client ? client : server)
           && p->dport == (from_client ? server : client);
}

/* (10). */
static bool
groups_allow(const struct sg_policy *policy, const struct sg_port_spec *spec,
             enum sg_direction direction, const struct first_packet *p)
{
    for (size_t i = 0; i < spec->n_groups; i++) {
        const struct sg_group *group = sg_policy_group(policy,
                                                       &spec->groups[i]);

        if (!group || (group->rules_state != SG_KNOWN
                       && group->rules_state != SG_ORPHANED)) {
            continue;
        }
        for (size_t j = 0; j < group->rules.n_rules; j++) {
            const struct sg_rule *rule = &group->rules.rules[j];

            if (rule->direction == direction
                && rule_allows(policy, rule, p)) {
                return true;
            }
        }
    }
    return false;
}

/* (11), (14).  The cheap questions first: most rules are about something
 * else.  A flow whose ports are not known may have any. */
static bool
rule_allows(const struct sg_policy *policy, const struct sg_rule *rule,
            const struct first_packet *p)
{
    struct fw_rule expressed;

    return rule->family == p->family
        && (rule->protocol < 0 || rule->protocol == p->proto)
        && (!rule->has_ports || !p->has_ports
            || (rule->port_min <= p->dport && p->dport <= rule->port_max))
        && (!rule->has_source_ports || !p->has_ports
            || (rule->source_port_min <= p->sport
                && p->sport <= rule->source_port_max))
        && (rule->icmp_type < 0 || !p->has_icmp
            || rule->icmp_type == p->icmp_type)
        && (rule->icmp_code < 0 || !p->has_icmp
            || rule->icmp_code == p->icmp_code)
        && is_remote(policy, rule,
                     rule->direction == SG_EGRESS ? p->dst : p->src)
        && !fw_render_rule(rule, "", &expressed);
}

/* (12), (13). */
static bool
is_remote(const struct sg_policy *policy, const struct sg_rule *rule,
          const struct sg_prefix *address)
{
    const struct sg_group *group;

    switch (rule->remote) {
    case SG_REMOTE_ANY:
        return true;
    case SG_REMOTE_PREFIX:
        return sg_prefix_contains(&rule->remote_prefix, address);
    case SG_REMOTE_GROUP:
    case SG_REMOTE_ADDRESS_GROUP:
        group = sg_policy_group(policy, &rule->remote_id);
        return group && members_cover(&group->members, address);
    }
    OVS_NOT_REACHED();
}

/* The unspecified address is no member of a set. */
static bool
members_cover(const struct sg_members *members,
              const struct sg_prefix *address)
{
    return (sg_members_contains(members, address)
            && !is_unspecified(address))
           || sg_members_have_prefix_of(members, address);
}
