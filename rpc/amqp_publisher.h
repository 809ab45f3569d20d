/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef RPC_AMQP_PUBLISHER_H
#define RPC_AMQP_PUBLISHER_H 1

/* The connection that publishes.
 *
 * It is a connection of its own, because a broker that is short of memory
 * stops reading from those that publish.  Takes messages from the outbox and
 * sends them without ever being kept waiting; in confirm mode at most
 * PUBLISH_WINDOW are unconfirmed.  The channel goes through these states:
 *
 *      OPENING --open-ok--> SELECTING --select-ok--> READY
 *         ^                  (confirm mode only)       |
 *         +--------------- channel.close --------------+
 *
 * When the broker closes the channel, the culprit is reported as
 * AMQP_PUBLISH_FAILED and the rest is sent again.  Failures go to the
 * inbox. */

#include "rpc/amqp_conn.h"

struct inbox;
struct outbox;

/* The session ends when there is something to send, or to be confirmed, and
 * the broker has not moved for this long.  A broker that said that it blocks
 * publishers is waited for. */
#define MQ_PUBLISH_STALL_MS 15000

struct mq_publisher *mq_publisher_create(const struct amqp_config *,
                                         struct inbox *, struct outbox *,
                                         struct mq_counters *,
                                         const atomic_bool *quit);
void mq_publisher_destroy(struct mq_publisher *);
struct mq_conn *mq_publisher_conn(struct mq_publisher *);

char *mq_publisher_open(struct mq_publisher *, long long int deadline)
    SG_MUST_USE;
void mq_publisher_begin(struct mq_publisher *, uint64_t session);

char *mq_publisher_run(struct mq_publisher *, bool readable, bool work,
                       long long int now) SG_MUST_USE;
void mq_publisher_wait(const struct mq_publisher *, long long int now,
                       long long int *wake_at);

#endif /* rpc/amqp_publisher.h */
