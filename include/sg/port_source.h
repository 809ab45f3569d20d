/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef SG_PORT_SOURCE_H
#define SG_PORT_SOURCE_H 1

/* Ports that have no address: neither fixed IPs nor address pairs.
 *
 * On the wire, and in a topology, that is an instance whose addresses nobody
 * manages: any will do with its MAC.  In a struct sg_port_spec it is a port
 * that may send from nothing but what its MAC implies, so that what is taken
 * away from a spec, or left out of it, never makes it wider.  Whoever reads
 * one or writes one says it with pairs, by means of these. */

#include "sg/policy.h"

/* False: to be filtered, and without any address. */
static inline bool
sg_port_has_source(const struct sg_port_spec *spec)
{
    return spec->n_fixed_ips || spec->n_pairs || !sg_port_filters(spec);
}

/* Both for a port without pairs.  The pairs 0.0.0.0/0 and ::/0. */
void sg_port_any_source(struct sg_port_spec *);
/* The pair that it has anyway: its link-local address. */
void sg_port_no_source(struct sg_port_spec *);

#endif /* sg/port_source.h */
