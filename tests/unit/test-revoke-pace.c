/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* When flows are looked at: what looks may cost, who waits for whom, and looks
 * that fail. */

#include <config.h>
#include "agent/revoke.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "tests/lib/revoke-fixture.h"
#include "tests/lib/test.h"
#include "util.h"

/* A member flaps every 100 ms and each look takes 20 ms; another change waits
 * no longer for that than for the next look. */
TEST(who_flaps_makes_nobody_wait)
{
    struct rvf f;
    long long int begun;
    int64_t cpu = 0;
    bool in = true;
    int n = 0;

    rvf_few_flows = REVOKE_FEW_FLOWS;
    rvf_begin(&f, false);
    rvf_add_flow(&f, 1, "10.0.0.9", "10.0.0.1", 53);
    begun = f.now;
    for (; f.now < begun + 60000; f.now++) {
        if (f.now % 100 == 0) {
            in = !in;
            f.pt.policy.generation = ++f.generation;
            rvf_note_member(&f, "10.0.0.8", in);
        }
        if (f.now == begun + 30050) {
            rvf_set_policy(&f, PORTS "rules g1\n" OUT FROM_G2 "rules g3\n" OUT
                           "members g2 10.0.0.8\n");
            rvf_note_member(&f, "10.0.0.9", false);
        }
        if (rvf_turn(&f, 20000, 0)) {
            cpu += 20000;
            n++;
            if (f.result.marked) {
                CHECK(f.now - begun - 30050 <= REVOKE_PACE_MS + 20);
            }
        }
    }
    CHECK_UEQ(rvf_mark_of(&f, 1, "10.0.0.9", "10.0.0.1", 53), BIT);
    CHECK(n >= 100 && n <= 121);
    CHECK(cpu <= 60000 * REVOKE_CPU_PER_MILLE + REVOKE_CPU_BURST_US);
    rvf_uninit(&f);
}

/* A prefix flaps, for which every flow has to be looked at, at 180 ms each
 * time; others, who lose an address now and then, do not wait for that, and
 * their looks stay narrow. */
TEST(who_flaps_dearly_makes_nobody_wait)
{
    struct rvf f;
    long long int begun, left = LLONG_MAX, worst = 0, seen_dear = 0;
    int64_t cpu = 0;
    int n = 0, served = 0;

    rvf_few_flows = 0;
    rvf_init(&f, false);
    rvf_start(&f);
    for (int i = 0; i < 100; i++) {
        char text[SG_PREFIX_STRLEN];

        snprintf(text, sizeof text, "10.0.1.%d", i);
        rvf_add_flow(&f, 2, "10.0.0.2", text, 53);
    }
    begun = f.now;
    for (; f.now < begun + 120000; f.now++) {
        long long int t = f.now - begun;

        if (t % 100 == 0) {
            f.pt.policy.generation = ++f.generation;
            rvf_note_member(&f, "10.0.1.0/24", false);
        }
        if (t % 4700 == 4699) {
            char text[SG_PREFIX_STRLEN];

            snprintf(text, sizeof text, "10.0.2.%d", n++);
            f.pt.policy.generation = ++f.generation;
            rvf_note_member(&f, text, false);
            left = f.now;
        }

        rvf_in_force(&f, f.generation, f.generation);
        struct revoke_job *job = revoke_begin(f.r, &f.pt.policy, f.now);
        if (job) {
            struct flow_filter filters[REVOKE_MAX_FILTERS];
            bool dear = revoke_job_plan(job, 100000, filters) == 1;
            struct revoke_result result = { .cpu_us = dear ? 180000 : 70000 };

            cpu += result.cpu_us;
            seen_dear += dear;
            if (sg_members_count(&job->addresses) > 1 || !dear) {
                served++;
                worst = MAX(worst, f.now - left);
            }
            revoke_end(f.r, job, &result, f.now);
        }
    }
    CHECK_EQ(served, n);
    CHECK(worst <= REVOKE_PACE_MS + 2 * REVOKE_SETTLE_MS);
    CHECK(seen_dear >= 40);
    CHECK(cpu <= 120000 * REVOKE_CPU_PER_MILLE + REVOKE_CPU_BURST_US
                 + REVOKE_CPU_CREDIT_US + 180000);
    rvf_uninit(&f);
}

/* But who flaps does not wait for ever, however much others need. */
TEST(who_flaps_has_his_turn)
{
    struct revoke_status s;
    struct rvf f;
    long long int begun;

    rvf_init(&f, false);
    rvf_start(&f);
    begun = f.now;
    for (; f.now < begun + 60000; f.now++) {
        if (f.now % 100 == 0) {
            char text[SG_PREFIX_STRLEN];

            snprintf(text, sizeof text, "10.1.%lld.%lld", f.now / 25600 % 256,
                     f.now / 100 % 256);
            f.pt.policy.generation = ++f.generation;
            rvf_note_member(&f, text, false);
            rvf_note_member(&f, "10.0.0.8", false);
        }
        rvf_turn(&f, 60000, 0);
        revoke_get_status(f.r, &s);
        CHECK(s.waiting_since == LLONG_MAX
              || f.now - s.waiting_since <= REVOKE_AGAIN_MAX_MS + 1000);
    }
    rvf_uninit(&f);
}

/* The look at everything after a start is nobody's fault. */
TEST(the_start_is_not_charged)
{
    struct rvf f;

    rvf_init(&f, false);
    revoke_started(f.r, &f.pt.policy, false, f.now);
    while (!rvf_turn(&f, 3000000, 0)) {
        f.now++;
    }
    f.now += 100;
    rvf_note_member(&f, "10.0.0.8", false);
    CHECK(rvf_wait_pass(&f, REVOKE_PACE_MS) >= 0);
    rvf_uninit(&f);
}

/* Looks that are dear: never more than a tenth of a core. */
TEST(dear_looks_are_seldom)
{
    struct rvf f;
    long long int begun;
    int64_t cpu = 0;

    rvf_begin(&f, false);
    begun = f.now;
    for (; f.now < begun + 60000; f.now++) {
        if (f.now % 100 == 0) {
            f.pt.policy.generation = ++f.generation;
            rvf_note_member(&f, "10.0.0.8", false);
        }
        cpu += rvf_turn(&f, 300000, 0) ? 300000 : 0;
    }
    CHECK(cpu > 60000 * REVOKE_CPU_PER_MILLE / 2);
    CHECK(cpu <= 60000 * REVOKE_CPU_PER_MILLE + REVOKE_CPU_BURST_US
                 + 300000);
    rvf_uninit(&f);
}

TEST_BOTH_WAYS(a_look_that_fails_is_taken_again)
{
    struct revoke_status s;
    struct rvf f;
    long long int last;
    int n = 0;

    rvf_begin(&f, false);
    rvf_add_flow(&f, 1, "10.0.0.8", "10.0.0.1", 53);
    rvf_set_policy(&f, PORTS "rules g1\n" OUT FROM_G2 "rules g3\n" OUT
                   "members g2 10.0.0.9\n");
    rvf_note_member(&f, "10.0.0.8", false);
    last = f.now;
    for (; n < 10 && f.now <= last + 3 * REVOKE_RETRY_MAX_MS; f.now++) {
        if (rvf_turn(&f, 100, EPERM)) {
            CHECK(!n || f.now - last <= 2 * REVOKE_RETRY_MAX_MS);
            CHECK(!n || f.now - last >= REVOKE_RETRY_MS);
            last = f.now;
            n++;
        }
    }
    revoke_get_status(f.r, &s);
    CHECK_UEQ(s.passes_failed, 10);
    CHECK(s.problem != NULL);
    CHECK(s.waiting_since != LLONG_MAX);
    CHECK(rvf_wait_pass(&f, REVOKE_RETRY_MAX_MS) >= 0);
    CHECK_UEQ(f.result.marked, 1);
    revoke_get_status(f.r, &s);
    CHECK(!s.problem);
    CHECK_EQ(s.waiting_since, LLONG_MAX);
    rvf_uninit(&f);
}
