/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* A port on the wire.
 *
 * A port whose id, MAC or groups cannot be read is malformed as a whole.  An
 * address that it cannot have is left out by name, and the rest counts.  A
 * port that is given none at all may use any with its MAC, one of which all
 * were left out none. */

#include <config.h>
#include "rpc/message_json.h"

#include <stdlib.h>
#include <string.h>

#include "sg/port_source.h"
#include "util.h"
#include "uuid.h"

enum {
    PORT_ID, PORT_REVISION, PORT_DEVICE, PORT_NETWORK, PORT_MAC,
    PORT_FIXED_IPS, PORT_PAIRS, PORT_GROUPS, PORT_SECURITY, PORT_TRUSTED,
};
static const char *const port_names[] = {
    [PORT_ID] = "id",
    [PORT_REVISION] = "revision",
    [PORT_DEVICE] = "device",
    [PORT_NETWORK] = "network_id",
    [PORT_MAC] = "mac_address",
    [PORT_FIXED_IPS] = "fixed_ips",
    [PORT_PAIRS] = "allowed_address_pairs",
    [PORT_GROUPS] = "security_groups",
    [PORT_SECURITY] = "port_security_enabled",
    [PORT_TRUSTED] = "trusted",
    NULL,
};

static char *read_port(const struct msg_object *, struct sg_port_spec *);
static char *read_device(const struct msg_object *, struct sg_port_spec *);
static char *read_mac(const struct msg_object *, struct sg_port_spec *);
static char *read_fixed_ips(const struct msg_object *, struct sg_port_spec *);
static char *read_pairs(const struct msg_object *, struct sg_port_spec *);
static char *read_groups(const struct msg_object *, struct sg_port_spec *);
static const char *parse_fixed_ip(json_t *, struct sg_prefix *);
static const char *parse_pair(json_t *, const struct sg_mac *,
                              struct sg_pair *);
static const char *parse_port_address(json_t *, struct sg_prefix *);
static int compare_uuids(const void *, const void *);

/* On success the caller owns what '*portp' points to. */
char *
msg_port(const struct msg_reader *reader, const struct msg_place *place,
         json_t *json, struct sg_port_spec *portp)
{
    struct sg_port_spec port;
    struct msg_object object;
    char *error;

    error = msg_object_init(&object, reader, place, json, port_names);
    if (error) {
        return error;
    }

    /* The defaults are the closed ones. */
    memset(&port, 0, sizeof port);
    port.port_security_enabled = true;
    error = read_port(&object, &port);
    if (error) {
        sg_port_spec_uninit(&port);
        return error;
    }
    msg_object_note_unknown(&object, json);
    *portp = port;
    return NULL;
}

static char *
read_port(const struct msg_object *object, struct sg_port_spec *port)
{
    char *error = msg_id(object, PORT_ID, &port->id);

    if (!error) {
        error = msg_int(object, PORT_REVISION, 1, &port->revision);
    }
    if (!error && msg_has(object, PORT_NETWORK)) {
        error = msg_id(object, PORT_NETWORK, &port->network_id);
    }
    if (!error && msg_has(object, PORT_DEVICE)) {
        error = read_device(object, port);
    }
    if (!error) {
        error = read_mac(object, port);
    }

    /* All three lists must be there: one that is missing is not empty. */
    if (!error) {
        error = read_fixed_ips(object, port);
    }
    if (!error) {
        error = read_pairs(object, port);
    }
    if (!error) {
        error = read_groups(object, port);
    }
    if (!error) {
        error = msg_bool(object, PORT_SECURITY, &port->port_security_enabled);
    }
    if (!error) {
        error = msg_bool(object, PORT_TRUSTED, &port->trusted);
    }
    if (!error && !sg_port_has_source(port)) {
        if (port->n_refused) {
            sg_port_no_source(port);
        } else {
            sg_port_any_source(port);
        }
    }
    return error;
}

/* An interface name as the kernel takes it (dev_valid_name()), and printable
 * because it becomes part of chain names. */
static char *
read_device(const struct msg_object *object, struct sg_port_spec *port)
{
    struct msg_place place = { object->place, port_names[PORT_DEVICE], 0 };
    const char *device;
    char *error = msg_text(object, PORT_DEVICE, &device);

    if (error) {
        return error;
    } else if (strlen(device) >= sizeof port->device
               || strpbrk(device, " /:")
               || !strcmp(device, ".") || !strcmp(device, "..")) {
        return msg_error_value(&place, device, "is not an interface name");
    }
    ovs_strlcpy(port->device, device, sizeof port->device);
    return NULL;
}

/* Without its MAC a port has no source check, so this one is not left out. */
static char *
read_mac(const struct msg_object *object, struct sg_port_spec *port)
{
    struct msg_place place = { object->place, port_names[PORT_MAC], 0 };
    const char *text;
    char *error = msg_text(object, PORT_MAC, &text);

    if (error) {
        return error;
    } else if (!sg_mac_from_string(text, &port->mac)) {
        return msg_error_value(&place, text, "is not a MAC address");
    } else if (sg_mac_is_multicast(&port->mac)) {
        return msg_error_value(&place, text, "is a multicast address");
    }
    return NULL;
}

/* An address that is left out makes the port narrower, never wider. */
static char *
read_fixed_ips(const struct msg_object *object, struct sg_port_spec *port)
{
    /* Relative to the port: what is left out belongs to it. */
    struct msg_place place = { NULL, port_names[PORT_FIXED_IPS], 0 };
    json_t *array, *value;
    size_t i;
    char *error = msg_array(object, PORT_FIXED_IPS, RPC_LIMIT_PAIRS_PER_PORT,
                            &array);

    if (error) {
        return error;
    }
    json_array_foreach (array, i, value) {
        struct msg_place at = { &place, NULL, i };
        struct sg_prefix ip;
        const char *reason = parse_fixed_ip(value, &ip);
        bool known = false;

        if (reason) {
            msg_refuse(&port->refused, &port->n_refused, &at, reason);
            continue;
        }
        for (size_t j = 0; j < port->n_fixed_ips && !known; j++) {
            known = sg_prefix_equals(&port->fixed_ips[j], &ip);
        }
        if (!known) {
            port->fixed_ips = msg_grow(port->fixed_ips, port->n_fixed_ips,
                                       sizeof *port->fixed_ips);
            port->fixed_ips[port->n_fixed_ips++] = ip;
        }
    }
    return NULL;
}

/* The same address with two MACs is two pairs. */
static char *
read_pairs(const struct msg_object *object, struct sg_port_spec *port)
{
    struct msg_place place = { NULL, port_names[PORT_PAIRS], 0 };
    json_t *array, *value;
    size_t i;
    char *error = msg_array(object, PORT_PAIRS, RPC_LIMIT_PAIRS_PER_PORT,
                            &array);

    if (error) {
        return error;
    }
    json_array_foreach (array, i, value) {
        struct msg_place at = { &place, NULL, i };
        struct sg_pair pair;
        const char *reason = parse_pair(value, &port->mac, &pair);
        bool known = false;

        if (reason) {
            msg_refuse(&port->refused, &port->n_refused, &at, reason);
            continue;
        }
        for (size_t j = 0; j < port->n_pairs && !known; j++) {
            known = !memcmp(&port->pairs[j], &pair, sizeof pair);
        }
        if (!known) {
            port->pairs = msg_grow(port->pairs, port->n_pairs,
                                   sizeof *port->pairs);
            port->pairs[port->n_pairs++] = pair;
        }
    }
    return NULL;
}

/* The groups, sorted and each once. */
static char *
read_groups(const struct msg_object *object, struct sg_port_spec *port)
{
    char *error = msg_id_list(object, PORT_GROUPS, RPC_LIMIT_GROUPS_PER_PORT,
                              &port->groups, &port->n_groups);

    if (error) {
        return error;
    }

    /* qsort() must not get a null pointer. */
    size_t n = 0;
    if (port->n_groups) {
        qsort(port->groups, port->n_groups, sizeof *port->groups,
              compare_uuids);
    }
    for (size_t i = 0; i < port->n_groups; i++) {
        if (!n || !uuid_equals(&port->groups[n - 1], &port->groups[i])) {
            port->groups[n++] = port->groups[i];
        }
    }
    port->n_groups = n;
    return NULL;
}

/* A string, or an object with 'ip_address' as Neutron has it. */
static const char *
parse_fixed_ip(json_t *value, struct sg_prefix *ip)
{
    struct sg_prefix tmp;
    const char *reason;

    if (json_is_object(value)) {
        value = json_object_get(value, "ip_address");
    }
    reason = parse_port_address(value, &tmp);
    if (!reason && !sg_prefix_is_host(&tmp)) {
        reason = "not a single address";
    }
    if (!reason) {
        *ip = tmp;
    }
    return reason;
}

/* Other keys of a pair are Neutron's business ("active", say).  An absent MAC
 * is the port's; an unreadable one is not. */
static const char *
parse_pair(json_t *value, const struct sg_mac *port_mac, struct sg_pair *pair)
{
    json_t *mac = json_object_get(value, "mac_address");
    struct sg_pair tmp;

    if (!json_is_object(value)) {
        return "not an object";
    }

    tmp.mac = *port_mac;
    if (mac && !json_is_null(mac)) {
        if (!json_is_string(mac)
            || !sg_mac_from_string(json_string_value(mac), &tmp.mac)) {
            return "mac_address is not a MAC address";
        } else if (sg_mac_is_multicast(&tmp.mac)) {
            return "mac_address is a multicast address";
        }
    }

    const char *reason = parse_port_address(
        json_object_get(value, "ip_address"), &tmp.prefix);
    if (!reason) {
        *pair = tmp;
    }
    return reason;
}

/* An address or prefix that an instance may own. */
static const char *
parse_port_address(json_t *value, struct sg_prefix *p)
{
    struct sg_prefix tmp;
    const char *reason;

    if (!json_is_string(value)
        || !sg_prefix_from_string(json_string_value(value), &tmp)) {
        return "not an address or a prefix";
    }
    reason = sg_prefix_unusable(&tmp);
    if (!reason) {
        *p = tmp;
    }
    return reason;
}

static int
compare_uuids(const void *a, const void *b)
{
    return uuid_compare_3way(a, b);
}
