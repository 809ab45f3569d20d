/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef FIREWALL_MEMBER_DELTA_H
#define FIREWALL_MEMBER_DELTA_H 1

/* Members of a group, as the policy has them, to elements of the kernel's
 * sets.  Pure, and on the fast path.
 *
 * Addresses and prefixes of a family have a set each.  No set can hold a
 * prefix of length 0, which is therefore two elements of length 1; either may
 * be a member of its own as well.  The unspecified address is left out. */

#include "firewall/ruleset.h"
#include "sg/members.h"

/* Can the set, of which family and content count, hold 'p'? */
bool fw_set_can_hold(const struct fw_set *, const struct sg_prefix *p);

/* What the set holds if its group has 'members': appended to the list; and
 * how many that are. */
void fw_set_elements(const struct fw_set *, const struct sg_members *members,
                     struct sg_prefix_list *);
size_t fw_set_n_elements(const struct fw_set *, const struct sg_members *);
/* Does one of these elements fit the single address? */
bool fw_set_matches(const struct fw_set *, const struct sg_members *,
                    const struct sg_prefix *address);

/* What changes in the sets of a group.  The lists keep their memory from one
 * delta to the next. */
struct fw_member_ops {
    struct sg_prefix_list add[SG_N_FAMILIES][FW_N_CONTENTS];
    struct sg_prefix_list del[SG_N_FAMILIES][FW_N_CONTENTS];
};

void fw_member_ops_init(struct fw_member_ops *);
void fw_member_ops_uninit(struct fw_member_ops *);
/* 'members' are what the group has now, with 'added' and without 'removed';
 * NULL: nothing. */
void fw_member_ops_set(struct fw_member_ops *,
                       const struct sg_members *members,
                       const struct sg_prefix *added, size_t n_added,
                       const struct sg_prefix *removed, size_t n_removed);

#endif /* firewall/member_delta.h */
