/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tools/sg-controller/entry_cache.h"

#include <stdlib.h>

#include "hash.h"
#include "rpc/message.h"
#include "tools/sg-controller/state.h"
#include "tools/sg-controller/topology.h"
#include "util.h"
#include "uuid.h"

struct entry_cache {
    struct entry_cache_config config;
    struct hmap entries;        /* Contains "struct entry"s. */
    struct ovs_list lru;        /* The same, longest unused first. */
    size_t bytes;
    uint64_t hits, misses;
};

static struct entry *find_entry(const struct entry_cache *,
                                const struct sg_ref *, unsigned int part);
static uint32_t hash_entry(const struct sg_ref *, unsigned int part);
static const struct entry *use_entry(struct entry_cache *, struct entry *,
                                     long long int now);
static struct entry *make_entry(struct entry_cache *, const struct topology *,
                                const struct sg_ref *);
static struct entry *make_parts(struct entry_cache *,
                                const struct topology_group *,
                                const struct sg_ref *);
static struct entry *add_entry(struct entry_cache *, const struct sg_ref *,
                               const struct sg_update *);
static void remove_all_parts(struct entry_cache *, const struct entry *);
static void remove_entry(struct entry_cache *, struct entry *);

struct entry_cache *
entry_cache_create(const struct entry_cache_config *config)
{
    struct entry_cache *cache = xzalloc(sizeof *cache);

    cache->config = *config;
    hmap_init(&cache->entries);
    ovs_list_init(&cache->lru);
    return cache;
}

void
entry_cache_destroy(struct entry_cache *cache)
{
    struct entry *entry;

    if (!cache) {
        return;
    }
    LIST_FOR_EACH_SAFE (entry, lru, &cache->lru) {
        remove_entry(cache, entry);
    }
    hmap_destroy(&cache->entries);
    free(cache);
}

const struct entry *
entry_cache_get(struct entry_cache *cache, const struct state *state,
                const struct sg_ref *ref, long long int now)
{
    struct sg_ref at = *ref;
    struct entry *entry;

    ovs_assert(state_find(state, ref->kind, &ref->id, &at.revision)
               == STATE_PRESENT);
    entry = find_entry(cache, &at, 0);
    if (!entry) {
        entry = find_entry(cache, &at, 1);
    }
    if (entry) {
        cache->hits++;
    } else {
        cache->misses++;
        entry = make_entry(cache, state_topology(state), &at);
    }
    return use_entry(cache, entry, now);
}

const struct entry *
entry_cache_get_part(struct entry_cache *cache, const struct sg_ref *ref,
                     unsigned int part, long long int now)
{
    struct entry *entry = find_entry(cache, ref, part);

    return entry ? use_entry(cache, entry, now) : NULL;
}

void
entry_cache_trim(struct entry_cache *cache, long long int now)
{
    while (!ovs_list_is_empty(&cache->lru)) {
        struct entry *oldest = CONTAINER_OF(ovs_list_front(&cache->lru),
                                            struct entry, lru);

        if (cache->bytes <= cache->config.max_bytes
            && now - oldest->used < ENTRY_IDLE_MS) {
            break;
        }
        remove_all_parts(cache, oldest);
    }
}

void
entry_cache_get_stats(const struct entry_cache *cache,
                      struct entry_cache_stats *stats)
{
    *stats = (struct entry_cache_stats) {
        .n = hmap_count(&cache->entries),
        .bytes = cache->bytes,
        .hits = cache->hits,
        .misses = cache->misses,
    };
}

static struct entry *
find_entry(const struct entry_cache *cache, const struct sg_ref *ref,
           unsigned int part)
{
    struct entry *entry;

    HMAP_FOR_EACH_WITH_HASH (entry, node, hash_entry(ref, part),
                             &cache->entries) {
        if (entry->ref.kind == ref->kind && entry->part == part
            && entry->ref.revision == ref->revision
            && uuid_equals(&entry->ref.id, &ref->id)) {
            return entry;
        }
    }
    return NULL;
}

static uint32_t
hash_entry(const struct sg_ref *ref, unsigned int part)
{
    return hash_2words(sg_object_hash(ref->kind, &ref->id),
                       hash_uint64_basis(ref->revision, part));
}

/* Neighbours in the list were used at times in order.  Who uses a part will
 * want the others. */
static const struct entry *
use_entry(struct entry_cache *cache, struct entry *entry, long long int now)
{
    for (unsigned int i = MIN(1, entry->parts); i <= entry->parts; i++) {
        struct entry *part = find_entry(cache, &entry->ref, i);

        part->used = now;
        ovs_list_remove(&part->lru);
        ovs_list_push_back(&cache->lru, &part->lru);
    }
    return entry;
}

/* Encodes the object.  Returns the first of its entries. */
static struct entry *
make_entry(struct entry_cache *cache, const struct topology *topology,
           const struct sg_ref *ref)
{
    struct sg_update update;
    struct entry *entry;

    sg_update_init(&update, SG_METHOD_SYNC);
    switch (ref->kind) {
    case SG_KIND_PORT:
        update.ports = xcalloc(1, sizeof *update.ports);
        update.n_ports = 1;
        sg_port_spec_clone(update.ports,
                           &topology_port(topology, &ref->id)->spec);
        update.ports->revision = ref->revision;
        break;
    case SG_KIND_RULES:
        update.rules = xcalloc(1, sizeof *update.rules);
        update.n_rules = 1;
        sg_rules_spec_clone(update.rules,
                            &topology_group(topology, &ref->id)->rules);
        update.rules->revision = ref->revision;
        break;
    case SG_KIND_MEMBERS:
        update.members = xcalloc(1, sizeof *update.members);
        update.n_members = 1;
        topology_group_members(topology_group(topology, &ref->id),
                               ref->revision, update.members);
        break;
    }

    entry = add_entry(cache, ref, &update);
    sg_update_uninit(&update);
    if (ref->kind == SG_KIND_MEMBERS
        && entry->len > cache->config.whole_bytes) {
        remove_entry(cache, entry);
        entry = make_parts(cache, topology_group(topology, &ref->id), ref);
    }
    return entry;
}

/* All parts at once: the list may be another one when the next is asked
 * for. */
static struct entry *
make_parts(struct entry_cache *cache, const struct topology_group *group,
           const struct sg_ref *ref)
{
    size_t step = cache->config.part_members;
    size_t n = group->sorted.n;
    unsigned int parts = DIV_ROUND_UP(n, step);
    struct entry *first = NULL;

    for (unsigned int i = 0; i < parts; i++) {
        /* Borrows its members from the group. */
        struct sg_members_spec spec = {
            .group = group->id,
            .revision = ref->revision,
            .whole = true,
            .part = i + 1,
            .parts = parts,
            .added = { .p = group->sorted.p + i * step,
                       .n = MIN(step, n - i * step) },
        };
        struct sg_update update;
        struct entry *entry;

        sg_update_init(&update, SG_METHOD_SYNC);
        update.members = &spec;
        update.n_members = 1;
        entry = add_entry(cache, ref, &update);
        first = first ? first : entry;
    }
    return first;
}

/* Encodes the one object of 'update'. */
static struct entry *
add_entry(struct entry_cache *cache, const struct sg_ref *ref,
          const struct sg_update *update)
{
    struct entry *entry = xzalloc(sizeof *entry);

    entry->ref = *ref;
    if (update->n_members) {
        entry->part = update->members->part;
        entry->parts = update->members->parts;
    }
    entry->text = rpc_encode_entry(update, &entry->len);
    hmap_insert(&cache->entries, &entry->node, hash_entry(ref, entry->part));
    ovs_list_push_back(&cache->lru, &entry->lru);
    cache->bytes += entry->len;
    return entry;
}

static void
remove_all_parts(struct entry_cache *cache, const struct entry *entry)
{
    const struct sg_ref ref = entry->ref;
    const unsigned int parts = entry->parts;

    for (unsigned int i = MIN(1, parts); i <= parts; i++) {
        remove_entry(cache, find_entry(cache, &ref, i));
    }
}

static void
remove_entry(struct entry_cache *cache, struct entry *entry)
{
    cache->bytes -= entry->len;
    hmap_remove(&cache->entries, &entry->node);
    ovs_list_remove(&entry->lru);
    free(entry->text);
    free(entry);
}
