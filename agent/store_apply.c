/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Updates to the policy store, object by object.
 *
 * Every change is checked whole before any of it is made: an object that is
 * malformed or beyond a limit stays as it was (last good), with the reason.
 * A revision that is not above the one held changes nothing. */

#include <config.h>
#include "agent/policy_store-private.h"

#include <stdlib.h>
#include <string.h>

#include "rpc/sequence.h"
#include "util.h"

/* One update under way. */
struct apply {
    struct policy_store *ps;
    int64_t sent;
    struct sg_ref_list *ask;    /* Or NULL. */
    bool live;                  /* Came by itself, at a known time. */
    bool remembered;            /* No word of a controller: of what is known
                                 * nothing changes, problems included. */
    struct policy_store_applied n;
};

static void apply_objects(struct apply *, const struct sg_update *);
static void apply_port(struct apply *, const struct sg_port_spec *);
static void apply_rules(struct apply *, const struct sg_rules_spec *);
static void apply_members(struct apply *, const struct sg_members_spec *);
static void apply_deleted(struct apply *, const struct sg_ref *);
static void apply_unknown(struct apply *, const struct sg_ref *);
static void apply_bad(struct apply *, const struct sg_ref *,
                      const struct sg_update *);
static bool check_order(struct apply *, struct track *, enum rpc_order,
                        int64_t revision);
static bool check_limits(struct apply *, struct track *, char *problem,
                         int64_t revision);
static void take(struct apply *, struct track *, enum sg_knowledge);
static void note_arrival(struct policy_store *, enum sg_kind, int64_t sent);
static void set_port(struct policy_store *, struct store_port *,
                     const struct sg_port_spec *);
static void set_rules(struct policy_store *, struct store_group *,
                      const struct sg_rules_spec *);
static void set_members(struct apply *, struct store_group *,
                        const struct sg_members_spec *);
static void change_members(struct apply *, struct store_group *,
                           const struct sg_members_spec *);

struct policy_store_applied
store_apply(struct policy_store *ps, const struct sg_update *update,
            struct sg_ref_list *ask)
{
    struct apply a = {
        .ps = ps, .sent = update->sent, .ask = ask,
        .live = update->sent && update->method != SG_METHOD_SYNC,
    };

    ps->update_sent = update->sent;
    apply_objects(&a, update);
    for (size_t i = 0; i < update->n_unknown; i++) {
        apply_unknown(&a, &update->unknown[i]);
    }
    for (size_t i = 0; i < update->n_bad; i++) {
        apply_bad(&a, &update->bad[i], update);
    }
    ps->update_sent = 0;
    return a.n;
}

size_t
store_remember(struct policy_store *ps, const struct sg_update *update)
{
    struct apply a = { .ps = ps, .remembered = true };

    apply_objects(&a, update);
    return a.n.n_accepted;
}

/* In the order of needs: what a port brings into use may follow. */
static void
apply_objects(struct apply *a, const struct sg_update *update)
{
    for (size_t i = 0; i < update->n_ports; i++) {
        apply_port(a, &update->ports[i]);
    }
    for (size_t i = 0; i < update->n_rules; i++) {
        apply_rules(a, &update->rules[i]);
    }
    for (size_t i = 0; i < update->n_members; i++) {
        apply_members(a, &update->members[i]);
    }
    for (size_t i = 0; i < update->n_deleted; i++) {
        apply_deleted(a, &update->deleted[i]);
    }
}

static void
apply_port(struct apply *a, const struct sg_port_spec *spec)
{
    struct policy_store *ps = a->ps;
    struct store_port *p = store_find_port(ps, &spec->id);

    if (!p) {
        a->n.n_ignored++;
        return;
    }

    const struct sg_port *port = &p->port;
    if (!check_order(a, &p->track, rpc_order_whole(port->spec.revision,
                                                   spec->revision),
                     spec->revision)
        || !check_limits(a, &p->track, store_port_problem(ps, p, spec),
                         spec->revision)) {
        return;
    }
    if ((port->state == SG_KNOWN || port->state == SG_ORPHANED)
        && sg_port_spec_equals(&port->spec, spec)) {
        p->port.spec.revision = spec->revision;
    } else {
        set_port(ps, p, spec);
    }
    take(a, &p->track, SG_KNOWN);
}

static void
apply_rules(struct apply *a, const struct sg_rules_spec *spec)
{
    struct policy_store *ps = a->ps;
    struct store_group *g = store_find_group(ps, &spec->group);

    if (!g || !g->rules.held) {
        a->n.n_ignored++;
        return;
    }

    struct sg_group *group = &g->group;
    if (!check_order(a, &g->rules, rpc_order_whole(group->rules.revision,
                                                   spec->revision),
                     spec->revision)
        || !check_limits(a, &g->rules, store_rules_problem(ps, g, spec),
                         spec->revision)) {
        return;
    }
    if ((group->rules_state == SG_KNOWN || group->rules_state == SG_ORPHANED)
        && sg_rules_spec_equals(&group->rules, spec)) {
        group->rules.revision = spec->revision;
    } else {
        set_rules(ps, g, spec);
    }
    take(a, &g->rules, SG_KNOWN);
}

static void
apply_members(struct apply *a, const struct sg_members_spec *spec)
{
    struct policy_store *ps = a->ps;
    struct store_group *g = store_find_group(ps, &spec->group);

    if (!g || !g->members.held) {
        a->n.n_ignored++;
        return;
    }

    struct sg_group *group = &g->group;
    int64_t have = group->members_revision;
    enum rpc_order order = (spec->whole
                            ? rpc_order_whole(have, spec->revision)
                            : rpc_order_delta(have, spec->prev,
                                              spec->revision));
    if (!check_order(a, &g->members, order, spec->revision)
        || !check_limits(a, &g->members, store_members_problem(ps, g, spec),
                         spec->revision)) {
        return;
    }
    if (spec->whole) {
        set_members(a, g, spec);
    } else {
        change_members(a, g, spec);
    }
    group->members_revision = spec->revision;
    if (group->members_state == SG_ABSENT) {
        /* Even an empty list: status waits for it. */
        ps->changed = true;
    }
    take(a, &g->members, SG_KNOWN);
}

static void
apply_deleted(struct apply *a, const struct sg_ref *ref)
{
    struct policy_store *ps = a->ps;
    struct track *t = store_find_track(ps, ref->kind, &ref->id);

    if (!t) {
        a->n.n_ignored++;
        return;
    }
    if (!check_order(a, t, rpc_order_whole(*track_revision(t), ref->revision),
                     ref->revision)) {
        return;
    }

    switch (ref->kind) {
    case SG_KIND_PORT: {
        /* Closed: nothing of its policy is left. */
        struct sg_port_spec none = { .id = ref->id };

        none.port_security_enabled = true;
        set_port(ps, store_find_port(ps, &ref->id), &none);
        break;
    }
    case SG_KIND_RULES: {
        /* An empty list must not make its ports stateless. */
        struct sg_rules_spec none = { .group = ref->id, .stateful = true };

        set_rules(ps, store_find_group(ps, &ref->id), &none);
        break;
    }
    case SG_KIND_MEMBERS:
        store_empty_members(ps, store_find_group(ps, &ref->id), a->sent);
        ps->changed = true;
        break;
    }
    *track_revision(t) = ref->revision;
    check_limits(a, t, NULL, ref->revision);
    take(a, t, SG_DELETED);
}

/* Not the word of a controller that deleted it: what is in force stays. */
static void
apply_unknown(struct apply *a, const struct sg_ref *ref)
{
    struct track *t = store_find_track(a->ps, ref->kind, &ref->id);

    if (!t) {
        a->n.n_ignored++;
        return;
    }
    store_unspare(a->ps, t);
    if (*track_state(t) == SG_KNOWN) {
        store_set_state(a->ps, t, SG_ORPHANED);
        a->n.n_accepted++;
    } else {
        a->n.n_old++;
    }
}

static void
apply_bad(struct apply *a, const struct sg_ref *ref,
          const struct sg_update *update)
{
    struct track *t = store_find_track(a->ps, ref->kind, &ref->id);

    if (!t) {
        a->n.n_ignored++;
        return;
    }
    /* The update does not say which problem belongs to which object; with one
     * of each it is plain. */
    check_limits(a, t,
                 update->n_bad == 1 && update->n_problems == 1
                 ? xasprintf("%s: %s", update->problems[0].what,
                             update->problems[0].reason)
                 : xstrdup("malformed as a whole"),
                 ref->revision);
}

/* Is this change to be taken?  If not, does and counts what is due. */
static bool
check_order(struct apply *a, struct track *t, enum rpc_order order,
            int64_t revision)
{
    if (a->remembered && *track_state(t) != SG_ABSENT) {
        a->n.n_old++;
        return false;
    }
    if (revision < t->spared_revision && !a->remembered) {
        order = RPC_OLD;
    }
    switch (order) {
    case RPC_ACCEPT:
        if (revision < t->floor) {
            /* The controller has gone back.  That is an answer, too. */
            *track_revision(t) = t->floor;
            a->n.n_old++;
            return false;
        }
        return true;
    case RPC_OLD:
        /* The controller that did not know it has found it again. */
        if (*track_state(t) == SG_ORPHANED
            && revision == *track_revision(t)) {
            store_set_state(a->ps, t, SG_KNOWN);
        }
        a->n.n_old++;
        return false;
    case RPC_GAP:
        if (a->ask && t->users) {
            sg_ref_list_add(a->ask, &(struct sg_ref) {
                .kind = t->kind, .id = t->id, .revision = *track_revision(t),
            });
        }
        a->n.n_gap++;
        return false;
    }
    OVS_NOT_REACHED();
}

/* Takes ownership of 'problem'.  Returns true if there is none. */
static bool
check_limits(struct apply *a, struct track *t, char *problem,
             int64_t revision)
{
    bool ok = !problem;

    if (a->remembered) {
        free(problem);
    } else if (!ok || revision >= t->refused) {
        /* Otherwise an answer was overtaken by the message that was refused,
         * which is newer: that is still missing. */
        store_set_problem(a->ps, t, problem);
        if (problem) {
            t->refused = MAX(t->refused, revision);
        }
    }
    a->n.n_accepted += ok;
    a->n.n_refused += !ok;
    return ok;
}

/* The object was changed; 'state' is what a controller's word makes of it. */
static void
take(struct apply *a, struct track *t, enum sg_knowledge state)
{
    if (a->remembered) {
        *track_revision(t) = 0;
        state = state == SG_KNOWN ? SG_ORPHANED : state;
    } else {
        store_unspare(a->ps, t);
    }
    store_set_state(a->ps, t, state);
    if (a->live) {
        note_arrival(a->ps, t->kind, a->sent);
    }
}

static void
note_arrival(struct policy_store *ps, enum sg_kind kind, int64_t sent)
{
    if (ps->n_arrivals >= STORE_MAX_ARRIVALS) {
        return;
    } else if (ps->n_arrivals >= ps->allocated_arrivals) {
        ps->arrivals = x2nrealloc(ps->arrivals, &ps->allocated_arrivals,
                                  sizeof *ps->arrivals);
    }
    ps->arrivals[ps->n_arrivals++] = (struct store_arrival) {
        .kind = kind, .sent = sent,
    };
}

static void
set_port(struct policy_store *ps, struct store_port *p,
         const struct sg_port_spec *spec)
{
    struct sg_port_spec old = p->port.spec;

    sg_port_spec_clone(&p->port.spec, spec);
    /* New before old: what stays in use does not linger in between. */
    store_use_groups(ps, spec);
    store_unuse_groups(ps, &old);
    sg_port_spec_uninit(&old);
    p->n_rules = store_count_rules(ps, spec);
    store_dirty_device(ps, p->port.binding.device);
}

static void
set_rules(struct policy_store *ps, struct store_group *g,
          const struct sg_rules_spec *spec)
{
    struct sg_rules_spec old = g->group.rules;

    sg_rules_spec_clone(&g->group.rules, spec);
    if (g->rules.users) {
        store_use_remotes(ps, spec);
        store_unuse_remotes(ps, &old);
        if (old.n_rules != spec->n_rules) {
            struct store_port *p;

            HMAP_FOR_EACH (p, port.node, &ps->policy.ports) {
                if (store_port_has_group(&p->port.spec, &spec->group)) {
                    p->n_rules += spec->n_rules - old.n_rules;
                }
            }
        }
    }
    sg_rules_spec_uninit(&old);
    store_dirty_group(ps, g);
}

/* The whole list.  Only the difference is a change. */
static void
set_members(struct apply *a, struct store_group *g,
            const struct sg_members_spec *spec)
{
    struct sg_members *members = &g->group.members;
    struct sg_prefix_list added = SG_PREFIX_LIST_INITIALIZER;
    struct sg_prefix_list removed = SG_PREFIX_LIST_INITIALIZER;

    sg_members_assign(members, &spec->added, &added, &removed);
    member_changes_note(&a->ps->changes, &spec->group, &added, &removed,
                        a->sent);
    a->ps->set_entries += added.n - removed.n;
    a->ps->changed |= added.n || removed.n;
    sg_prefix_list_uninit(&added);
    sg_prefix_list_uninit(&removed);
}

static void
change_members(struct apply *a, struct store_group *g,
               const struct sg_members_spec *spec)
{
    a->ps->set_entries -= sg_members_count(&g->group.members);
    for (size_t i = 0; i < spec->removed.n; i++) {
        const struct sg_prefix *p = &spec->removed.p[i];

        if (sg_members_remove(&g->group.members, p)) {
            member_changes_removed(&a->ps->changes, &spec->group, p,
                                   a->sent);
            a->ps->changed = true;
        }
    }
    for (size_t i = 0; i < spec->added.n; i++) {
        const struct sg_prefix *p = &spec->added.p[i];

        if (sg_members_add(&g->group.members, p)) {
            member_changes_added(&a->ps->changes, &spec->group, p, a->sent);
            a->ps->changed = true;
        }
    }
    a->ps->set_entries += sg_members_count(&g->group.members);
}
