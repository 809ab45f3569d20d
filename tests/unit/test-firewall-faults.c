/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The facade in trouble: doubt, failures, other writers, what is foreign. */

#include <config.h>
#include "firewall/firewall.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/eval.h"
#include "tests/lib/firewall-fixture.h"
#include "tests/lib/test.h"
#include "util.h"
#include "uuid.h"

TEST(a_failed_batch_makes_its_set_doubtful)
{
    struct fwf f;

    fwf_start(&f, POLICY);
    fw_backend_memory_fail(f.backend, FW_FAULT_ADD, 1, EIO, false);
    CHECK_EQ(fwf_change(&f, "g1", "10.0.0.3", NULL), EIO);
    CHECK(firewall_needs_apply(f.fw));

    /* Until the set was read back: deletions only. */
    CHECK_EQ(fwf_change(&f, "g1", "10.0.0.4", NULL), 0);
    CHECK_EQ(fwf_change(&f, "g1", NULL, "10.0.0.1"), 0);
    CHECK_MEMBERS(&f, SET_A, "10.0.0.2");
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK(!firewall_needs_apply(f.fw));
    CHECK_MEMBERS(&f, SET_A, "10.0.0.2 10.0.0.3 10.0.0.4");
    fwf_uninit(&f);
}

/* Somebody deletes a member behind our back: the header shows it. */
TEST(a_set_of_the_wrong_size_is_read_back)
{
    struct sg_prefix p = policy_text_prefix("10.0.0.2");
    struct fwf f;

    fwf_start(&f, POLICY);
    CHECK_EQ(f.backend->class->set_del(f.backend, fwf_set(&f, SET_A), &p,
                                       1, NULL), 0);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1 10.0.0.2");
    fwf_uninit(&f);
}

/* One member for another: only a verify finds it. */
TEST(verify_reads_everything_and_the_next_apply_repairs)
{
    struct sg_prefix gone = policy_text_prefix("10.0.0.2");
    struct sg_prefix extra = policy_text_prefix("10.0.0.8");
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct fwf f;
    size_t n;

    fwf_start(&f, POLICY);
    CHECK_EQ(f.backend->class->set_del(f.backend, fwf_set(&f, SET_A),
                                       &gone, 1, NULL), 0);
    CHECK_EQ(f.backend->class->set_add(f.backend, fwf_set(&f, SET_A),
                                       &extra, 1, NULL), 0);
    fw_chain_clear(fwf_chain(&f, FW_FILTER, "FORWARD"));

    CHECK_EQ(firewall_verify(f.fw, &f.pt->policy, &ds, &n), 0);
    CHECK_CONTAINS(ds_cstr(&ds), "delete members " SET_A " (1): 10.0.0.8");
    CHECK_CONTAINS(ds_cstr(&ds), "add members " SET_A " (1): 10.0.0.2");
    CHECK_CONTAINS(ds_cstr(&ds), "insert FORWARD 1 -i qbr+ -o qbr+");
    CHECK_UEQ(n, 3);
    CHECK(firewall_needs_apply(f.fw));
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1 10.0.0.2");
    CHECK_UEQ(fwf_chain(&f, FW_FILTER, "FORWARD")->n_rules, 1);
    ds_clear(&ds);
    CHECK_EQ(firewall_verify(f.fw, &f.pt->policy, &ds, &n), 0);
    CHECK_UEQ(n, 0);
    CHECK(!firewall_needs_apply(f.fw));
    ds_destroy(&ds);
    fwf_uninit(&f);
}

/* ------------------------------------------------------------------------ */

/* Fills group g1 of the policy with n addresses and returns them. */
static struct sg_prefix_list
grow(struct fwf *f, size_t n)
{
    struct sg_group *g = policy_text_group(f->pt, "g1");
    struct sg_prefix_list list = SG_PREFIX_LIST_INITIALIZER;

    for (size_t i = 0; i < n; i++) {
        struct sg_prefix p = {
            .addr = { 10, 7, i >> 8, i }, .family = SG_IPV4, .plen = 32,
        };
        sg_members_add(&g->members, &p);
        sg_prefix_list_add(&list, &p);
    }
    return list;
}

static int
tell(struct fwf *f, const struct sg_prefix_list *list)
{
    struct fw_member_change c = {
        .group = policy_text_id("g1"), .added = list->p, .n_added = list->n,
    };

    return firewall_members(f->fw, &f->pt->policy, &c, 1);
}

TEST(many_members_come_by_swap)
{
    struct sg_prefix_list list;
    struct fwf f;

    fwf_start(&f, POLICY);
    /* A batch that fails half-way would be seen here. */
    list = grow(&f, 5000);
    fw_backend_memory_fail(f.backend, FW_FAULT_ADD, 1, ENOMEM, false);
    CHECK_EQ(tell(&f, &list), ENOMEM);
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1 10.0.0.2");
    CHECK(firewall_needs_apply(f.fw));
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_UEQ(fwf_set(&f, SET_A)->elements, 5002);
    CHECK_UEQ(hmap_count(&fw_backend_memory_state(f.backend)->sets), 1);
    CHECK(fwf_set(&f, SET_A)->references);
    CHECK(!firewall_needs_apply(f.fw));
    sg_prefix_list_uninit(&list);
    fwf_uninit(&f);
}

/* While somebody lists the set it cannot be swapped: later. */
TEST(a_swap_waits_for_who_lists_the_set)
{
    struct sg_prefix_list list;
    struct fwf f;

    fwf_start(&f, POLICY);
    list = grow(&f, 5000);
    fw_backend_memory_hold_dump(f.backend, SET_A, true);
    CHECK_EQ(tell(&f, &list), EBUSY);
    CHECK(firewall_needs_apply(f.fw));
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), EBUSY);
    CHECK_CONTAINS(firewall_result(f.fw)->error_text, SET_A);
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1 10.0.0.2");
    fw_backend_memory_hold_dump(f.backend, SET_A, false);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_UEQ(fwf_set(&f, SET_A)->elements, 5002);
    CHECK_UEQ(hmap_count(&fw_backend_memory_state(f.backend)->sets), 1);
    sg_prefix_list_uninit(&list);
    fwf_uninit(&f);
}

/* One set that cannot be filled must not keep others from being filled. */
TEST(a_full_set_harms_nobody_else)
{
    struct fwf f;

    fwf_start(&f, PORT "rules g1\nrule ingress IPv4 group=g1\n"
                  "rule ingress IPv4 group=g2\nmembers g1 10.0.0.1\n"
                  "members g2 10.0.0.1\n");
    fwf_set(&f, SET_A)->maxelem = 1;
    fw_backend_memory_fail(f.backend, FW_FAULT_CREATE, 1, ENOMEM, true);
    fwf_hold_group(&f);
    CHECK_EQ(fwf_change(&f, "g1", "10.0.0.2", NULL), 0);
    CHECK_EQ(fwf_change(&f, "g2", "10.0.0.2", NULL), 0);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), ENOMEM);
    CHECK_CONTAINS(firewall_result(f.fw)->error_text, "extend, " SET_A);
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1");
    CHECK_MEMBERS(&f, "sg1-m4a-67000002-8e1d0e693a14", "10.0.0.1 10.0.0.2");
    CHECK_EQ(fwf_change(&f, "g2", "10.0.0.3", NULL), 0);
    CHECK_MEMBERS(&f, "sg1-m4a-67000002-8e1d0e693a14",
                  "10.0.0.1 10.0.0.2 10.0.0.3");
    fwf_uninit(&f);
}

TEST(an_old_set_that_is_listed_goes_later)
{
    struct fwf f;

    fwf_start(&f, POLICY);
    fw_backend_memory_hold_dump(f.backend, SET_A, true);
    fwf_set_policy(&f, PORT "rules g1\n" MEMBERS);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK(fwf_set(&f, SET_A));
    CHECK(firewall_has_litter(f.fw));

    /* That holds up nothing. */
    CHECK(!firewall_needs_apply(f.fw));
    f.pt->policy.generation += 3;
    firewall_note_applied(f.fw, &f.pt->policy);
    CHECK_UEQ(firewall_applied(f.fw), f.pt->policy.generation);

    fw_backend_memory_hold_dump(f.backend, SET_A, false);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK(!firewall_has_litter(f.fw));
    CHECK(!fwf_set(&f, SET_A));
    fwf_uninit(&f);
}

/* What a swap leaves behind asks for one apply, and if that cannot destroy it
 * either, for no more than another try some time. */
TEST(a_temporary_set_that_stays_goes_later)
{
    struct sg_prefix_list list = SG_PREFIX_LIST_INITIALIZER;
    struct sg_group *g;
    struct fwf f;

    fwf_start(&f, POLICY);
    g = policy_text_group(f.pt, "g1");
    for (int i = 0; i < 5000; i++) {
        struct sg_prefix p = {
            .addr = { 10, 1, i >> 8, i }, .family = SG_IPV4, .plen = 32,
        };
        sg_members_add(&g->members, &p);
        sg_prefix_list_add(&list, &p);
    }

    struct fw_member_change c = {
        .group = g->id, .added = list.p, .n_added = list.n,
    };
    fw_backend_memory_fail(f.backend, FW_FAULT_DESTROY, 1, EBUSY, true);
    CHECK_EQ(firewall_members(f.fw, &f.pt->policy, &c, 1), 0);
    CHECK(firewall_needs_apply(f.fw));
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
        CHECK(!firewall_needs_apply(f.fw));
        CHECK(firewall_has_litter(f.fw));
    }
    fw_backend_memory_fail(f.backend, FW_FAULT_DESTROY, 0, 0, false);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK(!firewall_has_litter(f.fw));
    CHECK_UEQ(hmap_count(&fw_backend_memory_state(f.backend)->sets), 1);
    sg_prefix_list_uninit(&list);
    fwf_uninit(&f);
}

/* The kernel has the new rules, but something behind that failed (libiptc
 * gives the counters back in a second step): who leaves from now on leaves the
 * set that the new rules name. */
TEST(a_commit_that_is_made_although_it_failed)
{
    struct fwf f;

    fwf_start(&f, POLICY);
    fwf_hold_group(&f);
    CHECK_EQ(fwf_change(&f, "g1", "10.0.0.3", NULL), 0);
    fwf_set_policy(&f, PORT "rules g1\n"
                   "rule ingress IPv4 proto=6 ports=80-80 group=g1\n"
                   "members g1 10.0.0.1 10.0.0.2 10.0.0.3\n");
    fw_backend_memory_fail(f.backend, FW_FAULT_COMMITTED, 1, EINVAL, false);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK(!firewall_needs_apply(f.fw));
    CHECK_MEMBERS(&f, SET_B, "10.0.0.1 10.0.0.2 10.0.0.3");
    CHECK_EQ(fwf_change(&f, "g1", NULL, "10.0.0.2"), 0);
    CHECK_MEMBERS(&f, SET_B, "10.0.0.1 10.0.0.3");
    fwf_uninit(&f);
}

/* A commit fails that has nothing to do with the set: its deletions, which
 * come behind the commit, do not wait for the next try. */
TEST(deletions_are_made_even_if_the_commit_fails)
{
    struct fwf f;

    fwf_start(&f, POLICY);
    fwf_restart(&f);
    firewall_set_complete(f.fw);
    fwf_set_policy(&f, POLICY "port p2 device=tap2 bridge=qbr2 uplink=qvb2 "
               "zone=2 mac=52:54:00:00:00:02\nmembers g1 10.0.0.2\n");
    struct sg_prefix gone = policy_text_prefix("10.0.0.1");
    sg_members_remove(&policy_text_group(f.pt, "g1")->members, &gone);
    fw_backend_memory_fail(f.backend, FW_FAULT_COMMIT, 1, EAGAIN, false);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), EAGAIN);
    CHECK_CONTAINS(firewall_result(f.fw)->error_text, "commit, ");
    CHECK_MEMBERS(&f, SET_A, "10.0.0.2");
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_MEMBERS(&f, SET_A, "10.0.0.2");
    fwf_uninit(&f);
}

/* The other slot is taken, so who leaves must be gone before a wider rule
 * comes; if the deletion fails, the rule waits. */
TEST(no_commit_follows_a_deletion_that_failed)
{
    struct fw_set taken = { .name = SET_B, .foreign_type = true };
    struct fwf f;

    fwf_start(&f, PORT "rules g1\nrule ingress IPv4 proto=6 ports=80-80 "
              "group=g1\n" MEMBERS);
    fw_ruleset_add_set(fw_backend_memory_state(f.backend), &taken);
    fwf_set_policy(&f, PORT RULES "members g1 10.0.0.1\n");
    fw_backend_memory_fail(f.backend, FW_FAULT_DEL, 1, EIO, false);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), EIO);
    CHECK_CONTAINS(firewall_result(f.fw)->error_text, "tighten");
    CHECK(fwf_chain(&f, FW_SECURITY, IN_CHAIN)->rules[0].match & FW_M_DPORT);

    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1");
    CHECK(!(fwf_chain(&f, FW_SECURITY, IN_CHAIN)->rules[0].match
            & FW_M_DPORT));
    fwf_uninit(&f);
}

/* ------------------------------------------------------------------------ */

TEST(a_busy_lock_is_not_waited_for)
{
    struct fw_stats stats;
    struct fwf f;

    fwf_start(&f, POLICY);
    fw_backend_memory_fail(f.backend, FW_FAULT_BEGIN, 1, EAGAIN, false);
    fwf_set_policy(&f, PORT "rules g1\n" MEMBERS);
    f.pt->policy.generation = 2;
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), EAGAIN);
    CHECK_UEQ(firewall_result(f.fw)->generation, 2);
    CHECK_UEQ(firewall_applied(f.fw), 1);
    CHECK(firewall_needs_apply(f.fw));
    firewall_get_stats(f.fw, &stats);
    CHECK_UEQ(stats.lock_busy, 1);
    CHECK_UEQ(stats.applies_failed, 1);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_UEQ(firewall_applied(f.fw), 2);
    fwf_uninit(&f);
}

TEST(failures_name_step_object_and_reason)
{
    static const struct {
        enum fw_fault_op op;
        const char *text;
    } rows[] = {
        { FW_FAULT_READ, "read, raw: " },
        { FW_FAULT_LIST, "read, sets: " },
        { FW_FAULT_CREATE, "prepare, " SET_A ": " },
        { FW_FAULT_ADD, "prepare, " SET_A ": " },
        { FW_FAULT_COMMIT, "commit, IPv4 raw: " },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct fwf f;

        fwf_init(&f, POLICY);
        firewall_set_complete(f.fw);
        fw_backend_memory_fail(f.backend, rows[i].op, 1, EPERM, false);
        CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), EPERM);
        CHECK_CONTAINS(firewall_result(f.fw)->error_text, rows[i].text);
        CHECK(firewall_needs_apply(f.fw));
        CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
        CHECK(!firewall_result(f.fw)->error_text);
        fwf_uninit(&f);
    }
}

/* Another writer, who does one thing at the first change he sees. */
struct intruder {
    struct fwf *f;
    void (*act)(struct fwf *);
    bool done;
};

static void
intrude(void *intruder_)
{
    struct intruder *intruder = intruder_;

    if (!intruder->done) {
        intruder->done = true;
        intruder->act(intruder->f);
    }
}

static void
take_one_out(struct fwf *f)
{
    const char *tmp = "sg1-tmp-00000007-1";
    const struct sg_member *m;

    SG_MEMBERS_FOR_EACH (m, fw_backend_memory_members(f->backend, tmp)) {
        struct sg_prefix p = m->prefix;
        CHECK_EQ(f->backend->class->set_del(f->backend, fwf_set(f, tmp), &p,
                                            1, NULL), 0);
        return;
    }
}

static void
insert_foreign(struct fwf *f)
{
    struct fw_rule foreign = { .match = FW_M_FOREIGN };

    fw_chain_append(fwf_chain(f, FW_SECURITY, "FORWARD"), &foreign);
}

static void
change_zone(struct fwf *f)
{
    struct fw_chain *chain = fwf_chain(f, FW_RAW, FW_CHAIN_ZONES);

    chain->rules[0].zone = 99;
}

TEST(a_temporary_set_is_counted_before_it_is_used)
{
    struct sg_prefix_list list;
    struct intruder intruder;
    struct fwf f;

    fwf_start(&f, POLICY);
    list = grow(&f, 5000);
    intruder = (struct intruder) { &f, take_one_out, false };
    fw_backend_memory_observe(f.backend, intrude, &intruder);
    CHECK_EQ(tell(&f, &list), EAGAIN);
    CHECK(intruder.done);
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1 10.0.0.2");
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_UEQ(fwf_set(&f, SET_A)->elements, 5002);
    sg_prefix_list_uninit(&list);
    fwf_uninit(&f);
}

/* The table gets another rule while the plan is under way: the kernel refuses
 * the commit.  It gets another rule in place of ours: only reading it back
 * shows that. */
TEST(other_writers_are_noticed)
{
    static const struct {
        void (*act)(struct fwf *);
        const char *text;
    } rows[] = {
        { insert_foreign, "commit, IPv4 security" },
        { change_zone, "read back, IPv4 raw" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct intruder intruder;
        struct fwf f;

        /* Without members the first visible change is the first commit. */
        fwf_init(&f, i ? PORT : POLICY);
        intruder = (struct intruder) { &f, rows[i].act, false };
        fw_backend_memory_observe(f.backend, intrude, &intruder);
        firewall_set_complete(f.fw);
        CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), EAGAIN);
        CHECK_CONTAINS(firewall_result(f.fw)->error_text, rows[i].text);
        CHECK(firewall_needs_apply(f.fw));
        CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
        CHECK_UEQ(fwf_chain(&f, FW_RAW, FW_CHAIN_ZONES)->rules[0].zone, 1);
        fwf_uninit(&f);
    }
}

/* Once rules name slot b, somebody changes a rule beside them. */
static void
intrude_behind_commit(void *f_)
{
    struct fwf *f = f_;
    const struct fw_set *set = fwf_set(f, SET_B);

    if (set && set->references) {
        fwf_chain(f, FW_SECURITY, FW_CHAIN_OUT)->rules[0].verdict
            = FW_RETURN;
    }
}

/* The commit was made, and something else in the table is not as it should
 * be: the member lane writes to the sets that the rules name now. */
TEST(after_a_failed_read_back_the_sets_are_those_in_force)
{
    struct fwf f;

    fwf_start(&f, POLICY);
    fwf_hold_group(&f);
    CHECK_EQ(fwf_change(&f, "g1", "10.0.0.3", NULL), 0);
    fwf_set_policy(&f, PORT RULES "rule ingress IPv4\n"
               "members g1 10.0.0.1 10.0.0.2 10.0.0.3\n");
    fw_backend_memory_observe(f.backend, intrude_behind_commit, &f);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), EAGAIN);
    fw_backend_memory_observe(f.backend, NULL, NULL);
    CHECK_CONTAINS(firewall_result(f.fw)->error_text, "read back");
    CHECK_MEMBERS(&f, SET_B, "10.0.0.1 10.0.0.2 10.0.0.3");

    /* Deletions are not waited with; additions still are. */
    CHECK_EQ(fwf_change(&f, "g1", "10.0.0.4", "10.0.0.2"), 0);
    CHECK_MEMBERS(&f, SET_B, "10.0.0.1 10.0.0.3");
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1 10.0.0.3 10.0.0.4");
    CHECK_MEMBERS(&f, SET_B, "none");
    fwf_uninit(&f);
}

/* Foreign rules and sets are where and what they were. */
TEST(what_is_foreign_is_not_touched)
{
    struct fw_rule foreign = { .match = FW_M_FOREIGN };
    struct fw_set set = { .name = "NIPv4x", .maxelem = 9, .hashsize = 64 };
    struct fw_chain *forward;
    struct fwf f;

    fwf_init(&f, POLICY);
    fw_ruleset_add_set(fw_backend_memory_state(f.backend), &set);
    fw_chain_append(fwf_chain(&f, FW_SECURITY, "FORWARD"), &foreign);
    firewall_set_complete(f.fw);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    forward = fwf_chain(&f, FW_SECURITY, "FORWARD");
    CHECK_UEQ(forward->n_rules, 3);
    CHECK(forward->rules[2].match & FW_M_FOREIGN);

    /* Somebody inserts at the top: ours move up again, theirs stays. */
    fw_chain_insert(forward, 0, &foreign);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    forward = fwf_chain(&f, FW_SECURITY, "FORWARD");
    CHECK_UEQ(forward->n_rules, 4);
    CHECK(forward->rules[2].match & FW_M_FOREIGN);
    CHECK(forward->rules[3].match & FW_M_FOREIGN);
    CHECK(fwf_set(&f, "NIPv4x"));
    fwf_uninit(&f);
}

/* What only begins like ours stays, and is named, up to a limit. */
TEST(names_that_we_do_not_make_are_shown)
{
    struct fw_set set = { .maxelem = 9, .hashsize = 64 };
    const struct fw_problems *problems;
    struct fwf f;

    fwf_init(&f, POLICY);
    fw_table_chain(&fw_backend_memory_state(f.backend)
                   ->tables[SG_IPV6][FW_SECURITY], "sg1-his\n");
    ovs_strzcpy(set.name, "sg1-hers", sizeof set.name);
    fw_ruleset_add_set(fw_backend_memory_state(f.backend), &set);
    firewall_set_complete(f.fw);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK(fwf_set(&f, "sg1-hers"));
    problems = &firewall_result(f.fw)->problems;
    REQUIRE(problems->n == 2);
    CHECK_STR(problems->p[0].text, "set \"sg1-hers\" begins like ours and is "
              "not: left alone");
    CHECK_STR(problems->p[1].text, "IPv6 security: chain \"sg1-his\\012\" "
              "begins like ours and is not: left alone");
    CHECK(uuid_is_zero(&problems->p[0].group));

    for (int i = 0; i < 100; i++) {
        snprintf(set.name, sizeof set.name, "sg1-set-%02d", i);
        fw_ruleset_add_set(fw_backend_memory_state(f.backend), &set);
    }
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    problems = &firewall_result(f.fw)->problems;
    CHECK_UEQ(problems->n, 17);
    CHECK_STR(problems->p[16].text, "86 more sets and chains begin like ours "
              "and are not");
    fwf_uninit(&f);
}

TEST(rules_that_stay_keep_their_counters)
{
    const struct fw_chain *chain;
    struct fwf f;

    fwf_start(&f, PORT "rules g1\nrule ingress IPv4 proto=6\n"
                  "rule ingress IPv4 proto=17\n");
    fwf_chain(&f, FW_SECURITY, IN_CHAIN)->rules[1].packets = 42;
    fwf_set_policy(&f, PORT "rules g1\nrule ingress IPv4 proto=6\n"
               "rule ingress IPv4 proto=1\nrule ingress IPv4 proto=17\n");
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_UEQ(firewall_result(f.fw)->n_edits, 1);
    CHECK_UEQ(firewall_result(f.fw)->n_commits, 1);
    chain = fwf_chain(&f, FW_SECURITY, IN_CHAIN);
    REQUIRE(chain->n_rules == 3);
    CHECK_UEQ(chain->rules[1].packets, 0);
    CHECK_UEQ(chain->rules[2].packets, 42);
    fwf_uninit(&f);
}

TEST(snapshot_knows_where_rules_come_from)
{
    struct uuid r2 = policy_text_id("r2"), g1 = policy_text_id("g1");
    const struct fw_chain *chain;
    struct fw_ruleset *rs;
    struct fwf f;

    fwf_start(&f, PORT "rules g1\nrule ingress IPv4 proto=6\n"
                  "rule ingress IPv4 group=g1\n");
    CHECK_EQ(firewall_snapshot(f.fw, &f.pt->policy, &rs), 0);
    chain = fw_table_find(&rs->tables[SG_IPV4][FW_SECURITY], IN_CHAIN);
    REQUIRE(chain && chain->n_rules == 2);
    CHECK(uuid_equals(&chain->rules[1].origin, &r2));
    CHECK(uuid_equals(&fw_ruleset_find_set(rs, SET_A)->group, &g1));
    fw_ruleset_destroy(rs);
    fwf_uninit(&f);
}

TEST(a_dry_run_writes_nothing)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct policy_text other;
    struct fw_plan *plan;
    struct fwf f;
    uint64_t writes;

    fwf_start(&f, POLICY);
    writes = fw_backend_memory_writes(f.backend);
    policy_text_init(&other, PORT RULES "members g1 10.0.0.1 10.0.0.5\n");
    CHECK_EQ(firewall_dry_run(f.fw, &other.policy, &plan), 0);
    fw_plan_format(plan, &ds);
    CHECK_STR(ds_cstr(&ds),
              "extend: add members " SET_A " (1): 10.0.0.5\n"
              "trim: delete members " SET_A " (1): 10.0.0.2\n");
    fw_plan_destroy(plan);
    CHECK_UEQ(fw_backend_memory_writes(f.backend), writes);
    CHECK(!firewall_needs_apply(f.fw));
    policy_text_uninit(&other);
    ds_destroy(&ds);
    fwf_uninit(&f);
}

struct zones {
    size_t n, n_untracked;
    uint16_t of_qbr1;
};

static void
note_zone(const struct fw_zone_rule *rule, void *zones_)
{
    struct zones *zones = zones_;

    zones->n++;
    CHECK(rule->ours);
    if (!rule->zone) {
        CHECK_STR(rule->device, "qbr3");
        zones->n_untracked++;
    }
    if (!strcmp(rule->device, "qbr1")) {
        zones->of_qbr1 = rule->zone;
    }
}

TEST(zones_are_recovered)
{
    struct zones zones = { 0, 0, 0 };
    bool fresh = true;
    struct fwf f;

    fwf_start(&f, "port p1 device=tap1 bridge=qbr1 uplink=qvb1 "
                  "zone=4711 mac=52:54:00:00:00:01\n"
                  "port p2 device=tap2 bridge=qbr2 uplink=qvb2 "
                  "zone=4712 mac=52:54:00:00:00:02\n"
                  "port p3 device=tap3 bridge=qbr3 uplink=qvb3 "
                  "zone=4713 mac=52:54:00:00:00:03 group=g1\n"
                  "rules g1 stateless\n");
    fwf_restart(&f);
    fw_backend_memory_fail(f.backend, FW_FAULT_BEGIN, 1, EAGAIN, false);
    CHECK_EQ(firewall_recover(f.fw, note_zone, &zones, &fresh), EAGAIN);
    CHECK_EQ(firewall_recover(f.fw, note_zone, &zones, &fresh), 0);
    CHECK(!fresh);
    CHECK_UEQ(zones.n, 6);      /* Of two families. */
    CHECK_UEQ(zones.n_untracked, 2);
    CHECK_UEQ(zones.of_qbr1, 4711);
    fwf_uninit(&f);
}

/* A host is fresh until a security table has something of ours: zones in raw
 * do not count, a chain that lost its hook does; but that one is not hooked,
 * nor is a host with one family only. */
TEST(a_fresh_host_is_told)
{
    static const char *const others[] = {
        "lo", "qbr", "qbr1", "br+", "qbr1+",
    };
    struct zones zones = { 0, 0, 0 };
    struct fw_chain *forward;
    bool fresh = false;
    struct fwf f;

    fwf_init(&f, POLICY);
    fw_chain_append(fwf_chain(&f, FW_SECURITY, "FORWARD"),
                    &(struct fw_rule) { .verdict = FW_DROP });
    CHECK_EQ(firewall_recover(f.fw, note_zone, &zones, &fresh), 0);
    CHECK(fresh);

    firewall_set_complete(f.fw);
    firewall_set_scope(f.fw, FW_SCOPE_ZONES);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    fresh = false;
    CHECK_EQ(firewall_recover(f.fw, note_zone, &zones, &fresh), 0);
    CHECK(fresh);
    CHECK(!firewall_was_hooked(f.fw));
    CHECK_UEQ(zones.of_qbr1, 1);

    firewall_set_scope(f.fw, FW_SCOPE_ALL);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_EQ(firewall_recover(f.fw, note_zone, &zones, &fresh), 0);
    CHECK(!fresh);
    CHECK(firewall_was_hooked(f.fw));

    /* What leads to the ports must be for all that the bridges pass. */
    forward = fwf_chain(&f, FW_SECURITY, "FORWARD");
    CHECK_UEQ(forward->rules[0].match, FW_M_IN);
    forward->rules[0].match |= FW_M_PROTO;
    CHECK_EQ(firewall_recover(f.fw, note_zone, &zones, &fresh), 0);
    CHECK(!firewall_was_hooked(f.fw));
    forward->rules[0].match = FW_M_IN;
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        ovs_strzcpy(forward->rules[0].in, others[i], SG_DEVICE_LEN);
        CHECK_EQ(firewall_recover(f.fw, note_zone, &zones, &fresh), 0);
        CHECK(!firewall_was_hooked(f.fw));
    }
    ovs_strzcpy(forward->rules[0].in, "qbr+", SG_DEVICE_LEN);
    /* An older agent's has a comment. */
    forward->rules[0].match = FW_M_IN | FW_M_COMMENT;
    CHECK_EQ(firewall_recover(f.fw, note_zone, &zones, &fresh), 0);
    CHECK(firewall_was_hooked(f.fw));

    fw_chain_delete(fwf_chain(&f, FW_SECURITY, FW_CHAIN_ROOT), 1);
    CHECK_EQ(firewall_recover(f.fw, note_zone, &zones, &fresh), 0);
    CHECK(!firewall_was_hooked(f.fw));
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_EQ(firewall_recover(f.fw, note_zone, &zones, &fresh), 0);
    CHECK(firewall_was_hooked(f.fw));
    forward = fwf_chain(&f, FW_SECURITY, "FORWARD");
    fw_chain_clear(forward);
    fresh = true;
    CHECK_EQ(firewall_recover(f.fw, note_zone, &zones, &fresh), 0);
    CHECK(!fresh);
    CHECK(!firewall_was_hooked(f.fw));
    fwf_uninit(&f);
}

TEST(both_families_have_their_sets)
{
    struct fwf f;

    fwf_start(&f, PORT "rules g1\nrule ingress IPv4 group=g1\n"
                  "rule ingress IPv6 group=g1\n"
                  "members g1 10.0.0.1 2001:db8::1 2001:db8::/64\n");
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1");
    CHECK_MEMBERS(&f, SET6_A, "2001:db8::1");
    CHECK_EQ(fwf_change(&f, "g1", "2001:db8::2", "10.0.0.1"), 0);
    CHECK_MEMBERS(&f, SET_A, "");
    CHECK_MEMBERS(&f, SET6_A, "2001:db8::1 2001:db8::2");
    fwf_uninit(&f);
}
