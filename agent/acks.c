/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "agent/acks.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

static bool
is_ready(const struct ack *ack, uint64_t applied, long long int now)
{
    return ack->generation <= applied || now >= ack->deadline;
}

void
acks_add(struct acks *acks, const char *text, uint64_t generation,
         long long int now)
{
    struct ack *ack;

    for (size_t i = 0; i < acks->n; i++) {
        ack = &acks->p[i];
        if (!strcmp(ack->text, text)) {
            ack->generation = MAX(ack->generation, generation);
            return;
        }
    }
    if (acks->n >= ARRAY_SIZE(acks->p)) {
        acks->n_dropped++;
        return;
    }
    ack = &acks->p[acks->n++];
    ovs_strlcpy(ack->text, text, sizeof ack->text);
    ack->generation = generation;
    ack->deadline = now + ACKS_MAX_MS;
}

void
acks_answered(struct acks *acks, uint64_t generation)
{
    for (size_t i = 0; i < acks->n; i++) {
        if (acks->p[i].generation == ACKS_UNANSWERED) {
            acks->p[i].generation = generation;
        }
    }
}

void
acks_clear(struct acks *acks)
{
    acks->n = 0;
}

bool
acks_ready(const struct acks *acks, uint64_t applied, long long int now)
{
    for (size_t i = 0; i < acks->n; i++) {
        if (is_ready(&acks->p[i], applied, now)) {
            return true;
        }
    }
    return false;
}

char **
acks_take(struct acks *acks, uint64_t applied, long long int now, size_t *np)
{
    char **texts = NULL;
    size_t n = 0, n_left = 0;

    for (size_t i = 0; i < acks->n; i++) {
        const struct ack *ack = &acks->p[i];

        if (is_ready(ack, applied, now)) {
            texts = xrealloc(texts, (n + 1) * sizeof *texts);
            texts[n++] = xstrdup(ack->text);
        } else {
            acks->p[n_left++] = *ack;
        }
    }
    acks->n = n_left;
    *np = n;
    return texts;
}

long long int
acks_next(const struct acks *acks)
{
    long long int next = LLONG_MAX;

    for (size_t i = 0; i < acks->n; i++) {
        next = MIN(next, acks->p[i].deadline);
    }
    return next;
}
