/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include "tests/lib/lab-sock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

bool
lab_addr_parse(const char *text, uint16_t port, union lab_addr *addr)
{
    memset(addr, 0, sizeof *addr);
    if (inet_pton(AF_INET, text, &addr->in.sin_addr) == 1) {
        addr->in.sin_family = AF_INET;
        lab_addr_set_port(addr, port);
        return true;
    }
    if (inet_pton(AF_INET6, text, &addr->in6.sin6_addr) == 1) {
        addr->in6.sin6_family = AF_INET6;
        lab_addr_set_port(addr, port);
        return true;
    }
    return false;
}

void
lab_addr_set_port(union lab_addr *addr, uint16_t port)
{
    if (addr->sa.sa_family == AF_INET) {
        addr->in.sin_port = htons(port);
    } else {
        addr->in6.sin6_port = htons(port);
    }
}

socklen_t
lab_addr_len(const union lab_addr *addr)
{
    return addr->sa.sa_family == AF_INET ? sizeof addr->in : sizeof addr->in6;
}

bool
lab_addr_equal(const union lab_addr *a, const union lab_addr *b)
{
    return !memcmp(a, b, sizeof *a);
}

int
lab_socket(const char *netns, int family, int type, int protocol)
{
    int old_ns = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    int new_ns = open(netns, O_RDONLY | O_CLOEXEC);
    int fd = -1;

    if (old_ns >= 0 && new_ns >= 0 && !setns(new_ns, CLONE_NEWNET)) {
        fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
        int error = errno;
        if (setns(old_ns, CLONE_NEWNET)) {
            /* Everything after this would go to the wrong place. */
            perror("cannot return to my network namespace");
            abort();
        }
        errno = error;
    }
    int error = errno;
    if (old_ns >= 0) {
        close(old_ns);
    }
    if (new_ns >= 0) {
        close(new_ns);
    }
    errno = error;
    return fd;
}

int
lab_set_transparent(int fd, int family)
{
    int on = 1;
    int result = family == AF_INET
        ? setsockopt(fd, SOL_IP, IP_TRANSPARENT, &on, sizeof on)
        : setsockopt(fd, SOL_IPV6, IPV6_TRANSPARENT, &on, sizeof on);
    return result ? errno : 0;
}

void
lab_raise_fd_limit(void)
{
    struct rlimit limit;

    if (!getrlimit(RLIMIT_NOFILE, &limit)) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int64_t
lab_now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * INT64_C(1000000) + ts.tv_nsec / 1000;
}
