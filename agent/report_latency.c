/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "agent/report.h"

#include "agent/latency.h"
#include "agent/loop_watch.h"
#include "agent/report_json.h"
#include "util.h"

static json_t *milliseconds(int64_t us);
static json_t *phase_json(const struct latency_status *, enum sg_kind,
                          enum sg_latency_phase);
static json_t *quantile_json(const struct sg_latency *, enum sg_kind,
                             enum sg_latency_phase, unsigned int per_mille);

char *
report_latency(const struct latency_status *s)
{
    json_t *kinds = json_array();
    json_t *bounds = json_array();
    json_t *j = json_object();

    for (int kind = 0; kind < SG_N_KINDS; kind++) {
        for (int phase = 0; phase < SG_LATENCY_N_PHASES; phase++) {
            json_array_append_new(kinds, phase_json(
                s, (enum sg_kind) kind, (enum sg_latency_phase) phase));
        }
    }
    for (int i = 0; i < SG_LATENCY_BUCKETS - 1; i++) {
        json_array_append_new(bounds, json_integer(sg_latency_bounds[i]));
    }
    json_object_set_new(j, "latency", kinds);
    json_object_set_new(j, "bounds_ms", bounds);
    json_object_set_new(j, "pending", report_count(s->n_pending));
    json_object_set_new(j, "skewed", report_count(s->skewed));
    json_object_set_new(j, "lost", report_count(s->lost));
    return report_text(j);
}

json_t *
report_loop_json(const struct loop_watch *w, long long int now)
{
    const struct loop_turn *t = &w->longest;
    json_t *j = json_object();

    json_object_set_new(j, "turns", report_count(w->turns));
    json_object_set_new(j, "long_turns", report_count(w->n_long));
    json_object_set_new(j, "longest_turn_ms", milliseconds(t->us));
    json_object_set_new(j, "longest_turn_wall_ms", milliseconds(t->wall_us));
    json_object_set_new(j, "longest_turn_wait_ms",
                        milliseconds(t->wall_us - t->us));
    json_object_set_new(j, "longest_turn_cpu_ms",
                        t->us && t->cpu_us >= 0 ? milliseconds(t->cpu_us)
                                                : json_null());
    json_object_set_new(j, "longest_turn_what", t->us
                        ? report_string(loop_step_name(t->longest))
                        : json_null());
    json_object_set_new(j, "longest_turn_what_ms",
                        milliseconds(t->longest_us));
    json_object_set_new(j, "longest_turn_age_ms", t->us
                        ? report_age(now, t->at) : json_null());
    return j;
}

char *
report_loop(const struct loop_watch *w, long long int now)
{
    return report_text(report_loop_json(w, now));
}

static json_t *
milliseconds(int64_t us)
{
    return json_real((double) us / 1000);
}

static json_t *
phase_json(const struct latency_status *s, enum sg_kind kind,
           enum sg_latency_phase phase)
{
    uint64_t total = sg_latency_total(&s->counts, kind, phase);
    json_t *counts = json_array();
    json_t *j = json_object();

    for (int i = 0; i < SG_LATENCY_BUCKETS; i++) {
        json_array_append_new(counts, report_count(
            s->counts.counts[kind][phase][i]));
    }
    json_object_set_new(j, "kind", report_string(sg_kind_name(kind)));
    json_object_set_new(j, "phase",
                        report_string(sg_latency_phase_name(phase)));
    json_object_set_new(j, "count", report_count(total));
    json_object_set_new(j, "p50_ms", quantile_json(&s->counts, kind, phase,
                                                   500));
    json_object_set_new(j, "p90_ms", quantile_json(&s->counts, kind, phase,
                                                   900));
    json_object_set_new(j, "p99_ms", quantile_json(&s->counts, kind, phase,
                                                   990));
    json_object_set_new(j, "max_ms", total
                        ? json_integer(s->max_ms[kind][phase]) : json_null());
    json_object_set_new(j, "counts", counts);
    return j;
}

/* Null: there is none, or it is above all bounds. */
static json_t *
quantile_json(const struct sg_latency *l, enum sg_kind kind,
              enum sg_latency_phase phase, unsigned int per_mille)
{
    int64_t ms = sg_latency_quantile(l, kind, phase, per_mille);

    return ms < 0 || ms == INT64_MAX ? json_null() : json_integer(ms);
}
