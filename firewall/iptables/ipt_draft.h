/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef IPTABLES_IPT_DRAFT_H
#define IPTABLES_IPT_DRAFT_H 1

/* A table while it is edited, from the kernel's bytes to the kernel's bytes.
 * Pure.
 *
 *   ipt_draft_create -> ipt_draft_edit ... -> ipt_draft_compile
 *
 * What no edit touches goes back as it came, except that jumps lead to where
 * their chains have gone.  Chains keep their order, new ones come last. */

#include "firewall/iptables/ipt_blob.h"
#include "firewall/iptables/ipt_codec.h"
#include "firewall/plan.h"

struct ipt_draft;

/* NULL if this is no table, or one that cannot be written as it is.  The
 * entries stay the caller's and must outlive the draft. */
struct ipt_draft *ipt_draft_create(const struct ipt_blob *);
void ipt_draft_destroy(struct ipt_draft *);

/* Returns 0, or an errno of backend.h; '*reason' may have a constant
 * sentence.  After a failure the draft is of no more use. */
int ipt_draft_edit(struct ipt_draft *, const struct ipt_codec *,
                   const struct fw_edit *, const char **reason) SG_MUST_USE;

/* What the kernel is to be given.  The caller frees 'entries' and 'old'. */
struct ipt_image {
    void *entries;
    uint32_t size;
    uint32_t n_entries;
    uint32_t hook_entry[IPT_N_HOOKS], underflow[IPT_N_HOOKS];
    /* For each entry: which it was in the table that was read, counting from
     * 0, whose counters are to be given back to it; IPT_NEW_ENTRY: none. */
    uint32_t *old;
};
#define IPT_NEW_ENTRY UINT32_MAX

void ipt_draft_compile(const struct ipt_draft *, struct ipt_image *);

#endif /* ipt_draft.h */
