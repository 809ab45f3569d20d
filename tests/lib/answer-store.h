/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef TESTS_LIB_ANSWER_STORE_H
#define TESTS_LIB_ANSWER_STORE_H 1

/* A policy store that takes answers to `sync` as text, as an agent does. */

#include "agent/policy_store.h"
#include "tests/lib/random-answer.h"

/* With the ports plugged where the answer says, and limits that no answer of
 * these tests reaches. */
struct policy_store *answer_store_create(const struct answer *);
/* Fails the test if the text is refused. */
void answer_store_take(struct policy_store *, const struct ds *json);

#endif /* tests/lib/answer-store.h */
