/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef AGENT_REPORT_H
#define AGENT_REPORT_H 1

/* The state of the agent as JSON documents: what sgctl shows.
 *
 * Pure, and the only place where these documents are made.  Every function
 * returns a malloc'd text of one line, which the caller frees.  Keys are
 * stable: an addition is no break, a removal or a new meaning is.  Times are
 * ages in milliseconds ("since_ms": how long ago), null if never. */

#include "agent/port_status.h"
#include "agent/sync.h"
#include "firewall/plan.h"

struct latency_status;
struct loop_watch;
struct metrics;
struct revoke_status;

/* The connection to the broker, in words. */
struct report_broker {
    const char *stage;          /* "up", "login", ... */
    const char *broker, *queue, *last_error;
    bool blocked;               /* By the broker. */
    int64_t blocked_ms;         /* For how long. */
    const uint64_t *refusals;   /* By enum mq_reason; NULL: none. */
    uint64_t sessions, received, received_bytes, published;
    uint64_t rejected, too_large, malformed;
    const char *last_malformed; /* Which message, and why; or "". */
    const char *last_unbindable;        /* Which exchange, and why; or "". */
    size_t n_bindings, n_bound;
};

/* The policy that outlives a reboot. */
struct report_saved {
    bool in_force;              /* No controller has answered since start. */
    int64_t age_ms;             /* Of what is in force; else -1. */
    const char *ignored;        /* Why what was found is not used, or NULL. */
    const char *error;          /* Why it could not be saved, or NULL. */
    long long int saved;        /* When it was, time; LLONG_MIN: never. */
};

struct report_input {
    long long int now;          /* The clock of all other times here. */
    const char *host, *boot, *version;
    const struct policy_store *store;
    const struct sync *sync;
    const struct port_status *ports;
    const struct report_broker *broker;
    const struct report_saved *saved;
    const struct fw_result *result;     /* NULL before the first apply. */
    const struct fw_stats *fw;
    const struct loop_watch *loop;      /* NULL: nobody watches. */
    const struct revoke_status *flows;  /* NULL: nobody looks at flows. */
    uint64_t applied;
    long long int started;              /* Time of start. */
    const char *start;                  /* start_state_name(). */
    long long int last_apply;           /* Time, LLONG_MIN: never. */
    int64_t lag_ms;                     /* Publish to kernel, -1: none yet. */
    const char *l2_guard;               /* "in place", "missing", "off". */
    const char *other_tables;           /* Names, in nf_tables; or NULL. */
    const char *const *unknown_devices; /* Closed; on bridges of ours. */
    size_t n_unknown_devices;           /* Listed. */
    size_t unknown_devices_total;
    char *const *zone_problems;         /* Sentences. */
    size_t n_zone_problems;             /* Listed. */
    size_t zone_problems_total;
};

char *report_status(const struct report_input *);
char *report_ports(const struct report_input *);
char *report_groups(const struct report_input *);
/* 'snapshot' is of firewall_snapshot(). */
char *report_sets(const struct report_input *, const struct fw_ruleset *);
char *report_rules(const struct report_input *, const struct fw_ruleset *);
char *report_plan(const struct report_input *, const struct fw_plan *);
char *report_metrics(const struct metrics *);
/* How long changes take, by kind and phase. */
char *report_latency(const struct latency_status *);
/* How long turns of the loop take. */
char *report_loop(const struct loop_watch *, long long int now);
char *report_version(const struct report_input *);

/* What an operator's resync did.  'text': one line per difference between
 * kernel and policy that was found. */
struct report_resync {
    bool done;                  /* Answered and applied. */
    const char *error;          /* Why not, or NULL. */
    size_t n_differences;
    const char *text;
    uint64_t generation_before, generation;
    long long int duration_ms;
};
char *report_resync(const struct report_input *,
                    const struct report_resync *);

/* What each limit is, how much of it is in use, how often it refused. */
struct config;
struct report_limits {
    const struct config *config;
    const struct policy_store *store;
    const uint64_t *rpc_refused;        /* By enum rpc_limit. */
    uint64_t log_suppressed;
};
char *report_limits(const struct report_limits *);

/* {"generation": N, "applied": N, "done": BOOL}: the answer to `wait`. */
char *report_wait(uint64_t generation, uint64_t applied, bool done);

#endif /* agent/report.h */
