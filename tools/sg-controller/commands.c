/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tools/sg-controller/commands.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "openvswitch/list.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "tools/sg-controller/core.h"
#include "tools/sg-controller/documents.h"
#include "tools/sg-controller/history.h"
#include "tools/sg-controller/preview.h"
#include "tools/sg-controller/service.h"
#include "tools/sg-controller/state.h"
#include "unixctl.h"
#include "util.h"

/* How often a waiting command looks again. */
#define PENDING_RETRY_MS 2
/* Seconds after which the client gives up: more than any command takes. */
#define CLIENT_TIMEOUT_S 60

/* A `reload` whose answer is held back. */
struct pending {
    struct ovs_list node;
    struct unixctl_conn *conn;
    uint64_t flush;             /* That the answer is about. */
    bool ack;                   /* Are hosts asked to acknowledge it? */
    bool flushed;               /* It took effect; what became of it: */
    char *error;                /* It had none after all. */
    struct ds result, changed;
    uint64_t dropped;           /* Counter before. */
    long long int deadline;
};

struct commands {
    struct unixctl_server *server;
    struct service *service;
    struct ovs_list pending;
    size_t n_pending;
};

static unixctl_cb_func cmd_status, cmd_hosts, cmd_latency, cmd_topology;
static unixctl_cb_func cmd_reload, cmd_apply, cmd_rollback, cmd_topologies;
static void preview_reload(const struct commands *, struct unixctl_conn *);
static void start_reload(struct commands *, struct unixctl_conn *,
                         unsigned int flags);
static struct pending *start_command(struct commands *,
                                     struct unixctl_conn *);
static void finish_start(struct commands *, struct pending *, char *error);
static void reply_document(struct unixctl_conn *, struct ds *);
static void take_flushes(struct commands *);
static void take_flush(const struct commands *, struct pending *);
static void reply_reload(const struct commands *, struct pending *);
static void pending_free(struct commands *, struct pending *);
static void put_broker(struct ds *, const struct amqp_status *);
static void client_timeout(int);

int
commands_create(const char *socket, struct service *service,
                struct commands **commandsp)
{
    struct commands *c = xzalloc(sizeof *c);
    int error;

    error = unixctl_server_create(socket, &c->server);
    if (error) {
        free(c);
        return error;
    }
    c->service = service;
    ovs_list_init(&c->pending);
    unixctl_command_register("status", "", 0, 0, cmd_status, c);
    unixctl_command_register("hosts", "", 0, 0, cmd_hosts, c);
    unixctl_command_register("latency", "", 0, 0, cmd_latency, c);
    unixctl_command_register("topology", "", 0, 0, cmd_topology, c);
    unixctl_command_register("reload", "[--dry-run] [--force] [--ack]", 0, 3,
                             cmd_reload, c);
    unixctl_command_register("topologies", "", 0, 0, cmd_topologies, c);
    unixctl_command_register("rollback", "[N] [--force]", 0, 2, cmd_rollback,
                             c);
    unixctl_command_register("apply", "FILE", 1, 1, cmd_apply, c);
    *commandsp = c;
    return 0;
}

void
commands_destroy(struct commands *c)
{
    struct pending *p;

    if (!c) {
        return;
    }
    LIST_FOR_EACH_SAFE (p, node, &c->pending) {
        unixctl_command_reply_error(p->conn, "the controller stops");
        pending_free(c, p);
    }
    unixctl_server_destroy(c->server);
    free(c);
}

/* Answers what has waited long enough. */
void
commands_run(struct commands *c)
{
    struct pending *p;

    take_flushes(c);
    unixctl_server_run(c->server);
    LIST_FOR_EACH_SAFE (p, node, &c->pending) {
        if (p->flushed && (service_settled(c->service)
                           || time_msec() >= p->deadline)) {
            reply_reload(c, p);
            pending_free(c, p);
        }
    }
}

void
commands_wait(struct commands *c)
{
    unixctl_server_wait(c->server);
    if (!ovs_list_is_empty(&c->pending)) {
        poll_timer_wait(PENDING_RETRY_MS);
    }
}

static void
cmd_status(struct unixctl_conn *conn, int argc OVS_UNUSED,
           const char *argv[] OVS_UNUSED, void *c_)
{
    const struct commands *c = c_;
    const struct service_counters *n = service_counters(c->service);
    const struct controller_core *core = service_core(c->service);
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct amqp_status amqp;
    char *error;

    ds_put_cstr(&ds, "{\"version\": ");
    document_string(&ds, SG_VERSION);
    ds_put_cstr(&ds, ", ");
    document_state(&ds, core, time_msec());
    ds_put_cstr(&ds, ", \"topology_error\": ");
    document_string(&ds, service_last_error(c->service));
    ds_put_cstr(&ds, ", \"saved_ids_error\": ");
    document_string(&ds, service_ids_error(c->service));
    error = service_save_error(c->service);
    ds_put_cstr(&ds, ", \"save_error\": ");
    document_string(&ds, error);
    free(error);
    service_get_amqp(c->service, &amqp);
    put_broker(&ds, &amqp);
    ds_put_cstr(&ds, ", \"counters\": {");
    document_counters(&ds, core);
    ds_put_format(&ds, ", \"reloads\": %"PRIu64", "
                  "\"reload_errors\": %"PRIu64"}}",
                  n->reloads, n->reload_errors);
    reply_document(conn, &ds);
}

static void
cmd_hosts(struct unixctl_conn *conn, int argc OVS_UNUSED,
          const char *argv[] OVS_UNUSED, void *c_)
{
    const struct commands *c = c_;
    struct ds ds = DS_EMPTY_INITIALIZER;

    document_hosts(&ds, service_core(c->service), time_msec());
    reply_document(conn, &ds);
}

static void
cmd_latency(struct unixctl_conn *conn, int argc OVS_UNUSED,
            const char *argv[] OVS_UNUSED, void *c_)
{
    const struct commands *c = c_;
    struct ds ds = DS_EMPTY_INITIALIZER;

    document_latency(&ds, service_core(c->service));
    reply_document(conn, &ds);
}

static void
cmd_topology(struct unixctl_conn *conn, int argc OVS_UNUSED,
             const char *argv[] OVS_UNUSED, void *c_)
{
    const struct commands *c = c_;
    struct ds ds = DS_EMPTY_INITIALIZER;

    document_topology(&ds, state_topology(core_state(
        service_core(c->service))));
    reply_document(conn, &ds);
}

static void
cmd_reload(struct unixctl_conn *conn, int argc, const char *argv[], void *c_)
{
    struct commands *c = c_;
    unsigned int flags = SERVICE_CONFIRM;
    bool dry_run = false;

    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--dry-run")) {
            dry_run = true;
        } else if (!strcmp(argv[i], "--force")) {
            flags |= SERVICE_FORCE;
        } else if (!strcmp(argv[i], "--ack")) {
            flags |= SERVICE_ACK;
        } else {
            unixctl_command_reply_error(conn, "reload: unknown option");
            return;
        }
    }
    if (dry_run) {
        preview_reload(c, conn);
    } else {
        start_reload(c, conn, flags);
    }
}

static void
preview_reload(const struct commands *c, struct unixctl_conn *conn)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct preview preview;
    char *error;

    error = service_preview(c->service, &preview);
    if (error) {
        unixctl_command_reply_error(conn, error);
        free(error);
        return;
    }
    document_preview(&ds, &preview);
    preview_uninit(&preview);
    reply_document(conn, &ds);
}

static void
start_reload(struct commands *c, struct unixctl_conn *conn,
             unsigned int flags)
{
    struct pending *p = start_command(c, conn);

    if (p) {
        p->ack = (flags & SERVICE_ACK) != 0;
        finish_start(c, p, service_reload(c->service, flags, &p->flush));
    }
}

static void
cmd_apply(struct unixctl_conn *conn, int argc OVS_UNUSED, const char *argv[],
          void *c_)
{
    struct commands *c = c_;
    struct pending *p = start_command(c, conn);

    if (p) {
        finish_start(c, p, service_apply(c->service, argv[1], &p->flush));
    }
}

static void
cmd_rollback(struct unixctl_conn *conn, int argc, const char *argv[],
             void *c_)
{
    struct commands *c = c_;
    unsigned int flags = 0;
    struct pending *p;
    int which = -1;

    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--force")) {
            flags |= SERVICE_FORCE;
        } else if (!str_to_int(argv[i], 10, &which) || which < 0) {
            unixctl_command_reply_error(conn, "rollback: expected a number "
                                        "of topologies");
            return;
        }
    }
    p = start_command(c, conn);
    if (p) {
        finish_start(c, p, service_rollback(c->service, which, flags,
                                            &p->flush));
    }
}

static void
cmd_topologies(struct unixctl_conn *conn, int argc OVS_UNUSED,
               const char *argv[] OVS_UNUSED, void *c_)
{
    const struct commands *c = c_;
    const struct history *history = service_history(c->service);
    struct ds ds = DS_EMPTY_INITIALIZER;

    ds_put_cstr(&ds, "{\"topologies\": [");
    for (size_t i = 0; i < history_count(history); i++) {
        const struct history_entry *entry = history_get(history, i);

        ds_put_format(&ds, "%s{\"n\": %zu, \"time_ms\": %"PRId64", "
                      "\"size\": %zu, \"current\": %s, \"revision\": ",
                      i ? ", " : "", i, entry->time, entry->size,
                      document_bool(i == history_current(history)));
        if (entry->revision) {
            ds_put_format(&ds, "%"PRId64"}", entry->revision);
        } else {
            ds_put_cstr(&ds, "null}");
        }
    }
    ds_put_cstr(&ds, "]}");
    reply_document(conn, &ds);
}

/* Only the answer may have to wait: for the flush and for the broker.  NULL:
 * there are too many; that has been answered. */
static struct pending *
start_command(struct commands *c, struct unixctl_conn *conn)
{
    struct pending *p;

    if (c->n_pending >= COMMANDS_MAX_PENDING) {
        unixctl_command_reply_error(conn, "too many commands are waiting");
        return NULL;
    }
    p = xzalloc(sizeof *p);
    ds_init(&p->result);
    ds_init(&p->changed);
    p->conn = conn;
    p->dropped = core_counters(service_core(c->service))->dropped;
    p->deadline = time_msec() + COMMANDS_RELOAD_MS;
    ovs_list_push_back(&c->pending, &p->node);
    c->n_pending++;
    return p;
}

/* 'error', which is freed, ends the command. */
static void
finish_start(struct commands *c, struct pending *p, char *error)
{
    if (error) {
        unixctl_command_reply_error(p->conn, error);
        free(error);
        pending_free(c, p);
    }
    take_flushes(c);
}

/* Sends what 'ds' holds, and frees it. */
static void
reply_document(struct unixctl_conn *conn, struct ds *ds)
{
    unixctl_command_reply(conn, ds_cstr(ds));
    ds_destroy(ds);
}

/* To be called after all that may have flushed, before the next of that: one
 * command may end what another one waits for. */
static void
take_flushes(struct commands *c)
{
    struct pending *p;

    LIST_FOR_EACH (p, node, &c->pending) {
        take_flush(c, p);
    }
}

/* Keeps what became of the flush: the next one takes its place. */
static void
take_flush(const struct commands *c, struct pending *p)
{
    const struct controller_core *core = service_core(c->service);
    const struct core_flush *flush = core_last_flush(core);

    if (!p->flushed && p->flush && flush->number >= p->flush) {
        p->error = nullable_xstrdup(flush->error);
        document_flush(&p->result, core, flush);
        if (p->ack) {
            char *ack = core_ack_text(p->flush);

            ds_put_format(&p->result, ", \"ack\": \"%s\"", ack);
            free(ack);
        }
        document_changes(&p->changed, &flush->changes);
        p->flushed = true;
    }
}

static void
reply_reload(const struct commands *c, struct pending *p)
{
    const struct core_counters *n = core_counters(service_core(c->service));
    struct ds ds = DS_EMPTY_INITIALIZER;

    if (p->error) {
        unixctl_command_reply_error(p->conn, p->error);
        return;
    }
    ds_put_format(&ds, "{%s, \"dropped\": %"PRIu64", "
                  "\"confirmed\": %s, \"changed\": %s}",
                  ds_cstr(&p->result), n->dropped - p->dropped,
                  document_bool(service_settled(c->service)),
                  ds_cstr(&p->changed));
    reply_document(p->conn, &ds);
}

static void
pending_free(struct commands *c, struct pending *p)
{
    ovs_list_remove(&p->node);
    c->n_pending--;
    free(p->error);
    ds_destroy(&p->result);
    ds_destroy(&p->changed);
    free(p);
}

/* What the broker refused, by the name of the reason. */
static void
put_refusals(struct ds *ds, const struct amqp_status *amqp)
{
    const char *comma = "";

    ds_put_cstr(ds, ", \"refusals\": {");
    for (size_t i = 0; i < MQ_N_REASONS; i++) {
        if (amqp->refusals[i]) {
            ds_put_format(ds, "%s\"%s\": %"PRIu64, comma, mq_reason_name(i),
                          amqp->refusals[i]);
            comma = ", ";
        }
    }
    ds_put_char(ds, '}');
}

static void
put_broker(struct ds *ds, const struct amqp_status *amqp)
{
    ds_put_cstr(ds, ", \"broker\": {\"stage\": ");
    document_string(ds, amqp_stage_name(amqp->stage));
    ds_put_cstr(ds, ", \"address\": ");
    document_string(ds, amqp->broker);
    ds_put_cstr(ds, ", \"last_error\": ");
    document_string(ds, amqp->last_error);
    put_refusals(ds, amqp);
    ds_put_format(ds, ", \"sessions\": %"PRIu64", \"blocked\": %s, "
                  "\"blocked_ms\": %lld, \"received\": %"PRIu64", "
                  "\"published\": %"PRIu64", \"confirmed\": %"PRIu64", "
                  "\"out_bytes\": %zu}",
                  amqp->session, document_bool(amqp->blocked),
                  amqp->blocked_ms, amqp->received,
                  amqp->published, amqp->confirmed, amqp->out_bytes);
}

/* unixctl's client waits for ever; the alarm ends that, and the process. */
int
commands_client(const char *socket, int argc, char *argv[])
{
    static struct jsonrpc *client;      /* For the life of the process. */
    char *result, *error;
    int retval;

    if (argc > 1 && !strcmp(argv[0], "apply")) {
        /* The controller has a directory of its own.  Not freed: the process
         * ends soon. */
        argv[1] = abs_file_name(NULL, argv[1]);
    }
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    signal(SIGALRM, client_timeout);
    alarm(CLIENT_TIMEOUT_S);
    retval = unixctl_client_create(socket, &client);
    if (!retval) {
        retval = unixctl_client_transact(client, argv[0], argc - 1, argv + 1,
                                         &result, &error);
    }
    if (retval) {
        ovs_error(retval, "%s: cannot reach the controller", socket);
        return 3;
    }
    if (error) {
        ovs_error(0, "%s", error);
        free(error);
        return 1;
    }
    fputs(result, stdout);
    free(result);
    return 0;
}

static void
client_timeout(int signal_number OVS_UNUSED)
{
    static const char text[] = "sg-controller: no answer from the "
                               "controller\n";
    ssize_t ignored = write(STDERR_FILENO, text, sizeof text - 1);

    (void) ignored;
    _exit(3);
}
