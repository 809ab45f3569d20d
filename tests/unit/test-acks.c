/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Who waits for what, and for how long. */

#include <config.h>
#include "agent/acks.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "openvswitch/dynamic-string.h"
#include "tests/lib/test.h"
#include "util.h"

static const struct acks_question FIRST = { .number = 1, .begun = 1000 };

/* Takes what is ready, as "a b". */
static void
check_taken(struct acks *acks, uint64_t applied, long long int now,
            const char *expected)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    bool ready = acks_ready(acks, applied, now);
    char **texts;
    size_t n;

    texts = acks_take(acks, applied, now, &n);
    CHECK(ready == (n > 0));
    for (size_t i = 0; i < n; i++) {
        ds_put_format(&s, "%s%s", i ? " " : "", texts[i]);
    }
    CHECK_STR(ds_cstr(&s), expected);
    sg_texts_free(texts, n);
    ds_destroy(&s);
}

TEST(by_generation)
{
    struct acks acks = { .n = 0 };

    CHECK(acks_next(&acks) == LLONG_MAX);
    check_taken(&acks, UINT64_MAX, 0, "");
    acks_add(&acks, "a", 7, 1000);
    acks_add(&acks, "b", 9, 1100);
    acks_add(&acks, "c", 8, 1200);
    CHECK_EQ(acks_next(&acks), 1000 + ACKS_MAX_MS);
    check_taken(&acks, 6, 1300, "");
    check_taken(&acks, 8, 1300, "a c");
    CHECK_EQ(acks_next(&acks), 1100 + ACKS_MAX_MS);
    check_taken(&acks, 9, 1300, "b");
    check_taken(&acks, 9, 1300, "");
}

TEST(by_time)
{
    struct acks acks = { .n = 0 };

    acks_add(&acks, "a", 7, 1000);
    acks_add_unanswered(&acks, "b", &FIRST, 2000);
    check_taken(&acks, 6, 5999, "");
    check_taken(&acks, 6, 6000, "a");
    check_taken(&acks, 6, 7000, "b");
}

TEST(after_an_answer)
{
    struct acks acks = { .n = 0 };

    acks_add_unanswered(&acks, "a", &FIRST, 1000);
    acks_add(&acks, "b", 5, 1000);
    check_taken(&acks, 8, 1001, "b");
    acks_answered(&acks, &FIRST, 9);
    check_taken(&acks, 8, 1002, "");
    check_taken(&acks, 9, 1003, "a");
}

/* Not by the answer to an older question, nor to one that was begun before the
 * object was due. */
TEST(after_the_right_answer)
{
    const struct acks_question due = { .number = 3, .begun = 1500 };
    struct acks acks = { .n = 0 };

    acks_add_unanswered(&acks, "a", &due, 1000);
    acks_answered(&acks, &(struct acks_question) { 2, 1600 }, 9);
    acks_answered(&acks, &(struct acks_question) { 3, 1499 }, 9);
    check_taken(&acks, 9, 1600, "");
    acks_answered(&acks, &(struct acks_question) { 3, 1500 }, 10);
    acks_answered(&acks, &(struct acks_question) { 4, 1600 }, 11);
    check_taken(&acks, 9, 1601, "");
    check_taken(&acks, 10, 1602, "a");
}

/* The same again, on something that is to be asked for: for the later one. */
TEST(again_unanswered)
{
    struct acks acks = { .n = 0 };

    acks_add(&acks, "a", 7, 1000);
    acks_add_unanswered(&acks, "a", &(struct acks_question) { 3, 1500 }, 1100);
    acks_add_unanswered(&acks, "a", &(struct acks_question) { 2, 1700 }, 1200);
    acks_add(&acks, "a", 8, 1300);
    CHECK_EQ(acks_next(&acks), 1000 + ACKS_MAX_MS);
    acks_answered(&acks, &(struct acks_question) { 3, 1600 }, 9);
    acks_answered(&acks, &(struct acks_question) { 2, 1700 }, 9);
    check_taken(&acks, 9, 1900, "");
    acks_answered(&acks, &(struct acks_question) { 3, 1700 }, 9);
    check_taken(&acks, 9, 1901, "a");
}

/* Twice the same is one, for the later of both. */
TEST(twice)
{
    struct acks acks = { .n = 0 };

    acks_add(&acks, "a", 7, 1000);
    acks_add(&acks, "a", 9, 2000);
    acks_add(&acks, "a", 8, 3000);
    CHECK_EQ(acks_next(&acks), 1000 + ACKS_MAX_MS);
    check_taken(&acks, 8, 4000, "");
    check_taken(&acks, 9, 4000, "a");
}

TEST(bounded)
{
    struct acks acks = { .n = 0 };
    char text[RPC_MAX_ACK + 1];
    char **texts;
    size_t n;

    for (int i = 0; i < RPC_MAX_ACKED + 3; i++) {
        snprintf(text, sizeof text, "%0*d", RPC_MAX_ACK, i);
        acks_add(&acks, text, 1, 1000);
    }
    CHECK_UEQ(acks.n_dropped, 3);
    texts = acks_take(&acks, 1, 1000, &n);
    REQUIRE(n == RPC_MAX_ACKED);
    CHECK_UEQ(strlen(texts[0]), RPC_MAX_ACK);
    sg_texts_free(texts, n);

    acks_add(&acks, "a", 1, 1000);
    acks_clear(&acks);
    check_taken(&acks, 1, 9000, "");
}
