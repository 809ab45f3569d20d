/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The examples of docs/protocol.md are what the code takes.
 *
 * An example is a block that begins with "```json WORD".  WORD is a method,
 * "answer", or the kind of an object. */

#include <config.h>
#include "rpc/message.h"

#include <stdlib.h>
#include <string.h>

#include "tests/lib/test.h"
#include "util.h"

#define DOCUMENT "docs/protocol.md"
#define BEGIN "```json "
#define END "```"
#define N_EXAMPLES 14

#define COMMON "\"epoch\": \"1763666000000-0a1b2c3d\", \"sent\": 1"

/* Returns a body that carries the example 'text' in the place of 'word'. */
static char *
body_for(const char *word, const char *text)
{
    static const struct {
        const char *word, *method, *key, *open, *close;
    } objects[] = {
        { "port", "ports_updated", "ports", "[", "]" },
        { "rules", "rules_updated", "rules", "", "" },
        { "members", "members_changed", "members", "", "" },
    };

    if (!strcmp(word, "answer")) {
        return xasprintf("{\"_msg_id\": \"1\", \"ending\": true, "
                         "\"failure\": null, \"result\": %s}", text);
    }
    for (size_t i = 0; i < ARRAY_SIZE(objects); i++) {
        if (!strcmp(word, objects[i].word)) {
            return xasprintf("{\"method\": \"%s\", \"args\": {"COMMON", "
                             "\"%s\": %s%s%s}}", objects[i].method,
                             objects[i].key, objects[i].open, text,
                             objects[i].close);
        }
    }
    return xasprintf("{\"method\": \"%s\", \"args\": %s}", word, text);
}

/* Nothing of an example may be refused, left out or ignored. */
static void
check_update(const struct sg_update *update)
{
    CHECK_UEQ(update->n_bad, 0);
    for (size_t i = 0; i < update->n_problems; i++) {
        FAIL("%s: %s", update->problems[i].what, update->problems[i].reason);
    }
    for (size_t i = 0; i < update->n_ports; i++) {
        CHECK_UEQ(update->ports[i].n_refused, 0);
    }
    for (size_t i = 0; i < update->n_rules; i++) {
        CHECK_UEQ(update->rules[i].n_refused, 0);
    }
}

static void
check_message(const struct rpc_message *message)
{
    struct sg_sync_request request;
    struct sg_update update;
    struct sg_report report;
    struct rpc_limits limits;

    rpc_limits_default(&limits);
    if (message->type == RPC_REPLY) {
        if (CHECK_NO_ERROR(rpc_update_from_reply(message, &limits,
                                                 &update))) {
            check_update(&update);
            sg_update_uninit(&update);
        }
    } else if (!strcmp(message->method, "sync")) {
        if (CHECK_NO_ERROR(rpc_sync_request_decode(message, &limits,
                                                   &request))) {
            sg_sync_request_uninit(&request);
        }
    } else if (!strcmp(message->method, "report")) {
        if (CHECK_NO_ERROR(rpc_report_decode(message, &limits, &report))) {
            sg_report_uninit(&report);
        }
    } else if (CHECK_NO_ERROR(rpc_update_from_request(message, &limits,
                                                      &update))) {
        check_update(&update);
        sg_update_uninit(&update);
    }
}

static void
check_example(const char *word, const char *text)
{
    char *body = body_for(word, text);
    struct rpc_message message;
    struct rpc_limits limits;

    rpc_limits_default(&limits);
    if (CHECK_NO_ERROR(rpc_message_decode(body, strlen(body), &limits,
                                          &message))) {
        check_message(&message);
        rpc_message_uninit(&message);
    } else {
        FAIL("in the example of %s", word);
    }
    free(body);
}

TEST(examples)
{
    char *document = test_read_file(DOCUMENT, NULL);
    char *p = document;
    int n = 0;

    while ((p = strstr(p, BEGIN))) {
        char *word = p + strlen(BEGIN);
        char *text = strchr(word, '\n');
        char *end = text ? strstr(text, END) : NULL;

        REQUIRE(end);
        *text++ = '\0';
        *end = '\0';
        check_example(word, text);
        p = end + 1;
        n++;
    }
    CHECK_EQ(n, N_EXAMPLES);
    free(document);
}

/* The limits are written down there. */
TEST(limits)
{
    struct rpc_limits limits;

    rpc_limits_default(&limits);
    CHECK_UEQ(limits.body, 8388608);
    CHECK_UEQ(limits.depth, 32);
    CHECK_UEQ(limits.values, 786432);
    CHECK_UEQ(limits.string, 1024);
    CHECK_UEQ(limits.rules, 1000);
    CHECK_UEQ(limits.members, 262144);
    CHECK_UEQ(limits.groups_per_port, 64);
    CHECK_UEQ(limits.pairs_per_port, 256);
    CHECK_UEQ(limits.objects, 20000);
}
