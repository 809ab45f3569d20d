/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Metrics and their OpenMetrics text. */

#include <config.h>
#include "agent/metrics.h"

#include <stdio.h>

#include "tests/lib/test.h"

static void
check_text(const struct metrics *m, const char *expected)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    metrics_format(m, &s);
    CHECK_STR(ds_cstr(&s), expected);
    ds_destroy(&s);
}

TEST(nothing)
{
    struct metrics *m = metrics_create();

    check_text(m, "# EOF\n");
    metrics_destroy(m);
    metrics_destroy(NULL);
}

TEST(all_types)
{
    static const double bounds[] = { 0.001, 0.5, 10 };
    struct metrics *m = metrics_create();
    struct metric *a = metrics_counter(m, "sg_updates", "Updates received",
                                       "method", "beacon");
    struct metric *lag = metrics_histogram(m, "sg_lag_seconds", "Lag",
                                           NULL, NULL, bounds, 3);
    struct metric *ports = metrics_gauge(m, "sg_ports", "Ports", NULL, NULL);

    metric_add(a, 2);
    metric_add(a, 3);
    /* A later child is printed with its family. */
    metric_add(metrics_counter(m, "sg_updates", "Updates received",
                               "method", "re\"\\\nsync"), 1);
    metric_set(ports, -1.25);
    metric_observe(lag, 0.001);
    metric_observe(lag, 0.25);
    metric_observe(lag, 99);
    check_text(m,
               "# TYPE sg_updates counter\n"
               "# HELP sg_updates Updates received\n"
               "sg_updates_total{method=\"beacon\"} 5\n"
               "sg_updates_total{method=\"re\\\"\\\\\\nsync\"} 1\n"
               "# TYPE sg_lag_seconds histogram\n"
               "# HELP sg_lag_seconds Lag\n"
               "sg_lag_seconds_bucket{le=\"0.001\"} 1\n"
               "sg_lag_seconds_bucket{le=\"0.5\"} 2\n"
               "sg_lag_seconds_bucket{le=\"10\"} 2\n"
               "sg_lag_seconds_bucket{le=\"+Inf\"} 3\n"
               "sg_lag_seconds_count 3\n"
               "sg_lag_seconds_sum 99.251\n"
               "# TYPE sg_ports gauge\n"
               "# HELP sg_ports Ports\n"
               "sg_ports -1.25\n"
               "# EOF\n");
    metrics_destroy(m);
}

/* One that is kept elsewhere, and has labels. */
TEST(labelled_histogram)
{
    static const double bounds[] = { 1, 2 };
    static const uint64_t counts[] = { 3, 0, 1 };
    struct metrics *m = metrics_create();

    metric_set_buckets(metrics_histogram(m, "h", "H", "kind", "a", bounds, 2),
                       counts, 7.5);
    metric_observe(metrics_histogram(m, "h", "H", "kind", "b", bounds, 2), 2);
    check_text(m,
               "# TYPE h histogram\n"
               "# HELP h H\n"
               "h_bucket{kind=\"a\",le=\"1\"} 3\n"
               "h_bucket{kind=\"a\",le=\"2\"} 3\n"
               "h_bucket{kind=\"a\",le=\"+Inf\"} 4\n"
               "h_count{kind=\"a\"} 4\n"
               "h_sum{kind=\"a\"} 7.5\n"
               "h_bucket{kind=\"b\",le=\"1\"} 0\n"
               "h_bucket{kind=\"b\",le=\"2\"} 1\n"
               "h_bucket{kind=\"b\",le=\"+Inf\"} 1\n"
               "h_count{kind=\"b\"} 1\n"
               "h_sum{kind=\"b\"} 2\n"
               "# EOF\n");
    metrics_destroy(m);
}

TEST(the_same_name_is_the_same_metric)
{
    struct metrics *m = metrics_create();
    struct metric *a = metrics_counter(m, "x", "X", NULL, NULL);

    CHECK(metrics_counter(m, "x", "X", NULL, NULL) == a);
    CHECK(metrics_counter(m, "y", "Y", NULL, NULL) != a);
    metrics_destroy(m);
}

TEST(a_total_never_goes_down)
{
    struct metrics *m = metrics_create();
    struct metric *a = metrics_counter(m, "x", "X", NULL, NULL);

    metric_set_total(a, 7);
    metric_set_total(a, 5);
    check_text(m, "# TYPE x counter\n# HELP x X\nx_total 7\n# EOF\n");
    metrics_destroy(m);
}

static void
count_line(const char *name, double value, void *sum_)
{
    double *sum = sum_;

    CHECK_CONTAINS(name, "x_total{l=\"");
    *sum += value;
}

TEST(label_values_are_bounded)
{
    struct metrics *m = metrics_create();
    double sum = 0;

    for (int i = 0; i < 1000; i++) {
        char value[16];

        snprintf(value, sizeof value, "%d", i);
        metric_add(metrics_counter(m, "x", "X", "l", value), 1);
    }

    /* Nothing is lost: what has no room of its own is counted as "other". */
    metrics_visit(m, count_line, &sum);
    CHECK_EQ((int) sum, 1000);

    struct ds s = DS_EMPTY_INITIALIZER;
    size_t lines = 0;
    metrics_format(m, &s);
    CHECK_CONTAINS(ds_cstr(&s), "x_total{l=\"other\"} 936\n");
    for (const char *p = ds_cstr(&s); *p; p++) {
        lines += *p == '\n';
    }
    CHECK_UEQ(lines, METRICS_MAX_CHILDREN + 1 + 3);
    ds_destroy(&s);
    metrics_destroy(m);
}
