/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include <config.h>
#include "tests/lib/amqp_peer.h"

#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "rpc/amqp_client.h"
#include "tests/lib/test.h"
#include "util.h"

struct peer {
    amqp_connection_state_t state;
    uint64_t tag;               /* Of the last publish. */
};

static void
broker_address(char host[64], uint16_t *port)
{
    const char *address = getenv("SG_TEST_BROKER");
    const char *colon = address ? strchr(address, ':') : NULL;

    if (!colon || colon - address >= 64) {
        ovs_fatal(0, "SG_TEST_BROKER is not HOST:PORT");
    }
    memcpy(host, address, colon - address);
    host[colon - address] = '\0';
    *port = atoi(colon + 1);
}

void
peer_require_broker(void)
{
    if (!getenv("SG_TEST_BROKER")) {
        SKIP("no broker: run it with tests/lib/with-broker");
    }
}

void
peer_config(struct amqp_config *config)
{
    static struct amqp_broker broker;
    static char host[64];

    broker_address(host, &broker.port);
    broker.host = host;
    config->brokers = &broker;
    config->n_brokers = 1;
    config->vhost = "/";
    config->user = getenv("SG_TEST_BROKER_USER");
    config->password = getenv("SG_TEST_BROKER_PASSWORD");
}

static void
must(amqp_rpc_reply_t reply, const char *what)
{
    if (reply.reply_type != AMQP_RESPONSE_NORMAL) {
        ovs_fatal(0, "peer: %s failed (%d)", what, reply.reply_type);
    }
}

struct peer *
peer_open(void)
{
    struct peer *peer = xzalloc(sizeof *peer);
    char host[64];
    uint16_t port;

    broker_address(host, &port);
    peer->state = amqp_new_connection();
    if (amqp_socket_open(amqp_tcp_socket_new(peer->state), host, port)) {
        ovs_fatal(0, "peer: cannot connect");
    }
    must(amqp_login(peer->state, "/", 0, 131072, 0, AMQP_SASL_METHOD_PLAIN,
                    getenv("SG_TEST_BROKER_USER"),
                    getenv("SG_TEST_BROKER_PASSWORD")), "login");
    amqp_channel_open(peer->state, 1);
    must(amqp_get_rpc_reply(peer->state), "channel.open");
    amqp_confirm_select(peer->state, 1);
    must(amqp_get_rpc_reply(peer->state), "confirm.select");
    return peer;
}

void
peer_close(struct peer *peer)
{
    amqp_connection_close(peer->state, AMQP_REPLY_SUCCESS);
    amqp_destroy_connection(peer->state);
    free(peer);
}

void
peer_declare_exchange(struct peer *peer, const char *name, const char *type,
                      bool auto_delete)
{
    amqp_exchange_declare(peer->state, 1, amqp_cstring_bytes(name),
                          amqp_cstring_bytes(type), false, false, auto_delete,
                          false, amqp_empty_table);
    must(amqp_get_rpc_reply(peer->state), "exchange.declare");
}

void
peer_delete_exchange(struct peer *peer, const char *name)
{
    amqp_exchange_delete(peer->state, 1, amqp_cstring_bytes(name), false);
    must(amqp_get_rpc_reply(peer->state), "exchange.delete");
}

void
peer_declare_queue(struct peer *peer, const char *queue)
{
    amqp_queue_declare(peer->state, 1, amqp_cstring_bytes(queue), false,
                       false, false, false, amqp_empty_table);
    must(amqp_get_rpc_reply(peer->state), "queue.declare");
}

void
peer_bind(struct peer *peer, const char *queue, const char *exchange,
          const char *key)
{
    amqp_queue_bind(peer->state, 1, amqp_cstring_bytes(queue),
                    amqp_cstring_bytes(exchange), amqp_cstring_bytes(key),
                    amqp_empty_table);
    must(amqp_get_rpc_reply(peer->state), "queue.bind");
}

void
peer_delete_queue(struct peer *peer, const char *queue)
{
    amqp_queue_delete(peer->state, 1, amqp_cstring_bytes(queue), false,
                      false);
    must(amqp_get_rpc_reply(peer->state), "queue.delete");
}

/* After the broker has closed channel 2, which is for questions. */
static void
close_questions(struct peer *peer, bool closed)
{
    if (closed) {
        amqp_channel_close_ok_t ok = { .dummy = 0 };

        amqp_send_method(peer->state, 2, AMQP_CHANNEL_CLOSE_OK_METHOD, &ok);
    } else {
        must(amqp_channel_close(peer->state, 2, AMQP_REPLY_SUCCESS),
             "channel.close");
    }
}

static bool
ask_queue(struct peer *peer, const char *queue,
          amqp_queue_declare_ok_t *answer)
{
    amqp_queue_declare_ok_t *ok;

    amqp_channel_open(peer->state, 2);
    must(amqp_get_rpc_reply(peer->state), "channel.open");
    ok = amqp_queue_declare(peer->state, 2, amqp_cstring_bytes(queue), true,
                            false, false, false, amqp_empty_table);
    if (ok) {
        *answer = *ok;
    }
    close_questions(peer, !ok);
    return ok != NULL;
}

int
peer_count(struct peer *peer, const char *queue)
{
    amqp_queue_declare_ok_t ok;

    return ask_queue(peer, queue, &ok) ? (int) ok.message_count : -1;
}

int
peer_count_consumers(struct peer *peer, const char *queue)
{
    amqp_queue_declare_ok_t ok;

    return ask_queue(peer, queue, &ok) ? (int) ok.consumer_count : -1;
}

bool
peer_exchange_exists(struct peer *peer, const char *name)
{
    bool exists;

    amqp_channel_open(peer->state, 2);
    must(amqp_get_rpc_reply(peer->state), "channel.open");
    exists = amqp_exchange_declare(peer->state, 2, amqp_cstring_bytes(name),
                                   amqp_cstring_bytes("fanout"), true, false,
                                   true, false, amqp_empty_table) != NULL;
    close_questions(peer, !exists);
    return exists;
}

/* Waits until everything up to publish 'last_tag' is confirmed. */
static void
wait_confirms(struct peer *peer, uint64_t last_tag)
{
    const amqp_basic_ack_t *ack;
    amqp_frame_t frame;

    do {
        amqp_maybe_release_buffers(peer->state);
        if (amqp_simple_wait_frame(peer->state, &frame)
            || frame.payload.method.id != AMQP_BASIC_ACK_METHOD) {
            ovs_fatal(0, "peer: not confirmed");
        }
        ack = frame.payload.method.decoded;
    } while (ack->delivery_tag < last_tag);
}

void
peer_publish(struct peer *peer, const char *exchange, const char *key,
             void *body, size_t len)
{
    const amqp_bytes_t bytes = { len, body };

    amqp_maybe_release_buffers(peer->state);
    if (amqp_basic_publish(peer->state, 1, amqp_cstring_bytes(exchange),
                           amqp_cstring_bytes(key), false, false, NULL,
                           bytes)) {
        ovs_fatal(0, "peer: cannot publish to \"%s\"", exchange);
    }
    wait_confirms(peer, ++peer->tag);
}

static int64_t
now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

void
peer_publish_many(struct peer *peer, const char *exchange, const char *key,
                  size_t len, int n, int gap_us)
{
    char *body = xmalloc(MAX(len, 32));
    int64_t next = now_ns();

    memset(body, 'x', len);
    for (int i = 0; i < n; i++) {
        const amqp_bytes_t bytes = { len, body };

        if (gap_us) {
            const struct timespec until = {
                next / 1000000000, next % 1000000000,
            };

            clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
            next += gap_us * 1000;
        }
        body[snprintf(body, 32, "%"PRId64" ", now_ns())] = 'x';
        if (amqp_basic_publish(peer->state, 1, amqp_cstring_bytes(exchange),
                               amqp_cstring_bytes(key), false, false, NULL,
                               bytes)) {
            ovs_fatal(0, "peer: cannot publish");
        }
    }
    peer->tag += n;
    wait_confirms(peer, peer->tag);
    free(body);
}

static void
check_properties(const amqp_basic_properties_t *props)
{
    const char type[] = "application/json";

    CHECK(props->_flags & AMQP_BASIC_CONTENT_TYPE_FLAG
          && props->content_type.len == strlen(type)
          && !memcmp(props->content_type.bytes, type, strlen(type)));
    CHECK(props->_flags & AMQP_BASIC_DELIVERY_MODE_FLAG
          && props->delivery_mode == 2);
    CHECK(props->_flags & AMQP_BASIC_HEADERS_FLAG
          && props->headers.num_entries == 0);
}

char *
peer_get(struct peer *peer, const char *queue, size_t *lenp)
{
    amqp_rpc_reply_t reply;
    amqp_message_t message;
    char *body;

    amqp_maybe_release_buffers(peer->state);
    reply = amqp_basic_get(peer->state, 1, amqp_cstring_bytes(queue), true);
    must(reply, "basic.get");
    if (reply.reply.id == AMQP_BASIC_GET_EMPTY_METHOD) {
        return NULL;
    }
    must(amqp_read_message(peer->state, 1, &message, 0), "message");
    check_properties(&message.properties);
    body = xmemdup0(message.body.bytes, message.body.len);
    if (lenp) {
        *lenp = message.body.len;
    }
    amqp_destroy_message(&message);
    return body;
}

bool
peer_control(const char *command)
{
    char output[8];

    return peer_control_output(command, output, sizeof output);
}

bool
peer_control_output(const char *command, char *output, size_t size)
{
    const char *path = getenv("SG_TEST_BROKER_CTL");
    struct sockaddr_un sun = { .sun_family = AF_UNIX };
    char answer[4096];
    size_t len = 0;
    ssize_t n;
    int fd;

    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ovs_strlcpy(sun.sun_path, path ? path : "", sizeof sun.sun_path);
    if (fd < 0 || connect(fd, (struct sockaddr *) &sun, sizeof sun)
        || write(fd, command, strlen(command)) < 0) {
        ovs_fatal(errno, "%s", sun.sun_path);
    }
    while (len < sizeof answer - 1
           && (n = read(fd, answer + len, sizeof answer - 1 - len)) > 0) {
        len += n;
    }
    answer[len] = '\0';
    close(fd);

    const char *newline = strchr(answer, '\n');

    ovs_strlcpy(output, newline ? newline + 1 : "", size);
    return !strncmp(answer, "ok\n", 3);
}
