/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include <config.h>
#include "agent/plug.h"

#include <stdlib.h>
#include <string.h>

#include "tests/lib/test.h"
#include "util.h"

static const struct plug_names names = { "qbr", "tap", "qvb" };

/* Two hybrid ports, a tap straight in Open vSwitch, and strangers. */
static const struct plug_link host[] = {
    { 1, 0, 0, "lo" },
    { 10, 0, 11, "qvo1" }, { 11, 12, 10, "qvb1" }, { 12, 0, 0, "qbr1" },
    { 13, 12, 0, "tap1" },
    { 20, 0, 21, "qvo2" }, { 21, 22, 20, "qvb2" }, { 22, 0, 0, "qbr2" },
    { 23, 22, 0, "tap2" },
    { 30, 0, 0, "tap3" },
    { 40, 0, 0, "docker0" }, { 41, 40, 0, "vethx" },
};

static const char *
resolve(const struct plug_link *links, size_t n, const char *interface,
        struct sg_binding *b)
{
    struct plug_table *t = plug_table_create(links, n);
    const char *why = plug_resolve(t, &names, interface, b);

    plug_table_destroy(t);
    return why;
}

TEST(hybrid)
{
    struct sg_binding b;

    CHECK(!resolve(host, ARRAY_SIZE(host), "qvo2", &b));
    CHECK_EQ(b.plug, SG_PLUG_HYBRID);
    CHECK_STR(b.interface, "qvo2");
    CHECK_STR(b.device, "tap2");
    CHECK_STR(b.bridge, "qbr2");
    CHECK_STR(b.uplink, "qvb2");
    CHECK_EQ(b.zone, 0);
}

TEST(incomplete)
{
    struct plug_link links[4];
    struct sg_binding b;

    CHECK(resolve(host, ARRAY_SIZE(host), "qvo9", &b) != NULL);
    CHECK_EQ(b.plug, SG_PLUG_MISSING);
    CHECK_STR(b.interface, "qvo9");

    memcpy(links, &host[1], sizeof links);
    CHECK(resolve(links, 3, "qvo1", &b) != NULL);       /* No tap. */
    CHECK_EQ(b.plug, SG_PLUG_MISSING);
    CHECK_STR(b.bridge, "qbr1");

    links[1].master = 0;                                /* On no bridge. */
    CHECK(resolve(links, 4, "qvo1", &b) != NULL);
    CHECK_EQ(b.plug, SG_PLUG_MISSING);
    CHECK_STR(b.uplink, "qvb1");
}

/* A second device closes the bridge, whatever its name. */
TEST(shared_bridge)
{
    struct plug_link links[ARRAY_SIZE(host) + 1];
    struct sg_binding b;

    memcpy(links, host, sizeof host);
    links[ARRAY_SIZE(host)] = (struct plug_link) { 99, 12, 0, "eth7" };
    CHECK(resolve(links, ARRAY_SIZE(links), "qvo1", &b) != NULL);
    CHECK_EQ(b.plug, SG_PLUG_SHARED_BRIDGE);
    CHECK_STR(b.device, "tap1");
    CHECK(!resolve(links, ARRAY_SIZE(links), "qvo2", &b));
    CHECK_EQ(b.plug, SG_PLUG_HYBRID);
}

/* The stranger is the one that is called unknown, whatever the order. */
TEST(the_uplinks_twin_is_the_ports_device)
{
    static const char *const strangers[] = { "tap0", "tap11", "zap1", "a" };
    struct plug_link links[ARRAY_SIZE(host) + 1];

    memcpy(links, host, sizeof host);
    for (size_t i = 0; i < ARRAY_SIZE(strangers); i++) {
        char out[8][SG_DEVICE_LEN];
        struct sg_binding known[2];
        struct plug_table *t;

        links[ARRAY_SIZE(host)] = (struct plug_link) { 99, 12, 0, "" };
        ovs_strlcpy(links[ARRAY_SIZE(host)].name, strangers[i],
                    SG_DEVICE_LEN);
        t = plug_table_create(links, ARRAY_SIZE(links));
        plug_resolve(t, &names, "qvo1", &known[0]);
        plug_resolve(t, &names, "qvo2", &known[1]);
        CHECK_STR(known[0].device, "tap1");
        REQUIRE(CHECK_EQ(plug_unknown_devices(t, &names, known, 2, out, 8),
                         1));
        CHECK_STR(out[0], strangers[i]);
        plug_table_destroy(t);
    }
}

TEST(unenforceable)
{
    struct plug_link links[4];
    struct sg_binding b;

    CHECK(resolve(host, ARRAY_SIZE(host), "tap3", &b) != NULL);
    CHECK_EQ(b.plug, SG_PLUG_UNENFORCEABLE);
    CHECK_STR(b.device, "tap3");

    /* Each of the three names must be one the rules can match. */
    for (int i = 1; i < 4; i++) {
        memcpy(links, &host[1], sizeof links);
        ovs_strlcpy(links[i].name, "other0", sizeof links[i].name);
        CHECK(resolve(links, 4, "qvo1", &b) != NULL);
        CHECK_EQ(b.plug, SG_PLUG_UNENFORCEABLE);
    }
}

TEST(equality)
{
    struct plug_link links[ARRAY_SIZE(host)];
    struct plug_table *a = plug_table_create(host, ARRAY_SIZE(host));
    struct plug_table *b;

    memcpy(links, host, sizeof host);
    b = plug_table_create(links, ARRAY_SIZE(links));
    CHECK(plug_table_equals(a, b));
    plug_table_destroy(b);

    links[4].master = 22;
    b = plug_table_create(links, ARRAY_SIZE(links));
    CHECK(!plug_table_equals(a, b));
    plug_table_destroy(b);

    b = plug_table_create(host, ARRAY_SIZE(host) - 1);
    CHECK(!plug_table_equals(a, b));
    CHECK(!plug_table_equals(b, a));
    plug_table_destroy(b);
    plug_table_destroy(a);
}

TEST(unknown_devices)
{
    struct plug_table *t = plug_table_create(host, ARRAY_SIZE(host));
    char out[4][SG_DEVICE_LEN];
    struct sg_binding known;

    CHECK(!plug_resolve(t, &names, "qvo1", &known));
    CHECK_EQ(plug_unknown_devices(t, &names, &known, 1, out, 4), 2);
    CHECK(!strcmp(out[0], "qvb2") || !strcmp(out[1], "qvb2"));
    CHECK(!strcmp(out[0], "tap2") || !strcmp(out[1], "tap2"));
    CHECK_EQ(plug_unknown_devices(t, &names, NULL, 0, out, 1), 4);
    plug_table_destroy(t);
}

TEST(devices_for_the_guard)
{
    static const struct plug_link more[] = {
        { 12, 0, 0, "qbr1" }, { 13, 12, 0, "tap1" }, { 14, 12, 0, "vnet3" },
        { 30, 0, 0, "tap3" },           /* On no bridge. */
        { 31, 99, 0, "tap4" },          /* On one that nobody knows. */
        { 40, 0, 0, "virbr0" }, { 41, 40, 0, "vnet1" },
        { 42, 40, 0, "tapother" }, { 43, 40, 0, "qvbother" },
    };
    static const struct l2_device expected[] = {
        { .name = "tap1", .index = 13, .ours = true, .tap = true },
        { .name = "vnet3", .index = 14, .ours = true },
        { .name = "tapother", .index = 42, .tap = true },
        { .name = "qvbother", .index = 43 },
    };
    struct plug_table *t = plug_table_create(more, ARRAY_SIZE(more));
    struct l2_device *devices;
    size_t n;

    devices = plug_devices(t, &names, &n);
    REQUIRE(CHECK_UEQ(n, ARRAY_SIZE(expected)));
    for (size_t i = 0; i < n; i++) {
        CHECK_STR(devices[i].name, expected[i].name);
        CHECK_UEQ(devices[i].index, expected[i].index);
        CHECK_EQ(devices[i].ours, expected[i].ours);
        CHECK_EQ(devices[i].tap, expected[i].tap);
    }
    free(devices);
    plug_table_destroy(t);
}
