/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tools/sg-controller/membership.h"

#include "tools/sg-controller/topology.h"
#include "util.h"
#include "uuid.h"

static void add_port(struct sg_members *, const struct sg_port_spec *);
static struct topology_group *find_group(struct topology *,
                                         const struct uuid *);

void
membership_derive(struct topology *topology)
{
    struct topology_port *port;

    HMAP_FOR_EACH (port, node, &topology->ports) {
        /* A port that is not filtered has nothing to ask of its groups, and
         * they nothing of it: Neutron clears its groups, we pass them by. */
        if (!sg_port_filters(&port->spec)) {
            continue;
        }
        for (size_t i = 0; i < port->spec.n_groups; i++) {
            struct topology_group *group;

            group = find_group(topology, &port->spec.groups[i]);
            ovs_assert(group && !group->is_address_group);
            add_port(&group->members, &port->spec);
        }
    }
}

bool
membership_counts(const struct sg_prefix *prefix)
{
    return prefix->plen > 0;
}

static void
add_port(struct sg_members *members, const struct sg_port_spec *spec)
{
    for (size_t i = 0; i < spec->n_fixed_ips; i++) {
        sg_members_add(members, &spec->fixed_ips[i]);
    }
    for (size_t i = 0; i < spec->n_pairs; i++) {
        if (membership_counts(&spec->pairs[i].prefix)) {
            sg_members_add(members, &spec->pairs[i].prefix);
        }
    }
}

/* topology_group() without its const. */
static struct topology_group *
find_group(struct topology *topology, const struct uuid *id)
{
    struct topology_group *group;

    HMAP_FOR_EACH_WITH_HASH (group, node, sg_id_hash(id),
                             &topology->groups) {
        if (uuid_equals(&group->id, id)) {
            return group;
        }
    }
    return NULL;
}
