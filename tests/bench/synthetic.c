/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include <config.h>
#include "tests/bench/synthetic.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/util.h"
#include "util.h"
#include "uuid.h"

/* First words of the ids.  bench-agent makes the same port ids; a device is
 * named after the first eleven characters, so the number comes first. */
#define PORT_WORD 0x10000000u
#define GROUP_WORD 0x50000000u
#define OTHER_WORD 0x60000000u

#define FIRST_TCP_PORT 1000

/* Rules of each remote group: one per family. */
#define RULES_PER_REMOTE SG_N_FAMILIES

static struct uuid
make_id(uint32_t first, size_t i)
{
    struct uuid id = { .parts = { first + i, 0x00004000, 0x80000000, 0 } };

    return id;
}

static bool
id_in_range(const struct uuid *id, uint32_t first, size_t n, size_t *i)
{
    struct uuid made;

    *i = id->parts[0] - first;
    made = make_id(first, *i);
    return id->parts[0] >= first && *i < n && uuid_equals(&made, id);
}

void
synthetic_init(struct synthetic *s, const struct synthetic_config *config,
               const struct sg_epoch *epoch)
{
    memset(s, 0, sizeof *s);
    s->config = *config;
    s->epoch = *epoch;
    s->rules_revision = 1;
    s->measured_in_rules = !config->late;
    for (size_t g = 0; g < config->n_groups; g++) {
        s->groups[g].id = make_id(GROUP_WORD, g);
        s->groups[g].n_members = config->n_members;
        s->groups[g].revision = 1;
    }
}

struct uuid
synthetic_port_id(size_t i)
{
    return make_id(PORT_WORD, i);
}

void
synthetic_address(size_t g, size_t i, enum sg_family family,
                  struct sg_prefix *p)
{
    uint32_t low = g << 18 | (i + 1);

    memset(p, 0, sizeof *p);
    p->family = family;
    p->plen = sg_family_bits(family);
    if (family == SG_IPV4) {
        /* 10.0.0.0/8. */
        p->addr[0] = 10;
        p->addr[1] = low >> 16;
        p->addr[2] = low >> 8;
        p->addr[3] = low;
    } else {
        /* 2001:db8::/32, the documentation prefix. */
        p->addr[0] = 0x20;
        p->addr[1] = 0x01;
        p->addr[2] = 0x0d;
        p->addr[3] = 0xb8;
        p->addr[13] = low >> 16;
        p->addr[14] = low >> 8;
        p->addr[15] = low;
    }
}

static void
add_addresses(const struct synthetic *s, size_t g, size_t first, size_t n,
              struct sg_prefix_list *list)
{
    for (size_t i = first; i < first + n; i++) {
        size_t place = s->config.gaps ? 2 * i : i;
        struct sg_prefix p;

        synthetic_address(g, place, SG_IPV4, &p);
        sg_prefix_list_add(list, &p);
        if (s->config.dual) {
            synthetic_address(g, place, SG_IPV6, &p);
            sg_prefix_list_add(list, &p);
        }
    }
}

static bool
request_has(const struct synthetic *s, const struct sg_sync_request *request,
            enum sg_kind kind, const struct uuid *id, int64_t revision)
{
    if (sg_epoch_compare(&request->epoch, &s->epoch)) {
        return false;
    }
    for (size_t i = 0; i < request->n_have; i++) {
        const struct sg_ref *have = &request->have[i];

        if (have->kind == kind && have->revision == revision
            && uuid_equals(&have->id, id)) {
            return true;
        }
    }
    return false;
}

static void
answer_port(const struct synthetic *s, const struct sg_sync_request *request,
            size_t i, struct sg_update *answer)
{
    struct uuid id = synthetic_port_id(i);
    struct sg_port_spec *port;

    if (request_has(s, request, SG_KIND_PORT, &id, 1)) {
        return;
    }
    answer->ports = xrealloc(answer->ports,
                             (answer->n_ports + 1) * sizeof *answer->ports);
    port = &answer->ports[answer->n_ports++];
    memset(port, 0, sizeof *port);
    port->id = id;
    port->revision = 1;
    port->port_security_enabled = true;
    port->mac = (struct sg_mac) {
        .ea = { 0xfa, 0x16, 0x3e, 0, i >> 8, i },
    };
    port->n_fixed_ips = SG_N_FAMILIES;
    port->fixed_ips = xcalloc(SG_N_FAMILIES, sizeof *port->fixed_ips);
    for (int family = 0; family < SG_N_FAMILIES; family++) {
        synthetic_address(0, i, family, &port->fixed_ips[family]);
    }
    port->n_groups = 1;
    port->groups = xmemdup(&s->groups[0].id, sizeof *port->groups);
}

static struct sg_rule *
add_rule(struct sg_rules_spec *spec, enum sg_direction direction,
         enum sg_family family)
{
    struct sg_rule *rule = &spec->rules[spec->n_rules];

    rule->id = make_id(0x70000000u, spec->n_rules++);
    rule->direction = direction;
    rule->family = family;
    rule->protocol = -1;
    rule->icmp_type = rule->icmp_code = -1;
    rule->remote = SG_REMOTE_ANY;
    return rule;
}

static void
add_remote(struct sg_rules_spec *spec, struct uuid remote)
{
    for (int family = 0; family < SG_N_FAMILIES; family++) {
        struct sg_rule *rule = add_rule(spec, SG_INGRESS, family);

        rule->remote = SG_REMOTE_GROUP;
        rule->remote_id = remote;
    }
}

/* Appends the rules of group 0. */
static void
put_rules(const struct synthetic *s, struct sg_update *update)
{
    size_t n_remotes = s->config.n_others + s->config.n_groups;
    struct sg_rules_spec *spec = xzalloc(sizeof *spec);

    spec->group = s->groups[0].id;
    spec->revision = s->rules_revision;
    spec->stateful = true;
    spec->rules = xcalloc(SG_N_FAMILIES + n_remotes * RULES_PER_REMOTE
                          + s->n_more_rules, sizeof *spec->rules);
    for (int family = 0; family < SG_N_FAMILIES; family++) {
        add_rule(spec, SG_EGRESS, family);
    }
    for (size_t i = 0; i < s->config.n_others; i++) {
        add_remote(spec, make_id(OTHER_WORD, i));
    }
    for (size_t g = 0; s->measured_in_rules && g < s->config.n_groups; g++) {
        add_remote(spec, s->groups[g].id);
    }
    for (size_t i = 0; i < s->n_more_rules; i++) {
        struct sg_rule *rule = add_rule(spec, SG_INGRESS, SG_IPV4);

        rule->protocol = IPPROTO_TCP;
        rule->has_ports = true;
        rule->port_min = rule->port_max = FIRST_TCP_PORT + i;
    }
    update->rules = spec;
    update->n_rules = 1;
}

static void
answer_rules(const struct synthetic *s, const struct sg_sync_request *request,
             struct sg_update *answer)
{
    if (!request_has(s, request, SG_KIND_RULES, &s->groups[0].id,
                     s->rules_revision)) {
        put_rules(s, answer);
    }
}

static struct sg_members_spec *
put_members(struct sg_update *update, const struct uuid *id,
            int64_t revision)
{
    struct sg_members_spec *spec;

    update->members = xrealloc(update->members, ((update->n_members + 1)
                                                 * sizeof *update->members));
    spec = &update->members[update->n_members++];
    memset(spec, 0, sizeof *spec);
    spec->group = *id;
    spec->revision = revision;
    return spec;
}

static void
answer_members(const struct synthetic *s,
               const struct sg_sync_request *request, size_t g,
               struct sg_update *answer)
{
    const struct synthetic_group *group = &s->groups[g];
    struct sg_members_spec *spec;

    if (!request_has(s, request, SG_KIND_MEMBERS, &group->id,
                     group->revision)) {
        spec = put_members(answer, &group->id, group->revision);
        spec->whole = true;
        add_addresses(s, g, 0, group->n_members, &spec->added);
    }
}

/* The others never change; one member in each family. */
static void
answer_other(const struct synthetic *s, const struct sg_sync_request *request,
             size_t i, struct sg_update *answer)
{
    struct uuid id = make_id(OTHER_WORD, i);

    if (!request_has(s, request, SG_KIND_MEMBERS, &id, 1)) {
        struct sg_members_spec *spec = put_members(answer, &id, 1);

        spec->whole = true;
        for (int family = 0; family < SG_N_FAMILIES; family++) {
            struct sg_prefix p;

            synthetic_address(SYNTHETIC_MAX_GROUPS - 1, i, family, &p);
            sg_prefix_list_add(&spec->added, &p);
        }
    }
}

/* What the ports need: group 0's rules, the members of all they name. */
static void
answer_closure(const struct synthetic *s,
               const struct sg_sync_request *request,
               struct sg_update *answer)
{
    answer_rules(s, request, answer);
    for (size_t i = 0; i < s->config.n_others; i++) {
        answer_other(s, request, i, answer);
    }
    for (size_t g = 0; s->measured_in_rules && g < s->config.n_groups; g++) {
        answer_members(s, request, g, answer);
    }
}

static void
add_unknown(struct sg_update *answer, const struct sg_ref *ref)
{
    answer->unknown = xrealloc(answer->unknown, ((answer->n_unknown + 1)
                                                 * sizeof *answer->unknown));
    answer->unknown[answer->n_unknown++] = *ref;
}

/* Returns true if the ports' closure has to follow. */
static bool
answer_ports(const struct synthetic *s, const struct sg_sync_request *request,
             const struct sg_ref *refs, size_t n, struct sg_update *answer)
{
    bool any = false;

    for (size_t i = 0; i < n; i++) {
        size_t port;

        if (refs[i].kind != SG_KIND_PORT) {
            /* Not here. */
        } else if (id_in_range(&refs[i].id, PORT_WORD, s->config.n_ports,
                               &port)) {
            answer_port(s, request, port, answer);
            any = true;
        } else {
            add_unknown(answer, &refs[i]);
        }
    }
    return any;
}

static void
answer_object(const struct synthetic *s,
              const struct sg_sync_request *request,
              const struct sg_ref *ref, struct sg_update *answer)
{
    bool members = ref->kind == SG_KIND_MEMBERS;
    size_t i;

    if (ref->kind == SG_KIND_RULES
        && uuid_equals(&ref->id, &s->groups[0].id)) {
        answer_rules(s, request, answer);
    } else if (members && id_in_range(&ref->id, GROUP_WORD,
                                      s->config.n_groups, &i)) {
        answer_members(s, request, i, answer);
    } else if (members && id_in_range(&ref->id, OTHER_WORD,
                                      s->config.n_others, &i)) {
        answer_other(s, request, i, answer);
    } else {
        add_unknown(answer, ref);
    }
}

void
synthetic_answer(const struct synthetic *s,
                 const struct sg_sync_request *request,
                 struct sg_update *answer)
{
    size_t n = request->partial ? request->n_objects : request->n_ports;
    struct sg_ref *refs = xcalloc(n ? n : 1, sizeof *refs);
    bool closure;

    for (size_t i = 0; i < n; i++) {
        refs[i] = (request->partial ? request->objects[i]
                   : (struct sg_ref) { SG_KIND_PORT, request->ports[i], 0 });
    }
    sg_update_init(answer, SG_METHOD_SYNC);
    answer->epoch = s->epoch;
    closure = answer_ports(s, request, refs, n, answer);
    if (closure) {
        answer_closure(s, request, answer);
    }
    for (size_t i = 0; i < n; i++) {
        /* The closure has all rules and members there are. */
        if (refs[i].kind != SG_KIND_PORT && !closure) {
            answer_object(s, request, &refs[i], answer);
        }
    }
    free(refs);
}

void
synthetic_change_members(struct synthetic *s, size_t g,
                         enum synthetic_change change, size_t n,
                         struct sg_update *update)
{
    struct synthetic_group *group = &s->groups[g];
    struct sg_members_spec *spec;

    sg_update_init(update, SG_METHOD_MEMBERS_CHANGED);
    update->epoch = s->epoch;
    spec = put_members(update, &group->id, group->revision + 1);
    spec->prev = group->revision++;
    if (change == SYNTHETIC_ADD) {
        add_addresses(s, g, group->n_members, n, &spec->added);
        group->n_members += n;
    } else {
        group->n_members -= n;
        add_addresses(s, g, group->n_members, n, &spec->removed);
    }
}

void
synthetic_update_port(const struct synthetic *s, size_t i,
                      struct sg_update *update)
{
    static const struct sg_sync_request nothing_known;

    sg_update_init(update, SG_METHOD_PORTS_UPDATED);
    update->epoch = s->epoch;
    answer_port(s, &nothing_known, i, update);
}

void
synthetic_change_rule(struct synthetic *s, enum synthetic_change change,
                      struct sg_update *update)
{
    ovs_assert(change == SYNTHETIC_ADD || s->n_more_rules);
    s->n_more_rules += change == SYNTHETIC_ADD ? 1 : -1;
    s->rules_revision++;
    sg_update_init(update, SG_METHOD_RULES_UPDATED);
    update->epoch = s->epoch;
    put_rules(s, update);
}

void
synthetic_join(struct synthetic *s, struct sg_update *update)
{
    s->measured_in_rules = true;
    s->rules_revision++;
    sg_update_init(update, SG_METHOD_RULES_UPDATED);
    update->epoch = s->epoch;
    put_rules(s, update);
}

void
synthetic_beacon(const struct synthetic *s, int64_t seq,
                 struct sg_update *update)
{
    sg_update_init(update, SG_METHOD_BEACON);
    update->epoch = s->epoch;
    update->seq = seq;
    update->entries = xcalloc(s->config.n_groups, sizeof *update->entries);
    for (size_t g = 0; g < s->config.n_groups; g++) {
        update->entries[g].hash = sg_ref_hash(SG_KIND_MEMBERS,
                                              &s->groups[g].id);
        update->entries[g].revision = s->groups[g].revision;
    }
    update->n_entries = s->config.n_groups;
}
