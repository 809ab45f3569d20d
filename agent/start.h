/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef AGENT_START_H
#define AGENT_START_H 1

/* When an agent that has just started may begin to write, and how far.
 *
 * Pure: a clock is handed in.
 *
 *   reading ---> asking ---> [forgotten, held] ---> enforcing
 *                  |                                    ^
 *                  v                                    |
 *               uncovered ---> zones -------------------+
 *
 * On a host that an earlier run has filtered, the first complete answer of a
 * controller opens the door at once.  Unless it knows none of the ports that
 * the earlier run protected: such a controller has lost its memory, and must
 * not close them ("forgotten").  Or unless it says that so many of them are
 * deleted that this is held for now (mass_removal, agent/sync.h): their policy
 * is in the kernel and nowhere else, so that stays as it is ("held").
 *
 * On a host that was never filtered, the instances may be running, and to
 * hook in would cut off each one that the controller does not know.  So
 * nothing is written until the answer covers every local port whose tap is
 * there ("uncovered"), or until an operator says that it is enough.  Then the
 * raw tables come first, and only START_ZONES_MS later the rules ("zones"):
 * in that time the flows that run get to be known in the zone of their
 * bridge, without which the rules would take their answers for something
 * new. */

#include <stdbool.h>
#include <stddef.h>

#include "openvswitch/uuid.h"

#define START_ZONES_MS 1000
/* Ports that are named in the sentence. */
#define START_MAX_NAMED 3

#define START_STATES                            \
    START_STATE(READING, "reading")             \
    START_STATE(ASKING, "asking")               \
    START_STATE(FORGOTTEN, "forgotten")         \
    START_STATE(HELD, "held")                   \
    START_STATE(UNCOVERED, "uncovered")         \
    START_STATE(ZONES, "zones")                 \
    START_STATE(ENFORCING, "enforcing")
enum start_state {
#define START_STATE(ENUM, NAME) START_##ENUM,
    START_STATES
#undef START_STATE
};
const char *start_state_name(enum start_state);

struct start_input {
    bool recovered;             /* The kernel was read; else nothing below
                                 * is looked at. */
    bool fresh;                 /* firewall_recover() says so. */
    bool known_host;            /* There is a policy of this host that an
                                 * earlier run saved: not a first start,
                                 * although the kernel is empty (the host
                                 * was booted). */
    bool found_ports;           /* The raw tables have leaves of ours.  On a
                                 * fresh host they are those of a first start
                                 * that ended early, and protect nobody. */
    bool complete;              /* A controller has answered in full, or the
                                 * saved policy is in force. */
    size_t n_ports;             /* Local ports. */
    size_t n_unknown;           /* Of them: nothing is known of them. */
    size_t n_held;              /* Of these: their deletion is held. */
    size_t n_uncovered;         /* Of these: the rules would cut them off,
                                 * because their tap is on a managed
                                 * bridge. */
    struct uuid uncovered[START_MAX_NAMED];     /* The first ones. */
    bool zones_applied;         /* An apply in scope ZONES succeeded since
                                 * the state is START_ZONES. */
};

struct start;
struct start *start_create(long long int now);
void start_destroy(struct start *);

/* To be called whenever an input may have changed, and at start_next().
 * Returns true if the state changed.  START_ENFORCING is final. */
bool start_run(struct start *, const struct start_input *,
               long long int now);
/* An operator does not want to wait any longer for ports that the controller
 * does not know: they are closed.  Returns NULL, or a static sentence why
 * that is not possible; then nothing changes. */
const char *start_enforce(struct start *);

enum start_state start_state(const struct start *);
long long int start_since(const struct start *);
/* When to look again if no input changes: LLONG_MAX if there is no need. */
long long int start_next(const struct start *);
/* May anything be written?  In START_ZONES only zones. */
bool start_may_write(const struct start *);
bool start_is_enforcing(const struct start *);
/* What is waited for, a sentence; NULL when enforcing. */
const char *start_reason(const struct start *);

#endif /* agent/start.h */
