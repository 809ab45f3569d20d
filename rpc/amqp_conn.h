/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef RPC_AMQP_CONN_H
#define RPC_AMQP_CONN_H 1

/* One librabbitmq connection, with what the library leaves to its user:
 * deadlines for every stage of connecting, a bound on what is sent and not
 * taken by the peer, the methods that a broker sends on channel 0 of its own
 * accord, and errors as text that is fit for a log.
 *
 * The library encodes, decodes and sends; reading from the socket is done
 * here.  So every frame is judged (rpc/amqp_frame.h) before the library sees
 * it, a deadline is one for all of an answer however slowly it drips, and it
 * is known when the peer was heard last: one that sends nothing for
 * MQ_SILENCE_PERCENT of the heartbeat interval is gone.  Heartbeats of ours
 * go out every half interval, whatever else is sent.
 *
 * Used by one thread.  Our names begin with mq_, because amqp_ is the
 * library's.  A function that returns 'char *' returns NULL or a malloc'd
 * sentence; after a sentence the connection is of no use. */

#include <amqp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <stdatomic.h>

#include "rpc/amqp_client.h"
#include "rpc/amqp_frame.h"
#include "rpc/silence.h"

struct addrinfo;

/* No channel above is used on any connection. */
#define MQ_MAX_CHANNEL 2

/* RabbitMQ looks twice in an interval whether it has sent something: when
 * idle it sends a heartbeat each time, and is silent for nearly a whole
 * interval if what it sent last came just after it had looked. */
#define MQ_SILENCE_PERCENT 130

/* What we sent and the peer's kernel does not acknowledge for that part of
 * the interval ends the connection: with the half of it after which there is
 * something to be acknowledged, that is no later. */
#define MQ_UNACKED_PERCENT 80

/* Content frames that we send are at most this long, and no more than so much
 * is given to the kernel before the peer takes some: a send must not block. */
#define MQ_CHUNK (16 * 1024)
#define MQ_MAX_UNSENT (64 * 1024)

/* Frames taken in one turn: a peer that sends faster than we read must not
 * keep us from everything else. */
#define MQ_TURN_FRAMES 8192

/* How often to look whether the peer has taken some. */
#define MQ_UNSENT_RETRY_MS 5

/* What may be counted by one thread and read by another. */
struct mq_counters {
    atomic_ullong received, received_bytes, published, confirmed, returned,
        too_large, rejected;
    atomic_ullong refusals[MQ_N_REASONS];   /* By the name of the reason. */
};

static inline void
mq_count(atomic_ullong *counter, uint64_t n)
{
    /* Only one thread writes: no need to lock the bus. */
    atomic_store_explicit(
        counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
        memory_order_relaxed);
}

struct mq_conn {
    amqp_connection_state_t state;
    struct mq_counters *counters;
    const atomic_bool *quit;    /* Becomes true: wait for nothing more. */
    int fd;                     /* -1: none. */
    amqp_channel_t last_channel;    /* Of the frame that was read last. */
    bool blocked;               /* connection.blocked by the broker. */

    /* What came from the socket and has not been looked at. */
    uint8_t *in;
    size_t in_pos, in_len;
    bool in_short;              /* Not enough to judge the next frame. */
    uint32_t frame_left;        /* Of the frame the library is at. */
    uint32_t skip_left;         /* Of one that the library need not see. */
    uint32_t frame_max;

    struct silence silence;
    int heartbeat_ms;           /* Send one so often; 0: never. */
    long long int heartbeat_at;

    size_t budget;              /* May be sent without asking the kernel. */
};

/* Milliseconds and microseconds of CLOCK_MONOTONIC. */
long long int mq_now(void);
long long int mq_now_us(void);

struct mq_conn *mq_conn_create(struct mq_counters *, const atomic_bool *quit);
void mq_conn_destroy(struct mq_conn *);

char *mq_conn_connect(struct mq_conn *, const struct addrinfo *,
                      const struct amqp_config *, long long int deadline)
    SG_MUST_USE;
char *mq_conn_login(struct mq_conn *, const struct amqp_config *,
                    const char *role, long long int deadline) SG_MUST_USE;
void mq_conn_start_heartbeat(struct mq_conn *, int seconds);
void mq_conn_close(struct mq_conn *, long long int deadline);

/* Sends 'method' and waits for its answer, or only waits for a method; NULL
 * for 'decoded' if the answer says nothing.  It is valid until the next call
 * that reads. */
char *mq_conn_rpc(struct mq_conn *, amqp_channel_t, amqp_method_number_t id,
                  void *method, amqp_method_number_t answer,
                  long long int deadline) SG_MUST_USE;
char *mq_conn_expect(struct mq_conn *, amqp_channel_t,
                     amqp_method_number_t answer, long long int deadline,
                     void **decoded) SG_MUST_USE;
char *mq_conn_open_channel(struct mq_conn *, amqp_channel_t,
                           long long int deadline) SG_MUST_USE;

/* Receiving. */
char *mq_conn_read(struct mq_conn *, long long int now, amqp_frame_t *,
                   bool *got) SG_MUST_USE;
char *mq_conn_control(struct mq_conn *, const amqp_frame_t *) SG_MUST_USE;
bool mq_conn_has_buffered(const struct mq_conn *);
void mq_conn_not_listening(struct mq_conn *, long long int now);
char *mq_conn_tend(struct mq_conn *, long long int now) SG_MUST_USE;
long long int mq_conn_next_time(const struct mq_conn *);

/* Sending. */
bool mq_conn_may_send(struct mq_conn *, size_t);
char *mq_conn_send(struct mq_conn *, amqp_channel_t,
                   amqp_method_number_t, void *method) SG_MUST_USE;
char *mq_conn_declare(struct mq_conn *, amqp_channel_t, const char *exchange,
                      const char *type, bool nowait) SG_MUST_USE;

/* Texts. */
char *mq_status_error(int status) SG_MUST_USE;
char *mq_text(amqp_bytes_t) SG_MUST_USE;
char *mq_refusal(struct mq_conn *, uint16_t code, amqp_bytes_t text)
    SG_MUST_USE;

#endif /* rpc/amqp_conn.h */
