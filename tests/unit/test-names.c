/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Names: they fit, they differ, and they are recognised with no memory. */

#include <config.h>
#include "firewall/names.h"

#include <stdio.h>
#include <stdlib.h>

#include "sset.h"
#include "tests/lib/test.h"
#include "uuid.h"

static struct uuid
id(const char *text)
{
    struct uuid uuid;

    CHECK(sg_id_from_string(text, &uuid));
    return uuid;
}

TEST(group_names_carry_the_id)
{
    struct uuid group = id("1a2b3c4d-0000-4000-8000-000000000001");
    char chain[FW_CHAIN_LEN];
    char set[FW_SET_LEN];

    /* The digits are those of: printf %s ID | sha1sum */
    fw_name_group_chain(chain, SG_EGRESS, &group);
    CHECK_STR(chain, "sg1-eg-1a2b3c4d-319320aeb9c1");
    fw_name_group_chain(chain, SG_INGRESS, &group);
    CHECK_STR(chain, "sg1-in-1a2b3c4d-319320aeb9c1");
    fw_name_set(set, &(struct fw_set_form) {
        .family = SG_IPV4, .slot = FW_SLOT_A,
    }, &group);
    CHECK_STR(set, "sg1-m4a-1a2b3c4d-319320aeb9c1");
    fw_name_set(set, &(struct fw_set_form) {
        .family = SG_IPV6, .content = FW_NETS, .slot = FW_SLOT_B,
    }, &group);
    CHECK_STR(set, "sg1-n6b-1a2b3c4d-319320aeb9c1");
}

TEST(longest_names_fit)
{
    const char *device = "tap012345678-ab";     /* 15 bytes. */
    char chain[FW_CHAIN_LEN];
    char set[FW_SET_LEN];

    CHECK(fw_device_name_ok(device));
    fw_name_bridge_chain(chain, device);
    CHECK_STR(chain, "sg1-b-tap012345678-ab");
    fw_name_pairs_chain(chain, device);
    CHECK_STR(chain, "sg1-p-tap012345678-ab");
    fw_name_egress_chain(chain, device);
    CHECK_STR(chain, "sg1-e-tap012345678-ab");
    fw_name_ingress_chain(chain, device);
    CHECK_STR(chain, "sg1-t-tap012345678-ab");
    fw_name_tree_chain(chain, FW_CHAIN_BRIDGES, "qbr01234567890");
    CHECK_STR(chain, "sg1-br-qbr01234567890");
    fw_name_tmp_set(set, UINT32_MAX, UINT32_MAX);
    CHECK_STR(set, "sg1-tmp-ffffffff-4294967295");
}

/* Ids with a common beginning, as generated ones have, stay apart. */
TEST(similar_ids_stay_apart)
{
    struct sset names = SSET_INITIALIZER(&names);

    for (unsigned int i = 0; i < 10000; i++) {
        struct uuid group = id("deadbeef-0000-4000-8000-000000000001");
        char name[FW_CHAIN_LEN];

        group.parts[3] = i + 1;
        fw_name_group_chain(name, SG_INGRESS, &group);
        sset_add(&names, name);
    }
    CHECK_UEQ(sset_count(&names), 10000);
    sset_destroy(&names);
}

TEST(chains_are_recognised)
{
    static const struct {
        const char *name;
        enum fw_name_kind kind;
    } rows[] = {
        { "FORWARD", FW_NAME_FOREIGN },
        { "neutron-openvswi-FORWARD", FW_NAME_FOREIGN },
        { "sg2-root", FW_NAME_FOREIGN },
        { "sg1", FW_NAME_FOREIGN },
        { "sg1-", FW_NAME_UNKNOWN },
        { "sg1-root", FW_NAME_FIXED },
        { "sg1-br", FW_NAME_FIXED },
        { "sg1-out", FW_NAME_FIXED },
        { "sg1-unspec", FW_NAME_FIXED },
        { "sg1-pre-out", FW_NAME_FIXED },
        { "sg1-pre-in", FW_NAME_FIXED },
        { "sg1-pre-out6", FW_NAME_FIXED },
        { "sg1-pre-in6", FW_NAME_FIXED },
        { "sg1-z", FW_NAME_FIXED },
        { "sg1-br-qbr1", FW_NAME_TREE },
        { "sg1-z-qbr1", FW_NAME_TREE },
        { "sg1-br-", FW_NAME_UNKNOWN },
        { "sg1-b-tap1", FW_NAME_PORT },
        { "sg1-p-tap1", FW_NAME_PORT },
        { "sg1-e-tap1", FW_NAME_PORT },
        { "sg1-t-tap1", FW_NAME_PORT },
        { "sg1-t-", FW_NAME_UNKNOWN },
        { "sg1-b-0123456789abcdef", FW_NAME_UNKNOWN },
        { "sg1-eg-1a2b3c4d-319320aeb9c1", FW_NAME_GROUP },
        { "sg1-in-1a2b3c4d-319320aeb9c1", FW_NAME_GROUP },
        { "sg1-in-1a2b3c4d-ab30baa97e6", FW_NAME_UNKNOWN },
        { "sg1-in-1a2b3c4dx319320aeb9c1", FW_NAME_UNKNOWN },
        { "sg1-in-1a2b3c4g-319320aeb9c1", FW_NAME_UNKNOWN },
        { "sg1-old-thing", FW_NAME_UNKNOWN },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (fw_chain_kind(rows[i].name) != rows[i].kind) {
            FAIL("%s: kind %d, not %d", rows[i].name,
                 fw_chain_kind(rows[i].name), rows[i].kind);
        }
    }
    CHECK(true);
}

TEST(sets_are_recognised)
{
    static const struct {
        const char *name;
        enum fw_name_kind kind;
        struct fw_set_form form;
    } rows[] = {
        { "sg1-m4a-1a2b3c4d-319320aeb9c1", FW_NAME_SET,
          { SG_IPV4, FW_HOSTS, FW_SLOT_A } },
        { "sg1-m6b-1a2b3c4d-319320aeb9c1", FW_NAME_SET,
          { SG_IPV6, FW_HOSTS, FW_SLOT_B } },
        { "sg1-n4b-1a2b3c4d-319320aeb9c1", FW_NAME_SET,
          { SG_IPV4, FW_NETS, FW_SLOT_B } },
        { "sg1-n6a-1a2b3c4d-319320aeb9c1", FW_NAME_SET,
          { SG_IPV6, FW_NETS, FW_SLOT_A } },
        { .name = "sg1-o4a-1a2b3c4d-319320aeb9c1", .kind = FW_NAME_UNKNOWN },
        { .name = "sg1-m5b-1a2b3c4d-319320aeb9c1", .kind = FW_NAME_UNKNOWN },
        { .name = "sg1-m4c-1a2b3c4d-319320aeb9c1", .kind = FW_NAME_UNKNOWN },
        { .name = "sg1-m4a-1a2b3c4d-319320aeb9c10",
          .kind = FW_NAME_UNKNOWN },
        { .name = "sg1-m", .kind = FW_NAME_UNKNOWN },
        { .name = "sg1-tmp-00000001-7", .kind = FW_NAME_TMP_SET },
        { .name = "NIPv4abc", .kind = FW_NAME_FOREIGN },
    };
    char other[FW_SET_LEN];

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct fw_set_form form = { SG_IPV4, FW_HOSTS, FW_SLOT_A };

        CHECK_EQ(fw_set_kind(rows[i].name, &form), rows[i].kind);
        CHECK_EQ(form.family, rows[i].form.family);
        CHECK_EQ(form.content, rows[i].form.content);
        CHECK_EQ(form.slot, rows[i].form.slot);
    }

    fw_name_other_slot(other, "sg1-m4a-1a2b3c4d-319320aeb9c1");
    CHECK_STR(other, "sg1-m4b-1a2b3c4d-319320aeb9c1");
    fw_name_slot_a(other, "sg1-n4b-1a2b3c4d-319320aeb9c1");
    CHECK_STR(other, "sg1-n4a-1a2b3c4d-319320aeb9c1");
    fw_name_slot_a(other, "sg1-n4a-1a2b3c4d-319320aeb9c1");
    CHECK_STR(other, "sg1-n4a-1a2b3c4d-319320aeb9c1");
    fw_name_other_slot(other, other);
    CHECK_STR(other, "sg1-n4b-1a2b3c4d-319320aeb9c1");
}

TEST(device_names_are_checked)
{
    static const char *const good[] = { "t", "tap1", "qbr01234567-89",
                                        "a+b", "eth0.5", "-", "x:1" };
    static const char *const bad[] = { "", "0123456789abcdef", "tap+", ".",
                                       "..", "-tap", "!tap", "a/b", "a b",
                                       "a\tb", "a\nb", "\x7f", "t\xc3\xa4p" };

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        bool want = strcmp(good[i], "-") != 0;
        if (fw_device_name_ok(good[i]) != want) {
            FAIL("\"%s\" misjudged", good[i]);
        }
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (fw_device_name_ok(bad[i])) {
            FAIL("bad name %zu accepted", i);
        }
    }
    CHECK(true);
}
