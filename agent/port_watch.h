/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef AGENT_PORT_WATCH_H
#define AGENT_PORT_WATCH_H 1

/* The ports that Open vSwitch has on this host: the only user of the OVSDB
 * IDL.
 *
 * A port is an Interface row, on the integration bridge if one is named, with
 * external_ids:iface-id.  Nothing of a row is kept over a run: rows are new
 * objects after a reconnect.  While the database is away the list stays.  A
 * row that is missing when the database comes back is kept for
 * PORT_WATCH_GRACE_MS: an empty database after a restart is not a host
 * without ports. */

#include "sg/policy.h"

#define PORT_WATCH_GRACE_MS 30000
/* Rows beyond this are ignored, and said. */
#define PORT_WATCH_MAX_PORTS 4096

struct watched_port {
    struct uuid id;
    char interface[SG_DEVICE_LEN];
};

struct port_watch;
/* 'bridge' may be empty: interfaces of all bridges. */
struct port_watch *port_watch_create(const char *remote, const char *bridge);
void port_watch_destroy(struct port_watch *);

/* Returns true if the list changed. */
bool port_watch_run(struct port_watch *, long long int now);
void port_watch_wait(struct port_watch *);

/* The list was complete at least once; before that it says nothing. */
bool port_watch_ready(const struct port_watch *);
bool port_watch_connected(const struct port_watch *);
/* Sorted by id, then interface.  Valid until the next run. */
const struct watched_port *port_watch_ports(const struct port_watch *,
                                            size_t *n);
/* Rows with an iface-id that is no port id, or beyond the limit. */
size_t port_watch_refused(const struct port_watch *);

#endif /* agent/port_watch.h */
