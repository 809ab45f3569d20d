/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The walk through the tables: each match with what it just misses, and each
 * way from one chain to another. */

#include <config.h>
#include "firewall/walk.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "tests/lib/policy-text.h"
#include "tests/lib/test.h"
#include "util.h"

#define SET "sg1-m4a-67000001-4495174344e4"
#define MARK (UINT32_C(1) << 31)

static bool
in_set(void *aux OVS_UNUSED, const char *set, const struct sg_prefix *address)
{
    struct sg_prefix member = policy_text_prefix("10.0.0.7");

    return !strcmp(set, SET) && sg_prefix_equals(address, &member);
}

static struct fw_packet
a_packet(void)
{
    struct fw_packet p = {
        .family = SG_IPV4,
        .src = policy_text_prefix("10.0.0.7"),
        .dst = policy_text_prefix("10.0.0.7"),
        .in = "qbr1", .out = "qbr1",
        .physdev_in = "tap1", .physdev_out = "qvb1",
        .mac = { { 2, 0, 0, 0, 0, 1 } },
        .proto = IPPROTO_ICMP,
        .sport = 1000, .dport = 2000,
        .icmp_type = 8, .icmp_code = 1,
        .flow_zone = 5, .flow_mark = MARK | 1,
    };

    return p;
}

/* All matches there are, but for the contraries of others, so that the packet
 * above fits each. */
static struct fw_rule
a_rule(void)
{
    struct fw_rule r;

    memset(&r, 0, sizeof r);
    r.match = (FW_M_FOREIGN - 1) & ~(FW_M_NOT_PROTO | FW_M_NOT_CONNMARK);
    r.verdict = FW_ACCEPT;
    r.proto = IPPROTO_ICMP;
    r.connmark = MARK;
    r.sport_min = r.sport_max = 1000;
    r.dport_min = r.dport_max = 2000;
    r.icmp_type = 8;
    r.icmp_code = 1;
    r.mac = (struct sg_mac) { { 2, 0, 0, 0, 0, 1 } };
    r.src = policy_text_prefix("10.0.0.6/31");
    r.dst = policy_text_prefix("10.0.0.0/24");
    strcpy(r.in, "qbr+");
    strcpy(r.out, "qbr1");
    strcpy(r.physdev_in, "tap1");
    strcpy(r.physdev_out, "qvb+");
    strcpy(r.set, SET);
    return r;
}

static void
keep(const struct fw_walk_step *step, void *missed)
{
    *(uint32_t *) missed = step->missed;
}

/* What the only rule of a chain misses.  What the step says must be so: the
 * rule with any one of these matches misses, and with any other one does
 * not. */
static uint32_t
missed(const struct fw_rule *rule, const struct fw_packet *p)
{
    struct fw_ruleset *rs = fw_ruleset_create();
    struct fw_chain *chain = fw_table_chain(
        &rs->tables[SG_IPV4][FW_SECURITY], "c");
    struct fw_rule *own = fw_chain_append(chain, rule);
    uint32_t found = 0;
    struct fw_walk w = {
        .rs = rs, .packet = p, .in_set = in_set, .zone = 5,
        .step = keep, .aux = &found,
    };

    CHECK(!fw_walk_chain(&w, FW_SECURITY, "c") == (found != 0));
    w.step = NULL;
    for (uint32_t bit = 1; bit <= rule->match; bit <<= 1) {
        own->match = rule->match & bit;
        CHECK_UEQ(!fw_walk_chain(&w, FW_SECURITY, "c"), (found & bit) != 0);
    }
    fw_ruleset_destroy(rs);
    return found;
}

#define CHECK_MISS(FLAG, CHANGE)                        \
    do {                                                \
        struct fw_packet p = a_packet();                \
        struct fw_rule r = a_rule();                    \
                                                        \
        CHANGE;                                         \
        CHECK_UEQ(missed(&r, &p), FLAG);                \
    } while (0)

TEST(each_match_and_what_it_just_misses)
{
    CHECK_MISS(0, (void) 0);
    CHECK_MISS(FW_M_SRC, r.src = policy_text_prefix("10.0.0.8/31"));
    CHECK_MISS(FW_M_SRC, r.src = policy_text_prefix("::/1"));
    CHECK_MISS(FW_M_DST, r.dst = policy_text_prefix("10.0.1.0/24"));
    CHECK_MISS(FW_M_IN, strcpy(p.in, "qb"));
    CHECK_MISS(FW_M_IN, strcpy(p.in, "eth0"));
    CHECK_MISS(FW_M_OUT, strcpy(p.out, "qbr10"));
    CHECK_MISS(FW_M_OUT, strcpy(p.out, "qbr"));
    CHECK_MISS(FW_M_PHYSDEV_IN, strcpy(p.physdev_in, "tap"));
    CHECK_MISS(FW_M_PHYSDEV_OUT, strcpy(p.physdev_out, ""));
    CHECK_MISS(FW_M_PROTO, p.proto = IPPROTO_ICMP + 1);
    CHECK_MISS(FW_M_ESTABLISHED | FW_M_CONNMARK | FW_M_NOT_FLOW_PORT,
               p.flow_zone = 6);
    CHECK_MISS(FW_M_ESTABLISHED | FW_M_CONNMARK | FW_M_NOT_FLOW_PORT,
               p.flow_zone = FW_NO_FLOW);
    CHECK_MISS(FW_M_CONNMARK, p.flow_mark = ~MARK);
    CHECK_MISS(FW_M_MAC, p.mac.ea[5]++);
    CHECK_MISS(FW_M_SET_SRC | FW_M_SET_DST, strcpy(r.set, "other"));
    CHECK_MISS(FW_M_SET_SRC, p.src = policy_text_prefix("10.0.0.6"));
    CHECK_MISS(FW_M_SET_DST, p.dst = policy_text_prefix("10.0.0.6"));
    CHECK_MISS(FW_M_SPORT, p.sport--);
    CHECK_MISS(FW_M_SPORT, p.sport++);
    CHECK_MISS(FW_M_DPORT, p.dport--);
    CHECK_MISS(FW_M_DPORT, p.dport++);
    CHECK_MISS(FW_M_ICMP_TYPE, p.icmp_type++);
    CHECK_MISS(FW_M_ICMP_CODE, p.icmp_code--);
}

static void
swap_match(struct fw_rule *r, uint32_t from, uint32_t to)
{
    r->match = (r->match & ~from) | to;
}

TEST(contraries)
{
    CHECK_MISS(0, (swap_match(&r, FW_M_PROTO, FW_M_NOT_PROTO), r.proto++));
    CHECK_MISS(FW_M_NOT_PROTO, swap_match(&r, FW_M_PROTO, FW_M_NOT_PROTO));
    CHECK_MISS(0, (swap_match(&r, FW_M_CONNMARK, FW_M_NOT_CONNMARK),
                   p.flow_mark = ~MARK));
    CHECK_MISS(FW_M_NOT_CONNMARK,
               swap_match(&r, FW_M_CONNMARK, FW_M_NOT_CONNMARK));
    /* Without a flow there is no mark that could lack the bit. */
    CHECK_MISS(FW_M_ESTABLISHED | FW_M_NOT_CONNMARK | FW_M_NOT_FLOW_PORT,
               (swap_match(&r, FW_M_CONNMARK, FW_M_NOT_CONNMARK),
                p.flow_zone = FW_NO_FLOW));
    /* ICMP has no ports, though the packet here has some. */
    CHECK_MISS(0, r.flow_port = p.sport);
    CHECK_MISS(FW_M_NOT_FLOW_PORT,
               (r.proto = p.proto = IPPROTO_UDP, r.flow_port = p.sport));
    CHECK_MISS(FW_M_NOT_FLOW_PORT,
               (r.proto = p.proto = IPPROTO_TCP, r.flow_port = p.dport));
    CHECK_MISS(0, (r.proto = p.proto = IPPROTO_UDP,
                   r.flow_port = p.dport + 1));
}

TEST(ranges_include_their_ends)
{
    CHECK_MISS(0, (r.dport_min = 1990, r.dport_max = 2000));
    CHECK_MISS(0, (r.dport_min = 2000, r.dport_max = 65535));
    CHECK_MISS(FW_M_DPORT, (r.dport_min = 0, r.dport_max = 1999));
    CHECK_MISS(0, (r.sport_min = 0, r.sport_max = 65535));
    CHECK_MISS(FW_M_SPORT, (r.sport_min = 1001, r.sport_max = 65535));
}

static size_t n_asked;

static bool
count_question(void *aux OVS_UNUSED, const char *set OVS_UNUSED,
               const struct sg_prefix *address OVS_UNUSED)
{
    n_asked++;
    return false;
}

static void
look_on(const struct fw_walk_step *step OVS_UNUSED, void *aux OVS_UNUSED)
{
}

/* A question may cost more than all the rest: only of a rule that fits
 * otherwise, whoever looks on. */
TEST(sets_are_asked_last)
{
    struct fw_ruleset *rs = fw_ruleset_create();
    struct fw_packet p = a_packet();
    struct fw_rule rule = a_rule();
    struct fw_chain *chain = fw_table_chain(
        &rs->tables[SG_IPV4][FW_SECURITY], "c");

    rule.match &= ~FW_M_SET_DST;
    fw_chain_append(chain, &rule);
    rule.dport_min = 1;
    rule.dport_max = 1999;
    fw_chain_append(chain, &rule);
    for (int i = 0; i < 2; i++) {
        struct fw_walk w = {
            .rs = rs, .packet = &p, .in_set = count_question, .zone = 5,
            .step = i ? look_on : NULL,
        };

        n_asked = 0;
        CHECK(!fw_walk_chain(&w, FW_SECURITY, "c"));
        CHECK_UEQ(n_asked, 1);
    }
    fw_ruleset_destroy(rs);
}

/* ------------------------------------------------------------------------ */
/* From chain to chain. */

struct seen {
    struct ds text;
};

static void
note(const struct fw_walk_step *step, void *seen_)
{
    struct seen *seen = seen_;

    ds_put_format(&seen->text, "%s%u:%s/%"PRIuSIZE"%s",
                  seen->text.length ? " " : "", step->depth,
                  step->chain->name, step->index, step->missed ? "-" : "");
}

static void
put(struct fw_ruleset *rs, const char *chain, enum fw_verdict verdict,
    const char *target, uint16_t zone)
{
    struct fw_rule r;

    memset(&r, 0, sizeof r);
    r.verdict = verdict;
    r.zone = zone;
    if (target) {
        ovs_strlcpy(r.target, target, sizeof r.target);
    }
    fw_chain_append(fw_table_chain(&rs->tables[SG_IPV4][FW_RAW], chain), &r);
}

static void
check_walk(struct fw_ruleset *rs, enum fw_verdict verdict, uint16_t zone,
           const char *steps)
{
    struct fw_packet p = a_packet();
    struct seen seen = { .text = DS_EMPTY_INITIALIZER };
    struct fw_walk w = {
        .rs = rs, .packet = &p, .in_set = in_set, .step = note, .aux = &seen,
    };
    const struct fw_rule *rule = fw_walk_chain(&w, FW_RAW, "a");

    CHECK_EQ(rule ? rule->verdict : FW_NONE, verdict);
    CHECK_UEQ(w.zone, zone);
    CHECK_STR(ds_cstr(&seen.text), steps);
    ds_destroy(&seen.text);
    fw_ruleset_destroy(rs);
}

TEST(a_jump_comes_back_and_a_goto_does_not)
{
    struct fw_ruleset *rs = fw_ruleset_create();

    put(rs, "a", FW_JUMP, "b", 0);
    put(rs, "a", FW_GOTO, "c", 0);
    put(rs, "a", FW_ACCEPT, NULL, 0);
    put(rs, "b", FW_RETURN, NULL, 0);
    put(rs, "b", FW_DROP, NULL, 0);
    put(rs, "c", FW_NONE, NULL, 0);
    check_walk(rs, FW_NONE, 0, "0:a/0 1:b/0 0:a/1 1:c/0");
}

/* Of a goto within a jump: behind that jump. */
TEST(falling_off_a_goto_returns_to_who_jumped)
{
    struct fw_ruleset *rs = fw_ruleset_create();

    put(rs, "a", FW_JUMP, "b", 0);
    put(rs, "a", FW_DROP, NULL, 0);
    put(rs, "b", FW_GOTO, "c", 0);
    put(rs, "b", FW_ACCEPT, NULL, 0);
    fw_table_chain(&rs->tables[SG_IPV4][FW_RAW], "c");
    check_walk(rs, FW_DROP, 0, "0:a/0 1:b/0 0:a/1");
}

TEST(the_first_zone_counts_and_the_packet_goes_on)
{
    struct fw_ruleset *rs = fw_ruleset_create();

    put(rs, "a", FW_ZONE, NULL, 5);
    put(rs, "a", FW_ZONE, NULL, 6);
    put(rs, "a", FW_NOTRACK, NULL, 0);
    put(rs, "a", FW_ACCEPT, NULL, 0);
    check_walk(rs, FW_ACCEPT, 5, "0:a/0 0:a/1 0:a/2 0:a/3");
}

/* What is not tracked belongs to no flow, whatever its zone would be. */
TEST(untracked_is_not_established)
{
    struct fw_ruleset *rs = fw_ruleset_create();
    struct fw_packet p = a_packet();
    struct fw_walk w = { .rs = rs, .packet = &p, .in_set = in_set };

    p.flow_zone = 0;
    put(rs, "a", FW_NOTRACK, NULL, 0);
    put(rs, "b", FW_ACCEPT, NULL, 0);
    fw_table_find(&rs->tables[SG_IPV4][FW_RAW], "b")->rules[0].match
        = FW_M_ESTABLISHED;
    CHECK(fw_walk_chain(&w, FW_RAW, "b") != NULL);
    CHECK(!fw_walk_chain(&w, FW_RAW, "a") && w.untracked);
    CHECK(!fw_walk_chain(&w, FW_RAW, "b"));
    fw_ruleset_destroy(rs);
}

TEST(what_is_foreign_never_matches_but_is_shown)
{
    struct fw_ruleset *rs = fw_ruleset_create();

    put(rs, "a", FW_ACCEPT, NULL, 0);
    fw_table_find(&rs->tables[SG_IPV4][FW_RAW], "a")->rules[0].match
        = FW_M_FOREIGN;
    put(rs, "a", FW_JUMP, "missing", 0);
    put(rs, "a", FW_DROP, NULL, 0);
    check_walk(rs, FW_DROP, 0, "0:a/0- 0:a/1 0:a/2");
}

/* The kernel has none; a value may. */
TEST(a_loop_ends)
{
    struct fw_ruleset *rs = fw_ruleset_create();
    struct fw_packet p = a_packet();
    struct fw_walk w = { .rs = rs, .packet = &p, .in_set = in_set };

    put(rs, "a", FW_GOTO, "a", 0);
    CHECK(!fw_walk_chain(&w, FW_RAW, "a"));
    CHECK_UEQ(w.n_compared, FW_WALK_MAX_DEPTH);
    fw_ruleset_destroy(rs);
}
