/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Plays the controller for one agent and measures the agent.
 *
 * Runs in the agent's network namespace, answers `sync` from a synthetic
 * policy, sends beacons, publishes member changes and watches the kernel's
 * sets over a netlink socket of its own.  tests/bench/bench-agent drives it
 * over standard input, one command a line; the answer to each is one JSON
 * object on standard output:
 *
 *   agent PID                 the process to measure; first of all
 *   join                      with --late: when the sets of the other groups
 *                             are there, the rules name the measured ones
 *   ready                     wait until the agent filled the measured sets
 *                             and asks no more
 *   idle MS                   nothing but beacons
 *   isolated add|delete G N   N changes of group G, each published when the
 *                             one before it is in the kernel
 *   paced add|delete G N US   N changes, one each US microseconds, 0: at once
 *   floor N                   the same by one netlink message each, from here
 *   start PROGRAM CONFIG LOG  run the agent until it is quiet and enforces
 *   stop                      end it
 *   rule add|delete           one rule more, or less, in group 0
 *
 * The time at which a change "is in the kernel" is known between two looks at
 * the set; the answer says how far these were apart.  The agent is quiet when
 * its CPU clock is read: BENCH_SETTLE_NS pass before and after. */

#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "firewall/names.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "tests/bench/bench_run.h"
#include "tests/bench/run_structure.h"
#include "timeval.h"
#include "util.h"

#define CHANGE_TIMEOUT_NS (5 * NS_PER_S)
#define READY_TIMEOUT_NS (60 * NS_PER_S)
#define READY_POLL_NS (20 * NS_PER_MS)
/* An agent that has asked nothing for so long has all it wants. */
#define QUIET_NS NS_PER_S
/* Pause between two looks at the set, unless told otherwise. */
#define LOOK_NS (20 * NS_PER_US)
#define MAX_CHANGES 100000
#define MAX_LINE 1024
#define FLOOR_SET "sg-bench-floor"      /* Not a name of the agent's. */

/* One change: when it was published, and between which two looks at the
 * kernel it appeared. */
struct sample {
    int64_t after_ns;           /* Not there yet, since the publish. */
    int64_t by_ns;              /* There, since the publish. */
};

static void
change_members(struct bench *b, size_t g, enum synthetic_change change,
               size_t n)
{
    struct sg_update update;
    size_t len;
    char *body;

    synthetic_change_members(&b->policy, g, change, n, &update);
    body = controller_encode(&update, &len);
    controller_publish(b->controller, SG_KIND_MEMBERS, g, body, len);
}

/* The kernel's side. */

/* Is member 'i' of group 'g' in the kernel, in all its families? */
static bool
is_present(struct bench *b, size_t g, size_t i, bool wanted)
{
    size_t n_families = b->policy.config.dual ? SG_N_FAMILIES : 1;

    for (size_t family = 0; family < n_families; family++) {
        struct sg_prefix p;
        bool present;
        int error;

        synthetic_address(g, i, family, &p);
        error = kernel_view_test(b->kernel, b->sets[g][family], &p,
                                 &present);
        if (error) {
            ovs_fatal(error, "cannot ask the kernel for %s",
                      b->sets[g][family]);
        }
        if (present != wanted) {
            return present;
        }
    }
    return wanted;
}

/* Waits until member 'i' of 'g' is there or gone; 'sample' counts from
 * 'start'. */
static void
wait_for_member(struct bench *b, size_t g, size_t i, bool wanted,
                int64_t start, struct sample *sample)
{
    int64_t not_yet = start;

    for (;;) {
        int64_t before = cpu_now_ns();
        bool hit = is_present(b, g, i, wanted) == wanted;
        int64_t after = cpu_now_ns();

        if (hit) {
            sample->after_ns = not_yet - start;
            sample->by_ns = after - start;
            return;
        }
        not_yet = before;
        if (after - start > CHANGE_TIMEOUT_NS) {
            ovs_fatal(0, "member %"PRIuSIZE" of group %"PRIuSIZE" is not "
                      "%s after 5 s", i, g, wanted ? "there" : "gone");
        }
        if (after - b->last_service > BENCH_SERVICE_NS) {
            bench_service(b);
        }
        bench_sleep_until(after + b->look_ns);
    }
}

/* Answers. */

static int
compare_int64(const void *a_, const void *b_)
{
    const int64_t *a = a_, *b = b_;

    return *a < *b ? -1 : *a > *b;
}

/* "'name'": percentiles in microseconds; sorts 'values'. */
static void
print_spread(const char *name, int64_t *values, size_t n)
{
    double sum = 0;

    qsort(values, n, sizeof *values, compare_int64);
    for (size_t i = 0; i < n; i++) {
        sum += values[i];
    }
    printf(", \"%s\": {\"mean\": %.1f, \"p50\": %.1f, \"p90\": %.1f, "
           "\"p99\": %.1f, \"max\": %.1f}", name,
           sum / n / 1e3, values[n / 2] / 1e3, values[n * 90 / 100] / 1e3,
           values[n * 99 / 100] / 1e3, values[n - 1] / 1e3);
}

static void
print_samples(const struct sample *samples, size_t n)
{
    int64_t *values = xcalloc(n, sizeof *values);

    for (size_t i = 0; i < n; i++) {
        values[i] = samples[i].by_ns;
    }
    print_spread("latency_us", values, n);
    for (size_t i = 0; i < n; i++) {
        values[i] = samples[i].by_ns - samples[i].after_ns;
    }
    print_spread("resolution_us", values, n);
    free(values);
}

/* Where the measured set stands, and that it holds what it should. */
static void
print_set(struct bench *b, size_t g)
{
    struct kernel_set set;
    int error = bench_find_set(b, g, SG_IPV4, &set);

    if (error || set.n_elements != b->policy.groups[g].n_members) {
        ovs_fatal(error, "the set of group %"PRIuSIZE" does not hold what "
                  "was published", g);
    }
    printf(", \"set\": {\"name\": \"%s\", \"elements\": %"PRIu32", "
           "\"position\": %"PRIu32", \"sets\": %"PRIu32"}",
           set.name, set.n_elements, set.position, set.n_sets);
}

/* Commands. */

/* Waits until 'condition' holds. */
static void
wait_ready(struct bench *b, bool (*condition)(struct bench *))
{
    int64_t start = cpu_now_ns();

    while (!condition(b)) {
        if (cpu_now_ns() - start > READY_TIMEOUT_NS) {
            ovs_fatal(0, "the agent has not filled the sets after 60 s");
        }
        bench_serve_until(b, cpu_now_ns() + READY_POLL_NS);
    }
}

static bool
others_exist(struct bench *b)
{
    size_t n;
    int error = kernel_view_count(b->kernel, &n);

    if (error) {
        ovs_fatal(error, "cannot list the kernel's sets");
    }
    return n >= b->policy.config.n_others * SG_N_FAMILIES;
}

static void
do_join(struct bench *b)
{
    struct sg_update update;
    size_t len;
    char *body;

    wait_ready(b, others_exist);
    synthetic_join(&b->policy, &update);
    body = controller_encode(&update, &len);
    controller_publish(b->controller, SG_KIND_RULES, 0, body, len);
    printf("{\"measure\": \"join\"}\n");
}

static void
do_ready(struct bench *b)
{
    int64_t start = cpu_now_ns();
    int64_t end;
    uint64_t syncs;

    wait_ready(b, bench_sets_are_filled);
    end = cpu_now_ns();
    do {
        syncs = controller_counts(b->controller).syncs;
        bench_serve_until(b, cpu_now_ns() + QUIET_NS);
    } while (syncs != controller_counts(b->controller).syncs);
    wait_ready(b, bench_sets_are_filled);     /* The slots may have changed. */
    printf("{\"measure\": \"ready\", \"wall_ns\": %"PRId64", "
           "\"all_syncs\": %"PRIu64, end - start, syncs);
    print_set(b, 0);
    printf("}\n");
}

static void
do_idle(struct bench *b, int64_t ms)
{
    struct measurement m;

    measurement_begin(b, &m);
    bench_serve_until(b, cpu_now_ns() + ms * NS_PER_MS);
    printf("{\"measure\": \"idle\"");
    measurement_end(b, &m);
    printf("}\n");
}

static void
do_isolated(struct bench *b, enum synthetic_change change, size_t g, size_t n)
{
    struct sample *samples = xcalloc(n, sizeof *samples);
    bool add = change == SYNTHETIC_ADD;
    struct measurement m;

    measurement_begin(b, &m);
    for (size_t i = 0; i < n; i++) {
        size_t member = b->policy.groups[g].n_members - !add;
        int64_t start = cpu_now_ns();

        change_members(b, g, change, 1);
        wait_for_member(b, g, member, add, start, &samples[i]);
    }
    printf("{\"measure\": \"isolated\", \"op\": \"%s\", \"n\": %"PRIuSIZE,
           add ? "add" : "delete", n);
    measurement_end(b, &m);
    print_samples(samples, n);
    print_set(b, g);
    printf("}\n");
    free(samples);
}

static void
do_paced(struct bench *b, enum synthetic_change change, size_t g, size_t n,
         int64_t interval_us)
{
    bool add = change == SYNTHETIC_ADD;
    size_t *lens = xcalloc(n, sizeof *lens);
    char **bodies = xcalloc(n, sizeof *bodies);
    int64_t start, last;
    struct measurement m;
    struct sample sample;
    size_t member;

    /* Encoded ahead, so that nothing but the broker limits the rate. */
    for (size_t i = 0; i < n; i++) {
        struct sg_update update;

        synthetic_change_members(&b->policy, g, change, 1, &update);
        bodies[i] = controller_encode(&update, &lens[i]);
    }
    member = b->policy.groups[g].n_members - add;

    measurement_begin(b, &m);
    start = cpu_now_ns();
    for (size_t i = 0; i < n; i++) {
        if (interval_us) {
            bench_serve_until(b, start + i * interval_us * NS_PER_US);
        }
        controller_publish(b->controller, SG_KIND_MEMBERS, g, bodies[i],
                           lens[i]);
    }
    last = cpu_now_ns();
    wait_for_member(b, g, member, add, last, &sample);
    printf("{\"measure\": \"paced\", \"op\": \"%s\", \"n\": %"PRIuSIZE", "
           "\"interval_us\": %"PRId64", \"publish_ns\": %"PRId64", "
           "\"to_kernel_ns\": %"PRId64, add ? "add" : "delete", n,
           interval_us, last - start, last - start + sample.by_ns);
    measurement_end(b, &m);
    print_set(b, g);
    printf("}\n");
    free(bodies);
    free(lens);
}

/* What the kernel alone takes for the same changes, one message each, in a
 * set behind all others. */
static void
do_floor(struct bench *b, size_t n)
{
    int64_t before, between, after;
    struct kernel_set set;
    int error;

    error = kernel_view_create(b->kernel, FLOOR_SET);
    before = cpu_thread_ns();
    for (size_t i = 0; i < n && !error; i++) {
        struct sg_prefix p;

        synthetic_address(0, i, SG_IPV4, &p);
        error = kernel_view_add(b->kernel, FLOOR_SET, &p);
    }
    between = cpu_thread_ns();
    for (size_t i = 0; i < n && !error; i++) {
        struct sg_prefix p;

        synthetic_address(0, i, SG_IPV4, &p);
        error = kernel_view_remove(b->kernel, FLOOR_SET, &p);
    }
    after = cpu_thread_ns();
    error = error ? error : kernel_view_find(b->kernel, FLOOR_SET, &set);
    error = error ? error : kernel_view_destroy(b->kernel, FLOOR_SET);
    if (error) {
        ovs_fatal(error, "the kernel does not do what the floor needs");
    }
    printf("{\"measure\": \"floor\", \"n\": %"PRIuSIZE", "
           "\"add_ns\": %"PRId64", \"delete_ns\": %"PRId64", "
           "\"sets\": %"PRIu32"}\n", n,
           between - before, after - between, set.position);
}

static bool
group_ok(const struct bench *b, size_t g, size_t n, const char *op,
         enum synthetic_change *change)
{
    size_t have = g < b->policy.config.n_groups
                  ? b->policy.groups[g].n_members : 0;

    *change = !strcmp(op, "add") ? SYNTHETIC_ADD : SYNTHETIC_DELETE;
    return g < b->policy.config.n_groups && n && n <= MAX_CHANGES
           && (*change == SYNTHETIC_ADD
               ? have + n <= SYNTHETIC_MAX_MEMBERS
               : !strcmp(op, "delete") && n <= have);
}

static void
run_command(struct bench *b, const char *line)
{
    enum synthetic_change change;
    char word[3][MAX_LINE];
    char op[8];
    size_t g, n;
    int64_t us;

    if (sscanf(line, "agent %d", &b->agent) == 1) {
        printf("{\"measure\": \"agent\"}\n");
    } else if (!strcmp(line, "ready\n")) {
        do_ready(b);
    } else if (!strcmp(line, "join\n")) {
        do_join(b);
    } else if (sscanf(line, "idle %"SCNd64, &us) == 1) {
        do_idle(b, us);
    } else if (sscanf(line, "isolated %7s %zu %zu", op, &g, &n) == 3
               && group_ok(b, g, n, op, &change)) {
        do_isolated(b, change, g, n);
    } else if (sscanf(line, "paced %7s %zu %zu %"SCNd64, op, &g, &n, &us) == 4
               && group_ok(b, g, n, op, &change) && us >= 0) {
        do_paced(b, change, g, n, us);
    } else if (sscanf(line, "floor %zu", &n) == 1 && n && n <= MAX_CHANGES) {
        do_floor(b, n);
    } else if (sscanf(line, "start %1023s %1023s %1023s", word[0], word[1],
                      word[2]) == 3) {
        structure_start(b, word[0], word[1], word[2]);
    } else if (!strcmp(line, "stop\n")) {
        structure_stop(b);
    } else if (sscanf(line, "rule %7s", op) == 1
               && (!strcmp(op, "add") || !strcmp(op, "delete"))) {
        structure_rule(b, !strcmp(op, "add") ? SYNTHETIC_ADD
                       : SYNTHETIC_DELETE);
    } else {
        ovs_fatal(0, "command not understood: %s", line);
    }
    fflush(stdout);
}

static bool
input_waits(const struct bench *b)
{
    struct pollfd pfd = { .fd = b->input, .events = POLLIN };

    return poll(&pfd, 1, 0) > 0;
}

/* Serves the agent until a command comes, and runs it; false at the end of
 * the input. */
static bool
next_command(struct bench *b)
{
    char line[MAX_LINE];

    bench_service(b);
    if (input_waits(b)) {
        if (!fgets(line, sizeof line, stdin)) {
            return false;
        }
        run_command(b, line);
    }
    controller_wait(b->controller);
    poll_fd_wait(b->input, POLLIN);
    poll_block();
    return true;
}

static size_t
number(const char *text, const char *option, size_t min, size_t max)
{
    unsigned long long int value;

    if (!str_to_ullong(text, 10, &value) || value < min || value > max) {
        ovs_fatal(0, "--%s: a number from %"PRIuSIZE" to %"PRIuSIZE" is "
                  "wanted", option, min, max);
    }
    return value;
}

struct options {
    struct synthetic_config policy;
    struct controller_config broker;
    int64_t look_ns;
};

static void
parse_options(int argc, char *argv[], struct options *o)
{
    enum {
        OPT_BROKER = UCHAR_MAX + 1, OPT_USER, OPT_PASSWORD, OPT_PORTS,
        OPT_GROUPS, OPT_MEMBERS, OPT_OTHERS, OPT_DUAL, OPT_LATE, OPT_LOOK,
    };
    static const struct option options[] = {
        {"broker", required_argument, NULL, OPT_BROKER},
        {"user", required_argument, NULL, OPT_USER},
        {"password", required_argument, NULL, OPT_PASSWORD},
        {"ports", required_argument, NULL, OPT_PORTS},
        {"groups", required_argument, NULL, OPT_GROUPS},
        {"members", required_argument, NULL, OPT_MEMBERS},
        {"others", required_argument, NULL, OPT_OTHERS},
        {"dual", no_argument, NULL, OPT_DUAL},
        {"late", no_argument, NULL, OPT_LATE},
        {"look-us", required_argument, NULL, OPT_LOOK},
        {NULL, 0, NULL, 0},
    };
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case OPT_BROKER:
            o->broker.host = optarg;
            break;
        case OPT_USER:
            o->broker.user = optarg;
            break;
        case OPT_PASSWORD:
            o->broker.password = optarg;
            break;
        case OPT_PORTS:
            o->policy.n_ports = number(optarg, "ports", 1,
                                       SYNTHETIC_MAX_PORTS);
            break;
        case OPT_GROUPS:
            o->policy.n_groups = number(optarg, "groups", 1,
                                        SYNTHETIC_MAX_GROUPS - 1);
            break;
        case OPT_MEMBERS:
            o->policy.n_members = number(optarg, "members", 1,
                                         SYNTHETIC_MAX_MEMBERS);
            break;
        case OPT_OTHERS:
            o->policy.n_others = number(optarg, "others", 0,
                                        SYNTHETIC_MAX_OTHERS);
            break;
        case OPT_DUAL:
            o->policy.dual = true;
            break;
        case OPT_LATE:
            o->policy.late = true;
            break;
        case OPT_LOOK:
            o->look_ns = number(optarg, "look-us", 1, 1000000) * NS_PER_US;
            break;
        default:
            exit(2);
        }
    }
}

/* Cuts "HOST:PORT" in two. */
static void
check_options(struct options *o)
{
    char *colon = o->broker.host ? strrchr(o->broker.host, ':') : NULL;

    if (!colon || !o->broker.user || !o->broker.password) {
        ovs_fatal(0, "--broker HOST:PORT, --user and --password are needed");
    }
    *colon = '\0';
    o->broker.port = number(colon + 1, "broker", 1, UINT16_MAX);
}

int
main(int argc, char *argv[])
{
    struct options options = {
        .policy = { .n_ports = 20, .n_groups = 1, .n_members = 500 },
        .look_ns = LOOK_NS,
    };
    struct bench *b = xzalloc(sizeof *b);
    struct sg_epoch epoch;
    int error;

    set_program_name(argv[0]);
    parse_options(argc, argv, &options);
    check_options(&options);
    /* Without this the kernel adds up to 50 us to every short sleep. */
    prctl(PR_SET_TIMERSLACK, 1UL);
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_WARN);
    /* A measurement is one long turn of the loop. */
    vlog_set_levels(vlog_module_from_name("timeval"), VLF_ANY_DESTINATION,
                    VLL_ERR);

    b->look_ns = options.look_ns;
    b->input = dup(STDIN_FILENO);
    if (b->input < 0) {
        ovs_fatal(errno, "cannot read commands");
    }
    epoch = (struct sg_epoch) { time_wall_msec(), getpid() };
    synthetic_init(&b->policy, &options.policy, &epoch);
    error = kernel_view_open(&b->kernel);
    if (error) {
        ovs_fatal(error, "cannot open a netlink socket");
    }
    error = table_view_open(&b->tables);
    if (error) {
        ovs_fatal(error, "cannot ask for the tables");
    }
    b->controller = controller_create(&options.broker, &b->policy);
    while (next_command(b)) {
        /* Until the end of the input. */
    }
    controller_destroy(b->controller);
    table_view_close(b->tables);
    kernel_view_close(b->kernel);
    free(b);
    return 0;
}
