/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* How long turns of the loop take, and changes on their way. */

#include <config.h>
#include "agent/latency.h"
#include "agent/loop_watch.h"

#include "agent/policy_store.h"
#include "tests/lib/test.h"
#include "util.h"

static int64_t
turn(struct loop_watch *w, int64_t at, int64_t messages_us,
     int64_t structure_us)
{
    loop_watch_begin(w, at);
    at += messages_us;
    loop_watch_step(w, LOOP_MESSAGES, at);
    at += structure_us;
    loop_watch_step(w, LOOP_STRUCTURE, at);
    return loop_watch_end(w, NULL, at, at / 1000);
}

TEST(longest_turn)
{
    struct loop_watch w;

    loop_watch_init(&w);
    CHECK_EQ(turn(&w, 1000, 10, 20), 30);
    CHECK_EQ(w.longest.longest, LOOP_STRUCTURE);
    CHECK_EQ(turn(&w, 2000, 900, 20), 920);
    CHECK_EQ(w.longest.us, 920);
    CHECK_EQ(w.longest.longest, LOOP_MESSAGES);
    CHECK_EQ(w.longest.longest_us, 900);
    CHECK_EQ(w.longest.cpu_us, -1);
    CHECK_EQ(w.longest.at, 2);
    CHECK_EQ(turn(&w, 9000, 1, 1), 2);
    CHECK_EQ(w.longest.us, 920);
    CHECK_UEQ(w.turns, 3);
    CHECK_UEQ(w.n_long, 0);

    /* A reset forgets, also the turn that is under way. */
    loop_watch_begin(&w, 9500);
    loop_watch_reset(&w);
    CHECK_EQ(loop_watch_end(&w, NULL, 9900, 9), 400);
    CHECK_EQ(w.longest.us, 0);
    CHECK_UEQ(w.turns, 0);
    turn(&w, 10000, LOOP_LONG_US, 1);
    CHECK_UEQ(w.n_long, 1);
}

/* Begins a turn at 'began', ends it at 'ended' with that on the clocks. */
static int64_t
thread_turn(struct loop_watch *w, int64_t began, int64_t ended,
            int64_t cpu_us, int64_t wait_us)
{
    const struct loop_thread thread = { cpu_us, wait_us };

    loop_watch_begin(w, began);
    return loop_watch_end(w, &thread, ended, ended / 1000);
}

/* Waiting for a CPU does not count, if it is known since when. */
TEST(waiting_for_a_cpu)
{
    struct loop_watch w;

    loop_watch_init(&w);
    /* Never read before: all of it counts. */
    loop_watch_begin(&w, 100);
    CHECK(loop_watch_wants_thread(&w));
    CHECK_EQ(thread_turn(&w, 100, 10100, 1000, 50000), 10000);
    loop_watch_reset(&w);

    /* It was read at the end; that is good enough for a while. */
    loop_watch_begin(&w, 10100);
    CHECK(!loop_watch_wants_thread(&w));
    CHECK_EQ(thread_turn(&w, 10100, 19100, 2500, 57000), 2000);
    CHECK_EQ(w.longest.wall_us, 9000);
    CHECK_EQ(w.longest.us, 2000);
    CHECK_EQ(w.longest.cpu_us, 1500);
    loop_watch_begin(&w, 19100 + LOOP_THREAD_AGE_US - 1);
    CHECK(!loop_watch_wants_thread(&w));
    loop_watch_begin(&w, 19100 + LOOP_THREAD_AGE_US);
    CHECK(loop_watch_wants_thread(&w));

    /* Read 1500 us before the turn: as much may have been waited then, so
     * only 5500 of 7000 are sure to be of this turn. */
    CHECK_EQ(thread_turn(&w, 20600, 30600, 6000, 64000), 4500);
    /* All of it was before the turn. */
    CHECK_EQ(thread_turn(&w, 32000, 42000, 7000, 65400), 10000);
    /* No more can have been waited, or run, than the turn was long. */
    CHECK_EQ(thread_turn(&w, 42000, 42010, 9000, 99999), 0);
    CHECK_EQ(thread_turn(&w, 42010, 54010, 99999, 99999), 12000);
    CHECK_EQ(w.longest.cpu_us, 12000);
}

static const struct store_arrival arrivals[] = {
    { SG_KIND_MEMBERS, 1000 }, { SG_KIND_RULES, 1010 },
};

static uint64_t
total(const struct latency *l, enum sg_kind kind, enum sg_latency_phase phase)
{
    return sg_latency_total(&latency_status(l)->counts, kind, phase);
}

TEST(stored_then_applied)
{
    struct latency *l = latency_create();
    const struct latency_status *s = latency_status(l);

    latency_stored(l, arrivals, 2, 7, 1015);
    CHECK_UEQ(total(l, SG_KIND_MEMBERS, SG_LATENCY_STORED), 1);
    CHECK_EQ(s->max_ms[SG_KIND_MEMBERS][SG_LATENCY_STORED], 15);
    CHECK_EQ(s->sum_ms[SG_KIND_RULES][SG_LATENCY_STORED], 5);
    CHECK_UEQ(s->n_pending, 2);
    latency_stored(l, arrivals, 1, 8, 1016);

    latency_applied(l, 6, 1020);
    CHECK_UEQ(total(l, SG_KIND_RULES, SG_LATENCY_KERNEL), 0);
    latency_applied(l, 7, 1040);
    CHECK_UEQ(total(l, SG_KIND_RULES, SG_LATENCY_KERNEL), 1);
    CHECK_UEQ(total(l, SG_KIND_MEMBERS, SG_LATENCY_KERNEL), 1);
    CHECK_EQ(s->max_ms[SG_KIND_RULES][SG_LATENCY_KERNEL], 30);
    CHECK_UEQ(s->n_pending, 1);
    latency_applied(l, 9, 1041);
    CHECK_UEQ(total(l, SG_KIND_MEMBERS, SG_LATENCY_KERNEL), 2);
    CHECK_UEQ(s->n_pending + s->skewed + s->lost, 0);
    latency_destroy(l);
}

TEST(clocks_differ)
{
    struct latency *l = latency_create();

    latency_stored(l, arrivals, 2, 1, 990);
    latency_applied(l, 1, 991);
    CHECK_UEQ(latency_status(l)->skewed, 2);
    CHECK_EQ(latency_status(l)->max_ms[SG_KIND_RULES][SG_LATENCY_KERNEL], 0);
    latency_destroy(l);
}

/* A kernel that takes nothing costs a bounded memory. */
TEST(pending_is_bounded)
{
    struct latency *l = latency_create();

    for (int i = 0; i < LATENCY_MAX_PENDING; i++) {
        latency_stored(l, arrivals, 2, 1, 2000);
    }
    CHECK_UEQ(latency_status(l)->n_pending, LATENCY_MAX_PENDING);
    CHECK_UEQ(latency_status(l)->lost, LATENCY_MAX_PENDING);
    CHECK_UEQ(total(l, SG_KIND_RULES, SG_LATENCY_STORED),
              LATENCY_MAX_PENDING);
    latency_destroy(l);
}
