/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Any bytes as a body: the decoders of agent and controller survive them, and
 * what they take can be encoded, is then read without complaint, and has the
 * same text the second time. */

#include <config.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/fuzz-round-trip.h"
#include "util.h"

#define ID "0123456789abcdef0123456789abcdef"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The body must be a request, and be read without complaint.  Its own size is
 * not held against it. */
static void
decode_own(const char *body, size_t len, struct rpc_limits *limits,
           struct rpc_message *message)
{
    char *error;

    limits->body = SIZE_MAX;
    error = rpc_message_decode(body, len, limits, message);
    ovs_assert(!error && message->type == RPC_REQUEST);
}

/* Frees both. */
static void
check_same(char *body, size_t len, char *again, size_t again_len)
{
    ovs_assert(len == again_len && !memcmp(body, again, len));
    free(body);
    free(again);
}

static void
check_sync(const struct sg_sync_request *request, struct rpc_limits limits)
{
    size_t len, again_len;
    char *body = rpc_encode_sync_call(request, ID, "q", ID, &len);
    struct sg_sync_request again;
    struct rpc_message message;
    char *error;

    decode_own(body, len, &limits, &message);
    error = rpc_sync_request_decode(&message, &limits, &again);
    ovs_assert(!error);
    char *text = rpc_encode_sync_call(&again, ID, "q", ID, &again_len);
    check_same(body, len, text, again_len);
    sg_sync_request_uninit(&again);
    rpc_message_uninit(&message);
}

static void
check_report(const struct sg_report *report, struct rpc_limits limits)
{
    size_t len, again_len;
    char *body = rpc_encode_report(report, ID, &len);
    struct rpc_message message;
    struct sg_report again;
    char *error;

    decode_own(body, len, &limits, &message);
    error = rpc_report_decode(&message, &limits, &again);
    ovs_assert(!error);
    char *text = rpc_encode_report(&again, ID, &again_len);
    check_same(body, len, text, again_len);
    sg_report_uninit(&again);
    rpc_message_uninit(&message);
}

/* What only the controller reads. */
static void
try_controller(const struct rpc_message *message,
               const struct rpc_limits *limits)
{
    struct sg_sync_request request;
    struct sg_report report;
    char *error;

    error = rpc_sync_request_decode(message, limits, &request);
    if (!error) {
        check_sync(&request, *limits);
        sg_sync_request_uninit(&request);
    }
    free(error);
    error = rpc_report_decode(message, limits, &report);
    if (!error) {
        check_report(&report, *limits);
        sg_report_uninit(&report);
    }
    free(error);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t refused[RPC_N_LIMITS] = { 0 };
    struct rpc_message message;
    struct rpc_limits limits;
    struct sg_update update;
    char *error;

    fuzz_limits(&limits);
    limits.refused = refused;
    error = rpc_message_decode(data, size, &limits, &message);
    if (!error) {
        error = fuzz_decode(&message, &limits, &update);
        if (!error) {
            fuzz_check_round_trip(&update, &limits);
            sg_update_uninit(&update);
        }
        if (message.type == RPC_REQUEST) {
            try_controller(&message, &limits);
        }
        rpc_message_uninit(&message);
    }
    free(error);
    return 0;
}
