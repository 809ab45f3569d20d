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

/* The one that has 'text', which is added if need be.  NULL: no room. */
static struct ack *
get(struct acks *acks, const char *text, long long int now)
{
    struct ack *ack;

    for (size_t i = 0; i < acks->n; i++) {
        if (!strcmp(acks->p[i].text, text)) {
            return &acks->p[i];
        }
    }
    if (acks->n >= ARRAY_SIZE(acks->p)) {
        acks->n_dropped++;
        return NULL;
    }
    ack = &acks->p[acks->n++];
    memset(ack, 0, sizeof *ack);
    ovs_strlcpy(ack->text, text, sizeof ack->text);
    ack->deadline = now + ACKS_MAX_MS;
    return ack;
}

void
acks_add(struct acks *acks, const char *text, uint64_t generation,
         long long int now)
{
    struct ack *ack = get(acks, text, now);

    if (ack) {
        ack->generation = MAX(ack->generation, generation);
    }
}

void
acks_add_unanswered(struct acks *acks, const char *text,
                    const struct acks_question *question, long long int now)
{
    struct ack *ack = get(acks, text, now);

    if (ack) {
        ack->generation = ACKS_UNANSWERED;
        ack->question.number = MAX(ack->question.number, question->number);
        ack->question.begun = MAX(ack->question.begun, question->begun);
    }
}

void
acks_answered(struct acks *acks, const struct acks_question *question,
              uint64_t generation)
{
    for (size_t i = 0; i < acks->n; i++) {
        struct ack *ack = &acks->p[i];

        if (ack->generation == ACKS_UNANSWERED
            && question->number >= ack->question.number
            && question->begun >= ack->question.begun) {
            ack->generation = generation;
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
