/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef RPC_BINDING_TABLE_H
#define RPC_BINDING_TABLE_H 1

/* The fanout exchanges that a queue is to be bound to, and how far each is.
 *
 * The owner states wishes (want, drop); whoever has the channel asks for the
 * next action, performs it and reports the broker's answers.  Nothing here
 * knows a socket or a clock.
 *
 * Actions are pipelined: BIND is two methods, exchange.declare and queue.bind
 * (a bind to an exchange that does not exist would close the channel), UNBIND
 * is one.  The broker works on them in order, so each -ok belongs to the
 * oldest method that has none, and when the broker closes the channel the
 * oldest one is the culprit and everything behind it is lost:
 *
 *                want                    declare-ok, bind-ok
 *      IDLE ------------> BINDING --------------------------> BOUND
 *       ^ ^                 | ^ channel closed: the culprit   | |
 *       | +-----------------+ | waits, the others at once       | | drop
 *       |                     +---------------------------------+ |
 *       |                     renew                               |
 *       |                     unbind-ok                           v
 *       +---------------------------------------------------- UNBINDING
 *
 * The table does no locking.  A wish is kept until it is dropped, across
 * sessions; binding_table_reset() begins a session with nothing bound. */

#include <stdbool.h>
#include <stddef.h>

#include "sg/types.h"

/* Methods without answer at any time. */
#define BINDING_WINDOW 256

/* How long a culprit waits, doubled each time. */
#define BINDING_RETRY_MIN_MS 1000
#define BINDING_RETRY_MAX_MS 30000

enum binding_action {
    BINDING_NOTHING,
    BINDING_BIND,               /* Send exchange.declare and queue.bind. */
    BINDING_UNBIND,             /* Send queue.unbind. */
    BINDING_ANNOUNCE,           /* Wanted anew and still bound: say so. */
};

enum binding_method {
    BINDING_DECLARE_OK,
    BINDING_BIND_OK,
    BINDING_UNBIND_OK,
};

struct binding_table *binding_table_create(void);
void binding_table_destroy(struct binding_table *);

/* These return true if there is something new to do. */
bool binding_table_want(struct binding_table *, const char *exchange);
bool binding_table_drop(struct binding_table *, const char *exchange);
bool binding_table_renew(struct binding_table *, const char *exchange);

void binding_table_reset(struct binding_table *);
enum binding_action binding_table_next(struct binding_table *,
                                       long long int now,
                                       const char **exchange);
bool binding_table_ok(struct binding_table *, enum binding_method,
                      const char **bound) SG_MUST_USE;
bool binding_table_closed(struct binding_table *, long long int now,
                          const char **culprit) SG_MUST_USE;

/* When binding_table_next() has something to say again: LLONG_MAX if not
 * before something else happens. */
long long int binding_table_next_time(const struct binding_table *);

size_t binding_table_in_flight(const struct binding_table *);
size_t binding_table_count(const struct binding_table *);
size_t binding_table_count_bound(const struct binding_table *);

#endif /* rpc/binding_table.h */
