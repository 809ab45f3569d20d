/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Real packets through the kernel, and what it lets pass: just what the
 * semantics of random answers and the walk of the chains say.
 *
 * One host with ANSWER_N_PORTS hybrid plugs, one kernel.  In each round comes
 * an agent that takes over what is there, with another answer: 2 to 50
 * groups.  TEST_FACTOR makes more rounds of it. */

#include <config.h>
#include "firewall/firewall.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/conformance/plug_frames.h"
#include "tests/lib/netns.h"
#include "tests/lib/test.h"
#include "tests/lib/two-judges.h"
#include "util.h"

#define N_ROUNDS 60
#define N_PACKETS 150           /* Of a round. */
#define LEAST_PAIRS 5000
#define MAX_ZONES 60000

/* Counts of pairs of an answer and a packet. */
struct counts {
    size_t n, n_passed, n_egress;
    size_t n_family[SG_N_FAMILIES];
};

struct world {
    struct answer answer;
    struct two_judges judges;
    struct firewall *fw;

    struct eval_packet packets[N_PACKETS];
    size_t n_packets;
    bool passed[N_PACKETS];
};

/* Zones that no round before had: no flow is known. */
static void
set_zones(struct answer *a, unsigned int round)
{
    for (size_t i = 0; i < ANSWER_N_PORTS; i++) {
        if (a->bindings[i].zone) {
            a->bindings[i].zone = 1 + (round * ANSWER_N_PORTS + i) % MAX_ZONES;
        }
    }
}

static void
world_init(struct world *w, unsigned int round, uint64_t *state)
{
    static const struct fw_backend_iptables_config config = {
        .lock_path = "/run/xtables.lock",
    };
    struct ds json = DS_EMPTY_INITIALIZER;
    const struct sg_policy *policy;
    struct fw_layout layout;
    char *error = NULL;

    random_answer_init(&w->answer, ANSWER_MANY, 2, state);
    set_zones(&w->answer, round);
    answer_format(&w->answer, &json);
    two_judges_init(&w->judges, &w->answer, &json);
    policy = policy_store_policy(w->judges.store);

    fw_layout_default(&layout);
    w->fw = firewall_create(fw_backend_iptables_create(&config, &error),
                            &layout, round);
    CHECK_NO_ERROR(error);
    firewall_set_complete(w->fw);
    if (firewall_apply(w->fw, policy)) {
        FAIL("round %u: %s", round, firewall_result(w->fw)->error_text);
    }
}

static void
world_uninit(struct world *w)
{
    firewall_destroy(w->fw);
    two_judges_uninit(&w->judges);
}

/* Of two packets whose addresses do: are these ports each other's?  What the
 * tracking makes of them is its own affair: that it does not look at those of
 * DCCP must not hide what passes for that reason. */
static bool
ports_answer(const struct eval_packet *p, const struct eval_packet *q)
{
    return (!fw_protocol_has_ports(p->proto)
            || (p->sport == q->dport && p->dport == q->sport));
}

/* Would the kernel be right to take 'p' for an answer to a packet before
 * it? */
static bool
is_answer(const struct world *w, const struct eval_packet *p)
{
    for (size_t i = 0; i < w->n_packets; i++) {
        const struct eval_packet *q = &w->packets[i];

        if (!strcmp(p->bridge, q->bridge) && p->family == q->family
            && p->proto == q->proto
            && !memcmp(p->src.addr, q->dst.addr, sizeof p->src.addr)
            && !memcmp(p->dst.addr, q->src.addr, sizeof p->dst.addr)
            && ports_answer(p, q)) {
            return true;
        }
    }
    return false;
}

/* Packets that are bridged and begin a flow. */
static void
choose_packets(struct world *w, uint64_t *state)
{
    w->n_packets = 0;
    for (int i = 0; i < N_PACKETS; i++) {
        struct eval_packet *p = &w->packets[w->n_packets];

        random_answer_packet(&w->answer, p, state);
        p->flow_zone = EVAL_NO_FLOW;
        p->flow_mark = 0;
        if (!p->routed[0] && !is_answer(w, p)) {
            w->n_packets++;
        }
    }
}

static void
judge(struct world *w, unsigned int round, struct counts *counts)
{
    for (size_t i = 0; i < w->n_packets && !test_failed(); i++) {
        const struct eval_packet *p = &w->packets[i];
        struct semantics_verdict v;

        if (!two_judges_agree(&w->judges, &w->answer, p, &v)
            || w->passed[i] != v.allowed) {
            struct ds text = DS_EMPTY_INITIALIZER;

            eval_packet_format(p, &text);
            FAIL("round %u: %s\nthe kernel: %d, the walk: %d, the semantics: "
                 "%d, because: %s\n%s", round, ds_cstr(&text), w->passed[i],
                 eval_accepts(&w->judges.filter, p), v.allowed, v.why,
                 ds_cstr(&w->judges.json));
            ds_destroy(&text);
        }
        counts->n++;
        counts->n_passed += v.allowed;
        counts->n_family[p->family]++;
        counts->n_egress += !strncmp(p->physdev_in, "tap", 3);
    }
}

TEST(packets_fare_as_semantics_and_chains_say)
{
    unsigned int end = test_rounds(N_ROUNDS);
    struct counts counts = { 0 };
    static struct plug_frames frames;
    static struct world w;

    netns_enter();
    for (unsigned int i = 0; i < end && !test_failed(); i++) {
        uint64_t state = test_seed() + i;

        world_init(&w, i, &state);
        if (!i) {
            plug_frames_init(&frames, w.answer.bindings, ANSWER_N_PORTS);
        }
        choose_packets(&w, &state);
        for (size_t j = 0; j < w.n_packets; j++) {
            plug_frames_send(&frames, &w.packets[j], j);
        }
        plug_frames_receive(&frames, w.passed, w.n_packets);
        judge(&w, i, &counts);
        world_uninit(&w);
    }
    plug_frames_uninit(&frames);
    printf("# %"PRIuSIZE" pairs of a policy and a packet: IPv4 %"PRIuSIZE
           ", IPv6 %"PRIuSIZE", from an instance %"PRIuSIZE", passed %"
           PRIuSIZE"\n", counts.n, counts.n_family[SG_IPV4],
           counts.n_family[SG_IPV6], counts.n_egress, counts.n_passed);
    CHECK(counts.n >= LEAST_PAIRS);
    CHECK(counts.n_passed > counts.n / 10);
    CHECK(counts.n_passed < counts.n / 2);
    for (size_t f = 0; f < SG_N_FAMILIES; f++) {
        CHECK(counts.n_family[f] > counts.n / 3);
    }
}
