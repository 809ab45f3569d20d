/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include "tests/lib/prober-account.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *
grow(void *p, size_t n, size_t size)
{
    p = reallocarray(p, n, size);
    if (!p) {
        abort();
    }
    return p;
}

bool
expectation_from_string(const char *text, enum expectation *e)
{
    static const char *const names[] = {
        [EXPECT_ANY] = "any",
        [EXPECT_ALLOWED] = "allowed",
        [EXPECT_DENIED] = "denied",
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!strcmp(text, names[i])) {
            *e = i;
            return true;
        }
    }
    return false;
}

void
account_init(struct account *a)
{
    *a = (struct account) { .first_received_us = -1,
                            .last_received_us = -1 };
}

void
account_sent(struct account *a, int64_t now)
{
    if (a->n_sent == a->allocated) {
        a->allocated = a->allocated ? a->allocated * 2 : 4096;
        a->packets = grow(a->packets, a->allocated, sizeof *a->packets);
    }
    a->packets[a->n_sent++] = (struct account_packet) { .sent_us = now };
}

bool
account_received(struct account *a, uint64_t seq, int64_t now)
{
    if (seq >= a->n_sent) {
        return false;
    }
    struct account_packet *p = &a->packets[seq];
    if (p->delay_us) {
        a->n_duplicates++;
    } else {
        p->delay_us = now > p->sent_us ? now - p->sent_us : 1;
        a->n_received++;
        a->last_received_us = now;
        if (a->first_received_us < 0) {
            a->first_received_us = now;
        }
    }
    return true;
}

void
account_expect(struct account *a, int64_t now, enum expectation e)
{
    enum expectation last = a->n_events
        ? a->events[a->n_events - 1].expectation : EXPECT_ANY;

    if (e != last) {
        a->events = grow(a->events, a->n_events + 1, sizeof *a->events);
        a->events[a->n_events++] = (struct account_event) { now, e };
        if (e == EXPECT_ANY) {
            a->first_received_us = -1;
        }
    }
}

static void
add_to_runs(struct runs *runs, uint64_t seq, int64_t at)
{
    struct run *last = runs->n ? &runs->list[runs->n - 1] : NULL;

    if (last && last->first + last->count == seq) {
        last->count++;
        last->to_us = at;
    } else if (runs->n < MAX_RUNS) {
        runs->list[runs->n++] = (struct run) { seq, 1, at, at };
    }
}

static int
compare_u32(const void *a_, const void *b_)
{
    uint32_t a = *(const uint32_t *) a_;
    uint32_t b = *(const uint32_t *) b_;

    return a < b ? -1 : a > b;
}

static void
judge_delays(const struct account *a, struct verdict *v)
{
    uint32_t *delays;
    size_t n = 0;

    if (!a->n_received) {
        return;
    }
    delays = grow(NULL, a->n_received, sizeof *delays);
    for (uint64_t i = 0; i < a->n_sent; i++) {
        if (a->packets[i].delay_us) {
            delays[n++] = a->packets[i].delay_us;
        }
    }
    qsort(delays, n, sizeof *delays, compare_u32);
    v->p50_us = delays[n / 2];
    v->p99_us = delays[n - 1 - n / 100];
    v->max_us = delays[n - 1];
    free(delays);
}

void
account_judge(const struct account *a, int64_t guard_us, struct verdict *v)
{
    account_judge_until(a, guard_us, INT64_MAX, v);
    judge_delays(a, v);
}

void
account_judge_until(const struct account *a, int64_t guard_us,
                    int64_t until_us, struct verdict *v)
{
    enum expectation e = EXPECT_ANY;
    size_t next = 0;            /* The event that ends 'e'. */

    *v = (struct verdict) { .allowed = 0 };
    for (uint64_t seq = 0; seq < a->n_sent; seq++) {
        const struct account_packet *p = &a->packets[seq];

        while (next < a->n_events && a->events[next].at_us <= p->sent_us) {
            e = a->events[next++].expectation;
        }
        if (e == EXPECT_ANY || p->sent_us >= until_us
            || (next < a->n_events
                && p->sent_us >= a->events[next].at_us - guard_us)) {
            v->unjudged++;
        } else if (e == EXPECT_ALLOWED) {
            v->allowed++;
            if (!p->delay_us) {
                v->lost++;
                add_to_runs(&v->lost_runs, seq, p->sent_us);
            }
        } else {
            v->denied++;
            if (p->delay_us) {
                v->leaked++;
                add_to_runs(&v->leaked_runs, seq, p->sent_us);
            }
        }
    }
}

static void
runs_print(const struct runs *runs)
{
    for (size_t i = 0; i < runs->n; i++) {
        const struct run *r = &runs->list[i];
        printf("%s{\"seq\":%"PRIu64",\"count\":%"PRIu64",\"from_us\":%"PRId64
               ",\"to_us\":%"PRId64"}",
               i ? "," : "", r->first, r->count, r->from_us, r->to_us);
    }
}

void
verdict_print(const struct verdict *v)
{
    printf("\"allowed\":%"PRIu64",\"lost\":%"PRIu64",\"denied\":%"PRIu64
           ",\"leaked\":%"PRIu64",\"unjudged\":%"PRIu64
           ",\"delay_us\":{\"p50\":%"PRIu32",\"p99\":%"PRIu32",\"max\":%"PRIu32
           "},\"lost_runs\":[", v->allowed, v->lost, v->denied, v->leaked,
           v->unjudged, v->p50_us, v->p99_us, v->max_us);
    runs_print(&v->lost_runs);
    printf("],\"leaked_runs\":[");
    runs_print(&v->leaked_runs);
    printf("]");
}
