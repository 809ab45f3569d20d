/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Carries out a plan, step by step, and keeps the books: which sets the
 * installed rules name, what is known of them, what the tables hold.  The
 * books are true after every step, because the next one may fail. */

#include <config.h>
#include "firewall/firewall-private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "firewall/table_diff.h"
#include "sset.h"
#include "util.h"
#include "uuid.h"

struct run {
    struct firewall *fw;
    const struct sg_policy *policy;
    struct prospect *p;
    bool *again;                /* NULL: a refusal is a failure. */
    char **text;
};

static bool must_stop(const struct fw_step *);
static bool is_refusal(int error);
static void note_short_set(const struct run *, const struct fw_step *);
static int run_step(const struct run *, size_t index);
static int run_set_step(const struct run *, size_t index);
static void note_deleted(struct firewall *, const struct fw_step *);
static int run_add(const struct run *, size_t index);
static int run_commit(const struct run *, const struct fw_step *);
static void apply_edits(struct fw_table *, const struct fw_step *);
static bool is_committed(const struct run *, const struct fw_step *,
                         const struct fw_table *);
static int read_back(const struct run *, const struct fw_step *,
                     struct fw_table *expected);
static void install_sets(const struct run *, enum sg_family, size_t next);
static void install_named_sets(const struct run *, enum sg_family,
                               const struct fw_table *);
static bool has_commit(const struct fw_plan *, enum sg_family);
static void doubt(const struct run *, const struct fw_step *);
static const char *step_object(const struct fw_step *, char *buf, size_t);

int
firewall_execute(struct firewall *fw, const struct sg_policy *policy,
                 struct prospect *p, bool *again, char **text)
{
    const struct run run = { fw, policy, p, again, text };
    const struct fw_plan *plan = p->plan;
    bool stopped = false;
    int error = 0;

    fw->litter = fw->writer.litter = false;
    for (size_t f = 0; f < SG_N_FAMILIES; f++) {
        /* In scope ZONES no rule names what is desired yet. */
        if (fw->scope == FW_SCOPE_ALL && !has_commit(plan, f)) {
            install_sets(&run, f, 0);
        }
    }
    for (size_t i = 0; i < plan->n_steps; i++) {
        if (again && *again && plan->steps[i].phase != FW_PHASE_PREPARE) {
            return 0;
        }
        if (stopped && plan->steps[i].kind != FW_STEP_SET_DEL) {
            continue;
        }

        int step_error = run_step(&run, i);

        /* A set that cannot be filled must not keep others from being
         * filled, and a deletion can wait no longer; the rest waits for what
         * failed, since going on could open. */
        error = error ? error : step_error;
        stopped = stopped || (step_error && must_stop(&plan->steps[i]));
    }

    /* Whatever was committed is in 'actual' by now. */
    fw_ruleset_destroy(fw->tables);
    fw->tables = p->actual;
    p->actual = NULL;
    fw_ruleset_destroy(fw->found);
    fw->found = NULL;
    if (!error && fw->scope == FW_SCOPE_ALL) {
        set_table_settled(&fw->sets);
        fw->lacks_set = false;
    }
    fw->litter = fw->litter || fw->writer.litter;
    fw->writer.litter = false;
    return error;
}

/* Is this the kernel's word on this one set?  Not if it says that nothing goes
 * (no memory, no rights). */
static bool
is_refusal(int error)
{
    return error == ENOSPC || error == EINVAL || error == EEXIST;
}

/* A set in use does not take its members: that is a matter of the rules that
 * name it.  The next apply sees by its size that it is to be read. */
static void
note_short_set(const struct run *run, const struct fw_step *step)
{
    const struct fw_backend *backend = run->fw->backend;
    struct installed_set *set = set_table_find(&run->fw->sets, &step->set);
    const struct sg_group *group;

    run->p->n_short++;
    if (set && !strcmp(set->set.name, step->set.name)) {
        set->full = true;
    }
    HMAP_FOR_EACH (group, node, &run->policy->groups) {
        for (size_t i = 0; i < group->rules.n_rules; i++) {
            const struct sg_rule *rule = &group->rules.rules[i];

            if ((rule->remote == SG_REMOTE_GROUP
                 || rule->remote == SG_REMOTE_ADDRESS_GROUP)
                && rule->family == step->family
                && uuid_equals(&rule->remote_id, &step->set.group)) {
                fw_problems_add(&run->p->problems, NULL, &group->id,
                                "rule "UUID_FMT" does not match all members "
                                "of group "UUID_FMT": %s",
                                UUID_ARGS(&rule->id),
                                UUID_ARGS(&rule->remote_id),
                                backend->class->error(backend));
                break;
            }
        }
    }
}

static bool
must_stop(const struct fw_step *step)
{
    switch (step->phase) {
    case FW_PHASE_PREPARE:
    case FW_PHASE_TIGHTEN:
    case FW_PHASE_COMMIT:
        return true;
    case FW_PHASE_EXTEND:
    case FW_PHASE_WIDEN:
    case FW_PHASE_TRIM:
    case FW_PHASE_RETIRE:
        return false;
    }
    OVS_NOT_REACHED();
}

static int
run_step(const struct run *run, size_t index)
{
    const struct fw_step *step = &run->p->plan->steps[index];
    struct fw_result *result = &run->fw->result;
    char buf[FW_SET_LEN];
    int error;

    if (step->phase == FW_PHASE_PREPARE
        && fw_slots_refusal(run->fw->slots, step->set.name)) {
        return 0;               /* Was not created. */
    }
    if (step->kind == FW_STEP_TABLE_COMMIT) {
        error = run_commit(run, step);
        if (!error && step->table == FW_SECURITY) {
            install_sets(run, step->family, index + 1);
        }
    } else {
        error = run_set_step(run, index);
    }
    if (!error) {
        result->n_steps++;
        return 0;
    }

    if (run->again && step->phase == FW_PHASE_PREPARE
        && is_refusal(error)) {
        fw_slots_refuse(run->fw->slots, step->set.name,
                        run->fw->backend->class->error(run->fw->backend));
        *run->again = true;
        return 0;
    }
    doubt(run, step);
    if ((step->phase == FW_PHASE_EXTEND || step->phase == FW_PHASE_WIDEN)
        && is_refusal(error)) {
        note_short_set(run, step);
        return 0;
    }
    if (step->phase == FW_PHASE_RETIRE) {
        /* The rules are right already; who still lists the set will be
         * done some time. */
        run->fw->litter = true;
        return 0;
    }
    if (!*run->text) {
        *run->text = xasprintf("%s, %s: %s", fw_phase_name(step->phase),
                               step_object(step, buf, sizeof buf),
                               run->fw->backend->class->error(
                                   run->fw->backend));
    }
    return error;
}

static int
run_set_step(const struct run *run, size_t index)
{
    const struct fw_step *step = &run->p->plan->steps[index];
    struct firewall *fw = run->fw;
    const struct fw_backend_class *class = fw->backend->class;
    int error = 0;

    switch (step->kind) {
    case FW_STEP_SET_CREATE:
        error = class->set_create(fw->backend, &step->set);
        fw->stats.sets_created += !error;
        break;
    case FW_STEP_SET_ADD:
        error = run_add(run, index);
        fw->result.n_added += error ? 0 : step->members.n;
        break;
    case FW_STEP_SET_DEL:
        error = set_writer_del(&fw->writer, &step->set, &step->members);
        fw->result.n_removed += error ? 0 : step->members.n;
        if (!error) {
            note_deleted(fw, step);
        }
        break;
    case FW_STEP_SET_DESTROY:
        error = class->set_destroy(fw->backend, step->set.name);
        fw->stats.sets_destroyed += !error;
        break;
    case FW_STEP_TABLE_COMMIT:
        OVS_NOT_REACHED();
    }
    return error;
}

/* What is known of a live set to be deleted is part of every plan. */
static void
note_deleted(struct firewall *fw, const struct fw_step *step)
{
    struct installed_set *set = set_table_find(&fw->sets, &step->set);

    if (set && !strcmp(set->set.name, step->set.name)) {
        for (size_t i = 0; i < step->members.n; i++) {
            set_table_stay(&fw->sets, set, &step->members.p[i]);
        }
    }
}

/* The deletions from the set of this step that are still to come; empty if
 * there are none. */
static const struct sg_prefix_list *
later_deletions(const struct run *run, size_t index)
{
    static const struct sg_prefix_list none = SG_PREFIX_LIST_INITIALIZER;
    const struct fw_plan *plan = run->p->plan;

    for (size_t i = index + 1; i < plan->n_steps; i++) {
        if (plan->steps[i].kind == FW_STEP_SET_DEL
            && !strcmp(plan->steps[i].set.name,
                       plan->steps[index].set.name)) {
            return &plan->steps[i].members;
        }
    }
    return &none;
}

/* A set that this plan created has the right size; others may have to grow,
 * those that nobody refers to as well. */
static int
run_add(const struct run *run, size_t index)
{
    const struct fw_step *step = &run->p->plan->steps[index];
    struct firewall *fw = run->fw;
    const struct live_addition addition = {
        .set = &step->set,
        .members = &step->members,
        .later = later_deletions(run, index),
    };
    struct fw_set *actual = fw_ruleset_find_set(run->p->actual,
                                                step->set.name);
    struct installed_set *set;
    struct set_room room;
    int error;

    if (!actual) {
        return set_writer_add(&fw->writer, &step->set, &step->members);
    }
    set_room_init(&room, actual->maxelem);
    error = firewall_add_live(fw, run->policy, &addition, &room);
    actual->maxelem = room.maxelem;
    set = set_table_find(&fw->sets, &step->set);
    if (set && !strcmp(set->set.name, step->set.name)) {
        set->room = room;
        if (!error) {
            set_table_doubt(&fw->sets, set, false);
            set_table_came(&fw->sets, set);
        }
    }
    return error;
}

/* Commits, and looks whether the kernel has what was meant: it refuses a
 * commit over another writer's edit only if the number of entries changed. */
static int
run_commit(const struct run *run, const struct fw_step *step)
{
    struct fw_backend *backend = run->fw->backend;
    struct fw_table *table = &run->p->actual->tables[step->family]
                                                    [step->table];
    int error = backend->class->commit(backend, step->family, step->table,
                                       step->edits, step->n_edits);

    if (error && !is_committed(run, step, table)) {
        return error;
    }
    run->fw->stats.commits++;
    run->fw->stats.edits += step->n_edits;
    run->fw->result.n_commits++;
    run->fw->result.n_edits += step->n_edits;
    apply_edits(table, step);
    return read_back(run, step, table);
}

static void
apply_edits(struct fw_table *table, const struct fw_step *step)
{
    for (size_t i = 0; i < step->n_edits; i++) {
        /* The check of the plan did the same to a copy. */
        int error = fw_edit_apply(table, &step->edits[i]);
        ovs_assert(!error);
    }
}

/* A commit of 'table' failed.  Is it in force all the same?  The kernel takes
 * the rules in one step and the counters in another, which may fail alone. */
static bool
is_committed(const struct run *run, const struct fw_step *step,
             const struct fw_table *table)
{
    struct fw_backend *backend = run->fw->backend;
    struct fw_table found, expected;
    bool committed;

    fw_table_init(&found);
    fw_table_clone(&expected, table);
    apply_edits(&expected, step);
    committed = (!backend->class->read(backend, step->family, step->table,
                                       &found)
                 && fw_table_matches(&found, &expected));
    fw_table_uninit(&found);
    fw_table_uninit(&expected);
    return committed;
}

/* Whatever is found becomes the 'expected' table. */
static int
read_back(const struct run *run, const struct fw_step *step,
          struct fw_table *expected)
{
    struct fw_backend *backend = run->fw->backend;
    struct fw_table found;
    int error;

    fw_table_init(&found);
    error = backend->class->read(backend, step->family, step->table, &found);
    if (!error) {
        if (!fw_table_matches(&found, expected)) {
            if (!*run->text) {
                *run->text = xasprintf("read back, %s %s: somebody else "
                                       "changed the table",
                                       sg_family_name(step->family),
                                       fw_table_name(step->table));
            }
            error = EAGAIN;
        }
        fw_table_swap(&found, expected);
    }
    if (error && step->table == FW_SECURITY) {
        install_named_sets(run, step->family, expected);
    }
    fw_table_uninit(&found);
    return error;
}

static struct installed_set *
put_set(const struct run *run, const struct fw_set *desired)
{
    struct installed_set *set = set_table_put(&run->fw->sets, desired);
    const struct fw_set *actual = fw_ruleset_find_set(run->p->actual,
                                                      desired->name);
    uint32_t maxelem = actual ? actual->maxelem : desired->maxelem;

    if (set->room.maxelem != maxelem) {
        set_room_init(&set->room, maxelem);
    }
    return set;
}

/* From here on the rules of 'family' name the desired sets: the member lane
 * must write to these.  'next' is the next step of the plan; a set that waits
 * for one is not yet as the policy has it. */
static void
install_sets(const struct run *run, enum sg_family family, size_t next)
{
    const struct fw_plan *plan = run->p->plan;
    struct firewall *fw = run->fw;
    const struct fw_set *desired;

    set_table_retain(&fw->sets, family, run->p->desired);
    HMAP_FOR_EACH (desired, node, &run->p->desired->sets) {
        if (desired->family == family) {
            fw_slots_set(fw->slots, desired, desired->slot);
            put_set(run, desired)->held = false;
        }
    }
    for (size_t i = next; i < plan->n_steps; i++) {
        if (plan->steps[i].phase != FW_PHASE_RETIRE
            && plan->steps[i].kind != FW_STEP_TABLE_COMMIT
            && plan->steps[i].family == family) {
            doubt(run, &plan->steps[i]);
        }
    }
}

/* The commit was made, but 'table' is not, or may not be, what it was to
 * become.  Deletions must go to the sets that it names now; the sets that it
 * no longer names do not matter, and all else waits for the next apply. */
static void
install_named_sets(const struct run *run, enum sg_family family,
                   const struct fw_table *table)
{
    struct sset names = SSET_INITIALIZER(&names);
    struct firewall *fw = run->fw;
    const struct fw_chain *chain;
    const struct fw_set *desired;

    HMAP_FOR_EACH (chain, node, &table->chains) {
        for (size_t i = 0; i < chain->n_rules; i++) {
            if (chain->rules[i].match & (FW_M_SET_SRC | FW_M_SET_DST)) {
                sset_add(&names, chain->rules[i].set);
            }
        }
    }
    HMAP_FOR_EACH (desired, node, &run->p->desired->sets) {
        if (desired->family == family
            && sset_contains(&names, desired->name)) {
            struct installed_set *set = put_set(run, desired);

            fw_slots_set(fw->slots, desired, desired->slot);
            set_table_doubt(&fw->sets, set, true);
            set->held = true;
        }
    }
    sset_destroy(&names);
}

static bool
has_commit(const struct fw_plan *plan, enum sg_family family)
{
    for (size_t i = 0; i < plan->n_steps; i++) {
        if (plan->steps[i].kind == FW_STEP_TABLE_COMMIT
            && plan->steps[i].family == family
            && plan->steps[i].table == FW_SECURITY) {
            return true;
        }
    }
    return false;
}

/* The set of 'step', if rules name it, may hold anything between before and
 * after. */
static void
doubt(const struct run *run, const struct fw_step *step)
{
    if (step->kind != FW_STEP_TABLE_COMMIT) {
        struct installed_set *set = set_table_find(&run->fw->sets,
                                                   &step->set);
        if (set && !strcmp(set->set.name, step->set.name)) {
            set_table_doubt(&run->fw->sets, set, true);
        }
    }
}

static const char *
step_object(const struct fw_step *step, char *buf, size_t size)
{
    if (step->kind != FW_STEP_TABLE_COMMIT) {
        return step->set.name;
    }
    snprintf(buf, size, "%s %s", sg_family_name(step->family),
             fw_table_name(step->table));
    return buf;
}
