/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef RPC_ACK_WINDOW_H
#define RPC_ACK_WINDOW_H 1

/* Which deliveries of a channel still owe the broker an answer.
 *
 * Delivery tags of a channel count from 1.  Most deliveries are acknowledged
 * in bulk, "everything up to N"; a few are rejected one by one.  The broker
 * closes the channel when a tag is named that it does not wait for, also as
 * the upper end of a bulk acknowledgement, so that end must never be a tag
 * that has been rejected: this is what the window is for. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sg/types.h"

/* Rejected tags above the last acknowledged one. */
#define ACK_WINDOW_MAX_REJECTED 65536

struct ack_window {
    uint64_t last;              /* Highest tag that has arrived. */
    uint64_t handed;            /* Highest tag that the owner must answer. */
    uint64_t done;              /* Everything up to here is answered. */
    uint64_t *rejected;         /* Tags above 'done', ascending. */
    size_t n_rejected, allocated;
};

void ack_window_init(struct ack_window *);
void ack_window_uninit(struct ack_window *);

void ack_window_hand(struct ack_window *, uint64_t tag);
bool ack_window_reject(struct ack_window *, uint64_t tag) SG_MUST_USE;
uint64_t ack_window_ack(struct ack_window *, uint64_t stored) SG_MUST_USE;

/* Is there a delivery that has been handed over and not been answered? */
static inline bool
ack_window_is_pending(const struct ack_window *w)
{
    return w->handed > w->done;
}

static inline bool
ack_window_is_full(const struct ack_window *w)
{
    return w->n_rejected >= ACK_WINDOW_MAX_REJECTED;
}

#endif /* rpc/ack_window.h */
