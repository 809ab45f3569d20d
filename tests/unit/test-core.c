/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The controller without io: bodies and topologies in, messages out, on a
 * clock that the test turns. */

#include <config.h>
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "openvswitch/dynamic-string.h"
#include "tools/sg-controller/beacon.h"
#include "tools/sg-controller/core.h"
#include "tools/sg-controller/interest.h"
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
    return core_set_topology(f->core, topology, &f->at);
}

/* Host "h1" asks for P1. */
static void
sync_host(struct fixture *f)
{
    struct sg_sync_request request;
    char unique_id[33], *body, *problem;
    struct uuid port;
    size_t len;

    memset(&request, 0, sizeof request);
    REQUIRE(sg_id_from_string(P1, &port));
    request.host = CONST_CAST(char *, "h1");
    request.boot = CONST_CAST(char *, "boot-1");
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
