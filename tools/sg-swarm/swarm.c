/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tools/sg-swarm/swarm.h"

#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/config.h"
#include "agent/config_file.h"
#include "agent/sync.h"
#include "firewall/backend.h"
#include "rpc/topology.h"
#include "sg/members.h"
#include "sg/update.h"
#include "timeval.h"
#include "tools/sg-controller/topology.h"
#include "tools/sg-swarm/placement.h"
#include "util.h"

struct swarm {
    struct placement placement;
    struct swarm_host *hosts;
    size_t n_hosts;
    char **exchanges;           /* Of the members of all groups. */
    size_t n_exchanges;
    char **watched;             /* Names of a set. */
    size_t n_watched;
};

static char *start_host(struct swarm_host *, const char *config);
static void follow(struct swarm_host *);
static void watch(const struct swarm *, struct swarm_host *);

struct swarm *
swarm_create(const char *config, const struct topology *topology,
             char **error)
{
    struct swarm *s = xzalloc(sizeof *s);
    const struct topology_group *group;

    *error = placement_create(topology, &s->placement);
    if (*error) {
        free(s);
        return NULL;
    }
    s->exchanges = xcalloc(hmap_count(&topology->groups) + 1,
                           sizeof *s->exchanges);
    HMAP_FOR_EACH (group, node, &topology->groups) {
        s->exchanges[s->n_exchanges++]
            = rpc_group_exchange(SG_KIND_MEMBERS, &group->id);
    }

    s->hosts = xcalloc(s->placement.n_hosts + 1, sizeof *s->hosts);
    for (size_t i = 0; i < s->placement.n_hosts; i++) {
        struct swarm_host *host = &s->hosts[s->n_hosts++];

        host->place = &s->placement.hosts[i];
        *error = start_host(host, config);
        if (*error) {
            swarm_destroy(s);
            return NULL;
        }
    }
    return s;
}

void
swarm_destroy(struct swarm *s)
{
    if (s) {
        for (size_t i = 0; i < s->n_hosts; i++) {
            agent_destroy(s->hosts[i].agent);
            free(s->hosts[i].steps);
            config_destroy(s->hosts[i].config);
        }
        free(s->hosts);
        sg_texts_free(s->exchanges, s->n_exchanges);
        sg_texts_free(s->watched, s->n_watched);
        placement_uninit(&s->placement);
        free(s);
    }
}

static char *
start_host(struct swarm_host *host, const char *config)
{
    struct agent_world world;
    char *error = NULL;

    host->config = config_load(config, true);
    free(host->config->host);
    host->config->host = xstrdup(host->place->name);
    host->backend = fw_backend_memory_create();
    host->marks.began = time_msec();
    world = (struct agent_world) {
        .backend = host->backend,
        .ports = host->place->ports,
        .n_ports = host->place->n_ports,
    };
    host->agent = agent_create_simulated(host->config, &world, &error);
    return error;
}

void
swarm_run(struct swarm *s)
{
    for (size_t i = 0; i < s->n_hosts; i++) {
        agent_run(s->hosts[i].agent);
        follow(&s->hosts[i]);
        watch(s, &s->hosts[i]);
    }
}

void
swarm_wait(struct swarm *s)
{
    for (size_t i = 0; i < s->n_hosts; i++) {
        agent_wait(s->hosts[i].agent);
    }
}

/* Notes how far the host is. */
static void
follow(struct swarm_host *host)
{
    struct swarm_marks *m = &host->marks;
    long long int now = time_msec();
    struct sync_status status;

    agent_get_sync_status(host->agent, &status);
    if ((m->up && status.state == SYNC_DOWN)
        || (m->answered && status.state == SYNC_ASKING)) {
        memset(m, 0, sizeof *m);
        m->began = now;
    }
    if (!m->up && status.state != SYNC_DOWN) {
        m->up = now;
    }
    if (!m->answered && (status.state == SYNC_CONFIRMING
                         || status.state == SYNC_SYNCED)) {
        m->answered = now;
    }
    if (m->answered && !m->bound && !status.n_unbound) {
        m->bound = now;
    }
    if (!m->synced && status.in_sync) {
        m->synced = now;
    }
    if (!m->settled && status.in_sync
        && agent_is_settled(host->agent, agent_generation(host->agent),
                            NULL)) {
        m->settled = now;
    }
}

size_t
swarm_n_hosts(const struct swarm *s)
{
    return s->n_hosts;
}

const struct swarm_host *
swarm_host(const struct swarm *s, size_t i)
{
    return &s->hosts[i];
}

const struct swarm_host *
swarm_find(const struct swarm *s, const char *name)
{
    for (size_t i = 0; i < s->n_hosts; i++) {
        if (!strcmp(s->hosts[i].place->name, name)) {
            return &s->hosts[i];
        }
    }
    return NULL;
}

void
swarm_watch(struct swarm *s, const char *const *sets, size_t n)
{
    sg_texts_free(s->watched, s->n_watched);
    s->watched = xcalloc(n + 1, sizeof *s->watched);
    s->n_watched = n;
    for (size_t i = 0; i < n; i++) {
        s->watched[i] = xstrdup(sets[i]);
    }
    for (size_t i = 0; i < s->n_hosts; i++) {
        s->hosts[i].n_steps = 0;
        s->hosts[i].writes = 0;
        watch(s, &s->hosts[i]);
    }
}

/* Looks at the kernel of the host if that was written to. */
static void
watch(const struct swarm *s, struct swarm_host *host)
{
    const struct sg_members *members = NULL;
    uint64_t writes;
    size_t n;

    if (!s->n_watched) {
        return;
    }
    writes = fw_backend_memory_writes(host->backend);
    if (writes == host->writes || host->n_steps >= SWARM_MAX_STEPS) {
        return;
    }
    host->writes = writes;
    for (size_t i = 0; !members && i < s->n_watched; i++) {
        members = fw_backend_memory_members(host->backend, s->watched[i]);
    }
    n = members ? sg_members_count(members) : 0;
    if (host->n_steps && host->steps[host->n_steps - 1].members == n) {
        return;
    }
    if (host->n_steps >= host->allocated_steps) {
        host->steps = x2nrealloc(host->steps, &host->allocated_steps,
                                 sizeof *host->steps);
    }
    host->steps[host->n_steps++] = (struct swarm_step) {
        .at = time_msec(), .members = n,
    };
}

size_t
swarm_bind_all(struct swarm *s, bool bind)
{
    for (size_t i = 0; i < s->n_hosts; i++) {
        for (size_t j = 0; j < s->n_exchanges; j++) {
            agent_bind_unneeded(s->hosts[i].agent, s->exchanges[j], bind);
        }
    }
    return s->n_hosts * s->n_exchanges;
}
