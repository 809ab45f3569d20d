/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tests/lib/rpc-text.h"

#include <stdlib.h>
#include <string.h>

#include "util.h"

struct rpc_limits
rpc_text_limits(void)
{
    struct rpc_limits l;

    rpc_limits_default(&l);
    return l;
}

char *
rpc_text_decode(const char *body, struct rpc_message *message)
{
    struct rpc_limits l = rpc_text_limits();

    return rpc_message_decode(body, strlen(body), &l, message);
}

char *
rpc_text_update(const char *method, const char *args,
                const struct rpc_limits *l, struct sg_update *update)
{
    char *body = xasprintf("{\"method\": \"%s\", \"args\": %s}", method, args);
    struct rpc_message message;
    char *error = rpc_message_decode(body, strlen(body), l, &message);

    if (!error) {
        error = rpc_update_from_request(&message, l, update);
        rpc_message_uninit(&message);
    }
    free(body);
    return error;
}

char *
rpc_text_update_error(const char *method, const char *args,
                      const struct rpc_limits *l)
{
    struct sg_update update;
    char *error = rpc_text_update(method, args, l, &update);

    if (!error) {
        sg_update_uninit(&update);
    }
    return error;
}

bool
rpc_text_same(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}
