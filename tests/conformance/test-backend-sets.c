/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* What firewall/backend.h promises of sets, on every backend: see
 * test-backend.c, which has what is promised of tables. */

#include <config.h>
#include <errno.h>
#include <stdlib.h>

#include "openvswitch/util.h"
#include "tests/conformance/backend.h"
#include "util.h"
#include "uuid.h"

#define NETS4 "sg1-n4a-01234567-0123456789ab"
#define NETS4B "sg1-n4b-01234567-0123456789ab"
#define NETS6 "sg1-n6a-01234567-0123456789ab"

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

    CHECK_EQ(create_set(f, name, family, FW_SET_MAXELEM), 0);
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

BACKEND_TEST(set_headers)
{
    struct fw_ruleset *rs = fw_ruleset_create();

    CHECK_EQ(f->c->list_sets(f->b, rs), 0);
    CHECK(hmap_is_empty(&rs->sets));

    REQUIRE(!create_set(f, SET4, SG_IPV4, 100));
    REQUIRE(!create_set(f, SET4B, SG_IPV4, 200));
    REQUIRE(!create_set(f, SET6, SG_IPV6, 300));
    REQUIRE(!create_set(f, "foreign", SG_IPV4, 400));
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

    REQUIRE(!create_set(f, SET4B, SG_IPV4, 100));
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
    REQUIRE(!create_set(f, SET4, SG_IPV4, 1000));
    CHECK_EQ(add(f, SET4, SG_IPV4, &one, 1, &n_done), 0);
    CHECK_UEQ(count_members(f, SET4, SG_IPV4), 1);
    sg_prefix_list_uninit(&members);
    free(many);
}

BACKEND_TEST(set_exists)
{
    struct sg_prefix one = make_host(SG_IPV4, 1);

    REQUIRE(!create_set(f, SET4, SG_IPV4, 100));
    REQUIRE(!add(f, SET4, SG_IPV4, &one, 1, NULL));
    CHECK_EQ(create_set(f, SET4, SG_IPV4, 100), EEXIST);
    CHECK_EQ(create_set(f, SET4, SG_IPV4, 200), EEXIST);
    CHECK_EQ(create_set(f, SET4, SG_IPV6, 100), EEXIST);
    CHECK_UEQ(count_members(f, SET4, SG_IPV4), 1);
}

BACKEND_TEST(set_names)
{
    static const char name31[] = "sg1-m4a-01234567-0123456789abcd";
    static const char name32[] = "sg1-m4a-01234567-0123456789abcde";
    struct sg_prefix one = make_host(SG_IPV4, 1);
    struct sg_prefix_list members = SG_PREFIX_LIST_INITIALIZER;

    BUILD_ASSERT_DECL(sizeof name31 == FW_SET_LEN);
    CHECK_EQ(create_set(f, name31, SG_IPV4, 100), 0);
    CHECK_EQ(add(f, name31, SG_IPV4, &one, 1, NULL), 0);

    /* One more would be cut, and mean the other set. */
    CHECK_EQ(add(f, name32, SG_IPV4, &one, 1, NULL), EINVAL);
    CHECK_EQ(del(f, name32, SG_IPV4, &one, 1, NULL), EINVAL);
    CHECK_EQ(list(f, name32, SG_IPV4, &members), EINVAL);
    CHECK_EQ(f->c->set_destroy(f->b, name32), EINVAL);
    CHECK_EQ(f->c->set_swap(f->b, name31, name32), EINVAL);
    CHECK_EQ(f->c->set_swap(f->b, name32, name31), EINVAL);

    /* None would mean all sets. */
    CHECK_EQ(create_set(f, "", SG_IPV4, 100), EINVAL);
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

    REQUIRE(!create_set(f, SET4, SG_IPV4, 100));
    REQUIRE(!create_set(f, SET6, SG_IPV6, 100));
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

    REQUIRE(!create_set(f, SET4, SG_IPV4, 1000));
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

    REQUIRE(!create_set(f, SET4, SG_IPV4, 10000));
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

    REQUIRE(!create_set(f, SET4, SG_IPV4, 100));
    REQUIRE(!create_set(f, SET4B, SG_IPV4, 200));
    REQUIRE(!create_set(f, SET6, SG_IPV6, 100));
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
    CHECK_EQ(create_set(f, name, family, 1024), 0);
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

    REQUIRE(!create_set(f, NETS4, SG_IPV4, 100));
    REQUIRE(!create_set(f, NETS4B, SG_IPV4, 200));
    REQUIRE(!create_set(f, SET4, SG_IPV4, 100));
    REQUIRE(!create_set(f, NETS6, SG_IPV6, 100));
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
    REQUIRE(!create_set(f, NETS4, SG_IPV4, 200));
    CHECK_EQ(add(f, NETS4, SG_IPV4, many, 300, &n_done), ENOSPC);
    CHECK_UEQ(n_done, 200);
    CHECK_UEQ(count_members(f, NETS4, SG_IPV4), 200);
}

/* While anybody lists a set it can be changed, but not swapped or removed. */
BACKEND_TEST(busy_while_listed)
{
    struct sg_prefix *many = make_hosts(SG_IPV4, 0, 20000);

    REQUIRE(!create_set(f, SET4, SG_IPV4, 65536));
    REQUIRE(!create_set(f, SET4B, SG_IPV4, 65536));
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
