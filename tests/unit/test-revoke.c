/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Which flows are looked at, and what becomes of them: at the start, and when
 * rules or members come and go. */

#include <config.h>
#include "agent/revoke.h"

#include <limits.h>
#include <stdio.h>

#include "tests/lib/policy-text.h"
#include "tests/lib/revoke-fixture.h"
#include "tests/lib/test.h"

/* At the start every flow of our zones, whoever marked it, and none else. */
TEST(the_start_judges_everything)
{
    struct revoke_status s;
    struct rvf f;

    rvf_init(&f, false);
    rvf_add_flow(&f, 1, "10.0.0.8", "10.0.0.1", 53);
    rvf_add_flow(&f, 1, "10.0.0.7", "10.0.0.1", 53);
    rvf_add_flow(&f, 2, "10.0.0.8", "10.0.0.2", 53);
    rvf_add_flow(&f, 2, "10.0.0.2", "10.0.0.8", 53);
    rvf_add_flow(&f, 9, "10.0.0.7", "10.0.0.1", 53);
    CHECK_EQ(revoke_next(f.r), LLONG_MAX);
    f.now += 60000;
    revoke_get_status(f.r, &s);
    CHECK_EQ(s.waiting_since, 1000);
    CHECK_STR(revoke_wait_name(s.waiting_for), "start");
    rvf_start(&f);
    revoke_get_status(f.r, &s);
    CHECK_EQ(s.waiting_since, LLONG_MAX);
    CHECK_UEQ(f.result.marked, 2);
    CHECK_UEQ(f.result.judged, 4);
    CHECK_UEQ(rvf_mark_of(&f, 1, "10.0.0.8", "10.0.0.1", 53), 0);
    CHECK_UEQ(rvf_mark_of(&f, 1, "10.0.0.7", "10.0.0.1", 53), BIT);
    CHECK_UEQ(rvf_mark_of(&f, 2, "10.0.0.8", "10.0.0.2", 53), BIT);
    CHECK_UEQ(rvf_mark_of(&f, 2, "10.0.0.2", "10.0.0.8", 53), 0);
    CHECK_UEQ(rvf_mark_of(&f, 9, "10.0.0.7", "10.0.0.1", 53), 0);
    CHECK_EQ(revoke_next(f.r), LLONG_MAX);
    rvf_uninit(&f);
}

/* Nothing had filtered the host: a flow may have been met while its server
 * spoke.  What the policy allows neither way is cut, and once something of the
 * port changes the one who is entered as the beginner counts. */
TEST(the_first_start_takes_either_end_for_the_beginner)
{
    struct rvf f;

    for (int unfiltered = 0; unfiltered < 2; unfiltered++) {
        rvf_init(&f, false);
        f.unfiltered = unfiltered;
        rvf_set_policy(&f, PORTS "rules g1\nrule ingress IPv4 proto=6\n"
                       FROM_G2 "rules g3\n" OUT
                       "members g2 10.0.0.8 10.0.0.9\n");
        rvf_add_tuple(&f, 1, rvf_answer("10.0.0.1", "10.0.0.8", 53));
        rvf_add_tuple(&f, 1, rvf_answer("10.0.0.1", "10.0.0.7", 53));
        rvf_add_flow(&f, 1, "10.0.0.1", "10.0.0.8", 53);
        rvf_start(&f);
        CHECK_UEQ(rvf_mark_of_tuple(&f, 1,
                                    rvf_answer("10.0.0.1", "10.0.0.8", 53)),
                  unfiltered ? 0 : BIT);
        CHECK_UEQ(rvf_mark_of_tuple(&f, 1,
                                    rvf_answer("10.0.0.1", "10.0.0.7", 53)),
                  BIT);
        CHECK_UEQ(rvf_mark_of(&f, 1, "10.0.0.1", "10.0.0.8", 53), BIT);

        rvf_set_policy(&f, PORTS "rules g1\n" FROM_G2 "rules g3\n" OUT
                       "members g2 10.0.0.8 10.0.0.9\n");
        rvf_note_groups(&f, "g1");
        CHECK(rvf_wait_pass(&f, 100) >= 0);
        CHECK_UEQ(rvf_mark_of_tuple(&f, 1,
                                    rvf_answer("10.0.0.1", "10.0.0.8", 53)),
                  BIT);
        rvf_uninit(&f);
    }
}

/* A flow of DCCP is all ports of two addresses, each way by a rule: it is cut
 * when neither way has one left. */
TEST(dccp_is_cut_when_no_way_is_left)
{
    static const char text[]
        = PORT(1, "group=g1") PORT(2, "group=g2") PORT(3, "group=g3")
          "rules g1\nrule egress IPv4 proto=33 ports=80-80\n"
          "rules g2\nrule ingress IPv4 proto=33 ports=80-80\n"
          "rules g3\nrule ingress IPv4 proto=17\n";
    struct rvf f;

    rvf_init(&f, false);
    rvf_set_policy(&f, text);
    rvf_add_tuple(&f, 1, rvf_dccp("10.0.0.8", "10.0.0.1"));
    rvf_add_tuple(&f, 1, rvf_dccp("10.0.0.1", "10.0.0.9"));
    rvf_add_tuple(&f, 2, rvf_dccp("10.0.0.8", "10.0.0.2"));
    rvf_add_tuple(&f, 2, rvf_dccp("10.0.0.2", "10.0.0.9"));
    rvf_add_tuple(&f, 3, rvf_dccp("10.0.0.8", "10.0.0.3"));
    rvf_add_tuple(&f, 3, rvf_dccp("10.0.0.3", "10.0.0.9"));
    rvf_start(&f);
    CHECK_UEQ(f.result.judged, 6);
    CHECK_UEQ(f.result.marked, 2);
    CHECK_UEQ(rvf_mark_of_tuple(&f, 3, rvf_dccp("10.0.0.8", "10.0.0.3")), BIT);
    CHECK_UEQ(rvf_mark_of_tuple(&f, 3, rvf_dccp("10.0.0.3", "10.0.0.9")), BIT);
    rvf_uninit(&f);
}

/* Nothing before the rules are in force, and packets under way have
 * passed. */
TEST_BOTH_WAYS(rules_first)
{
    struct rvf f;

    rvf_begin(&f, false);
    rvf_add_flow(&f, 1, "10.0.0.8", "10.0.0.1", 53);
    rvf_set_policy(&f, PORTS "rules g1\n" OUT "rules g3\n" OUT "members g2\n");
    rvf_note_groups(&f, "g1");
    for (int i = 0; i < 1000; i++) {
        f.now++;
        rvf_in_force(&f, f.generation - 1, f.generation);
        CHECK(!revoke_begin(f.r, &f.pt.policy, f.now));
    }
    CHECK_EQ(rvf_wait_pass(&f, 100), REVOKE_SETTLE_MS);
    CHECK_UEQ(rvf_mark_of(&f, 1, "10.0.0.8", "10.0.0.1", 53), BIT);

    struct revoke_status s;
    revoke_get_status(f.r, &s);
    CHECK_EQ(s.cut_lag_ms, 1000 + REVOKE_SETTLE_MS);
    CHECK_EQ(s.waiting_since, LLONG_MAX);

    /* And back again. */
    f.now += 1000;
    rvf_set_policy(&f, BEFORE);
    rvf_note_groups(&f, "g1");
    CHECK(rvf_wait_pass(&f, 100) >= 0);
    CHECK_UEQ(f.result.cleared, 1);
    rvf_uninit(&f);
}

TEST_BOTH_WAYS(a_member_that_leaves_and_comes)
{
    struct rvf f;

    rvf_begin(&f, false);
    rvf_add_flow(&f, 1, "10.0.0.8", "10.0.0.1", 53);
    rvf_add_flow(&f, 1, "10.0.0.9", "10.0.0.1", 53);
    rvf_set_policy(&f, PORTS "rules g1\n" OUT FROM_G2 "rules g3\n" OUT
                   "members g2 10.0.0.9\n");
    rvf_note_member(&f, "10.0.0.8", false);
    CHECK_EQ(rvf_wait_pass(&f, 100), REVOKE_SETTLE_MS);
    CHECK_UEQ(f.result.judged, 1);
    CHECK_UEQ(rvf_mark_of(&f, 1, "10.0.0.8", "10.0.0.1", 53), BIT);

    f.now += 1000;
    rvf_set_policy(&f, BEFORE);
    rvf_note_member(&f, "10.0.0.8", true);
    CHECK_EQ(rvf_wait_pass(&f, 100), REVOKE_SETTLE_MS);
    CHECK_UEQ(rvf_mark_of(&f, 1, "10.0.0.8", "10.0.0.1", 53), 0);

    /* Nothing is marked any more: who comes costs nothing. */
    f.now += 1000;
    rvf_note_member(&f, "10.0.0.7", true);
    CHECK_EQ(rvf_wait_pass(&f, 2000), -1);
    rvf_uninit(&f);
}

/* While commits fail, who has left is out of the sets, and his flows are cut
 * all the same; what rules revoke waits. */
TEST_BOTH_WAYS(deletions_do_not_wait_for_rules)
{
    struct revoke_status s;
    struct rvf f;

    rvf_begin(&f, false);
    rvf_add_flow(&f, 1, "10.0.0.8", "10.0.0.1", 53);
    rvf_add_flow(&f, 2, "10.0.0.2", "10.0.0.9", 53);
    rvf_set_policy(&f, PORTS "rules g1\n" OUT FROM_G2 "rules g3\n"
                   "members g2 10.0.0.9\n");
    rvf_note_groups(&f, "g3");
    f.now += 10;
    rvf_note_member(&f, "10.0.0.8", false);
    CHECK_EQ(rvf_wait_in_force(&f, f.generation - 1, f.generation - 1), -1);
    revoke_get_status(f.r, &s);
    CHECK_EQ(s.waiting_for, REVOKE_WAITS_FOR_RULES);

    CHECK_EQ(rvf_wait_in_force(&f, f.generation - 1, f.generation),
             REVOKE_SETTLE_MS);
    CHECK_UEQ(rvf_mark_of(&f, 1, "10.0.0.8", "10.0.0.1", 53), BIT);
    CHECK_UEQ(rvf_mark_of(&f, 2, "10.0.0.2", "10.0.0.9", 53), 0);
    CHECK_EQ(rvf_wait_in_force(&f, f.generation - 1, f.generation), -1);
    revoke_get_status(f.r, &s);
    CHECK(s.waiting_since != LLONG_MAX);
    CHECK_EQ(s.waiting_for, REVOKE_WAITS_FOR_RULES);

    CHECK_EQ(rvf_wait_pass(&f, 100), REVOKE_SETTLE_MS);
    CHECK_UEQ(rvf_mark_of(&f, 2, "10.0.0.2", "10.0.0.9", 53), BIT);

    /* And who could not be deleted. */
    rvf_note_member(&f, "10.0.0.9", false);
    CHECK_EQ(rvf_wait_in_force(&f, f.generation - 1, f.generation - 1), -1);
    revoke_get_status(f.r, &s);
    CHECK_EQ(s.waiting_for, REVOKE_WAITS_FOR_DELETIONS);
    rvf_uninit(&f);
}

/* A rule that comes takes nothing away, however it is called. */
TEST_BOTH_WAYS(rules_that_only_come)
{
    struct rvf f;

    rvf_begin(&f, false);
    rvf_add_flow(&f, 1, "10.0.0.8", "10.0.0.1", 53);
    rvf_set_policy(&f, PORTS "rules g1\nrule ingress IPv4 proto=6 id=r9\n"
                   FROM_G2 OUT "rules g3\n" OUT "members g2 10.0.0.8\n");
    rvf_note_groups(&f, "g1");
    CHECK_EQ(rvf_wait_pass(&f, 2000), -1);
    rvf_set_policy(&f, PORTS "rules g1\n" OUT FROM_G2 "rules g3\n" OUT
                   "members g2 10.0.0.8\n");
    rvf_note_groups(&f, "g1");
    CHECK(rvf_wait_pass(&f, 100) >= 0);
    CHECK_UEQ(f.result.judged, 1);
    CHECK_UEQ(f.result.marked, 0);
    rvf_uninit(&f);
}

/* Groups come, are used, and go when their time is over, which the structure
 * lane is not told by name. */
TEST(groups_that_are_gone_are_forgotten)
{
    struct rvf f;

    rvf_begin(&f, false);
    for (int i = 0; i < 100; i++) {
        char group[16], text[1024];

        snprintf(group, sizeof group, "g%d", 100 + i);
        snprintf(text, sizeof text, BEFORE "rules %s\n" OUT, group);
        rvf_set_policy(&f, text);
        rvf_note_groups(&f, group);
        rvf_set_policy(&f, BEFORE);
        revoke_note_structure(f.r, &f.pt.policy, &(struct store_dirty) {
            .n_groups = 0,
        }, f.now);
        CHECK(revoke_n_remembered(f.r)
              <= hmap_count(&f.pt.policy.groups));
    }

    /* The others are remembered. */
    rvf_set_policy(&f, BEFORE);
    rvf_note_groups(&f, "g1");
    CHECK_EQ(rvf_wait_pass(&f, 2000), -1);
    rvf_uninit(&f);
}

/* What the table is asked for. */
TEST(plans)
{
    struct flow_filter filters[REVOKE_MAX_FILTERS];
    struct rvf f;

    rvf_few_flows = REVOKE_FEW_FLOWS;
    rvf_begin(&f, false);
    rvf_note_member(&f, "10.0.0.8", false);
    rvf_note_member(&f, "2001:db8::8", false);
    rvf_note_device(&f, "tap2");
    rvf_in_force(&f, f.generation, f.generation);
    f.now += REVOKE_SETTLE_MS;
    rvf_in_force(&f, f.generation, f.generation);
    struct revoke_job *job = revoke_begin(f.r, &f.pt.policy, f.now);
    REQUIRE(job);

    CHECK_UEQ(revoke_job_plan(job, 0, filters), 0);
    CHECK_UEQ(revoke_job_plan(job, REVOKE_FEW_FLOWS, filters), 1);
    CHECK_EQ(filters[0].kind, FLOW_ALL);
    CHECK_UEQ(filters[0].mark, 0);
    CHECK_UEQ(revoke_job_plan(job, 100000, filters), 4);
    CHECK_EQ(filters[0].kind, FLOW_OF_ZONE);
    CHECK_EQ(filters[0].zone, 2);
    CHECK_EQ(filters[1].kind, FLOW_FROM);
    CHECK_EQ(filters[2].kind, FLOW_TO);
    CHECK_EQ(filters[3].kind, FLOW_OF_IPV6);

    for (int i = 0; i < 3; i++) {
        char text[SG_PREFIX_STRLEN];

        snprintf(text, sizeof text, "10.0.1.%d", i);
        struct sg_prefix p = policy_text_prefix(text);
        sg_members_add(&job->addresses, &p);
    }
    CHECK_UEQ(revoke_job_plan(job, 100000, filters), 1);
    CHECK_EQ(filters[0].kind, FLOW_ALL);

    /* No filter has prefixes. */
    sg_members_clear(&job->addresses);
    struct sg_prefix p = policy_text_prefix("10.0.1.0/24");
    sg_members_add(&job->addresses, &p);
    CHECK_UEQ(revoke_job_plan(job, 100000, filters), 1);
    CHECK_EQ(filters[0].kind, FLOW_ALL);
    revoke_end(f.r, job, &f.result, f.now);
    rvf_uninit(&f);
}

/* Prefixes leave: whoever is in one of them, whichever way, and who left
 * beside them. */
TEST_BOTH_WAYS(prefixes_that_leave)
{
    struct rvf f;

    rvf_begin(&f, false);
    rvf_set_policy(&f, PORTS "rules g1\nrules g3\nmembers g2\n");
    rvf_note_member(&f, "10.1.0.0/16", false);
    rvf_note_member(&f, "10.2.3.0/25", false);
    rvf_note_member(&f, "2001:db8:1::/48", false);
    rvf_note_member(&f, "10.0.0.8", false);
    rvf_add_flow(&f, 1, "10.1.255.1", "10.0.0.1", 53);
    rvf_add_flow(&f, 1, "10.0.0.1", "10.2.3.127", 53);
    rvf_add_flow(&f, 1, "10.2.3.128", "10.0.0.1", 53);
    rvf_add_flow(&f, 1, "2001:db8:1:ffff::1", "2001:db8::1", 53);
    rvf_add_flow(&f, 1, "2001:db8:2::1", "2001:db8::1", 53);
    rvf_add_flow(&f, 1, "10.0.0.8", "10.0.0.1", 53);
    CHECK(rvf_wait_pass(&f, 100) >= 0);
    CHECK_UEQ(f.result.judged, 4);
    CHECK_UEQ(f.result.marked, 4);
    CHECK_UEQ(rvf_mark_of(&f, 1, "10.2.3.128", "10.0.0.1", 53), 0);
    CHECK_UEQ(rvf_mark_of(&f, 1, "2001:db8:2::1", "2001:db8::1", 53), 0);
    rvf_uninit(&f);
}

/* More addresses than can be kept: everything is looked at. */
TEST(many_addresses)
{
    struct rvf f;

    rvf_begin(&f, false);
    rvf_add_flow(&f, 2, "10.0.0.8", "10.0.0.2", 53);
    for (int i = 0; i <= REVOKE_MAX_ADDRESSES; i++) {
        char text[SG_PREFIX_STRLEN];

        snprintf(text, sizeof text, "10.1.%d.%d", i / 256, i % 256);
        rvf_note_member(&f, text, false);
    }
    CHECK(rvf_wait_pass(&f, 100) >= 0);
    CHECK_UEQ(f.result.judged, 1);
    CHECK_UEQ(f.result.marked, 1);
    rvf_uninit(&f);
}
