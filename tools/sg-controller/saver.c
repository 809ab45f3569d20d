/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tools/sg-controller/saver.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/list.h"
#include "openvswitch/thread.h"
#include "ovs-thread.h"
#include "tools/sg-controller/files.h"
#include "util.h"

struct job {
    struct ovs_list node;
    char *name;
    char *text;                 /* NULL: remove the file. */
    size_t len;
};

struct saver {
    char *dir;
    pthread_t thread;
    struct ovs_mutex mutex;     /* Protects all below. */
    pthread_cond_t cond;        /* There is a job, or it ends. */
    struct ovs_list jobs;
    bool ends;
    char *error;
};

static void *saver_main(void *);
static struct job *find_job(struct saver *, const char *name);
static void free_job(struct job *);

struct saver *
saver_create(const char *dir)
{
    struct saver *saver = xzalloc(sizeof *saver);

    saver->dir = xstrdup(dir);
    ovs_mutex_init(&saver->mutex);
    xpthread_cond_init(&saver->cond, NULL);
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
        job = xzalloc(sizeof *job);
        job->name = xstrdup(name);
        ovs_list_push_back(&saver->jobs, &job->node);
    }
    job->text = text;
    job->len = len;
    xpthread_cond_signal(&saver->cond);
    ovs_mutex_unlock(&saver->mutex);
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

    ovs_mutex_lock(&saver->mutex);
    for (;;) {
        while (ovs_list_is_empty(&saver->jobs) && !saver->ends) {
            ovs_mutex_cond_wait(&saver->cond, &saver->mutex);
        }
        if (ovs_list_is_empty(&saver->jobs)) {
            break;
        }

        struct job *job = CONTAINER_OF(ovs_list_pop_front(&saver->jobs),
                                       struct job, node);
        ovs_mutex_unlock(&saver->mutex);
        char *error = file_save(saver->dir, job->name, job->text, job->len);
        free_job(job);
        ovs_mutex_lock(&saver->mutex);
        if (error) {
            free(saver->error);
            saver->error = error;
        }
    }
    ovs_mutex_unlock(&saver->mutex);
    return NULL;
}

static struct job *
find_job(struct saver *saver, const char *name)
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
