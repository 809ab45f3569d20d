/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The pacer, with time advanced by hand. */

#include <config.h>
#include "agent/pacer.h"

#include <limits.h>

#include "tests/lib/test.h"
#include "util.h"

static const struct pacer_config CONFIG = {
    .gather_ms = 30, .backoff_max_ms = 5000, .seed = 1,
};

TEST(nothing_to_do)
{
    struct pacer *p = pacer_create(&CONFIG);

    CHECK_EQ(pacer_next(p), LLONG_MAX);
    CHECK(!pacer_is_dirty(p));
    pacer_result(p, PACER_DONE, 5);
    CHECK_EQ(pacer_next(p), LLONG_MAX);
    pacer_destroy(p);
}

TEST(changes_are_gathered_from_the_first)
{
    struct pacer *p = pacer_create(&CONFIG);

    pacer_dirty(p, 1000);
    CHECK_EQ(pacer_next(p), 1030);
    for (int now = 1001; now < 1030; now++) {
        pacer_dirty(p, now);
    }
    CHECK_EQ(pacer_next(p), 1030);
    CHECK(pacer_is_dirty(p));
    pacer_result(p, PACER_DONE, 1031);
    CHECK_EQ(pacer_next(p), LLONG_MAX);
    CHECK(!pacer_is_dirty(p));
    pacer_dirty(p, 1032);
    CHECK_EQ(pacer_next(p), 1062);
    pacer_destroy(p);
}

TEST(at_once)
{
    struct pacer *p = pacer_create(&CONFIG);

    pacer_now(p, 1000);
    CHECK(pacer_next(p) <= 1000);
    pacer_result(p, PACER_FAILED, 1000);
    CHECK(pacer_next(p) > 1000);
    pacer_now(p, 1001);
    CHECK(pacer_next(p) <= 1001);
    /* It still counts as the second failure in a row. */
    pacer_result(p, PACER_FAILED, 1001);
    CHECK_UEQ(pacer_failures(p), 2);
    CHECK(pacer_next(p) >= 1001 + 150);
    pacer_destroy(p);
}

TEST(failures_back_off)
{
    struct pacer *p = pacer_create(&CONFIG);
    long long int now = 1000;
    long long int ms = PACER_BACKOFF_MIN_MS;
    bool jitter = false;

    pacer_dirty(p, now);
    for (int i = 0; i < 12; i++) {
        now = pacer_next(p);
        pacer_result(p, PACER_FAILED, now);
        CHECK(pacer_is_dirty(p));

        long long int wait = pacer_next(p) - now;
        CHECK(wait >= ms * 3 / 4);
        CHECK(wait <= ms * 5 / 4);
        jitter = jitter || wait != ms;

        /* More changes neither shorten nor lengthen the wait. */
        pacer_dirty(p, now + 1);
        CHECK_EQ(pacer_next(p), now + wait);
        ms = ms * 2 < 5000 ? ms * 2 : 5000;
    }
    CHECK(jitter);
    CHECK_UEQ(pacer_failures(p), 12);

    pacer_result(p, PACER_DONE, now);
    CHECK_UEQ(pacer_failures(p), 0);
    pacer_dirty(p, now);
    pacer_result(p, PACER_FAILED, now);
    CHECK(pacer_next(p) <= now + PACER_BACKOFF_MIN_MS * 5 / 4);
    pacer_destroy(p);
}

TEST(a_small_maximum)
{
    struct pacer_config config = CONFIG;
    config.backoff_max_ms = 1;
    struct pacer *p = pacer_create(&config);

    pacer_dirty(p, 0);
    for (int i = 0; i < 5; i++) {
        pacer_result(p, PACER_FAILED, 0);
        CHECK(pacer_next(p) <= 1);
    }
    pacer_destroy(p);
}

TEST(refresh)
{
    struct pacer_config config = CONFIG;
    config.refresh_ms = 60000;
    struct pacer *p = pacer_create(&config);

    /* Not before something was applied. */
    CHECK_EQ(pacer_next(p), LLONG_MAX);
    pacer_result(p, PACER_DONE, 1000);
    CHECK_EQ(pacer_next(p), 61000);
    pacer_dirty(p, 2000);
    CHECK_EQ(pacer_next(p), 2030);
    pacer_result(p, PACER_DONE, 2030);
    CHECK_EQ(pacer_next(p), 62030);
    pacer_dirty(p, 62020);
    CHECK_EQ(pacer_next(p), 62030);
    /* A failed refresh is repeated by the back-off. */
    pacer_result(p, PACER_FAILED, 62030);
    CHECK(pacer_next(p) <= 62030 + 125);
    pacer_destroy(p);
}

/* What was refused is tried again, later and later, and delays nothing. */
TEST(partial_success)
{
    static const struct pacer_config config = {
        .gather_ms = 30, .backoff_max_ms = 1000, .refresh_ms = 60000,
    };
    struct pacer *p = pacer_create(&config);
    long long int now = 0, last = 0;

    for (int i = 0; i < 8; i++) {
        pacer_result(p, PACER_PARTLY, now);
        CHECK(!pacer_is_dirty(p));
        CHECK_UEQ(pacer_failures(p), 0);
        long long int wait = pacer_next(p) - now;
        long long int want = MIN(100LL << i, 1000);

        CHECK(wait >= want * 3 / 4 && wait <= want * 5 / 4);
        last = wait;
        now += wait;
    }
    CHECK(last >= 750);

    /* A change comes meanwhile, and is gathered as always; it succeeds, and
     * what was refused is still refused. */
    pacer_result(p, PACER_PARTLY, now);
    pacer_dirty(p, now + 5);
    CHECK(pacer_next(p) == now + 35);
    pacer_result(p, PACER_PARTLY, now + 35);
    CHECK(pacer_next(p) >= now + 35 + 750);

    /* A failure comes first. */
    pacer_result(p, PACER_FAILED, now + 40);
    CHECK(pacer_next(p) <= now + 40 + 125);
    CHECK_UEQ(pacer_failures(p), 1);

    /* It is over. */
    pacer_result(p, PACER_DONE, now + 200);
    CHECK(pacer_next(p) == now + 200 + 60000);
    pacer_result(p, PACER_PARTLY, now + 300);
    CHECK(pacer_next(p) <= now + 300 + 125);
    pacer_destroy(p);
}
