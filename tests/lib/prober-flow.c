/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include "tests/lib/prober-flow.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sock_diag.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BATCH = 64,                 /* Packets of one system call. */
    BACKLOG_US = 200000,        /* A longer stall of ours is skipped. */
    RCVBUF = 8 << 20,
};

#define MAGIC 0x73675072u
/* Source ports, below those that the kernel chooses (ip_local_port_range). */
#define FIRST_SOURCE_PORT 16384
#define LAST_SOURCE_PORT 32767
/* A flow's first one follows the clock, so that it does not begin among those
 * that the same flow of an earlier prober has taken, as long as that one took
 * less than 100 a second.  Those of 164 s are different; the tracking forgets
 * an idle flow after 120 s. */
#define SOURCE_PORT_US 10000

struct packet {
    uint32_t magic;
    uint32_t nonce;             /* Of this run. */
    uint32_t flow;
    uint32_t phase;
    uint64_t seq;
};

struct prober prober;

char *
prober_error(const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    if (vasprintf(&text, format, args) < 0) {
        abort();
    }
    va_end(args);
    return text;
}

/* --- Sockets --- */

static uint64_t
socket_drops(int fd)
{
    uint32_t info[SK_MEMINFO_VARS] = { 0 };
    socklen_t size = sizeof info;

    return getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &size)
           ? 0 : info[SK_MEMINFO_DROPS];
}

/* The next source port of 'f', which none of its packets had for a while.  Of
 * one that the kernel chooses, the tracking may still know a flow that has
 * been revoked, and its last second of grace. */
static in_port_t
next_source_port(const struct flow *f)
{
    const int64_t n = LAST_SOURCE_PORT - FIRST_SOURCE_PORT + 1;
    int64_t i = (f->port ? f->port - FIRST_SOURCE_PORT + 1
                 : lab_now_us() / SOURCE_PORT_US);

    return FIRST_SOURCE_PORT + i % n;
}

/* Makes the flow's sending socket; a new one has a new source port. */
static char *
open_sender(struct flow *f)
{
    const int size = 1 << 20, yes = 1;
    in_port_t port = next_source_port(f);
    union lab_addr from = f->from;
    int fd = lab_socket(f->src, f->from.sa.sa_family, SOCK_DGRAM, 0);

    if (fd < 0) {
        return prober_error("%s: sender: %s", f->id, strerror(errno));
    }
    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
    /* Flows to other destinations may have the same source port. */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    lab_addr_set_port(&from, port);
    if (bind(fd, &from.sa, lab_addr_len(&from))
        || connect(fd, &f->to.sa, lab_addr_len(&f->to))) {
        char *error = prober_error("%s: sender: %s", f->id, strerror(errno));
        close(fd);
        return error;
    }
    if (f->fd >= 0) {
        close(f->fd);
    }
    f->fd = fd;
    f->port = port;
    return NULL;
}

static char *
open_receiver(struct flow *f, const char *netns)
{
    struct receiver *r;
    int size = RCVBUF;

    for (r = prober.receivers;
         r < prober.receivers + prober.n_receivers; r++) {
        if (r->fd >= 0 && !strcmp(r->netns, netns)
            && lab_addr_equal(&r->addr, &f->to)) {
            goto found;
        }
    }
    if (prober.n_receivers == MAX_FLOWS) {
        return prober_error("too many receivers");
    }
    *r = (struct receiver) { .addr = f->to };
    snprintf(r->netns, sizeof r->netns, "%s", netns);
    r->fd = lab_socket(netns, f->to.sa.sa_family, SOCK_DGRAM, 0);
    if (r->fd < 0
        || setsockopt(r->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size)
        || bind(r->fd, &f->to.sa, lab_addr_len(&f->to))) {
        char *error = prober_error("%s: receiver: %s", f->id, strerror(errno));
        if (r->fd >= 0) {
            close(r->fd);
        }
        return error;
    }
    prober.n_receivers++;
found:
    f->rx = r;
    r->users++;
    return NULL;
}

static void
close_receiver(struct receiver *r)
{
    if (!--r->users) {
        r->drops += socket_drops(r->fd);
        close(r->fd);
        r->fd = -1;
    }
}

char *
flow_open(struct flow *f, const char *netns)
{
    char *error = open_receiver(f, netns);

    if (!error) {
        error = open_sender(f);
        if (error) {
            close_receiver(f->rx);
        }
    }
    return error;
}

char *
flow_open_reply(struct flow *f, struct flow *asked)
{
    struct receiver *r = &prober.receivers[prober.n_receivers];
    socklen_t len = sizeof f->to;
    int size = RCVBUF;

    if (prober.n_receivers == MAX_FLOWS) {
        return prober_error("too many receivers");
    }
    if (asked->fd < 0 || asked->replies || asked->replied
        || getsockname(asked->fd, &f->to.sa, &len)
        || setsockopt(asked->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size,
                      sizeof size)) {
        return prober_error("%s: cannot be replied to", asked->id);
    }
    f->fd = fcntl(asked->rx->fd, F_DUPFD_CLOEXEC, 0);
    *r = (struct receiver) {
        .fd = fcntl(asked->fd, F_DUPFD_CLOEXEC, 0), .addr = f->to,
        .users = 1 };
    if (f->fd < 0 || r->fd < 0) {
        abort();
    }
    prober.n_receivers++;
    f->rx = r;
    f->replies = asked->replied = true;
    return NULL;
}

uint64_t
prober_softnet_drops(void)
{
    FILE *stream = fopen("/proc/net/softnet_stat", "r");
    uint64_t sum = 0;
    unsigned int processed, dropped;

    if (stream) {
        while (fscanf(stream, "%x %x%*[^\n]", &processed, &dropped) == 2) {
            sum += dropped;
        }
        fclose(stream);
    }
    return sum - prober.softnet_drops;
}

uint64_t
prober_rx_drops(void)
{
    uint64_t drops = 0;

    for (size_t i = 0; i < prober.n_receivers; i++) {
        const struct receiver *r = &prober.receivers[i];

        drops += r->drops + (r->fd >= 0 ? socket_drops(r->fd) : 0);
    }
    return drops;
}

/* --- Packets --- */

/* Sends up to 'n' packets of 'f'; returns how many need no further try. */
static int
send_batch(struct flow *f, int n)
{
    struct packet packets[BATCH];
    struct iovec iov[BATCH];
    struct mmsghdr msgs[BATCH];
    uint64_t first = f->account.n_sent;

    for (int i = 0; i < n; i++) {
        packets[i] = (struct packet) {
            MAGIC, prober.nonce, f - prober.flows, f->phase, first + i };
        iov[i] = (struct iovec) { &packets[i], sizeof packets[i] };
        msgs[i] = (struct mmsghdr) {
            .msg_hdr = { .msg_iov = &iov[i], .msg_iovlen = 1 } };
        if (f->replies) {
            msgs[i].msg_hdr.msg_name = &f->to;
            msgs[i].msg_hdr.msg_namelen = lab_addr_len(&f->to);
        }
    }
    /* The time is taken before the packet leaves, so that a packet is never
     * thought to be younger than it is. */
    int64_t now = lab_now_us();
    int sent = sendmmsg(f->fd, msgs, n, 0);
    if (sent < 0) {
        if (errno == ECONNREFUSED || errno == EHOSTUNREACH) {
            /* The answer to an earlier packet; reading it cleared it. */
            f->icmp_errors++;
            return 0;
        }
        f->send_errors++;
        return 1;
    }
    for (int i = 0; i < sent; i++) {
        account_sent(&f->account, now - prober.start_us);
    }
    return sent;
}

static void
send_due(struct flow *f, int64_t now)
{
    int64_t due = (now - f->begin_us) * f->rate / 1000000 - f->paced;
    int64_t most = (int64_t) f->rate * BACKLOG_US / 1000000 + 1;

    if (due > most) {
        f->skipped += due - most;
        f->paced += due - most;
        due = most;
    }
    for (int tries = 0; due > 0 && tries < 64; tries++) {
        int n = send_batch(f, due < BATCH ? due : BATCH);
        due -= n;
        f->paced += n;
    }
}

static void
receive(struct receiver *r)
{
    static struct packet packets[BATCH];
    struct iovec iov[BATCH];
    struct mmsghdr msgs[BATCH];
    int n;

    do {
        for (int i = 0; i < BATCH; i++) {
            iov[i] = (struct iovec) { &packets[i], sizeof packets[i] };
            msgs[i] = (struct mmsghdr) {
                .msg_hdr = { .msg_iov = &iov[i], .msg_iovlen = 1 } };
        }
        n = recvmmsg(r->fd, msgs, BATCH, MSG_DONTWAIT, NULL);
        int64_t now = lab_now_us() - prober.start_us;
        for (int i = 0; i < n; i++) {
            const struct packet *p = &packets[i];
            if (msgs[i].msg_len != sizeof *p || p->magic != MAGIC
                || p->nonce != prober.nonce || p->flow >= prober.n_flows
                || !account_received(&prober.flows[p->flow].account, p->seq,
                                     now)) {
                prober.stray++;
            }
        }
    } while (n == BATCH);
}

void
prober_receive(void)
{
    for (size_t i = 0; i < prober.n_receivers; i++) {
        if (prober.receivers[i].fd >= 0) {
            receive(&prober.receivers[i]);
        }
    }
}

void
prober_tick(void)
{
    static int64_t last;
    int64_t now = lab_now_us();

    if (last && now - last > prober.worst_tick_us) {
        prober.worst_tick_us = now - last;
    }
    last = now;
    for (size_t i = 0; i < prober.n_flows; i++) {
        struct flow *f = &prober.flows[i];
        if (f->sending) {
            send_due(f, lab_now_us());
        }
    }
    prober_receive();
}

/* --- What is done to a flow --- */

void
flow_stop(struct flow *f)
{
    f->sending = false;
}

char *
flow_start(struct flow *f)
{
    if (f->fd < 0) {
        return prober_error("%s was ended", f->id);
    }
    if (!f->sending) {
        f->sending = true;
        f->begin_us = lab_now_us();
        f->paced = 0;
    }
    return NULL;
}

char *
flow_phase(struct flow *f)
{
    if (f->fd < 0) {
        return prober_error("%s was ended", f->id);
    }
    if (f->replies || f->replied) {
        return prober_error("%s: has a reply, or is one", f->id);
    }
    f->phase++;
    return open_sender(f);
}

void
flow_end(struct flow *f)
{
    flow_stop(f);
    if (f->fd >= 0) {
        close(f->fd);
        f->fd = -1;
        receive(f->rx);
        close_receiver(f->rx);
    }
}
