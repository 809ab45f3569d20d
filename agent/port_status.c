/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "agent/port_status.h"

#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/policy_store.h"
#include "agent/sync.h"
#include "util.h"
#include "uuid.h"

/* Ports that the sentence about the ports of a host names. */
#define MAX_NAMED_PORTS 4

struct port_status {
    char *const *exceptions;
    size_t n_exceptions;
    struct hmap ports;          /* Contains "struct port_info"s. */
    uint64_t mark;
    struct host_info host;

    /* The oldest generation that is not in the kernel yet. */
    uint64_t pending;
    long long int pending_since;
};

/* What is wrong with a group, for the ports that use it. */
struct verdict {
    enum port_reason reason;
    char detail[256];
};
struct group_verdict {
    struct hmap_node node;
    struct uuid id;
    struct verdict v;
};

/* One update under way. */
struct update {
    struct port_status *ps;
    const struct port_status_input *in;
    long long int now;
    struct hmap groups;         /* Contains "struct group_verdict"s. */
};

static struct port_info *find_or_add(struct port_status *,
                                     const struct uuid *);
static void judge_port(struct update *, const struct sg_port *,
                       struct port_info *);
static bool same_place(const struct sg_binding *, const struct sg_binding *);
static enum port_state judge_absent(const struct update *,
                                    const struct sg_port *,
                                    struct verdict *);
static enum port_state judge_known(struct update *, const struct sg_port *,
                                   struct port_info *, struct verdict *);
static void judge_policy(struct update *, const struct sg_port *,
                         struct verdict *);
static const struct verdict *judge_group(struct update *,
                                         const struct uuid *);
static void judge_rules(const struct update *, const struct sg_group *,
                        struct verdict *);
static void judge_object(const struct update *, enum sg_kind,
                         const struct uuid *, enum sg_knowledge,
                         struct verdict *);
static void worse(struct verdict *, enum port_reason, const char *format, ...)
    OVS_PRINTF_FORMAT(3, 4);
static bool is_excepted(const struct port_status *, const struct sg_port *);
static void note_pending(struct update *);
static void judge_host(struct update *);
static void describe_ports(struct update *);
static void set_problem(struct update *, enum host_reason, bool active,
                        const char *format, ...) OVS_PRINTF_FORMAT(4, 5);

const char *
port_state_name(enum port_state state)
{
    switch (state) {
#define PORT_STATE(ENUM, NAME) case PORT_##ENUM: return NAME;
    PORT_STATES
#undef PORT_STATE
    }
    OVS_NOT_REACHED();
}

const char *
port_reason_name(enum port_reason reason)
{
    switch (reason) {
#define PORT_REASON(ENUM, NAME, TEXT) case PORT_REASON_##ENUM: return NAME;
    PORT_REASONS
#undef PORT_REASON
    }
    OVS_NOT_REACHED();
}

const char *
port_reason_text(enum port_reason reason)
{
    switch (reason) {
#define PORT_REASON(ENUM, NAME, TEXT) case PORT_REASON_##ENUM: return TEXT;
    PORT_REASONS
#undef PORT_REASON
    }
    OVS_NOT_REACHED();
}

const char *
host_reason_name(enum host_reason reason)
{
    switch (reason) {
#define HOST_REASON(ENUM, NAME) case HOST_REASON_##ENUM: return NAME;
    HOST_REASONS
#undef HOST_REASON
    }
    OVS_NOT_REACHED();
}

struct port_status *
port_status_create(char *const *exceptions, size_t n)
{
    struct port_status *ps = xzalloc(sizeof *ps);

    ps->exceptions = exceptions;
    ps->n_exceptions = n;
    hmap_init(&ps->ports);
    return ps;
}

void
port_status_destroy(struct port_status *ps)
{
    if (ps) {
        struct port_info *info;

        HMAP_FOR_EACH_POP (info, node, &ps->ports) {
            free(info);
        }
        hmap_destroy(&ps->ports);
        free(ps);
    }
}

void
port_status_update(struct port_status *ps, const struct port_status_input *in,
                   long long int now)
{
    struct update u = { .ps = ps, .in = in, .now = now };
    const struct sg_port *port;
    struct port_info *info;
    struct group_verdict *gv;

    hmap_init(&u.groups);
    ps->mark++;
    HMAP_FOR_EACH (port, node, &in->policy->ports) {
        info = find_or_add(ps, &port->id);
        info->mark = ps->mark;
        judge_port(&u, port, info);
    }
    HMAP_FOR_EACH_SAFE (info, node, &ps->ports) {
        if (info->mark != ps->mark) {
            hmap_remove(&ps->ports, &info->node);
            free(info);
        }
    }
    note_pending(&u);
    judge_host(&u);

    HMAP_FOR_EACH_POP (gv, node, &u.groups) {
        free(gv);
    }
    hmap_destroy(&u.groups);
}

const struct host_info *
port_status_host(const struct port_status *ps)
{
    return &ps->host;
}

const struct port_info *
port_status_port(const struct port_status *ps, const struct uuid *id)
{
    const struct port_info *info;

    HMAP_FOR_EACH_WITH_HASH (info, node, sg_id_hash(id), &ps->ports) {
        if (uuid_equals(&info->id, id)) {
            return info;
        }
    }
    return NULL;
}

static struct port_info *
find_or_add(struct port_status *ps, const struct uuid *id)
{
    struct port_info *info;

    HMAP_FOR_EACH_WITH_HASH (info, node, sg_id_hash(id), &ps->ports) {
        if (uuid_equals(&info->id, id)) {
            return info;
        }
    }
    info = xzalloc(sizeof *info);
    info->id = *id;
    info->since = LLONG_MIN;
    info->known_at = UINT64_MAX;
    hmap_insert(&ps->ports, &info->node, sg_id_hash(id));
    return info;
}

static void
judge_port(struct update *u, const struct sg_port *port,
           struct port_info *info)
{
    const struct sg_binding *b = &port->binding;
    struct verdict v = { PORT_REASON_NONE, "" };
    bool absent = port->state == SG_ABSENT;
    enum port_state state;

    if (absent || !same_place(&info->binding, b)) {
        info->known_at = UINT64_MAX;
        info->binding = *b;
    }
    if (!absent && info->known_at == UINT64_MAX) {
        info->known_at = u->in->policy->generation;
    }
    info->excepted = is_excepted(u->ps, port);
    info->generation = 0;
    info->counts = info->closed = true;
    info->unfiltered = (!absent && port->state != SG_DELETED
                        && !sg_port_filters(&port->spec));

    state = absent ? judge_absent(u, port, &v) : PORT_KNOWN;
    switch (b->plug) {
    case SG_PLUG_HYBRID:
        if (!b->zone) {
            worse(&v, PORT_REASON_NO_ZONE, "%s", "");
            state = PORT_DEGRADED;
        } else if (!absent) {
            state = judge_known(u, port, info, &v);
        }
        break;

    case SG_PLUG_MISSING:
        /* Nothing to protect yet. */
        worse(&v, PORT_REASON_NO_DEVICE, "%s", "");
        info->counts = false;
        break;

    case SG_PLUG_SHARED_BRIDGE:
        worse(&v, PORT_REASON_SHARED_BRIDGE, "%s", b->bridge);
        state = PORT_DEGRADED;
        break;

    case SG_PLUG_UNENFORCEABLE:
        worse(&v, PORT_REASON_UNENFORCEABLE, "%s", b->interface);
        state = PORT_DEGRADED;
        info->closed = false;
        info->counts = (!info->excepted
                        && (absent || (port->state != SG_DELETED
                                       && sg_port_filters(&port->spec))));
        break;
    }

    info->closed = info->closed && !u->in->starting;

    if (info->since == LLONG_MIN
        || info->state != state || info->reason != v.reason) {
        info->since = u->now;
        info->state = state;
        info->reason = v.reason;
    }
    ovs_strlcpy(info->detail, v.detail, sizeof info->detail);
}

/* A change of these takes a new apply before the port is protected again. */
static bool
same_place(const struct sg_binding *a, const struct sg_binding *b)
{
    return (a->zone == b->zone && !strcmp(a->device, b->device)
            && !strcmp(a->bridge, b->bridge)
            && !strcmp(a->uplink, b->uplink));
}

/* There is no policy for this port. */
static enum port_state
judge_absent(const struct update *u, const struct sg_port *port,
             struct verdict *v)
{
    switch (sync_object_state(u->in->sync, SG_KIND_PORT, &port->id)) {
    case SYNC_OBJECT_NEW:
        worse(v, PORT_REASON_NO_POLICY, "%s", "");
        return PORT_SEEN;
    case SYNC_OBJECT_UNKNOWN:
        worse(v, PORT_REASON_UNKNOWN, "%s", "");
        return PORT_DEGRADED;
    case SYNC_OBJECT_HELD:
        worse(v, PORT_REASON_HELD, "%s", "");
        return PORT_DEGRADED;
    case SYNC_OBJECT_ASKED:
    case SYNC_OBJECT_UNCONFIRMED:
    case SYNC_OBJECT_CONFIRMED:
        worse(v, PORT_REASON_NO_POLICY, "%s", "");
        return PORT_ASKED;
    }
    OVS_NOT_REACHED();
}

/* There is a policy, and a tap to enforce it on. */
static enum port_state
judge_known(struct update *u, const struct sg_port *port,
            struct port_info *info, struct verdict *v)
{
    const struct fw_result *result = u->in->result;

    if (u->in->starting || u->in->applied < info->known_at) {
        if (result && result->error
            && result->generation >= info->known_at) {
            worse(v, PORT_REASON_APPLY_FAILED, "%s",
                  result->error_text ? result->error_text : "");
            return PORT_DEGRADED;
        }
        /* What takes too long counts for the host as a whole. */
        worse(v, PORT_REASON_NOT_APPLIED, "%s", "");
        info->counts = false;
        return PORT_KNOWN;
    }

    info->generation = u->in->applied;
    info->closed = port->state == SG_DELETED;
    if (port->state == SG_DELETED) {
        worse(v, PORT_REASON_DELETED, "%s", "");
        info->counts = false;
        return PORT_PROTECTED;
    }
    if (u->in->kernel_problem) {
        worse(v, PORT_REASON_KERNEL, "%s", "");
    }
    if (u->in->guard_problem) {
        worse(v, PORT_REASON_L2_GUARD, "%s", "");
    }
    judge_policy(u, port, v);
    if (u->in->from_file) {
        worse(v, PORT_REASON_FROM_FILE, "%s", "");
    }
    info->counts = v->reason != PORT_REASON_NONE;
    return info->counts ? PORT_DEGRADED : PORT_PROTECTED;
}

/* What of the policy of 'port' is not as the controller has it. */
static void
judge_policy(struct update *u, const struct sg_port *port, struct verdict *v)
{
    const struct fw_result *result = u->in->result;

    for (size_t i = 0; result && i < result->problems.n; i++) {
        const struct fw_problem *p = &result->problems.p[i];

        if (uuid_equals(&p->port, &port->id)) {
            worse(v, PORT_REASON_NOT_RENDERED, "%s", p->text);
        }
    }
    judge_object(u, SG_KIND_PORT, &port->id, port->state, v);
    if (port->spec.n_refused) {
        worse(v, PORT_REASON_REFUSED, "%s: %s", port->spec.refused[0].what,
              port->spec.refused[0].reason);
    }
    if (sg_port_filters(&port->spec)) {
        for (size_t i = 0; i < port->spec.n_groups; i++) {
            const struct verdict *gv = judge_group(u, &port->spec.groups[i]);

            worse(v, gv->reason, "%s", gv->detail);
        }
    }
}

/* Each group is looked at once for all its ports. */
static const struct verdict *
judge_group(struct update *u, const struct uuid *id)
{
    const struct fw_result *result = u->in->result;
    const struct sg_group *group;
    struct group_verdict *gv;

    HMAP_FOR_EACH_WITH_HASH (gv, node, sg_id_hash(id), &u->groups) {
        if (uuid_equals(&gv->id, id)) {
            return &gv->v;
        }
    }
    gv = xzalloc(sizeof *gv);
    gv->id = *id;
    hmap_insert(&u->groups, &gv->node, sg_id_hash(id));

    group = sg_policy_group(u->in->policy, id);
    judge_object(u, SG_KIND_RULES, id,
                 group ? group->rules_state : SG_ABSENT, &gv->v);
    if (group && group->rules_state != SG_ABSENT) {
        judge_rules(u, group, &gv->v);
    }
    for (size_t i = 0; result && i < result->problems.n; i++) {
        const struct fw_problem *p = &result->problems.p[i];

        if (uuid_equals(&p->group, id)) {
            worse(&gv->v, PORT_REASON_NOT_RENDERED, "%s", p->text);
        }
    }
    return &gv->v;
}

static void
judge_rules(const struct update *u, const struct sg_group *group,
            struct verdict *v)
{
    const struct sg_rules_spec *rules = &group->rules;

    if (rules->n_refused) {
        worse(v, PORT_REASON_REFUSED, "group "UUID_FMT", %s: %s",
              UUID_ARGS(&group->id), rules->refused[0].what,
              rules->refused[0].reason);
    }
    for (size_t i = 0; i < rules->n_rules; i++) {
        const struct sg_rule *rule = &rules->rules[i];

        if (rule->remote == SG_REMOTE_GROUP
            || rule->remote == SG_REMOTE_ADDRESS_GROUP) {
            const struct sg_group *remote
                = sg_policy_group(u->in->policy, &rule->remote_id);

            judge_object(u, SG_KIND_MEMBERS, &rule->remote_id,
                         remote ? remote->members_state : SG_ABSENT, v);
        }
    }
}

/* What is wrong with one object that a port needs. */
static void
judge_object(const struct update *u, enum sg_kind kind,
             const struct uuid *id, enum sg_knowledge state,
             struct verdict *v)
{
    bool port = kind == SG_KIND_PORT;
    struct store_object object = { .problem = NULL };
    const char *problem;

    policy_store_object(u->in->store, kind, id, &object);
    problem = object.problem;
    if (object.spared) {
        worse(v, port ? PORT_REASON_HELD : PORT_REASON_GROUP_HELD,
              "%s of "UUID_FMT, sg_kind_name(kind), UUID_ARGS(id));
    }
    switch (state) {
    case SG_ABSENT:
        worse(v, PORT_REASON_GROUP_MISSING, "%s of "UUID_FMT"%s%s",
              sg_kind_name(kind), UUID_ARGS(id),
              problem ? ": " : "", problem ? problem : "");
        break;
    case SG_ORPHANED:
        worse(v, port ? PORT_REASON_ORPHANED : PORT_REASON_GROUP_ORPHANED,
              "%s of "UUID_FMT, sg_kind_name(kind), UUID_ARGS(id));
        break;
    case SG_KNOWN:
    case SG_DELETED:
        break;
    }
    if (problem) {
        worse(v, PORT_REASON_REFUSED, "%s of "UUID_FMT": %s",
              sg_kind_name(kind), UUID_ARGS(id), problem);
    }
}

/* The reason that stands first in the list is the one that is shown. */
static void
worse(struct verdict *v, enum port_reason reason, const char *format, ...)
{
    if (reason != PORT_REASON_NONE
        && (v->reason == PORT_REASON_NONE || reason < v->reason)) {
        va_list args;

        v->reason = reason;
        va_start(args, format);
        vsnprintf(v->detail, sizeof v->detail, format, args);
        va_end(args);
    }
}

static bool
name_matches(const char *pattern, const char *name)
{
    size_t len = strlen(pattern);

    return (len && pattern[len - 1] == '*'
            ? !strncmp(pattern, name, len - 1)
            : !strcmp(pattern, name));
}

static bool
is_excepted(const struct port_status *ps, const struct sg_port *port)
{
    for (size_t i = 0; i < ps->n_exceptions; i++) {
        const char *e = ps->exceptions[i];
        struct uuid id;

        if (sg_id_from_string(e, &id)
            ? uuid_equals(&id, &port->id)
            : (name_matches(e, port->binding.interface)
               || name_matches(e, port->binding.device))) {
            return true;
        }
    }
    return false;
}

/* Follows the oldest generation that is not in the kernel: under a stream of
 * changes the newest never is, but each is after a moment. */
static void
note_pending(struct update *u)
{
    struct port_status *ps = u->ps;
    uint64_t newest = u->in->policy->generation;

    if (u->in->applied >= newest || u->in->starting) {
        ps->pending = 0;
    } else if (!ps->pending || u->in->applied >= ps->pending) {
        ps->pending = newest;
        ps->pending_since = u->now;
    }
}

/* What controllers do that only people can put right. */
static void
judge_controllers(struct update *u, const struct sync_status *sync)
{
    struct host_problem *removal
        = &u->ps->host.problems[HOST_REASON_MASS_REMOVAL];
    long long int left = (sync->spared.n ? sync->spared.since
                          + SYNC_REMOVAL_MS - u->now : 0);
    char epoch[SG_EPOCH_STRLEN];

    set_problem(u, HOST_REASON_CONFLICTING_EPOCHS, sync->conflicting_epochs,
                "a controller of the earlier epoch %s was heard %lld s ago",
                sg_epoch_format(&sync->other_epoch, epoch),
                sync->conflicting_epochs
                ? (u->now - sync->other_heard) / 1000 : 0);
    set_problem(u, HOST_REASON_REVISION_REGRESSED, sync->revision_regressed,
                "an answer was older than what had been heard in its epoch, "
                "%lld s ago: %"PRIu64" objects so far, which stay as they "
                "are", sync->revision_regressed
                ? (u->now - sync->regressed_at) / 1000 : 0, sync->regressed);
    set_problem(u, HOST_REASON_DUPLICATE_HOST, sync->duplicate_host, "%s",
                "another agent has the name of this host");
    set_problem(u, HOST_REASON_MASS_REMOVAL, sync->spared.n > 0,
                "an answer deletes %"PRIuSIZE" of %"PRIuSIZE" ports "
                "(%"PRIuSIZE" objects) at once: they stay as they are until "
                "an answer in %lld s says the same (sgctl accept-removal "
                "asks now)", sync->spared.n_ports,
                hmap_count(&u->in->policy->ports), sync->spared.n,
                MAX(left, 0) / 1000);
    if (sync->spared.n) {
        removal->since = sync->spared.since;
    }
}

static void
judge_host(struct update *u)
{
    const struct port_status_input *in = u->in;
    struct port_status *ps = u->ps;
    struct host_info *host = &ps->host;
    const struct host_problem *p = host->problems;
    struct sync_status sync;

    sync_get_status(in->sync, u->now, &sync);
    host->in_sync = sync.in_sync && !in->broker_problem;

    set_problem(u, HOST_REASON_STARTING, in->starting != NULL, "%s",
                in->starting ? in->starting : "");
    host->problems[HOST_REASON_STARTING].since = in->starting_since;
    set_problem(u, HOST_REASON_FROM_FILE, in->from_file,
                "no controller has answered since the boot: the policy is "
                "from file, age %"PRId64" s", in->from_file_age_ms / 1000);
    set_problem(u, HOST_REASON_OVSDB_DOWN, !in->ovsdb_ok, "%s",
                "no connection to the Open vSwitch database");
    set_problem(u, HOST_REASON_ROWS,
                in->n_refused_rows || in->n_duplicate_rows,
                "of the interfaces with an iface-id, %"PRIuSIZE" have none "
                "that is a port id and %"PRIuSIZE" have that of another "
                "interface: nothing filters them",
                in->n_refused_rows, in->n_duplicate_rows);
    set_problem(u, HOST_REASON_BROKER_DOWN, in->broker_problem != NULL, "%s",
                in->broker_problem ? in->broker_problem : "");
    set_problem(u, HOST_REASON_NOT_IN_SYNC,
                !in->broker_problem && !sync.in_sync,
                "%s: of %"PRIuSIZE" objects %"PRIuSIZE" unknown to the "
                "controller, %"PRIuSIZE" unconfirmed, %"PRIuSIZE" unbound%s%s",
                sync_state_name(sync.state), sync.n_needed, sync.n_unknown,
                sync.n_unconfirmed, sync.n_unbound,
                sync.n_failures ? "; last failure: " : "",
                sync.n_failures ? sync.last_error : "");
    set_problem(u, HOST_REASON_STALE, !in->broker_problem && sync.stale,
                "%s", "no beacon of a controller for three intervals");
    judge_controllers(u, &sync);
    set_problem(u, HOST_REASON_KERNEL, in->kernel_problem != NULL, "%s",
                in->kernel_problem ? in->kernel_problem : "");
    set_problem(u, HOST_REASON_L2_GUARD, in->guard_problem != NULL, "%s",
                in->guard_problem ? in->guard_problem : "");
    set_problem(u, HOST_REASON_APPLY_FAILED,
                in->result && in->result->error,
                "generation %"PRIu64": %s",
                in->result ? in->result->generation : 0,
                in->result && in->result->error_text
                ? in->result->error_text : "unknown error");
    set_problem(u, HOST_REASON_NOT_APPLIED,
                ps->pending
                && u->now - ps->pending_since > PORT_STATUS_APPLY_MS,
                "generation %"PRIu64" is not in the kernel yet",
                ps->pending);
    set_problem(u, HOST_REASON_FLOWS, in->flow_problem != NULL, "%s",
                in->flow_problem ? in->flow_problem : "");
    describe_ports(u);

    host->enforcing = !(p[HOST_REASON_STARTING].active
                        || p[HOST_REASON_ROWS].active
                        || p[HOST_REASON_KERNEL].active
                        || p[HOST_REASON_L2_GUARD].active
                        || p[HOST_REASON_APPLY_FAILED].active
                        || p[HOST_REASON_NOT_APPLIED].active
                        || p[HOST_REASON_FLOWS].active
                        || p[HOST_REASON_UNENFORCEABLE].active
                        || p[HOST_REASON_PORTS].active);
    host->ok = true;
    for (size_t i = 0; i < N_HOST_REASONS; i++) {
        host->ok = host->ok && !p[i].active;
    }
}

/* Appends "NAME (REASON)" of a port, up to MAX_NAMED_PORTS of them. */
static void
name_port(struct ds *s, size_t n_before, const struct port_info *info)
{
    if (n_before < MAX_NAMED_PORTS) {
        ds_put_cstr(s, n_before ? ", " : ": ");
        if (info->binding.device[0]) {
            ds_put_cstr(s, info->binding.device);
        } else {
            ds_put_format(s, UUID_FMT, UUID_ARGS(&info->id));
        }
        ds_put_format(s, " (%s)", port_reason_name(info->reason));
    } else if (n_before == MAX_NAMED_PORTS) {
        ds_put_cstr(s, " ...");
    }
}

static void
describe_ports(struct update *u)
{
    struct host_info *host = &u->ps->host;
    struct ds open = DS_EMPTY_INITIALIZER;
    struct ds bad = DS_EMPTY_INITIALIZER;
    size_t n_refused = policy_store_ports_refused(u->in->store);
    const struct port_info *info;
    size_t n_open = 0, n_bad = 0;

    host->n_ports = hmap_count(&u->ps->ports);
    host->n_protected = host->n_closed = host->n_degraded = 0;
    host->n_unenforceable = host->n_excepted = host->n_unfiltered = 0;
    HMAP_FOR_EACH (info, node, &u->ps->ports) {
        bool unenforceable = info->reason == PORT_REASON_UNENFORCEABLE;

        host->n_protected += info->state == PORT_PROTECTED;
        host->n_degraded += info->state == PORT_DEGRADED && !unenforceable;
        host->n_closed += info->closed;
        host->n_unfiltered += info->unfiltered;
        host->n_unenforceable += unenforceable;
        host->n_excepted += unenforceable && info->excepted;
        if (info->counts && unenforceable) {
            name_port(&open, n_open++, info);
        } else if (info->counts && info->reason != PORT_REASON_NONE
                   && info->reason != PORT_REASON_FROM_FILE) {
            name_port(&bad, n_bad++, info);
        }
    }
    set_problem(u, HOST_REASON_UNENFORCEABLE, n_open > 0,
                "%"PRIuSIZE" of %"PRIuSIZE" ports not filtered%s", n_open,
                host->n_ports, ds_cstr(&open));
    set_problem(u, HOST_REASON_PORTS, n_bad + n_refused > 0,
                "%"PRIuSIZE" of %"PRIuSIZE" ports not as their policy "
                "says%s", n_bad + n_refused, host->n_ports + n_refused,
                ds_cstr(&bad));
    ds_destroy(&open);
    ds_destroy(&bad);
}

static void
set_problem(struct update *u, enum host_reason reason, bool active,
            const char *format, ...)
{
    struct host_problem *p = &u->ps->host.problems[reason];

    if (active) {
        va_list args;

        va_start(args, format);
        vsnprintf(p->text, sizeof p->text, format, args);
        va_end(args);
        if (!p->active) {
            p->since = u->now;
        }
    }
    p->active = active;
}
