/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "agent/state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/last_good.h"
#include "ovs-thread.h"
#include "socket-util.h"
#include "util.h"

#define NEW_NAME STATE_FILE_NAME ".new"

struct job {
    struct sg_update update;
    int64_t saved;
};

struct state_file {
    char *dir, *host;
    bool started;
    pthread_t thread;

    struct ovs_mutex mutex;     /* For all below. */
    pthread_cond_t cond;
    struct job *job;            /* The mailbox. */
    bool stop;
    bool gone;                  /* The thread touches nothing any more. */
    bool ended;                 /* A result waits to be fetched. */
    char *error;
    int64_t cpu_us;
};

static void *run(void *);
static char *write_job(const struct state_file *, const struct job *);
static char *open_dir(const char *dir, int *fd);
static int write_all(int fd, const char *text, size_t len);

static void
job_destroy(struct job *job)
{
    if (job) {
        sg_update_uninit(&job->update);
        free(job);
    }
}

struct state_file *
state_file_create(const char *dir, const char *host)
{
    struct state_file *sf = xzalloc(sizeof *sf);

    pthread_condattr_t attr;

    sf->dir = xstrdup(dir);
    sf->host = xstrdup(host);
    ovs_mutex_init(&sf->mutex);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    xpthread_cond_init(&sf->cond, &attr);
    pthread_condattr_destroy(&attr);
    return sf;
}

/* Lets the thread end.  Returns false if it did not in time. */
static bool
end_thread(struct state_file *sf)
{
    struct timespec until;
    bool gone;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += STATE_FILE_END_S;
    ovs_mutex_lock(&sf->mutex);
    sf->stop = true;
    xpthread_cond_broadcast(&sf->cond);
    while (!sf->gone
           && !pthread_cond_timedwait(&sf->cond, &sf->mutex.lock, &until)) {
        continue;
    }
    gone = sf->gone;
    ovs_mutex_unlock(&sf->mutex);
    if (gone) {
        xpthread_join(sf->thread, NULL);
    }
    return gone;
}

bool
state_file_destroy(struct state_file *sf)
{
    if (!sf) {
        return true;
    }
    if (sf->started && !end_thread(sf)) {
        /* Still the thread's, for as long as the disk holds it. */
        return false;
    }
    job_destroy(sf->job);
    xpthread_cond_destroy(&sf->cond);
    ovs_mutex_destroy(&sf->mutex);
    free(sf->error);
    free(sf->dir);
    free(sf->host);
    free(sf);
    return true;
}

/* Is it safe to believe, or to rely on, what this is? */
static bool
is_private(const struct stat *s)
{
    return ((s->st_uid == 0 || s->st_uid == geteuid())
            && !(s->st_mode & (S_IWGRP | S_IWOTH)));
}

char *
state_file_read(struct state_file *sf, char **textp, size_t *lenp)
{
    char *text = NULL, *error = NULL;
    struct stat s;
    size_t len = 0;
    int dir, fd;

    error = open_dir(sf->dir, &dir);
    if (error) {
        return error;
    }
    fd = openat(dir, STATE_FILE_NAME,
                O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        error = (errno == ENOENT ? NULL
                 : xasprintf("cannot be opened: %s", ovs_strerror(errno)));
    } else if (fstat(fd, &s) || !S_ISREG(s.st_mode)) {
        error = xstrdup("not a regular file");
    } else if (!is_private(&s)) {
        error = xstrdup("others may write to it");
    } else if (s.st_size > LAST_GOOD_MAX_BYTES) {
        error = xasprintf("longer than %d bytes", LAST_GOOD_MAX_BYTES);
    } else {
        text = xmalloc(s.st_size + 1);
        if (read_fully(fd, text, s.st_size, &len)) {
            error = xstrdup("cannot be read");
            free(text);
            text = NULL;
        }
    }
    if (fd >= 0) {
        close(fd);
    }
    close(dir);
    if (!error) {
        *textp = text;
        *lenp = len;
    }
    return error;
}

void
state_file_save(struct state_file *sf, const struct sg_update *update,
                int64_t saved)
{
    struct job *job = xmalloc(sizeof *job);

    job->update = *update;
    job->saved = saved;
    ovs_mutex_lock(&sf->mutex);
    job_destroy(sf->job);
    sf->job = job;
    xpthread_cond_signal(&sf->cond);
    ovs_mutex_unlock(&sf->mutex);
    if (!sf->started) {
        sf->started = true;
        sf->thread = ovs_thread_create("state", run, sf);
    }
}

bool
state_file_ended(struct state_file *sf, char **error, int64_t *cpu_us)
{
    bool ended;

    ovs_mutex_lock(&sf->mutex);
    ended = sf->ended;
    if (ended) {
        *error = sf->error;
        *cpu_us = sf->cpu_us;
        sf->error = NULL;
        sf->ended = false;
    }
    ovs_mutex_unlock(&sf->mutex);
    return ended;
}

/* ------------------------------------------------------------------------ */
/* The thread. */

static int64_t
cpu_us(void)
{
    struct rusage u;

    getrusage(RUSAGE_THREAD, &u);
    return ((u.ru_utime.tv_sec + u.ru_stime.tv_sec) * INT64_C(1000000)
            + u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void *
run(void *sf_)
{
    struct state_file *sf = sf_;

    ovs_mutex_lock(&sf->mutex);
    for (;;) {
        struct job *job = sf->job;

        if (job) {
            int64_t before = cpu_us();
            char *error;

            sf->job = NULL;
            ovs_mutex_unlock(&sf->mutex);
            error = write_job(sf, job);
            job_destroy(job);
            ovs_mutex_lock(&sf->mutex);
            free(sf->error);
            sf->error = error;
            sf->cpu_us = cpu_us() - before;
            sf->ended = true;
        } else if (sf->stop) {
            break;
        } else {
            ovs_mutex_cond_wait(&sf->cond, &sf->mutex);
        }
    }
    sf->gone = true;
    xpthread_cond_broadcast(&sf->cond);
    ovs_mutex_unlock(&sf->mutex);
    return NULL;
}

/* The new file takes the old one's name only when it is on the disk. */
static char *
write_new(int dir, const char *text, size_t len)
{
    const char *what = "created";
    int error = 0;
    int fd;

    if (unlinkat(dir, NEW_NAME, 0) && errno != ENOENT) {
        error = errno;
        return xasprintf(NEW_NAME " cannot be removed: %s",
                         ovs_strerror(error));
    }
    fd = openat(dir, NEW_NAME,
                O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        error = errno;
    } else {
        what = "written";
        error = write_all(fd, text, len);
        if (!error && fsync(fd)) {
            error = errno;
        }
        close(fd);
        if (!error) {
            what = "renamed";
            error = renameat(dir, NEW_NAME, dir, STATE_FILE_NAME) ? errno : 0;
        }
        if (error) {
            unlinkat(dir, NEW_NAME, 0);
        } else if (fsync(dir)) {
            what = "flushed";
            error = errno;
        }
    }
    return (error ? xasprintf(NEW_NAME " cannot be %s: %s", what,
                              ovs_strerror(error)) : NULL);
}

static char *
write_job(const struct state_file *sf, const struct job *job)
{
    char *error, *text;
    size_t len;
    int dir;

    error = open_dir(sf->dir, &dir);
    if (error) {
        return error;
    }
    text = last_good_encode(&job->update, sf->host, job->saved, &len);
    error = (len <= LAST_GOOD_MAX_BYTES ? write_new(dir, text, len)
             : xasprintf("the policy takes more than %d bytes",
                         LAST_GOOD_MAX_BYTES));
    free(text);
    close(dir);
    return error;
}

static char *
open_dir(const char *dir, int *fdp)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat s;

    if (fd < 0) {
        return xasprintf("its directory cannot be opened: %s",
                         ovs_strerror(errno));
    } else if (fstat(fd, &s) || !is_private(&s)) {
        close(fd);
        return xstrdup("others may write to its directory");
    }
    *fdp = fd;
    return NULL;
}

static int
write_all(int fd, const char *text, size_t len)
{
    while (len) {
        ssize_t n = write(fd, text, len);

        if (n > 0) {
            text += n;
            len -= n;
        } else if (n < 0 && errno != EINTR) {
            return errno;
        }
    }
    return 0;
}
