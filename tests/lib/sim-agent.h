/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef TESTS_LIB_SIM_AGENT_H
#define TESTS_LIB_SIM_AGENT_H 1

/* An agent as far as it decides: policy store and sync, fed with bytes as
 * agent/broker.c feeds them, and an oracle that looks at what it holds after
 * each event. */

#include "agent/policy_store.h"
#include "agent/sync.h"
#include "tests/lib/sim-oracle.h"

struct bus;

struct sim_agent_counters {
    uint64_t bodies, refused, reports;
    uint64_t pages, parts, inlined, more, unbindable, renewed;
};

struct sim_agent {
    int number;                 /* Owner of its queues. */
    char host[16], boot[33], key[32];
    uint64_t random;
    struct bus *bus;
    struct rpc_limits *limits;

    struct policy_store *store;
    struct sync *sync;
    unsigned int local;         /* Bit per port. */

    char queue[48];             /* "": not connected. */
    long long int connected;    /* Since. */
    long long int reconnect;    /* When it is not. */
    char call[33];
    char **wished;
    size_t n_wished;
    long long int next_report;
    long long int bind_at;      /* When the wishes are carried out. */
    bool strayed;               /* An answer was of an epoch that is over: the
                                 * question goes on. */

    struct sim_oracle oracle;
    unsigned int cast;          /* Ports of which a cast has told, since it
                                 * is connected. */
    bool accepts;               /* Any removal, by an operator's word. */
    struct sim_agent_counters counters;
};

/* 'host' is mostly its number, too. */
void sim_agent_init(struct sim_agent *, int number, int host, uint64_t seed,
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

/* An operator accepts what is held back. */
void sim_agent_accept(struct sim_agent *, long long int now);

/* Does it hold what the controller does?  FAILs over what not if 'complain'.
 */
bool sim_agent_equals(const struct sim_agent *, const struct state *,
                      long long int now, bool complain);

#endif /* tests/lib/sim-agent.h */
