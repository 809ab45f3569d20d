/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* One bad object, or one bad message, among good ones: decoder, policy store
 * and the questions to the controller together.  The bad object keeps what was
 * good last and says why, it is asked for again, and nothing else waits for
 * it. */

#include <config.h>
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "agent/policy_store.h"
#include "agent/sync.h"
#include "openvswitch/dynamic-string.h"
#include "rpc/message.h"
#include "util.h"
#include "uuid.h"

#define EPOCH "\"epoch\":\"1763666000000-0a1b2c3d\",\"sent\":5"

/* Objects: two ports, the rules of their groups, the members of the remotes
 * of those.  An id is its number. */
#define ID "5eb00000-0000-4000-8000-%012d"
enum { PORT_1, PORT_2, RULES_1, RULES_2, MEMBERS_1, MEMBERS_2, N_OBJECTS };
static const enum sg_kind kinds[] = {
    SG_KIND_PORT, SG_KIND_PORT, SG_KIND_RULES, SG_KIND_RULES,
    SG_KIND_MEMBERS, SG_KIND_MEMBERS,
};

struct host {
    struct policy_store *store;
    struct sync *sync;
    struct rpc_limits limits;
    long long int now;
    int n_calls;
    char call[33];
};

static struct uuid
object_id(int i)
{
    struct uuid id;
    char text[64];

    snprintf(text, sizeof text, ID, i);
    REQUIRE(sg_id_from_string(text, &id));
    return id;
}

/* A host with both ports plugged, connected. */
static void
setup(struct host *h)
{
    static const struct policy_store_limits limits = {
        .members = 1000, .rules_per_port = 100, .groups = 10, .ports = 10,
        .set_entries = 10000,
    };
    const struct sync_config config = {
        .host = "h1", .boot = "b1", .timeout_ms = 10000,
        .backoff_min_ms = 200, .backoff_max_ms = 60000, .beacon_ms = 2000,
        .seed = 1,
    };
    struct local_port locals[2];

    memset(h, 0, sizeof *h);
    memset(locals, 0, sizeof locals);
    rpc_limits_default(&h->limits);
    h->now = 1000;
    h->store = policy_store_create(&limits);
    h->sync = sync_create(&config, h->store);
    for (int i = 0; i < 2; i++) {
        locals[i].id = object_id(PORT_1 + i);
        locals[i].binding.plug = SG_PLUG_HYBRID;
    }
    policy_store_set_local(h->store, locals, ARRAY_SIZE(locals));
    sync_connected(h->sync, h->now);
}

static void
teardown(struct host *h)
{
    sync_destroy(h->sync);
    policy_store_destroy(h->store);
}

/* Appends object 'i' at 'revision', good. */
static void
put_body(struct ds *ds, int i, int revision)
{
    switch (i) {
    case PORT_1: case PORT_2:
        ds_put_format(ds, "{\"id\":\""ID"\",\"revision\":%d,\"mac_address\":"
                      "\"fa:16:3e:00:00:01\",\"fixed_ips\":[\"10.0.0.%d\"],"
                      "\"allowed_address_pairs\":[],\"security_groups\":"
                      "[\""ID"\"]}", i, revision, revision, i + 2);
        break;
    case RULES_1: case RULES_2:
        ds_put_format(ds, "{\"group\":\""ID"\",\"revision\":%d,\"rules\":["
                      "{\"id\":\""ID"\",\"direction\":\"ingress\","
                      "\"ethertype\":\"IPv4\",\"remote_group_id\":\""ID"\"}"
                      "]}", i, revision, 100 * revision + i, i + 2);
        break;
    default:
        ds_put_format(ds, "{\"group\":\""ID"\",\"revision\":%d,\"members\":"
                      "[\"10.1.0.1\",\"10.1.0.%d\"]}", i, revision,
                      revision + 1);
        break;
    }
}

/* An answer with all objects at 'revision', object 'bad' with 'body'
 * instead.  Malloc'd. */
static char *
answer_text(int revision, int bad, const char *body)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    ds_put_cstr(&ds, "{\"_msg_id\":\"1\",\"ending\":true,\"failure\":null,"
                "\"result\":{"EPOCH",\"next\":null,\"objects\":[");
    for (int i = 0; i < N_OBJECTS; i++) {
        const char *kind = sg_kind_name(kinds[i]);

        ds_put_format(&ds, "%s{\"kind\":\"%s\",\"%s\":", i ? "," : "", kind,
                      kind);
        if (i == bad) {
            ds_put_cstr(&ds, body);
        } else {
            put_body(&ds, i, revision);
        }
        ds_put_char(&ds, '}');
    }
    ds_put_cstr(&ds, "]}}");
    return ds_steal_cstr(&ds);
}

/* What the agent does with a body.  Returns what the decoder said. */
static char *
take(struct host *h, const char *body)
{
    struct rpc_message message;
    struct sg_update update;
    char *error = rpc_message_decode(body, strlen(body), &h->limits,
                                     &message);

    if (error) {
        return error;
    }
    if (message.type == RPC_REPLY) {
        error = rpc_update_from_reply(&message, &h->limits, &update);
        sync_answer(h->sync, h->call, error ? NULL : &update, error, h->now);
    } else {
        error = rpc_update_from_request(&message, &h->limits, &update);
        if (!error) {
            sync_update(h->sync, &update, h->now);
        }
    }
    if (!error) {
        sg_update_uninit(&update);
    }
    rpc_message_uninit(&message);
    return error;
}

/* Asks, which must be due within 'ms'. */
static void
ask(struct host *h, int ms, struct sg_sync_request *request)
{
    long long int end = h->now + ms;

    for (;;) {
        snprintf(h->call, sizeof h->call, "%032d", ++h->n_calls);
        if (sync_run(h->sync, h->now, h->call, request)) {
            return;
        }
        REQUIRE(h->now < end);
        h->now++;
    }
}

/* Asks for everything and is answered with 'text', which it frees. */
static void
full_answer(struct host *h, char *text)
{
    struct sg_sync_request request;

    sync_request_full(h->sync, h->now);
    ask(h, 1000, &request);
    sg_sync_request_uninit(&request);
    CHECK_NO_ERROR(take(h, text));
    free(text);
}

/* Binds what is wished for, and confirms. */
static void
settle(struct host *h)
{
    struct sync_status status;
    char **exchanges;
    size_t n;

    if (sync_take_bindings(h->sync, h->now, &exchanges, &n)) {
        for (size_t i = 0; i < n; i++) {
            sync_bound(h->sync, exchanges[i], h->now);
            free(exchanges[i]);
        }
        free(exchanges);
    }
    for (int i = 0; i < 5; i++) {
        struct sg_sync_request request;

        sync_get_status(h->sync, h->now, &status);
        if (status.state == SYNC_SYNCED) {
            return;
        }
        ask(h, 1000, &request);
        sg_sync_request_uninit(&request);
        CHECK_NO_ERROR(take(h, "{\"_msg_id\":\"1\",\"ending\":true,\"result\":"
                            "{"EPOCH",\"objects\":[],\"same\":true}}"));
    }
    FAIL("not synced");
}

static bool
in_sync(const struct host *h)
{
    struct sync_status status;

    sync_get_status(h->sync, h->now, &status);
    return status.in_sync;
}

/* Is the content of object 'i' that of 'revision' in put_body()? */
static bool
has_content(const struct host *h, int i, int revision)
{
    const struct sg_policy *policy = policy_store_policy(h->store);
    struct uuid id = object_id(i);
    const struct sg_group *g;
    struct sg_prefix p;
    char *text;

    if (kinds[i] == SG_KIND_PORT) {
        const struct sg_port *port = sg_policy_port(policy, &id);

        return (port && port->spec.n_fixed_ips == 1
                && port->spec.fixed_ips[0].addr[3] == revision);
    }
    g = sg_policy_group(policy, &id);
    if (kinds[i] == SG_KIND_RULES) {
        id = object_id(100 * revision + i);
        return (g && g->rules.n_rules == 1
                && uuid_equals(&g->rules.rules[0].id, &id));
    }
    text = xasprintf("10.1.0.%d", revision + 1);
    REQUIRE(sg_address_from_string(text, &p));
    free(text);
    return (g && sg_members_count(&g->members) == 2
            && sg_members_contains(&g->members, &p));
}

/* Object 'i' is known with the content of 'revision'; if it is 'bad' it says
 * why. */
static void
check_object(const struct host *h, int i, int revision, bool bad)
{
    struct uuid id = object_id(i);
    struct store_object object;

    REQUIRE(policy_store_object(h->store, kinds[i], &id, &object));
    CHECK(bad || object.revision == revision);
    CHECK_EQ(object.state, SG_KNOWN);
    CHECK(has_content(h, i, revision));
    CHECK((object.problem != NULL) == bad);
}

/* All are as at 'revision' and well, but 'bad' (-1: none) is still as at
 * revision 1. */
static void
check_objects(const struct host *h, int revision, int bad)
{
    CHECK_UEQ(policy_store_n_problems(h->store), bad >= 0);
    for (int i = 0; i < N_OBJECTS; i++) {
        check_object(h, i, i == bad ? 1 : revision, i == bad);
    }
}

/* It alone is asked for again. */
static void
ask_again(struct host *h, int bad)
{
    struct sg_sync_request request;
    struct uuid id = object_id(bad);

    ask(h, 2000, &request);
    CHECK(request.partial);
    REQUIRE(CHECK_UEQ(request.n_objects, 1));
    CHECK_EQ(request.objects[0].kind, kinds[bad]);
    CHECK(uuid_equals(&request.objects[0].id, &id));
    sg_sync_request_uninit(&request);
}

struct poison {
    int object;
    const char *body;
};

#define PORT_HEAD(REVISION, MAC) \
    "{\"id\":\"5eb00000-0000-4000-8000-000000000000\",\"revision\":"REVISION \
    ",\"mac_address\":"MAC
#define PORT_TAIL(IPS, GROUPS) \
    ",\"fixed_ips\":"IPS",\"allowed_address_pairs\":[]," \
    "\"security_groups\":"GROUPS"}"
#define PORT_GROUPS "[\"5eb00000-0000-4000-8000-000000000002\"]"
#define GOOD_MAC "\"fa:16:3e:00:00:01\""
#define GROUP_HEAD(ID_END, REVISION) \
    "{\"group\":\"5eb00000-0000-4000-8000-00000000000"ID_END"\"," \
    "\"revision\":"REVISION

static const struct poison poisons[] = {
    { PORT_1, PORT_HEAD("2", "\"01:00:5e:00:00:01\"")
              PORT_TAIL("[]", PORT_GROUPS) },
    { PORT_1, PORT_HEAD("2", "\"fa:16:3e:00:00\"")
              PORT_TAIL("[]", PORT_GROUPS) },
    { PORT_1, PORT_HEAD("2", "5") PORT_TAIL("[]", PORT_GROUPS) },
    { PORT_1, PORT_HEAD("\"2\"", GOOD_MAC) PORT_TAIL("[]", PORT_GROUPS) },
    { PORT_1, PORT_HEAD("-0", GOOD_MAC) PORT_TAIL("[]", PORT_GROUPS) },
    { PORT_1, PORT_HEAD("2.0", GOOD_MAC) PORT_TAIL("[]", PORT_GROUPS) },
    { PORT_1, PORT_HEAD("2", GOOD_MAC) PORT_TAIL("null", PORT_GROUPS) },
    { PORT_1, PORT_HEAD("2", GOOD_MAC) PORT_TAIL("{}", PORT_GROUPS) },
    { PORT_1, PORT_HEAD("2", GOOD_MAC) PORT_TAIL("[]", "[\"x\"]") },
    { PORT_1, PORT_HEAD("2", GOOD_MAC",\"device\":\"a/b\"")
              PORT_TAIL("[]", PORT_GROUPS) },
    { PORT_1, PORT_HEAD("2", GOOD_MAC",\"device\":\"a\\nb\"")
              PORT_TAIL("[]", PORT_GROUPS) },
    { PORT_1, PORT_HEAD("2", GOOD_MAC",\"device\":\"\\u202eb\"")
              PORT_TAIL("[]", PORT_GROUPS) },
    { RULES_1, GROUP_HEAD("2", "2") ",\"rules\":null}" },
    { RULES_1, GROUP_HEAD("2", "2") ",\"rules\":\"\"}" },
    { RULES_1, GROUP_HEAD("2", "2") ",\"rules\":[],\"stateful\":1}" },
    { RULES_1, GROUP_HEAD("2", "-2") ",\"rules\":[]}" },
    { RULES_1, GROUP_HEAD("2", "null") ",\"rules\":[]}" },
    { MEMBERS_1, GROUP_HEAD("4", "2") ",\"members\":null}" },
    { MEMBERS_1, GROUP_HEAD("4", "2") ",\"members\":[null]}" },
    { MEMBERS_1, GROUP_HEAD("4", "2") ",\"members\":[1]}" },
    { MEMBERS_1, GROUP_HEAD("4", "2") ",\"members\":[\"10.0.0.0/33\"]}" },
    { MEMBERS_1, GROUP_HEAD("4", "2") ",\"members\":[\"1.2.3.4/-1\"]}" },
    { MEMBERS_1, GROUP_HEAD("4", "2") ",\"members\":[\"::/129\"]}" },
    { MEMBERS_1, GROUP_HEAD("4", "2") ",\"members\":[\"10.0.0/8\"]}" },
    { MEMBERS_1, GROUP_HEAD("4", "2") ",\"members\":[\"0x0a.1\"]}" },
    { MEMBERS_1, GROUP_HEAD("4", "2") ",\"members\":[\"010.0.0.1\"]}" },
    { MEMBERS_1, GROUP_HEAD("4", "2") ",\"members\":[\"10.0.0.1\\n\"]}" },
    { MEMBERS_1, GROUP_HEAD("4", "2")
                 ",\"members\":[\"10.0.0.2-10.0.0.1\"]}" },
    { MEMBERS_1, GROUP_HEAD("4", "2")
                 ",\"members\":[\"0.0.0.0-9.9.9.9\"]}" },
    { MEMBERS_1, GROUP_HEAD("4", "2")
                 ",\"members\":[\"10.0.0.0-10.0.9.0\"]}" },
    { MEMBERS_1, GROUP_HEAD("4", "2") ",\"prev\":1,\"added\":[]}" },
};

/* An answer in which one object is bad. */
TEST(an_object_of_an_answer)
{
    for (size_t i = 0; i < ARRAY_SIZE(poisons); i++) {
        const struct poison *p = &poisons[i];
        char *text;
        struct host h;

        setup(&h);
        full_answer(&h, answer_text(1, -1, NULL));
        settle(&h);
        check_objects(&h, 1, -1);
        CHECK(in_sync(&h));

        full_answer(&h, answer_text(2, p->object, p->body));
        check_objects(&h, 2, p->object);
        CHECK(!in_sync(&h));

        ask_again(&h, p->object);
        text = answer_text(2, -1, NULL);
        CHECK_NO_ERROR(take(&h, text));
        free(text);
        settle(&h);
        check_objects(&h, 2, -1);
        CHECK(in_sync(&h));
        if (test_failed()) {
            printf("# with %s\n", p->body);
        }
        teardown(&h);
    }
}

/* A rule that cannot be expressed is left out by name, and the rest of its
 * list is in force: it is no poison for the list. */
TEST(a_rule_of_a_list)
{
    static const char *const rules[] = {
        "\"protocol\":\"tcp\",\"port_range_min\":-1,\"port_range_max\":5",
        "\"protocol\":\"tcp\",\"port_range_min\":0,\"port_range_max\":65536",
        "\"protocol\":\"tcp\",\"port_range_min\":1,"
            "\"port_range_max\":4294967376",
        "\"protocol\":\"tcp\",\"port_range_min\":1",
        "\"protocol\":\"vrrp\",\"port_range_min\":80,\"port_range_max\":80",
        "\"protocol\":\"tcp \"",
        "\"protocol\":\"tcp\\u007f\"",
        "\"protocol\":256",
        "\"remote_ip_prefix\":\"::/0\"",
        "\"remote_ip_prefix\":\"10.0.0.0/33\"",
        "\"colour\":null",
    };

    for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
        struct uuid group = object_id(RULES_1);
        const struct sg_group *g;
        struct host h;

        setup(&h);
        full_answer(&h, answer_text(1, -1, NULL));
        char *body = xasprintf(
            GROUP_HEAD("2", "2") ",\"rules\":["
            "{\"id\":\""ID"\",\"direction\":\"ingress\",\"ethertype\":"
            "\"IPv4\",%s},"
            "{\"id\":\""ID"\",\"direction\":\"ingress\",\"ethertype\":"
            "\"IPv4\",\"remote_group_id\":\""ID"\"}]}",
            999, rules[i], 200 + RULES_1, MEMBERS_1);
        full_answer(&h, answer_text(2, RULES_1, body));
        free(body);
        check_objects(&h, 2, -1);
        g = sg_policy_group(policy_store_policy(h.store), &group);
        REQUIRE(g != NULL);
        CHECK_UEQ(g->rules.n_rules, 1);
        CHECK_UEQ(g->rules.n_refused, 1);
        if (test_failed()) {
            printf("# with %s\n", rules[i]);
        }
        teardown(&h);
    }
}

/* A port of a cast that is bad, before and behind a good one. */
TEST(a_port_of_a_cast)
{
    for (int bad = PORT_1; bad <= PORT_2; bad++) {
        struct ds body = DS_EMPTY_INITIALIZER;
        struct host h;

        setup(&h);
        full_answer(&h, answer_text(1, -1, NULL));
        settle(&h);
        ds_put_cstr(&body, "{\"method\":\"ports_updated\",\"args\":{"EPOCH","
                    "\"ports\":[");
        for (int i = PORT_1; i <= PORT_2; i++) {
            ds_put_cstr(&body, i == PORT_1 ? "" : ",");
            if (i == bad) {
                ds_put_format(&body, "{\"id\":\""ID"\",\"revision\":2}", i);
            } else {
                put_body(&body, i, 2);
            }
        }
        ds_put_cstr(&body, "]}}");
        CHECK_NO_ERROR(take(&h, ds_cstr(&body)));
        for (int i = PORT_1; i <= PORT_2; i++) {
            check_object(&h, i, i == bad ? 1 : 2, i == bad);
        }
        CHECK(!in_sync(&h));
        ask_again(&h, bad);
        ds_destroy(&body);
        teardown(&h);
    }
}

/* A body that is bad as a whole, between two good ones. */
TEST(a_whole_message)
{
    static const char *const bodies[] = {
        "", "x", "[]", "{}", "null", "{\"method\":1}",
        "{\"method\":\"members_changed\"}",
        "{\"method\":\"members_changed\",\"args\":[]}",
        "{\"method\":\"members_changed\",\"args\":{"EPOCH"}}",
        "{\"method\":\"no_such_method\",\"args\":{"EPOCH"}}",
        "{\"method\":\"ports_deleted\",\"version\":\"2.0\",\"args\":{"EPOCH","
            "\"ports\":[{\"id\":\"5eb00000-0000-4000-8000-000000000000\","
            "\"revision\":9}]}}",
        "{\"oslo.version\":\"3.0\",\"oslo.message\":\"{}\"}",
        "{\"oslo.version\":\"2.0\",\"oslo.message\":\"\xed\xa0\x80\"}",
        "{\"method\":\"group_deleted\",\"args\":{"EPOCH",\"group\":"
            "\"5eb00000-0000-4000-8000-000000000004\",\"revision\":1e999}}",
        "{\"method\":\"group_deleted\",\"args\":{"EPOCH",\"group\":"
            "\"5eb00000-0000-4000-8000-000000000004\",\"revision\":9,"
            "\"revision\":9}}",
        "{\"method\":\"group_deleted\",\"args\":{"EPOCH",\"group\":"
            "\"5eb00000-0000-4000-8000-000000000004\",\"revision\":"
            "18446744073709551616}}",
        "{\"method\":\"group_deleted\",\"args\":{"EPOCH",\"group\":"
            "\"5eb00000-0000-4000-8000-000000000004\\u0000\","
            "\"revision\":9}}",
    };

    for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
        struct host h;

        setup(&h);
        full_answer(&h, answer_text(1, -1, NULL));
        settle(&h);
        CHECK_ERROR(take(&h, bodies[i]), "");
        check_objects(&h, 1, -1);
        CHECK(in_sync(&h));
        full_answer(&h, answer_text(2, -1, NULL));
        check_objects(&h, 2, -1);
        teardown(&h);
    }
}
