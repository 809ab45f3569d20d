/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tests/lib/core-fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "openvswitch/dynamic-string.h"
#include "tests/lib/test.h"
#include "tools/sg-controller/interest.h"
#include "tools/sg-controller/topology.h"
#include "util.h"
#include "uuid.h"

#define G1 "5ec00000-0000-4000-8000-000000000001"
#define MSG_ID "0123456789abcdef0123456789abcdef"

const struct sg_epoch cf_epoch = { 1700000000000, 0xabcd };

void
cf_setup_with(struct core_fixture *f, size_t max_out_bytes)
{
    static const struct uuid seed = { { 1, 2, 3, 4 } };
    struct core_config config;

    memset(f, 0, sizeof *f);
    core_config_init(&config, &cf_epoch, &seed);
    config.max_out_bytes = max_out_bytes;
    f->limits = config.limits;
    f->core = core_create(&config);
    f->at = (struct core_time) { 5000, 1700000000123 };
    f->report.epoch = cf_epoch;
}

void
cf_setup(struct core_fixture *f)
{
    cf_setup_with(f, CORE_MAX_OUT_BYTES);
}

void
cf_teardown(struct core_fixture *f)
{
    core_destroy(f->core);
}

void
cf_advance(struct core_fixture *f, long long int ms)
{
    f->at.now += ms;
    f->at.wall += ms;
    core_run(f->core, &f->at);
}

uint64_t
cf_set_addresses(struct core_fixture *f, const char *addresses)
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

void
cf_sync_boot(struct core_fixture *f, const char *boot)
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

void
cf_sync(struct core_fixture *f)
{
    cf_sync_boot(f, "boot-1");
}

void
cf_report(struct core_fixture *f, const char *boot, const char *digest)
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

const struct host_view *
cf_view(struct core_fixture *f)
{
    const struct interest_host **hosts;
    const struct host_view *view;

    REQUIRE(interest_hosts(core_interest(f->core), &hosts) == 1);
    view = &hosts[0]->view;
    free(hosts);
    return view;
}

static void
put_message(struct core_fixture *f, struct ds *ds,
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

char *
cf_output(struct core_fixture *f)
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
