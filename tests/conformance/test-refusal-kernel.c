/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The facade on the real kernel: sets of somebody else hold both names that a
 * group's set can have.  Only the rules that need it are missing, and the
 * other program's sets are left alone. */

#include <config.h>
#include <stdlib.h>

#include "firewall/firewall.h"
#include "tests/conformance/backend.h"
#include "tests/lib/firewall-fixture.h"
#include "tests/lib/netns.h"
#include "util.h"

#define SET2_A "sg1-m4a-67000002-8e1d0e693a14"
#define TAKEN \
    "create " SET_A " hash:net family inet\n" \
    "create " SET_B " hash:ip family inet6\n" \
    "add " SET_A " 192.0.2.0/24\n"

static const char policy[] =
    PORT "port p2 device=tap2 bridge=qbr2 uplink=qvb2 zone=2 "
    "mac=52:54:00:00:00:02 ip=10.0.0.2 group=g2\n"
    RULES "rule ingress IPv4 proto=6 ports=80-80\n" MEMBERS
    "rules g2\nrule ingress IPv4 group=g2\nmembers g2 10.0.0.2\n";

/* The rules of g1, as iptables prints them. */
static void
check_rules(const char *expected)
{
    char *text = netns_run(NULL, "iptables-legacy -t security -S " IN_CHAIN
                           " | grep -v ^-N");

    CHECK_STR(text, expected);
    free(text);
}

KERNEL_TEST(both_names_are_taken)
{
    struct fw_backend_iptables_config config = { "/run/xtables.lock" };
    struct fw_layout layout;
    struct policy_text pt;
    char *error = NULL;

    free(netns_run(TAKEN, "ipset restore"));
    char *before = netns_run(NULL, "ipset save " SET_A "; ipset save " SET_B);
    policy_text_init(&pt, policy);
    fw_layout_default(&layout);
    struct firewall *fw = firewall_create(
        fw_backend_iptables_create(&config, &error), &layout, 1);
    firewall_set_complete(fw);

    for (int i = 0; i < 2; i++) {
        CHECK_EQ(firewall_apply(fw, &pt.policy), 0);
        CHECK_UEQ(firewall_result(fw)->n_commits != 0, !i);
        CHECK(firewall_lacks_sets(fw));
        CHECK(!firewall_needs_apply(fw));
        check_rules("-A " IN_CHAIN " -p tcp -m tcp --dport 80 -j ACCEPT\n");
        CHECK_UEQ(count_members(f, SET2_A, SG_IPV4), 1);
    }
    char *after = netns_run(NULL, "ipset save " SET_A "; ipset save " SET_B);
    CHECK_STR(after, before);

    /* One of the names is enough. */
    free(netns_run(NULL, "ipset destroy " SET_B));
    CHECK_EQ(firewall_apply(fw, &pt.policy), 0);
    CHECK(!firewall_lacks_sets(fw));
    check_rules("-A " IN_CHAIN " -m set --match-set " SET_B " src -j ACCEPT\n"
                "-A " IN_CHAIN " -p tcp -m tcp --dport 80 -j ACCEPT\n");
    CHECK_UEQ(count_members(f, SET_B, SG_IPV4), 2);

    firewall_destroy(fw);
    policy_text_uninit(&pt);
    free(before);
    free(after);
}
