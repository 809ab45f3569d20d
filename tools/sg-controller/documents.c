/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tools/sg-controller/documents.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/message.h"
#include "tools/sg-controller/beacon.h"
#include "tools/sg-controller/core.h"
#include "tools/sg-controller/interest.h"
#include "tools/sg-controller/preview.h"
#include "tools/sg-controller/state.h"
#include "tools/sg-controller/topology.h"
#include "util.h"
#include "uuid.h"

static void put_epoch(struct ds *, const struct sg_epoch *);
static void put_kinds(struct ds *, const size_t n_kind[SG_N_KINDS]);
static void put_host(struct ds *, const struct interest_host *,
                     long long int now);
static void put_report(struct ds *, const struct host_view *,
                       long long int now);
static void put_quoted(struct ds *, const char *);
static void put_quantile(struct ds *, const struct sg_latency *,
                         enum sg_kind, enum sg_latency_phase,
                         unsigned int per_mille);
static void put_age(struct ds *, long long int when, long long int now);

/* Puts 'text' as a JSON string, or null.  It holds printable ASCII: texts
 * from outside went through rpc_quote(). */
void
document_string(struct ds *ds, const char *text)
{
    if (!text) {
        ds_put_cstr(ds, "null");
        return;
    }
    ds_put_char(ds, '"');
    for (; *text; text++) {
        unsigned char c = *text;

        if (c == '"' || c == '\\') {
            ds_put_char(ds, '\\');
            ds_put_char(ds, c);
        } else if (c < 0x20 || c >= 0x7f) {
            ds_put_format(ds, "\\u%04x", c);
        } else {
            ds_put_char(ds, c);
        }
    }
    ds_put_char(ds, '"');
}

const char *
document_bool(bool value)
{
    return value ? "true" : "false";
}

/* All about the controller itself; of its agents only how many they are. */
void
document_state(struct ds *ds, const struct controller_core *core,
               long long int now)
{
    const struct core_later_epoch *later = core_later_epoch(core);
    const struct state *state = core_state(core);

    put_epoch(ds, state_epoch(state));
    ds_put_format(ds, ", \"revision\": %"PRId64", \"beacon\": %"PRId64", "
                  "\"tombstones\": %zu, \"unconfirmed\": %zu, "
                  "\"hosts\": %zu, \"interest\": %zu, \"patched\": %zu",
                  state_revision(state), beacon_seq(core_beacon(core)),
                  state_n_tombstones(state), state_n_saved(state),
                  interest_count(core_interest(core)),
                  interest_total(core_interest(core)),
                  core_n_patches(core));
    ds_put_cstr(ds, ", \"later_epoch\": ");
    if (later->n) {
        ds_put_char(ds, '{');
        put_epoch(ds, &later->epoch);
        ds_put_format(ds, ", \"age_ms\": %lld, \"count\": %"PRIu64"}",
                      now - later->last, later->n);
    } else {
        ds_put_cstr(ds, "null");
    }
}

void
document_counters(struct ds *ds, const struct controller_core *core)
{
    const struct core_counters *n = core_counters(core);

    ds_put_format(ds, "\"syncs\": %"PRIu64", \"reports\": %"PRIu64", "
                  "\"refused\": %"PRIu64", \"malformed\": %"PRIu64", "
                  "\"duplicates\": %"PRIu64", \"resyncs\": %"PRIu64", "
                  "\"published\": %"PRIu64", "
                  "\"unheard\": %"PRIu64", \"dropped\": %"PRIu64,
                  n->syncs, n->reports, n->refused, n->malformed,
                  n->duplicates, n->resyncs, n->published, n->unheard,
                  n->dropped);
}

void
document_flush(struct ds *ds, const struct controller_core *core,
               const struct core_flush *flush)
{
    put_epoch(ds, state_epoch(core_state(core)));
    ds_put_format(ds, ", \"revision\": %"PRId64, flush->revision);
    put_kinds(ds, flush->n_kind);
    ds_put_format(ds, ", \"published\": %zu", flush->n_messages);
}

/* The first of them: nobody reads a longer list. */
void
document_changes(struct ds *ds, const struct change_list *list)
{
    ds_put_char(ds, '[');
    for (size_t i = 0; i < MIN(list->n, DOCUMENT_MAX_CHANGES); i++) {
        const struct change *change = &list->changes[i];

        ds_put_format(ds, "%s{\"kind\": \"%s\", \"id\": \""UUID_FMT"\", "
                      "\"revision\": %"PRId64"%s}", i ? ", " : "",
                      sg_kind_name(change->kind), UUID_ARGS(&change->id),
                      change->revision, change->type == CHANGE_DELETED
                      ? ", \"deleted\": true" : "");
    }
    ds_put_char(ds, ']');
}

void
document_preview(struct ds *ds, const struct preview *preview)
{
    char *text = preview_text(preview);
    char *refusal = preview_refusal(preview);

    ds_put_cstr(ds, "{\"dry_run\": true, \"summary\": ");
    document_string(ds, text);
    put_kinds(ds, preview->n_kind);
    ds_put_format(ds, ", \"members_changed\": %zu, \"ports_now\": %zu, "
                  "\"ports_deleted\": %zu, \"hosts\": %zu, "
                  "\"refused\": ", preview->n_members, preview->n_ports,
                  preview->n_ports_deleted, preview->n_hosts);
    document_string(ds, refusal);
    ds_put_cstr(ds, ", \"changed\": ");
    document_changes(ds, &preview->changes);
    ds_put_char(ds, '}');
    free(refusal);
    free(text);
}

void
document_hosts(struct ds *ds, const struct controller_core *core,
               long long int now)
{
    const struct interest_host **hosts;
    size_t n = interest_hosts(core_interest(core), &hosts);

    ds_put_cstr(ds, "{\"hosts\": [");
    for (size_t i = 0; i < n; i++) {
        ds_put_cstr(ds, i ? ", " : "");
        put_host(ds, hosts[i], now);
    }
    ds_put_cstr(ds, "]}");
    free(hosts);
}

/* Quantiles are upper ends of buckets in ms; null: there is none, "inf": the
 * last bucket has no end. */
void
document_latency(struct ds *ds, const struct controller_core *core)
{
    static const struct {
        const char *name;
        unsigned int per_mille;
    } quantiles[] = {
        { "p50", 500 }, { "p90", 900 }, { "p99", 990 }, { "max", 1000 },
    };
    struct sg_latency latency;
    size_t n_hosts = interest_latency(core_interest(core), &latency);

    ds_put_format(ds, "{\"hosts\": %zu", n_hosts);
    for (int k = 0; k < SG_N_KINDS; k++) {
        enum sg_kind kind = (enum sg_kind) k;

        ds_put_format(ds, ", \"%s\": {", sg_kind_name(kind));
        for (int p = 0; p < SG_LATENCY_N_PHASES; p++) {
            enum sg_latency_phase phase = (enum sg_latency_phase) p;

            ds_put_format(ds, "%s\"%s\": {\"count\": %"PRIu64,
                          p ? ", " : "", sg_latency_phase_name(phase),
                          sg_latency_total(&latency, kind, phase));
            for (size_t i = 0; i < ARRAY_SIZE(quantiles); i++) {
                ds_put_format(ds, ", \"%s\": ", quantiles[i].name);
                put_quantile(ds, &latency, kind, phase,
                             quantiles[i].per_mille);
            }
            ds_put_char(ds, '}');
        }
        ds_put_char(ds, '}');
    }
    ds_put_char(ds, '}');
}

void
document_topology(struct ds *ds, const struct topology *topology)
{
    struct topology_counts n;

    topology_count(topology, &n);
    ds_put_format(ds, "{\"ports\": %zu, \"groups\": %zu, "
                  "\"address_groups\": %zu, \"rules\": %zu, "
                  "\"members\": %zu}", n.n_ports, n.n_groups,
                  n.n_address_groups, n.n_rules, n.n_members);
}

static void
put_epoch(struct ds *ds, const struct sg_epoch *epoch)
{
    char text[SG_EPOCH_STRLEN];

    ds_put_format(ds, "\"epoch\": \"%s\"", sg_epoch_format(epoch, text));
}

static void
put_kinds(struct ds *ds, const size_t n_kind[SG_N_KINDS])
{
    for (int kind = 0; kind < SG_N_KINDS; kind++) {
        ds_put_format(ds, ", \"%s\": %zu", kind == SG_KIND_PORT
                      ? "ports" : sg_kind_name(kind), n_kind[kind]);
    }
}

static void
put_host(struct ds *ds, const struct interest_host *host, long long int now)
{
    const struct host_view *view = &host->view;
    long long int heard = MAX(host->last_sync, host->last_report);

    ds_put_cstr(ds, "{\"host\": ");
    document_string(ds, host->name);
    ds_put_cstr(ds, ", \"boot\": ");
    put_quoted(ds, view->boots[0].name);
    ds_put_format(ds, ", \"connected\": %s, \"objects\": %zu, "
                  "\"last_sync_ms\": ",
                  document_bool(now - heard <= HOST_CONNECTED_MS),
                  host->n_objects);
    put_age(ds, host->last_sync, now);
    ds_put_cstr(ds, ", \"last_report_ms\": ");
    put_age(ds, host->last_report, now);
    ds_put_format(ds, ", \"duplicate_host\": %s, \"boots\": [",
                  document_bool(host_view_is_duplicate(view, now)));
    for (size_t i = 0; i < view->n_boots; i++) {
        ds_put_cstr(ds, i ? ", {\"boot\": " : "{\"boot\": ");
        put_quoted(ds, view->boots[i].name);
        ds_put_cstr(ds, ", \"heard_ms\": ");
        put_age(ds, view->boots[i].heard, now);
        ds_put_char(ds, '}');
    }
    ds_put_char(ds, ']');
    if (view->reported) {
        put_report(ds, view, now);
    }
    ds_put_char(ds, '}');
}

static void
put_report(struct ds *ds, const struct host_view *view, long long int now)
{
    const struct sg_report *report = &view->report;

    ds_put_format(ds, ", \"generation\": %"PRIu64", "
                  "\"applied\": %"PRIu64", \"in_sync\": %s, "
                  "\"ports\": %zu, \"protected\": %zu, \"lag_ms\": ",
                  report->generation, report->applied,
                  document_bool(report->in_sync), report->n_ports,
                  report->n_protected);
    if (report->lag_ms < 0) {
        ds_put_cstr(ds, "null");
    } else {
        ds_put_format(ds, "%"PRId64, report->lag_ms);
    }
    ds_put_format(ds, ", \"digest\": \"%s\", \"state\": ",
                  host_digest_name(view->digest));
    put_quoted(ds, report->state);
    ds_put_format(ds, ", \"problems\": %zu, \"orphaned\": %zu, "
                  "\"held\": %zu, \"errors\": %"PRIu64", "
                  "\"stale\": %s, \"reasons\": [",
                  report->n_problems, report->n_orphaned, report->n_held,
                  report->errors, document_bool(report->stale));
    for (size_t i = 0; i < report->n_reasons; i++) {
        ds_put_cstr(ds, i ? ", " : "");
        put_quoted(ds, report->reasons[i]);
    }
    ds_put_cstr(ds, "], \"acked\": ");
    put_quoted(ds, view->acked);
    ds_put_cstr(ds, ", \"acked_ms\": ");
    put_age(ds, view->acked ? view->acked_at : LLONG_MIN, now);
}

/* A text of an agent, or null. */
static void
put_quoted(struct ds *ds, const char *text)
{
    char *quoted = text ? rpc_quote(text, strlen(text)) : NULL;

    document_string(ds, quoted);
    free(quoted);
}

static void
put_quantile(struct ds *ds, const struct sg_latency *latency,
             enum sg_kind kind, enum sg_latency_phase phase,
             unsigned int per_mille)
{
    int64_t ms = sg_latency_quantile(latency, kind, phase, per_mille);

    if (ms < 0) {
        ds_put_cstr(ds, "null");
    } else if (ms == INT64_MAX) {
        ds_put_cstr(ds, "\"inf\"");
    } else {
        ds_put_format(ds, "%"PRId64, ms);
    }
}

/* How long ago, in ms; null for never. */
static void
put_age(struct ds *ds, long long int when, long long int now)
{
    if (when == LLONG_MIN) {
        ds_put_cstr(ds, "null");
    } else {
        ds_put_format(ds, "%lld", now - when);
    }
}
