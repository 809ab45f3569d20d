/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Ranges of addresses: read, written, counted, found in a list. */

#include <config.h>
#include "rpc/address_range.h"

#include <stdio.h>
#include <stdlib.h>

#include "openvswitch/dynamic-string.h"
#include "rpc/message.h"
#include "sg/members.h"
#include "tests/lib/test.h"
#include "util.h"

#define UNIQUE "0123456789abcdef0123456789abcdef"
#define NOT_ONE "is not an address, a prefix or a range"
#define NOT_UP "is not a range from a lower to a higher address"

static struct sg_prefix
prefix(const char *text)
{
    struct sg_prefix p;

    REQUIRE(sg_prefix_from_string(text, &p));
    return p;
}

TEST(texts)
{
    static const struct {
        const char *text;
        const char *reason;     /* NULL: it is one, and prints 'again'. */
        const char *again;
        uint64_t length;
    } cases[] = {
        { "10.0.0.1-10.0.0.2", NULL, "10.0.0.1-10.0.0.2", 2 },
        { "10.0.0.1-10.0.0.1", NULL, "10.0.0.1", 1 },
        { "10.0.0.255-10.0.1.0", NULL, "10.0.0.255-10.0.1.0", 2 },
        { "0.0.0.0-255.255.255.255", NULL, "0.0.0.0-255.255.255.255",
          UINT64_C(1) << 32 },
        { "2001:DB8::FFFF-2001:db8::1:0", NULL, "2001:db8::ffff-2001:db8::1:0",
          2 },
        { "::1-::1:0:0", NULL, "::1-::1:0:0", UINT64_C(1) << 32 },
        { "::1-::1:0:0:0", NULL, "::1-::1:0:0:0", UINT64_MAX },
        { "::1-ffff::", NULL, "::1-ffff::", UINT64_MAX },
        { "::-8000::", NULL, "::-8000::", UINT64_MAX },
        { "10.0.0.2-10.0.0.1", NOT_UP, NULL, 0 },
        { "10.0.0.1-::2", NOT_UP, NULL, 0 },
        { "::1-10.0.0.1", NOT_UP, NULL, 0 },
        { "10.0.0.0/24-10.0.1.0/24", NOT_ONE, NULL, 0 },
        { "10.0.0.1-10.0.0.0/24", NOT_ONE, NULL, 0 },
        { "10.0.0.1-10.0.0.2-10.0.0.3", NOT_ONE, NULL, 0 },
        { "10.0.0.1/32-10.0.0.2/32", NOT_ONE, NULL, 0 },
        { "10.0.0.1 -10.0.0.2", NOT_ONE, NULL, 0 },
        { "10.0.0.1- 10.0.0.2", NOT_ONE, NULL, 0 },
        { "10.0.0.01-10.0.0.2", NOT_ONE, NULL, 0 },
        { "10.0.0.1-9", NOT_ONE, NULL, 0 },
        { "10.0.0.1-", NOT_ONE, NULL, 0 },
        { "-10.0.0.1", NOT_ONE, NULL, 0 },
        { "-", NOT_ONE, NULL, 0 },
        { "", NOT_ONE, NULL, 0 },
        { "::ffff:10.0.0.1-::ffff:10.0.0.2", NOT_ONE, NULL, 0 },
        { "fe80::1%eth0-fe80::2", NOT_ONE, NULL, 0 },
        { "1111111111111111111111111111111111111111111111111-::1", NOT_ONE,
          NULL, 0 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        static const struct address_range untouched;
        struct address_range range = untouched;
        char buf[ADDRESS_RANGE_STRLEN];
        const char *reason = address_range_from_string(cases[i].text, &range);

        if (cases[i].reason) {
            CHECK_STR(reason ? reason : cases[i].text, cases[i].reason);
            CHECK_MEM(&range, &untouched, sizeof range);
            continue;
        }
        if (!CHECK(!reason)) {
            fprintf(stderr, "%s\n", cases[i].text);
            continue;
        }
        CHECK_STR(address_range_format(&range, buf), cases[i].again);
        CHECK_UEQ(address_range_length(&range), cases[i].length);
    }
}

TEST(the_longest_text_fits)
{
    struct address_range range;
    char buf[ADDRESS_RANGE_STRLEN];

    REQUIRE(!address_range_from_string(
                "1111:1111:1111:1111:1111:1111:1111:1111-"
                "2222:2222:2222:2222:2222:2222:2222:2222", &range));
    CHECK_UEQ(strlen(address_range_format(&range, buf)), 79);
}

/* The list of addresses, separated by blanks, in ranges. */
static char *
ranges_of(const char *texts)
{
    struct sg_prefix_list list = SG_PREFIX_LIST_INITIALIZER;
    struct ds ds = DS_EMPTY_INITIALIZER;
    char *copy = xstrdup(texts), *save = NULL;

    for (char *text = strtok_r(copy, " ", &save); text;
         text = strtok_r(NULL, " ", &save)) {
        struct sg_prefix p = prefix(text);

        sg_prefix_list_add(&list, &p);
    }
    sg_prefix_list_sort(&list);
    for (size_t i = 0; i < list.n; ) {
        struct address_range range;
        char buf[ADDRESS_RANGE_STRLEN];

        i += address_range_of_run(&list.p[i], list.n - i, &range);
        ds_put_format(&ds, "%s%s", ds.length ? " " : "",
                      address_range_format(&range, buf));
    }
    sg_prefix_list_uninit(&list);
    free(copy);
    return ds_steal_cstr(&ds);
}

TEST(neighbours_become_ranges)
{
    static const char *const cases[][2] = {
        { "10.0.0.1", "10.0.0.1" },
        { "10.0.0.2 10.0.0.1", "10.0.0.1-10.0.0.2" },
        { "10.0.0.1 10.0.0.3", "10.0.0.1 10.0.0.3" },
        { "10.0.0.1 10.0.0.2 10.0.0.4 10.0.0.5 10.0.0.6",
          "10.0.0.1-10.0.0.2 10.0.0.4-10.0.0.6" },
        /* Carries. */
        { "10.0.0.254 10.0.0.255 10.0.1.0 10.0.1.1", "10.0.0.254-10.0.1.1" },
        { "10.255.255.255 11.0.0.0", "10.255.255.255-11.0.0.0" },
        { "2001:db8::ffff 2001:db8::1:0", "2001:db8::ffff-2001:db8::1:0" },
        { "fd00::ffff:ffff:ffff:ffff fd00:0:0:1::",
          "fd00::ffff:ffff:ffff:ffff-fd00:0:0:1::" },
        /* The ends of the families are no neighbours. */
        { "255.255.255.255 ::", "255.255.255.255 ::" },
        { "0.0.0.0 255.255.255.255", "0.0.0.0 255.255.255.255" },
        { ":: ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
          ":: ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
        /* A set: twice is once. */
        { "10.0.0.1 10.0.0.1", "10.0.0.1" },
        { "10.0.0.1 10.0.0.2 10.0.0.1 10.0.0.3 10.0.0.3",
          "10.0.0.1-10.0.0.3" },
        { "10.0.0.0/24 10.0.0.0/24", "10.0.0.0/24" },
        /* Prefixes stay what they are. */
        { "10.0.0.0/31 10.0.0.2/31 10.0.0.4", "10.0.0.0/31 10.0.0.2/31 "
          "10.0.0.4" },
        { "10.0.0.3 10.0.0.4/30 10.0.0.4 10.0.0.5",
          "10.0.0.3 10.0.0.4/30 10.0.0.4-10.0.0.5" },
        { "10.0.0.1/32 10.0.0.2/32", "10.0.0.1-10.0.0.2" },
        { "fd00::1/128 fd00::2 fd00::/127", "fd00::/127 fd00::1-fd00::2" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *got = ranges_of(cases[i][0]);

        CHECK_STR(got, cases[i][1]);
        free(got);
    }
}

/* A random set of both families, in clusters that touch carries. */
static void
random_set(uint64_t *seed, struct sg_members *members)
{
    static const char *const bases[] = {
        "10.0.0.250", "10.0.255.250", "0.0.0.0", "255.255.255.240",
        "fd00::fff8", "fd00::ffff:ffff:ffff:fff8", "::",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff0",
    };
    size_t n = test_random(seed) % 40;

    for (size_t i = 0; i < n; i++) {
        struct sg_prefix p = prefix(bases[test_random(seed)
                                          % ARRAY_SIZE(bases)]);

        for (size_t steps = test_random(seed) % 16; steps > 0; steps--) {
            address_next(&p);
        }
        if (!(test_random(seed) % 8)) {
            char text[SG_PREFIX_STRLEN + 4];

            sg_prefix_format(&p, text);
            strcat(text, test_random(seed) % 2 ? "/31" : "/30");
            p = prefix(text);
        }
        sg_members_add(members, &p);
    }
}

/* Encodes the whole list and decodes it again. */
static struct sg_update
through_the_wire(const struct sg_update *update)
{
    struct rpc_message message;
    struct rpc_limits limits;
    struct sg_update again;
    size_t len;
    char *body = rpc_encode_update(update, UNIQUE, &len);

    rpc_limits_default(&limits);
    REQUIRE(CHECK_NO_ERROR(rpc_message_decode(body, len, &limits, &message)));
    REQUIRE(CHECK_NO_ERROR(rpc_update_from_request(&message, &limits,
                                                   &again)));
    rpc_message_uninit(&message);
    free(body);
    return again;
}

TEST(a_set_survives_the_wire)
{
    uint64_t seed = test_seed();

    for (unsigned int round = 0; round < test_rounds(500); round++) {
        struct sg_update update, again;
        struct sg_members want, got;
        const struct sg_member *member;

        sg_members_init(&want);
        sg_members_init(&got);
        random_set(&seed, &want);
        sg_update_init(&update, SG_METHOD_MEMBERS_CHANGED);
        update.epoch = (struct sg_epoch) { 1763666000000, 7 };
        update.members = xzalloc(sizeof *update.members);
        update.n_members = 1;
        update.members->group.parts[0] = 1;
        update.members->revision = 1;
        update.members->whole = true;
        /* In the order of the hash, and some of them twice. */
        SG_MEMBERS_FOR_EACH (member, &want) {
            sg_prefix_list_add(&update.members->added, &member->prefix);
            if (!(test_random(&seed) % 4)) {
                sg_prefix_list_add(&update.members->added, &member->prefix);
            }
        }

        again = through_the_wire(&update);
        REQUIRE(again.n_members == 1 && again.members->whole);
        CHECK(sg_prefix_list_is_sorted(&again.members->added));
        for (size_t i = 0; i < again.members->added.n; i++) {
            /* Each once. */
            CHECK(sg_members_add(&got, &again.members->added.p[i]));
        }
        CHECK_UEQ(sg_members_count(&got), sg_members_count(&want));
        SG_MEMBERS_FOR_EACH (member, &want) {
            CHECK(sg_members_contains(&got, &member->prefix));
        }
        sg_update_uninit(&again);
        sg_update_uninit(&update);
        sg_members_uninit(&got);
        sg_members_uninit(&want);
    }
}
