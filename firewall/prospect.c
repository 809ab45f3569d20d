/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "firewall/prospect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "firewall/table_diff.h"
#include "sset.h"
#include "util.h"

/* Sets and chains of others that begin like ours and are named as
 * problems. */
#define MAX_STRANGERS 16

struct context {
    const struct prospect_args *args;
    struct prospect *p;
    char **text;
};

static void pin_sets(const struct context *);
static bool choose_slots(const struct context *);
static bool drop_sets(const struct context *);
static int find_work(const struct context *);
static int find_set_work(const struct context *, const struct fw_set *);
static bool flip_slots(const struct context *);
static void render(const struct context *);
static int list_sets(struct fw_backend *, struct fw_ruleset *, char **text);
static int read_table(struct fw_backend *, enum sg_family, enum fw_table_id,
                      struct fw_ruleset *, char **text);
static int read_tables(const struct context *);
static void give_back(struct prospect *, enum sg_family, enum fw_table_id);
static void note_strangers(const struct context *);
static int make_plan(const struct context *);

int
prospect_init(struct prospect *p, const struct prospect_args *args,
              char **text)
{
    memset(p, 0, sizeof *p);

    const struct context ctx = { args, p, text };
    int error;

    hmap_init(&p->work);
    p->slots = fw_slots_clone(args->slots);
    p->known = args->known;
    p->actual = fw_ruleset_create();
    error = list_sets(args->backend, p->actual, text);
    if (error) {
        return error;
    }
    prospect_keep_sets(p->actual, p->slots);
    pin_sets(&ctx);

    render(&ctx);
    if (args->scope == FW_SCOPE_ZONES) {
        /* Sets and rules are another apply's. */
        error = read_tables(&ctx);
        if (error) {
            return error;
        }
        note_strangers(&ctx);
        return make_plan(&ctx);
    }
    if (choose_slots(&ctx)) {
        render(&ctx);
    }
    error = read_tables(&ctx);
    if (!error && drop_sets(&ctx)) {
        render(&ctx);
        error = read_tables(&ctx);
    }

    error = error ? error : find_work(&ctx);
    if (!error && flip_slots(&ctx)) {
        render(&ctx);
        error = find_work(&ctx);
        error = error ? error : read_tables(&ctx);
    }
    if (error) {
        return error;
    }
    note_strangers(&ctx);
    return make_plan(&ctx);
}

void
prospect_uninit(struct prospect *p)
{
    for (size_t f = 0; p->actual && f < SG_N_FAMILIES; f++) {
        for (size_t t = 0; t < FW_N_TABLES; t++) {
            give_back(p, f, t);
        }
    }
    fw_ruleset_destroy(p->actual);
    fw_ruleset_destroy(p->desired);
    fw_slots_destroy(p->slots);
    fw_problems_clear(&p->problems);
    fw_set_work_destroy(&p->work);
    fw_plan_destroy(p->plan);
}

/* Reads these families, and the headers of all sets. */
static int
read_families(struct fw_backend *backend, unsigned int families,
              struct fw_ruleset **rsp, char **text)
{
    struct fw_ruleset *rs = fw_ruleset_create();
    int error = list_sets(backend, rs, text);

    for (size_t f = 0; f < SG_N_FAMILIES; f++) {
        for (size_t t = 0; !error && families & 1u << f && t < FW_N_TABLES;
             t++) {
            error = read_table(backend, f, t, rs, text);
        }
    }
    if (error) {
        fw_ruleset_destroy(rs);
        return error;
    }
    *rsp = rs;
    return 0;
}

int
fw_read_all(struct fw_backend *backend, struct fw_ruleset **rsp, char **text)
{
    return read_families(backend, (1u << SG_N_FAMILIES) - 1, rsp, text);
}

int
fw_read_family(struct fw_backend *backend, enum sg_family family,
               struct fw_ruleset **rsp, char **text)
{
    return read_families(backend, 1u << family, rsp, text);
}

static int
read_result(struct fw_backend *backend, const char *what, int error,
            char **text)
{
    if (error) {
        *text = xasprintf("read, %s: %s", what,
                          backend->class->error(backend));
    }
    return error;
}

static int
list_sets(struct fw_backend *backend, struct fw_ruleset *rs, char **text)
{
    return read_result(backend, "sets",
                       backend->class->list_sets(backend, rs), text);
}

static int
read_table(struct fw_backend *backend, enum sg_family family,
           enum fw_table_id id, struct fw_ruleset *rs, char **text)
{
    return read_result(backend, fw_table_name(id),
                       backend->class->read(backend, family, id,
                                            &rs->tables[family][id]), text);
}

static bool
is_as_desired(const struct prospect *p, const struct fw_table *table,
              enum sg_family family, enum fw_table_id id)
{
    struct fw_edits edits = FW_EDITS_INITIALIZER;
    bool same;

    fw_table_diff(table, &p->desired->tables[family][id], true, &edits);
    same = !edits.n;
    fw_edits_uninit(&edits);
    return same;
}

/* Takes the table from what is known if that will do. */
static bool
take_known(const struct context *ctx, enum sg_family family,
           enum fw_table_id id)
{
    struct fw_backend *backend = ctx->args->backend;
    struct prospect *p = ctx->p;
    struct fw_table *known = p->known ? &p->known->tables[family][id] : NULL;

    if (!known || !known->mark || !is_as_desired(p, known, family, id)
        || backend->class->mark(backend, family, id) != known->mark) {
        return false;
    }
    fw_table_swap(known, &p->actual->tables[family][id]);
    p->tables[family][id] = TABLE_KNOWN;
    return true;
}

static void
give_back(struct prospect *p, enum sg_family family, enum fw_table_id id)
{
    if (p->tables[family][id] == TABLE_KNOWN) {
        fw_table_swap(&p->known->tables[family][id],
                      &p->actual->tables[family][id]);
        p->tables[family][id] = TABLE_MISSING;
    }
}

/* Every table that is not there yet, or was known and is to be changed
 * now. */
static int
read_tables(const struct context *ctx)
{
    struct prospect *p = ctx->p;
    int error = 0;

    for (size_t f = 0; f < SG_N_FAMILIES; f++) {
        for (size_t t = 0; !error && t < FW_N_TABLES; t++) {
            if (p->tables[f][t] == TABLE_KNOWN
                && !is_as_desired(p, &p->actual->tables[f][t], f, t)) {
                give_back(p, f, t);
            }
            if (p->tables[f][t] == TABLE_MISSING && !take_known(ctx, f, t)) {
                error = read_table(ctx->args->backend, f, t, p->actual,
                                   ctx->text);
                p->tables[f][t] = error ? TABLE_MISSING : TABLE_READ;
            }
        }
    }
    return error;
}

static void
render(const struct context *ctx)
{
    struct prospect *p = ctx->p;

    fw_ruleset_destroy(p->desired);
    fw_problems_clear(&p->problems);
    p->desired = fw_render(ctx->args->policy, ctx->args->layout, p->slots,
                           &p->problems);
}

static void
flip(struct prospect *p, const struct fw_set *set)
{
    fw_slots_set(p->slots, set,
                 set->slot == FW_SLOT_A ? FW_SLOT_B : FW_SLOT_A);
}

/* A set that was refused in one slot may be in use in the other: then it stays
 * there. */
static void
pin_sets(const struct context *ctx)
{
    const struct fw_set *set;

    HMAP_FOR_EACH (set, node, &ctx->p->actual->sets) {
        if (set->references && fw_set_is_ours(set)
            && fw_slots_refusal(ctx->p->slots, set->name)) {
            fw_slots_pin(ctx->p->slots, set->name);
        }
    }
}

/* A name of ours may be taken by a set of another type, made by somebody
 * else; and after a restart the set in use may be the one in slot b.  Returns
 * true if something is to be rendered anew. */
static bool
choose_slots(const struct context *ctx)
{
    const struct fw_ruleset *actual = ctx->p->actual;
    const struct fw_set *set;
    bool changed = false;

    HMAP_FOR_EACH (set, node, &ctx->p->desired->sets) {
        const struct fw_set *here = fw_ruleset_find_set(actual, set->name);
        const struct fw_set *there;
        char other[FW_SET_LEN];

        fw_name_other_slot(other, set->name);
        there = fw_ruleset_find_set(actual, other);
        if (here && here->foreign_type) {
            if (there && there->foreign_type) {
                fw_slots_refuse(ctx->p->slots, set->name,
                                "both names of its set are taken by sets of "
                                "another type");
                changed = true;
                continue;
            }
        } else if ((here && here->references)
                   || !there || !there->references || there->foreign_type) {
            continue;
        }
        flip(ctx->p, set);
        changed = true;
    }
    return changed;
}

void
prospect_keep_sets(const struct fw_ruleset *actual, struct fw_slots *slots)
{
    const struct fw_set *set;

    HMAP_FOR_EACH (set, node, &actual->sets) {
        struct fw_set_form form;

        if (set->references && !set->foreign_type
            && fw_set_kind(set->name, &form) == FW_NAME_SET
            && form.content == FW_NETS) {
            fw_slots_keep(slots, set->name);
        }
    }
}

/* Adds to 'stay' those of 'idle' that 'chain' names. */
static void
note_named(const struct fw_chain *chain, const struct sset *idle,
           struct sset *stay)
{
    for (size_t i = 0; i < chain->n_rules; i++) {
        const struct fw_rule *rule = &chain->rules[i];

        if (rule->match & (FW_M_SET_SRC | FW_M_SET_DST)
            && sset_contains(idle, rule->set)) {
            sset_add(stay, rule->set);
        }
    }
}

/* Lets go of the sets without prefixes that are named only by chains which
 * are written anyway.  Returns true if there are such. */
static bool
drop_sets(const struct context *ctx)
{
    struct sset idle = SSET_INITIALIZER(&idle);
    struct sset stay = SSET_INITIALIZER(&stay);
    struct prospect *p = ctx->p;
    const struct fw_set *set;
    bool dropped;

    HMAP_FOR_EACH (set, node, &p->desired->sets) {
        if (set->content == FW_NETS && !fw_set_count(ctx->args->policy, set)) {
            sset_add(&idle, set->name);
        }
    }
    for (size_t f = 0; !sset_is_empty(&idle) && f < SG_N_FAMILIES; f++) {
        const struct fw_chain *chain;

        HMAP_FOR_EACH (chain, node,
                       &p->desired->tables[f][FW_SECURITY].chains) {
            const struct fw_chain *old
                = fw_table_find(&p->actual->tables[f][FW_SECURITY],
                                chain->name);
            if (old && !fw_chain_changes(old, chain)) {
                note_named(chain, &idle, &stay);
            }
        }
    }

    dropped = sset_count(&idle) > sset_count(&stay);
    HMAP_FOR_EACH (set, node, &p->desired->sets) {
        if (sset_contains(&idle, set->name)
            && !sset_contains(&stay, set->name)) {
            fw_slots_drop(p->slots, set->name);
        }
    }
    sset_destroy(&idle);
    sset_destroy(&stay);
    return dropped;
}

/* For each desired set that exists: what it lacks, what it has too much. */
static int
find_work(const struct context *ctx)
{
    struct prospect *p = ctx->p;
    const struct fw_set *set;

    HMAP_FOR_EACH (set, node, &p->desired->sets) {
        if (fw_ruleset_find_set(p->actual, set->name)
            && !fw_set_work_find(&p->work, set->name)) {
            int error = find_set_work(ctx, set);
            if (error) {
                return error;
            }
        }
    }
    return 0;
}

static void
wanted_members(const struct context *ctx, const struct fw_set *set,
               struct sg_members *members)
{
    struct sg_prefix_list list = SG_PREFIX_LIST_INITIALIZER;

    fw_set_wanted(ctx->args->policy, set, &list);
    for (size_t i = 0; i < list.n; i++) {
        sg_members_add(members, &list.p[i]);
    }
    sg_prefix_list_uninit(&list);
}

/* Is what we remember of this set still true, as far as its size tells? */
static bool
is_trusted(const struct context *ctx, const struct fw_set *set)
{
    struct installed_set *installed = set_table_find(ctx->args->sets, set);
    const struct fw_set *actual = fw_ruleset_find_set(ctx->p->actual,
                                                      set->name);

    if (ctx->args->trust_nothing || !installed || installed->doubtful
        || strcmp(installed->set.name, set->name)) {
        return false;
    }

    size_t n = fw_set_count(ctx->args->policy, set);
    if (actual->elements + sg_members_count(&installed->waiting)
        != n + sg_members_count(&installed->leaving)) {
        set_table_doubt(ctx->args->sets, installed, true);
        return false;
    }
    return true;
}

static int
find_set_work(const struct context *ctx, const struct fw_set *set)
{
    struct fw_backend *backend = ctx->args->backend;
    struct fw_set_work *work;

    if (is_trusted(ctx, set)) {
        const struct installed_set *installed
            = set_table_find(ctx->args->sets, set);
        const struct sg_member *m;

        work = fw_set_work_add(&ctx->p->work, set->name);
        SG_MEMBERS_FOR_EACH (m, &installed->waiting) {
            sg_prefix_list_add(&work->add, &m->prefix);
        }
        SG_MEMBERS_FOR_EACH (m, &installed->leaving) {
            sg_prefix_list_add(&work->del, &m->prefix);
        }
        return 0;
    }

    struct sg_prefix_list list = SG_PREFIX_LIST_INITIALIZER;
    int error = backend->class->set_members(backend, set, &list);
    if (error) {
        *ctx->text = xasprintf("read set, %s: %s", set->name,
                               backend->class->error(backend));
        return error;
    }

    struct sg_members have, want;
    sg_members_init(&have);
    sg_members_init(&want);
    for (size_t i = 0; i < list.n; i++) {
        sg_members_add(&have, &list.p[i]);
    }
    wanted_members(ctx, set, &want);
    work = fw_set_work_add(&ctx->p->work, set->name);
    sg_members_diff(&have, &want, &work->add, &work->del);
    sg_members_uninit(&have);
    sg_members_uninit(&want);
    sg_prefix_list_uninit(&list);
    return 0;
}

/* Gives those sets the other slot that cannot be edited without a gap: their
 * members would have to be added after, or deleted before the commit.  If the
 * other name is not free, or refused, they have the gap. */
static bool
flip_slots(const struct context *ctx)
{
    struct prospect *p = ctx->p;
    struct fw_set_users users;
    const struct fw_set *set;
    bool flipped = false;

    if (!fw_set_work_any(&p->work)) {
        return false;
    }
    fw_set_users_init(&users);
    fw_set_users_compare(&users, p->actual, p->desired);
    HMAP_FOR_EACH (set, node, &p->desired->sets) {
        const struct fw_set_work *work = fw_set_work_find(&p->work,
                                                          set->name);
        bool gap = work && ((work->add.n && fw_add_phase(&users, set->name)
                                            == FW_PHASE_WIDEN)
                            || (work->del.n && fw_del_phase(&users, set->name)
                                               == FW_PHASE_TIGHTEN));
        const struct fw_set *there;
        char other[FW_SET_LEN];

        fw_name_other_slot(other, set->name);
        there = fw_ruleset_find_set(p->actual, other);
        if (gap && !fw_slots_is_pinned(p->slots, set->name)
            && (!there || (!there->references && !there->foreign_type))) {
            flip(p, set);
            flipped = true;
        }
    }
    fw_set_users_uninit(&users);
    return flipped;
}

/* 'where' says which table, with a colon and a blank, or is "". */
static void
note_stranger(struct fw_problems *problems, size_t *n, const char *where,
              const char *what, const char *name)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    if (++*n <= MAX_STRANGERS) {
        ds_put_printable(&ds, name, strlen(name));
        fw_problems_add(problems, NULL, NULL, "%s%s \"%s\" begins like ours "
                        "and is not: left alone", where, what, ds_cstr(&ds));
        ds_destroy(&ds);
    }
}

/* Names what uses our prefix: it stays, and may be what is left of something
 * that somebody wants to clean up. */
static void
note_strangers(const struct context *ctx)
{
    const struct fw_ruleset *actual = ctx->p->actual;
    struct fw_problems *problems = &ctx->p->problems;
    const struct fw_set *set;
    size_t n = 0;

    HMAP_FOR_EACH (set, node, &actual->sets) {
        struct fw_set_form form;

        if (fw_set_kind(set->name, &form) != FW_NAME_FOREIGN
            && !fw_set_is_ours(set)) {
            note_stranger(problems, &n, "", "set", set->name);
        }
    }

    for (size_t i = 0; i < SG_N_FAMILIES * FW_N_TABLES; i++) {
        enum sg_family family = i / FW_N_TABLES;
        enum fw_table_id id = i % FW_N_TABLES;
        const struct fw_chain *chain;
        char *where = xasprintf("%s %s: ", sg_family_name(family),
                                fw_table_name(id));

        HMAP_FOR_EACH (chain, node, &actual->tables[family][id].chains) {
            if (fw_chain_kind(chain->name) == FW_NAME_UNKNOWN) {
                note_stranger(problems, &n, where, "chain", chain->name);
            }
        }
        free(where);
    }
    if (n > MAX_STRANGERS) {
        fw_problems_add(problems, NULL, NULL, "%"PRIuSIZE" more sets and "
                        "chains begin like ours and are not",
                        n - MAX_STRANGERS);
    }
}

/* Our own mistakes end here, not in the kernel. */
static int
make_plan(const struct context *ctx)
{
    struct prospect *p = ctx->p;
    const struct fw_plan_args args = {
        .scope = ctx->args->scope,
        .actual = p->actual,
        .desired = p->desired,
        .policy = ctx->args->policy,
        .work = &p->work,
        .sweep = true,
    };
    char *error = fw_ruleset_check(p->desired);

    if (error) {
        *ctx->text = xasprintf("render, ruleset: %s", error);
        free(error);
        return EINVAL;
    }
    p->plan = fw_plan_create(&args);
    error = fw_plan_check(p->plan, &args);
    if (error) {
        *ctx->text = xasprintf("plan, check: %s", error);
        free(error);
        return EINVAL;
    }
    for (size_t i = 0; i < p->plan->n_steps; i++) {
        const struct fw_step *step = &p->plan->steps[i];

        ovs_assert(step->kind != FW_STEP_TABLE_COMMIT
                   || p->tables[step->family][step->table] == TABLE_READ);
    }
    return 0;
}
