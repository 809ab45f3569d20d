/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* What an answer takes away: after its last page, and not at all for now if
 * that is too much at once (mass_removal).
 *
 * The more is gone, the likelier is it that not the ports went but a file was
 * empty, or old.  An explicit word, of a publisher or an operator, is
 * believed; and so is time. */

#include <config.h>
#include "agent/sync-private.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

/* Objects that are asked for by name at a time. */
#define SYNC_REMOVAL_NAMED 500

static bool is_mass_removal(const struct sync *, const struct sg_update *);
static void split(const struct sync *, struct sg_update *all,
                  struct sg_update *agreed, long long int now);
static void make(struct sync *, const struct sg_update *, long long int now);
static void ask_by_name(struct sync *, long long int now);

/* 'page' borrows what is in its arrays; 'ports' becomes an array that the
 * caller frees.  False if that would come to more than an answer may keep:
 * then nothing more is collected. */
bool
sync_removal_collect(struct sync *s, struct sg_update *page)
{
    struct sg_update *r = &s->call.removals;
    struct sg_port_spec *ports = xcalloc(page->n_ports + 1, sizeof *ports);
    struct sg_update taken = {
        .ports = xcalloc(page->n_ports + 1, sizeof *taken.ports),
        .n_deleted = page->n_deleted,
    };
    size_t n = 0, bytes;

    for (size_t i = 0; i < page->n_ports; i++) {
        const struct sg_port_spec *spec = &page->ports[i];

        if (policy_store_empties(s->store, spec)) {
            taken.ports[taken.n_ports++] = *spec;
        } else {
            ports[n++] = *spec;
        }
    }
    page->ports = ports;
    page->n_ports = n;

    bytes = kept_update_bytes(&taken);
    if (bytes > KEPT_MAX_BYTES - s->call.removal_bytes) {
        free(taken.ports);
        return false;
    }
    s->call.removal_bytes += bytes;
    if (taken.n_ports) {
        r->ports = xrealloc(r->ports, (r->n_ports + taken.n_ports)
                                      * sizeof *r->ports);
    }
    for (size_t i = 0; i < taken.n_ports; i++) {
        sg_port_spec_clone(&r->ports[r->n_ports++], &taken.ports[i]);
    }
    free(taken.ports);

    if (page->n_deleted) {
        r->deleted = xrealloc(r->deleted, (r->n_deleted + page->n_deleted)
                                          * sizeof *r->deleted);
        memcpy(&r->deleted[r->n_deleted], page->deleted,
               page->n_deleted * sizeof *r->deleted);
        r->n_deleted += page->n_deleted;
    }
    page->deleted = NULL;
    page->n_deleted = 0;
    return true;
}

void
sync_removal_finish(struct sync *s, long long int now)
{
    struct sg_update *r = &s->call.removals;
    struct store_spared spared;

    policy_store_get_spared(s->store, &spared);
    if (!s->call.accept && (spared.n || is_mass_removal(s, r))) {
        struct sg_update agreed;
        struct store_spared after;

        sg_update_init(&agreed, SG_METHOD_SYNC);
        split(s, r, &agreed, now);
        make(s, &agreed, now);
        sg_update_uninit(&agreed);
        policy_store_get_spared(s->store, &spared);
        policy_store_spare(s->store, r, now);
        policy_store_get_spared(s->store, &after);
        s->removals_held += after.n - spared.n;
    } else {
        make(s, r, now);
    }

    policy_store_get_spared(s->store, &spared);
    if (s->call.accept || !spared.n) {
        /* Done, or nothing is left of it: the operator's word is not for
         * what he has not seen. */
        s->accept = false;
    }
    if (s->accept) {
        return;                 /* His question is still to be asked. */
    }
    sync_removal_schedule(s);
    if (s->call.full && s->call.said_have
        && (s->call.accept || s->removal_at <= now)) {
        ask_by_name(s, now);
    }
}

void
sync_removal_schedule(struct sync *s)
{
    struct store_spared spared;

    policy_store_get_spared(s->store, &spared);
    s->removal_at = spared.n ? spared.since + SYNC_REMOVAL_MS : LLONG_MAX;
}

const char *
sync_accept_removal(struct sync *s, long long int now)
{
    struct store_spared spared;

    policy_store_get_spared(s->store, &spared);
    if (!spared.n) {
        return "no removal is held";
    } else if (!s->connected) {
        return "there is no connection to ask the controller again";
    }
    s->accept = true;
    s->removal_at = now;
    s->hold_until = LLONG_MIN;
    return NULL;
}

void
sync_set_adopted(struct sync *s, bool adopted)
{
    s->adopted = adopted;
}

static bool
is_mass_removal(const struct sync *s, const struct sg_update *removals)
{
    size_t n = policy_store_count_removed(s->store, removals, s->adopted);
    size_t n_ports = hmap_count(&policy_store_policy(s->store)->ports);

    return n > SYNC_REMOVAL_PORTS && n * SYNC_REMOVAL_SHARE > n_ports;
}

/* Was this said of the object before, and long enough ago?  Or has it nothing
 * to lose? */
static bool
is_agreed(const struct sync *s, enum sg_kind kind, const struct uuid *id,
          long long int now)
{
    struct store_object object;

    return (!policy_store_can_spare(s->store, kind, id, s->adopted)
            || !policy_store_object(s->store, kind, id, &object)
            || (object.spared
                && now - object.spared_since >= SYNC_REMOVAL_MS));
}

/* Moves from 'all' to 'agreed' what is to be done now. */
static void
split(const struct sync *s, struct sg_update *all, struct sg_update *agreed,
      long long int now)
{
    size_t n = 0;

    agreed->deleted = xcalloc(all->n_deleted + 1, sizeof *agreed->deleted);
    for (size_t i = 0; i < all->n_deleted; i++) {
        struct sg_ref ref = all->deleted[i];

        if (is_agreed(s, ref.kind, &ref.id, now)) {
            agreed->deleted[agreed->n_deleted++] = ref;
        } else {
            all->deleted[n++] = ref;
        }
    }
    all->n_deleted = n;

    n = 0;
    agreed->ports = xcalloc(all->n_ports + 1, sizeof *agreed->ports);
    for (size_t i = 0; i < all->n_ports; i++) {
        struct sg_port_spec spec = all->ports[i];

        if (is_agreed(s, SG_KIND_PORT, &spec.id, now)) {
            agreed->ports[agreed->n_ports++] = spec;
        } else {
            all->ports[n++] = spec;
        }
    }
    all->n_ports = n;
}

static void
make(struct sync *s, const struct sg_update *removals, long long int now)
{
    struct policy_store_applied applied;

    applied = policy_store_update(s->store, removals, now, NULL);
    s->removals_made += applied.n_accepted;
}

/* The answer did not say of all that is spared that it is gone: it is not of
 * what the controller knows of this host.  The operator's word goes for the
 * next answer, too. */
static void
ask_by_name(struct sync *s, long long int now)
{
    size_t n = sync_objects_doubt_spared(&s->objects, s->store,
                                         SYNC_REMOVAL_NAMED, now);

    s->accept = s->call.accept && n;
    if (s->removal_at <= now) {
        s->removal_at = now + SYNC_REMOVAL_MS;
    }
}
