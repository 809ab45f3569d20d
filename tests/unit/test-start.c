/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* When an agent that has started may write, and what it says until then. */

#include <config.h>
#include "agent/start.h"

#include <limits.h>
#include <string.h>

#include "tests/lib/test.h"
#include "util.h"
#include "uuid.h"

struct fixture {
    struct start *s;
    struct start_input in;
};

static void
init(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    f->s = start_create(1000);
    f->in.recovered = true;
    f->in.n_ports = 50;
}

/* A host that was never filtered. */
static void
init_fresh(struct fixture *f)
{
    init(f);
    f->in.fresh = f->in.complete = true;
}

static void
uninit(struct fixture *f)
{
    start_destroy(f->s);
}

#define CHECK_STATE(F, NOW, STATE, SINCE)                                   \
    do {                                                                    \
        start_run((F)->s, &(F)->in, NOW);                                   \
        CHECK_STR(start_state_name(start_state((F)->s)), STATE);            \
        CHECK_EQ((int) start_since((F)->s), SINCE);                         \
    } while (0)

TEST(an_adopted_host_needs_one_complete_answer)
{
    struct fixture f;

    init(&f);
    f.in.recovered = false;
    CHECK_STATE(&f, 1100, "reading", 1000);
    CHECK_CONTAINS(start_reason(f.s), "not been read");
    CHECK_CONTAINS(start_enforce(f.s), "could not be read");
    f.in.recovered = f.in.found_ports = true;
    f.in.n_unknown = 50;
    CHECK_STATE(&f, 1200, "asking", 1200);
    CHECK_CONTAINS(start_reason(f.s), "no complete answer");
    CHECK_CONTAINS(start_enforce(f.s), "no controller has answered");
    CHECK(!start_may_write(f.s));
    CHECK(start_next(f.s) == LLONG_MAX);

    /* Ports that the controller does not know do not matter here: an earlier
     * run would have closed them, too. */
    f.in.complete = true;
    f.in.n_unknown = 49;
    CHECK_STATE(&f, 1300, "enforcing", 1300);
    CHECK(start_may_write(f.s) && start_is_enforcing(f.s));
    CHECK(!start_reason(f.s));
    CHECK(!start_enforce(f.s));

    /* For good. */
    f.in.complete = false;
    CHECK(!start_run(f.s, &f.in, 1400));
    CHECK(start_is_enforcing(f.s));
    uninit(&f);
}

/* The policy of the ports that it deletes is in the kernel only. */
TEST(a_mass_removal_does_not_count)
{
    struct fixture f;

    init(&f);
    f.in.found_ports = f.in.complete = true;
    f.in.n_unknown = f.in.n_held = 6;
    CHECK_STATE(&f, 1100, "held", 1100);
    CHECK_CONTAINS(start_reason(f.s), "deletes 6 of 50 ports");
    CHECK_CONTAINS(start_enforce(f.s), "accept-removal");
    CHECK(!start_may_write(f.s));
    f.in.n_unknown = f.in.n_held = 50;
    CHECK_STATE(&f, 1200, "held", 1100);
    f.in.n_held = 0;
    CHECK_STATE(&f, 1300, "forgotten", 1300);
    f.in.n_unknown = 0;
    CHECK_STATE(&f, 1400, "enforcing", 1400);
    uninit(&f);

    /* On a host that was never filtered nothing is protected. */
    init_fresh(&f);
    f.in.n_unknown = f.in.n_uncovered = f.in.n_held = 6;
    CHECK_STATE(&f, 1100, "uncovered", 1100);
    uninit(&f);
}

TEST(a_controller_that_knows_nothing_does_not_count)
{
    struct fixture f;

    init(&f);
    f.in.found_ports = f.in.complete = true;
    f.in.n_unknown = 50;
    CHECK_STATE(&f, 1100, "forgotten", 1100);
    CHECK_CONTAINS(start_reason(f.s), "knows none of the ports");
    CHECK_CONTAINS(start_enforce(f.s), "knows none of the ports");
    CHECK(!start_may_write(f.s));
    f.in.n_ports = f.in.n_unknown = 0;
    CHECK_STATE(&f, 1200, "forgotten", 1100);

    f.in.n_ports = 50;
    f.in.n_unknown = 3;
    CHECK_STATE(&f, 1300, "enforcing", 1300);
    uninit(&f);

    /* It protected nobody: then it takes nothing away. */
    init(&f);
    f.in.complete = true;
    f.in.n_unknown = 50;
    CHECK_STATE(&f, 1100, "enforcing", 1100);
    uninit(&f);
}

/* A first start that ended between zones and rules has protected nobody: the
 * next one is a first start, and the operator may end the waiting. */
TEST(zones_alone_protected_nobody)
{
    struct fixture f;

    init_fresh(&f);
    f.in.found_ports = true;
    f.in.n_unknown = f.in.n_uncovered = 50;
    CHECK_STATE(&f, 2000, "uncovered", 2000);
    CHECK(!start_enforce(f.s));
    CHECK_STATE(&f, 2100, "zones", 2100);
    uninit(&f);
}

TEST(zones_first_and_rules_a_second_later)
{
    struct fixture f;

    init_fresh(&f);
    CHECK_STATE(&f, 2000, "zones", 2000);
    CHECK(start_may_write(f.s) && !start_is_enforcing(f.s));
    CHECK_CONTAINS(start_reason(f.s), "zones");
    /* The second begins when the zones are there. */
    CHECK(start_next(f.s) == LLONG_MAX);
    CHECK_STATE(&f, 9000, "zones", 2000);
    f.in.zones_applied = true;
    CHECK_STATE(&f, 9100, "zones", 2000);
    CHECK_EQ((int) start_next(f.s), 10100);
    CHECK_STATE(&f, 10099, "zones", 2000);
    CHECK_STATE(&f, 10100, "enforcing", 10100);
    CHECK(start_next(f.s) == LLONG_MAX);
    uninit(&f);
}

TEST(no_ports_no_second)
{
    struct fixture f;

    init_fresh(&f);
    f.in.n_ports = 0;
    CHECK_STATE(&f, 2000, "enforcing", 2000);
    uninit(&f);
}

TEST(a_saved_policy_is_no_first_start)
{
    struct fixture f;

    init_fresh(&f);
    f.in.known_host = true;
    f.in.n_uncovered = 2;
    CHECK_STATE(&f, 2000, "enforcing", 2000);
    uninit(&f);
}

TEST(a_port_that_is_not_covered)
{
    struct fixture f;

    init_fresh(&f);
    f.in.n_uncovered = 1;
    f.in.uncovered[0] = (struct uuid) { { 1, 2, 3, 4 } };
    CHECK_STATE(&f, 2000, "uncovered", 2000);
    CHECK_STR(start_reason(f.s),
              "first start: 1 of 50 ports unknown to the controller: "
              "00000001-0000-0002-0000-000300000004; nothing is filtered "
              "(sgctl enforce ends this and closes them)");
    CHECK(!start_may_write(f.s));
    CHECK_STATE(&f, 90000, "uncovered", 2000);

    /* More of them: the sentence has an end, and room in the status. */
    f.in.n_ports = f.in.n_uncovered = 99999;
    for (size_t i = 0; i < START_MAX_NAMED; i++) {
        f.in.uncovered[i] = f.in.uncovered[0];
    }
    CHECK_STATE(&f, 90001, "uncovered", 2000);
    CHECK_CONTAINS(start_reason(f.s), "000300000004, ...; nothing");
    CHECK(strlen(start_reason(f.s)) < 256);

    f.in.n_uncovered = 0;
    CHECK_STATE(&f, 91000, "zones", 91000);
    f.in.zones_applied = true;
    CHECK_STATE(&f, 91010, "zones", 91000);

    /* One more comes in that second. */
    f.in.n_uncovered = 1;
    CHECK_STATE(&f, 92010, "uncovered", 92010);
    CHECK(!start_may_write(f.s));
    f.in.n_uncovered = 0;
    f.in.zones_applied = false;
    CHECK_STATE(&f, 92100, "zones", 92100);
    CHECK_STATE(&f, 93500, "zones", 92100);
    f.in.zones_applied = true;
    CHECK_STATE(&f, 93600, "zones", 92100);
    CHECK_EQ((int) start_next(f.s), 94600);
    CHECK_STATE(&f, 94600, "enforcing", 94600);
    uninit(&f);
}

TEST(an_operators_word)
{
    struct fixture f;

    init_fresh(&f);
    f.in.complete = false;
    f.in.n_uncovered = 1;
    CHECK_STATE(&f, 2000, "asking", 2000);
    /* A word that could not be taken is not kept. */
    CHECK(start_enforce(f.s));
    f.in.complete = true;
    CHECK_STATE(&f, 2100, "uncovered", 2100);

    CHECK(!start_enforce(f.s));
    CHECK(start_next(f.s) == LLONG_MIN);
    CHECK_STATE(&f, 2200, "zones", 2200);
    f.in.zones_applied = true;
    CHECK_STATE(&f, 2300, "zones", 2200);
    CHECK_STATE(&f, 3300, "enforcing", 3300);
    uninit(&f);

    /* Half of the host is unknown, or all of it: it is the operator's. */
    init_fresh(&f);
    f.in.n_uncovered = 50;
    CHECK_STATE(&f, 2000, "uncovered", 2000);
    CHECK(!start_enforce(f.s));
    CHECK_STATE(&f, 2200, "zones", 2200);
    uninit(&f);
}
