/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef TESTS_LIB_AMQP_FRAMES_H
#define TESTS_LIB_AMQP_FRAMES_H 1

/* The frames a broker sends, as bytes, right or wrong: AMQP 0-9-1, for a
 * broker that is only played.  Everything is appended to a struct ds, which
 * may hold any bytes. */

#include <stddef.h>
#include <stdint.h>

#include "openvswitch/dynamic-string.h"

enum amqp_frame_kind {
    AMQP_KIND_METHOD = 1,
    AMQP_KIND_HEADER = 2,
    AMQP_KIND_BODY = 3,
    AMQP_KIND_HEARTBEAT = 8,
};

/* Methods by class << 16 | method, with their plainest arguments. */
#define AMQP_PLAIN_METHODS                                              \
    PLAIN(CONNECTION_START, 10, 10, "\0\11\0\0\0\0\0\0\0\5PLAIN"         \
                                    "\0\0\0\5en_US")                    \
    PLAIN(CONNECTION_SECURE, 10, 20, "\0\0\0\0")                        \
    PLAIN(CONNECTION_TUNE, 10, 30, "\7\377\0\2\0\0\0\12")               \
    PLAIN(CONNECTION_OPEN_OK, 10, 41, "\0")                             \
    PLAIN(CONNECTION_CLOSE_OK, 10, 51, "")                              \
    PLAIN(CONNECTION_BLOCKED, 10, 60, "\6memory")                       \
    PLAIN(CONNECTION_UNBLOCKED, 10, 61, "")                             \
    PLAIN(CHANNEL_OPEN_OK, 20, 11, "\0\0\0\0")                          \
    PLAIN(CHANNEL_FLOW, 20, 20, "\0")                                   \
    PLAIN(CHANNEL_CLOSE_OK, 20, 41, "")                                 \
    PLAIN(EXCHANGE_DECLARE_OK, 40, 11, "")                              \
    PLAIN(QUEUE_DECLARE_OK, 50, 11, "\1q\0\0\0\0\0\0\0\0")              \
    PLAIN(QUEUE_BIND_OK, 50, 21, "")                                    \
    PLAIN(QUEUE_UNBIND_OK, 50, 51, "")                                  \
    PLAIN(BASIC_QOS_OK, 60, 11, "")                                     \
    PLAIN(BASIC_CONSUME_OK, 60, 21, "\1c")                              \
    PLAIN(BASIC_CANCEL, 60, 30, "\1c\1")                                \
    PLAIN(CONFIRM_SELECT_OK, 85, 11, "")
enum amqp_plain_method {
#define PLAIN(NAME, CLASS, METHOD, ARGS) PLAIN_##NAME,
    AMQP_PLAIN_METHODS
#undef PLAIN
    N_PLAIN_METHODS
};

/* Numbers and strings, in network order. */
void amqp_put(struct ds *, uint64_t value, int n_bytes);
void amqp_put_short_string(struct ds *, const char *);

/* A frame around 'payload', whose length is said to be 'stated'. */
void amqp_put_frame(struct ds *, int kind, uint16_t channel,
                    const void *payload, size_t len, uint32_t stated);
void amqp_put_method(struct ds *, uint16_t channel, uint16_t class_,
                     uint16_t method, const void *args, size_t len);
void amqp_put_plain(struct ds *, uint16_t channel, enum amqp_plain_method);

/* connection.close (channel 0) or channel.close. */
void amqp_put_close(struct ds *, uint16_t channel, uint16_t code,
                    const char *text);
/* basic.ack or basic.nack. */
void amqp_put_confirm(struct ds *, uint16_t channel, uint64_t tag,
                      bool multiple, bool refused);
void amqp_put_return(struct ds *, uint16_t channel, const char *exchange,
                     const char *key);
void amqp_put_deliver(struct ds *, uint16_t channel, uint64_t tag,
                      const char *exchange, const char *key);
void amqp_put_header(struct ds *, uint16_t channel, uint64_t body_size);
/* 'len' times 'x'. */
void amqp_put_body(struct ds *, uint16_t channel, size_t len);

#endif /* tests/lib/amqp-frames.h */
