/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tests/lib/eval.h"

#include <string.h>

#include "firewall/member_delta.h"
#include "firewall/walk.h"
#include "util.h"

/* One packet on its way through the tables. */
struct passage {
    const struct eval_filter *filter;
    struct fw_packet packet;
    struct fw_walk walk;
};

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

/* The members may be those of a group: then only what belongs in such a set
 * counts. */
static bool
in_set(void *passage_, const char *name, const struct sg_prefix *address)
{
    const struct passage *passage = passage_;
    const struct eval_filter *filter = passage->filter;
    const struct sg_members *members = filter->members(filter->aux, name);
    struct fw_set_form form;
    struct fw_set set = { .family = address->family };

    if (fw_set_kind(name, &form) == FW_NAME_SET) {
        set.content = form.content;
    }
    return members && fw_set_matches(&set, members, address);
}

static void
begin(struct passage *passage, const struct eval_filter *filter,
      const struct eval_packet *p)
{
    struct fw_packet *packet = &passage->packet;

    BUILD_ASSERT_DECL(EVAL_NO_FLOW == FW_NO_FLOW);
    passage->filter = filter;
    *packet = (struct fw_packet) {
        .family = p->family,
        .src = p->src,
        .dst = p->dst,
        .mac = p->mac,
        .proto = p->proto,
        .sport = p->sport,
        .dport = p->dport,
        .icmp_type = p->icmp_type,
        .icmp_code = p->icmp_code,
        .flow_zone = p->flow_zone,
        .flow_mark = p->flow_mark,
    };
    ovs_strlcpy(packet->in, p->bridge, sizeof packet->in);
    ovs_strlcpy(packet->out, p->routed[0] ? p->routed : p->bridge,
                sizeof packet->out);
    ovs_strlcpy(packet->physdev_in, p->physdev_in,
                sizeof packet->physdev_in);
    ovs_strlcpy(packet->physdev_out, p->physdev_out,
                sizeof packet->physdev_out);
    passage->walk = (struct fw_walk) {
        .rs = filter->rs,
        .packet = packet,
        .in_set = in_set,
        .aux = passage,
    };
}

/* Falling off the end of a built-in chain meets its policy, ACCEPT. */
static bool
passes(struct passage *passage, enum fw_table_id id, const char *chain,
       const struct fw_rule **decided)
{
    *decided = fw_walk_chain(&passage->walk, id, chain);
    return !*decided || (*decided)->verdict == FW_ACCEPT;
}

void
eval_forward(const struct eval_filter *filter, const struct eval_packet *p,
             struct eval_result *result)
{
    const struct fw_rule *decided;
    struct passage passage;

    begin(&passage, filter, p);
    memset(result, 0, sizeof *result);
    passes(&passage, FW_RAW, "PREROUTING", &decided);
    result->zone = passage.walk.zone;

    bool through = passes(&passage, FW_FILTER, "FORWARD", &decided);
    if (filter->filter_drops && !decided) {
        through = false;
    }
    result->accepted = passes(&passage, FW_SECURITY, "FORWARD",
                              &result->decided)
                       && through;
    result->n_compared = passage.walk.n_compared;
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
    struct passage passage;

    begin(&passage, filter, p);

    const struct fw_rule *decided = fw_walk_chain(&passage.walk, id, chain);

    *n_compared = passage.walk.n_compared;
    return passage.walk.zone_rule ? passage.walk.zone_rule : decided;
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
