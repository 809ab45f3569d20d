/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Reads one body on standard input and prints what it says, or why it is
 * refused.  What could be decoded is encoded and decoded again, and must print
 * the same. */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "rpc/message.h"
#include "util.h"
#include "uuid.h"

#define ID "0123456789abcdef0123456789abcdef"

static void
put_refused(struct ds *ds, const char *word, const struct sg_refusal *refused,
            size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ds_put_format(ds, "%s %s: %s\n", word, refused[i].what,
                      refused[i].reason);
    }
}

static void
put_prefixes(struct ds *ds, const char *word, const struct sg_prefix *p,
             size_t n)
{
    char text[SG_PREFIX_STRLEN];

    for (size_t i = 0; i < n; i++) {
        ds_put_format(ds, "  %s %s\n", word, sg_prefix_format(&p[i], text));
    }
}

static void
put_port(struct ds *ds, const struct sg_port_spec *port)
{
    char mac[SG_MAC_STRLEN], text[SG_PREFIX_STRLEN];

    ds_put_format(ds, "port "UUID_FMT" revision %"PRId64"\n"
                  "  device \"%s\" network "UUID_FMT" mac %s\n"
                  "  port security %s, %s\n",
                  UUID_ARGS(&port->id), port->revision, port->device,
                  UUID_ARGS(&port->network_id),
                  sg_mac_format(&port->mac, mac),
                  port->port_security_enabled ? "on" : "off",
                  port->trusted ? "trusted" : "not trusted");
    put_prefixes(ds, "fixed", port->fixed_ips, port->n_fixed_ips);
    for (size_t i = 0; i < port->n_pairs; i++) {
        ds_put_format(ds, "  pair %s %s\n",
                      sg_prefix_format(&port->pairs[i].prefix, text),
                      sg_mac_format(&port->pairs[i].mac, mac));
    }
    for (size_t i = 0; i < port->n_groups; i++) {
        ds_put_format(ds, "  group "UUID_FMT"\n", UUID_ARGS(&port->groups[i]));
    }
    put_refused(ds, "  refused", port->refused, port->n_refused);
}

static void
put_rule(struct ds *ds, const struct sg_rule *rule)
{
    char text[SG_PREFIX_STRLEN];

    ds_put_format(ds, "  rule "UUID_FMT" %s %s protocol %d",
                  UUID_ARGS(&rule->id), sg_direction_name(rule->direction),
                  sg_family_name(rule->family), rule->protocol);
    if (rule->has_ports) {
        ds_put_format(ds, " ports %d-%d", rule->port_min, rule->port_max);
    }
    if (rule->has_source_ports) {
        ds_put_format(ds, " source ports %d-%d", rule->source_port_min,
                      rule->source_port_max);
    }
    if (rule->icmp_type >= 0 || rule->icmp_code >= 0) {
        ds_put_format(ds, " type %d code %d", rule->icmp_type,
                      rule->icmp_code);
    }
    switch (rule->remote) {
    case SG_REMOTE_ANY:
        ds_put_cstr(ds, " any");
        break;
    case SG_REMOTE_PREFIX:
        ds_put_format(ds, " prefix %s",
                      sg_prefix_format(&rule->remote_prefix, text));
        break;
    case SG_REMOTE_GROUP:
        ds_put_format(ds, " group "UUID_FMT, UUID_ARGS(&rule->remote_id));
        break;
    case SG_REMOTE_ADDRESS_GROUP:
        ds_put_format(ds, " addresses "UUID_FMT, UUID_ARGS(&rule->remote_id));
        break;
    }
    ds_put_char(ds, '\n');
}

static void
put_rules(struct ds *ds, const struct sg_rules_spec *rules)
{
    ds_put_format(ds, "rules "UUID_FMT" revision %"PRId64" %s\n",
                  UUID_ARGS(&rules->group), rules->revision,
                  rules->stateful ? "stateful" : "stateless");
    for (size_t i = 0; i < rules->n_rules; i++) {
        put_rule(ds, &rules->rules[i]);
    }
    put_refused(ds, "  refused", rules->refused, rules->n_refused);
}

static void
put_members(struct ds *ds, const struct sg_members_spec *members)
{
    ds_put_format(ds, "members "UUID_FMT" revision %"PRId64,
                  UUID_ARGS(&members->group), members->revision);
    if (members->whole) {
        ds_put_cstr(ds, " whole\n");
    } else {
        ds_put_format(ds, " from %"PRId64"\n", members->prev);
    }
    if (members->part) {
        ds_put_format(ds, "  part %u of %u\n", members->part,
                      members->parts);
    }
    put_prefixes(ds, "+", members->added.p, members->added.n);
    put_prefixes(ds, "-", members->removed.p, members->removed.n);
}

static void
put_refs(struct ds *ds, const char *word, const struct sg_ref *refs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ds_put_format(ds, "%s %s "UUID_FMT" revision %"PRId64"\n", word,
                      sg_kind_name(refs[i].kind), UUID_ARGS(&refs[i].id),
                      refs[i].revision);
    }
}

static void
put_update(struct ds *ds, const struct sg_update *update)
{
    char text[SG_EPOCH_STRLEN];

    ds_put_format(ds, "%s epoch %s sent %"PRId64"\n",
                  sg_method_name(update->method),
                  sg_epoch_format(&update->epoch, text), update->sent);
    if (update->method == SG_METHOD_BEACON) {
        ds_put_format(ds, "seq %"PRId64"%s\n", update->seq,
                      update->more ? " and more" : "");
    }
    for (size_t i = 0; i < update->n_ports; i++) {
        put_port(ds, &update->ports[i]);
    }
    for (size_t i = 0; i < update->n_rules; i++) {
        put_rules(ds, &update->rules[i]);
    }
    for (size_t i = 0; i < update->n_members; i++) {
        put_members(ds, &update->members[i]);
    }
    put_refs(ds, "deleted", update->deleted, update->n_deleted);
    put_refs(ds, "unknown", update->unknown, update->n_unknown);
    put_refs(ds, "again", update->refs, update->n_refs);
    for (size_t i = 0; i < update->n_entries; i++) {
        ds_put_format(ds, "changed %016"PRIx64" revision %"PRId64"\n",
                      update->entries[i].hash, update->entries[i].revision);
    }
    for (size_t i = 0; i < update->n_boots; i++) {
        ds_put_format(ds, "boot %s\n", update->boots[i]);
    }
    if (update->ack) {
        ds_put_format(ds, "ack %s\n", update->ack);
    }
    if (update->same) {
        ds_put_cstr(ds, "same\n");
    }
    if (update->want_have) {
        ds_put_cstr(ds, "want have\n");
    }
    if (update->page) {
        ds_put_format(ds, "page %"PRId64"\n", update->page);
    }
    if (update->digest) {
        ds_put_format(ds, "digest %s\n", update->digest);
    }
    if (update->duplicate_host) {
        ds_put_cstr(ds, "duplicate host\n");
    }
    if (update->next) {
        ds_put_format(ds, "next %s\n", update->next);
    }
}

/* Whole lists are encoded sorted. */
static void
sort_members(struct sg_update *update)
{
    for (size_t i = 0; i < update->n_members; i++) {
        if (update->members[i].whole) {
            sg_prefix_list_sort(&update->members[i].added);
        }
    }
}

/* How a whole list is written, escapes and all. */
static void
print_whole_lists(const char *body)
{
    static const char key[] = "\\\"members\\\":[";

    while ((body = strstr(body, key)) != NULL) {
        const char *end = strchr(body, ']');

        if (!end) {
            return;
        }
        printf("wire %.*s\n", (int) (end + 1 - body), body);
        body = end;
    }
}

/* What was left out is not encoded again. */
static void
forget_refused(struct sg_update *update)
{
    for (size_t i = 0; i < update->n_ports; i++) {
        struct sg_port_spec *port = &update->ports[i];

        sg_refusals_free(port->refused, port->n_refused);
        port->refused = NULL;
        port->n_refused = 0;
    }
    for (size_t i = 0; i < update->n_rules; i++) {
        struct sg_rules_spec *rules = &update->rules[i];

        sg_refusals_free(rules->refused, rules->n_refused);
        rules->refused = NULL;
        rules->n_refused = 0;
    }
}

static char *
decode(const char *body, size_t len, struct sg_update *update)
{
    struct rpc_message message;
    struct rpc_limits limits;
    char *error;

    rpc_limits_default(&limits);
    error = rpc_message_decode(body, len, &limits, &message);
    if (error) {
        return error;
    }
    error = (message.type == RPC_REQUEST
             ? rpc_update_from_request(&message, &limits, update)
             : rpc_update_from_reply(&message, &limits, update));
    rpc_message_uninit(&message);
    return error;
}

static void
print_round_trip(struct sg_update *update)
{
    struct ds before = DS_EMPTY_INITIALIZER;
    struct ds after = DS_EMPTY_INITIALIZER;
    struct sg_update again;
    size_t len;
    char *body, *error;

    forget_refused(update);
    sort_members(update);
    put_update(&before, update);
    body = (update->method == SG_METHOD_SYNC
            ? rpc_encode_sync_reply(update, ID, ID, &len)
            : rpc_encode_update(update, ID, &len));
    print_whole_lists(body);
    error = decode(body, len, &again);
    if (error) {
        printf("round trip: refused: %s\n%s\n", error, body);
    } else {
        put_update(&after, &again);
        if (strcmp(ds_cstr(&before), ds_cstr(&after))) {
            printf("round trip: differs:\n%s", ds_cstr(&after));
        }
        sg_update_uninit(&again);
    }
    free(error);
    free(body);
    ds_destroy(&before);
    ds_destroy(&after);
}

int
main(void)
{
    struct ds body = DS_EMPTY_INITIALIZER;
    struct ds rest = DS_EMPTY_INITIALIZER;
    struct sg_update update;
    char chunk[4096];
    size_t n;
    char *error;

    while ((n = fread(chunk, 1, sizeof chunk, stdin)) > 0) {
        ds_put_buffer(&body, chunk, n);
    }
    error = decode(ds_cstr(&body), body.length, &update);
    if (error) {
        printf("refused: %s\n", error);
    } else {
        put_update(&rest, &update);
        put_refs(&rest, "bad", update.bad, update.n_bad);
        put_refused(&rest, "problem", update.problems, update.n_problems);
        fputs(ds_cstr(&rest), stdout);
        print_round_trip(&update);
        sg_update_uninit(&update);
    }
    free(error);
    ds_destroy(&body);
    ds_destroy(&rest);
    return 0;
}
