/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef RPC_SEQUENCE_H
#define RPC_SEQUENCE_H 1

/* Per-object order: what to do with a change that carries a revision.
 *
 * Pure decisions on numbers; the state is the caller's.  Revisions are
 * compared only within one epoch. */

#include "sg/types.h"

enum rpc_order {
    RPC_ACCEPT,                 /* Take it; the object is then at 'rev'. */
    RPC_OLD,                    /* Known already: ignore and count. */
    RPC_GAP,                    /* Something before it was lost: ask. */
};
const char *rpc_order_name(enum rpc_order);

/* A whole object at 'rev', 'have' being the revision held (0: none). */
enum rpc_order rpc_order_whole(int64_t have, int64_t rev);
/* A delta from 'prev' to 'rev'.  Deltas repeat and overtake: a delta whose
 * 'rev' is not above 'have' is old; one whose 'prev' is above it is a gap;
 * one with prev < have < rev is a gap as well (its base is not what we have).
 */
enum rpc_order rpc_order_delta(int64_t have, int64_t prev, int64_t rev);

enum rpc_epoch_order {
    RPC_EPOCH_SAME,
    RPC_EPOCH_OLD,              /* Ignore, count: conflicting_epochs. */
    RPC_EPOCH_NEW,              /* Ask for everything; ignore until then. */
};
enum rpc_epoch_order rpc_order_epoch(const struct sg_epoch *have,
                                     const struct sg_epoch *got);

#endif /* rpc/sequence.h */
