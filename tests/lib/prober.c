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
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "tests/lib/prober-flow.h"

enum {
    MAX_LINE = 4096,
    MAX_WORDS = MAX_FLOWS + 4,
    TICK_US = 1000,
    UNDER_WAY_US = 100000,      /* Younger packets may still arrive. */
};

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
        return prober_error("flow: the limit is %d", MAX_FLOWS);
    }
    memset(f, 0, sizeof *f);
    f->fd = -1;
    for (const char *p = id; *p; p++) {
        if (!isalnum((unsigned char) *p) && !strchr("._:>/-", *p)) {
            return prober_error("flow: %s: letters, digits and ._:>/-", id);
        }
    }
    if (find_flow(id)) {
        return prober_error("flow: %s exists", id);
    }
    f->rate = atoi(rate);
    if (strlen(id) >= sizeof f->id || f->rate < 1 || f->rate > 100000) {
        return prober_error("flow: the name is too long, or a bad rate");
    }
    strcpy(f->id, id);
    account_init(&f->account);
    return NULL;
}

static char *
cmd_flow(int argc, char *argv[])
{
    if (argc != 8) {
        return prober_error("flow: 7 arguments");
    }
    struct flow *f = &prober.flows[prober.n_flows];
    char *error = begin_flow(f, argv[1], argv[7]);
    if (error) {
        return error;
    }
    if (strlen(argv[2]) >= sizeof f->src
        || strlen(argv[4]) >= sizeof prober.receivers[0].netns) {
        return prober_error("flow: an argument is too long");
    }
    strcpy(f->src, argv[2]);
    int port = atoi(argv[6]);
    if (!lab_addr_parse(argv[3], 0, &f->from)
        || !lab_addr_parse(argv[5], port, &f->to)
        || f->from.sa.sa_family != f->to.sa.sa_family) {
        return prober_error("flow: %s: FROM and TO must be addresses of one "
                         "family", f->id);
    }
    if (port < 1 || port > 65535) {
        return prober_error("flow: %s: bad port", f->id);
    }
    error = flow_open(f, argv[4]);
    prober.n_flows += !error;
    return error;
}

static char *
cmd_reply(int argc, char *argv[])
{
    if (argc != 4) {
        return prober_error("reply: 3 arguments");
    }
    struct flow *f = &prober.flows[prober.n_flows];
    struct flow *asked = find_flow(argv[2]);
    char *error = (asked ? begin_flow(f, argv[1], argv[3])
                   : prober_error("reply: %s: no such flow", argv[2]));
    if (!error) {
        error = flow_open_reply(f, asked);
    }
    prober.n_flows += !error;
    return error;
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
        return prober_error("%s: which flows?", argv[0]);
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
                 : prober_error("%s: no such flow", argv[i]));
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
        prober_receive();
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
            : prober_error("expect: allowed, denied or any");
    } else if (!strcmp(verb, "start") || !strcmp(verb, "stop")
               || !strcmp(verb, "phase") || !strcmp(verb, "end")) {
        error = cmd_flows(argc, argv, 1, EXPECT_ANY);
    } else {
        error = prober_error("%s: no such command", verb);
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
           total.unjudged, prober_rx_drops(), prober_softnet_drops(),
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
            prober_tick();
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
    prober.softnet_drops = prober_softnet_drops();
    run();
    print_result();
    return 0;
}
