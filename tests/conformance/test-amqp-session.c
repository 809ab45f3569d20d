/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* amqp_client against a real broker: publishing, and sessions that end or
 * cannot begin. */

#include <config.h>
#include "rpc/amqp_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/conformance/amqp_fixture.h"
#include "tests/lib/amqp_peer.h"
#include "tests/lib/test.h"
#include "timeval.h"
#include "util.h"

/* --- Publishing --------------------------------------------------------- */

TEST(publish_confirmed)
{
    struct amqp_config config;
    struct amqp_client *client;
    struct peer *peer;
    size_t large = 300000, len;
    char *body, *got;

    fixture_config(&config);
    peer = peer_open();
    peer_declare_queue(peer, "sg-test-out");
    client = fixture_start(&config);

    /* Not yet: there is no session. */
    if (!status_of(client).session) {
        CHECK_EQ(fixture_publish(client, "", NULL, "sg-test-out", "early"),
                 EAGAIN);
    }
    expect_only(client, AMQP_UP);
    CHECK_EQ(fixture_publish(client, "", NULL, "sg-test-out", "one"), 0);

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
    CHECK_EQ(fixture_publish(client, "", NULL, "sg-test-out", "last"), 0);
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

    fixture_config(&config);
    peer = peer_open();
    peer_declare_queue(peer, "sg-test-out");
    client = fixture_start(&config);
    expect_only(client, AMQP_UP);

    CHECK_EQ(fixture_publish(client, "", NULL, "sg-test-out", "0"), 0);
    CHECK_EQ(fixture_publish(client, "sg-test-gone_fanout", NULL, "", "x"), 0);
    for (int i = 1; i < 50; i++) {
        snprintf(body, sizeof body, "%d", i);
        CHECK_EQ(fixture_publish(client, "", NULL, "sg-test-out", body), 0);
        if (i == 20) {
            CHECK_EQ(fixture_publish(client, "sg-test-gone2_fanout", NULL, "",
                                     "x"), 0);
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
    CHECK_EQ(fixture_publish(client, "sg-test-d_fanout", "fanout", "", "x"),
             0);
    WAIT_UNTIL(status_of(client).confirmed == 51);
    CHECK(peer_exchange_exists(peer, "sg-test-d_fanout"));
    peer_delete_exchange(peer, "sg-test-d_fanout");
    CHECK_EQ(fixture_publish(client, "sg-test-d_fanout", "fanout", "", "x"),
             0);
    expect(client, AMQP_PUBLISH_FAILED, &event);
    CHECK_STR(event.reason, AMQP_NO_EXCHANGE);
    amqp_event_uninit(&event);
    CHECK_EQ(fixture_publish(client, "sg-test-d_fanout", "fanout", "", "x"),
             0);
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

    fixture_config(&config);
    client = fixture_start(&config);
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

    fixture_config(&config);
    config.max_out = 20000;
    client = fixture_start(&config);
    expect_only(client, AMQP_UP);
    for (int i = 0; i < 1000; i++) {
        int error = fixture_publish(client, "", NULL, "sg-test-nobody",
                                    "0123456789");

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

    fixture_config(&config);
    peer = peer_open();
    peer_declare_queue(peer, "sg-test-out");
    client = fixture_start(&config);
    expect_only(client, AMQP_UP);
    REQUIRE(peer_control("ctl set_vm_memory_high_watermark absolute 1"));
    CHECK_EQ(fixture_publish(client, "", NULL, "sg-test-out", "1"), 0);
    WAIT_UNTIL(status_of(client).blocked);
    CHECK_EQ(fixture_publish(client, "", NULL, "sg-test-out", "2"), 0);
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

    fixture_shared_config(&config, "sg-test-deleted");
    peer = peer_open();
    client = fixture_start(&config);
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

    fixture_config(&config);
    client = fixture_start(&config);
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
    CHECK_EQ(fixture_publish(client, "", NULL, "x", "lost"), EAGAIN);
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

/* A broker that holds its connections and does nothing: the loop is never
 * kept waiting, whatever it publishes, and heartbeats end the session. */
TEST(broker_frozen)
{
    enum { SIZE = 100000 };
    struct amqp_config config;
    struct amqp_client *client;
    struct amqp_event event;
    long long int began;

    fixture_config(&config);
    config.heartbeat = 2;
    client = fixture_start(&config);
    expect_only(client, AMQP_UP);
    REQUIRE(peer_control("freeze"));
    began = time_msec();
    for (int i = 0; i < 1000; i++) {
        const struct amqp_publish p = {
            .exchange = "", .routing_key = "sg-test-nobody",
        };
        int error = amqp_client_publish(client, &p, xzalloc(SIZE), SIZE);

        CHECK_EQ(error, i < 100 ? 0 : error);
    }
    CHECK(status_of(client).out_bytes <= config.max_out);
    CHECK(time_msec() - began < 1000);
    expect(client, AMQP_DOWN, &event);
    CHECK_UEQ(event.session, 1);
    amqp_event_uninit(&event);
    CHECK_UEQ(status_of(client).out_bytes, 0);

    /* The broker's socket still accepts. */
    began = time_msec();
    amqp_client_destroy(client);
    CHECK(time_msec() - began < config.stage_timeout_ms + 1000);
    REQUIRE(peer_control("thaw"));
}

/* The same, noticed by the publisher before any heartbeat is missed. */
TEST(publisher_stalled)
{
    struct amqp_config config;
    struct amqp_client *client;
    struct amqp_event event;
    long long int began;

    if (test_rounds(1) == 1) {
        SKIP("takes 15 seconds (TEST_FACTOR)");
    }
    fixture_config(&config);
    config.heartbeat = 60;
    client = fixture_start(&config);
    expect_only(client, AMQP_UP);
    REQUIRE(peer_control("freeze"));
    CHECK_EQ(fixture_publish(client, "", NULL, "sg-test-nobody", "x"), 0);
    began = time_msec();
    REQUIRE(next_event(client, &event, 20000));
    CHECK_EQ(event.type, AMQP_DOWN);
    CHECK_CONTAINS(event.reason, "publish: stalled");
    CHECK(time_msec() - began >= 14000);
    amqp_event_uninit(&event);
    amqp_client_destroy(client);
    REQUIRE(peer_control("thaw"));
}

/* --- Sessions that cannot begin ----------------------------------------- */

static void
expect_failure(const struct amqp_config *config, const char *reason)
{
    struct amqp_client *client = fixture_start(config);
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

    fixture_config(&config);
    config.password = "mistaken";
    expect_failure(&config, "login: 403 ACCESS_REFUSED");
}

TEST(wrong_vhost)
{
    struct amqp_config config;

    fixture_config(&config);
    config.vhost = "nowhere";
    expect_failure(&config, "login: 530 NOT_ALLOWED");
}

TEST(queue_of_another_kind)
{
    struct amqp_config config;
    struct peer *peer;

    fixture_shared_config(&config, "sg-test-kind");
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

    fixture_config(&config);
    config.brokers = &broker;
    expect_failure(&config, "connect: ");
}

TEST(no_such_host)
{
    struct amqp_config config;
    struct amqp_broker broker = { "broker.invalid", 1 };

    fixture_config(&config);
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

    fixture_config(&config);
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
    CHECK(time_msec() - began >= 490);
    CHECK(time_msec() - began < 3000);

    config.brokers = brokers;
    config.n_brokers = 2;
    client = fixture_start(&config);
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
    client = fixture_start(&config);
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

    fixture_config(&config);
    client = amqp_client_create(&config);
    amqp_client_bind(client, "sg-test-a_fanout");
    CHECK(!amqp_client_recv(client, &event));
    CHECK_EQ(fixture_publish(client, "", NULL, "x", "x"), EAGAIN);
    CHECK_EQ(status_of(client).stage, AMQP_STAGE_IDLE);
    amqp_client_destroy(client);
    amqp_client_destroy(NULL);
}

/* --- The other end of the wire ------------------------------------------ */

/* What a stock oslo.messaging server gets when it is cast hello(value=...). */
static const char envelope[] =
    "{\"oslo.version\": \"2.0\", \"oslo.message\": \"{\\\"method\\\": "
    "\\\"hello\\\", \\\"args\\\": {\\\"value\\\": \\\"%s\\\"}, "
    "\\\"version\\\": \\\"1.0\\\", \\\"_unique_id\\\": "
    "\\\"0123456789abcdef0123456789abcdef\\\"}\"}";

TEST(oslo_casts_to_us)
{
    struct amqp_config config;
    struct amqp_client *client;
    struct amqp_event event;

    fixture_config(&config);
    client = fixture_start(&config);
    expect_only(client, AMQP_UP);
    amqp_client_bind(client, "sg-test-oslo_fanout");
    expect_bound(client, "sg-test-oslo_fanout");
    REQUIRE(!system("tests/lib/oslo-peer cast sg-test-oslo sg-test-oslo "
                    "greet you"));
    expect(client, AMQP_BODY, &event);
    CHECK_STR(event.exchange, "sg-test-oslo_fanout");
    CHECK_CONTAINS(event.body, "\"oslo.version\": \"2.0\"");
    CHECK_CONTAINS(event.body, "\\\"method\\\": \\\"greet\\\"");
    amqp_event_uninit(&event);
    amqp_client_destroy(client);
}

/* Both ways to reach a server: its own queue, and the fanout. */
TEST(oslo_server_hears_us)
{
    struct amqp_config config;
    struct amqp_client *client;

    fixture_config(&config);
    client = fixture_start(&config);
    expect_only(client, AMQP_UP);
    for (int fanout = 0; fanout < 2; fanout++) {
        FILE *server = popen("tests/lib/oslo-peer serve sg-test-oslo "
                             "sg-test-greeter host1", "re");
        const char *value = fanout ? "everybody" : "host1";
        char line[64] = "";
        char *body = xasprintf(envelope, value);

        REQUIRE(server && fgets(line, sizeof line, server));
        CHECK_STR(line, "ready\n");
        if (fanout) {
            CHECK_EQ(fixture_publish(client, "sg-test-greeter_fanout",
                                     "fanout", "", body), 0);
        } else {
            CHECK_EQ(fixture_publish(client, "sg-test-oslo", "topic",
                                     "sg-test-greeter.host1", body), 0);
        }
        REQUIRE(fgets(line, sizeof line, server));
        line[strcspn(line, "\n")] = '\0';
        CHECK_STR(line, value);
        CHECK_EQ(pclose(server), 0);
        free(body);
    }
    WAIT_UNTIL(status_of(client).confirmed == 2);
    amqp_client_destroy(client);
}
