/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include <config.h>
#include "rpc/binding_table.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "tests/lib/test.h"
#include "util.h"

/* All that there is to do at 'now', as "+a" (bind), "-a" (unbind), "=a"
 * (announce). */
static char *
todo(struct binding_table *t, long long int now)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    enum binding_action action;
    const char *exchange;

    while ((action = binding_table_next(t, now, &exchange))
           != BINDING_NOTHING) {
        ds_put_format(&s, "%s%c%s", s.length ? " " : "",
                      "?+-="[action], exchange);
    }
    return ds_steal_cstr(&s);
}

#define CHECK_TODO(TABLE, NOW, TEXT)                    \
    do {                                                \
        char *todo__ = todo(TABLE, NOW);                \
                                                        \
        CHECK_STR(todo__, TEXT);                        \
        free(todo__);                                   \
    } while (0)

/* The broker's answer; 'bound' is what the table must say of it. */
static void
answer(struct binding_table *t, enum binding_method method, const char *bound)
{
    const char *got;

    REQUIRE(binding_table_ok(t, method, &got));
    if (bound) {
        CHECK_STR(got, bound);
    } else {
        CHECK(!got);
    }
}

static void
answer_bind(struct binding_table *t, const char *bound)
{
    answer(t, BINDING_DECLARE_OK, NULL);
    answer(t, BINDING_BIND_OK, bound);
}

static void
refuse(struct binding_table *t, long long int now, const char *culprit)
{
    const char *got;

    REQUIRE(binding_table_closed(t, now, &got));
    if (culprit) {
        CHECK_STR(got, culprit);
    } else {
        CHECK(!got);
    }
    CHECK_UEQ(binding_table_in_flight(t), 0);
}

TEST(bind_and_unbind)
{
    struct binding_table *t = binding_table_create();
    const char *s;

    CHECK(binding_table_want(t, "a"));
    CHECK(!binding_table_want(t, "a"));
    CHECK(binding_table_want(t, "b"));
    CHECK(!binding_table_drop(t, "unknown"));
    CHECK_TODO(t, 0, "+a +b");
    CHECK_TODO(t, 0, "");
    CHECK_UEQ(binding_table_in_flight(t), 4);
    answer_bind(t, "a");
    CHECK_UEQ(binding_table_count_bound(t), 1);
    CHECK(!binding_table_ok(t, BINDING_BIND_OK, &s));
    answer_bind(t, "b");
    CHECK(!binding_table_ok(t, BINDING_DECLARE_OK, &s));

    CHECK(binding_table_drop(t, "a"));
    CHECK_TODO(t, 0, "-a");
    answer(t, BINDING_UNBIND_OK, NULL);
    CHECK_UEQ(binding_table_count(t), 1);
    CHECK_UEQ(binding_table_count_bound(t), 1);
    CHECK_UEQ(binding_table_next_time(t), LLONG_MAX);

    /* A new session has nothing. */
    binding_table_reset(t);
    CHECK_UEQ(binding_table_count_bound(t), 0);
    CHECK_TODO(t, 0, "+b");
    binding_table_destroy(t);
}

/* A broker may lose what it has confirmed. */
TEST(renewed)
{
    struct binding_table *t = binding_table_create();

    CHECK(!binding_table_renew(t, "a"));
    binding_table_want(t, "a");
    binding_table_want(t, "b");
    CHECK(!binding_table_renew(t, "a"));
    CHECK_TODO(t, 0, "+a +b");
    CHECK(!binding_table_renew(t, "a"));
    answer_bind(t, "a");
    answer_bind(t, "b");

    CHECK(binding_table_renew(t, "a"));
    CHECK(!binding_table_renew(t, "a"));
    CHECK_UEQ(binding_table_count_bound(t), 2);
    CHECK_TODO(t, 0, "+a");
    CHECK_UEQ(binding_table_count_bound(t), 1);
    answer_bind(t, "a");
    CHECK_UEQ(binding_table_count_bound(t), 2);
    CHECK_TODO(t, 0, "");

    /* Not wanted any more: what may be left at the broker goes. */
    CHECK(binding_table_renew(t, "a"));
    CHECK(binding_table_drop(t, "a"));
    CHECK(!binding_table_renew(t, "a"));
    CHECK_TODO(t, 0, "-a");
    answer(t, BINDING_UNBIND_OK, NULL);
    CHECK(binding_table_renew(t, "b"));
    CHECK_TODO(t, 0, "+b");
    CHECK(!binding_table_drop(t, "b"));
    answer_bind(t, NULL);
    CHECK_TODO(t, 0, "-b");
    answer(t, BINDING_UNBIND_OK, NULL);
    CHECK_UEQ(binding_table_count(t), 0);

    /* Refused, it is as any other that is refused. */
    binding_table_want(t, "c");
    CHECK_TODO(t, 0, "+c");
    answer_bind(t, "c");
    CHECK(binding_table_renew(t, "c"));
    CHECK_TODO(t, 0, "+c");
    refuse(t, 0, "c");
    CHECK_UEQ(binding_table_count_bound(t), 0);
    CHECK_TODO(t, BINDING_RETRY_MIN_MS, "+c");
    answer_bind(t, "c");
    CHECK(binding_table_renew(t, "c"));
    CHECK_TODO(t, 0, "+c");
    refuse(t, 0, "c");
    CHECK(binding_table_drop(t, "c"));
    CHECK_TODO(t, 0, "-c");
    CHECK(!binding_table_want(t, "c"));
    answer(t, BINDING_UNBIND_OK, NULL);
    CHECK_TODO(t, 0, "+c");
    answer_bind(t, "c");

    /* A new session makes each of them once. */
    CHECK(binding_table_renew(t, "c"));
    binding_table_reset(t);
    CHECK_TODO(t, BINDING_RETRY_MIN_MS, "+c");
    binding_table_destroy(t);
}

/* A wish that changes while the methods are under way. */
TEST(changes_in_flight)
{
    struct binding_table *t = binding_table_create();

    binding_table_want(t, "a");
    CHECK_TODO(t, 0, "+a");
    binding_table_drop(t, "a");
    CHECK_TODO(t, 0, "");
    answer_bind(t, NULL);
    CHECK_TODO(t, 0, "-a");
    binding_table_want(t, "a");
    CHECK_TODO(t, 0, "");
    answer(t, BINDING_UNBIND_OK, NULL);
    CHECK_TODO(t, 0, "+a");
    answer_bind(t, "a");

    /* Dropped and wanted before anything was done. */
    binding_table_drop(t, "a");
    binding_table_want(t, "a");
    CHECK_TODO(t, 0, "=a");
    CHECK_TODO(t, 0, "");
    binding_table_drop(t, "a");
    binding_table_want(t, "a");
    binding_table_drop(t, "a");
    CHECK_TODO(t, 0, "-a");
    answer(t, BINDING_UNBIND_OK, NULL);
    CHECK_UEQ(binding_table_count(t), 0);

    /* Dropped before it was sent: nothing to do. */
    binding_table_want(t, "b");
    binding_table_drop(t, "b");
    CHECK_TODO(t, 0, "");
    CHECK_UEQ(binding_table_count(t), 0);
    binding_table_destroy(t);
}

TEST(culprit)
{
    struct binding_table *t = binding_table_create();

    binding_table_want(t, "a");
    binding_table_want(t, "b");
    binding_table_want(t, "c");
    binding_table_want(t, "d");
    CHECK_TODO(t, 0, "+a +b +c +d");
    answer_bind(t, "a");
    answer(t, BINDING_DECLARE_OK, NULL);
    binding_table_drop(t, "d");
    refuse(t, 100, "b");
    CHECK_UEQ(binding_table_count_bound(t), 1);
    CHECK_UEQ(binding_table_count(t), 3);
    CHECK_EQ(binding_table_next_time(t), 100 + BINDING_RETRY_MIN_MS);
    CHECK_TODO(t, 100, "+c");
    answer_bind(t, "c");
    CHECK_TODO(t, 99 + BINDING_RETRY_MIN_MS, "");
    CHECK_TODO(t, 100 + BINDING_RETRY_MIN_MS, "+b");

    /* Its waiting time doubles up to a limit, and is forgotten when it has
     * been bound. */
    for (int ms = 2 * BINDING_RETRY_MIN_MS, i = 0; i < 8; i++) {
        refuse(t, 0, "b");
        CHECK_EQ(binding_table_next_time(t), ms);
        CHECK_TODO(t, ms, "+b");
        ms = MIN(2 * ms, BINDING_RETRY_MAX_MS);
    }
    answer_bind(t, "b");
    binding_table_drop(t, "b");
    CHECK_TODO(t, 0, "-b");
    answer(t, BINDING_UNBIND_OK, NULL);
    binding_table_want(t, "b");
    CHECK_TODO(t, 0, "+b");
    refuse(t, 0, "b");
    CHECK_EQ(binding_table_next_time(t), BINDING_RETRY_MIN_MS);

    /* A failed one that is dropped is gone; a new session tries at once. */
    binding_table_want(t, "e");
    CHECK_TODO(t, 0, "+e");
    refuse(t, 0, "e");
    binding_table_drop(t, "e");
    binding_table_reset(t);
    binding_table_drop(t, "a");
    binding_table_drop(t, "c");
    CHECK_TODO(t, 0, "+b");
    binding_table_destroy(t);
}

TEST(unbind_refused)
{
    struct binding_table *t = binding_table_create();
    const char *s;

    CHECK(!binding_table_closed(t, 0, &s));
    binding_table_want(t, "a");
    binding_table_want(t, "b");
    CHECK_TODO(t, 0, "+a +b");
    answer_bind(t, "a");
    answer_bind(t, "b");
    binding_table_drop(t, "a");
    binding_table_drop(t, "b");
    CHECK_TODO(t, 0, "-a -b");

    /* "a" is taken for unbound; the one behind it was lost, and is wanted
     * again by now. */
    binding_table_want(t, "b");
    refuse(t, 0, NULL);
    CHECK_UEQ(binding_table_count(t), 1);
    CHECK_TODO(t, 0, "=b");

    /* The culprit is not wanted any more: nobody is told. */
    binding_table_want(t, "c");
    CHECK_TODO(t, 0, "+c");
    binding_table_drop(t, "c");
    refuse(t, 0, NULL);
    CHECK_UEQ(binding_table_count(t), 1);
    binding_table_destroy(t);
}

TEST(window)
{
    struct binding_table *t = binding_table_create();
    const char *exchange;
    char name[16];
    int n = 0;

    for (int i = 0; i < BINDING_WINDOW; i++) {
        snprintf(name, sizeof name, "%d", i);
        binding_table_want(t, name);
    }
    while (binding_table_next(t, 0, &exchange) == BINDING_BIND) {
        n++;
    }
    CHECK_EQ(n, BINDING_WINDOW / 2);
    answer_bind(t, "0");
    CHECK_EQ(binding_table_next(t, 0, &exchange), BINDING_BIND);
    CHECK_EQ(binding_table_next(t, 0, &exchange), BINDING_NOTHING);
    binding_table_destroy(t);
}

/* Random wishes against a broker that answers, refuses and disappears: in the
 * end, bound is what is wanted, and every wish has been answered. */
TEST(random_against_broker)
{
    enum { N = 8 };

    for (unsigned int round = 0; round < test_rounds(200); round++) {
        struct binding_table *t = binding_table_create();
        bool wanted[N] = { false }, bound[N] = { false };
        bool told[N] = { false };
        uint64_t seed = test_seed() + round;
        struct {
            enum binding_method method;
            int i;
        } pipe[BINDING_WINDOW];
        size_t n_pipe = 0;
        long long int now = 0;

        for (int step = 0; step < 600; step++) {
            bool quiet = step >= 500;
            uint64_t r = test_random(&seed) % 16;
            int i = test_random(&seed) % N;
            const char *exchange;
            enum binding_action action;
            char name[2] = { 'a' + i, '\0' };

            now += quiet ? BINDING_RETRY_MAX_MS : 100;
            if (r < 3 && !quiet) {
                binding_table_want(t, name);
                told[i] = wanted[i] ? told[i] : false;
                wanted[i] = true;
            } else if (r < 5 && !quiet) {
                binding_table_drop(t, name);
                wanted[i] = false;
            } else if (r == 5 && !quiet) {
                binding_table_reset(t);
                memset(bound, 0, sizeof bound);
                memset(told, 0, sizeof told);
                n_pipe = 0;
            } else if (r == 6 && !quiet && n_pipe) {
                /* An unbind is refused only if there is nothing to undo. */
                if (pipe[0].method == BINDING_UNBIND_OK) {
                    bound[pipe[0].i] = false;
                }
                REQUIRE(binding_table_closed(t, now, &exchange));
                n_pipe = 0;
            } else if (r == 7 && !quiet) {
                binding_table_renew(t, name);
            } else if (r < 11 && n_pipe) {
                i = pipe[0].i;
                bound[i] = (pipe[0].method == BINDING_BIND_OK ? true
                            : pipe[0].method == BINDING_UNBIND_OK ? false
                            : bound[i]);
                REQUIRE(binding_table_ok(t, pipe[0].method, &exchange));
                if (exchange) {
                    told[exchange[0] - 'a'] = true;
                }
                n_pipe--;
                memmove(pipe, pipe + 1, n_pipe * sizeof *pipe);
            } else {
                action = binding_table_next(t, now, &exchange);
                i = action ? exchange[0] - 'a' : 0;
                if (action == BINDING_BIND) {
                    pipe[n_pipe].method = BINDING_DECLARE_OK;
                    pipe[n_pipe++].i = i;
                    pipe[n_pipe].method = BINDING_BIND_OK;
                    pipe[n_pipe++].i = i;
                } else if (action == BINDING_UNBIND) {
                    pipe[n_pipe].method = BINDING_UNBIND_OK;
                    pipe[n_pipe++].i = i;
                } else if (action == BINDING_ANNOUNCE) {
                    CHECK(bound[i]);
                    told[i] = true;
                }
                CHECK_UEQ(n_pipe, binding_table_in_flight(t));
            }
        }
        for (int i = 0; i < N; i++) {
            CHECK_EQ(bound[i], wanted[i]);
            CHECK(!wanted[i] || told[i]);
        }
        binding_table_destroy(t);
        if (test_failed()) {
            FAIL("in round %u", round);
            break;
        }
    }
}
