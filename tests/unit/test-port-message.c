/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* What a message makes of a port: what it may send from, and whether anything
 * but the two words for it switches its filter off. */

#include <config.h>
#include "rpc/message.h"

#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "sg/policy.h"
#include "tests/lib/rpc-text.h"
#include "tests/lib/test.h"
#include "util.h"

#define EPOCH "1763666000000-0a1b2c3d"
#define MAC "52:54:00:00:00:01"
#define LINK_LOCAL "fe80::5054:ff:fe00:1"

static char *
ports_text(const char *fields)
{
    return xasprintf("{\"epoch\": \""EPOCH"\", \"sent\": 5, \"ports\": [{"
                     "\"id\": \"5eb00000-0002-4000-8000-000000000001\","
                     "\"revision\": 5, \"mac_address\": \""MAC"\","
                     "\"security_groups\": [], %s}]}", fields);
}

/* The pairs and fixed IPs of a port with these lists, a line; and how many of
 * them were left out. */
static char *
sources(const char *fixed_ips, const char *pairs, size_t *n_refused)
{
    char *fields = xasprintf("\"fixed_ips\": [%s], \"allowed_address_pairs\":"
                             " [%s]", fixed_ips, pairs);
    char *text = ports_text(fields);
    struct rpc_limits limits = rpc_text_limits();
    struct ds s = DS_EMPTY_INITIALIZER;
    struct sg_update update;

    REQUIRE(CHECK_NO_ERROR(rpc_text_update("ports_updated", text, &limits,
                                           &update)));
    REQUIRE(CHECK_UEQ(update.n_ports, 1));

    const struct sg_port_spec *spec = &update.ports[0];
    char address[SG_PREFIX_STRLEN], mac[SG_MAC_STRLEN];
    for (size_t i = 0; i < spec->n_fixed_ips; i++) {
        ds_put_format(&s, "%s ",
                      sg_prefix_format(&spec->fixed_ips[i], address));
    }
    for (size_t i = 0; i < spec->n_pairs; i++) {
        ds_put_format(&s, "%s+%s ",
                      sg_prefix_format(&spec->pairs[i].prefix, address),
                      sg_mac_format(&spec->pairs[i].mac, mac));
    }
    ds_chomp(&s, ' ');
    *n_refused = spec->n_refused;
    sg_update_uninit(&update);
    free(text);
    free(fields);
    return ds_steal_cstr(&s);
}

static void
check_sources(const char *fixed_ips, const char *pairs, const char *expected,
              size_t n_refused)
{
    size_t n;
    char *text = sources(fixed_ips, pairs, &n);

    CHECK_STR(text, expected);
    CHECK_UEQ(n, n_refused);
    free(text);
}

/* Two lists that are empty from the start are an instance whose addresses
 * nobody manages; two of which nothing is left are not. */
TEST(without_addresses)
{
    check_sources("", "", "0.0.0.0/0+"MAC" ::/0+"MAC, 0);
    check_sources("\"224.0.0.1\"", "", LINK_LOCAL"+"MAC, 1);
    check_sources("", "{\"ip_address\": \"10.0.0.0/33\"}",
                  LINK_LOCAL"+"MAC, 1);
    check_sources("\"10.0.0.0/24\"", "{}", LINK_LOCAL"+"MAC, 2);
    check_sources("\"10.0.0.1\"", "", "10.0.0.1", 0);
    check_sources("\"10.0.0.1\", \"::1\"", "", "10.0.0.1", 1);
    check_sources("", "{\"ip_address\": \"10.0.0.1\"}", "10.0.0.1+"MAC, 0);
}

/* Shows V24: pairs of addresses that no instance may have are left out */
TEST(pairs_of_nobody)
{
    static const char *const addresses[] = {
        "224.0.0.1", "224.0.0.0/4", "239.1.0.0/16", "255.255.255.255",
        "0.0.0.0", "127.0.0.1", "127.0.0.0/8", "::", "::1", "ff02::1",
        "ff00::/8", "::ffff:10.0.0.1", "::ffff:0:0/96", "10.0.0.0/33",
        "10.0.0/8", "0x0a000001", "010.0.0.1", "", "any",
    };

    for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
        char *pairs = xasprintf("{\"ip_address\": \"%s\"}, {\"ip_address\": "
                                "\"0.0.0.0/0\"}", addresses[i]);

        check_sources("\"10.0.0.1\"", pairs, "10.0.0.1 0.0.0.0/0+"MAC, 1);
        free(pairs);
    }
    check_sources("\"10.0.0.1\"", "{\"ip_address\": \"10.0.0.2\", "
                  "\"mac_address\": \"01:00:5e:00:00:01\"}", "10.0.0.1", 1);
    check_sources("\"10.0.0.1\"", "{\"ip_address\": \"10.0.0.2\", "
                  "\"mac_address\": \"\"}", "10.0.0.1", 1);
}

/* Shows V25: no value but trusted and port_security_enabled ends the filter */
TEST(what_switches_the_filter_off)
{
    static const struct { const char *fields; int filters; } cases[] = {
        { "\"device_owner\": \"network:dhcp\"", 1 },
        { "\"device_owner\": \"network:router_interface\"", 1 },
        { "\"binding:vnic_type\": \"direct\"", 1 },
        { "\"binding:profile\": {\"trusted\": true}", 1 },
        { "\"port_security\": false", 1 },
        { "\"Trusted\": true", 1 },
        { "\"trusted \": true", 1 },
        { "\"kind\": \"trusted\"", 1 },
        { "\"trusted\": false", 1 },
        { "\"trusted\": null", 1 },
        { "\"port_security_enabled\": true", 1 },
        { "\"port_security_enabled\": null", 1 },
        { "\"trusted\": true", 0 },
        { "\"port_security_enabled\": false", 0 },
        /* Malformed as a whole, which changes nothing: -1. */
        { "\"trusted\": \"true\"", -1 },
        { "\"trusted\": 1", -1 },
        { "\"trusted\": {}", -1 },
        { "\"port_security_enabled\": \"false\"", -1 },
        { "\"port_security_enabled\": 0", -1 },
        { "\"port_security_enabled\": \"\"", -1 },
        { "\"port_security_enabled\": []", -1 },
    };
    struct rpc_limits limits = rpc_text_limits();

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *fields = xasprintf("\"fixed_ips\": [\"10.0.0.1\"], "
                                 "\"allowed_address_pairs\": [], %s",
                                 cases[i].fields);
        char *text = ports_text(fields);
        struct sg_update update;
        char *error = rpc_text_update("ports_updated", text, &limits,
                                      &update);
        int filters = -1;

        if (!error && update.n_ports) {
            filters = sg_port_filters(&update.ports[0]);
        }
        if (!CHECK_EQ(filters, cases[i].filters)) {
            FAIL("%s", cases[i].fields);
        }
        if (!error) {
            sg_update_uninit(&update);
        }
        free(error);
        free(text);
        free(fields);
    }
}
