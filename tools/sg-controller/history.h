/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef SG_CONTROLLER_HISTORY_H
#define SG_CONTROLLER_HISTORY_H 1

/* The last topologies that were in force, as texts in the state directory.
 *
 * io; writing is saver.h's.  A text that is the same as the newest is not kept
 * twice: a restart, or a reload of nothing new, drives nothing out. */

#include "sg/types.h"

struct history;
struct saver;

#define HISTORY_MAX 10

struct history_entry {
    unsigned int number;        /* Of the file; the newest has the highest. */
    int64_t time;               /* When it came into force first, Unix ms. */
    size_t size;
    int64_t revision;           /* That it gave; 0: in another epoch. */
};

/* Both are borrowed. */
struct history *history_create(const char *dir, struct saver *);
void history_destroy(struct history *);

/* 'text' is in force, since 'now'.  Takes it over. */
void history_add(struct history *, char *text, size_t len, int64_t now);
/* An old one is in force again. */
void history_set_current(struct history *, size_t i);
/* What the current one gave. */
void history_set_revision(struct history *, int64_t revision);

size_t history_count(const struct history *);
size_t history_current(const struct history *);
/* 0 is the newest. */
const struct history_entry *history_get(const struct history *, size_t i);
char *history_read(const struct history *, size_t i, char **text,
                   size_t *len) SG_MUST_USE;

#endif /* tools/sg-controller/history.h */
