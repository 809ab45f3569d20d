/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* What it costs to revoke one member of a group on a host of 1,000 ports:
 * CPU of this process, that is of loop and thread (user and system), from the
 * change until its flows are cut; with 100,000 tracked flows, 100 of them the
 * member's, and with none; and N_PREFIXES prefixes that no flow has to do
 * with, with as many.  Median of ROUNDS, one JSON line per figure. */

#include <config.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "agent/revoker.h"
#include "openvswitch/poll-loop.h"
#include "tests/lib/netns.h"
#include "tests/lib/policy-text.h"
#include "tests/lib/test.h"
#include "timeval.h"
#include "util.h"

#define ROUNDS 5
#define N_PORTS 1000
#define N_MEMBERS 1000
#define FLOWS_OF_MEMBER 100
#define N_PREFIXES 3000
#define FIRST_ZONE 4097

/* In ms of CPU. */
#define BUDGET_MANY 200.0
#define BUDGET_NONE 15.0
/* Every flow is looked at: some 200 ms, as at the start. */
#define BUDGET_PREFIXES 400.0

static double
cpu_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static int
compare_doubles(const void *a_, const void *b_)
{
    const double *a = a_, *b = b_;

    return *a < *b ? -1 : *a > *b;
}

static void
report(double rounds[ROUNDS], double budget, const char *what)
{
    qsort(rounds, ROUNDS, sizeof *rounds, compare_doubles);
    printf("{\"bench\": \"revoke\", \"what\": \"%s\", \"cpu_ms\": %.2f, "
           "\"budget_ms\": %.2f}\n", what, rounds[ROUNDS / 2], budget);
    CHECK(rounds[ROUNDS / 2] <= budget);
}

static void
member_address(char text[SG_PREFIX_STRLEN], size_t i)
{
    snprintf(text, SG_PREFIX_STRLEN, "10.200.%"PRIuSIZE".%"PRIuSIZE, i / 250,
             i % 250 + 1);
}

static void
make_policy(struct policy_text *pt)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    char address[SG_PREFIX_STRLEN];

    for (size_t i = 0; i < N_PORTS; i++) {
        ds_put_format(&ds, "port p%"PRIuSIZE" device=tap%"PRIuSIZE
                      " bridge=qbr%"PRIuSIZE" uplink=qvb%"PRIuSIZE
                      " zone=%"PRIuSIZE" mac=52:54:00:00:00:01"
                      " ip=10.100.%"PRIuSIZE".%"PRIuSIZE" group=g1\n",
                      i + 1, i, i, i, FIRST_ZONE + i, i / 250, i % 250 + 1);
    }
    ds_put_cstr(&ds, "rules g1\nrule egress IPv4\nrule egress IPv6\n"
                "rule ingress IPv4 group=g2\nmembers g2");
    for (size_t i = 0; i < N_MEMBERS; i++) {
        member_address(address, i);
        ds_put_format(&ds, " %s", address);
    }
    ds_put_char(&ds, '\n');
    policy_text_init(pt, ds_cstr(&ds));
    pt->policy.generation = 1;
    ds_destroy(&ds);
}

/* Flow 'j' of member 'i' goes to port 10 * j + i % 10. */
static void
make_flows(void)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    char address[SG_PREFIX_STRLEN];

    for (size_t i = 0; i < N_MEMBERS; i++) {
        member_address(address, i);
        for (size_t j = 0; j < FLOWS_OF_MEMBER; j++) {
            size_t port = 10 * j + i % 10;

            ds_put_format(&ds, "-I -p udp -s %s -d 10.100.%"PRIuSIZE
                          ".%"PRIuSIZE" --sport %"PRIuSIZE
                          " --dport 53 -t 3600 --zone %"PRIuSIZE"\n",
                          address, port / 250, port % 250 + 1, 1024 + j,
                          FIRST_ZONE + port);
        }
    }
    free(netns_run(ds_cstr(&ds), "conntrack -R -"));
    ds_destroy(&ds);
}

/* Runs the loop until nothing waits; what it took. */
static double
run_pass(struct revoker *r, const struct sg_policy *policy)
{
    const struct revoke_in_force in_force = {
        policy->generation, policy->generation,
    };
    double before = cpu_ms();
    struct revoke_status s;

    do {
        revoker_run(r, policy, &in_force, time_msec());
        revoke_get_status(revoker_core(r), &s);
        if (s.waiting_since != LLONG_MAX) {
            revoker_wait(r);
            poll_block();
        }
    } while (s.waiting_since != LLONG_MAX);
    CHECK(!s.problem);
    return cpu_ms() - before;
}

/* The list leaves g2. */
static double
run_departure(struct revoker *r, struct policy_text *pt,
              const struct sg_prefix_list *list)
{
    struct store_change change = {
        .group = policy_text_id("g2"), .removed = *list,
    };

    pt->policy.generation++;
    revoke_note_members(revoker_core(r), &pt->policy, &change, 1,
                        time_msec());
    return run_pass(r, &pt->policy);
}

/* Around those of the flows. */
static void
bench_prefixes(struct revoker *r, struct policy_text *pt, const char *flows)
{
    struct sg_prefix_list list = SG_PREFIX_LIST_INITIALIZER;
    double rounds[ROUNDS];
    char text[64];

    for (size_t i = 0; i < N_PREFIXES; i++) {
        struct sg_prefix p;

        snprintf(text, sizeof text, "10.%"PRIuSIZE".%"PRIuSIZE".0/%"PRIuSIZE,
                 i / 512, i / 2 % 256, 24 + i % 2);
        p = policy_text_prefix(text);
        sg_prefix_list_add(&list, &p);
    }
    for (size_t i = 0; i < ROUNDS; i++) {
        rounds[i] = run_departure(r, pt, &list);
    }
    snprintf(text, sizeof text, "%d prefixes, %s", N_PREFIXES, flows);
    report(rounds, BUDGET_PREFIXES, text);
    sg_prefix_list_uninit(&list);
}

static void
bench(const char *what, size_t n_flows, double budget)
{
    const struct revoke_config config = {
        .bit = UINT32_C(1) << 31, .few_flows = REVOKE_FEW_FLOWS,
    };
    struct flow_table *table;
    struct revoke_status s;
    double rounds[ROUNDS];
    struct policy_text pt;
    char *error = NULL;

    netns_enter();
    table = flow_table_kernel_create(&error);
    CHECK_NO_ERROR(error);
    REQUIRE(table);
    make_policy(&pt);
    if (n_flows) {
        make_flows();
    }

    struct revoker *r = revoker_create(&config, table, time_msec());
    revoke_started(revoker_core(r), &pt.policy, false, time_msec());
    printf("{\"bench\": \"revoke\", \"what\": \"start, %s\", "
           "\"cpu_ms\": %.2f}\n", what, run_pass(r, &pt.policy));
    revoke_get_status(revoker_core(r), &s);
    CHECK_UEQ(s.judged, n_flows);
    CHECK_UEQ(s.marked, 0);
    for (size_t i = 0; i < ROUNDS; i++) {
        char text[SG_PREFIX_STRLEN];
        struct sg_prefix p;

        member_address(text, i);
        p = policy_text_prefix(text);
        sg_members_remove(&policy_text_group(&pt, "g2")->members, &p);
        rounds[i] = run_departure(r, &pt, &(struct sg_prefix_list) {
            &p, 1, 1
        });
    }
    revoke_get_status(revoker_core(r), &s);
    CHECK_UEQ(s.marked, n_flows ? ROUNDS * FLOWS_OF_MEMBER : 0);
    CHECK_UEQ(s.failed, 0);
    report(rounds, budget, what);
    bench_prefixes(r, &pt, what);
    revoker_destroy(r);
    policy_text_uninit(&pt);
}

TEST(one_member_of_100000_flows)
{
    bench("one member, 100,000 flows, 100 of them its", 100000, BUDGET_MANY);
}

TEST(one_member_without_flows)
{
    bench("one member, no flows", 0, BUDGET_NONE);
}
