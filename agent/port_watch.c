/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include <config.h>
#include "agent/port_watch.h"

#include <string.h>

#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovsdb-idl.h"
#include "smap.h"
#include "util.h"
#include "vswitch-idl.h"

VLOG_DEFINE_THIS_MODULE(port_watch);

struct port_watch {
    struct ovsdb_idl *idl;
    char *bridge;
    unsigned int seqno;         /* Of the IDL at the last reading. */
    bool ready;
    bool connected;
    long long int grace_until;  /* Missing rows stay until then. */

    struct watched_port *ports; /* Sorted. */
    size_t n_ports, allocated;
    size_t n_refused;
};

struct port_watch *
port_watch_create(const char *remote, const char *bridge)
{
    struct port_watch *pw = xzalloc(sizeof *pw);

    pw->bridge = xstrdup(bridge);
    pw->idl = ovsdb_idl_create(remote, &ovsrec_idl_class, false, true);
    ovsdb_idl_set_leader_only(pw->idl, false);
    ovsdb_idl_add_table(pw->idl, &ovsrec_table_interface);
    ovsdb_idl_add_column(pw->idl, &ovsrec_interface_col_name);
    ovsdb_idl_add_column(pw->idl, &ovsrec_interface_col_external_ids);
    if (*bridge) {
        ovsdb_idl_add_table(pw->idl, &ovsrec_table_bridge);
        ovsdb_idl_add_column(pw->idl, &ovsrec_bridge_col_name);
        ovsdb_idl_add_column(pw->idl, &ovsrec_bridge_col_ports);
        ovsdb_idl_add_table(pw->idl, &ovsrec_table_port);
        ovsdb_idl_add_column(pw->idl, &ovsrec_port_col_interfaces);
    }
    return pw;
}

void
port_watch_destroy(struct port_watch *pw)
{
    if (pw) {
        ovsdb_idl_destroy(pw->idl);
        free(pw->bridge);
        free(pw->ports);
        free(pw);
    }
}

static int
compare_ports(const void *a_, const void *b_)
{
    const struct watched_port *a = a_;
    const struct watched_port *b = b_;
    int cmp = uuid_compare_3way(&a->id, &b->id);

    return cmp ? cmp : strcmp(a->interface, b->interface);
}

struct port_list {
    struct watched_port *ports;
    size_t n, allocated, n_refused;
};

static void
list_add(struct port_list *list, const struct uuid *id, const char *interface)
{
    struct watched_port *p;

    if (list->n >= PORT_WATCH_MAX_PORTS
        || strlen(interface) >= SG_DEVICE_LEN) {
        list->n_refused++;
        return;
    }
    if (list->n >= list->allocated) {
        list->ports = x2nrealloc(list->ports, &list->allocated,
                                 sizeof *list->ports);
    }
    p = &list->ports[list->n++];
    memset(p, 0, sizeof *p);
    p->id = *id;
    ovs_strlcpy(p->interface, interface, sizeof p->interface);
}

static void
list_add_row(struct port_list *list, const struct ovsrec_interface *iface)
{
    const char *iface_id = smap_get(&iface->external_ids, "iface-id");
    struct uuid id;

    if (!iface_id) {
        return;
    }
    if (!sg_id_from_string(iface_id, &id)) {
        list->n_refused++;
        return;
    }
    list_add(list, &id, iface->name);
}

static void
read_rows(const struct port_watch *pw, struct port_list *list)
{
    const struct ovsrec_interface *iface;
    const struct ovsrec_bridge *br;

    if (!*pw->bridge) {
        OVSREC_INTERFACE_FOR_EACH (iface, pw->idl) {
            list_add_row(list, iface);
        }
        return;
    }
    OVSREC_BRIDGE_FOR_EACH (br, pw->idl) {
        if (strcmp(br->name, pw->bridge)) {
            continue;
        }
        for (size_t i = 0; i < br->n_ports; i++) {
            const struct ovsrec_port *port = br->ports[i];

            for (size_t j = 0; j < port->n_interfaces; j++) {
                list_add_row(list, port->interfaces[j]);
            }
        }
    }
}

/* Adds the ports of 'pw' that 'list' lacks.  Both are sorted. */
static size_t
keep_missing(const struct port_watch *pw, struct port_list *list)
{
    size_t n_listed = list->n;
    size_t n_kept = 0;

    for (size_t i = 0; i < pw->n_ports; i++) {
        const struct watched_port *p = &pw->ports[i];

        if (!bsearch(p, list->ports, n_listed, sizeof *p, compare_ports)) {
            list_add(list, &p->id, p->interface);
            n_kept++;
        }
    }
    if (n_kept) {
        qsort(list->ports, list->n, sizeof *list->ports, compare_ports);
    }
    return n_kept;
}

/* Notes a connection made or lost.  After a reconnect, rows that are missing
 * are given time to come back. */
static void
track_connection(struct port_watch *pw, long long int now)
{
    bool connected = ovsdb_idl_is_connected(pw->idl);

    if (connected == pw->connected) {
        return;
    }
    pw->connected = connected;
    if (!connected) {
        VLOG_WARN("the Open vSwitch database is away; ports stay as they "
                  "are");
    } else {
        if (pw->ready) {
            pw->grace_until = now + PORT_WATCH_GRACE_MS;
        }
        VLOG_INFO("connected to the Open vSwitch database");
    }
}

bool
port_watch_run(struct port_watch *pw, long long int now)
{
    struct port_list list = { NULL, 0, 0, 0 };
    bool grace_over;
    bool changed;

    ovsdb_idl_run(pw->idl);
    track_connection(pw, now);
    if (!ovsdb_idl_has_ever_connected(pw->idl)) {
        return false;
    }
    grace_over = pw->grace_until && now >= pw->grace_until;
    if (pw->ready && ovsdb_idl_get_seqno(pw->idl) == pw->seqno
        && !grace_over) {
        return false;
    }
    if (grace_over) {
        pw->grace_until = 0;
    }
    pw->seqno = ovsdb_idl_get_seqno(pw->idl);

    read_rows(pw, &list);
    if (list.n) {
        qsort(list.ports, list.n, sizeof *list.ports, compare_ports);
    }
    if (!pw->connected || pw->grace_until) {
        size_t n = keep_missing(pw, &list);

        if (n) {
            VLOG_WARN("%"PRIuSIZE" ports are missing since the Open vSwitch "
                      "database came back; kept for %d s", n,
                      PORT_WATCH_GRACE_MS / 1000);
        }
    }
    changed = !pw->ready || list.n != pw->n_ports
              || (list.n && memcmp(list.ports, pw->ports,
                                   list.n * sizeof *list.ports));
    free(pw->ports);
    pw->ports = list.ports;
    pw->n_ports = list.n;
    pw->allocated = list.allocated;
    pw->n_refused = list.n_refused;
    pw->ready = true;
    return changed;
}

void
port_watch_wait(struct port_watch *pw)
{
    ovsdb_idl_wait(pw->idl);
    if (pw->grace_until) {
        poll_timer_wait_until(pw->grace_until);
    }
}

bool
port_watch_ready(const struct port_watch *pw)
{
    return pw->ready;
}

bool
port_watch_connected(const struct port_watch *pw)
{
    return pw->connected;
}

const struct watched_port *
port_watch_ports(const struct port_watch *pw, size_t *n)
{
    *n = pw->n_ports;
    return pw->ports;
}

size_t
port_watch_refused(const struct port_watch *pw)
{
    return pw->n_refused;
}
