/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tools/sg-controller/publish.h"

#include <stdlib.h>

#include "openvswitch/shash.h"
#include "rpc/topology.h"
#include "tools/sg-controller/diff.h"
#include "tools/sg-controller/interest.h"
#include "tools/sg-controller/state.h"
#include "tools/sg-controller/topology.h"
#include "util.h"

/* Publishing in progress. */
struct plan {
    const struct state *state;
    const struct interest *interest;
    struct ovs_list *publications;
    size_t n;
    /* The casts that still have room for a port, by host. */
    struct shash updated, deleted;
};

static void plan_port(struct plan *, const struct change *);
static void plan_port_for_host(struct plan *, const struct change *,
                               const char *host);
static bool is_half_deleted(const struct plan *, const struct change *);
static void plan_group(struct plan *, const struct change *);
static void fill_rules(const struct plan *, const struct change *,
                       struct sg_update *);
static void fill_members(const struct plan *, const struct change *,
                         struct sg_update *);
static void fill_deleted(const struct change *, struct sg_update *);
static void add_publication(struct plan *, struct publication *);

/* The messages hold copies: they may have to wait while the state moves on,
 * and must say then what was true at their revision. */
size_t
publish_changes(const struct state *state, const struct interest *interest,
                const struct change_list *changes,
                struct ovs_list *publications)
{
    struct plan plan = {
        .state = state,
        .interest = interest,
        .publications = publications,
        .updated = SHASH_INITIALIZER(&plan.updated),
        .deleted = SHASH_INITIALIZER(&plan.deleted),
    };

    for (size_t i = 0; i < changes->n; i++) {
        const struct change *change = &changes->changes[i];

        if (change->kind == SG_KIND_PORT) {
            plan_port(&plan, change);
        } else if (interest_any(interest, change->kind, &change->id)
                   && !is_half_deleted(&plan, change)) {
            plan_group(&plan, change);
        }
    }
    shash_destroy(&plan.updated);
    shash_destroy(&plan.deleted);
    return plan.n;
}

/* A message for everybody, to be filled in by beacon.h. */
struct publication *
publication_beacon(void)
{
    struct publication *publication = xzalloc(sizeof *publication);

    ovs_list_init(&publication->node);
    publication->exchange = xstrdup(RPC_BEACON_EXCHANGE);
    publication->declare = "fanout";
    publication->routing_key = xstrdup("");
    return publication;
}

struct publication *
publication_cast(const struct sg_epoch *epoch, enum sg_method method,
                 const char *host)
{
    struct publication *cast = xzalloc(sizeof *cast);

    ovs_list_init(&cast->node);
    sg_update_init(&cast->update, method);
    cast->update.epoch = *epoch;
    cast->exchange = xstrdup(RPC_CONTROL_EXCHANGE);
    cast->declare = "topic";
    cast->routing_key = rpc_agent_key(host);
    return cast;
}

/* Frees a publication that is in no list. */
void
publication_destroy(struct publication *publication)
{
    if (publication) {
        free(publication->exchange);
        free(publication->routing_key);
        sg_update_uninit(&publication->update);
        free(publication);
    }
}

static void
plan_port(struct plan *plan, const struct change *change)
{
    const char **hosts;
    size_t n;

    /* Two hosts during a live migration. */
    n = interest_find(plan->interest, SG_KIND_PORT, &change->id, &hosts);
    for (size_t i = 0; i < n; i++) {
        plan_port_for_host(plan, change, hosts[i]);
    }
    free(hosts);
}

/* Adds the port to a message for 'host'.  Updates and deletions never share
 * one, and all updates stand before all deletions (diff.h), so adding to an
 * earlier message does not change the order. */
static void
plan_port_for_host(struct plan *plan, const struct change *change,
                   const char *host)
{
    bool deleted = change->type == CHANGE_DELETED;
    struct shash *casts = deleted ? &plan->deleted : &plan->updated;
    struct publication *cast = shash_find_data(casts, host);
    struct sg_update *update;

    if (!cast) {
        cast = publication_cast(state_epoch(plan->state),
                                deleted ? SG_METHOD_PORTS_DELETED
                                        : SG_METHOD_PORTS_UPDATED, host);
        add_publication(plan, cast);
        shash_replace(casts, host, cast);
    }

    update = &cast->update;
    if (deleted) {
        fill_deleted(change, update);
    } else {
        const struct topology_port *port;
        struct sg_port_spec *spec;

        if (!update->ports) {
            update->ports = xcalloc(PUBLISH_MAX_PORTS, sizeof *update->ports);
        }
        port = topology_port(state_topology(plan->state), &change->id);
        spec = &update->ports[update->n_ports++];
        sg_port_spec_clone(spec, &port->spec);
        spec->revision = change->revision;
    }
    if (update->n_ports + update->n_deleted >= PUBLISH_MAX_PORTS) {
        shash_find_and_delete(casts, host);
    }
}

/* An id that was a security group and now is an address group lost its rules
 * and kept its members.  There is no message for that; agents learn it from
 * the beacon and ask. */
static bool
is_half_deleted(const struct plan *plan, const struct change *change)
{
    return (change->type == CHANGE_DELETED
            && topology_group(state_topology(plan->state), &change->id));
}

/* One message to the exchange of the half of the group that changed. */
static void
plan_group(struct plan *plan, const struct change *change)
{
    enum sg_method method = (change->type == CHANGE_DELETED
                             ? SG_METHOD_GROUP_DELETED
                             : change->kind == SG_KIND_RULES
                             ? SG_METHOD_RULES_UPDATED
                             : SG_METHOD_MEMBERS_CHANGED);
    struct publication *fanout = xzalloc(sizeof *fanout);

    sg_update_init(&fanout->update, method);
    fanout->update.epoch = *state_epoch(plan->state);
    add_publication(plan, fanout);
    fanout->exchange = rpc_group_exchange(change->kind, &change->id);
    fanout->declare = "fanout";
    fanout->routing_key = xstrdup("");
    if (change->type == CHANGE_DELETED) {
        fill_deleted(change, &fanout->update);
    } else if (change->kind == SG_KIND_RULES) {
        fill_rules(plan, change, &fanout->update);
    } else {
        fill_members(plan, change, &fanout->update);
    }
}

static void
fill_rules(const struct plan *plan, const struct change *change,
           struct sg_update *update)
{
    const struct topology_group *group;

    group = topology_group(state_topology(plan->state), &change->id);
    update->rules = xcalloc(1, sizeof *update->rules);
    update->n_rules = 1;
    sg_rules_spec_clone(update->rules, &group->rules);
    update->rules->revision = change->revision;
}

/* The difference in one message, or the whole list where that is shorter and
 * does not hold members that may come only later. */
static void
fill_members(const struct plan *plan, const struct change *change,
             struct sg_update *update)
{
    const struct topology_group *group;
    struct sg_members_spec *spec;

    group = topology_group(state_topology(plan->state), &change->id);
    spec = update->members = xcalloc(1, sizeof *update->members);
    update->n_members = 1;
    if (change->type == CHANGE_CREATED
        || (!change->joins_follow
            && (change->added.n + change->removed.n
                > sg_members_count(&group->members)))) {
        topology_group_members(group, change->revision, spec);
        return;
    }
    spec->group = change->id;
    spec->revision = change->revision;
    spec->prev = change->prev;
    sg_prefix_list_append(&spec->added, &change->added);
    sg_prefix_list_append(&spec->removed, &change->removed);
}

/* Room for a cast that is full; a group needs one entry. */
static void
fill_deleted(const struct change *change, struct sg_update *update)
{
    if (!update->deleted) {
        update->deleted = xcalloc(PUBLISH_MAX_PORTS, sizeof *update->deleted);
    }
    update->deleted[update->n_deleted++] = (struct sg_ref) {
        change->kind, change->id, change->revision
    };
}

static void
add_publication(struct plan *plan, struct publication *publication)
{
    ovs_list_push_back(plan->publications, &publication->node);
    plan->n++;
}
