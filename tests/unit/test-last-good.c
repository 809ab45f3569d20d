/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The saved policy: there and back, everything that can be wrong with a file,
 * and when one is due. */

#include <config.h>
#include "agent/last_good.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/policy_store.h"
#include "rpc/message.h"
#include "sha1.h"
#include "tests/lib/policy-text.h"
#include "tests/lib/test.h"
#include "tests/lib/update-text.h"
#include "util.h"
#include "uuid.h"

static const struct policy_store_limits STORE_LIMITS = {
    .members = 1000, .rules_per_port = 100, .groups = 10, .ports = 4,
    .set_entries = 4000,
};
static const struct sg_epoch EPOCH = { .ms = 1700000000000, .tag = 0xabcd };

#define POLICY                                                          \
    "port p1 rev=3 groups=g1,g2 ip=10.0.0.1 ip=2001:db8::1 "            \
    "pair=10.9.0.0/16;"                                                 \
    "port p2 rev=4 trusted;"                                            \
    "port p3 rev=5 unprotected;"                                        \
    "rules g1 rev=6 n=3 remote=g2,g3;"                                  \
    "rules g2 rev=7 n=2 v=5 stateless;"                                 \
    "members g2 rev=8 +1 +2 +3 +2001:db8::/64 +2001:db8::7;"            \
    "members g3 rev=9"

static struct policy_store *
new_store(void)
{
    struct policy_store *ps = policy_store_create(&STORE_LIMITS);
    struct local_port locals[4];

    memset(locals, 0, sizeof locals);
    for (size_t i = 0; i < ARRAY_SIZE(locals); i++) {
        char name[16];

        snprintf(name, sizeof name, "p%"PRIuSIZE, i + 1);
        locals[i].id = policy_text_id(name);
        locals[i].binding.plug = SG_PLUG_HYBRID;
        snprintf(locals[i].binding.device, SG_DEVICE_LEN, "tap%"PRIuSIZE,
                 i + 1);
    }
    policy_store_set_local(ps, locals, ARRAY_SIZE(locals));
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

static char *
save(const struct policy_store *ps, size_t *len)
{
    struct sg_update update;
    char *text;

    last_good_collect(ps, &EPOCH, &update);
    text = last_good_encode(&update, "h1", 1700000001234, len);
    sg_update_uninit(&update);
    return text;
}

static char *
load(const char *text, size_t len, struct last_good *lg)
{
    struct rpc_limits limits;

    rpc_limits_default(&limits);
    return last_good_decode(text, len, "h1", &limits, lg);
}

static void
check_groups_equal(const struct sg_policy *a, const struct sg_policy *b)
{
    const struct sg_group *ga;

    CHECK_EQ(hmap_count(&a->groups), hmap_count(&b->groups));
    HMAP_FOR_EACH (ga, node, &a->groups) {
        const struct sg_group *gb = sg_policy_group(b, &ga->id);
        struct sg_prefix_list added = SG_PREFIX_LIST_INITIALIZER;
        struct sg_prefix_list removed = SG_PREFIX_LIST_INITIALIZER;

        REQUIRE(gb != NULL);
        CHECK_EQ(ga->rules_state, gb->rules_state);
        CHECK_EQ(ga->members_state, gb->members_state);
        CHECK(sg_rules_spec_equals(&ga->rules, &gb->rules));
        CHECK_EQ(ga->rules.stateful, gb->rules.stateful);
        sg_members_diff(&ga->members, &gb->members, &added, &removed);
        CHECK_EQ(added.n + removed.n, 0);
        sg_prefix_list_uninit(&added);
        sg_prefix_list_uninit(&removed);
    }
}

/* All but revisions. */
static void
check_policies_equal(const struct policy_store *a_,
                     const struct policy_store *b_)
{
    const struct sg_policy *a = policy_store_policy(a_);
    const struct sg_policy *b = policy_store_policy(b_);
    const struct sg_port *pa;

    CHECK_EQ(hmap_count(&a->ports), hmap_count(&b->ports));
    HMAP_FOR_EACH (pa, node, &a->ports) {
        const struct sg_port *pb = sg_policy_port(b, &pa->id);

        REQUIRE(pb != NULL);
        CHECK_EQ(pa->state, pb->state);
        CHECK(pa->state == SG_ABSENT
              || sg_port_spec_equals(&pa->spec, &pb->spec));
    }
    check_groups_equal(a, b);
}

static struct policy_store *
there_and_back(const struct policy_store *ps)
{
    struct policy_store *other = new_store();
    struct last_good lg;
    size_t len;
    char *text = save(ps, &len);

    CHECK_EQ(len, strlen(text));
    REQUIRE(CHECK_NO_ERROR(load(text, len, &lg)));
    CHECK_EQ(lg.saved, 1700000001234);
    CHECK_EQ(lg.update.epoch.ms, EPOCH.ms);
    CHECK_EQ(lg.update.n_problems, 0);
    policy_store_update(other, &lg.update, 1000, NULL);
    sg_update_uninit(&lg.update);
    free(text);
    return other;
}

TEST(there_and_back_again)
{
    struct policy_store *ps = new_store();
    struct policy_store *other;

    apply(ps, POLICY);
    other = there_and_back(ps);
    check_policies_equal(ps, other);
    CHECK_EQ(sg_policy_group(policy_store_policy(other),
                             &(struct uuid[]) { policy_text_id("g2") }[0])
             ->members.n_hosts[SG_IPV4], 3);
    policy_store_destroy(other);
    policy_store_destroy(ps);
}

TEST(an_empty_policy)
{
    struct policy_store *ps = new_store();
    struct policy_store *other = there_and_back(ps);

    check_policies_equal(ps, other);
    policy_store_destroy(other);
    policy_store_destroy(ps);
}

/* What the controller deleted stays deleted, what it forgot stays in force,
 * and what it never told stays unknown. */
TEST(states_of_knowledge)
{
    struct policy_store *ps = new_store();
    struct policy_store *other;
    const struct sg_policy *policy;
    struct uuid id;

    apply(ps, POLICY);
    apply(ps, "deleted port p3 rev=20; deleted rules g2 rev=21;"
          "deleted members g3 rev=22; unknown port p2; unknown members g2");
    other = there_and_back(ps);
    policy = policy_store_policy(other);
    id = policy_text_id("p3");
    CHECK_EQ(sg_policy_port(policy, &id)->state, SG_DELETED);
    id = policy_text_id("p2");
    CHECK_EQ(sg_policy_port(policy, &id)->state, SG_KNOWN);
    id = policy_text_id("p4");
    CHECK_EQ(sg_policy_port(policy, &id)->state, SG_ABSENT);
    id = policy_text_id("g2");
    CHECK_EQ(sg_policy_group(policy, &id)->rules_state, SG_DELETED);
    CHECK_EQ(sg_policy_group(policy, &id)->members_state, SG_KNOWN);
    id = policy_text_id("g3");
    CHECK_EQ(sg_policy_group(policy, &id)->members_state, SG_DELETED);
    policy_store_destroy(other);
    policy_store_destroy(ps);
}

/* Revision 0 stands for "of an older epoch", and is no revision of a
 * message. */
TEST(revisions_of_an_older_epoch)
{
    struct policy_store *ps = new_store();
    struct policy_store *other;

    apply(ps, POLICY);
    policy_store_new_epoch(ps);
    other = there_and_back(ps);
    check_policies_equal(ps, other);
    policy_store_destroy(other);
    policy_store_destroy(ps);
}

/* The next whole object replaces what came from a file, whatever revision. */
TEST(a_controller_replaces_it)
{
    struct policy_store *ps = new_store();
    struct policy_store *other;
    struct store_object object;
    struct uuid id = policy_text_id("g2");

    apply(ps, POLICY);
    other = there_and_back(ps);
    policy_store_new_epoch(other);
    apply(other, "members g2 rev=1 +77");
    REQUIRE(policy_store_object(other, SG_KIND_MEMBERS, &id, &object));
    CHECK_EQ(object.revision, 1);
    CHECK_EQ(sg_members_count(&sg_policy_group(policy_store_policy(other),
                                               &id)->members), 1);
    policy_store_destroy(other);
    policy_store_destroy(ps);
}

static int
port_state(const struct policy_store *ps, const char *name)
{
    struct uuid id = policy_text_id(name);

    return sg_policy_port(policy_store_policy(ps), &id)->state;
}

/* A controller was faster than the file, and knows less: what it told counts,
 * the rest is as saved, and whatever it tells later replaces that. */
TEST(what_a_controller_does_not_know)
{
    struct policy_store *ps = new_store();
    struct policy_store *other = new_store();
    struct uuid g1 = policy_text_id("g1"), g2 = policy_text_id("g2");
    const struct sg_policy *policy = policy_store_policy(other);
    struct store_object object;
    struct last_good lg;
    size_t len;
    char *text;

    apply(ps, POLICY);
    apply(ps, "deleted port p3 rev=20");
    text = save(ps, &len);
    REQUIRE(CHECK_NO_ERROR(load(text, len, &lg)));

    /* Of g2 there is a member list, but no rules; p4 nobody knows. */
    apply(other, "port p2 rev=1 groups=g3; rules g3 rev=1 n=1 remote=g2;"
          "members g2 rev=2 +9; unknown port p1; unknown port p3;"
          "unknown port p4");
    CHECK_UEQ(policy_store_remember(other, &lg.update, 2000), 5);
    CHECK_EQ(port_state(other, "p1"), SG_ORPHANED);
    CHECK_EQ(port_state(other, "p2"), SG_KNOWN);
    CHECK_EQ(port_state(other, "p3"), SG_DELETED);
    CHECK_EQ(port_state(other, "p4"), SG_ABSENT);
    CHECK_EQ(sg_policy_group(policy, &g1)->rules_state, SG_ORPHANED);
    CHECK_UEQ(sg_policy_group(policy, &g1)->rules.n_rules, 5);
    CHECK_EQ(sg_policy_group(policy, &g2)->rules_state, SG_ORPHANED);
    REQUIRE(policy_store_object(other, SG_KIND_MEMBERS, &g2, &object));
    CHECK_EQ(object.state, SG_KNOWN);
    CHECK_EQ(object.revision, 2);
    CHECK_UEQ(sg_members_count(&sg_policy_group(policy, &g2)->members), 1);
    REQUIRE(policy_store_object(other, SG_KIND_RULES, &g1, &object));
    CHECK_EQ(object.revision, 0);
    CHECK(!policy_store_remember(other, &lg.update, 2000));

    apply(other, "rules g1 rev=1 n=1; port p3 rev=1 trusted");
    CHECK_EQ(sg_policy_group(policy, &g1)->rules_state, SG_KNOWN);
    CHECK_UEQ(sg_policy_group(policy, &g1)->rules.n_rules, 1);
    CHECK_EQ(port_state(other, "p3"), SG_KNOWN);
    sg_update_uninit(&lg.update);
    free(text);
    policy_store_destroy(other);
    policy_store_destroy(ps);
}

/* The controller's object was beyond a limit: the saved one is the last good,
 * and the complaint stays. */
TEST(what_a_controller_tells_and_is_refused)
{
    struct policy_store *ps = new_store();
    struct policy_store *other = new_store();
    struct ds text = DS_EMPTY_INITIALIZER;
    struct uuid g2 = policy_text_id("g2");
    struct store_object object;
    struct last_good lg;
    struct sg_ref ref;
    size_t len;
    char *saved;

    apply(ps, POLICY);
    saved = save(ps, &len);
    REQUIRE(CHECK_NO_ERROR(load(saved, len, &lg)));
    apply(other, "port p1 rev=1 groups=g1; rules g1 rev=1 n=1 remote=g2");
    ds_put_cstr(&text, "members g2 rev=2");
    for (int i = 1; i <= 1001; i++) {
        ds_put_format(&text, " +%d", i);
    }
    apply(other, ds_cstr(&text));
    policy_store_remember(other, &lg.update, 2000);
    REQUIRE(policy_store_object(other, SG_KIND_MEMBERS, &g2, &object));
    CHECK_EQ(object.state, SG_ORPHANED);
    CHECK_EQ(object.revision, 0);
    CHECK_CONTAINS(object.problem, "1001 members, more than 1000");
    CHECK(!policy_store_behind(other, sg_object_hash(SG_KIND_MEMBERS, &g2), 2,
                               &ref));
    ds_destroy(&text);
    sg_update_uninit(&lg.update);
    free(saved);
    policy_store_destroy(other);
    policy_store_destroy(ps);
}

/* Puts the right checksum in front of 'rest'. */
static char *
sign(const char *rest)
{
    char hex[SHA1_HEX_DIGEST_LEN + 1];
    uint8_t digest[SHA1_DIGEST_SIZE];

    sha1_bytes(rest, strlen(rest), digest);
    sha1_to_hex(digest, hex);
    return xasprintf("{\"format\": 1, \"sha1\": \"%s\"}\n%s", hex, rest);
}

static void
check_refused(const char *text, size_t len, const char *why)
{
    struct last_good lg = { .saved = 7 };

    CHECK_ERROR(load(text, len, &lg), why);
    CHECK_EQ(lg.saved, 7);
}

TEST(wrong_files)
{
    static const struct {
        const char *rest, *why;
    } cases[] = {
        { "", "malformed" },
        { "\n", "malformed" },
        { "{}\n{}", "malformed" },
        { "[]\n{}", "malformed" },
        { "{\"host\": 7, \"saved\": 1}\n{}", "malformed" },
        { "{\"host\": \"h1\", \"saved\": -1}\n{}", "malformed" },
        { "{\"host\": \"h1\", \"saved\": 1.5}\n{}", "malformed" },
        { "{\"host\": \"h1\", \"host\": \"h1\", \"saved\": 1}\n{}",
          "malformed" },
        { "{\"host\": \"h2\", \"saved\": 1}\n{}", "of another host, h2" },
        { "{\"host\": \"h\\u001b[2J\", \"saved\": 1}\n{}",
          "of another host, h\\x1b[2J" },
        { "{\"host\": \"h1\", \"saved\": 1}\n", "" },
        { "{\"host\": \"h1\", \"saved\": 1}\n{}", "answer" },
        { "{\"host\": \"h1\", \"saved\": 1}\n{\"epoch\": \"1-00000000\", "
          "\"sent\": 0, \"objects\": 3}", "answer.objects" },
        { "{\"host\": \"h1\", \"saved\": 1}\n[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
          "[[[[[[[[[[[[[[[[", "" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *text = sign(cases[i].rest);

        check_refused(text, strlen(text), cases[i].why);
        free(text);
    }
}

TEST(no_saved_policies)
{
    static const char *const texts[] = {
        "", "\n", "{}", "{}\n", "{\"format\": \"1\"}\n", "{\"format\": 0}\n",
        "[1]\n", "{\"sha1\": \"\"}\n", "\177ELF", "# host: h1\n",
    };
    char *zeros = xzalloc(5000);

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        check_refused(texts[i], strlen(texts[i]), "not a saved policy");
    }
    check_refused(zeros, 5000, "not a saved policy");
    free(zeros);
}

/* A newer program wrote it: whatever else is in it means nothing to us. */
TEST(a_newer_format)
{
    const char *text = "{\"format\": 2, \"crc\": 1}\nanything";

    check_refused(text, strlen(text), "of a newer format, 2");
}

TEST(a_file_too_long)
{
    char *text = xzalloc(1);

    check_refused(text, LAST_GOOD_MAX_BYTES + (size_t) 1, "longer than");
    free(text);
}

/* No bit may change, no byte be missing. */
TEST(every_damage_is_noticed)
{
    struct policy_store *ps = new_store();
    struct last_good lg;
    size_t len, n_missed = 0;
    char *text, *error;

    apply(ps, POLICY);
    text = save(ps, &len);
    for (size_t i = 0; i < len; i++) {
        text[i] ^= 1 << i % 8;
        error = load(text, len, &lg);
        if (!error) {
            n_missed++;
            sg_update_uninit(&lg.update);
        }
        free(error);
        text[i] ^= 1 << i % 8;
    }
    for (size_t cut = 0; cut < len; cut++) {
        error = load(text, cut, &lg);
        if (!error) {
            n_missed++;
            sg_update_uninit(&lg.update);
        }
        free(error);
    }
    CHECK_EQ(n_missed, 0);
    REQUIRE(CHECK_NO_ERROR(load(text, len, &lg)));
    sg_update_uninit(&lg.update);
    free(text);
    policy_store_destroy(ps);
}

TEST(when_it_is_due)
{
    struct last_good_pace p;

    last_good_pace_init(&p);
    /* Not right after the first answer. */
    CHECK(!last_good_due(&p, 3, 100000));
    CHECK(!last_good_due(&p, 3, 104999));
    CHECK(last_good_due(&p, 3, 105000));
    last_good_began(&p, 3, 105000);

    /* One at a time. */
    CHECK(!last_good_due(&p, 4, 999999));
    last_good_ended(&p, true, 1000, 105010);

    /* A change, and not more often than every five seconds. */
    CHECK(!last_good_due(&p, 3, 999999));
    CHECK(!last_good_due(&p, 4, 109999));
    CHECK(last_good_due(&p, 4, 110000));
    last_good_began(&p, 4, 110000);

    /* 40 ms of processor time are worth 8 s. */
    last_good_ended(&p, true, 40000, 110100);
    CHECK(!last_good_due(&p, 5, 118099));
    CHECK(last_good_due(&p, 5, 118100));
}

TEST(after_a_failure)
{
    struct last_good_pace p;

    last_good_pace_init(&p);
    last_good_due(&p, 3, 0);
    last_good_began(&p, 3, 5000);
    last_good_ended(&p, false, 1000, 6000);
    CHECK(!last_good_due(&p, 3, 65999));
    CHECK(last_good_due(&p, 3, 66000));
    CHECK(last_good_due_at_exit(&p, 3));
}

TEST(at_exit)
{
    struct last_good_pace p;

    last_good_pace_init(&p);
    CHECK(last_good_due_at_exit(&p, 3));
    last_good_due(&p, 3, 0);
    last_good_began(&p, 3, 5000);
    CHECK(!last_good_due_at_exit(&p, 3));
    CHECK(last_good_due_at_exit(&p, 4));
}
