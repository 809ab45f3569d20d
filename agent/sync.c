/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "agent/sync.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sync-private.h"
#include "rpc/sequence.h"
#include "rpc/topology.h"
#include "util.h"

/* Spreads, so that the hosts of a cloud do not all ask at once. */
#define SYNC_RECONNECT_SPREAD_MS 1000
#define SYNC_EPOCH_SPREAD_MS 1000

/* sync_run() wants to be called that often even if there is nothing to do; a
 * loop that was due SYNC_STALL_MS ago has stood still. */
#define SYNC_PULSE_MS 5000
#define SYNC_STALL_MS 10000

static long long int next_question(const struct sync *);

struct sync *
sync_create(const struct sync_config *config, struct policy_store *store)
{
    struct sync *s = xzalloc(sizeof *s);

    s->config = *config;
    s->store = store;
    s->random = config->seed;
    s->full_at = s->removal_at = LLONG_MAX;
    s->silence_at = s->casts_at = LLONG_MAX;
    s->hold_until = LLONG_MIN;
    s->due = LLONG_MAX;
    sg_update_init(&s->call.removals, SG_METHOD_SYNC);
    s->connected_at = s->last_beacon = LLONG_MIN;
    s->other_heard = s->duplicate_at = s->regressed_at = LLONG_MIN;
    s->beacon_seq = -1;
    kept_init(&s->call.pages);
    parts_init(&s->call.parts);
    kept_init(&s->kept);
    sync_objects_init(&s->objects);
    return s;
}

void
sync_destroy(struct sync *s)
{
    if (s) {
        sync_call_end(s);
        kept_uninit(&s->call.pages);
        parts_uninit(&s->call.parts);
        kept_uninit(&s->kept);
        sync_objects_uninit(&s->objects);
        free(s);
    }
}

void
sync_connected(struct sync *s, long long int now)
{
    if (s->connected) {
        sync_disconnected(s, now);
    }
    s->connected = true;
    s->connected_at = now;
    s->beacon_seq = -1;
    s->casts_bound = now;
    sync_objects_refresh(&s->objects, s->store, now);
    sync_want_full(s, s->was_connected
              ? sync_spread(s, now, SYNC_RECONNECT_SPREAD_MS) : now);
    s->was_connected = true;
}

void
sync_disconnected(struct sync *s, long long int now)
{
    if (!s->connected) {
        return;
    }
    if (s->call.active) {
        sync_objects_failed(&s->objects, now);
        sync_call_end(s);
    }
    s->connected = s->session_complete = false;
    s->renew_casts = s->renew_beacons = s->renew_groups = false;
    s->casts_due = false;
    s->silence_at = s->casts_at = LLONG_MAX;
    if (s->accept) {
        s->accept = false;
        sync_removal_schedule(s);
    }
    s->full_at = LLONG_MAX;
    s->hold_until = LLONG_MIN;
    s->n_failures = 0;
    /* Nothing continues what was kept: the queue is gone. */
    kept_clear(&s->kept);
    acks_clear(&s->acks);
    sync_objects_disconnected(&s->objects);
}

void
sync_bound(struct sync *s, const char *exchange, long long int now)
{
    enum sg_kind kind;
    struct uuid id;

    if (s->connected && rpc_group_from_exchange(exchange, &kind, &id)) {
        struct sync_entry *e = sync_objects_find(&s->objects, kind, &id);

        if (e) {
            sync_objects_bound(&s->objects, e, s->store, now);
        }
    }
}

void
sync_unbound(struct sync *s, const char *exchange)
{
    enum sg_kind kind;
    struct uuid id;

    if (rpc_group_from_exchange(exchange, &kind, &id)) {
        struct sync_entry *e = sync_objects_find(&s->objects, kind, &id);

        if (e) {
            sync_objects_unbound(&s->objects, e, s->now);
        }
    }
}

/* Answers to questions that were given up are ignored. */
void
sync_answer(struct sync *s, const char *msg_id,
            const struct sg_update *update, const char *failure,
            long long int now)
{
    if (!s->call.active || s->call.page_due
        || strcmp(msg_id, s->call.msg_id)) {
        return;
    }
    if (!update) {
        sync_call_fail(s, failure ? failure
                                  : "the question could not be sent", now);
    } else {
        sync_call_answer(s, update, now);
    }
}

void
sync_needs_changed(struct sync *s, long long int now)
{
    sync_objects_refresh(&s->objects, s->store, now);
}

void
sync_request_full(struct sync *s, long long int now)
{
    s->doubt++;
    s->full_fresh = true;
    s->hold_until = LLONG_MIN;
    if (s->connected) {
        sync_want_full(s, now);
    }
}

bool
sync_acks_ready(const struct sync *s, uint64_t applied, long long int now)
{
    return acks_ready(&s->acks, applied, now);
}

char **
sync_take_acks(struct sync *s, uint64_t applied, long long int now, size_t *n)
{
    return acks_take(&s->acks, applied, now, n);
}

long long int
sync_acks_next(const struct sync *s)
{
    return acks_next(&s->acks);
}

void
sync_lost(struct sync *s, long long int now)
{
    s->doubt++;
    if (s->connected) {
        sync_want_full(s, sync_spread(s, now, SYNC_LOST_SPREAD_MS));
    }
}

bool
sync_run(struct sync *s, long long int now, char msg_id[33],
         struct sg_sync_request *request)
{
    bool sent = false;

    s->now = now;
    if (s->connected && s->due != LLONG_MAX && s->due != LLONG_MIN
        && now - s->due > SYNC_STALL_MS) {
        /* The broker may have dropped what we did not fetch. */
        s->doubt++;
        sync_want_full(s, sync_spread(s, now, SYNC_LOST_SPREAD_MS));
    }
    if (s->duplicate_at != LLONG_MIN && !sync_has_namesake(s, now)) {
        /* The controller took what the other one asked for for ours, and may
         * not have told us of the rest. */
        s->duplicate_at = LLONG_MIN;
        sync_lost(s, now);
    }
    sync_renewal_run(s, now);
    sync_objects_refresh(&s->objects, s->store, now);
    if (s->call.active && !s->call.page_due && now >= s->call.deadline) {
        s->timeouts++;
        sync_call_fail(s, "no answer in time", now);
    }
    if (s->call.active && s->call.page_due) {
        if (now >= s->call.page_at) {
            sync_call_send(s, now, msg_id, request);
            sent = true;
        }
    } else if (!s->call.active && now >= next_question(s)) {
        sync_call_begin(s, MIN(s->full_at, s->removal_at) <= now, now);
        if (s->call.active) {
            sync_call_send(s, now, msg_id, request);
            sent = true;
        }
    }
    sync_objects_recount(&s->objects);
    s->due = sync_next(s);
    return sent;
}

bool
sync_take_bindings(struct sync *s, long long int now, char ***exchanges,
                   size_t *n)
{
    sync_objects_refresh(&s->objects, s->store, now);
    if (!s->objects.bindings_changed) {
        return false;
    }
    s->objects.bindings_changed = false;
    *exchanges = sync_objects_exchanges(&s->objects, n);
    return true;
}

long long int
sync_next(const struct sync *s)
{
    long long int next;

    if (!s->connected) {
        return LLONG_MAX;
    }
    next = sync_renewal_next(s);
    if (s->call.active) {
        return MIN(next,
                   s->call.page_due ? s->call.page_at : s->call.deadline);
    }
    return MIN(next, MIN(next_question(s), s->now + SYNC_PULSE_MS));
}

/* When the next question is to be asked, if none is outstanding. */
static long long int
next_question(const struct sync *s)
{
    long long int next = MIN(s->full_at, s->removal_at);

    if (!s->connected) {
        return LLONG_MAX;
    }
    /* While a full question is due anyway, parts of it need no asking. */
    if (s->session_complete && !sync_has_newer(s)) {
        next = MIN(next, sync_objects_counts(&s->objects).next_ask);
    }
    return next == LLONG_MAX ? next : MAX(next, s->hold_until);
}

/* splitmix64: jitter and message ids need no better numbers. */
uint64_t
sync_random(struct sync *s)
{
    uint64_t x = s->random += UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* Some time from 'now' to 'now' + 'ms'. */
long long int
sync_spread(struct sync *s, long long int now, int ms)
{
    return now + (long long int) (sync_random(s) % ((unsigned int) ms + 1));
}

void
sync_want_full(struct sync *s, long long int when)
{
    s->full_at = MIN(s->full_at, when);
}

bool
sync_has_newer(const struct sync *s)
{
    return s->newer.ms || s->newer.tag;
}

bool
sync_has_namesake(const struct sync *s, long long int now)
{
    return (s->duplicate_at != LLONG_MIN
            && now - s->duplicate_at < SYNC_DUPLICATE_MS);
}

/* A higher epoch was seen.  It takes effect by a complete answer only. */
void
sync_note_newer(struct sync *s, const struct sg_epoch *epoch,
                long long int now)
{
    if (!sync_has_newer(s)
        || rpc_order_epoch(&s->newer, epoch) == RPC_EPOCH_NEW) {
        s->newer = *epoch;
        kept_clear(&s->kept);
        if (!s->call.active || !s->call.full) {
            sync_want_full(s, sync_spread(s, now, SYNC_EPOCH_SPREAD_MS));
        }
    }
}

