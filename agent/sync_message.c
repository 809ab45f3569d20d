/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Messages that nobody asked for: changes, beacons, and what else a
 * controller says. */

#include <config.h>
#include "agent/sync-private.h"

#include <limits.h>
#include <string.h>

#include "rpc/sequence.h"
#include "util.h"

/* Spreads the questions of the hosts of a cloud. */
#define SYNC_MORE_SPREAD_MS 30000

static void receive_beacon(struct sync *, const struct sg_update *,
                           long long int now);
static bool receive_resync(struct sync *, const struct sg_update *,
                           struct acks_question *, long long int now);
static bool receive_change(struct sync *, const struct sg_update *,
                           struct acks_question *, long long int now);
static void receive_duplicate_host(struct sync *, const struct sg_update *,
                                   long long int now);
static void note_old_epoch(struct sync *, const struct sg_update *,
                           long long int now);
static void keep_newer(struct sync *, const struct sg_update *,
                       long long int now);
static void receive(struct sync *, const struct sg_update *,
                    long long int now);
static bool doubt(struct sync *, const struct sg_ref *, long long int when,
                  struct acks_question *);
static void wait_for(struct acks_question *, uint64_t number,
                     long long int begun);
static void hear_all(struct sync *, const struct sg_update *,
                     long long int now);
static void hear(struct sync *, enum sg_kind, const struct uuid *,
                 bool brought, long long int now);
static size_t count_own_rules(const struct sg_update *);
static size_t count_own_members(const struct sg_update *);
static bool is_unneeded(const struct sync *, const struct sg_update *);

void
sync_update(struct sync *s, const struct sg_update *update,
            long long int now)
{
    if (!s->connected) {
        return;
    }
    s->unneeded += is_unneeded(s, update);
    switch (rpc_order_epoch(&s->epoch, &update->epoch)) {
    case RPC_EPOCH_OLD:
        note_old_epoch(s, update, now);
        break;

    case RPC_EPOCH_NEW:
        /* An epoch between the one in force and the newest one seen: its
         * controller has been replaced already. */
        if (sync_has_newer(s)
            && rpc_order_epoch(&s->newer, &update->epoch) == RPC_EPOCH_OLD) {
            note_old_epoch(s, update, now);
        } else {
            sync_note_newer(s, &update->epoch, now);
            keep_newer(s, update, now);
        }
        break;

    case RPC_EPOCH_SAME:
        receive(s, update, now);
        break;
    }
}

/* Who was replaced is silent.  Who goes on does not know it. */
static void
note_old_epoch(struct sync *s, const struct sg_update *update,
               long long int now)
{
    s->old_epoch++;
    if (update->method == SG_METHOD_BEACON) {
        s->other_epoch = update->epoch;
        s->other_heard = now;
    }
}

/* A message of an epoch that is not in force yet. */
static void
keep_newer(struct sync *s, const struct sg_update *update, long long int now)
{
    bool asked = s->call.active && s->call.full;
    struct acks_question q = { .number = asked ? s->syncs : s->syncs + 1 };

    switch (update->method) {
    case SG_METHOD_BEACON:
        s->last_beacon = now;
        break;
    case SG_METHOD_DUPLICATE_HOST:
        receive_duplicate_host(s, update, now);
        break;
    case SG_METHOD_RESYNC:
        /* For everything: there is nothing of that epoch here. */
        s->doubt++;
        sync_want_full(s, now);
        wait_for(&q, s->syncs + 1, now);
        break;
    default:
        kept_add(&s->kept, update);
        break;
    }
    if (update->ack) {
        acks_add_unanswered(&s->acks, update->ack, &q, now);
    }
}

/* A message of the epoch in force.  Also one that changes nothing waits for
 * what is known: others may have brought its change, which is not in the
 * kernel yet. */
static void
receive(struct sync *s, const struct sg_update *update, long long int now)
{
    struct acks_question q = { .number = 0 };
    bool asks = false;

    switch (update->method) {
    case SG_METHOD_BEACON:
        receive_beacon(s, update, now);
        break;
    case SG_METHOD_DUPLICATE_HOST:
        receive_duplicate_host(s, update, now);
        break;
    case SG_METHOD_RESYNC:
        asks = receive_resync(s, update, &q, now);
        break;
    default:
        asks = receive_change(s, update, &q, now);
        break;
    }
    if (update->ack && asks) {
        acks_add_unanswered(&s->acks, update->ack, &q, now);
    } else if (update->ack) {
        acks_add(&s->acks, update->ack,
                 policy_store_policy(s->store)->generation, now);
    }
}

static void
receive_duplicate_host(struct sync *s, const struct sg_update *update,
                       long long int now)
{
    for (size_t i = 0; i < update->n_boots; i++) {
        if (!strcmp(update->boots[i], s->config.boot)) {
            s->duplicate_at = now;
        }
    }
}

int64_t
sync_beacons_missing(const struct sync *s, long long int now)
{
    return (s->session_complete && s->beacon_seq < 0
            ? (now - s->covered_at) / s->config.beacon_ms - 1 : 0);
}

/* How many beacons are missing before 'seq'. */
static int64_t
beacons_missing(struct sync *s, int64_t seq, long long int now)
{
    if (s->beacon_seq >= 0) {
        int64_t lost = seq - s->beacon_seq - 1;

        s->beacons_lost += (uint64_t) lost;
        return lost;
    }
    return sync_beacons_missing(s, now);
}

static void
receive_beacon(struct sync *s, const struct sg_update *update,
               long long int now)
{
    s->last_beacon = now;
    if (update->seq <= s->beacon_seq) {
        return;
    }
    if (beacons_missing(s, update->seq, now) >= SYNC_LOST_BEACONS) {
        s->doubt++;
        sync_want_full(s, sync_spread(s, now, SYNC_LOST_SPREAD_MS));
    }
    s->beacon_seq = update->seq;

    for (size_t i = 0; i < update->n_entries; i++) {
        const struct sg_beacon_entry *b = &update->entries[i];
        struct sg_ref ref;

        if (policy_store_behind(s->store, b->hash, b->revision, &ref)) {
            struct sync_entry *e = sync_objects_find(&s->objects, ref.kind,
                                                     &ref.id);

            if (e && !e->asked) {
                sync_renewal_suspect(s, e);
            }
            if (e) {
                sync_objects_doubt(&s->objects, e, b->revision,
                                   sync_spread(s, now, SYNC_GAP_SPREAD_MS));
            }
        }
    }
    if (update->more) {
        s->doubt++;
        sync_want_full(s, sync_spread(s, now, SYNC_MORE_SPREAD_MS));
    }
}

/* The controller spreads its hosts itself.  Returns true if there is a
 * question, the next one, which 'q' is to wait for. */
static bool
receive_resync(struct sync *s, const struct sg_update *update,
               struct acks_question *q, long long int now)
{
    bool asks = !update->n_refs;

    if (asks) {
        /* Reports are judged when no change is on its way. */
        sync_renewal_suspect_all(s);
        s->doubt++;
        sync_want_full(s, now);
        wait_for(q, s->syncs + 1, now);
    }
    for (size_t i = 0; i < update->n_refs; i++) {
        struct sync_entry *e = sync_objects_find(&s->objects,
                                                 update->refs[i].kind,
                                                 &update->refs[i].id);

        if (e) {
            sync_renewal_suspect(s, e);
        }
        asks |= doubt(s, &update->refs[i], now, q);
    }
    return asks;
}

/* A change of 'ref' was missed.  'q' is to wait for the question about it;
 * false if there is none, because nobody needs it. */
static bool
doubt(struct sync *s, const struct sg_ref *ref, long long int when,
      struct acks_question *q)
{
    struct sync_entry *e = sync_objects_find(&s->objects, ref->kind,
                                             &ref->id);

    if (!e || !e->needed) {
        return false;
    }
    sync_objects_doubt(&s->objects, e, 0, when);
    wait_for(q, s->syncs + 1, e->ask_at);
    return true;
}

/* For several objects, the last of their questions. */
static void
wait_for(struct acks_question *q, uint64_t number, long long int begun)
{
    q->number = MAX(q->number, number);
    q->begun = MAX(q->begun, begun);
}

/* A change of the epoch in force.  What does not fit is kept until the object
 * has been asked for: it may be newer than the answer.  Returns true if there
 * is such a question, which 'q' is to wait for. */
static bool
receive_change(struct sync *s, const struct sg_update *update,
               struct acks_question *q, long long int now)
{
    struct sg_ref_list ask = { NULL, 0, 0 };
    struct policy_store_applied applied;
    bool asks = false;

    applied = policy_store_update(s->store, update, now, &ask);
    s->gaps += ask.n;
    sync_objects_refresh(&s->objects, s->store, now);

    if (applied.n_refused || sync_objects_counts(&s->objects).n_unknown) {
        hear_all(s, update, now);
    }
    /* Behind what was heard: to hear of a gap is no news. */
    for (size_t i = 0; i < ask.n; i++) {
        struct sync_entry *e = sync_objects_find(&s->objects,
                                                 ask.refs[i].kind,
                                                 &ask.refs[i].id);

        if (e && e->asked) {
            wait_for(q, s->syncs, 0);
            asks = true;
        } else {
            asks |= doubt(s, &ask.refs[i],
                          sync_spread(s, now, SYNC_GAP_SPREAD_MS), q);
        }
    }
    if (ask.n || (s->call.active && (s->call.fresh || s->call.digest))) {
        kept_add(&s->kept, update);
    }
    sg_ref_list_clear(&ask);
    return asks;
}

static void
hear_all(struct sync *s, const struct sg_update *update, long long int now)
{
    for (size_t i = 0; i < update->n_ports; i++) {
        hear(s, SG_KIND_PORT, &update->ports[i].id, false, now);
    }
    for (size_t i = 0; i < update->n_rules; i++) {
        hear(s, SG_KIND_RULES, &update->rules[i].group,
             i >= count_own_rules(update), now);
    }
    for (size_t i = 0; i < update->n_members; i++) {
        hear(s, SG_KIND_MEMBERS, &update->members[i].group,
             i >= count_own_members(update), now);
    }
    for (size_t i = 0; i < update->n_bad; i++) {
        hear(s, update->bad[i].kind, &update->bad[i].id, false, now);
    }
}

/* A message was about this object, or has brought it along: then it did not
 * come by the object's own binding, and what came by that is not known. */
static void
hear(struct sync *s, enum sg_kind kind, const struct uuid *id, bool brought,
     long long int now)
{
    struct sync_entry *e = sync_objects_find(&s->objects, kind, id);
    struct store_object object;

    if (!e || !policy_store_object(s->store, kind, id, &object)) {
        return;
    } else if (object.problem) {
        sync_objects_refused(&s->objects, e, now);
    } else if (object.state == SG_KNOWN) {
        bool was_unknown = e->unknown;

        sync_objects_heard(&s->objects, e);
        if (brought && was_unknown) {
            sync_objects_doubt(&s->objects, e, 0,
                               sync_spread(s, now, SYNC_GAP_SPREAD_MS));
        }
    }
}

/* Of the rule lists and members in a message, those that it is about come
 * first; the others are brought along. */
static size_t
count_own_rules(const struct sg_update *update)
{
    return (update->method == SG_METHOD_PORTS_UPDATED ? 0
            : update->method == SG_METHOD_RULES_UPDATED
            ? MIN(update->n_rules, 1) : update->n_rules);
}

static size_t
count_own_members(const struct sg_update *update)
{
    return (update->method == SG_METHOD_PORTS_UPDATED
            || update->method == SG_METHOD_RULES_UPDATED
            ? 0 : update->n_members);
}

/* A message to a group's exchange, and nothing it names is held. */
static bool
is_unneeded(const struct sync *s, const struct sg_update *update)
{
    if (update->method != SG_METHOD_RULES_UPDATED
        && update->method != SG_METHOD_MEMBERS_CHANGED
        && update->method != SG_METHOD_GROUP_DELETED) {
        return false;
    }
    for (size_t i = 0; i < count_own_rules(update); i++) {
        if (sync_objects_find(&s->objects, SG_KIND_RULES,
                              &update->rules[i].group)) {
            return false;
        }
    }
    for (size_t i = 0; i < count_own_members(update); i++) {
        if (sync_objects_find(&s->objects, SG_KIND_MEMBERS,
                              &update->members[i].group)) {
            return false;
        }
    }
    for (size_t i = 0; i < update->n_deleted; i++) {
        if (sync_objects_find(&s->objects, update->deleted[i].kind,
                              &update->deleted[i].id)) {
            return false;
        }
    }
    return true;
}
