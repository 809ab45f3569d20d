/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef AGENT_STATE_FILE_H
#define AGENT_STATE_FILE_H 1

/* The file policy.json in the state directory: read once, written by a thread
 * of its own, since a disk may take seconds.
 *
 * Written aside, flushed, renamed, and the directory flushed: whatever
 * happens, the old file or the new one is there.  The directory must belong
 * to root or this user, and nobody else may write to it; the file is readable
 * for its owner only.  No symbolic link is followed. */

#include <stdbool.h>
#include <stdint.h>

#include "sg/update.h"

#define STATE_FILE_NAME "policy.json"

struct state_file;

/* No file is touched. */
struct state_file *state_file_create(const char *dir, const char *host);
/* Waits until everything that was handed in is written, but not for ever: a
 * disk that hangs must not keep an agent from being started again.  Returns
 * false if it gave up; the old file is whole then. */
#define STATE_FILE_END_S 5
bool state_file_destroy(struct state_file *);

/* Reads it.  NULL and '*text' (malloc'd, '*len' bytes), where '*text' is NULL
 * if there is no such file; or a sentence. */
char *state_file_read(struct state_file *, char **text, size_t *len)
    SG_MUST_USE;

/* Hands in what is to be written, and takes ownership of what 'update' owns.
 * What was handed in before and has not been begun is dropped. */
void state_file_save(struct state_file *, const struct sg_update *update,
                     int64_t saved);

/* Was a write ended since the last call?  Then says how: '*error' NULL or
 * malloc'd, '*cpu_us' the processor time that the thread took. */
bool state_file_ended(struct state_file *, char **error, int64_t *cpu_us);

#endif /* agent/state_file.h */
