/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The policy store: what is needed, what changed, what is reported. */

#include <config.h>
#include "agent/policy_store.h"

#include "openvswitch/dynamic-string.h"
#include "tests/lib/policy-text.h"
#include "tests/lib/store-fixture.h"
#include "tests/lib/test.h"
#include "tests/lib/update-text.h"
#include "util.h"
#include "uuid.h"

TEST(closure_in_one_update)
{
    struct policy_store *ps = sf_create("p1");

    sf_check_needs(ps, false, "port:p1@0");
    CHECK_STR(sf_apply(ps, ONE_PORT), ACCEPTED(4));
    sf_check_needs(ps, false,
                   "port:p1@1 rules:g1@1 members:g1@1 members:g2@1");
    sf_check_changes(ps, "g1 +10.0.0.1, g2 +10.0.0.2 +10.0.0.3");
    sf_check_changes(ps, "");
    sf_check_dirty(ps, "tap-p1 g1");
    sf_check_dirty(ps, "-");
    /* The order within a message does not matter, its parts do. */
    CHECK_STR(sf_apply(ps, ONE_PORT),
              "accepted=0 old=4 gap=0 ignored=0 refused=0");
    sf_check_dirty(ps, "-");
    policy_store_destroy(ps);
    policy_store_destroy(NULL);
}

TEST(what_is_not_needed_is_ignored)
{
    struct policy_store *ps = sf_create("p1");

    CHECK_STR(sf_apply(ps, "port p2 rev=1"), IGNORED);
    CHECK_STR(sf_apply(ps, "rules g1 rev=1"), IGNORED);
    CHECK_STR(sf_apply(ps, "members g1 rev=1"), IGNORED);
    CHECK_STR(sf_apply(ps, "deleted rules g1 rev=1"), IGNORED);
    CHECK_STR(sf_apply(ps, "unknown port p2"), IGNORED);
    CHECK_STR(sf_apply(ps, "bad port p2"), IGNORED);
    sf_apply(ps, "port p1 rev=1 groups=g1");
    /* Its rules are needed, its members are not. */
    CHECK_STR(sf_apply(ps, "members g1 rev=1 +1"), IGNORED);
    CHECK_STR(sf_apply(ps, "rules g1 rev=1 n=1"), ACCEPTED(1));
    sf_check_needs(ps, false, "port:p1@1 rules:g1@1");
    policy_store_destroy(ps);
}

TEST(a_port_that_is_not_filtered_needs_no_groups)
{
    struct policy_store *ps = sf_create("p1");

    sf_apply(ps, "port p1 rev=1 groups=g1 trusted");
    sf_check_needs(ps, false, "port:p1@1");
    sf_apply(ps, "port p1 rev=2 groups=g1 unprotected");
    sf_check_needs(ps, false, "port:p1@2");
    sf_apply(ps, "port p1 rev=3 groups=g1");
    sf_check_needs(ps, false, "port:p1@3 rules:g1@0");
    policy_store_destroy(ps);
}

TEST(net_member_changes)
{
    struct policy_store *ps = sf_create("p1");

    sf_apply(ps, ONE_PORT);
    sf_check_changes(ps, "g1 +10.0.0.1, g2 +10.0.0.2 +10.0.0.3");

    CHECK_STR(sf_apply(ps, "members g1 rev=2 prev=1 +5; sent=70"),
              ACCEPTED(1));
    CHECK_STR(sf_apply(ps, "members g1 rev=3 prev=2 -5; sent=80"),
              ACCEPTED(1));
    sf_check_changes(ps, "");
    sf_apply(ps, "members g1 rev=4 prev=3 -1; sent=90");
    sf_apply(ps, "members g1 rev=5 prev=4 +1 +6; sent=85");
    sf_apply(ps, "members g2 rev=2 prev=1 -2 +2 +9");
    sf_check_changes(ps, "g1 +10.0.0.6 sent=85, g2 +10.0.0.9");

    /* What is there already, or is not, is no change. */
    sf_apply(ps, "members g1 rev=6 prev=5 +1 -77");
    sf_check_changes(ps, "");
    /* A whole list counts as its difference. */
    sf_apply(ps, "members g1 rev=9 +6 +7 +7 +10.9.0.0/16");
    sf_check_changes(ps, "g1 +10.0.0.7 +10.9.0.0/16 -10.0.0.1");
    CHECK_UEQ(sf_n_members(ps, "g1"), 3);
    sf_check_dirty(ps, "tap-p1 g1");
    policy_store_destroy(ps);
}

TEST(gaps)
{
    struct policy_store *ps = sf_create("p1");

    sf_apply(ps, "port p1 rev=1 groups=g1; rules g1 rev=1 remote=g1");
    /* Nothing to build on. */
    CHECK_STR(sf_apply(ps, "members g1 rev=1 prev=0 +1"),
              "accepted=0 old=0 gap=1 ignored=0 refused=0 ask members:g1");
    sf_apply(ps, "members g1 rev=4 +1");
    CHECK_STR(sf_apply(ps, "members g1 rev=6 prev=5 +2"),
              "accepted=0 old=0 gap=1 ignored=0 refused=0 ask members:g1");
    CHECK_STR(sf_apply(ps, "members g1 rev=5 prev=3 +2"),
              "accepted=0 old=0 gap=1 ignored=0 refused=0 ask members:g1");
    CHECK_STR(sf_apply(ps, "members g1 rev=4 prev=3 +9"), OLD);
    CHECK_STR(sf_apply(ps, "members g1 rev=5 prev=4 +2"), ACCEPTED(1));
    CHECK_UEQ(sf_n_members(ps, "g1"), 2);
    policy_store_destroy(ps);
}

TEST(generations)
{
    struct policy_store *ps = sf_create("p1");
    uint64_t g = sf_generation(ps);

    CHECK(g > 0);
    sf_apply(ps, ONE_PORT);
    CHECK_UEQ(sf_generation(ps), g + 1);
    /* The same content at a higher revision changes nothing. */
    sf_apply(ps, "port p1 rev=2 groups=g1; rules g1 rev=2 remote=g1,g2;"
             "members g1 rev=2 +1");
    CHECK_UEQ(sf_generation(ps), g + 1);
    sf_check_dirty(ps, "tap-p1 g1");
    sf_apply(ps, "rules g1 rev=3 remote=g1,g2 v=1");
    CHECK_UEQ(sf_generation(ps), g + 2);
    sf_check_dirty(ps, "g1");
    sf_apply(ps, "members g1 rev=3 prev=2 +9");
    CHECK_UEQ(sf_generation(ps), g + 3);
    sf_apply(ps, "unknown port p1");
    CHECK_UEQ(sf_generation(ps), g + 3);
    sf_check_dirty(ps, "-");
    policy_store_destroy(ps);
}

/* The oldest of what made it dirty counts, and nothing else. */
TEST(publish_time_of_structure_changes)
{
    struct policy_store *ps = sf_create("p1");

    sf_apply(ps, ONE_PORT);
    sf_check_dirty(ps, "tap-p1 g1");
    sf_apply(ps, "members g1 rev=2 prev=1 +5; sent=60");
    sf_apply(ps, "rules g1 rev=1 remote=g1,g2 v=1; sent=65");
    sf_check_dirty(ps, "-");
    sf_apply(ps, "rules g1 rev=2 remote=g1,g2 v=1; sent=80");
    sf_apply(ps, "port p1 rev=2 groups=g1,g2; sent=70");
    sf_apply(ps, "rules g1 rev=3 remote=g1,g2 v=2; sent=90");
    sf_check_dirty(ps, "tap-p1 g1 sent=70");
    sf_apply(ps, "rules g1 rev=4 remote=g1,g2; sent=95");
    sf_check_dirty(ps, "g1 sent=95");
    policy_store_destroy(ps);
}

TEST(groups_linger)
{
    struct policy_store *ps = sf_create("p1");
    uint64_t seqno;

    sf_apply(ps, ONE_PORT);
    seqno = policy_store_needs_seqno(ps);
    sf_apply(ps, "port p1 rev=2 groups=g3");
    CHECK(policy_store_needs_seqno(ps) != seqno);
    sf_check_needs(ps, false, "port:p1@2 rules:g3@0");
    sf_check_needs(ps, true, "port:p1@2 rules:g1@1 rules:g3@0 members:g1@1 "
                   "members:g2@1");
    sf_check_changes(ps, "g1 +10.0.0.1, g2 +10.0.0.2 +10.0.0.3");

    /* They go on following, but a gap of theirs is no reason to ask. */
    CHECK_STR(sf_apply(ps, "members g2 rev=2 prev=1 +4"), ACCEPTED(1));
    CHECK_STR(sf_apply(ps, "members g2 rev=9 prev=8 +4"),
              "accepted=0 old=0 gap=1 ignored=0 refused=0");
    sf_check_changes(ps, "g2 +10.0.0.4");

    CHECK(!policy_store_expire(ps, 5000, 60000));
    CHECK(!policy_store_expire(ps, 64999, 60000));
    sf_check_object(ps, SG_KIND_RULES, "g1", "known@1 lingers since 1000");

    /* Needed again: nothing was lost, and its remotes are back as well. */
    sf_apply(ps, "port p1 rev=3 groups=g1,g3");
    sf_check_needs(ps, false, "port:p1@3 rules:g1@1 rules:g3@0 members:g1@1 "
                   "members:g2@2");
    sf_apply(ps, "port p1 rev=4 groups=g3");
    CHECK(!policy_store_expire(ps, 70000, 60000));
    seqno = policy_store_needs_seqno(ps);
    sf_check_dirty(ps, "tap-p1 g1");
    CHECK(policy_store_expire(ps, 130000, 60000));
    CHECK(policy_store_needs_seqno(ps) != seqno);
    sf_check_needs(ps, true, "port:p1@4 rules:g3@0");
    sf_check_changes(ps, "g1 -10.0.0.1, g2 -10.0.0.2 -10.0.0.3 -10.0.0.4");
    sf_check_dirty(ps, "");
    CHECK_UEQ(hmap_count(&policy_store_policy(ps)->groups), 1);
    policy_store_destroy(ps);
}

/* A rule list may lose the last rule that names a remote. */
TEST(remotes_follow_the_rules)
{
    struct policy_store *ps = sf_create("p1 p2");

    sf_apply(ps, "port p1 rev=1 groups=g1; rules g1 rev=1 remote=g2,g2,g3");
    sf_check_needs(ps, false, "port:p1@1 port:p2@0 rules:g1@1 members:g2@0 "
                   "members:g3@0");
    sf_apply(ps, "rules g1 rev=2 remote=g2");
    sf_check_needs(ps, false, "port:p1@1 port:p2@0 rules:g1@2 members:g2@0");
    sf_apply(ps, "port p2 rev=1 groups=g1");
    sf_set_local(ps, "p2");
    sf_check_needs(ps, false, "port:p2@1 rules:g1@2 members:g2@0");
    sf_check_dirty(ps, "tap-p1 tap-p2 g1");
    sf_set_local(ps, "");
    sf_check_needs(ps, false, "");
    /* Rules that linger bring nothing into use. */
    sf_apply(ps, "rules g1 rev=3 remote=g4");
    sf_check_needs(ps, true, "rules:g1@3 members:g2@0 members:g3@0");
    sf_set_local(ps, "p2");
    sf_apply(ps, "port p2 rev=2 groups=g1");
    sf_check_needs(ps, false, "port:p2@2 rules:g1@3 members:g4@0");
    policy_store_destroy(ps);
}

TEST(local_ports)
{
    struct policy_store *ps = sf_create("p1");
    struct local_port locals[3];
    struct uuid p1 = policy_text_id("p1");

    memset(locals, 0, sizeof locals);
    sf_check_dirty(ps, "tap-p1");
    locals[0].id = policy_text_id("p2");
    locals[0].binding.plug = SG_PLUG_MISSING;
    locals[1].id = locals[2].id = p1;
    locals[1].binding.plug = SG_PLUG_UNENFORCEABLE;
    strcpy(locals[1].binding.device, "tap-old");
    locals[2].binding.plug = SG_PLUG_HYBRID;
    strcpy(locals[2].binding.device, "tap-new");

    /* The plug that can be enforced counts. */
    CHECK(policy_store_set_local(ps, locals, 3));
    CHECK_STR(sg_policy_port(policy_store_policy(ps), &p1)->binding.device,
              "tap-new");
    sf_check_dirty(ps, "tap-new tap-p1");
    CHECK(!policy_store_set_local(ps, locals, 3));
    sf_check_dirty(ps, "-");
    locals[2].binding.zone = 7;
    CHECK(policy_store_set_local(ps, locals, 3));
    sf_check_dirty(ps, "tap-new");
    CHECK(policy_store_set_local(ps, NULL, 0));
    sf_check_dirty(ps, "tap-new");
    CHECK(hmap_is_empty(&policy_store_policy(ps)->ports));
    policy_store_destroy(ps);
}

/* What is needed is the same whichever way the store came to it. */
TEST(needs_do_not_depend_on_the_path)
{
    uint64_t state = test_seed();

    for (unsigned int round = 0; round < test_rounds(200); round++) {
        static const struct policy_store_limits wide = {
            .members = 100, .rules_per_port = 100, .groups = 100, .ports = 10,
            .set_entries = 1000,
        };
        struct policy_store *a = policy_store_create(&wide);
        struct policy_store *b = policy_store_create(&wide);
        struct ds last = DS_EMPTY_INITIALIZER;
        struct sg_ref_list na = { NULL, 0, 0 };
        struct sg_ref_list nb = { NULL, 0, 0 };

        sf_set_local(a, "p1 p2 p3");
        sf_set_local(b, "p1 p2 p3");
        for (int rev = 1; rev <= 12; rev++) {
            ds_clear(&last);
            for (int i = 1; i <= 3; i++) {
                unsigned int r = (unsigned int) test_random(&state);

                ds_put_format(&last, "port p%d rev=%d groups=g%u,g%u%s;", i,
                              rev, 1 + r % 2, 3 + r / 2 % 2,
                              r / 4 % 4 ? "" : " trusted");
            }
            for (int i = 1; i <= 4; i++) {
                unsigned int r = (unsigned int) test_random(&state);

                ds_put_format(&last, "rules g%d rev=%d remote=g%u,g%u;", i,
                              rev, 1 + r % 4, 5 + r / 4 % 4);
            }
            sf_apply(a, ds_cstr(&last));
            if (test_random(&state) % 3 == 0) {
                policy_store_expire(a, 0, 0);
            }
        }
        policy_store_expire(a, 0, 0);
        /* What was not needed when its rules came is not known: tell again. */
        policy_store_new_epoch(a);
        sf_apply(a, ds_cstr(&last));
        sf_apply(b, ds_cstr(&last));
        policy_store_expire(a, 0, 0);
        policy_store_held(a, &na);
        policy_store_needs(b, &nb);
        REQUIRE(na.n == nb.n);
        for (size_t i = 0; i < na.n; i++) {
            CHECK(na.refs[i].kind == nb.refs[i].kind
                  && uuid_equals(&na.refs[i].id, &nb.refs[i].id)
                  && na.refs[i].revision == nb.refs[i].revision);
        }
        sg_ref_list_clear(&na);
        sg_ref_list_clear(&nb);
        policy_store_destroy(a);
        policy_store_destroy(b);
        ds_destroy(&last);
    }
}

/* Only what came by itself, was taken, and says when it was published. */
TEST(arrivals)
{
    struct policy_store *ps = sf_create("p1");
    const struct store_arrival *arrivals;
    struct sg_update update;

    sf_apply(ps, "sent=5; port p1 rev=1 groups=g1");
    CHECK_UEQ(policy_store_take_arrivals(ps, &arrivals), 0);

    update_text_parse(&update, SG_METHOD_PORTS_UPDATED,
                      "sent=7; port p1 rev=2 groups=g1; "
                      "rules g1 rev=1 n=1; rules g9 rev=1 n=1");
    policy_store_update(ps, &update, sf_now, NULL);
    policy_store_update(ps, &update, sf_now, NULL);        /* Old. */
    if (CHECK_UEQ(policy_store_take_arrivals(ps, &arrivals), 2)) {
        CHECK_EQ(arrivals[0].kind, SG_KIND_PORT);
        CHECK_EQ(arrivals[0].sent, 7);
        CHECK_EQ(arrivals[1].kind, SG_KIND_RULES);
    }
    CHECK_UEQ(policy_store_take_arrivals(ps, &arrivals), 0);
    sg_update_uninit(&update);

    update_text_parse(&update, SG_METHOD_PORTS_UPDATED, "port p1 rev=3");
    policy_store_update(ps, &update, sf_now, NULL);
    CHECK_UEQ(policy_store_take_arrivals(ps, &arrivals), 0);
    sg_update_uninit(&update);
    policy_store_destroy(ps);
}
