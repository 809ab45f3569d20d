/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef SG_CONTROLLER_SERVICE_H
#define SG_CONTROLLER_SERVICE_H 1

/* The controller at work: answers `sync`, takes `report`, sends the beacon
 * and what a new topology changes.
 *
 * Owns the state, the interest, the beacon and the connection to the broker.
 * One turn of the loop: service_run(), service_wait(), poll_block().  The
 * topology file is read by service_reload() alone; a text that does not parse
 * changes nothing.
 *
 * Publishing needs no memory of its own: what could not be handed to the
 * broker (no session) is dropped, and the agents find out from the beacon and
 * the revisions. */

#include "rpc/amqp_client.h"
#include "tools/sg-controller/diff.h"

struct beacon;
struct interest;
struct state;

struct service_config {
    struct amqp_config amqp;    /* Broker and credentials; the rest is ours. */
    const char *topology;       /* File name. */
    bool watch;                 /* Reload when the file changes. */
};

/* What became of a reload. */
struct service_reload {
    int64_t revision;
    struct change_list changes; /* Objects that changed. */
    size_t n_kind[SG_N_KINDS];  /* How many of each kind. */
    size_t n_messages;          /* To be published because of that. */
};
void service_reload_uninit(struct service_reload *);

struct service_counters {
    uint64_t syncs, reports;    /* Requests served. */
    uint64_t refused;           /* Answered with an error. */
    uint64_t malformed;         /* Bodies rejected. */
    uint64_t duplicates;        /* The same request again: dropped. */
    uint64_t published;         /* Changes handed to the broker. */
    uint64_t unheard;           /* Of those: nobody was listening. */
    uint64_t dropped;           /* Not sent: no session, or too large. */
    uint64_t reloads, reload_errors;
};

struct service;

/* 'epoch' has been saved.  The topology is read here, for the first time. */
char *service_create(const struct service_config *, const struct sg_epoch *,
                     struct service **) SG_MUST_USE;
int service_connect(struct service *) SG_MUST_USE;
void service_destroy(struct service *);

void service_run(struct service *);
void service_wait(struct service *);

/* Reads the topology file and puts it into force.  'reload' is filled in only
 * then, and may be NULL. */
char *service_reload(struct service *, struct service_reload *) SG_MUST_USE;
/* Has everything that was published left, and has the broker said so? */
bool service_settled(const struct service *);

/* For control.c. */
const struct state *service_state(const struct service *);
const struct interest *service_interest(const struct service *);
const struct beacon *service_beacon(const struct service *);
const struct service_counters *service_counters(const struct service *);
const char *service_last_error(const struct service *); /* Of a reload. */
void service_get_amqp(const struct service *, struct amqp_status *);

#endif /* tools/sg-controller/service.h */
