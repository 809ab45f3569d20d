/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef TESTS_LIB_SIM_BUS_H
#define TESTS_LIB_SIM_BUS_H 1

/* A broker on a virtual clock: as much of RabbitMQ as the protocol uses, and
 * all that it may do to a message.
 *
 * Queues have names and owners (a number, the owner's); what is published is
 * copied for every queue that it is routed to and arrives later, or never, or
 * twice.  Without faults the messages of a queue keep their order; with them
 * they overtake each other. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bus;

struct bus_faults {
    /* Of 1,000 deliveries. */
    unsigned int lost, doubled, garbled;
    unsigned int unbindable;    /* Of 1,000 bindings to a group. */
    int delay_ms;               /* At most; at least 1. */
    bool overtake;
};

struct bus *bus_create(uint64_t seed);
void bus_destroy(struct bus *);
void bus_set_faults(struct bus *, const struct bus_faults *);

/* Owners are told of deliveries to their queues. */
void bus_add_queue(struct bus *, const char *queue, int owner);
void bus_remove_queue(struct bus *, const char *queue);
/* All queues, bindings and messages are gone. */
void bus_restart(struct bus *);
/* False if it was refused. */
bool bus_bind(struct bus *, const char *queue, const char *exchange);
void bus_unbind(struct bus *, const char *queue, const char *exchange);
bool bus_is_bound(const struct bus *, const char *queue,
                  const char *exchange);
/* Removes one binding of an agent, drawn by lot; nobody is told. */
bool bus_lose_binding(struct bus *);
/* The oldest half of what waits for this queue is dropped. */
void bus_overflow(struct bus *, const char *queue);

/* To the queue of that name (exchange ""), to the one bound with that key
 * (the control exchange: its name is the key), or to all that are bound.
 * Returns how many took it.  'expires': dropped when it would arrive later. */
size_t bus_publish(struct bus *, const char *exchange, const char *key,
                   const void *body, size_t len, long long int now,
                   long long int expires);

/* When the next message arrives; LLONG_MAX: none is on its way. */
long long int bus_next(const struct bus *);
/* Takes one that is due; false if none is.  The caller frees 'body', which is
 * NUL-terminated, and 'queue'. */
struct bus_delivery {
    int owner;
    char *queue;
    char *body;
    size_t len;
};
bool bus_take(struct bus *, long long int now, struct bus_delivery *);

struct bus_counters {
    uint64_t delivered, lost, doubled, garbled, overtaken, expired, overflowed;
};
const struct bus_counters *bus_counters(const struct bus *);

#endif /* tests/lib/sim-bus.h */
