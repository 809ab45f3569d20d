/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tests/lib/sim-agent.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/message.h"
#include "rpc/topology.h"
#include "tests/lib/sim-bus.h"
#include "tests/lib/test.h"
#include "tools/sg-controller/beacon.h"
#include "util.h"
#include "uuid.h"

/* What agent/agent.c says, but for the time that groups linger. */
#define TIMEOUT_MS 10000
#define BEACON_MS 2000
#define REPORT_MS 30000
#define LINGER_MS 5000
#define RECONNECT_MS 3000
#define BIND_MS 200
#define REBIND_MS 1000

static void take_bindings(struct sim_agent *, long long int now);
static void bind_wished(struct sim_agent *, long long int now);
static void renew_bindings(struct sim_agent *, long long int now);
static void ask(struct sim_agent *, long long int now);
static void report(struct sim_agent *, long long int now);
static struct sim_view view_of(const struct sim_agent *, long long int now);

static void
make_unique(struct sim_agent *a, char hex[33])
{
    snprintf(hex, 33, "%016"PRIx64"%016"PRIx64, test_random(&a->random),
             test_random(&a->random));
}

void
sim_agent_init(struct sim_agent *a, int number, int host, uint64_t seed,
               struct bus *bus, const struct history *history)
{
    static const struct policy_store_limits limits = {
        .members = 100, .rules_per_port = 1000, .groups = 100, .ports = 16,
        .set_entries = 1000,
    };
    struct sync_config config = {
        .timeout_ms = TIMEOUT_MS, .backoff_min_ms = 200,
        .backoff_max_ms = 60000, .beacon_ms = BEACON_MS,
    };

    memset(a, 0, sizeof *a);
    a->number = number;
    a->random = seed;
    a->bus = bus;
    a->limits = xmalloc(sizeof *a->limits);
    rpc_limits_default(a->limits);
    snprintf(a->host, sizeof a->host, "h%d", host);
    make_unique(a, a->boot);
    snprintf(a->key, sizeof a->key, "%s.%s", RPC_AGENT_TOPIC, a->host);
    config.host = a->host;
    config.boot = a->boot;
    config.seed = (uint32_t) test_random(&a->random);
    a->store = policy_store_create(&limits);
    a->sync = sync_create(&config, a->store);
    a->next_report = a->bind_at = LLONG_MAX;
    sim_oracle_init(&a->oracle, a->host, history);
}

void
sim_agent_uninit(struct sim_agent *a)
{
    sg_texts_free(a->wished, a->n_wished);
    sync_destroy(a->sync);
    policy_store_destroy(a->store);
    free(a->limits);
}

void
sim_agent_set_local(struct sim_agent *a, unsigned int ports,
                    long long int now)
{
    struct local_port locals[WORLD_FAR];
    size_t n = 0;

    memset(locals, 0, sizeof locals);
    for (size_t i = 0; i < WORLD_FAR; i++) {
        if (ports & 1u << i) {
            locals[n].id = world_id(SG_KIND_PORT, i);
            locals[n].binding.plug = SG_PLUG_HYBRID;
            snprintf(locals[n].binding.device,
                     sizeof locals[n].binding.device, "tap%u",
                     (unsigned int) i);
            n++;
        }
    }
    a->local = ports;
    policy_store_set_local(a->store, locals, n);
    sync_needs_changed(a->sync, now);
}

void
sim_agent_connect(struct sim_agent *a, long long int now)
{
    snprintf(a->queue, sizeof a->queue, "%s.%08x", a->key,
             (unsigned int) test_random(&a->random));
    bus_add_queue(a->bus, a->queue, a->number);
    bus_bind(a->bus, a->queue, a->key);
    bus_bind(a->bus, a->queue, RPC_BEACON_EXCHANGE);
    a->cast = 0;
    sync_connected(a->sync, now);
    a->connected = now;
    a->next_report = now + (long long int) (test_random(&a->random)
                                            % REPORT_MS);
    a->bind_at = now;
}

void
sim_agent_disconnect(struct sim_agent *a, long long int now)
{
    if (a->queue[0]) {
        bus_remove_queue(a->bus, a->queue);
        a->queue[0] = a->call[0] = '\0';
        sync_disconnected(a->sync, now);
    }
    a->next_report = a->bind_at = LLONG_MAX;
    a->reconnect = now + 1 + (long long int) (test_random(&a->random)
                                              % RECONNECT_MS);
}

/* What was heard of is not confirmed until it is here or was asked for; and
 * with so many beacons lost that a change may have stood in no other, nothing
 * is. */
static void
take_beacon(struct sim_agent *a, const struct sg_update *beacon,
            long long int now)
{
    struct sync_status before, after;

    sync_get_status(a->sync, now, &before);
    sync_update(a->sync, beacon, now);
    sync_get_status(a->sync, now, &after);
    if (sg_epoch_compare(&after.epoch, &beacon->epoch)
        || beacon->seq <= before.beacon_seq) {
        return;
    }
    if (before.beacon_seq >= 0
        && beacon->seq - before.beacon_seq > BEACON_REPEATS
        && after.state != SYNC_ASKING) {
        FAIL("%s is %s, and has no beacon from %lld to %lld", a->host,
             sync_state_name(after.state),
             (long long int) before.beacon_seq + 1,
             (long long int) beacon->seq - 1);
    }
    for (size_t i = 0; i < beacon->n_entries; i++) {
        const struct sg_beacon_entry *b = &beacon->entries[i];
        struct sg_ref ref;

        if (!a->call[0] && !a->strayed
            && policy_store_behind(a->store, b->hash, b->revision, &ref)
            && (sync_object_state(a->sync, ref.kind, &ref.id)
                == SYNC_OBJECT_CONFIRMED)) {
            FAIL("%s has heard of %s %d, and has it confirmed", a->host,
                 sg_kind_name(ref.kind),
                 (int) world_number(ref.kind, &ref.id));
        }
    }
}

/* Messages are explicit: what they take away is no answer's doing, also if
 * they are kept until one has come. */
static void
take_cast(struct sim_agent *a, const struct sg_update *update,
          long long int now)
{
    for (size_t i = 0; i < update->n_ports; i++) {
        a->cast |= 1u << world_number(SG_KIND_PORT, &update->ports[i].id);
    }
    for (size_t i = 0; i < update->n_deleted; i++) {
        if (update->deleted[i].kind == SG_KIND_PORT) {
            a->cast |= 1u << world_number(SG_KIND_PORT,
                                          &update->deleted[i].id);
        }
    }
    a->counters.inlined += ((update->method == SG_METHOD_PORTS_UPDATED
                             && update->n_rules + update->n_members)
                            || (update->method == SG_METHOD_RULES_UPDATED
                                && update->n_members));
    a->counters.more += update->more;
    if (update->method == SG_METHOD_BEACON) {
        take_beacon(a, update, now);
    } else {
        sync_update(a->sync, update, now);
    }
}

static void
take_answer(struct sim_agent *a, const char *msg_id,
            const struct sg_update *update, const char *error,
            long long int now)
{
    struct sim_ports before = sim_oracle_ports(a->store);
    struct sync_status was, is;
    struct sim_ports after;
    unsigned int emptied;

    sync_get_status(a->sync, now, &was);
    for (size_t i = 0; update && i < update->n_members; i++) {
        a->counters.parts += update->members[i].part > 0;
    }
    a->counters.pages += update && update->page > 1;
    sync_answer(a->sync, msg_id, update, error, now);
    sync_get_status(a->sync, now, &is);
    a->strayed = is.old_epoch != was.old_epoch;
    if (is.regressed != was.regressed) {
        FAIL("%s: an answer is older than what was held when it was asked "
             "for", a->host);
    }
    after = sim_oracle_ports(a->store);
    emptied = sim_ports_emptied(&before, &after) & ~a->cast;
    if (!a->accepts && __builtin_popcount(emptied) > SYNC_REMOVAL_PORTS) {
        FAIL("%s: an answer took everything from ports %02x", a->host,
             emptied);
    }
}

/* As take_message() of agent/broker.c. */
static void
take_message(struct sim_agent *a, const struct rpc_message *msg,
             long long int now)
{
    struct sg_update update;
    char *error;

    if (msg->type == RPC_REQUEST) {
        error = rpc_update_from_request(msg, a->limits, &update);
        if (!error) {
            take_cast(a, &update, now);
        }
    } else if (!msg->msg_id || strcmp(msg->msg_id, a->call)) {
        return;
    } else if (msg->failure_class || !msg->result) {
        a->call[0] = '\0';
        sync_answer(a->sync, msg->msg_id, NULL, "a failure", now);
        return;
    } else {
        error = rpc_update_from_reply(msg, a->limits, &update);
        a->call[0] = '\0';
        take_answer(a, msg->msg_id, error ? NULL : &update, error, now);
    }
    if (error) {
        a->counters.refused++;
        free(error);
    } else {
        sg_update_uninit(&update);
    }
}

void
sim_agent_deliver(struct sim_agent *a, const char *queue, const char *body,
                  size_t len, long long int now)
{
    struct rpc_message msg;
    char *error;

    if (strcmp(queue, a->queue)) {
        return;
    }
    a->counters.bodies++;
    error = rpc_message_decode(body, len, a->limits, &msg);
    if (error) {
        a->counters.refused++;
        free(error);
        return;
    }
    take_message(a, &msg, now);
    rpc_message_uninit(&msg);
}

void
sim_agent_run(struct sim_agent *a, long long int now)
{
    struct sim_view view;

    if (!a->queue[0] && now >= a->reconnect) {
        sim_agent_connect(a, now);
    }
    if (policy_store_expire(a->store, now, LINGER_MS)) {
        sync_needs_changed(a->sync, now);
    }
    take_bindings(a, now);
    if (a->queue[0] && now >= a->bind_at) {
        bind_wished(a, now);
    }
    ask(a, now);
    renew_bindings(a, now);
    if (a->queue[0] && now >= a->next_report) {
        report(a, now);
    }
    view = view_of(a, now);
    sim_oracle_look(&a->oracle, &view, !(test_random(&a->random) % 8));
}

long long int
sim_agent_next(const struct sim_agent *a)
{
    long long int next = sync_next(a->sync);

    return (a->queue[0] ? MIN(next, MIN(a->next_report, a->bind_at))
            : MIN(next, a->reconnect));
}

static bool
is_wished(const struct sim_agent *a, const char *exchange)
{
    for (size_t i = 0; i < a->n_wished; i++) {
        if (!strcmp(a->wished[i], exchange)) {
            return true;
        }
    }
    return false;
}

static void
take_bindings(struct sim_agent *a, long long int now)
{
    char **old = a->wished;
    size_t n_old = a->n_wished;

    if (!sync_take_bindings(a->sync, now, &a->wished, &a->n_wished)) {
        return;
    }
    for (size_t i = 0; a->queue[0] && i < n_old; i++) {
        if (!is_wished(a, old[i])) {
            bus_unbind(a->bus, a->queue, old[i]);
        }
    }
    sg_texts_free(old, n_old);
    a->bind_at = MIN(a->bind_at,
                     now + (long long int) (test_random(&a->random)
                                            % BIND_MS));
}

static void
bind_wished(struct sim_agent *a, long long int now)
{
    a->bind_at = LLONG_MAX;
    for (size_t i = 0; i < a->n_wished; i++) {
        const char *exchange = a->wished[i];

        if (bus_is_bound(a->bus, a->queue, exchange)) {
            continue;
        } else if (bus_bind(a->bus, a->queue, exchange)) {
            sync_bound(a->sync, exchange, now);
        } else {
            sync_unbound(a->sync, exchange);
            a->counters.unbindable++;
            a->bind_at = now + REBIND_MS;
        }
    }
}

static void
renew_bindings(struct sim_agent *a, long long int now)
{
    char **exchanges;
    bool suspected;
    size_t n;

    if (!sync_take_renewals(a->sync, &exchanges, &n, &suspected)) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const char *exchange = exchanges[i];
        const char *key = (strcmp(exchange, RPC_CONTROL_EXCHANGE) ? exchange
                           : a->key);

        if (bus_is_bound(a->bus, a->queue, key)
            || bus_bind(a->bus, a->queue, key)) {
            sync_bound(a->sync, exchange, now);
        } else {
            sync_unbound(a->sync, exchange);
            a->bind_at = MIN(a->bind_at, now + REBIND_MS);
        }
    }
    a->counters.renewed += n;
    sg_texts_free(exchanges, n);
}

static void
ask(struct sim_agent *a, long long int now)
{
    struct sg_sync_request request;
    char msg_id[33], unique_id[33];
    size_t len;
    char *body;

    make_unique(a, unique_id);
    if (!sync_run(a->sync, now, msg_id, &request)) {
        return;
    }
    ovs_strlcpy(a->call, msg_id, sizeof a->call);
    a->strayed = false;
    body = rpc_encode_sync_call(&request, msg_id, a->queue, unique_id, &len);
    if (!a->queue[0]
        || !bus_publish(a->bus, RPC_CONTROL_EXCHANGE, RPC_CONTROLLER_TOPIC,
                        body, len, now, now + TIMEOUT_MS)) {
        a->call[0] = '\0';
        sync_answer(a->sync, msg_id, NULL, "312 NO_ROUTE", now);
    }
    free(body);
    sg_sync_request_uninit(&request);
}

static void
report(struct sim_agent *a, long long int now)
{
    char digest[RPC_DIGEST_LEN + 1], unique_id[33];
    struct sync_status status;
    size_t len;
    char *body;

    a->next_report = (now + REPORT_MS * 4 / 5
                      + (long long int) (test_random(&a->random)
                                         % (REPORT_MS / 5)));
    sync_get_status(a->sync, now, &status);
    policy_store_digest(a->store, digest);
    struct sg_report r = {
        .host = a->host, .boot = a->boot, .epoch = status.epoch,
        .generation = policy_store_policy(a->store)->generation,
        .in_sync = status.in_sync, .lag_ms = -1,
        .digest = status.complete ? digest : NULL,
    };
    make_unique(a, unique_id);
    body = rpc_encode_report(&r, unique_id, &len);
    bus_publish(a->bus, RPC_CONTROL_EXCHANGE, RPC_CONTROLLER_TOPIC, body, len,
                now, LLONG_MAX);
    free(body);
    a->counters.reports++;
}

void
sim_agent_accept(struct sim_agent *a, long long int now)
{
    a->accepts = !sync_accept_removal(a->sync, now) || a->accepts;
}

bool
sim_agent_equals(const struct sim_agent *a, const struct state *state,
                 long long int now, bool complain)
{
    struct sim_view view = view_of(a, now);

    return sim_oracle_equals(&a->oracle, &view, state, complain);
}

static struct sim_view
view_of(const struct sim_agent *a, long long int now)
{
    return (struct sim_view) {
        .store = a->store, .sync = a->sync, .local = a->local, .now = now,
        .linger_ms = LINGER_MS,
    };
}
