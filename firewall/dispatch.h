/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef FIREWALL_DISPATCH_H
#define FIREWALL_DISPATCH_H 1

/* From the name of a frame's bridge to a rule, in few comparisons.
 *
 * A flat list of rules costs every frame one comparison per port.  Here the
 * names form a tree: a node is a chain for the names with a common beginning
 * P; it has, for each next character, either the rule of the one name left
 * or `-i PREFIX+ -g NODE`, where PREFIX is all that the names of that branch
 * have in common.  A name that is itself the beginning of others has its rule
 * in the node of that beginning.  Conditions within a node exclude each
 * other, so their order has no meaning; it is sorted, to be the same always.
 * A packet that passes two trees of the same names should find one in each
 * order: what comes last in the one comes first in the other.
 *
 * With names that end in random hex digits a thousand of them need some 40
 * comparisons at worst in one tree, and hardly more in two.  A frame whose
 * bridge has no leaf falls off the tree and returns to whoever jumped to its
 * root. */

#include "firewall/ruleset.h"

struct fw_dispatch_leaf {
    char name[SG_DEVICE_LEN];
    struct fw_rule rule;        /* Without '-i'. */
};

/* An embedded object: init, add, build any number of times, uninit. */
struct fw_dispatch {
    struct fw_dispatch_leaf *leaves;
    size_t n, allocated;
};

void fw_dispatch_init(struct fw_dispatch *);
void fw_dispatch_uninit(struct fw_dispatch *);
/* 'name' must be a valid device name that was not added before. */
void fw_dispatch_add(struct fw_dispatch *, const char *name,
                     const struct fw_rule *);
enum fw_dispatch_order { FW_DISPATCH_ASCENDING, FW_DISPATCH_DESCENDING };
/* Adds the tree to 'table' under the chain 'root', which exists afterwards
 * even if there are no leaves. */
void fw_dispatch_build(struct fw_dispatch *, struct fw_table *table,
                       const char *root, enum fw_dispatch_order);

#endif /* firewall/dispatch.h */
