/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* What an answer would take away, and what of that is spared for now.
 *
 * A spared object stays as it is, last good, although a controller has said
 * that it is gone.  Whatever else is said of it ends that: a message, a body,
 * `unknown`, a deletion that is applied. */

#include <config.h>
#include "agent/policy_store-private.h"

#include <limits.h>

#include "rpc/sequence.h"
#include "util.h"

static void spare(struct policy_store *, enum sg_kind, const struct uuid *,
                  int64_t revision);

bool
policy_store_empties(const struct policy_store *ps,
                     const struct sg_port_spec *spec)
{
    const struct store_port *p = store_find_port(ps, &spec->id);

    return (p && policy_store_can_spare(ps, SG_KIND_PORT, &spec->id, false)
            && sg_port_filters(&p->port.spec) && p->port.spec.n_groups
            && sg_port_filters(spec) && !spec->n_groups);
}

size_t
policy_store_count_removed(const struct policy_store *ps,
                           const struct sg_update *update, bool absent_too)
{
    size_t n = 0;

    for (size_t i = 0; i < update->n_deleted; i++) {
        const struct sg_ref *ref = &update->deleted[i];
        const struct store_port *p = (ref->kind == SG_KIND_PORT
                                      ? store_find_port(ps, &ref->id) : NULL);

        n += (p && policy_store_can_spare(ps, SG_KIND_PORT, &ref->id,
                                          absent_too)
              && rpc_order_whole(p->port.spec.revision,
                                 ref->revision) == RPC_ACCEPT);
    }
    for (size_t i = 0; i < update->n_ports; i++) {
        const struct sg_port_spec *spec = &update->ports[i];

        if (policy_store_empties(ps, spec)) {
            const struct store_port *p = store_find_port(ps, &spec->id);

            n += rpc_order_whole(p->port.spec.revision,
                                 spec->revision) == RPC_ACCEPT;
        }
    }
    return n;
}

void
policy_store_spare(struct policy_store *ps, const struct sg_update *update,
                   long long int now)
{
    ps->now = MAX(ps->now, now);
    for (size_t i = 0; i < update->n_deleted; i++) {
        const struct sg_ref *ref = &update->deleted[i];

        spare(ps, ref->kind, &ref->id, ref->revision);
    }
    for (size_t i = 0; i < update->n_ports; i++) {
        spare(ps, SG_KIND_PORT, &update->ports[i].id,
              update->ports[i].revision);
    }
}

bool
policy_store_can_spare(const struct policy_store *ps, enum sg_kind kind,
                       const struct uuid *id, bool absent_too)
{
    struct track *t = store_find_track(ps, kind, id);

    return (t && t->users
            && (*track_state(t) == SG_KNOWN || *track_state(t) == SG_ORPHANED
                || (absent_too && kind == SG_KIND_PORT
                    && *track_state(t) == SG_ABSENT)));
}

void
policy_store_get_spared(const struct policy_store *ps,
                        struct store_spared *spared)
{
    const struct store_port *p;
    const struct track *t;

    *spared = (struct store_spared) { .since = LLONG_MAX };
    if (!ps->n_spared) {
        return;
    }
    HMAP_FOR_EACH (t, hash_node, &ps->by_hash) {
        if (t->spared) {
            spared->n++;
            spared->since = MIN(spared->since, t->spared_since);
        }
    }
    HMAP_FOR_EACH (p, port.node, &ps->policy.ports) {
        spared->n_ports += p->track.spared;
        spared->n_absent += p->track.spared && p->port.state == SG_ABSENT;
    }
}

void
store_unspare(struct policy_store *ps, struct track *t)
{
    ps->n_spared -= t->spared;
    t->spared = false;
    t->spared_revision = 0;
}

static void
spare(struct policy_store *ps, enum sg_kind kind, const struct uuid *id,
      int64_t revision)
{
    struct track *t = store_find_track(ps, kind, id);

    if (!t || !t->users
        || rpc_order_whole(*track_revision(t), revision) != RPC_ACCEPT) {
        return;
    }
    if (!t->spared) {
        t->spared = true;
        t->spared_since = ps->now;
        ps->n_spared++;
    }
    t->spared_revision = MAX(t->spared_revision, revision);
}
