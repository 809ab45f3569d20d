/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The beginning of an agent's life: what the kernel still has of an earlier
 * run, and when the new one may write.  The decisions are agent/start's. */

#include <config.h>
#include "agent/agent-private.h"

#include <inttypes.h>

#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(adopt);

static void
recover_zone(const struct fw_zone_rule *rule, void *a_)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(6, 20);
    struct agent *a = a_;

    if (rule->ours && !rule->zone) {
        a->found_ports = true;  /* Its port is stateless. */
    } else if (!rule->ours) {
        plugs_claim_zone(a->plugs, rule->device, rule->zone);
    } else if (!zone_alloc_restore(a->zones, rule->device, rule->zone)) {
        VLOG_WARN_RL(&rl, "bridge %s: zone %"PRIu16" of an earlier run cannot "
                     "be kept", rule->device, rule->zone);
    }
}

void
agent_recover(struct agent *a)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);
    int error;

    if (a->recovered) {
        return;
    }
    error = firewall_recover(a->firewall, recover_zone, a, &a->fresh);
    if (!error) {
        a->recovered = true;
        if (!firewall_was_hooked(a->firewall)) {
            bridge_watch_tables(a->bridges, false, time_msec());
        }
        a->found_ports = a->found_ports || zone_alloc_n_used(a->zones) > 0;
        VLOG_INFO("read the kernel: %"PRIuSIZE" conntrack zones in use%s",
                  zone_alloc_n_used(a->zones),
                  a->fresh ? ", no rules of ours" : "");
        if (a->fresh && a->keeper) {
            policy_keeper_booted(a->keeper, time_msec());
            a->known_host = policy_keeper_knows_host(a->keeper);
        }
        sync_set_adopted(a->sync, a->fresh ? a->known_host : a->found_ports);
    } else {
        VLOG_WARN_RL(&rl, "cannot read the kernel's tables (%s), trying "
                     "again", ovs_strerror(error));
    }
}

static void
gather(struct agent *a, struct start_input *in, long long int now)
{
    struct sync_status status;
    const struct sg_port *port;

    sync_get_status(a->sync, now, &status);
    *in = (struct start_input) {
        .recovered = a->recovered,
        .fresh = a->fresh,
        .known_host = a->known_host,
        .found_ports = a->found_ports,
        .complete = (status.complete
                     || (a->keeper && policy_keeper_in_force(a->keeper))),
        .zones_applied = a->zones_applied,
        .n_held = status.spared.n_absent,
    };
    HMAP_FOR_EACH (port, node, &policy_store_policy(a->store)->ports) {
        in->n_ports++;
        in->n_unknown += port->state == SG_ABSENT;
        if (port->state == SG_ABSENT
            && (port->binding.plug == SG_PLUG_HYBRID
                || port->binding.plug == SG_PLUG_SHARED_BRIDGE)) {
            if (in->n_uncovered < START_MAX_NAMED) {
                in->uncovered[in->n_uncovered] = port->id;
            }
            in->n_uncovered++;
        }
    }
}

/* Costs a look at every port, so not in each turn of a steady life. */
void
agent_run_start(struct agent *a, long long int now)
{
    struct start_input in;

    if (start_is_enforcing(a->start)) {
        return;
    }
    gather(a, &in, now);
    if (!start_run(a->start, &in, now)) {
        return;
    }
    if (start_is_enforcing(a->start)) {
        sync_set_adopted(a->sync, false);
        VLOG_INFO("%s; enforcing",
                  a->keeper && policy_keeper_in_force(a->keeper)
                  ? "the saved policy is in force"
                  : "a controller has answered");
    } else if (start_state(a->start) == START_FORGOTTEN
               || start_state(a->start) == START_HELD
               || start_state(a->start) == START_UNCOVERED) {
        VLOG_WARN("%s: %s", start_state_name(start_state(a->start)),
                  start_reason(a->start));
    } else {
        VLOG_INFO("%s: %s", start_state_name(start_state(a->start)),
                  start_reason(a->start));
    }
    if (start_may_write(a->start)) {
        a->zones_applied = false;
        a->unfiltered |= start_state(a->start) == START_ZONES;
        firewall_set_scope(a->firewall, start_is_enforcing(a->start)
                                        ? FW_SCOPE_ALL : FW_SCOPE_ZONES);
        firewall_set_complete(a->firewall);
        pacer_now(a->pacer, now);
    }
}

const char *
agent_accept_removal(struct agent *a)
{
    return sync_accept_removal(a->sync, time_msec());
}

const char *
agent_enforce(struct agent *a)
{
    const char *error = start_enforce(a->start);

    if (!error) {
        agent_run_start(a, time_msec());
    }
    return error;
}
