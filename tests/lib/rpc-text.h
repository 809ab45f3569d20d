/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef TESTS_LIB_RPC_TEXT_H
#define TESTS_LIB_RPC_TEXT_H 1

/* Messages as the text that is on the wire, for tests of the decoder.
 *
 * Errors are the decoder's own, malloc'd; NULL if it took the text. */

#include <stdbool.h>
#include "rpc/message.h"

/* Those that an agent has by default. */
struct rpc_limits rpc_text_limits(void);
/* A body that ends with its NUL, within these limits. */
char *rpc_text_decode(const char *body, struct rpc_message *);
/* A request without envelope that calls 'method' with 'args', which is the
 * JSON of an object; down to the update. */
char *rpc_text_update(const char *method, const char *args,
                      const struct rpc_limits *, struct sg_update *);
/* The same for its error alone. */
char *rpc_text_update_error(const char *method, const char *args,
                            const struct rpc_limits *);
/* Is it the same text, or are both missing? */
bool rpc_text_same(const char *, const char *);

#endif /* tests/lib/rpc-text.h */
