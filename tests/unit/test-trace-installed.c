/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* What is installed counts, not what is intended: a trace of tables that
 * somebody changed or flushed, of sets that cannot be asked, of policies that
 * drop, and of rules and chains of others. */

#include <config.h>
#include "firewall/trace.h"

#include <errno.h>
#include <stdlib.h>

#include "tests/lib/firewall-fixture.h"
#include "tests/lib/test.h"
#include "tests/lib/trace-fixture.h"
#include "util.h"

TEST(a_rule_that_somebody_deleted)
{
    struct fw_trace *trace;
    struct fwf f;

    fwf_start(&f, WORLD);
    fw_chain_delete(fwf_chain(&f, FW_SECURITY, IN_CHAIN), 0);
    trace = TRACE(&f, "tap1 in proto=tcp src=192.0.2.7 dport=80");
    CHECK(!trace->allowed && trace->reason == FW_TRACE_NO_RULE);
    CHECK(trace->wanted && trace->wanted_reason == FW_TRACE_BY_RULE);
    CHECK_UEQ(trace->n_differences_total, 1);
    REQUIRE(trace->n_differences == 1);
    CHECK_EQ(trace->differences[0].table, FW_SECURITY);
    CHECK_STR(trace->differences[0].edit.chain, IN_CHAIN);
    CHECK_UEQ(trace->n_elsewhere, 0);
    fw_trace_destroy(trace);

    /* Others do not meet that chain. */
    trace = TRACE(&f, "tap2 in proto=tcp src=192.0.2.7 dport=80");
    CHECK_UEQ(trace->n_differences_total, 0);
    CHECK_UEQ(trace->n_elsewhere, 1);
    fw_trace_destroy(trace);
    fwf_uninit(&f);
}

TEST(a_member_that_somebody_deleted)
{
    struct fw_trace *trace;
    struct fwf f;
    struct sg_prefix member = policy_text_prefix("10.0.0.9");
    size_t n;

    fwf_start(&f, WORLD);
    CHECK_EQ(f.backend->class->set_del(f.backend, fwf_set(&f, SET_A), &member,
                                       1, &n), 0);
    trace = TRACE(&f, "tap1 in proto=udp src=10.0.0.9 dport=53");
    CHECK(!trace->allowed && trace->wanted);
    CHECK_UEQ(trace->n_differences_total, 0);
    fw_trace_destroy(trace);
    fwf_uninit(&f);
}

TEST(a_set_that_cannot_be_asked)
{
    struct fw_trace *trace;
    struct fwf f;

    fwf_start(&f, WORLD);
    fw_backend_memory_fail(f.backend, FW_FAULT_MEMBERS, 1, EIO, false);
    trace = TRACE(&f, "tap1 in proto=udp src=10.0.0.9 dport=53");
    CHECK(!trace->allowed);
    CHECK_EQ(trace->set_error, EIO);
    fw_trace_destroy(trace);
    fwf_uninit(&f);
}

TEST(nothing_is_installed)
{
    struct fw_trace *trace;
    struct fwf f;

    fwf_init(&f, WORLD);
    trace = TRACE(&f, "tap1 in proto=udp src=10.0.0.8 dport=53");
    CHECK(trace->allowed && trace->reason == FW_TRACE_NO_HOOK);
    CHECK(!trace->wanted && trace->wanted_reason == FW_TRACE_NO_RULE);
    CHECK(trace->n_differences_total > 0);
    fw_trace_destroy(trace);
    fwf_uninit(&f);
}

TEST(chains_that_were_flushed)
{
    struct fw_trace *trace;
    struct fwf f;

    fwf_start(&f, WORLD);
    fw_chain_clear(fwf_chain(&f, FW_SECURITY, "sg1-br"));
    trace = TRACE(&f, "tap1 in proto=tcp src=192.0.2.7 dport=80");
    CHECK(!trace->allowed && trace->reason == FW_TRACE_NO_PORT);
    fw_trace_destroy(trace);
    fwf_uninit(&f);
}

/* Of 'text', as the tables are. */
static void
check_verdict_at(struct fwf *f, const char *text, const char *expected,
                 int line)
{
    struct fw_trace *trace = tf_trace_at(f, text, __FILE__, line);
    char *got = tf_summary(trace);

    test_check_str(got, expected, text, "expected", __FILE__, line);
    free(got);
    fw_trace_destroy(trace);
}
#define CHECK_VERDICT(F, TEXT, EXPECTED) \
    check_verdict_at(F, TEXT, EXPECTED, __LINE__)

#define ALLOWED "tap1 in proto=tcp src=192.0.2.7 dport=80"
#define DENIED "tap1 in proto=tcp src=192.0.2.7 dport=90"

/* The policy of filter counts if the rule that keeps it away is lost. */
TEST(policies_that_drop)
{
    struct fw_trace *trace;
    struct fwf f;

    fwf_start(&f, WORLD);
    fwf_chain(&f, FW_FILTER, "FORWARD")->drops = true;
    fwf_chain(&f, FW_SECURITY, "FORWARD")->drops = true;
    CHECK_VERDICT(&f, ALLOWED, "allowed rule r1");
    fw_chain_clear(fwf_chain(&f, FW_FILTER, "FORWARD"));
    CHECK_VERDICT(&f, ALLOWED, "denied policy");
    trace = TRACE(&f, ALLOWED);
    CHECK(trace->wanted && trace->wanted_reason == FW_TRACE_BY_RULE);
    CHECK_EQ(trace->decisive, trace->n_rules);
    fw_trace_destroy(trace);
    fwf_chain(&f, FW_FILTER, "FORWARD")->drops = false;
    CHECK_VERDICT(&f, ALLOWED, "allowed rule r1");
    fw_chain_clear(fwf_chain(&f, FW_SECURITY, "FORWARD"));
    CHECK_VERDICT(&f, ALLOWED, "denied policy");
    fwf_chain(&f, FW_SECURITY, "FORWARD")->drops = false;
    CHECK_VERDICT(&f, ALLOWED, "allowed no_hook");
    fwf_chain(&f, FW_RAW, "PREROUTING")->drops = true;
    CHECK_VERDICT(&f, ALLOWED, "denied policy");
    fwf_uninit(&f);
}

/* Before the tracking, in a chain of ours or not. */
TEST(dropped_in_raw)
{
    struct fw_rule drop = { .match = FW_M_SRC, .verdict = FW_DROP };
    struct fwf f;

    drop.src = policy_text_prefix("192.0.2.8");
    fwf_start(&f, WORLD);
    fw_chain_append(fwf_chain(&f, FW_RAW, "PREROUTING"), &drop);
    CHECK_VERDICT(&f, ALLOWED, "allowed rule r1");
    drop.src = policy_text_prefix("192.0.2.7");
    fw_chain_append(fwf_chain(&f, FW_RAW, "PREROUTING"), &drop);
    CHECK_VERDICT(&f, ALLOWED, "denied other");
    fw_chain_insert(fwf_chain(&f, FW_RAW, "sg1-z"), 0, &drop);
    CHECK_VERDICT(&f, ALLOWED, "denied other");
    fwf_uninit(&f);
}

TEST(rules_of_others_are_counted)
{
    struct fw_rule foreign;
    struct fw_trace *trace;
    struct fwf f;

    memset(&foreign, 0, sizeof foreign);
    foreign.match = FW_M_FOREIGN;
    fwf_start(&f, WORLD);
    fw_chain_insert(fwf_chain(&f, FW_SECURITY, "FORWARD"), 0, &foreign);
    fw_chain_append(fwf_chain(&f, FW_FILTER, "FORWARD"), &foreign);
    trace = TRACE(&f, "tap1 in proto=tcp src=192.0.2.7 dport=80");
    CHECK(trace->allowed);
    CHECK_UEQ(trace->n_foreign[FW_SECURITY], 1);
    /* Behind ours. */
    CHECK_UEQ(trace->n_foreign[FW_FILTER], 0);
    fw_trace_destroy(trace);
    fwf_uninit(&f);
}

static struct fw_rule
jump_to_other(enum fw_verdict verdict, const char *src)
{
    struct fw_rule rule = {
        .match = FW_M_SRC, .verdict = verdict, .target = "OTHER",
    };

    rule.src = policy_text_prefix(src);
    return rule;
}

static size_t
count_foreign(struct fwf *f, const char *text, enum fw_table_id id)
{
    struct fw_trace *trace = TRACE(f, text);
    size_t n = trace->n_foreign[id];

    fw_trace_destroy(trace);
    return n;
}

/* They are not read, so what they do is not known, if the packet gets
 * there. */
TEST(chains_of_others_are_counted)
{
    static const enum fw_verdict verdicts[] = { FW_JUMP, FW_GOTO };

    for (size_t i = 0; i < ARRAY_SIZE(verdicts); i++) {
        struct fw_rule rule = jump_to_other(verdicts[i], "192.0.2.0/24");
        struct fw_rule misses = jump_to_other(verdicts[i], "192.0.3.0/24");
        struct fwf f;

        fwf_start(&f, WORLD);
        for (int id = 0; id < FW_N_TABLES; id++) {
            const char *chain = id == FW_RAW ? "PREROUTING" : "FORWARD";

            CHECK_UEQ(count_foreign(&f, ALLOWED, id), 0);
            fw_chain_insert(fwf_chain(&f, id, chain), 0, &misses);
            CHECK_UEQ(count_foreign(&f, ALLOWED, id), 0);
            /* What is allowed ends before. */
            fw_chain_append(fwf_chain(&f, id, chain), &rule);
            CHECK_UEQ(count_foreign(&f, ALLOWED, id), id == FW_RAW);
        }
        fw_chain_insert(fwf_chain(&f, FW_FILTER, "FORWARD"), 0, &rule);
        CHECK_UEQ(count_foreign(&f, ALLOWED, FW_FILTER), 1);
        CHECK_UEQ(count_foreign(&f, ALLOWED, FW_SECURITY), 0);
        fw_chain_insert(fwf_chain(&f, FW_SECURITY, "FORWARD"), 0, &rule);
        CHECK_UEQ(count_foreign(&f, ALLOWED, FW_SECURITY), 1);
        fwf_uninit(&f);
    }
}

TEST(a_jump_of_others_to_a_chain_of_ours_is_walked)
{
    struct fw_rule rule = jump_to_other(FW_JUMP, "192.0.2.0/24");
    struct fwf f;

    ovs_strzcpy(rule.target, "sg1-root", sizeof rule.target);
    fwf_start(&f, WORLD);
    fw_chain_insert(fwf_chain(&f, FW_SECURITY, "FORWARD"), 0, &rule);
    CHECK_UEQ(count_foreign(&f, ALLOWED, FW_SECURITY), 0);
    CHECK_VERDICT(&f, ALLOWED, "allowed rule r1");
    CHECK_VERDICT(&f, DENIED, "denied no_rule");
    fwf_uninit(&f);
}

/* Wherever they stand, if the packet meets them. */
TEST(rules_of_others_in_chains_of_ours)
{
    struct fw_rule foreign = { .match = FW_M_FOREIGN };
    struct fw_rule rule = jump_to_other(FW_JUMP, "192.0.2.0/24");
    struct fwf f;

    fwf_start(&f, WORLD);
    fw_chain_append(fwf_chain(&f, FW_SECURITY, IN_CHAIN), &foreign);
    CHECK_UEQ(count_foreign(&f, ALLOWED, FW_SECURITY), 0);
    CHECK_UEQ(count_foreign(&f, DENIED, FW_SECURITY), 1);
    fw_chain_append(fwf_chain(&f, FW_SECURITY, IN_CHAIN), &rule);
    CHECK_UEQ(count_foreign(&f, DENIED, FW_SECURITY), 2);
    fw_chain_insert(fwf_chain(&f, FW_SECURITY, "sg1-pre-in"), 0, &foreign);
    CHECK_UEQ(count_foreign(&f, ALLOWED, FW_SECURITY), 1);
    fwf_uninit(&f);
}
