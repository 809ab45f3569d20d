/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H 1

/* The agent: everything put together, one turn of the loop at a time.
 *
 * Order of a turn (agent_run):
 *
 *   1. recover   once: zones and slots that the kernel still has
 *   2. broker    messages into the store
 *   3. plugs     OVSDB and links: which ports are here, on which bridge
 *   4. hold      sets whose users are about to change
 *   5. members   member lane: net member changes to the kernel, at once
 *   6. structure structure lane, when the start is over and the pacer says
 *                so
 *   7. flows     what tracked flows lost their permission
 *   8. ask       questions to the controller, bindings, reports
 *   9. control   answers that had to wait
 *
 * Nothing is applied from inside a receiver, nothing waits.
 *
 * To look at a descriptor that has nothing to say costs as much as a member
 * change.  A turn that has taken messages therefore leaves out what waits on
 * other descriptors, unless that was left out for AGENT_LOOK_MS; the turn
 * after the last message looks at everything. */

#define AGENT_LOOK_MS 10

#include <stdbool.h>
#include <stddef.h>

struct agent;
struct config;
struct ds;
struct fw_backend;
struct local_port;

/* 'config' is borrowed for the life of the agent. */
struct agent *agent_create(const struct config *, char **error);

/* What takes the place of the kernel and OVSDB where an agent is only played,
 * with everything above them as it is. */
struct agent_world {
    struct fw_backend *backend;         /* Taken over. */
    const struct local_port *ports;     /* Plugged, for ever.  Copied. */
    size_t n_ports;
};
struct agent *agent_create_simulated(const struct config *,
                                     const struct agent_world *,
                                     char **error);
/* Leaves the kernel as it is. */
void agent_destroy(struct agent *);
/* Returns true if the caller should look at its own descriptors, too.  What
 * the caller does until agent_wait() counts as part of the turn: nothing but
 * poll_block() is to follow that. */
bool agent_run(struct agent *);
void agent_wait(struct agent *);
/* Forgets the longest turn so far. */
void agent_reset_loop(struct agent *);

/* What agent/control asks for.  Each returns a malloc'd JSON document (or, if
 * '*error' is set, a malloc'd sentence instead); none changes anything. */
char *agent_status_document(struct agent *);
char *agent_ports_document(struct agent *);
char *agent_groups_document(struct agent *);
char *agent_metrics_document(struct agent *);
char *agent_latency_document(struct agent *);
char *agent_loop_document(struct agent *);
char *agent_limits_document(struct agent *);
char *agent_version_document(struct agent *);
/* These read the kernel; EAGAIN while somebody else holds the lock. */
int agent_sets_document(struct agent *, char **document);
int agent_rules_document(struct agent *, char **document);
/* What becomes of a packet, and why; the words as in trace_query.h.  A
 * question is parsed once and may be asked again. */
struct fw_trace_query;
char *agent_trace_query(const struct agent *, int n, const char *words[],
                        struct fw_trace_query *);
int agent_trace_document(struct agent *, const struct fw_trace_query *,
                         char **document, char **error);
/* What would change now; with 'file', with the policy in that file, in the
 * encoding of an answer to `sync`. */
int agent_plan_document(struct agent *, const char *file, char **document,
                        char **error);

/* An operator does not want to wait for ports that the controller does not
 * know: they are closed.  NULL, or a static sentence why that cannot be. */
const char *agent_enforce(struct agent *);
/* An operator wants the removal to be made that is held (agent/sync.h).  NULL,
 * or a static sentence why that cannot be. */
const char *agent_accept_removal(struct agent *);

/* Requests that take time; poll with the number they return. */
void agent_request_resync(struct agent *);
/* True when the resync is over; then '*document' says what it did. */
bool agent_resync_done(struct agent *, char **document);
/* The generation that a `wait` for "what is known now" has to wait for. */
unsigned long long int agent_generation(const struct agent *);
/* In sync, and at least 'generation' is in the kernel.  'document' may be
 * NULL. */
bool agent_is_settled(const struct agent *, unsigned long long int generation,
                      char **document);

/* For whoever plays many hosts and looks at all of them. */
struct broker_status;
struct sync_status;
void agent_get_sync_status(const struct agent *, struct sync_status *);
void agent_get_broker_status(const struct agent *, struct broker_status *);
/* See broker_bind_unneeded(). */
void agent_bind_unneeded(struct agent *, const char *exchange, bool bind);

#endif /* agent/agent.h */
