/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef RPC_MESSAGE_JSON_H
#define RPC_MESSAGE_JSON_H 1

/* Reading JSON values that somebody else wrote: private to rpc/message*.c.
 *
 * An object is read in two steps.  msg_object_init() sorts its members into an
 * array by a list of names; then msg_id(), msg_int() and so on take one field
 * each, check it and convert it.  A null counts as absent.  A key that is not
 * in the list is noted as a problem and otherwise ignored.
 *
 * All of them return NULL or a malloc'd sentence that begins with the path of
 * the bad value.  The path is a chain of struct msg_place on the callers'
 * stacks; it costs nothing until something is wrong.  What is left out of an
 * object has a path within it, so that the same object compares equal however
 * it came.  On failure the output is untouched. */

#include <jansson.h>

#include "rpc/message.h"

/* One step of a path: a key, or an index if 'key' is NULL. */
struct msg_place {
    const struct msg_place *up;         /* NULL at the root. */
    const char *key;
    size_t index;
};

/* What is the same for all of a message. */
struct msg_reader {
    const struct rpc_limits *limits;
    struct sg_refusal **problems;       /* NULL: nobody is interested. */
    size_t *n_problems;
    size_t *n_members;                  /* Of all whole lists so far; NULL:
                                         * there are none. */
};

#define MSG_MAX_FIELDS 20

struct msg_object {
    const struct msg_reader *reader;
    const struct msg_place *place;
    const char *const *names;
    json_t *values[MSG_MAX_FIELDS];     /* Borrowed; NULL: absent or null. */
    const char *unknown;                /* One of the unknown keys, or NULL. */
};

/* 'names' ends with NULL; its indexes are the 'field's below. */
char *msg_object_init(struct msg_object *, const struct msg_reader *,
                      const struct msg_place *, json_t *,
                      const char *const names[]) SG_MUST_USE;
/* Remembers the unknown keys as problems. */
void msg_object_note_unknown(const struct msg_object *, json_t *);

static inline bool
msg_has(const struct msg_object *object, int field)
{
    return object->values[field] != NULL;
}

char *msg_text(const struct msg_object *, int field,
               const char **) SG_MUST_USE;
char *msg_text_dup(const struct msg_object *, int field, char **) SG_MUST_USE;
/* The same of at most 'max' bytes. */
char *msg_short_text(const struct msg_object *, int field, size_t max,
                     char **) SG_MUST_USE;
/* An array of at most 'max_n' of those. */
char *msg_text_list(const struct msg_object *, int field, size_t max_n,
                    size_t max, char ***, size_t *n) SG_MUST_USE;
/* 40 lower-case hex digits (rpc/digest.h). */
char *msg_digest(const struct msg_object *, int field, char **) SG_MUST_USE;
char *msg_id(const struct msg_object *, int field,
             struct uuid *) SG_MUST_USE;
char *msg_epoch(const struct msg_object *, int field,
                struct sg_epoch *) SG_MUST_USE;
char *msg_kind(const struct msg_object *, int field,
               enum sg_kind *) SG_MUST_USE;
char *msg_int(const struct msg_object *, int field, int64_t min,
              int64_t *) SG_MUST_USE;
char *msg_bool(const struct msg_object *, int field, bool *) SG_MUST_USE;
char *msg_array(const struct msg_object *, int field, enum rpc_limit,
                json_t **) SG_MUST_USE;

/* An array of ids, appended to '*ids'; one that cannot be read refuses all: a
 * list that leaves out one would speak of it as absent. */
char *msg_id_list(const struct msg_object *, int field, enum rpc_limit,
                  struct uuid **ids, size_t *n) SG_MUST_USE;

/* An object {"kind", "id"} or {"kind", "id", "revision"}. */
char *msg_ref(const struct msg_reader *, const struct msg_place *, json_t *,
              bool with_revision, struct sg_ref *) SG_MUST_USE;

/* Is 'n' above the limit?  Then that is counted. */
bool msg_beyond(const struct rpc_limits *, enum rpc_limit, size_t n);

/* Whole objects: message_port.c, message_rules.c, message_members.c. */
char *msg_port(const struct msg_reader *, const struct msg_place *, json_t *,
               struct sg_port_spec *) SG_MUST_USE;
char *msg_rules(const struct msg_reader *, const struct msg_place *, json_t *,
                struct sg_rules_spec *) SG_MUST_USE;
char *msg_members(const struct msg_reader *, const struct msg_place *,
                  json_t *, struct sg_members_spec *) SG_MUST_USE;

/* "PATH: text", or just the text if the place is NULL. */
char *msg_error(const struct msg_place *, const char *format, ...)
    __attribute__((format(printf, 2, 3), returns_nonnull)) SG_MUST_USE;
/* "PATH: "VALUE" text", the value quoted. */
char *msg_error_value(const struct msg_place *, const char *value,
                      const char *text)
    __attribute__((returns_nonnull)) SG_MUST_USE;
/* Adds the path with a reason to a list of what was left out. */
void msg_refuse(struct sg_refusal **, size_t *n, const struct msg_place *,
                const char *reason);
/* Takes ownership of 'problem', and keeps it unless there are many. */
void msg_problem(const struct msg_reader *, char *problem);

/* Checks size and nesting before jansson sees the text.  The result is an
 * object or an array. */
char *msg_parse(const char *text, size_t len, const struct rpc_limits *,
                json_t **) SG_MUST_USE;

/* Makes room for one more element in an array of 'n' that only ever grew by
 * this function: it grows at the powers of two. */
void *msg_grow(void *array, size_t n, size_t element_size);

#endif /* rpc/message_json.h */
