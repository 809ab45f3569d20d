/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef TESTS_LIB_RANDOM_MESSAGE_H
#define TESTS_LIB_RANDOM_MESSAGE_H 1

/* Random messages of every kind, well-formed, with each optional part there in
 * some and absent in others.  Encoded and decoded again they are the same.
 *
 * 'seed' is the state of test_random().  What is filled in belongs to the
 * caller, who uninitialises it. */

#include "sg/update.h"

/* A message of 'method' to an agent; SG_METHOD_SYNC: an answer. */
void random_message_update(uint64_t *seed, enum sg_method method,
                           struct sg_update *);
void random_message_sync_request(uint64_t *seed, struct sg_sync_request *);
void random_message_report(uint64_t *seed, struct sg_report *);

#endif /* tests/lib/random-message.h */
