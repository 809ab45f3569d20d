/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef SG_CONTROLLER_ANSWER_H
#define SG_CONTROLLER_ANSWER_H 1

/* The answer to a `sync` call.
 *
 * Pure.  A request covers its ports or its objects; a port brings its
 * closure: the rules of its groups and the members of those rules' remotes.
 * Every object covered comes whole, as `deleted`, as `unknown`, or not at all
 * because the request says, in our epoch, that the agent has it at its
 * revision. */

#include "sg/update.h"

struct ref_set;
struct state;

/* Fills in 'update', initialised here and to be uninitialised by the caller,
 * and adds every object that is covered to 'covered': the host is interested
 * in those from now on.  Does not set 'sent'. */
void answer_sync(const struct state *, const struct sg_sync_request *,
                 struct sg_update *update, struct ref_set *covered);

#endif /* tools/sg-controller/answer.h */
