/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include <config.h>
#include "rpc/amqp_consumer.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/binding_table.h"
#include "rpc/handover.h"
#include "util.h"

#define CONSUME_CHANNEL 1
#define BIND_CHANNEL 2

/* Messages handed over together while more are waiting in the library: often
 * enough to keep the loop busy, seldom enough that the lock costs nothing. */
#define HANDOVER_BATCH 64

/* A body from this on is decoded only when those before it have been handed
 * over: it may take as long as they are given. */
#define HANDOVER_BODY (16 * 1024)

/* Bytes of bodies and of what is made of them in one turn, and one body: a
 * hostile one takes up to 100 ms for each MB, and a turn ends with the
 * heartbeat. */
#define TURN_DECODE (1024 * 1024)

/* Messages in one turn, before the other connection gets its own. */
#define TURN_MESSAGES 512

/* Deliveries without ack at most, if the broker has no limit (prefetch 0). */
#define ACK_BATCH_UNLIMITED 512

/* Longest method of ours on the bind channel: exchange.declare and queue.bind
 * with two names and a key of up to 255 bytes each. */
#define BIND_METHODS_SIZE 2048

/* A frame of any acknowledgement is smaller. */
#define ACK_SIZE 64

/* Rejections sent in one go. */
#define REJECT_BATCH 64

enum content_state {
    CONTENT_NONE,               /* Next comes a method. */
    CONTENT_HEADER,             /* basic.deliver has come. */
    CONTENT_BODY,               /* Filling 'item', or skipping. */
};

enum bind_channel_state {
    BIND_CHANNEL_OPENING,
    BIND_CHANNEL_OPEN,
};

struct mq_consumer {
    struct mq_consumer_ends ends;
    struct mq_conn *conn;
    char *queue;
    uint64_t session;
    bool paused;                /* The inbox is full. */

    /* The message that is arriving. */
    enum content_state content;
    uint64_t tag;
    bool redelivered;
    char exchange[256], routing_key[256];   /* AMQP short strings. */
    size_t exchange_len, routing_key_len;
    struct inbox_item *item;    /* NULL: the body is not wanted. */
    uint64_t body_left;
    uint64_t n_decoded;         /* Bytes, in this turn. */

    struct ack_window acks;
    long long int ack_at;       /* LLONG_MAX: nothing to acknowledge. */

    enum bind_channel_state bind_state;
    bool bind_due;              /* The table may have something to do. */
    bool bind_waits;            /* Methods are in flight. */
    long long int bind_since;   /* Last answer, or when we began to wait. */
    long long int bind_retry_at;
};

unsigned int
mq_ack_batch(const struct amqp_config *config)
{
    return config->prefetch ? MAX(config->prefetch / 2, 1)
                            : ACK_BATCH_UNLIMITED;
}

struct mq_consumer *
mq_consumer_create(const struct mq_consumer_ends *ends)
{
    struct mq_consumer *m = xzalloc(sizeof *m);

    m->ends = *ends;
    m->conn = mq_conn_create(ends->counters, ends->quit);
    ack_window_init(&m->acks);
    m->ack_at = LLONG_MAX;
    m->bind_retry_at = LLONG_MAX;
    return m;
}

void
mq_consumer_destroy(struct mq_consumer *m)
{
    if (m) {
        mq_conn_destroy(m->conn);
        ack_window_uninit(&m->acks);
        free(m->item);
        free(m->queue);
        free(m);
    }
}

struct mq_conn *
mq_consumer_conn(struct mq_consumer *m)
{
    return m->conn;
}

/* Opens both channels. */
char *
mq_consumer_open(struct mq_consumer *m, long long int deadline)
{
    amqp_basic_qos_t qos = { .prefetch_count = m->ends.config->prefetch };
    char *error = mq_conn_open_channel(m->conn, CONSUME_CHANNEL, deadline);

    if (!error) {
        error = mq_conn_open_channel(m->conn, BIND_CHANNEL, deadline);
        m->bind_state = BIND_CHANNEL_OPEN;
    }
    return (error || !qos.prefetch_count ? error
            : mq_conn_rpc(m->conn, CONSUME_CHANNEL, AMQP_BASIC_QOS_METHOD,
                          &qos, AMQP_BASIC_QOS_OK_METHOD, deadline));
}

char *
mq_consumer_declare(struct mq_consumer *m, const char *queue,
                    long long int deadline)
{
    const struct amqp_config *config = m->ends.config;
    bool exclusive = config->queue_kind == AMQP_QUEUE_EXCLUSIVE;
    amqp_table_entry_t entry;
    amqp_queue_declare_t declare = {
        .queue = amqp_cstring_bytes(queue),
        .exclusive = exclusive,
        .auto_delete = exclusive,
        .arguments = { config->queue_max_bytes != 0, &entry },
    };

    entry.key = amqp_cstring_bytes("x-max-length-bytes");
    entry.value.kind = AMQP_FIELD_KIND_I64;
    entry.value.value.i64 = MIN(config->queue_max_bytes, INT64_MAX);

    free(m->queue);
    m->queue = xstrdup(queue);
    return mq_conn_rpc(m->conn, CONSUME_CHANNEL, AMQP_QUEUE_DECLARE_METHOD,
                       &declare, AMQP_QUEUE_DECLARE_OK_METHOD, deadline);
}

/* Declares the exchange of a permanent binding and binds the queue. */
static char *
bind_permanent(struct mq_consumer *m, const struct amqp_exchange_spec *spec,
               long long int deadline)
{
    amqp_queue_bind_t bind = {
        .queue = amqp_cstring_bytes(m->queue),
        .exchange = amqp_cstring_bytes(spec->name),
        .routing_key = amqp_cstring_bytes(spec->key),
    };
    char *error = mq_conn_declare(m->conn, CONSUME_CHANNEL, spec->name,
                                  spec->type, false);

    if (!error) {
        error = mq_conn_expect(m->conn, CONSUME_CHANNEL,
                               AMQP_EXCHANGE_DECLARE_OK_METHOD, deadline,
                               NULL);
    }
    return (error ? error
            : mq_conn_rpc(m->conn, CONSUME_CHANNEL, AMQP_QUEUE_BIND_METHOD,
                          &bind, AMQP_QUEUE_BIND_OK_METHOD, deadline));
}

char *
mq_consumer_bind(struct mq_consumer *m, long long int deadline)
{
    const struct amqp_config *config = m->ends.config;
    char *error = NULL;

    for (size_t i = 0; i < config->n_bindings && !error; i++) {
        error = bind_permanent(m, &config->bindings[i], deadline);
    }
    return error;
}

char *
mq_consumer_consume(struct mq_consumer *m, long long int deadline)
{
    amqp_basic_consume_t consume = {
        .queue = amqp_cstring_bytes(m->queue),
    };

    return mq_conn_rpc(m->conn, CONSUME_CHANNEL, AMQP_BASIC_CONSUME_METHOD,
                       &consume, AMQP_BASIC_CONSUME_OK_METHOD, deadline);
}

/* The session is up and has a number. */
void
mq_consumer_begin(struct mq_consumer *m, uint64_t session)
{
    m->session = session;
    atomic_store(m->ends.stored, mq_stored_pack(session, 0));
    atomic_store(m->ends.acked, mq_stored_pack(session, 0));
    m->bind_due = true;
}

/* --- Receiving ---------------------------------------------------------- */

static size_t
copy_short_string(char dst[256], amqp_bytes_t src)
{
    size_t len = MIN(src.len, 255);

    memcpy(dst, src.bytes, len);
    dst[len] = '\0';
    return len;
}

/* Appends 'src', whose NUL is copied as well, at '*pos'; returns where. */
static char *
append_string(char **pos, const char *src, size_t len)
{
    char *dst = memcpy(*pos, src, len + 1);

    *pos += len + 1;
    return dst;
}

static char *
send_reject(struct mq_consumer *m, uint64_t tag)
{
    amqp_basic_reject_t method = { .delivery_tag = tag, .requeue = false };

    mq_count(&m->ends.counters->rejected, 1);
    return mq_conn_send(m->conn, CONSUME_CHANNEL, AMQP_BASIC_REJECT_METHOD,
                        &method);
}

/* The message that is arriving is above the limit: its body will be skipped,
 * frame by frame, and nothing of it kept but the news. */
static char *
refuse_large(struct mq_consumer *m, uint64_t size)
{
    struct inbox_item *item = inbox_item_create(m->exchange_len + 1);
    char *pos = item->data;

    item->event.type = AMQP_TOO_LARGE;
    item->event.session = m->session;
    item->event.exchange = append_string(&pos, m->exchange, m->exchange_len);
    item->event.len = size;
    inbox_push(m->ends.inbox, item);
    mq_count(&m->ends.counters->too_large, 1);

    if (ack_window_is_full(&m->acks)) {
        return xstrdup("too many messages refused and none stored");
    }
    return ack_window_reject(&m->acks, m->tag) ? send_reject(m, m->tag) : NULL;
}

/* Has the decoder, if there is one, make something of the body. */
static void
decode(struct mq_consumer *m, struct inbox_item *item)
{
    const struct amqp_decoder *decoder = &m->ends.config->decoder;
    size_t size = 0;

    if (!decoder->decode) {
        return;
    }
    if (item->event.len >= HANDOVER_BODY) {
        inbox_flush(m->ends.inbox);
    }
    item->event.decoded = decoder->decode(item->event.body, item->event.len,
                                          decoder->aux, &size);
    item->event.destroy = decoder->destroy;
    item->size += size;
    m->n_decoded += item->size;
}

/* All of the body is there. */
static void
finish_message(struct mq_consumer *m)
{
    struct inbox_item *item = m->item;

    m->content = CONTENT_NONE;
    if (item) {
        char *body = item->data;

        body[item->event.len] = '\0';
        m->item = NULL;
        item->event.received_us = mq_now_us();
        mq_count(&m->ends.counters->received, 1);
        mq_count(&m->ends.counters->received_bytes, item->event.len);
        ack_window_hand(&m->acks, m->tag);
        decode(m, item);
        inbox_push(m->ends.inbox, item);
    }
}

/* A content header: now the size is known, and only now there is memory. */
static char *
take_header(struct mq_consumer *m, uint64_t size)
{
    struct inbox_item *item;
    char *pos;

    m->content = CONTENT_BODY;
    m->body_left = size;
    if (size > m->ends.config->max_body) {
        return refuse_large(m, size);
    }

    item = inbox_item_create(size + 1
                             + m->exchange_len + 1 + m->routing_key_len + 1);
    pos = item->data + size + 1;
    item->event.type = AMQP_BODY;
    item->event.session = m->session;
    item->event.delivery = m->tag;
    item->event.redelivered = m->redelivered;
    item->event.body = item->data;
    item->event.len = size;
    item->event.exchange = append_string(&pos, m->exchange, m->exchange_len);
    item->event.routing_key = append_string(&pos, m->routing_key,
                                            m->routing_key_len);
    m->item = item;
    return NULL;
}

/* A frame of the body. */
static char *
take_body(struct mq_consumer *m, amqp_bytes_t part)
{
    if (part.len > m->body_left) {
        return xstrdup("a body is longer than announced");
    }
    if (m->item) {
        memcpy(&m->item->data[m->item->event.len - m->body_left], part.bytes,
               part.len);
    }
    m->body_left -= part.len;
    return NULL;
}

static const char impossible_order[] = "frames in an impossible order";

static char *
take_consume_method(struct mq_consumer *m, const amqp_method_t *method)
{
    switch (method->id) {
    case AMQP_BASIC_DELIVER_METHOD: {
        const amqp_basic_deliver_t *d = method->decoded;

        if (m->content != CONTENT_NONE) {
            return xstrdup(impossible_order);
        }
        m->content = CONTENT_HEADER;
        m->tag = d->delivery_tag;
        m->redelivered = d->redelivered;
        m->exchange_len = copy_short_string(m->exchange, d->exchange);
        m->routing_key_len = copy_short_string(m->routing_key,
                                               d->routing_key);
        return NULL;
    }
    case AMQP_BASIC_CANCEL_METHOD:
        return xstrdup("the broker has cancelled the consumer: the queue was "
                       "deleted or moved");

    case AMQP_CHANNEL_CLOSE_METHOD: {
        const amqp_channel_close_t *c = method->decoded;

        return mq_refusal(m->conn, c->reply_code, c->reply_text);
    }
    default:
        return NULL;
    }
}

/* A frame on the channel that consumes: method, header, body, body ... */
static char *
take_consume_frame(struct mq_consumer *m, const amqp_frame_t *frame)
{
    char *error;

    if (m->content == CONTENT_NONE
        && frame->frame_type == AMQP_FRAME_METHOD) {
        return take_consume_method(m, &frame->payload.method);
    } else if (m->content == CONTENT_HEADER
               && frame->frame_type == AMQP_FRAME_HEADER) {
        error = take_header(m, frame->payload.properties.body_size);
    } else if (m->content == CONTENT_BODY
               && frame->frame_type == AMQP_FRAME_BODY) {
        error = take_body(m, frame->payload.body_fragment);
    } else if (frame->frame_type == AMQP_FRAME_METHOD
               && frame->payload.method.id == AMQP_CHANNEL_CLOSE_METHOD) {
        /* This alone may come in the middle of a content. */
        return take_consume_method(m, &frame->payload.method);
    } else {
        return xstrdup(impossible_order);
    }
    if (!error && !m->body_left) {
        finish_message(m);
    }
    return error;
}

/* --- Bindings ----------------------------------------------------------- */

static void
push_bind_event(struct mq_consumer *m, enum amqp_event_type type,
                const char *exchange, const char *reason)
{
    size_t exchange_len = strlen(exchange), reason_len = strlen(reason);
    struct inbox_item *item = inbox_item_create(exchange_len + 1
                                                + reason_len + 1);
    char *pos = item->data;

    item->event.type = type;
    item->event.session = m->session;
    item->event.exchange = append_string(&pos, exchange, exchange_len);
    item->event.reason = append_string(&pos, reason, reason_len);
    inbox_push(m->ends.inbox, item);
}

/* Remembers of the binding table what mq_consumer_wait() needs, so that a turn
 * without bindings takes no lock. */
static void
unlock_bindings(struct mq_consumer *m)
{
    m->bind_waits = binding_table_in_flight(m->ends.bindings) > 0;
    m->bind_retry_at = binding_table_next_time(m->ends.bindings);
    ovs_mutex_unlock(m->ends.mutex);
}

static char *
take_bind_ok(struct mq_consumer *m, enum binding_method method,
             long long int now)
{
    const char *bound;
    bool ok;

    ovs_mutex_lock(m->ends.mutex);
    ok = binding_table_ok(m->ends.bindings, method, &bound);
    if (ok && bound) {
        push_bind_event(m, AMQP_BOUND, bound, "");
    }
    unlock_bindings(m);
    m->bind_since = now;
    m->bind_due = true;
    return ok ? NULL : xstrdup("an answer to no question of ours");
}

/* The broker has refused a binding: the channel is opened anew, and what was
 * lost behind the culprit will be sent again. */
static char *
reopen_bind_channel(struct mq_consumer *m, const amqp_channel_close_t *close,
                    long long int now)
{
    char *reason = mq_refusal(m->conn, close->reply_code, close->reply_text);
    amqp_channel_close_ok_t close_ok = { .dummy = 0 };
    amqp_channel_open_t open = { .out_of_band = amqp_empty_bytes };
    const char *culprit;
    char *error;
    bool ours;

    if (mq_reason_remedy(close->reply_code, MQ_AT_BINDING) != MQ_BIND_LATER) {
        return reason;
    }
    ovs_mutex_lock(m->ends.mutex);
    ours = binding_table_closed(m->ends.bindings, now, &culprit);
    if (ours && culprit) {
        push_bind_event(m, AMQP_BIND_FAILED, culprit, reason);
    }
    unlock_bindings(m);
    if (!ours) {
        return reason;
    }
    free(reason);

    error = mq_conn_send(m->conn, BIND_CHANNEL, AMQP_CHANNEL_CLOSE_OK_METHOD,
                         &close_ok);
    if (!error) {
        error = mq_conn_send(m->conn, BIND_CHANNEL, AMQP_CHANNEL_OPEN_METHOD,
                             &open);
    }
    m->bind_state = BIND_CHANNEL_OPENING;
    m->bind_since = now;
    return error;
}

static char *
take_bind_frame(struct mq_consumer *m, const amqp_frame_t *frame,
                long long int now)
{
    if (frame->frame_type != AMQP_FRAME_METHOD) {
        return NULL;
    }
    switch (frame->payload.method.id) {
    case AMQP_EXCHANGE_DECLARE_OK_METHOD:
        return take_bind_ok(m, BINDING_DECLARE_OK, now);

    case AMQP_QUEUE_BIND_OK_METHOD:
        return take_bind_ok(m, BINDING_BIND_OK, now);

    case AMQP_QUEUE_UNBIND_OK_METHOD:
        return take_bind_ok(m, BINDING_UNBIND_OK, now);

    case AMQP_CHANNEL_OPEN_OK_METHOD:
        m->bind_state = BIND_CHANNEL_OPEN;
        m->bind_due = true;
        return NULL;

    case AMQP_CHANNEL_CLOSE_METHOD:
        return reopen_bind_channel(m, frame->payload.method.decoded, now);

    default:
        return NULL;
    }
}

/* A permanent binding that is renewed is what the configuration says; all
 * others are to fanouts. */
static char *
send_bind(struct mq_consumer *m, const char *exchange)
{
    const struct amqp_config *config = m->ends.config;
    const char *type = "fanout";
    amqp_queue_bind_t bind = {
        .queue = amqp_cstring_bytes(m->queue),
        .exchange = amqp_cstring_bytes(exchange),
    };
    char *error;

    for (size_t i = 0; i < config->n_bindings; i++) {
        if (!strcmp(config->bindings[i].name, exchange)) {
            type = config->bindings[i].type;
            bind.routing_key = amqp_cstring_bytes(config->bindings[i].key);
        }
    }
    error = mq_conn_declare(m->conn, BIND_CHANNEL, exchange, type, false);

    return error ? error : mq_conn_send(m->conn, BIND_CHANNEL,
                                        AMQP_QUEUE_BIND_METHOD, &bind);
}

static char *
send_unbind(struct mq_consumer *m, const char *exchange)
{
    amqp_queue_unbind_t unbind = {
        .queue = amqp_cstring_bytes(m->queue),
        .exchange = amqp_cstring_bytes(exchange),
    };

    return mq_conn_send(m->conn, BIND_CHANNEL, AMQP_QUEUE_UNBIND_METHOD,
                        &unbind);
}

/* Does what the binding table wants to be done next; '*more' becomes false if
 * there is nothing.  The loop may want the lock, so it is not held while
 * something is sent. */
static char *
send_next_binding(struct mq_consumer *m, long long int now, bool *more)
{
    char exchange[256];         /* An AMQP short string. */
    enum binding_action action;
    const char *name;

    ovs_mutex_lock(m->ends.mutex);
    action = binding_table_next(m->ends.bindings, now, &name);
    if (action != BINDING_NOTHING) {
        ovs_strlcpy(exchange, name, sizeof exchange);
    }
    unlock_bindings(m);

    switch (action) {
    case BINDING_NOTHING:
        *more = false;
        return NULL;
    case BINDING_BIND:
        return send_bind(m, exchange);
    case BINDING_UNBIND:
        return send_unbind(m, exchange);
    case BINDING_ANNOUNCE:
        push_bind_event(m, AMQP_BOUND, exchange, "");
        return NULL;
    }
    OVS_NOT_REACHED();
}

/* Sends what the binding table wants to be done. */
static char *
send_bindings(struct mq_consumer *m, long long int now)
{
    bool more = true;
    char *error = NULL;

    if (m->bind_state != BIND_CHANNEL_OPEN) {
        return NULL;
    }
    if (!m->bind_waits) {
        m->bind_since = now;
    }
    while (!error && more && mq_conn_may_send(m->conn, BIND_METHODS_SIZE)) {
        error = send_next_binding(m, now, &more);
    }
    m->bind_due = more;
    return error;
}

/* The loop has changed its wishes. */
void
mq_consumer_bindings_changed(struct mq_consumer *m)
{
    m->bind_due = true;
}

/* Works on the bindings, if there is anything to do. */
static char *
run_bindings(struct mq_consumer *m, long long int now)
{
    bool waits = m->bind_waits || m->bind_state == BIND_CHANNEL_OPENING;

    if (waits && !m->paused
        && now - m->bind_since > m->ends.config->stage_timeout_ms) {
        return xstrdup("the broker does not answer about a binding");
    }
    if (now >= m->bind_retry_at) {
        /* Even if nothing can be sent now, it is time only once. */
        m->bind_due = true;
        m->bind_retry_at = LLONG_MAX;
    }
    return m->bind_due ? send_bindings(m, now) : NULL;
}

/* --- Acknowledging ------------------------------------------------------ */

/* Sends the rejections that the loop has asked for. */
static char *
send_rejects(struct mq_consumer *m)
{
    uint64_t tags[REJECT_BATCH];
    char *error = NULL;
    size_t n;

    do {
        n = outbox_take_rejects(m->ends.outbox, tags, REJECT_BATCH);
        for (size_t i = 0; i < n && !error; i++) {
            if (ack_window_reject(&m->acks, tags[i])) {
                error = send_reject(m, tags[i]);
            }
        }
    } while (n == REJECT_BATCH && !error);
    return error;
}

/* Acknowledges what is stored, if it is time to or if 'all'. */
char *
mq_consumer_ack(struct mq_consumer *m, bool all, long long int now)
{
    uint64_t stored = atomic_load(m->ends.stored);
    uint64_t tag = stored & (mq_stored_pack(1, 0) - 1);
    amqp_basic_ack_t ack = { .multiple = true };
    char *error;

    if (!ack_window_is_pending(&m->acks)) {
        m->ack_at = LLONG_MAX;
        return NULL;
    }
    m->ack_at = MIN(m->ack_at, now + MQ_ACK_MS);
    if (!all && now < m->ack_at
        && tag < m->acks.done + mq_ack_batch(m->ends.config)) {
        return NULL;
    }
    m->ack_at = now + MQ_ACK_MS;
    if (!mq_conn_may_send(m->conn, ACK_SIZE)) {
        return NULL;
    }

    /* 'stored' was read first: what the loop rejects at or below it has been
     * asked for before, and is sent before. */
    error = send_rejects(m);
    if (error) {
        return error;
    }
    ack.delivery_tag = ack_window_ack(&m->acks, tag);
    atomic_store(m->ends.acked, mq_stored_pack(m->session, m->acks.done));
    if (!ack_window_is_pending(&m->acks)) {
        m->ack_at = LLONG_MAX;
    }
    return ack.delivery_tag
           ? mq_conn_send(m->conn, CONSUME_CHANNEL, AMQP_BASIC_ACK_METHOD,
                          &ack)
           : NULL;
}

/* --- Turns -------------------------------------------------------------- */

static char *
take_frame(struct mq_consumer *m, const amqp_frame_t *frame,
           long long int now)
{
    return (frame->channel == CONSUME_CHANNEL ? take_consume_frame(m, frame)
            : frame->channel == BIND_CHANNEL ? take_bind_frame(m, frame, now)
            : mq_conn_control(m->conn, frame));
}

/* Takes what the connection has, as far as there is room for it.  'readable'
 * is what poll() said. */
static char *
receive(struct mq_consumer *m, bool readable, long long int now)
{
    struct mq_conn *c = m->conn;
    int n_frames = 0, n = 0;
    char *error = NULL;

    m->paused = false;
    m->n_decoded = 0;
    if (!readable && !mq_conn_has_buffered(c)) {
        return NULL;
    }
    do {
        amqp_frame_t frame;
        bool got;

        if (m->content == CONTENT_NONE && !inbox_has_room(m->ends.inbox)) {
            m->paused = true;
            mq_conn_not_listening(c, now);
            return NULL;
        }
        error = mq_conn_read(c, now, &frame, &got);
        if (error || !got) {
            break;
        }
        error = take_frame(m, &frame, now);
        if (frame.channel == CONSUME_CHANNEL && m->content == CONTENT_NONE
            && ++n % HANDOVER_BATCH == 0) {
            inbox_flush(m->ends.inbox);
        }
    } while (!error && n < TURN_MESSAGES && ++n_frames < MQ_TURN_FRAMES
             && m->n_decoded < TURN_DECODE
             && mq_conn_has_buffered(c));
    return error;
}

/* One turn, without waiting.  What it has for the loop is handed over. */
char *
mq_consumer_run(struct mq_consumer *m, bool readable, long long int now)
{
    char *error = receive(m, readable, now);

    inbox_flush(m->ends.inbox);
    if (!error) {
        error = mq_conn_tend(m->conn, now);
    }
    if (!error) {
        error = run_bindings(m, now);
        inbox_flush(m->ends.inbox);
    }
    return error ? error : mq_consumer_ack(m, false, now);
}

/* Lowers '*wake_at' to when there is something to do without anything having
 * arrived.  Returns true if the socket should be polled for reading. */
bool
mq_consumer_wait(const struct mq_consumer *m, long long int now,
                 long long int *wake_at)
{
    *wake_at = MIN(*wake_at, MIN(m->bind_retry_at, m->ack_at));
    *wake_at = MIN(*wake_at, mq_conn_next_time(m->conn));
    if (m->bind_due && m->bind_state == BIND_CHANNEL_OPEN) {
        *wake_at = MIN(*wake_at, now + MQ_UNSENT_RETRY_MS);
    }
    if (m->bind_waits || m->bind_state == BIND_CHANNEL_OPENING) {
        *wake_at = MIN(*wake_at, m->bind_since
                       + m->ends.config->stage_timeout_ms + 1);
    }
    if (!m->paused && mq_conn_has_buffered(m->conn)) {
        *wake_at = now;
    }
    return !m->paused;
}
