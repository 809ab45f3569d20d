/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tools/sg-controller/rule_reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "rpc/rule.h"
#include "sset.h"
#include "tools/sg-controller/fields.h"
#include "tools/sg-controller/reader.h"
#include "tools/sg-controller/topology.h"
#include "util.h"
#include "uuid.h"

enum rule_key {
    ID, DESCRIPTION, DIRECTION, ETHERTYPE, PROTOCOL, PORT_MIN, PORT_MAX,
    SOURCE_MIN, SOURCE_MAX, REMOTE_GROUP, REMOTE_PREFIX, REMOTE_ADDRESS_GROUP,
    N_KEYS
};
static const char *const keys[] = {
    "id", "description", "direction", "ethertype", "protocol",
    "port_range_min", "port_range_max", "source_port_range_min",
    "source_port_range_max", "remote_group_id", "remote_ip_prefix",
    "remote_address_group_id", NULL
};

/* Keys whose values are integers. */
#define N_INTEGERS 4


static bool read_rule(const struct rule_context *,
                      const struct reader_node *, struct sg_rule *);
static bool get_fields(const struct rule_context *,
                       const struct reader_node *const *v,
                       struct rpc_rule_fields *, int64_t numbers[N_INTEGERS]);
static bool refuse(const struct rule_context *, const struct reader_node *,
                   const struct reader_node *const *v, const char *reason);
static bool check_unique(const struct rule_context *,
                         const struct reader_node *, const struct sg_rule *);
static bool check_remote(const struct rule_context *,
                         const struct reader_node *const *v,
                         const struct sg_rule *);

/* 'n_rules' counts what is complete, also when it fails half-way. */
bool
rules_read(const struct rule_context *context,
           const struct reader_node *node, struct sg_rules_spec *spec)
{
    size_t n;

    if (!reader_list(context->reader, node, "rules", context->max_rules,
                     &n)) {
        return false;
    }
    spec->rules = n ? xcalloc(n, sizeof *spec->rules) : NULL;
    for (; spec->n_rules < n; spec->n_rules++) {
        if (!read_rule(context,
                       reader_item(context->reader, node, spec->n_rules),
                       &spec->rules[spec->n_rules])) {
            return false;
        }
    }
    return true;
}

/* The meaning of the fields is that of the wire: rpc/rule.h decides it. */
static bool
read_rule(const struct rule_context *context,
          const struct reader_node *node, struct sg_rule *rule)
{
    const struct reader_node *v[N_KEYS];
    struct rpc_rule_fields fields;
    int64_t numbers[N_INTEGERS];
    const char *reason;

    if (!reader_mapping(context->reader, node, "rule", keys, v)
        || !field_labels(context->reader, &v[DESCRIPTION],
                         &keys[DESCRIPTION], 1)
        || !get_fields(context, v, &fields, numbers)) {
        return false;
    }
    reason = rpc_rule_from_fields(&fields, rule);
    if (reason) {
        return refuse(context, node, v, reason);
    }
    return (check_unique(context, v[ID], rule)
            && check_remote(context, v, rule));
}

/* Fills in 'fields'; 'numbers' is where its integers live. */
static bool
get_fields(const struct rule_context *context,
           const struct reader_node *const *v,
           struct rpc_rule_fields *fields, int64_t numbers[N_INTEGERS])
{
    const struct {
        enum rule_key key;
        const char **text;
    } texts[] = {
        { ID, &fields->id },
        { DIRECTION, &fields->direction },
        { ETHERTYPE, &fields->ethertype },
        { PROTOCOL, &fields->protocol },
        { REMOTE_GROUP, &fields->remote_group_id },
        { REMOTE_PREFIX, &fields->remote_ip_prefix },
        { REMOTE_ADDRESS_GROUP, &fields->remote_address_group_id },
    };
    const struct {
        enum rule_key key;
        const int64_t **number;
    } integers[N_INTEGERS] = {
        { PORT_MIN, &fields->port_range_min },
        { PORT_MAX, &fields->port_range_max },
        { SOURCE_MIN, &fields->source_port_range_min },
        { SOURCE_MAX, &fields->source_port_range_max },
    };

    memset(fields, 0, sizeof *fields);
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        enum rule_key key = texts[i].key;

        if (v[key] && !reader_text(context->reader, v[key], keys[key],
                                   texts[i].text)) {
            return false;
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(integers); i++) {
        enum rule_key key = integers[i].key;

        if (v[key]) {
            if (!reader_integer(context->reader, v[key], keys[key], 0,
                                UINT16_MAX, &numbers[i])) {
                return false;
            }
            *integers[i].number = &numbers[i];
        }
    }
    return true;
}

/* A reason that begins with a key's name speaks of that key's value. */
static bool
refuse(const struct rule_context *context, const struct reader_node *node,
       const struct reader_node *const *v, const char *reason)
{
    for (size_t i = 0; i < N_KEYS; i++) {
        size_t len = strlen(keys[i]);

        if (v[i] && !strncmp(reason, keys[i], len) && reason[len] == ' ') {
            return reader_fail(context->reader, v[i], keys[i], "%s",
                               reason + len + 1);
        }
    }
    return reader_fail(context->reader, node, "rule", "%s", reason);
}

/* An id in two groups would make `sgctl rules` ambiguous. */
static bool
check_unique(const struct rule_context *context,
             const struct reader_node *node, const struct sg_rule *rule)
{
    char text[UUID_LEN + 1];

    snprintf(text, sizeof text, UUID_FMT, UUID_ARGS(&rule->id));
    return (sset_add(context->ids, text)
            || reader_fail(context->reader, node, "id", "a second rule %s",
                           text));
}

static bool
check_remote(const struct rule_context *context,
             const struct reader_node *const *v, const struct sg_rule *rule)
{
    bool address_group = rule->remote == SG_REMOTE_ADDRESS_GROUP;
    enum rule_key key = address_group ? REMOTE_ADDRESS_GROUP : REMOTE_GROUP;
    const struct topology_group *group;

    if (rule->remote != SG_REMOTE_GROUP && !address_group) {
        return true;
    }
    group = topology_group(context->topology, &rule->remote_id);
    return ((group && group->is_address_group == address_group)
            || reader_fail(context->reader, v[key], keys[key],
                           "no %s "UUID_FMT" is defined",
                           address_group ? "address group" : "security group",
                           UUID_ARGS(&rule->remote_id)));
}
