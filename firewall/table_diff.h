/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef FIREWALL_TABLE_DIFF_H
#define FIREWALL_TABLE_DIFF_H 1

/* The way from one table to another: edits for one commit.  Pure.
 *
 * Within a commit the order is: chains are created, our chains get their
 * rules, the hooks in built-in chains come last, then old chains are flushed
 * and deleted.  Rules that are the same in both are not touched: a chain's
 * common beginning and end are left alone, and between them the longest
 * common subsequence, as long as both sides are of moderate length.
 *
 * In built-in chains only our rules (fw_rule_is_hook()) are touched, as far as
 * needed to have the desired ones at the top in order.  In a chain of
 * ours every rule that is not desired goes, whoever made it.  A chain whose
 * name begins like ours but is not one that we make is not ours. */

#include "firewall/plan.h"

struct fw_edits {
    struct fw_edit *edits;
    size_t n, allocated;
};
#define FW_EDITS_INITIALIZER { NULL, 0, 0 }
void fw_edits_uninit(struct fw_edits *);
void fw_edits_add(struct fw_edits *, enum fw_edit_kind, const char *chain,
                  size_t index, const struct fw_rule *);

/* Appends to 'edits' what turns 'actual' into 'desired'.  Without 'sweep' no
 * chain and no hook of ours goes.  A chain that foreign rules jump to is
 * flushed but stays. */
void fw_table_diff(const struct fw_table *actual,
                   const struct fw_table *desired, bool sweep,
                   struct fw_edits *edits);

/* Does to a value what a backend does to the kernel.  ENOENT: no such chain
 * or target; EEXIST: chain to be created exists; EINVAL: no such index;
 * EBUSY: chain to be deleted has rules. */
int fw_edit_apply(struct fw_table *, const struct fw_edit *) SG_MUST_USE;

#endif /* firewall/table_diff.h */
