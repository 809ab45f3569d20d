/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include <config.h>
#include "agent/plugs.h"

#include <stdlib.h>
#include <string.h>

#include "agent/config.h"
#include "agent/link_watch.h"
#include "agent/plug.h"
#include "agent/port_watch.h"
#include "agent/zone_alloc.h"
#include "agent/zone_claims.h"
#include "openvswitch/vlog.h"
#include "sset.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(plugs);

struct plugs {
    const struct config *config;        /* NULL: the list is fixed. */
    struct zone_alloc *zones;
    struct zone_claims *claims;
    struct port_watch *port_watch;
    struct link_watch *link_watch;

    struct local_port *local;
    size_t n_local;
    size_t n_duplicate_rows;
    char unknown_devices[PLUGS_MAX_UNKNOWN_DEVICES][SG_DEVICE_LEN];
    size_t n_unknown_devices;   /* All of them. */
    struct l2_device *devices;  /* For the guard. */
    size_t n_devices;
    char *zone_problems[PLUGS_MAX_ZONE_PROBLEMS];
    size_t n_zone_problems;     /* All of them. */
};

struct plugs *
plugs_create(const struct config *config, struct zone_alloc *zones)
{
    struct plugs *p = xzalloc(sizeof *p);

    p->config = config;
    p->zones = zones;
    p->claims = zone_claims_create(zones);
    p->port_watch = port_watch_create(config->ovsdb,
                                      config->integration_bridge);
    p->link_watch = link_watch_create();
    return p;
}

struct plugs *
plugs_create_fixed(const struct local_port *ports, size_t n,
                   struct zone_alloc *zones)
{
    struct plugs *p = xzalloc(sizeof *p);

    p->zones = zones;
    p->claims = zone_claims_create(zones);
    p->local = xmemdup(ports, n * sizeof *ports);
    p->n_local = n;
    return p;
}

static void
forget_zone_problems(struct plugs *p)
{
    for (size_t i = 0; i < MIN(p->n_zone_problems,
                               PLUGS_MAX_ZONE_PROBLEMS); i++) {
        free(p->zone_problems[i]);
    }
    p->n_zone_problems = 0;
}

void
plugs_destroy(struct plugs *p)
{
    if (p) {
        link_watch_destroy(p->link_watch);
        port_watch_destroy(p->port_watch);
        zone_claims_destroy(p->claims);
        forget_zone_problems(p);
        free(p->devices);
        free(p->local);
        free(p);
    }
}

void
plugs_claim_zone(struct plugs *p, const char *device, uint16_t zone)
{
    zone_claims_add(p->claims, device, zone);
}

bool
plugs_run(struct plugs *p, long long int now)
{
    bool changed = false;

    if (p->config) {
        changed = port_watch_run(p->port_watch, now);
        changed |= link_watch_run(p->link_watch, now);
    }
    return changed;
}

void
plugs_wait(struct plugs *p)
{
    if (p->config) {
        port_watch_wait(p->port_watch);
        link_watch_wait(p->link_watch);
    }
}

bool
plugs_ready(const struct plugs *p)
{
    return (!p->config
            || (port_watch_ready(p->port_watch)
                && link_watch_table(p->link_watch)));
}

/* Of two rows with the same port id (a port being replugged) the one that is
 * plugged wins. */
static bool
replaces(const struct sg_binding *new, const struct sg_binding *old)
{
    return new->plug == SG_PLUG_HYBRID && old->plug != SG_PLUG_HYBRID;
}

/* What OVSDB and the links say, without zones. */
static void
resolve_local(struct plugs *p, const struct plug_names *names)
{
    const struct plug_table *links = link_watch_table(p->link_watch);
    const struct watched_port *ports;
    size_t n;

    ports = port_watch_ports(p->port_watch, &n);
    p->local = xrealloc(p->local, (n ? n : 1) * sizeof *p->local);
    p->n_local = p->n_duplicate_rows = 0;
    for (size_t i = 0; i < n; i++) {
        struct local_port *last = p->n_local ? &p->local[p->n_local - 1]
                                             : NULL;
        struct sg_binding binding;

        plug_resolve(links, names, ports[i].interface, &binding);
        if (last && uuid_equals(&last->id, &ports[i].id)) {
            if (replaces(&binding, &last->binding)) {
                struct sg_binding other = last->binding;

                last->binding = binding;
                binding = other;
            }
            p->n_duplicate_rows += binding.plug != SG_PLUG_MISSING;
            continue;
        }
        p->local[p->n_local].id = ports[i].id;
        p->local[p->n_local++].binding = binding;
    }
}

/* Takes ownership of 'text'. */
static void
add_zone_problem(struct plugs *p, char *text)
{
    if (p->n_zone_problems < PLUGS_MAX_ZONE_PROBLEMS) {
        p->zone_problems[p->n_zone_problems] = text;
    } else {
        free(text);
    }
    p->n_zone_problems++;
}

/* First what is there stays and what is gone goes, then others' rules have
 * their say, and the rest gets what is free. */
static void
give_zones(struct plugs *p)
{
    struct sset bridges = SSET_INITIALIZER(&bridges);
    size_t n_before = p->n_zone_problems;

    for (size_t i = 0; i < p->n_local; i++) {
        if (p->local[i].binding.plug == SG_PLUG_HYBRID) {
            sset_add(&bridges, p->local[i].binding.bridge);
        }
    }
    zone_alloc_retain(p->zones, &bridges);
    sset_destroy(&bridges);

    for (size_t i = 0; i < p->n_local; i++) {
        if (p->local[i].binding.plug == SG_PLUG_HYBRID) {
            zone_claims_take_over(p->claims, &p->local[i].binding);
        }
    }
    forget_zone_problems(p);
    for (size_t i = 0; i < p->n_local; i++) {
        struct sg_binding *b = &p->local[i].binding;

        if (b->plug == SG_PLUG_HYBRID) {
            b->zone = zone_alloc_get(p->zones, b->bridge);
            char *problem = zone_claims_check(p->claims, b);
            if (problem) {
                add_zone_problem(p, problem);
            }
        }
    }
    if (p->n_zone_problems > n_before) {
        VLOG_WARN("zones of %"PRIuSIZE" bridges are disputed: %s%s",
                  p->n_zone_problems, p->zone_problems[0],
                  p->n_zone_problems > 1 ? "; ..." : "");
    }
}

static void
list_unknown_devices(struct plugs *p, const struct plug_names *names)
{
    struct sg_binding *known = xcalloc(p->n_local ? p->n_local : 1,
                                       sizeof *known);

    for (size_t i = 0; i < p->n_local; i++) {
        known[i] = p->local[i].binding;
    }
    p->n_unknown_devices = plug_unknown_devices(
        link_watch_table(p->link_watch), names, known, p->n_local,
        p->unknown_devices, PLUGS_MAX_UNKNOWN_DEVICES);
    free(known);
}

void
plugs_resolve(struct plugs *p)
{
    if (p->config) {
        const struct plug_names names = {
            p->config->bridge_prefix,
            p->config->tap_prefix,
            p->config->uplink_prefix,
        };

        resolve_local(p, &names);
        list_unknown_devices(p, &names);
        free(p->devices);
        p->devices = plug_devices(link_watch_table(p->link_watch), &names,
                                  &p->n_devices);
    }
    give_zones(p);
}

const struct local_port *
plugs_ports(const struct plugs *p, size_t *n)
{
    *n = p->n_local;
    return p->local;
}

const struct l2_device *
plugs_devices(const struct plugs *p, size_t *n)
{
    *n = p->n_devices;
    return p->devices;
}

void
plugs_get_status(const struct plugs *p, struct plugs_status *status)
{
    *status = (struct plugs_status) {
        .connected = true,
        .n_duplicate_rows = p->n_duplicate_rows,
        .unknown_devices = p->unknown_devices,
        .n_unknown_listed = MIN(p->n_unknown_devices,
                                PLUGS_MAX_UNKNOWN_DEVICES),
        .n_unknown_devices = p->n_unknown_devices,
        .zone_problems = p->zone_problems,
        .n_zone_problems_listed = MIN(p->n_zone_problems,
                                      PLUGS_MAX_ZONE_PROBLEMS),
        .n_zone_problems = p->n_zone_problems,
    };
    if (p->config) {
        status->connected = port_watch_connected(p->port_watch);
        status->link_error = link_watch_error(p->link_watch);
        status->n_refused_rows = port_watch_refused(p->port_watch);
    }
}
