/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef SG_CONTROLLER_READER_H
#define SG_CONTROLLER_READER_H 1

/* A strict view of a YAML document, and the only user of libyaml here.
 *
 * Pure.  The text must hold exactly one document, in UTF-8, of mappings,
 * sequences and scalars without tags, anchors and aliases.  Whoever reads it
 * says what is expected where; the first thing that is not as expected is kept
 * as the reader's error, "FILE:LINE:COLUMN: KEY: sentence", and everything
 * after it fails quietly, so callers need no message of their own.
 *
 * Nodes belong to the reader and are good until it is closed.  A key whose
 * value is null counts as absent: a dump of an API has many of those. */

#include "openvswitch/compiler.h"
#include "sg/types.h"

struct reader;
struct reader_node;

/* Levels of mappings and lists. */
#define READER_MAX_DEPTH 16

/* Opens 'text'; 'file' is only for messages and is borrowed.  'len' is
 * limited by the caller. */
char *reader_open(const char *text, size_t len, const char *file,
                  struct reader **) SG_MUST_USE;
void reader_close(struct reader *);

const struct reader_node *reader_root(struct reader *);

/* Records an error at 'node' unless there is one already; always false. */
bool reader_fail(struct reader *, const struct reader_node *,
                 const char *key, const char *format, ...)
    OVS_PRINTF_FORMAT(4, 5);
/* The error, or NULL.  The caller owns it. */
char *reader_take_error(struct reader *) SG_MUST_USE;

/* The values of a mapping.  'keys' ends with NULL; values[i] is the value of
 * keys[i], NULL if absent.  A key that is not among them or stands twice is
 * an error. */
bool reader_mapping(struct reader *, const struct reader_node *,
                    const char *what, const char *const *keys,
                    const struct reader_node **values) SG_MUST_USE;
/* A sequence of at most 'max' nodes. */
bool reader_list(struct reader *, const struct reader_node *,
                 const char *key, size_t max, size_t *n) SG_MUST_USE;
const struct reader_node *reader_item(struct reader *,
                                      const struct reader_node *, size_t i);

/* Scalars.  A text is NUL-terminated, has no NUL within, and is owned by the
 * reader; booleans and integers must not be quoted. */
bool reader_text(struct reader *, const struct reader_node *,
                 const char *key, const char **) SG_MUST_USE;
bool reader_bool(struct reader *, const struct reader_node *,
                 const char *key, bool *) SG_MUST_USE;
bool reader_integer(struct reader *, const struct reader_node *,
                    const char *key, int64_t min, int64_t max, int64_t *)
    SG_MUST_USE;

#endif /* tools/sg-controller/reader.h */
