/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tools/sg-controller/port_reader.h"

#include <stdlib.h>
#include <string.h>

#include "rpc/message.h"
#include "sg/port_source.h"
#include "tools/sg-controller/fields.h"
#include "tools/sg-controller/reader.h"
#include "tools/sg-controller/ref_set.h"
#include "tools/sg-controller/topology.h"
#include "util.h"
#include "uuid.h"

static bool read_id(const struct port_context *,
                    const struct reader_node *port,
                    const struct reader_node *, struct uuid *);
static bool settle_sources(struct sg_port_spec *);
static bool read_host(const struct port_context *,
                      const struct reader_node *, char **host);
static bool read_device(const struct port_context *,
                        const struct reader_node *, struct sg_port_spec *);
static bool read_fixed_ips(const struct port_context *,
                           const struct reader_node *, struct sg_port_spec *);
static bool read_pairs(const struct port_context *,
                       const struct reader_node *, struct sg_port_spec *);
static bool read_pair(const struct port_context *,
                      const struct reader_node *,
                      const struct sg_mac *port_mac, struct sg_pair *);
static bool read_groups(const struct port_context *,
                        const struct reader_node *, struct sg_port_spec *);
static bool read_group(const struct port_context *,
                       const struct reader_node *, struct sg_port_spec *);
static bool read_flag(const struct port_context *,
                      const struct reader_node *, const char *key, bool *);
static int compare_uuids(const void *, const void *);

/* The MAC before the pairs, which may inherit it. */
bool
port_read(const struct port_context *context, const struct reader_node *node,
          struct sg_port_spec *spec, char **host)
{
    enum { ID, NAME, HOST, DEVICE, NETWORK, MAC, FIXED_IPS, PAIRS, GROUPS,
           PORT_SECURITY, TRUSTED, N_KEYS };
    static const char *const keys[] = {
        "id", "name", "host", "device", "network_id", "mac_address",
        "fixed_ips", "allowed_address_pairs", "security_groups",
        "port_security_enabled", "trusted", NULL
    };
    const struct reader_node *v[N_KEYS];
    struct reader *reader = context->reader;

    spec->port_security_enabled = true;
    return (reader_mapping(reader, node, "port", keys, v)
            && read_id(context, node, v[ID], &spec->id)
            && field_labels(reader, &v[NAME], &keys[NAME], 1)
            && read_host(context, v[HOST], host)
            && (!v[NETWORK] || field_id(reader, node, v[NETWORK],
                                        "network_id", &spec->network_id))
            && read_device(context, v[DEVICE], spec)
            && field_mac(reader, node, v[MAC], "mac_address", &spec->mac)
            && read_fixed_ips(context, v[FIXED_IPS], spec)
            && read_pairs(context, v[PAIRS], spec)
            && read_groups(context, v[GROUPS], spec)
            && read_flag(context, v[PORT_SECURITY], "port_security_enabled",
                         &spec->port_security_enabled)
            && read_flag(context, v[TRUSTED], "trusted", &spec->trusted)
            && settle_sources(spec));
}

/* As agents understand a port without addresses, so that it counts as what it
 * is when it changes. */
static bool
settle_sources(struct sg_port_spec *spec)
{
    if (!sg_port_has_source(spec)) {
        sg_port_any_source(spec);
    }
    return true;
}

static bool
read_host(const struct port_context *context, const struct reader_node *node,
          char **host)
{
    const char *text;

    if (node) {
        if (!reader_text(context->reader, node, "host", &text)) {
            return false;
        }
        *host = xstrdup(text);
    }
    return true;
}

static bool
read_id(const struct port_context *context, const struct reader_node *port,
        const struct reader_node *node, struct uuid *id)
{
    return (field_id(context->reader, port, node, "id", id)
            && (!ref_set_find(context->taken, SG_KIND_PORT, id)
                || reader_fail(context->reader, node, "id",
                               "a second port "UUID_FMT, UUID_ARGS(id))));
}

static bool
read_device(const struct port_context *context,
            const struct reader_node *node, struct sg_port_spec *spec)
{
    const char *text;

    if (!node) {
        return true;
    }
    if (!reader_text(context->reader, node, "device", &text)) {
        return false;
    }
    /* What the kernel takes as an interface name, and no character that is
     * special to anybody. */
    size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz"
                        "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
    if (!len || text[len] || len >= sizeof spec->device) {
        return reader_fail(context->reader, node, "device",
                           "expected 1 to %zu letters, digits, '.', '_', "
                           "'-'", sizeof spec->device - 1);
    }
    memcpy(spec->device, text, len + 1);
    return true;
}

static bool
read_fixed_ips(const struct port_context *context,
               const struct reader_node *node, struct sg_port_spec *spec)
{
    size_t n;

    if (!node) {
        return true;
    }
    if (!reader_list(context->reader, node, "fixed_ips",
                     context->limits->pairs_per_port, &n)) {
        return false;
    }
    spec->fixed_ips = n ? xcalloc(n, sizeof *spec->fixed_ips) : NULL;
    for (size_t i = 0; i < n; i++) {
        struct sg_prefix *ip = &spec->fixed_ips[spec->n_fixed_ips];
        bool known = false;

        if (!field_address(context->reader, node,
                           reader_item(context->reader, node, i),
                           "fixed_ips", ip)) {
            return false;
        }
        /* Agents keep each once; so a spelling more is no change. */
        for (size_t j = 0; j < spec->n_fixed_ips && !known; j++) {
            known = sg_prefix_equals(&spec->fixed_ips[j], ip);
        }
        spec->n_fixed_ips += !known;
    }
    return true;
}

static bool
read_pairs(const struct port_context *context,
           const struct reader_node *node, struct sg_port_spec *spec)
{
    size_t n;

    if (!node) {
        return true;
    }
    if (!reader_list(context->reader, node, "allowed_address_pairs",
                     context->limits->pairs_per_port, &n)) {
        return false;
    }
    spec->pairs = n ? xcalloc(n, sizeof *spec->pairs) : NULL;
    for (size_t i = 0; i < n; i++) {
        struct sg_pair *pair = &spec->pairs[spec->n_pairs];
        bool known = false;

        if (!read_pair(context, reader_item(context->reader, node, i),
                       &spec->mac, pair)) {
            return false;
        }
        for (size_t j = 0; j < spec->n_pairs && !known; j++) {
            known = !memcmp(&spec->pairs[j], pair, sizeof *pair);
        }
        spec->n_pairs += !known;
    }
    return true;
}

/* A pair without a MAC of its own has that of the port. */
static bool
read_pair(const struct port_context *context, const struct reader_node *node,
          const struct sg_mac *port_mac, struct sg_pair *pair)
{
    enum { IP, MAC, N_KEYS };
    static const char *const keys[] = { "ip_address", "mac_address", NULL };
    const struct reader_node *v[N_KEYS];
    struct reader *reader = context->reader;

    pair->mac = *port_mac;
    return (reader_mapping(reader, node, "address pair", keys, v)
            && field_prefix(reader, node, v[IP], "ip_address", &pair->prefix)
            && (!v[MAC] || field_mac(reader, node, v[MAC], "mac_address",
                                     &pair->mac)));
}

/* Sorted, whatever the file says: the order has no meaning, and two texts that
 * mean the same must not look like a change. */
static bool
read_groups(const struct port_context *context,
            const struct reader_node *node, struct sg_port_spec *spec)
{
    size_t n;

    if (!node) {
        return true;
    }
    if (!reader_list(context->reader, node, "security_groups",
                     context->limits->groups_per_port, &n)) {
        return false;
    }
    spec->groups = n ? xcalloc(n, sizeof *spec->groups) : NULL;
    while (spec->n_groups < n) {
        if (!read_group(context,
                        reader_item(context->reader, node, spec->n_groups),
                        spec)) {
            return false;
        }
    }
    if (n) {
        qsort(spec->groups, n, sizeof *spec->groups, compare_uuids);
    }
    return true;
}

/* Appends the group at 'node', for which there is room. */
static bool
read_group(const struct port_context *context,
           const struct reader_node *node, struct sg_port_spec *spec)
{
    const struct topology_group *group;
    struct uuid id;

    if (!field_id(context->reader, node, node, "security_groups", &id)) {
        return false;
    }
    group = topology_group(context->topology, &id);
    if (!group || group->is_address_group) {
        return reader_fail(context->reader, node, "security_groups",
                           "no security group "UUID_FMT" is defined",
                           UUID_ARGS(&id));
    }
    for (size_t i = 0; i < spec->n_groups; i++) {
        if (uuid_equals(&spec->groups[i], &id)) {
            return reader_fail(context->reader, node, "security_groups",
                               "group "UUID_FMT" stands here twice",
                               UUID_ARGS(&id));
        }
    }
    spec->groups[spec->n_groups++] = id;
    return true;
}

static bool
read_flag(const struct port_context *context, const struct reader_node *node,
          const char *key, bool *flag)
{
    return !node || reader_bool(context->reader, node, key, flag);
}

static int
compare_uuids(const void *a, const void *b)
{
    return uuid_compare_3way(a, b);
}
