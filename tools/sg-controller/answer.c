/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tools/sg-controller/answer.h"

#include <stdlib.h>
#include <string.h>

#include "tools/sg-controller/closure.h"
#include "tools/sg-controller/entry_cache.h"
#include "tools/sg-controller/page_token.h"
#include "tools/sg-controller/ref_set.h"
#include "tools/sg-controller/state.h"
#include "util.h"
#include "uuid.h"

/* A page being filled. */
struct filling {
    const struct answer_source *source;
    const struct sg_sync_request *request;
    struct ref_set have;
    struct answer_given *given;
    struct answer *answer;
    struct page_token at;       /* Where it is, and where it began. */
    size_t bytes;
    bool has_given;             /* Is 'given' all that came before? */
    bool left_out;              /* Something that the agent has. */
};

static bool answer_digest(const struct answer_source *,
                          const struct sg_sync_request *,
                          const struct ref_set *covered, struct sg_update *);
static void fill_page(struct filling *, const struct sg_ref *, size_t n);
static bool add_object(struct filling *, const struct sg_ref *,
                       unsigned int part);
static bool add_body(struct filling *, const struct sg_ref *,
                     unsigned int part);
static bool add_word(struct filling *, const struct sg_ref *, bool deleted);
static bool add_entry(struct filling *, const char *text, size_t len);
static void add_given(struct filling *, const struct sg_ref *);
static bool has_it(const struct filling *, const struct sg_ref *);
static int compare_refs(const struct sg_ref *, const struct sg_ref *);

void
answer_given_clear(struct answer_given *given)
{
    free(given->refs);
    memset(given, 0, sizeof *given);
}

/* One page comes from one state, between two turns of the loop: an agent never
 * sees half of a reload in it.  The same question gets the same text. */
char *
answer_sync(const struct answer_source *source,
            const struct sg_sync_request *request,
            const struct ref_set *covered, struct answer_given *given,
            struct answer *answer)
{
    struct filling filling = {
        .source = source, .request = request, .given = given,
        .answer = answer, .has_given = !request->partial,
    };
    struct sg_ref *refs;

    if (!request->page) {
        answer_given_clear(given);
        filling.at.page = 1;
    } else if (!page_token_parse(request->page, &filling.at)) {
        return xstrdup("page: there is no such page");
    }

    memset(answer, 0, sizeof *answer);
    sg_update_init(&answer->head, SG_METHOD_SYNC);
    answer->head.epoch = *state_epoch(source->state);
    if (answer_digest(source, request, covered, &answer->head)) {
        return NULL;
    }
    answer->head.page = filling.at.page;

    ref_set_init(&filling.have);
    for (size_t i = 0; i < request->n_have; i++) {
        const struct sg_ref *ref = &request->have[i];

        ref_set_add(&filling.have, ref->kind, &ref->id, ref->revision);
    }
    refs = ref_set_sorted(covered);
    fill_page(&filling, refs, ref_set_count(covered));
    free(refs);
    ref_set_destroy(&filling.have);
    return NULL;
}

void
answer_uninit(struct answer *answer)
{
    sg_update_uninit(&answer->head);
    for (size_t i = 0; i < answer->n_texts; i++) {
        free(answer->texts[i]);
    }
    free(answer->texts);
    free(answer->entries);
}

/* True if the digest is all that there is to say. */
static bool
answer_digest(const struct answer_source *source,
              const struct sg_sync_request *request,
              const struct ref_set *covered, struct sg_update *head)
{
    char digest[RPC_DIGEST_LEN + 1];

    if (!request->digest || request->partial || request->page
        || sg_epoch_compare(&request->epoch, state_epoch(source->state))) {
        return false;
    }
    closure_digest(source->state, covered, digest);
    if (!strcmp(digest, request->digest)) {
        head->same = true;
        return true;
    }
    /* Who gave 'have' as well need not come again. */
    head->want_have = !request->n_have;
    return head->want_have;
}

/* Goes on where the page before ended, until this one is full. */
static void
fill_page(struct filling *f, const struct sg_ref *refs, size_t n)
{
    const struct page_token begin = f->at;
    struct answer_given *given = f->given;
    struct sg_update *head = &f->answer->head;

    if (begin.n_given <= given->n) {
        given->n = begin.n_given;       /* Asked for a second time. */
    } else {
        f->has_given = false;
    }
    for (size_t i = 0; i < n; i++) {
        int cmp = begin.page > 1 ? compare_refs(&refs[i], &begin.ref) : 1;

        f->at.ref = refs[i];
        f->at.part = 0;
        if (!cmp && begin.part) {
            f->at.ref.revision = begin.ref.revision;
            f->at.part = begin.part;
        }
        if (cmp >= 0 && !add_object(f, &refs[i], f->at.part)) {
            f->at.page++;
            f->at.n_given = f->has_given ? given->n : SIZE_MAX;
            head->next = page_token_format(&f->at);
            return;
        }
    }

    head->same = (begin.page == 1 && n && f->left_out && !f->answer->n);
    if (f->has_given) {
        head->digest = xmalloc(RPC_DIGEST_LEN + 1);
        rpc_digest(given->refs, given->n, head->digest);
    }
    answer_given_clear(given);
}

/* Adds the object, from 'part' on at the revision in 'f->at' unless that is 0.
 * False if the page is full: 'f->at' says what is left. */
static bool
add_object(struct filling *f, const struct sg_ref *ref, unsigned int part)
{
    struct sg_ref at = *ref;

    switch (state_find(f->source->state, ref->kind, &ref->id, &at.revision)) {
    case STATE_UNKNOWN:
        return add_word(f, &at, false);
    case STATE_DELETED:
        if (has_it(f, &at)) {
            f->left_out = true;
            return true;
        }
        return add_word(f, &at, true);
    case STATE_PRESENT:
        break;
    }
    if (!part && has_it(f, &at)) {
        f->left_out = true;
        add_given(f, &at);
        return true;
    }
    return add_body(f, &at, part);
}

/* A list of which parts have been given is finished at their revision, if that
 * is still here; otherwise the agent drops them and gets it from the start. */
static bool
add_body(struct filling *f, const struct sg_ref *ref, unsigned int part)
{
    const struct answer_source *source = f->source;
    const struct entry *entry = NULL;

    if (part > 1) {
        entry = entry_cache_get_part(source->cache, &f->at.ref, part,
                                     source->now);
    }
    if (!entry) {
        entry = entry_cache_get(source->cache, source->state, ref,
                                source->now);
        if (part > 1 && entry->ref.revision == f->at.ref.revision) {
            /* They were no longer in the cache, and are the same again. */
            const struct entry *again = entry_cache_get_part(
                source->cache, &f->at.ref, part, source->now);

            entry = again ? again : entry;
        }
    }
    for (;;) {
        f->at.ref = entry->ref;
        f->at.part = entry->part;
        if (!add_entry(f, entry->text, entry->len)) {
            return false;
        }
        if (entry->part == entry->parts) {
            add_given(f, &entry->ref);
            return true;
        }
        /* Where one part is, all are. */
        entry = entry_cache_get_part(source->cache, &f->at.ref,
                                     f->at.part + 1, source->now);
        ovs_assert(entry);
    }
}

static bool
add_word(struct filling *f, const struct sg_ref *ref, bool deleted)
{
    struct answer *answer = f->answer;
    struct sg_ref copy = *ref;
    struct sg_update update;
    size_t len;
    char *text;

    sg_update_init(&update, SG_METHOD_SYNC);
    if (deleted) {
        update.deleted = &copy;
        update.n_deleted = 1;
    } else {
        update.unknown = &copy;
        update.n_unknown = 1;
    }
    text = rpc_encode_entry(&update, &len);
    if (!add_entry(f, text, len)) {
        free(text);
        return false;
    }
    if (answer->n_texts >= answer->allocated_texts) {
        answer->texts = x2nrealloc(answer->texts, &answer->allocated_texts,
                                   sizeof *answer->texts);
    }
    answer->texts[answer->n_texts++] = text;
    return true;
}

/* What is larger than a page has one of its own. */
static bool
add_entry(struct filling *f, const char *text, size_t len)
{
    struct answer *answer = f->answer;

    if (answer->n && f->bytes + len > f->source->page_bytes) {
        return false;
    }
    if (answer->n >= answer->allocated) {
        answer->entries = x2nrealloc(answer->entries, &answer->allocated,
                                     sizeof *answer->entries);
    }
    answer->entries[answer->n++] = (struct rpc_entry) { text, len };
    f->bytes += len + 1;        /* And a comma. */
    return true;
}

static void
add_given(struct filling *f, const struct sg_ref *ref)
{
    struct answer_given *given = f->given;

    /* They stand in order, unless a token was made up. */
    if (given->n && compare_refs(&given->refs[given->n - 1], ref) >= 0) {
        f->has_given = false;
    }
    if (!f->has_given) {
        return;
    }
    if (given->n >= given->allocated) {
        given->refs = x2nrealloc(given->refs, &given->allocated,
                                 sizeof *given->refs);
    }
    given->refs[given->n++] = *ref;
}

/* Does the agent have it already, just as it is now? */
static bool
has_it(const struct filling *f, const struct sg_ref *ref)
{
    const struct sg_ref *held;

    if (sg_epoch_compare(&f->request->epoch,
                         state_epoch(f->source->state))) {
        return false;
    }
    held = ref_set_find(&f->have, ref->kind, &ref->id);
    return held && held->revision && held->revision == ref->revision;
}

static int
compare_refs(const struct sg_ref *a, const struct sg_ref *b)
{
    if (a->kind != b->kind) {
        return a->kind < b->kind ? -1 : 1;
    }
    return uuid_compare_3way(&a->id, &b->id);
}
