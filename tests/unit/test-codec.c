/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The codec without a kernel: what the kernel does to an entry between
 * writing and reading is imitated by as_kernel(). */

#include <config.h>
#include <errno.h>
/* Before the kernel's headers. */
#include <netinet/in.h>
#include <stdlib.h>

#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

#include "firewall/iptables/ipt_codec.h"
#include "firewall/iptables/ipt_rule.h"
#include "openvswitch/util.h"
#include "tests/lib/random_rule.h"
#include "tests/lib/test.h"
#include "util.h"

#define CHAIN "sg1-eg-01234567-0123456789ab"
#define SET "sg1-m4a-01234567-0123456789ab"
#define SET_INDEX 77

static int
set_index(void *aux, const char *name, enum sg_family family OVS_UNUSED,
          uint16_t *index)
{
    int *error = aux;

    CHECK_STR(name, SET);
    *index = SET_INDEX;
    return *error;
}

static int
set_name(void *aux OVS_UNUSED, uint16_t index, char name[FW_SET_LEN])
{
    if (index != SET_INDEX) {
        return ENOENT;
    }
    ovs_strlcpy(name, SET, FW_SET_LEN);
    return 0;
}

static int no_error;

static struct ipt_codec
make_codec(enum sg_family family)
{
    return (struct ipt_codec) { family, set_index, set_name, &no_error };
}

static struct xt_entry_target *
entry_target(enum sg_family family, struct ipt_entry_buf *buf)
{
    uint16_t offset;

    if (family == SG_IPV4) {
        offset = ((struct ipt_entry *) buf->words)->target_offset;
    } else {
        offset = ((struct ip6t_entry *) buf->words)->target_offset;
    }
    return (void *) ((uint8_t *) buf->words + offset);
}

static bool
is_standard(const struct fw_rule *r)
{
    return r->verdict != FW_ZONE && r->verdict != FW_NOTRACK;
}

/* What the target of the rule is called. */
static const char *
target_name(const struct fw_rule *r)
{
    switch ((enum fw_verdict) r->verdict) {
    case FW_ACCEPT: return "ACCEPT";
    case FW_DROP: return "DROP";
    case FW_RETURN: return "RETURN";
    case FW_JUMP:
    case FW_GOTO: return r->target;
    case FW_ZONE:
    case FW_NOTRACK: return "CT";
    case FW_NONE: return "";
    }
    return "";
}

/* The bytes of an entry that say nothing about the rule are set to 1 in
 * 'idle': 'comefrom' and the counters, what stands behind the names, the
 * verdict of a standard target. */
static void
find_idle(enum sg_family family, const struct fw_rule *r,
          struct ipt_entry_buf *buf, uint8_t idle[IPT_ENTRY_MAX])
{
    const uint8_t *bytes = (const uint8_t *) buf->words;
    size_t header = family == SG_IPV4 ? sizeof(struct ipt_entry)
                    : sizeof(struct ip6t_entry);
    size_t comefrom = family == SG_IPV4 ? offsetof(struct ipt_entry, comefrom)
                      : offsetof(struct ip6t_entry, comefrom);
    size_t target = (uint8_t *) entry_target(family, buf) - bytes;

    memset(idle, 0, IPT_ENTRY_MAX);
    memset(idle + comefrom, 1, header - comefrom);
    size_t part = header;
    while (part <= target) {
        const struct xt_entry_match *m = (const void *) (bytes + part);
        size_t name = part + offsetof(struct xt_entry_match, u.user.name);

        size_t used = strlen(m->u.user.name) + 1;

        memset(idle + name + used, 1, sizeof m->u.user.name - used);
        part += m->u.user.match_size;
    }
    if (is_standard(r)) {
        for (size_t i = target + sizeof(struct xt_entry_target);
             i < buf->size; i++) {
            idle[i] = 1;
        }
    }
}

/* Does what the kernel does: takes the name of a standard target away, puts
 * an offset there, leaves bytes as they were in the reader's buffer, and
 * counts. */
static void
as_kernel(enum sg_family family, const struct fw_rule *r,
          struct ipt_entry_buf *buf)
{
    const struct xt_counters counters = { 17, 1700 };
    uint8_t idle[IPT_ENTRY_MAX];

    if (is_standard(r)) {
        memset(entry_target(family, buf)->u.user.name, 0,
               sizeof entry_target(family, buf)->u.user.name);
    }
    find_idle(family, r, buf, idle);
    for (size_t i = 0; i < buf->size; i++) {
        if (idle[i]) {
            ((uint8_t *) buf->words)[i] = 0xa5;
        }
    }
    if (family == SG_IPV4) {
        ((struct ipt_entry *) buf->words)->counters = counters;
    } else {
        ((struct ip6t_entry *) buf->words)->counters = counters;
    }
}

static void
decode(enum sg_family family, const struct ipt_entry_buf *buf,
       const char *target, struct fw_rule *r)
{
    struct ipt_codec codec = make_codec(family);

    ipt_decode(&codec, buf->words, buf->size, target, r);
}

static void
check_round_trip(enum sg_family family, const struct fw_rule *rule)
{
    struct ipt_codec codec = make_codec(family);
    struct ipt_entry_buf buf;
    struct fw_rule back;

    REQUIRE(!ipt_encode(&codec, rule, &buf));
    CHECK_EQ(buf.size % 8, 0);
    as_kernel(family, rule, &buf);
    decode(family, &buf, target_name(rule), &back);
    CHECK(fw_rule_equals(&back, rule));
    CHECK_UEQ(back.packets, 17);
    CHECK_UEQ(back.bytes, 1700);
}

TEST(round_trip)
{
    static const struct random_rule_names names = { CHAIN, SET, true };
    static const struct random_rule_names main_names = { CHAIN, SET, false };
    uint64_t seed = test_seed();

    for (unsigned int i = 0; i < test_rounds(5000); i++) {
        struct fw_rule rule;

        random_rule(&seed, i % SG_N_FAMILIES,
                    i % 3 ? &names : &main_names, &rule);
        check_round_trip(i % SG_N_FAMILIES, &rule);
    }
}

/* Everything at once is the largest entry. */
TEST(largest)
{
    struct fw_rule r = {
        .match = FW_M_SRC | FW_M_DST | FW_M_IN | FW_M_OUT | FW_M_PROTO
                 | FW_M_PHYSDEV_IN | FW_M_PHYSDEV_OUT | FW_M_ESTABLISHED
                 | FW_M_MAC | FW_M_SET_SRC | FW_M_SPORT | FW_M_DPORT
                 | FW_M_COMMENT | FW_M_NOT_CONNMARK | FW_M_NOT_FLOW_PORT,
        .verdict = FW_ZONE, .connmark = 1, .flow_port = 67,
        .proto = 132,           /* sctp */
        .sport_min = 1, .sport_max = 2, .dport_min = 3, .dport_max = 3,
        .src = { .family = SG_IPV6, .plen = 128 },
        .dst = { .family = SG_IPV6, .plen = 128 },
        .in = "abcdefghijklmno", .out = "abcdefghijklmn+",
        .physdev_in = "a", .physdev_out = "b+",
        .zone = 65535,
        .set = SET,
    };
    struct ipt_codec codec = make_codec(SG_IPV6);
    struct ipt_entry_buf buf;

    check_round_trip(SG_IPV6, &r);
    REQUIRE(!ipt_encode(&codec, &r, &buf));
    CHECK_EQ(buf.size, IPT_ENTRY_MAX);
}

/* What the kernel's structures add up to; a wrong one is refused by it. */
TEST(sizes)
{
    static const struct {
        uint32_t match;
        uint8_t proto;
        size_t v4;
    } rows[] = {
        { 0, 0, 152 },
        { FW_M_PHYSDEV_IN, 0, 256 },
        { FW_M_PHYSDEV_IN | FW_M_PHYSDEV_OUT, 0, 256 },
        { FW_M_ESTABLISHED, 0, 352 },
        { FW_M_ESTABLISHED | FW_M_NOT_FLOW_PORT, 0, 352 },
        { FW_M_MAC, 0, 200 },
        { FW_M_CONNMARK, 0, 200 },
        { FW_M_NOT_CONNMARK, 0, 200 },
        { FW_M_SET_SRC, 0, 232 },
        { FW_M_PROTO, 6, 152 },
        { FW_M_NOT_PROTO, 6, 152 },
        { FW_M_PROTO | FW_M_DPORT, 6, 200 },
        { FW_M_PROTO | FW_M_DPORT, 17, 200 },
        { FW_M_PROTO | FW_M_DPORT, 132, 232 },
        { FW_M_PROTO | FW_M_SPORT | FW_M_DPORT, 33, 312 },
        { FW_M_COMMENT, 0, 440 },
    };
    struct ipt_codec v4 = make_codec(SG_IPV4), v6 = make_codec(SG_IPV6);

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct fw_rule r = {
            .match = rows[i].match, .proto = rows[i].proto,
            .verdict = FW_DROP, .connmark = 1,
            .physdev_in = "a", .physdev_out = "b",
            .set = SET,
        };
        struct ipt_entry_buf buf;

        REQUIRE(!ipt_encode(&v4, &r, &buf));
        CHECK_EQ(buf.size, rows[i].v4);
        REQUIRE(!ipt_encode(&v6, &r, &buf));
        CHECK_EQ(buf.size, rows[i].v4 + 56);
    }
}

/* What the kernel would take for something else is refused. */
TEST(refusals)
{
    static const struct {
        enum sg_family family;
        struct fw_rule rule;
        const char *problem;
    } rows[] = {
        { SG_IPV4, { .verdict = FW_NONE }, "no verdict" },
        { SG_IPV4, { .verdict = 99 }, "unknown verdict" },
        { SG_IPV4, { .verdict = FW_JUMP }, "name of a chain" },
        { SG_IPV4, { .verdict = FW_GOTO, .target = "ACCEPT" },
          "name of a chain" },
        { SG_IPV4, { .match = FW_M_FOREIGN, .verdict = FW_DROP },
          "foreign" },
        { SG_IPV4, { .match = FW_M_SRC, .verdict = FW_DROP,
                     .src = { .family = SG_IPV4, .plen = 0 } },
          "canonical prefix" },
        { SG_IPV4, { .match = FW_M_SRC, .verdict = FW_DROP,
                     .src = { .family = SG_IPV4, .plen = 33 } },
          "canonical prefix" },
        { SG_IPV4, { .match = FW_M_DST, .verdict = FW_DROP,
                     .dst = { .family = SG_IPV6, .plen = 32 } },
          "canonical prefix" },
        { SG_IPV4, { .match = FW_M_DST, .verdict = FW_DROP,
                     .dst = { .family = SG_IPV4, .plen = 9,
                              .addr = { 10, 0x40 } } },
          "canonical prefix" },
        { SG_IPV4, { .match = FW_M_DST, .verdict = FW_DROP,
                     .dst = { .family = SG_IPV4, .plen = 32,
                              .addr = { [4] = 1 } } },
          "canonical prefix" },
        { SG_IPV4, { .match = FW_M_IN, .verdict = FW_DROP }, "interface" },
        { SG_IPV4, { .match = FW_M_OUT, .verdict = FW_DROP, .out = "+" },
          "interface" },
        { SG_IPV4, { .match = FW_M_PHYSDEV_IN, .verdict = FW_DROP,
                     .physdev_in = "abcdefghijklmnop" }, "interface" },
        { SG_IPV4, { .match = FW_M_PHYSDEV_OUT, .verdict = FW_DROP },
          "interface" },
        { SG_IPV4, { .match = FW_M_PROTO, .verdict = FW_DROP },
          "protocol 0" },
        { SG_IPV4, { .match = FW_M_DPORT, .verdict = FW_DROP },
          "has ports" },
        { SG_IPV4, { .match = FW_M_PROTO | FW_M_DPORT, .proto = 47,
                     .verdict = FW_DROP }, "has ports" },
        { SG_IPV4, { .match = FW_M_PROTO | FW_M_DPORT, .proto = 6,
                     .dport_min = 2, .dport_max = 1,
                     .verdict = FW_DROP }, "empty" },
        { SG_IPV4, { .match = FW_M_PROTO | FW_M_SPORT, .proto = 6,
                     .sport_max = 65535, .verdict = FW_DROP },
          "every port" },
        { SG_IPV4, { .match = FW_M_PROTO | FW_M_SPORT | FW_M_DPORT,
                     .proto = 17, .sport_min = 5, .sport_max = 5,
                     .dport_max = 65535, .verdict = FW_DROP },
          "every port" },
        { SG_IPV4, { .match = FW_M_PROTO | FW_M_ICMP_CODE, .proto = 1,
                     .verdict = FW_DROP }, "needs a type" },
        { SG_IPV4, { .match = FW_M_ICMP_TYPE, .verdict = FW_DROP },
          "ICMP of the family" },
        { SG_IPV6, { .match = FW_M_PROTO | FW_M_ICMP_TYPE, .proto = 1,
                     .verdict = FW_DROP }, "ICMP of the family" },
        { SG_IPV4, { .match = FW_M_PROTO | FW_M_ICMP_TYPE, .proto = 1,
                     .icmp_type = 255, .verdict = FW_DROP },
          "every type" },
        { SG_IPV4, { .match = FW_M_SET_SRC, .verdict = FW_DROP },
          "name of a set" },
        { SG_IPV4, { .match = FW_M_SET_SRC | FW_M_SET_DST, .set = SET,
                     .verdict = FW_DROP }, "one set" },
        { SG_IPV4, { .match = FW_M_CONNMARK, .verdict = FW_DROP },
          "one bit" },
        { SG_IPV4, { .match = FW_M_CONNMARK, .connmark = 3,
                     .verdict = FW_DROP }, "one bit" },
        { SG_IPV4, { .match = FW_M_NOT_CONNMARK, .verdict = FW_DROP },
          "one bit" },
        { SG_IPV4, { .match = FW_M_CONNMARK | FW_M_NOT_CONNMARK,
                     .connmark = 1, .verdict = FW_DROP }, "contrary" },
        { SG_IPV4, { .match = FW_M_NOT_PROTO, .verdict = FW_DROP },
          "protocol 0" },
        { SG_IPV4, { .match = FW_M_PROTO | FW_M_NOT_PROTO, .proto = 6,
                     .verdict = FW_DROP }, "contrary" },
        { SG_IPV4, { .match = FW_M_NOT_PROTO | FW_M_DPORT, .proto = 6,
                     .verdict = FW_DROP }, "has ports" },
        { SG_IPV4, { .match = FW_M_NOT_FLOW_PORT, .verdict = FW_DROP },
          "needs a flow" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct ipt_codec codec = make_codec(rows[i].family);
        struct ipt_entry_buf buf;
        const char *problem
            = ipt_rule_problem(rows[i].family, &rows[i].rule);

        if (CHECK(problem)) {
            CHECK_CONTAINS(problem, rows[i].problem);
        }
        CHECK_EQ(ipt_encode(&codec, &rows[i].rule, &buf), EINVAL);
    }

    /* Their neighbours are fine. */
    struct fw_rule r = { .match = FW_M_PROTO | FW_M_ICMP_TYPE, .proto = 58,
                         .icmp_type = 255, .verdict = FW_DROP };
    CHECK(!ipt_rule_problem(SG_IPV6, &r));
    r = (struct fw_rule) { .match = FW_M_PROTO | FW_M_DPORT, .proto = 6,
                           .dport_max = 65535, .verdict = FW_DROP };
    CHECK(!ipt_rule_problem(SG_IPV4, &r));
}

TEST(set_lookup_fails)
{
    struct fw_rule r = { .match = FW_M_SET_SRC, .set = SET,
                         .verdict = FW_ACCEPT };
    struct ipt_codec codec = make_codec(SG_IPV4);
    struct ipt_entry_buf buf;
    struct fw_rule back;
    int error = ENOENT;

    codec.aux = &error;
    CHECK_EQ(ipt_encode(&codec, &r, &buf), ENOENT);
    error = 0;
    REQUIRE(!ipt_encode(&codec, &r, &buf));
    as_kernel(SG_IPV4, &r, &buf);

    /* The index stands at the beginning of the match's data. */
    uint16_t *index = (void *) ((uint8_t *) buf.words
                                + sizeof(struct ipt_entry) + 32);
    CHECK_EQ(*index, SET_INDEX);
    *index = SET_INDEX + 1;
    decode(SG_IPV4, &buf, "ACCEPT", &back);
    CHECK_EQ(back.match, FW_M_FOREIGN);
}

/* Is 'rule' foreign, or does it say exactly what the bytes say? */
static void
check_honest(enum sg_family family, const struct ipt_entry_buf *buf,
             const struct fw_rule *rule)
{
    struct ipt_codec codec = make_codec(family);
    struct ipt_entry_buf again;

    if (rule->match & FW_M_FOREIGN) {
        struct fw_rule foreign = { .match = FW_M_FOREIGN,
                                   .packets = rule->packets,
                                   .bytes = rule->bytes };
        CHECK_MEM(rule, &foreign, sizeof foreign);
        return;
    }
    REQUIRE(!ipt_encode(&codec, rule, &again));
    as_kernel(family, rule, &again);
    CHECK_EQ(again.size, buf->size);
    CHECK_MEM(again.words, buf->words, again.size);
}

/* No bit of an entry is overlooked: with any of them turned the rule reads
 * as foreign or as another rule, which is what the bytes then say. */
TEST(every_bit_counts)
{
    static const struct random_rule_names names = { CHAIN, SET, true };
    uint64_t seed = test_seed();

    for (unsigned int round = 0; round < test_rounds(60); round++) {
        enum sg_family family = round % SG_N_FAMILIES;
        struct ipt_codec codec = make_codec(family);
        struct ipt_entry_buf buf;
        uint8_t *bytes = (uint8_t *) buf.words;
        uint8_t idle[IPT_ENTRY_MAX];
        struct fw_rule rule, back;

        random_rule(&seed, family, &names, &rule);
        REQUIRE(!ipt_encode(&codec, &rule, &buf));
        as_kernel(family, &rule, &buf);
        find_idle(family, &rule, &buf, idle);
        for (size_t i = 0; i < buf.size; i++) {
            uint8_t bit = 1 << test_random(&seed) % 8;

            bytes[i] ^= bit;
            decode(family, &buf, target_name(&rule), &back);
            CHECK_EQ(fw_rule_equals(&back, &rule), idle[i]);
            if (!idle[i]) {
                check_honest(family, &buf, &back);
            }
            bytes[i] ^= bit;
        }
    }
}

/* Any length is survived, without reading one byte too many (which the
 * address sanitizer would see). */
TEST(truncated)
{
    static const struct random_rule_names names = { CHAIN, SET, true };
    uint64_t seed = test_seed();

    for (unsigned int round = 0; round < test_rounds(30); round++) {
        enum sg_family family = round % SG_N_FAMILIES;
        struct ipt_codec codec = make_codec(family);
        struct ipt_entry_buf buf;
        struct fw_rule rule, back;

        random_rule(&seed, family, &names, &rule);
        REQUIRE(!ipt_encode(&codec, &rule, &buf));
        as_kernel(family, &rule, &buf);
        for (size_t size = 0; size < buf.size; size++) {
            void *part = xmalloc(size ? size : 1);

            memcpy(part, buf.words, size);
            ipt_decode(&codec, part, size, target_name(&rule), &back);
            CHECK_EQ(back.match, FW_M_FOREIGN);
            free(part);
        }
    }
}

/* Names of targets besides ours. */
TEST(targets)
{
    static const struct {
        const char *target;
        bool foreign;
    } rows[] = {
        { "ACCEPT", false },
        { "RETURN", false },
        { CHAIN, false },
        { "", true },           /* No verdict. */
        { "QUEUE", true },
        { CHAIN "x", true },    /* Longer than a name of a chain can be. */
    };
    struct fw_rule rule = { .match = FW_M_IN, .in = "qbr+",
                            .verdict = FW_ACCEPT };
    struct ipt_codec codec = make_codec(SG_IPV4);
    struct ipt_entry_buf buf;
    struct fw_rule back;

    REQUIRE(!ipt_encode(&codec, &rule, &buf));
    as_kernel(SG_IPV4, &rule, &buf);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        decode(SG_IPV4, &buf, rows[i].target, &back);
        CHECK_EQ(back.match == FW_M_FOREIGN, rows[i].foreign);
    }

    /* An extension of the size of a standard target is none. */
    ovs_strlcpy(entry_target(SG_IPV4, &buf)->u.user.name, "MARK", 29);
    decode(SG_IPV4, &buf, "MARK", &back);
    CHECK_EQ(back.match, FW_M_FOREIGN);
}
