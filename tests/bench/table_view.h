/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef BENCH_TABLE_VIEW_H
#define BENCH_TABLE_VIEW_H 1

/* The kernel's legacy tables as somebody else than the agent sees them, in
 * the network namespace of the process: sizes alone, which cost a
 * microsecond. */

#include "sg/types.h"

struct table_view;

int table_view_open(struct table_view **) SG_MUST_USE;
void table_view_close(struct table_view *);

/* Entries of 'table': its rules, one for each built-in chain, two for each
 * other chain, and a last one.  The table is made if it does not exist. */
int table_view_entries(struct table_view *, enum sg_family, const char *table,
                       uint32_t *n) SG_MUST_USE;
/* The same, and the bytes of all of them. */
int table_view_size(struct table_view *, enum sg_family, const char *table,
                    uint32_t *n, uint32_t *bytes) SG_MUST_USE;

#endif /* tests/bench/table_view.h */
