/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include <config.h>
#include "agent/agent-private.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/report.h"
#include "agent/report_trace.h"
#include "agent/trace_query.h"
#include "rpc/message.h"
#include "timeval.h"
#include "util.h"

/* What sgctl sees of the agent: gathers the inputs of the documents, reads
 * the kernel where a document needs it, and changes nothing. */

/* A policy file is an answer to `sync`: as large as a message may be. */
#define PLAN_FILE_MAX (8 * 1024 * 1024)

/* A change of which the flows have not been looked at for so long counts. */
#define FLOWS_LATE_MS 5000

struct inputs {
    struct report_input in;
    struct broker_status broker;
    struct report_broker report_broker;
    struct report_saved saved;
    struct fw_stats fw;
    struct bridge_watch_status bridges;
    struct revoke_status flows;
    const char *unknown[PLUGS_MAX_UNKNOWN_DEVICES];
};

static const char *
broker_problem(const struct amqp_status *amqp)
{
    if (amqp->stage == AMQP_STAGE_UP) {
        return NULL;
    }
    return amqp->last_error[0] ? amqp->last_error
                               : amqp_stage_name(amqp->stage);
}

static void
gather_broker(struct agent *a, struct inputs *i)
{
    const struct amqp_status *amqp = &i->broker.amqp;

    broker_get_status(a->broker, &i->broker);
    i->report_broker = (struct report_broker) {
        .stage = amqp_stage_name(amqp->stage),
        .broker = amqp->broker,
        .queue = amqp->queue,
        .last_error = amqp->last_error,
        .blocked = amqp->blocked,
        .blocked_ms = amqp->blocked_ms,
        .refusals = amqp->refusals,
        .sessions = amqp->session,
        .received = amqp->received,
        .received_bytes = amqp->received_bytes,
        .published = amqp->published,
        .rejected = amqp->rejected,
        .too_large = amqp->too_large,
        .malformed = i->broker.malformed,
        .last_malformed = i->broker.last_malformed,
        .last_unbindable = i->broker.last_unbindable,
        .n_bindings = amqp->n_bindings,
        .n_bound = amqp->n_bound,
    };
}

static void
gather_saved(struct agent *a, struct report_saved *saved)
{
    if (a->keeper) {
        policy_keeper_get_status(a->keeper, saved);
    } else {
        *saved = (struct report_saved) { .age_ms = -1, .saved = LLONG_MIN };
    }
}

static void
gather(struct agent *a, struct inputs *i)
{
    struct plugs_status plugs;

    memset(i, 0, sizeof *i);
    gather_broker(a, i);
    plugs_get_status(a->plugs, &plugs);
    bridge_watch_get_status(a->bridges, &i->bridges);
    firewall_get_stats(a->firewall, &i->fw);
    gather_saved(a, &i->saved);
    if (a->revoker) {
        revoke_get_status(revoker_core(a->revoker), &i->flows);
    }
    i->in = (struct report_input) {
        .now = time_msec(),
        .host = a->config->host,
        .boot = a->boot,
        .version = SG_VERSION,
        .store = a->store,
        .sync = a->sync,
        .ports = a->status,
        .broker = &i->report_broker,
        .saved = &i->saved,
        .result = a->applied_once ? firewall_result(a->firewall) : NULL,
        .fw = &i->fw,
        .loop = &a->loop,
        .flows = a->revoker ? &i->flows : NULL,
        .applied = firewall_applied(a->firewall),
        .started = a->started,
        .start = start_state_name(start_state(a->start)),
        .last_apply = a->last_apply,
        .lag_ms = a->lag_ms,
        .l2_guard = i->bridges.guard,
        .other_tables = i->bridges.other_tables,
        .unknown_devices = i->unknown,
        .n_unknown_devices = plugs.n_unknown_listed,
        .unknown_devices_total = plugs.n_unknown_devices,
        .zone_problems = plugs.zone_problems,
        .n_zone_problems = plugs.n_zone_problems_listed,
        .zone_problems_total = plugs.n_zone_problems,
    };
    for (size_t n = 0; n < i->in.n_unknown_devices; n++) {
        i->unknown[n] = plugs.unknown_devices[n];
    }
}

static const char *
why_flows_wait(enum revoke_wait what)
{
    switch (what) {
    case REVOKE_WAITS_FOR_START:
        return "nobody has looked at them since the start";
    case REVOKE_WAITS_FOR_RULES:
        return "the rules that revoke them are not in the kernel";
    case REVOKE_WAITS_FOR_DELETIONS:
        return "members that left could not be deleted from their sets";
    case REVOKE_WAITS_FOR_PASS:
        return "there are too many to look at them sooner";
    }
    OVS_NOT_REACHED();
}

/* What a pass could not do is done again; only its failure, and what has
 * waited too long, is to be known.  Why the start is not over has a reason of
 * its own. */
static void
describe_flows(struct agent *a, long long int now, char *text, size_t size)
{
    struct revoke_status s;

    text[0] = '\0';
    if (!a->revoker) {
        return;
    }
    revoke_get_status(revoker_core(a->revoker), &s);
    if (s.problem) {
        snprintf(text, size, "flows go on that the policy does not allow "
                 "any more: %s", s.problem);
    } else if (s.waiting_since != LLONG_MAX
               && s.waiting_for != REVOKE_WAITS_FOR_START
               && now - s.waiting_since > FLOWS_LATE_MS) {
        snprintf(text, size, "flows may go on that the policy does not allow "
                 "any more since %lld s ago: %s",
                 (now - s.waiting_since) / 1000,
                 why_flows_wait(s.waiting_for));
    }
}

void
agent_update_status(struct agent *a, long long int now)
{
    char flows[256];
    struct broker_status broker;
    struct port_status_input in;
    struct plugs_status plugs;
    struct bridge_watch_status bridges;
    struct report_saved saved;

    bridge_watch_get_status(a->bridges, &bridges);
    broker_get_status(a->broker, &broker);
    plugs_get_status(a->plugs, &plugs);
    gather_saved(a, &saved);
    describe_flows(a, now, flows, sizeof flows);
    in = (struct port_status_input) {
        .policy = policy_store_policy(a->store),
        .store = a->store,
        .sync = a->sync,
        .result = a->applied_once ? firewall_result(a->firewall) : NULL,
        .applied = firewall_applied(a->firewall),
        .starting = start_reason(a->start),
        .starting_since = start_since(a->start),
        .ovsdb_ok = plugs.connected,
        .n_refused_rows = plugs.n_refused_rows,
        .n_duplicate_rows = plugs.n_duplicate_rows,
        .broker_problem = broker_problem(&broker.amqp),
        .kernel_problem = (a->kernel_problem ? a->kernel_problem
                           : bridges.knob_problem),
        .guard_problem = a->guarded ? bridges.guard_problem : NULL,
        .flow_problem = flows[0] ? flows : NULL,
        .from_file = saved.in_force,
        .from_file_age_ms = saved.age_ms,
    };
    port_status_update(a->status, &in, now);
}

char *
agent_status_document(struct agent *a)
{
    struct inputs i;

    agent_update_status(a, time_msec());
    gather(a, &i);
    return report_status(&i.in);
}

char *
agent_ports_document(struct agent *a)
{
    struct inputs i;

    agent_update_status(a, time_msec());
    gather(a, &i);
    return report_ports(&i.in);
}

char *
agent_groups_document(struct agent *a)
{
    struct inputs i;

    gather(a, &i);
    return report_groups(&i.in);
}

char *
agent_limits_document(struct agent *a)
{
    struct broker_status broker;

    broker_get_status(a->broker, &broker);
    return report_limits(&(struct report_limits) {
        .config = a->config,
        .store = a->store,
        .rpc_refused = broker.refused,
        .log_suppressed = broker.log_suppressed,
    });
}

char *
agent_version_document(struct agent *a)
{
    struct inputs i;

    gather(a, &i);
    return report_version(&i.in);
}

typedef char *kernel_report(const struct report_input *,
                            const struct fw_ruleset *);

/* A document on what the kernel has now. */
static int
kernel_document(struct agent *a, kernel_report *report, char **document)
{
    struct fw_ruleset *snapshot;
    struct inputs i;
    int error;

    error = firewall_snapshot(a->firewall, policy_store_policy(a->store),
                              &snapshot);
    if (!error) {
        gather(a, &i);
        *document = report(&i.in, snapshot);
        fw_ruleset_destroy(snapshot);
    }
    return error;
}

int
agent_sets_document(struct agent *a, char **document)
{
    return kernel_document(a, report_sets, document);
}

int
agent_rules_document(struct agent *a, char **document)
{
    return kernel_document(a, report_rules, document);
}

char *
agent_trace_query(const struct agent *a, int n, const char *words[],
                  struct fw_trace_query *query)
{
    return trace_query_parse(policy_store_policy(a->store), n, words, query);
}

int
agent_trace_document(struct agent *a, const struct fw_trace_query *query,
                     char **document, char **error)
{
    struct report_trace r = { .trace = NULL };
    struct fw_trace *trace = NULL;
    struct inputs i;
    int retval;

    *error = NULL;
    retval = firewall_trace(a->firewall, policy_store_policy(a->store), query,
                            &trace, error);
    if (!retval && !*error) {
        const struct fw_packet *packet = &trace->query.packet;

        gather(a, &i);
        r = (struct report_trace) {
            .trace = trace,
            .guard = i.bridges.guard,
            .knob_problem = i.bridges.knob_problem,
        };
        if (i.bridges.elements) {
            const char *prefix = a->config->tap_prefix;

            r.has_view = true;
            r.view = l2_view(i.bridges.elements, packet,
                             !strncmp(packet->physdev_in, prefix,
                                      strlen(prefix)));
        }
        *document = report_trace(&i.in, &r);
        fw_trace_destroy(trace);
    }
    return retval;
}

/* Reads 'name' whole; NULL and a sentence if it cannot or is too large. */
static char *
read_policy_file(const char *name, size_t *len, char **error)
{
    /* The loop must not wait: not for the other end of a pipe, not for a
     * terminal. */
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat s;
    FILE *stream;
    char *text;

    if (fd < 0) {
        *error = xasprintf("%s: %s", name, ovs_strerror(errno));
        return NULL;
    }
    if (fstat(fd, &s) || !S_ISREG(s.st_mode)) {
        *error = xasprintf("%s: not a regular file", name);
        close(fd);
        return NULL;
    }
    stream = fdopen(fd, "r");
    if (!stream) {
        *error = xasprintf("%s: %s", name, ovs_strerror(errno));
        close(fd);
        return NULL;
    }
    text = xmalloc(PLAN_FILE_MAX + 1);
    *len = fread(text, 1, PLAN_FILE_MAX + 1, stream);
    if (ferror(stream)) {
        *error = xasprintf("%s: cannot be read", name);
    } else if (*len > PLAN_FILE_MAX) {
        *error = xasprintf("%s: larger than %d bytes", name, PLAN_FILE_MAX);
    } else {
        fclose(stream);
        return text;
    }
    fclose(stream);
    free(text);
    return NULL;
}

/* A store with our ports and the policy of 'file', or NULL and a sentence. */
static struct policy_store *
store_from_file(struct agent *a, const char *file, char **error)
{
    struct policy_store_limits limits;
    struct rpc_limits rpc_limits;
    const struct local_port *ports;
    struct policy_store *store;
    struct sg_update update;
    char *text, *why;
    size_t len, n;

    text = read_policy_file(file, &len, error);
    if (!text) {
        return NULL;
    }
    config_get_rpc_limits(a->config, &rpc_limits);
    why = rpc_update_from_text(text, len, &rpc_limits, &update);
    free(text);
    if (why) {
        *error = xasprintf("%s: %s", file, why);
        free(why);
        return NULL;
    } else if (update.n_problems) {
        /* A plan without what was left out would be of another policy. */
        *error = xasprintf("%s: %s: %s", file, update.problems[0].what,
                           update.problems[0].reason);
        sg_update_uninit(&update);
        return NULL;
    }
    config_get_store_limits(a->config, &limits);
    store = policy_store_create(&limits);
    ports = plugs_ports(a->plugs, &n);
    policy_store_set_local(store, ports, n);
    /* Needs unfold with what is known: ports, then rules, then members. */
    for (int round = 0; round < 3; round++) {
        policy_store_update(store, &update, time_msec(), NULL);
    }
    sg_update_uninit(&update);
    return store;
}

int
agent_plan_document(struct agent *a, const char *file, char **document,
                    char **error)
{
    struct policy_store *other = NULL;
    struct fw_plan *plan;
    struct inputs i;
    int retval;

    *error = NULL;
    if (file) {
        other = store_from_file(a, file, error);
        if (!other) {
            return 0;
        }
    }
    retval = firewall_dry_run(a->firewall,
                              policy_store_policy(other ? other : a->store),
                              &plan);
    if (!retval) {
        gather(a, &i);
        *document = report_plan(&i.in, plan);
        fw_plan_destroy(plan);
    }
    policy_store_destroy(other);
    return retval;
}

bool
agent_resync_done(struct agent *a, char **document)
{
    struct resync *r = &a->resync;
    struct report_resync result;
    struct inputs i;

    if (!r->done) {
        return false;
    }
    result = (struct report_resync) {
        .done = !r->error,
        .error = r->error,
        .n_differences = r->n_differences,
        .text = ds_cstr(&r->text),
        .generation_before = r->generation_before,
        .generation = policy_store_policy(a->store)->generation,
        .duration_ms = r->duration_ms,
    };
    gather(a, &i);
    *document = report_resync(&i.in, &result);
    return true;
}

unsigned long long int
agent_generation(const struct agent *a)
{
    return policy_store_policy(a->store)->generation;
}

bool
agent_is_settled(const struct agent *a, unsigned long long int generation,
                 char **document)
{
    uint64_t applied = firewall_applied(a->firewall);
    struct sync_status status;
    bool done;

    sync_get_status(a->sync, time_msec(), &status);
    done = status.in_sync && applied >= generation
           && start_is_enforcing(a->start)
           && !pacer_is_dirty(a->pacer)
           && !firewall_needs_apply(a->firewall)
           && !firewall_lacks_sets(a->firewall);
    if (document) {
        *document = report_wait(policy_store_policy(a->store)->generation,
                                applied, done);
    }
    return done;
}

void
agent_get_sync_status(const struct agent *a, struct sync_status *status)
{
    sync_get_status(a->sync, time_msec(), status);
}

void
agent_get_broker_status(const struct agent *a, struct broker_status *status)
{
    broker_get_status(a->broker, status);
}

void
agent_bind_unneeded(struct agent *a, const char *exchange, bool bind)
{
    broker_bind_unneeded(a->broker, exchange, bind);
}

/* Metrics: counters that live elsewhere are read when they are asked for. */

static const double turn_bounds[] = {
    0.00005, 0.0001, 0.0005, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5,
};
static const double cpu_bounds[] = {
    0.0001, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5,
};

void
agent_metrics_init(struct agent *a)
{
    struct metrics *m = metrics_create();

    a->metrics.registry = m;
    a->metrics.apply_cpu = metrics_histogram(
        m, "sg_apply_cpu_seconds", "CPU time of one structure apply.", NULL,
        NULL, cpu_bounds, ARRAY_SIZE(cpu_bounds));
    a->metrics.loop_turn = metrics_histogram(
        m, "sg_loop_turn_seconds", "One turn of the loop, without waiting "
        "for a CPU.", NULL, NULL, turn_bounds, ARRAY_SIZE(turn_bounds));
}

static void
set_total(struct metrics *m, const char *name, const char *help,
          uint64_t value)
{
    metric_set_total(metrics_counter(m, name, help, NULL, NULL), value);
}

static void
set_gauge(struct metrics *m, const char *name, const char *help, double value)
{
    metric_set(metrics_gauge(m, name, help, NULL, NULL), value);
}

static void
collect_bridges(struct metrics *m, const struct bridge_watch_status *s)
{
    set_gauge(m, "sg_l2_guard_in_place", "1 while the guard on the taps is "
              "as the policy wants it.", s->l2.in_place);
    set_gauge(m, "sg_l2_guard_elements", "Elements it is to have.",
              s->l2.n_elements);
    set_total(m, "sg_l2_guard_writes", "Transactions that changed it.",
              s->l2.n_writes);
    set_total(m, "sg_l2_guard_failures", "Those that failed.",
              s->l2.n_failures);
    set_total(m, "sg_l2_guard_restored", "Times another program's change of "
              "it was undone.", s->l2.n_restored);
    set_gauge(m, "sg_bridge_nf_ok", "1 while bridged packets pass the tables "
              "(bridge-nf-call-iptables, -ip6tables).", !s->knob_problem);
    set_total(m, "sg_bridge_nf_repaired", "Times one of these was set.",
              s->n_knobs_repaired);
}

static void
collect_firewall(struct metrics *m, const struct fw_stats *fw)
{
    set_total(m, "sg_applies", "Structure applies.", fw->applies);
    set_total(m, "sg_applies_failed", "Structure applies that failed.",
              fw->applies_failed);
    set_total(m, "sg_table_commits", "Table commits.", fw->commits);
    set_total(m, "sg_table_edits", "Rule and chain edits.", fw->edits);
    set_total(m, "sg_member_batches", "Set operations of the member lane.",
              fw->member_batches);
    set_total(m, "sg_members_added", "Members added to sets.",
              fw->members_added);
    set_total(m, "sg_members_removed", "Members removed from sets.",
              fw->members_removed);
    set_total(m, "sg_members_failed", "Set operations that failed.",
              fw->members_failed);
    set_total(m, "sg_lock_busy", "Times the xtables lock was held.",
              fw->lock_busy);
    set_total(m, "sg_sets_grown", "Sets replaced by larger ones.",
              fw->sets_grown);
    set_total(m, "sg_sets_grow_failed", "Tries of that which failed.",
              fw->sets_grow_failed);
    set_gauge(m, "sg_sets", "Sets of ours.", fw->n_sets);
    set_gauge(m, "sg_sets_held", "Sets whose additions wait for a commit.",
              fw->n_held);
    set_gauge(m, "sg_sets_refused", "Sets that the kernel refused; the rules "
              "that name them are left out.", fw->n_refused);
    set_gauge(m, "sg_members_waiting", "Additions that wait.",
              fw->n_waiting);
}

static void
collect_flows(struct metrics *m, const struct revoke_status *s,
              long long int now)
{
    set_total(m, "sg_flow_passes", "Looks at tracked flows.", s->passes);
    set_total(m, "sg_flow_passes_failed", "Of them, those that failed.",
              s->passes_failed);
    metric_set(metrics_gauge(m, "sg_flow_cpu_seconds",
                             "CPU time of all looks at flows.", NULL, NULL),
               s->cpu_us / 1e6);
    set_total(m, "sg_flows_judged", "Flows judged by the policy.", s->judged);
    set_total(m, "sg_flows_cut", "Flows that lost their permission.",
              s->marked);
    set_total(m, "sg_flows_restored", "Flows that got it back.", s->cleared);
    set_total(m, "sg_flows_deleted", "Flows of ports that are gone, deleted.",
              s->deleted);
    set_total(m, "sg_flows_failed", "Flows that could not be changed.",
              s->failed);
    set_gauge(m, "sg_cut_lag_seconds", "From a change until its flows were "
              "cut, the last time.", MAX(s->cut_lag_ms, 0) / 1e3);
    set_gauge(m, "sg_cut_waiting_seconds", "How long the oldest change waits "
              "for that.", s->waiting_since == LLONG_MAX ? 0
              : (now - s->waiting_since) / 1e3);
}

static void
collect_broker(struct metrics *m, const struct broker_status *b)
{
    set_gauge(m, "sg_broker_up", "1 while a session with the broker is up.",
              b->amqp.stage == AMQP_STAGE_UP);
    set_total(m, "sg_broker_sessions", "Sessions begun.", b->amqp.session);
    set_total(m, "sg_messages", "Messages received.", b->messages);
    set_total(m, "sg_message_bytes", "Bytes of bodies received.",
              b->amqp.received_bytes);
    set_total(m, "sg_messages_malformed", "Messages refused.", b->malformed);
    set_total(m, "sg_messages_too_large", "Messages above the limit.",
              b->amqp.too_large);
    set_total(m, "sg_published", "Messages published.", b->amqp.published);
}

static void
collect_sync(struct metrics *m, const struct sync_status *s)
{
    set_gauge(m, "sg_in_sync", "1 while in sync with the controller.",
              s->in_sync);
    set_gauge(m, "sg_stale", "1 while no beacon is heard.", s->stale);
    set_total(m, "sg_syncs", "Questions to the controller.", s->syncs);
    set_total(m, "sg_sync_timeouts", "Questions without an answer.",
              s->timeouts);
    set_total(m, "sg_sync_gaps", "Updates that did not fit.", s->gaps);
    set_total(m, "sg_sync_digests_same", "Digests that the controller has, "
              "too.", s->digests_same);
    set_total(m, "sg_sync_digests_differ", "Digests that it has not.",
              s->digests_differ);
    set_total(m, "sg_sync_digest_errors",
              "Answers that are not what their digest says.",
              s->digest_errors);
    set_gauge(m, "sg_conflicting_epochs",
              "1 while a replaced controller goes on.",
              s->conflicting_epochs);
    set_gauge(m, "sg_revision_regressed",
              "1 while a controller answers with older revisions.",
              s->revision_regressed);
    set_gauge(m, "sg_duplicate_host", "1 while two agents have our name.",
              s->duplicate_host);
    set_total(m, "sg_acks_dropped", "Acknowledgements there was no room for.",
              s->acks_dropped);
    set_gauge(m, "sg_held", "Objects whose removal is held.", s->spared.n);
    set_total(m, "sg_removals_held", "Removals that were held.",
              s->removals_held);
    set_total(m, "sg_bindings_renewed",
              "Bindings made again that the broker may have lost.",
              s->renewed);
    set_total(m, "sg_old_epoch", "Messages of an old epoch.", s->old_epoch);
    set_total(m, "sg_messages_unneeded",
              "Messages about groups that no port here needs.", s->unneeded);
}

/* Their buckets are those of the reports. */
static void
collect_latency(struct metrics *m, const struct latency_status *s)
{
    static const struct {
        const char *name, *help;
    } phases[SG_LATENCY_N_PHASES] = {
        [SG_LATENCY_STORED] = {
            "sg_change_stored_seconds",
            "Publish of a change until it is stored.",
        },
        [SG_LATENCY_KERNEL] = {
            "sg_change_in_kernel_seconds",
            "Publish of a change until it is in the kernel.",
        },
    };
    double bounds[SG_LATENCY_BUCKETS - 1];

    for (size_t i = 0; i < ARRAY_SIZE(bounds); i++) {
        bounds[i] = sg_latency_bounds[i] / 1000.0;
    }
    for (int phase = 0; phase < SG_LATENCY_N_PHASES; phase++) {
        for (int kind = 0; kind < SG_N_KINDS; kind++) {
            struct metric *metric = metrics_histogram(
                m, phases[phase].name, phases[phase].help, "kind",
                sg_kind_name((enum sg_kind) kind), bounds,
                ARRAY_SIZE(bounds));

            metric_set_buckets(metric, s->counts.counts[kind][phase],
                               s->sum_ms[kind][phase] / 1000.0);
        }
    }
    set_total(m, "sg_changes_skewed", "Changes that were published after they "
              "arrived, by the clocks of two machines.", s->skewed);
}

char *
agent_latency_document(struct agent *a)
{
    return report_latency(latency_status(a->latency));
}

char *
agent_loop_document(struct agent *a)
{
    return report_loop(&a->loop, time_msec());
}

char *
agent_metrics_document(struct agent *a)
{
    struct metrics *m = a->metrics.registry;
    const struct host_info *host;
    struct sync_status sync;
    struct inputs i;

    agent_update_status(a, time_msec());
    gather(a, &i);
    sync_get_status(a->sync, i.in.now, &sync);
    host = port_status_host(a->status);
    set_gauge(m, "sg_enforcing", "1 while the newest policy is in force.",
              host->enforcing);
    set_gauge(m, "sg_generation", "Newest policy generation.",
              policy_store_policy(a->store)->generation);
    set_gauge(m, "sg_applied", "Generation in the kernel.", i.in.applied);
    set_gauge(m, "sg_ports", "Ports on this host.", host->n_ports);
    set_gauge(m, "sg_ports_protected", "Ports protected.",
              host->n_protected);
    set_gauge(m, "sg_ports_unfiltered", "Ports that are trusted or without "
              "port security.", host->n_unfiltered);
    set_gauge(m, "sg_unknown_devices",
              "Devices on managed bridges that are no port's; closed.",
              i.in.unknown_devices_total);
    collect_sync(m, &sync);
    collect_broker(m, &i.broker);
    collect_firewall(m, &i.fw);
    collect_bridges(m, &i.bridges);
    if (a->revoker) {
        collect_flows(m, &i.flows, i.in.now);
    }
    collect_latency(m, latency_status(a->latency));
    return report_metrics(m);
}
