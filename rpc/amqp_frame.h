/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef RPC_AMQP_FRAME_H
#define RPC_AMQP_FRAME_H 1

/* What a frame says of itself, looked at before the library decodes it.
 *
 * librabbitmq trusts its broker more than we do: it reads past a frame that
 * is shorter than its own fixed fields, takes memory for any channel number,
 * decodes tables that are nested without limit, and writes past its buffer
 * once it has agreed to a frame size below the standard's minimum.  So frames
 * are refused here unless they are of a kind that a broker may send to this
 * client; those with a content header, which carry what a stranger published,
 * are not given to the library at all.
 *
 * Pure. */

#include <stdbool.h>
#include <stddef.h>

#include "sg/types.h"

/* Octets around a payload: type, channel, size in front; a mark behind. */
#define MQ_FRAME_HEAD 7
#define MQ_FRAME_TAIL 1

/* As many bytes as it may take to judge a frame: the content header's. */
#define MQ_FRAME_PEEK (MQ_FRAME_HEAD + 12)

/* No peer may ask for less, and before the two have agreed none may send
 * more (AMQP 0-9-1, 4.2.3). */
#define MQ_FRAME_MIN_MAX 4096

/* Types of frames. */
#define MQ_FRAME_METHOD 1
#define MQ_FRAME_HEADER 2
#define MQ_FRAME_BODY 3
#define MQ_FRAME_HEARTBEAT 8

struct mq_frame_info {
    uint8_t type;
    uint16_t channel;
    uint32_t size;              /* All of it, head and tail included. */
    uint32_t method;            /* MQ_FRAME_METHOD: class and number. */
    uint64_t body_size;         /* MQ_FRAME_HEADER. */
};

enum mq_frame_verdict {
    MQ_FRAME_GOOD,
    MQ_FRAME_SHORT,             /* More bytes are needed to tell. */
    MQ_FRAME_BAD,
};

/* Judges the frame that begins at 'bytes', of which 'n' are there.  It may
 * have up to 'frame_max' octets and be on a channel up to 'max_channel'.
 * '*why' is a static sentence if it is bad. */
enum mq_frame_verdict mq_frame_judge(const void *bytes, size_t n,
                                     uint32_t frame_max, uint16_t max_channel,
                                     struct mq_frame_info *, const char **why)
    SG_MUST_USE;

#endif /* rpc/amqp_frame.h */
