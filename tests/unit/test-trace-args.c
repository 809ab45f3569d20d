/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The command line of `sgctl trace`. */

#include <config.h>
#include "tools/trace_args.h"

#include <stdlib.h>

#include "firewall/trace.h"
#include "svec.h"
#include "tests/lib/test.h"

static const struct trace_args plain = {
    .port = "tap1", .direction = "in", .protocol = "tcp",
    .source = "10.0.0.1", .destination = "self:80",
};

static void
check_words_at(const struct trace_args *args, const char *expected, int line)
{
    struct svec words = SVEC_EMPTY_INITIALIZER;
    char *text;

    test_check_no_error(trace_args_to_words(args, &words), "refused",
                        __FILE__, line);
    text = svec_join(&words, " ", "");
    test_check_str(text, expected, "words", "expected", __FILE__, line);
    free(text);
    svec_destroy(&words);
}
#define CHECK_WORDS(EXPECTED, ...)                      \
    do {                                                \
        struct trace_args args = plain;                 \
                                                        \
        __VA_ARGS__;                                    \
        check_words_at(&args, EXPECTED, __LINE__);      \
    } while (0)
#define CHECK_USAGE(ERROR, ...)                                         \
    do {                                                                \
        struct svec words = SVEC_EMPTY_INITIALIZER;                     \
        struct trace_args args = plain;                                 \
                                                                        \
        __VA_ARGS__;                                                    \
        CHECK_ERROR(trace_args_to_words(&args, &words), ERROR);         \
        svec_destroy(&words);                                           \
    } while (0)

TEST(ends)
{
    CHECK_WORDS("tap1 in proto=tcp src=10.0.0.1 dport=80", (void) 0);
    CHECK_WORDS("tap1 out proto=tcp src=10.0.0.1 sport=7 dst=10.0.0.2 "
                "dport=80", args.direction = "out",
                args.source = "10.0.0.1:7", args.destination = "10.0.0.2:80");
    CHECK_WORDS("tap1 in proto=tcp src=fd00::1 dst=::1 dport=80",
                args.source = "fd00::1", args.destination = "[::1]:80");
    CHECK_WORDS("tap1 in proto=tcp src=fd00::1:7 dport=80",
                args.source = "[fd00::1:7]");
    CHECK_WORDS("tap1 in proto=58 src=fd00::1", args.protocol = "58",
                args.source = "fd00::1", args.destination = "self");
}

TEST(options)
{
    CHECK_WORDS("tap1 in proto=icmp src=10.0.0.1 mac=52:54:00:00:00:01 "
                "type=3 code=0 state=related", args.protocol = "icmp",
                args.destination = "self", args.mac = "52:54:00:00:00:01",
                args.icmp_type = "3", args.icmp_code = "0",
                args.state = "related");
}

/* sgctl knows no other states than the agent. */
TEST(states)
{
#define FW_TRACE_STATE(ENUM, NAME)                                          \
    CHECK_WORDS("tap1 in proto=tcp src=10.0.0.1 dport=80 state="NAME,       \
                args.state = NAME);
    FW_TRACE_STATES
#undef FW_TRACE_STATE
    CHECK_USAGE("no state NEW", args.state = "NEW");
}

TEST(wrong_usage)
{
    CHECK_USAGE("in or out", args.direction = "up");
    CHECK_USAGE("not a protocol", args.protocol = "any");
    CHECK_USAGE("not a protocol", args.protocol = "256");
    CHECK_USAGE("10.0.0: expected ADDRESS", args.source = "10.0.0");
    CHECK_USAGE("expected ADDRESS", args.source = "10.0.0.0/8");
    CHECK_USAGE("expected ADDRESS", args.source = "");
    CHECK_USAGE("expected ADDRESS", args.source = "10.0.0.1:");
    CHECK_USAGE("expected ADDRESS", args.source = "10.0.0.1:x");
    CHECK_USAGE("expected ADDRESS", args.source = "[::1");
    CHECK_USAGE("expected ADDRESS", args.source = "[::1]80");
    CHECK_USAGE("expected ADDRESS", args.destination = "self:65536");
    CHECK_USAGE("expected ADDRESS", args.destination = "selfish:1");
    CHECK_USAGE("no MAC address", args.mac = "1");
    CHECK_USAGE("--icmp-type", args.icmp_type = "256");
    CHECK_USAGE("--icmp-type", args.icmp_code = "-1");
}
