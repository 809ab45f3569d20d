/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Schedules of everything that can go wrong between agents and controllers, on
 * a virtual clock, with the real code on both sides (tests/lib/sim-cloud.h).
 * After every event nothing may have been taken away without cause; in the end
 * every agent holds what the controller has.
 *
 *   PROTOCOL_SIM=1000000 build/tests/test-protocol-sim   so many schedules
 *   PROTOCOL_SIM_SEED=N build/tests/test-protocol-sim    one, with a trace
 *
 * Seeds that failed are added to protocol-sim.seeds; those come first. */

#include <config.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/sim-cloud.h"
#include "tests/lib/test.h"
#include "util.h"

#define SEEDS "tests/property/protocol-sim.seeds"
#define SCHEDULES 2000
#define MAX_WORKERS 16
#define MAX_FAILED 8

/* One worker's share, in memory that its parent sees. */
struct share {
    uint64_t first, n, step;    /* Seeds. */
    uint64_t done;
    uint64_t counts[CLOUD_N_EVENTS];
    long long int longest;      /* Until all was right, virtual ms. */
    uint64_t longest_seed;
    uint64_t failed[MAX_FAILED];
    size_t n_failed;
};

static void
play_share(struct share *s)
{
    for (uint64_t i = 0; i < s->n && s->n_failed < MAX_FAILED; i++) {
        uint64_t seed = s->first + i * s->step;
        long long int ms = cloud_play(seed, false, s->counts);

        if (test_failed()) {
            /* The others may go on for long. */
            printf("#   failed: PROTOCOL_SIM_SEED=%"PRIu64"\n", seed);
            fflush(stdout);
            s->failed[s->n_failed++] = seed;
            return;
        }
        if (ms > s->longest) {
            s->longest = ms;
            s->longest_seed = seed;
        }
        s->done++;
    }
}

static void
say_progress(const struct share *shares, long int n, uint64_t all)
{
    uint64_t done = 0;

    for (long int i = 0; i < n; i++) {
        done += shares[i].done;
    }
    fprintf(stderr, "# %"PRIu64" of %"PRIu64" schedules\n", done, all);
}

/* Once each, unless it is a fault on purpose that is played. */
static void
keep_seed(uint64_t seed)
{
    const char *keep = getenv("PROTOCOL_SIM_KEEP");

    if (keep && !strcmp(keep, "no")) {
        return;
    }
    char *text = test_read_file(SEEDS, NULL);
    char line[32];

    snprintf(line, sizeof line, "\n%"PRIu64"\n", seed);
    if (text && !strstr(text, line)) {
        FILE *file = fopen(SEEDS, "a");

        if (file) {
            fputs(line + 1, file);
            fclose(file);
        }
    }
    free(text);
}

static void
play_all(uint64_t first, uint64_t n, struct share *sum)
{
    long int n_workers = MIN(MAX(sysconf(_SC_NPROCESSORS_ONLN), 1),
                             MAX_WORKERS);
    struct share *shares = mmap(NULL, sizeof *shares * MAX_WORKERS,
                                PROT_READ | PROT_WRITE,
                                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    long int left = n_workers;

    REQUIRE(shares != MAP_FAILED);
    fflush(stdout);
    for (long int i = 0; i < n_workers; i++) {
        struct share *s = &shares[i];

        s->first = first + (uint64_t) i;
        s->step = (uint64_t) n_workers;
        s->n = n / s->step + ((uint64_t) i < n % s->step);
        pid_t pid = fork();
        REQUIRE(pid >= 0);
        if (!pid) {
            play_share(s);
            fflush(stdout);
            _exit(0);
        }
    }
    while (left) {
        int status;
        pid_t pid;

        if (n > 20 * SCHEDULES) {
            alarm(60);
        }
        pid = wait(&status);
        if (pid < 0 && errno == EINTR) {
            say_progress(shares, n_workers, n);
            continue;
        }
        REQUIRE(pid > 0);
        CHECK_EQ(status, 0);
        left--;
    }
    alarm(0);
    for (long int i = 0; i < n_workers; i++) {
        const struct share *s = &shares[i];

        sum->done += s->done;
        for (int e = 0; e < CLOUD_N_EVENTS; e++) {
            sum->counts[e] += s->counts[e];
        }
        if (s->longest > sum->longest) {
            sum->longest = s->longest;
            sum->longest_seed = s->longest_seed;
        }
        for (size_t f = 0; f < s->n_failed; f++) {
            FAIL("to repeat: PROTOCOL_SIM_SEED=%"PRIu64, s->failed[f]);
            keep_seed(s->failed[f]);
        }
    }
    munmap(shares, sizeof *shares * MAX_WORKERS);
}

static void
wake_up(int signal_number OVS_UNUSED)
{
}

TEST(seeds_that_failed_once)
{
    uint64_t counts[CLOUD_N_EVENTS] = { 0 };
    char *text = test_read_file(SEEDS, NULL);
    char *save = NULL;
    unsigned int n = 0;

    REQUIRE(text);
    for (char *line = strtok_r(text, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        if (line[0] != '#') {
            cloud_play(strtoull(line, NULL, 10), false, counts);
            n++;
            if (test_failed()) {
                FAIL("seed %s", line);
                break;
            }
        }
    }
    CHECK(n > 0);
    free(text);
}

TEST(schedules)
{
    const char *one = getenv("PROTOCOL_SIM_SEED");
    const char *count = getenv("PROTOCOL_SIM");
    uint64_t n = count ? strtoull(count, NULL, 10) : SCHEDULES;
    struct share sum;

    memset(&sum, 0, sizeof sum);
    if (one) {
        cloud_play(strtoull(one, NULL, 10), true, sum.counts);
        CHECK(true);
        return;
    }
    struct sigaction action = { .sa_handler = wake_up };
    sigaction(SIGALRM, &action, NULL);
    play_all(test_seed(), n, &sum);
    if (test_failed()) {
        return;
    }
    CHECK_UEQ(sum.done, n);
    printf("# %"PRIu64" schedules from seed %"PRIu64"; all right again after "
           "at most %.1f s (seed %"PRIu64")\n", sum.done, test_seed(),
           sum.longest / 1000.0, sum.longest_seed);
    for (int e = 0; e < CLOUD_N_EVENTS; e++) {
        printf("# %12"PRIu64" %s\n", sum.counts[e],
               cloud_event_name((enum cloud_event) e));
        /* What hardly occurs is not tested. */
        if (n >= SCHEDULES && sum.counts[e] < n / 500) {
            FAIL("%s: only %"PRIu64, cloud_event_name((enum cloud_event) e),
                 sum.counts[e]);
        }
    }
}
