/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The ruleset value: equality, invariants, reachability, text. */

#include <config.h>
#include "firewall/ruleset.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "hmapx.h"
#include "sset.h"
#include "tests/lib/policy-text.h"
#include "tests/lib/test.h"
#include "util.h"

static struct fw_rule
rule_to(enum fw_verdict verdict, const char *target)
{
    struct fw_rule rule = { .verdict = verdict };

    ovs_strzcpy(rule.target, target, sizeof rule.target);
    return rule;
}

static void
append(struct fw_ruleset *rs, const char *chain, struct fw_rule rule)
{
    fw_chain_append(fw_table_chain(&rs->tables[SG_IPV4][FW_SECURITY], chain),
                    &rule);
}

TEST(counters_and_origin_do_not_count)
{
    struct fw_rule a = { .match = FW_M_IN, .in = "qbr1", .verdict = FW_DROP };
    struct fw_rule b = a;

    b.packets = 7;
    b.bytes = 700;
    b.origin = policy_text_id("r1");
    CHECK(fw_rule_equals(&a, &b));
    CHECK_UEQ(fw_rule_hash(&a), fw_rule_hash(&b));
    b.in[3] = '2';
    CHECK(!fw_rule_equals(&a, &b));
    b = a;
    b.verdict = FW_ACCEPT;
    CHECK(!fw_rule_equals(&a, &b));
    b = a;
    b.target[0] = 'x';
    CHECK(!fw_rule_equals(&a, &b));
    a.match = FW_M_FOREIGN;
    CHECK(!fw_rule_equals(&a, &a));
}

/* Each row makes one mistake; the check must name it. */
TEST(mistakes_are_found)
{
    const struct sg_prefix v6 = policy_text_prefix("2001:db8::1");
    const struct {
        const char *chain;
        struct fw_rule rule;
        const char *text;
    } rows[] = {
        { "sg1-e-t", rule_to(FW_JUMP, "sg1-e-other"), "target" },
        { "sg1-e-t", rule_to(FW_GOTO, "INPUT"), "target" },
        { "sg1-e-t", rule_to(FW_JUMP, "sg1-e-t"), "leads back" },
        { "sg1-e-t", rule_to(FW_NONE, ""), "no verdict" },
        { "sg1-e-t", rule_to(FW_ZONE, ""), "outside raw" },
        { "sg1-funny", rule_to(FW_DROP, ""), "not one of ours" },
        { "FORWARD", rule_to(FW_DROP, ""), "rule of others" },
        { "FORWARD", rule_to(FW_JUMP, "sg1-out"), "rule of others" },
        { "FORWARD", { .match = FW_M_COMMENT, .verdict = FW_JUMP,
                       .target = FW_CHAIN_ROOT }, "comment" },
        { "sg1-e-t", { .match = FW_M_COMMENT, .verdict = FW_DROP },
          "comment" },
        { "sg1-e-t", { .match = FW_M_FOREIGN, .verdict = FW_DROP },
          "foreign" },
        { "sg1-e-t", { .match = FW_M_SRC, .verdict = FW_DROP, .src = v6 },
          "other family" },
        { "sg1-e-t", { .match = FW_M_IN, .verdict = FW_DROP }, "device" },
        { "sg1-e-t", { .match = FW_M_PROTO, .verdict = FW_DROP },
          "protocol 0" },
        { "sg1-e-t", { .match = FW_M_NOT_PROTO, .verdict = FW_DROP },
          "protocol 0" },
        { "sg1-e-t", { .match = FW_M_PROTO | FW_M_NOT_PROTO, .proto = 6,
                       .verdict = FW_DROP }, "contrary" },
        { "sg1-e-t", { .match = FW_M_CONNMARK | FW_M_NOT_CONNMARK,
                       .connmark = 1, .verdict = FW_DROP }, "contrary" },
        { "sg1-e-t", { .match = FW_M_NOT_CONNMARK, .connmark = 3,
                       .verdict = FW_DROP }, "one bit" },
        { "sg1-e-t", { .match = FW_M_NOT_FLOW_PORT, .verdict = FW_DROP },
          "without a flow" },
        { "sg1-e-t", { .match = FW_M_DPORT, .verdict = FW_DROP },
          "without a protocol" },
        { "sg1-e-t", { .match = FW_M_PROTO | FW_M_DPORT, .proto = 47,
                       .verdict = FW_DROP }, "has none" },
        { "sg1-e-t", { .match = FW_M_PROTO | FW_M_DPORT,
                       .proto = IPPROTO_TCP, .dport_min = 2,
                       .dport_max = 1, .verdict = FW_DROP }, "empty port" },
        { "sg1-e-t", { .match = FW_M_PROTO | FW_M_ICMP_TYPE,
                       .proto = IPPROTO_ICMPV6, .verdict = FW_DROP },
          "another protocol" },
        { "sg1-e-t", { .match = FW_M_PROTO | FW_M_ICMP_CODE,
                       .proto = IPPROTO_ICMP, .verdict = FW_DROP },
          "without a type" },
        { "sg1-e-t", { .match = FW_M_SET_SRC, .verdict = FW_ACCEPT,
                       .set = "sg1-m4a-67000002-8e1d0e693a14" },
          "does not exist" },
        { "sg1-e-t", { .match = FW_M_SET_SRC, .verdict = FW_ACCEPT,
                       .set = "sg1-m6a-67000001-4495174344e4" },
          "other family" },
        { "sg1-e-t", { .match = FW_M_PHYSDEV_IN, .physdev_in = "t",
                       .verdict = FW_ACCEPT }, "both devices" },
        { "sg1-b-t", { .match = FW_M_PHYSDEV_IN, .physdev_in = "t",
                       .verdict = FW_JUMP, .target = "sg1-t-t" },
          "both devices" },
        { "sg1-b-t", { .match = FW_M_PHYSDEV_OUT, .physdev_out = "t",
                       .verdict = FW_GOTO, .target = "sg1-t-t" },
          "both devices" },
        { "sg1-b-t", { .match = FW_M_MAC, .verdict = FW_ACCEPT },
          "both devices" },
        { "sg1-p-t", rule_to(FW_GOTO, "sg1-t-t"), "both devices" },
        { "sg1-eg-67000001-4495174344e4",
          { .match = FW_M_PHYSDEV_IN, .physdev_in = "t",
            .verdict = FW_GOTO, .target = "sg1-out" }, "both devices" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct fw_ruleset *rs = fw_ruleset_create();
        struct fw_set set = {
            .name = "sg1-m6a-67000001-4495174344e4", .family = SG_IPV6,
            .maxelem = FW_SET_MAXELEM, .hashsize = 1024,
        };

        fw_ruleset_add_set(rs, &set);
        append(rs, "sg1-out", rule_to(FW_DROP, ""));
        append(rs, "sg1-t-t", rule_to(FW_ACCEPT, ""));
        CHECK_NO_ERROR(fw_ruleset_check(rs));
        append(rs, rows[i].chain, rows[i].rule);
        CHECK_ERROR(fw_ruleset_check(rs), rows[i].text);
        fw_ruleset_destroy(rs);
    }
}

TEST(a_port_is_entered_between_both_devices)
{
    struct fw_ruleset *rs = fw_ruleset_create();
    struct fw_rule rule = rule_to(FW_GOTO, "sg1-out");

    append(rs, "sg1-out", rule_to(FW_DROP, ""));
    rule.match = FW_M_PHYSDEV_IN | FW_M_PHYSDEV_OUT;
    ovs_strzcpy(rule.physdev_in, "t", sizeof rule.physdev_in);
    ovs_strzcpy(rule.physdev_out, "q", sizeof rule.physdev_out);
    append(rs, "sg1-b-t", rule);
    /* Which lets nobody pass. */
    rule.match = FW_M_PHYSDEV_IN;
    rule.verdict = FW_DROP;
    append(rs, "sg1-b-t", rule);
    /* Who is here, has come in that way. */
    append(rs, "sg1-e-t", rule_to(FW_ACCEPT, ""));
    CHECK_NO_ERROR(fw_ruleset_check(rs));
    fw_ruleset_destroy(rs);
}

TEST(bad_sets_are_found)
{
    const struct {
        struct fw_set set;
        const char *text;
    } rows[] = {
        { { .name = "sg1-tmp-00000001-1", .maxelem = 1, .hashsize = 64 },
          "not a name" },
        { { .name = "sg1-m4a-67000001-4495174344e4", .family = SG_IPV6,
            .maxelem = 1, .hashsize = 64 }, "differ" },
        { { .name = "sg1-m4b-67000001-4495174344e4", .maxelem = 1,
            .hashsize = 64 }, "differ" },
        { { .name = "sg1-m4a-67000001-4495174344e4", .hashsize = 64 },
          "no size" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct fw_ruleset *rs = fw_ruleset_create();
        fw_ruleset_add_set(rs, &rows[i].set);
        CHECK_ERROR(fw_ruleset_check(rs), rows[i].text);
        fw_ruleset_destroy(rs);
    }
}

TEST(sets_are_reached_through_jumps)
{
    struct policy_text pt;
    struct sset sets = SSET_INITIALIZER(&sets);
    struct hmapx seen = HMAPX_INITIALIZER(&seen);

    policy_text_init(&pt, "port p1 device=tap1 bridge=qbr1 uplink=qvb1 "
                     "zone=1 mac=52:54:00:00:00:01 group=g1\n"
                     "port p2 device=tap2 bridge=qbr2 uplink=qvb2 zone=2 "
                     "mac=52:54:00:00:00:02 group=g2\n"
                     "rules g1\nrule ingress IPv4 group=g1\n"
                     "rule egress IPv6 group=g3\n"
                     "rules g2\nrule ingress IPv4 group=g2\n");
    struct fw_ruleset *rs = fw_render(&pt.policy, &pt.layout, NULL, NULL);
    const struct fw_table *v4 = &rs->tables[SG_IPV4][FW_SECURITY];
    const struct fw_table *v6 = &rs->tables[SG_IPV6][FW_SECURITY];
    fw_table_reach(v4, "sg1-t-tap1", &seen, &sets);
    CHECK_UEQ(sset_count(&sets), 1);
    CHECK(sset_contains(&sets, "sg1-m4a-67000001-4495174344e4"));
    fw_table_reach(v6, "sg1-b-tap1", &seen, &sets);
    CHECK_UEQ(sset_count(&sets), 2);
    CHECK(sset_contains(&sets, "sg1-m6a-67000003-25c7bae31b26"));
    CHECK(hmapx_contains(&seen, fw_table_find(v6, "sg1-e-tap1")));
    CHECK(!hmapx_contains(&seen, fw_table_find(v4, "sg1-e-tap1")));
    sset_clear(&sets);
    fw_table_reach(v4, "sg1-b-tap9", &seen, &sets);
    fw_table_reach(v4, "sg1-t-tap1", &seen, &sets);
    CHECK(sset_is_empty(&sets));
    hmapx_destroy(&seen);
    sset_destroy(&sets);
    fw_ruleset_destroy(rs);
    policy_text_uninit(&pt);
}

TEST(clones_are_equal_and_apart)
{
    struct policy_text pt;
    struct ds a = DS_EMPTY_INITIALIZER, b = DS_EMPTY_INITIALIZER;

    policy_text_init(&pt, "port p1 device=tap1 bridge=qbr1 uplink=qvb1 "
                     "zone=1 mac=52:54:00:00:00:01 group=g1\n"
                     "rules g1\nrule ingress IPv4 group=g1\n");
    struct fw_ruleset *rs = fw_render(&pt.policy, &pt.layout, NULL, NULL);
    struct fw_ruleset *clone = fw_ruleset_clone(rs);
    fw_ruleset_format(rs, &a);
    fw_ruleset_destroy(rs);
    fw_ruleset_format(clone, &b);
    CHECK_STR(ds_cstr(&a), ds_cstr(&b));
    fw_ruleset_destroy(clone);
    ds_destroy(&a);
    ds_destroy(&b);
    policy_text_uninit(&pt);
}

/* Names that come from a kernel others write to are printed harmlessly. */
TEST(foreign_bytes_are_escaped)
{
    struct fw_rule rule = {
        .match = FW_M_IN, .in = "a\033[2Jb", .verdict = FW_DROP,
    };
    struct ds ds = DS_EMPTY_INITIALIZER;

    fw_rule_format(&rule, SG_IPV4, &ds);
    CHECK(!strchr(ds_cstr(&ds), '\033'));
    CHECK_CONTAINS(ds_cstr(&ds), "[2Jb -j DROP");
    ds_clear(&ds);
    rule.match = FW_M_FOREIGN;
    fw_rule_format(&rule, SG_IPV4, &ds);
    CHECK_STR(ds_cstr(&ds), "(foreign)");
    ds_destroy(&ds);
}

TEST(sets_are_made_half_empty)
{
    static const struct {
        size_t n;
        uint32_t maxelem, hashsize;
    } rows[] = {
        { 0, 1024, 512 },
        { 512, 1024, 512 },
        { 513, 4096, 2048 },
        { 2048, 4096, 2048 },
        { 2049, 16384, 8192 },
        { 8193, 65536, 32768 },
        { 32769, 262144, 131072 },
        { 131072, 262144, 131072 },
        { 131073, 524288, 262144 },
        { 262144, 524288, 262144 },
        { 1000000, 524288, 262144 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CHECK_UEQ(fw_set_capacity(rows[i].n), rows[i].maxelem);
        CHECK_UEQ(fw_set_hashsize(rows[i].maxelem), rows[i].hashsize);
    }
    /* Sets that an earlier version made, or somebody else. */
    CHECK_UEQ(fw_set_hashsize(1), 64);
    CHECK_UEQ(fw_set_hashsize(1000), 512);
    CHECK_UEQ(fw_set_hashsize(UINT32_MAX), FW_SET_MAXELEM);
}

/* And the next size is always larger and has room again. */
TEST(sets_grow_at_three_quarters)
{
    CHECK_UEQ(fw_set_grow_above(1), 1);
    CHECK_UEQ(fw_set_grow_above(1024), 768);
    CHECK_UEQ(fw_set_grow_above(262144), 196608);
    CHECK(fw_set_grow_above(FW_SET_MAXELEM) == SIZE_MAX);
    for (uint32_t maxelem = 1024; maxelem < FW_SET_MAXELEM; ) {
        size_t n = fw_set_grow_above(maxelem) + 1;
        uint32_t next = fw_set_capacity(n);

        CHECK(next > maxelem);
        CHECK(n <= next / 2);
        maxelem = next;
    }
}
