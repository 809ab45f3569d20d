/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* What the thread of the connection makes of a body. */

#include <config.h>
#include "agent/received.h"

#include <string.h>

#include "tests/lib/test.h"
#include "util.h"

#define EPOCH "\"epoch\":\"1763666000000-0a1b2c3d\""
#define GROUP "5eb00000-0000-4000-8000-00000000000a"

static struct rpc_limits limits;

static struct received *
decode(const char *body, size_t *size)
{
    if (!limits.body) {
        rpc_limits_default(&limits);
    }
    return received_decode(body, strlen(body), &limits, size);
}

TEST(a_request)
{
    size_t size;
    struct received *r = decode(
        "{\"method\":\"members_changed\",\"args\":{"EPOCH",\"members\":{"
        "\"group\":\""GROUP"\",\"revision\":2,\"members\":["
        "\"10.0.0.0-10.0.3.255\"]}}}", &size);

    CHECK(!r->error);
    CHECK(!r->msg_id);
    CHECK(!r->failure);
    REQUIRE(r->has_update);
    CHECK_EQ(r->update.method, SG_METHOD_MEMBERS_CHANGED);
    REQUIRE(r->update.n_members == 1);
    CHECK_UEQ(r->update.members[0].added.n, 1024);
    /* What a range stands for counts, not the range. */
    CHECK(size >= 1024 * sizeof(struct sg_prefix));
    received_destroy(r);
}

TEST(answers)
{
    size_t size;
    struct received *r = decode("{\"_msg_id\":\"17\",\"ending\":true,"
                                "\"result\":{"EPOCH",\"objects\":[]}}",
                                &size);

    CHECK(!r->error);
    CHECK_STR(r->msg_id, "17");
    CHECK(r->has_update);
    received_destroy(r);

    r = decode("{\"_msg_id\":\"17\",\"ending\":true,\"failure\":"
               "\"{\\\"class\\\":\\\"Oops\\\",\\\"message\\\":"
               "\\\"no\\\"}\"}", &size);
    CHECK(!r->error);
    CHECK_STR(r->msg_id, "17");
    CHECK_STR(r->failure, "Oops: no");
    CHECK(!r->has_update);
    received_destroy(r);

    /* The call is being served. */
    r = decode("{\"_msg_id\":\"17\",\"ending\":false}", &size);
    CHECK(!r->error);
    CHECK_STR(r->msg_id, "17");
    CHECK(!r->failure && !r->has_update);
    received_destroy(r);

    /* The call has an answer, although nobody can read it. */
    r = decode("{\"_msg_id\":\"17\",\"ending\":true,\"result\":[]}",
               &size);
    REQUIRE(r->error);
    CHECK(strstr(r->error, "result"));
    CHECK_STR(r->msg_id, "17");
    CHECK(!r->has_update);
    received_destroy(r);
    r = decode("{\"_msg_id\":\"17\",\"ending\":true}", &size);
    CHECK(r->error && r->msg_id && !r->has_update);
    received_destroy(r);
}

TEST(refused)
{
    size_t size;
    struct received *r = decode("hello", &size);

    REQUIRE(r->error);
    CHECK(!strncmp(r->error, "not JSON", 8));
    CHECK_STR(r->digest, "aaf4c61ddcc5");
    CHECK(!r->msg_id && !r->failure && !r->has_update);
    received_destroy(r);

    r = decode("{\"method\":\"do_it\",\"args\":{"EPOCH"}}", &size);
    REQUIRE(r->error);
    CHECK(strstr(r->error, "do_it"));
    CHECK(!r->msg_id && !r->has_update);
    received_destroy(r);
    received_destroy(NULL);
}

/* Each result has its own counters: those of the limits belong to another
 * thread. */
TEST(counters)
{
    uint64_t others[RPC_N_LIMITS] = { 0 };
    struct rpc_limits few;
    struct received *r;
    size_t size;

    rpc_limits_default(&few);
    few.depth = 2;
    few.refused = others;
    r = received_decode("[[[]]]", 6, &few, &size);
    CHECK(r->error);
    CHECK_UEQ(r->refused[RPC_LIMIT_DEPTH], 1);
    CHECK_UEQ(r->refused[RPC_LIMIT_VALUES], 0);
    CHECK_UEQ(others[RPC_LIMIT_DEPTH], 0);
    received_destroy(r);
}
