/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Semantics of security groups, as this renderer understands them.
 *
 *  1. What is not allowed is dropped: both directions, both families.
 *  2. A device on a managed bridge that no port claims is closed.  The host
 *     routes nothing into or out of a managed bridge and, unless configured,
 *     does not talk to it either.
 *  3. A port is closed while its policy is absent or deleted, while it has no
 *     conntrack zone, and while its plug cannot be filtered.  A port whose
 *     policy is orphaned keeps it.
 *  4. A trusted port, or one without port security, may send anything and is
 *     sent anything.  The ports it talks to still filter.
 *  5. A port sends only from its address pairs: address or prefix together
 *     with the MAC address.  Fixed IPs are pairs with the port's own MAC.
 *     Each MAC may also use the link-local address derived from it.  A pair
 *     that is given twice is one pair.
 *  6. From an unspecified source only what an instance needs to get its
 *     addresses may be sent: DHCPv4 discovery, duplicate address detection,
 *     multicast membership.
 *  7. Always allowed out: DHCP as a client, neighbour discovery as a host,
 *     multicast membership.  Never: DHCP as a server, and in IPv6 router
 *     advertisements and redirects; no rule allows these.
 *  8. Always allowed in: DHCP answers, neighbour discovery, router
 *     advertisements, multicast membership.
 *  9. What belongs or relates to a tracked flow is allowed, each direction
 *     after the checks above; unless the flow is marked as revoked: then
 *     nothing of it passes, 7 and 8 included.  flow_verdict() says which flow
 *     is to be marked.  DCCP, which Linux tracks without its ports, needs a
 *     rule each way.
 * 10. Groups add up: what a rule of any group of the port allows is allowed.
 *     A port without groups has 7 to 9 only.
 * 11. A rule allows what matches all that it names: direction, ethertype,
 *     protocol, destination and source port range, ICMP type and code,
 *     remote.
 * 12. A remote group means the addresses and prefixes its members have now,
 *     whichever port has them.  A group that is unknown or empty matches
 *     nothing.
 * 13. A remote prefix of length 0 is every address of its family.
 * 14. A rule that cannot be expressed exactly is left out and named; it is
 *     never widened.  Rules that say the same are one.
 * 15. An object that cannot be rendered harms nobody else: a port is closed,
 *     a rule is left out.
 * 16. Every bridge has a conntrack zone of its own, because a frame between
 *     two instances crosses two bridges of one host.
 * 17. A port all of whose known groups are stateless has no tracked flows: an
 *     answer passes if a rule allows it.  With other groups beside them it is
 *     like any port, and named.
 *
 * The layout of the chains, and why, is in docs/rules.md. */

#include <config.h>
#include "firewall/render.h"

#include <stdlib.h>
#include <string.h>

#include "firewall/dispatch.h"
#include "firewall/plan.h"
#include "firewall/sources.h"
#include "hash.h"
#include "openvswitch/shash.h"
#include "util.h"
#include "uuid.h"

/* With more pairs than this they get a chain of their own, so that frames to
 * the instance do not pass them one by one. */
#define MAX_INLINE_PAIRS 4

struct renderer {
    const struct sg_policy *policy;
    const struct fw_layout *layout;
    const struct fw_slots *slots;
    struct fw_problems *problems;
    struct fw_ruleset *rs;
    struct fw_dispatch zones, bridges;
    /* Names taken, with the id ("struct uuid *") each stands for. */
    struct shash owners;
    struct uuid *groups;        /* Used by a filtering port; may repeat. */
    size_t n_groups, allocated_groups;
};

static void render_port(struct renderer *, const struct sg_port *);
static void render_zone(struct renderer *, const struct sg_port *);
static const char *port_refusal(struct renderer *, const struct sg_port *);
static void render_open_port(struct renderer *, const struct sg_binding *);
static void render_filtered_port(struct renderer *, const struct sg_port *,
                                 enum sg_family);
static void render_group(struct renderer *, const struct uuid *);
static void append_rule(struct renderer *, const struct uuid *group,
                        const struct sg_rule *, struct hmap *seen);
static void append_once(struct renderer *, const struct uuid *group,
                        const struct sg_rule *, const struct fw_rule *,
                        struct hmap *seen);
static void append_with_set(struct renderer *, const struct uuid *group,
                            const struct sg_rule *, const struct fw_set *,
                            struct fw_rule *, struct hmap *seen);
static struct fw_set remote_set(const struct renderer *,
                                const struct sg_rule *, enum fw_content);
static bool has_nets(const struct renderer *, const struct fw_set *);
static void need_set(struct renderer *, const struct fw_set *);
static bool claim(struct renderer *, const char *name, const struct uuid *);
static int compare_uuids(const void *, const void *);

struct fw_ruleset *
fw_render(const struct sg_policy *policy, const struct fw_layout *layout,
          const struct fw_slots *slots, struct fw_problems *problems)
{
    struct renderer r = {
        .policy = policy,
        .layout = layout,
        .slots = slots,
        .problems = problems,
        .rs = fw_ruleset_create(),
        .owners = SHASH_INITIALIZER(&r.owners),
    };
    const struct sg_port **ports;
    size_t n_ports;

    fw_dispatch_init(&r.zones);
    fw_dispatch_init(&r.bridges);
    fw_render_fixed(r.rs, layout);

    ports = fw_sorted_ports(policy, &n_ports);
    for (size_t i = 0; i < n_ports; i++) {
        render_port(&r, ports[i]);
    }
    free(ports);

    if (r.n_groups) {
        qsort(r.groups, r.n_groups, sizeof *r.groups, compare_uuids);
    }
    for (size_t i = 0; i < r.n_groups; i++) {
        if (!i || !uuid_equals(&r.groups[i], &r.groups[i - 1])) {
            render_group(&r, &r.groups[i]);
        }
    }
    free(r.groups);

    for (size_t f = 0; f < SG_N_FAMILIES; f++) {
        fw_dispatch_build(&r.zones, &r.rs->tables[f][FW_RAW],
                          FW_CHAIN_ZONES, FW_DISPATCH_FIRST);
        fw_dispatch_build(&r.bridges, &r.rs->tables[f][FW_SECURITY],
                          FW_CHAIN_BRIDGES, FW_DISPATCH_SECOND);
    }
    fw_dispatch_uninit(&r.zones);
    fw_dispatch_uninit(&r.bridges);
    shash_destroy_free_data(&r.owners);
    return r.rs;
}

static struct fw_chain *
security_chain(struct renderer *r, enum sg_family family, const char *name)
{
    return fw_table_chain(&r->rs->tables[family][FW_SECURITY], name);
}

static struct fw_rule
go(enum fw_verdict verdict, const char *target)
{
    struct fw_rule rule = { .verdict = verdict };

    ovs_strzcpy(rule.target, target, sizeof rule.target);
    return rule;
}

/* (2), (3).  A port with a device has a chain and a leaf in the tree even if
 * it is closed: the chain is then empty, and a policy that comes later changes
 * nothing else. */
static void
render_port(struct renderer *r, const struct sg_port *port)
{
    const struct sg_binding *b = &port->binding;
    char name[FW_CHAIN_LEN];

    if (b->plug == SG_PLUG_MISSING || b->plug == SG_PLUG_UNENFORCEABLE) {
        return;
    }

    const char *refusal = port_refusal(r, port);
    if (refusal) {
        struct ds device = DS_EMPTY_INITIALIZER;

        ds_put_printable(&device, b->device,
                         strnlen(b->device, sizeof b->device));
        fw_problems_add(r->problems, &port->id, NULL, "device \"%s\": %s",
                        ds_cstr(&device), refusal);
        ds_destroy(&device);
        return;
    }

    fw_name_bridge_chain(name, b->device);
    for (size_t f = 0; f < SG_N_FAMILIES; f++) {
        security_chain(r, f, name);
    }
    struct fw_rule leaf = go(FW_GOTO, name);
    fw_dispatch_add(&r->bridges, b->bridge, &leaf);

    /* (16). */
    if (!b->zone) {
        fw_problems_add(r->problems, &port->id, NULL,
                        "device \"%s\": closed: no conntrack zone", b->device);
        return;
    }
    render_zone(r, port);

    if (port->state != SG_KNOWN && port->state != SG_ORPHANED) {
        return;
    }
    if (!sg_port_filters(&port->spec)) {
        render_open_port(r, b);
        return;
    }
    for (size_t f = 0; f < SG_N_FAMILIES; f++) {
        render_filtered_port(r, port, f);
    }
}

/* (16), (17): where the port's packets are tracked. */
static void
render_zone(struct renderer *r, const struct sg_port *port)
{
    const struct sg_binding *b = &port->binding;
    struct fw_rule leaf = { .verdict = FW_ZONE, .zone = b->zone };

    if (port->state == SG_KNOWN || port->state == SG_ORPHANED) {
        switch (sg_port_tracking(r->policy, &port->spec)) {
        case SG_STATEFUL:
            break;
        case SG_STATELESS:
            leaf = (struct fw_rule) { .verdict = FW_NOTRACK };
            break;
        case SG_MIXED:
            fw_problems_add(r->problems, &port->id, NULL,
                            "device \"%s\": some of its groups are stateless "
                            "and some are not: its flows are tracked, so "
                            "answers pass without a rule", b->device);
            break;
        }
    }
    fw_dispatch_add(&r->zones, b->bridge, &leaf);
}

/* (15) Why this port cannot have rules, or NULL.  Everything here leaves its
 * bridge without a leaf, that is closed, unless the bridge is outside the
 * pattern of the hooks. */
static const char *
port_refusal(struct renderer *r, const struct sg_port *port)
{
    const struct sg_binding *b = &port->binding;
    const struct fw_layout *layout = r->layout;

    if (!fw_device_name_ok(b->bridge)
        || strncmp(b->bridge, layout->bridge_prefix,
                   strlen(layout->bridge_prefix))) {
        return "not filtered: its bridge does not match bridge_prefix";
    }
    if (b->plug == SG_PLUG_SHARED_BRIDGE) {
        return "closed: more than one device on its bridge";
    }
    if (!fw_device_name_ok(b->device)) {
        return "closed: the name cannot be used in a rule";
    }
    if (!fw_device_name_ok(b->uplink)
        || strncmp(b->uplink, layout->uplink_prefix,
                   strlen(layout->uplink_prefix))) {
        return "closed: its uplink does not match uplink_prefix";
    }

    /* A bridge has one leaf and a device one set of chains; ports come in the
     * order of their devices, so that the winner does not change by chance. */
    char bridge[sizeof "bridge " + SG_DEVICE_LEN];
    char chain[FW_CHAIN_LEN];
    snprintf(bridge, sizeof bridge, "bridge %s", b->bridge);
    fw_name_bridge_chain(chain, b->device);
    if (!claim(r, chain, &port->id)) {
        return "closed: another port has the same device";
    }
    if (!claim(r, bridge, &port->id)) {
        return "closed: another port has the same bridge";
    }
    return NULL;
}

/* Both ends are named: nothing may pass between the port and a third device on
 * its bridge, which must not be able to speak through this port's rules,
 * either. */
static struct fw_rule
between(const char *from, const char *to, struct fw_rule rule)
{
    rule.match |= FW_M_PHYSDEV_IN | FW_M_PHYSDEV_OUT;
    ovs_strzcpy(rule.physdev_in, from, sizeof rule.physdev_in);
    ovs_strzcpy(rule.physdev_out, to, sizeof rule.physdev_out);
    return rule;
}

static struct fw_rule
from_device(const struct sg_binding *b, struct fw_rule rule)
{
    return between(b->device, b->uplink, rule);
}

static struct fw_rule
to_device(const struct sg_binding *b, struct fw_rule rule)
{
    return between(b->uplink, b->device, rule);
}

/* (4). */
static void
render_open_port(struct renderer *r, const struct sg_binding *b)
{
    struct fw_rule out = from_device(b, go(FW_GOTO, FW_CHAIN_OUT));
    struct fw_rule in = to_device(b, (struct fw_rule) {
        .verdict = FW_ACCEPT,
    });
    char name[FW_CHAIN_LEN];

    fw_name_bridge_chain(name, b->device);
    for (size_t f = 0; f < SG_N_FAMILIES; f++) {
        struct fw_chain *chain = security_chain(r, f, name);
        fw_chain_append(chain, &out);
        fw_chain_append(chain, &in);
    }
}

/* (5) The rules that let frames of the device into 'egress'. */
static void
append_pairs(struct fw_chain *chain, const struct sg_port *port,
             const char *egress, const struct sg_pair *pairs, size_t n)
{
    struct fw_rule rule;

    for (size_t i = 0; i < n; i++) {
        rule = from_device(&port->binding, go(FW_GOTO, egress));
        rule.match |= FW_M_MAC;
        rule.mac = pairs[i].mac;
        if (pairs[i].prefix.plen) {
            rule.match |= FW_M_SRC;
            rule.src = pairs[i].prefix;
        }
        fw_chain_append(chain, &rule);
    }
}

/* (6).  These stand after the pairs, one of which may be the whole family. */
static void
append_unspecified(struct fw_chain *chain, const struct sg_port *port,
                   enum sg_family family)
{
    size_t n;
    struct sg_mac *macs = fw_port_macs(&port->spec, &n);

    for (size_t i = 0; i < n; i++) {
        struct fw_rule rule;

        rule = from_device(&port->binding, go(FW_GOTO, FW_CHAIN_UNSPEC));
        rule.match |= FW_M_MAC | FW_M_SRC;
        rule.mac = macs[i];
        rule.src.family = family;
        rule.src.plen = sg_family_bits(family);
        fw_chain_append(chain, &rule);
    }
    free(macs);
}

static void
use_group(struct renderer *r, const struct uuid *group)
{
    if (r->n_groups >= r->allocated_groups) {
        r->groups = x2nrealloc(r->groups, &r->allocated_groups,
                               sizeof *r->groups);
    }
    r->groups[r->n_groups++] = *group;
}

/* (5) and (6): the chain of the port's bridge. */
static void
render_bridge_chain(struct renderer *r, const struct sg_port *port,
                    enum sg_family family, const char *egress,
                    const char *ingress)
{
    const struct sg_binding *b = &port->binding;
    char name[FW_CHAIN_LEN];
    struct fw_rule rule;
    size_t n;

    fw_name_bridge_chain(name, b->device);
    struct fw_chain *chain = security_chain(r, family, name);
    struct sg_pair *pairs = fw_port_sources(&port->spec, family, &n);
    if (n <= MAX_INLINE_PAIRS) {
        append_pairs(chain, port, egress, pairs, n);
        rule = to_device(b, go(FW_GOTO, ingress));
        fw_chain_append(chain, &rule);
        append_unspecified(chain, port, family);
    } else {
        /* A jump: what falls off the pairs, or off 'egress', comes back, is
         * not from the uplink, and falls off here as well. */
        fw_name_pairs_chain(name, b->device);
        rule = from_device(b, go(FW_JUMP, name));
        fw_chain_append(chain, &rule);
        rule = to_device(b, go(FW_GOTO, ingress));
        fw_chain_append(chain, &rule);
        chain = security_chain(r, family, name);
        append_pairs(chain, port, egress, pairs, n);
        append_unspecified(chain, port, family);
    }
    free(pairs);
}

/* (5) to (10). */
static void
render_filtered_port(struct renderer *r, const struct sg_port *port,
                     enum sg_family family)
{
    const struct sg_port_spec *spec = &port->spec;
    char egress[FW_CHAIN_LEN], ingress[FW_CHAIN_LEN];

    fw_name_egress_chain(egress, port->binding.device);
    fw_name_ingress_chain(ingress, port->binding.device);
    render_bridge_chain(r, port, family, egress, ingress);

    struct fw_chain *out = security_chain(r, family, egress);
    struct fw_chain *in = security_chain(r, family, ingress);
    struct fw_rule rule = go(FW_JUMP, FW_CHAIN_PRE_OUT);
    fw_chain_append(out, &rule);
    rule = go(FW_JUMP, FW_CHAIN_PRE_IN);
    fw_chain_append(in, &rule);
    for (size_t i = 0; i < spec->n_groups; i++) {
        const struct uuid *group = &spec->groups[i];
        char name[FW_CHAIN_LEN];

        fw_name_group_chain(name, SG_EGRESS, group);
        if (!claim(r, name, group)) {
            if (family == SG_IPV4) {
                fw_problems_add(r->problems, &port->id, group,
                                "group left out: another group has its "
                                "chain names");
            }
            continue;
        }
        rule = go(FW_JUMP, name);
        fw_chain_append(out, &rule);
        fw_name_group_chain(name, SG_INGRESS, group);
        rule = go(FW_JUMP, name);
        fw_chain_append(in, &rule);
        use_group(r, group);
    }
}

/* A rule that was appended, to find its like. */
struct seen_rule {
    struct hmap_node node;      /* In 'seen', by fw_rule_hash(). */
    const struct fw_chain *chain;
    struct fw_rule rule;
};

/* (10) A group's rules stand once per family and direction, whatever the
 * number of its ports.  Its chains exist even if its rules are not known, so
 * that a rule list that comes later changes nothing else. */
static void
render_group(struct renderer *r, const struct uuid *id)
{
    const struct sg_group *group = sg_policy_group(r->policy, id);
    struct hmap seen = HMAP_INITIALIZER(&seen);
    char name[FW_CHAIN_LEN];

    for (size_t f = 0; f < SG_N_FAMILIES; f++) {
        for (size_t d = 0; d < SG_N_DIRECTIONS; d++) {
            fw_name_group_chain(name, d, id);
            security_chain(r, f, name);
        }
    }
    if (!group || (group->rules_state != SG_KNOWN
                   && group->rules_state != SG_ORPHANED)) {
        return;
    }
    for (size_t i = 0; i < group->rules.n_rules; i++) {
        append_rule(r, id, &group->rules.rules[i], &seen);
    }

    struct seen_rule *entry;
    HMAP_FOR_EACH_POP (entry, node, &seen) {
        free(entry);
    }
    hmap_destroy(&seen);
}

static bool
first_of_its_kind(struct hmap *seen, const struct fw_chain *chain,
                  const struct fw_rule *rule)
{
    uint32_t hash = hash_pointer(chain, fw_rule_hash(rule));
    struct seen_rule *entry;

    HMAP_FOR_EACH_WITH_HASH (entry, node, hash, seen) {
        if (entry->chain == chain && fw_rule_equals(&entry->rule, rule)) {
            return false;
        }
    }
    entry = xmalloc(sizeof *entry);
    entry->chain = chain;
    entry->rule = *rule;
    hmap_insert(seen, &entry->node, hash);
    return true;
}

/* (11), (14). */
static void
append_rule(struct renderer *r, const struct uuid *group,
            const struct sg_rule *rule, struct hmap *seen)
{
    bool remote = (rule->remote == SG_REMOTE_GROUP
                   || rule->remote == SG_REMOTE_ADDRESS_GROUP);
    struct fw_set hosts = remote_set(r, rule, FW_HOSTS);
    const char *reason = NULL;
    struct fw_rule out;

    if (remote) {
        char name[FW_SET_LEN];

        fw_name_slot_a(name, hosts.name);
        if (!claim(r, name, &rule->remote_id)) {
            reason = "another group has the name of its remote group's set";
        }
    }
    if (!reason) {
        reason = fw_render_rule(rule, hosts.name, &out);
    }
    if (reason) {
        fw_problems_add(r->problems, NULL, group,
                        "rule "UUID_FMT" left out: %s",
                        UUID_ARGS(&rule->id), reason);
        return;
    }

    if (remote) {
        struct fw_set nets = remote_set(r, rule, FW_NETS);

        append_with_set(r, group, rule, &hosts, &out, seen);
        if (has_nets(r, &nets)) {
            append_with_set(r, group, rule, &nets, &out, seen);
        }
    } else {
        append_once(r, group, rule, &out, seen);
    }
}

/* A set that cannot be had costs the rules that name it, and no others. */
static void
append_with_set(struct renderer *r, const struct uuid *group,
                const struct sg_rule *rule, const struct fw_set *set,
                struct fw_rule *out, struct hmap *seen)
{
    const char *refusal = fw_slots_refusal(r->slots, set->name);

    if (refusal) {
        fw_problems_add(r->problems, NULL, group,
                        "rule "UUID_FMT" left out for the %s of group "
                        UUID_FMT": %s", UUID_ARGS(&rule->id),
                        set->content == FW_HOSTS ? "addresses" : "prefixes",
                        UUID_ARGS(&set->group), refusal);
        return;
    }
    ovs_strzcpy(out->set, set->name, sizeof out->set);
    append_once(r, group, rule, out, seen);
    need_set(r, set);
}

static void
append_once(struct renderer *r, const struct uuid *group,
            const struct sg_rule *rule, const struct fw_rule *out,
            struct hmap *seen)
{
    char name[FW_CHAIN_LEN];

    fw_name_group_chain(name, rule->direction, group);
    struct fw_chain *chain = security_chain(r, rule->family, name);
    if (first_of_its_kind(seen, chain, out)) {
        fw_chain_append(chain, out);
    }
}

/* Meaningful if the rule's remote is a group. */
static struct fw_set
remote_set(const struct renderer *r, const struct sg_rule *rule,
           enum fw_content content)
{
    struct fw_set set = {
        .family = rule->family,
        .content = content,
        .group = rule->remote_id,
    };

    set.slot = fw_slots_get(r->slots, &set);
    fw_name_set(set.name, &(struct fw_set_form) {
        .family = set.family, .content = content, .slot = set.slot,
    }, &set.group);
    return set;
}

/* A set for prefixes is made for the first one, and stays when the last one
 * has gone until the chains that name it change anyway. */
static bool
has_nets(const struct renderer *r, const struct fw_set *nets)
{
    return fw_set_count(r->policy, nets)
           || fw_slots_is_kept(r->slots, nets->name);
}

/* (12) A set exists for each remote group, in the families that rules ask
 * for, even if it has no members: a member that comes must not have to wait
 * for a change of the table. */
static void
need_set(struct renderer *r, const struct fw_set *set)
{
    if (!fw_ruleset_find_set(r->rs, set->name)) {
        struct fw_set *own = fw_ruleset_add_set(r->rs, set);

        own->maxelem = fw_set_capacity(fw_set_count(r->policy, set));
        own->hashsize = fw_set_hashsize(own->maxelem);
    }
}

/* (15) Takes 'name' for the object 'id'.  Returns false if it is another's. */
static bool
claim(struct renderer *r, const char *name, const struct uuid *id)
{
    const struct uuid *owner = shash_find_data(&r->owners, name);

    if (!owner) {
        shash_add(&r->owners, name, xmemdup(id, sizeof *id));
        return true;
    }
    return uuid_equals(owner, id);
}

static int
compare_uuids(const void *a, const void *b)
{
    return uuid_compare_3way(a, b);
}
