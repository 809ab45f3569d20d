/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef TESTS_CONFORMANCE_AMQP_FIXTURE_H
#define TESTS_CONFORMANCE_AMQP_FIXTURE_H 1

/* What the tests of amqp_client against a real broker share.  Every wait is
 * for an event or a state, with a limit that only a failure reaches; the
 * expect functions end the test when something else comes. */

#include <poll.h>

#include "rpc/amqp_client.h"
#include "tests/lib/test.h"
#include "timeval.h"

#define LIMIT_MS 10000

/* An exclusive queue that is bound to the topic exchange "sg-test" with key
 * "test-key"; the other one makes it a shared queue with that name. */
void fixture_config(struct amqp_config *);
void fixture_shared_config(struct amqp_config *, char *queue);

struct amqp_client *fixture_start(const struct amqp_config *);
int fixture_publish(struct amqp_client *, const char *exchange,
                    const char *declare, const char *key, const char *body);
struct amqp_status status_of(struct amqp_client *);

bool next_event(struct amqp_client *, struct amqp_event *,
                long long int limit_ms);
void expect(struct amqp_client *, enum amqp_event_type, struct amqp_event *);
void expect_only(struct amqp_client *, enum amqp_event_type);
void expect_bound(struct amqp_client *, const char *exchange);
void expect_body(struct amqp_client *, const char *body, uint64_t *session,
                 uint64_t *delivery);
void expect_nothing(struct amqp_client *, long long int ms);

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

#endif /* tests/conformance/amqp_fixture.h */
