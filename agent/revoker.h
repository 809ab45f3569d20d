/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef AGENT_REVOKER_H
#define AGENT_REVOKER_H 1

/* Carries out what agent/revoke decides: a thread of its own reads the table
 * of flows, because the kernel may take a while for one look at it, and makes
 * the changes; the loop judges, because it has the policy.
 *
 *   loop    pass  ------------->  thread   reads, sorts out what is of
 *           judges  <-- batch --           interest while the loop judges
 *           actions -- batch -->           changes
 *           over  <-- result ---
 *
 * REVOKER_N_BATCHES batches of REVOKER_BATCH flows are all that there is: a
 * thread that has none left waits for the loop. */

#include "agent/revoke.h"

#define REVOKER_BATCH 256
#define REVOKER_N_BATCHES 4

struct revoker;
/* Takes the table over. */
struct revoker *revoker_create(const struct revoke_config *,
                               struct flow_table *, long long int now);
void revoker_destroy(struct revoker *);
/* To tell it of changes. */
struct revoke *revoker_core(struct revoker *);

void revoker_run(struct revoker *, const struct sg_policy *,
                 const struct revoke_in_force *, long long int now);
void revoker_wait(const struct revoker *);

#endif /* agent/revoker.h */
