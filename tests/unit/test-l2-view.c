/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* What the guard makes of a packet, by its elements. */

#include <config.h>
#include "firewall/l2_view.h"

#include <netinet/in.h>

#include "tests/lib/policy-text.h"
#include "tests/lib/test.h"
#include "util.h"

static const char policy[] =
    "port p1 device=tap1 bridge=qbr1 uplink=qvb1 zone=1 "
    "mac=52:54:00:00:00:01 ip=10.0.0.1 ip=2001:db8::1 "
    "pair=10.8.0.0/24@52:54:00:00:00:09\n"
    "port p2 device=tap2 bridge=qbr2 uplink=qvb2 zone=2 "
    "mac=52:54:00:00:00:02 ip=10.0.0.2 trusted\n"
    "port p3 device=tap3 bridge=qbr3 uplink=qvb3 zone=3 "
    "mac=52:54:00:00:00:03 pair=0.0.0.0/0@52:54:00:00:00:03\n";

struct frame {
    const char *from, *mac, *src, *dst;
    uint8_t proto, icmp_type;
};

enum tables { NOT_YET, BLIND, SEEING };

static void
check_view_at(const struct frame *frame, enum tables tables,
              enum l2_view expected, int line)
{
    static const struct l2_device devices[] = {
        { .name = "tapother", .tap = true },
        { .name = "tap1", .ours = true, .tap = true },
        { .name = "qvb1", .ours = true },
        { .name = "tap2", .ours = true, .tap = true },
        { .name = "qvb2", .ours = true },
        { .name = "tap3", .ours = true, .tap = true },
        { .name = "qvb3", .ours = true },
    };
    struct l2_elements list = L2_ELEMENTS_INIT;
    struct policy_text pt;
    struct fw_packet p;

    policy_text_init(&pt, policy);
    l2_elements_render(&(struct l2_input) {
        .policy = &pt.policy, .devices = devices,
        .n_devices = ARRAY_SIZE(devices), .shut = tables == BLIND,
    }, &list);
    l2_elements_set_seen(&list, tables == SEEING);
    memset(&p, 0, sizeof p);
    ovs_strlcpy(p.physdev_in, frame->from, sizeof p.physdev_in);
    p.src = policy_text_prefix(frame->src);
    p.dst = policy_text_prefix(frame->dst);
    p.family = p.src.family;
    p.proto = frame->proto;
    p.icmp_type = frame->icmp_type;
    REQUIRE(sg_mac_from_string(frame->mac, &p.mac));
    test_check_str(l2_view_name(l2_view(&list, &p,
                                        !strncmp(frame->from, "tap", 3))),
                   l2_view_name(expected), "view", "expected", __FILE__,
                   line);
    l2_elements_uninit(&list);
    policy_text_uninit(&pt);
}
#define CHECK_VIEW(VIEW, ...)                                           \
    check_view_at(&(struct frame) { __VA_ARGS__ }, NOT_YET,             \
                  L2_VIEW_##VIEW, __LINE__)
#define CHECK_SHUT(VIEW, ...)                                           \
    check_view_at(&(struct frame) { __VA_ARGS__ }, BLIND,               \
                  L2_VIEW_##VIEW, __LINE__)
#define CHECK_SEEN(VIEW, ...)                                           \
    check_view_at(&(struct frame) { __VA_ARGS__ }, SEEING,              \
                  L2_VIEW_##VIEW, __LINE__)

#define M1 "52:54:00:00:00:01"
#define M2 "52:54:00:00:00:02"
#define M3 "52:54:00:00:00:03"
#define M9 "52:54:00:00:00:09"
#define TCP IPPROTO_TCP
#define UDP IPPROTO_UDP
#define ICMP6 IPPROTO_ICMPV6

TEST(senders)
{
    CHECK_VIEW(OWN_SENDER, "tap1", M1, "10.0.0.1", "10.0.0.7", TCP, 0);
    CHECK_VIEW(FORGED, "tap1", M1, "10.0.0.2", "10.0.0.7", TCP, 0);
    CHECK_VIEW(FORGED, "tap1", M9, "10.0.0.1", "10.0.0.7", TCP, 0);
    CHECK_VIEW(OWN_SENDER, "tap1", M9, "10.8.0.255", "10.0.0.7", TCP, 0);
    CHECK_VIEW(FORGED, "tap1", M9, "10.8.1.0", "10.0.0.7", TCP, 0);
    CHECK_VIEW(FORGED, "tap1", M1, "10.8.0.255", "10.0.0.7", TCP, 0);
    CHECK_VIEW(OWN_SENDER, "tap1", M1, "2001:db8::1", "2001:db8::7", TCP, 0);
    CHECK_VIEW(FORGED, "tap1", M1, "2001:db8::2", "2001:db8::7", TCP, 0);
    CHECK_VIEW(OWN_SENDER, "tap1", M9, "fe80::5054:ff:fe00:9", "fe80::1",
               TCP, 0);
    /* Nobody knows this tap. */
    CHECK_VIEW(FORGED, "tap9", M1, "10.0.0.1", "10.0.0.7", TCP, 0);
}

TEST(without_an_address)
{
    CHECK_VIEW(OWN_SENDER, "tap1", M1, "0.0.0.0", "255.255.255.255", UDP, 0);
    CHECK_VIEW(OWN_SENDER, "tap1", M9, "0.0.0.0", "255.255.255.255", UDP, 0);
    CHECK_VIEW(FORGED, "tap1", M2, "0.0.0.0", "255.255.255.255", UDP, 0);
    CHECK_VIEW(FORGED, "tap1", M1, "0.0.0.0", "255.255.255.255", TCP, 0);
    CHECK_VIEW(FORGED, "tap1", M1, "0.0.0.0", "10.0.0.7", UDP, 0);
    /* Its pair is the whole family. */
    CHECK_VIEW(OWN_SENDER, "tap3", M3, "0.0.0.0", "10.0.0.7", TCP, 0);
    CHECK_VIEW(OWN_SENDER, "tap1", M1, "::", "ff02::1", ICMP6, 135);
    CHECK_VIEW(OWN_SENDER, "tap1", M1, "::", "ff02::1", ICMP6, 143);
    CHECK_VIEW(FORGED, "tap1", M1, "::", "ff02::1", ICMP6, 133);
    CHECK_VIEW(FORGED, "tap1", M1, "::", "ff02::1", UDP, 0);
}

TEST(routers)
{
    CHECK_VIEW(ROUTER, "tap1", M1, "fe80::5054:ff:fe00:1", "ff02::1", ICMP6,
               134);
    CHECK_VIEW(ROUTER, "tap1", M1, "2001:db8::1", "ff02::1", ICMP6, 137);
    CHECK_VIEW(OWN_SENDER, "tap1", M1, "2001:db8::1", "ff02::1", ICMP6, 133);
    CHECK_VIEW(UNFILTERED, "tap2", M2, "2001:db8::1", "ff02::1", ICMP6, 134);
    CHECK_VIEW(OWN_SENDER, "tap1", M1, "10.0.0.1", "10.0.0.7", ICMP6, 134);
}

TEST(devices)
{
    CHECK_VIEW(UNFILTERED, "tap2", M1, "10.0.0.77", "10.0.0.7", TCP, 0);
    CHECK_VIEW(NOT_LOOKED_AT, "tapother", M1, "10.0.0.77", "10.0.0.7", TCP,
               0);
    CHECK_VIEW(NOT_LOOKED_AT, "qvb1", M1, "10.0.0.77", "10.0.0.7", TCP, 0);
    CHECK_SHUT(SHUT, "tap1", M1, "10.0.0.1", "10.0.0.7", TCP, 0);
    CHECK_SHUT(SHUT, "qvb1", M1, "10.0.0.7", "10.0.0.1", TCP, 0);
    CHECK_SHUT(UNFILTERED, "tap2", M1, "10.0.0.1", "10.0.0.7", TCP, 0);
}

/* Whoever sends it. */
TEST(for_the_tables)
{
    CHECK_SEEN(SEEN, "tap1", M1, "10.0.0.1", "10.0.0.7", TCP, 0);
    CHECK_SEEN(SEEN, "tap1", M9, "10.0.0.9", "10.0.0.7", UDP, 0);
    CHECK_SEEN(SEEN, "tap9", M9, "10.0.0.9", "10.0.0.7", 47, 0);
    CHECK_SEEN(SEEN, "qvb1", M9, "10.0.0.9", "10.0.0.7", TCP, 0);
    CHECK_SEEN(SEEN, "tap1", M1, "2001:db8::2", "2001:db8::7", TCP, 0);
    CHECK_SEEN(SEEN, "tap1", M1, "::", "2001:db8::7", UDP, 0);
    CHECK_SEEN(FORGED, "tap1", M1, "2001:db8::2", "2001:db8::7", 47, 0);
    CHECK_SEEN(FORGED, "tap1", M1, "2001:db8::2", "2001:db8::7", ICMP6, 128);
    CHECK_SEEN(OWN_SENDER, "tap1", M1, "2001:db8::1", "2001:db8::7", ICMP6,
               128);
    CHECK_SEEN(ROUTER, "tap1", M1, "2001:db8::1", "ff02::1", ICMP6, 134);
    CHECK_SEEN(NOT_LOOKED_AT, "qvb1", M9, "2001:db8::1", "ff02::1", ICMP6,
               134);
}

TEST(what_passes)
{
    CHECK(l2_view_passes(L2_VIEW_SEEN));
    CHECK(l2_view_passes(L2_VIEW_NOT_LOOKED_AT));
    CHECK(l2_view_passes(L2_VIEW_UNFILTERED));
    CHECK(l2_view_passes(L2_VIEW_OWN_SENDER));
    CHECK(!l2_view_passes(L2_VIEW_SHUT));
    CHECK(!l2_view_passes(L2_VIEW_FORGED));
    CHECK(!l2_view_passes(L2_VIEW_ROUTER));
}
