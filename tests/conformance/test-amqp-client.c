/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include <config.h>
#include "rpc/amqp_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <malloc.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "openvswitch/poll-loop.h"
#include "tests/lib/amqp_peer.h"
#include "tests/lib/test.h"
#include "timeval.h"
#include "util.h"

/* amqp_client against a real broker.  Every wait is for an event, with a
 * limit that only a failure reaches. */

#define LIMIT_MS 10000

/* --- Helpers ------------------------------------------------------------ */

static struct amqp_exchange_spec topic_binding = {
    (char[]) { "sg-test" }, (char[]) { "topic" }, (char[]) { "test-key" },
};

/* A client with an exclusive queue that is bound to the exchange "sg-test"
 * with key "test-key". */
static void
make_config(struct amqp_config *config)
{
    peer_require_broker();
    amqp_config_default(config);
    peer_config(config);
    config->connection_name = "test";
    config->queue = "sg-test.*";
    config->bindings = &topic_binding;
    config->n_bindings = 1;
    config->stage_timeout_ms = 3000;
}

static struct amqp_client *
start(const struct amqp_config *config)
{
    struct amqp_client *client = amqp_client_create(config);

    REQUIRE(amqp_client_start(client) == 0);
    return client;
}

/* Takes the next event of whatever type; false if none comes. */
static bool
next_event(struct amqp_client *client, struct amqp_event *event,
           long long int limit_ms)
{
    long long int end = time_msec() + limit_ms;

    while (!amqp_client_recv(client, event)) {
        if (time_msec() >= end) {
            return false;
        }
        amqp_client_wait(client);
        poll_timer_wait_until(end);
        poll_block();
    }
    return true;
}

/* Waits for an event of that type; others on the way are wrong. */
static void
expect(struct amqp_client *client, enum amqp_event_type type,
       struct amqp_event *event)
{
    if (!next_event(client, event, LIMIT_MS)) {
        FAIL("no event of type %d came", type);
        test_end();
    }
    if (event->type != type) {
        FAIL("event of type %d instead of %d: %s %s", event->type, type,
             event->exchange ? event->exchange : "",
             event->reason ? event->reason : "");
        test_end();
    }
}

/* As expect(), for an event that is of no further interest. */
static void
expect_only(struct amqp_client *client, enum amqp_event_type type)
{
    struct amqp_event event;

    expect(client, type, &event);
    amqp_event_uninit(&event);
}

static void
expect_bound(struct amqp_client *client, const char *exchange)
{
    struct amqp_event event;

    expect(client, AMQP_BOUND, &event);
    CHECK_STR(event.exchange, exchange);
    amqp_event_uninit(&event);
}

static void
expect_nothing(struct amqp_client *client, long long int ms)
{
    struct amqp_event event;

    if (next_event(client, &event, ms)) {
        FAIL("unexpected event of type %d: %s", event.type,
             event.reason ? event.reason : "");
        amqp_event_uninit(&event);
    }
}

/* Waits for a body and checks it. */
static void
expect_body(struct amqp_client *client, const char *body, uint64_t *session,
            uint64_t *delivery)
{
    struct amqp_event event;

    expect(client, AMQP_BODY, &event);
    CHECK_STR(event.body, body);
    CHECK_UEQ(event.len, strlen(body));
    *session = event.session;
    *delivery = event.delivery;
    amqp_event_uninit(&event);
}

static int
publish(struct amqp_client *client, const char *exchange, const char *declare,
        const char *key, const char *body)
{
    const struct amqp_publish p = {
        .exchange = exchange, .declare = declare, .routing_key = key,
    };

    return amqp_client_publish(client, &p, xstrdup(body), strlen(body));
}

static struct amqp_status
status_of(struct amqp_client *client)
{
    struct amqp_status status;

    amqp_client_get_status(client, &status);
    return status;
}

/* Waits until 'EXPR' is true, looking every 10 ms: for what a broker or the
 * client does without an event. */
#define WAIT_UNTIL(EXPR)                                                \
    do {                                                                \
        long long int end__ = time_msec() + LIMIT_MS;                   \
                                                                        \
        while (!(EXPR) && time_msec() < end__) {                        \
            poll(NULL, 0, 10);                                          \
        }                                                               \
        REQUIRE(EXPR);                                                  \
    } while (0)

/* --- Receiving ---------------------------------------------------------- */

TEST(up_and_receive)
{
    struct amqp_config config;
    struct amqp_client *client;
    struct amqp_event event;
    struct amqp_status status;
    struct peer *peer;

    make_config(&config);
    peer = peer_open();
    client = start(&config);
    expect(client, AMQP_UP, &event);
    CHECK_UEQ(event.session, 1);
    CHECK(!strncmp(event.queue, "sg-test.", 8));
    CHECK_UEQ(strlen(event.queue), 16);
    amqp_event_uninit(&event);

    peer_publish(peer, "sg-test", "test-key", "{\"a\": 1}", 8);
    expect(client, AMQP_BODY, &event);
    CHECK_STR(event.body, "{\"a\": 1}");
    CHECK_UEQ(event.len, 8);
    CHECK_STR(event.exchange, "sg-test");
    CHECK_STR(event.routing_key, "test-key");
    CHECK_UEQ(event.session, 1);
    CHECK_UEQ(event.delivery, 1);
    CHECK(!event.redelivered);
    CHECK(event.received_us > 0);
    amqp_event_uninit(&event);

    /* The default exchange leads to the queue by its name. */
    status = status_of(client);
    peer_publish(peer, "", status.queue, "", 0);
    expect(client, AMQP_BODY, &event);
    CHECK_UEQ(event.len, 0);
    CHECK_STR(event.body, "");
    CHECK_STR(event.exchange, "");
    amqp_event_uninit(&event);

    status = status_of(client);
    CHECK_EQ(status.stage, AMQP_STAGE_UP);
    CHECK_STR(amqp_stage_name(status.stage), "up");
    CHECK_STR(status.broker, getenv("SG_TEST_BROKER"));
    CHECK_UEQ(status.received, 2);
    CHECK_UEQ(status.received_bytes, 8);
    CHECK_UEQ(status.n_bindings, 1);
    CHECK_UEQ(status.n_bound, 1);
    CHECK_UEQ(status.in_bytes, 0);
    amqp_client_destroy(client);
    peer_close(peer);
}

/* Bodies of many frames, in order. */
TEST(large_bodies)
{
    struct amqp_config config;
    struct amqp_client *client;
    struct amqp_event event;
    struct peer *peer;
    size_t len = 1000 * 1000;
    char *body = xmalloc(len);

    make_config(&config);
    peer = peer_open();
    client = start(&config);
    expect_only(client, AMQP_UP);
    for (size_t i = 0; i < len; i++) {
        body[i] = 'a' + i % 23;
    }
    peer_publish(peer, "sg-test", "test-key", body, len);
    peer_publish(peer, "sg-test", "test-key", body, 1);
    expect(client, AMQP_BODY, &event);
    CHECK_UEQ(event.len, len);
    CHECK(!memcmp(event.body, body, MIN(len, event.len)));
    amqp_event_uninit(&event);
    expect(client, AMQP_BODY, &event);
    CHECK_UEQ(event.len, 1);
    amqp_event_uninit(&event);
    amqp_client_destroy(client);
    peer_close(peer);
    free(body);
}

/* --- Acknowledging ------------------------------------------------------ */

static void
make_shared_config(struct amqp_config *config, char *queue)
{
    make_config(config);
    config->queue = queue;
    config->queue_kind = AMQP_QUEUE_SHARED;
}

/* What was stored is acknowledged, the rest is delivered again. */
TEST(ack)
{
    struct amqp_config config;
    struct amqp_client *client;
    struct amqp_event event;
    struct peer *peer;
    uint64_t session, delivery;

    make_shared_config(&config, "sg-test-ack");
    peer = peer_open();
    client = start(&config);
    expect_only(client, AMQP_UP);
    for (int i = 0; i < 5; i++) {
        char body[2] = { '0' + i, '\0' };

        peer_publish(peer, "sg-test", "test-key", body, 1);
    }
    for (int i = 0; i < 3; i++) {
        char body[2] = { '0' + i, '\0' };

        expect_body(client, body, &session, &delivery);
    }
    amqp_client_stored(client, session, delivery);

    /* Of a session that is long over: must have no effect. */
    amqp_client_stored(client, session - 1, 1000);
    amqp_client_destroy(client);
    WAIT_UNTIL(peer_count(peer, "sg-test-ack") == 2);

    client = start(&config);
    expect_only(client, AMQP_UP);
    for (int i = 3; i < 5; i++) {
        expect(client, AMQP_BODY, &event);
        CHECK_EQ(((const char *) event.body)[0], '0' + i);
        CHECK(event.redelivered);
        delivery = event.delivery;
        session = event.session;
        amqp_event_uninit(&event);
    }
    amqp_client_stored(client, session, delivery);
    amqp_client_destroy(client);
    WAIT_UNTIL(peer_count_consumers(peer, "sg-test-ack") == 0);
    CHECK_EQ(peer_count(peer, "sg-test-ack"), 0);
    peer_delete_queue(peer, "sg-test-ack");
    peer_close(peer);
}

/* An acknowledgement is sent without any other traffic: with a prefetch of 1
 * the next message comes only after it. */
TEST(ack_by_itself)
{
    struct amqp_config config;
    struct amqp_client *client;
    struct peer *peer;
    uint64_t session, delivery;

    make_config(&config);
    config.prefetch = 1;
    peer = peer_open();
    client = start(&config);
    expect_only(client, AMQP_UP);
    peer_publish(peer, "sg-test", "test-key", "1", 1);
    peer_publish(peer, "sg-test", "test-key", "2", 1);
    expect_body(client, "1", &session, &delivery);
    expect_nothing(client, 300);
    amqp_client_stored(client, session, delivery);
    expect_body(client, "2", &session, &delivery);
    amqp_client_destroy(client);
    peer_close(peer);
}

/* A stream many times as long as the prefetch, which is answered as it comes;
 * rejections are mixed in. */
TEST(stream)
{
    enum { N = 5000 };
    struct amqp_config config;
    struct amqp_client *client;
    struct peer *peer;
    struct amqp_status status;

    make_shared_config(&config, "sg-test-stream");
    config.prefetch = 64;
    peer = peer_open();
    client = start(&config);
    expect_only(client, AMQP_UP);
    for (int i = 0; i < N; i++) {
        char body[16];

        peer_publish(peer, "sg-test", "test-key", body,
                     snprintf(body, sizeof body, "%d", i));
    }
    for (int i = 0; i < N; i++) {
        struct amqp_event event;

        expect(client, AMQP_BODY, &event);
        if (atoi(event.body) != i) {
            FAIL("message %s instead of %d", (const char *) event.body, i);
            break;
        }
        if (i % 7 == 0 || i % 64 >= 60) {
            amqp_client_reject(client, event.session, event.delivery);
        }
        if (i % 10 == 9 || i == N - 1) {
            amqp_client_stored(client, event.session, event.delivery);
        }
        amqp_event_uninit(&event);
    }
    expect_nothing(client, 300);
    status = status_of(client);
    CHECK_UEQ(status.session, 1);
    CHECK_UEQ(status.received, N);
    CHECK(status.rejected > N / 7);
    amqp_client_destroy(client);
    WAIT_UNTIL(peer_count_consumers(peer, "sg-test-stream") == 0);
    CHECK_EQ(peer_count(peer, "sg-test-stream"), 0);
    peer_delete_queue(peer, "sg-test-stream");
    peer_close(peer);
}

/* A rejected message is gone, and does not take others with it. */
TEST(reject)
{
    struct amqp_config config;
    struct amqp_client *client;
    struct peer *peer;
    uint64_t session, first, second;

    make_shared_config(&config, "sg-test-reject");
    peer = peer_open();
    client = start(&config);
    expect_only(client, AMQP_UP);
    peer_publish(peer, "sg-test", "test-key", "keep", 4);
    peer_publish(peer, "sg-test", "test-key", "bad", 3);
    expect_body(client, "keep", &session, &first);
    expect_body(client, "bad", &session, &second);
    amqp_client_reject(client, session, second);
    WAIT_UNTIL(status_of(client).rejected == 1);
    amqp_client_destroy(client);
    WAIT_UNTIL(peer_count(peer, "sg-test-reject") == 1);
    peer_delete_queue(peer, "sg-test-reject");
    peer_close(peer);
}

/* A body above the limit never takes the memory that it asks for. */
TEST(too_large)
{
    struct amqp_config config;
    struct amqp_client *client;
    struct amqp_event event;
    struct peer *peer;
    size_t len = 24 * 1024 * 1024;
    char *body;
    uint64_t session, delivery;
    size_t before;

    make_shared_config(&config, "sg-test-large");
    config.max_body = 1000;
    peer = peer_open();
    client = start(&config);
    expect_only(client, AMQP_UP);
    body = xzalloc(len);
    peer_publish(peer, "sg-test", "test-key", "small", 5);
    expect_body(client, "small", &session, &delivery);
    before = mallinfo2().uordblks + mallinfo2().hblkhd;
    peer_publish(peer, "sg-test", "test-key", body, len);
    expect(client, AMQP_TOO_LARGE, &event);
    CHECK_UEQ(event.len, len);
    CHECK_STR(event.exchange, "sg-test");
    amqp_event_uninit(&event);
    CHECK(mallinfo2().uordblks + mallinfo2().hblkhd < before + len / 8);

    peer_publish(peer, "sg-test", "test-key", "after", 5);
    expect_body(client, "after", &session, &delivery);
    amqp_client_stored(client, session, delivery);
    CHECK_UEQ(status_of(client).too_large, 1);
    CHECK_UEQ(status_of(client).rejected, 1);
    amqp_client_destroy(client);
    WAIT_UNTIL(peer_count_consumers(peer, "sg-test-large") == 0);
    CHECK_EQ(peer_count(peer, "sg-test-large"), 0);
    peer_delete_queue(peer, "sg-test-large");
    peer_close(peer);
    free(body);
}

/* A loop that does not take anything stops the consumer, not the session,
 * and gets everything later. */
TEST(inbox_is_bounded)
{
    enum { N = 400, SIZE = 10000 };
    static char body[SIZE];
    struct amqp_config config;
    struct amqp_client *client;
    struct peer *peer;
    uint64_t session = 0, delivery = 0;

    make_config(&config);
    config.prefetch = 0;
    config.max_in = 200000;
    config.max_body = SIZE;
    config.heartbeat = 2;
    peer = peer_open();
    client = start(&config);
    expect_only(client, AMQP_UP);
    for (int i = 0; i < N; i++) {
        peer_publish(peer, "sg-test", "test-key", body, SIZE);
    }
    WAIT_UNTIL(status_of(client).in_bytes >= config.max_in);

    /* Longer than the broker bears without a heartbeat of ours. */
    poll(NULL, 0, 7000);
    CHECK(status_of(client).in_bytes < config.max_in + 2 * SIZE);
    for (int i = 0; i < N; i++) {
        struct amqp_event event;

        expect(client, AMQP_BODY, &event);
        CHECK_UEQ(event.len, SIZE);
        session = event.session;
        delivery = event.delivery;
        amqp_event_uninit(&event);
    }
    amqp_client_stored(client, session, delivery);
    expect_nothing(client, 300);
    CHECK_UEQ(status_of(client).session, 1);
    amqp_client_destroy(client);
    peer_close(peer);
}

/* --- Bindings ----------------------------------------------------------- */

TEST(bind_and_unbind)
{
    struct amqp_config config;
    struct amqp_client *client;
    struct peer *peer;
    uint64_t session, delivery;

    make_config(&config);
    peer = peer_open();
    client = start(&config);

    /* A wish from before there is a session. */
    amqp_client_bind(client, "sg-test-a_fanout");
    expect_only(client, AMQP_UP);
    expect_bound(client, "sg-test-a_fanout");
    amqp_client_bind(client, "sg-test-a_fanout");
    amqp_client_bind(client, "sg-test-b_fanout");
    expect_bound(client, "sg-test-b_fanout");
    CHECK_UEQ(status_of(client).n_bindings, 3);
    CHECK_UEQ(status_of(client).n_bound, 3);

    peer_publish(peer, "sg-test-a_fanout", "", "a", 1);
    peer_publish(peer, "sg-test-b_fanout", "", "b", 1);
    expect_body(client, "a", &session, &delivery);
    expect_body(client, "b", &session, &delivery);

    amqp_client_unbind(client, "sg-test-a_fanout");
    WAIT_UNTIL(!peer_exchange_exists(peer, "sg-test-a_fanout"));
    WAIT_UNTIL(status_of(client).n_bindings == 2);
    peer_publish(peer, "sg-test-b_fanout", "", "b2", 2);
    expect_body(client, "b2", &session, &delivery);

    /* One that somebody else has deleted. */
    peer_delete_exchange(peer, "sg-test-b_fanout");
    amqp_client_unbind(client, "sg-test-b_fanout");
    amqp_client_bind(client, "sg-test-c_fanout");
    expect_bound(client, "sg-test-c_fanout");

    /* Dropped and wished for again: whoever waits is told. */
    amqp_client_unbind(client, "sg-test-c_fanout");
    amqp_client_bind(client, "sg-test-c_fanout");
    expect_bound(client, "sg-test-c_fanout");
    expect_nothing(client, 200);
    CHECK_UEQ(status_of(client).session, 1);
    amqp_client_destroy(client);
    peer_close(peer);
}

TEST(many_bindings)
{
    enum { N = 1000 };
    static bool seen[N];
    struct amqp_config config;
    struct amqp_client *client;
    char name[64];

    make_config(&config);
    client = start(&config);
    expect_only(client, AMQP_UP);
    for (int i = 0; i < N; i++) {
        snprintf(name, sizeof name, "sg-test-many-%d_fanout", i);
        amqp_client_bind(client, name);
    }
    for (int i = 0; i < N; i++) {
        struct amqp_event event;
        int n = -1;

        expect(client, AMQP_BOUND, &event);
        CHECK(sscanf(event.exchange, "sg-test-many-%d_fanout", &n) == 1
              && n >= 0 && n < N && !seen[n]);
        seen[n] = true;
        amqp_event_uninit(&event);
    }
    amqp_client_destroy(client);
}

/* One exchange that cannot be bound hurts neither the consumer nor the other
 * bindings, and is bound as soon as that is possible. */
TEST(bind_failure)
{
    struct amqp_config config;
    struct amqp_client *client;
    struct amqp_event event;
    struct peer *peer;
    uint64_t session, delivery;
    int bound = 0;

    make_config(&config);
    peer = peer_open();
    peer_declare_exchange(peer, "sg-test-bad_fanout", "topic", false);
    client = start(&config);
    expect_only(client, AMQP_UP);
    amqp_client_bind(client, "sg-test-1_fanout");
    amqp_client_bind(client, "sg-test-bad_fanout");
    amqp_client_bind(client, "sg-test-2_fanout");
    amqp_client_bind(client, "sg-test-3_fanout");
    while (bound < 3) {
        REQUIRE(next_event(client, &event, LIMIT_MS));
        if (event.type == AMQP_BIND_FAILED) {
            CHECK_STR(event.exchange, "sg-test-bad_fanout");
            CHECK_CONTAINS(event.reason, "406 PRECONDITION_FAILED");
        } else {
            CHECK_EQ(event.type, AMQP_BOUND);
            CHECK(strcmp(event.exchange, "sg-test-bad_fanout"));
            bound++;
        }
        amqp_event_uninit(&event);
    }
    peer_publish(peer, "sg-test-3_fanout", "", "3", 1);
    expect_body(client, "3", &session, &delivery);
    CHECK_UEQ(status_of(client).n_bound, 4);
    CHECK_UEQ(status_of(client).n_bindings, 5);

    peer_delete_exchange(peer, "sg-test-bad_fanout");
    do {
        REQUIRE(next_event(client, &event, LIMIT_MS));
        bound += event.type == AMQP_BOUND;
        amqp_event_uninit(&event);
    } while (bound < 4);
    peer_publish(peer, "sg-test-bad_fanout", "", "good", 4);
    expect_body(client, "good", &session, &delivery);
    CHECK_UEQ(status_of(client).session, 1);
    amqp_client_destroy(client);
    peer_close(peer);
}

/* --- Publishing --------------------------------------------------------- */

TEST(publish_confirmed)
{
    struct amqp_config config;
    struct amqp_client *client;
    struct peer *peer;
    size_t large = 300000, len;
    char *body, *got;

    make_config(&config);
    peer = peer_open();
    peer_declare_queue(peer, "sg-test-out");
    client = start(&config);

    /* Not yet: there is no session. */
    if (!status_of(client).session) {
        CHECK_EQ(publish(client, "", NULL, "sg-test-out", "early"), EAGAIN);
    }
    expect_only(client, AMQP_UP);
    CHECK_EQ(publish(client, "", NULL, "sg-test-out", "one"), 0);

    /* Several frames: every length around the borders of ours. */
    body = xzalloc(large);
    memset(body, 'x', large);
    for (int i = -1; i <= 1; i++) {
        const struct amqp_publish p = {
            .exchange = "", .routing_key = "sg-test-out",
        };
        size_t n = i < 0 ? 16384 : i == 0 ? 16385 : large;

        CHECK_EQ(amqp_client_publish(client, &p, xmemdup(body, n), n), 0);
    }
    CHECK_EQ(publish(client, "", NULL, "sg-test-out", "last"), 0);
    WAIT_UNTIL(status_of(client).confirmed == 5);
    CHECK_UEQ(status_of(client).published, 5);
    CHECK_UEQ(status_of(client).out_bytes, 0);
    got = peer_get(peer, "sg-test-out", NULL);
    CHECK_STR(got, "one");
    free(got);
    for (int i = -1; i <= 1; i++) {
        got = peer_get(peer, "sg-test-out", &len);
        REQUIRE(got != NULL);
        CHECK_UEQ(len, i < 0 ? 16384 : i == 0 ? 16385 : large);
        CHECK(!memcmp(got, body, len));
        free(got);
    }
    got = peer_get(peer, "sg-test-out", NULL);
    CHECK_STR(got, "last");
    free(got);
    free(body);

    /* An expired message is dropped by the broker. */
    CHECK_EQ(amqp_client_publish(client, &(struct amqp_publish) {
                 .exchange = "", .routing_key = "sg-test-out",
                 .expiration_ms = 1 }, xstrdup("short"), 5), 0);
    WAIT_UNTIL(status_of(client).confirmed == 6);
    WAIT_UNTIL(peer_count(peer, "sg-test-out") == 0);
    amqp_client_destroy(client);
    peer_delete_queue(peer, "sg-test-out");
    peer_close(peer);
}

/* A fanout exchange that has vanished costs its own message only; what was
 * in the pipe behind it arrives, once and in order. */
TEST(publish_to_vanished_fanout)
{
    struct amqp_config config;
    struct amqp_client *client;
    struct amqp_event event;
    struct peer *peer;
    char body[16], *got;
    int seen = 0;

    make_config(&config);
    peer = peer_open();
    peer_declare_queue(peer, "sg-test-out");
    client = start(&config);
    expect_only(client, AMQP_UP);

    CHECK_EQ(publish(client, "", NULL, "sg-test-out", "0"), 0);
    CHECK_EQ(publish(client, "sg-test-gone_fanout", NULL, "", "x"), 0);
    for (int i = 1; i < 50; i++) {
        snprintf(body, sizeof body, "%d", i);
        CHECK_EQ(publish(client, "", NULL, "sg-test-out", body), 0);
        if (i == 20) {
            CHECK_EQ(publish(client, "sg-test-gone2_fanout", NULL, "", "x"),
                     0);
        }
    }
    expect(client, AMQP_PUBLISH_FAILED, &event);
    CHECK_STR(event.exchange, "sg-test-gone_fanout");
    CHECK_STR(event.reason, AMQP_NO_EXCHANGE);
    amqp_event_uninit(&event);
    expect(client, AMQP_PUBLISH_FAILED, &event);
    CHECK_STR(event.exchange, "sg-test-gone2_fanout");
    amqp_event_uninit(&event);
    WAIT_UNTIL(status_of(client).confirmed == 50);

    /* The first ones may have been delivered without a confirm and so may
     * come twice; order holds. */
    while ((got = peer_get(peer, "sg-test-out", NULL))) {
        int n = atoi(got);

        CHECK(n <= seen);
        seen = MAX(seen, n + 1);
        free(got);
    }
    CHECK_EQ(seen, 50);
    CHECK_UEQ(status_of(client).session, 1);

    /* With a declaration it does not fail, even after it has vanished. */
    CHECK_EQ(publish(client, "sg-test-d_fanout", "fanout", "", "x"), 0);
    WAIT_UNTIL(status_of(client).confirmed == 51);
    CHECK(peer_exchange_exists(peer, "sg-test-d_fanout"));
    peer_delete_exchange(peer, "sg-test-d_fanout");
    CHECK_EQ(publish(client, "sg-test-d_fanout", "fanout", "", "x"), 0);
    expect(client, AMQP_PUBLISH_FAILED, &event);
    CHECK_STR(event.reason, AMQP_NO_EXCHANGE);
    amqp_event_uninit(&event);
    CHECK_EQ(publish(client, "sg-test-d_fanout", "fanout", "", "x"), 0);
    WAIT_UNTIL(status_of(client).confirmed == 52);
    peer_delete_exchange(peer, "sg-test-d_fanout");
    amqp_client_destroy(client);
    peer_delete_queue(peer, "sg-test-out");
    peer_close(peer);
}

TEST(publish_unroutable)
{
    const struct amqp_publish p = {
        .exchange = "", .routing_key = "sg-test-nobody", .mandatory = true,
    };
    struct amqp_config config;
    struct amqp_client *client;
    struct amqp_event event;

    make_config(&config);
    client = start(&config);
    expect_only(client, AMQP_UP);
    CHECK_EQ(amqp_client_publish(client, &p, xstrdup("hello"), 5), 0);
    expect(client, AMQP_PUBLISH_FAILED, &event);
    CHECK_STR(event.routing_key, "sg-test-nobody");
    CHECK_CONTAINS(event.reason, "312 NO_ROUTE");
    amqp_event_uninit(&event);
    WAIT_UNTIL(status_of(client).out_bytes == 0);
    CHECK_UEQ(status_of(client).returned, 1);
    CHECK_UEQ(status_of(client).confirmed, 0);
    amqp_client_destroy(client);
}

TEST(outbox_is_bounded)
{
    struct amqp_config config;
    struct amqp_client *client;
    int n_ok = 0, n_refused = 0;

    make_config(&config);
    config.max_out = 20000;
    client = start(&config);
    expect_only(client, AMQP_UP);
    for (int i = 0; i < 1000; i++) {
        int error = publish(client, "", NULL, "sg-test-nobody", "0123456789");

        n_ok += !error;
        n_refused += error == EAGAIN;
    }
    CHECK_EQ(n_ok + n_refused, 1000);
    CHECK(n_ok >= 50);
    CHECK(n_refused > 0);
    WAIT_UNTIL(status_of(client).confirmed == (uint64_t) n_ok);
    CHECK_UEQ(status_of(client).out_bytes, 0);
    amqp_client_destroy(client);
}

/* A broker that is short of memory stops publishers; ours waits, says so, and
 * goes on consuming. */
TEST(publisher_is_blocked)
{
    struct amqp_config config;
    struct amqp_client *client;
    struct peer *peer;

    make_config(&config);
    peer = peer_open();
    peer_declare_queue(peer, "sg-test-out");
    client = start(&config);
    expect_only(client, AMQP_UP);
    REQUIRE(peer_control("ctl set_vm_memory_high_watermark absolute 1"));
    CHECK_EQ(publish(client, "", NULL, "sg-test-out", "1"), 0);
    WAIT_UNTIL(status_of(client).blocked);
    CHECK_EQ(publish(client, "", NULL, "sg-test-out", "2"), 0);
    REQUIRE(peer_control("ctl set_vm_memory_high_watermark absolute 1GB"));
    WAIT_UNTIL(!status_of(client).blocked);
    WAIT_UNTIL(status_of(client).confirmed == 2);
    CHECK_UEQ(status_of(client).session, 1);
    amqp_client_destroy(client);
    peer_delete_queue(peer, "sg-test-out");
    peer_close(peer);
}

/* --- Sessions that end -------------------------------------------------- */

TEST(queue_deleted)
{
    struct amqp_config config;
    struct amqp_client *client;
    struct amqp_event event;
    struct peer *peer;
    uint64_t session, delivery;

    make_shared_config(&config, "sg-test-deleted");
    peer = peer_open();
    client = start(&config);
    amqp_client_bind(client, "sg-test-a_fanout");
    expect_only(client, AMQP_UP);
    expect_bound(client, "sg-test-a_fanout");
    peer_delete_queue(peer, "sg-test-deleted");
    expect(client, AMQP_DOWN, &event);
    CHECK_UEQ(event.session, 1);
    CHECK_CONTAINS(event.reason, "cancelled");
    amqp_event_uninit(&event);

    expect(client, AMQP_UP, &event);
    CHECK_UEQ(event.session, 2);
    amqp_event_uninit(&event);
    expect_bound(client, "sg-test-a_fanout");
    peer_publish(peer, "sg-test-a_fanout", "", "again", 5);
    expect_body(client, "again", &session, &delivery);
    CHECK_UEQ(session, 2);
    amqp_client_destroy(client);
    peer_delete_queue(peer, "sg-test-deleted");
    peer_close(peer);
}

TEST(broker_killed)
{
    struct amqp_config config;
    struct amqp_client *client;
    struct amqp_event event;
    struct peer *peer;
    uint64_t session, delivery;
    char queue[64];

    make_config(&config);
    client = start(&config);
    amqp_client_bind(client, "sg-test-a_fanout");
    expect(client, AMQP_UP, &event);
    ovs_strlcpy(queue, event.queue, sizeof queue);
    amqp_event_uninit(&event);
    expect_bound(client, "sg-test-a_fanout");

    REQUIRE(peer_control("kill"));
    expect(client, AMQP_DOWN, &event);
    CHECK_UEQ(event.session, 1);
    amqp_event_uninit(&event);
    expect(client, AMQP_DOWN, &event);
    CHECK_UEQ(event.session, 0);
    CHECK_CONTAINS(event.reason, "connect: ");
    amqp_event_uninit(&event);
    CHECK_EQ(publish(client, "", NULL, "x", "lost"), EAGAIN);
    CHECK_CONTAINS(status_of(client).last_error, "connect: ");

    REQUIRE(peer_control("start"));
    do {
        REQUIRE(next_event(client, &event, LIMIT_MS));
        if (event.type == AMQP_UP) {
            CHECK_UEQ(event.session, 2);
            CHECK(strcmp(event.queue, queue));
            break;
        }
        CHECK_EQ(event.type, AMQP_DOWN);
        amqp_event_uninit(&event);
    } while (true);
    amqp_event_uninit(&event);
    expect_bound(client, "sg-test-a_fanout");
    peer = peer_open();
    peer_publish(peer, "sg-test-a_fanout", "", "again", 5);
    expect_body(client, "again", &session, &delivery);
    amqp_client_destroy(client);
    peer_close(peer);
}

/* --- Sessions that cannot begin ----------------------------------------- */

static void
expect_failure(const struct amqp_config *config, const char *reason)
{
    struct amqp_client *client = start(config);
    struct amqp_event event;
    struct amqp_status status;

    expect(client, AMQP_DOWN, &event);
    CHECK_UEQ(event.session, 0);
    CHECK_CONTAINS(event.reason, reason);
    status = status_of(client);
    CHECK_STR(status.last_error, event.reason);
    CHECK(!strstr(event.reason, config->password));
    amqp_event_uninit(&event);
    amqp_client_destroy(client);
}

TEST(wrong_password)
{
    struct amqp_config config;

    make_config(&config);
    config.password = "mistaken";
    expect_failure(&config, "login: 403 ACCESS_REFUSED");
}

TEST(wrong_vhost)
{
    struct amqp_config config;

    make_config(&config);
    config.vhost = "nowhere";
    expect_failure(&config, "login: 530 NOT_ALLOWED");
}

TEST(queue_of_another_kind)
{
    struct amqp_config config;
    struct peer *peer;

    make_shared_config(&config, "sg-test-kind");
    config.queue_max_bytes = 100000;
    peer = peer_open();
    peer_declare_queue(peer, "sg-test-kind");
    expect_failure(&config, "declare: 406 PRECONDITION_FAILED");
    peer_delete_queue(peer, "sg-test-kind");
    peer_close(peer);
}

TEST(nobody_listens)
{
    struct amqp_config config;
    struct amqp_broker broker = { "127.0.0.1", 1 };

    make_config(&config);
    config.brokers = &broker;
    expect_failure(&config, "connect: ");
}

TEST(no_such_host)
{
    struct amqp_config config;
    struct amqp_broker broker = { "broker.invalid", 1 };

    make_config(&config);
    config.brokers = &broker;
    expect_failure(&config, "resolve: ");
}

/* A listener that accepts and says nothing costs one deadline, and the next
 * broker of the list is tried. */
TEST(silent_listener)
{
    struct sockaddr_in sin = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t len = sizeof sin;
    struct amqp_config config;
    struct amqp_broker brokers[2];
    struct amqp_client *client;
    struct amqp_event event;
    long long int began;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool failed = false;

    make_config(&config);
    REQUIRE(!bind(fd, (struct sockaddr *) &sin, sizeof sin)
            && !listen(fd, 8)
            && !getsockname(fd, (struct sockaddr *) &sin, &len));
    brokers[0] = config.brokers[0];
    brokers[1].host = "127.0.0.1";
    brokers[1].port = ntohs(sin.sin_port);
    config.stage_timeout_ms = 500;
    config.brokers = &brokers[1];

    began = time_msec();
    expect_failure(&config, "login: the broker does not answer");
    CHECK(time_msec() - began >= 500);
    CHECK(time_msec() - began < 3000);

    config.brokers = brokers;
    config.n_brokers = 2;
    client = start(&config);
    do {
        REQUIRE(next_event(client, &event, LIMIT_MS));
        failed = event.type == AMQP_DOWN;
        amqp_event_uninit(&event);
    } while (failed);
    CHECK_EQ(status_of(client).stage, AMQP_STAGE_UP);

    /* Ending while a stage hangs takes no longer than that stage. */
    amqp_client_destroy(client);
    config.brokers = &brokers[1];
    config.n_brokers = 1;
    client = start(&config);
    WAIT_UNTIL(status_of(client).stage == AMQP_STAGE_LOGIN);
    began = time_msec();
    amqp_client_destroy(client);
    CHECK(time_msec() - began < 1000);
    close(fd);
}

TEST(never_started)
{
    struct amqp_config config;
    struct amqp_client *client;
    struct amqp_event event;

    make_config(&config);
    client = amqp_client_create(&config);
    amqp_client_bind(client, "sg-test-a_fanout");
    CHECK(!amqp_client_recv(client, &event));
    CHECK_EQ(publish(client, "", NULL, "x", "x"), EAGAIN);
    CHECK_EQ(status_of(client).stage, AMQP_STAGE_IDLE);
    amqp_client_destroy(client);
    amqp_client_destroy(NULL);
}
