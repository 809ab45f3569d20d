/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "sg/members.h"

#include <stdlib.h>
#include <string.h>

#include "util.h"

/* Of a member while a whole list is taken over. */
enum mark { MARK_NONE, MARK_LISTED, MARK_NEW };

static struct sg_member *find_member(const struct sg_members *,
                                     const struct sg_prefix *, uint32_t hash);
static size_t *counter(struct sg_members *, const struct sg_prefix *);
static int compare_prefixes(const void *, const void *);

void
sg_members_init(struct sg_members *members)
{
    memset(members, 0, sizeof *members);
    hmap_init(&members->hmap);
}

void
sg_members_uninit(struct sg_members *members)
{
    sg_members_clear(members);
    hmap_destroy(&members->hmap);
}

/* Removes all members; the set stays usable. */
void
sg_members_clear(struct sg_members *members)
{
    struct sg_member *m;

    HMAP_FOR_EACH_POP (m, node, &members->hmap) {
        free(m);
    }
    memset(members->n_hosts, 0, sizeof members->n_hosts);
    memset(members->n_prefixes, 0, sizeof members->n_prefixes);
    memset(members->lengths, 0, sizeof members->lengths);
}

void
sg_members_swap(struct sg_members *a, struct sg_members *b)
{
    struct sg_members tmp = *a;
    *a = *b;
    *b = tmp;

    /* An hmap of one bucket points into itself. */
    hmap_moved(&a->hmap);
    hmap_moved(&b->hmap);
}

size_t
sg_members_count(const struct sg_members *members)
{
    return hmap_count(&members->hmap);
}

/* Is this very entry in the set?  An address is not looked for in prefixes. */
bool
sg_members_contains(const struct sg_members *members,
                    const struct sg_prefix *p)
{
    return find_member(members, p, sg_prefix_hash(p)) != NULL;
}

bool
sg_members_have_prefix_of(const struct sg_members *members,
                          const struct sg_prefix *address)
{
    const uint64_t *lengths = members->lengths[address->family];
    struct sg_prefix p = *address;

    if (!members->n_prefixes[address->family]) {
        return false;
    }
    for (int plen = address->plen - 1; plen >= 0; plen--) {
        p.plen = plen;
        p.addr[plen / 8] &= (uint8_t) (0xff00 >> plen % 8);
        if (lengths[plen / 64] & UINT64_C(1) << plen % 64
            && sg_members_contains(members, &p)) {
            return true;
        }
    }
    return false;
}

static void
note_length(struct sg_members *members, const struct sg_prefix *p)
{
    uint64_t *lengths = members->lengths[p->family];

    if (!sg_prefix_is_host(p)) {
        if (!members->n_prefixes[p->family]) {
            lengths[0] = lengths[1] = 0;
        }
        lengths[p->plen / 64] |= UINT64_C(1) << p->plen % 64;
    }
}

/* Adds 'p', which is no member. */
static struct sg_member *
insert_member(struct sg_members *members, const struct sg_prefix *p,
              uint32_t hash)
{
    struct sg_member *m = xmalloc(sizeof *m);

    m->prefix = *p;
    m->mark = MARK_NONE;
    hmap_insert(&members->hmap, &m->node, hash);
    note_length(members, p);
    ++*counter(members, p);
    return m;
}

static void
delete_member(struct sg_members *members, struct sg_member *m)
{
    --*counter(members, &m->prefix);
    hmap_remove(&members->hmap, &m->node);
    free(m);
}

/* Returns true if 'p' was added, false if it was a member already. */
bool
sg_members_add(struct sg_members *members, const struct sg_prefix *p)
{
    uint32_t hash = sg_prefix_hash(p);

    if (find_member(members, p, hash)) {
        return false;
    }
    insert_member(members, p, hash);
    return true;
}

/* Returns true if 'p' was removed, false if it was not a member. */
bool
sg_members_remove(struct sg_members *members, const struct sg_prefix *p)
{
    struct sg_member *m = find_member(members, p, sg_prefix_hash(p));

    if (!m) {
        return false;
    }
    delete_member(members, m);
    return true;
}

/* Looks up each entry once, and takes memory for what is new only.  What is
 * new is collected in the order of the table and not of the list: whoever puts
 * it into another table finds his memory in a better order. */
void
sg_members_assign(struct sg_members *members,
                  const struct sg_prefix_list *list,
                  struct sg_prefix_list *added,
                  struct sg_prefix_list *removed)
{
    struct sg_member *m;

    hmap_reserve(&members->hmap, list->n);
    for (size_t i = 0; i < list->n; i++) {
        uint32_t hash = sg_prefix_hash(&list->p[i]);

        m = find_member(members, &list->p[i], hash);
        if (!m) {
            m = insert_member(members, &list->p[i], hash);
            m->mark = MARK_NEW;
        } else if (m->mark == MARK_NONE) {
            m->mark = MARK_LISTED;
        }
    }
    SG_MEMBERS_FOR_EACH_SAFE (m, members) {
        if (m->mark == MARK_NONE) {
            sg_prefix_list_add(removed, &m->prefix);
            delete_member(members, m);
            continue;
        } else if (m->mark == MARK_NEW) {
            sg_prefix_list_add(added, &m->prefix);
        }
        m->mark = MARK_NONE;
    }
    hmap_shrink(&members->hmap);
}

/* Frees the array; the list is empty and usable afterwards. */
void
sg_prefix_list_uninit(struct sg_prefix_list *list)
{
    free(list->p);
    *list = (struct sg_prefix_list) SG_PREFIX_LIST_INITIALIZER;
}

void
sg_prefix_list_add(struct sg_prefix_list *list, const struct sg_prefix *p)
{
    if (list->n >= list->allocated) {
        list->p = x2nrealloc(list->p, &list->allocated, sizeof *list->p);
    }
    list->p[list->n++] = *p;
}

/* Copies the entries of 'src' to the end of 'dst'. */
void
sg_prefix_list_append(struct sg_prefix_list *dst,
                      const struct sg_prefix_list *src)
{
    size_t n = dst->n + src->n;

    if (!src->n) {
        return;
    }
    if (n > dst->allocated) {
        dst->p = xrealloc(dst->p, n * sizeof *dst->p);
        dst->allocated = n;
    }
    memcpy(&dst->p[dst->n], src->p, src->n * sizeof *src->p);
    dst->n = n;
}

/* By sg_prefix_compare(); duplicates stay. */
void
sg_prefix_list_sort(struct sg_prefix_list *list)
{
    /* qsort() must not get a null pointer, even for no elements. */
    if (list->n > 1) {
        qsort(list->p, list->n, sizeof *list->p, compare_prefixes);
    }
}

/* By sg_prefix_compare(); duplicates may stand side by side. */
bool
sg_prefix_list_is_sorted(const struct sg_prefix_list *list)
{
    for (size_t i = 1; i < list->n; i++) {
        if (sg_prefix_compare(&list->p[i - 1], &list->p[i]) > 0) {
            return false;
        }
    }
    return true;
}

/* Appends to 'list'. */
void
sg_members_hosts(const struct sg_members *members, enum sg_family family,
                 struct sg_prefix_list *list)
{
    const struct sg_member *m;

    SG_MEMBERS_FOR_EACH (m, members) {
        if (m->prefix.family == family && sg_prefix_is_host(&m->prefix)) {
            sg_prefix_list_add(list, &m->prefix);
        }
    }
}

/* Appends to 'added' and 'removed', in no order. */
void
sg_members_diff(const struct sg_members *from, const struct sg_members *to,
                struct sg_prefix_list *added, struct sg_prefix_list *removed)
{
    const struct sg_member *m;

    SG_MEMBERS_FOR_EACH (m, to) {
        if (!find_member(from, &m->prefix, m->node.hash)) {
            sg_prefix_list_add(added, &m->prefix);
        }
    }
    SG_MEMBERS_FOR_EACH (m, from) {
        if (!find_member(to, &m->prefix, m->node.hash)) {
            sg_prefix_list_add(removed, &m->prefix);
        }
    }
}

/* 'hash' is sg_prefix_hash(p), which most callers have already. */
static struct sg_member *
find_member(const struct sg_members *members, const struct sg_prefix *p,
            uint32_t hash)
{
    struct sg_member *m;

    HMAP_FOR_EACH_WITH_HASH (m, node, hash, &members->hmap) {
        if (sg_prefix_equals(&m->prefix, p)) {
            return m;
        }
    }
    return NULL;
}

/* The counter that 'p' belongs to. */
static size_t *
counter(struct sg_members *members, const struct sg_prefix *p)
{
    return (sg_prefix_is_host(p)
            ? &members->n_hosts[p->family]
            : &members->n_prefixes[p->family]);
}

static int
compare_prefixes(const void *a, const void *b)
{
    return sg_prefix_compare(a, b);
}
