/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef TESTS_LIB_NETNS_H
#define TESTS_LIB_NETNS_H 1

/* A kernel of one's own: each test that needs one moves this process into a
 * new network namespace, whose tables and sets are empty, and (once) into a
 * mount namespace with an empty /run, where the xtables lock lives. */

#include <stdbool.h>
#include <stddef.h>

/* Skips the running test, with the reason, where that is not allowed. */
void netns_enter(void);

/* Runs a shell command, standard input from 'input' (NULL: none).  Returns
 * its output, standard error included, which the caller frees.  A failing
 * command fails the test, with its output. */
char *netns_run(const char *input, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* What iptables-save prints of a table, without comments and dates.  With
 * counters if 'counters'. */
char *netns_save(const char *command, const char *table, bool counters);

#endif /* tests/lib/netns.h */
