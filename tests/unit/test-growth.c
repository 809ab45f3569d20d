/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Sets that members fill up, and what happens if they cannot grow. */

#include <config.h>
#include "firewall/firewall.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/firewall-fixture.h"
#include "tests/lib/test.h"
#include "util.h"

/* POLICY has two members; these fill the smallest set to three quarters. */
#define FILL 766

static struct sg_prefix
address(size_t i)
{
    return (struct sg_prefix) {
        .addr = { 10, 7, i >> 8, i }, .family = SG_IPV4, .plen = 32,
    };
}

/* Adds the addresses from 'first' to 'end' to group g1 of the policy, and
 * tells the member lane. */
static int
add_range(struct fwf *f, size_t first, size_t end)
{
    struct sg_group *g = policy_text_group(f->pt, "g1");
    struct sg_prefix_list list = SG_PREFIX_LIST_INITIALIZER;

    for (size_t i = first; i < end; i++) {
        struct sg_prefix p = address(i);

        sg_members_add(&g->members, &p);
        sg_prefix_list_add(&list, &p);
    }

    struct fw_member_change c = {
        .group = g->id, .added = list.p, .n_added = list.n,
    };
    int error = firewall_members(f->fw, &f->pt->policy, &c, 1);
    sg_prefix_list_uninit(&list);
    return error;
}

static struct fw_stats
stats(const struct fwf *f)
{
    struct fw_stats s;

    firewall_get_stats(f->fw, &s);
    return s;
}

/* Is SET_A the only set, of this size, with what the policy says in it? */
static void
check_set(struct fwf *f, uint32_t maxelem)
{
    const struct sg_members *have = fw_backend_memory_members(f->backend,
                                                              SET_A);
    struct sg_prefix_list more = SG_PREFIX_LIST_INITIALIZER;
    struct sg_prefix_list less = SG_PREFIX_LIST_INITIALIZER;

    CHECK_UEQ(hmap_count(&fw_backend_memory_state(f->backend)->sets), 1);
    CHECK_UEQ(fwf_set(f, SET_A)->maxelem, maxelem);
    CHECK_UEQ(fwf_set(f, SET_A)->hashsize, fw_set_hashsize(maxelem));
    CHECK(fwf_set(f, SET_A)->references);
    sg_members_diff(have, &policy_text_group(f->pt, "g1")->members, &more,
                    &less);
    CHECK_UEQ(more.n, 0);
    CHECK_UEQ(less.n, 0);
    sg_prefix_list_uninit(&more);
    sg_prefix_list_uninit(&less);
}

/* In the member lane alone, and in batches of any size. */
TEST(a_set_grows_with_its_members)
{
    static const size_t steps[] = { 1, 700, 5000, 4096, 30000, 1 };
    struct fwf f;
    size_t n = 0;

    fwf_start(&f, POLICY);
    check_set(&f, 1024);
    CHECK_EQ(add_range(&f, 0, FILL), 0);
    check_set(&f, 1024);
    CHECK_UEQ(stats(&f).sets_grown, 0);
    CHECK_EQ(add_range(&f, FILL, FILL + 1), 0);
    check_set(&f, 4096);
    CHECK_UEQ(stats(&f).sets_grown, 1);

    n = FILL + 1;
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        CHECK_EQ(add_range(&f, n, n + steps[i]), 0);
        n += steps[i];
        CHECK(fwf_set(&f, SET_A)->elements
              <= fw_set_grow_above(fwf_set(&f, SET_A)->maxelem));
    }
    check_set(&f, 262144);
    CHECK_UEQ(stats(&f).sets_grow_failed, 0);
    CHECK(!firewall_needs_apply(f.fw));
    fwf_uninit(&f);
}

/* Who leaves in the same turn is in the set until all have come who come: it
 * is about to be a member of another group. */
struct mover {
    struct fwf *f;
    struct sg_prefix who;
    size_t n_looks, n_missing;
};

static void
look_for_mover(void *mover_)
{
    static const char other[] = "sg1-m4a-67000002-8e1d0e693a14";
    struct mover *m = mover_;

    m->n_looks++;
    m->n_missing += !(sg_members_contains(
                          fw_backend_memory_members(m->f->backend, SET_A),
                          &m->who)
                      || sg_members_contains(
                          fw_backend_memory_members(m->f->backend, other),
                          &m->who));
}

static void
move(size_t n_come)
{
    struct sg_prefix_list come = SG_PREFIX_LIST_INITIALIZER;
    struct fwf f;

    fwf_start(&f, PORT "rules g1\nrule ingress IPv4 group=g1\n"
              "rule ingress IPv4 group=g2\n" MEMBERS "members g2 10.0.0.1\n");
    CHECK_EQ(add_range(&f, 0, FILL), 0);

    struct sg_group *g1 = policy_text_group(f.pt, "g1");
    struct sg_group *g2 = policy_text_group(f.pt, "g2");
    struct mover mover = { &f, address(3), 0, 0 };
    for (size_t i = 0; i < n_come; i++) {
        struct sg_prefix p = address(FILL + i);
        sg_members_add(&g1->members, &p);
        sg_prefix_list_add(&come, &p);
    }
    sg_members_remove(&g1->members, &mover.who);
    sg_members_add(&g2->members, &mover.who);
    struct fw_member_change c[] = {
        { .group = g1->id, .added = come.p, .n_added = come.n,
          .removed = &mover.who, .n_removed = 1 },
        { .group = g2->id, .added = &mover.who, .n_added = 1 },
    };
    fw_backend_memory_observe(f.backend, look_for_mover, &mover);
    CHECK_EQ(firewall_members(f.fw, &f.pt->policy, c, ARRAY_SIZE(c)), 0);
    fw_backend_memory_observe(f.backend, NULL, NULL);
    CHECK_UEQ(stats(&f).sets_grown, 1);
    CHECK(mover.n_looks > 0);
    CHECK_UEQ(mover.n_missing, 0);
    CHECK(!sg_members_contains(fw_backend_memory_members(f.backend, SET_A),
                               &mover.who));
    sg_prefix_list_uninit(&come);
    fwf_uninit(&f);
}

TEST(a_member_that_moves_is_not_lost_by_growth)
{
    move(1);
    move(5000);
}

/* ------------------------------------------------------------------------ */

/* There is room for a quarter of the set, and trying is not for free. */
TEST(a_set_that_cannot_grow_takes_members_as_long_as_there_is_room)
{
    struct fwf f;
    uint64_t writes;

    fwf_start(&f, POLICY);
    CHECK_EQ(add_range(&f, 0, FILL), 0);
    fw_backend_memory_hold_dump(f.backend, SET_A, true);
    for (size_t n = FILL; n < 1022; n++) {
        CHECK_EQ(add_range(&f, n, n + 1), 0);
    }
    CHECK_UEQ(stats(&f).sets_grown, 0);
    CHECK(stats(&f).sets_grow_failed > 1);
    CHECK(stats(&f).sets_grow_failed < 8);
    CHECK(!firewall_needs_apply(f.fw));
    CHECK_UEQ(fwf_set(&f, SET_A)->elements, 1024);

    /* Now it is full; others are not harmed by more than one try. */
    CHECK_EQ(add_range(&f, 1022, 1023), EBUSY);
    CHECK(firewall_needs_apply(f.fw));
    writes = fw_backend_memory_writes(f.backend);
    CHECK_EQ(add_range(&f, 1023, 1024), 0);
    CHECK_UEQ(fw_backend_memory_writes(f.backend), writes);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), EBUSY);
    CHECK_CONTAINS(firewall_result(f.fw)->error_text, "extend, " SET_A);
    CHECK_UEQ(fwf_set(&f, SET_A)->elements, 1024);

    fw_backend_memory_hold_dump(f.backend, SET_A, false);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    check_set(&f, 4096);
    CHECK_UEQ(stats(&f).sets_grown, 1);
    CHECK(!firewall_needs_apply(f.fw));
    fwf_uninit(&f);
}

TEST(a_set_grows_a_little_later_if_it_could_not_at_once)
{
    static const struct {
        enum fw_fault_op op;
        int error;
    } rows[] = {
        { FW_FAULT_CREATE, ENOMEM },
        { FW_FAULT_ADD, ENOMEM },
        { FW_FAULT_SWAP, EBUSY },
        { FW_FAULT_LIST, EIO },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        bool busy = rows[i].error == EBUSY;
        struct fwf f;

        fwf_start(&f, POLICY);
        CHECK_EQ(add_range(&f, 0, FILL), 0);
        fw_backend_memory_fail(f.backend, rows[i].op, 1, rows[i].error, busy);
        CHECK_EQ(add_range(&f, FILL, FILL + 1), 0);
        fw_backend_memory_fail(f.backend, rows[i].op, 0, 0, false);
        check_set(&f, 1024);
        CHECK_UEQ(stats(&f).sets_grow_failed, 1);
        CHECK_EQ(add_range(&f, FILL + 1, FILL + 2), 0);
        check_set(&f, 1024);
        CHECK_UEQ(stats(&f).sets_grow_failed, 1);
        CHECK_EQ(add_range(&f, FILL + 2, FILL + 40), 0);
        check_set(&f, 4096);
        CHECK_UEQ(stats(&f).sets_grown, 1);
        CHECK(!firewall_needs_apply(f.fw));
        fwf_uninit(&f);
    }
}

/* Somebody else has put members in, so there is less room than we think. */
TEST(a_set_that_is_full_grows_at_the_next_apply)
{
    struct sg_prefix strangers[512];
    struct fwf f;

    fwf_start(&f, POLICY);
    CHECK_EQ(add_range(&f, 0, 500), 0);
    for (size_t i = 0; i < ARRAY_SIZE(strangers); i++) {
        strangers[i] = address(10000 + i);
    }
    CHECK_EQ(f.backend->class->set_add(f.backend, fwf_set(&f, SET_A),
                                       strangers, ARRAY_SIZE(strangers),
                                       NULL), 0);
    CHECK_EQ(add_range(&f, 500, 520), ENOSPC);
    CHECK(firewall_needs_apply(f.fw));
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    check_set(&f, 4096);
    fwf_uninit(&f);
}

/* ------------------------------------------------------------------------ */

/* Additions to a held set wait, however many: a swap does not bring them in
 * before the rules have changed that must not meet them. */
TEST(a_held_set_does_not_grow_before_its_commit)
{
    const char *old = PORT RULES MEMBERS;
    struct fwf f;

    fwf_start(&f, old);
    CHECK_EQ(add_range(&f, 0, FILL), 0);
    uint64_t writes = fw_backend_memory_writes(f.backend);
    fwf_hold_group(&f);
    CHECK_EQ(add_range(&f, FILL, FILL + 10), 0);
    CHECK_EQ(add_range(&f, FILL + 10, FILL + 6000), 0);
    CHECK_UEQ(fw_backend_memory_writes(f.backend), writes);
    CHECK_UEQ(fwf_set(&f, SET_A)->elements, FILL + 2);

    /* The commit fails: they go on waiting. */
    policy_text_group(f.pt, "g1")->rules.rules[0].protocol = 6;
    fw_backend_memory_fail(f.backend, FW_FAULT_COMMIT, 1, EIO, false);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), EIO);
    CHECK_UEQ(fwf_set(&f, SET_A)->elements, FILL + 2);
    CHECK_EQ(add_range(&f, FILL + 6000, FILL + 6001), 0);
    CHECK_UEQ(fwf_set(&f, SET_A)->elements, FILL + 2);

    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK(!fwf_set(&f, SET_A));
    CHECK_UEQ(fwf_set(&f, SET_B)->elements, FILL + 6003);
    CHECK_UEQ(fwf_set(&f, SET_B)->maxelem, 16384);
    fwf_uninit(&f);
}

TEST(the_size_of_a_set_that_is_found_is_left_alone)
{
    static const uint32_t sizes[] = { 1024, 4096, 262144 };

    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        struct fwf f;

        fwf_start(&f, POLICY);
        CHECK_EQ(add_range(&f, 0, FILL), 0);
        fwf_set(&f, SET_A)->maxelem = sizes[i];
        fwf_set(&f, SET_A)->hashsize = fw_set_hashsize(sizes[i]);
        fwf_restart(&f);
        firewall_set_complete(f.fw);
        uint64_t writes = fw_backend_memory_writes(f.backend);
        CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
        CHECK_UEQ(fw_backend_memory_writes(f.backend), writes);
        check_set(&f, sizes[i]);

        /* But it is known, and growth goes on from it. */
        CHECK_EQ(add_range(&f, FILL, FILL + 1), 0);
        check_set(&f, MAX(sizes[i], 4096));
        CHECK_EQ(add_range(&f, FILL + 1, FILL + 6000), 0);
        check_set(&f, MAX(sizes[i], 16384));
        fwf_uninit(&f);
    }
}

/* Something of ours that was left behind, and is too small. */
TEST(a_set_in_the_other_slot_grows_before_it_is_used)
{
    struct fw_set small = { .name = SET_B, .slot = FW_SLOT_B, .maxelem = 2,
                            .hashsize = 64 };
    struct fwf f;

    fwf_start(&f, POLICY);
    CHECK_EQ(f.backend->class->set_create(f.backend, &small), 0);
    fwf_hold_group(&f);
    CHECK_EQ(add_range(&f, 0, 10), 0);
    policy_text_group(f.pt, "g1")->rules.rules[0].protocol = 6;
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_UEQ(fwf_set(&f, SET_B)->elements, 12);
    CHECK_UEQ(fwf_set(&f, SET_B)->maxelem, 1024);
    CHECK(fwf_set(&f, SET_B)->references);
    CHECK(!fwf_set(&f, SET_A));
    fwf_uninit(&f);
}
