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
#include "tools/sg-controller/topology.h"
#include "util.h"
#include "uuid.h"

/* What agent/agent.c says, but for the time that groups linger. */
#define TIMEOUT_MS 10000
#define BEACON_MS 2000
#define REPORT_MS 30000
#define LINGER_MS 5000
#define RECONNECT_MS 3000
#define BIND_MS 200

static void take_bindings(struct sim_agent *, long long int now);
static void bind_wished(struct sim_agent *, long long int now);
static void ask(struct sim_agent *, long long int now);
static void report(struct sim_agent *, long long int now);
static void check_changes(struct sim_agent *);
static void check_objects(struct sim_agent *, long long int now);
static void check_object(struct sim_agent *, enum sg_kind, size_t i,
                         const struct sg_epoch *);
static uint32_t held_print(const struct sim_agent *, enum sg_kind, size_t i);

void
sim_agent_init(struct sim_agent *a, int number, uint64_t seed,
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
    a->history = history;
    a->limits = xmalloc(sizeof *a->limits);
    rpc_limits_default(a->limits);
    snprintf(a->host, sizeof a->host, "h%d", number);
    snprintf(a->boot, sizeof a->boot, "b%d", number);
    snprintf(a->key, sizeof a->key, "%s.%s", RPC_AGENT_TOPIC, a->host);
    config.host = a->host;
    config.boot = a->boot;
    config.seed = (uint32_t) test_random(&a->random);
    a->store = policy_store_create(&limits);
    a->sync = sync_create(&config, a->store);
    a->next_report = a->bind_at = LLONG_MAX;
    a->generation = UINT64_MAX;
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
        } else {
            a->seen[SG_KIND_PORT][i].held = false;
        }
    }
    a->local = ports;
    policy_store_set_local(a->store, locals, n);
    sync_needs_changed(a->sync, now);
}

void
sim_agent_connect(struct sim_agent *a, long long int now)
{
    snprintf(a->queue, sizeof a->queue, "%s.%08x", a->key, ++a->n_sessions);
    bus_add_queue(a->bus, a->queue, a->number);
    bus_bind(a->bus, a->queue, a->key);
    bus_bind(a->bus, a->queue, RPC_BEACON_EXCHANGE);
    sync_connected(a->sync, now);
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
            a->counters.inlined
                += ((update.method == SG_METHOD_PORTS_UPDATED
                     && update.n_rules + update.n_members)
                    || (update.method == SG_METHOD_RULES_UPDATED
                        && update.n_members));
            sync_update(a->sync, &update, now);
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
        for (size_t i = 0; !error && i < update.n_members; i++) {
            a->counters.parts += update.members[i].part > 0;
        }
        a->counters.pages += !error && update.page > 1;
        sync_answer(a->sync, msg->msg_id, error ? NULL : &update, error, now);
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
    if (a->queue[0] && now >= a->next_report) {
        report(a, now);
    }
    check_changes(a);
    check_objects(a, now);
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
        if (!bus_is_bound(a->bus, a->queue, a->wished[i])) {
            bus_bind(a->bus, a->queue, a->wished[i]);
            sync_bound(a->sync, a->wished[i], now);
        }
    }
}

static void
ask(struct sim_agent *a, long long int now)
{
    struct sg_sync_request request;
    char msg_id[33], unique_id[33];
    size_t len;
    char *body;

    snprintf(unique_id, sizeof unique_id, "%016llx%016llx",
             (unsigned long long int) test_random(&a->random),
             (unsigned long long int) test_random(&a->random));
    if (!sync_run(a->sync, now, msg_id, &request)) {
        return;
    }
    ovs_strlcpy(a->call, msg_id, sizeof a->call);
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

    a->next_report = (now + REPORT_MS * 9 / 10
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
    snprintf(unique_id, sizeof unique_id, "%016llx%016llx",
             (unsigned long long int) test_random(&a->random),
             (unsigned long long int) test_random(&a->random));
    body = rpc_encode_report(&r, unique_id, &len);
    bus_publish(a->bus, RPC_CONTROL_EXCHANGE, RPC_CONTROLLER_TOPIC, body, len,
                now, LLONG_MAX);
    free(body);
    a->counters.reports++;
}

/* ## The oracle ## */

static void
check_changes(struct sim_agent *a)
{
    struct store_change *changes;
    size_t n = policy_store_take_changes(a->store, &changes);

    for (size_t i = 0; i < n; i++) {
        uint32_t *set = &a->shadow[world_number(SG_KIND_MEMBERS,
                                                &changes[i].group)];

        for (size_t k = 0; k < changes[i].added.n; k++) {
            uint32_t bit = world_address_bit(&changes[i].added.p[k]);

            CHECK(!(*set & bit));
            *set |= bit;
        }
        for (size_t k = 0; k < changes[i].removed.n; k++) {
            uint32_t bit = world_address_bit(&changes[i].removed.p[k]);

            CHECK(*set & bit);
            *set &= ~bit;
        }
    }
    policy_store_changes_free(changes, n);
}

static void
check_objects(struct sim_agent *a, long long int now)
{
    uint64_t generation = policy_store_policy(a->store)->generation;
    struct sync_status status;

    /* Without a new generation nothing in force has changed; that is true as
     * well, most of the time. */
    if (generation == a->generation && test_random(&a->random) % 8) {
        return;
    }
    a->generation = generation;
    a->counters.checks++;
    sync_get_status(a->sync, now, &status);
    for (size_t i = 0; i < WORLD_FAR; i++) {
        check_object(a, SG_KIND_PORT, i, &status.epoch);
    }
    for (size_t i = 0; i < WORLD_GROUPS; i++) {
        check_object(a, SG_KIND_RULES, i, &status.epoch);
        check_object(a, SG_KIND_MEMBERS, i, &status.epoch);
    }
}

static void
check_object(struct sim_agent *a, enum sg_kind kind, size_t i,
             const struct sg_epoch *epoch)
{
    const struct uuid id = world_id(kind, i);
    struct seen *seen = &a->seen[kind][i];
    struct store_object object;
    uint32_t print;

    if (!policy_store_object(a->store, kind, &id, &object)) {
        if (kind == SG_KIND_MEMBERS && a->shadow[i]) {
            FAIL("a group that is not held has members");
        }
        seen->held = false;
        return;
    }
    if (object.state == SG_ABSENT) {
        if (seen->held) {
            FAIL("%s: %s %d was forgotten", a->host, sg_kind_name(kind),
                 (int) i);
        }
        return;
    }
    print = held_print(a, kind, i);
    if (object.revision && object.state != SG_ORPHANED) {
        const struct history_entry *entry;

        entry = history_find(a->history, epoch, kind, i, object.revision);
        if (!entry) {
            FAIL("%s: %s %d at revision %lld, which never was", a->host,
                 sg_kind_name(kind), (int) i, (long long int) object.revision);
        } else if (entry->deleted != (object.state == SG_DELETED)
                   || (!entry->deleted && entry->print != print)) {
            FAIL("%s: %s %d at revision %lld is %s %08x, and was %s %08x",
                 a->host, sg_kind_name(kind), (int) i,
                 (long long int) object.revision,
                 sg_knowledge_name(object.state), print,
                 entry->deleted ? "deleted" : "there", entry->print);
        }
    } else {
        a->counters.kept_last_good++;
        if (!seen->held || seen->print != print) {
            FAIL("%s: last good of %s %d changed from %08x to %08x", a->host,
                 sg_kind_name(kind), (int) i, seen->print, print);
        }
    }
    seen->held = true;
    seen->print = print;
    if (kind == SG_KIND_MEMBERS
        && (print & ~(UINT32_C(1) << 31)) != a->shadow[i]) {
        FAIL("%s: the set of group %d has %08x, not %08x", a->host, (int) i,
             a->shadow[i], print);
    }
}

static uint32_t
held_print(const struct sim_agent *a, enum sg_kind kind, size_t i)
{
    const struct sg_policy *policy = policy_store_policy(a->store);
    const struct uuid id = world_id(kind, i);

    switch (kind) {
    case SG_KIND_PORT:
        return world_port_print(&sg_policy_port(policy, &id)->spec);
    case SG_KIND_RULES:
        return world_rules_print(&sg_policy_group(policy, &id)->rules);
    case SG_KIND_MEMBERS:
        return world_members_print(&sg_policy_group(policy, &id)->members);
    }
    OVS_NOT_REACHED();
}

/* Objects that the controller has must be just so.  Of others it does not
 * matter whether it calls them deleted or unknown: what follows from either is
 * in the history. */
bool
sim_agent_equals(struct sim_agent *a, const struct world *world,
                 const struct sg_epoch *epoch, bool complain)
{
    struct topology *topology = world_topology(world);
    struct sg_ref_list needs = { NULL, 0, 0 };
    struct sync_status status;
    bool ok = true;

    sync_get_status(a->sync, 0, &status);
    policy_store_needs(a->store, &needs);
    if (sg_epoch_compare(&status.epoch, epoch)) {
        if (complain) {
            FAIL("%s is in another epoch", a->host);
        }
        ok = false;
    }
    for (size_t i = 0; ok && i < needs.n; i++) {
        enum sg_kind kind = needs.refs[i].kind;
        size_t n = world_number(kind, &needs.refs[i].id);
        struct store_object object;
        uint32_t want;

        if (!world_has(topology, kind, &needs.refs[i].id, &want)) {
            continue;
        }
        policy_store_object(a->store, kind, &needs.refs[i].id, &object);
        if (object.state != SG_KNOWN || held_print(a, kind, n) != want) {
            ok = false;
            if (complain) {
                FAIL("%s: %s %d is %s %08x at %lld, not %08x", a->host,
                     sg_kind_name(kind), (int) n,
                     sg_knowledge_name(object.state), held_print(a, kind, n),
                     (long long int) object.revision, want);
            }
        }
    }
    sg_ref_list_clear(&needs);
    topology_destroy(topology);
    return ok;
}
