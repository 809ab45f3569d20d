/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "rpc/rule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/test.h"
#include "util.h"

#define ID "5eb00000-0001-4000-8000-000000000001"
#define OTHER "5eb00000-0001-4000-8000-000000000002"

static const int64_t numbers[] = {
    0, 1, 4, 5, 22, 80, 255, 256, 65535, 65536, -1, 4294967376, INT64_MIN,
};

/* A pointer to the number 'n', which must be in 'numbers'. */
static const int64_t *
number(int64_t n)
{
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        if (numbers[i] == n) {
            return &numbers[i];
        }
    }
    FAIL("number missing");
    return NULL;
}

static struct rpc_rule_fields
fields(const char *ethertype, const char *protocol)
{
    return (struct rpc_rule_fields) {
        .id = ID, .direction = "ingress", .ethertype = ethertype,
        .protocol = protocol,
    };
}

static void
check_reason(const struct rpc_rule_fields *f, const char *part)
{
    struct sg_rule rule, before;

    memset(&rule, 0xee, sizeof rule);
    before = rule;
    const char *reason = rpc_rule_from_fields(f, &rule);
    if (!reason) {
        FAIL("accepted, expected: %s", part);
    } else {
        CHECK_CONTAINS(reason, part);
    }
    CHECK_MEM(&rule, &before, sizeof rule);
}

static void
check_ok(const struct rpc_rule_fields *f, struct sg_rule *rule)
{
    const char *reason = rpc_rule_from_fields(f, rule);

    if (reason) {
        FAIL("refused: %s", reason);
        memset(rule, 0, sizeof *rule);
    }
    CHECK(true);
}

TEST(minimal)
{
    struct rpc_rule_fields f = fields("IPv4", NULL);
    struct sg_rule rule;

    f.direction = "egress";
    check_ok(&f, &rule);
    CHECK_EQ(rule.direction, SG_EGRESS);
    CHECK_EQ(rule.family, SG_IPV4);
    CHECK_EQ(rule.protocol, -1);
    CHECK(!rule.has_ports);
    CHECK_EQ(rule.icmp_type, -1);
    CHECK_EQ(rule.icmp_code, -1);
    CHECK_EQ(rule.remote, SG_REMOTE_ANY);
}

TEST(basics_refused)
{
    struct rpc_rule_fields f = fields("IPv4", NULL);

    f.id = NULL;
    check_reason(&f, "id");
    f.id = "5";
    check_reason(&f, "id");
    f = fields("IPv4", NULL);
    f.direction = NULL;
    check_reason(&f, "direction is missing");
    f.direction = "Ingress";
    check_reason(&f, "direction is not");
    f = fields(NULL, NULL);
    check_reason(&f, "ethertype is missing");
    f = fields("ipv4", NULL);
    check_reason(&f, "ethertype is not");
}

/* All 256 numbers, as Neutron sends them; 0 is any. */
TEST(protocol_numbers)
{
    for (int i = 0; i < 256; i++) {
        char text[4];
        int protocol;

        snprintf(text, sizeof text, "%d", i);
        CHECK(rpc_protocol_from_string(text, &protocol));
        CHECK_EQ(protocol, i ? i : -1);
    }
}

TEST(protocol_names)
{
    static const struct {
        const char *name;
        int number;
    } names[] = {
        { "any", -1 }, { "ip", -1 }, { "ANY", -1 }, { "ah", 51 },
        { "dccp", 33 }, { "egp", 8 }, { "esp", 50 }, { "gre", 47 },
        { "icmp", 1 }, { "icmpv6", 58 }, { "igmp", 2 }, { "ipip", 4 },
        { "ipv6-encap", 41 }, { "ipv6-frag", 44 }, { "ipv6-icmp", 58 },
        { "ipv6-nonxt", 59 }, { "ipv6-opts", 60 }, { "ipv6-route", 43 },
        { "ospf", 89 }, { "pgm", 113 }, { "rsvp", 46 }, { "sctp", 132 },
        { "tcp", 6 }, { "TCP", 6 }, { "Tcp", 6 }, { "udp", 17 },
        { "udplite", 136 }, { "UDPLite", 136 }, { "vrrp", 112 },
    };
    static const char *const bad[] = {
        "", " ", "tcp ", " tcp", "tcpx", "tc", "06", "00", "+6", "-1", "256",
        "999", "1000", "6.0", "0x6", "6 ", "hopopt", "ipv6", "any6",
    };

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        int protocol = -7;

        CHECK(rpc_protocol_from_string(names[i].name, &protocol));
        CHECK_EQ(protocol, names[i].number);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct rpc_rule_fields f = fields("IPv4", bad[i]);
        int protocol = -7;

        if (rpc_protocol_from_string(bad[i], &protocol)) {
            FAIL("\"%s\": accepted", bad[i]);
        }
        CHECK_EQ(protocol, -7);
        check_reason(&f, "protocol");
    }
}

/* The name follows the family, a number is a number. */
TEST(icmp_of_the_family)
{
    static const struct {
        const char *ethertype, *protocol;
        int number;
    } cases[] = {
        { "IPv4", "icmp", 1 }, { "IPv6", "icmp", 58 }, { "IPv6", "ICMP", 58 },
        { "IPv6", "icmpv6", 58 }, { "IPv6", "58", 58 }, { "IPv4", "1", 1 },
        { "IPv4", "58", 58 }, { "IPv4", "icmpv6", 58 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct rpc_rule_fields f = fields(cases[i].ethertype,
                                          cases[i].protocol);
        struct sg_rule rule;

        check_ok(&f, &rule);
        CHECK_EQ(rule.protocol, cases[i].number);

        /* A type only where the protocol is the family's ICMP. */
        f.port_range_min = number(0);
        if (rule.protocol == (rule.family == SG_IPV4 ? 1 : 58)) {
            check_ok(&f, &rule);
            CHECK_EQ(rule.icmp_type, 0);
            CHECK_EQ(rule.icmp_code, -1);
            CHECK(!rule.has_ports);
        } else {
            check_reason(&f, "without ports");
        }
    }
}

/* It would match nothing; no range hides the reason. */
TEST(icmp_by_number_in_an_ipv6_rule)
{
    struct rpc_rule_fields f = fields("IPv6", "1");

    check_reason(&f, "ICMPv6 is 58 or ipv6-icmp");
    f.port_range_min = f.port_range_max = number(0);
    check_reason(&f, "ICMPv6 is 58 or ipv6-icmp");
    f.source_port_range_min = number(0);
    check_reason(&f, "ICMPv6 is 58 or ipv6-icmp");
}

TEST(port_ranges)
{
    static const struct {
        int64_t min, max;
        const char *reason;
    } cases[] = {
        { 0, 0, NULL }, { 0, 65535, NULL }, { 0, 5, NULL },
        { 65535, 65535, NULL }, { 22, 22, NULL }, { 4, 5, NULL },
        { 5, 4, "above" }, { -1, 5, "0 to 65535" }, { -1, -1, "0 to 65535" },
        { 0, 65536, "0 to 65535" }, { 80, 4294967376, "0 to 65535" },
        { 4294967376, 4294967376, "0 to 65535" },
        { INT64_MIN, 80, "0 to 65535" },
    };
    static const char *const protocols[] = {
        "tcp", "udp", "udplite", "sctp", "dccp",
    };

    for (size_t p = 0; p < ARRAY_SIZE(protocols); p++) {
        struct rpc_rule_fields f = fields("IPv4", protocols[p]);

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
            struct sg_rule rule;

            f.port_range_min = number(cases[i].min);
            f.port_range_max = number(cases[i].max);
            if (cases[i].reason) {
                check_reason(&f, cases[i].reason);
                continue;
            }
            check_ok(&f, &rule);
            CHECK(rule.has_ports);
            CHECK_EQ(rule.port_min, cases[i].min);
            CHECK_EQ(rule.port_max, cases[i].max);
            CHECK_EQ(rule.icmp_type, -1);
        }

        /* One end is not the other, and 0 is not absent. */
        f.port_range_min = number(0);
        f.port_range_max = NULL;
        check_reason(&f, "one end");
        f.port_range_min = NULL;
        f.port_range_max = number(80);
        check_reason(&f, "one end");
    }
}

TEST(source_port_ranges)
{
    static const char *const without[] = {
        NULL, "any", "icmp", "gre", "112", "255",
    };
    struct rpc_rule_fields f = fields("IPv4", "udp");
    struct sg_rule rule;

    f.source_port_range_min = number(0);
    check_reason(&f, "source port range has one end");
    f.source_port_range_max = number(65536);
    check_reason(&f, "source port is not");
    f.source_port_range_max = number(-1);
    check_reason(&f, "source port is not");
    f.source_port_range_max = number(65535);
    check_ok(&f, &rule);
    CHECK(rule.has_source_ports);
    CHECK(!rule.has_ports);
    CHECK_EQ(rule.source_port_min, 0);
    CHECK_EQ(rule.source_port_max, 65535);
    f.source_port_range_min = number(5);
    f.source_port_range_max = number(4);
    check_reason(&f, "source_port_range_min is above");
    f.source_port_range_min = NULL;
    check_reason(&f, "source port range has one end");

    f.source_port_range_min = number(4);
    for (size_t i = 0; i < ARRAY_SIZE(without); i++) {
        f.protocol = without[i];
        check_reason(&f, "source port range on a protocol without");
    }

    /* Beside the other range. */
    f.protocol = "tcp";
    f.port_range_min = f.port_range_max = number(80);
    check_ok(&f, &rule);
    CHECK(rule.has_ports && rule.has_source_ports);
    CHECK_EQ(rule.port_max, 80);
    CHECK_EQ(rule.source_port_max, 4);
}

TEST(ports_without_a_protocol_that_has_them)
{
    for (int i = 0; i < 256; i++) {
        char text[4];
        snprintf(text, sizeof text, "%d", i);
        struct rpc_rule_fields f = fields("IPv4", text);
        struct sg_rule rule;

        f.port_range_min = f.port_range_max = number(80);
        if (i == 6 || i == 17 || i == 33 || i == 132 || i == 136) {
            check_ok(&f, &rule);
            CHECK(rpc_protocol_has_ports(i));
        } else if (i == 1) {
            check_ok(&f, &rule);
            CHECK(!rule.has_ports);
        } else {
            check_reason(&f, "without ports");
            f.port_range_min = NULL;
            check_reason(&f, "without ports");
        }
    }

    struct rpc_rule_fields any = fields("IPv4", NULL);
    any.port_range_min = any.port_range_max = number(80);
    check_reason(&any, "without ports");
    any.protocol = "any";
    check_reason(&any, "without ports");
}

TEST(icmp_types)
{
    struct rpc_rule_fields f = fields("IPv4", "icmp");
    struct sg_rule rule;

    f.port_range_max = number(0);
    check_reason(&f, "code without a type");
    f.port_range_min = number(0);
    check_ok(&f, &rule);
    CHECK_EQ(rule.icmp_type, 0);
    CHECK_EQ(rule.icmp_code, 0);
    f.port_range_max = number(255);
    check_ok(&f, &rule);
    CHECK_EQ(rule.icmp_code, 255);
    f.port_range_max = number(256);
    check_reason(&f, "code is not");
    f.port_range_max = number(-1);
    check_reason(&f, "code is not");
    f.port_range_max = NULL;
    f.port_range_min = number(256);
    check_reason(&f, "type is not");
    f.port_range_min = number(-1);
    check_reason(&f, "type is not");

    /* The kernel's wild card, in IPv4 only. */
    f.port_range_min = number(255);
    check_reason(&f, "255");
    f.ethertype = "IPv6";
    check_ok(&f, &rule);
    CHECK_EQ(rule.icmp_type, 255);
}

TEST(remotes)
{
    struct rpc_rule_fields f = fields("IPv4", NULL);
    struct sg_rule rule;
    char text[SG_PREFIX_STRLEN];

    f.remote_ip_prefix = "198.51.100.7/24";
    check_ok(&f, &rule);
    CHECK_EQ(rule.remote, SG_REMOTE_PREFIX);
    CHECK_STR(sg_prefix_format(&rule.remote_prefix, text), "198.51.100.0/24");
    f.ethertype = "IPv6";
    check_reason(&f, "other family");
    f.remote_ip_prefix = "10.0.0.0/33";
    check_reason(&f, "remote_ip_prefix is not");
    f.remote_ip_prefix = "";
    check_reason(&f, "remote_ip_prefix is not");

    f = fields("IPv4", NULL);
    f.remote_group_id = OTHER;
    check_ok(&f, &rule);
    CHECK_EQ(rule.remote, SG_REMOTE_GROUP);
    CHECK_UEQ(rule.remote_id.parts[3], 2);
    f.remote_ip_prefix = "10.0.0.0/8";
    check_reason(&f, "more than one remote");
    f.remote_ip_prefix = NULL;
    f.remote_address_group_id = OTHER;
    check_reason(&f, "more than one remote");
    f.remote_group_id = NULL;
    check_ok(&f, &rule);
    CHECK_EQ(rule.remote, SG_REMOTE_ADDRESS_GROUP);
    f.remote_address_group_id = "x";
    check_reason(&f, "remote_address_group_id");
    f.remote_address_group_id = NULL;
    f.remote_group_id = "x";
    check_reason(&f, "remote_group_id");
}
