/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef SG_CONTROLLER_REF_SET_H
#define SG_CONTROLLER_REF_SET_H 1

/* A set of objects, by kind and id: what a host asked for, what an answer
 * covers, what an agent has.  Pure.  An embedded object: init, then
 * destroy. */

#include "openvswitch/hmap.h"
#include "sg/types.h"

struct ref_node {
    struct hmap_node node;
    struct sg_ref ref;
};

struct ref_set {
    struct hmap refs;           /* Contains "struct ref_node"s. */
};

void ref_set_init(struct ref_set *);
void ref_set_destroy(struct ref_set *);
size_t ref_set_count(const struct ref_set *);
/* True if it was not there before; a second one changes nothing. */
bool ref_set_add(struct ref_set *, enum sg_kind, const struct uuid *,
                 int64_t revision);
const struct sg_ref *ref_set_find(const struct ref_set *, enum sg_kind,
                                  const struct uuid *);
void ref_set_remove(struct ref_set *, enum sg_kind, const struct uuid *);
/* All of them, by kind and then id, or by id and then kind; malloc'd. */
struct sg_ref *ref_set_sorted(const struct ref_set *);
struct sg_ref *ref_set_sorted_by_id(const struct ref_set *);

#define REF_SET_FOR_EACH(NODE, SET) HMAP_FOR_EACH (NODE, node, &(SET)->refs)

#endif /* tools/sg-controller/ref_set.h */
