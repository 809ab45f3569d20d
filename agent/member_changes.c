/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "agent/member_changes.h"

#include <stdlib.h>

#include "util.h"
#include "uuid.h"

struct group_changes {
    struct hmap_node node;      /* In member_changes 'groups'. */
    struct uuid group;
    struct sg_members added, removed;   /* Disjoint. */
    int64_t sent;               /* Oldest, or 0. */
};

static struct group_changes *find_or_create(struct member_changes *,
                                            const struct uuid *,
                                            int64_t sent);
static void list_members(const struct sg_members *, struct sg_prefix_list *);
static int compare_changes(const void *, const void *);

void
member_changes_init(struct member_changes *mc)
{
    hmap_init(&mc->groups);
}

void
member_changes_uninit(struct member_changes *mc)
{
    struct store_change *changes;
    size_t n = member_changes_take(mc, &changes);

    policy_store_changes_free(changes, n);
    hmap_destroy(&mc->groups);
}

/* 'p' went into 'there'; if it stood in the opposite, nothing happened. */
static void
note(struct sg_members *there, struct sg_members *opposite,
     const struct sg_prefix *p)
{
    if (!sg_members_count(opposite) || !sg_members_remove(opposite, p)) {
        sg_members_add(there, p);
    }
}

void
member_changes_added(struct member_changes *mc, const struct uuid *group,
                     const struct sg_prefix *p, int64_t sent)
{
    struct group_changes *g = find_or_create(mc, group, sent);

    note(&g->added, &g->removed, p);
}

void
member_changes_removed(struct member_changes *mc, const struct uuid *group,
                       const struct sg_prefix *p, int64_t sent)
{
    struct group_changes *g = find_or_create(mc, group, sent);

    note(&g->removed, &g->added, p);
}

void
member_changes_note(struct member_changes *mc, const struct uuid *group,
                    const struct sg_prefix_list *added,
                    const struct sg_prefix_list *removed, int64_t sent)
{
    struct group_changes *g;

    if (!added->n && !removed->n) {
        return;
    }
    g = find_or_create(mc, group, sent);
    for (size_t i = 0; i < added->n; i++) {
        note(&g->added, &g->removed, &added->p[i]);
    }
    for (size_t i = 0; i < removed->n; i++) {
        note(&g->removed, &g->added, &removed->p[i]);
    }
}

size_t
member_changes_take(struct member_changes *mc, struct store_change **changesp)
{
    size_t n = 0;

    *changesp = NULL;
    if (hmap_is_empty(&mc->groups)) {
        return 0;
    }

    struct store_change *changes = xcalloc(hmap_count(&mc->groups),
                                           sizeof *changes);
    struct group_changes *g;
    HMAP_FOR_EACH_POP (g, node, &mc->groups) {
        if (sg_members_count(&g->added) || sg_members_count(&g->removed)) {
            struct store_change *c = &changes[n++];

            c->group = g->group;
            c->sent = g->sent;
            list_members(&g->added, &c->added);
            list_members(&g->removed, &c->removed);
        }
        sg_members_uninit(&g->added);
        sg_members_uninit(&g->removed);
        free(g);
    }
    if (!n) {
        /* All of it was undone again. */
        free(changes);
        return 0;
    }
    qsort(changes, n, sizeof *changes, compare_changes);
    *changesp = changes;
    return n;
}

void
policy_store_changes_free(struct store_change *changes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        sg_prefix_list_uninit(&changes[i].added);
        sg_prefix_list_uninit(&changes[i].removed);
    }
    free(changes);
}

static struct group_changes *
find_or_create(struct member_changes *mc, const struct uuid *group,
               int64_t sent)
{
    uint32_t hash = sg_id_hash(group);
    struct group_changes *g;

    HMAP_FOR_EACH_WITH_HASH (g, node, hash, &mc->groups) {
        if (uuid_equals(&g->group, group)) {
            if (sent && (!g->sent || sent < g->sent)) {
                g->sent = sent;
            }
            return g;
        }
    }
    g = xzalloc(sizeof *g);
    g->group = *group;
    g->sent = sent;
    sg_members_init(&g->added);
    sg_members_init(&g->removed);
    hmap_insert(&mc->groups, &g->node, hash);
    return g;
}

static void
list_members(const struct sg_members *members, struct sg_prefix_list *list)
{
    const struct sg_member *m;

    SG_MEMBERS_FOR_EACH (m, members) {
        sg_prefix_list_add(list, &m->prefix);
    }
}

static int
compare_changes(const void *a_, const void *b_)
{
    const struct store_change *a = a_;
    const struct store_change *b = b_;

    return uuid_compare_3way(&a->group, &b->group);
}
