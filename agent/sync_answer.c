/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The answer to a question, page by page, and what it makes of the store. */

#include <config.h>
#include "agent/sync-private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/sequence.h"
#include "util.h"
#include "uuid.h"

/* Pages of one answer. */
#define SYNC_MAX_PAGES 4096
/* Answers after which a message that fits none of them is dropped: it claims
 * to build on something that the controller does not have. */
#define SYNC_MAX_REPLAYS 3

/* Answers of an earlier epoch to one question, and how long it then waits. */
#define SYNC_MAX_STRAYS 100
#define SYNC_STRAY_MIN_MS 100
#define SYNC_STRAY_SPREAD_MS 400

static bool check_epoch(struct sync *, const struct sg_update *,
                        long long int now);
static bool take_page(struct sync *, const struct sg_update *,
                      long long int now);
static bool take_verdict(struct sync *, const struct sg_update *,
                         long long int now);
static bool has_objects(const struct sg_update *);
static bool check_page(struct sync *, const struct sg_update *,
                       long long int now);
static bool keep_page(struct sync *, const struct sg_update *,
                      long long int now);
static void join_parts(struct sync *, const struct sg_update *,
                       struct sg_update *rest, long long int now);
static void refuse_members(struct sync *, const struct uuid *group,
                           const char *why, long long int now);
static bool check_digest(struct sync *, const struct sg_update *last,
                         long long int now);
static void list_bodies(const struct call *, struct sg_ref_list *);
static void finish(struct sync *, long long int now);
static void apply_pages(struct sync *, long long int now);
static void replay(struct sync *, long long int now);
static void mark_unknown(struct sync *, const struct sg_ref *, size_t n);

void
sync_call_answer(struct sync *s, const struct sg_update *update,
                 long long int now)
{
    struct call *c = &s->call;

    if (!check_epoch(s, update, now)) {
        return;
    }
    if (update->duplicate_host) {
        s->duplicate_at = now;
    }
    if ((c->digest && take_verdict(s, update, now))
        || !check_page(s, update, now)
        || !take_page(s, update, now)) {
        return;
    }
    if (update->next) {
        free(c->request.page);
        c->request.page = xstrdup(update->next);
        c->page_due = true;
        c->page_at = now;
    } else if (check_digest(s, update, now)) {
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
        || rpc_order_epoch(&s->newer, &update->epoch) == RPC_EPOCH_OLD
        || rpc_order_epoch(&c->epoch, &update->epoch) == RPC_EPOCH_OLD) {
        s->old_epoch++;
        if (c->n_strays++ < SYNC_MAX_STRAYS) {
            /* Two controllers share the questions: the next time it may be
             * the other one.  What has been answered so far stays, or an
             * answer of many pages would never be whole. */
            c->page_due = true;
            c->page_at = (SYNC_STRAY_MIN_MS
                          + sync_spread(s, now, SYNC_STRAY_SPREAD_MS));
        } else {
            sync_call_fail(s, "an answer of an epoch that is over", now);
        }
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

/* What the answer to a question with a digest says of that.  Returns true if
 * there is nothing more to be done with it. */
static bool
take_verdict(struct sync *s, const struct sg_update *update,
             long long int now)
{
    struct call *c = &s->call;

    if (update->want_have) {
        s->digests_differ++;
        sync_call_ask_have(s);
        return true;
    } else if (update->same && (has_objects(update) || update->next)) {
        sync_call_fail(s, "the answer says that nothing differs, and more",
                       now);
        return true;
    } else if (!c->fresh && update->same) {
        s->digests_same++;
        sync_objects_same(&s->objects, s->store, now);
        finish(s, now);
        return true;
    }
    /* An answer to a question that has said nothing. */
    c->digest = false;
    c->fresh = true;
    return false;
}

static bool
has_objects(const struct sg_update *u)
{
    return (u->n_ports || u->n_rules || u->n_members || u->n_deleted
            || u->n_unknown || u->n_bad);
}

static bool
check_page(struct sync *s, const struct sg_update *update, long long int now)
{
    struct call *c = &s->call;

    if (update->want_have) {
        sync_call_fail(s, "the answer wants to know what is held, and was "
                       "told", now);
        return false;
    }
    if (++c->n_pages > SYNC_MAX_PAGES) {
        sync_call_fail(s, "too many pages", now);
        return false;
    }
    if (update->page && update->page != (int64_t) c->n_pages) {
        char text[64];

        snprintf(text, sizeof text, "page %"PRIuSIZE" twice or missing",
                 c->n_pages);
        sync_call_fail(s, text, now);
        return false;
    }
    return true;
}

/* Objects of the epoch in force are applied as they come; what the controller
 * takes away goes only after the last page. */
static bool
take_page(struct sync *s, const struct sg_update *update, long long int now)
{
    struct sg_update rest = *update;
    struct call *c = &s->call;
    bool fits, ok;

    sync_regress_look(s, update, now);
    mark_unknown(s, update->unknown, update->n_unknown);
    mark_unknown(s, update->bad, update->n_bad);
    c->n_bad += update->n_bad;
    rest.members = xcalloc(update->n_members + 1, sizeof *rest.members);
    join_parts(s, update, &rest, now);
    fits = sync_removal_collect(s, &rest);
    if (!fits) {
        ok = false;
    } else if (c->fresh) {
        ok = keep_page(s, &rest, now);
    } else {
        policy_store_update(s->store, &rest, now, NULL);
        sync_objects_refresh(&s->objects, s->store, now);
        ok = true;
    }
    for (size_t i = 0; i < rest.n_members; i++) {
        if (rest.members[i].parts) {
            sg_members_spec_uninit(&rest.members[i]);
        }
    }
    free(rest.members);
    free(rest.ports);
    if (!fits) {
        sync_call_fail(s, "the answer is too large", now);
    }
    return ok;
}

static bool
keep_page(struct sync *s, const struct sg_update *page, long long int now)
{
    kept_add(&s->call.pages, page);
    if (s->call.pages.overflow) {
        sync_call_fail(s, "the answer is too large", now);
        return false;
    }
    return true;
}

/* Whole lists go on as they are.  Parts stay here until their list is whole;
 * then it goes on, still saying that it was in parts. */
static void
join_parts(struct sync *s, const struct sg_update *update,
           struct sg_update *rest, long long int now)
{
    const struct policy_store_limits *l = policy_store_limits(s->store);
    const struct parts_limits limits = {
        .groups = l->groups,
        .members = l->members,
        .set_entries = l->set_entries,
    };

    rest->n_members = 0;
    for (size_t i = 0; i < update->n_members; i++) {
        const struct sg_members_spec *spec = &update->members[i];
        struct sg_members_spec whole;
        const char *why;

        if (!spec->parts) {
            rest->members[rest->n_members++] = *spec;
            continue;
        }
        switch (parts_add(&s->call.parts, &limits, spec, &whole, &why)) {
        case PARTS_MORE:
            break;
        case PARTS_WHOLE:
            whole.parts = spec->parts;
            rest->members[rest->n_members++] = whole;
            break;
        case PARTS_DROPPED:
            refuse_members(s, &spec->group, why, now);
            break;
        }
    }
}

/* The answer has no list of the members of 'group' after all. */
static void
refuse_members(struct sync *s, const struct uuid *group, const char *why,
               long long int now)
{
    struct sg_ref ref = { .kind = SG_KIND_MEMBERS, .id = *group };
    struct sg_update update;

    mark_unknown(s, &ref, 1);
    s->call.n_bad++;
    sg_update_init(&update, SG_METHOD_SYNC);
    sg_refusal_add(&update.problems, &update.n_problems, "parts", why);
    update.bad = &ref;
    update.n_bad = 1;
    if (s->call.fresh) {
        kept_add(&s->call.pages, &update);
    } else {
        policy_store_update(s->store, &update, now, NULL);
    }
    update.bad = NULL;
    update.n_bad = 0;
    sg_update_uninit(&update);
}

/* A complete answer to a fresh question has all bodies: do they make the
 * digest that it says?  Looked at before anything of it is used.  What was
 * not readable is counted by the controller, and named already. */
static bool
check_digest(struct sync *s, const struct sg_update *last, long long int now)
{
    struct sg_ref_list bodies = { NULL, 0, 0 };
    char digest[RPC_DIGEST_LEN + 1];
    struct call *c = &s->call;
    struct uuid group;

    while (parts_pop_missing(&c->parts, &group)) {
        refuse_members(s, &group, "the list of its members is not complete",
                       now);
    }
    if (c->pages.overflow) {
        sync_call_fail(s, "the answer is too large", now);
        return false;
    }
    if (!c->fresh || !last->digest || c->n_bad) {
        return true;
    }
    list_bodies(c, &bodies);
    rpc_digest(bodies.refs, bodies.n, digest);
    sg_ref_list_clear(&bodies);
    if (strcmp(digest, last->digest)) {
        s->digest_errors++;
        sync_call_fail(s, "the digest of the answer is wrong", now);
        return false;
    }
    return true;
}

static int
compare_refs(const void *a_, const void *b_)
{
    const struct sg_ref *a = a_;
    const struct sg_ref *b = b_;
    int cmp = uuid_compare_3way(&a->id, &b->id);

    return (a->kind != b->kind ? (a->kind < b->kind ? -1 : 1)
            : cmp ? cmp
            : a->revision < b->revision ? -1 : a->revision > b->revision);
}

static void
list_ports(const struct sg_update *update, struct sg_ref_list *list)
{
    for (size_t i = 0; i < update->n_ports; i++) {
        sg_ref_list_add(list, &(struct sg_ref) {
            SG_KIND_PORT, update->ports[i].id, update->ports[i].revision });
    }
}

/* The bodies of the answer, also those that are set aside because they take
 * everything from a port; each object once: at its last revision. */
static void
list_bodies(const struct call *c, struct sg_ref_list *list)
{
    const struct kept_update *u;
    size_t n = 0;

    list_ports(&c->removals, list);
    LIST_FOR_EACH (u, node, &c->pages.updates) {
        const struct sg_update *page = &u->update;

        list_ports(page, list);
        for (size_t i = 0; i < page->n_rules; i++) {
            sg_ref_list_add(list, &(struct sg_ref) {
                SG_KIND_RULES, page->rules[i].group,
                page->rules[i].revision });
        }
        for (size_t i = 0; i < page->n_members; i++) {
            sg_ref_list_add(list, &(struct sg_ref) {
                SG_KIND_MEMBERS, page->members[i].group,
                page->members[i].revision });
        }
    }
    if (list->n > 1) {
        qsort(list->refs, list->n, sizeof *list->refs, compare_refs);
    }
    for (size_t i = 0; i < list->n; i++) {
        const struct sg_ref *next = &list->refs[i + 1];

        if (i + 1 == list->n || next->kind != list->refs[i].kind
            || !uuid_equals(&next->id, &list->refs[i].id)) {
            list->refs[n++] = list->refs[i];
        }
    }
    list->n = n;
}

/* A change that came behind the first page is named by some beacons only.
 * All of them may have come before the last page, when nothing of their epoch
 * was in force: as if they had been lost. */
static void
look_back(struct sync *s, long long int now)
{
    if (s->call.n_pages > 1
        && sync_beacons_missing(s, now) >= SYNC_LOST_BEACONS) {
        sync_lost(s, now);
    }
}

/* The last page has come. */
static void
finish(struct sync *s, long long int now)
{
    char digest[RPC_DIGEST_LEN + 1];
    struct call *c = &s->call;
    bool in_words = c->full && (c->fresh || c->said_have);

    if (c->fresh) {
        apply_pages(s, now);
    }
    sync_removal_finish(s, now);
    if (in_words) {
        policy_store_digest(s->store, digest);
        sync_objects_cover(&s->objects, s->store, c->fresh);
    }

    bool overflow = s->kept.overflow;
    replay(s, now);
    sync_objects_refresh(&s->objects, s->store, now);
    if (in_words) {
        sync_objects_uncovered(&s->objects, s->store, now);
    }
    sync_objects_answered(&s->objects, s->store, now);
    if (c->full) {
        s->complete = s->session_complete = true;
        s->full_answers++;
        s->doubt_over = c->doubt;
        s->covered_at = c->asked_at;
        look_back(s, now);
    }
    if (overflow) {
        /* What had no room may have been newer than the answer. */
        s->doubt++;
        sync_want_full(s, now);
    }
    if (!sync_has_newer(s)) {
        acks_answered(&s->acks,
                      &(struct acks_question) { s->syncs, c->asked_at },
                      policy_store_policy(s->store)->generation);
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
        c->anew = true;
        s->epoch = c->epoch;
        s->beacon_seq = -1;
        sync_regress_over(s);
    }
    if (sync_has_newer(s)
        && rpc_order_epoch(&s->epoch, &s->newer) != RPC_EPOCH_NEW) {
        memset(&s->newer, 0, sizeof s->newer);
    }
    if (c->anew) {
        policy_store_new_epoch(s->store);
    } else {
        policy_store_say_again(s->store);
    }
    sync_objects_new_epoch(&s->objects, now);
    while ((page = kept_pop(&c->pages)) != NULL) {
        policy_store_update(s->store, &page->update, now, NULL);
        kept_update_destroy(page);
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
