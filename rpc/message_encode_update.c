/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Updates to JSON: the arguments of the methods and the answer to `sync`, the
 * objects in them, and the values of these. */

#include <config.h>
#include "rpc/message_encode-private.h"

#include <inttypes.h>
#include <stdio.h>

#include "rpc/address_range.h"
#include "sg/port_source.h"
#include "uuid.h"

static void set_inline(json_t *args, const struct sg_update *,
                       size_t first_rules);
static json_t *port(const struct sg_port_spec *);
static json_t *rules(const struct sg_rules_spec *);
static json_t *rule(const struct sg_rule *);
static json_t *members(const struct sg_members_spec *);
static json_t *ranges(const struct sg_prefix_list *);
static json_t *deleted_ports(const struct sg_update *);
static json_t *beacon_entries(const struct sg_update *);

static json_t *prefix(const struct sg_prefix *);
static json_t *prefixes(const struct sg_prefix *, size_t n);
static json_t *mac(const struct sg_mac *);

/* The keys come in the order in which the decoder expects them, which saves it
 * searching. */
json_t *
enc_args(const struct sg_update *update)
{
    json_t *args = json_object();
    json_t *list;

    set(args, "epoch", enc_epoch(&update->epoch));
    set(args, "sent", json_integer(update->sent));
    if (update->ack) {
        set(args, "ack", json_string(update->ack));
    }
    switch (update->method) {
    case SG_METHOD_PORTS_UPDATED:
        list = json_array();
        for (size_t i = 0; i < update->n_ports; i++) {
            append(list, port(&update->ports[i]));
        }
        set(args, "ports", list);
        set_inline(args, update, 0);
        return args;

    case SG_METHOD_PORTS_DELETED:
        set(args, "ports", deleted_ports(update));
        return args;

    case SG_METHOD_RESYNC:
        if (update->n_refs) {
            set(args, "objects",
                enc_refs(update->refs, update->n_refs, false));
        }
        return args;

    case SG_METHOD_DUPLICATE_HOST:
        set(args, "boots", enc_texts(update->boots, update->n_boots));
        return args;

    case SG_METHOD_RULES_UPDATED:
        ovs_assert(update->n_rules >= 1);
        set(args, "rules", rules(&update->rules[0]));
        set_inline(args, update, 1);
        return args;

    case SG_METHOD_MEMBERS_CHANGED:
        ovs_assert(update->n_members == 1);
        set(args, "members", members(&update->members[0]));
        return args;

    case SG_METHOD_GROUP_DELETED:
        /* The group's two objects, at one revision. */
        ovs_assert(update->n_deleted >= 1);
        set(args, "group", enc_id(&update->deleted[0].id));
        set(args, "revision", json_integer(update->deleted[0].revision));
        return args;

    case SG_METHOD_BEACON:
        set(args, "seq", json_integer(update->seq));
        set(args, "changed", beacon_entries(update));
        set(args, "more", json_boolean(update->more));
        return args;

    /* Not said to agents. */
    case SG_METHOD_SYNC:
    case SG_METHOD_REPORT:
        break;
    }
    OVS_NOT_REACHED();
}

/* {"kind": kind, key: value} at the end of 'objects'. */
static json_t *
append_object(json_t *objects, enum sg_kind kind, const char *key,
              json_t *value)
{
    json_t *object = json_object();

    set(object, "kind", json_string(sg_kind_name(kind)));
    set(object, key, value);
    append(objects, object);
    return object;
}

json_t *
enc_answer(const struct sg_update *update)
{
    json_t *result = enc_answer_head(update);

    set(result, "objects", enc_entries(update, 0));
    return result;
}

json_t *
enc_answer_head(const struct sg_update *update)
{
    json_t *result = json_object();

    set(result, "epoch", enc_epoch(&update->epoch));
    set(result, "sent", json_integer(update->sent));
    if (update->same) {
        set(result, "same", json_true());
    }
    if (update->want_have) {
        set(result, "want_have", json_true());
    }
    if (update->page) {
        set(result, "page", json_integer(update->page));
    }
    set(result, "next", enc_text_or_null(update->next));
    if (update->digest) {
        set(result, "digest", json_string(update->digest));
    }
    if (update->duplicate_host) {
        set(result, "duplicate_host", json_true());
    }
    return result;
}

json_t *
enc_entries(const struct sg_update *update, size_t first_rules)
{
    bool with_ports = update->method == SG_METHOD_SYNC;
    json_t *objects = json_array();

    for (size_t i = 0; with_ports && i < update->n_ports; i++) {
        append_object(objects, SG_KIND_PORT, "port", port(&update->ports[i]));
    }
    for (size_t i = first_rules; i < update->n_rules; i++) {
        append_object(objects, SG_KIND_RULES, "rules",
                      rules(&update->rules[i]));
    }
    for (size_t i = 0; i < update->n_members; i++) {
        const struct sg_members_spec *spec = &update->members[i];
        json_t *object = append_object(objects, SG_KIND_MEMBERS, "members",
                                       members(spec));

        if (spec->part) {
            set(object, "part", json_integer(spec->part));
            set(object, "parts", json_integer(spec->parts));
        }
    }
    for (size_t i = 0; i < update->n_deleted; i++) {
        const struct sg_ref *ref = &update->deleted[i];
        json_t *object = append_object(objects, ref->kind, "id",
                                       enc_id(&ref->id));

        set(object, "deleted", json_true());
        set(object, "revision", json_integer(ref->revision));
    }
    for (size_t i = 0; i < update->n_unknown; i++) {
        const struct sg_ref *ref = &update->unknown[i];
        json_t *object = append_object(objects, ref->kind, "id",
                                       enc_id(&ref->id));

        set(object, "unknown", json_true());
    }
    return objects;
}

/* What a change brings along, if anything. */
static void
set_inline(json_t *args, const struct sg_update *update, size_t first_rules)
{
    if (update->n_rules > first_rules || update->n_members) {
        set(args, "objects", enc_entries(update, first_rules));
    }
}

static void
append_pair(json_t *pairs, const struct sg_prefix *address,
            const struct sg_mac *its_mac)
{
    json_t *pair = json_object();

    set(pair, "ip_address", prefix(address));
    set(pair, "mac_address", mac(its_mac));
    append(pairs, pair);
}

/* The three lists are always there: a missing one would be refused.  Nor may
 * both of addresses be empty, which would mean any address: the one that the
 * MAC implies says nothing. */
static json_t *
port(const struct sg_port_spec *spec)
{
    json_t *object = json_object();
    json_t *pairs = json_array();
    json_t *groups = json_array();
    struct sg_prefix link_local;

    for (size_t i = 0; i < spec->n_pairs; i++) {
        append_pair(pairs, &spec->pairs[i].prefix, &spec->pairs[i].mac);
    }
    if (!sg_port_has_source(spec)) {
        sg_mac_link_local(&spec->mac, &link_local);
        append_pair(pairs, &link_local, &spec->mac);
    }
    for (size_t i = 0; i < spec->n_groups; i++) {
        append(groups, enc_id(&spec->groups[i]));
    }

    set(object, "id", enc_id(&spec->id));
    set(object, "revision", json_integer(spec->revision));
    if (spec->device[0]) {
        set(object, "device", json_string(spec->device));
    }
    if (!uuid_is_zero(&spec->network_id)) {
        set(object, "network_id", enc_id(&spec->network_id));
    }
    set(object, "mac_address", mac(&spec->mac));
    set(object, "fixed_ips", prefixes(spec->fixed_ips, spec->n_fixed_ips));
    set(object, "allowed_address_pairs", pairs);
    set(object, "security_groups", groups);
    set(object, "port_security_enabled",
        json_boolean(spec->port_security_enabled));
    set(object, "trusted", json_boolean(spec->trusted));
    return object;
}

static json_t *
rules(const struct sg_rules_spec *spec)
{
    json_t *object = json_object();
    json_t *list = json_array();

    for (size_t i = 0; i < spec->n_rules; i++) {
        append(list, rule(&spec->rules[i]));
    }
    set(object, "group", enc_id(&spec->group));
    set(object, "revision", json_integer(spec->revision));
    set(object, "stateful", json_boolean(spec->stateful));
    set(object, "rules", list);
    return object;
}

/* Leaves out what a rule does not say, as Neutron does. */
static json_t *
rule(const struct sg_rule *spec)
{
    json_t *object = json_object();

    set(object, "id", enc_id(&spec->id));
    set(object, "direction", json_string(sg_direction_name(spec->direction)));
    set(object, "ethertype", json_string(sg_family_name(spec->family)));
    if (spec->protocol >= 0) {
        set(object, "protocol", json_integer(spec->protocol));
    }
    if (spec->has_ports) {
        set(object, "port_range_min", json_integer(spec->port_min));
        set(object, "port_range_max", json_integer(spec->port_max));
    }
    if (spec->has_source_ports) {
        set(object, "source_port_range_min",
            json_integer(spec->source_port_min));
        set(object, "source_port_range_max",
            json_integer(spec->source_port_max));
    }
    /* Neutron's place for them. */
    if (spec->icmp_type >= 0) {
        set(object, "port_range_min", json_integer(spec->icmp_type));
    }
    if (spec->icmp_code >= 0) {
        set(object, "port_range_max", json_integer(spec->icmp_code));
    }

    switch (spec->remote) {
    case SG_REMOTE_ANY:
        return object;
    case SG_REMOTE_PREFIX:
        set(object, "remote_ip_prefix", prefix(&spec->remote_prefix));
        return object;
    case SG_REMOTE_GROUP:
        set(object, "remote_group_id", enc_id(&spec->remote_id));
        return object;
    case SG_REMOTE_ADDRESS_GROUP:
        set(object, "remote_address_group_id", enc_id(&spec->remote_id));
        return object;
    }
    OVS_NOT_REACHED();
}

/* Only whole lists have ranges. */
static json_t *
members(const struct sg_members_spec *spec)
{
    json_t *object = json_object();

    set(object, "group", enc_id(&spec->group));
    set(object, "revision", json_integer(spec->revision));
    if (spec->whole) {
        set(object, "members", ranges(&spec->added));
        return object;
    }
    set(object, "prev", json_integer(spec->prev));
    set(object, "added", prefixes(spec->added.p, spec->added.n));
    set(object, "removed", prefixes(spec->removed.p, spec->removed.n));
    return object;
}

/* A whole list in its canonical form: sorted, each member once, neighbours as
 * ranges.  So the same set has the same text however it came about. */
static json_t *
ranges(const struct sg_prefix_list *list)
{
    struct sg_prefix_list sorted = SG_PREFIX_LIST_INITIALIZER;
    json_t *array = json_array();

    /* The controller's lists are sorted already. */
    if (!sg_prefix_list_is_sorted(list)) {
        sorted.p = xmemdup(list->p, list->n * sizeof *list->p);
        sorted.n = sorted.allocated = list->n;
        sg_prefix_list_sort(&sorted);
        list = &sorted;
    }
    for (size_t i = 0; i < list->n; ) {
        char text[ADDRESS_RANGE_STRLEN];
        struct address_range range;

        i += address_range_of_run(&list->p[i], list->n - i, &range);
        append(array, json_string_nocheck(address_range_format(&range,
                                                               text)));
    }
    sg_prefix_list_uninit(&sorted);
    return array;
}

static json_t *
deleted_ports(const struct sg_update *update)
{
    json_t *ports = json_array();

    for (size_t i = 0; i < update->n_deleted; i++) {
        json_t *object = json_object();

        set(object, "id", enc_id(&update->deleted[i].id));
        set(object, "revision", json_integer(update->deleted[i].revision));
        append(ports, object);
    }
    return ports;
}

/* Entries with equal hashes become one, the last. */
static json_t *
beacon_entries(const struct sg_update *update)
{
    json_t *changed = json_object();

    for (size_t i = 0; i < update->n_entries; i++) {
        char key[17];

        snprintf(key, sizeof key, "%016"PRIx64, update->entries[i].hash);
        set(changed, key, json_integer(update->entries[i].revision));
    }
    return changed;
}

json_t *
enc_refs(const struct sg_ref *array, size_t n, bool with_revision)
{
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++) {
        json_t *object = append_object(list, array[i].kind, "id",
                                       enc_id(&array[i].id));

        if (with_revision) {
            set(object, "revision", json_integer(array[i].revision));
        }
    }
    return list;
}

/* ## Values ## */

/* What we print ourselves needs no check for UTF-8. */
json_t *
enc_id(const struct uuid *uuid)
{
    char text[UUID_LEN + 1];

    snprintf(text, sizeof text, UUID_FMT, UUID_ARGS(uuid));
    return json_string_nocheck(text);
}

static json_t *
prefix(const struct sg_prefix *p)
{
    char text[SG_PREFIX_STRLEN];

    return json_string_nocheck(sg_prefix_format(p, text));
}

static json_t *
prefixes(const struct sg_prefix *array, size_t n)
{
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++) {
        append(list, prefix(&array[i]));
    }
    return list;
}

static json_t *
mac(const struct sg_mac *address)
{
    char text[SG_MAC_STRLEN];

    return json_string_nocheck(sg_mac_format(address, text));
}

json_t *
enc_epoch(const struct sg_epoch *e)
{
    char text[SG_EPOCH_STRLEN];

    return (e->ms ? json_string_nocheck(sg_epoch_format(e, text))
            : json_null());
}

json_t *
enc_texts(char *const *array, size_t n)
{
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++) {
        append(list, json_string(array[i]));
    }
    return list;
}

json_t *
enc_text_or_null(const char *text)
{
    return text ? json_string(text) : json_null();
}
