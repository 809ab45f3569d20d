/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* What the system tests believe rests on this: which packets count as lost,
 * which as leaked, which are not judged. */

#include "tests/lib/prober-account.h"

#include <stdlib.h>

#include "tests/lib/test.h"

enum { MS = 1000 };

/* One packet each millisecond from 0 to 99; those from 'gone' to 'back' are
 * not received, the others after 2 ms. */
static struct account
hundred_packets(int gone, int back)
{
    struct account a;

    account_init(&a);
    for (int i = 0; i < 100; i++) {
        account_sent(&a, i * MS);
        if (i < gone || i >= back) {
            CHECK(account_received(&a, i, (i + 2) * MS));
        }
    }
    return a;
}

static void
account_free(struct account *a)
{
    free(a->packets);
    free(a->events);
}

TEST(nothing_expected_nothing_judged)
{
    struct account a = hundred_packets(40, 60);
    struct verdict v;

    account_judge(&a, 0, &v);
    CHECK_UEQ(v.unjudged, 100);
    CHECK_UEQ(v.lost + v.leaked + v.allowed + v.denied, 0);
    CHECK_UEQ(v.p50_us, 2 * MS);
    CHECK_UEQ(v.max_us, 2 * MS);
    account_free(&a);
}

TEST(lost_while_allowed)
{
    struct account a = hundred_packets(40, 60);
    struct verdict v;

    account_expect(&a, 0, EXPECT_ALLOWED);
    account_judge(&a, 20 * MS, &v);
    CHECK_UEQ(v.allowed, 100);
    CHECK_UEQ(v.lost, 20);
    CHECK_UEQ(v.lost_runs.n, 1);
    CHECK_UEQ(v.lost_runs.list[0].first, 40);
    CHECK_UEQ(v.lost_runs.list[0].count, 20);
    CHECK_EQ(v.lost_runs.list[0].from_us, 40 * MS);
    CHECK_EQ(v.lost_runs.list[0].to_us, 59 * MS);
    account_free(&a);
}

TEST(what_may_still_arrive_is_not_lost_yet)
{
    struct account a = hundred_packets(40, 60);
    struct verdict v;

    account_expect(&a, 0, EXPECT_ALLOWED);
    account_judge_until(&a, 20 * MS, 50 * MS, &v);
    CHECK_UEQ(v.allowed, 50);
    CHECK_UEQ(v.lost, 10);
    CHECK_UEQ(v.unjudged, 50);
    account_free(&a);
}

TEST(leaked_while_denied)
{
    struct account a = hundred_packets(40, 60);
    struct verdict v;

    /* Allowed until 30, a change in the air until 45, then denied: the 40
     * packets from 60 on should not have come through. */
    account_expect(&a, 0, EXPECT_ALLOWED);
    account_expect(&a, 30 * MS, EXPECT_ANY);
    account_expect(&a, 45 * MS, EXPECT_DENIED);
    account_judge(&a, 0, &v);
    CHECK_UEQ(v.allowed, 30);
    CHECK_UEQ(v.lost, 0);
    CHECK_UEQ(v.unjudged, 15);
    CHECK_UEQ(v.denied, 55);
    CHECK_UEQ(v.leaked, 40);
    CHECK_UEQ(v.leaked_runs.n, 1);
    CHECK_UEQ(v.leaked_runs.list[0].first, 60);
    account_free(&a);
}

TEST(guard_is_before_the_end_only)
{
    struct account a = hundred_packets(20, 40);
    struct verdict v;

    /* The guard takes 20..29, the first ten lost ones, from the end of
     * "allowed"; 10 more are sent under "any".  Of "denied" it takes nothing:
     * that one does not end. */
    account_expect(&a, 0, EXPECT_ALLOWED);
    account_expect(&a, 30 * MS, EXPECT_ANY);
    account_expect(&a, 40 * MS, EXPECT_DENIED);
    account_judge(&a, 10 * MS, &v);
    CHECK_UEQ(v.allowed, 20);
    CHECK_UEQ(v.lost, 0);
    CHECK_UEQ(v.unjudged, 20);
    CHECK_UEQ(v.denied, 60);
    CHECK_UEQ(v.leaked, 60);
    account_free(&a);
}

TEST(first_and_last_arrival)
{
    struct account a = hundred_packets(40, 100);

    CHECK_EQ(a.first_received_us, 2 * MS);
    CHECK_EQ(a.last_received_us, 41 * MS);
    account_expect(&a, 50 * MS, EXPECT_DENIED);
    CHECK_EQ(a.first_received_us, 2 * MS);
    account_expect(&a, 60 * MS, EXPECT_ANY);
    CHECK_EQ(a.first_received_us, -1);
    CHECK(account_received(&a, 70, 72 * MS));
    account_expect(&a, 80 * MS, EXPECT_ALLOWED);
    CHECK_EQ(a.first_received_us, 72 * MS);
    account_free(&a);
}

TEST(the_same_expectation_is_no_event)
{
    struct account a = hundred_packets(0, 0);

    account_expect(&a, 0, EXPECT_ANY);
    CHECK_UEQ(a.n_events, 0);
    account_expect(&a, 10, EXPECT_DENIED);
    account_expect(&a, 20, EXPECT_DENIED);
    CHECK_UEQ(a.n_events, 1);
    account_free(&a);
}

TEST(duplicates_and_strangers)
{
    struct account a = hundred_packets(0, 0);

    CHECK(account_received(&a, 5, 200 * MS));
    CHECK_UEQ(a.n_duplicates, 1);
    CHECK_UEQ(a.n_received, 100);
    CHECK(!account_received(&a, 100, 200 * MS));
    account_free(&a);
}

TEST(many_runs_are_all_counted)
{
    struct account a;
    struct verdict v;

    account_init(&a);
    account_expect(&a, 0, EXPECT_ALLOWED);
    for (int i = 0; i < 10000; i++) {
        account_sent(&a, i * MS);
        if (i % 2) {
            CHECK(account_received(&a, i, i * MS));
        }
    }
    account_judge(&a, 0, &v);
    CHECK_UEQ(v.lost, 5000);
    CHECK_UEQ(v.lost_runs.n, MAX_RUNS);
    CHECK_UEQ(v.lost_runs.list[MAX_RUNS - 1].count, 1);
    account_free(&a);
}
