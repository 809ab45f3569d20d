/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "agent/report.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/metrics.h"
#include "agent/report_json.h"
#include "agent/revoke.h"
#include "rpc/amqp_reason.h"
#include "util.h"
#include "uuid.h"

static json_t *host_reasons(const struct report_input *);
static json_t *host_warnings(const struct report_input *);
static json_t *sync_json(const struct report_input *,
                         const struct sync_status *);
static json_t *broker_json(const struct report_broker *);
static json_t *saved_json(const struct report_input *);
static json_t *flows_json(const struct report_input *);
static json_t *counts_json(const struct host_info *);
static json_t *last_apply_json(const struct report_input *);
static json_t *port_json(const struct report_input *, const struct sg_port *);
static json_t *spec_json(const struct sg_port_spec *);
static json_t *group_json(const struct report_input *,
                          const struct sg_group *);
static json_t *half_json(const struct report_input *, enum sg_kind,
                         const struct uuid *, enum sg_knowledge);
static json_t *refusals_json(const struct sg_refusal *, size_t n);
static int compare_ports(const void *, const void *);
static int compare_groups(const void *, const void *);
static void add_sample(const char *name, double value, void *array);

char *
report_status(const struct report_input *in)
{
    const struct host_info *host = port_status_host(in->ports);
    const struct sg_policy *policy = policy_store_policy(in->store);
    char epoch[SG_EPOCH_STRLEN];
    struct sync_status sync;
    json_t *j = json_object();

    sync_get_status(in->sync, in->now, &sync);
    json_object_set_new(j, "host", report_string(in->host));
    json_object_set_new(j, "version", report_string(in->version));
    json_object_set_new(j, "state", report_string(
        host->problems[HOST_REASON_STARTING].active ? "starting"
        : host->ok ? "enforcing" : "degraded"));
    json_object_set_new(j, "start", report_string(in->start));
    json_object_set_new(j, "enforcing", json_boolean(host->enforcing));
    json_object_set_new(j, "in_sync", json_boolean(host->in_sync));
    json_object_set_new(j, "reasons", host_reasons(in));
    json_object_set_new(j, "warnings", host_warnings(in));
    json_object_set_new(j, "l2_guard", report_string(in->l2_guard));
    json_object_set_new(j, "generation", report_count(policy->generation));
    json_object_set_new(j, "applied", report_count(in->applied));
    json_object_set_new(j, "epoch", sync.epoch.ms
                        ? report_string(sg_epoch_format(&sync.epoch, epoch))
                        : json_null());
    json_object_set_new(j, "beacon_age_ms",
                        report_age(in->now, sync.last_beacon));
    json_object_set_new(j, "lag_ms", in->lag_ms < 0
                        ? json_null() : json_integer(in->lag_ms));
    json_object_set_new(j, "uptime_ms", report_age(in->now, in->started));
    json_object_set_new(j, "sync", sync_json(in, &sync));
    json_object_set_new(j, "broker", broker_json(in->broker));
    if (in->loop) {
        json_object_set_new(j, "loop", report_loop_json(in->loop, in->now));
    }
    json_object_set_new(j, "saved_policy", saved_json(in));
    if (in->flows) {
        json_object_set_new(j, "flows", flows_json(in));
    }
    json_object_set_new(j, "ports", counts_json(host));
    json_object_set_new(j, "last_apply", last_apply_json(in));
    return report_text(j);
}

/* Sorted by device, then id. */
char *
report_ports(const struct report_input *in)
{
    const struct sg_policy *policy = policy_store_policy(in->store);
    size_t n = hmap_count(&policy->ports);
    const struct sg_port **ports = xcalloc(n + 1, sizeof *ports);
    json_t *array = json_array();
    const struct sg_port *port;
    size_t i = 0;

    HMAP_FOR_EACH (port, node, &policy->ports) {
        ports[i++] = port;
    }
    if (n > 1) {
        qsort(ports, n, sizeof *ports, compare_ports);
    }
    for (i = 0; i < n; i++) {
        json_array_append_new(array, port_json(in, ports[i]));
    }
    free(ports);
    return report_text(json_pack("{s:o}", "ports", array));
}

/* Sorted by id. */
char *
report_groups(const struct report_input *in)
{
    const struct sg_policy *policy = policy_store_policy(in->store);
    size_t n = hmap_count(&policy->groups);
    const struct sg_group **groups = xcalloc(n + 1, sizeof *groups);
    json_t *array = json_array();
    const struct sg_group *group;
    size_t i = 0;

    HMAP_FOR_EACH (group, node, &policy->groups) {
        groups[i++] = group;
    }
    if (n > 1) {
        qsort(groups, n, sizeof *groups, compare_groups);
    }
    for (i = 0; i < n; i++) {
        json_array_append_new(array, group_json(in, groups[i]));
    }
    free(groups);
    return report_text(json_pack("{s:o}", "groups", array));
}

char *
report_metrics(const struct metrics *metrics)
{
    struct ds text = DS_EMPTY_INITIALIZER;
    json_t *samples = json_array();
    json_t *j = json_object();

    metrics_format(metrics, &text);
    metrics_visit(metrics, add_sample, samples);
    json_object_set_new(j, "text", report_string(ds_cstr(&text)));
    json_object_set_new(j, "samples", samples);
    ds_destroy(&text);
    return report_text(j);
}

char *
report_version(const struct report_input *in)
{
    json_t *j = json_object();

    json_object_set_new(j, "version", report_string(in->version));
    json_object_set_new(j, "host", report_string(in->host));
    json_object_set_new(j, "boot", report_string(in->boot));
    json_object_set_new(j, "uptime_ms", report_age(in->now, in->started));
    return report_text(j);
}

char *
report_resync(const struct report_input *in, const struct report_resync *r)
{
    json_t *lines = json_array();
    json_t *j = json_object();

    for (const char *p = r->text ? r->text : ""; *p;) {
        size_t len = strcspn(p, "\n");
        char *line = xmemdup0(p, len);

        json_array_append_new(lines, report_string(line));
        free(line);
        p += len + (p[len] == '\n');
    }
    json_object_set_new(j, "host", report_string(in->host));
    json_object_set_new(j, "done", json_boolean(r->done));
    json_object_set_new(j, "error", report_nullable(r->error));
    json_object_set_new(j, "differences", report_count(r->n_differences));
    json_object_set_new(j, "lines", lines);
    json_object_set_new(j, "generation_before",
                        report_count(r->generation_before));
    json_object_set_new(j, "generation", report_count(r->generation));
    json_object_set_new(j, "duration_ms", json_integer(r->duration_ms));
    return report_text(j);
}

char *
report_wait(uint64_t generation, uint64_t applied, bool done)
{
    json_t *j = json_object();

    json_object_set_new(j, "generation", report_count(generation));
    json_object_set_new(j, "applied", report_count(applied));
    json_object_set_new(j, "done", json_boolean(done));
    return report_text(j);
}

json_t *
report_string(const char *text)
{
    json_t *j = json_string(text);

    return j ? j : json_string("(not UTF-8)");
}

json_t *
report_nullable(const char *text)
{
    return text ? report_string(text) : json_null();
}

json_t *
report_id(const struct uuid *id)
{
    char text[UUID_LEN + 1];

    if (uuid_is_zero(id)) {
        return json_null();
    }
    snprintf(text, sizeof text, UUID_FMT, UUID_ARGS(id));
    return json_string(text);
}

json_t *
report_prefix(const struct sg_prefix *prefix)
{
    char text[SG_PREFIX_STRLEN];

    return json_string(sg_prefix_format(prefix, text));
}

json_t *
report_count(uint64_t n)
{
    return json_integer((json_int_t) MIN(n, INT64_MAX));
}

json_t *
report_age(long long int now, long long int then)
{
    return then == LLONG_MIN ? json_null() : json_integer(now - then);
}

char *
report_text(json_t *j)
{
    char *text = json_dumps(j, JSON_COMPACT);

    /* Only our own bug, or the end of memory, which nothing here survives. */
    ovs_assert(text);
    json_decref(j);
    return text;
}

static json_t *
reason_json(const char *code, const char *text)
{
    json_t *j = json_object();

    json_object_set_new(j, "code", report_string(code));
    json_object_set_new(j, "text", report_string(text));
    return j;
}

static json_t *
host_reasons(const struct report_input *in)
{
    const struct host_info *host = port_status_host(in->ports);
    json_t *array = json_array();

    for (size_t i = 0; i < N_HOST_REASONS; i++) {
        const struct host_problem *p = &host->problems[i];

        if (p->active) {
            json_t *j = reason_json(host_reason_name((enum host_reason) i),
                                    p->text);

            json_object_set_new(j, "since_ms", report_age(in->now, p->since));
            json_array_append_new(array, j);
        }
    }
    return array;
}

static void
add_warning(json_t *array, const char *code, const char *format, ...)
    OVS_PRINTF_FORMAT(3, 4);

static void
add_warning(json_t *array, const char *code, const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = xvasprintf(format, args);
    va_end(args);
    json_array_append_new(array, reason_json(code, text));
    free(text);
}

/* What an operator should know although the policy is enforced. */
static json_t *
host_warnings(const struct report_input *in)
{
    json_t *array = json_array();

    if (!strcmp(in->l2_guard, "off")) {
        add_warning(array, "l2_guard", "off: what bridges do not pass up to "
                    "the tables is not filtered");
    }
    if (in->other_tables) {
        add_warning(array, "other_tables", "nf_tables has tables of others: "
                    "%s; packets must pass these and the legacy tables, which "
                    "the agent writes; it neither reads nor changes the "
                    "others", in->other_tables);
    }
    /* Problems of no port and no group: names of ours that others use. */
    for (size_t i = 0; in->result && i < in->result->problems.n; i++) {
        const struct fw_problem *p = &in->result->problems.p[i];

        if (uuid_is_zero(&p->port) && uuid_is_zero(&p->group)) {
            add_warning(array, "kernel_objects", "%s", p->text);
        }
    }
    if (in->unknown_devices_total) {
        struct ds s = DS_EMPTY_INITIALIZER;

        for (size_t i = 0; i < in->n_unknown_devices; i++) {
            ds_put_format(&s, "%s%s", i ? ", " : "", in->unknown_devices[i]);
        }
        add_warning(array, "unknown_devices", "%"PRIuSIZE" devices on our "
                    "bridges belong to no port and are closed: %s%s",
                    in->unknown_devices_total, ds_cstr(&s),
                    in->unknown_devices_total > in->n_unknown_devices
                    ? " ..." : "");
        ds_destroy(&s);
    }
    for (size_t i = 0; i < in->n_zone_problems; i++) {
        add_warning(array, "zones", "%s", in->zone_problems[i]);
    }
    if (in->zone_problems_total > in->n_zone_problems) {
        add_warning(array, "zones", "%"PRIuSIZE" more bridges have disputed "
                    "zones", in->zone_problems_total - in->n_zone_problems);
    }
    if (in->saved->ignored) {
        add_warning(array, "saved_policy_ignored", "the saved policy of an "
                    "earlier run is not used: %s", in->saved->ignored);
    }
    if (in->saved->error) {
        add_warning(array, "saved_policy_failed", "the policy cannot be "
                    "saved for a reboot: %s", in->saved->error);
    }
    if (in->broker->blocked) {
        add_warning(array, "broker_blocked", "the broker takes no messages "
                    "(connection.blocked), for %"PRId64" s now",
                    in->broker->blocked_ms / 1000);
    }
    return array;
}

static json_t *
ms_json(int64_t ms)
{
    return ms < 0 ? json_null() : json_integer(ms);
}

static json_t *
flows_json(const struct report_input *in)
{
    const struct revoke_status *s = in->flows;
    json_t *j = json_object();

    json_object_set_new(j, "on_revoke",
                        report_string(s->keep ? "keep" : "cut"));
    json_object_set_new(j, "busy", json_boolean(s->busy));
    json_object_set_new(j, "waiting_ms", s->waiting_since == LLONG_MAX
                        ? json_null() : report_age(in->now,
                                                   s->waiting_since));
    json_object_set_new(j, "waiting_for", s->waiting_since == LLONG_MAX
                        ? json_null()
                        : report_string(revoke_wait_name(s->waiting_for)));
    json_object_set_new(j, "cut_lag_ms", ms_json(s->cut_lag_ms));
    json_object_set_new(j, "longest_cut_lag_ms", ms_json(s->longest_lag_ms));
    json_object_set_new(j, "passes", report_count(s->passes));
    json_object_set_new(j, "passes_failed", report_count(s->passes_failed));
    json_object_set_new(j, "cpu_us", json_integer(s->cpu_us));
    json_object_set_new(j, "seen", report_count(s->seen));
    json_object_set_new(j, "judged", report_count(s->judged));
    json_object_set_new(j, "cut", report_count(s->marked));
    json_object_set_new(j, "restored", report_count(s->cleared));
    json_object_set_new(j, "deleted", report_count(s->deleted));
    json_object_set_new(j, "vanished", report_count(s->vanished));
    json_object_set_new(j, "failed", report_count(s->failed));
    json_object_set_new(j, "problem", report_nullable(s->problem));
    return j;
}

static json_t *
sync_json(const struct report_input *in, const struct sync_status *s)
{
    json_t *j = json_object();

    json_object_set_new(j, "state", report_string(sync_state_name(s->state)));
    json_object_set_new(j, "complete", json_boolean(s->complete));
    json_object_set_new(j, "stale", json_boolean(s->stale));
    json_object_set_new(j, "beacon_seq", json_integer(s->beacon_seq));
#define COUNT(NAME) json_object_set_new(j, #NAME, report_count(s->NAME))
    COUNT(syncs);
    COUNT(timeouts);
    COUNT(failures);
    COUNT(gaps);
    COUNT(old_epoch);
    COUNT(beacons_lost);
    COUNT(full_answers);
    COUNT(digests_same);
    COUNT(digests_differ);
    COUNT(digest_errors);
    json_object_set_new(j, "bindings_renewed", report_count(s->renewed));
#undef COUNT
    json_object_set_new(j, "needed", report_count(s->n_needed));
    json_object_set_new(j, "unknown", report_count(s->n_unknown));
    json_object_set_new(j, "unconfirmed", report_count(s->n_unconfirmed));
    json_object_set_new(j, "unbound", report_count(s->n_unbound));
    json_object_set_new(j, "orphaned", report_count(
        policy_store_n_orphaned(in->store)));
    json_object_set_new(j, "held", report_count(s->spared.n));
    json_object_set_new(j, "held_ports", report_count(s->spared.n_ports));
    json_object_set_new(j, "held_ms", s->spared.n
                        ? report_age(in->now, s->spared.since)
                        : json_null());
    json_object_set_new(j, "problems", report_count(
        policy_store_n_problems(in->store)));
    json_object_set_new(j, "last_error", report_string(s->last_error));
    return j;
}

/* What the broker refused, by the name of the reason; only what it did. */
static json_t *
broker_refusals_json(const uint64_t *refusals)
{
    json_t *j = json_object();

    for (size_t i = 0; refusals && i < MQ_N_REASONS; i++) {
        if (refusals[i]) {
            json_object_set_new(j, mq_reason_name(i),
                                report_count(refusals[i]));
        }
    }
    return j;
}

static json_t *
broker_json(const struct report_broker *b)
{
    json_t *j = json_object();

    json_object_set_new(j, "stage", report_string(b->stage));
    json_object_set_new(j, "broker", report_string(b->broker));
    json_object_set_new(j, "queue", report_string(b->queue));
    json_object_set_new(j, "last_error", report_string(b->last_error));
    json_object_set_new(j, "blocked", json_boolean(b->blocked));
    json_object_set_new(j, "blocked_ms", json_integer(b->blocked_ms));
    json_object_set_new(j, "refusals", broker_refusals_json(b->refusals));
#define COUNT(NAME, MEMBER) \
    json_object_set_new(j, NAME, report_count(b->MEMBER))
    COUNT("sessions", sessions);
    COUNT("received", received);
    COUNT("received_bytes", received_bytes);
    COUNT("published", published);
    COUNT("rejected", rejected);
    COUNT("too_large", too_large);
    COUNT("malformed", malformed);
    COUNT("bindings", n_bindings);
    COUNT("bound", n_bound);
#undef COUNT
    json_object_set_new(j, "last_malformed",
                        report_string(b->last_malformed));
    json_object_set_new(j, "last_unbindable",
                        report_string(b->last_unbindable));
    return j;
}

static json_t *
saved_json(const struct report_input *in)
{
    const struct report_saved *s = in->saved;
    json_t *j = json_object();

    json_object_set_new(j, "in_force", json_boolean(s->in_force));
    json_object_set_new(j, "age_ms", s->in_force ? json_integer(s->age_ms)
                                                 : json_null());
    json_object_set_new(j, "saved_ms", report_age(in->now, s->saved));
    json_object_set_new(j, "ignored", report_nullable(s->ignored));
    json_object_set_new(j, "error", report_nullable(s->error));
    return j;
}

static json_t *
counts_json(const struct host_info *host)
{
    json_t *j = json_object();

    json_object_set_new(j, "total", report_count(host->n_ports));
    json_object_set_new(j, "protected", report_count(host->n_protected));
    json_object_set_new(j, "degraded", report_count(host->n_degraded));
    json_object_set_new(j, "closed", report_count(host->n_closed));
    json_object_set_new(j, "unenforceable",
                        report_count(host->n_unenforceable));
    json_object_set_new(j, "excepted", report_count(host->n_excepted));
    json_object_set_new(j, "unfiltered", report_count(host->n_unfiltered));
    return j;
}

static json_t *
last_apply_json(const struct report_input *in)
{
    const struct fw_result *r = in->result;
    json_t *j, *problems;

    if (!r || in->last_apply == LLONG_MIN) {
        return json_null();
    }
    j = json_object();
    problems = json_array();
    json_object_set_new(j, "age_ms", report_age(in->now, in->last_apply));
    json_object_set_new(j, "ok", json_boolean(!r->error));
    json_object_set_new(j, "error", r->error
                        ? report_string(r->error_text ? r->error_text
                                        : ovs_strerror(r->error))
                        : json_null());
    json_object_set_new(j, "generation", report_count(r->generation));
    json_object_set_new(j, "steps", report_count(r->n_steps));
    json_object_set_new(j, "commits", report_count(r->n_commits));
    json_object_set_new(j, "edits", report_count(r->n_edits));
    json_object_set_new(j, "members_added", report_count(r->n_added));
    json_object_set_new(j, "members_removed", report_count(r->n_removed));
    for (size_t i = 0; i < r->problems.n; i++) {
        const struct fw_problem *p = &r->problems.p[i];
        json_t *problem = json_object();

        json_object_set_new(problem, "port", report_id(&p->port));
        json_object_set_new(problem, "group", report_id(&p->group));
        json_object_set_new(problem, "text", report_string(p->text));
        json_array_append_new(problems, problem);
    }
    json_object_set_new(j, "problems", problems);
    return j;
}

static json_t *
port_json(const struct report_input *in, const struct sg_port *port)
{
    const struct port_info *info = port_status_port(in->ports, &port->id);
    const struct sg_binding *b = &port->binding;
    struct store_object object = { .problem = NULL };
    json_t *j = json_object();

    json_object_set_new(j, "id", report_id(&port->id));
    json_object_set_new(j, "device", report_string(b->device));
    json_object_set_new(j, "interface", report_string(b->interface));
    json_object_set_new(j, "bridge", report_string(b->bridge));
    json_object_set_new(j, "uplink", report_string(b->uplink));
    json_object_set_new(j, "zone", json_integer(b->zone));
    json_object_set_new(j, "plug", report_string(sg_plug_name(b->plug)));
    if (info) {
        bool none = info->reason == PORT_REASON_NONE;

        json_object_set_new(j, "state", report_string(
            port_state_name(info->state)));
        json_object_set_new(j, "reason", none ? json_null() : report_string(
            port_reason_name(info->reason)));
        json_object_set_new(j, "reason_text", none ? json_null()
            : report_string(port_reason_text(info->reason)));
        json_object_set_new(j, "detail", report_string(info->detail));
        json_object_set_new(j, "since_ms",
                            report_age(in->now, info->since));
        json_object_set_new(j, "generation", report_count(info->generation));
        json_object_set_new(j, "closed", json_boolean(info->closed));
        json_object_set_new(j, "excepted", json_boolean(info->excepted));
        json_object_set_new(j, "counts", json_boolean(info->counts));
    }
    json_object_set_new(j, "l2_guard", report_string(in->l2_guard));

    policy_store_object(in->store, SG_KIND_PORT, &port->id, &object);
    json_object_set_new(j, "knowledge",
                        report_string(sg_knowledge_name(port->state)));
    json_object_set_new(j, "sync", report_string(sync_object_name(
        sync_object_state(in->sync, SG_KIND_PORT, &port->id))));
    json_object_set_new(j, "problem", report_nullable(object.problem));
    json_object_set_new(j, "policy", port->state == SG_ABSENT
                        ? json_null() : spec_json(&port->spec));
    return j;
}

/* An address pair of length 0 is checked as a source, but it is no member of
 * the port's groups: it would open them to everybody. */
static json_t *
spec_json(const struct sg_port_spec *spec)
{
    json_t *j = json_object();
    json_t *ips = json_array();
    json_t *pairs = json_array();
    json_t *groups = json_array();
    char mac[SG_MAC_STRLEN];

    for (size_t i = 0; i < spec->n_fixed_ips; i++) {
        json_array_append_new(ips, report_prefix(&spec->fixed_ips[i]));
    }
    for (size_t i = 0; i < spec->n_pairs; i++) {
        json_t *pair = json_object();

        json_object_set_new(pair, "address",
                            report_prefix(&spec->pairs[i].prefix));
        json_object_set_new(pair, "mac", report_string(
            sg_mac_format(&spec->pairs[i].mac, mac)));
        json_object_set_new(pair, "member", json_boolean(
            spec->pairs[i].prefix.plen > 0));
        json_array_append_new(pairs, pair);
    }
    for (size_t i = 0; i < spec->n_groups; i++) {
        json_array_append_new(groups, report_id(&spec->groups[i]));
    }
    json_object_set_new(j, "revision", json_integer(spec->revision));
    json_object_set_new(j, "network_id", report_id(&spec->network_id));
    json_object_set_new(j, "mac_address",
                        report_string(sg_mac_format(&spec->mac, mac)));
    json_object_set_new(j, "fixed_ips", ips);
    json_object_set_new(j, "pairs", pairs);
    json_object_set_new(j, "groups", groups);
    json_object_set_new(j, "port_security_enabled",
                        json_boolean(spec->port_security_enabled));
    json_object_set_new(j, "trusted", json_boolean(spec->trusted));
    json_object_set_new(j, "refused",
                        refusals_json(spec->refused, spec->n_refused));
    return j;
}

static json_t *
group_json(const struct report_input *in, const struct sg_group *group)
{
    const struct sg_members *m = &group->members;
    json_t *rules = half_json(in, SG_KIND_RULES, &group->id,
                              group->rules_state);
    json_t *members = half_json(in, SG_KIND_MEMBERS, &group->id,
                                group->members_state);
    json_t *j = json_object();

    json_object_set_new(rules, "stateful",
                        json_boolean(group->rules.stateful));
    json_object_set_new(rules, "count", report_count(group->rules.n_rules));
    json_object_set_new(rules, "refused",
                        refusals_json(group->rules.refused,
                                      group->rules.n_refused));
    json_object_set_new(members, "ipv4", report_count(m->n_hosts[SG_IPV4]));
    json_object_set_new(members, "ipv6", report_count(m->n_hosts[SG_IPV6]));
    json_object_set_new(members, "prefix_members", report_count(
        m->n_prefixes[SG_IPV4] + m->n_prefixes[SG_IPV6]));

    json_object_set_new(j, "id", report_id(&group->id));
    json_object_set_new(j, "rules", rules);
    json_object_set_new(j, "members", members);
    return j;
}

/* What the two halves of a group have in common. */
static json_t *
half_json(const struct report_input *in, enum sg_kind kind,
          const struct uuid *id, enum sg_knowledge state)
{
    struct store_object object = { .since = LLONG_MIN, .problem = NULL };
    json_t *j = json_object();

    policy_store_object(in->store, kind, id, &object);
    json_object_set_new(j, "state", report_string(sg_knowledge_name(state)));
    json_object_set_new(j, "since_ms", report_age(in->now, object.since));
    json_object_set_new(j, "revision", json_integer(object.revision));
    json_object_set_new(j, "needed", json_boolean(object.needed));
    json_object_set_new(j, "sync", report_string(sync_object_name(
        sync_object_state(in->sync, kind, id))));
    json_object_set_new(j, "problem", report_nullable(object.problem));
    json_object_set_new(j, "problem_since_ms", object.problem
                        ? report_age(in->now, object.problem_since)
                        : json_null());
    return j;
}

static json_t *
refusals_json(const struct sg_refusal *refusals, size_t n)
{
    json_t *array = json_array();

    for (size_t i = 0; i < n; i++) {
        json_t *j = json_object();

        json_object_set_new(j, "what", report_string(refusals[i].what));
        json_object_set_new(j, "reason", report_string(refusals[i].reason));
        json_array_append_new(array, j);
    }
    return array;
}

static int
compare_ports(const void *a_, const void *b_)
{
    const struct sg_port *const *a = a_;
    const struct sg_port *const *b = b_;
    int cmp = strcmp((*a)->binding.device, (*b)->binding.device);

    return cmp ? cmp : uuid_compare_3way(&(*a)->id, &(*b)->id);
}

static int
compare_groups(const void *a_, const void *b_)
{
    const struct sg_group *const *a = a_;
    const struct sg_group *const *b = b_;

    return uuid_compare_3way(&(*a)->id, &(*b)->id);
}

static void
add_sample(const char *name, double value, void *array)
{
    json_t *j = json_object();

    json_object_set_new(j, "name", report_string(name));
    json_object_set_new(j, "value", json_real(value));
    json_array_append_new(array, j);
}
