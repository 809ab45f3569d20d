/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Who is a member of a group: a set, derived from the ports. */

#include <config.h>
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "openvswitch/dynamic-string.h"
#include "rpc/message.h"
#include "tools/sg-controller/topology.h"

#define G1 "5ec00000-0000-4000-8000-000000000001"
#define G2 "5ec00000-0000-4000-8000-000000000002"
#define PORT(N) "- {id: 90000000-0000-4000-8000-00000000000"N", " \
                "mac_address: '02:00:00:00:00:0"N"', "

/* The members of group 'id' in the topology with these ports, as text. */
static char *
members(const char *ports, const char *id)
{
    struct sg_members_spec spec;
    struct topology *topology = NULL;
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct rpc_limits limits;
    struct uuid uuid;

    ds_put_format(&ds, "groups: [{id: "G1"}, {id: "G2"}]\nports:\n%s", ports);
    rpc_limits_default(&limits);
    REQUIRE(CHECK_NO_ERROR(topology_parse(ds_cstr(&ds), ds.length, "t",
                                          &limits, &topology)));
    REQUIRE(sg_id_from_string(id, &uuid));
    topology_group_members(topology_group(topology, &uuid), 7, &spec);
    CHECK(spec.whole);
    CHECK_EQ(spec.revision, 7);

    ds_clear(&ds);
    for (size_t i = 0; i < spec.added.n; i++) {
        char text[SG_PREFIX_STRLEN];

        ds_put_format(&ds, "%s%s", i ? " " : "",
                      sg_prefix_format(&spec.added.p[i], text));
    }
    sg_members_spec_uninit(&spec);
    topology_destroy(topology);
    return ds_steal_cstr(&ds);
}

static void
check_members(const char *ports, const char *id, const char *expected)
{
    char *got = members(ports, id);

    CHECK_STR(got, expected);
    free(got);
}

TEST(fixed_ips_of_both_families)
{
    check_members(PORT("1")"fixed_ips: ['fd00::1', 10.0.0.2, 10.0.0.1], "
                  "security_groups: ["G1"]}\n", G1,
                  "10.0.0.1 10.0.0.2 fd00::1");
    check_members(PORT("1")"fixed_ips: [10.0.0.1], security_groups: ["G1"]}",
                  G2, "");
}

TEST(a_port_is_in_all_its_groups)
{
    const char *ports = PORT("1")"fixed_ips: [10.0.0.1], "
                        "security_groups: ["G1", "G2"]}\n"
                        PORT("2")"fixed_ips: [10.0.0.2], "
                        "security_groups: ["G2"]}\n";

    check_members(ports, G1, "10.0.0.1");
    check_members(ports, G2, "10.0.0.1 10.0.0.2");
}

TEST(pairs)
{
    /* A single address is a member, a prefix is one as a prefix, and
     * everybody never is. */
    check_members(PORT("1")"fixed_ips: [10.0.0.1], security_groups: ["G1"],\n"
                  "   allowed_address_pairs: [{ip_address: 10.0.0.9},\n"
                  "   {ip_address: 10.1.0.0/16}, {ip_address: 0.0.0.0/0},\n"
                  "   {ip_address: '::/0'}, {ip_address: 10.0.0.8/32}]}\n",
                  G1, "10.0.0.1 10.0.0.8 10.0.0.9 10.1.0.0/16");
}

TEST(two_ports_with_one_address_are_one_member)
{
    const char *both = PORT("1")"fixed_ips: [10.0.0.1], "
                       "security_groups: ["G1"]}\n"
                       PORT("2")"fixed_ips: [10.0.0.2], "
                       "allowed_address_pairs: [{ip_address: 10.0.0.1}], "
                       "security_groups: ["G1"]}\n";
    const char *one = PORT("2")"fixed_ips: [10.0.0.2], "
                      "allowed_address_pairs: [{ip_address: 10.0.0.1}], "
                      "security_groups: ["G1"]}\n";

    check_members(both, G1, "10.0.0.1 10.0.0.2");
    /* It stays until the last of them is gone. */
    check_members(one, G1, "10.0.0.1 10.0.0.2");
}

TEST(unfiltered_ports_are_no_members)
{
    check_members(PORT("1")"fixed_ips: [10.0.0.1], security_groups: ["G1"], "
                  "port_security_enabled: false}\n"
                  PORT("2")"fixed_ips: [10.0.0.2], security_groups: ["G1"], "
                  "trusted: true}\n"
                  PORT("3")"fixed_ips: [10.0.0.3], "
                  "security_groups: ["G1"]}\n", G1, "10.0.0.3");
}
