/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "firewall/dispatch.h"

#include <stdlib.h>
#include <string.h>

#include "util.h"

/* One tree being built. */
struct tree {
    struct fw_table *table;
    const char *root;
    enum fw_dispatch_place place;
};

/* One rule of a node: that of one name, or the way to a node of more. */
struct branch {
    const struct fw_dispatch_leaf *leaves;
    size_t n_leaves;
    /* Comparisons of its dearest name, in both trees together: behind this
     * rule; in the node of the first tree and of the second. */
    size_t below, first, second;
};

struct node {
    struct branch *branches;    /* In the order of their names. */
    struct branch **first, **second;    /* As they stand in each tree. */
    size_t n;
};

static size_t build_node(const struct tree *, const char *chain,
                         const struct fw_dispatch_leaf *, size_t n,
                         size_t common);
static void split(struct node *, const struct fw_dispatch_leaf *, size_t n,
                  size_t common);
static size_t arrange(struct node *);
static void number_first(struct node *);
static size_t worst(const struct node *);
static void rule_to_node(const struct tree *, const struct branch *,
                         size_t common, struct fw_rule *);
static size_t branch_common_length(const struct branch *);
static int compare_leaves(const void *, const void *);
static int dearest_without_first(const void *, const void *);
static int dearest_without_second(const void *, const void *);
static size_t common_length(const char *, const char *);

void
fw_dispatch_init(struct fw_dispatch *d)
{
    memset(d, 0, sizeof *d);
}

void
fw_dispatch_uninit(struct fw_dispatch *d)
{
    free(d->leaves);
    memset(d, 0, sizeof *d);
}

void
fw_dispatch_add(struct fw_dispatch *d, const char *name,
                const struct fw_rule *rule)
{
    struct fw_dispatch_leaf *leaf;

    if (d->n >= d->allocated) {
        d->leaves = x2nrealloc(d->leaves, &d->allocated, sizeof *d->leaves);
    }
    leaf = &d->leaves[d->n++];
    ovs_strzcpy(leaf->name, name, sizeof leaf->name);
    leaf->rule = *rule;
    leaf->rule.match |= FW_M_IN;
    ovs_strzcpy(leaf->rule.in, name, sizeof leaf->rule.in);
}

void
fw_dispatch_build(struct fw_dispatch *d, struct fw_table *table,
                  const char *root, enum fw_dispatch_place place)
{
    struct tree tree = { table, root, place };

    if (d->n) {
        qsort(d->leaves, d->n, sizeof *d->leaves, compare_leaves);
        build_node(&tree, root, d->leaves, d->n,
                   common_length(d->leaves[0].name,
                                 d->leaves[d->n - 1].name));
    } else {
        fw_table_chain(table, root);
    }
}

/* Makes 'chain' of the sorted 'leaves', whose names have their first 'common'
 * bytes in common, and the nodes below it.  Returns the comparisons of the
 * dearest name from here on, in both trees together. */
static size_t
build_node(const struct tree *tree, const char *chain_name,
           const struct fw_dispatch_leaf *leaves, size_t n, size_t common)
{
    struct fw_chain *chain = fw_table_chain(tree->table, chain_name);
    struct node node;
    size_t dearest;

    split(&node, leaves, n, common);
    for (size_t i = 0; i < node.n; i++) {
        struct branch *b = &node.branches[i];

        if (b->n_leaves > 1) {
            size_t longer = branch_common_length(b);
            struct fw_rule rule;

            rule_to_node(tree, b, longer, &rule);
            b->below = build_node(tree, rule.target, b->leaves, b->n_leaves,
                                  longer);
        }
    }
    dearest = arrange(&node);

    struct branch **order = (tree->place == FW_DISPATCH_FIRST
                             ? node.first : node.second);
    fw_chain_reserve(chain, node.n);
    for (size_t i = 0; i < node.n; i++) {
        const struct branch *b = order[i];
        struct fw_rule rule;

        if (b->n_leaves > 1) {
            rule_to_node(tree, b, branch_common_length(b), &rule);
        } else {
            rule = b->leaves->rule;
        }
        fw_chain_append(chain, &rule);
    }
    free(node.branches);
    free(node.first);
    free(node.second);
    return dearest;
}

static void
split(struct node *node, const struct fw_dispatch_leaf *leaves, size_t n,
      size_t common)
{
    node->branches = xcalloc(n, sizeof *node->branches);
    node->first = xcalloc(n, sizeof *node->first);
    node->second = xcalloc(n, sizeof *node->second);
    node->n = 0;
    for (size_t i = 0, end; i < n; i = end) {
        struct branch *b = &node->branches[node->n];

        /* A name that ends here is alone, because names are unique. */
        end = i + 1;
        while (end < n
               && leaves[end].name[common] == leaves[i].name[common]) {
            end++;
        }
        b->leaves = &leaves[i];
        b->n_leaves = end - i;
        node->first[node->n] = node->second[node->n] = b;
        node->n++;
    }
}

/* Puts the branches in order: in each tree the sooner, the dearer they are but
 * for their place in this one, until that makes the dearest no cheaper.  It
 * never makes it dearer, so this ends.  Returns what the dearest costs. */
static size_t
arrange(struct node *node)
{
    size_t best = SIZE_MAX;

    for (;;) {
        number_first(node);
        qsort(node->second, node->n, sizeof *node->second,
              dearest_without_second);
        for (size_t i = 0; i < node->n; i++) {
            node->second[i]->second = i + 1;
        }

        size_t now = worst(node);
        if (now >= best) {
            return now;
        }
        best = now;
        qsort(node->first, node->n, sizeof *node->first,
              dearest_without_first);
    }
}

/* What is known in the first tree is compared with the rest of its node all
 * the same. */
static void
number_first(struct node *node)
{
    for (size_t i = 0; i < node->n; i++) {
        struct branch *b = node->first[i];

        b->first = b->n_leaves > 1 ? i + 1 : node->n;
    }
}

static size_t
worst(const struct node *node)
{
    size_t n = 0;

    for (size_t i = 0; i < node->n; i++) {
        const struct branch *b = &node->branches[i];

        n = MAX(n, b->below + b->first + b->second);
    }
    return n;
}

static void
rule_to_node(const struct tree *tree, const struct branch *branch,
             size_t common, struct fw_rule *rule)
{
    char prefix[SG_DEVICE_LEN];

    ovs_assert(common < SG_DEVICE_LEN - 1);
    memcpy(prefix, branch->leaves->name, common);
    prefix[common] = '\0';

    *rule = (struct fw_rule) { .match = FW_M_IN, .verdict = FW_GOTO };
    fw_name_tree_chain(rule->target, tree->root, prefix);
    memcpy(rule->in, prefix, common);
    rule->in[common] = '+';
}

/* In sorted names the first and the last differ earliest.  As they do differ,
 * what they share has room for the '+' behind it. */
static size_t
branch_common_length(const struct branch *b)
{
    return common_length(b->leaves[0].name, b->leaves[b->n_leaves - 1].name);
}

static int
compare_leaves(const void *a_, const void *b_)
{
    const struct fw_dispatch_leaf *a = a_;
    const struct fw_dispatch_leaf *b = b_;

    return strcmp(a->name, b->name);
}

/* The dearest first; of equals, who is first by name. */
static int
compare_costs(const struct branch *a, size_t cost_a, const struct branch *b,
              size_t cost_b)
{
    return cost_a != cost_b ? (cost_a > cost_b ? -1 : 1) : a < b ? -1 : a > b;
}

/* A single name costs the same in each place of the first tree. */
static int
dearest_without_first(const void *a_, const void *b_)
{
    const struct branch *a = *(const struct branch *const *) a_;
    const struct branch *b = *(const struct branch *const *) b_;

    return compare_costs(a, a->n_leaves > 1 ? a->below + a->second : 0,
                         b, b->n_leaves > 1 ? b->below + b->second : 0);
}

static int
dearest_without_second(const void *a_, const void *b_)
{
    const struct branch *a = *(const struct branch *const *) a_;
    const struct branch *b = *(const struct branch *const *) b_;

    return compare_costs(a, a->below + a->first, b, b->below + b->first);
}

static size_t
common_length(const char *a, const char *b)
{
    size_t n = 0;

    while (a[n] && a[n] == b[n]) {
        n++;
    }
    return n;
}
