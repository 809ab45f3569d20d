/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "agent/zone_alloc.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "sset.h"
#include "util.h"

/* A zone and the bridge that has it or had it last. */
struct zone {
    struct hmap_node node;      /* In 'by_bridge', if 'bridge' is set. */
    struct ovs_list free_node;  /* In 'free', if is_free(). */
    char *bridge;               /* NULL: never given to a bridge. */
    uint16_t number;
    bool used;
    bool reserved;              /* In the range only. */
};

struct zone_alloc {
    uint16_t min, max;
    struct zone *zones;         /* The range: [number - min]. */
    struct hmap by_bridge;      /* Also zones out of the range. */
    struct ovs_list free;       /* Longest free first. */
    size_t n_used;              /* In the range or out of it. */
    size_t n_free;
    uint64_t n_exhausted;
};

static struct zone *find(const struct zone_alloc *, const char *bridge);
static struct zone *find_number(const struct zone_alloc *, uint16_t);
static bool in_range(const struct zone_alloc *, uint16_t);
static bool is_free(const struct zone_alloc *, const struct zone *);
static void take(struct zone_alloc *, struct zone *, const char *bridge);
static void give_back(struct zone_alloc *, struct zone *);
static void forget_bridge(struct zone_alloc *, struct zone *);

struct zone_alloc *
zone_alloc_create(uint16_t min, uint16_t max)
{
    struct zone_alloc *za = xzalloc(sizeof *za);
    size_t n = (size_t) max - min + 1;

    ovs_assert(min && min <= max);
    za->min = min;
    za->max = max;
    za->zones = xcalloc(n, sizeof *za->zones);
    hmap_init(&za->by_bridge);
    ovs_list_init(&za->free);
    for (size_t i = 0; i < n; i++) {
        za->zones[i].number = (uint16_t) (min + i);
        ovs_list_push_back(&za->free, &za->zones[i].free_node);
    }
    za->n_free = n;
    return za;
}

void
zone_alloc_destroy(struct zone_alloc *za)
{
    if (za) {
        struct zone *z;

        HMAP_FOR_EACH_SAFE (z, node, &za->by_bridge) {
            forget_bridge(za, z);
            if (!in_range(za, z->number)) {
                free(z);
            }
        }
        hmap_destroy(&za->by_bridge);
        free(za->zones);
        free(za);
    }
}

bool
zone_alloc_restore(struct zone_alloc *za, const char *bridge, uint16_t number)
{
    struct zone *z = find(za, bridge);

    if (z && z->used) {
        return z->number == number;
    }
    if (!number) {
        return false;
    }
    z = find_number(za, number);
    if (z && z->used) {
        return false;
    }
    if (!z) {
        /* Out of the range: lives only as long as it is used. */
        z = xzalloc(sizeof *z);
        z->number = number;
    }
    take(za, z, bridge);
    return true;
}

void
zone_alloc_reserve(struct zone_alloc *za, uint16_t number)
{
    struct zone *z = in_range(za, number) ? find_number(za, number) : NULL;

    if (z && !z->reserved) {
        if (is_free(za, z)) {
            ovs_list_remove(&z->free_node);
            za->n_free--;
        }
        z->reserved = true;
    }
}

uint16_t
zone_alloc_get(struct zone_alloc *za, const char *bridge)
{
    struct zone *z = find(za, bridge);

    if (!z || !z->used) {
        if (!z) {
            if (ovs_list_is_empty(&za->free)) {
                za->n_exhausted++;
                return 0;
            }
            z = CONTAINER_OF(ovs_list_front(&za->free), struct zone,
                             free_node);
        }
        take(za, z, bridge);
    }
    return z->number;
}

uint16_t
zone_alloc_find(const struct zone_alloc *za, const char *bridge)
{
    const struct zone *z = find(za, bridge);

    return z && z->used ? z->number : 0;
}

void
zone_alloc_release(struct zone_alloc *za, const char *bridge)
{
    struct zone *z = find(za, bridge);

    if (z && z->used) {
        give_back(za, z);
    }
}

size_t
zone_alloc_retain(struct zone_alloc *za, const struct sset *bridges)
{
    struct zone *z;
    size_t n = 0;

    HMAP_FOR_EACH_SAFE (z, node, &za->by_bridge) {
        if (z->used && !sset_contains(bridges, z->bridge)) {
            give_back(za, z);
            n++;
        }
    }
    return n;
}

size_t
zone_alloc_n_used(const struct zone_alloc *za)
{
    return za->n_used;
}

size_t
zone_alloc_n_free(const struct zone_alloc *za)
{
    return za->n_free;
}

uint64_t
zone_alloc_n_exhausted(const struct zone_alloc *za)
{
    return za->n_exhausted;
}

/* The zone that 'bridge' has, or had last and nobody took since. */
static struct zone *
find(const struct zone_alloc *za, const char *bridge)
{
    struct zone *z;

    HMAP_FOR_EACH_WITH_HASH (z, node, hash_string(bridge, 0),
                             &za->by_bridge) {
        if (!strcmp(z->bridge, bridge)) {
            return z;
        }
    }
    return NULL;
}

static struct zone *
find_number(const struct zone_alloc *za, uint16_t number)
{
    struct zone *z;

    if (in_range(za, number)) {
        return &za->zones[number - za->min];
    }
    HMAP_FOR_EACH (z, node, &za->by_bridge) {
        if (z->number == number) {
            return z;
        }
    }
    return NULL;
}

static bool
in_range(const struct zone_alloc *za, uint16_t number)
{
    return number >= za->min && number <= za->max;
}

/* May zone_alloc_get() hand it out? */
static bool
is_free(const struct zone_alloc *za, const struct zone *z)
{
    return in_range(za, z->number) && !z->used && !z->reserved;
}

static void
take(struct zone_alloc *za, struct zone *z, const char *bridge)
{
    struct zone *old = find(za, bridge);

    if (old && old != z) {
        forget_bridge(za, old);
    }
    if (is_free(za, z)) {
        ovs_list_remove(&z->free_node);
        za->n_free--;
    }
    if (!z->bridge || strcmp(z->bridge, bridge)) {
        forget_bridge(za, z);
        z->bridge = xstrdup(bridge);
        hmap_insert(&za->by_bridge, &z->node, hash_string(bridge, 0));
    }
    z->used = true;
    za->n_used++;
}

static void
give_back(struct zone_alloc *za, struct zone *z)
{
    z->used = false;
    za->n_used--;
    if (is_free(za, z)) {
        ovs_list_push_back(&za->free, &z->free_node);
        za->n_free++;
    } else if (!in_range(za, z->number)) {
        forget_bridge(za, z);
        free(z);
    }
}

static void
forget_bridge(struct zone_alloc *za, struct zone *z)
{
    if (z->bridge) {
        hmap_remove(&za->by_bridge, &z->node);
        free(z->bridge);
        z->bridge = NULL;
    }
}
