/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Conntrack zones: what is restored is kept, what is released is used again
 * as late as possible. */

#include <config.h>
#include "agent/zone_alloc.h"

#include <stdio.h>

#include "sset.h"
#include "tests/lib/test.h"

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

TEST(the_whole_range)
{
    struct zone_alloc *za = zone_alloc_create(1, UINT16_MAX);

    CHECK_UEQ(zone_alloc_n_free(za), UINT16_MAX);
    CHECK(zone_alloc_restore(za, "last", UINT16_MAX));
    CHECK_EQ(zone_alloc_get(za, "first"), 1);
    zone_alloc_destroy(za);
}
