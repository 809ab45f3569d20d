/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include <config.h>
#include "tests/conformance/amqp_fixture.h"

#include <string.h>

#include "openvswitch/poll-loop.h"
#include "tests/lib/amqp_peer.h"
#include "timeval.h"
#include "util.h"

static struct amqp_exchange_spec topic_binding = {
    (char[]) { "sg-test" }, (char[]) { "topic" }, (char[]) { "test-key" },
};

/* A client with an exclusive queue that is bound to the exchange "sg-test"
 * with key "test-key". */
void
fixture_config(struct amqp_config *config)
{
    peer_require_broker();
    amqp_config_default(config);
    peer_config(config);
    config->connection_name = "test";
    config->queue = "sg-test.*";
    config->bindings = &topic_binding;
    config->n_bindings = 1;
}

struct amqp_client *
fixture_start(const struct amqp_config *config)
{
    struct amqp_client *client = amqp_client_create(config);

    REQUIRE(amqp_client_start(client) == 0);
    return client;
}

/* Takes the next event of whatever type; false if none comes. */
bool
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
void
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
void
expect_only(struct amqp_client *client, enum amqp_event_type type)
{
    struct amqp_event event;

    expect(client, type, &event);
    amqp_event_uninit(&event);
}

void
expect_bound(struct amqp_client *client, const char *exchange)
{
    struct amqp_event event;

    expect(client, AMQP_BOUND, &event);
    CHECK_STR(event.exchange, exchange);
    amqp_event_uninit(&event);
}

void
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
void
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

int
fixture_publish(struct amqp_client *client, const char *exchange,
                const char *declare, const char *key, const char *body)
{
    const struct amqp_publish p = {
        .exchange = exchange, .declare = declare, .routing_key = key,
    };

    return amqp_client_publish(client, &p, xstrdup(body), strlen(body));
}

struct amqp_status
status_of(struct amqp_client *client)
{
    struct amqp_status status;

    amqp_client_get_status(client, &status);
    return status;
}

void
fixture_shared_config(struct amqp_config *config, char *queue)
{
    fixture_config(config);
    config->queue = queue;
    config->queue_kind = AMQP_QUEUE_SHARED;
}
