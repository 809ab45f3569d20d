/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef SG_CONTROLLER_COMMANDS_H
#define SG_CONTROLLER_COMMANDS_H 1

/* The control socket of sg-controller, both ends.
 *
 * The server has the commands `status`, `hosts`, `topology` and `reload`; each
 * answers with one JSON document.  `reload` answers when what it published has
 * left, or after COMMANDS_RELOAD_MS, which it then says. */

#include "sg/types.h"

struct commands;
struct service;

#define COMMANDS_RELOAD_MS 5000
/* Commands that may wait at one time. */
#define COMMANDS_MAX_PENDING 64

/* 'service' is borrowed.  A positive errno if the socket cannot be made. */
int commands_create(const char *socket, struct service *, struct commands **)
    SG_MUST_USE;
void commands_destroy(struct commands *);
void commands_run(struct commands *);
void commands_wait(struct commands *);

/* The client: sends argv[0] with its arguments, prints the answer.  Returns an
 * exit status: 0 done, 1 the command failed, 3 nobody there. */
int commands_client(const char *socket, int argc, char *argv[]);

#endif /* tools/sg-controller/commands.h */
