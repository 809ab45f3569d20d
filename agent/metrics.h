/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef AGENT_METRICS_H
#define AGENT_METRICS_H 1

/* Named counters, gauges and histograms, printed as OpenMetrics text.
 *
 * Pure.  A registry owns its metrics; a module asks for a metric once and
 * keeps the pointer.  Metrics of one name with different label values are one
 * family and are printed together, families in the order of registration.
 *
 * Names follow OpenMetrics: a counter is registered without the suffix
 * "_total", which is added in print. */

#include "openvswitch/dynamic-string.h"
#include "sg/types.h"

/* Different label values of a family are bounded: beyond, all share the label
 * value "other". */
#define METRICS_MAX_CHILDREN 64
#define METRICS_MAX_BUCKETS 16

enum metric_type {
    METRIC_COUNTER,
    METRIC_GAUGE,
    METRIC_HISTOGRAM,
};

struct metrics;
struct metric;

struct metrics *metrics_create(void);
void metrics_destroy(struct metrics *);

/* Each returns the metric of that name and label, made if need be.  'label'
 * and 'value' are both NULL for a metric without labels. */
struct metric *metrics_counter(struct metrics *, const char *name,
                               const char *help, const char *label,
                               const char *value);
struct metric *metrics_gauge(struct metrics *, const char *name,
                             const char *help, const char *label,
                             const char *value);
/* 'bounds' are the upper ends of the buckets, ascending, without infinity. */
struct metric *metrics_histogram(struct metrics *, const char *name,
                                 const char *help, const char *label,
                                 const char *value, const double *bounds,
                                 size_t n_bounds);

void metric_add(struct metric *, uint64_t n);           /* Counter. */
/* A counter that is kept elsewhere: never goes down. */
void metric_set_total(struct metric *, uint64_t total);
void metric_set(struct metric *, double value);         /* Gauge. */
void metric_observe(struct metric *, double value);     /* Histogram. */
/* A histogram that is kept elsewhere: observations by bucket, the last one
 * above all bounds. */
void metric_set_buckets(struct metric *, const uint64_t *counts, double sum);

/* OpenMetrics 1.0 text, with "# EOF" at the end. */
void metrics_format(const struct metrics *, struct ds *);

/* One line of metrics_format(): 'name' with suffix and labels. */
typedef void metrics_visit_cb(const char *name, double value, void *aux);
void metrics_visit(const struct metrics *, metrics_visit_cb *cb, void *aux);

#endif /* agent/metrics.h */
