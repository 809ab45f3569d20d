/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include <config.h>
#include "tests/lib/fuzz-round-trip.h"

#include <stdlib.h>
#include <string.h>

#include "util.h"

#define ID "0123456789abcdef0123456789abcdef"

void
fuzz_limits(struct rpc_limits *limits)
{
    rpc_limits_default(limits);
    limits->members = 1000;
    limits->set_entries = 1500;
}

static char *
encode(const struct sg_update *update, size_t *len)
{
    return (update->method == SG_METHOD_SYNC
            ? rpc_encode_sync_reply(update, ID, ID, len)
            : rpc_encode_update(update, ID, len));
}

char *
fuzz_decode(const struct rpc_message *message,
            const struct rpc_limits *limits, struct sg_update *update)
{
    return (message->type == RPC_REQUEST
            ? rpc_update_from_request(message, limits, update)
            : rpc_update_from_reply(message, limits, update));
}

static void
check_limits(const struct sg_update *update, const struct rpc_limits *limits)
{
    size_t n_members = 0;

    for (size_t i = 0; i < update->n_members; i++) {
        const struct sg_members_spec *spec = &update->members[i];

        ovs_assert(spec->added.n <= limits->members);
        ovs_assert(spec->removed.n <= limits->members);
        ovs_assert(spec->part <= spec->parts);
        n_members += spec->whole ? spec->added.n : 0;
    }
    ovs_assert(n_members <= limits->set_entries);
    for (size_t i = 0; i < update->n_rules; i++) {
        ovs_assert(update->rules[i].n_rules <= limits->rules);
    }
    for (size_t i = 0; i < update->n_ports; i++) {
        ovs_assert(update->ports[i].n_groups <= limits->groups_per_port);
        ovs_assert(update->ports[i].n_pairs <= limits->pairs_per_port);
    }
}

/* What was encoded has more backslashes, and so on: its own size is not held
 * against it. */
void
fuzz_check_round_trip(const struct sg_update *update,
                      const struct rpc_limits *input_limits)
{
    struct rpc_limits limits = *input_limits;
    struct rpc_message message;
    struct sg_update again;
    size_t len, len2;
    char *body = encode(update, &len);
    char *body2, *error;

    check_limits(update, &limits);
    limits.body = SIZE_MAX;
    error = rpc_message_decode(body, len, &limits, &message);
    ovs_assert(!error);
    error = fuzz_decode(&message, &limits, &again);
    ovs_assert(!error);
    ovs_assert(!again.n_problems && !again.n_bad);
    body2 = encode(&again, &len2);
    ovs_assert(len == len2 && !memcmp(body, body2, len));
    sg_update_uninit(&again);
    rpc_message_uninit(&message);
    free(body2);
    free(body);
}
