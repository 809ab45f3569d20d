/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* How long things take: turns of the loop, and changes on their way. */

#include <config.h>
#include "agent/timing.h"

#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "util.h"

int64_t
timing_now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

int
timing_open_delay(void)
{
    return open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
}

int64_t
timing_read_delay_us(int fd)
{
    unsigned long long int run, delay;
    char text[64];
    ssize_t n = fd >= 0 ? pread(fd, text, sizeof text - 1, 0) : -1;

    if (n <= 0) {
        return -1;
    }
    text[n] = '\0';
    return (sscanf(text, "%llu %llu", &run, &delay) == 2
            ? (int64_t) (delay / 1000) : -1);
}
