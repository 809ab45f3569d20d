/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef IPTABLES_IPT_RULE_H
#define IPTABLES_IPT_RULE_H 1

/* What of a struct fw_rule the tables can express.  Pure.
 *
 * Each rule that is refused here is one that the kernel would take for
 * another rule, mostly a wider one: an ICMP type that stands for all of them,
 * an interface that matches every name, a verdict that is none.  Others are
 * refused because they are a second spelling of the same rule: what is
 * written must read back as it was. */

#include <netinet/in.h>

#include "firewall/ruleset.h"

const char *ipt_rule_problem(enum sg_family, const struct fw_rule *);

/* Ports of tcp and udp are read by matches of those names, which have no
 * "absent": a range of all ports stands for it.  Those of other protocols are
 * read by "multiport". */
static inline bool
ipt_has_own_port_match(uint8_t proto)
{
    return proto == IPPROTO_TCP || proto == IPPROTO_UDP;
}

static inline bool
ipt_is_every_port(uint16_t min, uint16_t max)
{
    return !min && max == UINT16_MAX;
}

#endif /* ipt_rule.h */
