/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef BENCH_CONTROLLER_H
#define BENCH_CONTROLLER_H 1

/* A controller for one agent, as far as a measurement needs one: answers
 * `sync` from a synthetic policy, sends a beacon every 2 s, publishes what it
 * is told to.  A message that it cannot read ends the program. */

#include "sg/update.h"
#include "tests/bench/synthetic.h"

struct controller_config {
    char *host, *user, *password;       /* Of the broker. */
    uint16_t port;
};

struct controller_counts {
    uint64_t syncs, beacons, reports;
};

struct controller;

/* 'policy' is borrowed for the life of the object. */
struct controller *controller_create(const struct controller_config *,
                                     struct synthetic *policy);
void controller_destroy(struct controller *);

/* Answers what was asked and sends the beacon if it is due. */
void controller_run(struct controller *);
/* The next beacon is due a whole interval from now. */
void controller_delay_beacon(struct controller *);
/* Makes poll_block() return when there is something to do. */
void controller_wait(struct controller *);
struct controller_counts controller_counts(const struct controller *);

/* Stamps and encodes 'update' and uninits it. */
char *controller_encode(struct sg_update *update, size_t *len);
/* To those who need the rules or members of measured group 'g'.  Takes
 * ownership of 'body'. */
void controller_publish(struct controller *, enum sg_kind, size_t g,
                        char *body, size_t len);

#endif /* tests/bench/controller.h */
