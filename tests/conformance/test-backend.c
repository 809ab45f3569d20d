/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* What firewall/backend.h promises, on every backend: the model in memory
 * must behave as the kernel does, or tests against the model prove nothing.
 * tests/conformance/test-iptables.c has what only a kernel can show. */

#include <config.h>
#include <errno.h>
#include <stdlib.h>

#include "openvswitch/util.h"
#include "tests/conformance/backend.h"
#include "tests/lib/random_rule.h"
#include "util.h"
#include "uuid.h"

#define SET4 "sg1-m4a-01234567-0123456789ab"
#define SET4B "sg1-m4b-01234567-0123456789ab"
#define SET6 "sg1-m6a-01234567-0123456789ab"
#define NETS4 "sg1-n4a-01234567-0123456789ab"
#define NETS4B "sg1-n4b-01234567-0123456789ab"
#define NETS6 "sg1-n6a-01234567-0123456789ab"
#define CHAIN "sg1-eg-01234567-0123456789ab"    /* 28 bytes: the limit. */

static int
add(struct fixture *f, const char *set, enum sg_family family,
    const struct sg_prefix *p, size_t n, size_t *n_done)
{
    struct fw_set meant = named(set, family);

    return f->c->set_add(f->b, &meant, p, n, n_done);
}

static int
del(struct fixture *f, const char *set, enum sg_family family,
    const struct sg_prefix *p, size_t n, size_t *n_done)
{
    struct fw_set meant = named(set, family);

    return f->c->set_del(f->b, &meant, p, n, n_done);
}

static int
list(struct fixture *f, const char *set, enum sg_family family,
     struct sg_prefix_list *members)
{
    struct fw_set meant = named(set, family);

    return f->c->set_members(f->b, &meant, members);
}

static int
create(struct fixture *f, const char *name, enum sg_family family,
       uint32_t maxelem)
{
    struct fw_set set = make_set(name, family, maxelem);

    return f->c->set_create(f->b, &set);
}

/* ------------------------------------------------------------------------ */
/* Sets. */

static void
check_members(struct fixture *f, const char *set, enum sg_family family,
              uint32_t first, size_t n)
{
    struct sg_prefix_list members = SG_PREFIX_LIST_INITIALIZER;

    CHECK_EQ(list(f, set, family, &members), 0);
    sg_prefix_list_sort(&members);
    REQUIRE(members.n == n);
    for (size_t i = 0; i < n; i++) {
        struct sg_prefix want = make_host(family, first + i);

        CHECK(sg_prefix_equals(&members.p[i], &want));
    }
    sg_prefix_list_uninit(&members);
}

static void
check_set_life(struct fixture *f, const char *name, enum sg_family family)
{
    struct sg_prefix one = make_host(family, 7);
    struct sg_prefix *many = make_hosts(family, 1000, 3000);
    size_t n_done;

    CHECK_EQ(create(f, name, family, FW_SET_MAXELEM), 0);
    struct fw_set set = get_header(f, name);
    CHECK_STR(set.name, name);
    CHECK_EQ(set.family, family);
    CHECK_EQ(set.maxelem, FW_SET_MAXELEM);
    CHECK_EQ(set.hashsize, 1024);
    CHECK_EQ(set.elements, 0);
    CHECK_EQ(set.references, 0);
    CHECK(!set.foreign_type);

    /* One; and again, which changes nothing and is no error. */
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(add(f, name, family, &one, 1, &n_done), 0);
        CHECK_UEQ(n_done, 1);
        check_members(f, name, family, 7, 1);
    }
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(del(f, name, family, &one, 1, &n_done), 0);
        CHECK_UEQ(n_done, 1);
        check_members(f, name, family, 0, 0);
    }

    /* Many, in several messages. */
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(add(f, name, family, many, 3000, &n_done), 0);
        CHECK_UEQ(n_done, 3000);
    }
    check_members(f, name, family, 1000, 3000);
    CHECK_EQ(get_header(f, name).elements, 3000);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(del(f, name, family, many, 2000, &n_done), 0);
        CHECK_UEQ(n_done, 2000);
    }
    check_members(f, name, family, 3000, 1000);

    CHECK_EQ(add(f, name, family, many, 0, &n_done), 0);
    CHECK_UEQ(n_done, 0);
    CHECK_EQ(add(f, name, family, many, 1000, NULL), 0);
    CHECK_EQ(f->c->set_destroy(f->b, name), 0);
    CHECK_STR(get_header(f, name).name, "");
    free(many);
}

BACKEND_TEST(set_life)
{
    check_set_life(f, SET4, SG_IPV4);
    check_set_life(f, SET6, SG_IPV6);
}

static void
check_test(struct fixture *f, const char *name, enum sg_family family,
           const struct sg_prefix *address, int error, bool expected)
{
    struct fw_set meant = named(name, family);
    bool member = !expected;

    CHECK_EQ(f->c->set_test(f->b, &meant, address, &member), error);
    if (!error) {
        CHECK_EQ(member, expected);
    }
}

/* A test reads: nothing is added, whatever it is asked for. */
static void
check_set_tests(struct fixture *f, const char *name, const char *nets,
                enum sg_family family)
{
    int half = sg_family_bits(family) / 2;
    struct sg_prefix one = make_host(family, 7), other = make_host(family, 8);
    struct sg_prefix net = make_host(family, 0), wrong;

    wrong = make_host(family == SG_IPV4 ? SG_IPV6 : SG_IPV4, 7);
    net.plen = sg_family_bits(family) - 3;
    CHECK_EQ(create(f, name, family, 1024), 0);
    CHECK_EQ(create(f, nets, family, 1024), 0);
    check_test(f, name, family, &one, 0, false);
    check_test(f, nets, family, &one, 0, false);

    CHECK_EQ(add(f, name, family, &one, 1, NULL), 0);
    CHECK_EQ(add(f, nets, family, &net, 1, NULL), 0);
    for (int i = 0; i < 2; i++) {
        check_test(f, name, family, &one, 0, true);
        check_test(f, name, family, &other, 0, false);
        check_test(f, nets, family, &one, 0, true);
        check_test(f, nets, family, &other, 0, false);
    }
    check_members(f, name, family, 7, 1);

    /* The larger of two prefixes counts as well. */
    net = make_host(family, 0);
    net.plen = half;
    CHECK_EQ(add(f, nets, family, &net, 1, NULL), 0);
    check_test(f, nets, family, &other, 0, true);

    check_test(f, name, family, &wrong, EINVAL, false);
    check_test(f, name, family, &net, EINVAL, false);
    check_test(f, "", family, &one, EINVAL, false);
    CHECK_EQ(f->c->set_destroy(f->b, name), 0);
    CHECK_EQ(f->c->set_destroy(f->b, nets), 0);
    check_test(f, name, family, &one, ENOENT, false);
}

BACKEND_TEST(set_tests)
{
    check_set_tests(f, SET4, NETS4, SG_IPV4);
    check_set_tests(f, SET6, NETS6, SG_IPV6);
}

BACKEND_TEST(set_headers)
{
    struct fw_ruleset *rs = fw_ruleset_create();

    CHECK_EQ(f->c->list_sets(f->b, rs), 0);
    CHECK(hmap_is_empty(&rs->sets));

    REQUIRE(!create(f, SET4, SG_IPV4, 100));
    REQUIRE(!create(f, SET4B, SG_IPV4, 200));
    REQUIRE(!create(f, SET6, SG_IPV6, 300));
    REQUIRE(!create(f, "foreign", SG_IPV4, 400));
    CHECK_EQ(f->c->list_sets(f->b, rs), 0);
    CHECK_UEQ(hmap_count(&rs->sets), 3);

    const struct fw_set *set = fw_ruleset_find_set(rs, SET4B);
    REQUIRE(set);
    CHECK_EQ(set->slot, FW_SLOT_B);
    CHECK_EQ(set->maxelem, 200);
    set = fw_ruleset_find_set(rs, SET6);
    REQUIRE(set);
    CHECK_EQ(set->slot, FW_SLOT_A);
    CHECK_EQ(set->family, SG_IPV6);
    CHECK(uuid_is_zero(&set->group));
    fw_ruleset_destroy(rs);
}

BACKEND_TEST(set_missing)
{
    struct sg_prefix one = make_host(SG_IPV4, 1);
    struct sg_prefix *many = make_hosts(SG_IPV4, 0, 500);
    struct sg_prefix_list members = SG_PREFIX_LIST_INITIALIZER;
    size_t n_done = 99;

    REQUIRE(!create(f, SET4B, SG_IPV4, 100));
    CHECK_EQ(add(f, SET4, SG_IPV4, &one, 1, &n_done), ENOENT);
    CHECK_UEQ(n_done, 0);
    CHECK_CONTAINS(f->c->error(f->b), SET4);
    n_done = 99;
    CHECK_EQ(add(f, SET4, SG_IPV4, many, 500, &n_done), ENOENT);
    CHECK_UEQ(n_done, 0);
    CHECK_EQ(del(f, SET4, SG_IPV4, &one, 1, &n_done), ENOENT);
    CHECK_EQ(del(f, SET4, SG_IPV4, many, 500, &n_done), ENOENT);
    CHECK_EQ(list(f, SET4, SG_IPV4, &members), ENOENT);
    CHECK_EQ(f->c->set_destroy(f->b, SET4), ENOENT);
    CHECK_EQ(f->c->set_swap(f->b, SET4, SET4B), ENOENT);
    CHECK_EQ(f->c->set_swap(f->b, SET4B, SET4), ENOENT);

    /* Nothing of the failed batch is left to appear later. */
    REQUIRE(!create(f, SET4, SG_IPV4, 1000));
    CHECK_EQ(add(f, SET4, SG_IPV4, &one, 1, &n_done), 0);
    CHECK_UEQ(count_members(f, SET4, SG_IPV4), 1);
    sg_prefix_list_uninit(&members);
    free(many);
}

BACKEND_TEST(set_exists)
{
    struct sg_prefix one = make_host(SG_IPV4, 1);

    REQUIRE(!create(f, SET4, SG_IPV4, 100));
    REQUIRE(!add(f, SET4, SG_IPV4, &one, 1, NULL));
    CHECK_EQ(create(f, SET4, SG_IPV4, 100), EEXIST);
    CHECK_EQ(create(f, SET4, SG_IPV4, 200), EEXIST);
    CHECK_EQ(create(f, SET4, SG_IPV6, 100), EEXIST);
    CHECK_UEQ(count_members(f, SET4, SG_IPV4), 1);
}

BACKEND_TEST(set_names)
{
    static const char name31[] = "sg1-m4a-01234567-0123456789abcd";
    static const char name32[] = "sg1-m4a-01234567-0123456789abcde";
    struct sg_prefix one = make_host(SG_IPV4, 1);
    struct sg_prefix_list members = SG_PREFIX_LIST_INITIALIZER;

    BUILD_ASSERT_DECL(sizeof name31 == FW_SET_LEN);
    CHECK_EQ(create(f, name31, SG_IPV4, 100), 0);
    CHECK_EQ(add(f, name31, SG_IPV4, &one, 1, NULL), 0);

    /* One more would be cut, and mean the other set. */
    CHECK_EQ(add(f, name32, SG_IPV4, &one, 1, NULL), EINVAL);
    CHECK_EQ(del(f, name32, SG_IPV4, &one, 1, NULL), EINVAL);
    CHECK_EQ(list(f, name32, SG_IPV4, &members), EINVAL);
    CHECK_EQ(f->c->set_destroy(f->b, name32), EINVAL);
    CHECK_EQ(f->c->set_swap(f->b, name31, name32), EINVAL);
    CHECK_EQ(f->c->set_swap(f->b, name32, name31), EINVAL);

    /* None would mean all sets. */
    CHECK_EQ(create(f, "", SG_IPV4, 100), EINVAL);
    CHECK_EQ(f->c->set_destroy(f->b, ""), EINVAL);
    CHECK_EQ(list(f, "", SG_IPV4, &members), EINVAL);
    check_members(f, name31, SG_IPV4, 1, 1);
    sg_prefix_list_uninit(&members);
}

/* What the kernel refuses, or would make many members of. */
BACKEND_TEST(set_bad_members)
{
    struct sg_prefix good = make_host(SG_IPV4, 1);
    struct sg_prefix six = make_host(SG_IPV6, 1);
    struct sg_prefix null = { .family = SG_IPV4, .plen = 32 };
    struct sg_prefix all = { .family = SG_IPV4, .plen = 0 };
    struct sg_prefix net = { .family = SG_IPV4, .plen = 24,
                             .addr = { 10, 1, 1 } };
    struct sg_prefix *bad[] = { &null, &all, &net, &six };
    struct sg_prefix_list members = SG_PREFIX_LIST_INITIALIZER;
    size_t n_done;

    REQUIRE(!create(f, SET4, SG_IPV4, 100));
    REQUIRE(!create(f, SET6, SG_IPV6, 100));
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct sg_prefix two[] = { *bad[i], good };

        n_done = 99;
        CHECK_EQ(add(f, SET4, SG_IPV4, bad[i], 1, &n_done), EINVAL);
        CHECK_UEQ(n_done, 0);
        CHECK_EQ(add(f, SET4, SG_IPV4, two, 2, &n_done), EINVAL);
        CHECK_UEQ(n_done, 0);
        CHECK_UEQ(count_members(f, SET4, SG_IPV4), 0);
    }
    /* A set of the other family than the caller thinks. */
    CHECK_EQ(add(f, SET4, SG_IPV6, &six, 1, &n_done), EINVAL);
    CHECK_EQ(add(f, SET6, SG_IPV4, &good, 1, &n_done), EINVAL);
    CHECK_EQ(list(f, SET4, SG_IPV6, &members), EINVAL);
    REQUIRE(!add(f, SET4, SG_IPV4, &good, 1, NULL));
    CHECK_EQ(list(f, SET4, SG_IPV6, &members), EINVAL);
    CHECK_UEQ(members.n, 0);
    sg_prefix_list_uninit(&members);
}

/* Half of a batch fits: it stays, and 'n_done' says how much. */
BACKEND_TEST(set_overflow)
{
    struct sg_prefix *many = make_hosts(SG_IPV4, 0, 1500);
    size_t n_done;

    REQUIRE(!create(f, SET4, SG_IPV4, 1000));
    CHECK_EQ(add(f, SET4, SG_IPV4, many + 1, 1499, &n_done), ENOSPC);
    CHECK_UEQ(n_done, 1000);
    CHECK_CONTAINS(f->c->error(f->b), SET4);
    check_members(f, SET4, SG_IPV4, 1, 1000);

    /* Full is full for one as well; what is in is still fine. */
    CHECK_EQ(add(f, SET4, SG_IPV4, many + 1400, 1, &n_done), ENOSPC);
    CHECK_UEQ(n_done, 0);
    CHECK_EQ(add(f, SET4, SG_IPV4, many + 5, 1, &n_done), 0);

    /* Room again: the rest of the batch goes in. */
    CHECK_EQ(del(f, SET4, SG_IPV4, many + 1, 500, NULL), 0);
    CHECK_EQ(add(f, SET4, SG_IPV4, many + 1001, 499, &n_done), 0);
    CHECK_UEQ(n_done, 499);
    check_members(f, SET4, SG_IPV4, 501, 999);
    free(many);
}

/* A bad member in the middle of several messages. */
BACKEND_TEST(set_null_in_batch)
{
    struct sg_prefix *many = make_hosts(SG_IPV4, 1, 1000);
    size_t n_done;

    REQUIRE(!create(f, SET4, SG_IPV4, 10000));
    memset(many[700].addr, 0, sizeof many[700].addr);
    CHECK_EQ(add(f, SET4, SG_IPV4, many, 1000, &n_done), EINVAL);
    CHECK(n_done <= 700);
    CHECK(count_members(f, SET4, SG_IPV4) >= n_done);
    CHECK(count_members(f, SET4, SG_IPV4) < 1000);
    free(many);
}

BACKEND_TEST(set_swap)
{
    struct sg_prefix *many = make_hosts(SG_IPV4, 0, 30);

    REQUIRE(!create(f, SET4, SG_IPV4, 100));
    REQUIRE(!create(f, SET4B, SG_IPV4, 200));
    REQUIRE(!create(f, SET6, SG_IPV6, 100));
    REQUIRE(!add(f, SET4, SG_IPV4, many, 10, NULL));
    REQUIRE(!add(f, SET4B, SG_IPV4, many + 10, 20, NULL));
    CHECK_EQ(f->c->set_swap(f->b, SET4, SET4B), 0);
    check_members(f, SET4, SG_IPV4, 10, 20);
    check_members(f, SET4B, SG_IPV4, 0, 10);
    CHECK_EQ(get_header(f, SET4).maxelem, 200);
    CHECK_EQ(f->c->set_swap(f->b, SET4, SET6), EINVAL);
    free(many);
}

/* Sets for prefixes, of either family. */
static void
check_nets_life(struct fixture *f, const char *name, enum sg_family family)
{
    static const char *const texts[SG_N_FAMILIES][6] = {
        { "0.0.0.0/1", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.2/31",
          "10.1.2.3", "128.0.0.0/1" },
        { "::/1", "2001:db8::/32", "2001:db8:1::/48", "2001:db8:1::2/127",
          "2001:db8:1::3", "8000::/1" },
    };
    struct sg_prefix_list members = SG_PREFIX_LIST_INITIALIZER;
    struct sg_prefix nets[6], whole = { .family = family };
    struct fw_set set;
    size_t n_done;

    for (size_t i = 0; i < ARRAY_SIZE(nets); i++) {
        REQUIRE(sg_prefix_from_string(texts[family][i], &nets[i]));
    }
    CHECK_EQ(create(f, name, family, 1024), 0);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(add(f, name, family, nets, 6, &n_done), 0);
        CHECK_UEQ(n_done, 6);
    }
    set = get_header(f, name);
    CHECK_EQ(set.family, family);
    CHECK_EQ(set.content, FW_NETS);
    CHECK_EQ(set.maxelem, 1024);
    CHECK_UEQ(set.elements, 6);
    CHECK(!set.foreign_type);

    CHECK_EQ(list(f, name, family, &members), 0);
    sg_prefix_list_sort(&members);
    REQUIRE(members.n == 6);
    for (size_t i = 0; i < 6; i++) {
        CHECK(sg_prefix_equals(&members.p[i], &nets[i]));
    }

    /* One alone; and what is not there. */
    CHECK_EQ(del(f, name, family, &nets[1], 1, &n_done), 0);
    CHECK_EQ(del(f, name, family, &nets[1], 1, &n_done), 0);
    CHECK_UEQ(count_members(f, name, family), 5);
    CHECK_EQ(add(f, name, family, &nets[1], 1, &n_done), 0);
    CHECK_EQ(add(f, name, family, &whole, 1, &n_done), EINVAL);
    CHECK_UEQ(n_done, 0);
    CHECK_EQ(add(f, name, !family, nets, 6, &n_done), EINVAL);
    CHECK_EQ(list(f, name, !family, &members), EINVAL);
    CHECK_EQ(del(f, name, family, nets, 6, &n_done), 0);
    CHECK_UEQ(count_members(f, name, family), 0);

    /* Taken for the other type. */
    set.content = FW_HOSTS;
    CHECK_EQ(f->c->set_members(f->b, &set, &members), EINVAL);
    sg_prefix_list_uninit(&members);
}

BACKEND_TEST(nets_life)
{
    check_nets_life(f, NETS4, SG_IPV4);
    check_nets_life(f, NETS6, SG_IPV6);
}

BACKEND_TEST(nets_swap)
{
    struct sg_prefix net = { .family = SG_IPV4, .plen = 8, .addr = { 10 } };

    REQUIRE(!create(f, NETS4, SG_IPV4, 100));
    REQUIRE(!create(f, NETS4B, SG_IPV4, 200));
    REQUIRE(!create(f, SET4, SG_IPV4, 100));
    REQUIRE(!create(f, NETS6, SG_IPV6, 100));
    REQUIRE(!add(f, NETS4, SG_IPV4, &net, 1, NULL));
    CHECK_EQ(f->c->set_swap(f->b, NETS4, NETS4B), 0);
    CHECK_UEQ(count_members(f, NETS4, SG_IPV4), 0);
    CHECK_UEQ(count_members(f, NETS4B, SG_IPV4), 1);
    CHECK_EQ(f->c->set_swap(f->b, NETS4, SET4), EINVAL);
    CHECK_EQ(f->c->set_swap(f->b, NETS4, NETS6), EINVAL);
    CHECK_EQ(f->c->set_destroy(f->b, NETS4), 0);
}

BACKEND_TEST(nets_overflow)
{
    struct sg_prefix many[300];
    size_t n_done;

    for (size_t i = 0; i < ARRAY_SIZE(many); i++) {
        many[i] = (struct sg_prefix) {
            .family = SG_IPV4, .plen = 24, .addr = { 10, i >> 8, i },
        };
    }
    REQUIRE(!create(f, NETS4, SG_IPV4, 200));
    CHECK_EQ(add(f, NETS4, SG_IPV4, many, 300, &n_done), ENOSPC);
    CHECK_UEQ(n_done, 200);
    CHECK_UEQ(count_members(f, NETS4, SG_IPV4), 200);
}

/* While anybody lists a set it can be changed, but not swapped or removed. */
BACKEND_TEST(busy_while_listed)
{
    struct sg_prefix *many = make_hosts(SG_IPV4, 0, 20000);

    REQUIRE(!create(f, SET4, SG_IPV4, 65536));
    REQUIRE(!create(f, SET4B, SG_IPV4, 65536));
    REQUIRE(!add(f, SET4, SG_IPV4, many, 20000, NULL));
    hold_dump(f, SET4);
    CHECK_EQ(f->c->set_swap(f->b, SET4, SET4B), EBUSY);
    CHECK_EQ(f->c->set_swap(f->b, SET4B, SET4), EBUSY);
    CHECK_EQ(f->c->set_destroy(f->b, SET4), EBUSY);
    CHECK_EQ(del(f, SET4, SG_IPV4, many, 1000, NULL), 0);
    CHECK_EQ(add(f, SET4, SG_IPV4, many, 1, NULL), 0);
    CHECK_UEQ(count_members(f, SET4, SG_IPV4), 19001);
    CHECK_EQ(f->c->set_destroy(f->b, SET4B), 0);
    release_dump(f, SET4);
    CHECK_EQ(f->c->set_destroy(f->b, SET4), 0);
    free(many);
}

/* ------------------------------------------------------------------------ */
/* Tables. */

static void
check_rules(struct fixture *f, enum sg_family family, enum fw_table_id id,
            const char *chain_name, const struct fw_rule *rules, size_t n)
{
    struct fw_table table;

    fw_table_init(&table);
    REQUIRE(!read_table(f, family, id, &table));
    const struct fw_chain *chain = fw_table_find(&table, chain_name);
    REQUIRE(chain);
    CHECK_UEQ(chain->n_rules, n);
    for (size_t i = 0; i < n && i < chain->n_rules; i++) {
        if (!CHECK(fw_rule_equals(&chain->rules[i], &rules[i]))) {
            struct ds text = DS_EMPTY_INITIALIZER;

            fw_rule_format(&rules[i], family, &text);
            ds_put_cstr(&text, "\n#   read back as ");
            fw_rule_format(&chain->rules[i], family, &text);
            FAIL("rule %"PRIuSIZE": %s", i, ds_cstr(&text));
            ds_destroy(&text);
        }
    }
    fw_table_uninit(&table);
}

BACKEND_TEST(table_builtin_chains)
{
    static const char *const chains[FW_N_TABLES][3] = {
        [FW_RAW] = { "PREROUTING", "OUTPUT", NULL },
        [FW_SECURITY] = { "INPUT", "FORWARD", "OUTPUT" },
        [FW_FILTER] = { "INPUT", "FORWARD", "OUTPUT" },
    };

    for (int family = 0; family < SG_N_FAMILIES; family++) {
        for (int id = 0; id < FW_N_TABLES; id++) {
            struct fw_table table;

            fw_table_init(&table);
            CHECK_EQ(read_table(f, family, id, &table), 0);
            for (int i = 0; i < 3 && chains[id][i]; i++) {
                const struct fw_chain *chain
                    = fw_table_find(&table, chains[id][i]);

                REQUIRE(chain);
                CHECK(chain->builtin);
                CHECK_UEQ(chain->n_rules, 0);
            }
            fw_table_uninit(&table);
        }
    }
}

/* Whoever made it and wherever it stands; with one device, or with none that
 * stands for the rule. */
BACKEND_TEST(table_zones)
{
    struct fw_rule ours = make_rule(FW_ZONE, NULL, "qbr1");
    struct fw_rule theirs = make_rule(FW_ZONE, NULL, "qbr2");
    struct fw_rule port = make_rule(FW_ZONE, NULL, NULL);
    struct fw_rule pattern = make_rule(FW_ZONE, NULL, "qbr+");
    struct fw_rule both = make_rule(FW_ZONE, NULL, "qbr3");
    struct fw_rule some = make_rule(FW_ZONE, NULL, "qbr4");
    struct fw_rule all = make_rule(FW_ZONE, NULL, NULL);
    struct fw_rule none = make_rule(FW_NOTRACK, NULL, "qbr5");
    struct fw_rule untracked = make_rule(FW_NOTRACK, NULL, "qbr6");

    ours.zone = 1;
    theirs.zone = 2;
    port.zone = 3;
    port.match = FW_M_PHYSDEV_IN;
    ovs_strlcpy(port.physdev_in, "tap3", sizeof port.physdev_in);
    pattern.zone = 4;
    both.zone = 5;
    both.match |= FW_M_PHYSDEV_IN;
    ovs_strlcpy(both.physdev_in, "tap5", sizeof both.physdev_in);
    some.zone = 6;
    some.match |= FW_M_PROTO;
    some.proto = IPPROTO_TCP;
    all.zone = 65535;
    struct fw_edit edits[] = {
        make_edit(FW_EDIT_CHAIN_CREATE, "sg1-z", 0, NULL),
        make_edit(FW_EDIT_INSERT, "sg1-z", 0, &ours),
        make_edit(FW_EDIT_INSERT, "sg1-z", 1, &untracked),
        make_edit(FW_EDIT_INSERT, "PREROUTING", 0, &theirs),
        make_edit(FW_EDIT_INSERT, "PREROUTING", 1, &port),
        make_edit(FW_EDIT_INSERT, "PREROUTING", 2, &pattern),
        make_edit(FW_EDIT_INSERT, "PREROUTING", 3, &both),
        make_edit(FW_EDIT_INSERT, "PREROUTING", 4, &some),
        make_edit(FW_EDIT_INSERT, "OUTPUT", 0, &all),
        make_edit(FW_EDIT_INSERT, "PREROUTING", 5, &none),
    };

    for (int family = 0; family < SG_N_FAMILIES; family++) {
        char *zones = get_zones(f, family);
        CHECK_STR(zones, "");
        free(zones);
        CHECK_EQ(commit_edits(f, family, FW_RAW, edits, ARRAY_SIZE(edits)),
                 0);
        zones = get_zones(f, family);
        CHECK_STR(zones, family == SG_IPV4
                  ? "IPv4 0 qbr6 ours\nIPv4 1 qbr1 ours\nIPv4 2 qbr2\n"
                    "IPv4 3 tap3\nIPv4 4 \nIPv4 5 \nIPv4 6 \nIPv4 65535 "
                  : "IPv6 0 qbr6 ours\nIPv6 1 qbr1 ours\nIPv6 2 qbr2\n"
                    "IPv6 3 tap3\nIPv6 4 \nIPv6 5 \nIPv6 6 \nIPv6 65535 ");
        free(zones);
    }
}

BACKEND_TEST(table_edits)
{
    struct fw_rule a = make_rule(FW_ACCEPT, NULL, "a");
    struct fw_rule b = make_rule(FW_DROP, NULL, "b");
    struct fw_rule c = make_rule(FW_RETURN, NULL, "c");
    struct fw_rule d = make_rule(FW_GOTO, "sg1-out", "d+");
    struct fw_edit first[] = {
        make_edit(FW_EDIT_CHAIN_CREATE, "sg1-out", 0, NULL),
        make_edit(FW_EDIT_CHAIN_CREATE, CHAIN, 0, NULL),
        make_edit(FW_EDIT_INSERT, CHAIN, 0, &b),
        make_edit(FW_EDIT_INSERT, CHAIN, 0, &a),
        make_edit(FW_EDIT_INSERT, CHAIN, 2, &d),
        make_edit(FW_EDIT_INSERT, CHAIN, 2, &c),
    };
    struct fw_rule abcd[] = { a, b, c, d };

    CHECK_EQ(commit_edits(f, SG_IPV4, FW_SECURITY, first,
                          ARRAY_SIZE(first)), 0);
    check_rules(f, SG_IPV4, FW_SECURITY, CHAIN, abcd, 4);
    check_rules(f, SG_IPV4, FW_SECURITY, "sg1-out", NULL, 0);

    struct fw_edit second[] = {
        make_edit(FW_EDIT_DELETE, CHAIN, 1, NULL),
        make_edit(FW_EDIT_REPLACE, CHAIN, 1, &a),
        make_edit(FW_EDIT_REPLACE, CHAIN, 0, &c),
        make_edit(FW_EDIT_DELETE, CHAIN, 2, NULL),
        make_edit(FW_EDIT_CHAIN_DELETE, "sg1-out", 0, NULL),
    };
    struct fw_rule ca[] = { c, a };
    CHECK_EQ(commit_edits(f, SG_IPV4, FW_SECURITY, second,
                          ARRAY_SIZE(second)), 0);
    check_rules(f, SG_IPV4, FW_SECURITY, CHAIN, ca, 2);

    struct fw_edit third[] = {
        make_edit(FW_EDIT_CHAIN_FLUSH, CHAIN, 0, NULL),
        make_edit(FW_EDIT_CHAIN_DELETE, CHAIN, 0, NULL),
    };
    CHECK_EQ(commit_edits(f, SG_IPV4, FW_SECURITY, third,
                          ARRAY_SIZE(third)), 0);

    struct fw_table table;
    fw_table_init(&table);
    REQUIRE(!read_table(f, SG_IPV4, FW_SECURITY, &table));
    CHECK(!fw_table_find(&table, CHAIN));
    CHECK(!fw_table_find(&table, "sg1-out"));
    fw_table_uninit(&table);
}

/* Every form of rule comes back as it was written, in both families. */
BACKEND_TEST(table_round_trip)
{
    static const struct random_rule_names names[FW_N_TABLES] = {
        [FW_RAW] = { "sg1-target", SET4, true },
        [FW_SECURITY] = { "sg1-target", SET4, false },
        [FW_FILTER] = { "sg1-target", "", false },
    };
    enum { N = 300 };
    uint64_t seed = test_seed();

    REQUIRE(!create(f, SET4, SG_IPV4, 100));
    REQUIRE(!create(f, SET6, SG_IPV6, 100));
    for (int i = 0; i < SG_N_FAMILIES * FW_N_TABLES; i++) {
        enum sg_family family = i % SG_N_FAMILIES;
        enum fw_table_id id = i / SG_N_FAMILIES;
        struct random_rule_names n = names[id];
        struct fw_edit *edits = xcalloc(N + 2, sizeof *edits);
        struct fw_rule *rules = xcalloc(N, sizeof *rules);

        if (family == SG_IPV6 && n.set[0]) {
            n.set = SET6;
        }
        edits[0] = make_edit(FW_EDIT_CHAIN_CREATE, CHAIN, 0, NULL);
        edits[1] = make_edit(FW_EDIT_CHAIN_CREATE, "sg1-target", 0, NULL);
        for (int j = 0; j < N; j++) {
            random_rule(&seed, family, &n, &rules[j]);
            edits[j + 2] = make_edit(FW_EDIT_INSERT, CHAIN, j, &rules[j]);
        }
        if (!CHECK_EQ(commit_edits(f, family, id, edits, N + 2), 0)) {
            FAIL("%s", f->c->error(f->b));
        }
        check_rules(f, family, id, CHAIN, rules, N);
        free(edits);
        free(rules);
    }
}

/* A rule that was read and is written back keeps its verdict.  (The kernel
 * hands standard targets out with an empty name, and a rule with an empty
 * target name has no verdict.) */
BACKEND_TEST(table_write_back)
{
    struct fw_rule rules[] = {
        make_rule(FW_ACCEPT, NULL, "a"),
        make_rule(FW_DROP, NULL, "b"),
        make_rule(FW_RETURN, NULL, "c"),
        make_rule(FW_JUMP, "sg1-out", "d"),
        make_rule(FW_GOTO, "sg1-out", "e"),
    };
    enum { N = ARRAY_SIZE(rules) };
    struct fw_edit edits[N + 2];
    struct fw_table table;

    edits[0] = make_edit(FW_EDIT_CHAIN_CREATE, CHAIN, 0, NULL);
    edits[1] = make_edit(FW_EDIT_CHAIN_CREATE, "sg1-out", 0, NULL);
    for (size_t i = 0; i < N; i++) {
        edits[i + 2] = make_edit(FW_EDIT_INSERT, CHAIN, i, &rules[i]);
    }
    REQUIRE(!commit_edits(f, SG_IPV4, FW_SECURITY, edits, N + 2));

    fw_table_init(&table);
    REQUIRE(!read_table(f, SG_IPV4, FW_SECURITY, &table));
    const struct fw_chain *chain = fw_table_find(&table, CHAIN);
    REQUIRE(chain && chain->n_rules == N);
    for (size_t i = 0; i < N; i++) {
        edits[i] = make_edit(FW_EDIT_REPLACE, CHAIN, i, &chain->rules[i]);
    }
    CHECK_EQ(commit_edits(f, SG_IPV4, FW_SECURITY, edits, N), 0);
    check_rules(f, SG_IPV4, FW_SECURITY, CHAIN, rules, N);
    fw_table_uninit(&table);
}

/* A commit does all of its edits or none. */
BACKEND_TEST(table_atomic)
{
    struct fw_rule good = make_rule(FW_DROP, NULL, "a");
    struct fw_rule no_target = make_rule(FW_JUMP, "sg1-missing", NULL);
    struct fw_rule no_verdict = make_rule(FW_NONE, NULL, NULL);
    struct fw_rule foreign = { .match = FW_M_FOREIGN, .verdict = FW_DROP };
    struct fw_rule no_set = make_rule(FW_ACCEPT, NULL, NULL);
    struct fw_rule set6 = make_rule(FW_ACCEPT, NULL, NULL);

    no_set.match |= FW_M_SET_SRC;
    ovs_strlcpy(no_set.set, SET4B, sizeof no_set.set);
    set6.match |= FW_M_SET_SRC;
    ovs_strlcpy(set6.set, SET6, sizeof set6.set);

    const struct {
        struct fw_edit edit;
        int error;
    } rows[] = {
        { make_edit(FW_EDIT_INSERT, "sg1-missing", 0, &good), ENOENT },
        { make_edit(FW_EDIT_REPLACE, "sg1-missing", 0, &good), ENOENT },
        { make_edit(FW_EDIT_DELETE, "sg1-missing", 0, NULL), ENOENT },
        { make_edit(FW_EDIT_CHAIN_FLUSH, "sg1-missing", 0, NULL), ENOENT },
        { make_edit(FW_EDIT_CHAIN_DELETE, "sg1-missing", 0, NULL), ENOENT },
        { make_edit(FW_EDIT_INSERT, CHAIN, 0, &no_target), ENOENT },
        { make_edit(FW_EDIT_REPLACE, CHAIN, 0, &no_target), ENOENT },
        { make_edit(FW_EDIT_INSERT, CHAIN, 0, &no_set), ENOENT },
        /* The kernel would take it, and it would never match. */
        { make_edit(FW_EDIT_INSERT, CHAIN, 0, &set6), EINVAL },
        { make_edit(FW_EDIT_INSERT, CHAIN, 0, &no_verdict), EINVAL },
        { make_edit(FW_EDIT_INSERT, CHAIN, 0, &foreign), EINVAL },
        /* One rule was inserted by the edit before. */
        { make_edit(FW_EDIT_INSERT, CHAIN, 3, &good), EINVAL },
        { make_edit(FW_EDIT_REPLACE, CHAIN, 2, &good), EINVAL },
        { make_edit(FW_EDIT_DELETE, CHAIN, 2, NULL), EINVAL },
        { make_edit(FW_EDIT_CHAIN_CREATE, CHAIN, 0, NULL), EEXIST },
        { make_edit(FW_EDIT_CHAIN_DELETE, CHAIN, 0, NULL), EBUSY },
        { make_edit(FW_EDIT_CHAIN_DELETE, "sg1-used", 0, NULL), EBUSY },
        { make_edit(FW_EDIT_CHAIN_CREATE, "", 0, NULL), EINVAL },
    };
    struct fw_rule jump = make_rule(FW_JUMP, "sg1-used", "x");
    struct fw_edit before[] = {
        make_edit(FW_EDIT_CHAIN_CREATE, CHAIN, 0, NULL),
        make_edit(FW_EDIT_CHAIN_CREATE, "sg1-used", 0, NULL),
        make_edit(FW_EDIT_INSERT, CHAIN, 0, &jump),
    };

    REQUIRE(!create(f, SET6, SG_IPV6, 100));
    REQUIRE(!commit_edits(f, SG_IPV4, FW_SECURITY, before,
                          ARRAY_SIZE(before)));
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct fw_edit edits[] = {
            make_edit(FW_EDIT_INSERT, CHAIN, 0, &good),
            rows[i].edit,
            make_edit(FW_EDIT_INSERT, CHAIN, 0, &good),
        };

        if (!CHECK_EQ(commit_edits(f, SG_IPV4, FW_SECURITY, edits, 3),
                      rows[i].error)) {
            FAIL("row %"PRIuSIZE": %s", i, f->c->error(f->b));
        }
        CHECK(f->c->error(f->b)[0]);
        check_rules(f, SG_IPV4, FW_SECURITY, CHAIN, &jump, 1);
    }
}

/* Each family and each table is its own. */
BACKEND_TEST(table_apart)
{
    struct fw_rule r = make_rule(FW_DROP, NULL, "a");
    struct fw_edit edits[] = {
        make_edit(FW_EDIT_CHAIN_CREATE, CHAIN, 0, NULL),
        make_edit(FW_EDIT_INSERT, CHAIN, 0, &r),
    };

    REQUIRE(!commit_edits(f, SG_IPV6, FW_SECURITY, edits, 2));
    for (int family = 0; family < SG_N_FAMILIES; family++) {
        for (int id = 0; id < FW_N_TABLES; id++) {
            struct fw_table table;

            fw_table_init(&table);
            REQUIRE(!read_table(f, family, id, &table));
            CHECK_EQ(fw_table_find(&table, CHAIN) != NULL,
                     family == SG_IPV6 && id == FW_SECURITY);
            fw_table_uninit(&table);
        }
    }
}

/* Several tables in one turn of the lock. */
BACKEND_TEST(table_several_at_once)
{
    struct fw_rule r = make_rule(FW_DROP, NULL, "a");
    struct fw_edit edits[] = {
        make_edit(FW_EDIT_CHAIN_CREATE, CHAIN, 0, NULL),
        make_edit(FW_EDIT_INSERT, CHAIN, 0, &r),
    };
    struct fw_table tables[SG_N_FAMILIES][FW_N_TABLES];

    REQUIRE(!f->c->begin(f->b));
    for (int i = 0; i < SG_N_FAMILIES * FW_N_TABLES; i++) {
        struct fw_table *table
            = &tables[i % SG_N_FAMILIES][i / SG_N_FAMILIES];

        fw_table_init(table);
        CHECK_EQ(f->c->read(f->b, i % SG_N_FAMILIES, i / SG_N_FAMILIES,
                            table), 0);
    }
    CHECK_EQ(f->c->commit(f->b, SG_IPV6, FW_RAW, edits, 2), 0);
    CHECK_EQ(f->c->commit(f->b, SG_IPV4, FW_SECURITY, edits, 2), 0);
    f->c->end(f->b);
    for (int i = 0; i < SG_N_FAMILIES * FW_N_TABLES; i++) {
        fw_table_uninit(&tables[i % SG_N_FAMILIES][i / SG_N_FAMILIES]);
    }
    check_rules(f, SG_IPV6, FW_RAW, CHAIN, &r, 1);
    check_rules(f, SG_IPV4, FW_SECURITY, CHAIN, &r, 1);
}

BACKEND_TEST(table_counters)
{
    struct fw_rule a = make_rule(FW_DROP, NULL, "a");
    struct fw_rule b = make_rule(FW_DROP, NULL, "b");
    struct fw_edit edits[] = {
        make_edit(FW_EDIT_CHAIN_CREATE, CHAIN, 0, NULL),
        make_edit(FW_EDIT_INSERT, CHAIN, 0, &a),
    };
    struct fw_table table;

    REQUIRE(!commit_edits(f, SG_IPV4, FW_SECURITY, edits, 2));
    other_count(f, CHAIN, &a, 5, 4200);

    /* Rules before and behind it come and go. */
    struct fw_edit around[] = {
        make_edit(FW_EDIT_INSERT, CHAIN, 0, &b),
        make_edit(FW_EDIT_INSERT, CHAIN, 2, &b),
        make_edit(FW_EDIT_REPLACE, CHAIN, 2, &a),
    };
    CHECK_EQ(commit_edits(f, SG_IPV4, FW_SECURITY, around, 3), 0);
    fw_table_init(&table);
    REQUIRE(!read_table(f, SG_IPV4, FW_SECURITY, &table));
    const struct fw_chain *chain = fw_table_find(&table, CHAIN);
    REQUIRE(chain && chain->n_rules == 3);
    CHECK_UEQ(chain->rules[0].packets, 0);
    CHECK_UEQ(chain->rules[1].packets, 5);
    CHECK_UEQ(chain->rules[1].bytes, 4200);
    CHECK_UEQ(chain->rules[2].packets, 0);
    fw_table_uninit(&table);
}

/* A set that a rule names cannot be destroyed; it can be swapped, and the
 * rule goes on naming it. */
BACKEND_TEST(set_in_use)
{
    struct fw_rule r = make_rule(FW_ACCEPT, NULL, NULL);
    r.match |= FW_M_SET_SRC;
    ovs_strlcpy(r.set, SET4, sizeof r.set);
    struct fw_edit edits[] = {
        make_edit(FW_EDIT_CHAIN_CREATE, CHAIN, 0, NULL),
        make_edit(FW_EDIT_INSERT, CHAIN, 0, &r),
    };

    REQUIRE(!create(f, SET4, SG_IPV4, 100));
    REQUIRE(!create(f, SET4B, SG_IPV4, 100));
    REQUIRE(!commit_edits(f, SG_IPV4, FW_SECURITY, edits, 2));
    CHECK_EQ(get_header(f, SET4).references, 1);
    CHECK_EQ(get_header(f, SET4B).references, 0);
    CHECK_EQ(f->c->set_destroy(f->b, SET4), EBUSY);
    CHECK_EQ(f->c->set_swap(f->b, SET4, SET4B), 0);
    check_rules(f, SG_IPV4, FW_SECURITY, CHAIN, &r, 1);
    CHECK_EQ(get_header(f, SET4).references, 1);
    CHECK_EQ(f->c->set_destroy(f->b, SET4B), 0);

    struct fw_edit gone = make_edit(FW_EDIT_CHAIN_FLUSH, CHAIN, 0, NULL);
    CHECK_EQ(commit_edits(f, SG_IPV4, FW_SECURITY, &gone, 1), 0);
    CHECK_EQ(f->c->set_destroy(f->b, SET4), 0);
}

/* Another writer without the lock is noticed, also if the number of entries
 * is what it was; his edits stay. */
BACKEND_TEST(other_writer)
{
    struct fw_rule a = make_rule(FW_DROP, NULL, "a");
    struct fw_rule theirs = make_rule(FW_ACCEPT, NULL, "theirs");
    struct fw_edit edits[] = {
        make_edit(FW_EDIT_CHAIN_CREATE, CHAIN, 0, NULL),
        make_edit(FW_EDIT_INSERT, CHAIN, 0, &a),
    };
    struct fw_table table;

    REQUIRE(!commit_edits(f, SG_IPV4, FW_SECURITY, edits, 2));
    other_append(f, "FORWARD", &a);
    for (int same_count = 0; same_count < 2; same_count++) {
        fw_table_init(&table);
        REQUIRE(!f->c->begin(f->b));
        REQUIRE(!f->c->read(f->b, SG_IPV4, FW_SECURITY, &table));
        fw_table_uninit(&table);
        other_append(f, "FORWARD", &theirs);
        if (same_count) {
            other_delete_first(f, "FORWARD");
        }
        CHECK_EQ(f->c->commit(f->b, SG_IPV4, FW_SECURITY, edits + 1, 1),
                 EAGAIN);
        f->c->end(f->b);

        struct fw_rule first[] = { a, theirs };
        struct fw_rule second[] = { theirs, theirs };
        check_rules(f, SG_IPV4, FW_SECURITY, "FORWARD",
                    same_count ? second : first, 2);
        check_rules(f, SG_IPV4, FW_SECURITY, CHAIN, &a, 1);
    }
}

/* The mark is that of the table that was read, and another one when the table
 * has more rules. */
BACKEND_TEST(table_mark)
{
    struct fw_rule theirs = make_rule(FW_ACCEPT, NULL, "theirs");
    struct fw_table table;

    fw_table_init(&table);
    REQUIRE(!f->c->begin(f->b));
    REQUIRE(!f->c->read(f->b, SG_IPV4, FW_SECURITY, &table));
    CHECK(table.mark);
    CHECK(f->c->mark(f->b, SG_IPV4, FW_SECURITY) == table.mark);
    f->c->end(f->b);
    other_append(f, "FORWARD", &theirs);
    REQUIRE(!f->c->begin(f->b));
    CHECK(f->c->mark(f->b, SG_IPV4, FW_SECURITY) != table.mark);
    f->c->end(f->b);
    fw_table_uninit(&table);
}

/* Jumps from our chains and hooks are ours; others keep a chain alive. */
BACKEND_TEST(chain_references)
{
    struct fw_rule hook = make_rule(FW_JUMP, CHAIN, "qbr+");
    struct fw_rule own = make_rule(FW_GOTO, CHAIN, NULL);
    struct fw_edit edits[] = {
        make_edit(FW_EDIT_CHAIN_CREATE, CHAIN, 0, NULL),
        make_edit(FW_EDIT_CHAIN_CREATE, "sg1-root", 0, NULL),
        make_edit(FW_EDIT_INSERT, "sg1-root", 0, &own),
        make_edit(FW_EDIT_INSERT, "FORWARD", 0, &hook),
    };
    struct fw_rule theirs = make_rule(FW_JUMP, CHAIN, "theirs");
    struct fw_table table;

    hook.match |= FW_M_COMMENT;
    edits[3].rule = hook;
    REQUIRE(!commit_edits(f, SG_IPV4, FW_SECURITY, edits, 4));
    for (int i = 0; i < 2; i++) {
        fw_table_init(&table);
        REQUIRE(!read_table(f, SG_IPV4, FW_SECURITY, &table));
        REQUIRE(fw_table_find(&table, CHAIN));
        CHECK_UEQ(fw_table_find(&table, CHAIN)->references, i);
        CHECK_UEQ(fw_table_find(&table, "sg1-root")->references, 0);
        fw_table_uninit(&table);
        other_append(f, "INPUT", &theirs);
    }
}
