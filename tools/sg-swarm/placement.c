/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tools/sg-swarm/placement.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/shash.h"
#include "rpc/message.h"
#include "rpc/topology.h"
#include "tools/sg-controller/topology.h"
#include "util.h"
#include "uuid.h"

/* Characters of a port's id in the names of its devices. */
#define NAME_DIGITS 11

static char *place(struct shash *by_name, const struct topology_port *);
static void plug(const struct uuid *, struct sg_binding *);
static char *finish(struct placed_host *);
static int compare_hosts(const void *, const void *);
static int compare_ports(const void *, const void *);

char *
placement_create(const struct topology *topology, struct placement *placement)
{
    struct shash by_name = SHASH_INITIALIZER(&by_name);
    const struct topology_port *port;
    struct shash_node *node;
    char *error = NULL;

    HMAP_FOR_EACH (port, node, &topology->ports) {
        if (port->host && !error) {
            error = place(&by_name, port);
        }
    }

    placement->hosts = xcalloc(shash_count(&by_name) + 1,
                               sizeof *placement->hosts);
    placement->n_hosts = 0;
    SHASH_FOR_EACH (node, &by_name) {
        struct placed_host *host = node->data;

        if (!error) {
            error = finish(host);
        }
        placement->hosts[placement->n_hosts++] = *host;
        free(host);
    }
    shash_destroy(&by_name);
    if (error) {
        placement_uninit(placement);
        return error;
    }
    qsort(placement->hosts, placement->n_hosts, sizeof *placement->hosts,
          compare_hosts);
    return NULL;
}

void
placement_uninit(struct placement *placement)
{
    for (size_t i = 0; i < placement->n_hosts; i++) {
        free(placement->hosts[i].name);
        free(placement->hosts[i].ports);
    }
    free(placement->hosts);
    memset(placement, 0, sizeof *placement);
}

static char *
place(struct shash *by_name, const struct topology_port *port)
{
    struct placed_host *host;

    if (!rpc_host_ok(port->host)) {
        char *quoted = rpc_quote(port->host, strlen(port->host));
        char *error = xasprintf("port "UUID_FMT": no host can have the name "
                                "\"%s\"", UUID_ARGS(&port->spec.id), quoted);

        free(quoted);
        return error;
    }
    host = shash_find_data(by_name, port->host);
    if (!host) {
        host = xzalloc(sizeof *host);
        host->name = xstrdup(port->host);
        shash_add(by_name, port->host, host);
    }
    if (host->n_ports >= host->allocated) {
        host->ports = x2nrealloc(host->ports, &host->allocated,
                                 sizeof *host->ports);
    }
    memset(&host->ports[host->n_ports], 0, sizeof *host->ports);
    host->ports[host->n_ports].id = port->spec.id;
    plug(&port->spec.id, &host->ports[host->n_ports].binding);
    host->n_ports++;
    return NULL;
}

static void
plug(const struct uuid *id, struct sg_binding *binding)
{
    char text[UUID_LEN + 1];

    snprintf(text, sizeof text, UUID_FMT, UUID_ARGS(id));
    binding->plug = SG_PLUG_HYBRID;
    snprintf(binding->device, sizeof binding->device, "tap%.*s",
             NAME_DIGITS, text);
    snprintf(binding->bridge, sizeof binding->bridge, "qbr%.*s",
             NAME_DIGITS, text);
    snprintf(binding->uplink, sizeof binding->uplink, "qvb%.*s",
             NAME_DIGITS, text);
}

/* Ids that begin alike stand beside each other once they are sorted. */
static char *
finish(struct placed_host *host)
{
    qsort(host->ports, host->n_ports, sizeof *host->ports, compare_ports);
    for (size_t i = 1; i < host->n_ports; i++) {
        const struct local_port *a = &host->ports[i - 1];
        const struct local_port *b = &host->ports[i];

        if (!strcmp(a->binding.device, b->binding.device)) {
            return xasprintf("host %s: ports "UUID_FMT" and "UUID_FMT" would "
                             "both have device %s", host->name,
                             UUID_ARGS(&a->id), UUID_ARGS(&b->id),
                             a->binding.device);
        }
    }
    return NULL;
}

static int
compare_hosts(const void *a_, const void *b_)
{
    const struct placed_host *a = a_, *b = b_;

    return strcmp(a->name, b->name);
}

static int
compare_ports(const void *a_, const void *b_)
{
    const struct local_port *a = a_, *b = b_;

    return uuid_compare_3way(&a->id, &b->id);
}
