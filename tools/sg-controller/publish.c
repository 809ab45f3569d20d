/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tools/sg-controller/publish.h"

#include <stdlib.h>

#include "openvswitch/shash.h"
#include "rpc/message.h"
#include "rpc/topology.h"
#include "tools/sg-controller/closure.h"
#include "tools/sg-controller/diff.h"
#include "tools/sg-controller/entry_cache.h"
#include "tools/sg-controller/interest.h"
#include "tools/sg-controller/ref_set.h"
#include "tools/sg-controller/state.h"
#include "tools/sg-controller/topology.h"
#include "util.h"

/* Publishing in progress. */
struct plan {
    const struct publish_context *context;
    const struct state *state;
    struct ovs_list *publications;
    size_t n;
    /* The casts that still have room for a port, by host; those before the
     * rules and those after them are not the same. */
    struct shash early, updated, deleted;
    struct ref_set updated_objects;     /* That changed and are not new. */
};

static void plan_port(struct plan *, const struct change *);
static void plan_port_for_host(struct plan *, const struct change *,
                               const char *host);
static void fill_port(const struct plan *, const struct change *,
                      struct sg_update *);
static bool is_half_deleted(const struct plan *, const struct change *);
static void plan_group(struct plan *, const struct change *);
static void fill_rules(const struct plan *, const struct change *,
                       struct sg_update *);
static void fill_members(const struct plan *, const struct change *,
                         struct sg_update *);
static void fill_deleted(const struct change *, struct sg_update *);
static void bring_along_port(struct plan *, struct publication *,
                             const char *host, const struct uuid *);
static void bring_along_rules(struct plan *, struct publication *,
                              const struct uuid *group);
static bool bring_along(struct plan *, struct publication *,
                        const struct sg_ref *);
static void add_publication(struct plan *, struct publication *);

/* The messages hold copies: they may have to wait while the state moves on,
 * and must say then what was true at their revision. */
size_t
publish_changes(const struct publish_context *context,
                const struct change_list *changes,
                struct ovs_list *publications)
{
    struct plan plan = {
        .context = context,
        .state = context->state,
        .publications = publications,
        .early = SHASH_INITIALIZER(&plan.early),
        .updated = SHASH_INITIALIZER(&plan.updated),
        .deleted = SHASH_INITIALIZER(&plan.deleted),
    };

    struct ref_set wanted;

    /* As of before: who is brought something along needs no message of its
     * own about that. */
    ref_set_init(&wanted);
    ref_set_init(&plan.updated_objects);
    for (size_t i = 0; i < changes->n; i++) {
        const struct change *change = &changes->changes[i];

        if (change->type == CHANGE_UPDATED) {
            ref_set_add(&plan.updated_objects, change->kind, &change->id, 0);
        }
        if (interest_any(context->interest, change->kind, &change->id)) {
            ref_set_add(&wanted, change->kind, &change->id, 0);
        }
    }
    for (size_t i = 0; i < changes->n; i++) {
        const struct change *change = &changes->changes[i];

        if (change->kind == SG_KIND_PORT) {
            plan_port(&plan, change);
        } else if (ref_set_find(&wanted, change->kind, &change->id)
                   && !is_half_deleted(&plan, change)) {
            plan_group(&plan, change);
        }
    }
    ref_set_destroy(&wanted);
    ref_set_destroy(&plan.updated_objects);
    shash_destroy(&plan.early);
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
    n = interest_find(plan->context->interest, SG_KIND_PORT, &change->id,
                      &hosts);
    for (size_t i = 0; i < n; i++) {
        plan_port_for_host(plan, change, hosts[i]);
    }
    free(hosts);
}

/* Adds the port to a message for 'host'.  Updates and deletions never share
 * one, and no update of a port stands between two deletions, or the other way
 * round (diff.h), so adding to an earlier message does not change the order
 * of what one port goes through. */
static void
plan_port_for_host(struct plan *plan, const struct change *change,
                   const char *host)
{
    bool deleted = change->type == CHANGE_DELETED;
    struct shash *casts = (deleted ? &plan->deleted
                           : change->before_rules ? &plan->early
                           : &plan->updated);
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
        fill_port(plan, change, update);
        if (!change->common) {
            bring_along_port(plan, cast, host, &change->id);
        }
    }
    if (update->n_ports + update->n_deleted >= PUBLISH_MAX_PORTS) {
        shash_find_and_delete(casts, host);
    }
}

/* Room for a cast that is full. */
static void
fill_port(const struct plan *plan, const struct change *change,
          struct sg_update *update)
{
    const struct topology *topology = state_topology(plan->state);
    struct sg_port_spec *spec;

    if (!update->ports) {
        update->ports = xcalloc(PUBLISH_MAX_PORTS, sizeof *update->ports);
    }
    spec = &update->ports[update->n_ports++];
    sg_port_spec_clone(spec, change->common ? change->common
                       : &topology_port(topology, &change->id)->spec);
    spec->revision = change->revision;
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
        bring_along_rules(plan, fanout, &change->id);
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

/* What the host needs for the port and has not asked for. */
static void
bring_along_port(struct plan *plan, struct publication *cast,
                 const char *host, const struct uuid *id)
{
    struct interest *interest = plan->context->interest;
    struct ref_set needs;
    struct sg_ref *refs;

    ref_set_init(&needs);
    closure_add_port(state_topology(plan->state), id, &needs);
    refs = ref_set_sorted(&needs);
    for (size_t i = 0; i < ref_set_count(&needs); i++) {
        const struct sg_ref *ref = &refs[i];

        if (ref->kind != SG_KIND_PORT
            && !interest_has(interest, host, ref->kind, &ref->id)
            && bring_along(plan, cast, ref)) {
            ignore(interest_add(interest, host, ref->kind, &ref->id));
        }
    }
    free(refs);
    ref_set_destroy(&needs);
}

/* What a host that has the group needs for its rules, and has not asked for.
 * The message goes to all of them.  So it must not bring members that only
 * joined: to a host that has them already, under rules that are about to go,
 * they come in their turn. */
static void
bring_along_rules(struct plan *plan, struct publication *fanout,
                  const struct uuid *group)
{
    struct interest *interest = plan->context->interest;
    const char **hosts;
    size_t n = interest_find(interest, SG_KIND_RULES, group, &hosts);
    struct ref_set needs;
    struct sg_ref *refs;

    ref_set_init(&needs);
    closure_add_rules(state_topology(plan->state), group, &needs);
    refs = ref_set_sorted(&needs);
    for (size_t i = 0; i < ref_set_count(&needs); i++) {
        const struct sg_ref *ref = &refs[i];
        size_t j = 0;

        while (j < n && interest_has(interest, hosts[j], ref->kind,
                                     &ref->id)) {
            j++;
        }
        if (j < n
            && !ref_set_find(&plan->updated_objects, ref->kind, &ref->id)
            && bring_along(plan, fanout, ref)) {
            for (; j < n; j++) {
                ignore(interest_add(interest, hosts[j], ref->kind,
                                    &ref->id));
            }
        }
    }
    free(refs);
    free(hosts);
    ref_set_destroy(&needs);
}

/* Adds the rules or the members 'ref' to the message, if they exist and there
 * is room. */
static bool
bring_along(struct plan *plan, struct publication *publication,
            const struct sg_ref *ref)
{
    const struct publish_context *context = plan->context;
    const struct topology_group *group;
    struct sg_update *update = &publication->update;
    const struct entry *entry;
    int64_t revision;

    /* What is not there, a host learns when it asks. */
    if (state_find(context->state, ref->kind, &ref->id, &revision)
        != STATE_PRESENT) {
        return false;
    }
    entry = entry_cache_get(context->cache, context->state, ref,
                            context->now);
    if (entry->parts
        || publication->inline_bytes + entry->len + 1 > RPC_INLINE_BYTES) {
        return false;
    }
    publication->inline_bytes += entry->len + 1;
    group = topology_group(state_topology(plan->state), &ref->id);
    if (ref->kind == SG_KIND_RULES) {
        struct sg_rules_spec *spec;

        update->rules = xrealloc(update->rules, (update->n_rules + 1)
                                 * sizeof *update->rules);
        spec = &update->rules[update->n_rules++];
        sg_rules_spec_clone(spec, &group->rules);
        spec->revision = entry->ref.revision;
    } else {
        update->members = xrealloc(update->members, (update->n_members + 1)
                                   * sizeof *update->members);
        topology_group_members(group, entry->ref.revision,
                               &update->members[update->n_members++]);
    }
    return true;
}

static void
add_publication(struct plan *plan, struct publication *publication)
{
    ovs_list_push_back(plan->publications, &publication->node);
    plan->n++;
}
