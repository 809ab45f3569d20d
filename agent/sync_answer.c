/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The answer to a question, page by page, and what it makes of the store. */

#include <config.h>
#include "agent/sync-private.h"

#include <stdlib.h>
#include <string.h>

#include "rpc/sequence.h"
#include "util.h"

/* Pages of one answer. */
#define SYNC_MAX_PAGES 4096
/* Answers after which a message that fits none of them is dropped: it claims
 * to build on something that the controller does not have. */
#define SYNC_MAX_REPLAYS 3

static bool check_epoch(struct sync *, const struct sg_update *,
                        long long int now);
static bool take_page(struct sync *, const struct sg_update *,
                      long long int now);
static void finish(struct sync *, long long int now);
static void apply_pages(struct sync *, long long int now);
static void apply_deleted(struct sync *, long long int now);
static void replay(struct sync *, long long int now);
static void mark_unknown(struct sync *, const struct sg_ref *, size_t n);

void
sync_call_answer(struct sync *s, const struct sg_update *update,
                 long long int now)
{
    struct call *c = &s->call;

    if (!check_epoch(s, update, now) || !take_page(s, update, now)) {
        return;
    }
    if (update->next) {
        free(c->request.page);
        c->request.page = xstrdup(update->next);
        c->page_due = true;
    } else {
        finish(s, now);
    }
}

/* Is this page of an epoch that the question can be answered in? */
static bool
check_epoch(struct sync *s, const struct sg_update *update,
            long long int now)
{
    enum rpc_epoch_order order = rpc_order_epoch(&s->epoch, &update->epoch);
    struct call *c = &s->call;

    if (order == RPC_EPOCH_OLD
        || (sync_has_newer(s)
            && rpc_order_epoch(&s->newer,
                               &update->epoch) == RPC_EPOCH_OLD)) {
        s->old_epoch++;
        sync_call_fail(s, "an answer of an epoch that is over", now);
        return false;
    }
    if (c->n_pages && sg_epoch_compare(&c->epoch, &update->epoch)) {
        sync_note_newer(s, &update->epoch, now);
        sync_call_fail(s, "the epoch changed between two pages", now);
        return false;
    }
    if (order == RPC_EPOCH_NEW && !c->full) {
        /* Not a failure: the controller is there, but only a full answer can
         * begin its epoch. */
        sync_note_newer(s, &update->epoch, now);
        sync_objects_failed(&s->objects, now);
        sync_call_end(s);
        return false;
    }
    c->fresh = c->fresh || order == RPC_EPOCH_NEW;
    c->epoch = update->epoch;
    return true;
}

/* Objects of the epoch in force are applied as they come; what the controller
 * deleted is taken away only after the last page. */
static bool
take_page(struct sync *s, const struct sg_update *update, long long int now)
{
    struct call *c = &s->call;

    if (++c->n_pages > SYNC_MAX_PAGES) {
        sync_call_fail(s, "too many pages", now);
        return false;
    }
    mark_unknown(s, update->unknown, update->n_unknown);
    mark_unknown(s, update->bad, update->n_bad);
    if (c->fresh) {
        kept_add(&c->pages, update);
        if (c->pages.overflow) {
            sync_call_fail(s, "the answer is too large", now);
            return false;
        }
    } else {
        struct sg_update rest = *update;

        for (size_t i = 0; i < update->n_deleted; i++) {
            sg_ref_list_add(&c->deleted, &update->deleted[i]);
        }
        rest.deleted = NULL;
        rest.n_deleted = 0;
        policy_store_update(s->store, &rest, now, NULL);
        sync_objects_refresh(&s->objects, s->store, now);
    }
    return true;
}

/* The last page has come. */
static void
finish(struct sync *s, long long int now)
{
    struct call *c = &s->call;

    if (c->fresh) {
        apply_pages(s, now);
    } else {
        apply_deleted(s, now);
    }

    bool overflow = s->kept.overflow;
    replay(s, now);
    sync_objects_refresh(&s->objects, s->store, now);
    sync_objects_answered(&s->objects, s->store, now);
    if (c->full) {
        s->complete = s->session_complete = true;
        s->full_answers++;
        s->doubt_over = c->doubt;
        s->covered_at = c->asked_at;
    }
    if (overflow) {
        /* What had no room may have been newer than the answer. */
        s->doubt++;
        sync_want_full(s, now);
    }
    s->n_failures = 0;
    s->hold_until = LLONG_MIN;
    sync_call_end(s);
}

/* A complete fresh answer takes effect at once. */
static void
apply_pages(struct sync *s, long long int now)
{
    struct call *c = &s->call;
    struct kept_update *page;

    if (sg_epoch_compare(&s->epoch, &c->epoch)) {
        s->epoch = c->epoch;
        s->beacon_seq = -1;
    }
    if (sync_has_newer(s)
        && rpc_order_epoch(&s->epoch, &s->newer) != RPC_EPOCH_NEW) {
        memset(&s->newer, 0, sizeof s->newer);
    }
    policy_store_new_epoch(s->store);
    sync_objects_new_epoch(&s->objects, now);
    while ((page = kept_pop(&c->pages)) != NULL) {
        policy_store_update(s->store, &page->update, now, NULL);
        kept_update_destroy(page);
    }
}

static void
apply_deleted(struct sync *s, long long int now)
{
    struct call *c = &s->call;

    if (c->deleted.n) {
        struct sg_update update;

        sg_update_init(&update, SG_METHOD_SYNC);
        update.deleted = c->deleted.refs;
        update.n_deleted = c->deleted.n;
        policy_store_update(s->store, &update, now, NULL);
    }
}

/* Applies what was kept, in its order.  What still does not fit stays kept
 * for the answer that it causes to be asked for; what belongs to a newer
 * epoch stays for that one. */
static void
replay(struct sync *s, long long int now)
{
    size_t n = s->kept.n;

    s->kept.overflow = false;
    for (size_t i = 0; i < n; i++) {
        struct kept_update *u = kept_pop(&s->kept);
        struct sg_ref_list ask = { NULL, 0, 0 };
        bool again = false;

        /* Answers older than a message are rare; asking again soon is not
         * worth a crowd of hosts that all do. */
        switch (rpc_order_epoch(&s->epoch, &u->update.epoch)) {
        case RPC_EPOCH_OLD:
            break;
        case RPC_EPOCH_NEW:
            again = true;
            break;
        case RPC_EPOCH_SAME:
            policy_store_update(s->store, &u->update, now, &ask);
            again = ask.n > 0 && ++u->n_replays < SYNC_MAX_REPLAYS;
            break;
        }
        for (size_t j = 0; again && j < ask.n; j++) {
            struct sync_entry *e = sync_objects_find(&s->objects,
                                                     ask.refs[j].kind,
                                                     &ask.refs[j].id);

            if (e) {
                sync_objects_doubt(&s->objects, e, 0,
                                   sync_spread(s, now, SYNC_GAP_SPREAD_MS));
            }
        }
        sg_ref_list_clear(&ask);
        if (again) {
            kept_push(&s->kept, u);
        } else {
            kept_update_destroy(u);
        }
    }
}

static void
mark_unknown(struct sync *s, const struct sg_ref *refs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct sync_entry *e = sync_objects_find(&s->objects, refs[i].kind,
                                                 &refs[i].id);

        if (e) {
            e->said_unknown = true;
        }
    }
}
