/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The life of an object in the policy store.
 *
 *            use                  unuse                   expire
 *   nothing ----> held, needed -----------> held, lingers ------> nothing
 *                      ^                         |
 *                      +-------------------------+  use
 *
 * A port is used by its row in OVSDB and does not linger. */

#include <config.h>
#include "agent/policy_store-private.h"

#include <limits.h>
#include <stdlib.h>

#include "util.h"
#include "uuid.h"

static void hold(struct policy_store *, struct track *);
static void use(struct policy_store *, struct track *);
static void unuse(struct policy_store *, struct track *);
static void unhold(struct policy_store *, struct track *);
static void mark_dirty(struct policy_store *);
static struct store_group *find_or_add_group(struct policy_store *,
                                             const struct uuid *);
static struct store_port *track_port(struct track *);
static struct store_group *track_group(struct track *);

struct store_port *
store_find_port(const struct policy_store *ps, const struct uuid *id)
{
    struct store_port *p;

    HMAP_FOR_EACH_WITH_HASH (p, port.node, sg_id_hash(id), &ps->policy.ports) {
        if (uuid_equals(&p->port.id, id)) {
            return p;
        }
    }
    return NULL;
}

struct store_group *
store_find_group(const struct policy_store *ps, const struct uuid *id)
{
    struct store_group *g;

    HMAP_FOR_EACH_WITH_HASH (g, group.node, sg_id_hash(id),
                             &ps->policy.groups) {
        if (uuid_equals(&g->group.id, id)) {
            return g;
        }
    }
    return NULL;
}

/* NULL if the object is not held. */
struct track *
store_find_track(const struct policy_store *ps, enum sg_kind kind,
                 const struct uuid *id)
{
    if (kind == SG_KIND_PORT) {
        struct store_port *p = store_find_port(ps, id);

        return p ? &p->track : NULL;
    }

    struct store_group *g = store_find_group(ps, id);
    if (!g) {
        return NULL;
    }
    struct track *t = kind == SG_KIND_RULES ? &g->rules : &g->members;
    return t->held ? t : NULL;
}

int64_t *
track_revision(struct track *t)
{
    switch (t->kind) {
    case SG_KIND_PORT: return &track_port(t)->port.spec.revision;
    case SG_KIND_RULES: return &track_group(t)->group.rules.revision;
    case SG_KIND_MEMBERS: return &track_group(t)->group.members_revision;
    }
    OVS_NOT_REACHED();
}

enum sg_knowledge *
track_state(struct track *t)
{
    switch (t->kind) {
    case SG_KIND_PORT: return &track_port(t)->port.state;
    case SG_KIND_RULES: return &track_group(t)->group.rules_state;
    case SG_KIND_MEMBERS: return &track_group(t)->group.members_state;
    }
    OVS_NOT_REACHED();
}

/* A new local port of which nothing is known. */
struct store_port *
store_add_port(struct policy_store *ps, const struct uuid *id)
{
    struct store_port *p = xzalloc(sizeof *p);

    p->port.id = *id;
    p->port.spec.id = *id;
    p->track.kind = SG_KIND_PORT;
    p->track.id = *id;
    hmap_insert(&ps->policy.ports, &p->port.node, sg_id_hash(id));
    use(ps, &p->track);
    return p;
}

void
store_remove_port(struct policy_store *ps, struct store_port *p)
{
    store_dirty_device(ps, p->port.binding.device);
    store_unuse_groups(ps, &p->port.spec);
    unhold(ps, &p->track);
    sg_port_spec_uninit(&p->port.spec);
    hmap_remove(&ps->policy.ports, &p->port.node);
    free(p);
}

/* Frees a group that has no users, held or not. */
void
store_free_group(struct policy_store *ps, struct store_group *g)
{
    if (g->rules.held) {
        unhold(ps, &g->rules);
    }
    if (g->members.held) {
        unhold(ps, &g->members);
    }
    ps->set_entries -= sg_members_count(&g->group.members);
    sg_rules_spec_uninit(&g->group.rules);
    sg_members_uninit(&g->group.members);
    hmap_remove(&ps->policy.groups, &g->group.node);
    free(g);
}

/* Forgets half a group that lingers.  Its members are reported as removed:
 * whoever still has a set of them must not take it for the set of a group
 * that becomes known again later. */
void
store_forget(struct policy_store *ps, struct track *t)
{
    struct store_group *g = track_group(t);

    ovs_assert(t->held && !t->users);
    unhold(ps, t);
    *track_state(t) = SG_ABSENT;
    switch (t->kind) {
    case SG_KIND_PORT:
        OVS_NOT_REACHED();
    case SG_KIND_RULES:
        sg_rules_spec_uninit(&g->group.rules);
        g->group.rules.group = g->group.id;
        break;
    case SG_KIND_MEMBERS:
        store_empty_members(ps, g, 0);
        g->group.members_revision = 0;
        break;
    }
    mark_dirty(ps);
    if (!g->rules.held && !g->members.held) {
        store_free_group(ps, g);
    }
}

void
store_use_groups(struct policy_store *ps, const struct sg_port_spec *spec)
{
    if (!sg_port_filters(spec)) {
        return;
    }
    for (size_t i = 0; i < spec->n_groups; i++) {
        struct store_group *g = find_or_add_group(ps, &spec->groups[i]);

        use(ps, &g->rules);
        if (g->rules.users == 1) {
            store_use_remotes(ps, &g->group.rules);
        }
    }
}

void
store_unuse_groups(struct policy_store *ps, const struct sg_port_spec *spec)
{
    if (!sg_port_filters(spec)) {
        return;
    }
    for (size_t i = 0; i < spec->n_groups; i++) {
        struct store_group *g = store_find_group(ps, &spec->groups[i]);

        unuse(ps, &g->rules);
        if (!g->rules.users) {
            store_unuse_remotes(ps, &g->group.rules);
        }
    }
}

void
store_use_remotes(struct policy_store *ps, const struct sg_rules_spec *spec)
{
    for (size_t i = 0; i < spec->n_rules; i++) {
        if (store_rule_has_remote(&spec->rules[i])) {
            use(ps, &find_or_add_group(ps,
                                       &spec->rules[i].remote_id)->members);
        }
    }
}

void
store_unuse_remotes(struct policy_store *ps, const struct sg_rules_spec *spec)
{
    for (size_t i = 0; i < spec->n_rules; i++) {
        if (store_rule_has_remote(&spec->rules[i])) {
            unuse(ps, &store_find_group(ps,
                                        &spec->rules[i].remote_id)->members);
        }
    }
}

void
store_set_state(struct policy_store *ps, struct track *t,
                enum sg_knowledge state)
{
    if (*track_state(t) != state) {
        *track_state(t) = state;
        t->since = ps->now;
    }
}

/* Takes ownership of 'text'; NULL: there is no problem (any more). */
void
store_set_problem(struct policy_store *ps, struct track *t, char *text)
{
    ps->n_problems += (text != NULL) - (t->problem != NULL);
    if (text && !t->problem) {
        t->problem_since = ps->now;
    }
    free(t->problem);
    t->problem = text;
}

void
store_empty_members(struct policy_store *ps, struct store_group *g,
                    int64_t sent)
{
    const struct sg_member *m;

    SG_MEMBERS_FOR_EACH (m, &g->group.members) {
        member_changes_removed(&ps->changes, &g->group.id, &m->prefix, sent);
    }
    ps->changed = ps->changed || sg_members_count(&g->group.members);
    ps->set_entries -= sg_members_count(&g->group.members);
    sg_members_clear(&g->group.members);
}

/* The tables have to follow.  The time until they did counts from the oldest
 * publish time among the changes. */
static void
mark_dirty(struct policy_store *ps)
{
    ps->changed = ps->dirty = true;
    if (ps->update_sent
        && (!ps->dirty_sent || ps->update_sent < ps->dirty_sent)) {
        ps->dirty_sent = ps->update_sent;
    }
}

/* Something of the port on 'device' ("": none yet) changed. */
void
store_dirty_device(struct policy_store *ps, const char *device)
{
    mark_dirty(ps);
    if (device[0]) {
        sset_add(&ps->dirty_devices, device);
    }
}

/* The rule list of 'g' changed. */
void
store_dirty_group(struct policy_store *ps, struct store_group *g)
{
    mark_dirty(ps);
    if (!g->dirty) {
        g->dirty = true;
        if (ps->n_dirty_groups >= ps->allocated_dirty_groups) {
            ps->dirty_groups = x2nrealloc(ps->dirty_groups,
                                          &ps->allocated_dirty_groups,
                                          sizeof *ps->dirty_groups);
        }
        ps->dirty_groups[ps->n_dirty_groups++] = g->group.id;
    }
}

static void
use(struct policy_store *ps, struct track *t)
{
    if (t->users++) {
        return;
    }
    if (t->held) {
        ovs_list_remove(&t->linger_node);
    } else {
        hold(ps, t);
    }
    ps->needs_seqno++;
}

static void
unuse(struct policy_store *ps, struct track *t)
{
    ovs_assert(t->users);
    if (!--t->users) {
        store_unspare(ps, t);
        t->unneeded = LLONG_MIN;
        ovs_list_push_back(&ps->lingering, &t->linger_node);
        ps->needs_seqno++;
    }
}

static void
hold(struct policy_store *ps, struct track *t)
{
    t->held = true;
    t->since = ps->now;
    t->hash = sg_ref_hash(t->kind, &t->id);
    hmap_insert(&ps->by_hash, &t->hash_node, (size_t) t->hash);
}

static void
unhold(struct policy_store *ps, struct track *t)
{
    if (!t->users) {
        ovs_list_remove(&t->linger_node);
    }
    hmap_remove(&ps->by_hash, &t->hash_node);
    store_set_problem(ps, t, NULL);
    store_unspare(ps, t);
    t->held = false;
    t->users = 0;
    t->refused = 0;
    t->floor = 0;
    ps->needs_seqno++;
}

static struct store_group *
find_or_add_group(struct policy_store *ps, const struct uuid *id)
{
    struct store_group *g = store_find_group(ps, id);

    if (!g) {
        g = xzalloc(sizeof *g);
        g->group.id = *id;
        g->group.rules.group = *id;
        sg_members_init(&g->group.members);
        g->rules.kind = SG_KIND_RULES;
        g->rules.id = *id;
        g->members.kind = SG_KIND_MEMBERS;
        g->members.id = *id;
        hmap_insert(&ps->policy.groups, &g->group.node, sg_id_hash(id));
    }
    return g;
}

static struct store_port *
track_port(struct track *t)
{
    return CONTAINER_OF(t, struct store_port, track);
}

static struct store_group *
track_group(struct track *t)
{
    return (t->kind == SG_KIND_RULES
            ? CONTAINER_OF(t, struct store_group, rules)
            : CONTAINER_OF(t, struct store_group, members));
}
