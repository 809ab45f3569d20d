/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef RPC_AMQP_CONN_H
#define RPC_AMQP_CONN_H 1

/* One librabbitmq connection, with what the library leaves to its user:
 * deadlines for every stage of connecting, a bound on what is sent and not
 * taken by the peer, the methods that a broker sends on channel 0 of its own
 * accord, and errors as text that is fit for a log.
 *
 * Used by one thread.  Our names begin with mq_, because amqp_ is the
 * library's.  A function that returns 'char *' returns NULL or a malloc'd
 * sentence; after a sentence the connection is of no use. */

#include <amqp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rpc/amqp_client.h"

struct addrinfo;

/* Content frames that we send are at most this long, and no more than so much
 * is given to the kernel before the peer takes some: a send must not block. */
#define MQ_CHUNK (16 * 1024)
#define MQ_MAX_UNSENT (64 * 1024)

/* Frames taken in one turn: a peer that sends faster than we read must not
 * keep us from everything else. */
#define MQ_TURN_FRAMES 8192

/* How often to look whether the peer has taken some. */
#define MQ_UNSENT_RETRY_MS 5

struct mq_conn {
    amqp_connection_state_t state;
    int fd;                     /* -1: none. */
    amqp_channel_t last_channel;    /* Of the frame that was read last. */
    bool blocked;               /* connection.blocked by the broker. */
    int service_ms;             /* Enter the library this often; 0: never. */
    long long int service_at;

    size_t budget;              /* May be sent without asking the kernel. */
};

/* Milliseconds and microseconds of CLOCK_MONOTONIC. */
long long int mq_now(void);
long long int mq_now_us(void);

struct mq_conn *mq_conn_create(void);
void mq_conn_destroy(struct mq_conn *);

char *mq_conn_connect(struct mq_conn *, const struct addrinfo *,
                      const struct amqp_config *, long long int deadline)
    SG_MUST_USE;
char *mq_conn_login(struct mq_conn *, const struct amqp_config *,
                    const char *role, long long int deadline) SG_MUST_USE;
char *mq_conn_open_channel(struct mq_conn *, amqp_channel_t,
                           long long int deadline) SG_MUST_USE;
void mq_conn_set_deadline(struct mq_conn *, long long int deadline);
void mq_conn_close(struct mq_conn *, long long int deadline);

/* Receiving. */
char *mq_conn_read(struct mq_conn *, long long int now, amqp_frame_t *,
                   bool *got) SG_MUST_USE;
char *mq_conn_control(struct mq_conn *, const amqp_frame_t *) SG_MUST_USE;
bool mq_conn_has_buffered(const struct mq_conn *);
char *mq_conn_keep_alive(struct mq_conn *, long long int now) SG_MUST_USE;

/* Sending. */
bool mq_conn_may_send(struct mq_conn *, size_t);
char *mq_conn_send(struct mq_conn *, amqp_channel_t,
                   amqp_method_number_t, void *method) SG_MUST_USE;
char *mq_conn_declare(struct mq_conn *, amqp_channel_t, const char *exchange,
                      const char *type, bool nowait) SG_MUST_USE;

/* Texts. */
char *mq_status_error(int status) SG_MUST_USE;
char *mq_last_error(struct mq_conn *) SG_MUST_USE;
char *mq_text(amqp_bytes_t) SG_MUST_USE;
char *mq_close_text(uint16_t code, amqp_bytes_t text) SG_MUST_USE;

#endif /* rpc/amqp_conn.h */
