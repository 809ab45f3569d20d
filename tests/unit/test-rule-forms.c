/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Every form a rule can have, with its near misses, before both judges: what
 * it says is written here a third time, in terms of one packet.
 *
 * Each rule stands alone in a world of one port, but for one that is always
 * there: whatever becomes of the first, the second is in force and lets
 * nothing more in. */

#include <config.h>
#include "tests/lib/two-judges.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "tests/lib/test.h"
#include "util.h"

#define TRIED "5eb00000-0001-4000-8000-000000000001"
#define OTHER "5eb00000-0001-4000-8000-0000000000ff"
#define GROUP "a0000000-0000-4000-8000-000000000000"
#define REMOTE "b0000000-0000-4000-8000-000000000000"

#define OTHER_PORT 4242         /* Of tcp, by the rule that is always there. */
#define SPORT 1000              /* Of packets whose ports do not matter: */
#define DPORT 2000              /* no rule names them. */

/* One rule, and what is made of it. */
struct form {
    enum sg_family family;
    bool egress;
    char rule[300];             /* Without what every rule has. */
    struct two_judges j;
};

/* Both families, both directions. */
#define N_WAYS 4

/* Only the bindings count. */
static struct answer world;

static void
make_world(void)
{
    struct sg_binding *b = &world.bindings[0];

    for (size_t i = 0; i < ANSWER_N_PORTS; i++) {
        world.bindings[i].plug = SG_PLUG_MISSING;
    }
    b->plug = SG_PLUG_HYBRID;
    b->zone = 7;
    ovs_strlcpy(b->device, "tap1", sizeof b->device);
    ovs_strlcpy(b->bridge, "qbr1", sizeof b->bridge);
    ovs_strlcpy(b->uplink, "qvb1", sizeof b->uplink);
}

static void OVS_PRINTF_FORMAT(3, 4)
form_init(struct form *f, int way, const char *format, ...)
{
    struct ds json = DS_EMPTY_INITIALIZER;
    const char *head;
    va_list args;

    make_world();
    f->family = way % 2 ? SG_IPV6 : SG_IPV4;
    f->egress = way / 2;
    va_start(args, format);
    vsnprintf(f->rule, sizeof f->rule, format, args);
    va_end(args);

    head = xasprintf("\"direction\": \"%s\", \"ethertype\": \"%s\"",
                     f->egress ? "egress" : "ingress",
                     sg_family_name(f->family));
    ds_put_format(&json, "{\"epoch\": \"1763666000000-0a1b2c3d\", \"sent\": 1,"
                  "\"objects\": [{\"kind\": \"port\", \"port\": {\"id\": "
                  "\"%s\", \"revision\": 1, \"mac_address\": \"%s\", "
                  "\"fixed_ips\": [\"10.0.0.5\", \"2001:db8::5\"], "
                  "\"allowed_address_pairs\": [], \"security_groups\": "
                  "[\""GROUP"\"]}}, {\"kind\": \"rules\", \"rules\": {"
                  "\"group\": \""GROUP"\", \"revision\": 1, \"rules\": ["
                  "{\"id\": \""TRIED"\", %s%s}, {\"id\": \""OTHER"\", %s, "
                  "\"protocol\": \"tcp\", \"port_range_min\": %d, "
                  "\"port_range_max\": %d}]}}]}",
                  answer_port_id(0), answer_macs[0], head, f->rule, head,
                  OTHER_PORT, OTHER_PORT);
    two_judges_init(&f->j, &world, &json);
    free(CONST_CAST(char *, head));
}

static void
form_uninit(struct form *f)
{
    two_judges_uninit(&f->j);
}

static struct sg_prefix
address(const char *text)
{
    struct sg_prefix p;

    if (!sg_address_from_string(text, &p)) {
        OVS_NOT_REACHED();
    }
    return p;
}

/* To or from the port, as the rule is, and somebody far away. */
static struct eval_packet
packet(const struct form *f, uint8_t proto)
{
    bool v4 = f->family == SG_IPV4;
    struct sg_prefix own = address(v4 ? "10.0.0.5" : "2001:db8::5");
    struct sg_prefix far = address(v4 ? "198.51.100.1" : "2001:db8:1::1");
    struct eval_packet p = {
        .family = f->family,
        .src = f->egress ? own : far,
        .dst = f->egress ? far : own,
        .bridge = "qbr1",
        .proto = proto,
        .sport = SPORT,
        .dport = DPORT,
        .icmp_type = v4 ? 8 : 128,
        .flow_zone = EVAL_NO_FLOW,
    };

    ovs_strlcpy(p.physdev_in, f->egress ? "tap1" : "qvb1",
                sizeof p.physdev_in);
    ovs_strlcpy(p.physdev_out, f->egress ? "qvb1" : "tap1",
                sizeof p.physdev_out);
    if (!sg_mac_from_string(answer_macs[0], &p.mac)) {
        OVS_NOT_REACHED();
    }
    return p;
}

/* What a packet cannot have behind its IPv6 headers. */
static bool
is_extension_header(enum sg_family family, int proto)
{
    return family == SG_IPV6 && (!proto || proto == 43 || proto == 44
                                 || proto == 51 || proto == 60);
}

static void
check_packet(const struct form *f, const struct eval_packet *p, bool want)
{
    struct semantics_verdict v;
    bool agree = two_judges_agree(&f->j, &world, p, &v);

    if (!CHECK(agree && v.allowed == want)) {
        struct ds ds = DS_EMPTY_INITIALIZER;

        eval_packet_format(p, &ds);
        FAIL("{%s %s%s}: %s: wanted %d; the semantics say %d (%s), the "
             "chains %d", f->egress ? "egress" : "ingress",
             sg_family_name(f->family), f->rule, ds_cstr(&ds), want,
             v.allowed, v.why, agree ? v.allowed : !v.allowed);
        ds_destroy(&ds);
    }
}

static void
check_proto(const struct form *f, int proto, bool want)
{
    if (proto >= 0 && proto <= UINT8_MAX
        && !is_extension_header(f->family, proto)) {
        struct eval_packet p = packet(f, proto);

        check_packet(f, &p, want);
    }
}

static void
check_ports(const struct form *f, int proto, int sport, int dport, bool want)
{
    if (sport >= 0 && sport <= UINT16_MAX
        && dport >= 0 && dport <= UINT16_MAX) {
        struct eval_packet p = packet(f, proto);

        p.sport = sport;
        p.dport = dport;
        check_packet(f, &p, want);
    }
}

static void
check_icmp(const struct form *f, int type, int code, bool want)
{
    if (type >= 0 && type <= UINT8_MAX && code >= 0 && code <= UINT8_MAX) {
        struct eval_packet p = packet(f, f->family == SG_IPV4
                                      ? IPPROTO_ICMP : IPPROTO_ICMPV6);

        p.icmp_type = type;
        p.icmp_code = code;
        check_packet(f, &p, want);
    }
}

/* How often the rule is named as left out, by whoever does it. */
static size_t
count_refusals(const struct form *f)
{
    const struct sg_group *group;
    struct uuid id;
    size_t n = 0;

    if (!sg_id_from_string(GROUP, &id)) {
        OVS_NOT_REACHED();
    }
    group = sg_policy_group(f->j.ep.policy, &id);
    REQUIRE(group);
    for (size_t i = 0; i < group->rules.n_refused; i++) {
        n += !strcmp(group->rules.refused[i].what, TRIED);
        CHECK(group->rules.refused[i].reason[0]);
    }
    for (size_t i = 0; i < f->j.problems.n; i++) {
        n += strstr(f->j.problems.p[i].text, TRIED) != NULL;
    }
    return n;
}

/* It is left out by name if 'refused', and hurts nobody. */
static void
check_state(const struct form *f, bool refused)
{
    const char *left_out = semantics_left_out(&f->j.semantics, TRIED);

    if (!CHECK(refused == (left_out != NULL))
        || !CHECK_UEQ(count_refusals(f), refused)) {
        FAIL("{%s %s%s}: refused %"PRIuSIZE" times; the semantics: %s",
             f->egress ? "egress" : "ingress", sg_family_name(f->family),
             f->rule, count_refusals(f), left_out ? left_out : "in force");
    }
    CHECK(!semantics_left_out(&f->j.semantics, OTHER));
    check_ports(f, IPPROTO_TCP, SPORT, OTHER_PORT, true);
}

/* A rule that is left out lets nothing pass. */
static void OVS_PRINTF_FORMAT(2, 3)
try_refused(int way, const char *format, ...)
{
    char rule[300];
    struct form f;
    va_list args;

    va_start(args, format);
    vsnprintf(rule, sizeof rule, format, args);
    va_end(args);
    form_init(&f, way, "%s", rule);
    check_state(&f, true);
    for (int proto = 0; proto <= UINT8_MAX; proto++) {
        check_proto(&f, proto, false);
    }
    check_ports(&f, IPPROTO_TCP, SPORT, 80, false);
    check_ports(&f, IPPROTO_TCP, 80, DPORT, false);
    check_ports(&f, IPPROTO_UDP, SPORT, 80, false);
    check_ports(&f, IPPROTO_TCP, SPORT, OTHER_PORT + 1, false);
    check_icmp(&f, 0, 0, false);
    form_uninit(&f);
}

/* ------------------------------------------------------------------------ */
/* Protocols. */

/* Can a packet have it, as far as the filter sees? */
static bool
can_match(int way, int proto)
{
    enum sg_family family = way % 2 ? SG_IPV6 : SG_IPV4;

    return !proto || (!is_extension_header(family, proto)
                      && proto != (family == SG_IPV4 ? IPPROTO_ICMPV6
                                   : IPPROTO_ICMP));
}

/* A rule that means protocol 'proto', 0 for any.  Looks at what is near it, or
 * at all. */
static void
try_protocol(int way, const char *json, int proto, bool all)
{
    struct form f;

    if (!can_match(way, proto)) {
        try_refused(way, ", \"protocol\": %s", json);
        return;
    }
    form_init(&f, way, *json ? ", \"protocol\": %s" : "%s", json);
    check_state(&f, false);
    for (int p = all ? 0 : proto - 1; p <= (all ? 255 : proto + 1); p++) {
        check_proto(&f, p, !proto || p == proto);
    }
    check_proto(&f, IPPROTO_TCP, !proto || proto == IPPROTO_TCP);
    check_proto(&f, IPPROTO_UDP, !proto || proto == IPPROTO_UDP);
    check_icmp(&f, f.family == SG_IPV4 ? 8 : 128, 0,
               !proto || proto == (f.family == SG_IPV4 ? IPPROTO_ICMP
                                   : IPPROTO_ICMPV6));
    form_uninit(&f);
}

/* Shows V07: each number, as a number and as text, is that protocol alone. */
TEST(every_protocol_by_number)
{
    for (int way = 0; way < N_WAYS; way++) {
        for (int n = 0; n <= UINT8_MAX && !test_failed(); n++) {
            char json[16];

            snprintf(json, sizeof json, "%d", n);
            try_protocol(way, json, n, true);
            snprintf(json, sizeof json, "\"%d\"", n);
            try_protocol(way, json, n, false);
        }
    }
}

/* The text in JSON, each letter as 'spelling' says. */
static void
spell(const char *name, int spelling, char *buf, size_t size)
{
    size_t n = snprintf(buf, size, "\"%s\"", name);

    ovs_assert(n < size);
    for (size_t i = 0; i < n; i++) {
        if (buf[i] >= 'a' && buf[i] <= 'z'
            && (spelling == 1 || (spelling == 2 && i % 2))) {
            buf[i] -= 'a' - 'A';
        }
    }
}

/* Shows V07: each name is its number, whatever a host's files say. */
/* Shows V05: in any letter case; else the rule is left out by name. */
TEST(every_protocol_by_name)
{
    static const struct {
        const char *name;
        int v4, v6;
    } names[] = {
        { "ah", 51, 51 }, { "any", 0, 0 }, { "dccp", 33, 33 },
        { "egp", 8, 8 }, { "esp", 50, 50 }, { "gre", 47, 47 },
        { "icmp", 1, 58 }, { "icmpv6", 58, 58 }, { "igmp", 2, 2 },
        { "ip", 0, 0 }, { "ipip", 4, 4 }, { "ipv6-encap", 41, 41 },
        { "ipv6-frag", 44, 44 }, { "ipv6-icmp", 58, 58 },
        { "ipv6-nonxt", 59, 59 }, { "ipv6-opts", 60, 60 },
        { "ipv6-route", 43, 43 }, { "ospf", 89, 89 }, { "pgm", 113, 113 },
        { "rsvp", 46, 46 }, { "sctp", 132, 132 }, { "tcp", 6, 6 },
        { "udp", 17, 17 }, { "udplite", 136, 136 }, { "vrrp", 112, 112 },
    };
    static const char *const none[] = {
        "\"tcp \"", "\" tcp\"", "\"tcp\\n\"", "\"tcp\\\"\"", "\"tpc\"",
        "\"tc\"", "\"tcpp\"", "\"06\"", "\"+6\"", "\"6.0\"", "\"0x6\"",
        "\"-1\"", "\"256\"", "\"1000\"", "\"\"", "\"\\u0422CP\"",
        "\"hopopt\"", "\"ipv4\"", "\"ipv6\"", "256", "-1", "6.0", "1e1",
        "4294967302", "true", "false", "[6]", "{}", "[]",
    };

    for (int way = 0; way < N_WAYS; way++) {
        try_protocol(way, "", 0, true);
        try_protocol(way, "null", 0, false);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
            for (int spelling = 0; spelling < 3; spelling++) {
                char json[32];

                spell(names[i].name, spelling, json, sizeof json);
                try_protocol(way, json, way % 2 ? names[i].v6 : names[i].v4,
                             false);
            }
        }
        for (size_t i = 0; i < ARRAY_SIZE(none) && !test_failed(); i++) {
            try_refused(way, ", \"protocol\": %s", none[i]);
        }
    }
}

/* ------------------------------------------------------------------------ */
/* Ports. */

static const int with_ports[] = { 6, 17, 33, 132, 136 };

static bool
has_ports(int proto)
{
    for (size_t i = 0; i < ARRAY_SIZE(with_ports); i++) {
        if (proto == with_ports[i]) {
            return true;
        }
    }
    return false;
}

/* The port that a range is about is the destination's, or the source's. */
static void
check_port(const struct form *f, int proto, bool source, int port, bool want)
{
    if (source) {
        check_ports(f, proto, port, DPORT, want);
    } else {
        check_ports(f, proto, SPORT, port, want);
    }
}

static void
try_range(int way, int proto, bool source, int min, int max)
{
    const char *prefix = source ? "source_" : "";
    const int ports[] = { min - 1, min, max, max + 1, 0, UINT16_MAX };
    struct form f;

    form_init(&f, way, ", \"protocol\": %d, \"%sport_range_min\": %d, "
              "\"%sport_range_max\": %d", proto, prefix, min, prefix, max);
    check_state(&f, false);
    for (size_t i = 0; i < ARRAY_SIZE(ports); i++) {
        check_port(&f, proto, source, ports[i],
                   min <= ports[i] && ports[i] <= max);
        for (size_t j = 0; j < ARRAY_SIZE(with_ports); j++) {
            if (with_ports[j] != proto) {
                check_port(&f, with_ports[j], source, ports[i], false);
            }
        }
    }

    /* The other end's port is not meant. */
    if (max < SPORT) {
        check_ports(&f, proto, source ? SPORT : min, source ? min : DPORT,
                    false);
    }
    check_proto(&f, proto - 1, false);
    check_proto(&f, proto + 1, false);
    form_uninit(&f);
}

/* Shows V09: a range is both its ends and what is between them, 0 included. */
TEST(every_range_of_ports)
{
    static const int ranges[][2] = {
        { 0, 0 }, { 0, 65535 }, { 0, 5 }, { 1, 65535 }, { 0, 65534 },
        { 65535, 65535 }, { 65534, 65535 }, { 22, 22 }, { 80, 90 },
        { 255, 256 },
    };

    for (int way = 0; way < N_WAYS; way++) {
        for (size_t p = 0; p < ARRAY_SIZE(with_ports); p++) {
            for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
                try_range(way, with_ports[p], false, ranges[i][0],
                          ranges[i][1]);
                try_range(way, with_ports[p], true, ranges[i][0],
                          ranges[i][1]);
            }
        }
    }
}

/* Both ranges at once: both must fit. */
TEST(ranges_at_both_ends)
{
    for (int way = 0; way < N_WAYS; way++) {
        for (size_t p = 0; p < ARRAY_SIZE(with_ports); p++) {
            int proto = with_ports[p];
            struct form f;

            form_init(&f, way, ", \"protocol\": %d, "
                      "\"source_port_range_min\": 0, "
                      "\"source_port_range_max\": 53, "
                      "\"port_range_min\": 80, \"port_range_max\": 81",
                      proto);
            check_state(&f, false);
            check_ports(&f, proto, 0, 80, true);
            check_ports(&f, proto, 53, 81, true);
            check_ports(&f, proto, 54, 81, false);
            check_ports(&f, proto, 53, 82, false);
            check_ports(&f, proto, 53, 79, false);
            check_ports(&f, proto, 80, 53, false);
            form_uninit(&f);
        }
    }
}

/* Shows V03: a port of a protocol that has none is refused, never dropped. */
/* Shows V10: what cannot be expressed is left out, never widened. */
TEST(ports_of_protocols_without)
{
    for (int way = 0; way < N_WAYS; way++) {
        for (int n = 0; n <= UINT8_MAX && !test_failed(); n++) {
            bool icmp = n == (way % 2 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);

            if (has_ports(n)) {
                continue;
            }
            try_refused(way, ", \"protocol\": %d, "
                        "\"source_port_range_min\": 80, "
                        "\"source_port_range_max\": 80", n);
            if (!icmp) {
                try_refused(way, ", \"protocol\": %d, \"port_range_min\": 80, "
                            "\"port_range_max\": 80", n);
            }
        }
        try_refused(way, ", \"port_range_min\": 80, \"port_range_max\": 80");
        try_refused(way, ", \"protocol\": null, \"source_port_range_min\": 0, "
                    "\"source_port_range_max\": 65535");
    }
}

/* Shows V09: what is no range is refused, one end alone included. */
TEST(ranges_that_are_none)
{
    static const char *const none[][2] = {
        { "5", "4" }, { "0", NULL }, { NULL, "0" }, { "80", NULL },
        { NULL, "80" }, { "80", "null" }, { "-1", "80" }, { "-1", "-1" },
        { "0", "65536" }, { "65536", "65536" }, { "80", "4294967376" },
        { "4294967376", "4294967376" }, { "-4294967216", "80" },
        { "\"80\"", "\"80\"" }, { "80", "\"80\"" }, { "80.0", "80" },
        { "true", "true" }, { "[80]", "80" }, { "80", "{}" },
        { "\"\"", "80" }, { "9223372036854775807", "9223372036854775807" },
    };

    for (int way = 0; way < N_WAYS; way++) {
        for (size_t p = 0; p < ARRAY_SIZE(with_ports); p++) {
            for (size_t i = 0; i < 2 * ARRAY_SIZE(none); i++) {
                const char *const *ends = none[i / 2];
                const char *prefix = i % 2 ? "source_" : "";
                struct ds ds = DS_EMPTY_INITIALIZER;

                for (int e = 0; e < 2; e++) {
                    if (ends[e]) {
                        ds_put_format(&ds, ", \"%sport_range_%s\": %s",
                                      prefix, e ? "max" : "min", ends[e]);
                    }
                }
                try_refused(way, ", \"protocol\": %d%s", with_ports[p],
                            ds_cstr(&ds));
                ds_destroy(&ds);
            }
        }
    }
}

/* ------------------------------------------------------------------------ */
/* ICMP. */

static void
try_icmp(int way, int type, int code)
{
    static const char *const names[] = {
        "\"icmp\"", "1", "\"1\"", "\"icmp\"", "\"icmpv6\"", "\"ipv6-icmp\"",
        "58", "\"58\"",
    };
    size_t first = way % 2 ? 3 : 0;
    size_t n = way % 2 ? ARRAY_SIZE(names) - 3 : 3;

    for (size_t i = first; i < first + n; i++) {
        char more[48] = "";
        struct form f;

        if (code >= 0) {
            snprintf(more, sizeof more, ", \"port_range_max\": %d", code);
        }
        form_init(&f, way, ", \"protocol\": %s, \"port_range_min\": %d%s",
                  names[i], type, more);
        check_state(&f, false);
        for (int t = type - 1; t <= type + 1; t++) {
            for (int c = code - 1; c <= code + 1; c++) {
                check_icmp(&f, t, c, t == type && (code < 0 || c == code));
            }
            check_icmp(&f, t, 255, t == type && (code < 0 || code == 255));
            check_icmp(&f, t, 7, t == type && (code < 0 || code == 7));
        }
        check_ports(&f, IPPROTO_TCP, SPORT, type, false);
        check_ports(&f, IPPROTO_UDP, type, MAX(code, 0), false);
        form_uninit(&f);
    }
}

/* Shows V10: type and code are looked at, and code 0 is a code. */
TEST(types_and_codes)
{
    /* Of ICMPv6 those beside which nothing passes without a rule. */
    static const int types[2][5] = {
        { 0, 3, 8, 128, 254 }, { 1, 4, 128, 150, 255 },
    };
    static const int codes[] = { -1, 0, 1, 7, 254, 255 };

    for (int way = 0; way < N_WAYS; way++) {
        for (size_t i = 0; i < ARRAY_SIZE(types[0]); i++) {
            for (size_t j = 0; j < ARRAY_SIZE(codes); j++) {
                try_icmp(way, types[way % 2][i], codes[j]);
            }
        }
    }
}

TEST(types_and_codes_that_are_none)
{
    static const char *const none[] = {
        "\"port_range_max\": 0", "\"port_range_min\": 256",
        "\"port_range_min\": -1", "\"port_range_min\": null, "
        "\"port_range_max\": 0", "\"port_range_min\": 8, "
        "\"port_range_max\": 256", "\"port_range_min\": 8, "
        "\"port_range_max\": -1", "\"port_range_min\": \"8\"",
        "\"port_range_min\": 8.0",
    };

    for (int way = 0; way < N_WAYS; way++) {
        const char *icmp = way % 2 ? "ipv6-icmp" : "icmp";

        for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
            try_refused(way, ", \"protocol\": \"%s\", %s", icmp, none[i]);
        }
        /* Of the other family, with and without a type. */
        try_refused(way, ", \"protocol\": %d", way % 2 ? 1 : 58);
        try_refused(way, ", \"protocol\": %d, \"port_range_min\": 8",
                    way % 2 ? 1 : 58);
    }
    /* The kernel's word for every type. */
    try_refused(0, ", \"protocol\": \"icmp\", \"port_range_min\": 255");
    try_refused(2, ", \"protocol\": 1, \"port_range_min\": 255, "
                "\"port_range_max\": 0");
}

/* ------------------------------------------------------------------------ */
/* Prefixes. */

/* The next address up or down; false if there is none. */
static bool
step(struct sg_prefix *p, int by)
{
    for (size_t i = sg_family_bits(p->family) / 8; i-- > 0; ) {
        uint8_t old = p->addr[i];

        p->addr[i] = old + by;
        if (by > 0 ? old < UINT8_MAX : old > 0) {
            return true;
        }
    }
    return false;
}

static void
check_remote(const struct form *f, const struct sg_prefix *remote, bool want)
{
    struct eval_packet p = packet(f, IPPROTO_TCP);

    *(f->egress ? &p.dst : &p.src) = *remote;
    check_packet(f, &p, want);
}

/* Host bits do not count, and the first and the last address do. */
TEST(every_length_of_a_prefix)
{
    for (int way = 0; way < N_WAYS; way++) {
        bool v4 = !(way % 2);
        const char *text = (v4 ? "198.51.100.173"
                            : "2001:db8:a5a5:5a5a:1:8000:7fff:abcd");

        for (int plen = 0; plen <= (v4 ? 32 : 128); plen++) {
            struct sg_prefix first = address(text), last = first;
            struct form f;

            for (int i = plen; i < (v4 ? 32 : 128); i++) {
                first.addr[i / 8] &= ~(0x80 >> i % 8);
                last.addr[i / 8] |= 0x80 >> i % 8;
            }
            form_init(&f, way, ", \"remote_ip_prefix\": \"%s/%d\"", text,
                      plen);
            check_state(&f, false);
            check_remote(&f, &first, true);
            check_remote(&f, &last, true);
            if (step(&first, -1)) {
                check_remote(&f, &first, false);
            }
            if (step(&last, 1)) {
                check_remote(&f, &last, false);
            }
            form_uninit(&f);
        }
    }
}

/* Shows V01: a prefix that is none costs its rule and nothing else. */
TEST(prefixes_that_are_none)
{
    static const char *const none[] = {
        "\"10.0.0.0/33\"", "\"1.2.3.4/-1\"", "\"::/129\"", "\"10.0.0/8\"",
        "\"0x0a.1\"", "\"010.0.0.1\"", "\"10.0.0.0/08\"", "\"10.0.0.0/\"",
        "\"/8\"", "\"10.0.0.0/8/8\"", "\"10.0.0.0/ 8\"", "\" 10.0.0.0/8\"",
        "\"10.0.0.0/8 \"", "\"10.0.0.0/8\\n\"", "\"10.0.0.0/255.0.0.0\"",
        "\"10.0.0.1-10.0.0.9\"", "\"::ffff:10.0.0.1\"", "\"fe80::1%eth0\"",
        "\"1::2::3\"", "\"10.0.0.0/4294967304\"", "\"any\"", "\"*\"", "\"\"",
        "0", "[]", "{}", "true", "[\"10.0.0.0/8\"]",
    };

    for (int way = 0; way < N_WAYS; way++) {
        for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
            try_refused(way, ", \"remote_ip_prefix\": %s", none[i]);
        }
        /* Of the other family, everybody included. */
        try_refused(way, ", \"remote_ip_prefix\": \"%s\"",
                    way % 2 ? "0.0.0.0/0" : "::/0");
        try_refused(way, ", \"remote_ip_prefix\": \"%s\"",
                    way % 2 ? "198.51.100.1" : "2001:db8:1::1");
    }
}

/* ------------------------------------------------------------------------ */
/* What is not a remote, and what nobody knows. */

/* Shows V30: a remote that is none is not everybody. */
TEST(remotes_that_are_none)
{
    static const char *const keys[] = {
        "remote_group_id", "remote_address_group_id",
    };
    static const char *const none[] = {
        "\"\"", "[]", "{}", "0", "false", "\"everybody\"", "\"default\"",
        "\"00000000-0000-0000-0000-000000000000\"",
        "\"b0000000-0000-4000-8000-00000000000\"",
        "\"b0000000-0000-4000-8000-0000000000000\"",
        "\"g0000000-0000-4000-8000-000000000000\"",
        "\"{b0000000-0000-4000-8000-000000000000}\"",
        "\"b0000000-0000-4000-8000-000000000000 \"",
        "\"b0000000000040008000000000000000\"", "[\""REMOTE"\"]",
    };

    for (int way = 0; way < N_WAYS; way++) {
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
            struct form f;

            for (size_t j = 0; j < ARRAY_SIZE(none); j++) {
                try_refused(way, ", \"%s\": %s", keys[i], none[j]);
            }

            /* Nothing is known of it: in force, and matches nothing. */
            form_init(&f, way, ", \"%s\": \""REMOTE"\"", keys[i]);
            check_state(&f, false);
            for (int proto = 0; proto <= UINT8_MAX; proto++) {
                check_proto(&f, proto, false);
            }
            form_uninit(&f);
        }
        try_refused(way, ", \"remote_group_id\": \""REMOTE"\", "
                    "\"remote_address_group_id\": \""REMOTE"\"");
        try_refused(way, ", \"remote_group_id\": \""REMOTE"\", "
                    "\"remote_ip_prefix\": \"%s\"",
                    way % 2 ? "::/0" : "0.0.0.0/0");
    }
}

/* Shows V10: a key that is not known may make a rule narrower. */
TEST(keys_that_are_not_known)
{
    static const char *const keys[] = {
        "remote_group", "remote_groupid", "remote_group_ids", "remoteGroupId",
        "Remote_group_id", "remote_ip_prefixes", "source_ip_prefix",
        "dest_ip_prefix", "source_group_id", "source_port", "port_range",
        "portrange_min", "tcp_flags", "priority", "action", "description",
        "normalized_cidr", "enabled", "", "remote_group_id ",
    };
    static const char *const values[] = {
        "null", "\"b0000000-0000-4000-8000-000000000000\"", "0", "[]", "true",
    };

    for (int way = 0; way < N_WAYS; way++) {
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
            for (size_t j = 0; j < ARRAY_SIZE(values); j++) {
                try_refused(way, ", \"%s\": %s", keys[i], values[j]);
            }
        }
    }
}
