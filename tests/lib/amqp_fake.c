/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include <config.h>
#include "tests/lib/amqp_fake.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util.h"

/* How often a thread looks whether it is to end, in milliseconds. */
#define CHECK_MS 20

/* Between heartbeats. */
#define BEAT_MS 400

#define MAX_CONNECTIONS 64
#define MAX_FRAME 200000

struct connection {
    struct fake *fake;
    pthread_t thread;
    int fd;
    unsigned int number;
};

struct fake {
    const struct fake_plan *plan;
    int fd;
    uint16_t port;
    atomic_bool quit;
    pthread_t thread;
    struct connection connections[MAX_CONNECTIONS];
    size_t n;
};

void
fake_plan_init(struct fake_plan *plan)
{
    *plan = (struct fake_plan) {
        .at = FAKE_NEVER, .frame_max = 131072, .heartbeat = 60,
        .beats = { true, true },
    };
}

/* --- Answers ------------------------------------------------------------- */

static const uint8_t heartbeat[] = { 8, 0, 0, 0, 0, 0, 0, 0xce };

struct answer {
    uint8_t data[128];
    size_t len;
};

static void
put(struct answer *a, const void *data, size_t len)
{
    ovs_assert(a->len + len <= sizeof a->data);
    memcpy(&a->data[a->len], data, len);
    a->len += len;
}

/* Puts 'n' in 'size' octets. */
static void
put_number(struct answer *a, uint64_t n, int size)
{
    uint8_t octets[8];

    for (int i = 0; i < size; i++) {
        octets[i] = n >> 8 * (size - 1 - i);
    }
    put(a, octets, size);
}

/* Makes a frame of method 'id' with 'len' octets of arguments. */
static void
make_method(struct answer *a, uint16_t channel, uint32_t id,
            const struct answer *arguments)
{
    a->len = 0;
    put_number(a, 1, 1);
    put_number(a, channel, 2);
    put_number(a, 4 + arguments->len, 4);
    put_number(a, id, 4);
    put(a, arguments->data, arguments->len);
    put_number(a, 0xce, 1);
}

/* Makes the answer to method 'id'; none (len 0) if it has none. */
static void
make_answer(const struct fake_plan *plan, uint16_t channel, uint32_t id,
            struct answer *a)
{
    struct answer arguments = { .len = 0 };
    uint32_t answer = id + 1;

    a->len = 0;
    switch (id) {
    case FAKE_AT_HEADER:
        answer = FAKE_METHOD(10, 10);
        put_number(&arguments, 9, 2);       /* 0-9. */
        put_number(&arguments, 0, 4);       /* No properties. */
        put_number(&arguments, 14, 4);
        put(&arguments, "AMQPLAIN PLAIN", 14);
        put_number(&arguments, 5, 4);
        put(&arguments, "en_US", 5);
        break;
    case FAKE_METHOD(10, 11):               /* start-ok */
        answer = FAKE_METHOD(10, 30);
        put_number(&arguments, 2047, 2);
        put_number(&arguments, plan->frame_max, 4);
        put_number(&arguments, plan->heartbeat, 2);
        break;
    case FAKE_METHOD(20, 10):               /* channel.open */
        put_number(&arguments, 0, 4);
        break;
    case FAKE_METHOD(10, 40):               /* connection.open */
        put_number(&arguments, 0, 1);
        break;
    case FAKE_METHOD(50, 10):               /* queue.declare */
        put_number(&arguments, 0, 1);
        put_number(&arguments, 0, 4);
        put_number(&arguments, 0, 4);
        break;
    case FAKE_METHOD(60, 20):               /* basic.consume */
        put_number(&arguments, 1, 1);
        put(&arguments, "c", 1);
        break;
    case FAKE_METHOD(10, 50):               /* connection.close */
    case FAKE_METHOD(40, 10):               /* exchange.declare */
    case FAKE_METHOD(50, 20):               /* queue.bind */
    case FAKE_METHOD(60, 10):               /* basic.qos */
    case FAKE_METHOD(85, 10):               /* confirm.select */
        break;
    default:
        return;
    }
    make_method(a, channel, answer, &arguments);
}

/* --- A connection -------------------------------------------------------- */

static bool
quitting(const struct connection *c)
{
    return atomic_load(&c->fake->quit);
}

static bool
send_all(int fd, const void *data_, size_t len)
{
    const char *data = data_;

    while (len) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

        if (n <= 0) {
            return false;
        }
        data += n;
        len -= n;
    }
    return true;
}

static void
idle(const struct connection *c)
{
    while (!quitting(c)) {
        poll(NULL, 0, CHECK_MS);
    }
}

/* Waits for what the client sends, with heartbeats if 'beats'. */
static bool
recv_all(const struct connection *c, void *data_, size_t len, bool beats)
{
    struct pollfd pfd = { .fd = c->fd, .events = POLLIN };
    char *data = data_;
    int waited = 0;

    while (len) {
        ssize_t n;

        if (quitting(c)) {
            return false;
        } else if (!poll(&pfd, 1, CHECK_MS)) {
            waited += CHECK_MS;
            if (beats && waited >= BEAT_MS) {
                waited = 0;
                send_all(c->fd, heartbeat, sizeof heartbeat);
            }
            continue;
        }
        n = recv(c->fd, data, len, 0);
        if (n <= 0) {
            return false;
        }
        data += n;
        len -= n;
    }
    return true;
}

static void
fail(struct connection *c, enum fake_fault fault, const struct answer *answer)
{
    const struct linger at_once = { .l_onoff = 1 };

    switch (fault) {
    case FAKE_SILENCE:
        idle(c);
        break;
    case FAKE_RST:
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        break;
    case FAKE_FIN:
        break;
    case FAKE_DRIP:
        for (size_t i = 0; i < answer->len && !quitting(c); i++) {
            send_all(c->fd, &answer->data[i], 1);
            poll(NULL, 0, FAKE_DRIP_MS);
        }
        idle(c);
        break;
    case FAKE_HALF:
        send_all(c->fd, answer->data, answer->len / 2);
        idle(c);
        break;
    case FAKE_FLOOD:
        while (!quitting(c)
               && send_all(c->fd, heartbeat, sizeof heartbeat)) {
            continue;
        }
        break;
    }
}

/* Answers to one method; false at the end. */
static bool
answer(struct connection *c, uint16_t channel, uint32_t id)
{
    const struct fake_plan *plan = c->fake->plan;
    struct answer a;

    make_answer(plan, channel, id, &a);
    if (id == plan->at && c->number % 2 == plan->connection) {
        fail(c, plan->fault, &a);
        return false;
    }
    if (!send_all(c->fd, a.data, a.len)) {
        return false;
    }
    if (id == FAKE_METHOD(60, 20) && plan->then) {
        if (!send_all(c->fd, plan->then, plan->then_len)) {
            return false;
        } else if (plan->ends) {
            a.len = 0;
            fail(c, plan->end, &a);
            return false;
        }
    }
    return true;
}

/* Takes a frame; '*id' is 0 if it is no method. */
static bool
take_frame(struct connection *c, uint16_t *channel, uint32_t *id)
{
    bool beats = c->fake->plan->beats[c->number % 2];
    static __thread uint8_t payload[MAX_FRAME];
    uint8_t head[7];
    uint32_t len;

    if (!recv_all(c, head, sizeof head, beats)) {
        return false;
    }
    *channel = head[1] << 8 | head[2];
    len = (uint32_t) head[3] << 24 | head[4] << 16 | head[5] << 8 | head[6];
    if (len >= MAX_FRAME || !recv_all(c, payload, len + 1, false)) {
        return false;
    }
    *id = (head[0] != 1 || len < 4 ? 0
           : (uint32_t) payload[0] << 24 | payload[1] << 16
             | payload[2] << 8 | payload[3]);
    return true;
}

static void *
serve(void *c_)
{
    struct connection *c = c_;
    uint16_t channel = 0;
    uint32_t id = FAKE_AT_HEADER;
    uint8_t header[8];
    bool ok = recv_all(c, header, sizeof header, false)
              && answer(c, channel, id);

    while (ok) {
        ok = take_frame(c, &channel, &id) && (!id || answer(c, channel, id));
    }
    close(c->fd);
    return NULL;
}

/* --- The listener -------------------------------------------------------- */

static void *
listen_main(void *fake_)
{
    struct fake *fake = fake_;
    struct pollfd pfd = { .fd = fake->fd, .events = POLLIN };

    while (!atomic_load(&fake->quit)) {
        struct connection *c = &fake->connections[fake->n];

        if (fake->n >= MAX_CONNECTIONS || poll(&pfd, 1, CHECK_MS) != 1) {
            poll(NULL, 0, fake->n >= MAX_CONNECTIONS ? CHECK_MS : 0);
            continue;
        }
        c->fd = accept(fake->fd, NULL, NULL);
        if (c->fd < 0) {
            continue;
        }
        c->fake = fake;
        c->number = fake->n++;
        if (pthread_create(&c->thread, NULL, serve, c)) {
            ovs_fatal(errno, "fake: no thread");
        }
    }
    return NULL;
}

struct fake *
fake_start(const struct fake_plan *plan)
{
    struct sockaddr_in sin = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t len = sizeof sin;
    struct fake *fake = xzalloc(sizeof *fake);

    fake->plan = plan;
    atomic_init(&fake->quit, false);
    fake->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fake->fd < 0 || bind(fake->fd, (struct sockaddr *) &sin, sizeof sin)
        || listen(fake->fd, 16)
        || getsockname(fake->fd, (struct sockaddr *) &sin, &len)
        || pthread_create(&fake->thread, NULL, listen_main, fake)) {
        ovs_fatal(errno, "fake: cannot listen");
    }
    fake->port = ntohs(sin.sin_port);
    return fake;
}

uint16_t
fake_port(const struct fake *fake)
{
    return fake->port;
}

void
fake_stop(struct fake *fake)
{
    atomic_store(&fake->quit, true);
    pthread_join(fake->thread, NULL);
    for (size_t i = 0; i < fake->n; i++) {
        pthread_join(fake->connections[i].thread, NULL);
    }
    close(fake->fd);
    free(fake);
}
