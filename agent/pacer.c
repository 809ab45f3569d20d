/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "agent/pacer.h"

#include <limits.h>
#include <stdlib.h>

#include "hash.h"
#include "util.h"

struct pacer {
    struct pacer_config config;
    uint32_t random;
    bool dirty;
    bool at_once;
    long long int gathered;     /* When gathering ends; 'dirty' only. */
    long long int backoff_end;  /* LLONG_MIN: the last apply succeeded. */
    long long int refresh;      /* LLONG_MAX: none yet. */
    unsigned int failures;
    long long int retry;        /* LLONG_MAX: nothing was refused. */
    unsigned int partly;        /* Partial successes in a row. */
};

static long long int backoff(struct pacer *, unsigned int times);

struct pacer *
pacer_create(const struct pacer_config *config)
{
    struct pacer *p = xzalloc(sizeof *p);

    p->config = *config;
    p->random = hash_int(config->seed, 0);
    p->backoff_end = LLONG_MIN;
    p->refresh = p->retry = LLONG_MAX;
    return p;
}

void
pacer_destroy(struct pacer *p)
{
    free(p);
}

void
pacer_dirty(struct pacer *p, long long int now)
{
    if (!p->dirty) {
        p->dirty = true;
        p->gathered = now + p->config.gather_ms;
    }
}

void
pacer_now(struct pacer *p, long long int now)
{
    pacer_dirty(p, now);
    p->at_once = true;
}

long long int
pacer_next(const struct pacer *p)
{
    if (p->at_once) {
        return LLONG_MIN;
    }
    if (p->failures) {
        /* What failed is to be done again, whether or not more came. */
        return p->backoff_end;
    }
    long long int next = MIN(p->refresh, p->retry);
    return p->dirty ? MIN(p->gathered, next) : next;
}

void
pacer_result(struct pacer *p, enum pacer_outcome outcome, long long int now)
{
    p->at_once = false;
    p->dirty = outcome == PACER_FAILED;
    if (outcome == PACER_PARTLY) {
        p->retry = now + backoff(p, p->partly);
        p->partly++;
    } else if (outcome == PACER_DONE) {
        p->retry = LLONG_MAX;
        p->partly = 0;
    }
    if (outcome != PACER_FAILED) {
        p->failures = 0;
        p->backoff_end = LLONG_MIN;
        p->refresh = (p->config.refresh_ms
                      ? now + p->config.refresh_ms : LLONG_MAX);
    } else {
        p->gathered = now;
        p->backoff_end = now + backoff(p, p->failures);
        p->failures++;
    }
}

bool
pacer_is_dirty(const struct pacer *p)
{
    return p->dirty;
}

unsigned int
pacer_failures(const struct pacer *p)
{
    return p->failures;
}

/* PACER_BACKOFF_MIN_MS doubled 'times' times, at most the maximum, +-25 %. */
static long long int
backoff(struct pacer *p, unsigned int times)
{
    long long int ms = PACER_BACKOFF_MIN_MS;

    for (unsigned int i = 0; i < times; i++) {
        if (ms >= p->config.backoff_max_ms) {
            break;
        }
        ms *= 2;
    }
    ms = MIN(ms, p->config.backoff_max_ms);
    p->random = hash_int(p->random, 1);
    return ms * 3 / 4 + p->random % (ms / 2 + 1);
}
