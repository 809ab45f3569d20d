/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* When passes begin, which flows they look at, and what becomes of these. */

#include <config.h>
#include "agent/revoke-private.h"

#include <limits.h>
#include <stdlib.h>

#include "util.h"

static int64_t
budget_at(const struct revoke *r, long long int now)
{
    int64_t idle = (r->last_budget == LLONG_MIN ? 0
                    : MAX(now - r->last_budget, 0));

    return MIN(r->budget_us + idle * REVOKE_CPU_PER_MILLE,
               REVOKE_CPU_BURST_US);
}

/* When there will be so much to spend. */
static long long int
budget_is(const struct revoke *r, int64_t us)
{
    return (r->budget_us >= us || r->last_budget == LLONG_MIN ? LLONG_MIN
            : r->last_budget
              + DIV_ROUND_UP(us - r->budget_us, REVOKE_CPU_PER_MILLE));
}

/* When what was looked at a moment ago has its turn. */
static long long int
next_again(const struct revoke *r)
{
    return (r->again.any ? MIN(budget_is(r, REVOKE_CPU_BURST_US),
                               r->again.since + REVOKE_AGAIN_MAX_MS)
            : LLONG_MAX);
}

static long long int
next_pass(const struct revoke *r)
{
    long long int next = r->ready.any ? LLONG_MIN : next_again(r);

    if (r->running || next == LLONG_MAX) {
        return LLONG_MAX;
    }
    next = MAX(next, MAX(r->retry_at, budget_is(r, -REVOKE_CPU_CREDIT_US)));
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
    return !s->all && !s->zones && !sg_members_count(&s->addresses)
           && !(s->marked && r->marks);
}

static void
note_zones(struct revoke_job *job, const struct sg_policy *policy)
{
    const struct sg_port *port;

    /* A pass that failed knew which those were then. */
    for (size_t i = 0; i < N_ZONES; i++) {
        job->zones[i] &= ~REVOKE_ZONE_OURS;
    }
    HMAP_FOR_EACH (port, node, &policy->ports) {
        if (port->binding.zone) {
            job->zones[port->binding.zone] |= REVOKE_ZONE_OURS;
        }
    }
    for (size_t i = 0; i < N_ZONES; i++) {
        job->zones[i] &= (job->zones[i] & REVOKE_ZONE_OURS
                          ? ~REVOKE_ZONE_GONE : REVOKE_ZONE_GONE);
    }
}

struct revoke_job *
revoke_begin(struct revoke *r, const struct sg_policy *policy,
             long long int now)
{
    struct scope *ready = &r->ready;
    struct revoke_job *job;

    if (!r->running && ready->any && is_idle(r, ready)) {
        revoke_scope_clear(ready);
    }
    if (now < next_pass(r)) {
        return NULL;
    }
    if (ready->all || now >= next_again(r)) {
        revoke_scope_move(ready, &r->again);
    }
    job = xzalloc(sizeof *job);
    job->bit = r->config.bit;
    job->few_flows = r->config.few_flows;
    job->start = ready->start;
    job->all = ready->all;
    job->marked = ready->marked && r->marks;
    job->zones = ready->zones ? ready->zones : xzalloc(N_ZONES);
    ready->zones = NULL;
    job->since = ready->since;
    sg_members_init(&job->addresses);
    sg_members_swap(&job->addresses, &ready->addresses);
    revoke_scope_clear(ready);
    note_zones(job, policy);

    if (job->all || job->marked) {
        r->marks = false;       /* Until it sees one that stays so. */
    }
    r->running = job;
    r->budget_us = budget_at(r, now);
    r->last_begin = r->last_budget = now;
    return job;
}

static void
add_zones(const struct revoke_job *job, uint8_t flag,
          struct flow_filter *filters, size_t *n)
{
    for (size_t zone = 0; zone < N_ZONES; zone++) {
        if (job->zones[zone] & flag && (*n)++ < REVOKE_MAX_FILTERS) {
            filters[*n - 1] = (struct flow_filter) {
                .kind = FLOW_OF_ZONE, .zone = zone,
            };
        }
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

    add_zones(job, REVOKE_ZONE_LOOK, filters, &n);
    add_zones(job, REVOKE_ZONE_GONE, filters, &n);
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
    uint8_t zone = job->zones[e->zone];

    if (!(zone & REVOKE_ZONE_OURS)) {
        return zone & REVOKE_ZONE_GONE;
    }
    return job->all || zone & REVOKE_ZONE_LOOK
           || (job->marked && e->mark & job->bit)
           || (sg_members_count(&job->addresses)
               && (is_address_of(&job->addresses, &e->orig.src)
                   || is_address_of(&job->addresses, &e->reply.src)
                   || (e->related
                       && (is_address_of(&job->addresses, &e->master.src)
                           || is_address_of(&job->addresses,
                                            &e->master.dst)))));
}

/* The tracking does not know any more where the flow is; it is entered anew.
 */
static bool
is_out_of_date(uint8_t zone, bool marked)
{
    return zone & REVOKE_ZONE_FROZEN
           || (marked && zone & (REVOKE_ZONE_THAWED | REVOKE_ZONE_NEW));
}

static enum flow_action
judge_allowed(uint8_t zone, bool marked)
{
    return (is_out_of_date(zone, marked) ? FLOW_DELETE
            : marked ? FLOW_CLEAR : FLOW_LEAVE);
}

/* With 'keep' flows go on, but not those of another port that had the zone. */
static enum flow_action
judge_revoked(struct revoke *r, uint8_t zone, bool marked)
{
    if (r->config.keep) {
        return (zone & REVOKE_ZONE_NEW ? FLOW_DELETE
                : judge_allowed(zone, marked));
    }
    r->marks = true;
    return marked ? FLOW_LEAVE : FLOW_MARK;
}

/* May what is not known of the port yet allow its flows, and will the next
 * pass not be late? */
static bool
has_respite(const struct revoke *r, const struct revoke_job *job,
            uint8_t zone, const struct sg_port *port)
{
    return !r->config.keep && !job->start && !r->n_failures
           && r->budget_us >= 0
           && !(zone & (REVOKE_ZONE_NEW | REVOKE_ZONE_WAITED))
           && revoke_device_lacks(r, port->binding.device);
}

/* As if the other end had begun it. */
static bool
is_allowed_reversed(const struct flow_judge *judge, const struct flow_entry *e)
{
    struct flow_entry reversed = *e;

    reversed.orig = e->reply;
    reversed.reply = e->orig;
    return !e->related && flow_verdict(judge, &reversed) == FLOW_ALLOWED;
}

enum flow_action
revoke_judge(struct revoke *r, const struct sg_policy *policy,
             const struct revoke_job *job, const struct flow_entry *e)
{
    uint8_t zone = job->zones[e->zone];
    bool marked = e->mark & r->config.bit;
    const struct sg_port *port;

    if (!r->judge || r->judge_generation != policy->generation) {
        flow_judge_destroy(r->judge);
        r->judge = flow_judge_create(policy);
        r->judge_generation = policy->generation;
    }
    port = flow_judge_port(r->judge, e->zone);
    if (!port) {
        /* What is marked would begin anew, the other way round, if the port
         * came back.  Who gets the zone is looked at. */
        return zone & REVOKE_ZONE_GONE && !marked ? FLOW_DELETE : FLOW_LEAVE;
    }
    switch (flow_verdict(r->judge, e)) {
    case FLOW_ALLOWED:
        return judge_allowed(zone, marked);
    case FLOW_REVOKED:
        if (!marked && has_respite(r, job, zone, port)) {
            revoke_scope_look(&r->ready, e->zone, policy->generation,
                              job->since);
            r->ready.zones[e->zone] |= REVOKE_ZONE_WAITED;
            return FLOW_LEAVE;
        }
        return (job->start && r->unfiltered && is_allowed_reversed(r->judge, e)
                ? judge_allowed(zone, marked)
                : judge_revoked(r, zone, marked));
    case FLOW_STALE:
        if (policy->generation > r->in_force.rules) {
            revoke_scope_look(&r->structure.noted, e->zone,
                              policy->generation, job->since);
            return FLOW_LEAVE;
        }
        /* A mark is needed when flows are tracked again. */
        r->marks = r->marks || marked;
        return marked && !r->config.keep ? FLOW_LEAVE : FLOW_DELETE;
    case FLOW_NOBODYS:
        r->marks = r->marks || marked;
        return marked && r->config.keep ? FLOW_CLEAR : FLOW_LEAVE;
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
    r->running = NULL;
    r->budget_us -= job->start ? 0 : result->cpu_us;
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
        revoke_note_served(r, job, now);
    }
    free(job->zones);
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
                 : REVOKE_WAITS_FOR_PASS);
}

const char *
revoke_wait_name(enum revoke_wait what)
{
    switch (what) {
#define REVOKE_WAIT(ENUM, NAME) case REVOKE_WAITS_FOR_##ENUM: return NAME;
        REVOKE_WAITS
#undef REVOKE_WAIT
    }
    OVS_NOT_REACHED();
}

void
revoke_get_status(const struct revoke *r, struct revoke_status *status)
{
    *status = r->status;
    status->busy = r->running;
    status->problem = r->problem;
    status->waiting_since = LLONG_MAX;
    status->waiting_for = REVOKE_WAITS_FOR_PASS;
    if (!r->started) {
        note_waiting(status, r->created, REVOKE_WAITS_FOR_START);
    }
    note_waiting(status, MIN(r->ready.since, r->again.since),
                 REVOKE_WAITS_FOR_PASS);
    note_waiting(status, r->running ? r->running->since : LLONG_MAX,
                 REVOKE_WAITS_FOR_PASS);
    note_lane(status, &r->structure, REVOKE_WAITS_FOR_RULES);
    note_lane(status, &r->departures, REVOKE_WAITS_FOR_DELETIONS);
}
