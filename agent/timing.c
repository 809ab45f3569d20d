/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* How long things take: turns of the loop, and changes on their way. */

#include <config.h>
#include "agent/timing.h"

#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "agent/loop_watch.h"
#include "util.h"

int64_t
timing_thread_cpu_us(void)
{
    struct timespec t;

    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t)) {
        return 0;
    }
    return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

int64_t
timing_now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

int
timing_open_thread(void)
{
    return open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
}

bool
timing_read_thread(int fd, struct loop_thread *thread)
{
    unsigned long long int cpu, wait;   /* ns */
    char text[64];
    ssize_t n = fd >= 0 ? pread(fd, text, sizeof text - 1, 0) : -1;

    if (n <= 0) {
        return false;
    }
    text[n] = '\0';
    if (sscanf(text, "%llu %llu", &cpu, &wait) != 2) {
        return false;
    }
    thread->cpu_us = (int64_t) (cpu / 1000);
    thread->wait_us = (int64_t) (wait / 1000);
    return true;
}
