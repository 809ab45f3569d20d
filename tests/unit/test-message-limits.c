/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Each limit of a message: at the limit, one beyond, and what is counted. */

#include <config.h>
#include "rpc/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "tests/lib/rpc-text.h"
#include "tests/lib/test.h"
#include "util.h"

#define GROUP "5eb00000-0000-4000-8000-00000000000a"
#define PORT "5eb00000-0002-4000-8000-000000000001"
#define EPOCH "1763666000000-0a1b2c3d"

TEST(limit_body)
{
    static const char body[] = "{\"method\": \"m\"}";
    struct rpc_limits l = rpc_text_limits();
    struct rpc_message m;

    l.body = strlen(body);
    REQUIRE(CHECK_NO_ERROR(rpc_message_decode(body, strlen(body), &l, &m)));
    rpc_message_uninit(&m);
    l.body--;
    CHECK_ERROR(rpc_message_decode(body, strlen(body), &l, &m), "limit");
}

/* 'n' nested lists in the arguments, which are in an object in an object. */
static char *
nested(int n)
{
    char *left = xmalloc(n + 1), *right = xmalloc(n + 1);

    memset(left, '[', n);
    memset(right, ']', n);
    left[n] = right[n] = '\0';
    /* Brackets in a string do not count, nor does its escaped quote end it. */
    char *body = xasprintf("{\"method\": \"[{\\\""
                           "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\", "
                           "\"args\": {\"a\": %s%s}}", left, right);
    free(left);
    free(right);
    return body;
}

TEST(limit_depth)
{
    struct rpc_limits l = rpc_text_limits();
    struct rpc_message m;
    char *body;

    body = nested(l.depth - 2);
    if (CHECK_NO_ERROR(rpc_text_decode(body, &m))) {
        rpc_message_uninit(&m);
    }
    free(body);
    body = nested(l.depth - 1);
    CHECK_ERROR(rpc_text_decode(body, &m), "deeper than 32");
    free(body);

    /* Far beyond, the inner text too: no recursion on the way. */
    size_t n = 1 << 20;
    body = xmalloc(n + 1);
    memset(body, '[', n);
    body[n] = '\0';
    CHECK_ERROR(rpc_text_decode(body, &m), "deeper");
    char *wrapped = xasprintf("{\"oslo.version\": \"2.0\", "
                              "\"oslo.message\": \"%s\"}", body);
    CHECK_ERROR(rpc_text_decode(wrapped, &m), "deeper");
    free(wrapped);
    free(body);
}

TEST(limit_values)
{
    static const char body[] =
        "{\"method\": \",,[[\", \"args\": {\"a\": [1, [], {}]}}";
    struct rpc_limits l = rpc_text_limits();
    struct rpc_message m;

    /* The text, five brackets, which count twice, and three commas; none of
     * those in the string. */
    l.values = 14;
    REQUIRE(CHECK_NO_ERROR(rpc_message_decode(body, strlen(body), &l, &m)));
    rpc_message_uninit(&m);
    l.values = 13;
    CHECK_ERROR(rpc_message_decode(body, strlen(body), &l, &m),
                "more than 13 values");
}

/* Eight bytes for each value and 1,024 to begin with. */
TEST(limit_values_by_size)
{
    struct ds body = DS_EMPTY_INITIALIZER;
    uint64_t refused[RPC_N_LIMITS] = { 0 };
    struct rpc_limits l = rpc_text_limits();
    struct rpc_message m;

    l.refused = refused;
    ds_put_cstr(&body, "{\"method\": \"x\", \"args\": {\"a\": [0");
    for (int i = 0; i < 1500; i++) {
        ds_put_cstr(&body, ",0");
    }
    ds_put_cstr(&body, "]}}");
    CHECK_ERROR(rpc_message_decode(body.string, body.length, &l, &m),
                "values in 3035 bytes");
    CHECK_UEQ(refused[RPC_LIMIT_VALUES], 1);

    /* 1,508 values: 484 times eight bytes. */
    ds_put_char_multiple(&body, ' ', 8 * 484 - 1 - body.length);
    CHECK_ERROR(rpc_message_decode(body.string, body.length, &l, &m),
                "values in 3871 bytes");
    CHECK_UEQ(refused[RPC_LIMIT_VALUES], 2);
    ds_put_char(&body, ' ');
    REQUIRE(CHECK_NO_ERROR(rpc_message_decode(body.string, body.length, &l,
                                              &m)));
    rpc_message_uninit(&m);
    ds_destroy(&body);
}

TEST(limit_string)
{
    struct rpc_limits l = rpc_text_limits();
    struct rpc_message m;

    l.string = 4;
    CHECK_ERROR(rpc_message_decode("{\"method\": \"12345\"}", 19, &l, &m),
                "too long");
    REQUIRE(CHECK_NO_ERROR(rpc_message_decode("{\"method\": \"1234\"}", 18,
                                              &l, &m)));
    rpc_message_uninit(&m);
}

TEST(limit_members)
{
    struct rpc_limits l = rpc_text_limits();
    struct sg_update update;
    static const char form[] =
        "{\"epoch\": \""EPOCH"\", \"members\": {\"group\": \""GROUP"\", "
        "\"revision\": 2, %s}}";
    static const struct {
        const char *members;
        size_t n;               /* 0: refused. */
    } cases[] = {
        { "\"members\": [\"10.0.0.1-10.0.0.4\"]", 4 },
        { "\"members\": [\"10.0.0.1-10.0.0.5\"]", 0 },
        { "\"members\": [\"10.0.0.1-10.0.0.3\", \"::1\"]", 4 },
        { "\"members\": [\"::1\", \"10.0.0.1-10.0.0.3\"]", 4 },
        { "\"members\": [\"::1\", \"10.0.0.1-10.0.0.4\"]", 0 },
        { "\"members\": [\"0.0.0.0-255.255.255.255\"]", 0 },
        { "\"members\": [\"::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff\"]",
          0 },
        { "\"members\": [\"2001:db8::-2001:db8:1::\"]", 0 },
        { "\"members\": [\"10.0.0.1\", \"10.0.0.2\", \"10.0.0.3\", "
          "\"10.0.0.4\", \"10.0.0.5\"]", 0 },
        { "\"prev\": 1, \"added\": [\"10.0.0.1\", \"10.0.0.2\", "
          "\"10.0.0.3\", \"10.0.0.4\", \"10.0.0.5\"]", 0 },
    };

    l.members = 4;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *args = xasprintf(form, cases[i].members);
        char *error = rpc_text_update("members_changed", args, &l, &update);

        if (!cases[i].n) {
            CHECK_ERROR(error, "args.members");
        } else if (CHECK_NO_ERROR(error)) {
            CHECK_UEQ(update.members[0].added.n, cases[i].n);
            sg_update_uninit(&update);
        }
        free(args);
    }
}

/* Ranges unfold to far more than their bytes: what all lists of a message
 * come to is bounded as well. */
TEST(limit_set_entries)
{
    static const char *const lists[] = {
        "10.0.0.1-10.0.0.4", "10.0.1.1-10.0.1.4", "10.0.2.1-10.0.2.3",
    };
    uint64_t refused[RPC_N_LIMITS] = { 0 };
    struct rpc_limits l = rpc_text_limits();
    struct rpc_message m;
    struct sg_update update;
    char *objects = xstrdup("");

    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        char *longer = xasprintf("%s%s{\"kind\": \"members\", \"members\": "
                                 "{\"group\": \"5eb00000-0000-4000-8000-"
                                 "00000000000%d\", \"revision\": 2, "
                                 "\"members\": [\"%s\"]}}", objects,
                                 i ? ", " : "", (int) i + 1, lists[i]);

        free(objects);
        objects = longer;
    }
    char *body = xasprintf("{\"_msg_id\": \"1\", \"ending\": true, "
                           "\"result\": {\"epoch\": \""EPOCH"\", "
                           "\"objects\": [%s]}}", objects);

    l.refused = refused;
    REQUIRE(CHECK_NO_ERROR(rpc_text_decode(body, &m)));
    for (size_t limit = 12; limit >= 10; limit--) {
        bool fits = limit >= 11;

        l.set_entries = limit;
        REQUIRE(CHECK_NO_ERROR(rpc_update_from_reply(&m, &l, &update)));
        /* The one that is too much; the others count. */
        CHECK_UEQ(update.n_members, fits ? 3 : 2);
        CHECK_UEQ(update.n_bad, fits ? 0 : 1);
        CHECK_UEQ(refused[RPC_LIMIT_SET_ENTRIES], fits ? 0 : 1);
        if (!fits) {
            CHECK_CONTAINS(update.problems[0].reason,
                           "more than 10 members in one message");
        }
        sg_update_uninit(&update);
    }
    rpc_message_uninit(&m);

    /* Without it 20,000 lists of 262,144 could come in one message: 94 GB. */
    l = rpc_text_limits();
    CHECK_UEQ(l.set_entries, 4194304);
    free(body);
    free(objects);
}

TEST(limits_are_counted)
{
    uint64_t refused[RPC_N_LIMITS] = { 0 };
    struct rpc_limits l = rpc_text_limits();
    struct rpc_message m;

    l.refused = refused;
    l.body = 30;
    CHECK_ERROR(rpc_message_decode("                               ", 31, &l,
                                   &m), "limit");
    l.depth = 3;
    CHECK_ERROR(rpc_message_decode("[[[[]]]]", 8, &l, &m), "deeper");
    l.values = 3;
    CHECK_ERROR(rpc_message_decode("[1,1,1]", 7, &l, &m), "values");
    l.values = 30;
    l.string = 3;
    CHECK_ERROR(rpc_message_decode("{\"method\": \"1234\"}", 18, &l, &m),
                "too long");
    l = rpc_text_limits();
    l.refused = refused;
    l.rules = l.members = l.objects = 1;
    CHECK_ERROR(rpc_text_update_error("rules_updated", "{\"epoch\": \""EPOCH
                                      "\", \"rules\": {\"group\": \""GROUP
                                      "\", \"revision\": 1, \"rules\": "
                                      "[0, 0]}}",
                                      &l), "too long");
    CHECK_ERROR(rpc_text_update_error("members_changed", "{\"epoch\": \""EPOCH
                                      "\", \"members\": {\"group\": \""GROUP
                                      "\", \"revision\": 1, \"members\": "
                                      "[\"10.0.0.1-10.0.0.2\"]}}", &l),
                "more than 1 members");
    CHECK_ERROR(rpc_text_update_error("resync", "{\"epoch\": \""EPOCH
                                      "\", \"objects\": [0, 0]}", &l),
                "too long");
    for (enum rpc_limit i = 0; i < RPC_N_LIMITS; i++) {
        bool expected = (i == RPC_LIMIT_BODY || i == RPC_LIMIT_DEPTH
                         || i == RPC_LIMIT_VALUES || i == RPC_LIMIT_STRING
                         || i == RPC_LIMIT_RULES || i == RPC_LIMIT_MEMBERS
                         || i == RPC_LIMIT_OBJECTS);

        if (!CHECK_UEQ(refused[i], expected)) {
            fprintf(stderr, "%s\n", rpc_limit_name(i));
        }
    }
}

TEST(limit_lists)
{
    struct rpc_limits l = rpc_text_limits();
    struct sg_update update;
    static const char port_form[] =
        "{\"epoch\": \""EPOCH"\", \"ports\": [{\"id\": \""PORT"\", "
        "\"revision\": 1, \"mac_address\": \"02:00:00:00:00:01\", "
        "\"fixed_ips\": %s, \"allowed_address_pairs\": %s, "
        "\"security_groups\": %s}]}";
    static const char *const ips = "[\"10.0.0.1\", \"10.0.0.2\"]";
    static const char *const pairs =
        "[{\"ip_address\": \"10.0.0.1\"}, {\"ip_address\": \"10.0.0.2\"}]";
    static const char *const groups = "[\""GROUP"\", \""PORT"\"]";
    const struct {
        const char *ips, *pairs, *groups;
        bool ok;
    } cases[] = {
        { "[\"10.0.0.1\"]", "[{\"ip_address\": \"10.0.0.1\"}]",
          "[\""GROUP"\"]", true },
        { ips, "[]", "[]", false },
        { "[]", pairs, "[]", false },
        { "[]", "[]", groups, false },
    };
    uint64_t refused[RPC_N_LIMITS] = { 0 };

    l.refused = refused;
    l.pairs_per_port = l.groups_per_port = 1;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *args = xasprintf(port_form, cases[i].ips, cases[i].pairs,
                               cases[i].groups);

        REQUIRE(CHECK_NO_ERROR(rpc_text_update("ports_updated", args, &l,
                                               &update)));
        CHECK_UEQ(update.n_ports, cases[i].ok);
        CHECK_UEQ(update.n_bad, !cases[i].ok);
        CHECK_UEQ(update.n_problems, !cases[i].ok);
        sg_update_uninit(&update);
        free(args);
    }

    CHECK_UEQ(refused[RPC_LIMIT_PAIRS_PER_PORT], 2);
    CHECK_UEQ(refused[RPC_LIMIT_GROUPS_PER_PORT], 1);

    l = rpc_text_limits();
    l.objects = 1;
    CHECK_ERROR(rpc_text_update_error("ports_updated", "{\"epoch\": \""EPOCH
                                      "\", \"ports\": [0, 0]}", &l),
                "args.ports: list is too long");
    CHECK_ERROR(rpc_text_update_error("ports_deleted", "{\"epoch\": \""EPOCH
                                      "\", \"ports\": [0, 0]}", &l),
                "args.ports: list is too long");
    CHECK_ERROR(rpc_text_update_error("resync", "{\"epoch\": \""EPOCH
                                      "\", \"objects\": [0, 0]}", &l),
                "args.objects: list is too long");
    CHECK_ERROR(rpc_text_update_error("beacon", "{\"epoch\": \""EPOCH
                                      "\", \"seq\": 1, \"changed\": "
                                      "{\"a\": 1, \"b\": 1}}", &l),
                "args.changed: too many");
    l.rules = 1;
    CHECK_ERROR(rpc_text_update_error("rules_updated", "{\"epoch\": \""EPOCH
                                      "\", \"rules\": {\"group\": \""GROUP
                                      "\", \"revision\": 1, \"rules\": "
                                      "[0, 0]}}",
                                      &l),
                "args.rules.rules: list is too long");
}

/* However much is wrong, what is kept of it is bounded. */
TEST(limit_problems)
{
    struct rpc_limits l = rpc_text_limits();
    struct sg_update update;
    char *args = xstrdup("{\"epoch\": \""EPOCH"\"");

    for (int i = 0; i < 200; i++) {
        char *longer = xasprintf("%s, \"k%d\": null", args, i);

        free(args);
        args = longer;
    }
    char *closed = xasprintf("%s}", args);
    REQUIRE(CHECK_NO_ERROR(rpc_text_update("resync", closed, &l, &update)));
    CHECK_UEQ(update.n_problems, 64);
    CHECK_STR(update.problems[0].what, "args");
    CHECK_CONTAINS(update.problems[0].reason, "k0");
    sg_update_uninit(&update);
    free(args);
    free(closed);
}
