/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* A rule list on the wire.
 *
 * A rule that cannot be expressed exactly, or that has a key we do not know,
 * is left out by name; the rest of the list is in force at its revision.  What
 * the fields mean is in rule.c. */

#include <config.h>
#include "rpc/message_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/rule.h"
#include "util.h"
#include "uuid.h"

enum { RULES_GROUP, RULES_REVISION, RULES_STATEFUL, RULES_RULES };
static const char *const rules_names[] = {
    [RULES_GROUP] = "group",
    [RULES_REVISION] = "revision",
    [RULES_STATEFUL] = "stateful",
    [RULES_RULES] = "rules",
    NULL,
};

enum {
    RULE_ID, RULE_DIRECTION, RULE_ETHERTYPE, RULE_PROTOCOL, RULE_MIN,
    RULE_MAX, RULE_SOURCE_MIN, RULE_SOURCE_MAX, RULE_REMOTE_GROUP,
    RULE_REMOTE_PREFIX, RULE_REMOTE_ADDRESSES,
};
static const char *const rule_names[] = {
    [RULE_ID] = "id",
    [RULE_DIRECTION] = "direction",
    [RULE_ETHERTYPE] = "ethertype",
    [RULE_PROTOCOL] = "protocol",
    [RULE_MIN] = "port_range_min",
    [RULE_MAX] = "port_range_max",
    [RULE_SOURCE_MIN] = "source_port_range_min",
    [RULE_SOURCE_MAX] = "source_port_range_max",
    [RULE_REMOTE_GROUP] = "remote_group_id",
    [RULE_REMOTE_PREFIX] = "remote_ip_prefix",
    [RULE_REMOTE_ADDRESSES] = "remote_address_group_id",
    NULL,
};

/* Keys whose values are integers. */
#define N_RULE_INTEGERS 4

static void read_rule(const struct msg_reader *, const struct msg_place *,
                      json_t *, struct sg_rules_spec *);
static char *rule_from_json(const struct msg_reader *, json_t *,
                            struct sg_rule *);
static char *rule_strings(const struct msg_object *,
                          struct rpc_rule_fields *);
static char *rule_integers(const struct msg_object *,
                           struct rpc_rule_fields *,
                           int64_t integers[N_RULE_INTEGERS]);
static void refuse_rule(struct sg_rules_spec *, const struct msg_place *,
                        json_t *, const char *reason);
static bool has_rule(const struct sg_rules_spec *, const struct uuid *);

/* On success the caller owns what '*rulesp' points to.  A list without any
 * rule that can be used is still a list: the group then permits nothing. */
char *
msg_rules(const struct msg_reader *reader, const struct msg_place *place,
          json_t *json, struct sg_rules_spec *rulesp)
{
    /* Relative to the list: what is left out belongs to it. */
    struct msg_place rules_place = { NULL, rules_names[RULES_RULES], 0 };
    struct sg_rules_spec rules;
    struct msg_object object;
    json_t *array, *value;
    size_t i;
    char *error;

    memset(&rules, 0, sizeof rules);
    rules.stateful = true;
    error = msg_object_init(&object, reader, place, json, rules_names);
    if (!error) {
        error = msg_id(&object, RULES_GROUP, &rules.group);
    }
    if (!error) {
        error = msg_int(&object, RULES_REVISION, 1, &rules.revision);
    }
    if (!error) {
        error = msg_bool(&object, RULES_STATEFUL, &rules.stateful);
    }
    if (!error) {
        error = msg_array(&object, RULES_RULES, RPC_LIMIT_RULES, &array);
    }
    if (error) {
        return error;
    }

    json_array_foreach (array, i, value) {
        struct msg_place at = { &rules_place, NULL, i };

        read_rule(reader, &at, value, &rules);
    }
    msg_object_note_unknown(&object, json);
    *rulesp = rules;
    return NULL;
}

/* Adds the rule to 'rules', or to what was refused. */
static void
read_rule(const struct msg_reader *reader, const struct msg_place *place,
          json_t *json, struct sg_rules_spec *rules)
{
    struct sg_rule rule;
    char *reason = rule_from_json(reader, json, &rule);

    if (!reason && has_rule(rules, &rule.id)) {
        reason = xstrdup("id is used twice");
    }
    if (reason) {
        refuse_rule(rules, place, json, reason);
        free(reason);
        return;
    }
    rules->rules = msg_grow(rules->rules, rules->n_rules,
                            sizeof *rules->rules);
    rules->rules[rules->n_rules++] = rule;
}

/* Returns NULL or a malloc'd reason, which does not name the rule. */
static char *
rule_from_json(const struct msg_reader *reader, json_t *json,
               struct sg_rule *rule)
{
    struct rpc_rule_fields fields;
    struct msg_object object;
    int64_t integers[N_RULE_INTEGERS];
    char number[24];            /* Any 64-bit integer. */
    char *error;

    error = msg_object_init(&object, reader, NULL, json, rule_names);
    if (error) {
        return error;
    } else if (object.unknown) {
        /* What it asks for may be narrower than what we would build. */
        char *quoted = rpc_quote(object.unknown, strlen(object.unknown));

        error = xasprintf("unknown key \"%s\"", quoted);
        free(quoted);
        return error;
    }

    memset(&fields, 0, sizeof fields);
    error = rule_strings(&object, &fields);
    if (!error) {
        error = rule_integers(&object, &fields, integers);
    }
    if (error) {
        return error;
    }

    /* Neutron sends numbers as strings, others as numbers.  Both go through
     * the one parser. */
    json_t *protocol = object.values[RULE_PROTOCOL];
    if (json_is_integer(protocol)) {
        snprintf(number, sizeof number, "%"PRId64,
                 (int64_t) json_integer_value(protocol));
        fields.protocol = number;
    } else if (json_is_string(protocol)) {
        fields.protocol = json_string_value(protocol);
    } else if (protocol) {
        return xstrdup("protocol is not a string or a number");
    }

    const char *reason = rpc_rule_from_fields(&fields, rule);
    return reason ? xstrdup(reason) : NULL;
}

/* The fields that are strings; an empty one is refused, not absent. */
static char *
rule_strings(const struct msg_object *object, struct rpc_rule_fields *fields)
{
    const struct {
        int field;
        const char **textp;
    } strings[] = {
        { RULE_ID, &fields->id },
        { RULE_DIRECTION, &fields->direction },
        { RULE_ETHERTYPE, &fields->ethertype },
        { RULE_REMOTE_GROUP, &fields->remote_group_id },
        { RULE_REMOTE_PREFIX, &fields->remote_ip_prefix },
        { RULE_REMOTE_ADDRESSES, &fields->remote_address_group_id },
    };
    char *error = NULL;

    for (size_t i = 0; i < ARRAY_SIZE(strings) && !error; i++) {
        if (msg_has(object, strings[i].field)) {
            error = msg_text(object, strings[i].field, strings[i].textp);
        }
    }
    return error;
}

/* The ends of ranges, which are kept in 'integers'.  Which numbers will do is
 * for rpc/rule.c to say. */
static char *
rule_integers(const struct msg_object *object, struct rpc_rule_fields *fields,
              int64_t integers[N_RULE_INTEGERS])
{
    const struct {
        int field;
        const int64_t **integerp;
    } ends[N_RULE_INTEGERS] = {
        { RULE_MIN, &fields->port_range_min },
        { RULE_MAX, &fields->port_range_max },
        { RULE_SOURCE_MIN, &fields->source_port_range_min },
        { RULE_SOURCE_MAX, &fields->source_port_range_max },
    };
    char *error = NULL;

    for (size_t i = 0; i < N_RULE_INTEGERS && !error; i++) {
        if (msg_has(object, ends[i].field)) {
            error = msg_int(object, ends[i].field, INT64_MIN, &integers[i]);
            *ends[i].integerp = &integers[i];
        }
    }
    return error;
}

/* Names the rule by its id if that can be read, else by its place. */
static void
refuse_rule(struct sg_rules_spec *rules, const struct msg_place *place,
            json_t *json, const char *reason)
{
    json_t *id = json_object_get(json, "id");
    struct uuid uuid;

    if (json_is_string(id) && sg_id_from_string(json_string_value(id),
                                                &uuid)) {
        char text[UUID_LEN + 1];

        snprintf(text, sizeof text, UUID_FMT, UUID_ARGS(&uuid));
        sg_refusal_add(&rules->refused, &rules->n_refused, text, reason);
    } else {
        msg_refuse(&rules->refused, &rules->n_refused, place, reason);
    }
}

/* Linear, hence quadratic for a list: some 0.3 of 2.6 ms at the limit of 1,000
 * rules, and nothing to build for the usual ten. */
static bool
has_rule(const struct sg_rules_spec *rules, const struct uuid *id)
{
    for (size_t i = 0; i < rules->n_rules; i++) {
        if (uuid_equals(&rules->rules[i].id, id)) {
            return true;
        }
    }
    return false;
}
