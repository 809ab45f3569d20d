/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef SG_CONTROLLER_STATE_H
#define SG_CONTROLLER_STATE_H 1

/* What the controller stands for: a topology with a revision for every
 * object, in one epoch.
 *
 * Pure.  Revisions come from one counter that starts with the epoch, so the
 * revisions of an id never restart, also not when it is deleted and comes
 * back.  An object that went is remembered for a while (tombstone): asked for
 * it, the controller answers `deleted`.  An id it has never had, or no longer
 * remembers, is `unknown`: nobody may take anything away because of that. */

#include "openvswitch/list.h"
#include "sg/types.h"

struct change_list;
struct state;
struct topology;

/* How long and how many deleted objects are remembered. */
#define STATE_TOMBSTONE_MS (60 * 60 * 1000)
#define STATE_MAX_TOMBSTONES 100000

enum state_answer {
    STATE_UNKNOWN,
    STATE_PRESENT,
    STATE_DELETED,
};

struct state *state_create(const struct sg_epoch *);
void state_destroy(struct state *);

/* Ids of the controller that ran before.  Those that the topology lacks are
 * `unknown` until an operator confirms that they are gone: the topology may be
 * empty, truncated or yesterday's.  To be called before the first topology.
 * As in id_list.h. */
void state_set_saved(struct state *, const struct sg_ref *, size_t n);
size_t state_n_saved(const struct state *);     /* Still to be confirmed. */
/* Had the controller before deleted this object already? */
bool state_saved_as_deleted(const struct state *, enum sg_kind,
                            const struct uuid *);
/* All ids that a controller after this one has to know, as in id_list.h;
 * malloc'd.  They are others only when state_ids_serial() is. */
size_t state_ids(const struct state *, struct sg_ref **);
uint64_t state_ids_serial(const struct state *);

/* Puts 'topology', which the state owns from then on, into force.  Appends
 * what differs to 'changes', with revisions. */
void state_replace(struct state *, struct topology *, long long int now,
                   struct change_list *changes);
/* Deletes what was saved and is not there; appends that to 'changes'. */
void state_confirm(struct state *, long long int now,
                   struct change_list *changes);
/* Appends what state_confirm() would delete if 'topology' were in force. */
void state_unconfirmed(const struct state *, const struct topology *,
                       struct change_list *changes);
void state_expire(struct state *, long long int now);

const struct sg_epoch *state_epoch(const struct state *);
const struct topology *state_topology(const struct state *);
int64_t state_revision(const struct state *);           /* Newest given. */
size_t state_n_tombstones(const struct state *);

/* What becomes of a question for this object; '*revision' is that of the
 * object or of its deletion, 0 if it is unknown. */
enum state_answer state_find(const struct state *, enum sg_kind,
                             const struct uuid *, int64_t *revision);
/* When it changed last, as far as is remembered; or LLONG_MIN. */
long long int state_changed_at(const struct state *, enum sg_kind,
                               const struct uuid *);

#endif /* tools/sg-controller/state.h */
