/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef TESTS_LIB_SIM_AGENT_H
#define TESTS_LIB_SIM_AGENT_H 1

/* An agent as far as it decides: policy store and sync, fed with bytes as
 * agent/broker.c feeds them, and an oracle that looks at what it holds.
 *
 * The oracle: whatever the store holds of an object at a revision is what the
 * controller of that epoch had at that revision, or has not changed since it
 * was; nothing else may change it.  And the net changes of members that it
 * hands out, one after the other, make up what it holds. */

#include "agent/policy_store.h"
#include "agent/sync.h"
#include "tests/lib/sim-world.h"

struct bus;

struct sim_agent_counters {
    uint64_t bodies, refused, reports, checks;
    uint64_t pages, parts, inlined;
    uint64_t kept_last_good;    /* Times an object of an older epoch, or one
                                 * that is unknown now, was seen in force. */
};

struct sim_agent {
    int number;                 /* Owner of its queues. */
    char host[16], boot[16], key[32];
    uint64_t random;
    struct bus *bus;
    const struct history *history;
    struct rpc_limits *limits;

    struct policy_store *store;
    struct sync *sync;
    unsigned int local;         /* Bit per port. */

    char queue[48];             /* "": not connected. */
    unsigned int n_sessions;
    long long int reconnect;    /* When it is not. */
    char call[33];
    char **wished;
    size_t n_wished;
    long long int next_report;
    long long int bind_at;      /* When the wishes are carried out. */

    /* The oracle's. */
    struct seen {
        bool held;              /* Known, orphaned or deleted. */
        uint32_t print;
    } seen[SG_N_KINDS][WORLD_OBJECTS];
    uint32_t shadow[WORLD_GROUPS];
    uint64_t generation;
    struct sim_agent_counters counters;
};

void sim_agent_init(struct sim_agent *, int number, uint64_t seed,
                    struct bus *, const struct history *);
void sim_agent_uninit(struct sim_agent *);

void sim_agent_set_local(struct sim_agent *, unsigned int ports,
                         long long int now);
void sim_agent_connect(struct sim_agent *, long long int now);
void sim_agent_disconnect(struct sim_agent *, long long int now);
/* A body from its queue. */
void sim_agent_deliver(struct sim_agent *, const char *queue,
                       const char *body, size_t len, long long int now);
/* What the loop does after each event. */
void sim_agent_run(struct sim_agent *, long long int now);
long long int sim_agent_next(const struct sim_agent *);

/* Does it hold what the world of 'epoch' is?  Says what differs. */
bool sim_agent_equals(struct sim_agent *, const struct world *,
                      const struct sg_epoch *, bool complain);

#endif /* tests/lib/sim-agent.h */
