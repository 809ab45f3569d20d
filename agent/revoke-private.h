/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef AGENT_REVOKE_PRIVATE_H
#define AGENT_REVOKE_PRIVATE_H 1

/* The inside of a struct revoke, for revoke.c, which knows what changes were
 * about, and revoke_pass.c, which looks at flows for them. */

#include "agent/revoke.h"

#define N_ZONES (UINT16_MAX + 1)

/* What changes were about, until a pass has looked. */
struct scope {
    bool any, start, all, marked;
    uint64_t generation;        /* Of the newest change. */
    long long int since;        /* Of the oldest. */
    uint8_t *zones;             /* [N_ZONES] of REVOKE_ZONE_*; NULL: none. */
    struct sg_members addresses;
};

/* Changes that wait until they are in the kernel go from one to the next.
 * There are two, because what waits for its generation must not be overtaken
 * by what still comes. */
struct lane {
    struct scope noted, waiting;
    long long int settled_at;   /* When 'waiting' will be ready; LLONG_MAX: it
                                 * is not in force yet. */
};

struct revoke {
    struct revoke_config config;
    long long int created;
    bool started;
    bool unfiltered;            /* See revoke_started(). */
    struct hmap devices, rules; /* What is known: revoke.c. */

    struct lane structure;
    struct lane departures;     /* Members that left. */
    struct scope ready;
    struct scope again;         /* The same, but looked at a moment ago. */
    struct scope served[2];     /* That is: since 'served_at', before that. */
    long long int served_at;
    struct revoke_in_force in_force;
    bool marks;                 /* There may be marked flows. */

    const struct revoke_job *running;   /* The pass that is under way. */
    long long int last_begin;   /* LLONG_MIN: none yet. */
    long long int retry_at;     /* LLONG_MIN: the last pass succeeded. */
    int n_failures;
    int64_t budget_us;          /* At 'last_budget'. */
    long long int last_budget;

    struct flow_judge *judge;   /* Of 'judge_generation'; NULL: none. */
    uint64_t judge_generation;

    struct revoke_status status;
    char *problem;
};

void revoke_scope_clear(struct scope *);
/* Was something that the device's port names not known when last told of the
 * port, less than REVOKE_LACK_MS ago? */
bool revoke_device_lacks(const struct revoke *, const char *device);
/* It is about the flows of this zone, by a change of this generation. */
void revoke_scope_look(struct scope *, uint16_t zone, uint64_t generation,
                       long long int since);
void revoke_scope_move(struct scope *to, struct scope *from);
/* Puts what a pass was about into 'to'. */
void revoke_scope_take_back(struct scope *to, struct revoke_job *);
/* It has been looked at. */
void revoke_note_served(struct revoke *, struct revoke_job *,
                        long long int now);

#endif /* agent/revoke-private.h */
