/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tools/trace_args.h"

#include <stdlib.h>
#include <string.h>

#include "rpc/rule.h"
#include "svec.h"
#include "util.h"

#define OWN_ADDRESS "self"

/* Keys of one end of the packet. */
struct end {
    const char *address, *port;
};

static bool add_end(const char *text, const struct end *, struct svec *);
static bool is_number(const char *text, int max);
static bool is_state(const char *text);
static void add(struct svec *, const char *key, const char *value);

char *
trace_args_to_words(const struct trace_args *args, struct svec *words)
{
    static const struct end source = { "src", "sport" };
    static const struct end destination = { "dst", "dport" };
    struct sg_mac mac;
    int protocol;

    if (strcmp(args->direction, "in") && strcmp(args->direction, "out")) {
        return xasprintf("%s: expected in or out", args->direction);
    }
    if (!rpc_protocol_from_string(args->protocol, &protocol)
        || protocol <= 0) {
        return xasprintf("%s: not a protocol", args->protocol);
    }
    svec_add(words, args->port);
    svec_add(words, args->direction);
    add(words, "proto", args->protocol);
    if (!add_end(args->source, &source, words)) {
        return xasprintf("%s: expected ADDRESS[:PORT]", args->source);
    }
    if (!add_end(args->destination, &destination, words)) {
        return xasprintf("%s: expected ADDRESS[:PORT]", args->destination);
    }
    if (args->mac && !sg_mac_from_string(args->mac, &mac)) {
        return xasprintf("--mac: %s is no MAC address", args->mac);
    }
    if ((args->icmp_type && !is_number(args->icmp_type, UINT8_MAX))
        || (args->icmp_code && !is_number(args->icmp_code, UINT8_MAX))) {
        return xstrdup("--icmp-type, --icmp-code: expected 0 to 255");
    }
    if (args->state && !is_state(args->state)) {
        return xasprintf("--state: there is no state %s", args->state);
    }
    add(words, "mac", args->mac);
    add(words, "type", args->icmp_type);
    add(words, "code", args->icmp_code);
    add(words, "state", args->state);
    return NULL;
}

/* Cuts 'text' into its address and its port, NULL if it has none.  An IPv6
 * address without brackets has no port. */
static void
split(char *text, char **address, char **port)
{
    char *colon;

    *address = text;
    *port = NULL;
    if (*text == '[') {
        char *end = strchr(text, ']');

        if (!end) {
            return;
        }
        *address = text + 1;
        *end = '\0';
        colon = end + 1;
        if (!*colon) {
            return;
        }
    } else {
        colon = strchr(text, ':');
        if (!colon || strchr(colon + 1, ':')) {
            return;
        }
    }
    if (*colon == ':') {
        *port = colon + 1;
        *colon = '\0';
    } else {
        *address = NULL;        /* Something behind a bracket. */
    }
}

static bool
add_end(const char *text, const struct end *end, struct svec *words)
{
    char *copy = xstrdup(text), *address, *port;
    struct sg_prefix prefix;
    bool own, ok;

    split(copy, &address, &port);
    own = address && !strcmp(address, OWN_ADDRESS);
    ok = ((own || (address && sg_address_from_string(address, &prefix)))
          && (!port || is_number(port, UINT16_MAX)));
    if (ok) {
        add(words, end->address, own ? NULL : address);
        add(words, end->port, port);
    }
    free(copy);
    return ok;
}

static bool
is_number(const char *text, int max)
{
    int number;

    return str_to_int(text, 10, &number) && number >= 0 && number <= max;
}

/* Those of firewall/trace.h; a test compares. */
static bool
is_state(const char *text)
{
    static const char *const states[] = {
        "new", "invalid", "established", "related", "revoked",
    };

    for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
        if (!strcmp(text, states[i])) {
            return true;
        }
    }
    return false;
}

static void
add(struct svec *words, const char *key, const char *value)
{
    if (value) {
        svec_add_nocopy(words, xasprintf("%s=%s", key, value));
    }
}
