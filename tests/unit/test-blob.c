/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Tables without a kernel: what is written as the kernel writes it is read as
 * what it was, and bytes that are no table are refused. */

#include <config.h>
#include <errno.h>
/* Before the kernel's headers. */
#include <netinet/in.h>
#include <stdlib.h>

#include <linux/netfilter.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

#include "firewall/iptables/ipt_blob.h"
#include "firewall/iptables/ipt_codec.h"
#include "openvswitch/shash.h"
#include "openvswitch/util.h"
#include "tests/lib/random_rule.h"
#include "tests/lib/test.h"
#include "util.h"

#define SET "sg1-m4a-01234567-0123456789ab"
#define SET_INDEX 77
#define N_CHAINS 6
#define N_ROUNDS 200
#define MAX_RULES 8

static int
set_index(void *aux OVS_UNUSED, const char *name OVS_UNUSED,
          enum sg_family family OVS_UNUSED, uint16_t *index)
{
    *index = SET_INDEX;
    return 0;
}

static int
set_name(void *aux OVS_UNUSED, uint16_t index OVS_UNUSED,
         char name[FW_SET_LEN])
{
    ovs_strlcpy(name, SET, FW_SET_LEN);
    return 0;
}

static struct ipt_codec
make_codec(enum sg_family family)
{
    return (struct ipt_codec) { family, set_index, set_name, NULL };
}

/* ------------------------------------------------------------------------ */
/* A table in the making. */

#define MAX_BYTES 65536

static const struct hook {
    const char *chain;
    int number;
} hooks[] = {
    { "INPUT", NF_INET_LOCAL_IN },
    { "FORWARD", NF_INET_FORWARD },
    { "OUTPUT", NF_INET_LOCAL_OUT },
};

static int
find_hook(const char *chain)
{
    for (size_t i = 0; i < ARRAY_SIZE(hooks); i++) {
        if (!strcmp(hooks[i].chain, chain)) {
            return hooks[i].number;
        }
    }
    return -1;
}

struct jump {
    struct xt_standard_target *from;
    const char *to;
};

struct image {
    enum sg_family family;
    uint8_t *p;
    size_t size;
    struct jump jumps[N_CHAINS * MAX_RULES * 2];
    size_t n_jumps;
};

/* Puts an entry without matches at 'p'; returns its target. */
static struct xt_entry_target *
put_entry(enum sg_family family, uint8_t *p, size_t target_size,
          size_t *size)
{
    size_t header = (family == SG_IPV4 ? sizeof(struct ipt_entry)
                     : sizeof(struct ip6t_entry));
    struct xt_entry_target *t = (void *) (p + header);

    *size = header + target_size;
    memset(p, 0, *size);
    if (family == SG_IPV4) {
        ((struct ipt_entry *) (void *) p)->target_offset = header;
        ((struct ipt_entry *) (void *) p)->next_offset = *size;
    } else {
        ((struct ip6t_entry *) (void *) p)->target_offset = header;
        ((struct ip6t_entry *) (void *) p)->next_offset = *size;
    }
    t->u.user.target_size = target_size;
    return t;
}

static void
add_verdict(struct image *im, int verdict)
{
    size_t size;
    struct xt_entry_target *t
        = put_entry(im->family, im->p + im->size,
                    XT_ALIGN(sizeof(struct xt_standard_target)), &size);

    ((struct xt_standard_target *) t)->verdict = verdict;
    im->size += size;
}

/* The head of a chain, or the end of the table. */
static void
add_error(struct image *im, const char *name)
{
    size_t size;
    struct xt_entry_target *t
        = put_entry(im->family, im->p + im->size,
                    XT_ALIGN(sizeof(struct xt_error_target)), &size);

    ovs_strlcpy(t->u.user.name, XT_ERROR_TARGET, sizeof t->u.user.name);
    ovs_strlcpy(((struct xt_error_target *) t)->errorname, name,
                sizeof ((struct xt_error_target *) t)->errorname);
    im->size += size;
}

/* The kernel hands a standard target out without its name. */
static void
add_rule(struct image *im, const struct fw_rule *rule)
{
    struct ipt_codec codec = make_codec(im->family);
    uint8_t *entry = im->p + im->size;
    struct ipt_entry_buf buf;
    uint16_t target, size;

    REQUIRE(!ipt_encode(&codec, rule, &buf));
    if (im->family == SG_IPV4) {
        target = ((struct ipt_entry *) (void *) buf.words)->target_offset;
        size = ((struct ipt_entry *) (void *) buf.words)->next_offset;
    } else {
        target = ((struct ip6t_entry *) (void *) buf.words)->target_offset;
        size = ((struct ip6t_entry *) (void *) buf.words)->next_offset;
    }
    REQUIRE(im->size + size < MAX_BYTES / 2);
    memcpy(entry, buf.words, size);

    struct xt_standard_target *t = (void *) (entry + target);
    char name[sizeof t->target.u.user.name];

    memcpy(name, t->target.u.user.name, sizeof name);
    if (rule->verdict == FW_JUMP || rule->verdict == FW_GOTO
        || rule->verdict == FW_NONE || !strcmp(name, "ACCEPT")
        || !strcmp(name, "DROP") || !strcmp(name, "RETURN")) {
        memset(t->target.u.user.name, 0, sizeof t->target.u.user.name);
        t->verdict = (!strcmp(name, "ACCEPT") ? -NF_ACCEPT - 1
                      : !strcmp(name, "DROP") ? -NF_DROP - 1
                      : !strcmp(name, "RETURN") ? XT_RETURN
                      : (int) (im->size + size));
        if (rule->verdict == FW_JUMP || rule->verdict == FW_GOTO) {
            im->jumps[im->n_jumps++] = (struct jump) { t, rule->target };
        }
    }
    im->size += size;
}

static void
add_rules(struct image *im, const struct fw_chain *chain)
{
    for (size_t i = 0; i < chain->n_rules; i++) {
        add_rule(im, &chain->rules[i]);
    }
}

/* What the kernel would hand out of 'table'; the caller frees 'entries'. */
static void
make_blob(const struct fw_table *table, enum sg_family family,
          struct ipt_blob *blob)
{
    size_t n = hmap_count(&table->chains);
    const struct fw_chain **chains = fw_table_sort(table);
    struct image im = { .family = family, .p = xzalloc(MAX_BYTES) };
    struct shash starts = SHASH_INITIALIZER(&starts);

    memset(blob, 0, sizeof *blob);
    for (size_t i = 0; i < ARRAY_SIZE(hooks); i++) {
        const struct fw_chain *chain = fw_table_find(table, hooks[i].chain);

        blob->valid_hooks |= 1u << hooks[i].number;
        blob->hook_entry[hooks[i].number] = im.size;
        add_rules(&im, chain);
        add_verdict(&im, -(chain->drops ? NF_DROP : NF_ACCEPT) - 1);
    }
    for (size_t i = 0; i < n; i++) {
        if (!chains[i]->builtin) {
            add_error(&im, chains[i]->name);
            shash_add(&starts, chains[i]->name, (void *) im.size);
            add_rules(&im, chains[i]);
            add_verdict(&im, XT_RETURN);
        }
    }
    add_error(&im, XT_ERROR_TARGET);
    for (size_t i = 0; i < im.n_jumps; i++) {
        im.jumps[i].from->verdict
            = (uintptr_t) shash_find_data(&starts, im.jumps[i].to);
    }
    shash_destroy(&starts);
    free(chains);
    blob->family = family;
    blob->entries = im.p;
    blob->size = im.size;
}

/* It is const to everybody else. */
static void
free_entries(const struct ipt_blob *blob)
{
    free((void *) (uintptr_t) blob->entries);
}

/* ------------------------------------------------------------------------ */

struct reader {
    struct ipt_codec codec;
    struct fw_table *table;
};

static void
read_item(const struct ipt_blob_item *item, void *r_)
{
    struct reader *r = r_;
    struct fw_chain *chain = fw_table_chain(r->table, item->chain);
    struct fw_rule rule;

    chain->builtin = item->hook >= 0;
    CHECK_EQ(item->hook, find_hook(item->chain));
    if (item->rule) {
        ipt_decode(&r->codec, item->rule, item->size, item->target, &rule);
        fw_chain_append(chain, &rule);
    } else {
        CHECK_EQ(item->kind, IPT_TARGET_VERDICT);
        CHECK_EQ(!strcmp(item->target, "RETURN"), !chain->builtin);
        chain->drops = !strcmp(item->target, "DROP");
    }
}

static void
check_same(const struct ipt_blob *blob, const struct fw_table *model,
           uint64_t seed)
{
    const struct fw_chain *chain;
    struct fw_table table;
    struct reader r = { make_codec(blob->family), &table };

    fw_table_init(&table);
    CHECK_EQ(ipt_blob_walk(blob, read_item, &r), 0);
    CHECK_UEQ(hmap_count(&table.chains), hmap_count(&model->chains));
    HMAP_FOR_EACH (chain, node, &model->chains) {
        const struct fw_chain *other = fw_table_find(&table, chain->name);

        if (CHECK(other) && CHECK_UEQ(other->n_rules, chain->n_rules)
            && CHECK_EQ(other->drops, chain->drops)) {
            for (size_t i = 0; i < chain->n_rules; i++) {
                CHECK(fw_rule_equals(&other->rules[i], &chain->rules[i]));
            }
        }
    }
    fw_table_uninit(&table);
    if (test_failed()) {
        FAIL("seed %"PRIu64, seed);
    }
}

static void
random_table(uint64_t *seed, enum sg_family family, struct fw_table *table)
{
    const size_t n = 1 + test_random(seed) % N_CHAINS;
    char names[N_CHAINS + ARRAY_SIZE(hooks)][FW_CHAIN_LEN];

    fw_table_init(table);
    for (size_t i = 0; i < n + ARRAY_SIZE(hooks); i++) {
        if (i < n) {
            snprintf(names[i], sizeof names[i], "sg1-%"PRIuSIZE, i);
        } else {
            ovs_strzcpy(names[i], hooks[i - n].chain, sizeof names[i]);
        }
        struct fw_chain *chain = fw_table_chain(table, names[i]);

        chain->builtin = i >= n;
        chain->drops = chain->builtin && test_random(seed) % 2;
    }
    for (size_t i = 0; i < n + ARRAY_SIZE(hooks); i++) {
        for (size_t m = test_random(seed) % MAX_RULES; m; m--) {
            struct random_rule_names to = {
                names[test_random(seed) % n], SET, false,
            };
            struct fw_rule rule;

            random_rule(seed, family, &to, &rule);
            fw_chain_append(fw_table_find(table, names[i]), &rule);
        }
    }
}

TEST(random_tables)
{
    uint64_t seed = test_seed(), start = seed;

    for (int i = 0; i < N_ROUNDS * SG_N_FAMILIES && !test_failed(); i++) {
        struct fw_table table;
        struct ipt_blob blob;

        random_table(&seed, i % SG_N_FAMILIES, &table);
        make_blob(&table, i % SG_N_FAMILIES, &blob);
        check_same(&blob, &table, start);
        free_entries(&blob);
        fw_table_uninit(&table);
    }
}

/* FORWARD: jump a, DROP; a: DROP. */
static void
make_small(enum sg_family family, struct ipt_blob *blob)
{
    struct fw_rule jump = { .verdict = FW_JUMP, .target = "sg1-a" };
    struct fw_rule drop = { .verdict = FW_DROP };
    struct fw_table table;

    fw_table_init(&table);
    for (size_t i = 0; i < ARRAY_SIZE(hooks); i++) {
        fw_table_chain(&table, hooks[i].chain)->builtin = true;
    }
    fw_chain_append(fw_table_find(&table, "FORWARD"), &jump);
    fw_chain_append(fw_table_find(&table, "FORWARD"), &drop);
    fw_chain_append(fw_table_chain(&table, "sg1-a"), &drop);
    make_blob(&table, family, blob);
    fw_table_uninit(&table);
}

TEST(equal_but_for_counters)
{
    for (int family = 0; family < SG_N_FAMILIES; family++) {
        size_t counters = (family == SG_IPV4
                           ? offsetof(struct ipt_entry, counters)
                           : offsetof(struct ip6t_entry, counters));
        struct ipt_blob a, b;
        size_t n = 0;

        make_small(family, &a);
        make_small(family, &b);
        CHECK(ipt_blob_equals(&a, &b));
        for (size_t i = 0; i < a.size; i++) {
            uint8_t *byte = (uint8_t *) (uintptr_t) b.entries + i;

            *byte ^= 1;
            n += ipt_blob_equals(&a, &b);
            /* Of the first entry. */
            CHECK(i >= counters + sizeof(struct xt_counters)
                  || ipt_blob_equals(&a, &b) == (i >= counters));
            *byte ^= 1;
        }
        /* Nine entries. */
        CHECK_UEQ(n, 9 * sizeof(struct xt_counters));
        b.hook_entry[NF_INET_FORWARD]++;
        CHECK(!ipt_blob_equals(&a, &b));
        free_entries(&a);
        free_entries(&b);
    }
}

static void
count_item(const struct ipt_blob_item *item OVS_UNUSED, void *n_)
{
    size_t *n = n_;

    ++*n;
}

/* A table that has lost its end, and bytes that were changed at random: the
 * first is refused; of the second no byte outside is read, which only a
 * sanitizer sees. */
TEST(no_table)
{
    uint64_t seed = test_seed();
    size_t walked = 0;

    for (int family = 0; family < SG_N_FAMILIES; family++) {
        struct ipt_blob blob, part;

        make_small(family, &blob);
        part = blob;
        for (part.size = 0; part.size < blob.size; part.size++) {
            size_t n = 0;

            part.entries = xmemdup(blob.entries, MAX(part.size, 1));
            CHECK_EQ(ipt_blob_walk(&part, count_item, &n), EPROTO);
            CHECK_UEQ(n, 0);
            free_entries(&part);
        }
        for (int i = 0; i < 2000; i++) {
            uint8_t *bytes = xmemdup(blob.entries, blob.size);
            size_t n = 0;

            for (int j = 0; j < 3; j++) {
                bytes[test_random(&seed) % blob.size] = test_random(&seed);
            }
            part.entries = bytes;
            part.size = blob.size;
            walked += !ipt_blob_walk(&part, count_item, &n);
            free(bytes);
        }
        free_entries(&blob);
    }
    CHECK(walked > 0);
}
