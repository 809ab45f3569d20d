/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Everything that is encoded decodes to the same. */

#include <config.h>
#include "rpc/message.h"

#include <stdlib.h>
#include <string.h>

#include "tests/lib/random-message.h"
#include "tests/lib/rpc-text.h"
#include "tests/lib/test.h"
#include "util.h"
#include "uuid.h"

#define UNIQUE "0123456789abcdef0123456789abcdef"
#define MSG_ID "fedcba9876543210fedcba9876543210"

static void
check_refs(const struct sg_ref *a, size_t n_a, const struct sg_ref *b,
           size_t n_b, bool with_revision)
{
    if (!CHECK_UEQ(n_a, n_b)) {
        return;
    }
    for (size_t i = 0; i < n_a; i++) {
        CHECK_EQ(a[i].kind, b[i].kind);
        CHECK(uuid_equals(&a[i].id, &b[i].id));
        CHECK_EQ(a[i].revision, with_revision ? b[i].revision : 0);
    }
}

static void
check_prefixes(const struct sg_prefix_list *a, const struct sg_prefix_list *b)
{
    if (CHECK_UEQ(a->n, b->n) && a->n) {
        CHECK_MEM(a->p, b->p, a->n * sizeof *a->p);
    }
}

static void
check_objects(const struct sg_update *got, const struct sg_update *want)
{
    REQUIRE(CHECK_UEQ(got->n_ports, want->n_ports));
    for (size_t i = 0; i < got->n_ports; i++) {
        CHECK(sg_port_spec_equals(&got->ports[i], &want->ports[i]));
        CHECK_EQ(got->ports[i].revision, want->ports[i].revision);
    }
    REQUIRE(CHECK_UEQ(got->n_rules, want->n_rules));
    for (size_t i = 0; i < got->n_rules; i++) {
        CHECK(sg_rules_spec_equals(&got->rules[i], &want->rules[i]));
        CHECK_EQ(got->rules[i].revision, want->rules[i].revision);
        for (size_t j = 0; j < got->rules[i].n_refused; j++) {
            FAIL("refused: %s", got->rules[i].refused[j].reason);
        }
    }
    REQUIRE(CHECK_UEQ(got->n_members, want->n_members));
    for (size_t i = 0; i < got->n_members; i++) {
        const struct sg_members_spec *a = &got->members[i];
        const struct sg_members_spec *b = &want->members[i];

        CHECK(uuid_equals(&a->group, &b->group));
        CHECK_EQ(a->revision, b->revision);
        CHECK_EQ(a->prev, b->prev);
        CHECK_EQ(a->whole, b->whole);
        CHECK_UEQ(a->part, b->part);
        CHECK_UEQ(a->parts, b->parts);
        check_prefixes(&a->added, &b->added);
        check_prefixes(&a->removed, &b->removed);
    }
}

static void
check_updates(const struct sg_update *got, const struct sg_update *want)
{
    CHECK_EQ(got->method, want->method);
    CHECK_EQ(sg_epoch_compare(&got->epoch, &want->epoch), 0);
    CHECK_EQ(got->sent, want->sent);
    check_objects(got, want);
    check_refs(got->deleted, got->n_deleted, want->deleted, want->n_deleted,
               true);
    check_refs(got->unknown, got->n_unknown, want->unknown, want->n_unknown,
               false);
    check_refs(got->refs, got->n_refs, want->refs, want->n_refs, false);
    CHECK_UEQ(got->n_bad + got->n_problems, 0);
    CHECK_EQ(got->seq, want->seq);
    CHECK_EQ(got->more, want->more);
    CHECK_EQ(got->same, want->same);
    CHECK(rpc_text_same(got->next, want->next));
    CHECK(rpc_text_same(got->ack, want->ack));
    CHECK(rpc_text_same(got->digest, want->digest));
    CHECK_EQ(got->want_have, want->want_have);
    CHECK_EQ(got->page, want->page);
    CHECK_EQ(got->duplicate_host, want->duplicate_host);
    if (CHECK_UEQ(got->n_boots, want->n_boots)) {
        for (size_t i = 0; i < got->n_boots; i++) {
            CHECK_STR(got->boots[i], want->boots[i]);
        }
    }
    if (CHECK_UEQ(got->n_entries, want->n_entries)) {
        for (size_t i = 0; i < got->n_entries; i++) {
            CHECK_UEQ(got->entries[i].hash, want->entries[i].hash);
            CHECK_EQ(got->entries[i].revision, want->entries[i].revision);
        }
    }
}

TEST(round_trip_requests)
{
    uint64_t seed = test_seed();
    struct rpc_limits l = rpc_text_limits();

    for (unsigned int round = 0; round < test_rounds(100); round++) {
        for (int m = 0; m < SG_METHOD_SYNC; m++) {
            struct sg_update want, got;
            struct rpc_message message;
            size_t len;

            random_message_update(&seed, m, &want);
            char *body = rpc_encode_update(&want, UNIQUE, &len);
            CHECK_UEQ(len, strlen(body));
            REQUIRE(CHECK_NO_ERROR(rpc_text_decode(body, &message)));
            CHECK_EQ(message.type, RPC_REQUEST);
            CHECK_STR(message.unique_id, UNIQUE);
            CHECK(!message.msg_id);
            REQUIRE(CHECK_NO_ERROR(rpc_update_from_request(&message, &l,
                                                           &got)));
            check_updates(&got, &want);
            rpc_message_uninit(&message);
            sg_update_uninit(&got);
            sg_update_uninit(&want);
            free(body);
        }
    }
}

TEST(round_trip_answers)
{
    uint64_t seed = test_seed();
    struct rpc_limits l = rpc_text_limits();

    for (unsigned int round = 0; round < test_rounds(200); round++) {
        struct sg_update want, got;
        struct rpc_message message;
        size_t len;

        random_message_update(&seed, SG_METHOD_SYNC, &want);
        char *body = rpc_encode_sync_reply(&want, MSG_ID, UNIQUE, &len);
        REQUIRE(CHECK_NO_ERROR(rpc_text_decode(body, &message)));
        CHECK_EQ(message.type, RPC_REPLY);
        CHECK_STR(message.msg_id, MSG_ID);
        CHECK_STR(message.unique_id, UNIQUE);
        CHECK(message.ending && !message.failure_class);
        REQUIRE(CHECK_NO_ERROR(rpc_update_from_reply(&message, &l, &got)));
        check_updates(&got, &want);
        sg_update_uninit(&got);
        rpc_message_uninit(&message);
        free(body);

        char *text = rpc_encode_update_text(&want, &len);
        REQUIRE(CHECK_NO_ERROR(rpc_update_from_text(text, len, &l, &got)));
        check_updates(&got, &want);
        sg_update_uninit(&got);
        sg_update_uninit(&want);
        free(text);
    }
}

/* An update with just one object, of the arrays of 'u'. */
static char *
encode_one(const struct sg_update *u, int kind, size_t i, size_t *len)
{
    struct sg_update one;

    sg_update_init(&one, SG_METHOD_SYNC);
    one.ports = kind == 0 ? &u->ports[i] : NULL;
    one.n_ports = kind == 0;
    one.rules = kind == 1 ? &u->rules[i] : NULL;
    one.n_rules = kind == 1;
    one.members = kind == 2 ? &u->members[i] : NULL;
    one.n_members = kind == 2;
    one.deleted = kind == 3 ? &u->deleted[i] : NULL;
    one.n_deleted = kind == 3;
    one.unknown = kind == 4 ? &u->unknown[i] : NULL;
    one.n_unknown = kind == 4;
    return rpc_encode_entry(&one, len);
}

/* Joined from its entries, an answer has the same text. */
TEST(joined_answers)
{
    uint64_t seed = test_seed();

    for (unsigned int round = 0; round < test_rounds(50); round++) {
        struct rpc_entry entries[32];
        struct sg_update u;
        size_t n = 0, len, joined_len;

        random_message_update(&seed, SG_METHOD_SYNC, &u);
        const size_t counts[] = {
            u.n_ports, u.n_rules, u.n_members, u.n_deleted, u.n_unknown,
        };
        for (int kind = 0; kind < 5; kind++) {
            for (size_t i = 0; i < counts[kind]; i++) {
                REQUIRE(n < ARRAY_SIZE(entries));
                entries[n].text = encode_one(&u, kind, i, &entries[n].len);
                n++;
            }
        }
        char *whole = rpc_encode_sync_reply(&u, MSG_ID, UNIQUE, &len);
        char *joined = rpc_encode_joined_reply(&u, entries, n, MSG_ID, UNIQUE,
                                               &joined_len);
        CHECK_STR(joined, whole);
        CHECK_UEQ(joined_len, len);
        for (size_t i = 0; i < n; i++) {
            free(CONST_CAST(char *, entries[i].text));
        }
        free(joined);
        free(whole);
        sg_update_uninit(&u);
    }
}

static void
check_sync_request(const struct sg_sync_request *want)
{
    struct rpc_limits l = rpc_text_limits();
    struct sg_sync_request got;
    struct rpc_message message;
    size_t len;
    char *body = rpc_encode_sync_call(want, MSG_ID, "sg-agent.h.00000001",
                                      UNIQUE, &len);

    REQUIRE(CHECK_NO_ERROR(rpc_text_decode(body, &message)));
    CHECK_STR(message.method, "sync");
    CHECK_STR(message.msg_id, MSG_ID);
    CHECK_STR(message.reply_q, "sg-agent.h.00000001");
    CHECK_STR(message.unique_id, UNIQUE);
    CHECK_EQ(message.timeout, 0);
    CHECK(rpc_message_served(&message));
    REQUIRE(CHECK_NO_ERROR(rpc_sync_request_decode(&message, &l, &got)));
    CHECK_STR(got.host, want->host);
    CHECK_STR(got.boot, want->boot);
    CHECK_EQ(sg_epoch_compare(&got.epoch, &want->epoch), 0);
    CHECK_EQ(got.partial, want->partial);
    CHECK(rpc_text_same(got.digest, want->digest));
    CHECK(rpc_text_same(got.page, want->page));
    if (CHECK_UEQ(got.n_ports, want->n_ports) && got.n_ports) {
        CHECK_MEM(got.ports, want->ports, got.n_ports * sizeof *got.ports);
    }
    check_refs(got.objects, got.n_objects, want->objects, want->n_objects,
               false);
    check_refs(got.have, got.n_have, want->have, want->n_have, true);
    sg_sync_request_uninit(&got);
    rpc_message_uninit(&message);
    free(body);
}

TEST(round_trip_sync_request)
{
    uint64_t seed = test_seed();

    for (unsigned int round = 0; round < test_rounds(100); round++) {
        struct sg_sync_request request;

        random_message_sync_request(&seed, &request);
        check_sync_request(&request);
        sg_sync_request_uninit(&request);
    }
}

static void
check_texts(char *const *a, size_t n_a, char *const *b, size_t n_b)
{
    if (CHECK_UEQ(n_a, n_b)) {
        for (size_t i = 0; i < n_a; i++) {
            CHECK_STR(a[i], b[i]);
        }
    }
}

static void
check_report(const struct sg_report *want)
{
    struct rpc_limits l = rpc_text_limits();
    struct rpc_message message;
    struct sg_report got;
    size_t len;
    char *body = rpc_encode_report(want, UNIQUE, &len);

    REQUIRE(CHECK_NO_ERROR(rpc_text_decode(body, &message)));
    CHECK(!message.msg_id);
    REQUIRE(CHECK_NO_ERROR(rpc_report_decode(&message, &l, &got)));
    CHECK_STR(got.host, want->host);
    CHECK_STR(got.boot, want->boot);
    CHECK_EQ(sg_epoch_compare(&got.epoch, &want->epoch), 0);
    CHECK_UEQ(got.generation, want->generation);
    CHECK_UEQ(got.applied, want->applied);
    CHECK_EQ(got.in_sync, want->in_sync);
    CHECK_EQ(got.lag_ms, want->lag_ms);
    CHECK_UEQ(got.n_ports, want->n_ports);
    CHECK_UEQ(got.n_protected, want->n_protected);
    CHECK(rpc_text_same(got.digest, want->digest));
    CHECK(rpc_text_same(got.state, want->state));
    CHECK_UEQ(got.n_problems, want->n_problems);
    CHECK_UEQ(got.n_orphaned, want->n_orphaned);
    CHECK_UEQ(got.n_held, want->n_held);
    CHECK_UEQ(got.errors, want->errors);
    CHECK_EQ(got.stale, want->stale);
    check_texts(got.reasons, got.n_reasons, want->reasons, want->n_reasons);
    check_texts(got.acked, got.n_acked, want->acked, want->n_acked);
    CHECK_EQ(got.has_latency, want->has_latency);
    CHECK_MEM(&got.latency, &want->latency, sizeof want->latency);
    sg_report_uninit(&got);
    rpc_message_uninit(&message);
    free(body);
}

TEST(round_trip_report)
{
    uint64_t seed = test_seed();

    for (unsigned int round = 0; round < test_rounds(100); round++) {
        struct sg_report report;

        random_message_report(&seed, &report);
        check_report(&report);
        sg_report_uninit(&report);
    }
}

/* What the protocol said before has none of that. */
TEST(report_without_health)
{
    static const char body[] =
        "{\"method\": \"report\", \"args\": {\"host\": \"h\", "
        "\"boot\": \"b\", \"generation\": 1, \"applied\": 1, "
        "\"in_sync\": true, \"ports\": 1, \"protected\": 1}}";
    struct rpc_limits l = rpc_text_limits();
    struct rpc_message message;
    struct sg_report got;

    REQUIRE(CHECK_NO_ERROR(rpc_text_decode(body, &message)));
    REQUIRE(CHECK_NO_ERROR(rpc_report_decode(&message, &l, &got)));
    CHECK(!got.digest && !got.state && !got.has_latency);
    sg_report_uninit(&got);
    rpc_message_uninit(&message);
}
