/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tools/sg-controller/commands.h"

#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/list.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "rpc/message.h"
#include "timeval.h"
#include "tools/sg-controller/beacon.h"
#include "tools/sg-controller/interest.h"
#include "tools/sg-controller/service.h"
#include "tools/sg-controller/state.h"
#include "tools/sg-controller/topology.h"
#include "unixctl.h"
#include "util.h"
#include "uuid.h"

/* How often a waiting command looks again. */
#define PENDING_RETRY_MS 2
/* Seconds after which the client gives up: more than any command takes. */
#define CLIENT_TIMEOUT_S 60

/* A `reload` whose answer is held back. */
struct pending {
    struct ovs_list node;
    struct unixctl_conn *conn;
    struct service_reload reload;
    uint64_t dropped;           /* Counter before. */
    long long int deadline;
};

struct commands {
    struct unixctl_server *server;
    struct service *service;
    struct ovs_list pending;
    size_t n_pending;
};

static unixctl_cb_func cmd_status, cmd_hosts, cmd_topology, cmd_reload;
static void reply_document(struct unixctl_conn *, struct ds *);
static void reply_reload(const struct commands *, struct pending *);
static void put_changes(struct ds *, const struct change_list *);
static void pending_free(struct commands *, struct pending *);
static void put_string(struct ds *, const char *);
static void put_epoch(struct ds *, const struct sg_epoch *);
static void put_broker(struct ds *, const struct amqp_status *);
static void put_counters(struct ds *, const struct service_counters *);
static void put_host(struct ds *, const struct interest_host *);
static void put_age(struct ds *, long long int when);
static const char *put_bool(bool);
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
    unixctl_command_register("topology", "", 0, 0, cmd_topology, c);
    unixctl_command_register("reload", "", 0, 0, cmd_reload, c);
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

    unixctl_server_run(c->server);
    LIST_FOR_EACH_SAFE (p, node, &c->pending) {
        if (service_settled(c->service) || time_msec() >= p->deadline) {
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

/* All about the controller itself; of its agents only how many they are. */
static void
cmd_status(struct unixctl_conn *conn, int argc OVS_UNUSED,
           const char *argv[] OVS_UNUSED, void *c_)
{
    const struct commands *c = c_;
    const struct state *state = service_state(c->service);
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct amqp_status amqp;

    ds_put_cstr(&ds, "{\"version\": ");
    put_string(&ds, SG_VERSION);
    ds_put_cstr(&ds, ", ");
    put_epoch(&ds, state_epoch(state));
    ds_put_format(&ds, ", \"revision\": %"PRId64", \"beacon\": %"PRId64", "
                  "\"tombstones\": %zu, \"hosts\": %zu",
                  state_revision(state),
                  beacon_seq(service_beacon(c->service)),
                  state_n_tombstones(state),
                  interest_count(service_interest(c->service)));
    ds_put_cstr(&ds, ", \"topology_error\": ");
    put_string(&ds, service_last_error(c->service));
    service_get_amqp(c->service, &amqp);
    put_broker(&ds, &amqp);
    put_counters(&ds, service_counters(c->service));
    ds_put_char(&ds, '}');
    reply_document(conn, &ds);
}

static void
cmd_hosts(struct unixctl_conn *conn, int argc OVS_UNUSED,
          const char *argv[] OVS_UNUSED, void *c_)
{
    const struct commands *c = c_;
    const struct interest_host **hosts;
    struct ds ds = DS_EMPTY_INITIALIZER;
    size_t n = interest_hosts(service_interest(c->service), &hosts);

    ds_put_cstr(&ds, "{\"hosts\": [");
    for (size_t i = 0; i < n; i++) {
        ds_put_cstr(&ds, i ? ", " : "");
        put_host(&ds, hosts[i]);
    }
    ds_put_cstr(&ds, "]}");
    free(hosts);
    reply_document(conn, &ds);
}

static void
cmd_topology(struct unixctl_conn *conn, int argc OVS_UNUSED,
             const char *argv[] OVS_UNUSED, void *c_)
{
    const struct commands *c = c_;
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct topology_counts n;

    topology_count(state_topology(service_state(c->service)), &n);
    ds_put_format(&ds, "{\"ports\": %zu, \"groups\": %zu, "
                  "\"address_groups\": %zu, \"rules\": %zu, "
                  "\"members\": %zu}", n.n_ports, n.n_groups,
                  n.n_address_groups, n.n_rules, n.n_members);
    reply_document(conn, &ds);
}

/* Works at once; only the answer may have to wait for the broker. */
static void
cmd_reload(struct unixctl_conn *conn, int argc OVS_UNUSED,
           const char *argv[] OVS_UNUSED, void *c_)
{
    struct commands *c = c_;
    struct pending *p;
    char *error;

    if (c->n_pending >= COMMANDS_MAX_PENDING) {
        unixctl_command_reply_error(conn, "too many commands are waiting");
        return;
    }
    p = xzalloc(sizeof *p);
    p->dropped = service_counters(c->service)->dropped;
    error = service_reload(c->service, &p->reload);
    if (error) {
        unixctl_command_reply_error(conn, error);
        free(error);
        free(p);
        return;
    }
    p->conn = conn;
    p->deadline = time_msec() + COMMANDS_RELOAD_MS;
    ovs_list_push_back(&c->pending, &p->node);
    c->n_pending++;
}

/* Sends what 'ds' holds, and frees it. */
static void
reply_document(struct unixctl_conn *conn, struct ds *ds)
{
    unixctl_command_reply(conn, ds_cstr(ds));
    ds_destroy(ds);
}

static void
reply_reload(const struct commands *c, struct pending *p)
{
    const struct state *state = service_state(c->service);
    struct ds ds = DS_EMPTY_INITIALIZER;

    ds_put_char(&ds, '{');
    put_epoch(&ds, state_epoch(state));
    ds_put_format(&ds, ", \"revision\": %"PRId64, p->reload.revision);
    for (int kind = 0; kind < SG_N_KINDS; kind++) {
        ds_put_format(&ds, ", \"%s\": %zu", kind == SG_KIND_PORT
                      ? "ports" : sg_kind_name(kind),
                      p->reload.n_kind[kind]);
    }
    ds_put_format(&ds, ", \"published\": %zu, \"dropped\": %"PRIu64", "
                  "\"confirmed\": %s, \"changed\": [",
                  p->reload.n_messages,
                  service_counters(c->service)->dropped - p->dropped,
                  put_bool(service_settled(c->service)));
    put_changes(&ds, &p->reload.changes);
    ds_put_cstr(&ds, "]}");
    reply_document(p->conn, &ds);
}

/* The first of them: nobody reads a longer list. */
static void
put_changes(struct ds *ds, const struct change_list *list)
{
    for (size_t i = 0; i < MIN(list->n, COMMANDS_MAX_CHANGES); i++) {
        const struct change *change = &list->changes[i];

        ds_put_format(ds, "%s{\"kind\": \"%s\", \"id\": \""UUID_FMT"\", "
                      "\"revision\": %"PRId64"%s}", i ? ", " : "",
                      sg_kind_name(change->kind), UUID_ARGS(&change->id),
                      change->revision, change->type == CHANGE_DELETED
                      ? ", \"deleted\": true" : "");
    }
}

static void
pending_free(struct commands *c, struct pending *p)
{
    ovs_list_remove(&p->node);
    c->n_pending--;
    service_reload_uninit(&p->reload);
    free(p);
}

/* Puts 'text' as a JSON string, or null.  It holds printable ASCII: texts
 * from outside went through rpc_quote(). */
static void
put_string(struct ds *ds, const char *text)
{
    if (!text) {
        ds_put_cstr(ds, "null");
        return;
    }
    ds_put_char(ds, '"');
    for (; *text; text++) {
        unsigned char c = *text;

        if (c == '"' || c == '\\') {
            ds_put_char(ds, '\\');
            ds_put_char(ds, c);
        } else if (c < 0x20 || c >= 0x7f) {
            ds_put_format(ds, "\\u%04x", c);
        } else {
            ds_put_char(ds, c);
        }
    }
    ds_put_char(ds, '"');
}

static void
put_epoch(struct ds *ds, const struct sg_epoch *epoch)
{
    char text[SG_EPOCH_STRLEN];

    ds_put_format(ds, "\"epoch\": \"%s\"", sg_epoch_format(epoch, text));
}

static void
put_broker(struct ds *ds, const struct amqp_status *amqp)
{
    ds_put_cstr(ds, ", \"broker\": {\"stage\": ");
    put_string(ds, amqp_stage_name(amqp->stage));
    ds_put_cstr(ds, ", \"address\": ");
    put_string(ds, amqp->broker);
    ds_put_cstr(ds, ", \"last_error\": ");
    put_string(ds, amqp->last_error);
    ds_put_format(ds, ", \"sessions\": %"PRIu64", \"blocked\": %s, "
                  "\"received\": %"PRIu64", \"published\": %"PRIu64", "
                  "\"confirmed\": %"PRIu64", \"out_bytes\": %zu}",
                  amqp->session, put_bool(amqp->blocked), amqp->received,
                  amqp->published, amqp->confirmed, amqp->out_bytes);
}

static void
put_counters(struct ds *ds, const struct service_counters *n)
{
    ds_put_format(ds, ", \"counters\": {\"syncs\": %"PRIu64", "
                  "\"reports\": %"PRIu64", \"refused\": %"PRIu64", "
                  "\"malformed\": %"PRIu64", \"duplicates\": %"PRIu64", "
                  "\"published\": %"PRIu64", \"unheard\": %"PRIu64", "
                  "\"dropped\": %"PRIu64", \"reloads\": %"PRIu64", "
                  "\"reload_errors\": %"PRIu64"}",
                  n->syncs, n->reports, n->refused, n->malformed,
                  n->duplicates, n->published, n->unheard, n->dropped,
                  n->reloads, n->reload_errors);
}

static void
put_host(struct ds *ds, const struct interest_host *host)
{
    char *boot = rpc_quote(host->boot, strlen(host->boot));

    ds_put_cstr(ds, "{\"host\": ");
    put_string(ds, host->name);
    ds_put_cstr(ds, ", \"boot\": ");
    put_string(ds, boot);
    free(boot);
    ds_put_format(ds, ", \"objects\": %zu, \"last_sync_ms\": ",
                  host->n_objects);
    put_age(ds, host->last_sync);
    ds_put_cstr(ds, ", \"last_report_ms\": ");
    put_age(ds, host->last_report);
    if (host->last_report != LLONG_MIN) {
        ds_put_format(ds, ", \"generation\": %"PRIu64", "
                      "\"applied\": %"PRIu64", \"in_sync\": %s, "
                      "\"ports\": %zu, \"protected\": %zu, \"lag_ms\": ",
                      host->generation, host->applied,
                      put_bool(host->in_sync), host->n_ports,
                      host->n_protected);
        if (host->lag_ms < 0) {
            ds_put_cstr(ds, "null");
        } else {
            ds_put_format(ds, "%"PRId64, host->lag_ms);
        }
    }
    ds_put_char(ds, '}');
}

/* How long ago, in ms; null for never. */
static void
put_age(struct ds *ds, long long int when)
{
    if (when == LLONG_MIN) {
        ds_put_cstr(ds, "null");
    } else {
        ds_put_format(ds, "%lld", time_msec() - when);
    }
}

static const char *
put_bool(bool value)
{
    return value ? "true" : "false";
}

/* unixctl's client waits for ever; the alarm ends that, and the process. */
int
commands_client(const char *socket, int argc, char *argv[])
{
    static struct jsonrpc *client;      /* For the life of the process. */
    char *result, *error;
    int retval;

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
