/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef SG_CONTROLLER_SERVICE_H
#define SG_CONTROLLER_SERVICE_H 1

/* The controller at work: the clock, the topology file and the broker around
 * core.h, which decides.
 *
 * Owns the core and the connection to the broker.  One turn of the loop:
 * service_run(), service_wait(), poll_block().  The topology file is read by
 * service_reload() alone; a text that does not parse changes nothing. */

#include "rpc/amqp_client.h"
#include "sg/types.h"

struct controller_core;

struct service_config {
    struct amqp_config amqp;    /* Broker and credentials; the rest is ours. */
    const char *topology;       /* File name. */
    bool watch;                 /* Reload when the file changes. */
};

struct service_counters {
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

/* Reads the topology file and hands it to the core.  '*flush' is filled in
 * only then: the number of the flush that it takes effect with. */
char *service_reload(struct service *, uint64_t *flush) SG_MUST_USE;
/* Has everything that was published left, and has the broker said so? */
bool service_settled(const struct service *);

/* For commands.c. */
const struct controller_core *service_core(const struct service *);
const struct service_counters *service_counters(const struct service *);
const char *service_last_error(const struct service *); /* Of a reload. */
void service_get_amqp(const struct service *, struct amqp_status *);

#endif /* tools/sg-controller/service.h */
