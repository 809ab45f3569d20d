/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef TESTS_LIB_AMQP_FAKE_H
#define TESTS_LIB_AMQP_FAKE_H 1

/* A broker that does as much of AMQP as amqp_client needs to bring a session
 * up, and one thing wrong: it fails at a given step, in a given way.
 *
 * Listens on a port of its own; each connection has a thread.  The client's
 * first connection is the one that consumes, its second one publishes. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Steps that are not the answer to a method. */
#define FAKE_NEVER 0
#define FAKE_AT_HEADER 1        /* The protocol header has come. */
#define FAKE_METHOD(CLASS, NUMBER) ((uint32_t) (CLASS) << 16 | (NUMBER))

enum fake_fault {
    FAKE_SILENCE,
    FAKE_RST,
    FAKE_FIN,
    FAKE_DRIP,                  /* The answer, a byte each FAKE_DRIP_MS. */
    FAKE_HALF,                  /* Half of the answer, then silence. */
    FAKE_FLOOD,                 /* Heartbeats without end, as an answer. */
};
#define FAKE_DRIP_MS 400

struct fake_plan {
    unsigned int connection;    /* Which one fails: 0 or 1. */
    uint32_t at;                /* FAKE_AT_HEADER or the method whose answer
                                 * is the failure. */
    enum fake_fault fault;

    uint32_t frame_max;         /* Offered. */
    uint16_t heartbeat;         /* Offered, in seconds. */
    bool beats[2];              /* Send heartbeats on that connection. */

    /* What the consumer gets once it consumes; then 'end' if 'ends'. */
    const void *then;
    size_t then_len;
    bool ends;
    enum fake_fault end;
};
void fake_plan_init(struct fake_plan *);

/* 'plan' is borrowed. */
struct fake *fake_start(const struct fake_plan *);
uint16_t fake_port(const struct fake *);
void fake_stop(struct fake *);

#endif /* tests/lib/amqp_fake.h */
