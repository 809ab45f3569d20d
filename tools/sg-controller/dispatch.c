/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tools/sg-controller/dispatch.h"

#include <stdlib.h>
#include <string.h>

#include "rpc/message.h"
#include "tools/sg-controller/answer.h"
#include "tools/sg-controller/closure.h"
#include "tools/sg-controller/entry_cache.h"
#include "tools/sg-controller/interest.h"
#include "tools/sg-controller/ref_set.h"
#include "tools/sg-controller/state.h"
#include "util.h"

/* Where oslo.messaging keeps the errors of its own making. */
#define DISPATCHER_MODULE "oslo_messaging.rpc.dispatcher"
/* A stock client raises these as they are. */
#define BUILTINS_MODULE "builtins"

struct dispatcher {
    struct rpc_limits limits;
    char *recent[DISPATCH_MAX_RECENT];  /* Ids of requests, a ring. */
    size_t next;
};

/* A request being served. */
struct serving {
    const struct dispatcher *dispatcher;
    const struct dispatch_context *context;
    const struct dispatch_input *input;
    const struct rpc_message *request;
    struct dispatch_output *output;
};

static enum dispatch_result serve(const struct serving *);
static enum dispatch_result serve_sync(const struct serving *);
static enum dispatch_result serve_report(const struct serving *);
static char *make_answer(const struct serving *,
                         const struct sg_sync_request *, char **body,
                         size_t *len);
static enum dispatch_result refuse(const struct serving *, const char *class_,
                                   const char *module, char *problem);
static bool is_repeat(struct dispatcher *, const char *unique_id);
static void set_reply(const struct serving *, char *body, size_t len);

struct dispatcher *
dispatcher_create(const struct rpc_limits *limits)
{
    struct dispatcher *dispatcher = xzalloc(sizeof *dispatcher);

    dispatcher->limits = *limits;
    return dispatcher;
}

void
dispatcher_destroy(struct dispatcher *dispatcher)
{
    if (dispatcher) {
        for (size_t i = 0; i < DISPATCH_MAX_RECENT; i++) {
            free(dispatcher->recent[i]);
        }
        free(dispatcher);
    }
}

/* A message that has a `_msg_id` is a call and gets exactly one reply, unless
 * it is a repeat: then the first one got it. */
enum dispatch_result
dispatch(struct dispatcher *dispatcher,
         const struct dispatch_context *context,
         const struct dispatch_input *input, struct dispatch_output *output)
{
    struct rpc_message request;
    enum dispatch_result result;

    memset(output, 0, sizeof *output);
    output->problem = rpc_message_decode(input->body, input->len,
                                         &dispatcher->limits, &request);
    if (output->problem) {
        return DISPATCH_MALFORMED;
    }

    if (request.type != RPC_REQUEST) {
        output->problem = xstrdup("a reply, and we have asked nothing");
        result = DISPATCH_MALFORMED;
    } else if (is_repeat(dispatcher, request.unique_id)) {
        result = DISPATCH_DUPLICATE;
    } else {
        struct serving serving = {
            dispatcher, context, input, &request, output
        };

        result = serve(&serving);
    }
    rpc_message_uninit(&request);
    return result;
}

void
dispatch_output_uninit(struct dispatch_output *output)
{
    free(output->problem);
    free(output->reply_queue);
    free(output->reply);
}

/* The version is looked at before the method, as a stock server does. */
static enum dispatch_result
serve(const struct serving *serving)
{
    const struct rpc_message *request = serving->request;
    const char *class_ = "UnsupportedVersion";
    const char *what = "version";
    const char *value = request->version;
    enum sg_method method;

    if (rpc_message_served(request)) {
        if (sg_method_from_string(request->method, &method)) {
            if (method == SG_METHOD_SYNC) {
                return serve_sync(serving);
            } else if (method == SG_METHOD_REPORT) {
                return serve_report(serving);
            }
        }
        class_ = "NoSuchMethod";
        what = "method";
        value = request->method;
    }

    char *quoted = rpc_quote(value, strlen(value));
    char *problem = xasprintf("Endpoint does not support RPC %s %s%s", what,
                              quoted, request->namespace_
                              ? " in this namespace" : "");
    free(quoted);
    return refuse(serving, class_, DISPATCHER_MODULE, problem);
}

static enum dispatch_result
serve_sync(const struct serving *serving)
{
    struct sg_sync_request request;
    char *body = NULL;
    size_t len = 0;
    char *error;

    error = rpc_sync_request_decode(serving->request,
                                    &serving->dispatcher->limits, &request);
    if (!error) {
        serving->output->epoch = request.epoch;
        error = make_answer(serving, &request, &body, &len);
        sg_sync_request_uninit(&request);
    }
    if (error) {
        return refuse(serving, "ValueError", BUILTINS_MODULE, error);
    }
    set_reply(serving, body, len);
    return DISPATCH_SYNC;
}

/* The host counts as interested before the first byte of its answer is made:
 * from there on it is told what changes. */
static char *
make_answer(const struct serving *serving,
            const struct sg_sync_request *request, char **bodyp, size_t *len)
{
    const struct dispatch_context *context = serving->context;
    const char *msg_id = serving->request->msg_id;
    size_t max = serving->dispatcher->limits.body;
    const struct answer_source source = {
        context->state, context->cache, context->page_bytes,
        serving->input->now
    };
    struct interest_host *host;
    struct ref_set covered;
    struct answer answer;
    char *error;

    ref_set_init(&covered);
    closure_add_request(state_topology(context->state), request, &covered);
    error = interest_sync(context->interest, request, &covered,
                          serving->input->now, &host);
    if (!error) {
        error = answer_sync(&source, request, &covered, &host->given,
                            &answer);
    }
    ref_set_destroy(&covered);
    if (error) {
        return error;
    }

    answer.head.sent = serving->input->sent;
    answer.head.duplicate_host = host_view_is_duplicate(&host->view,
                                                        source.now);
    /* Without an id nobody waits, but the host has made itself known. */
    char *body = rpc_encode_joined_reply(&answer.head, answer.entries,
                                         answer.n, msg_id ? msg_id : "",
                                         serving->input->unique_id, len);
    answer_uninit(&answer);
    entry_cache_trim(context->cache, serving->input->now);
    if (*len > max) {
        free(body);
        return xasprintf("an object is too large for an answer: %zu bytes, "
                         "more than the limit of %zu", *len, max);
    }
    serving->output->host = host;
    *bodyp = body;
    return NULL;
}

/* Usually a cast.  Who calls it gets a reply without a result. */
static enum dispatch_result
serve_report(const struct serving *serving)
{
    const char *msg_id = serving->request->msg_id;
    struct interest_host *host;
    struct sg_report report;
    char *error;

    error = rpc_report_decode(serving->request,
                              &serving->dispatcher->limits, &report);
    if (!error) {
        serving->output->epoch = report.epoch;
        error = interest_report(serving->context->interest,
                                serving->context->state, &report,
                                serving->input->now, &host,
                                &serving->output->resync);
        serving->output->host = error ? NULL : host;
        sg_report_uninit(&report);
    }
    if (error) {
        return refuse(serving, "ValueError", BUILTINS_MODULE, error);
    }
    if (msg_id) {
        size_t len;
        char *body = rpc_encode_null_reply(msg_id,
                                           serving->input->unique_id, &len);

        set_reply(serving, body, len);
    }
    return DISPATCH_REPORT;
}

/* Takes ownership of 'problem'. */
static enum dispatch_result
refuse(const struct serving *serving, const char *class_, const char *module,
       char *problem)
{
    const struct rpc_message *request = serving->request;
    size_t len;
    char *body;

    serving->output->problem = problem;
    if (request->msg_id) {
        body = rpc_encode_failure(request->msg_id, serving->input->unique_id,
                                  class_, module, problem, &len);
        set_reply(serving, body, len);
    }
    return DISPATCH_REFUSED;
}

/* Takes ownership of 'body', which goes to whoever waits for it. */
static void
set_reply(const struct serving *serving, char *body, size_t len)
{
    const struct rpc_message *request = serving->request;

    if (!request->msg_id || !request->reply_q) {
        free(body);
        return;
    }
    serving->output->reply_queue = xstrdup(request->reply_q);
    serving->output->reply = body;
    serving->output->reply_len = len;
}

/* A sender repeats a request, with its id, when it lost its connection before
 * the broker confirmed.  Requests without an id are never repeats. */
static bool
is_repeat(struct dispatcher *dispatcher, const char *unique_id)
{
    if (!unique_id) {
        return false;
    }
    for (size_t i = 0; i < DISPATCH_MAX_RECENT; i++) {
        if (dispatcher->recent[i]
            && !strcmp(dispatcher->recent[i], unique_id)) {
            return true;
        }
    }
    free(dispatcher->recent[dispatcher->next]);
    dispatcher->recent[dispatcher->next] = xstrdup(unique_id);
    dispatcher->next = (dispatcher->next + 1) % DISPATCH_MAX_RECENT;
    return false;
}
