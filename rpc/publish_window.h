/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef RPC_PUBLISH_WINDOW_H
#define RPC_PUBLISH_WINDOW_H 1

/* Messages that were sent on a channel in confirm mode and that the broker
 * has not confirmed.
 *
 * The broker counts the publishes of a channel from 1 and confirms them one
 * by one or in bulk.  One publish to an exchange that does not exist makes it
 * close the channel and drop, without a word, what was sent behind it.  The
 * window then finds the culprit, by the name in the broker's text, and gives
 * back the rest in order, to be sent again on the next channel.  A message in
 * front of the culprit may have been delivered before: whoever publishes here
 * must bear duplicates (revisions do).
 *
 * No more than PUBLISH_WINDOW messages are in it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/list.h"
#include "sg/types.h"

/* Messages sent and not confirmed. */
#define PUBLISH_WINDOW 256

/* A message on its way to the broker.  Exchange and routing key are in the
 * same block as the struct. */
struct outgoing {
    struct ovs_list node;
    uint64_t tag;               /* Of this channel; 0 until sent. */
    const char *exchange;
    const char *routing_key;
    const char *declare;        /* Type of the exchange, or NULL; static. */
    int64_t expiration_ms;
    bool mandatory;
    bool failed;                /* Returned by the broker. */
    void *body;
    size_t len;
    size_t size;                /* Of all of it, for limits. */
};

struct outgoing *outgoing_create(const char *exchange,
                                 const char *routing_key, void *body,
                                 size_t len);
void outgoing_destroy(struct outgoing *);
void outgoing_list_destroy(struct ovs_list *);

struct publish_window {
    struct ovs_list sent;       /* Oldest first. */
    size_t n;
    uint64_t last_tag;
};

void publish_window_init(struct publish_window *);
void publish_window_uninit(struct publish_window *);

static inline bool
publish_window_is_full(const struct publish_window *w)
{
    return w->n >= PUBLISH_WINDOW;
}

void publish_window_sent(struct publish_window *, struct outgoing *);
size_t publish_window_confirm(struct publish_window *, uint64_t tag,
                              bool multiple, struct ovs_list *confirmed);
struct outgoing *publish_window_find(struct publish_window *,
                                     const char *exchange,
                                     const char *routing_key);
struct outgoing *publish_window_closed(struct publish_window *,
                                       const char *text,
                                       struct ovs_list *again);

#endif /* rpc/publish_window.h */
