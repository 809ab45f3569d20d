/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include <config.h>
#include "rpc/amqp_reason.h"

#include <string.h>

#include "util.h"

enum kind {
    SOFT,
    HARD,
};

static const struct {
    uint16_t code;
    const char *name;
    enum kind kind;
} reasons[MQ_N_REASONS] = {
#define MQ_REASON(CODE, NAME, KIND) [MQ_##NAME] = { CODE, #NAME, KIND },
    MQ_REASONS
#undef MQ_REASON
    [MQ_OTHER_REASON] = { 0, "OTHER", HARD },
};

enum mq_reason
mq_reason_from_code(uint16_t code)
{
    for (size_t i = 0; i < MQ_OTHER_REASON; i++) {
        if (reasons[i].code == code) {
            return i;
        }
    }
    return MQ_OTHER_REASON;
}

const char *
mq_reason_name(enum mq_reason reason)
{
    return reasons[reason].name;
}

/* RabbitMQ's text begins with the name; what another broker says may not. */
char *
mq_reason_text(uint16_t code, const char *text)
{
    enum mq_reason reason = mq_reason_from_code(code);
    const char *name = mq_reason_name(reason);

    if (reason == MQ_OTHER_REASON || !strncmp(text, name, strlen(name))) {
        return xasprintf("%u %s", code, text);
    }
    return xasprintf("%u %s%s%s", code, name, text[0] ? " - " : "", text);
}

enum mq_remedy
mq_reason_remedy(uint16_t code, enum mq_place place)
{
    enum mq_reason reason = mq_reason_from_code(code);

    if (reasons[reason].kind == HARD) {
        return MQ_NEW_SESSION;
    }
    switch (place) {
    case MQ_AT_BINDING:
        return MQ_BIND_LATER;
    case MQ_AT_PUBLISH:
        return (reason == MQ_NOT_FOUND ? MQ_NOBODY_LISTENS
                                       : MQ_MESSAGE_REFUSED);
    case MQ_AT_SESSION:
        return MQ_NEW_SESSION;
    }
    OVS_NOT_REACHED();
}
