/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Members that are prefixes: the sets they have, how these come and go. */

#include <config.h>
#include "firewall/firewall.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "firewall/member_delta.h"
#include "tests/lib/firewall-fixture.h"
#include "tests/lib/test.h"
#include "util.h"

#define NETS_A "sg1-n4a-67000001-4495174344e4"
#define NETS_B "sg1-n4b-67000001-4495174344e4"

/* ------------------------------------------------------------------------ */
/* Members to elements. */

/* A group with these of /0 and its halves, and a prefix and an address that
 * are always there. */
static void
make_members(struct sg_members *members, enum sg_family family,
             unsigned int bits)
{
    static const char *const texts[SG_N_FAMILIES][5] = {
        { "0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "10.0.0.0/8",
          "10.0.0.1" },
        { "::/0", "::/1", "8000::/1", "2001:db8::/32", "2001:db8::1" },
    };

    sg_members_init(members);
    bits |= 1 << 3 | 1 << 4;
    for (size_t i = 0; i < ARRAY_SIZE(texts[family]); i++) {
        if (bits & 1 << i) {
            struct sg_prefix p = policy_text_prefix(texts[family][i]);
            sg_members_add(members, &p);
        }
    }
}

static char *
elements_text(const struct fw_set *set, const struct sg_members *members)
{
    struct sg_prefix_list list = SG_PREFIX_LIST_INITIALIZER;
    struct ds ds = DS_EMPTY_INITIALIZER;

    fw_set_elements(set, members, &list);
    CHECK_UEQ(list.n, fw_set_n_elements(set, members));
    sg_prefix_list_sort(&list);
    for (size_t i = 0; i < list.n; i++) {
        char buf[SG_PREFIX_STRLEN];

        CHECK(fw_set_can_hold(set, &list.p[i]));
        ds_put_format(&ds, "%s ", sg_prefix_format(&list.p[i], buf));
    }
    sg_prefix_list_uninit(&list);
    return ds_steal_cstr(&ds);
}

TEST(a_whole_family_is_two_halves)
{
    struct fw_set nets = { .content = FW_NETS }, hosts = { .slot = 0 };
    static const char *const rows[] = {
        "10.0.0.0/8 ",
        "0.0.0.0/1 10.0.0.0/8 128.0.0.0/1 ",
        "0.0.0.0/1 10.0.0.0/8 ",
        "0.0.0.0/1 10.0.0.0/8 128.0.0.0/1 ",
        "10.0.0.0/8 128.0.0.0/1 ",
        "0.0.0.0/1 10.0.0.0/8 128.0.0.0/1 ",
        "0.0.0.0/1 10.0.0.0/8 128.0.0.0/1 ",
        "0.0.0.0/1 10.0.0.0/8 128.0.0.0/1 ",
    };

    for (unsigned int bits = 0; bits < ARRAY_SIZE(rows); bits++) {
        struct sg_members members;
        char *text;

        make_members(&members, SG_IPV4, bits);
        text = elements_text(&nets, &members);
        CHECK_STR(text, rows[bits]);
        free(text);
        text = elements_text(&hosts, &members);
        CHECK_STR(text, "10.0.0.1 ");
        free(text);
        sg_members_uninit(&members);
    }
}

/* Each change of /0 and its halves into each other: what the set has after the
 * operations is what the group says, and none is idle. */
TEST(an_element_stays_while_any_member_needs_it)
{
    struct fw_member_ops ops;

    fw_member_ops_init(&ops);
    for (unsigned int i = 0; i < 8 * 8 * SG_N_FAMILIES; i++) {
        enum sg_family family = i / 64;
        struct fw_set set = { .family = family, .content = FW_NETS };
        struct sg_members before, after, have;
        struct sg_prefix_list added = SG_PREFIX_LIST_INITIALIZER;
        struct sg_prefix_list removed = SG_PREFIX_LIST_INITIALIZER;
        struct sg_prefix_list list = SG_PREFIX_LIST_INITIALIZER;

        make_members(&before, family, i % 8);
        make_members(&after, family, i / 8 % 8);
        sg_members_diff(&before, &after, &added, &removed);
        fw_member_ops_set(&ops, &after, added.p, added.n, removed.p,
                          removed.n);

        sg_members_init(&have);
        fw_set_elements(&set, &before, &list);
        for (size_t j = 0; j < list.n; j++) {
            sg_members_add(&have, &list.p[j]);
        }
        for (size_t j = 0; j < ops.add[family][FW_NETS].n; j++) {
            CHECK(sg_members_add(&have, &ops.add[family][FW_NETS].p[j]));
        }
        for (size_t j = 0; j < ops.del[family][FW_NETS].n; j++) {
            CHECK(sg_members_remove(&have, &ops.del[family][FW_NETS].p[j]));
        }
        CHECK_UEQ(ops.add[!family][FW_NETS].n + ops.del[!family][FW_NETS].n,
                  0);

        list.n = 0;
        fw_set_elements(&set, &after, &list);
        CHECK_UEQ(sg_members_count(&have), list.n);
        for (size_t j = 0; j < list.n; j++) {
            CHECK(sg_members_contains(&have, &list.p[j]));
        }
        sg_members_uninit(&before);
        sg_members_uninit(&after);
        sg_members_uninit(&have);
        sg_prefix_list_uninit(&added);
        sg_prefix_list_uninit(&removed);
        sg_prefix_list_uninit(&list);
    }
    fw_member_ops_uninit(&ops);
}

/* ------------------------------------------------------------------------ */
/* A set comes, stays and goes. */

static uint64_t
writes(const struct fwf *f)
{
    return fw_backend_memory_writes(f->backend);
}

static size_t
n_rules(struct fwf *f, const char *chain)
{
    return fwf_chain(f, FW_SECURITY, chain)->n_rules;
}

static void
check_settled(struct fwf *f)
{
    uint64_t before = writes(f);

    CHECK(!firewall_needs_apply(f->fw));
    CHECK_EQ(firewall_apply(f->fw, &f->pt->policy), 0);
    CHECK_UEQ(writes(f), before);
    fwf_restart(f);
    firewall_set_complete(f->fw);
    CHECK_EQ(firewall_apply(f->fw, &f->pt->policy), 0);
    CHECK_UEQ(writes(f), before);
}

TEST(the_first_prefix_takes_an_apply_and_others_one_write)
{
    uint64_t before;
    struct fwf f;

    fwf_start(&f, POLICY);
    CHECK_UEQ(n_rules(&f, IN_CHAIN), 1);
    before = writes(&f);
    CHECK_EQ(fwf_change(&f, "g1", "10.1.0.0/16", NULL), 0);
    CHECK_UEQ(writes(&f), before);
    CHECK(firewall_needs_apply(f.fw));
    CHECK(!firewall_is_urgent(f.fw));
    f.pt->policy.generation = 9;
    firewall_note_applied(f.fw, &f.pt->policy);
    CHECK(firewall_applied(f.fw) != 9);

    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK(!firewall_needs_apply(f.fw));
    CHECK_UEQ(n_rules(&f, IN_CHAIN), 2);
    CHECK_MEMBERS(&f, NETS_A, "10.1.0.0/16");
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1 10.0.0.2");
    CHECK_EQ(fwf_set(&f, NETS_A)->content, FW_NETS);

    before = writes(&f);
    CHECK_EQ(fwf_change(&f, "g1", "10.2.0.0/16", "10.1.0.0/16"), 0);
    CHECK_UEQ(writes(&f), before + 2);
    CHECK_EQ(fwf_change(&f, "g1", "10.0.0.9/32", NULL), 0);
    CHECK_UEQ(writes(&f), before + 3);
    CHECK_MEMBERS(&f, NETS_A, "10.2.0.0/16");
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1 10.0.0.2 10.0.0.9");
    check_settled(&f);
    fwf_uninit(&f);
}

/* A prefix that comes and goes writes no table. */
TEST(a_set_without_prefixes_stays)
{
    uint64_t before;
    struct fwf f;

    fwf_start(&f, POLICY "members g1 10.1.0.0/16\n");
    before = writes(&f);
    CHECK_EQ(fwf_change(&f, "g1", NULL, "10.1.0.0/16"), 0);
    CHECK_UEQ(writes(&f), before + 1);
    CHECK_MEMBERS(&f, NETS_A, "");
    check_settled(&f);
    CHECK_UEQ(n_rules(&f, IN_CHAIN), 2);

    CHECK_EQ(fwf_change(&f, "g1", "10.3.0.0/16", NULL), 0);
    CHECK_UEQ(writes(&f), before + 2);
    CHECK(!firewall_needs_apply(f.fw));
    CHECK_MEMBERS(&f, NETS_A, "10.3.0.0/16");
    fwf_uninit(&f);
}

TEST(a_set_without_prefixes_goes_when_its_chains_change)
{
    struct fwf f;

    fwf_start(&f, POLICY "members g1 10.1.0.0/16\n");
    CHECK_EQ(fwf_change(&f, "g1", NULL, "10.1.0.0/16"), 0);
    fwf_hold_group(&f);
    policy_text_group(f.pt, "g1")->rules.rules[0].protocol = 6;
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_UEQ(n_rules(&f, IN_CHAIN), 1);
    CHECK_MEMBERS(&f, NETS_A, "none");
    check_settled(&f);

    /* And comes again. */
    CHECK_EQ(fwf_change(&f, "g1", "10.1.0.0/16", NULL), 0);
    CHECK(firewall_needs_apply(f.fw));
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_MEMBERS(&f, NETS_A, "10.1.0.0/16");
    fwf_uninit(&f);
}

/* With prefixes it stays, of course; without, as long as one chain would not
 * have been written. */
TEST(a_set_stays_for_a_chain_that_does_not_change)
{
    static const char policy[] = PORT "rules g1\nrule ingress IPv4 group=g1\n"
        "port p2 device=tap2 bridge=qbr2 uplink=qvb2 zone=2 "
        "mac=52:54:00:00:00:02 group=g2\n"
        "rules g2\nrule ingress IPv4 group=g1\n" MEMBERS;
    static const char other[] = "sg1-in-67000002-8e1d0e693a14";
    struct fwf f;

    fwf_start(&f, policy);
    CHECK_EQ(fwf_change(&f, "g1", "10.1.0.0/16", NULL), 0);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    policy_text_group(f.pt, "g1")->rules.rules[0].protocol = 6;
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_UEQ(n_rules(&f, IN_CHAIN), 2);

    CHECK_EQ(fwf_change(&f, "g1", NULL, "10.1.0.0/16"), 0);
    policy_text_group(f.pt, "g1")->rules.rules[0].protocol = 17;
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_UEQ(n_rules(&f, IN_CHAIN), 2);
    CHECK_UEQ(n_rules(&f, other), 2);
    check_settled(&f);

    policy_text_group(f.pt, "g1")->rules.rules[0].protocol = 6;
    policy_text_group(f.pt, "g2")->rules.rules[0].protocol = 6;
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_UEQ(n_rules(&f, IN_CHAIN), 1);
    CHECK_UEQ(n_rules(&f, other), 1);
    CHECK_MEMBERS(&f, NETS_A, "none");
    check_settled(&f);
    fwf_uninit(&f);
}

/* What is known of the sets suffices for an apply, also with members that are
 * not what the kernel has: nothing is read. */
TEST(the_whole_family_in_the_member_lane)
{
    static const struct {
        const char *added, *removed, *members;
    } rows[] = {
        { "0.0.0.0/0", NULL, "0.0.0.0/1 10.1.0.0/16 128.0.0.0/1" },
        { "0.0.0.0/1", NULL, "0.0.0.0/1 10.1.0.0/16 128.0.0.0/1" },
        { NULL, "0.0.0.0/0", "0.0.0.0/1 10.1.0.0/16" },
        { "0.0.0.0/0", "0.0.0.0/1", "0.0.0.0/1 10.1.0.0/16 128.0.0.0/1" },
        { "128.0.0.0/1", "0.0.0.0/0", "10.1.0.0/16 128.0.0.0/1" },
        { "0.0.0.0", NULL, "10.1.0.0/16 128.0.0.0/1" },
        { NULL, "128.0.0.0/1", "10.1.0.0/16" },
    };
    struct fwf f;

    fwf_start(&f, POLICY "members g1 10.1.0.0/16\n");
    fw_backend_memory_fail(f.backend, FW_FAULT_MEMBERS, 1, EIO, true);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CHECK_EQ(fwf_change(&f, "g1", rows[i].added, rows[i].removed), 0);
        CHECK_MEMBERS(&f, NETS_A, rows[i].members);
        CHECK(!firewall_needs_apply(f.fw));
        uint64_t before = writes(&f);
        CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
        CHECK_UEQ(writes(&f), before);
    }
    fwf_uninit(&f);
}

/* ------------------------------------------------------------------------ */
/* The same address, as a member and in a prefix. */

struct watch {
    struct fwf *f;
    struct sg_prefix who;
    size_t n_looks, n_missing;
};

static void
look(void *watch_)
{
    struct watch *w = watch_;
    const struct fw_ruleset *rs = fw_backend_memory_state(w->f->backend);
    const struct fw_set *set;
    bool found = false;

    HMAP_FOR_EACH (set, node, &rs->sets) {
        const struct sg_member *m;

        if (set->references) {
            SG_MEMBERS_FOR_EACH (m, fw_backend_memory_members(w->f->backend,
                                                              set->name)) {
                found = found || sg_prefix_contains(&m->prefix, &w->who);
            }
        }
    }
    w->n_looks++;
    w->n_missing += !found;
}

static void
watch(struct fwf *f, struct watch *w)
{
    *w = (struct watch) { f, policy_text_prefix("10.0.0.2"), 0, 0 };
    fw_backend_memory_observe(f->backend, look, w);
}

/* It becomes part of the first prefix of the group: there is no set for that
 * yet, so it leaves with the apply that makes one. */
TEST(an_address_that_gives_way_to_the_first_prefix_is_not_lost)
{
    struct watch w;
    struct fwf f;

    fwf_start(&f, POLICY);
    watch(&f, &w);
    CHECK_EQ(fwf_change(&f, "g1", "10.0.0.0/24", "10.0.0.2"), 0);
    CHECK(firewall_is_urgent(f.fw));
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1 10.0.0.2");
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK(w.n_looks > 0);
    CHECK_UEQ(w.n_missing, 0);
    CHECK_MEMBERS(&f, NETS_A, "10.0.0.0/24");
    CHECK_MEMBERS(&f, SET_B, "10.0.0.1");
    fw_backend_memory_observe(f.backend, NULL, NULL);
    check_settled(&f);

    /* And back, in the member lane. */
    watch(&f, &w);
    CHECK_EQ(fwf_change(&f, "g1", "10.0.0.2", "10.0.0.0/24"), 0);
    CHECK(!firewall_needs_apply(f.fw));
    CHECK_UEQ(w.n_looks, 2);
    CHECK_UEQ(w.n_missing, 0);
    fwf_uninit(&f);
}

/* If the apply fails, who leaves does not wait for the next one. */
TEST(a_failed_apply_does_not_keep_who_gives_way)
{
    struct fwf f;

    fwf_start(&f, POLICY);
    CHECK_EQ(fwf_change(&f, "g1", "10.0.0.0/24", "10.0.0.2"), 0);
    fw_backend_memory_fail(f.backend, FW_FAULT_COMMIT, 1, EIO, false);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), EIO);
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1");
    CHECK(firewall_needs_apply(f.fw));
    CHECK_EQ(fwf_change(&f, "g1", NULL, "10.0.0.1"), 0);
    CHECK_MEMBERS(&f, SET_A, "");
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_MEMBERS(&f, NETS_A, "10.0.0.0/24");
    check_settled(&f);
    fwf_uninit(&f);
}

/* A prefix waits for a commit; an address that it covers leaves another
 * group.  And the other way round. */
TEST(who_is_covered_by_what_waits_leaves_with_it)
{
    static const char policy[] = PORT "rules g1\nrule ingress IPv4 group=g1\n"
        "port p2 device=tap2 bridge=qbr2 uplink=qvb2 zone=2 "
        "mac=52:54:00:00:00:02 group=g2\n"
        "rules g2\nrule ingress IPv4 group=g2\n"
        "members g1 10.0.0.1 10.9.0.0/16\nmembers g2 10.0.0.2 10.9.0.0/16\n";
    struct fw_stats stats;
    struct fwf f;

    fwf_start(&f, policy);
    fwf_hold_group(&f);
    CHECK_EQ(fwf_change(&f, "g1", "10.0.0.0/24", NULL), 0);
    CHECK_MEMBERS(&f, NETS_A, "10.9.0.0/16");
    firewall_get_stats(f.fw, &stats);
    CHECK_UEQ(stats.n_waiting, 1);
    CHECK(!firewall_is_urgent(f.fw));
    CHECK_EQ(fwf_change(&f, "g2", NULL, "10.0.0.2"), 0);
    CHECK(firewall_is_urgent(f.fw));
    CHECK_MEMBERS(&f, "sg1-m4a-67000002-8e1d0e693a14", "10.0.0.2");
    policy_text_group(f.pt, "g1")->rules.rules[0].protocol = 6;
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_MEMBERS(&f, NETS_B, "10.0.0.0/24 10.9.0.0/16");
    CHECK_MEMBERS(&f, "sg1-m4a-67000002-8e1d0e693a14", "");
    check_settled(&f);

    fwf_hold_group(&f);
    CHECK_EQ(fwf_change(&f, "g1", "10.9.0.9", NULL), 0);
    CHECK_EQ(fwf_change(&f, "g2", NULL, "10.9.0.0/16"), 0);
    CHECK(firewall_is_urgent(f.fw));
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_MEMBERS(&f, "sg1-n4a-67000002-8e1d0e693a14", "");
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1 10.9.0.9");
    check_settled(&f);
    fwf_uninit(&f);
}

/* Its name is taken: then the other one. */
TEST(a_set_for_prefixes_of_another_type_is_left_alone)
{
    struct fw_set foreign = { .name = NETS_A, .maxelem = 1, .hashsize = 64,
                              .content = FW_NETS };
    struct fwf f;

    fwf_start(&f, POLICY);
    CHECK_EQ(f.backend->class->set_create(f.backend, &foreign), 0);
    fwf_set(&f, NETS_A)->foreign_type = true;
    CHECK_EQ(fwf_change(&f, "g1", "10.1.0.0/16", NULL), 0);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_MEMBERS(&f, NETS_A, "");
    CHECK_MEMBERS(&f, NETS_B, "10.1.0.0/16");
    CHECK_EQ(fwf_change(&f, "g1", "10.2.0.0/16", NULL), 0);
    CHECK_MEMBERS(&f, NETS_B, "10.1.0.0/16 10.2.0.0/16");
    check_settled(&f);
    fwf_uninit(&f);
}
