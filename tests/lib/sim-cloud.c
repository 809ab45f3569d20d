/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tests/lib/sim-cloud.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/message.h"
#include "rpc/topology.h"
#include "tests/lib/test.h"
#include "tools/sg-controller/core.h"
#include "tools/sg-controller/state.h"
#include "tools/sg-controller/topology.h"
#include "util.h"

/* Owner of the controllers' queue; agents have their numbers. */
#define CONTROLLER_OWNER 100
/* In the end everything must be right within this time: a report 33 s after
 * the last one, and what was asked in vain before is asked again. */
#define SETTLE_MS 120000
/* Steps of a schedule, many times what the longest takes. */
#define MAX_STEPS 300000
/* After a change, and as long again as a message may take, who has not heard
 * of it knows that he has missed something: it stands in three beacons, and
 * three are not missed without a word. */
#define NOTICE_MS 15000

struct cloud {
    uint64_t random;
    bool trace;
    uint64_t *counts;
    long long int now, ends;
    bool faults;
    int delay_ms;               /* That messages may take. */
    bool small_pages;
    struct bus *bus;
    struct history *history;
    struct sim_agent agents[CLOUD_AGENTS];
    struct sim_controller controllers[CLOUD_CONTROLLERS];
    int current;                /* The controller of the latest epoch. */
    struct world old;           /* Some world of the past. */
    int64_t last_epoch;
    int n_steps;
    long long int next_event;
    long long int settled_at;   /* Since then nothing has changed that an
                                 * agent has to hear from a controller. */
};

static void say(const struct cloud *, const char *format, ...)
    OVS_PRINTF_FORMAT(2, 3);
static void start_controller(struct cloud *, int i, const struct world *);
static void connect_controller(struct cloud *, struct sim_controller *);
static void stop_controller(struct cloud *, int i);
static void drain(struct cloud *, struct sim_controller *);
static void set_world(struct cloud *, struct sim_controller *, bool confirm);
static void note_flush(struct cloud *, struct sim_controller *);
static void deliver(struct cloud *, struct bus_delivery *);
static void run_all(struct cloud *);
static void run_controller(struct cloud *, struct sim_controller *);
static void make_event(struct cloud *);
static void restart_controller(struct cloud *);
static void restart_broker(struct cloud *);
static void restart_agent(struct cloud *, int i);
static void plug(struct cloud *, int i);
static void check_honest(struct cloud *);
static bool all_right(struct cloud *, bool complain);
static void add_counts(struct cloud *);

const char *
cloud_event_name(enum cloud_event event)
{
    switch (event) {
#define CLOUD_EVENT(ENUM, NAME) case CLOUD_##ENUM: return NAME;
    CLOUD_EVENTS
#undef CLOUD_EVENT
    case CLOUD_N_EVENTS: break;
    }
    OVS_NOT_REACHED();
}

static unsigned int
roll(struct cloud *c, unsigned int n)
{
    return (unsigned int) (test_random(&c->random) % n);
}

static struct core_time
core_now(const struct cloud *c)
{
    return (struct core_time) { .now = c->now, .wall = 1000000 + c->now };
}

/* Each schedule has faults of its own kinds. */
static void
choose_faults(struct cloud *c)
{
    static const int delays[] = { 1, 5, 300, 3000, 3000, 14000 };
    struct bus_faults faults = {
        .delay_ms = delays[roll(c, ARRAY_SIZE(delays))],
        .overtake = roll(c, 2),
        .doubled = roll(c, 2) * roll(c, 100),
        .garbled = !roll(c, 4) * roll(c, 20),
        .lost = roll(c, 2) * roll(c, 100),
    };

    c->delay_ms = faults.delay_ms;
    c->small_pages = roll(c, 2);
    bus_set_faults(c->bus, &faults);
}

static void
init(struct cloud *c)
{
    struct world world;

    c->now = 1000;
    c->faults = true;
    c->history = history_create();
    c->bus = bus_create(test_random(&c->random));
    choose_faults(c);
    world_init(&world, &c->random);
    c->old = world;
    start_controller(c, 0, &world);
    for (int i = 0; i < CLOUD_AGENTS; i++) {
        sim_agent_init(&c->agents[i], i, test_random(&c->random), c->bus,
                       c->history);
        plug(c, i);
        c->agents[i].reconnect = c->now + roll(c, 100);
    }
    c->next_event = c->now + roll(c, 3000);
}

static void
uninit(struct cloud *c)
{
    for (int i = 0; i < CLOUD_AGENTS; i++) {
        sim_agent_uninit(&c->agents[i]);
    }
    for (int i = 0; i < CLOUD_CONTROLLERS; i++) {
        stop_controller(c, i);
    }
    bus_destroy(c->bus);
    history_destroy(c->history);
}

/* One event, or one message. */
static void
step(struct cloud *c)
{
    long long int next = MIN(bus_next(c->bus), c->next_event);
    struct bus_delivery delivery;

    if (++c->n_steps > MAX_STEPS) {
        FAIL("no rest: %d steps, and it is only %lld", MAX_STEPS, c->now);
        return;
    }

    for (int i = 0; i < CLOUD_AGENTS; i++) {
        next = MIN(next, sim_agent_next(&c->agents[i]));
    }
    for (int i = 0; i < CLOUD_CONTROLLERS; i++) {
        struct sim_controller *k = &c->controllers[i];

        if (k->core) {
            next = MIN(next, core_wake(k->core));
            next = k->up ? next : MIN(next, k->reconnect);
        }
    }
    /* What is late stays due. */
    c->now = MAX(c->now, next);
    if (c->now >= c->next_event) {
        make_event(c);
    }
    if (bus_take(c->bus, c->now, &delivery)) {
        deliver(c, &delivery);
        free(delivery.queue);
        free(delivery.body);
    }
    run_all(c);
}

long long int
cloud_play(uint64_t seed, bool trace, uint64_t counts[CLOUD_N_EVENTS])
{
    static const struct bus_faults none = { .delay_ms = 5 };
    struct cloud c = { .random = seed, .trace = trace, .counts = counts };
    long long int quiet;

    init(&c);
    c.ends = c.now + 2000 + roll(&c, roll(&c, 8) ? 12000 : 100000);
    while (c.now < c.ends && !test_failed()) {
        step(&c);
        check_honest(&c);
    }

    say(&c, "the faults end");
    c.faults = false;
    bus_set_faults(c.bus, &none);
    quiet = c.now;
    c.next_event = LLONG_MAX;
    while (c.now < quiet + SETTLE_MS && !test_failed()) {
        step(&c);
        if (!roll(&c, 8) && all_right(&c, false)) {
            break;
        }
    }
    if (!test_failed()) {
        all_right(&c, true);
    }
    quiet = c.now - quiet;
    add_counts(&c);
    uninit(&c);
    return quiet;
}

static void
say(const struct cloud *c, const char *format, ...)
{
    if (c->trace) {
        va_list args;

        printf("# %9.3f ", c->now / 1000.0);
        va_start(args, format);
        vprintf(format, args);
        va_end(args);
        putchar('\n');
    }
}

/* ## Controllers ## */

static void
start_controller(struct cloud *c, int i, const struct world *world)
{
    struct sim_controller *k = &c->controllers[i];
    const struct uuid seed = {
        .parts = { (uint32_t) test_random(&c->random),
                   (uint32_t) test_random(&c->random), 0, 1 },
    };
    struct core_time at = core_now(c);
    struct sg_ref *saved = NULL;
    struct core_config config;
    size_t n_saved = 0;

    c->last_epoch = MAX(c->last_epoch + 1, at.wall);
    if (k->core) {
        n_saved = state_ids(core_state(k->core), &saved);
        stop_controller(c, i);
    }
    memset(k, 0, sizeof *k);
    k->epoch.ms = c->last_epoch;
    core_config_init(&config, &k->epoch, &seed);
    if (c->small_pages) {
        config.page_bytes = 120 + roll(c, 600);
        config.part_members = 2;
        config.cache_bytes = roll(c, 2) ? config.cache_bytes : 0;
    }
    k->core = core_create(&config);
    core_set_saved(k->core, saved, n_saved);
    free(saved);
    k->world = *world;
    set_world(c, k, false);
    connect_controller(c, k);
    c->current = i;
    drain(c, k);
    say(c, "controller %d begins epoch %lld", i, (long long int) k->epoch.ms);
}

static void
connect_controller(struct cloud *c, struct sim_controller *k)
{
    struct core_time at = core_now(c);

    bus_add_queue(c->bus, RPC_CONTROLLER_TOPIC, CONTROLLER_OWNER);
    bus_bind(c->bus, RPC_CONTROLLER_TOPIC, RPC_CONTROLLER_TOPIC);
    k->up = true;
    core_up(k->core, &at);
    c->settled_at = c->now;
}

static void
stop_controller(struct cloud *c, int i)
{
    core_destroy(c->controllers[i].core);
    c->controllers[i].core = NULL;
}

static void
set_world(struct cloud *c, struct sim_controller *k, bool confirm)
{
    struct core_time at = core_now(c);

    core_set_topology(k->core, world_topology(&k->world),
                      confirm ? CORE_CONFIRM : 0, &at);
    note_flush(c, k);
    drain(c, k);
}

static void
note_flush(struct cloud *c, struct sim_controller *k)
{
    const struct core_flush *flush = core_last_flush(k->core);

    if (flush->number != k->n_flushes) {
        k->n_flushes = flush->number;
        history_note(c->history, &k->epoch, &flush->changes,
                     state_topology(core_state(k->core)));
    }
}

/* Publishes what it has to say. */
static void
drain(struct cloud *c, struct sim_controller *k)
{
    struct core_message *m;

    while ((m = core_pop(k->core)) != NULL) {
        if (k->up
            && !bus_publish(c->bus, m->exchange, m->routing_key, m->body,
                            m->len, c->now, LLONG_MAX)
            && !m->exchange[0]) {
            core_failed(k->core, false);
        }
        core_message_destroy(m);
    }
}

static void
run_controller(struct cloud *c, struct sim_controller *k)
{
    struct core_time at = core_now(c);

    if (!k->up && c->now >= k->reconnect) {
        connect_controller(c, k);
    }
    core_run(k->core, &at);
    note_flush(c, k);
    drain(c, k);
}

/* ## Time goes on ## */

static void
run_all(struct cloud *c)
{
    for (int i = 0; i < CLOUD_CONTROLLERS; i++) {
        if (c->controllers[i].core) {
            run_controller(c, &c->controllers[i]);
        }
    }
    for (int i = 0; i < CLOUD_AGENTS; i++) {
        sim_agent_run(&c->agents[i], c->now);
    }
}

/* Two controllers share the questions. */
static void
deliver(struct cloud *c, struct bus_delivery *d)
{
    struct core_time at = core_now(c);
    struct sim_controller *k;
    char *problem = NULL;

    if (d->owner < CLOUD_AGENTS) {
        sim_agent_deliver(&c->agents[d->owner], d->queue, d->body, d->len,
                          c->now);
        return;
    }
    k = &c->controllers[roll(c, CLOUD_CONTROLLERS)];
    if (!k->core || !k->up) {
        k = &c->controllers[c->current];
    }
    if (k->core && k->up) {
        core_request(k->core, d->body, d->len, &at, &problem);
        free(problem);
        drain(c, k);
    }
}

/* ## What happens ## */

static void
make_event(struct cloud *c)
{
    unsigned int what = roll(c, 1000);
    int agent = (int) roll(c, CLOUD_AGENTS);
    struct sim_controller *k = &c->controllers[c->current];

    /* Bursts and quiet times. */
    c->next_event = c->now + (roll(c, 12) ? 1 + roll(c, 400)
                              : 1000 + roll(c, roll(c, 4) ? 8000 : 70000));
    if (what < 15) {
        restart_controller(c);
    } else if (what < 25) {
        restart_broker(c);
    } else if (what < 55) {
        say(c, "agent %d loses the broker", agent);
        sim_agent_disconnect(&c->agents[agent], c->now);
        c->counts[CLOUD_AGENT_BREAKS]++;
    } else if (what < 70) {
        restart_agent(c, agent);
    } else if (what < 90 && k->up) {
        say(c, "the controller loses the broker");
        k->up = false;
        k->reconnect = c->now + roll(c, 5000);
        core_down(k->core);
        c->counts[CLOUD_CONTROLLER_BREAKS]++;
    } else if (what < 130) {
        c->counts[CLOUD_BINDINGS_LOST] += bus_lose_binding(c->bus);
    } else if (what < 150 && c->agents[agent].queue[0]) {
        bus_overflow(c->bus, c->agents[agent].queue);
        c->counts[CLOUD_OVERFLOWS]++;
    } else if (what < 230) {
        plug(c, agent);
    } else {
        if (!roll(c, 20)) {
            c->old = k->world;
        }
        world_change(&k->world, &c->random);
        set_world(c, k, !roll(c, 3));
        c->settled_at = c->now;
        c->counts[CLOUD_CHANGES]++;
    }
}

static void
restart_controller(struct cloud *c)
{
    struct world world = c->controllers[c->current].world;
    unsigned int how = roll(c, 8);
    int i = c->current;

    if (how == 0) {
        memset(&world, 0, sizeof world);
        c->counts[CLOUD_EMPTY_STARTS]++;
    } else if (how == 1) {
        world_truncate(&world, &c->random);
        c->counts[CLOUD_TRUNCATED_STARTS]++;
    } else if (how == 2) {
        world = c->old;
        c->counts[CLOUD_OLD_STARTS]++;
    }
    c->counts[CLOUD_CONTROLLER_RESTARTS]++;
    if (how >= 6) {
        /* Another one beside it; one that was there before ends. */
        i = 1 - c->current;
        c->counts[CLOUD_SPLITS]++;
    }
    start_controller(c, i, &world);
}

static void
restart_broker(struct cloud *c)
{
    say(c, "the broker restarts");
    for (int i = 0; i < CLOUD_AGENTS; i++) {
        sim_agent_disconnect(&c->agents[i], c->now);
    }
    bus_restart(c->bus);
    for (int i = 0; i < CLOUD_CONTROLLERS; i++) {
        struct sim_controller *k = &c->controllers[i];

        if (k->core) {
            k->up = false;
            k->reconnect = c->now + roll(c, 3000);
            core_down(k->core);
        }
    }
    c->counts[CLOUD_BROKER_RESTARTS]++;
}

static void
add_agent_counts(struct cloud *c, const struct sim_agent *a)
{
    struct sync_status s;

    sync_get_status(a->sync, c->now, &s);
    c->counts[CLOUD_GAPS] += s.gaps;
    c->counts[CLOUD_OLD_EPOCHS] += s.old_epoch;
    c->counts[CLOUD_SAME] += s.digests_same;
    c->counts[CLOUD_DIFFER] += s.digests_differ;
    c->counts[CLOUD_TIMEOUTS] += s.timeouts;
    c->counts[CLOUD_HELD] += s.removals_held;
    c->counts[CLOUD_PAGES] += a->counters.pages;
    c->counts[CLOUD_PARTS] += a->counters.parts;
    c->counts[CLOUD_INLINE] += a->counters.inlined;
    c->counts[CLOUD_KEPT] += a->oracle.n_last_good;
    c->counts[CLOUD_CHECKS] += a->oracle.n_looks;
    c->counts[CLOUD_BODIES] += a->counters.bodies;
}

/* It begins with nothing; that its kernel has what it had is not played. */
static void
restart_agent(struct cloud *c, int i)
{
    struct sim_agent *a = &c->agents[i];
    unsigned int local = a->local;

    say(c, "agent %d restarts", i);
    sim_agent_disconnect(a, c->now);
    add_agent_counts(c, a);
    sim_agent_uninit(a);
    sim_agent_init(a, i, test_random(&c->random), c->bus, c->history);
    sim_agent_set_local(a, local, c->now);
    a->reconnect = c->now + roll(c, 500);
    /* A queue of the same name would be another one. */
    a->n_sessions = (unsigned int) c->now;
    c->counts[CLOUD_AGENT_RESTARTS]++;
}

/* A port may be on two hosts. */
static void
plug(struct cloud *c, int i)
{
    say(c, "agent %d gets other ports", i);
    sim_agent_set_local(&c->agents[i], roll(c, 1u << WORLD_FAR), c->now);
    c->counts[CLOUD_PLUGS]++;
}

/* ## Looking ## */

/* Whoever says when all must have been heard of that all is well, is right:
 * also if messages got lost, for then he knows that they did. */
static void
check_honest(struct cloud *c)
{
    const struct sim_controller *k = &c->controllers[c->current];

    if (c->now - c->settled_at < NOTICE_MS + c->delay_ms || roll(c, 4)) {
        return;
    }
    for (int i = 0; i < CLOUD_AGENTS; i++) {
        struct sync_status status;

        sync_get_status(c->agents[i].sync, c->now, &status);
        if (status.in_sync && !status.stale) {
            c->counts[CLOUD_HONEST]++;
            if (!sim_agent_equals(&c->agents[i], core_state(k->core), c->now,
                                  true)) {
                FAIL("\"in sync\" is not true at %lld", c->now);
            }
        }
    }
}

static bool
all_right(struct cloud *c, bool complain)
{
    const struct sim_controller *k = &c->controllers[c->current];
    bool ok = true;

    for (int i = 0; i < CLOUD_AGENTS; i++) {
        struct sync_status status;

        sync_get_status(c->agents[i].sync, c->now, &status);
        if (status.spared.n) {
            /* The operator's word, when he has looked. */
            if (complain) {
                FAIL("agent %d holds %d objects", i, (int) status.spared.n);
            } else if (!roll(c, 4)) {
                say(c, "the removal is accepted");
                sim_agent_accept(&c->agents[i], c->now);
            }
            return false;
        }
        if (status.state != SYNC_SYNCED || status.stale) {
            ok = false;
            if (complain) {
                FAIL("agent %d is %s%s: %s", i, sync_state_name(status.state),
                     status.stale ? ", stale" : "", status.last_error);
            }
        }
        ok = sim_agent_equals(&c->agents[i], core_state(k->core), c->now,
                              complain) && ok;
    }
    return ok;
}

static void
add_counts(struct cloud *c)
{
    const struct bus_counters *b = bus_counters(c->bus);

    c->counts[CLOUD_LOST] += b->lost;
    c->counts[CLOUD_DOUBLED] += b->doubled;
    c->counts[CLOUD_GARBLED] += b->garbled;
    c->counts[CLOUD_OVERTAKEN] += b->overtaken;
    c->counts[CLOUD_EXPIRED] += b->expired;
    for (int i = 0; i < CLOUD_AGENTS; i++) {
        add_agent_counts(c, &c->agents[i]);
    }
}
