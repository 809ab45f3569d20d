/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Why packets pass or do not, told from what is installed in the model
 * kernel: the verdicts, the way to them, and questions that are none. */

#include <config.h>
#include "firewall/trace.h"

#include <errno.h>
#include <stdlib.h>

#include "agent/trace_query.h"
#include "openvswitch/dynamic-string.h"
#include "tests/lib/firewall-fixture.h"
#include "tests/lib/test.h"
#include "tests/lib/trace-fixture.h"
#include "util.h"
#include "uuid.h"

static void
check_trace_at(struct fwf *f, const char *text, const char *expected,
               const char *file, int line)
{
    struct fw_trace *trace = tf_trace_at(f, text, file, line);
    char *got = tf_summary(trace);

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
    CHECK_CONTAINS(ds_cstr(&ds), "filter 0 FORWARD 1\nfilter 1 sg1-pass 1\n"
                   "security 0 FORWARD 1\n"
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
    struct fw_trace_query q = tf_query_at(
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
    struct fw_trace_query q = tf_query_at(
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
    q = tf_query_at(&f, "tap1 in proto=UDP src=10.0.0.9 dport=53", __FILE__,
                    __LINE__);
    fw_packet_format(&q.packet, &ds);
    CHECK_STR(ds_cstr(&ds), "IPv4 udp 10.0.0.9:49152 > 10.0.0.1:53");
    ds_clear(&ds);
    q = tf_query_at(&f, "tap1 out proto=icmp dst=fe80::1", __FILE__, __LINE__);
    fw_packet_format(&q.packet, &ds);
    CHECK_STR(ds_cstr(&ds), "IPv6 ipv6-icmp type 128 code 0 2001:db8::1 > "
              "fe80::1");
    ds_clear(&ds);
    q = tf_query_at(&f, "tap1 out proto=1 dst=fe80::1", __FILE__, __LINE__);
    fw_packet_format(&q.packet, &ds);
    CHECK_STR(ds_cstr(&ds), "IPv6 icmp 2001:db8::1 > fe80::1");
    ds_clear(&ds);
    q = tf_query_at(&f, "tap1 out proto=1 dst=10.0.0.9", __FILE__, __LINE__);
    fw_packet_format(&q.packet, &ds);
    CHECK_STR(ds_cstr(&ds), "IPv4 icmp type 8 code 0 10.0.0.1 > 10.0.0.9");
    ds_clear(&ds);
    q = tf_query_at(&f, "tap1 out proto=sctp dst=fe80::1 dport=7", __FILE__,
                    __LINE__);
    fw_packet_format(&q.packet, &ds);
    CHECK_STR(ds_cstr(&ds), "IPv6 sctp [2001:db8::1]:49152 > [fe80::1]:7");
    ds_destroy(&ds);
    fwf_uninit(&f);
}
