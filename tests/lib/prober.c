/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* prober: numbered packets on many flows, from before the first event until
 * after the last, and an account of each one.
 *
 * One process is sender and receiver of all flows (see lab-sock.h), so a
 * packet's send time and arrival are two entries of one array, and a packet
 * is lost or leaked according to when it was *sent*:
 *
 *   lost    sent while its flow was expected to be allowed, never received
 *   leaked  sent while its flow was expected to be denied, received
 *
 * What is expected of a flow changes by command: "any" when a change is
 * published, "allowed" or "denied" when it is reported applied.  Packets sent
 * under "any" are not judged, nor those of the last moments (--guard-ms)
 * before an expectation ends, which may still be on their way when the
 * filter changes.  Nothing is forgiven after an expectation begins.
 *
 * Flows are one-way UDP, so no flow is ever ESTABLISHED, unless there is one
 * that replies to it; "phase" gives flows a fresh source port.
 *
 * A packet must not be called lost because of the prober itself: receive
 * buffers are large, and what they dropped all the same is counted
 * ("rx_drops", with the kernel's own "softnet_drops" beside it).  A result
 * where these are not 0 proves no loss.
 *
 * Commands on standard input, one answer line each, "ok MICROSECONDS" of
 * CLOCK_MONOTONIC or "error: text":
 *
 *   flow ID SRC-NETNS FROM DST-NETNS TO PORT RATE    make it, do not start
 *   reply ID FLOW RATE            make the one that goes the other way, from
 *                                 where FLOW arrives to where it comes from
 *   start FLOWS                   begin to send
 *   phase FLOWS                   fresh source ports (not with replies)
 *   expect allowed|denied|any FLOWS
 *   stop FLOWS                    send no more
 *   end FLOWS                     stop, and close the sockets
 *   stats                         an answer "ok {...}" with counters; -1
 *                                 for a time means never; what was lost and
 *                                 leaked so far, packets on their way aside
 *   finish                        stop all, wait, print the result, exit
 *
 * FLOWS is "all" or ids.  The end of standard input is "finish". */

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/sock_diag.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "tests/lib/lab-sock.h"
#include "tests/lib/prober-account.h"

enum {
    MAX_FLOWS = 256,
    MAX_LINE = 4096,
    MAX_WORDS = MAX_FLOWS + 4,
    BATCH = 64,                 /* Packets of one system call. */
    TICK_US = 1000,
    BACKLOG_US = 200000,        /* A longer stall of ours is skipped. */
    UNDER_WAY_US = 100000,      /* Younger packets may still arrive. */
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

/* A receiving socket, shared by all flows to the same address and port. */
struct receiver {
    char netns[64];
    union lab_addr addr;
    int fd;
    int users;
    uint64_t drops;             /* Taken over when it was closed. */
};

struct flow {
    char id[64];
    char src[64];
    union lab_addr from, to;
    struct receiver *rx;
    int fd;                     /* -1: not open. */
    bool replies;               /* 'fd' is not connected. */
    bool replied;               /* Another flow sends to where 'fd' is. */
    int rate;                   /* Packets a second. */
    bool sending;
    int64_t begin_us;           /* Pace: due = (now - begin) * rate. */
    int64_t paced;              /* Sent or skipped since 'begin_us'. */
    uint32_t phase;
    in_port_t port;             /* The source port, in host order. */
    uint64_t send_errors, icmp_errors, skipped;
    struct account account;
};

struct prober {
    struct flow flows[MAX_FLOWS];
    size_t n_flows;
    struct receiver receivers[MAX_FLOWS];
    size_t n_receivers;
    uint32_t nonce;
    int64_t start_us;
    int64_t guard_us, drain_us;
    uint64_t stray;             /* Packets that are not of this run. */
    int64_t worst_tick_us;      /* The longest we did not run. */
    uint64_t softnet_drops;     /* At the start. */
};

static struct prober prober;

/* --- Sockets --- */

static uint64_t
socket_drops(int fd)
{
    uint32_t info[SK_MEMINFO_VARS] = { 0 };
    socklen_t size = sizeof info;

    return getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &size)
           ? 0 : info[SK_MEMINFO_DROPS];
}

/* What the kernel's per-CPU queues between devices dropped, all CPUs. */
static uint64_t
softnet_drops(void)
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
    return sum;
}

static char * __attribute__((format(printf, 1, 2)))
xasprintf(const char *format, ...)
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
        return xasprintf("%s: sender: %s", f->id, strerror(errno));
    }
    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
    /* Flows to other destinations may have the same source port. */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    lab_addr_set_port(&from, port);
    if (bind(fd, &from.sa, lab_addr_len(&from))
        || connect(fd, &f->to.sa, lab_addr_len(&f->to))) {
        char *error = xasprintf("%s: sender: %s", f->id, strerror(errno));
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
        return xasprintf("too many receivers");
    }
    *r = (struct receiver) { .addr = f->to };
    snprintf(r->netns, sizeof r->netns, "%s", netns);
    r->fd = lab_socket(netns, f->to.sa.sa_family, SOCK_DGRAM, 0);
    if (r->fd < 0
        || setsockopt(r->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size)
        || bind(r->fd, &f->to.sa, lab_addr_len(&f->to))) {
        char *error = xasprintf("%s: receiver: %s", f->id, strerror(errno));
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

static void
receive_all(void)
{
    for (size_t i = 0; i < prober.n_receivers; i++) {
        if (prober.receivers[i].fd >= 0) {
            receive(&prober.receivers[i]);
        }
    }
}

static void
tick(void)
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
    receive_all();
}

/* --- Commands --- */

static struct flow *
find_flow(const char *id)
{
    for (size_t i = 0; i < prober.n_flows; i++) {
        if (!strcmp(prober.flows[i].id, id)) {
            return &prober.flows[i];
        }
    }
    return NULL;
}

/* Begins a new flow, which the caller counts when it is whole. */
static char *
begin_flow(struct flow *f, const char *id, const char *rate)
{
    if (prober.n_flows == MAX_FLOWS) {
        return xasprintf("flow: the limit is %d", MAX_FLOWS);
    }
    memset(f, 0, sizeof *f);
    f->fd = -1;
    for (const char *p = id; *p; p++) {
        if (!isalnum((unsigned char) *p) && !strchr("._:>/-", *p)) {
            return xasprintf("flow: %s: letters, digits and ._:>/-", id);
        }
    }
    if (find_flow(id)) {
        return xasprintf("flow: %s exists", id);
    }
    f->rate = atoi(rate);
    if (strlen(id) >= sizeof f->id || f->rate < 1 || f->rate > 100000) {
        return xasprintf("flow: the name is too long, or a bad rate");
    }
    strcpy(f->id, id);
    account_init(&f->account);
    return NULL;
}

static char *
cmd_flow(int argc, char *argv[])
{
    if (argc != 8) {
        return xasprintf("flow: 7 arguments");
    }
    struct flow *f = &prober.flows[prober.n_flows];
    char *error = begin_flow(f, argv[1], argv[7]);
    if (error) {
        return error;
    }
    if (strlen(argv[2]) >= sizeof f->src
        || strlen(argv[4]) >= sizeof prober.receivers[0].netns) {
        return xasprintf("flow: an argument is too long");
    }
    strcpy(f->src, argv[2]);
    int port = atoi(argv[6]);
    if (!lab_addr_parse(argv[3], 0, &f->from)
        || !lab_addr_parse(argv[5], port, &f->to)
        || f->from.sa.sa_family != f->to.sa.sa_family) {
        return xasprintf("flow: %s: FROM and TO must be addresses of one "
                         "family", f->id);
    }
    if (port < 1 || port > 65535) {
        return xasprintf("flow: %s: bad port", f->id);
    }
    error = open_receiver(f, argv[4]);
    if (!error) {
        error = open_sender(f);
        if (error) {
            close_receiver(f->rx);
        }
    }
    prober.n_flows += !error;
    return error;
}

/* What two flows share is one socket with two descriptors. */
static char *
open_reply(struct flow *f, struct flow *asked)
{
    struct receiver *r = &prober.receivers[prober.n_receivers];
    socklen_t len = sizeof f->to;
    int size = RCVBUF;

    if (prober.n_receivers == MAX_FLOWS) {
        return xasprintf("too many receivers");
    }
    if (asked->fd < 0 || asked->replies || asked->replied
        || getsockname(asked->fd, &f->to.sa, &len)
        || setsockopt(asked->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size,
                      sizeof size)) {
        return xasprintf("%s: cannot be replied to", asked->id);
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

static char *
cmd_reply(int argc, char *argv[])
{
    if (argc != 4) {
        return xasprintf("reply: 3 arguments");
    }
    struct flow *f = &prober.flows[prober.n_flows];
    struct flow *asked = find_flow(argv[2]);
    char *error = (asked ? begin_flow(f, argv[1], argv[3])
                   : xasprintf("reply: %s: no such flow", argv[2]));
    if (!error) {
        error = open_reply(f, asked);
    }
    prober.n_flows += !error;
    return error;
}

static void
flow_stop(struct flow *f)
{
    f->sending = false;
}

static char *
flow_start(struct flow *f)
{
    if (f->fd < 0) {
        return xasprintf("%s was ended", f->id);
    }
    if (!f->sending) {
        f->sending = true;
        f->begin_us = lab_now_us();
        f->paced = 0;
    }
    return NULL;
}

static char *
flow_phase(struct flow *f)
{
    if (f->fd < 0) {
        return xasprintf("%s was ended", f->id);
    }
    if (f->replies || f->replied) {
        return xasprintf("%s: has a reply, or is one", f->id);
    }
    f->phase++;
    return open_sender(f);
}

static void
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

/* Does 'verb' to one flow. */
static char *
flow_verb(struct flow *f, const char *verb, enum expectation expectation,
          int64_t now)
{
    if (!strcmp(verb, "start")) {
        return flow_start(f);
    } else if (!strcmp(verb, "phase")) {
        return flow_phase(f);
    } else if (!strcmp(verb, "expect")) {
        account_expect(&f->account, now - prober.start_us, expectation);
    } else if (!strcmp(verb, "stop")) {
        flow_stop(f);
    } else {
        flow_end(f);
    }
    return NULL;
}

/* Does 'verb' to the flows that the words from 'first' on name. */
static char *
cmd_flows(int argc, char *argv[], int first, enum expectation expectation)
{
    int64_t now = lab_now_us();
    char *error = NULL;

    if (first >= argc) {
        return xasprintf("%s: which flows?", argv[0]);
    }
    if (!strcmp(argv[first], "all")) {
        for (size_t i = 0; i < prober.n_flows && !error; i++) {
            struct flow *f = &prober.flows[i];
            if (f->fd >= 0) {
                error = flow_verb(f, argv[0], expectation, now);
            }
        }
        return error;
    }
    for (int i = first; i < argc && !error; i++) {
        struct flow *f = find_flow(argv[i]);
        error = (f ? flow_verb(f, argv[0], expectation, now)
                 : xasprintf("%s: no such flow", argv[i]));
    }
    return error;
}

static void
print_stats(void)
{
    int64_t now = lab_now_us() - prober.start_us;

    printf("ok {\"us\":%"PRId64",\"flows\":{", now);
    for (size_t i = 0; i < prober.n_flows; i++) {
        const struct flow *f = &prober.flows[i];
        struct verdict v;

        account_judge_until(&f->account, prober.guard_us,
                            now - UNDER_WAY_US, &v);
        printf("%s\"%s\":{\"sent\":%"PRIu64",\"received\":%"PRIu64","
               "\"lost\":%"PRIu64",\"leaked\":%"PRIu64","
               "\"first_received_us\":%"PRId64","
               "\"last_received_us\":%"PRId64"}",
               i ? "," : "", f->id, f->account.n_sent,
               f->account.n_received, v.lost, v.leaked,
               f->account.first_received_us, f->account.last_received_us);
    }
    printf("}}\n");
}

/* Does one command; false if it was "finish". */
static bool
command(char *line)
{
    char *argv[MAX_WORDS + 1];
    int argc = 0;
    char *save = NULL;
    char *error = NULL;

    for (char *w = strtok_r(line, " \n", &save); w && argc < MAX_WORDS;
         w = strtok_r(NULL, " \n", &save)) {
        argv[argc++] = w;
    }
    argv[argc] = NULL;
    if (!argc) {
        return true;
    }
    const char *verb = argv[0];
    if (!strcmp(verb, "finish")) {
        return false;
    } else if (!strcmp(verb, "stats")) {
        receive_all();
        print_stats();
        return true;
    } else if (!strcmp(verb, "flow")) {
        error = cmd_flow(argc, argv);
    } else if (!strcmp(verb, "reply")) {
        error = cmd_reply(argc, argv);
    } else if (!strcmp(verb, "expect")) {
        enum expectation e;
        error = argc > 1 && expectation_from_string(argv[1], &e)
            ? cmd_flows(argc, argv, 2, e)
            : xasprintf("expect: allowed, denied or any");
    } else if (!strcmp(verb, "start") || !strcmp(verb, "stop")
               || !strcmp(verb, "phase") || !strcmp(verb, "end")) {
        error = cmd_flows(argc, argv, 1, EXPECT_ANY);
    } else {
        error = xasprintf("%s: no such command", verb);
    }
    if (error) {
        printf("error: %s\n", error);
        free(error);
    } else {
        printf("ok %"PRId64"\n", lab_now_us());
    }
    return true;
}

/* Reads what standard input has; false when it is time to finish. */
static bool
read_commands(void)
{
    static char buffer[MAX_LINE];
    static size_t used;
    ssize_t n = read(STDIN_FILENO, buffer + used, sizeof buffer - used);
    char *end;

    if (n < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    if (!n || used + n == sizeof buffer) {
        return false;
    }
    used += n;
    while ((end = memchr(buffer, '\n', used)) != NULL) {
        *end = '\0';
        bool more = command(buffer);
        size_t size = end + 1 - buffer;
        used -= size;
        memmove(buffer, buffer + size, used);
        if (!more) {
            return false;
        }
    }
    return true;
}

/* --- The result --- */

static void
print_flow(const struct flow *f, struct verdict *total)
{
    struct verdict v;

    account_judge(&f->account, prober.guard_us, &v);
    printf(" {\"id\":\"%s\",\"sent\":%"PRIu64",\"received\":%"PRIu64","
           "\"duplicates\":%"PRIu64",\"send_errors\":%"PRIu64","
           "\"icmp_errors\":%"PRIu64",\"skipped\":%"PRIu64",\"phases\":%"PRIu32
           ",\n  ", f->id, f->account.n_sent, f->account.n_received,
           f->account.n_duplicates, f->send_errors, f->icmp_errors,
           f->skipped, f->phase + 1);
    verdict_print(&v);
    printf("}");
    total->allowed += v.allowed;
    total->lost += v.lost;
    total->denied += v.denied;
    total->leaked += v.leaked;
    total->unjudged += v.unjudged;
}

static void
print_result(void)
{
    struct verdict total = { .allowed = 0 };
    uint64_t drops = 0;

    for (size_t i = 0; i < prober.n_receivers; i++) {
        const struct receiver *r = &prober.receivers[i];
        drops += r->drops + (r->fd >= 0 ? socket_drops(r->fd) : 0);
    }
    printf("{\"start_us\":%"PRId64",\"duration_us\":%"PRId64",\"flows\":[\n",
           prober.start_us, lab_now_us() - prober.start_us);
    for (size_t i = 0; i < prober.n_flows; i++) {
        print_flow(&prober.flows[i], &total);
        printf(i + 1 < prober.n_flows ? ",\n" : "\n");
    }
    printf("],\"allowed\":%"PRIu64",\"lost\":%"PRIu64",\"denied\":%"PRIu64
           ",\"leaked\":%"PRIu64",\"unjudged\":%"PRIu64
           ",\"rx_drops\":%"PRIu64",\"softnet_drops\":%"PRIu64
           ",\"stray\":%"PRIu64",\"worst_tick_us\":%"PRId64"}\n",
           total.allowed, total.lost, total.denied, total.leaked,
           total.unjudged, drops, softnet_drops() - prober.softnet_drops,
           prober.stray, prober.worst_tick_us);
}

static void
run(void)
{
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    struct itimerspec spec = {
        .it_interval = { .tv_nsec = TICK_US * 1000 },
        .it_value = { .tv_nsec = TICK_US * 1000 } };
    struct pollfd fds[2] = {
        { .fd = STDIN_FILENO, .events = POLLIN },
        { .fd = timer, .events = POLLIN } };
    bool more = true;
    int64_t until = INT64_MAX;

    timerfd_settime(timer, 0, &spec, NULL);
    while (lab_now_us() < until) {
        uint64_t expirations;

        if (poll(more ? fds : fds + 1, more ? 2 : 1, -1) < 0) {
            continue;
        }
        if (read(timer, &expirations, sizeof expirations) > 0) {
            tick();
        }
        if (more && fds[0].revents && !read_commands()) {
            more = false;
            for (size_t i = 0; i < prober.n_flows; i++) {
                flow_stop(&prober.flows[i]);
            }
            until = lab_now_us() + prober.drain_us;
        }
    }
    close(timer);
}

int
main(int argc, char *argv[])
{
    static const struct option options[] = {
        { "guard-ms", required_argument, NULL, 'g' },
        { "drain-ms", required_argument, NULL, 'd' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 } };
    int option;

    prober.guard_us = 20000;
    prober.drain_us = 500000;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'g':
            prober.guard_us = atoi(optarg) * INT64_C(1000);
            break;
        case 'd':
            prober.drain_us = atoi(optarg) * INT64_C(1000);
            break;
        default:
            fprintf(option == 'h' ? stdout : stderr,
                    "usage: prober [--guard-ms N] [--drain-ms N]\n"
                    "commands on standard input, see tests/lib/prober.c\n");
            return option == 'h' ? 0 : 2;
        }
    }
    /* Fails without root, which only costs precision. */
    sched_setscheduler(0, SCHED_RR, &(struct sched_param) { 1 });
    lab_raise_fd_limit();
    setvbuf(stdout, NULL, _IOLBF, 0);
    fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
    prober.start_us = lab_now_us();
    prober.nonce = (uint32_t) prober.start_us ^ (uint32_t) getpid() << 16;
    prober.softnet_drops = softnet_drops();
    run();
    print_result();
    return 0;
}
