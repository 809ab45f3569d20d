/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* From YAML to a topology, or to a change of one. */

#include <config.h>
#include "tools/sg-controller/topology.h"

#include <stdlib.h>

#include "openvswitch/hmap.h"
#include "rpc/message.h"
#include "sset.h"
#include "tools/sg-controller/fields.h"
#include "tools/sg-controller/membership.h"
#include "tools/sg-controller/port_reader.h"
#include "tools/sg-controller/reader.h"
#include "tools/sg-controller/ref_set.h"
#include "tools/sg-controller/rule_reader.h"
#include "util.h"
#include "uuid.h"

/* Parsing in progress. */
struct load {
    struct reader *reader;
    const struct rpc_limits *limits;
    struct topology *topology;
    struct sset rule_ids;
    struct ref_set taken;       /* Ports and, as rules, groups of this text. */
    struct topology *aside;     /* What a patch replaces or removes. */
};

static char *load_text(const char *text, size_t len, const char *file,
                       const struct rpc_limits *, struct topology *,
                       bool (*load_root_cb)(struct load *));
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
static bool complete(struct load *);
static bool patch_root(struct load *);
static bool remove_ids(struct load *, const struct reader_node *,
                       const char *key, enum sg_kind);
static bool check_references(struct load *, const struct reader_node *);
static bool check_group(struct load *, const struct reader_node *,
                        const struct uuid *, bool is_address_group);
static bool set_port_aside(struct load *, const struct uuid *);
static bool set_group_aside(struct load *, const struct uuid *);
static void undo(struct load *);
static struct topology_port *find_port(struct topology *,
                                       const struct uuid *);
static struct topology_group *find_group(struct topology *,
                                         const struct uuid *);

/* Reads, checks and completes a topology.  See the header. */
char *
topology_parse(const char *text, size_t len, const char *file,
               const struct rpc_limits *limits, struct topology **topologyp)
{
    struct topology *topology = topology_create();
    char *error;

    error = load_text(text, len, file, limits, topology, load_root);
    if (error) {
        topology_destroy(topology);
    } else {
        *topologyp = topology;
    }
    return error;
}

char *
topology_patch(struct topology *topology, const char *text, size_t len,
               const char *file, const struct rpc_limits *limits)
{
    return load_text(text, len, file, limits, topology, patch_root);
}

/* Reads 'text' into 'topology'; on failure that is as before. */
static char *
load_text(const char *text, size_t len, const char *file,
          const struct rpc_limits *limits, struct topology *topology,
          bool (*load_root_cb)(struct load *))
{
    struct load load = { .limits = limits, .topology = topology };
    char *error;

    if (len > TOPOLOGY_MAX_BYTES) {
        return xasprintf("%s: larger than the limit of %d bytes", file,
                         TOPOLOGY_MAX_BYTES);
    }
    error = reader_open(text, len, file, &load.reader);
    if (error) {
        return error;
    }

    load.aside = topology_create();
    sset_init(&load.rule_ids);
    ref_set_init(&load.taken);
    if (!load_root_cb(&load)) {
        error = reader_take_error(load.reader);
        undo(&load);
    }
    topology_destroy(load.aside);
    ref_set_destroy(&load.taken);
    sset_destroy(&load.rule_ids);
    reader_close(load.reader);
    return error;
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
            && complete(load));
}

static bool
complete(struct load *load)
{
    char *error = topology_complete(load->topology, load->limits);

    if (error) {
        reader_fail(load->reader, reader_root(load->reader), "ports", "%s",
                    error);
        free(error);
        return false;
    }
    return true;
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
        .taken = &load->taken,
    };
    size_t n;

    if (!reader_list(load->reader, node, "ports", TOPOLOGY_MAX_PORTS, &n)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        struct topology_port *port = xzalloc(sizeof *port);

        if (!port_read(&context, reader_item(load->reader, node, i),
                       &port->spec, &port->host)) {
            topology_port_destroy(port);
            return false;
        }
        ref_set_add(&load->taken, SG_KIND_PORT, &port->spec.id, 0);
        set_port_aside(load, &port->spec.id);
        hmap_insert(&load->topology->ports, &port->node,
                    sg_id_hash(&port->spec.id));
    }
    if (hmap_count(&load->topology->ports) > TOPOLOGY_MAX_PORTS) {
        return reader_fail(load->reader, node, "ports", "more than the limit "
                           "of %d", TOPOLOGY_MAX_PORTS);
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

    if (!ref_set_add(&load->taken, SG_KIND_RULES, id, 0)) {
        reader_fail(load->reader, node, "id", "a second group "UUID_FMT,
                    UUID_ARGS(id));
        return NULL;
    }
    set_group_aside(load, id);
    group = xzalloc(sizeof *group);
    group->id = *id;
    group->rules.group = *id;
    sg_members_init(&group->members);
    hmap_insert(&load->topology->groups, &group->node, sg_id_hash(id));
    return group;
}

/* Groups go last: until then what refers to them has been replaced. */
static bool
patch_root(struct load *load)
{
    enum { GROUPS, ADDRESS_GROUPS, PORTS, REMOVE_PORTS, REMOVE_GROUPS,
           N_KEYS };
    static const char *const keys[] = {
        "groups", "address_groups", "ports", "remove_ports", "remove_groups",
        NULL
    };
    const struct reader_node *root = reader_root(load->reader);
    const struct reader_node *v[N_KEYS];

    return (reader_mapping(load->reader, root, "patch", keys, v)
            && (!v[ADDRESS_GROUPS]
                || load_address_groups(load, v[ADDRESS_GROUPS]))
            && (!v[GROUPS] || load_groups(load, v[GROUPS]))
            && (!v[PORTS] || load_ports(load, v[PORTS]))
            && (!v[REMOVE_PORTS] || remove_ids(load, v[REMOVE_PORTS],
                                               keys[REMOVE_PORTS],
                                               SG_KIND_PORT))
            && (!v[REMOVE_GROUPS] || remove_ids(load, v[REMOVE_GROUPS],
                                                keys[REMOVE_GROUPS],
                                                SG_KIND_RULES))
            && check_references(load, root));
}

/* An id that is not there is an error: it may be a misspelt one. */
static bool
remove_ids(struct load *load, const struct reader_node *node,
           const char *key, enum sg_kind kind)
{
    const size_t max = (kind == SG_KIND_PORT ? TOPOLOGY_MAX_PORTS
                        : TOPOLOGY_MAX_GROUPS);
    size_t n;

    if (!reader_list(load->reader, node, key, max, &n)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        const struct reader_node *item = reader_item(load->reader, node, i);
        struct uuid id;

        if (!field_id(load->reader, node, item, key, &id)) {
            return false;
        }
        if (!ref_set_add(&load->taken, kind, &id, 0)
            || !(kind == SG_KIND_PORT ? set_port_aside(load, &id)
                 : set_group_aside(load, &id))) {
            return reader_fail(load->reader, item, key,
                               "no other "UUID_FMT" is there",
                               UUID_ARGS(&id));
        }
    }
    return true;
}

/* What the patch itself says has been checked where it was read.  What was
 * there before may refer to a group that went, or became one of the other
 * kind. */
static bool
check_references(struct load *load, const struct reader_node *root)
{
    const struct topology_group *group;
    const struct topology_port *port;
    bool needed = false;

    HMAP_FOR_EACH (group, node, &load->aside->groups) {
        const struct topology_group *now = topology_group(load->topology,
                                                          &group->id);

        needed |= !now || now->is_address_group != group->is_address_group;
    }
    if (!needed) {
        return true;
    }
    HMAP_FOR_EACH (port, node, &load->topology->ports) {
        for (size_t i = 0; i < port->spec.n_groups; i++) {
            if (!check_group(load, root, &port->spec.groups[i], false)) {
                return false;
            }
        }
    }
    HMAP_FOR_EACH (group, node, &load->topology->groups) {
        for (size_t i = 0; i < group->rules.n_rules; i++) {
            const struct sg_rule *rule = &group->rules.rules[i];

            if ((rule->remote == SG_REMOTE_GROUP
                 && !check_group(load, root, &rule->remote_id, false))
                || (rule->remote == SG_REMOTE_ADDRESS_GROUP
                    && !check_group(load, root, &rule->remote_id, true))) {
                return false;
            }
        }
    }
    return true;
}

static bool
check_group(struct load *load, const struct reader_node *root,
            const struct uuid *id, bool is_address_group)
{
    const struct topology_group *group = topology_group(load->topology, id);

    return ((group && group->is_address_group == is_address_group)
            || reader_fail(load->reader, root, "patch", "group "UUID_FMT
                           " would be gone, or of the other kind, and is "
                           "still used", UUID_ARGS(id)));
}

/* Takes the port out of the topology, if there is one: for undo(). */
static bool
set_port_aside(struct load *load, const struct uuid *id)
{
    struct topology_port *port = find_port(load->topology, id);

    if (port) {
        hmap_remove(&load->topology->ports, &port->node);
        hmap_insert(&load->aside->ports, &port->node, sg_id_hash(id));
    }
    return port != NULL;
}

static bool
set_group_aside(struct load *load, const struct uuid *id)
{
    struct topology_group *group = find_group(load->topology, id);

    if (group) {
        hmap_remove(&load->topology->groups, &group->node);
        hmap_insert(&load->aside->groups, &group->node, sg_id_hash(id));
    }
    return group != NULL;
}

/* Takes out what the text brought in, and puts back what was set aside. */
static void
undo(struct load *load)
{
    struct topology *topology = load->topology;
    struct topology_group *group;
    struct topology_port *port;
    const struct ref_node *ref;

    REF_SET_FOR_EACH (ref, &load->taken) {
        if (ref->ref.kind == SG_KIND_PORT) {
            port = find_port(topology, &ref->ref.id);
            if (port) {
                hmap_remove(&topology->ports, &port->node);
                topology_port_destroy(port);
            }
        } else {
            group = find_group(topology, &ref->ref.id);
            if (group) {
                hmap_remove(&topology->groups, &group->node);
                topology_group_destroy(group);
            }
        }
    }
    HMAP_FOR_EACH_POP (port, node, &load->aside->ports) {
        hmap_insert(&topology->ports, &port->node,
                    sg_id_hash(&port->spec.id));
    }
    HMAP_FOR_EACH_POP (group, node, &load->aside->groups) {
        hmap_insert(&topology->groups, &group->node, sg_id_hash(&group->id));
    }
}

static struct topology_port *
find_port(struct topology *topology, const struct uuid *id)
{
    return CONST_CAST(struct topology_port *, topology_port(topology, id));
}

static struct topology_group *
find_group(struct topology *topology, const struct uuid *id)
{
    return CONST_CAST(struct topology_group *, topology_group(topology, id));
}
