/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef BENCH_CPU_ACCOUNT_H
#define BENCH_CPU_ACCOUNT_H 1

/* What a process has used, to the nanosecond.
 *
 * Per thread it is the first field of /proc/PID/task/TID/schedstat.  A thread
 * that ends takes its file with it, so the total comes from the process's CPU
 * clock: the kernel's sum of the same counter over all threads, ended ones
 * included.  The difference between the two is what ended threads used. */

#include <stdio.h>
#include <sys/types.h>
#include "sg/types.h"

#define CPU_MAX_THREADS 32

struct cpu_thread {
    pid_t tid;
    char name[16];              /* TASK_COMM_LEN. */
    int64_t cpu_ns;
    int64_t voluntary;          /* Switches: it went to sleep. */
    int64_t involuntary;        /* Switches: it was put aside. */
};

struct cpu_account {
    int64_t wall_ns;            /* CLOCK_MONOTONIC. */
    int64_t total_ns;
    struct cpu_thread threads[CPU_MAX_THREADS];
    size_t n_threads;
};

int64_t cpu_now_ns(void);            /* CLOCK_MONOTONIC. */
int64_t cpu_thread_ns(void);         /* What the caller has used. */
int cpu_account_read(pid_t, struct cpu_account *) SG_MUST_USE;
/* What happened from '*before' to '*after', as members of a JSON object. */
void cpu_account_print(const struct cpu_account *before,
                       const struct cpu_account *after, FILE *);

#endif /* tests/bench/cpu_account.h */
