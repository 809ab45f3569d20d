/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* How tables of others are told apart, counted and named. */

#include <config.h>
#include "firewall/l2_tables.h"

#include <netinet/in.h>

#include <linux/netfilter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/test.h"
#include "util.h"

static void
check_names_at(const struct l2_tables *tables, const char *expected, int line)
{
    char *names = l2_tables_names(tables);

    test_check_str(names ? names : "(none)", expected, "names", "expected",
                   __FILE__, line);
    free(names);
}
#define CHECK_NAMES(TABLES, EXPECTED) \
    check_names_at(TABLES, EXPECTED, __LINE__)

TEST(families)
{
    struct l2_tables t = L2_TABLES_INIT;

    CHECK_NAMES(&t, "(none)");
    l2_tables_add(&t, NFPROTO_BRIDGE, "filter");
    l2_tables_add(&t, NFPROTO_ARP, "filter");
    l2_tables_add(&t, NFPROTO_NETDEV, "filter");
    l2_tables_add(&t, 200, "filter");
    CHECK_UEQ(t.n, 0);
    CHECK_NAMES(&t, "(none)");

    l2_tables_add(&t, NFPROTO_IPV4, "filter");
    CHECK_NAMES(&t, "ip filter");
    l2_tables_add(&t, NFPROTO_IPV6, "filter");
    l2_tables_add(&t, NFPROTO_INET, "firewalld");
    CHECK_UEQ(t.n, 3);
    CHECK_NAMES(&t, "ip filter, ip6 filter, inet firewalld");
}

/* One call for each chain; a table counts once, named or not. */
TEST(each_once)
{
    struct l2_tables t = L2_TABLES_INIT;

    for (int i = 0; i < 3 * (L2_TABLES_NAMED + 4); i++) {
        char name[16];

        snprintf(name, sizeof name, "t%d", i / 3);
        l2_tables_add(&t, NFPROTO_IPV4, name);
    }
    CHECK_UEQ(t.n, L2_TABLES_NAMED + 4);
    CHECK_NAMES(&t, "ip t0, ip t1, ip t2, ip t3, ip t4 and 4 more");

    /* One that is named is known wherever it comes. */
    l2_tables_add(&t, NFPROTO_IPV4, "t1");
    CHECK_UEQ(t.n, L2_TABLES_NAMED + 4);
}

TEST(one_more_than_named)
{
    struct l2_tables t = L2_TABLES_INIT;
    const char *const names[] = { "a", "b", "c", "d", "e", "f" };

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        l2_tables_add(&t, NFPROTO_INET, names[i]);
        if (i == L2_TABLES_NAMED - 1) {
            CHECK_NAMES(&t, "inet a, inet b, inet c, inet d, inet e");
        }
    }
    CHECK_NAMES(&t, "inet a, inet b, inet c, inet d, inet e and 1 more");
}

/* Nothing in a name reaches a terminal, or looks like another table. */
TEST(strange_names)
{
    struct l2_tables t = L2_TABLES_INIT;
    char longest[L2_TABLE_NAME_SIZE];

    l2_tables_add(&t, NFPROTO_IPV4, "\033[2J\n\xc3\xa4");
    l2_tables_add(&t, NFPROTO_IPV4, "a, ip b\\");
    CHECK_NAMES(&t, "ip \\x1b[2J\\x0a\\xc3\\xa4, ip a\\x2c\\x20ip\\x20b"
                "\\x5c");

    memset(&t, 0, sizeof t);
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    l2_tables_add(&t, NFPROTO_IPV4, longest);
    longest[sizeof longest - 2] = 'y';
    l2_tables_add(&t, NFPROTO_IPV4, longest);
    CHECK_UEQ(t.n, 2);
    longest[L2_TABLE_NAME_SHOWN] = '\0';
    l2_tables_add(&t, NFPROTO_IPV4, longest);
    CHECK_NAMES(&t, "ip xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx..., "
                "ip xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx..., "
                "ip xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
}

TEST(equal)
{
    struct l2_tables a = L2_TABLES_INIT, b = L2_TABLES_INIT;

    CHECK(l2_tables_equal(&a, &b));
    l2_tables_add(&a, NFPROTO_IPV4, "filter");
    CHECK(!l2_tables_equal(&a, &b));
    l2_tables_add(&b, NFPROTO_IPV6, "filter");
    CHECK(!l2_tables_equal(&a, &b));
    memset(&b, 0, sizeof b);
    l2_tables_add(&b, NFPROTO_IPV4, "nat");
    CHECK(!l2_tables_equal(&a, &b));
    memset(&b, 0, sizeof b);
    l2_tables_add(&b, NFPROTO_IPV4, "filter");
    CHECK(l2_tables_equal(&a, &b));
}
