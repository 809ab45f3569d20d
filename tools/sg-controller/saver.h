/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef SG_CONTROLLER_SAVER_H
#define SG_CONTROLLER_SAVER_H 1

/* Writes files of the state directory in a thread of its own, so that the
 * loop never waits for a disk.
 *
 * Each file is written aside, synced and renamed: after a crash there is the
 * old one or the new one.  Files are written in the order in which they were
 * given; of a name that waits only the last text is.  What a crash loses is
 * what was not written yet. */

#include "sg/types.h"

struct saver;

struct saver *saver_create(const char *dir);
/* Waits until all is written. */
void saver_destroy(struct saver *);

/* Takes over 'text', NULL to remove the file. */
void saver_put(struct saver *, const char *name, char *text, size_t len);
/* Why a file was not written, the last time that one was not; or NULL.  The
 * caller frees it. */
char *saver_error(const struct saver *);

#endif /* tools/sg-controller/saver.h */
