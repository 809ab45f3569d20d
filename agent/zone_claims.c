/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "agent/zone_claims.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/zone_alloc.h"
#include "hash.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/hmap.h"
#include "util.h"

/* A zone that a device is claimed to have. */
struct claim {
    struct hmap_node node;
    char device[SG_DEVICE_LEN];
    uint16_t zone;
};

struct zone_claims {
    struct zone_alloc *zones;
    struct hmap claims;         /* By device. */
};

/* The zones of one bridge, ascending, no duplicates. */
struct claimed {
    uint16_t *zones;
    size_t n, allocated;
};

static void find(const struct zone_claims *, const struct sg_binding *,
                 struct claimed *);

struct zone_claims *
zone_claims_create(struct zone_alloc *zones)
{
    struct zone_claims *zc = xzalloc(sizeof *zc);

    zc->zones = zones;
    hmap_init(&zc->claims);
    return zc;
}

void
zone_claims_destroy(struct zone_claims *zc)
{
    struct claim *claim;

    if (!zc) {
        return;
    }
    HMAP_FOR_EACH_POP (claim, node, &zc->claims) {
        free(claim);
    }
    hmap_destroy(&zc->claims);
    free(zc);
}

void
zone_claims_add(struct zone_claims *zc, const char *device, uint16_t zone)
{
    uint32_t hash = hash_string(device, 0);
    struct claim *claim;

    zone_alloc_reserve(zc->zones, zone);
    if (!device[0]) {
        return;
    }
    HMAP_FOR_EACH_WITH_HASH (claim, node, hash, &zc->claims) {
        if (claim->zone == zone && !strcmp(claim->device, device)) {
            return;
        }
    }
    claim = xzalloc(sizeof *claim);
    ovs_strlcpy(claim->device, device, sizeof claim->device);
    claim->zone = zone;
    hmap_insert(&zc->claims, &claim->node, hash);
}

void
zone_claims_take_over(struct zone_claims *zc, const struct sg_binding *b)
{
    struct claimed claimed;

    if (zone_alloc_find(zc->zones, b->bridge)) {
        return;
    }
    find(zc, b, &claimed);
    for (size_t i = 0; i < claimed.n; i++) {
        if (zone_alloc_restore(zc->zones, b->bridge, claimed.zones[i])) {
            break;
        }
    }
    free(claimed.zones);
}

char *
zone_claims_check(const struct zone_claims *zc, const struct sg_binding *b)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct claimed claimed;

    find(zc, b, &claimed);
    if (claimed.n > 1 || (claimed.n && claimed.zones[0] != b->zone)) {
        ds_put_format(&ds, "bridge %s has zone %"PRIu16", and rules of "
                      "others give it", b->bridge, b->zone);
        for (size_t i = 0; i < claimed.n; i++) {
            ds_put_format(&ds, "%s %"PRIu16, i ? "," : "", claimed.zones[i]);
        }
    }
    free(claimed.zones);
    return ds.length ? ds_steal_cstr(&ds) : NULL;
}

static void
find_device(const struct zone_claims *zc, const char *device,
            struct claimed *claimed)
{
    const struct claim *claim;

    HMAP_FOR_EACH_WITH_HASH (claim, node, hash_string(device, 0),
                             &zc->claims) {
        if (!strcmp(claim->device, device)) {
            if (claimed->n >= claimed->allocated) {
                claimed->zones = x2nrealloc(claimed->zones,
                                            &claimed->allocated,
                                            sizeof *claimed->zones);
            }
            claimed->zones[claimed->n++] = claim->zone;
        }
    }
}

static int
compare_zones(const void *a_, const void *b_)
{
    const uint16_t *a = a_;
    const uint16_t *b = b_;

    return *a < *b ? -1 : *a > *b;
}

/* Fills '*claimed'; the caller frees its zones. */
static void
find(const struct zone_claims *zc, const struct sg_binding *b,
     struct claimed *claimed)
{
    size_t n = 0;

    memset(claimed, 0, sizeof *claimed);
    find_device(zc, b->bridge, claimed);
    find_device(zc, b->device, claimed);
    find_device(zc, b->uplink, claimed);
    if (!claimed->n) {
        return;
    }
    qsort(claimed->zones, claimed->n, sizeof *claimed->zones, compare_zones);
    for (size_t i = 0; i < claimed->n; i++) {
        if (!n || claimed->zones[i] != claimed->zones[n - 1]) {
            claimed->zones[n++] = claimed->zones[i];
        }
    }
    claimed->n = n;
}
