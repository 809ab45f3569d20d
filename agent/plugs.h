/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef AGENT_PLUGS_H
#define AGENT_PLUGS_H 1

/* Which ports are on this host, and how each is plugged: what OVSDB and the
 * kernel's links say together, with a conntrack zone for each bridge.
 *
 * A fixed list can take their place: for hosts that are only played, beside
 * a model kernel. */

#include "agent/policy_store.h"

/* Unknown devices that are listed by name. */
#define PLUGS_MAX_UNKNOWN_DEVICES 32
/* Contradictions about zones that are shown. */
#define PLUGS_MAX_ZONE_PROBLEMS 8

struct config;
struct plugs;
struct zone_alloc;

/* 'config' and 'zones' are borrowed for the life of the object. */
struct plugs *plugs_create(const struct config *, struct zone_alloc *zones);
/* The ports are these 'n', for ever; zones are given to their bridges. */
struct plugs *plugs_create_fixed(const struct local_port *, size_t n,
                                 struct zone_alloc *zones);
void plugs_destroy(struct plugs *);

/* A rule of another program gives 'zone' to 'device' (see
 * agent/zone_claims.h).  To be said before the first plugs_resolve(). */
void plugs_claim_zone(struct plugs *, const char *device, uint16_t zone);

/* Takes what is new.  Returns true if plugs_resolve() is to be called. */
bool plugs_run(struct plugs *, long long int now);
void plugs_wait(struct plugs *);
/* The list is complete; before that plugs_resolve() must not be called. */
bool plugs_ready(const struct plugs *);

/* Makes the list anew.  A bridge that went away gives its zone back, so the
 * zones of an earlier run must have been restored before. */
void plugs_resolve(struct plugs *);
/* The list of the last plugs_resolve(); valid until the next one. */
const struct local_port *plugs_ports(const struct plugs *, size_t *n);

/* Those of plug_devices(), as of the last plugs_resolve(). */
struct l2_device;
const struct l2_device *plugs_devices(const struct plugs *, size_t *n);

struct plugs_status {
    bool connected;             /* To OVSDB. */
    int link_error;             /* 0, or why links cannot be listed. */
    size_t n_refused_rows;      /* Without a port id we can use. */
    size_t n_duplicate_rows;    /* Plugged rows that lost to another. */
    const char (*unknown_devices)[SG_DEVICE_LEN];       /* Borrowed. */
    size_t n_unknown_listed, n_unknown_devices;
    /* Sentences; borrowed.  Bridges that have another zone than, or not the
     * only zone that, other programs give to them. */
    char *const *zone_problems;
    size_t n_zone_problems_listed, n_zone_problems;
};
void plugs_get_status(const struct plugs *, struct plugs_status *);

#endif /* agent/plugs.h */
