/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tools/sg-controller/answer.h"

#include <stdlib.h>

#include "tools/sg-controller/ref_set.h"
#include "tools/sg-controller/state.h"
#include "tools/sg-controller/topology.h"
#include "util.h"

static void cover_request(const struct topology *,
                          const struct sg_sync_request *, struct ref_set *);
static void cover_port(const struct topology *, const struct uuid *,
                       struct ref_set *);
static void add_object(const struct state *, const struct sg_ref *,
                       struct sg_update *);
static bool has_it(const struct state *, const struct sg_sync_request *,
                   const struct ref_set *have, const struct sg_ref *);

/* Every object of the answer comes from one state, between two turns of the
 * loop: an agent never sees half of a reload in it.  The order is that of
 * kinds and ids, so the same question gets the same text. */
void
answer_sync(const struct state *state, const struct sg_sync_request *request,
            struct sg_update *update, struct ref_set *covered)
{
    struct ref_set have, asked;
    struct sg_ref *refs;
    size_t n, n_had = 0;

    ref_set_init(&have);
    for (size_t i = 0; i < request->n_have; i++) {
        const struct sg_ref *ref = &request->have[i];

        ref_set_add(&have, ref->kind, &ref->id, ref->revision);
    }
    ref_set_init(&asked);
    cover_request(state_topology(state), request, &asked);
    refs = ref_set_sorted(&asked);
    n = ref_set_count(&asked);

    /* No array has more entries than there are objects. */
    sg_update_init(update, SG_METHOD_SYNC);
    update->epoch = *state_epoch(state);
    update->ports = xcalloc(n + 1, sizeof *update->ports);
    update->rules = xcalloc(n + 1, sizeof *update->rules);
    update->members = xcalloc(n + 1, sizeof *update->members);
    update->deleted = xcalloc(n + 1, sizeof *update->deleted);
    update->unknown = xcalloc(n + 1, sizeof *update->unknown);
    for (size_t i = 0; i < n; i++) {
        if (has_it(state, request, &have, &refs[i])) {
            n_had++;
        } else {
            add_object(state, &refs[i], update);
        }
        ref_set_add(covered, refs[i].kind, &refs[i].id, 0);
    }
    update->same = n && n_had == n;

    free(refs);
    ref_set_destroy(&asked);
    ref_set_destroy(&have);
}

/* The objects that the request is about. */
static void
cover_request(const struct topology *topology,
              const struct sg_sync_request *request, struct ref_set *covered)
{
    if (!request->partial) {
        for (size_t i = 0; i < request->n_ports; i++) {
            cover_port(topology, &request->ports[i], covered);
        }
        return;
    }
    for (size_t i = 0; i < request->n_objects; i++) {
        const struct sg_ref *ref = &request->objects[i];

        if (ref->kind == SG_KIND_PORT) {
            cover_port(topology, &ref->id, covered);
        } else {
            ref_set_add(covered, ref->kind, &ref->id, 0);
        }
    }
}

/* The port and what an agent needs to enforce it.  A port that does not exist
 * is covered as well: the answer says what we know of it. */
static void
cover_port(const struct topology *topology, const struct uuid *id,
           struct ref_set *covered)
{
    const struct topology_port *port = topology_port(topology, id);

    ref_set_add(covered, SG_KIND_PORT, id, 0);
    for (size_t i = 0; port && i < port->spec.n_groups; i++) {
        const struct topology_group *group;

        group = topology_group(topology, &port->spec.groups[i]);
        if (!ref_set_add(covered, SG_KIND_RULES, &group->id, 0)) {
            continue;
        }
        for (size_t j = 0; j < group->rules.n_rules; j++) {
            const struct sg_rule *rule = &group->rules.rules[j];

            if (rule->remote == SG_REMOTE_GROUP
                || rule->remote == SG_REMOTE_ADDRESS_GROUP) {
                ref_set_add(covered, SG_KIND_MEMBERS, &rule->remote_id, 0);
            }
        }
    }
}

/* Adds the object to 'update', as what it is. */
static void
add_object(const struct state *state, const struct sg_ref *ref,
           struct sg_update *update)
{
    const struct topology *topology = state_topology(state);
    struct sg_ref at = *ref;

    switch (state_find(state, ref->kind, &ref->id, &at.revision)) {
    case STATE_UNKNOWN:
        update->unknown[update->n_unknown++] = at;
        return;
    case STATE_DELETED:
        update->deleted[update->n_deleted++] = at;
        return;
    case STATE_PRESENT:
        break;
    }

    switch (ref->kind) {
    case SG_KIND_PORT: {
        struct sg_port_spec *spec = &update->ports[update->n_ports++];

        sg_port_spec_clone(spec, &topology_port(topology, &ref->id)->spec);
        spec->revision = at.revision;
        break;
    }
    case SG_KIND_RULES: {
        struct sg_rules_spec *spec = &update->rules[update->n_rules++];

        sg_rules_spec_clone(spec,
                            &topology_group(topology, &ref->id)->rules);
        spec->revision = at.revision;
        break;
    }
    case SG_KIND_MEMBERS:
        topology_group_members(topology_group(topology, &ref->id),
                               at.revision,
                               &update->members[update->n_members++]);
        break;
    }
}

/* Does the agent have it already, just as it is now? */
static bool
has_it(const struct state *state, const struct sg_sync_request *request,
       const struct ref_set *have, const struct sg_ref *ref)
{
    const struct sg_ref *held;
    int64_t revision;

    if (sg_epoch_compare(&request->epoch, state_epoch(state))) {
        return false;
    }
    held = ref_set_find(have, ref->kind, &ref->id);
    return (held && held->revision
            && state_find(state, ref->kind, &ref->id,
                          &revision) != STATE_UNKNOWN
            && held->revision == revision);
}
