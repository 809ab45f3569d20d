/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Answers that change, taken through both lanes into the model kernel, and
 * the semantics as the judge: what the kernel lets pass at any moment is
 * allowed by the JSON before or after the change, what both allow is never
 * lost, and in the end the kernel agrees with the JSON. */

#include <config.h>
#include "tests/lib/answer-host.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "firewall/render.h"
#include "tests/lib/test.h"
#include "util.h"
#include "uuid.h"

#define N_PACKETS 150
#define N_CHANGES 8
#define REVOKED (UINT32_C(1) << FW_REVOKED_BIT)

struct world {
    struct answer answer, old_answer;
    struct answer_host host;
    struct semantics semantics;
    struct semantics_plug plugs[ANSWER_N_PORTS];
    uint64_t random;

    /* The watch. */
    struct eval_packet packets[N_PACKETS];
    bool before[N_PACKETS], after[N_PACKETS];
    bool tracking_changes[N_PACKETS];   /* Of the flow it belongs to. */
    bool blink_matters;
    const char *wrong;          /* What went wrong first, and with which. */
    size_t wrong_packet;
};

static bool
kernel_accepts(struct world *w, const struct eval_packet *p)
{
    struct eval_filter filter = answer_host_filter(&w->host);

    return eval_accepts(&filter, p);
}

static bool
json_allows(const struct world *w, const struct eval_packet *p)
{
    struct semantics_verdict v;
    struct semantics_packet sp;

    answer_packet_for_semantics(&w->answer, p, &sp);
    semantics_judge(&w->semantics, w->plugs, ANSWER_N_PORTS, &sp, &v);
    return v.allowed;
}

/* Is the port whose bridge a flow's packet is on without tracking? */
static bool
is_untracked_flow(const struct world *w, const struct eval_packet *p)
{
    for (size_t i = 0; i < ANSWER_N_PORTS; i++) {
        if (p->flow_zone != EVAL_NO_FLOW
            && !strcmp(p->bridge, w->answer.bindings[i].bridge)) {
            return semantics_is_stateless(&w->semantics, answer_port_id(i));
        }
    }
    return false;
}

/* After everything that the model kernel does.
 *
 * A port is tracked while it becomes stateful or stateless.  So one of the two
 * answers knows no flow of it, and no mark, and says nothing about a packet
 * that has one; but an answer to what was sent is not to be lost. */
static void
look(void *w_)
{
    struct world *w = w_;

    for (size_t i = 0; i < N_PACKETS && !w->wrong; i++) {
        const struct eval_packet *p = &w->packets[i];
        bool now = kernel_accepts(w, p);

        if (now && !w->before[i] && !w->after[i]
            && !w->tracking_changes[i]) {
            w->wrong = "leaked";
        } else if (!now && w->before[i] && w->after[i] && w->blink_matters
                   && !(w->tracking_changes[i] && p->flow_mark & REVOKED)) {
            w->wrong = "lost";
        }
        w->wrong_packet = i;
    }
}

/* What an agent does with an answer.  The whole of it comes each time, as if
 * everything had been asked again: what is not newer changes nothing. */
static void
take_answer(struct world *w)
{
    struct ds json = DS_EMPTY_INITIALIZER;

    answer_format(&w->answer, &json);
    semantics_free(&w->semantics);
    CHECK(semantics_read(&w->semantics, json.string, json.length));
    answer_store_take(w->host.store, &json);
    ds_destroy(&json);
}

static void
report(struct world *w, const char *what, const struct eval_packet *p,
       int change)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    ds_put_format(&ds, "change %d: %s: ", change, what);
    eval_packet_format(p, &ds);
    ds_put_cstr(&ds, "\nfrom: ");
    answer_format(&w->old_answer, &ds);
    ds_put_cstr(&ds, "to: ");
    answer_format(&w->answer, &ds);
    FAIL("%s", ds_cstr(&ds));
    ds_destroy(&ds);
}

/* The packets are chosen for the rules after the change. */
static void
change_and_watch(struct world *w, int change, bool members_only)
{
    for (size_t i = 0; i < N_PACKETS; i++) {
        random_answer_packet(&w->answer, &w->packets[i], &w->random);
        w->before[i] = json_allows(w, &w->packets[i]);
        w->tracking_changes[i] = is_untracked_flow(w, &w->packets[i]);
    }
    w->old_answer = w->answer;
    random_answer_change(&w->answer, members_only, change + 2, &w->random);
    take_answer(w);
    for (size_t i = 0; i < N_PACKETS; i++) {
        w->after[i] = json_allows(w, &w->packets[i]);
        w->tracking_changes[i] ^= is_untracked_flow(w, &w->packets[i]);
    }

    fw_backend_memory_observe(w->host.backend, look, w);
    answer_host_turn(&w->host);
    fw_backend_memory_observe(w->host.backend, NULL, NULL);
    if (w->wrong) {
        report(w, w->wrong, &w->packets[w->wrong_packet], change);
    }
    for (size_t i = 0; i < N_PACKETS && !test_failed(); i++) {
        if (kernel_accepts(w, &w->packets[i]) != w->after[i]) {
            report(w, w->after[i] ? "in the end dropped"
                   : "in the end accepted", &w->packets[i], change);
        }
    }
}

/* ------------------------------------------------------------------------ */
/* What a trace says of the packets. */

static size_t n_traced[FW_TRACE_OTHER + 1], n_by_rule, n_same_rule;

/* The packet as a question, if it is one of those that can be asked: bridged,
 * between a port's device and its uplink. */
static bool
make_query(const struct world *w, const struct eval_packet *p,
           const struct semantics_packet *sp, struct fw_trace_query *q)
{
    memset(q, 0, sizeof *q);
    for (size_t i = 0; i < ANSWER_N_PORTS && !p->routed[0]; i++) {
        const struct sg_binding *b = &w->answer.bindings[i];
        bool out = (!strcmp(p->physdev_in, b->device)
                    && !strcmp(p->physdev_out, b->uplink));
        bool in = (!strcmp(p->physdev_in, b->uplink)
                   && !strcmp(p->physdev_out, b->device));

        if ((in || out) && w->plugs[i].enforceable
            && sg_id_from_string(answer_port_id(i), &q->port)) {
            q->direction = out ? SG_EGRESS : SG_INGRESS;
            q->state = (sp->revoked_flow ? FW_TRACE_REVOKED
                        : sp->known_flow ? FW_TRACE_ESTABLISHED
                        : FW_TRACE_NEW);
            q->packet.family = p->family;
            q->packet.src = p->src;
            q->packet.dst = p->dst;
            q->packet.mac = p->mac;
            q->packet.proto = p->proto;
            q->packet.sport = p->sport;
            q->packet.dport = p->dport;
            q->packet.icmp_type = p->icmp_type;
            q->packet.icmp_code = p->icmp_code;
            return true;
        }
    }
    return false;
}

/* What both call the same.  What everybody may do and what belongs to a known
 * flow can be true at once, and the two do not look in the same order. */
static bool
is_same_reason(const char *why, enum fw_trace_reason reason, bool known_flow)
{
    static const struct {
        const char *why;
        enum fw_trace_reason reason;
    } reasons[] = {
        { "rule ", FW_TRACE_BY_RULE },
        { "no rule of its groups", FW_TRACE_NO_RULE },
        { "known flow", FW_TRACE_BY_FLOW },
        { "revoked flow", FW_TRACE_IS_REVOKED },
        { "not its own source", FW_TRACE_SOURCE },
        { "getting an address", FW_TRACE_BASIC },
        { "DHCP server or router", FW_TRACE_FORBIDDEN },
        { "DHCP client", FW_TRACE_BASIC },
        { "DHCP answer", FW_TRACE_BASIC },
        { "neighbour discovery", FW_TRACE_BASIC },
        { "trusted", FW_TRACE_UNFILTERED },
        { "the port is", FW_TRACE_CLOSED },
    };

    for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
        if (!strncmp(why, reasons[i].why, strlen(reasons[i].why))) {
            enum fw_trace_reason r = reasons[i].reason;

            return (r == reason
                    || (known_flow
                        && (r == FW_TRACE_BASIC || r == FW_TRACE_BY_FLOW)
                        && (reason == FW_TRACE_BASIC
                            || reason == FW_TRACE_BY_FLOW)));
        }
    }
    return false;
}

static bool
trace_agrees(const struct fw_trace *t, const struct semantics_verdict *v,
             const struct semantics_packet *sp)
{
    bool ok = (t->allowed == v->allowed && t->wanted == v->allowed
               && t->wanted_reason == t->reason && !t->set_error
               && !t->n_differences_total && !t->n_elsewhere
               && is_same_reason(v->why, t->reason, sp->known_flow));

    for (size_t i = 0; i < t->n_misses; i++) {
        ok = ok && t->misses[i].missed;
    }
    if (ok && t->reason == FW_TRACE_BY_RULE) {
        const struct fw_trace_rule *rule = &t->rules[t->decisive];
        char id[UUID_LEN + 1];

        /* Of rules that say the same each judge names one. */
        snprintf(id, sizeof id, UUID_FMT, UUID_ARGS(&rule->rule.origin));
        n_by_rule++;
        n_same_rule += !strcasecmp(v->why + strlen("rule "), id);
        ok = (!uuid_is_zero(&rule->rule.origin)
              && !uuid_is_zero(&rule->group));
    }
    return ok;
}

static void
trace_packet(struct world *w, const struct eval_packet *p, int change)
{
    struct fw_trace *trace = NULL;
    struct semantics_verdict v;
    struct semantics_packet sp;
    struct fw_trace_query q;
    char *why = NULL;

    answer_packet_for_semantics(&w->answer, p, &sp);
    if (!make_query(w, p, &sp, &q)) {
        return;
    }
    semantics_judge(&w->semantics, w->plugs, ANSWER_N_PORTS, &sp, &v);
    CHECK_EQ(firewall_trace(w->host.fw, policy_store_policy(w->host.store),
                            &q, &trace, &why), 0);
    CHECK_NO_ERROR(why);
    if (trace && !trace_agrees(trace, &v, &sp)) {
        char *text = xasprintf("the semantics: %s, the trace: %s, %s; "
                               "intended: %s", v.why,
                               trace->allowed ? "passes" : "does not pass",
                               fw_trace_reason_text(trace->reason),
                               fw_trace_reason_text(trace->wanted_reason));

        report(w, text, p, change);
        free(text);
    }
    n_traced[trace ? trace->reason : FW_TRACE_OTHER]++;
    fw_trace_destroy(trace);
}

static void
world_init(struct world *w, int flags, uint64_t seed)
{
    memset(w, 0, sizeof *w);
    w->random = seed;
    random_answer_init(&w->answer, ANSWER_TIDY | flags, 1, &w->random);
    answer_plugs(&w->answer, w->plugs);
    answer_host_init(&w->host, &w->answer);
    take_answer(w);
    answer_host_turn(&w->host);
}

static void
world_uninit(struct world *w)
{
    answer_host_uninit(&w->host);
    semantics_free(&w->semantics);
}

/* Half of the changes are of members alone. */
static void
change_many_times(unsigned int end, int flags, uint64_t seed)
{
    static struct world w;

    for (unsigned int i = 0; i < end && !test_failed(); i++) {
        world_init(&w, flags, seed + i);
        w.blink_matters = true;
        for (int j = 0; j < N_CHANGES && !test_failed(); j++) {
            bool members_only = test_random(&w.random) % 2;

            if (!members_only && !(test_random(&w.random) % 4)) {
                answer_host_restart(&w.host);
            }
            change_and_watch(&w, j, members_only);
        }
        if (test_failed()) {
            FAIL("round %u", i);
        }
        world_uninit(&w);
    }
}

TEST(nothing_but_what_the_json_says)
{
    change_many_times(test_rounds(150), 0, test_seed());
}

/* Shows V04: groups and rules that share remotes come and go in any order. */
TEST(many_groups_that_change)
{
    change_many_times(test_rounds(30), ANSWER_MANY, test_seed() + 9000);
}

/* What `sgctl trace` would say, after each change. */
TEST(traces_say_why)
{
    unsigned int end = test_rounds(60);
    static struct world w;
    size_t n = 0;

    for (unsigned int i = 0; i < end && !test_failed(); i++) {
        world_init(&w, 0, test_seed() + 9000 + i);
        for (int j = 0; j < N_CHANGES / 2 && !test_failed(); j++) {
            change_and_watch(&w, j, test_random(&w.random) % 2);
            for (size_t k = 0; k < N_PACKETS / 4 && !test_failed(); k++) {
                trace_packet(&w, &w.packets[k], j);
            }
        }
        if (test_failed()) {
            FAIL("round %u", i);
        }
        world_uninit(&w);
    }
    for (size_t i = 0; i <= FW_TRACE_OTHER; i++) {
        n += n_traced[i];
    }
    CHECK(n > end * N_CHANGES / 2 * N_PACKETS / 4 / 3);
    CHECK(n_traced[FW_TRACE_BY_RULE] > n / 50);
    CHECK(n_traced[FW_TRACE_NO_RULE] > n / 20);
    CHECK(n_traced[FW_TRACE_SOURCE] > n / 50);
    CHECK(n_traced[FW_TRACE_BY_FLOW] > 0);
    CHECK(n_traced[FW_TRACE_IS_REVOKED] > 0);
    CHECK(n_traced[FW_TRACE_BASIC] > 0);
    CHECK(n_traced[FW_TRACE_UNFILTERED] > 0);
    CHECK(n_traced[FW_TRACE_FORBIDDEN] > 0);
    CHECK(n_same_rule > n_by_rule * 3 / 4);
}

/* Something fails on the way.  A packet may be lost then, but none passes
 * that neither the old nor the new answer allows. */
TEST(nothing_more_when_something_fails)
{
    unsigned int end = test_rounds(150);
    static struct world w;

    for (unsigned int i = 0; i < end && !test_failed(); i++) {
        world_init(&w, 0, test_seed() + 5000 + i);
        for (int j = 0; j < N_CHANGES && !test_failed(); j++) {
            enum fw_fault_op op = test_random(&w.random) % FW_N_FAULTS;
            int nth = test_random(&w.random) % 4 + 1;

            fw_backend_memory_fail(w.host.backend, op, nth, EIO, false);
            change_and_watch(&w, j, test_random(&w.random) % 2);
            fw_backend_memory_fail(w.host.backend, op, 0, 0, false);
        }
        if (test_failed()) {
            FAIL("round %u", i);
        }
        world_uninit(&w);
    }
}
