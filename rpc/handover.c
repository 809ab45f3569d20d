/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include <config.h>
#include "rpc/handover.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "openvswitch/poll-loop.h"
#include "rpc/publish_window.h"
#include "util.h"

/* Deliveries that the loop may reject faster than the broker thread sends:
 * the highest prefetch there is. */
#define MAX_REJECTS UINT16_MAX

static int
eventfd_create(int *fdp)
{
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

    if (fd < 0) {
        return errno;
    }
    *fdp = fd;
    return 0;
}

/* An eventfd refuses a write only when its counter is near 2^64, and is
 * readable then: nothing is lost. */
static void
eventfd_raise(int fd)
{
    const uint64_t one = 1;

    ignore(write(fd, &one, sizeof one));
}

static void
eventfd_clear(int fd)
{
    uint64_t count;

    ignore(read(fd, &count, sizeof count));
}

int
wake_latch_init(struct wake_latch *latch)
{
    atomic_init(&latch->armed, false);
    return eventfd_create(&latch->fd);
}

void
wake_latch_uninit(struct wake_latch *latch)
{
    close(latch->fd);
}

/* The caller is about to look for work and then to sleep. */
void
wake_latch_arm(struct wake_latch *latch)
{
    atomic_store(&latch->armed, true);
}

/* The caller is awake; 'readable' is what poll() said of the latch. */
void
wake_latch_disarm(struct wake_latch *latch, bool readable)
{
    atomic_store(&latch->armed, false);
    if (readable) {
        eventfd_clear(latch->fd);
    }
}

/* Wakes the sleeper.  The caller has published the work before. */
void
wake_latch_wake(struct wake_latch *latch)
{
    if (atomic_load(&latch->armed)
        && atomic_exchange(&latch->armed, false)) {
        eventfd_raise(latch->fd);
    }
}

int
inbox_init(struct inbox *inbox, size_t limit)
{
    int error = eventfd_create(&inbox->fd);

    if (error) {
        return error;
    }
    atomic_init(&inbox->signalled, false);
    atomic_init(&inbox->bytes, 0);
    atomic_init(&inbox->starved, false);
    inbox->limit = limit;
    ovs_mutex_init(&inbox->mutex);
    inbox->first = NULL;
    inbox->lastp = &inbox->first;
    inbox->ready = NULL;
    inbox->batch = NULL;
    inbox->batch_lastp = &inbox->batch;
    inbox->batch_bytes = 0;
    return 0;
}

static void
free_items(struct inbox_item *item)
{
    while (item) {
        struct inbox_item *next = item->next;
        struct amqp_event event = item->event;

        amqp_event_uninit(&event);
        item = next;
    }
}

/* Only when no other thread uses it any more. */
void
inbox_uninit(struct inbox *inbox)
    OVS_NO_THREAD_SAFETY_ANALYSIS
{
    free_items(inbox->ready);
    free_items(inbox->first);
    free_items(inbox->batch);
    ovs_mutex_destroy(&inbox->mutex);
    close(inbox->fd);
}

/* Returns an event of type AMQP_NONE with room for 'data_size' bytes behind
 * it, all in one block that amqp_event_uninit() frees.  Who adds something
 * else to the event adds to 'size' what it takes. */
struct inbox_item *
inbox_item_create(size_t data_size)
{
    struct inbox_item *item = xmalloc(sizeof *item + data_size);

    memset(item, 0, sizeof *item);
    item->size = sizeof *item + data_size;
    item->event.block = item;
    return item;
}

/* Broker thread: may another message be taken from the socket?  If not, its
 * latch is woken as soon as half of the inbox is free. */
bool
inbox_has_room(struct inbox *inbox)
{
    size_t batch = inbox->batch_bytes;

    if (atomic_load(&inbox->bytes) + batch < inbox->limit) {
        return true;
    }
    inbox_flush(inbox);
    atomic_store(&inbox->starved, true);

    /* The loop may have taken the last one in between and gone to sleep. */
    if (atomic_load(&inbox->bytes) <= inbox->limit / 2) {
        atomic_store(&inbox->starved, false);
        return true;
    }
    return false;
}

/* Broker thread: adds 'item' to what the next inbox_flush() hands over.
 * Takes ownership. */
void
inbox_push(struct inbox *inbox, struct inbox_item *item)
{
    item->next = NULL;
    *inbox->batch_lastp = item;
    inbox->batch_lastp = &item->next;
    inbox->batch_bytes += item->size;
}

/* Broker thread: hands over what was pushed, and wakes the loop unless it has
 * been woken already and not looked since. */
void
inbox_flush(struct inbox *inbox)
{
    if (!inbox->batch) {
        return;
    }
    atomic_fetch_add(&inbox->bytes, inbox->batch_bytes);
    ovs_mutex_lock(&inbox->mutex);
    *inbox->lastp = inbox->batch;
    inbox->lastp = inbox->batch_lastp;
    ovs_mutex_unlock(&inbox->mutex);

    inbox->batch = NULL;
    inbox->batch_lastp = &inbox->batch;
    inbox->batch_bytes = 0;
    /* In this order: the loop clears the descriptor only when it sees the
     * flag.  The other way round it could take the flag, and find nothing at
     * the descriptor yet; which then would stay readable, and the loop awake,
     * until the next event. */
    if (!atomic_load(&inbox->signalled)) {
        eventfd_raise(inbox->fd);
        atomic_store(&inbox->signalled, true);
    }
}

/* Loop thread: takes all that has been handed over.  The signal is cleared
 * first: what comes later signals again. */
static void
take_ready(struct inbox *inbox)
{
    if (!atomic_load(&inbox->signalled)) {
        return;
    }
    eventfd_clear(inbox->fd);
    atomic_store(&inbox->signalled, false);

    ovs_mutex_lock(&inbox->mutex);
    inbox->ready = inbox->first;
    inbox->first = NULL;
    inbox->lastp = &inbox->first;
    ovs_mutex_unlock(&inbox->mutex);
}

/* Loop thread: takes the oldest event, if there is one.  The caller uninits
 * it.  '*refill' becomes true if the broker thread waits for the room that
 * was made and must be woken. */
bool
inbox_pop(struct inbox *inbox, struct amqp_event *event, bool *refill)
{
    struct inbox_item *item;
    size_t left;

    if (!inbox->ready) {
        take_ready(inbox);
    }
    item = inbox->ready;
    if (!item) {
        return false;
    }
    inbox->ready = item->next;
    *event = item->event;

    left = atomic_fetch_sub(&inbox->bytes, item->size) - item->size;
    if (left <= inbox->limit / 2 && atomic_load(&inbox->starved)
        && atomic_exchange(&inbox->starved, false)) {
        *refill = true;
    }
    return true;
}

/* Loop thread: arranges for poll_block() to wake up when there is an event. */
void
inbox_wait(struct inbox *inbox)
{
    if (inbox->ready) {
        poll_immediate_wake();
    } else {
        poll_fd_wait(inbox->fd, POLLIN);
    }
}

void
outbox_init(struct outbox *outbox, size_t limit)
    OVS_NO_THREAD_SAFETY_ANALYSIS
{
    memset(outbox, 0, sizeof *outbox);
    ovs_mutex_init(&outbox->mutex);
    ovs_list_init(&outbox->messages);
    atomic_init(&outbox->bytes, 0);
    outbox->limit = limit;
}

/* Only when no other thread uses it any more. */
void
outbox_uninit(struct outbox *outbox)
    OVS_NO_THREAD_SAFETY_ANALYSIS
{
    outgoing_list_destroy(&outbox->messages);
    free(outbox->rejects);
    ovs_mutex_destroy(&outbox->mutex);
}

/* Loop thread: queues 'out' and returns true, or returns false if there is no
 * session or no room.  Takes ownership if it returns true. */
bool
outbox_push(struct outbox *outbox, struct outgoing *out)
{
    bool ok;

    ovs_mutex_lock(&outbox->mutex);
    ok = (outbox->open
          && atomic_load(&outbox->bytes) + out->size <= outbox->limit);
    if (ok) {
        atomic_fetch_add(&outbox->bytes, out->size);
        ovs_list_push_back(&outbox->messages, &out->node);
    }
    ovs_mutex_unlock(&outbox->mutex);
    return ok;
}

/* Loop thread: has 'delivery' rejected, unless its session is over. */
void
outbox_reject(struct outbox *outbox, uint64_t session, uint64_t delivery)
{
    ovs_mutex_lock(&outbox->mutex);
    if (outbox->open && outbox->session == session
        && outbox->n_rejects < MAX_REJECTS) {
        if (outbox->n_rejects >= outbox->allocated_rejects) {
            outbox->rejects = x2nrealloc(outbox->rejects,
                                         &outbox->allocated_rejects,
                                         sizeof *outbox->rejects);
        }
        outbox->rejects[outbox->n_rejects++] = delivery;
    }
    ovs_mutex_unlock(&outbox->mutex);
}

/* Broker thread: 'session' has begun. */
void
outbox_open(struct outbox *outbox, uint64_t session)
{
    ovs_mutex_lock(&outbox->mutex);
    outbox->open = true;
    outbox->session = session;
    ovs_mutex_unlock(&outbox->mutex);
}

/* Broker thread: the session is over, with all that was queued in it. */
void
outbox_close(struct outbox *outbox)
{
    struct ovs_list messages = OVS_LIST_INITIALIZER(&messages);

    ovs_mutex_lock(&outbox->mutex);
    outbox->open = false;
    outbox->n_rejects = 0;
    ovs_list_push_back_all(&messages, &outbox->messages);
    atomic_store(&outbox->bytes, 0);
    ovs_mutex_unlock(&outbox->mutex);

    /* They may be many, and the loop does not wait for that. */
    outgoing_list_destroy(&messages);
}

/* Broker thread: appends all messages to 'messages'.  They go on counting
 * against the limit until outbox_release(). */
void
outbox_take(struct outbox *outbox, struct ovs_list *messages)
{
    ovs_mutex_lock(&outbox->mutex);
    ovs_list_push_back_all(messages, &outbox->messages);
    ovs_mutex_unlock(&outbox->mutex);
}

/* Broker thread: moves up to 'max' deliveries to be rejected to 'tags', in
 * the order in which they were given; returns their number. */
size_t
outbox_take_rejects(struct outbox *outbox, uint64_t *tags, size_t max)
{
    size_t n;

    ovs_mutex_lock(&outbox->mutex);
    n = MIN(outbox->n_rejects, max);
    if (n) {
        memcpy(tags, outbox->rejects, n * sizeof *tags);
        outbox->n_rejects -= n;
        memmove(outbox->rejects, &outbox->rejects[n],
                outbox->n_rejects * sizeof *outbox->rejects);
    }
    ovs_mutex_unlock(&outbox->mutex);
    return n;
}

/* Broker thread: a message of 'bytes' is settled. */
void
outbox_release(struct outbox *outbox, size_t bytes)
{
    atomic_fetch_sub(&outbox->bytes, bytes);
}
