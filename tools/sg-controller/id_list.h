/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef SG_CONTROLLER_ID_LIST_H
#define SG_CONTROLLER_ID_LIST_H 1

/* The ids that a controller has had, as a text for the next one: a line for
 * each, and a checksum, so that half a file is none.  Pure.
 *
 * The revision in a reference is 0, or ID_LIST_DELETED if the object had been
 * deleted already. */

#include "sg/types.h"

/* Bytes of such a text: all that a topology and the tombstones can hold, and
 * as much of the controller before. */
#define ID_LIST_MAX_BYTES (64 * 1024 * 1024)

#define ID_LIST_DELETED 1

/* Malloc'd; '*len' without the NUL. */
char *id_list_format(const struct sg_ref *, size_t n, size_t *len);
/* On success the caller frees '*refs'. */
char *id_list_parse(const char *text, size_t len, struct sg_ref **refs,
                    size_t *n) SG_MUST_USE;

#endif /* tools/sg-controller/id_list.h */
