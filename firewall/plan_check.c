/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* A plan on trial, and a plan as text.  The check goes through the steps as a
 * backend would, on copies, and looks for what must never happen. */

#include <config.h>
#include "firewall/plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "firewall/member_delta.h"
#include "firewall/table_diff.h"
#include "sset.h"
#include "util.h"

/* Members of one step that are printed by name. */
#define MAX_SHOWN_MEMBERS 8

struct trial {
    const struct fw_plan_args *args;
    /* The tables as they are by now: of 'actual', or a copy if edited. */
    const struct fw_table *tables[SG_N_FAMILIES][FW_N_TABLES];
    struct fw_table copies[SG_N_FAMILIES][FW_N_TABLES];
    struct sset created, destroyed;
    struct fw_set_users users;
};

static bool edits_live_sets(const struct fw_plan *);
static char *try_step(struct trial *, const struct fw_step *);
static const char *try_create(struct trial *, const struct fw_set *);
static const char *try_members(const struct trial *, const struct fw_step *);
static bool phase_ok(const struct trial *, const struct fw_step *);
static const char *try_destroy(struct trial *, const struct fw_set *);
static struct fw_table *copy_table(struct trial *, enum sg_family,
                                   enum fw_table_id);
static const char *try_edit(const struct trial *, struct fw_table *,
                            const struct fw_edit *);
static const char *try_edit_foreign(const struct fw_table *,
                                    const struct fw_edit *);
static char *check_result(struct trial *);
static const char *step_name(enum fw_step_kind);
static void format_edit(const struct fw_edit *, enum sg_family, struct ds *);
static void format_members(const struct sg_prefix_list *, struct ds *);

char *
fw_plan_check(const struct fw_plan *plan, const struct fw_plan_args *args)
{
    struct trial trial = {
        .args = args,
        .created = SSET_INITIALIZER(&trial.created),
        .destroyed = SSET_INITIALIZER(&trial.destroyed),
    };
    char *error = NULL;

    fw_set_users_init(&trial.users);
    if (edits_live_sets(plan)) {
        fw_set_users_compare(&trial.users, args->actual, args->desired);
    }
    for (size_t f = 0; f < SG_N_FAMILIES; f++) {
        for (size_t t = 0; t < FW_N_TABLES; t++) {
            trial.tables[f][t] = &args->actual->tables[f][t];
            fw_table_init(&trial.copies[f][t]);
        }
    }
    for (size_t i = 0; !error && i < plan->n_steps; i++) {
        if (i && plan->steps[i].phase < plan->steps[i - 1].phase) {
            error = xasprintf("step %"PRIuSIZE": phase %s after %s", i,
                              fw_phase_name(plan->steps[i].phase),
                              fw_phase_name(plan->steps[i - 1].phase));
        } else {
            error = try_step(&trial, &plan->steps[i]);
        }
    }
    if (!error) {
        error = check_result(&trial);
    }

    for (size_t f = 0; f < SG_N_FAMILIES; f++) {
        for (size_t t = 0; t < FW_N_TABLES; t++) {
            fw_table_uninit(&trial.copies[f][t]);
        }
    }
    sset_destroy(&trial.created);
    sset_destroy(&trial.destroyed);
    fw_set_users_uninit(&trial.users);
    return error;
}

void
fw_plan_format(const struct fw_plan *plan, struct ds *ds)
{
    for (size_t i = 0; i < plan->n_steps; i++) {
        const struct fw_step *step = &plan->steps[i];

        ds_put_format(ds, "%s: %s ", fw_phase_name(step->phase),
                      step_name(step->kind));
        if (step->kind != FW_STEP_TABLE_COMMIT) {
            ds_put_printable(ds, step->set.name, strlen(step->set.name));
            format_members(&step->members, ds);
            ds_put_char(ds, '\n');
            continue;
        }
        ds_put_format(ds, "%s %s: %"PRIuSIZE" edits\n",
                      sg_family_name(step->family),
                      fw_table_name(step->table), step->n_edits);
        for (size_t j = 0; j < step->n_edits; j++) {
            format_edit(&step->edits[j], step->family, ds);
        }
    }
}

static bool
edits_live_sets(const struct fw_plan *plan)
{
    for (size_t i = 0; i < plan->n_steps; i++) {
        const struct fw_step *step = &plan->steps[i];

        if (step->members.n && step->phase != FW_PHASE_PREPARE) {
            return true;
        }
    }
    return false;
}

static char *
try_step(struct trial *trial, const struct fw_step *step)
{
    struct fw_table *table;
    const char *error = NULL;

    if (trial->args->scope == FW_SCOPE_ZONES
        && (step->kind != FW_STEP_TABLE_COMMIT || step->table != FW_RAW)) {
        return xasprintf("%s: out of scope", step_name(step->kind));
    }
    switch (step->kind) {
    case FW_STEP_SET_CREATE:
        error = try_create(trial, &step->set);
        break;
    case FW_STEP_SET_ADD:
    case FW_STEP_SET_DEL:
        error = try_members(trial, step);
        break;
    case FW_STEP_SET_DESTROY:
        error = try_destroy(trial, &step->set);
        break;
    case FW_STEP_TABLE_COMMIT:
        table = copy_table(trial, step->family, step->table);
        for (size_t i = 0; i < step->n_edits; i++) {
            error = try_edit(trial, table, &step->edits[i]);
            if (error) {
                return xasprintf("%s %s, edit %"PRIuSIZE" (chain %s): %s",
                                 sg_family_name(step->family),
                                 fw_table_name(step->table), i + 1,
                                 step->edits[i].chain, error);
            }
        }
        break;
    }
    return error ? xasprintf("%s %s: %s", step_name(step->kind),
                             step->set.name, error) : NULL;
}

static const char *
try_create(struct trial *trial, const struct fw_set *set)
{
    struct fw_set_form form;

    if (fw_set_kind(set->name, &form) != FW_NAME_SET
        || form.family != set->family || form.content != set->content) {
        return "not a name of ours";
    }
    if (fw_ruleset_find_set(trial->args->actual, set->name)
        || !sset_add(&trial->created, set->name)) {
        return "exists";
    }
    return NULL;
}

/* Is this a set that rules may name now? */
static bool
is_usable(const struct trial *trial, const char *name)
{
    const struct fw_set *set = fw_ruleset_find_set(trial->args->actual, name);

    return (set ? !set->foreign_type : sset_contains(&trial->created, name))
           && !sset_contains(&trial->destroyed, name);
}

static const char *
try_members(const struct trial *trial, const struct fw_step *step)
{
    const struct fw_set *set = fw_ruleset_find_set(trial->args->actual,
                                                   step->set.name);
    bool in_use = set && set->references;

    if (!is_usable(trial, step->set.name)) {
        return "does not exist or is of a foreign type";
    }
    for (size_t i = 0; i < step->members.n; i++) {
        if (!fw_set_can_hold(&step->set, &step->members.p[i])
            && step->kind == FW_STEP_SET_ADD) {
            return "cannot hold this member";
        }
    }
    if (step->phase == FW_PHASE_PREPARE && in_use) {
        return "rules refer to it already";
    }
    return phase_ok(trial, step) ? NULL : "in the wrong phase";
}

static bool
phase_ok(const struct trial *trial, const struct fw_step *step)
{
    const char *set = step->set.name;

    return (step->phase == FW_PHASE_PREPARE
            || step->phase == (step->kind == FW_STEP_SET_ADD
                               ? fw_add_phase(&trial->users, set)
                               : fw_del_phase(&trial->users, set)));
}

static bool
names_set(const struct fw_rule *rule, const char *name)
{
    return rule->match & (FW_M_SET_SRC | FW_M_SET_DST)
           && !strcmp(rule->set, name);
}

static const char *
try_destroy(struct trial *trial, const struct fw_set *set)
{
    const struct fw_set *actual = fw_ruleset_find_set(trial->args->actual,
                                                      set->name);

    if (!actual || !sset_add(&trial->destroyed, set->name)) {
        return "does not exist";
    }
    if (!fw_set_is_ours(actual)) {
        return "not a set of ours";
    }
    if (fw_ruleset_find_set(trial->args->desired, set->name)) {
        return "is desired";
    }
    for (size_t f = 0; f < SG_N_FAMILIES; f++) {
        const struct fw_chain *chain;

        HMAP_FOR_EACH (chain, node, &trial->tables[f][FW_SECURITY]->chains) {
            for (size_t i = 0; i < chain->n_rules; i++) {
                if (names_set(&chain->rules[i], set->name)) {
                    return "a rule refers to it";
                }
            }
        }
    }
    return NULL;
}

static struct fw_table *
copy_table(struct trial *trial, enum sg_family family, enum fw_table_id id)
{
    struct fw_table *copy = &trial->copies[family][id];

    if (trial->tables[family][id] != copy) {
        fw_table_uninit(copy);
        fw_table_clone(copy, trial->tables[family][id]);
        trial->tables[family][id] = copy;
    }
    return copy;
}

static const char *
try_edit(const struct trial *trial, struct fw_table *table,
         const struct fw_edit *e)
{
    bool writes_rule = (e->kind == FW_EDIT_INSERT
                        || e->kind == FW_EDIT_REPLACE);

    enum fw_name_kind kind = fw_chain_kind(e->chain);

    if (kind == FW_NAME_UNKNOWN) {
        return "not a chain of ours";
    }
    if (kind == FW_NAME_FOREIGN) {
        const char *error = try_edit_foreign(table, e);
        if (error) {
            return error;
        }
    }
    if (writes_rule && e->rule.match & (FW_M_SET_SRC | FW_M_SET_DST)
        && !is_usable(trial, e->rule.set)) {
        return "names a set that cannot be used";
    }

    int error = fw_edit_apply(table, e);
    return error ? ovs_strerror(error) : NULL;
}

/* In a chain that is not ours, only single rules of ours may change. */
static const char *
try_edit_foreign(const struct fw_table *table, const struct fw_edit *e)
{
    const struct fw_chain *chain = fw_table_find(table, e->chain);
    const struct fw_rule *old;

    switch (e->kind) {
    case FW_EDIT_INSERT:
        return NULL;
    case FW_EDIT_REPLACE:
    case FW_EDIT_DELETE:
        old = (chain && e->index < chain->n_rules
               ? &chain->rules[e->index] : NULL);
        return (old && !fw_rule_is_hook(old)
                ? "not a rule of ours" : NULL);
    case FW_EDIT_CHAIN_CREATE:
    case FW_EDIT_CHAIN_FLUSH:
    case FW_EDIT_CHAIN_DELETE:
        return "not a chain of ours";
    }
    OVS_NOT_REACHED();
}

/* What the diff of the result and the desired ruleset says. */
static char *
check_result(struct trial *trial)
{
    const struct fw_plan_args *args = trial->args;

    for (size_t f = 0; f < SG_N_FAMILIES; f++) {
        for (size_t t = 0; t < FW_N_TABLES; t++) {
            const struct fw_table *table = trial->tables[f][t];
            struct fw_edits edits = FW_EDITS_INITIALIZER;

            if (args->scope == FW_SCOPE_ALL) {
                fw_table_diff(table, &args->desired->tables[f][t],
                              args->sweep, &edits);
            }
            size_t left = edits.n;
            fw_edits_uninit(&edits);

            /* What the kernel has, has none. */
            const char *loop = (table == &trial->copies[f][t]
                                ? fw_table_find_loop(table) : NULL);
            if (left || loop) {
                return xasprintf("%s %s: %"PRIuSIZE" edits are missing%s%s",
                                 sg_family_name(f), fw_table_name(t), left,
                                 loop ? ", loop at " : "", loop ? loop : "");
            }
        }
    }
    return NULL;
}

static const char *
step_name(enum fw_step_kind kind)
{
    switch (kind) {
#define FW_STEP(ENUM, NAME) case FW_STEP_##ENUM: return NAME;
    FW_STEPS
#undef FW_STEP
    }
    OVS_NOT_REACHED();
}

static void
format_edit(const struct fw_edit *e, enum sg_family family, struct ds *ds)
{
    static const struct {
        const char *verb;
        bool index, rule;
    } kinds[] = {
        [FW_EDIT_CHAIN_CREATE] = { "new chain", false, false },
        [FW_EDIT_INSERT] = { "insert", true, true },
        [FW_EDIT_REPLACE] = { "replace", true, true },
        [FW_EDIT_DELETE] = { "delete", true, true },
        [FW_EDIT_CHAIN_FLUSH] = { "flush chain", false, false },
        [FW_EDIT_CHAIN_DELETE] = { "delete chain", false, false },
    };

    /* A chain to be swept may have any name behind our prefix. */
    ds_put_format(ds, "  %s ", kinds[e->kind].verb);
    ds_put_printable(ds, e->chain, strnlen(e->chain, sizeof e->chain));
    if (kinds[e->kind].index) {
        ds_put_format(ds, " %"PRIuSIZE, e->index + 1);
    }
    if (kinds[e->kind].rule) {
        ds_put_char(ds, ' ');
        fw_rule_format(&e->rule, family, ds);
    }
    ds_put_char(ds, '\n');
}

static void
format_members(const struct sg_prefix_list *members, struct ds *ds)
{
    char buf[SG_PREFIX_STRLEN];

    if (!members->n) {
        return;
    }
    ds_put_format(ds, " (%"PRIuSIZE"):", members->n);
    for (size_t i = 0; i < members->n && i < MAX_SHOWN_MEMBERS; i++) {
        ds_put_format(ds, " %s", sg_prefix_format(&members->p[i], buf));
    }
    if (members->n > MAX_SHOWN_MEMBERS) {
        ds_put_cstr(ds, " ...");
    }
}
