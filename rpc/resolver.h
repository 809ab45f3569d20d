/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef RPC_RESOLVER_H
#define RPC_RESOLVER_H 1

/* Host names to addresses, with a deadline.
 *
 * getaddrinfo() takes as long as the name servers let it, so it runs in a
 * thread of its own and is waited for.  One that is given up goes on until
 * the C library is done, and then cleans up behind itself; until then the
 * next question for a name fails at once, so that never more than one is
 * under way.  Addresses in text form do not ask anybody. */

#include <stdint.h>

#include "sg/types.h"

struct addrinfo;

struct resolver *resolver_create(void);
void resolver_destroy(struct resolver *);

char *resolver_lookup(struct resolver *, const char *host, uint16_t port,
                      int timeout_ms, struct addrinfo **result) SG_MUST_USE;

#endif /* rpc/resolver.h */
