/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include <config.h>
#include "rpc/amqp_conn.h"

#include <amqp_framing.h>
#include <string.h>

#include "util.h"

/* Logging in, step by step.  The library can do that in one call, but agrees
 * to whatever frame size the broker names, also one that its own buffers are
 * not made for, and its deadline does not hold against a broker that goes on
 * talking. */

/* What RabbitMQ offers by default.  A body frame is at most this long. */
#define FRAME_MAX 131072

/* Longest user name and password together that fit the response. */
#define MAX_RESPONSE 1024

/* Fills in one entry of a table. */
static void
set_entry(amqp_table_entry_t *entry, const char *key, amqp_field_value_t value)
{
    entry->key = amqp_cstring_bytes(key);
    entry->value = value;
}

static amqp_field_value_t
text_value(const char *text)
{
    return (amqp_field_value_t) {
        .kind = AMQP_FIELD_KIND_UTF8,
        .value.bytes = amqp_cstring_bytes(text),
    };
}

static bool
offers_plain(amqp_bytes_t mechanisms)
{
    const char *p = mechanisms.bytes;
    const char *end = p + mechanisms.len;

    while (p < end) {
        const char *space = memchr(p, ' ', end - p);
        size_t len = (space ? space : end) - p;

        if (len == 5 && !memcmp(p, "PLAIN", 5)) {
            return true;
        }
        p += len + 1;
    }
    return false;
}

/* Waits for the broker's first words. */
static char *
take_start(struct mq_conn *c, long long int deadline)
{
    const amqp_connection_start_t *start;
    void *decoded;
    char *error = mq_conn_expect(c, 0, AMQP_CONNECTION_START_METHOD, deadline,
                                 &decoded);

    if (error) {
        return error;
    }
    start = decoded;
    if (start->version_major != AMQP_PROTOCOL_VERSION_MAJOR
        || start->version_minor != AMQP_PROTOCOL_VERSION_MINOR) {
        return xasprintf("the broker speaks version %u.%u of the protocol",
                         start->version_major, start->version_minor);
    }
    return (offers_plain(start->mechanisms) ? NULL
            : xstrdup("the broker takes no password (PLAIN)"));
}

/* Says who we are.  'name' is shown by the broker's management. */
static char *
send_start_ok(struct mq_conn *c, const struct amqp_config *config,
              const char *name)
{
    const amqp_field_value_t yes = {
        .kind = AMQP_FIELD_KIND_BOOLEAN, .value.boolean = true,
    };
    amqp_table_entry_t capabilities[3], properties[3];
    amqp_field_value_t table = { .kind = AMQP_FIELD_KIND_TABLE };
    char response[MAX_RESPONSE];
    size_t user = strlen(config->user), password = strlen(config->password);
    amqp_connection_start_ok_t ok = {
        .client_properties = { ARRAY_SIZE(properties), properties },
        .mechanism = amqp_cstring_bytes("PLAIN"),
        .response = { user + password + 2, response },
        .locale = amqp_cstring_bytes("en_US"),
    };
    char *error;

    /* Without consumer_cancel_notify nobody says that the queue was deleted,
     * without connection.blocked a memory alarm looks like silence, and
     * without authentication_failure_close the end of the connection is all
     * that a wrong password is told. */
    set_entry(&capabilities[0], "connection.blocked", yes);
    set_entry(&capabilities[1], "consumer_cancel_notify", yes);
    set_entry(&capabilities[2], "authentication_failure_close", yes);
    table.value.table.num_entries = ARRAY_SIZE(capabilities);
    table.value.table.entries = capabilities;
    set_entry(&properties[0], "capabilities", table);
    set_entry(&properties[1], "connection_name", text_value(name));
    set_entry(&properties[2], "product", text_value("sg-agent"));

    if (ok.response.len > sizeof response) {
        return xstrdup("user name and password are too long");
    }
    response[0] = '\0';
    memcpy(&response[1], config->user, user);
    response[1 + user] = '\0';
    memcpy(&response[2 + user], config->password, password);
    error = mq_conn_send(c, 0, AMQP_CONNECTION_START_OK_METHOD, &ok);
    explicit_bzero(response, sizeof response);
    return error;
}

/* The smaller of two limits of which 0 is none. */
static uint32_t
smaller(uint32_t a, uint32_t b)
{
    return !a ? b : !b ? a : MIN(a, b);
}

/* Agrees on sizes and the heartbeat. */
static char *
tune(struct mq_conn *c, int heartbeat, long long int deadline)
{
    const amqp_connection_tune_t *offer;
    amqp_connection_tune_ok_t ok;
    void *decoded;
    char *error = mq_conn_expect(c, 0, AMQP_CONNECTION_TUNE_METHOD, deadline,
                                 &decoded);
    int status;

    if (error) {
        return error;
    }
    offer = decoded;
    ok.frame_max = smaller(offer->frame_max, FRAME_MAX);
    ok.channel_max = smaller(offer->channel_max, MQ_MAX_CHANNEL);
    ok.heartbeat = smaller(offer->heartbeat, heartbeat);
    if (ok.frame_max < MQ_FRAME_MIN_MAX) {
        return xasprintf("the broker allows frames of %u bytes, less than "
                         "the %d that every peer must", ok.frame_max,
                         MQ_FRAME_MIN_MAX);
    } else if (ok.channel_max < MQ_MAX_CHANNEL) {
        return xasprintf("the broker allows %u channel only",
                         ok.channel_max);
    }

    /* The library need not count heartbeats: that is done here. */
    status = amqp_tune_connection(c->state, ok.channel_max, ok.frame_max, 0);
    if (status != AMQP_STATUS_OK) {
        return mq_status_error(status);
    }
    c->frame_max = ok.frame_max;
    error = mq_conn_send(c, 0, AMQP_CONNECTION_TUNE_OK_METHOD, &ok);
    mq_conn_start_heartbeat(c, ok.heartbeat);
    return error;
}

/* Logs in.  'role' tells this connection from others of the same name in the
 * broker's management. */
char *
mq_conn_login(struct mq_conn *c, const struct amqp_config *config,
              const char *role, long long int deadline)
{
    amqp_connection_open_t open = {
        .virtual_host = amqp_cstring_bytes(config->vhost),
        .capabilities = amqp_empty_bytes,
        .insist = true,
    };
    char *name = xasprintf("%s:%s", config->connection_name, role);
    int status = amqp_send_header(c->state);
    char *error = (status == AMQP_STATUS_OK ? take_start(c, deadline)
                   : mq_status_error(status));

    if (!error) {
        error = send_start_ok(c, config, name);
    }
    free(name);
    if (!error) {
        error = tune(c, config->heartbeat, deadline);
    }
    return error ? error
                 : mq_conn_rpc(c, 0, AMQP_CONNECTION_OPEN_METHOD, &open,
                               AMQP_CONNECTION_OPEN_OK_METHOD, deadline);
}
