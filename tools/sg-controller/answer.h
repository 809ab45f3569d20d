/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef SG_CONTROLLER_ANSWER_H
#define SG_CONTROLLER_ANSWER_H 1

/* The answer to a `sync` call, or one page of it.
 *
 * Pure.  Every object that the request covers comes whole, in parts, as
 * `deleted`, as `unknown`, or not at all because the request says, in our
 * epoch, that the agent has it at its revision.  A question with a digest is
 * answered with one word if nothing differs, and sent back for `have` if
 * something does.
 *
 * Objects come sorted by kind and id, each page at what is true when it is
 * asked for.  A change of what was given on a page before is published, since
 * the host counts as interested before the page is made. */

#include "rpc/message.h"
#include "sg/update.h"

struct entry_cache;
struct ref_set;
struct state;

struct answer_source {
    const struct state *state;
    struct entry_cache *cache;
    size_t page_bytes;          /* RPC_PAGE_BYTES, but for tests. */
    long long int now;
};

/* What the pages before said a host has, for the digest of the last page.  An
 * embedded object, all zeros at first. */
struct answer_given {
    struct sg_ref *refs;
    size_t n, allocated;
};
void answer_given_clear(struct answer_given *);

struct answer {
    struct sg_update head;      /* All but the objects, and but 'sent'. */
    struct rpc_entry *entries;  /* Valid until entry_cache_trim(). */
    size_t n, allocated;
    char **texts;               /* Of those, what is not in the cache. */
    size_t n_texts, allocated_texts;
};

/* 'covered' is what the request covers; 'given' belongs to the host.  Fills in
 * 'answer', for answer_uninit(); fails if there is no such page. */
char *answer_sync(const struct answer_source *,
                  const struct sg_sync_request *,
                  const struct ref_set *covered, struct answer_given *given,
                  struct answer *) SG_MUST_USE;
void answer_uninit(struct answer *);

#endif /* tools/sg-controller/answer.h */
