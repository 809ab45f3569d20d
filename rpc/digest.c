/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "rpc/digest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sha1.h"
#include "util.h"
#include "uuid.h"

/* "members:<uuid>:<int64>\n" and the NUL. */
#define LINE_LEN (8 + UUID_LEN + 1 + 20 + 2)

BUILD_ASSERT_DECL(RPC_DIGEST_LEN == SHA1_HEX_DIGEST_LEN);

static int compare_refs(const void *, const void *);

void
rpc_digest(const struct sg_ref *refs, size_t n,
           char digest[RPC_DIGEST_LEN + 1])
{
    struct sg_ref *sorted = n ? xmemdup(refs, n * sizeof *refs) : NULL;
    uint8_t bytes[SHA1_DIGEST_SIZE];
    struct sha1_ctx ctx;

    if (n > 1) {
        qsort(sorted, n, sizeof *sorted, compare_refs);
    }
    sha1_init(&ctx);
    for (size_t i = 0; i < n; i++) {
        char line[LINE_LEN];
        int len = snprintf(line, sizeof line, "%s:"UUID_FMT":%"PRId64"\n",
                           sg_kind_name(sorted[i].kind),
                           UUID_ARGS(&sorted[i].id), sorted[i].revision);

        sha1_update(&ctx, line, len);
    }
    sha1_final(&ctx, bytes);
    sha1_to_hex(bytes, digest);
    free(sorted);
}

bool
rpc_digest_ok(const char *text)
{
    return (strlen(text) == RPC_DIGEST_LEN
            && strspn(text, "0123456789abcdef") == RPC_DIGEST_LEN);
}

/* As their lines compare: an object stands once, so its revision decides
 * nothing, and a lower-case UUID sorts as its number does. */
static int
compare_refs(const void *a_, const void *b_)
{
    const struct sg_ref *a = a_;
    const struct sg_ref *b = b_;
    int cmp = strcmp(sg_kind_name(a->kind), sg_kind_name(b->kind));

    return cmp ? cmp : uuid_compare_3way(&a->id, &b->id);
}
