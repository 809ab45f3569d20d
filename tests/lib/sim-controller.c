/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tests/lib/sim-controller.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/topology.h"
#include "tests/lib/sim-bus.h"
#include "tests/lib/test.h"
#include "tools/sg-controller/core.h"
#include "tools/sg-controller/state.h"
#include "util.h"

/* Of small pages. */
#define PART_MEMBERS 2

static struct core_time core_at(long long int now);
static void connect_to_broker(struct sim_controller *, long long int now);
static void note_flush(struct sim_controller *);
static void drain(struct sim_controller *, long long int now);

void
sim_controller_init(struct sim_controller *k, uint64_t seed, struct bus *bus,
                    struct history *history)
{
    memset(k, 0, sizeof *k);
    k->random = seed;
    k->bus = bus;
    k->history = history;
}

void
sim_controller_uninit(struct sim_controller *k)
{
    sim_controller_stop(k);
}

void
sim_controller_start(struct sim_controller *k, int64_t epoch_ms,
                     const struct world *world, long long int now)
{
    const struct uuid seed = {
        .parts = { (uint32_t) test_random(&k->random),
                   (uint32_t) test_random(&k->random), 0, 1 },
    };
    struct sg_ref *saved = NULL;
    struct core_config config;
    size_t n_saved = 0;

    if (k->core) {
        n_saved = state_ids(core_state(k->core), &saved);
        sim_controller_stop(k);
    }
    k->epoch = (struct sg_epoch) { .ms = epoch_ms };
    k->n_flushes = 0;
    core_config_init(&config, &k->epoch, &seed);
    if (k->page_bytes) {
        config.page_bytes = k->page_bytes;
        config.part_members = PART_MEMBERS;
        config.cache_bytes = k->no_cache ? 0 : config.cache_bytes;
    }
    if (k->beacon_entries) {
        config.beacon_entries = k->beacon_entries;
    }
    k->core = core_create(&config);
    core_set_saved(k->core, saved, n_saved);
    free(saved);
    k->world = *world;
    sim_controller_tell(k, false, now);
    connect_to_broker(k, now);
    drain(k, now);
}

void
sim_controller_stop(struct sim_controller *k)
{
    const struct core_counters *n;

    if (k->core) {
        n = core_counters(k->core);
        k->counters.twice += n->duplicates;
        k->counters.refused += n->refused;
        k->counters.resyncs += n->resyncs;
        core_destroy(k->core);
        k->core = NULL;
    }
}

void
sim_controller_disconnect(struct sim_controller *k, long long int reconnect)
{
    k->up = false;
    k->reconnect = reconnect;
    core_down(k->core);
}

void
sim_controller_tell(struct sim_controller *k, bool confirm, long long int now)
{
    struct core_time at = core_at(now);

    core_set_topology(k->core, world_topology(&k->world),
                      confirm ? CORE_CONFIRM : 0, &at);
    note_flush(k);
    drain(k, now);
}

void
sim_controller_deliver(struct sim_controller *k, const char *body, size_t len,
                       long long int now)
{
    struct core_time at = core_at(now);
    char *problem = NULL;

    core_request(k->core, body, len, &at, &problem);
    free(problem);
    drain(k, now);
}

bool
sim_controller_run(struct sim_controller *k, long long int now)
{
    struct core_time at = core_at(now);
    bool back = !k->up && now >= k->reconnect;

    if (back) {
        connect_to_broker(k, now);
    }
    core_run(k->core, &at);
    note_flush(k);
    drain(k, now);
    return back;
}

long long int
sim_controller_next(const struct sim_controller *k)
{
    if (!k->core) {
        return LLONG_MAX;
    }
    return (k->up ? core_wake(k->core)
            : MIN(core_wake(k->core), k->reconnect));
}

const struct state *
sim_controller_state(const struct sim_controller *k)
{
    return core_state(k->core);
}

static struct core_time
core_at(long long int now)
{
    return (struct core_time) { .now = now, .wall = 1000000 + now };
}

static void
connect_to_broker(struct sim_controller *k, long long int now)
{
    struct core_time at = core_at(now);

    bus_add_queue(k->bus, RPC_CONTROLLER_TOPIC, SIM_CONTROLLER_OWNER);
    bus_bind(k->bus, RPC_CONTROLLER_TOPIC, RPC_CONTROLLER_TOPIC);
    k->up = true;
    core_up(k->core, &at);
}

static void
note_flush(struct sim_controller *k)
{
    const struct core_flush *flush = core_last_flush(k->core);

    if (flush->number != k->n_flushes) {
        k->n_flushes = flush->number;
        history_note(k->history, &k->epoch, &flush->changes,
                     state_topology(core_state(k->core)));
    }
}

/* Publishes what it has to say. */
static void
drain(struct sim_controller *k, long long int now)
{
    struct core_message *m;

    while ((m = core_pop(k->core)) != NULL) {
        if (k->up
            && !bus_publish(k->bus, m->exchange, m->routing_key, m->body,
                            m->len, now, LLONG_MAX)
            && !m->exchange[0]) {
            core_failed(k->core, false);
        }
        core_message_destroy(m);
    }
}
