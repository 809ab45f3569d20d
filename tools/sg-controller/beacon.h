/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef SG_CONTROLLER_BEACON_H
#define SG_CONTROLLER_BEACON_H 1

/* What has changed lately, for everybody.
 *
 * Pure.  A beacon goes to every agent at a steady pace.  It names each change
 * in three beacons in a row, so that an agent that missed the change itself,
 * and up to two beacons, still learns that it is behind.  Names are hashes:
 * no host learns ids it does not use. */

#include "sg/update.h"

struct beacon;

#define BEACON_INTERVAL_MS 2000
#define BEACON_REPEATS 3
/* Above so many entries a beacon names none and says `more` instead, and
 * agents compare everything. */
#define BEACON_MAX_ENTRIES 256

struct beacon *beacon_create(size_t max_entries);
void beacon_destroy(struct beacon *);

void beacon_changed(struct beacon *, enum sg_kind, const struct uuid *,
                    int64_t revision);
/* Fills in the next beacon, initialised here and to be uninitialised by the
 * caller.  Does not set 'sent'. */
void beacon_next(struct beacon *, const struct sg_epoch *,
                 struct sg_update *);
int64_t beacon_seq(const struct beacon *);

#endif /* tools/sg-controller/beacon.h */
