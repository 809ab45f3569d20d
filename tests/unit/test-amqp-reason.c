/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "rpc/amqp_reason.h"

#include <stdlib.h>

#include "tests/lib/test.h"
#include "util.h"

TEST(names)
{
    CHECK_STR(mq_reason_name(mq_reason_from_code(403)), "ACCESS_REFUSED");
    CHECK_STR(mq_reason_name(mq_reason_from_code(404)), "NOT_FOUND");
    CHECK_STR(mq_reason_name(mq_reason_from_code(405)), "RESOURCE_LOCKED");
    CHECK_STR(mq_reason_name(mq_reason_from_code(406)),
              "PRECONDITION_FAILED");
    CHECK_STR(mq_reason_name(mq_reason_from_code(320)), "CONNECTION_FORCED");
    CHECK_STR(mq_reason_name(mq_reason_from_code(0)), "OTHER");
    CHECK_STR(mq_reason_name(mq_reason_from_code(200)), "OTHER");
    CHECK_STR(mq_reason_name(mq_reason_from_code(65535)), "OTHER");

    /* Each name belongs to one code. */
    for (int code = 0, n = 0; code <= UINT16_MAX; code++) {
        enum mq_reason reason = mq_reason_from_code(code);

        n += reason != MQ_OTHER_REASON;
        if (code == UINT16_MAX) {
            CHECK_EQ(n, MQ_OTHER_REASON);
        }
    }
}

static void
check_text(uint16_t code, const char *text, const char *expected)
{
    char *got = mq_reason_text(code, text);

    CHECK_STR(got, expected);
    free(got);
}

TEST(texts)
{
    check_text(404, "NOT_FOUND - no exchange 'x' in vhost '/'",
               "404 NOT_FOUND - no exchange 'x' in vhost '/'");
    check_text(404, "where is it?", "404 NOT_FOUND - where is it?");
    check_text(405, "", "405 RESOURCE_LOCKED");
    check_text(599, "Something new", "599 Something new");
}

TEST(remedies)
{
    static const uint16_t soft[] = { 311, 313, 403, 404, 405, 406 };
    static const uint16_t hard[] = { 320, 402, 501, 502, 503, 504, 505, 506,
                                     530, 540, 541, 0, 200, 999 };

    for (size_t i = 0; i < ARRAY_SIZE(soft); i++) {
        CHECK_EQ(mq_reason_remedy(soft[i], MQ_AT_BINDING), MQ_BIND_LATER);
        CHECK_EQ(mq_reason_remedy(soft[i], MQ_AT_SESSION), MQ_NEW_SESSION);
        CHECK_EQ(mq_reason_remedy(soft[i], MQ_AT_PUBLISH),
                 soft[i] == 404 ? MQ_NOBODY_LISTENS : MQ_MESSAGE_REFUSED);
    }
    for (size_t i = 0; i < ARRAY_SIZE(hard); i++) {
        CHECK_EQ(mq_reason_remedy(hard[i], MQ_AT_BINDING), MQ_NEW_SESSION);
        CHECK_EQ(mq_reason_remedy(hard[i], MQ_AT_PUBLISH), MQ_NEW_SESSION);
        CHECK_EQ(mq_reason_remedy(hard[i], MQ_AT_SESSION), MQ_NEW_SESSION);
    }
}
