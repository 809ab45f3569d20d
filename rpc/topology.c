/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "rpc/topology.h"

#include <inttypes.h>
#include <string.h>

#include "util.h"
#include "uuid.h"

/* The longest name, "sg-agent.<host>.<8 hex>", then has 82 bytes. */
#define HOST_MAX 64

/* oslo.messaging's exchange of a fanout on topic T is T with this suffix. */
#define FANOUT_SUFFIX "_fanout"

static const char *group_prefix(enum sg_kind);

bool
rpc_host_ok(const char *host)
{
    size_t len = strspn(host, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                              "abcdefghijklmnopqrstuvwxyz0123456789._-");

    return len >= 1 && len <= HOST_MAX && !host[len];
}

/* 'host' must be rpc_host_ok(), here and below. */
char *
rpc_agent_key(const char *host)
{
    ovs_assert(rpc_host_ok(host));
    return xasprintf(RPC_AGENT_TOPIC".%s", host);
}

char *
rpc_agent_queue(const char *host, uint32_t tag)
{
    ovs_assert(rpc_host_ok(host));
    return xasprintf(RPC_AGENT_TOPIC".%s.%08"PRIx32, host, tag);
}

/* 'kind' is SG_KIND_RULES or SG_KIND_MEMBERS: ports have no exchange. */
char *
rpc_group_exchange(enum sg_kind kind, const struct uuid *group)
{
    const char *prefix = group_prefix(kind);

    ovs_assert(prefix);
    return xasprintf("%s"UUID_FMT FANOUT_SUFFIX, prefix, UUID_ARGS(group));
}

/* Takes only names that rpc_group_exchange() makes.  On failure '*kind' and
 * '*group' are untouched. */
bool
rpc_group_from_exchange(const char *name, enum sg_kind *kind,
                        struct uuid *group)
{
    for (int k = 0; k < SG_N_KINDS; k++) {
        const char *prefix = group_prefix(k);
        size_t n = prefix ? strlen(prefix) : 0;
        char id[UUID_LEN + 1];
        struct uuid tmp;

        if (!n || strncmp(name, prefix, n)
            || strlen(name + n) != UUID_LEN + strlen(FANOUT_SUFFIX)
            || strcmp(name + n + UUID_LEN, FANOUT_SUFFIX)) {
            continue;
        }
        memcpy(id, name + n, UUID_LEN);
        id[UUID_LEN] = '\0';

        /* Exchange names distinguish letter case and ours are lower case. */
        if (strpbrk(id, "ABCDEF") || !sg_id_from_string(id, &tmp)) {
            return false;
        }
        *kind = k;
        *group = tmp;
        return true;
    }
    return false;
}

static const char *
group_prefix(enum sg_kind kind)
{
    switch (kind) {
    case SG_KIND_PORT:
        return NULL;
    case SG_KIND_RULES:
        return "sg-rules.";
    case SG_KIND_MEMBERS:
        return "sg-members.";
    }
    OVS_NOT_REACHED();
}
