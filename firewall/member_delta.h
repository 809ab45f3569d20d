/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef FIREWALL_MEMBER_DELTA_H
#define FIREWALL_MEMBER_DELTA_H 1

/* Net member changes to set operations.  Pure, and on the fast path.
 *
 * A delta is sorted into families; what no set can hold (prefixes, which have
 * no set yet, and the unspecified address) is left out.  The lists of a
 * struct fw_member_ops keep their memory from one delta to the next. */

#include "sg/members.h"

struct fw_member_ops {
    struct sg_prefix_list add[SG_N_FAMILIES];
    struct sg_prefix_list del[SG_N_FAMILIES];
};

void fw_member_ops_init(struct fw_member_ops *);
void fw_member_ops_uninit(struct fw_member_ops *);
void fw_member_ops_set(struct fw_member_ops *,
                       const struct sg_prefix *added, size_t n_added,
                       const struct sg_prefix *removed, size_t n_removed);

/* Can a set of 'family' hold 'p'? */
bool fw_set_can_hold(const struct sg_prefix *p, enum sg_family family);
/* How many of 'members' that is. */
size_t fw_members_count(const struct sg_members *members,
                        enum sg_family family);

#endif /* firewall/member_delta.h */
