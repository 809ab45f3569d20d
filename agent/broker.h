/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef AGENT_BROKER_H
#define AGENT_BROKER_H 1

/* The agent's end of the wire: bodies in, updates to `sync`; questions and
 * reports out; bindings as `sync` wishes them.
 *
 * Owns the amqp_client.  A body that is malformed is rejected, counted and
 * remembered (the last one, quoted); nothing else of it reaches the agent.
 * Everything taken in one call of broker_run() is acknowledged at its end:
 * by then it is stored. */

#include "rpc/amqp_client.h"
#include "rpc/message.h"
#include "sg/update.h"

struct broker;
struct config;
struct sync;

/* 'config', 'boot' and 'sync' are borrowed for the life of the object. */
struct broker *broker_create(const struct config *, const char *boot,
                             struct sync *);
int broker_start(struct broker *) SG_MUST_USE;
void broker_destroy(struct broker *);

/* Takes what has come in: at most BROKER_TURN_BODIES bodies, and none after
 * BROKER_TURN_MS, because a range of a few bytes may stand for as many members
 * as a group may have.  Returns true if there was a body. */
#define BROKER_TURN_BODIES 4096
#define BROKER_TURN_MS 20
bool broker_run(struct broker *, long long int now);
/* Sends what `sync` wants to ask and to be bound to. */
void broker_send(struct broker *, long long int now);
/* Says how the agent is; a report that cannot be sent is dropped. */
void broker_report(struct broker *, const struct sg_report *);
/* Binds the queue to a fanout exchange that `sync` does not ask for, or undoes
 * that.  For measurements: what comes from there is not needed. */
void broker_bind_unneeded(struct broker *, const char *exchange, bool bind);
/* 'asks': broker_send() will be called, so its time counts. */
void broker_wait(struct broker *, bool asks);

/* Bodies of one method; an answer to `sync` counts as SG_METHOD_SYNC. */
struct broker_traffic {
    uint64_t messages, bytes;
};

struct broker_status {
    struct amqp_status amqp;
    struct broker_traffic in[SG_N_METHODS], out[SG_N_METHODS];
    uint64_t messages, malformed, unbindable;
    char last_malformed[256];   /* Why, and the SHA-1 of the body. */
    char last_unbindable[256];  /* Exchange and the broker's text. */
    uint64_t refused[RPC_N_LIMITS];     /* By each limit of a message. */
    uint64_t log_suppressed;    /* Lines beyond limits.log_lines. */
};
void broker_get_status(struct broker *, struct broker_status *);

#endif /* agent/broker.h */
