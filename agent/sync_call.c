/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* One question.
 *
 *   begin --> send --> answer, page by page --> finish
 *               ^         |  `next`,      |
 *               +---------+  `want_have`  +--> fail: everything asked is due
 *                                              again, after a back-off
 */

#include <config.h>
#include "agent/sync-private.h"

#include <ctype.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

/* A partial question names at most that many objects; more make a full one. */
#define SYNC_MAX_OBJECTS 1000
/* Entries of `have`; what is left out is sent again. */
#define SYNC_MAX_HAVE 20000

static void fill_request(struct sync *);
static void say_what_is_held(struct sync *, struct sg_ref_list *asked);
static void fill_have(struct sync *, const struct sg_ref_list *asked);
static void clone_request(struct sg_sync_request *,
                          const struct sg_sync_request *);
static bool has_epoch(const struct sync *);

void
sync_call_begin(struct sync *s, bool full, long long int now)
{
    struct sg_ref_list asked = { NULL, 0, 0 };
    struct call *c = &s->call;

    if (!full) {
        /* What is due in a moment goes along. */
        sync_objects_ask(&s->objects, s->store, false, now + SYNC_GATHER_MS,
                         &asked);
        if (!asked.n) {
            return;
        }
        full = asked.n > SYNC_MAX_OBJECTS;
    }
    c->active = true;
    c->full = full;
    c->fresh = full && (s->full_fresh || sync_has_newer(s) || !has_epoch(s));
    c->anew = c->fresh;
    c->accept = s->accept;
    /* A digest would not say of what is spared that it is gone. */
    c->digest = full && !c->fresh && !c->accept && s->removal_at > now;
    c->doubt = s->doubt;
    c->asked_at = now;
    fill_request(s);
    if (full) {
        asked.n = 0;
        sync_objects_ask(&s->objects, s->store, true, now, &asked);
        s->full_at = LLONG_MAX;
        s->full_fresh = false;
    }
    say_what_is_held(s, &asked);
    sg_ref_list_clear(&asked);
    s->syncs++;
}

void
sync_call_ask_have(struct sync *s)
{
    struct sg_ref_list none = { NULL, 0, 0 };
    struct call *c = &s->call;

    c->digest = false;
    sg_sync_request_uninit(&c->request);
    memset(&c->request, 0, sizeof c->request);
    fill_request(s);
    say_what_is_held(s, &none);
    c->page_due = true;
    c->page_at = s->now;
}

void
sync_call_send(struct sync *s, long long int now, char msg_id[33],
               struct sg_sync_request *request)
{
    struct call *c = &s->call;

    snprintf(c->msg_id, sizeof c->msg_id, "%016"PRIx64"%016"PRIx64,
             sync_random(s), sync_random(s));
    memcpy(msg_id, c->msg_id, sizeof c->msg_id);
    c->page_due = false;
    c->deadline = now + s->config.timeout_ms;
    clone_request(request, &c->request);
}

void
sync_call_fail(struct sync *s, const char *text, long long int now)
{
    struct call *c = &s->call;
    long long int ms = s->config.backoff_min_ms;

    ovs_strlcpy(s->last_error, text, sizeof s->last_error);
    for (char *p = s->last_error; *p; p++) {
        if (!isprint((unsigned char) *p)) {
            *p = '?';
        }
    }

    for (unsigned int i = 0;
         i < s->n_failures && ms < s->config.backoff_max_ms; i++) {
        ms *= 2;
    }
    /* With jitter at most that long. */
    ms = MIN(ms, s->config.backoff_max_ms * 4 / 5);
    s->hold_until = (now + ms * 3 / 4
                     + (long long int) (sync_random(s)
                                        % (uint64_t) (ms / 2 + 1)));
    s->n_failures++;
    s->failures++;

    if (c->full) {
        s->full_fresh = s->full_fresh || c->anew;
        sync_want_full(s, now);
    }
    sync_objects_failed(&s->objects, now);
    sync_call_end(s);
}

void
sync_call_end(struct sync *s)
{
    struct call *c = &s->call;

    sg_sync_request_uninit(&c->request);
    memset(&c->request, 0, sizeof c->request);
    kept_clear(&c->pages);
    parts_clear(&c->parts);
    sg_update_uninit(&c->removals);
    sg_update_init(&c->removals, SG_METHOD_SYNC);
    memset(&c->epoch, 0, sizeof c->epoch);
    c->n_pages = c->n_bad = 0;
    c->n_strays = 0;
    c->removal_bytes = 0;
    c->active = c->page_due = c->full = c->fresh = c->anew = false;
    c->digest = false;
    c->accept = c->said_have = false;
}

/* Who asks.  A digest comes first: it says what it covers. */
static void
fill_request(struct sync *s)
{
    struct sg_sync_request *r = &s->call.request;
    struct sg_ref_list needs = { NULL, 0, 0 };

    r->host = xstrdup(s->config.host);
    r->boot = xstrdup(s->config.boot);
    r->epoch = s->epoch;

    policy_store_needs(s->store, &needs);
    r->ports = xcalloc(needs.n + 1, sizeof *r->ports);
    for (size_t i = 0; i < needs.n; i++) {
        if (needs.refs[i].kind == SG_KIND_PORT) {
            r->ports[r->n_ports++] = needs.refs[i].id;
        }
    }
    sg_ref_list_clear(&needs);
    if (s->call.digest) {
        r->digest = xmalloc(RPC_DIGEST_LEN + 1);
        policy_store_digest(s->store, r->digest);
    }
}

static void
say_what_is_held(struct sync *s, struct sg_ref_list *asked)
{
    struct sg_sync_request *r = &s->call.request;

    s->call.said_have = !s->call.digest;
    if (!s->call.digest && !s->call.fresh) {
        fill_have(s, asked);
    }
    if (!s->call.full) {
        r->partial = true;
        r->objects = asked->refs;
        r->n_objects = asked->n;
        memset(asked, 0, sizeof *asked);
    }
}

/* What is held of what may be in the answer.  A port brings its groups along,
 * which are mostly here already: then all that is held. */
static void
fill_have(struct sync *s, const struct sg_ref_list *asked)
{
    struct sg_sync_request *r = &s->call.request;
    struct sg_ref_list held = { NULL, 0, 0 };
    bool all = s->call.full;

    for (size_t i = 0; i < asked->n; i++) {
        all = all || asked->refs[i].kind == SG_KIND_PORT;
    }
    if (all) {
        policy_store_held(s->store, &held);
    }

    const struct sg_ref_list *from = all ? &held : asked;
    r->have = xcalloc(from->n + 1, sizeof *r->have);
    for (size_t i = 0; i < from->n && r->n_have < SYNC_MAX_HAVE; i++) {
        if (from->refs[i].revision) {
            r->have[r->n_have++] = from->refs[i];
        }
    }
    sg_ref_list_clear(&held);
}

static void *
clone_array(const void *array, size_t n, size_t size)
{
    return n ? xmemdup(array, n * size) : NULL;
}

static void
clone_request(struct sg_sync_request *dst, const struct sg_sync_request *src)
{
    *dst = *src;
    dst->host = xstrdup(src->host);
    dst->boot = xstrdup(src->boot);
    dst->ports = clone_array(src->ports, src->n_ports, sizeof *src->ports);
    dst->objects = clone_array(src->objects, src->n_objects,
                               sizeof *src->objects);
    dst->have = clone_array(src->have, src->n_have, sizeof *src->have);
    dst->digest = nullable_xstrdup(src->digest);
    dst->page = nullable_xstrdup(src->page);
}

static bool
has_epoch(const struct sync *s)
{
    return s->epoch.ms || s->epoch.tag;
}
