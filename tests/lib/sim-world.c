/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tests/lib/sim-world.h"

#include <stdlib.h>
#include <string.h>

#include "tests/lib/test.h"
#include "tools/sg-controller/diff.h"
#include "tools/sg-controller/membership.h"
#include "tools/sg-controller/topology.h"
#include "util.h"
#include "uuid.h"

/* Marks of what exists, so that no print is 0. */
#define PRINT_EXISTS (UINT32_C(1) << 31)

static void change_port(struct world *, uint64_t *random);
static void change_group(struct world *, uint64_t *random);
static void add_port(struct topology *, const struct world *, size_t i);
static void add_group(struct topology *, const struct world *, size_t i);
static struct sg_prefix address(size_t i);

static unsigned int
roll(uint64_t *random, unsigned int n)
{
    return (unsigned int) (test_random(random) % n);
}

void
world_init(struct world *w, uint64_t *random)
{
    memset(w, 0, sizeof *w);
    for (size_t i = 0; i < WORLD_GROUPS; i++) {
        w->groups[i] = (struct world_group) {
            .exists = true, .remotes = roll(random, 1u << WORLD_GROUPS),
        };
    }
    for (size_t i = 0; i < WORLD_PORTS; i++) {
        w->ports[i] = (struct world_port) {
            .exists = roll(random, 4) > 0,
            .groups = roll(random, 1u << WORLD_GROUPS),
            .variant = 1 + roll(random, 3),
        };
    }
}

void
world_change(struct world *w, uint64_t *random)
{
    for (unsigned int n = 1 + roll(random, 3) / 2; n > 0; n--) {
        if (roll(random, 4)) {
            change_port(w, random);
        } else {
            change_group(w, random);
        }
    }
}

void
world_purge(struct world *w, uint64_t *random)
{
    for (size_t i = 0; i < WORLD_PORTS; i++) {
        if (!roll(random, 8)) {
            continue;
        } else if (roll(random, 2)) {
            w->ports[i].exists = false;
        } else {
            w->ports[i].groups = 0;
        }
    }
}

void
world_truncate(struct world *w, uint64_t *random)
{
    for (size_t i = 0; i < WORLD_GROUPS; i++) {
        w->groups[i].exists = w->groups[i].exists && roll(random, 2);
    }
    for (size_t i = 0; i < WORLD_PORTS; i++) {
        w->ports[i].exists = w->ports[i].exists && roll(random, 2);
    }
}

static void
change_port(struct world *w, uint64_t *random)
{
    struct world_port *p = &w->ports[roll(random, WORLD_PORTS)];

    if (!p->exists || !roll(random, 6)) {
        p->exists = !p->exists;
    } else if (!roll(random, 3)) {
        p->variant = roll(random, 16);
    } else {
        /* One group more or less; rarely none is left. */
        p->groups = (roll(random, 12)
                     ? p->groups ^ 1u << roll(random, WORLD_GROUPS) : 0);
    }
}

static void
change_group(struct world *w, uint64_t *random)
{
    struct world_group *g = &w->groups[roll(random, WORLD_GROUPS)];

    if (!g->exists || !roll(random, 5)) {
        g->exists = !g->exists;
    } else if (roll(random, 2)) {
        g->remotes ^= 1u << roll(random, WORLD_GROUPS);
    } else {
        g->variant = roll(random, 16);
    }
}

struct topology *
world_topology(const struct world *w)
{
    struct topology *t = topology_create();
    struct topology_group *g;

    for (size_t i = 0; i < WORLD_GROUPS; i++) {
        if (w->groups[i].exists) {
            add_group(t, w, i);
        }
    }
    for (size_t i = 0; i < WORLD_PORTS; i++) {
        if (w->ports[i].exists) {
            add_port(t, w, i);
        }
    }
    membership_derive(t);
    HMAP_FOR_EACH (g, node, &t->groups) {
        const struct sg_member *m;

        SG_MEMBERS_FOR_EACH (m, &g->members) {
            sg_prefix_list_add(&g->sorted, &m->prefix);
        }
        sg_prefix_list_sort(&g->sorted);
    }
    return t;
}

static void
add_port(struct topology *t, const struct world *w, size_t i)
{
    const struct world_port *p = &w->ports[i];
    struct topology_port *port = xzalloc(sizeof *port);
    struct sg_port_spec *spec = &port->spec;
    struct sg_prefix ip = address(i);

    spec->id = world_id(SG_KIND_PORT, i);
    spec->mac.ea[0] = 2;
    spec->mac.ea[5] = (uint8_t) p->variant;
    spec->port_security_enabled = p->variant % 4 != 0;
    spec->fixed_ips = xmemdup(&ip, sizeof ip);
    spec->n_fixed_ips = 1;
    spec->groups = xcalloc(WORLD_GROUPS, sizeof *spec->groups);
    for (size_t g = 0; g < WORLD_GROUPS; g++) {
        if (p->groups & 1u << g && w->groups[g].exists) {
            spec->groups[spec->n_groups++] = world_id(SG_KIND_RULES, g);
        }
    }
    hmap_insert(&t->ports, &port->node, sg_id_hash(&spec->id));
}

/* A rule may name a group that is gone. */
static void
add_group(struct topology *t, const struct world *w, size_t i)
{
    struct topology_group *group = xzalloc(sizeof *group);
    struct sg_rules_spec *spec = &group->rules;

    group->id = spec->group = world_id(SG_KIND_RULES, i);
    spec->stateful = true;
    spec->rules = xcalloc(WORLD_GROUPS + 1, sizeof *spec->rules);
    for (size_t g = 0; g <= WORLD_GROUPS; g++) {
        struct sg_rule *rule;

        if (g < WORLD_GROUPS && !(w->groups[i].remotes & 1u << g)) {
            continue;
        }
        rule = &spec->rules[spec->n_rules++];
        rule->id = world_id(SG_KIND_PORT, g);
        rule->id.parts[1] = 7;
        rule->protocol = 6;
        rule->icmp_type = rule->icmp_code = -1;
        rule->has_ports = true;
        rule->port_min = rule->port_max = (uint16_t) w->groups[i].variant;
        if (g < WORLD_GROUPS) {
            rule->remote = SG_REMOTE_GROUP;
            rule->remote_id = world_id(SG_KIND_RULES, g);
        }
    }
    sg_members_init(&group->members);
    hmap_insert(&t->groups, &group->node, sg_id_hash(&group->id));
}

/* The last two ports share one. */
static struct sg_prefix
address(size_t i)
{
    struct sg_prefix p;

    memset(&p, 0, sizeof p);
    p.family = SG_IPV4;
    p.plen = 32;
    p.addr[0] = 10;
    p.addr[3] = (uint8_t) MIN(i + 1, WORLD_PORTS - 1);
    return p;
}

struct uuid
world_id(enum sg_kind kind, size_t i)
{
    return (struct uuid) {
        .parts = { kind == SG_KIND_PORT ? 0x50000000 : 0x60000000, 0, 0,
                   (uint32_t) i + 1 },
    };
}

size_t
world_number(enum sg_kind kind, const struct uuid *id)
{
    size_t i = (size_t) id->parts[3] - 1;
    size_t n = kind == SG_KIND_PORT ? WORLD_PORTS : WORLD_GROUPS;

    return i < n ? i : SIZE_MAX;
}

bool
world_has(const struct topology *topology, enum sg_kind kind,
          const struct uuid *id, uint32_t *print)
{
    const struct topology_port *port = topology_port(topology, id);
    const struct topology_group *group = topology_group(topology, id);

    switch (kind) {
    case SG_KIND_PORT:
        *print = port ? world_port_print(&port->spec) : 0;
        break;
    case SG_KIND_RULES:
        *print = group ? world_rules_print(&group->rules) : 0;
        break;
    case SG_KIND_MEMBERS:
        *print = group ? world_members_print(&group->members) : 0;
        break;
    }
    return *print != 0;
}

uint32_t
world_port_print(const struct sg_port_spec *spec)
{
    uint32_t print = (PRINT_EXISTS | (uint32_t) spec->mac.ea[5] << 8
                      | (uint32_t) spec->port_security_enabled << 16);

    for (size_t i = 0; i < spec->n_groups; i++) {
        print |= 1u << world_number(SG_KIND_RULES, &spec->groups[i]);
    }
    for (size_t i = 0; i < spec->n_fixed_ips; i++) {
        print |= (uint32_t) spec->fixed_ips[i].addr[3] << 20;
    }
    return print;
}

uint32_t
world_rules_print(const struct sg_rules_spec *spec)
{
    uint32_t print = PRINT_EXISTS;

    for (size_t i = 0; i < spec->n_rules; i++) {
        print |= (uint32_t) spec->rules[i].port_min << 8;
        if (spec->rules[i].remote == SG_REMOTE_GROUP) {
            print |= 1u << world_number(SG_KIND_RULES,
                                        &spec->rules[i].remote_id);
        }
    }
    return print;
}

uint32_t
world_print_deleted(enum sg_kind kind)
{
    static const struct sg_port_spec port = { .port_security_enabled = true };

    return kind == SG_KIND_PORT ? world_port_print(&port) : PRINT_EXISTS;
}

uint32_t
world_address_bit(const struct sg_prefix *p)
{
    return UINT32_C(1) << p->addr[3];
}

uint32_t
world_members_print(const struct sg_members *members)
{
    uint32_t print = PRINT_EXISTS;
    const struct sg_member *m;

    SG_MEMBERS_FOR_EACH (m, members) {
        print |= world_address_bit(&m->prefix);
    }
    return print;
}

/* ## History ## */

struct record {
    struct sg_epoch epoch;
    int64_t revision;
    struct history_entry entry;
};
struct records {
    struct record *p;
    size_t n, allocated;
};
struct history {
    struct records objects[SG_N_KINDS][WORLD_OBJECTS];
};

struct history *
history_create(void)
{
    return xzalloc(sizeof(struct history));
}

void
history_destroy(struct history *h)
{
    for (int kind = 0; h && kind < SG_N_KINDS; kind++) {
        for (size_t i = 0; i < WORLD_OBJECTS; i++) {
            free(h->objects[kind][i].p);
        }
    }
    free(h);
}

/* What is between two changes of one flush stands in no topology. */
static uint32_t
print_after(const struct records *records, const struct sg_epoch *epoch,
            const struct change *change, const struct topology *topology)
{
    size_t n = records->n;
    uint32_t print;

    switch (change->kind) {
    case SG_KIND_PORT:
        return world_port_print(change->common ? change->common
                                : &topology_port(topology,
                                                 &change->id)->spec);
    case SG_KIND_RULES:
        return world_rules_print(&topology_group(topology,
                                                 &change->id)->rules);
    case SG_KIND_MEMBERS:
        break;
    }
    if (change->type == CHANGE_CREATED) {
        return world_members_print(&topology_group(topology,
                                                   &change->id)->members);
    }
    /* Another controller may have been at work in between. */
    while (n && sg_epoch_compare(&records->p[n - 1].epoch, epoch)) {
        n--;
    }
    ovs_assert(n);
    print = records->p[n - 1].entry.print;
    for (size_t i = 0; i < change->removed.n; i++) {
        print &= ~world_address_bit(&change->removed.p[i]);
    }
    for (size_t i = 0; i < change->added.n; i++) {
        print |= world_address_bit(&change->added.p[i]);
    }
    return print;
}

void
history_note(struct history *h, const struct sg_epoch *epoch,
             const struct change_list *changes,
             const struct topology *topology)
{
    for (size_t i = 0; i < changes->n; i++) {
        const struct change *change = &changes->changes[i];
        size_t number = world_number(change->kind, &change->id);
        struct records *records = &h->objects[change->kind][number];
        bool deleted = change->type == CHANGE_DELETED;
        struct record record = {
            .epoch = *epoch,
            .revision = change->revision,
            .entry.deleted = deleted,
            .entry.print = deleted ? 0 : print_after(records, epoch, change,
                                                     topology),
        };

        if (records->n >= records->allocated) {
            records->p = x2nrealloc(records->p, &records->allocated,
                                    sizeof *records->p);
        }
        records->p[records->n++] = record;
    }
}

const struct history_entry *
history_find(const struct history *h, const struct sg_epoch *epoch,
             enum sg_kind kind, size_t i, int64_t revision)
{
    const struct records *records = &h->objects[kind][i];

    for (size_t n = records->n; n > 0; n--) {
        const struct record *r = &records->p[n - 1];

        if (r->revision == revision && !sg_epoch_compare(&r->epoch, epoch)) {
            return &r->entry;
        }
    }
    return NULL;
}

bool
history_knows(const struct history *h, const struct sg_epoch *epoch,
              enum sg_kind kind, size_t i)
{
    const struct records *records = &h->objects[kind][i];

    for (size_t n = records->n; n > 0; n--) {
        if (!sg_epoch_compare(&records->p[n - 1].epoch, epoch)) {
            return true;
        }
    }
    return false;
}
