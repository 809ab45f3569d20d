/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include <config.h>
#include "rpc/amqp_client-private.h"

#include <inttypes.h>
#include <limits.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "rpc/amqp_publisher.h"
#include "rpc/binding_table.h"
#include "rpc/resolver.h"
#include "util.h"

/* Goodbye is said to a broker within this time. */
#define CLOSE_TIMEOUT_MS 1000

/* A broker that is there answers a TCP connection in one round trip.  If it
 * has just come back, another attempt finds it sooner than the kernel does,
 * which waits twice as long after each packet it has sent in vain. */
#define CONNECT_TIMEOUT_MS 5000

/* --- The way up ---------------------------------------------------------- */

static bool
quitting(struct amqp_client *client)
{
    return atomic_load(&client->quit);
}

/* Enters 'stage' and returns when it must be over. */
static long long int
enter_stage(struct amqp_client *client, enum amqp_stage stage)
{
    client->stage = stage;
    ovs_mutex_lock(&client->mutex);
    client->status.stage = stage;
    ovs_mutex_unlock(&client->mutex);
    return mq_now() + client->config.stage_timeout_ms;
}

static uint32_t
random_number(void)
{
    uint32_t n = 0;

    /* Up to 256 bytes come whole and without waiting once there is entropy;
     * should it fail, what needs a number here will also do with 0. */
    ignore(getrandom(&n, sizeof n, 0));
    return n;
}

/* Makes the name of the next session's queue. */
static void
name_queue(struct amqp_client *client)
{
    const char *name = client->config.queue;
    size_t len = strlen(name);

    if (len && name[len - 1] == '*') {
        snprintf(client->queue, sizeof client->queue, "%.*s%08"PRIx32,
                 (int) len - 1, name, random_number());
    } else {
        ovs_strlcpy(client->queue, name, sizeof client->queue);
    }
}

/* Connects and logs in on both connections. */
static char *
connect_both(struct amqp_client *client, const struct addrinfo *addresses)
{
    const struct amqp_config *config = &client->config;
    struct mq_conn *conns[] = {
        mq_consumer_conn(client->consumer),
        mq_publisher_conn(client->publisher),
    };
    static const char *const roles[] = { "consume", "publish" };

    for (size_t i = 0; i < ARRAY_SIZE(conns); i++) {
        long long int deadline = enter_stage(client, AMQP_STAGE_CONNECT);
        char *error;

        deadline = MIN(deadline, mq_now() + CONNECT_TIMEOUT_MS);
        error = mq_conn_connect(conns[i], addresses, config, deadline);
        if (!error && !quitting(client)) {
            deadline = enter_stage(client, AMQP_STAGE_LOGIN);
            error = mq_conn_login(conns[i], config, roles[i], deadline);
        }
        if (error || quitting(client)) {
            return error;
        }
    }
    return NULL;
}

/* One step of what follows the login; the consumer comes last, so that
 * nothing is delivered before everything else is ready. */
static char *
run_stage(struct amqp_client *client, enum amqp_stage stage)
{
    long long int deadline = enter_stage(client, stage);
    char *error;

    switch (stage) {
    case AMQP_STAGE_CHANNEL:
        error = mq_consumer_open(client->consumer, deadline);
        if (!error) {
            /* It is another connection: it has its own time. */
            deadline = enter_stage(client, stage);
            error = mq_publisher_open(client->publisher, deadline);
        }
        return error;

    case AMQP_STAGE_DECLARE:
        return mq_consumer_declare(client->consumer, client->queue, deadline);

    case AMQP_STAGE_BIND:
        return mq_consumer_bind(client->consumer, deadline);

    case AMQP_STAGE_CONSUME:
        return mq_consumer_consume(client->consumer, deadline);

    case AMQP_STAGE_IDLE:
    case AMQP_STAGE_BACKOFF:
    case AMQP_STAGE_RESOLVE:
    case AMQP_STAGE_CONNECT:
    case AMQP_STAGE_LOGIN:
    case AMQP_STAGE_UP:
        break;
    }
    OVS_NOT_REACHED();
}

/* Goes through all stages with the broker whose turn it is.  Returns NULL if
 * the session can begin or the client is to end, else what failed. */
static char *
bring_up(struct amqp_client *client)
{
    static const enum amqp_stage stages[] = {
        AMQP_STAGE_CHANNEL, AMQP_STAGE_DECLARE, AMQP_STAGE_BIND,
        AMQP_STAGE_CONSUME,
    };
    const struct amqp_config *config = &client->config;
    const struct amqp_broker *broker
        = &config->brokers[client->next_broker % config->n_brokers];
    struct addrinfo *addresses;
    char *error;

    ovs_mutex_lock(&client->mutex);
    snprintf(client->status.broker, sizeof client->status.broker, "%s:%u",
             broker->host, broker->port);
    ovs_mutex_unlock(&client->mutex);

    enter_stage(client, AMQP_STAGE_RESOLVE);
    error = resolver_lookup(client->resolver, broker->host, broker->port,
                            config->stage_timeout_ms, &addresses);
    if (error) {
        return error;
    }
    error = connect_both(client, addresses);
    freeaddrinfo(addresses);

    name_queue(client);
    for (size_t i = 0; i < ARRAY_SIZE(stages); i++) {
        if (error || quitting(client)) {
            break;
        }
        error = run_stage(client, stages[i]);
    }
    return error;
}

/* --- Events -------------------------------------------------------------- */

static void
push_up(struct amqp_client *client)
{
    size_t size = strlen(client->queue) + 1;
    struct inbox_item *item = inbox_item_create(size);

    item->event.type = AMQP_UP;
    item->event.session = client->session;
    item->event.queue = memcpy(item->data, client->queue, size);
    inbox_push(&client->inbox, item);
    inbox_flush(&client->inbox);
}

static void
push_down(struct amqp_client *client, uint64_t session, const char *reason)
{
    size_t size = strlen(reason) + 1;
    struct inbox_item *item = inbox_item_create(size);

    item->event.type = AMQP_DOWN;
    item->event.session = session;
    item->event.reason = memcpy(item->data, reason, size);
    inbox_push(&client->inbox, item);
    inbox_flush(&client->inbox);
}

/* An attempt to begin a session has failed.  The loop is told when the reason
 * is new, unless it has not even taken the last one. */
static void
attempt_failed(struct amqp_client *client, const char *reason)
{
    if ((!client->last_reason || strcmp(client->last_reason, reason))
        && !atomic_load(&client->downs)) {
        atomic_fetch_add(&client->downs, 1);
        push_down(client, 0, reason);
        free(client->last_reason);
        client->last_reason = xstrdup(reason);
    }
}

/* --- A session ----------------------------------------------------------- */

static void
session_begin(struct amqp_client *client)
{
    client->session++;
    mq_consumer_begin(client->consumer, client->session);
    mq_publisher_begin(client->publisher, client->session);

    ovs_mutex_lock(&client->mutex);
    client->status.stage = AMQP_STAGE_UP;
    client->status.session = client->session;
    ovs_strlcpy(client->status.queue, client->queue,
                sizeof client->status.queue);
    ovs_mutex_unlock(&client->mutex);
    client->stage = AMQP_STAGE_UP;
    free(client->last_reason);
    client->last_reason = NULL;

    /* First the news, then the possibility to answer to it. */
    outbox_open(&client->outbox, client->session);
    push_up(client);
}

static void
session_end(struct amqp_client *client, const char *reason)
{
    outbox_close(&client->outbox);
    ovs_mutex_lock(&client->mutex);
    binding_table_reset(client->bindings);
    client->status.queue[0] = '\0';
    client->status.blocked = false;
    client->blocked = false;
    ovs_mutex_unlock(&client->mutex);
    push_down(client, client->session, reason);
}

/* Lets the status say whether the broker blocks us, and since when. */
static void
note_blocked(struct amqp_client *client, long long int now)
{
    bool blocked = (mq_publisher_conn(client->publisher)->blocked
                    || mq_consumer_conn(client->consumer)->blocked);

    if (blocked != client->blocked) {
        client->blocked = blocked;
        ovs_mutex_lock(&client->mutex);
        client->status.blocked = blocked;
        client->blocked_since = now;
        ovs_mutex_unlock(&client->mutex);
    }
}

/* The thread was to sleep until 'wake_at' at the latest.  If it was not run
 * for longer, that is no silence of the broker's. */
static void
note_sleep(struct amqp_client *client, long long int wake_at)
{
    long long int now = mq_now();

    silence_slept(&mq_consumer_conn(client->consumer)->silence, wake_at, now);
    silence_slept(&mq_publisher_conn(client->publisher)->silence, wake_at,
                  now);
}

/* Sleeps until something arrives, the loop wants something, or it is time.
 * Returns, by 'readable', which connections have something. */
static void
session_sleep(struct amqp_client *client, bool readable[2])
{
    long long int now = mq_now();
    long long int wake_at = LLONG_MAX;
    bool read_consumer;
    struct pollfd pfds[3];
    int timeout;

    read_consumer = mq_consumer_wait(client->consumer, now, &wake_at);
    mq_publisher_wait(client->publisher, now, &wake_at);
    timeout = wake_at == LLONG_MAX ? -1
              : MAX(0, MIN(wake_at - now, INT_MAX));

    /* A descriptor below 0 is passed over by poll(). */
    pfds[0].fd = read_consumer ? mq_consumer_conn(client->consumer)->fd : -1;
    pfds[1].fd = mq_publisher_conn(client->publisher)->fd;
    pfds[2].fd = client->latch.fd;
    for (size_t i = 0; i < ARRAY_SIZE(pfds); i++) {
        pfds[i].events = POLLIN;
        pfds[i].revents = 0;
    }

    wake_latch_arm(&client->latch);
    if (atomic_load(&client->work) || quitting(client)) {
        timeout = 0;
    }
    poll(pfds, ARRAY_SIZE(pfds), timeout);
    wake_latch_disarm(&client->latch, pfds[2].revents);
    note_sleep(client, MAX(wake_at, now));
    readable[0] = pfds[0].revents;
    readable[1] = pfds[1].revents;
}

/* Works until the session breaks; returns why, or NULL if the client is to
 * end. */
static char *
session_run(struct amqp_client *client)
{
    /* While the one connection was set up, the other had something to say. */
    bool readable[2] = { true, true };
    char *error = NULL;

    while (!error && !quitting(client)) {
        bool work = (atomic_load(&client->work)
                     && atomic_exchange(&client->work, false));
        long long int now = mq_now();

        if (work) {
            mq_consumer_bindings_changed(client->consumer);
        }
        error = mq_consumer_run(client->consumer, readable[0], now);
        if (!error) {
            error = mq_publisher_run(client->publisher, readable[1], work,
                                     now);
            if (error) {
                char *text = xasprintf("publish: %s", error);

                free(error);
                error = text;
            }
        }
        note_blocked(client, now);
        if (!error) {
            session_sleep(client, readable);
        }
    }
    return error;
}

/* The client is to end while the session is fine: send what can be sent
 * without waiting and say goodbye. */
static void
say_goodbye(struct amqp_client *client)
{
    long long int now = mq_now();
    char *error;

    error = mq_publisher_run(client->publisher, false, true, now);
    if (!error) {
        error = mq_consumer_ack(client->consumer, true, now);
    }
    if (!error) {
        long long int deadline
            = now + MIN(CLOSE_TIMEOUT_MS, client->config.stage_timeout_ms);

        mq_conn_close(mq_publisher_conn(client->publisher), deadline);
        mq_conn_close(mq_consumer_conn(client->consumer), deadline);
    }
    free(error);
}

/* --- Its life ------------------------------------------------------------ */

/* Waits a random part, at least half, of the time that the last failures have
 * earned, or until the client is to end. */
static void
back_off(struct amqp_client *client)
{
    const struct amqp_config *config = &client->config;
    long long int wake_at;

    client->backoff_ms = MIN(MAX(client->backoff_ms * 2,
                                 config->backoff_min_ms),
                             config->backoff_max_ms);
    enter_stage(client, AMQP_STAGE_BACKOFF);
    wake_at = mq_now() + client->backoff_ms / 2
              + random_number() % (client->backoff_ms / 2 + 1);
    while (!quitting(client)) {
        struct pollfd pfd = { .fd = client->latch.fd, .events = POLLIN };
        long long int now = mq_now();

        if (now >= wake_at) {
            break;
        }
        wake_latch_arm(&client->latch);
        if (!quitting(client)) {
            poll(&pfd, 1, wake_at - now);
        }
        wake_latch_disarm(&client->latch, pfd.revents);
    }
}

static void
note_error(struct amqp_client *client, const char *reason)
{
    ovs_mutex_lock(&client->mutex);
    ovs_strlcpy(client->status.last_error, reason,
                sizeof client->status.last_error);
    ovs_mutex_unlock(&client->mutex);
}

/* One attempt and, if it succeeds, one session. */
static void
live_once(struct amqp_client *client)
{
    const struct amqp_config *config = &client->config;
    struct mq_consumer_ends ends = {
        .config = config,
        .inbox = &client->inbox,
        .outbox = &client->outbox,
        .mutex = &client->mutex,
        .bindings = client->bindings,
        .stored = &client->stored,
        .acked = &client->acked,
        .counters = &client->counters,
        .quit = &client->quit,
    };
    char *error, *reason = NULL;

    client->consumer = mq_consumer_create(&ends);
    client->publisher = mq_publisher_create(config, &client->inbox,
                                            &client->outbox,
                                            &client->counters,
                                            &client->quit);
    error = bring_up(client);
    if (error) {
        reason = xasprintf("%s: %s", amqp_stage_name(client->stage), error);
        note_error(client, reason);
        attempt_failed(client, reason);
        client->next_broker++;
    } else if (!quitting(client)) {
        long long int began = mq_now();

        session_begin(client);
        error = session_run(client);
        if (error) {
            reason = xasprintf("%s: %s", amqp_stage_name(client->stage),
                               error);
            note_error(client, reason);
        } else {
            say_goodbye(client);
        }
        session_end(client, reason ? reason : "closed");

        /* A broker with which a session has lived is the first to be tried
         * again, and soon: it may have deleted the queue, or restarted.  If
         * it is gone, that is known at once or costs one deadline. */
        if (mq_now() - began > config->backoff_max_ms) {
            client->backoff_ms = 0;
        } else {
            client->next_broker++;
        }
    }
    free(error);
    free(reason);
    mq_publisher_destroy(client->publisher);
    mq_consumer_destroy(client->consumer);
}

void *
mq_thread_main(void *client_)
{
    struct amqp_client *client = client_;

    pthread_setname_np(pthread_self(), "amqp");

    /* Many hosts with the same list do not all begin with the first one. */
    client->next_broker = random_number() % client->config.n_brokers;
    while (!quitting(client)) {
        live_once(client);
        if (!quitting(client)) {
            back_off(client);
        }
    }
    return NULL;
}
