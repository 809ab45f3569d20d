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
};

static void build_node(const struct tree *, struct fw_chain *node,
                       const struct fw_dispatch_leaf *, size_t n,
                       size_t common);
static void add_branch(const struct tree *, struct fw_chain *node,
                       const struct fw_dispatch_leaf *, size_t n);
static int ascending(const void *, const void *);
static int descending(const void *, const void *);
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
                  const char *root, enum fw_dispatch_order order)
{
    struct tree tree = { table, root };
    struct fw_chain *node = fw_table_chain(table, root);

    if (d->n) {
        qsort(d->leaves, d->n, sizeof *d->leaves,
              order == FW_DISPATCH_ASCENDING ? ascending : descending);
        build_node(&tree, node, d->leaves, d->n,
                   common_length(d->leaves[0].name,
                                 d->leaves[d->n - 1].name));
    }
}

/* Fills 'node' for the sorted 'leaves', whose names have their first 'common'
 * bytes in common. */
static void
build_node(const struct tree *tree, struct fw_chain *node,
           const struct fw_dispatch_leaf *leaves, size_t n, size_t common)
{
    size_t end;

    for (size_t i = 0; i < n; i = end) {
        /* A name that ends here is alone, because names are unique. */
        end = i + 1;
        while (end < n
               && leaves[end].name[common] == leaves[i].name[common]) {
            end++;
        }
        add_branch(tree, node, &leaves[i], end - i);
    }
}

static void
add_branch(const struct tree *tree, struct fw_chain *node,
           const struct fw_dispatch_leaf *leaves, size_t n)
{
    if (n == 1) {
        fw_chain_append(node, &leaves[0].rule);
        return;
    }

    /* In sorted names the first and the last differ earliest.  As they do
     * differ, what they share has room for the '+' behind it. */
    size_t common = common_length(leaves[0].name, leaves[n - 1].name);
    struct fw_rule rule = { .match = FW_M_IN, .verdict = FW_GOTO };
    char prefix[SG_DEVICE_LEN];

    ovs_assert(common < SG_DEVICE_LEN - 1);
    memcpy(prefix, leaves[0].name, common);
    prefix[common] = '\0';
    fw_name_tree_chain(rule.target, tree->root, prefix);
    memcpy(rule.in, prefix, common);
    rule.in[common] = '+';
    fw_chain_append(node, &rule);

    build_node(tree, fw_table_chain(tree->table, rule.target), leaves, n,
               common);
}

static int
ascending(const void *a_, const void *b_)
{
    const struct fw_dispatch_leaf *a = a_;
    const struct fw_dispatch_leaf *b = b_;

    return strcmp(a->name, b->name);
}

static int
descending(const void *a, const void *b)
{
    return ascending(b, a);
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
