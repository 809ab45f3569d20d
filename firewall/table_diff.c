/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "firewall/table_diff.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sset.h"
#include "util.h"

/* Longest differing part of a chain, on either side, for which the longest
 * common subsequence is sought; a longer one is replaced as a whole.  The
 * search takes time and memory with the product: 130 kB at the limit. */
#define MAX_LCS 256

static void diff_chain(const struct fw_chain *actual,
                       const struct fw_chain *desired, struct fw_edits *);
static void diff_middle(const char *chain, size_t index,
                        const struct fw_rule *a, size_t n_a,
                        const struct fw_rule *b, size_t n_b,
                        struct fw_edits *);
static void diff_builtin(const struct fw_chain *actual,
                         const struct fw_chain *desired, bool sweep,
                         struct fw_edits *);

struct chain_list {
    const struct fw_chain **chains;
    size_t n, allocated;
};
static void sweep_chains(const struct chain_list *, struct fw_edits *);

void
fw_edits_uninit(struct fw_edits *edits)
{
    free(edits->edits);
    memset(edits, 0, sizeof *edits);
}

/* 'rule' may be NULL. */
void
fw_edits_add(struct fw_edits *edits, enum fw_edit_kind kind,
             const char *chain, size_t index, const struct fw_rule *rule)
{
    struct fw_edit *edit;

    if (edits->n >= edits->allocated) {
        edits->edits = x2nrealloc(edits->edits, &edits->allocated,
                                  sizeof *edits->edits);
    }
    edit = &edits->edits[edits->n++];
    memset(edit, 0, sizeof *edit);
    edit->kind = kind;
    ovs_strzcpy(edit->chain, chain, sizeof edit->chain);
    edit->index = index;
    if (rule) {
        edit->rule = *rule;
        edit->rule.packets = edit->rule.bytes = 0;
    }
}

static void
list_add(struct chain_list *list, const struct fw_chain *chain)
{
    if (list->n >= list->allocated) {
        list->chains = x2nrealloc(list->chains, &list->allocated,
                                  sizeof *list->chains);
    }
    list->chains[list->n++] = chain;
}

static int
compare_names(const void *a_, const void *b_)
{
    const struct fw_chain *const *a = a_;
    const struct fw_chain *const *b = b_;

    return strcmp((*a)->name, (*b)->name);
}

/* Edits come in the order of names, so that they do not change by chance. */
static void
list_sort(struct chain_list *list)
{
    if (list->n > 1) {
        qsort(list->chains, list->n, sizeof *list->chains, compare_names);
    }
}

static bool
chains_equal(const struct fw_chain *a, const struct fw_chain *b)
{
    bool same = a->n_rules == b->n_rules;

    for (size_t i = 0; same && i < a->n_rules; i++) {
        same = fw_rule_equals(&a->rules[i], &b->rules[i]);
    }
    return same;
}

/* Most chains of most tables are the same: nothing is done for these but to
 * compare them. */
void
fw_table_diff(const struct fw_table *actual, const struct fw_table *desired,
              bool sweep, struct fw_edits *edits)
{
    struct chain_list create = { .n = 0 }, change = { .n = 0 };
    struct chain_list builtin = { .n = 0 }, gone = { .n = 0 };
    const struct fw_chain *chain;

    HMAP_FOR_EACH (chain, node, &desired->chains) {
        const struct fw_chain *old = fw_table_find_like(actual, chain);

        if (!chain->builtin && !old) {
            list_add(&create, chain);
        }
        if (!chain->builtin && (old ? !chains_equal(old, chain)
                                : chain->n_rules > 0)) {
            list_add(&change, chain);
        }
    }
    HMAP_FOR_EACH (chain, node, &actual->chains) {
        if (chain->builtin) {
            list_add(&builtin, chain);
        } else if (sweep && !fw_table_find_like(desired, chain)) {
            list_add(&gone, chain);
        }
    }

    list_sort(&create);
    for (size_t i = 0; i < create.n; i++) {
        fw_edits_add(edits, FW_EDIT_CHAIN_CREATE, create.chains[i]->name, 0,
                     NULL);
    }
    list_sort(&change);
    for (size_t i = 0; i < change.n; i++) {
        diff_chain(fw_table_find_like(actual, change.chains[i]),
                   change.chains[i], edits);
    }
    list_sort(&builtin);
    for (size_t i = 0; i < builtin.n; i++) {
        diff_builtin(builtin.chains[i],
                     fw_table_find_like(desired, builtin.chains[i]), sweep,
                     edits);
    }
    list_sort(&gone);
    sweep_chains(&gone, edits);
    free(create.chains);
    free(change.chains);
    free(builtin.chains);
    free(gone.chains);
}

int
fw_edit_apply(struct fw_table *table, const struct fw_edit *e)
{
    struct fw_chain *chain = fw_table_find(table, e->chain);
    bool jumps = e->rule.verdict == FW_JUMP || e->rule.verdict == FW_GOTO;

    if (e->kind == FW_EDIT_CHAIN_CREATE) {
        if (chain) {
            return EEXIST;
        }
        fw_table_chain(table, e->chain);
        return 0;
    }
    if (!chain) {
        return ENOENT;
    }

    switch (e->kind) {
    case FW_EDIT_CHAIN_CREATE:
        OVS_NOT_REACHED();
    case FW_EDIT_INSERT:
        if (e->index > chain->n_rules) {
            return EINVAL;
        }
        if (jumps && !fw_table_find(table, e->rule.target)) {
            return ENOENT;
        }
        fw_chain_insert(chain, e->index, &e->rule);
        return 0;
    case FW_EDIT_REPLACE:
        if (e->index >= chain->n_rules) {
            return EINVAL;
        }
        if (jumps && !fw_table_find(table, e->rule.target)) {
            return ENOENT;
        }
        chain->rules[e->index] = e->rule;
        return 0;
    case FW_EDIT_DELETE:
        if (e->index >= chain->n_rules) {
            return EINVAL;
        }
        fw_chain_delete(chain, e->index);
        return 0;
    case FW_EDIT_CHAIN_FLUSH:
        fw_chain_clear(chain);
        return 0;
    case FW_EDIT_CHAIN_DELETE:
        if (chain->builtin) {
            return EINVAL;
        }
        if (chain->n_rules) {
            return EBUSY;
        }
        fw_table_remove(table, chain);
        return 0;
    }
    OVS_NOT_REACHED();
}

/* 'actual' is NULL for a chain that is only just created. */
static void
diff_chain(const struct fw_chain *actual, const struct fw_chain *desired,
           struct fw_edits *edits)
{
    const struct fw_rule *a = actual ? actual->rules : NULL;
    const struct fw_rule *b = desired->rules;
    size_t n_a = actual ? actual->n_rules : 0;
    size_t n_b = desired->n_rules;
    size_t head = 0;

    while (head < n_a && head < n_b && fw_rule_equals(&a[head], &b[head])) {
        head++;
    }
    while (n_a > head && n_b > head
           && fw_rule_equals(&a[n_a - 1], &b[n_b - 1])) {
        n_a--;
        n_b--;
    }
    if (n_a > head || n_b > head) {
        diff_middle(desired->name, head, a ? &a[head] : NULL, n_a - head,
                    b ? &b[head] : NULL, n_b - head, edits);
    }
}

/* Replaces the 'n_a' rules 'a' at '*index' of 'chain' by the 'n_b' rules 'b',
 * and moves '*index' behind them. */
static void
replace_run(const char *chain, size_t *index,
            const struct fw_rule *a, size_t n_a,
            const struct fw_rule *b, size_t n_b, struct fw_edits *edits)
{
    size_t i = 0;

    for (; i < n_a && i < n_b; i++) {
        fw_edits_add(edits, FW_EDIT_REPLACE, chain, (*index)++, &b[i]);
    }
    for (; i < n_b; i++) {
        fw_edits_add(edits, FW_EDIT_INSERT, chain, (*index)++, &b[i]);
    }
    for (; i < n_a; i++) {
        fw_edits_add(edits, FW_EDIT_DELETE, chain, *index, &a[i]);
    }
}

/* Length of the longest common subsequence of a[i..] and b[j..] at
 * [i * (n_b + 1) + j]. */
static uint16_t *
lcs_lengths(const struct fw_rule *a, size_t n_a,
            const struct fw_rule *b, size_t n_b)
{
    size_t width = n_b + 1;
    uint16_t *lengths = xcalloc((n_a + 1) * width, sizeof *lengths);

    for (size_t i = n_a; i-- > 0; ) {
        for (size_t j = n_b; j-- > 0; ) {
            uint16_t *here = &lengths[i * width + j];
            *here = (fw_rule_equals(&a[i], &b[j])
                     ? here[width + 1] + 1 : MAX(here[width], here[1]));
        }
    }
    return lengths;
}

static void
diff_middle(const char *chain, size_t index,
            const struct fw_rule *a, size_t n_a,
            const struct fw_rule *b, size_t n_b, struct fw_edits *edits)
{
    if (!n_a || !n_b || n_a > MAX_LCS || n_b > MAX_LCS) {
        replace_run(chain, &index, a, n_a, b, n_b, edits);
        return;
    }

    uint16_t *lengths = lcs_lengths(a, n_a, b, n_b);
    size_t width = n_b + 1;
    size_t i = 0, j = 0;
    while (i < n_a || j < n_b) {
        /* The run of rules that go and come before the next that stays. */
        size_t from_i = i, from_j = j;
        while ((i < n_a || j < n_b)
               && !(i < n_a && j < n_b && fw_rule_equals(&a[i], &b[j]))) {
            const uint16_t *here = &lengths[i * width + j];
            if (j >= n_b || (i < n_a && here[width] >= here[1])) {
                i++;
            } else {
                j++;
            }
        }
        replace_run(chain, &index, &a[from_i], i - from_i,
                    &b[from_j], j - from_j, edits);
        if (i < n_a && j < n_b) {
            i++;
            j++;
            index++;
        }
    }
    free(lengths);
}

static bool
is_desired(const struct fw_rule *rule, const struct fw_chain *desired)
{
    for (size_t i = 0; desired && i < desired->n_rules; i++) {
        if (fw_rule_equals(rule, &desired->rules[i])) {
            return true;
        }
    }
    return false;
}

/* What stands in its place at the top stays; ours further down go, from the
 * last on so that indexes hold; then the missing ones are inserted. */
static void
diff_builtin(const struct fw_chain *actual, const struct fw_chain *desired,
             bool sweep, struct fw_edits *edits)
{
    size_t n = desired ? desired->n_rules : 0;
    size_t top = 0;

    while (top < n && top < actual->n_rules
           && fw_rule_equals(&actual->rules[top], &desired->rules[top])) {
        top++;
    }
    for (size_t i = actual->n_rules; i-- > top; ) {
        if (fw_rule_is_hook(&actual->rules[i])
            && (sweep || is_desired(&actual->rules[i], desired))) {
            fw_edits_add(edits, FW_EDIT_DELETE, actual->name, i,
                         &actual->rules[i]);
        }
    }
    for (size_t i = top; i < n; i++) {
        fw_edits_add(edits, FW_EDIT_INSERT, actual->name, i,
                     &desired->rules[i]);
    }
}

/* Targets of chains that begin like ours and are not. */
static void
foreign_targets(const struct chain_list *list, struct sset *targets)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct fw_chain *chain = list->chains[i];

        if (fw_chain_kind(chain->name) != FW_NAME_UNKNOWN) {
            continue;
        }
        for (size_t j = 0; j < chain->n_rules; j++) {
            const struct fw_rule *rule = &chain->rules[j];

            if (rule->verdict == FW_JUMP || rule->verdict == FW_GOTO) {
                sset_add(targets, rule->target);
            }
        }
    }
}

/* Of the chains that are not desired, ours go.  All are flushed before the
 * first is deleted: they may refer to each other. */
static void
sweep_chains(const struct chain_list *gone, struct fw_edits *edits)
{
    struct sset targets = SSET_INITIALIZER(&targets);

    foreign_targets(gone, &targets);
    for (size_t pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < gone->n; i++) {
            const struct fw_chain *chain = gone->chains[i];

            if (fw_chain_kind(chain->name) == FW_NAME_UNKNOWN) {
                continue;
            }
            if (!pass && chain->n_rules) {
                fw_edits_add(edits, FW_EDIT_CHAIN_FLUSH, chain->name, 0,
                             NULL);
            } else if (pass && !chain->references
                       && !sset_contains(&targets, chain->name)) {
                fw_edits_add(edits, FW_EDIT_CHAIN_DELETE, chain->name, 0,
                             NULL);
            }
        }
    }
    sset_destroy(&targets);
}
