/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* A broker that says anything, and the whole client before it: librabbitmq,
 * both connections, the broker thread's code with its back-off and its
 * sessions, and a loop that stores, rejects, publishes and binds.
 *
 * There is one thread and no clock.  The client runs until it would wait;
 * poll() is ours, and there the script goes on: it writes bytes to one of the
 * connections, or does something in the place of the loop.  A connection is
 * one end of a socket pair.  So an input always does the same, and no run
 * waits for anything.
 *
 * The first byte of the input chooses the configuration; then come
 * operations, one byte each, some with arguments (see run_op()). */

/* poll() must not be the inline function of fortified headers. */
#undef _FORTIFY_SOURCE

#include <config.h>
#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "rpc/amqp_client-private.h"
#include "rpc/amqp_publisher.h"
#include "tests/lib/amqp-frames.h"
#include "util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Sessions and turns that a script may take; a client that takes more is
 * turning without end. */
#define MAX_SESSIONS 6
#define MAX_POLLS 20000

/* Bytes of one connection that may wait for the client. */
#define MAX_PENDING (1 << 20)

#define MAX_BODY 20000
#define BIG_BODY 200000

enum role { CONSUMER, PUBLISHER, N_ROLES };

static struct sim {
    bool active;
    struct amqp_client *client;

    /* The script. */
    const uint8_t *data;
    size_t left;

    /* The broker. */
    int peers[N_ROLES];         /* -1: not connected. */
    struct ds pending[N_ROLES]; /* Not yet written. */
    enum role role;             /* Where frames go. */
    bool deaf;                  /* Does not read. */
    bool large_frames;          /* Allows them; costs the library time. */
    long long int now;          /* ms. */
    int n_sessions, n_polls;

    /* The loop. */
    bool idle;                  /* Takes no events. */
    bool rejects;
    uint64_t session;           /* That is up, or 0. */
    uint64_t last_session;
    uint64_t n_bodies;
    bool verbose;               /* SG_FUZZ_VERBOSE: what comes of a script. */
} sim;

/* --- The script ---------------------------------------------------------- */

static uint8_t
next_byte(void)
{
    return sim.left ? (sim.left--, *sim.data++) : 0;
}

static const uint8_t *
next_bytes(size_t *n)
{
    const uint8_t *p = sim.data;

    *n = MIN(*n, sim.left);
    sim.data += *n;
    sim.left -= *n;
    return p;
}

/* --- The loop ------------------------------------------------------------ */

static void
take_event(const struct amqp_event *event)
{
    switch (event->type) {
    case AMQP_UP:
        ovs_assert(!sim.session && event->session > sim.last_session);
        ovs_assert(event->queue[0]);
        sim.session = sim.last_session = event->session;
        break;

    case AMQP_DOWN:
        ovs_assert(event->reason && event->reason[0]);
        ovs_assert(event->session == sim.session);
        sim.session = 0;
        break;

    case AMQP_BODY:
        ovs_assert(sim.session && event->session == sim.session);
        ovs_assert(event->len <= MAX_BODY);
        ovs_assert(!((const char *) event->body)[event->len]);
        ovs_assert(strlen(event->exchange) < 256);
        ovs_assert(strlen(event->routing_key) < 256);
        sim.n_bodies++;
        if (sim.rejects) {
            amqp_client_reject(sim.client, event->session, event->delivery);
        }
        amqp_client_stored(sim.client, event->session, event->delivery);
        break;

    case AMQP_TOO_LARGE:
        ovs_assert(sim.session && event->len > MAX_BODY);
        break;

    case AMQP_BOUND:
    case AMQP_BIND_FAILED:
        ovs_assert(sim.session && event->exchange);
        break;

    case AMQP_PUBLISH_FAILED:
        ovs_assert(event->exchange && event->routing_key && event->reason);
        break;

    case AMQP_NONE:
        OVS_NOT_REACHED();
    }
}

static void
take_events(void)
{
    struct amqp_event event;

    while (amqp_client_recv(sim.client, &event)) {
        if (sim.verbose) {
            printf("event %d of session %"PRIu64": %s %s %"PRIuSIZE"\n",
                   event.type, event.session,
                   event.exchange ? event.exchange : "-",
                   event.reason ? event.reason : "-", event.len);
        }
        take_event(&event);
        amqp_event_uninit(&event);
    }
}

static void
publish(uint8_t how)
{
    static const char *const exchanges[] = { "e0", "e1", "", "sg" };
    const struct amqp_publish publish = {
        .exchange = exchanges[how % 4],
        .routing_key = how & 4 ? "key" : "",
        .declare = how & 8 ? "fanout" : NULL,
        .mandatory = how & 16,
        .expiration_ms = how & 32 ? 1000 : 0,
    };
    size_t len = how & 64 ? BIG_BODY : how;
    char *body = xzalloc(len + 1);

    if (amqp_client_publish(sim.client, &publish, body, len)) {
        return;                 /* It has freed the body. */
    }
}

static void
bind_exchange(uint8_t n, bool bind)
{
    const char name[] = { 'f', '0' + n % 8, '\0' };

    if (bind) {
        amqp_client_bind(sim.client, name);
    } else {
        amqp_client_unbind(sim.client, name);
    }
}

/* --- The broker ---------------------------------------------------------- */

static struct ds *
out(void)
{
    return &sim.pending[sim.role];
}

/* What it has not written is the beginning of its next life. */
static void
close_peer(enum role role)
{
    if (sim.peers[role] >= 0) {
        close(sim.peers[role]);
        sim.peers[role] = -1;
    }
}

/* Moves what there is to the client, and takes what it has sent. */
static void
run_peers(void)
{
    char buf[65536];

    for (int role = 0; role < N_ROLES; role++) {
        struct ds *ds = &sim.pending[role];
        int fd = sim.peers[role];
        ssize_t n;

        if (fd < 0) {
            continue;
        }
        while (!sim.deaf && recv(fd, buf, sizeof buf, MSG_DONTWAIT) > 0) {
            continue;
        }
        n = ds->length ? send(fd, ds->string, ds->length,
                              MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
        if (n > 0) {
            memmove(ds->string, ds->string + n, ds->length - n);
            ds_truncate(ds, ds->length - n);
        }
        if (!sim.left && !ds->length) {
            shutdown(fd, SHUT_WR);
        }
    }
}

static void
put_tune(struct ds *ds, uint8_t frame_max, uint8_t heartbeat)
{
    static const uint32_t sizes[] = {
        131072, 0, 1, 7, 8, 9, 4095, 4096, 65536, INT32_MAX, UINT32_MAX,
    };
    struct ds args = DS_EMPTY_INITIALIZER;

    amqp_put(&args, 2047, 2);
    amqp_put(&args, sizes[frame_max % ARRAY_SIZE(sizes)], 4);
    amqp_put(&args, heartbeat == 255 ? UINT16_MAX : heartbeat, 2);
    amqp_put_method(ds, 0, 10, 30, args.string, args.length);
    ds_destroy(&args);
}

/* All answers that bring a session up. */
static void
put_session(const struct amqp_config *config)
{
    struct ds *c = &sim.pending[CONSUMER];
    struct ds *p = &sim.pending[PUBLISHER];

    for (int role = 0; role < N_ROLES; role++) {
        amqp_put_plain(&sim.pending[role], 0, PLAIN_CONNECTION_START);
        put_tune(&sim.pending[role], sim.large_frames ? 0 : 7, 10);
        amqp_put_plain(&sim.pending[role], 0, PLAIN_CONNECTION_OPEN_OK);
        amqp_put_plain(&sim.pending[role], 1, PLAIN_CHANNEL_OPEN_OK);
    }
    if (config->confirm) {
        amqp_put_plain(p, 1, PLAIN_CONFIRM_SELECT_OK);
    }
    amqp_put_plain(c, 2, PLAIN_CHANNEL_OPEN_OK);
    if (config->prefetch) {
        amqp_put_plain(c, 1, PLAIN_BASIC_QOS_OK);
    }
    amqp_put_plain(c, 1, PLAIN_QUEUE_DECLARE_OK);
    for (size_t i = 0; i < config->n_bindings; i++) {
        amqp_put_plain(c, 1, PLAIN_EXCHANGE_DECLARE_OK);
        amqp_put_plain(c, 1, PLAIN_QUEUE_BIND_OK);
    }
    amqp_put_plain(c, 1, PLAIN_BASIC_CONSUME_OK);
}

static uint64_t
some_size(uint8_t code)
{
    static const uint64_t sizes[] = {
        0, 1, MAX_BODY, MAX_BODY + 1, 100000, INT32_MAX, UINT32_MAX,
        INT64_MAX, UINT64_MAX - 1, UINT64_MAX,
    };

    return code < 128 ? code : sizes[(code - 128) % ARRAY_SIZE(sizes)];
}

static void
put_close(uint8_t channel, uint8_t code)
{
    static const uint16_t codes[] = { 404, 403, 405, 406, 320, 541, 504, 0 };
    static const char *const texts[] = {
        "NOT_FOUND - no exchange 'e0' in vhost '/'", "", "exchange '\001\n'",
        "NOT_FOUND - no exchange 'e1' in vhost '/'",
    };

    amqp_put_close(out(), channel, codes[code % ARRAY_SIZE(codes)],
                   texts[code / 8 % ARRAY_SIZE(texts)]);
}

/* A frame with the payload that follows in the script: kind, channel, length,
 * and how much more or less it is said to be. */
static void
put_frame(void)
{
    uint8_t kind = next_byte();
    uint8_t channel = next_byte();
    size_t len = next_byte();
    uint32_t stated = len + (int8_t) next_byte();
    const uint8_t *payload = next_bytes(&len);

    amqp_put_frame(out(), kind, channel, payload, len, stated);
}

static void
put_method(void)
{
    uint8_t channel = next_byte();
    uint8_t class_ = next_byte();
    uint8_t method = next_byte();
    size_t len = next_byte();
    const uint8_t *args = next_bytes(&len);

    amqp_put_method(out(), channel, class_, method, args, len);
}

static void
put_raw(void)
{
    size_t len = next_byte();
    const uint8_t *bytes = next_bytes(&len);

    ds_put_buffer(out(), (const char *) bytes, len);
}

/* A frame of the broker's; false if 'op' is none. */
static bool
run_broker_op(uint8_t op)
{
    uint64_t size;
    uint8_t a;

    switch (op) {
    case 'S': put_session(&sim.client->config); break;
    case 'T': a = next_byte(); put_tune(out(), a, next_byte()); break;
    case 'm':
        a = next_byte();
        amqp_put_plain(out(), a, next_byte() % N_PLAIN_METHODS);
        break;
    case 'd':
        a = next_byte();
        amqp_put_deliver(out(), 1, some_size(a), "sg", "key");
        break;
    case 'D':                   /* A whole delivery. */
        a = next_byte();
        amqp_put_deliver(out(), 1, some_size(a), "f1", "");
        a = next_byte();
        amqp_put_header(out(), 1, a);
        if (a) {
            amqp_put_body(out(), 1, a);
        }
        break;
    case 'h': amqp_put_header(out(), 1, some_size(next_byte())); break;
    case 'b':
        size = some_size(next_byte());
        amqp_put_body(out(), 1, MIN(size, 100000));
        break;
    case 'a': case 'n':
        a = next_byte();
        amqp_put_confirm(out(), 1, some_size(a), next_byte() & 1, op == 'n');
        break;
    case 'r':
        a = next_byte();
        amqp_put_return(out(), 1, a & 1 ? "e0" : "e1", a & 2 ? "key" : "");
        break;
    case 'x': a = next_byte(); put_close(a, next_byte()); break;
    case 'H': amqp_put_frame(out(), AMQP_KIND_HEARTBEAT, 0, "", 0, 0); break;
    case 'F': put_frame(); break;
    case 'M': put_method(); break;
    case '"': put_raw(); break;
    default: return false;
    }
    return true;
}

/* Anything else. */
static void
run_op(uint8_t op)
{
    if (run_broker_op(op)) {
        return;
    }
    switch (op) {
    case 'c': sim.role = CONSUMER; break;
    case 'C': sim.role = PUBLISHER; break;
    case 'E': run_peers(); close_peer(sim.role); break;
    case 'z': sim.deaf = !sim.deaf; break;
    case 'w': sim.now += next_byte() * 100; break;

    case 'p': publish(next_byte()); break;
    case 'k': bind_exchange(next_byte(), true); break;
    case 'u': bind_exchange(next_byte(), false); break;
    case 'i': sim.idle = !sim.idle; break;
    case 'j': sim.rejects = !sim.rejects; break;
    case 'Q':
        atomic_store(&sim.client->quit, true);
        wake_latch_wake(&sim.client->latch);
        break;
    }
}

/* Goes on with the script until it says that the client shall look. */
static void
run_script(void)
{
    while (sim.left) {
        uint8_t op = next_byte();

        if (op == '.') {
            break;
        }
        run_op(op);
        if (out()->length > MAX_PENDING) {
            ds_clear(out());
        }
    }
    if (!sim.left) {
        sim.idle = sim.deaf = false;
    }
    run_peers();
    if (!sim.idle) {
        take_events();
    }
}

/* --- In the place of the world ------------------------------------------- */

/* The client connects: to us. */
int
amqp_socket_open_noblock(amqp_socket_t *sock, const char *host OVS_UNUSED,
                         int port OVS_UNUSED,
                         const struct timeval *timeout OVS_UNUSED)
{
    enum role role = (mq_consumer_conn(sim.client->consumer)->fd < 0
                      ? CONSUMER : PUBLISHER);
    int pair[2];

    if (role == CONSUMER) {
        close_peer(CONSUMER);
        close_peer(PUBLISHER);
        if (!sim.left || sim.n_sessions++ >= MAX_SESSIONS) {
            atomic_store(&sim.client->quit, true);
            return AMQP_STATUS_SOCKET_ERROR;
        }
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
                   pair)) {
        ovs_fatal(errno, "socketpair");
    }
    amqp_tcp_socket_set_sockfd(sock, pair[0]);
    sim.peers[role] = pair[1];
    run_peers();
    return AMQP_STATUS_OK;
}

static void
give_up(void)
{
    long long int consumer = LLONG_MAX, publisher = LLONG_MAX;
    bool reads = mq_consumer_wait(sim.client->consumer, sim.now, &consumer);

    mq_publisher_wait(sim.client->publisher, sim.now, &publisher);
    ovs_fatal(0, "the client turns without end: %s %lld, %lld",
              reads ? "reads" : "paused", consumer - sim.now,
              publisher - sim.now);
}

/* Waits for nothing: instead the script goes on. */
int
poll(struct pollfd *fds, nfds_t n, int timeout)
{
    static const struct timespec zero;
    const struct timespec until = {
        timeout / 1000, timeout % 1000 * 1000000,
    };
    long long int start = sim.now;
    int n_ready;

    if (!sim.active) {
        return ppoll(fds, n, timeout < 0 ? NULL : &until, NULL);
    }
    for (;;) {
        if (++sim.n_polls > MAX_POLLS) {
            give_up();
        }
        n_ready = ppoll(fds, n, &zero, NULL);
        if (n_ready || !timeout
            || (timeout > 0 && sim.now - start >= timeout)) {
            return n_ready;
        }
        /* A send that has to wait has no deadline. */
        ovs_assert(!(fds[0].events & POLLOUT));
        if (n == 1 && fds[0].fd == sim.client->latch.fd) {
            sim.now += timeout; /* Back-off. */
        } else if (!sim.left) {
            sim.now += 1000;
        }
        run_script();
    }
}

int
clock_gettime(clockid_t clock, struct timespec *ts)
{
    if (!sim.active || clock != CLOCK_MONOTONIC) {
        return syscall(SYS_clock_gettime, clock, ts);
    }
    ts->tv_sec = sim.now / 1000;
    ts->tv_nsec = sim.now % 1000 * 1000000;
    return 0;
}

/* --- One run ------------------------------------------------------------- */

static struct amqp_client *
create_client(uint8_t how)
{
    static struct amqp_broker broker = { .host = "127.0.0.1", .port = 5672 };
    static struct amqp_exchange_spec bindings[] = {
        { "sg", "topic", "key" },
    };
    struct amqp_config config;

    amqp_config_default(&config);
    config.brokers = &broker;
    config.n_brokers = 1;
    config.vhost = "/";
    config.user = config.password = "guest";
    config.connection_name = "fuzz";
    config.queue = "q.*";
    config.bindings = bindings;
    config.n_bindings = ARRAY_SIZE(bindings);
    config.confirm = how & 1;
    config.prefetch = how & 2 ? 4 : 0;
    config.heartbeat = how & 4 ? 10 : 0;
    config.queue_kind = how & 8 ? AMQP_QUEUE_SHARED : AMQP_QUEUE_EXCLUSIVE;
    config.max_body = MAX_BODY;
    config.max_in = 2 * MAX_BODY;
    config.max_out = 2 * BIG_BODY;
    return amqp_client_create(&config);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct amqp_client *client;
    struct amqp_status status;
    uint8_t how;

    memset(&sim, 0, sizeof sim);
    sim.data = data;
    sim.left = size;
    sim.now = 1000000;
    sim.verbose = getenv("SG_FUZZ_VERBOSE");
    sim.peers[CONSUMER] = sim.peers[PUBLISHER] = -1;
    how = next_byte();
    sim.large_frames = how & 16;
    client = sim.client = create_client(how);

    /* As amqp_client_start() does, but its thread is this one. */
    if (inbox_init(&client->inbox, client->config.max_in)
        || wake_latch_init(&client->latch)) {
        ovs_fatal(0, "no descriptors");
    }
    client->running = true;
    sim.active = true;
    mq_thread_main(client);
    sim.active = false;

    take_events();
    ovs_assert(!sim.session);
    amqp_client_get_status(client, &status);
    ovs_assert(status.received == sim.n_bodies);
    if (sim.verbose) {
        printf("%"PRIu64" received, %"PRIu64" published, %"PRIu64" confirmed, "
               "%"PRIu64" returned, %"PRIu64" too large, %"PRIu64" rejected\n",
               status.received, status.published, status.confirmed,
               status.returned, status.too_large, status.rejected);
    }
    ovs_assert(!status.in_bytes);

    client->running = false;
    wake_latch_uninit(&client->latch);
    inbox_uninit(&client->inbox);
    amqp_client_destroy(client);
    for (int role = 0; role < N_ROLES; role++) {
        close_peer(role);
        ds_destroy(&sim.pending[role]);
    }
    return 0;
}
