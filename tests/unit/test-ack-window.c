/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include <config.h>
#include "rpc/ack_window.h"

#include <stdlib.h>
#include <string.h>

#include "tests/lib/test.h"
#include "util.h"

TEST(bulk)
{
    struct ack_window w;

    ack_window_init(&w);
    CHECK(!ack_window_is_pending(&w));
    CHECK_UEQ(ack_window_ack(&w, 5), 0);    /* Nothing has come. */
    for (uint64_t tag = 1; tag <= 5; tag++) {
        ack_window_hand(&w, tag);
    }
    CHECK(ack_window_is_pending(&w));
    CHECK_UEQ(ack_window_ack(&w, 3), 3);
    CHECK_UEQ(ack_window_ack(&w, 3), 0);
    CHECK_UEQ(ack_window_ack(&w, 2), 0);
    CHECK(ack_window_is_pending(&w));
    CHECK_UEQ(ack_window_ack(&w, 100), 5);  /* Never more than has come. */
    CHECK(!ack_window_is_pending(&w));
    ack_window_uninit(&w);
}

TEST(rejected_end)
{
    struct ack_window w;

    ack_window_init(&w);
    for (uint64_t tag = 1; tag <= 6; tag++) {
        ack_window_hand(&w, tag);
    }
    CHECK(ack_window_reject(&w, 4));
    CHECK(ack_window_reject(&w, 3));
    CHECK(!ack_window_reject(&w, 4));       /* Twice. */
    CHECK_UEQ(ack_window_ack(&w, 4), 2);
    CHECK(!ack_window_reject(&w, 1));       /* Too late. */
    CHECK_UEQ(w.n_rejected, 0);
    CHECK(ack_window_reject(&w, 6));
    CHECK_UEQ(ack_window_ack(&w, 6), 5);
    CHECK(!ack_window_is_pending(&w));
    ack_window_uninit(&w);
}

/* Who rejects all that he has got has nothing left to acknowledge, and
 * nothing is remembered. */
TEST(all_rejected)
{
    struct ack_window w;

    ack_window_init(&w);
    for (uint64_t tag = 1; tag <= 1000; tag++) {
        if (tag % 2) {
            ack_window_hand(&w, tag);
        }
        CHECK(ack_window_reject(&w, tag));
        CHECK(!ack_window_is_pending(&w));
        CHECK_UEQ(w.n_rejected, 0);
    }
    CHECK_UEQ(ack_window_ack(&w, 1000), 0);
    ack_window_uninit(&w);
}

TEST(bounded)
{
    struct ack_window w;

    ack_window_init(&w);
    ack_window_hand(&w, 1);
    for (uint64_t tag = 2; tag < ACK_WINDOW_MAX_REJECTED + 2; tag++) {
        if (!ack_window_reject(&w, tag)) {
            FAIL("full at %"PRIu64, tag);
            break;
        }
    }
    CHECK(ack_window_is_full(&w));
    CHECK(!ack_window_reject(&w, ACK_WINDOW_MAX_REJECTED + 2));
    CHECK(ack_window_is_pending(&w));
    CHECK_UEQ(ack_window_ack(&w, ACK_WINDOW_MAX_REJECTED + 1), 1);
    CHECK(!ack_window_is_full(&w));
    ack_window_uninit(&w);
}

/* Against a broker that ends the channel for a tag it does not wait for. */
TEST(random_against_broker)
{
    enum { MAX_TAGS = 200 };

    for (unsigned int round = 0; round < test_rounds(300); round++) {
        uint64_t seed = test_seed() + round;
        bool waits[MAX_TAGS + 1] = { false };
        uint64_t next = 1, stored = 0, given = 0;
        struct ack_window w;

        ack_window_init(&w);
        for (int step = 0; step < 400; step++) {
            uint64_t tag, r = test_random(&seed) % 10;

            if (r < 5 && next <= MAX_TAGS) {
                waits[next] = true;
                if (r == 0) {   /* Refused on arrival. */
                    CHECK(ack_window_reject(&w, next));
                    waits[next] = false;
                } else {
                    ack_window_hand(&w, next);
                    given = next;
                }
                next++;
            } else if (r < 8 && given) {
                tag = 1 + test_random(&seed) % given;
                if (ack_window_reject(&w, tag)) {
                    CHECK(waits[tag]);
                    waits[tag] = false;
                }
            } else if (given) {
                stored = MAX(stored, 1 + test_random(&seed) % given);
                tag = ack_window_ack(&w, stored);
                if (tag) {
                    CHECK(waits[tag]);
                    for (uint64_t t = 1; t <= tag; t++) {
                        waits[t] = false;
                    }
                }
                for (uint64_t t = 1; t <= stored; t++) {
                    CHECK(!waits[t]);
                }
            }
        }
        ack_window_uninit(&w);
    }
}
