/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "rpc/topology.h"

#include <stdlib.h>
#include <string.h>

#include "tests/lib/test.h"
#include "util.h"
#include "uuid.h"

#define GROUP "5eb00000-0000-4000-8000-00000000000a"

TEST(hosts)
{
    static const char *const bad[] = {
        "", "a b", "a/b", "a*", "#", "a\n", "h\xc3\xb6st", "a:b", "a,b",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    };
    static const char *const good[] = {
        "h", "compute-1.example.org", "A_b.c-0",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    };

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        CHECK(!rpc_host_ok(bad[i]));
    }
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        CHECK(rpc_host_ok(good[i]));
    }
}

TEST(agent_names)
{
    char *key = rpc_agent_key("compute-1");
    char *queue = rpc_agent_queue("compute-1", 0xbeef);

    CHECK_STR(key, "sg-agent.compute-1");
    CHECK_STR(queue, "sg-agent.compute-1.0000beef");
    free(key);
    free(queue);
}

TEST(group_exchanges)
{
    static const enum sg_kind kinds[] = { SG_KIND_RULES, SG_KIND_MEMBERS };
    static const char *const names[] = {
        "sg-rules."GROUP"_fanout", "sg-members."GROUP"_fanout",
    };
    struct uuid group;

    REQUIRE(sg_id_from_string(GROUP, &group));
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        char *name = rpc_group_exchange(kinds[i], &group);
        enum sg_kind kind = SG_KIND_PORT;
        struct uuid id = UUID_ZERO;

        CHECK_STR(name, names[i]);
        CHECK(rpc_group_from_exchange(name, &kind, &id));
        CHECK_EQ(kind, kinds[i]);
        CHECK(uuid_equals(&id, &group));
        free(name);
    }
}

TEST(other_exchanges)
{
    static const char *const names[] = {
        "", "sg", RPC_BEACON_EXCHANGE, "sg-rules."GROUP, "sg-rules."GROUP"_",
        "sg-rules."GROUP"_fanoutx", "sg-rules."GROUP"x_fanout",
        "sg-port."GROUP"_fanout", "sg-rules_"GROUP"_fanout",
        "xsg-rules."GROUP"_fanout", "sg-members._fanout",
        "sg-members.5EB00000-0000-4000-8000-00000000000A_fanout",
        "sg-members.5eb00000-0000-4000-8000-00000000000g_fanout",
        "sg-members.00000000-0000-0000-0000-000000000000_fanout",
    };
    enum sg_kind kind = SG_KIND_PORT;
    struct uuid group = { { 1, 2, 3, 4 } };

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (rpc_group_from_exchange(names[i], &kind, &group)) {
            FAIL("%s: accepted", names[i]);
        }
        CHECK(kind == SG_KIND_PORT && group.parts[3] == 4);
    }
}
