/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The harness itself: that what it calls equal is, and that its random
 * numbers are the same everywhere.  That failures are found is proved by
 * tests/lib/run-tests --self-test. */

#include "tests/lib/test.h"

#include <stdlib.h>

TEST(checks_pass)
{
    CHECK(true);
    CHECK_EQ(-1, -1LL);
    CHECK_UEQ(UINT64_MAX, UINT64_MAX);
    CHECK_STR("same", "same");
    CHECK_STR(NULL, NULL);
    CHECK_MEM("\0a", "\0a", 3);
    CHECK_CONTAINS("a sentence", "sent");
    CHECK_NO_ERROR(NULL);
    CHECK_ERROR(strdup("port 3: bad"), "bad");
}

TEST(random_is_reproducible)
{
    uint64_t state = 0;

    /* The published first two outputs of splitmix64 from 0. */
    CHECK_UEQ(test_random(&state), UINT64_C(0xe220a8397b1dcdaf));
    CHECK_UEQ(test_random(&state), UINT64_C(0x6e789e6aa1b965f4));
}

TEST(files_are_read_whole)
{
    size_t size;
    char *text = test_read_file("LICENSES/GPL-2.0-or-later.txt", &size);

    CHECK_UEQ(size, strlen(text));
    CHECK(size > 8192);
    CHECK_CONTAINS(text, "Version 2, June 1991");
    free(text);
}
