/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "sg/types.h"

#include <string.h>

#include "tests/lib/test.h"
#include "util.h"
#include "uuid.h"

static struct sg_prefix
prefix(const char *text)
{
    struct sg_prefix p;

    memset(&p, 0xee, sizeof p);
    REQUIRE(sg_prefix_from_string(text, &p));
    return p;
}

/* A text and what it becomes; NULL: refused. */
struct text_case {
    const char *in, *out;
};

TEST(prefix_texts)
{
    static const struct text_case cases[] = {
        { "192.0.2.1", "192.0.2.1" },
        { "192.0.2.1/32", "192.0.2.1" },
        { "192.0.2.77/24", "192.0.2.0/24" },
        { "255.255.255.255/1", "128.0.0.0/1" },
        { "10.1.2.3/0", "0.0.0.0/0" },
        { "10.255.255.255/9", "10.128.0.0/9" },
        { "2001:DB8::1", "2001:db8::1" },
        { "2001:db8:0:0:0:0:0:1/128", "2001:db8::1" },
        { "2001:db8:ffff:ffff::/33", "2001:db8:8000::/33" },
        { "ffff::/0", "::/0" },
        { "::", "::" },
        { "::1.2.3.4", "::1.2.3.4" },
        { "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/127",
          "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127" },

        { "", NULL }, { "/", NULL }, { "/24", NULL },
        { "10.0.0.0/", NULL }, { "10.0.0.0/33", NULL },
        { "1.2.3.4/-1", NULL }, { "1.2.3.4/+1", NULL },
        { "1.2.3.4/024", NULL }, { "1.2.3.4/00", NULL },
        { "1.2.3.4/256", NULL }, { "1.2.3.4/4294967304", NULL },
        { "1.2.3.4/ 8", NULL }, { "1.2.3.4/8 ", NULL },
        { "1.2.3.4/8/8", NULL }, { "1.2.3.4/255.0.0.0", NULL },
        { "::/129", NULL }, { "::/1280", NULL },
        { "10.0.0/8", NULL }, { "10/8", NULL }, { "0x0a.1", NULL },
        { "0x0a.0.0.1", NULL }, { "010.0.0.1", NULL }, { "10.0.0.01", NULL },
        { "10.0.0.256", NULL }, { "10.0.0.1.1", NULL },
        { " 10.0.0.1", NULL }, { "10.0.0.1 ", NULL }, { "10.0.0.1\n", NULL },
        { "fe80::1%eth0", NULL }, { "::ffff:1.2.3.4", NULL },
        { "::ffff:1.2.3.4/96", NULL }, { "::ffff:0102:0304", NULL },
        { "1::2::3", NULL }, { ":::", NULL }, { "12345::", NULL },
        { "10.0.0.1-10.0.0.9", NULL }, { "localhost", NULL },
        { "1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111", NULL },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct sg_prefix p, before;
        char text[SG_PREFIX_STRLEN];

        memset(&p, 0xee, sizeof p);
        before = p;
        if (!sg_prefix_from_string(cases[i].in, &p)) {
            if (cases[i].out) {
                FAIL("%s: refused", cases[i].in);
            }
            CHECK_MEM(&p, &before, sizeof p);
            continue;
        }
        CHECK_STR(sg_prefix_format(&p, text),
                  cases[i].out ? cases[i].out : "(refused)");

        /* Canonical: what is printed reads back as the same bytes. */
        struct sg_prefix again = prefix(text);
        CHECK_MEM(&again, &p, sizeof p);
    }
}

TEST(address_is_not_a_prefix)
{
    struct sg_prefix p = prefix("192.0.2.0/24");
    struct sg_prefix before = p;

    CHECK(!sg_address_from_string("192.0.2.1/32", &p));
    CHECK(!sg_address_from_string("192.0.2.1/24", &p));
    CHECK_MEM(&p, &before, sizeof p);
    CHECK(sg_address_from_string("192.0.2.1", &p));
    CHECK(sg_prefix_is_host(&p));
    CHECK_EQ(p.family, SG_IPV4);
    CHECK(sg_address_from_string("2001:db8::1", &p));
    CHECK(sg_prefix_is_host(&p));
    CHECK_EQ(p.family, SG_IPV6);
}

TEST(prefix_longest_text)
{
    struct sg_prefix p;
    char text[SG_PREFIX_STRLEN];

    memset(&p, 0, sizeof p);
    memset(p.addr, 0xff, sizeof p.addr);
    p.family = SG_IPV6;
    p.plen = 127;
    CHECK_UEQ(strlen(sg_prefix_format(&p, text)), 43);
}

TEST(prefix_contains)
{
    static const struct {
        const char *outer, *inner;
        bool contains;
    } cases[] = {
        { "0.0.0.0/0", "192.0.2.1", true },
        { "192.0.2.0/24", "192.0.2.0/24", true },
        { "192.0.2.0/24", "192.0.2.128/25", true },
        { "192.0.2.0/24", "192.0.3.0/25", false },
        { "192.0.2.0/25", "192.0.2.0/24", false },
        { "192.0.2.1", "192.0.2.1", true },
        { "192.0.2.1", "192.0.2.3", false },
        { "::/0", "0.0.0.0/0", false },
        { "0.0.0.0/0", "::/0", false },
        { "2001:db8::/33", "2001:db8:7fff::1", true },
        { "2001:db8::/33", "2001:db8:8000::1", false },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct sg_prefix outer = prefix(cases[i].outer);
        struct sg_prefix inner = prefix(cases[i].inner);

        if (sg_prefix_contains(&outer, &inner) != cases[i].contains) {
            FAIL("%s contains %s", cases[i].outer, cases[i].inner);
        }
        CHECK(true);
    }
}

TEST(prefix_order_is_total)
{
    static const char *const sorted[] = {
        "0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/24", "10.0.0.0", "10.0.0.1",
        "::/0", "::", "2001:db8::/32", "2001:db8::/64", "2001:db8::",
    };

    for (size_t i = 0; i < ARRAY_SIZE(sorted); i++) {
        for (size_t j = 0; j < ARRAY_SIZE(sorted); j++) {
            struct sg_prefix a = prefix(sorted[i]);
            struct sg_prefix b = prefix(sorted[j]);
            int cmp = sg_prefix_compare(&a, &b);

            CHECK_EQ((cmp > 0) - (cmp < 0), (i > j) - (i < j));
            CHECK_EQ(sg_prefix_equals(&a, &b), i == j);
            CHECK_EQ(sg_prefix_hash(&a) == sg_prefix_hash(&b), i == j);
        }
    }
}

TEST(unusable)
{
    static const struct text_case cases[] = {
        { "192.0.2.1", NULL }, { "0.0.0.0/0", NULL }, { "::/0", NULL },
        { "0.0.0.0/1", NULL }, { "128.0.0.0/1", NULL },
        { "240.0.0.1", NULL }, { "255.255.255.254", NULL },
        { "169.254.1.1", NULL }, { "fe80::1", NULL }, { "::2", NULL },
        { "fe00::/7", NULL }, { "223.255.255.255", NULL },
        { "224.0.0.1", "multicast address" },
        { "224.0.0.0/4", "multicast address" },
        { "239.1.0.0/16", "multicast address" },
        { "127.0.0.1", "loopback address" },
        { "127.0.0.0/8", "loopback address" },
        { "0.0.0.0", "unspecified address" },
        { "255.255.255.255", "broadcast address" },
        { "ff02::1", "multicast address" },
        { "ff00::/8", "multicast address" },
        { "::1", "loopback address" },
        { "::", "unspecified address" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct sg_prefix p = prefix(cases[i].in);
        const char *reason = sg_prefix_unusable(&p);

        if (!reason != !cases[i].out
            || (reason && strcmp(reason, cases[i].out))) {
            FAIL("%s: %s", cases[i].in, reason ? reason : "usable");
        }
        CHECK(true);
    }

    /* The parser refuses it, other sources do not. */
    struct sg_prefix mapped = {
        { [10] = 0xff, [11] = 0xff, [12] = 192, [15] = 1 }, SG_IPV6, 128
    };
    CHECK_STR(sg_prefix_unusable(&mapped), "IPv4-mapped address");
}

TEST(mac_texts)
{
    static const struct text_case cases[] = {
        { "52:54:00:12:34:56", "52:54:00:12:34:56" },
        { "AA-BB-CC-DD-EE-FF", "aa:bb:cc:dd:ee:ff" },
        { "aaBB.ccDD.eeff", "aa:bb:cc:dd:ee:ff" },

        { "", NULL }, { "5", NULL }, { "52", NULL }, { "52:", NULL },
        { "52:54:00:12:34", NULL }, { "52:54:00:12:34:5", NULL },
        { "52:54:00:12:34:56:78", NULL }, { "52:54:00:12:34:56 ", NULL },
        { " 52:54:00:12:34:56", NULL }, { "52:54:00-12:34:56", NULL },
        { "525400123456", NULL }, { "52 54 00 12 34 56", NULL },
        { "5:54:00:12:34:56", NULL }, { "5g:54:00:12:34:56", NULL },
        { "aabb.ccdd.eef", NULL }, { "aabb:ccdd:eeff", NULL },
        { "aa.bb.cc.dd.ee", NULL }, { "aa.bb.cc.dd.ee.ff", NULL },
        { "aabb.ccdd.eefff", NULL },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct sg_mac mac = { { 1, 2, 3, 4, 5, 6 } };
        char text[SG_MAC_STRLEN];

        if (!sg_mac_from_string(cases[i].in, &mac)) {
            if (cases[i].out) {
                FAIL("%s: refused", cases[i].in);
            }
            CHECK_STR(sg_mac_format(&mac, text), "01:02:03:04:05:06");
        } else {
            CHECK_STR(sg_mac_format(&mac, text),
                      cases[i].out ? cases[i].out : "(refused)");
        }
    }

    CHECK(sg_mac_is_multicast(&(struct sg_mac) { { 1 } }));
    CHECK(!sg_mac_is_multicast(&(struct sg_mac) { { 2 } }));
}

TEST(mac_link_local)
{
    /* RFC 2464 section 5: the example of an interface identifier. */
    struct sg_mac mac = { { 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde } };
    char text[SG_PREFIX_STRLEN];
    struct sg_prefix p;

    sg_mac_link_local(&mac, &p);
    CHECK_STR(sg_prefix_format(&p, text), "fe80::3656:78ff:fe9a:bcde");

    struct sg_prefix parsed = prefix(text);
    CHECK_MEM(&p, &parsed, sizeof p);
}

TEST(ids)
{
    static const char *const bad[] = {
        "", "5eb00000", "5eb00000-0000-4000-8000-00000000000",
        "5eb00000-0000-4000-8000-00000000000aa",
        "5eb00000-0000-4000-8000-00000000000a ",
        "5eb0000000004000800000000000000a",
        "{5eb00000-0000-4000-8000-00000000000a}",
        "5eb00000-0000-4000-8000-00000000000g",
        "5eb00000-0000-4000-800000000000-000a",
        "00000000-0000-0000-0000-000000000000",
    };
    struct uuid id;
    char text[UUID_LEN + 1];

    REQUIRE(sg_id_from_string("5EB00000-0001-4000-8000-00000000000A", &id));
    snprintf(text, sizeof text, UUID_FMT, UUID_ARGS(&id));
    CHECK_STR(text, "5eb00000-0001-4000-8000-00000000000a");

    struct uuid before = id;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        if (sg_id_from_string(bad[i], &id)) {
            FAIL("%s: accepted", bad[i]);
        }
        CHECK(uuid_equals(&id, &before));
    }
}

TEST(epoch_texts)
{
    static const char *const bad[] = {
        "", "-", "1", "1-", "-0a1b2c3d", "0-0a1b2c3d", "01-0a1b2c3d",
        "1-0a1b2c3", "1-0a1b2c3d4", "1-0A1B2C3D", "1-0x1b2c3d", "+1-0a1b2c3d",
        " 1-0a1b2c3d", "1-0a1b2c3d ", "1.5-0a1b2c3d", "-1-0a1b2c3d",
        "9223372036854775808-00000000", "99999999999999999999-00000000",
    };
    static const char *const good[] = {
        "1-00000000", "1763666000000-0a1b2c3d", "1763666000000-ffffffff",
        "9223372036854775807-0a1b2c3d",
    };
    struct sg_epoch epoch = { 7, 7 };
    struct sg_epoch last = { 0, 0 };
    char text[SG_EPOCH_STRLEN];

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        if (sg_epoch_from_string(bad[i], &epoch)) {
            FAIL("%s: accepted", bad[i]);
        }
        CHECK(epoch.ms == 7 && epoch.tag == 7);
    }
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        REQUIRE(sg_epoch_from_string(good[i], &epoch));
        CHECK_STR(sg_epoch_format(&epoch, text), good[i]);

        /* The list is in order; the tag decides between equal times. */
        CHECK(sg_epoch_compare(&last, &epoch) < 0);
        CHECK(sg_epoch_compare(&epoch, &last) > 0);
        CHECK_EQ(sg_epoch_compare(&epoch, &epoch), 0);
        last = epoch;
    }
}

TEST(kinds)
{
    enum sg_kind kind = SG_KIND_MEMBERS;

    for (int k = 0; k < SG_N_KINDS; k++) {
        CHECK(sg_kind_from_string(sg_kind_name(k), &kind));
        CHECK_EQ(kind, k);
    }
    CHECK(!sg_kind_from_string("Port", &kind));
    CHECK(!sg_kind_from_string("", &kind));
    CHECK_EQ(kind, SG_KIND_MEMBERS);
}

/* Other implementations compute it too: printf 'port:<id>' | sha1sum. */
/* Ids that differ in any of their words hash apart. */
TEST(id_hash)
{
    struct uuid id = { { 1, 2, 3, 4 } };
    uint32_t hash = sg_id_hash(&id);

    for (size_t i = 0; i < ARRAY_SIZE(id.parts); i++) {
        struct uuid other = id;

        other.parts[i]++;
        CHECK(sg_id_hash(&other) != hash);
        CHECK(sg_object_hash(SG_KIND_RULES, &other)
              != sg_object_hash(SG_KIND_RULES, &id));
    }
    CHECK(sg_object_hash(SG_KIND_RULES, &id)
          != sg_object_hash(SG_KIND_MEMBERS, &id));
}

TEST(ref_hash)
{
    struct uuid id;

    REQUIRE(sg_id_from_string("5eb00000-0000-4000-8000-00000000000a", &id));
    CHECK_UEQ(sg_ref_hash(SG_KIND_PORT, &id), 0xa55f457f5a6aa44d);
    CHECK_UEQ(sg_ref_hash(SG_KIND_RULES, &id), 0xd901f6d4babb9644);
    CHECK_UEQ(sg_ref_hash(SG_KIND_MEMBERS, &id), 0xf01b836f669e389d);
}
