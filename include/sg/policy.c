/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "sg/policy.h"

#include <stdlib.h>
#include <string.h>

#include "util.h"
#include "uuid.h"

static bool uuids_equal(const struct uuid *, size_t,
                        const struct uuid *, size_t);
static bool pairs_equal(const struct sg_port_spec *,
                        const struct sg_port_spec *);
static bool fixed_ips_equal(const struct sg_port_spec *,
                            const struct sg_port_spec *);
static bool refusals_equal(const struct sg_refusal *, size_t,
                           const struct sg_refusal *, size_t);
static struct sg_refusal *refusals_clone(const struct sg_refusal *, size_t);
static void *memdup_or_null(const void *, size_t);

const char *
sg_knowledge_name(enum sg_knowledge knowledge)
{
    switch (knowledge) {
#define SG_KNOWLEDGE(ENUM, NAME) case SG_##ENUM: return NAME;
    SG_KNOWLEDGES
#undef SG_KNOWLEDGE
    }
    OVS_NOT_REACHED();
}

const char *
sg_plug_name(enum sg_plug plug)
{
    switch (plug) {
#define SG_PLUG(ENUM, NAME) case SG_PLUG_##ENUM: return NAME;
    SG_PLUGS
#undef SG_PLUG
    }
    OVS_NOT_REACHED();
}

void
sg_policy_init(struct sg_policy *policy)
{
    policy->generation = 0;
    hmap_init(&policy->ports);
    hmap_init(&policy->groups);
}

/* Frees all ports and groups with what they own. */
void
sg_policy_uninit(struct sg_policy *policy)
{
    struct sg_port *port;
    HMAP_FOR_EACH_POP (port, node, &policy->ports) {
        sg_port_spec_uninit(&port->spec);
        free(port);
    }
    hmap_destroy(&policy->ports);

    struct sg_group *group;
    HMAP_FOR_EACH_POP (group, node, &policy->groups) {
        sg_rules_spec_uninit(&group->rules);
        sg_members_uninit(&group->members);
        free(group);
    }
    hmap_destroy(&policy->groups);
}

/* Returns the port 'id', or NULL.  Ports and groups hash by sg_id_hash(). */
const struct sg_port *
sg_policy_port(const struct sg_policy *policy, const struct uuid *id)
{
    const struct sg_port *port;

    HMAP_FOR_EACH_WITH_HASH (port, node, sg_id_hash(id), &policy->ports) {
        if (uuid_equals(&port->id, id)) {
            return port;
        }
    }
    return NULL;
}

/* Returns the group 'id', or NULL. */
const struct sg_group *
sg_policy_group(const struct sg_policy *policy, const struct uuid *id)
{
    const struct sg_group *group;

    HMAP_FOR_EACH_WITH_HASH (group, node, sg_id_hash(id), &policy->groups) {
        if (uuid_equals(&group->id, id)) {
            return group;
        }
    }
    return NULL;
}

/* Frees what 'spec' owns and leaves it empty: a port of which nothing is
 * known.  An all-zero spec may be uninitialised as well. */
enum sg_tracking
sg_port_tracking(const struct sg_policy *policy,
                 const struct sg_port_spec *spec)
{
    size_t n_stateful = 0, n_stateless = 0;

    if (!sg_port_filters(spec)) {
        return SG_STATEFUL;
    }
    for (size_t i = 0; i < spec->n_groups; i++) {
        const struct sg_group *group = sg_policy_group(policy,
                                                       &spec->groups[i]);

        if (group && (group->rules_state == SG_KNOWN
                      || group->rules_state == SG_ORPHANED)) {
            ++*(group->rules.stateful ? &n_stateful : &n_stateless);
        }
    }
    return !n_stateless ? SG_STATEFUL : n_stateful ? SG_MIXED : SG_STATELESS;
}

void
sg_port_spec_uninit(struct sg_port_spec *spec)
{
    free(spec->fixed_ips);
    free(spec->pairs);
    free(spec->groups);
    sg_refusals_free(spec->refused, spec->n_refused);
    memset(spec, 0, sizeof *spec);
}

/* Makes 'dst', whose content is overwritten and not freed, a deep copy. */
void
sg_port_spec_clone(struct sg_port_spec *dst, const struct sg_port_spec *src)
{
    *dst = *src;
    dst->fixed_ips = memdup_or_null(src->fixed_ips,
                                    src->n_fixed_ips * sizeof *src->fixed_ips);
    dst->pairs = memdup_or_null(src->pairs, src->n_pairs * sizeof *src->pairs);
    dst->groups = memdup_or_null(src->groups,
                                 src->n_groups * sizeof *src->groups);
    dst->refused = refusals_clone(src->refused, src->n_refused);
}

/* Fixed IPs and pairs are compared in their order: a reordered list counts as
 * changed, which costs a rendering and no kernel write. */
bool
sg_port_spec_equals(const struct sg_port_spec *a,
                    const struct sg_port_spec *b)
{
    return (uuid_equals(&a->id, &b->id)
            && uuid_equals(&a->network_id, &b->network_id)
            && !strcmp(a->device, b->device)
            && !memcmp(&a->mac, &b->mac, sizeof a->mac)
            && a->port_security_enabled == b->port_security_enabled
            && a->trusted == b->trusted
            && fixed_ips_equal(a, b)
            && pairs_equal(a, b)
            && uuids_equal(a->groups, a->n_groups, b->groups, b->n_groups)
            && refusals_equal(a->refused, a->n_refused,
                              b->refused, b->n_refused));
}

/* Frees what 'spec' owns and leaves it empty, like sg_port_spec_uninit(). */
void
sg_rules_spec_uninit(struct sg_rules_spec *spec)
{
    free(spec->rules);
    sg_refusals_free(spec->refused, spec->n_refused);
    memset(spec, 0, sizeof *spec);
}

/* Makes 'dst', whose content is overwritten and not freed, a deep copy. */
void
sg_rules_spec_clone(struct sg_rules_spec *dst,
                    const struct sg_rules_spec *src)
{
    *dst = *src;
    dst->rules = memdup_or_null(src->rules, src->n_rules * sizeof *src->rules);
    dst->refused = refusals_clone(src->refused, src->n_refused);
}

/* The order of the rules counts: it is the order in the kernel. */
bool
sg_rules_spec_equals(const struct sg_rules_spec *a,
                     const struct sg_rules_spec *b)
{
    if (!uuid_equals(&a->group, &b->group) || a->stateful != b->stateful
        || a->n_rules != b->n_rules
        || !refusals_equal(a->refused, a->n_refused,
                           b->refused, b->n_refused)) {
        return false;
    }
    for (size_t i = 0; i < a->n_rules; i++) {
        if (!sg_rule_equals(&a->rules[i], &b->rules[i])) {
            return false;
        }
    }
    return true;
}

/* Compares what a rule means and its id.  A member that the rule does not use
 * (ports of a rule without ports, say) is ignored. */
bool
sg_rule_equals(const struct sg_rule *a, const struct sg_rule *b)
{
    if (!uuid_equals(&a->id, &b->id)
        || a->direction != b->direction
        || a->family != b->family
        || a->protocol != b->protocol
        || a->has_ports != b->has_ports
        || a->has_source_ports != b->has_source_ports
        || a->icmp_type != b->icmp_type
        || a->icmp_code != b->icmp_code
        || a->remote != b->remote) {
        return false;
    }
    if (a->has_ports
        && (a->port_min != b->port_min || a->port_max != b->port_max)) {
        return false;
    }
    if (a->has_source_ports
        && (a->source_port_min != b->source_port_min
            || a->source_port_max != b->source_port_max)) {
        return false;
    }

    switch (a->remote) {
    case SG_REMOTE_ANY:
        return true;
    case SG_REMOTE_PREFIX:
        return sg_prefix_equals(&a->remote_prefix, &b->remote_prefix);
    case SG_REMOTE_GROUP:
    case SG_REMOTE_ADDRESS_GROUP:
        return uuid_equals(&a->remote_id, &b->remote_id);
    }
    OVS_NOT_REACHED();
}

void
sg_refusal_add(struct sg_refusal **refusals, size_t *n,
               const char *what, const char *reason)
{
    /* Few per object, hence no capacity of its own: it grows at each power of
     * two, which is where 'n' equals the room there is. */
    if (!(*n & (*n - 1))) {
        *refusals = xrealloc(*refusals,
                             (*n ? *n * 2 : 1) * sizeof **refusals);
    }
    (*refusals)[(*n)++] = (struct sg_refusal) {
        .what = xstrdup(what), .reason = xstrdup(reason),
    };
}

void
sg_refusals_free(struct sg_refusal *refusals, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(refusals[i].what);
        free(refusals[i].reason);
    }
    free(refusals);
}

static bool
uuids_equal(const struct uuid *a, size_t n_a,
            const struct uuid *b, size_t n_b)
{
    return n_a == n_b && (!n_a || !memcmp(a, b, n_a * sizeof *a));
}

static bool
fixed_ips_equal(const struct sg_port_spec *a, const struct sg_port_spec *b)
{
    return (a->n_fixed_ips == b->n_fixed_ips
            && (!a->n_fixed_ips
                || !memcmp(a->fixed_ips, b->fixed_ips,
                           a->n_fixed_ips * sizeof *a->fixed_ips)));
}

/* A pair is bytes through and through: two arrays of uint8_t, no padding. */
BUILD_ASSERT_DECL(sizeof(struct sg_pair)
                  == sizeof(struct sg_prefix) + sizeof(struct sg_mac));

static bool
pairs_equal(const struct sg_port_spec *a, const struct sg_port_spec *b)
{
    return (a->n_pairs == b->n_pairs
            && (!a->n_pairs
                || !memcmp(a->pairs, b->pairs,
                           a->n_pairs * sizeof *a->pairs)));
}

static bool
refusals_equal(const struct sg_refusal *a, size_t n_a,
               const struct sg_refusal *b, size_t n_b)
{
    if (n_a != n_b) {
        return false;
    }
    for (size_t i = 0; i < n_a; i++) {
        if (strcmp(a[i].what, b[i].what)
            || strcmp(a[i].reason, b[i].reason)) {
            return false;
        }
    }
    return true;
}

static struct sg_refusal *
refusals_clone(const struct sg_refusal *src, size_t n)
{
    struct sg_refusal *dst = NULL;
    size_t n_dst = 0;

    for (size_t i = 0; i < n; i++) {
        sg_refusal_add(&dst, &n_dst, src[i].what, src[i].reason);
    }
    return dst;
}

/* memcpy() must not see a null pointer, even for no bytes. */
static void *
memdup_or_null(const void *p, size_t size)
{
    return size ? xmemdup(p, size) : NULL;
}
