/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef TESTS_LIB_SIM_CONTROLLER_H
#define TESTS_LIB_SIM_CONTROLLER_H 1

/* A controller as far as it decides: tools/sg-controller/core with a world
 * that it is told of and a simulated broker.  It can die, and another one
 * start in its place that knows its ids; what they say goes into the history
 * before anybody can hear it. */

#include "tests/lib/sim-world.h"

struct bus;
struct controller_core;
struct state;

/* Owner of the queue that all controllers share; agents have their numbers. */
#define SIM_CONTROLLER_OWNER 100

struct sim_controller_counters {
    uint64_t twice, refused, resyncs;   /* See core_counters. */
};

struct sim_controller {
    struct bus *bus;
    struct history *history;
    uint64_t random;
    size_t page_bytes, beacon_entries;  /* Limits; 0: the usual ones. */
    bool no_cache;                      /* Of encoded objects. */
    struct controller_core *core;       /* NULL: does not run. */
    struct world world;                 /* What it was told last. */
    struct sg_epoch epoch;
    bool up;                            /* Connected. */
    long long int reconnect;            /* When it is not. */
    uint64_t n_flushes;                 /* In the history so far. */
    struct sim_controller_counters counters;    /* Of all that ran here. */
};

void sim_controller_init(struct sim_controller *, uint64_t seed, struct bus *,
                         struct history *);
void sim_controller_uninit(struct sim_controller *);

void sim_controller_start(struct sim_controller *, int64_t epoch_ms,
                          const struct world *, long long int now);
void sim_controller_disconnect(struct sim_controller *,
                               long long int reconnect);
/* 'world' is another one.  'confirm': what it lacks is gone. */
void sim_controller_tell(struct sim_controller *, bool confirm,
                         long long int now);
/* A body from the queue. */
void sim_controller_deliver(struct sim_controller *, const char *body,
                            size_t len, long long int now);
/* What its loop does.  Returns true if it came back to the broker. */
bool sim_controller_run(struct sim_controller *, long long int now);
long long int sim_controller_next(const struct sim_controller *);

const struct state *sim_controller_state(const struct sim_controller *);
/* Of those that ended; at last, all. */
void sim_controller_stop(struct sim_controller *);

#endif /* tests/lib/sim-controller.h */
