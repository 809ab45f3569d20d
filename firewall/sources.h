/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef FIREWALL_SOURCES_H
#define FIREWALL_SOURCES_H 1

/* What a filtered port may send from: numbers 5 and 6 of the semantics in
 * render.c.  Pure; the tables and the guard below them ask the same. */

#include "sg/policy.h"

/* Fixed IPs with the port's own MAC, allowed pairs, and in IPv6 the link-local
 * address of each MAC. */
struct sg_pair *fw_port_sources(const struct sg_port_spec *, enum sg_family,
                                size_t *n);
struct sg_mac *fw_port_macs(const struct sg_port_spec *, size_t *n);
/* All ports by device, then by id: of two on one device the first one has
 * it. */
const struct sg_port **fw_sorted_ports(const struct sg_policy *, size_t *n);

#endif /* firewall/sources.h */
