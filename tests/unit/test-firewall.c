/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The facade, case by case: lanes, held sets, slots, doubt, failures. */

#include <config.h>
#include "firewall/firewall.h"

#include <errno.h>
#include <stdlib.h>

#include "tests/lib/eval.h"
#include "tests/lib/policy-text.h"
#include "tests/lib/test.h"
#include "util.h"
#include "uuid.h"

#define SET_A "sg1-m4a-67000001-4495174344e4"
#define SET_B "sg1-m4b-67000001-4495174344e4"
#define SET6_A "sg1-m6a-67000001-4495174344e4"
#define IN_CHAIN "sg1-in-67000001-4495174344e4"

#define PORT "port p1 device=tap1 bridge=qbr1 uplink=qvb1 zone=1 " \
             "mac=52:54:00:00:00:01 ip=10.0.0.1 group=g1\n"
#define RULES "rules g1\nrule ingress IPv4 group=g1\n"
#define MEMBERS "members g1 10.0.0.1 10.0.0.2\n"
#define POLICY PORT RULES MEMBERS

struct fixture {
    struct fw_backend *backend;
    struct firewall *fw;
    struct policy_text *pt;
};

/* Replaces the policy; the firewall is not told. */
static void
set_policy(struct fixture *f, const char *text)
{
    if (f->pt) {
        policy_text_uninit(f->pt);
        free(f->pt);
    }
    f->pt = xmalloc(sizeof *f->pt);
    policy_text_init(f->pt, text);
}

static void
fixture_init(struct fixture *f, const char *text)
{
    struct fw_layout layout;

    memset(f, 0, sizeof *f);
    f->backend = fw_backend_memory_create();
    set_policy(f, text);
    fw_layout_default(&layout);
    f->fw = firewall_create(fw_backend_memory_ref(f->backend), &layout, 7);
}

/* With the policy in force. */
static void
fixture_start(struct fixture *f, const char *text)
{
    fixture_init(f, text);
    firewall_set_complete(f->fw);
    CHECK_EQ(firewall_apply(f->fw, &f->pt->policy), 0);
    CHECK(!firewall_needs_apply(f->fw));
}

static void
restart(struct fixture *f)
{
    struct fw_layout layout;

    firewall_destroy(f->fw);
    fw_layout_default(&layout);
    f->fw = firewall_create(fw_backend_memory_ref(f->backend), &layout, 8);
}

static void
fixture_uninit(struct fixture *f)
{
    firewall_destroy(f->fw);
    f->backend->class->destroy(f->backend);
    policy_text_uninit(f->pt);
    free(f->pt);
}

/* Changes the policy and tells the member lane. */
static int
change(struct fixture *f, const char *group, const char *added,
       const char *removed)
{
    struct sg_group *g = policy_text_group(f->pt, group);
    struct fw_member_change c = { .group = g->id };
    struct sg_prefix add, del;

    if (added) {
        add = policy_text_prefix(added);
        sg_members_add(&g->members, &add);
        c.added = &add;
        c.n_added = 1;
    }
    if (removed) {
        del = policy_text_prefix(removed);
        sg_members_remove(&g->members, &del);
        c.removed = &del;
        c.n_removed = 1;
    }
    return firewall_members(f->fw, &f->pt->policy, &c, 1);
}

/* The set's members as sorted text; "none" if there is no such set. */
static char *
members_of(struct fixture *f, const char *set)
{
    const struct sg_members *members = fw_backend_memory_members(f->backend,
                                                                 set);
    struct sg_prefix_list list = SG_PREFIX_LIST_INITIALIZER;
    struct ds ds = DS_EMPTY_INITIALIZER;
    const struct sg_member *m;

    if (!members) {
        return xstrdup("none");
    }
    SG_MEMBERS_FOR_EACH (m, members) {
        sg_prefix_list_add(&list, &m->prefix);
    }
    sg_prefix_list_sort(&list);
    for (size_t i = 0; i < list.n; i++) {
        char buf[SG_PREFIX_STRLEN];
        ds_put_format(&ds, "%s%s", i ? " " : "",
                      sg_prefix_format(&list.p[i], buf));
    }
    sg_prefix_list_uninit(&list);
    return ds_steal_cstr(&ds);
}

#define CHECK_MEMBERS(F, SET, TEXT)             \
    do {                                        \
        char *got = members_of(F, SET);         \
        CHECK_STR(got, TEXT);                   \
        free(got);                              \
    } while (0)

static void
hold_group(struct fixture *f)
{
    struct uuid g1 = policy_text_id("g1");

    firewall_hold(f->fw, NULL, 0, &g1, 1);
}

static struct fw_chain *
kernel_chain(struct fixture *f, enum fw_table_id table, const char *name)
{
    return fw_table_find(&fw_backend_memory_state(f->backend)
                         ->tables[SG_IPV4][table], name);
}

static struct fw_set *
kernel_set(struct fixture *f, const char *name)
{
    return fw_ruleset_find_set(fw_backend_memory_state(f->backend), name);
}

/* ------------------------------------------------------------------------ */

TEST(nothing_is_written_before_the_first_complete_answer)
{
    struct fixture f;

    fixture_init(&f, POLICY);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), EAGAIN);
    CHECK_CONTAINS(firewall_result(f.fw)->error_text, "no complete answer");
    CHECK_EQ(change(&f, "g1", "10.0.0.3", NULL), 0);
    CHECK(!firewall_needs_apply(f.fw));
    CHECK_UEQ(fw_backend_memory_writes(f.backend), 0);

    firewall_set_complete(f.fw);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1 10.0.0.2 10.0.0.3");
    CHECK_UEQ(firewall_applied(f.fw), 1);
    fixture_uninit(&f);
}

TEST(a_member_costs_one_write)
{
    struct fixture f;
    uint64_t writes;

    fixture_start(&f, POLICY);
    writes = fw_backend_memory_writes(f.backend);
    CHECK_EQ(change(&f, "g1", "10.0.0.3", NULL), 0);
    CHECK_UEQ(fw_backend_memory_writes(f.backend), writes + 1);
    CHECK_EQ(change(&f, "g1", NULL, "10.0.0.2"), 0);
    CHECK_UEQ(fw_backend_memory_writes(f.backend), writes + 2);
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1 10.0.0.3");

    /* What has no set: another family, a prefix, a group nobody names. */
    CHECK_EQ(change(&f, "g1", "2001:db8::1", NULL), 0);
    CHECK_EQ(change(&f, "g1", "10.1.0.0/16", NULL), 0);
    CHECK_EQ(change(&f, "g2", "10.0.0.7", NULL), 0);
    CHECK_UEQ(fw_backend_memory_writes(f.backend), writes + 2);
    CHECK(!firewall_needs_apply(f.fw));
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_UEQ(fw_backend_memory_writes(f.backend), writes + 2);
    fixture_uninit(&f);
}

TEST(held_sets_gain_members_later)
{
    struct fw_stats stats;
    struct fixture f;

    fixture_start(&f, POLICY);
    hold_group(&f);
    CHECK_EQ(change(&f, "g1", "10.0.0.3", NULL), 0);
    CHECK_EQ(change(&f, "g1", "10.0.0.4", NULL), 0);
    firewall_get_stats(f.fw, &stats);
    CHECK_UEQ(stats.n_held, 1);
    CHECK_UEQ(stats.n_waiting, 2);

    /* What waits and goes again was never there. */
    CHECK_EQ(change(&f, "g1", NULL, "10.0.0.4"), 0);
    firewall_get_stats(f.fw, &stats);
    CHECK_UEQ(stats.n_waiting, 1);
    CHECK(!firewall_is_urgent(f.fw));

    /* The rules turned out the same: no slot changes, and what is known of
     * the set suffices, nothing is read. */
    fw_backend_memory_fail(f.backend, FW_FAULT_MEMBERS, 1, EIO, true);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1 10.0.0.2 10.0.0.3");
    firewall_get_stats(f.fw, &stats);
    CHECK_UEQ(stats.n_held + stats.n_waiting, 0);
    CHECK_EQ(change(&f, "g1", "10.0.0.5", "10.0.0.2"), 0);
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1 10.0.0.3 10.0.0.5");
    fixture_uninit(&f);
}

/* Who leaves a held set goes with the apply, which then is urgent. */
TEST(held_sets_lose_members_with_the_apply)
{
    struct fixture f;
    uint64_t writes;

    fixture_start(&f, POLICY);
    hold_group(&f);
    writes = fw_backend_memory_writes(f.backend);
    CHECK_EQ(change(&f, "g1", NULL, "10.0.0.1"), 0);
    CHECK_EQ(change(&f, "g1", NULL, "10.0.0.2"), 0);
    CHECK(firewall_is_urgent(f.fw));
    CHECK(firewall_needs_apply(f.fw));
    CHECK_UEQ(fw_backend_memory_writes(f.backend), writes);

    /* Who comes back was never away. */
    CHECK_EQ(change(&f, "g1", "10.0.0.1", NULL), 0);
    CHECK_EQ(change(&f, "g1", "10.0.0.2", NULL), 0);
    CHECK(!firewall_is_urgent(f.fw));
    CHECK_EQ(change(&f, "g1", NULL, "10.0.0.2"), 0);
    CHECK(firewall_is_urgent(f.fw));

    /* What is known of the set suffices. */
    fw_backend_memory_fail(f.backend, FW_FAULT_MEMBERS, 1, EIO, true);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1");
    CHECK(!firewall_is_urgent(f.fw));
    CHECK(!firewall_needs_apply(f.fw));
    fixture_uninit(&f);
}

/* Wherever the apply fails: what was to go with it is gone when it returns,
 * and until one succeeds nothing waits for the next. */
TEST(deletions_do_not_wait_for_an_apply_that_fails)
{
    static const enum fw_fault_op ops[] = {
        FW_FAULT_BEGIN, FW_FAULT_READ, FW_FAULT_LIST, FW_FAULT_CREATE,
        FW_FAULT_ADD, FW_FAULT_COMMIT,
    };

    for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
        struct fixture f;

        fixture_start(&f, POLICY);
        hold_group(&f);
        CHECK_EQ(change(&f, "g1", NULL, "10.0.0.2"), 0);
        set_policy(&f, PORT RULES "rule ingress IPv4\nmembers g1 10.0.0.1\n");
        fw_backend_memory_fail(f.backend, ops[i], 1, EAGAIN, false);
        CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), EAGAIN);
        CHECK(!firewall_is_urgent(f.fw));
        CHECK_MEMBERS(&f, SET_A, "10.0.0.1");
        CHECK_EQ(change(&f, "g1", NULL, "10.0.0.1"), 0);
        CHECK(!firewall_is_urgent(f.fw));
        CHECK_MEMBERS(&f, SET_A, "");

        CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
        CHECK_EQ(change(&f, "g1", "10.0.0.3", NULL), 0);
        hold_group(&f);
        CHECK_EQ(change(&f, "g1", NULL, "10.0.0.3"), 0);
        CHECK(firewall_is_urgent(f.fw));
        fixture_uninit(&f);
    }
}

/* If the deletion fails as well, the set is read before it is trusted. */
TEST(a_deletion_that_fails_in_the_end_makes_its_set_doubtful)
{
    struct fixture f;

    fixture_start(&f, POLICY);
    hold_group(&f);
    CHECK_EQ(change(&f, "g1", NULL, "10.0.0.2"), 0);
    fw_backend_memory_fail(f.backend, FW_FAULT_BEGIN, 1, EAGAIN, false);
    fw_backend_memory_fail(f.backend, FW_FAULT_DEL, 1, EIO, false);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), EAGAIN);
    CHECK(!firewall_is_urgent(f.fw));
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1 10.0.0.2");
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1");
    CHECK(!firewall_needs_apply(f.fw));
    fixture_uninit(&f);
}

/* A device reaches its sets through its chains; another's are not held. */
TEST(a_device_holds_what_its_chains_reach)
{
    const char *tap1 = "tap1", *tap2 = "tap2";
    struct fixture f;

    fixture_start(&f, POLICY
                  "port p2 device=tap2 bridge=qbr2 uplink=qvb2 zone=2 "
                  "mac=52:54:00:00:00:02 group=g2\n"
                  "rules g2\nrule egress IPv4 group=g2\n");
    firewall_hold(f.fw, &tap2, 1, NULL, 0);
    CHECK_EQ(change(&f, "g1", "10.0.0.3", NULL), 0);
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1 10.0.0.2 10.0.0.3");
    firewall_hold(f.fw, &tap1, 1, NULL, 0);
    CHECK_EQ(change(&f, "g1", "10.0.0.4", NULL), 0);
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1 10.0.0.2 10.0.0.3");
    fixture_uninit(&f);
}

/* A port in two groups: the rules of one change, and what it may lose or gain
 * is a member of a remote of the other. */
TEST(a_group_holds_what_its_ports_reach)
{
    struct uuid g2 = policy_text_id("g2");
    struct fixture f;

    fixture_start(&f, "port p1 device=tap1 bridge=qbr1 uplink=qvb1 zone=1 "
                  "mac=52:54:00:00:00:01 group=g1 group=g2\n"
                  "port p2 device=tap2 bridge=qbr2 uplink=qvb2 zone=2 "
                  "mac=52:54:00:00:00:02 group=g3\n"
                  "rules g1\nrule ingress IPv4 group=g1\n"
                  "rule egress IPv4 group=g4\n"
                  "rules g2\nrule ingress IPv4 proto=6\n"
                  "rules g3\nrule ingress IPv4 group=g3\n" MEMBERS);
    firewall_hold(f.fw, NULL, 0, &g2, 1);
    CHECK_EQ(change(&f, "g1", "10.0.0.3", "10.0.0.2"), 0);
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1 10.0.0.2");
    CHECK(firewall_is_urgent(f.fw));
    CHECK_EQ(change(&f, "g3", "10.0.0.3", NULL), 0);
    CHECK_MEMBERS(&f, "sg1-m4a-67000003-25c7bae31b26", "10.0.0.3");
    fixture_uninit(&f);
}

/* ------------------------------------------------------------------------ */

struct blink {
    struct fixture *f;
    struct eval_packet p;
    size_t n_lost, n_looks;
};

static const struct sg_members *
kernel_members(const void *backend, const char *set)
{
    return fw_backend_memory_members(backend, set);
}

static void
look(void *blink_)
{
    struct blink *blink = blink_;
    struct eval_filter filter = {
        .rs = fw_backend_memory_state(blink->f->backend),
        .members = kernel_members,
        .aux = blink->f->backend,
    };

    blink->n_looks++;
    blink->n_lost += !eval_accepts(&filter, &blink->p);
}

/* A TCP packet that begins a flow to PORT. */
static struct eval_packet
packet_to_port(const struct sg_prefix *src)
{
    return (struct eval_packet) {
        .family = SG_IPV4, .proto = 6, .flow_zone = EVAL_NO_FLOW,
        .src = *src, .dst = policy_text_prefix("10.0.0.1"),
        .bridge = "qbr1", .physdev_in = "qvb1", .physdev_out = "tap1",
    };
}

/* An address moves from one remote group to the other in one turn. */
TEST(an_address_that_moves_is_never_nowhere)
{
    struct sg_prefix moving = policy_text_prefix("10.0.0.9");
    struct fw_member_change changes[] = {
        { .group = policy_text_id("g1"), .removed = &moving, .n_removed = 1 },
        { .group = policy_text_id("g2"), .added = &moving, .n_added = 1 },
    };
    struct blink blink;
    struct fixture f;

    for (int lane = 0; lane < 2; lane++) {
        fixture_start(&f, PORT "rules g1\nrule ingress IPv4 group=g1\n"
                      "rule ingress IPv4 group=g2\nmembers g1 10.0.0.9\n"
                      "members g2\n");
        memset(&blink, 0, sizeof blink);
        blink.f = &f;
        blink.p = packet_to_port(&moving);
        set_policy(&f, PORT "rules g1\nrule ingress IPv4 group=g1\n"
                   "rule ingress IPv4 group=g2\nmembers g1\n"
                   "members g2 10.0.0.9\n");
        fw_backend_memory_observe(f.backend, look, &blink);
        if (!lane) {
            CHECK_EQ(firewall_members(f.fw, &f.pt->policy, changes, 2), 0);
        } else {
            /* Sizes that do not fit make the apply read the sets. */
            CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
        }
        CHECK_UEQ(blink.n_looks, 2);
        CHECK_UEQ(blink.n_lost, 0);
        CHECK_MEMBERS(&f, SET_A, "");
        fixture_uninit(&f);
    }
}

/* The set it moves to is held for the sake of another port. */
TEST(an_address_that_moves_into_a_held_set_is_never_nowhere)
{
    const char *two = PORT "port p2 device=tap2 bridge=qbr2 uplink=qvb2 "
                      "zone=2 mac=52:54:00:00:00:02 ip=10.0.0.2 group=g2\n"
                      "rules g1\nrule ingress IPv4 group=g1\n"
                      "rule ingress IPv4 group=g2\n"
                      "rules g2\nrule ingress IPv4 group=g2\n";
    struct sg_prefix moving = policy_text_prefix("10.0.0.9");
    struct fw_member_change changes[] = {
        { .group = policy_text_id("g1"), .removed = &moving, .n_removed = 1 },
        { .group = policy_text_id("g2"), .added = &moving, .n_added = 1 },
    };
    struct uuid g2 = policy_text_id("g2");
    struct ds text = DS_EMPTY_INITIALIZER;
    struct blink blink;
    struct fixture f;

    ds_put_format(&text, "%smembers g1 10.0.0.9\nmembers g2\n", two);
    fixture_start(&f, ds_cstr(&text));
    memset(&blink, 0, sizeof blink);
    blink.f = &f;
    blink.p = packet_to_port(&moving);
    fw_backend_memory_observe(f.backend, look, &blink);
    ds_clear(&text);
    ds_put_format(&text, "%srule ingress IPv4 proto=6\n"
                  "members g1\nmembers g2 10.0.0.9\n", two);
    set_policy(&f, ds_cstr(&text));
    firewall_hold(f.fw, NULL, 0, &g2, 1);
    CHECK_EQ(firewall_members(f.fw, &f.pt->policy, changes, 2), 0);
    CHECK(firewall_is_urgent(f.fw));
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK(blink.n_looks > 1);
    CHECK_UEQ(blink.n_lost, 0);
    CHECK_MEMBERS(&f, SET_A, "");
    CHECK_MEMBERS(&f, "sg1-m4b-67000002-8e1d0e693a14", "10.0.0.9");
    ds_destroy(&text);
    fixture_uninit(&f);
}

/* The packet passes the old policy because of a prefix and the new one
 * because its sender is a member: it must pass at every moment. */
TEST(content_and_users_change_together_in_the_other_slot)
{
    struct sg_prefix sender = policy_text_prefix("10.0.0.9");
    struct blink blink;
    struct fixture f;

    fixture_start(&f, PORT "rules g1\nrule ingress IPv4 prefix=10.0.0.9\n"
                  "rule ingress IPv4 proto=6 group=g1\n" MEMBERS);
    memset(&blink, 0, sizeof blink);
    blink.f = &f;
    blink.p = packet_to_port(&sender);
    look(&blink);
    REQUIRE(blink.n_lost == 0);
    fw_backend_memory_observe(f.backend, look, &blink);

    hold_group(&f);
    CHECK_EQ(change(&f, "g1", "10.0.0.9", NULL), 0);
    set_policy(&f, PORT RULES "members g1 10.0.0.1 10.0.0.2 10.0.0.9\n");
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_UEQ(blink.n_lost, 0);
    CHECK(blink.n_looks > 1);
    CHECK_MEMBERS(&f, SET_A, "none");
    CHECK_MEMBERS(&f, SET_B, "10.0.0.1 10.0.0.2 10.0.0.9");

    /* The member lane follows, and so does a new agent. */
    CHECK_EQ(change(&f, "g1", "10.0.0.3", NULL), 0);
    CHECK_MEMBERS(&f, SET_B, "10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.9");
    fw_backend_memory_observe(f.backend, NULL, NULL);
    struct uuid g1 = policy_text_id("g1");
    struct fw_ruleset *rs;
    REQUIRE(!firewall_snapshot(f.fw, &f.pt->policy, &rs));
    CHECK(uuid_equals(&fw_ruleset_find_set(rs, SET_B)->group, &g1));
    fw_ruleset_destroy(rs);
    uint64_t writes = fw_backend_memory_writes(f.backend);
    restart(&f);
    firewall_set_complete(f.fw);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_UEQ(fw_backend_memory_writes(f.backend), writes);
    fixture_uninit(&f);
}

/* And the other way round: allowed as a member, then by a rule. */
TEST(who_leaves_a_set_is_let_in_by_the_new_rule_at_once)
{
    struct sg_prefix sender = policy_text_prefix("10.0.0.2");
    struct blink blink;
    struct fixture f;

    fixture_start(&f, POLICY);
    memset(&blink, 0, sizeof blink);
    blink.f = &f;
    blink.p = packet_to_port(&sender);
    fw_backend_memory_observe(f.backend, look, &blink);
    hold_group(&f);
    CHECK_EQ(change(&f, "g1", NULL, "10.0.0.2"), 0);
    set_policy(&f, PORT RULES "rule ingress IPv4\nmembers g1 10.0.0.1\n");
    CHECK(firewall_is_urgent(f.fw));
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK(blink.n_looks > 1);
    CHECK_UEQ(blink.n_lost, 0);
    CHECK_MEMBERS(&f, SET_A, "none");
    CHECK_MEMBERS(&f, SET_B, "10.0.0.1");
    CHECK(!firewall_is_urgent(f.fw));
    fixture_uninit(&f);
}

TEST(a_name_taken_by_another_type_is_left_alone)
{
    struct fw_set set = { .name = SET_A, .maxelem = 10, .hashsize = 64 };
    struct fixture f;

    fixture_init(&f, POLICY);
    fw_ruleset_add_set(fw_backend_memory_state(f.backend), &set)
        ->foreign_type = true;
    firewall_set_complete(f.fw);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_MEMBERS(&f, SET_B, "10.0.0.1 10.0.0.2");
    CHECK(kernel_set(&f, SET_A));
    fixture_uninit(&f);

    fixture_init(&f, POLICY);
    fw_ruleset_add_set(fw_backend_memory_state(f.backend), &set)
        ->foreign_type = true;
    ovs_strzcpy(set.name, SET_B, sizeof set.name);
    fw_ruleset_add_set(fw_backend_memory_state(f.backend), &set)
        ->foreign_type = true;
    firewall_set_complete(f.fw);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), EEXIST);
    CHECK_CONTAINS(firewall_result(f.fw)->error_text, SET_A);
    fixture_uninit(&f);
}

/* ------------------------------------------------------------------------ */

TEST(a_failed_batch_makes_its_set_doubtful)
{
    struct fixture f;

    fixture_start(&f, POLICY);
    fw_backend_memory_fail(f.backend, FW_FAULT_ADD, 1, EIO, false);
    CHECK_EQ(change(&f, "g1", "10.0.0.3", NULL), EIO);
    CHECK(firewall_needs_apply(f.fw));

    /* Until the set was read back: deletions only. */
    CHECK_EQ(change(&f, "g1", "10.0.0.4", NULL), 0);
    CHECK_EQ(change(&f, "g1", NULL, "10.0.0.1"), 0);
    CHECK_MEMBERS(&f, SET_A, "10.0.0.2");
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK(!firewall_needs_apply(f.fw));
    CHECK_MEMBERS(&f, SET_A, "10.0.0.2 10.0.0.3 10.0.0.4");
    fixture_uninit(&f);
}

/* Somebody deletes a member behind our back: the header shows it. */
TEST(a_set_of_the_wrong_size_is_read_back)
{
    struct sg_prefix p = policy_text_prefix("10.0.0.2");
    struct fixture f;

    fixture_start(&f, POLICY);
    CHECK_EQ(f.backend->class->set_del(f.backend, SET_A, SG_IPV4, &p, 1,
                                       NULL), 0);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1 10.0.0.2");
    fixture_uninit(&f);
}

/* One member for another: only a verify finds it. */
TEST(verify_reads_everything_and_the_next_apply_repairs)
{
    struct sg_prefix gone = policy_text_prefix("10.0.0.2");
    struct sg_prefix extra = policy_text_prefix("10.0.0.8");
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct fixture f;
    size_t n;

    fixture_start(&f, POLICY);
    CHECK_EQ(f.backend->class->set_del(f.backend, SET_A, SG_IPV4, &gone, 1,
                                       NULL), 0);
    CHECK_EQ(f.backend->class->set_add(f.backend, SET_A, SG_IPV4, &extra, 1,
                                       NULL), 0);
    fw_chain_clear(kernel_chain(&f, FW_FILTER, "FORWARD"));

    CHECK_EQ(firewall_verify(f.fw, &f.pt->policy, &ds, &n), 0);
    CHECK_CONTAINS(ds_cstr(&ds), "delete members " SET_A " (1): 10.0.0.8");
    CHECK_CONTAINS(ds_cstr(&ds), "add members " SET_A " (1): 10.0.0.2");
    CHECK_CONTAINS(ds_cstr(&ds), "insert FORWARD 1 -i qbr+ -o qbr+");
    CHECK_UEQ(n, 3);
    CHECK(firewall_needs_apply(f.fw));
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1 10.0.0.2");
    CHECK_UEQ(kernel_chain(&f, FW_FILTER, "FORWARD")->n_rules, 1);
    ds_clear(&ds);
    CHECK_EQ(firewall_verify(f.fw, &f.pt->policy, &ds, &n), 0);
    CHECK_UEQ(n, 0);
    CHECK(!firewall_needs_apply(f.fw));
    ds_destroy(&ds);
    fixture_uninit(&f);
}

/* ------------------------------------------------------------------------ */

/* Fills group g1 of the policy with n addresses and returns them. */
static struct sg_prefix_list
grow(struct fixture *f, size_t n)
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
tell(struct fixture *f, const struct sg_prefix_list *list)
{
    struct fw_member_change c = {
        .group = policy_text_id("g1"), .added = list->p, .n_added = list->n,
    };

    return firewall_members(f->fw, &f->pt->policy, &c, 1);
}

TEST(many_members_come_by_swap)
{
    struct sg_prefix_list list;
    struct fixture f;

    fixture_start(&f, POLICY);
    /* A batch that fails half-way would be seen here. */
    list = grow(&f, 5000);
    fw_backend_memory_fail(f.backend, FW_FAULT_ADD, 1, ENOMEM, false);
    CHECK_EQ(tell(&f, &list), ENOMEM);
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1 10.0.0.2");
    CHECK(firewall_needs_apply(f.fw));
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_UEQ(kernel_set(&f, SET_A)->elements, 5002);
    CHECK_UEQ(hmap_count(&fw_backend_memory_state(f.backend)->sets), 1);
    CHECK(kernel_set(&f, SET_A)->references);
    CHECK(!firewall_needs_apply(f.fw));
    sg_prefix_list_uninit(&list);
    fixture_uninit(&f);
}

/* While somebody lists the set it cannot be swapped: later. */
TEST(a_swap_waits_for_who_lists_the_set)
{
    struct sg_prefix_list list;
    struct fixture f;

    fixture_start(&f, POLICY);
    list = grow(&f, 5000);
    fw_backend_memory_hold_dump(f.backend, SET_A, true);
    CHECK_EQ(tell(&f, &list), EBUSY);
    CHECK(firewall_needs_apply(f.fw));
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), EBUSY);
    CHECK_CONTAINS(firewall_result(f.fw)->error_text, SET_A);
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1 10.0.0.2");
    fw_backend_memory_hold_dump(f.backend, SET_A, false);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_UEQ(kernel_set(&f, SET_A)->elements, 5002);
    CHECK_UEQ(hmap_count(&fw_backend_memory_state(f.backend)->sets), 1);
    sg_prefix_list_uninit(&list);
    fixture_uninit(&f);
}

/* One set that cannot be filled must not keep others from being filled. */
TEST(a_full_set_harms_nobody_else)
{
    struct fixture f;

    fixture_start(&f, PORT "rules g1\nrule ingress IPv4 group=g1\n"
                  "rule ingress IPv4 group=g2\nmembers g1 10.0.0.1\n"
                  "members g2 10.0.0.1\n");
    kernel_set(&f, SET_A)->maxelem = 1;
    hold_group(&f);
    CHECK_EQ(change(&f, "g1", "10.0.0.2", NULL), 0);
    CHECK_EQ(change(&f, "g2", "10.0.0.2", NULL), 0);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), ENOSPC);
    CHECK_CONTAINS(firewall_result(f.fw)->error_text, "extend, " SET_A);
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1");
    CHECK_MEMBERS(&f, "sg1-m4a-67000002-8e1d0e693a14", "10.0.0.1 10.0.0.2");
    CHECK_EQ(change(&f, "g2", "10.0.0.3", NULL), 0);
    CHECK_MEMBERS(&f, "sg1-m4a-67000002-8e1d0e693a14",
                  "10.0.0.1 10.0.0.2 10.0.0.3");
    fixture_uninit(&f);
}

TEST(an_old_set_that_is_listed_goes_later)
{
    struct fixture f;

    fixture_start(&f, POLICY);
    fw_backend_memory_hold_dump(f.backend, SET_A, true);
    set_policy(&f, PORT "rules g1\n" MEMBERS);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK(firewall_needs_apply(f.fw));
    CHECK(kernel_set(&f, SET_A));
    fw_backend_memory_hold_dump(f.backend, SET_A, false);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK(!firewall_needs_apply(f.fw));
    CHECK(!kernel_set(&f, SET_A));
    fixture_uninit(&f);
}

/* A commit fails that has nothing to do with the set: its deletions, which
 * come behind the commit, do not wait for the next try. */
TEST(deletions_are_made_even_if_the_commit_fails)
{
    struct fixture f;

    fixture_start(&f, POLICY);
    restart(&f);
    firewall_set_complete(f.fw);
    set_policy(&f, POLICY "port p2 device=tap2 bridge=qbr2 uplink=qvb2 "
               "zone=2 mac=52:54:00:00:00:02\nmembers g1 10.0.0.2\n");
    struct sg_prefix gone = policy_text_prefix("10.0.0.1");
    sg_members_remove(&policy_text_group(f.pt, "g1")->members, &gone);
    fw_backend_memory_fail(f.backend, FW_FAULT_COMMIT, 1, EAGAIN, false);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), EAGAIN);
    CHECK_CONTAINS(firewall_result(f.fw)->error_text, "commit, ");
    CHECK_MEMBERS(&f, SET_A, "10.0.0.2");
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_MEMBERS(&f, SET_A, "10.0.0.2");
    fixture_uninit(&f);
}

/* ------------------------------------------------------------------------ */

TEST(a_busy_lock_is_not_waited_for)
{
    struct fw_stats stats;
    struct fixture f;

    fixture_start(&f, POLICY);
    fw_backend_memory_fail(f.backend, FW_FAULT_BEGIN, 1, EAGAIN, false);
    set_policy(&f, PORT "rules g1\n" MEMBERS);
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
    fixture_uninit(&f);
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
        struct fixture f;

        fixture_init(&f, POLICY);
        firewall_set_complete(f.fw);
        fw_backend_memory_fail(f.backend, rows[i].op, 1, EPERM, false);
        CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), EPERM);
        CHECK_CONTAINS(firewall_result(f.fw)->error_text, rows[i].text);
        CHECK(firewall_needs_apply(f.fw));
        CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
        CHECK(!firewall_result(f.fw)->error_text);
        fixture_uninit(&f);
    }
}

/* Another writer, who does one thing at the first change he sees. */
struct intruder {
    struct fixture *f;
    void (*act)(struct fixture *);
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
take_one_out(struct fixture *f)
{
    const char *tmp = "sg1-tmp-00000007-1";
    const struct sg_member *m;

    SG_MEMBERS_FOR_EACH (m, fw_backend_memory_members(f->backend, tmp)) {
        struct sg_prefix p = m->prefix;
        CHECK_EQ(f->backend->class->set_del(f->backend, tmp, SG_IPV4, &p, 1,
                                            NULL), 0);
        return;
    }
}

static void
insert_foreign(struct fixture *f)
{
    struct fw_rule foreign = { .match = FW_M_FOREIGN };

    fw_chain_append(kernel_chain(f, FW_SECURITY, "FORWARD"), &foreign);
}

static void
change_zone(struct fixture *f)
{
    struct fw_chain *chain = kernel_chain(f, FW_RAW, FW_CHAIN_ZONES);

    chain->rules[0].zone = 99;
}

TEST(a_temporary_set_is_counted_before_it_is_used)
{
    struct sg_prefix_list list;
    struct intruder intruder;
    struct fixture f;

    fixture_start(&f, POLICY);
    list = grow(&f, 5000);
    intruder = (struct intruder) { &f, take_one_out, false };
    fw_backend_memory_observe(f.backend, intrude, &intruder);
    CHECK_EQ(tell(&f, &list), EAGAIN);
    CHECK(intruder.done);
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1 10.0.0.2");
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_UEQ(kernel_set(&f, SET_A)->elements, 5002);
    sg_prefix_list_uninit(&list);
    fixture_uninit(&f);
}

/* The table gets another rule while the plan is under way: the kernel refuses
 * the commit.  It gets another rule in place of ours: only reading it back
 * shows that. */
TEST(other_writers_are_noticed)
{
    static const struct {
        void (*act)(struct fixture *);
        const char *text;
    } rows[] = {
        { insert_foreign, "commit, IPv4 security" },
        { change_zone, "read back, IPv4 raw" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct intruder intruder;
        struct fixture f;

        /* Without members the first visible change is the first commit. */
        fixture_init(&f, i ? PORT : POLICY);
        intruder = (struct intruder) { &f, rows[i].act, false };
        fw_backend_memory_observe(f.backend, intrude, &intruder);
        firewall_set_complete(f.fw);
        CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), EAGAIN);
        CHECK_CONTAINS(firewall_result(f.fw)->error_text, rows[i].text);
        CHECK(firewall_needs_apply(f.fw));
        CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
        CHECK_UEQ(kernel_chain(&f, FW_RAW, FW_CHAIN_ZONES)->rules[0].zone, 1);
        fixture_uninit(&f);
    }
}

/* Once rules name slot b, somebody changes a rule beside them. */
static void
intrude_behind_commit(void *f_)
{
    struct fixture *f = f_;
    const struct fw_set *set = kernel_set(f, SET_B);

    if (set && set->references) {
        kernel_chain(f, FW_SECURITY, FW_CHAIN_OUT)->rules[0].verdict
            = FW_RETURN;
    }
}

/* The commit was made, and something else in the table is not as it should
 * be: the member lane writes to the sets that the rules name now. */
TEST(after_a_failed_read_back_the_sets_are_those_in_force)
{
    struct fixture f;

    fixture_start(&f, POLICY);
    hold_group(&f);
    CHECK_EQ(change(&f, "g1", "10.0.0.3", NULL), 0);
    set_policy(&f, PORT RULES "rule ingress IPv4\n"
               "members g1 10.0.0.1 10.0.0.2 10.0.0.3\n");
    fw_backend_memory_observe(f.backend, intrude_behind_commit, &f);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), EAGAIN);
    fw_backend_memory_observe(f.backend, NULL, NULL);
    CHECK_CONTAINS(firewall_result(f.fw)->error_text, "read back");
    CHECK_MEMBERS(&f, SET_B, "10.0.0.1 10.0.0.2 10.0.0.3");

    /* Deletions are not waited with; additions still are. */
    CHECK_EQ(change(&f, "g1", "10.0.0.4", "10.0.0.2"), 0);
    CHECK_MEMBERS(&f, SET_B, "10.0.0.1 10.0.0.3");
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1 10.0.0.3 10.0.0.4");
    CHECK_MEMBERS(&f, SET_B, "none");
    fixture_uninit(&f);
}

/* Foreign rules and sets are where and what they were. */
TEST(what_is_foreign_is_not_touched)
{
    struct fw_rule foreign = { .match = FW_M_FOREIGN };
    struct fw_set set = { .name = "NIPv4x", .maxelem = 9, .hashsize = 64 };
    struct fw_chain *forward;
    struct fixture f;

    fixture_init(&f, POLICY);
    fw_ruleset_add_set(fw_backend_memory_state(f.backend), &set);
    fw_chain_append(kernel_chain(&f, FW_SECURITY, "FORWARD"), &foreign);
    firewall_set_complete(f.fw);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    forward = kernel_chain(&f, FW_SECURITY, "FORWARD");
    CHECK_UEQ(forward->n_rules, 3);
    CHECK(forward->rules[2].match & FW_M_FOREIGN);

    /* Somebody inserts at the top: ours move up again, theirs stays. */
    fw_chain_insert(forward, 0, &foreign);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    forward = kernel_chain(&f, FW_SECURITY, "FORWARD");
    CHECK_UEQ(forward->n_rules, 4);
    CHECK(forward->rules[2].match & FW_M_FOREIGN);
    CHECK(forward->rules[3].match & FW_M_FOREIGN);
    CHECK(kernel_set(&f, "NIPv4x"));
    fixture_uninit(&f);
}

/* What only begins like ours stays, and is named, up to a limit. */
TEST(names_that_we_do_not_make_are_shown)
{
    struct fw_set set = { .maxelem = 9, .hashsize = 64 };
    const struct fw_problems *problems;
    struct fixture f;

    fixture_init(&f, POLICY);
    fw_table_chain(&fw_backend_memory_state(f.backend)
                   ->tables[SG_IPV6][FW_SECURITY], "sg1-his\n");
    ovs_strzcpy(set.name, "sg1-hers", sizeof set.name);
    fw_ruleset_add_set(fw_backend_memory_state(f.backend), &set);
    firewall_set_complete(f.fw);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK(kernel_set(&f, "sg1-hers"));
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
    fixture_uninit(&f);
}

TEST(rules_that_stay_keep_their_counters)
{
    const struct fw_chain *chain;
    struct fixture f;

    fixture_start(&f, PORT "rules g1\nrule ingress IPv4 proto=6\n"
                  "rule ingress IPv4 proto=17\n");
    kernel_chain(&f, FW_SECURITY, IN_CHAIN)->rules[1].packets = 42;
    set_policy(&f, PORT "rules g1\nrule ingress IPv4 proto=6\n"
               "rule ingress IPv4 proto=1\nrule ingress IPv4 proto=17\n");
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_UEQ(firewall_result(f.fw)->n_edits, 1);
    CHECK_UEQ(firewall_result(f.fw)->n_commits, 1);
    chain = kernel_chain(&f, FW_SECURITY, IN_CHAIN);
    REQUIRE(chain->n_rules == 3);
    CHECK_UEQ(chain->rules[1].packets, 0);
    CHECK_UEQ(chain->rules[2].packets, 42);
    fixture_uninit(&f);
}

TEST(snapshot_knows_where_rules_come_from)
{
    struct uuid r2 = policy_text_id("r2"), g1 = policy_text_id("g1");
    const struct fw_chain *chain;
    struct fw_ruleset *rs;
    struct fixture f;

    fixture_start(&f, PORT "rules g1\nrule ingress IPv4 proto=6\n"
                  "rule ingress IPv4 group=g1\n");
    CHECK_EQ(firewall_snapshot(f.fw, &f.pt->policy, &rs), 0);
    chain = fw_table_find(&rs->tables[SG_IPV4][FW_SECURITY], IN_CHAIN);
    REQUIRE(chain && chain->n_rules == 2);
    CHECK(uuid_equals(&chain->rules[1].origin, &r2));
    CHECK(uuid_equals(&fw_ruleset_find_set(rs, SET_A)->group, &g1));
    fw_ruleset_destroy(rs);
    fixture_uninit(&f);
}

TEST(a_dry_run_writes_nothing)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct policy_text other;
    struct fw_plan *plan;
    struct fixture f;
    uint64_t writes;

    fixture_start(&f, POLICY);
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
    fixture_uninit(&f);
}

struct zones {
    size_t n;
    uint16_t of_qbr1;
};

static void
note_zone(const char *bridge, uint16_t zone, void *zones_)
{
    struct zones *zones = zones_;

    zones->n++;
    if (!strcmp(bridge, "qbr1")) {
        zones->of_qbr1 = zone;
    }
}

TEST(zones_are_recovered)
{
    struct zones zones = { 0, 0 };
    struct fixture f;

    fixture_start(&f, "port p1 device=tap1 bridge=qbr1 uplink=qvb1 "
                  "zone=4711 mac=52:54:00:00:00:01\n"
                  "port p2 device=tap2 bridge=qbr2 uplink=qvb2 "
                  "zone=4712 mac=52:54:00:00:00:02\n");
    restart(&f);
    fw_backend_memory_fail(f.backend, FW_FAULT_BEGIN, 1, EAGAIN, false);
    CHECK_EQ(firewall_recover(f.fw, note_zone, &zones), EAGAIN);
    CHECK_EQ(firewall_recover(f.fw, note_zone, &zones), 0);
    CHECK_UEQ(zones.n, 2);
    CHECK_UEQ(zones.of_qbr1, 4711);
    fixture_uninit(&f);
}

TEST(both_families_have_their_sets)
{
    struct fixture f;

    fixture_start(&f, PORT "rules g1\nrule ingress IPv4 group=g1\n"
                  "rule ingress IPv6 group=g1\n"
                  "members g1 10.0.0.1 2001:db8::1 2001:db8::/64\n");
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1");
    CHECK_MEMBERS(&f, SET6_A, "2001:db8::1");
    CHECK_EQ(change(&f, "g1", "2001:db8::2", "10.0.0.1"), 0);
    CHECK_MEMBERS(&f, SET_A, "");
    CHECK_MEMBERS(&f, SET6_A, "2001:db8::1 2001:db8::2");
    fixture_uninit(&f);
}
