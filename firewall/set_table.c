/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "firewall/set_table.h"

#include <stdlib.h>
#include <string.h>

#include "util.h"
#include "uuid.h"

static void forget(struct set_table *, struct installed_set *);

void
set_table_init(struct set_table *table)
{
    hmap_init(&table->sets);
    ovs_list_init(&table->wait_list);
    table->n_doubtful = table->n_waiting = table->n_leaving = 0;
    table->n_waiting_nets = 0;
}

void
set_table_uninit(struct set_table *table)
{
    struct installed_set *set;

    HMAP_FOR_EACH_SAFE (set, node, &table->sets) {
        forget(table, set);
    }
    hmap_destroy(&table->sets);
}

struct installed_set *
set_table_find(const struct set_table *table, const struct fw_set *like)
{
    struct installed_set *set;

    SET_TABLE_FOR_EACH_OF_GROUP (set, &like->group, table) {
        if (set->set.family == like->family
            && set->set.content == like->content
            && uuid_equals(&set->set.group, &like->group)) {
            return set;
        }
    }
    return NULL;
}

struct installed_set *
set_table_put(struct set_table *table, const struct fw_set *desired)
{
    struct installed_set *set = set_table_find(table, desired);

    if (!set) {
        set = xzalloc(sizeof *set);
        set->set.group = desired->group;
        set->set.family = desired->family;
        set->set.content = desired->content;
        sg_members_init(&set->waiting);
        sg_members_init(&set->leaving);
        hmap_insert(&table->sets, &set->node, sg_id_hash(&desired->group));
    }
    if (strcmp(set->set.name, desired->name)) {
        ovs_strzcpy(set->set.name, desired->name, sizeof set->set.name);
        set->set.slot = desired->slot;
        set->full = false;
        set_table_doubt(table, set, false);
        set_table_came(table, set);
        set_table_left(table, set);
    }
    return set;
}

void
set_table_retain(struct set_table *table, enum sg_family family,
                 const struct fw_ruleset *desired)
{
    struct installed_set *set;

    HMAP_FOR_EACH_SAFE (set, node, &table->sets) {
        char other[FW_SET_LEN];

        fw_name_other_slot(other, set->set.name);
        if (set->set.family == family
            && !fw_ruleset_find_set(desired, set->set.name)
            && !fw_ruleset_find_set(desired, other)) {
            forget(table, set);
        }
    }
}

void
set_room_init(struct set_room *room, uint32_t maxelem)
{
    room->maxelem = maxelem;
    room->grow_above = fw_set_grow_above(maxelem);
    room->patience = maxelem / 64 + 1;
}

void
set_room_failed(struct set_room *room, size_t n)
{
    room->grow_above = n + room->patience;
    room->patience *= 2;
}

void
set_table_doubt(struct set_table *table, struct installed_set *set,
                bool doubtful)
{
    table->n_doubtful += doubtful - set->doubtful;
    set->doubtful = doubtful;
}

void
set_table_wait(struct set_table *table, struct installed_set *set,
               const struct sg_prefix *p)
{
    bool came = sg_members_add(&set->waiting, p);

    if (came && sg_members_count(&set->waiting) == 1) {
        ovs_list_push_back(&table->wait_list, &set->wait_node);
    }
    table->n_waiting += came;
    table->n_waiting_nets += came && set->set.content == FW_NETS;
}

bool
set_table_give_up(struct set_table *table, struct installed_set *set,
                  const struct sg_prefix *p)
{
    bool was_waiting = sg_members_remove(&set->waiting, p);

    if (was_waiting && !sg_members_count(&set->waiting)) {
        ovs_list_remove(&set->wait_node);
    }
    table->n_waiting -= was_waiting;
    table->n_waiting_nets -= was_waiting && set->set.content == FW_NETS;
    return was_waiting;
}

void
set_table_leave(struct set_table *table, struct installed_set *set,
                const struct sg_prefix *p)
{
    table->n_leaving += sg_members_add(&set->leaving, p);
}

bool
set_table_stay(struct set_table *table, struct installed_set *set,
               const struct sg_prefix *p)
{
    bool was_leaving = sg_members_remove(&set->leaving, p);

    table->n_leaving -= was_leaving;
    return was_leaving;
}

void
set_table_came(struct set_table *table, struct installed_set *set)
{
    size_t n = sg_members_count(&set->waiting);

    if (n) {
        ovs_list_remove(&set->wait_node);
    }
    table->n_waiting -= n;
    table->n_waiting_nets -= set->set.content == FW_NETS ? n : 0;
    sg_members_clear(&set->waiting);
}

void
set_table_left(struct set_table *table, struct installed_set *set)
{
    table->n_leaving -= sg_members_count(&set->leaving);
    sg_members_clear(&set->leaving);
}

bool
set_table_is_coming(const struct set_table *table, const struct sg_prefix *p)
{
    const struct installed_set *set;

    /* Prefixes are few, and this is only about when. */
    if (table->n_waiting_nets) {
        return true;
    }
    if (table->n_waiting) {
        if (!sg_prefix_is_host(p)) {
            return true;
        }
        LIST_FOR_EACH (set, wait_node, &table->wait_list) {
            if (sg_members_contains(&set->waiting, p)) {
                return true;
            }
        }
    }
    return false;
}

void
set_table_settled(struct set_table *table)
{
    struct installed_set *set;

    SET_TABLE_FOR_EACH (set, table) {
        set_table_doubt(table, set, false);
        set->held = false;
        set_table_came(table, set);
        set_table_left(table, set);
    }
}

static void
forget(struct set_table *table, struct installed_set *set)
{
    set_table_doubt(table, set, false);
    set_table_came(table, set);
    set_table_left(table, set);
    hmap_remove(&table->sets, &set->node);
    sg_members_uninit(&set->waiting);
    sg_members_uninit(&set->leaving);
    free(set);
}
