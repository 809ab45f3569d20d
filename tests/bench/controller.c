/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include <config.h>
#include "tests/bench/controller.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/poll-loop.h"
#include "rpc/amqp_client.h"
#include "rpc/message.h"
#include "rpc/topology.h"
#include "timeval.h"
#include "util.h"
#include "uuid.h"

#define BEACON_MS 2000                  /* docs/protocol.md, "Timing". */

struct controller {
    struct synthetic *policy;
    struct rpc_limits limits;
    struct amqp_client *client;
    bool up;
    long long int next_beacon;
    int64_t beacon_seq;
    struct controller_counts counts;
};

struct controller *
controller_create(const struct controller_config *config,
                  struct synthetic *policy)
{
    struct amqp_broker broker = { config->host, config->port };
    struct amqp_exchange_spec control = {
        CONST_CAST(char *, RPC_CONTROL_EXCHANGE),
        CONST_CAST(char *, "topic"),
        CONST_CAST(char *, RPC_CONTROLLER_TOPIC),
    };
    struct controller *c = xzalloc(sizeof *c);
    struct amqp_config amqp;

    amqp_config_default(&amqp);
    amqp.brokers = &broker;
    amqp.n_brokers = 1;
    amqp.vhost = CONST_CAST(char *, "/");
    amqp.user = config->user;
    amqp.password = config->password;
    amqp.connection_name = CONST_CAST(char *, "bench-controller");
    amqp.queue = CONST_CAST(char *, RPC_CONTROLLER_TOPIC);
    amqp.queue_kind = AMQP_QUEUE_SHARED;
    amqp.bindings = &control;
    amqp.n_bindings = 1;
    amqp.confirm = true;

    c->policy = policy;
    rpc_limits_default(&c->limits);
    c->client = amqp_client_create(&amqp);
    if (amqp_client_start(c->client)) {
        ovs_fatal(0, "cannot start the broker thread");
    }
    return c;
}

void
controller_destroy(struct controller *c)
{
    if (c) {
        amqp_client_destroy(c->client);
        free(c);
    }
}

static void
publish(struct controller *c, const char *exchange, const char *declare,
        const char *key, char *body, size_t len)
{
    const struct amqp_publish p = {
        .exchange = exchange,
        .declare = declare,
        .routing_key = key,
    };
    int error = amqp_client_publish(c->client, &p, body, len);

    if (error) {
        ovs_fatal(error, "cannot publish to \"%s\"", exchange);
    }
}

static void
make_unique(char hex[33])
{
    struct uuid uuid;

    uuid_generate(&uuid);
    snprintf(hex, 33, "%08x%08x%08x%08x", uuid.parts[0], uuid.parts[1],
             uuid.parts[2], uuid.parts[3]);
}

char *
controller_encode(struct sg_update *update, size_t *len)
{
    char unique_id[33];
    char *body;

    make_unique(unique_id);
    update->sent = time_wall_msec();
    body = rpc_encode_update(update, unique_id, len);
    sg_update_uninit(update);
    return body;
}

void
controller_publish(struct controller *c, enum sg_kind kind, size_t g,
                   char *body, size_t len)
{
    char *exchange = rpc_group_exchange(kind, &c->policy->groups[g].id);

    publish(c, exchange, "fanout", "", body, len);
    free(exchange);
}

static void
answer_sync(struct controller *c, const struct rpc_message *msg)
{
    struct sg_sync_request request;
    struct sg_update answer;
    char unique_id[33];
    char *body, *error;
    size_t len;

    error = rpc_sync_request_decode(msg, &c->limits, &request);
    if (error) {
        ovs_fatal(0, "the agent's question is malformed: %s", error);
    }
    synthetic_answer(c->policy, &request, &answer);
    answer.sent = time_wall_msec();
    make_unique(unique_id);
    body = rpc_encode_sync_reply(&answer, msg->msg_id, unique_id, &len);
    publish(c, "", NULL, msg->reply_q, body, len);
    c->counts.syncs++;
    sg_update_uninit(&answer);
    sg_sync_request_uninit(&request);
}

static void
take_body(struct controller *c, const struct amqp_event *event)
{
    struct rpc_message msg;
    char *error = rpc_message_decode(event->body, event->len, &c->limits,
                                     &msg);

    if (error) {
        ovs_fatal(0, "a message of the agent's is malformed: %s", error);
    }
    if (msg.type == RPC_REQUEST && !strcmp(msg.method, "sync")
        && msg.msg_id && msg.reply_q) {
        answer_sync(c, &msg);
    } else {
        c->counts.reports++;
    }
    rpc_message_uninit(&msg);
    amqp_client_stored(c->client, event->session, event->delivery);
}

static void
send_beacon(struct controller *c, long long int now)
{
    struct sg_update beacon;
    size_t len;
    char *body;

    if (!c->up || now < c->next_beacon) {
        return;
    }
    synthetic_beacon(c->policy, ++c->beacon_seq, &beacon);
    body = controller_encode(&beacon, &len);
    publish(c, RPC_BEACON_EXCHANGE, "fanout", "", body, len);
    c->counts.beacons++;
    c->next_beacon = MAX(c->next_beacon + BEACON_MS, now);
}

void
controller_run(struct controller *c)
{
    struct amqp_event event;

    while (amqp_client_recv(c->client, &event)) {
        switch (event.type) {
        case AMQP_BODY:
            take_body(c, &event);
            break;
        case AMQP_UP:
            c->up = true;
            break;
        case AMQP_DOWN:
            ovs_fatal(0, "no connection to the broker: %s", event.reason);
        case AMQP_NONE:
        case AMQP_BOUND:
        case AMQP_BIND_FAILED:
        case AMQP_TOO_LARGE:
        case AMQP_PUBLISH_FAILED:
            /* Nobody is bound to that group, or the agent is not there. */
            break;
        }
        amqp_event_uninit(&event);
    }
    send_beacon(c, time_msec());
}

void
controller_delay_beacon(struct controller *c)
{
    c->next_beacon = time_msec() + BEACON_MS;
}

void
controller_wait(struct controller *c)
{
    amqp_client_wait(c->client);
    if (c->up) {
        poll_timer_wait_until(c->next_beacon);
    }
}

struct controller_counts
controller_counts(const struct controller *c)
{
    return c->counts;
}
