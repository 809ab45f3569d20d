/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* What firewall/backend.h promises of tables, on every backend: the model in
 * memory must behave as the kernel does, or tests against the model prove
 * nothing.  test-backend-sets.c has what is promised of sets, and
 * test-iptables.c what only a kernel can show. */

#include <config.h>
#include <errno.h>
#include <stdlib.h>

#include "openvswitch/util.h"
#include "tests/conformance/backend.h"
#include "tests/lib/random_rule.h"
#include "util.h"

#define CHAIN "sg1-eg-01234567-0123456789ab"    /* 28 bytes: the limit. */

static void
check_rules(struct fixture *f, enum sg_family family, enum fw_table_id id,
            const char *chain_name, const struct fw_rule *rules, size_t n)
{
    struct fw_table table;

    fw_table_init(&table);
    REQUIRE(!read_table(f, family, id, &table));
    const struct fw_chain *chain = fw_table_find(&table, chain_name);
    REQUIRE(chain);
    CHECK_UEQ(chain->n_rules, n);
    for (size_t i = 0; i < n && i < chain->n_rules; i++) {
        if (!CHECK(fw_rule_equals(&chain->rules[i], &rules[i]))) {
            struct ds text = DS_EMPTY_INITIALIZER;

            fw_rule_format(&rules[i], family, &text);
            ds_put_cstr(&text, "\n#   read back as ");
            fw_rule_format(&chain->rules[i], family, &text);
            FAIL("rule %"PRIuSIZE": %s", i, ds_cstr(&text));
            ds_destroy(&text);
        }
    }
    fw_table_uninit(&table);
}

BACKEND_TEST(table_builtin_chains)
{
    static const char *const chains[FW_N_TABLES][3] = {
        [FW_RAW] = { "PREROUTING", "OUTPUT", NULL },
        [FW_SECURITY] = { "INPUT", "FORWARD", "OUTPUT" },
        [FW_FILTER] = { "INPUT", "FORWARD", "OUTPUT" },
    };

    for (int family = 0; family < SG_N_FAMILIES; family++) {
        for (int id = 0; id < FW_N_TABLES; id++) {
            struct fw_table table;

            fw_table_init(&table);
            CHECK_EQ(read_table(f, family, id, &table), 0);
            for (int i = 0; i < 3 && chains[id][i]; i++) {
                const struct fw_chain *chain
                    = fw_table_find(&table, chains[id][i]);

                REQUIRE(chain);
                CHECK(chain->builtin);
                CHECK_UEQ(chain->n_rules, 0);
            }
            fw_table_uninit(&table);
        }
    }
}

/* Whoever made it and wherever it stands; with one device, or with none that
 * stands for the rule. */
BACKEND_TEST(table_zones)
{
    struct fw_rule ours = make_rule(FW_ZONE, NULL, "qbr1");
    struct fw_rule theirs = make_rule(FW_ZONE, NULL, "qbr2");
    struct fw_rule port = make_rule(FW_ZONE, NULL, NULL);
    struct fw_rule pattern = make_rule(FW_ZONE, NULL, "qbr+");
    struct fw_rule both = make_rule(FW_ZONE, NULL, "qbr3");
    struct fw_rule some = make_rule(FW_ZONE, NULL, "qbr4");
    struct fw_rule all = make_rule(FW_ZONE, NULL, NULL);
    struct fw_rule none = make_rule(FW_NOTRACK, NULL, "qbr5");
    struct fw_rule untracked = make_rule(FW_NOTRACK, NULL, "qbr6");

    ours.zone = 1;
    theirs.zone = 2;
    port.zone = 3;
    port.match = FW_M_PHYSDEV_IN;
    ovs_strlcpy(port.physdev_in, "tap3", sizeof port.physdev_in);
    pattern.zone = 4;
    both.zone = 5;
    both.match |= FW_M_PHYSDEV_IN;
    ovs_strlcpy(both.physdev_in, "tap5", sizeof both.physdev_in);
    some.zone = 6;
    some.match |= FW_M_PROTO;
    some.proto = IPPROTO_TCP;
    all.zone = 65535;
    struct fw_edit edits[] = {
        make_edit(FW_EDIT_CHAIN_CREATE, "sg1-z", 0, NULL),
        make_edit(FW_EDIT_INSERT, "sg1-z", 0, &ours),
        make_edit(FW_EDIT_INSERT, "sg1-z", 1, &untracked),
        make_edit(FW_EDIT_INSERT, "PREROUTING", 0, &theirs),
        make_edit(FW_EDIT_INSERT, "PREROUTING", 1, &port),
        make_edit(FW_EDIT_INSERT, "PREROUTING", 2, &pattern),
        make_edit(FW_EDIT_INSERT, "PREROUTING", 3, &both),
        make_edit(FW_EDIT_INSERT, "PREROUTING", 4, &some),
        make_edit(FW_EDIT_INSERT, "OUTPUT", 0, &all),
        make_edit(FW_EDIT_INSERT, "PREROUTING", 5, &none),
    };

    for (int family = 0; family < SG_N_FAMILIES; family++) {
        char *zones = get_zones(f, family);
        CHECK_STR(zones, "");
        free(zones);
        CHECK_EQ(commit_edits(f, family, FW_RAW, edits, ARRAY_SIZE(edits)),
                 0);
        zones = get_zones(f, family);
        CHECK_STR(zones, family == SG_IPV4
                  ? "IPv4 0 qbr6 ours\nIPv4 1 qbr1 ours\nIPv4 2 qbr2\n"
                    "IPv4 3 tap3\nIPv4 4 \nIPv4 5 \nIPv4 6 \nIPv4 65535 "
                  : "IPv6 0 qbr6 ours\nIPv6 1 qbr1 ours\nIPv6 2 qbr2\n"
                    "IPv6 3 tap3\nIPv6 4 \nIPv6 5 \nIPv6 6 \nIPv6 65535 ");
        free(zones);
    }
}

BACKEND_TEST(table_edits)
{
    struct fw_rule a = make_rule(FW_ACCEPT, NULL, "a");
    struct fw_rule b = make_rule(FW_DROP, NULL, "b");
    struct fw_rule c = make_rule(FW_RETURN, NULL, "c");
    struct fw_rule d = make_rule(FW_GOTO, "sg1-out", "d+");
    struct fw_edit first[] = {
        make_edit(FW_EDIT_CHAIN_CREATE, "sg1-out", 0, NULL),
        make_edit(FW_EDIT_CHAIN_CREATE, CHAIN, 0, NULL),
        make_edit(FW_EDIT_INSERT, CHAIN, 0, &b),
        make_edit(FW_EDIT_INSERT, CHAIN, 0, &a),
        make_edit(FW_EDIT_INSERT, CHAIN, 2, &d),
        make_edit(FW_EDIT_INSERT, CHAIN, 2, &c),
    };
    struct fw_rule abcd[] = { a, b, c, d };

    CHECK_EQ(commit_edits(f, SG_IPV4, FW_SECURITY, first,
                          ARRAY_SIZE(first)), 0);
    check_rules(f, SG_IPV4, FW_SECURITY, CHAIN, abcd, 4);
    check_rules(f, SG_IPV4, FW_SECURITY, "sg1-out", NULL, 0);

    struct fw_edit second[] = {
        make_edit(FW_EDIT_DELETE, CHAIN, 1, NULL),
        make_edit(FW_EDIT_REPLACE, CHAIN, 1, &a),
        make_edit(FW_EDIT_REPLACE, CHAIN, 0, &c),
        make_edit(FW_EDIT_DELETE, CHAIN, 2, NULL),
        make_edit(FW_EDIT_CHAIN_DELETE, "sg1-out", 0, NULL),
    };
    struct fw_rule ca[] = { c, a };
    CHECK_EQ(commit_edits(f, SG_IPV4, FW_SECURITY, second,
                          ARRAY_SIZE(second)), 0);
    check_rules(f, SG_IPV4, FW_SECURITY, CHAIN, ca, 2);

    struct fw_edit third[] = {
        make_edit(FW_EDIT_CHAIN_FLUSH, CHAIN, 0, NULL),
        make_edit(FW_EDIT_CHAIN_DELETE, CHAIN, 0, NULL),
    };
    CHECK_EQ(commit_edits(f, SG_IPV4, FW_SECURITY, third,
                          ARRAY_SIZE(third)), 0);

    struct fw_table table;
    fw_table_init(&table);
    REQUIRE(!read_table(f, SG_IPV4, FW_SECURITY, &table));
    CHECK(!fw_table_find(&table, CHAIN));
    CHECK(!fw_table_find(&table, "sg1-out"));
    fw_table_uninit(&table);
}

/* Every form of rule comes back as it was written, in both families. */
BACKEND_TEST(table_round_trip)
{
    static const struct random_rule_names names[FW_N_TABLES] = {
        [FW_RAW] = { "sg1-target", SET4, true },
        [FW_SECURITY] = { "sg1-target", SET4, false },
        [FW_FILTER] = { "sg1-target", "", false },
    };
    enum { N = 300 };
    uint64_t seed = test_seed();

    REQUIRE(!create_set(f, SET4, SG_IPV4, 100));
    REQUIRE(!create_set(f, SET6, SG_IPV6, 100));
    for (int i = 0; i < SG_N_FAMILIES * FW_N_TABLES; i++) {
        enum sg_family family = i % SG_N_FAMILIES;
        enum fw_table_id id = i / SG_N_FAMILIES;
        struct random_rule_names n = names[id];
        struct fw_edit *edits = xcalloc(N + 2, sizeof *edits);
        struct fw_rule *rules = xcalloc(N, sizeof *rules);

        if (family == SG_IPV6 && n.set[0]) {
            n.set = SET6;
        }
        edits[0] = make_edit(FW_EDIT_CHAIN_CREATE, CHAIN, 0, NULL);
        edits[1] = make_edit(FW_EDIT_CHAIN_CREATE, "sg1-target", 0, NULL);
        for (int j = 0; j < N; j++) {
            random_rule(&seed, family, &n, &rules[j]);
            edits[j + 2] = make_edit(FW_EDIT_INSERT, CHAIN, j, &rules[j]);
        }
        if (!CHECK_EQ(commit_edits(f, family, id, edits, N + 2), 0)) {
            FAIL("%s", f->c->error(f->b));
        }
        check_rules(f, family, id, CHAIN, rules, N);
        free(edits);
        free(rules);
    }
}

/* A rule that was read and is written back keeps its verdict.  (The kernel
 * hands standard targets out with an empty name, and a rule with an empty
 * target name has no verdict.) */
BACKEND_TEST(table_write_back)
{
    struct fw_rule rules[] = {
        make_rule(FW_ACCEPT, NULL, "a"),
        make_rule(FW_DROP, NULL, "b"),
        make_rule(FW_RETURN, NULL, "c"),
        make_rule(FW_JUMP, "sg1-out", "d"),
        make_rule(FW_GOTO, "sg1-out", "e"),
    };
    enum { N = ARRAY_SIZE(rules) };
    struct fw_edit edits[N + 2];
    struct fw_table table;

    edits[0] = make_edit(FW_EDIT_CHAIN_CREATE, CHAIN, 0, NULL);
    edits[1] = make_edit(FW_EDIT_CHAIN_CREATE, "sg1-out", 0, NULL);
    for (size_t i = 0; i < N; i++) {
        edits[i + 2] = make_edit(FW_EDIT_INSERT, CHAIN, i, &rules[i]);
    }
    REQUIRE(!commit_edits(f, SG_IPV4, FW_SECURITY, edits, N + 2));

    fw_table_init(&table);
    REQUIRE(!read_table(f, SG_IPV4, FW_SECURITY, &table));
    const struct fw_chain *chain = fw_table_find(&table, CHAIN);
    REQUIRE(chain && chain->n_rules == N);
    for (size_t i = 0; i < N; i++) {
        edits[i] = make_edit(FW_EDIT_REPLACE, CHAIN, i, &chain->rules[i]);
    }
    CHECK_EQ(commit_edits(f, SG_IPV4, FW_SECURITY, edits, N), 0);
    check_rules(f, SG_IPV4, FW_SECURITY, CHAIN, rules, N);
    fw_table_uninit(&table);
}

/* A commit does all of its edits or none. */
BACKEND_TEST(table_atomic)
{
    struct fw_rule good = make_rule(FW_DROP, NULL, "a");
    struct fw_rule no_target = make_rule(FW_JUMP, "sg1-missing", NULL);
    struct fw_rule no_verdict = make_rule(FW_NONE, NULL, NULL);
    struct fw_rule foreign = { .match = FW_M_FOREIGN, .verdict = FW_DROP };
    struct fw_rule no_set = make_rule(FW_ACCEPT, NULL, NULL);
    struct fw_rule set6 = make_rule(FW_ACCEPT, NULL, NULL);

    no_set.match |= FW_M_SET_SRC;
    ovs_strlcpy(no_set.set, SET4B, sizeof no_set.set);
    set6.match |= FW_M_SET_SRC;
    ovs_strlcpy(set6.set, SET6, sizeof set6.set);

    const struct {
        struct fw_edit edit;
        int error;
    } rows[] = {
        { make_edit(FW_EDIT_INSERT, "sg1-missing", 0, &good), ENOENT },
        { make_edit(FW_EDIT_REPLACE, "sg1-missing", 0, &good), ENOENT },
        { make_edit(FW_EDIT_DELETE, "sg1-missing", 0, NULL), ENOENT },
        { make_edit(FW_EDIT_CHAIN_FLUSH, "sg1-missing", 0, NULL), ENOENT },
        { make_edit(FW_EDIT_CHAIN_DELETE, "sg1-missing", 0, NULL), ENOENT },
        { make_edit(FW_EDIT_INSERT, CHAIN, 0, &no_target), ENOENT },
        { make_edit(FW_EDIT_REPLACE, CHAIN, 0, &no_target), ENOENT },
        { make_edit(FW_EDIT_INSERT, CHAIN, 0, &no_set), ENOENT },
        /* The kernel would take it, and it would never match. */
        { make_edit(FW_EDIT_INSERT, CHAIN, 0, &set6), EINVAL },
        { make_edit(FW_EDIT_INSERT, CHAIN, 0, &no_verdict), EINVAL },
        { make_edit(FW_EDIT_INSERT, CHAIN, 0, &foreign), EINVAL },
        /* One rule was inserted by the edit before. */
        { make_edit(FW_EDIT_INSERT, CHAIN, 3, &good), EINVAL },
        { make_edit(FW_EDIT_REPLACE, CHAIN, 2, &good), EINVAL },
        { make_edit(FW_EDIT_DELETE, CHAIN, 2, NULL), EINVAL },
        { make_edit(FW_EDIT_CHAIN_CREATE, CHAIN, 0, NULL), EEXIST },
        { make_edit(FW_EDIT_CHAIN_DELETE, CHAIN, 0, NULL), EBUSY },
        { make_edit(FW_EDIT_CHAIN_DELETE, "sg1-used", 0, NULL), EBUSY },
        { make_edit(FW_EDIT_CHAIN_CREATE, "", 0, NULL), EINVAL },
    };
    struct fw_rule jump = make_rule(FW_JUMP, "sg1-used", "x");
    struct fw_edit before[] = {
        make_edit(FW_EDIT_CHAIN_CREATE, CHAIN, 0, NULL),
        make_edit(FW_EDIT_CHAIN_CREATE, "sg1-used", 0, NULL),
        make_edit(FW_EDIT_INSERT, CHAIN, 0, &jump),
    };

    REQUIRE(!create_set(f, SET6, SG_IPV6, 100));
    REQUIRE(!commit_edits(f, SG_IPV4, FW_SECURITY, before,
                          ARRAY_SIZE(before)));
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct fw_edit edits[] = {
            make_edit(FW_EDIT_INSERT, CHAIN, 0, &good),
            rows[i].edit,
            make_edit(FW_EDIT_INSERT, CHAIN, 0, &good),
        };

        if (!CHECK_EQ(commit_edits(f, SG_IPV4, FW_SECURITY, edits, 3),
                      rows[i].error)) {
            FAIL("row %"PRIuSIZE": %s", i, f->c->error(f->b));
        }
        CHECK(f->c->error(f->b)[0]);
        check_rules(f, SG_IPV4, FW_SECURITY, CHAIN, &jump, 1);
    }
}

/* Each family and each table is its own. */
BACKEND_TEST(table_apart)
{
    struct fw_rule r = make_rule(FW_DROP, NULL, "a");
    struct fw_edit edits[] = {
        make_edit(FW_EDIT_CHAIN_CREATE, CHAIN, 0, NULL),
        make_edit(FW_EDIT_INSERT, CHAIN, 0, &r),
    };

    REQUIRE(!commit_edits(f, SG_IPV6, FW_SECURITY, edits, 2));
    for (int family = 0; family < SG_N_FAMILIES; family++) {
        for (int id = 0; id < FW_N_TABLES; id++) {
            struct fw_table table;

            fw_table_init(&table);
            REQUIRE(!read_table(f, family, id, &table));
            CHECK_EQ(fw_table_find(&table, CHAIN) != NULL,
                     family == SG_IPV6 && id == FW_SECURITY);
            fw_table_uninit(&table);
        }
    }
}

/* Several tables in one turn of the lock. */
BACKEND_TEST(table_several_at_once)
{
    struct fw_rule r = make_rule(FW_DROP, NULL, "a");
    struct fw_edit edits[] = {
        make_edit(FW_EDIT_CHAIN_CREATE, CHAIN, 0, NULL),
        make_edit(FW_EDIT_INSERT, CHAIN, 0, &r),
    };
    struct fw_table tables[SG_N_FAMILIES][FW_N_TABLES];

    REQUIRE(!f->c->begin(f->b));
    for (int i = 0; i < SG_N_FAMILIES * FW_N_TABLES; i++) {
        struct fw_table *table
            = &tables[i % SG_N_FAMILIES][i / SG_N_FAMILIES];

        fw_table_init(table);
        CHECK_EQ(f->c->read(f->b, i % SG_N_FAMILIES, i / SG_N_FAMILIES,
                            table), 0);
    }
    CHECK_EQ(f->c->commit(f->b, SG_IPV6, FW_RAW, edits, 2), 0);
    CHECK_EQ(f->c->commit(f->b, SG_IPV4, FW_SECURITY, edits, 2), 0);
    f->c->end(f->b);
    for (int i = 0; i < SG_N_FAMILIES * FW_N_TABLES; i++) {
        fw_table_uninit(&tables[i % SG_N_FAMILIES][i / SG_N_FAMILIES]);
    }
    check_rules(f, SG_IPV6, FW_RAW, CHAIN, &r, 1);
    check_rules(f, SG_IPV4, FW_SECURITY, CHAIN, &r, 1);
}

BACKEND_TEST(table_counters)
{
    struct fw_rule a = make_rule(FW_DROP, NULL, "a");
    struct fw_rule b = make_rule(FW_DROP, NULL, "b");
    struct fw_edit edits[] = {
        make_edit(FW_EDIT_CHAIN_CREATE, CHAIN, 0, NULL),
        make_edit(FW_EDIT_INSERT, CHAIN, 0, &a),
    };
    struct fw_table table;

    REQUIRE(!commit_edits(f, SG_IPV4, FW_SECURITY, edits, 2));
    other_count(f, CHAIN, &a, 5, 4200);

    /* Rules before and behind it come and go. */
    struct fw_edit around[] = {
        make_edit(FW_EDIT_INSERT, CHAIN, 0, &b),
        make_edit(FW_EDIT_INSERT, CHAIN, 2, &b),
        make_edit(FW_EDIT_REPLACE, CHAIN, 2, &a),
    };
    CHECK_EQ(commit_edits(f, SG_IPV4, FW_SECURITY, around, 3), 0);
    fw_table_init(&table);
    REQUIRE(!read_table(f, SG_IPV4, FW_SECURITY, &table));
    const struct fw_chain *chain = fw_table_find(&table, CHAIN);
    REQUIRE(chain && chain->n_rules == 3);
    CHECK_UEQ(chain->rules[0].packets, 0);
    CHECK_UEQ(chain->rules[1].packets, 5);
    CHECK_UEQ(chain->rules[1].bytes, 4200);
    CHECK_UEQ(chain->rules[2].packets, 0);
    fw_table_uninit(&table);
}

/* A set that a rule names cannot be destroyed; it can be swapped, and the
 * rule goes on naming it. */
BACKEND_TEST(set_in_use)
{
    struct fw_rule r = make_rule(FW_ACCEPT, NULL, NULL);
    r.match |= FW_M_SET_SRC;
    ovs_strlcpy(r.set, SET4, sizeof r.set);
    struct fw_edit edits[] = {
        make_edit(FW_EDIT_CHAIN_CREATE, CHAIN, 0, NULL),
        make_edit(FW_EDIT_INSERT, CHAIN, 0, &r),
    };

    REQUIRE(!create_set(f, SET4, SG_IPV4, 100));
    REQUIRE(!create_set(f, SET4B, SG_IPV4, 100));
    REQUIRE(!commit_edits(f, SG_IPV4, FW_SECURITY, edits, 2));
    CHECK_EQ(get_header(f, SET4).references, 1);
    CHECK_EQ(get_header(f, SET4B).references, 0);
    CHECK_EQ(f->c->set_destroy(f->b, SET4), EBUSY);
    CHECK_EQ(f->c->set_swap(f->b, SET4, SET4B), 0);
    check_rules(f, SG_IPV4, FW_SECURITY, CHAIN, &r, 1);
    CHECK_EQ(get_header(f, SET4).references, 1);
    CHECK_EQ(f->c->set_destroy(f->b, SET4B), 0);

    struct fw_edit gone = make_edit(FW_EDIT_CHAIN_FLUSH, CHAIN, 0, NULL);
    CHECK_EQ(commit_edits(f, SG_IPV4, FW_SECURITY, &gone, 1), 0);
    CHECK_EQ(f->c->set_destroy(f->b, SET4), 0);
}

/* Another writer without the lock is noticed, also if the number of entries
 * is what it was; his edits stay. */
BACKEND_TEST(other_writer)
{
    struct fw_rule a = make_rule(FW_DROP, NULL, "a");
    struct fw_rule theirs = make_rule(FW_ACCEPT, NULL, "theirs");
    struct fw_edit edits[] = {
        make_edit(FW_EDIT_CHAIN_CREATE, CHAIN, 0, NULL),
        make_edit(FW_EDIT_INSERT, CHAIN, 0, &a),
    };
    struct fw_table table;

    REQUIRE(!commit_edits(f, SG_IPV4, FW_SECURITY, edits, 2));
    other_append(f, "FORWARD", &a);
    for (int same_count = 0; same_count < 2; same_count++) {
        fw_table_init(&table);
        REQUIRE(!f->c->begin(f->b));
        REQUIRE(!f->c->read(f->b, SG_IPV4, FW_SECURITY, &table));
        fw_table_uninit(&table);
        other_append(f, "FORWARD", &theirs);
        if (same_count) {
            other_delete_first(f, "FORWARD");
        }
        CHECK_EQ(f->c->commit(f->b, SG_IPV4, FW_SECURITY, edits + 1, 1),
                 EAGAIN);
        f->c->end(f->b);

        struct fw_rule first[] = { a, theirs };
        struct fw_rule second[] = { theirs, theirs };
        check_rules(f, SG_IPV4, FW_SECURITY, "FORWARD",
                    same_count ? second : first, 2);
        check_rules(f, SG_IPV4, FW_SECURITY, CHAIN, &a, 1);
    }
}

/* The mark is that of the table that was read, and another one when the table
 * has more rules. */
BACKEND_TEST(table_mark)
{
    struct fw_rule theirs = make_rule(FW_ACCEPT, NULL, "theirs");
    struct fw_table table;

    fw_table_init(&table);
    REQUIRE(!f->c->begin(f->b));
    REQUIRE(!f->c->read(f->b, SG_IPV4, FW_SECURITY, &table));
    CHECK(table.mark);
    CHECK(f->c->mark(f->b, SG_IPV4, FW_SECURITY) == table.mark);
    f->c->end(f->b);
    other_append(f, "FORWARD", &theirs);
    REQUIRE(!f->c->begin(f->b));
    CHECK(f->c->mark(f->b, SG_IPV4, FW_SECURITY) != table.mark);
    f->c->end(f->b);
    fw_table_uninit(&table);
}

/* Jumps from our chains and hooks are ours; others keep a chain alive. */
BACKEND_TEST(chain_references)
{
    struct fw_rule hook = make_rule(FW_JUMP, CHAIN, "qbr+");
    struct fw_rule entry = make_rule(FW_JUMP, "sg1-root", "qbr+");
    struct fw_rule own = make_rule(FW_GOTO, CHAIN, NULL);
    struct fw_edit edits[] = {
        make_edit(FW_EDIT_CHAIN_CREATE, CHAIN, 0, NULL),
        make_edit(FW_EDIT_CHAIN_CREATE, "sg1-root", 0, NULL),
        make_edit(FW_EDIT_INSERT, "sg1-root", 0, &own),
        make_edit(FW_EDIT_INSERT, "FORWARD", 0, &hook),
        make_edit(FW_EDIT_INSERT, "FORWARD", 0, &entry),
    };
    struct fw_rule theirs = make_rule(FW_JUMP, CHAIN, "theirs");
    struct fw_table table;

    hook.match |= FW_M_COMMENT;
    edits[3].rule = hook;
    REQUIRE(!commit_edits(f, SG_IPV4, FW_SECURITY, edits, 5));
    for (int i = 0; i < 2; i++) {
        fw_table_init(&table);
        REQUIRE(!read_table(f, SG_IPV4, FW_SECURITY, &table));
        REQUIRE(fw_table_find(&table, CHAIN));
        CHECK_UEQ(fw_table_find(&table, CHAIN)->references, i);
        CHECK_UEQ(fw_table_find(&table, "sg1-root")->references, 0);
        fw_table_uninit(&table);
        other_append(f, "INPUT", &theirs);
    }
}
