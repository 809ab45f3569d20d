/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "firewall/firewall.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "firewall/firewall-private.h"
#include "firewall/set_users.h"
#include "sset.h"
#include "util.h"
#include "uuid.h"

/* How often an apply is planned, each time without the sets that the kernel
 * refused so far.  One pass meets all refusals of its plan, the next one may
 * need other sets. */
#define MAX_PASSES 4

typedef int set_change_func(struct firewall *, const struct sg_policy *,
                            struct installed_set *);
static set_change_func add_to_set, delete_from_set;
static int change_group(struct firewall *, const struct sg_policy *,
                        const struct fw_member_change *, set_change_func *);
static bool lacks_set(const struct firewall *, const struct uuid *group);
static int look_ahead(struct firewall *, const struct sg_policy *,
                      enum fw_scope, bool trust_nothing, struct prospect *,
                      char **text);
static bool is_fresh(const struct fw_ruleset *);
static void begin_result(struct fw_result *, uint64_t generation);
static void clear_result(struct fw_result *);

struct firewall *
firewall_create(struct fw_backend *backend, const struct fw_layout *layout,
                uint32_t tag)
{
    struct firewall *fw = xzalloc(sizeof *fw);
    char *error = fw_layout_check(layout);

    /* The configuration has been checked; an empty prefix would hook every
     * device of the host. */
    ovs_assert(!error);
    fw->backend = backend;
    fw->layout = *layout;
    fw->slots = fw_slots_create();
    fw->writer.backend = backend;
    fw->writer.tag = tag;
    set_table_init(&fw->sets);
    fw_member_ops_init(&fw->ops);
    return fw;
}

void
firewall_destroy(struct firewall *fw)
{
    if (fw) {
        fw->backend->class->destroy(fw->backend);
        fw_slots_destroy(fw->slots);
        set_table_uninit(&fw->sets);
        fw_ruleset_destroy(fw->tables);
        fw_ruleset_destroy(fw->found);
        fw_member_ops_uninit(&fw->ops);
        clear_result(&fw->result);
        free(fw);
    }
}

/* Slots are found by the first apply, which reads the sets anyway. */
int
firewall_recover(struct firewall *fw, fw_zone_cb *zone, void *aux,
                 bool *fresh)
{
    struct fw_ruleset *rs = NULL;
    char *text = NULL;
    int error = fw->backend->class->begin(fw->backend);

    if (error) {
        fw->stats.lock_busy += error == EAGAIN;
        return error;
    }
    error = fw_read_all(fw->backend, &rs, &text);
    for (size_t f = 0; !error && f < SG_N_FAMILIES; f++) {
        error = fw->backend->class->zone_rules(fw->backend, f, zone, aux);
    }
    fw->backend->class->end(fw->backend);
    free(text);
    if (!error) {
        *fresh = is_fresh(rs);
    }
    fw_ruleset_destroy(fw->found);
    fw->found = rs;
    return error;
}

static bool
is_fresh(const struct fw_ruleset *rs)
{
    for (size_t f = 0; f < SG_N_FAMILIES; f++) {
        const struct fw_chain *chain;

        HMAP_FOR_EACH (chain, node, &rs->tables[f][FW_SECURITY].chains) {
            enum fw_name_kind kind = fw_chain_kind(chain->name);

            if (kind != FW_NAME_FOREIGN && kind != FW_NAME_UNKNOWN) {
                return false;
            }
            for (size_t i = 0; i < chain->n_rules; i++) {
                if (fw_rule_is_hook(&chain->rules[i])) {
                    return false;
                }
            }
        }
    }
    return true;
}

static bool
is_hooked(const struct firewall *fw, const struct fw_table *security)
{
    const struct fw_chain *forward = fw_table_find(security, "FORWARD");
    const struct fw_chain *root = fw_table_find(security, FW_CHAIN_ROOT);
    char bridges[SG_DEVICE_LEN + 1];
    bool leads_there = false;

    snprintf(bridges, sizeof bridges, "%s+", fw->layout.bridge_prefix);
    for (size_t i = 0; forward && i < forward->n_rules; i++) {
        const struct fw_rule *rule = &forward->rules[i];

        leads_there |= ((rule->match & ~FW_M_COMMENT) == FW_M_IN
                        && !strcmp(rule->in, bridges)
                        && rule->verdict == FW_JUMP
                        && !strcmp(rule->target, FW_CHAIN_ROOT));
    }
    return (leads_there && root && root->n_rules
            && !root->rules[root->n_rules - 1].match
            && root->rules[root->n_rules - 1].verdict == FW_DROP);
}

bool
firewall_was_hooked(const struct firewall *fw)
{
    for (size_t f = 0; f < SG_N_FAMILIES; f++) {
        if (!fw->found || !is_hooked(fw, &fw->found->tables[f][FW_SECURITY])) {
            return false;
        }
    }
    return true;
}

void
firewall_set_complete(struct firewall *fw)
{
    fw->complete = true;
}

void
firewall_set_scope(struct firewall *fw, enum fw_scope scope)
{
    fw->scope = scope;
}

bool
firewall_is_complete(const struct firewall *fw)
{
    return fw->complete;
}

/* ------------------------------------------------------------------------ */
/* The member lane. */

/* All additions of the turn, then all deletions: with rules that stay, an
 * address that moves from one group to another, both of them remotes, is never
 * in neither.  A group no installed rule refers to has no entry, and costs a
 * look-up; the apply that installs such a rule fills the set from the
 * policy. */
int
firewall_members(struct firewall *fw, const struct sg_policy *policy,
                 const struct fw_member_change *changes, size_t n)
{
    int retval = 0;

    for (size_t i = 0; i < n; i++) {
        int error = change_group(fw, policy, &changes[i], add_to_set);
        retval = retval ? retval : error;
    }
    for (size_t i = 0; i < n; i++) {
        if (changes[i].n_removed) {
            int error = change_group(fw, policy, &changes[i],
                                     delete_from_set);
            retval = retval ? retval : error;
        }
    }
    return retval;
}

/* Calls 'change' for the sets of the group, with what is to be done in
 * fw->ops. */
static int
change_group(struct firewall *fw, const struct sg_policy *policy,
             const struct fw_member_change *c, set_change_func *change)
{
    struct installed_set *set;
    bool sorted = false;
    int retval = 0;

    SET_TABLE_FOR_EACH_OF_GROUP (set, &c->group, &fw->sets) {
        if (!uuid_equals(&set->set.group, &c->group)) {
            continue;
        }
        if (!sorted) {
            const struct sg_group *group = sg_policy_group(policy, &c->group);

            fw_member_ops_set(&fw->ops, group ? &group->members : NULL,
                              c->added, c->n_added, c->removed, c->n_removed);
            fw->lacks_set = fw->lacks_set || lacks_set(fw, &c->group);
            sorted = true;
        }

        int error = change(fw, policy, set);
        if (error) {
            set_table_doubt(&fw->sets, set, true);
            fw->stats.members_failed++;
            retval = retval ? retval : error;
        }
    }
    return retval;
}

/* Do prefixes come into the group, in fw->ops, that no set holds yet which
 * rules name?  Then an apply has to make it, unless the last one could not:
 * that is tried again at its own pace. */
static bool
lacks_set(const struct firewall *fw, const struct uuid *group)
{
    for (size_t f = 0; f < SG_N_FAMILIES; f++) {
        if (fw->ops.add[f][FW_NETS].n) {
            struct fw_set hosts = { .group = *group, .family = f };
            struct fw_set nets = hosts;

            nets.content = FW_NETS;
            fw_name_set(nets.name, &(struct fw_set_form) {
                .family = f, .content = FW_NETS,
            }, group);
            if (set_table_find(&fw->sets, &hosts)
                && !set_table_find(&fw->sets, &nets)
                && !fw_slots_refusal(fw->slots, nets.name)) {
                return true;
            }
        }
    }
    return false;
}

/* A held set gets its additions with the next apply.  Who was about to leave
 * is still there, unless the set is doubtful; then the apply will see, as it
 * does in a set that was full: trying each time would ask for an apply each
 * time. */
static int
add_to_set(struct firewall *fw, const struct sg_policy *policy,
           struct installed_set *set)
{
    const struct sg_prefix_list *list
        = &fw->ops.add[set->set.family][set->set.content];
    const struct live_addition addition = {
        .set = &set->set,
        .members = list,
        .later = &fw->ops.del[set->set.family][set->set.content],
        .known = set,
    };

    for (size_t i = 0; i < list->n; i++) {
        if (!set_table_stay(&fw->sets, set, &list->p[i]) && set->held) {
            set_table_wait(&fw->sets, set, &list->p[i]);
        }
    }
    return (set->held || set->doubtful || set->full || !list->n ? 0
            : firewall_add_live(fw, policy, &addition, &set->room));
}

/* Deletions cannot open anything, so a set that is doubtful does not keep them
 * from being written.  But who leaves may be let in by what the next apply
 * does: change the rules that use this set, or add the member to another one
 * that is held or not there yet.  Then it leaves with that.  After a failure
 * the next apply may fail as well, and is not waited for. */
static int
delete_from_set(struct firewall *fw,
                const struct sg_policy *policy OVS_UNUSED,
                struct installed_set *set)
{
    const struct sg_prefix_list *list
        = &fw->ops.del[set->set.family][set->set.content];
    struct sg_prefix_list now = SG_PREFIX_LIST_INITIALIZER;

    for (size_t i = 0; i < list->n; i++) {
        const struct sg_prefix *p = &list->p[i];
        bool absent = (set_table_give_up(&fw->sets, set, p)
                       && !set->doubtful);

        if (fw->failed || !(set->held || fw->lacks_set
                            || set_table_is_coming(&fw->sets, p))) {
            sg_prefix_list_add(&now, p);
        } else if (!absent) {
            set_table_leave(&fw->sets, set, p);
        }
    }

    int error = set_writer_del(&fw->writer, &set->set, &now);
    fw->undeleted = fw->undeleted || error;
    sg_prefix_list_uninit(&now);
    return error;
}

void
firewall_delete_leaving(struct firewall *fw)
{
    struct installed_set *set;

    SET_TABLE_FOR_EACH (set, &fw->sets) {
        struct sg_prefix_list list = SG_PREFIX_LIST_INITIALIZER;
        const struct sg_member *m;

        SG_MEMBERS_FOR_EACH (m, &set->leaving) {
            sg_prefix_list_add(&list, &m->prefix);
        }
        if (set_writer_del(&fw->writer, &set->set, &list)) {
            set_table_doubt(&fw->sets, set, true);
            fw->undeleted = true;
            fw->stats.members_failed++;
        }
        set_table_left(&fw->sets, set);
        sg_prefix_list_uninit(&list);
    }
}

/* ------------------------------------------------------------------------ */
/* Where the lanes meet. */

void
firewall_hold(struct firewall *fw,
              const char *const *devices, size_t n_devices,
              const struct uuid *groups, size_t n_groups)
{
    struct sset names = SSET_INITIALIZER(&names);
    struct installed_set *set;

    if (!fw->tables) {
        return;
    }
    fw_sets_of_devices(fw->tables, devices, n_devices, &names);
    fw_sets_of_groups(fw->tables, groups, n_groups, &names);
    SET_TABLE_FOR_EACH (set, &fw->sets) {
        set->held = set->held || sset_contains(&names, set->set.name);
    }
    sset_destroy(&names);
}

bool
firewall_is_urgent(const struct firewall *fw)
{
    return fw->sets.n_leaving > 0;
}

bool
firewall_has_deleted(const struct firewall *fw)
{
    return !fw->sets.n_leaving && !fw->undeleted;
}

bool
firewall_needs_apply(const struct firewall *fw)
{
    return fw->complete && (fw->failed || fw->writer.litter
                            || fw->lacks_set || fw->sets.n_doubtful
                            || fw->sets.n_leaving);
}

bool
firewall_has_litter(const struct firewall *fw)
{
    return fw->litter;
}

bool
firewall_lacks_sets(const struct firewall *fw)
{
    return fw->n_refused > 0;
}

/* ------------------------------------------------------------------------ */
/* The structure lane. */

void
firewall_refresh(struct firewall *fw)
{
    fw->refresh = true;
}

/* Whatever the kernel refused is tried again. */
static void
forgive(struct firewall *fw)
{
    struct installed_set *set;

    fw_slots_forgive(fw->slots);
    SET_TABLE_FOR_EACH (set, &fw->sets) {
        set->full = false;
    }
}

int
firewall_apply(struct firewall *fw, const struct sg_policy *policy)
{
    struct fw_result *result = &fw->result;
    struct prospect p;
    char *text = NULL;
    int error;

    begin_result(result, policy->generation);
    if (!fw->complete) {
        result->error = EAGAIN;
        result->error_text = xstrdup("wait, controller: no complete answer "
                                     "yet");
        return EAGAIN;
    }

    forgive(fw);
    for (int pass = 1; ; pass++) {
        bool again = false;

        error = look_ahead(fw, policy, fw->scope, false, &p, &text);
        if (error) {
            break;
        }
        error = firewall_execute(fw, policy, &p,
                                 pass < MAX_PASSES ? &again : NULL, &text);
        fw->backend->class->end(fw->backend);
        fw->n_refused = fw_slots_n_refused(p.slots) + p.n_short;
        fw_problems_clear(&result->problems);
        result->problems = p.problems;
        memset(&p.problems, 0, sizeof p.problems);
        if (!again) {
            fw_slots_learn(fw->slots, p.slots);
        }
        prospect_uninit(&p);
        if (!again) {
            break;
        }
    }

    fw->refresh = false;
    fw->stats.applies++;
    fw->stats.applies_failed += error != 0;
    fw->failed = error != 0;
    if (error) {
        firewall_delete_leaving(fw);
    } else if (fw->scope == FW_SCOPE_ALL) {
        fw->applied = policy->generation;
        fw->undeleted = false;
    }
    result->error = error;
    result->error_text = text;
    return error;
}

/* Locks and looks.  On success the lock is still held and '*p' is to be
 * uninitialized; on failure neither. */
static int
look_ahead(struct firewall *fw, const struct sg_policy *policy,
           enum fw_scope scope, bool trust_nothing, struct prospect *p,
           char **text)
{
    const struct prospect_args args = {
        .backend = fw->backend,
        .policy = policy,
        .layout = &fw->layout,
        .slots = fw->slots,
        .sets = &fw->sets,
        .scope = scope,
        .trust_nothing = trust_nothing,
        .known = (trust_nothing || fw->refresh || fw->failed ? NULL
                  : fw->tables ? fw->tables : fw->found),
    };
    int error = fw->backend->class->begin(fw->backend);

    if (error) {
        fw->stats.lock_busy += error == EAGAIN;
        *text = xasprintf("lock, tables: %s",
                          fw->backend->class->error(fw->backend));
        return error;
    }
    error = prospect_init(p, &args, text);
    if (error) {
        fw->backend->class->end(fw->backend);
        prospect_uninit(p);
    }
    return error;
}

const struct fw_result *
firewall_result(const struct firewall *fw)
{
    return &fw->result;
}

uint64_t
firewall_applied(const struct firewall *fw)
{
    return fw->applied;
}

void
firewall_note_applied(struct firewall *fw, const struct sg_policy *policy)
{
    if (fw->applied && !firewall_needs_apply(fw)) {
        fw->applied = policy->generation;
    }
}

int
firewall_verify(struct firewall *fw, const struct sg_policy *policy,
                struct ds *ds, size_t *n_differences)
{
    struct prospect p;
    char *text = NULL;
    int error = look_ahead(fw, policy, FW_SCOPE_ALL, true, &p, &text);

    if (error) {
        free(text);
        return error;
    }
    fw->backend->class->end(fw->backend);

    fw_plan_format(p.plan, ds);
    fw->failed = fw->failed || !fw_plan_is_empty(p.plan);
    *n_differences = 0;
    for (size_t i = 0; i < p.plan->n_steps; i++) {
        const struct fw_step *step = &p.plan->steps[i];
        struct installed_set *set = set_table_find(&fw->sets, &step->set);

        *n_differences += (step->kind == FW_STEP_TABLE_COMMIT
                           ? step->n_edits : 1);
        if (step->members.n && set) {
            set_table_doubt(&fw->sets, set, true);
        }
    }
    prospect_uninit(&p);
    return 0;
}

/* 'policy' may be another than the one in force, so nothing that is known of
 * the sets helps. */
int
firewall_dry_run(struct firewall *fw, const struct sg_policy *policy,
                 struct fw_plan **planp)
{
    struct prospect p;
    char *text = NULL;
    int error = look_ahead(fw, policy, FW_SCOPE_ALL, true, &p, &text);

    free(text);
    if (!error) {
        fw->backend->class->end(fw->backend);
        *planp = p.plan;
        p.plan = NULL;
        prospect_uninit(&p);
    }
    return error;
}

void
firewall_get_stats(const struct firewall *fw, struct fw_stats *stats)
{
    const struct installed_set *set;

    *stats = fw->stats;
    stats->member_batches = fw->writer.n_batches;
    stats->members_added = fw->writer.n_added;
    stats->members_removed = fw->writer.n_removed;
    stats->sets_created += fw->writer.n_created;
    stats->sets_destroyed += fw->writer.n_destroyed;
    stats->n_sets = hmap_count(&fw->sets.sets);
    stats->n_refused = fw->n_refused;
    SET_TABLE_FOR_EACH (set, &fw->sets) {
        stats->n_held += set->held;
        stats->n_waiting += sg_members_count(&set->waiting);
    }
}

/* ------------------------------------------------------------------------ */

/* Problems stay until an apply has looked for them again. */
static void
begin_result(struct fw_result *result, uint64_t generation)
{
    struct fw_problems problems = result->problems;

    free(result->error_text);
    memset(result, 0, sizeof *result);
    result->generation = generation;
    result->problems = problems;
}

static void
clear_result(struct fw_result *result)
{
    free(result->error_text);
    fw_problems_clear(&result->problems);
    memset(result, 0, sizeof *result);
}
