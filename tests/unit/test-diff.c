/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* From one topology to the next: what changed, at which revisions, which
 * messages leave, and what the beacon says of it. */

#include <config.h>
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "openvswitch/dynamic-string.h"
#include "rpc/message.h"
#include "tools/sg-controller/beacon.h"
#include "tools/sg-controller/core.h"
#include "tools/sg-controller/diff.h"
#include "tools/sg-controller/entry_cache.h"
#include "tools/sg-controller/interest.h"
#include "tools/sg-controller/publish.h"
#include "tools/sg-controller/ref_set.h"
#include "tools/sg-controller/state.h"
#include "tools/sg-controller/topology.h"
#include "util.h"
#include "uuid.h"

#define G1 "5ec00000-0000-4000-8000-000000000001"
#define G2 "5ec00000-0000-4000-8000-000000000002"
#define AG "adc00000-0000-4000-8000-000000000001"
#define P1 "90000000-0000-4000-8000-000000000001"
#define P2 "90000000-0000-4000-8000-000000000002"
#define P3 "90000000-0000-4000-8000-000000000003"

#define GROUP(ID) "- {id: "ID"}\n"
#define GROUP_SSH(ID) "- {id: "ID", rules: " \
    "[{id: 5ec00000-0001-4000-8000-000000000001, direction: ingress, " \
    "ethertype: IPv4, protocol: tcp, port_range_min: 22, " \
    "port_range_max: 22}]}\n"
#define PORT(ID, IP, GROUPS) "- {id: "ID", " \
    "mac_address: '02:00:00:00:00:01', fixed_ips: ["IP"], " \
    "security_groups: ["GROUPS"]}\n"

static const struct sg_epoch epoch = { 1700000000000, 0xabcd };

static struct topology *
parse(const char *groups, const char *ports)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct topology *topology = NULL;
    struct rpc_limits limits;

    ds_put_format(&ds, "groups:\n%s%s\nports:\n%s%s\n",
                  groups, *groups ? "" : " []", ports, *ports ? "" : " []");
    rpc_limits_default(&limits);
    REQUIRE(CHECK_NO_ERROR(topology_parse(ds_cstr(&ds), ds.length, "t",
                                          &limits, &topology)));
    ds_destroy(&ds);
    return topology;
}

/* A state with its interest, and what the last load() did. */
struct fixture {
    struct state *state;
    struct interest *interest;
    struct entry_cache *cache;
    struct change_list changes;
    long long int now;
};

static void
setup(struct fixture *f)
{
    const struct entry_cache_config cache = {
        ENTRY_CACHE_MAX_BYTES, RPC_PAGE_BYTES, CORE_PART_MEMBERS
    };

    memset(f, 0, sizeof *f);
    f->state = state_create(&epoch);
    f->interest = interest_create(INTEREST_MAX_TOTAL);
    f->cache = entry_cache_create(&cache);
    f->now = 1000;
}

static void
teardown(struct fixture *f)
{
    change_list_uninit(&f->changes);
    entry_cache_destroy(f->cache);
    interest_destroy(f->interest);
    state_destroy(f->state);
}

static void
load(struct fixture *f, const char *groups, const char *ports)
{
    change_list_uninit(&f->changes);
    state_replace(f->state, parse(groups, ports), f->now, &f->changes);
}

static char *
last_digits(const struct uuid *uuid, char buf[3])
{
    snprintf(buf, 3, "%x", uuid->parts[3] & 0xf);
    return buf;
}

/* "rules~1@5<4": what, how, the last digit of its id, revision, before. */
static void
check_changes_at(const char *file, int line, const struct fixture *f,
                 const char *expected)
{
    static const char types[] = {
        [CHANGE_CREATED] = '+', [CHANGE_UPDATED] = '~', [CHANGE_DELETED] = '-',
    };
    struct ds ds = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < f->changes.n; i++) {
        const struct change *c = &f->changes.changes[i];
        char digits[3];

        ds_put_format(&ds, "%s%s%c%s@%"PRId64"<%"PRId64, i ? " " : "",
                      sg_kind_name(c->kind), types[c->type],
                      last_digits(&c->id, digits), c->revision, c->prev);
        if (c->added.n || c->removed.n) {
            ds_put_format(&ds, "(+%zu-%zu)", c->added.n, c->removed.n);
        }
    }
    test_check_str(ds_cstr(&ds), expected, "changes", "expected", file, line);
    ds_destroy(&ds);
}
#define CHECK_CHANGES(F, TEXT) check_changes_at(__FILE__, __LINE__, F, TEXT)

/* Declares that 'host' needs these objects, and nothing else. */
static void
want(struct fixture *f, const char *host, const char *const ids[],
     const enum sg_kind kinds[], size_t n)
{
    struct sg_sync_request request;
    struct interest_host *known;
    struct ref_set set;

    memset(&request, 0, sizeof request);
    request.host = xstrdup(host);
    request.boot = xstrdup("b");
    ref_set_init(&set);
    for (size_t i = 0; i < n; i++) {
        struct uuid uuid;

        REQUIRE(sg_id_from_string(ids[i], &uuid));
        ref_set_add(&set, kinds[i], &uuid, 0);
    }
    CHECK_NO_ERROR(interest_sync(f->interest, &request, &set, f->now,
                                 &known));
    ref_set_destroy(&set);
    sg_sync_request_uninit(&request);
}
#define WANT1(F, HOST, KIND, ID) \
    want(F, HOST, (const char *const[]) { ID }, \
         (const enum sg_kind[]) { SG_KIND_##KIND }, 1)

static void
publish(const struct fixture *f, struct ovs_list *list)
{
    const struct publish_context context = {
        f->state, f->interest, f->cache, 0
    };

    publish_changes(&context, &f->changes, list);
}

/* Method, key or exchange, and size of every message, one a line. */
static void
check_published_at(const char *file, int line, const struct fixture *f,
                   const char *expected)
{
    struct ovs_list list = OVS_LIST_INITIALIZER(&list);
    struct publication *p;
    struct ds ds = DS_EMPTY_INITIALIZER;

    publish(f, &list);
    LIST_FOR_EACH_POP (p, node, &list) {
        const struct sg_update *u = &p->update;

        test_check(!sg_epoch_compare(&u->epoch, &epoch), "epoch", file, line);
        ds_put_format(&ds, "%s %s", sg_method_name(u->method),
                      p->routing_key[0] ? p->routing_key : p->exchange);
        if (u->n_members) {
            ds_put_format(&ds, u->members->whole ? " =%zu" : " +%zu-%zu<%lld",
                          u->members->added.n, u->members->removed.n,
                          (long long int) u->members->prev);
        }
        ds_put_format(&ds, " %zu\n", u->n_ports + u->n_rules + u->n_members
                      + u->n_deleted);
        publication_destroy(p);
    }
    test_check_str(ds_cstr(&ds), expected, "published", "expected", file,
                   line);
    ds_destroy(&ds);
}
#define CHECK_PUBLISHED(F, TEXT) \
    check_published_at(__FILE__, __LINE__, F, TEXT)

TEST(revisions_count_on)
{
    struct fixture f;

    setup(&f);
    load(&f, GROUP(G1), PORT(P1, "10.0.0.1", G1));
    CHECK_CHANGES(&f, "rules+1@1<0 port+1@2<0 members+1@3<0");
    load(&f, GROUP(G1), PORT(P1, "10.0.0.1", G1));
    CHECK_CHANGES(&f, "");
    CHECK_EQ(state_revision(f.state), 3);
    load(&f, GROUP_SSH(G1), PORT(P1, "10.0.0.1", G1));
    CHECK_CHANGES(&f, "rules~1@4<1");
    load(&f, GROUP_SSH(G1),
         PORT(P1, "10.0.0.1", G1) PORT(P2, "10.0.0.2", G1));
    CHECK_CHANGES(&f, "port+2@5<0 members~1@6<3(+1-0)");
    /* Taking away comes first. */
    load(&f, GROUP(G1), PORT(P1, "10.0.0.3", G1));
    CHECK_CHANGES(&f, "members~1@7<6(+0-2) port-2@8<5 port~1@9<2 "
                  "rules~1@10<4 port~1@11<9 members~1@12<7(+1-0)");
    teardown(&f);
}

TEST(a_shared_address_is_no_change)
{
    struct fixture f;

    setup(&f);
    load(&f, GROUP(G1), PORT(P1, "10.0.0.1", G1) PORT(P2, "10.0.0.1", G1));
    load(&f, GROUP(G1), PORT(P2, "10.0.0.1", G1));
    CHECK_CHANGES(&f, "port-1@5<2");
    load(&f, GROUP(G1), "");
    CHECK_CHANGES(&f, "members~1@6<4(+0-1) port-2@7<3");
    teardown(&f);
}

TEST(deleted_is_remembered_and_revisions_never_restart)
{
    int64_t revision;
    struct uuid g1;
    struct fixture f;

    setup(&f);
    REQUIRE(sg_id_from_string(G1, &g1));
    CHECK_EQ(state_find(f.state, SG_KIND_RULES, &g1, &revision),
             STATE_UNKNOWN);
    CHECK_EQ(revision, 0);
    load(&f, GROUP(G1), "");
    CHECK_EQ(state_find(f.state, SG_KIND_RULES, &g1, &revision),
             STATE_PRESENT);
    CHECK_EQ(revision, 1);

    /* Both halves of a group go at one revision: one message says it. */
    load(&f, "", "");
    CHECK_CHANGES(&f, "rules-1@3<1 members-1@3<2");
    CHECK_EQ(state_find(f.state, SG_KIND_MEMBERS, &g1, &revision),
             STATE_DELETED);
    CHECK_EQ(revision, 3);
    CHECK_UEQ(state_n_tombstones(f.state), 2);

    load(&f, GROUP(G1), "");
    CHECK_CHANGES(&f, "rules+1@4<0 members+1@5<0");
    CHECK_UEQ(state_n_tombstones(f.state), 0);

    /* Forgotten after a while, and counted on even so. */
    load(&f, "", "");
    f.now += STATE_TOMBSTONE_MS - 1;
    state_expire(f.state, f.now);
    CHECK_EQ(state_find(f.state, SG_KIND_RULES, &g1, &revision),
             STATE_DELETED);
    state_expire(f.state, f.now + 1);
    CHECK_EQ(state_find(f.state, SG_KIND_RULES, &g1, &revision),
             STATE_UNKNOWN);
    CHECK_UEQ(state_n_tombstones(f.state), 0);
    load(&f, GROUP(G1), "");
    CHECK_CHANGES(&f, "rules+1@7<0 members+1@8<0");
    teardown(&f);
}

TEST(only_what_is_wanted_is_published)
{
    struct fixture f;

    setup(&f);
    load(&f, GROUP(G1) GROUP(G2), PORT(P1, "10.0.0.1", G1));
    CHECK_PUBLISHED(&f, "");
    WANT1(&f, "h1", MEMBERS, G1);
    WANT1(&f, "h2", RULES, G2);
    load(&f, GROUP_SSH(G1) GROUP(G2),
         PORT(P1, "10.0.0.1", G1) PORT(P2, "10.0.0.2", G1)
         PORT(P3, "10.0.0.3", G2));
    CHECK_PUBLISHED(&f, "members_changed sg-members."G1"_fanout "
                    "+1-0<4 1\n");
    /* A new full sync takes the place of the one before. */
    WANT1(&f, "h1", RULES, G1);
    load(&f, GROUP(G1) GROUP_SSH(G2), "");
    CHECK_PUBLISHED(&f, "rules_updated sg-rules."G1"_fanout 1\n"
                    "rules_updated sg-rules."G2"_fanout 1\n");
    teardown(&f);
}

TEST(interest_is_bounded_over_all_hosts)
{
    static const enum sg_kind kinds[] = { SG_KIND_PORT, SG_KIND_PORT };
    struct sg_sync_request request = {
        .host = CONST_CAST(char *, "h3"), .boot = CONST_CAST(char *, "b"),
    };
    struct interest_host *known;
    struct ref_set set;
    struct fixture f;
    struct uuid id;

    setup(&f);
    interest_destroy(f.interest);
    f.interest = interest_create(4);
    want(&f, "h1", (const char *const[]) { P1, P2 }, kinds, 2);
    want(&f, "h2", (const char *const[]) { P1, P2 }, kinds, 2);
    CHECK_UEQ(interest_total(f.interest), 4);

    /* A third one is refused and leaves no trace, unasked as well. */
    ref_set_init(&set);
    REQUIRE(sg_id_from_string(P3, &id));
    ref_set_add(&set, SG_KIND_PORT, &id, 0);
    CHECK_ERROR(interest_sync(f.interest, &request, &set, f.now, &known),
                "more objects than the limit of 4 for all hosts");
    CHECK_UEQ(interest_count(f.interest), 2);
    CHECK(!interest_add(f.interest, "h1", SG_KIND_PORT, &id));
    CHECK(!interest_any(f.interest, SG_KIND_PORT, &id));

    /* Who asks for other things gives back what it had. */
    want(&f, "h2", (const char *const[]) { P3, P2 }, kinds, 2);
    CHECK_UEQ(interest_total(f.interest), 4);
    WANT1(&f, "h1", PORT, P1);
    CHECK_NO_ERROR(interest_sync(f.interest, &request, &set, f.now, &known));
    CHECK_UEQ(interest_total(f.interest), 4);
    ref_set_destroy(&set);
    interest_expire(f.interest, f.now + INTEREST_SILENCE_MS + 1);
    CHECK_UEQ(interest_total(f.interest), 0);
    teardown(&f);
}

TEST(ports_go_to_every_host_that_asked)
{
    struct fixture f;

    setup(&f);
    load(&f, GROUP(G1), PORT(P1, "10.0.0.1", ""));
    WANT1(&f, "h2", PORT, P1);
    /* P2 does not exist yet; whoever asked hears of it when it does. */
    want(&f, "h1", (const char *const[]) { P1, P2 },
         (const enum sg_kind[]) { SG_KIND_PORT, SG_KIND_PORT }, 2);
    load(&f, GROUP(G1),
         PORT(P1, "10.0.0.9", "") PORT(P2, "10.0.0.2", ""));
    CHECK_PUBLISHED(&f, "ports_updated sg-agent.h1 2\n"
                    "ports_updated sg-agent.h2 1\n");
    load(&f, GROUP(G1), "");
    CHECK_PUBLISHED(&f, "ports_deleted sg-agent.h1 2\n"
                    "ports_deleted sg-agent.h2 1\n");
    /* Nobody for ten minutes: nobody is told. */
    interest_expire(f.interest, f.now + INTEREST_SILENCE_MS + 1);
    CHECK_UEQ(interest_count(f.interest), 0);
    CHECK_PUBLISHED(&f, "");
    teardown(&f);
}

/* It must not get what the group of a port that goes gives to others. */
TEST(a_port_that_goes_goes_before_rules_come)
{
    struct fixture f;

    setup(&f);
    load(&f, GROUP(G1), PORT(P1, "10.0.0.1", G1) PORT(P2, "10.0.0.2", G1));
    load(&f, GROUP_SSH(G1), PORT(P2, "10.0.0.3", G1));
    CHECK_CHANGES(&f, "members~1@5<4(+0-2) port-1@6<2 port~2@7<3 "
                  "rules~1@8<1 port~2@9<7 members~1@10<5(+1-0)");
    teardown(&f);
}

/* Nor must a port that leaves a group get what the group is given. */
TEST(a_port_leaves_before_rules_come)
{
    struct fixture f;

    setup(&f);
    load(&f, GROUP(G1) GROUP(G2), PORT(P1, "10.0.0.1", G1));
    WANT1(&f, "h1", PORT, P1);
    load(&f, GROUP_SSH(G1) GROUP(G2), PORT(P1, "10.0.0.1, 10.0.0.9", G2));
    CHECK_CHANGES(&f, "members~1@6<4(+0-1) port~1@7<3 rules~1@8<1 "
                  "members~2@9<5(+2-0)");
    /* What it keeps its group with: an address. */
    load(&f, GROUP(G1) GROUP_SSH(G2), PORT(P1, "10.0.0.1", G2));
    CHECK_CHANGES(&f, "members~2@10<9(+0-1) port~1@11<7 rules~1@12<8 "
                  "rules~2@13<2");
    teardown(&f);
}

/* A port that loses all its addresses may send from any: what it has in
 * between is none. */
TEST(a_port_loses_its_last_address)
{
    struct ovs_list list = OVS_LIST_INITIALIZER(&list);
    const struct sg_port_spec *port;
    struct publication *p;
    struct fixture f;

    setup(&f);
    load(&f, GROUP_SSH(G1), PORT(P1, "10.0.0.1", G1));
    WANT1(&f, "h1", PORT, P1);
    load(&f, GROUP(G1), PORT(P1, "", G1));
    CHECK_CHANGES(&f, "members~1@4<3(+0-1) port~1@5<2 rules~1@6<1 "
                  "port~1@7<5");
    publish(&f, &list);
    p = CONTAINER_OF(ovs_list_front(&list), struct publication, node);
    REQUIRE(p->update.n_ports == 1);
    port = &p->update.ports[0];
    CHECK_UEQ(port->n_fixed_ips, 0);
    REQUIRE(CHECK_UEQ(port->n_pairs, 1));
    CHECK_UEQ(port->pairs[0].prefix.plen, 128);
    p = CONTAINER_OF(ovs_list_back(&list), struct publication, node);
    REQUIRE(p->update.n_ports == 1);
    port = &p->update.ports[0];
    REQUIRE(CHECK_UEQ(port->n_pairs, 2));
    CHECK_UEQ(port->pairs[0].prefix.plen, 0);
    LIST_FOR_EACH_POP (p, node, &list) {
        publication_destroy(p);
    }
    teardown(&f);
}

/* Nor one that joins what is taken from the group. */
TEST(a_port_joins_after_rules_went)
{
    struct fixture f;

    setup(&f);
    load(&f, GROUP(G1) GROUP_SSH(G2), PORT(P1, "10.0.0.1", G1));
    load(&f, GROUP(G1) GROUP(G2), PORT(P1, "10.0.0.1", G2));
    CHECK_CHANGES(&f, "members~1@6<4(+0-1) rules~2@7<2 port~1@8<3 "
                  "members~2@9<5(+1-0)");
    /* A group that is new has had nothing. */
    load(&f, GROUP_SSH(G1), PORT(P1, "10.0.0.1", G1));
    CHECK_CHANGES(&f, "rules~1@10<1 port~1@11<8 members~1@12<6(+1-0) "
                  "rules-2@13<7 members-2@13<9");
    teardown(&f);
}

/* Both at once: what it loses, the rules, what it gains. */
TEST(a_port_moves_between_rules_that_change)
{
    struct ovs_list list = OVS_LIST_INITIALIZER(&list);
    struct publication *p;
    struct fixture f;
    struct uuid g2;

    setup(&f);
    REQUIRE(sg_id_from_string(G2, &g2));
    load(&f, GROUP(G1) GROUP_SSH(G2), PORT(P1, "10.0.0.1", G1)
         PORT(P2, "10.0.0.2", G1));
    want(&f, "h1", (const char *const[]) { P1, P2, G1, G2 },
         (const enum sg_kind[]) { SG_KIND_PORT, SG_KIND_PORT, SG_KIND_RULES,
                                  SG_KIND_RULES }, 4);
    load(&f, GROUP_SSH(G1) GROUP(G2), PORT(P1, "10.0.0.1, 10.0.0.9", G2)
         PORT(P2, "10.0.0.3", G1));
    CHECK_CHANGES(&f, "members~1@7<5(+0-2) port~1@8<3 port~2@9<4 "
                  "rules~1@10<1 rules~2@11<2 port~1@12<8 port~2@13<9 "
                  "members~1@14<7(+1-0) members~2@15<6(+2-0)");
    publish(&f, &list);
    REQUIRE(ovs_list_size(&list) == 4);
    p = CONTAINER_OF(ovs_list_front(&list), struct publication, node);
    REQUIRE(p->update.n_ports == 2);
    CHECK_UEQ(p->update.ports[0].n_groups, 0);
    CHECK_UEQ(p->update.ports[0].n_fixed_ips, 1);
    CHECK_UEQ(p->update.ports[1].n_groups, 1);
    CHECK_UEQ(p->update.ports[1].n_fixed_ips, 0);
    p = CONTAINER_OF(ovs_list_back(&list), struct publication, node);
    REQUIRE(p->update.n_ports == 2);
    REQUIRE(p->update.ports[0].n_groups == 1);
    CHECK(uuid_equals(&p->update.ports[0].groups[0], &g2));
    CHECK_UEQ(p->update.ports[0].n_fixed_ips, 2);
    CHECK_UEQ(p->update.ports[1].n_fixed_ips, 1);
    LIST_FOR_EACH_POP (p, node, &list) {
        publication_destroy(p);
    }
    teardown(&f);
}

TEST(a_cast_holds_so_many_ports)
{
    enum { N = 2 * PUBLISH_MAX_PORTS + 50 };
    static char ids[N][UUID_LEN + 1];
    const char *wanted[N];
    enum sg_kind kinds[N];
    struct ds ports = DS_EMPTY_INITIALIZER;
    struct fixture f;

    setup(&f);
    for (int i = 0; i < N; i++) {
        snprintf(ids[i], sizeof ids[i], "9%.35s", &P1[1]);
        snprintf(&ids[i][24], 13, "%012x", i + 1);
        wanted[i] = ids[i];
        kinds[i] = SG_KIND_PORT;
        ds_put_format(&ports, "- {id: %s, mac_address: "
                      "'02:00:00:00:00:01'}\n", ids[i]);
    }
    want(&f, "h1", wanted, kinds, N);
    load(&f, "", ds_cstr(&ports));
    CHECK_PUBLISHED(&f, "ports_updated sg-agent.h1 100\n"
                    "ports_updated sg-agent.h1 100\n"
                    "ports_updated sg-agent.h1 50\n");
    load(&f, "", "");
    CHECK_PUBLISHED(&f, "ports_deleted sg-agent.h1 100\n"
                    "ports_deleted sg-agent.h1 100\n"
                    "ports_deleted sg-agent.h1 50\n");
    ds_destroy(&ports);
    teardown(&f);
}

TEST(members_whole_or_as_a_difference)
{
    struct fixture f;

    setup(&f);
    WANT1(&f, "h1", MEMBERS, G1);
    load(&f, GROUP(G1), PORT(P1, "10.0.0.1, 10.0.0.2, 10.0.0.3", G1));
    CHECK_PUBLISHED(&f, "members_changed sg-members."G1"_fanout =3 1\n");
    load(&f, GROUP(G1), PORT(P1, "10.0.0.1, 10.0.0.2, 10.0.0.4", G1));
    CHECK_PUBLISHED(&f, "members_changed sg-members."G1"_fanout "
                    "+0-1<3 1\n"
                    "members_changed sg-members."G1"_fanout "
                    "+1-0<4 1\n");
    /* The whole list would be shorter than the first of the two, but it has
     * the new member, for which it is too early. */
    load(&f, GROUP(G1), PORT(P1, "10.0.0.5", G1));
    CHECK_PUBLISHED(&f, "members_changed sg-members."G1"_fanout "
                    "+0-3<6 1\n"
                    "members_changed sg-members."G1"_fanout "
                    "+1-0<7 1\n");
    load(&f, GROUP(G1), PORT(P1, "10.0.0.5, 10.0.0.6, 10.0.0.7", G1));
    load(&f, GROUP(G1), PORT(P1, "10.0.0.7", G1));
    CHECK_PUBLISHED(&f, "members_changed sg-members."G1"_fanout =1 1\n");
    load(&f, GROUP(G1), "");
    CHECK_PUBLISHED(&f, "members_changed sg-members."G1"_fanout =0 1\n");
    teardown(&f);
}

TEST(a_group_that_goes_is_told_to_both_sides)
{
    struct fixture f;

    setup(&f);
    load(&f, GROUP(G1), "");
    want(&f, "h1", (const char *const[]) { G1, G1 },
         (const enum sg_kind[]) { SG_KIND_RULES, SG_KIND_MEMBERS }, 2);
    load(&f, "", "");
    CHECK_PUBLISHED(&f, "group_deleted sg-rules."G1"_fanout 1\n"
                    "group_deleted sg-members."G1"_fanout 1\n");
    teardown(&f);
}

TEST(every_message_can_be_encoded)
{
    struct ovs_list list = OVS_LIST_INITIALIZER(&list);
    struct rpc_limits limits;
    struct publication *p;
    struct fixture f;
    size_t n = 0;

    setup(&f);
    rpc_limits_default(&limits);
    want(&f, "h1", (const char *const[]) { P1, G1, G1, G2 },
         (const enum sg_kind[]) { SG_KIND_PORT, SG_KIND_RULES,
                                  SG_KIND_MEMBERS, SG_KIND_MEMBERS }, 4);
    load(&f, GROUP_SSH(G1) GROUP(G2), PORT(P1, "10.0.0.1, 'fd00::1'", G1));
    publish(&f, &list);
    load(&f, GROUP_SSH(G1), "");
    publish(&f, &list);

    LIST_FOR_EACH_POP (p, node, &list) {
        struct rpc_message message;
        struct sg_update update;
        size_t len;
        char *body;

        p->update.sent = 5;
        body = rpc_encode_update(&p->update,
                                 "00112233445566778899aabbccddeeff", &len);
        REQUIRE(CHECK_NO_ERROR(rpc_message_decode(body, len, &limits,
                                                  &message)));
        CHECK_NO_ERROR(rpc_update_from_request(&message, &limits, &update));
        CHECK_EQ(update.method, p->update.method);
        CHECK_UEQ(update.n_problems, 0);
        n++;
        sg_update_uninit(&update);
        rpc_message_uninit(&message);
        free(body);
        publication_destroy(p);
    }
    CHECK_UEQ(n, 7);
    teardown(&f);
}

TEST(beacon_names_a_change_three_times)
{
    struct beacon *beacon = beacon_create(BEACON_MAX_ENTRIES);
    struct sg_update update;
    struct uuid g1;

    REQUIRE(sg_id_from_string(G1, &g1));
    beacon_changed(beacon, SG_KIND_RULES, &g1, 4);
    beacon_next(beacon, &epoch, &update);
    CHECK_EQ(update.seq, 1);
    CHECK_UEQ(update.n_entries, 1);
    CHECK_UEQ(update.entries[0].hash, sg_ref_hash(SG_KIND_RULES, &g1));
    CHECK_EQ(update.entries[0].revision, 4);
    CHECK(!update.more);
    sg_update_uninit(&update);

    /* A later change takes its place and counts anew. */
    beacon_changed(beacon, SG_KIND_RULES, &g1, 5);
    for (int i = 0; i < BEACON_REPEATS; i++) {
        beacon_next(beacon, &epoch, &update);
        REQUIRE(update.n_entries == 1);
        CHECK_EQ(update.entries[0].revision, 5);
        sg_update_uninit(&update);
    }
    beacon_next(beacon, &epoch, &update);
    CHECK_UEQ(update.n_entries, 0);
    CHECK_EQ(update.seq, 5);
    sg_update_uninit(&update);
    beacon_destroy(beacon);
}

TEST(beacon_is_bounded)
{
    struct beacon *beacon = beacon_create(BEACON_MAX_ENTRIES);
    struct sg_update update;
    struct uuid uuid = { .parts = { 1, 2, 3, 0 } };

    for (unsigned int i = 0; i < BEACON_MAX_ENTRIES; i++) {
        uuid.parts[3] = i + 1;
        beacon_changed(beacon, SG_KIND_PORT, &uuid, i + 1);
    }
    beacon_next(beacon, &epoch, &update);
    CHECK_UEQ(update.n_entries, BEACON_MAX_ENTRIES);
    CHECK(!update.more);
    sg_update_uninit(&update);

    /* One more, and it names none. */
    uuid.parts[3] = 0;
    beacon_changed(beacon, SG_KIND_PORT, &uuid, 1);
    for (int i = 1; i < BEACON_REPEATS; i++) {
        beacon_next(beacon, &epoch, &update);
        CHECK(!update.n_entries);
        CHECK(update.more);
        sg_update_uninit(&update);
    }
    beacon_next(beacon, &epoch, &update);
    CHECK_UEQ(update.n_entries, 1);
    CHECK(!update.more);
    sg_update_uninit(&update);
    beacon_next(beacon, &epoch, &update);
    CHECK(!update.n_entries && !update.more);
    sg_update_uninit(&update);
    beacon_destroy(beacon);
}
