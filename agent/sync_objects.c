/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "agent/sync_objects.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/topology.h"
#include "util.h"
#include "uuid.h"

static uint32_t entry_hash(enum sg_kind, const struct uuid *);
static void refresh_one(struct sync_objects *, const struct sg_ref *,
                        bool needed, long long int now);
static void set_needed(struct sync_entry *, bool needed, long long int now);
static void set_unknown(struct sync_entry *, long long int now);
static bool is_absent(const struct sync_entry *, const struct policy_store *);
static bool has_problem(const struct sync_entry *,
                        const struct policy_store *);
static void settle(struct sync_entry *, const struct policy_store *,
                   long long int now);
static int compare_names(const void *, const void *);

void
sync_objects_init(struct sync_objects *so)
{
    memset(so, 0, sizeof *so);
    hmap_init(&so->entries);
    so->counts.next_ask = LLONG_MAX;
}

void
sync_objects_uninit(struct sync_objects *so)
{
    struct sync_entry *e;

    HMAP_FOR_EACH_POP (e, node, &so->entries) {
        free(e);
    }
    hmap_destroy(&so->entries);
}

void
sync_objects_refresh(struct sync_objects *so,
                     const struct policy_store *store, long long int now)
{
    struct sg_ref_list held = { NULL, 0, 0 };
    struct sg_ref_list needs = { NULL, 0, 0 };
    size_t j = 0;

    if (so->needs_seqno == policy_store_needs_seqno(store)) {
        return;
    }
    so->needs_seqno = policy_store_needs_seqno(store);
    so->mark++;

    /* Both are sorted, and what is needed is held. */
    policy_store_held(store, &held);
    policy_store_needs(store, &needs);
    for (size_t i = 0; i < held.n; i++) {
        const struct sg_ref *ref = &held.refs[i];
        bool needed = (j < needs.n && needs.refs[j].kind == ref->kind
                       && uuid_equals(&needs.refs[j].id, &ref->id));

        j += needed;
        refresh_one(so, ref, needed, now);
    }
    sg_ref_list_clear(&held);
    sg_ref_list_clear(&needs);

    struct sync_entry *e;
    HMAP_FOR_EACH_SAFE (e, node, &so->entries) {
        if (e->mark != so->mark && !e->gone) {
            so->bindings_changed |= e->kind != SG_KIND_PORT;
            if (e->kind == SG_KIND_PORT) {
                hmap_remove(&so->entries, &e->node);
                free(e);
            } else {
                /* If it is needed again before anybody has unbound it, nobody
                 * will say another time that it is bound. */
                set_needed(e, false, now);
                e->gone = true;
            }
        }
    }
    so->dirty = true;
}

struct sync_entry *
sync_objects_find(const struct sync_objects *so, enum sg_kind kind,
                  const struct uuid *id)
{
    struct sync_entry *e;

    HMAP_FOR_EACH_WITH_HASH (e, node, entry_hash(kind, id), &so->entries) {
        if (e->kind == kind && uuid_equals(&e->id, id)) {
            return e;
        }
    }
    return NULL;
}

struct sync_counts
sync_objects_counts(const struct sync_objects *so)
{
    struct sync_counts c = { .next_ask = LLONG_MAX };
    const struct sync_entry *e;
    bool gathers = false;

    if (!so->dirty) {
        return so->counts;
    }
    HMAP_FOR_EACH (e, node, &so->entries) {
        if (e->needed) {
            c.next_ask = MIN(c.next_ask, e->ask_at);
            c.n_needed++;
            c.n_unknown += e->unknown;
            c.n_unconfirmed += !e->confirmed && !e->unknown;
            c.n_unbound += !e->bound;
            gathers |= e->gathers;
        }
    }
    if (gathers && !c.n_unbound) {
        c.next_ask = MIN(c.next_ask, so->last_bound + SYNC_GATHER_MS);
    }
    return c;
}

void
sync_objects_recount(struct sync_objects *so)
{
    so->counts = sync_objects_counts(so);
    so->dirty = false;
}

char **
sync_objects_exchanges(struct sync_objects *so, size_t *np)
{
    char **names = xcalloc(hmap_count(&so->entries) + 1, sizeof *names);
    struct sync_entry *e;
    size_t n = 0;

    HMAP_FOR_EACH_SAFE (e, node, &so->entries) {
        if (e->gone) {
            hmap_remove(&so->entries, &e->node);
            free(e);
        } else if (e->kind != SG_KIND_PORT) {
            names[n++] = rpc_group_exchange(e->kind, &e->id);
        }
    }
    if (n > 1) {
        qsort(names, n, sizeof *names, compare_names);
    }
    *np = n;
    return names;
}

void
sync_objects_disconnected(struct sync_objects *so)
{
    struct sync_entry *e;

    HMAP_FOR_EACH (e, node, &so->entries) {
        e->bound = e->kind == SG_KIND_PORT;
        e->confirmed = e->gathers = false;
        e->renew = e->renewing = false;
        e->asked = e->said_unknown = false;
    }
    so->dirty = true;
}

void
sync_objects_bound(struct sync_objects *so, struct sync_entry *e,
                   const struct policy_store *store, long long int now)
{
    if (!e->bound) {
        e->bound = true;
        e->want = 0;
        if (is_absent(e, store)) {
            e->ask_at = MIN(e->ask_at, now);
        } else if (e->ask_at > now + SYNC_GATHER_MAX_MS) {
            e->ask_at = now + SYNC_GATHER_MAX_MS;
            e->gathers = true;
        }
        so->last_bound = now;
        so->dirty = true;
    } else if (e->renewing) {
        /* If it was lost, then what was said until now was not heard. */
        sync_objects_doubt(so, e, 0, now + SYNC_GATHER_MS);
    }
    e->renew = e->renewing = false;
}

void
sync_objects_unbound(struct sync_objects *so, struct sync_entry *e,
                     long long int now)
{
    if (e->bound) {
        e->bound = e->confirmed = e->gathers = false;
        e->want = 0;
        e->ask_at = MIN(e->ask_at, now + SYNC_BIND_WAIT_MS);
        so->dirty = true;
    }
}

void
sync_objects_doubt(struct sync_objects *so, struct sync_entry *e,
                   int64_t want, long long int when)
{
    if (!e->needed) {
        return;
    }
    /* Two doubts: the later revision, and none if one of them knows none. */
    e->want = (e->ask_at == LLONG_MAX || (e->want && want)
               ? MAX(e->want, want) : 0);
    e->confirmed = false;
    e->ask_at = MIN(e->ask_at, when);
    so->dirty = true;
}

/* What was unknown is so no more; the controller need not be asked again if
 * the message came by the binding, for then none can have been missed since.
 */
void
sync_objects_heard(struct sync_objects *so, struct sync_entry *e)
{
    if (e->unknown) {
        e->unknown = false;
        e->unknown_ms = 0;
        e->answered = true;
        if (e->bound && !e->asked) {
            e->confirmed = true;
            e->ask_at = LLONG_MAX;
        }
        so->dirty = true;
    }
}

void
sync_objects_refused(struct sync_objects *so, struct sync_entry *e,
                     long long int now)
{
    /* If a question is under way its answer decides. */
    if (e->needed && !e->asked && !e->unknown) {
        set_unknown(e, now);
        so->dirty = true;
    }
}

void
sync_objects_ask(struct sync_objects *so, const struct policy_store *store,
                 bool all, long long int now, struct sg_ref_list *list)
{
    struct sync_entry *e;

    HMAP_FOR_EACH (e, node, &so->entries) {
        struct store_object object;

        if (!e->needed
            || (!all && e->ask_at > now && !e->gathers)
            || !policy_store_object(store, e->kind, &e->id, &object)) {
            continue;
        }
        e->was_due = e->asked ? MIN(e->was_due, e->ask_at) : e->ask_at;
        e->ask_at = LLONG_MAX;
        e->gathers = false;
        if (!all && e->want && object.revision >= e->want) {
            /* What the beacon announced has arrived in the meantime. */
            e->want = 0;
            e->confirmed = e->bound;
            continue;
        }
        e->want = 0;
        e->asked = e->was_asked = true;
        e->said_unknown = false;
        e->covered = (object.spared_revision
                      || (object.in_closure && object.revision
                          && !object.problem
                          && (object.state == SG_KNOWN
                              || object.state == SG_DELETED)));
        e->asked_revision = (object.state == SG_ORPHANED ? 0
                             : object.revision);
        sg_ref_list_add(list, &(struct sg_ref) {
            .kind = e->kind, .id = e->id, .revision = e->asked_revision,
        });
    }
    so->dirty = true;
}

/* What a controller has deleted, spared here or not, is not in its digest
 * either, and would be if it had come back. */
void
sync_objects_same(struct sync_objects *so, const struct policy_store *store,
                  long long int now)
{
    struct sync_entry *e;

    HMAP_FOR_EACH (e, node, &so->entries) {
        if (e->asked && !e->covered) {
            e->asked = false;
            e->want = 0;
            e->ask_at = MIN(e->ask_at, e->was_due);
            if (!e->unknown && !is_absent(e, store)) {
                /* Something of it may have been missed. */
                e->confirmed = false;
                e->ask_at = MIN(e->ask_at, now);
            }
        }
    }
    so->dirty = true;
}

void
sync_objects_cover(struct sync_objects *so, const struct policy_store *store,
                   bool fresh)
{
    struct sync_entry *e;

    HMAP_FOR_EACH (e, node, &so->entries) {
        struct store_object object;

        e->covered = (e->asked
                      && policy_store_object(store, e->kind, &e->id, &object)
                      && (object.spared_revision
                          || (fresh ? object.revision : object.in_closure)));
    }
}

void
sync_objects_uncovered(struct sync_objects *so,
                       const struct policy_store *store, long long int now)
{
    struct sync_entry *e;

    HMAP_FOR_EACH (e, node, &so->entries) {
        struct store_object object;

        if (e->asked && !e->covered && !e->said_unknown
            && policy_store_object(store, e->kind, &e->id, &object)
            && object.revision && !object.problem
            && (object.state == SG_KNOWN || object.state == SG_DELETED)) {
            /* Something of it may have been missed, for all that was said. */
            e->want = 0;
            e->ask_at = MIN(e->ask_at, now);
        }
    }
}

size_t
sync_objects_doubt_spared(struct sync_objects *so,
                          const struct policy_store *store, size_t max,
                          long long int now)
{
    struct sync_entry *e;
    size_t n = 0;

    HMAP_FOR_EACH (e, node, &so->entries) {
        struct store_object object;

        if (n < max && policy_store_object(store, e->kind, &e->id, &object)
            && object.spared) {
            sync_objects_doubt(so, e, 0, now);
            n++;
        }
    }
    return n;
}

void
sync_objects_failed(struct sync_objects *so, long long int now)
{
    struct sync_entry *e;

    HMAP_FOR_EACH (e, node, &so->entries) {
        if (e->asked) {
            e->asked = e->said_unknown = false;
            e->want = 0;
            e->ask_at = now;
        }
    }
    so->dirty = true;
}

void
sync_objects_new_epoch(struct sync_objects *so, long long int now)
{
    struct sync_entry *e;

    HMAP_FOR_EACH (e, node, &so->entries) {
        e->want = 0;
        if (!e->asked) {
            e->answered = e->confirmed = false;
            if (e->needed) {
                e->ask_at = MIN(e->ask_at, now);
            }
        }
    }
    so->dirty = true;
}

void
sync_objects_answered(struct sync_objects *so,
                      const struct policy_store *store, long long int now)
{
    bool problems = policy_store_n_problems(store) > 0;
    struct sync_entry *e;

    HMAP_FOR_EACH (e, node, &so->entries) {
        /* The answer for a port may say of its groups that they are unknown,
         * or bring what the store refuses, without their having been asked
         * for. */
        if (e->asked || e->said_unknown) {
            settle(e, store, now);
            e->asked = false;
        } else if (problems && has_problem(e, store)) {
            sync_objects_refused(so, e, now);
        }
    }
    so->dirty = true;
}

static void
refresh_one(struct sync_objects *so, const struct sg_ref *ref, bool needed,
            long long int now)
{
    struct sync_entry *e = sync_objects_find(so, ref->kind, &ref->id);

    if (!e) {
        e = xzalloc(sizeof *e);
        e->kind = ref->kind;
        e->id = ref->id;
        e->bound = ref->kind == SG_KIND_PORT;
        e->ask_at = LLONG_MAX;
        hmap_insert(&so->entries, &e->node, entry_hash(e->kind, &e->id));
        so->bindings_changed |= e->kind != SG_KIND_PORT;
    }
    e->mark = so->mark;
    e->gone = false;
    set_needed(e, needed, now);
}

static void
set_needed(struct sync_entry *e, bool needed, long long int now)
{
    if (needed && !e->needed) {
        /* New, or it lingered and a gap of that time was not asked for. */
        e->confirmed = false;
        e->want = 0;
        e->ask_at = e->bound ? now : now + SYNC_BIND_WAIT_MS;
    } else if (!needed && e->needed) {
        e->confirmed = e->unknown = e->gathers = false;
        e->unknown_ms = 0;
        e->ask_at = LLONG_MAX;
    }
    e->needed = needed;
}

/* What the answer means for an object that was asked for. */
static void
settle(struct sync_entry *e, const struct policy_store *store,
       long long int now)
{
    struct store_object object;
    bool held = policy_store_object(store, e->kind, &e->id, &object);
    /* Not named, but not held at a revision of this epoch either: then the
     * answer is none for this object. */
    bool unknown = (e->said_unknown || !held
                    || (!object.spared_revision
                        && (object.problem || object.state == SG_ORPHANED
                            || !object.revision)));

    e->said_unknown = false;
    e->unknown = unknown && e->needed;
    if (!e->needed) {
        return;
    }
    if (unknown) {
        set_unknown(e, now);
        return;
    }
    e->unknown_ms = 0;
    e->answered = true;
    if (e->want && object.revision >= e->want) {
        /* The answer has what a beacon announced meanwhile. */
        e->want = 0;
        e->ask_at = LLONG_MAX;
    }
    if (e->asked && e->bound) {
        /* Unless something was missed, or the binding came, while the
         * question was under way: then it is due again. */
        e->confirmed = e->ask_at == LLONG_MAX;
    } else if (e->ask_at == LLONG_MAX) {
        /* Asked without a binding.  As long as that does not come, the only
         * way to follow the object is to ask now and then. */
        e->ask_at = now + SYNC_UNKNOWN_MAX_MS;
    }
}

/* To be asked for again after 1, 2, 4 ... 30 s: it becomes known, or there is
 * room for it, without our being told. */
static void
set_unknown(struct sync_entry *e, long long int now)
{
    e->unknown = true;
    e->unknown_ms = (e->unknown_ms
                     ? MIN(e->unknown_ms * 2, SYNC_UNKNOWN_MAX_MS)
                     : SYNC_UNKNOWN_MIN_MS);
    e->confirmed = false;
    e->want = 0;
    e->ask_at = MIN(e->ask_at, now + e->unknown_ms);
}

static bool
is_absent(const struct sync_entry *e, const struct policy_store *store)
{
    struct store_object object;

    return (policy_store_object(store, e->kind, &e->id, &object)
            && object.state == SG_ABSENT);
}

static bool
has_problem(const struct sync_entry *e, const struct policy_store *store)
{
    struct store_object object;

    return (policy_store_object(store, e->kind, &e->id, &object)
            && object.problem);
}

static uint32_t
entry_hash(enum sg_kind kind, const struct uuid *id)
{
    return sg_object_hash(kind, id);
}

static int
compare_names(const void *a_, const void *b_)
{
    const char *const *a = a_;
    const char *const *b = b_;

    return strcmp(*a, *b);
}
