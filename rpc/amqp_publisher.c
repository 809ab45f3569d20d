/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include <config.h>
#include "rpc/amqp_publisher.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/amqp_consumer.h"
#include "rpc/handover.h"
#include "rpc/publish_window.h"
#include "sset.h"
#include "util.h"

#define PUBLISH_CHANNEL 1

/* Exchanges that we remember to have declared; more than there are groups. */
#define MAX_DECLARED 16384

/* Methods and header of a message: two names, a key and properties. */
#define PUBLISH_OVERHEAD 1024

/* Of a frame: type, channel, length and end mark. */
#define FRAME_OVERHEAD 8

enum publisher_state {
    PUBLISHER_OPENING,
    PUBLISHER_SELECTING,
    PUBLISHER_READY,
};

struct mq_publisher {
    const struct amqp_config *config;
    struct inbox *inbox;
    struct outbox *outbox;
    struct mq_counters *counters;
    struct mq_conn *conn;
    uint64_t session;

    enum publisher_state state;
    struct sset declared;       /* Exchanges, on this channel. */
    struct ovs_list queue;      /* struct outgoing, to be sent. */
    struct publish_window window;
    struct ovs_list settled;    /* Sent, not in confirm mode. */

    /* The message that is being sent, in 'window' or 'settled'. */
    struct outgoing *current;
    size_t current_sent;        /* Bytes of its body. */

    long long int moved_at;     /* Last sign that the broker works. */
};

struct mq_publisher *
mq_publisher_create(const struct amqp_config *config, struct inbox *inbox,
                    struct outbox *outbox, struct mq_counters *counters,
                    const atomic_bool *quit)
{
    struct mq_publisher *p = xzalloc(sizeof *p);

    p->config = config;
    p->inbox = inbox;
    p->outbox = outbox;
    p->counters = counters;
    p->conn = mq_conn_create(counters, quit);
    sset_init(&p->declared);
    ovs_list_init(&p->queue);
    ovs_list_init(&p->settled);
    publish_window_init(&p->window);
    return p;
}

void
mq_publisher_destroy(struct mq_publisher *p)
{
    if (p) {
        mq_conn_destroy(p->conn);
        sset_destroy(&p->declared);
        outgoing_list_destroy(&p->queue);
        outgoing_list_destroy(&p->settled);
        publish_window_uninit(&p->window);
        free(p);
    }
}

struct mq_conn *
mq_publisher_conn(struct mq_publisher *p)
{
    return p->conn;
}

char *
mq_publisher_open(struct mq_publisher *p, long long int deadline)
{
    amqp_confirm_select_t select = { .nowait = false };
    char *error = mq_conn_open_channel(p->conn, PUBLISH_CHANNEL, deadline);

    if (!error && p->config->confirm) {
        error = mq_conn_rpc(p->conn, PUBLISH_CHANNEL,
                            AMQP_CONFIRM_SELECT_METHOD, &select,
                            AMQP_CONFIRM_SELECT_OK_METHOD, deadline);
    }
    p->state = PUBLISHER_READY;
    return error;
}

void
mq_publisher_begin(struct mq_publisher *p, uint64_t session)
{
    p->session = session;
}

/* --- What becomes of a message ------------------------------------------ */

static void
push_failure(struct mq_publisher *p, const char *exchange,
             const char *routing_key, const char *reason)
{
    size_t exchange_size = strlen(exchange) + 1;
    size_t key_size = strlen(routing_key) + 1;
    size_t reason_size = strlen(reason) + 1;
    struct inbox_item *item = inbox_item_create(exchange_size + key_size
                                                + reason_size);
    char *pos = item->data;

    item->event.type = AMQP_PUBLISH_FAILED;
    item->event.session = p->session;
    item->event.exchange = memcpy(pos, exchange, exchange_size);
    pos += exchange_size;
    item->event.routing_key = memcpy(pos, routing_key, key_size);
    pos += key_size;
    item->event.reason = memcpy(pos, reason, reason_size);
    inbox_push(p->inbox, item);
}

static void
settle(struct mq_publisher *p, struct outgoing *out)
{
    outbox_release(p->outbox, out->size);
    outgoing_destroy(out);
}

/* Is the message that is being sent among those confirmed? */
static bool
covers_current(const struct mq_publisher *p, uint64_t tag, bool multiple)
{
    return (p->current
            && (multiple ? !tag || tag >= p->current->tag
                         : tag == p->current->tag));
}

/* The broker has confirmed, or refused, up to or exactly 'tag'. */
static char *
take_confirm(struct mq_publisher *p, uint64_t tag, bool multiple,
             bool refused, long long int now)
{
    struct ovs_list done = OVS_LIST_INITIALIZER(&done);
    struct outgoing *out;

    if (covers_current(p, tag, multiple)) {
        return xstrdup("a message was confirmed before all of it was sent");
    }
    publish_window_confirm(&p->window, tag, multiple, &done);
    LIST_FOR_EACH_POP (out, node, &done) {
        if (refused) {
            push_failure(p, out->exchange, out->routing_key,
                         "refused by the broker");
        } else if (!out->failed) {
            mq_count(&p->counters->confirmed, 1);
        }
        settle(p, out);
    }
    p->moved_at = now;
    return NULL;
}

/* A mandatory message that no queue took.  Its content follows and is of no
 * interest; its confirm follows as well.  What we did not send, or has come
 * back before, is not worth the loop's time. */
static void
take_return(struct mq_publisher *p, const amqp_basic_return_t *m)
{
    char *exchange = mq_text(m->exchange);
    char *routing_key = mq_text(m->routing_key);
    char *reason = mq_refusal(p->conn, m->reply_code, m->reply_text);
    struct outgoing *out = publish_window_find(&p->window, exchange,
                                               routing_key);

    if (out) {
        out->failed = true;
        push_failure(p, exchange, routing_key, reason);
    }
    mq_count(&p->counters->returned, 1);
    free(exchange);
    free(routing_key);
    free(reason);
}

/* The broker has closed the channel: report the culprit, send the others
 * again on a new one. */
static char *
take_close(struct mq_publisher *p, const amqp_channel_close_t *m,
           long long int now)
{
    amqp_channel_close_ok_t close_ok = { .dummy = 0 };
    amqp_channel_open_t open = { .out_of_band = amqp_empty_bytes };
    struct ovs_list again = OVS_LIST_INITIALIZER(&again);
    char *text = mq_refusal(p->conn, m->reply_code, m->reply_text);
    enum mq_remedy remedy = mq_reason_remedy(m->reply_code, MQ_AT_PUBLISH);
    const char *reason = (remedy == MQ_NOBODY_LISTENS
                          ? AMQP_NO_EXCHANGE : text);
    struct outgoing *culprit, *out;
    char *error;

    if (remedy == MQ_NEW_SESSION) {
        return text;
    }
    culprit = publish_window_closed(&p->window, text, &again);
    if (culprit) {
        push_failure(p, culprit->exchange, culprit->routing_key, reason);
        settle(p, culprit);
    } else if (p->config->confirm) {
        return text;            /* Not for anything that we published. */
    } else {
        push_failure(p, "", "", reason);
    }
    free(text);

    /* In front of what has not been sent at all. */
    ovs_list_push_back_all(&again, &p->queue);
    ovs_list_push_back_all(&p->queue, &again);
    LIST_FOR_EACH_POP (out, node, &p->settled) {
        settle(p, out);
    }
    p->current = NULL;
    sset_clear(&p->declared);

    p->state = PUBLISHER_OPENING;
    p->moved_at = now;
    error = mq_conn_send(p->conn, PUBLISH_CHANNEL,
                         AMQP_CHANNEL_CLOSE_OK_METHOD, &close_ok);
    return error ? error : mq_conn_send(p->conn, PUBLISH_CHANNEL,
                                        AMQP_CHANNEL_OPEN_METHOD, &open);
}

static char *
take_method(struct mq_publisher *p, const amqp_method_t *method,
            long long int now)
{
    switch (method->id) {
    case AMQP_BASIC_ACK_METHOD: {
        const amqp_basic_ack_t *m = method->decoded;

        return take_confirm(p, m->delivery_tag, m->multiple, false, now);
    }
    case AMQP_BASIC_NACK_METHOD: {
        const amqp_basic_nack_t *m = method->decoded;

        return take_confirm(p, m->delivery_tag, m->multiple, true, now);
    }
    case AMQP_BASIC_RETURN_METHOD:
        take_return(p, method->decoded);
        return NULL;

    case AMQP_CHANNEL_CLOSE_METHOD:
        return take_close(p, method->decoded, now);

    case AMQP_CHANNEL_OPEN_OK_METHOD:
        p->moved_at = now;
        if (p->config->confirm) {
            amqp_confirm_select_t m = { .nowait = false };

            p->state = PUBLISHER_SELECTING;
            return mq_conn_send(p->conn, PUBLISH_CHANNEL,
                                AMQP_CONFIRM_SELECT_METHOD, &m);
        }
        p->state = PUBLISHER_READY;
        return NULL;

    case AMQP_CONFIRM_SELECT_OK_METHOD:
        p->moved_at = now;
        p->state = PUBLISHER_READY;
        return NULL;

    default:
        return NULL;
    }
}

static char *
take_frame(struct mq_publisher *p, const amqp_frame_t *frame,
           long long int now)
{
    if (frame->channel != PUBLISH_CHANNEL) {
        return mq_conn_control(p->conn, frame);
    } else if (frame->frame_type == AMQP_FRAME_METHOD) {
        return take_method(p, &frame->payload.method, now);
    }
    /* Only the content of a returned message comes here.  It has no more
     * effect than to be passed over. */
    return NULL;
}

static char *
receive(struct mq_publisher *p, bool readable, long long int now)
{
    struct mq_conn *c = p->conn;
    char *error = NULL;
    int n_frames = 0;

    if (!readable && !mq_conn_has_buffered(c)) {
        return NULL;
    }
    do {
        amqp_frame_t frame;
        bool got;

        error = mq_conn_read(c, now, &frame, &got);
        if (error || !got) {
            break;
        }
        error = take_frame(p, &frame, now);
    } while (!error && ++n_frames < MQ_TURN_FRAMES
             && mq_conn_has_buffered(c));
    return error;
}

/* --- Sending ------------------------------------------------------------ */

/* The properties that oslo.messaging sets.  'expiration' has room for any
 * number. */
static void
set_properties(const struct outgoing *out, char expiration[21],
               amqp_basic_properties_t *props)
{
    memset(props, 0, sizeof *props);
    props->_flags = (AMQP_BASIC_CONTENT_TYPE_FLAG
                     | AMQP_BASIC_CONTENT_ENCODING_FLAG
                     | AMQP_BASIC_HEADERS_FLAG
                     | AMQP_BASIC_DELIVERY_MODE_FLAG
                     | AMQP_BASIC_PRIORITY_FLAG);
    props->content_type = amqp_cstring_bytes("application/json");
    props->content_encoding = amqp_cstring_bytes("utf-8");
    props->headers = amqp_empty_table;
    props->delivery_mode = AMQP_DELIVERY_PERSISTENT;
    props->priority = 0;
    if (out->expiration_ms > 0) {
        snprintf(expiration, 21, "%"PRId64, out->expiration_ms);
        props->_flags |= AMQP_BASIC_EXPIRATION_FLAG;
        props->expiration = amqp_cstring_bytes(expiration);
    }
}

/* Sends the method and the header of 'out', and all of a body that fits one
 * frame.  The library does that in one packet. */
static char *
send_head(struct mq_publisher *p, const struct outgoing *out)
{
    amqp_bytes_t exchange = amqp_cstring_bytes(out->exchange);
    amqp_bytes_t routing_key = amqp_cstring_bytes(out->routing_key);
    amqp_basic_properties_t props;
    char expiration[21];
    char *error;
    int status;

    set_properties(out, expiration, &props);
    if (out->len <= MQ_CHUNK) {
        const amqp_bytes_t body = { out->len, out->body };

        status = amqp_basic_publish(p->conn->state, PUBLISH_CHANNEL, exchange,
                                    routing_key, out->mandatory, false,
                                    &props, body);
    } else {
        amqp_basic_publish_t method = {
            .exchange = exchange, .routing_key = routing_key,
            .mandatory = out->mandatory,
        };
        amqp_frame_t header = {
            .frame_type = AMQP_FRAME_HEADER, .channel = PUBLISH_CHANNEL,
        };

        error = mq_conn_send(p->conn, PUBLISH_CHANNEL,
                             AMQP_BASIC_PUBLISH_METHOD, &method);
        if (error) {
            return error;
        }
        header.payload.properties.class_id = AMQP_BASIC_CLASS;
        header.payload.properties.body_size = out->len;
        header.payload.properties.decoded = &props;
        status = amqp_send_frame(p->conn->state, &header);
    }
    return status == AMQP_STATUS_OK ? NULL : mq_status_error(status);
}

/* Sends the next piece of the body of 'current'. */
static char *
send_chunk(struct mq_publisher *p)
{
    struct outgoing *out = p->current;
    amqp_frame_t frame = {
        .frame_type = AMQP_FRAME_BODY, .channel = PUBLISH_CHANNEL,
    };
    size_t max = MIN(MQ_CHUNK, amqp_get_frame_max(p->conn->state)
                     - FRAME_OVERHEAD);
    size_t len = MIN(out->len - p->current_sent, max);
    int status;

    frame.payload.body_fragment.bytes = (char *) out->body + p->current_sent;
    frame.payload.body_fragment.len = len;
    status = amqp_send_frame(p->conn->state, &frame);
    if (status != AMQP_STATUS_OK) {
        return mq_status_error(status);
    }
    p->current_sent += len;
    if (p->current_sent >= out->len) {
        p->current = NULL;
    }
    return NULL;
}

/* Declares the exchange of 'out' if it asks for that and it has not been done
 * on this channel.  The broker does not answer; if it refuses, it closes the
 * channel with the name of the exchange. */
static char *
declare(struct mq_publisher *p, const struct outgoing *out)
{
    if (!out->declare || sset_contains(&p->declared, out->exchange)) {
        return NULL;
    }
    if (sset_count(&p->declared) >= MAX_DECLARED) {
        sset_clear(&p->declared);
    }
    sset_add(&p->declared, out->exchange);
    return mq_conn_declare(p->conn, PUBLISH_CHANNEL, out->exchange,
                           out->declare, true);
}

/* Begins to send the first message of the queue. */
static char *
send_next(struct mq_publisher *p)
{
    struct outgoing *out = CONTAINER_OF(ovs_list_pop_front(&p->queue),
                                        struct outgoing, node);
    char *error;

    if (p->config->confirm) {
        publish_window_sent(&p->window, out);
    } else {
        ovs_list_push_back(&p->settled, &out->node);
    }
    error = declare(p, out);
    if (!error) {
        error = send_head(p, out);
    }
    if (!error) {
        mq_count(&p->counters->published, 1);
        p->current = out->len > MQ_CHUNK ? out : NULL;
        p->current_sent = 0;
    }
    return error;
}

/* Nobody will say anything about what was sent without confirm mode. */
static void
forget_settled(struct mq_publisher *p)
{
    struct outgoing *out;

    if (!p->current) {
        LIST_FOR_EACH_POP (out, node, &p->settled) {
            settle(p, out);
        }
    }
}

static bool
may_publish(const struct mq_publisher *p)
{
    return (p->state == PUBLISHER_READY
            && !p->conn->blocked
            && (p->current || (!ovs_list_is_empty(&p->queue)
                               && !publish_window_is_full(&p->window))));
}

static char *
send_all(struct mq_publisher *p, long long int now)
{
    char *error = NULL;

    while (!error && may_publish(p)
           && mq_conn_may_send(p->conn, MQ_CHUNK + PUBLISH_OVERHEAD)) {
        error = p->current ? send_chunk(p) : send_next(p);
        p->moved_at = MAX(p->moved_at, now);
    }
    forget_settled(p);
    return error;
}

/* Is the broker to do something for us: read, confirm, open a channel? */
static bool
expects_progress(const struct mq_publisher *p)
{
    return (!p->conn->blocked
            && (p->state != PUBLISHER_READY || p->window.n || may_publish(p)));
}

/* One turn, without waiting.  'work': there may be something new in the
 * outbox. */
char *
mq_publisher_run(struct mq_publisher *p, bool readable, bool work,
                 long long int now)
{
    bool idle = !expects_progress(p);
    char *error;

    if (work) {
        outbox_take(p->outbox, &p->queue);
    }
    if (idle) {
        p->moved_at = now;
    }
    error = receive(p, readable, now);
    if (!error) {
        error = mq_conn_tend(p->conn, now);
    }
    if (!error) {
        error = send_all(p, now);
    }
    inbox_flush(p->inbox);
    if (!error && expects_progress(p)
        && now - p->moved_at > MQ_PUBLISH_STALL_MS) {
        error = xstrdup("stalled: the broker takes and confirms nothing");
    }
    return error;
}

/* Lowers '*wake_at' to when there is something to do without anything having
 * arrived. */
void
mq_publisher_wait(const struct mq_publisher *p, long long int now,
                  long long int *wake_at)
{
    *wake_at = MIN(*wake_at, mq_conn_next_time(p->conn));
    if (may_publish(p)) {
        *wake_at = MIN(*wake_at, now + MQ_UNSENT_RETRY_MS);
    } else if (expects_progress(p)) {
        *wake_at = MIN(*wake_at, p->moved_at + MQ_PUBLISH_STALL_MS + 1);
    }
    if (mq_conn_has_buffered(p->conn)) {
        *wake_at = now;
    }
}
