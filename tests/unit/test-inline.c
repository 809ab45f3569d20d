/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* What a change newly needs comes along with it: bodies in ports_updated and
 * rules_updated, decoded by the code that an agent has. */

#include <config.h>
#include "tests/lib/test.h"

#include <stdlib.h>

#include "openvswitch/dynamic-string.h"
#include "rpc/message.h"
#include "tools/sg-controller/core.h"
#include "tools/sg-controller/diff.h"
#include "tools/sg-controller/entry_cache.h"
#include "tools/sg-controller/interest.h"
#include "tools/sg-controller/publish.h"
#include "tools/sg-controller/ref_set.h"
#include "tools/sg-controller/state.h"
#include "tools/sg-controller/topology.h"
#include "util.h"

#define G1 "5ec00000-0000-4000-8000-000000000001"
#define A2 "adc00000-0000-4000-8000-000000000002"
#define A3 "adc00000-0000-4000-8000-000000000003"
#define P1 "90000000-0000-4000-8000-000000000001"
#define P2 "90000000-0000-4000-8000-000000000002"

#define RULE(N, REMOTE) "{id: 5ec00000-0001-4000-8000-00000000000"N", " \
    "direction: ingress, ethertype: IPv4, remote_address_group_id: "REMOTE"}"

struct fixture {
    struct rpc_limits limits;
    struct state *state;
    struct interest *interest;
    struct entry_cache *cache;
    /* P1 and P2 are in 'groups'; G1 has 'rules'; A2 and A3 have addresses. */
    const char *groups, *rules, *a2, *a3;
};

static void
setup(struct fixture *f)
{
    const struct entry_cache_config cache = {
        ENTRY_CACHE_MAX_BYTES, RPC_PAGE_BYTES, CORE_PART_MEMBERS
    };
    static const struct sg_epoch epoch = { 1700000000000, 0xabcd };

    memset(f, 0, sizeof *f);
    rpc_limits_default(&f->limits);
    f->state = state_create(&epoch);
    f->interest = interest_create(INTEREST_MAX_TOTAL);
    f->cache = entry_cache_create(&cache);
    f->groups = "";
    f->rules = RULE("1", A2);
    f->a2 = f->a3 = "10.9.0.1, 10.9.0.2";
}

static void
teardown(struct fixture *f)
{
    entry_cache_destroy(f->cache);
    interest_destroy(f->interest);
    state_destroy(f->state);
}

static void
put_message(struct fixture *f, struct ds *ds, struct publication *p)
{
    struct rpc_message message;
    struct sg_update update;
    size_t len;
    char *body;

    p->update.sent = 1;
    body = rpc_encode_update(&p->update, "0123456789abcdef", &len);
    REQUIRE(CHECK_NO_ERROR(rpc_message_decode(body, len, &f->limits,
                                              &message)));
    REQUIRE(CHECK_NO_ERROR(rpc_update_from_request(&message, &f->limits,
                                                   &update)));
    CHECK_EQ(update.n_bad, 0);
    CHECK_EQ(update.n_problems, 0);
    ds_put_format(ds, "%s%s %zu ports %zu rules", ds->length ? "; " : "",
                  message.method, update.n_ports, update.n_rules);
    for (size_t i = 0; i < update.n_members; i++) {
        ds_put_format(ds, " =%zu", update.members[i].added.n);
    }
    sg_update_uninit(&update);
    rpc_message_uninit(&message);
    free(body);
}

/* Puts the topology into force; returns what is published. */
static char *
load_text(struct fixture *f)
{
    struct ovs_list list = OVS_LIST_INITIALIZER(&list);
    const struct publish_context context = {
        f->state, f->interest, f->cache, 0
    };
    struct change_list changes = CHANGE_LIST_INITIALIZER;
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct topology *topology = NULL;
    struct publication *p;

    ds_put_format(&ds, "address_groups:\n- {id: "A2", addresses: [%s]}\n"
                  "- {id: "A3", addresses: [%s]}\n"
                  "groups: [{id: "G1", rules: [%s]}]\nports:\n",
                  f->a2, f->a3, f->rules);
    for (int i = 1; i <= 2; i++) {
        ds_put_format(&ds, "- {id: 90000000-0000-4000-8000-%012d, "
                      "mac_address: '02:00:00:00:00:01', "
                      "security_groups: [%s]}\n", i, f->groups);
    }
    REQUIRE(CHECK_NO_ERROR(topology_parse(ds_cstr(&ds), ds.length, "t",
                                          &f->limits, &topology)));
    state_replace(f->state, topology, 0, &changes);
    publish_changes(&context, &changes, &list);
    change_list_uninit(&changes);
    ds_clear(&ds);
    LIST_FOR_EACH_POP (p, node, &list) {
        put_message(f, &ds, p);
        publication_destroy(p);
    }
    ds_put_cstr(&ds, "");
    return ds_steal_cstr(&ds);
}

#define CHECK_LOAD(F, TEXT)                             \
    do {                                                \
        char *text_ = load_text(F);                     \
        CHECK_STR(text_, TEXT);                         \
        free(text_);                                    \
    } while (0)

/* 'host' has asked for this. */
static void
want(struct fixture *f, const char *host, enum sg_kind kind, const char *id)
{
    struct sg_sync_request request;
    struct interest_host *known;
    struct ref_set covered;
    struct uuid uuid;

    memset(&request, 0, sizeof request);
    REQUIRE(sg_id_from_string(id, &uuid));
    request.host = CONST_CAST(char *, host);
    request.boot = CONST_CAST(char *, "b");
    request.partial = true;
    ref_set_init(&covered);
    ref_set_add(&covered, kind, &uuid, 0);
    CHECK_NO_ERROR(interest_sync(f->interest, &request, &covered, 0, &known));
    ref_set_destroy(&covered);
}

static bool
wants(const struct fixture *f, const char *host, enum sg_kind kind,
      const char *id)
{
    struct uuid uuid;

    REQUIRE(sg_id_from_string(id, &uuid));
    return interest_has(f->interest, host, kind, &uuid);
}

TEST(a_port_brings_what_its_new_group_needs)
{
    struct fixture f;

    setup(&f);
    want(&f, "h1", SG_KIND_PORT, P1);
    want(&f, "h1", SG_KIND_PORT, P2);
    CHECK_LOAD(&f, "ports_updated 2 ports 0 rules");
    f.groups = G1;
    /* Once, for both. */
    CHECK_LOAD(&f, "ports_updated 2 ports 1 rules =2");
    CHECK(wants(&f, "h1", SG_KIND_RULES, G1));
    CHECK(wants(&f, "h1", SG_KIND_MEMBERS, A2));
    /* And from now on the host is told. */
    f.a2 = "10.9.0.1, 10.9.0.2, 10.9.0.3";
    CHECK_LOAD(&f, "members_changed 0 ports 0 rules =1");
    f.groups = "";
    CHECK_LOAD(&f, "ports_updated 2 ports 0 rules");
    f.groups = G1;
    CHECK_LOAD(&f, "ports_updated 2 ports 0 rules");
    teardown(&f);
}

TEST(rules_bring_the_members_of_a_new_remote)
{
    struct fixture f;

    setup(&f);
    free(load_text(&f));
    want(&f, "h1", SG_KIND_RULES, G1);
    want(&f, "h1", SG_KIND_MEMBERS, A2);
    want(&f, "h2", SG_KIND_RULES, G1);
    want(&f, "h2", SG_KIND_MEMBERS, A2);
    want(&f, "h1", SG_KIND_MEMBERS, A3);
    f.rules = RULE("1", A2)", "RULE("2", A3);
    CHECK_LOAD(&f, "rules_updated 0 ports 1 rules =2");
    CHECK(wants(&f, "h2", SG_KIND_MEMBERS, A3));
    f.rules = RULE("1", A2);
    CHECK_LOAD(&f, "rules_updated 0 ports 1 rules");
    f.rules = RULE("1", A2)", "RULE("2", A3);
    CHECK_LOAD(&f, "rules_updated 0 ports 1 rules");
    teardown(&f);
}

TEST(who_joins_in_the_same_reload_waits_for_its_turn)
{
    struct fixture f;

    setup(&f);
    free(load_text(&f));
    want(&f, "h1", SG_KIND_RULES, G1);
    want(&f, "h2", SG_KIND_RULES, G1);
    want(&f, "h1", SG_KIND_MEMBERS, A3);
    f.rules = RULE("2", A3);
    f.a3 = "10.9.0.1, 10.9.0.2, 10.9.0.3";
    CHECK_LOAD(&f, "rules_updated 0 ports 1 rules; "
               "members_changed 0 ports 0 rules =1");
    CHECK(!wants(&f, "h2", SG_KIND_MEMBERS, A3));
    teardown(&f);
}

TEST(what_is_too_large_is_asked_for)
{
    struct ds addresses = DS_EMPTY_INITIALIZER;
    struct fixture f;

    setup(&f);
    want(&f, "h1", SG_KIND_PORT, P1);
    for (int i = 0; i < 8000; i++) {
        ds_put_format(&addresses, "%s10.9.%d.%d", i ? ", " : "", i / 100,
                      i % 100 * 2);
    }
    f.a2 = ds_cstr(&addresses);
    f.groups = G1;
    f.rules = RULE("1", A2)", "RULE("2", A3);
    CHECK_LOAD(&f, "ports_updated 1 ports 1 rules =2");
    CHECK(wants(&f, "h1", SG_KIND_MEMBERS, A3));
    CHECK(!wants(&f, "h1", SG_KIND_MEMBERS, A2));
    ds_destroy(&addresses);
    teardown(&f);
}
