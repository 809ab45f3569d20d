/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef BENCH_RUN_H
#define BENCH_RUN_H 1

/* What the measurements of bench-controller share: whom they measure, how
 * time passes while the agent is served, and how its CPU is read.
 *
 * Each measurement prints one JSON object. */

#include <sys/types.h>

#include "firewall/names.h"
#include "tests/bench/controller.h"
#include "tests/bench/cpu_account.h"
#include "tests/bench/kernel_view.h"
#include "tests/bench/synthetic.h"
#include "tests/bench/table_view.h"

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

/* An agent that has nothing to do for so long has done what it had to. */
#define BENCH_SETTLE_NS (50 * NS_PER_MS)
/* How often the broker's queue is looked at between two looks at the
 * kernel. */
#define BENCH_SERVICE_NS NS_PER_MS

struct bench {
    struct synthetic policy;
    struct controller *controller;
    struct kernel_view *kernel;
    struct table_view *tables;
    pid_t agent;
    int64_t look_ns;            /* Between two looks at a set. */
    int64_t last_service;
    int input;                  /* poll_fd_wait() takes no descriptor 0. */
    char sets[SYNTHETIC_MAX_GROUPS][SG_N_FAMILIES][FW_SET_LEN];
};

/* A measurement of the agent: between begin and end everything it does
 * counts. */
struct measurement {
    struct cpu_account before, after;
    struct controller_counts counts;
};

/* Answers the agent, once and until a time of cpu_now_ns(). */
void bench_service(struct bench *);
void bench_serve_until(struct bench *, int64_t until);
void bench_sleep_until(int64_t ns);

/* Both let the agent come to rest first. */
void measurement_begin(struct bench *, struct measurement *);
/* Prints what happened as members of the object that was begun. */
void measurement_end(struct bench *, struct measurement *);
/* The part of measurement_end() that prints; for a measurement whose
 * beginning and end are known otherwise. */
void measurement_print(struct bench *, const struct measurement *);

/* Finds the set of group 'g', whose slot is the agent's choice.  ENOENT: there
 * is none. */
int bench_find_set(struct bench *, size_t g, enum sg_family,
                   struct kernel_set *) SG_MUST_USE;
/* Do all measured sets hold what the policy says?  Notes their names. */
bool bench_sets_are_filled(struct bench *);

#endif /* tests/bench/bench_run.h */
