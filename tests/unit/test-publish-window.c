/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include <config.h>
#include "rpc/publish_window.h"

#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "tests/lib/test.h"
#include "util.h"

static void
sent(struct publish_window *w, const char *exchange, const char *key)
{
    publish_window_sent(w, outgoing_create(exchange, key, xstrdup(key),
                                           strlen(key)));
}

/* The keys of the messages in 'list', which is emptied. */
static char *
keys(struct ovs_list *list)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    struct outgoing *out;

    LIST_FOR_EACH_POP (out, node, list) {
        ds_put_cstr(&s, out->routing_key);
        outgoing_destroy(out);
    }
    return ds_steal_cstr(&s);
}

#define CHECK_KEYS(LIST, TEXT)                          \
    do {                                                \
        char *keys__ = keys(LIST);                      \
                                                        \
        CHECK_STR(keys__, TEXT);                        \
        free(keys__);                                   \
    } while (0)

TEST(confirm)
{
    struct ovs_list done = OVS_LIST_INITIALIZER(&done);
    struct publish_window w;

    publish_window_init(&w);
    for (char key[2] = "a"; key[0] <= 'f'; key[0]++) {
        sent(&w, "x", key);
    }
    CHECK_UEQ(publish_window_confirm(&w, 2, false, &done), 1);
    CHECK_UEQ(publish_window_confirm(&w, 2, false, &done), 0);
    CHECK_UEQ(publish_window_confirm(&w, 4, true, &done), 3);
    CHECK_UEQ(publish_window_confirm(&w, 99, false, &done), 0);
    CHECK_UEQ(w.n, 2);
    CHECK_UEQ(publish_window_confirm(&w, 0, true, &done), 2);
    CHECK_UEQ(w.n, 0);
    CHECK_KEYS(&done, "bacdef");
    publish_window_uninit(&w);
}

TEST(closed)
{
    struct ovs_list again = OVS_LIST_INITIALIZER(&again);
    struct ovs_list done = OVS_LIST_INITIALIZER(&done);
    struct outgoing *culprit;
    struct publish_window w;

    publish_window_init(&w);
    sent(&w, "x_fanout", "a");
    sent(&w, "y", "b");
    sent(&w, "x", "c");
    sent(&w, "x", "d");
    sent(&w, "", "e");
    CHECK_UEQ(publish_window_confirm(&w, 1, true, &done), 1);
    CHECK_KEYS(&done, "a");
    sent(&w, "x_fanout", "f");

    /* The name must match as a whole, and the oldest one is it. */
    culprit = publish_window_closed(
        &w, "404 NOT_FOUND - no exchange 'x' in vhost '/'", &again);
    REQUIRE(culprit != NULL);
    CHECK_STR(culprit->routing_key, "c");
    outgoing_destroy(culprit);
    CHECK_UEQ(w.n, 0);
    CHECK_KEYS(&again, "bdef");

    /* Tags begin anew. */
    sent(&w, "y", "g");
    CHECK_UEQ(publish_window_confirm(&w, 1, false, &done), 1);
    CHECK_KEYS(&done, "g");

    /* A text without a name, or with one of somebody else: the oldest. */
    sent(&w, "w", "h");
    sent(&w, "y", "i");
    culprit = publish_window_closed(
        &w, "406 PRECONDITION_FAILED - exchange 'z', exchange 'yy'", &again);
    REQUIRE(culprit != NULL);
    CHECK_STR(culprit->routing_key, "h");
    outgoing_destroy(culprit);
    CHECK_KEYS(&again, "i");

    CHECK(!publish_window_closed(&w, "x", &again));
    publish_window_uninit(&w);
}

TEST(find_and_full)
{
    struct publish_window w;
    struct outgoing *out;

    publish_window_init(&w);
    sent(&w, "x", "a");
    sent(&w, "y", "a");
    sent(&w, "y", "a");
    out = publish_window_find(&w, "y", "a");
    REQUIRE(out != NULL);
    CHECK_UEQ(out->tag, 2);
    out->failed = true;
    out = publish_window_find(&w, "y", "a");
    REQUIRE(out != NULL);
    CHECK_UEQ(out->tag, 3);
    CHECK(!publish_window_find(&w, "y", "b"));

    while (!publish_window_is_full(&w)) {
        sent(&w, "x", "z");
    }
    CHECK_UEQ(w.n, PUBLISH_WINDOW);
    publish_window_uninit(&w);
}
