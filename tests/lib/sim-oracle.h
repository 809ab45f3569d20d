/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef TESTS_LIB_SIM_ORACLE_H
#define TESTS_LIB_SIM_ORACLE_H 1

/* Looks over the shoulder of one simulated agent, after every event.
 *
 * - Whatever the store holds of an object at a revision is what the controller
 *   of that epoch had at that revision; what is held at none has not changed
 *   since it was.  What is deleted is empty.
 * - Epochs never go back; nor do the revisions of an object within one.
 * - Needed is what the ports here need, worked out anew from the policy.  Of
 *   that nothing is forgotten, and nothing else before it has lingered.
 * - The net changes of members that the store hands out, one after the other,
 *   make up what it holds.
 * - No answer takes everything from more than SYNC_REMOVAL_PORTS ports.
 * - Who says "in sync" knows all that he needs. */

#include "agent/policy_store.h"
#include "agent/sync.h"
#include "tests/lib/sim-world.h"

struct state;

struct sim_oracle {
    const char *name;           /* Of the agent; borrowed. */
    const struct history *history;
    struct sg_epoch epoch;      /* In force when it looked last. */
    uint64_t generation;
    struct sim_seen {
        bool here;              /* The store has such an object, */
        bool held, spared;      /* of which it knows something. */
        uint32_t print;
        int64_t revision;       /* The highest of that epoch, or 0. */
        long long int needed;   /* When it was last. */
    } seen[SG_N_KINDS][WORLD_OBJECTS];
    uint32_t sets[WORLD_GROUPS];        /* As the member lane makes them. */
    uint64_t n_looks;
    uint64_t n_last_good;       /* Times something was seen in force that is
                                 * of an older epoch, or unknown now. */
};

/* What it looks at. */
struct sim_view {
    struct policy_store *store;
    const struct sync *sync;
    unsigned int local;         /* Ports that are here: a bit each. */
    long long int now, linger_ms;
};

void sim_oracle_init(struct sim_oracle *, const char *name,
                     const struct history *);
/* Takes the net changes of members from the store.  If nothing in force can
 * have changed it looks at the rest only if 'anyway'. */
void sim_oracle_look(struct sim_oracle *, const struct sim_view *,
                     bool anyway);

/* Ports, a bit each: that have a policy; of these, that are filtered with some
 * group, and without any. */
struct sim_ports {
    unsigned int known, grouped, bare;
};
struct sim_ports sim_oracle_ports(const struct policy_store *);
/* From which of these was everything taken? */
unsigned int sim_ports_emptied(const struct sim_ports *before,
                               const struct sim_ports *after);

/* Is all that is needed just as the controller has it, digests included, or
 * is it unknown there?  FAILs over what is not if 'complain'. */
bool sim_oracle_equals(const struct sim_oracle *, const struct sim_view *,
                       const struct state *, bool complain);

#endif /* tests/lib/sim-oracle.h */
