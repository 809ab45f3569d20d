/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef FIREWALL_FIREWALL_PRIVATE_H
#define FIREWALL_FIREWALL_PRIVATE_H 1

/* The inside of a struct firewall, for firewall.c (facade, member lane) and
 * apply.c (structure lane). */

#include "firewall/firewall.h"
#include "firewall/member_delta.h"
#include "firewall/prospect.h"
#include "firewall/set_table.h"
#include "firewall/set_writer.h"

struct firewall {
    struct fw_backend *backend;
    struct fw_layout layout;
    bool complete;              /* Writing is allowed. */
    enum fw_scope scope;        /* Of the applies to come. */

    /* What is in the kernel, as far as this object put it there or read it
     * in an apply.  'tables' is NULL before the first. */
    struct fw_slots *slots;
    struct set_table sets;
    struct fw_ruleset *tables;
    struct fw_ruleset *found;   /* By firewall_recover(); NULL after the first
                                 * apply. */
    bool refresh;               /* The next apply trusts neither. */

    struct set_writer writer;
    struct fw_member_ops ops;   /* Keeps its memory. */

    bool failed;                /* The last apply failed, or a verify found
                                 * something since. */
    bool litter;                /* A set could not be destroyed yet. */
    size_t n_refused;           /* Sets that the last apply had to do
                                 * without, or without their other slot, or
                                 * that did not take all their members. */
    bool lacks_set;             /* Rules are to name the set for prefixes of
                                 * a group that had none so far. */
    bool undeleted;             /* A deletion failed since the last apply that
                                 * did not. */
    uint64_t applied;           /* Generation. */
    struct fw_result result;
    struct fw_stats stats;
};

/* Members that come into a set that rules refer to. */
struct live_addition {
    const struct fw_set *set;
    const struct sg_prefix_list *members;
    /* Who is to be deleted afterwards: the policy does not have them any
     * more, but they stay until then. */
    const struct sg_prefix_list *later;
    /* What else is known of the set, or NULL. */
    const struct installed_set *known;
};

/* Adds in place, or gives the set a new content that is what 'policy' says
 * plus who is deleted later: if many come, and if the set is to grow.  '*room'
 * is the set's, and is brought up to date. */
int firewall_add_live(struct firewall *, const struct sg_policy *,
                      const struct live_addition *, struct set_room *)
    SG_MUST_USE;

/* Deletes from the live sets who is leaving: there will be no commit that
 * does it.  A set in which that fails becomes doubtful. */
void firewall_delete_leaving(struct firewall *);

/* Carries out 'p'.  Returns 0, or a positive errno with a malloc'd sentence
 * in '*text'.  Takes over what is of use in 'p'.
 *
 * If 'again' is not NULL and the kernel refuses a set while the first ones are
 * being filled, '*again' becomes true, fw->slots knows of the refusals, and
 * nothing that a packet could see has happened: look ahead once more. */
int firewall_execute(struct firewall *, const struct sg_policy *,
                     struct prospect *p, bool *again, char **text)
    SG_MUST_USE;

#endif /* firewall/firewall-private.h */
