/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef AGENT_CONTROL_H
#define AGENT_CONTROL_H 1

/* The control socket: unixctl commands sg/status, sg/ports, ... for sgctl
 * (and `ovs-appctl -t SOCKET`).
 *
 * A command reads state or leaves a request; none changes anything itself.
 * Commands that have to wait (for the lock of the tables, for an answer of
 * the controller, for a generation) are kept and answered from control_run();
 * each has a deadline, and there is a limit on how many wait. */

struct agent;
struct control;

/* Creates the socket at 'path'.  0 or errno. */
int control_create(const char *path, struct agent *, struct control **);
void control_destroy(struct control *);
void control_run(struct control *);
void control_wait(struct control *);

#endif /* agent/control.h */
