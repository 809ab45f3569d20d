/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef RPC_TOPOLOGY_H
#define RPC_TOPOLOGY_H 1

/* Names of exchanges, queues and routing keys: docs/protocol.md, "Topics".
 *
 * The only place where such a name is put together or taken apart.  Names are
 * malloc'd; all fit AMQP's 255 bytes because host names are checked
 * (rpc_host_ok) and ids have a fixed length. */

#include "sg/types.h"

#define RPC_CONTROL_EXCHANGE "sg"           /* Topic exchange. */
#define RPC_CONTROLLER_TOPIC "sg-controller"
#define RPC_AGENT_TOPIC "sg-agent"
#define RPC_BEACON_EXCHANGE "sg-beacon_fanout"

/* [A-Za-z0-9._-], 1 to 64 bytes. */
bool rpc_host_ok(const char *host);

char *rpc_agent_key(const char *host);               /* sg-agent.<host> */
char *rpc_agent_queue(const char *host, uint32_t tag);
                                        /* sg-agent.<host>.<8 hex> */
/* "sg-rules.<G>_fanout" or "sg-members.<G>_fanout". */
char *rpc_group_exchange(enum sg_kind kind, const struct uuid *group);
/* The reverse; false if 'name' is not one of those. */
bool rpc_group_from_exchange(const char *name, enum sg_kind *,
                             struct uuid *) SG_MUST_USE;

#endif /* rpc/topology.h */
