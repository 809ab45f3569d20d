/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* How large the messages are that sg-controller publishes.  From the topology
 * text to the body all of it is the controller's own code; only the broker is
 * missing.  Sizes, not timings: they are the same on every machine.
 *
 * What a body costs beyond its content: the broker adds some 60 bytes of
 * properties, and the envelope a backslash for each quote. */

#include <config.h>
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/list.h"
#include "rpc/message.h"
#include "sg/members.h"
#include "tools/sg-controller/core.h"
#include "tools/sg-controller/diff.h"
#include "tools/sg-controller/dispatch.h"
#include "tools/sg-controller/entry_cache.h"
#include "tools/sg-controller/interest.h"
#include "tools/sg-controller/publish.h"
#include "tools/sg-controller/state.h"
#include "tools/sg-controller/topology.h"
#include "util.h"
#include "uuid.h"

#define GROUP "5ec00000-0000-4000-8000-000000000001"
#define NETWORK "4e700000-0000-4000-8000-000000000001"
#define UNIQUE "0123456789abcdef0123456789abcdef"
#define PORT_ID "90000000-0000-4000-8000-%012zx"

/* What the issue allows. */
#define DELTA_BYTES 400
#define SYNC_BYTES (30 * 1024)
#define RUNS_BYTES (2 * 1024)

/* Which addresses the members have.  A cloud hands them out one after the
 * other and takes them back at random, so a network that has been in use looks
 * like HALF. */
enum scatter {
    CONTIGUOUS,
    HALF,                       /* Each address is in use or not, 1:1. */
    ANYWHERE,                   /* In a /16, each as likely as the other. */
};
static const char *const scatter_names[] = {
    "contiguous", "every second, at random", "anywhere in a /16",
};

struct fixture {
    struct rpc_limits limits;
    struct state *state;
    struct interest *interest;
    struct entry_cache *cache;
    struct dispatcher *dispatcher;
    struct change_list changes; /* Of the last topology. */
};

/* 'n' different numbers below 65536, in no order but that of the scatter. */
static void
pick_offsets(enum scatter scatter, size_t n, uint16_t *offsets)
{
    bool taken[65536] = { false };
    uint64_t seed = 4;
    uint16_t at = 10;

    for (size_t i = 0; i < n; i++) {
        switch (scatter) {
        case CONTIGUOUS:
            break;
        case HALF:
            while (test_random(&seed) % 2) {
                at++;
            }
            break;
        case ANYWHERE:
            do {
                at = test_random(&seed);
            } while (taken[at]);
            taken[at] = true;
            break;
        }
        offsets[i] = at++;
    }
}

/* One group as Neutron makes it: all out, and in what members send.  All of
 * 'n' ports are in it, with an IPv4 address and with 'dual' an IPv6 one, each
 * on one network. */
static char *
topology_text(enum scatter scatter, size_t n, bool dual)
{
    static const char *const families[] = { "IPv4", "IPv6" };
    uint16_t *offsets = xcalloc(n, sizeof *offsets);
    struct ds ds = DS_EMPTY_INITIALIZER;

    ds_put_cstr(&ds, "groups:\n- id: "GROUP"\n  rules:\n");
    for (int i = 0; i < 4; i++) {
        ds_put_format(&ds, "  - {id: 5ec00000-0001-4000-8000-%012d, "
                      "direction: %s, ethertype: %s%s}\n", i + 1,
                      i < 2 ? "egress" : "ingress", families[i % 2],
                      i < 2 ? "" : ", remote_group_id: "GROUP);
    }
    ds_put_cstr(&ds, "ports:\n");
    pick_offsets(scatter, n, offsets);
    for (size_t i = 0; i < n; i++) {
        ds_put_format(&ds, "- {id: "PORT_ID", network_id: "NETWORK", "
                      "mac_address: '02:00:00:00:%02zx:%02zx', "
                      "security_groups: ["GROUP"], fixed_ips: [10.177.%d.%d",
                      i + 1, i >> 8, i & 0xff, offsets[i] >> 8,
                      offsets[i] & 0xff);
        if (dual) {
            ds_put_format(&ds, ", 'fd12:3456:789a::%x'", offsets[i]);
        }
        ds_put_cstr(&ds, "]}\n");
    }
    free(offsets);
    return ds_steal_cstr(&ds);
}

static void
load(struct fixture *f, char *text)
{
    struct topology *topology = NULL;

    REQUIRE(CHECK_NO_ERROR(topology_parse(text, strlen(text), "t", &f->limits,
                                          &topology)));
    free(text);
    change_list_uninit(&f->changes);
    f->changes = (struct change_list) CHANGE_LIST_INITIALIZER;
    state_replace(f->state, topology, 0, &f->changes);
}

static void
setup(struct fixture *f)
{
    static const struct sg_epoch epoch = { 1763666000000, 0xa1b2c3d };
    const struct entry_cache_config cache = {
        ENTRY_CACHE_MAX_BYTES, RPC_PAGE_BYTES, CORE_PART_MEMBERS
    };

    memset(f, 0, sizeof *f);
    rpc_limits_default(&f->limits);
    f->state = state_create(&epoch);
    f->interest = interest_create(INTEREST_MAX_TOTAL);
    f->cache = entry_cache_create(&cache);
    f->dispatcher = dispatcher_create(&f->limits);
}

static void
teardown(struct fixture *f)
{
    change_list_uninit(&f->changes);
    dispatcher_destroy(f->dispatcher);
    entry_cache_destroy(f->cache);
    interest_destroy(f->interest);
    state_destroy(f->state);
}

/* Asks as a host with the first 'n_ports' ports does; returns the body of the
 * answer, and what it says in 'update'. */
static char *
sync_body(struct fixture *f, size_t n_ports, struct sg_update *update)
{
    struct sg_sync_request request;
    struct dispatch_output output;
    struct rpc_message reply;
    size_t len;

    memset(&request, 0, sizeof request);
    request.host = xstrdup("compute-1");
    request.boot = xstrdup("0badcafe");
    request.ports = xcalloc(n_ports, sizeof *request.ports);
    for (size_t i = 0; i < n_ports; i++) {
        char text[UUID_LEN + 5];        /* For any size_t. */

        snprintf(text, sizeof text, PORT_ID, i + 1);
        REQUIRE(sg_id_from_string(text, &request.ports[request.n_ports++]));
    }
    char *body = rpc_encode_sync_call(&request, UNIQUE, "reply_1", UNIQUE,
                                      &len);
    struct dispatch_input input = {
        .body = body, .len = len, .unique_id = UNIQUE, .sent = 1763666123456,
    };
    const struct dispatch_context context = {
        f->state, f->interest, f->cache, RPC_PAGE_BYTES
    };
    CHECK_EQ(dispatch(f->dispatcher, &context, &input, &output),
             DISPATCH_SYNC);
    REQUIRE(output.reply);
    REQUIRE(CHECK_NO_ERROR(rpc_message_decode(output.reply, output.reply_len,
                                              &f->limits, &reply)));
    REQUIRE(CHECK_NO_ERROR(rpc_update_from_reply(&reply, &f->limits,
                                                 update)));
    char *answer = xmemdup0(output.reply, output.reply_len);

    rpc_message_uninit(&reply);
    dispatch_output_uninit(&output);
    sg_sync_request_uninit(&request);
    free(body);
    return answer;
}

/* The bodies of what is published about the last load; there has to be one. */
static char *
published_body(struct fixture *f)
{
    struct ovs_list publications = OVS_LIST_INITIALIZER(&publications);
    struct publication *publication;
    char *body = NULL;
    size_t len = 0;

    const struct publish_context context = {
        f->state, f->interest, f->cache, 0
    };
    CHECK_UEQ(publish_changes(&context, &f->changes, &publications), 1);
    LIST_FOR_EACH_POP (publication, node, &publications) {
        publication->update.sent = 1763666123456;
        free(body);
        body = rpc_encode_update(&publication->update, UNIQUE, &len);
        publication_destroy(publication);
    }
    REQUIRE(body);
    CHECK_UEQ(strlen(body), len);
    return body;
}

TEST(a_change_of_one_member)
{
    for (int dual = 0; dual < 2; dual++) {
        struct sg_update update;
        struct fixture f;
        char *joins, *leaves;

        setup(&f);
        load(&f, topology_text(ANYWHERE, 500, dual));
        free(sync_body(&f, 20, &update));
        sg_update_uninit(&update);
        load(&f, topology_text(ANYWHERE, 501, dual));
        joins = published_body(&f);
        load(&f, topology_text(ANYWHERE, 500, dual));
        leaves = published_body(&f);
        printf("# one member of %s: joins %zu bytes, leaves %zu bytes\n",
               dual ? "both families" : "IPv4", strlen(joins),
               strlen(leaves));
        CHECK_CONTAINS(joins, "\\\"removed\\\":[]");
        CHECK_CONTAINS(leaves, "\\\"added\\\":[]");
        /* The bound is that of one address. */
        CHECK(dual || strlen(joins) <= DELTA_BYTES);
        CHECK(dual || strlen(leaves) <= DELTA_BYTES);
        free(joins);
        free(leaves);
        teardown(&f);
    }
}

/* The longest numbers that a controller can come to, and the longest
 * address. */
TEST(a_change_of_one_member_at_its_longest)
{
    struct sg_members_spec members = {
        .revision = INT64_MAX, .prev = INT64_MAX - 1,
    };
    struct sg_update update;
    struct sg_prefix p;
    size_t len;

    sg_update_init(&update, SG_METHOD_MEMBERS_CHANGED);
    update.epoch = (struct sg_epoch) { 9999999999999, UINT32_MAX };
    update.sent = 9999999999999;
    REQUIRE(sg_address_from_string("255.255.255.255", &p));
    sg_prefix_list_add(&members.removed, &p);
    memset(&members.group, 0xff, sizeof members.group);
    update.members = xmemdup(&members, sizeof members);
    update.n_members = 1;
    free(rpc_encode_update(&update, UNIQUE, &len));
    printf("# one IPv4 member, longest numbers: %zu bytes\n", len);
    CHECK(len <= DELTA_BYTES);
    sg_update_uninit(&update);
}

/* A host with 20 ports of a group of 500. */
TEST(the_answer_to_sync)
{
    for (int i = 0; i < 6; i++) {
        enum scatter scatter = i / 2;
        bool dual = i % 2;
        struct sg_update update;
        struct fixture f;
        char *body;

        setup(&f);
        load(&f, topology_text(scatter, 500, dual));
        body = sync_body(&f, 20, &update);
        printf("# sync of 20 ports, 500 members of %s, %s: %zu bytes\n",
               dual ? "both families" : "IPv4", scatter_names[scatter],
               strlen(body));
        CHECK_UEQ(update.n_ports, 20);
        REQUIRE(CHECK_UEQ(update.n_members, 1));
        CHECK_UEQ(update.members[0].added.n, dual ? 1000 : 500);
        CHECK(strlen(body) <= SYNC_BYTES);
        sg_update_uninit(&update);
        free(body);
        teardown(&f);
    }
}

/* What a group of 10,000 costs: the same question before and after. */
static size_t
text_of_members(struct fixture *f, size_t n_members, bool dual)
{
    struct sg_update update;
    char *body = sync_body(f, 1, &update);
    const char *start = strstr(body, "\\\"members\\\":[");
    const char *end = start ? strchr(start, ']') : NULL;
    size_t len;

    REQUIRE(start && end);
    REQUIRE(CHECK_UEQ(update.n_members, 1));
    CHECK_UEQ(update.members[0].added.n, dual ? 2 * n_members : n_members);
    len = end - start;
    sg_update_uninit(&update);
    free(body);
    return len;
}

TEST(ten_thousand_members_in_runs)
{
    for (int dual = 0; dual < 2; dual++) {
        struct fixture f;
        size_t len;

        setup(&f);
        load(&f, topology_text(CONTIGUOUS, 10000, dual));
        len = text_of_members(&f, 10000, dual);
        printf("# 10000 contiguous members of %s: %zu bytes\n",
               dual ? "both families" : "IPv4", len);
        CHECK(len <= RUNS_BYTES);
        teardown(&f);
    }
}

/* 10,000 addresses handed out in 50 networks of 200. */
TEST(ten_thousand_members_in_fifty_runs)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct fixture f;
    size_t len;

    ds_put_cstr(&ds, "address_groups:\n- id: "GROUP"\n  addresses:\n");
    for (int i = 0; i < 10000; i++) {
        ds_put_format(&ds, "  - 10.177.%d.%d\n", i / 200, 10 + i % 200);
    }
    ds_put_cstr(&ds, "groups:\n- id: 5ec00000-0000-4000-8000-000000000002\n"
                "  rules: [{id: 5ec00000-0001-4000-8000-000000000001, "
                "direction: ingress, ethertype: IPv4, "
                "remote_address_group_id: "GROUP"}]\n"
                "ports:\n- {id: 90000000-0000-4000-8000-000000000001, "
                "mac_address: '02:00:00:00:00:01', fixed_ips: [10.0.0.1], "
                "security_groups: [5ec00000-0000-4000-8000-000000000002]}\n");
    setup(&f);
    load(&f, ds_steal_cstr(&ds));
    len = text_of_members(&f, 10000, false);
    printf("# 10000 members in 50 runs: %zu bytes\n", len);
    CHECK(len <= RUNS_BYTES);
    teardown(&f);
}
