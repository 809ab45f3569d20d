/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* amqp_client and a real broker that do not reach each other any more, in
 * both directions or only in one (F03, F04).
 *
 * The packets are dropped by rules of the namespace that with-broker made.
 * The short form has a heartbeat of 4 s; with TEST_FACTOR it is the default
 * of 10 s, and the promise is 15 s. */

#include <config.h>
#include "rpc/amqp_client.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/conformance/amqp_fixture.h"
#include "tests/lib/amqp_peer.h"
#include "tests/lib/test.h"
#include "timeval.h"
#include "util.h"

/* From the heartbeat to how long it may take until the loss is noticed. */
#define NOTICED_PERCENT 150

/* From the end of the partition to the next session: one deadline of a
 * connect() whose packets were dropped, and the back-off. */
#define BACK_MS 8000

static void
drop(const char *what, bool on)
{
    char *command = xasprintf("iptables -w %s INPUT -i lo -p tcp --%s 5672 "
                              "-j DROP", on ? "-I" : "-D", what);

    REQUIRE(!system(command));
    free(command);
}

/* Drops the packets of the broker, of the client, or of both. */
static void
partition(bool to_client, bool to_broker)
{
    struct amqp_config config;
    struct amqp_client *client;
    struct amqp_event event;
    long long int began, took;

    fixture_config(&config);
    config.heartbeat = test_rounds(1) == 1 ? 4 : config.heartbeat;
    client = fixture_start(&config);
    expect_only(client, AMQP_UP);

    /* So that there is nothing unacknowledged at first. */
    expect_nothing(client, 500);
    began = time_msec();
    if (to_client) {
        drop("sport", true);
    }
    if (to_broker) {
        drop("dport", true);
    }
    REQUIRE(next_event(client, &event, 10 * 1000 * config.heartbeat));
    took = time_msec() - began;
    printf("# noticed after %lld ms: %s\n", took, event.reason);
    CHECK_EQ(event.type, AMQP_DOWN);
    CHECK_UEQ(event.session, 1);
    CHECK(took <= config.heartbeat * 10 * NOTICED_PERCENT);
    amqp_event_uninit(&event);

    if (to_client) {
        drop("sport", false);
    }
    if (to_broker) {
        drop("dport", false);
    }
    began = time_msec();
    WAIT_UNTIL(status_of(client).session == 2);
    took = time_msec() - began;
    printf("# a session again after %lld ms\n", took);
    CHECK(took <= BACK_MS);
    amqp_client_destroy(client);
}

TEST(both_ways)
{
    partition(true, true);
}

TEST(from_the_broker)
{
    partition(true, false);
}

TEST(to_the_broker)
{
    partition(false, true);
}
