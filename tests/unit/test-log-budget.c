/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* How many lines others may cause in the log. */

#include <config.h>
#include "agent/log_budget.h"

#include <limits.h>

#include "tests/lib/test.h"

static int
take(struct log_budget *b, int n, long long int now)
{
    int taken = 0;

    for (int i = 0; i < n; i++) {
        taken += log_budget_take(b, now);
    }
    return taken;
}

TEST(at_the_limit_and_one_more)
{
    struct log_budget b;

    log_budget_init(&b, 100, 5000);
    CHECK_EQ(take(&b, 100, 5000), 100);
    CHECK_UEQ(log_budget_say(&b, 7000), 0);
    CHECK_EQ(take(&b, 1, 5000), 0);
    CHECK_UEQ(b.suppressed_total, 1);
}

TEST(a_flood_gets_its_rate)
{
    struct log_budget b;
    int taken = 0;

    log_budget_init(&b, 100, 0);
    for (long long int now = 0; now < 10000; now++) {
        taken += take(&b, 5, now);
    }
    /* The full second at the start, and ten seconds of 100. */
    CHECK(taken >= 1090 && taken <= 1100);
    CHECK_UEQ(b.suppressed_total, 50000 - taken);
}

TEST(a_pause_fills_it_once)
{
    struct log_budget b;

    log_budget_init(&b, 3, 0);
    CHECK_EQ(take(&b, 9, 0), 3);
    CHECK_EQ(take(&b, 9, 333), 0);
    CHECK_EQ(take(&b, 9, 334), 1);
    CHECK_EQ(take(&b, 9, LLONG_MAX / 2), 3);
    /* A clock that goes back gives nothing. */
    CHECK_EQ(take(&b, 9, 0), 0);
    CHECK_EQ(take(&b, 9, LLONG_MAX / 2), 0);
}

TEST(what_was_suppressed_is_said_once)
{
    struct log_budget b;

    log_budget_init(&b, 1, 1000);
    CHECK_UEQ(log_budget_say(&b, 1000), 0);
    CHECK_EQ(take(&b, 5, 1000), 1);
    CHECK_UEQ(log_budget_say(&b, 1500), 0);
    CHECK_EQ(take(&b, 2, 1600), 0);
    CHECK_UEQ(log_budget_say(&b, 2000), 6);
    CHECK_UEQ(log_budget_say(&b, 2001), 0);
    CHECK_UEQ(log_budget_say(&b, 99999), 0);
    CHECK_UEQ(b.suppressed_total, 6);
}
