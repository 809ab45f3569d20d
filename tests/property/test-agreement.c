/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Two judges of one answer to `sync` and one packet must agree.  One knows
 * what security groups mean and reads the JSON; the other takes the project's
 * way: decode, store, render, and walk the chains as the kernel does.
 *
 * A third judge is asked about tracked flows: it must say what they say of the
 * flow's first packet.
 *
 * A disagreement is made as small as possible and printed as JSON and packet.
 * docs/testing.md says how to replay it. */

#include <config.h>
#include "tests/lib/two-judges.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "firewall/flow_verdict.h"
#include "tests/lib/test.h"
#include "util.h"
#include "uuid.h"

#define N_PACKETS 400

static void
judges_init(struct two_judges *j, const struct answer *a)
{
    struct ds json = DS_EMPTY_INITIALIZER;

    answer_format(a, &json);
    two_judges_init(j, a, &json);
}

static bool
still_disagree(const struct answer *a, void *p_)
{
    const struct eval_packet *p = p_;
    struct semantics_verdict v;
    struct two_judges c;

    judges_init(&c, a);
    bool disagree = !two_judges_agree(&c, a, p, &v);
    two_judges_uninit(&c);
    return disagree;
}

/* Prints the smallest answer that the judges disagree about. */
static void
report(struct answer *a, struct eval_packet *p, unsigned int round)
{
    struct ds packet = DS_EMPTY_INITIALIZER;
    struct semantics_verdict v;
    struct two_judges c;

    answer_shrink(a, still_disagree, p);
    judges_init(&c, a);
    two_judges_agree(&c, a, p, &v);
    eval_packet_format(p, &packet);
    FAIL("round %u: %s\nthe semantics: %s, because: %s\nthe chains: %s\n%s",
         round, ds_cstr(&packet), v.allowed ? "passes" : "does not pass",
         v.why, v.allowed ? "does not pass" : "passes", ds_cstr(&c.json));
    two_judges_uninit(&c);
    ds_destroy(&packet);
}

/* What has been seen, so that a world in which nothing interesting happens
 * does not count as agreement. */
static const struct {
    const char *why;
    unsigned int per_mille;     /* At least. */
} kinds[] = {
    { "rule ", 50 },
    { "no rule of its groups", 100 },
    { "known flow", 5 },
    { "revoked flow", 2 },
    { "not its own source", 20 },
    { "getting an address", 1 },
    { "DHCP server or router", 2 },
    { "DHCP client", 1 },
    { "DHCP answer", 1 },
    { "neighbour discovery", 5 },
    { "trusted", 20 },
    { "rules cannot be put", 20 },
    { "the port is not known", 20 },
    { "the port is deleted", 1 },
    { "not between", 20 },
};

static void
count(const struct semantics_verdict *v, size_t seen[ARRAY_SIZE(kinds)])
{
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        seen[i] += !strncmp(v->why, kinds[i].why, strlen(kinds[i].why));
    }
}

static void
compare(unsigned int end, int flags, size_t seen[ARRAY_SIZE(kinds)])
{
    static struct answer a;

    for (unsigned int i = 0; i < end && !test_failed(); i++) {
        uint64_t state = test_seed() + i;
        struct two_judges c;

        random_answer_init(&a, flags, 2, &state);
        judges_init(&c, &a);
        for (int j = 0; j < N_PACKETS && !test_failed(); j++) {
            struct semantics_verdict v;
            struct eval_packet p;

            random_answer_packet(&a, &p, &state);
            if (!two_judges_agree(&c, &a, &p, &v)) {
                report(&a, &p, i);
            }
            count(&v, seen);
        }
        two_judges_uninit(&c);
    }
}

TEST(chains_and_semantics_agree)
{
    unsigned int end = test_rounds(2000);
    size_t seen[ARRAY_SIZE(kinds)] = { 0 };

    compare(end, 0, seen);
    for (size_t i = 0; i < ARRAY_SIZE(kinds) && !test_failed(); i++) {
        if (!CHECK(seen[i] * 1000 >= kinds[i].per_mille * end * N_PACKETS)) {
            FAIL("only %"PRIuSIZE" of %u packets: %s", seen[i],
                 end * N_PACKETS, kinds[i].why);
        }
    }
}

/* Shows V04: 2 to 50 groups that share remotes and ranges of ports. */
/* Shows V34: no rule of a direction says anything about the other. */
TEST(many_groups_agree)
{
    unsigned int end = test_rounds(125);
    size_t seen[ARRAY_SIZE(kinds)] = { 0 };

    compare(end, ANSWER_MANY, seen);
    printf("# 2 to %d groups: %u pairs of policy and packet, %"PRIuSIZE
           " by a rule, %"PRIuSIZE" by none\n", ANSWER_MAX_GROUPS,
           end * N_PACKETS, seen[0], seen[1]);
    CHECK(seen[0] > end * N_PACKETS / 10);
    CHECK(seen[1] > end * N_PACKETS / 20);
}

/* ------------------------------------------------------------------------ */
/* Flows. */

/* The flow that 'p' begins, if its first packet gets through the bridge of
 * 'b'. */
static struct flow_entry
flow_of(const struct eval_packet *p, const struct sg_binding *b)
{
    struct flow_entry e = { .zone = b->zone };

    e.orig = (struct flow_tuple) {
        .src = p->src, .dst = p->dst, .proto = p->proto,
    };
    if (fw_protocol_has_ports(p->proto)) {
        e.orig.has_ports = true;
        e.orig.sport = p->sport;
        e.orig.dport = p->dport;
    } else if (p->proto == (p->family == SG_IPV4 ? IPPROTO_ICMP
                                                 : IPPROTO_ICMPV6)) {
        e.orig.has_icmp = true;
        e.orig.icmp_type = p->icmp_type;
        e.orig.icmp_code = p->icmp_code;
    }
    e.reply = e.orig;
    e.reply.src = e.orig.dst;
    e.reply.dst = e.orig.src;
    e.reply.sport = e.orig.dport;
    e.reply.dport = e.orig.sport;
    return e;
}

/* Neighbour discovery and the like are no flows. */
static bool
is_tracked(const struct eval_packet *p)
{
    return p->family == SG_IPV4 || p->proto != IPPROTO_ICMPV6
           || ((p->icmp_type < 130 || p->icmp_type > 137)
               && p->icmp_type != 143);
}

/* Does the packet get through in this direction, with any MAC? */
static bool
gets_through(const struct two_judges *c, const struct eval_packet *packet,
             const struct sg_binding *b, bool egress)
{
    struct eval_packet p = *packet;

    memcpy(p.bridge, b->bridge, sizeof p.bridge);
    memcpy(p.physdev_in, egress ? b->device : b->uplink,
           sizeof p.physdev_in);
    memcpy(p.physdev_out, egress ? b->uplink : b->device,
           sizeof p.physdev_out);
    memset(p.routed, 0, sizeof p.routed);
    p.flow_zone = EVAL_NO_FLOW;
    for (size_t i = 0; i < ANSWER_N_MACS; i++) {
        if (!sg_mac_from_string(answer_macs[i], &p.mac)) {
            OVS_NOT_REACHED();
        }
        if (eval_accepts(&c->filter, &p)) {
            return true;
        }
    }
    return false;
}

/* How long the prefix is by which the port owns the address; -1: it does
 * not. */
static int
owns(const struct sg_port_spec *spec, const struct sg_prefix *address)
{
    struct sg_prefix own[128];
    size_t n = 0;
    int best = -1;

    REQUIRE(spec->n_fixed_ips + 2 * spec->n_pairs < ARRAY_SIZE(own));
    sg_mac_link_local(&spec->mac, &own[n++]);
    for (size_t i = 0; i < spec->n_fixed_ips; i++) {
        own[n++] = spec->fixed_ips[i];
    }
    for (size_t i = 0; i < spec->n_pairs; i++) {
        own[n++] = spec->pairs[i].prefix;
        sg_mac_link_local(&spec->pairs[i].mac, &own[n++]);
    }
    for (size_t i = 0; i < n; i++) {
        if (sg_prefix_contains(&own[i], address) && own[i].plen > best) {
            best = own[i].plen;
        }
    }
    return best;
}

/* Ways that a packet may have gone, for all that is known of a flow. */
struct ways {
    bool out, in;
};

static struct ways
ways_of(const struct sg_port_spec *spec, const struct eval_packet *p)
{
    static const struct sg_prefix unspecified;
    int src = owns(spec, &p->src), dst = owns(spec, &p->dst);

    return (struct ways) {
        .out = (!sg_port_filters(spec) ? true
                : src >= 0 ? src >= dst
                : !memcmp(p->src.addr, unspecified.addr,
                          sizeof unspecified.addr)),
        .in = !sg_port_filters(spec) || dst >= src,
    };
}

static bool
may_pass(const struct two_judges *c, const struct eval_packet *p,
         const struct sg_binding *b, struct ways ways)
{
    return ((ways.out && gets_through(c, p, b, true))
            || (ways.in && gets_through(c, p, b, false)));
}

/* The same ports, the other way. */
static struct eval_packet
answer_to(const struct eval_packet *p)
{
    struct eval_packet answer = *p;

    answer.src = p->dst;
    answer.dst = p->src;
    answer.sport = p->dport;
    answer.dport = p->sport;
    return answer;
}

struct flow_counts {
    size_t n, n_allowed, n_answers, n_out, n_in, n_either, n_stale;
};

static void
check_flow(const struct two_judges *c, const struct flow_judge *judge,
           const struct eval_packet *p, const struct sg_binding *b,
           struct flow_counts *counts)
{
    struct flow_entry e = flow_of(p, b), child = e;
    const struct sg_port *port = flow_judge_port(judge, b->zone);
    enum flow_verdict got = flow_verdict(judge, &e);
    char port_id[UUID_LEN + 1];

    if (!port || port->state == SG_ABSENT) {
        CHECK_EQ(got, FLOW_NOBODYS);
        return;
    }
    snprintf(port_id, sizeof port_id, UUID_FMT, UUID_ARGS(&port->id));

    if (semantics_is_stateless(&c->semantics, port_id)) {
        CHECK_EQ(got, FLOW_STALE);
        counts->n_stale++;
        return;
    }

    struct ways ways = ways_of(&port->spec, p);
    bool want = may_pass(c, p, b, ways);
    if (p->proto == IPPROTO_DCCP && !want) {
        /* What is answered needs a rule as well, and it will do. */
        struct eval_packet answer = answer_to(p);

        want = may_pass(c, &answer, b, ways_of(&port->spec, &answer));
        counts->n_answers += want;
    }
    if (got != (want ? FLOW_ALLOWED : FLOW_REVOKED)) {
        struct ds text = DS_EMPTY_INITIALIZER;

        flow_tuple_format(&e.orig, &text);
        FAIL("%s of %s, out %d, in %d: the chains %s it\n%s",
             ds_cstr(&text), b->device, ways.out, ways.in,
             want ? "allow" : "drop",
             ds_cstr_ro(&c->json));
        ds_destroy(&text);
    }

    /* What it causes is judged as it is. */
    child.related = true;
    child.master = e.orig;
    child.orig.proto = child.reply.proto = IPPROTO_TCP;
    child.orig.src = child.reply.dst = p->dst;
    CHECK_EQ(flow_verdict(judge, &child), got);

    counts->n++;
    counts->n_allowed += want;
    counts->n_out += ways.out && !ways.in;
    counts->n_in += ways.in && !ways.out;
    counts->n_either += ways.in && ways.out;
}

TEST(flows_are_judged_as_their_first_packet)
{
    unsigned int end = test_rounds(1000);
    struct flow_counts counts = { 0 };
    static struct answer a;

    for (unsigned int i = 0; i < end && !test_failed(); i++) {
        uint64_t state = test_seed() + i;
        struct flow_judge *judge;
        struct two_judges c;

        random_answer_init(&a, 0, 2, &state);
        judges_init(&c, &a);
        judge = flow_judge_create(policy_store_policy(c.store));
        for (int j = 0; j < N_PACKETS / 4 && !test_failed(); j++) {
            const struct sg_binding *b
                = &a.bindings[test_random(&state) % ANSWER_N_PORTS];
            struct eval_packet p;

            random_answer_packet(&a, &p, &state);
            if (b->plug == SG_PLUG_HYBRID && b->zone && is_tracked(&p)) {
                check_flow(&c, judge, &p, b, &counts);
            }
        }
        flow_judge_destroy(judge);
        two_judges_uninit(&c);
    }
    CHECK(counts.n > end * 20);
    CHECK(counts.n_stale > counts.n / 50);
    CHECK(counts.n_allowed > counts.n / 20);
    CHECK(counts.n - counts.n_allowed > counts.n / 4);
    CHECK(counts.n_answers > 0);
    CHECK(counts.n_out > counts.n / 20);
    CHECK(counts.n_in > counts.n / 20);
    CHECK(counts.n_either > counts.n / 50);
}
