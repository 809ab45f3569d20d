/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef SG_CONTROLLER_SAVER_H
#define SG_CONTROLLER_SAVER_H 1

/* Writes files of the state directory in a thread of its own, so that the
 * loop never waits for a disk.
 *
 * Each file is written aside, synced and renamed: after a crash there is the
 * old one or the new one.  Files are written in the order in which they were
 * given; of a name that waits only the last text is.  One that cannot be
 * written is tried again after SAVER_RETRY_MS, then after twice that, up to
 * SAVER_RETRY_MAX_MS, and holds up no other.  What a crash loses is what was
 * not written yet. */

#include "sg/types.h"

#define SAVER_RETRY_MS 1000
#define SAVER_RETRY_MAX_MS 60000

struct saver;

struct saver *saver_create(const char *dir);
/* Waits until all is written, or has been tried once more. */
void saver_destroy(struct saver *);

/* Takes over 'text', NULL to remove the file. */
void saver_put(struct saver *, const char *name, char *text, size_t len);
/* The text that is yet to be written under 'name', if there is one: then the
 * caller frees '*text', which ends with a NUL behind '*len' bytes. */
bool saver_get(const struct saver *, const char *name, char **text,
               size_t *len);
/* Why a file is not written that should be, the last one that failed; NULL
 * once all are.  The caller frees it. */
char *saver_error(const struct saver *);

#endif /* tools/sg-controller/saver.h */
