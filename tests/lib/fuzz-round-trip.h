/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef TESTS_LIB_FUZZ_ROUND_TRIP_H
#define TESTS_LIB_FUZZ_ROUND_TRIP_H 1

/* What fuzz targets demand of every update that was decoded. */

#include "rpc/message.h"

/* Low enough to be met by a fuzzer, and for ranges not to take the time. */
void fuzz_limits(struct rpc_limits *);

/* The arguments of a request, or the result of a reply. */
char *fuzz_decode(const struct rpc_message *, const struct rpc_limits *,
                  struct sg_update *) SG_MUST_USE;

/* Aborts unless 'update' can be encoded, is then read without complaint, and
 * has the same text the second time; or if it is above a limit. */
void fuzz_check_round_trip(const struct sg_update *,
                           const struct rpc_limits *);

#endif /* tests/lib/fuzz-round-trip.h */
