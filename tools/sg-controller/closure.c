/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tools/sg-controller/closure.h"

#include <stdlib.h>

#include "tools/sg-controller/ref_set.h"
#include "tools/sg-controller/state.h"
#include "tools/sg-controller/topology.h"
#include "util.h"

void
closure_add_port(const struct topology *topology, const struct uuid *id,
                 struct ref_set *refs)
{
    const struct topology_port *port = topology_port(topology, id);

    ref_set_add(refs, SG_KIND_PORT, id, 0);
    if (!port || !sg_port_filters(&port->spec)) {
        /* Its agent needs no groups for it, and its digest has none. */
        return;
    }
    for (size_t i = 0; i < port->spec.n_groups; i++) {
        closure_add_rules(topology, &port->spec.groups[i], refs);
    }
}

void
closure_add_rules(const struct topology *topology, const struct uuid *id,
                  struct ref_set *refs)
{
    const struct topology_group *group = topology_group(topology, id);

    if (!ref_set_add(refs, SG_KIND_RULES, id, 0)) {
        return;
    }
    for (size_t i = 0; group && i < group->rules.n_rules; i++) {
        const struct sg_rule *rule = &group->rules.rules[i];

        if (rule->remote == SG_REMOTE_GROUP
            || rule->remote == SG_REMOTE_ADDRESS_GROUP) {
            ref_set_add(refs, SG_KIND_MEMBERS, &rule->remote_id, 0);
        }
    }
}

void
closure_add_request(const struct topology *topology,
                    const struct sg_sync_request *request,
                    struct ref_set *refs)
{
    if (!request->partial) {
        for (size_t i = 0; i < request->n_ports; i++) {
            closure_add_port(topology, &request->ports[i], refs);
        }
        return;
    }
    for (size_t i = 0; i < request->n_objects; i++) {
        const struct sg_ref *ref = &request->objects[i];

        if (ref->kind == SG_KIND_PORT) {
            closure_add_port(topology, &ref->id, refs);
        } else {
            ref_set_add(refs, ref->kind, &ref->id, 0);
        }
    }
}

void
closure_digest(const struct state *state, const struct ref_set *refs,
               char digest[RPC_DIGEST_LEN + 1])
{
    struct sg_ref *present = xmalloc((ref_set_count(refs) + 1)
                                     * sizeof *present);
    const struct ref_node *ref;
    size_t n = 0;

    REF_SET_FOR_EACH (ref, refs) {
        int64_t revision;

        if (state_find(state, ref->ref.kind, &ref->ref.id, &revision)
            == STATE_PRESENT) {
            present[n] = ref->ref;
            present[n++].revision = revision;
        }
    }
    rpc_digest(present, n, digest);
    free(present);
}
