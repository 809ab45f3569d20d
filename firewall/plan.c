/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Order within a plan, and why no prefix of it is open.
 *
 * Members: a port whose rules stay may meet any mixture of old and new
 * content: each member is in its set by the old or the new policy, and the
 * rule is one of both.  So for its sets members are added first of all and
 * deleted last of all, and an address that moves from one remote group to
 * another is never in neither.
 *
 * A new member must not meet the old rules of a port that changes or goes:
 * additions to its sets come after the commits.  A former member must not
 * meet the new rules of a port that changed or came: deletions from its sets
 * come before the commits.  Either may leave a gap, which is why the caller
 * gives such a set the other slot if it can (see prospect.c).  A set that no
 * rule refers to is not part of any policy and gets its content beforehand.
 *
 * Tables, when something is added: raw before security, so that the first
 * packet a new port's rules let pass is already tracked in its zone; a flow
 * that began in another zone would break.  Security before filter: the
 * hand-over rule in filter accepts what security is to judge, so it must not
 * stand while security does not look.
 *
 * When something is taken away it is the other way round: while a port's
 * rules stand, its zone must, or its packets would be compared with the flows
 * of the zone that all unmanaged devices share.  If one raw table both gains
 * and loses zones it is committed twice: before security with the new zones
 * in front (the first CT target a packet meets decides), after it as desired.
 *
 * The zone of a bridge that stays does not change; if it did, its flows would
 * begin anew.  But its port may become stateless, or stateful again.  It is
 * tracked as long as its old or its new rules want that: while it is, the old
 * rules let pass what they did and answers besides, which the stateful policy
 * of the two allows; while it is not, answers that have to come in by a rule
 * would wait for the new ones.  So a bridge begins to be tracked before
 * security changes, and ceases to be after it.
 *
 * In scope ZONES a plan is its raw commits before security, of both families,
 * and nothing else: flows that run already get to be known in their zones.
 *
 * Families are independent: no packet belongs to both. */

#include <config.h>
#include "firewall/plan.h"

#include <stdlib.h>
#include <string.h>

#include "firewall/member_delta.h"
#include "firewall/table_diff.h"
#include "hash.h"
#include "openvswitch/shash.h"
#include "util.h"

/* Sorted pointers to the rules of a table that give frames their zone. */
struct zone_rules {
    const struct fw_rule **rules;
    size_t n;
};

static void plan_prepare(struct fw_plan *, const struct fw_plan_args *);
static void plan_additions(struct fw_plan *, const struct fw_plan_args *,
                           const struct fw_set_users *, enum fw_phase);
static void plan_deletions(struct fw_plan *, const struct fw_plan_args *,
                           const struct fw_set_users *, enum fw_phase);
static void plan_family(struct fw_plan *, const struct fw_plan_args *,
                        enum sg_family);
static void plan_raw_early(struct fw_plan *, const struct fw_plan_args *,
                           enum sg_family, struct fw_table *raw);
static void plan_table(struct fw_plan *, const struct fw_plan_args *,
                       enum sg_family, enum fw_table_id,
                       const struct fw_table *actual);
static void plan_retire(struct fw_plan *, const struct fw_plan_args *);

static struct fw_step *add_step(struct fw_plan *, enum fw_phase,
                                enum fw_step_kind, const struct fw_set *);
static bool adds_hook(const struct fw_table *actual,
                      const struct fw_table *desired);
static void zone_rules_init(struct zone_rules *, const struct fw_table *);
static bool zone_rules_contain(const struct zone_rules *,
                               const struct fw_rule *);
static bool zone_rules_track(const struct zone_rules *, const char *bridge);
static void count_references(const struct fw_ruleset *, struct shash *);

const char *
fw_phase_name(enum fw_phase phase)
{
    switch (phase) {
#define FW_PHASE(ENUM, NAME) case FW_PHASE_##ENUM: return NAME;
    FW_PHASES
#undef FW_PHASE
    }
    OVS_NOT_REACHED();
}

struct fw_plan *
fw_plan_create(const struct fw_plan_args *args)
{
    struct fw_plan *plan = xzalloc(sizeof *plan);
    struct fw_set_users users;

    if (args->scope == FW_SCOPE_ZONES) {
        for (size_t f = 0; f < SG_N_FAMILIES; f++) {
            struct fw_table raw;

            fw_table_clone(&raw, &args->actual->tables[f][FW_RAW]);
            plan_raw_early(plan, args, f, &raw);
            fw_table_uninit(&raw);
        }
        return plan;
    }

    fw_set_users_init(&users);
    if (args->work && fw_set_work_any(args->work)) {
        fw_set_users_compare(&users, args->actual, args->desired);
    }
    plan_prepare(plan, args);
    plan_additions(plan, args, &users, FW_PHASE_EXTEND);
    plan_deletions(plan, args, &users, FW_PHASE_TIGHTEN);
    for (size_t f = 0; f < SG_N_FAMILIES; f++) {
        plan_family(plan, args, f);
    }
    plan_additions(plan, args, &users, FW_PHASE_WIDEN);
    plan_deletions(plan, args, &users, FW_PHASE_TRIM);
    if (args->sweep) {
        plan_retire(plan, args);
    }
    fw_set_users_uninit(&users);
    return plan;
}

void
fw_plan_destroy(struct fw_plan *plan)
{
    if (plan) {
        for (size_t i = 0; i < plan->n_steps; i++) {
            sg_prefix_list_uninit(&plan->steps[i].members);
            free(plan->steps[i].edits);
        }
        free(plan->steps);
        free(plan);
    }
}

bool
fw_plan_is_empty(const struct fw_plan *plan)
{
    return !plan->n_steps;
}

enum fw_phase
fw_add_phase(const struct fw_set_users *users, const char *set)
{
    return (sset_contains(&users->old, set)
            ? FW_PHASE_WIDEN : FW_PHASE_EXTEND);
}

enum fw_phase
fw_del_phase(const struct fw_set_users *users, const char *set)
{
    return (sset_contains(&users->new, set)
            ? FW_PHASE_TIGHTEN : FW_PHASE_TRIM);
}

struct fw_set_work *
fw_set_work_find(const struct hmap *map, const char *name)
{
    struct fw_set_work *work;

    HMAP_FOR_EACH_WITH_HASH (work, node, hash_string(name, 0), map) {
        if (!strcmp(work->name, name)) {
            return work;
        }
    }
    return NULL;
}

struct fw_set_work *
fw_set_work_add(struct hmap *map, const char *name)
{
    struct fw_set_work *work = xzalloc(sizeof *work);

    ovs_strzcpy(work->name, name, sizeof work->name);
    hmap_insert(map, &work->node, hash_string(name, 0));
    return work;
}

bool
fw_set_work_any(const struct hmap *map)
{
    const struct fw_set_work *work;

    HMAP_FOR_EACH (work, node, map) {
        if (work->add.n || work->del.n) {
            return true;
        }
    }
    return false;
}

void
fw_set_work_destroy(struct hmap *map)
{
    struct fw_set_work *work;

    HMAP_FOR_EACH_POP (work, node, map) {
        sg_prefix_list_uninit(&work->add);
        sg_prefix_list_uninit(&work->del);
        free(work);
    }
    hmap_destroy(map);
}

/* NULL if there are none, or none are known. */
static const struct sg_members *
known_members(const struct sg_policy *policy, const struct uuid *id)
{
    const struct sg_group *group = sg_policy_group(policy, id);

    return (group && (group->members_state == SG_KNOWN
                      || group->members_state == SG_ORPHANED)
            ? &group->members : NULL);
}

void
fw_set_wanted(const struct sg_policy *policy, const struct fw_set *set,
              struct sg_prefix_list *list)
{
    const struct sg_members *members = known_members(policy, &set->group);

    if (members) {
        fw_set_elements(set, members, list);
    }
}

size_t
fw_set_count(const struct sg_policy *policy, const struct fw_set *set)
{
    const struct sg_members *members = known_members(policy, &set->group);

    return members ? fw_set_n_elements(set, members) : 0;
}

/* ------------------------------------------------------------------------ */
/* Sets. */

static void
add_members(struct fw_plan *plan, enum fw_phase phase,
            enum fw_step_kind kind, const struct fw_set *set,
            const struct sg_prefix_list *members)
{
    if (members->n) {
        struct fw_step *step = add_step(plan, phase, kind, set);
        for (size_t i = 0; i < members->n; i++) {
            sg_prefix_list_add(&step->members, &members->p[i]);
        }
        sg_prefix_list_sort(&step->members);
    }
}

/* Sets that do not exist yet, and those that no rule refers to. */
static void
plan_prepare(struct fw_plan *plan, const struct fw_plan_args *args)
{
    size_t n = hmap_count(&args->desired->sets);
    const struct fw_set **sets = fw_ruleset_sort_sets(args->desired);

    for (size_t i = 0; i < n; i++) {
        const struct fw_set *set = sets[i];
        const struct fw_set *actual = fw_ruleset_find_set(args->actual,
                                                          set->name);
        if (!actual) {
            struct sg_prefix_list wanted = SG_PREFIX_LIST_INITIALIZER;

            add_step(plan, FW_PHASE_PREPARE, FW_STEP_SET_CREATE, set);
            fw_set_wanted(args->policy, set, &wanted);
            add_members(plan, FW_PHASE_PREPARE, FW_STEP_SET_ADD, set,
                        &wanted);
            sg_prefix_list_uninit(&wanted);
        } else if (!actual->references && args->work) {
            /* Also without 'sweep': what it held is not in force. */
            const struct fw_set_work *work
                = fw_set_work_find(args->work, set->name);
            if (work) {
                add_members(plan, FW_PHASE_PREPARE, FW_STEP_SET_DEL, set,
                            &work->del);
                add_members(plan, FW_PHASE_PREPARE, FW_STEP_SET_ADD, set,
                            &work->add);
            }
        }
    }
    free(sets);
}

/* What is to be changed in 'set' if rules refer to it, else NULL. */
static const struct fw_set_work *
live_work(const struct fw_plan_args *args, const struct fw_set *set)
{
    const struct fw_set *actual = fw_ruleset_find_set(args->actual,
                                                      set->name);

    return (actual && actual->references && args->work
            ? fw_set_work_find(args->work, set->name) : NULL);
}

static void
plan_additions(struct fw_plan *plan, const struct fw_plan_args *args,
               const struct fw_set_users *users, enum fw_phase phase)
{
    size_t n = hmap_count(&args->desired->sets);
    const struct fw_set **sets = fw_ruleset_sort_sets(args->desired);

    for (size_t i = 0; i < n; i++) {
        const struct fw_set_work *work = live_work(args, sets[i]);
        if (work && phase == fw_add_phase(users, sets[i]->name)) {
            add_members(plan, phase, FW_STEP_SET_ADD, sets[i], &work->add);
        }
    }
    free(sets);
}

static void
plan_deletions(struct fw_plan *plan, const struct fw_plan_args *args,
               const struct fw_set_users *users, enum fw_phase phase)
{
    size_t n = hmap_count(&args->desired->sets);
    const struct fw_set **sets = fw_ruleset_sort_sets(args->desired);

    for (size_t i = 0; args->sweep && i < n; i++) {
        const struct fw_set_work *work = live_work(args, sets[i]);
        if (work && phase == fw_del_phase(users, sets[i]->name)) {
            add_members(plan, phase, FW_STEP_SET_DEL, sets[i], &work->del);
        }
    }
    free(sets);
}

/* Sets of ours that are not desired and that no foreign rule holds.  Our own
 * rules that name them are gone by now. */
static void
plan_retire(struct fw_plan *plan, const struct fw_plan_args *args)
{
    struct shash references = SHASH_INITIALIZER(&references);
    size_t n = hmap_count(&args->actual->sets);
    const struct fw_set **sets = fw_ruleset_sort_sets(args->actual);

    count_references(args->actual, &references);
    for (size_t i = 0; i < n; i++) {
        size_t ours = (uintptr_t) shash_find_data(&references,
                                                  sets[i]->name);

        if (fw_set_is_ours(sets[i])
            && !fw_ruleset_find_set(args->desired, sets[i]->name)
            && sets[i]->references <= ours) {
            add_step(plan, FW_PHASE_RETIRE, FW_STEP_SET_DESTROY, sets[i]);
        }
    }
    shash_destroy(&references);
    free(sets);
}

/* How many rules that a plan may remove name each set. */
static void
count_references(const struct fw_ruleset *rs, struct shash *references)
{
    for (size_t f = 0; f < SG_N_FAMILIES; f++) {
        const struct fw_chain *chain;

        HMAP_FOR_EACH (chain, node, &rs->tables[f][FW_SECURITY].chains) {
            bool ours = (!chain->builtin && fw_chain_kind(chain->name)
                                            != FW_NAME_UNKNOWN);

            for (size_t i = 0; ours && i < chain->n_rules; i++) {
                const struct fw_rule *rule = &chain->rules[i];
                if (rule->match & (FW_M_SET_SRC | FW_M_SET_DST)) {
                    struct shash_node *node = shash_find(references,
                                                         rule->set);
                    if (!node) {
                        node = shash_add(references, rule->set, NULL);
                    }
                    node->data = (void *) ((uintptr_t) node->data + 1);
                }
            }
        }
    }
}

/* ------------------------------------------------------------------------ */
/* Tables. */

static void
plan_family(struct fw_plan *plan, const struct fw_plan_args *args,
            enum sg_family family)
{
    const struct fw_table *actual = args->actual->tables[family];
    const struct fw_table *desired = args->desired->tables[family];
    struct fw_table raw;

    fw_table_clone(&raw, &actual[FW_RAW]);
    plan_raw_early(plan, args, family, &raw);

    bool filter_last = adds_hook(&actual[FW_FILTER], &desired[FW_FILTER]);
    if (!filter_last) {
        plan_table(plan, args, family, FW_FILTER, &actual[FW_FILTER]);
    }
    plan_table(plan, args, family, FW_SECURITY, &actual[FW_SECURITY]);
    if (filter_last) {
        plan_table(plan, args, family, FW_FILTER, &actual[FW_FILTER]);
    }
    plan_table(plan, args, family, FW_RAW, &raw);
    fw_table_uninit(&raw);
}

/* Commits what must be in raw before security changes, and does the same to
 * 'raw', a copy of the actual table. */
static void
plan_raw_early(struct fw_plan *plan, const struct fw_plan_args *args,
               enum sg_family family, struct fw_table *raw)
{
    const struct fw_table *desired = &args->desired->tables[family][FW_RAW];
    struct fw_edits edits = FW_EDITS_INITIALIZER;
    struct zone_rules old, new;
    bool loses = false;

    zone_rules_init(&old, &args->actual->tables[family][FW_RAW]);
    zone_rules_init(&new, desired);
    for (size_t i = 0; i < old.n; i++) {
        loses = loses || !zone_rules_contain(&new, old.rules[i]);
    }
    if (!loses) {
        fw_table_diff(raw, desired, args->sweep, &edits);
    } else if (fw_table_find(raw, FW_CHAIN_ZONES)) {
        for (size_t i = new.n; i-- > 0; ) {
            if (!zone_rules_contain(&old, new.rules[i])
                && !(new.rules[i]->verdict == FW_NOTRACK
                     && zone_rules_track(&old, new.rules[i]->in))) {
                fw_edits_add(&edits, FW_EDIT_INSERT, FW_CHAIN_ZONES, 0,
                             new.rules[i]);
            }
        }
    }
    free(old.rules);
    free(new.rules);

    for (size_t i = 0; i < edits.n; i++) {
        int error = fw_edit_apply(raw, &edits.edits[i]);
        ovs_assert(!error);
    }
    if (edits.n) {
        struct fw_step *step = add_step(plan, FW_PHASE_COMMIT,
                                        FW_STEP_TABLE_COMMIT, NULL);
        step->family = family;
        step->table = FW_RAW;
        step->edits = edits.edits;
        step->n_edits = edits.n;
    }
}

static void
plan_table(struct fw_plan *plan, const struct fw_plan_args *args,
           enum sg_family family, enum fw_table_id id,
           const struct fw_table *actual)
{
    struct fw_edits edits = FW_EDITS_INITIALIZER;

    fw_table_diff(actual, &args->desired->tables[family][id], args->sweep,
                  &edits);
    if (edits.n) {
        struct fw_step *step = add_step(plan, FW_PHASE_COMMIT,
                                        FW_STEP_TABLE_COMMIT, NULL);
        step->family = family;
        step->table = id;
        step->edits = edits.edits;
        step->n_edits = edits.n;
    }
}

static struct fw_step *
add_step(struct fw_plan *plan, enum fw_phase phase, enum fw_step_kind kind,
         const struct fw_set *set)
{
    struct fw_step *step;

    if (plan->n_steps >= plan->allocated) {
        plan->steps = x2nrealloc(plan->steps, &plan->allocated,
                                 sizeof *plan->steps);
    }
    step = &plan->steps[plan->n_steps++];
    memset(step, 0, sizeof *step);
    step->phase = phase;
    step->kind = kind;
    if (set) {
        step->set = *set;
        memset(&step->set.node, 0, sizeof step->set.node);
        step->family = set->family;
    }
    return step;
}

static bool
same_rules(const struct fw_chain *a, const struct fw_chain *b)
{
    if (a->n_rules != b->n_rules) {
        return false;
    }
    for (size_t i = 0; i < a->n_rules; i++) {
        if (!fw_rule_equals(&a->rules[i], &b->rules[i])) {
            return false;
        }
    }
    return true;
}

/* Is there a hook in 'desired' that 'actual' does not have anywhere, or a
 * chain behind one that is not the same? */
static bool
adds_hook(const struct fw_table *actual, const struct fw_table *desired)
{
    const struct fw_chain *chain;

    HMAP_FOR_EACH (chain, node, &desired->chains) {
        const struct fw_chain *old = fw_table_find(actual, chain->name);
        if (!chain->builtin && (!old || !same_rules(old, chain))) {
            return true;
        }
        for (size_t i = 0; chain->builtin && i < chain->n_rules; i++) {
            bool found = false;
            for (size_t j = 0; old && j < old->n_rules; j++) {
                found = found || fw_rule_equals(&chain->rules[i],
                                                &old->rules[j]);
            }
            if (!found) {
                return true;
            }
        }
    }
    return false;
}

/* By bridge, then by what it gets. */
static int
compare_zone_rules(const void *a_, const void *b_)
{
    const struct fw_rule *const *a = a_;
    const struct fw_rule *const *b = b_;
    int cmp = strncmp((*a)->in, (*b)->in, sizeof (*a)->in);

    return (cmp ? cmp
            : (*a)->verdict != (*b)->verdict ? (*a)->verdict - (*b)->verdict
            : (*a)->zone - (*b)->zone);
}

/* Collects the rules of our chains in 'table' that give a frame its zone,
 * sorted.  They point into the table. */
static void
zone_rules_init(struct zone_rules *zones, const struct fw_table *table)
{
    const struct fw_chain *chain;
    size_t allocated = 0;

    memset(zones, 0, sizeof *zones);
    HMAP_FOR_EACH (chain, node, &table->chains) {
        for (size_t i = 0; !chain->builtin && i < chain->n_rules; i++) {
            const struct fw_rule *rule = &chain->rules[i];
            if (rule->verdict != FW_ZONE && rule->verdict != FW_NOTRACK) {
                continue;
            }
            if (zones->n >= allocated) {
                zones->rules = x2nrealloc(zones->rules, &allocated,
                                          sizeof *zones->rules);
            }
            zones->rules[zones->n++] = rule;
        }
    }
    if (zones->n) {
        qsort(zones->rules, zones->n, sizeof *zones->rules,
              compare_zone_rules);
    }
}

static bool
zone_rules_contain(const struct zone_rules *zones, const struct fw_rule *rule)
{
    return zones->n && bsearch(&rule, zones->rules, zones->n,
                               sizeof *zones->rules, compare_zone_rules);
}

/* Do the frames of 'bridge' get a zone? */
static bool
zone_rules_track(const struct zone_rules *zones, const char *bridge)
{
    for (size_t i = 0; i < zones->n; i++) {
        if (zones->rules[i]->verdict == FW_ZONE
            && !strncmp(zones->rules[i]->in, bridge, SG_DEVICE_LEN)) {
            return true;
        }
    }
    return false;
}
