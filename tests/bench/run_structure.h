/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef BENCH_RUN_STRUCTURE_H
#define BENCH_RUN_STRUCTURE_H 1

/* Measurements of what is not a member change: the agent's start, and a
 * rule. */

#include "tests/bench/bench_run.h"

/* Starts 'program' with configuration 'config', its output into 'log', and
 * waits until it enforces and has nothing more to do. */
void structure_start(struct bench *, char *program, char *config,
                     const char *log);
/* Ends what structure_start() started. */
void structure_stop(struct bench *);

/* One IPv4 rule is appended to group 0's, or taken away again. */
void structure_rule(struct bench *, enum synthetic_change);

#endif /* tests/bench/run_structure.h */
