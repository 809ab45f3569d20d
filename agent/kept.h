/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef AGENT_KEPT_H
#define AGENT_KEPT_H 1

/* Copies of updates that cannot be applied yet, in order and bounded.
 *
 * Pure; a part of sync.  Two uses: messages that arrive before the answer
 * they build on, and the pages of an answer that must take effect at once.
 * Beyond a limit everything is dropped and 'overflow' says so: whoever kept
 * them has to ask again anyway. */

#include "openvswitch/list.h"
#include "sg/update.h"

/* Some 2,000 messages of the usual size; or a few dozen pages. */
#define KEPT_MAX_UPDATES 10000
#define KEPT_MAX_BYTES (128 * 1024 * 1024)

struct kept_update {
    struct ovs_list node;
    struct sg_update update;
    unsigned int n_replays;     /* In vain so far. */
};

struct kept {
    struct ovs_list updates;    /* Contains "struct kept_update"s. */
    size_t n, bytes;
    bool overflow;              /* Since the last clear. */
};

/* About what a copy takes; the same for an update and its copy. */
size_t kept_update_bytes(const struct sg_update *);

void kept_init(struct kept *);
void kept_uninit(struct kept *);
void kept_clear(struct kept *);
/* Appends a copy. */
void kept_add(struct kept *, const struct sg_update *);
/* Puts back what was popped, at the end.  Takes ownership. */
void kept_push(struct kept *, struct kept_update *);
/* Removes the oldest, NULL if there is none; the caller frees it with
 * kept_update_destroy(). */
struct kept_update *kept_pop(struct kept *);
void kept_update_destroy(struct kept_update *);

#endif /* agent/kept.h */
