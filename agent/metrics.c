/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "agent/metrics.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/list.h"
#include "util.h"

struct metric {
    struct ovs_list node;       /* In metric_family 'children'. */
    struct metric_family *family;
    char *value;                /* Of the label, or NULL. */
    uint64_t count;             /* Counter; observations. */
    double number;              /* Gauge; sum of observations. */
    uint64_t buckets[METRICS_MAX_BUCKETS];      /* Not cumulative. */
};

struct metric_family {
    struct ovs_list node;       /* In metrics 'families'. */
    enum metric_type type;
    char *name, *help;
    char *label;                /* Or NULL. */
    double bounds[METRICS_MAX_BUCKETS];
    size_t n_bounds;
    struct ovs_list children;
    size_t n_children;
};

struct metrics {
    struct ovs_list families;
};

static struct metric *get(struct metrics *, enum metric_type,
                          const char *name, const char *help,
                          const char *label, const char *value);
static struct metric *find_child(const struct metric_family *,
                                 const char *value);
static void visit_metric(const struct metric *, struct ds *line,
                         metrics_visit_cb *cb, void *aux);
static const char *type_name(enum metric_type);
static void put_number(struct ds *, double);
static void print_line(const char *name, double value, void *ds_);

struct metrics *
metrics_create(void)
{
    struct metrics *m = xmalloc(sizeof *m);

    ovs_list_init(&m->families);
    return m;
}

void
metrics_destroy(struct metrics *m)
{
    if (!m) {
        return;
    }

    struct metric_family *f;
    LIST_FOR_EACH_POP (f, node, &m->families) {
        struct metric *metric;

        LIST_FOR_EACH_POP (metric, node, &f->children) {
            free(metric->value);
            free(metric);
        }
        free(f->name);
        free(f->help);
        free(f->label);
        free(f);
    }
    free(m);
}

struct metric *
metrics_counter(struct metrics *m, const char *name, const char *help,
                const char *label, const char *value)
{
    return get(m, METRIC_COUNTER, name, help, label, value);
}

struct metric *
metrics_gauge(struct metrics *m, const char *name, const char *help,
              const char *label, const char *value)
{
    return get(m, METRIC_GAUGE, name, help, label, value);
}

struct metric *
metrics_histogram(struct metrics *m, const char *name, const char *help,
                  const char *label, const char *value,
                  const double *bounds, size_t n_bounds)
{
    struct metric *metric = get(m, METRIC_HISTOGRAM, name, help, label,
                                value);
    struct metric_family *f = metric->family;

    ovs_assert(n_bounds <= METRICS_MAX_BUCKETS);
    memcpy(f->bounds, bounds, n_bounds * sizeof *bounds);
    f->n_bounds = n_bounds;
    return metric;
}

void
metric_add(struct metric *metric, uint64_t n)
{
    ovs_assert(metric->family->type == METRIC_COUNTER);
    metric->count += n;
}

void
metric_set_total(struct metric *metric, uint64_t total)
{
    ovs_assert(metric->family->type == METRIC_COUNTER);
    metric->count = MAX(metric->count, total);
}

void
metric_set(struct metric *metric, double value)
{
    ovs_assert(metric->family->type == METRIC_GAUGE);
    metric->number = value;
}

void
metric_observe(struct metric *metric, double value)
{
    const struct metric_family *f = metric->family;

    ovs_assert(f->type == METRIC_HISTOGRAM);
    metric->count++;
    metric->number += value;
    for (size_t i = 0; i < f->n_bounds; i++) {
        if (value <= f->bounds[i]) {
            metric->buckets[i]++;
            break;
        }
    }
}

void
metric_set_buckets(struct metric *metric, const uint64_t *counts, double sum)
{
    const struct metric_family *f = metric->family;

    ovs_assert(f->type == METRIC_HISTOGRAM);
    metric->number = sum;
    metric->count = counts[f->n_bounds];
    for (size_t i = 0; i < f->n_bounds; i++) {
        metric->buckets[i] = counts[i];
        metric->count += counts[i];
    }
}

void
metrics_format(const struct metrics *m, struct ds *out)
{
    const struct metric_family *f;

    LIST_FOR_EACH (f, node, &m->families) {
        struct ds line = DS_EMPTY_INITIALIZER;
        const struct metric *metric;

        ds_put_format(out, "# TYPE %s %s\n", f->name, type_name(f->type));
        ds_put_format(out, "# HELP %s %s\n", f->name, f->help);
        LIST_FOR_EACH (metric, node, &f->children) {
            visit_metric(metric, &line, print_line, out);
        }
        ds_destroy(&line);
    }
    ds_put_cstr(out, "# EOF\n");
}

void
metrics_visit(const struct metrics *m, metrics_visit_cb *cb, void *aux)
{
    struct ds line = DS_EMPTY_INITIALIZER;
    const struct metric_family *f;
    const struct metric *metric;

    LIST_FOR_EACH (f, node, &m->families) {
        LIST_FOR_EACH (metric, node, &f->children) {
            visit_metric(metric, &line, cb, aux);
        }
    }
    ds_destroy(&line);
}

static struct metric *
get(struct metrics *m, enum metric_type type, const char *name,
    const char *help, const char *label, const char *value)
{
    struct metric_family *f;

    ovs_assert(!label == !value);
    LIST_FOR_EACH (f, node, &m->families) {
        if (!strcmp(f->name, name)) {
            ovs_assert(f->type == type && !f->label == !label);
            goto found;
        }
    }
    f = xzalloc(sizeof *f);
    f->type = type;
    f->name = xstrdup(name);
    f->help = xstrdup(help);
    f->label = nullable_xstrdup(label);
    ovs_list_init(&f->children);
    ovs_list_push_back(&m->families, &f->node);

found:;
    struct metric *metric = find_child(f, value);
    if (!metric && f->n_children >= METRICS_MAX_CHILDREN) {
        value = "other";
        metric = find_child(f, value);
    }
    if (!metric) {
        metric = xzalloc(sizeof *metric);
        metric->family = f;
        metric->value = nullable_xstrdup(value);
        ovs_list_push_back(&f->children, &metric->node);
        f->n_children++;
    }
    return metric;
}

static struct metric *
find_child(const struct metric_family *f, const char *value)
{
    struct metric *metric;

    LIST_FOR_EACH (metric, node, &f->children) {
        if (nullable_string_is_equal(metric->value, value)) {
            return metric;
        }
    }
    return NULL;
}

/* Writes 'LABEL="VALUE"', if it has one.  Returns whether it has. */
static bool
put_label(const struct metric *metric, struct ds *line)
{
    const struct metric_family *f = metric->family;

    if (!f->label) {
        return false;
    }
    ds_put_format(line, "%s=\"", f->label);
    for (const char *p = metric->value; *p; p++) {
        if (*p == '\n') {
            ds_put_cstr(line, "\\n");
        } else {
            if (*p == '"' || *p == '\\') {
                ds_put_char(line, '\\');
            }
            ds_put_char(line, *p);
        }
    }
    ds_put_char(line, '"');
    return true;
}

/* Writes "NAME SUFFIX {label="value"}" to 'line'. */
static void
start_line(const struct metric *metric, const char *suffix, struct ds *line)
{
    ds_clear(line);
    ds_put_format(line, "%s%s", metric->family->name, suffix);
    if (metric->family->label) {
        ds_put_char(line, '{');
        put_label(metric, line);
        ds_put_char(line, '}');
    }
}

/* The same for the bucket up to 'bound', NULL: the last one. */
static void
start_bucket(const struct metric *metric, const double *bound,
             struct ds *line)
{
    ds_clear(line);
    ds_put_format(line, "%s_bucket{", metric->family->name);
    ds_put_cstr(line, put_label(metric, line) ? ",le=\"" : "le=\"");
    if (bound) {
        put_number(line, *bound);
    } else {
        ds_put_cstr(line, "+Inf");
    }
    ds_put_cstr(line, "\"}");
}

static void
visit_metric(const struct metric *metric, struct ds *line,
             metrics_visit_cb *cb, void *aux)
{
    const struct metric_family *f = metric->family;
    uint64_t below = 0;

    switch (f->type) {
    case METRIC_COUNTER:
        start_line(metric, "_total", line);
        cb(ds_cstr(line), (double) metric->count, aux);
        break;

    case METRIC_GAUGE:
        start_line(metric, "", line);
        cb(ds_cstr(line), metric->number, aux);
        break;

    case METRIC_HISTOGRAM:
        for (size_t i = 0; i < f->n_bounds; i++) {
            below += metric->buckets[i];
            start_bucket(metric, &f->bounds[i], line);
            cb(ds_cstr(line), (double) below, aux);
        }
        start_bucket(metric, NULL, line);
        cb(ds_cstr(line), (double) metric->count, aux);
        start_line(metric, "_count", line);
        cb(ds_cstr(line), (double) metric->count, aux);
        start_line(metric, "_sum", line);
        cb(ds_cstr(line), metric->number, aux);
        break;
    }
}

static const char *
type_name(enum metric_type type)
{
    switch (type) {
    case METRIC_COUNTER: return "counter";
    case METRIC_GAUGE: return "gauge";
    case METRIC_HISTOGRAM: return "histogram";
    }
    OVS_NOT_REACHED();
}

/* Whole numbers (exact in a double up to 2^53) without a fraction; OpenMetrics
 * wants the bound of a bucket to be a float, but takes any spelling of it. */
static void
put_number(struct ds *out, double value)
{
    const double exact = 9007199254740992.0;

    if (value >= -exact && value <= exact
        && value == (double) (int64_t) value) {
        ds_put_format(out, "%"PRId64, (int64_t) value);
    } else {
        ds_put_format(out, "%.9g", value);
    }
}

static void
print_line(const char *name, double value, void *ds_)
{
    struct ds *out = ds_;

    ds_put_format(out, "%s ", name);
    put_number(out, value);
    ds_put_char(out, '\n');
}
