/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Plans in detail: which edits, what is left alone, what is refused. */

#include <config.h>
#include "firewall/plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "firewall/table_diff.h"
#include "tests/lib/policy-text.h"
#include "tests/lib/test.h"
#include "util.h"

#define GROUP_CHAIN "sg1-in-67000001-4495174344e4"
#define SET_A "sg1-m4a-67000001-4495174344e4"
#define SET_OTHER "sg1-m4a-67000003-25c7bae31b26"
#define SET_B "sg1-m4b-67000001-4495174344e4"

/* A rule that stands for the letter 'c'; '?' is a foreign one, upper case is
 * a hook of ours, from N on one that leads into a chain of ours. */
static struct fw_rule
letter(char c)
{
    struct fw_rule rule = {
        .match = FW_M_PROTO, .proto = c, .verdict = FW_DROP,
    };

    if (c == '?') {
        return (struct fw_rule) { .match = FW_M_FOREIGN };
    } else if (c >= 'N' && c <= 'Z') {
        rule.verdict = FW_JUMP;
        strcpy(rule.target, FW_CHAIN_ROOT);
    } else if (c >= 'A' && c <= 'M') {
        rule.match |= FW_M_COMMENT;
    }
    return rule;
}

static void
fill(struct fw_table *table, const char *chain, const char *letters)
{
    struct fw_chain *c = fw_table_chain(table, chain);

    for (; *letters; letters++) {
        struct fw_rule rule = letter(*letters);
        fw_chain_append(c, &rule);
    }
}

static void
check_letters(const struct fw_table *table, const char *chain,
              const char *letters)
{
    const struct fw_chain *c = fw_table_find(table, chain);
    struct ds ds = DS_EMPTY_INITIALIZER;

    REQUIRE(c != NULL);
    for (size_t i = 0; i < c->n_rules; i++) {
        ds_put_char(&ds, c->rules[i].match & FW_M_FOREIGN
                    ? '?' : c->rules[i].proto);
    }
    CHECK_STR(ds_cstr(&ds), letters);
    ds_destroy(&ds);
}

/* Turns 'from' into 'to' in 'chain'; returns the number of edits. */
static size_t
edits_between(const char *chain, const char *from, const char *to,
              const char *result, bool sweep)
{
    struct fw_edits edits = FW_EDITS_INITIALIZER;
    struct fw_table a, b;
    size_t n;

    fw_table_init(&a);
    fw_table_init(&b);
    fill(&a, chain, from);
    fill(&b, chain, to);
    fw_table_chain(&a, FW_CHAIN_ROOT);
    fw_table_chain(&b, FW_CHAIN_ROOT);
    fw_table_diff(&a, &b, sweep, &edits);
    for (size_t i = 0; i < edits.n; i++) {
        const struct fw_edit *e = &edits.edits[i];

        if (e->kind == FW_EDIT_DELETE) {
            /* It shows what goes. */
            const struct fw_chain *c = fw_table_find(&a, chain);
            CHECK(!memcmp(&e->rule, &c->rules[e->index], sizeof e->rule));
        }
        CHECK_EQ(fw_edit_apply(&a, e), 0);
    }
    check_letters(&a, chain, result);
    n = edits.n;
    fw_edits_uninit(&edits);

    /* And then there is nothing to do. */
    fw_table_diff(&a, &b, sweep, &edits);
    CHECK_UEQ(edits.n, 0);
    fw_edits_uninit(&edits);
    fw_table_uninit(&a);
    fw_table_uninit(&b);
    return n;
}

static size_t
own_edits(const char *from, const char *to)
{
    return edits_between(GROUP_CHAIN, from, to, to, true);
}

TEST(only_what_differs_is_edited)
{
    CHECK_UEQ(own_edits("", ""), 0);
    CHECK_UEQ(own_edits("abc", "abc"), 0);
    CHECK_UEQ(own_edits("", "abc"), 3);
    CHECK_UEQ(own_edits("abc", ""), 3);
    CHECK_UEQ(own_edits("abcd", "abxcd"), 1);
    CHECK_UEQ(own_edits("abxcd", "abcd"), 1);
    CHECK_UEQ(own_edits("abcd", "abxd"), 1);
    CHECK_UEQ(own_edits("abcdefgh", "abxdefxh"), 2);
    CHECK_UEQ(own_edits("abcdefgh", "bcdefghi"), 2);
    CHECK_UEQ(own_edits("abcdefgh", "hbcdefga"), 2);
    CHECK_UEQ(own_edits("xaybzc", "abc"), 3);
    CHECK_UEQ(own_edits("abc", "xaybzc"), 3);
}

/* A foreign rule in a chain of ours has no business there. */
TEST(foreign_rules_leave_our_chains)
{
    CHECK_UEQ(own_edits("ab?c", "abc"), 1);
    CHECK_UEQ(own_edits("?", "a"), 1);
}

TEST(long_chains_are_replaced_whole)
{
    struct ds a = DS_EMPTY_INITIALIZER, b = DS_EMPTY_INITIALIZER;

    for (int i = 0; i < 600; i++) {
        ds_put_char(&a, 'a' + i % 2);
        ds_put_char(&b, 'b' - i % 2);
    }
    CHECK_UEQ(own_edits(ds_cstr(&a), ds_cstr(&b)), 600);
    ds_destroy(&a);
    ds_destroy(&b);
}

TEST(hooks_come_to_the_top_and_foreign_rules_stay)
{
    static const struct {
        const char *from, *to, *result;
        size_t n;
        bool sweep;
    } rows[] = {
        { "", "AB", "AB", 2, true },
        { "?xy", "AB", "AB?xy", 2, true },
        { "AB?", "AB", "AB?", 0, true },
        { "?AB", "AB", "AB?", 4, true },
        { "A?B", "AB", "AB?", 2, true },
        { "BA?", "AB", "AB?", 4, true },
        { "AB?A", "AB", "AB?", 1, true },
        { "ABC?", "AB", "AB?", 1, true },
        { "?A", "", "?", 1, true },
        { "ABC?", "AB", "ABC?", 0, false },
        { "C?A", "AB", "ABC?", 3, false },
        { "AZ?", "AZ", "AZ?", 0, true },
        { "xZ?", "AZ", "AZx?", 3, true },
        { "Y?", "AZ", "AZ?", 3, true },
        { "?YZ", "", "?", 2, true },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CHECK_UEQ(edits_between("FORWARD", rows[i].from, rows[i].to,
                                rows[i].result, rows[i].sweep), rows[i].n);
    }
}

/* ------------------------------------------------------------------------ */

struct fixture {
    struct fw_ruleset *actual, *desired;
    struct policy_text pt;
    struct hmap work;
    struct fw_plan_args args;
    struct fw_plan *plan;
};

static void
fixture_init(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    f->actual = fw_ruleset_create();
    f->desired = fw_ruleset_create();
    policy_text_init(&f->pt, "members g1 10.0.0.1 10.0.0.2 2001:db8::1 "
                     "10.1.0.0/16\n");
    hmap_init(&f->work);
    f->args = (struct fw_plan_args) {
        .actual = f->actual, .desired = f->desired,
        .policy = &f->pt.policy, .work = &f->work, .sweep = true,
    };
}

static void
fixture_plan(struct fixture *f)
{
    fw_plan_destroy(f->plan);
    f->plan = fw_plan_create(&f->args);
}

static void
fixture_uninit(struct fixture *f)
{
    fw_plan_destroy(f->plan);
    fw_ruleset_destroy(f->actual);
    fw_ruleset_destroy(f->desired);
    policy_text_uninit(&f->pt);
    fw_set_work_destroy(&f->work);
}

static void
check_plan(struct fixture *f, const char *text)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    fixture_plan(f);
    CHECK_NO_ERROR(fw_plan_check(f->plan, &f->args));
    fw_plan_format(f->plan, &ds);
    CHECK_STR(ds_cstr(&ds), text);
    CHECK_EQ(fw_plan_is_empty(f->plan), !text[0]);
    ds_destroy(&ds);
}

static struct fw_set *
add_set(struct fw_ruleset *rs, const char *name, uint32_t references)
{
    struct fw_set set = {
        .family = SG_IPV4, .slot = name[6] == 'b' ? FW_SLOT_B : FW_SLOT_A,
        .group = policy_text_id("g1"), .maxelem = FW_SET_MAXELEM,
        .hashsize = 1024, .references = references,
    };

    ovs_strzcpy(set.name, name, sizeof set.name);
    return fw_ruleset_add_set(rs, &set);
}

static void
add_set_rule(struct fw_ruleset *rs, const char *set)
{
    struct fw_rule rule = { .match = FW_M_SET_SRC, .verdict = FW_ACCEPT };

    ovs_strzcpy(rule.set, set, sizeof rule.set);
    fw_chain_append(fw_table_chain(&rs->tables[SG_IPV4][FW_SECURITY],
                                   GROUP_CHAIN), &rule);
}

static void
add_work(struct fixture *f, const char *set, const char *add, const char *del)
{
    struct fw_set_work *work = fw_set_work_add(&f->work, set);
    struct sg_prefix p;

    if (add) {
        p = policy_text_prefix(add);
        sg_prefix_list_add(&work->add, &p);
    }
    if (del) {
        p = policy_text_prefix(del);
        sg_prefix_list_add(&work->del, &p);
    }
}

TEST(a_new_set_is_filled_before_rules_name_it)
{
    struct fixture f;

    fixture_init(&f);
    add_set(f.desired, SET_A, 0);
    add_set_rule(f.desired, SET_A);
    check_plan(&f,
               "prepare: create set " SET_A "\n"
               "prepare: add members " SET_A " (2): 10.0.0.1 10.0.0.2\n"
               "commit: commit table IPv4 security: 2 edits\n"
               "  new chain " GROUP_CHAIN "\n"
               "  insert " GROUP_CHAIN " 1 -m set --match-set " SET_A
               " src -j ACCEPT\n");
    fixture_uninit(&f);
}

static void
add_jump(struct fw_ruleset *rs, const char *from, const char *to)
{
    struct fw_table *table = &rs->tables[SG_IPV4][FW_SECURITY];
    struct fw_rule rule = { .verdict = FW_JUMP };

    ovs_strzcpy(rule.target, to, sizeof rule.target);
    fw_table_chain(table, to);
    fw_chain_append(fw_table_chain(table, from), &rule);
}

/* A port in GROUP_CHAIN, whose rule names SET_A, and 'more'. */
static void
add_port(struct fw_ruleset *rs, bool linked, const char *more)
{
    struct fw_table *table = &rs->tables[SG_IPV4][FW_SECURITY];

    add_jump(rs, FW_CHAIN_ROOT, FW_CHAIN_BRIDGES);
    if (linked) {
        add_jump(rs, FW_CHAIN_BRIDGES, "sg1-b-tap1");
    }
    add_jump(rs, "sg1-b-tap1", "sg1-t-tap1");
    add_jump(rs, "sg1-t-tap1", GROUP_CHAIN);
    add_jump(rs, "sg1-t-tap1", "sg1-in-67000002-8e1d0e693a14");
    fill(table, "sg1-in-67000002-8e1d0e693a14", more);
}

/* Order of member edits by what happens to the port that uses the set; the
 * rule that names it never changes. */
TEST(members_come_and_go_as_the_ports_that_use_their_set_allow)
{
    static const struct {
        bool linked_before, linked_after;
        const char *rules_before, *rules_after;
        const char *fixed_before, *fixed_after;
        enum fw_phase add, del;
    } rows[] = {
        { true, true, "a", "a", "", "", FW_PHASE_EXTEND, FW_PHASE_TRIM },
        { true, true, "a", "ab", "", "", FW_PHASE_WIDEN, FW_PHASE_TIGHTEN },
        { false, true, "a", "a", "", "", FW_PHASE_EXTEND, FW_PHASE_TIGHTEN },
        { true, false, "a", "a", "", "", FW_PHASE_WIDEN, FW_PHASE_TRIM },
        { true, true, "a", "a", "c", "", FW_PHASE_WIDEN, FW_PHASE_TIGHTEN },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        enum fw_phase add = FW_PHASE_RETIRE, del = FW_PHASE_RETIRE;
        struct fixture f;

        fixture_init(&f);
        add_set(f.actual, SET_A, 1);
        add_set_rule(f.actual, SET_A);
        add_port(f.actual, rows[i].linked_before, rows[i].rules_before);
        fill(&f.actual->tables[SG_IPV4][FW_SECURITY], FW_CHAIN_PRE_IN,
             rows[i].fixed_before);
        add_set(f.desired, SET_A, 0);
        add_set_rule(f.desired, SET_A);
        add_port(f.desired, rows[i].linked_after, rows[i].rules_after);
        fill(&f.desired->tables[SG_IPV4][FW_SECURITY], FW_CHAIN_PRE_IN,
             rows[i].fixed_after);
        add_work(&f, SET_A, "10.0.0.1", "10.0.0.9");
        fixture_plan(&f);
        CHECK_NO_ERROR(fw_plan_check(f.plan, &f.args));
        for (size_t j = 0; j < f.plan->n_steps; j++) {
            const struct fw_step *step = &f.plan->steps[j];

            add = step->kind == FW_STEP_SET_ADD ? step->phase : add;
            del = step->kind == FW_STEP_SET_DEL ? step->phase : del;
        }
        CHECK_STR(fw_phase_name(add), fw_phase_name(rows[i].add));
        CHECK_STR(fw_phase_name(del), fw_phase_name(rows[i].del));
        fixture_uninit(&f);
    }
}

/* A port that gets the other slot of one set is not a user that changes. */
TEST(a_switch_of_slots_is_no_change_for_other_sets)
{
    struct fixture f;

    fixture_init(&f);
    add_set(f.actual, SET_A, 1);
    add_set_rule(f.actual, SET_A);
    add_set(f.actual, SET_OTHER, 1);
    add_set_rule(f.actual, SET_OTHER);
    add_port(f.actual, true, "");
    add_set(f.desired, SET_B, 0);
    add_set_rule(f.desired, SET_B);
    add_set(f.desired, SET_OTHER, 0);
    add_set_rule(f.desired, SET_OTHER);
    add_port(f.desired, true, "");
    add_work(&f, SET_OTHER, "10.0.0.1", "10.0.0.9");
    check_plan(&f,
               "prepare: create set " SET_B "\n"
               "prepare: add members " SET_B " (2): 10.0.0.1 10.0.0.2\n"
               "extend: add members " SET_OTHER " (1): 10.0.0.1\n"
               "commit: commit table IPv4 security: 1 edits\n"
               "  replace " GROUP_CHAIN " 1 -m set --match-set " SET_B
               " src -j ACCEPT\n"
               "trim: delete members " SET_OTHER " (1): 10.0.0.9\n"
               "retire: destroy set " SET_A "\n");
    fixture_uninit(&f);
}

TEST(a_set_nobody_names_is_prepared)
{
    struct fixture f;

    fixture_init(&f);
    add_set(f.actual, SET_A, 0);
    add_set(f.desired, SET_A, 0);
    add_work(&f, SET_A, "10.0.0.1", "10.0.0.9");
    f.args.sweep = false;       /* What is not in force is not swept. */
    check_plan(&f,
               "prepare: delete members " SET_A " (1): 10.0.0.9\n"
               "prepare: add members " SET_A " (1): 10.0.0.1\n");
    fixture_uninit(&f);
}

TEST(a_switch_of_slots_retires_the_old_one)
{
    struct fixture f;

    fixture_init(&f);
    add_set(f.actual, SET_A, 1);
    add_set_rule(f.actual, SET_A);
    add_set(f.desired, SET_B, 0);
    add_set_rule(f.desired, SET_B);
    check_plan(&f,
               "prepare: create set " SET_B "\n"
               "prepare: add members " SET_B " (2): 10.0.0.1 10.0.0.2\n"
               "commit: commit table IPv4 security: 1 edits\n"
               "  replace " GROUP_CHAIN " 1 -m set --match-set " SET_B
               " src -j ACCEPT\n"
               "retire: destroy set " SET_A "\n");

    /* Unless a foreign rule refers to it as well. */
    fw_ruleset_find_set(f.actual, SET_A)->references = 2;
    fixture_plan(&f);
    CHECK_NO_ERROR(fw_plan_check(f.plan, &f.args));
    CHECK_UEQ(f.plan->n_steps, 3);
    fixture_uninit(&f);
}

TEST(nothing_is_swept_too_early)
{
    struct fixture f;

    fixture_init(&f);
    add_set(f.actual, SET_A, 1);
    add_set_rule(f.actual, SET_A);
    add_set(f.actual, SET_B, 0);
    f.args.sweep = false;
    check_plan(&f, "");
    f.args.sweep = true;
    check_plan(&f,
               "commit: commit table IPv4 security: 2 edits\n"
               "  flush chain " GROUP_CHAIN "\n"
               "  delete chain " GROUP_CHAIN "\n"
               "retire: destroy set " SET_A "\n"
               "retire: destroy set " SET_B "\n");
    fixture_uninit(&f);
}

/* A foreign rule jumps there: it can be emptied, not deleted, and once it is
 * empty there is nothing to do. */
TEST(a_chain_others_jump_to_stays)
{
    struct fw_chain *chain;
    struct fixture f;

    fixture_init(&f);
    fill(&f.actual->tables[SG_IPV4][FW_SECURITY], "sg1-t-tap9", "ab");
    chain = fw_table_find(&f.actual->tables[SG_IPV4][FW_SECURITY],
                          "sg1-t-tap9");
    chain->references = 1;
    check_plan(&f,
               "commit: commit table IPv4 security: 1 edits\n"
               "  flush chain sg1-t-tap9\n");
    fw_chain_clear(chain);
    check_plan(&f, "");
    chain->references = 0;
    check_plan(&f,
               "commit: commit table IPv4 security: 1 edits\n"
               "  delete chain sg1-t-tap9\n");
    fixture_uninit(&f);
}

/* Who else uses our prefix keeps what he has, and what he refers to. */
TEST(names_that_we_do_not_make_are_left_alone)
{
    struct fixture f;

    fixture_init(&f);
    fill(&f.actual->tables[SG_IPV4][FW_SECURITY], "sg1-mine", "ab");
    fill(&f.actual->tables[SG_IPV4][FW_RAW], "sg1-mine", "");
    add_set(f.actual, "sg1-mine", 0);
    add_set(f.actual, "sg1-tmp-00000007-1", 0)->foreign_type = true;
    add_set(f.actual, SET_OTHER, 0)->foreign_type = true;
    check_plan(&f, "");

    add_jump(f.actual, "sg1-mine", GROUP_CHAIN);
    fill(&f.actual->tables[SG_IPV4][FW_SECURITY], GROUP_CHAIN, "c");
    check_plan(&f,
               "commit: commit table IPv4 security: 1 edits\n"
               "  flush chain " GROUP_CHAIN "\n");
    fw_chain_clear(fw_table_find(&f.actual->tables[SG_IPV4][FW_SECURITY],
                                 GROUP_CHAIN));
    check_plan(&f, "");

    struct fw_rule rule = { .match = FW_M_SET_SRC, .set = SET_A };
    fw_chain_append(fw_table_chain(&f.actual->tables[SG_IPV4][FW_SECURITY],
                                   "sg1-mine"), &rule);
    add_set(f.actual, SET_A, 1);
    check_plan(&f, "");
    fixture_uninit(&f);
}

static void
add_zone(struct fw_ruleset *rs, const char *bridge, uint16_t zone)
{
    struct fw_rule rule = {
        .match = FW_M_IN, .verdict = FW_ZONE, .zone = zone,
    };

    ovs_strzcpy(rule.in, bridge, sizeof rule.in);
    fw_chain_append(fw_table_chain(&rs->tables[SG_IPV4][FW_RAW],
                                   FW_CHAIN_ZONES), &rule);
}

static char *
commits(struct fixture *f)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    fixture_plan(f);
    CHECK_NO_ERROR(fw_plan_check(f->plan, &f->args));
    for (size_t i = 0; i < f->plan->n_steps; i++) {
        ds_put_format(&ds, "%s ", fw_table_name(f->plan->steps[i].table));
    }
    return ds_steal_cstr(&ds);
}

static void
check_commits(struct fixture *f, const char *want)
{
    char *got = commits(f);

    CHECK_STR(got, want);
    free(got);
}

TEST(zones_come_before_rules_and_go_after_them)
{
    struct fixture f;

    fixture_init(&f);
    fill(&f.desired->tables[SG_IPV4][FW_SECURITY], GROUP_CHAIN, "a");
    add_zone(f.desired, "qbr1", 1);
    check_commits(&f, "raw security ");
    fixture_uninit(&f);

    fixture_init(&f);
    fill(&f.actual->tables[SG_IPV4][FW_SECURITY], GROUP_CHAIN, "a");
    add_zone(f.actual, "qbr1", 1);
    check_commits(&f, "security raw ");
    fixture_uninit(&f);

    fixture_init(&f);
    fill(&f.actual->tables[SG_IPV4][FW_SECURITY], GROUP_CHAIN, "a");
    add_zone(f.actual, "qbr1", 1);
    fill(&f.desired->tables[SG_IPV4][FW_SECURITY], GROUP_CHAIN, "b");
    add_zone(f.desired, "qbr2", 2);
    check_commits(&f, "raw security raw ");
    fixture_uninit(&f);
}

TEST(the_hand_over_rule_never_stands_alone)
{
    struct fixture f;

    fixture_init(&f);
    fill(&f.actual->tables[SG_IPV4][FW_SECURITY], "FORWARD", "");
    fill(&f.actual->tables[SG_IPV4][FW_FILTER], "FORWARD", "?");
    fill(&f.desired->tables[SG_IPV4][FW_SECURITY], "FORWARD", "A");
    fill(&f.desired->tables[SG_IPV4][FW_FILTER], "FORWARD", "B");
    check_commits(&f, "security filter ");
    fixture_uninit(&f);

    fixture_init(&f);
    fill(&f.actual->tables[SG_IPV4][FW_SECURITY], "FORWARD", "A");
    fill(&f.actual->tables[SG_IPV4][FW_FILTER], "FORWARD", "B?");
    check_commits(&f, "filter security ");
    fixture_uninit(&f);

    /* The rule is there, but what it leads to does not accept. */
    static const char *const spoiled[] = { "", "?b", "bb", "a" };
    for (size_t i = 0; i < ARRAY_SIZE(spoiled); i++) {
        fixture_init(&f);
        fill(&f.actual->tables[SG_IPV4][FW_SECURITY], "FORWARD", "");
        fill(&f.actual->tables[SG_IPV4][FW_FILTER], "FORWARD", "B");
        fill(&f.actual->tables[SG_IPV4][FW_FILTER], FW_CHAIN_PASS, spoiled[i]);
        fill(&f.desired->tables[SG_IPV4][FW_SECURITY], "FORWARD", "A");
        fill(&f.desired->tables[SG_IPV4][FW_FILTER], "FORWARD", "B");
        fill(&f.desired->tables[SG_IPV4][FW_FILTER], FW_CHAIN_PASS, "b");
        check_commits(&f, "security filter ");
        fixture_uninit(&f);
    }
}

/* ------------------------------------------------------------------------ */

/* Good plans that something was done to. */
TEST(bad_plans_are_refused)
{
    struct fw_step step;
    struct fixture f;

    fixture_init(&f);
    add_set(f.actual, SET_A, 1);
    add_set_rule(f.actual, SET_A);
    add_set(f.desired, SET_B, 0);
    add_set_rule(f.desired, SET_B);
    fill(&f.actual->tables[SG_IPV4][FW_SECURITY], "FORWARD", "?A");
    fill(&f.desired->tables[SG_IPV4][FW_SECURITY], "FORWARD", "");

    fixture_plan(&f);           /* create, add, commit, destroy */
    REQUIRE(f.plan->n_steps == 4);
    step = f.plan->steps[3];
    f.plan->steps[3] = f.plan->steps[2];
    f.plan->steps[2] = step;
    CHECK_ERROR(fw_plan_check(f.plan, &f.args), "a rule refers to it");

    fixture_plan(&f);
    f.plan->steps[0].phase = FW_PHASE_TIGHTEN;
    CHECK_ERROR(fw_plan_check(f.plan, &f.args), "prepare after tighten");

    fixture_plan(&f);
    f.plan->steps[0] = f.plan->steps[1];
    memset(&f.plan->steps[1].members, 0, sizeof f.plan->steps[1].members);
    CHECK_ERROR(fw_plan_check(f.plan, &f.args), "does not exist");

    fixture_plan(&f);
    f.plan->steps[1].phase = FW_PHASE_TIGHTEN;
    CHECK_ERROR(fw_plan_check(f.plan, &f.args), "wrong phase");

    fixture_plan(&f);
    ovs_strzcpy(f.plan->steps[1].set.name, SET_A, FW_SET_LEN);
    CHECK_ERROR(fw_plan_check(f.plan, &f.args), "refer to it already");

    fixture_plan(&f);
    f.plan->steps[1].members.p[0] = policy_text_prefix("10.0.0.0/8");
    CHECK_ERROR(fw_plan_check(f.plan, &f.args), "cannot hold");

    fixture_plan(&f);
    f.plan->steps[2].n_edits--;
    CHECK_ERROR(fw_plan_check(f.plan, &f.args), "missing");

    /* Of the two rules in FORWARD, the other one. */
    fixture_plan(&f);
    for (size_t i = 0; i < f.plan->steps[2].n_edits; i++) {
        f.plan->steps[2].edits[i].index ^= 1;
    }
    CHECK_ERROR(fw_plan_check(f.plan, &f.args), "");

    fixture_plan(&f);
    ovs_strzcpy(f.plan->steps[3].set.name, SET_B, FW_SET_LEN);
    CHECK_ERROR(fw_plan_check(f.plan, &f.args), "does not exist");
    fixture_uninit(&f);
}

TEST(foreign_rules_are_not_to_be_touched)
{
    struct fixture f;

    fixture_init(&f);
    fill(&f.actual->tables[SG_IPV4][FW_SECURITY], "FORWARD", "?A");
    fixture_plan(&f);
    REQUIRE(f.plan->n_steps == 1 && f.plan->steps[0].n_edits == 1);
    CHECK_UEQ(f.plan->steps[0].edits[0].index, 1);
    f.plan->steps[0].edits[0].index = 0;
    CHECK_ERROR(fw_plan_check(f.plan, &f.args), "not a rule of ours");
    f.plan->steps[0].edits[0].kind = FW_EDIT_CHAIN_FLUSH;
    CHECK_ERROR(fw_plan_check(f.plan, &f.args), "not a chain of ours");
    ovs_strzcpy(f.plan->steps[0].edits[0].chain, "sg1-mine", FW_CHAIN_LEN);
    CHECK_ERROR(fw_plan_check(f.plan, &f.args), "not a chain of ours");
    fixture_uninit(&f);
}

/* A set of another type under our name: nobody may name it. */
TEST(foreign_sets_are_not_used)
{
    struct fixture f;

    fixture_init(&f);
    add_set(f.actual, SET_A, 0)->foreign_type = true;
    add_set(f.desired, SET_A, 0);
    add_set_rule(f.desired, SET_A);
    fixture_plan(&f);
    CHECK_ERROR(fw_plan_check(f.plan, &f.args), "cannot be used");
    fixture_uninit(&f);

    /* Nor may it, or what has a name that we do not make, be destroyed. */
    fixture_init(&f);
    add_set(f.actual, SET_A, 0);
    fixture_plan(&f);
    CHECK_NO_ERROR(fw_plan_check(f.plan, &f.args));
    fw_ruleset_find_set(f.actual, SET_A)->foreign_type = true;
    CHECK_ERROR(fw_plan_check(f.plan, &f.args), "not a set of ours");
    add_set(f.actual, "sg1-mine", 0);
    ovs_strzcpy(f.plan->steps[0].set.name, "sg1-mine", FW_SET_LEN);
    CHECK_ERROR(fw_plan_check(f.plan, &f.args), "not a set of ours");
    fixture_uninit(&f);
}
