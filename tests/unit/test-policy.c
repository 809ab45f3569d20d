/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "sg/policy.h"

#include <stdlib.h>
#include <string.h>

#include "tests/lib/test.h"
#include "util.h"
#include "uuid.h"

static struct uuid
id(uint32_t n)
{
    return (struct uuid) { { 0x5eb00000, 0x4000, 0x80000000, n } };
}

static void
fill_port(struct sg_port_spec *spec)
{
    static const struct sg_prefix ip = { { 192, 0, 2, 1 }, SG_IPV4, 32 };
    static const struct sg_pair pair = {
        { { 192, 0, 2 }, SG_IPV4, 24 }, { { 2, 0, 0, 0, 0, 1 } }
    };
    struct uuid group = id(7);

    memset(spec, 0, sizeof *spec);
    spec->id = id(1);
    spec->revision = 3;
    spec->network_id = id(2);
    strcpy(spec->device, "tap5eb00000-00");
    spec->mac = pair.mac;
    spec->fixed_ips = xmemdup(&ip, sizeof ip);
    spec->n_fixed_ips = 1;
    spec->pairs = xmemdup(&pair, sizeof pair);
    spec->n_pairs = 1;
    spec->groups = xmemdup(&group, sizeof group);
    spec->n_groups = 1;
    spec->port_security_enabled = true;
    sg_refusal_add(&spec->refused, &spec->n_refused, "pairs[1]", "bad");
}

TEST(port_clone_and_compare)
{
    struct sg_port_spec a, b;

    fill_port(&a);
    sg_port_spec_clone(&b, &a);
    CHECK(sg_port_spec_equals(&a, &b));
    CHECK(a.fixed_ips != b.fixed_ips && a.pairs != b.pairs
          && a.groups != b.groups && a.refused != b.refused);
    b.revision++;
    CHECK(sg_port_spec_equals(&a, &b));

    /* Every member but the revision counts. */
#define DIFFERS(CHANGE)                             \
    do {                                            \
        CHANGE;                                     \
        CHECK(!sg_port_spec_equals(&a, &b));        \
        sg_port_spec_uninit(&b);                    \
        sg_port_spec_clone(&b, &a);                 \
    } while (0)
    DIFFERS(b.id = id(9));
    DIFFERS(b.network_id = id(9));
    DIFFERS(b.device[3] = 'x');
    DIFFERS(b.mac.ea[5]++);
    DIFFERS(b.fixed_ips[0].addr[3]++);
    DIFFERS(b.n_fixed_ips = 0);
    DIFFERS(b.pairs[0].mac.ea[0] = 4);
    DIFFERS(b.pairs[0].prefix.plen--);
    DIFFERS(b.n_pairs = 0);
    DIFFERS(b.groups[0] = id(9));
    DIFFERS(b.n_groups = 0);
    DIFFERS(b.port_security_enabled = false);
    DIFFERS(b.trusted = true);
    DIFFERS(b.refused[0].reason[0] = 'm');
    DIFFERS(b.refused[0].what[0] = 'm');
#undef DIFFERS

    sg_port_spec_uninit(&a);
    sg_port_spec_uninit(&b);
    CHECK(sg_port_spec_equals(&a, &b));

    /* Nothing at all can be cloned too. */
    sg_port_spec_clone(&b, &a);
    CHECK(!b.fixed_ips && !b.pairs && !b.groups && !b.refused);
    sg_port_spec_uninit(&b);
}

TEST(port_filters)
{
    struct sg_port_spec spec = { .port_security_enabled = true };

    CHECK(sg_port_filters(&spec));
    spec.trusted = true;
    CHECK(!sg_port_filters(&spec));
    spec.trusted = spec.port_security_enabled = false;
    CHECK(!sg_port_filters(&spec));
}

TEST(rules_clone_and_compare)
{
    struct sg_rules_spec a, b;

    memset(&a, 0, sizeof a);
    a.group = id(1);
    a.revision = 4;
    a.stateful = true;
    a.n_rules = 2;
    a.rules = xcalloc(2, sizeof *a.rules);
    for (int i = 0; i < 2; i++) {
        a.rules[i].id = id(10 + i);
        a.rules[i].protocol = 6;
        a.rules[i].icmp_type = a.rules[i].icmp_code = -1;
    }
    sg_refusal_add(&a.refused, &a.n_refused, "rules[2]", "bad");

    sg_rules_spec_clone(&b, &a);
    CHECK(sg_rules_spec_equals(&a, &b));
    b.revision++;
    CHECK(sg_rules_spec_equals(&a, &b));

#define DIFFERS(CHANGE)                             \
    do {                                            \
        CHANGE;                                     \
        CHECK(!sg_rules_spec_equals(&a, &b));       \
        sg_rules_spec_uninit(&b);                   \
        sg_rules_spec_clone(&b, &a);                \
    } while (0)
    DIFFERS(b.group = id(2));
    DIFFERS(b.stateful = false);
    DIFFERS(b.n_rules = 1);
    DIFFERS(b.rules[1].protocol = 17);
    DIFFERS((b.rules[0] = a.rules[1], b.rules[1] = a.rules[0]));
    DIFFERS(b.refused[0].what[0] = 'm');
#undef DIFFERS

    sg_rules_spec_uninit(&a);
    sg_rules_spec_uninit(&b);
    CHECK(sg_rules_spec_equals(&a, &b));
}

TEST(rule_compare)
{
    struct sg_rule a = {
        .id = id(1), .direction = SG_EGRESS, .family = SG_IPV4,
        .protocol = 6, .has_ports = true, .port_min = 1, .port_max = 2,
        .has_source_ports = true, .source_port_min = 3, .source_port_max = 4,
        .icmp_type = -1, .icmp_code = -1, .remote = SG_REMOTE_PREFIX,
        .remote_prefix = { { 10 }, SG_IPV4, 8 },
    };
    struct sg_rule b = a;

    CHECK(sg_rule_equals(&a, &b));
#define DIFFERS(CHANGE)                         \
    do {                                        \
        CHANGE;                                 \
        CHECK(!sg_rule_equals(&a, &b));         \
        b = a;                                  \
    } while (0)
    DIFFERS(b.id = id(2));
    DIFFERS(b.direction = SG_INGRESS);
    DIFFERS(b.family = SG_IPV6);
    DIFFERS(b.protocol = 17);
    DIFFERS(b.has_ports = false);
    DIFFERS(b.port_min = 0);
    DIFFERS(b.port_max = 3);
    DIFFERS(b.has_source_ports = false);
    DIFFERS(b.source_port_min = 0);
    DIFFERS(b.source_port_max = 5);
    DIFFERS(b.icmp_type = 0);
    DIFFERS(b.icmp_code = 0);
    DIFFERS(b.remote = SG_REMOTE_ANY);
    DIFFERS(b.remote_prefix.plen = 9);

    a.remote = b.remote = SG_REMOTE_GROUP;
    a.remote_id = b.remote_id = id(3);
    DIFFERS(b.remote_id = id(4));
    DIFFERS(b.remote = SG_REMOTE_ADDRESS_GROUP);
#undef DIFFERS

    /* What a rule does not use does not count. */
    b.remote_prefix.plen = 9;
    CHECK(sg_rule_equals(&a, &b));
    a.has_ports = b.has_ports = false;
    b.port_min = 77;
    a.has_source_ports = b.has_source_ports = false;
    b.source_port_max = 77;
    CHECK(sg_rule_equals(&a, &b));
    a.remote = b.remote = SG_REMOTE_ANY;
    b.remote_id = id(5);
    CHECK(sg_rule_equals(&a, &b));
}

TEST(refusals_grow)
{
    struct sg_refusal *refused = NULL;
    size_t n = 0;

    for (int i = 0; i < 100; i++) {
        char *what = xasprintf("rules[%d]", i);

        sg_refusal_add(&refused, &n, what, "reason");
        free(what);
    }
    CHECK_UEQ(n, 100);
    CHECK_STR(refused[0].what, "rules[0]");
    CHECK_STR(refused[99].what, "rules[99]");
    CHECK_STR(refused[99].reason, "reason");
    sg_refusals_free(refused, n);
}

TEST(lookup)
{
    struct sg_policy policy;

    sg_policy_init(&policy);
    for (uint32_t i = 0; i < 20; i++) {
        struct sg_port *port = xzalloc(sizeof *port);
        struct sg_group *group = xzalloc(sizeof *group);

        /* All have the same hash, which is the first word of the id. */
        port->id = id(i);
        fill_port(&port->spec);
        hmap_insert(&policy.ports, &port->node, sg_id_hash(&port->id));
        group->id = id(100 + i);
        sg_members_init(&group->members);
        hmap_insert(&policy.groups, &group->node, sg_id_hash(&group->id));
    }

    struct uuid port_id = id(7), group_id = id(107);
    const struct sg_port *port = sg_policy_port(&policy, &port_id);
    const struct sg_group *group = sg_policy_group(&policy, &group_id);
    CHECK(port && uuid_equals(&port->id, &port_id));
    CHECK(group && uuid_equals(&group->id, &group_id));
    CHECK(!sg_policy_port(&policy, &group_id));
    CHECK(!sg_policy_group(&policy, &port_id));
    sg_policy_uninit(&policy);
}

TEST(names)
{
    CHECK_STR(sg_knowledge_name(SG_ABSENT), "absent");
    CHECK_STR(sg_knowledge_name(SG_DELETED), "deleted");
    CHECK_STR(sg_plug_name(SG_PLUG_SHARED_BRIDGE), "shared_bridge");
    CHECK_STR(sg_plug_name(SG_PLUG_MISSING), "no_device");
}
