/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef AGENT_POLICY_KEEPER_H
#define AGENT_POLICY_KEEPER_H 1

/* Keeps the last policy of a controller for the time after a reboot.
 *
 * While a controller answers, what it says is saved now and then, and at the
 * end.  On a host without any rules of ours (it was booted), what was saved
 * becomes the policy if no controller has answered within a grace period,
 * until one does; and if one has, whatever that one does not know is as saved.
 * A host that still has our rules keeps those: they may be newer than the
 * file. */

#include <stdbool.h>

#include "agent/policy_store.h"
#include "agent/sync.h"

struct config;
struct policy_keeper;
struct report_saved;

/* All are borrowed for the life of the object. */
struct policy_keeper *policy_keeper_create(const struct config *,
                                           struct policy_store *);
/* Saves what is new since the last time and waits until it is on the disk, or
 * has not been for some seconds. */
void policy_keeper_destroy(struct policy_keeper *);

/* To be called once, when the kernel was read and has no rules of ours: looks
 * for a file.  The grace period is counted from here. */
void policy_keeper_booted(struct policy_keeper *, long long int now);
/* There is a file of this host that can be used. */
bool policy_keeper_knows_host(const struct policy_keeper *);

struct policy_keeper_input {
    const struct sync_status *sync;
    bool ready;                 /* The list of local ports is complete. */
    bool enforcing;             /* start_is_enforcing(): before that nothing
                                 * is saved, or the next start would take a
                                 * host that was never filtered for one that
                                 * was booted. */
};
/* Call it in each turn; once a second is enough when policy_keeper_is_calm().
 * Returns true if the policy in the store became another one. */
bool policy_keeper_run(struct policy_keeper *,
                       const struct policy_keeper_input *,
                       long long int now);
/* A controller has answered, and what it said is enforced. */
bool policy_keeper_is_calm(const struct policy_keeper *);
/* When it wants to be called next; LLONG_MAX: no need. */
long long int policy_keeper_next(const struct policy_keeper *);
/* The policy is that of the file, and no controller has answered since. */
bool policy_keeper_in_force(const struct policy_keeper *);

void policy_keeper_get_status(const struct policy_keeper *,
                              struct report_saved *);

#endif /* agent/policy_keeper.h */
