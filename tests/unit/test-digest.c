/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "rpc/digest.h"

#include <string.h>

#include "tests/lib/test.h"

static struct sg_ref
ref(enum sg_kind kind, const char *id, int64_t revision)
{
    struct sg_ref r = { .kind = kind, .revision = revision };

    REQUIRE(sg_id_from_string(id, &r.id));
    return r;
}

/* The figures are sha1sum's. */
TEST(of_nothing)
{
    char digest[RPC_DIGEST_LEN + 1];

    rpc_digest(NULL, 0, digest);
    CHECK_STR(digest, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
}

TEST(of_lines)
{
    static const char a[] = "5eb00000-0000-4000-8000-00000000000a";
    static const char b[] = "f0000000-0000-4000-8000-00000000000b";
    const struct sg_ref refs[] = {
        ref(SG_KIND_RULES, a, 12), ref(SG_KIND_PORT, b, 5),
        ref(SG_KIND_MEMBERS, b, INT64_MAX), ref(SG_KIND_MEMBERS, a, 43),
    };
    const struct sg_ref turned[] = { refs[3], refs[1], refs[2], refs[0] };
    char digest[RPC_DIGEST_LEN + 1], again[RPC_DIGEST_LEN + 1];

    rpc_digest(refs, 4, digest);
    CHECK_STR(digest, "dadaab2e19e448cc459375fae7f0db520a8ef3b8");
    rpc_digest(turned, 4, again);
    CHECK_STR(again, digest);
    rpc_digest(refs, 3, again);
    CHECK(strcmp(again, digest) != 0);
}

TEST(text)
{
    CHECK(rpc_digest_ok("da39a3ee5e6b4b0d3255bfef95601890afd80709"));
    CHECK(!rpc_digest_ok("da39a3ee5e6b4b0d3255bfef95601890afd8070"));
    CHECK(!rpc_digest_ok("da39a3ee5e6b4b0d3255bfef95601890afd807090"));
    CHECK(!rpc_digest_ok("DA39a3ee5e6b4b0d3255bfef95601890afd80709"));
    CHECK(!rpc_digest_ok(""));
}
