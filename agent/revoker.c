/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "agent/revoker.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>

#include "agent/timing.h"
#include "latch.h"
#include "openvswitch/list.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovs-thread.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(revoker);

struct batch {
    struct ovs_list node;
    size_t n;
    struct flow_entry entries[REVOKER_BATCH];
    uint8_t actions[REVOKER_BATCH];     /* enum flow_action. */
};

struct revoker {
    struct revoke *core;        /* The loop's. */
    struct revoke_job *running; /* The loop's copy of the pointer. */
    int64_t judge_us;           /* Of this pass, in the loop. */
    struct latch news;          /* For the loop. */
    bool started;
    pthread_t thread;

    struct ovs_mutex mutex;     /* For all up to the next blank line. */
    pthread_cond_t cond;        /* For the thread. */
    bool stop;
    struct revoke_job *job;     /* To be begun. */
    bool ended;                 /* 'result' is there. */
    struct revoke_result result;
    struct ovs_list to_judge, judged;   /* Of batches. */

    /* The thread's. */
    struct flow_table *table;
    struct ovs_list free;       /* Batches. */
    size_t n_out;               /* Handed over and not back. */
    struct batch *filling;      /* Or NULL. */
};

static void *run(void *);
static void run_job(struct revoker *, const struct revoke_job *,
                    struct revoke_result *);

struct revoker *
revoker_create(const struct revoke_config *config, struct flow_table *table,
               long long int now)
{
    struct revoker *r = xzalloc(sizeof *r);

    r->core = revoke_create(config, now);
    r->table = table;
    latch_init(&r->news);
    ovs_mutex_init(&r->mutex);
    xpthread_cond_init(&r->cond, NULL);
    ovs_list_init(&r->to_judge);
    ovs_list_init(&r->judged);
    ovs_list_init(&r->free);
    for (size_t i = 0; i < REVOKER_N_BATCHES; i++) {
        struct batch *b = xzalloc(sizeof *b);

        ovs_list_push_back(&r->free, &b->node);
    }
    return r;
}

static void
free_batches(struct ovs_list *list)
{
    struct batch *b;

    LIST_FOR_EACH_POP (b, node, list) {
        free(b);
    }
}

void
revoker_destroy(struct revoker *r)
{
    if (!r) {
        return;
    }
    if (r->started) {
        ovs_mutex_lock(&r->mutex);
        r->stop = true;
        xpthread_cond_signal(&r->cond);
        ovs_mutex_unlock(&r->mutex);
        xpthread_join(r->thread, NULL);
    }
    if (r->running) {
        const struct revoke_result none = { .error = ECANCELED };

        revoke_end(r->core, r->running, &none, 0);
    }
    free_batches(&r->to_judge);
    free_batches(&r->judged);
    free_batches(&r->free);
    free(r->filling);
    free(r->result.text);
    r->table->class->destroy(r->table);
    revoke_destroy(r->core);
    latch_destroy(&r->news);
    xpthread_cond_destroy(&r->cond);
    ovs_mutex_destroy(&r->mutex);
    free(r);
}

struct revoke *
revoker_core(struct revoker *r)
{
    return r->core;
}

/* ------------------------------------------------------------------------ */
/* The loop's side. */

static void
judge(struct revoker *r, const struct sg_policy *policy, struct batch *b)
{
    for (size_t i = 0; i < b->n; i++) {
        b->actions[i] = revoke_judge(r->core, policy, r->running,
                                     &b->entries[i]);
    }
}

static void
judge_batches(struct revoker *r, const struct sg_policy *policy)
{
    struct ovs_list batches;
    struct batch *b;
    int64_t before;

    ovs_list_init(&batches);
    ovs_mutex_lock(&r->mutex);
    ovs_list_push_back_all(&batches, &r->to_judge);
    ovs_mutex_unlock(&r->mutex);
    if (ovs_list_is_empty(&batches)) {
        return;
    }
    before = timing_thread_cpu_us();
    LIST_FOR_EACH (b, node, &batches) {
        judge(r, policy, b);
    }
    r->judge_us += timing_thread_cpu_us() - before;
    ovs_mutex_lock(&r->mutex);
    ovs_list_push_back_all(&r->judged, &batches);
    xpthread_cond_signal(&r->cond);
    ovs_mutex_unlock(&r->mutex);
}

static void
take_result(struct revoker *r, long long int now)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(6, 3);
    struct revoke_result result;
    bool ended;

    ovs_mutex_lock(&r->mutex);
    ended = r->ended;
    result = r->result;
    r->result.text = NULL;
    r->ended = false;
    ovs_mutex_unlock(&r->mutex);
    if (!ended) {
        return;
    }
    result.cpu_us += r->judge_us;
    if (result.error) {
        VLOG_WARN_RL(&rl, "flows may go on that the policy does not allow, "
                     "trying again: %s", result.text ? result.text
                     : ovs_strerror(result.error));
    } else if (result.marked || result.cleared || result.deleted) {
        VLOG_INFO_RL(&rl, "%"PRIu64" flows cut, %"PRIu64" allowed again, "
                     "%"PRIu64" of ports that are gone deleted",
                     result.marked, result.cleared, result.deleted);
    }
    revoke_end(r->core, r->running, &result, now);
    r->running = NULL;
}

static void
begin(struct revoker *r, const struct sg_policy *policy, long long int now)
{
    struct revoke_job *job = revoke_begin(r->core, policy, now);

    if (!job) {
        return;
    }
    if (!r->started) {
        r->started = true;
        r->thread = ovs_thread_create("flows", run, r);
    }
    r->running = job;
    r->judge_us = 0;
    ovs_mutex_lock(&r->mutex);
    r->job = job;
    xpthread_cond_signal(&r->cond);
    ovs_mutex_unlock(&r->mutex);
}

void
revoker_run(struct revoker *r, const struct sg_policy *policy,
            const struct revoke_in_force *in_force, long long int now)
{
    revoke_applied(r->core, in_force, now);
    if (r->running && latch_poll(&r->news)) {
        judge_batches(r, policy);
        take_result(r, now);
    }
    if (!r->running && now >= revoke_next(r->core)) {
        begin(r, policy, now);
    }
}

void
revoker_wait(const struct revoker *r)
{
    long long int next = revoke_next(r->core);

    if (r->running) {
        latch_wait(&r->news);
    }
    if (next != LLONG_MAX) {
        poll_timer_wait_until(next);
    }
}

/* ------------------------------------------------------------------------ */
/* The thread's side. */

static void *
run(void *r_)
{
    struct revoker *r = r_;

    ovs_mutex_lock(&r->mutex);
    for (;;) {
        struct revoke_result result = { .error = 0 };
        struct revoke_job *job;

        while (!r->job && !r->stop) {
            ovs_mutex_cond_wait(&r->cond, &r->mutex);
        }
        if (r->stop) {
            break;
        }
        job = r->job;
        r->job = NULL;
        ovs_mutex_unlock(&r->mutex);

        run_job(r, job, &result);

        ovs_mutex_lock(&r->mutex);
        r->result = result;
        r->ended = true;
        latch_set(&r->news);
    }
    ovs_mutex_unlock(&r->mutex);
    return NULL;
}

static void
note_error(struct revoker *r, struct revoke_result *result, int error)
{
    if (error && !result->error) {
        result->error = error;
        result->text = xstrdup(r->table->class->error(r->table));
    }
}

/* Makes the changes of a batch, which is free then. */
static void
change(struct revoker *r, const struct revoke_job *job, struct batch *b,
       struct revoke_result *result)
{
    struct flow_change changes[REVOKER_BATCH];
    uint64_t wanted[FLOW_DELETE + 1] = { 0 };
    struct flow_changed changed = { 0, 0, 0 };
    size_t n = 0;

    for (size_t i = 0; i < b->n; i++) {
        wanted[b->actions[i]]++;
        if (b->actions[i] != FLOW_LEAVE) {
            changes[n++] = (struct flow_change) {
                b->actions[i], b->entries[i].zone, b->entries[i].orig,
            };
        }
    }
    result->judged += b->n;
    if (n) {
        note_error(r, result, r->table->class->change(r->table, changes, n,
                                                      job->bit, &changed));
    }
    result->marked += wanted[FLOW_MARK];
    result->cleared += wanted[FLOW_CLEAR];
    result->deleted += wanted[FLOW_DELETE];
    result->vanished += changed.n_gone;
    result->failed += changed.n_failed;
    b->n = 0;
    ovs_list_push_back(&r->free, &b->node);
    r->n_out--;
}

/* Changes what has been judged; waits until something has if 'wait'.  False
 * if it is time to stop. */
static bool
take_judged(struct revoker *r, const struct revoke_job *job, bool wait,
            struct revoke_result *result)
{
    struct ovs_list judged;
    struct batch *b;
    bool stop;

    ovs_list_init(&judged);
    ovs_mutex_lock(&r->mutex);
    while (wait && ovs_list_is_empty(&r->judged) && !r->stop) {
        ovs_mutex_cond_wait(&r->cond, &r->mutex);
    }
    ovs_list_push_back_all(&judged, &r->judged);
    stop = r->stop;
    ovs_mutex_unlock(&r->mutex);
    LIST_FOR_EACH_POP (b, node, &judged) {
        change(r, job, b, result);
    }
    return !stop;
}

static void
hand_over(struct revoker *r)
{
    if (r->filling && r->filling->n) {
        ovs_mutex_lock(&r->mutex);
        ovs_list_push_back(&r->to_judge, &r->filling->node);
        ovs_mutex_unlock(&r->mutex);
        latch_set(&r->news);
        r->filling = NULL;
        r->n_out++;
    }
}

/* False if it is time to stop. */
static bool
put_entry(struct revoker *r, const struct revoke_job *job,
          const struct flow_entry *e, struct revoke_result *result)
{
    while (!r->filling) {
        if (!ovs_list_is_empty(&r->free)) {
            r->filling = CONTAINER_OF(ovs_list_pop_front(&r->free),
                                      struct batch, node);
        } else if (!take_judged(r, job, true, result)) {
            return false;
        }
    }
    r->filling->entries[r->filling->n++] = *e;
    if (r->filling->n == REVOKER_BATCH) {
        hand_over(r);
    }
    return true;
}

/* Goes over what 'filter' shows.  False if it is time to stop. */
static bool
run_dump(struct revoker *r, const struct revoke_job *job,
         const struct flow_filter *filter, struct revoke_result *result)
{
    const struct flow_table_class *class = r->table->class;
    struct flow_entry entries[REVOKER_BATCH];
    int error = class->begin(r->table, filter);
    size_t n = 1;

    while (!error && n) {
        error = class->next(r->table, entries, REVOKER_BATCH, &n);
        for (size_t i = 0; !error && i < n; i++) {
            result->seen++;
            if (revoke_job_wants(job, &entries[i])
                && !put_entry(r, job, &entries[i], result)) {
                return false;
            }
        }
        if (!take_judged(r, job, false, result)) {
            return false;
        }
    }
    note_error(r, result, error);
    return true;
}

static void
run_job(struct revoker *r, const struct revoke_job *job,
        struct revoke_result *result)
{
    struct flow_filter filters[REVOKE_MAX_FILTERS];
    int64_t before = timing_thread_cpu_us();
    size_t n_flows = 0, n;
    bool go_on = true;

    note_error(r, result, r->table->class->count(r->table, &n_flows));
    n = result->error ? 0 : revoke_job_plan(job, n_flows, filters);
    for (size_t i = 0; go_on && i < n; i++) {
        go_on = run_dump(r, job, &filters[i], result);
    }
    hand_over(r);
    while (go_on && r->n_out) {
        go_on = take_judged(r, job, true, result);
    }
    result->cpu_us = timing_thread_cpu_us() - before;
}
