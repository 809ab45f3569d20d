/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include <config.h>
#include "rpc/amqp_client.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/amqp_client-private.h"
#include "rpc/binding_table.h"
#include "rpc/publish_window.h"
#include "rpc/resolver.h"
#include "util.h"

const char *
amqp_stage_name(enum amqp_stage stage)
{
    switch (stage) {
#define AMQP_STAGE(ENUM, NAME) case AMQP_STAGE_##ENUM: return NAME;
    AMQP_STAGES
#undef AMQP_STAGE
    }
    OVS_NOT_REACHED();
}

void
amqp_event_uninit(struct amqp_event *event)
{
    if (event->decoded) {
        event->destroy(event->decoded);
    }
    free(event->block);
    memset(event, 0, sizeof *event);
}

/* --- Configuration ------------------------------------------------------ */

/* What does not depend on the deployment.  Pointers are left NULL. */
void
amqp_config_default(struct amqp_config *config)
{
    memset(config, 0, sizeof *config);
    config->queue_kind = AMQP_QUEUE_EXCLUSIVE;
    config->prefetch = 1024;
    config->max_body = 4 * 1024 * 1024;
    config->max_in = 16 * 1024 * 1024;
    config->max_out = 16 * 1024 * 1024;
    config->heartbeat = 10;
    config->stage_timeout_ms = 10000;
    config->backoff_min_ms = 200;
    config->backoff_max_ms = 2000;
    config->confirm = true;
}

static void
config_clone(struct amqp_config *dst, const struct amqp_config *src)
{
    *dst = *src;
    dst->brokers = xcalloc(src->n_brokers, sizeof *dst->brokers);
    for (size_t i = 0; i < src->n_brokers; i++) {
        dst->brokers[i].host = xstrdup(src->brokers[i].host);
        dst->brokers[i].port = src->brokers[i].port;
    }
    dst->vhost = xstrdup(src->vhost);
    dst->user = xstrdup(src->user);
    dst->password = xstrdup(src->password);
    dst->connection_name = xstrdup(src->connection_name);
    dst->queue = xstrdup(src->queue);
    dst->bindings = xcalloc(src->n_bindings, sizeof *dst->bindings);
    for (size_t i = 0; i < src->n_bindings; i++) {
        dst->bindings[i].name = xstrdup(src->bindings[i].name);
        dst->bindings[i].type = xstrdup(src->bindings[i].type);
        dst->bindings[i].key = xstrdup(src->bindings[i].key);
    }
}

static void
config_uninit(struct amqp_config *config)
{
    for (size_t i = 0; i < config->n_brokers; i++) {
        free(config->brokers[i].host);
    }
    free(config->brokers);
    for (size_t i = 0; i < config->n_bindings; i++) {
        free(config->bindings[i].name);
        free(config->bindings[i].type);
        free(config->bindings[i].key);
    }
    free(config->bindings);
    free(config->vhost);
    free(config->user);
    explicit_bzero(config->password, strlen(config->password));
    free(config->password);
    free(config->connection_name);
    free(config->queue);
}

/* --- Loop thread -------------------------------------------------------- */

struct amqp_client *
amqp_client_create(const struct amqp_config *config)
    OVS_NO_THREAD_SAFETY_ANALYSIS
{
    struct amqp_client *client = xzalloc(sizeof *client);

    ovs_assert(config->n_brokers > 0);
    ovs_assert(strlen(config->queue) + MQ_QUEUE_SUFFIX <= MQ_MAX_NAME);
    config_clone(&client->config, config);
    outbox_init(&client->outbox, config->max_out);
    atomic_init(&client->work, false);
    atomic_init(&client->quit, false);
    atomic_init(&client->downs, 0);
    atomic_init(&client->stored, 0);
    atomic_init(&client->acked, 0);
    ovs_mutex_init(&client->mutex);
    client->bindings = binding_table_create();
    client->resolver = resolver_create();
    return client;
}

/* Starts the broker thread; no process may be forked after that.  Returns 0
 * or a positive errno value. */
int
amqp_client_start(struct amqp_client *client)
{
    sigset_t all, old;
    int error;

    ovs_assert(!client->running);
    error = inbox_init(&client->inbox, client->config.max_in);
    if (error) {
        return error;
    }
    error = wake_latch_init(&client->latch);
    if (error) {
        inbox_uninit(&client->inbox);
        return error;
    }

    /* Signals are the loop's business. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    error = pthread_create(&client->thread, NULL, mq_thread_main, client);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (error) {
        wake_latch_uninit(&client->latch);
        inbox_uninit(&client->inbox);
        return error;
    }
    client->running = true;
    return 0;
}

void
amqp_client_destroy(struct amqp_client *client)
    OVS_NO_THREAD_SAFETY_ANALYSIS
{
    if (!client) {
        return;
    }
    if (client->running) {
        atomic_store(&client->quit, true);
        wake_latch_wake(&client->latch);
        pthread_join(client->thread, NULL);
        wake_latch_uninit(&client->latch);
        inbox_uninit(&client->inbox);
    }
    outbox_uninit(&client->outbox);
    binding_table_destroy(client->bindings);
    resolver_destroy(client->resolver);
    ovs_mutex_destroy(&client->mutex);
    free(client->last_reason);
    config_uninit(&client->config);
    free(client);
}

/* The broker thread is to look for work. */
static void
wake_thread(struct amqp_client *client)
{
    atomic_store(&client->work, true);
    if (client->running) {
        wake_latch_wake(&client->latch);
    }
}

bool
amqp_client_recv(struct amqp_client *client, struct amqp_event *event)
{
    bool refill = false;

    if (!client->running
        || !inbox_pop(&client->inbox, event, &refill)) {
        return false;
    }
    if (refill) {
        wake_latch_wake(&client->latch);
    }
    if (event->type == AMQP_DOWN && !event->session) {
        atomic_fetch_sub(&client->downs, 1);
    }
    return true;
}

/* Acknowledgements are sent by and by; the thread is woken only when so many
 * are due that the broker may soon run out of what it is allowed to send. */
void
amqp_client_stored(struct amqp_client *client, uint64_t session,
                   uint64_t delivery)
{
    uint64_t new = mq_stored_pack(session, delivery);
    uint64_t first = mq_stored_pack(session, 0);
    uint_fast64_t old = atomic_load(&client->stored);

    do {
        if (old < first || old >= new) {
            return;             /* Of an old session, or known. */
        }
    } while (!atomic_compare_exchange_weak(&client->stored, &old, new));

    if (new - atomic_load(&client->acked) >= mq_ack_batch(&client->config)) {
        wake_latch_wake(&client->latch);
    }
}

void
amqp_client_reject(struct amqp_client *client, uint64_t session,
                   uint64_t delivery)
{
    outbox_reject(&client->outbox, session, delivery);
}

int
amqp_client_publish(struct amqp_client *client,
                    const struct amqp_publish *publish, void *body,
                    size_t len)
{
    struct outgoing *out;

    ovs_assert(strlen(publish->exchange) <= MQ_MAX_NAME);
    out = outgoing_create(publish->exchange,
                          publish->routing_key ? publish->routing_key : "",
                          body, len);
    out->declare = publish->declare;
    out->expiration_ms = publish->expiration_ms;
    out->mandatory = publish->mandatory;
    if (strlen(out->routing_key) > MQ_MAX_NAME
        || !outbox_push(&client->outbox, out)) {
        outgoing_destroy(out);
        return EAGAIN;
    }
    wake_thread(client);
    return 0;
}

void
amqp_client_bind(struct amqp_client *client, const char *exchange)
{
    bool changed;

    ovs_assert(strlen(exchange) <= MQ_MAX_NAME);
    ovs_mutex_lock(&client->mutex);
    changed = binding_table_want(client->bindings, exchange);
    ovs_mutex_unlock(&client->mutex);
    if (changed) {
        wake_thread(client);
    }
}

void
amqp_client_unbind(struct amqp_client *client, const char *exchange)
{
    bool changed;

    ovs_mutex_lock(&client->mutex);
    changed = binding_table_drop(client->bindings, exchange);
    ovs_mutex_unlock(&client->mutex);
    if (changed) {
        wake_thread(client);
    }
}

static bool
is_permanent(const struct amqp_client *client, const char *exchange)
{
    for (size_t i = 0; i < client->config.n_bindings; i++) {
        if (!strcmp(client->config.bindings[i].name, exchange)) {
            return true;
        }
    }
    return false;
}

void
amqp_client_renew(struct amqp_client *client, const char *exchange)
{
    bool changed;

    ovs_mutex_lock(&client->mutex);
    changed = binding_table_renew(client->bindings, exchange);
    if (!changed && is_permanent(client, exchange)) {
        /* The first time: the session has bound it without the table. */
        changed = binding_table_want(client->bindings, exchange);
        client->n_permanent += changed;
    }
    ovs_mutex_unlock(&client->mutex);
    if (changed) {
        wake_thread(client);
    }
}

void
amqp_client_get_status(struct amqp_client *client,
                       struct amqp_status *status)
{
    struct mq_counters *c = &client->counters;

    ovs_mutex_lock(&client->mutex);
    *status = client->status;
    status->n_bindings = (client->config.n_bindings
                          + binding_table_count(client->bindings)
                          - client->n_permanent);
    status->n_bound = binding_table_count_bound(client->bindings);
    if (status->stage == AMQP_STAGE_UP) {
        status->n_bound += client->config.n_bindings - client->n_permanent;
    }
    if (status->blocked) {
        status->blocked_ms = mq_now() - client->blocked_since;
    }
    ovs_mutex_unlock(&client->mutex);

    status->received = atomic_load(&c->received);
    status->received_bytes = atomic_load(&c->received_bytes);
    status->published = atomic_load(&c->published);
    status->confirmed = atomic_load(&c->confirmed);
    status->returned = atomic_load(&c->returned);
    status->too_large = atomic_load(&c->too_large);
    status->rejected = atomic_load(&c->rejected);
    for (size_t i = 0; i < MQ_N_REASONS; i++) {
        status->refusals[i] = atomic_load(&c->refusals[i]);
    }
    status->in_bytes = (client->running
                        ? atomic_load(&client->inbox.bytes) : 0);
    status->out_bytes = atomic_load(&client->outbox.bytes);
}

void
amqp_client_wait(struct amqp_client *client)
{
    if (client->running) {
        inbox_wait(&client->inbox);
    }
}
