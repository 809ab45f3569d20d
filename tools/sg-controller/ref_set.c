/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tools/sg-controller/ref_set.h"

#include <stdlib.h>

#include "util.h"
#include "uuid.h"

static struct ref_node *find_node(const struct ref_set *, enum sg_kind,
                                  const struct uuid *);
static struct sg_ref *sorted(const struct ref_set *,
                             int (*compare)(const void *, const void *));
static int compare_refs(const void *, const void *);
static int compare_ids(const void *, const void *);

void
ref_set_init(struct ref_set *set)
{
    hmap_init(&set->refs);
}

void
ref_set_destroy(struct ref_set *set)
{
    struct ref_node *ref;

    HMAP_FOR_EACH_POP (ref, node, &set->refs) {
        free(ref);
    }
    hmap_destroy(&set->refs);
}

size_t
ref_set_count(const struct ref_set *set)
{
    return hmap_count(&set->refs);
}

bool
ref_set_add(struct ref_set *set, enum sg_kind kind, const struct uuid *id,
            int64_t revision)
{
    struct ref_node *ref;

    if (ref_set_find(set, kind, id)) {
        return false;
    }
    ref = xmalloc(sizeof *ref);
    ref->ref = (struct sg_ref) { kind, *id, revision };
    hmap_insert(&set->refs, &ref->node, sg_object_hash(kind, id));
    return true;
}

const struct sg_ref *
ref_set_find(const struct ref_set *set, enum sg_kind kind,
             const struct uuid *id)
{
    const struct ref_node *ref = find_node(set, kind, id);

    return ref ? &ref->ref : NULL;
}

void
ref_set_remove(struct ref_set *set, enum sg_kind kind, const struct uuid *id)
{
    struct ref_node *ref = find_node(set, kind, id);

    if (ref) {
        hmap_remove(&set->refs, &ref->node);
        free(ref);
    }
}

struct sg_ref *
ref_set_sorted(const struct ref_set *set)
{
    return sorted(set, compare_refs);
}

struct sg_ref *
ref_set_sorted_by_id(const struct ref_set *set)
{
    return sorted(set, compare_ids);
}

static struct ref_node *
find_node(const struct ref_set *set, enum sg_kind kind,
          const struct uuid *id)
{
    struct ref_node *ref;

    HMAP_FOR_EACH_WITH_HASH (ref, node, sg_object_hash(kind, id), &set->refs) {
        if (ref->ref.kind == kind && uuid_equals(&ref->ref.id, id)) {
            return ref;
        }
    }
    return NULL;
}

static struct sg_ref *
sorted(const struct ref_set *set, int (*compare)(const void *, const void *))
{
    struct sg_ref *refs = xmalloc((ref_set_count(set) + 1) * sizeof *refs);
    const struct ref_node *ref;
    size_t n = 0;

    REF_SET_FOR_EACH (ref, set) {
        refs[n++] = ref->ref;
    }
    qsort(refs, n, sizeof *refs, compare);
    return refs;
}

static int
compare_refs(const void *a_, const void *b_)
{
    const struct sg_ref *a = a_;
    const struct sg_ref *b = b_;

    if (a->kind != b->kind) {
        return a->kind < b->kind ? -1 : 1;
    }
    return uuid_compare_3way(&a->id, &b->id);
}

static int
compare_ids(const void *a_, const void *b_)
{
    const struct sg_ref *a = a_;
    const struct sg_ref *b = b_;
    int cmp = uuid_compare_3way(&a->id, &b->id);

    return cmp ? cmp : compare_refs(a, b);
}
