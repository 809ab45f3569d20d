/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tools/sg-swarm/commands.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/broker.h"
#include "agent/sync.h"
#include "firewall/backend.h"
#include "openvswitch/dynamic-string.h"
#include "tools/sg-swarm/placement.h"
#include "tools/sg-swarm/swarm.h"
#include "unixctl.h"
#include "util.h"

/* Names of hosts, sets and methods, epochs and addresses have no character
 * that JSON would want quoted. */

/* Names of a set that can be watched. */
#define MAX_WATCHED 8

static unixctl_cb_func cmd_status, cmd_hosts, cmd_sets, cmd_bind_all;
static unixctl_cb_func cmd_watch, cmd_steps;
static void put_traffic(struct ds *, const char *name,
                        const struct broker_traffic traffic[SG_N_METHODS]);
static void put_host(struct ds *, const struct swarm_host *);
static void put_set(struct ds *, const struct swarm_host *,
                    const struct fw_set *);
static void reply(struct unixctl_conn *, struct ds *);

int
commands_create(const char *socket, struct swarm *swarm,
                struct unixctl_server **server)
{
    int error = unixctl_server_create(socket, server);

    if (!error) {
        unixctl_command_register("status", "", 0, 0, cmd_status, swarm);
        unixctl_command_register("hosts", "", 0, 0, cmd_hosts, swarm);
        unixctl_command_register("sets", "HOST", 1, 1, cmd_sets, swarm);
        unixctl_command_register("watch", "[SET...]", 0, MAX_WATCHED,
                                 cmd_watch, swarm);
        unixctl_command_register("steps", "", 0, 0, cmd_steps, swarm);
        unixctl_command_register("bind-all", "", 0, 0, cmd_bind_all, swarm);
        unixctl_command_register("unbind-all", "", 0, 0, cmd_bind_all,
                                 swarm);
    }
    return error;
}

static void
cmd_status(struct unixctl_conn *conn, int argc OVS_UNUSED,
           const char *argv[] OVS_UNUSED, void *swarm_)
{
    struct broker_traffic in[SG_N_METHODS] = { { 0, 0 } };
    struct broker_traffic out[SG_N_METHODS] = { { 0, 0 } };
    size_t up = 0, settled = 0, ports = 0, wanted = 0, bound = 0;
    uint64_t unneeded = 0, malformed = 0, gaps = 0, timeouts = 0;
    uint64_t failures = 0, unbindable = 0, writes = 0;
    const struct swarm *swarm = swarm_;
    struct ds ds = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < swarm_n_hosts(swarm); i++) {
        const struct swarm_host *host = swarm_host(swarm, i);
        struct broker_status broker;
        struct sync_status sync;

        agent_get_broker_status(host->agent, &broker);
        agent_get_sync_status(host->agent, &sync);
        up += sync.state != SYNC_DOWN;
        settled += host->marks.settled != 0;
        ports += host->place->n_ports;
        wanted += broker.amqp.n_bindings;
        bound += broker.amqp.n_bound;
        unneeded += sync.unneeded;
        malformed += broker.malformed;
        unbindable += broker.unbindable;
        gaps += sync.gaps;
        timeouts += sync.timeouts;
        failures += sync.failures;
        writes += fw_backend_memory_writes(host->backend);
        for (int m = 0; m < SG_N_METHODS; m++) {
            in[m].messages += broker.in[m].messages;
            in[m].bytes += broker.in[m].bytes;
            out[m].messages += broker.out[m].messages;
            out[m].bytes += broker.out[m].bytes;
        }
    }
    ds_put_format(&ds, "{\"hosts\": %"PRIuSIZE", \"ports\": %"PRIuSIZE", "
                  "\"up\": %"PRIuSIZE", \"settled\": %"PRIuSIZE", "
                  "\"wanted\": %"PRIuSIZE", \"bound\": %"PRIuSIZE", "
                  "\"unneeded\": %"PRIu64", \"malformed\": %"PRIu64", "
                  "\"unbindable\": %"PRIu64", \"gaps\": %"PRIu64", "
                  "\"timeouts\": %"PRIu64", \"failures\": %"PRIu64", "
                  "\"writes\": %"PRIu64,
                  swarm_n_hosts(swarm), ports, up, settled, wanted, bound,
                  unneeded, malformed, unbindable, gaps, timeouts, failures,
                  writes);
    put_traffic(&ds, "in", in);
    put_traffic(&ds, "out", out);
    ds_put_char(&ds, '}');
    reply(conn, &ds);
}

static void
cmd_hosts(struct unixctl_conn *conn, int argc OVS_UNUSED,
          const char *argv[] OVS_UNUSED, void *swarm_)
{
    const struct swarm *swarm = swarm_;
    struct ds ds = DS_EMPTY_INITIALIZER;

    ds_put_cstr(&ds, "{\"hosts\": [");
    for (size_t i = 0; i < swarm_n_hosts(swarm); i++) {
        ds_put_cstr(&ds, i ? ", " : "");
        put_host(&ds, swarm_host(swarm, i));
    }
    ds_put_cstr(&ds, "]}");
    reply(conn, &ds);
}

static void
cmd_sets(struct unixctl_conn *conn, int argc OVS_UNUSED, const char *argv[],
         void *swarm_)
{
    const struct swarm_host *host = swarm_find(swarm_, argv[1]);
    struct ds ds = DS_EMPTY_INITIALIZER;
    const struct fw_set **sets;
    struct fw_ruleset *state;

    if (!host) {
        unixctl_command_reply_error(conn, "there is no such host");
        return;
    }
    state = fw_backend_memory_state(host->backend);
    sets = fw_ruleset_sort_sets(state);
    ds_put_char(&ds, '{');
    for (size_t i = 0; i < hmap_count(&state->sets); i++) {
        ds_put_cstr(&ds, i ? ", " : "");
        put_set(&ds, host, sets[i]);
    }
    ds_put_char(&ds, '}');
    free(sets);
    reply(conn, &ds);
}

static void
cmd_bind_all(struct unixctl_conn *conn, int argc OVS_UNUSED,
             const char *argv[], void *swarm)
{
    size_t n = swarm_bind_all(swarm, !strcmp(argv[0], "bind-all"));
    struct ds ds = DS_EMPTY_INITIALIZER;

    ds_put_format(&ds, "{\"asked\": %"PRIuSIZE"}", n);
    reply(conn, &ds);
}

static void
cmd_watch(struct unixctl_conn *conn, int argc, const char *argv[],
          void *swarm)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    swarm_watch(swarm, argv + 1, argc - 1);
    ds_put_format(&ds, "{\"watched\": %d}", argc - 1);
    reply(conn, &ds);
}

/* By host: a list of times and numbers, in turns. */
static void
cmd_steps(struct unixctl_conn *conn, int argc OVS_UNUSED,
          const char *argv[] OVS_UNUSED, void *swarm_)
{
    const struct swarm *swarm = swarm_;
    struct ds ds = DS_EMPTY_INITIALIZER;

    ds_put_char(&ds, '{');
    for (size_t i = 0; i < swarm_n_hosts(swarm); i++) {
        const struct swarm_host *host = swarm_host(swarm, i);

        ds_put_format(&ds, "%s\"%s\": [", i ? ", " : "", host->place->name);
        for (size_t j = 0; j < host->n_steps; j++) {
            ds_put_format(&ds, "%s%lld, %"PRIuSIZE, j ? ", " : "",
                          host->steps[j].at, host->steps[j].members);
        }
        ds_put_char(&ds, ']');
    }
    ds_put_char(&ds, '}');
    reply(conn, &ds);
}

/* By method: number and bytes; methods that did not occur are left out. */
static void
put_traffic(struct ds *ds, const char *name,
            const struct broker_traffic traffic[SG_N_METHODS])
{
    bool first = true;

    ds_put_format(ds, ", \"%s\": {", name);
    for (int m = 0; m < SG_N_METHODS; m++) {
        if (traffic[m].messages) {
            ds_put_format(ds, "%s\"%s\": [%"PRIu64", %"PRIu64"]",
                          first ? "" : ", ", sg_method_name(m),
                          traffic[m].messages, traffic[m].bytes);
            first = false;
        }
    }
    ds_put_char(ds, '}');
}

static void
put_host(struct ds *ds, const struct swarm_host *host)
{
    const struct swarm_marks *m = &host->marks;
    char epoch[SG_EPOCH_STRLEN];
    struct broker_status broker;
    struct sync_status sync;

    agent_get_broker_status(host->agent, &broker);
    agent_get_sync_status(host->agent, &sync);
    ds_put_format(ds, "{\"host\": \"%s\", \"ports\": %"PRIuSIZE", "
                  "\"state\": \"%s\", \"epoch\": \"%s\", "
                  "\"session\": %"PRIu64", "
                  "\"began\": %lld, \"up\": %lld, \"answered\": %lld, "
                  "\"bound\": %lld, \"synced\": %lld, \"settled\": %lld, "
                  "\"bindings\": %"PRIuSIZE", \"syncs\": %"PRIu64", "
                  "\"unneeded\": %"PRIu64,
                  host->place->name, host->place->n_ports,
                  sync_state_name(sync.state),
                  sg_epoch_format(&sync.epoch, epoch), broker.amqp.session,
                  m->began, m->up, m->answered, m->bound, m->synced,
                  m->settled,
                  broker.amqp.n_bound, sync.syncs, sync.unneeded);
    put_traffic(ds, "in", broker.in);
    ds_put_char(ds, '}');
}

static void
put_set(struct ds *ds, const struct swarm_host *host,
        const struct fw_set *set)
{
    const struct sg_members *members;
    const struct sg_member *member;
    bool first = true;

    ds_put_format(ds, "\"%s\": [", set->name);
    members = fw_backend_memory_members(host->backend, set->name);
    SG_MEMBERS_FOR_EACH (member, members) {
        char text[SG_PREFIX_STRLEN];

        ds_put_format(ds, "%s\"%s\"", first ? "" : ", ",
                      sg_prefix_format(&member->prefix, text));
        first = false;
    }
    ds_put_char(ds, ']');
}

/* Sends what 'ds' holds, and frees it. */
static void
reply(struct unixctl_conn *conn, struct ds *ds)
{
    unixctl_command_reply(conn, ds_cstr(ds));
    ds_destroy(ds);
}
