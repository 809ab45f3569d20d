/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef IPTABLES_IPT_ZONE_H
#define IPTABLES_IPT_ZONE_H 1

/* Which conntrack zone a table entry gives, whoever made it.  Pure.
 *
 * ipt_codec understands nothing but what we write; the rules by which other
 * programs give zones are theirs, and this is all that we want to know of
 * them. */

#include "firewall/backend.h"

/* Does the entry give a zone of its own, or say that packets are not tracked
 * (zone 0)?  Then fills 'rule' but for 'ours'.
 * Trusts none of the lengths in the entry. */
bool ipt_decode_zone(enum sg_family, const void *entry, size_t size,
                     struct fw_zone_rule *rule);

#endif /* ipt_zone.h */
