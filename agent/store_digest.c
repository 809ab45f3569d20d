/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* What a controller of this epoch has, too, if nothing was missed.
 *
 * Its closure goes from the ports that it knows over the groups that it knows
 * to their remotes.  Ours must not go by another way: what only an orphaned
 * port needs is unknown to the controller as a thing of this host. */

#include <config.h>
#include "agent/policy_store-private.h"

static void add_port(struct policy_store *, struct store_port *,
                     struct sg_ref_list *);
static void add_rules(struct policy_store *, struct store_group *,
                      struct sg_ref_list *);
static bool add(struct policy_store *, struct track *, struct sg_ref_list *);

void
policy_store_digest(struct policy_store *ps, char digest[RPC_DIGEST_LEN + 1])
{
    struct sg_ref_list list = { NULL, 0, 0 };
    struct store_port *p;

    ps->digest_mark++;
    HMAP_FOR_EACH (p, port.node, &ps->policy.ports) {
        add_port(ps, p, &list);
    }
    rpc_digest(list.refs, list.n, digest);
    sg_ref_list_clear(&list);
}

static void
add_port(struct policy_store *ps, struct store_port *p,
         struct sg_ref_list *list)
{
    if (!add(ps, &p->track, list) || !sg_port_filters(&p->port.spec)) {
        return;
    }
    for (size_t i = 0; i < p->port.spec.n_groups; i++) {
        struct store_group *g = store_find_group(ps, &p->port.spec.groups[i]);

        if (g->rules.digest_mark != ps->digest_mark) {
            add_rules(ps, g, list);
        }
    }
}

static void
add_rules(struct policy_store *ps, struct store_group *g,
          struct sg_ref_list *list)
{
    const struct sg_rules_spec *spec = &g->group.rules;

    if (!add(ps, &g->rules, list)) {
        return;
    }
    for (size_t i = 0; i < spec->n_rules; i++) {
        if (store_rule_has_remote(&spec->rules[i])) {
            struct store_group *remote
                = store_find_group(ps, &spec->rules[i].remote_id);

            if (remote->members.digest_mark != ps->digest_mark) {
                add(ps, &remote->members, list);
            }
        }
    }
}

/* Returns true if the controller has it as well. */
static bool
add(struct policy_store *ps, struct track *t, struct sg_ref_list *list)
{
    int64_t revision = *track_revision(t);

    t->digest_mark = ps->digest_mark;
    if (*track_state(t) != SG_KNOWN || !revision || t->spared) {
        return false;
    }
    sg_ref_list_add(list, &(struct sg_ref) { t->kind, t->id, revision });
    return true;
}
