/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The envelope of oslo.messaging, and the message in it.
 *
 *     body      {"oslo.version": "2.0", "oslo.message": "<JSON text>"}
 *     message   {"method": ..., "args": {...}, "_msg_id": ...}   request
 *               {"result": ..., "failure": ..., "_msg_id": ...}  reply
 *
 * The message is encoded twice, and the JSON library reads both texts: half of
 * the time of decoding a small message goes into the outer one. */

#include <config.h>
#include "rpc/message.h"

#include <stdlib.h>
#include <string.h>

#include "rpc/message_json.h"
#include "util.h"

/* Bytes that rpc_quote() returns at most. */
#define QUOTE_MAX 128
#define QUOTE_CUT "..."

/* AMQP's limit for the name of a queue. */
#define QUEUE_NAME_MAX 255

#define ENVELOPE_VERSION "2.0"
static const char version_key[] = "oslo.version";
static const char message_key[] = "oslo.message";

static char *open_envelope(const char *body, size_t len,
                           const struct rpc_limits *, json_t **);
static char *read_message(const struct msg_object *, struct rpc_message *);
static char *read_request(const struct msg_object *, struct rpc_message *);
static char *read_reply(const struct msg_object *, struct rpc_message *);
static void read_failure(const struct msg_object *, json_t *,
                         struct rpc_message *);
static char *quote_member(json_t *, const char *key);

enum {
    MESSAGE_METHOD, MESSAGE_ARGS, MESSAGE_VERSION, MESSAGE_MSG_ID,
    MESSAGE_REPLY_Q, MESSAGE_TIMEOUT, MESSAGE_UNIQUE_ID, MESSAGE_NAMESPACE,
    MESSAGE_RESULT, MESSAGE_FAILURE, MESSAGE_ENDING,
};
static const char *const message_names[] = {
    [MESSAGE_METHOD] = "method",
    [MESSAGE_ARGS] = "args",
    [MESSAGE_VERSION] = "version",
    [MESSAGE_MSG_ID] = "_msg_id",
    [MESSAGE_REPLY_Q] = "_reply_q",
    [MESSAGE_TIMEOUT] = "_timeout",
    [MESSAGE_UNIQUE_ID] = "_unique_id",
    [MESSAGE_NAMESPACE] = "namespace",
    [MESSAGE_RESULT] = "result",
    [MESSAGE_FAILURE] = "failure",
    [MESSAGE_ENDING] = "ending",
    NULL,
};
BUILD_ASSERT_DECL(ARRAY_SIZE(message_names) <= MSG_MAX_FIELDS + 1);

void
rpc_limits_default(struct rpc_limits *limits)
{
    *limits = (struct rpc_limits) {
        .body = 8 << 20,
        .depth = 32,
        /* The largest honest message changes all members of a group twice;
         * 8 MiB of "{}," would take 600 MiB of memory. */
        .values = 3 * 262144,
        .string = 1024,
        .rules = 1000,
        .members = 262144,
        .groups_per_port = 64,
        .pairs_per_port = 256,
        .objects = 20000,
        .set_entries = 4 << 20,
    };
}

const char *
rpc_limit_name(enum rpc_limit limit)
{
    switch (limit) {
#define RPC_LIMIT(ENUM, NAME) case RPC_LIMIT_##ENUM: return #NAME;
    RPC_LIMITS
#undef RPC_LIMIT
    case RPC_N_LIMITS:
        break;
    }
    OVS_NOT_REACHED();
}

size_t
rpc_limit_value(const struct rpc_limits *limits, enum rpc_limit limit)
{
    switch (limit) {
#define RPC_LIMIT(ENUM, NAME) case RPC_LIMIT_##ENUM: return limits->NAME;
    RPC_LIMITS
#undef RPC_LIMIT
    case RPC_N_LIMITS:
        break;
    }
    OVS_NOT_REACHED();
}

/* Frees what 'message' owns; an all-zero one owns nothing. */
void
rpc_message_uninit(struct rpc_message *message)
{
    free(message->msg_id);
    free(message->unique_id);
    free(message->method);
    free(message->reply_q);
    free(message->version);
    free(message->namespace_);
    json_decref(message->args);
    free(message->failure_class);
    free(message->failure_message);
    json_decref(message->result);
}

char *
rpc_message_decode(const void *body, size_t len,
                   const struct rpc_limits *limits,
                   struct rpc_message *messagep)
{
    static const struct msg_place place = { NULL, "message", 0 };
    const struct msg_reader reader = { .limits = limits };
    struct rpc_message message;
    struct msg_object object;
    json_t *json;
    char *error;

    if (msg_beyond(limits, RPC_LIMIT_BODY, len)) {
        return xasprintf("body of %"PRIuSIZE" bytes is above the limit of "
                         "%"PRIuSIZE, len, limits->body);
    }

    error = open_envelope(body, len, limits, &json);
    if (error) {
        return error;
    }
    memset(&message, 0, sizeof message);
    error = msg_object_init(&object, &reader, &place, json, message_names);
    if (!error) {
        error = read_message(&object, &message);
    }
    if (error) {
        rpc_message_uninit(&message);
    } else {
        *messagep = message;
    }
    json_decref(json);
    return error;
}

/* oslo.messaging's rule: the same major version and a minor that is not above
 * ours, which is 0. */
bool
rpc_message_served(const struct rpc_message *message)
{
    return !message->namespace_ && !strcmp(message->version, RPC_VERSION);
}

/* Quotes and backslashes are escaped as well, so that the text can stand
 * between quotes and be read back in one way only. */
char *
rpc_quote(const void *data, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    const unsigned char *in = data;
    char out[QUOTE_MAX + 1];
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        bool plain = (in[i] >= 0x20 && in[i] < 0x7f
                      && in[i] != '"' && in[i] != '\\');

        if (n + (plain ? 1 : 4) > QUOTE_MAX - strlen(QUOTE_CUT)) {
            memcpy(&out[n], QUOTE_CUT, strlen(QUOTE_CUT));
            n += strlen(QUOTE_CUT);
            break;
        }
        if (plain) {
            out[n++] = in[i];
        } else {
            out[n++] = '\\';
            out[n++] = 'x';
            out[n++] = hex[in[i] >> 4];
            out[n++] = hex[in[i] & 15];
        }
    }
    return xmemdup0(out, n);
}

/* Gets at the message: an envelope of our version, or a body without envelope,
 * which is the message itself. */
static char *
open_envelope(const char *body, size_t len, const struct rpc_limits *limits,
              json_t **messagep)
{
    json_t *outer, *version, *message;
    char *error;

    error = msg_parse(body, len, limits, &outer);
    if (error) {
        return error;
    }
    version = json_object_get(outer, version_key);
    message = json_object_get(outer, message_key);
    if (!version || !message) {
        *messagep = outer;
        return NULL;
    }

    if (!json_is_string(version) || !json_is_string(message)) {
        error = xstrdup("envelope: members are not strings");
    } else if (strcmp(json_string_value(version), ENVELOPE_VERSION)) {
        error = xstrdup("envelope: version is not "ENVELOPE_VERSION);
    } else {
        error = msg_parse(json_string_value(message),
                          json_string_length(message), limits, messagep);
    }
    json_decref(outer);
    return error;
}

static char *
read_message(const struct msg_object *object, struct rpc_message *message)
{
    char *error = NULL;

    if (msg_has(object, MESSAGE_MSG_ID)) {
        error = msg_text_dup(object, MESSAGE_MSG_ID, &message->msg_id);
    }
    if (!error && msg_has(object, MESSAGE_UNIQUE_ID)) {
        error = msg_text_dup(object, MESSAGE_UNIQUE_ID, &message->unique_id);
    }
    if (error) {
        return error;
    }

    message->type = msg_has(object, MESSAGE_METHOD) ? RPC_REQUEST : RPC_REPLY;
    switch (message->type) {
    case RPC_REQUEST:
        return read_request(object, message);
    case RPC_REPLY:
        return read_reply(object, message);
    }
    OVS_NOT_REACHED();
}

static char *
read_request(const struct msg_object *object, struct rpc_message *message)
{
    char *error = msg_text_dup(object, MESSAGE_METHOD, &message->method);

    if (!error && msg_has(object, MESSAGE_NAMESPACE)) {
        error = msg_text_dup(object, MESSAGE_NAMESPACE, &message->namespace_);
    }
    if (!error && msg_has(object, MESSAGE_VERSION)) {
        error = msg_text_dup(object, MESSAGE_VERSION, &message->version);
    } else if (!error) {
        message->version = xstrdup(RPC_VERSION);
    }
    if (!error && msg_has(object, MESSAGE_TIMEOUT)) {
        error = msg_int(object, MESSAGE_TIMEOUT, 0, &message->timeout);
    }

    /* Whether a reply is due is decided by `_msg_id` alone; then there must be
     * a queue to send it to. */
    if (!error && message->msg_id) {
        error = msg_text_dup(object, MESSAGE_REPLY_Q, &message->reply_q);
        if (!error && strlen(message->reply_q) > QUEUE_NAME_MAX) {
            error = msg_error(object->place, "_reply_q is too long");
        }
    }
    if (error) {
        return error;
    }

    if (!msg_has(object, MESSAGE_ARGS)) {
        message->args = json_object();
    } else if (json_is_object(object->values[MESSAGE_ARGS])) {
        message->args = json_incref(object->values[MESSAGE_ARGS]);
    } else {
        return msg_error(object->place, "args is not an object");
    }
    return NULL;
}

static char *
read_reply(const struct msg_object *object, struct rpc_message *message)
{
    if (!message->msg_id) {
        return msg_error(object->place, "neither a request nor a reply");
    }

    /* Absent means not finished. */
    message->ending = false;
    char *error = msg_bool(object, MESSAGE_ENDING, &message->ending);
    if (error) {
        return error;
    }

    if (msg_has(object, MESSAGE_FAILURE)) {
        read_failure(object, object->values[MESSAGE_FAILURE], message);
    } else if (msg_has(object, MESSAGE_RESULT)) {
        message->result = json_incref(object->values[MESSAGE_RESULT]);
    }
    return NULL;
}

/* A failure is a string that holds JSON, encoded once more.  One that cannot
 * be read is a failure all the same, and the caller waits for it. */
static void
read_failure(const struct msg_object *object, json_t *failure,
             struct rpc_message *message)
{
    const char *text = json_string_value(failure);
    json_t *json = NULL;
    char *error = NULL;

    if (text) {
        error = msg_parse(text, json_string_length(failure),
                          object->reader->limits, &json);
    }
    message->failure_class = quote_member(json, "class");
    message->failure_message = quote_member(json, "message");
    free(error);
    json_decref(json);
}

/* The string 'key' of 'object', fit to be shown; "unknown" if there is none
 * such. */
static char *
quote_member(json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);

    if (!json_is_string(value)) {
        return xstrdup("unknown");
    }
    return rpc_quote(json_string_value(value), json_string_length(value));
}
