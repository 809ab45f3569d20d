/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The examples of docs/protocol.md are what the code takes, and its figures
 * those of the code.
 *
 * An example is a block that begins with "```json WORD".  WORD is a method,
 * "answer", "reply", or the kind of an object.  The lines that a digest is
 * made of are a block that begins with "```digest". */

#include <config.h>
#include "rpc/message.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/digest.h"
#include "tests/lib/test.h"
#include "util.h"

#define DOCUMENT "docs/protocol.md"
#define BEGIN "```json "
#define END "```"
#define N_EXAMPLES 18

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
    if (!strcmp(word, "reply")) {
        return xstrdup(text);
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

/* Reads "KIND:ID:REVISION", which it takes apart. */
static struct sg_ref
ref_from_line(char *line)
{
    char *id = strchr(line, ':');
    struct sg_ref ref;

    REQUIRE(id);
    *id++ = '\0';
    char *revision = strchr(id, ':');
    REQUIRE(revision);
    *revision++ = '\0';
    REQUIRE(sg_kind_from_string(line, &ref.kind));
    REQUIRE(sg_id_from_string(id, &ref.id));
    ref.revision = strtoll(revision, NULL, 10);
    CHECK(ref.revision > 0);
    return ref;
}

/* The example of a digest, and the digests in the other examples, which all
 * are of the same objects. */
TEST(digest)
{
    static const char *const places[] = {
        "    %s\n", "\"digest\": \"%s\", \"have\"",
        "\"digest\": \"%s\",\n \"objects\"", "\"digest\": \"%s\", \"state\"",
    };
    char *document = test_read_file(DOCUMENT, NULL);
    char *begin = strstr(document, "```digest\n");
    char *end = begin ? strstr(begin + 3, END) : NULL;
    char digest[RPC_DIGEST_LEN + 1];
    char *save = NULL;
    struct sg_ref refs[8];
    size_t n = 0;

    REQUIRE(end);
    char *lines = xmemdup0(begin, end - begin);
    strtok_r(lines, "\n", &save);
    for (char *line; (line = strtok_r(NULL, "\n", &save)); n++) {
        REQUIRE(n < ARRAY_SIZE(refs));
        refs[n] = ref_from_line(line);
    }
    CHECK_UEQ(n, 3);
    rpc_digest(refs, n, digest);
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        char *before = xstrdup(places[i]);
        char *after = strstr(before, "%s");

        *after = '\0';
        char *text = xasprintf("%s%s%s", before, digest, after + 2);
        CHECK_CONTAINS(document, text);
        free(text);
        free(before);
    }
    rpc_digest(NULL, 0, digest);
    CHECK_CONTAINS(document, digest);
    free(lines);
    free(document);
}

/* The name of an object in a beacon. */
TEST(beacon_name)
{
    static const char object[] =
        "members:5eb00000-0000-4000-8000-00000000000a";
    char *document = test_read_file(DOCUMENT, NULL);
    struct uuid id;

    REQUIRE(sg_id_from_string(strchr(object, ':') + 1, &id));
    char *text = xasprintf("$ printf %s | sha1sum | cut -c1-16\n"
                           "    %016"PRIx64"\n", object,
                           sg_ref_hash(SG_KIND_MEMBERS, &id));
    CHECK_CONTAINS(document, text);
    free(text);
    free(document);
}

/* "8388608" as people write it. */
static char *
with_commas(size_t number)
{
    char *digits = xasprintf("%"PRIuSIZE, number);
    size_t len = strlen(digits);
    char *text = xzalloc(2 * len + 1);
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0) {
            text[n++] = ',';
        }
        text[n++] = digits[i];
    }
    free(digits);
    return text;
}

/* Each limit is a row of a table, "| what | 1,000 unit |". */
TEST(limits)
{
    struct rpc_limits limits;

    rpc_limits_default(&limits);
    const struct {
        const char *what;
        size_t limit;
        const char *unit;
    } rows[] = {
        { "nesting of its JSON", limits.depth, " levels" },
        { "values in its JSON: a comma counts one, an opening bracket two",
          limits.values, ", and no more than one for each 8 bytes and 1,024" },
        { "a string that is kept or shown", limits.string,
          " bytes, printable ASCII" },
        { "rules of a group", limits.rules, "" },
        { "members of a group, ranges counted by their addresses",
          limits.members, "" },
        { "members of all whole lists in one message", limits.set_entries,
          "" },
        { "entries on each side of a change of members", limits.members, "" },
        { "groups of a port", limits.groups_per_port, "" },
        { "fixed IPs of a port; address pairs of a port",
          limits.pairs_per_port, " each" },
        { "objects, ports, references in one message", limits.objects, "" },
        { "a page: bytes of its entries, as a controller should cut them",
          RPC_PAGE_BYTES, "" },
        { "entries that a change brings along: bytes", RPC_INLINE_BYTES, "" },
        { "parts of a list", RPC_MAX_PARTS, "" },
        { "an `ack`", RPC_MAX_ACK, " bytes" },
        { "acknowledgements in a report", RPC_MAX_ACKED, "" },
        { "reasons in a report", RPC_MAX_REASONS, "" },
        { "a reason", RPC_MAX_REASON, " bytes" },
        { "`state` in a report", RPC_MAX_STATE, " bytes" },
        { "boots in duplicate_host", RPC_MAX_BOOTS, "" },
        { "a boot", RPC_MAX_BOOT, " bytes" },
        { "`next`", limits.string, " bytes" },
    };
    char *document = test_read_file(DOCUMENT, NULL);

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char *number = with_commas(rows[i].limit);
        char *row = xasprintf("\n| %s | %s%s |\n", rows[i].what, number,
                              rows[i].unit);

        CHECK_CONTAINS(document, row);
        free(row);
        free(number);
    }
    char *number = with_commas(limits.body);
    char *body = xasprintf("\n| a body | %"PRIuSIZE" MiB (%s bytes) |\n",
                           limits.body >> 20, number);
    CHECK_CONTAINS(document, body);
    free(body);
    free(number);
    free(document);
}

/* The upper ends of the buckets. */
TEST(latency)
{
    char *document = test_read_file(DOCUMENT, NULL);
    char *text = xasprintf("%d numbers each, upper ends in ms ",
                           SG_LATENCY_BUCKETS);

    for (int i = 0; i < SG_LATENCY_BUCKETS - 1; i++) {
        char *number = with_commas(sg_latency_bounds[i]);
        char *more = xasprintf("%s%s%s", text, number,
                               i < SG_LATENCY_BUCKETS - 2 ? ", " : " and");

        free(number);
        free(text);
        text = more;
    }
    CHECK_CONTAINS(document, text);
    free(text);
    free(document);
}
