/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "agent/policy_store.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "agent/policy_store-private.h"
#include "util.h"
#include "uuid.h"

static void new_generation(struct policy_store *);
static bool binding_equals(const struct sg_binding *,
                           const struct sg_binding *);
static int compare_locals(const void *, const void *);
static void set_local_port(struct policy_store *, const struct local_port *);
static void list_tracks(const struct policy_store *, bool lingering_too,
                        struct sg_ref_list *);
static int compare_refs(const void *, const void *);

struct policy_store *
policy_store_create(const struct policy_store_limits *limits)
{
    struct policy_store *ps = xzalloc(sizeof *ps);

    ps->limits = *limits;
    ps->now = LLONG_MIN;
    sg_policy_init(&ps->policy);
    hmap_init(&ps->by_hash);
    ovs_list_init(&ps->lingering);
    member_changes_init(&ps->changes);
    sset_init(&ps->dirty_devices);
    return ps;
}

void
policy_store_destroy(struct policy_store *ps)
{
    if (!ps) {
        return;
    }

    struct store_port *p;
    HMAP_FOR_EACH_SAFE (p, port.node, &ps->policy.ports) {
        store_remove_port(ps, p);
    }
    struct store_group *g;
    HMAP_FOR_EACH_SAFE (g, group.node, &ps->policy.groups) {
        store_free_group(ps, g);
    }
    sg_policy_uninit(&ps->policy);
    hmap_destroy(&ps->by_hash);
    member_changes_uninit(&ps->changes);
    sset_destroy(&ps->dirty_devices);
    free(ps->dirty_groups);
    free(ps->arrivals);
    free(ps);
}

const struct policy_store_limits *
policy_store_limits(const struct policy_store *ps)
{
    return &ps->limits;
}

const struct sg_policy *
policy_store_policy(const struct policy_store *ps)
{
    return &ps->policy;
}

/* An id that is there twice counts once, as the plug that can be enforced.
 * If there are more than the limit, ports that are here already go before new
 * ones. */
bool
policy_store_set_local(struct policy_store *ps,
                       const struct local_port *locals, size_t n)
{
    const struct local_port **sorted = xmalloc((n + 1) * sizeof *sorted);
    size_t n_kept = 0;

    ps->mark++;
    for (size_t i = 0; i < n; i++) {
        sorted[i] = &locals[i];
    }
    if (n > 1) {
        qsort(sorted, n, sizeof *sorted, compare_locals);
    }
    for (size_t i = 0; i < n; i++) {
        const struct store_port *p = store_find_port(ps, &sorted[i]->id);

        if (p && p->mark != ps->mark) {
            set_local_port(ps, sorted[i]);
            n_kept++;
        }
    }

    struct store_port *p;
    HMAP_FOR_EACH_SAFE (p, port.node, &ps->policy.ports) {
        if (p->mark != ps->mark) {
            store_remove_port(ps, p);
        }
    }
    size_t n_refused = 0;
    for (size_t i = 0; i < n; i++) {
        if (!store_find_port(ps, &sorted[i]->id)) {
            if (n_kept < ps->limits.ports) {
                set_local_port(ps, sorted[i]);
                n_kept++;
            } else {
                n_refused++;
            }
        }
    }
    /* The same ones come each time the list is read: that is once refused. */
    if (n_refused > ps->n_ports_refused) {
        ps->refused[STORE_LIMIT_PORTS] += n_refused - ps->n_ports_refused;
    }
    ps->n_ports_refused = n_refused;
    free(sorted);

    bool changed = ps->changed;
    new_generation(ps);
    return changed;
}

void
policy_store_new_epoch(struct policy_store *ps)
{
    struct track *t;

    HMAP_FOR_EACH (t, hash_node, &ps->by_hash) {
        *track_revision(t) = 0;
        t->floor = 0;
        t->refused = 0;
        t->spared_revision = 0;
    }
}

void
policy_store_say_again(struct policy_store *ps)
{
    struct track *t;

    HMAP_FOR_EACH (t, hash_node, &ps->by_hash) {
        t->floor = MAX(t->floor, *track_revision(t));
        *track_revision(t) = 0;
    }
}

struct policy_store_applied
policy_store_update(struct policy_store *ps, const struct sg_update *update,
                    long long int now, struct sg_ref_list *ask)
{
    ps->now = MAX(ps->now, now);

    struct policy_store_applied applied = store_apply(ps, update, ask);
    new_generation(ps);
    return applied;
}

size_t
policy_store_remember(struct policy_store *ps, const struct sg_update *saved,
                      long long int now)
{
    ps->now = MAX(ps->now, now);

    size_t n = store_remember(ps, saved);
    new_generation(ps);
    return n;
}

size_t
policy_store_take_changes(struct policy_store *ps,
                          struct store_change **changes)
{
    return member_changes_take(&ps->changes, changes);
}

size_t
policy_store_take_arrivals(struct policy_store *ps,
                           const struct store_arrival **arrivals)
{
    size_t n = ps->n_arrivals;

    *arrivals = ps->arrivals;
    ps->n_arrivals = 0;
    return n;
}

/* '*dirty' is initialized in any case. */
bool
policy_store_take_dirty(struct policy_store *ps, struct store_dirty *dirty)
{
    memset(dirty, 0, sizeof *dirty);
    if (!ps->dirty) {
        return false;
    }
    ps->dirty = false;
    dirty->sent = ps->dirty_sent;
    ps->dirty_sent = 0;

    size_t n = sset_count(&ps->dirty_devices);
    const char **devices = sset_sort(&ps->dirty_devices);
    dirty->devices = xmalloc((n + 1) * sizeof *dirty->devices);
    for (size_t i = 0; i < n; i++) {
        ovs_strlcpy(dirty->devices[i], devices[i], sizeof *dirty->devices);
    }
    dirty->n_devices = n;
    free(devices);
    sset_clear(&ps->dirty_devices);

    dirty->groups = ps->dirty_groups;
    dirty->n_groups = ps->n_dirty_groups;
    for (size_t i = 0; i < dirty->n_groups; i++) {
        struct store_group *g = store_find_group(ps, &dirty->groups[i]);

        if (g) {
            g->dirty = false;
        }
    }
    ps->dirty_groups = NULL;
    ps->n_dirty_groups = ps->allocated_dirty_groups = 0;
    return true;
}

void
store_dirty_uninit(struct store_dirty *dirty)
{
    free(dirty->devices);
    free(dirty->groups);
}

/* Replaces what is in 'list'. */
void
policy_store_needs(const struct policy_store *ps, struct sg_ref_list *list)
{
    list_tracks(ps, false, list);
}

bool
policy_store_behind(const struct policy_store *ps, uint64_t hash,
                    int64_t revision, struct sg_ref *ref)
{
    struct track *t;

    HMAP_FOR_EACH_WITH_HASH (t, hash_node, (size_t) hash, &ps->by_hash) {
        int64_t have = *track_revision(t);

        /* What was refused once is not asked for again. */
        if (t->hash == hash && t->users && revision > have
            && revision > t->refused && revision > t->spared_revision) {
            *ref = (struct sg_ref) { t->kind, t->id, have };
            return true;
        }
    }
    return false;
}

bool
policy_store_object(const struct policy_store *ps, enum sg_kind kind,
                    const struct uuid *id, struct store_object *object)
{
    struct track *t = store_find_track(ps, kind, id);

    if (!t) {
        return false;
    }
    *object = (struct store_object) {
        .state = *track_state(t),
        .revision = *track_revision(t),
        .needed = t->users > 0,
        .in_closure = t->digest_mark && t->digest_mark == ps->digest_mark,
        .since = t->since,
        .spared = t->spared,
        .spared_revision = t->spared_revision,
        .spared_since = t->spared_since,
        .problem = t->problem,
        .problem_since = t->problem_since,
    };
    return true;
}

size_t
policy_store_n_problems(const struct policy_store *ps)
{
    return ps->n_problems;
}

size_t
policy_store_n_orphaned(const struct policy_store *ps)
{
    struct track *t;
    size_t n = 0;

    HMAP_FOR_EACH (t, hash_node, &ps->by_hash) {
        n += t->users && *track_state(t) == SG_ORPHANED;
    }
    return n;
}

/* Replaces what is in 'list'. */
void
policy_store_held(const struct policy_store *ps, struct sg_ref_list *list)
{
    list_tracks(ps, true, list);
}

uint64_t
policy_store_needs_seqno(const struct policy_store *ps)
{
    return ps->needs_seqno;
}

size_t
policy_store_ports_refused(const struct policy_store *ps)
{
    return ps->n_ports_refused;
}

bool
policy_store_expire(struct policy_store *ps, long long int now,
                    long long int linger_ms)
{
    struct track *t;
    bool some = false;

    ps->now = MAX(ps->now, now);
    LIST_FOR_EACH_SAFE (t, linger_node, &ps->lingering) {
        if (t->unneeded == LLONG_MIN) {
            t->unneeded = now;
        }
        if (now - t->unneeded >= linger_ms) {
            store_forget(ps, t);
            some = true;
        }
    }
    new_generation(ps);
    return some;
}

void
sg_ref_list_add(struct sg_ref_list *list, const struct sg_ref *ref)
{
    if (list->n >= list->allocated) {
        list->refs = x2nrealloc(list->refs, &list->allocated,
                                sizeof *list->refs);
    }
    list->refs[list->n++] = *ref;
}

/* Empties the list and frees its memory. */
void
sg_ref_list_clear(struct sg_ref_list *list)
{
    free(list->refs);
    memset(list, 0, sizeof *list);
}

/* One public call makes at most one generation, however much it changed. */
static void
new_generation(struct policy_store *ps)
{
    if (ps->changed) {
        ps->policy.generation++;
        ps->changed = false;
    }
}

static bool
binding_equals(const struct sg_binding *a, const struct sg_binding *b)
{
    return (a->plug == b->plug && a->zone == b->zone
            && !strcmp(a->interface, b->interface)
            && !strcmp(a->device, b->device)
            && !strcmp(a->bridge, b->bridge)
            && !strcmp(a->uplink, b->uplink));
}

/* By id; of one id the one that can be enforced first. */
static int
compare_locals(const void *a_, const void *b_)
{
    const struct local_port *const *a = a_;
    const struct local_port *const *b = b_;
    int cmp = uuid_compare_3way(&(*a)->id, &(*b)->id);

    if (!cmp) {
        cmp = (((*a)->binding.plug != SG_PLUG_HYBRID)
               - ((*b)->binding.plug != SG_PLUG_HYBRID));
    }
    return cmp ? cmp : strcmp((*a)->binding.interface,
                              (*b)->binding.interface);
}

static void
set_local_port(struct policy_store *ps, const struct local_port *local)
{
    struct store_port *p = store_find_port(ps, &local->id);

    if (!p) {
        p = store_add_port(ps, &local->id);
    } else if (binding_equals(&p->port.binding, &local->binding)) {
        p->mark = ps->mark;
        return;
    } else {
        store_dirty_device(ps, p->port.binding.device);
    }
    p->mark = ps->mark;
    p->port.binding = local->binding;
    store_dirty_device(ps, local->binding.device);
}

static void
list_tracks(const struct policy_store *ps, bool lingering_too,
            struct sg_ref_list *list)
{
    struct track *t;

    list->n = 0;
    HMAP_FOR_EACH (t, hash_node, &ps->by_hash) {
        if (t->users || lingering_too) {
            bool orphaned = *track_state(t) == SG_ORPHANED;

            sg_ref_list_add(list, &(struct sg_ref) {
                .kind = t->kind, .id = t->id,
                .revision = orphaned ? 0 : *track_revision(t),
            });
        }
    }
    if (list->n > 1) {
        qsort(list->refs, list->n, sizeof *list->refs, compare_refs);
    }
}

static int
compare_refs(const void *a_, const void *b_)
{
    const struct sg_ref *a = a_;
    const struct sg_ref *b = b_;

    return (a->kind != b->kind
            ? (a->kind < b->kind ? -1 : 1)
            : uuid_compare_3way(&a->id, &b->id));
}
