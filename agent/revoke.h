/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef AGENT_REVOKE_H
#define AGENT_REVOKE_H 1

/* Which tracked flows are to be looked at, when, and what is to become of
 * them.
 *
 * Pure.  A flow that the policy does not allow any more gets one bit of its
 * connection mark set, which the rules drop by; it is cleared when the policy
 * allows the flow again (firewall/flow_verdict.h judges).  A change of the
 * policy only narrows what is looked at: a *pass* goes over the flows of the
 * zones and addresses that changes were about.
 *
 *   noted ----in force----> ready --pass begins--> under way --ends--> over
 *                             ^                        |
 *                             +------- failed ---------+
 *
 * The order that makes it safe: a pass begins after the narrower rules or
 * sets are in the kernel, so no flow that is not allowed can begin after it;
 * and what was let through before that is in the table when the pass looks
 * (REVOKE_SETTLE_MS).  Judged is by the newest policy, even if that is not in
 * the kernel yet: what it takes away it takes away a little earlier, and what
 * began too late for this pass is for the one that comes with it.  Deletions
 * from sets do not wait for rules, nor do the flows of who left.
 *
 * Everything that waits is served by one pass.  Passes begin at least
 * REVOKE_PACE_MS apart and together take at most REVOKE_CPU_PER_MILLE of a
 * core, apart from a short burst and the pass after the start.  What was
 * looked at a moment ago is not looked at again before the whole burst has
 * been saved up, while anything else may spend that, and as much on credit:
 * so who flaps makes nobody else wait longer than that, nor does he make the
 * looks for others dear.
 *
 * A port may name a group, and a rule a remote, that the controller has been
 * asked for but has not told yet.  What is missing may allow a flow that
 * something else allowed before, so a pass in the first REVOKE_LACK_MS leaves
 * such a port's flows alone, and the one after it judges them whatever is
 * known.  That respite is never given twice in a row, and not if the next pass
 * may be late: so nobody gets it for good.
 *
 * Deleted are only flows of which the tracking does not know any more how they
 * go on: those of zones whose port is gone, or does not track flows any more.
 *
 * A pass is a value (struct revoke_job) that another thread may work with
 * until it is given back; nothing else here is for other threads. */

#include "agent/policy_store.h"
#include "firewall/flow_verdict.h"

/* Packets that are past the rules become flows well within this. */
#define REVOKE_SETTLE_MS 5
#define REVOKE_PACE_MS 500
#define REVOKE_CPU_PER_MILLE 100
#define REVOKE_CPU_BURST_US 100000
#define REVOKE_CPU_CREDIT_US 100000
/* "A moment ago", at least; and as long as this nobody waits for having been
 * served then. */
#define REVOKE_MOMENT_MS 1000
#define REVOKE_AGAIN_MAX_MS 5000
/* Much longer than an answer takes, and with a pause between two passes much
 * less than a flow may take to stop. */
#define REVOKE_LACK_MS 300
/* After a pass that failed, doubled up to the maximum. */
#define REVOKE_RETRY_MS 500
#define REVOKE_RETRY_MAX_MS 30000
/* Addresses a pass compares with; with more it looks at every flow. */
#define REVOKE_MAX_ADDRESSES 4096
/* A pass asks for parts of the table up to so many times, then for all of it;
 * also if the table has but few flows, for each time has its price. */
#define REVOKE_MAX_FILTERS 6
#define REVOKE_FEW_FLOWS 4000

struct revoke_config {
    bool keep;                  /* established_on_revoke. */
    uint32_t bit;               /* Of the mark. */
    size_t few_flows;           /* REVOKE_FEW_FLOWS, but for tests. */
};

struct revoke;
struct revoke *revoke_create(const struct revoke_config *,
                             long long int now);
void revoke_destroy(struct revoke *);

/* The rules are in force for the first time since start: everything that was
 * tracked meanwhile is to be judged, and what is marked.
 *
 * 'unfiltered': nothing had filtered this host before.  Then flows are met in
 * mid-stream, and the tracking took whoever spoke next for the one who began
 * it: in this first look a flow may go on if the policy allows either
 * direction. */
void revoke_started(struct revoke *, const struct sg_policy *,
                    bool unfiltered, long long int now);
/* Ports and rule lists changed; members came and went.  Before the start is
 * over these are of no account. */
void revoke_note_structure(struct revoke *, const struct sg_policy *,
                           const struct store_dirty *, long long int now);
void revoke_note_members(struct revoke *, const struct sg_policy *,
                         const struct store_change *, size_t n,
                         long long int now);
/* What is in force, as generations of the policy. */
struct revoke_in_force {
    uint64_t rules;             /* As the policy was then, all is in the
                                 * kernel. */
    uint64_t deletions;         /* Who had left groups by then has left the
                                 * sets. */
};
void revoke_applied(struct revoke *, const struct revoke_in_force *,
                    long long int now);

/* When there is something to do besides: call revoke_applied() and
 * revoke_begin() then.  LLONG_MAX: nothing, as far as is known now. */
long long int revoke_next(const struct revoke *);

/* What a pass is about, of each zone. */
#define REVOKE_ZONE_OURS   (1u << 0)    /* It has a port. */
#define REVOKE_ZONE_GONE   (1u << 1)    /* It had one. */
#define REVOKE_ZONE_LOOK   (1u << 2)    /* Every flow is to be looked at. */
#define REVOKE_ZONE_NEW    (1u << 3)    /* Its port got it a moment ago. */
/* Its port was stateless, and tracks flows again.  What was marked before has
 * been out of date since.  FROZEN: so may be all else, as no look came in
 * between. */
#define REVOKE_ZONE_THAWED (1u << 4)
#define REVOKE_ZONE_FROZEN (1u << 5)
#define REVOKE_ZONE_WAITED (1u << 6)    /* It had its respite. */

/* One pass. */
struct revoke_job {
    uint32_t bit;
    size_t few_flows;
    bool start;                 /* It is the one after the start. */
    bool all;                   /* Every flow of a zone of ours. */
    bool marked;                /* Every marked one. */
    uint8_t *zones;             /* By zone: REVOKE_ZONE_*. */
    struct sg_members addresses;        /* Every flow from or to these. */
    long long int since;        /* Of the oldest change. */
};
/* NULL: none is due.  The caller gives it back to revoke_end(). */
struct revoke_job *revoke_begin(struct revoke *, const struct sg_policy *,
                                long long int now);
/* What to ask a table of 'n_flows' for; returns how many of 'filters'. */
size_t revoke_job_plan(const struct revoke_job *, size_t n_flows,
                       struct flow_filter filters[REVOKE_MAX_FILTERS]);
/* Is this entry to be judged? */
bool revoke_job_wants(const struct revoke_job *, const struct flow_entry *);

/* What is to become of it. */
enum flow_action revoke_judge(struct revoke *, const struct sg_policy *,
                              const struct revoke_job *,
                              const struct flow_entry *);

struct revoke_result {
    int error;                  /* 0: every flow was seen, and changed as
                                 * judged. */
    char *text;                 /* Its sentence, or NULL.  Taken over. */
    int64_t cpu_us;
    uint64_t seen, judged, marked, cleared, deleted, vanished, failed;
};
void revoke_end(struct revoke *, struct revoke_job *,
                const struct revoke_result *, long long int now);

/* What the oldest change waits for whose flows were not looked at. */
#define REVOKE_WAITS                                                    \
    /* revoke_started(): what was due when the last agent ended, and    \
     * what changed since. */                                           \
    REVOKE_WAIT(START, "start")                                         \
    REVOKE_WAIT(RULES, "rules")         /* To be in the kernel. */      \
    REVOKE_WAIT(DELETIONS, "deletions") /* From sets. */                \
    REVOKE_WAIT(PASS, "pass")           /* To begin or to end. */
enum revoke_wait {
#define REVOKE_WAIT(ENUM, NAME) REVOKE_WAITS_FOR_##ENUM,
    REVOKE_WAITS
#undef REVOKE_WAIT
};
const char *revoke_wait_name(enum revoke_wait);

struct revoke_status {
    bool keep;
    bool busy;                  /* A pass is under way. */
    long long int waiting_since;        /* LLONG_MAX: no change waits. */
    enum revoke_wait waiting_for;
    int64_t cut_lag_ms;         /* Of the last pass: from its oldest change to
                                 * its end; -1: none yet. */
    int64_t longest_lag_ms;     /* Since start; -1. */
    uint64_t passes, passes_failed;
    int64_t cpu_us;             /* Of all passes. */
    uint64_t seen, judged, marked, cleared, deleted, vanished, failed;
    const char *problem;        /* Why the last pass failed, or NULL. */
};
void revoke_get_status(const struct revoke *, struct revoke_status *);
/* Groups whose rules are remembered, for tests. */
size_t revoke_n_remembered(const struct revoke *);

#endif /* agent/revoke.h */
