/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Which tables an apply reads, and what it notices of those that it does
 * not. */

#include <config.h>
#include "firewall/firewall.h"

#include <errno.h>

#include "openvswitch/util.h"
#include "tests/lib/firewall-fixture.h"
#include "tests/lib/test.h"
#include "util.h"

#define N_TABLES (SG_N_FAMILIES * FW_N_TABLES)
#define ZONE 1
#define MORE PORT RULES "rule ingress IPv4 proto=6\n" MEMBERS

/* Applies and says how many tables were read for it. */
static uint64_t
apply_reads(struct fwf *f)
{
    uint64_t before = fw_backend_memory_reads(f->backend);

    CHECK_EQ(firewall_apply(f->fw, &f->pt->policy), 0);
    return fw_backend_memory_reads(f->backend) - before;
}

static struct fw_rule *
zone_rule(struct fwf *f)
{
    struct fw_chain *chain = fwf_chain(f, FW_RAW, FW_CHAIN_ZONES);

    REQUIRE(chain && chain->n_rules == 1);
    CHECK_EQ(chain->rules[0].verdict, FW_ZONE);
    return &chain->rules[0];
}

/* The one that changes is read before and after the commit. */
TEST(what_does_not_change_is_not_read)
{
    struct fwf f;

    fwf_start(&f, POLICY);
    CHECK_UEQ(apply_reads(&f), 0);
    fwf_set_policy(&f, MORE);
    CHECK_UEQ(apply_reads(&f), 2);
    CHECK_UEQ(fwf_chain(&f, FW_SECURITY, IN_CHAIN)->n_rules, 2);
    CHECK_UEQ(apply_reads(&f), 0);
    fwf_uninit(&f);
}

TEST(a_table_of_another_size_is_read)
{
    struct fwf f;

    fwf_start(&f, POLICY);
    fw_chain_clear(fwf_chain(&f, FW_RAW, FW_CHAIN_ZONES));
    CHECK_UEQ(apply_reads(&f), 2);
    CHECK_EQ(zone_rule(&f)->zone, ZONE);
    fwf_uninit(&f);
}

/* Until a refresh; and an edit of a table that changes is seen at once. */
TEST(an_edit_that_keeps_the_size_is_found_by_a_refresh)
{
    struct fwf f;

    fwf_start(&f, POLICY);
    zone_rule(&f)->zone = 99;
    CHECK_UEQ(apply_reads(&f), 0);
    CHECK_EQ(zone_rule(&f)->zone, 99);
    firewall_refresh(f.fw);
    /* Zones that come and go take two commits. */
    CHECK_UEQ(apply_reads(&f), N_TABLES + 2);
    CHECK_EQ(zone_rule(&f)->zone, ZONE);
    CHECK_UEQ(apply_reads(&f), 0);

    fwf_chain(&f, FW_SECURITY, FW_CHAIN_ROOT)->rules[0].verdict = FW_RETURN;
    fwf_set_policy(&f, MORE);
    CHECK_UEQ(apply_reads(&f), 2);
    CHECK_EQ(fwf_chain(&f, FW_SECURITY, FW_CHAIN_ROOT)->rules[0].verdict,
             FW_JUMP);
    fwf_uninit(&f);
}

TEST(after_a_failure_nothing_is_known)
{
    struct fwf f;

    fwf_start(&f, POLICY);
    zone_rule(&f)->zone = 99;
    fwf_set_policy(&f, MORE);
    fw_backend_memory_fail(f.backend, FW_FAULT_COMMIT, 1, EIO, false);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), EIO);
    CHECK_UEQ(apply_reads(&f), N_TABLES + 3);
    CHECK_EQ(zone_rule(&f)->zone, ZONE);
    fwf_uninit(&f);
}

/* What a failed look took from what was known is known again. */
TEST(a_failed_look_takes_nothing_away)
{
    struct fwf f;

    fwf_start(&f, POLICY);
    fw_chain_clear(fwf_chain(&f, FW_SECURITY, FW_CHAIN_ROOT));
    fw_backend_memory_fail(f.backend, FW_FAULT_READ, 1, EIO, false);
    CHECK_EQ(firewall_apply(f.fw, &f.pt->policy), EIO);
    fwf_hold_group(&f);
    CHECK_UEQ(apply_reads(&f), N_TABLES + 1);
    CHECK_UEQ(apply_reads(&f), 0);
    fwf_uninit(&f);
}

static void
ignore_zone(const struct fw_zone_rule *rule OVS_UNUSED, void *aux OVS_UNUSED)
{
}

/* What was read to recover serves the first apply, if it needs no change. */
TEST(a_restart_reads_once)
{
    bool fresh;
    struct fwf f;

    fwf_start(&f, POLICY);
    fwf_restart(&f);
    CHECK_EQ(firewall_recover(f.fw, ignore_zone, NULL, &fresh), 0);
    firewall_set_complete(f.fw);
    CHECK_UEQ(apply_reads(&f), 0);

    fwf_restart(&f);
    CHECK_EQ(firewall_recover(f.fw, ignore_zone, NULL, &fresh), 0);
    firewall_set_complete(f.fw);
    fw_chain_clear(fwf_chain(&f, FW_RAW, FW_CHAIN_ZONES));
    CHECK_UEQ(apply_reads(&f), 2);
    CHECK_EQ(zone_rule(&f)->zone, ZONE);
    fwf_uninit(&f);
}
