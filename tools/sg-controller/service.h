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
struct history;
struct preview;

struct service_config {
    struct amqp_config amqp;    /* Broker and credentials; the rest is ours. */
    const char *topology;       /* File name. */
    const char *state_dir;      /* Exists, and is locked. */
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

/* Reads the topology file and hands it to the core, unless it looks like an
 * accident (preview.h).  '*flush' is filled in only then: the number of the
 * flush that it takes effect with. */
enum service_flags {
    SERVICE_CONFIRM = 1 << 0,   /* An operator said so: see core.h. */
    SERVICE_FORCE = 1 << 1,     /* Even if it looks like an accident. */
    SERVICE_ACK = 1 << 2,       /* Hosts are asked to acknowledge it. */
};
char *service_reload(struct service *, unsigned int flags, uint64_t *flush)
    SG_MUST_USE;
/* Puts one of the last topologies into force, -1 for the one before: see
 * source.h.  It confirms nothing, and the file stays as it is. */
char *service_rollback(struct service *, int which, unsigned int flags,
                       uint64_t *flush) SG_MUST_USE;
/* Changes what is in force by the patch in 'file', until the next reload. */
char *service_apply(struct service *, const char *file, uint64_t *flush)
    SG_MUST_USE;
/* What a reload that confirms would change; fills in 'preview' only then. */
char *service_preview(struct service *, struct preview *) SG_MUST_USE;
/* Has everything that was published left, and has the broker said so? */
bool service_settled(const struct service *);

/* For commands.c. */
const struct controller_core *service_core(const struct service *);
const struct service_counters *service_counters(const struct service *);
const char *service_last_error(const struct service *); /* Of a reload. */
const struct history *service_history(const struct service *);
const char *service_ids_error(const struct service *);  /* Or NULL. */
char *service_save_error(const struct service *);       /* To be freed. */
void service_get_amqp(const struct service *, struct amqp_status *);

#endif /* tools/sg-controller/service.h */
