/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Any bytes as a body: the decoders of agent and controller survive them, and
 * what they take can be encoded, is then read without complaint, and has the
 * same text the second time. */

#include <config.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/message.h"
#include "util.h"

#define ID "0123456789abcdef0123456789abcdef"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *
encode(const struct sg_update *update, size_t *len)
{
    return (update->method == SG_METHOD_SYNC
            ? rpc_encode_sync_reply(update, ID, ID, len)
            : rpc_encode_update(update, ID, len));
}

static char *
decode(const struct rpc_message *message, const struct rpc_limits *limits,
       struct sg_update *update)
{
    return (message->type == RPC_REQUEST
            ? rpc_update_from_request(message, limits, update)
            : rpc_update_from_reply(message, limits, update));
}

/* What was encoded has more backslashes, and so on: its own size is not held
 * against it. */
static void
check_round_trip(const struct sg_update *update,
                 const struct rpc_limits *input_limits)
{
    struct rpc_limits limits = *input_limits;
    struct rpc_message message;
    struct sg_update again;
    size_t len, len2;
    char *body = encode(update, &len);
    char *body2, *error;

    limits.body = SIZE_MAX;
    error = rpc_message_decode(body, len, &limits, &message);
    ovs_assert(!error);
    error = decode(&message, &limits, &again);
    ovs_assert(!error);
    ovs_assert(!again.n_problems && !again.n_bad);
    body2 = encode(&again, &len2);
    ovs_assert(len == len2 && !memcmp(body, body2, len));
    sg_update_uninit(&again);
    rpc_message_uninit(&message);
    free(body2);
    free(body);
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
        sg_sync_request_uninit(&request);
    }
    free(error);
    error = rpc_report_decode(message, limits, &report);
    if (!error) {
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

    /* Low enough to be met, and for ranges not to take the time. */
    rpc_limits_default(&limits);
    limits.members = 1000;
    limits.set_entries = 1500;
    limits.refused = refused;
    error = rpc_message_decode(data, size, &limits, &message);
    if (!error) {
        error = decode(&message, &limits, &update);
        if (!error) {
            check_round_trip(&update, &limits);
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
