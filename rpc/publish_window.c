/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include <config.h>
#include "rpc/publish_window.h"

#include <stdlib.h>
#include <string.h>

#include "util.h"

/* Returns a message that owns 'body', with everything else unset. */
struct outgoing *
outgoing_create(const char *exchange, const char *routing_key, void *body,
                size_t len)
{
    size_t exchange_size = strlen(exchange) + 1;
    size_t key_size = strlen(routing_key) + 1;
    struct outgoing *out = xmalloc(sizeof *out + exchange_size + key_size);
    char *strings = (char *) (out + 1);

    memset(out, 0, sizeof *out);
    ovs_list_init(&out->node);
    out->exchange = memcpy(strings, exchange, exchange_size);
    out->routing_key = memcpy(strings + exchange_size, routing_key, key_size);
    out->body = body;
    out->len = len;
    out->size = sizeof *out + exchange_size + key_size + len;
    return out;
}

void
outgoing_destroy(struct outgoing *out)
{
    if (out) {
        free(out->body);
        free(out);
    }
}

void
outgoing_list_destroy(struct ovs_list *list)
{
    struct outgoing *out;

    LIST_FOR_EACH_POP (out, node, list) {
        outgoing_destroy(out);
    }
}

void
publish_window_init(struct publish_window *w)
{
    ovs_list_init(&w->sent);
    w->n = 0;
    w->last_tag = 0;
}

void
publish_window_uninit(struct publish_window *w)
{
    outgoing_list_destroy(&w->sent);
}

/* 'out', which is in no list, is being sent.  Takes ownership. */
void
publish_window_sent(struct publish_window *w, struct outgoing *out)
{
    out->tag = ++w->last_tag;
    out->failed = false;
    ovs_list_push_back(&w->sent, &out->node);
    w->n++;
}

/* The broker has taken charge of message 'tag', or of all up to it if
 * 'multiple' (tag 0: of all).  Appends them to 'confirmed' and returns how
 * many they are. */
size_t
publish_window_confirm(struct publish_window *w, uint64_t tag, bool multiple,
                       struct ovs_list *confirmed)
{
    struct outgoing *out;
    size_t n = 0;

    LIST_FOR_EACH_SAFE (out, node, &w->sent) {
        if (tag && out->tag > tag) {
            break;
        }
        if (multiple || out->tag == tag) {
            ovs_list_remove(&out->node);
            ovs_list_push_back(confirmed, &out->node);
            w->n--;
            n++;
        }
    }
    return n;
}

/* Returns the oldest message with that exchange and key that is not marked
 * as failed, or NULL. */
struct outgoing *
publish_window_find(struct publish_window *w, const char *exchange,
                    const char *routing_key)
{
    struct outgoing *out;

    LIST_FOR_EACH (out, node, &w->sent) {
        if (!out->failed && !strcmp(out->exchange, exchange)
            && !strcmp(out->routing_key, routing_key)) {
            return out;
        }
    }
    return NULL;
}

/* Is "exchange 'NAME'" in 'text', as in RabbitMQ's "NOT_FOUND - no exchange
 * 'x' in vhost '/'"? */
static bool
text_names_exchange(const char *text, const char *name)
{
    static const char prefix[] = "exchange '";
    size_t len = strlen(name);

    for (const char *p = strstr(text, prefix); p; p = strstr(p, prefix)) {
        p += sizeof prefix - 1;
        if (!strncmp(p, name, len) && p[len] == '\'') {
            return true;
        }
    }
    return false;
}

/* The broker has closed the channel with 'text'.  Returns the message that is
 * to blame, for the caller to destroy, or NULL if none was outstanding: the
 * oldest one whose exchange is named in 'text', else the oldest of all, so
 * that every closing settles one message and trying again comes to an end.
 * Moves the others to 'again', in order.  The window is ready for a new
 * channel. */
struct outgoing *
publish_window_closed(struct publish_window *w, const char *text,
                      struct ovs_list *again)
{
    struct outgoing *culprit = NULL;
    struct outgoing *out;

    LIST_FOR_EACH (out, node, &w->sent) {
        if (text_names_exchange(text, out->exchange)) {
            culprit = out;
            break;
        }
    }
    if (!culprit && !ovs_list_is_empty(&w->sent)) {
        culprit = CONTAINER_OF(ovs_list_front(&w->sent), struct outgoing,
                               node);
    }
    if (culprit) {
        ovs_list_remove(&culprit->node);
    }
    LIST_FOR_EACH_POP (out, node, &w->sent) {
        out->tag = 0;
        ovs_list_push_back(again, &out->node);
    }
    w->n = 0;
    w->last_tag = 0;
    return culprit;
}
