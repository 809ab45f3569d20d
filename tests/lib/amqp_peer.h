/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef TESTS_LIB_AMQP_PEER_H
#define TESTS_LIB_AMQP_PEER_H 1

/* The other side of a test with a broker: a plain, blocking librabbitmq
 * connection that declares, publishes and counts, and the control socket of
 * tests/lib/with-broker.  Anything that goes wrong here ends the program,
 * because it is never what the test is about. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct amqp_config;

/* Skips the test if there is no broker (tests/lib/with-broker). */
void peer_require_broker(void);

/* Fills in the broker's address, user and password, borrowed. */
void peer_config(struct amqp_config *);

struct peer *peer_open(void);
void peer_close(struct peer *);

void peer_declare_exchange(struct peer *, const char *name, const char *type,
                           bool auto_delete);
void peer_delete_exchange(struct peer *, const char *name);
/* Queues as oslo.messaging's servers declare them. */
void peer_declare_queue(struct peer *, const char *queue);
void peer_bind(struct peer *, const char *queue, const char *exchange,
               const char *key);
void peer_delete_queue(struct peer *, const char *queue);
/* Messages in the queue that no consumer has, -1 if there is no queue. */
int peer_count(struct peer *, const char *queue);
/* Consumers of the queue, -1 if there is no queue. */
int peer_count_consumers(struct peer *, const char *queue);
bool peer_exchange_exists(struct peer *, const char *name);
void peer_publish(struct peer *, const char *exchange, const char *key,
                  void *body, size_t len);
/* Publishes 'n' messages, 'gap_us' microseconds apart or (0) as fast as the
 * broker takes them.  Each begins with "<CLOCK_MONOTONIC in ns> " and is then
 * filled up to 'len' bytes. */
void peer_publish_many(struct peer *, const char *exchange, const char *key,
                       size_t len, int n, int gap_us);
/* Takes the oldest message of the queue; NULL if it is empty.  A malloc'd
 * string; properties are checked to be those of oslo.messaging. */
char *peer_get(struct peer *, const char *queue, size_t *lenp);

/* One command to with-broker; true if it says "ok".  'output' takes what
 * follows, cut to 'size'. */
bool peer_control(const char *command);
bool peer_control_output(const char *command, char *output, size_t size);

#endif /* tests/lib/amqp_peer.h */
