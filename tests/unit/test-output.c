/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* What sgctl makes of the agent's documents. */

#include <config.h>
#include "tests/lib/test.h"

#include <stdlib.h>

#include "tools/columns.h"
#include "tools/output.h"

static char *
show(enum output_kind kind, const char *id, const char *family,
     const char *document, bool *good)
{
    struct output_query query = { .kind = kind, .id = id, .family = family };
    struct ds ds = DS_EMPTY_INITIALIZER;

    REQUIRE(CHECK_NO_ERROR(output_format(document, &query, &ds, good)));
    return ds_steal_cstr(&ds);
}

static void
check_show_at(const char *file, int line, enum output_kind kind,
              const char *id, const char *document, bool expected_good,
              const char *expected)
{
    bool good;
    char *got = show(kind, id, NULL, document, &good);

    test_check_str(got, expected, "shown", "expected", file, line);
    test_check(good == expected_good, "exit status", file, line);
    free(got);
}
#define CHECK_SHOW(KIND, ID, DOCUMENT, GOOD, EXPECTED) \
    check_show_at(__FILE__, __LINE__, OUTPUT_##KIND, ID, DOCUMENT, GOOD, \
                  EXPECTED)

#define STATUS(ENFORCING, IN_SYNC, REASONS) \
    "{\"host\": \"h1\", \"version\": \"1\", \"state\": \"enforcing\"," \
    " \"enforcing\": "ENFORCING", \"in_sync\": "IN_SYNC"," \
    " \"reasons\": ["REASONS"], \"warnings\": [{\"code\": \"l2_guard\"," \
    " \"text\": \"no guard\"}], \"l2_guard\": \"off\"," \
    " \"generation\": 7, \"applied\": 6, \"epoch\": \"1-00000001\"," \
    " \"beacon_age_ms\": 1234, \"lag_ms\": null, \"uptime_ms\": 5," \
    " \"broker\": {\"stage\": \"up\", \"broker\": \"b:1\"," \
    "   \"last_error\": \"\"}," \
    " \"ports\": {\"total\": 3, \"protected\": 1, \"degraded\": 2," \
    "   \"closed\": 1, \"unenforceable\": 0}, \"last_apply\": " \
    " {\"age_ms\": 125000, \"ok\": false, \"error\": \"no lock\"}}"
#define STATUS_TEXT(ENFORCING, IN_SYNC) \
    "state         enforcing\n" \
    "enforcing     "ENFORCING"\n" \
    "in sync       "IN_SYNC"\n" \
    "host          h1\n" \
    "generation    7, in the kernel 6\n" \
    "ports         3: 1 protected, 2 degraded, 1 closed, 0 unenforceable\n" \
    "controller    epoch 1-00000001, beacon 1.2 s ago\n" \
    "broker        b:1 up\n" \
    "last apply    2 min ago, no lock\n" \
    "l2 guard      off\n"

TEST(status)
{
    CHECK_SHOW(STATUS, NULL, STATUS("true", "true", ""), true,
               STATUS_TEXT("yes", "yes")
               "warnings      l2_guard: no guard\n");
    CHECK_SHOW(STATUS, NULL, STATUS("false", "true", ""), false,
               STATUS_TEXT("no", "yes")
               "warnings      l2_guard: no guard\n");
    CHECK_SHOW(STATUS, NULL, STATUS("true", "false", ""), false,
               STATUS_TEXT("yes", "no")
               "warnings      l2_guard: no guard\n");
    /* Anything that counts against the host fails the command. */
    CHECK_SHOW(STATUS, NULL,
               STATUS("true", "true",
                      "{\"code\": \"stale\", \"text\": \"no beacon\","
                      " \"since_ms\": 7300000},"
                      "{\"code\": \"ports\", \"text\": \"tap1\"}"), false,
               STATUS_TEXT("yes", "yes")
               "reasons       stale: no beacon (2 h ago)\n"
               "              ports: tap1\n"
               "warnings      l2_guard: no guard\n");
}

TEST(status_shows_what_the_broker_brought_in_vain)
{
    bool good;
    char *text = show(OUTPUT_STATUS, NULL, NULL,
                      "{\"broker\": {\"malformed\": 2, \"last_malformed\":"
                      " \"5 bytes: not JSON\", \"last_unbindable\":"
                      " \"x_fanout: 403\", \"refusals\":"
                      " {\"ACCESS_REFUSED\": 3, \"NOT_FOUND\": 1}}}",
                      &good);

    CHECK_CONTAINS(text, "broker said   ACCESS_REFUSED 3, NOT_FOUND 1\n");
    CHECK_CONTAINS(text, "refused       2 messages; the last: 5 bytes: not "
                   "JSON\n");
    CHECK_CONTAINS(text, "not bound     last failure: x_fanout: 403\n");
    free(text);
}

TEST(status_shows_a_policy_from_a_file)
{
    bool good;
    char *text = show(OUTPUT_STATUS, NULL, NULL,
                      "{\"saved_policy\": {\"in_force\": true,"
                      " \"age_ms\": 42100}}", &good);

    CHECK_CONTAINS(text, "policy        from file, saved 42.1 s ago\n");
    free(text);
}

TEST(an_empty_status_is_a_bad_one)
{
    bool good = true;
    char *text = show(OUTPUT_STATUS, NULL, NULL, "{}", &good);

    CHECK(!good);
    CHECK_CONTAINS(text, "enforcing     no\n");
    CHECK_CONTAINS(text, "beacon never\n");
    free(text);
}

#define PORTS \
    "{\"ports\": [{\"id\": \"aaaa0000\", \"device\": \"tap1\"," \
    "  \"interface\": \"qvo1\", \"bridge\": \"qbr1\", \"uplink\": \"qvb1\"," \
    "  \"zone\": 4097, \"plug\": \"hybrid\", \"state\": \"protected\"," \
    "  \"reason\": null, \"since_ms\": 10, \"generation\": 12," \
    "  \"knowledge\": \"known\", \"sync\": \"confirmed\"," \
    "  \"policy\": {\"revision\": 3, \"mac_address\": \"fa:00\"," \
    "   \"fixed_ips\": [\"10.0.0.1\", \"fd00::1\"]," \
    "   \"pairs\": [{\"address\": \"0.0.0.0/0\", \"mac\": \"fa:01\"," \
    "     \"member\": false}], \"groups\": [\"g1\"]," \
    "   \"port_security_enabled\": true, \"trusted\": false," \
    "   \"refused\": [{\"what\": \"pair\", \"reason\": \"odd\"}]}}," \
    " {\"id\": \"aabb0000\", \"device\": \"\", \"interface\": \"qvo2\"," \
    "  \"state\": \"degraded\", \"reason\": \"no_device\"," \
    "  \"reason_text\": \"there is no tap\", \"detail\": \"\"," \
    "  \"generation\": 0, \"zone\": 0, \"policy\": null}]}"
#define PORTS_HEADER \
    "DEVICE  PORT      STATE      GENERATION  ZONE  GROUPS  " \
    "ADDRESSES          REASON\n"

TEST(ports)
{
    CHECK_SHOW(PORTS, NULL, PORTS, true, PORTS_HEADER
               "tap1    aaaa0000  protected          12  4097       1  "
               "10.0.0.1, fd00::1  -\n"
               "-       aabb0000  degraded            0     0       0  "
               "-                  no_device\n");
    CHECK_SHOW(PORTS, NULL, "{\"ports\": []}", true,
               "DEVICE  PORT  STATE  GENERATION  ZONE  GROUPS  ADDRESSES  "
               "REASON\n");
}

TEST(one_port)
{
    const char *expected =
        "port          aaaa0000\n"
        "device        tap1 on bridge qbr1, zone 4097\n"
        "plug          hybrid, interface qvo1, uplink qvb1\n"
        "state         protected 10 ms ago, generation 12\n"
        "knowledge     known, confirmed\n"
        "policy        revision 3\n"
        "mac address   fa:00\n"
        "addresses     10.0.0.1, fd00::1\n"
        "groups        g1\n"
        "pairs         0.0.0.0/0 as fa:01, no member of its groups\n"
        "left out      pair: odd\n";
    struct output_query query = { .kind = OUTPUT_PORTS, .id = "t\x1bp" };
    struct ds ds = DS_EMPTY_INITIALIZER;
    bool good;

    CHECK_SHOW(PORTS, "tap1", PORTS, true, expected);
    CHECK_SHOW(PORTS, "qvo1", PORTS, true, expected);
    CHECK_SHOW(PORTS, "AAAA", PORTS, true, expected);
    CHECK_SHOW(PORTS, "qvo2",
               "{\"ports\": [{\"id\": \"p\", \"interface\": \"qvo2\", "
               "\"device\": \"t\", \"bridge\": \"b\", \"plug\": \"x\", "
               "\"uplink\": \"u\", \"state\": \"asked\", \"since_ms\": 7, "
               "\"reason\": \"unknown\", \"reason_text\": \"not known\", "
               "\"detail\": \"at 7\", \"closed\": true, \"knowledge\": "
               "\"absent\", \"sync\": \"asked\", \"problem\": \"none\"}]}",
               true,
               "port          p\n"
               "device        t on bridge b, zone 0\n"
               "plug          x, interface qvo2, uplink u\n"
               "state         asked 7 ms ago, generation 0\n"
               "reason        unknown: not known; closed at 7\n"
               "knowledge     absent, asked none\n");

    char *both = show(OUTPUT_PORTS, "aa", NULL, PORTS, &good);
    CHECK_CONTAINS(both, "left out      pair: odd\n\nport          aabb");
    CHECK_CONTAINS(both, "reason        no_device: there is no tap\n");
    free(both);
    CHECK_ERROR(output_format(PORTS, &query, &ds, &good),
                "no port t\\x1bp");
    CHECK_UEQ(ds.length, 0);
}

TEST(groups)
{
#define GROUPS \
    "{\"groups\": [{\"id\": \"g1\", \"rules\": {\"state\": \"known\"," \
    "  \"count\": 4, \"revision\": 9, \"stateful\": true," \
    "  \"needed\": true, \"sync\": \"confirmed\", \"refused\": [{\"what\":" \
    "  \"r1\", \"reason\": \"unknown key\"}]}," \
    "  \"members\": {\"state\": \"orphaned\", \"since_ms\": 2000," \
    "  \"ipv4\": 50000," \
    "  \"ipv6\": 1, \"prefix_members\": 2, \"revision\": 10," \
    "  \"problem\": \"too many\", \"problem_since_ms\": 1000}}," \
    " {\"id\": \"g2\", \"rules\": {\"state\": \"absent\"}," \
    "  \"members\": {\"state\": \"known\", \"revision\": 3}}]}"
    CHECK_SHOW(GROUPS, NULL, GROUPS, true,
               "GROUP  RULES   COUNT  REVISION  MEMBERS    IPV4  IPV6  "
               "PREFIXES  REVISION\n"
               "g1     known       4         9  orphaned  50000     1  "
               "       2        10\n"
               "g2     absent      -         -  known         0     0  "
               "       0         3\n");
    CHECK_SHOW(GROUPS, "g1", GROUPS, true,
               "group         g1\n"
               "rules         known at revision 9, needed, confirmed\n"
               "              4 rules, stateful\n"
               "members       orphaned 2.0 s ago at revision 10, not needed,\n"
               "              too many (1.0 s ago)\n"
               "              50000 IPv4, 1 IPv6\n"
               "              2 prefixes\n"
               "left out      r1: unknown key\n");
}

TEST(sets)
{
    CHECK_SHOW(SETS, NULL,
               "{\"sets\": [{\"name\": \"s4\", \"group\": \"g1\", \"family\":"
               " \"IPv4\", \"members\": 3, \"policy_members\": 4,"
               " \"maxelem\": 262144, \"references\": 2},"
               "{\"name\": \"s6\", \"group\": null, \"family\": \"IPv6\","
               " \"members\": 0, \"policy_members\": null, \"maxelem\": 1,"
               " \"references\": 0}]}", true,
               "SET  FAMILY  GROUP  MEMBERS  EXPECTED  MAXELEM  REFERENCES  "
               "NOTE\n"
               "s4   IPv4    g1           3         4   262144           2  "
               "-\n"
               "s6   IPv6    -            0         -        1           0  "
               "of no group that is known\n");
}

#define RULE(FAMILY, CHAIN, DEVICE, GROUP, TEXT) \
    "{\"family\": \""FAMILY"\", \"table\": \"security\", \"chain\":" \
    " \""CHAIN"\", \"index\": 0, \"device\": "DEVICE", \"port\": null," \
    " \"group\": "GROUP", \"packets\": 5, \"bytes\": 420, \"rule_id\": null," \
    " \"text\": \""TEXT"\"}"
#define RULES \
    "{\"rules\": ["RULE("IPv4", "e-1", "\"tap1\"", "null", "-j pre")"," \
    RULE("IPv4", "e-1", "\"tap1\"", "null", "-j eg-1")"," \
    RULE("IPv4", "eg-1", "null", "\"g1\"", "-g out")"," \
    RULE("IPv4", "eg-2", "null", "\"g2\"", "-g out")"," \
    RULE("IPv4", "pre", "null", "null", "-j DROP")"," \
    RULE("IPv6", "e-1", "\"tap1\"", "null", "-j eg-1")"]}"

TEST(rules)
{
    bool good;
    char *all = show(OUTPUT_RULES, NULL, NULL, RULES, &good);
    char *six = show(OUTPUT_RULES, NULL, "IPv6", RULES, &good);
    char *port = show(OUTPUT_RULES, "tap1", "IPv4", RULES, &good);

    CHECK_CONTAINS(all, "FAMILY  TABLE     CHAIN  NR  PACKETS  BYTES  "
                   "SECURITY GROUP RULE  KERNEL RULE\n"
                   "IPv4    security  e-1     1        5    420  -"
                   "                    -j pre\n");
    CHECK_CONTAINS(all, "eg-2");
    CHECK_STR(six, "FAMILY  TABLE     CHAIN  NR  PACKETS  BYTES  "
              "SECURITY GROUP RULE  KERNEL RULE\n"
              "IPv6    security  e-1     1        5    420  -"
              "                    -j eg-1\n");
    /* Its own chains and those of its groups: not the shared ones, not those
     * of other groups. */
    CHECK_CONTAINS(port, "-j eg-1\n");
    CHECK_CONTAINS(port, "security  eg-1 ");
    CHECK(!strstr(port, "eg-2") && !strstr(port, "DROP")
          && !strstr(port, "IPv6"));
    free(all);
    free(six);
    free(port);
}

#define HIT(RULE, GROUP, DIRECTION, FAMILY, PACKETS) \
    "{\"family\": \""FAMILY"\", \"chain\": \"c\", \"group\": "GROUP"," \
    " \"direction\": "DIRECTION", \"packets\": "PACKETS", \"bytes\":" \
    " "PACKETS"00, \"rule_id\": "RULE", \"device\": null}"
#define HITS \
    "{\"rules\": [" \
    HIT("\"r1\"", "\"g1\"", "\"ingress\"", "IPv4", "5")"," \
    HIT("\"r2\"", "\"g1\"", "\"egress\"", "IPv6", "7")"," \
    HIT("\"r1\"", "\"g1\"", "\"ingress\"", "IPv4", "3")"," \
    HIT("null", "null", "null", "IPv4", "1000")"," \
    HIT("null", "\"g1\"", "\"egress\"", "IPv6", "9")"]}"

/* A rule may stand twice, for addresses and prefixes of its remote group; what
 * comes from no group does not count. */
TEST(hits_by_security_group_rule)
{
    struct output_query query = { .kind = OUTPUT_RULES, .counters = true };
    struct ds ds = DS_EMPTY_INITIALIZER;
    bool good;

    CHECK_NO_ERROR(output_format(HITS, &query, &ds, &good));
    CHECK(good);
    CHECK_STR(ds_cstr(&ds),
              "SECURITY GROUP RULE  GROUP  DIRECTION  FAMILY  PACKETS  BYTES"
              "  KERNEL RULES\n"
              "r1                   g1     ingress    IPv4          8    800"
              "             2\n"
              "r2                   g1     egress     IPv6          7    700"
              "             1\n"
              "-                    g1     egress     IPv6          9    900"
              "             1\n");
    ds_clear(&ds);
    query.json = true;
    query.family = "IPv6";
    CHECK_NO_ERROR(output_format(HITS, &query, &ds, &good));
    CHECK_CONTAINS(ds_cstr(&ds), "\"rule_id\": \"r2\"");
    CHECK(!strstr(ds_cstr(&ds), "r1") && !strstr(ds_cstr(&ds), "\"rules\""));
    ds_destroy(&ds);
}

#define TRACE(VERDICT, MORE) \
    "{\"device\": \"tap1\", \"direction\": \"ingress\", \"packet\":" \
    " {\"text\": \"IPv4 tcp 10.0.0.7:49152 > 10.0.0.1:90\", \"state\":" \
    " \"new\"}, \"verdict\": \""VERDICT"\", \"why\": \"so it is\"," \
    " \"guard\": {\"state\": \"in place\", \"passes\": true, \"why\":" \
    " \"not from a tap of ours\"}, \"steps\": [{\"table\": \"raw\"," \
    " \"chain\": \"PREROUTING\", \"index\": 0, \"rule_id\": null," \
    " \"text\": \"-i qbr+ -j sg1-z\"}], "MORE"}"
#define TRACE_HEAD(VERDICT) \
    "packet        IPv4 tcp 10.0.0.7:49152 > 10.0.0.1:90 to tap1, new\n" \
    "verdict       "VERDICT": so it is\n"
#define TRACE_GUARD \
    "l2 guard      in place, passes: not from a tap of ours\n"
#define TRACE_STEPS \
    "\nTABLE  CHAIN       NR  SECURITY GROUP RULE  KERNEL RULE\n" \
    "raw    PREROUTING   1  -                    -i qbr+ -j sg1-z\n"

/* A script may ask by the exit status alone. */
TEST(trace)
{
    CHECK_SHOW(TRACE, NULL,
               TRACE("allowed", "\"as_intended\": true, \"rule\": "
                     "{\"rule_id\": \"r1\", \"group\": \"g1\", \"set\": "
                     "\"s4\", \"members_of\": \"g2\"}"), true,
               TRACE_HEAD("allowed")
               "rule          r1 of group g1\n"
               "members of    g2, in set s4\n" TRACE_GUARD TRACE_STEPS);
    CHECK_SHOW(TRACE, NULL,
               TRACE("denied", "\"as_intended\": false, \"intended\": "
                     "{\"verdict\": \"allowed\", \"why\": \"a rule\"}, "
                     "\"needed\": [{\"rule_id\": \"r1\", \"needs\": "
                     "\"destination port 80\"}, {\"rule_id\": null, "
                     "\"needs\": \"source 10.0.0.1\"}], \"needed_total\": "
                     "5, \"differences\": [{\"table\": \"security\", "
                     "\"kind\": \"insert\", \"chain\": \"c\", \"text\": "
                     "\"-j ACCEPT\"}], \"differences_total\": 4, "
                     "\"differences_elsewhere\": 2, "
                     "\"notes\": [\"one\", \"two\"]"), false,
               TRACE_HEAD("denied") TRACE_GUARD
               "intended      allowed: a rule\n"
               "not as meant  security: insert c -j ACCEPT\n"
               "              and 3 more in these chains\n"
               "              2 in other chains\n"
               "needed        r1: destination port 80\n"
               "              source 10.0.0.1\n"
               "              and 3 rules more that are further from it\n"
               "note          one\n"
               "              two\n" TRACE_STEPS);
    CHECK_SHOW(TRACE, NULL,
               "{\"direction\": \"egress\", \"device\": \"tap1\", "
               "\"packet\": {\"text\": \"p\", \"state\": \"new\", "
               "\"mac\": \"m\"}, \"verdict\": \"unknown\", \"why\": \"w\","
               " \"as_intended\": true, \"rule\": {\"rule_id\": null, "
               "\"group\": \"g1\"}, \"guard\": {\"state\": \"off\"}}",
               false,
               "packet        p from tap1, new\n"
               "              source MAC address m\n"
               "verdict       unknown: w\n"
               "rule          of group g1, but of no rule that it has\n"
               "l2 guard      off\n"
               "\nTABLE  CHAIN  NR  SECURITY GROUP RULE  KERNEL RULE\n");
}

TEST(plan_resync_wait_metrics)
{
    CHECK_SHOW(PLAN, NULL, "{\"empty\": true, \"text\": \"\"}", true,
               "nothing would change\n");
    CHECK_SHOW(PLAN, NULL, "{\"empty\": false, \"text\": \"a\\n b\\n\"}",
               true, "a\n b\n");
    CHECK_SHOW(RESYNC, NULL,
               "{\"done\": true, \"error\": null, \"differences\": 1,"
               " \"lines\": [\"set x: 1 missing\"], \"generation\": 5,"
               " \"generation_before\": 4, \"duration_ms\": 12}", true,
               "set x: 1 missing\n"
               "1 differences between kernel and policy, repaired; "
               "generation 5, before 4; 12 ms\n");
    CHECK_SHOW(RESYNC, NULL,
               "{\"done\": false, \"error\": \"no answer\"}", false,
               "failed        no answer\n");
    CHECK_SHOW(WAIT, NULL,
               "{\"done\": false, \"generation\": 5, \"applied\": 4}", false,
               "not yet: generation 5, in the kernel 4\n");
    CHECK_SHOW(ENFORCE, NULL, "{\"start\": \"zones\", \"reasons\": []}",
               true, "start         zones\n");
    CHECK_SHOW(METRICS, NULL, "{\"text\": \"# TYPE a\\na 1\\n\"}", true,
               "# TYPE a\na 1\n");
}

TEST(json_is_the_document)
{
    struct output_query query = { .kind = OUTPUT_SETS, .json = true,
                                  .id = "b" };
    struct ds ds = DS_EMPTY_INITIALIZER;
    bool good;

    CHECK_NO_ERROR(output_format("{\"sets\": [{\"name\": \"a\"}, {\"name\": "
                                 "\"b\", \"new\": \"\\u001b\\u202e\"}], "
                                 "\"more\": 1}", &query, &ds, &good));
    CHECK_STR(ds_cstr(&ds), "{\n  \"sets\": [\n    {\n      \"name\": \"b\","
              "\n      \"new\": \"\\u001B\\u202E\"\n    }\n  ],\n"
              "  \"more\": 1\n}\n");
    ds_destroy(&ds);
}

TEST(documents_that_are_none)
{
    struct output_query query = { .kind = OUTPUT_STATUS };
    struct ds ds = DS_EMPTY_INITIALIZER;
    bool good = false;

    CHECK_ERROR(output_format("", &query, &ds, &good), "not a JSON object");
    CHECK_ERROR(output_format("[]", &query, &ds, &good), "not a JSON object");
    CHECK_ERROR(output_format("{\"a\":1,\"a\":2}", &query, &ds, &good),
                "not a JSON object");
    CHECK_UEQ(ds.length, 0);
    CHECK(!good);

    /* Nothing of the right type is nothing. */
    query.kind = OUTPUT_PORTS;
    CHECK_NO_ERROR(output_format("{\"ports\": [3, {\"policy\": 4, \"device\":"
                                 " [], \"zone\": \"z\"}]}", &query, &ds,
                                 &good));
    CHECK_CONTAINS(ds_cstr(&ds), "-       -     -               0     0");
    ds_destroy(&ds);
}

TEST(nothing_moves_the_cursor)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    columns_put_safe(&ds, "a\x1b[2J\n\t\x7f\xe2\x80\xae", COLUMNS_ONE_LINE);
    CHECK_STR(ds_cstr(&ds), "a\\x1b[2J\\x0a\\x09\\x7f\\xe2\\x80\\xae");
    ds_clear(&ds);
    columns_put_safe(&ds, "a\nb\r", COLUMNS_KEEP_LINES);
    CHECK_STR(ds_cstr(&ds), "a\nb\\x0d");
    ds_destroy(&ds);

    CHECK_SHOW(VERSION, NULL, "{\"version\": \"1\\n2\", \"host\": \"\\u001b"
               "\", \"uptime_ms\": 1}", true,
               "sgctl         "SG_VERSION"\n"
               "sg-agent      1\\x0a2 on host \\x1b, started 1 ms ago\n");
}

TEST(loop)
{
    CHECK_SHOW(LOOP, NULL, "{\"turns\": 3, \"long_turns\": 1, "
               "\"longest_turn_ms\": 20.25, "
               "\"longest_turn_wait_ms\": 40.5, "
               "\"longest_turn_what\": \"structure lane\", "
               "\"longest_turn_what_ms\": 19.125, "
               "\"longest_turn_age_ms\": 12}", true,
               "turns         3, 1 of them above 5 ms\n"
               "longest       20.2 ms, of which 19.1 ms structure lane; "
               "12 ms ago\n"
               "waiting       40.5 ms for a CPU, besides\n");
    CHECK_SHOW(LOOP, NULL, "{\"turns\": 0, \"longest_turn_what\": null}",
               true, "turns         0, 0 of them above 5 ms\n");
}

TEST(latency)
{
    CHECK_SHOW(LATENCY, NULL, "{\"latency\": ["
               "{\"kind\": \"port\", \"phase\": \"stored\", "
               "\"count\": 0, \"p50_ms\": null, \"p90_ms\": null, "
               "\"p99_ms\": null, \"max_ms\": null}, "
               "{\"kind\": \"rules\", \"phase\": \"kernel\", "
               "\"count\": 2, \"p50_ms\": 1, \"p90_ms\": 20, "
               "\"p99_ms\": null, \"max_ms\": 20000}], "
               "\"pending\": 3, \"skewed\": 1}", true,
               "KIND   PUBLISH TO  COUNT  MEDIAN <=  P90 <=  P99 <=  "
               "LONGEST, MS\n"
               "port   stored          0          -       -       -  "
               "          -\n"
               "rules  kernel          2          1      20    more  "
               "      20000\n"
               "pending       3 changes are not in the kernel yet\n"
               "skewed        1 changes were published after they arrived: "
               "clocks differ\n");
}

TEST(limits)
{
    static const char document[] =
        "{\"limits\": ["
        "{\"name\": \"body\", \"limit\": 8388608, \"in_use\": null,"
        " \"of\": null, \"id\": null, \"refused\": 1},"
        "{\"name\": \"members\", \"limit\": 262144, \"in_use\": 500,"
        " \"of\": \"group\", \"id\": \"5eb0\", \"refused\": 0},"
        "{\"name\": \"ports\", \"limit\": 4096, \"in_use\": 0,"
        " \"of\": \"host\", \"id\": null, \"refused\": 0}]}";

    CHECK_SHOW(LIMITS, NULL, document, true,
               "LIMIT    ALLOWED  IN USE  REFUSED  OF     ID\n"
               "body     8388608       -        1  -      -\n"
               "members   262144     500        0  group  5eb0\n"
               "ports       4096       0        0  host   -\n");
    CHECK_SHOW(LIMITS, "members", document, true,
               "LIMIT    ALLOWED  IN USE  REFUSED  OF     ID\n"
               "members   262144     500        0  group  5eb0\n");
}
