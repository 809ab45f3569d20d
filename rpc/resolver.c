/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include <config.h>
#include "rpc/resolver.h"

#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "openvswitch/util.h"
#include "util.h"

/* What the C library holds on to while a question is open. */
struct question {
    struct gaicb cb;
    struct addrinfo hints;
    char host[256];
    char port[8];
};

struct resolver {
    struct question *open;      /* NULL, or given up and not ended. */
};

struct resolver *
resolver_create(void)
{
    return xzalloc(sizeof(struct resolver));
}

static void
question_free(struct question *q)
{
    if (q) {
        if (q->cb.ar_result) {
            freeaddrinfo(q->cb.ar_result);
        }
        free(q);
    }
}

/* Tries to be rid of an open question.  False if it is still being asked. */
static bool
close_question(struct resolver *r)
{
    if (r->open) {
        gai_cancel(&r->open->cb);
        if (gai_error(&r->open->cb) == EAI_INPROGRESS) {
            return false;
        }
        question_free(r->open);
        r->open = NULL;
    }
    return true;
}

/* A question that cannot be ended is left to the C library, memory and all:
 * it will write there. */
void
resolver_destroy(struct resolver *r)
{
    if (r) {
        close_question(r);
        free(r);
    }
}

static void
question_init(struct question *q, const char *host, uint16_t port, int flags)
{
    memset(q, 0, sizeof *q);
    ovs_strlcpy(q->host, host, sizeof q->host);
    snprintf(q->port, sizeof q->port, "%u", port);
    q->hints.ai_family = AF_UNSPEC;
    q->hints.ai_socktype = SOCK_STREAM;
    q->hints.ai_flags = flags | AI_NUMERICSERV;
    q->cb.ar_name = q->host;
    q->cb.ar_service = q->port;
    q->cb.ar_request = &q->hints;
}

/* Finds the addresses of 'host' within 'timeout_ms'.  Returns NULL and
 * '*result', for freeaddrinfo(), or a malloc'd reason. */
char *
resolver_lookup(struct resolver *r, const char *host, uint16_t port,
                int timeout_ms, struct addrinfo **result)
{
    const struct timespec timeout = {
        .tv_sec = timeout_ms / 1000,
        .tv_nsec = timeout_ms % 1000 * 1000000L,
    };
    struct question *q = xmalloc(sizeof *q);
    struct gaicb *cb = &q->cb;
    int error;

    question_init(q, host, port, AI_NUMERICHOST);
    error = getaddrinfo(q->host, q->port, &q->hints, result);
    if (!error) {
        question_free(q);
        return NULL;
    } else if (!close_question(r)) {
        question_free(q);
        return xstrdup("an earlier question is still being asked");
    }

    question_init(q, host, port, 0);
    error = getaddrinfo_a(GAI_NOWAIT, &cb, 1, NULL);
    if (error) {
        question_free(q);
        return xstrdup(gai_strerror(error));
    }
    gai_suspend((const struct gaicb *const *) &cb, 1, &timeout);
    r->open = q;
    error = gai_error(cb);
    if (error == EAI_INPROGRESS) {
        close_question(r);
        return xasprintf("no answer within %d ms", timeout_ms);
    } else if (!error) {
        *result = cb->ar_result;
        cb->ar_result = NULL;
    }
    close_question(r);
    return error ? xstrdup(gai_strerror(error)) : NULL;
}
