/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "firewall/set_users.h"

#include <string.h>

#include "hmapx.h"
#include "util.h"

/* One of the two tables that are compared. */
struct side {
    const struct fw_table *table;
    struct hmapx live;          /* Chains that packets can get to. */
    struct hmapx seen;          /* Chains whose sets have been noted. */
};

static void compare_tables(struct fw_set_users *, const struct fw_table *old,
                           const struct fw_table *new);
static void note_users(struct side *, const struct side *other, bool all,
                       const struct sset *changed, struct sset *);
static void side_init(struct side *, const struct fw_table *);
static void side_uninit(struct side *);
static const struct fw_chain *live_chain(const struct side *,
                                         const char *name);
static bool frame_changes(const struct fw_table *old,
                          const struct fw_table *new,
                          const struct sset *changed);
static bool user_changes(const struct fw_chain *, const struct sset *changed);
static void find_changed_chains(const struct fw_table *old,
                                const struct fw_table *new, struct sset *);
static bool same_rule(const struct fw_rule *, const struct fw_rule *);

void
fw_sets_of_devices(const struct fw_ruleset *rs,
                   const char *const *devices, size_t n, struct sset *sets)
{
    for (size_t f = 0; f < SG_N_FAMILIES; f++) {
        struct hmapx seen = HMAPX_INITIALIZER(&seen);

        for (size_t i = 0; i < n; i++) {
            const struct fw_table *table = &rs->tables[f][FW_SECURITY];
            char chain[FW_CHAIN_LEN];

            fw_name_egress_chain(chain, devices[i]);
            fw_table_reach(table, chain, &seen, sets);
            fw_name_ingress_chain(chain, devices[i]);
            fw_table_reach(table, chain, &seen, sets);
        }
        hmapx_destroy(&seen);
    }
}

static bool
leads_to(const struct fw_chain *chain, const struct sset *targets)
{
    for (size_t i = 0; i < chain->n_rules; i++) {
        const struct fw_rule *rule = &chain->rules[i];

        if ((rule->verdict == FW_JUMP || rule->verdict == FW_GOTO)
            && sset_contains(targets, rule->target)) {
            return true;
        }
    }
    return false;
}

void
fw_sets_of_groups(const struct fw_ruleset *rs,
                  const struct uuid *groups, size_t n, struct sset *sets)
{
    struct sset targets = SSET_INITIALIZER(&targets);

    for (size_t i = 0; i < n; i++) {
        char name[FW_CHAIN_LEN];

        fw_name_group_chain(name, SG_EGRESS, &groups[i]);
        sset_add(&targets, name);
        fw_name_group_chain(name, SG_INGRESS, &groups[i]);
        sset_add(&targets, name);
    }
    for (size_t f = 0; n && f < SG_N_FAMILIES; f++) {
        const struct fw_table *table = &rs->tables[f][FW_SECURITY];
        struct hmapx seen = HMAPX_INITIALIZER(&seen);
        const struct fw_chain *chain;

        HMAP_FOR_EACH (chain, node, &table->chains) {
            if (fw_direction_chain_device(chain->name)
                && leads_to(chain, &targets)) {
                fw_table_reach(table, chain->name, &seen, sets);
            }
        }
        hmapx_destroy(&seen);
    }
    sset_destroy(&targets);
}

void
fw_set_users_init(struct fw_set_users *users)
{
    sset_init(&users->old);
    sset_init(&users->new);
}

/* Adds to 'users'. */
void
fw_set_users_compare(struct fw_set_users *users,
                     const struct fw_ruleset *actual,
                     const struct fw_ruleset *desired)
{
    for (size_t f = 0; f < SG_N_FAMILIES; f++) {
        compare_tables(users, &actual->tables[f][FW_SECURITY],
                       &desired->tables[f][FW_SECURITY]);
    }
}

void
fw_set_users_uninit(struct fw_set_users *users)
{
    sset_destroy(&users->old);
    sset_destroy(&users->new);
}

static void
compare_tables(struct fw_set_users *users, const struct fw_table *old_table,
               const struct fw_table *new_table)
{
    struct sset changed = SSET_INITIALIZER(&changed);

    find_changed_chains(old_table, new_table, &changed);
    bool all = frame_changes(old_table, new_table, &changed);
    if (all || !sset_is_empty(&changed)) {
        struct side old, new;

        side_init(&old, old_table);
        side_init(&new, new_table);
        note_users(&old, &new, all, &changed, &users->old);
        note_users(&new, &old, all, &changed, &users->new);
        side_uninit(&old);
        side_uninit(&new);
    }
    sset_destroy(&changed);
}

/* Adds to 'sets' what the ports of 'side' use that are not the same on the
 * 'other' side. */
static void
note_users(struct side *side, const struct side *other, bool all,
           const struct sset *changed, struct sset *sets)
{
    const struct fw_chain *chain;

    HMAP_FOR_EACH (chain, node, &side->table->chains) {
        if (fw_direction_chain_device(chain->name)
            && live_chain(side, chain->name)
            && (all || !live_chain(other, chain->name)
                || user_changes(chain, changed))) {
            fw_table_reach(side->table, chain->name, &side->seen, sets);
        }
    }
}

static void
side_init(struct side *side, const struct fw_table *table)
{
    struct sset sets = SSET_INITIALIZER(&sets);

    side->table = table;
    hmapx_init(&side->live);
    hmapx_init(&side->seen);
    fw_table_reach(table, FW_CHAIN_ROOT, &side->live, &sets);
    sset_destroy(&sets);
}

static void
side_uninit(struct side *side)
{
    hmapx_destroy(&side->live);
    hmapx_destroy(&side->seen);
}

/* NULL if there is no such chain or nothing leads to it: what is left of a
 * damaged tree decides nothing. */
static const struct fw_chain *
live_chain(const struct side *side, const char *name)
{
    struct fw_chain *chain = fw_table_find(side->table, name);

    return chain && hmapx_contains(&side->live, chain) ? chain : NULL;
}

/* Does something change that all ports share, other than the tree, in which
 * ports come and go? */
static bool
frame_changes(const struct fw_table *old, const struct fw_table *new,
              const struct sset *changed)
{
    const struct fw_chain *chain;

    HMAP_FOR_EACH (chain, node, &new->chains) {
        const struct fw_chain *other = fw_table_find(old, chain->name);

        if (sset_contains(changed, chain->name)
            && fw_chain_kind(chain->name) == FW_NAME_FIXED
            && strcmp(chain->name, FW_CHAIN_BRIDGES)) {
            return true;
        }

        /* Our hooks stand at the top. */
        for (size_t i = 0; chain->builtin && i < chain->n_rules; i++) {
            if (!other || i >= other->n_rules
                || !same_rule(&chain->rules[i], &other->rules[i])) {
                return true;
            }
        }
    }
    return false;
}

/* Do the rules change that packets meet behind 'chain', that of a port's
 * direction, or before it on the port's bridge? */
static bool
user_changes(const struct fw_chain *chain, const struct sset *changed)
{
    const char *device = fw_direction_chain_device(chain->name);
    char name[FW_CHAIN_LEN];

    if (sset_contains(changed, chain->name)) {
        return true;
    }
    fw_name_bridge_chain(name, device);
    if (sset_contains(changed, name)) {
        return true;
    }
    fw_name_pairs_chain(name, device);
    return sset_contains(changed, name) || leads_to(chain, changed);
}

bool
fw_chain_changes(const struct fw_chain *a, const struct fw_chain *b)
{
    bool same = a->n_rules == b->n_rules;

    for (size_t i = 0; same && i < a->n_rules; i++) {
        same = same_rule(&a->rules[i], &b->rules[i]);
    }
    return !same;
}

/* Names of chains of ours that are not the same in both tables. */
static void
find_changed_chains(const struct fw_table *old, const struct fw_table *new,
                    struct sset *changed)
{
    const struct fw_chain *chain;

    HMAP_FOR_EACH (chain, node, &new->chains) {
        const struct fw_chain *other = fw_table_find(old, chain->name);

        if (!chain->builtin && (!other || fw_chain_changes(other, chain))) {
            sset_add(changed, chain->name);
        }
    }
    HMAP_FOR_EACH (chain, node, &old->chains) {
        if (!chain->builtin && !fw_table_find(new, chain->name)) {
            sset_add(changed, chain->name);
        }
    }
}

/* Writes slot a for either slot. */
static void
forget_slot(char set[FW_SET_LEN])
{
    struct fw_set_form form;

    if (fw_set_kind(set, &form) == FW_NAME_SET && form.slot == FW_SLOT_B) {
        char other[FW_SET_LEN];

        fw_name_other_slot(other, set);
        ovs_strzcpy(set, other, FW_SET_LEN);
    }
}

static bool
same_rule(const struct fw_rule *a, const struct fw_rule *b)
{
    if (fw_rule_equals(a, b)) {
        return true;
    }
    if (!(a->match & b->match & (FW_M_SET_SRC | FW_M_SET_DST))) {
        return false;
    }

    struct fw_rule x = *a, y = *b;
    forget_slot(x.set);
    forget_slot(y.set);
    return fw_rule_equals(&x, &y);
}
