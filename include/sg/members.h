/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef SG_MEMBERS_H
#define SG_MEMBERS_H 1

/* A set of members: addresses and prefixes, both families together.
 *
 * Membership is a set, not a list: adding twice is adding once.  Used by the
 * policy store (what a group has), by the controller (what a group should
 * have) and by the packet filter side (what a kernel set holds).  Cost of one
 * change is independent of the size.  An embedded object: init, then uninit;
 * the set owns its entries. */

#include "openvswitch/hmap.h"
#include "sg/types.h"

struct sg_member {
    struct hmap_node node;
    struct sg_prefix prefix;
    uint8_t mark;                       /* For sg_members_assign() alone. */
};

struct sg_members {
    struct hmap hmap;                   /* Contains "struct sg_member"s. */
    uint64_t lengths[SG_N_FAMILIES][2]; /* Bits: lengths that real prefixes
                                         * have, or had. */
    size_t n_hosts[SG_N_FAMILIES];      /* Single addresses per family. */
    size_t n_prefixes[SG_N_FAMILIES];   /* Real prefixes per family. */
};

void sg_members_init(struct sg_members *);
void sg_members_uninit(struct sg_members *);
void sg_members_clear(struct sg_members *);
void sg_members_swap(struct sg_members *, struct sg_members *);
size_t sg_members_count(const struct sg_members *);
bool sg_members_contains(const struct sg_members *, const struct sg_prefix *);
/* Is the address in one of the real prefixes?  One look-up for each length
 * that they have, however many there are. */
bool sg_members_have_prefix_of(const struct sg_members *,
                               const struct sg_prefix *address);
bool sg_members_add(struct sg_members *, const struct sg_prefix *);
bool sg_members_remove(struct sg_members *, const struct sg_prefix *);

#define SG_MEMBERS_FOR_EACH(M, MEMBERS) \
    HMAP_FOR_EACH (M, node, &(MEMBERS)->hmap)
#define SG_MEMBERS_FOR_EACH_SAFE(M, MEMBERS) \
    HMAP_FOR_EACH_SAFE (M, node, &(MEMBERS)->hmap)

/* A growable array of prefixes: a delta, a page, a listing. */
struct sg_prefix_list {
    struct sg_prefix *p;
    size_t n, allocated;
};
#define SG_PREFIX_LIST_INITIALIZER { NULL, 0, 0 }
void sg_prefix_list_uninit(struct sg_prefix_list *);
void sg_prefix_list_add(struct sg_prefix_list *, const struct sg_prefix *);
void sg_prefix_list_append(struct sg_prefix_list *,
                           const struct sg_prefix_list *);
void sg_prefix_list_sort(struct sg_prefix_list *);
bool sg_prefix_list_is_sorted(const struct sg_prefix_list *);
/* Makes 'members' what 'list' says, which may say things twice.  Appends what
 * that adds and removes, in no order. */
void sg_members_assign(struct sg_members *, const struct sg_prefix_list *list,
                       struct sg_prefix_list *added,
                       struct sg_prefix_list *removed);
/* All members of 'family' that are single addresses, in no order. */
void sg_members_hosts(const struct sg_members *, enum sg_family,
                      struct sg_prefix_list *);
/* What turns 'from' into 'to'. */
void sg_members_diff(const struct sg_members *from,
                     const struct sg_members *to,
                     struct sg_prefix_list *added,
                     struct sg_prefix_list *removed);

#endif /* sg/members.h */
