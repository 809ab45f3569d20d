/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tools/sg-controller/preview.h"

#include <stdlib.h>
#include <string.h>

#include "sset.h"
#include "tools/sg-controller/interest.h"
#include "tools/sg-controller/state.h"
#include "tools/sg-controller/topology.h"
#include "util.h"

static void count_change(struct preview *, const struct state *,
                         const struct change *);
static void add_hosts(const struct interest *, const struct change *,
                      struct sset *hosts);

void
preview_init(struct preview *preview, const struct state *state,
             const struct interest *interest, const struct topology *topology,
             bool confirm)
{
    const struct topology *old = state_topology(state);
    struct sset hosts = SSET_INITIALIZER(&hosts);

    memset(preview, 0, sizeof *preview);
    topology_diff(old, topology, &preview->changes);
    preview->n_ports = hmap_count(&old->ports);
    if (confirm) {
        state_unconfirmed(state, topology, &preview->changes);
    }
    for (size_t i = 0; i < preview->changes.n; i++) {
        count_change(preview, state, &preview->changes.changes[i]);
        add_hosts(interest, &preview->changes.changes[i], &hosts);
    }
    preview->n_hosts = sset_count(&hosts);
    sset_destroy(&hosts);
}

void
preview_uninit(struct preview *preview)
{
    change_list_uninit(&preview->changes);
}

char *
preview_refusal(const struct preview *preview)
{
    if (preview->n_ports_deleted <= PREVIEW_FEW_PORTS
        || preview->n_ports_deleted <= preview->n_ports / 2) {
        return NULL;
    }
    return xasprintf("it would delete %zu of %zu ports: look at reload "
                     "--dry-run, and say --force if that is meant",
                     preview->n_ports_deleted, preview->n_ports);
}

char *
preview_text(const struct preview *preview)
{
    return xasprintf("%zu ports, %zu rules, %zu members change; "
                     "%zu ports are deleted; %zu hosts are told",
                     preview->n_kind[SG_KIND_PORT],
                     preview->n_kind[SG_KIND_RULES], preview->n_members,
                     preview->n_ports_deleted, preview->n_hosts);
}

/* What had been deleted before this controller began is no loss to anybody; it
 * is only said once more. */
static void
count_change(struct preview *preview, const struct state *state,
             const struct change *change)
{
    /* The second half of a port's change is not a second port. */
    preview->n_kind[change->kind] += !change->common;
    preview->n_members += change->added.n + change->removed.n;
    if (change->kind == SG_KIND_PORT && change->type == CHANGE_DELETED
        && !state_saved_as_deleted(state, SG_KIND_PORT, &change->id)) {
        preview->n_ports_deleted++;
        preview->n_ports += !topology_port(state_topology(state),
                                           &change->id);
    }
}

static void
add_hosts(const struct interest *interest, const struct change *change,
          struct sset *all)
{
    const char **hosts;
    size_t n = interest_find(interest, change->kind, &change->id, &hosts);

    for (size_t i = 0; i < n; i++) {
        sset_add(all, hosts[i]);
    }
    free(hosts);
}
