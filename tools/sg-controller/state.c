/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tools/sg-controller/state.h"

#include <limits.h>
#include <stdlib.h>

#include "openvswitch/hmap.h"
#include "tools/sg-controller/diff.h"
#include "tools/sg-controller/id_list.h"
#include "tools/sg-controller/ref_set.h"
#include "tools/sg-controller/topology.h"
#include "util.h"
#include "uuid.h"

/* An object of the topology, or one that was. */
struct object {
    struct hmap_node node;      /* In state 'objects'. */
    struct ovs_list list_node;  /* In state 'tombstones' if deleted. */
    enum sg_kind kind;
    struct uuid id;
    int64_t revision;
    bool deleted;
    long long int changed_at;   /* Or deleted. */
};

struct state {
    struct sg_epoch epoch;
    int64_t revision;
    struct topology *topology;
    struct hmap objects;        /* Contains "struct object"s. */
    struct ovs_list tombstones; /* Oldest first. */
    size_t n_tombstones;
    struct ref_set saved;       /* Of the controller before: unconfirmed. */
    uint64_t ids_serial;
};

static void record_changes(struct state *, size_t first, long long int now,
                           struct change_list *);
static bool is_same_deletion(const struct change *, const struct change *);
static struct object *find_object(const struct state *, enum sg_kind,
                                  const struct uuid *);
static struct object *get_object(struct state *, enum sg_kind,
                                 const struct uuid *);
static void bury(struct state *, struct object *);
static void unbury(struct state *, struct object *);
static void forget_oldest(struct state *);

/* Begins an epoch with an empty topology. */
struct state *
state_create(const struct sg_epoch *epoch)
{
    struct state *state = xzalloc(sizeof *state);

    state->epoch = *epoch;
    state->topology = topology_create();
    hmap_init(&state->objects);
    ovs_list_init(&state->tombstones);
    ref_set_init(&state->saved);
    return state;
}

void
state_destroy(struct state *state)
{
    struct object *object;

    if (!state) {
        return;
    }
    HMAP_FOR_EACH_POP (object, node, &state->objects) {
        free(object);
    }
    hmap_destroy(&state->objects);
    ref_set_destroy(&state->saved);
    topology_destroy(state->topology);
    free(state);
}

void
state_set_saved(struct state *state, const struct sg_ref *refs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ref_set_add(&state->saved, refs[i].kind, &refs[i].id,
                    refs[i].revision);
    }
}

size_t
state_n_saved(const struct state *state)
{
    return ref_set_count(&state->saved);
}

bool
state_saved_as_deleted(const struct state *state, enum sg_kind kind,
                       const struct uuid *id)
{
    const struct sg_ref *ref = ref_set_find(&state->saved, kind, id);

    return ref && ref->revision == ID_LIST_DELETED;
}

/* Tombstones as well: somebody may still have what they stand for. */
size_t
state_ids(const struct state *state, struct sg_ref **refsp)
{
    struct sg_ref *refs = xmalloc((hmap_count(&state->objects)
                                   + ref_set_count(&state->saved) + 1)
                                  * sizeof *refs);
    const struct object *object;
    const struct ref_node *ref;
    size_t n = 0;

    HMAP_FOR_EACH (object, node, &state->objects) {
        refs[n++] = (struct sg_ref) {
            object->kind, object->id, object->deleted ? ID_LIST_DELETED : 0
        };
    }
    REF_SET_FOR_EACH (ref, &state->saved) {
        refs[n++] = ref->ref;
    }
    *refsp = refs;
    return n;
}

uint64_t
state_ids_serial(const struct state *state)
{
    return state->ids_serial;
}

/* 'changes' may be empty: the text of a topology changes more often than its
 * meaning.  An agent that missed a change finds 'revision' above what it has;
 * one that missed a deletion finds the tombstone. */
void
state_replace(struct state *state, struct topology *topology,
              long long int now, struct change_list *changes)
{
    size_t first = changes->n;

    topology_diff(state->topology, topology, changes);
    record_changes(state, first, now, changes);
    topology_destroy(state->topology);
    state->topology = topology;
    state_expire(state, now);
}

void
state_confirm(struct state *state, long long int now,
              struct change_list *changes)
{
    size_t first = changes->n;

    state_unconfirmed(state, state->topology, changes);
    record_changes(state, first, now, changes);
    ref_set_destroy(&state->saved);
    ref_set_init(&state->saved);
}

void
state_unconfirmed(const struct state *state, const struct topology *topology,
                  struct change_list *changes)
{
    struct sg_ref *refs = ref_set_sorted_by_id(&state->saved);

    for (size_t i = 0; i < ref_set_count(&state->saved); i++) {
        if (!topology_has(topology, refs[i].kind, &refs[i].id)) {
            change_list_add(changes, refs[i].kind, CHANGE_DELETED,
                            &refs[i].id);
        }
    }
    free(refs);
}

/* Forgets tombstones that are too old or too many. */
void
state_expire(struct state *state, long long int now)
{
    while (state->n_tombstones) {
        struct object *oldest;

        oldest = CONTAINER_OF(ovs_list_front(&state->tombstones),
                              struct object, list_node);
        if (state->n_tombstones <= STATE_MAX_TOMBSTONES
            && now - oldest->changed_at < STATE_TOMBSTONE_MS) {
            break;
        }
        forget_oldest(state);
    }
}

const struct sg_epoch *
state_epoch(const struct state *state)
{
    return &state->epoch;
}

const struct topology *
state_topology(const struct state *state)
{
    return state->topology;
}

/* The revision of the last change, whatever it changed. */
int64_t
state_revision(const struct state *state)
{
    return state->revision;
}

size_t
state_n_tombstones(const struct state *state)
{
    return state->n_tombstones;
}

/* Never says deleted of something it has not had itself: an agent takes an
 * object away on the strength of that word. */
enum state_answer
state_find(const struct state *state, enum sg_kind kind,
           const struct uuid *id, int64_t *revision)
{
    const struct object *object = find_object(state, kind, id);

    *revision = object ? object->revision : 0;
    if (!object) {
        return STATE_UNKNOWN;
    }
    return object->deleted ? STATE_DELETED : STATE_PRESENT;
}

long long int
state_changed_at(const struct state *state, enum sg_kind kind,
                 const struct uuid *id)
{
    const struct object *object = find_object(state, kind, id);

    return object ? object->changed_at : LLONG_MIN;
}

/* Gives the changes from number 'first' on their revisions. */
static void
record_changes(struct state *state, size_t first, long long int now,
               struct change_list *changes)
{
    for (size_t i = first; i < changes->n; i++) {
        struct change *change = &changes->changes[i];
        struct object *object;

        object = get_object(state, change->kind, &change->id);
        state->ids_serial += change->type != CHANGE_UPDATED;
        ref_set_remove(&state->saved, change->kind, &change->id);
        if (object->deleted) {
            unbury(state, object);
        } else {
            change->prev = object->revision;
        }
        if (i == first || !is_same_deletion(change - 1, change)) {
            state->revision++;
        }
        change->revision = object->revision = state->revision;
        object->changed_at = now;
        if (change->type == CHANGE_DELETED) {
            bury(state, object);
        }
    }
}

/* A group's rules and members go by one message, which has one revision. */
static bool
is_same_deletion(const struct change *a, const struct change *b)
{
    return (a->type == CHANGE_DELETED && b->type == CHANGE_DELETED
            && a->kind == SG_KIND_RULES && b->kind == SG_KIND_MEMBERS
            && uuid_equals(&a->id, &b->id));
}

static struct object *
find_object(const struct state *state, enum sg_kind kind,
            const struct uuid *id)
{
    struct object *object;

    HMAP_FOR_EACH_WITH_HASH (object, node, sg_object_hash(kind, id),
                             &state->objects) {
        if (object->kind == kind && uuid_equals(&object->id, id)) {
            return object;
        }
    }
    return NULL;
}

/* Finds the object, also a deleted one, or adds it at revision 0. */
static struct object *
get_object(struct state *state, enum sg_kind kind, const struct uuid *id)
{
    struct object *object = find_object(state, kind, id);

    if (!object) {
        object = xzalloc(sizeof *object);
        object->kind = kind;
        object->id = *id;
        hmap_insert(&state->objects, &object->node, sg_object_hash(kind, id));
    }
    return object;
}

/* Makes a tombstone of 'object'; the newest stands last. */
static void
bury(struct state *state, struct object *object)
{
    object->deleted = true;
    ovs_list_push_back(&state->tombstones, &object->list_node);
    state->n_tombstones++;
}

/* An id came back.  It goes on from the revision of its deletion. */
static void
unbury(struct state *state, struct object *object)
{
    object->deleted = false;
    ovs_list_remove(&object->list_node);
    state->n_tombstones--;
}

static void
forget_oldest(struct state *state)
{
    struct object *object;

    object = CONTAINER_OF(ovs_list_pop_front(&state->tombstones),
                          struct object, list_node);
    state->n_tombstones--;
    hmap_remove(&state->objects, &object->node);
    free(object);
    state->ids_serial++;
}
