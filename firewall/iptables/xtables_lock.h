/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef IPTABLES_XTABLES_LOCK_H
#define IPTABLES_XTABLES_LOCK_H 1

/* The lock that every writer of the legacy tables takes (the iptables command
 * since 1.4.20): an exclusive flock on /run/xtables.lock.
 *
 * The kernel itself notices two writers only if the number of entries
 * changed, so the lock is held from reading a table to committing it.  It is
 * per mount namespace, because the file is. */

#include "sg/types.h"

int xtables_lock_take(const char *path, int *fd) SG_MUST_USE;
void xtables_lock_release(int fd);

#endif /* xtables_lock.h */
