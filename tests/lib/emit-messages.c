/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Prints random messages as this project's encoder writes them, a line each:
 *
 *     METHOD  a request, in its envelope
 *     answer  the reply to `sync`, in its envelope
 *     null, failure
 *             the reply to a call without result, and to one that failed
 *     bare    an answer as it is saved, without anything around it
 *
 * A program of the test harness for its seed and its rounds: what it checks is
 * done by whoever reads the lines, tests/unit/test-schema. */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>

#include "rpc/message.h"
#include "tests/lib/random-message.h"
#include "tests/lib/test.h"
#include "util.h"

#define UNIQUE "0123456789abcdef0123456789abcdef"
#define MSG_ID "fedcba9876543210fedcba9876543210"
#define REPLY_QUEUE "sg-agent.compute-1.00000001"

static void
emit(const char *word, char *body)
{
    printf("%s %s\n", word, body);
    free(body);
}

static void
emit_requests(uint64_t *seed)
{
    struct sg_sync_request request;
    struct sg_report report;
    size_t len;

    for (int m = 0; m < SG_METHOD_SYNC; m++) {
        struct sg_update update;

        random_message_update(seed, (enum sg_method) m, &update);
        emit(sg_method_name(update.method),
             rpc_encode_update(&update, UNIQUE, &len));
        sg_update_uninit(&update);
    }
    random_message_sync_request(seed, &request);
    emit("sync", rpc_encode_sync_call(&request, MSG_ID, REPLY_QUEUE, UNIQUE,
                                      &len));
    sg_sync_request_uninit(&request);
    random_message_report(seed, &report);
    emit("report", rpc_encode_report(&report, UNIQUE, &len));
    sg_report_uninit(&report);
}

static void
emit_replies(uint64_t *seed)
{
    struct sg_update update;
    size_t len;

    random_message_update(seed, SG_METHOD_SYNC, &update);
    emit("answer", rpc_encode_sync_reply(&update, MSG_ID, UNIQUE, &len));
    emit("bare", rpc_encode_update_text(&update, &len));
    sg_update_uninit(&update);
    emit("null", rpc_encode_null_reply(MSG_ID, UNIQUE, &len));
    emit("failure", rpc_encode_failure(MSG_ID, UNIQUE, "ValueError",
                                       "builtins", "bad \"thing\" \xc3\xbc",
                                       &len));
}

TEST(emit)
{
    uint64_t seed = test_seed();

    for (unsigned int i = 0; i < test_rounds(100); i++) {
        emit_requests(&seed);
        emit_replies(&seed);
    }
    CHECK(!fflush(stdout) && !ferror(stdout));
}
