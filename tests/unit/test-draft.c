/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Tables without a kernel: what is edited as bytes and read again is what the
 * same edits make of the table as a value, and bytes that are no table are
 * refused. */

#include <config.h>
#include <errno.h>
/* Before the kernel's headers. */
#include <netinet/in.h>
#include <stdlib.h>

#include <linux/netfilter.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

#include "firewall/iptables/ipt_draft.h"
#include "firewall/table_diff.h"
#include "openvswitch/util.h"
#include "tests/lib/random_rule.h"
#include "tests/lib/test.h"
#include "util.h"

#define SET "sg1-m4a-01234567-0123456789ab"
#define SET_INDEX 77
#define N_CHAINS 6
#define N_ROUNDS 200
#define N_EDITS 12

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

/* They are const to everybody else. */
static void
free_entries(const struct ipt_blob *blob)
{
    free((void *) (uintptr_t) blob->entries);
}

/* Puts an entry at 'p' with a target of 'target_size' bytes; returns the
 * target. */
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

/* The security table as it comes into the world: three chains without rules,
 * whose policy is ACCEPT. */
static void
make_empty(enum sg_family family, struct ipt_blob *blob)
{
    static const int hooks[] = {
        NF_INET_LOCAL_IN, NF_INET_FORWARD, NF_INET_LOCAL_OUT,
    };
    uint8_t *p = xmalloc(4096);
    size_t offset = 0, size;
    struct xt_entry_target *t;

    *blob = (struct ipt_blob) { .family = family, .entries = p };
    for (size_t i = 0; i < ARRAY_SIZE(hooks); i++) {
        t = put_entry(family, p + offset,
                      XT_ALIGN(sizeof(struct xt_standard_target)), &size);
        ((struct xt_standard_target *) t)->verdict = -NF_ACCEPT - 1;
        blob->valid_hooks |= 1u << hooks[i];
        blob->hook_entry[hooks[i]] = offset;
        offset += size;
    }
    t = put_entry(family, p + offset,
                  XT_ALIGN(sizeof(struct xt_error_target)), &size);
    ovs_strlcpy(t->u.user.name, XT_ERROR_TARGET, sizeof t->u.user.name);
    ovs_strlcpy(((struct xt_error_target *) t)->errorname, XT_ERROR_TARGET,
                sizeof ((struct xt_error_target *) t)->errorname);
    blob->size = offset + size;
}

/* Writes what the image says as the kernel would hand it out. */
static void
replace_blob(struct ipt_blob *blob, struct ipt_image *image)
{
    free_entries(blob);
    blob->entries = image->entries;
    blob->size = image->size;
    memcpy(blob->hook_entry, image->hook_entry, sizeof blob->hook_entry);
    free(image->old);
}

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
    if (item->rule.p) {
        ipt_decode(&r->codec, item->rule.p, item->rule.size, item->target,
                   &rule);
        fw_chain_append(chain, &rule);
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

        if (CHECK(other) && CHECK_UEQ(other->n_rules, chain->n_rules)) {
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
random_edit(uint64_t *seed, enum sg_family family,
            const struct fw_table *model, struct fw_edit *e)
{
    char to[FW_CHAIN_LEN];
    struct random_rule_names names = { to, SET, false };
    const struct fw_chain *chain;

    memset(e, 0, sizeof *e);
    e->kind = test_random(seed) % (FW_EDIT_CHAIN_DELETE + 1);
    snprintf(e->chain, sizeof e->chain, "sg1-%d",
             (int) (test_random(seed) % N_CHAINS));
    if (test_random(seed) % 4 == 0) {
        ovs_strzcpy(e->chain, "FORWARD", sizeof e->chain);
    }
    chain = fw_table_find(model, e->chain);
    e->index = test_random(seed) % ((chain ? chain->n_rules : 0) + 2);
    if (e->kind == FW_EDIT_INSERT || e->kind == FW_EDIT_REPLACE) {
        snprintf(to, sizeof to, "sg1-%d",
                 (int) (test_random(seed) % N_CHAINS));
        random_rule(seed, family, &names, &e->rule);
    }
}

/* A value does not count the jumps to a chain. */
static bool
is_jumped_to(const struct fw_table *table, const char *name)
{
    const struct fw_chain *chain;

    HMAP_FOR_EACH (chain, node, &table->chains) {
        for (size_t i = 0; i < chain->n_rules; i++) {
            const struct fw_rule *r = &chain->rules[i];

            if ((r->verdict == FW_JUMP || r->verdict == FW_GOTO)
                && !strcmp(r->target, name)) {
                return true;
            }
        }
    }
    return false;
}

/* One commit of edits that can be made. */
static void
commit_some(uint64_t *seed, struct ipt_blob *blob, struct fw_table *model)
{
    struct ipt_codec codec = make_codec(blob->family);
    struct ipt_draft *d = ipt_draft_create(blob);
    struct ipt_image image;

    REQUIRE(d);
    for (int i = 0; i < N_EDITS; i++) {
        const char *reason = NULL;
        struct fw_table copy;
        struct fw_edit e;

        random_edit(seed, blob->family, model, &e);
        fw_table_clone(&copy, model);
        if (!fw_edit_apply(&copy, &e)
            && !(e.kind == FW_EDIT_CHAIN_DELETE
                 && is_jumped_to(model, e.chain))) {
            CHECK_EQ(ipt_draft_edit(d, &codec, &e, &reason), 0);
            CHECK_EQ(fw_edit_apply(model, &e), 0);
        }
        fw_table_uninit(&copy);
    }
    ipt_draft_compile(d, &image);
    ipt_draft_destroy(d);
    replace_blob(blob, &image);
}

TEST(random_edits)
{
    uint64_t seed = test_seed(), start = seed;

    for (int family = 0; family < SG_N_FAMILIES; family++) {
        struct fw_table model;
        struct ipt_blob blob;

        make_empty(family, &blob);
        fw_table_init(&model);
        fw_table_chain(&model, "INPUT");
        fw_table_chain(&model, "FORWARD");
        fw_table_chain(&model, "OUTPUT");
        for (int i = 0; i < N_ROUNDS && !test_failed(); i++) {
            commit_some(&seed, &blob, &model);
            check_same(&blob, &model, start);
        }
        fw_table_uninit(&model);
        free_entries(&blob);
    }
}

/* ------------------------------------------------------------------------ */

static struct fw_edit
make_edit(enum fw_edit_kind kind, const char *chain, size_t index)
{
    struct fw_edit e = {
        .kind = kind, .index = index, .rule = { .verdict = FW_DROP },
    };

    ovs_strzcpy(e.chain, chain, sizeof e.chain);
    return e;
}

static struct fw_edit
make_jump(const char *chain, size_t index, const char *target)
{
    struct fw_edit e = make_edit(FW_EDIT_INSERT, chain, index);

    e.rule.verdict = FW_JUMP;
    ovs_strzcpy(e.rule.target, target, sizeof e.rule.target);
    return e;
}

/* Makes the edits; returns the result of the last. */
static int
edit_all(struct ipt_draft *d, enum sg_family family,
         const struct fw_edit *edits, size_t n)
{
    struct ipt_codec codec = make_codec(family);
    int error = 0;

    for (size_t i = 0; i < n; i++) {
        const char *reason;

        CHECK_EQ(error, 0);
        error = ipt_draft_edit(d, &codec, &edits[i], &reason);
    }
    return error;
}

TEST(refused)
{
    const struct fw_edit a = make_edit(FW_EDIT_CHAIN_CREATE, "sg1-a", 0);
    const struct {
        struct fw_edit edits[3];
        size_t n;
        int error;
    } rows[] = {
        { { a, a }, 2, EEXIST },
        { { make_edit(FW_EDIT_CHAIN_CREATE, "FORWARD", 0) }, 1, EEXIST },
        { { make_edit(FW_EDIT_CHAIN_CREATE, "RETURN", 0) }, 1, EEXIST },
        { { make_edit(FW_EDIT_CHAIN_CREATE, "", 0) }, 1, EINVAL },
        { { make_edit(FW_EDIT_INSERT, "sg1-a", 0) }, 1, ENOENT },
        { { a, make_edit(FW_EDIT_INSERT, "sg1-a", 1) }, 2, EINVAL },
        { { a, make_edit(FW_EDIT_REPLACE, "sg1-a", 0) }, 2, EINVAL },
        { { a, make_edit(FW_EDIT_DELETE, "sg1-a", 0) }, 2, EINVAL },
        { { make_jump("FORWARD", 0, "sg1-a") }, 1, ENOENT },
        { { make_jump("FORWARD", 0, "INPUT") }, 1, ENOENT },
        { { make_edit(FW_EDIT_CHAIN_DELETE, "FORWARD", 0) }, 1, EINVAL },
        { { make_edit(FW_EDIT_CHAIN_DELETE, "sg1-a", 0) }, 1, ENOENT },
        { { a, make_jump("FORWARD", 0, "sg1-a"),
            make_edit(FW_EDIT_CHAIN_DELETE, "sg1-a", 0) }, 3, EBUSY },
        { { a, make_edit(FW_EDIT_INSERT, "sg1-a", 0),
            make_edit(FW_EDIT_CHAIN_DELETE, "sg1-a", 0) }, 3, EBUSY },
        { { a, make_edit(FW_EDIT_CHAIN_DELETE, "sg1-a", 0),
            make_jump("FORWARD", 0, "sg1-a") }, 3, ENOENT },
        { { a, make_edit(FW_EDIT_CHAIN_DELETE, "sg1-a", 0), a }, 3, 0 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct ipt_draft *d;
        struct ipt_blob blob;

        make_empty(SG_IPV4, &blob);
        d = ipt_draft_create(&blob);
        REQUIRE(d);
        if (!CHECK_EQ(edit_all(d, SG_IPV4, rows[i].edits, rows[i].n),
                      rows[i].error)) {
            FAIL("row %"PRIuSIZE, i);
        }
        ipt_draft_destroy(d);
        free_entries(&blob);
    }
}

/* FORWARD: jump a, DROP; a: DROP. */
static void
make_small(enum sg_family family, struct ipt_blob *blob)
{
    const struct fw_edit edits[] = {
        make_edit(FW_EDIT_CHAIN_CREATE, "sg1-a", 0),
        make_edit(FW_EDIT_INSERT, "sg1-a", 0),
        make_jump("FORWARD", 0, "sg1-a"),
        make_edit(FW_EDIT_INSERT, "FORWARD", 1),
    };
    struct ipt_image image;
    struct ipt_draft *d;

    make_empty(family, blob);
    d = ipt_draft_create(blob);
    REQUIRE(d);
    REQUIRE(!edit_all(d, family, edits, ARRAY_SIZE(edits)));
    ipt_draft_compile(d, &image);
    ipt_draft_destroy(d);
    replace_blob(blob, &image);
}

TEST(nothing_edited)
{
    for (int family = 0; family < SG_N_FAMILIES; family++) {
        struct ipt_image image;
        struct ipt_draft *d;
        struct ipt_blob blob;

        make_small(family, &blob);
        d = ipt_draft_create(&blob);
        REQUIRE(d);
        ipt_draft_compile(d, &image);
        CHECK_UEQ(image.size, blob.size);
        CHECK(!memcmp(image.entries, blob.entries, blob.size));
        CHECK(!memcmp(image.hook_entry, blob.hook_entry,
                      sizeof blob.hook_entry));
        ipt_draft_destroy(d);
        replace_blob(&blob, &image);
        free_entries(&blob);
    }
}

/* INPUT's policy, then FORWARD with two rules and its policy, OUTPUT's
 * policy, the head of a, its rule, its end, and the end of all. */
TEST(counters)
{
    const struct fw_edit edits[] = {
        make_edit(FW_EDIT_INSERT, "FORWARD", 1),
        make_edit(FW_EDIT_REPLACE, "sg1-a", 0),
    };
    static const uint32_t old[] = {
        0, 1, IPT_NEW_ENTRY, 2, 3, 4, IPT_NEW_ENTRY, IPT_NEW_ENTRY, 7,
        IPT_NEW_ENTRY,
    };
    struct ipt_image image;
    struct ipt_draft *d;
    struct ipt_blob blob;

    make_small(SG_IPV4, &blob);
    d = ipt_draft_create(&blob);
    REQUIRE(d);
    REQUIRE(!edit_all(d, SG_IPV4, edits, ARRAY_SIZE(edits)));
    ipt_draft_compile(d, &image);
    CHECK_UEQ(image.n_entries, ARRAY_SIZE(old));
    for (size_t i = 0; i < ARRAY_SIZE(old); i++) {
        CHECK_UEQ(image.old[i], old[i]);
    }
    ipt_draft_destroy(d);
    replace_blob(&blob, &image);
    free_entries(&blob);
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
            CHECK(!ipt_draft_create(&part));
            free_entries(&part);
        }
        for (int i = 0; i < 2000; i++) {
            uint8_t *bytes = xmemdup(blob.entries, blob.size);
            struct ipt_image image;
            struct ipt_draft *d;

            for (int j = 0; j < 3; j++) {
                bytes[test_random(&seed) % blob.size] = test_random(&seed);
            }
            part.entries = bytes;
            part.size = blob.size;
            d = ipt_draft_create(&part);
            if (d) {
                ipt_draft_compile(d, &image);
                free(image.entries);
                free(image.old);
                walked++;
            }
            ipt_draft_destroy(d);
            free(bytes);
        }
        free_entries(&blob);
    }
    CHECK(walked > 0);
}
