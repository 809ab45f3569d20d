/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef RPC_RULE_H
#define RPC_RULE_H 1

/* What the fields of a security-group rule mean, whoever wrote them down.
 *
 * A rule arrives as JSON from the controller and as YAML in a topology file;
 * both fill in a struct rpc_rule_fields and get the same struct sg_rule, or
 * the same refusal.  A rule that cannot be expressed exactly is refused, never
 * widened: a port on a protocol without ports, half a port range, an ICMP code
 * without a type, a prefix of the other family.
 *
 * Protocols are decided by number, from a table in rule.c, never from the
 * name tables of the host. */

#include "sg/policy.h"

/* Neutron's names.  NULL is absent. */
struct rpc_rule_fields {
    const char *id;
    const char *direction;
    const char *ethertype;
    const char *protocol;               /* Name or decimal number. */
    const int64_t *port_range_min;
    const int64_t *port_range_max;
    const int64_t *source_port_range_min;
    const int64_t *source_port_range_max;
    const char *remote_group_id;
    const char *remote_ip_prefix;
    const char *remote_address_group_id;
};

/* Returns NULL and fills in '*rule', or returns the reason for refusing it: a
 * static text. */
const char *rpc_rule_from_fields(const struct rpc_rule_fields *,
                                 struct sg_rule *rule) SG_MUST_USE;

/* IANA number of a protocol given by name (any letter case) or as a decimal
 * number; -1 for "any", "ip" and 0.  False if it is neither. */
bool rpc_protocol_from_string(const char *, int *protocol) SG_MUST_USE;

/* Does a port range make sense for it? */
bool rpc_protocol_has_ports(int protocol);

#endif /* rpc/rule.h */
