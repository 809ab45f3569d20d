/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* What the rendered chains do to a packet, compared with what an evaluator
 * says that was written from the list of semantics in render.c and knows
 * nothing of chains.  The numbers are those of the list. */

#include <config.h>
#include "firewall/render.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "tests/lib/policy-text.h"
#include "tests/lib/random-policy.h"
#include "tests/lib/test.h"
#include "util.h"
#include "uuid.h"

#define N_PACKETS 400

struct question {
    const struct sg_policy *policy;
    const struct eval_packet *p;
    const struct sg_port *port;
    enum sg_direction direction;
};

/* The port of the bridge, if it can be filtered and both devices are right. */
static bool
find_port(struct question *q)
{
    const struct eval_packet *p = q->p;
    const struct sg_port *port;

    HMAP_FOR_EACH (port, node, &q->policy->ports) {
        const struct sg_binding *b = &port->binding;

        if (b->plug == SG_PLUG_HYBRID && !strcmp(b->bridge, p->bridge)) {
            q->port = port;
            q->direction = (!strcmp(p->physdev_in, b->device)
                            ? SG_EGRESS : SG_INGRESS);
            return q->direction == SG_EGRESS
                   ? !strncmp(p->physdev_out, "qvb", 3)
                   : (!strcmp(p->physdev_in, b->uplink)
                      && !strcmp(p->physdev_out, b->device));
        }
    }
    return false;
}

static bool
is_unspecified(const struct sg_prefix *address)
{
    static const uint8_t zero[sizeof address->addr];

    return !memcmp(address->addr, zero, sizeof zero);
}

static bool
pair_matches(const struct sg_prefix *prefix, const struct sg_mac *mac,
             const struct eval_packet *p)
{
    struct sg_prefix link_local;

    if (memcmp(mac, &p->mac, sizeof *mac)) {
        return false;
    }
    sg_mac_link_local(mac, &link_local);
    return sg_prefix_contains(prefix, &p->src)
           || (p->family == SG_IPV6 && sg_prefix_equals(&link_local,
                                                        &p->src));
}

/* (5). */
static bool
source_ok(const struct question *q)
{
    const struct sg_port_spec *spec = &q->port->spec;

    for (size_t i = 0; i < spec->n_fixed_ips; i++) {
        if (pair_matches(&spec->fixed_ips[i], &spec->mac, q->p)) {
            return true;
        }
    }
    for (size_t i = 0; i < spec->n_pairs; i++) {
        if (pair_matches(&spec->pairs[i].prefix, &spec->pairs[i].mac, q->p)) {
            return true;
        }
    }
    return false;
}

static bool
is_udp(const struct eval_packet *p, uint16_t sport, uint16_t dport)
{
    return p->proto == IPPROTO_UDP && p->sport == sport && p->dport == dport;
}

static bool
is_icmp6(const struct eval_packet *p, const char *types)
{
    char type[8];

    snprintf(type, sizeof type, " %d ", p->icmp_type);
    return p->family == SG_IPV6 && p->proto == IPPROTO_ICMPV6
           && strstr(types, type);
}

/* (6).  The only MACs of the small world are the ports' own. */
static bool
unspecified_ok(const struct question *q)
{
    const struct eval_packet *p = q->p;

    if (memcmp(&p->mac, &q->port->spec.mac, sizeof p->mac)) {
        return false;
    }
    if (p->family == SG_IPV6) {
        return is_icmp6(p, " 135 131 132 143 ");
    }
    return p->dst.addr[0] == 255 && is_udp(p, 68, 67);
}

/* (7), (8): 1 always, -1 never, 0 neither. */
static int
fixed_rules(const struct question *q)
{
    const struct eval_packet *p = q->p;
    bool v4 = p->family == SG_IPV4;

    if (q->direction == SG_EGRESS) {
        return (is_udp(p, v4 ? 67 : 547, v4 ? 68 : 546) ? -1
                : is_icmp6(p, " 134 137 ") ? -1
                : is_udp(p, v4 ? 68 : 546, v4 ? 67 : 547)
                || is_icmp6(p, " 133 135 136 131 132 143 "));
    }
    return is_udp(p, v4 ? 67 : 547, v4 ? 68 : 546)
           || is_icmp6(p, " 130 131 132 134 135 136 143 ");
}

static bool
covers(const struct sg_members *members, const struct sg_prefix *address)
{
    const struct sg_member *m;

    SG_MEMBERS_FOR_EACH (m, members) {
        if (sg_prefix_contains(&m->prefix, address)) {
            return true;
        }
    }
    return false;
}

/* (11) to (13). */
static bool
rule_allows(const struct question *q, const struct sg_rule *rule)
{
    const struct eval_packet *p = q->p;
    const struct sg_prefix *remote = (q->direction == SG_EGRESS
                                      ? &p->dst : &p->src);
    const struct sg_group *group;

    if (rule->direction != q->direction || rule->family != p->family
        || (rule->protocol >= 0 && rule->protocol != p->proto)
        || (rule->has_ports && (p->dport < rule->port_min
                                || p->dport > rule->port_max))
        || (rule->has_source_ports && (p->sport < rule->source_port_min
                                       || p->sport > rule->source_port_max))
        || (rule->icmp_type >= 0 && p->icmp_type != rule->icmp_type)
        || (rule->icmp_code >= 0 && p->icmp_code != rule->icmp_code)) {
        return false;
    }
    switch (rule->remote) {
    case SG_REMOTE_ANY:
        return true;
    case SG_REMOTE_PREFIX:
        return sg_prefix_contains(&rule->remote_prefix, remote);
    case SG_REMOTE_GROUP:
    case SG_REMOTE_ADDRESS_GROUP:
        group = sg_policy_group(q->policy, &rule->remote_id);
        return group && covers(&group->members, remote);
    }
    OVS_NOT_REACHED();
}

/* (10). */
static bool
groups_allow(const struct question *q)
{
    const struct sg_port_spec *spec = &q->port->spec;

    for (size_t i = 0; i < spec->n_groups; i++) {
        const struct sg_group *group = sg_policy_group(q->policy,
                                                       &spec->groups[i]);
        bool known = group && (group->rules_state == SG_KNOWN
                               || group->rules_state == SG_ORPHANED);

        for (size_t j = 0; known && j < group->rules.n_rules; j++) {
            if (rule_allows(q, &group->rules.rules[j])) {
                return true;
            }
        }
    }
    return false;
}

static bool
policy_allows(const struct sg_policy *policy, const struct eval_packet *p)
{
    struct question q = { .policy = policy, .p = p };

    /* (2), (3), (16). */
    if (!find_port(&q) || !q.port->binding.zone
        || (q.port->state != SG_KNOWN && q.port->state != SG_ORPHANED)) {
        return false;
    }
    /* (4). */
    if (!sg_port_filters(&q.port->spec)) {
        return true;
    }
    if (q.direction == SG_EGRESS && !source_ok(&q)) {
        return is_unspecified(&p->src) && unspecified_ok(&q);
    }

    bool known = p->flow_zone == q.port->binding.zone;
    if (known && p->flow_mark) {
        return false;           /* (9). */
    }

    int fixed = fixed_rules(&q);
    return fixed >= 0 && (fixed > 0 || known || groups_allow(&q));
}

TEST(chains_do_what_the_semantics_say)
{
    uint64_t state = test_seed();
    unsigned int end = test_rounds(300);
    size_t n_accepted = 0;

    for (unsigned int i = 0; i < end && !test_failed(); i++) {
        struct ds ds = DS_EMPTY_INITIALIZER;
        struct random_policy rp;
        struct policy_text pt;

        random_policy_init(&rp, &state);
        random_policy_format(&rp, &ds);
        policy_text_init(&pt, ds_cstr(&ds));
        struct fw_ruleset *rs = fw_render(&pt.policy, &pt.layout, pt.slots,
                                          NULL);
        struct eval_policy ep = { rs, &pt.policy };
        struct eval_filter filter = eval_policy_filter(&ep);

        CHECK_NO_ERROR(fw_ruleset_check(rs));
        for (int j = 0; j < N_PACKETS && !test_failed(); j++) {
            struct eval_packet p;

            random_packet(&p, &state);
            bool got = eval_accepts(&filter, &p);
            bool want = policy_allows(&pt.policy, &p);
            n_accepted += got;
            if (got != want) {
                struct ds text = DS_EMPTY_INITIALIZER;
                eval_packet_format(&p, &text);
                FAIL("round %u: %s: the chains %s it\n%s", i, ds_cstr(&text),
                     got ? "accept" : "drop", ds_cstr(&ds));
                ds_destroy(&text);
            }
        }
        fw_ruleset_destroy(rs);
        policy_text_uninit(&pt);
        ds_destroy(&ds);
    }
    /* A world in which everything is dropped proves nothing. */
    CHECK(n_accepted > end * N_PACKETS / 20);
}
