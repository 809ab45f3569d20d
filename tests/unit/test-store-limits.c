/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The limits of the policy store, at the limit and one beyond: the last good
 * stays, other objects are unharmed, and what there is is counted right. */

#include <config.h>
#include "agent/policy_store.h"

#include <stdio.h>
#include <stdlib.h>

#include "agent/config.h"
#include "agent/report.h"
#include "rpc/message.h"
#include "tests/lib/policy-text.h"
#include "tests/lib/test.h"
#include "tests/lib/update-text.h"
#include "util.h"
#include "uuid.h"

static const struct policy_store_limits LIMITS = {
    .members = 8, .rules_per_port = 6, .groups = 6, .ports = 2,
    .set_entries = 12,
};

static struct policy_store *
create(const struct policy_store_limits *limits)
{
    struct policy_store *ps = policy_store_create(limits);
    struct local_port locals[2];

    memset(locals, 0, sizeof locals);
    for (int i = 0; i < 2; i++) {
        char name[] = "p1";

        name[1] += i;
        locals[i].id = policy_text_id(name);
        locals[i].binding.plug = SG_PLUG_HYBRID;
        snprintf(locals[i].binding.device, sizeof locals[i].binding.device,
                 "tap-%s", name);
    }
    policy_store_set_local(ps, locals, 2);
    return ps;
}

/* "2 taken" or "1 taken, 1 refused". */
static const char *
apply(struct policy_store *ps, const char *text)
{
    static char result[64];
    struct policy_store_applied n;
    struct sg_update update;

    update_text_parse(&update, SG_METHOD_SYNC, text);
    n = policy_store_update(ps, &update, 1000, NULL);
    sg_update_uninit(&update);
    snprintf(result, sizeof result, n.n_refused ? "%d taken, %d refused"
             : "%d taken", (int) n.n_accepted, (int) n.n_refused);
    return result;
}

static const char *
problem(const struct policy_store *ps, enum sg_kind kind, const char *name)
{
    struct uuid id = policy_text_id(name);
    struct store_object object;

    REQUIRE(policy_store_object(ps, kind, &id, &object));
    return object.problem ? object.problem : "none";
}

static size_t
n_members(const struct policy_store *ps, const char *name)
{
    struct uuid id = policy_text_id(name);
    const struct sg_group *g = sg_policy_group(policy_store_policy(ps), &id);

    return g ? sg_members_count(&g->members) : 0;
}

static struct policy_store_usage
usage(const struct policy_store *ps)
{
    struct policy_store_usage u;

    policy_store_get_usage(ps, &u);
    return u;
}

/* What is counted is what is there. */
static void
check_entries(const struct policy_store *ps, size_t expected)
{
    const struct sg_group *g;
    size_t n = 0;

    HMAP_FOR_EACH (g, node, &policy_store_policy(ps)->groups) {
        n += sg_members_count(&g->members);
    }
    CHECK_UEQ(n, expected);
    CHECK_UEQ(usage(ps).set_entries, expected);
}

/* p1 needs the members of g1, g2 and g3, of which there are 8, 3 and none. */
static struct policy_store *
three_groups(void)
{
    struct policy_store *ps = create(&LIMITS);

    CHECK_STR(apply(ps, "port p1 rev=1 groups=g1;"
                    "rules g1 rev=1 remote=g1,g2,g3;"
                    "members g1 rev=1 +1 +2 +3 +4 +5 +6 +7 +8;"
                    "members g2 rev=1 +11 +12 +13; members g3 rev=1"),
              "5 taken");
    check_entries(ps, 11);
    return ps;
}

TEST(set_entries)
{
    struct policy_store *ps = three_groups();

    /* One beyond, as a whole list and as a change; nothing of it is taken. */
    CHECK_STR(apply(ps, "members g3 rev=2 +21 +22"), "0 taken, 1 refused");
    CHECK_STR(problem(ps, SG_KIND_MEMBERS, "g3"), "2 members would make 13 "
              "of all groups on this host, more than 12");
    CHECK_STR(apply(ps, "members g2 rev=2 prev=1 +14 +15"),
              "0 taken, 1 refused");
    CHECK_UEQ(n_members(ps, "g3"), 0);
    CHECK_UEQ(n_members(ps, "g2"), 3);
    check_entries(ps, 11);
    CHECK_UEQ(usage(ps).refused[STORE_LIMIT_SET_ENTRIES], 2);

    /* Others are unharmed, in the same message, too. */
    CHECK_STR(apply(ps, "rules g1 rev=2 remote=g1,g2,g3 n=1;"
                    "members g3 rev=2 +21 +22"), "1 taken, 1 refused");

    /* At the limit. */
    CHECK_STR(apply(ps, "members g3 rev=2 +21"), "1 taken");
    CHECK_STR(problem(ps, SG_KIND_MEMBERS, "g3"), "none");
    check_entries(ps, 12);

    /* One goes for one that comes; what is there already is not new. */
    CHECK_STR(apply(ps, "members g2 rev=2 prev=1 +14 -13"), "1 taken");
    CHECK_STR(apply(ps, "members g2 rev=3 prev=2 +14 +12"), "1 taken");
    CHECK_STR(apply(ps, "members g3 rev=3 +22"), "1 taken");
    CHECK_STR(apply(ps, "members g3 rev=4 prev=3 +23 +23 -22 -22"),
              "1 taken");
    CHECK_STR(apply(ps, "members g3 rev=5 +23 +23"), "1 taken");
    check_entries(ps, 12);
    policy_store_destroy(ps);
}

TEST(room_comes_back)
{
    struct policy_store *ps = three_groups();
    static const char list[] = "members g3 rev=2 +21 +22 +23 +24";

    CHECK_STR(apply(ps, list), "0 taken, 1 refused");
    CHECK_STR(apply(ps, "members g1 rev=2 prev=1 -1 -2 -3"), "1 taken");
    CHECK_STR(apply(ps, list), "1 taken");
    check_entries(ps, 12);

    CHECK_STR(apply(ps, "members g3 rev=3 +21 +22 +23 +24 +25 +26"),
              "0 taken, 1 refused");
    CHECK_UEQ(n_members(ps, "g3"), 4);
    CHECK_STR(apply(ps, "deleted members g2 rev=2"), "1 taken");
    check_entries(ps, 9);
    CHECK_STR(apply(ps, "members g3 rev=3 +21 +22 +23 +24 +25 +26"),
              "1 taken");
    check_entries(ps, 11);

    /* Members that nothing needs any more go after a while. */
    CHECK_STR(apply(ps, "rules g1 rev=2 remote=g2,g3"), "1 taken");
    check_entries(ps, 11);
    policy_store_expire(ps, 2000, 1000);
    policy_store_expire(ps, 3000, 1000);
    check_entries(ps, 6);
    CHECK_STR(apply(ps, "members g2 rev=3 +11 +12 +13 +14 +15 +16"),
              "1 taken");
    check_entries(ps, 12);
    policy_store_destroy(ps);
}

/* What does not grow is never refused: it could not be got rid of. */
TEST(less_is_always_taken)
{
    struct policy_store *ps = three_groups();

    CHECK_STR(apply(ps, "members g1 rev=2 +1 +2 +3 +4 +5 +6 +7"), "1 taken");
    CHECK_STR(apply(ps, "members g1 rev=3 prev=2 -1"), "1 taken");
    CHECK_STR(apply(ps, "members g1 rev=4"), "1 taken");
    check_entries(ps, 3);
    policy_store_destroy(ps);
}

TEST(members_of_a_group)
{
    struct policy_store *ps = three_groups();

    CHECK_STR(apply(ps, "members g1 rev=2 prev=1 +9"), "0 taken, 1 refused");
    CHECK_STR(problem(ps, SG_KIND_MEMBERS, "g1"), "9 members, more than 8");
    CHECK_UEQ(n_members(ps, "g1"), 8);
    CHECK_UEQ(usage(ps).refused[STORE_LIMIT_MEMBERS], 1);
    CHECK_UEQ(usage(ps).refused[STORE_LIMIT_SET_ENTRIES], 0);
    /* A list in which members stand twice. */
    CHECK_STR(apply(ps, "members g1 rev=2 +1 +1 +2 +2 +3 +3 +4 +4 +5"),
              "1 taken");
    CHECK_UEQ(n_members(ps, "g1"), 5);
    policy_store_destroy(ps);
}

/* Remotes that are named by many rules are one group each. */
TEST(groups_are_counted_once)
{
    struct policy_store *ps = three_groups();

    CHECK_STR(apply(ps, "rules g1 rev=2 remote=g4,g4,g5,g5,g6,g6"),
              "1 taken");
    CHECK_UEQ(usage(ps).n_groups, 6);
    CHECK_STR(apply(ps, "rules g1 rev=3 remote=g7"), "0 taken, 1 refused");
    CHECK_STR(problem(ps, SG_KIND_RULES, "g1"), "its remotes would make more "
              "than 6 groups on this host");
    CHECK_UEQ(usage(ps).refused[STORE_LIMIT_GROUPS], 1);
    CHECK_UEQ(usage(ps).n_groups, 6);
    policy_store_destroy(ps);
}

/* A group that lingers has rules already; with a port its remotes come. */
TEST(remotes_of_a_group_that_lingered_count)
{
    struct policy_store *ps = create(&LIMITS);

    CHECK_STR(apply(ps, "port p1 rev=1 groups=g1; rules g1 rev=1 n=1"),
              "2 taken");
    CHECK_STR(apply(ps, "port p1 rev=2 groups=g9"), "1 taken");
    CHECK_STR(apply(ps, "rules g1 rev=2 remote=g2,g3,g4,g5,g6"), "1 taken");
    CHECK_UEQ(usage(ps).n_groups, 2);
    /* Would make seven. */
    CHECK_STR(apply(ps, "port p2 rev=1 groups=g1"), "0 taken, 1 refused");
    CHECK_STR(apply(ps, "rules g1 rev=3 remote=g2,g3,g4,g5"), "1 taken");
    CHECK_STR(apply(ps, "port p2 rev=1 groups=g1"), "1 taken");
    CHECK_UEQ(usage(ps).n_groups, 6);
    policy_store_destroy(ps);
}

TEST(usage_names_the_largest)
{
    struct policy_store *ps = three_groups();
    struct policy_store_usage u;
    struct uuid g1 = policy_text_id("g1"), p1 = policy_text_id("p1");
    struct uuid p2 = policy_text_id("p2");

    CHECK_STR(apply(ps, "port p2 rev=1 groups=g1,g2 ip=10.0.0.1 ip=10.0.0.2 "
                    "pair=10.1.0.0/24; rules g2 rev=1 n=1"), "2 taken");
    u = usage(ps);
    CHECK_UEQ(u.n_ports, 2);
    CHECK_UEQ(u.n_groups, 3);
    CHECK_UEQ(u.members.n, 8);
    CHECK(uuid_equals(&u.members.id, &g1));
    CHECK_UEQ(u.rules.n, 3);
    CHECK(uuid_equals(&u.rules.id, &g1));
    CHECK_UEQ(u.rules_per_port.n, 4);
    CHECK(uuid_equals(&u.rules_per_port.id, &p2));
    CHECK_UEQ(u.groups_per_port.n, 2);
    CHECK_UEQ(u.pairs_per_port.n, 2);
    CHECK_STR(apply(ps, "port p2 rev=2"), "1 taken");
    u = usage(ps);
    CHECK_UEQ(u.rules_per_port.n, 3);
    CHECK(uuid_equals(&u.rules_per_port.id, &p1));
    CHECK_UEQ(u.pairs_per_port.n, 0);
    CHECK(uuid_is_zero(&u.pairs_per_port.id));
    policy_store_destroy(ps);
}

/* The same ports are looked at each time a link changes. */
TEST(ports_are_refused_once)
{
    struct policy_store *ps = create(&LIMITS);
    struct local_port locals[3];

    memset(locals, 0, sizeof locals);
    locals[0].id = policy_text_id("p1");
    locals[1].id = policy_text_id("p2");
    locals[2].id = policy_text_id("p3");
    policy_store_set_local(ps, locals, 3);
    policy_store_set_local(ps, locals, 3);
    CHECK_UEQ(usage(ps).refused[STORE_LIMIT_PORTS], 1);
    CHECK_UEQ(usage(ps).n_ports, 2);
    policy_store_set_local(ps, locals, 2);
    policy_store_set_local(ps, locals, 3);
    CHECK_UEQ(usage(ps).refused[STORE_LIMIT_PORTS], 2);
    policy_store_destroy(ps);
}

TEST(the_document)
{
    static const char text[] = "limits: {members: 8, set_entries: 12}\n";
    struct policy_store *ps = three_groups();
    uint64_t rpc_refused[RPC_N_LIMITS] = {
        [RPC_LIMIT_BODY] = 1, [RPC_LIMIT_MEMBERS] = 2,
        [RPC_LIMIT_SET_ENTRIES] = 3,
    };
    struct config *config;
    struct uuid g1 = policy_text_id("g1");
    char *got, *expected;

    REQUIRE(CHECK_NO_ERROR(config_parse(text, strlen(text), "t", "h",
                                        &config)));
    apply(ps, "members g1 rev=2 prev=1 +9");
    apply(ps, "members g3 rev=2 +21 +22");
    got = report_limits(&(struct report_limits) {
        config, ps, rpc_refused, 7,
    });
    CHECK_CONTAINS(got, "{\"name\":\"body\",\"limit\":8388608,\"in_use\":null,"
                   "\"of\":null,\"id\":null,\"refused\":1}");
    expected = xasprintf("{\"name\":\"members\",\"limit\":8,\"in_use\":8,"
                         "\"of\":\"group\",\"id\":\""UUID_FMT"\","
                         "\"refused\":3}", UUID_ARGS(&g1));
    CHECK_CONTAINS(got, expected);
    free(expected);
    CHECK_CONTAINS(got, "{\"name\":\"set_entries\",\"limit\":12,\"in_use\":11,"
                   "\"of\":\"host\",\"id\":null,\"refused\":4}");
    CHECK_CONTAINS(got, "{\"name\":\"ports\",\"limit\":4096,\"in_use\":2,"
                   "\"of\":\"host\",\"id\":null,\"refused\":0}");
    CHECK_CONTAINS(got, "{\"name\":\"pairs_per_port\",\"limit\":256,"
                   "\"in_use\":0,\"of\":\"port\",\"id\":null,\"refused\":0}");
    CHECK_CONTAINS(got, "{\"name\":\"log_lines\",\"limit\":100,"
                   "\"in_use\":null,\"of\":null,\"id\":null,\"refused\":7}");

    /* Every key of the section is shown. */
    for (size_t i = 0; config_key(i); i++) {
        if (!strncmp(config_key(i), "limits.", 7)) {
            char *name = xasprintf("\"name\":\"%s\"", config_key(i) + 7);

            CHECK_CONTAINS(got, name);
            free(name);
        }
    }
    free(got);
    config_destroy(config);
    policy_store_destroy(ps);
}
