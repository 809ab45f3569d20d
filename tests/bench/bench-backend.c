/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* What the kernel backend costs: CPU of this process (user and system),
 * median of ROUNDS, one JSON line per figure.
 *
 * One member is one request of netlink and its answer; the kernel walks over
 * the names of all sets that are older.  A table is read, edited and replaced
 * as a whole, so its cost grows with the host. */

#include <config.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "firewall/firewall.h"
#include "openvswitch/util.h"
#include "tests/conformance/backend.h"
#include "tests/lib/netns.h"
#include "tests/lib/policy-text.h"
#include "util.h"

#define ROUNDS 7

/* Budgets, in the unit of the figure; 0: none.  They leave twice what was
 * measured on two cores of a small machine. */
#define BUDGET_ADD_US 15.0              /* Last of 300 sets. */
#define BUDGET_BATCH_US 1.0
#define BUDGET_MEMBER_US 0.5
#define BUDGET_EDIT_1000_MS 27.0
#define BUDGET_TRACE_1000_MS 50.0       /* What a turn of the loop may take. */

static double
cpu_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static int
compare_doubles(const void *a_, const void *b_)
{
    const double *a = a_, *b = b_;

    return *a < *b ? -1 : *a > *b;
}

/* Prints the median of what 'rounds' has, each divided by 'n'. */
static void
report(double rounds[ROUNDS], double n, double budget, const char *what,
       const char *unit)
{
    qsort(rounds, ROUNDS, sizeof *rounds, compare_doubles);

    double median = rounds[ROUNDS / 2] / n;
    printf("{\"bench\": \"backend\", \"what\": \"%s\", \"cpu_%s\": %.2f",
           what, unit, median);
    if (budget > 0) {
        printf(", \"budget_%s\": %.2f", unit, budget);
    }
    printf("}\n");
    CHECK(!budget || median <= budget);
}

/* ------------------------------------------------------------------------ */
/* Sets. */

/* Names that differ where real ones do: the kernel's walk compares them. */
static void
set_name(char name[FW_SET_LEN], unsigned int i)
{
    uint32_t digits = i * 2654435761u;

    snprintf(name, FW_SET_LEN, "sg1-m4a-%08x-%04x%08x", digits, i, digits);
}

static void
create_sets(struct fixture *f, unsigned int from, unsigned int to)
{
    for (unsigned int i = from; i < to; i++) {
        char name[FW_SET_LEN];
        struct fw_set set;

        set_name(name, i);
        set = make_set(name, SG_IPV4, 16384);
        REQUIRE(!f->c->set_create(f->b, &set));
    }
}

static void
bench_single(struct fixture *f, unsigned int n_sets, unsigned int which)
{
    enum { N = 5000 };
    struct sg_prefix *hosts = make_hosts(SG_IPV4, 1, N);
    double add[ROUNDS], del[ROUNDS];
    char name[FW_SET_LEN], what[64];
    struct fw_set set;

    set_name(name, which);
    set = named(name, SG_IPV4);
    for (int round = 0; round < ROUNDS; round++) {
        double start = cpu_us();
        for (int i = 0; i < N; i++) {
            if (f->c->set_add(f->b, &set, &hosts[i], 1, NULL)) {
                FAIL("%s", f->c->error(f->b));
            }
        }
        add[round] = cpu_us() - start;
        start = cpu_us();
        for (int i = 0; i < N; i++) {
            if (f->c->set_del(f->b, &set, &hosts[i], 1, NULL)) {
                FAIL("%s", f->c->error(f->b));
            }
        }
        del[round] = cpu_us() - start;
    }
    snprintf(what, sizeof what, "add one, set %u of %u", which + 1, n_sets);
    report(add, N, n_sets <= 300 ? BUDGET_ADD_US : 0, what, "us");
    snprintf(what, sizeof what, "delete one, set %u of %u",
             which + 1, n_sets);
    report(del, N, n_sets <= 300 ? BUDGET_ADD_US : 0, what, "us");
    free(hosts);
}

KERNEL_TEST(single_members)
{
    static const unsigned int counts[] = { 10, 300, 1000, 2000, 5000 };
    unsigned int have = 0;

    for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
        create_sets(f, have, counts[i]);
        have = counts[i];
        bench_single(f, have, 0);
        bench_single(f, have, have - 1);
    }
}

static void
bench_batch(struct fixture *f, enum sg_family family, size_t n)
{
    const char *name = family == SG_IPV4 ? "sg1-m4a-x" : "sg1-m6a-x";
    struct fw_set set = make_set(name, family, FW_SET_MAXELEM);
    struct sg_prefix *hosts = make_hosts(family, 1, n);
    double add[ROUNDS], list[ROUNDS], del[ROUNDS];
    char what[64];

    /* Room from the start, so that growing is not measured. */
    set.hashsize = 131072;
    REQUIRE(!f->c->set_create(f->b, &set));
    for (int round = 0; round < ROUNDS; round++) {
        double start = cpu_us();
        REQUIRE(!f->c->set_add(f->b, &set, hosts, n, NULL));
        add[round] = cpu_us() - start;

        struct sg_prefix_list members = SG_PREFIX_LIST_INITIALIZER;
        start = cpu_us();
        REQUIRE(!f->c->set_members(f->b, &set, &members));
        list[round] = cpu_us() - start;
        CHECK_UEQ(members.n, n);
        sg_prefix_list_uninit(&members);

        start = cpu_us();
        REQUIRE(!f->c->set_del(f->b, &set, hosts, n, NULL));
        del[round] = cpu_us() - start;
    }
    REQUIRE(!f->c->set_destroy(f->b, name));
    free(hosts);

    bool big = n >= 10000;
    snprintf(what, sizeof what, "add per member, %s batch of %"PRIuSIZE,
             sg_family_name(family), n);
    report(add, n, big ? BUDGET_BATCH_US : 0, what, "us");
    snprintf(what, sizeof what, "delete per member, %s batch of %"PRIuSIZE,
             sg_family_name(family), n);
    report(del, n, big ? BUDGET_BATCH_US : 0, what, "us");
    snprintf(what, sizeof what, "list per member, %s %"PRIuSIZE,
             sg_family_name(family), n);
    report(list, n, big ? BUDGET_MEMBER_US : 0, what, "us");
}

KERNEL_TEST(batches)
{
    static const size_t sizes[] = { 10, 500, 50000 };

    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        bench_batch(f, SG_IPV4, sizes[i]);
        bench_batch(f, SG_IPV6, sizes[i]);
    }
}

KERNEL_TEST(headers)
{
    enum { N = 300 };
    double list[ROUNDS], create[ROUNDS];

    for (int round = 0; round < ROUNDS; round++) {
        double start = cpu_us();
        create_sets(f, round * N, (round + 1) * N);
        create[round] = cpu_us() - start;
    }
    for (int round = 0; round < ROUNDS; round++) {
        struct fw_ruleset *rs = fw_ruleset_create();
        double start = cpu_us();
        REQUIRE(!f->c->list_sets(f->b, rs));
        list[round] = cpu_us() - start;
        CHECK_UEQ(hmap_count(&rs->sets), N * ROUNDS);
        fw_ruleset_destroy(rs);
    }
    report(create, N, 0, "create set", "us");
    report(list, N * ROUNDS, 0, "list header, per set", "us");
}

/* ------------------------------------------------------------------------ */
/* Tables. */

struct edit_list {
    struct fw_edit *e;
    size_t n, allocated;
};

static void
put(struct edit_list *l, enum fw_edit_kind kind, const char *chain,
    size_t index, const struct fw_rule *rule)
{
    if (l->n >= l->allocated) {
        l->e = x2nrealloc(l->e, &l->allocated, sizeof *l->e);
    }
    l->e[l->n++] = make_edit(kind, chain, index, rule);
}

/* One port as the renderer makes it, with one address and one group: three
 * chains, nine rules, a leaf in a tree of 16 leaves each. */
static void
put_port(struct edit_list *l, enum sg_family family, unsigned int i)
{
    char b[FW_CHAIN_LEN], e[FW_CHAIN_LEN], t[FW_CHAIN_LEN];
    char node[FW_CHAIN_LEN], bridge[SG_DEVICE_LEN];

    snprintf(node, sizeof node, "sg1-br-%05x", i / 16);
    snprintf(bridge, sizeof bridge, "qbr%05x-ab", i);
    snprintf(b, sizeof b, "sg1-b-tap%05x-ab", i);
    snprintf(e, sizeof e, "sg1-e-tap%05x-ab", i);
    snprintf(t, sizeof t, "sg1-t-tap%05x-ab", i);
    if (i % 16 == 0) {
        struct fw_rule branch = make_rule(FW_GOTO, node, NULL);

        branch.match = FW_M_IN;
        snprintf(branch.in, sizeof branch.in, "qbr%04x+", i / 16);
        put(l, FW_EDIT_CHAIN_CREATE, node, 0, NULL);
        put(l, FW_EDIT_INSERT, "sg1-br", i / 16, &branch);
    }
    put(l, FW_EDIT_CHAIN_CREATE, b, 0, NULL);
    put(l, FW_EDIT_CHAIN_CREATE, e, 0, NULL);
    put(l, FW_EDIT_CHAIN_CREATE, t, 0, NULL);

    struct fw_rule r = make_rule(FW_GOTO, b, bridge);
    put(l, FW_EDIT_INSERT, node, i % 16, &r);

    for (int pair = 0; pair < 2; pair++) {
        r = make_rule(FW_GOTO, e, NULL);
        r.match = FW_M_SRC | FW_M_PHYSDEV_IN | FW_M_MAC;
        r.src = make_host(family, i * 2 + pair);
        snprintf(r.physdev_in, sizeof r.physdev_in, "tap%05x-ab", i);
        put(l, FW_EDIT_INSERT, b, pair, &r);
    }
    r = make_rule(FW_GOTO, t, NULL);
    r.match = FW_M_PHYSDEV_IN | FW_M_PHYSDEV_OUT;
    snprintf(r.physdev_in, sizeof r.physdev_in, "qvb%05x-ab", i);
    snprintf(r.physdev_out, sizeof r.physdev_out, "tap%05x-ab", i);
    put(l, FW_EDIT_INSERT, b, 2, &r);

    struct fw_rule pre = make_rule(FW_JUMP, "sg1-pre", NULL);
    struct fw_rule group = make_rule(FW_JUMP, "sg1-group", NULL);
    put(l, FW_EDIT_INSERT, e, 0, &pre);
    put(l, FW_EDIT_INSERT, e, 1, &group);
    put(l, FW_EDIT_INSERT, t, 0, &pre);
    put(l, FW_EDIT_INSERT, t, 1, &group);
}

static void
bench_table(unsigned int n_ports, enum sg_family family, struct fixture *f)
{
    struct edit_list l = { NULL, 0, 0 };
    struct fw_rule drop = make_rule(FW_DROP, NULL, NULL);
    struct fw_rule to_br = make_rule(FW_JUMP, "sg1-br", "qbr+");
    struct fw_edit edit = make_edit(FW_EDIT_REPLACE, "sg1-pre", 0, &drop);
    double read[ROUNDS], change[ROUNDS], all[ROUNDS];
    char what[64];

    put(&l, FW_EDIT_CHAIN_CREATE, "sg1-br", 0, NULL);
    put(&l, FW_EDIT_CHAIN_CREATE, "sg1-pre", 0, NULL);
    put(&l, FW_EDIT_CHAIN_CREATE, "sg1-group", 0, NULL);
    put(&l, FW_EDIT_INSERT, "sg1-pre", 0, &drop);
    for (unsigned int i = 0; i < n_ports; i++) {
        put_port(&l, family, i);
    }
    put(&l, FW_EDIT_INSERT, "FORWARD", 0, &to_br);

    for (int round = 0; round < ROUNDS; round++) {
        struct fw_table table;

        free(netns_run(NULL, "iptables-legacy -t security -F; "
                       "iptables-legacy -t security -X; "
                       "ip6tables-legacy -t security -F; "
                       "ip6tables-legacy -t security -X"));
        double start = cpu_us();
        REQUIRE(!commit_edits(f, family, FW_SECURITY, l.e, l.n));
        all[round] = cpu_us() - start;

        fw_table_init(&table);
        start = cpu_us();
        REQUIRE(!read_table(f, family, FW_SECURITY, &table));
        read[round] = cpu_us() - start;
        CHECK(hmap_count(&table.chains) >= 3 * n_ports);
        fw_table_uninit(&table);

        start = cpu_us();
        REQUIRE(!commit_edits(f, family, FW_SECURITY, &edit, 1));
        change[round] = cpu_us() - start;
    }
    free(l.e);

    const char *name = sg_family_name(family);
    snprintf(what, sizeof what, "build all, %s, %u ports", name, n_ports);
    report(all, 1000, 0, what, "ms");
    snprintf(what, sizeof what, "read, %s, %u ports", name, n_ports);
    report(read, 1000, 0, what, "ms");
    snprintf(what, sizeof what, "read, edit one rule, commit, %s, %u ports",
             name, n_ports);
    report(change, 1000, n_ports == 1000 ? BUDGET_EDIT_1000_MS : 0, what,
           "ms");
}

KERNEL_TEST(tables)
{
    static const unsigned int ports[] = { 20, 200, 1000 };

    for (size_t i = 0; i < ARRAY_SIZE(ports); i++) {
        bench_table(ports[i], SG_IPV4, f);
        bench_table(ports[i], SG_IPV6, f);
    }
}

/* ------------------------------------------------------------------------ */
/* A trace: a turn of the agent's loop. */

static void
put_policy(struct ds *ds, unsigned int n_ports)
{
    for (unsigned int i = 1; i <= n_ports; i++) {
        ds_put_format(ds, "port p%u device=tap%05x-ab bridge=qbr%05x-ab "
                      "uplink=qvb%05x-ab zone=%u mac=52:54:00:00:%02x:%02x "
                      "ip=10.0.%u.%u ip=2001:db8::%x group=g1\n", i, i, i, i,
                      i, i >> 8, i & 255, i >> 8, i & 255, i);
    }
    ds_put_cstr(ds, "rules g1\nrule egress IPv4\nrule egress IPv6\n"
                "rule ingress IPv4 group=g1\nrule ingress IPv6 group=g1\n"
                "members g1 10.0.0.1 10.0.0.2 2001:db8::1 2001:db8::2\n");
}

/* A packet to the last port, from no member: both rules of the direction are
 * looked at, and what it lacks is found out. */
static void
bench_trace(struct firewall *fw, const struct policy_text *pt,
            unsigned int n_ports, enum sg_family family)
{
    bool v4 = family == SG_IPV4;
    struct fw_trace_query q = {
        .direction = SG_INGRESS,
        .packet = {
            .family = family, .proto = IPPROTO_TCP, .dport = 80,
            .src = policy_text_prefix(v4 ? "192.0.2.1" : "2001:db8:1::1"),
            .dst = policy_text_prefix(v4 ? "10.0.0.1" : "2001:db8::1"),
        },
    };
    double rounds[ROUNDS];
    char what[64], id[16];

    snprintf(id, sizeof id, "p%u", n_ports);
    q.port = policy_text_id(id);
    for (int round = 0; round < ROUNDS; round++) {
        struct fw_trace *trace = NULL;
        char *why = NULL;
        double start = cpu_us();

        REQUIRE(!firewall_trace(fw, &pt->policy, &q, &trace, &why) && !why);
        rounds[round] = cpu_us() - start;
        CHECK(!trace->allowed && !trace->n_differences_total
              && trace->n_misses == 1);
        fw_trace_destroy(trace);
    }
    snprintf(what, sizeof what, "trace, %s, %u ports", sg_family_name(family),
             n_ports);
    report(rounds, 1000, n_ports == 1000 ? BUDGET_TRACE_1000_MS : 0, what,
           "ms");
}

TEST(traces)
{
    static const struct fw_backend_iptables_config config = {
        .lock_path = "/run/xtables.lock",
    };
    static const unsigned int ports[] = { 20, 200, 1000 };

    for (size_t i = 0; i < ARRAY_SIZE(ports); i++) {
        struct ds text = DS_EMPTY_INITIALIZER;
        struct fw_layout layout;
        struct policy_text pt;
        struct fw_backend *b;
        struct firewall *fw;
        char *error = NULL;

        netns_enter();
        b = fw_backend_iptables_create(&config, &error);
        CHECK_NO_ERROR(error);
        REQUIRE(b);
        put_policy(&text, ports[i]);
        policy_text_init(&pt, ds_cstr(&text));
        fw_layout_default(&layout);
        fw = firewall_create(b, &layout, 1);
        firewall_set_complete(fw);
        REQUIRE(!firewall_apply(fw, &pt.policy));
        bench_trace(fw, &pt, ports[i], SG_IPV4);
        bench_trace(fw, &pt, ports[i], SG_IPV6);
        firewall_destroy(fw);
        policy_text_uninit(&pt);
        ds_destroy(&text);
    }
}
