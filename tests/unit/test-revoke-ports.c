/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Ports that go, come, or are stateless for a while: what becomes of their
 * flows, also if those that are revoked may go on. */

#include <config.h>
#include "agent/revoke.h"

#include <errno.h>
#include <netinet/in.h>

#include "tests/lib/policy-text.h"
#include "tests/lib/revoke-fixture.h"
#include "tests/lib/test.h"
#include "util.h"

/* Shows V33: only what is left of a port that is gone is deleted. */
TEST_BOTH_WAYS(ports_that_go)
{
    struct rvf f;

    rvf_begin(&f, false);
    rvf_add_flow(&f, 1, "10.0.0.8", "10.0.0.1", 53);
    rvf_add_flow(&f, 2, "10.0.0.8", "10.0.0.1", 53);
    rvf_add_flow(&f, 9, "10.0.0.8", "10.0.0.1", 53);
    rvf_set_policy(&f, PORT(1, "group=g1") "rules g1\n" OUT FROM_G2
                   "members g2 10.0.0.8\n");
    rvf_note_device(&f, "tap2");
    CHECK(rvf_wait_pass(&f, 100) >= 0);
    CHECK_UEQ(f.result.deleted, 1);
    CHECK_UEQ(rvf_mark_of(&f, 1, "10.0.0.8", "10.0.0.1", 53), 0);
    CHECK_UEQ(rvf_mark_of(&f, 2, "10.0.0.8", "10.0.0.1", 53), 12345);
    CHECK_UEQ(rvf_mark_of(&f, 9, "10.0.0.8", "10.0.0.1", 53), 0);

    /* It changes and stays. */
    f.now += 1000;
    rvf_set_policy(&f, PORT(1, "") "rules g1\n" OUT FROM_G2
                   "members g2 10.0.0.8\n");
    rvf_note_device(&f, "tap1");
    CHECK(rvf_wait_pass(&f, 100) >= 0);
    CHECK_UEQ(f.result.marked, 1);
    CHECK_UEQ(f.result.deleted, 0);
    rvf_uninit(&f);
}

TEST_BOTH_WAYS(a_port_that_goes_after_a_look_that_failed)
{
    struct rvf f;

    rvf_begin(&f, false);
    rvf_add_flow(&f, 2, "10.0.0.2", "10.0.0.8", 53);
    rvf_note_device(&f, "tap2");
    f.now += REVOKE_SETTLE_MS;
    for (int i = 0; i < 2 * REVOKE_SETTLE_MS; i++, f.now++) {
        rvf_turn(&f, 100, EPERM);
    }
    CHECK_EQ(f.n_passes, 1);
    rvf_set_policy(&f, PORT(1, "group=g1"));
    rvf_note_device(&f, "tap2");
    CHECK(rvf_wait_pass(&f, 2 * REVOKE_RETRY_MS) >= 0);
    CHECK_UEQ(f.result.deleted, 1);
    rvf_uninit(&f);
}

/* What is marked stays with the zone: without, it would begin anew the other
 * way round if the port came back.  Who gets the zone is looked at. */
TEST_BOTH_WAYS(marked_flows_of_ports_that_go)
{
    for (int allowed = 0; allowed < 2; allowed++) {
        struct rvf f;

        rvf_init(&f, false);
        rvf_add_flow(&f, 2, "10.0.0.8", "10.0.0.2", 53);
        rvf_add_flow(&f, 2, "10.0.0.2", "10.0.0.8", 53);
        rvf_start(&f);
        CHECK_UEQ(f.result.marked, 1);
        rvf_set_policy(&f, PORT(1, "group=g1") "rules g1\n" OUT FROM_G2
                       "members g2 10.0.0.8 10.0.0.9\n");
        rvf_note_device(&f, "tap2");
        CHECK(rvf_wait_pass(&f, 100) >= 0);
        CHECK_UEQ(f.result.deleted, 1);
        CHECK_UEQ(rvf_mark_of(&f, 2, "10.0.0.8", "10.0.0.2", 53), BIT);

        f.now += 1000;
        rvf_set_policy(&f, allowed ? PORT(1, "group=g1") PORT(2, "group=g1")
                       "rules g1\n" OUT FROM_G2 "members g2 10.0.0.8\n"
                       : BEFORE);
        rvf_note_device(&f, "tap2");
        CHECK(rvf_wait_pass(&f, 100) >= 0);
        CHECK_UEQ(rvf_mark_of(&f, 2, "10.0.0.8", "10.0.0.2", 53),
                  allowed ? 12345 : BIT);
        rvf_uninit(&f);
    }
}

/* What was tracked of it is deleted, but for what is marked: the rules that do
 * without the mark may not be in force yet.  Stateful again it is a port like
 * others. */
TEST_BOTH_WAYS(a_port_that_becomes_stateless)
{
    struct rvf f;

    rvf_begin(&f, false);
    rvf_add_flow(&f, 1, "10.0.0.8", "10.0.0.1", 53);
    rvf_add_flow(&f, 2, "10.0.0.2", "10.0.0.8", 53);
    rvf_add_flow(&f, 9, "10.0.0.8", "10.0.0.1", 53);
    rvf_set_policy(&f, PORTS "rules g1\n" OUT "rules g3\n" OUT "members g2\n");
    rvf_note_groups(&f, "g1");
    CHECK(rvf_wait_pass(&f, 100) >= 0);
    CHECK_UEQ(rvf_mark_of(&f, 1, "10.0.0.8", "10.0.0.1", 53), BIT);
    rvf_add_flow(&f, 1, "10.0.0.1", "10.0.0.8", 53);

    f.now += 1000;
    rvf_set_policy(&f, PORTS "rules g1 stateless\n" OUT "rules g3\n" OUT);
    rvf_note_groups(&f, "g1");
    CHECK(rvf_wait_pass(&f, 100) >= 0);
    CHECK_UEQ(f.result.deleted, 1);
    CHECK_UEQ(rvf_mark_of(&f, 1, "10.0.0.1", "10.0.0.8", 53), 12345);
    CHECK_UEQ(rvf_mark_of(&f, 1, "10.0.0.8", "10.0.0.1", 53), BIT);
    CHECK_UEQ(rvf_mark_of(&f, 2, "10.0.0.2", "10.0.0.8", 53), 0);
    CHECK_UEQ(rvf_mark_of(&f, 9, "10.0.0.8", "10.0.0.1", 53), 0);

    /* Where the marked one is, the kernel does not know any more; another one
     * has begun since. */
    f.now += 1000;
    rvf_add_flow(&f, 1, "10.0.0.1", "10.0.0.8", 53);
    rvf_set_policy(&f, BEFORE);
    rvf_note_groups(&f, "g1");
    CHECK(rvf_wait_pass(&f, 100) >= 0);
    CHECK_UEQ(f.result.deleted, 1);
    CHECK_UEQ(rvf_mark_of(&f, 1, "10.0.0.1", "10.0.0.8", 53), 0);
    CHECK_UEQ(rvf_mark_of(&f, 1, "10.0.0.8", "10.0.0.1", 53), 12345);
    rvf_uninit(&f);
}

/* Stateless for so short a time that nobody looked: what was tracked before is
 * out of date, but what the policy does not allow. */
static void
check_moment(bool in_time)
{
    struct rvf f;

    rvf_begin(&f, false);
    rvf_add_flow(&f, 1, "10.0.0.8", "10.0.0.1", 53);
    rvf_add_flow(&f, 1, "10.0.0.7", "10.0.0.1", 53);
    rvf_set_policy(&f, PORTS "rules g1 stateless\n" OUT FROM_G2 "rules g3\n"
                   OUT "members g2 10.0.0.8\n");
    rvf_note_groups(&f, "g1");
    rvf_in_force(&f, f.generation - !in_time, f.generation);
    f.now++;
    rvf_set_policy(&f, BEFORE);
    rvf_note_groups(&f, "g1");
    CHECK(rvf_wait_pass(&f, 1000) >= 0);
    CHECK(rvf_wait_pass(&f, 1000) >= 0 || !in_time);
    CHECK_UEQ(rvf_mark_of(&f, 1, "10.0.0.8", "10.0.0.1", 53),
              in_time ? 12345 : 0);
    CHECK_UEQ(rvf_mark_of(&f, 1, "10.0.0.7", "10.0.0.1", 53), BIT);
    rvf_uninit(&f);
}

TEST_BOTH_WAYS(a_port_that_is_stateless_for_a_moment)
{
    check_moment(true);
    /* The rules for it never came. */
    check_moment(false);
}

/* As long as the rules that do without are not in force, flows are. */
TEST_BOTH_WAYS(a_port_that_is_about_to_be_stateless)
{
    struct rvf f;

    rvf_begin(&f, false);
    rvf_add_flow(&f, 1, "10.0.0.8", "10.0.0.1", 53);
    rvf_note_member(&f, "10.0.0.8", false);
    rvf_set_policy(&f, PORTS "rules g1 stateless\n" OUT FROM_G2 "rules g3\n"
                   OUT "members g2 10.0.0.8\n");
    CHECK(rvf_wait_in_force(&f, f.generation - 1, f.generation) >= 0);
    CHECK_UEQ(f.result.judged, 1);
    CHECK_UEQ(f.result.deleted, 0);
    CHECK(rvf_wait_pass(&f, 1000) >= 0);
    CHECK_UEQ(f.result.deleted, 1);
    rvf_uninit(&f);
}

TEST_BOTH_WAYS(flows_may_be_left_alone)
{
    struct rvf f;

    rvf_init(&f, true);
    rvf_add_flow(&f, 1, "10.0.0.7", "10.0.0.1", 53);
    rvf_add_flow(&f, 1, "10.0.0.6", "10.0.0.1", 53);
    flow_table_memory_find(f.table, 1, &(struct flow_tuple) {
        .src = policy_text_prefix("10.0.0.7"),
        .dst = policy_text_prefix("10.0.0.1"),
        .proto = IPPROTO_UDP, .has_ports = true, .sport = 1000, .dport = 53,
    })->mark = BIT | 1;
    rvf_start(&f);
    CHECK_UEQ(rvf_mark_of(&f, 1, "10.0.0.7", "10.0.0.1", 53), 1);
    CHECK_UEQ(rvf_mark_of(&f, 1, "10.0.0.6", "10.0.0.1", 53), 0);
    rvf_note_member(&f, "10.0.0.7", false);
    rvf_note_groups(&f, "g1");
    CHECK_EQ(rvf_wait_pass(&f, 2000), -1);
    rvf_uninit(&f);
}

/* Also then nobody gets what another port left, and nothing is left of a port
 * that does not track flows. */
TEST_BOTH_WAYS(what_is_not_left_alone)
{
    static const struct {
        uint16_t zone;
        const char *src, *dst;
    } flows[] = {
        { 1, "10.0.0.7", "10.0.0.1" }, { 2, "10.0.0.7", "10.0.0.2" },
        { 3, "10.0.0.7", "10.0.0.3" }, { 3, "10.0.0.3", "10.0.0.7" },
        { 9, "10.0.0.7", "10.0.0.1" },
    };
    struct rvf f;

    rvf_begin(&f, true);
    for (size_t i = 0; i < ARRAY_SIZE(flows); i++) {
        rvf_add_flow(&f, flows[i].zone, flows[i].src, flows[i].dst, 53);
    }
    rvf_set_policy(&f, PORT(1, "group=g1") PORT(3, "group=g1") "rules g1\n" OUT
                   FROM_G2 "members g2 10.0.0.8\n");
    rvf_note_device(&f, "tap2");
    rvf_note_device(&f, "tap3");
    rvf_note_device(&f, "tap1");
    CHECK(rvf_wait_pass(&f, 100) >= 0);
    CHECK_UEQ(f.result.deleted, 2);
    CHECK_UEQ(rvf_mark_of(&f, 1, "10.0.0.7", "10.0.0.1", 53), 0);
    CHECK_UEQ(rvf_mark_of(&f, 2, "10.0.0.7", "10.0.0.2", 53), 12345);
    CHECK_UEQ(rvf_mark_of(&f, 3, "10.0.0.7", "10.0.0.3", 53), 12345);
    CHECK_UEQ(rvf_mark_of(&f, 3, "10.0.0.3", "10.0.0.7", 53), 0);

    f.now += 1000;
    rvf_set_policy(&f, PORT(1, "group=g1") PORT(3, "group=g3")
                   "rules g1 stateless\n" OUT FROM_G2 "rules g3\n" OUT
                   "members g2 10.0.0.8\n");
    rvf_note_groups(&f, "g1");
    CHECK(rvf_wait_pass(&f, 1000) >= 0);
    CHECK_UEQ(rvf_mark_of(&f, 1, "10.0.0.7", "10.0.0.1", 53), 12345);
    CHECK_UEQ(rvf_mark_of(&f, 3, "10.0.0.3", "10.0.0.7", 53), 0);
    CHECK_UEQ(rvf_mark_of(&f, 9, "10.0.0.7", "10.0.0.1", 53), 0);
    rvf_uninit(&f);
}
