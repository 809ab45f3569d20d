/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef AGENT_BRIDGE_WATCH_H
#define AGENT_BRIDGE_WATCH_H 1

/* What must be so that frames on bridges are filtered at all: br_netfilter
 * passes them up to the tables (net.bridge.bridge-nf-call-*), and the
 * layer-2 guard stands on the taps.  While one of the two is not so, no port
 * is protected; while the tables see nothing, the guard lets nothing pass on
 * managed bridges, but for ports that are not to be filtered.  While they see
 * all and have what they are to have, the guard leaves to them what they see;
 * never if the host is open to its instances (`host_input`), because there
 * nothing else asks who sends.
 *
 * Both are looked at once a second, the guard as soon as the kernel announces
 * a change, and put back; a knob only if `bridge_nf: repair` says so and it
 * may be written.
 *
 * And what else filters there: tables of nf_tables that others have.  These
 * are only told. */

#include "firewall/l2_keeper.h"

/* How often the knobs are read. */
#define BRIDGE_WATCH_MS 1000

struct config;
struct bridge_watch;

/* 'config' is borrowed.  A simulated host has a model guard and no knobs. */
struct bridge_watch *bridge_watch_create(const struct config *,
                                         bool simulated);
void bridge_watch_destroy(struct bridge_watch *);

/* Do the tables have what they are to have?  To be called if they are found
 * without hooks, and after each apply.  Before that, what an earlier run left
 * to them stays, and is no more. */
void bridge_watch_tables(struct bridge_watch *, bool in_force,
                         long long int now);

/* This is to be in force from now on; 'devices' as in struct l2_input.  Before
 * the first call nothing is written, but to put back what somebody takes away
 * of an earlier run's guard. */
void bridge_watch_apply(struct bridge_watch *, const struct sg_policy *,
                        const struct l2_device *devices, size_t n_devices,
                        long long int now);

/* Returns true if bridge_watch_apply() is to be called (again). */
bool bridge_watch_run(struct bridge_watch *, long long int now);
void bridge_watch_wait(struct bridge_watch *);

struct bridge_watch_status {
    const char *knob_problem;   /* A sentence, or NULL. */
    const char *guard;          /* "in place", "missing", "off". */
    const char *guard_problem;  /* Why it is not in place though it should, or
                                 * NULL. */
    const char *other_tables;   /* l2_tables_names(), or NULL. */
    uint64_t n_knobs_repaired;
    struct l2_keeper_status l2;
    const struct l2_elements *elements; /* Of the guard; NULL unless it is in
                                         * place. */
};
/* Borrowed until the next call of anything here. */
void bridge_watch_get_status(const struct bridge_watch *,
                             struct bridge_watch_status *);

#endif /* agent/bridge_watch.h */
