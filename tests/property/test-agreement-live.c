/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Answers that change, taken through both lanes into the model kernel, and
 * the semantics as the judge: what the kernel lets pass at any moment is
 * allowed by the JSON before or after the change, what both allow is never
 * lost, and in the end the kernel agrees with the JSON. */

#include <config.h>
#include "tests/lib/answer-host.h"

#include <errno.h>

#include "tests/lib/test.h"
#include "util.h"

#define N_PACKETS 150
#define N_CHANGES 8

struct world {
    struct answer answer, old_answer;
    struct answer_host host;
    struct semantics semantics;
    struct semantics_plug plugs[ANSWER_N_PORTS];
    uint64_t random;

    /* The watch. */
    struct eval_packet packets[N_PACKETS];
    bool before[N_PACKETS], after[N_PACKETS];
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

/* After everything that the model kernel does. */
static void
look(void *w_)
{
    struct world *w = w_;

    for (size_t i = 0; i < N_PACKETS && !w->wrong; i++) {
        bool now = kernel_accepts(w, &w->packets[i]);

        if (now && !w->before[i] && !w->after[i]) {
            w->wrong = "leaked";
        } else if (!now && w->before[i] && w->after[i] && w->blink_matters) {
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
    }
    w->old_answer = w->answer;
    random_answer_change(&w->answer, members_only, change + 2, &w->random);
    take_answer(w);
    for (size_t i = 0; i < N_PACKETS; i++) {
        w->after[i] = json_allows(w, &w->packets[i]);
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
