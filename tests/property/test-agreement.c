/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Two judges of one answer to `sync` and one packet must agree.  One knows
 * what security groups mean and reads the JSON; the other takes the project's
 * way: decode, store, render, and walk the chains as the kernel does.
 *
 * A disagreement is made as small as possible and printed as JSON and packet.
 * docs/testing.md says how to replay it. */

#include <config.h>
#include "tests/lib/answer-store.h"

#include "firewall/render.h"
#include "tests/lib/test.h"
#include "util.h"

#define N_PACKETS 400

/* One answer and what the project makes of it. */
struct case_ {
    struct ds json;
    struct semantics semantics;
    struct policy_store *store;
    struct fw_ruleset *rs;
    struct eval_policy ep;
    struct eval_filter filter;
    struct semantics_plug plugs[ANSWER_N_PORTS];
};

static void
case_init(struct case_ *c, const struct answer *a)
{
    struct fw_layout layout;

    memset(c, 0, sizeof *c);
    ds_init(&c->json);
    answer_format(a, &c->json);
    CHECK(semantics_read(&c->semantics, c->json.string, c->json.length));
    answer_plugs(a, c->plugs);

    c->store = answer_store_create(a);
    answer_store_take(c->store, &c->json);
    fw_layout_default(&layout);
    c->rs = fw_render(policy_store_policy(c->store), &layout, NULL, NULL);
    CHECK_NO_ERROR(fw_ruleset_check(c->rs));
    c->ep = (struct eval_policy) { c->rs, policy_store_policy(c->store) };
    c->filter = eval_policy_filter(&c->ep);
}

static void
case_uninit(struct case_ *c)
{
    fw_ruleset_destroy(c->rs);
    policy_store_destroy(c->store);
    semantics_free(&c->semantics);
    ds_destroy(&c->json);
}

static bool
agree(const struct case_ *c, const struct answer *a,
      const struct eval_packet *p, struct semantics_verdict *v)
{
    struct semantics_packet sp;

    answer_packet_for_semantics(a, p, &sp);
    semantics_judge(&c->semantics, c->plugs, ANSWER_N_PORTS, &sp, v);
    return v->allowed == eval_accepts(&c->filter, p);
}

static bool
still_disagree(const struct answer *a, void *p_)
{
    const struct eval_packet *p = p_;
    struct semantics_verdict v;
    struct case_ c;

    case_init(&c, a);
    bool disagree = !agree(&c, a, p, &v);
    case_uninit(&c);
    return disagree;
}

/* Prints the smallest answer that the judges disagree about. */
static void
report(struct answer *a, struct eval_packet *p, unsigned int round)
{
    struct ds packet = DS_EMPTY_INITIALIZER;
    struct semantics_verdict v;
    struct case_ c;

    answer_shrink(a, still_disagree, p);
    case_init(&c, a);
    agree(&c, a, p, &v);
    eval_packet_format(p, &packet);
    FAIL("round %u: %s\nthe semantics: %s, because: %s\nthe chains: %s\n%s",
         round, ds_cstr(&packet), v.allowed ? "passes" : "does not pass",
         v.why, v.allowed ? "does not pass" : "passes", ds_cstr(&c.json));
    case_uninit(&c);
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

TEST(chains_and_semantics_agree)
{
    unsigned int end = test_rounds(2000);
    size_t seen[ARRAY_SIZE(kinds)] = { 0 };
    static struct answer a;

    for (unsigned int i = 0; i < end && !test_failed(); i++) {
        uint64_t state = test_seed() + i;
        struct case_ c;

        random_answer_init(&a, 0, 2, &state);
        case_init(&c, &a);
        for (int j = 0; j < N_PACKETS && !test_failed(); j++) {
            struct semantics_verdict v;
            struct eval_packet p;

            random_answer_packet(&a, &p, &state);
            if (!agree(&c, &a, &p, &v)) {
                report(&a, &p, i);
            }
            count(&v, seen);
        }
        case_uninit(&c);
    }
    for (size_t i = 0; i < ARRAY_SIZE(kinds) && !test_failed(); i++) {
        if (!CHECK(seen[i] * 1000 >= kinds[i].per_mille * end * N_PACKETS)) {
            FAIL("only %"PRIuSIZE" of %u packets: %s", seen[i],
                 end * N_PACKETS, kinds[i].why);
        }
    }
}
