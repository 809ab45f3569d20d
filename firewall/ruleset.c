/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "firewall/ruleset.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "hmapx.h"
#include "sset.h"
#include "util.h"
#include "uuid.h"

/* What fw_rule_equals() compares; the padding behind it does not count. */
#define RULE_SIZE (offsetof(struct fw_rule, target) \
                   + sizeof ((struct fw_rule *) NULL)->target)

/* The kernel's smallest (IPSET_MINIMAL_HASHSIZE). */
#define MIN_HASHSIZE 64

static void free_chain(struct fw_chain *);
static int compare_chains(const void *, const void *);
static int compare_sets(const void *, const void *);
static bool leads_back(const struct fw_table *, struct fw_chain *);
static void collect_sets(const struct fw_table *, struct fw_chain *,
                         struct hmapx *seen, struct sset *);

const char *
fw_table_name(enum fw_table_id table)
{
    switch (table) {
#define FW_TABLE(ENUM, NAME) case FW_##ENUM: return NAME;
    FW_TABLES
#undef FW_TABLE
    }
    OVS_NOT_REACHED();
}

bool
fw_protocol_has_ports(int protocol)
{
    return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP
           || protocol == IPPROTO_UDPLITE || protocol == IPPROTO_SCTP
           || protocol == IPPROTO_DCCP;
}

/* A foreign rule equals nothing, because we do not know what it says. */
bool
fw_rule_equals(const struct fw_rule *a, const struct fw_rule *b)
{
    return !((a->match | b->match) & FW_M_FOREIGN)
           && !memcmp(a, b, RULE_SIZE);
}

uint32_t
fw_rule_hash(const struct fw_rule *rule)
{
    return hash_bytes(rule, RULE_SIZE, 0);
}

bool
fw_rule_enters(const struct fw_rule *rule)
{
    return ((rule->verdict == FW_JUMP || rule->verdict == FW_GOTO)
            && fw_chain_is_entrance(rule->target));
}

bool
fw_rule_is_hook(const struct fw_rule *rule)
{
    return (!(rule->match & FW_M_FOREIGN)
            && (rule->match & FW_M_COMMENT || fw_rule_enters(rule)));
}

void
fw_table_init(struct fw_table *table)
{
    hmap_init(&table->chains);
    table->mark = 0;
}

void
fw_table_uninit(struct fw_table *table)
{
    struct fw_chain *chain;

    HMAP_FOR_EACH_POP (chain, node, &table->chains) {
        free_chain(chain);
    }
    hmap_destroy(&table->chains);
}

struct fw_chain *
fw_table_find(const struct fw_table *table, const char *name)
{
    struct fw_chain *chain;

    HMAP_FOR_EACH_WITH_HASH (chain, node, hash_string(name, 0),
                             &table->chains) {
        if (!strcmp(chain->name, name)) {
            return chain;
        }
    }
    return NULL;
}

struct fw_chain *
fw_table_find_like(const struct fw_table *table, const struct fw_chain *like)
{
    struct fw_chain *chain;

    HMAP_FOR_EACH_WITH_HASH (chain, node, hmap_node_hash(&like->node),
                             &table->chains) {
        if (!strcmp(chain->name, like->name)) {
            return chain;
        }
    }
    return NULL;
}

/* Returns the chain 'name' of 'table', made if need be.  A name that is not
 * ours is a built-in chain. */
struct fw_chain *
fw_table_chain(struct fw_table *table, const char *name)
{
    struct fw_chain *chain = fw_table_find(table, name);

    if (!chain) {
        chain = xzalloc(sizeof *chain);
        ovs_strzcpy(chain->name, name, sizeof chain->name);
        chain->builtin = fw_chain_kind(name) == FW_NAME_FOREIGN;
        hmap_insert(&table->chains, &chain->node, hash_string(name, 0));
    }
    return chain;
}

void
fw_table_remove(struct fw_table *table, struct fw_chain *chain)
{
    hmap_remove(&table->chains, &chain->node);
    free_chain(chain);
}

/* Initializes 'dst' as a copy of 'src'. */
static bool
chains_match(const struct fw_chain *a, const struct fw_chain *b)
{
    bool match = a->n_rules == b->n_rules;

    for (size_t i = 0; match && i < a->n_rules; i++) {
        match = (a->rules[i].match & b->rules[i].match & FW_M_FOREIGN
                 || fw_rule_equals(&a->rules[i], &b->rules[i]));
    }
    return match;
}

bool
fw_table_matches(const struct fw_table *a, const struct fw_table *b)
{
    const struct fw_chain *chain;

    if (hmap_count(&a->chains) != hmap_count(&b->chains)) {
        return false;
    }
    HMAP_FOR_EACH (chain, node, &a->chains) {
        const struct fw_chain *other = fw_table_find(b, chain->name);
        if (!other || !chains_match(chain, other)) {
            return false;
        }
    }
    return true;
}

void
fw_table_clone(struct fw_table *dst, const struct fw_table *src)
{
    const struct fw_chain *chain;

    fw_table_init(dst);
    hmap_reserve(&dst->chains, hmap_count(&src->chains));
    HMAP_FOR_EACH (chain, node, &src->chains) {
        struct fw_chain *copy = xmemdup(chain, sizeof *chain);

        copy->rules = NULL;
        if (chain->n_rules) {
            copy->rules = xmemdup(chain->rules,
                                  chain->n_rules * sizeof *chain->rules);
        }
        copy->allocated = chain->n_rules;
        hmap_insert(&dst->chains, &copy->node, hmap_node_hash(&chain->node));
    }
}

void
fw_table_swap(struct fw_table *a, struct fw_table *b)
{
    uint64_t mark = a->mark;

    hmap_swap(&a->chains, &b->chains);
    a->mark = b->mark;
    b->mark = mark;
}

const struct fw_chain **
fw_table_sort(const struct fw_table *table)
{
    size_t n = hmap_count(&table->chains);
    const struct fw_chain **chains = xmalloc(MAX(n, 1) * sizeof *chains);
    const struct fw_chain *chain;
    size_t i = 0;

    HMAP_FOR_EACH (chain, node, &table->chains) {
        chains[i++] = chain;
    }
    qsort(chains, n, sizeof *chains, compare_chains);
    return chains;
}

const char *
fw_table_find_loop(const struct fw_table *table)
{
    struct fw_chain *chain;

    HMAP_FOR_EACH (chain, node, &table->chains) {
        chain->visit = FW_VISIT_NONE;
    }
    HMAP_FOR_EACH (chain, node, &table->chains) {
        if (leads_back(table, chain)) {
            return chain->name;
        }
    }
    return NULL;
}

struct fw_rule *
fw_chain_append(struct fw_chain *chain, const struct fw_rule *rule)
{
    fw_chain_insert(chain, chain->n_rules, rule);
    return &chain->rules[chain->n_rules - 1];
}

void
fw_chain_reserve(struct fw_chain *chain, size_t n)
{
    if (n > chain->allocated) {
        chain->rules = xrealloc(chain->rules, n * sizeof *chain->rules);
        chain->allocated = n;
    }
}

void
fw_chain_insert(struct fw_chain *chain, size_t index,
                const struct fw_rule *rule)
{
    ovs_assert(index <= chain->n_rules);
    if (chain->n_rules >= chain->allocated) {
        chain->rules = x2nrealloc(chain->rules, &chain->allocated,
                                  sizeof *chain->rules);
    }
    memmove(&chain->rules[index + 1], &chain->rules[index],
            (chain->n_rules - index) * sizeof *chain->rules);
    chain->rules[index] = *rule;
    chain->n_rules++;
}

void
fw_chain_delete(struct fw_chain *chain, size_t index)
{
    ovs_assert(index < chain->n_rules);
    chain->n_rules--;
    memmove(&chain->rules[index], &chain->rules[index + 1],
            (chain->n_rules - index) * sizeof *chain->rules);
}

void
fw_chain_clear(struct fw_chain *chain)
{
    chain->n_rules = 0;
}

uint32_t
fw_set_capacity(size_t n)
{
    static const uint32_t ladder[] = { 1024, 4096, 16384, 65536, 262144 };

    for (size_t i = 0; i < ARRAY_SIZE(ladder); i++) {
        if (n <= ladder[i] / 2) {
            return ladder[i];
        }
    }
    return FW_SET_MAXELEM;
}

size_t
fw_set_grow_above(uint32_t maxelem)
{
    return maxelem < FW_SET_MAXELEM ? maxelem - maxelem / 4 : SIZE_MAX;
}

/* A power of two.  The kernel doubles a hash when one of its buckets would
 * have more than 12 members: with 1.5 in each on average, in one of 1e8.  Half
 * the size would do so in sets of some ten thousand members. */
uint32_t
fw_set_hashsize(uint32_t maxelem)
{
    uint32_t size = MIN_HASHSIZE;

    while (size < maxelem / 2 && size < FW_SET_MAXELEM) {
        size *= 2;
    }
    return size;
}

struct fw_ruleset *
fw_ruleset_create(void)
{
    struct fw_ruleset *rs = xmalloc(sizeof *rs);

    for (size_t f = 0; f < SG_N_FAMILIES; f++) {
        for (size_t t = 0; t < FW_N_TABLES; t++) {
            fw_table_init(&rs->tables[f][t]);
        }
    }
    hmap_init(&rs->sets);
    return rs;
}

void
fw_ruleset_destroy(struct fw_ruleset *rs)
{
    if (!rs) {
        return;
    }
    for (size_t f = 0; f < SG_N_FAMILIES; f++) {
        for (size_t t = 0; t < FW_N_TABLES; t++) {
            fw_table_uninit(&rs->tables[f][t]);
        }
    }

    struct fw_set *set;
    HMAP_FOR_EACH_POP (set, node, &rs->sets) {
        free(set);
    }
    hmap_destroy(&rs->sets);
    free(rs);
}

struct fw_ruleset *
fw_ruleset_clone(const struct fw_ruleset *rs)
{
    struct fw_ruleset *copy = xmalloc(sizeof *copy);

    for (size_t f = 0; f < SG_N_FAMILIES; f++) {
        for (size_t t = 0; t < FW_N_TABLES; t++) {
            fw_table_clone(&copy->tables[f][t], &rs->tables[f][t]);
        }
    }
    hmap_init(&copy->sets);

    const struct fw_set *set;
    HMAP_FOR_EACH (set, node, &rs->sets) {
        fw_ruleset_add_set(copy, set);
    }
    return copy;
}

struct fw_set *
fw_ruleset_find_set(const struct fw_ruleset *rs, const char *name)
{
    struct fw_set *set;

    HMAP_FOR_EACH_WITH_HASH (set, node, hash_string(name, 0), &rs->sets) {
        if (!strcmp(set->name, name)) {
            return set;
        }
    }
    return NULL;
}

/* Adds a copy of 'set', whose name must not be there yet, and returns it. */
struct fw_set *
fw_ruleset_add_set(struct fw_ruleset *rs, const struct fw_set *set)
{
    struct fw_set *copy = xmemdup(set, sizeof *set);

    hmap_insert(&rs->sets, &copy->node, hash_string(copy->name, 0));
    return copy;
}

bool
fw_set_is_ours(const struct fw_set *set)
{
    struct fw_set_form form;

    switch (fw_set_kind(set->name, &form)) {
    case FW_NAME_SET:
    case FW_NAME_TMP_SET:
        return !set->foreign_type;
    case FW_NAME_FOREIGN:
    case FW_NAME_FIXED:
    case FW_NAME_TREE:
    case FW_NAME_PORT:
    case FW_NAME_GROUP:
    case FW_NAME_UNKNOWN:
        return false;
    }
    OVS_NOT_REACHED();
}

const struct fw_set **
fw_ruleset_sort_sets(const struct fw_ruleset *rs)
{
    size_t n = hmap_count(&rs->sets);
    const struct fw_set **sets = xmalloc(MAX(n, 1) * sizeof *sets);
    const struct fw_set *set;
    size_t i = 0;

    HMAP_FOR_EACH (set, node, &rs->sets) {
        sets[i++] = set;
    }
    qsort(sets, n, sizeof *sets, compare_sets);
    return sets;
}

void
fw_table_reach(const struct fw_table *table, const char *name,
               struct hmapx *seen, struct sset *sets)
{
    struct fw_chain *chain = fw_table_find(table, name);

    if (chain) {
        collect_sets(table, chain, seen, sets);
    }
}

static void
free_chain(struct fw_chain *chain)
{
    free(chain->rules);
    free(chain);
}

static int
compare_chains(const void *a_, const void *b_)
{
    const struct fw_chain *const *a = a_;
    const struct fw_chain *const *b = b_;

    return ((*a)->builtin != (*b)->builtin
            ? (*b)->builtin - (*a)->builtin
            : strcmp((*a)->name, (*b)->name));
}

static int
compare_sets(const void *a_, const void *b_)
{
    const struct fw_set *const *a = a_;
    const struct fw_set *const *b = b_;

    return strcmp((*a)->name, (*b)->name);
}

static struct fw_chain *
rule_target(const struct fw_table *table, const struct fw_rule *rule)
{
    bool jumps = rule->verdict == FW_JUMP || rule->verdict == FW_GOTO;

    return jumps ? fw_table_find(table, rule->target) : NULL;
}

/* Depth first; a chain that is done leads nowhere bad and is not walked again,
 * which keeps shared chains cheap. */
static bool
leads_back(const struct fw_table *table, struct fw_chain *chain)
{
    if (chain->visit != FW_VISIT_NONE) {
        return chain->visit == FW_VISIT_PATH;
    }
    chain->visit = FW_VISIT_PATH;
    for (size_t i = 0; i < chain->n_rules; i++) {
        struct fw_chain *next = rule_target(table, &chain->rules[i]);
        if (next && leads_back(table, next)) {
            return true;
        }
    }
    chain->visit = FW_VISIT_DONE;
    return false;
}

static void
collect_sets(const struct fw_table *table, struct fw_chain *chain,
             struct hmapx *seen, struct sset *sets)
{
    if (!hmapx_add(seen, chain)) {
        return;
    }
    for (size_t i = 0; i < chain->n_rules; i++) {
        const struct fw_rule *rule = &chain->rules[i];

        if (rule->match & (FW_M_SET_SRC | FW_M_SET_DST)) {
            sset_add(sets, rule->set);
        }

        struct fw_chain *next = rule_target(table, rule);
        if (next) {
            collect_sets(table, next, seen, sets);
        }
    }
}
