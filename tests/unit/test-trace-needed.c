/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* What a packet that does not pass would have needed: which of the rules that
 * miss are told, the nearest first, and which sets are asked for that. */

#include <config.h>
#include "firewall/trace.h"

#include "openvswitch/dynamic-string.h"
#include "tests/lib/firewall-fixture.h"
#include "tests/lib/test.h"
#include "tests/lib/trace-fixture.h"
#include "util.h"

static void
check_needed(struct fwf *f, const char *query, const char *expected)
{
    struct fw_trace *trace = TRACE(f, query);
    struct ds ds = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < trace->n_misses; i++) {
        ds_put_cstr(&ds, i ? "\n" : "");
        fw_trace_format_missed(&trace->misses[i], &ds);
    }
    CHECK_STR(ds_cstr(&ds), expected);
    CHECK_UEQ(trace->n_misses, trace->n_misses_total);
    ds_destroy(&ds);
    fw_trace_destroy(trace);
}

/* The nearest first. */
TEST(what_would_have_been_needed)
{
    struct fwf f;

    fwf_start(&f, WORLD);
    check_needed(&f, "tap1 in proto=tcp src=192.0.2.7 dport=90",
                 "destination port 80 to 89\n"
                 "protocol udp, destination port 53, source a member of "
                 "67000001-0000-4000-8000-000000000001, in set "SET_A"\n"
                 "protocol icmp, ICMP type 8, ICMP code 0");
    check_needed(&f, "tap1 in proto=icmp src=10.0.0.8 code=1",
                 "ICMP code 0\n"
                 "protocol tcp, destination port 80 to 89, source "
                 "192.0.2.0/24\n"
                 "protocol udp, destination port 53, source a member of "
                 "67000001-0000-4000-8000-000000000001, in set "SET_A);
    check_needed(&f, "tap1 out proto=tcp src=10.0.0.2 dst=192.0.2.7 dport=80",
                 "source 10.0.0.1\n"
                 "source 10.8.0.0/24, source MAC address 52:54:00:00:00:09");
    check_needed(&f, "tap1 in proto=tcp src=192.0.2.7 dport=80", "");
    check_needed(&f, "tap1 in proto=tcp src=192.0.2.7 dport=80 "
                 "state=revoked", "");
    fwf_uninit(&f);
}

/* The nearest of many are kept, of equals the first; the rest is counted. */
TEST(many_rules_that_miss)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct fw_trace *trace;
    struct fwf f;

    ds_put_cstr(&ds, PORT "rules g1\n");
    for (int i = 0; i < 100; i++) {
        ds_put_format(&ds, "rule ingress IPv4 proto=%d ports=%d-%d "
                      "prefix=10.%d.0.0/16\n", i % 2 ? 17 : 6, 1000 + i,
                      1000 + i, i);
    }
    ds_put_cstr(&ds, "rule ingress IPv4 proto=6 ports=9-9\n");
    fwf_start(&f, ds_cstr(&ds));
    trace = TRACE(&f, "tap1 in proto=tcp src=10.50.0.1 dport=80");
    CHECK_UEQ(trace->n_misses_total, 101);
    REQUIRE(trace->n_misses == FW_TRACE_MAX_MISSES);
    CHECK_UEQ(trace->misses[0].rule.dport_min, 1050);
    CHECK_UEQ(trace->misses[1].rule.dport_min, 9);
    CHECK_UEQ(trace->misses[2].rule.dport_min, 1000);
    CHECK_UEQ(trace->misses[3].rule.dport_min, 1002);
    fw_trace_destroy(trace);
    fwf_uninit(&f);
    ds_destroy(&ds);
}

/* Many rules for members of as many groups, a port each, and one of any port.
 * Of the last group the sender is a member. */
#define N_GROUPS 100
#define SENDER "10.0.9.9"

static void
put_groups(struct ds *ds)
{
    ds_put_cstr(ds, PORT "rules g1\n");
    for (int i = 0; i < N_GROUPS; i++) {
        ds_put_format(ds, "rule ingress IPv4 proto=6 ports=%d-%d group=g%d\n",
                      1000 + i, 1000 + i, 100 + i);
    }
    ds_put_cstr(ds, "rule ingress IPv4 proto=6 group=g100\n");
    for (int i = 0; i < N_GROUPS; i++) {
        ds_put_format(ds, "members g%d 10.0.0.9%s\n", 100 + i,
                      i == N_GROUPS - 1 ? " " SENDER : "");
    }
}

struct questions {
    bool answer;
    size_t n;
};

static int
answer_question(void *q_, const char *set OVS_UNUSED,
                const struct sg_prefix *address OVS_UNUSED, bool *member)
{
    struct questions *q = q_;

    q->n++;
    *member = q->answer;
    return 0;
}

/* Traces with a kernel whose sets all give the same answer. */
static struct fw_trace *
trace_with(struct fwf *f, const char *text, struct questions *questions)
{
    struct fw_trace_query q = tf_query_at(f, text, __FILE__, __LINE__);
    struct fw_ruleset *installed = NULL, *desired;
    struct fw_trace *trace = NULL;
    struct fw_trace_args args = {
        .policy = &f->pt->policy, .layout = &f->pt->layout,
        .test = answer_question, .aux = questions,
    };

    REQUIRE(!firewall_snapshot(f->fw, &f->pt->policy, &installed));
    desired = fw_ruleset_clone(installed);
    args.installed = installed;
    args.desired = desired;
    CHECK_NO_ERROR(fw_trace_create(&args, &q, &trace));
    REQUIRE(trace != NULL);
    fw_ruleset_destroy(installed);
    fw_ruleset_destroy(desired);
    return trace;
}

/* A set is asked if it decides, or is part of the answer. */
TEST(sets_that_do_not_matter_are_not_asked)
{
    struct questions questions = { .answer = false };
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct fw_trace *trace;
    struct fwf f;

    put_groups(&ds);
    fwf_start(&f, ds_cstr(&ds));
    trace = trace_with(&f, "tap1 in proto=tcp src=10.0.0.8 dport=80",
                       &questions);
    CHECK(!trace->allowed && trace->reason == FW_TRACE_NO_RULE);
    CHECK_UEQ(trace->n_misses_total, N_GROUPS + 1);
    CHECK_UEQ(trace->n_misses, FW_TRACE_MAX_MISSES);
    CHECK_EQ(trace->misses[0].missed, FW_M_SET_SRC);
    CHECK_EQ(trace->misses[1].missed, FW_M_SET_SRC | FW_M_DPORT);
    CHECK(questions.n && questions.n <= 1 + FW_TRACE_MAX_MISSES);
    fw_trace_destroy(trace);

    questions = (struct questions) { .answer = true };
    trace = trace_with(&f, "tap1 in proto=tcp src=10.0.0.8 dport=80",
                       &questions);
    CHECK(trace->allowed && !trace->n_misses && !trace->wanted);
    CHECK_UEQ(questions.n, 1);
    fw_trace_destroy(trace);
    fwf_uninit(&f);
    ds_destroy(&ds);
}

/* The rule that is nearest by the policy's members is kept, wherever it
 * stands; what it needs is what the kernel's set says. */
TEST(what_is_needed_of_the_kernels_sets)
{
    struct questions questions = { .answer = false };
    const char *query = "tap1 in proto=tcp src=" SENDER " dport=80";
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct fw_trace *trace;
    struct fwf f;

    put_groups(&ds);
    fwf_start(&f, ds_cstr(&ds));
    trace = TRACE(&f, query);
    REQUIRE(trace->n_misses == FW_TRACE_MAX_MISSES);
    CHECK_UEQ(trace->misses[0].rule.dport_min, 1000 + N_GROUPS - 1);
    CHECK_EQ(trace->misses[0].missed, FW_M_DPORT);
    CHECK_EQ(trace->misses[1].missed, FW_M_SET_SRC);
    CHECK_UEQ(trace->misses[2].rule.dport_min, 1000);
    fw_trace_destroy(trace);

    trace = trace_with(&f, query, &questions);
    CHECK_EQ(trace->misses[0].missed, FW_M_SET_SRC);
    CHECK_UEQ(trace->misses[1].rule.dport_min, 1000 + N_GROUPS - 1);
    CHECK_EQ(trace->misses[1].missed, FW_M_SET_SRC | FW_M_DPORT);
    fw_trace_destroy(trace);
    fwf_uninit(&f);
    ds_destroy(&ds);
}
