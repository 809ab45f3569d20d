/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef AGENT_ZONE_CLAIMS_H
#define AGENT_ZONE_CLAIMS_H 1

/* Conntrack zones that rules of other programs give.
 *
 * Pure.  Such a rule names a bridge, its tap or its uplink.  The flows of the
 * bridge are in that zone, and would be cut off if they came into another: so
 * the bridge keeps it, whether or not it is in our range, unless it has one of
 * an earlier run (our rules stand before all others).  All zones that are
 * claimed are reserved: for whatever else they are used, the flows there are
 * not those of a bridge of ours.
 *
 * Where claims contradict each other, the lowest zone wins that no other
 * bridge has, and the bridge that comes first in the list of ports; what lost
 * is said. */

#include "sg/policy.h"

struct zone_alloc;
struct zone_claims;

/* 'zones' is borrowed. */
struct zone_claims *zone_claims_create(struct zone_alloc *zones);
void zone_claims_destroy(struct zone_claims *);

/* A rule of somebody else gives 'zone' to 'device', or, if that is "", to
 * something else.  Said again, nothing changes. */
void zone_claims_add(struct zone_claims *, const char *device, uint16_t zone);

/* The bridge of 'binding' gets the zone that it is claimed to have. */
void zone_claims_take_over(struct zone_claims *, const struct sg_binding *);

/* NULL, or a malloc'd sentence: the zone that 'binding' now has is not, or not
 * the only one, that others give to it. */
char *zone_claims_check(const struct zone_claims *,
                        const struct sg_binding *);

#endif /* agent/zone_claims.h */
