/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef RPC_AMQP_CONSUMER_H
#define RPC_AMQP_CONSUMER_H 1

/* The connection that owns the queue: consumes it on one channel, binds it to
 * exchanges on another, so that a broken binding never hurts the consumer.
 * (An exclusive queue can only be bound by the connection that declared it.)
 *
 * Begun step by step, each with its deadline, by whoever owns the session;
 * mq_consumer_run() then takes all there is without waiting.  It reads frames
 * itself and not by the library's amqp_consume_message(), because the size of
 * a body must be looked at before there is memory for it, and because that
 * function knows neither basic.cancel nor what happens on other channels.
 *
 * What arrives goes to the inbox; the binding table and the acknowledgements
 * are worked on from here as well. */

#include <stdatomic.h>

#include "rpc/ack_window.h"
#include "rpc/amqp_conn.h"

struct binding_table;
struct inbox;
struct outbox;
struct ovs_mutex;

/* Where a consumer gets its work from and puts it; shared with its owner. */
struct mq_consumer_ends {
    const struct amqp_config *config;
    struct inbox *inbox;
    struct outbox *outbox;
    struct ovs_mutex *mutex;    /* Guards 'bindings'. */
    struct binding_table *bindings;
    atomic_uint_fast64_t *stored;   /* See mq_stored_pack(). */
    atomic_uint_fast64_t *acked;    /* What 'stored' was at the last ack. */
    struct mq_counters *counters;
    const atomic_bool *quit;    /* See struct mq_conn. */
};

/* Session and delivery tag in one atomic word, so that a late "stored" of an
 * old session can never be taken for one of the new. */
#define MQ_DELIVERY_BITS 40

static inline uint64_t
mq_stored_pack(uint64_t session, uint64_t delivery)
{
    return session << MQ_DELIVERY_BITS
           | (delivery & ((UINT64_C(1) << MQ_DELIVERY_BITS) - 1));
}

/* An acknowledgement is sent this long after the first delivery that it
 * covers, so that a trickle of messages does not cost one each. */
#define MQ_ACK_MS 100

struct mq_consumer *mq_consumer_create(const struct mq_consumer_ends *);
void mq_consumer_destroy(struct mq_consumer *);
struct mq_conn *mq_consumer_conn(struct mq_consumer *);

/* The steps of a session, in this order. */
char *mq_consumer_open(struct mq_consumer *, long long int deadline)
    SG_MUST_USE;
char *mq_consumer_declare(struct mq_consumer *, const char *queue,
                          long long int deadline) SG_MUST_USE;
char *mq_consumer_bind(struct mq_consumer *, long long int deadline)
    SG_MUST_USE;
char *mq_consumer_consume(struct mq_consumer *, long long int deadline)
    SG_MUST_USE;
void mq_consumer_begin(struct mq_consumer *, uint64_t session);

/* One turn: receive, do what the bindings ask for, acknowledge. */
char *mq_consumer_run(struct mq_consumer *, bool readable, long long int now)
    SG_MUST_USE;
char *mq_consumer_ack(struct mq_consumer *, bool all, long long int now)
    SG_MUST_USE;
void mq_consumer_bindings_changed(struct mq_consumer *);
bool mq_consumer_wait(const struct mq_consumer *, long long int now,
                      long long int *wake_at);

/* How many deliveries may be outstanding before it is worth an ack. */
unsigned int mq_ack_batch(const struct amqp_config *);

#endif /* rpc/amqp_consumer.h */
