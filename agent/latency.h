/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef AGENT_LATENCY_H
#define AGENT_LATENCY_H 1

/* From the publish of a change until it is stored here, and until it is in the
 * kernel, by kind of object.
 *
 * Pure.  Only changes that came by a message of their own count: what an
 * answer to `sync` brings is old by nature.  The publish time is the clock of
 * the controller's machine, the rest that of this one: a difference between
 * them is in every figure.  One that makes a time negative shows as 'skewed'.
 *
 * A change is in the kernel when the generation that it made is. */

#include <stddef.h>

#include "sg/latency.h"

struct store_arrival;

/* Changes that are stored and not in the kernel.  What comes beyond is not
 * followed into the kernel, and counted. */
#define LATENCY_MAX_PENDING 4096

struct latency;
struct latency *latency_create(void);
void latency_destroy(struct latency *);

/* These changes made 'generation' (or one before it); 'wall' is the time now,
 * unix ms. */
void latency_stored(struct latency *, const struct store_arrival *, size_t n,
                    uint64_t generation, int64_t wall);
/* Everything up to 'generation' is in the kernel. */
void latency_applied(struct latency *, uint64_t generation, int64_t wall);

struct latency_status {
    struct sg_latency counts;
    /* Exact, in ms. */
    int64_t max_ms[SG_N_KINDS][SG_LATENCY_N_PHASES];
    int64_t sum_ms[SG_N_KINDS][SG_LATENCY_N_PHASES];
    uint64_t skewed;            /* Published after they arrived. */
    uint64_t lost;              /* Not followed into the kernel. */
    size_t n_pending;
};
const struct latency_status *latency_status(const struct latency *);

#endif /* agent/latency.h */
