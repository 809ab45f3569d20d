/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Which ports sg-swarm plugs on which host. */

#include <config.h>
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

#include "rpc/message.h"
#include "tools/sg-controller/topology.h"
#include "tools/sg-swarm/placement.h"
#include "util.h"

#define PORT(FIRST, LAST, REST)                                         \
    "- {id: " FIRST "-0002-4000-8000-00000000000" LAST ", "             \
    "mac_address: '02:00:00:00:00:0" LAST "'" REST "}\n"

static char *
place(const char *ports, struct placement *placement)
{
    char *text = xasprintf("groups: []\nports:\n%s", ports);
    struct topology *topology = NULL;
    struct rpc_limits limits;
    char *error;

    rpc_limits_default(&limits);
    REQUIRE(CHECK_NO_ERROR(topology_parse(text, strlen(text), "t", &limits,
                                          &topology)));
    error = placement_create(topology, placement);
    topology_destroy(topology);
    free(text);
    return error;
}

TEST(ports_are_where_the_topology_says)
{
    struct placement p;

    REQUIRE(CHECK_NO_ERROR(place(PORT("5eb00003", "3", ", host: b")
                                 PORT("5eb00002", "2", ", host: a")
                                 PORT("5eb00004", "4", "")
                                 PORT("5eb00001", "1", ", host: b"), &p)));
    CHECK_UEQ(p.n_hosts, 2);
    CHECK_STR(p.hosts[0].name, "a");
    CHECK_UEQ(p.hosts[0].n_ports, 1);
    CHECK_STR(p.hosts[1].name, "b");
    REQUIRE(p.hosts[1].n_ports == 2);
    CHECK_UEQ(p.hosts[1].ports[0].id.parts[0], 0x5eb00001);
    CHECK_UEQ(p.hosts[1].ports[1].id.parts[0], 0x5eb00003);
    CHECK_EQ(p.hosts[1].ports[1].binding.plug, SG_PLUG_HYBRID);
    CHECK_STR(p.hosts[1].ports[1].binding.device, "tap5eb00003-00");
    CHECK_STR(p.hosts[1].ports[1].binding.bridge, "qbr5eb00003-00");
    CHECK_STR(p.hosts[1].ports[1].binding.uplink, "qvb5eb00003-00");
    placement_uninit(&p);
}

TEST(nothing_is_placed)
{
    struct placement p;

    REQUIRE(CHECK_NO_ERROR(place(PORT("5eb00004", "4", ""), &p)));
    CHECK_UEQ(p.n_hosts, 0);
    placement_uninit(&p);
}

TEST(refusals)
{
    struct placement p;

    CHECK_ERROR(place(PORT("5eb00001", "1", ", host: a")
                      PORT("5eb00001", "2", ", host: a"), &p),
                "host a: ports 5eb00001-0002-4000-8000-000000000001 and "
                "5eb00001-0002-4000-8000-000000000002 would both have device "
                "tap5eb00001-00");
    CHECK_ERROR(place(PORT("5eb00001", "1", ", host: \"a b\""), &p),
                "port 5eb00001-0002-4000-8000-000000000001: no host can have "
                "the name \"a b\"");
    /* On two hosts they do not meet. */
    REQUIRE(CHECK_NO_ERROR(place(PORT("5eb00001", "1", ", host: a")
                                 PORT("5eb00001", "2", ", host: b"), &p)));
    placement_uninit(&p);
}
