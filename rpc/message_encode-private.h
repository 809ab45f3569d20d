/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef RPC_MESSAGE_ENCODE_PRIVATE_H
#define RPC_MESSAGE_ENCODE_PRIVATE_H 1

/* The inside of message_encode.c, which makes bodies, and of
 * message_encode_update.c, which makes what updates say. */

#include <jansson.h>

#include "rpc/message.h"
#include "util.h"

/* json_object_set_new() fails for a null 'value', which is a text that is not
 * UTF-8 or a lack of memory. */
static inline void
set(json_t *object, const char *key, json_t *value)
{
    ovs_assert(!json_object_set_new_nocheck(object, key, value));
}

static inline void
append(json_t *array, json_t *value)
{
    ovs_assert(!json_array_append_new(array, value));
}

/* The arguments of a method to agents. */
json_t *enc_args(const struct sg_update *);
/* The result of `sync`.  Its objects come last, so that others can be put
 * there: rpc_encode_joined_reply(). */
json_t *enc_answer(const struct sg_update *);
/* All of it but the objects. */
json_t *enc_answer_head(const struct sg_update *);
/* The bodies of an update from rule list number 'first_rules' on, then what
 * has no body. */
json_t *enc_entries(const struct sg_update *, size_t first_rules);
json_t *enc_refs(const struct sg_ref *, size_t n, bool with_revision);

/* Lower case, as names of exchanges have it. */
json_t *enc_id(const struct uuid *);
/* The all-zero epoch, "none yet", is null. */
json_t *enc_epoch(const struct sg_epoch *);
json_t *enc_texts(char *const *, size_t n);
json_t *enc_text_or_null(const char *);

#endif /* rpc/message_encode-private.h */
