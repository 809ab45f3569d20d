/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef AGENT_LINK_WATCH_H
#define AGENT_LINK_WATCH_H 1

/* The links of this network namespace, kept up to date.
 *
 * rtnetlink notifications only say "look again" (they repeat, they get lost,
 * and a bridge port that leaves its bridge is announced as a deletion): after
 * one, all links are dumped, at most once per LINK_WATCH_INTERVAL_MS. */

#include <stdbool.h>

struct link_watch;
struct plug_table;

struct link_watch *link_watch_create(void);
void link_watch_destroy(struct link_watch *);
/* Returns true if the links are not as they were after the last call. */
bool link_watch_run(struct link_watch *, long long int now);
void link_watch_wait(struct link_watch *);
/* Never NULL after the first successful run; owned by the watch, valid until
 * the next run. */
const struct plug_table *link_watch_table(const struct link_watch *);
/* 0, or the errno of the last dump. */
int link_watch_error(const struct link_watch *);

#endif /* agent/link_watch.h */
