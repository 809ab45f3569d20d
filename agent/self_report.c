/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* What the agent tells the controller of itself (docs/protocol.md,
 * "report"). */

#include <config.h>
#include "agent/agent-private.h"

#include "random.h"
#include "rpc/message.h"
#include "util.h"

BUILD_ASSERT_DECL(N_HOST_REASONS <= RPC_MAX_REASONS);

/* The codes of what is wrong; returns how many there are. */
static size_t
list_reasons(const struct host_info *host, char *reasons[N_HOST_REASONS])
{
    size_t n = 0;

    for (size_t i = 0; i < N_HOST_REASONS; i++) {
        if (host->problems[i].active) {
            reasons[n++] = CONST_CAST(char *, host_reason_name(
                                          (enum host_reason) i));
        }
    }
    return n;
}

/* The digest is what the controller compares: only of what is complete. */
static const char *
report_digest(struct agent *a, const struct sync_status *status,
              char digest[RPC_DIGEST_LEN + 1])
{
    if (status->state != SYNC_CONFIRMING && status->state != SYNC_SYNCED) {
        return NULL;
    }
    policy_store_digest(a->store, digest);
    return digest;
}

static void
send_report(struct agent *a, long long int now)
{
    const struct host_info *host = port_status_host(a->status);
    uint64_t applied = firewall_applied(a->firewall);
    char digest[RPC_DIGEST_LEN + 1];
    char *reasons[N_HOST_REASONS];
    struct broker_status broker;
    struct sync_status status;
    struct sg_report report;

    sync_get_status(a->sync, now, &status);
    broker_get_status(a->broker, &broker);
    report = (struct sg_report) {
        .host = a->config->host,
        .boot = a->boot,
        .epoch = status.epoch,
        .generation = policy_store_policy(a->store)->generation,
        .applied = applied,
        .in_sync = status.in_sync,
        .lag_ms = a->lag_ms,
        .n_ports = host->n_ports,
        .n_protected = host->n_protected,
        .digest = CONST_CAST(char *, report_digest(a, &status, digest)),
        .state = CONST_CAST(char *, sync_state_name(status.state)),
        .n_problems = policy_store_n_problems(a->store),
        .n_orphaned = policy_store_n_orphaned(a->store),
        .n_held = status.spared.n,
        .errors = broker.malformed + broker.amqp.too_large,
        .stale = status.stale,
        .reasons = reasons,
        .n_reasons = list_reasons(host, reasons),
        .has_latency = true,
        .latency = latency_status(a->latency)->counts,
    };
    report.acked = sync_take_acks(a->sync, applied, now, &report.n_acked);
    broker_report(a->broker, &report);
    sg_texts_free(report.acked, report.n_acked);
}

void
agent_report_acks(struct agent *a, long long int now)
{
    if (sync_acks_ready(a->sync, firewall_applied(a->firewall), now)) {
        send_report(a, now);
    }
}

void
agent_report_regularly(struct agent *a, long long int now)
{
    long long int interval = a->config->report_interval_s * 1000;

    if (now >= a->next_report && interval) {
        /* Jitter keeps 2,000 agents from speaking at once.  Never later: what
         * only a digest shows should be found in good time. */
        a->next_report = now + interval - random_range(interval / 5 + 1);
        send_report(a, now);
    }
}
