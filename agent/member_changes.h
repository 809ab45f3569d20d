/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef AGENT_MEMBER_CHANGES_H
#define AGENT_MEMBER_CHANGES_H 1

/* Net member changes per group, gathered over a loop turn.
 *
 * Pure; a part of policy_store.  What is added and removed again before it is
 * taken is no change.  The cost depends on the changes alone, not on the size
 * of the groups. */

#include "agent/policy_store.h"

struct member_changes {
    struct hmap groups;         /* Contains "struct group_changes". */
};

void member_changes_init(struct member_changes *);
void member_changes_uninit(struct member_changes *);

/* 'p' became, or ceased to be, a member of 'group', by a message published at
 * 'sent' (0: unknown). */
void member_changes_added(struct member_changes *, const struct uuid *group,
                          const struct sg_prefix *p, int64_t sent);
void member_changes_removed(struct member_changes *,
                            const struct uuid *group,
                            const struct sg_prefix *p, int64_t sent);

/* The same for many at once. */
void member_changes_note(struct member_changes *, const struct uuid *group,
                         const struct sg_prefix_list *added,
                         const struct sg_prefix_list *removed, int64_t sent);

/* Takes all that is not empty, sorted by group. */
size_t member_changes_take(struct member_changes *, struct store_change **);

#endif /* agent/member_changes.h */
