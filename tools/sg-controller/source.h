/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef SG_CONTROLLER_SOURCE_H
#define SG_CONTROLLER_SOURCE_H 1

/* The topology file, and the files of the state directory but the epoch.
 *
 * io.  Reading is done at once, writing by saver.h.  A text that does not
 * parse is an error and changes nothing. */

#include "sg/types.h"

struct history;
struct rpc_limits;
struct source;
struct topology;

/* 'state_dir' exists and is ours. */
struct source *source_create(const char *file, const char *state_dir);
/* Waits until all is written. */
void source_destroy(struct source *);

const char *source_file(const struct source *);
/* Reads the topology file. */
char *source_load(struct source *, const struct rpc_limits *,
                  struct topology **) SG_MUST_USE;
/* The same for somebody who only looks: source_changed() goes on to speak of
 * what was loaded. */
char *source_preview(const struct source *, const struct rpc_limits *,
                     struct topology **) SG_MUST_USE;
/* What was read last is in force, since 'now' (Unix ms). */
void source_in_force(struct source *, int64_t now);
/* Reads one of the last topologies, 0 being the newest; -1: the one before
 * that which is in force.  '*i' becomes its number, for
 * history_set_current(). */
char *source_load_old(struct source *, int which, const struct rpc_limits *,
                      struct topology **, size_t *i) SG_MUST_USE;
struct history *source_history(struct source *);
/* Is the file another one than the last that was loaded, whatever came of
 * that?  To be called at a steady pace: only a file that stayed the same from
 * one call to the next counts. */
bool source_changed(struct source *);

/* The ids that the controller before had.  None is no error; the caller frees
 * '*refs'. */
char *source_load_ids(const struct source *, struct sg_ref **refs, size_t *n)
    SG_MUST_USE;
void source_save_ids(struct source *, const struct sg_ref *, size_t n);
/* See saver_error(). */
char *source_save_error(const struct source *);

#endif /* tools/sg-controller/source.h */
