/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include <config.h>
#include "rpc/binding_table.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/list.h"
#include "openvswitch/shash.h"
#include "util.h"

enum binding_state {
    BINDING_IDLE,
    BINDING_BINDING,
    BINDING_BOUND,
    BINDING_UNBINDING,
};

struct binding {
    struct ovs_list node;       /* In 'todo' or 'failed', else empty. */
    const char *exchange;       /* The key of 'bindings'. */
    enum binding_state state;
    bool wanted;
    bool announce;              /* Bound, but the owner does not know. */
    bool renew;                 /* Bound, but perhaps the broker lost it. */
    bool stands;                /* The broker has confirmed it; also while it
                                 * is renewed. */
    long long int retry_at;     /* In 'failed'. */
    int backoff_ms;             /* 0: did not fail last time. */
};

/* A method that was sent and the answer it waits for. */
struct flight {
    struct binding *binding;
    enum binding_method answer;
};

struct binding_table {
    struct shash bindings;      /* struct binding by exchange. */
    struct ovs_list todo;       /* Those with an action to perform. */
    struct ovs_list failed;     /* Those that wait for 'retry_at'. */
    long long int next_retry;   /* No 'retry_at' is earlier. */
    size_t n_bound;

    /* Oldest first; a ring. */
    struct flight flights[BINDING_WINDOW];
    size_t first, n_flights;
};

struct binding_table *
binding_table_create(void)
{
    struct binding_table *t = xzalloc(sizeof *t);

    shash_init(&t->bindings);
    ovs_list_init(&t->todo);
    ovs_list_init(&t->failed);
    t->next_retry = LLONG_MAX;
    return t;
}

void
binding_table_destroy(struct binding_table *t)
{
    if (t) {
        shash_destroy_free_data(&t->bindings);
        free(t);
    }
}

/* Moves 'b' to 'list', NULL for none, out of where it is. */
static void
move_to(struct binding *b, struct ovs_list *list)
{
    if (!ovs_list_is_empty(&b->node)) {
        ovs_list_remove(&b->node);
        ovs_list_init(&b->node);
    }
    if (list) {
        ovs_list_push_back(list, &b->node);
    }
}

static void
set_state(struct binding_table *t, struct binding *b,
          enum binding_state state)
{
    t->n_bound -= b->state == BINDING_BOUND;
    t->n_bound += state == BINDING_BOUND;
    b->state = state;
}

/* Puts 'b' where its state and its wish ask for; forgets it when neither
 * says anything any more.  A method in flight decides later.  Returns true if
 * there is something to do. */
static bool
settle(struct binding_table *t, struct binding *b)
{
    switch (b->state) {
    case BINDING_IDLE:
        if (!b->wanted && b->stands) {
            /* The renewal was refused: what it was about may be there. */
            set_state(t, b, BINDING_BOUND);
        } else if (!b->wanted) {
            move_to(b, NULL);
            shash_find_and_delete(&t->bindings, b->exchange);
            free(b);
            return false;
        }
        move_to(b, &t->todo);
        return true;

    case BINDING_BOUND:
        if (b->wanted && !b->announce && !b->renew) {
            move_to(b, NULL);
            return false;
        }
        move_to(b, &t->todo);
        return true;

    case BINDING_BINDING:
    case BINDING_UNBINDING:
        return false;
    }
    OVS_NOT_REACHED();
}

/* Wishes for a binding to 'exchange'.  An exchange that is wanted already
 * stays as it is; one that was dropped a moment ago and is still bound is
 * announced again, because its owner waits for that. */
bool
binding_table_want(struct binding_table *t, const char *exchange)
{
    struct binding *b = shash_find_data(&t->bindings, exchange);

    if (!b) {
        b = xzalloc(sizeof *b);
        ovs_list_init(&b->node);
        b->exchange = shash_add(&t->bindings, exchange, b)->name;
    } else if (b->wanted) {
        return false;
    }
    b->wanted = true;
    b->announce = b->state == BINDING_BOUND;
    return settle(t, b);
}

bool
binding_table_drop(struct binding_table *t, const char *exchange)
{
    struct binding *b = shash_find_data(&t->bindings, exchange);

    if (!b || !b->wanted) {
        return false;
    }
    b->wanted = false;
    b->announce = b->renew = false;
    return settle(t, b);
}

/* The broker may have lost the binding to 'exchange': it is made again, and
 * announced again, if it is wanted.  One that is not complete will be, and so
 * needs nothing. */
bool
binding_table_renew(struct binding_table *t, const char *exchange)
{
    struct binding *b = shash_find_data(&t->bindings, exchange);

    if (!b || !b->wanted || b->state != BINDING_BOUND || b->renew) {
        return false;
    }
    b->renew = true;
    return settle(t, b);
}

/* Begins a session: no exchange is bound, nothing is in flight, and what
 * failed is tried at once. */
void
binding_table_reset(struct binding_table *t)
{
    struct shash_node *node;

    t->n_flights = 0;
    SHASH_FOR_EACH_SAFE (node, &t->bindings) {
        struct binding *b = node->data;

        set_state(t, b, BINDING_IDLE);
        b->announce = b->renew = b->stands = false;
        b->backoff_ms = 0;
        settle(t, b);
    }
}

static void
take_off(struct binding_table *t, struct binding *b,
         enum binding_method answer)
{
    size_t i = (t->first + t->n_flights++) % BINDING_WINDOW;

    t->flights[i] = (struct flight) { b, answer };
}

/* Moves those whose waiting time is over. */
static void
retry_failed(struct binding_table *t, long long int now)
{
    struct binding *b;

    if (now < t->next_retry) {
        return;
    }
    t->next_retry = LLONG_MAX;
    LIST_FOR_EACH_SAFE (b, node, &t->failed) {
        if (b->retry_at <= now) {
            move_to(b, &t->todo);
        } else {
            t->next_retry = MIN(t->next_retry, b->retry_at);
        }
    }
}

/* Returns what to do next, with '*exchange', which is valid until the table
 * is used again.  What it returns is taken for done. */
enum binding_action
binding_table_next(struct binding_table *t, long long int now,
                   const char **exchange)
{
    struct binding *b;

    retry_failed(t, now);
    if (ovs_list_is_empty(&t->todo) || t->n_flights + 2 > BINDING_WINDOW) {
        return BINDING_NOTHING;
    }
    b = CONTAINER_OF(ovs_list_front(&t->todo), struct binding, node);
    move_to(b, NULL);
    *exchange = b->exchange;

    if (b->state == BINDING_IDLE || b->renew) {
        b->announce = b->renew = false;
        set_state(t, b, BINDING_BINDING);
        take_off(t, b, BINDING_DECLARE_OK);
        take_off(t, b, BINDING_BIND_OK);
        return BINDING_BIND;
    } else if (b->wanted) {
        b->announce = false;
        return BINDING_ANNOUNCE;
    } else {
        set_state(t, b, BINDING_UNBINDING);
        take_off(t, b, BINDING_UNBIND_OK);
        return BINDING_UNBIND;
    }
}

/* The broker has answered a method.  Returns false if that is not the answer
 * that was due.  '*bound' is the exchange that is bound now and still wanted,
 * or NULL; it is valid until the table is used again. */
bool
binding_table_ok(struct binding_table *t, enum binding_method answer,
                 const char **bound)
{
    struct flight *flight = &t->flights[t->first];
    struct binding *b;

    if (!t->n_flights || flight->answer != answer) {
        return false;
    }
    b = flight->binding;
    t->first = (t->first + 1) % BINDING_WINDOW;
    t->n_flights--;

    *bound = NULL;
    switch (answer) {
    case BINDING_DECLARE_OK:
        break;

    case BINDING_BIND_OK:
        set_state(t, b, BINDING_BOUND);
        b->stands = true;
        b->backoff_ms = 0;
        *bound = b->wanted ? b->exchange : NULL;
        b->announce = false;
        settle(t, b);
        break;

    case BINDING_UNBIND_OK:
        set_state(t, b, BINDING_IDLE);
        b->stands = false;
        settle(t, b);
        break;
    }
    return true;
}

/* Lets 'b', whose methods the broker refused, wait for its next turn. */
static void
postpone(struct binding_table *t, struct binding *b, long long int now)
{
    b->backoff_ms = (b->backoff_ms
                     ? MIN(b->backoff_ms * 2, BINDING_RETRY_MAX_MS)
                     : BINDING_RETRY_MIN_MS);
    b->retry_at = now + b->backoff_ms;
    t->next_retry = MIN(t->next_retry, b->retry_at);
    move_to(b, &t->failed);
}

/* The broker has closed the channel.  Returns false if no method was in
 * flight, so that none of ours can be the reason.  '*culprit' is the exchange
 * of the oldest method if it was to be bound and is still wanted, else NULL;
 * it is valid until the table is used again.  What was behind it will be done
 * again.  Bindings that were complete are not affected. */
bool
binding_table_closed(struct binding_table *t, long long int now,
                     const char **culprit)
{
    struct binding *guilty;

    if (!t->n_flights) {
        return false;
    }
    guilty = t->flights[t->first].binding;

    *culprit = NULL;
    while (t->n_flights) {
        struct flight flight = t->flights[t->first];
        struct binding *b = flight.binding;

        t->first = (t->first + 1) % BINDING_WINDOW;
        t->n_flights--;
        switch (flight.answer) {
        case BINDING_DECLARE_OK:
            break;              /* Its bind is behind it. */

        case BINDING_BIND_OK:
            set_state(t, b, BINDING_IDLE);
            if (b == guilty && b->wanted) {
                postpone(t, b, now);
                *culprit = b->exchange;
            } else {
                settle(t, b);
            }
            break;

        case BINDING_UNBIND_OK:
            /* An unbind that is refused has nothing left to unbind. */
            set_state(t, b, b == guilty ? BINDING_IDLE : BINDING_BOUND);
            b->stands = b != guilty;
            b->announce = b->wanted && b != guilty;
            settle(t, b);
            break;
        }
    }
    return true;
}

long long int
binding_table_next_time(const struct binding_table *t)
{
    return t->next_retry;
}

size_t
binding_table_in_flight(const struct binding_table *t)
{
    return t->n_flights;
}

size_t
binding_table_count(const struct binding_table *t)
{
    return shash_count(&t->bindings);
}

size_t
binding_table_count_bound(const struct binding_table *t)
{
    return t->n_bound;
}
