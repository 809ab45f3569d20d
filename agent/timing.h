/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef AGENT_TIMING_H
#define AGENT_TIMING_H 1

/* Clocks of the loop thread. */

#include <stdbool.h>
#include <stdint.h>

#include "sg/types.h"

/* CLOCK_MONOTONIC. */
int64_t timing_now_us(void);
/* What the calling thread has used of a CPU, in us; 0: not known. */
int64_t timing_thread_cpu_us(void);

/* How long this thread has had a CPU, and was ready to run and had none:
 * /proc/thread-self/schedstat (Documentation/scheduler/sched-stats.rst).  Some
 * 2 to 4 us, unlike the clock's 0.03.  To be opened by the thread that it is
 * about; the descriptor is the caller's, -1 if there is no such file.  False
 * where the kernel does not say. */
struct loop_thread;
int timing_open_thread(void);
bool timing_read_thread(int fd, struct loop_thread *) SG_MUST_USE;

#endif /* agent/timing.h */
