/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* What the layer-2 guard is told of the ports. */

#include <config.h>
#include "firewall/l2_elements.h"

#include <stdlib.h>

#include "firewall/l2guard/l2_key.h"
#include "openvswitch/dynamic-string.h"
#include "tests/lib/policy-text.h"
#include "tests/lib/test.h"
#include "util.h"

#define M1 "52:54:00:00:00:01"
#define M2 "52:54:00:00:00:02"
#define LL1 "fe80::5054:ff:fe00:1"
#define LL2 "fe80::5054:ff:fe00:2"
#define PLACE "device=tap1 bridge=qbr1 uplink=qvb1 zone=1 mac=" M1

static void
check_text(const struct l2_elements *list, const char *expected)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    l2_elements_format(list, &s);
    CHECK_STR(ds_cstr(&s), expected);
    ds_destroy(&s);
}

static void
render(const char *policy, struct l2_elements *list)
{
    struct policy_text pt;

    policy_text_init(&pt, policy);
    l2_elements_render(&(struct l2_input) { .policy = &pt.policy }, list);
    policy_text_uninit(&pt);
}

static void
check_render(const char *policy, const char *expected)
{
    struct l2_elements list = L2_ELEMENTS_INIT;

    render(policy, &list);
    check_text(&list, expected);
    l2_elements_uninit(&list);
}

TEST(port)
{
    check_render("port p1 "PLACE" ip=10.0.0.1 ip=2001:db8::1\n",
                 "mac tap1 "M1"\n"
                 "pair tap1 "M1" 10.0.0.1\n"
                 "pair tap1 "M1" 2001:db8::1\n"
                 "pair tap1 "M1" "LL1"\n");
    /* Without any address it may at least ask for one. */
    check_render("port p1 "PLACE"\n",
                 "mac tap1 "M1"\npair tap1 "M1" "LL1"\n");
}

TEST(pairs)
{
    check_render("port p1 "PLACE" ip=10.0.0.1 pair=10.0.0.9@"M2
                 " pair=192.0.2.0/24@"M1" pair=::/0@"M2"\n",
                 "mac tap1 "M1"\n"
                 "mac tap1 "M2"\n"
                 "pair tap1 "M1" 10.0.0.1\n"
                 "pair tap1 "M1" 192.0.2.0/24\n"
                 "pair tap1 "M1" "LL1"\n"
                 "pair tap1 "M2" 10.0.0.9\n"
                 "pair tap1 "M2" ::/0\n"
                 "pair tap1 "M2" "LL2"\n");
}

/* A prefix within another one is left out, but for the other MAC address, and
 * so is nothing else. */
TEST(contained_prefixes)
{
    check_render("port p1 "PLACE" pair=10.0.0.0/8@"M1" pair=10.1.0.0/16@"M1
                 " pair=10.1.2.0/24@"M1" pair=11.0.0.0/16@"M1
                 " pair=10.1.2.3@"M1" pair=10.1.0.0/16@"M2
                 " pair=2001:db8::/32@"M1" pair=2001:db8:1::/48@"M1
                 " pair=2001:db9::/48@"M1"\n",
                 "mac tap1 "M1"\n"
                 "mac tap1 "M2"\n"
                 "pair tap1 "M1" 10.0.0.0/8\n"
                 "pair tap1 "M1" 10.1.2.3\n"
                 "pair tap1 "M1" 11.0.0.0/16\n"
                 "pair tap1 "M1" 2001:db8::/32\n"
                 "pair tap1 "M1" 2001:db9::/48\n"
                 "pair tap1 "M1" "LL1"\n"
                 "pair tap1 "M2" 10.1.0.0/16\n"
                 "pair tap1 "M2" "LL2"\n");
}

TEST(not_filtered)
{
    check_render("port p1 "PLACE" ip=10.0.0.1 trusted\n", "free tap1\n");
    check_render("port p1 "PLACE" ip=10.0.0.1 unprotected\n", "free tap1\n");
}

/* Without an element a tap is closed. */
TEST(closed)
{
    static const char *const states[] = { "absent", "deleted" };
    static const char *const plugs[] = {
        "no_device", "shared_bridge", "unenforceable",
    };

    for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
        char *text = xasprintf("port p1 %s "PLACE" ip=10.0.0.1 trusted\n",
                               states[i]);
        check_render(text, "");
        free(text);
    }
    for (size_t i = 0; i < ARRAY_SIZE(plugs); i++) {
        char *text = xasprintf("port p1 %s "PLACE" ip=10.0.0.1 trusted\n",
                               plugs[i]);
        check_render(text, "");
        free(text);
    }
    check_render("port p1 orphaned "PLACE" trusted\n", "free tap1\n");
}

/* The tables give a device to the port with the lower id, and so must this. */
TEST(two_ports_on_one_device)
{
    check_render("port p2 device=tap1 bridge=qbr1 uplink=qvb1 zone=1 mac="M2
                 " ip=10.0.0.2\nport p1 "PLACE" ip=10.0.0.1\n",
                 "mac tap1 "M1"\npair tap1 "M1" 10.0.0.1\n"
                 "pair tap1 "M1" "LL1"\n");
}

#define FOREIGN(NAME, INDEX) { .name = NAME, .index = INDEX, .tap = true }
#define TAP(NAME) { .name = NAME, .ours = true, .tap = true }
#define OTHER(NAME) { .name = NAME, .ours = true }

static void
check_devices(const char *policy, const struct l2_device *devices,
              size_t n_devices, bool shut, const char *expected)
{
    struct l2_elements list = L2_ELEMENTS_INIT;
    struct policy_text pt;

    policy_text_init(&pt, policy);
    l2_elements_render(&(struct l2_input) {
        .policy = &pt.policy,
        .devices = devices,
        .n_devices = n_devices,
        .shut = shut,
    }, &list);
    check_text(&list, expected);
    l2_elements_uninit(&list);
    policy_text_uninit(&pt);
}

TEST(devices_of_others)
{
    static const struct l2_device devices[] = {
        FOREIGN("tapx", 7), FOREIGN("tapa", 8), TAP("tap1"), OTHER("qvb1"),
    };

    check_devices("port p1 "PLACE" trusted\n", devices, ARRAY_SIZE(devices),
                  false, "other tapa 8\nother tapx 7\nfree tap1\n");
}

TEST(seen_by_the_tables)
{
    struct l2_elements list = L2_ELEMENTS_INIT;

    l2_elements_set_seen(&list, false);
    check_text(&list, "");
    l2_elements_add(&list, L2_FREE, "tap1", NULL, NULL);
    for (int i = 0; i < 2; i++) {
        l2_elements_set_seen(&list, true);
        check_text(&list, "seen IPv4\nseen IPv6\nfree tap1\n");
    }
    for (int i = 0; i < 2; i++) {
        l2_elements_set_seen(&list, false);
        check_text(&list, "free tap1\n");
    }
    l2_elements_uninit(&list);
}

/* On a bridge of ours each device is closed that is no tap, which is closed
 * without an element, and no port's uplink; whatever it is called. */
TEST(strangers)
{
    static const struct l2_device devices[] = {
        TAP("tap1"), OTHER("qvb1"), OTHER("vnet3"), OTHER("qvb11"),
        TAP("tap2"), OTHER("qvb2"), OTHER("eth7"), OTHER("qvb4"),
        TAP("tap9"), OTHER("qvb9"),
    };

    check_devices("port p1 "PLACE"\n"
                  "port p2 absent device=tap2 bridge=qbr2 uplink=qvb2 "
                  "mac="M2"\n"
                  "port p3 shared_bridge device=eth7 bridge=qbr4 "
                  "uplink=qvb4 mac="M2"\n", devices, ARRAY_SIZE(devices),
                  false, "shut eth7\nshut qvb11\nshut qvb9\nshut vnet3\n"
                  "mac tap1 "M1"\npair tap1 "M1" "LL1"\n");
}

/* While nothing else filters, our bridges are closed in both directions, but
 * for ports that are not to be filtered. */
TEST(shut)
{
    static const struct l2_device devices[] = {
        FOREIGN("tapx", 9),
        TAP("tap1"), OTHER("qvb1"), TAP("tap2"), OTHER("qvb2"),
        TAP("tap3"), OTHER("qvb3"), OTHER("vnet3"),
        TAP("tap4"), OTHER("qvb4"), TAP("tap9"), OTHER("qvb9"),
    };

    check_devices("port p1 "PLACE" ip=10.0.0.1\n"
                  "port p2 absent device=tap2 bridge=qbr2 uplink=qvb2 "
                  "mac="M2"\n"
                  "port p3 device=tap3 bridge=qbr3 uplink=qvb3 mac="M2
                  " trusted\n"
                  "port p4 shared_bridge device=tap4 bridge=qbr4 "
                  "uplink=qvb4 mac="M2" trusted\n"
                  "port p5 no_device device=tap5 bridge=qbr5 uplink=qvb5 "
                  "mac="M2"\n", devices, ARRAY_SIZE(devices), true,
                  "other tapx 9\n"
                  "shut qvb1\nshut qvb2\nshut qvb4\nshut qvb9\n"
                  "shut tap1\nshut tap2\nshut tap4\nshut tap9\n"
                  "shut vnet3\n"
                  "free tap3\n");
}

TEST(difference)
{
    struct l2_elements before = L2_ELEMENTS_INIT, after = L2_ELEMENTS_INIT;
    struct l2_elements add = L2_ELEMENTS_INIT, del = L2_ELEMENTS_INIT;

    render("port p1 "PLACE" ip=10.0.0.1 ip=2001:db8::1\n", &before);
    render("port p1 "PLACE" ip=10.0.0.2 ip=2001:db8::1 pair=10.0.0.0/8@"M1
           "\n", &after);
    l2_elements_diff(&before, &after, &add, &del);
    check_text(&add, "pair tap1 "M1" 10.0.0.0/8\npair tap1 "M1" 10.0.0.2\n");
    check_text(&del, "pair tap1 "M1" 10.0.0.1\n");
    CHECK(!l2_elements_equal(&before, &after));

    l2_elements_clear(&add);
    l2_elements_clear(&del);
    l2_elements_diff(&after, &after, &add, &del);
    CHECK_UEQ(add.n + del.n, 0);
    CHECK(l2_elements_equal(&after, &after));

    l2_elements_clear(&before);
    l2_elements_diff(&before, &after, &add, &del);
    CHECK(l2_elements_equal(&add, &after));
    CHECK_UEQ(del.n, 0);
    l2_elements_uninit(&before);
    l2_elements_uninit(&after);
    l2_elements_uninit(&add);
    l2_elements_uninit(&del);
}

/* Each element comes back from its key, and no key that is a little different
 * does. */
TEST(keys)
{
    static const struct l2_device devices[] = {
        FOREIGN("tap345678901234", 0x12345678), TAP("tap1"), OTHER("qvb9"),
        OTHER("vnet3"),
    };
    struct l2_elements list = L2_ELEMENTS_INIT;
    struct policy_text pt;

    policy_text_init(&pt, "port p1 "PLACE" ip=10.0.0.1 ip=2001:db8::1 "
                     "pair=10.0.0.0/7@"M1" pair=0.0.0.0/0@"M2
                     " pair=2001:db8:8000::/33@"M1" pair=::/0@"M2"\n"
                     "port p2 device=tap2 bridge=qbr2 uplink=qvb2 zone=2 "
                     "mac="M2" trusted\n");
    l2_elements_render(&(struct l2_input) {
        .policy = &pt.policy,
        .devices = devices,
        .n_devices = ARRAY_SIZE(devices),
    }, &list);
    l2_elements_set_seen(&list, true);
    CHECK_UEQ(list.n, 16);
    for (size_t i = 0; i < list.n; i++) {
        enum l2_set set = l2_element_set(&list.p[i]), found;
        const struct l2_set_form *form = l2_set_form(set);
        struct l2_element e;
        struct l2_key key;

        CHECK(l2_set_from_name(form->name, &found) && found == set);
        l2_key_encode(&list.p[i], &key);
        CHECK(l2_key_decode(set, &key, &e));
        CHECK(!l2_element_compare(&e, &list.p[i]));

        /* A byte of what fills up, of the end, of one of the two MACs. */
        key.first[set == L2_SET_SEEN ? 0
                  : form->n_fields > 2 ? SG_DEVICE_LEN + 7
                  : SG_DEVICE_LEN - 1] ^= 1;
        CHECK(!l2_key_decode(set, &key, &e));
        l2_key_encode(&list.p[i], &key);
        if (form->ranges) {
            key.last[form->key_len - 1] ^= 1;
            CHECK(!l2_key_decode(set, &key, &e));
            key.last[form->key_len - 1] ^= 1;
        }
        if (form->n_fields > 2) {
            key.last[SG_DEVICE_LEN + 8] ^= 2;
            CHECK(!l2_key_decode(set, &key, &e));
            key.first[SG_DEVICE_LEN + 8] ^= 2;
            CHECK(!l2_key_decode(set, &key, &e));
        }
    }
    CHECK(!l2_set_from_name("another", &(enum l2_set) { 0 }));
    l2_elements_uninit(&list);
    policy_text_uninit(&pt);
}
