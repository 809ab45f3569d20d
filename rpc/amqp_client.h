/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef RPC_AMQP_CLIENT_H
#define RPC_AMQP_CLIENT_H 1

/* The connection to the broker.
 *
 * librabbitmq blocks, so it lives in one thread of its own: that thread
 * resolves, connects, logs in, declares, binds, consumes, publishes and keeps
 * the heartbeat.  The loop thread sees two bounded queues and a latch and
 * never waits for the broker.  This module knows no message: bodies go
 * through as bytes.  To read a large one takes longer than the loop may take
 * for anything; so whoever knows messages may give a decoder, which that
 * thread calls.
 *
 * Lifetime of a session: the thread connects (with back-off and jitter, over
 * the list of brokers), declares the queue of 'config', binds it to the
 * permanent bindings, starts to consume, waits for consume-ok, and then
 * reports AMQP_UP with a new session number.  Any failure ends the session:
 * AMQP_DOWN with a reason; what was queued for publishing is dropped, what
 * the loop has not acknowledged will not be (the exclusive queue is gone with
 * the connection).  Then it starts again.
 *
 * Dynamic bindings (amqp_client_bind) are a wish, kept across sessions: after
 * each AMQP_UP the client declares and binds all of them again and reports
 * AMQP_BOUND per exchange, or AMQP_BIND_FAILED with the broker's text; a
 * failed one is tried again with back-off by the client and never hurts the
 * consumer (own channel).  A broker may lose a binding that it has confirmed,
 * without a word; whoever suspects that has it made again
 * (amqp_client_renew).
 *
 * Consuming and publishing use separate connections, so that a publisher
 * blocked by the broker does not stop consumption.  A message is acknowledged
 * once the loop has called amqp_client_stored(): cumulative, lazily sent, so
 * that an isolated message costs no extra wake-up.
 *
 * Order of calls on the loop thread: create, start, then per turn
 * recv .. recv, stored, publish/bind/unbind, wait; destroy. */

#include "rpc/amqp_reason.h"
#include "sg/types.h"

struct amqp_broker {
    char *host;                 /* Name or address. */
    uint16_t port;
};

enum amqp_queue_kind {
    AMQP_QUEUE_EXCLUSIVE,       /* exclusive, auto-delete; agents. */
    AMQP_QUEUE_SHARED,          /* oslo's flags: durable=0, auto_delete=0. */
};

struct amqp_exchange_spec {
    char *name;
    char *type;                 /* "topic": durable=0, auto_delete=0;
                                 * "fanout": durable=0, auto_delete=1. */
    char *key;                  /* Routing key of the binding. */
};

/* What is made of each body before the loop gets it.  Called by the broker
 * thread, which sends no heartbeat meanwhile; so it must not wait, and must
 * not touch what the loop changes: 'aux' is for reading only and must outlive
 * the client.  Returns what 'decoded' of the event will be, not NULL, and says
 * in '*size' how many bytes of memory that takes. */
struct amqp_decoder {
    void *(*decode)(const void *body, size_t len, const void *aux,
                    size_t *size);      /* NULL: there is no decoder. */
    void (*destroy)(void *decoded);     /* Called by any thread. */
    const void *aux;
};

struct amqp_config {
    struct amqp_broker *brokers;
    size_t n_brokers;
    char *vhost, *user, *password;
    char *connection_name;      /* Shown by the broker's management. */
    char *queue;                /* '*' suffix: replaced by 8 random hex digits
                                 * for each session. */
    enum amqp_queue_kind queue_kind;
    uint64_t queue_max_bytes;   /* x-max-length-bytes, 0: none. */
    struct amqp_exchange_spec *bindings;    /* Declared and bound at once. */
    size_t n_bindings;
    uint16_t prefetch;          /* 0: none. */
    size_t max_body;            /* Larger bodies are refused from the content
                                 * header, before memory is taken. */
    struct amqp_decoder decoder;
    size_t max_in, max_out;     /* Bytes of the two queues; what comes in may
                                 * go beyond by one body.  What was decoded
                                 * counts with the body. */
    int heartbeat;              /* Seconds; a broker that is gone, in either
                                 * direction, is noticed in 1.3 times that. */
    int stage_timeout_ms;       /* Deadline of each stage of connecting. */
    int backoff_min_ms, backoff_max_ms;
    bool confirm;               /* Publish in confirm mode. */
};
void amqp_config_default(struct amqp_config *);

enum amqp_event_type {
    AMQP_NONE,
    AMQP_UP,                    /* 'queue' consumes; 'session' is new. */
    AMQP_DOWN,                  /* 'reason': stage and text.  'session' ended;
                                 * 0: an attempt to begin one failed (said
                                 * once per reason). */
    AMQP_BODY,
    AMQP_BOUND,                 /* 'exchange'. */
    AMQP_BIND_FAILED,           /* 'exchange', 'reason'. */
    AMQP_PUBLISH_FAILED,        /* 'exchange', 'routing_key', 'reason': not
                                 * confirmed, or returned.  For a fanout that
                                 * does not exist the reason is
                                 * AMQP_NO_EXCHANGE: nobody was listening. */
    AMQP_TOO_LARGE,             /* 'exchange': a body above max_body was
                                 * dropped; 'len' says how large. */
};
#define AMQP_NO_EXCHANGE "404"

/* All that an event points to, but for 'decoded', lies in one block with it:
 * copy what is to outlive amqp_event_uninit(). */
struct amqp_event {
    enum amqp_event_type type;
    uint64_t session;
    const char *exchange;       /* May be NULL. */
    const char *routing_key;    /* AMQP_BODY, AMQP_PUBLISH_FAILED. */
    const char *queue;          /* AMQP_UP. */
    const char *reason;
    const void *body;           /* Followed by a NUL. */
    size_t len;
    void *decoded;              /* AMQP_BODY: by the decoder; NULL: there is
                                 * none.  Goes with the event. */
    uint64_t delivery;          /* For amqp_client_stored/reject. */
    bool redelivered;
    long long int received_us;  /* CLOCK_MONOTONIC when it left the socket. */
    void *block;                /* Private. */
    void (*destroy)(void *decoded);     /* Private. */
};
void amqp_event_uninit(struct amqp_event *);

/* Where the session stands, for status. */
#define AMQP_STAGES                                                     \
    AMQP_STAGE(IDLE, "idle") AMQP_STAGE(BACKOFF, "backoff")             \
    AMQP_STAGE(RESOLVE, "resolve") AMQP_STAGE(CONNECT, "connect")       \
    AMQP_STAGE(LOGIN, "login") AMQP_STAGE(CHANNEL, "channel")           \
    AMQP_STAGE(DECLARE, "declare") AMQP_STAGE(BIND, "bind")             \
    AMQP_STAGE(CONSUME, "consume") AMQP_STAGE(UP, "up")
enum amqp_stage {
#define AMQP_STAGE(ENUM, NAME) AMQP_STAGE_##ENUM,
    AMQP_STAGES
#undef AMQP_STAGE
};
const char *amqp_stage_name(enum amqp_stage);

struct amqp_status {
    enum amqp_stage stage;
    uint64_t session;           /* Sessions begun. */
    char broker[80];            /* "host:port" in use or tried. */
    char queue[128];
    char last_error[256];       /* Of the last session or attempt. */
    bool blocked;               /* connection.blocked by the broker. */
    long long int blocked_ms;   /* For how long; 0 if it is not. */
    uint64_t refusals[MQ_N_REASONS];    /* By the broker, by name. */
    uint64_t received, received_bytes, published, confirmed, returned;
    uint64_t too_large, rejected;
    size_t in_bytes, out_bytes; /* Queued now. */
    size_t n_bindings, n_bound;
};

struct amqp_client;

/* Takes a copy of 'config'. */
struct amqp_client *amqp_client_create(const struct amqp_config *);
int amqp_client_start(struct amqp_client *) SG_MUST_USE;
/* Ends the thread (bounded by one stage deadline) and frees everything. */
void amqp_client_destroy(struct amqp_client *);

/* Next event, false if there is none now.  The caller uninits the event. */
bool amqp_client_recv(struct amqp_client *, struct amqp_event *);
/* Everything up to 'delivery' of 'session' is stored: may be acknowledged.
 * What is to be rejected is rejected first. */
void amqp_client_stored(struct amqp_client *, uint64_t session,
                        uint64_t delivery);
/* Reject one delivery without requeue (malformed body). */
void amqp_client_reject(struct amqp_client *, uint64_t session,
                        uint64_t delivery);

/* Takes ownership of 'body'.  EAGAIN if the queue is full or there is no
 * session: nothing was queued, body freed.  'exchange' "" is the default
 * exchange; 'declare' is NULL, "topic" or "fanout": declare the exchange with
 * oslo's flags before the first publish of the session. */
struct amqp_publish {
    const char *exchange;
    const char *declare;        /* A static string: the pointer is kept. */
    const char *routing_key;
    int64_t expiration_ms;      /* 0: none. */
    bool mandatory;
};
int amqp_client_publish(struct amqp_client *, const struct amqp_publish *,
                        void *body, size_t len) SG_MUST_USE;

/* Wish for / drop a binding of the queue to a fanout exchange. */
void amqp_client_bind(struct amqp_client *, const char *exchange);
void amqp_client_unbind(struct amqp_client *, const char *exchange);
/* Make a binding again that the broker may have lost: a permanent one, or one
 * that is wished for and stands; nothing happens for others.  AMQP_BOUND says
 * that it stands again.  Harmless if it was there. */
void amqp_client_renew(struct amqp_client *, const char *exchange);

void amqp_client_get_status(struct amqp_client *, struct amqp_status *);

/* Makes the poll loop wake up when there is an event. */
void amqp_client_wait(struct amqp_client *);

#endif /* rpc/amqp_client.h */
