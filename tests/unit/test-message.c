/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* What a message is and what is none: captured messages, their envelope,
 * fields, requests to the controller, and what a stock peer sees. */

#include <config.h>
#include "rpc/message.h"

#include <dirent.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/rpc-text.h"
#include "tests/lib/test.h"
#include "util.h"

#define VECTORS "tests/vectors"
#define N_VECTORS 42

#define PORT "5eb00000-0002-4000-8000-000000000001"
#define EPOCH "1763666000000-0a1b2c3d"
#define UNIQUE "0123456789abcdef0123456789abcdef"
#define MSG_ID "fedcba9876543210fedcba9876543210"

/* ## Captured messages ## */

static const char *
string_at(json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void
check_request(const struct rpc_message *m, json_t *want)
{
    json_t *timeout = json_object_get(want, "_timeout");

    CHECK_EQ(m->type, RPC_REQUEST);
    CHECK_STR(m->method, string_at(want, "method"));
    CHECK_STR(m->version, string_at(want, "version"));
    CHECK(rpc_text_same(m->namespace_, string_at(want, "namespace")));
    CHECK(rpc_text_same(m->reply_q, string_at(want, "_reply_q")));
    CHECK_EQ(m->timeout, json_integer_value(timeout));
    CHECK(json_equal(m->args, json_object_get(want, "args")));
    CHECK_EQ(rpc_message_served(m),
             !strcmp(string_at(want, "version"), "1.0")
             && !string_at(want, "namespace"));
}

static void
check_reply(const struct rpc_message *m, json_t *want, json_t *failure)
{
    json_t *result = json_object_get(want, "result");

    CHECK_EQ(m->type, RPC_REPLY);
    CHECK_EQ(m->ending, json_is_true(json_object_get(want, "ending")));
    CHECK(json_is_null(result) ? !m->result : json_equal(m->result, result));
    CHECK_EQ(!m->failure_class, !failure);
    if (failure) {
        const char *text = string_at(failure, "message");
        char *quoted = rpc_quote(text, strlen(text));

        CHECK_STR(m->failure_class, string_at(failure, "class"));
        CHECK_STR(m->failure_message, quoted);
        free(quoted);
    }
}

static void
check_vector(const char *name, json_t *vector)
{
    const char *body = string_at(vector, "body");
    json_t *want = json_object_get(vector, "message");
    struct rpc_message m;

    if (!strcmp(name, "message-malformed.json")) {
        CHECK_ERROR(rpc_text_decode(body, &m), "not JSON");
        return;
    } else if (!strcmp(name, "message-unsupported-envelope.json")) {
        CHECK_ERROR(rpc_text_decode(body, &m), "version");
        return;
    } else if (!CHECK_NO_ERROR(rpc_text_decode(body, &m))) {
        return;
    }

    CHECK(rpc_text_same(m.msg_id, string_at(want, "_msg_id")));
    CHECK(rpc_text_same(m.unique_id, string_at(want, "_unique_id")));
    if (json_object_get(want, "method")) {
        check_request(&m, want);
    } else {
        check_reply(&m, want, json_object_get(vector, "failure"));
    }
    rpc_message_uninit(&m);
}

/* Calls 'check' for each captured message; returns how many there were. */
static int
for_each_vector(void (*check)(const char *name, json_t *vector))
{
    DIR *dir = opendir(VECTORS);
    struct dirent *entry;
    int n = 0;

    REQUIRE(dir);
    while ((entry = readdir(dir))) {
        if (!strstr(entry->d_name, ".json")) {
            continue;
        }

        char *name = xasprintf(VECTORS"/%s", entry->d_name);
        json_t *vector = json_load_file(name, 0, NULL);
        if (!CHECK(vector)) {
            FAIL("%s", name);
        } else {
            check(entry->d_name, vector);
        }
        json_decref(vector);
        free(name);
        n++;
    }
    closedir(dir);
    return n;
}

TEST(vectors)
{
    CHECK_EQ(for_each_vector(check_vector), N_VECTORS);
}

/* ## Additional keys of the envelope ## */

static bool
same_message(const struct rpc_message *a, const struct rpc_message *b)
{
    return (a->type == b->type
            && rpc_text_same(a->method, b->method)
            && rpc_text_same(a->msg_id, b->msg_id)
            && rpc_text_same(a->unique_id, b->unique_id)
            && rpc_text_same(a->failure_message, b->failure_message)
            && (a->args ? json_equal(a->args, b->args) : !b->args)
            && (a->result ? json_equal(a->result, b->result) : !b->result));
}

/* A key of the envelope that we do not know changes nothing, whatever else
 * is right or wrong with the body. */
static void
check_extra_key(const char *body, size_t len)
{
    static const char extra[] = "{\"x\": 0, ";
    struct rpc_limits l = rpc_text_limits();
    struct rpc_message a, b;
    char *a_error, *b_error;

    if (!len || body[0] != '{') {
        return;
    }
    char *extended = xmalloc(len + sizeof extra);
    memcpy(extended, extra, sizeof extra - 1);
    memcpy(extended + sizeof extra - 1, body + 1, len - 1);

    a_error = rpc_message_decode(body, len, &l, &a);
    b_error = rpc_message_decode(extended, len + sizeof extra - 2, &l, &b);
    if (!a_error != !b_error) {
        FAIL("%.*s: %s but %s", (int) len, body,
             a_error ? a_error : "accepted", b_error ? b_error : "accepted");
    }
    if (!a_error && !b_error) {
        CHECK(same_message(&a, &b));
    }
    if (!a_error) {
        rpc_message_uninit(&a);
    }
    if (!b_error) {
        rpc_message_uninit(&b);
    }
    free(a_error);
    free(b_error);
    free(extended);
}

static void
check_mutants(const char *name OVS_UNUSED, json_t *vector)
{
    static const char alphabet[] = "\\\"{}[]:, \n\x01\x80u0b/2.x";
    const char *body = string_at(vector, "body");
    size_t len = strlen(body);
    uint64_t seed = test_seed();

    check_extra_key(body, len);
    for (unsigned int i = 0; i < test_rounds(300); i++) {
        char *mutant = xmemdup(body, len);
        size_t cut = len;

        /* Mostly near the beginning and the end, where the envelope is. */
        for (int n = test_random(&seed) % 3; n >= 0; n--) {
            size_t at = test_random(&seed) % (test_random(&seed) % 2
                                              ? MIN(len, 60) : len);

            at = test_random(&seed) % 3 ? at : len - 1 - at % MIN(len, 8);
            mutant[at] = alphabet[test_random(&seed)
                                  % (sizeof alphabet - 1)];
        }
        if (!(test_random(&seed) % 8)) {
            cut = test_random(&seed) % len;
        }
        check_extra_key(mutant, cut);
        free(mutant);
    }
}

TEST(both_ways_through_the_envelope)
{
    CHECK_EQ(for_each_vector(check_mutants), N_VECTORS);
}

TEST(envelope_forms)
{
    static const struct {
        const char *body, *error;
    } cases[] = {
        /* As others may write it. */
        { "{\"oslo.message\":\"{\\\"method\\\":\\\"m\\\"}\","
          "\"oslo.version\":\"2.0\"}", NULL },
        { " {\"oslo.version\":\"2.0\",\n\"oslo.message\":"
          "\"{\\\"method\\\"\\t: \\\"m\\\"}\"\r} ", NULL },
        { "{\"oslo.version\": \"2.0\", \"oslo.message\": "
          "\"{\\u0022method\\u0022: \\u0022m\\u0022}\"}", NULL },
        { "{\"oslo.version\": \"2.0\", \"oslo.message\": "
          "\"{\\\"method\\\": \\\"m\\\", \\\"args\\\": "
          "{\\\"a\\\": \\\"\xc3\xbc\\\"}}\"}", NULL },
        { "{\"method\": \"m\", \"oslo.version\": \"9.9\"}", NULL },

        { "", "not JSON" },
        { "{\"oslo.version\": \"2.0\", \"oslo.message\": \"\"}", "not JSON" },
        { "{\"oslo.version\": \"2.0\", \"oslo.message\": \"{}\"} x",
          "not JSON" },
        { "{\"oslo.version\": \"2.0\", \"oslo.message\": \"[]\"}",
          "message: not an object" },
        { "{\"oslo.version\": \"2.0\", \"oslo.message\": \"{}\"}",
          "neither a request nor a reply" },
        { "{\"oslo.version\": \"2.0\", \"oslo.message\": {}}", "not strings" },
        { "{\"oslo.version\": 2.0, \"oslo.message\": \"{}\"}", "not strings" },
        { "{\"oslo.version\": \"2.1\", \"oslo.message\": \"{}\"}",
          "version" },
        { "{\"oslo.version\": \"1.0\", \"oslo.message\": \"{}\"}",
          "version" },
        { "{\"oslo.version\": \"2.0\", \"oslo.version\": \"2.0\", "
          "\"oslo.message\": \"{}\"}", "duplicate" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct rpc_message m;
        char *error = rpc_text_decode(cases[i].body, &m);

        if (cases[i].error) {
            CHECK_ERROR(error, cases[i].error);
        } else if (CHECK_NO_ERROR(error)) {
            CHECK_STR(m.method, "m");
            rpc_message_uninit(&m);
        }
    }
}

/* ## Malformed as a whole ## */

TEST(message_fields)
{
    static const struct {
        const char *body, *error;
    } cases[] = {
        { "{\"method\": 5}", "message.method: not a string" },
        { "{\"method\": \"\"}", "message.method: empty" },
        { "{\"method\": \"a\\nb\"}", "printable" },
        { "{\"method\": \"a\\u001bb\"}", "printable" },
        { "{\"method\": \"a\\u2028b\"}", "printable" },
        { "{\"method\": \"a\\u0000b\"}", "not JSON" },
        { "{\"method\": \"a\nb\"}", "not JSON" },
        { "{\"method\": \"a\xff\"}", "not JSON" },
        { "{\"method\": \"m\", \"method\": \"m\"}", "duplicate" },
        { "{\"method\": \"m\", \"args\": []}", "args is not an object" },
        { "{\"method\": \"m\", \"args\": {\"a\": 1, \"a\": 2}}",
          "duplicate" },
        { "{\"method\": \"m\", \"args\": {\"a\": 9223372036854775808}}",
          "not JSON" },
        { "{\"method\": \"m\", \"version\": 1}", "message.version" },
        { "{\"method\": \"m\", \"_msg_id\": \"1\"}", "_reply_q: missing" },
        { "{\"method\": \"m\", \"_timeout\": 1.5}", "not an integer" },
        { "{\"method\": \"m\", \"_timeout\": -1}", "too low" },
        { "{\"result\": 1, \"ending\": true}", "neither" },
        { "{\"_msg_id\": \"1\", \"ending\": 1}", "not true or false" },
        { "[{\"method\": \"m\"}]", "not an object" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct rpc_message m;
        char *error = rpc_text_decode(cases[i].body, &m);

        if (!error) {
            rpc_message_uninit(&m);
            FAIL("accepted: %s", cases[i].body);
        } else {
            CHECK_ERROR(error, cases[i].error);
        }
    }
}

/* A failure that cannot be read is a failure all the same. */
TEST(odd_failures)
{
    static const char *const failures[] = {
        "\"plain text\"", "\"\"", "\"[]\"", "\"{}\"", "{}", "5", "true",
        "\"{\\\"class\\\": 5, \\\"message\\\": null}\"",
    };

    for (size_t i = 0; i < ARRAY_SIZE(failures); i++) {
        char *body = xasprintf("{\"_msg_id\": \"1\", \"ending\": true, "
                               "\"result\": {}, \"failure\": %s}",
                               failures[i]);
        struct rpc_message m;

        if (CHECK_NO_ERROR(rpc_text_decode(body, &m))) {
            CHECK_STR(m.failure_class, "unknown");
            CHECK_STR(m.failure_message, "unknown");
            CHECK(!m.result);
            rpc_message_uninit(&m);
        }
        free(body);
    }
}

/* An old release sends the payload first and the end apart. */
TEST(payload_before_the_end)
{
    static const char body[] = "{\"_msg_id\": \"1\", \"failure\": null, "
                               "\"result\": {\"a\": 1}}";
    struct rpc_message m;

    REQUIRE(CHECK_NO_ERROR(rpc_text_decode(body, &m)));
    CHECK(!m.ending);
    CHECK(m.result);
    rpc_message_uninit(&m);
}

TEST(methods_that_are_not_served)
{
    struct rpc_limits l = rpc_text_limits();
    static const char *const methods[] = {
        "sync", "report", "Beacon", "nothing", "_beacon",
    };

    for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
        CHECK_ERROR(rpc_text_update_error(methods[i],
                                          "{\"epoch\": \""EPOCH"\"}", &l),
                    "is not served");
    }

    static const char *const bodies[] = {
        "{\"method\": \"resync\", \"version\": \"2.0\", "
        "\"args\": {\"epoch\": \""EPOCH"\"}}",
        "{\"method\": \"resync\", \"version\": \"1.1\", "
        "\"args\": {\"epoch\": \""EPOCH"\"}}",
        "{\"method\": \"resync\", \"namespace\": \"x\", "
        "\"args\": {\"epoch\": \""EPOCH"\"}}",
    };
    for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
        struct sg_update update;
        struct rpc_message m;

        REQUIRE(CHECK_NO_ERROR(rpc_text_decode(bodies[i], &m)));
        CHECK(!rpc_message_served(&m));
        CHECK_ERROR(rpc_update_from_request(&m, &l, &update),
                    "only version 1.0");
        rpc_message_uninit(&m);
    }
}

/* ## What the controller is asked ## */

TEST(requests_to_the_controller_refused)
{
    static const struct {
        const char *method, *args, *error;
    } cases[] = {
        { "sync", "{}", "args.host: missing" },
        { "sync", "{\"host\": \"a b\"}", "is not a host name" },
        { "sync", "{\"host\": \"h\"}", "args.boot: missing" },
        { "sync", "{\"host\": \"h\", \"boot\": \"b\"}", "args.ports" },
        { "sync", "{\"host\": \"h\", \"boot\": \"b\", \"ports\": [5]}",
          "args.ports[0]: not a UUID" },
        { "sync", "{\"host\": \"h\", \"boot\": \"b\", \"ports\": [], "
          "\"epoch\": \"x\"}", "args.epoch" },
        { "sync", "{\"host\": \"h\", \"boot\": \"b\", \"ports\": [], "
          "\"objects\": [{\"kind\": \"x\"}]}", "args.objects[0].kind" },
        { "sync", "{\"host\": \"h\", \"boot\": \"b\", \"ports\": [], "
          "\"have\": [{\"kind\": \"port\", \"id\": \""PORT"\"}]}",
          "args.have[0].revision: missing" },
        { "sync", "{\"host\": \"h\", \"boot\": \"b\", \"ports\": [], "
          "\"page\": \"\\n\"}", "args.page" },
        { "beacon", "{}", "not a request for sync" },
    };
    struct rpc_limits l = rpc_text_limits();

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *body = xasprintf("{\"method\": \"%s\", \"args\": %s}",
                               cases[i].method, cases[i].args);
        struct sg_sync_request request;
        struct sg_report report;
        struct rpc_message m;

        REQUIRE(CHECK_NO_ERROR(rpc_text_decode(body, &m)));
        CHECK_ERROR(rpc_sync_request_decode(&m, &l, &request),
                    cases[i].error);
        CHECK_ERROR(rpc_report_decode(&m, &l, &report), "request for report");
        rpc_message_uninit(&m);
        free(body);
    }
}

/* ## What a stock peer sees ## */

TEST(looks_like_oslo)
{
    struct sg_update update;
    size_t len;

    sg_update_init(&update, SG_METHOD_BEACON);
    REQUIRE(sg_epoch_from_string(EPOCH, &update.epoch));
    update.sent = 5;
    update.seq = 6;
    char *body = rpc_encode_update(&update, UNIQUE, &len);
    CHECK_STR(body,
              "{\"oslo.version\":\"2.0\",\"oslo.message\":"
              "\"{\\\"method\\\":\\\"beacon\\\",\\\"args\\\":"
              "{\\\"epoch\\\":\\\""EPOCH"\\\",\\\"sent\\\":5,"
              "\\\"seq\\\":6,\\\"changed\\\":{},\\\"more\\\":false},"
              "\\\"version\\\":\\\"1.0\\\","
              "\\\"_unique_id\\\":\\\""UNIQUE"\\\"}\"}");
    free(body);

    body = rpc_encode_sync_reply(&update, MSG_ID, UNIQUE, &len);
    CHECK_STR(body,
              "{\"oslo.version\":\"2.0\",\"oslo.message\":"
              "\"{\\\"failure\\\":null,\\\"ending\\\":true,"
              "\\\"_msg_id\\\":\\\""MSG_ID"\\\","
              "\\\"_unique_id\\\":\\\""UNIQUE"\\\","
              "\\\"result\\\":{\\\"epoch\\\":\\\""EPOCH"\\\","
              "\\\"sent\\\":5,\\\"next\\\":null,"
              "\\\"objects\\\":[]}}\"}");
    free(body);
}

TEST(failure_reply)
{
    struct rpc_message m;
    size_t len;
    char *body = rpc_encode_failure(MSG_ID, UNIQUE, "NoSuchMethod",
                                    "oslo_messaging.rpc.dispatcher",
                                    "no \"such\" method: \xc3\xbc", &len);

    CHECK_CONTAINS(body, "\\\\\\\"tb\\\\\\\":[]");
    for (const char *p = body; *p; p++) {
        CHECK(*p >= 0x20 && *p < 0x7f);
    }
    REQUIRE(CHECK_NO_ERROR(rpc_text_decode(body, &m)));
    CHECK_STR(m.msg_id, MSG_ID);
    CHECK(m.ending);
    CHECK_STR(m.failure_class, "NoSuchMethod");
    CHECK_STR(m.failure_message,
              "no \\x22such\\x22 method: \\xc3\\xbc");
    rpc_message_uninit(&m);
    free(body);

    /* Any bytes are better than no answer. */
    body = rpc_encode_failure(MSG_ID, UNIQUE, "ValueError", "builtins",
                              "\xff", &len);
    REQUIRE(CHECK_NO_ERROR(rpc_text_decode(body, &m)));
    CHECK_STR(m.failure_message, "\\x5cxff");
    rpc_message_uninit(&m);
    free(body);
}

TEST(quote)
{
    static const struct {
        const char *in;
        size_t len;
        const char *out;
    } cases[] = {
        { "plain text; -A %n", 17, "plain text; -A %n" },
        { "", 0, "" },
        { "\n\r\x1b[0m", 6, "\\x0a\\x0d\\x1b[0m" },
        { "a\0b", 3, "a\\x00b" },
        { "\xe2\x80\xae", 3, "\\xe2\\x80\\xae" },
        { "\"\\", 2, "\\x22\\x5c" },
        { "\x7f\xff", 2, "\\x7f\\xff" },
    };
    char long_text[300];

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *out = rpc_quote(cases[i].in, cases[i].len);

        CHECK_STR(out, cases[i].out);
        free(out);
    }

    for (int fill = 'a'; fill >= 0; fill -= 'a') {
        memset(long_text, fill, sizeof long_text);
        for (size_t n = 0; n <= sizeof long_text; n++) {
            char *out = rpc_quote(long_text, n);
            size_t want = n * (fill ? 1 : 4);

            CHECK(strlen(out) <= 128);
            if (want <= 125) {
                CHECK_UEQ(strlen(out), want);
            } else {
                CHECK(strlen(out) > 3 && !strcmp(strchr(out, '\0') - 3,
                                                 "..."));
            }
            free(out);
        }
    }
}
