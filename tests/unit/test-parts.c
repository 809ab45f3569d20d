/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Lists in parts: every order makes the same list, everything else none. */

#include <config.h>
#include "agent/parts.h"

#include <stdio.h>

#include "tests/lib/policy-text.h"
#include "tests/lib/test.h"
#include "tests/lib/update-text.h"
#include "util.h"
#include "uuid.h"

static const struct parts_limits LIMITS = {
    .groups = 3, .members = 10, .set_entries = 15,
};

/* Adds the part that 'text' says.  '*n' becomes the members of a list that is
 * whole by it. */
static enum parts_result
add(struct parts *p, const char *text, size_t *n, const char **why)
{
    struct sg_members_spec whole;
    struct sg_update u;
    enum parts_result result;

    update_text_parse(&u, SG_METHOD_SYNC, text);
    result = parts_add(p, &LIMITS, &u.members[0], &whole, why);
    if (result == PARTS_WHOLE) {
        CHECK(whole.whole);
        CHECK(!whole.parts);
        CHECK_EQ(whole.revision, u.members[0].revision);
        CHECK(uuid_equals(&whole.group, &u.members[0].group));
        *n = whole.added.n;
        sg_members_spec_uninit(&whole);
    }
    sg_update_uninit(&u);
    return result;
}

static enum parts_result
add_only(struct parts *p, const char *text)
{
    const char *why;
    size_t n;

    return add(p, text, &n, &why);
}

TEST(any_order)
{
    static const int orders[][3] = {
        { 1, 2, 3 }, { 1, 3, 2 }, { 2, 1, 3 }, { 2, 3, 1 }, { 3, 1, 2 },
        { 3, 2, 1 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
        struct parts p;
        const char *why;
        size_t n = 0;

        parts_init(&p);
        for (size_t j = 0; j < 3; j++) {
            char text[64];

            snprintf(text, sizeof text, "members g1 rev=4 part=%d/3 +%d +%d",
                     orders[i][j], orders[i][j], orders[i][j] + 10);
            CHECK_EQ(add(&p, text, &n, &why),
                     j < 2 ? PARTS_MORE : PARTS_WHOLE);
        }
        CHECK_UEQ(n, 6);
        CHECK_UEQ(p.n_members, 0);
        parts_uninit(&p);
    }
}

TEST(one_part_and_empty_parts)
{
    struct parts p;
    const char *why;
    size_t n = 9;

    parts_init(&p);
    CHECK_EQ(add(&p, "members g1 rev=1 part=1/1 +1", &n, &why), PARTS_WHOLE);
    CHECK_UEQ(n, 1);
    CHECK_EQ(add_only(&p, "members g2 rev=1 part=1/2"), PARTS_MORE);
    CHECK_EQ(add(&p, "members g2 rev=1 part=2/2", &n, &why), PARTS_WHOLE);
    CHECK_UEQ(n, 0);
    parts_uninit(&p);
}

TEST(two_lists_interleaved)
{
    struct parts p;
    const char *why;
    size_t n = 0;

    parts_init(&p);
    CHECK_EQ(add_only(&p, "members g1 rev=4 part=1/2 +1"), PARTS_MORE);
    CHECK_EQ(add_only(&p, "members g2 rev=9 part=2/2 +5 +6"), PARTS_MORE);
    CHECK_UEQ(p.n_members, 3);
    CHECK_EQ(add(&p, "members g1 rev=4 part=2/2 +2", &n, &why), PARTS_WHOLE);
    CHECK_UEQ(n, 2);
    CHECK_EQ(add(&p, "members g2 rev=9 part=1/2 +7", &n, &why), PARTS_WHOLE);
    CHECK_UEQ(n, 3);
    parts_uninit(&p);
}

/* What does not belong together drops the list, and the rest of it. */
static void
check_dropped(const char *second, const char *reason)
{
    const char *why = NULL;
    struct uuid group;
    struct parts p;
    size_t n;

    parts_init(&p);
    CHECK_EQ(add_only(&p, "members g1 rev=4 part=1/3 +1"), PARTS_MORE);
    CHECK_EQ(add(&p, second, &n, &why), PARTS_DROPPED);
    CHECK_STR(why, reason);
    CHECK_UEQ(p.n_members, 0);
    for (int i = 1; i <= 3; i++) {
        char text[64];

        snprintf(text, sizeof text, "members g1 rev=4 part=%d/3 +1", i);
        CHECK_EQ(add_only(&p, text), PARTS_MORE);
    }
    CHECK_UEQ(p.n_members, 0);
    CHECK(!parts_pop_missing(&p, &group));
    parts_uninit(&p);
}

TEST(dropped)
{
    static const char changed[]
        = "its members changed between two parts of the list";

    check_dropped("members g1 rev=5 part=2/3 +2", changed);
    check_dropped("members g1 rev=3 part=2/3 +2", changed);
    check_dropped("members g1 rev=4 part=2/4 +2", changed);
    check_dropped("members g1 rev=4 part=4096/4096 +2", changed);
    check_dropped("members g1 rev=4 part=1/3 +1",
                  "a part of its members came twice");
    check_dropped("members g1 rev=4 part=2/3 +1 +2 +3 +4 +5 +6 +7 +8 +9 +10",
                  "its members in parts are more than a group may have");
}

TEST(limits_of_the_host)
{
    const char *why = NULL;
    struct parts p;
    size_t n;

    parts_init(&p);
    CHECK_EQ(add_only(&p, "members g1 rev=1 part=1/2 "
                      "+1 +2 +3 +4 +5 +6 +7 +8 +9 +10"), PARTS_MORE);
    CHECK_EQ(add_only(&p, "members g2 rev=1 part=1/2 +1 +2 +3 +4 +5"),
             PARTS_MORE);
    CHECK_EQ(add(&p, "members g2 rev=1 part=2/2 +6", &n, &why),
             PARTS_DROPPED);
    CHECK_STR(why, "all members in parts are more than this host may have");
    CHECK_UEQ(p.n_members, 10);
    CHECK_EQ(add_only(&p, "members g3 rev=1 part=1/2 +1"), PARTS_MORE);
    CHECK_EQ(add(&p, "members g4 rev=1 part=1/2 +1", &n, &why),
             PARTS_DROPPED);
    CHECK_STR(why, "more groups in parts than this host may have");
    parts_clear(&p);
    CHECK_UEQ(p.n_members, 0);
    CHECK_EQ(add_only(&p, "members g4 rev=1 part=1/2 +1"), PARTS_MORE);
    parts_uninit(&p);
}

TEST(what_is_missing_at_the_end)
{
    struct uuid id1 = policy_text_id("g1");
    struct uuid group;
    struct parts p;

    parts_init(&p);
    CHECK_EQ(add_only(&p, "members g1 rev=1 part=1/2 +1"), PARTS_MORE);
    CHECK_EQ(add_only(&p, "members g2 rev=1 part=1/1 +1"), PARTS_WHOLE);
    REQUIRE(parts_pop_missing(&p, &group));
    CHECK(uuid_equals(&group, &id1));
    CHECK(!parts_pop_missing(&p, &group));
    CHECK_UEQ(p.n_members, 0);
    parts_uninit(&p);
}

/* Once whole, the same again is no news, and another revision is. */
TEST(after_the_end)
{
    struct parts p;
    const char *why;
    size_t n = 0;

    parts_init(&p);
    CHECK_EQ(add_only(&p, "members g1 rev=1 part=1/1 +1"), PARTS_WHOLE);
    CHECK_EQ(add_only(&p, "members g1 rev=1 part=1/1 +1"), PARTS_MORE);
    CHECK_EQ(add_only(&p, "members g1 rev=2 part=1/2 +1"), PARTS_MORE);
    CHECK_EQ(add(&p, "members g1 rev=2 part=2/2 +2", &n, &why), PARTS_WHOLE);
    CHECK_UEQ(n, 2);
    parts_uninit(&p);
}
