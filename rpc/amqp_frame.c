/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include <config.h>
#include "rpc/amqp_frame.h"

/* Fixed fields in front of what a method or a content header carries. */
#define METHOD_FIELDS 4
#define HEADER_FIELDS 12

/* A content header has at least a word of property flags behind them. */
#define HEADER_MIN (HEADER_FIELDS + 2)

#define BASIC_CLASS 60
#define METHOD(CLASS, NUMBER) ((uint32_t) (CLASS) << 16 | (NUMBER))

/* Is this a method that a broker sends to a client that does what we do? */
static bool
is_expected(uint32_t method)
{
    switch (method) {
    case METHOD(10, 10):        /* connection.start */
    case METHOD(10, 30):        /* connection.tune */
    case METHOD(10, 41):        /* connection.open-ok */
    case METHOD(10, 50):        /* connection.close */
    case METHOD(10, 51):        /* connection.close-ok */
    case METHOD(10, 60):        /* connection.blocked */
    case METHOD(10, 61):        /* connection.unblocked */
    case METHOD(20, 11):        /* channel.open-ok */
    case METHOD(20, 20):        /* channel.flow */
    case METHOD(20, 40):        /* channel.close */
    case METHOD(20, 41):        /* channel.close-ok */
    case METHOD(40, 11):        /* exchange.declare-ok */
    case METHOD(50, 11):        /* queue.declare-ok */
    case METHOD(50, 21):        /* queue.bind-ok */
    case METHOD(50, 51):        /* queue.unbind-ok */
    case METHOD(60, 11):        /* basic.qos-ok */
    case METHOD(60, 21):        /* basic.consume-ok */
    case METHOD(60, 30):        /* basic.cancel */
    case METHOD(60, 50):        /* basic.return */
    case METHOD(60, 60):        /* basic.deliver */
    case METHOD(60, 80):        /* basic.ack */
    case METHOD(60, 120):       /* basic.nack */
    case METHOD(85, 11):        /* confirm.select-ok */
        return true;
    default:
        return false;
    }
}

static uint16_t
get_u16(const uint8_t *p)
{
    return (uint16_t) (p[0] << 8 | p[1]);
}

static uint32_t
get_u32(const uint8_t *p)
{
    return (uint32_t) get_u16(p) << 16 | get_u16(p + 2);
}

/* The payload of a method or a content header has begun. */
static enum mq_frame_verdict
judge_fields(const uint8_t *payload, size_t n, struct mq_frame_info *info,
             const char **why)
{
    if (info->type == MQ_FRAME_METHOD) {
        if (n < METHOD_FIELDS) {
            return MQ_FRAME_SHORT;
        }
        info->method = get_u32(payload);
        *why = "a method that is not for us";
        return is_expected(info->method) ? MQ_FRAME_GOOD : MQ_FRAME_BAD;
    } else if (n < HEADER_FIELDS) {
        return MQ_FRAME_SHORT;
    }
    info->body_size = (uint64_t) get_u32(payload + 4) << 32
                      | get_u32(payload + 8);
    *why = "a content header of an unknown class";
    return get_u16(payload) == BASIC_CLASS ? MQ_FRAME_GOOD : MQ_FRAME_BAD;
}

enum mq_frame_verdict
mq_frame_judge(const void *bytes_, size_t n, uint32_t frame_max,
               uint16_t max_channel, struct mq_frame_info *info,
               const char **why)
{
    const uint8_t *bytes = bytes_;
    uint32_t payload, min = 0;

    *info = (struct mq_frame_info) { .type = 0 };
    *why = "";
    if (n < MQ_FRAME_HEAD) {
        return MQ_FRAME_SHORT;
    }
    info->type = bytes[0];
    info->channel = get_u16(bytes + 1);
    payload = get_u32(bytes + 3);
    if (payload > frame_max - MQ_FRAME_HEAD - MQ_FRAME_TAIL) {
        *why = "a frame larger than agreed";
        return MQ_FRAME_BAD;
    } else if (info->channel > max_channel) {
        *why = "a frame on a channel that was never opened";
        return MQ_FRAME_BAD;
    }
    info->size = payload + MQ_FRAME_HEAD + MQ_FRAME_TAIL;

    switch (info->type) {
    case MQ_FRAME_METHOD:
        min = METHOD_FIELDS;
        break;
    case MQ_FRAME_HEADER:
        min = HEADER_MIN;
        break;
    case MQ_FRAME_BODY:
        return MQ_FRAME_GOOD;
    case MQ_FRAME_HEARTBEAT:
        *why = "a heartbeat with a payload or on a channel";
        return payload || info->channel ? MQ_FRAME_BAD : MQ_FRAME_GOOD;
    default:
        *why = "a frame of an unknown type";
        return MQ_FRAME_BAD;
    }
    if (payload < min) {
        *why = "a frame shorter than its own fields";
        return MQ_FRAME_BAD;
    }
    return judge_fields(bytes + MQ_FRAME_HEAD, n - MQ_FRAME_HEAD, info, why);
}
