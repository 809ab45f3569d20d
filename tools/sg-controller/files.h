/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef SG_CONTROLLER_FILES_H
#define SG_CONTROLLER_FILES_H 1

/* Files: whole texts, and the state directory.
 *
 * The state directory holds the epoch of the controller that ran last.  Every
 * start begins a later one and has it on disk before the first message, so
 * that agents never take a new controller for an old one.  A lock on the
 * directory keeps a second controller out. */

#include "sg/types.h"

/* Reads the file 'name', which must be a regular file of at most 'max' bytes.
 * On success the caller frees '*text', which ends with a NUL behind '*len'
 * bytes. */
char *file_read(const char *name, size_t max, char **text, size_t *len)
    SG_MUST_USE;

/* Writes the file 'name' of the directory aside and renames it, all synced:
 * after a crash there is the old one or the new one.  Without 'text' removes
 * it. */
char *file_save(const char *dir, const char *name, const char *text,
                size_t len) SG_MUST_USE;

/* Begins and saves a new epoch at 'now', Unix time in ms.  Refuses if the
 * clock is behind the epoch before, or if the directory is in use.  The lock
 * lasts until the process ends. */
char *epoch_begin(const char *state_dir, int64_t now, struct sg_epoch *)
    SG_MUST_USE;

#endif /* tools/sg-controller/files.h */
