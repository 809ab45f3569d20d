/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Values to bodies: what message_decode.c and message_request.c read back.
 *
 * The texts look like those of oslo.messaging: keys in its order, ASCII only,
 * the message encoded once more as a string in its envelope.  But there are no
 * blanks between the values, which no JSON reader asks for: they would be 25
 * bytes of a change of one member. */

#include <config.h>
#include "rpc/message_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "rpc/address_range.h"
#include "sg/port_source.h"
#include "util.h"
#include "uuid.h"

/* Who waits for the reply to a request, if anyone. */
struct call {
    const char *msg_id;
    const char *reply_q;
};

static char *encode_body(json_t *message, size_t *len);
static char *envelop(const char *message, size_t message_len, size_t *len);
static json_t *reply(json_t *result, const char *msg_id,
                     const char *unique_id);
static char *encode_reply(json_t *result, const char *msg_id,
                          const char *unique_id, size_t *len);
static char *encode_request(const char *method, json_t *args,
                            const struct call *, const char *unique_id,
                            size_t *len);
static char *dump(json_t *, size_t *len);

static json_t *args_of_update(const struct sg_update *);
static json_t *answer(const struct sg_update *);
static json_t *answer_head(const struct sg_update *);
static json_t *entries(const struct sg_update *, size_t first_rules);
static void set_inline(json_t *args, const struct sg_update *,
                       size_t first_rules);
static json_t *latency(const struct sg_latency *);
static json_t *texts(char *const *, size_t n);
static json_t *port(const struct sg_port_spec *);
static json_t *rules(const struct sg_rules_spec *);
static json_t *rule(const struct sg_rule *);
static json_t *members(const struct sg_members_spec *);
static json_t *ranges(const struct sg_prefix_list *);
static json_t *deleted_ports(const struct sg_update *);
static json_t *beacon_entries(const struct sg_update *);
static json_t *refs(const struct sg_ref *, size_t n, bool with_revision);

static json_t *id(const struct uuid *);
static json_t *prefix(const struct sg_prefix *);
static json_t *prefixes(const struct sg_prefix *, size_t n);
static json_t *mac(const struct sg_mac *);
static json_t *epoch(const struct sg_epoch *);
static json_t *text_or_null(const char *);
static void set(json_t *object, const char *key, json_t *value);
static void append(json_t *array, json_t *value);

/* Encodes a cast or fanout to agents.  'update' is not an answer to `sync`; of
 * a method about one object it has exactly that one.  'bad', 'problems' and
 * what was refused are not encoded, here and below: they were said of another
 * message.  Returns the body, malloc'd, and its length in '*len'. */
char *
rpc_encode_update(const struct sg_update *update, const char *unique_id,
                  size_t *len)
{
    return encode_request(sg_method_name(update->method),
                          args_of_update(update), NULL, unique_id, len);
}

/* Encodes an agent's question; the answer comes to the queue 'reply_q'. */
char *
rpc_encode_sync_call(const struct sg_sync_request *request,
                     const char *msg_id, const char *reply_q,
                     const char *unique_id, size_t *len)
{
    const struct call call = { msg_id, reply_q };
    json_t *args = json_object();
    json_t *ports = json_array();

    for (size_t i = 0; i < request->n_ports; i++) {
        append(ports, id(&request->ports[i]));
    }
    set(args, "host", text_or_null(request->host));
    set(args, "boot", text_or_null(request->boot));
    set(args, "epoch", epoch(&request->epoch));
    set(args, "ports", ports);
    set(args, "digest", text_or_null(request->digest));
    if (request->partial) {
        /* Present even if it is empty: absent means everything. */
        set(args, "objects", refs(request->objects, request->n_objects,
                                  false));
    }
    set(args, "have", refs(request->have, request->n_have, true));
    set(args, "page", text_or_null(request->page));
    return encode_request(sg_method_name(SG_METHOD_SYNC), args, &call,
                          unique_id, len);
}

/* Encodes the answer to the call 'msg_id'. */
char *
rpc_encode_sync_reply(const struct sg_update *update, const char *msg_id,
                      const char *unique_id, size_t *len)
{
    return encode_reply(answer(update), msg_id, unique_id, len);
}

/* One element of the list 'objects'. */
char *
rpc_encode_entry(const struct sg_update *update, size_t *len)
{
    json_t *list = entries(update, 0);
    json_t *entry = json_incref(json_array_get(list, 0));

    ovs_assert(json_array_size(list) == 1);
    json_decref(list);
    return dump(entry, len);
}

/* The texts go to the end of the message, where its list of objects is: the
 * result is its last key, and the list is the last key of the result. */
char *
rpc_encode_joined_reply(const struct sg_update *update,
                        const struct rpc_entry *array, size_t n,
                        const char *msg_id, const char *unique_id,
                        size_t *len)
{
    static const char tail[] = "]}}";
    struct ds text = DS_EMPTY_INITIALIZER;
    json_t *result = answer_head(update);
    size_t head_len;
    char *head, *body;

    set(result, "objects", json_array());
    head = dump(reply(result, msg_id, unique_id), &head_len);
    ovs_assert(head_len > sizeof tail
               && !strcmp(head + head_len - (sizeof tail - 1), tail));
    ds_put_buffer(&text, head, head_len - (sizeof tail - 1));
    for (size_t i = 0; i < n; i++) {
        ds_put_cstr(&text, i ? "," : "");
        ds_put_buffer(&text, array[i].text, array[i].len);
    }
    ds_put_cstr(&text, tail);
    body = envelop(ds_cstr(&text), text.length, len);
    ds_destroy(&text);
    free(head);
    return body;
}

char *
rpc_encode_null_reply(const char *msg_id, const char *unique_id, size_t *len)
{
    return encode_reply(json_null(), msg_id, unique_id, len);
}

/* Encodes the answer to a call that failed.  A stock client raises the
 * exception itself if 'module' is "builtins", else its RemoteError with
 * 'class_' in it.  'message' may be any text. */
char *
rpc_encode_failure(const char *msg_id, const char *unique_id,
                   const char *class_, const char *module,
                   const char *message, size_t *len)
{
    json_t *failure = json_object();
    json_t *reply = json_object();
    json_t *text = json_string(message);
    json_t *args = json_array();

    if (!text) {
        /* Not UTF-8. */
        char *quoted = rpc_quote(message, strlen(message));

        text = json_string(quoted);
        free(quoted);
    }
    append(args, json_incref(text));
    set(failure, "class", json_string(class_));
    set(failure, "module", json_string(module));
    set(failure, "message", text);
    set(failure, "tb", json_array());
    set(failure, "args", args);
    set(failure, "kwargs", json_object());

    /* The third encoding: an object, as a string in the message, which becomes
     * a string in the envelope. */
    size_t failure_len;
    char *failure_text = dump(failure, &failure_len);
    set(reply, "result", json_null());
    set(reply, "failure", json_stringn(failure_text, failure_len));
    set(reply, "ending", json_true());
    set(reply, "_msg_id", json_string(msg_id));
    set(reply, "_unique_id", json_string(unique_id));
    free(failure_text);
    return encode_body(reply, len);
}

/* Encodes what an agent says of itself, a cast to the controller. */
char *
rpc_encode_report(const struct sg_report *report, const char *unique_id,
                  size_t *len)
{
    json_t *args = json_object();

    set(args, "host", text_or_null(report->host));
    set(args, "boot", text_or_null(report->boot));
    set(args, "epoch", epoch(&report->epoch));
    set(args, "generation", json_integer(report->generation));
    set(args, "applied", json_integer(report->applied));
    set(args, "in_sync", json_boolean(report->in_sync));
    set(args, "lag_ms", report->lag_ms < 0 ? json_null()
                                           : json_integer(report->lag_ms));
    set(args, "ports", json_integer(report->n_ports));
    set(args, "protected", json_integer(report->n_protected));
    set(args, "digest", text_or_null(report->digest));
    set(args, "state", text_or_null(report->state));
    set(args, "problems", json_integer(report->n_problems));
    set(args, "orphaned", json_integer(report->n_orphaned));
    set(args, "held", json_integer(report->n_held));
    set(args, "errors", json_integer(report->errors));
    set(args, "stale", json_boolean(report->stale));
    set(args, "reasons", texts(report->reasons, report->n_reasons));
    if (report->n_acked) {
        set(args, "acked", texts(report->acked, report->n_acked));
    }
    if (report->has_latency) {
        set(args, "latency", latency(&report->latency));
    }
    return encode_request(sg_method_name(SG_METHOD_REPORT), args, NULL,
                          unique_id, len);
}

/* Encodes an answer to `sync` without anything around it, for a file. */
char *
rpc_encode_update_text(const struct sg_update *update, size_t *len)
{
    return dump(answer(update), len);
}

/* ## Around the arguments ## */

/* Takes ownership of 'args'. */
static char *
encode_request(const char *method, json_t *args, const struct call *call,
               const char *unique_id, size_t *len)
{
    json_t *message = json_object();

    set(message, "method", json_string(method));
    set(message, "args", args);
    set(message, "version", json_string(RPC_VERSION));
    if (call) {
        set(message, "_msg_id", json_string(call->msg_id));
        set(message, "_reply_q", json_string(call->reply_q));
        /* No call monitoring. */
        set(message, "_timeout", json_null());
    }
    set(message, "_unique_id", json_string(unique_id));
    return encode_body(message, len);
}

/* Takes ownership of 'result'. */
static char *
encode_reply(json_t *result, const char *msg_id, const char *unique_id,
             size_t *len)
{
    return encode_body(reply(result, msg_id, unique_id), len);
}

/* Takes ownership of 'result'. */
static json_t *
reply(json_t *result, const char *msg_id, const char *unique_id)
{
    json_t *message = json_object();

    /* A stock client looks up all five. */
    set(message, "failure", json_null());
    set(message, "ending", json_true());
    set(message, "_msg_id", json_string(msg_id));
    set(message, "_unique_id", json_string(unique_id));
    set(message, "result", result);
    return message;
}

/* Takes ownership of 'message'. */
static char *
encode_body(json_t *message, size_t *len)
{
    size_t inner_len;
    char *inner = dump(message, &inner_len);
    char *body = envelop(inner, inner_len, len);

    free(inner);
    return body;
}

static char *
envelop(const char *message, size_t message_len, size_t *len)
{
    json_t *envelope = json_object();

    set(envelope, "oslo.version", json_string("2.0"));
    set(envelope, "oslo.message", json_stringn(message, message_len));
    return dump(envelope, len);
}

/* Takes ownership of 'json'. */
static char *
dump(json_t *json, size_t *len)
{
    char *text = json_dumps(json, JSON_ENSURE_ASCII | JSON_COMPACT);

    /* It fails for lack of memory, or for a value that cannot be: ours are
     * checked where they come in. */
    ovs_assert(text);
    json_decref(json);
    *len = strlen(text);
    return text;
}

/* ## Updates ## */

/* The keys come in the order in which the decoder expects them, which saves it
 * searching. */
static json_t *
args_of_update(const struct sg_update *update)
{
    json_t *args = json_object();
    json_t *list;

    set(args, "epoch", epoch(&update->epoch));
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
            set(args, "objects", refs(update->refs, update->n_refs, false));
        }
        return args;

    case SG_METHOD_DUPLICATE_HOST:
        set(args, "boots", texts(update->boots, update->n_boots));
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
        set(args, "group", id(&update->deleted[0].id));
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

/* The result of `sync`.  Its objects come last, so that others can be put
 * there: rpc_encode_joined_reply(). */
static json_t *
answer(const struct sg_update *update)
{
    json_t *result = answer_head(update);

    set(result, "objects", entries(update, 0));
    return result;
}

/* All of it but the objects. */
static json_t *
answer_head(const struct sg_update *update)
{
    json_t *result = json_object();

    set(result, "epoch", epoch(&update->epoch));
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
    set(result, "next", text_or_null(update->next));
    if (update->digest) {
        set(result, "digest", json_string(update->digest));
    }
    if (update->duplicate_host) {
        set(result, "duplicate_host", json_true());
    }
    return result;
}

/* The bodies of 'update' from rule list number 'first_rules' on, then what has
 * no body. */
static json_t *
entries(const struct sg_update *update, size_t first_rules)
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
                                       id(&ref->id));

        set(object, "deleted", json_true());
        set(object, "revision", json_integer(ref->revision));
    }
    for (size_t i = 0; i < update->n_unknown; i++) {
        const struct sg_ref *ref = &update->unknown[i];
        json_t *object = append_object(objects, ref->kind, "id",
                                       id(&ref->id));

        set(object, "unknown", json_true());
    }
    return objects;
}

/* What a change brings along, if anything. */
static void
set_inline(json_t *args, const struct sg_update *update, size_t first_rules)
{
    if (update->n_rules > first_rules || update->n_members) {
        set(args, "objects", entries(update, first_rules));
    }
}

static json_t *
latency(const struct sg_latency *l)
{
    json_t *object = json_object();

    for (int kind = 0; kind < SG_N_KINDS; kind++) {
        json_t *phases = json_object();

        for (int phase = 0; phase < SG_LATENCY_N_PHASES; phase++) {
            json_t *counts = json_array();

            for (int i = 0; i < SG_LATENCY_BUCKETS; i++) {
                append(counts, json_integer(l->counts[kind][phase][i]));
            }
            set(phases, sg_latency_phase_name(phase), counts);
        }
        set(object, sg_kind_name((enum sg_kind) kind), phases);
    }
    return object;
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
        append(groups, id(&spec->groups[i]));
    }

    set(object, "id", id(&spec->id));
    set(object, "revision", json_integer(spec->revision));
    if (spec->device[0]) {
        set(object, "device", json_string(spec->device));
    }
    if (!uuid_is_zero(&spec->network_id)) {
        set(object, "network_id", id(&spec->network_id));
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
    set(object, "group", id(&spec->group));
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

    set(object, "id", id(&spec->id));
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
        set(object, "remote_group_id", id(&spec->remote_id));
        return object;
    case SG_REMOTE_ADDRESS_GROUP:
        set(object, "remote_address_group_id", id(&spec->remote_id));
        return object;
    }
    OVS_NOT_REACHED();
}

/* Only whole lists have ranges. */
static json_t *
members(const struct sg_members_spec *spec)
{
    json_t *object = json_object();

    set(object, "group", id(&spec->group));
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

        set(object, "id", id(&update->deleted[i].id));
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

static json_t *
refs(const struct sg_ref *array, size_t n, bool with_revision)
{
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++) {
        json_t *object = append_object(list, array[i].kind, "id",
                                       id(&array[i].id));

        if (with_revision) {
            set(object, "revision", json_integer(array[i].revision));
        }
    }
    return list;
}

/* ## Values ## */

/* Lower case, as names of exchanges have it.  What we print ourselves needs no
 * check for UTF-8. */
static json_t *
id(const struct uuid *uuid)
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

/* The all-zero epoch, "none yet", is null. */
static json_t *
epoch(const struct sg_epoch *e)
{
    char text[SG_EPOCH_STRLEN];

    return (e->ms ? json_string_nocheck(sg_epoch_format(e, text))
            : json_null());
}

static json_t *
texts(char *const *array, size_t n)
{
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++) {
        append(list, json_string(array[i]));
    }
    return list;
}

static json_t *
text_or_null(const char *text)
{
    return text ? json_string(text) : json_null();
}

/* json_object_set_new() fails for a null 'value', which is a text that is not
 * UTF-8 or a lack of memory. */
static void
set(json_t *object, const char *key, json_t *value)
{
    ovs_assert(!json_object_set_new_nocheck(object, key, value));
}

static void
append(json_t *array, json_t *value)
{
    ovs_assert(!json_array_append_new(array, value));
}
