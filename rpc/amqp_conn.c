/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include <config.h>
#include "rpc/amqp_conn.h"

#include <amqp_tcp_socket.h>
#include <errno.h>
#include <limits.h>
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

/* Read at once: a few of the largest frames of RabbitMQ's default. */
#define IN_SIZE (128 * 1024)

/* A wait for an answer looks so often whether the client is to end. */
#define QUIT_CHECK_MS 50

/* Probes of a peer that has nothing to acknowledge. */
#define KEEPALIVE_PROBES 3

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

struct mq_conn *
mq_conn_create(struct mq_counters *counters, const atomic_bool *quit)
{
    struct mq_conn *c = xzalloc(sizeof *c);

    c->counters = counters;
    c->quit = quit;
    c->fd = -1;
    c->in = xmalloc(IN_SIZE);
    c->frame_max = MQ_FRAME_MIN_MAX;
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
        free(c->in);
        free(c);
    }
}

/* Sets what the library does not; it has switched on TCP_NODELAY and
 * SO_KEEPALIVE.  Failure of any costs comfort only. */
static void
set_socket_options(int fd, int heartbeat)
{
    const int send_buffer = SEND_BUFFER;
    const int user_timeout = heartbeat * 1000 * MQ_UNACKED_PERCENT / 100;
    const int idle = MAX(heartbeat / 2, 1);
    const int interval = MAX(heartbeat / 5, 1);
    const int probes = KEEPALIVE_PROBES;

    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
    if (heartbeat) {
        setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout,
                   sizeof user_timeout);
        setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
        setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval,
                   sizeof interval);
        setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
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
        long long int left = MAX(deadline - now, 0) / n_left;
        const struct timeval timeout = {
            .tv_sec = left / 1000, .tv_usec = left % 1000 * 1000,
        };
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

/* Both sides have agreed on an interval of so many seconds. */
void
mq_conn_start_heartbeat(struct mq_conn *c, int seconds)
{
    long long int now = mq_now();

    c->heartbeat_ms = seconds * 1000 / 2;
    c->heartbeat_at = now + c->heartbeat_ms;
    silence_init(&c->silence, seconds * 1000 * MQ_SILENCE_PERCENT / 100, now);
}

/* --- Reading ------------------------------------------------------------ */

/* Takes the fixed fields of a content header; its properties are skipped. */
static void
begin_header(struct mq_conn *c, const struct mq_frame_info *info,
             amqp_frame_t *frame)
{
    memset(frame, 0, sizeof *frame);
    frame->frame_type = AMQP_FRAME_HEADER;
    frame->channel = info->channel;
    frame->payload.properties.class_id = AMQP_BASIC_CLASS;
    frame->payload.properties.body_size = info->body_size;
    c->in_pos += MQ_FRAME_PEEK;
    c->skip_left = info->size - MQ_FRAME_PEEK;
}

/* Looks at the head of the next frame.  '*got' becomes true if that was all
 * of it that is of interest. */
static char *
begin_frame(struct mq_conn *c, amqp_frame_t *frame, bool *got)
{
    struct mq_frame_info info;
    const char *why;

    switch (mq_frame_judge(&c->in[c->in_pos], c->in_len - c->in_pos,
                           c->frame_max, MQ_MAX_CHANNEL, &info, &why)) {
    case MQ_FRAME_GOOD:
        break;
    case MQ_FRAME_SHORT:
        c->in_short = true;
        return NULL;
    case MQ_FRAME_BAD:
        return xasprintf("the broker sent %s", why);
    }
    if (info.type == MQ_FRAME_HEADER) {
        begin_header(c, &info, frame);
        *got = true;
    } else if (info.type == MQ_FRAME_HEARTBEAT) {
        c->in_pos += MQ_FRAME_HEAD;
        c->skip_left = info.size - MQ_FRAME_HEAD;
    } else {
        c->frame_left = info.size;
    }
    return NULL;
}

static char *
skip(struct mq_conn *c)
{
    size_t n = MIN(c->skip_left, c->in_len - c->in_pos);

    c->in_pos += n;
    c->skip_left -= n;
    return (c->skip_left || c->in[c->in_pos - 1] == AMQP_FRAME_END
            ? NULL : xstrdup("the broker sent a frame without an end"));
}

/* Gives the library what there is of a frame. */
static char *
feed(struct mq_conn *c, amqp_frame_t *frame, bool *got)
{
    const amqp_bytes_t bytes = {
        MIN(c->frame_left, c->in_len - c->in_pos), &c->in[c->in_pos],
    };
    int n = amqp_handle_input(c->state, bytes, frame);

    if (n < 0) {
        return mq_status_error(n);
    }
    c->in_pos += n;
    c->frame_left -= n;
    *got = frame->frame_type != 0;
    return NULL;
}

/* Takes one frame out of the buffer, if there is a whole one. */
static char *
take_frame(struct mq_conn *c, amqp_frame_t *frame, bool *got)
{
    char *error = NULL;

    while (!error && !*got && mq_conn_has_buffered(c)) {
        error = (c->skip_left ? skip(c)
                 : c->frame_left ? feed(c, frame, got)
                 : begin_frame(c, frame, got));
    }
    return error;
}

/* Fills the buffer without waiting; '*more' tells whether anything came. */
static char *
receive(struct mq_conn *c, long long int now, bool *more)
{
    size_t left = c->in_len - c->in_pos;
    ssize_t n;

    /* At most the few bytes by which a frame cannot be judged. */
    memmove(c->in, &c->in[c->in_pos], left);
    c->in_pos = 0;
    c->in_len = left;
    n = recv(c->fd, &c->in[left], IN_SIZE - left, MSG_DONTWAIT);
    if (n > 0) {
        c->in_len += n;
        c->in_short = false;
        silence_broken(&c->silence, now);
        *more = true;
        return NULL;
    }
    return (!n ? xstrdup("the broker has closed the connection")
            : errno == EAGAIN || errno == EINTR ? NULL
            : xstrdup(ovs_strerror(errno)));
}

/* Takes one frame, if there is one, without waiting; '*got' tells.  The frame
 * is valid until the next call. */
char *
mq_conn_read(struct mq_conn *c, long long int now, amqp_frame_t *frame,
             bool *got)
{
    bool more = false;
    char *error;

    /* Nothing is kept of earlier frames; if one is only half there, the
     * library notices and keeps its memory. */
    amqp_maybe_release_buffers_on_channel(c->state, c->last_channel);
    c->last_channel = 0;
    *got = false;

    error = take_frame(c, frame, got);
    if (!error && !*got) {
        error = receive(c, now, &more);
        if (!error && more) {
            error = take_frame(c, frame, got);
        }
    }
    if (*got) {
        c->last_channel = frame->channel;
    }
    return error;
}

/* Is there something to work on that poll() does not know of? */
bool
mq_conn_has_buffered(const struct mq_conn *c)
{
    return c->in_pos < c->in_len && !c->in_short;
}

/* Waits for a frame. */
static char *
wait_frame(struct mq_conn *c, long long int deadline, amqp_frame_t *frame)
{
    for (;;) {
        long long int now = mq_now();
        struct pollfd pfd = { .fd = c->fd, .events = POLLIN };
        bool got;
        char *error = mq_conn_read(c, now, frame, &got);

        if (error || got) {
            return error;
        } else if (now >= deadline) {
            return xstrdup("the broker does not answer");
        } else if (c->quit && atomic_load(c->quit)) {
            return xstrdup("given up");
        } else if (!mq_conn_has_buffered(c)) {
            poll(&pfd, 1, MIN(deadline - now, QUIT_CHECK_MS));
        }
    }
}

/* Waits for the method 'answer', which is all that may come on its channel;
 * the broker may talk of the connection meanwhile. */
char *
mq_conn_expect(struct mq_conn *c, amqp_channel_t channel,
               amqp_method_number_t answer, long long int deadline,
               void **decoded)
{
    do {
        amqp_frame_t frame;
        char *error = wait_frame(c, deadline, &frame);
        const amqp_method_t *method = &frame.payload.method;

        if (error) {
            return error;
        } else if (frame.frame_type != AMQP_FRAME_METHOD) {
            return xstrdup("unexpected answer");
        } else if (frame.channel == channel && method->id == answer) {
            if (decoded) {
                *decoded = method->decoded;
            }
            return NULL;
        } else if (!frame.channel) {
            error = mq_conn_control(c, &frame);
            if (error) {
                return error;
            }
        } else if (frame.channel == channel
                   && method->id == AMQP_CHANNEL_CLOSE_METHOD) {
            const amqp_channel_close_t *m = method->decoded;

            return mq_refusal(c, m->reply_code, m->reply_text);
        } else {
            return xstrdup("unexpected answer");
        }
    } while (mq_now() < deadline);
    return xstrdup("the broker does not answer");
}

char *
mq_conn_rpc(struct mq_conn *c, amqp_channel_t channel,
            amqp_method_number_t id, void *method,
            amqp_method_number_t answer, long long int deadline)
{
    char *error = mq_conn_send(c, channel, id, method);

    return error ? error : mq_conn_expect(c, channel, answer, deadline, NULL);
}

char *
mq_conn_open_channel(struct mq_conn *c, amqp_channel_t channel,
                     long long int deadline)
{
    amqp_channel_open_t open = { .out_of_band = amqp_empty_bytes };

    return mq_conn_rpc(c, channel, AMQP_CHANNEL_OPEN_METHOD, &open,
                       AMQP_CHANNEL_OPEN_OK_METHOD, deadline);
}

/* Says goodbye, so that the broker need not log a lost connection.  What it
 * still sends is of no interest. */
void
mq_conn_close(struct mq_conn *c, long long int deadline)
{
    amqp_connection_close_t close = {
        .reply_code = AMQP_REPLY_SUCCESS,
        .reply_text = amqp_cstring_bytes("goodbye"),
    };
    amqp_frame_t frame;
    char *error;

    if (c->fd < 0 || !mq_conn_may_send(c, MQ_CHUNK)) {
        return;
    }
    c->quit = NULL;
    error = mq_conn_send(c, 0, AMQP_CONNECTION_CLOSE_METHOD, &close);
    while (!error && mq_now() < deadline) {
        error = wait_frame(c, deadline, &frame);
        if (!error && !frame.channel
            && frame.frame_type == AMQP_FRAME_METHOD
            && frame.payload.method.id == AMQP_CONNECTION_CLOSE_OK_METHOD) {
            break;
        }
    }
    free(error);
}

/* --- While it is up ------------------------------------------------------ */

/* Deals with 'frame' of channel 0; any other is one that the caller has not
 * opened.  The library keeps memory for every channel it has seen. */
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
        char *error = mq_refusal(c, m->reply_code, m->reply_text);
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

/* Nobody reads from the connection at present: its silence says nothing. */
void
mq_conn_not_listening(struct mq_conn *c, long long int now)
{
    silence_broken(&c->silence, now);
}

/* Sends a heartbeat when one is due, and says so if the peer is gone.  The
 * caller has read what there was. */
char *
mq_conn_tend(struct mq_conn *c, long long int now)
{
    const amqp_frame_t frame = { .frame_type = AMQP_FRAME_HEARTBEAT };
    int status;

    if (silence_is_over(&c->silence, now)) {
        return xasprintf("the broker is silent: nothing came for %lld ms",
                         now - c->silence.since);
    } else if (!c->heartbeat_ms || now < c->heartbeat_at) {
        return NULL;
    } else if (!mq_conn_may_send(c, sizeof frame)) {
        c->heartbeat_at = now + MQ_UNSENT_RETRY_MS;
        return NULL;
    }
    c->heartbeat_at = now + c->heartbeat_ms;
    status = amqp_send_frame(c->state, &frame);
    return status == AMQP_STATUS_OK ? NULL : mq_status_error(status);
}

/* When mq_conn_tend() has something to do. */
long long int
mq_conn_next_time(const struct mq_conn *c)
{
    return (c->heartbeat_ms
            ? MIN(c->heartbeat_at, c->silence.since + c->silence.limit_ms + 1)
            : LLONG_MAX);
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

/* The broker has refused something: "404 NOT_FOUND - no exchange ...".
 * Counted by its name. */
char *
mq_refusal(struct mq_conn *c, uint16_t code, amqp_bytes_t bytes)
{
    char *text = mq_text(bytes);
    char *s = mq_reason_text(code, text);

    mq_count(&c->counters->refusals[mq_reason_from_code(code)], 1);
    free(text);
    return s;
}
