/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tools/sg-controller/beacon.h"

#include <stdlib.h>

#include "hash.h"
#include "openvswitch/hmap.h"
#include "util.h"

struct entry {
    struct hmap_node node;
    struct sg_beacon_entry public;
    int left;                   /* In how many more beacons. */
};

struct beacon {
    size_t max_entries;         /* Of one beacon. */
    struct hmap entries;        /* Contains "struct entry"s, by hash. */
    int64_t seq;
};

static struct entry *find_entry(const struct beacon *, uint64_t hash);
static int compare_entries(const void *, const void *);

struct beacon *
beacon_create(size_t max_entries)
{
    struct beacon *beacon = xzalloc(sizeof *beacon);

    beacon->max_entries = max_entries;
    hmap_init(&beacon->entries);
    return beacon;
}

void
beacon_destroy(struct beacon *beacon)
{
    struct entry *entry;

    if (!beacon) {
        return;
    }
    HMAP_FOR_EACH_POP (entry, node, &beacon->entries) {
        free(entry);
    }
    hmap_destroy(&beacon->entries);
    free(beacon);
}

/* A later change of the same object takes the place of the former. */
void
beacon_changed(struct beacon *beacon, enum sg_kind kind,
               const struct uuid *id, int64_t revision)
{
    uint64_t hash = sg_ref_hash(kind, id);
    struct entry *entry = find_entry(beacon, hash);

    if (!entry) {
        entry = xzalloc(sizeof *entry);
        entry->public.hash = hash;
        hmap_insert(&beacon->entries, &entry->node, hash_uint64(hash));
    }
    entry->public.revision = revision;
    entry->left = BEACON_REPEATS;
}

void
beacon_next(struct beacon *beacon, const struct sg_epoch *epoch,
            struct sg_update *update)
{
    size_t n = hmap_count(&beacon->entries);
    struct entry *entry;

    sg_update_init(update, SG_METHOD_BEACON);
    update->epoch = *epoch;
    update->seq = ++beacon->seq;
    /* Who compares everything needs no names. */
    update->more = n > beacon->max_entries;
    update->entries = update->more || !n ? NULL
                      : xcalloc(n, sizeof *update->entries);
    HMAP_FOR_EACH_SAFE (entry, node, &beacon->entries) {
        if (!update->more) {
            update->entries[update->n_entries++] = entry->public;
        }
        if (!--entry->left) {
            hmap_remove(&beacon->entries, &entry->node);
            free(entry);
        }
    }
    if (update->n_entries > 1) {
        qsort(update->entries, update->n_entries, sizeof *update->entries,
              compare_entries);
    }
}

int64_t
beacon_seq(const struct beacon *beacon)
{
    return beacon->seq;
}

static struct entry *
find_entry(const struct beacon *beacon, uint64_t hash)
{
    struct entry *entry;

    HMAP_FOR_EACH_WITH_HASH (entry, node, hash_uint64(hash),
                             &beacon->entries) {
        if (entry->public.hash == hash) {
            return entry;
        }
    }
    return NULL;
}

static int
compare_entries(const void *a_, const void *b_)
{
    const struct sg_beacon_entry *a = a_;
    const struct sg_beacon_entry *b = b_;

    return a->hash < b->hash ? -1 : a->hash > b->hash;
}
