/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tools/sg-controller/diff.h"

#include <stdlib.h>
#include <string.h>

#include "tools/sg-controller/port_change.h"
#include "tools/sg-controller/ref_set.h"
#include "tools/sg-controller/topology.h"
#include "util.h"
#include "uuid.h"

static void collect_updated_rules(const struct change_list *, size_t first,
                                  struct ref_set *rules);
static void diff_port(const struct topology_port *old,
                      const struct topology_port *new,
                      const struct ref_set *rules, struct change_list *);
static void update_port(const struct sg_port_spec *old,
                        const struct sg_port_spec *new,
                        const struct ref_set *rules, struct change_list *);
static void diff_rules(const struct topology_group *old,
                       const struct topology_group *new,
                       struct change_list *);
static void diff_members(const struct topology_group *old,
                         const struct topology_group *new,
                         struct change_list *);
static void diff_group(const struct topology_group *old,
                       const struct topology_group *new,
                       struct change_list *);
static struct change *add_members(struct change_list *, const struct uuid *,
                                  struct sg_prefix_list *added,
                                  struct sg_prefix_list *removed);
static int change_rank(const struct change *);
static int compare_changes(const void *, const void *);

/* Walks both sides: its cost is that of the topologies, not of their
 * difference. */
void
topology_diff(const struct topology *old, const struct topology *new,
              struct change_list *changes)
{
    const struct topology_group *group;
    const struct topology_port *port;
    size_t first = changes->n;
    struct ref_set rules;

    ref_set_init(&rules);
    HMAP_FOR_EACH (group, node, &old->groups) {
        diff_group(group, topology_group(new, &group->id), changes);
    }
    HMAP_FOR_EACH (group, node, &new->groups) {
        if (!topology_group(old, &group->id)) {
            diff_group(NULL, group, changes);
        }
    }
    collect_updated_rules(changes, first, &rules);
    HMAP_FOR_EACH (port, node, &old->ports) {
        diff_port(port, topology_port(new, &port->spec.id), &rules,
                  changes);
    }
    HMAP_FOR_EACH (port, node, &new->ports) {
        if (!topology_port(old, &port->spec.id)) {
            diff_port(NULL, port, &rules, changes);
        }
    }
    ref_set_destroy(&rules);
    if (changes->n > first) {
        qsort(changes->changes + first, changes->n - first,
              sizeof *changes->changes, compare_changes);
    }
}

void
change_list_uninit(struct change_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        sg_prefix_list_uninit(&list->changes[i].added);
        sg_prefix_list_uninit(&list->changes[i].removed);
        if (list->changes[i].common) {
            sg_port_spec_uninit(list->changes[i].common);
            free(list->changes[i].common);
        }
    }
    free(list->changes);
    memset(list, 0, sizeof *list);
}

struct change *
change_list_add(struct change_list *list, enum sg_kind kind,
                enum change_type type, const struct uuid *id)
{
    struct change *change;

    if (list->n >= list->allocated) {
        list->changes = x2nrealloc(list->changes, &list->allocated,
                                   sizeof *list->changes);
    }
    change = &list->changes[list->n++];
    memset(change, 0, sizeof *change);
    change->kind = kind;
    change->type = type;
    change->id = *id;
    return change;
}

static void
collect_updated_rules(const struct change_list *changes, size_t first,
                      struct ref_set *rules)
{
    for (size_t i = first; i < changes->n; i++) {
        const struct change *change = &changes->changes[i];

        if (change->kind == SG_KIND_RULES && change->type == CHANGE_UPDATED) {
            ref_set_add(rules, SG_KIND_RULES, &change->id, 0);
        }
    }
}

/* At most one of 'old' and 'new' is NULL, here and below. */
static void
diff_port(const struct topology_port *old, const struct topology_port *new,
          const struct ref_set *rules, struct change_list *changes)
{
    if (!new) {
        change_list_add(changes, SG_KIND_PORT, CHANGE_DELETED, &old->spec.id);
    } else if (!old) {
        change_list_add(changes, SG_KIND_PORT, CHANGE_CREATED, &new->spec.id);
    } else if (!sg_port_spec_equals(&old->spec, &new->spec)) {
        update_port(&old->spec, &new->spec, rules, changes);
    }
}

/* The first of two takes away only, and its place is among what does. */
static void
update_port(const struct sg_port_spec *old, const struct sg_port_spec *new,
            const struct ref_set *rules, struct change_list *changes)
{
    struct port_order order = port_change_order(old, new, rules);
    struct change *change;

    change = change_list_add(changes, SG_KIND_PORT, CHANGE_UPDATED, &new->id);
    change->before_rules = order.before;
    if (order.before && order.after) {
        change->common = xmalloc(sizeof *change->common);
        port_change_common(old, new, change->common);
        change_list_add(changes, SG_KIND_PORT, CHANGE_UPDATED, &new->id);
    }
}

/* An id may have been a security group and be an address group now, or the
 * other way round: its rules then came or went, its members changed. */
static void
diff_group(const struct topology_group *old,
           const struct topology_group *new, struct change_list *changes)
{
    diff_rules(old && !old->is_address_group ? old : NULL,
               new && !new->is_address_group ? new : NULL, changes);
    diff_members(old, new, changes);
}

/* Both may be NULL: an address group has no rules. */
static void
diff_rules(const struct topology_group *old,
           const struct topology_group *new, struct change_list *changes)
{
    if (old && !new) {
        change_list_add(changes, SG_KIND_RULES, CHANGE_DELETED, &old->id);
    } else if (new && !old) {
        change_list_add(changes, SG_KIND_RULES, CHANGE_CREATED, &new->id);
    } else if (new && !sg_rules_spec_equals(&old->rules, &new->rules)) {
        change_list_add(changes, SG_KIND_RULES, CHANGE_UPDATED, &new->id);
    }
}

static void
diff_members(const struct topology_group *old,
             const struct topology_group *new, struct change_list *changes)
{
    struct sg_prefix_list added = SG_PREFIX_LIST_INITIALIZER;
    struct sg_prefix_list removed = SG_PREFIX_LIST_INITIALIZER;

    if (!new) {
        change_list_add(changes, SG_KIND_MEMBERS, CHANGE_DELETED, &old->id);
        return;
    }
    if (!old) {
        change_list_add(changes, SG_KIND_MEMBERS, CHANGE_CREATED, &new->id);
        return;
    }
    sg_members_diff(&old->members, &new->members, &added, &removed);
    if (removed.n) {
        add_members(changes, &new->id, NULL, &removed)->joins_follow
            = added.n > 0;
    }
    if (added.n) {
        add_members(changes, &new->id, &added, NULL);
    }
}

/* Takes over 'added' and 'removed'; either may be NULL. */
static struct change *
add_members(struct change_list *changes, const struct uuid *group,
            struct sg_prefix_list *added, struct sg_prefix_list *removed)
{
    struct change *change = change_list_add(changes, SG_KIND_MEMBERS,
                                            CHANGE_UPDATED, group);

    if (added) {
        sg_prefix_list_sort(added);
        change->added = *added;
    }
    if (removed) {
        sg_prefix_list_sort(removed);
        change->removed = *removed;
    }
    return change;
}

/* The order of the header. */
static int
change_rank(const struct change *change)
{
    if (change->type == CHANGE_DELETED) {
        /* A port that goes must not get what others are given. */
        return change->kind == SG_KIND_PORT ? 1 : 6;
    }
    switch (change->kind) {
    case SG_KIND_MEMBERS:
        return change->removed.n ? 0 : 5;
    case SG_KIND_RULES:
        return 3;
    case SG_KIND_PORT:
        return change->before_rules ? 2 : 4;
    }
    OVS_NOT_REACHED();
}

/* Total: qsort() is not stable. */
static int
compare_changes(const void *a_, const void *b_)
{
    const struct change *a = a_;
    const struct change *b = b_;
    int rank_a = change_rank(a);
    int rank_b = change_rank(b);

    if (rank_a != rank_b) {
        return rank_a < rank_b ? -1 : 1;
    }
    /* The two halves of a group that goes stand together (state.c). */
    int cmp = uuid_compare_3way(&a->id, &b->id);
    return cmp ? cmp : a->kind < b->kind ? -1 : a->kind > b->kind;
}
