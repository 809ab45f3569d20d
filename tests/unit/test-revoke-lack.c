/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* What becomes of flows while not all is known that may allow them: a port
 * names a group, or a rule a remote, that the controller has not told yet. */

#include <config.h>
#include "agent/revoke.h"

#include "tests/lib/revoke-fixture.h"
#include "tests/lib/test.h"
#include "util.h"

#define REST PORT(2, "group=g3") "rules g1\n" OUT FROM_G2 "rules g3\n" OUT  \
    "members g2 10.0.0.8 10.0.0.9\n"
/* g4 takes the place of g1, or of g2. */
#define MOVED(G4) PORT(1, "group=g4") REST G4
#define REMOTE(G4) PORTS "rules g1\n"                                       \
    "rule ingress IPv4 proto=17 ports=53-53 group=g4\nrules g3\n" OUT G4

static uint32_t
mark(struct rvf *f)
{
    return rvf_mark_of(f, 1, "10.0.0.1", "10.0.0.8", 53);
}

/* Has 10.0.0.1 speak to .8, whom g1 allows, and changes the policy. */
static void
begin_with(struct rvf *f, const char *text)
{
    rvf_begin(f, false);
    rvf_add_flow(f, 1, "10.0.0.1", "10.0.0.8", 53);
    f->now += 10 * 1000;
    rvf_set_policy(f, text);
    rvf_note_device(f, "tap1");
}

/* How long it takes until the flow is marked, in at most 10 s. */
static long long int
wait_mark(struct rvf *f)
{
    long long int since = f->now;

    while (!mark(f) && f->now - since < 10 * 1000) {
        rvf_wait_pass(f, 100);
    }
    return f->now - since;
}

TEST_BOTH_WAYS(a_group_that_is_told_later)
{
    struct rvf f;

    begin_with(&f, MOVED(""));
    CHECK_EQ(rvf_wait_pass(&f, 100), REVOKE_SETTLE_MS);
    CHECK_UEQ(f.result.judged, 1);
    CHECK_UEQ(mark(&f), 0);

    f.now += 20;
    rvf_set_policy(&f, MOVED("rules g4\n" OUT));
    rvf_note_groups(&f, "g4");
    CHECK(wait_mark(&f) >= 10 * 1000);
    rvf_uninit(&f);
}

/* It is told, and does not allow the flow. */
TEST_BOTH_WAYS(a_group_that_is_told_later_and_does_not_help)
{
    struct rvf f;

    begin_with(&f, MOVED(""));
    CHECK_EQ(rvf_wait_pass(&f, 100), REVOKE_SETTLE_MS);
    CHECK_UEQ(mark(&f), 0);
    rvf_set_policy(&f, MOVED("rules g4\n"));
    rvf_note_groups(&f, "g4");
    CHECK_EQ(rvf_wait_pass(&f, 1000), REVOKE_PACE_MS);
    CHECK_UEQ(mark(&f), BIT);
    rvf_uninit(&f);
}

TEST_BOTH_WAYS(a_group_that_is_never_told)
{
    struct rvf f;

    begin_with(&f, MOVED(""));
    CHECK_EQ(wait_mark(&f), REVOKE_SETTLE_MS + REVOKE_PACE_MS);
    rvf_uninit(&f);
}

/* The respite is not longer if the first look comes at its end. */
TEST_BOTH_WAYS(a_late_look)
{
    struct rvf f;

    begin_with(&f, MOVED(""));
    rvf_wait_in_force(&f, f.generation - 1, f.generation - 1);
    CHECK_EQ(rvf_wait_pass(&f, 100), REVOKE_SETTLE_MS);
    CHECK_UEQ(mark(&f), BIT);
    rvf_uninit(&f);
}

/* Who changes his port all the time, to what is not known or between that and
 * nothing, does not keep what was taken from him. */
static void
check_changes(const char *other)
{
    struct rvf f;
    int i;

    begin_with(&f, MOVED(""));
    for (i = 0; i < 20 && !mark(&f); i++) {
        long long int next = f.now + 100;

        while (rvf_wait_pass(&f, next - f.now) >= 0 && f.now < next) {
            continue;
        }
        rvf_set_policy(&f, i % 2 ? MOVED("") : other);
        rvf_note_device(&f, "tap1");
    }
    CHECK(i < 8);
    rvf_uninit(&f);
}

TEST_BOTH_WAYS(no_respite_without_end)
{
    check_changes(PORT(1, "group=g5") REST);
    check_changes(MOVED("rules g4\n"));
}

/* Whoever changes his port before each look, however seldom these are, has one
 * respite and not the next. */
TEST_BOTH_WAYS(no_respite_twice_in_a_row)
{
    struct rvf f;

    begin_with(&f, MOVED(""));
    CHECK(rvf_wait_pass(&f, 100) >= 0);
    CHECK_UEQ(mark(&f), 0);
    f.now += 10 * 1000;
    rvf_set_policy(&f, PORT(1, "group=g5") REST);
    rvf_note_device(&f, "tap1");
    CHECK(rvf_wait_pass(&f, 2000) >= 0);
    CHECK_UEQ(mark(&f), BIT);
    rvf_uninit(&f);
}

/* Nor one while looks are late: the second may come too late. */
TEST_BOTH_WAYS(no_respite_when_looks_are_late)
{
    struct rvf f;

    begin_with(&f, MOVED("rules g4\n" OUT));
    while (!rvf_turn(&f, 190 * 1000, 0)) {
        f.now++;
    }
    CHECK_UEQ(mark(&f), 0);
    f.now += REVOKE_PACE_MS - REVOKE_SETTLE_MS - 100;
    rvf_set_policy(&f, MOVED(""));
    rvf_note_device(&f, "tap1");
    f.now += REVOKE_LACK_MS - 100;
    CHECK(rvf_wait_pass(&f, 2000) >= 0);
    CHECK_UEQ(mark(&f), BIT);
    rvf_uninit(&f);
}

/* Later there is one again. */
TEST_BOTH_WAYS(another_respite)
{
    struct rvf f;

    begin_with(&f, MOVED(""));
    CHECK(rvf_wait_pass(&f, 100) >= 0);
    rvf_set_policy(&f, MOVED("rules g4\n" OUT));
    rvf_note_groups(&f, "g4");
    CHECK(rvf_wait_pass(&f, 1000) >= 0);
    CHECK_UEQ(mark(&f), 0);
    f.now += REVOKE_PACE_MS;
    rvf_set_policy(&f, PORT(1, "group=g5") REST);
    rvf_note_device(&f, "tap1");
    CHECK(rvf_wait_pass(&f, 1000) >= 0);
    CHECK_UEQ(mark(&f), 0);
    CHECK(wait_mark(&f) < 1000);
    rvf_uninit(&f);
}

/* A member leaves at the same time; his flows are looked at by address. */
TEST_BOTH_WAYS(looked_at_for_another_reason)
{
    struct rvf f;

    begin_with(&f, MOVED(""));
    rvf_note_member(&f, "10.0.0.8", false);
    rvf_in_force(&f, f.generation - 1, f.generation);
    f.now += REVOKE_SETTLE_MS;
    CHECK(rvf_turn(&f, 0, 0));
    CHECK_UEQ(f.result.judged, 1);
    CHECK_UEQ(mark(&f), 0);
    CHECK(wait_mark(&f) < 1000);
    rvf_uninit(&f);
}

TEST_BOTH_WAYS(a_remote_that_is_told_later)
{
    struct rvf f;

    rvf_begin(&f, false);
    rvf_add_flow(&f, 1, "10.0.0.8", "10.0.0.1", 53);
    f.now += 10 * 1000;
    rvf_set_policy(&f, REMOTE("members g4 absent\n"));
    rvf_note_groups(&f, "g1");
    CHECK_EQ(rvf_wait_pass(&f, 100), REVOKE_SETTLE_MS);
    CHECK_UEQ(f.result.judged, 1);
    CHECK_UEQ(rvf_mark_of(&f, 1, "10.0.0.8", "10.0.0.1", 53), 0);

    /* It does not come: .8 is not in it. */
    CHECK_EQ(rvf_wait_pass(&f, 1000), REVOKE_PACE_MS);
    CHECK_UEQ(rvf_mark_of(&f, 1, "10.0.0.8", "10.0.0.1", 53), BIT);
    rvf_uninit(&f);
}

/* Unknown is not deleted, nor empty, and these have no respite. */
TEST_BOTH_WAYS(what_is_known)
{
    static const char *const known[] = {
        MOVED("rules g4 deleted\n"), MOVED("rules g4\n"),
        PORT(1, "") REST, REST,
    };

    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        struct rvf f;

        begin_with(&f, known[i]);
        CHECK_EQ(rvf_wait_pass(&f, 100), REVOKE_SETTLE_MS);
        CHECK_UEQ(mark(&f), i < 3 ? BIT : 12345);
        rvf_uninit(&f);
    }
}

/* At the start all is judged by what is known. */
TEST_BOTH_WAYS(no_respite_at_the_start)
{
    struct rvf f;

    rvf_init(&f, false);
    rvf_set_policy(&f, MOVED(""));
    rvf_add_flow(&f, 1, "10.0.0.1", "10.0.0.8", 53);
    rvf_start(&f);
    CHECK_UEQ(mark(&f), BIT);
    rvf_uninit(&f);
}
