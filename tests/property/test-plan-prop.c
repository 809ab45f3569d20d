/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Plans between random policies, executed on the model kernel and watched by
 * random packets after every change that a packet could see. */

#include <config.h>
#include "firewall/plan.h"

#include <errno.h>
#include <stdlib.h>

#include "firewall/backend.h"
#include "firewall/render.h"
#include "firewall/table_diff.h"
#include "tests/lib/policy-text.h"
#include "tests/lib/random-policy.h"
#include "tests/lib/test.h"
#include "util.h"

#define N_PACKETS 150

/* A policy with what is made of it. */
struct side {
    struct random_policy rp;
    char *text;
    struct policy_text pt;
    struct fw_ruleset *rs;
};

/* Packets, and what old and new policy say of each. */
struct watch {
    struct fw_backend *backend;
    struct eval_packet packets[N_PACKETS];
    bool old[N_PACKETS], new[N_PACKETS];
    bool blink_matters;
    bool filter_drops;
    size_t n_leaked, n_lost, n_looks;
    struct ds first;            /* The first packet that went wrong. */
};

static void
side_init(struct side *side, const struct random_policy *rp)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    side->rp = *rp;
    random_policy_format(rp, &ds);
    side->text = ds_steal_cstr(&ds);
    policy_text_init(&side->pt, side->text);
    side->rs = fw_render(&side->pt.policy, &side->pt.layout, side->pt.slots,
                         NULL);
    CHECK_NO_ERROR(fw_ruleset_check(side->rs));
}

static void
side_uninit(struct side *side)
{
    fw_ruleset_destroy(side->rs);
    policy_text_uninit(&side->pt);
    free(side->text);
}

static struct fw_ruleset *
snapshot(struct fw_backend *backend)
{
    struct fw_ruleset *rs = fw_ruleset_create();

    CHECK_EQ(backend->class->list_sets(backend, rs), 0);
    for (size_t f = 0; f < SG_N_FAMILIES; f++) {
        for (size_t t = 0; t < FW_N_TABLES; t++) {
            CHECK_EQ(backend->class->read(backend, f, t, &rs->tables[f][t]),
                     0);
        }
    }
    return rs;
}

/* What each desired set that exists lacks and has too much. */
static void
find_work(struct fw_backend *backend, const struct side *side,
          struct hmap *work)
{
    const struct fw_set *set;

    HMAP_FOR_EACH (set, node, &side->rs->sets) {
        const struct sg_members *have = fw_backend_memory_members(backend,
                                                                  set->name);
        if (have) {
            struct fw_set_work *w = fw_set_work_add(work, set->name);
            struct sg_prefix_list wanted = SG_PREFIX_LIST_INITIALIZER;
            struct sg_members want;

            sg_members_init(&want);
            fw_set_wanted(&side->pt.policy, set, &wanted);
            for (size_t i = 0; i < wanted.n; i++) {
                sg_members_add(&want, &wanted.p[i]);
            }
            sg_members_diff(have, &want, &w->add, &w->del);
            sg_members_uninit(&want);
            sg_prefix_list_uninit(&wanted);
        }
    }
}

static const struct sg_members *
kernel_members(const void *backend, const char *set)
{
    return fw_backend_memory_members(backend, set);
}

static struct eval_filter
kernel_filter(struct fw_backend *backend)
{
    return (struct eval_filter) {
        .rs = fw_backend_memory_state(backend),
        .members = kernel_members,
        .aux = backend,
    };
}

static void
look(void *watch_)
{
    struct watch *watch = watch_;
    struct eval_filter filter = kernel_filter(watch->backend);

    filter.filter_drops = watch->filter_drops;
    watch->n_looks++;
    for (size_t i = 0; i < N_PACKETS; i++) {
        bool now = eval_accepts(&filter, &watch->packets[i]);
        bool leaked = now && !watch->old[i] && !watch->new[i];
        bool lost = (!now && watch->old[i] && watch->new[i]
                     && watch->blink_matters);

        if ((leaked || lost) && !watch->first.length) {
            ds_put_cstr(&watch->first, leaked ? "leaked: " : "lost: ");
            eval_packet_format(&watch->packets[i], &watch->first);
        }
        watch->n_leaked += leaked;
        watch->n_lost += lost;
    }
}

/* From the kernel's present state to 'new'. */
static void
watch_init(struct watch *watch, struct fw_backend *backend,
           const struct side *new, uint64_t *state)
{
    struct eval_filter filter = kernel_filter(backend);
    struct eval_policy ep = { new->rs, &new->pt.policy };
    struct eval_filter wanted = eval_policy_filter(&ep);

    memset(watch, 0, sizeof *watch);
    watch->backend = backend;
    watch->filter_drops = !(test_random(state) % 4);
    filter.filter_drops = wanted.filter_drops = watch->filter_drops;
    ds_init(&watch->first);
    for (size_t i = 0; i < N_PACKETS; i++) {
        random_packet(&watch->packets[i], state);
        watch->old[i] = eval_accepts(&filter, &watch->packets[i]);
        watch->new[i] = eval_accepts(&wanted, &watch->packets[i]);
    }
    fw_backend_memory_observe(backend, look, watch);
}

static void
watch_end(struct watch *watch)
{
    fw_backend_memory_observe(watch->backend, NULL, NULL);
    if (watch->n_leaked || watch->n_lost) {
        FAIL("%zu leaked, %zu lost; %s", watch->n_leaked, watch->n_lost,
             ds_cstr(&watch->first));
    }
    ds_destroy(&watch->first);
}

static int
execute_step(struct fw_backend *backend, const struct fw_step *step)
{
    const struct fw_backend_class *class = backend->class;
    const char *name = step->set.name;

    switch (step->kind) {
    case FW_STEP_SET_CREATE:
        return class->set_create(backend, &step->set);
    case FW_STEP_SET_ADD:
        return class->set_add(backend, &step->set, step->members.p,
                              step->members.n, NULL);
    case FW_STEP_SET_DEL:
        return class->set_del(backend, &step->set, step->members.p,
                              step->members.n, NULL);
    case FW_STEP_SET_DESTROY:
        return class->set_destroy(backend, name);
    case FW_STEP_TABLE_COMMIT: {
        struct fw_table table;
        fw_table_init(&table);
        int error = class->read(backend, step->family, step->table, &table);
        fw_table_uninit(&table);
        return error ? error : class->commit(backend, step->family,
                                             step->table, step->edits,
                                             step->n_edits);
    }
    }
    OVS_NOT_REACHED();
}

/* Plans from the kernel's state to 'side' and executes it up to the first
 * failure.  Returns the number of steps of the plan, or a negative errno. */
static int
apply_scope(struct fw_backend *backend, const struct side *side,
            enum fw_scope scope)
{
    struct hmap work = HMAP_INITIALIZER(&work);
    int retval = 0;

    CHECK_EQ(backend->class->begin(backend), 0);
    struct fw_ruleset *actual = snapshot(backend);
    find_work(backend, side, &work);
    struct fw_plan_args args = {
        .actual = actual, .desired = side->rs, .policy = &side->pt.policy,
        .work = &work, .sweep = true, .scope = scope,
    };
    struct fw_plan *plan = fw_plan_create(&args);
    CHECK_NO_ERROR(fw_plan_check(plan, &args));

    for (size_t i = 0; !retval && i < plan->n_steps; i++) {
        retval = -execute_step(backend, &plan->steps[i]);
    }
    retval = retval ? retval : (int) plan->n_steps;
    fw_plan_destroy(plan);
    fw_ruleset_destroy(actual);
    fw_set_work_destroy(&work);
    backend->class->end(backend);
    return retval;
}

static int
apply(struct fw_backend *backend, const struct side *side)
{
    return apply_scope(backend, side, FW_SCOPE_ALL);
}

/* Is the kernel as 'side' wants it?  An applied plan leads here. */
static void
check_reached(struct fw_backend *backend, const struct side *side)
{
    const struct fw_ruleset *state = fw_backend_memory_state(backend);

    CHECK_EQ(apply(backend, side), 0);
    CHECK_UEQ(hmap_count(&state->sets), hmap_count(&side->rs->sets));
    for (size_t f = 0; f < SG_N_FAMILIES; f++) {
        for (size_t t = 0; t < FW_N_TABLES; t++) {
            struct ds a = DS_EMPTY_INITIALIZER, b = DS_EMPTY_INITIALIZER;

            fw_table_format(&state->tables[f][t], f, t, &a);
            fw_table_format(&side->rs->tables[f][t], f, t, &b);
            CHECK_STR(ds_cstr(&a), ds_cstr(&b));
            ds_destroy(&a);
            ds_destroy(&b);
        }
    }
}

/* Two related policies: 'changes' steps of 'what' apart. */
static void
random_pair(struct side *a, struct side *b, unsigned int what,
            unsigned int changes, uint64_t *state)
{
    struct random_policy rp;

    random_policy_init(&rp, state);
    side_init(a, &rp);
    for (unsigned int i = 0; i < changes; i++) {
        random_policy_change(&rp, what, state);
    }
    side_init(b, &rp);
}

static void
report(const struct side *a, const struct side *b, unsigned int round)
{
    if (test_failed()) {
        FAIL("round %u, from:\n%s\nto:\n%s", round, a->text, b->text);
    }
}

/* Have the same groups prefixes, so that rules name the same sets? */
static bool
same_sets(const struct random_policy *a, const struct random_policy *b)
{
    for (size_t i = 0; i < RANDOM_N_GROUPS; i++) {
        if (!a->groups[i].prefixes != !b->groups[i].prefixes) {
            return false;
        }
    }
    return true;
}

/* From nothing to A, from A to B: reached, watched, and then nothing to do. */
static void
walk(unsigned int what, unsigned int n_rounds)
{
    uint64_t state = test_seed() + what;
    unsigned int end = test_rounds(n_rounds);

    for (unsigned int i = 0; i < end && !test_failed(); i++) {
        struct fw_backend *backend = fw_backend_memory_create();
        struct side a, b;
        struct watch watch;

        random_pair(&a, &b, what, 1 + i % 5, &state);
        watch_init(&watch, backend, &a, &state);
        CHECK(apply(backend, &a) > 0);
        watch_end(&watch);
        check_reached(backend, &a);

        watch_init(&watch, backend, &b, &state);
        /* A set whose content and users change at once needs another slot
         * to change without a gap: that is the facade's part. */
        watch.blink_matters = (what != (RANDOM_RULES | RANDOM_MEMBERS)
                               && same_sets(&a.rp, &b.rp));
        CHECK(apply(backend, &b) >= 0);
        watch_end(&watch);
        check_reached(backend, &b);

        report(&a, &b, i);
        side_uninit(&a);
        side_uninit(&b);
        backend->class->destroy(backend);
    }
}

/* A first start: zones, and some time later rules, of a policy that went on
 * meanwhile.  A filter that nobody hooked lets everything pass: nothing may be
 * lost before the rules come, and nothing but what the policy denies with
 * them. */
TEST(zones_first)
{
    uint64_t state = test_seed() + 77;
    unsigned int end = test_rounds(150);

    for (unsigned int i = 0; i < end && !test_failed(); i++) {
        struct fw_backend *backend = fw_backend_memory_create();
        struct side a, b;
        struct watch watch;

        random_pair(&a, &b, RANDOM_RULES | RANDOM_MEMBERS, 1 + i % 5,
                    &state);
        for (int again = 0; again < 2; again++) {
            const struct side *side = again ? &b : &a;

            watch_init(&watch, backend, side, &state);
            memcpy(watch.new, watch.old, sizeof watch.new);
            watch.blink_matters = true;
            CHECK(apply_scope(backend, side, FW_SCOPE_ZONES) >= 0);
            watch_end(&watch);
            /* Once more, and there is nothing left to do. */
            CHECK_EQ(apply_scope(backend, side, FW_SCOPE_ZONES), 0);
        }
        watch_init(&watch, backend, &b, &state);
        watch.blink_matters = true;
        CHECK(apply(backend, &b) > 0);
        watch_end(&watch);
        check_reached(backend, &b);
        report(&a, &b, i);
        side_uninit(&a);
        side_uninit(&b);
        backend->class->destroy(backend);
    }
}

TEST(members_change)
{
    walk(RANDOM_MEMBERS, 150);
}

TEST(rules_change)
{
    walk(RANDOM_RULES, 400);
}

TEST(both_change)
{
    walk(RANDOM_RULES | RANDOM_MEMBERS, 400);
}

/* The n-th write fails, for each n; the next run gets there, and there was no
 * open moment in either. */
TEST(every_step_may_fail)
{
    static const enum fw_fault_op ops[] = {
        FW_FAULT_COMMIT, FW_FAULT_CREATE, FW_FAULT_ADD, FW_FAULT_DEL,
        FW_FAULT_DESTROY,
    };
    uint64_t state = test_seed();

    for (unsigned int i = 0; i < test_rounds(25) && !test_failed(); i++) {
        struct side a, b;

        random_pair(&a, &b, RANDOM_RULES | RANDOM_MEMBERS, 3, &state);
        for (size_t op = 0; op < ARRAY_SIZE(ops); op++) {
            for (int nth = 1; !test_failed(); nth++) {
                struct fw_backend *backend = fw_backend_memory_create();
                struct watch watch;

                CHECK(apply(backend, &a) >= 0);
                watch_init(&watch, backend, &b, &state);
                fw_backend_memory_fail(backend, ops[op], nth, EIO, false);
                int first = apply(backend, &b);
                fw_backend_memory_fail(backend, ops[op], 0, 0, false);
                CHECK(apply(backend, &b) >= 0);
                watch_end(&watch);
                check_reached(backend, &b);
                backend->class->destroy(backend);
                if (first >= 0) {
                    break;
                }
            }
        }
        report(&a, &b, i);
        side_uninit(&a);
        side_uninit(&b);
    }
}
