/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "agent/policy_keeper.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "agent/config.h"
#include "agent/last_good.h"
#include "agent/report.h"
#include "agent/state_file.h"
#include "agent/timing.h"
#include "openvswitch/vlog.h"
#include "rpc/message.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(policy_keeper);

struct policy_keeper {
    const struct config *config;
    struct policy_store *store;
    struct state_file *file;

    /* What was read. */
    bool found;                 /* 'last' is there. */
    struct last_good last;
    long long int use_at;       /* End of the grace period. */
    bool in_force;
    long long int now;          /* Of the last run. */
    uint64_t needs_seqno;       /* Of the store, when it was applied. */
    char *ignored;              /* Why a file is not used, or NULL. */

    /* What is written. */
    bool answered;              /* A controller has, completely, and what
                                 * it said is enforced. */
    struct sg_epoch epoch;
    struct last_good_pace pace;
    int64_t collect_us;         /* Of the save under way, in this thread. */
    long long int saved;        /* LLONG_MIN: not yet. */
    char *error;                /* Why the last save failed, or NULL. */
};

struct policy_keeper *
policy_keeper_create(const struct config *config, struct policy_store *store)
{
    struct policy_keeper *k = xzalloc(sizeof *k);

    k->config = config;
    k->store = store;
    k->file = state_file_create(config->state_dir, config->host);
    k->use_at = LLONG_MAX;
    k->now = k->saved = LLONG_MIN;
    last_good_pace_init(&k->pace);
    return k;
}

static void
forget(struct policy_keeper *k)
{
    if (k->found) {
        sg_update_uninit(&k->last.update);
        k->found = false;
    }
    k->use_at = LLONG_MAX;
}

static void
save(struct policy_keeper *k)
{
    struct sg_update update;

    last_good_collect(k->store, &k->epoch, &update);
    state_file_save(k->file, &update, time_wall_msec());
}

void
policy_keeper_destroy(struct policy_keeper *k)
{
    if (!k) {
        return;
    }
    if (k->answered
        && last_good_due_at_exit(&k->pace, policy_store_policy(k->store)
                                               ->generation)) {
        save(k);
    }
    if (!state_file_destroy(k->file)) {
        VLOG_WARN("the disk did not take the policy within %d s: not saved",
                  STATE_FILE_END_S);
    }
    forget(k);
    free(k->ignored);
    free(k->error);
    free(k);
}

void
policy_keeper_booted(struct policy_keeper *k, long long int now)
{
    struct rpc_limits limits;
    char *text = NULL;
    char *error;
    size_t len;

    config_get_rpc_limits(k->config, &limits);
    error = state_file_read(k->file, &text, &len);
    if (!error && text) {
        error = last_good_decode(text, len, k->config->host, &limits,
                                 &k->last);
        k->found = !error;
    }
    free(text);
    if (k->found) {
        k->use_at = now + k->config->state_grace_s * 1000;
    } else if (error) {
        VLOG_WARN("%s/%s is not used: %s", k->config->state_dir,
                  STATE_FILE_NAME, error);
    }
    k->ignored = error;
}

bool
policy_keeper_knows_host(const struct policy_keeper *k)
{
    return k->found;
}

/* What the host needs unfolds with what it knows, and devices come one after
 * the other: whenever the needs have changed, there may be more to take. */
static void
use(struct policy_keeper *k, long long int now)
{
    if (!k->in_force) {
        VLOG_WARN("no controller has answered: the policy is that of the "
                  "file saved %lld s ago",
                  (long long int) (time_wall_msec() - k->last.saved) / 1000);
        k->in_force = true;
    }
    policy_store_update(k->store, &k->last.update, now, NULL);
    policy_store_new_epoch(k->store);
    k->needs_seqno = policy_store_needs_seqno(k->store);
}

/* A controller has answered before the file came into force.  What it does not
 * know, and the file does, must not be closed, nor be missing in the next
 * file. */
static bool
remember(struct policy_keeper *k, long long int now)
{
    size_t n = policy_store_remember(k->store, &k->last.update, now);

    if (n) {
        VLOG_WARN("the controller does not know %"PRIuSIZE" objects that the "
                  "saved policy has; they are in force as saved", n);
    }
    return n > 0;
}

static void
note_ended(struct policy_keeper *k, long long int now)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 1);
    char *error;
    int64_t us;

    if (!k->pace.busy || !state_file_ended(k->file, &error, &us)) {
        return;
    }
    last_good_ended(&k->pace, !error, us + k->collect_us, now);
    if (!error) {
        k->saved = k->pace.began;
    } else {
        VLOG_WARN_RL(&rl, "the policy cannot be saved in %s: %s",
                     k->config->state_dir, error);
    }
    free(k->error);
    k->error = error;
}

static void
save_if_due(struct policy_keeper *k, long long int now)
{
    uint64_t generation = policy_store_policy(k->store)->generation;

    note_ended(k, now);
    if (last_good_due(&k->pace, generation, now)) {
        int64_t before = timing_thread_cpu_us();

        last_good_began(&k->pace, generation, now);
        save(k);
        k->collect_us = timing_thread_cpu_us() - before;
    }
}

bool
policy_keeper_run(struct policy_keeper *k,
                  const struct policy_keeper_input *in, long long int now)
{
    bool changed = false;

    k->now = now;
    if (in->sync->complete) {
        if (k->found && !k->in_force) {
            changed = remember(k, now);
        }
        if (k->in_force) {
            VLOG_INFO("a controller has answered: its policy replaces that "
                      "of the file");
            k->in_force = false;
        }
        forget(k);
        k->answered = in->enforcing;
        k->epoch = in->sync->epoch;
        if (k->answered) {
            save_if_due(k, now);
        }
        return changed;
    }
    if (k->found && in->ready && now >= k->use_at
        && (!k->in_force
            || k->needs_seqno != policy_store_needs_seqno(k->store))) {
        use(k, now);
        return true;
    }
    return false;
}

long long int
policy_keeper_next(const struct policy_keeper *k)
{
    /* When it is over, only a list of ports can be missing. */
    return k->now < k->use_at ? k->use_at : LLONG_MAX;
}

bool
policy_keeper_is_calm(const struct policy_keeper *k)
{
    return k->answered;
}

bool
policy_keeper_in_force(const struct policy_keeper *k)
{
    return k->in_force;
}

void
policy_keeper_get_status(const struct policy_keeper *k,
                         struct report_saved *s)
{
    *s = (struct report_saved) {
        .in_force = k->in_force,
        .age_ms = -1,
        .ignored = k->ignored,
        .error = k->error,
        .saved = k->saved,
    };
    if (k->in_force) {
        s->age_ms = MAX(time_wall_msec() - k->last.saved, 0);
    }
}
