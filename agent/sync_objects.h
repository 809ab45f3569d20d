/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef AGENT_SYNC_OBJECTS_H
#define AGENT_SYNC_OBJECTS_H 1

/* What sync knows of each object the policy store holds: is its exchange
 * bound, was it asked for, when is it to be asked for (again).
 *
 * Pure; a part of sync.
 *
 *            asked               answered, binding stood when asked
 *   new ---------------> asked -------------------------------> confirmed
 *    ^ bound, gap, behind  |  ^                                     |
 *    |                     |  | 1, 2, 4 .. 30 s    gap, behind      |
 *    |      `unknown`      v  |                                     |
 *    |                  unknown                                     |
 *    +--------------------------------------------------------------+
 *
 * A port needs no binding: its messages come to the queue's own key. */

#include "agent/policy_store.h"

/* A confirming question waits that long after the last missing binding came,
 * and while some are still missing that long after the first: on a busy broker
 * bindings come one by one, and each would be a question. */
#define SYNC_GATHER_MS 20
#define SYNC_GATHER_MAX_MS 1000
/* An object whose binding does not come is asked for all the same. */
#define SYNC_BIND_WAIT_MS 5000
/* Of objects that the controller does not know. */
#define SYNC_UNKNOWN_MIN_MS 1000
#define SYNC_UNKNOWN_MAX_MS 30000

struct sync_entry {
    struct hmap_node node;      /* In sync_objects 'entries'. */
    enum sg_kind kind;
    struct uuid id;
    bool needed;                /* False: lingers. */
    bool gone;                  /* Not held any more, but nobody was told to
                                 * unbind it yet. */
    bool bound;
    bool renew;                 /* It may be bound no more: to be renewed. */
    bool renewing;              /* The broker was asked to. */
    bool gathers;               /* 'ask_at' is only for the binding that
                                 * came: any earlier question takes it
                                 * along. */
    bool was_asked;             /* At least once. */
    bool answered;              /* At least once in this epoch. */
    bool confirmed;             /* Nothing can have been missed. */
    bool unknown;               /* By the last answer, or no good answer, or
                                 * the store could not take it. */
    long long int ask_at;       /* LLONG_MAX: not at all. */
    int64_t want;               /* Ask only if the store is below this
                                 * revision; 0: ask anyway. */
    int unknown_ms;             /* Last wait of an unknown object. */

    /* Of the outstanding question. */
    bool asked;
    int64_t asked_revision;     /* Held when it was asked; 0: nothing. */
    bool covered;               /* By the last digest when it was asked, or
                                 * by the answer. */
    long long int was_due;      /* 'ask_at' before it. */
    bool said_unknown;          /* The answer names it unknown or bad. */

    uint64_t mark;              /* Last refresh that found it. */
};

/* Of the entries that are needed. */
struct sync_counts {
    long long int next_ask;     /* LLONG_MAX: nothing to ask. */
    size_t n_needed, n_unknown, n_unconfirmed, n_unbound;
};

struct sync_objects {
    struct hmap entries;
    long long int last_bound;   /* When a binding came last. */
    uint64_t mark;
    uint64_t needs_seqno;       /* Of the store, at the last refresh. */
    bool bindings_changed;      /* Since the last take. */
    bool dirty;                 /* 'counts' is out of date. */
    struct sync_counts counts;
};

void sync_objects_init(struct sync_objects *);
void sync_objects_uninit(struct sync_objects *);

/* Follows what the store holds now. */
void sync_objects_refresh(struct sync_objects *, const struct policy_store *,
                          long long int now);
struct sync_entry *sync_objects_find(const struct sync_objects *,
                                     enum sg_kind, const struct uuid *);
/* Looks at every entry, unless nothing changed since sync_objects_recount().
 */
struct sync_counts sync_objects_counts(const struct sync_objects *);
void sync_objects_recount(struct sync_objects *);
/* Sorted, malloc'd names of the exchanges of all groups held; whoever takes
 * them unbinds all others, so that is the end of entries that are gone. */
char **sync_objects_exchanges(struct sync_objects *, size_t *n);

/* The connection is gone and with it all bindings. */
void sync_objects_disconnected(struct sync_objects *);
void sync_objects_bound(struct sync_objects *, struct sync_entry *,
                        const struct policy_store *, long long int now);
void sync_objects_unbound(struct sync_objects *, struct sync_entry *,
                          long long int now);
/* A change of 'e' was missed: ask at 'when' unless the store has revision
 * 'want' (0: whatever it has) by then. */
void sync_objects_doubt(struct sync_objects *, struct sync_entry *,
                        int64_t want, long long int when);
/* A message brought 'e' whole. */
void sync_objects_heard(struct sync_objects *, struct sync_entry *);

/* A message brought 'e', and the store could not take it: as if an answer had.
 */
void sync_objects_refused(struct sync_objects *, struct sync_entry *,
                          long long int now);

/* Marks what is due as asked and appends it to 'list', or everything that is
 * needed if 'all'.  Entries that are no longer in doubt are dropped. */
void sync_objects_ask(struct sync_objects *, const struct policy_store *,
                      bool all, long long int now, struct sg_ref_list *list);
/* The answer is that the digest is right, which says nothing of what it does
 * not cover: that is asked for, what is unknown at its own time. */
void sync_objects_same(struct sync_objects *, const struct policy_store *,
                       long long int now);
/* A full answer, no digest's, was applied; what was said meanwhile is not.  It
 * covers the controller's closure: of a fresh one the bodies have come; else
 * a digest was made (policy_store_digest) of what is held now. */
void sync_objects_cover(struct sync_objects *, const struct policy_store *,
                        bool fresh);
/* All is applied: what it did not cover (only an orphaned port needs it) is to
 * be asked for by name. */
void sync_objects_uncovered(struct sync_objects *,
                            const struct policy_store *, long long int now);
/* At most 'max' of the objects that are spared are to be asked for by name.
 * Returns how many. */
size_t sync_objects_doubt_spared(struct sync_objects *,
                                 const struct policy_store *, size_t max,
                                 long long int now);
/* The question failed: everything asked is due again. */
void sync_objects_failed(struct sync_objects *, long long int now);
/* Revisions do not carry over: what the answer under way does not cover is to
 * be asked for. */
void sync_objects_new_epoch(struct sync_objects *, long long int now);
/* The question was answered and the answer is in the store. */
void sync_objects_answered(struct sync_objects *,
                           const struct policy_store *, long long int now);

#endif /* agent/sync_objects.h */
