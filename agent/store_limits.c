/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* What the policy store does not take because this host would have too much
 * of it, and how much it has.
 *
 * Everything here is asked before anything is changed.  What makes nothing
 * larger is never refused. */

#include <config.h>
#include "agent/policy_store-private.h"

#include <stdlib.h>
#include <string.h>

#include "util.h"
#include "uuid.h"

/* Ids of which some may be the same, and groups of this host. */
struct candidates {
    struct uuid *ids;
    size_t n, allocated;
};

static void add_candidate(struct candidates *, const struct uuid *);
static void add_remotes(struct candidates *, const struct sg_rules_spec *);
static size_t take_new_groups(struct candidates *,
                              const struct policy_store *);
static int compare_ids(const void *, const void *);
static bool beyond(struct policy_store *, enum store_limit, size_t limit,
                   size_t n);
static size_t count_after(const struct sg_members *,
                          const struct sg_members_spec *);
static size_t count_different(const struct sg_prefix_list *,
                              const struct sg_members *, bool in_set);
static void note_peak(struct store_peak *, size_t n, const struct uuid *);

char *
store_port_problem(struct policy_store *ps, const struct store_port *p,
                   const struct sg_port_spec *spec)
{
    struct candidates candidates = { NULL, 0, 0 };
    size_t n_new, n_rules;

    if (!sg_port_filters(spec)) {
        return NULL;
    }
    for (size_t i = 0; i < spec->n_groups; i++) {
        const struct store_group *g = store_find_group(ps, &spec->groups[i]);

        add_candidate(&candidates, &spec->groups[i]);
        if (g && !g->rules.users) {
            /* Its rules come into use again, and with them their remotes. */
            add_remotes(&candidates, &g->group.rules);
        }
    }
    n_new = take_new_groups(&candidates, ps);
    if (n_new && beyond(ps, STORE_LIMIT_GROUPS, ps->limits.groups,
                        hmap_count(&ps->policy.groups) + n_new)) {
        return xasprintf("its groups would make more than %"PRIuSIZE
                         " on this host", ps->limits.groups);
    }

    n_rules = store_count_rules(ps, spec);
    if (n_rules > p->n_rules
        && beyond(ps, STORE_LIMIT_RULES_PER_PORT, ps->limits.rules_per_port,
                  n_rules)) {
        return xasprintf("its groups have %"PRIuSIZE" rules, more than %"
                         PRIuSIZE, n_rules, ps->limits.rules_per_port);
    }
    return NULL;
}

char *
store_rules_problem(struct policy_store *ps, const struct store_group *g,
                    const struct sg_rules_spec *spec)
{
    struct candidates candidates = { NULL, 0, 0 };
    size_t n_old_rules = g->group.rules.n_rules;
    const struct store_port *p;
    size_t n_new;

    if (!g->rules.users) {
        return NULL;
    }
    add_remotes(&candidates, spec);
    n_new = take_new_groups(&candidates, ps);
    if (n_new && beyond(ps, STORE_LIMIT_GROUPS, ps->limits.groups,
                        hmap_count(&ps->policy.groups) + n_new)) {
        return xasprintf("its remotes would make more than %"PRIuSIZE
                         " groups on this host", ps->limits.groups);
    }

    if (spec->n_rules <= n_old_rules) {
        return NULL;
    }
    HMAP_FOR_EACH (p, port.node, &ps->policy.ports) {
        size_t n = p->n_rules + (spec->n_rules - n_old_rules);

        if (n > ps->limits.rules_per_port
            && store_port_has_group(&p->port.spec, &spec->group)
            && beyond(ps, STORE_LIMIT_RULES_PER_PORT,
                      ps->limits.rules_per_port, n)) {
            return xasprintf("port "UUID_FMT" would have %"PRIuSIZE
                             " rules, more than %"PRIuSIZE,
                             UUID_ARGS(&p->port.id), n,
                             ps->limits.rules_per_port);
        }
    }
    return NULL;
}

char *
store_members_problem(struct policy_store *ps, const struct store_group *g,
                      const struct sg_members_spec *spec)
{
    const struct sg_members *members = &g->group.members;
    size_t n_old = sg_members_count(members);
    size_t others = ps->set_entries - n_old;
    /* At most, if nothing in the list stands there twice or is there. */
    size_t n = spec->added.n + (spec->whole ? 0 : n_old);

    if (n > ps->limits.members || others + n > ps->limits.set_entries) {
        /* Only here is it worth the while to count exactly. */
        n = count_after(members, spec);
    }
    if (beyond(ps, STORE_LIMIT_MEMBERS, ps->limits.members, n)) {
        return xasprintf("%"PRIuSIZE" members, more than %"PRIuSIZE, n,
                         ps->limits.members);
    }
    if (n > n_old && beyond(ps, STORE_LIMIT_SET_ENTRIES,
                            ps->limits.set_entries, others + n)) {
        return xasprintf("%"PRIuSIZE" members would make %"PRIuSIZE
                         " of all groups on this host, more than %"PRIuSIZE,
                         n, others + n, ps->limits.set_entries);
    }
    return NULL;
}

size_t
store_count_rules(const struct policy_store *ps,
                  const struct sg_port_spec *spec)
{
    size_t n = 0;

    if (sg_port_filters(spec)) {
        for (size_t i = 0; i < spec->n_groups; i++) {
            const struct store_group *g = store_find_group(ps,
                                                           &spec->groups[i]);

            n += g ? g->group.rules.n_rules : 0;
        }
    }
    return n;
}

bool
store_port_has_group(const struct sg_port_spec *spec,
                     const struct uuid *group)
{
    if (sg_port_filters(spec)) {
        for (size_t i = 0; i < spec->n_groups; i++) {
            if (uuid_equals(&spec->groups[i], group)) {
                return true;
            }
        }
    }
    return false;
}

void
policy_store_get_usage(const struct policy_store *ps,
                       struct policy_store_usage *usage)
{
    const struct store_group *g;
    const struct store_port *p;

    memset(usage, 0, sizeof *usage);
    usage->n_ports = hmap_count(&ps->policy.ports);
    usage->n_groups = hmap_count(&ps->policy.groups);
    usage->set_entries = ps->set_entries;
    memcpy(usage->refused, ps->refused, sizeof usage->refused);
    HMAP_FOR_EACH (g, group.node, &ps->policy.groups) {
        note_peak(&usage->members, sg_members_count(&g->group.members),
                  &g->group.id);
        note_peak(&usage->rules, g->group.rules.n_rules, &g->group.id);
    }
    HMAP_FOR_EACH (p, port.node, &ps->policy.ports) {
        const struct sg_port_spec *spec = &p->port.spec;

        note_peak(&usage->rules_per_port, p->n_rules, &spec->id);
        note_peak(&usage->groups_per_port, spec->n_groups, &spec->id);
        note_peak(&usage->pairs_per_port, MAX(spec->n_fixed_ips,
                                              spec->n_pairs), &spec->id);
    }
}

static void
add_candidate(struct candidates *c, const struct uuid *id)
{
    if (c->n >= c->allocated) {
        c->ids = x2nrealloc(c->ids, &c->allocated, sizeof *c->ids);
    }
    c->ids[c->n++] = *id;
}

static void
add_remotes(struct candidates *c, const struct sg_rules_spec *spec)
{
    for (size_t i = 0; i < spec->n_rules; i++) {
        if (store_rule_has_remote(&spec->rules[i])) {
            add_candidate(c, &spec->rules[i].remote_id);
        }
    }
}

/* How many of them this host does not have, each counted once.  Frees 'c'. */
static size_t
take_new_groups(struct candidates *c, const struct policy_store *ps)
{
    size_t n = 0;

    if (c->n > 1) {
        qsort(c->ids, c->n, sizeof *c->ids, compare_ids);
    }
    for (size_t i = 0; i < c->n; i++) {
        n += ((!i || !uuid_equals(&c->ids[i], &c->ids[i - 1]))
              && !store_find_group(ps, &c->ids[i]));
    }
    free(c->ids);
    return n;
}

static int
compare_ids(const void *a, const void *b)
{
    return uuid_compare_3way(a, b);
}

/* Is 'n' above the limit?  Then that is counted. */
static bool
beyond(struct policy_store *ps, enum store_limit which, size_t limit,
       size_t n)
{
    ps->refused[which] += n > limit;
    return n > limit;
}

/* How many members there would be. */
static size_t
count_after(const struct sg_members *members,
            const struct sg_members_spec *spec)
{
    if (spec->whole) {
        return count_different(&spec->added, NULL, false);
    }
    return (sg_members_count(members)
            + count_different(&spec->added, members, false)
            - count_different(&spec->removed, members, true));
}

/* How many entries of 'list', each counted once, are in 'set' or are not. */
static size_t
count_different(const struct sg_prefix_list *list,
                const struct sg_members *set, bool in_set)
{
    struct sg_members found;
    size_t n;

    sg_members_init(&found);
    for (size_t i = 0; i < list->n; i++) {
        if (!set || sg_members_contains(set, &list->p[i]) == in_set) {
            sg_members_add(&found, &list->p[i]);
        }
    }
    n = sg_members_count(&found);
    sg_members_uninit(&found);
    return n;
}

/* The same peak twice is that of the lower id, lest it jump about. */
static void
note_peak(struct store_peak *peak, size_t n, const struct uuid *id)
{
    if (n > peak->n
        || (n && n == peak->n && uuid_compare_3way(id, &peak->id) < 0)) {
        peak->n = n;
        peak->id = *id;
    }
}
