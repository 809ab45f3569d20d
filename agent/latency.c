/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "agent/latency.h"

#include <stdlib.h>
#include <string.h>

#include "agent/policy_store.h"
#include "util.h"

struct pending {
    enum sg_kind kind;
    int64_t sent;
    uint64_t generation;
};

struct latency {
    struct latency_status status;
    struct pending *pending;    /* By generation, as they came. */
    size_t allocated;
};

static void count(struct latency *, enum sg_kind, enum sg_latency_phase,
                  int64_t ms);

struct latency *
latency_create(void)
{
    return xzalloc(sizeof(struct latency));
}

void
latency_destroy(struct latency *l)
{
    if (l) {
        free(l->pending);
        free(l);
    }
}

void
latency_stored(struct latency *l, const struct store_arrival *arrivals,
               size_t n, uint64_t generation, int64_t wall)
{
    struct latency_status *s = &l->status;

    for (size_t i = 0; i < n; i++) {
        const struct store_arrival *a = &arrivals[i];

        s->skewed += a->sent > wall;
        count(l, a->kind, SG_LATENCY_STORED, wall - a->sent);
        if (s->n_pending >= LATENCY_MAX_PENDING) {
            s->lost++;
            continue;
        }
        if (s->n_pending >= l->allocated) {
            l->pending = x2nrealloc(l->pending, &l->allocated,
                                    sizeof *l->pending);
        }
        l->pending[s->n_pending++] = (struct pending) {
            .kind = a->kind, .sent = a->sent, .generation = generation,
        };
    }
}

void
latency_applied(struct latency *l, uint64_t generation, int64_t wall)
{
    struct latency_status *s = &l->status;
    size_t n = 0;

    while (n < s->n_pending && l->pending[n].generation <= generation) {
        count(l, l->pending[n].kind, SG_LATENCY_KERNEL,
              wall - l->pending[n].sent);
        n++;
    }
    if (n) {
        s->n_pending -= n;
        memmove(l->pending, l->pending + n, s->n_pending * sizeof *l->pending);
    }
}

const struct latency_status *
latency_status(const struct latency *l)
{
    return &l->status;
}

static void
count(struct latency *l, enum sg_kind kind, enum sg_latency_phase phase,
      int64_t ms)
{
    struct latency_status *s = &l->status;

    ms = MAX(ms, 0);
    sg_latency_add(&s->counts, kind, phase, ms);
    s->max_ms[kind][phase] = MAX(s->max_ms[kind][phase], ms);
    s->sum_ms[kind][phase] += ms;
}
