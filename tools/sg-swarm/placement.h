/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef SG_SWARM_PLACEMENT_H
#define SG_SWARM_PLACEMENT_H 1

/* Which hosts a topology has, and which ports are on each.
 *
 * Pure.  A port with a host is plugged there the hybrid way, on devices that
 * are named as everywhere: tap, qbr and qvb with the first eleven characters
 * of the port's id.  A port without a host is somewhere else. */

#include "agent/policy_store.h"

struct topology;

struct placed_host {
    char *name;
    struct local_port *ports;   /* Sorted by id, as plugs have them. */
    size_t n_ports, allocated;
};

struct placement {
    struct placed_host *hosts;  /* Sorted by name. */
    size_t n_hosts;
};

/* NULL, or a malloc'd sentence: a host name that is none, two ports whose
 * devices would have one name. */
char *placement_create(const struct topology *, struct placement *)
    SG_MUST_USE;
void placement_uninit(struct placement *);

#endif /* tools/sg-swarm/placement.h */
