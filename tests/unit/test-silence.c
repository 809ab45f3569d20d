/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "rpc/silence.h"

#include "tests/lib/test.h"

TEST(limit)
{
    struct silence s;

    silence_init(&s, 1000, 50);
    CHECK(!silence_is_over(&s, 50));
    CHECK(!silence_is_over(&s, 1050));
    CHECK(silence_is_over(&s, 1051));
    silence_broken(&s, 1051);
    CHECK(!silence_is_over(&s, 2051));
    CHECK(silence_is_over(&s, 2052));

    silence_init(&s, 0, 50);
    CHECK(!silence_is_over(&s, 1000000));
}

/* The time in which we did not run does not count; an ordinary delay does. */
TEST(stall)
{
    struct silence s;

    silence_init(&s, 12000, 0);
    silence_slept(&s, 5000, 5000 + SILENCE_STALL_MS);
    CHECK(silence_is_over(&s, 12001));

    silence_slept(&s, 5000, 65000);
    CHECK(!silence_is_over(&s, 65000));
    CHECK(!silence_is_over(&s, 72000));
    CHECK(silence_is_over(&s, 72001));

    /* Woken up in time, by something. */
    silence_slept(&s, 80000, 72500);
    CHECK(silence_is_over(&s, 72001));
}
