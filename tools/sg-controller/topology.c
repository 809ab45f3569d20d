/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tools/sg-controller/topology.h"

#include <stdlib.h>
#include <string.h>

#include "openvswitch/hmap.h"
#include "rpc/message.h"
#include "tools/sg-controller/membership.h"
#include "util.h"
#include "uuid.h"

static void clear_derived(struct topology_group *);
static void sort_members(struct topology_group *);

struct topology *
topology_create(void)
{
    struct topology *topology = xmalloc(sizeof *topology);

    hmap_init(&topology->ports);
    hmap_init(&topology->groups);
    return topology;
}

/* Members of security groups are left out: they are derived. */
struct topology *
topology_clone(const struct topology *old)
{
    struct topology *topology = topology_create();
    const struct topology_group *group;
    const struct topology_port *port;

    HMAP_FOR_EACH (port, node, &old->ports) {
        struct topology_port *clone = xzalloc(sizeof *clone);

        sg_port_spec_clone(&clone->spec, &port->spec);
        clone->host = nullable_xstrdup(port->host);
        hmap_insert(&topology->ports, &clone->node,
                    sg_id_hash(&clone->spec.id));
    }
    HMAP_FOR_EACH (group, node, &old->groups) {
        struct topology_group *clone = xzalloc(sizeof *clone);
        const struct sg_member *member;

        clone->id = group->id;
        clone->is_address_group = group->is_address_group;
        sg_rules_spec_clone(&clone->rules, &group->rules);
        sg_members_init(&clone->members);
        if (group->is_address_group) {
            SG_MEMBERS_FOR_EACH (member, &group->members) {
                sg_members_add(&clone->members, &member->prefix);
            }
        }
        hmap_insert(&topology->groups, &clone->node, sg_id_hash(&clone->id));
    }
    return topology;
}

void
topology_destroy(struct topology *topology)
{
    struct topology_group *group;
    struct topology_port *port;

    if (!topology) {
        return;
    }
    HMAP_FOR_EACH_POP (port, node, &topology->ports) {
        topology_port_destroy(port);
    }
    hmap_destroy(&topology->ports);
    HMAP_FOR_EACH_POP (group, node, &topology->groups) {
        topology_group_destroy(group);
    }
    hmap_destroy(&topology->groups);
    free(topology);
}

void
topology_port_destroy(struct topology_port *port)
{
    sg_port_spec_uninit(&port->spec);
    free(port->host);
    free(port);
}

void
topology_group_destroy(struct topology_group *group)
{
    sg_rules_spec_uninit(&group->rules);
    sg_members_uninit(&group->members);
    sg_prefix_list_uninit(&group->sorted);
    free(group);
}

/* Derives the members, holds them against the limit of the wire and sorts
 * them. */
char *
topology_complete(struct topology *topology, const struct rpc_limits *limits)
{
    struct topology_group *group;

    HMAP_FOR_EACH (group, node, &topology->groups) {
        clear_derived(group);
    }
    membership_derive(topology);
    HMAP_FOR_EACH (group, node, &topology->groups) {
        size_t n = sg_members_count(&group->members);

        if (n > limits->members) {
            return xasprintf("group "UUID_FMT" would have %zu members, more "
                             "than the limit of %zu", UUID_ARGS(&group->id),
                             n, limits->members);
        }
        sort_members(group);
    }
    return NULL;
}

const struct topology_port *
topology_port(const struct topology *topology, const struct uuid *id)
{
    const struct topology_port *port;

    HMAP_FOR_EACH_WITH_HASH (port, node, sg_id_hash(id), &topology->ports) {
        if (uuid_equals(&port->spec.id, id)) {
            return port;
        }
    }
    return NULL;
}

const struct topology_group *
topology_group(const struct topology *topology, const struct uuid *id)
{
    const struct topology_group *group;

    HMAP_FOR_EACH_WITH_HASH (group, node, sg_id_hash(id),
                             &topology->groups) {
        if (uuid_equals(&group->id, id)) {
            return group;
        }
    }
    return NULL;
}

bool
topology_has(const struct topology *topology, enum sg_kind kind,
             const struct uuid *id)
{
    const struct topology_group *group;

    if (kind == SG_KIND_PORT) {
        return topology_port(topology, id) != NULL;
    }
    group = topology_group(topology, id);
    return group && (kind == SG_KIND_MEMBERS || !group->is_address_group);
}

void
topology_group_members(const struct topology_group *group, int64_t revision,
                       struct sg_members_spec *spec)
{
    memset(spec, 0, sizeof *spec);
    spec->group = group->id;
    spec->revision = revision;
    spec->whole = true;
    sg_prefix_list_append(&spec->added, &group->sorted);
}

void
topology_count(const struct topology *topology,
               struct topology_counts *counts)
{
    const struct topology_group *group;

    memset(counts, 0, sizeof *counts);
    counts->n_ports = hmap_count(&topology->ports);
    HMAP_FOR_EACH (group, node, &topology->groups) {
        counts->n_groups += !group->is_address_group;
        counts->n_address_groups += group->is_address_group;
        counts->n_rules += group->rules.n_rules;
        counts->n_members += sg_members_count(&group->members);
    }
}

static void
clear_derived(struct topology_group *group)
{
    if (!group->is_address_group) {
        sg_members_uninit(&group->members);
        sg_members_init(&group->members);
    }
    sg_prefix_list_uninit(&group->sorted);
    group->sorted = (struct sg_prefix_list) SG_PREFIX_LIST_INITIALIZER;
}

static void
sort_members(struct topology_group *group)
{
    const struct sg_member *member;

    SG_MEMBERS_FOR_EACH (member, &group->members) {
        sg_prefix_list_add(&group->sorted, &member->prefix);
    }
    sg_prefix_list_sort(&group->sorted);
}
