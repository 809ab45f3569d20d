/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef SG_CONTROLLER_ENTRY_CACHE_H
#define SG_CONTROLLER_ENTRY_CACHE_H 1

/* Objects as they stand in an answer: the encoded text of each, once per
 * revision, however many hosts ask for it.
 *
 * Pure.  Bounded in bytes, least recently used first; what nobody used for
 * ENTRY_IDLE_MS goes, too.  The text of an older revision stays until then: a
 * member list that is given in parts can be finished at the revision at which
 * it was begun, however fast it changes.  All of its parts are here, or none.
 *
 * An entry that was returned stays valid until entry_cache_trim(). */

#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "sg/types.h"

struct state;

#define ENTRY_CACHE_MAX_BYTES (64 * 1024 * 1024)
#define ENTRY_IDLE_MS 60000

/* One element of the list `objects`. */
struct entry {
    struct hmap_node node;
    struct ovs_list lru;
    struct sg_ref ref;
    unsigned int part, parts;   /* 0 and 0 if it is whole. */
    char *text;
    size_t len;
    long long int used;
};

struct entry_cache_config {
    size_t max_bytes;           /* ENTRY_CACHE_MAX_BYTES, but for tests. */
    /* A member list with a longer text comes in parts with so many members
     * each. */
    size_t whole_bytes;
    size_t part_members;
};

struct entry_cache *entry_cache_create(const struct entry_cache_config *);
void entry_cache_destroy(struct entry_cache *);

/* The entry of an object that is present in 'state', at its revision there;
 * the first of its parts if it has several. */
const struct entry *entry_cache_get(struct entry_cache *,
                                    const struct state *,
                                    const struct sg_ref *,
                                    long long int now);
/* This part at the revision in 'ref', or NULL if it is not here any more. */
const struct entry *entry_cache_get_part(struct entry_cache *,
                                         const struct sg_ref *,
                                         unsigned int part,
                                         long long int now);

void entry_cache_trim(struct entry_cache *, long long int now);

struct entry_cache_stats {
    size_t n, bytes;
    uint64_t hits, misses;
};
void entry_cache_get_stats(const struct entry_cache *,
                           struct entry_cache_stats *);

#endif /* tools/sg-controller/entry_cache.h */
