/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef AGENT_RECEIVED_H
#define AGENT_RECEIVED_H 1

/* A body from the broker, read as far as it can be without knowing anything
 * else: an update, an answer to a call, or the reason why it is refused.
 *
 * Pure.  The thread of the connection makes it and the loop takes it, because
 * to read a large body takes longer than a turn of the loop may take. */

#include "rpc/message.h"

/* Bytes of 'digest' below. */
#define RECEIVED_DIGEST_LEN 12

struct received {
    char *error;                /* Why it is refused, or NULL. */
    char digest[RECEIVED_DIGEST_LEN + 1];   /* Then: how the SHA-1 of the body
                                             * begins. */
    char *msg_id;               /* The call that it answers; NULL: it is no
                                 * answer. */
    char *failure;              /* Answer: the call failed; or NULL. */
    bool has_update;            /* Without one, an answer that is neither
                                 * refused nor a failure says only that the
                                 * call is being served. */
    struct sg_update update;
    uint64_t refused[RPC_N_LIMITS];     /* How often each limit refused. */
};

/* The limits' own counters are left alone.  '*size' becomes about how many
 * bytes of memory the result takes, which received_destroy() frees. */
struct received *received_decode(const void *body, size_t len,
                                 const struct rpc_limits *, size_t *size)
    SG_MUST_USE;
void received_destroy(struct received *);

#endif /* agent/received.h */
