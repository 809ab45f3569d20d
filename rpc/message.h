/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef RPC_MESSAGE_H
#define RPC_MESSAGE_H 1

/* JSON bodies of oslo.messaging RPC, both ways.
 *
 * Pure: bytes in, values out, and back.  The only user of jansson outside
 * sgctl and agent/report.  Decoding is strict where strictness protects
 * (size, depth, duplicate keys, types, ranges, UTF-8, control characters) and
 * lenient where the protocol says so (key order, missing optional keys,
 * unknown `_context_` keys, unknown keys outside rules: counted in
 * 'problems').
 *
 * Two levels of refusal.  A body that is malformed as a whole is an error
 * sentence and nothing else.  Within a list, one rule or address pair that
 * cannot be expressed exactly, or has a key we do not know, is left out by
 * name (struct sg_refusal) and never widened.
 *
 * Encoding conventions: 0/NULL or a malloc'd sentence naming the place, to be
 * freed by the caller. */

#include "sg/update.h"

/* Every size has a limit with a name. */
#define RPC_LIMITS                                                          \
    RPC_LIMIT(BODY, body)       /* Bytes of a body. */                      \
    RPC_LIMIT(DEPTH, depth)     /* Nesting of a JSON text. */               \
    RPC_LIMIT(VALUES, values)   /* Values in it: each costs memory. */      \
    RPC_LIMIT(STRING, string)   /* Bytes of a string. */                    \
    RPC_LIMIT(RULES, rules)     /* Rules of a group. */                     \
    RPC_LIMIT(MEMBERS, members) /* Members of a group. */                   \
    RPC_LIMIT(GROUPS_PER_PORT, groups_per_port)                             \
    /* Fixed IPs and address pairs, each. */                                \
    RPC_LIMIT(PAIRS_PER_PORT, pairs_per_port)                               \
    /* Ports, rule lists, ... in one message. */                            \
    RPC_LIMIT(OBJECTS, objects)                                             \
    /* Members of all whole lists in one message.  A range of 30 bytes stands \
     * for as many addresses as a group may have, so neither the bytes of a \
     * message nor its objects bound what it unfolds to. */                 \
    RPC_LIMIT(SET_ENTRIES, set_entries)
enum rpc_limit {
#define RPC_LIMIT(ENUM, NAME) RPC_LIMIT_##ENUM,
    RPC_LIMITS
#undef RPC_LIMIT
    RPC_N_LIMITS
};
struct rpc_limits {
#define RPC_LIMIT(ENUM, NAME) size_t NAME;
    RPC_LIMITS
#undef RPC_LIMIT
    uint64_t *refused;          /* How often each refused something, by enum
                                 * rpc_limit; NULL: nobody counts. */
};
/* The values of docs/protocol.md. */
void rpc_limits_default(struct rpc_limits *);
const char *rpc_limit_name(enum rpc_limit);     /* "body" */
size_t rpc_limit_value(const struct rpc_limits *, enum rpc_limit);

enum rpc_message_type {
    RPC_REQUEST,                /* Call, cast or fanout. */
    RPC_REPLY,
};

/* What does not depend on the deployment. */
#define RPC_MAX_ACK 64          /* Bytes of an `ack`. */
#define RPC_MAX_ACKED 64        /* Of those in one report. */
#define RPC_MAX_REASON 64       /* Bytes of a reason in a report. */
#define RPC_MAX_REASONS 32
#define RPC_MAX_STATE 32        /* Bytes of `state` in a report. */
#define RPC_MAX_BOOT 64         /* Bytes of a boot in `duplicate_host`. */
#define RPC_MAX_BOOTS 8
#define RPC_MAX_PARTS 4096      /* Of one object. */
#define RPC_PAGE_BYTES (1024 * 1024)    /* Entries of a page, as a controller
                                         * should cut them. */
#define RPC_INLINE_BYTES (64 * 1024)    /* Entries that a change brings. */

/* The envelope and what surrounds the arguments. */
struct rpc_message {
    enum rpc_message_type type;
    /* Both. */
    char *msg_id;               /* `_msg_id`; NULL: no reply is due. */
    char *unique_id;            /* `_unique_id`, may be NULL. */
    /* Request. */
    char *method;               /* As sent; quoted before it is shown. */
    char *reply_q;              /* `_reply_q`, or NULL. */
    char *version;              /* "1.0" if absent. */
    char *namespace_;           /* NULL: the null namespace. */
    int64_t timeout;            /* `_timeout`: call monitoring, seconds; 0. */
    void *args;                 /* Opaque decoded arguments (JSON object). */
    /* Reply. */
    bool ending;
    char *failure_class;        /* NULL: no failure. */
    char *failure_message;
    void *result;               /* Opaque decoded result, NULL for null. */
};
void rpc_message_uninit(struct rpc_message *);

/* The version our methods have, in the null namespace. */
#define RPC_VERSION "1.0"
/* Can a request of this version and namespace be served?  If not, the answer
 * to a call is UnsupportedVersion. */
bool rpc_message_served(const struct rpc_message *);

char *rpc_message_decode(const void *body, size_t len,
                         const struct rpc_limits *,
                         struct rpc_message *) SG_MUST_USE;

/* The arguments of a request to an agent, or the result of a `sync` call, as
 * an update.  A method that is not the agent's is an error. */
char *rpc_update_from_request(const struct rpc_message *,
                              const struct rpc_limits *,
                              struct sg_update *) SG_MUST_USE;
char *rpc_update_from_reply(const struct rpc_message *,
                            const struct rpc_limits *,
                            struct sg_update *) SG_MUST_USE;
/* The same from a bare text with the encoding of a `sync` answer (a file). */
char *rpc_update_from_text(const char *text, size_t len,
                           const struct rpc_limits *,
                           struct sg_update *) SG_MUST_USE;

/* The controller's side. */
char *rpc_sync_request_decode(const struct rpc_message *,
                              const struct rpc_limits *,
                              struct sg_sync_request *) SG_MUST_USE;
char *rpc_report_decode(const struct rpc_message *,
                        const struct rpc_limits *,
                        struct sg_report *) SG_MUST_USE;

/* Bodies, malloc'd, NUL-terminated; '*len' without the NUL.  'unique_id' and
 * 'msg_id' are 32 hex digits chosen by the caller (the core has no source of
 * randomness). */
char *rpc_encode_update(const struct sg_update *, const char *unique_id,
                        size_t *len);           /* A request (cast, fanout). */
char *rpc_encode_sync_call(const struct sg_sync_request *,
                           const char *msg_id, const char *reply_q,
                           const char *unique_id, size_t *len);
char *rpc_encode_sync_reply(const struct sg_update *, const char *msg_id,
                            const char *unique_id, size_t *len);
/* The same from parts that were encoded before.  An entry is one object of
 * 'objects': rpc_encode_entry() makes it of an update that has just that, as
 * a body, deleted or unknown.  What else is in the update given here is left
 * out but for what is not an object. */
struct rpc_entry {
    const char *text;
    size_t len;
};
char *rpc_encode_entry(const struct sg_update *, size_t *len);
char *rpc_encode_joined_reply(const struct sg_update *,
                              const struct rpc_entry *, size_t n,
                              const char *msg_id, const char *unique_id,
                              size_t *len);
/* The reply to a call whose method has no result. */
char *rpc_encode_null_reply(const char *msg_id, const char *unique_id,
                            size_t *len);
char *rpc_encode_failure(const char *msg_id, const char *unique_id,
                         const char *class_, const char *module,
                         const char *message, size_t *len);
char *rpc_encode_report(const struct sg_report *, const char *unique_id,
                        size_t *len);
/* The bare text rpc_update_from_text() reads. */
char *rpc_encode_update_text(const struct sg_update *, size_t *len);

/* Any text from outside, made fit for a log line or a terminal: control,
 * bidi and non-ASCII characters as \xNN, cut at 128 bytes.  Malloc'd. */
char *rpc_quote(const void *, size_t len);

#endif /* rpc/message.h */
