/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef AGENT_PLUG_H
#define AGENT_PLUG_H 1

/* From the kernel's list of links to where a port is plugged.  Pure.
 *
 * The hybrid plug: the OVS interface (qvo...) is one end of a veth pair, the
 * other end (qvb...) is on a Linux bridge (qbr...) together with exactly one
 * more device, the instance's tap.  The chain qvo -> peer -> master -> other
 * ports is what the kernel says (IFLA_LINK, IFLA_MASTER); names only decide
 * whether the bridge is one of ours to manage. */

#include "firewall/l2_elements.h"

/* One link of this network namespace. */
struct plug_link {
    int index;
    int master;                 /* Index of its bridge, 0: none. */
    int peer;                   /* Index of a veth's other end in the same
                                 * namespace, 0: none. */
    char name[SG_DEVICE_LEN];
};

struct plug_names {
    const char *bridge_prefix, *tap_prefix, *uplink_prefix;
};

struct plug_table;              /* Links indexed by name, index, master. */
struct plug_table *plug_table_create(const struct plug_link *, size_t n);
void plug_table_destroy(struct plug_table *);
bool plug_table_equals(const struct plug_table *, const struct plug_table *);

/* Fills 'binding' (all but 'zone') for the OVS interface 'interface'; returns
 * a static sentence that says why, or NULL for a complete hybrid plug. */
const char *plug_resolve(const struct plug_table *,
                         const struct plug_names *, const char *interface,
                         struct sg_binding *binding);

/* Devices on a managed bridge that are no port's uplink or tap (they are
 * closed by the dispatch and the guard): names appended, at most 'max';
 * returns how many there are.  'known' are the bindings of all ports. */
size_t plug_unknown_devices(const struct plug_table *,
                            const struct plug_names *,
                            const struct sg_binding *known, size_t n_known,
                            char (*names)[SG_DEVICE_LEN], size_t max);

/* Devices that the guard is to know of: those on managed bridges, and those
 * on other ones that are called like taps or uplinks.  Malloc'd. */
struct l2_device *plug_devices(const struct plug_table *,
                               const struct plug_names *, size_t *n);

#endif /* agent/plug.h */
