/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef RPC_DIGEST_H
#define RPC_DIGEST_H 1

/* What an agent and its controller compare before anything else: a digest of
 * (object, revision) pairs.  Equal digests mean equal policy within one epoch.
 *
 * SHA-1 (FIPS 180-4) over one line for each object,
 *
 *     members:5eb00000-0000-4000-8000-00000000000a:42
 *
 * each ended by a newline, sorted by bytes.  It finds accidents, it does not
 * authenticate: whoever can forge a message needs no collision. */

#include "sg/types.h"

/* Lower-case hex digits of a digest. */
#define RPC_DIGEST_LEN 40

/* The digest of 'refs', in any order, none twice. */
void rpc_digest(const struct sg_ref *refs, size_t n,
                char digest[RPC_DIGEST_LEN + 1]);

/* Is 'text' one? */
bool rpc_digest_ok(const char *text);

#endif /* rpc/digest.h */
