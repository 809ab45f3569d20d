/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include <config.h>
#include "tests/bench/run_structure.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "util.h"

#define START_TIMEOUT_NS (60 * NS_PER_S)
#define RULE_TIMEOUT_NS (20 * NS_PER_S)
#define STOP_TIMEOUT_NS (10 * NS_PER_S)
/* An agent that uses less than this for so long has done what it had to.  It
 * gathers changes and waits for the broker's answers, both for less. */
#define STILL_NS (300 * NS_PER_MS)
#define STILL_CPU_NS (30 * NS_PER_US)
/* What each port has at least in the security table, in either family. */
#define MIN_ENTRIES_PER_PORT 6

static int64_t
cpu_of(clockid_t clock)
{
    struct timespec ts;

    if (clock_gettime(clock, &ts)) {
        ovs_fatal(errno, "cannot read the agent's CPU clock");
    }
    return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

/* The child of a vfork: runs on our memory until it becomes the program, so
 * it costs next to nothing, and may do little.  What it has used until then is
 * left in '*used'. */
static _Noreturn void
become(char *const argv[], int in, int out, volatile int64_t *used)
{
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    *used = cpu_of(CLOCK_PROCESS_CPUTIME_ID);
    execv(argv[0], argv);
    _exit(127);
}

static pid_t
spawn(char *const argv[], const char *log, int64_t *used_)
{
    int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int out = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    volatile int64_t used = 0;
    pid_t pid;

    if (in < 0 || out < 0) {
        ovs_fatal(errno, "cannot open %s", in < 0 ? "/dev/null" : log);
    }
    pid = vfork();
    if (!pid) {
        become(argv, in, out, &used);
    } else if (pid < 0) {
        ovs_fatal(errno, "cannot start %s", argv[0]);
    }
    close(in);
    close(out);
    *used_ = used;
    return pid;
}

/* Entries of both families' security tables. */
static void
count_entries(struct bench *b, uint32_t n[SG_N_FAMILIES])
{
    for (size_t f = 0; f < SG_N_FAMILIES; f++) {
        int error = table_view_entries(b->tables, f, "security", &n[f]);

        if (error) {
            ovs_fatal(error, "cannot ask for the security table");
        }
    }
}

/* As far as one can tell from outside; whether the agent thinks so as well is
 * for the caller to ask. */
static bool
is_enforced(struct bench *b)
{
    size_t wanted = MIN_ENTRIES_PER_PORT * b->policy.config.n_ports;
    uint32_t n[SG_N_FAMILIES];

    count_entries(b, n);
    return n[SG_IPV4] > wanted && n[SG_IPV6] > wanted
           && bench_sets_are_filled(b);
}

/* Serves the agent until it has been still for STILL_NS.  'm->after' is how it
 * was when that began. */
static void
serve_until_still(struct bench *b, struct measurement *m)
{
    int64_t deadline = cpu_now_ns() + START_TIMEOUT_NS;
    int64_t moved = cpu_now_ns();
    int64_t used = 0;
    clockid_t clock;

    if (clock_getcpuclockid(b->agent, &clock)) {
        ovs_fatal(0, "the agent has ended");
    }
    for (;;) {
        int64_t now = cpu_now_ns();
        int64_t cpu = cpu_of(clock);

        if (cpu - used > STILL_CPU_NS) {
            /* The threads' shares may be from a moment later. */
            int error = cpu_account_read(b->agent, &m->after);

            if (error) {
                ovs_fatal(error, "the agent has ended");
            }
            used = m->after.total_ns;
            moved = m->after.wall_ns;
        } else if (now - moved > STILL_NS) {
            if (controller_counts(b->controller).syncs > m->counts.syncs
                && is_enforced(b)) {
                return;
            }
            moved = now;
        }
        if (now > deadline) {
            ovs_fatal(0, "the agent does not enforce after 60 s");
        }
        bench_serve_until(b, now + BENCH_SERVICE_NS / 2);
    }
}

void
structure_start(struct bench *b, char *program, char *config, const char *log)
{
    static char option[] = "--config";
    char *const argv[] = { program, option, config, NULL };
    struct measurement m;

    /* A beacon would be taken for work. */
    bench_serve_until(b, cpu_now_ns() + BENCH_SETTLE_NS);
    controller_delay_beacon(b->controller);
    memset(&m, 0, sizeof m);
    m.counts = controller_counts(b->controller);
    m.before.wall_ns = cpu_now_ns();
    b->agent = spawn(argv, log, &m.before.total_ns);
    m.before.threads[0].tid = b->agent;
    m.before.threads[0].cpu_ns = m.before.total_ns;
    m.before.n_threads = 1;
    serve_until_still(b, &m);
    printf("{\"measure\": \"start\", \"pid\": %d", (int) b->agent);
    measurement_print(b, &m);
    printf("}\n");
}

void
structure_stop(struct bench *b)
{
    int64_t deadline = cpu_now_ns() + STOP_TIMEOUT_NS;
    int status;

    kill(b->agent, SIGTERM);
    while (!waitpid(b->agent, &status, WNOHANG)) {
        if (cpu_now_ns() > deadline) {
            ovs_fatal(0, "the agent does not end");
        }
        bench_serve_until(b, cpu_now_ns() + BENCH_SERVICE_NS);
    }
    b->agent = 0;
    printf("{\"measure\": \"stop\"}\n");
}

void
structure_rule(struct bench *b, enum synthetic_change change)
{
    bool add = change == SYNTHETIC_ADD;
    uint32_t before[SG_N_FAMILIES], now[SG_N_FAMILIES];
    struct sg_update update;
    struct measurement m;
    int64_t start, end;
    size_t len;
    char *body;

    count_entries(b, before);
    synthetic_change_rule(&b->policy, change, &update);
    body = controller_encode(&update, &len);
    measurement_begin(b, &m);
    start = cpu_now_ns();
    controller_publish(b->controller, SG_KIND_RULES, 0, body, len);
    do {
        bench_serve_until(b, cpu_now_ns() + BENCH_SERVICE_NS);
        count_entries(b, now);
        end = cpu_now_ns();
        if (end - start > RULE_TIMEOUT_NS) {
            ovs_fatal(0, "the rule is not %s after 20 s",
                      add ? "there" : "gone");
        }
    } while (now[SG_IPV4] != before[SG_IPV4] + (add ? 1 : -1)
             || now[SG_IPV6] != before[SG_IPV6]);
    printf("{\"measure\": \"rule\", \"op\": \"%s\", \"n\": 1, "
           "\"to_kernel_ns\": %"PRId64, add ? "add" : "delete", end - start);
    measurement_end(b, &m);
    printf("}\n");
}
