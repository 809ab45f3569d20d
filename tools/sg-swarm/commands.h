/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef SG_SWARM_COMMANDS_H
#define SG_SWARM_COMMANDS_H 1

/* The control socket: one JSON document for each command.
 *
 *   status       all hosts together: how many are how far, and the traffic
 *   hosts        each host: how far, when, its bindings and traffic
 *   sets HOST    what the host's model kernel has in its sets
 *   bind-all     every host to every group's members; unbind-all undoes it
 */

struct swarm;
struct unixctl_server;

/* 0 or a positive errno.  'swarm' is borrowed. */
int commands_create(const char *socket, struct swarm *,
                    struct unixctl_server **);

#endif /* tools/sg-swarm/commands.h */
