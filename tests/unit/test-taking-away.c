/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* What takes away does not wait for what gives: from a message through the
 * store to the rules, with half of what the message speaks of not there. */

#include <config.h>
#include "agent/policy_store.h"

#include <stdio.h>
#include <stdlib.h>

#include "firewall/render.h"
#include "tests/lib/eval.h"
#include "tests/lib/policy-text.h"
#include "tests/lib/test.h"
#include "tests/lib/update-text.h"
#include "util.h"

static const struct policy_store_limits LIMITS = {
    .members = 10, .rules_per_port = 10, .groups = 10, .ports = 3,
    .set_entries = 25,
};

static struct policy_store *
store_with_port(void)
{
    struct policy_store *ps = policy_store_create(&LIMITS);
    struct local_port local = { .id = policy_text_id("p1") };
    struct sg_binding *b = &local.binding;

    b->plug = SG_PLUG_HYBRID;
    b->zone = 1;
    strcpy(b->interface, "qvo1");
    strcpy(b->device, "tap1");
    strcpy(b->bridge, "qbr1");
    strcpy(b->uplink, "qvb1");
    policy_store_set_local(ps, &local, 1);
    return ps;
}

static void
apply(struct policy_store *ps, const char *text)
{
    struct sg_update update;

    update_text_parse(&update, SG_METHOD_SYNC, text);
    policy_store_update(ps, &update, 1000, NULL);
    sg_update_uninit(&update);
}

/* May 10.0.0.'from' reach TCP port 'dport' of the port? */
static bool
passes(const struct policy_store *ps, const char *from, uint16_t dport)
{
    const struct sg_policy *policy = policy_store_policy(ps);
    struct fw_layout layout;
    struct eval_packet p = {
        .family = SG_IPV4, .proto = 6, .sport = 1024, .dport = dport,
        .src = update_text_member(from), .dst = update_text_member("100"),
        .flow_zone = EVAL_NO_FLOW,
    };
    struct fw_ruleset *rs;
    bool accepted;

    strcpy(p.bridge, "qbr1");
    strcpy(p.physdev_in, "qvb1");
    strcpy(p.physdev_out, "tap1");
    fw_layout_default(&layout);
    rs = fw_render(policy, &layout, NULL, NULL);

    struct eval_policy aux = { .rs = rs, .policy = policy };
    struct eval_filter filter = eval_policy_filter(&aux);
    accepted = eval_accepts(&filter, &p);
    fw_ruleset_destroy(rs);
    return accepted;
}

/* A port leaves a group for one whose rules have not come. */
TEST(a_port_leaves_a_group)
{
    struct policy_store *ps = store_with_port();
    struct store_dirty dirty;

    apply(ps, "port p1 rev=1 ip=100 groups=g1; rules g1 rev=1 n=1");
    CHECK(passes(ps, "9", 80));
    REQUIRE(policy_store_take_dirty(ps, &dirty));
    store_dirty_uninit(&dirty);

    apply(ps, "port p1 rev=2 ip=100 groups=g2");
    CHECK(!passes(ps, "9", 80));
    /* That is to be written now. */
    REQUIRE(policy_store_take_dirty(ps, &dirty));
    CHECK_UEQ(dirty.n_devices, 1);
    store_dirty_uninit(&dirty);
    apply(ps, "rules g2 rev=1 n=1 v=1");
    CHECK(!passes(ps, "9", 80));
    CHECK(passes(ps, "9", 81));
    policy_store_destroy(ps);
}

/* One of two groups is not there: the other one is. */
TEST(a_group_is_missing)
{
    struct policy_store *ps = store_with_port();

    apply(ps, "port p1 rev=1 ip=100 groups=g1,g2; rules g2 rev=1 n=1");
    CHECK(passes(ps, "9", 80));
    CHECK(!passes(ps, "9", 81));
    policy_store_destroy(ps);
}

/* A rule gets another remote, whose members have not come. */
TEST(a_remote_is_missing)
{
    struct policy_store *ps = store_with_port();

    apply(ps, "port p1 rev=1 ip=100 groups=g1; rules g1 rev=1 remote=g3;"
              "members g3 rev=1 +9");
    CHECK(passes(ps, "9", 80));
    CHECK(!passes(ps, "8", 80));
    apply(ps, "rules g1 rev=2 remote=g4");
    CHECK(!passes(ps, "9", 80));
    CHECK(!passes(ps, "8", 80));
    apply(ps, "members g4 rev=1 +8");
    CHECK(passes(ps, "8", 80));

    /* The rest of the list needs no remote. */
    apply(ps, "rules g1 rev=3 v=1 n=1 remote=g5");
    CHECK(passes(ps, "9", 81));
    CHECK(!passes(ps, "8", 80));
    policy_store_destroy(ps);
}

/* Unknown takes nothing, deleted everything. */
TEST(unknown_and_deleted)
{
    struct policy_store *ps = store_with_port();

    apply(ps, "port p1 rev=1 ip=100 groups=g1; rules g1 rev=1 remote=g3;"
              "members g3 rev=1 +9");
    apply(ps, "unknown port p1; unknown rules g1; unknown members g3");
    CHECK(passes(ps, "9", 80));
    apply(ps, "deleted members g3 rev=2");
    CHECK(!passes(ps, "9", 80));
    apply(ps, "members g3 rev=3 +9");
    CHECK(passes(ps, "9", 80));
    apply(ps, "deleted rules g1 rev=2");
    CHECK(!passes(ps, "9", 80));
    policy_store_destroy(ps);
}
