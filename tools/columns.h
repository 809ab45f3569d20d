/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef TOOLS_COLUMNS_H
#define TOOLS_COLUMNS_H 1

/* A table of text in aligned columns, for a terminal.
 *
 * Pure.  Cells are filled in row by row, from left to right.  Whatever is not
 * printable ASCII becomes \xNN, so nothing in a cell can move the cursor.  An
 * embedded object: init, then uninit. */

#include <stddef.h>
#include "openvswitch/compiler.h"
#include "openvswitch/dynamic-string.h"

struct columns {
    const char *const *headers; /* NULL-terminated; '>' first: right. */
    size_t n;
    char **cells;               /* Row by row. */
    size_t n_cells, allocated;
};

/* 'headers' is borrowed. */
void columns_init(struct columns *, const char *const *headers);
void columns_uninit(struct columns *);
/* The next cell; an empty one shows as "-". */
void columns_put(struct columns *, const char *format, ...)
    OVS_PRINTF_FORMAT(2, 3);
/* Appends the table; nothing but the headers if there is no row. */
void columns_print(const struct columns *, struct ds *);

/* Appends 'text' as said above; with 'keep_lines' a line end stays one. */
enum columns_lines { COLUMNS_ONE_LINE, COLUMNS_KEEP_LINES };
void columns_put_safe(struct ds *, const char *text, enum columns_lines);

#endif /* tools/columns.h */
