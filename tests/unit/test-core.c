/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The controller without io: bodies and topologies in, messages out, on a
 * clock that the test turns. */

#include <config.h>
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "openvswitch/dynamic-string.h"
#include "tools/sg-controller/beacon.h"
#include "tools/sg-controller/closure.h"
#include "tools/sg-controller/core.h"
#include "tools/sg-controller/id_list.h"
#include "tools/sg-controller/interest.h"
#include "tools/sg-controller/preview.h"
#include "tools/sg-controller/ref_set.h"
#include "tools/sg-controller/state.h"
#include "tools/sg-controller/topology.h"
#include "util.h"
#include "uuid.h"

#define G1 "5ec00000-0000-4000-8000-000000000001"
#define P1 "90000000-0000-4000-8000-000000000001"
#define MSG_ID "0123456789abcdef0123456789abcdef"

static const struct sg_epoch epoch = { 1700000000000, 0xabcd };

struct fixture {
    struct controller_core *core;
    struct rpc_limits limits;
    struct core_time at;
    unsigned int n;             /* Requests sent, for their unique ids. */
    struct sg_report report;    /* What reports have besides. */
};

static void
setup_with(struct fixture *f, size_t max_out_bytes)
{
    static const struct uuid seed = { { 1, 2, 3, 4 } };
    struct core_config config;

    memset(f, 0, sizeof *f);
    core_config_init(&config, &epoch, &seed);
    config.max_out_bytes = max_out_bytes;
    f->limits = config.limits;
    f->core = core_create(&config);
    f->at = (struct core_time) { 5000, 1700000000123 };
    f->report.epoch = epoch;
}

static void
setup(struct fixture *f)
{
    setup_with(f, CORE_MAX_OUT_BYTES);
}

static void
teardown(struct fixture *f)
{
    core_destroy(f->core);
}

static void
advance(struct fixture *f, long long int ms)
{
    f->at.now += ms;
    f->at.wall += ms;
    core_run(f->core, &f->at);
}

/* P1 in G1 with these fixed IPs, "10.0.0.1, 10.0.0.2". */
static uint64_t
set_addresses(struct fixture *f, const char *addresses)
{
    struct topology *topology = NULL;
    char *text = xasprintf("groups: [{id: "G1", rules: [\n"
                           " {id: 5ec00000-0001-4000-8000-000000000001,\n"
                           "  direction: ingress, ethertype: IPv4,\n"
                           "  remote_group_id: "G1"}]}]\n"
                           "ports: [{id: "P1",\n"
                           " mac_address: '02:00:00:00:00:01',\n"
                           " fixed_ips: [%s], security_groups: ["G1"]}]\n",
                           addresses);

    REQUIRE(CHECK_NO_ERROR(topology_parse(text, strlen(text), "t", &f->limits,
                                          &topology)));
    free(text);
    return core_set_topology(f->core, topology, 0, &f->at);
}

/* Host "h1" asks for P1, as the run 'boot' of its agent. */
static void
sync_boot(struct fixture *f, const char *boot)
{
    struct sg_sync_request request;
    char unique_id[33], *body, *problem;
    struct uuid port;
    size_t len;

    memset(&request, 0, sizeof request);
    REQUIRE(sg_id_from_string(P1, &port));
    request.host = CONST_CAST(char *, "h1");
    request.boot = CONST_CAST(char *, boot);
    request.ports = &port;
    request.n_ports = 1;
    snprintf(unique_id, sizeof unique_id, "%032u", ++f->n);
    body = rpc_encode_sync_call(&request, MSG_ID, "reply_1", unique_id, &len);
    CHECK_EQ(core_request(f->core, body, len, &f->at, &problem),
             DISPATCH_SYNC);
    CHECK(!problem);
    free(body);
}

static void
sync_host(struct fixture *f)
{
    sync_boot(f, "boot-1");
}

/* Host "h1" reports 'digest', in the epoch in 'f->report'. */
static void
report_digest(struct fixture *f, const char *boot, const char *digest)
{
    struct sg_report report = f->report;
    char unique_id[33], *body, *problem;
    size_t len;

    report.host = CONST_CAST(char *, "h1");
    report.boot = CONST_CAST(char *, boot);
    report.digest = CONST_CAST(char *, digest);
    snprintf(unique_id, sizeof unique_id, "%032u", ++f->n);
    body = rpc_encode_report(&report, unique_id, &len);
    CHECK_EQ(core_request(f->core, body, len, &f->at, &problem),
             DISPATCH_REPORT);
    CHECK(!problem);
    free(body);
}

static struct topology *parse_ports(struct fixture *, int n);

/* What the controller knows of "h1". */
static const struct host_view *
get_view(struct fixture *f)
{
    const struct interest_host **hosts;
    const struct host_view *view;

    REQUIRE(interest_hosts(core_interest(f->core), &hosts) == 1);
    view = &hosts[0]->view;
    free(hosts);
    return view;
}

/* The right digest for a host with P1. */
static char *
right_digest(struct fixture *f)
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

static void
put_message(struct fixture *f, struct ds *ds,
            const struct core_message *message)
{
    struct rpc_message decoded;
    struct sg_update update;

    CHECK_EQ(message->len, strlen(message->body));
    REQUIRE(CHECK_NO_ERROR(rpc_message_decode(message->body, message->len,
                                              &f->limits, &decoded)));
    ds_put_cstr(ds, ds->length ? ", " : "");
    if (decoded.type == RPC_REPLY) {
        CHECK_STR(message->exchange, "");
        CHECK_STR(message->routing_key, "reply_1");
        CHECK(message->mandatory && !message->declare);
        ds_put_cstr(ds, "reply");
    } else {
        CHECK(message->exchange[0] && message->declare
              && !message->mandatory);
        REQUIRE(CHECK_NO_ERROR(rpc_update_from_request(&decoded, &f->limits,
                                                       &update)));
        CHECK_EQ(update.sent, f->at.wall);
        CHECK_EQ(message->is_beacon, update.method == SG_METHOD_BEACON);
        ds_put_cstr(ds, decoded.method);
        if (update.n_members) {
            ds_put_format(ds, " +%zu-%zu", update.members[0].added.n,
                          update.members[0].removed.n);
        }
        if (update.n_entries) {
            ds_put_format(ds, " %zu", update.n_entries);
        }
        if (update.ack) {
            ds_put_format(ds, " (%s)", update.ack);
        }
        for (size_t i = 0; i < update.n_boots; i++) {
            ds_put_format(ds, " %s", update.boots[i]);
        }
        sg_update_uninit(&update);
    }
    rpc_message_uninit(&decoded);
}

/* Takes all that the core has to say: "reply, beacon". */
static char *
output(struct fixture *f)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct core_message *message;

    while ((message = core_pop(f->core)) != NULL) {
        put_message(f, &ds, message);
        core_message_destroy(message);
    }
    ds_put_cstr(&ds, "");
    return ds_steal_cstr(&ds);
}

#define CHECK_OUTPUT(F, TEXT)                           \
    do {                                                \
        char *output_ = output(F);                      \
        CHECK_STR(output_, TEXT);                       \
        free(output_);                                  \
    } while (0)

TEST(a_request_is_answered_and_a_change_follows)
{
    struct fixture f;

    setup(&f);
    set_addresses(&f, "10.0.0.1");
    core_up(f.core, &f.at);
    advance(&f, 0);
    CHECK_OUTPUT(&f, "beacon");
    sync_host(&f);
    set_addresses(&f, "10.0.0.1, 10.0.0.2");
    CHECK_OUTPUT(&f, "reply, ports_updated, members_changed +1-0");
    CHECK_EQ(core_counters(f.core)->syncs, 1);
    CHECK_EQ(core_counters(f.core)->published, 3);
    teardown(&f);
}

TEST(a_beacon_every_two_seconds_if_there_is_a_connection)
{
    struct fixture f;

    setup(&f);
    set_addresses(&f, "10.0.0.1");
    advance(&f, 0);
    CHECK_OUTPUT(&f, "");
    CHECK_EQ(beacon_seq(core_beacon(f.core)), 0);
    advance(&f, 100);
    core_up(f.core, &f.at);
    CHECK_EQ(core_wake(f.core), f.at.now);
    advance(&f, 0);
    CHECK_OUTPUT(&f, "beacon");
    CHECK_EQ(core_wake(f.core), f.at.now + BEACON_INTERVAL_MS);
    advance(&f, BEACON_INTERVAL_MS - 1);
    CHECK_OUTPUT(&f, "");
    advance(&f, 1);
    /* One that does not leave lets no other be made. */
    advance(&f, BEACON_INTERVAL_MS);
    CHECK_EQ(beacon_seq(core_beacon(f.core)), 2);
    f.at.wall -= BEACON_INTERVAL_MS;
    CHECK_OUTPUT(&f, "beacon");
    teardown(&f);
}

TEST(what_comes_within_50_ms_is_one_difference)
{
    const struct core_flush *done;
    struct fixture f;
    uint64_t first;

    setup(&f);
    first = set_addresses(&f, "10.0.0.1");
    done = core_last_flush(f.core);
    CHECK_EQ(done->number, first);
    core_up(f.core, &f.at);
    sync_host(&f);
    advance(&f, 0);
    CHECK_OUTPUT(&f, "reply, beacon");

    /* The first after a rest at once. */
    CHECK_EQ(set_addresses(&f, "10.0.0.2"), first + 1);
    CHECK_EQ(done->number, first + 1);
    CHECK_OUTPUT(&f, "members_changed +0-1, ports_updated, "
                 "members_changed +1-0");
    advance(&f, 10);
    CHECK_EQ(set_addresses(&f, "10.0.0.2, 10.0.0.3"), first + 2);
    CHECK_EQ(core_wake(f.core), f.at.now + CORE_COALESCE_MS - 10);
    advance(&f, 30);
    CHECK_EQ(set_addresses(&f, "10.0.0.2, 10.0.0.4, 10.0.0.5"), first + 2);
    advance(&f, 9);
    CHECK_EQ(done->number, first + 1);
    CHECK_OUTPUT(&f, "");
    advance(&f, 1);
    CHECK_EQ(done->number, first + 2);
    CHECK_OUTPUT(&f, "ports_updated, members_changed +2-0");

    /* There and back is nothing. */
    set_addresses(&f, "10.0.0.6");
    set_addresses(&f, "10.0.0.2, 10.0.0.4, 10.0.0.5");
    advance(&f, CORE_COALESCE_MS);
    CHECK_EQ(done->number, first + 3);
    CHECK_EQ(done->changes.n, 0);
    CHECK_OUTPUT(&f, "");
    teardown(&f);
}

TEST(what_waits_for_a_lost_connection_is_dropped)
{
    struct fixture f;

    setup(&f);
    set_addresses(&f, "10.0.0.1");
    core_up(f.core, &f.at);
    sync_host(&f);
    set_addresses(&f, "10.0.0.1, 10.0.0.2");
    core_down(f.core);
    CHECK_EQ(core_counters(f.core)->dropped, 3);
    advance(&f, CORE_COALESCE_MS);
    set_addresses(&f, "10.0.0.1");
    CHECK_EQ(core_counters(f.core)->dropped, 5);
    CHECK_OUTPUT(&f, "");

    /* The beacon says what was missed. */
    core_up(f.core, &f.at);
    advance(&f, 0);
    CHECK_OUTPUT(&f, "beacon 2");
    core_failed(f.core, true);
    core_failed(f.core, false);
    CHECK_EQ(core_counters(f.core)->unheard, 1);
    CHECK_EQ(core_counters(f.core)->dropped, 6);
    teardown(&f);
}

TEST(the_outbox_is_bounded_and_the_beacon_always_fits)
{
    struct fixture f;

    setup_with(&f, 1200);
    set_addresses(&f, "10.0.0.1");
    core_up(f.core, &f.at);
    sync_host(&f);              /* Some 1,000 bytes. */
    CHECK(core_out_bytes(f.core) > 900 && core_out_bytes(f.core) <= 1200);
    set_addresses(&f, "10.0.0.1, 10.0.0.2");
    CHECK_EQ(core_counters(f.core)->dropped, 2);
    CHECK(core_out_bytes(f.core) <= 1200);
    advance(&f, 0);
    CHECK_OUTPUT(&f, "reply, beacon 2");
    CHECK_EQ(core_out_bytes(f.core), 0);
    set_addresses(&f, "10.0.0.1");
    advance(&f, CORE_COALESCE_MS);
    CHECK_OUTPUT(&f, "members_changed +0-1, ports_updated");
    teardown(&f);
}

TEST(the_same_calls_give_the_same_bytes)
{
    struct core_message *messages[2][3];
    struct fixture f[2];

    for (int i = 0; i < 2; i++) {
        setup(&f[i]);
        set_addresses(&f[i], "10.0.0.1");
        core_up(f[i].core, &f[i].at);
        sync_host(&f[i]);
        set_addresses(&f[i], "10.0.0.1, 10.0.0.2");
        for (int j = 0; j < 3; j++) {
            messages[i][j] = core_pop(f[i].core);
            REQUIRE(messages[i][j]);
        }
    }
    for (int j = 0; j < 3; j++) {
        CHECK_STR(messages[0][j]->body, messages[1][j]->body);
        CHECK(!j || strcmp(messages[0][j]->body, messages[0][0]->body));
    }
    for (int i = 0; i < 2; i++) {
        for (int j = 0; j < 3; j++) {
            core_message_destroy(messages[i][j]);
        }
        teardown(&f[i]);
    }
}

#define NO_DIGEST_TAIL "a39a3ee5e6b4b0d3255bfef95601890afd80709"
#define NO_DIGEST "d"NO_DIGEST_TAIL

TEST(a_wrong_digest_is_told_at_most_every_ten_seconds)
{
    struct fixture f;
    char *digest;

    setup(&f);
    set_addresses(&f, "10.0.0.1");
    core_up(f.core, &f.at);
    f.at.now += HOST_SETTLE_MS;
    sync_host(&f);
    digest = right_digest(&f);
    report_digest(&f, "boot-1", digest);
    CHECK_EQ(get_view(&f)->digest, HOST_DIGEST_RIGHT);
    CHECK_OUTPUT(&f, "reply");

    report_digest(&f, "boot-1", NO_DIGEST);
    CHECK_EQ(get_view(&f)->digest, HOST_DIGEST_WRONG);
    CHECK_OUTPUT(&f, "resync");
    f.at.now += HOST_RESYNC_MS - 1;
    report_digest(&f, "boot-1", NO_DIGEST);
    CHECK_OUTPUT(&f, "");
    f.at.now++;
    report_digest(&f, "boot-1", NO_DIGEST);
    CHECK_OUTPUT(&f, "resync");
    CHECK_EQ(core_counters(f.core)->resyncs, 2);

    /* None, or one of another epoch, says nothing. */
    f.at.now += HOST_RESYNC_MS;
    report_digest(&f, "boot-1", NULL);
    CHECK_EQ(get_view(&f)->digest, HOST_DIGEST_UNKNOWN);
    f.report.epoch.ms--;
    report_digest(&f, "boot-1", NO_DIGEST);
    CHECK_EQ(get_view(&f)->digest, HOST_DIGEST_UNKNOWN);
    CHECK_OUTPUT(&f, "");
    free(digest);
    teardown(&f);
}

/* An object that the agent refuses whenever it is given it. */
TEST(a_digest_that_stays_wrong_is_told_ever_less)
{
    struct fixture f;
    int told = 0;

    setup(&f);
    set_addresses(&f, "10.0.0.1");
    core_up(f.core, &f.at);
    f.at.now += HOST_SETTLE_MS;
    for (int i = 0; i < 60; i++) {
        sync_host(&f);
        report_digest(&f, "boot-1", NO_DIGEST);
        f.at.now += HOST_RESYNC_MS;
    }
    told = core_counters(f.core)->resyncs;
    /* At 0, 10, 30, 70, 150 s and then every 120 s: eight of sixty. */
    CHECK_EQ(told, 8);

    /* Another one that is wrong is news. */
    report_digest(&f, "boot-1", "0"NO_DIGEST_TAIL);
    CHECK_EQ(core_counters(f.core)->resyncs, told + 1);
    f.at.now += HOST_RESYNC_MS;
    report_digest(&f, "boot-1", "0"NO_DIGEST_TAIL);
    CHECK_EQ(core_counters(f.core)->resyncs, told + 2);
    teardown(&f);
}

/* Its digest may be right: what changes from now on it would not be told. */
TEST(a_host_that_was_forgotten_is_told_to_ask)
{
    struct fixture f;
    char *digest;

    setup(&f);
    set_addresses(&f, "10.0.0.1");
    core_up(f.core, &f.at);
    sync_host(&f);
    CHECK_OUTPUT(&f, "reply");
    digest = right_digest(&f);
    report_digest(&f, "boot-1", digest);
    CHECK_OUTPUT(&f, "");
    f.at.now += INTEREST_SILENCE_MS + CORE_EXPIRE_INTERVAL_MS;
    core_run(f.core, &f.at);
    CHECK_EQ(interest_count(core_interest(f.core)), 0);
    free(output(&f));
    report_digest(&f, "boot-1", digest);
    CHECK_OUTPUT(&f, "resync");
    report_digest(&f, "boot-1", digest);
    CHECK_OUTPUT(&f, "");
    f.at.now += HOST_RESYNC_MS;
    report_digest(&f, "boot-1", digest);
    CHECK_OUTPUT(&f, "resync");
    f.at.now += HOST_RESYNC_MS;
    sync_host(&f);
    report_digest(&f, "boot-1", digest);
    CHECK_OUTPUT(&f, "reply");
    /* Another epoch's host asks anyway. */
    f.at.now += INTEREST_SILENCE_MS + CORE_EXPIRE_INTERVAL_MS;
    core_run(f.core, &f.at);
    free(output(&f));
    f.report.epoch.ms--;
    report_digest(&f, "boot-1", digest);
    CHECK_OUTPUT(&f, "");
    free(digest);
    teardown(&f);
}

TEST(a_beacon_names_ports_of_known_hosts_only)
{
    struct fixture f;

    setup(&f);
    set_addresses(&f, "10.0.0.1");
    core_up(f.core, &f.at);
    advance(&f, 0);
    core_set_topology(f.core, parse_ports(&f, 400), 0, &f.at);
    free(output(&f));
    advance(&f, BEACON_INTERVAL_MS);
    /* The rules and the members of the group that went. */
    CHECK_OUTPUT(&f, "beacon 2");
    sync_host(&f);
    set_addresses(&f, "10.0.0.1");
    free(output(&f));
    advance(&f, BEACON_INTERVAL_MS);
    CHECK_OUTPUT(&f, "beacon 3");
    teardown(&f);
}

TEST(a_change_on_its_way_makes_no_digest_wrong)
{
    struct fixture f;
    char *before;

    setup(&f);
    set_addresses(&f, "10.0.0.1");
    core_up(f.core, &f.at);
    f.at.now += HOST_SETTLE_MS;
    sync_host(&f);
    before = right_digest(&f);
    set_addresses(&f, "10.0.0.2");
    free(output(&f));
    f.at.now += HOST_SETTLE_MS - 1;
    report_digest(&f, "boot-1", before);
    CHECK_EQ(get_view(&f)->digest, HOST_DIGEST_UNKNOWN);
    CHECK_OUTPUT(&f, "");
    f.at.now++;
    report_digest(&f, "boot-1", before);
    CHECK_EQ(get_view(&f)->digest, HOST_DIGEST_WRONG);
    CHECK_OUTPUT(&f, "resync");
    free(before);
    teardown(&f);
}

/* Two agents of one host name have asked, one after the other. */
static void
setup_namesakes(struct fixture *f)
{
    setup(f);
    set_addresses(f, "10.0.0.1");
    core_up(f->core, &f->at);
    sync_boot(f, "a");
    sync_boot(f, "b");
}

/* The other one was heard nearly too long ago to count. */
TEST(a_duplicate_always_has_two_boots)
{
    struct fixture f;

    setup_namesakes(&f);
    f.at.now += HOST_BOOT_MS;
    report_digest(&f, "a", NULL);
    CHECK_OUTPUT(&f, "reply, reply, duplicate_host a b");
    f.at.now++;
    report_digest(&f, "a", NULL);
    CHECK_OUTPUT(&f, "duplicate_host a b");
    f.at.now += HOST_DUPLICATE_MS;
    report_digest(&f, "a", NULL);
    CHECK_OUTPUT(&f, "");
    CHECK_UEQ(get_view(&f)->n_boots, 1);
    teardown(&f);
}

TEST(two_agents_with_one_name_are_told)
{
    struct fixture f;

    setup_namesakes(&f);
    report_digest(&f, "b", NULL);
    CHECK_OUTPUT(&f, "reply, reply");
    report_digest(&f, "a", NULL);
    CHECK_OUTPUT(&f, "duplicate_host a b");
    f.at.now += 30000;
    report_digest(&f, "b", NULL);
    CHECK_OUTPUT(&f, "duplicate_host b a");

    /* Until one alone was heard for long enough. */
    f.at.now += HOST_DUPLICATE_MS - 1;
    report_digest(&f, "b", NULL);
    CHECK_OUTPUT(&f, "duplicate_host b a");
    f.at.now++;
    report_digest(&f, "b", NULL);
    CHECK_OUTPUT(&f, "");
    CHECK(!host_view_is_duplicate(get_view(&f), f.at.now));

    /* Restarts are none, however many; nor is one after a long time. */
    for (int i = 0; i < 20; i++) {
        char *boot = xasprintf("run-%d", i);

        report_digest(&f, boot, NULL);
        free(boot);
    }
    for (int i = 0; i < 25; i++) {
        f.at.now += 30000;
        report_digest(&f, "run-19", NULL);
    }
    report_digest(&f, "run-18", NULL);
    CHECK_OUTPUT(&f, "");
    teardown(&f);
}

/* Counts "members stored": those of all runs of all agents. */
static uint64_t
sum_latency(struct fixture *f)
{
    struct sg_latency latency;

    interest_latency(core_interest(f->core), &latency);
    return sg_latency_total(&latency, SG_KIND_MEMBERS, SG_LATENCY_STORED);
}

TEST(latencies_add_up_over_restarts_of_agents)
{
    struct fixture f;

    setup(&f);
    f.report.has_latency = true;
    f.report.latency.counts[SG_KIND_MEMBERS][SG_LATENCY_STORED][3] = 10;
    report_digest(&f, "a", NULL);
    CHECK_UEQ(sum_latency(&f), 10);
    f.report.latency.counts[SG_KIND_MEMBERS][SG_LATENCY_STORED][3] = 12;
    report_digest(&f, "a", NULL);
    report_digest(&f, "a", NULL);
    CHECK_UEQ(sum_latency(&f), 12);
    f.report.latency.counts[SG_KIND_MEMBERS][SG_LATENCY_STORED][3] = 5;
    report_digest(&f, "b", NULL);
    CHECK_UEQ(sum_latency(&f), 17);
    /* Two at a time: each has counts of its own. */
    f.report.latency.counts[SG_KIND_MEMBERS][SG_LATENCY_STORED][3] = 13;
    report_digest(&f, "a", NULL);
    f.report.latency.counts[SG_KIND_MEMBERS][SG_LATENCY_STORED][3] = 6;
    report_digest(&f, "b", NULL);
    CHECK_UEQ(sum_latency(&f), 19);

    /* A host that was forgotten and comes back is counted once. */
    f.at.now += INTEREST_SILENCE_MS + CORE_EXPIRE_INTERVAL_MS;
    core_run(f.core, &f.at);
    CHECK_UEQ(sum_latency(&f), 0);
    report_digest(&f, "b", NULL);
    CHECK_UEQ(sum_latency(&f), 6);
    teardown(&f);
}

TEST(a_later_epoch_is_counted)
{
    const struct core_later_epoch *later;
    struct fixture f;

    setup(&f);
    later = core_later_epoch(f.core);
    report_digest(&f, "a", NULL);
    f.report.epoch.ms--;
    report_digest(&f, "a", NULL);
    CHECK_UEQ(later->n, 0);
    f.report.epoch.ms += 3;
    report_digest(&f, "a", NULL);
    f.report.epoch.ms--;
    report_digest(&f, "a", NULL);
    CHECK_UEQ(later->n, 2);
    CHECK_EQ(later->epoch.ms, epoch.ms + 2);
    CHECK_EQ(later->last, f.at.now);
    teardown(&f);
}

/* Puts 'n' ports without groups into force. */
static struct topology *
parse_ports(struct fixture *f, int n)
{
    struct ds text = DS_EMPTY_INITIALIZER;
    struct topology *topology = NULL;

    ds_put_cstr(&text, "groups: []\nports:\n");
    for (int i = 0; i < n; i++) {
        ds_put_format(&text, "- {id: 90000000-0000-4000-8000-%012d,\n"
                      "   mac_address: '02:00:00:00:00:01'}\n", i + 1);
    }
    if (!n) {
        ds_put_cstr(&text, "  []\n");
    }
    REQUIRE(CHECK_NO_ERROR(topology_parse(ds_cstr(&text), text.length, "t",
                                          &f->limits, &topology)));
    ds_destroy(&text);
    return topology;
}

static enum state_answer
find_port(struct fixture *f)
{
    struct uuid port;
    int64_t revision;

    REQUIRE(sg_id_from_string(P1, &port));
    return state_find(core_state(f->core), SG_KIND_PORT, &port, &revision);
}

/* Starts the controller again, with what it saved. */
static void
restart(struct fixture *f)
{
    struct sg_ref *saved, *ids;
    size_t n = state_ids(core_state(f->core), &saved), n_ids, len;
    char *text = id_list_format(saved, n, &len);

    teardown(f);
    setup(f);
    REQUIRE(CHECK_NO_ERROR(id_list_parse(text, len, &ids, &n_ids)));
    CHECK_EQ(n_ids, n);
    core_set_saved(f->core, ids, n_ids);
    free(ids);
    free(saved);
    free(text);
}

TEST(what_a_start_lacks_is_unknown_until_an_operator_confirms)
{
    struct fixture f;

    setup(&f);
    set_addresses(&f, "10.0.0.1");
    restart(&f);
    core_set_topology(f.core, parse_ports(&f, 0), 0, &f.at);
    CHECK_EQ(find_port(&f), STATE_UNKNOWN);
    CHECK_EQ(state_n_saved(core_state(f.core)), 3);
    core_up(f.core, &f.at);
    sync_host(&f);
    CHECK_OUTPUT(&f, "reply");

    /* Nobody said so: a file that is watched, another start. */
    core_set_topology(f.core, parse_ports(&f, 0), 0, &f.at);
    CHECK_EQ(find_port(&f), STATE_UNKNOWN);
    restart(&f);
    core_set_topology(f.core, parse_ports(&f, 0), 0, &f.at);
    core_up(f.core, &f.at);
    sync_host(&f);
    free(output(&f));
    CHECK_EQ(find_port(&f), STATE_UNKNOWN);

    core_set_topology(f.core, parse_ports(&f, 0), CORE_CONFIRM, &f.at);
    CHECK_EQ(find_port(&f), STATE_DELETED);
    CHECK_EQ(state_n_saved(core_state(f.core)), 0);
    CHECK_OUTPUT(&f, "ports_deleted");
    CHECK_EQ(core_last_flush(f.core)->changes.n, 3);
    /* Once. */
    advance(&f, CORE_COALESCE_MS);
    free(output(&f));
    core_set_topology(f.core, parse_ports(&f, 0), CORE_CONFIRM, &f.at);
    CHECK_OUTPUT(&f, "");

    /* A tombstone is known to the next one, too. */
    restart(&f);
    core_set_topology(f.core, parse_ports(&f, 0), 0, &f.at);
    CHECK_EQ(find_port(&f), STATE_UNKNOWN);
    CHECK_EQ(state_n_saved(core_state(f.core)), 3);
    teardown(&f);
}

TEST(what_comes_back_needs_no_confirmation)
{
    uint64_t serial;
    struct fixture f;

    setup(&f);
    set_addresses(&f, "10.0.0.1");
    serial = state_ids_serial(core_state(f.core));
    advance(&f, CORE_COALESCE_MS);
    set_addresses(&f, "10.0.0.2");
    CHECK_UEQ(state_ids_serial(core_state(f.core)), serial);
    restart(&f);
    core_set_topology(f.core, parse_ports(&f, 0), 0, &f.at);
    set_addresses(&f, "10.0.0.1");
    CHECK_EQ(find_port(&f), STATE_PRESENT);
    CHECK_EQ(state_n_saved(core_state(f.core)), 0);
    teardown(&f);
}

TEST(a_damaged_list_of_ids_is_none)
{
    struct sg_ref ref = {
        SG_KIND_RULES, { { 1, 2, 3, 4 } }, ID_LIST_DELETED
    };
    struct sg_ref *refs = NULL;
    size_t n = 0, len;
    char *text = id_list_format(&ref, 1, &len);

    for (size_t i = 0; i < len - 1; i++) {
        char *cut = xmemdup0(text, i);

        CHECK_ERROR(id_list_parse(cut, i, &refs, &n), "");
        free(cut);
        text[i] ^= 1;
        CHECK_ERROR(id_list_parse(text, len, &refs, &n), "");
        text[i] ^= 1;
    }
    CHECK(!refs && !n);
    REQUIRE(CHECK_NO_ERROR(id_list_parse(text, len, &refs, &n)));
    REQUIRE(n == 1);
    CHECK(refs[0].kind == SG_KIND_RULES
          && refs[0].revision == ID_LIST_DELETED
          && uuid_equals(&refs[0].id, &ref.id));
    free(refs);
    free(text);
}

/* What a reload from 'n' to 'm' ports, with 'n_saved' besides, meets. */
static char *
refusal(int n, int m, size_t n_saved)
{
    struct topology *topology;
    struct sg_ref *saved = xcalloc(n_saved + 1, sizeof *saved);
    struct preview preview;
    struct fixture f;
    char *text;

    setup(&f);
    for (size_t i = 0; i < n_saved; i++) {
        saved[i].id.parts[0] = i + 1;
    }
    core_set_saved(f.core, saved, n_saved);
    free(saved);
    core_set_topology(f.core, parse_ports(&f, n), 0, &f.at);
    topology = parse_ports(&f, m);
    preview_init(&preview, core_state(f.core), core_interest(f.core),
                 topology, true);
    CHECK_EQ(preview.n_ports, n + n_saved);
    text = preview_refusal(&preview);
    preview_uninit(&preview);
    topology_destroy(topology);
    teardown(&f);
    return text;
}

TEST(what_deletes_more_than_half_must_be_insisted_on)
{
    CHECK_NO_ERROR(refusal(10, 0, 0));
    CHECK_ERROR(refusal(11, 0, 0), "would delete 11 of 11 ports");
    CHECK_NO_ERROR(refusal(40, 20, 0));
    CHECK_ERROR(refusal(40, 19, 0), "would delete 21 of 40 ports");
    CHECK_NO_ERROR(refusal(5, 30, 0));
    /* What an empty start has not shown to anybody yet counts as well. */
    CHECK_ERROR(refusal(10, 10, 30), "would delete 30 of 40 ports");
    CHECK_NO_ERROR(refusal(30, 30, 20));
}

TEST(what_was_deleted_before_a_start_is_no_loss)
{
    struct topology *topology;
    struct preview preview;
    struct fixture f;

    setup(&f);
    core_set_topology(f.core, parse_ports(&f, 40), 0, &f.at);
    core_set_topology(f.core, parse_ports(&f, 5), CORE_CONFIRM, &f.at);
    restart(&f);
    core_set_topology(f.core, parse_ports(&f, 5), 0, &f.at);
    CHECK_EQ(state_n_saved(core_state(f.core)), 35);
    topology = parse_ports(&f, 5);
    preview_init(&preview, core_state(f.core), core_interest(f.core),
                 topology, true);
    CHECK_EQ(preview.changes.n, 35);
    CHECK_EQ(preview.n_ports, 5);
    CHECK_EQ(preview.n_ports_deleted, 0);
    preview_uninit(&preview);
    topology_destroy(topology);
    teardown(&f);
}

TEST(a_preview_counts_and_changes_nothing)
{
    struct topology *topology;
    struct preview preview;
    struct fixture f;
    char *text;

    setup(&f);
    set_addresses(&f, "10.0.0.1");
    core_up(f.core, &f.at);
    sync_host(&f);
    topology = parse_ports(&f, 2);
    preview_init(&preview, core_state(f.core), core_interest(f.core),
                 topology, true);
    text = preview_text(&preview);
    CHECK_STR(text, "2 ports, 1 rules, 0 members change; 0 ports are "
              "deleted; 1 hosts are told");
    free(text);
    preview_uninit(&preview);
    topology_destroy(topology);
    CHECK_OUTPUT(&f, "reply");
    CHECK_EQ(core_last_flush(f.core)->number, 1);
    teardown(&f);
}

TEST(an_ack_is_asked_for_once)
{
    struct topology *topology;
    struct fixture f;

    setup(&f);
    set_addresses(&f, "10.0.0.1");
    core_up(f.core, &f.at);
    sync_host(&f);
    CHECK_OUTPUT(&f, "reply");
    topology = parse_ports(&f, 1);
    core_set_topology(f.core, topology, CORE_CONFIRM | CORE_ACK, &f.at);
    CHECK_OUTPUT(&f, "ports_updated (flush-2), group_deleted (flush-2), "
                 "group_deleted (flush-2)");
    advance(&f, CORE_COALESCE_MS);
    free(output(&f));
    set_addresses(&f, "10.0.0.1");
    CHECK_OUTPUT(&f, "rules_updated, ports_updated, members_changed +1-0");

    char *acked[] = { CONST_CAST(char *, "x"), CONST_CAST(char *, "flush-2") };
    f.report.acked = acked;
    f.report.n_acked = 2;
    report_digest(&f, "boot-1", NULL);
    CHECK_STR(get_view(&f)->acked, "flush-2");
    CHECK_EQ(get_view(&f)->acked_at, f.at.now);
    teardown(&f);
}
