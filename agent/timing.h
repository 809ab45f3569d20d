/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef AGENT_TIMING_H
#define AGENT_TIMING_H 1

/* Clocks of the loop thread. */

#include <stdint.h>

/* CLOCK_MONOTONIC. */
int64_t timing_now_us(void);

/* How long this thread was ready to run and had to wait for a CPU, us, since
 * it exists: the second number of /proc/thread-self/schedstat
 * (Documentation/scheduler/sched-stats.rst).  -1 where the kernel does not
 * say.  Some 4 us, unlike the clock's 0.07.  To be opened by the thread that
 * it is about; the descriptor is the caller's, -1 if there is no such file. */
int timing_open_delay(void);
int64_t timing_read_delay_us(int fd);

#endif /* agent/timing.h */
