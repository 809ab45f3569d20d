/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Patches: a patched topology is the one that a file with the same content
 * would have given, and a patch that is refused leaves no trace. */

#include <config.h>
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "openvswitch/dynamic-string.h"
#include "rpc/message.h"
#include "tools/sg-controller/core.h"
#include "tools/sg-controller/diff.h"
#include "tools/sg-controller/state.h"
#include "tools/sg-controller/topology.h"
#include "util.h"

#define G1 "5ec00000-0000-4000-8000-000000000001"
#define G2 "5ec00000-0000-4000-8000-000000000002"
#define G3 "5ec00000-0000-4000-8000-000000000003"
#define A1 "adc00000-0000-4000-8000-000000000001"
#define R1 "5ec00000-0001-4000-8000-000000000001"
#define R9 "5ec00000-0001-4000-8000-000000000009"
#define P1 "90000000-0000-4000-8000-000000000001"
#define P2 "90000000-0000-4000-8000-000000000002"
#define P3 "90000000-0000-4000-8000-000000000003"

#define GROUP1 "{id: "G1", rules: [{id: "R1", direction: ingress, " \
               "ethertype: IPv4, remote_group_id: "G2"}]}"
#define GROUP2 "{id: "G2"}"
#define GROUP3 "{id: "G3"}"
#define ADDRESSES1 "{id: "A1", addresses: [10.9.0.0/24]}"
#define PORT(ID, IP, GROUP) "{id: "ID", mac_address: '02:00:00:00:00:01', " \
                            "fixed_ips: ["IP"], security_groups: ["GROUP"]}"
#define TOPOLOGY(ADDRESS_GROUPS, GROUPS, PORTS) \
    "address_groups: ["ADDRESS_GROUPS"]\ngroups: ["GROUPS"]\n" \
    "ports: ["PORTS"]\n"

/* P1 in G1, P2 in G2; nobody is in G3, or refers to it or to A1. */
static const char base_text[] =
    TOPOLOGY(ADDRESSES1, GROUP1", "GROUP2", "GROUP3,
             PORT(P1, "10.0.0.1", G1)", "PORT(P2, "10.0.0.2", G2));

static struct topology *
parse(const char *text)
{
    struct topology *topology = NULL;
    struct rpc_limits limits;

    rpc_limits_default(&limits);
    REQUIRE(CHECK_NO_ERROR(topology_parse(text, strlen(text), "t", &limits,
                                          &topology)));
    return topology;
}

static char *
patch(struct topology *topology, const char *text)
{
    struct rpc_limits limits;

    rpc_limits_default(&limits);
    return topology_patch(topology, text, strlen(text), "p", &limits);
}

static void
complete(struct topology *topology)
{
    struct rpc_limits limits;

    rpc_limits_default(&limits);
    CHECK_NO_ERROR(topology_complete(topology, &limits));
}

/* How many changes lead from one to the other. */
static size_t
distance(const struct topology *a, const struct topology *b)
{
    struct change_list changes = CHANGE_LIST_INITIALIZER;
    size_t n;

    topology_diff(a, b, &changes);
    n = changes.n;
    change_list_uninit(&changes);
    return n;
}

/* The base, patched, must be 'expected'; on the way the base may be a clone
 * or have its members already. */
static void
check_patch(const char *text, const char *expected)
{
    struct topology *base = parse(base_text);
    struct topology *clone = topology_clone(base);
    struct topology *goal = parse(expected);

    CHECK(distance(base, goal) > 0);
    CHECK_NO_ERROR(patch(clone, text));
    complete(clone);
    CHECK_EQ(distance(clone, goal), 0);
    CHECK_NO_ERROR(patch(base, text));
    complete(base);
    CHECK_EQ(distance(base, goal), 0);
    topology_destroy(base);
    topology_destroy(clone);
    topology_destroy(goal);
}

TEST(a_clone_is_the_same_when_it_is_completed)
{
    struct topology *base = parse(base_text);
    struct topology *clone = topology_clone(base);

    complete(clone);
    CHECK_EQ(distance(base, clone), 0);
    topology_destroy(base);
    topology_destroy(clone);
}

TEST(a_patch_replaces_adds_and_removes)
{
    check_patch("ports: ["PORT(P3, "10.0.0.3", G2)"]",
                TOPOLOGY(ADDRESSES1, GROUP1", "GROUP2", "GROUP3,
                         PORT(P1, "10.0.0.1", G1)", "PORT(P2, "10.0.0.2", G2)
                         ", "PORT(P3, "10.0.0.3", G2)));
    check_patch("ports: ["PORT(P2, "10.0.0.9", G1)"]",
                TOPOLOGY(ADDRESSES1, GROUP1", "GROUP2", "GROUP3,
                         PORT(P1, "10.0.0.1", G1)", "
                         PORT(P2, "10.0.0.9", G1)));
    check_patch("remove_ports: ["P1"]",
                TOPOLOGY(ADDRESSES1, GROUP1", "GROUP2", "GROUP3,
                         PORT(P2, "10.0.0.2", G2)));
    check_patch("remove_groups: ["G3", "A1"]",
                TOPOLOGY("", GROUP1", "GROUP2, PORT(P1, "10.0.0.1", G1)", "
                         PORT(P2, "10.0.0.2", G2)));
    /* What refers to a group may go, or be replaced, with it. */
    check_patch("groups: [{id: "G1"}]\nremove_ports: ["P2"]\n"
                "remove_groups: ["G2"]",
                TOPOLOGY(ADDRESSES1, "{id: "G1"}, "GROUP3,
                         PORT(P1, "10.0.0.1", G1)));
    /* A group and its first port at once; members of an address group. */
    check_patch("address_groups: [{id: "A1", addresses: [10.8.0.1]}]\n"
                "groups: [{id: "G3", rules: [{id: "R9", direction: egress, "
                "ethertype: IPv4, remote_address_group_id: "A1"}]}]\n"
                "ports: ["PORT(P3, "10.0.0.3", G3)"]",
                TOPOLOGY("{id: "A1", addresses: [10.8.0.1]}",
                         GROUP1", "GROUP2", {id: "G3", rules: [{id: "R9", "
                         "direction: egress, ethertype: IPv4, "
                         "remote_address_group_id: "A1"}]}",
                         PORT(P1, "10.0.0.1", G1)", "PORT(P2, "10.0.0.2", G2)
                         ", "PORT(P3, "10.0.0.3", G3)));
}

TEST(a_patch_that_is_refused_leaves_no_trace)
{
    static const struct {
        const char *text, *error;
    } bad[] = {
        { "", "p:" },
        { "port: []", "port" },
        { "ports: ["PORT(P3, "10.0.0.3", G2)", "PORT(P3, "10.0.0.4", G2)"]",
          "a second port" },
        { "groups: ["GROUP2", "GROUP2"]", "a second group" },
        { "groups: ["GROUP2"]\naddress_groups: [{id: "G2"}]",
          "a second group" },
        { "ports: ["PORT(P1, "10.0.0.7", G2)", "PORT(P3, "10.0.0", G2)"]",
          "fixed_ips" },
        { "ports: ["PORT(P3, "10.0.0.3", P3)"]", "no security group" },
        { "ports: ["PORT(P3, "10.0.0.3", A1)"]", "no security group" },
        { "groups: [{id: "G3"}, {id: "G1", rules: [{id: "R1", direction: up}]}"
          "]", "direction" },
        { "remove_ports: ["P1", "P3"]", "no other " },
        { "remove_ports: ["P1", "P1"]", "no other " },
        { "ports: ["PORT(P1, "10.0.0.7", G2)"]\nremove_ports: ["P1"]",
          "no other " },
        { "remove_groups: ["P1"]", "no other " },
        { "remove_groups: ["G1"]", "still used" },
        { "remove_groups: ["G2"]\nremove_ports: ["P2"]", "still used" },
        { "ports: ["PORT(P3, "10.0.0.3", G3)"]\nremove_groups: ["G3"]",
          "still used" },
        { "address_groups: [{id: "G2"}]", "still used" },
    };
    struct topology *base = parse(base_text);
    struct topology *patched = topology_clone(base);

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        CHECK_ERROR(patch(patched, bad[i].text), bad[i].error);
        complete(patched);
        CHECK_EQ(distance(base, patched), 0);
        CHECK_EQ(hmap_count(&patched->ports), 2);
        CHECK_EQ(hmap_count(&patched->groups), 4);
    }
    topology_destroy(base);
    topology_destroy(patched);
}

/* A controller with 'n' ports in G1. */
static struct controller_core *
core_with_ports(int n, const struct core_time *at)
{
    static const struct sg_epoch epoch = { 1700000000000, 0xabcd };
    static const struct uuid seed = { { 1, 2, 3, 4 } };
    struct ds text = DS_EMPTY_INITIALIZER;
    struct controller_core *core;
    struct core_config config;

    ds_put_cstr(&text, "groups: ["GROUP1", "GROUP2"]\nports:\n");
    for (int i = 0; i < n; i++) {
        ds_put_format(&text, "- {id: 90000000-0000-4000-8000-%012d, "
                      "mac_address: '02:00:00:00:00:01', fixed_ips: "
                      "[10.1.%d.%d], security_groups: ["G1"]}\n", i + 1,
                      i / 250, i % 250 + 1);
    }
    core_config_init(&config, &epoch, &seed);
    core = core_create(&config);
    core_set_topology(core, parse(ds_cstr(&text)), 0, at);
    ds_destroy(&text);
    return core;
}

static char *
join(struct controller_core *core, int i, const struct core_time *at,
     uint64_t *flush)
{
    char *text = xasprintf("ports: [{id: 90000001-0000-4000-8000-%012d, "
                           "mac_address: '02:00:00:00:00:01', fixed_ips: "
                           "[10.2.%d.%d], security_groups: ["G2"]}]", i + 1,
                           i / 250, i % 250 + 1);
    char *error = core_patch(core, text, strlen(text), "p", at, flush);

    free(text);
    return error;
}

TEST(patches_within_50_ms_are_one_flush)
{
    struct core_time at = { 1000, 1700000000000 };
    struct controller_core *core = core_with_ports(3, &at);
    const struct core_flush *done = core_last_flush(core);
    uint64_t flush = 0;

    CHECK_NO_ERROR(join(core, 0, &at, &flush));
    CHECK_UEQ(flush, 2);
    CHECK_UEQ(done->number, 2);
    for (int i = 1; i < 10; i++) {
        at.now++;
        CHECK_NO_ERROR(join(core, i, &at, &flush));
        CHECK_UEQ(flush, 3);
        /* One that is refused takes nothing with it. */
        CHECK_ERROR(core_patch(core, "x: 1", 4, "p", &at, &flush), "p:");
    }
    at.now += CORE_COALESCE_MS;
    core_run(core, &at);
    CHECK_UEQ(done->number, 3);
    CHECK_EQ(done->n_kind[SG_KIND_PORT], 9);
    CHECK_EQ(done->n_kind[SG_KIND_MEMBERS], 1);
    CHECK_EQ(core_n_patches(core), 10);

    /* Until the next whole one. */
    at.now += CORE_COALESCE_MS;
    core_set_topology(core, parse(base_text), 0, &at);
    CHECK_EQ(core_n_patches(core), 0);
    CHECK_EQ(hmap_count(&state_topology(core_state(core))->ports), 2);
    core_destroy(core);
}

/* Two operators: each learns of his own. */
TEST(a_reload_does_not_swallow_patches_that_wait)
{
    struct core_time at = { 1000, 1700000000000 };
    struct controller_core *core = core_with_ports(3, &at);
    const struct core_flush *done = core_last_flush(core);
    uint64_t flush, reload;

    CHECK_NO_ERROR(join(core, 0, &at, &flush));
    at.now++;
    CHECK_NO_ERROR(join(core, 1, &at, &flush));
    CHECK_UEQ(done->number, flush - 1);
    reload = core_set_topology(core, parse(base_text), 0, &at);
    CHECK_UEQ(reload, flush + 1);
    CHECK_UEQ(done->number, flush);
    CHECK_EQ(done->n_kind[SG_KIND_PORT], 1);
    at.now += CORE_COALESCE_MS;
    core_run(core, &at);
    CHECK_UEQ(done->number, reload);
    CHECK_EQ(hmap_count(&state_topology(core_state(core))->ports), 2);
    core_destroy(core);
}

TEST(members_above_the_limit_undo_the_flush)
{
    struct core_time at = { 1000, 1700000000000 };
    struct controller_core *core;
    const struct core_flush *done;
    struct core_config config;
    static const struct sg_epoch epoch = { 1700000000000, 0xabcd };
    static const struct uuid seed = { { 1, 2, 3, 4 } };
    uint64_t flush;

    core_config_init(&config, &epoch, &seed);
    config.limits.members = 1;
    core = core_create(&config);
    core_set_topology(core, parse(base_text), 0, &at);
    done = core_last_flush(core);
    CHECK_NO_ERROR(join(core, 0, &at, &flush));
    CHECK_UEQ(done->number, flush);
    CHECK_CONTAINS(done->error, "more than the limit of 1");
    CHECK_EQ(done->changes.n, 0);
    CHECK_EQ(hmap_count(&state_topology(core_state(core))->ports), 2);

    /* But not a reload that waited: that was right without it. */
    at.now++;
    core_set_topology(core, parse("groups: ["GROUP1", "GROUP2"]\n"
                                  "ports: [{id: "P1",\n"
                                  " mac_address: '02:00:00:00:00:01',\n"
                                  " fixed_ips: [10.0.0.1],\n"
                                  " security_groups: ["G2"]}]\n"), 0, &at);
    CHECK_NO_ERROR(join(core, 0, &at, &flush));
    at.now += 2 * CORE_COALESCE_MS;
    core_run(core, &at);
    CHECK_UEQ(done->number, flush);
    CHECK_CONTAINS(done->error, "more than the limit of 1");
    CHECK_EQ(hmap_count(&state_topology(core_state(core))->ports), 1);
    core_destroy(core);
}

/* Printed, and bounded loosely: 500 joins a second are 20 flushes. */
TEST(the_cost_with_6000_ports)
{
    struct core_time at = { 1000, 1700000000000 };
    struct controller_core *core = core_with_ports(6000, &at);
    uint64_t flush;
    clock_t begin = clock();

    for (int i = 0; i < 500; i++) {
        at.now += 2;
        core_run(core, &at);
        if (join(core, i, &at, &flush)) {
            CHECK(false);
        }
    }
    at.now += CORE_COALESCE_MS;
    core_run(core, &at);

    double ms = 1000.0 * (clock() - begin) / CLOCKS_PER_SEC;
    printf("# 500 patches in one second, %"PRIu64" flushes: %.0f ms\n",
           core_last_flush(core)->number - 1, ms);
    CHECK(core_last_flush(core)->number <= 25);
    CHECK(ms < 5000);
    CHECK_EQ(hmap_count(&state_topology(core_state(core))->ports), 6500);
    core_destroy(core);
}
