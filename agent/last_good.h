/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef AGENT_LAST_GOOD_H
#define AGENT_LAST_GOOD_H 1

/* The last policy of a controller, as a file that outlives a reboot.
 *
 * Pure: values to text and back, and when to do it.  The text has three lines:
 *
 *   {"format": 1, "sha1": "40 digits over all that follows"}
 *   {"host": "h1", "saved": 1795212611929}
 *   {"epoch": ..., "objects": [...]}          an answer to `sync`
 *
 * Nothing is believed that is damaged, of another host or of a newer format.
 * Revisions are those of the epoch in the text, which is over when somebody
 * reads it: whoever applies it to a policy store calls
 * policy_store_new_epoch() behind it. */

#include "sg/update.h"

#define LAST_GOOD_FORMAT 1
/* What is not longer than this is written and read.  262,144 addresses that
 * form no runs take 5 MiB. */
#define LAST_GOOD_MAX_BYTES (32 << 20)

struct policy_store;
struct rpc_limits;

/* Makes '*update' everything that the host needs and knows, what was deleted
 * by the controller included. */
void last_good_collect(const struct policy_store *, const struct sg_epoch *,
                       struct sg_update *);

/* 'saved' is unix time in ms.  Malloc'd; '*len' without the NUL. */
char *last_good_encode(const struct sg_update *, const char *host,
                       int64_t saved, size_t *len);

struct last_good {
    int64_t saved;              /* Unix time in ms. */
    struct sg_update update;    /* The caller uninits it. */
};
/* 'limits' are those of messages; a file may be longer than one, within
 * LAST_GOOD_MAX_BYTES. */
char *last_good_decode(const char *text, size_t len, const char *host,
                       const struct rpc_limits *limits, struct last_good *)
    SG_MUST_USE;

/* When to save: a change, at most every LAST_GOOD_MIN_MS, and so seldom that
 * it takes no more than a 200th of a core.  The first time that long after
 * the first complete answer, because an agent that starts has better things to
 * do. */
#define LAST_GOOD_MIN_MS 5000
#define LAST_GOOD_COST_FACTOR 200
#define LAST_GOOD_RETRY_MS 60000        /* After a failure. */

struct last_good_pace {
    uint64_t generation;        /* Saved, or being saved. */
    long long int began;        /* The last save. */
    long long int next;         /* Not before; LLONG_MIN: no answer yet. */
    bool busy;
};
void last_good_pace_init(struct last_good_pace *);
/* Is 'generation', which a controller has answered completely, to be saved
 * now?  If so the caller begins. */
bool last_good_due(struct last_good_pace *, uint64_t generation,
                   long long int now);
/* The same at exit, where only the change counts. */
bool last_good_due_at_exit(const struct last_good_pace *,
                           uint64_t generation);
void last_good_began(struct last_good_pace *, uint64_t generation,
                     long long int now);
/* It took 'cpu_us' of processor time, in all threads. */
void last_good_ended(struct last_good_pace *, bool ok, int64_t cpu_us,
                     long long int now);

#endif /* agent/last_good.h */
