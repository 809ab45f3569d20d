/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef RPC_HANDOVER_H
#define RPC_HANDOVER_H 1

/* Everything that the loop thread and the broker thread share.
 *
 * Two latches and two queues.  A latch is an eventfd with a flag beside it,
 * so that it costs a system call only when somebody sleeps on it.  The inbox
 * carries events from the broker thread to the loop, the outbox messages to
 * be published and deliveries to be rejected the other way.
 *
 * The inbox is bounded in bytes: the broker thread looks at inbox_has_room()
 * before it takes a message from its socket, and when there is none it stops
 * reading until the loop has emptied half of it.  The outbox is bounded in
 * bytes as well, and refuses.
 *
 * Functions say which thread may call them; the rest is for both. */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/list.h"
#include "openvswitch/thread.h"
#include "rpc/amqp_client.h"

struct outgoing;

/* --- Latch -------------------------------------------------------------- */

/* One thread sleeps, the other wakes it.  The sleeper calls wake_latch_arm(),
 * then looks once more whether there is work, and only then polls 'fd' for
 * reading; when it is awake it calls wake_latch_disarm(). */
struct wake_latch {
    int fd;
    atomic_bool armed;          /* A wake-up must be written. */
};

int wake_latch_init(struct wake_latch *) SG_MUST_USE;
void wake_latch_uninit(struct wake_latch *);
void wake_latch_arm(struct wake_latch *);
void wake_latch_disarm(struct wake_latch *, bool readable);
void wake_latch_wake(struct wake_latch *);

/* --- Inbox -------------------------------------------------------------- */

/* An event and the block of memory that holds all it points to, but for what
 * was decoded. */
struct inbox_item {
    struct inbox_item *next;
    size_t size;                /* What it counts against the limit. */
    struct amqp_event event;
    char data[];
};

struct inbox {
    int fd;                     /* Readable while 'signalled'. */
    atomic_bool signalled;
    atomic_size_t bytes;        /* Not yet taken by the loop. */
    atomic_bool starved;        /* The broker thread waits for room. */
    size_t limit;

    struct ovs_mutex mutex;
    struct inbox_item *first OVS_GUARDED;
    struct inbox_item **lastp OVS_GUARDED;

    struct inbox_item *ready;   /* Loop thread's own. */

    /* Broker thread's own: to be handed over together. */
    struct inbox_item *batch, **batch_lastp;
    size_t batch_bytes;
};

int inbox_init(struct inbox *, size_t limit) SG_MUST_USE;
void inbox_uninit(struct inbox *);

struct inbox_item *inbox_item_create(size_t data_size);

/* Broker thread. */
bool inbox_has_room(struct inbox *);
void inbox_push(struct inbox *, struct inbox_item *);
void inbox_flush(struct inbox *);

/* Loop thread. */
bool inbox_pop(struct inbox *, struct amqp_event *, bool *refill);
void inbox_wait(struct inbox *);

/* --- Outbox ------------------------------------------------------------- */

struct outbox {
    struct ovs_mutex mutex;
    struct ovs_list messages OVS_GUARDED;   /* struct outgoing. */
    uint64_t *rejects OVS_GUARDED;          /* Delivery tags. */
    size_t n_rejects OVS_GUARDED, allocated_rejects OVS_GUARDED;
    bool open OVS_GUARDED;                  /* There is a session. */
    uint64_t session OVS_GUARDED;

    atomic_size_t bytes;        /* Of messages, until they are confirmed. */
    size_t limit;
};

void outbox_init(struct outbox *, size_t limit);
void outbox_uninit(struct outbox *);

/* Loop thread. */
bool outbox_push(struct outbox *, struct outgoing *) SG_MUST_USE;
void outbox_reject(struct outbox *, uint64_t session, uint64_t delivery);

/* Broker thread. */
void outbox_open(struct outbox *, uint64_t session);
void outbox_close(struct outbox *);
void outbox_take(struct outbox *, struct ovs_list *messages);
size_t outbox_take_rejects(struct outbox *, uint64_t *tags, size_t max);
void outbox_release(struct outbox *, size_t bytes);

#endif /* rpc/handover.h */
