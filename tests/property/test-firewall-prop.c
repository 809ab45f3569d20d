/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The facade on the model kernel: random histories of policies through both
 * lanes, as an agent drives them, watched by random packets. */

#include <config.h>
#include "firewall/firewall.h"

#include <errno.h>
#include <stdlib.h>

#include "tests/lib/policy-text.h"
#include "tests/lib/random-policy.h"
#include "tests/lib/test.h"
#include "util.h"
#include "uuid.h"

#define N_PACKETS 120

/* Enough retries for any single fault. */
#define MAX_TRIES 4

struct world {
    struct fw_backend *backend;
    struct firewall *fw;
    struct random_policy rp;
    struct policy_text *pt;
    uint64_t random;

    /* The watch. */
    struct eval_packet packets[N_PACKETS];
    bool old[N_PACKETS], new[N_PACKETS];
    bool blink_matters;
    size_t n_leaked, n_lost;
    struct ds first;
};

static const struct sg_members *
kernel_members(const void *backend, const char *set)
{
    return fw_backend_memory_members(backend, set);
}

static struct eval_filter
kernel_filter(struct world *w)
{
    return (struct eval_filter) {
        .rs = fw_backend_memory_state(w->backend),
        .members = kernel_members,
        .aux = w->backend,
    };
}

static void
look(void *w_)
{
    struct world *w = w_;
    struct eval_filter filter = kernel_filter(w);

    for (size_t i = 0; i < N_PACKETS; i++) {
        bool now = eval_accepts(&filter, &w->packets[i]);
        bool leaked = now && !w->old[i] && !w->new[i];
        bool lost = !now && w->old[i] && w->new[i] && w->blink_matters;

        if ((leaked || lost) && !w->first.length) {
            ds_put_cstr(&w->first, leaked ? "leaked: " : "lost: ");
            eval_packet_format(&w->packets[i], &w->first);
        }
        w->n_leaked += leaked;
        w->n_lost += lost;
    }
}

static struct policy_text *
make_policy(const struct random_policy *rp)
{
    struct policy_text *pt = xmalloc(sizeof *pt);
    struct ds ds = DS_EMPTY_INITIALIZER;

    random_policy_format(rp, &ds);
    policy_text_init(pt, ds_cstr(&ds));
    ds_destroy(&ds);
    return pt;
}

static void
free_policy(struct policy_text *pt)
{
    policy_text_uninit(pt);
    free(pt);
}

/* The watch compares with the kernel as it is now and with 'next'. */
static void
begin_watch(struct world *w, struct policy_text *next, bool blink_matters)
{
    struct fw_ruleset *rs = fw_render(&next->policy, &next->layout, NULL,
                                      NULL);
    struct eval_policy ep = { rs, &next->policy };
    struct eval_filter wanted = eval_policy_filter(&ep);
    struct eval_filter kernel = kernel_filter(w);

    for (size_t i = 0; i < N_PACKETS; i++) {
        random_packet(&w->packets[i], &w->random);
        w->old[i] = eval_accepts(&kernel, &w->packets[i]);
        w->new[i] = eval_accepts(&wanted, &w->packets[i]);
    }
    fw_ruleset_destroy(rs);
    w->n_leaked = w->n_lost = 0;
    ds_clear(&w->first);
    w->blink_matters = blink_matters;
    fw_backend_memory_observe(w->backend, look, w);
}

static void
end_watch(struct world *w)
{
    struct eval_filter kernel = kernel_filter(w);

    fw_backend_memory_observe(w->backend, NULL, NULL);
    if (w->n_leaked || w->n_lost) {
        FAIL("%zu leaked, %zu lost; %s", w->n_leaked, w->n_lost,
             ds_cstr(&w->first));
    }
    for (size_t i = 0; i < N_PACKETS; i++) {
        if (eval_accepts(&kernel, &w->packets[i]) != w->new[i]) {
            FAIL("the kernel is not as the policy says");
        }
    }
}

static void
hold_changes(struct world *w, const struct random_policy *next)
{
    const char *devices[RANDOM_N_PORTS];
    struct uuid groups[RANDOM_N_GROUPS];
    size_t n_devices = 0, n_groups = 0;
    char names[RANDOM_N_PORTS][SG_DEVICE_LEN];

    for (size_t i = 0; i < RANDOM_N_PORTS; i++) {
        if (memcmp(&w->rp.ports[i], &next->ports[i], sizeof next->ports[i])) {
            snprintf(names[i], sizeof names[i], "tap%zu", i + 1);
            devices[n_devices++] = names[i];
        }
    }
    for (size_t i = 0; i < RANDOM_N_GROUPS; i++) {
        if (w->rp.groups[i].known != next->groups[i].known
            || w->rp.groups[i].n_rules != next->groups[i].n_rules
            || memcmp(w->rp.groups[i].rules, next->groups[i].rules,
                      sizeof next->groups[i].rules)
            || memcmp(w->rp.groups[i].remotes, next->groups[i].remotes,
                      sizeof next->groups[i].remotes)) {
            char id[8];
            snprintf(id, sizeof id, "g%zu", i + 1);
            groups[n_groups++] = policy_text_id(id);
        }
    }
    firewall_hold(w->fw, devices, n_devices, groups, n_groups);
}

/* Tells the member lane of all groups at once, as an agent does. */
static int
change_members(struct world *w, struct policy_text *next)
{
    struct fw_member_change changes[RANDOM_N_GROUPS];
    struct sg_prefix_list added[RANDOM_N_GROUPS];
    struct sg_prefix_list removed[RANDOM_N_GROUPS];
    int error;

    memset(changes, 0, sizeof changes);
    memset(added, 0, sizeof added);
    memset(removed, 0, sizeof removed);
    for (size_t i = 0; i < RANDOM_N_GROUPS; i++) {
        char id[8];

        snprintf(id, sizeof id, "g%zu", i + 1);
        sg_members_diff(&policy_text_group(w->pt, id)->members,
                        &policy_text_group(next, id)->members,
                        &added[i], &removed[i]);
        changes[i].group = policy_text_id(id);
        changes[i].added = added[i].p;
        changes[i].n_added = added[i].n;
        changes[i].removed = removed[i].p;
        changes[i].n_removed = removed[i].n;
    }
    error = firewall_members(w->fw, &next->policy, changes, RANDOM_N_GROUPS);
    for (size_t i = 0; i < RANDOM_N_GROUPS; i++) {
        sg_prefix_list_uninit(&added[i]);
        sg_prefix_list_uninit(&removed[i]);
    }
    return error;
}

/* One turn of an agent's loop that brings 'next'.  Tries again until all is
 * well, as an agent would. */
static void
turn(struct world *w, const struct random_policy *next_rp, bool blink_matters)
{
    struct policy_text *next = make_policy(next_rp);
    int error;

    begin_watch(w, next, blink_matters);
    hold_changes(w, next_rp);
    error = change_members(w, next);
    for (int i = 0; i < MAX_TRIES; i++) {
        error = firewall_apply(w->fw, &next->policy);
        if (!error && !firewall_needs_apply(w->fw)
            && !firewall_has_litter(w->fw)) {
            break;
        }
    }
    if (error) {
        FAIL("apply: %s", firewall_result(w->fw)->error_text);
    }
    CHECK(!firewall_needs_apply(w->fw));
    end_watch(w);

    free_policy(w->pt);
    w->pt = next;
    w->rp = *next_rp;
}

/* Nothing is left to do, and nothing is written to find that out. */
static void
check_settled(struct world *w)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    uint64_t writes = fw_backend_memory_writes(w->backend);
    size_t n;

    CHECK_EQ(firewall_verify(w->fw, &w->pt->policy, &ds, &n), 0);
    CHECK_STR(ds_cstr(&ds), "");
    CHECK_UEQ(n, 0);
    CHECK_EQ(firewall_apply(w->fw, &w->pt->policy), 0);
    CHECK_UEQ(fw_backend_memory_writes(w->backend), writes);
    ds_destroy(&ds);
}

static void
world_init(struct world *w, uint64_t seed)
{
    memset(w, 0, sizeof *w);
    w->random = seed;
    w->backend = fw_backend_memory_create();
    ds_init(&w->first);
    random_policy_init(&w->rp, &w->random);
    w->pt = make_policy(&w->rp);
    w->fw = firewall_create(fw_backend_memory_ref(w->backend), &w->pt->layout,
                            1);
    firewall_set_complete(w->fw);
    CHECK_EQ(firewall_apply(w->fw, &w->pt->policy), 0);
}

static void
restart(struct world *w)
{
    firewall_destroy(w->fw);
    w->fw = firewall_create(fw_backend_memory_ref(w->backend), &w->pt->layout,
                            2);
    firewall_set_complete(w->fw);
}

static void
world_uninit(struct world *w)
{
    firewall_destroy(w->fw);
    w->backend->class->destroy(w->backend);
    free_policy(w->pt);
    ds_destroy(&w->first);
}

static void
report(const struct random_policy *next, unsigned int round)
{
    if (test_failed()) {
        struct ds ds = DS_EMPTY_INITIALIZER;
        random_policy_format(next, &ds);
        FAIL("round %u, to:\n%s", round, ds_cstr(&ds));
        ds_destroy(&ds);
    }
}

/* Rules, ports and members change in one turn, and nothing that both policies
 * allow is lost: sets change their slot, and who leaves goes with the rules.
 * Now and then an agent starts that knows nothing. */
TEST(nothing_leaks_or_blinks_whatever_changes)
{
    unsigned int end = test_rounds(120);
    struct world w;

    for (unsigned int i = 0; i < end && !test_failed(); i++) {
        world_init(&w, test_seed() + 1000 + i);
        for (int j = 0; j < 8 && !test_failed(); j++) {
            struct random_policy next = w.rp;

            for (uint64_t k = test_random(&w.random) % 4; k <= 4; k++) {
                random_policy_change(&next, RANDOM_RULES | RANDOM_MEMBERS,
                                     &w.random);
            }
            if (!(test_random(&w.random) % 4)) {
                restart(&w);
            }
            turn(&w, &next, true);
            check_settled(&w);
            report(&next, i);
        }
        world_uninit(&w);
    }
}

/* Has a group prefixes in 'next' for the first time? */
static bool
has_first_prefix(const struct random_policy *rp,
                 const struct random_policy *next)
{
    for (size_t i = 0; i < RANDOM_N_GROUPS; i++) {
        if (!rp->groups[i].prefixes && next->groups[i].prefixes) {
            return true;
        }
    }
    return false;
}

/* Members alone change without a structure change, other than for a group's
 * first prefix, and nothing blinks. */
TEST(the_member_lane_alone_suffices)
{
    unsigned int end = test_rounds(60);
    struct world w;

    for (unsigned int i = 0; i < end && !test_failed(); i++) {
        struct random_policy next;
        struct policy_text *pt;

        world_init(&w, test_seed() + 2000 + i);
        next = w.rp;
        random_policy_change(&next, RANDOM_MEMBERS, &w.random);
        random_policy_change(&next, RANDOM_MEMBERS, &w.random);
        pt = make_policy(&next);
        begin_watch(&w, pt, true);
        CHECK_EQ(change_members(&w, pt), 0);
        if (has_first_prefix(&w.rp, &next)) {
            CHECK_EQ(firewall_apply(w.fw, &pt->policy), 0);
        }
        end_watch(&w);
        CHECK(!firewall_needs_apply(w.fw));
        free_policy(w.pt);
        w.pt = pt;
        check_settled(&w);
        report(&next, i);
        world_uninit(&w);
    }
}

/* The generation in force follows the policy, unless something of it has not
 * come into the kernel. */
TEST(applied_follows_what_is_in_force)
{
    struct world w;

    world_init(&w, test_seed());
    restart(&w);
    w.pt->policy.generation = 7;
    firewall_note_applied(w.fw, &w.pt->policy);
    CHECK_UEQ(firewall_applied(w.fw), 0);       /* Nothing ever applied. */
    CHECK_EQ(firewall_apply(w.fw, &w.pt->policy), 0);
    CHECK_UEQ(firewall_applied(w.fw), 7);

    w.pt->policy.generation = 8;
    firewall_note_applied(w.fw, &w.pt->policy);
    CHECK_UEQ(firewall_applied(w.fw), 8);

    w.pt->policy.generation = 9;
    firewall_refresh(w.fw);
    fw_backend_memory_fail(w.backend, FW_FAULT_READ, 1, EIO, false);
    CHECK_EQ(firewall_apply(w.fw, &w.pt->policy), EIO);
    firewall_note_applied(w.fw, &w.pt->policy);
    CHECK_UEQ(firewall_applied(w.fw), 8);
    world_uninit(&w);
}

/* Somebody has all the names of slot b: members are then added after and
 * deleted before the commit, in sets that rules name. */
static void
take_other_slots(struct world *w)
{
    const size_t n_forms = SG_N_FAMILIES * FW_N_CONTENTS;

    for (size_t i = 0; i < RANDOM_N_GROUPS * n_forms; i++) {
        const struct fw_set_form form = {
            .family = i % SG_N_FAMILIES,
            .content = i / SG_N_FAMILIES % FW_N_CONTENTS,
            .slot = FW_SLOT_B,
        };
        struct fw_set set = { .foreign_type = true };
        struct uuid id;
        char text[8];

        snprintf(text, sizeof text, "g%zu", i / n_forms + 1);
        id = policy_text_id(text);
        fw_name_set(set.name, &form, &id);
        fw_ruleset_add_set(fw_backend_memory_state(w->backend), &set);
    }
}

/* Any operation fails once, or the agent is killed there: the next tries get
 * there, and nothing leaked in between. */
static void
fail_everywhere(bool killed)
{
    unsigned int end = test_rounds(12);
    struct world w;

    for (unsigned int i = 0; i < end && !test_failed(); i++) {
        for (int op = 0; op < FW_N_FAULTS; op++) {
            for (int nth = 1; nth <= 6 && !test_failed(); nth++) {
                struct random_policy next;

                world_init(&w, test_seed() + 3000 + i);
                if (i % 2) {
                    take_other_slots(&w);
                }
                next = w.rp;
                for (int k = 0; k < 4; k++) {
                    random_policy_change(&next,
                                         RANDOM_RULES | RANDOM_MEMBERS,
                                         &w.random);
                }
                fw_backend_memory_fail(w.backend, op, nth, EIO, killed);
                if (killed) {
                    struct policy_text *pt = make_policy(&next);

                    begin_watch(&w, pt, false);
                    hold_changes(&w, &next);
                    if (change_members(&w, pt)
                        || firewall_apply(w.fw, &pt->policy)) {
                        CHECK(firewall_needs_apply(w.fw));
                    }
                    CHECK_UEQ(w.n_leaked, 0);
                    fw_backend_memory_fail(w.backend, op, 0, 0, false);
                    free_policy(pt);
                    restart(&w);
                }
                turn(&w, &next, false);
                fw_backend_memory_fail(w.backend, op, 0, 0, false);
                check_settled(&w);
                report(&next, i);
                world_uninit(&w);
            }
        }
    }
}

/* The kernel refuses some sets or members, or all new ones, for a while: every
 * apply succeeds without them, nothing passes that neither policy allows, and
 * what passes in the end is within the policy.  When it relents, all is
 * well. */
TEST(refused_sets_never_open)
{
    static const int errors[] = { ENOSPC, EINVAL, EEXIST };
    static const enum fw_fault_op ops[] = { FW_FAULT_CREATE, FW_FAULT_ADD };
    unsigned int end = test_rounds(150);
    size_t n_refused = 0;
    struct world w;

    for (unsigned int i = 0; i < end && !test_failed(); i++) {
        enum fw_fault_op op = ops[i % ARRAY_SIZE(ops)];
        struct eval_filter kernel;
        struct random_policy next;
        struct policy_text *pt;

        world_init(&w, test_seed() + 4000 + i);
        kernel = kernel_filter(&w);
        for (int j = 0; j < 4 && !test_failed(); j++) {
            next = w.rp;
            for (uint64_t k = test_random(&w.random) % 4; k <= 4; k++) {
                random_policy_change(&next, RANDOM_RULES | RANDOM_MEMBERS,
                                     &w.random);
            }
            fw_backend_memory_fail(w.backend, op,
                                   1 + (int) (test_random(&w.random) % 3),
                                   errors[i % ARRAY_SIZE(errors)], j % 2);
            pt = make_policy(&next);
            begin_watch(&w, pt, false);
            hold_changes(&w, &next);
            CHECK(!change_members(&w, pt) || op == FW_FAULT_ADD);
            CHECK_EQ(firewall_apply(w.fw, &pt->policy), 0);
            CHECK(!firewall_needs_apply(w.fw));
            CHECK_UEQ(w.n_leaked, 0);

            struct fw_stats stats;
            firewall_get_stats(w.fw, &stats);
            n_refused += stats.n_refused;
            for (size_t p = 0; p < N_PACKETS; p++) {
                bool passes = eval_accepts(&kernel, &w.packets[p]);

                CHECK(!passes || w.new[p]);
                CHECK(stats.n_refused || passes == w.new[p]);
            }
            fw_backend_memory_observe(w.backend, NULL, NULL);
            free_policy(w.pt);
            w.pt = pt;
            w.rp = next;
            report(&next, i);
        }
        fw_backend_memory_fail(w.backend, op, 0, 0, false);
        next = w.rp;
        turn(&w, &next, true);
        check_settled(&w);
        report(&next, i);
        world_uninit(&w);
    }
    CHECK(n_refused > 20);
}

TEST(one_failure_anywhere_is_repaired)
{
    fail_everywhere(false);
}

TEST(a_kill_anywhere_is_repaired)
{
    fail_everywhere(true);
}

/* Does a set that rules name hold somebody whom the policy does not have? */
static bool
has_former_members(struct world *w)
{
    const struct fw_ruleset *rs = fw_backend_memory_state(w->backend);
    bool former = false;

    for (size_t i = 0; i < RANDOM_N_GROUPS; i++) {
        char id[8];

        snprintf(id, sizeof id, "g%zu", i + 1);
        for (int n = 0; n < SG_N_FAMILIES * FW_N_CONTENTS * 2; n++) {
            struct fw_set_form form = { n & 1, n >> 1 & 1, n >> 2 };
            struct fw_set set = {
                .group = policy_text_id(id),
                .family = form.family, .content = form.content,
            };
            struct sg_prefix_list list = SG_PREFIX_LIST_INITIALIZER;
            const struct fw_set *found;
            const struct sg_member *m;
            struct sg_members wanted;

            fw_name_set(set.name, &form, &set.group);
            found = fw_ruleset_find_set(rs, set.name);
            if (!found || !found->references || found->foreign_type) {
                continue;
            }
            sg_members_init(&wanted);
            fw_set_wanted(&w->pt->policy, &set, &list);
            for (size_t k = 0; k < list.n; k++) {
                sg_members_add(&wanted, &list.p[k]);
            }
            SG_MEMBERS_FOR_EACH (m, fw_backend_memory_members(w->backend,
                                                              set.name)) {
                former = former || !sg_members_contains(&wanted, &m->prefix);
            }
            sg_members_uninit(&wanted);
            sg_prefix_list_uninit(&list);
        }
    }
    return former;
}

static void
break_something(struct world *w, enum fw_fault_op *op)
{
    static const int errors[] = {
        EIO, ENOSPC, EINVAL, EEXIST, EBUSY, EAGAIN, ENOMEM,
    };

    *op = test_random(&w->random) % FW_N_FAULTS;
    fw_backend_memory_fail(w->backend, *op,
                           1 + (int) (test_random(&w->random) % 5),
                           errors[test_random(&w->random)
                                  % ARRAY_SIZE(errors)],
                           test_random(&w->random) % 2);
}

/* Turns follow each other before anything of the last one has come right: an
 * apply is gathered for, or fails, or the agent ends.  No turn lets pass what
 * neither the kernel let pass before it nor its policy allows, and who left
 * has left at its end.  Where nothing fails, nothing is lost, either. */
TEST(no_turn_opens_whatever_went_before)
{
    unsigned int end = test_rounds(80);
    size_t n_failed = 0;
    struct world w;

    for (unsigned int i = 0; i < end && !test_failed(); i++) {
        bool slots_taken = i % 2, faultless = i % 3 == 0;
        bool may_have_former = false;
        struct random_policy next;

        world_init(&w, test_seed() + 5000 + i);
        if (slots_taken) {
            take_other_slots(&w);
        }
        for (int j = 0; j < 12 && !test_failed(); j++) {
            unsigned int what = RANDOM_MEMBERS;
            enum fw_fault_op op = FW_N_FAULTS;
            struct policy_text *pt;
            int error;

            next = w.rp;
            what |= test_random(&w.random) % 3 ? 0 : RANDOM_RULES;
            for (uint64_t k = test_random(&w.random) % 4; k <= 4; k++) {
                random_policy_change(&next, what, &w.random);
            }
            if (!faultless && test_random(&w.random) % 2) {
                break_something(&w, &op);
            }
            pt = make_policy(&next);
            begin_watch(&w, pt, faultless && !slots_taken);
            hold_changes(&w, &next);
            error = change_members(&w, pt);
            may_have_former |= op == FW_FAULT_DEL || error;
            if (firewall_is_urgent(w.fw) || test_random(&w.random) % 2) {
                error |= firewall_apply(w.fw, &pt->policy);
            }
            n_failed += error != 0;
            fw_backend_memory_observe(w.backend, NULL, NULL);
            if (w.n_leaked || w.n_lost) {
                FAIL("turn %d: %zu leaked, %zu lost; %s", j, w.n_leaked,
                     w.n_lost, ds_cstr(&w.first));
            }
            free_policy(w.pt);
            w.pt = pt;
            w.rp = next;
            CHECK(may_have_former || !has_former_members(&w));
            if (op != FW_N_FAULTS) {
                fw_backend_memory_fail(w.backend, op, 0, 0, false);
            }
            if (!faultless && !(test_random(&w.random) % 8)) {
                restart(&w);
                CHECK_EQ(firewall_apply(w.fw, &pt->policy), 0);
            }
            may_have_former = may_have_former && firewall_needs_apply(w.fw);
            report(&next, i);
        }
        next = w.rp;
        turn(&w, &next, !slots_taken);
        check_settled(&w);
        report(&next, i);
        world_uninit(&w);
    }
    CHECK(test_failed() || n_failed > 10);
}
