/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include <config.h>
#include "rpc/amqp_conn.h"

#include <amqp_tcp_socket.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#include "openvswitch/dynamic-string.h"
#include "util.h"

/* What a broker offers by default.  A body frame is at most this long. */
#define FRAME_MAX 131072

/* Text of the broker that goes into a reason. */
#define MAX_TEXT 200

/* The kernel's own accounting adds up to as much again for small packets;
 * with this much, what mq_conn_may_send() allows always fits. */
#define SEND_BUFFER (4 * MQ_MAX_UNSENT)

long long int
mq_now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000LL + ts.tv_nsec / 1000;
}

long long int
mq_now(void)
{
    return mq_now_us() / 1000;
}

/* The library wants a relative time, at least zero. */
static struct timeval
time_until(long long int deadline)
{
    long long int left = MAX(deadline - mq_now(), 0);

    return (struct timeval) {
        .tv_sec = left / 1000,
        .tv_usec = left % 1000 * 1000,
    };
}

struct mq_conn *
mq_conn_create(void)
{
    struct mq_conn *c = xzalloc(sizeof *c);

    c->fd = -1;
    c->state = amqp_new_connection();
    if (!c->state) {
        out_of_memory();
    }
    return c;
}

/* Closes the socket as well. */
void
mq_conn_destroy(struct mq_conn *c)
{
    if (c) {
        amqp_destroy_connection(c->state);
        free(c);
    }
}

/* Sets what the library does not; it has switched on TCP_NODELAY and
 * SO_KEEPALIVE.  An unacknowledged segment ends the connection no later than
 * missing heartbeats would.  Failure of any costs comfort only. */
static void
set_socket_options(int fd, int heartbeat)
{
    const int send_buffer = SEND_BUFFER;
    const int user_timeout = 2 * heartbeat * 1000;

    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
    if (user_timeout) {
        setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout,
                   sizeof user_timeout);
    }
}

/* Connects to the first of 'ai' that answers.  An address that does not
 * answer takes its share of the time only. */
char *
mq_conn_connect(struct mq_conn *c, const struct addrinfo *ai,
                const struct amqp_config *config, long long int deadline)
{
    amqp_socket_t *sock = amqp_tcp_socket_new(c->state);
    int status = AMQP_STATUS_SOCKET_ERROR;
    int n_left = 0;

    if (!sock) {
        out_of_memory();
    }
    for (const struct addrinfo *a = ai; a; a = a->ai_next) {
        n_left++;
    }
    for (; ai; ai = ai->ai_next, n_left--) {
        long long int now = mq_now();
        struct timeval timeout
            = time_until(now + MAX(deadline - now, 0) / n_left);
        char host[NI_MAXHOST], port[NI_MAXSERV];

        if (getnameinfo(ai->ai_addr, ai->ai_addrlen, host, sizeof host,
                        port, sizeof port,
                        NI_NUMERICHOST | NI_NUMERICSERV)) {
            continue;
        }
        status = amqp_socket_open_noblock(sock, host, atoi(port), &timeout);
        if (status == AMQP_STATUS_OK) {
            c->fd = amqp_get_sockfd(c->state);
            set_socket_options(c->fd, config->heartbeat);
            return NULL;
        }
    }
    return mq_status_error(status);
}

/* Fills in one of the client properties. */
static void
set_entry(amqp_table_entry_t *entry, const char *key, amqp_field_value_t value)
{
    entry->key = amqp_cstring_bytes(key);
    entry->value = value;
}

/* Logs in.  'role' tells this connection from others of the same name in the
 * broker's management. */
char *
mq_conn_login(struct mq_conn *c, const struct amqp_config *config,
              const char *role, long long int deadline)
{
    const amqp_field_value_t yes = {
        .kind = AMQP_FIELD_KIND_BOOLEAN, .value.boolean = true,
    };
    struct timeval timeout = time_until(deadline);
    amqp_table_entry_t capabilities[2], properties[2];
    amqp_table_t table = { ARRAY_SIZE(properties), properties };
    amqp_field_value_t value;
    char *name, *error;
    int heartbeat;

    /* Without consumer_cancel_notify nobody says that the queue was deleted,
     * without connection.blocked a memory alarm looks like silence.  The
     * library adds authentication_failure_close: a reason instead of EOF. */
    set_entry(&capabilities[0], "connection.blocked", yes);
    set_entry(&capabilities[1], "consumer_cancel_notify", yes);
    value.kind = AMQP_FIELD_KIND_TABLE;
    value.value.table.num_entries = ARRAY_SIZE(capabilities);
    value.value.table.entries = capabilities;
    set_entry(&properties[0], "capabilities", value);

    name = xasprintf("%s:%s", config->connection_name, role);
    value.kind = AMQP_FIELD_KIND_UTF8;
    value.value.bytes = amqp_cstring_bytes(name);
    set_entry(&properties[1], "connection_name", value);

    amqp_set_handshake_timeout(c->state, &timeout);
    amqp_rpc_reply_t reply = amqp_login_with_properties(
        c->state, config->vhost, 0, FRAME_MAX, config->heartbeat, &table,
        AMQP_SASL_METHOD_PLAIN, config->user, config->password);
    free(name);
    if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION
        && reply.library_error == AMQP_STATUS_TIMEOUT) {
        return xstrdup("the broker does not answer");
    }
    error = reply.reply_type == AMQP_RESPONSE_NORMAL ? NULL
            : reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION
            ? mq_status_error(reply.library_error)
            : reply.reply.id == AMQP_CONNECTION_CLOSE_METHOD
            ? mq_close_text(
                ((amqp_connection_close_t *) reply.reply.decoded)->reply_code,
                ((amqp_connection_close_t *) reply.reply.decoded)->reply_text)
            : xstrdup("unexpected answer");

    /* The library sends a heartbeat when half its time is over, but only if
     * it is entered. */
    heartbeat = amqp_get_heartbeat(c->state);
    c->service_ms = heartbeat * 1000 / 4;
    c->service_at = mq_now() + c->service_ms;
    return error;
}

/* Every call that waits for an answer, from now on, gives up at 'deadline'. */
void
mq_conn_set_deadline(struct mq_conn *c, long long int deadline)
{
    struct timeval timeout = time_until(deadline);

    amqp_set_rpc_timeout(c->state, &timeout);
}

char *
mq_conn_open_channel(struct mq_conn *c, amqp_channel_t channel,
                     long long int deadline)
{
    mq_conn_set_deadline(c, deadline);
    amqp_channel_open(c->state, channel);
    return mq_last_error(c);
}

/* Says goodbye, so that the broker need not log a lost connection. */
void
mq_conn_close(struct mq_conn *c, long long int deadline)
{
    if (c->fd >= 0 && amqp_get_sockfd(c->state) >= 0
        && mq_conn_may_send(c, MQ_CHUNK)) {
        mq_conn_set_deadline(c, deadline);
        amqp_connection_close(c->state, AMQP_REPLY_SUCCESS);
    }
}

/* Takes one frame, if there is one, without waiting; '*got' tells.  The frame
 * is valid until the next call. */
char *
mq_conn_read(struct mq_conn *c, long long int now, amqp_frame_t *frame,
             bool *got)
{
    const struct timeval no_wait = { 0, 0 };
    int status;

    c->service_at = now + c->service_ms;

    /* Nothing is kept of earlier frames; if one is only half there, the
     * library notices and keeps its memory. */
    amqp_maybe_release_buffers_on_channel(c->state, c->last_channel);
    status = amqp_simple_wait_frame_noblock(c->state, frame, &no_wait);
    *got = status == AMQP_STATUS_OK;
    c->last_channel = *got ? frame->channel : 0;
    return (*got || status == AMQP_STATUS_TIMEOUT
            ? NULL : mq_status_error(status));
}

/* Deals with 'frame' of a channel that the caller has not opened: that must be
 * channel 0.  The library keeps memory for every channel it has seen. */
char *
mq_conn_control(struct mq_conn *c, const amqp_frame_t *frame)
{
    if (frame->channel) {
        return xstrdup("a frame on a channel that was never opened");
    } else if (frame->frame_type != AMQP_FRAME_METHOD) {
        return NULL;
    }
    switch (frame->payload.method.id) {
    case AMQP_CONNECTION_CLOSE_METHOD: {
        const amqp_connection_close_t *m = frame->payload.method.decoded;
        char *error = mq_close_text(m->reply_code, m->reply_text);
        amqp_connection_close_ok_t ok = { .dummy = 0 };

        free(mq_conn_send(c, 0, AMQP_CONNECTION_CLOSE_OK_METHOD, &ok));
        return error;
    }
    case AMQP_CONNECTION_BLOCKED_METHOD:
        c->blocked = true;
        break;
    case AMQP_CONNECTION_UNBLOCKED_METHOD:
        c->blocked = false;
        break;
    }
    return NULL;
}

/* Is there something to read that poll() does not know of? */
bool
mq_conn_has_buffered(const struct mq_conn *c)
{
    return amqp_frames_enqueued(c->state) || amqp_data_in_buffer(c->state);
}

/* Sends a heartbeat when one is due: for a connection that is not being read
 * at the moment, and so does not enter the library. */
char *
mq_conn_keep_alive(struct mq_conn *c, long long int now)
{
    const amqp_frame_t frame = { .frame_type = AMQP_FRAME_HEARTBEAT };
    int status;

    if (!c->service_ms || now < c->service_at) {
        return NULL;
    } else if (!mq_conn_may_send(c, sizeof frame)) {
        c->service_at = now + MQ_UNSENT_RETRY_MS;
        return NULL;
    }
    c->service_at = now + c->service_ms;
    status = amqp_send_frame(c->state, &frame);
    return status == AMQP_STATUS_OK ? NULL : mq_status_error(status);
}

/* May 'size' bytes be sent without the danger of being kept waiting?  The
 * library's sends have no deadline.  'size' is at most MQ_CHUNK and what goes
 * with it. */
bool
mq_conn_may_send(struct mq_conn *c, size_t size)
{
    struct pollfd pfd = { .fd = c->fd, .events = POLLOUT };
    int unsent;

    if (c->budget >= size) {
        c->budget -= size;
        return true;
    }
    if (ioctl(c->fd, SIOCOUTQ, &unsent)) {
        unsent = 0;             /* Sending will tell what is wrong. */
    }
    if (poll(&pfd, 1, 0) != 1 || unsent + size > MQ_MAX_UNSENT) {
        return false;
    }
    c->budget = MQ_MAX_UNSENT - unsent - size;
    return true;
}

char *
mq_conn_send(struct mq_conn *c, amqp_channel_t channel,
             amqp_method_number_t id, void *method)
{
    int status = amqp_send_method(c->state, channel, id, method);

    return status == AMQP_STATUS_OK ? NULL : mq_status_error(status);
}

/* Sends an exchange.declare with the flags that oslo.messaging uses for that
 * type of exchange; any others would be refused where the exchange exists. */
char *
mq_conn_declare(struct mq_conn *c, amqp_channel_t channel,
                const char *exchange, const char *type, bool nowait)
{
    amqp_exchange_declare_t m = {
        .exchange = amqp_cstring_bytes(exchange),
        .type = amqp_cstring_bytes(type),
        .auto_delete = !strcmp(type, "fanout"),
        .nowait = nowait,
    };

    return mq_conn_send(c, channel, AMQP_EXCHANGE_DECLARE_METHOD, &m);
}

char *
mq_status_error(int status)
{
    return xstrdup(amqp_error_string2(status));
}

/* What went wrong in the last call that waits for an answer; NULL: nothing. */
char *
mq_last_error(struct mq_conn *c)
{
    amqp_rpc_reply_t reply = amqp_get_rpc_reply(c->state);

    switch (reply.reply_type) {
    case AMQP_RESPONSE_NORMAL:
        return NULL;

    case AMQP_RESPONSE_LIBRARY_EXCEPTION:
        return (reply.library_error == AMQP_STATUS_TIMEOUT
                ? xstrdup("the broker does not answer")
                : mq_status_error(reply.library_error));

    case AMQP_RESPONSE_SERVER_EXCEPTION:
        if (reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD) {
            const amqp_channel_close_t *m = reply.reply.decoded;

            return mq_close_text(m->reply_code, m->reply_text);
        } else if (reply.reply.id == AMQP_CONNECTION_CLOSE_METHOD) {
            const amqp_connection_close_t *m = reply.reply.decoded;

            return mq_close_text(m->reply_code, m->reply_text);
        }
        return xstrdup("unexpected answer");

    case AMQP_RESPONSE_NONE:
        break;
    }
    return xstrdup("no answer");
}

/* The peer's 'bytes' as text: what is not printable ASCII is escaped. */
char *
mq_text(amqp_bytes_t bytes)
{
    const uint8_t *p = bytes.bytes;
    struct ds s = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < MIN(bytes.len, MAX_TEXT); i++) {
        if (p[i] >= 0x20 && p[i] < 0x7f) {
            ds_put_char(&s, p[i]);
        } else {
            ds_put_format(&s, "\\x%02x", p[i]);
        }
    }
    return ds_steal_cstr(&s);
}

/* "404 NOT_FOUND - no exchange ..." */
char *
mq_close_text(uint16_t code, amqp_bytes_t bytes)
{
    char *text = mq_text(bytes);
    char *s = xasprintf("%u %s", code, text);

    free(text);
    return s;
}
