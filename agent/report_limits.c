/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "agent/report.h"

#include <stdlib.h>

#include "agent/config.h"
#include "agent/report_json.h"
#include "rpc/message.h"
#include "util.h"

/* What a limit is a limit of, where more can be said than a number. */
enum owner {
    OWNER_NONE,
    OWNER_HOST,
    OWNER_GROUP,
    OWNER_PORT,
};

static void add(json_t *list, const char *name, size_t limit,
                uint64_t refused, enum owner, const struct store_peak *);
static void add_host(json_t *list, const char *name, size_t limit,
                     uint64_t refused, size_t in_use);

/* In the order of docs/configuration.md.  Some are kept twice, by the decoder
 * and by the store, with one value; what they refused is added up. */
char *
report_limits(const struct report_limits *in)
{
    const uint64_t *rpc_refused = in->rpc_refused;
    struct policy_store_limits store;
    struct policy_store_usage usage;
    struct rpc_limits rpc;
    json_t *list = json_array();

    config_get_rpc_limits(in->config, &rpc);
    config_get_store_limits(in->config, &store);
    policy_store_get_usage(in->store, &usage);

    for (enum rpc_limit i = 0; i < RPC_N_LIMITS; i++) {
        enum owner owner = OWNER_NONE;
        const struct store_peak *peak = NULL;
        uint64_t refused = rpc_refused[i];

        switch (i) {
        case RPC_LIMIT_RULES:
            owner = OWNER_GROUP;
            peak = &usage.rules;
            break;
        case RPC_LIMIT_MEMBERS:
            owner = OWNER_GROUP;
            peak = &usage.members;
            refused += usage.refused[STORE_LIMIT_MEMBERS];
            break;
        case RPC_LIMIT_GROUPS_PER_PORT:
            owner = OWNER_PORT;
            peak = &usage.groups_per_port;
            break;
        case RPC_LIMIT_PAIRS_PER_PORT:
            owner = OWNER_PORT;
            peak = &usage.pairs_per_port;
            break;
        case RPC_LIMIT_SET_ENTRIES:
            /* With those of the host, below. */
            continue;
        case RPC_LIMIT_BODY:
        case RPC_LIMIT_DEPTH:
        case RPC_LIMIT_VALUES:
        case RPC_LIMIT_STRING:
        case RPC_LIMIT_OBJECTS:
        case RPC_N_LIMITS:
            break;
        }
        add(list, rpc_limit_name(i), rpc_limit_value(&rpc, i), refused, owner,
            peak);
    }
    add(list, "rules_per_port", store.rules_per_port,
        usage.refused[STORE_LIMIT_RULES_PER_PORT], OWNER_PORT,
        &usage.rules_per_port);
    add_host(list, "groups", store.groups, usage.refused[STORE_LIMIT_GROUPS],
             usage.n_groups);
    add_host(list, "ports", store.ports, usage.refused[STORE_LIMIT_PORTS],
             usage.n_ports);
    add_host(list, "set_entries", store.set_entries,
             usage.refused[STORE_LIMIT_SET_ENTRIES]
             + rpc_refused[RPC_LIMIT_SET_ENTRIES], usage.set_entries);
    add(list, "log_lines", (size_t) in->config->limits.log_lines,
        in->log_suppressed, OWNER_NONE, NULL);
    return report_text(json_pack("{s:o}", "limits", list));
}

/* 'peak' belongs to a group or a port. */
static void
add(json_t *list, const char *name, size_t limit, uint64_t refused,
    enum owner owner, const struct store_peak *peak)
{
    static const char *const owners[] = {
        [OWNER_NONE] = NULL, [OWNER_HOST] = "host", [OWNER_GROUP] = "group",
        [OWNER_PORT] = "port",
    };
    json_t *j = json_object();

    json_object_set_new(j, "name", report_string(name));
    json_object_set_new(j, "limit", report_count(limit));
    json_object_set_new(j, "in_use", peak ? report_count(peak->n)
                                          : json_null());
    json_object_set_new(j, "of", report_nullable(owners[owner]));
    json_object_set_new(j, "id", peak ? report_id(&peak->id) : json_null());
    json_object_set_new(j, "refused", report_count(refused));
    json_array_append_new(list, j);
}

static void
add_host(json_t *list, const char *name, size_t limit, uint64_t refused,
         size_t in_use)
{
    const struct store_peak peak = { .n = in_use };

    add(list, name, limit, refused, OWNER_HOST, &peak);
}
