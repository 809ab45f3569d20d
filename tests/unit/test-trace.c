/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Why packets pass or do not, told from what is installed in the model
 * kernel. */

#include <config.h>
#include "firewall/trace.h"

#include <errno.h>
#include <stdlib.h>

#include "agent/trace_query.h"
#include "tests/lib/firewall-fixture.h"
#include "tests/lib/test.h"
#include "util.h"
#include "uuid.h"

#define EG_CHAIN "sg1-eg-67000001-4495174344e4"
#define WORLD                                                               \
    "port p1 device=tap1 bridge=qbr1 uplink=qvb1 zone=1 "                   \
    "mac=52:54:00:00:00:01 ip=10.0.0.1 ip=2001:db8::1 "                     \
    "pair=10.8.0.0/24@52:54:00:00:00:09 group=g1\n"                         \
    "port p2 device=tap2 bridge=qbr2 uplink=qvb2 zone=2 "                   \
    "mac=52:54:00:00:00:02 ip=10.0.0.2 group=g1 trusted\n"                  \
    "port p3 deleted device=tap3 bridge=qbr3 uplink=qvb3 zone=3 "           \
    "mac=52:54:00:00:00:03 ip=10.0.0.3 group=g1\n"                          \
    "port p4 no_device mac=52:54:00:00:00:04 ip=10.0.0.4 group=g1\n"        \
    "rules g1\n"                                                            \
    "rule ingress IPv4 id=r1 proto=6 ports=80-89 prefix=192.0.2.0/24\n"     \
    "rule ingress IPv4 id=r2 proto=17 ports=53-53 group=g1\n"               \
    "rule ingress IPv4 id=r3 proto=1 type=8 code=0\n"                       \
    "rule egress IPv4 id=r4 proto=6\n"                                      \
    "rule egress IPv6 id=r5\n"                                              \
    "members g1 10.0.0.1 10.0.0.9\n"

static struct fw_trace_query
query_at(struct fwf *f, const char *text, const char *file, int line)
{
    char *copy = xstrdup(text), *save = NULL;
    const char *words[TRACE_MAX_WORDS];
    struct fw_trace_query q;
    int n = 0;

    memset(&q, 0, sizeof q);
    for (char *word = strtok_r(copy, " ", &save);
         word && n < TRACE_MAX_WORDS; word = strtok_r(NULL, " ", &save)) {
        words[n++] = word;
    }
    test_check_no_error(trace_query_parse(&f->pt->policy, n, words, &q),
                        text, file, line);
    free(copy);
    return q;
}

static struct fw_trace *
trace_at(struct fwf *f, const char *text, const char *file, int line)
{
    struct fw_trace_query q = query_at(f, text, file, line);
    struct fw_trace *trace = NULL;
    char *why = NULL;

    test_check_int(firewall_trace(f->fw, &f->pt->policy, &q, &trace, &why),
                   0, "firewall_trace", "0", file, line);
    test_check_no_error(why, text, file, line);
    REQUIRE(trace != NULL);
    return trace;
}
#define TRACE(F, TEXT) trace_at(F, TEXT, __FILE__, __LINE__)

/* "allowed rule r1", "denied no_rule". */
static char *
summary(const struct fw_trace *trace)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    ds_put_format(&ds, "%s %s", trace->allowed ? "allowed" : "denied",
                  fw_trace_reason_name(trace->reason));
    if (trace->decisive < trace->n_rules) {
        const struct fw_rule *rule = &trace->rules[trace->decisive].rule;

        for (int i = 1; i < 10; i++) {
            char name[3] = { 'r', '0' + i, '\0' };
            struct uuid id = policy_text_id(name);

            if (uuid_equals(&id, &rule->origin)) {
                ds_put_format(&ds, " %s", name);
            }
        }
    }
    return ds_steal_cstr(&ds);
}

static void
check_trace_at(struct fwf *f, const char *text, const char *expected,
               const char *file, int line)
{
    struct fw_trace *trace = trace_at(f, text, file, line);
    char *got = summary(trace);

    test_check_str(got, expected, text, "expected", file, line);
    /* Nobody has touched the model kernel. */
    test_check(trace->wanted == trace->allowed
               && trace->wanted_reason == trace->reason
               && !trace->n_differences_total && !trace->n_elsewhere
               && !trace->set_error, "as intended", file, line);
    free(got);
    fw_trace_destroy(trace);
}
#define CHECK_TRACE(F, TEXT, EXPECTED) \
    check_trace_at(F, TEXT, EXPECTED, __FILE__, __LINE__)

TEST(what_comes_in)
{
    struct fwf f;

    fwf_start(&f, WORLD);
    CHECK_TRACE(&f, "tap1 in proto=tcp src=192.0.2.7 dport=80",
                "allowed rule r1");
    CHECK_TRACE(&f, "tap1 in proto=tcp src=192.0.2.7 dport=90",
                "denied no_rule");
    CHECK_TRACE(&f, "tap1 in proto=tcp src=192.0.3.7 dport=80",
                "denied no_rule");
    CHECK_TRACE(&f, "tap1 in proto=udp src=10.0.0.9 dport=53",
                "allowed rule r2");
    CHECK_TRACE(&f, "tap1 in proto=udp src=10.0.0.8 dport=53",
                "denied no_rule");
    CHECK_TRACE(&f, "tap1 in proto=icmp src=10.0.0.8", "allowed rule r3");
    CHECK_TRACE(&f, "tap1 in proto=icmp src=10.0.0.8 code=1",
                "denied no_rule");
    CHECK_TRACE(&f, "tap1 in proto=icmp src=2001:db8::8", "denied no_rule");
    CHECK_TRACE(&f, "tap1 in proto=udp src=10.0.0.8 sport=67 dport=68",
                "allowed basic");
    CHECK_TRACE(&f, "tap1 in proto=58 src=fe80::1 dst=ff02::1 type=134",
                "allowed basic");
    CHECK_TRACE(&f, "tap2 in proto=tcp src=192.0.3.7 dport=1",
                "allowed unfiltered");
    CHECK_TRACE(&f, "tap3 in proto=tcp src=192.0.2.7 dport=80",
                "denied closed");
    fwf_uninit(&f);
}

TEST(what_goes_out)
{
    struct fwf f;

    fwf_start(&f, WORLD);
    CHECK_TRACE(&f, "tap1 out proto=tcp dst=192.0.2.7 dport=80",
                "allowed rule r4");
    CHECK_TRACE(&f, "tap1 out proto=udp dst=192.0.2.7 dport=80",
                "denied no_rule");
    CHECK_TRACE(&f, "tap1 out proto=132 dst=2001:db8::8 dport=9",
                "allowed rule r5");
    /* The pair's MAC goes with the pair. */
    CHECK_TRACE(&f, "tap1 out proto=tcp src=10.8.0.200 dst=192.0.2.7 dport=80",
                "allowed rule r4");
    CHECK_TRACE(&f, "tap1 out proto=tcp src=10.0.0.1 dst=192.0.2.7 dport=80 "
                "mac=52:54:00:00:00:09", "denied source");
    CHECK_TRACE(&f, "tap1 out proto=tcp src=10.0.0.2 dst=192.0.2.7 dport=80",
                "denied source");
    CHECK_TRACE(&f, "tap1 out proto=udp src=0.0.0.0 dst=255.255.255.255 "
                "sport=68 dport=67", "allowed basic");
    CHECK_TRACE(&f, "tap1 out proto=udp src=0.0.0.0 dst=255.255.255.255 "
                "sport=68 dport=68", "denied source");
    CHECK_TRACE(&f, "tap1 out proto=udp dst=10.0.0.9 sport=67 dport=68",
                "denied forbidden");
    CHECK_TRACE(&f, "tap1 out proto=icmp dst=ff02::1 type=134",
                "denied forbidden");
    CHECK_TRACE(&f, "tap1 out proto=icmp dst=ff02::1 type=135",
                "allowed basic");
    CHECK_TRACE(&f, "tap2 out proto=udp src=10.0.0.77 dst=10.0.0.9 dport=68",
                "allowed unfiltered");
    CHECK_TRACE(&f, "tap3 out proto=tcp dst=192.0.2.7 dport=80",
                "denied closed");
    fwf_uninit(&f);
}

TEST(what_belongs_to_a_flow)
{
    struct fwf f;
    struct fw_trace *trace;

    fwf_start(&f, WORLD);
    CHECK_TRACE(&f, "tap1 in proto=udp src=1.1.1.1 dport=9 "
                "state=established", "allowed known_flow");
    CHECK_TRACE(&f, "tap1 out proto=icmp dst=1.1.1.1 type=3 state=related",
                "allowed known_flow");
    CHECK_TRACE(&f, "tap1 in proto=udp src=1.1.1.1 dport=9 state=revoked",
                "denied revoked");
    CHECK_TRACE(&f, "tap1 out proto=tcp dst=192.0.2.7 dport=80 state=revoked",
                "denied revoked");
    CHECK_TRACE(&f, "tap1 in proto=udp src=1.1.1.1 dport=9 state=invalid",
                "denied no_rule");
    /* To the tracking DCCP has no ports: nothing but a rule lets it pass. */
    CHECK_TRACE(&f, "tap1 in proto=dccp src=1.1.1.1 dport=9 "
                "state=established", "denied no_rule");
    CHECK_TRACE(&f, "tap1 out proto=dccp dst=1.1.1.1 dport=9 "
                "state=established", "denied no_rule");
    CHECK_TRACE(&f, "tap1 out proto=dccp dst=2001:db8::8 dport=9 "
                "state=established", "allowed rule r5");
    CHECK_TRACE(&f, "tap1 out proto=dccp dst=2001:db8::8 dport=9 "
                "state=revoked", "denied revoked");
    /* Of who may not send, no flow passes. */
    CHECK_TRACE(&f, "tap1 out proto=tcp src=10.0.0.2 dst=192.0.2.7 dport=80 "
                "state=established", "denied source");
    trace = TRACE(&f, "tap2 in proto=tcp src=1.1.1.1 dport=1");
    CHECK_UEQ(trace->zone, 2);
    CHECK(!trace->untracked);
    fw_trace_destroy(trace);
    fwf_uninit(&f);
}

/* ------------------------------------------------------------------------ */
/* What would have been needed. */

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
    struct fw_trace_query q = query_at(f, text, __FILE__, __LINE__);
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

/* ------------------------------------------------------------------------ */
/* What is installed counts. */

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
    struct fw_trace *trace = trace_at(f, text, __FILE__, line);
    char *got = summary(trace);

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

/* Rules in the order in which they matched; what a set matched. */
TEST(the_way)
{
    struct uuid g1 = policy_text_id("g1");
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct fw_trace *trace;
    struct fwf f;

    fwf_start(&f, WORLD);
    trace = TRACE(&f, "tap1 in proto=udp src=10.0.0.9 dport=53");
    for (size_t i = 0; i < trace->n_rules; i++) {
        const struct fw_trace_rule *r = &trace->rules[i];

        CHECK_UEQ(r->missed, 0);
        ds_put_format(&ds, "%s %u %s %"PRIuSIZE"\n", fw_table_name(r->table),
                      r->depth, r->chain, r->index + 1);
    }
    CHECK_CONTAINS(ds_cstr(&ds), "raw 0 PREROUTING 1\nraw 1 sg1-z 1\n");
    CHECK_CONTAINS(ds_cstr(&ds), "filter 0 FORWARD 1\nsecurity 0 FORWARD 1\n"
                   "security 1 sg1-root 1\nsecurity 2 sg1-br 1\n");
    CHECK_CONTAINS(ds_cstr(&ds), " sg1-t-tap1 2\n");
    CHECK_CONTAINS(ds_cstr(&ds), IN_CHAIN" 2\n");
    REQUIRE(trace->decisive == trace->n_rules - 1);
    CHECK(uuid_equals(&trace->rules[trace->decisive].group, &g1));
    CHECK(uuid_equals(&trace->rules[trace->decisive].members, &g1));
    fw_trace_destroy(trace);
    ds_destroy(&ds);
    fwf_uninit(&f);
}

TEST(a_trace_writes_nothing)
{
    struct fwf f;
    uint64_t writes;

    fwf_start(&f, WORLD);
    writes = fw_backend_memory_writes(f.backend);
    fw_trace_destroy(TRACE(&f, "tap1 in proto=udp src=10.0.0.9 dport=53"));
    CHECK_UEQ(fw_backend_memory_writes(f.backend), writes);
    CHECK(!firewall_needs_apply(f.fw));
    fwf_uninit(&f);
}

TEST(the_lock_is_held)
{
    struct fw_trace *trace = NULL;
    char *why = NULL;
    struct fwf f;

    fwf_start(&f, WORLD);
    struct fw_trace_query q = query_at(
        &f, "tap1 in proto=udp src=10.0.0.9 dport=53", __FILE__, __LINE__);
    fw_backend_memory_fail(f.backend, FW_FAULT_BEGIN, 1, EAGAIN, false);
    CHECK_EQ(firewall_trace(f.fw, &f.pt->policy, &q, &trace, &why), EAGAIN);
    CHECK(!trace && !why);
    fwf_uninit(&f);
}

TEST(ports_without_a_place)
{
    struct fw_trace *trace = NULL;
    char *why = NULL;
    struct fwf f;

    fwf_start(&f, WORLD);
    struct fw_trace_query q = query_at(
        &f, "70000004-0 in proto=udp src=10.0.0.9 dport=53", __FILE__,
        __LINE__);
    CHECK_EQ(firewall_trace(f.fw, &f.pt->policy, &q, &trace, &why), 0);
    CHECK_ERROR(why, "no device");
    q.port = policy_text_id("p9");
    CHECK_EQ(firewall_trace(f.fw, &f.pt->policy, &q, &trace, &why), 0);
    CHECK_ERROR(why, "no such port");
    fwf_uninit(&f);
}

/* ------------------------------------------------------------------------ */
/* The words of a question. */

static void
check_refused_at(struct fwf *f, const char *text, const char *why, int line)
{
    char *copy = xstrdup(text), *save = NULL;
    const char *words[TRACE_MAX_WORDS + 1];
    struct fw_trace_query q;
    int n = 0;

    for (char *word = strtok_r(copy, " ", &save); word;
         word = strtok_r(NULL, " ", &save)) {
        REQUIRE(n <= TRACE_MAX_WORDS);
        words[n++] = word;
    }
    test_check_error(trace_query_parse(&f->pt->policy, n, words, &q), why,
                     text, __FILE__, line);
    free(copy);
}
#define CHECK_REFUSED(TEXT, WHY) check_refused_at(&f, TEXT, WHY, __LINE__)

TEST(questions_that_are_none)
{
    struct fwf f;

    fwf_start(&f, WORLD);
    CHECK_REFUSED("tap1", "expected PORT in|out");
    CHECK_REFUSED("tap9 in", "no port tap9");
    CHECK_REFUSED("7 in", "more than one port");
    CHECK_REFUSED("tap1 up", "expected in or out");
    CHECK_REFUSED("tap1 in proto", "cannot be understood");
    CHECK_REFUSED("tap1 in proto=0", "cannot be understood");
    CHECK_REFUSED("tap1 in proto=256", "cannot be understood");
    CHECK_REFUSED("tap1 in src=10.0.0.0/8", "cannot be understood");
    CHECK_REFUSED("tap1 in dport=65536", "cannot be understood");
    CHECK_REFUSED("tap1 in type=256", "cannot be understood");
    CHECK_REFUSED("tap1 in mac=1", "cannot be understood");
    CHECK_REFUSED("tap1 in state=odd", "cannot be understood");
    CHECK_REFUSED("tap1 in colour=red", "cannot be understood");
    CHECK_REFUSED("tap1 in proto=tcp dport=1", "the other end is missing");
    CHECK_REFUSED("tap1 out proto=tcp dport=1", "the other end is missing");
    CHECK_REFUSED("tap1 in src=10.0.0.9", "protocol is missing");
    CHECK_REFUSED("tap1 in proto=tcp src=10.0.0.9", "port is missing");
    CHECK_REFUSED("tap1 in proto=47 src=10.0.0.9 dport=1", "has no ports");
    CHECK_REFUSED("tap1 in proto=tcp src=10.0.0.9 dport=1 type=1",
                  "for ICMP");
    CHECK_REFUSED("tap1 in proto=58 src=10.0.0.9 type=1", "for ICMP");
    CHECK_REFUSED("tap1 in proto=1 src=2001:db8::9 type=1", "for ICMP");
    CHECK_REFUSED("tap1 in proto=tcp src=10.0.0.9 dst=::1 dport=1",
                  "different families");
    CHECK_REFUSED("tap2 in proto=tcp src=::9 dport=1",
                  "no address of this family");
    CHECK_REFUSED("tap1 in a=1 a=1 a=1 a=1 a=1 a=1 a=1 a=1 a=1 a=1 a=1",
                  "expected PORT");
    fwf_uninit(&f);
}

TEST(what_is_left_out)
{
    struct fw_trace_query q;
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct fwf f;

    fwf_start(&f, WORLD);
    q = query_at(&f, "tap1 in proto=UDP src=10.0.0.9 dport=53", __FILE__,
                 __LINE__);
    fw_packet_format(&q.packet, &ds);
    CHECK_STR(ds_cstr(&ds), "IPv4 udp 10.0.0.9:49152 > 10.0.0.1:53");
    ds_clear(&ds);
    q = query_at(&f, "tap1 out proto=icmp dst=fe80::1", __FILE__, __LINE__);
    fw_packet_format(&q.packet, &ds);
    CHECK_STR(ds_cstr(&ds), "IPv6 ipv6-icmp type 128 code 0 2001:db8::1 > "
              "fe80::1");
    ds_clear(&ds);
    q = query_at(&f, "tap1 out proto=1 dst=fe80::1", __FILE__, __LINE__);
    fw_packet_format(&q.packet, &ds);
    CHECK_STR(ds_cstr(&ds), "IPv6 icmp 2001:db8::1 > fe80::1");
    ds_clear(&ds);
    q = query_at(&f, "tap1 out proto=1 dst=10.0.0.9", __FILE__, __LINE__);
    fw_packet_format(&q.packet, &ds);
    CHECK_STR(ds_cstr(&ds), "IPv4 icmp type 8 code 0 10.0.0.1 > 10.0.0.9");
    ds_clear(&ds);
    q = query_at(&f, "tap1 out proto=sctp dst=fe80::1 dport=7", __FILE__,
                 __LINE__);
    fw_packet_format(&q.packet, &ds);
    CHECK_STR(ds_cstr(&ds), "IPv6 sctp [2001:db8::1]:49152 > [fe80::1]:7");
    ds_destroy(&ds);
    fwf_uninit(&f);
}
