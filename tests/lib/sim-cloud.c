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
#include "util.h"

/* In the end everything must be right within this time.  The longest that an
 * agent may wait is for a question that fails (10 s) after many others have:
 * it asks again 60 s later; nearly all are right within 40 s. */
#define SETTLE_MS 90000
/* What an agent waits in addition until it knows that a namesake is gone: its
 * next report (30 s) comes between others' for the last time, 90 s later the
 * controller tells it so no more, 90 s later it asks. */
#define NAMESAKE_MS 220000
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
    int delay_ms;               /* That messages may take. */
    bool small_pages;
    size_t small_beacons;       /* Entries of one; 0: enough. */
    struct bus *bus;
    struct history *history;
    struct sim_agent agents[CLOUD_MAX_AGENTS];
    int n_agents;
    bool namesakes;             /* The last has the name of the first. */
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
static void break_controller(struct cloud *, struct sim_controller *,
                             unsigned int ms);
static void start_agent(struct cloud *, int i, unsigned int local);
static void deliver(struct cloud *, struct bus_delivery *);
static void run_all(struct cloud *);
static void make_event(struct cloud *);
static void change_world(struct cloud *, struct sim_controller *, bool purge);
static void restart_controller(struct cloud *);
static void restart_broker(struct cloud *);
static void restart_agent(struct cloud *, int i);
static unsigned int choose_ports(struct cloud *);
static void plug(struct cloud *, int i);
static void check_honest(struct cloud *);
static bool all_right(struct cloud *, bool complain);
static void end_faults(struct cloud *);
static void add_agent_counts(struct cloud *, const struct sim_agent *);
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
        .unbindable = !roll(c, 4) * roll(c, 300),
    };

    c->delay_ms = faults.delay_ms;
    c->small_pages = !roll(c, 3);
    c->small_beacons = roll(c, 4) ? 0 : 1 + roll(c, 8);
    bus_set_faults(c->bus, &faults);
}

static void
init(struct cloud *c)
{
    struct world world;

    c->now = 1000;
    c->history = history_create();
    c->bus = bus_create(test_random(&c->random));
    choose_faults(c);
    world_init(&world, &c->random);
    c->old = world;
    for (int i = 0; i < CLOUD_CONTROLLERS; i++) {
        sim_controller_init(&c->controllers[i], test_random(&c->random),
                            c->bus, c->history);
    }
    start_controller(c, 0, &world);
    c->n_agents = roll(c, 4) ? 2 : CLOUD_MAX_AGENTS;
    c->namesakes = !roll(c, 16);
    c->counts[CLOUD_NAMESAKES] += c->namesakes;
    for (int i = 0; i < c->n_agents; i++) {
        start_agent(c, i, choose_ports(c));
    }
    c->next_event = c->now + roll(c, 3000);
}

static void
uninit(struct cloud *c)
{
    for (int i = 0; i < c->n_agents; i++) {
        sim_agent_uninit(&c->agents[i]);
    }
    for (int i = 0; i < CLOUD_CONTROLLERS; i++) {
        sim_controller_uninit(&c->controllers[i]);
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

    for (int i = 0; i < c->n_agents; i++) {
        next = MIN(next, sim_agent_next(&c->agents[i]));
    }
    for (int i = 0; i < CLOUD_CONTROLLERS; i++) {
        next = MIN(next, sim_controller_next(&c->controllers[i]));
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
    struct cloud c = { .random = seed, .trace = trace, .counts = counts };
    long long int quiet;

    init(&c);
    c.ends = c.now + 2000 + roll(&c, roll(&c, 8) ? 12000 : 100000);
    while (c.now < c.ends && !test_failed()) {
        step(&c);
        check_honest(&c);
    }

    end_faults(&c);
    quiet = c.now;
    while (c.now < quiet + SETTLE_MS + c.namesakes * NAMESAKE_MS
           && !test_failed()) {
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

/* Of two with one name the controller cannot tell whose ports are whose: one
 * has to go, and the other asks for all when it is alone. */
static void
end_faults(struct cloud *c)
{
    static const struct bus_faults none = { .delay_ms = 5 };

    say(c, "the faults end");
    bus_set_faults(c->bus, &none);
    c->next_event = LLONG_MAX;
    if (c->namesakes) {
        struct sim_agent *last = &c->agents[--c->n_agents];

        sim_agent_disconnect(last, c->now);
        add_agent_counts(c, last);
        sim_agent_uninit(last);
    }
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

    c->last_epoch = MAX(c->last_epoch + 1, c->now);
    k->no_cache = c->small_pages && roll(c, 2);
    c->current = i;
    c->settled_at = c->now;
    k->page_bytes = c->small_pages ? 120 + roll(c, 1200) : 0;
    k->beacon_entries = c->small_beacons;
    sim_controller_start(k, c->last_epoch, world, c->now);
    say(c, "controller %d begins epoch %lld", i, (long long int) k->epoch.ms);
}

static void
break_controller(struct cloud *c, struct sim_controller *k, unsigned int ms)
{
    sim_controller_disconnect(k, c->now + roll(c, ms));
}

/* ## Time goes on ## */

static void
run_all(struct cloud *c)
{
    for (int i = 0; i < CLOUD_CONTROLLERS; i++) {
        struct sim_controller *k = &c->controllers[i];

        if (k->core && sim_controller_run(k, c->now)) {
            c->settled_at = c->now;
        }
    }
    for (int i = 0; i < c->n_agents; i++) {
        sim_agent_run(&c->agents[i], c->now);
    }
}

/* Two controllers share the questions. */
static void
deliver(struct cloud *c, struct bus_delivery *d)
{
    struct sim_controller *k;

    if (d->owner != SIM_CONTROLLER_OWNER) {
        sim_agent_deliver(&c->agents[d->owner], d->queue, d->body, d->len,
                          c->now);
        return;
    }
    k = &c->controllers[roll(c, CLOUD_CONTROLLERS)];
    if (!k->core || !k->up) {
        k = &c->controllers[c->current];
    }
    if (k->core && k->up) {
        sim_controller_deliver(k, d->body, d->len, c->now);
    }
}

/* ## What happens ## */

static void
make_event(struct cloud *c)
{
    unsigned int what = roll(c, 1000);
    int agent = (int) roll(c, c->n_agents);
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
        break_controller(c, k, roll(c, 4) ? 5000 : 25000);
        c->counts[CLOUD_CONTROLLER_BREAKS]++;
    } else if (what < 130) {
        c->counts[CLOUD_BINDINGS_LOST] += bus_lose_binding(c->bus);
    } else if (what < 150 && c->agents[agent].queue[0]) {
        bus_overflow(c->bus, c->agents[agent].queue);
        c->counts[CLOUD_OVERFLOWS]++;
    } else if (what < 230) {
        plug(c, agent);
    } else {
        change_world(c, k, what < 250);
    }
}

/* Most of what happens.  A controller that was replaced and does not know it
 * goes on as well. */
static void
change_world(struct cloud *c, struct sim_controller *k, bool purge)
{
    struct sim_controller *other = &c->controllers[1 - c->current];

    if (!roll(c, 20)) {
        c->old = k->world;
    }
    if (other->core && !roll(c, 4)) {
        k = other;
        c->counts[CLOUD_OLD_CHANGES]++;
    } else {
        c->settled_at = c->now;
    }
    if (purge) {
        say(c, "most ports go");
        world_purge(&k->world, &c->random);
        /* Who is told believes it; who has to ask may not. */
        for (int i = 0; i < c->n_agents && roll(c, 3); i++) {
            sim_agent_disconnect(&c->agents[i], c->now);
        }
        c->counts[CLOUD_PURGES]++;
    } else {
        world_change(&k->world, &c->random);
        c->counts[CLOUD_CHANGES]++;
    }
    sim_controller_tell(k, !roll(c, 3), c->now);
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
    for (int i = 0; i < c->n_agents; i++) {
        sim_agent_disconnect(&c->agents[i], c->now);
    }
    bus_restart(c->bus);
    for (int i = 0; i < CLOUD_CONTROLLERS; i++) {
        struct sim_controller *k = &c->controllers[i];

        if (k->core) {
            break_controller(c, k, 3000);
        }
    }
    c->counts[CLOUD_BROKER_RESTARTS]++;
}

static void
add_agent_counts(struct cloud *c, const struct sim_agent *a)
{
    struct sync_status s;

    sync_get_status(a->sync, c->now, &s);
    c->counts[CLOUD_DUPLICATE] += s.duplicate_host;
    c->counts[CLOUD_CONFLICTS] += s.conflicting_epochs;
    c->counts[CLOUD_UNBINDABLE] += a->counters.unbindable;
    c->counts[CLOUD_RENEWED] += a->counters.renewed;
    c->counts[CLOUD_GAPS] += s.gaps;
    c->counts[CLOUD_OLD_EPOCHS] += s.old_epoch;
    c->counts[CLOUD_SAME] += s.digests_same;
    c->counts[CLOUD_DIFFER] += s.digests_differ;
    c->counts[CLOUD_TIMEOUTS] += s.timeouts;
    c->counts[CLOUD_HELD] += s.removals_held;
    c->counts[CLOUD_PAGES] += a->counters.pages;
    c->counts[CLOUD_PARTS] += a->counters.parts;
    c->counts[CLOUD_MORE] += a->counters.more;
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
    start_agent(c, i, local);
    c->counts[CLOUD_AGENT_RESTARTS]++;
}

static void
start_agent(struct cloud *c, int i, unsigned int local)
{
    bool namesake = c->namesakes && i == c->n_agents - 1;
    struct sim_agent *a = &c->agents[i];

    sim_agent_init(a, i, namesake ? 0 : i, test_random(&c->random), c->bus,
                   c->history);
    sim_agent_set_local(a, local, c->now);
    a->reconnect = c->now + roll(c, 500);
}

/* A port may be on two hosts. */
static unsigned int
choose_ports(struct cloud *c)
{
    return roll(c, 1u << WORLD_FAR) | (roll(c, 2)
                                       ? roll(c, 1u << WORLD_FAR) : 0);
}

static void
plug(struct cloud *c, int i)
{
    say(c, "agent %d gets other ports", i);
    sim_agent_set_local(&c->agents[i], choose_ports(c), c->now);
    c->counts[CLOUD_PLUGS]++;
}

/* ## Looking ## */

/* Two agents of one name.  The controller knows what the one that asked last
 * needs, and takes the other for its predecessor until that one's next report
 * (30 s, or later if it is lost), when it tells both that there are two. */
static bool
is_namesake(const struct cloud *c, int i)
{
    return c->namesakes && (!i || i == c->n_agents - 1);
}

/* As long as two controllers share the questions, one that connects may hear
 * from the earlier one first, and of the later one with its next beacon. */
static bool
may_be_misled(const struct cloud *c, int i)
{
    return (c->controllers[1 - c->current].core
            && c->now - c->agents[i].connected < NOTICE_MS + c->delay_ms);
}

/* Whoever says when all must have been heard of that all is well, is right:
 * also if messages got lost, for then he knows that they did. */
static void
check_honest(struct cloud *c)
{
    const struct sim_controller *k = &c->controllers[c->current];

    /* Of one that is away nobody hears as long as an earlier one goes on. */
    if (c->now - c->settled_at < NOTICE_MS + c->delay_ms || roll(c, 4)
        || (!k->up && c->controllers[1 - c->current].core)) {
        return;
    }
    for (int i = 0; i < c->n_agents; i++) {
        struct sync_status status;

        sync_get_status(c->agents[i].sync, c->now, &status);
        if (status.in_sync && !status.stale && !is_namesake(c, i)
            && !may_be_misled(c, i)) {
            c->counts[CLOUD_HONEST]++;
            if (!sim_agent_equals(&c->agents[i], sim_controller_state(k),
                                  c->now, true)) {
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

    for (int i = 0; i < c->n_agents; i++) {
        struct sync_status status;

        sync_get_status(c->agents[i].sync, c->now, &status);
        if (status.spared.n) {
            /* The operator's word, when he has looked. */
            if (complain) {
                FAIL("agent %d holds %d objects", i, (int) status.spared.n);
            } else {
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
        ok = sim_agent_equals(&c->agents[i], sim_controller_state(k), c->now,
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
    for (int i = 0; i < CLOUD_CONTROLLERS; i++) {
        struct sim_controller *k = &c->controllers[i];

        sim_controller_stop(k);
        c->counts[CLOUD_TWICE] += k->counters.twice;
        c->counts[CLOUD_RESYNCS] += k->counters.resyncs;
    }
    for (int i = 0; i < c->n_agents; i++) {
        add_agent_counts(c, &c->agents[i]);
    }
}
