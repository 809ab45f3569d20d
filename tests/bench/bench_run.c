/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include <config.h>
#include "tests/bench/bench_run.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "util.h"

void
bench_service(struct bench *b)
{
    controller_run(b->controller);
    b->last_service = cpu_now_ns();
}

void
bench_sleep_until(int64_t ns)
{
    struct timespec ts = { ns / NS_PER_S, ns % NS_PER_S };

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL)) {
        /* Interrupted. */
    }
}

void
bench_serve_until(struct bench *b, int64_t until)
{
    for (;;) {
        int64_t now;

        bench_service(b);
        now = cpu_now_ns();
        if (now >= until) {
            return;
        }
        bench_sleep_until(MIN(until, now + BENCH_SERVICE_NS));
    }
}

static void
read_account(struct bench *b, struct cpu_account *account)
{
    int error = cpu_account_read(b->agent, account);

    if (error) {
        ovs_fatal(error, "cannot read the agent's CPU time");
    }
}

void
measurement_begin(struct bench *b, struct measurement *m)
{
    bench_serve_until(b, cpu_now_ns() + BENCH_SETTLE_NS);
    m->counts = controller_counts(b->controller);
    read_account(b, &m->before);
}

void
measurement_end(struct bench *b, struct measurement *m)
{
    bench_serve_until(b, cpu_now_ns() + BENCH_SETTLE_NS);
    read_account(b, &m->after);
    measurement_print(b, m);
}

void
measurement_print(struct bench *b, const struct measurement *m)
{
    struct controller_counts now = controller_counts(b->controller);

    printf(", \"syncs\": %"PRIu64", \"beacons\": %"PRIu64", "
           "\"reports\": %"PRIu64", ", now.syncs - m->counts.syncs,
           now.beacons - m->counts.beacons, now.reports - m->counts.reports);
    cpu_account_print(&m->before, &m->after, stdout);
}

int
bench_find_set(struct bench *b, size_t g, enum sg_family family,
               struct kernel_set *set)
{
    int error = ENOENT;

    for (int slot = FW_SLOT_A; slot <= FW_SLOT_B && error == ENOENT; slot++) {
        char name[FW_SET_LEN];

        fw_name_set(name, &(struct fw_set_form) {
            .family = family, .slot = slot,
        }, &b->policy.groups[g].id);
        error = kernel_view_find(b->kernel, name, set);
    }
    return error;
}

bool
bench_sets_are_filled(struct bench *b)
{
    bool dual = b->policy.config.dual;

    for (size_t g = 0; g < b->policy.config.n_groups; g++) {
        for (int family = 0; family < SG_N_FAMILIES; family++) {
            size_t wanted = (family == SG_IPV4 || dual
                             ? b->policy.groups[g].n_members : 0);
            struct kernel_set set;
            int error = bench_find_set(b, g, family, &set);

            if (error == ENOENT || (!error && set.n_elements != wanted)) {
                return false;
            } else if (error) {
                ovs_fatal(error, "cannot list the kernel's sets");
            }
            ovs_strlcpy(b->sets[g][family], set.name,
                        sizeof b->sets[g][family]);
        }
    }
    return true;
}
