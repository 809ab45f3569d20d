/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include <config.h>
#include "agent/agent-private.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent/timing.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "random.h"
#include "timeval.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(agent);

/* docs/protocol.md, "Timing". */
#define SYNC_TIMEOUT_MS 10000
#define SYNC_BACKOFF_MIN_MS 200
#define SYNC_BACKOFF_MAX_MS 60000
#define BEACON_MS 2000

/* While another program holds the xtables lock. */
#define RECOVER_RETRY_MS 20
#define SECOND_MS 1000
/* What an operator's resync may take before it is given up. */
#define RESYNC_TIMEOUT_MS 60000

static long long int
next_refresh(const struct agent *a, long long int now)
{
    return (a->config->refresh_s ? now + a->config->refresh_s * 1000
            : LLONG_MAX);
}

static bool
create_revoker(struct agent *a, uint32_t bit, char **error)
{
    const struct revoke_config config = {
        .keep = !strcmp(a->config->established_on_revoke, "keep"),
        .bit = bit,
        .few_flows = REVOKE_FEW_FLOWS,
    };
    struct flow_table *table = flow_table_kernel_create(error);

    if (table) {
        a->revoker = revoker_create(&config, table, a->started);
    }
    return table != NULL;
}

static struct agent *
create(const struct config *config, const struct agent_world *world,
       char **error)
{
    struct fw_backend_iptables_config backend_config = {
        .lock_path = config->xtables_lock,
    };
    struct policy_store_limits limits;
    struct pacer_config pacer_config = {
        .gather_ms = config->gather_ms,
        .backoff_max_ms = config->backoff_max_ms,
        .refresh_ms = config->refresh_s * 1000,
    };
    struct sync_config sync_config;
    struct fw_backend *backend;
    struct fw_layout layout;
    struct agent *a;
    struct uuid boot;

    backend = (world->backend ? world->backend
               : fw_backend_iptables_create(&backend_config, error));
    if (!backend) {
        return NULL;
    }
    a = xzalloc(sizeof *a);
    a->config = config;
    a->started = time_msec();
    a->start = start_create(a->started);
    a->last_apply = LLONG_MIN;
    a->next_refresh = next_refresh(a, a->started);
    a->lag_ms = -1;
    a->latency = latency_create();
    loop_watch_init(&a->loop);
    /* The threads of simulated hosts do not wait for one of them. */
    a->thread_fd = world->backend ? -1 : timing_open_thread();
    uuid_generate(&boot);
    snprintf(a->boot, sizeof a->boot, "%08x%08x%08x%08x", boot.parts[0],
             boot.parts[1], boot.parts[2], boot.parts[3]);
    ds_init(&a->resync.text);

    config_get_layout(config, &layout);
    a->firewall = firewall_create(backend, &layout, random_uint32());
    pacer_config.seed = random_uint32();
    if (!world->backend && !create_revoker(a, layout.revoked, error)) {
        agent_destroy(a);
        return NULL;
    }
    a->pacer = pacer_create(&pacer_config);
    config_get_store_limits(config, &limits);
    a->store = policy_store_create(&limits);
    sync_config = (struct sync_config) {
        .host = config->host,
        .boot = a->boot,
        .timeout_ms = SYNC_TIMEOUT_MS,
        .backoff_min_ms = SYNC_BACKOFF_MIN_MS,
        .backoff_max_ms = SYNC_BACKOFF_MAX_MS,
        .beacon_ms = BEACON_MS,
        .seed = random_uint32(),
    };
    a->sync = sync_create(&sync_config, a->store);
    a->broker = broker_create(config, a->boot, a->sync);
    a->status = port_status_create(config->unenforceable_ok.p,
                                   config->unenforceable_ok.n);
    a->zones = zone_alloc_create(config->zone_min, config->zone_max);
    a->plugs = (world->backend
                ? plugs_create_fixed(world->ports, world->n_ports, a->zones)
                : plugs_create(config, a->zones));
    a->simulated = world->backend != NULL;
    a->bridges = bridge_watch_create(config, a->simulated);
    a->keeper = a->simulated ? NULL : policy_keeper_create(config, a->store);
    agent_metrics_init(a);

    if (broker_start(a->broker)) {
        *error = xstrdup("cannot start the broker thread");
        agent_destroy(a);
        return NULL;
    }
    return a;
}

struct agent *
agent_create(const struct config *config, char **error)
{
    const struct agent_world world = { .backend = NULL };

    return create(config, &world, error);
}

struct agent *
agent_create_simulated(const struct config *config,
                       const struct agent_world *world, char **error)
{
    ovs_assert(world->backend);
    return create(config, world, error);
}

void
agent_destroy(struct agent *a)
{
    if (!a) {
        return;
    }
    broker_destroy(a->broker);
    plugs_destroy(a->plugs);
    bridge_watch_destroy(a->bridges);
    zone_alloc_destroy(a->zones);
    start_destroy(a->start);
    port_status_destroy(a->status);
    sync_destroy(a->sync);
    firewall_destroy(a->firewall);
    revoker_destroy(a->revoker);
    policy_keeper_destroy(a->keeper);
    policy_store_destroy(a->store);
    pacer_destroy(a->pacer);
    latency_destroy(a->latency);
    if (a->thread_fd >= 0) {
        close(a->thread_fd);
    }
    metrics_destroy(a->metrics.registry);
    ds_destroy(&a->resync.text);
    free(a->resync.error);
    free(a->kernel_problem);
    free(a);
}

/* The layer-2 guard.  It needs no order with the tables, see
 * firewall/l2_keeper.h. */
static void
apply_guard(struct agent *a, long long int now)
{
    size_t n;
    const struct l2_device *devices = plugs_devices(a->plugs, &n);

    bridge_watch_apply(a->bridges, policy_store_policy(a->store), devices, n,
                       now);
    a->guarded = true;
}

/* 3. Plugs. */

static void
watch_plugs(struct agent *a, long long int now)
{
    bool changed = plugs_run(a->plugs, now);

    if (!a->recovered || !plugs_ready(a->plugs)) {
        return;
    }
    if (changed || !a->plugs_known) {
        const struct local_port *ports;
        size_t n;

        plugs_resolve(a->plugs);
        ports = plugs_ports(a->plugs, &n);
        if (policy_store_set_local(a->store, ports, n) || !a->plugs_known) {
            sync_needs_changed(a->sync, now);
        }
        a->plugs_known = true;
        if (a->guarded) {
            apply_guard(a, now);
        }
    }
}

/* A policy of an earlier run.  In a steady life once a second is enough. */
static void
keep_policy(struct agent *a, long long int now)
{
    struct sync_status status;
    const struct policy_keeper_input in = {
        .sync = &status,
        .ready = a->plugs_known,
        .enforcing = start_is_enforcing(a->start),
    };

    if (a->keeper
        && (!policy_keeper_is_calm(a->keeper) || now >= a->next_second)) {
        sync_get_status(a->sync, now, &status);
        if (policy_keeper_run(a->keeper, &in, now)) {
            sync_needs_changed(a->sync, now);
        }
    }
}

/* 4. Hold. */

static void
hold(struct agent *a, long long int now)
{
    struct store_dirty dirty;
    const char **devices;

    if (!policy_store_take_dirty(a->store, &dirty)) {
        return;
    }
    devices = xcalloc(dirty.n_devices ? dirty.n_devices : 1,
                      sizeof *devices);
    for (size_t i = 0; i < dirty.n_devices; i++) {
        devices[i] = dirty.devices[i];
    }
    firewall_hold(a->firewall, devices, dirty.n_devices,
                  dirty.groups, dirty.n_groups);
    if (dirty.sent
        && (!a->structure_sent || dirty.sent < a->structure_sent)) {
        a->structure_sent = dirty.sent;
    }
    if (a->revoker) {
        revoke_note_structure(revoker_core(a->revoker),
                              policy_store_policy(a->store), &dirty, now);
    }
    pacer_dirty(a->pacer, now);
    free(devices);
    store_dirty_uninit(&dirty);
}

/* 5. Member lane. */

static void
note_lag(struct agent *a, int64_t sent)
{
    if (sent) {
        /* Clocks of two machines differ. */
        a->lag_ms = MAX(time_wall_msec() - sent, 0);
    }
}

/* Changes of this turn, before they are in the kernel. */
static void
note_stored(struct agent *a)
{
    const struct store_arrival *arrivals;
    size_t n = policy_store_take_arrivals(a->store, &arrivals);

    if (n) {
        latency_stored(a->latency, arrivals, n,
                       policy_store_policy(a->store)->generation,
                       time_wall_msec());
    }
}

static void
note_applied(struct agent *a)
{
    if (latency_status(a->latency)->n_pending) {
        latency_applied(a->latency, firewall_applied(a->firewall),
                        time_wall_msec());
    }
}

static void
apply_members(struct agent *a, long long int now)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);
    struct fw_member_change *changes;
    struct store_change *taken;
    size_t n = policy_store_take_changes(a->store, &taken);
    int error;

    if (!n) {
        return;
    }
    changes = xcalloc(n, sizeof *changes);
    for (size_t i = 0; i < n; i++) {
        changes[i].group = taken[i].group;
        changes[i].added = taken[i].added.p;
        changes[i].n_added = taken[i].added.n;
        changes[i].removed = taken[i].removed.p;
        changes[i].n_removed = taken[i].removed.n;
    }
    error = firewall_members(a->firewall, policy_store_policy(a->store),
                             changes, n);
    if (error) {
        VLOG_WARN_RL(&rl, "member change failed (%s); reading the set back",
                     ovs_strerror(error));
    } else {
        for (size_t i = 0; i < n; i++) {
            note_lag(a, taken[i].sent);
        }
    }
    if (a->revoker) {
        revoke_note_members(revoker_core(a->revoker),
                            policy_store_policy(a->store), taken, n, now);
    }
    free(changes);
    policy_store_changes_free(taken, n);
}

/* 6. Structure lane. */

static long long int
thread_cpu_us(void)
{
    struct rusage u;

    if (getrusage(RUSAGE_THREAD, &u)) {
        return 0;
    }
    return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000LL
           + u.ru_utime.tv_usec + u.ru_stime.tv_usec;
}

/* What lets everything pass is never switched silently. */
static void
note_unfiltered(struct agent *a)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(6, 6);
    const struct host_info *host = port_status_host(a->status);

    if (host->n_unfiltered != a->n_unfiltered) {
        a->n_unfiltered = host->n_unfiltered;
        VLOG_INFO_RL(&rl, "%"PRIuSIZE" of %"PRIuSIZE" ports are trusted or "
                     "without port security: nothing filters them",
                     host->n_unfiltered, host->n_ports);
    }
}

static void
apply_structure(struct agent *a, long long int now)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(6, 3);
    const struct fw_result *result;
    long long int before;
    bool zones_only = !start_is_enforcing(a->start);
    int error;

    if (!start_may_write(a->start)) {
        return;
    }
    if (firewall_is_urgent(a->firewall)) {
        pacer_now(a->pacer, now);
    } else if (firewall_needs_apply(a->firewall)
               && !pacer_is_dirty(a->pacer)) {
        pacer_dirty(a->pacer, now);
    }
    if (now < pacer_next(a->pacer)) {
        return;
    }

    if (now >= a->next_refresh) {
        firewall_refresh(a->firewall);
        a->next_refresh = next_refresh(a, now);
    }
    before = thread_cpu_us();
    if (!zones_only) {
        apply_guard(a, now);
    }
    error = firewall_apply(a->firewall, policy_store_policy(a->store));
    metric_observe(a->metrics.apply_cpu, (thread_cpu_us() - before) / 1e6);
    if (!zones_only) {
        bridge_watch_tables(a->bridges, !error, now);
    }
    result = firewall_result(a->firewall);
    a->applied_once = true;
    a->last_apply = now;
    if (error) {
        VLOG_ERR_RL(&rl, "apply of generation %"PRIu64" failed, last good "
                    "stays, trying again: %s", result->generation,
                    result->error_text ? result->error_text
                                       : ovs_strerror(error));
    } else if (!zones_only) {
        note_lag(a, a->structure_sent);
        a->structure_sent = 0;
        if (a->revoker) {
            revoke_started(revoker_core(a->revoker),
                           policy_store_policy(a->store), a->unfiltered, now);
        }
    }
    if (!error && result->n_steps) {
        VLOG_INFO_RL(&rl, "%s %"PRIu64" is in the kernel: "
                     "%"PRIuSIZE" edits in %"PRIuSIZE" commits",
                     zones_only ? "what zones need of generation"
                     : "generation", result->generation, result->n_edits,
                     result->n_commits);
    }
    if (!error && firewall_lacks_sets(a->firewall) && result->problems.n) {
        VLOG_WARN_RL(&rl, "the kernel refused sets, trying again: %s",
                     result->problems.p[0].text);
    }
    if (!error && zones_only) {
        a->zones_applied = true;
        agent_run_start(a, time_msec());
    }
    pacer_result(a->pacer,
                 error || firewall_needs_apply(a->firewall) ? PACER_FAILED
                 : firewall_lacks_sets(a->firewall)
                   || firewall_has_litter(a->firewall) ? PACER_PARTLY
                 : PACER_DONE, time_msec());
    agent_update_status(a, now);
    note_unfiltered(a);
}

/* 7. Flows.  Whoever has left so far was told to the firewall. */

static void
look_at_flows(struct agent *a)
{
    const struct sg_policy *policy = policy_store_policy(a->store);
    uint64_t applied = firewall_applied(a->firewall);
    const struct revoke_in_force in_force = {
        .rules = applied,
        .deletions = (firewall_has_deleted(a->firewall)
                      ? policy->generation : applied),
    };

    revoker_run(a->revoker, policy, &in_force, time_msec());
}

/* An operator's resync, step by step. */

void
agent_request_resync(struct agent *a)
{
    struct resync *r = &a->resync;
    struct sync_status status;
    long long int now = time_msec();

    if (r->state != RESYNC_IDLE) {
        return;                 /* One under way serves all who ask. */
    }
    sync_get_status(a->sync, now, &status);
    r->state = RESYNC_ASKED;
    r->done = r->answered = false;
    r->started = now;
    r->full_answers = status.full_answers;
    r->generation_before = policy_store_policy(a->store)->generation;
    r->n_differences = 0;
    ds_clear(&r->text);
    free(r->error);
    r->error = NULL;
    sync_request_full(a->sync, now);
}

static void
finish_resync(struct resync *r, const char *error, long long int now)
{
    r->error = nullable_xstrdup(error);
    r->duration_ms = now - r->started;
    r->state = RESYNC_IDLE;
    r->done = true;
}

static void
run_resync(struct agent *a, long long int now)
{
    const struct sg_policy *policy = policy_store_policy(a->store);
    struct resync *r = &a->resync;
    struct sync_status status;
    int error;

    if (r->state == RESYNC_IDLE) {
        return;
    }
    if (now > r->started + RESYNC_TIMEOUT_MS) {
        finish_resync(r, r->state == RESYNC_APPLYING
                      ? "the repair did not succeed"
                      : r->answered
                      ? "another program holds the lock of the tables"
                      : "the controller did not answer", now);
        return;
    }
    sync_get_status(a->sync, now, &status);
    if (r->state == RESYNC_ASKED && status.full_answers > r->full_answers
        && (status.state == SYNC_CONFIRMING || status.state == SYNC_SYNCED)
        && start_is_enforcing(a->start)) {
        error = firewall_verify(a->firewall, policy, &r->text,
                                &r->n_differences);
        if (error == EAGAIN) {
            r->answered = true;
            return;
        } else if (error) {
            finish_resync(r, ovs_strerror(error), now);
            return;
        }
        pacer_now(a->pacer, now);
        r->state = RESYNC_APPLYING;
    } else if (r->state == RESYNC_APPLYING && !pacer_is_dirty(a->pacer)
               && firewall_applied(a->firewall) >= policy->generation
               && !firewall_needs_apply(a->firewall)) {
        finish_resync(r, NULL, now);
    }
}

/* Slow checks. */

static void
check_kernel(struct agent *a)
{
    struct plugs_status plugs;

    free(a->kernel_problem);
    a->kernel_problem = NULL;
    if (a->simulated) {
        return;
    }
    plugs_get_status(a->plugs, &plugs);
    if (plugs.link_error) {
        a->kernel_problem = xasprintf("cannot list links: %s",
                                      ovs_strerror(plugs.link_error));
    }
}

static void
run_slow(struct agent *a, long long int now)
{
    if (now < a->next_second) {
        return;
    }
    a->next_second = now + SECOND_MS;
    check_kernel(a);
    agent_update_status(a, now);
    if (policy_store_expire(a->store, now, a->config->linger_s * 1000)) {
        sync_needs_changed(a->sync, now);
    }
    agent_report_regularly(a, now);
}

/* The loop's own time. */

static void
begin_turn(struct agent *a)
{
    struct loop_thread thread;

    loop_watch_begin(&a->loop, timing_now_us());
    if (loop_watch_wants_thread(&a->loop)
        && timing_read_thread(a->thread_fd, &thread)) {
        loop_watch_note_thread(&a->loop, &thread, a->loop.began);
    }
}

static void
step(struct agent *a, enum loop_step s)
{
    loop_watch_step(&a->loop, s, timing_now_us());
}

/* To ask how long it waited for a CPU costs more than a short turn. */
static void
end_turn(struct agent *a)
{
    int64_t now_us = timing_now_us();
    struct loop_thread thread;
    bool asked;
    int64_t us;

    loop_watch_step(&a->loop, LOOP_CONTROL, now_us);
    asked = (loop_watch_elapsed(&a->loop, now_us) > LOOP_LONG_US
             && timing_read_thread(a->thread_fd, &thread));
    us = loop_watch_end(&a->loop, asked ? &thread : NULL, now_us,
                        now_us / 1000);
    metric_observe(a->metrics.loop_turn, us / 1e6);
}

void
agent_reset_loop(struct agent *a)
{
    loop_watch_reset(&a->loop);
}

bool
agent_run(struct agent *a)
{
    long long int now = time_msec();
    bool look;

    begin_turn(a);
    agent_recover(a);
    step(a, LOOP_RECOVER);
    look = !broker_run(a->broker, now) || now >= a->next_look;
    note_stored(a);
    step(a, LOOP_MESSAGES);
    if (look) {
        watch_plugs(a, now);
        if (bridge_watch_run(a->bridges, now) && a->guarded) {
            apply_guard(a, now);
        }
        a->next_look = now + AGENT_LOOK_MS;
        step(a, LOOP_PLUGS);
    }
    keep_policy(a, now);
    step(a, LOOP_SAVED);
    hold(a, now);
    apply_members(a, now);
    step(a, LOOP_MEMBERS);
    agent_run_start(a, now);
    apply_structure(a, now);
    if (!pacer_is_dirty(a->pacer)) {
        firewall_note_applied(a->firewall, policy_store_policy(a->store));
    }
    note_applied(a);
    step(a, LOOP_STRUCTURE);
    if (a->revoker) {
        look_at_flows(a);
        step(a, LOOP_FLOWS);
    }
    run_resync(a, now);
    step(a, LOOP_RESYNC);
    if (a->plugs_known) {
        broker_send(a->broker, now);
    }
    agent_report_acks(a, now);
    step(a, LOOP_QUESTIONS);
    run_slow(a, now);
    step(a, LOOP_CHECKS);
    return look;
}

static void
wait_for_work(struct agent *a)
{
    plugs_wait(a->plugs);
    bridge_watch_wait(a->bridges);
    broker_wait(a->broker, a->plugs_known);
    if (!a->recovered) {
        poll_timer_wait(RECOVER_RETRY_MS);
    }
    poll_timer_wait_until(start_next(a->start));
    if (sync_acks_next(a->sync) != LLONG_MAX) {
        poll_timer_wait_until(sync_acks_next(a->sync));
    }
    if (a->keeper) {
        poll_timer_wait_until(policy_keeper_next(a->keeper));
    }
    if (start_may_write(a->start)) {
        long long int next = pacer_next(a->pacer);

        if (next != LLONG_MAX) {
            poll_timer_wait_until(next);
        } else if (firewall_needs_apply(a->firewall)) {
            poll_immediate_wake();
        }
    }
    if (a->revoker) {
        revoker_wait(a->revoker);
    }
    poll_timer_wait_until(a->next_second);
}

void
agent_wait(struct agent *a)
{
    wait_for_work(a);
    end_turn(a);
}
