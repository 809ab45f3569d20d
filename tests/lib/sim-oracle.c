/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tests/lib/sim-oracle.h"

#include <limits.h>
#include <string.h>

#include "tests/lib/test.h"
#include "tools/sg-controller/closure.h"
#include "tools/sg-controller/ref_set.h"
#include "tools/sg-controller/state.h"
#include "tools/sg-controller/topology.h"
#include "util.h"

/* A look under way. */
struct look {
    struct sim_oracle *oracle;
    const struct sim_view *view;
    const struct sg_policy *policy;
    struct sync_status status;
    unsigned int needs[SG_N_KINDS];     /* A bit per object. */
};

static void take_changes(struct sim_oracle *, struct policy_store *);
static void look_at_epoch(struct look *);
static void work_out_needs(struct look *);
static void look_at(struct look *, enum sg_kind, size_t i);
static void look_at_missing(struct look *, enum sg_kind, size_t i);
static void look_at_held(struct look *, enum sg_kind, size_t i,
                         const struct store_object *);
static void judge_content(struct look *, enum sg_kind, size_t i,
                          const struct store_object *, uint32_t print);
static bool is_as_the_controller_has_it(const struct sim_oracle *,
                                        const struct sim_view *,
                                        const struct state *,
                                        const struct sg_ref *);
static void complain_about(const struct sim_oracle *, const struct sim_view *,
                           const struct state *, const struct sg_ref *);
static bool have_equal_digests(const struct sim_view *, const struct state *);
static uint32_t held_print(const struct sg_policy *, enum sg_kind,
                           const struct uuid *);
static size_t n_objects(enum sg_kind);

void
sim_oracle_init(struct sim_oracle *o, const char *name,
                const struct history *history)
{
    memset(o, 0, sizeof *o);
    o->name = name;
    o->history = history;
    o->generation = UINT64_MAX;
}

void
sim_oracle_look(struct sim_oracle *o, const struct sim_view *view,
                bool anyway)
{
    struct look look = {
        .oracle = o, .view = view, .policy = policy_store_policy(view->store),
    };

    take_changes(o, view->store);
    if (look.policy->generation == o->generation && !anyway) {
        return;
    }
    o->generation = look.policy->generation;
    o->n_looks++;
    sync_get_status(view->sync, view->now, &look.status);
    look_at_epoch(&look);
    work_out_needs(&look);
    for (int kind = 0; kind < SG_N_KINDS; kind++) {
        for (size_t i = 0; i < n_objects((enum sg_kind) kind); i++) {
            look_at(&look, (enum sg_kind) kind, i);
        }
    }
}

struct sim_ports
sim_oracle_ports(const struct policy_store *store)
{
    struct sim_ports ports = { 0, 0, 0 };
    const struct sg_port *port;

    HMAP_FOR_EACH (port, node, &policy_store_policy(store)->ports) {
        unsigned int bit = 1u << world_number(SG_KIND_PORT, &port->id);

        if (port->state != SG_KNOWN && port->state != SG_ORPHANED) {
            continue;
        }
        ports.known |= bit;
        if (sg_port_filters(&port->spec)) {
            *(port->spec.n_groups ? &ports.grouped : &ports.bare) |= bit;
        }
    }
    return ports;
}

unsigned int
sim_ports_emptied(const struct sim_ports *before,
                  const struct sim_ports *after)
{
    return ((before->known & ~after->known)
            | (before->grouped & after->bare));
}

bool
sim_oracle_equals(const struct sim_oracle *o, const struct sim_view *view,
                  const struct state *state, bool complain)
{
    struct sg_ref_list needs = { NULL, 0, 0 };
    struct sync_status status;
    bool ok = true;

    sync_get_status(view->sync, view->now, &status);
    if (sg_epoch_compare(&status.epoch, state_epoch(state))) {
        if (complain) {
            FAIL("%s is in another epoch", o->name);
        }
        return false;
    }
    policy_store_needs(view->store, &needs);
    for (size_t i = 0; i < needs.n; i++) {
        const struct sg_ref *ref = &needs.refs[i];

        if (!is_as_the_controller_has_it(o, view, state, ref)) {
            if (complain) {
                complain_about(o, view, state, ref);
            }
            ok = false;
        }
    }
    sg_ref_list_clear(&needs);
    if (ok && !have_equal_digests(view, state)) {
        if (complain) {
            FAIL("%s: all is equal but the digests", o->name);
        }
        ok = false;
    }
    return ok;
}

static void
take_changes(struct sim_oracle *o, struct policy_store *store)
{
    struct store_change *changes;
    size_t n = policy_store_take_changes(store, &changes);

    for (size_t i = 0; i < n; i++) {
        uint32_t *set = &o->sets[world_number(SG_KIND_MEMBERS,
                                              &changes[i].group)];

        for (size_t k = 0; k < changes[i].added.n; k++) {
            uint32_t bit = world_address_bit(&changes[i].added.p[k]);

            CHECK(!(*set & bit));
            *set |= bit;
        }
        for (size_t k = 0; k < changes[i].removed.n; k++) {
            uint32_t bit = world_address_bit(&changes[i].removed.p[k]);

            CHECK(*set & bit);
            *set &= ~bit;
        }
    }
    policy_store_changes_free(changes, n);
}

static void
look_at_epoch(struct look *look)
{
    struct sim_oracle *o = look->oracle;
    int order = sg_epoch_compare(&look->status.epoch, &o->epoch);

    if (order < 0) {
        FAIL("%s went back to an earlier epoch", o->name);
    } else if (order > 0) {
        for (int kind = 0; kind < SG_N_KINDS; kind++) {
            for (size_t i = 0; i < WORLD_OBJECTS; i++) {
                o->seen[kind][i].revision = 0;
            }
        }
    }
    o->epoch = look->status.epoch;
}

/* From the ports that are here over their groups to the remotes of those. */
static void
work_out_needs(struct look *look)
{
    unsigned int *needs = look->needs;

    needs[SG_KIND_PORT] = look->view->local;
    for (size_t i = 0; i < WORLD_FAR; i++) {
        const struct uuid id = world_id(SG_KIND_PORT, i);
        const struct sg_port *port = sg_policy_port(look->policy, &id);

        if (!port || !(look->view->local & 1u << i)
            || !sg_port_filters(&port->spec)) {
            continue;
        }
        for (size_t g = 0; g < port->spec.n_groups; g++) {
            needs[SG_KIND_RULES] |= 1u << world_number(SG_KIND_RULES,
                                                       &port->spec.groups[g]);
        }
    }
    for (size_t i = 0; i < WORLD_GROUPS; i++) {
        const struct uuid id = world_id(SG_KIND_RULES, i);
        const struct sg_group *group = sg_policy_group(look->policy, &id);

        if (!group || !(needs[SG_KIND_RULES] & 1u << i)) {
            continue;
        }
        for (size_t r = 0; r < group->rules.n_rules; r++) {
            const struct sg_rule *rule = &group->rules.rules[r];

            if (rule->remote == SG_REMOTE_GROUP) {
                needs[SG_KIND_MEMBERS] |= 1u << world_number(SG_KIND_MEMBERS,
                                                             &rule->remote_id);
            }
        }
    }
}

static void
look_at(struct look *look, enum sg_kind kind, size_t i)
{
    struct sim_seen *seen = &look->oracle->seen[kind][i];
    bool needed = look->needs[kind] & 1u << i;
    const struct uuid id = world_id(kind, i);
    struct store_object object;

    if (!policy_store_object(look->view->store, kind, &id, &object)) {
        look_at_missing(look, kind, i);
        return;
    }
    if (needed || !seen->here) {
        /* If it was needed for less than an event, it was so just now. */
        seen->needed = look->view->now;
    }
    seen->here = true;
    if (object.needed != needed) {
        FAIL("%s: %s %d is %sneeded", look->oracle->name, sg_kind_name(kind),
             (int) i, needed ? "" : "not ");
    }
    look_at_held(look, kind, i, &object);
    if (needed && look->status.in_sync
        && (object.spared || (object.state != SG_KNOWN
                              && object.state != SG_DELETED))) {
        FAIL("%s is in sync, and %s %d is %s", look->oracle->name,
             sg_kind_name(kind), (int) i, sg_knowledge_name(object.state));
    }
}

/* Ports go when they are unplugged, groups when they have lingered. */
static void
look_at_missing(struct look *look, enum sg_kind kind, size_t i)
{
    struct sim_seen *seen = &look->oracle->seen[kind][i];

    if (look->needs[kind] & 1u << i) {
        FAIL("%s: %s %d is needed, and not held", look->oracle->name,
             sg_kind_name(kind), (int) i);
    } else if (seen->here && kind != SG_KIND_PORT
               && (look->view->now - seen->needed
                   < look->view->linger_ms)) {
        FAIL("%s: %s %d did not linger", look->oracle->name,
             sg_kind_name(kind), (int) i);
    }
    if (kind == SG_KIND_MEMBERS && look->oracle->sets[i]) {
        FAIL("%s: group %d is not held, and has members", look->oracle->name,
             (int) i);
    }
    seen->here = seen->held = seen->spared = false;
    seen->revision = 0;
}

static void
look_at_held(struct look *look, enum sg_kind kind, size_t i,
             const struct store_object *object)
{
    struct sim_seen *seen = &look->oracle->seen[kind][i];
    const struct uuid id = world_id(kind, i);
    uint32_t print;

    if (object->state == SG_ABSENT) {
        if (seen->held) {
            FAIL("%s: %s %d was forgotten", look->oracle->name,
                 sg_kind_name(kind), (int) i);
        }
        CHECK(kind != SG_KIND_MEMBERS || !look->oracle->sets[i]);
        return;
    }
    print = held_print(look->policy, kind, &id);
    judge_content(look, kind, i, object, print);
    if (object->revision) {
        if (object->revision < seen->revision) {
            FAIL("%s: %s %d went back from revision %lld to %lld",
                 look->oracle->name, sg_kind_name(kind), (int) i,
                 (long long int) seen->revision,
                 (long long int) object->revision);
        }
        seen->revision = object->revision;
    }
    seen->held = true;
    seen->spared = object->spared;
    seen->print = print;
}

static void
judge_content(struct look *look, enum sg_kind kind, size_t i,
              const struct store_object *object, uint32_t print)
{
    struct sim_oracle *o = look->oracle;
    const struct sim_seen *seen = &o->seen[kind][i];
    bool deleted = object->state == SG_DELETED;

    if (object->revision && object->state != SG_ORPHANED) {
        const struct history_entry *entry;

        entry = history_find(o->history, &look->status.epoch, kind, i,
                             object->revision);
        if (!entry) {
            FAIL("%s: %s %d at revision %lld, which never was", o->name,
                 sg_kind_name(kind), (int) i,
                 (long long int) object->revision);
        } else if (entry->deleted != deleted
                   || (!deleted && entry->print != print)) {
            FAIL("%s: %s %d at revision %lld is %s %08x, and was %s %08x",
                 o->name, sg_kind_name(kind), (int) i,
                 (long long int) object->revision,
                 sg_knowledge_name(object->state), print,
                 entry->deleted ? "deleted" : "there", entry->print);
        }
    } else {
        o->n_last_good++;
        if (!seen->held || seen->print != print) {
            FAIL("%s: last good of %s %d changed from %08x to %08x", o->name,
                 sg_kind_name(kind), (int) i, seen->print, print);
        }
    }
    if (seen->spared && object->spared && seen->print != print) {
        FAIL("%s: %s %d is spared, and changed", o->name, sg_kind_name(kind),
             (int) i);
    }
    if (deleted && print != world_print_deleted(kind)) {
        FAIL("%s: %s %d is deleted, and %08x is left", o->name,
             sg_kind_name(kind), (int) i, print);
    }
    if (kind == SG_KIND_MEMBERS
        && print != (world_print_deleted(kind) | o->sets[i])) {
        FAIL("%s: the set of group %d has %08x, not %08x", o->name, (int) i,
             o->sets[i], print);
    }
}

/* What the controller does not know may be anything but known. */
static bool
is_as_the_controller_has_it(const struct sim_oracle *o,
                            const struct sim_view *view,
                            const struct state *state,
                            const struct sg_ref *ref)
{
    const struct sg_policy *policy = policy_store_policy(view->store);
    struct store_object object;
    int64_t revision;
    uint32_t print;

    if (!policy_store_object(view->store, ref->kind, &ref->id, &object)
        || object.spared) {
        return false;
    }
    switch (state_find(state, ref->kind, &ref->id, &revision)) {
    case STATE_PRESENT:
        return (object.state == SG_KNOWN && object.revision == revision
                && world_has(state_topology(state), ref->kind, &ref->id,
                             &print)
                && print == held_print(policy, ref->kind, &ref->id));
    case STATE_DELETED:
        /* Whoever missed that it came back and went again misses nothing. */
        return object.state == SG_DELETED && object.revision <= revision;
    case STATE_UNKNOWN:
        /* A controller that has had it knows at least that it is gone: no
         * schedule is as long as that is remembered. */
        return (object.state != SG_KNOWN
                && !history_knows(o->history, state_epoch(state), ref->kind,
                                  world_number(ref->kind, &ref->id)));
    }
    OVS_NOT_REACHED();
}

static void
complain_about(const struct sim_oracle *o, const struct sim_view *view,
               const struct state *state, const struct sg_ref *ref)
{
    static const char *const answers[] = {
        [STATE_PRESENT] = "there", [STATE_DELETED] = "deleted",
        [STATE_UNKNOWN] = "unknown",
    };
    struct store_object object;
    int64_t revision;

    ignore(policy_store_object(view->store, ref->kind, &ref->id, &object));
    enum state_answer answer = state_find(state, ref->kind, &ref->id,
                                          &revision);
    FAIL("%s: %s %d is %s at %lld%s, and %s at %lld", o->name,
         sg_kind_name(ref->kind), (int) world_number(ref->kind, &ref->id),
         sg_knowledge_name(object.state), (long long int) object.revision,
         object.spared ? ", spared" : "", answers[answer],
         (long long int) revision);
}

static bool
have_equal_digests(const struct sim_view *view, const struct state *state)
{
    char here[RPC_DIGEST_LEN + 1], there[RPC_DIGEST_LEN + 1];
    struct ref_set closure;

    ref_set_init(&closure);
    for (size_t i = 0; i < WORLD_FAR; i++) {
        if (view->local & 1u << i) {
            const struct uuid id = world_id(SG_KIND_PORT, i);

            closure_add_port(state_topology(state), &id, &closure);
        }
    }
    closure_digest(state, &closure, there);
    ref_set_destroy(&closure);
    policy_store_digest(view->store, here);
    return !strcmp(here, there);
}

static uint32_t
held_print(const struct sg_policy *policy, enum sg_kind kind,
           const struct uuid *id)
{
    switch (kind) {
    case SG_KIND_PORT:
        return world_port_print(&sg_policy_port(policy, id)->spec);
    case SG_KIND_RULES:
        return world_rules_print(&sg_policy_group(policy, id)->rules);
    case SG_KIND_MEMBERS:
        return world_members_print(&sg_policy_group(policy, id)->members);
    }
    OVS_NOT_REACHED();
}

static size_t
n_objects(enum sg_kind kind)
{
    return kind == SG_KIND_PORT ? WORLD_FAR : WORLD_GROUPS;
}
