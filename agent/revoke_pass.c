/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* When passes begin, which flows they look at, and what becomes of these. */

#include <config.h>
#include "agent/revoke-private.h"

#include <limits.h>
#include <stdlib.h>

#include "bitmap.h"
#include "util.h"

static int64_t
budget_at(const struct revoke *r, long long int now)
{
    int64_t idle = (r->last_budget == LLONG_MIN ? 0
                    : MAX(now - r->last_budget, 0));

    return MIN(r->budget_us + idle * REVOKE_CPU_PER_MILLE,
               REVOKE_CPU_BURST_US);
}

/* When there is something left to spend. */
static long long int
solvent_at(const struct revoke *r)
{
    return (r->budget_us > 0 || r->last_budget == LLONG_MIN ? LLONG_MIN
            : r->last_budget + -r->budget_us / REVOKE_CPU_PER_MILLE + 1);
}

static long long int
next_pass(const struct revoke *r)
{
    long long int next = MAX(solvent_at(r), r->retry_at);

    if (r->busy || !r->ready.any) {
        return LLONG_MAX;
    }
    return (r->last_begin == LLONG_MIN ? next
            : MAX(next, r->last_begin + REVOKE_PACE_MS));
}

long long int
revoke_next(const struct revoke *r)
{
    return MIN(next_pass(r), MIN(r->structure.settled_at,
                                 r->departures.settled_at));
}

/* Only permissions came, and nothing is marked. */
static bool
is_idle(const struct revoke *r, const struct scope *s)
{
    return !s->all && !s->has_zones && !sg_members_count(&s->addresses)
           && !(s->marked && r->marks);
}

struct revoke_job *
revoke_begin(struct revoke *r, const struct sg_policy *policy,
             long long int now)
{
    struct scope *ready = &r->ready;
    const struct sg_port *port;
    struct revoke_job *job;

    if (!r->busy && ready->any && is_idle(r, ready)) {
        revoke_scope_clear(ready);
    }
    if (now < next_pass(r)) {
        return NULL;
    }
    job = xzalloc(sizeof *job);
    job->bit = r->config.bit;
    job->few_flows = r->config.few_flows;
    job->all = ready->all;
    job->marked = ready->marked && r->marks;
    job->zones = ready->zones;
    job->gone = ready->gone;
    job->since = ready->since;
    sg_members_init(&job->addresses);
    sg_members_swap(&job->addresses, &ready->addresses);
    ready->zones = bitmap_allocate(N_ZONES);
    ready->gone = bitmap_allocate(N_ZONES);
    revoke_scope_clear(ready);

    job->ours = bitmap_allocate(N_ZONES);
    HMAP_FOR_EACH (port, node, &policy->ports) {
        if (port->binding.zone) {
            bitmap_set1(job->ours, port->binding.zone);
            bitmap_set0(job->gone, port->binding.zone);
        }
    }

    if (job->all || job->marked) {
        r->marks = false;       /* Until it sees one that stays so. */
    }
    r->busy = true;
    r->running_since = job->since;
    r->budget_us = budget_at(r, now);
    r->last_begin = r->last_budget = now;
    return job;
}

static void
add_zones(const unsigned long *zones, struct flow_filter *filters, size_t *n)
{
    size_t zone;

    BITMAP_FOR_EACH_1 (zone, N_ZONES, zones) {
        if (*n < REVOKE_MAX_FILTERS) {
            filters[*n] = (struct flow_filter) {
                .kind = FLOW_OF_ZONE, .zone = zone,
            };
        }
        ++*n;
    }
}

/* Returns how many filters it would take, in 'filters' as many as there is
 * room for; no filter finds the flows of a prefix. */
static size_t
narrow_plan(const struct revoke_job *job,
            struct flow_filter filters[REVOKE_MAX_FILTERS])
{
    const struct sg_member *m;
    bool v6 = false;
    size_t n = 0;

    add_zones(job->zones, filters, &n);
    add_zones(job->gone, filters, &n);
    if (job->marked && n++ < REVOKE_MAX_FILTERS) {
        filters[n - 1] = (struct flow_filter) {
            .kind = FLOW_ALL, .mark = job->bit,
        };
    }
    SG_MEMBERS_FOR_EACH (m, &job->addresses) {
        if (!sg_prefix_is_host(&m->prefix)) {
            return SIZE_MAX;
        } else if (m->prefix.family == SG_IPV6) {
            v6 = true;
            continue;
        }
        for (int to = 0; to < 2; to++) {
            if (n++ < REVOKE_MAX_FILTERS) {
                filters[n - 1] = (struct flow_filter) {
                    .kind = to ? FLOW_TO : FLOW_FROM, .address = m->prefix,
                };
            }
        }
    }
    if (v6 && n++ < REVOKE_MAX_FILTERS) {
        filters[n - 1] = (struct flow_filter) { .kind = FLOW_OF_IPV6 };
    }
    return n;
}

size_t
revoke_job_plan(const struct revoke_job *job, size_t n_flows,
                struct flow_filter filters[REVOKE_MAX_FILTERS])
{
    size_t n = SIZE_MAX;

    if (!n_flows) {
        return 0;
    }
    if (!job->all && n_flows > job->few_flows) {
        n = narrow_plan(job, filters);
    }
    if (n > REVOKE_MAX_FILTERS) {
        filters[0] = (struct flow_filter) { .kind = FLOW_ALL };
        n = 1;
    }
    return n;
}

static bool
is_address_of(const struct sg_members *addresses,
              const struct sg_prefix *address)
{
    return sg_members_contains(addresses, address)
           || sg_members_have_prefix_of(addresses, address);
}

bool
revoke_job_wants(const struct revoke_job *job, const struct flow_entry *e)
{
    if (!bitmap_is_set(job->ours, e->zone)) {
        return bitmap_is_set(job->gone, e->zone);
    }
    return job->all || bitmap_is_set(job->zones, e->zone)
           || (job->marked && e->mark & job->bit)
           || (sg_members_count(&job->addresses)
               && (is_address_of(&job->addresses, &e->orig.src)
                   || is_address_of(&job->addresses, &e->reply.src)
                   || (e->related
                       && (is_address_of(&job->addresses, &e->master.src)
                           || is_address_of(&job->addresses,
                                            &e->master.dst)))));
}

enum flow_action
revoke_judge(struct revoke *r, const struct sg_policy *policy,
             const struct revoke_job *job, const struct flow_entry *e)
{
    bool marked = e->mark & r->config.bit;

    if (!r->judge || r->judge_generation != policy->generation) {
        flow_judge_destroy(r->judge);
        r->judge = flow_judge_create(policy);
        r->judge_generation = policy->generation;
    }
    if (!flow_judge_port(r->judge, e->zone)) {
        return bitmap_is_set(job->gone, e->zone) ? FLOW_DELETE : FLOW_LEAVE;
    }
    if (r->config.keep) {
        return marked ? FLOW_CLEAR : FLOW_LEAVE;
    }
    switch (flow_verdict(r->judge, e)) {
    case FLOW_ALLOWED:
        return marked ? FLOW_CLEAR : FLOW_LEAVE;
    case FLOW_REVOKED:
        r->marks = true;
        return marked ? FLOW_LEAVE : FLOW_MARK;
    case FLOW_STALE:
        /* A mark may be needed still, if the rules that do without it are not
         * in force yet, and is looked at when flows are tracked again. */
        r->marks = r->marks || marked;
        return marked ? FLOW_LEAVE : FLOW_DELETE;
    case FLOW_NOBODYS:
        r->marks = r->marks || marked;
        return FLOW_LEAVE;
    }
    OVS_NOT_REACHED();
}

static void
add_result(struct revoke_status *s, const struct revoke_result *result)
{
    s->passes++;
    s->passes_failed += result->error != 0;
    s->cpu_us += result->cpu_us;
    s->seen += result->seen;
    s->judged += result->judged;
    s->marked += result->marked;
    s->cleared += result->cleared;
    s->deleted += result->deleted;
    s->vanished += result->vanished;
    s->failed += result->failed;
}

void
revoke_end(struct revoke *r, struct revoke_job *job,
           const struct revoke_result *result, long long int now)
{
    struct revoke_status *s = &r->status;

    add_result(s, result);
    r->busy = false;
    r->running_since = LLONG_MAX;
    r->budget_us -= result->cpu_us;
    free(r->problem);
    r->problem = NULL;
    if (result->error) {
        long long int wait = REVOKE_RETRY_MS << MIN(r->n_failures, 10);

        r->n_failures++;
        r->marks = true;
        r->retry_at = now + MIN(wait, REVOKE_RETRY_MAX_MS);
        r->problem = (result->text ? result->text
                      : xstrdup(ovs_strerror(result->error)));
        revoke_scope_take_back(&r->ready, job);
    } else {
        r->n_failures = 0;
        r->retry_at = LLONG_MIN;
        free(result->text);
        s->cut_lag_ms = now - job->since;
        s->longest_lag_ms = MAX(s->longest_lag_ms, s->cut_lag_ms);
    }
    bitmap_free(job->zones);
    bitmap_free(job->ours);
    bitmap_free(job->gone);
    sg_members_uninit(&job->addresses);
    free(job);
}

static void
note_waiting(struct revoke_status *s, long long int since,
             enum revoke_wait what)
{
    if (since < s->waiting_since) {
        s->waiting_since = since;
        s->waiting_for = what;
    }
}

static void
note_lane(struct revoke_status *s, const struct lane *lane,
          enum revoke_wait what)
{
    note_waiting(s, MIN(lane->noted.since, lane->waiting.since),
                 lane->settled_at == LLONG_MAX ? what
                 : REVOKE_WAITS_FOR_A_PASS);
}

void
revoke_get_status(const struct revoke *r, struct revoke_status *status)
{
    *status = r->status;
    status->busy = r->busy;
    status->problem = r->problem;
    status->waiting_since = LLONG_MAX;
    status->waiting_for = REVOKE_WAITS_FOR_A_PASS;
    note_waiting(status, MIN(r->ready.since, r->running_since),
                 REVOKE_WAITS_FOR_A_PASS);
    note_lane(status, &r->structure, REVOKE_WAITS_FOR_RULES);
    note_lane(status, &r->departures, REVOKE_WAITS_FOR_DELETIONS);
}
