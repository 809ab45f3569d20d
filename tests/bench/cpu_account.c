/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include <config.h>
#include "tests/bench/cpu_account.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util.h"

#define PATH_LEN 64
#define LINE_LEN 256

static int64_t
clock_ns(clockid_t clock)
{
    struct timespec ts;

    if (clock_gettime(clock, &ts)) {
        return -1;
    }
    return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

int64_t
cpu_now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

int64_t
cpu_thread_ns(void)
{
    return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* The number after "'key':" in a file of such lines. */
static bool
scan_line(const char *line, const char *key, int64_t *value)
{
    size_t len = strlen(key);

    if (strncmp(line, key, len) || line[len] != ':') {
        return false;
    }
    *value = strtoll(line + len + 1, NULL, 10);
    return true;
}

static int
read_thread(pid_t pid, pid_t tid, struct cpu_thread *thread)
{
    char path[PATH_LEN], line[LINE_LEN];
    FILE *stream;
    int n;

    memset(thread, 0, sizeof *thread);
    thread->tid = tid;
    snprintf(path, sizeof path, "/proc/%d/task/%d/schedstat", pid, tid);
    stream = fopen(path, "re");
    if (!stream) {
        return errno;
    }
    n = fscanf(stream, "%"SCNd64, &thread->cpu_ns);
    fclose(stream);
    if (n != 1) {
        return EPROTO;
    }

    snprintf(path, sizeof path, "/proc/%d/task/%d/status", pid, tid);
    stream = fopen(path, "re");
    if (!stream) {
        return errno;
    }
    while (fgets(line, sizeof line, stream)) {
        scan_line(line, "voluntary_ctxt_switches", &thread->voluntary);
        scan_line(line, "nonvoluntary_ctxt_switches", &thread->involuntary);
        if (!strncmp(line, "Name:\t", 6)) {
            /* Only what needs no escape in JSON. */
            line[6 + strcspn(line + 6, "\n\"\\")] = '\0';
            ovs_strlcpy(thread->name, line + 6, sizeof thread->name);
        }
    }
    fclose(stream);
    return 0;
}

int
cpu_account_read(pid_t pid, struct cpu_account *account)
{
    char path[PATH_LEN];
    struct dirent *entry;
    clockid_t clock;
    int error = 0;
    DIR *dir;

    memset(account, 0, sizeof *account);
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    dir = opendir(path);
    if (!dir) {
        return errno;
    }
    while ((entry = readdir(dir)) && !error) {
        pid_t tid = atoi(entry->d_name);

        if (tid && account->n_threads == CPU_MAX_THREADS) {
            error = E2BIG;
        } else if (tid) {
            error = read_thread(pid, tid,
                                &account->threads[account->n_threads]);
            if (error == ENOENT || error == ESRCH) {
                error = 0;      /* Ended meanwhile: it is in the total. */
            } else {
                account->n_threads++;
            }
        }
    }
    closedir(dir);
    if (error) {
        return error;
    }

    error = clock_getcpuclockid(pid, &clock);
    if (error) {
        return error;
    }
    account->wall_ns = cpu_now_ns();
    account->total_ns = clock_ns(clock);
    return account->total_ns < 0 ? ESRCH : 0;
}

static const struct cpu_thread *
find_thread(const struct cpu_account *account, pid_t tid)
{
    for (size_t i = 0; i < account->n_threads; i++) {
        if (account->threads[i].tid == tid) {
            return &account->threads[i];
        }
    }
    return NULL;
}

void
cpu_account_print(const struct cpu_account *before,
                  const struct cpu_account *after, FILE *stream)
{
    int64_t total = after->total_ns - before->total_ns;
    int64_t living = 0;

    fprintf(stream, "\"wall_ns\": %"PRId64", \"cpu_ns\": %"PRId64", "
            "\"threads\": [", after->wall_ns - before->wall_ns, total);
    for (size_t i = 0; i < after->n_threads; i++) {
        static const struct cpu_thread none;
        const struct cpu_thread *now = &after->threads[i];
        const struct cpu_thread *was = find_thread(before, now->tid);

        was = was ? was : &none;        /* Began meanwhile. */
        living += now->cpu_ns - was->cpu_ns;
        fprintf(stream, "%s{\"name\": \"%s\", \"cpu_ns\": %"PRId64", "
                "\"voluntary\": %"PRId64", \"involuntary\": %"PRId64"}",
                i ? ", " : "", now->name, now->cpu_ns - was->cpu_ns,
                now->voluntary - was->voluntary,
                now->involuntary - was->involuntary);
    }
    fprintf(stream, "], \"ended_ns\": %"PRId64, total - living);
}
