/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tools/sg-controller/port_change.h"

#include <string.h>

#include "sg/port_source.h"
#include "tools/sg-controller/ref_set.h"
#include "uuid.h"

static bool has_more_groups(const struct sg_port_spec *,
                            const struct sg_port_spec *,
                            const struct ref_set *rules);
static bool has_more_addresses(const struct sg_port_spec *,
                               const struct sg_port_spec *);
static bool shares_rules(const struct sg_port_spec *,
                         const struct sg_port_spec *,
                         const struct ref_set *rules);
static bool has_group(const struct sg_port_spec *, const struct uuid *);
static bool has_fixed_ip(const struct sg_port_spec *,
                         const struct sg_prefix *);
static bool has_pair(const struct sg_port_spec *, const struct sg_pair *);
static bool same_mac(const struct sg_port_spec *,
                     const struct sg_port_spec *);

/* A port that was or will be unfiltered has all rights on that side: no list
 * adds to them. */
struct port_order
port_change_order(const struct sg_port_spec *old,
                  const struct sg_port_spec *new, const struct ref_set *rules)
{
    struct port_order order = { false, false };
    bool shared;

    if (!ref_set_count(rules) || !sg_port_filters(old)
        || !sg_port_filters(new)) {
        return order;
    }
    shared = shares_rules(old, new, rules);
    order.before = (has_more_groups(old, new, rules)
                    || (shared && has_more_addresses(old, new)));
    order.after = (has_more_groups(new, old, rules)
                   || (shared && has_more_addresses(new, old)));
    return order;
}

/* Of two MACs nothing is common, for each address goes with one. */
void
port_change_common(const struct sg_port_spec *old,
                   const struct sg_port_spec *new,
                   struct sg_port_spec *common)
{
    size_t n = 0;

    sg_port_spec_clone(common, new);
    for (size_t i = 0; i < new->n_groups; i++) {
        if (same_mac(old, new) && has_group(old, &new->groups[i])) {
            common->groups[n++] = new->groups[i];
        }
    }
    common->n_groups = n;
    n = 0;
    for (size_t i = 0; i < new->n_fixed_ips; i++) {
        if (same_mac(old, new) && has_fixed_ip(old, &new->fixed_ips[i])) {
            common->fixed_ips[n++] = new->fixed_ips[i];
        }
    }
    common->n_fixed_ips = n;
    n = 0;
    for (size_t i = 0; i < new->n_pairs; i++) {
        if (has_pair(old, &new->pairs[i])) {
            common->pairs[n++] = new->pairs[i];
        }
    }
    common->n_pairs = n;
    if (!sg_port_has_source(common)) {
        sg_port_no_source(common);
    }
}

/* Has 'a' a group that 'b' has not, and whose rules are among 'rules'? */
static bool
has_more_groups(const struct sg_port_spec *a, const struct sg_port_spec *b,
                const struct ref_set *rules)
{
    for (size_t i = 0; i < a->n_groups; i++) {
        if (!has_group(b, &a->groups[i])
            && ref_set_find(rules, SG_KIND_RULES, &a->groups[i])) {
            return true;
        }
    }
    return false;
}

/* Spelled another way an address counts as another one, which costs an order
 * and no more. */
static bool
has_more_addresses(const struct sg_port_spec *a, const struct sg_port_spec *b)
{
    for (size_t i = 0; i < a->n_fixed_ips; i++) {
        if (!has_fixed_ip(b, &a->fixed_ips[i])) {
            return true;
        }
    }
    for (size_t i = 0; i < a->n_pairs; i++) {
        if (!has_pair(b, &a->pairs[i])) {
            return true;
        }
    }
    return !same_mac(a, b);
}

/* Do both have a group whose rules are among 'rules'? */
static bool
shares_rules(const struct sg_port_spec *a, const struct sg_port_spec *b,
             const struct ref_set *rules)
{
    for (size_t i = 0; i < a->n_groups; i++) {
        if (has_group(b, &a->groups[i])
            && ref_set_find(rules, SG_KIND_RULES, &a->groups[i])) {
            return true;
        }
    }
    return false;
}

static bool
has_group(const struct sg_port_spec *port, const struct uuid *id)
{
    for (size_t i = 0; i < port->n_groups; i++) {
        if (uuid_equals(&port->groups[i], id)) {
            return true;
        }
    }
    return false;
}

static bool
has_fixed_ip(const struct sg_port_spec *port, const struct sg_prefix *ip)
{
    for (size_t i = 0; i < port->n_fixed_ips; i++) {
        if (sg_prefix_equals(&port->fixed_ips[i], ip)) {
            return true;
        }
    }
    return false;
}

static bool
has_pair(const struct sg_port_spec *port, const struct sg_pair *pair)
{
    for (size_t i = 0; i < port->n_pairs; i++) {
        if (sg_prefix_equals(&port->pairs[i].prefix, &pair->prefix)
            && !memcmp(&port->pairs[i].mac, &pair->mac, sizeof pair->mac)) {
            return true;
        }
    }
    return false;
}

static bool
same_mac(const struct sg_port_spec *a, const struct sg_port_spec *b)
{
    return !memcmp(&a->mac, &b->mac, sizeof a->mac);
}
