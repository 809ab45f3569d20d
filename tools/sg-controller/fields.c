/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tools/sg-controller/fields.h"

#include <stdlib.h>
#include <string.h>

#include "rpc/message.h"

static bool get_text(struct reader *, const struct reader_node *parent,
                     const struct reader_node *, const char *key,
                     const char **);
static bool refuse(struct reader *, const struct reader_node *,
                   const char *key, const char *text, const char *expected);
static bool check_usable(struct reader *, const struct reader_node *,
                         const char *key, const char *text,
                         const struct sg_prefix *);

bool
field_id(struct reader *reader, const struct reader_node *parent,
         const struct reader_node *node, const char *key, struct uuid *id)
{
    const char *text;

    return (get_text(reader, parent, node, key, &text)
            && (sg_id_from_string(text, id)
                || refuse(reader, node, key, text, "a UUID")));
}

bool
field_mac(struct reader *reader, const struct reader_node *parent,
          const struct reader_node *node, const char *key,
          struct sg_mac *mac)
{
    const char *text;

    if (!get_text(reader, parent, node, key, &text)) {
        return false;
    }
    if (!sg_mac_from_string(text, mac) || sg_mac_is_multicast(mac)) {
        return refuse(reader, node, key, text,
                            "the MAC address of an interface");
    }
    return true;
}

bool
field_prefix(struct reader *reader, const struct reader_node *parent,
             const struct reader_node *node, const char *key,
             struct sg_prefix *prefix)
{
    const char *text;

    if (!get_text(reader, parent, node, key, &text)) {
        return false;
    }
    if (!sg_prefix_from_string(text, prefix)) {
        return refuse(reader, node, key, text,
                            "an IP address or prefix");
    }
    return check_usable(reader, node, key, text, prefix);
}

bool
field_address(struct reader *reader, const struct reader_node *parent,
              const struct reader_node *node, const char *key,
              struct sg_prefix *address)
{
    const char *text;

    if (!get_text(reader, parent, node, key, &text)) {
        return false;
    }
    if (!sg_address_from_string(text, address)) {
        return refuse(reader, node, key, text, "an IP address");
    }
    return check_usable(reader, node, key, text, address);
}

bool
field_labels(struct reader *reader, const struct reader_node *const *values,
             const char *const *keys, size_t n)
{
    const char *text;

    for (size_t i = 0; i < n; i++) {
        if (values[i] && !reader_text(reader, values[i], keys[i], &text)) {
            return false;
        }
    }
    return true;
}

static bool
get_text(struct reader *reader, const struct reader_node *parent,
         const struct reader_node *node, const char *key, const char **text)
{
    if (!node) {
        return reader_fail(reader, parent, key, "the key is missing");
    }
    return reader_text(reader, node, key, text);
}

static bool
check_usable(struct reader *reader, const struct reader_node *node,
             const char *key, const char *text,
             const struct sg_prefix *prefix)
{
    const char *reason = sg_prefix_unusable(prefix);

    return !reason || reader_fail(reader, node, key, "%s is a %s", text,
                                  reason);
}

/* Says that 'text' is not what was expected; always false. */
static bool
refuse(struct reader *reader, const struct reader_node *node,
             const char *key, const char *text, const char *expected)
{
    char *quoted = rpc_quote(text, strlen(text));

    reader_fail(reader, node, key, "expected %s, not \"%s\"", expected,
                quoted);
    free(quoted);
    return false;
}
