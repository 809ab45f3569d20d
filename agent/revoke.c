/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* What changes of the policy were about, until a pass looks at the flows
 * (revoke_pass.c). */

#include <config.h>
#include "agent/revoke-private.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "util.h"
#include "uuid.h"

/* Stands for "stateful" among the hashes of a group's rules. */
#define STATEFUL_HASH 1

/* The zone a device's port had when it was last looked at. */
struct known_zone {
    struct hmap_node node;      /* In revoke 'devices', by device. */
    char device[SG_DEVICE_LEN];
    uint16_t zone;
    bool stateless;
    uint64_t generation;        /* In which it became that. */
    bool lacks;                 /* Something that it names is not known. */
    long long int lacks_since;  /* When that was last found out. */
};

/* A group's rules when they were last looked at: a hash of what each says,
 * sorted.  That answers pass without a rule is one of them. */
struct known_rules {
    struct hmap_node node;      /* In revoke 'rules', by group. */
    struct uuid group;
    uint64_t *hashes;
    size_t n;
};

static void scope_init(struct scope *);
static void scope_uninit(struct scope *);
static void lane_init(struct lane *);
static void lane_uninit(struct lane *);
static void note_device(struct revoke *, const struct sg_policy *,
                        struct scope *, const char *device,
                        long long int now);
static void note_rules(struct revoke *, const struct sg_policy *,
                       struct scope *, const struct uuid *group,
                       long long int now);
static bool learn_rules(struct revoke *, const struct sg_policy *,
                        const struct uuid *group);
static void forget_rules(struct revoke *, const struct sg_policy *);
static struct known_zone *learn_device(struct revoke *,
                                       const struct sg_policy *,
                                       const struct sg_port *);

struct revoke *
revoke_create(const struct revoke_config *config, long long int now)
{
    struct revoke *r = xzalloc(sizeof *r);

    r->config = *config;
    r->created = now;
    hmap_init(&r->devices);
    hmap_init(&r->rules);
    lane_init(&r->structure);
    lane_init(&r->departures);
    scope_init(&r->ready);
    scope_init(&r->again);
    scope_init(&r->served[0]);
    scope_init(&r->served[1]);
    r->served_at = LLONG_MIN;
    r->last_begin = r->retry_at = LLONG_MIN;
    r->last_budget = LLONG_MIN;
    r->budget_us = REVOKE_CPU_BURST_US;
    r->marks = true;
    r->status.keep = config->keep;
    r->status.cut_lag_ms = r->status.longest_lag_ms = -1;
    return r;
}

void
revoke_destroy(struct revoke *r)
{
    if (r) {
        struct known_zone *kz;
        struct known_rules *kr;

        HMAP_FOR_EACH_POP (kz, node, &r->devices) {
            free(kz);
        }
        hmap_destroy(&r->devices);
        HMAP_FOR_EACH_POP (kr, node, &r->rules) {
            free(kr->hashes);
            free(kr);
        }
        hmap_destroy(&r->rules);
        lane_uninit(&r->structure);
        lane_uninit(&r->departures);
        scope_uninit(&r->ready);
        scope_uninit(&r->again);
        scope_uninit(&r->served[0]);
        scope_uninit(&r->served[1]);
        flow_judge_destroy(r->judge);
        free(r->problem);
        free(r);
    }
}

/* ------------------------------------------------------------------------ */
/* Scopes. */

static void
scope_init(struct scope *s)
{
    memset(s, 0, sizeof *s);
    s->since = LLONG_MAX;
    sg_members_init(&s->addresses);
}

static void
scope_uninit(struct scope *s)
{
    free(s->zones);
    sg_members_uninit(&s->addresses);
}

void
revoke_scope_clear(struct scope *s)
{
    free(s->zones);
    s->zones = NULL;
    sg_members_clear(&s->addresses);
    s->any = s->start = s->all = s->marked = false;
    s->generation = 0;
    s->since = LLONG_MAX;
}

static void
scope_add_zone(struct scope *s, uint16_t zone, uint8_t flags)
{
    if (!s->zones) {
        s->zones = xzalloc(N_ZONES);
    }
    s->zones[zone] |= flags;
}

static void
scope_touch(struct scope *s, uint64_t generation, long long int since)
{
    s->any = true;
    s->generation = MAX(s->generation, generation);
    s->since = MIN(s->since, since);
}

void
revoke_scope_look(struct scope *s, uint16_t zone, uint64_t generation,
                  long long int since)
{
    scope_add_zone(s, zone, REVOKE_ZONE_LOOK);
    scope_touch(s, generation, since);
}

static void
scope_add_address(struct scope *s, const struct sg_prefix *p)
{
    if (s->all) {
        return;
    }
    sg_members_add(&s->addresses, p);
    if (sg_members_count(&s->addresses) > REVOKE_MAX_ADDRESSES) {
        sg_members_clear(&s->addresses);
        s->all = true;
    }
}

/* 'from' is NULL afterwards. */
static void
move_zones(uint8_t **to, uint8_t **from)
{
    if (!*to) {
        *to = *from;
        *from = NULL;
    } else if (*from) {
        for (size_t i = 0; i < N_ZONES; i++) {
            (*to)[i] |= (*from)[i];
        }
        free(*from);
        *from = NULL;
    }
}

/* 'from' is empty afterwards. */
void
revoke_scope_move(struct scope *to, struct scope *from)
{
    const struct sg_member *m;

    if (!from->any) {
        return;
    }
    to->any = true;
    to->start = to->start || from->start;
    to->all = to->all || from->all;
    to->marked = to->marked || from->marked;
    to->generation = MAX(to->generation, from->generation);
    to->since = MIN(to->since, from->since);
    move_zones(&to->zones, &from->zones);
    SG_MEMBERS_FOR_EACH (m, &from->addresses) {
        scope_add_address(to, &m->prefix);
    }
    revoke_scope_clear(from);
}

void
revoke_scope_take_back(struct scope *to, struct revoke_job *job)
{
    struct scope s;

    scope_init(&s);
    s.any = true;
    s.start = job->start;
    s.all = job->all;
    s.marked = job->marked;
    s.since = job->since;
    move_zones(&s.zones, &job->zones);
    sg_members_swap(&s.addresses, &job->addresses);
    revoke_scope_move(&s, to);
    revoke_scope_move(to, &s);
    scope_uninit(&s);
}

/* ------------------------------------------------------------------------ */
/* What was looked at a moment ago, or is now, or waits because it was. */

static void
forget_served(struct revoke *r, long long int now)
{
    if (now - REVOKE_MOMENT_MS >= r->served_at) {
        revoke_scope_clear(&r->served[1]);
        if (now - 2 * REVOKE_MOMENT_MS >= r->served_at) {
            revoke_scope_clear(&r->served[0]);
        }
        revoke_scope_move(&r->served[1], &r->served[0]);
        r->served_at = now;
    }
}

void
revoke_note_served(struct revoke *r, struct revoke_job *job,
                   long long int now)
{
    /* One of everything says nothing about anybody. */
    if (!job->all) {
        forget_served(r, now);
        revoke_scope_take_back(&r->served[0], job);
    }
}

static bool
was_served(const struct revoke *r, const struct sg_prefix *address)
{
    return sg_members_contains(&r->served[0].addresses, address)
           || sg_members_contains(&r->served[1].addresses, address)
           || sg_members_contains(&r->again.addresses, address)
           || (r->running
               && sg_members_contains(&r->running->addresses, address));
}

static bool
zone_was_served(const struct revoke *r, size_t zone)
{
    const uint8_t *const maps[] = {
        r->served[0].zones, r->served[1].zones, r->again.zones,
        r->running ? r->running->zones : NULL,
    };

    for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
        if (maps[i] && maps[i][zone] & REVOKE_ZONE_LOOK) {
            return true;
        }
    }
    return false;
}

/* Moves what was looked at a moment ago from 's' to 'again'. */
static void
take_served(const struct revoke *r, struct scope *s, struct scope *again)
{
    struct sg_member *m;
    bool left = false;

    SG_MEMBERS_FOR_EACH_SAFE (m, &s->addresses) {
        struct sg_prefix p = m->prefix;

        if (was_served(r, &p)) {
            scope_add_address(again, &p);
            sg_members_remove(&s->addresses, &p);
            scope_touch(again, s->generation, s->since);
        }
    }
    for (size_t i = 0; s->zones && i < N_ZONES; i++) {
        if (s->zones[i] == REVOKE_ZONE_LOOK && zone_was_served(r, i)) {
            revoke_scope_look(again, i, s->generation, s->since);
            s->zones[i] = 0;
        }
        left = left || s->zones[i];
    }
    if (!left) {
        free(s->zones);
        s->zones = NULL;
    }
}

static void
make_ready(struct revoke *r, struct scope *s, long long int now)
{
    forget_served(r, now);
    if (!s->all) {
        take_served(r, s, &r->again);
    }
    revoke_scope_move(&r->ready, s);
}

/* ------------------------------------------------------------------------ */
/* Lanes. */

static void
lane_init(struct lane *lane)
{
    scope_init(&lane->noted);
    scope_init(&lane->waiting);
    lane->settled_at = LLONG_MAX;
}

static void
lane_uninit(struct lane *lane)
{
    scope_uninit(&lane->noted);
    scope_uninit(&lane->waiting);
}

/* 'generation' is in force. */
static void
lane_run(struct revoke *r, struct lane *lane, uint64_t generation,
         long long int now)
{
    if (now >= lane->settled_at) {
        make_ready(r, &lane->waiting, now);
        lane->settled_at = LLONG_MAX;
    }
    if (!lane->waiting.any) {
        revoke_scope_move(&lane->waiting, &lane->noted);
    }
    if (lane->waiting.any && lane->waiting.generation <= generation
        && lane->settled_at == LLONG_MAX) {
        lane->settled_at = now + REVOKE_SETTLE_MS;
    }
}

/* ------------------------------------------------------------------------ */
/* Changes. */

void
revoke_started(struct revoke *r, const struct sg_policy *policy,
               bool unfiltered, long long int now)
{
    const struct sg_group *group;
    const struct sg_port *port;

    if (r->started) {
        return;
    }
    r->started = true;
    r->unfiltered = unfiltered;
    HMAP_FOR_EACH (port, node, &policy->ports) {
        learn_device(r, policy, port);
    }
    HMAP_FOR_EACH (group, node, &policy->groups) {
        learn_rules(r, policy, &group->id);
    }
    r->structure.noted.start = true;
    r->structure.noted.all = !r->config.keep;
    r->structure.noted.marked = true;
    scope_touch(&r->structure.noted, policy->generation, now);
}

void
revoke_note_structure(struct revoke *r, const struct sg_policy *policy,
                      const struct store_dirty *dirty, long long int now)
{
    struct scope *noted = &r->structure.noted;

    if (!r->started) {
        return;
    }
    for (size_t i = 0; i < dirty->n_devices; i++) {
        note_device(r, policy, noted, dirty->devices[i], now);
    }
    for (size_t i = 0; i < dirty->n_groups; i++) {
        note_rules(r, policy, noted, &dirty->groups[i], now);
    }
    forget_rules(r, policy);
    scope_touch(noted, policy->generation, now);
}

/* An address that comes can only bring flows back.  It may wait for rules. */
void
revoke_note_members(struct revoke *r, const struct sg_policy *policy,
                    const struct store_change *changes, size_t n,
                    long long int now)
{
    struct scope *came = &r->structure.noted;
    struct scope *left = &r->departures.noted;

    if (!r->started || r->config.keep) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < changes[i].removed.n; j++) {
            scope_add_address(left, &changes[i].removed.p[j]);
            scope_touch(left, policy->generation, now);
        }
        if (changes[i].added.n && (r->marks || r->running)) {
            came->marked = true;
            scope_touch(came, policy->generation, now);
        }
    }
}

void
revoke_applied(struct revoke *r, const struct revoke_in_force *in_force,
               long long int now)
{
    r->in_force = *in_force;
    lane_run(r, &r->structure, in_force->rules, now);
    lane_run(r, &r->departures, in_force->deletions, now);
}

static struct known_zone *
find_device(const struct revoke *r, const char *device)
{
    struct known_zone *kz;

    HMAP_FOR_EACH_WITH_HASH (kz, node, hash_string(device, 0), &r->devices) {
        if (!strcmp(kz->device, device)) {
            return kz;
        }
    }
    return NULL;
}

/* NULL: it has no zone. */
static struct known_zone *
learn_device(struct revoke *r, const struct sg_policy *policy,
             const struct sg_port *port)
{
    const struct sg_binding *b = &port->binding;
    struct known_zone *kz;

    if (b->plug != SG_PLUG_HYBRID || !b->zone) {
        return NULL;
    }
    kz = find_device(r, b->device);
    if (!kz) {
        kz = xzalloc(sizeof *kz);
        ovs_strzcpy(kz->device, b->device, sizeof kz->device);
        hmap_insert(&r->devices, &kz->node, hash_string(b->device, 0));
    }
    kz->zone = b->zone;
    kz->stateless = (sg_port_tracking(policy, &port->spec)
                     == SG_STATELESS);
    kz->generation = policy->generation;
    return kz;
}

static bool
is_absent(const struct sg_policy *policy, const struct sg_rule *rule)
{
    const struct sg_group *remote;

    if (rule->remote != SG_REMOTE_GROUP
        && rule->remote != SG_REMOTE_ADDRESS_GROUP) {
        return false;
    }
    remote = sg_policy_group(policy, &rule->remote_id);
    return !remote || remote->members_state == SG_ABSENT;
}

/* Are the group's rules, or is who a remote of them is, not known? */
static bool
group_lacks(const struct sg_policy *policy, const struct uuid *id)
{
    const struct sg_group *group = sg_policy_group(policy, id);

    if (!group || group->rules_state == SG_ABSENT) {
        return true;
    }
    for (size_t i = 0; i < group->rules.n_rules; i++) {
        if (is_absent(policy, &group->rules.rules[i])) {
            return true;
        }
    }
    return false;
}

static bool
port_lacks(const struct sg_policy *policy, const struct sg_port *port)
{
    if (port->state == SG_ABSENT || !sg_port_filters(&port->spec)) {
        return false;
    }
    for (size_t i = 0; i < port->spec.n_groups; i++) {
        if (group_lacks(policy, &port->spec.groups[i])) {
            return true;
        }
    }
    return false;
}

static void
note_lack(struct known_zone *kz, bool lacks, long long int now)
{
    kz->lacks = lacks;
    kz->lacks_since = now;
}

bool
revoke_device_lacks(const struct revoke *r, const char *device)
{
    const struct known_zone *kz = find_device(r, device);

    return kz && kz->lacks && r->last_begin - REVOKE_LACK_MS < kz->lacks_since;
}

static bool
looks_at(const struct scope *s, uint16_t zone)
{
    return s->all || (s->zones && s->zones[zone] & REVOKE_ZONE_LOOK);
}

/* Are the zone's flows still to be looked at? */
static bool
is_to_be_looked_at(const struct revoke *r, uint16_t zone)
{
    return looks_at(&r->structure.noted, zone)
           || looks_at(&r->structure.waiting, zone)
           || looks_at(&r->ready, zone)
           || (r->running && (r->running->all
                              || r->running->zones[zone]
                                 & REVOKE_ZONE_LOOK));
}

/* 'kz' was 'before'.  Of flows that the kernel did not track for a while it
 * does not know where they are. */
static void
note_tracking(const struct revoke *r, struct scope *scope,
              const struct known_zone *before, struct known_zone *kz)
{
    if (kz->stateless == before->stateless) {
        kz->generation = before->generation;
    } else if (kz->stateless) {
        scope_add_zone(scope, kz->zone, REVOKE_ZONE_LOOK);
    } else if (before->generation <= r->in_force.rules) {
        bool frozen = is_to_be_looked_at(r, kz->zone);

        scope_add_zone(scope, kz->zone, REVOKE_ZONE_LOOK | REVOKE_ZONE_THAWED
                       | (frozen ? REVOKE_ZONE_FROZEN : 0));
    }
}

/* Whatever became of the port, its zone's flows are to be judged; those of a
 * zone that it has no more are nobody's. */
static void
note_device(struct revoke *r, const struct sg_policy *policy,
            struct scope *scope, const char *device, long long int now)
{
    struct known_zone *kz = find_device(r, device);
    struct known_zone before = { .zone = 0 };
    const struct sg_port *port;

    if (kz) {
        before = *kz;
        scope_add_zone(scope, kz->zone, REVOKE_ZONE_GONE);
        hmap_remove(&r->devices, &kz->node);
        free(kz);
    }
    HMAP_FOR_EACH (port, node, &policy->ports) {
        if (strcmp(port->binding.device, device)) {
            continue;
        }
        kz = learn_device(r, policy, port);
        if (kz) {
            note_lack(kz, port_lacks(policy, port), now);
        }
        if (kz && kz->zone != before.zone) {
            scope_add_zone(scope, kz->zone,
                           REVOKE_ZONE_LOOK | REVOKE_ZONE_NEW);
        } else if (kz) {
            note_tracking(r, scope, &before, kz);
            if (!r->config.keep) {
                scope_add_zone(scope, kz->zone, REVOKE_ZONE_LOOK);
            }
        }
    }
}

static bool
has_group(const struct sg_port_spec *spec, const struct uuid *group)
{
    for (size_t i = 0; i < spec->n_groups; i++) {
        if (uuid_equals(&spec->groups[i], group)) {
            return true;
        }
    }
    return false;
}

/* Rules that only come can only bring flows back. */
static void
note_rules(struct revoke *r, const struct sg_policy *policy,
           struct scope *scope, const struct uuid *group, long long int now)
{
    bool narrowed = learn_rules(r, policy, group);
    bool lacks = group_lacks(policy, group);
    const struct sg_port *port;

    scope->marked = scope->marked || !narrowed;
    HMAP_FOR_EACH (port, node, &policy->ports) {
        struct known_zone *kz = (has_group(&port->spec, group)
                                 ? find_device(r, port->binding.device)
                                 : NULL);

        if (kz) {
            const struct known_zone before = *kz;

            learn_device(r, policy, port);
            note_lack(kz, lacks || (kz->lacks && port_lacks(policy, port)),
                      now);
            note_tracking(r, scope, &before, kz);
            if (narrowed && !r->config.keep) {
                scope_add_zone(scope, kz->zone, REVOKE_ZONE_LOOK);
            }
        }
    }
}

static int
compare_hashes(const void *a_, const void *b_)
{
    const uint64_t *a = a_, *b = b_;

    return *a < *b ? -1 : *a > *b;
}

/* Of what it says: the id does not matter. */
static uint64_t
hash_rule(const struct sg_rule *rule)
{
    const uint32_t words[] = {
        rule->direction, rule->family, rule->protocol, rule->has_ports,
        rule->has_ports ? rule->port_min : 0,
        rule->has_ports ? rule->port_max : 0,
        rule->has_source_ports,
        rule->has_source_ports ? rule->source_port_min : 0,
        rule->has_source_ports ? rule->source_port_max : 0,
        rule->icmp_type, rule->icmp_code, rule->remote,
    };
    uint64_t h[2];

    for (size_t i = 0; i < 2; i++) {
        h[i] = hash_bytes(words, sizeof words, i);
        if (rule->remote == SG_REMOTE_PREFIX) {
            h[i] = hash_bytes(&rule->remote_prefix,
                              sizeof rule->remote_prefix, h[i]);
        } else if (rule->remote != SG_REMOTE_ANY) {
            h[i] = hash_bytes(&rule->remote_id, sizeof rule->remote_id,
                              h[i]);
        }
    }
    return h[0] << 32 | h[1];
}

static bool
is_subset(const struct known_rules *a, const uint64_t *hashes, size_t n)
{
    size_t j = 0;

    for (size_t i = 0; i < a->n; i++) {
        while (j < n && hashes[j] < a->hashes[i]) {
            j++;
        }
        if (j >= n || hashes[j] != a->hashes[i]) {
            return false;
        }
    }
    return true;
}

static void
forget(struct revoke *r, struct known_rules *kr)
{
    hmap_remove(&r->rules, &kr->node);
    free(kr->hashes);
    free(kr);
}

/* Remembers the rules as they are.  Returns whether one of those that were
 * remembered is missing, or none were. */
static bool
learn_rules(struct revoke *r, const struct sg_policy *policy,
            const struct uuid *id)
{
    const struct sg_group *group = sg_policy_group(policy, id);
    bool in_force = group && (group->rules_state == SG_KNOWN
                              || group->rules_state == SG_ORPHANED);
    size_t n = in_force ? group->rules.n_rules : 0;
    uint64_t *hashes = xcalloc(n + 2, sizeof *hashes);
    struct known_rules *kr;
    bool narrowed = true;

    for (size_t i = 0; i < n; i++) {
        hashes[i] = hash_rule(&group->rules.rules[i]);
    }
    if (in_force && group->rules.stateful) {
        hashes[n++] = STATEFUL_HASH;
    }
    qsort(hashes, n, sizeof *hashes, compare_hashes);
    HMAP_FOR_EACH_WITH_HASH (kr, node, sg_id_hash(id), &r->rules) {
        if (uuid_equals(&kr->group, id)) {
            narrowed = !is_subset(kr, hashes, n);
            free(kr->hashes);
            break;
        }
    }
    if (!kr) {
        kr = xzalloc(sizeof *kr);
        kr->group = *id;
        hmap_insert(&r->rules, &kr->node, sg_id_hash(id));
    }
    kr->hashes = hashes;
    kr->n = n;
    if (!group) {
        forget(r, kr);
    }
    return narrowed;
}

/* A group that nobody used any more goes without a word.  Whatever is not
 * remembered counts as narrowed when it comes. */
static void
forget_rules(struct revoke *r, const struct sg_policy *policy)
{
    struct known_rules *kr;

    if (hmap_count(&r->rules) <= hmap_count(&policy->groups)) {
        return;
    }
    HMAP_FOR_EACH_SAFE (kr, node, &r->rules) {
        if (!sg_policy_group(policy, &kr->group)) {
            forget(r, kr);
        }
    }
}

size_t
revoke_n_remembered(const struct revoke *r)
{
    return hmap_count(&r->rules);
}
