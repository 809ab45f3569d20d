/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* A set that the kernel refuses costs the rules that name it, and nothing
 * else; what the kernel refuses as a whole is not taken for that. */

#include <config.h>
#include "firewall/firewall.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/firewall-fixture.h"
#include "tests/lib/test.h"
#include "util.h"
#include "uuid.h"

#define SET2_A "sg1-m4a-67000002-8e1d0e693a14"
#define NETS_A "sg1-n4a-67000001-4495174344e4"
#define NETS_B "sg1-n4b-67000001-4495174344e4"

#define PORT2 "port p2 device=tap2 bridge=qbr2 uplink=qvb2 zone=2 " \
              "mac=52:54:00:00:00:02 ip=10.0.0.2 group=g2\n"
/* g1: one rule that names a set, and one that names none.  g2 names its own
 * set. */
#define TWO PORT PORT2 \
    "rules g1\nrule ingress IPv4 group=g1\n" \
    "rule ingress IPv4 proto=6 ports=80-80\n" \
    "rules g2\nrule ingress IPv4 group=g2\n" \
    "members g1 10.0.0.1 10.0.0.7\nmembers g2 10.0.0.2\n"

/* The names of sets that the rules of a group's ingress chain have, or "-" for
 * a rule without one, in order. */
static char *
rules_of(struct fwf *f, const char *group)
{
    struct uuid id = policy_text_id(group);
    struct ds ds = DS_EMPTY_INITIALIZER;
    char name[FW_CHAIN_LEN];

    fw_name_group_chain(name, SG_INGRESS, &id);
    const struct fw_chain *chain = fwf_chain(f, FW_SECURITY, name);
    for (size_t i = 0; chain && i < chain->n_rules; i++) {
        const struct fw_rule *rule = &chain->rules[i];

        ds_put_format(&ds, "%s%s", i ? " " : "",
                      rule->match & FW_M_SET_SRC ? rule->set : "-");
    }
    return chain ? ds_steal_cstr(&ds) : xstrdup("none");
}

#define CHECK_RULES(F, GROUP, TEXT)             \
    do {                                        \
        char *got = rules_of(F, GROUP);         \
        CHECK_STR(got, TEXT);                   \
        free(got);                              \
    } while (0)

static size_t
n_refused(const struct fwf *f)
{
    struct fw_stats stats;

    firewall_get_stats(f->fw, &stats);
    return stats.n_refused;
}

/* In force but for g1's first rule. */
static void
check_contained(struct fwf *f, const char *reason)
{
    const struct fw_problems *problems = &firewall_result(f->fw)->problems;
    struct uuid g1 = policy_text_id("g1");
    size_t n = 0;

    CHECK_UEQ(firewall_applied(f->fw), f->pt->policy.generation);
    CHECK(!firewall_result(f->fw)->error_text);
    CHECK_RULES(f, "g1", "-");
    CHECK_UEQ(n_refused(f), 1);
    for (size_t i = 0; i < problems->n; i++) {
        if (uuid_equals(&problems->p[i].group, &g1)) {
            CHECK_CONTAINS(problems->p[i].text, "left out for the addresses "
                           "of group 67000001-");
            CHECK_CONTAINS(problems->p[i].text, reason);
            n++;
        }
    }
    CHECK_UEQ(n, 1);
    /* It is tried again, and that is no reason to call anything else late. */
    CHECK(firewall_lacks_sets(f->fw));
    CHECK(!firewall_needs_apply(f->fw));
    CHECK(!firewall_is_urgent(f->fw));
}

static void
check_healed(struct fwf *f)
{
    CHECK_EQ(firewall_apply(f->fw, &f->pt->policy), 0);
    CHECK_RULES(f, "g1", SET_A " -");
    CHECK_UEQ(n_refused(f), 0);
    CHECK(!firewall_lacks_sets(f->fw));
    CHECK(!firewall_needs_apply(f->fw));
}

static void
take_name(struct fwf *f, const char *name)
{
    struct fw_set set = { .maxelem = 10, .hashsize = 64 };

    ovs_strzcpy(set.name, name, sizeof set.name);
    fw_ruleset_add_set(fw_backend_memory_state(f->backend), &set)
        ->foreign_type = true;
}

static void
give_name_back(struct fwf *f, const char *name)
{
    struct fw_set *set = fwf_set(f, name);

    hmap_remove(&fw_backend_memory_state(f->backend)->sets, &set->node);
    free(set);
}

TEST(a_set_that_is_not_created)
{
    static const int errors[] = { ENOSPC, EINVAL, EEXIST };

    for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
        struct fwf f;

        fwf_init(&f, TWO);
        firewall_set_complete(f.fw);
        fw_backend_memory_fail(f.backend, FW_FAULT_CREATE, 1, errors[i],
                               false);
        CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
        check_contained(&f, ovs_strerror(errors[i]));
        CHECK_MEMBERS(&f, SET_A, "none");
        CHECK_MEMBERS(&f, SET2_A, "10.0.0.2");
        CHECK_RULES(&f, "g2", SET2_A);

        /* Life goes on: members of others come, generations are noted, and
         * the refused group's members wait for its set. */
        CHECK_EQ(fwf_change(&f, "g2", "10.0.0.9", NULL), 0);
        CHECK_EQ(fwf_change(&f, "g1", "10.0.0.8", "10.0.0.7"), 0);
        CHECK_MEMBERS(&f, SET2_A, "10.0.0.2 10.0.0.9");
        f.pt->policy.generation += 5;
        firewall_note_applied(f.fw, &f.pt->policy);
        CHECK_UEQ(firewall_applied(f.fw), f.pt->policy.generation);

        check_healed(&f);
        CHECK_UEQ(firewall_result(f.fw)->problems.n, 0);
        CHECK_MEMBERS(&f, SET_A, "10.0.0.1 10.0.0.8");
        fwf_uninit(&f);
    }
}

/* Half of the members are in when the set is full: it does not stay. */
TEST(a_set_that_is_not_filled)
{
    struct fwf f;

    fwf_init(&f, TWO);
    firewall_set_complete(f.fw);
    fw_backend_memory_fail(f.backend, FW_FAULT_ADD, 1, ENOSPC, false);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    check_contained(&f, ovs_strerror(ENOSPC));
    CHECK_MEMBERS(&f, SET_A, "none");
    CHECK_MEMBERS(&f, SET2_A, "10.0.0.2");
    check_healed(&f);
    fwf_uninit(&f);
}

/* The set for prefixes is another one: the addresses are matched. */
TEST(a_set_for_prefixes)
{
    const struct fw_problems *problems;
    struct fwf f;

    fwf_start(&f, POLICY);
    fw_backend_memory_fail(f.backend, FW_FAULT_CREATE, 1, EINVAL, true);
    CHECK_EQ(fwf_change(&f, "g1", "10.9.0.0/16", NULL), 0);
    CHECK(firewall_needs_apply(f.fw));
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    problems = &firewall_result(f.fw)->problems;
    CHECK_RULES(&f, "g1", SET_A);
    CHECK_UEQ(n_refused(&f), 1);
    REQUIRE(problems->n == 1);
    CHECK_CONTAINS(problems->p[0].text, "left out for the prefixes of group");
    CHECK(firewall_lacks_sets(f.fw));

    fw_backend_memory_fail(f.backend, FW_FAULT_CREATE, 0, 0, false);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_RULES(&f, "g1", SET_A " sg1-n4a-67000001-4495174344e4");
    CHECK_MEMBERS(&f, "sg1-n4a-67000001-4495174344e4", "10.9.0.0/16");
    CHECK(!firewall_lacks_sets(f.fw));
    fwf_uninit(&f);
}

/* Then more prefixes are no reason for another apply, and members leave as
 * they do while all is well: the set is tried again when its time comes. */
TEST(prefixes_without_their_set_do_not_hurry)
{
    static const bool taken[] = { false, true };

    for (size_t i = 0; i < ARRAY_SIZE(taken); i++) {
        struct fwf f;

        fwf_start(&f, TWO);
        if (taken[i]) {
            take_name(&f, NETS_A);
            take_name(&f, NETS_B);
        } else {
            fw_backend_memory_fail(f.backend, FW_FAULT_CREATE, 1, ENOSPC,
                                   true);
        }
        CHECK_EQ(fwf_change(&f, "g1", "10.9.0.0/16", NULL), 0);
        CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
        CHECK_UEQ(n_refused(&f), 1);

        CHECK_EQ(fwf_change(&f, "g1", "10.8.0.0/16", "10.0.0.7"), 0);
        CHECK(!firewall_needs_apply(f.fw));
        CHECK(!firewall_is_urgent(f.fw));
        CHECK_MEMBERS(&f, SET_A, "10.0.0.1");
        CHECK(firewall_lacks_sets(f.fw));

        /* The first prefix of another group is not kept waiting by that. */
        CHECK_EQ(fwf_change(&f, "g2", "10.7.0.0/16", "10.0.0.2"), 0);
        CHECK(firewall_needs_apply(f.fw));
        CHECK(firewall_is_urgent(f.fw));
        fw_backend_memory_fail(f.backend, FW_FAULT_CREATE, 0, 0, false);
        CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
        CHECK_MEMBERS(&f, "sg1-n4a-67000002-8e1d0e693a14", "10.7.0.0/16");
        fwf_uninit(&f);
    }
}

/* What cannot be said anew, because nothing can be read, still stands. */
TEST(problems_outlast_an_apply_that_could_not_look)
{
    static const enum fw_fault_op ops[] = {
        FW_FAULT_BEGIN, FW_FAULT_LIST, FW_FAULT_READ,
    };
    struct fwf f;

    fwf_init(&f, TWO);
    firewall_set_complete(f.fw);
    fw_backend_memory_fail(f.backend, FW_FAULT_CREATE, 1, EINVAL, false);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    check_contained(&f, ovs_strerror(EINVAL));
    for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
        const struct fw_problems *problems;

        fw_backend_memory_fail(f.backend, ops[i], 1, EAGAIN, false);
        CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), EAGAIN);
        problems = &firewall_result(f.fw)->problems;
        REQUIRE(problems->n == 1);
        CHECK_CONTAINS(problems->p[0].text, "left out for the addresses of");
        CHECK_UEQ(n_refused(&f), 1);
        CHECK_RULES(&f, "g1", "-");
    }
    check_healed(&f);
    CHECK_UEQ(firewall_result(f.fw)->problems.n, 0);
    fwf_uninit(&f);
}

/* Nothing that was there before is touched, and what changes does change,
 * however often it is tried. */
TEST(structure_goes_on_changing)
{
    struct fwf f;

    fwf_start(&f, PORT2 "rules g2\nrule ingress IPv4 group=g2\n"
                  "members g2 10.0.0.2\n");
    fw_backend_memory_fail(f.backend, FW_FAULT_CREATE, 1, ENOSPC, true);
    fwf_set_policy(&f, TWO);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
        check_contained(&f, ovs_strerror(ENOSPC));
        CHECK_UEQ(firewall_result(f.fw)->n_commits != 0, !i);
    }
    CHECK(fwf_chain(&f, FW_SECURITY, "sg1-b-tap1")->n_rules > 0);
    CHECK_RULES(&f, "g2", SET2_A);

    fwf_set_policy(&f, PORT "rules g1\nrule ingress IPv4 group=g1\n"
                   "rule ingress IPv4 proto=17 ports=53-53\n"
                   "members g1 10.0.0.1\n");
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    check_contained(&f, ovs_strerror(ENOSPC));
    CHECK(!fwf_chain(&f, FW_SECURITY, "sg1-b-tap2"));
    CHECK_MEMBERS(&f, SET2_A, "none");

    fw_backend_memory_fail(f.backend, FW_FAULT_CREATE, 0, 0, false);
    check_healed(&f);
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1");
    fwf_uninit(&f);
}

/* All in one apply, whatever their number. */
TEST(many_refusals_at_once)
{
    struct ds text = DS_EMPTY_INITIALIZER;
    struct fwf f;

    ds_put_cstr(&text, PORT PORT2
                "rules g1\nrule ingress IPv4 proto=6 ports=80-80\n"
                "rules g2\nrule ingress IPv4 proto=6 ports=80-80\n");
    for (int i = 3; i < 33; i++) {
        ds_put_format(&text, "rule ingress IPv4 group=g%d\n", i);
    }
    fwf_init(&f, ds_cstr(&text));
    firewall_set_complete(f.fw);
    fw_backend_memory_fail(f.backend, FW_FAULT_CREATE, 1, ENOSPC, true);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_UEQ(n_refused(&f), 30);
    CHECK_UEQ(firewall_result(f.fw)->problems.n, 30);
    CHECK_RULES(&f, "g1", "-");
    CHECK_RULES(&f, "g2", "-");
    CHECK(firewall_lacks_sets(f.fw));

    fw_backend_memory_fail(f.backend, FW_FAULT_CREATE, 0, 0, false);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK(!firewall_lacks_sets(f.fw));
    CHECK_UEQ(hmap_count(&fw_backend_memory_state(f.backend)->sets), 30);
    ds_destroy(&text);
    fwf_uninit(&f);
}

/* Content and users of a set change at once, and its other slot cannot be
 * had: it is edited where it is. */
TEST(a_set_in_use_stays_in_its_slot)
{
    struct fwf f;

    fwf_start(&f, POLICY);
    fw_backend_memory_fail(f.backend, FW_FAULT_CREATE, 1, ENOSPC, true);
    fwf_hold_group(&f);
    CHECK_EQ(fwf_change(&f, "g1", "10.0.0.3", "10.0.0.2"), 0);
    fwf_set_policy(&f, PORT RULES "rule ingress IPv4 proto=6 ports=80-80\n"
                   "members g1 10.0.0.1 10.0.0.3\n");
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1 10.0.0.3");
    CHECK_MEMBERS(&f, SET_B, "none");
    CHECK_RULES(&f, "g1", SET_A " -");
    CHECK_UEQ(firewall_result(f.fw)->problems.n, 0);
    CHECK(firewall_lacks_sets(f.fw));

    /* Nothing is left to do, so no slot is missed any more. */
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_UEQ(firewall_result(f.fw)->n_steps, 0);
    CHECK(!firewall_lacks_sets(f.fw));
    fwf_uninit(&f);
}

/* The same by an agent that has just started and finds the set in slot b. */
TEST(a_set_in_use_is_found_in_its_slot)
{
    struct fwf f;

    fwf_start(&f, POLICY);
    fwf_hold_group(&f);
    CHECK_EQ(fwf_change(&f, "g1", NULL, "10.0.0.2"), 0);
    fwf_set_policy(&f, PORT RULES "rule ingress IPv4\nmembers g1 10.0.0.1\n");
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_MEMBERS(&f, SET_B, "10.0.0.1");

    fwf_restart(&f);
    firewall_set_complete(f.fw);
    fw_backend_memory_fail(f.backend, FW_FAULT_CREATE, 1, EINVAL, true);
    fwf_set_policy(&f, POLICY);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_MEMBERS(&f, SET_B, "10.0.0.1 10.0.0.2");
    CHECK_MEMBERS(&f, SET_A, "none");
    CHECK_RULES(&f, "g1", SET_B);
    fwf_uninit(&f);
}

/* A set in use is full: who does not fit is missing, and that is all. */
TEST(a_set_in_use_that_is_full)
{
    const struct fw_problems *problems;
    struct uuid g1 = policy_text_id("g1");
    struct fwf f;

    fwf_start(&f, TWO);
    fw_backend_memory_fail(f.backend, FW_FAULT_ADD, 1, ENOSPC, true);
    CHECK_EQ(fwf_change(&f, "g1", "10.0.0.3", "10.0.0.7"), ENOSPC);
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1");
    CHECK(firewall_needs_apply(f.fw));
    for (int i = 0; i < 2; i++) {
        f.pt->policy.generation++;
        CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
        CHECK_UEQ(firewall_applied(f.fw), f.pt->policy.generation);
        CHECK(!firewall_needs_apply(f.fw));
        CHECK(firewall_lacks_sets(f.fw));
        problems = &firewall_result(f.fw)->problems;
        REQUIRE(problems->n == 1);
        CHECK(uuid_equals(&problems->p[0].group, &g1));
        CHECK_CONTAINS(problems->p[0].text, "does not match all members of "
                       "group 67000001-");
    }
    /* Meanwhile members go as ever, and others come with the next try, which
     * they do not hurry. */
    uint64_t writes = fw_backend_memory_writes(f.backend);
    CHECK_EQ(fwf_change(&f, "g1", "10.0.0.4", NULL), 0);
    CHECK_UEQ(fw_backend_memory_writes(f.backend), writes);
    CHECK(!firewall_needs_apply(f.fw));
    CHECK_EQ(fwf_change(&f, "g1", "10.0.0.5", "10.0.0.1"), 0);
    CHECK_MEMBERS(&f, SET_A, "");
    CHECK(!firewall_needs_apply(f.fw));

    fw_backend_memory_fail(f.backend, FW_FAULT_ADD, 0, 0, false);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_MEMBERS(&f, SET_A, "10.0.0.3 10.0.0.4 10.0.0.5");
    CHECK_UEQ(firewall_result(f.fw)->problems.n, 0);
    CHECK(!firewall_lacks_sets(f.fw));
    CHECK_EQ(fwf_change(&f, "g1", "10.0.0.6", NULL), 0);
    CHECK_MEMBERS(&f, SET_A, "10.0.0.3 10.0.0.4 10.0.0.5 10.0.0.6");
    fwf_uninit(&f);
}

/* Who did not fit is gone before the next try, which has nothing to do: from
 * then on members come as ever. */
TEST(a_set_in_use_that_is_full_no_more)
{
    struct fwf f;

    fwf_start(&f, TWO);
    fw_backend_memory_fail(f.backend, FW_FAULT_ADD, 1, ENOSPC, true);
    CHECK_EQ(fwf_change(&f, "g1", "10.0.0.3", NULL), ENOSPC);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK(firewall_lacks_sets(f.fw));
    fw_backend_memory_fail(f.backend, FW_FAULT_ADD, 0, 0, false);
    CHECK_EQ(fwf_change(&f, "g1", NULL, "10.0.0.3"), 0);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK(!firewall_lacks_sets(f.fw));
    CHECK_EQ(fwf_change(&f, "g1", "10.0.0.4", NULL), 0);
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1 10.0.0.4 10.0.0.7");
    fwf_uninit(&f);
}

/* No memory, no rights: nothing will do, so nothing is left out. */
TEST(what_fails_as_a_whole_keeps_last_good)
{
    static const int errors[] = { ENOMEM, EPERM };

    for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
        struct fwf f;

        fwf_start(&f, POLICY);
        fw_backend_memory_fail(f.backend, FW_FAULT_CREATE, 1, errors[i],
                               true);
        fwf_set_policy(&f, TWO);
        CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), errors[i]);
        CHECK_UEQ(n_refused(&f), 0);
        CHECK_RULES(&f, "g1", SET_A);
        CHECK(!fwf_chain(&f, FW_SECURITY, "sg1-b-tap2"));
        CHECK(firewall_needs_apply(f.fw));
        fwf_uninit(&f);
    }
}

TEST(both_names_taken_by_others)
{
    struct fwf f;

    fwf_init(&f, TWO);
    take_name(&f, SET_A);
    take_name(&f, SET_B);
    firewall_set_complete(f.fw);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    check_contained(&f, "both names of its set are taken by sets of another "
                    "type");
    CHECK_RULES(&f, "g2", SET2_A);
    CHECK(fwf_set(&f, SET_A) && fwf_set(&f, SET_B));

    give_name_back(&f, SET_A);
    check_healed(&f);
    CHECK(fwf_set(&f, SET_B));
    fwf_uninit(&f);
}
