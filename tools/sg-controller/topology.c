/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tools/sg-controller/topology.h"

#include <stdlib.h>
#include <string.h>

#include "openvswitch/hmap.h"
#include "rpc/message.h"
#include "sset.h"
#include "tools/sg-controller/fields.h"
#include "tools/sg-controller/membership.h"
#include "tools/sg-controller/port_reader.h"
#include "tools/sg-controller/reader.h"
#include "tools/sg-controller/rule_reader.h"
#include "util.h"
#include "uuid.h"

/* Parsing in progress. */
struct load {
    struct reader *reader;
    const struct rpc_limits *limits;
    struct topology *topology;
    struct sset rule_ids;
};

static bool load_root(struct load *);
static bool load_address_groups(struct load *, const struct reader_node *);
static bool load_address_group(struct load *, const struct reader_node *);
static bool load_addresses(struct load *, const struct reader_node *,
                           struct topology_group *);
static bool load_groups(struct load *, const struct reader_node *);
static bool load_group(struct load *, const struct reader_node *,
                       struct topology_group **,
                       const struct reader_node **rules);
static bool load_ports(struct load *, const struct reader_node *);
static struct topology_group *new_group(struct load *,
                                        const struct reader_node *,
                                        const struct uuid *);
static bool complete_members(struct load *);
static void sort_members(struct topology_group *);

/* Reads, checks and completes a topology.  See the header. */
char *
topology_parse(const char *text, size_t len, const char *file,
               const struct rpc_limits *limits, struct topology **topologyp)
{
    struct load load = { .limits = limits };
    char *error;

    if (len > TOPOLOGY_MAX_BYTES) {
        return xasprintf("%s: larger than the limit of %d bytes", file,
                         TOPOLOGY_MAX_BYTES);
    }
    error = reader_open(text, len, file, &load.reader);
    if (error) {
        return error;
    }

    load.topology = topology_create();
    sset_init(&load.rule_ids);
    if (load_root(&load)) {
        *topologyp = load.topology;
    } else {
        error = reader_take_error(load.reader);
        topology_destroy(load.topology);
    }
    sset_destroy(&load.rule_ids);
    reader_close(load.reader);
    return error;
}

struct topology *
topology_create(void)
{
    struct topology *topology = xmalloc(sizeof *topology);

    hmap_init(&topology->ports);
    hmap_init(&topology->groups);
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
        sg_port_spec_uninit(&port->spec);
        free(port->host);
        free(port);
    }
    hmap_destroy(&topology->ports);
    HMAP_FOR_EACH_POP (group, node, &topology->groups) {
        sg_rules_spec_uninit(&group->rules);
        sg_members_uninit(&group->members);
        sg_prefix_list_uninit(&group->sorted);
        free(group);
    }
    hmap_destroy(&topology->groups);
    free(topology);
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

/* Address groups first: rules refer to them, and they to nothing. */
static bool
load_root(struct load *load)
{
    enum { GROUPS, ADDRESS_GROUPS, PORTS, N_KEYS };
    static const char *const keys[] = {
        "groups", "address_groups", "ports", NULL
    };
    const struct reader_node *root = reader_root(load->reader);
    const struct reader_node *v[N_KEYS];

    if (!reader_mapping(load->reader, root, "topology", keys, v)) {
        return false;
    }
    /* A file that was cut short while it was copied must not read as a
     * network without ports. */
    if (!v[GROUPS] || !v[PORTS]) {
        return reader_fail(load->reader, root, "topology",
                           "the key %s is missing (an empty list is [])",
                           v[GROUPS] ? "ports" : "groups");
    }
    return ((!v[ADDRESS_GROUPS]
             || load_address_groups(load, v[ADDRESS_GROUPS]))
            && load_groups(load, v[GROUPS])
            && load_ports(load, v[PORTS])
            && complete_members(load));
}

static bool
load_address_groups(struct load *load, const struct reader_node *node)
{
    size_t n;

    if (!reader_list(load->reader, node, "address_groups",
                     TOPOLOGY_MAX_GROUPS, &n)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (!load_address_group(load, reader_item(load->reader, node, i))) {
            return false;
        }
    }
    return true;
}

/* Travels like a security group of which only the members exist. */
static bool
load_address_group(struct load *load, const struct reader_node *node)
{
    enum { ID, NAME, DESCRIPTION, ADDRESSES, N_KEYS };
    static const char *const keys[] = {
        "id", "name", "description", "addresses", NULL
    };
    const struct reader_node *v[N_KEYS];
    struct topology_group *group;
    struct uuid id;

    if (!reader_mapping(load->reader, node, "address group", keys, v)
        || !field_id(load->reader, node, v[ID], "id", &id)
        || !field_labels(load->reader, &v[NAME], &keys[NAME], 2)) {
        return false;
    }
    group = new_group(load, v[ID], &id);
    if (!group) {
        return false;
    }
    group->is_address_group = true;
    return !v[ADDRESSES] || load_addresses(load, v[ADDRESSES], group);
}

static bool
load_addresses(struct load *load, const struct reader_node *node,
               struct topology_group *group)
{
    size_t n;

    if (!reader_list(load->reader, node, "addresses", load->limits->members,
                     &n)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        const struct reader_node *item = reader_item(load->reader, node, i);
        struct sg_prefix prefix;

        if (!field_prefix(load->reader, node, item, "addresses", &prefix)) {
            return false;
        }
        if (!membership_counts(&prefix)) {
            return reader_fail(load->reader, item, "addresses",
                               "a prefix of length 0 is everybody: leave the "
                               "remote out of the rule instead");
        }
        sg_members_add(&group->members, &prefix);
    }
    return true;
}

/* Two passes, because a rule may name a group that stands further down. */
static bool
load_groups(struct load *load, const struct reader_node *node)
{
    struct rule_context context = {
        .reader = load->reader,
        .topology = load->topology,
        .ids = &load->rule_ids,
        .max_rules = load->limits->rules,
    };
    const struct reader_node **rules;
    struct topology_group **groups;
    bool ok = true;
    size_t n;

    if (!reader_list(load->reader, node, "groups", TOPOLOGY_MAX_GROUPS, &n)) {
        return false;
    }
    groups = xcalloc(n + 1, sizeof *groups);
    rules = xcalloc(n + 1, sizeof *rules);
    for (size_t i = 0; ok && i < n; i++) {
        ok = load_group(load, reader_item(load->reader, node, i), &groups[i],
                        &rules[i]);
    }
    for (size_t i = 0; ok && i < n; i++) {
        ok = !rules[i] || rules_read(&context, rules[i], &groups[i]->rules);
    }
    free(groups);
    free(rules);
    return ok;
}

/* Reads a group but for its rules, whose node goes to '*rules'. */
static bool
load_group(struct load *load, const struct reader_node *node,
           struct topology_group **groupp, const struct reader_node **rules)
{
    enum { ID, NAME, DESCRIPTION, STATEFUL, RULES, N_KEYS };
    static const char *const keys[] = {
        "id", "name", "description", "stateful", "rules", NULL
    };
    const struct reader_node *v[N_KEYS];
    struct topology_group *group;
    struct uuid id;

    if (!reader_mapping(load->reader, node, "group", keys, v)
        || !field_id(load->reader, node, v[ID], "id", &id)
        || !field_labels(load->reader, &v[NAME], &keys[NAME], 2)) {
        return false;
    }
    group = new_group(load, v[ID], &id);
    if (!group) {
        return false;
    }
    group->rules.stateful = true;
    *groupp = group;
    *rules = v[RULES];
    return !v[STATEFUL] || reader_bool(load->reader, v[STATEFUL], "stateful",
                                       &group->rules.stateful);
}

static bool
load_ports(struct load *load, const struct reader_node *node)
{
    struct port_context context = {
        .reader = load->reader,
        .limits = load->limits,
        .topology = load->topology,
    };
    size_t n;

    if (!reader_list(load->reader, node, "ports", TOPOLOGY_MAX_PORTS, &n)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        struct topology_port *port = xzalloc(sizeof *port);

        if (!port_read(&context, reader_item(load->reader, node, i),
                       &port->spec, &port->host)) {
            sg_port_spec_uninit(&port->spec);
            free(port->host);
            free(port);
            return false;
        }
        hmap_insert(&load->topology->ports, &port->node,
                    sg_id_hash(&port->spec.id));
    }
    return true;
}

/* Adds an empty group 'id', which stands at 'node', to the topology.  Returns
 * NULL if there is one already: both kinds of group share their ids. */
static struct topology_group *
new_group(struct load *load, const struct reader_node *node,
          const struct uuid *id)
{
    struct topology_group *group;

    if (topology_group(load->topology, id)) {
        reader_fail(load->reader, node, "id", "a second group "UUID_FMT,
                    UUID_ARGS(id));
        return NULL;
    }
    group = xzalloc(sizeof *group);
    group->id = *id;
    group->rules.group = *id;
    sg_members_init(&group->members);
    hmap_insert(&load->topology->groups, &group->node, sg_id_hash(id));
    return group;
}

/* Derives the members, holds them against the limit of the wire and sorts
 * them. */
static bool
complete_members(struct load *load)
{
    struct topology_group *group;

    membership_derive(load->topology);
    HMAP_FOR_EACH (group, node, &load->topology->groups) {
        size_t n = sg_members_count(&group->members);

        if (n > load->limits->members) {
            return reader_fail(load->reader, reader_root(load->reader),
                               "ports", "group "UUID_FMT" would have %zu "
                               "members, more than the limit of %zu",
                               UUID_ARGS(&group->id), n,
                               load->limits->members);
        }
        sort_members(group);
    }
    return true;
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
