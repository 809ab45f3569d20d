/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef FIREWALL_PROSPECT_H
#define FIREWALL_PROSPECT_H 1

/* What an apply would do: everything that happens before the first write.
 *
 * Reads the kernel, renders the policy, chooses a slot for each set, finds
 * out what each existing set lacks, and plans.  It writes nothing; between
 * backend begin() and end().
 *
 * A table is not read if what is known of it is what it is to be, and its mark
 * is what it was.  Whatever is to be changed is read.
 *
 * A set for prefixes stays as long as its group has some, or some chain that
 * names it does not change otherwise: so a table is not written for a prefix
 * that comes and goes.
 *
 * A set is given the other slot if a plain edit would open or blink: its
 * content changes together with a port that uses it.  Then the new
 * content is filled into a set nobody refers to, and the commit switches the
 * rules over. */

#include "firewall/backend.h"
#include "firewall/render.h"
#include "firewall/set_table.h"

struct prospect_args {
    struct fw_backend *backend;
    const struct sg_policy *policy;
    const struct fw_layout *layout;
    const struct fw_slots *slots;       /* Of the installed sets; which sets
                                         * have been refused. */
    struct set_table *sets;             /* A set whose size in the kernel is
                                         * not what it should be becomes
                                         * doubtful. */
    /* The tables as they were last read, or NULL.  Those that are not read
     * are taken from here, and given back by prospect_uninit() unless
     * somebody took over 'actual'. */
    struct fw_ruleset *known;
    bool trust_nothing;                 /* Read every set. */
    enum fw_scope scope;
};

struct prospect {
    struct fw_ruleset *known;           /* Of the arguments. */
    enum { TABLE_MISSING, TABLE_READ, TABLE_KNOWN }
        tables[SG_N_FAMILIES][FW_N_TABLES];
    struct fw_ruleset *actual, *desired;
    struct fw_slots *slots;             /* Of the desired sets; what cannot
                                         * be had. */
    struct fw_problems problems;
    struct hmap work;                   /* Contains "struct fw_set_work"s. */
    struct fw_plan *plan;
    /* When it was carried out: sets in use that did not take all members. */
    size_t n_short;
};

/* Returns 0, or a positive errno with a malloc'd sentence in '*text'.  To be
 * uninitialized in either case. */
int prospect_init(struct prospect *, const struct prospect_args *,
                  char **text) SG_MUST_USE;
void prospect_uninit(struct prospect *);

/* Tells 'slots' which sets for prefixes rules name in 'actual'. */
void prospect_keep_sets(const struct fw_ruleset *actual, struct fw_slots *);

/* Reads all tables and set headers.  Returns as prospect_init() does. */
int fw_read_all(struct fw_backend *, struct fw_ruleset **, char **text)
    SG_MUST_USE;
/* The same of one family; the other one is left empty. */
int fw_read_family(struct fw_backend *, enum sg_family, struct fw_ruleset **,
                   char **text) SG_MUST_USE;

#endif /* firewall/prospect.h */
