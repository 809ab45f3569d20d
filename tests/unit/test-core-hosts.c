/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The controller without io: what it makes of what hosts report.  Digests
 * that are wrong, names that two agents have, latencies that add up. */

#include <config.h>
#include "tools/sg-controller/core.h"

#include <stdlib.h>

#include "tests/lib/core-fixture.h"
#include "tests/lib/test.h"
#include "tools/sg-controller/closure.h"
#include "tools/sg-controller/interest.h"
#include "tools/sg-controller/ref_set.h"
#include "tools/sg-controller/state.h"
#include "util.h"
#include "uuid.h"

/* The right digest for a host with P1. */
static char *
right_digest(struct core_fixture *f)
{
    const struct state *state = core_state(f->core);
    char *digest = xmalloc(RPC_DIGEST_LEN + 1);
    struct ref_set refs;
    struct uuid port;

    REQUIRE(sg_id_from_string(P1, &port));
    ref_set_init(&refs);
    closure_add_port(state_topology(state), &port, &refs);
    closure_digest(state, &refs, digest);
    ref_set_destroy(&refs);
    return digest;
}

#define NO_DIGEST_TAIL "a39a3ee5e6b4b0d3255bfef95601890afd80709"
#define NO_DIGEST "d"NO_DIGEST_TAIL

TEST(a_wrong_digest_is_told_at_most_every_ten_seconds)
{
    struct core_fixture f;
    char *digest;

    cf_setup(&f);
    cf_set_addresses(&f, "10.0.0.1");
    core_up(f.core, &f.at);
    f.at.now += HOST_SETTLE_MS;
    cf_sync(&f);
    digest = right_digest(&f);
    cf_report(&f, "boot-1", digest);
    CHECK_EQ(cf_view(&f)->digest, HOST_DIGEST_RIGHT);
    CHECK_OUTPUT(&f, "reply");

    cf_report(&f, "boot-1", NO_DIGEST);
    CHECK_EQ(cf_view(&f)->digest, HOST_DIGEST_WRONG);
    CHECK_OUTPUT(&f, "resync");
    f.at.now += HOST_RESYNC_MS - 1;
    cf_report(&f, "boot-1", NO_DIGEST);
    CHECK_OUTPUT(&f, "");
    f.at.now++;
    cf_report(&f, "boot-1", NO_DIGEST);
    CHECK_OUTPUT(&f, "resync");
    CHECK_EQ(core_counters(f.core)->resyncs, 2);

    /* None, or one of another epoch, says nothing. */
    f.at.now += HOST_RESYNC_MS;
    cf_report(&f, "boot-1", NULL);
    CHECK_EQ(cf_view(&f)->digest, HOST_DIGEST_UNKNOWN);
    f.report.epoch.ms--;
    cf_report(&f, "boot-1", NO_DIGEST);
    CHECK_EQ(cf_view(&f)->digest, HOST_DIGEST_UNKNOWN);
    CHECK_OUTPUT(&f, "");
    free(digest);
    cf_teardown(&f);
}

/* An object that the agent refuses whenever it is given it. */
TEST(a_digest_that_stays_wrong_is_told_ever_less)
{
    struct core_fixture f;
    int told = 0;

    cf_setup(&f);
    cf_set_addresses(&f, "10.0.0.1");
    core_up(f.core, &f.at);
    f.at.now += HOST_SETTLE_MS;
    for (int i = 0; i < 60; i++) {
        cf_sync(&f);
        cf_report(&f, "boot-1", NO_DIGEST);
        f.at.now += HOST_RESYNC_MS;
    }
    told = core_counters(f.core)->resyncs;
    /* At 0, 10, 30, 70, 150 s and then every 120 s: eight of sixty. */
    CHECK_EQ(told, 8);

    /* Another one that is wrong is news. */
    cf_report(&f, "boot-1", "0"NO_DIGEST_TAIL);
    CHECK_EQ(core_counters(f.core)->resyncs, told + 1);
    f.at.now += HOST_RESYNC_MS;
    cf_report(&f, "boot-1", "0"NO_DIGEST_TAIL);
    CHECK_EQ(core_counters(f.core)->resyncs, told + 2);
    cf_teardown(&f);
}

/* Its digest may be right: what changes from now on it would not be told. */
TEST(a_host_that_was_forgotten_is_told_to_ask)
{
    struct core_fixture f;
    char *digest;

    cf_setup(&f);
    cf_set_addresses(&f, "10.0.0.1");
    core_up(f.core, &f.at);
    cf_sync(&f);
    CHECK_OUTPUT(&f, "reply");
    digest = right_digest(&f);
    cf_report(&f, "boot-1", digest);
    CHECK_OUTPUT(&f, "");
    f.at.now += INTEREST_SILENCE_MS + CORE_EXPIRE_INTERVAL_MS;
    core_run(f.core, &f.at);
    CHECK_EQ(interest_count(core_interest(f.core)), 0);
    free(cf_output(&f));
    cf_report(&f, "boot-1", digest);
    CHECK_OUTPUT(&f, "resync");
    cf_report(&f, "boot-1", digest);
    CHECK_OUTPUT(&f, "");
    f.at.now += HOST_RESYNC_MS;
    cf_report(&f, "boot-1", digest);
    CHECK_OUTPUT(&f, "resync");
    f.at.now += HOST_RESYNC_MS;
    cf_sync(&f);
    cf_report(&f, "boot-1", digest);
    CHECK_OUTPUT(&f, "reply");
    /* Another epoch's host asks anyway. */
    f.at.now += INTEREST_SILENCE_MS + CORE_EXPIRE_INTERVAL_MS;
    core_run(f.core, &f.at);
    free(cf_output(&f));
    f.report.epoch.ms--;
    cf_report(&f, "boot-1", digest);
    CHECK_OUTPUT(&f, "");
    free(digest);
    cf_teardown(&f);
}

TEST(a_change_on_its_way_makes_no_digest_wrong)
{
    struct core_fixture f;
    char *before;

    cf_setup(&f);
    cf_set_addresses(&f, "10.0.0.1");
    core_up(f.core, &f.at);
    f.at.now += HOST_SETTLE_MS;
    cf_sync(&f);
    before = right_digest(&f);
    cf_set_addresses(&f, "10.0.0.2");
    free(cf_output(&f));
    f.at.now += HOST_SETTLE_MS - 1;
    cf_report(&f, "boot-1", before);
    CHECK_EQ(cf_view(&f)->digest, HOST_DIGEST_UNKNOWN);
    CHECK_OUTPUT(&f, "");
    f.at.now++;
    cf_report(&f, "boot-1", before);
    CHECK_EQ(cf_view(&f)->digest, HOST_DIGEST_WRONG);
    CHECK_OUTPUT(&f, "resync");
    free(before);
    cf_teardown(&f);
}

/* Something of the host's changes with every report.  That explains one wrong
 * digest, not one after the other. */
TEST(changes_all_the_time_excuse_no_digest_for_long)
{
    struct core_fixture f;
    const char *address[] = { "10.0.0.1", "10.0.0.2" };
    char *digest;

    cf_setup(&f);
    cf_set_addresses(&f, address[0]);
    core_up(f.core, &f.at);
    cf_sync(&f);
    for (int i = 0; i < 5; i++) {
        cf_set_addresses(&f, address[i % 2]);
        free(cf_output(&f));
        cf_report(&f, "boot-1", NO_DIGEST);
        CHECK_EQ(cf_view(&f)->digest,
                 i < 4 ? HOST_DIGEST_UNKNOWN : HOST_DIGEST_WRONG);
        CHECK_OUTPUT(&f, i < 4 ? "" : "resync");
        f.at.now += HOST_EXCUSED_MS / 4;
    }

    /* A right one, and all are excused again. */
    digest = right_digest(&f);
    cf_report(&f, "boot-1", digest);
    CHECK_EQ(cf_view(&f)->digest, HOST_DIGEST_RIGHT);
    f.at.now += HOST_RESYNC_MS;
    cf_set_addresses(&f, address[1]);
    free(cf_output(&f));
    cf_report(&f, "boot-1", digest);
    CHECK_EQ(cf_view(&f)->digest, HOST_DIGEST_UNKNOWN);
    CHECK_OUTPUT(&f, "");
    free(digest);
    cf_teardown(&f);
}

/* Two agents of one host name have asked, one after the other. */
static void
setup_namesakes(struct core_fixture *f)
{
    cf_setup(f);
    cf_set_addresses(f, "10.0.0.1");
    core_up(f->core, &f->at);
    cf_sync_boot(f, "a");
    cf_sync_boot(f, "b");
}

/* The other one was heard nearly too long ago to count. */
TEST(a_duplicate_always_has_two_boots)
{
    struct core_fixture f;

    setup_namesakes(&f);
    f.at.now += HOST_BOOT_MS;
    cf_report(&f, "a", NULL);
    CHECK_OUTPUT(&f, "reply, reply, duplicate_host a b");
    f.at.now++;
    cf_report(&f, "a", NULL);
    CHECK_OUTPUT(&f, "duplicate_host a b");
    f.at.now += HOST_DUPLICATE_MS;
    cf_report(&f, "a", NULL);
    CHECK_OUTPUT(&f, "");
    CHECK_UEQ(cf_view(&f)->n_boots, 1);
    cf_teardown(&f);
}

TEST(two_agents_with_one_name_are_told)
{
    struct core_fixture f;

    setup_namesakes(&f);
    cf_report(&f, "b", NULL);
    CHECK_OUTPUT(&f, "reply, reply");
    cf_report(&f, "a", NULL);
    CHECK_OUTPUT(&f, "duplicate_host a b");
    f.at.now += 30000;
    cf_report(&f, "b", NULL);
    CHECK_OUTPUT(&f, "duplicate_host b a");

    /* Until one alone was heard for long enough. */
    f.at.now += HOST_DUPLICATE_MS - 1;
    cf_report(&f, "b", NULL);
    CHECK_OUTPUT(&f, "duplicate_host b a");
    f.at.now++;
    cf_report(&f, "b", NULL);
    CHECK_OUTPUT(&f, "");
    CHECK(!host_view_is_duplicate(cf_view(&f), f.at.now));

    /* Restarts are none, however many; nor is one after a long time. */
    for (int i = 0; i < 20; i++) {
        char *boot = xasprintf("run-%d", i);

        cf_report(&f, boot, NULL);
        free(boot);
    }
    for (int i = 0; i < 25; i++) {
        f.at.now += 30000;
        cf_report(&f, "run-19", NULL);
    }
    cf_report(&f, "run-18", NULL);
    CHECK_OUTPUT(&f, "");
    cf_teardown(&f);
}

/* Counts "members stored": those of all runs of all agents. */
static uint64_t
sum_latency(struct core_fixture *f)
{
    struct sg_latency latency;

    interest_latency(core_interest(f->core), &latency);
    return sg_latency_total(&latency, SG_KIND_MEMBERS, SG_LATENCY_STORED);
}

TEST(latencies_add_up_over_restarts_of_agents)
{
    struct core_fixture f;

    cf_setup(&f);
    f.report.has_latency = true;
    f.report.latency.counts[SG_KIND_MEMBERS][SG_LATENCY_STORED][3] = 10;
    cf_report(&f, "a", NULL);
    CHECK_UEQ(sum_latency(&f), 10);
    f.report.latency.counts[SG_KIND_MEMBERS][SG_LATENCY_STORED][3] = 12;
    cf_report(&f, "a", NULL);
    cf_report(&f, "a", NULL);
    CHECK_UEQ(sum_latency(&f), 12);
    f.report.latency.counts[SG_KIND_MEMBERS][SG_LATENCY_STORED][3] = 5;
    cf_report(&f, "b", NULL);
    CHECK_UEQ(sum_latency(&f), 17);
    /* Two at a time: each has counts of its own. */
    f.report.latency.counts[SG_KIND_MEMBERS][SG_LATENCY_STORED][3] = 13;
    cf_report(&f, "a", NULL);
    f.report.latency.counts[SG_KIND_MEMBERS][SG_LATENCY_STORED][3] = 6;
    cf_report(&f, "b", NULL);
    CHECK_UEQ(sum_latency(&f), 19);

    /* A host that was forgotten and comes back is counted once. */
    f.at.now += INTEREST_SILENCE_MS + CORE_EXPIRE_INTERVAL_MS;
    core_run(f.core, &f.at);
    CHECK_UEQ(sum_latency(&f), 0);
    cf_report(&f, "b", NULL);
    CHECK_UEQ(sum_latency(&f), 6);
    cf_teardown(&f);
}

TEST(a_later_epoch_is_counted)
{
    const struct core_later_epoch *later;
    struct core_fixture f;

    cf_setup(&f);
    later = core_later_epoch(f.core);
    cf_report(&f, "a", NULL);
    f.report.epoch.ms--;
    cf_report(&f, "a", NULL);
    CHECK_UEQ(later->n, 0);
    f.report.epoch.ms += 3;
    cf_report(&f, "a", NULL);
    f.report.epoch.ms--;
    cf_report(&f, "a", NULL);
    CHECK_UEQ(later->n, 2);
    CHECK_EQ(later->epoch.ms, cf_epoch.ms + 2);
    CHECK_EQ(later->last, f.at.now);
    cf_teardown(&f);
}
