/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef RPC_AMQP_CLIENT_PRIVATE_H
#define RPC_AMQP_CLIENT_PRIVATE_H 1

/* The two halves of the client: amqp_client.c is what the loop thread calls,
 * amqp_thread.c is what the broker thread does.  What both touch is atomic,
 * guarded by a mutex, or one of the queues of rpc/handover.h. */

#include <pthread.h>
#include <stdatomic.h>

#include "rpc/amqp_client.h"
#include "rpc/amqp_consumer.h"
#include "rpc/handover.h"

/* Longest name of an exchange, a queue or a key: an AMQP short string. */
#define MQ_MAX_NAME 255

/* The queue's '*' becomes this many random hex digits. */
#define MQ_QUEUE_SUFFIX 8

struct amqp_client {
    struct amqp_config config;

    /* Shared. */
    struct inbox inbox;
    struct outbox outbox;
    struct wake_latch latch;    /* The broker thread sleeps on it. */
    atomic_bool work;           /* Outbox or wishes have something new. */
    atomic_bool quit;
    atomic_int downs;           /* AMQP_DOWN of attempts, not yet taken. */
    atomic_uint_fast64_t stored, acked;
    struct mq_counters counters;

    struct ovs_mutex mutex;     /* For the next four.  Never held over
                                 * anything that may take long. */
    struct binding_table *bindings OVS_GUARDED;
    size_t n_permanent OVS_GUARDED;     /* In 'bindings', too: renewed. */
    struct amqp_status status OVS_GUARDED;
    long long int blocked_since OVS_GUARDED;    /* If status.blocked. */

    /* Loop thread's. */
    bool running;
    pthread_t thread;

    /* Broker thread's. */
    struct resolver *resolver;
    size_t next_broker;
    int backoff_ms;
    uint64_t session;
    char queue[MQ_MAX_NAME + 1];
    enum amqp_stage stage;
    bool blocked;               /* As in 'status'. */
    char *last_reason;          /* Of the last attempt that failed. */
    struct mq_consumer *consumer;
    struct mq_publisher *publisher;
};

void *mq_thread_main(void *client);

#endif /* rpc/amqp_client-private.h */
