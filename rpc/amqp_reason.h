/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef RPC_AMQP_REASON_H
#define RPC_AMQP_REASON_H 1

/* The reply codes with which a broker closes a channel or a connection, or
 * returns a message: their names, and what each asks of us.
 *
 * What a code means depends on what was being done.  A group's exchange that
 * we may not bind to is that group's trouble and nobody else's; the same code
 * on the channel that consumes ends the session.
 *
 * Pure.  Named mq_, because amqp_ is the library's. */

#include <stddef.h>

#include "sg/types.h"

/* Soft errors close a channel, hard ones the connection. */
#define MQ_REASONS                                                      \
    MQ_REASON(311, CONTENT_TOO_LARGE, SOFT)                             \
    MQ_REASON(312, NO_ROUTE, SOFT)                                      \
    MQ_REASON(313, NO_CONSUMERS, SOFT)                                  \
    MQ_REASON(320, CONNECTION_FORCED, HARD)                             \
    MQ_REASON(402, INVALID_PATH, HARD)                                  \
    MQ_REASON(403, ACCESS_REFUSED, SOFT)                                \
    MQ_REASON(404, NOT_FOUND, SOFT)                                     \
    MQ_REASON(405, RESOURCE_LOCKED, SOFT)                               \
    MQ_REASON(406, PRECONDITION_FAILED, SOFT)                           \
    MQ_REASON(501, FRAME_ERROR, HARD)                                   \
    MQ_REASON(502, SYNTAX_ERROR, HARD)                                  \
    MQ_REASON(503, COMMAND_INVALID, HARD)                               \
    MQ_REASON(504, CHANNEL_ERROR, HARD)                                 \
    MQ_REASON(505, UNEXPECTED_FRAME, HARD)                              \
    MQ_REASON(506, RESOURCE_ERROR, HARD)                                \
    MQ_REASON(530, NOT_ALLOWED, HARD)                                   \
    MQ_REASON(540, NOT_IMPLEMENTED, HARD)                               \
    MQ_REASON(541, INTERNAL_ERROR, HARD)
enum mq_reason {
#define MQ_REASON(CODE, NAME, KIND) MQ_##NAME,
    MQ_REASONS
#undef MQ_REASON
    MQ_OTHER_REASON,            /* A code that we do not know. */
    MQ_N_REASONS
};

enum mq_reason mq_reason_from_code(uint16_t code);
/* "NOT_FOUND"; "OTHER" for what we do not know. */
const char *mq_reason_name(enum mq_reason);
/* "404 NOT_FOUND - no exchange ...", malloc'd.  The broker's 'text' is taken
 * as it is: the caller has escaped it. */
char *mq_reason_text(uint16_t code, const char *text) SG_MUST_USE;

/* What was being done when the broker closed. */
enum mq_place {
    MQ_AT_BINDING,              /* On the channel of the bindings. */
    MQ_AT_PUBLISH,              /* On the channel that publishes. */
    MQ_AT_SESSION,              /* Anything else: the connection, the queue,
                                 * the consumer. */
};

enum mq_remedy {
    MQ_NEW_SESSION,             /* With back-off.  The name of an exclusive
                                 * queue is another one then, so a name that
                                 * is taken (405) does not stay in the way. */
    MQ_BIND_LATER,              /* This exchange only, with back-off. */
    MQ_NOBODY_LISTENS,          /* The exchange does not exist: the message
                                 * has no reader.  Others are sent again. */
    MQ_MESSAGE_REFUSED,         /* This message only; likewise. */
};
enum mq_remedy mq_reason_remedy(uint16_t code, enum mq_place);

#endif /* rpc/amqp_reason.h */
