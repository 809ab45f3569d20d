/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tests/lib/sim-bus.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/topology.h"
#include "tests/lib/test.h"
#include "util.h"

#define MAX_QUEUES 16
#define MAX_BINDINGS 256

struct queue {
    char *name;
    int owner;
    long long int last;         /* When its newest message arrives. */
};

struct binding {
    char *queue, *exchange;
};

struct flight {
    long long int at, expires;
    uint64_t number;            /* Of equals the first comes first. */
    char *queue;
    char *body;
    size_t len;
};

struct bus {
    uint64_t random;
    struct bus_faults faults;
    struct queue queues[MAX_QUEUES];
    size_t n_queues;
    struct binding bindings[MAX_BINDINGS];
    size_t n_bindings;
    struct flight *flights;
    size_t n_flights, allocated;
    uint64_t n_numbers;
    struct bus_counters counters;
};

static struct queue *find_queue(const struct bus *, const char *name);
static void remove_binding(struct bus *, size_t i);
static void drop_flight(struct bus *, size_t i);
static void launch(struct bus *, struct queue *, const void *body, size_t len,
                   long long int now, long long int expires);
static size_t next_flight(const struct bus *);

static bool
lucky(struct bus *b, unsigned int per_mille)
{
    return per_mille && test_random(&b->random) % 1000 < per_mille;
}

struct bus *
bus_create(uint64_t seed)
{
    struct bus *b = xzalloc(sizeof *b);

    b->random = seed;
    b->faults.delay_ms = 1;
    return b;
}

void
bus_destroy(struct bus *b)
{
    if (b) {
        bus_restart(b);
        free(b->flights);
        free(b);
    }
}

void
bus_set_faults(struct bus *b, const struct bus_faults *faults)
{
    b->faults = *faults;
}

void
bus_add_queue(struct bus *b, const char *name, int owner)
{
    if (!find_queue(b, name)) {
        ovs_assert(b->n_queues < MAX_QUEUES);
        b->queues[b->n_queues++] = (struct queue) {
            .name = xstrdup(name), .owner = owner,
        };
    }
}

void
bus_remove_queue(struct bus *b, const char *name)
{
    struct queue *q = find_queue(b, name);

    if (!q) {
        return;
    }
    for (size_t i = b->n_bindings; i > 0; i--) {
        if (!strcmp(b->bindings[i - 1].queue, name)) {
            remove_binding(b, i - 1);
        }
    }
    for (size_t i = b->n_flights; i > 0; i--) {
        if (!strcmp(b->flights[i - 1].queue, name)) {
            drop_flight(b, i - 1);
        }
    }
    free(q->name);
    *q = b->queues[--b->n_queues];
}

void
bus_restart(struct bus *b)
{
    while (b->n_queues) {
        bus_remove_queue(b, b->queues[0].name);
    }
    ovs_assert(!b->n_bindings && !b->n_flights);
}

bool
bus_bind(struct bus *b, const char *queue, const char *exchange)
{
    struct uuid group;
    enum sg_kind kind;

    if (rpc_group_from_exchange(exchange, &kind, &group)
        && lucky(b, b->faults.unbindable)) {
        return false;
    }
    if (find_queue(b, queue) && !bus_is_bound(b, queue, exchange)) {
        ovs_assert(b->n_bindings < MAX_BINDINGS);
        b->bindings[b->n_bindings++] = (struct binding) {
            xstrdup(queue), xstrdup(exchange),
        };
    }
    return true;
}

void
bus_unbind(struct bus *b, const char *queue, const char *exchange)
{
    for (size_t i = b->n_bindings; i > 0; i--) {
        if (!strcmp(b->bindings[i - 1].queue, queue)
            && !strcmp(b->bindings[i - 1].exchange, exchange)) {
            remove_binding(b, i - 1);
        }
    }
}

bool
bus_is_bound(const struct bus *b, const char *queue, const char *exchange)
{
    for (size_t i = 0; i < b->n_bindings; i++) {
        if (!strcmp(b->bindings[i].queue, queue)
            && !strcmp(b->bindings[i].exchange, exchange)) {
            return true;
        }
    }
    return false;
}

bool
bus_lose_binding(struct bus *b)
{
    static const char agent[] = RPC_AGENT_TOPIC ".";
    size_t agents[MAX_BINDINGS];
    size_t n = 0;

    for (size_t i = 0; i < b->n_bindings; i++) {
        if (!strncmp(b->bindings[i].queue, agent, sizeof agent - 1)) {
            agents[n++] = i;
        }
    }
    if (n) {
        remove_binding(b, agents[test_random(&b->random) % n]);
    }
    return n > 0;
}

void
bus_overflow(struct bus *b, const char *queue)
{
    size_t n = 0;

    for (size_t i = 0; i < b->n_flights; i++) {
        n += !strcmp(b->flights[i].queue, queue);
    }
    n = (n + 1) / 2;
    for (size_t i = 0; i < b->n_flights && n; ) {
        if (!strcmp(b->flights[i].queue, queue)) {
            drop_flight(b, i);
            b->counters.overflowed++;
            n--;
        } else {
            i++;
        }
    }
}

size_t
bus_publish(struct bus *b, const char *exchange, const char *key,
            const void *body, size_t len, long long int now,
            long long int expires)
{
    struct queue *q;
    size_t n = 0;

    if (!exchange[0]) {
        q = find_queue(b, key);
        if (q) {
            launch(b, q, body, len, now, expires);
        }
        return q != NULL;
    }
    if (!strcmp(exchange, RPC_CONTROL_EXCHANGE)) {
        exchange = key;
    }
    for (size_t i = 0; i < b->n_bindings; i++) {
        if (!strcmp(b->bindings[i].exchange, exchange)) {
            launch(b, find_queue(b, b->bindings[i].queue), body, len, now,
                   expires);
            n++;
        }
    }
    return n;
}

long long int
bus_next(const struct bus *b)
{
    return b->n_flights ? b->flights[next_flight(b)].at : LLONG_MAX;
}

bool
bus_take(struct bus *b, long long int now, struct bus_delivery *d)
{
    while (b->n_flights) {
        size_t i = next_flight(b);
        struct flight *f = &b->flights[i];

        if (f->at > now) {
            return false;
        }
        if (f->at > f->expires) {
            b->counters.expired++;
            drop_flight(b, i);
            continue;
        }
        *d = (struct bus_delivery) {
            .owner = find_queue(b, f->queue)->owner,
            .queue = f->queue, .body = f->body, .len = f->len,
        };
        f->queue = f->body = NULL;
        drop_flight(b, i);
        b->counters.delivered++;
        return true;
    }
    return false;
}

const struct bus_counters *
bus_counters(const struct bus *b)
{
    return &b->counters;
}

static struct queue *
find_queue(const struct bus *b, const char *name)
{
    for (size_t i = 0; i < b->n_queues; i++) {
        if (!strcmp(b->queues[i].name, name)) {
            return CONST_CAST(struct queue *, &b->queues[i]);
        }
    }
    return NULL;
}

static void
remove_binding(struct bus *b, size_t i)
{
    free(b->bindings[i].queue);
    free(b->bindings[i].exchange);
    b->bindings[i] = b->bindings[--b->n_bindings];
}

static void
drop_flight(struct bus *b, size_t i)
{
    free(b->flights[i].queue);
    free(b->flights[i].body);
    memmove(&b->flights[i], &b->flights[i + 1],
            (--b->n_flights - i) * sizeof *b->flights);
}

static void
launch(struct bus *b, struct queue *q, const void *body, size_t len,
       long long int now, long long int expires)
{
    int n = lucky(b, b->faults.doubled) ? 2 : 1;

    if (lucky(b, b->faults.lost)) {
        b->counters.lost++;
        return;
    }
    b->counters.doubled += n > 1;
    for (int i = 0; i < n; i++) {
        long long int at = now + 1 + (long long int) (
            test_random(&b->random) % (unsigned int) b->faults.delay_ms);
        struct flight *f;

        if (!b->faults.overtake) {
            at = MAX(at, q->last);
        }
        b->counters.overtaken += at < q->last;
        q->last = MAX(at, q->last);
        if (b->n_flights >= b->allocated) {
            b->flights = x2nrealloc(b->flights, &b->allocated,
                                    sizeof *b->flights);
        }
        f = &b->flights[b->n_flights++];
        *f = (struct flight) {
            .at = at, .expires = expires, .number = b->n_numbers++,
            .queue = xstrdup(q->name), .body = xmemdup0(body, len),
            .len = len,
        };
        if (lucky(b, b->faults.garbled)) {
            f->body[test_random(&b->random) % len] = '\x01';
            b->counters.garbled++;
        }
    }
}

static size_t
next_flight(const struct bus *b)
{
    size_t next = 0;

    for (size_t i = 1; i < b->n_flights; i++) {
        const struct flight *f = &b->flights[i];
        const struct flight *n = &b->flights[next];

        if (f->at < n->at || (f->at == n->at && f->number < n->number)) {
            next = i;
        }
    }
    return next;
}
