/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tools/sg-controller/documents.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/message.h"
#include "tools/sg-controller/beacon.h"
#include "tools/sg-controller/core.h"
#include "tools/sg-controller/interest.h"
#include "tools/sg-controller/state.h"
#include "tools/sg-controller/topology.h"
#include "util.h"
#include "uuid.h"

static void put_epoch(struct ds *, const struct sg_epoch *);
static void put_host(struct ds *, const struct interest_host *,
                     long long int now);
static void put_age(struct ds *, long long int when, long long int now);

/* Puts 'text' as a JSON string, or null.  It holds printable ASCII: texts
 * from outside went through rpc_quote(). */
void
document_string(struct ds *ds, const char *text)
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

const char *
document_bool(bool value)
{
    return value ? "true" : "false";
}

/* All about the controller itself; of its agents only how many they are. */
void
document_state(struct ds *ds, const struct controller_core *core)
{
    const struct state *state = core_state(core);

    put_epoch(ds, state_epoch(state));
    ds_put_format(ds, ", \"revision\": %"PRId64", \"beacon\": %"PRId64", "
                  "\"tombstones\": %zu, \"hosts\": %zu",
                  state_revision(state), beacon_seq(core_beacon(core)),
                  state_n_tombstones(state),
                  interest_count(core_interest(core)));
}

void
document_counters(struct ds *ds, const struct controller_core *core)
{
    const struct core_counters *n = core_counters(core);

    ds_put_format(ds, "\"syncs\": %"PRIu64", \"reports\": %"PRIu64", "
                  "\"refused\": %"PRIu64", \"malformed\": %"PRIu64", "
                  "\"duplicates\": %"PRIu64", \"published\": %"PRIu64", "
                  "\"unheard\": %"PRIu64", \"dropped\": %"PRIu64,
                  n->syncs, n->reports, n->refused, n->malformed,
                  n->duplicates, n->published, n->unheard, n->dropped);
}

void
document_flush(struct ds *ds, const struct controller_core *core,
               const struct core_flush *flush)
{
    put_epoch(ds, state_epoch(core_state(core)));
    ds_put_format(ds, ", \"revision\": %"PRId64, flush->revision);
    for (int kind = 0; kind < SG_N_KINDS; kind++) {
        ds_put_format(ds, ", \"%s\": %zu", kind == SG_KIND_PORT
                      ? "ports" : sg_kind_name(kind),
                      flush->n_kind[kind]);
    }
    ds_put_format(ds, ", \"published\": %zu", flush->n_messages);
}

/* The first of them: nobody reads a longer list. */
void
document_changes(struct ds *ds, const struct core_flush *flush)
{
    const struct change_list *list = &flush->changes;

    ds_put_char(ds, '[');
    for (size_t i = 0; i < MIN(list->n, DOCUMENT_MAX_CHANGES); i++) {
        const struct change *change = &list->changes[i];

        ds_put_format(ds, "%s{\"kind\": \"%s\", \"id\": \""UUID_FMT"\", "
                      "\"revision\": %"PRId64"%s}", i ? ", " : "",
                      sg_kind_name(change->kind), UUID_ARGS(&change->id),
                      change->revision, change->type == CHANGE_DELETED
                      ? ", \"deleted\": true" : "");
    }
    ds_put_char(ds, ']');
}

void
document_hosts(struct ds *ds, const struct controller_core *core,
               long long int now)
{
    const struct interest_host **hosts;
    size_t n = interest_hosts(core_interest(core), &hosts);

    ds_put_cstr(ds, "{\"hosts\": [");
    for (size_t i = 0; i < n; i++) {
        ds_put_cstr(ds, i ? ", " : "");
        put_host(ds, hosts[i], now);
    }
    ds_put_cstr(ds, "]}");
    free(hosts);
}

void
document_topology(struct ds *ds, const struct topology *topology)
{
    struct topology_counts n;

    topology_count(topology, &n);
    ds_put_format(ds, "{\"ports\": %zu, \"groups\": %zu, "
                  "\"address_groups\": %zu, \"rules\": %zu, "
                  "\"members\": %zu}", n.n_ports, n.n_groups,
                  n.n_address_groups, n.n_rules, n.n_members);
}

static void
put_epoch(struct ds *ds, const struct sg_epoch *epoch)
{
    char text[SG_EPOCH_STRLEN];

    ds_put_format(ds, "\"epoch\": \"%s\"", sg_epoch_format(epoch, text));
}

static void
put_host(struct ds *ds, const struct interest_host *host,
         long long int now)
{
    char *boot = rpc_quote(host->boot, strlen(host->boot));

    ds_put_cstr(ds, "{\"host\": ");
    document_string(ds, host->name);
    ds_put_cstr(ds, ", \"boot\": ");
    document_string(ds, boot);
    free(boot);
    ds_put_format(ds, ", \"objects\": %zu, \"last_sync_ms\": ",
                  host->n_objects);
    put_age(ds, host->last_sync, now);
    ds_put_cstr(ds, ", \"last_report_ms\": ");
    put_age(ds, host->last_report, now);
    if (host->last_report != LLONG_MIN) {
        ds_put_format(ds, ", \"generation\": %"PRIu64", "
                      "\"applied\": %"PRIu64", \"in_sync\": %s, "
                      "\"ports\": %zu, \"protected\": %zu, \"lag_ms\": ",
                      host->generation, host->applied,
                      document_bool(host->in_sync), host->n_ports,
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
put_age(struct ds *ds, long long int when, long long int now)
{
    if (when == LLONG_MIN) {
        ds_put_cstr(ds, "null");
    } else {
        ds_put_format(ds, "%lld", now - when);
    }
}
