/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef FIREWALL_PLAN_H
#define FIREWALL_PLAN_H 1

/* The way from an actual ruleset to a desired one: ordered steps.  Pure.
 *
 * Phases, in this order; every prefix of a plan permits no more than the old
 * or the new policy does:
 *
 *   prepare   create and fill sets that no rule refers to
 *   extend    add members to sets that no port uses that changes or goes
 *   tighten   delete members of sets that a port uses that changes or comes
 *   commit    rules, one commit per family and table that differs; the raw
 *             table has two if zones come and go at once (see plan.c)
 *   widen     the other additions
 *   trim      the other deletions
 *   retire    destroy sets that nothing refers to any more
 *
 * A plan from a state to itself is empty.  Rules that stay are not touched,
 * so their counters survive. */

#include "firewall/set_users.h"
#include "sg/members.h"

#define FW_PHASES                               \
    FW_PHASE(PREPARE, "prepare")                \
    FW_PHASE(EXTEND, "extend")                  \
    FW_PHASE(TIGHTEN, "tighten")                \
    FW_PHASE(COMMIT, "commit")                  \
    FW_PHASE(WIDEN, "widen")                    \
    FW_PHASE(TRIM, "trim")                      \
    FW_PHASE(RETIRE, "retire")
enum fw_phase {
#define FW_PHASE(ENUM, NAME) FW_PHASE_##ENUM,
    FW_PHASES
#undef FW_PHASE
};
const char *fw_phase_name(enum fw_phase);

/* One edit of a table, executed in order within one commit. */
enum fw_edit_kind {
    FW_EDIT_CHAIN_CREATE,       /* chain */
    FW_EDIT_INSERT,             /* chain, index, rule (index == n: append) */
    FW_EDIT_REPLACE,            /* chain, index, rule */
    FW_EDIT_DELETE,             /* chain, index */
    FW_EDIT_CHAIN_FLUSH,        /* chain */
    FW_EDIT_CHAIN_DELETE,       /* chain (empty, unreferenced by then) */
};
struct fw_edit {
    enum fw_edit_kind kind;
    char chain[FW_CHAIN_LEN];
    size_t index;               /* At the time of this edit. */
    struct fw_rule rule;        /* DELETE: what goes, for people. */
};

#define FW_STEPS                                                        \
    FW_STEP(SET_CREATE, "create set")                                   \
    FW_STEP(SET_ADD, "add members")                                     \
    FW_STEP(SET_DEL, "delete members")                                  \
    FW_STEP(TABLE_COMMIT, "commit table")                               \
    FW_STEP(SET_DESTROY, "destroy set")
enum fw_step_kind {
#define FW_STEP(ENUM, NAME) FW_STEP_##ENUM,
    FW_STEPS
#undef FW_STEP
};

struct fw_step {
    enum fw_phase phase;
    enum fw_step_kind kind;
    struct fw_set set;                  /* SET_*. */
    struct sg_prefix_list members;      /* SET_ADD, SET_DEL. */
    enum sg_family family;              /* TABLE_COMMIT. */
    enum fw_table_id table;
    struct fw_edit *edits;
    size_t n_edits;
};

struct fw_plan {
    struct fw_step *steps;
    size_t n_steps, allocated;
};

/* What is known about the content of one set, keyed by set name: what must be
 * added to and removed from what the kernel holds to be as desired.  A set
 * with no entry has the right content already (or, if it does not exist in
 * 'actual', is created and filled from 'policy'). */
struct fw_set_work {
    struct hmap_node node;              /* In fw_plan_args 'work'. */
    char name[FW_SET_LEN];
    struct sg_prefix_list add, del;
};
struct fw_set_work *fw_set_work_find(const struct hmap *, const char *name);
struct fw_set_work *fw_set_work_add(struct hmap *, const char *name);
/* Is there anything to add or delete? */
bool fw_set_work_any(const struct hmap *);
/* Frees the entries and destroys the map. */
void fw_set_work_destroy(struct hmap *);

/* When members are added to, or deleted from, a set that rules refer to. */
enum fw_phase fw_add_phase(const struct fw_set_users *, const char *set);
enum fw_phase fw_del_phase(const struct fw_set_users *, const char *set);

/* What the set is to hold, of which group, family and content count: nothing
 * while the group is not known.  Appends to the list. */
void fw_set_wanted(const struct sg_policy *, const struct fw_set *,
                   struct sg_prefix_list *);
/* How many these are. */
size_t fw_set_count(const struct sg_policy *, const struct fw_set *);

/* How far a plan goes. */
enum fw_scope {
    FW_SCOPE_ALL,
    /* Only what the raw tables lack, so that frames get their zone before
     * anything is filtered.  Nothing is taken away, no set is touched. */
    FW_SCOPE_ZONES,
};

struct fw_plan_args {
    enum fw_scope scope;
    const struct fw_ruleset *actual, *desired;
    const struct sg_policy *policy;     /* Members of sets to be created. */
    const struct hmap *work;            /* "struct fw_set_work", or NULL. */
    /* False before the first complete answer of a controller: then nothing
     * is swept (no chain, set or member is removed). */
    bool sweep;
};

struct fw_plan *fw_plan_create(const struct fw_plan_args *);
void fw_plan_destroy(struct fw_plan *);
/* Invariants: phases ascend, sets are created before a commit names them and
 * destroyed after, no member is added before a rule goes that it must not meet
 * or deleted after one came, no edit touches a foreign rule or chain, every
 * edit's chain exists by then, and the tables end up as desired (in scope
 * ZONES: only raw tables change).
 * NULL or a malloc'd sentence. */
char *fw_plan_check(const struct fw_plan *, const struct fw_plan_args *)
    SG_MUST_USE;
bool fw_plan_is_empty(const struct fw_plan *);
void fw_plan_format(const struct fw_plan *, struct ds *);

#endif /* firewall/plan.h */
