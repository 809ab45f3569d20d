/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* What the loop thread and the broker thread share, with two real threads. */

#include <config.h>
#include "rpc/handover.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>

#include "tests/lib/test.h"

#define N_ROUNDS 20000

struct producer {
    struct inbox inbox;
    atomic_uint wanted, done;   /* Items, so far. */
};

static void *
produce(void *p_)
{
    struct producer *p = p_;

    for (unsigned int i = 0; i < N_ROUNDS; i++) {
        while (atomic_load(&p->wanted) == i) {
            sched_yield();
        }
        struct inbox_item *item = inbox_item_create(0);
        item->event.type = AMQP_UP;
        inbox_push(&p->inbox, item);
        inbox_flush(&p->inbox);
        atomic_store(&p->done, i + 1);
    }
    return NULL;
}

static bool
pop(struct producer *p)
{
    struct amqp_event event;
    bool refill;

    if (!inbox_pop(&p->inbox, &event, &refill)) {
        return false;
    }
    amqp_event_uninit(&event);
    return true;
}

/* Readable with nothing to take would be a loop that never sleeps. */
TEST(an_empty_inbox_is_silent)
{
    struct producer p;
    pthread_t thread;
    size_t n_taken = 0, n_loud = 0;

    REQUIRE(!inbox_init(&p.inbox, 1 << 20));
    atomic_init(&p.wanted, 0);
    atomic_init(&p.done, 0);
    REQUIRE(!pthread_create(&thread, NULL, produce, &p));
    for (unsigned int i = 1; i <= N_ROUNDS; i++) {
        struct pollfd pfd = { .fd = p.inbox.fd, .events = POLLIN };

        atomic_store(&p.wanted, i);
        do {
            n_taken += pop(&p);
        } while (atomic_load(&p.done) < i);
        n_taken += pop(&p);
        n_loud += poll(&pfd, 1, 0) != 0;
    }
    REQUIRE(!pthread_join(thread, NULL));
    CHECK_UEQ(n_taken, N_ROUNDS);
    CHECK_UEQ(n_loud, 0);
    inbox_uninit(&p.inbox);
}

/* Who sleeps on it is woken for each. */
TEST(each_item_wakes)
{
    struct producer p;
    pthread_t thread;
    size_t n_missed = 0;

    REQUIRE(!inbox_init(&p.inbox, 1 << 20));
    atomic_init(&p.wanted, 0);
    atomic_init(&p.done, 0);
    REQUIRE(!pthread_create(&thread, NULL, produce, &p));
    for (unsigned int i = 1; i <= N_ROUNDS; i++) {
        struct pollfd pfd = { .fd = p.inbox.fd, .events = POLLIN };

        atomic_store(&p.wanted, i);
        while (!pop(&p)) {
            if (poll(&pfd, 1, 1000) != 1) {
                n_missed++;
                break;
            }
        }
    }
    REQUIRE(!pthread_join(thread, NULL));
    CHECK_UEQ(n_missed, 0);
    inbox_uninit(&p.inbox);
}
