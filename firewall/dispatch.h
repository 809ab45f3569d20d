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
 * other, so their order has no meaning for what is found, only for how soon.
 *
 * A frame passes two trees of the same names.  What is found in the first, a
 * zone, does not end the way through its node, as a verdict in the second
 * does.  Both are put in an order in which the name that needs most
 * comparisons in the two together needs few: who comes late in the one comes
 * early in the other, and who has more names beside it comes earlier.  The
 * order follows from the names alone, so each tree is built by itself; if they
 * have not the same names, it is not the best one, and nothing else.  With a
 * name more or less some others change their places.
 *
 * With names that end in random hex digits a thousand of them need some 45
 * comparisons at worst in both trees, and 40 on the average.  A frame whose
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
enum fw_dispatch_place { FW_DISPATCH_FIRST, FW_DISPATCH_SECOND };
/* Adds the tree to 'table' under the chain 'root', which exists afterwards
 * even if there are no leaves. */
void fw_dispatch_build(struct fw_dispatch *, struct fw_table *table,
                       const char *root, enum fw_dispatch_place);

#endif /* firewall/dispatch.h */
