/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef AGENT_SYNC_H
#define AGENT_SYNC_H 1

/* When to ask the controller, and for what.  Pure: a state machine on a clock
 * that is handed in; the caller sends what it says.
 *
 *            connected                  answer, epoch known
 *   DOWN ---------------> ASKING ------------------------> CONFIRMING
 *    ^                      ^  ^                               |  new bindings
 *    | connection lost      |  | new epoch, resync, reconnect  |  are bound:
 *    +----------------------+  +---------------- SYNCED <------+  sync `have`
 *
 * Order (docs/protocol.md): own queue, bind, consume, `sync`, apply, bind
 * what the answer made necessary, and once those bindings stand ask again
 * with `have`, which closes the window between the answer and the binding.
 * The same for every port or remote that becomes needed later, with `objects`
 * naming just that.  One `sync` outstanding; timeout 10 s; back-off with
 * jitter to 60 s; objects answered `unknown` are asked again after 1, 2, 4 ..
 * 30 s.
 *
 * "In sync" means: connected, a complete answer of this epoch is applied, and
 * everything needed is bound, known and confirmed after its binding stood.
 * "Stale" means: no beacon for three intervals. */

#include "agent/policy_store.h"

#define SYNC_STATES                             \
    SYNC_STATE(DOWN, "disconnected")            \
    SYNC_STATE(ASKING, "asking")                \
    SYNC_STATE(CONFIRMING, "confirming")        \
    SYNC_STATE(SYNCED, "synced")
enum sync_state {
#define SYNC_STATE(ENUM, NAME) SYNC_##ENUM,
    SYNC_STATES
#undef SYNC_STATE
};
const char *sync_state_name(enum sync_state);

struct sync;
struct sync_config {
    const char *host, *boot;    /* Borrowed for the life of the object. */
    int timeout_ms;             /* 10,000 */
    int backoff_min_ms, backoff_max_ms;         /* 200, 60,000 */
    int beacon_ms;              /* 2,000 */
    uint32_t seed;              /* Of the jitter. */
};
struct sync *sync_create(const struct sync_config *, struct policy_store *);
void sync_destroy(struct sync *);

/* Events. */
void sync_connected(struct sync *, long long int now);
void sync_disconnected(struct sync *, long long int now);
void sync_bound(struct sync *, const char *exchange, long long int now);
void sync_unbound(struct sync *, const char *exchange);
/* An update from a fanout or cast: checks the epoch, applies it to the store
 * or keeps it, notes gaps.  Takes no ownership. */
void sync_update(struct sync *, const struct sg_update *, long long int now);
/* The answer to the call 'msg_id' (decoded), or its failure (update NULL). */
void sync_answer(struct sync *, const char *msg_id, const struct sg_update *,
                 const char *failure, long long int now);
/* The local ports or the needs changed. */
void sync_needs_changed(struct sync *, long long int now);
/* Operator's resync: ask for everything, without `have`. */
void sync_request_full(struct sync *, long long int now);

/* An answer that takes everything from more than SYNC_REMOVAL_PORTS ports and
 * from more than one in SYNC_REMOVAL_SHARE of the host's is held: what it
 * deletes is spared, and so is what is deleted by further answers until that
 * is over.  An answer at least SYNC_REMOVAL_MS later that says the same of an
 * object is done; it is asked for then.  Messages are not answers, and are
 * done at once. */
#define SYNC_REMOVAL_PORTS 3
#define SYNC_REMOVAL_SHARE 10
#define SYNC_REMOVAL_MS 600000
/* An operator wants it done: asks again, for an answer to be taken as it is.
 * Returns NULL, or a static sentence why that cannot be. */
const char *sync_accept_removal(struct sync *, long long int now);
/* Is it possible that the kernel protects ports of which the store knows
 * nothing (an earlier run has left them)?  Then they count as well. */
void sync_set_adopted(struct sync *, bool adopted);

/* Messages whose publisher waits (agent/acks.h), 'applied' being the newest
 * generation in the kernel. */
bool sync_acks_ready(const struct sync *, uint64_t applied,
                     long long int now);
char **sync_take_acks(struct sync *, uint64_t applied, long long int now,
                      size_t *n);
long long int sync_acks_next(const struct sync *);

/* Something was lost, nobody knows what: ask for what differs, some time in
 * the next seconds, since all hosts may have lost it. */
void sync_lost(struct sync *, long long int now);

/* What to do now.  Fills '*request' with a request to send as call 'msg_id'
 * (32 hex) and returns true, or returns false.  The caller uninits it; if it
 * could not be sent it calls sync_answer() with a failure. */
bool sync_run(struct sync *, long long int now, char msg_id[33],
              struct sg_sync_request *request);
/* Exchanges to be bound, computed from the needs (with the linger of 60 s),
 * as a sorted array of malloc'd names; only if it changed since last time. */
bool sync_take_bindings(struct sync *, long long int now, char ***exchanges,
                        size_t *n);
/* Exchanges whose bindings the broker may have lost although it confirmed
 * them, as an array of malloc'd names: to be bound again, and sync_bound() to
 * be called for those of groups.  That is harmless if they stand.  Without a
 * beacon for SYNC_SILENCE_MS, once in that time what beacons and casts come by
 * is among them: whoever hears nothing cannot be told.  Nor can who hears no
 * casts, so what those come by is among them every SYNC_CASTS_MS though
 * nothing is 'suspected'.  False if there are none. */
#define SYNC_SILENCE_MS 30000
#define SYNC_CASTS_MS 120000
bool sync_take_renewals(struct sync *, char ***exchanges, size_t *n,
                        bool *suspected);
/* When sync_run() wants to be called next (ms, LLONG_MAX: no need).  A call
 * that comes 10 s too late is taken for a stall of the loop. */
long long int sync_next(const struct sync *);

struct sync_status {
    enum sync_state state;
    bool in_sync;
    bool complete;              /* A complete answer was applied since start;
                                 * stays true over reconnects. */
    bool stale;
    struct sg_epoch epoch;
    long long int last_beacon;  /* Time, or LLONG_MIN. */
    int64_t beacon_seq;
    uint64_t syncs, timeouts, failures, gaps, old_epoch, beacons_lost;
    uint64_t full_answers;      /* Complete full answers applied. */
    uint64_t digests_same, digests_differ;      /* Answers to digests. */
    uint64_t digest_errors;     /* Answers that are not what they say. */
    uint64_t unneeded;          /* Messages about a group that is not held
                                 * here: its exchange should not be bound. */
    unsigned int n_failures;    /* Questions failed in a row, now. */
    size_t n_needed, n_unknown, n_unconfirmed, n_unbound;
    bool conflicting_epochs;    /* A beacon of an earlier epoch than the one
                                 * in force was heard lately. */
    struct sg_epoch other_epoch;        /* That one. */
    long long int other_heard;  /* When, last; LLONG_MIN: never. */
    bool duplicate_host;        /* A controller said lately that another agent
                                 * has our name. */
    bool revision_regressed;    /* An answer of the epoch in force was lately
                                 * older than what had been heard in it. */
    uint64_t regressed;         /* Such objects, so far. */
    long long int regressed_at; /* The last one; LLONG_MIN: none. */
    uint64_t acks_dropped;      /* There was no room for them. */
    struct store_spared spared; /* mass_removal: what it would take. */
    uint64_t removals_held, removals_made;      /* Objects, so far. */
    uint64_t renewed;           /* Bindings that were suspected and made
                                 * again, so far. */
    char last_error[160];
};
void sync_get_status(const struct sync *, long long int now,
                     struct sync_status *);

/* How far the questions for one object have come. */
#define SYNC_OBJECTS                                                    \
    SYNC_OBJECT(NEW, "new")             /* Not needed, or not asked. */  \
    SYNC_OBJECT(ASKED, "asked")         /* No answer yet. */             \
    SYNC_OBJECT(UNKNOWN, "unknown")     /* The controller does not know  \
                                         * it; asked again. */           \
    SYNC_OBJECT(HELD, "held")           /* Deleted by an answer, and     \
                                         * spared (mass_removal). */     \
    SYNC_OBJECT(UNCONFIRMED, "unconfirmed") /* Answered; not yet again   \
                                         * since its binding stood. */   \
    SYNC_OBJECT(CONFIRMED, "confirmed")
enum sync_object {
#define SYNC_OBJECT(ENUM, NAME) SYNC_OBJECT_##ENUM,
    SYNC_OBJECTS
#undef SYNC_OBJECT
};
const char *sync_object_name(enum sync_object);
enum sync_object sync_object_state(const struct sync *, enum sg_kind,
                                   const struct uuid *);

#endif /* agent/sync.h */
