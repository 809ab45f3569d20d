/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include <config.h>
#include "agent/broker.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "agent/config.h"
#include "agent/log_budget.h"
#include "agent/received.h"
#include "agent/sync.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "rpc/topology.h"
#include "svec.h"
#include "timeval.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(broker);

static struct vlog_rate_limit renew_rl = VLOG_RATE_LIMIT_INIT(6, 6);

/* A call expires at the broker when nobody would read its answer any more. */
#define SYNC_EXPIRATION_MS 10000

/* Bodies on their way that the broker may send without an ack. */
#define PREFETCH 1024

struct broker {
    struct amqp_client *client;
    struct sync *sync;
    struct rpc_limits limits;   /* Read by the thread of 'client'. */
    char *queue;                /* Of the broker session, or NULL. */
    char call[33];              /* Outstanding `sync`, or "". */
    char next_call[33];         /* Id of the next one, or "": none yet. */
    struct svec bound;          /* Exchanges we asked to be bound to. */
    struct log_budget log;      /* Of lines that repeat what others sent. */
    uint64_t refused[RPC_N_LIMITS];

    uint64_t messages, malformed, unbindable;
    struct broker_traffic in[SG_N_METHODS], out[SG_N_METHODS];
    char last_malformed[256];
    char last_unbindable[256];
};

/* 32 hex digits nobody else has. */
static void
make_unique(char hex[33])
{
    struct uuid uuid;

    uuid_generate(&uuid);
    snprintf(hex, 33, "%08x%08x%08x%08x", uuid.parts[0], uuid.parts[1],
             uuid.parts[2], uuid.parts[3]);
}

/* By the thread of the connection. */
static void *
decode(const void *body, size_t len, const void *limits, size_t *size)
{
    return received_decode(body, len, limits, size);
}

static void
destroy_decoded(void *received)
{
    received_destroy(received);
}

/* The connection that 'config' describes.  amqp_client_create() copies what
 * it is given, so borrowed pointers and locals will do. */
static struct amqp_client *
create_client(const struct config *config, const char *boot,
              const struct rpc_limits *limits)
{
    const struct config_broker *cb = &config->broker;
    struct amqp_exchange_spec bindings[2];
    struct amqp_config amqp;
    struct amqp_client *client;
    char *key = rpc_agent_key(config->host);

    amqp_config_default(&amqp);
    amqp.brokers = xcalloc(cb->hosts.n, sizeof *amqp.brokers);
    amqp.n_brokers = cb->hosts.n;
    for (size_t i = 0; i < cb->hosts.n; i++) {
        amqp.brokers[i].host = cb->hosts.p[i].host;
        amqp.brokers[i].port = cb->hosts.p[i].port;
    }
    amqp.vhost = cb->vhost;
    amqp.user = cb->user;
    amqp.password = cb->password;
    amqp.connection_name = xasprintf("sg-agent:%s:%.8s", config->host, boot);
    amqp.queue = xasprintf("%s.*", key);
    amqp.queue_kind = AMQP_QUEUE_EXCLUSIVE;
    amqp.queue_max_bytes = cb->max_queue_bytes;
    amqp.prefetch = PREFETCH;
    amqp.max_body = config->limits.body;
    amqp.decoder = (struct amqp_decoder) { decode, destroy_decoded, limits };
    amqp.heartbeat = cb->heartbeat;
    amqp.stage_timeout_ms = cb->timeout_ms;
    amqp.confirm = true;

    /* An empty routing key is what a stock oslo.messaging publisher uses for
     * a fanout; the broker ignores the key of a fanout binding. */
    bindings[0] = (struct amqp_exchange_spec) {
        CONST_CAST(char *, RPC_CONTROL_EXCHANGE),
        CONST_CAST(char *, "topic"), key,
    };
    bindings[1] = (struct amqp_exchange_spec) {
        CONST_CAST(char *, RPC_BEACON_EXCHANGE),
        CONST_CAST(char *, "fanout"), CONST_CAST(char *, ""),
    };
    amqp.bindings = bindings;
    amqp.n_bindings = ARRAY_SIZE(bindings);

    client = amqp_client_create(&amqp);
    free(amqp.brokers);
    free(amqp.connection_name);
    free(amqp.queue);
    free(key);
    return client;
}

struct broker *
broker_create(const struct config *config, const char *boot,
              struct sync *sync)
{
    struct broker *b = xzalloc(sizeof *b);

    b->sync = sync;
    svec_init(&b->bound);
    config_get_rpc_limits(config, &b->limits);
    log_budget_init(&b->log, config->limits.log_lines, time_msec());
    b->client = create_client(config, boot, &b->limits);
    return b;
}

int
broker_start(struct broker *b)
{
    return amqp_client_start(b->client);
}

void
broker_destroy(struct broker *b)
{
    if (b) {
        amqp_client_destroy(b->client);
        svec_destroy(&b->bound);
        free(b->queue);
        free(b);
    }
}

/* Remembers why a body was refused, in a form that is fit for a log. */
static void
note_malformed(struct broker *b, const struct received *r, size_t len,
               long long int now)
{
    b->malformed++;
    snprintf(b->last_malformed, sizeof b->last_malformed,
             "%"PRIuSIZE" bytes, sha1 %s: %s", len, r->digest, r->error);
    if (log_budget_take(&b->log, now)) {
        VLOG_WARN("message refused: %s", b->last_malformed);
    }
}

static void
count(struct broker_traffic traffic[SG_N_METHODS], enum sg_method method,
      size_t len)
{
    traffic[method].messages++;
    traffic[method].bytes += len;
}

/* Hands on an answer.  Returns false if the call has been given up. */
static bool
take_answer(struct broker *b, const struct received *r, long long int now)
{
    if (strcmp(r->msg_id, b->call)) {
        return false;
    }
    if (r->failure || r->error || r->has_update) {
        b->call[0] = '\0';
        sync_answer(b->sync, r->msg_id, r->has_update ? &r->update : NULL,
                    r->failure ? r->failure : r->error, now);
    }
    return true;
}

static void
take_body(struct broker *b, const struct amqp_event *event,
          long long int now)
{
    const struct received *r = event->decoded;
    bool wanted = true;

    b->messages++;
    for (size_t i = 0; i < RPC_N_LIMITS; i++) {
        b->refused[i] += r->refused[i];
    }
    if (r->msg_id) {
        count(b->in, SG_METHOD_SYNC, event->len);
        wanted = take_answer(b, r, now);
    } else if (r->has_update) {
        count(b->in, r->update.method, event->len);
        sync_update(b->sync, &r->update, now);
    }
    if (wanted && r->error) {
        note_malformed(b, r, event->len, now);
        amqp_client_reject(b->client, event->session, event->delivery);
    }
}

/* An outstanding question will not be answered. */
static void
fail_call(struct broker *b, const char *why, long long int now)
{
    if (b->call[0]) {
        char call[sizeof b->call];

        ovs_strlcpy(call, b->call, sizeof call);
        b->call[0] = '\0';
        sync_answer(b->sync, call, NULL, why, now);
    }
}

static void
take_event(struct broker *b, const struct amqp_event *event,
           long long int now)
{
    static struct vlog_rate_limit down_rl = VLOG_RATE_LIMIT_INIT(30, 10);

    switch (event->type) {
    case AMQP_NONE:
        break;
    case AMQP_UP:
        VLOG_INFO("connected to the broker, session %"PRIu64,
                  event->session);
        free(b->queue);
        b->queue = xstrdup(event->queue);
        sync_connected(b->sync, now);
        break;
    case AMQP_DOWN:
        /* Of its own rate: no flood of others' messages may hide it. */
        VLOG_WARN_RL(&down_rl, "no connection to the broker: %s; policy stays "
                     "as it is", event->reason ? event->reason : "lost");
        free(b->queue);
        b->queue = NULL;
        b->call[0] = '\0';
        sync_disconnected(b->sync, now);
        break;
    case AMQP_BODY:
        take_body(b, event, now);
        break;
    case AMQP_BOUND:
        sync_bound(b->sync, event->exchange, now);
        break;
    case AMQP_BIND_FAILED:
        b->unbindable++;
        snprintf(b->last_unbindable, sizeof b->last_unbindable, "%s: %s",
                 event->exchange, event->reason ? event->reason : "");
        if (log_budget_take(&b->log, now)) {
            VLOG_WARN("cannot bind to %s; trying again", b->last_unbindable);
        }
        sync_unbound(b->sync, event->exchange);
        break;
    case AMQP_PUBLISH_FAILED:
        fail_call(b, event->reason ? event->reason : "not published", now);
        break;
    case AMQP_TOO_LARGE:
        b->refused[RPC_LIMIT_BODY]++;
        if (log_budget_take(&b->log, now)) {
            VLOG_WARN("message of %"PRIuSIZE" bytes refused: above the limit; "
                      "asking what it was about", event->len);
        }
        sync_lost(b->sync, now);
        break;
    }
}

bool
broker_run(struct broker *b, long long int now)
{
    uint64_t session = 0, delivery = 0, suppressed;
    long long int end = time_msec() + BROKER_TURN_MS;
    struct amqp_event event;

    for (int i = 0; i < BROKER_TURN_BODIES; i++) {
        if ((i && time_msec() >= end)
            || !amqp_client_recv(b->client, &event)) {
            break;
        }
        take_event(b, &event, now);
        if (event.type == AMQP_BODY) {
            session = event.session;
            delivery = event.delivery;
        }
        amqp_event_uninit(&event);
    }
    if (delivery) {
        amqp_client_stored(b->client, session, delivery);
    }
    suppressed = log_budget_say(&b->log, now);
    if (suppressed) {
        VLOG_WARN("%"PRIu64" more lines about what others sent: above "
                  "limits.log_lines", suppressed);
    }
    return delivery != 0;
}

/* Makes the bindings what `sync` wishes. */
static void
update_bindings(struct broker *b, long long int now)
{
    struct svec wanted = SVEC_EMPTY_INITIALIZER;
    char **exchanges;
    size_t i = 0, j = 0, n;

    if (!sync_take_bindings(b->sync, now, &exchanges, &n)) {
        return;
    }
    for (size_t k = 0; k < n; k++) {
        svec_add_nocopy(&wanted, exchanges[k]);
    }
    free(exchanges);
    svec_sort(&wanted);

    while (i < b->bound.n || j < wanted.n) {
        int cmp = (i >= b->bound.n ? 1
                   : j >= wanted.n ? -1
                   : strcmp(b->bound.names[i], wanted.names[j]));

        if (cmp < 0) {
            amqp_client_unbind(b->client, b->bound.names[i++]);
        } else if (cmp > 0) {
            amqp_client_bind(b->client, wanted.names[j++]);
        } else {
            i++, j++;
        }
    }
    svec_swap(&b->bound, &wanted);
    svec_destroy(&wanted);
}

/* Has those made again that the broker may have lost. */
static void
renew_bindings(struct broker *b)
{
    char **exchanges;
    bool suspected;
    size_t n;

    if (!sync_take_renewals(b->sync, &exchanges, &n, &suspected)) {
        return;
    }
    if (suspected) {
        VLOG_INFO_RL(&renew_rl, "%"PRIuSIZE" bindings may be lost at the "
                     "broker, %s is one: binding again", n, exchanges[0]);
    }
    for (size_t i = 0; i < n; i++) {
        amqp_client_renew(b->client, exchanges[i]);
    }
    sg_texts_free(exchanges, n);
}

static void
send_request(struct broker *b, const char *msg_id,
             const struct sg_sync_request *request, long long int now)
{
    const struct amqp_publish publish = {
        .exchange = RPC_CONTROL_EXCHANGE,
        .declare = "topic",
        .routing_key = RPC_CONTROLLER_TOPIC,
        .expiration_ms = SYNC_EXPIRATION_MS,
        /* Without a controller the broker would drop it without a word. */
        .mandatory = true,
    };
    char unique_id[33];
    char *body;
    size_t len;
    int error;

    make_unique(unique_id);
    ovs_strlcpy(b->call, msg_id, sizeof b->call);
    body = rpc_encode_sync_call(request, msg_id, b->queue ? b->queue : "",
                                unique_id, &len);
    error = b->queue ? amqp_client_publish(b->client, &publish, body, len)
                     : ENOTCONN;
    if (error) {
        if (!b->queue) {
            free(body);
        }
        fail_call(b, ovs_strerror(error), now);
    } else {
        count(b->out, SG_METHOD_SYNC, len);
    }
}

void
broker_send(struct broker *b, long long int now)
{
    struct sg_sync_request request;

    update_bindings(b, now);
    /* Most turns ask nothing: the id is made once and waits for its use. */
    if (!b->next_call[0]) {
        make_unique(b->next_call);
    }
    if (sync_run(b->sync, now, b->next_call, &request)) {
        char msg_id[sizeof b->next_call];

        ovs_strlcpy(msg_id, b->next_call, sizeof msg_id);
        b->next_call[0] = '\0';
        send_request(b, msg_id, &request, now);
        sg_sync_request_uninit(&request);
    }
    renew_bindings(b);
}

void
broker_report(struct broker *b, const struct sg_report *report)
{
    const struct amqp_publish publish = {
        .exchange = RPC_CONTROL_EXCHANGE,
        .declare = "topic",
        .routing_key = RPC_CONTROLLER_TOPIC,
    };
    char unique_id[33];
    size_t len;
    char *body;
    int error;

    if (!b->queue) {
        return;
    }
    make_unique(unique_id);
    body = rpc_encode_report(report, unique_id, &len);
    error = amqp_client_publish(b->client, &publish, body, len);
    if (error) {
        VLOG_DBG("report not sent: %s", ovs_strerror(error));
    } else {
        count(b->out, SG_METHOD_REPORT, len);
    }
}

void
broker_bind_unneeded(struct broker *b, const char *exchange, bool bind)
{
    if (svec_contains(&b->bound, exchange)) {
        return;
    } else if (bind) {
        amqp_client_bind(b->client, exchange);
    } else {
        amqp_client_unbind(b->client, exchange);
    }
}

void
broker_wait(struct broker *b, bool asks)
{
    long long int next = asks ? sync_next(b->sync) : LLONG_MAX;

    amqp_client_wait(b->client);
    if (next != LLONG_MAX) {
        poll_timer_wait_until(next);
    }
}

void
broker_get_status(struct broker *b, struct broker_status *status)
{
    memset(status, 0, sizeof *status);
    amqp_client_get_status(b->client, &status->amqp);
    memcpy(status->in, b->in, sizeof status->in);
    memcpy(status->out, b->out, sizeof status->out);
    status->messages = b->messages;
    status->malformed = b->malformed;
    status->unbindable = b->unbindable;
    memcpy(status->refused, b->refused, sizeof status->refused);
    status->log_suppressed = b->log.suppressed_total;
    ovs_strlcpy(status->last_malformed, b->last_malformed,
                sizeof status->last_malformed);
    ovs_strlcpy(status->last_unbindable, b->last_unbindable,
                sizeof status->last_unbindable);
}
