/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Topology files: what is read, what is refused, and that the refusal names
 * the place. */

#include <config.h>
#include "tests/lib/test.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "rpc/message.h"
#include "tools/sg-controller/topology.h"
#include "util.h"

#define G1 "5ec00000-0000-4000-8000-000000000001"
#define G2 "5ec00000-0000-4000-8000-000000000002"
#define AG "adc00000-0000-4000-8000-000000000001"
#define R1 "5ec00000-0001-4000-8000-000000000001"
#define R2 "5ec00000-0001-4000-8000-000000000002"
#define P1 "90000000-0000-4000-8000-000000000001"
#define P2 "90000000-0000-4000-8000-000000000002"

static struct uuid
id(const char *text)
{
    struct uuid uuid;

    if (!sg_id_from_string(text, &uuid)) {
        abort();
    }
    return uuid;
}

static char *
parse(const char *text, struct topology **topology)
{
    struct rpc_limits limits;

    rpc_limits_default(&limits);
    return topology_parse(text, strlen(text), "t.yaml", &limits, topology);
}

/* Parses a text that has to be right. */
static struct topology *
good(const char *text)
{
    struct topology *topology = NULL;

    REQUIRE(CHECK_NO_ERROR(parse(text, &topology)));
    return topology;
}

static void
bad_at(const char *file, int line, const char *text, const char *error)
{
    struct topology *topology = NULL;
    char *got = parse(text, &topology);

    if (!got || strcmp(got, error)) {
        test_fail(file, line, "\n  text:     %s\n  expected: %s\n"
                  "  got:      %s", text, error, got ? got : "(accepted)");
    }
    test_check(!topology, "output untouched on failure", file, line);
    topology_destroy(topology);
    free(got);
}
#define BAD(TEXT, ERROR) bad_at(__FILE__, __LINE__, TEXT, ERROR)

/* One group with one rule, made of 'fields'. */
static char *
one_rule(const char *fields)
{
    return xasprintf("address_groups: [{id: "AG"}]\n"
                     "ports: []\n"
                     "groups:\n"
                     "- id: "G1"\n"
                     "  rules:\n"
                     "  - {id: "R1", %s}\n", fields);
}

/* The rule is on line 6; 'column' is counted from the start of 'fields'. */
static void
bad_rule_at(const char *file, int line, const char *fields, int column,
            const char *error)
{
    char *text = one_rule(fields);
    char *expected;

    if (column) {
        expected = xasprintf("t.yaml:6:%zu: %s",
                             strlen("  - {id: "R1", ") + column, error);
    } else {
        expected = xasprintf("t.yaml:6:5: %s", error);
    }
    bad_at(file, line, text, expected);
    free(expected);
    free(text);
}
#define BAD_RULE(FIELDS, COLUMN, ERROR) \
    bad_rule_at(__FILE__, __LINE__, FIELDS, COLUMN, ERROR)

TEST(example_is_read_whole)
{
    size_t len;
    char *text = test_read_file("etc/topology.yaml", &len);
    struct topology *topology = good(text);
    struct topology_counts n;
    struct uuid uuid;

    topology_count(topology, &n);
    CHECK_UEQ(n.n_ports, 4);
    CHECK_UEQ(n.n_groups, 2);
    CHECK_UEQ(n.n_address_groups, 1);
    CHECK_UEQ(n.n_rules, 6);
    /* Monitoring 3, web 2, database 3; the other two ports none. */
    CHECK_UEQ(n.n_members, 8);

    uuid = id(G1);
    const struct topology_group *web = topology_group(topology, &uuid);
    REQUIRE(web && web->rules.n_rules == 5);
    CHECK(web->rules.stateful);
    const struct sg_rule *rule = &web->rules.rules[2];
    CHECK_EQ(rule->direction, SG_INGRESS);
    CHECK_EQ(rule->protocol, IPPROTO_TCP);
    CHECK_EQ(rule->port_min, 443);
    CHECK_EQ(rule->remote, SG_REMOTE_PREFIX);
    CHECK_EQ(web->rules.rules[3].icmp_type, 8);
    CHECK_EQ(web->rules.rules[3].icmp_code, 0);
    CHECK_EQ(web->rules.rules[4].remote, SG_REMOTE_ADDRESS_GROUP);

    uuid = id(P2);
    const struct topology_port *port = topology_port(topology, &uuid);
    REQUIRE(port && port->spec.n_pairs == 2);
    CHECK_MEM(&port->spec.pairs[0].mac, &port->spec.mac,
              sizeof port->spec.mac);
    CHECK_EQ(port->spec.pairs[1].mac.ea[2], 0x5e);
    CHECK_EQ(port->spec.pairs[1].prefix.plen, 28);
    CHECK(port->spec.port_security_enabled && !port->spec.trusted);

    topology_destroy(topology);
    free(text);
}

TEST(lab_topology_is_read)
{
    char *text = test_read_file("etc/lab-topology.yaml", NULL);
    struct topology *topology = good(text);
    struct topology_counts n;

    topology_count(topology, &n);
    CHECK(n.n_ports >= 8 && n.n_groups >= 4 && n.n_rules >= 20);
    topology_destroy(topology);
    free(text);
}

TEST(forward_references_and_defaults)
{
    struct topology *topology = good(
        "groups:\n"
        "- {id: "G1", rules: [{id: "R1", direction: ingress,\n"
        "   ethertype: IPv6, protocol: icmp, remote_group_id: "G2"}]}\n"
        "- {id: "G2", stateful: false, name: ~, description: null}\n"
        "ports:\n"
        "- {id: "P1", mac_address: 'FA-16-3E-00-00-01', device: tap0,\n"
        "   security_groups: ["G2", "G1"]}\n");
    struct uuid g1 = id(G1), g2 = id(G2), p1 = id(P1);
    const struct topology_group *group = topology_group(topology, &g1);
    const struct topology_port *port = topology_port(topology, &p1);

    CHECK(group->rules.stateful);
    CHECK_EQ(group->rules.rules[0].protocol, IPPROTO_ICMPV6);
    CHECK(!topology_group(topology, &g2)->rules.stateful);
    CHECK_STR(port->spec.device, "tap0");
    CHECK(port->spec.port_security_enabled);
    /* Sorted, whatever the order of the file. */
    CHECK_MEM(&port->spec.groups[0], &g1, sizeof g1);
    topology_destroy(topology);
}

TEST(not_a_topology)
{
    BAD("", "t.yaml:1:1: the file is empty");
    BAD("# nothing\n", "t.yaml:2:1: the file is empty");
    BAD("- a\n", "t.yaml:1:1: topology: expected a mapping");
    BAD("groups: []\n", "t.yaml:1:1: topology: the key ports is missing (an "
        "empty list is [])");
    BAD("ports: []\n", "t.yaml:1:1: topology: the key groups is missing (an "
        "empty list is [])");
    BAD("groups: []\nports:\n", "t.yaml:1:1: topology: the key ports is "
        "missing (an empty list is [])");
    BAD("groups: []\nports: {}\n", "t.yaml:2:8: ports: expected a list");
    BAD("groups: []\nports: []\nnetworks: []\n",
        "t.yaml:3:1: networks: unknown key in topology");
    BAD("groups: []\nports: []\ngroups: []\n",
        "t.yaml:3:1: topology: the key groups stands here twice");
    BAD("groups: []\nports: []\n---\na: b\n",
        "t.yaml:3:1: a second document");
    BAD("groups: []\nports: []\n\"a\\eb\": 1\n",
        "t.yaml:3:1: a\\x1bb: unknown key in topology");
    BAD("groups: &a []\nports: []\n",
        "t.yaml:1:9: anchors are not allowed");
    BAD("groups: []\nports: *a\n", "t.yaml:2:8: aliases are not allowed");
    BAD("groups: !!set []\nports: []\n",
        "t.yaml:1:9: groups: tags are not allowed");
    BAD("groups: [\nports: []\n",
        "t.yaml:3:1: did not find expected ',' or ']'");
    BAD("groups: \xff\n", "t.yaml: byte 8: invalid leading UTF-8 octet");
}

TEST(bad_groups)
{
    BAD("ports: []\ngroups:\n- name: a\n",
        "t.yaml:3:3: id: the key is missing");
    BAD("ports: []\ngroups:\n- id: web\n",
        "t.yaml:3:7: id: expected a UUID, not \"web\"");
    BAD("ports: []\ngroups:\n- id: "G1"\n- id: "G1"\n",
        "t.yaml:4:7: id: a second group "G1);
    BAD("address_groups: [{id: "G1"}]\nports: []\ngroups:\n- id: "G1"\n",
        "t.yaml:4:7: id: a second group "G1);
    BAD("ports: []\ngroups:\n- {id: "G1", stateful: yes}\n",
        "t.yaml:3:56: stateful: expected true or false");
    BAD("ports: []\ngroups:\n- {id: "G1", stateful: 'true'}\n",
        "t.yaml:3:56: stateful: expected true or false");
    BAD("ports: []\ngroups:\n- {id: "G1", name: [a]}\n",
        "t.yaml:3:52: name: expected a single value");
    BAD("ports: []\ngroups:\n- {id: "G1", rules: [{id: "R1",\n"
        "direction: ingress, ethertype: IPv4}, {id: "R1",\n"
        "direction: ingress, ethertype: IPv4}]}\n",
        "t.yaml:4:44: id: a second rule "R1);
}

TEST(bad_rules)
{
    BAD_RULE("ethertype: IPv4", 0, "rule: direction is missing");
    BAD_RULE("direction: ingress", 0, "rule: ethertype is missing");
    BAD_RULE("direction: in, ethertype: IPv4", 12,
             "direction: is not ingress or egress");
    BAD_RULE("direction: egress, ethertype: IPv4, protocol: tpc", 47,
             "protocol: is not a name or a number from 0 to 255 that can be "
             "expressed");
    BAD_RULE("direction: egress, ethertype: IPv4, protocol: tcp, "
             "source_port_range_min: 80", 0,
             "rule: source port range has one end only");
    BAD_RULE("direction: egress, ethertype: IPv4, protocol: udp, "
             "source_port_range_min: 81, source_port_range_max: 80", 75,
             "source_port_range_min: is above source_port_range_max");
    BAD_RULE("direction: egress, ethertype: IPv4, port_range_min: 1, "
             "port_range_max: 2", 0,
             "rule: port range on a protocol without ports");
    BAD_RULE("direction: egress, ethertype: IPv4, protocol: tcp, "
             "port_range_min: 80", 0, "rule: port range has one end only");
    BAD_RULE("direction: egress, ethertype: IPv4, protocol: tcp, "
             "port_range_min: 080, port_range_max: 80", 68,
             "port_range_min: expected an integer from 0 to 65535");
    BAD_RULE("direction: egress, ethertype: IPv4, protocol: tcp, "
             "port_range_min: 81, port_range_max: 80", 68,
             "port_range_min: is above port_range_max");
    BAD_RULE("direction: egress, ethertype: IPv4, protocol: tcp, "
             "port_range_min: 80, port_range_max: 65536", 88,
             "port_range_max: expected an integer from 0 to 65535");
    BAD_RULE("direction: egress, ethertype: IPv4, remote_ip_prefix: '::/0'",
             55, "remote_ip_prefix: is of the other family");
    BAD_RULE("direction: egress, ethertype: IPv4, remote_ip_prefix: 10/8",
             55, "remote_ip_prefix: is not an address or a prefix");
    BAD_RULE("direction: egress, ethertype: IPv4, remote_group_id: "G2, 54,
             "remote_group_id: no security group "G2" is defined");
    BAD_RULE("direction: egress, ethertype: IPv4, remote_group_id: "AG, 54,
             "remote_group_id: no security group "AG" is defined");
    BAD_RULE("direction: egress, ethertype: IPv4, "
             "remote_address_group_id: "G1, 62,
             "remote_address_group_id: no address group "G1" is defined");
    BAD_RULE("direction: egress, ethertype: IPv4, remote_group_id: "G1", "
             "remote_ip_prefix: 10.0.0.0/8", 0,
             "rule: more than one remote");
    BAD_RULE("direction: egress, ethertype: IPv4, port: 80", 37,
             "port: unknown key in rule");
}

/* One port, on line 3; 'column' is counted from the start of 'fields'. */
static void
bad_port_at(const char *file, int line, const char *fields, int column,
            const char *error)
{
    char *text = xasprintf("groups: [{id: "G1"}]\nports:\n"
                           "- {id: "P1", mac_address: '02:00:00:00:00:01', "
                           "%s}\n", fields);
    char *expected = xasprintf("t.yaml:3:%d: %s",
                               column ? 79 + column : 3, error);

    bad_at(file, line, text, expected);
    free(expected);
    free(text);
}
#define BAD_PORT(FIELDS, COLUMN, ERROR) \
    bad_port_at(__FILE__, __LINE__, FIELDS, COLUMN, ERROR)

TEST(bad_ports)
{
    BAD("groups: []\nports: [{id: "P1"}]\n",
        "t.yaml:2:9: mac_address: the key is missing");
    BAD("groups: []\nports: [{id: "P1", mac_address: '01:00:00:00:00:01'}]\n",
        "t.yaml:2:65: mac_address: expected the MAC address of an interface, "
        "not \"01:00:00:00:00:01\"");
    BAD("groups: []\nports:\n- {id: "P1", mac_address: '02:00:00:00:00:01'}\n"
        "- {id: "P1", mac_address: '02:00:00:00:00:01'}\n",
        "t.yaml:4:8: id: a second port "P1);
    BAD_PORT("fixed_ips: [10.0.0.1/24]", 13,
             "fixed_ips: expected an IP address, not \"10.0.0.1/24\"");
    BAD_PORT("fixed_ips: [224.0.0.1]", 13,
             "fixed_ips: 224.0.0.1 is a multicast address");
    BAD_PORT("fixed_ips: 10.0.0.1", 12, "fixed_ips: expected a list");
    BAD_PORT("security_groups: ["G2"]", 19,
             "security_groups: no security group "G2" is defined");
    BAD_PORT("security_groups: ["G1", "G1"]", 57,
             "security_groups: group "G1" stands here twice");
    BAD_PORT("allowed_address_pairs: [{mac_address: '02:00:00:00:00:02'}]",
             25, "ip_address: the key is missing");
    BAD_PORT("allowed_address_pairs: [10.0.0.1]", 25,
             "address pair: expected a mapping");
    BAD_PORT("device: 'a/b'", 9, "device: expected 1 to 15 letters, digits, "
             "'.', '_', '-'");
    BAD_PORT("device: abcdefghijklmnop", 9, "device: expected 1 to 15 "
             "letters, digits, '.', '_', '-'");
    BAD_PORT("trusted: 1", 10, "trusted: expected true or false");
    BAD_PORT("binding: a", 1, "binding: unknown key in port");
}

TEST(bad_address_groups)
{
    BAD("address_groups: [{id: "AG", addresses: [0.0.0.0/0]}]\n"
        "groups: []\nports: []\n",
        "t.yaml:1:73: addresses: a prefix of length 0 is everybody: leave the "
        "remote out of the rule instead");
    BAD("address_groups: [{id: "AG", addresses: [a]}]\n"
        "groups: []\nports: []\n",
        "t.yaml:1:73: addresses: expected an IP address or prefix, not "
        "\"a\"");
    BAD("address_groups: [{id: "AG"}]\ngroups: []\n"
        "ports:\n- {id: "P1", mac_address: '02:00:00:00:00:01',\n"
        "   security_groups: ["AG"]}\n",
        "t.yaml:5:22: security_groups: no security group "AG" is defined");
}

TEST(depth_is_limited)
{
    struct topology *topology = NULL;
    size_t n = 100000;
    char *text = xmalloc(n + 1);

    /* It takes no longer than to see that it is too deep. */
    memset(text, '[', n);
    text[n] = '\0';
    CHECK_ERROR(parse(text, &topology), "t.yaml:1:17: nested too deep");
    free(text);
}

TEST(limits)
{
    const char *text = "groups:\n- {id: "G1"}\n- {id: "G2"}\nports:\n"
        "- {id: "P1", mac_address: '02:00:00:00:00:01',\n"
        "   fixed_ips: [10.0.0.1, 10.0.0.2], security_groups: ["G1"]}\n";
    struct topology *topology = NULL;
    struct rpc_limits limits;

    rpc_limits_default(&limits);
    limits.members = 1;
    CHECK_ERROR(topology_parse(text, strlen(text), "t", &limits, &topology),
                "t:1:1: ports: group "G1" would have 2 members, more than "
                "the limit of 1");
    rpc_limits_default(&limits);
    limits.pairs_per_port = 1;
    CHECK_ERROR(topology_parse(text, strlen(text), "t", &limits, &topology),
                "t:6:15: fixed_ips: 2 entries, more than the limit of 1");
    limits.groups_per_port = 0;
    limits.pairs_per_port = 2;
    CHECK_ERROR(topology_parse(text, strlen(text), "t", &limits, &topology),
                "1 entries, more than the limit of 0");
    CHECK_ERROR(topology_parse(text, TOPOLOGY_MAX_BYTES + 1, "t", &limits,
                               &topology), "larger than the limit");
    CHECK(!topology);
}

/* Two spellings of an address are one; the same address with two MACs is two
 * pairs. */
TEST(addresses_stand_once)
{
    struct topology *topology = good(
        "groups: []\nports:\n"
        "- {id: "P1", mac_address: '02:00:00:00:00:01',\n"
        "   fixed_ips: ['2001:DB8::1', 10.0.0.1, '2001:db8:0::1', 10.0.0.1],\n"
        "   allowed_address_pairs: [{ip_address: 10.0.0.7/24},\n"
        "     {ip_address: 10.0.0.0/24}, {ip_address: 10.0.0.9/32},\n"
        "     {ip_address: 10.0.0.9},\n"
        "     {ip_address: 10.0.0.9, mac_address: '02:00:00:00:00:02'},\n"
        "     {ip_address: 10.0.0.9, mac_address: 0200.0000.0001}]}\n");
    struct uuid uuid = id(P1);
    const struct topology_port *port = topology_port(topology, &uuid);

    REQUIRE(port);
    CHECK_UEQ(port->spec.n_fixed_ips, 2);
    CHECK_UEQ(port->spec.n_pairs, 3);
    topology_destroy(topology);
}
