/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* What sync says of itself. */

#include <config.h>
#include "agent/sync-private.h"

#include <limits.h>

#include "util.h"

/* Each change stands in three beacons; who hears none of them knows nothing.
 */
#define SYNC_STALE_BEACONS 3

/* How long a controller that was replaced is said to be there after it was
 * heard of. */
#define SYNC_CONFLICT_MS 30000

/* How long a controller is said to have gone back after an answer that shows
 * it. */
#define SYNC_REGRESS_MS 30000

const char *
sync_state_name(enum sync_state state)
{
    switch (state) {
#define SYNC_STATE(ENUM, NAME) case SYNC_##ENUM: return NAME;
    SYNC_STATES
#undef SYNC_STATE
    }
    OVS_NOT_REACHED();
}

const char *
sync_object_name(enum sync_object object)
{
    switch (object) {
#define SYNC_OBJECT(ENUM, NAME) case SYNC_OBJECT_##ENUM: return NAME;
    SYNC_OBJECTS
#undef SYNC_OBJECT
    }
    OVS_NOT_REACHED();
}

void
sync_get_status(const struct sync *s, long long int now,
                struct sync_status *status)
{
    struct sync_counts counts = sync_objects_counts(&s->objects);
    long long int heard = MAX(s->last_beacon, s->connected_at);

    *status = (struct sync_status) {
        .complete = s->complete,
        .stale = (heard == LLONG_MIN
                  || (now - heard
                      > SYNC_STALE_BEACONS * s->config.beacon_ms)),
        .epoch = s->epoch,
        .last_beacon = s->last_beacon,
        .beacon_seq = s->beacon_seq,
        .syncs = s->syncs,
        .timeouts = s->timeouts,
        .failures = s->failures,
        .gaps = s->gaps,
        .old_epoch = s->old_epoch,
        .beacons_lost = s->beacons_lost,
        .full_answers = s->full_answers,
        .digests_same = s->digests_same,
        .digests_differ = s->digests_differ,
        .digest_errors = s->digest_errors,
        .unneeded = s->unneeded,
        .conflicting_epochs = (s->other_heard != LLONG_MIN
                               && now - s->other_heard < SYNC_CONFLICT_MS),
        .other_epoch = s->other_epoch,
        .other_heard = s->other_heard,
        .duplicate_host = sync_has_namesake(s, now),
        .revision_regressed = (s->regressed_at != LLONG_MIN
                               && now - s->regressed_at < SYNC_REGRESS_MS),
        .regressed = s->regressed,
        .regressed_at = s->regressed_at,
        .acks_dropped = s->acks.n_dropped,
        .removals_held = s->removals_held,
        .removals_made = s->removals_made,
        .renewed = s->renewed,
        .n_failures = s->n_failures,
        .n_needed = counts.n_needed,
        .n_unknown = counts.n_unknown,
        .n_unconfirmed = counts.n_unconfirmed,
        .n_unbound = counts.n_unbound,
    };
    policy_store_get_spared(s->store, &status->spared);
    if (!s->connected) {
        status->state = SYNC_DOWN;
    } else if (!s->session_complete || sync_has_newer(s)
               || s->doubt != s->doubt_over) {
        status->state = SYNC_ASKING;
    } else if (counts.n_unconfirmed || counts.n_unbound) {
        status->state = SYNC_CONFIRMING;
    } else {
        status->state = SYNC_SYNCED;
        status->in_sync = !counts.n_unknown && !status->spared.n;
    }
    ovs_strlcpy(status->last_error, s->last_error,
                sizeof status->last_error);
}

enum sync_object
sync_object_state(const struct sync *s, enum sg_kind kind,
                  const struct uuid *id)
{
    const struct sync_entry *e = sync_objects_find(&s->objects, kind, id);
    struct store_object object;

    if (!e || !e->needed) {
        return SYNC_OBJECT_NEW;
    } else if (e->unknown) {
        return SYNC_OBJECT_UNKNOWN;
    } else if (policy_store_object(s->store, kind, id, &object)
               && object.spared) {
        return SYNC_OBJECT_HELD;
    } else if (e->confirmed) {
        return SYNC_OBJECT_CONFIRMED;
    } else if (e->answered) {
        return SYNC_OBJECT_UNCONFIRMED;
    } else if (policy_store_object(s->store, kind, id, &object)
               && object.state != SG_ABSENT) {
        /* It came along with the answer for another object. */
        return SYNC_OBJECT_UNCONFIRMED;
    } else {
        return e->was_asked ? SYNC_OBJECT_ASKED : SYNC_OBJECT_NEW;
    }
}
