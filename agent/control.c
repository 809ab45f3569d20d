/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include <config.h>
#include "agent/control.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/trace_query.h"
#include "openvswitch/list.h"
#include "openvswitch/poll-loop.h"
#include "timeval.h"
#include "unixctl.h"
#include "util.h"

/* Commands that may wait at one time, and how many of them may be sg/wait,
 * which can take long. */
#define CONTROL_MAX_PENDING 64
#define CONTROL_MAX_WAITS 32
#define CONTROL_RETRY_MS 10
/* How long a command waits for the lock of the tables. */
#define CONTROL_LOCK_MS 5000
/* sg/resync ends by itself before this; sg/wait says when it gives up. */
#define CONTROL_RESYNC_MS 70000
#define CONTROL_WAIT_MAX_S 3600
#define CONTROL_WAIT_DEFAULT_S 30

struct control;
struct pending;
/* Tries to answer 'p'.  Returns true when it has been answered. */
typedef bool pending_func(struct control *, struct pending *);

struct pending {
    struct ovs_list node;       /* In struct control's 'pending'. */
    struct unixctl_conn *conn;
    pending_func *try;
    long long int deadline;
    unsigned long long int generation;  /* sg/wait. */
    char *file;                         /* sg/plan, or NULL. */
    struct fw_trace_query *query;       /* sg/trace, or NULL. */
};

struct control {
    struct unixctl_server *server;
    struct agent *agent;
    struct ovs_list pending;
    size_t n_pending;
    size_t n_waits;             /* Of them sg/wait. */
};

static bool try_wait(struct control *, struct pending *);

static void
reply_document(struct unixctl_conn *conn, char *document)
{
    unixctl_command_reply(conn, document);
    free(document);
}

static void
pending_free(struct control *c, struct pending *p)
{
    ovs_list_remove(&p->node);
    c->n_pending--;
    c->n_waits -= p->try == try_wait;
    free(p->file);
    free(p->query);
    free(p);
}

/* Answers now if possible, else keeps the command. */
static struct pending *
defer(struct control *c, struct unixctl_conn *conn, pending_func *try,
      long long int timeout_ms)
{
    struct pending *p;

    if (c->n_pending >= CONTROL_MAX_PENDING) {
        unixctl_command_reply_error(conn, "too many commands are waiting");
        return NULL;
    }
    p = xzalloc(sizeof *p);
    p->conn = conn;
    p->try = try;
    p->deadline = time_msec() + timeout_ms;
    ovs_list_push_back(&c->pending, &p->node);
    c->n_pending++;
    return p;
}

/* Answers with a document of a kernel reader, waits on EAGAIN. */
static bool
answer_kernel(struct pending *p, int error, char *document)
{
    if (error == EAGAIN) {
        return false;
    } else if (error) {
        unixctl_command_reply_error(p->conn, ovs_strerror(error));
    } else {
        reply_document(p->conn, document);
    }
    return true;
}

static bool
try_sets(struct control *c, struct pending *p)
{
    char *document = NULL;
    int error = agent_sets_document(c->agent, &document);

    return answer_kernel(p, error, document);
}

static bool
try_rules(struct control *c, struct pending *p)
{
    char *document = NULL;
    int error = agent_rules_document(c->agent, &document);

    return answer_kernel(p, error, document);
}

static bool
try_plan(struct control *c, struct pending *p)
{
    char *document = NULL, *why = NULL;
    int error = agent_plan_document(c->agent, p->file, &document, &why);

    if (why) {
        unixctl_command_reply_error(p->conn, why);
        free(why);
        return true;
    }
    return answer_kernel(p, error, document);
}

static bool
try_trace(struct control *c, struct pending *p)
{
    char *document = NULL, *why = NULL;
    int error = agent_trace_document(c->agent, p->query, &document, &why);

    if (why) {
        unixctl_command_reply_error(p->conn, why);
        free(why);
        return true;
    }
    return answer_kernel(p, error, document);
}

static bool
try_resync(struct control *c, struct pending *p)
{
    char *document;

    if (!agent_resync_done(c->agent, &document)) {
        return false;
    }
    reply_document(p->conn, document);
    return true;
}

static bool
try_wait(struct control *c, struct pending *p)
{
    char *document;
    bool done = agent_is_settled(c->agent, p->generation, &document);

    if (done || time_msec() >= p->deadline) {
        reply_document(p->conn, document);
        return true;
    }
    free(document);
    return false;
}

static void
cmd_document(struct unixctl_conn *conn, int argc OVS_UNUSED,
             const char *argv[], void *c_)
{
    static const struct {
        const char *command;
        char *(*document)(struct agent *);
    } documents[] = {
        { "sg/status", agent_status_document },
        { "sg/ports", agent_ports_document },
        { "sg/groups", agent_groups_document },
        { "sg/limits", agent_limits_document },
        { "sg/metrics", agent_metrics_document },
        { "sg/latency", agent_latency_document },
        { "sg/version", agent_version_document },
    };
    struct control *c = c_;

    for (size_t i = 0; i < ARRAY_SIZE(documents); i++) {
        if (!strcmp(argv[0], documents[i].command)) {
            reply_document(conn, documents[i].document(c->agent));
            return;
        }
    }
    OVS_NOT_REACHED();
}

static void
cmd_sets(struct unixctl_conn *conn, int argc OVS_UNUSED,
         const char *argv[] OVS_UNUSED, void *c_)
{
    defer(c_, conn, try_sets, CONTROL_LOCK_MS);
}

static void
cmd_rules(struct unixctl_conn *conn, int argc OVS_UNUSED,
          const char *argv[] OVS_UNUSED, void *c_)
{
    defer(c_, conn, try_rules, CONTROL_LOCK_MS);
}

static void
cmd_plan(struct unixctl_conn *conn, int argc, const char *argv[], void *c_)
{
    struct pending *p = defer(c_, conn, try_plan, CONTROL_LOCK_MS);

    if (p && argc > 1) {
        p->file = xstrdup(argv[1]);
    }
}

/* sg/trace PORT in|out KEY=VALUE... */
static void
cmd_trace(struct unixctl_conn *conn, int argc, const char *argv[], void *c_)
{
    struct control *c = c_;
    struct fw_trace_query query;
    char *error = agent_trace_query(c->agent, argc - 1, argv + 1, &query);
    struct pending *p;

    if (error) {
        unixctl_command_reply_error(conn, error);
        free(error);
        return;
    }
    p = defer(c, conn, try_trace, CONTROL_LOCK_MS);
    if (p) {
        p->query = xmemdup(&query, sizeof query);
    }
}

static void
cmd_resync(struct unixctl_conn *conn, int argc OVS_UNUSED,
           const char *argv[] OVS_UNUSED, void *c_)
{
    struct control *c = c_;

    if (defer(c, conn, try_resync, CONTROL_RESYNC_MS)) {
        agent_request_resync(c->agent);
    }
}

static void
reply_status_unless(struct control *c, struct unixctl_conn *conn,
                    const char *error)
{
    if (error) {
        unixctl_command_reply_error(conn, error);
    } else {
        reply_document(conn, agent_status_document(c->agent));
    }
}

static void
cmd_enforce(struct unixctl_conn *conn, int argc OVS_UNUSED,
            const char *argv[] OVS_UNUSED, void *c_)
{
    struct control *c = c_;

    reply_status_unless(c, conn, agent_enforce(c->agent));
}

/* The answer is how things are now: it is only asked for. */
static void
cmd_accept_removal(struct unixctl_conn *conn, int argc OVS_UNUSED,
                   const char *argv[] OVS_UNUSED, void *c_)
{
    struct control *c = c_;

    reply_status_unless(c, conn, agent_accept_removal(c->agent));
}

/* Shows what it forgets. */
static void
cmd_loop(struct unixctl_conn *conn, int argc, const char *argv[], void *c_)
{
    struct control *c = c_;

    if (argc > 1 && strcmp(argv[1], "reset")) {
        unixctl_command_reply_error(conn, "usage: sg/loop [reset]");
        return;
    }
    reply_document(conn, agent_loop_document(c->agent));
    if (argc > 1) {
        agent_reset_loop(c->agent);
    }
}

/* sg/wait [GENERATION [SECONDS]] */
static void
cmd_wait(struct unixctl_conn *conn, int argc, const char *argv[], void *c_)
{
    struct control *c = c_;
    unsigned long long int generation = agent_generation(c->agent);
    int seconds = CONTROL_WAIT_DEFAULT_S;
    struct pending *p;

    if ((argc > 1 && !str_to_ullong(argv[1], 10, &generation))
        || (argc > 2 && !str_to_int(argv[2], 10, &seconds))
        || seconds < 0 || seconds > CONTROL_WAIT_MAX_S) {
        unixctl_command_reply_error(conn, "usage: sg/wait [GENERATION "
                                    "[SECONDS, at most 3600]]");
        return;
    }
    if (c->n_waits >= CONTROL_MAX_WAITS) {
        unixctl_command_reply_error(conn, "too many commands are waiting");
        return;
    }
    p = defer(c, conn, try_wait, seconds * 1000LL);
    if (p) {
        p->generation = generation;
        c->n_waits++;
    }
}

int
control_create(const char *path, struct agent *agent, struct control **cp)
{
    struct control *c = xzalloc(sizeof *c);
    int error;

    error = unixctl_server_create(path, &c->server);
    if (error) {
        free(c);
        return error;
    }
    c->agent = agent;
    ovs_list_init(&c->pending);
    unixctl_command_register("sg/status", "", 0, 0, cmd_document, c);
    unixctl_command_register("sg/ports", "", 0, 0, cmd_document, c);
    unixctl_command_register("sg/groups", "", 0, 0, cmd_document, c);
    unixctl_command_register("sg/limits", "", 0, 0, cmd_document, c);
    unixctl_command_register("sg/metrics", "", 0, 0, cmd_document, c);
    unixctl_command_register("sg/latency", "", 0, 0, cmd_document, c);
    unixctl_command_register("sg/loop", "[reset]", 0, 1, cmd_loop, c);
    unixctl_command_register("sg/version", "", 0, 0, cmd_document, c);
    unixctl_command_register("sg/sets", "", 0, 0, cmd_sets, c);
    unixctl_command_register("sg/rules", "", 0, 0, cmd_rules, c);
    unixctl_command_register("sg/plan", "[file]", 0, 1, cmd_plan, c);
    unixctl_command_register("sg/trace", "port in|out [key=value]...", 2,
                             TRACE_MAX_WORDS, cmd_trace, c);
    unixctl_command_register("sg/resync", "", 0, 0, cmd_resync, c);
    unixctl_command_register("sg/enforce", "", 0, 0, cmd_enforce, c);
    unixctl_command_register("sg/accept-removal", "", 0, 0,
                             cmd_accept_removal, c);
    unixctl_command_register("sg/wait", "[generation [seconds]]", 0, 2,
                             cmd_wait, c);
    *cp = c;
    return 0;
}

void
control_destroy(struct control *c)
{
    struct pending *p;

    if (!c) {
        return;
    }
    LIST_FOR_EACH_SAFE (p, node, &c->pending) {
        unixctl_command_reply_error(p->conn, "the agent stops");
        pending_free(c, p);
    }
    unixctl_server_destroy(c->server);
    free(c);
}

void
control_run(struct control *c)
{
    struct pending *p;

    unixctl_server_run(c->server);
    LIST_FOR_EACH_SAFE (p, node, &c->pending) {
        if (p->try(c, p)) {
            pending_free(c, p);
        } else if (time_msec() >= p->deadline) {
            unixctl_command_reply_error(p->conn, "gave up waiting; another "
                                        "program may hold the lock of the "
                                        "tables");
            pending_free(c, p);
        }
    }
}

void
control_wait(struct control *c)
{
    unixctl_server_wait(c->server);
    if (!ovs_list_is_empty(&c->pending)) {
        poll_timer_wait(CONTROL_RETRY_MS);
    }
}
