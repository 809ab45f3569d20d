/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include <config.h>
#include "tests/lib/amqp-frames.h"

#include <string.h>

#include "util.h"

#define FRAME_END 0xce

static const struct plain {
    uint16_t class_, method;
    const char *args;
    size_t len;
} plains[] = {
#define PLAIN(NAME, CLASS, METHOD, ARGS) \
    [PLAIN_##NAME] = { CLASS, METHOD, ARGS, sizeof ARGS - 1 },
    AMQP_PLAIN_METHODS
#undef PLAIN
};

void
amqp_put(struct ds *ds, uint64_t value, int n_bytes)
{
    while (n_bytes-- > 0) {
        ds_put_char(ds, value >> (8 * n_bytes));
    }
}

void
amqp_put_short_string(struct ds *ds, const char *s)
{
    size_t len = MIN(strlen(s), 255);

    amqp_put(ds, len, 1);
    ds_put_buffer(ds, s, len);
}

void
amqp_put_frame(struct ds *ds, int kind, uint16_t channel,
               const void *payload, size_t len, uint32_t stated)
{
    amqp_put(ds, kind, 1);
    amqp_put(ds, channel, 2);
    amqp_put(ds, stated, 4);
    ds_put_buffer(ds, payload, len);
    amqp_put(ds, FRAME_END, 1);
}

void
amqp_put_method(struct ds *ds, uint16_t channel, uint16_t class_,
                uint16_t method, const void *args, size_t len)
{
    struct ds payload = DS_EMPTY_INITIALIZER;

    amqp_put(&payload, class_, 2);
    amqp_put(&payload, method, 2);
    ds_put_buffer(&payload, args, len);
    amqp_put_frame(ds, AMQP_KIND_METHOD, channel, payload.string,
                   payload.length, payload.length);
    ds_destroy(&payload);
}

void
amqp_put_plain(struct ds *ds, uint16_t channel, enum amqp_plain_method i)
{
    const struct plain *p = &plains[i];

    amqp_put_method(ds, channel, p->class_, p->method, p->args, p->len);
}

/* Sends and destroys 'args'. */
static void
put_args(struct ds *ds, uint16_t channel, uint16_t class_, uint16_t method,
         struct ds *args)
{
    amqp_put_method(ds, channel, class_, method, args->string, args->length);
    ds_destroy(args);
}

void
amqp_put_close(struct ds *ds, uint16_t channel, uint16_t code,
               const char *text)
{
    struct ds args = DS_EMPTY_INITIALIZER;

    amqp_put(&args, code, 2);
    amqp_put_short_string(&args, text);
    amqp_put(&args, 0, 4);
    put_args(ds, channel, channel ? 20 : 10, channel ? 40 : 50, &args);
}

void
amqp_put_confirm(struct ds *ds, uint16_t channel, uint64_t tag,
                 bool multiple, bool refused)
{
    struct ds args = DS_EMPTY_INITIALIZER;

    amqp_put(&args, tag, 8);
    amqp_put(&args, multiple, 1);
    put_args(ds, channel, 60, refused ? 120 : 80, &args);
}

void
amqp_put_return(struct ds *ds, uint16_t channel, const char *exchange,
                const char *key)
{
    struct ds args = DS_EMPTY_INITIALIZER;

    amqp_put(&args, 312, 2);
    amqp_put_short_string(&args, "NO_ROUTE");
    amqp_put_short_string(&args, exchange);
    amqp_put_short_string(&args, key);
    put_args(ds, channel, 60, 50, &args);
}

void
amqp_put_deliver(struct ds *ds, uint16_t channel, uint64_t tag,
                 const char *exchange, const char *key)
{
    struct ds args = DS_EMPTY_INITIALIZER;

    amqp_put_short_string(&args, "c");
    amqp_put(&args, tag, 8);
    amqp_put(&args, 0, 1);
    amqp_put_short_string(&args, exchange);
    amqp_put_short_string(&args, key);
    put_args(ds, channel, 60, 60, &args);
}

void
amqp_put_header(struct ds *ds, uint16_t channel, uint64_t body_size)
{
    struct ds payload = DS_EMPTY_INITIALIZER;

    amqp_put(&payload, 60, 2);
    amqp_put(&payload, 0, 2);
    amqp_put(&payload, body_size, 8);
    amqp_put(&payload, 0, 2);           /* No properties. */
    amqp_put_frame(ds, AMQP_KIND_HEADER, channel, payload.string,
                   payload.length, payload.length);
    ds_destroy(&payload);
}

void
amqp_put_body(struct ds *ds, uint16_t channel, size_t len)
{
    struct ds payload = DS_EMPTY_INITIALIZER;

    ds_put_char_multiple(&payload, 'x', len);
    amqp_put_frame(ds, AMQP_KIND_BODY, channel, payload.string,
                   payload.length, payload.length);
    ds_destroy(&payload);
}
