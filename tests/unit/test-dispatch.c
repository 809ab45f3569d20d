/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Requests to the controller and its answers, as bodies: decoded by the same
 * code that an agent has. */

#include <config.h>
#include "tests/lib/test.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "openvswitch/dynamic-string.h"
#include "rpc/message.h"
#include "tools/sg-controller/diff.h"
#include "tools/sg-controller/core.h"
#include "tools/sg-controller/dispatch.h"
#include "tools/sg-controller/entry_cache.h"
#include "tools/sg-controller/interest.h"
#include "tools/sg-controller/state.h"
#include "tools/sg-controller/topology.h"
#include "util.h"
#include "uuid.h"

#define G1 "5ec00000-0000-4000-8000-000000000001"
#define G2 "5ec00000-0000-4000-8000-000000000002"
#define G3 "5ec00000-0000-4000-8000-000000000003"
#define P1 "90000000-0000-4000-8000-000000000001"
#define P2 "90000000-0000-4000-8000-000000000002"
#define P9 "90000000-0000-4000-8000-000000000009"
#define MSG_ID "0123456789abcdef0123456789abcdef"
#define UNIQUE_ID "fedcba9876543210fedcba9876543210"

static const struct sg_epoch epoch = { 1700000000000, 0xabcd };
static const struct sg_epoch older = { 1600000000000, 1 };

/* P1 is in G1, which lets G2 in; G3 is nobody's.  Revisions: rules of G1, G2,
 * G3 are 1, 2, 3, ports 4, 5, members 6, 7, 8. */
static const char topology_text[] =
    "groups:\n"
    "- {id: "G1", rules: [{id: 5ec00000-0001-4000-8000-000000000001,\n"
    "   direction: ingress, ethertype: IPv4, remote_group_id: "G2"}]}\n"
    "- {id: "G2"}\n"
    "- {id: "G3"}\n"
    "ports:\n"
    "- {id: "P1", mac_address: '02:00:00:00:00:01', fixed_ips: [10.0.0.1],\n"
    "   security_groups: ["G1"]}\n"
    "- {id: "P2", mac_address: '02:00:00:00:00:02', fixed_ips: [10.0.0.2],\n"
    "   security_groups: ["G2"]}\n";

struct fixture {
    struct rpc_limits limits;
    struct state *state;
    struct interest *interest;
    struct entry_cache *cache;
    struct dispatcher *dispatcher;
    long long int now;
    unsigned int n;             /* Requests sent, for their unique ids. */
    enum dispatch_result result;
    struct rpc_message reply;
    bool replied;
};

static void
load(struct fixture *f, const char *text)
{
    struct change_list changes = CHANGE_LIST_INITIALIZER;
    struct topology *topology = NULL;

    REQUIRE(CHECK_NO_ERROR(topology_parse(text, strlen(text), "t", &f->limits,
                                          &topology)));
    state_replace(f->state, topology, 0, &changes);
    change_list_uninit(&changes);
}

static void
setup(struct fixture *f)
{
    const struct entry_cache_config cache = {
        ENTRY_CACHE_MAX_BYTES, RPC_PAGE_BYTES, CORE_PART_MEMBERS
    };

    memset(f, 0, sizeof *f);
    rpc_limits_default(&f->limits);
    f->state = state_create(&epoch);
    f->interest = interest_create(INTEREST_MAX_TOTAL);
    f->cache = entry_cache_create(&cache);
    f->dispatcher = dispatcher_create(&f->limits);
    f->now = 5000;
    load(f, topology_text);
}

static void
clear_reply(struct fixture *f)
{
    if (f->replied) {
        rpc_message_uninit(&f->reply);
        f->replied = false;
    }
}

static void
teardown(struct fixture *f)
{
    clear_reply(f);
    dispatcher_destroy(f->dispatcher);
    entry_cache_destroy(f->cache);
    interest_destroy(f->interest);
    state_destroy(f->state);
}

/* Hands 'body' to the dispatcher and decodes the reply. */
static void
send_body(struct fixture *f, const char *body, size_t len)
{
    struct dispatch_input input = {
        .body = body, .len = len, .unique_id = UNIQUE_ID,
        .sent = 1700000000123, .now = f->now,
    };
    const struct dispatch_context context = {
        f->state, f->interest, f->cache, RPC_PAGE_BYTES
    };
    struct dispatch_output output;

    clear_reply(f);
    f->result = dispatch(f->dispatcher, &context, &input, &output);
    CHECK_EQ(!output.problem, f->result != DISPATCH_MALFORMED
             && f->result != DISPATCH_REFUSED);
    CHECK_EQ(!output.reply, !output.reply_queue);
    if (output.reply) {
        CHECK_STR(output.reply_queue, "reply_1");
        REQUIRE(CHECK_NO_ERROR(rpc_message_decode(output.reply,
                                                  output.reply_len,
                                                  &f->limits, &f->reply)));
        f->replied = true;
        CHECK_EQ(f->reply.type, RPC_REPLY);
        CHECK_STR(f->reply.msg_id, MSG_ID);
        CHECK(f->reply.ending);
    }
    dispatch_output_uninit(&output);
}

static void send_json(struct fixture *, const char *version,
                      const char *format, ...) OVS_PRINTF_FORMAT(3, 4);

/* A request with this inner JSON in an envelope of version 'version'. */
static void
send_json(struct fixture *f, const char *version, const char *format, ...)
{
    struct ds inner = DS_EMPTY_INITIALIZER;
    struct ds body = DS_EMPTY_INITIALIZER;
    va_list args;

    va_start(args, format);
    ds_put_format_valist(&inner, format, args);
    va_end(args);
    ds_put_format(&body, "{\"oslo.version\": \"%s\", \"oslo.message\": \"",
                  version);
    for (const char *p = ds_cstr(&inner); *p; p++) {
        if (*p == '"' || *p == '\\') {
            ds_put_char(&body, '\\');
        }
        ds_put_char(&body, *p);
    }
    ds_put_cstr(&body, "\"}");
    send_body(f, ds_cstr(&body), body.length);
    ds_destroy(&inner);
    ds_destroy(&body);
}

#define CALL_KEYS "\"_msg_id\": \""MSG_ID"\", \"_reply_q\": \"reply_1\", " \
                  "\"_timeout\": null"

/* A full or partial request, to be filled in by the test. */
static struct sg_sync_request
request_of(const struct sg_epoch *e)
{
    struct sg_sync_request request;

    memset(&request, 0, sizeof request);
    request.host = xstrdup("h1");
    request.boot = xstrdup("boot-1");
    request.epoch = *e;
    return request;
}

static void
add_port(struct sg_sync_request *request, const char *id)
{
    request->ports = xrealloc(request->ports, (request->n_ports + 1)
                              * sizeof *request->ports);
    REQUIRE(sg_id_from_string(id, &request->ports[request->n_ports++]));
}

static void
add_ref(struct sg_ref **refs, size_t *n, enum sg_kind kind, const char *id,
        int64_t revision)
{
    *refs = xrealloc(*refs, (*n + 1) * sizeof **refs);
    (*refs)[*n] = (struct sg_ref) { .kind = kind, .revision = revision };
    REQUIRE(sg_id_from_string(id, &(*refs)[(*n)++].id));
}
#define ADD_OBJECT(R, KIND, ID) \
    ((R)->partial = true, \
     add_ref(&(R)->objects, &(R)->n_objects, SG_KIND_##KIND, ID, 0))
#define ADD_HAVE(R, KIND, ID, REVISION) \
    add_ref(&(R)->have, &(R)->n_have, SG_KIND_##KIND, ID, REVISION)

static void
put_ref(struct ds *ds, const char *what, const struct uuid *uuid,
        int64_t revision)
{
    ds_put_format(ds, "%s%s %x@%"PRId64, ds->length ? ", " : "", what,
                  uuid->parts[3] & 0xf, revision);
}

/* Calls sync with '*request', which is consumed; returns what the answer
 * says: "port 1@4, rules 1@1, members 2@7(1)". */
static char *
sync_text(struct fixture *f, struct sg_sync_request *request)
{
    struct sg_update u;
    struct ds ds = DS_EMPTY_INITIALIZER;
    char unique_id[33];
    char *body;
    size_t len;

    snprintf(unique_id, sizeof unique_id, "%032u", ++f->n);
    body = rpc_encode_sync_call(request, MSG_ID, "reply_1", unique_id, &len);
    send_body(f, body, len);
    free(body);
    sg_sync_request_uninit(request);
    if (f->result != DISPATCH_SYNC) {
        return xasprintf("%s: %s", f->reply.failure_class,
                         f->reply.failure_message);
    }

    REQUIRE(CHECK_NO_ERROR(rpc_update_from_reply(&f->reply, &f->limits, &u)));
    CHECK(!sg_epoch_compare(&u.epoch, &epoch));
    CHECK_EQ(u.sent, 1700000000123);
    CHECK(!u.next || u.n_unknown > 1000);
    for (size_t i = 0; i < u.n_ports; i++) {
        put_ref(&ds, "port", &u.ports[i].id, u.ports[i].revision);
    }
    for (size_t i = 0; i < u.n_rules; i++) {
        put_ref(&ds, "rules", &u.rules[i].group, u.rules[i].revision);
    }
    for (size_t i = 0; i < u.n_members; i++) {
        put_ref(&ds, "members", &u.members[i].group, u.members[i].revision);
        ds_put_format(&ds, "(%zu)", u.members[i].added.n);
        CHECK(u.members[i].whole);
    }
    for (size_t i = 0; i < u.n_deleted; i++) {
        put_ref(&ds, "deleted", &u.deleted[i].id, u.deleted[i].revision);
    }
    for (size_t i = 0; i < u.n_unknown; i++) {
        put_ref(&ds, "unknown", &u.unknown[i].id, u.unknown[i].revision);
    }
    if (u.same) {
        ds_put_cstr(&ds, "same");
    }
    sg_update_uninit(&u);
    return ds_steal_cstr(&ds);
}

#define CHECK_SYNC(F, REQUEST, TEXT)                    \
    do {                                                \
        char *text_ = sync_text(F, REQUEST);            \
        CHECK_STR(text_, TEXT);                         \
        free(text_);                                    \
    } while (0)

static bool
wants(const struct fixture *f, enum sg_kind kind, const char *id)
{
    struct uuid uuid;

    REQUIRE(sg_id_from_string(id, &uuid));
    return interest_any(f->interest, kind, &uuid);
}

TEST(a_full_sync_covers_the_closure_of_the_ports)
{
    struct sg_sync_request request = request_of(&older);
    struct fixture f;

    setup(&f);
    add_port(&request, P1);
    add_port(&request, P9);
    CHECK_SYNC(&f, &request, "port 1@4, rules 1@1, members 2@7(1), "
               "unknown 9@0");
    CHECK(wants(&f, SG_KIND_PORT, P1) && wants(&f, SG_KIND_PORT, P9)
          && wants(&f, SG_KIND_RULES, G1) && wants(&f, SG_KIND_MEMBERS, G2));
    CHECK(!wants(&f, SG_KIND_MEMBERS, G1) && !wants(&f, SG_KIND_RULES, G2)
          && !wants(&f, SG_KIND_RULES, G3));

    /* The next full one replaces the interest. */
    request = request_of(&older);
    add_port(&request, P2);
    CHECK_SYNC(&f, &request, "port 2@5, rules 2@2");
    CHECK(!wants(&f, SG_KIND_PORT, P1) && wants(&f, SG_KIND_PORT, P2));
    teardown(&f);
}

TEST(a_partial_sync_covers_its_objects_and_adds)
{
    struct sg_sync_request request = request_of(&epoch);
    struct fixture f;

    setup(&f);
    add_port(&request, P2);
    CHECK_SYNC(&f, &request, "port 2@5, rules 2@2");
    request = request_of(&epoch);
    ADD_OBJECT(&request, MEMBERS, G3);
    ADD_OBJECT(&request, PORT, P1);
    CHECK_SYNC(&f, &request,
               "port 1@4, rules 1@1, members 2@7(1), members 3@8(0)");
    CHECK(wants(&f, SG_KIND_PORT, P2) && wants(&f, SG_KIND_PORT, P1)
          && wants(&f, SG_KIND_MEMBERS, G3));
    teardown(&f);
}

TEST(what_the_agent_has_is_left_out)
{
    struct sg_sync_request request = request_of(&epoch);
    struct fixture f;

    setup(&f);
    add_port(&request, P1);
    ADD_HAVE(&request, PORT, P1, 4);
    ADD_HAVE(&request, RULES, G1, 1);
    ADD_HAVE(&request, MEMBERS, G2, 6);         /* One behind. */
    CHECK_SYNC(&f, &request, "members 2@7(1)");

    request = request_of(&epoch);
    add_port(&request, P1);
    ADD_HAVE(&request, PORT, P1, 4);
    ADD_HAVE(&request, RULES, G1, 1);
    ADD_HAVE(&request, MEMBERS, G2, 7);
    CHECK_SYNC(&f, &request, "same");

    /* In another epoch the numbers say nothing. */
    request = request_of(&older);
    add_port(&request, P1);
    ADD_HAVE(&request, PORT, P1, 4);
    ADD_HAVE(&request, RULES, G1, 1);
    ADD_HAVE(&request, MEMBERS, G2, 7);
    CHECK_SYNC(&f, &request, "port 1@4, rules 1@1, members 2@7(1)");
    teardown(&f);
}

TEST(deleted_and_unknown_are_different)
{
    struct sg_sync_request request = request_of(&epoch);
    struct fixture f;

    setup(&f);
    load(&f, "groups: []\nports: []\n");
    add_port(&request, P1);
    ADD_OBJECT(&request, PORT, P1);
    ADD_OBJECT(&request, PORT, P9);
    ADD_OBJECT(&request, RULES, G1);
    CHECK_SYNC(&f, &request, "deleted 1@9, deleted 1@11, unknown 9@0");

    /* Known to be gone: not said again. */
    request = request_of(&epoch);
    ADD_OBJECT(&request, PORT, P1);
    ADD_HAVE(&request, PORT, P1, 9);
    CHECK_SYNC(&f, &request, "same");
    teardown(&f);
}

TEST(address_groups_are_groups_with_members_only)
{
    struct sg_sync_request request = request_of(&epoch);
    struct fixture f;

    setup(&f);
    load(&f, "address_groups: [{id: "G3", addresses: [192.0.2.0/28]}]\n"
         "groups:\n- {id: "G1", rules: ["
         "{id: 5ec00000-0001-4000-8000-000000000001, direction: ingress,"
         " ethertype: IPv4, remote_address_group_id: "G3"}]}\n"
         "ports:\n- {id: "P1", mac_address: '02:00:00:00:00:01',"
         " security_groups: ["G1"]}\n");
    add_port(&request, P1);
    char *text = sync_text(&f, &request);
    CHECK_CONTAINS(text, "members 3@");
    CHECK_CONTAINS(text, "(1)");
    free(text);

    /* G3 was a security group before; its rules are gone. */
    request = request_of(&epoch);
    ADD_OBJECT(&request, RULES, G3);
    text = sync_text(&f, &request);
    CHECK_CONTAINS(text, "deleted 3@");
    free(text);
    teardown(&f);
}

TEST(no_ports_is_an_answer_too)
{
    struct sg_sync_request request = request_of(&epoch);
    struct fixture f;

    setup(&f);
    CHECK_SYNC(&f, &request, "");
    CHECK_UEQ(interest_count(f.interest), 1);
    teardown(&f);
}

TEST(a_page_or_an_answer_too_large_is_refused)
{
    struct sg_sync_request request = request_of(&epoch);
    struct fixture f;

    setup(&f);
    request.page = xstrdup("2");
    CHECK_SYNC(&f, &request, "ValueError: page: there is no such page");

    dispatcher_destroy(f.dispatcher);
    f.limits.body = 900;
    f.dispatcher = dispatcher_create(&f.limits);
    rpc_limits_default(&f.limits);
    request = request_of(&epoch);
    add_port(&request, P1);
    char *text = sync_text(&f, &request);
    CHECK_CONTAINS(text, "more than the limit of 900");
    CHECK_EQ(f.result, DISPATCH_REFUSED);
    free(text);
    teardown(&f);
}

TEST(reports_are_kept)
{
    struct sg_report report = {
        .host = CONST_CAST(char *, "h2"), .boot = CONST_CAST(char *, "b2"),
        .epoch = epoch, .generation = 7, .applied = 6, .in_sync = true,
        .lag_ms = 3, .n_ports = 5, .n_protected = 4,
    };
    const struct interest_host **hosts;
    struct fixture f;
    size_t len;
    char *body;

    setup(&f);
    body = rpc_encode_report(&report, UNIQUE_ID, &len);
    send_body(&f, body, len);
    CHECK_EQ(f.result, DISPATCH_REPORT);
    CHECK(!f.replied);
    /* The same again is dropped, by its id. */
    send_body(&f, body, len);
    CHECK_EQ(f.result, DISPATCH_DUPLICATE);
    free(body);

    REQUIRE(interest_hosts(f.interest, &hosts) == 1);
    CHECK_STR(hosts[0]->name, "h2");
    const struct host_view *view = &hosts[0]->view;
    REQUIRE(view->reported && view->n_boots == 1);
    CHECK_STR(view->boots[0].name, "b2");
    CHECK_UEQ(view->report.generation, 7);
    CHECK_UEQ(view->report.applied, 6);
    CHECK(view->report.in_sync);
    CHECK_EQ(view->report.lag_ms, 3);
    CHECK_UEQ(view->report.n_ports, 5);
    CHECK_UEQ(view->report.n_protected, 4);
    CHECK_EQ(hosts[0]->last_report, 5000);
    CHECK_EQ(hosts[0]->last_sync, LLONG_MIN);
    free(hosts);
    teardown(&f);
}

TEST(a_call_is_always_answered)
{
    struct fixture f;

    setup(&f);
    send_json(&f, "2.0", "{\"method\": \"report\", \"args\": {\"host\": "
              "\"h1\", \"boot\": \"b\", \"generation\": 1, \"applied\": 1, "
              "\"in_sync\": true, \"ports\": 0, \"protected\": 0}, "
              CALL_KEYS"}");
    CHECK_EQ(f.result, DISPATCH_REPORT);
    REQUIRE(f.replied);
    CHECK(!f.reply.failure_class && !f.reply.result);
    teardown(&f);
}

TEST(requests_that_cannot_be_served)
{
    struct fixture f;

    setup(&f);
    send_json(&f, "2.0", "{\"method\": \"sync\", \"args\": {}, "
              "\"version\": \"1.1\", "CALL_KEYS"}");
    CHECK_EQ(f.result, DISPATCH_REFUSED);
    REQUIRE(f.replied);
    CHECK_STR(f.reply.failure_class, "UnsupportedVersion");
    CHECK_CONTAINS(f.reply.failure_message, "RPC version 1.1");

    send_json(&f, "2.0", "{\"method\": \"sync\", \"args\": {}, "
              "\"namespace\": \"x\", "CALL_KEYS"}");
    REQUIRE(f.replied);
    CHECK_STR(f.reply.failure_class, "UnsupportedVersion");

    /* A method of ours, but not one that the controller serves. */
    send_json(&f, "2.0", "{\"method\": \"beacon\", \"args\": {}, "
              CALL_KEYS"}");
    REQUIRE(f.replied);
    CHECK_STR(f.reply.failure_class, "NoSuchMethod");

    send_json(&f, "2.0", "{\"method\": \"sync\", \"args\": {\"host\": 1}, "
              CALL_KEYS"}");
    REQUIRE(f.replied);
    CHECK_STR(f.reply.failure_class, "ValueError");
    CHECK_CONTAINS(f.reply.failure_message, "host");

    send_json(&f, "2.0", "{\"method\": \"sync\", \"args\": {\"host\": "
              "\"a/b\", \"boot\": \"x\", \"ports\": []}, "CALL_KEYS"}");
    REQUIRE(f.replied);
    CHECK_STR(f.reply.failure_class, "ValueError");

    /* A cast is refused without a reply. */
    send_json(&f, "2.0", "{\"method\": \"nothing\", \"args\": {}}");
    CHECK_EQ(f.result, DISPATCH_REFUSED);
    CHECK(!f.replied);
    CHECK_UEQ(interest_count(f.interest), 0);
    teardown(&f);
}

TEST(malformed_bodies_are_rejected)
{
    struct fixture f;

    setup(&f);
    send_body(&f, "{", 1);
    CHECK_EQ(f.result, DISPATCH_MALFORMED);
    send_json(&f, "3.0", "{\"method\": \"sync\", \"args\": {}, "CALL_KEYS"}");
    CHECK_EQ(f.result, DISPATCH_MALFORMED);
    /* A reply: nobody here has asked anything. */
    send_json(&f, "2.0", "{\"result\": 1, \"failure\": null, "
              "\"ending\": true, \"_msg_id\": \""MSG_ID"\"}");
    CHECK_EQ(f.result, DISPATCH_MALFORMED);
    teardown(&f);
}

TEST(only_so_many_hosts_and_objects)
{
    struct sg_sync_request request;
    struct fixture f;

    setup(&f);
    for (int i = 0; i < INTEREST_MAX_HOSTS; i++) {
        struct sg_report report = {
            .host = xasprintf("host-%d", i), .boot = xstrdup("b"),
        };
        struct interest_host *host;
        bool resync;

        REQUIRE(CHECK_NO_ERROR(interest_report(f.interest, f.state, &report,
                                               f.now, &host, &resync)));
    }
    request = request_of(&epoch);
    CHECK_SYNC(&f, &request, "ValueError: already 10000 hosts, which is the "
               "limit");
    interest_expire(f.interest, f.now + INTEREST_SILENCE_MS + 1);
    request = request_of(&epoch);
    CHECK_SYNC(&f, &request, "");

    /* Partial ones add up until the limit, and the last one is refused. */
    struct uuid uuid;
    char *text = NULL;
    REQUIRE(sg_id_from_string(P1, &uuid));
    for (int i = 0; i < 4; i++) {
        const size_t n = INTEREST_MAX_OBJECTS / 4 + (i == 3);

        request = request_of(&epoch);
        request.partial = true;
        request.objects = xcalloc(n, sizeof *request.objects);
        request.n_objects = n;
        for (size_t j = 0; j < n; j++) {
            uuid.parts[0]++;
            request.objects[j] = (struct sg_ref) { SG_KIND_PORT, uuid, 0 };
        }
        free(text);
        text = sync_text(&f, &request);
    }
    CHECK_STR(text, "ValueError: 65537 objects, more than the limit of 65536 "
              "for a host");
    free(text);
    teardown(&f);
}
