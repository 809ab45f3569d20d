/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef SG_CONTROLLER_CLOSURE_H
#define SG_CONTROLLER_CLOSURE_H 1

/* What a host needs: its ports, the rules of their groups and the members of
 * those rules' remotes.  Pure. */

#include "rpc/digest.h"
#include "sg/update.h"

struct ref_set;
struct state;
struct topology;

/* Adds the port and its closure.  A port that does not exist is covered as
 * well: the answer says what we know of it. */
void closure_add_port(const struct topology *, const struct uuid *,
                      struct ref_set *);
/* Adds the rules of a group, and the members of their remotes. */
void closure_add_rules(const struct topology *, const struct uuid *group,
                       struct ref_set *);
/* Adds the objects that a request is about. */
void closure_add_request(const struct topology *,
                         const struct sg_sync_request *, struct ref_set *);

/* The digest of those of 'refs' that exist, at their revisions. */
void closure_digest(const struct state *, const struct ref_set *refs,
                    char digest[RPC_DIGEST_LEN + 1]);

#endif /* tools/sg-controller/closure.h */
