/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "sg/latency.h"

#include "util.h"

const int sg_latency_bounds[SG_LATENCY_BUCKETS - 1] = {
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000,
};

const char *
sg_latency_phase_name(enum sg_latency_phase phase)
{
    switch (phase) {
#define SG_LATENCY_PHASE(ENUM, NAME) case SG_LATENCY_##ENUM: return NAME;
    SG_LATENCY_PHASES
#undef SG_LATENCY_PHASE
    }
    OVS_NOT_REACHED();
}

void
sg_latency_add(struct sg_latency *l, enum sg_kind kind,
               enum sg_latency_phase phase, int64_t ms)
{
    size_t i = 0;

    while (i < SG_LATENCY_BUCKETS - 1 && ms > sg_latency_bounds[i]) {
        i++;
    }
    l->counts[kind][phase][i]++;
}

void
sg_latency_merge(struct sg_latency *l, const struct sg_latency *more)
{
    for (size_t k = 0; k < SG_N_KINDS; k++) {
        for (size_t p = 0; p < SG_LATENCY_N_PHASES; p++) {
            for (size_t i = 0; i < SG_LATENCY_BUCKETS; i++) {
                l->counts[k][p][i] += more->counts[k][p][i];
            }
        }
    }
}

uint64_t
sg_latency_total(const struct sg_latency *l, enum sg_kind kind,
                 enum sg_latency_phase phase)
{
    uint64_t total = 0;

    for (size_t i = 0; i < SG_LATENCY_BUCKETS; i++) {
        total += l->counts[kind][phase][i];
    }
    return total;
}

int64_t
sg_latency_quantile(const struct sg_latency *l, enum sg_kind kind,
                    enum sg_latency_phase phase, unsigned int per_mille)
{
    const uint64_t *counts = l->counts[kind][phase];
    uint64_t total = sg_latency_total(l, kind, phase);
    uint64_t above = (total / 1000 * (1000 - per_mille)
                      + total % 1000 * (1000 - per_mille) / 1000);

    if (!total) {
        return -1;
    }
    /* From the top down: skip what may be above. */
    for (size_t i = SG_LATENCY_BUCKETS - 1; i > 0; i--) {
        if (counts[i] > above) {
            return (i == SG_LATENCY_BUCKETS - 1 ? INT64_MAX
                    : sg_latency_bounds[i]);
        }
        above -= counts[i];
    }
    return sg_latency_bounds[0];
}
