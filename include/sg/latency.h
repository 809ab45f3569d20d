/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef SG_LATENCY_H
#define SG_LATENCY_H 1

/* How long changes take from their publish: counts by kind of object and by
 * how far they came, in buckets.  An agent counts, a report carries the
 * counts, a controller adds up those of all hosts.
 *
 * A value; copy it freely.  Counts only grow. */

#include "sg/types.h"

/* Upper ends of the buckets in ms, the last one without end. */
#define SG_LATENCY_BUCKETS 14
extern const int sg_latency_bounds[SG_LATENCY_BUCKETS - 1];

#define SG_LATENCY_PHASES                                               \
    SG_LATENCY_PHASE(STORED, "stored")  /* In the agent's policy. */    \
    SG_LATENCY_PHASE(KERNEL, "kernel")  /* In force. */
enum sg_latency_phase {
#define SG_LATENCY_PHASE(ENUM, NAME) SG_LATENCY_##ENUM,
    SG_LATENCY_PHASES
#undef SG_LATENCY_PHASE
};
#define SG_LATENCY_N_PHASES 2
const char *sg_latency_phase_name(enum sg_latency_phase);

struct sg_latency {
    uint64_t counts[SG_N_KINDS][SG_LATENCY_N_PHASES][SG_LATENCY_BUCKETS];
};

/* Counts one change that took 'ms'; below 0 (clocks differ) counts as 0. */
void sg_latency_add(struct sg_latency *, enum sg_kind, enum sg_latency_phase,
                    int64_t ms);
/* Adds all counts of 'more'. */
void sg_latency_merge(struct sg_latency *, const struct sg_latency *more);
uint64_t sg_latency_total(const struct sg_latency *, enum sg_kind,
                          enum sg_latency_phase);
/* The upper end in ms of the bucket that at least 'per_mille' thousandths of
 * all changes are not above.  -1: there are none; INT64_MAX: the last one. */
int64_t sg_latency_quantile(const struct sg_latency *, enum sg_kind,
                            enum sg_latency_phase, unsigned int per_mille);

#endif /* sg/latency.h */
