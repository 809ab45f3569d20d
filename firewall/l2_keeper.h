/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef FIREWALL_L2_KEEPER_H
#define FIREWALL_L2_KEEPER_H 1

/* Keeps the layer-2 guard as the policy wants it.  Pure but for the guard that
 * it is given, and the clock is handed in.
 *
 * Nothing is written before l2_keeper_apply() or l2_keeper_dismiss() was
 * called for the first time, but to put back what somebody takes away: a guard
 * that was intact at the first look is kept as it was found, if
 * l2_keeper_keep_found() was called.  At the first apply the difference is
 * written, if there is one, element by element.
 *
 * An element permits, and the tables above have a source check of their own,
 * so no order is needed between the two: whatever comes first, what passes
 * both is allowed by the newest policy.  What is left to the tables is so only
 * while they have it.  Additions and deletions of one policy are one
 * transaction, so a packet that both policies allow is never lost.
 *
 * Unless the kernel refuses that: then what takes away is done by itself, and
 * the rest is tried again and again.
 *
 * Somebody else's change (a flushed ruleset, a deleted rule) is found by the
 * generation that the kernel counts: after a notification, and once a second
 * without one; then everything is read, and put back.
 *
 * Whoever changes anything may have made or removed tables of his own, so the
 * same look finds those; also when there is to be no guard, because it costs
 * no question more.  That they cannot be read is no problem of the guard's. */

#include "firewall/l2_guard.h"

/* How long an unannounced change may stay unseen. */
#define L2_KEEPER_LOOK_MS 1000
/* How soon after a look a notification leads to the next one: somebody who
 * changes tables of his own without end must not keep us reading. */
#define L2_KEEPER_PAUSE_MS 100
/* How often at most the tables of others are read. */
#define L2_KEEPER_OTHERS_MS 5000
/* After a failure: from here on, doubled. */
#define L2_KEEPER_RETRY_MIN_MS 50
#define L2_KEEPER_RETRY_MAX_MS 5000

struct l2_keeper_status {
    bool in_place;              /* The kernel has what was wanted last. */
    const char *problem;        /* Why not; NULL if it is, or is not to be. */
    size_t n_elements;          /* Wanted. */
    uint64_t n_reads, n_writes, n_failures;
    uint64_t n_restored;        /* Somebody else's changes undone. */
    uint64_t n_others_reads;    /* Of the tables of others. */
};

struct l2_keeper;

/* Takes ownership of the guard; without one (NULL) 'problem' says why it
 * could not be made, and stays the status. */
struct l2_keeper *l2_keeper_create(struct l2_guard *, const char *problem);
void l2_keeper_destroy(struct l2_keeper *);     /* Leaves the kernel alone. */

/* What an earlier run left is to be kept until the policy is known. */
void l2_keeper_keep_found(struct l2_keeper *);
/* This is the policy from now on. */
void l2_keeper_apply(struct l2_keeper *, const struct l2_input *,
                     long long int now);
/* Do the tables see and judge what they can see?  Then the guard leaves that
 * to them (L2_SEEN).  Nobody having said so they do not, but what an earlier
 * run left is kept until somebody says that they do not. */
void l2_keeper_tables(struct l2_keeper *, bool judge, long long int now);
/* There is to be no guard: what an earlier run left is removed. */
void l2_keeper_dismiss(struct l2_keeper *, long long int now);

/* To be called in each turn; cheap if nothing has happened. */
void l2_keeper_run(struct l2_keeper *, long long int now);
void l2_keeper_wait(struct l2_keeper *);
/* When to call l2_keeper_run() if nothing happens. */
long long int l2_keeper_next(const struct l2_keeper *);

void l2_keeper_get_status(const struct l2_keeper *, struct l2_keeper_status *);
/* The elements that the kernel has, or NULL unless it is in place.  Borrowed
 * until the next call of anything here. */
const struct l2_elements *l2_keeper_installed(const struct l2_keeper *);
/* The tables of others, as of the last time they could be read.  Borrowed
 * until the next call of anything here. */
const struct l2_tables *l2_keeper_others(const struct l2_keeper *);

#endif /* firewall/l2_keeper.h */
