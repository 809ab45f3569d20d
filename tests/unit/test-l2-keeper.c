/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The keeper of the layer-2 guard, on the model of one. */

#include <config.h>
#include "firewall/l2_keeper.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <linux/netfilter.h>

#include "openvswitch/dynamic-string.h"
#include "tests/lib/policy-text.h"
#include "tests/lib/test.h"
#include "util.h"

#define M1 "52:54:00:00:00:01"
#define PORT "port p1 device=tap1 bridge=qbr1 uplink=qvb1 zone=1 mac=" M1 " "

struct keeper_fixture {
    struct l2_guard *guard;     /* A reference of our own. */
    struct l2_keeper *k;
    long long int now;
};

static void
setup(struct keeper_fixture *f)
{
    f->guard = l2_guard_memory_create();
    f->k = l2_keeper_create(l2_guard_memory_ref(f->guard), NULL);
    f->now = 1000;
}

static void
teardown(struct keeper_fixture *f)
{
    l2_keeper_destroy(f->k);
    f->guard->class->destroy(f->guard);
}

static void
apply(struct keeper_fixture *f, const char *policy)
{
    struct policy_text pt;

    policy_text_init(&pt, policy);
    l2_keeper_apply(f->k, &(struct l2_input) { .policy = &pt.policy },
                    f->now);
    policy_text_uninit(&pt);
}

static struct l2_keeper_status
status(const struct keeper_fixture *f)
{
    struct l2_keeper_status s;

    l2_keeper_get_status(f->k, &s);
    return s;
}

static void
run(struct keeper_fixture *f, long long int after)
{
    f->now += after;
    l2_keeper_run(f->k, f->now);
}

/* Nothing is written before the policy is known. */
TEST(first_policy)
{
    struct keeper_fixture f;

    setup(&f);
    for (int i = 0; i < 5; i++) {
        run(&f, 1000);
        CHECK(!status(&f).in_place);
        CHECK_CONTAINS(status(&f).problem, "no table");
    }
    CHECK_UEQ(l2_guard_memory_writes(f.guard), 0);

    apply(&f, PORT"ip=10.0.0.1\n");
    CHECK(status(&f).in_place);
    CHECK(!status(&f).problem);
    CHECK_UEQ(status(&f).n_elements, 3);
    CHECK_UEQ(l2_guard_memory_elements(f.guard)->n, 3);
    CHECK_UEQ(l2_guard_memory_writes(f.guard), 1);
    CHECK_UEQ(status(&f).n_restored, 0);
    teardown(&f);
}

/* What an earlier run left is taken over without a write. */
TEST(taken_over)
{
    struct keeper_fixture f;

    setup(&f);
    apply(&f, PORT"ip=10.0.0.1\n");
    l2_keeper_destroy(f.k);
    f.k = l2_keeper_create(l2_guard_memory_ref(f.guard), NULL);
    run(&f, 0);
    CHECK(!status(&f).problem);
    apply(&f, PORT"ip=10.0.0.1\n");
    CHECK(status(&f).in_place);
    CHECK_UEQ(l2_guard_memory_writes(f.guard), 1);

    apply(&f, PORT"ip=10.0.0.1 ip=10.0.0.2\n");
    CHECK_UEQ(l2_guard_memory_writes(f.guard), 2);
    CHECK_UEQ(l2_guard_memory_elements(f.guard)->n, 4);
    CHECK_UEQ(status(&f).n_restored, 0);
    teardown(&f);
}

#define PORT2 "port p2 device=tap2 bridge=qbr2 uplink=qvb2 zone=2 mac=" M1 " "

static bool
may_use(const struct keeper_fixture *f, const char *device, const char *text)
{
    struct ds all = DS_EMPTY_INITIALIZER;
    char *line = xasprintf("pair %s "M1" %s\n", device, text);
    bool found;

    l2_elements_format(l2_guard_memory_elements(f->guard), &all);
    found = strstr(ds_cstr(&all), line) != NULL;
    free(line);
    ds_destroy(&all);
    return found;
}

/* The kernel refuses what one port gets: what is taken away from another one
 * is gone, what is shut is shut, and the rest follows when it can. */
TEST(a_refused_element_keeps_nothing_open)
{
    struct l2_device unknown = { .name = "vnet9", .index = 9, .ours = true };
    struct l2_input in = { .devices = &unknown, .n_devices = 1 };
    struct policy_text pt;
    struct keeper_fixture f;

    setup(&f);
    apply(&f, PORT"ip=10.0.0.1 ip=10.0.0.2\n");
    CHECK(may_use(&f, "tap1", "10.0.0.2"));
    l2_guard_memory_refuse(f.guard, "tap2");
    policy_text_init(&pt, PORT"ip=10.0.0.1\n"PORT2"ip=10.0.0.3\n");
    in.policy = &pt.policy;
    l2_keeper_apply(f.k, &in, f.now);
    CHECK(!status(&f).in_place);
    CHECK(status(&f).problem);
    CHECK(may_use(&f, "tap1", "10.0.0.1"));
    CHECK(!may_use(&f, "tap1", "10.0.0.2"));
    CHECK(!may_use(&f, "tap2", "10.0.0.3"));
    CHECK_UEQ(l2_guard_memory_elements(f.guard)->p[0].kind, L2_SHUT);

    /* Nothing is written in vain. */
    CHECK_UEQ(l2_guard_memory_writes(f.guard), 2);
    for (int i = 0; i < 20; i++) {
        run(&f, L2_KEEPER_RETRY_MAX_MS);
    }
    CHECK_UEQ(l2_guard_memory_writes(f.guard), 2);

    l2_guard_memory_refuse(f.guard, NULL);
    run(&f, L2_KEEPER_RETRY_MAX_MS);
    CHECK(status(&f).in_place);
    CHECK(!status(&f).problem);
    CHECK(may_use(&f, "tap2", "10.0.0.3"));
    CHECK_UEQ(l2_guard_memory_writes(f.guard), 3);
    policy_text_uninit(&pt);
    teardown(&f);
}

/* A new agent takes the place of the one before. */
static void
restart(struct keeper_fixture *f)
{
    l2_keeper_destroy(f->k);
    f->k = l2_keeper_create(l2_guard_memory_ref(f->guard), NULL);
    l2_keeper_keep_found(f->k);
}

/* Nobody has said yet what is wanted, and somebody flushes it. */
TEST(kept_as_it_was_found)
{
    struct keeper_fixture f;

    setup(&f);
    apply(&f, PORT"ip=10.0.0.1\n");
    restart(&f);
    run(&f, 0);
    CHECK(status(&f).in_place);
    CHECK_UEQ(l2_guard_memory_writes(f.guard), 1);
    l2_guard_memory_spoil(f.guard, L2_NOTHING);
    run(&f, L2_KEEPER_PAUSE_MS);
    CHECK(status(&f).in_place);
    CHECK_UEQ(l2_guard_memory_elements(f.guard)->n, 3);
    CHECK_UEQ(l2_guard_memory_writes(f.guard), 2);
    CHECK_UEQ(status(&f).n_restored, 1);
    apply(&f, PORT"ip=10.0.0.1\n");
    CHECK_UEQ(l2_guard_memory_writes(f.guard), 2);
    teardown(&f);
}

/* Does the guard leave packets to the tables? */
static bool
leaves(const struct keeper_fixture *f)
{
    const struct l2_elements *list = l2_guard_memory_elements(f->guard);

    return list->n && list->p[0].kind == L2_SEEN;
}

TEST(left_to_the_tables)
{
    struct keeper_fixture f;

    setup(&f);
    apply(&f, PORT"ip=10.0.0.1\n");
    CHECK(!leaves(&f));
    l2_keeper_tables(f.k, true, f.now);
    CHECK(leaves(&f));
    CHECK(status(&f).in_place);
    CHECK_UEQ(l2_guard_memory_writes(f.guard), 2);
    l2_keeper_tables(f.k, true, f.now);
    apply(&f, PORT"ip=10.0.0.1\n");
    CHECK(leaves(&f));
    CHECK_UEQ(l2_guard_memory_writes(f.guard), 2);
    l2_keeper_tables(f.k, false, f.now);
    CHECK(!leaves(&f));
    apply(&f, PORT"ip=10.0.0.2\n");
    CHECK(!leaves(&f));
    CHECK_UEQ(status(&f).n_restored, 0);

    /* Before the first policy it has nothing to leave. */
    l2_keeper_destroy(f.k);
    f.k = l2_keeper_create(l2_guard_memory_ref(f.guard), NULL);
    l2_keeper_tables(f.k, true, f.now);
    run(&f, 0);
    CHECK(!leaves(&f));
    apply(&f, PORT"ip=10.0.0.2\n");
    CHECK(leaves(&f));
    teardown(&f);
}

/* Of an earlier run: until somebody says that the tables do not judge, be it
 * before or after the first look. */
TEST(left_by_an_earlier_run)
{
    struct keeper_fixture f;

    setup(&f);
    apply(&f, PORT"ip=10.0.0.1\n");
    l2_keeper_tables(f.k, true, f.now);
    CHECK_UEQ(l2_guard_memory_writes(f.guard), 2);
    restart(&f);
    run(&f, 0);
    CHECK(leaves(&f));
    l2_keeper_tables(f.k, true, f.now);
    CHECK_UEQ(l2_guard_memory_writes(f.guard), 2);
    restart(&f);
    run(&f, 0);
    l2_keeper_tables(f.k, false, f.now);
    CHECK(!leaves(&f));
    CHECK_UEQ(l2_guard_memory_elements(f.guard)->n, 3);
    l2_keeper_tables(f.k, true, f.now);
    CHECK(leaves(&f));
    restart(&f);
    l2_keeper_tables(f.k, false, f.now);
    run(&f, 0);
    CHECK(!leaves(&f));
    CHECK_UEQ(l2_guard_memory_elements(f.guard)->n, 3);
    CHECK(status(&f).in_place);
    teardown(&f);
}

/* Whether the tables have the newest policy nobody knows before the first
 * apply: what an earlier run did not leave to them, because they did not, is
 * not left by the next one, either. */
TEST(left_as_by_the_earlier_run)
{
    struct keeper_fixture f;

    setup(&f);
    apply(&f, PORT"ip=10.0.0.1\n");
    for (int judge = 0; judge < 2; judge++) {
        uint64_t writes;

        l2_keeper_tables(f.k, judge, f.now);
        writes = l2_guard_memory_writes(f.guard);
        restart(&f);
        run(&f, 0);
        apply(&f, PORT"ip=10.0.0.1\n");
        CHECK_EQ(leaves(&f), judge);
        CHECK_UEQ(l2_guard_memory_writes(f.guard), writes);
    }
    teardown(&f);
}

/* What was not intact at the first look nobody vouches for. */
TEST(damage_is_not_kept)
{
    struct keeper_fixture f;

    setup(&f);
    l2_keeper_keep_found(f.k);
    apply(&f, PORT"ip=10.0.0.1\n");
    restart(&f);
    l2_guard_memory_spoil(f.guard, L2_DAMAGED);
    run(&f, 0);
    l2_guard_memory_spoil(f.guard, L2_INTACT);
    run(&f, L2_KEEPER_LOOK_MS);
    l2_guard_memory_spoil(f.guard, L2_NOTHING);
    run(&f, L2_KEEPER_LOOK_MS);
    CHECK(!status(&f).in_place);
    CHECK_UEQ(l2_guard_memory_writes(f.guard), 1);
    teardown(&f);
}

/* Unannounced within a second, announced sooner. */
TEST(put_back)
{
    struct keeper_fixture f;

    setup(&f);
    apply(&f, PORT"ip=10.0.0.1\n");
    l2_guard_memory_spoil(f.guard, L2_NOTHING);
    run(&f, L2_KEEPER_PAUSE_MS);
    CHECK(status(&f).in_place);
    CHECK_UEQ(l2_guard_memory_elements(f.guard)->n, 3);
    CHECK_UEQ(status(&f).n_restored, 1);

    l2_guard_memory_spoil(f.guard, L2_DAMAGED);
    f.guard->class->hint(f.guard);      /* Somebody else took the hint. */
    run(&f, L2_KEEPER_LOOK_MS - 1);
    CHECK_UEQ(status(&f).n_restored, 1);
    CHECK(l2_keeper_next(f.k) <= f.now + 1);
    run(&f, 1);
    CHECK_UEQ(status(&f).n_restored, 2);
    CHECK(status(&f).in_place);

    /* A change that is none of ours is looked at, and that is all. */
    uint64_t n_writes = l2_guard_memory_writes(f.guard);
    l2_guard_memory_spoil(f.guard, L2_INTACT);
    run(&f, L2_KEEPER_PAUSE_MS);
    CHECK_UEQ(l2_guard_memory_writes(f.guard), n_writes);
    CHECK_UEQ(status(&f).n_restored, 2);
    uint64_t n_reads = status(&f).n_reads;
    for (int i = 0; i < 10; i++) {
        run(&f, L2_KEEPER_LOOK_MS);
    }
    CHECK_UEQ(status(&f).n_reads, n_reads);
    teardown(&f);
}

/* Somebody who never stops costs ten looks a second. */
TEST(busy_neighbour)
{
    struct keeper_fixture f;

    setup(&f);
    apply(&f, PORT"ip=10.0.0.1\n");
    uint64_t n_reads = status(&f).n_reads;
    for (int i = 0; i < 1000; i++) {
        l2_guard_memory_spoil(f.guard, L2_INTACT);
        run(&f, 1);
    }
    CHECK_UEQ(status(&f).n_reads - n_reads, 1000 / L2_KEEPER_PAUSE_MS);
    teardown(&f);
}

/* While it cannot be written, it says so, and tries again more and more
 * seldom. */
TEST(failure)
{
    struct keeper_fixture f;
    int n = 0;

    setup(&f);
    run(&f, 0);
    l2_guard_memory_fail(f.guard, INT_MAX, EPERM);
    apply(&f, PORT"ip=10.0.0.1\n");
    CHECK(!status(&f).in_place);
    CHECK_CONTAINS(status(&f).problem, "told to fail");
    for (long long int end = f.now + 60000; f.now < end; n++) {
        long long int next = l2_keeper_next(f.k);

        REQUIRE(next > f.now);
        run(&f, next - f.now);
    }
    CHECK(n >= 60 && n < 75);
    CHECK(!status(&f).in_place);

    l2_guard_memory_fail(f.guard, 0, 0);
    run(&f, l2_keeper_next(f.k) - f.now);
    CHECK(status(&f).in_place);
    CHECK(!status(&f).problem);
    CHECK_UEQ(l2_guard_memory_elements(f.guard)->n, 3);
    teardown(&f);
}

/* Somebody writes between our look and our write, again and again. */
TEST(disturbed)
{
    struct keeper_fixture f;

    setup(&f);
    run(&f, 0);
    l2_guard_memory_fail(f.guard, 2, EAGAIN);
    apply(&f, PORT"ip=10.0.0.1\n");
    CHECK(status(&f).in_place);
    CHECK_UEQ(status(&f).n_failures, 0);
    teardown(&f);
}

TEST(dismissed)
{
    struct keeper_fixture f;

    setup(&f);
    apply(&f, PORT"ip=10.0.0.1\n");
    l2_keeper_dismiss(f.k, f.now);
    CHECK_UEQ(l2_guard_memory_elements(f.guard)->n, 0);
    CHECK(!status(&f).in_place);
    CHECK(!status(&f).problem);
    CHECK_UEQ(l2_guard_memory_writes(f.guard), 2);
    l2_keeper_dismiss(f.k, f.now);
    CHECK_UEQ(l2_guard_memory_writes(f.guard), 2);
    teardown(&f);
}

/* Somebody gets a table more. */
static void
add_table(struct keeper_fixture *f, struct l2_tables *tables,
          const char *name)
{
    l2_tables_add(tables, NFPROTO_IPV4, name);
    l2_guard_memory_tables(f->guard, tables);
}

/* Told before the policy is known; then what comes and goes. */
TEST(tables_of_others)
{
    struct l2_tables tables = L2_TABLES_INIT;
    struct keeper_fixture f;

    setup(&f);
    add_table(&f, &tables, "filter");
    run(&f, 0);
    CHECK_UEQ(l2_keeper_others(f.k)->n, 1);
    apply(&f, PORT"ip=10.0.0.1\n");
    run(&f, L2_KEEPER_OTHERS_MS);
    CHECK(status(&f).in_place);
    CHECK_UEQ(l2_keeper_others(f.k)->n, 1);

    run(&f, L2_KEEPER_OTHERS_MS);
    add_table(&f, &tables, "nat");
    run(&f, L2_KEEPER_LOOK_MS);
    CHECK_UEQ(l2_keeper_others(f.k)->n, 2);
    CHECK_STR(l2_keeper_others(f.k)->p[1].name, "nat");
    memset(&tables, 0, sizeof tables);
    l2_guard_memory_tables(f.guard, &tables);
    run(&f, L2_KEEPER_LOOK_MS);
    CHECK_UEQ(l2_keeper_others(f.k)->n, 2);
    run(&f, L2_KEEPER_OTHERS_MS - L2_KEEPER_LOOK_MS);
    CHECK_UEQ(l2_keeper_others(f.k)->n, 0);
    CHECK_UEQ(l2_guard_memory_writes(f.guard), 1);
    CHECK_UEQ(status(&f).n_restored, 0);
    teardown(&f);
}

/* They are read if something has changed, and then not often. */
TEST(tables_of_others_cost)
{
    struct l2_tables tables = L2_TABLES_INIT;
    struct keeper_fixture f;
    uint64_t n;

    setup(&f);
    apply(&f, PORT"ip=10.0.0.1\n");
    run(&f, L2_KEEPER_OTHERS_MS);
    n = status(&f).n_others_reads;
    CHECK(n >= 1 && n <= 2);
    for (int i = 0; i < 100; i++) {
        run(&f, L2_KEEPER_LOOK_MS);
    }
    /* Our own changes are none. */
    apply(&f, PORT"ip=10.0.0.1 ip=10.0.0.2\n");
    run(&f, L2_KEEPER_LOOK_MS);
    CHECK_UEQ(status(&f).n_others_reads, n);

    for (int i = 0; i < 100; i++) {
        l2_guard_memory_tables(f.guard, &tables);
        run(&f, L2_KEEPER_LOOK_MS);
    }
    CHECK_UEQ(status(&f).n_others_reads - n,
              100 * L2_KEEPER_LOOK_MS / L2_KEEPER_OTHERS_MS);
    teardown(&f);
}

/* What was read last stays, the guard is none the worse, and it is tried
 * again although nothing changes any more. */
TEST(tables_of_others_unreadable)
{
    struct l2_tables tables = L2_TABLES_INIT;
    struct keeper_fixture f;
    uint64_t n;

    setup(&f);
    add_table(&f, &tables, "filter");
    apply(&f, PORT"ip=10.0.0.1\n");
    l2_guard_memory_tables(f.guard, NULL);
    run(&f, L2_KEEPER_OTHERS_MS);
    n = status(&f).n_others_reads;
    run(&f, L2_KEEPER_OTHERS_MS);
    CHECK_UEQ(status(&f).n_others_reads, n + 1);
    CHECK_UEQ(l2_keeper_others(f.k)->n, 1);
    CHECK(status(&f).in_place);
    CHECK(!status(&f).problem);
    CHECK_UEQ(status(&f).n_failures, 0);

    add_table(&f, &tables, "nat");
    run(&f, L2_KEEPER_OTHERS_MS);
    CHECK_UEQ(l2_keeper_others(f.k)->n, 2);
    teardown(&f);
}

/* The guard's own trouble hides nobody's tables; nor need there be a guard. */
TEST(tables_of_others_without_a_guard)
{
    struct l2_tables tables = L2_TABLES_INIT;
    struct keeper_fixture f;

    setup(&f);
    run(&f, 0);
    add_table(&f, &tables, "filter");
    l2_guard_memory_fail(f.guard, INT_MAX, EPERM);
    apply(&f, PORT"ip=10.0.0.1\n");
    run(&f, L2_KEEPER_OTHERS_MS);
    CHECK(!status(&f).in_place);
    CHECK_UEQ(l2_keeper_others(f.k)->n, 1);

    l2_guard_memory_fail(f.guard, 0, 0);
    l2_keeper_dismiss(f.k, f.now);
    add_table(&f, &tables, "nat");
    run(&f, L2_KEEPER_OTHERS_MS);
    CHECK(!status(&f).problem);
    CHECK_UEQ(l2_keeper_others(f.k)->n, 2);
    teardown(&f);
}

TEST(none)
{
    struct l2_keeper *k = l2_keeper_create(NULL, "the kernel has none");
    struct l2_keeper_status s;
    struct policy_text pt;

    policy_text_init(&pt, PORT"ip=10.0.0.1\n");
    l2_keeper_run(k, 0);
    l2_keeper_apply(k, &(struct l2_input) { .policy = &pt.policy }, 0);
    l2_keeper_get_status(k, &s);
    CHECK(!s.in_place);
    CHECK_STR(s.problem, "the kernel has none");
    CHECK_EQ(l2_keeper_next(k), LLONG_MAX);
    CHECK_UEQ(l2_keeper_others(k)->n, 0);
    policy_text_uninit(&pt);
    l2_keeper_destroy(k);
}
