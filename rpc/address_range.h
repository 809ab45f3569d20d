/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef RPC_ADDRESS_RANGE_H
#define RPC_ADDRESS_RANGE_H 1

/* Ranges of addresses in whole member lists: "10.77.2.1-10.77.2.200".
 *
 * Pure.  A range is a way to write a list, not a member: what is decoded are
 * its addresses, and what is encoded is any sorted list, in which neighbours
 * are found here.  Two neighbours are written as a range already, since
 * "a-b" is shorter than "a","b".  A prefix is never part of a range, also if
 * it is the neighbour of one.
 *
 * Both ends belong to it, are single addresses of one family, and the first
 * is not above the last. */

#include "sg/types.h"

struct address_range {
    struct sg_prefix first, last;
};

#define ADDRESS_RANGE_STRLEN (2 * SG_PREFIX_STRLEN)

/* Returns NULL, or a static reason; then '*range' is untouched. */
const char *address_range_from_string(const char *,
                                      struct address_range *) SG_MUST_USE;
/* "FIRST-LAST", or only "FIRST" if that is all of it.  Returns buf. */
char *address_range_format(const struct address_range *,
                           char buf[ADDRESS_RANGE_STRLEN]);

/* How many addresses; UINT64_MAX stands for all that is too much to count. */
uint64_t address_range_length(const struct address_range *);

/* The range at the start of 'p', which has 'n' > 0 entries sorted by
 * sg_prefix_compare(): as many neighbours as there are.  Returns how many
 * entries that takes up; an address that stands there twice counts as one.  A
 * prefix makes a range of its own, with 'first' equal to 'last'. */
size_t address_range_of_run(const struct sg_prefix *p, size_t n,
                            struct address_range *);

/* The next higher address; after the highest of a family comes the lowest. */
void address_next(struct sg_prefix *);

#endif /* rpc/address_range.h */
