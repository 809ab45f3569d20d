/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include <config.h>
#include "rpc/resolver.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "util.h"

/* A question and its answer.  Belongs to the resolver and to the thread that
 * asks; the one that lets go last frees it. */
struct question {
    char host[256];
    char port[8];

    pthread_mutex_t mutex;
    pthread_cond_t cond;        /* 'answered' has become true. */
    bool answered;
    bool given_up;
    int error;                  /* EAI_*. */
    struct addrinfo *result;
};

struct resolver {
    struct question *open;      /* Given up and not answered, or NULL. */
};

struct resolver *
resolver_create(void)
{
    return xzalloc(sizeof(struct resolver));
}

static void
question_free(struct question *q)
{
    if (q->result) {
        freeaddrinfo(q->result);
    }
    pthread_cond_destroy(&q->cond);
    pthread_mutex_destroy(&q->mutex);
    free(q);
}

/* Frees the question that was given up if it has been answered meanwhile.
 * Returns false if it is still being asked. */
static bool
close_open(struct resolver *r)
{
    struct question *q = r->open;
    bool answered;

    if (q) {
        pthread_mutex_lock(&q->mutex);
        answered = q->answered;
        pthread_mutex_unlock(&q->mutex);
        if (!answered) {
            return false;
        }
        question_free(q);
        r->open = NULL;
    }
    return true;
}

/* A question that is still being asked is left to its thread. */
void
resolver_destroy(struct resolver *r)
{
    if (r && r->open) {
        struct question *q = r->open;
        bool answered;

        pthread_mutex_lock(&q->mutex);
        q->given_up = true;
        answered = q->answered;
        pthread_mutex_unlock(&q->mutex);
        if (answered) {
            question_free(q);
        }
    }
    free(r);
}

static int
look_up(const struct question *q, int flags, struct addrinfo **result)
{
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = flags | AI_NUMERICSERV,
    };

    return getaddrinfo(q->host, q->port, &hints, result);
}

static void *
ask(void *q_)
{
    struct question *q = q_;
    struct addrinfo *result = NULL;
    int error = look_up(q, 0, &result);
    bool given_up;

    pthread_mutex_lock(&q->mutex);
    q->error = error;
    q->result = result;
    q->answered = true;
    given_up = q->given_up;
    pthread_cond_signal(&q->cond);
    pthread_mutex_unlock(&q->mutex);
    if (given_up) {
        question_free(q);
    }
    return NULL;
}

static struct question *
question_create(const char *host, uint16_t port)
{
    struct question *q = xzalloc(sizeof *q);
    pthread_condattr_t attr;

    ovs_strlcpy(q->host, host, sizeof q->host);
    snprintf(q->port, sizeof q->port, "%u", port);
    pthread_mutex_init(&q->mutex, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&q->cond, &attr);
    pthread_condattr_destroy(&attr);
    return q;
}

/* Waits for the answer to 'q'; false if it does not come in time. */
static bool
wait_for_answer(struct question *q, int timeout_ms)
{
    struct timespec until;
    bool answered;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += timeout_ms % 1000 * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec++;
    }
    pthread_mutex_lock(&q->mutex);
    while (!q->answered
           && pthread_cond_timedwait(&q->cond, &q->mutex,
                                     &until) != ETIMEDOUT) {
        continue;
    }
    answered = q->answered;
    pthread_mutex_unlock(&q->mutex);
    return answered;
}

static int
start_thread(struct question *q)
{
    pthread_attr_t attr;
    pthread_t thread;
    int error;

    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    error = pthread_create(&thread, &attr, ask, q);
    pthread_attr_destroy(&attr);
    return error;
}

/* Finds the addresses of 'host' within 'timeout_ms'.  Returns NULL and
 * '*result', for freeaddrinfo(), or a malloc'd reason. */
char *
resolver_lookup(struct resolver *r, const char *host, uint16_t port,
                int timeout_ms, struct addrinfo **result)
{
    struct question *q = question_create(host, port);
    char *reason = NULL;
    int error;

    if (!look_up(q, AI_NUMERICHOST, result)) {
        question_free(q);
        return NULL;
    } else if (!close_open(r)) {
        question_free(q);
        return xstrdup("an earlier question is still being asked");
    }

    error = start_thread(q);
    if (error) {
        question_free(q);
        return xasprintf("no thread: %s", ovs_strerror(error));
    }
    r->open = q;
    if (!wait_for_answer(q, timeout_ms)) {
        return xasprintf("no answer within %d ms", timeout_ms);
    } else if (q->error) {
        reason = xstrdup(gai_strerror(q->error));
    } else {
        *result = q->result;
        q->result = NULL;
    }
    close_open(r);
    return reason;
}
