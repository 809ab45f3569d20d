/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef BENCH_KERNEL_VIEW_H
#define BENCH_KERNEL_VIEW_H 1

/* The kernel's sets as somebody else than the agent sees them.
 *
 * Written against the netlink interface itself, so that nothing the agent
 * uses can hide its own mistake.  One socket, requests one after the other,
 * in the network namespace of the process. */

#include "sg/types.h"

struct kernel_view;

struct kernel_set {
    char name[32];              /* IPSET_MAXNAMELEN. */
    uint32_t n_elements;
    uint32_t position;          /* Sets made before it, in their order. */
    uint32_t n_sets;            /* All sets there are. */
};

int kernel_view_open(struct kernel_view **) SG_MUST_USE;
void kernel_view_close(struct kernel_view *);

/* How many sets there are, whosoever they are. */
int kernel_view_count(struct kernel_view *, size_t *n) SG_MUST_USE;
/* ENOENT if there is no such set. */
int kernel_view_find(struct kernel_view *, const char *set,
                     struct kernel_set *) SG_MUST_USE;
/* Is the single address 'p' in 'set'? */
int kernel_view_test(struct kernel_view *, const char *set,
                     const struct sg_prefix *p, bool *present) SG_MUST_USE;

/* For the floor: a set of IPv4 addresses of our own. */
int kernel_view_create(struct kernel_view *, const char *set) SG_MUST_USE;
int kernel_view_add(struct kernel_view *, const char *set,
                    const struct sg_prefix *) SG_MUST_USE;
int kernel_view_remove(struct kernel_view *, const char *set,
                       const struct sg_prefix *) SG_MUST_USE;
int kernel_view_destroy(struct kernel_view *, const char *set) SG_MUST_USE;

#endif /* tests/bench/kernel_view.h */
