/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Any bytes as answers to `sync`, and as what comes between them: decoder,
 * policy store and the state machine that asks survive them, and at every
 * step the host holds no more than its limits and counts it right.
 *
 * A line of the input is a body, with or without envelope.  A reply answers
 * the question that is outstanding, whatever its id; if there is none, one is
 * asked first.  Between lines pass 30 ms, and 20 s before a line that begins
 * with a blank.  An empty line loses the connection. */

#include <config.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/policy_store.h"
#include "agent/sync.h"
#include "tests/lib/fuzz-round-trip.h"
#include "util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define N_PORTS 3
#define PORT_ID "5eb00000-0002-4000-8000-00000000000%d"

static const struct policy_store_limits store_limits = {
    .members = 500, .rules_per_port = 20, .groups = 6, .ports = N_PORTS - 1,
    .set_entries = 600,
};

struct host {
    struct policy_store *store;
    struct sync *sync;
    struct rpc_limits limits;
    long long int now;
    char call[33];              /* Outstanding question, or "". */
    unsigned int n_calls;
    bool verbose;               /* SG_FUZZ_VERBOSE: what comes of a line. */
};

static void
plug_ports(struct policy_store *store)
{
    struct local_port locals[N_PORTS];

    memset(locals, 0, sizeof locals);
    for (int i = 0; i < N_PORTS; i++) {
        char id[64];

        snprintf(id, sizeof id, PORT_ID, i + 1);
        if (!sg_id_from_string(id, &locals[i].id)) {
            OVS_NOT_REACHED();
        }
        locals[i].binding.plug = SG_PLUG_HYBRID;
    }
    policy_store_set_local(store, locals, N_PORTS);
}

static void
check_peak(const struct store_peak *peak, size_t limit)
{
    ovs_assert(peak->n <= limit);
}

/* The store is within its limits, and its sums are right. */
static void
check_store(const struct policy_store *store)
{
    const struct sg_policy *policy = policy_store_policy(store);
    struct policy_store_usage usage;
    const struct sg_group *group;
    size_t n_members = 0;

    policy_store_get_usage(store, &usage);
    HMAP_FOR_EACH (group, node, &policy->groups) {
        size_t n = sg_members_count(&group->members);

        ovs_assert(n <= store_limits.members);
        n_members += n;
    }
    ovs_assert(usage.set_entries == n_members);
    ovs_assert(usage.set_entries <= store_limits.set_entries);
    ovs_assert(usage.n_ports == hmap_count(&policy->ports));
    ovs_assert(usage.n_ports <= store_limits.ports);
    ovs_assert(usage.n_groups == hmap_count(&policy->groups));
    ovs_assert(usage.n_groups <= store_limits.groups);
    check_peak(&usage.members, store_limits.members);
    check_peak(&usage.rules_per_port, store_limits.rules_per_port);
}

/* What is said of the whole follows from the parts. */
static void
check_status(const struct host *host)
{
    struct sg_ref_list needs = { NULL, 0, 0 };
    struct sync_status status;

    sync_get_status(host->sync, host->now, &status);
    policy_store_needs(host->store, &needs);
    for (size_t i = 1; i < needs.n; i++) {
        ovs_assert(needs.refs[i - 1].kind <= needs.refs[i].kind);
    }
    if (host->verbose) {
        printf("%s%s, %"PRIuSIZE" needed, %"PRIuSIZE" unknown, "
               "%"PRIuSIZE" unconfirmed, %s\n",
               sync_state_name(status.state),
               status.in_sync ? ", in sync" : "", status.n_needed,
               status.n_unknown, status.n_unconfirmed, status.last_error);
    }
    ovs_assert(status.n_unknown <= status.n_needed);
    ovs_assert(status.n_unconfirmed <= status.n_needed);
    ovs_assert(status.n_unbound <= status.n_needed);
    if (status.in_sync) {
        ovs_assert(status.complete && status.state == SYNC_SYNCED);
        ovs_assert(!status.n_unknown && !status.n_unconfirmed
                   && !status.n_unbound);
        ovs_assert(status.n_needed == needs.n);
    }
    sg_ref_list_clear(&needs);
}

/* Binds whatever is wished for, and takes what the kernel would get. */
static void
run_outputs(struct host *host)
{
    struct store_change *changes;
    struct store_dirty dirty;
    char **exchanges;
    size_t n;

    sync_needs_changed(host->sync, host->now);
    if (sync_take_bindings(host->sync, host->now, &exchanges, &n)) {
        for (size_t i = 0; i < n; i++) {
            sync_bound(host->sync, exchanges[i], host->now);
            free(exchanges[i]);
        }
        free(exchanges);
    }
    n = policy_store_take_changes(host->store, &changes);
    policy_store_changes_free(changes, n);
    if (policy_store_take_dirty(host->store, &dirty)) {
        store_dirty_uninit(&dirty);
    }
}

/* Asks if it is time to. */
static void
run_question(struct host *host)
{
    struct sg_sync_request request;
    char call[33];
    size_t len;

    snprintf(call, sizeof call, "%032x", ++host->n_calls);
    if (sync_run(host->sync, host->now, call, &request)) {
        ovs_assert(sync_next(host->sync) > host->now);
        strcpy(host->call, call);
        free(rpc_encode_sync_call(&request, call, "q", call, &len));
        sg_sync_request_uninit(&request);
    }
}

/* The outstanding question has an answer, or 'failure'. */
static void
answer(struct host *host, const struct sg_update *update,
       const char *failure)
{
    char call[sizeof host->call];

    strcpy(call, host->call);
    host->call[0] = '\0';
    sync_answer(host->sync, call, update, failure, host->now);
}

static void
take_message(struct host *host, const struct rpc_message *message)
{
    struct sg_update update;
    char *error;

    if (message->type == RPC_REPLY && message->failure_class) {
        answer(host, NULL, message->failure_message);
        return;
    } else if (message->type == RPC_REPLY && !message->result) {
        return;                 /* A heartbeat of the call monitor. */
    }
    error = fuzz_decode(message, &host->limits, &update);
    if (!error) {
        fuzz_check_round_trip(&update, &host->limits);
    }
    if (message->type == RPC_REPLY) {
        answer(host, error ? NULL : &update, error);
    } else if (!error) {
        sync_update(host->sync, &update, host->now);
    }
    if (!error) {
        sg_update_uninit(&update);
    }
    free(error);
}

static void
take_line(struct host *host, const char *line, size_t len)
{
    struct rpc_message message;
    char *error;

    host->now += len && line[0] == ' ' ? 20000 : 30;
    if (!len) {
        sync_disconnected(host->sync, host->now);
        sync_connected(host->sync, host->now);
        host->call[0] = '\0';
    }
    run_question(host);
    error = rpc_message_decode(line, len, &host->limits, &message);
    if (!error) {
        if (message.type == RPC_REPLY && !host->call[0]) {
            sync_request_full(host->sync, host->now);
            run_question(host);
        }
        take_message(host, &message);
        rpc_message_uninit(&message);
    }
    free(error);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct sync_config config = {
        .host = "h1", .boot = "b1", .timeout_ms = 10000,
        .backoff_min_ms = 200, .backoff_max_ms = 60000, .beacon_ms = 2000,
        .seed = 1,
    };
    const char *text = (const char *) data;
    struct host host = { .now = 1000 };

    host.verbose = getenv("SG_FUZZ_VERBOSE");
    fuzz_limits(&host.limits);
    host.store = policy_store_create(&store_limits);
    host.sync = sync_create(&config, host.store);
    plug_ports(host.store);
    sync_connected(host.sync, host.now);
    while (size) {
        const char *newline = memchr(text, '\n', size);
        size_t len = newline ? (size_t) (newline - text) : size;

        take_line(&host, text, len);
        run_outputs(&host);
        check_store(host.store);
        check_status(&host);
        len += newline != NULL;
        text += len;
        size -= len;
    }
    sync_destroy(host.sync);
    policy_store_destroy(host.store);
    return 0;
}
