/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef SG_CONTROLLER_MEMBERSHIP_H
#define SG_CONTROLLER_MEMBERSHIP_H 1

/* Who is a member of a security group.
 *
 * A port that filters (port security on, not trusted) lends each of its
 * groups its fixed IPs and its allowed address pairs.  A pair that is a
 * single address is a member like a fixed IP, a pair that is a prefix is a
 * member as that prefix, and a pair of length 0 never is one: it would open
 * the group to everybody.
 *
 * Membership is a set: two ports with the same address are one member, which
 * stays until the last of them is gone.  It is derived anew for each
 * topology, so the result depends on the topology alone and not on how it
 * came about. */

#include "sg/types.h"

struct topology;
struct sg_port_spec;

/* Adds the ports' addresses to the members of their groups, which must
 * exist. */
void membership_derive(struct topology *);

/* Is this address pair or fixed IP ever a member? */
bool membership_counts(const struct sg_prefix *);

#endif /* tools/sg-controller/membership.h */
