/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "rpc/amqp_frame.h"

#include <string.h>

#include "tests/lib/test.h"
#include "util.h"

#define FRAME_MAX 4096

/* Judges 'bytes' and checks that no shorter beginning of them says anything
 * else, and that nothing behind what is needed counts. */
static enum mq_frame_verdict
judge(const char *bytes, size_t n, struct mq_frame_info *info)
{
    enum mq_frame_verdict verdict;
    const char *why;

    verdict = mq_frame_judge(bytes, n, FRAME_MAX, 2, info, &why);
    CHECK_EQ(verdict == MQ_FRAME_BAD, verdict == MQ_FRAME_BAD && *why);
    for (size_t i = 0; i < n; i++) {
        struct mq_frame_info part;
        enum mq_frame_verdict v = mq_frame_judge(bytes, i, FRAME_MAX, 2,
                                                 &part, &why);

        CHECK(v == verdict || v == MQ_FRAME_SHORT);
    }
    return verdict;
}
#define JUDGE(BYTES) judge(BYTES, sizeof BYTES - 1, &info)

TEST(good)
{
    struct mq_frame_info info;

    /* queue.bind-ok on channel 2. */
    CHECK_EQ(JUDGE("\1\0\2\0\0\0\4\0\62\0\25"), MQ_FRAME_GOOD);
    CHECK_EQ(info.type, MQ_FRAME_METHOD);
    CHECK_EQ(info.channel, 2);
    CHECK_UEQ(info.size, 12);
    CHECK_UEQ(info.method, 50 << 16 | 21);

    CHECK_EQ(JUDGE("\2\0\1\0\0\0\16\0\74\0\0\200\0\0\0\0\0\1\2"),
             MQ_FRAME_GOOD);
    CHECK_EQ(info.type, MQ_FRAME_HEADER);
    CHECK(info.body_size == (UINT64_C(1) << 63) + 258);
    CHECK_UEQ(info.size, 22);

    CHECK_EQ(JUDGE("\3\0\1\0\0\0\0"), MQ_FRAME_GOOD);
    CHECK_EQ(JUDGE("\3\0\1\0\0\17\370"), MQ_FRAME_GOOD);
    CHECK_UEQ(info.size, FRAME_MAX);
    CHECK_EQ(JUDGE("\10\0\0\0\0\0\0"), MQ_FRAME_GOOD);
    CHECK_UEQ(info.size, 8);
}

TEST(bad)
{
    struct mq_frame_info info;

    CHECK_EQ(JUDGE("\3\0\1\0\0\17\371"), MQ_FRAME_BAD);
    CHECK_EQ(JUDGE("\3\0\1\377\377\377\377"), MQ_FRAME_BAD);
    CHECK_EQ(JUDGE("\3\0\3\0\0\0\1"), MQ_FRAME_BAD);
    CHECK_EQ(JUDGE("\3\377\377\0\0\0\1"), MQ_FRAME_BAD);
    for (int type = 0; type < 256; type++) {
        char bytes[] = "\0\0\0\0\0\0\0";

        bytes[0] = type;
        CHECK_EQ(judge(bytes, 7, &info),
                 type == MQ_FRAME_BODY || type == MQ_FRAME_HEARTBEAT
                 ? MQ_FRAME_GOOD : MQ_FRAME_BAD);
    }
    CHECK_EQ(JUDGE("\10\0\0\0\0\0\1"), MQ_FRAME_BAD);
    CHECK_EQ(JUDGE("\10\0\1\0\0\0\0"), MQ_FRAME_BAD);

    /* Shorter than its own fields: said from the head alone. */
    CHECK_EQ(JUDGE("\1\0\1\0\0\0\3"), MQ_FRAME_BAD);
    CHECK_EQ(JUDGE("\2\0\1\0\0\0\15"), MQ_FRAME_BAD);

    /* basic.publish is for brokers; a header of another class. */
    CHECK_EQ(JUDGE("\1\0\1\0\0\0\4\0\74\0\50"), MQ_FRAME_BAD);
    CHECK_EQ(JUDGE("\2\0\1\0\0\0\16\0\12\0\0\0\0\0\0\0\0\0\0"),
             MQ_FRAME_BAD);
}

TEST(short_of_bytes)
{
    struct mq_frame_info info;

    CHECK_EQ(JUDGE(""), MQ_FRAME_SHORT);
    CHECK_EQ(JUDGE("\1\0\1\0\0\0"), MQ_FRAME_SHORT);
    CHECK_EQ(JUDGE("\1\0\1\0\0\0\4\0\74\0"), MQ_FRAME_SHORT);
    CHECK_EQ(JUDGE("\2\0\1\0\0\0\16\0\74\0\0\0\0\0\0\0\0\0"),
             MQ_FRAME_SHORT);
}
