/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tests/lib/random-message.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/message.h"
#include "sg/port_source.h"
#include "tests/lib/test.h"
#include "util.h"
#include "uuid.h"

#define A_DIGEST "0123456789abcdef0123456789abcdef01234567"

static struct uuid
random_id(uint64_t *seed)
{
    struct uuid id;

    for (int i = 0; i < 4; i++) {
        id.parts[i] = test_random(seed) | 1;
    }
    return id;
}

/* Or none. */
static struct sg_epoch
random_epoch(uint64_t *seed)
{
    struct sg_epoch epoch = { 0, 0 };

    if (test_random(seed) % 4) {
        epoch.ms = 1 + test_random(seed) % INT64_MAX;
        epoch.tag = test_random(seed);
    }
    return epoch;
}

static struct sg_prefix
random_prefix(uint64_t *seed, bool host)
{
    static const char *const texts[] = {
        "192.0.2.1", "10.77.0.16/28", "0.0.0.0/0", "198.51.100.255",
        "2001:db8::1", "2001:db8::/64", "::/0", "fe80::1",
    };
    struct sg_prefix p;

    do {
        const char *text = texts[test_random(seed) % ARRAY_SIZE(texts)];

        REQUIRE(sg_prefix_from_string(text, &p));
    } while (host && !sg_prefix_is_host(&p));
    if (sg_prefix_is_host(&p)) {
        p.addr[1] = test_random(seed);
    }
    return p;
}

static void
random_port(uint64_t *seed, struct sg_port_spec *port)
{
    memset(port, 0, sizeof *port);
    port->id = random_id(seed);
    port->revision = 1 + test_random(seed) % INT64_MAX;
    if (test_random(seed) % 2) {
        port->network_id = random_id(seed);
        strcpy(port->device, "tap5eb00000-00");
    }
    port->mac.ea[0] = 2;
    port->mac.ea[5] = test_random(seed);
    port->n_fixed_ips = test_random(seed) % 2;
    if (port->n_fixed_ips) {
        struct sg_prefix ip = random_prefix(seed, true);

        port->fixed_ips = xmemdup(&ip, sizeof ip);
    }
    port->n_pairs = test_random(seed) % 2;
    if (port->n_pairs) {
        struct sg_pair pair = { random_prefix(seed, false),
                                { { 2, 1, test_random(seed) } } };

        port->pairs = xmemdup(&pair, sizeof pair);
    }
    port->n_groups = test_random(seed) % 2;
    if (port->n_groups) {
        struct uuid group = random_id(seed);

        port->groups = xmemdup(&group, sizeof group);
    }
    port->port_security_enabled = test_random(seed) % 2;
    port->trusted = test_random(seed) % 2;
    if (!sg_port_has_source(port)) {
        sg_port_any_source(port);
    }
}

static void
random_range(uint64_t *seed, uint16_t *min, uint16_t *max)
{
    *min = test_random(seed);
    *max = *min + test_random(seed) % (65536 - *min);
}

static void
random_rule(uint64_t *seed, struct sg_rule *rule)
{
    static const int with_ports[] = { 6, 17, 33, 132, 136 };

    memset(rule, 0, sizeof *rule);
    rule->id = random_id(seed);
    rule->direction = test_random(seed) % 2;
    rule->icmp_type = rule->icmp_code = -1;
    rule->remote_prefix = random_prefix(seed, false);
    rule->family = rule->remote_prefix.family;
    switch (test_random(seed) % 4) {
    case 0:
        rule->protocol = -1;
        break;
    case 1:
        /* The number 1 is refused in an IPv6 rule. */
        rule->protocol = rule->family == SG_IPV4 ? 1 : 2;
        rule->protocol += test_random(seed) % (256 - rule->protocol);
        break;
    case 2:
        rule->protocol = with_ports[test_random(seed)
                                    % ARRAY_SIZE(with_ports)];
        if (test_random(seed) % 4) {
            rule->has_ports = true;
            random_range(seed, &rule->port_min, &rule->port_max);
        }
        if (!(test_random(seed) % 4)) {
            rule->has_source_ports = true;
            random_range(seed, &rule->source_port_min,
                         &rule->source_port_max);
        }
        break;
    case 3:
        rule->protocol = rule->family == SG_IPV4 ? 1 : 58;
        rule->icmp_type = test_random(seed) % 255;
        rule->icmp_code = (int) (test_random(seed) % 257) - 1;
        break;
    }

    rule->remote = test_random(seed) % 4;
    if (rule->remote != SG_REMOTE_PREFIX) {
        memset(&rule->remote_prefix, 0, sizeof rule->remote_prefix);
    }
    if (rule->remote == SG_REMOTE_GROUP
        || rule->remote == SG_REMOTE_ADDRESS_GROUP) {
        rule->remote_id = random_id(seed);
    }
}

static void
random_rules(uint64_t *seed, struct sg_rules_spec *rules)
{
    memset(rules, 0, sizeof *rules);
    rules->group = random_id(seed);
    rules->revision = 1 + test_random(seed) % 1000;
    rules->stateful = test_random(seed) % 2;
    rules->n_rules = test_random(seed) % 5;
    rules->rules = xcalloc(rules->n_rules + 1, sizeof *rules->rules);
    for (size_t i = 0; i < rules->n_rules; i++) {
        random_rule(seed, &rules->rules[i]);
    }
}

static void
random_members(uint64_t *seed, bool whole, struct sg_members_spec *members)
{
    memset(members, 0, sizeof *members);
    members->group = random_id(seed);
    members->revision = 2 + test_random(seed) % 1000;
    members->whole = whole;
    /* Different ones: a list is encoded as a set. */
    for (int n = test_random(seed) % 4; n > 0; n--) {
        struct sg_prefix p;

        do {
            p = random_prefix(seed, false);
        } while (!p.plen && n > 1);
        if (p.plen) {
            p.addr[0] = 40 + n;
        }
        sg_prefix_list_add(&members->added, &p);
    }
    sg_prefix_list_sort(&members->added);
    if (!whole) {
        members->prev = members->revision - 1;
        struct sg_prefix p = random_prefix(seed, true);

        p.addr[0] = 50;
        sg_prefix_list_add(&members->removed, &p);
    }
}

static void
random_ref(uint64_t *seed, enum sg_kind kind, struct sg_ref **refs, size_t *n)
{
    *refs = xrealloc(*refs, (*n + 1) * sizeof **refs);
    (*refs)[(*n)++] = (struct sg_ref) {
        kind, random_id(seed), 1 + test_random(seed) % 1000,
    };
}

static void
add_objects(uint64_t *seed, struct sg_update *update)
{
    update->n_ports = test_random(seed) % 3;
    update->ports = xcalloc(update->n_ports + 1, sizeof *update->ports);
    for (size_t i = 0; i < update->n_ports; i++) {
        random_port(seed, &update->ports[i]);
    }
    update->n_rules = test_random(seed) % 3;
    update->rules = xcalloc(update->n_rules + 1, sizeof *update->rules);
    for (size_t i = 0; i < update->n_rules; i++) {
        random_rules(seed, &update->rules[i]);
    }
    update->n_members = test_random(seed) % 3;
    update->members = xcalloc(update->n_members + 1, sizeof *update->members);
    for (size_t i = 0; i < update->n_members; i++) {
        random_members(seed, true, &update->members[i]);
    }
    for (int i = test_random(seed) % 3; i > 0; i--) {
        random_ref(seed, i, &update->deleted, &update->n_deleted);
        random_ref(seed, i, &update->unknown, &update->n_unknown);
    }
}

/* What a change may bring along. */
static void
add_inline(uint64_t *seed, struct sg_update *update)
{
    size_t n = test_random(seed) % 3;

    update->rules = xrealloc(update->rules, (update->n_rules + n + 1)
                                            * sizeof *update->rules);
    for (size_t i = 0; i < n; i++) {
        random_rules(seed, &update->rules[update->n_rules++]);
    }
    update->n_members = test_random(seed) % 3;
    update->members = xcalloc(update->n_members + 1, sizeof *update->members);
    for (size_t i = 0; i < update->n_members; i++) {
        random_members(seed, true, &update->members[i]);
    }
}

static void
add_answer_head(uint64_t *seed, struct sg_update *update)
{
    update->same = test_random(seed) % 2;
    update->want_have = test_random(seed) % 2;
    update->page = test_random(seed) % 3;
    update->next = test_random(seed) % 2 ? xstrdup("page \"2\"") : NULL;
    update->digest = test_random(seed) % 2 ? xstrdup(A_DIGEST) : NULL;
    update->duplicate_host = test_random(seed) % 2;
    if (update->n_members) {
        update->members[0].parts = test_random(seed) % 3;
        update->members[0].part = update->members[0].parts;
    }
}

void
random_message_update(uint64_t *seed, enum sg_method method,
                      struct sg_update *update)
{
    sg_update_init(update, method);
    do {
        update->epoch = random_epoch(seed);
    } while (!update->epoch.ms);
    update->sent = test_random(seed) % INT64_MAX;
    if (method != SG_METHOD_SYNC && test_random(seed) % 2) {
        update->ack = xstrdup("r 17");
    }
    switch (method) {
    case SG_METHOD_PORTS_UPDATED:
        update->ports = xcalloc(2, sizeof *update->ports);
        update->n_ports = 2;
        random_port(seed, &update->ports[0]);
        random_port(seed, &update->ports[1]);
        add_inline(seed, update);
        break;
    case SG_METHOD_PORTS_DELETED:
        random_ref(seed, SG_KIND_PORT, &update->deleted, &update->n_deleted);
        random_ref(seed, SG_KIND_PORT, &update->deleted, &update->n_deleted);
        break;
    case SG_METHOD_RESYNC:
        for (int i = test_random(seed) % 3; i > 0; i--) {
            random_ref(seed, i, &update->refs, &update->n_refs);
            update->refs[update->n_refs - 1].revision = 0;
        }
        break;
    case SG_METHOD_RULES_UPDATED:
        update->rules = xcalloc(1, sizeof *update->rules);
        update->n_rules = 1;
        random_rules(seed, &update->rules[0]);
        add_inline(seed, update);
        break;
    case SG_METHOD_DUPLICATE_HOST:
        update->n_boots = 2 + test_random(seed) % (RPC_MAX_BOOTS - 1);
        update->boots = xcalloc(update->n_boots, sizeof *update->boots);
        for (size_t i = 0; i < update->n_boots; i++) {
            update->boots[i] = xasprintf("boot %"PRIuSIZE, i);
        }
        break;
    case SG_METHOD_MEMBERS_CHANGED:
        update->members = xcalloc(1, sizeof *update->members);
        update->n_members = 1;
        random_members(seed, test_random(seed) % 2, &update->members[0]);
        break;
    case SG_METHOD_GROUP_DELETED:
        random_ref(seed, SG_KIND_RULES, &update->deleted, &update->n_deleted);
        random_ref(seed, SG_KIND_MEMBERS, &update->deleted,
                   &update->n_deleted);
        update->deleted[1].id = update->deleted[0].id;
        update->deleted[1].revision = update->deleted[0].revision;
        break;
    case SG_METHOD_BEACON:
        update->seq = test_random(seed) % INT64_MAX;
        update->more = test_random(seed) % 2;
        update->n_entries = test_random(seed) % 3;
        update->entries = xcalloc(3, sizeof *update->entries);
        for (size_t i = 0; i < update->n_entries; i++) {
            update->entries[i].hash = test_random(seed) >> i * 8;
            update->entries[i].revision = 1 + test_random(seed) % 1000;
        }
        break;
    case SG_METHOD_SYNC:
        add_objects(seed, update);
        add_answer_head(seed, update);
        break;
    case SG_METHOD_REPORT:
        FAIL("no update");
        break;
    }
}

/* Asks for everything or, in half of the cases, for some objects. */
void
random_message_sync_request(uint64_t *seed, struct sg_sync_request *request)
{
    memset(request, 0, sizeof *request);
    request->host = xstrdup("compute-1");
    request->boot = xstrdup("0badcafe");
    request->epoch = random_epoch(seed);
    request->n_ports = test_random(seed) % 4;
    request->ports = xcalloc(4, sizeof *request->ports);
    for (size_t i = 0; i < request->n_ports; i++) {
        request->ports[i] = random_id(seed);
    }
    for (int i = test_random(seed) % 4; i > 0; i--) {
        random_ref(seed, i - 1, &request->have, &request->n_have);
    }
    /* Nothing in particular is not the same as everything. */
    request->partial = test_random(seed) % 2;
    for (int i = request->partial ? test_random(seed) % 3 : 0; i > 0; i--) {
        random_ref(seed, i, &request->objects, &request->n_objects);
    }
    request->page = test_random(seed) % 2 ? xstrdup("page \"2\"") : NULL;
    request->digest = test_random(seed) % 2 ? xstrdup(A_DIGEST) : NULL;
}

static void
random_texts(uint64_t *seed, size_t max, char ***texts, size_t *n)
{
    *n = test_random(seed) % (max + 1);
    *texts = xcalloc(max, sizeof **texts);
    for (size_t i = 0; i < *n; i++) {
        (*texts)[i] = xasprintf("text %"PRIuSIZE, i);
    }
}

/* All that an agent may say of itself, or just what it must say. */
void
random_message_report(uint64_t *seed, struct sg_report *report)
{
    memset(report, 0, sizeof *report);
    report->host = xstrdup("compute-1");
    report->boot = xstrdup("0badcafe");
    report->epoch = random_epoch(seed);
    report->generation = test_random(seed) % INT64_MAX;
    report->applied = test_random(seed) % INT64_MAX;
    report->in_sync = test_random(seed) % 2;
    report->lag_ms = (int64_t) (test_random(seed) % 1000) - 1;
    report->n_ports = test_random(seed) % 1000;
    report->n_protected = test_random(seed) % 1000;
    if (test_random(seed) % 4 == 0) {
        return;
    }
    report->digest = test_random(seed) % 2 ? xstrdup(A_DIGEST) : NULL;
    report->state = test_random(seed) % 2 ? xstrdup("synced") : NULL;
    report->n_problems = test_random(seed) % 10;
    report->n_orphaned = test_random(seed) % 10;
    report->n_held = test_random(seed) % 10;
    report->errors = test_random(seed) % INT64_MAX;
    report->stale = test_random(seed) % 2;
    random_texts(seed, RPC_MAX_REASONS, &report->reasons,
                 &report->n_reasons);
    random_texts(seed, RPC_MAX_ACKED, &report->acked, &report->n_acked);
    report->has_latency = test_random(seed) % 2;
    for (int i = report->has_latency ? 20 : 0; i > 0; i--) {
        sg_latency_add(&report->latency, test_random(seed) % SG_N_KINDS,
                       test_random(seed) % SG_LATENCY_N_PHASES,
                       test_random(seed) % 20000);
    }
}
