/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Rendering: numbers that are promised, and the dispatch trees.  What the
 * rules say is in tests/golden/render and tests/property/test-render-prop. */

#include <config.h>
#include "firewall/render.h"

#include <stdio.h>
#include <stdlib.h>

#include "firewall/dispatch.h"
#include "sset.h"
#include "tests/lib/eval.h"
#include "tests/lib/policy-text.h"
#include "tests/lib/test.h"
#include "util.h"
#include "uuid.h"

static size_t
count_rules(const struct fw_ruleset *rs, enum sg_family family)
{
    size_t n = 0;

    for (size_t t = 0; t < FW_N_TABLES; t++) {
        const struct fw_chain *chain;
        HMAP_FOR_EACH (chain, node, &rs->tables[family][t].chains) {
            n += chain->n_rules;
        }
    }
    return n;
}

/* Rules of a host with 'n_ports' ports of 'n_groups' groups without rules. */
static size_t
rules_of(size_t n_ports, size_t n_groups, enum sg_family family)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct policy_text pt;

    for (size_t i = 1; i <= n_ports; i++) {
        ds_put_format(&ds, "port p%zu device=tap%zu bridge=qbr%zu "
                      "uplink=qvb%zu zone=%zu mac=52:54:00:00:00:%02zx "
                      "ip=10.0.0.%zu ip=2001:db8::%zu", i, i, i, i, i, i, i,
                      i);
        for (size_t j = 1; j <= n_groups; j++) {
            ds_put_format(&ds, " group=g%zu", j);
        }
        ds_put_char(&ds, '\n');
    }
    policy_text_init(&pt, ds_cstr(&ds));
    struct fw_ruleset *rs = fw_render(&pt.policy, &pt.layout, NULL, NULL);
    size_t n = count_rules(rs, family);
    fw_ruleset_destroy(rs);
    policy_text_uninit(&pt);
    ds_destroy(&ds);
    return n;
}

/* Two ports differ in the first character that counts, so that the tree has
 * no inner node yet. */
TEST(a_port_costs_7_rules_and_2_per_group)
{
    for (size_t g = 0; g <= 5; g++) {
        CHECK_UEQ(rules_of(2, g, SG_IPV4) - rules_of(1, g, SG_IPV4),
                  7 + 2 * g);
        CHECK_UEQ(rules_of(2, g, SG_IPV6) - rules_of(1, g, SG_IPV6),
                  8 + 2 * g);
    }
}

/* ------------------------------------------------------------------------ */

static const struct sg_members *
no_members(const void *aux OVS_UNUSED, const char *set OVS_UNUSED)
{
    return NULL;
}

struct tree {
    struct fw_ruleset *rs;
    struct eval_filter filter;
    struct fw_dispatch dispatch[2];     /* With the same names. */
    struct sset names;
    size_t worst, sum;          /* Comparisons in both trees. */
};

static void
tree_init(struct tree *tree)
{
    memset(tree, 0, sizeof *tree);
    tree->rs = fw_ruleset_create();
    tree->filter = (struct eval_filter) {
        .rs = tree->rs, .members = no_members,
    };
    for (size_t i = 0; i < ARRAY_SIZE(tree->dispatch); i++) {
        fw_dispatch_init(&tree->dispatch[i]);
    }
    sset_init(&tree->names);
}

static void
tree_uninit(struct tree *tree)
{
    fw_ruleset_destroy(tree->rs);
    for (size_t i = 0; i < ARRAY_SIZE(tree->dispatch); i++) {
        fw_dispatch_uninit(&tree->dispatch[i]);
    }
    sset_destroy(&tree->names);
}

/* The first tree gives zones, the second ends the way. */
static void
tree_add(struct tree *tree, const char *name)
{
    if (sset_add(&tree->names, name)) {
        struct fw_rule zone = {
            .verdict = FW_ZONE, .zone = sset_count(&tree->names),
        };
        struct fw_rule end = zone;

        end.verdict = FW_ACCEPT;
        fw_dispatch_add(&tree->dispatch[0], name, &zone);
        fw_dispatch_add(&tree->dispatch[1], name, &end);
    }
}

/* The two trees, as they are in two tables. */
static const struct {
    enum fw_table_id table;
    const char *root;
    enum fw_dispatch_place place;
} trees[] = {
    { FW_RAW, FW_CHAIN_ZONES, FW_DISPATCH_FIRST },
    { FW_SECURITY, FW_CHAIN_BRIDGES, FW_DISPATCH_SECOND },
};

/* The rule that a frame from 'bridge' reaches in both, or NULL. */
static const struct fw_rule *
tree_find(struct tree *tree, const char *bridge)
{
    struct eval_packet p = { .family = SG_IPV4 };
    const struct fw_rule *rules[ARRAY_SIZE(trees)] = { NULL };
    size_t n = 0;

    ovs_strzcpy(p.bridge, bridge, sizeof p.bridge);
    for (size_t i = 0; i < ARRAY_SIZE(trees); i++) {
        size_t compared;

        rules[i] = eval_chain(&tree->filter, trees[i].table, trees[i].root,
                              &p, &compared);
        n += compared;
    }
    CHECK_EQ(!rules[0], !rules[1]);
    if (rules[0]) {
        CHECK_EQ(rules[0]->zone, rules[1]->zone);
        tree->worst = MAX(tree->worst, n);
        tree->sum += n;
    }
    return rules[0];
}

static void
check_tree(struct tree *tree, const char *const *strangers, size_t n)
{
    for (size_t i = 0; i < ARRAY_SIZE(trees); i++) {
        struct fw_table *table = &tree->rs->tables[SG_IPV4][trees[i].table];

        fw_dispatch_build(&tree->dispatch[i], table, trees[i].root,
                          trees[i].place);
        CHECK(!fw_table_find_loop(table));
    }
    for (size_t i = 0; i < tree->dispatch[0].n; i++) {
        const struct fw_dispatch_leaf *leaf = &tree->dispatch[0].leaves[i];
        const struct fw_rule *found = tree_find(tree, leaf->name);

        if (!found || found->zone != leaf->rule.zone) {
            FAIL("%s: does not reach its leaf", leaf->name);
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (tree_find(tree, strangers[i])) {
            FAIL("%s: reaches a leaf", strangers[i]);
        }
    }
}

TEST(tree_of_a_thousand_ports)
{
    uint64_t state = test_seed();
    char text[200][SG_DEVICE_LEN];
    const char *strangers[200];
    struct tree tree;

    tree_init(&tree);
    while (sset_count(&tree.names) < 1000) {
        char name[SG_DEVICE_LEN];

        snprintf(name, sizeof name, "qbr%08"PRIx32"-%02"PRIx32,
                 (uint32_t) test_random(&state),
                 (uint32_t) test_random(&state) & 0xff);
        tree_add(&tree, name);
    }
    for (size_t i = 0; i < 200; i++) {
        /* A known name with another last digit. */
        ovs_strzcpy(text[i], tree.dispatch[0].leaves[i].name, sizeof text[i]);
        text[i][13] = text[i][13] == '0' ? 'g' : '0';
        strangers[i] = text[i];
    }
    check_tree(&tree, strangers, 200);

    /* In each tree two levels of 16 branches, of which 8.5 are met on the
     * average, and what is left of four names.  The dearest name is little
     * dearer than others: in the order of their names it would need ten
     * more. */
    size_t average = tree.sum / 1000;
    if (average < 34 || average > 44) {
        FAIL("%"PRIuSIZE" comparisons on the average", average);
    }
    if (tree.worst > average + 8) {
        FAIL("%"PRIuSIZE" comparisons at worst, %"PRIuSIZE" on the average",
             tree.worst, average);
    }
    tree_uninit(&tree);
}

/* Short names over two letters: many are beginnings of others. */
TEST(tree_of_names_within_names)
{
    static const char *const strangers[] = { "", "c", "ac", "bbc", "abababc" };
    uint64_t state = test_seed();

    for (int round = 0; round < 200; round++) {
        struct tree tree;

        tree_init(&tree);
        for (uint64_t n = test_random(&state) % 40; n > 0; n--) {
            char name[SG_DEVICE_LEN];
            size_t len = 1 + test_random(&state) % (SG_DEVICE_LEN - 1);

            for (size_t i = 0; i < len; i++) {
                name[i] = test_random(&state) % 2 ? 'a' : 'b';
            }
            name[len] = '\0';
            tree_add(&tree, name);
        }
        check_tree(&tree, strangers, ARRAY_SIZE(strangers));
        tree_uninit(&tree);
    }
}

/* ------------------------------------------------------------------------ */

TEST(slots_are_remembered)
{
    struct fw_slots *slots = fw_slots_create();
    struct fw_set set = { .group = policy_text_id("g1") };
    struct fw_set others[] = { set, set, set };

    others[0].family = SG_IPV6;
    others[1].content = FW_NETS;
    others[2].group = policy_text_id("g2");
    CHECK_EQ(fw_slots_get(slots, &set), FW_SLOT_A);
    fw_slots_set(slots, &set, FW_SLOT_B);
    fw_slots_set(slots, &set, FW_SLOT_B);
    CHECK_EQ(fw_slots_get(slots, &set), FW_SLOT_B);
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        CHECK_EQ(fw_slots_get(slots, &others[i]), FW_SLOT_A);
    }

    fw_slots_keep(slots, "sg1-n4b-67000001-4495174344e4");
    struct fw_slots *clone = fw_slots_clone(slots);
    fw_slots_set(slots, &set, FW_SLOT_A);
    fw_slots_drop(slots, "sg1-n4a-67000001-4495174344e4");
    CHECK_EQ(fw_slots_get(slots, &set), FW_SLOT_A);
    CHECK(!fw_slots_is_kept(slots, "sg1-n4b-67000001-4495174344e4"));
    CHECK_EQ(fw_slots_get(clone, &set), FW_SLOT_B);
    CHECK(fw_slots_is_kept(clone, "sg1-n4b-67000001-4495174344e4"));
    CHECK(fw_slots_is_kept(clone, "sg1-n4a-67000001-4495174344e4"));
    CHECK(!fw_slots_is_kept(clone, "sg1-n6a-67000001-4495174344e4"));
    CHECK_EQ(fw_slots_get(NULL, &set), FW_SLOT_A);
    CHECK(!fw_slots_is_kept(NULL, "sg1-n4a-67000001-4495174344e4"));
    fw_slots_destroy(slots);
    fw_slots_destroy(clone);
}

TEST(layouts_are_checked)
{
    struct fw_layout layout;

    fw_layout_default(&layout);
    CHECK_NO_ERROR(fw_layout_check(&layout));
    layout.bridge_prefix[0] = '\0';
    CHECK_ERROR(fw_layout_check(&layout), "bridge prefix");
    fw_layout_default(&layout);
    ovs_strzcpy(layout.uplink_prefix, "012345678901234", SG_DEVICE_LEN);
    CHECK_ERROR(fw_layout_check(&layout), "uplink prefix");
    layout.uplink_prefix[14] = '\0';
    CHECK_NO_ERROR(fw_layout_check(&layout));
}

/* Which problems were found, and that nobody has to listen. */
TEST(problems_name_their_object)
{
    struct fw_problems problems = { NULL, 0, 0 };
    struct policy_text pt;

    policy_text_init(&pt, "port p1 device=tap1 bridge=qbr1 uplink=qvb1 "
                     "zone=0 mac=52:54:00:00:00:01 group=g1\n"
                     "port p2 device=tap2 bridge=qbr2 uplink=qvb2 zone=2 "
                     "mac=52:54:00:00:00:02 group=g1\n"
                     "rules g1\nrule ingress IPv4 proto=0\n");
    fw_ruleset_destroy(fw_render(&pt.policy, &pt.layout, NULL, NULL));
    fw_ruleset_destroy(fw_render(&pt.policy, &pt.layout, NULL, &problems));
    REQUIRE(problems.n == 2);
    CHECK(uuid_equals(&problems.p[0].port, &(struct uuid) {
        .parts = { 'p' << 24 | 1, 0x4000, 0x80000000, 1 } }));
    CHECK_CONTAINS(problems.p[0].text, "no conntrack zone");
    CHECK(uuid_is_zero(&problems.p[1].port));
    CHECK_CONTAINS(problems.p[1].text, "left out");
    fw_problems_clear(&problems);
    policy_text_uninit(&pt);
}

TEST(origins_are_security_group_rules)
{
    struct policy_text pt;
    struct uuid g1 = policy_text_id("g1"), r1 = policy_text_id("r1");
    char name[FW_CHAIN_LEN];

    policy_text_init(&pt, "port p1 device=tap1 bridge=qbr1 uplink=qvb1 "
                     "zone=1 mac=52:54:00:00:00:01 group=g1\n"
                     "rules g1\nrule ingress IPv4 proto=6\n"
                     "rule ingress IPv4 proto=6\n");
    struct fw_ruleset *rs = fw_render(&pt.policy, &pt.layout, NULL, NULL);
    fw_name_group_chain(name, SG_INGRESS, &g1);
    const struct fw_chain *chain
        = fw_table_find(&rs->tables[SG_IPV4][FW_SECURITY], name);
    REQUIRE(chain && chain->n_rules == 1);      /* The second says the same. */
    CHECK(uuid_equals(&chain->rules[0].origin, &r1));
    fw_ruleset_destroy(rs);
    policy_text_uninit(&pt);
}
