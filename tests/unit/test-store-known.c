/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The policy store: what it knows of an object, which may be deleted, unknown,
 * refused, bad, behind, or of an epoch that is over; and what an answer that
 * takes away too much is not allowed to delete. */

#include <config.h>
#include "agent/policy_store.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/policy-text.h"
#include "tests/lib/store-fixture.h"
#include "tests/lib/test.h"
#include "tests/lib/update-text.h"
#include "util.h"
#include "uuid.h"

TEST(deleted)
{
    struct policy_store *ps = sf_create("p1");

    sf_apply(ps, ONE_PORT);
    sf_check_dirty(ps, "tap-p1 g1");
    sf_check_changes(ps, "g1 +10.0.0.1, g2 +10.0.0.2 +10.0.0.3");
    CHECK_STR(sf_apply(ps, "deleted members g2 rev=1"), OLD);
    CHECK_STR(sf_apply(ps, "deleted members g2 rev=2; sent=5"), ACCEPTED(1));
    sf_check_changes(ps, "g2 -10.0.0.2 -10.0.0.3 sent=5");
    sf_check_object(ps, SG_KIND_MEMBERS, "g2", "deleted@2 since 1000");
    sf_check_dirty(ps, "-");

    sf_now = 2000;
    CHECK_STR(sf_apply(ps, "deleted rules g1 rev=2"), ACCEPTED(1));
    sf_check_object(ps, SG_KIND_RULES, "g1", "deleted@2 since 2000");
    sf_check_dirty(ps, "g1");
    sf_check_needs(ps, false, "port:p1@1 rules:g1@2");

    CHECK_STR(sf_apply(ps, "deleted port p1 rev=2"), ACCEPTED(1));
    sf_check_dirty(ps, "tap-p1");
    sf_check_needs(ps, false, "port:p1@2");
    CHECK_STR(sf_apply(ps, "unknown port p1"), OLD);
    sf_check_object(ps, SG_KIND_PORT, "p1", "deleted@2 since 2000");

    /* Created again with the same ids; revisions go on. */
    CHECK_STR(sf_apply(ps, "port p1 rev=2 groups=g1"), OLD);
    CHECK_STR(sf_apply(ps, "port p1 rev=3 groups=g1; rules g1 rev=3 remote=g2;"
                       "members g2 rev=3 prev=2 +7"), ACCEPTED(3));
    sf_check_needs(ps, false, "port:p1@3 rules:g1@3 members:g2@3");
    sf_check_changes(ps, "g2 +10.0.0.7");
    policy_store_destroy(ps);
}

TEST(unknown)
{
    struct policy_store *ps = sf_create("p1 p2");

    sf_apply(ps, ONE_PORT);
    sf_check_dirty(ps, "tap-p1 tap-p2 g1");
    sf_now = 3000;
    CHECK_STR(sf_apply(ps, "unknown port p1; unknown rules g1;"
                       "unknown members g2; unknown port p2"),
              "accepted=3 old=1 gap=0 ignored=0 refused=0");
    sf_check_object(ps, SG_KIND_PORT, "p1", "orphaned@1 since 3000");
    sf_check_object(ps, SG_KIND_RULES, "g1", "orphaned@1 since 3000");
    sf_check_object(ps, SG_KIND_MEMBERS, "g2", "orphaned@1 since 3000");
    sf_check_object(ps, SG_KIND_PORT, "p2", "absent@0 since 1000");
    CHECK_UEQ(policy_store_n_orphaned(ps), 3);
    /* Last good stays. */
    sf_check_dirty(ps, "-");
    CHECK_UEQ(sf_n_members(ps, "g2"), 2);

    /* Found again as it was, and changed. */
    sf_now = 4000;
    CHECK_STR(sf_apply(ps, "port p1 rev=1 groups=g1"), OLD);
    sf_check_object(ps, SG_KIND_PORT, "p1", "known@1 since 4000");
    sf_apply(ps, "members g2 rev=2 prev=1 +8");
    sf_check_object(ps, SG_KIND_MEMBERS, "g2", "known@2 since 4000");
    sf_apply(ps, "rules g1 rev=2 remote=g1,g2");
    sf_check_object(ps, SG_KIND_RULES, "g1", "known@2 since 4000");
    CHECK_UEQ(policy_store_n_orphaned(ps), 0);
    sf_check_dirty(ps, "-");
    policy_store_destroy(ps);
}

TEST(limits)
{
    struct policy_store *ps = sf_create("p1 p2");

    sf_apply(ps, ONE_PORT);
    CHECK_STR(sf_apply(ps, "members g1 rev=2 +1 +2 +3 +4 +5 +6 +7 +8 +9 +10 "
                       "+11"), REFUSED);
    sf_check_object(ps, SG_KIND_MEMBERS, "g1",
                    "known@1 since 1000: 11 members, more than 10");
    CHECK_UEQ(sf_n_members(ps, "g1"), 1);
    CHECK_UEQ(policy_store_n_problems(ps), 1);
    CHECK_STR(sf_apply(ps, "members g1 rev=3 prev=1 +11 +2 +3 +4 +5 +6 +7 +8 "
                       "+9 +10"), REFUSED);
    /* Just fits: one is there already, one goes. */
    CHECK_STR(sf_apply(ps, "members g1 rev=3 prev=1 +1 +2 +3 +4 +5 +6 +7 +8 "
                       "+9 +10"), ACCEPTED(1));
    CHECK_STR(sf_apply(ps, "members g1 rev=4 prev=3 +11 -10"), ACCEPTED(1));
    CHECK_UEQ(policy_store_n_problems(ps), 0);

    CHECK_STR(sf_apply(ps, "rules g1 rev=2 n=7"), REFUSED);
    struct uuid p1 = policy_text_id("p1");
    char *text = xasprintf("known@1 since 1000: port "UUID_FMT" would have 7 "
                           "rules, more than 6", UUID_ARGS(&p1));
    sf_check_object(ps, SG_KIND_RULES, "g1", text);
    free(text);
    CHECK_STR(sf_apply(ps, "rules g1 rev=2 n=6"), ACCEPTED(1));
    sf_apply(ps, "port p1 rev=2 groups=g1,g3");
    CHECK_STR(sf_apply(ps, "rules g3 rev=1 n=1"), REFUSED);
    CHECK_STR(sf_apply(ps, "rules g1 rev=3 n=5; rules g3 rev=1 n=1"),
              ACCEPTED(2));
    CHECK_STR(sf_apply(ps, "port p2 rev=1 groups=g1"), ACCEPTED(1));
    CHECK_STR(sf_apply(ps, "rules g3 rev=2 n=2"), REFUSED);
    CHECK_STR(sf_apply(ps, "port p1 rev=3 groups=g1"), ACCEPTED(1));
    CHECK_STR(sf_apply(ps, "rules g3 rev=2 n=2"), ACCEPTED(1));
    CHECK_STR(sf_apply(ps, "port p2 rev=2 groups=g1,g3"), REFUSED);
    sf_check_object(ps, SG_KIND_PORT, "p2", "known@1 since 1000: its groups "
                    "have 7 rules, more than 6");
    CHECK_STR(sf_apply(ps, "port p2 rev=3 groups=g1,g3 trusted"), ACCEPTED(1));
    CHECK_UEQ(policy_store_n_problems(ps), 0);

    /* g1, g2 and g3 are held. */
    CHECK_STR(sf_apply(ps, "port p2 rev=4 groups=g4,g5,g6"), REFUSED);
    CHECK_STR(sf_apply(ps, "port p2 rev=4 groups=g4,g5"), ACCEPTED(1));
    CHECK_STR(sf_apply(ps, "rules g4 rev=1 remote=g5,g6"), REFUSED);
    CHECK_STR(sf_apply(ps, "rules g4 rev=1 remote=g5,g3"), ACCEPTED(1));

    /* Whoever is here stays when there are too many. */
    sf_set_local(ps, "p5 p6 p1 p2");
    CHECK_UEQ(policy_store_ports_refused(ps), 1);
    CHECK_UEQ(hmap_count(&policy_store_policy(ps)->ports), 3);
    sf_check_object(ps, SG_KIND_PORT, "p1", "known@3 since 1000");
    sf_check_object(ps, SG_KIND_PORT, "p2", "known@4 since 1000");
    policy_store_destroy(ps);
}

TEST(bad_objects)
{
    struct policy_store *ps = sf_create("p1");

    sf_apply(ps, ONE_PORT);
    sf_now = 5000;
    CHECK_STR(sf_apply(ps, "bad rules g1 rev=2"), REFUSED);
    sf_check_object(ps, SG_KIND_RULES, "g1",
                    "known@1 since 1000: objects[0]: expected something else");
    CHECK_STR(sf_apply(ps, "bad rules g1 rev=3; bad port p1 rev=2"),
              "accepted=0 old=0 gap=0 ignored=0 refused=2");
    sf_check_object(ps, SG_KIND_PORT, "p1",
                    "known@1 since 1000: malformed as a whole");
    CHECK_UEQ(policy_store_n_problems(ps), 2);
    sf_apply(ps, "rules g1 rev=4 n=1");
    sf_set_local(ps, "");
    CHECK_UEQ(policy_store_n_problems(ps), 0);
    policy_store_destroy(ps);
}

TEST(behind)
{
    struct policy_store *ps = sf_create("p1");
    struct uuid p1 = policy_text_id("p1");
    struct uuid g1 = policy_text_id("g1");
    uint64_t port = sg_ref_hash(SG_KIND_PORT, &p1);
    uint64_t rules = sg_ref_hash(SG_KIND_RULES, &g1);
    struct sg_ref ref = { SG_KIND_MEMBERS, { { 0 } }, -1 };

    sf_apply(ps, ONE_PORT);
    CHECK(!policy_store_behind(ps, port, 1, &ref));
    CHECK_EQ(ref.revision, -1);
    CHECK(policy_store_behind(ps, port, 2, &ref));
    CHECK_EQ(ref.kind, SG_KIND_PORT);
    CHECK(uuid_equals(&ref.id, &p1));
    CHECK_EQ(ref.revision, 1);
    CHECK(!policy_store_behind(ps, port ^ 1, 2, &ref));

    /* Refused is not behind. */
    sf_apply(ps, "bad rules g1 rev=4");
    CHECK(!policy_store_behind(ps, rules, 4, &ref));
    CHECK(policy_store_behind(ps, rules, 5, &ref));
    /* What lingers is not needed. */
    sf_apply(ps, "port p1 rev=2");
    CHECK(!policy_store_behind(ps, rules, 5, &ref));
    policy_store_destroy(ps);
}

static void
check_digest(struct policy_store *ps, const char *triples)
{
    char digest[RPC_DIGEST_LEN + 1];
    struct sg_update expected;
    char text[200];

    snprintf(text, sizeof text, "digest=%s", triples);
    update_text_parse(&expected, SG_METHOD_SYNC, text);
    policy_store_digest(ps, digest);
    CHECK_STR(digest, expected.digest);
    sg_update_uninit(&expected);
}

/* What is needed, and known in this epoch. */
TEST(digest)
{
    struct policy_store *ps = sf_create("p1 p2");

    check_digest(ps, "none");
    sf_apply(ps, "port p1 rev=1 groups=g1; rules g1 rev=2 remote=g2;"
                 "members g2 rev=3 +1");
    check_digest(ps, "port:p1:1,rules:g1:2,members:g2:3");
    sf_apply(ps, "members g2 rev=4 prev=3 +2; unknown port p2");
    check_digest(ps, "port:p1:1,rules:g1:2,members:g2:4");
    /* Lingers. */
    sf_apply(ps, "rules g1 rev=3");
    check_digest(ps, "port:p1:1,rules:g1:3");
    sf_apply(ps, "rules g1 rev=4 remote=g2");
    check_digest(ps, "port:p1:1,rules:g1:4,members:g2:4");
    /* Orphaned, and found again. */
    sf_apply(ps, "unknown rules g1");
    check_digest(ps, "port:p1:1");
    sf_apply(ps, "rules g1 rev=4 remote=g2");
    check_digest(ps, "port:p1:1,rules:g1:4,members:g2:4");
    /* Refused: what is in force counts. */
    sf_apply(ps, "members g2 rev=5 +1 +2 +3 +4 +5 +6 +7 +8 +9 +10 +11");
    check_digest(ps, "port:p1:1,rules:g1:4,members:g2:4");
    sf_apply(ps, "deleted members g2 rev=6");
    check_digest(ps, "port:p1:1,rules:g1:4");
    policy_store_new_epoch(ps);
    check_digest(ps, "none");
    sf_apply(ps, "port p1 rev=1 groups=g1");
    check_digest(ps, "port:p1:1");
    policy_store_destroy(ps);
}

TEST(a_new_epoch)
{
    struct policy_store *ps = sf_create("p1");
    uint64_t g;

    sf_apply(ps, ONE_PORT);
    sf_apply(ps, "members g1 rev=50 +1");
    sf_check_changes(ps, "g1 +10.0.0.1, g2 +10.0.0.2 +10.0.0.3");
    sf_check_dirty(ps, "tap-p1 g1");
    g = sf_generation(ps);
    policy_store_new_epoch(ps);
    CHECK_UEQ(sf_generation(ps), g);
    sf_check_needs(ps, false,
                   "port:p1@0 rules:g1@0 members:g1@0 members:g2@0");
    /* A delta of the new epoch has nothing to build on. */
    CHECK_STR(sf_apply(ps, "members g1 rev=1 prev=0 +4"),
              "accepted=0 old=0 gap=1 ignored=0 refused=0 ask members:g1");
    CHECK_STR(sf_apply(ps, "port p1 rev=1 groups=g1; rules g1 rev=1 "
                       "remote=g1,g2; members g1 rev=1 +1 +2"), ACCEPTED(3));
    sf_check_changes(ps, "g1 +10.0.0.2");
    sf_check_dirty(ps, "-");
    policy_store_destroy(ps);
}

static size_t
count_removed(const struct policy_store *ps, const char *text,
              bool absent_too)
{
    struct sg_update update;
    size_t n;

    update_text_parse(&update, SG_METHOD_SYNC, text);
    n = policy_store_count_removed(ps, &update, absent_too);
    sg_update_uninit(&update);
    return n;
}

/* Only what is news takes anything, and only from who has something. */
TEST(what_an_answer_removes)
{
    struct policy_store *ps = sf_create("p1 p2 p3");

    sf_apply(ps, "port p1 rev=5 groups=g1; port p2 rev=5 trusted groups=g1;"
                 "rules g1 rev=1");
    CHECK_UEQ(count_removed(ps, "deleted port p1 rev=6;"
                                "deleted port p2 rev=6", false), 2);
    CHECK_UEQ(count_removed(ps, "deleted port p1 rev=5", false), 0);
    CHECK_UEQ(count_removed(ps, "deleted port p3 rev=6", false), 0);
    CHECK_UEQ(count_removed(ps, "deleted port p3 rev=6", true), 1);
    CHECK_UEQ(count_removed(ps, "deleted port p9 rev=6", true), 0);
    CHECK_UEQ(count_removed(ps, "deleted rules g1 rev=6", true), 0);
    /* Emptied: filtered before and after, with groups before only. */
    CHECK_UEQ(count_removed(ps, "port p1 rev=6", false), 1);
    CHECK_UEQ(count_removed(ps, "port p1 rev=5", false), 0);
    CHECK_UEQ(count_removed(ps, "port p1 rev=6 groups=g2", false), 0);
    CHECK_UEQ(count_removed(ps, "port p1 rev=6 trusted", false), 0);
    CHECK_UEQ(count_removed(ps, "port p1 rev=6 unprotected", false), 0);
    CHECK_UEQ(count_removed(ps, "port p2 rev=6", false), 0);
    CHECK_UEQ(count_removed(ps, "port p3 rev=6", true), 0);
    sf_apply(ps, "unknown port p1");
    CHECK_UEQ(count_removed(ps, "deleted port p1 rev=6", false), 1);
    sf_apply(ps, "deleted port p1 rev=6");
    CHECK_UEQ(count_removed(ps, "deleted port p1 rev=7", true), 0);
    policy_store_destroy(ps);
}

/* Nothing was known of it when its deletion was held: then a policy that was
 * saved is last good. */
TEST(spared_and_remembered)
{
    struct uuid id = policy_text_id("p1");
    struct policy_store *ps = sf_create("p1 p2");
    struct store_object object;
    struct store_spared spared;
    struct sg_update update;

    update_text_parse(&update, SG_METHOD_SYNC, "deleted port p1 rev=6");
    policy_store_spare(ps, &update, 7000);
    sg_update_uninit(&update);
    policy_store_get_spared(ps, &spared);
    CHECK_UEQ(spared.n_absent, 1);
    update_text_parse(&update, SG_METHOD_SYNC, "port p1 rev=5 groups=g1");
    CHECK_UEQ(policy_store_remember(ps, &update, 8000), 1);
    sg_update_uninit(&update);
    REQUIRE(policy_store_object(ps, SG_KIND_PORT, &id, &object));
    CHECK_EQ(object.state, SG_ORPHANED);
    CHECK_EQ(object.revision, 0);
    CHECK(object.spared);
    policy_store_get_spared(ps, &spared);
    CHECK_UEQ(spared.n, 1);
    CHECK_UEQ(spared.n_absent, 0);
    sf_apply(ps, "deleted port p1 rev=6");
    REQUIRE(policy_store_object(ps, SG_KIND_PORT, &id, &object));
    CHECK_EQ(object.state, SG_DELETED);
    CHECK(!object.spared);
    policy_store_destroy(ps);
}

static bool
is_spared(const struct policy_store *ps, const char *port)
{
    struct uuid id = policy_text_id(port);
    struct store_object object;

    return (policy_store_object(ps, SG_KIND_PORT, &id, &object)
            && object.spared);
}

/* What is spared stays in force, until the next word that is applied. */
TEST(spared)
{
    static const char *const words[] = {
        "port p1 rev=6 groups=g1", "port p1 rev=7 groups=g1",
        "deleted port p1 rev=6", "deleted port p1 rev=7", "unknown port p1",
    };
    static const char *const no_words[] = {
        "port p1 rev=5", "port p1 rev=4 groups=g1", "deleted port p1 rev=5",
        "port p2 rev=9", "bad port p1 rev=6", "rules g1 rev=2 n=1",
    };

    for (size_t i = 0; i < ARRAY_SIZE(words) + ARRAY_SIZE(no_words); i++) {
        bool is_word = i < ARRAY_SIZE(words);
        struct policy_store *ps = sf_create("p1 p2");
        struct store_spared spared;
        struct sg_update update;
        uint64_t before;

        sf_apply(ps, "port p1 rev=5 groups=g1; rules g1 rev=1");
        before = policy_store_policy(ps)->generation;
        update_text_parse(&update, SG_METHOD_SYNC,
                          "deleted port p1 rev=6; deleted rules g1 rev=1;"
                          "deleted port p9 rev=1");
        policy_store_spare(ps, &update, 7000);
        policy_store_spare(ps, &update, 9000);
        sg_update_uninit(&update);
        CHECK_UEQ(policy_store_policy(ps)->generation, before);
        policy_store_get_spared(ps, &spared);
        CHECK_UEQ(spared.n, 1);
        CHECK_UEQ(spared.n_ports, 1);
        CHECK_UEQ(spared.n_absent, 0);
        CHECK_EQ(spared.since, 7000);
        CHECK(is_spared(ps, "p1"));

        sf_apply(ps, is_word ? words[i] : no_words[i - ARRAY_SIZE(words)]);
        policy_store_get_spared(ps, &spared);
        CHECK_UEQ(spared.n, !is_word);
        CHECK(is_spared(ps, "p1") == !is_word);
        policy_store_destroy(ps);
    }
}
