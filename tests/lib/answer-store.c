/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tests/lib/answer-store.h"

#include <stdlib.h>

#include "rpc/message.h"
#include "tests/lib/test.h"
#include "util.h"

struct policy_store *
answer_store_create(const struct answer *a)
{
    static const struct policy_store_limits limits = {
        .members = 262144,
        .rules_per_port = 100000,
        .set_entries = 1000000,
        .groups = 5000,
        .ports = 1000,
    };
    struct policy_store *store = policy_store_create(&limits);
    struct local_port ports[ANSWER_N_PORTS];

    for (size_t i = 0; i < ANSWER_N_PORTS; i++) {
        if (!sg_id_from_string(answer_port_id(i), &ports[i].id)) {
            OVS_NOT_REACHED();
        }
        ports[i].binding = a->bindings[i];
    }
    policy_store_set_local(store, ports, ANSWER_N_PORTS);
    return store;
}

void
answer_store_take(struct policy_store *store, const struct ds *json)
{
    struct rpc_limits limits;
    struct sg_update update;
    char *error;

    rpc_limits_default(&limits);
    error = rpc_update_from_text(json->string, json->length, &limits,
                                 &update);
    if (error) {
        FAIL("%s: %s", error, json->string);
        free(error);
        return;
    }
    policy_store_update(store, &update, 1, NULL);
    sg_update_uninit(&update);
}
