/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The facade: both lanes, held sets, slots. */

#include <config.h>
#include "firewall/firewall.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/eval.h"
#include "tests/lib/firewall-fixture.h"
#include "tests/lib/test.h"
#include "util.h"
#include "uuid.h"

TEST(nothing_is_written_before_the_first_complete_answer)
{
    struct fwf f;

    fwf_init(&f, POLICY);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), EAGAIN);
    CHECK_CONTAINS(firewall_result(f.fw)->error_text, "no complete answer");
    CHECK_EQ(fwf_change(&f, "g1", "10.0.0.3", NULL), 0);
    CHECK(!firewall_needs_apply(f.fw));
    CHECK_UEQ(fw_backend_memory_writes(f.backend), 0);

    firewall_set_complete(f.fw);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1 10.0.0.2 10.0.0.3");
    CHECK_UEQ(firewall_applied(f.fw), 1);
    fwf_uninit(&f);
}

/* In scope ZONES the raw tables of both families change, and nothing else is
 * there: no set, no rule, no generation in force.  Then the rest comes. */
TEST(zones_come_before_the_rules)
{
    struct fwf f;

    fwf_init(&f, POLICY);
    firewall_set_complete(f.fw);
    firewall_set_scope(f.fw, FW_SCOPE_ZONES);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
        CHECK_UEQ(firewall_result(f.fw)->n_commits, i ? 0 : 2);
        CHECK_UEQ(firewall_applied(f.fw), 0);
        CHECK(!firewall_needs_apply(f.fw));
    }
    for (size_t family = 0; family < SG_N_FAMILIES; family++) {
        const struct fw_table *tables
            = fw_backend_memory_state(f.backend)->tables[family];

        CHECK(fw_table_find(&tables[FW_RAW], "sg1-z-qbr1")
              || fw_table_find(&tables[FW_RAW], "sg1-z")->n_rules);
        CHECK_UEQ(hmap_count(&tables[FW_SECURITY].chains), 3);
        CHECK_UEQ(fw_table_find(&tables[FW_SECURITY], "FORWARD")->n_rules,
                  0);
        CHECK_UEQ(fw_table_find(&tables[FW_FILTER], "FORWARD")->n_rules, 0);
    }
    CHECK_MEMBERS(&f, SET_A, "none");

    /* The member lane has no set to write to. */
    CHECK_EQ(fwf_change(&f, "g1", "10.0.0.3", "10.0.0.2"), 0);
    fwf_hold_group(&f);
    firewall_note_applied(f.fw, &f.pt->policy);
    CHECK_UEQ(firewall_applied(f.fw), 0);
    CHECK_MEMBERS(&f, SET_A, "none");

    firewall_set_scope(f.fw, FW_SCOPE_ALL);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_UEQ(firewall_result(f.fw)->n_commits, 4);
    CHECK_UEQ(firewall_applied(f.fw), f.pt->policy.generation);
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1 10.0.0.3");
    CHECK_EQ(fwf_change(&f, "g1", "10.0.0.4", NULL), 0);
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1 10.0.0.3 10.0.0.4");
    fwf_uninit(&f);
}

/* An agent ended between zones and rules, and meanwhile a port went and
 * another came: scope ZONES gives and does not take away. */
TEST(zones_alone_take_nothing_away)
{
    static const char other[] =
        "port p2 device=tap2 bridge=qbr2 uplink=qvb2 zone=2 "
        "mac=52:54:00:00:00:02 ip=10.0.0.2 group=g1\n" RULES MEMBERS;
    struct fwf f;
    struct ds ds = DS_EMPTY_INITIALIZER;

    fwf_init(&f, POLICY);
    firewall_set_complete(f.fw);
    firewall_set_scope(f.fw, FW_SCOPE_ZONES);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    fwf_set_policy(&f, other);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    fw_table_format(&fw_backend_memory_state(f.backend)->tables[SG_IPV4]
                    [FW_RAW], SG_IPV4, FW_RAW, &ds);
    CHECK_CONTAINS(ds_cstr(&ds), "-i qbr1 -j CT --zone 1");
    CHECK_CONTAINS(ds_cstr(&ds), "-i qbr2 -j CT --zone 2");

    firewall_set_scope(f.fw, FW_SCOPE_ALL);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    ds_clear(&ds);
    fw_table_format(&fw_backend_memory_state(f.backend)->tables[SG_IPV4]
                    [FW_RAW], SG_IPV4, FW_RAW, &ds);
    CHECK(!strstr(ds_cstr(&ds), "qbr1 "));
    ds_destroy(&ds);
    fwf_uninit(&f);
}

TEST(a_member_costs_one_write)
{
    struct fwf f;
    uint64_t writes;

    fwf_start(&f, POLICY);
    writes = fw_backend_memory_writes(f.backend);
    CHECK_EQ(fwf_change(&f, "g1", "10.0.0.3", NULL), 0);
    CHECK_UEQ(fw_backend_memory_writes(f.backend), writes + 1);
    CHECK_EQ(fwf_change(&f, "g1", NULL, "10.0.0.2"), 0);
    CHECK_UEQ(fw_backend_memory_writes(f.backend), writes + 2);
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1 10.0.0.3");

    /* What has no set: another family, a group nobody names. */
    CHECK_EQ(fwf_change(&f, "g1", "2001:db8::1", NULL), 0);
    CHECK_EQ(fwf_change(&f, "g1", "2001:db8::/64", NULL), 0);
    CHECK_EQ(fwf_change(&f, "g2", "10.1.0.0/16", NULL), 0);
    CHECK_EQ(fwf_change(&f, "g2", "10.0.0.7", NULL), 0);
    CHECK_UEQ(fw_backend_memory_writes(f.backend), writes + 2);
    CHECK(!firewall_needs_apply(f.fw));
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_UEQ(fw_backend_memory_writes(f.backend), writes + 2);
    fwf_uninit(&f);
}

TEST(held_sets_gain_members_later)
{
    struct fw_stats stats;
    struct fwf f;

    fwf_start(&f, POLICY);
    fwf_hold_group(&f);
    CHECK_EQ(fwf_change(&f, "g1", "10.0.0.3", NULL), 0);
    CHECK_EQ(fwf_change(&f, "g1", "10.0.0.4", NULL), 0);
    firewall_get_stats(f.fw, &stats);
    CHECK_UEQ(stats.n_held, 1);
    CHECK_UEQ(stats.n_waiting, 2);

    /* What waits and goes again was never there. */
    CHECK_EQ(fwf_change(&f, "g1", NULL, "10.0.0.4"), 0);
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
    CHECK_EQ(fwf_change(&f, "g1", "10.0.0.5", "10.0.0.2"), 0);
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1 10.0.0.3 10.0.0.5");
    fwf_uninit(&f);
}

/* Who leaves a held set goes with the apply, which then is urgent. */
TEST(held_sets_lose_members_with_the_apply)
{
    struct fwf f;
    uint64_t writes;

    fwf_start(&f, POLICY);
    fwf_hold_group(&f);
    writes = fw_backend_memory_writes(f.backend);
    CHECK_EQ(fwf_change(&f, "g1", NULL, "10.0.0.1"), 0);
    CHECK_EQ(fwf_change(&f, "g1", NULL, "10.0.0.2"), 0);
    CHECK(firewall_is_urgent(f.fw));
    CHECK(firewall_needs_apply(f.fw));
    CHECK_UEQ(fw_backend_memory_writes(f.backend), writes);

    /* Who comes back was never away. */
    CHECK_EQ(fwf_change(&f, "g1", "10.0.0.1", NULL), 0);
    CHECK_EQ(fwf_change(&f, "g1", "10.0.0.2", NULL), 0);
    CHECK(!firewall_is_urgent(f.fw));
    CHECK_EQ(fwf_change(&f, "g1", NULL, "10.0.0.2"), 0);
    CHECK(firewall_is_urgent(f.fw));

    /* What is known of the set suffices. */
    fw_backend_memory_fail(f.backend, FW_FAULT_MEMBERS, 1, EIO, true);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1");
    CHECK(!firewall_is_urgent(f.fw));
    CHECK(!firewall_needs_apply(f.fw));
    fwf_uninit(&f);
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
        struct fwf f;

        fwf_start(&f, POLICY);
        fwf_hold_group(&f);
        CHECK_EQ(fwf_change(&f, "g1", NULL, "10.0.0.2"), 0);
        CHECK(!firewall_has_deleted(f.fw));
        fwf_set_policy(&f, PORT RULES
                       "rule ingress IPv4\nmembers g1 10.0.0.1\n");
        fw_backend_memory_fail(f.backend, ops[i], 1, EAGAIN, false);
        CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), EAGAIN);
        CHECK(!firewall_is_urgent(f.fw));
        CHECK_MEMBERS(&f, SET_A, "10.0.0.1");
        CHECK(firewall_has_deleted(f.fw));
        CHECK_EQ(fwf_change(&f, "g1", NULL, "10.0.0.1"), 0);
        CHECK(!firewall_is_urgent(f.fw));
        CHECK(firewall_has_deleted(f.fw));
        CHECK_MEMBERS(&f, SET_A, "");

        CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
        CHECK_EQ(fwf_change(&f, "g1", "10.0.0.3", NULL), 0);
        fwf_hold_group(&f);
        CHECK_EQ(fwf_change(&f, "g1", NULL, "10.0.0.3"), 0);
        CHECK(firewall_is_urgent(f.fw));
        fwf_uninit(&f);
    }
}

/* If the deletion fails as well, the set is read before it is trusted. */
TEST(a_deletion_that_fails_in_the_end_makes_its_set_doubtful)
{
    struct fwf f;

    fwf_start(&f, POLICY);
    fwf_hold_group(&f);
    CHECK_EQ(fwf_change(&f, "g1", NULL, "10.0.0.2"), 0);
    fw_backend_memory_fail(f.backend, FW_FAULT_BEGIN, 1, EAGAIN, false);
    fw_backend_memory_fail(f.backend, FW_FAULT_DEL, 1, EIO, false);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), EAGAIN);
    CHECK(!firewall_is_urgent(f.fw));
    CHECK(!firewall_has_deleted(f.fw));
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1 10.0.0.2");
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK(firewall_has_deleted(f.fw));
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1");

    /* So does the member lane. */
    fw_backend_memory_fail(f.backend, FW_FAULT_DEL, 1, EIO, false);
    CHECK_EQ(fwf_change(&f, "g1", NULL, "10.0.0.1"), EIO);
    CHECK(!firewall_has_deleted(f.fw));
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK(firewall_has_deleted(f.fw));
    CHECK(!firewall_needs_apply(f.fw));
    fwf_uninit(&f);
}

/* A device reaches its sets through its chains; another's are not held. */
TEST(a_device_holds_what_its_chains_reach)
{
    const char *tap1 = "tap1", *tap2 = "tap2";
    struct fwf f;

    fwf_start(&f, POLICY
                  "port p2 device=tap2 bridge=qbr2 uplink=qvb2 zone=2 "
                  "mac=52:54:00:00:00:02 group=g2\n"
                  "rules g2\nrule egress IPv4 group=g2\n");
    firewall_hold(f.fw, &tap2, 1, NULL, 0);
    CHECK_EQ(fwf_change(&f, "g1", "10.0.0.3", NULL), 0);
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1 10.0.0.2 10.0.0.3");
    firewall_hold(f.fw, &tap1, 1, NULL, 0);
    CHECK_EQ(fwf_change(&f, "g1", "10.0.0.4", NULL), 0);
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1 10.0.0.2 10.0.0.3");
    fwf_uninit(&f);
}

/* A port in two groups: the rules of one change, and what it may lose or gain
 * is a member of a remote of the other. */
TEST(a_group_holds_what_its_ports_reach)
{
    struct uuid g2 = policy_text_id("g2");
    struct fwf f;

    fwf_start(&f, "port p1 device=tap1 bridge=qbr1 uplink=qvb1 zone=1 "
                  "mac=52:54:00:00:00:01 group=g1 group=g2\n"
                  "port p2 device=tap2 bridge=qbr2 uplink=qvb2 zone=2 "
                  "mac=52:54:00:00:00:02 group=g3\n"
                  "rules g1\nrule ingress IPv4 group=g1\n"
                  "rule egress IPv4 group=g4\n"
                  "rules g2\nrule ingress IPv4 proto=6\n"
                  "rules g3\nrule ingress IPv4 group=g3\n" MEMBERS);
    firewall_hold(f.fw, NULL, 0, &g2, 1);
    CHECK_EQ(fwf_change(&f, "g1", "10.0.0.3", "10.0.0.2"), 0);
    CHECK_MEMBERS(&f, SET_A, "10.0.0.1 10.0.0.2");
    CHECK(firewall_is_urgent(f.fw));
    CHECK_EQ(fwf_change(&f, "g3", "10.0.0.3", NULL), 0);
    CHECK_MEMBERS(&f, "sg1-m4a-67000003-25c7bae31b26", "10.0.0.3");
    fwf_uninit(&f);
}

/* ------------------------------------------------------------------------ */

struct blink {
    struct fwf *f;
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
    struct fwf f;

    for (int lane = 0; lane < 2; lane++) {
        fwf_start(&f, PORT "rules g1\nrule ingress IPv4 group=g1\n"
                      "rule ingress IPv4 group=g2\nmembers g1 10.0.0.9\n"
                      "members g2\n");
        memset(&blink, 0, sizeof blink);
        blink.f = &f;
        blink.p = packet_to_port(&moving);
        fwf_set_policy(&f, PORT "rules g1\nrule ingress IPv4 group=g1\n"
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
        fwf_uninit(&f);
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
    struct fwf f;

    ds_put_format(&text, "%smembers g1 10.0.0.9\nmembers g2\n", two);
    fwf_start(&f, ds_cstr(&text));
    memset(&blink, 0, sizeof blink);
    blink.f = &f;
    blink.p = packet_to_port(&moving);
    fw_backend_memory_observe(f.backend, look, &blink);
    ds_clear(&text);
    ds_put_format(&text, "%srule ingress IPv4 proto=6\n"
                  "members g1\nmembers g2 10.0.0.9\n", two);
    fwf_set_policy(&f, ds_cstr(&text));
    firewall_hold(f.fw, NULL, 0, &g2, 1);
    CHECK_EQ(firewall_members(f.fw, &f.pt->policy, changes, 2), 0);
    CHECK(firewall_is_urgent(f.fw));
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK(blink.n_looks > 1);
    CHECK_UEQ(blink.n_lost, 0);
    CHECK_MEMBERS(&f, SET_A, "");
    CHECK_MEMBERS(&f, "sg1-m4b-67000002-8e1d0e693a14", "10.0.0.9");
    ds_destroy(&text);
    fwf_uninit(&f);
}

/* The packet passes the old policy because of a prefix and the new one
 * because its sender is a member: it must pass at every moment. */
TEST(content_and_users_change_together_in_the_other_slot)
{
    struct sg_prefix sender = policy_text_prefix("10.0.0.9");
    struct blink blink;
    struct fwf f;

    fwf_start(&f, PORT "rules g1\nrule ingress IPv4 prefix=10.0.0.9\n"
                  "rule ingress IPv4 proto=6 group=g1\n" MEMBERS);
    memset(&blink, 0, sizeof blink);
    blink.f = &f;
    blink.p = packet_to_port(&sender);
    look(&blink);
    REQUIRE(blink.n_lost == 0);
    fw_backend_memory_observe(f.backend, look, &blink);

    fwf_hold_group(&f);
    CHECK_EQ(fwf_change(&f, "g1", "10.0.0.9", NULL), 0);
    fwf_set_policy(&f, PORT RULES "members g1 10.0.0.1 10.0.0.2 10.0.0.9\n");
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_UEQ(blink.n_lost, 0);
    CHECK(blink.n_looks > 1);
    CHECK_MEMBERS(&f, SET_A, "none");
    CHECK_MEMBERS(&f, SET_B, "10.0.0.1 10.0.0.2 10.0.0.9");

    /* The member lane follows, and so does a new agent. */
    CHECK_EQ(fwf_change(&f, "g1", "10.0.0.3", NULL), 0);
    CHECK_MEMBERS(&f, SET_B, "10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.9");
    fw_backend_memory_observe(f.backend, NULL, NULL);
    struct uuid g1 = policy_text_id("g1");
    struct fw_ruleset *rs;
    REQUIRE(!firewall_snapshot(f.fw, &f.pt->policy, &rs));
    CHECK(uuid_equals(&fw_ruleset_find_set(rs, SET_B)->group, &g1));
    fw_ruleset_destroy(rs);
    uint64_t writes = fw_backend_memory_writes(f.backend);
    fwf_restart(&f);
    firewall_set_complete(f.fw);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_UEQ(fw_backend_memory_writes(f.backend), writes);
    fwf_uninit(&f);
}

/* And the other way round: allowed as a member, then by a rule. */
TEST(who_leaves_a_set_is_let_in_by_the_new_rule_at_once)
{
    struct sg_prefix sender = policy_text_prefix("10.0.0.2");
    struct blink blink;
    struct fwf f;

    fwf_start(&f, POLICY);
    memset(&blink, 0, sizeof blink);
    blink.f = &f;
    blink.p = packet_to_port(&sender);
    fw_backend_memory_observe(f.backend, look, &blink);
    fwf_hold_group(&f);
    CHECK_EQ(fwf_change(&f, "g1", NULL, "10.0.0.2"), 0);
    fwf_set_policy(&f, PORT RULES "rule ingress IPv4\nmembers g1 10.0.0.1\n");
    CHECK(firewall_is_urgent(f.fw));
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK(blink.n_looks > 1);
    CHECK_UEQ(blink.n_lost, 0);
    CHECK_MEMBERS(&f, SET_A, "none");
    CHECK_MEMBERS(&f, SET_B, "10.0.0.1");
    CHECK(!firewall_is_urgent(f.fw));
    fwf_uninit(&f);
}

/* An agent before this one asked for the mark, for DCCP and for the flow in
 * three rules: the chains that it left are rewritten, and what is the same
 * keeps its counters. */
TEST(chains_of_an_older_agent_are_rewritten)
{
    static const char *const names[] = { FW_CHAIN_PRE_OUT, FW_CHAIN_PRE_IN };
    struct fwf f;

    fwf_start(&f, POLICY);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        struct fw_chain *chain = fwf_chain(&f, FW_SECURITY, names[i]);
        const struct fw_rule dccp = {
            .match = FW_M_PROTO, .proto = IPPROTO_DCCP, .verdict = FW_RETURN,
        };
        const struct fw_rule known = {
            .match = FW_M_ESTABLISHED, .verdict = FW_ACCEPT,
        };

        CHECK_UEQ(chain->rules[0].match & FW_M_ESTABLISHED, FW_M_ESTABLISHED);
        CHECK_UEQ(chain->rules[1].match, FW_M_CONNMARK);
        fw_chain_delete(chain, 0);
        fw_chain_insert(chain, 1, &dccp);
        fw_chain_insert(chain, 2, &known);
        for (size_t j = 0; j < chain->n_rules; j++) {
            chain->rules[j].packets = 100 + j;
        }
    }
    fwf_restart(&f);
    firewall_set_complete(f.fw);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_UEQ(firewall_result(f.fw)->n_commits, 1);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        const struct fw_chain *chain = fwf_chain(&f, FW_SECURITY, names[i]);

        CHECK_UEQ(chain->rules[0].match & (FW_M_NOT_PROTO | FW_M_ESTABLISHED
                                           | FW_M_NOT_CONNMARK),
                  FW_M_NOT_PROTO | FW_M_ESTABLISHED | FW_M_NOT_CONNMARK);
        CHECK_UEQ(chain->rules[0].packets, 0);
        CHECK_UEQ(chain->rules[1].match, FW_M_CONNMARK);
        CHECK_UEQ(chain->rules[1].packets, 100);
        CHECK(chain->rules[2].match & FW_M_SPORT);
        CHECK_UEQ(chain->rules[2].packets, 103);
    }
    fwf_uninit(&f);
}

/* An agent before this one knew its hooks by a comment, and accepted in filter
 * without a chain: each hook is replaced, and none is doubled. */
TEST(hooks_of_an_older_agent_are_replaced)
{
    static const struct {
        enum fw_table_id table;
        const char *chain, *target;
        size_t n_rules;         /* Of ours in it. */
    } hooks[] = {
        { FW_RAW, "PREROUTING", FW_CHAIN_ZONES, 1 },
        { FW_SECURITY, "FORWARD", FW_CHAIN_ROOT, 2 },
        { FW_FILTER, "FORWARD", FW_CHAIN_PASS, 1 },
    };
    const struct fw_rule foreign = { .match = FW_M_FOREIGN };
    struct fwf f;

    fwf_start(&f, POLICY);
    for (size_t i = 0; i < ARRAY_SIZE(hooks); i++) {
        struct fw_chain *chain = fwf_chain(&f, hooks[i].table, hooks[i].chain);
        struct fw_rule *hook = &chain->rules[0];

        CHECK_UEQ(chain->n_rules, hooks[i].n_rules);
        CHECK_STR(hook->target, hooks[i].target);
        CHECK(!(hook->match & FW_M_COMMENT));
        hook->match |= FW_M_COMMENT;
        if (hooks[i].table == FW_FILTER) {
            memset(hook->target, 0, sizeof hook->target);
            hook->verdict = FW_ACCEPT;
        }
        fw_chain_append(chain, &foreign);
    }
    fw_table_remove(&fw_backend_memory_state(f.backend)
                    ->tables[SG_IPV4][FW_FILTER],
                    fwf_chain(&f, FW_FILTER, FW_CHAIN_PASS));
    fwf_restart(&f);
    firewall_set_complete(f.fw);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_UEQ(firewall_result(f.fw)->n_commits, 3);
    for (size_t i = 0; i < ARRAY_SIZE(hooks); i++) {
        struct fw_chain *chain = fwf_chain(&f, hooks[i].table, hooks[i].chain);

        CHECK_UEQ(chain->n_rules, hooks[i].n_rules + 1);
        CHECK_STR(chain->rules[0].target, hooks[i].target);
        CHECK(!(chain->rules[0].match & FW_M_COMMENT));
        CHECK_UEQ(chain->rules[chain->n_rules - 1].match, FW_M_FOREIGN);
    }
    CHECK_UEQ(fwf_chain(&f, FW_FILTER, FW_CHAIN_PASS)->n_rules, 1);
    fwf_uninit(&f);
}

TEST(a_name_taken_by_another_type_is_left_alone)
{
    struct fw_set set = { .name = SET_A, .maxelem = 10, .hashsize = 64 };
    struct fwf f;

    fwf_init(&f, POLICY);
    fw_ruleset_add_set(fw_backend_memory_state(f.backend), &set)
        ->foreign_type = true;
    firewall_set_complete(f.fw);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), 0);
    CHECK_MEMBERS(&f, SET_B, "10.0.0.1 10.0.0.2");
    CHECK(fwf_set(&f, SET_A));
    fwf_uninit(&f);
}
