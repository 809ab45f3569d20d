/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef AGENT_ZONE_ALLOC_H
#define AGENT_ZONE_ALLOC_H 1

/* Conntrack zones: one per Linux bridge, from a configured range.
 *
 * Pure.  What the kernel's raw rules give to bridges is restored first, then
 * bridges get zones.  A zone that is released goes to the end of a queue, so
 * that it is used again as late as possible: its old flows have time to
 * expire.  A bridge that comes back before that gets its old zone again.
 *
 * A zone outside of the range (another tool's rule gave it to the bridge) can
 * be restored and is kept while the bridge is there.  One that is reserved
 * (another tool's rule gives it to something) is given to no bridge unless it
 * is restored for it. */

#include "sg/types.h"

struct sset;
struct zone_alloc;

/* 0 < min <= max. */
struct zone_alloc *zone_alloc_create(uint16_t min, uint16_t max);
void zone_alloc_destroy(struct zone_alloc *);

/* The kernel gives 'zone' to 'bridge'.  False if that cannot be: zone 0, the
 * zone belongs to another bridge, or the bridge has another one. */
bool zone_alloc_restore(struct zone_alloc *, const char *bridge,
                        uint16_t zone);
/* From now on zone_alloc_get() does not hand out 'zone', if it is free. */
void zone_alloc_reserve(struct zone_alloc *, uint16_t zone);
/* The zone of 'bridge', allocated if need be; 0 if none is left. */
uint16_t zone_alloc_get(struct zone_alloc *, const char *bridge);
/* The zone of 'bridge', or 0. */
uint16_t zone_alloc_find(const struct zone_alloc *, const char *bridge);
void zone_alloc_release(struct zone_alloc *, const char *bridge);
/* Releases the zones of all bridges that are not in 'bridges'.  Returns how
 * many. */
size_t zone_alloc_retain(struct zone_alloc *, const struct sset *bridges);

size_t zone_alloc_n_used(const struct zone_alloc *);
size_t zone_alloc_n_free(const struct zone_alloc *);
/* Bridges that asked and got none, since start. */
uint64_t zone_alloc_n_exhausted(const struct zone_alloc *);

#endif /* agent/zone_alloc.h */
