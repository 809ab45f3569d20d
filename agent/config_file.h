/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef AGENT_CONFIG_FILE_H
#define AGENT_CONFIG_FILE_H 1

/* The configuration from its file: reads, parses, fetches the password. */

#include <stdbool.h>

struct config;

/* Reads the configuration 'name'; a missing file is the empty configuration
 * unless 'must_exist'.  Any problem ends the program with one sentence; a
 * file with a secret that others can read is one. */
struct config *config_load(const char *name, bool must_exist);

#endif /* agent/config_file.h */
