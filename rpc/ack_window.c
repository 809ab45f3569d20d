/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include <config.h>
#include "rpc/ack_window.h"

#include <stdlib.h>
#include <string.h>

#include "util.h"

void
ack_window_init(struct ack_window *w)
{
    memset(w, 0, sizeof *w);
}

void
ack_window_uninit(struct ack_window *w)
{
    free(w->rejected);
}

/* Returns the index of the first rejected tag that is not below 'tag'.  From
 * the end, because new ones are the highest as a rule. */
static size_t
find_rejected(const struct ack_window *w, uint64_t tag)
{
    size_t i = w->n_rejected;

    while (i > 0 && w->rejected[i - 1] >= tag) {
        i--;
    }
    return i;
}

static bool
is_rejected(const struct ack_window *w, uint64_t tag)
{
    size_t i = find_rejected(w, tag);

    return i < w->n_rejected && w->rejected[i] == tag;
}

/* Forgets the first 'n' rejected tags. */
static void
forget_rejected(struct ack_window *w, size_t n)
{
    if (n) {
        w->n_rejected -= n;
        memmove(w->rejected, &w->rejected[n],
                w->n_rejected * sizeof *w->rejected);
    }
}

/* Delivery 'tag' has arrived and is handed to whoever will store it. */
void
ack_window_hand(struct ack_window *w, uint64_t tag)
{
    w->last = MAX(w->last, tag);
    w->handed = MAX(w->handed, tag);
}

/* Delivery 'tag' is to be rejected.  Returns true if the broker must be told,
 * false if it has had an answer already. */
bool
ack_window_reject(struct ack_window *w, uint64_t tag)
{
    size_t i = find_rejected(w, tag);
    size_t n = 0;

    if (tag <= w->done || is_rejected(w, tag) || ack_window_is_full(w)) {
        return false;
    }
    w->last = MAX(w->last, tag);
    if (w->n_rejected >= w->allocated) {
        w->rejected = x2nrealloc(w->rejected, &w->allocated,
                                 sizeof *w->rejected);
    }
    memmove(&w->rejected[i + 1], &w->rejected[i],
            (w->n_rejected - i) * sizeof *w->rejected);
    w->rejected[i] = tag;
    w->n_rejected++;

    /* What is rejected at either end of the window is settled. */
    while (w->handed > w->done && is_rejected(w, w->handed)) {
        w->handed--;
    }
    while (n < w->n_rejected && w->rejected[n] == w->done + 1) {
        w->done++;
        n++;
    }
    forget_rejected(w, n);
    return true;
}

/* Everything up to 'stored' is stored.  Returns the tag to acknowledge
 * together with all below it, or 0 if the broker need not be told. */
uint64_t
ack_window_ack(struct ack_window *w, uint64_t stored)
{
    uint64_t tag;

    stored = MIN(stored, w->last);
    if (stored <= w->done) {
        return 0;
    }
    for (tag = stored; tag > w->done && is_rejected(w, tag); tag--) {
        continue;
    }
    forget_rejected(w, find_rejected(w, stored + 1));
    tag = tag > w->done ? tag : 0;
    w->done = stored;
    return tag;
}
