/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Conntrack zones: what is restored is kept, what is released is used again
 * as late as possible. */

#include <config.h>
#include "agent/zone_alloc.h"
#include "agent/zone_claims.h"

#include <stdio.h>
#include <stdlib.h>

#include "openvswitch/dynamic-string.h"
#include "sset.h"
#include "tests/lib/test.h"
#include "util.h"

TEST(a_bridge_keeps_its_zone)
{
    struct zone_alloc *za = zone_alloc_create(10, 12);

    CHECK_EQ(zone_alloc_find(za, "qbr1"), 0);
    CHECK_EQ(zone_alloc_get(za, "qbr1"), 10);
    CHECK_EQ(zone_alloc_get(za, "qbr2"), 11);
    CHECK_EQ(zone_alloc_get(za, "qbr1"), 10);
    CHECK_EQ(zone_alloc_find(za, "qbr2"), 11);
    CHECK_UEQ(zone_alloc_n_used(za), 2);
    CHECK_UEQ(zone_alloc_n_free(za), 1);
    zone_alloc_destroy(za);
}

TEST(a_released_zone_is_the_last_to_be_used_again)
{
    struct zone_alloc *za = zone_alloc_create(10, 13);

    CHECK_EQ(zone_alloc_get(za, "a"), 10);
    CHECK_EQ(zone_alloc_get(za, "b"), 11);
    zone_alloc_release(za, "a");
    CHECK_EQ(zone_alloc_find(za, "a"), 0);
    CHECK_EQ(zone_alloc_get(za, "c"), 12);
    CHECK_EQ(zone_alloc_get(za, "d"), 13);
    CHECK_EQ(zone_alloc_get(za, "e"), 10);
    /* "a" comes back, but its zone has gone to "e". */
    CHECK_EQ(zone_alloc_get(za, "a"), 0);
    CHECK_UEQ(zone_alloc_n_exhausted(za), 1);
    zone_alloc_release(za, "c");
    CHECK_EQ(zone_alloc_get(za, "a"), 12);
    zone_alloc_destroy(za);
}

TEST(a_bridge_that_comes_back_gets_its_zone_again)
{
    struct zone_alloc *za = zone_alloc_create(10, 13);

    zone_alloc_get(za, "a");
    CHECK_EQ(zone_alloc_get(za, "b"), 11);
    zone_alloc_release(za, "b");
    zone_alloc_release(za, "a");
    CHECK_EQ(zone_alloc_get(za, "b"), 11);
    CHECK_EQ(zone_alloc_get(za, "c"), 12);
    /* Released twice is released once. */
    zone_alloc_release(za, "b");
    zone_alloc_release(za, "b");
    CHECK_UEQ(zone_alloc_n_used(za), 1);
    CHECK_UEQ(zone_alloc_n_free(za), 3);
    zone_alloc_destroy(za);
}

TEST(restored_zones)
{
    struct zone_alloc *za = zone_alloc_create(10, 12);

    CHECK(zone_alloc_restore(za, "a", 10));
    CHECK(zone_alloc_restore(za, "a", 10));
    CHECK(!zone_alloc_restore(za, "a", 11));
    CHECK(!zone_alloc_restore(za, "b", 10));
    CHECK(!zone_alloc_restore(za, "b", 0));
    /* Another tool gave these; they are not in the range. */
    CHECK(zone_alloc_restore(za, "b", 5));
    CHECK(!zone_alloc_restore(za, "c", 5));
    CHECK_EQ(zone_alloc_get(za, "b"), 5);
    CHECK_EQ(zone_alloc_get(za, "c"), 11);
    CHECK_UEQ(zone_alloc_n_used(za), 3);
    CHECK_UEQ(zone_alloc_n_free(za), 1);
    /* Released, it is forgotten: the next zone is one of ours. */
    zone_alloc_release(za, "b");
    CHECK_EQ(zone_alloc_get(za, "b"), 12);
    /* A zone restored for a bridge that had another one before. */
    zone_alloc_release(za, "b");
    zone_alloc_release(za, "a");
    CHECK(zone_alloc_restore(za, "b", 10));
    CHECK_EQ(zone_alloc_get(za, "b"), 10);
    CHECK_EQ(zone_alloc_get(za, "a"), 12);
    zone_alloc_destroy(za);
}

TEST(retain)
{
    struct zone_alloc *za = zone_alloc_create(4097, 8192);
    struct sset bridges = SSET_INITIALIZER(&bridges);

    for (int i = 0; i < 4096; i++) {
        char name[16];

        snprintf(name, sizeof name, "qbr%d", i);
        if (zone_alloc_get(za, name) != 4097 + i) {
            FAIL("bridge %d", i);
        }
    }
    CHECK_UEQ(zone_alloc_n_free(za), 0);
    sset_add(&bridges, "qbr7");
    sset_add(&bridges, "other");
    CHECK_UEQ(zone_alloc_retain(za, &bridges), 4095);
    CHECK_UEQ(zone_alloc_n_used(za), 1);
    CHECK_EQ(zone_alloc_find(za, "qbr7"), 4104);
    CHECK_EQ(zone_alloc_find(za, "other"), 0);
    sset_destroy(&bridges);
    zone_alloc_destroy(za);
}

TEST(a_reserved_zone_is_not_handed_out)
{
    struct zone_alloc *za = zone_alloc_create(10, 13);

    zone_alloc_reserve(za, 10);
    zone_alloc_reserve(za, 10);
    zone_alloc_reserve(za, 4711);       /* Never was. */
    CHECK_UEQ(zone_alloc_n_free(za), 3);
    CHECK_EQ(zone_alloc_get(za, "a"), 11);
    /* It may be restored, is kept, and is reserved again afterwards. */
    CHECK(zone_alloc_restore(za, "b", 10));
    CHECK_UEQ(zone_alloc_n_free(za), 2);
    CHECK_EQ(zone_alloc_get(za, "b"), 10);
    zone_alloc_release(za, "b");
    CHECK_UEQ(zone_alloc_n_free(za), 2);
    CHECK_EQ(zone_alloc_get(za, "c"), 12);
    /* In use already: only when it is released. */
    zone_alloc_reserve(za, 11);
    zone_alloc_release(za, "a");
    CHECK_UEQ(zone_alloc_n_free(za), 1);
    CHECK_EQ(zone_alloc_get(za, "d"), 13);
    CHECK_EQ(zone_alloc_get(za, "e"), 0);
    zone_alloc_destroy(za);
}

static struct sg_binding
binding(const char *bridge, const char *tap, const char *uplink)
{
    struct sg_binding b = { .plug = SG_PLUG_HYBRID };

    ovs_strlcpy(b.bridge, bridge, sizeof b.bridge);
    ovs_strlcpy(b.device, tap, sizeof b.device);
    ovs_strlcpy(b.uplink, uplink, sizeof b.uplink);
    return b;
}

/* As an agent does it: the zones, and what is said about them. */
static void
check_zones(struct zone_claims *zc, struct zone_alloc *za,
            struct sg_binding *b, size_t n, const char *expected)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < n; i++) {
        zone_claims_take_over(zc, &b[i]);
    }
    for (size_t i = 0; i < n; i++) {
        b[i].zone = zone_alloc_get(za, b[i].bridge);
        char *problem = zone_claims_check(zc, &b[i]);

        ds_put_format(&ds, "%s%d%s%s", i ? "\n" : "", b[i].zone,
                      problem ? ": " : "", problem ? problem : "");
        free(problem);
    }
    CHECK_STR(ds_cstr(&ds), expected);
    ds_destroy(&ds);
}

TEST(zones_of_others_are_taken_over)
{
    struct zone_alloc *za = zone_alloc_create(10, 20);
    struct zone_claims *zc = zone_claims_create(za);
    struct sg_binding b[] = {
        binding("qbr1", "tap1", "qvb1"), binding("qbr2", "tap2", "qvb2"),
        binding("qbr3", "tap3", "qvb3"), binding("qbr4", "tap4", "qvb4"),
        binding("qbr5", "tap5", "qvb5"),
    };

    /* All three forms at once, as one known program has it; one of them
     * alone; out of the range; a device that is not here; something else. */
    for (int i = 0; i < 2; i++) {
        zone_claims_add(zc, "qvb1", 12);
        zone_claims_add(zc, "qbr1", 12);
        zone_claims_add(zc, "tap1", 12);
        zone_claims_add(zc, "tap2", 4000);
        zone_claims_add(zc, "qvb3", 11);
        zone_claims_add(zc, "eth7", 10);
        zone_claims_add(zc, "", 13);
    }
    check_zones(zc, za, b, 5, "12\n4000\n11\n14\n15");

    /* Replugged: the same, unless somebody has it. */
    zone_alloc_release(za, "qbr1");
    zone_alloc_release(za, "qbr2");
    CHECK(zone_alloc_restore(za, "other", 4000));
    check_zones(zc, za, b, 2, "12\n16: bridge qbr2 has zone 16, and rules "
                "of others give it 4000");
    zone_claims_destroy(zc);
    zone_alloc_destroy(za);
}

TEST(zones_that_are_disputed)
{
    struct zone_alloc *za = zone_alloc_create(10, 20);
    struct zone_claims *zc = zone_claims_create(za);
    struct sg_binding b[] = {
        binding("qbr1", "tap1", "qvb1"), binding("qbr2", "tap2", "qvb2"),
        binding("qbr3", "tap3", "qvb3"), binding("qbr4", "tap4", "qvb4"),
    };

    /* Ours of an earlier run; two zones for one bridge; two bridges in one
     * zone. */
    CHECK(zone_alloc_restore(za, "qbr1", 17));
    zone_claims_add(zc, "qbr1", 18);
    zone_claims_add(zc, "tap2", 15);
    zone_claims_add(zc, "qvb2", 14);
    zone_claims_add(zc, "qbr3", 14);
    zone_claims_add(zc, "tap4", 17);
    check_zones(zc, za, b, 4,
                "17: bridge qbr1 has zone 17, and rules of others give it "
                "18\n"
                "14: bridge qbr2 has zone 14, and rules of others give it "
                "14, 15\n"
                "10: bridge qbr3 has zone 10, and rules of others give it "
                "14\n"
                "11: bridge qbr4 has zone 11, and rules of others give it "
                "17");
    zone_claims_destroy(zc);
    zone_alloc_destroy(za);
}

TEST(the_whole_range)
{
    struct zone_alloc *za = zone_alloc_create(1, UINT16_MAX);

    CHECK_UEQ(zone_alloc_n_free(za), UINT16_MAX);
    CHECK(zone_alloc_restore(za, "last", UINT16_MAX));
    CHECK_EQ(zone_alloc_get(za, "first"), 1);
    zone_alloc_destroy(za);
}
