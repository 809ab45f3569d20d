/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include <config.h>
#include "agent/bridge_watch.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/config.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(bridge_watch);

static const char *const knobs[] = {
    "/proc/sys/net/bridge/bridge-nf-call-iptables",
    "/proc/sys/net/bridge/bridge-nf-call-ip6tables",
};

struct bridge_watch {
    bool want_guard, repair_knobs, host_input, simulated;
    struct l2_keeper *keeper;
    uint64_t n_restored;        /* That have been logged. */
    bool was_in_place;
    struct l2_tables others;    /* As last said in the log, */
    char *other_tables;         /* and in words. */

    char *knob_problem;
    bool shut;                  /* As the guard was told. */
    enum { UNKNOWN, NOT_IN_FORCE, IN_FORCE } tables;
    long long int next_knobs;
    uint64_t n_knobs_repaired;
};

struct bridge_watch *
bridge_watch_create(const struct config *config, bool simulated)
{
    struct bridge_watch *w = xzalloc(sizeof *w);
    const struct l2_guard_config guard_config = {
        .tap_prefix = config->tap_prefix,
        .uplink_prefix = config->uplink_prefix,
        .host_input = config->host_input,
        .host_output = config->host_output,
    };
    struct l2_guard *guard;
    char *error = NULL;

    w->want_guard = strcmp(config->l2_guard, "off");
    w->host_input = config->host_input;
    w->repair_knobs = !strcmp(config->bridge_nf, "repair");
    w->simulated = simulated;
    w->next_knobs = LLONG_MIN;
    guard = (simulated ? l2_guard_memory_create()
             : l2_guard_nft_create(&guard_config, &error));
    w->keeper = l2_keeper_create(guard, error);
    if (w->want_guard) {
        l2_keeper_keep_found(w->keeper);
    }
    free(error);
    return w;
}

void
bridge_watch_destroy(struct bridge_watch *w)
{
    if (w) {
        l2_keeper_destroy(w->keeper);
        free(w->other_tables);
        free(w->knob_problem);
        free(w);
    }
}

/* ------------------------------------------------------------------------ */
/* The guard. */

static void
log_guard(struct bridge_watch *w)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(6, 6);
    struct l2_keeper_status s;

    l2_keeper_get_status(w->keeper, &s);
    if (s.n_restored != w->n_restored) {
        w->n_restored = s.n_restored;
        VLOG_WARN_RL(&rl, "another program changed the layer-2 guard; it has "
                     "been put back");
    }
    if (w->was_in_place && !s.in_place && w->want_guard) {
        VLOG_ERR_RL(&rl, "the layer-2 guard is not in place, trying again: "
                    "%s", s.problem ? s.problem : "not written yet");
    } else if (!w->was_in_place && s.in_place) {
        VLOG_INFO_RL(&rl, "the layer-2 guard is in place: %"PRIuSIZE
                     " elements", s.n_elements);
    }
    w->was_in_place = s.in_place;
}

static void
log_others(struct bridge_watch *w)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(6, 6);
    const struct l2_tables *others = l2_keeper_others(w->keeper);

    if (l2_tables_equal(others, &w->others)) {
        return;
    }
    w->others = *others;
    free(w->other_tables);
    w->other_tables = l2_tables_names(&w->others);
    if (w->other_tables) {
        VLOG_WARN_RL(&rl, "nf_tables has tables of other programs: %s; "
                     "packets must pass these and the legacy tables, which "
                     "the agent writes", w->other_tables);
    } else {
        VLOG_INFO_RL(&rl, "nf_tables has no tables of other programs any "
                     "more");
    }
}

/* Before it is known what the tables have, only that they see nothing counts:
 * what an earlier run left to them stays. */
static void
tell_tables(struct bridge_watch *w, long long int now)
{
    bool in_vain = w->knob_problem || w->host_input;

    if (w->tables != UNKNOWN || in_vain) {
        l2_keeper_tables(w->keeper, w->tables == IN_FORCE && !in_vain, now);
    }
}

void
bridge_watch_tables(struct bridge_watch *w, bool in_force, long long int now)
{
    w->tables = in_force ? IN_FORCE : NOT_IN_FORCE;
    tell_tables(w, now);
}

void
bridge_watch_apply(struct bridge_watch *w, const struct sg_policy *policy,
                   const struct l2_device *devices, size_t n_devices,
                   long long int now)
{
    const struct l2_input in = {
        .policy = policy,
        .devices = devices,
        .n_devices = n_devices,
        .shut = w->knob_problem != NULL,
    };

    w->shut = in.shut;
    if (w->want_guard) {
        l2_keeper_apply(w->keeper, &in, now);
    } else {
        l2_keeper_dismiss(w->keeper, now);
    }
    log_guard(w);
}

/* ------------------------------------------------------------------------ */
/* The knobs. */

/* 0, or why it is not 1; EINVAL: it has another value. */
static int
check_knob(const char *knob)
{
    FILE *stream = fopen(knob, "re");
    int error;

    if (!stream) {
        return errno;
    }
    error = getc(stream) == '1' ? 0 : EINVAL;
    fclose(stream);
    return error;
}

static int
set_knob(const char *knob)
{
    FILE *stream = fopen(knob, "we");
    int error = 0;

    if (!stream) {
        return errno;
    }
    if (fputs("1\n", stream) < 0) {
        error = EIO;
    }
    return fclose(stream) ? errno : error;
}

/* NULL, or a malloc'd sentence. */
static char *
look_at_knob(struct bridge_watch *w, const char *knob)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(6, 6);
    int error = check_knob(knob), set_error = 0;

    if (error == EINVAL && w->repair_knobs) {
        set_error = set_knob(knob);
        error = check_knob(knob);
        if (!error) {
            w->n_knobs_repaired++;
            VLOG_WARN_RL(&rl, "%s was not 1: bridged packets did not pass the "
                         "tables; set to 1", knob);
        }
    }
    if (!error) {
        return NULL;
    }
    return xasprintf("%s is not 1: bridged packets do not pass the tables%s%s"
                     "%s", knob,
                     error != EINVAL ? "; " : "",
                     error != EINVAL ? ovs_strerror(error) : "",
                     set_error ? "; it cannot be set" : "");
}

static void
look_at_knobs(struct bridge_watch *w)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(6, 6);
    char *problem = NULL;

    for (size_t i = 0; i < ARRAY_SIZE(knobs); i++) {
        char *text = look_at_knob(w, knobs[i]);

        if (problem) {
            free(text);         /* The first one is enough. */
        } else {
            problem = text;
        }
    }
    if (problem && !w->knob_problem) {
        VLOG_ERR_RL(&rl, "%s", problem);
    }
    free(w->knob_problem);
    w->knob_problem = problem;
}

bool
bridge_watch_run(struct bridge_watch *w, long long int now)
{
    if (!w->simulated && now >= w->next_knobs) {
        w->next_knobs = now + BRIDGE_WATCH_MS;
        look_at_knobs(w);
        tell_tables(w, now);
    }
    l2_keeper_run(w->keeper, now);
    log_guard(w);
    log_others(w);
    return w->shut != (w->knob_problem != NULL);
}

void
bridge_watch_wait(struct bridge_watch *w)
{
    l2_keeper_wait(w->keeper);
    poll_timer_wait_until(MIN(w->next_knobs, l2_keeper_next(w->keeper)));
}

void
bridge_watch_get_status(const struct bridge_watch *w,
                        struct bridge_watch_status *status)
{
    *status = (struct bridge_watch_status) {
        .knob_problem = w->knob_problem,
        .other_tables = w->other_tables,
        .n_knobs_repaired = w->n_knobs_repaired,
    };
    l2_keeper_get_status(w->keeper, &status->l2);
    if (w->want_guard) {
        status->elements = l2_keeper_installed(w->keeper);
    }
    if (!w->want_guard) {
        status->guard = "off";
    } else if (status->l2.in_place) {
        status->guard = "in place";
    } else {
        status->guard = "missing";
        status->guard_problem = (status->l2.problem ? status->l2.problem
                                 : "not written yet");
    }
}
