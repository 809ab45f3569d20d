/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef AGENT_AGENT_PRIVATE_H
#define AGENT_AGENT_PRIVATE_H 1

/* The inside of struct agent: for agent.c and adopt.c, which change it, and
 * inspect.c and self_report.c, which show it.  Nobody else includes this. */

#include "agent/agent.h"
#include "agent/bridge_watch.h"
#include "agent/broker.h"
#include "agent/config.h"
#include "agent/latency.h"
#include "agent/loop_watch.h"
#include "agent/metrics.h"
#include "agent/pacer.h"
#include "agent/plugs.h"
#include "agent/policy_keeper.h"
#include "agent/policy_store.h"
#include "agent/port_status.h"
#include "agent/revoker.h"
#include "agent/start.h"
#include "agent/sync.h"
#include "agent/zone_alloc.h"
#include "firewall/firewall.h"

enum resync_state {
    RESYNC_IDLE,
    RESYNC_ASKED,               /* Waiting for the controller's answer. */
    RESYNC_APPLYING,            /* Compared; waiting for the repair. */
};

/* An operator's resync. */
struct resync {
    enum resync_state state;
    bool done;                  /* Over; the result can be fetched. */
    bool answered;              /* Only the tables are waited for. */
    long long int started;
    uint64_t full_answers;      /* Of sync, when it began. */
    uint64_t generation_before;
    size_t n_differences;
    struct ds text;
    char *error;
    long long int duration_ms;
};

struct agent_metrics {
    struct metrics *registry;
    struct metric *apply_cpu;
    struct metric *loop_turn;
};

struct agent {
    const struct config *config;
    char boot[33];
    long long int started;

    struct plugs *plugs;
    bool simulated;             /* The kernel is a model: agent_world. */
    struct bridge_watch *bridges;
    struct zone_alloc *zones;
    struct start *start;
    bool recovered;             /* The kernel was read. */
    bool fresh;                 /* It had no rules of ours. */
    bool known_host;            /* A saved policy of this host is in force.
                                 * To be set before the first turn. */
    bool found_ports;           /* An earlier run left protected ports. */
    bool unfiltered;            /* Nothing had filtered the host before this
                                 * agent: it is a first start. */
    bool zones_applied;         /* An apply in scope ZONES succeeded since
                                 * 'start' asks for one. */
    bool guarded;               /* The layer-2 guard knows a policy. */
    bool plugs_known;           /* The list of local ports is complete. */

    struct policy_store *store;
    struct policy_keeper *keeper;       /* NULL if simulated. */
    struct sync *sync;
    struct broker *broker;
    struct firewall *firewall;
    struct revoker *revoker;    /* NULL if simulated. */
    struct pacer *pacer;
    struct port_status *status;
    size_t n_unfiltered;        /* As was logged last. */
    struct resync resync;
    struct agent_metrics metrics;

    bool applied_once;
    long long int last_apply;   /* LLONG_MIN: never. */
    long long int next_refresh; /* When an apply is to read every table. */
    int64_t lag_ms;             /* Of the last change; -1: none. */
    int64_t structure_sent;     /* Publish time of the oldest change that is
                                 * not in the tables yet, or 0. */
    struct latency *latency;
    struct loop_watch loop;
    int thread_fd;              /* Of timing_open_thread(); -1: none. */
    char *kernel_problem;       /* Links unreadable. */
    long long int next_look;    /* At other descriptors than the broker's. */
    long long int next_second;  /* Slow checks. */
    long long int next_report;
};

/* Reads the kernel, until that succeeded once. */
void agent_recover(struct agent *);
/* Looks whether more may be written than so far. */
void agent_run_start(struct agent *, long long int now);
/* Brings port_status up to date. */
void agent_update_status(struct agent *, long long int now);
void agent_metrics_init(struct agent *);
/* Each tells the controller how this agent is, if it is time: because a
 * publisher waits for what is in the kernel by now, and from time to time. */
void agent_report_acks(struct agent *, long long int now);
void agent_report_regularly(struct agent *, long long int now);

#endif /* agent/agent-private.h */
