/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tools/sg-controller/saver.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/list.h"
#include "openvswitch/thread.h"
#include "ovs-thread.h"
#include "timeval.h"
#include "tools/sg-controller/files.h"
#include "util.h"

struct job {
    struct ovs_list node;
    char *name;
    char *text;                 /* NULL: remove the file. */
    size_t len;
    long long int due;          /* Not before; LLONG_MIN: at once. */
    long long int wait;         /* Since it failed; 0: it has not. */
};

struct saver {
    char *dir;
    pthread_t thread;
    struct ovs_mutex mutex;     /* Protects all below. */
    pthread_cond_t cond;        /* There is a job, or it ends. */
    struct ovs_list jobs;
    struct job *writes;         /* The one that is being done, or NULL. */
    bool ends;
    char *error;                /* Of the last job that failed; NULL if none
                                 * has to be done again. */
};

static void *saver_main(void *);
static struct job *take_job(struct saver *);
static void finish_job(struct saver *, struct job *, char *error);
static struct job *add_job(struct saver *, const char *name);
static struct job *find_job(const struct saver *, const char *name);
static bool any_failed(const struct saver *);
static void free_job(struct job *);

struct saver *
saver_create(const char *dir)
{
    struct saver *saver = xzalloc(sizeof *saver);
    pthread_condattr_t attr;

    saver->dir = xstrdup(dir);
    ovs_mutex_init(&saver->mutex);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    xpthread_cond_init(&saver->cond, &attr);
    pthread_condattr_destroy(&attr);
    ovs_list_init(&saver->jobs);
    saver->thread = ovs_thread_create("saver", saver_main, saver);
    return saver;
}

void
saver_destroy(struct saver *saver)
{
    if (saver) {
        ovs_mutex_lock(&saver->mutex);
        saver->ends = true;
        xpthread_cond_signal(&saver->cond);
        ovs_mutex_unlock(&saver->mutex);
        xpthread_join(saver->thread, NULL);
        xpthread_cond_destroy(&saver->cond);
        ovs_mutex_destroy(&saver->mutex);
        free(saver->error);
        free(saver->dir);
        free(saver);
    }
}

void
saver_put(struct saver *saver, const char *name, char *text, size_t len)
{
    struct job *job;

    ovs_mutex_lock(&saver->mutex);
    job = find_job(saver, name);
    if (job) {
        free(job->text);
    } else {
        job = add_job(saver, name);
    }
    job->text = text;
    job->len = len;
    xpthread_cond_signal(&saver->cond);
    ovs_mutex_unlock(&saver->mutex);
}

bool
saver_get(const struct saver *saver, const char *name, char **text,
          size_t *len)
{
    const struct job *job;
    bool found;

    ovs_mutex_lock(&saver->mutex);
    job = find_job(saver, name);
    if (!job && saver->writes && !strcmp(saver->writes->name, name)) {
        job = saver->writes;
    }
    found = job && job->text;
    if (found) {
        *text = xmemdup0(job->text, job->len);
        *len = job->len;
    }
    ovs_mutex_unlock(&saver->mutex);
    return found;
}

char *
saver_error(const struct saver *saver)
{
    char *error;

    ovs_mutex_lock(&saver->mutex);
    error = nullable_xstrdup(saver->error);
    ovs_mutex_unlock(&saver->mutex);
    return error;
}

static void *
saver_main(void *saver_)
{
    struct saver *saver = saver_;
    struct job *job;
    char *error;

    ovs_mutex_lock(&saver->mutex);
    while ((job = take_job(saver))) {
        ovs_mutex_unlock(&saver->mutex);
        error = file_save(saver->dir, job->name, job->text, job->len);
        ovs_mutex_lock(&saver->mutex);
        finish_job(saver, job, error);
    }
    ovs_mutex_unlock(&saver->mutex);
    return NULL;
}

/* The next job that is due, taken out; NULL when all ends and nothing is
 * left. */
static struct job *
take_job(struct saver *saver)
{
    for (;;) {
        long long int wake = LLONG_MAX;
        struct job *job;

        LIST_FOR_EACH (job, node, &saver->jobs) {
            if (saver->ends || job->due <= time_msec()) {
                ovs_list_remove(&job->node);
                saver->writes = job;
                return job;
            }
            wake = MIN(wake, job->due);
        }
        if (saver->ends) {
            return NULL;
        }
        if (wake == LLONG_MAX) {
            ovs_mutex_cond_wait(&saver->cond, &saver->mutex);
        } else {
            struct timespec until = {
                wake / 1000, wake % 1000 * 1000 * 1000
            };

            pthread_cond_timedwait(&saver->cond, &saver->mutex.lock, &until);
        }
    }
}

/* Takes over 'job' and 'error'.  A job that failed waits behind the others; if
 * there is a newer text of its name, that one waits. */
static void
finish_job(struct saver *saver, struct job *job, char *error)
{
    saver->writes = NULL;
    if (error) {
        free(saver->error);
        saver->error = error;
        if (!saver->ends) {
            struct job *again = find_job(saver, job->name);

            if (!again) {
                again = add_job(saver, job->name);
                again->text = job->text;
                again->len = job->len;
                job->text = NULL;
            }
            again->wait = (job->wait
                           ? MIN(2 * job->wait, SAVER_RETRY_MAX_MS)
                           : SAVER_RETRY_MS);
            again->due = time_msec() + again->wait;
        }
    } else if (!any_failed(saver)) {
        free(saver->error);
        saver->error = NULL;
    }
    free_job(job);
}

static struct job *
add_job(struct saver *saver, const char *name)
{
    struct job *job = xzalloc(sizeof *job);

    job->name = xstrdup(name);
    job->due = LLONG_MIN;
    ovs_list_push_back(&saver->jobs, &job->node);
    return job;
}

static bool
any_failed(const struct saver *saver)
{
    const struct job *job;

    LIST_FOR_EACH (job, node, &saver->jobs) {
        if (job->wait) {
            return true;
        }
    }
    return false;
}

static struct job *
find_job(const struct saver *saver, const char *name)
{
    struct job *job;

    LIST_FOR_EACH (job, node, &saver->jobs) {
        if (!strcmp(job->name, name)) {
            return job;
        }
    }
    return NULL;
}

static void
free_job(struct job *job)
{
    free(job->name);
    free(job->text);
    free(job);
}
