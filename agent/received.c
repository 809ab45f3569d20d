/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "agent/received.h"

#include <stdlib.h>
#include <string.h>

#include "agent/kept.h"
#include "sha1.h"
#include "util.h"

static char *
read_answer(const struct rpc_message *msg, const struct rpc_limits *limits,
            struct received *r)
{
    r->msg_id = xstrdup(msg->msg_id);
    if (msg->failure_class) {
        r->failure = xasprintf("%s: %s", msg->failure_class,
                               msg->failure_message
                               ? msg->failure_message : "");
        return NULL;
    }
    if (!msg->result && !msg->ending) {
        return NULL;            /* A heartbeat of the call monitor. */
    }
    return rpc_update_from_reply(msg, limits, &r->update);
}

static char *
read_body(const void *body, size_t len, const struct rpc_limits *limits,
          struct received *r)
{
    struct rpc_message msg;
    char *error = rpc_message_decode(body, len, limits, &msg);

    if (!error) {
        error = (msg.type == RPC_REPLY
                 ? read_answer(&msg, limits, r)
                 : rpc_update_from_request(&msg, limits, &r->update));
        r->has_update = !error && !r->failure && (msg.type == RPC_REQUEST
                                                  || msg.result);
        rpc_message_uninit(&msg);
    }
    return error;
}

static void
note_digest(const void *body, size_t len, struct received *r)
{
    char hex[SHA1_HEX_DIGEST_LEN + 1];
    uint8_t digest[SHA1_DIGEST_SIZE];

    sha1_bytes(body, len, digest);
    sha1_to_hex(digest, hex);
    ovs_strlcpy(r->digest, hex, sizeof r->digest);
}

struct received *
received_decode(const void *body, size_t len, const struct rpc_limits *limits,
                size_t *size)
{
    struct received *r = xzalloc(sizeof *r);
    struct rpc_limits counted = *limits;

    counted.refused = r->refused;
    r->error = read_body(body, len, &counted, r);
    if (r->error) {
        note_digest(body, len, r);
    }
    *size = sizeof *r + (r->has_update ? kept_update_bytes(&r->update) : 0);
    return r;
}

void
received_destroy(struct received *r)
{
    if (r) {
        free(r->error);
        free(r->msg_id);
        free(r->failure);
        if (r->has_update) {
            sg_update_uninit(&r->update);
        }
        free(r);
    }
}
