/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef SG_SWARM_SWARM_H
#define SG_SWARM_SWARM_H 1

/* Many hosts in one process: each a whole agent with a broker client and
 * thread of its own, on a model of the kernel, its ports plugged for ever.
 * All of them share one poll loop. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct agent;
struct config;
struct fw_backend;
struct placed_host;
struct swarm;
struct topology;

/* When a host was how far: time_msec(), 0: not yet.  All begin anew when it
 * starts, loses the broker, or has to ask again. */
struct swarm_marks {
    long long int began;        /* Start, or when it left the sync. */
    long long int up;           /* Consumes from its queue. */
    long long int answered;     /* A complete answer is applied. */
    long long int bound;        /* All bindings stand. */
    long long int synced;       /* In sync, as `sync` means it. */
    long long int settled;      /* And the kernel has it all. */
};

/* How many members a watched set had, and since when (time_msec()).  Members
 * that join in a known order are in force when their number is reached. */
struct swarm_step {
    long long int at;
    size_t members;
};
/* Of one host; what comes beyond is not noted. */
#define SWARM_MAX_STEPS 4096

struct swarm_host {
    const struct placed_host *place;
    struct config *config;
    struct agent *agent;
    struct fw_backend *backend; /* The agent's. */
    struct swarm_marks marks;

    uint64_t writes;            /* Of the backend, when it was looked at. */
    struct swarm_step *steps;   /* Since swarm_watch(). */
    size_t n_steps, allocated_steps;
};

/* A host for each that 'topology' places ports on.  'config' names a
 * configuration of sg-agent, which all hosts share but for the name.  NULL and
 * '*error' (malloc'd) on failure; a bad configuration ends the process. */
struct swarm *swarm_create(const char *config, const struct topology *,
                           char **error);
/* Waits for all broker threads. */
void swarm_destroy(struct swarm *);

void swarm_run(struct swarm *);
void swarm_wait(struct swarm *);

size_t swarm_n_hosts(const struct swarm *);
const struct swarm_host *swarm_host(const struct swarm *, size_t i);
/* NULL if there is no such host. */
const struct swarm_host *swarm_find(const struct swarm *, const char *name);

/* From now on notes of every host how many members the first of the sets has
 * that exists there (a set has two names), as 'steps'.  With n = 0 nothing is
 * noted any more, and what was is forgotten. */
void swarm_watch(struct swarm *, const char *const *sets, size_t n);

/* Binds every host to the members' exchanges of all groups, also of those it
 * does not need, or undoes that.  Returns how many bindings that asks for. */
size_t swarm_bind_all(struct swarm *, bool bind);

#endif /* tools/sg-swarm/swarm.h */
