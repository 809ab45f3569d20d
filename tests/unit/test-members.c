/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "sg/members.h"

#include <stdlib.h>
#include <string.h>

#include "tests/lib/test.h"
#include "util.h"

/* Addresses that the random tests draw from. */
#define N_POOL 64

static struct sg_prefix
prefix(const char *text)
{
    struct sg_prefix p;

    REQUIRE(sg_prefix_from_string(text, &p));
    return p;
}

static struct sg_prefix
pool(unsigned int i)
{
    struct sg_prefix p;

    memset(&p, 0, sizeof p);
    p.family = i % 2 ? SG_IPV6 : SG_IPV4;
    p.addr[0] = 32;
    p.addr[2] = i;
    p.plen = i % 3 ? sg_family_bits(p.family) : 24;
    return p;
}

static size_t
count(const struct sg_members *members, enum sg_family family)
{
    return members->n_hosts[family] + members->n_prefixes[family];
}

TEST(a_set_not_a_list)
{
    struct sg_prefix host = prefix("192.0.2.1");
    struct sg_prefix net = prefix("192.0.2.0/24");
    struct sg_prefix host6 = prefix("2001:db8::1");
    struct sg_members members;

    sg_members_init(&members);
    CHECK(!sg_members_remove(&members, &host));
    CHECK(sg_members_add(&members, &host));
    CHECK(!sg_members_add(&members, &host));
    CHECK(sg_members_add(&members, &net));
    CHECK(sg_members_add(&members, &host6));
    CHECK_UEQ(sg_members_count(&members), 3);
    CHECK_UEQ(members.n_hosts[SG_IPV4], 1);
    CHECK_UEQ(members.n_prefixes[SG_IPV4], 1);
    CHECK_UEQ(members.n_hosts[SG_IPV6], 1);
    CHECK_UEQ(members.n_prefixes[SG_IPV6], 0);

    CHECK(sg_members_contains(&members, &host));
    CHECK(sg_members_remove(&members, &host));
    CHECK(!sg_members_contains(&members, &host));
    CHECK(!sg_members_remove(&members, &host));
    CHECK_UEQ(members.n_hosts[SG_IPV4], 0);
    CHECK_UEQ(members.n_prefixes[SG_IPV4], 1);

    sg_members_clear(&members);
    CHECK_UEQ(sg_members_count(&members), 0);
    CHECK_UEQ(count(&members, SG_IPV4) + count(&members, SG_IPV6), 0);
    CHECK(sg_members_add(&members, &host));
    sg_members_uninit(&members);
}

/* An empty and a one-bucket hmap point into themselves. */
TEST(swap)
{
    struct sg_prefix a = prefix("192.0.2.1");
    struct sg_prefix b = prefix("192.0.2.2");
    struct sg_members x, y;

    sg_members_init(&x);
    sg_members_init(&y);
    sg_members_add(&x, &a);
    sg_members_swap(&x, &y);
    CHECK_UEQ(sg_members_count(&x), 0);
    CHECK(sg_members_contains(&y, &a));
    CHECK_UEQ(y.n_hosts[SG_IPV4], 1);
    CHECK(sg_members_add(&x, &b));
    CHECK(!sg_members_contains(&y, &b));
    CHECK(sg_members_contains(&x, &b));
    sg_members_uninit(&x);
    sg_members_uninit(&y);
}

TEST(prefixes_of_an_address)
{
    static const char *const prefixes[] = {
        "0.0.0.0/0", "128.0.0.0/1", "10.0.0.0/8", "10.7.0.0/31", "::/0",
        "2001:db8::/63", "2001:db8::/64", "2001:db8::/65",
        "2001:db8:0:0:8000::8/127",
    };
    static const char *const addresses[] = {
        "10.7.0.1", "10.7.0.2", "11.0.0.1", "200.0.0.1", "::", "0.0.0.0",
        "2001:db8::1", "2001:db8:0:0:8000::9", "2001:db8:0:0:8000::a",
        "2001:db8:0:1::1", "2001:db8:0:2::1",
    };
    struct sg_members members;

    /* Each subset of them. */
    sg_members_init(&members);
    for (size_t set = 0; set < 1u << ARRAY_SIZE(prefixes); set++) {
        for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
            struct sg_prefix p = prefix(prefixes[i]);

            if (set & 1u << i) {
                sg_members_add(&members, &p);
            } else {
                sg_members_remove(&members, &p);
            }
        }
        for (size_t j = 0; j < ARRAY_SIZE(addresses); j++) {
            struct sg_prefix address = prefix(addresses[j]);
            bool want = false;

            for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
                struct sg_prefix p = prefix(prefixes[i]);

                want = want || (set & 1u << i
                                && sg_prefix_contains(&p, &address));
            }
            CHECK_EQ(sg_members_have_prefix_of(&members, &address), want);
        }
    }

    /* Not those that are there themselves. */
    sg_members_clear(&members);
    struct sg_prefix host = prefix("10.7.0.1");
    sg_members_add(&members, &host);
    CHECK(!sg_members_have_prefix_of(&members, &host));
    sg_members_uninit(&members);
}

/* Random changes against an array of booleans. */
TEST(random_changes)
{
    uint64_t seed = test_seed();
    bool model[N_POOL] = { false };
    struct sg_members members;

    sg_members_init(&members);
    for (unsigned int i = 0; i < test_rounds(5000); i++) {
        unsigned int k = test_random(&seed) % N_POOL;
        struct sg_prefix p = pool(k);

        if (test_random(&seed) % 2) {
            CHECK_EQ(sg_members_add(&members, &p), !model[k]);
            model[k] = true;
        } else {
            CHECK_EQ(sg_members_remove(&members, &p), model[k]);
            model[k] = false;
        }
    }

    size_t hosts[SG_N_FAMILIES] = { 0, 0 };
    size_t n = 0;
    for (unsigned int k = 0; k < N_POOL; k++) {
        struct sg_prefix p = pool(k);

        CHECK_EQ(sg_members_contains(&members, &p), model[k]);
        n += model[k];
        hosts[p.family] += model[k] && sg_prefix_is_host(&p);
    }
    CHECK_UEQ(sg_members_count(&members), n);
    for (int f = 0; f < SG_N_FAMILIES; f++) {
        struct sg_prefix_list list = SG_PREFIX_LIST_INITIALIZER;

        CHECK_UEQ(members.n_hosts[f], hosts[f]);
        sg_members_hosts(&members, f, &list);
        CHECK_UEQ(list.n, hosts[f]);
        for (size_t i = 0; i < list.n; i++) {
            CHECK(list.p[i].family == f && sg_prefix_is_host(&list.p[i]));
        }
        sg_prefix_list_uninit(&list);
    }
    CHECK_UEQ(count(&members, SG_IPV4) + count(&members, SG_IPV6), n);
    sg_members_uninit(&members);
}

/* Applying a difference leads from one set to the other. */
TEST(random_differences)
{
    uint64_t seed = test_seed();

    for (unsigned int round = 0; round < test_rounds(200); round++) {
        struct sg_prefix_list added = SG_PREFIX_LIST_INITIALIZER;
        struct sg_prefix_list removed = SG_PREFIX_LIST_INITIALIZER;
        struct sg_members from, to;

        sg_members_init(&from);
        sg_members_init(&to);
        for (unsigned int k = 0; k < N_POOL; k++) {
            struct sg_prefix p = pool(k);
            unsigned int dice = test_random(&seed) % 4;

            if (dice & 1) {
                sg_members_add(&from, &p);
            }
            if (dice & 2) {
                sg_members_add(&to, &p);
            }
        }

        sg_members_diff(&from, &to, &added, &removed);
        for (size_t i = 0; i < added.n; i++) {
            CHECK(sg_members_add(&from, &added.p[i]));
        }
        for (size_t i = 0; i < removed.n; i++) {
            CHECK(sg_members_remove(&from, &removed.p[i]));
        }
        added.n = removed.n = 0;
        sg_members_diff(&from, &to, &added, &removed);
        CHECK_UEQ(added.n + removed.n, 0);
        CHECK_UEQ(sg_members_count(&from), sg_members_count(&to));

        sg_prefix_list_uninit(&added);
        sg_prefix_list_uninit(&removed);
        sg_members_uninit(&from);
        sg_members_uninit(&to);
    }
}

/* Whole lists, with entries twice, one after the other: what is said to be
 * added and removed is the difference. */
TEST(assign_random)
{
    uint64_t state = test_seed();
    struct sg_members members;

    sg_members_init(&members);
    for (unsigned int round = 0; round < test_rounds(50); round++) {
        struct sg_prefix_list list = SG_PREFIX_LIST_INITIALIZER;
        struct sg_prefix_list changes[2][2];    /* [expected][removed] */
        struct sg_members to;

        memset(changes, 0, sizeof changes);
        sg_members_init(&to);
        for (uint64_t n = test_random(&state) % (2 * N_POOL); n > 0; n--) {
            struct sg_prefix p = pool(test_random(&state) % N_POOL);

            sg_prefix_list_add(&list, &p);
            sg_members_add(&to, &p);
        }
        sg_members_diff(&members, &to, &changes[1][0], &changes[1][1]);
        sg_members_assign(&members, &list, &changes[0][0], &changes[0][1]);
        for (int i = 0; i < 2; i++) {
            sg_prefix_list_sort(&changes[0][i]);
            sg_prefix_list_sort(&changes[1][i]);
            REQUIRE(CHECK_UEQ(changes[0][i].n, changes[1][i].n));
            for (size_t j = 0; j < changes[0][i].n; j++) {
                CHECK(sg_prefix_equals(&changes[0][i].p[j],
                                       &changes[1][i].p[j]));
            }
            sg_prefix_list_uninit(&changes[0][i]);
            sg_prefix_list_uninit(&changes[1][i]);
        }
        sg_members_diff(&members, &to, &changes[0][0], &changes[0][1]);
        CHECK_UEQ(changes[0][0].n + changes[0][1].n, 0);
        CHECK_UEQ(members.n_hosts[SG_IPV4], to.n_hosts[SG_IPV4]);
        CHECK_UEQ(members.n_prefixes[SG_IPV6], to.n_prefixes[SG_IPV6]);
        sg_prefix_list_uninit(&list);
        sg_members_uninit(&to);
    }
    sg_members_uninit(&members);
}

TEST(list_sort)
{
    struct sg_prefix_list list = SG_PREFIX_LIST_INITIALIZER;

    sg_prefix_list_sort(&list);
    for (unsigned int i = 0; i < N_POOL; i++) {
        struct sg_prefix p = pool(i * 37 % N_POOL);

        sg_prefix_list_add(&list, &p);
    }
    sg_prefix_list_sort(&list);
    CHECK_UEQ(list.n, N_POOL);
    for (size_t i = 1; i < list.n; i++) {
        CHECK(sg_prefix_compare(&list.p[i - 1], &list.p[i]) < 0);
    }
    sg_prefix_list_uninit(&list);
    CHECK_UEQ(list.n, 0);
}
