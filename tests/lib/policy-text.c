/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tests/lib/policy-text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"
#include "uuid.h"

#define BLANKS " \t\n"

struct parser {
    struct policy_text *pt;
    struct sg_group *group;     /* The `rules` that `rule` belongs to. */
    unsigned int n_rules;
};

static void parse_statement(struct parser *, char *text);
static void parse_layout(struct parser *, char **);
static void parse_port(struct parser *, char **);
static void parse_port_word(struct sg_port *, const char *word);
static void parse_rules(struct parser *, char **);
static void parse_rule(struct parser *, char **);
static void parse_members(struct parser *, char **);
static void parse_slot(struct parser *, char **);
static void parse_keep(struct parser *, char **);
static void set_family(uint8_t *family, const char *word);

static void OVS_NO_RETURN
die(const char *what, const char *text)
{
    fprintf(stderr, "policy text: %s: \"%s\"\n", what, text);
    exit(EXIT_FAILURE);
}

void
policy_text_init(struct policy_text *pt, const char *text)
{
    struct parser parser = { .pt = pt };
    char *copy = xstrdup(text);
    char *statement = copy;

    sg_policy_init(&pt->policy);
    pt->policy.generation = 1;
    fw_layout_default(&pt->layout);
    pt->slots = fw_slots_create();

    /* A statement ends at a newline that no blank follows. */
    for (char *p = copy; *statement; p++) {
        if (*p == '#') {
            while (*p && *p != '\n') {
                *p++ = ' ';
            }
        }
        if (!*p || (*p == '\n' && p[1] != ' ')) {
            bool last = !*p;

            *p = '\0';
            parse_statement(&parser, statement);
            if (last) {
                break;
            }
            statement = p + 1;
        }
    }
    free(copy);
}

void
policy_text_uninit(struct policy_text *pt)
{
    sg_policy_uninit(&pt->policy);
    fw_slots_destroy(pt->slots);
}

struct uuid
policy_text_id(const char *text)
{
    unsigned int n = atoi(text + 1);
    struct uuid id = {
        .parts = { (unsigned char) text[0] << 24 | n, 0x4000, 0x80000000, n },
    };

    if (!islower((unsigned char) text[0]) || !n) {
        die("bad id", text);
    }
    return id;
}

struct sg_prefix
policy_text_prefix(const char *text)
{
    struct sg_prefix prefix;

    if (!sg_prefix_from_string(text, &prefix)) {
        die("bad prefix", text);
    }
    return prefix;
}

/* Returns the group 'id', made if need be. */
struct sg_group *
policy_text_group(struct policy_text *pt, const char *text)
{
    struct uuid id = policy_text_id(text);
    struct sg_group *group;

    HMAP_FOR_EACH_WITH_HASH (group, node, sg_id_hash(&id),
                             &pt->policy.groups) {
        if (uuid_equals(&group->id, &id)) {
            return group;
        }
    }
    group = xzalloc(sizeof *group);
    group->id = id;
    group->rules.group = id;
    group->rules.stateful = true;
    sg_members_init(&group->members);
    hmap_insert(&pt->policy.groups, &group->node, sg_id_hash(&id));
    return group;
}

static void
parse_statement(struct parser *parser, char *text)
{
    static const struct {
        const char *name;
        void (*parse)(struct parser *, char **);
    } statements[] = {
        { "layout", parse_layout },
        { "port", parse_port },
        { "rules", parse_rules },
        { "rule", parse_rule },
        { "members", parse_members },
        { "slot", parse_slot },
        { "keep", parse_keep },
    };
    char *save = NULL;
    char *word = strtok_r(text, BLANKS, &save);

    if (!word) {
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(statements); i++) {
        if (!strcmp(word, statements[i].name)) {
            statements[i].parse(parser, &save);
            return;
        }
    }
    die("unknown statement", word);
}

static char *
next_word(char **save)
{
    return strtok_r(NULL, BLANKS, save);
}

static char *
need_word(char **save, const char *what)
{
    char *word = next_word(save);

    if (!word) {
        die("missing word", what);
    }
    return word;
}

/* If 'word' is "NAME=VALUE" returns VALUE. */
static const char *
value_of(const char *word, const char *name)
{
    size_t len = strlen(name);

    return !strncmp(word, name, len) && word[len] == '=' ? word + len + 1
           : NULL;
}

static bool
parse_state(const char *word, enum sg_knowledge *state)
{
    for (enum sg_knowledge k = SG_ABSENT; k <= SG_DELETED; k++) {
        if (!strcmp(word, sg_knowledge_name(k))) {
            *state = k;
            return true;
        }
    }
    return false;
}

static bool
parse_plug(const char *word, enum sg_plug *plug)
{
    for (enum sg_plug p = SG_PLUG_MISSING; p <= SG_PLUG_UNENFORCEABLE; p++) {
        if (!strcmp(word, sg_plug_name(p))) {
            *plug = p;
            return true;
        }
    }
    return false;
}

static struct sg_mac
parse_mac(const char *text)
{
    struct sg_mac mac;

    if (!sg_mac_from_string(text, &mac)) {
        die("bad MAC", text);
    }
    return mac;
}

static void
parse_layout(struct parser *parser, char **save)
{
    struct fw_layout *layout = &parser->pt->layout;
    const char *value;
    char *word;

    while ((word = next_word(save)) != NULL) {
        if (!strcmp(word, "host_input")) {
            layout->host_input = true;
        } else if (!strcmp(word, "host_output")) {
            layout->host_output = true;
        } else if ((value = value_of(word, "bridge")) != NULL) {
            ovs_strzcpy(layout->bridge_prefix, value,
                        sizeof layout->bridge_prefix);
        } else if ((value = value_of(word, "uplink")) != NULL) {
            ovs_strzcpy(layout->uplink_prefix, value,
                        sizeof layout->uplink_prefix);
        } else {
            die("layout", word);
        }
    }
}

static void
parse_port(struct parser *parser, char **save)
{
    struct sg_port *port = xzalloc(sizeof *port);
    char *word;

    port->id = policy_text_id(need_word(save, "port id"));
    port->state = SG_KNOWN;
    port->binding.plug = SG_PLUG_HYBRID;
    port->spec.id = port->id;
    port->spec.revision = 1;
    port->spec.port_security_enabled = true;
    while ((word = next_word(save)) != NULL) {
        if (!parse_state(word, &port->state)
            && !parse_plug(word, &port->binding.plug)) {
            parse_port_word(port, word);
        }
    }
    hmap_insert(&parser->pt->policy.ports, &port->node, sg_id_hash(&port->id));
}

static void
parse_port_word(struct sg_port *port, const char *word)
{
    struct sg_binding *b = &port->binding;
    struct sg_port_spec *spec = &port->spec;
    const char *value;

    if (!strcmp(word, "trusted")) {
        spec->trusted = true;
    } else if (!strcmp(word, "unprotected")) {
        spec->port_security_enabled = false;
    } else if ((value = value_of(word, "device")) != NULL) {
        ovs_strzcpy(b->device, value, sizeof b->device);
    } else if ((value = value_of(word, "bridge")) != NULL) {
        ovs_strzcpy(b->bridge, value, sizeof b->bridge);
    } else if ((value = value_of(word, "uplink")) != NULL) {
        ovs_strzcpy(b->uplink, value, sizeof b->uplink);
    } else if ((value = value_of(word, "zone")) != NULL) {
        b->zone = atoi(value);
    } else if ((value = value_of(word, "mac")) != NULL) {
        spec->mac = parse_mac(value);
    } else if ((value = value_of(word, "ip")) != NULL) {
        spec->fixed_ips = xrealloc(spec->fixed_ips, (spec->n_fixed_ips + 1)
                                   * sizeof *spec->fixed_ips);
        spec->fixed_ips[spec->n_fixed_ips++] = policy_text_prefix(value);
    } else if ((value = value_of(word, "pair")) != NULL) {
        char *prefix = xstrdup(value);
        char *at = strchr(prefix, '@');
        if (!at) {
            die("pair without MAC", word);
        }
        *at = '\0';
        spec->pairs = xrealloc(spec->pairs, (spec->n_pairs + 1)
                               * sizeof *spec->pairs);
        memset(&spec->pairs[spec->n_pairs], 0, sizeof *spec->pairs);
        spec->pairs[spec->n_pairs].prefix = policy_text_prefix(prefix);
        spec->pairs[spec->n_pairs++].mac = parse_mac(at + 1);
        free(prefix);
    } else if ((value = value_of(word, "group")) != NULL) {
        spec->groups = xrealloc(spec->groups, (spec->n_groups + 1)
                                * sizeof *spec->groups);
        spec->groups[spec->n_groups++] = policy_text_id(value);
    } else {
        die("port", word);
    }
}

static void
parse_rules(struct parser *parser, char **save)
{
    struct sg_group *group = policy_text_group(parser->pt,
                                               need_word(save, "group id"));
    char *word;

    group->rules_state = SG_KNOWN;
    group->rules.revision = 1;
    parser->group = group;
    while ((word = next_word(save)) != NULL) {
        if (!strcmp(word, "stateless")) {
            group->rules.stateful = false;
        } else if (!parse_state(word, &group->rules_state)) {
            die("rules", word);
        }
    }
}

static void
parse_range(const char *text, uint16_t *minp, uint16_t *maxp)
{
    unsigned int min, max;

    if (sscanf(text, "%u-%u", &min, &max) != 2) {
        die("ports", text);
    }
    *minp = min;
    *maxp = max;
}

static void
parse_rule_word(struct sg_rule *rule, const char *word)
{
    const char *value;

    if ((value = value_of(word, "id")) != NULL) {
        rule->id = policy_text_id(value);
    } else if ((value = value_of(word, "proto")) != NULL) {
        rule->protocol = atoi(value);
    } else if ((value = value_of(word, "ports")) != NULL) {
        rule->has_ports = true;
        parse_range(value, &rule->port_min, &rule->port_max);
    } else if ((value = value_of(word, "sports")) != NULL) {
        rule->has_source_ports = true;
        parse_range(value, &rule->source_port_min, &rule->source_port_max);
    } else if ((value = value_of(word, "type")) != NULL) {
        rule->icmp_type = atoi(value);
    } else if ((value = value_of(word, "code")) != NULL) {
        rule->icmp_code = atoi(value);
    } else if ((value = value_of(word, "prefix")) != NULL) {
        rule->remote = SG_REMOTE_PREFIX;
        rule->remote_prefix = policy_text_prefix(value);
    } else if ((value = value_of(word, "group")) != NULL) {
        rule->remote = SG_REMOTE_GROUP;
        rule->remote_id = policy_text_id(value);
    } else if ((value = value_of(word, "address-group")) != NULL) {
        rule->remote = SG_REMOTE_ADDRESS_GROUP;
        rule->remote_id = policy_text_id(value);
    } else {
        die("rule", word);
    }
}

static void
parse_rule(struct parser *parser, char **save)
{
    const char *direction = need_word(save, "direction");
    char id[16];
    struct sg_rule rule = {
        .direction = !strcmp(direction, "egress") ? SG_EGRESS : SG_INGRESS,
        .protocol = -1,
        .icmp_type = -1,
        .icmp_code = -1,
    };
    uint8_t family;
    char *word;

    snprintf(id, sizeof id, "r%u", ++parser->n_rules);
    rule.id = policy_text_id(id);
    set_family(&family, need_word(save, "ethertype"));
    rule.family = family;
    while ((word = next_word(save)) != NULL) {
        parse_rule_word(&rule, word);
    }

    if (!parser->group) {
        die("rule without rules", direction);
    }
    struct sg_rules_spec *spec = &parser->group->rules;
    spec->rules = xrealloc(spec->rules,
                           (spec->n_rules + 1) * sizeof *spec->rules);
    spec->rules[spec->n_rules++] = rule;
}

static void
parse_members(struct parser *parser, char **save)
{
    struct sg_group *group = policy_text_group(parser->pt,
                                               need_word(save, "group id"));
    char *word;

    group->members_state = SG_KNOWN;
    while ((word = next_word(save)) != NULL) {
        if (!parse_state(word, &group->members_state)) {
            struct sg_prefix prefix = policy_text_prefix(word);
            sg_members_add(&group->members, &prefix);
        }
    }
}

static void
parse_slot(struct parser *parser, char **save)
{
    struct fw_set set = {
        .group = policy_text_id(need_word(save, "group id")),
    };
    const char *word;
    uint8_t family;

    set_family(&family, need_word(save, "ethertype"));
    set.family = family;
    word = need_word(save, "slot");
    if (!strcmp(word, "nets")) {
        set.content = FW_NETS;
        word = need_word(save, "slot");
    }
    fw_slots_set(parser->pt->slots, &set,
                 !strcmp(word, "b") ? FW_SLOT_B : FW_SLOT_A);
}

static void
parse_keep(struct parser *parser, char **save)
{
    struct uuid id = policy_text_id(need_word(save, "group id"));
    char name[FW_SET_LEN];
    uint8_t family;

    set_family(&family, need_word(save, "ethertype"));
    fw_name_set(name, &(struct fw_set_form) {
        .family = family, .content = FW_NETS,
    }, &id);
    fw_slots_keep(parser->pt->slots, name);
}

static void
set_family(uint8_t *family, const char *word)
{
    for (size_t f = 0; f < SG_N_FAMILIES; f++) {
        if (!strcmp(word, sg_family_name(f))) {
            *family = f;
            return;
        }
    }
    die("ethertype", word);
}
