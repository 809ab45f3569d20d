/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* amqp_client against a real broker: receiving, acknowledging, binding. */

#include <config.h>
#include "rpc/amqp_client.h"

#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/conformance/amqp_fixture.h"
#include "tests/lib/amqp_peer.h"
#include "tests/lib/test.h"
#include "timeval.h"
#include "util.h"

/* --- Receiving ---------------------------------------------------------- */

TEST(up_and_receive)
{
    struct amqp_config config;
    struct amqp_client *client;
    struct amqp_event event;
    struct amqp_status status;
    struct peer *peer;

    fixture_config(&config);
    peer = peer_open();
    client = fixture_start(&config);
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

    fixture_config(&config);
    peer = peer_open();
    client = fixture_start(&config);
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

/* --- Decoding ----------------------------------------------------------- */

/* A decoder that knows only who calls it, and how often what it made was
 * destroyed. */
struct seen {
    pthread_t thread;
    size_t len;
    char first;
};
#define SEEN_SIZE (1 << 20)

static atomic_int n_seen;

static void *
see(const void *body, size_t len, const void *aux, size_t *size)
{
    struct seen *seen = xmalloc(sizeof *seen);

    CHECK_STR(aux, "aux");
    atomic_fetch_add(&n_seen, 1);
    seen->thread = pthread_self();
    seen->len = len;
    seen->first = *(const char *) body;
    *size = SEEN_SIZE;
    return seen;
}

static void
unsee(void *seen)
{
    atomic_fetch_sub(&n_seen, 1);
    free(seen);
}

/* Bodies are decoded by the thread of the connection, however large, and what
 * is made of them counts against the limit of what waits; who takes an event
 * or ends the client frees it. */
TEST(decoder)
{
    enum { LARGE = 100 * 1000, N_MORE = 8 };
    char *large = xmalloc(LARGE);
    struct amqp_config config;
    struct amqp_client *client;
    struct amqp_event event;
    struct peer *peer;

    fixture_config(&config);
    config.decoder = (struct amqp_decoder) { see, unsee, "aux" };
    config.max_in = 4 * SEEN_SIZE;
    peer = peer_open();
    client = fixture_start(&config);
    expect(client, AMQP_UP, &event);
    CHECK(!event.decoded);
    amqp_event_uninit(&event);

    memset(large, 'b', LARGE);
    peer_publish(peer, "sg-test", "test-key", "a", 1);
    peer_publish(peer, "sg-test", "test-key", large, LARGE);
    for (int i = 0; i < 2; i++) {
        const struct seen *seen;

        expect(client, AMQP_BODY, &event);
        seen = event.decoded;
        REQUIRE(seen);
        CHECK(!pthread_equal(seen->thread, pthread_self()));
        CHECK_UEQ(seen->len, i ? LARGE : 1);
        CHECK_EQ(seen->first, "ab"[i]);
        amqp_event_uninit(&event);
        CHECK(!event.decoded);
    }
    CHECK_EQ(atomic_load(&n_seen), 0);

    /* No more than there is room for: the last one goes beyond. */
    for (int i = 0; i < N_MORE; i++) {
        peer_publish(peer, "sg-test", "test-key", "c", 1);
    }
    WAIT_UNTIL(status_of(client).in_bytes >= config.max_in);
    CHECK(status_of(client).in_bytes < config.max_in + 2 * SEEN_SIZE);
    CHECK_EQ(atomic_load(&n_seen), 4);
    expect_only(client, AMQP_BODY);
    amqp_client_destroy(client);
    CHECK_EQ(atomic_load(&n_seen), 0);
    peer_close(peer);
    free(large);
}

/* --- Acknowledging ------------------------------------------------------ */

/* What was stored is acknowledged, the rest is delivered again. */
TEST(ack)
{
    struct amqp_config config;
    struct amqp_client *client;
    struct amqp_event event;
    struct peer *peer;
    uint64_t session, delivery;

    fixture_shared_config(&config, "sg-test-ack");
    peer = peer_open();
    client = fixture_start(&config);
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

    client = fixture_start(&config);
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

/* How many messages of our queue the broker waits to be acknowledged. */
static int
count_unacked(void)
{
    char output[256];

    REQUIRE(peer_control_output(
        "ctl list_queues --silent messages_unacknowledged",
        output, sizeof output));
    return atoi(output);
}

/* An acknowledgement is sent without any other traffic. */
TEST(ack_by_itself)
{
    struct amqp_config config;
    struct amqp_client *client;
    struct peer *peer;
    uint64_t session, delivery;

    fixture_config(&config);
    peer = peer_open();
    client = fixture_start(&config);
    expect_only(client, AMQP_UP);
    peer_publish(peer, "sg-test", "test-key", "1", 1);
    peer_publish(peer, "sg-test", "test-key", "2", 1);
    expect_body(client, "1", &session, &delivery);
    expect_body(client, "2", &session, &delivery);
    CHECK_EQ(count_unacked(), 2);
    amqp_client_stored(client, session, delivery);
    WAIT_UNTIL(count_unacked() == 0);
    amqp_client_destroy(client);
    peer_close(peer);
}

/* With a prefetch of 1 the next message comes only after the ack, which is
 * then sent at once. */
TEST(ack_at_once)
{
    enum { N = 200 };
    struct amqp_config config;
    struct amqp_client *client;
    struct peer *peer;
    long long int began;

    fixture_config(&config);
    config.prefetch = 1;
    peer = peer_open();
    client = fixture_start(&config);
    expect_only(client, AMQP_UP);
    for (int i = 0; i < N; i++) {
        peer_publish(peer, "sg-test", "test-key", "x", 1);
    }
    began = time_msec();
    for (int i = 0; i < N; i++) {
        uint64_t session, delivery;

        expect_body(client, "x", &session, &delivery);
        if (i == 0) {
            expect_nothing(client, 200);
        }
        amqp_client_stored(client, session, delivery);
    }
    CHECK(time_msec() - began < N * 50);
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

    fixture_shared_config(&config, "sg-test-stream");
    config.prefetch = 64;
    peer = peer_open();
    client = fixture_start(&config);
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

    fixture_shared_config(&config, "sg-test-reject");
    peer = peer_open();
    client = fixture_start(&config);
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

    fixture_shared_config(&config, "sg-test-large");
    config.max_body = 1000;
    peer = peer_open();
    client = fixture_start(&config);
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

    fixture_config(&config);
    config.prefetch = 0;
    config.max_in = 200000;
    config.max_body = SIZE;
    config.heartbeat = 2;
    peer = peer_open();
    client = fixture_start(&config);
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

/* What stopped the consumer starts it again, without delay. */
TEST(inbox_is_refilled)
{
    enum { N = 10000, SIZE = 1000 };
    struct amqp_config config;
    struct amqp_client *client;
    struct peer *peer;
    long long int began;

    fixture_config(&config);
    config.max_in = 20 * SIZE;
    config.max_body = SIZE;
    peer = peer_open();
    client = fixture_start(&config);
    expect_only(client, AMQP_UP);
    peer_publish_many(peer, "sg-test", "test-key", SIZE, N, 0);
    WAIT_UNTIL(status_of(client).in_bytes >= config.max_in);
    began = time_msec();
    for (int i = 0; i < N; i++) {
        struct amqp_event event;

        expect(client, AMQP_BODY, &event);
        amqp_client_stored(client, event.session, event.delivery);
        amqp_event_uninit(&event);
    }
    CHECK(time_msec() - began < 3000);
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

    fixture_config(&config);
    peer = peer_open();
    client = fixture_start(&config);

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

    fixture_config(&config);
    client = fixture_start(&config);
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

    fixture_config(&config);
    peer = peer_open();
    peer_declare_exchange(peer, "sg-test-bad_fanout", "topic", false);
    client = fixture_start(&config);
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
