/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* A model of the kernel's packet filter behind struct fw_backend.
 *
 * Its sets are in backend_memory_sets.c.  It has the kernel's manners, as far
 * as the layers above depend on them:
 *
 * - A commit replaces the whole table with what was read plus the edits.  It
 *   is refused if that is not what is there by then.
 * - A rule holds its set; a set that is held or being listed is not
 *   destroyed, one that is being listed is not swapped.  References belong to
 *   the name and stay with it through a swap.
 * - A rule with a set of the other family is refused, because the kernel,
 *   which would accept it, is never asked.
 * - Members are added one by one; a full set stops a batch half-way.
 * - A hash:ip set takes neither prefixes nor the unspecified address, a
 *   hash:net set no prefix of length 0. */

#include <config.h>
#include "firewall/backend_memory-private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "firewall/table_diff.h"
#include "util.h"

static const struct fw_backend_class memory_class;

static int apply_edit(const struct backend_memory *, enum sg_family,
                      struct fw_table *, const struct fw_edit *);
static void count_foreign_jumps(struct fw_table *);
static bool is_target(const struct fw_table *, const struct fw_chain *);
static bool sets_exist(const struct backend_memory *,
                       const struct fw_table *);
static void count_references(struct backend_memory *,
                             const struct fw_table *, int sign);
static void close_table(struct open_table *);

struct backend_memory *
memory_cast(const struct fw_backend *up)
{
    /* The class's functions may get a const pointer to what is not const. */
    BUILD_ASSERT_DECL(offsetof(struct backend_memory, up) == 0);
    ovs_assert(up->class == &memory_class);
    return (struct backend_memory *) (uintptr_t) up;
}

struct fw_backend *
fw_backend_memory_create(void)
{
    static const char *const builtin[FW_N_TABLES][3] = {
        [FW_RAW] = { "PREROUTING", "OUTPUT", NULL },
        [FW_SECURITY] = { "INPUT", "FORWARD", "OUTPUT" },
        [FW_FILTER] = { "INPUT", "FORWARD", "OUTPUT" },
    };
    struct backend_memory *b = xzalloc(sizeof *b);

    b->up.class = &memory_class;
    b->n_owners = 1;
    b->state = fw_ruleset_create();
    memory_sets_init(b);
    for (size_t f = 0; f < SG_N_FAMILIES; f++) {
        for (size_t t = 0; t < FW_N_TABLES; t++) {
            for (size_t i = 0; i < 3 && builtin[t][i]; i++) {
                fw_table_chain(&b->state->tables[f][t], builtin[t][i]);
            }
        }
    }
    return &b->up;
}

struct fw_backend *
fw_backend_memory_ref(struct fw_backend *up)
{
    memory_cast(up)->n_owners++;
    return up;
}

void
fw_backend_memory_fail(struct fw_backend *up, enum fw_fault_op op, int nth,
                       int error, bool persistent)
{
    memory_cast(up)->faults[op] = (struct fault) { nth, error, persistent };
}

uint64_t
fw_backend_memory_writes(const struct fw_backend *up)
{
    return memory_cast(up)->writes;
}

struct fw_ruleset *
fw_backend_memory_state(struct fw_backend *up)
{
    return memory_cast(up)->state;
}

void
fw_backend_memory_observe(struct fw_backend *up, fw_backend_memory_cb *cb,
                          void *aux)
{
    struct backend_memory *b = memory_cast(up);

    b->observer = cb;
    b->aux = aux;
}

void
memory_changed(const struct backend_memory *b)
{
    if (b->observer) {
        b->observer(b->aux);
    }
}

int
memory_failed(struct backend_memory *b, int error, const char *what,
              const char *name)
{
    free(b->error);
    b->error = xasprintf("%s %s: %s", what, name, ovs_strerror(error));
    return error;
}

int
memory_fault(struct backend_memory *b, enum fw_fault_op op, const char *name)
{
    struct fault *f = &b->faults[op];

    if (!f->nth || --f->nth) {
        return 0;
    }
    if (f->persistent) {
        f->nth = 1;
    }
    return memory_failed(b, f->error, "injected fault", name);
}

int
memory_write_fault(struct backend_memory *b, enum fw_fault_op op,
                   const char *name)
{
    b->writes++;
    return memory_fault(b, op, name);
}

static void
memory_end(struct fw_backend *up)
{
    struct backend_memory *b = memory_cast(up);

    for (size_t f = 0; f < SG_N_FAMILIES; f++) {
        for (size_t t = 0; t < FW_N_TABLES; t++) {
            close_table(&b->opened[f][t]);
        }
    }
    b->locked = false;
}

static void
memory_destroy(struct fw_backend *up)
{
    struct backend_memory *b = memory_cast(up);

    memory_end(up);
    if (--b->n_owners) {
        return;
    }
    memory_sets_uninit(b);
    fw_ruleset_destroy(b->state);
    free(b->error);
    free(b);
}

static const char *
memory_error(const struct fw_backend *up)
{
    const struct backend_memory *b = memory_cast(up);

    return b->error ? b->error : "no error";
}

/* ------------------------------------------------------------------------ */
/* Tables. */

static int
memory_begin(struct fw_backend *up)
{
    struct backend_memory *b = memory_cast(up);
    int error = memory_fault(b, FW_FAULT_BEGIN, "lock");

    ovs_assert(!b->locked);
    b->locked = !error;
    return error;
}

/* As coarse as the kernel's: the number of entries. */
static uint64_t
make_mark(const struct fw_table *table)
{
    const struct fw_chain *chain;
    uint64_t n = 1;

    HMAP_FOR_EACH (chain, node, &table->chains) {
        n += chain->n_rules + (chain->builtin ? 1 : 2);
    }
    return n;
}

static int
memory_read(struct fw_backend *up, enum sg_family family,
            enum fw_table_id id, struct fw_table *table)
{
    struct backend_memory *b = memory_cast(up);
    struct open_table *open = &b->opened[family][id];
    const struct fw_table *live = &b->state->tables[family][id];
    int error = memory_fault(b, FW_FAULT_READ, fw_table_name(id));

    ovs_assert(b->locked);
    close_table(open);
    if (error) {
        return error;
    }
    open->open = true;
    fw_table_clone(&open->table, live);
    fw_table_uninit(table);
    fw_table_clone(table, live);
    table->mark = make_mark(live);
    b->n_reads++;
    count_foreign_jumps(table);
    return 0;
}

static uint64_t
memory_mark(struct fw_backend *up, enum sg_family family,
            enum fw_table_id id)
{
    struct backend_memory *b = memory_cast(up);

    ovs_assert(b->locked);
    return make_mark(&b->state->tables[family][id]);
}

uint64_t
fw_backend_memory_reads(const struct fw_backend *up)
{
    return memory_cast(up)->n_reads;
}

static void
report_zone(const struct fw_chain *chain, const struct fw_rule *r,
            enum sg_family family, fw_zone_cb *cb, void *aux)
{
    enum fw_name_kind kind = fw_chain_kind(chain->name);
    uint32_t conditions = r->match & ~(uint32_t) FW_M_COMMENT;
    const char *device = (conditions == FW_M_IN ? r->in
                          : conditions == FW_M_PHYSDEV_IN ? r->physdev_in
                          : "");
    struct fw_zone_rule found = {
        .family = family,
        .ours = kind != FW_NAME_FOREIGN && kind != FW_NAME_UNKNOWN,
        .zone = r->zone,
    };

    if ((r->verdict == FW_ZONE && r->zone)
        || (r->verdict == FW_NOTRACK && found.ours)) {
        if (!strchr(device, '+')) {
            ovs_strlcpy(found.device, device, sizeof found.device);
        }
        cb(&found, aux);
    }
}

static int
memory_zone_rules(struct fw_backend *up, enum sg_family family,
                  fw_zone_cb *cb, void *aux)
{
    struct backend_memory *b = memory_cast(up);
    int error = memory_fault(b, FW_FAULT_READ, fw_table_name(FW_RAW));
    const struct fw_chain *chain;

    ovs_assert(b->locked);
    if (error) {
        return error;
    }
    HMAP_FOR_EACH (chain, node, &b->state->tables[family][FW_RAW].chains) {
        for (size_t i = 0; i < chain->n_rules; i++) {
            report_zone(chain, &chain->rules[i], family, cb, aux);
        }
    }
    return 0;
}

/* Jumps from rules in built-in chains that are not our hooks. */
static void
count_foreign_jumps(struct fw_table *table)
{
    const struct fw_chain *chain;

    HMAP_FOR_EACH (chain, node, &table->chains) {
        for (size_t i = 0; chain->builtin && i < chain->n_rules; i++) {
            const struct fw_rule *r = &chain->rules[i];
            struct fw_chain *target
                = ((r->verdict == FW_JUMP || r->verdict == FW_GOTO)
                   && !fw_rule_is_hook(r)
                   ? fw_table_find(table, r->target) : NULL);

            if (target) {
                target->references++;
            }
        }
    }
}

static int
memory_commit(struct fw_backend *up, enum sg_family family,
              enum fw_table_id id, const struct fw_edit *edits, size_t n)
{
    struct backend_memory *b = memory_cast(up);
    struct open_table *open = &b->opened[family][id];
    struct fw_table *live = &b->state->tables[family][id];
    int error = memory_write_fault(b, FW_FAULT_COMMIT, fw_table_name(id));

    ovs_assert(open->open);
    if (!error && !fw_table_matches(live, &open->table)) {
        error = EAGAIN;
    }
    for (size_t i = 0; !error && i < n; i++) {
        error = apply_edit(b, family, &open->table, &edits[i]);
    }
    if (!error && fw_table_find_loop(&open->table)) {
        error = EINVAL;
    }
    if (!error && !sets_exist(b, &open->table)) {
        error = ENOENT;
    }
    if (error) {
        close_table(open);
        return memory_failed(b, error, "commit", fw_table_name(id));
    }

    count_references(b, live, -1);
    hmap_swap(&live->chains, &open->table.chains);
    count_references(b, live, 1);
    close_table(open);
    memory_changed(b);
    return memory_fault(b, FW_FAULT_COMMITTED, fw_table_name(id));
}

/* Would the rule be written?  (See iptables/ipt_rule.c for all reasons.) */
static int
check_rule(const struct backend_memory *b, enum sg_family family,
           const struct fw_rule *r)
{
    if (r->match & FW_M_FOREIGN || r->verdict == FW_NONE) {
        return EINVAL;
    }
    if (r->match & (FW_M_SET_SRC | FW_M_SET_DST)) {
        const struct fw_set *set = fw_ruleset_find_set(b->state, r->set);

        return !set ? ENOENT : set->family != family ? EINVAL : 0;
    }
    return 0;
}

static int
apply_edit(const struct backend_memory *b, enum sg_family family,
           struct fw_table *table, const struct fw_edit *e)
{
    bool jumps = e->rule.verdict == FW_JUMP || e->rule.verdict == FW_GOTO;

    if (e->kind == FW_EDIT_INSERT || e->kind == FW_EDIT_REPLACE) {
        int error = check_rule(b, family, &e->rule);
        if (error) {
            return error;
        }
    }

    if (!terminated(e->chain, sizeof e->chain)
        || (jumps && !terminated(e->rule.target, sizeof e->rule.target))) {
        return EINVAL;
    }

    const struct fw_chain *chain = fw_table_find(table, e->chain);
    if (e->kind == FW_EDIT_CHAIN_DELETE && chain
        && (chain->references || is_target(table, chain))) {
        return EBUSY;
    }
    return fw_edit_apply(table, e);
}

static bool
is_target(const struct fw_table *table, const struct fw_chain *target)
{
    const struct fw_chain *chain;

    HMAP_FOR_EACH (chain, node, &table->chains) {
        for (size_t i = 0; i < chain->n_rules; i++) {
            const struct fw_rule *r = &chain->rules[i];
            if ((r->verdict == FW_JUMP || r->verdict == FW_GOTO)
                && !strcmp(r->target, target->name)) {
                return true;
            }
        }
    }
    return false;
}

static bool
sets_exist(const struct backend_memory *b, const struct fw_table *table)
{
    const struct fw_chain *chain;

    HMAP_FOR_EACH (chain, node, &table->chains) {
        for (size_t i = 0; i < chain->n_rules; i++) {
            const struct fw_rule *r = &chain->rules[i];
            if (r->match & (FW_M_SET_SRC | FW_M_SET_DST)
                && !fw_ruleset_find_set(b->state, r->set)) {
                return false;
            }
        }
    }
    return true;
}

static void
count_references(struct backend_memory *b, const struct fw_table *table,
                 int sign)
{
    const struct fw_chain *chain;

    HMAP_FOR_EACH (chain, node, &table->chains) {
        for (size_t i = 0; i < chain->n_rules; i++) {
            const struct fw_rule *r = &chain->rules[i];
            struct fw_set *set = (r->match & (FW_M_SET_SRC | FW_M_SET_DST)
                                  ? fw_ruleset_find_set(b->state, r->set)
                                  : NULL);
            if (set) {
                set->references += sign;
            }
        }
    }
}

static void
close_table(struct open_table *open)
{
    if (open->open) {
        fw_table_uninit(&open->table);
        open->open = false;
    }
}

static const struct fw_backend_class memory_class = {
    .name = "memory",
    .destroy = memory_destroy,
    .error = memory_error,
    .begin = memory_begin,
    .read = memory_read,
    .mark = memory_mark,
    .commit = memory_commit,
    .zone_rules = memory_zone_rules,
    .end = memory_end,
    .list_sets = memory_list_sets,
    .set_members = memory_set_members,
    .set_test = memory_set_test,
    .set_create = memory_set_create,
    .set_add = memory_set_add,
    .set_del = memory_set_del,
    .set_swap = memory_set_swap,
    .set_destroy = memory_set_destroy,
};
