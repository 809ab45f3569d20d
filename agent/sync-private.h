/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef AGENT_SYNC_PRIVATE_H
#define AGENT_SYNC_PRIVATE_H 1

/* The inside of sync, for its eight files:
 *
 *   sync.c             events, and when to ask
 *   sync_message.c     what comes unasked
 *   sync_call.c        one question
 *   sync_answer.c      its answer
 *   sync_removal.c     what that takes away
 *   sync_regress.c     controllers that go back in time
 *   sync_renewal.c     bindings that the broker may have lost
 *   sync_status.c      what it says of itself
 *
 * A *full* question covers all local ports; a *partial* one names objects.
 * Both say what is held (`have`), so that the answer is small; a full one
 * says it in a digest first, and in `have` if the answer wants that.  A
 * *fresh* full question says nothing: its answer is collected, and takes
 * effect at once when its last page has come.  That is how a new epoch
 * begins, whose revisions cannot be compared with what is held, and how an
 * operator's resync compares everything.  Who answers to a digest with bodies
 * answers to a fresh question.  Messages that arrive in between are kept and
 * replayed by their revisions.
 *
 * Doubt is anything that makes "nothing was missed" untrue for the host as a
 * whole (lost beacons, a stall); it ends when a full question that was asked
 * after it arose is answered. */

#include "agent/acks.h"
#include "agent/kept.h"
#include "agent/parts.h"
#include "agent/sync.h"
#include "agent/sync_objects.h"

/* The outstanding question. */
struct call {
    bool active;
    bool page_due;              /* The next page is to be asked for. */
    long long int page_at;      /* Then: not before. */
    int n_strays;               /* Answers of an earlier epoch. */
    bool full, fresh;
    bool anew;                  /* Asked as a fresh one: revisions begin
                                 * anew with the answer. */
    bool digest;                /* Not answered yet, asked with a digest. */
    uint64_t doubt;             /* sync 'doubt' when it was asked. */
    long long int asked_at;
    char msg_id[33];
    long long int deadline;
    struct sg_sync_request request;
    struct sg_epoch epoch;      /* Of the pages so far. */
    size_t n_pages;
    size_t n_bad;               /* Objects that were not readable. */
    struct kept pages;          /* Fresh: all of them. */
    struct parts parts;         /* Of lists that are not complete. */
    struct sg_update removals;  /* 'deleted', and 'ports' that it empties:
                                 * taken away after the last page. */
    size_t removal_bytes;       /* About what these take. */
    bool accept;                /* Whatever it takes away. */
    bool said_have;             /* Or fresh: it is answered in words. */
};

struct sync {
    struct sync_config config;
    struct policy_store *store;
    uint64_t random;

    bool connected;
    bool was_connected;         /* Ever. */
    long long int connected_at;
    struct sg_epoch epoch;      /* In force; all zero: none yet. */
    struct sg_epoch newer;      /* Seen, not in force; all zero: none. */
    bool complete;              /* Full answer since start. */
    bool session_complete;      /* Full answer since connected. */
    uint64_t doubt, doubt_over; /* In doubt if they differ. */

    long long int full_at;      /* LLONG_MAX: not wanted. */
    bool full_fresh;
    long long int removal_at;   /* When to ask whether what is spared is
                                 * still gone; LLONG_MAX: nothing is. */
    bool accept;                /* An operator wants it done. */
    bool adopted;
    long long int hold_until;   /* Back-off; LLONG_MIN: none. */
    unsigned int n_failures;    /* In a row. */
    long long int now;          /* The newest time that was handed in. */
    long long int due;          /* sync_next() after the last run. */

    struct call call;
    struct sync_objects objects;
    struct kept kept;           /* Messages to be replayed. */
    struct acks acks;

    long long int last_beacon;  /* LLONG_MIN: never. */
    long long int silence_at;   /* When to renew what beacons and casts come
                                 * by; LLONG_MAX: they are heard. */
    long long int casts_bound;  /* When what casts come by was bound last,
                                 * suspicions aside. */
    long long int casts_at;     /* When to renew it; LLONG_MAX: not yet. */
    bool casts_due;             /* Now, for that. */
    bool renew_casts;           /* Now, what casts come by. */
    bool renew_beacons;         /* And what beacons come by. */
    bool renew_groups;          /* And what some of the objects are heard
                                 * of by. */
    int64_t beacon_seq;         /* -1: none in this epoch and session. */
    long long int covered_at;   /* When the last answered full question was
                                 * asked: what happened before is known. */
    uint64_t syncs, timeouts, failures, gaps, old_epoch, beacons_lost;
    uint64_t full_answers, unneeded;
    uint64_t digests_same, digests_differ, digest_errors;
    uint64_t removals_held, removals_made;
    uint64_t renewed;
    struct sg_epoch other_epoch;        /* Of the last beacon of an earlier
                                         * epoch. */
    long long int other_heard;  /* When; LLONG_MIN: never. */
    long long int duplicate_at; /* Last time it was said; LLONG_MIN: never. */
    uint64_t regressed;         /* Objects in answers that were older than
                                 * what was held. */
    long long int regressed_at; /* Last one of this epoch; LLONG_MIN: none. */
    char last_error[160];
};

/* After a gap, and after the loss of anything; spread the questions of the
 * hosts of a cloud. */
#define SYNC_GAP_SPREAD_MS 1000
#define SYNC_LOST_SPREAD_MS 5000

/* Each change stands in three beacons: one lost beacon hides nothing. */
#define SYNC_LOST_BEACONS 2

/* How long another agent of the name is said to be there after it was heard
 * of. */
#define SYNC_DUPLICATE_MS 90000

/* sync.c */
uint64_t sync_random(struct sync *);
/* Some time from 'now' to 'now' + 'ms'. */
long long int sync_spread(struct sync *, long long int now, int ms);
void sync_want_full(struct sync *, long long int when);
bool sync_has_newer(const struct sync *);
bool sync_has_namesake(const struct sync *, long long int now);
void sync_note_newer(struct sync *, const struct sg_epoch *,
                     long long int now);

/* sync_call.c */
/* Begins a question, full or about what is due; there may be nothing to ask
 * after all. */
void sync_call_begin(struct sync *, bool full, long long int now);
/* The outstanding question, once more: `have` is wanted (if there is an epoch
 * to speak of) instead of a digest. */
void sync_call_ask_have(struct sync *);
/* The request for the first or the next page. */
void sync_call_send(struct sync *, long long int now, char msg_id[33],
                    struct sg_sync_request *);
/* No answer, or a wrong one; 'text' may be a peer's. */
void sync_call_fail(struct sync *, const char *text, long long int now);
/* Forgets the question. */
void sync_call_end(struct sync *);

/* sync_answer.c */
/* A page of the answer.  Takes no ownership. */
void sync_call_answer(struct sync *, const struct sg_update *,
                      long long int now);

/* sync_message.c */
/* How many beacons there was time for since the last full question, if there
 * was none yet of this epoch and session, which has one to compare with. */
int64_t sync_beacons_missing(const struct sync *, long long int now);

/* sync_regress.c */
void sync_regress_look(struct sync *, const struct sg_update *page,
                       long long int now);
void sync_regress_over(struct sync *);

/* sync_renewal.c */
/* A message about 'e' was lost, or perhaps one about any object. */
void sync_renewal_suspect(struct sync *, struct sync_entry *);
void sync_renewal_suspect_all(struct sync *);
/* Looks whether beacons are heard; when it wants to do so again. */
void sync_renewal_run(struct sync *, long long int now);
long long int sync_renewal_next(const struct sync *);

/* sync_removal.c */
/* Sets aside what 'page' takes away: it is gone from there, then. */
bool sync_removal_collect(struct sync *, struct sg_update *page) SG_MUST_USE;
/* The last page is applied: takes it away, or spares it. */
void sync_removal_finish(struct sync *, long long int now);
/* When it is time to ask about what is spared. */
void sync_removal_schedule(struct sync *);

#endif /* agent/sync-private.h */
