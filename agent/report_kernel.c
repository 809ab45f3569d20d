/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The documents about what is, or would be, in the kernel. */

#include <config.h>
#include "agent/report.h"

#include <stdlib.h>
#include <string.h>

#include "agent/report_json.h"
#include "firewall/member_delta.h"
#include "openvswitch/shash.h"
#include "util.h"
#include "uuid.h"

/* Members of one step of a plan that are listed by address. */
#define MAX_LISTED_MEMBERS 1000

/* Whose a chain or set is, by its name. */
struct owner {
    const struct sg_port *port;
    const struct sg_group *group;
    const char *direction;      /* Of a chain; else NULL. */
};

static void find_owners(const struct sg_policy *, struct shash *);
static void add_owner(struct shash *, const char *name,
                      const struct owner *);
static void owners_destroy(struct shash *);
static json_t *set_json(const struct fw_set *, const struct owner *);
static void add_table(json_t *, const struct fw_table *, enum sg_family,
                      enum fw_table_id, const struct shash *owners);
static json_t *step_json(const struct fw_step *);
static const char *step_name(enum fw_step_kind);
static const char *edit_name(enum fw_edit_kind);

/* Sorted by name. */
char *
report_sets(const struct report_input *in, const struct fw_ruleset *rs)
{
    struct shash owners = SHASH_INITIALIZER(&owners);
    struct shash by_name = SHASH_INITIALIZER(&by_name);
    json_t *array = json_array();
    struct fw_set *set;

    find_owners(policy_store_policy(in->store), &owners);
    HMAP_FOR_EACH (set, node, &rs->sets) {
        shash_add(&by_name, set->name, set);
    }

    const struct shash_node **nodes = shash_sort(&by_name);
    for (size_t i = 0; i < shash_count(&by_name); i++) {
        set = nodes[i]->data;
        json_array_append_new(array, set_json(set, shash_find_data(
                                                  &owners, set->name)));
    }
    free(nodes);
    shash_destroy(&by_name);
    owners_destroy(&owners);
    return report_text(json_pack("{s:o}", "sets", array));
}

/* Our rules, by family, table, chain and position. */
char *
report_rules(const struct report_input *in, const struct fw_ruleset *rs)
{
    struct shash owners = SHASH_INITIALIZER(&owners);
    json_t *array = json_array();

    find_owners(policy_store_policy(in->store), &owners);
    for (int f = 0; f < SG_N_FAMILIES; f++) {
        for (int t = 0; t < FW_N_TABLES; t++) {
            add_table(array, &rs->tables[f][t], (enum sg_family) f,
                      (enum fw_table_id) t, &owners);
        }
    }
    owners_destroy(&owners);
    return report_text(json_pack("{s:o}", "rules", array));
}

char *
report_plan(const struct report_input *in, const struct fw_plan *plan)
{
    struct ds text = DS_EMPTY_INITIALIZER;
    json_t *steps = json_array();
    json_t *j = json_object();

    for (size_t i = 0; i < plan->n_steps; i++) {
        json_array_append_new(steps, step_json(&plan->steps[i]));
    }
    fw_plan_format(plan, &text);
    json_object_set_new(j, "generation", report_count(
        policy_store_policy(in->store)->generation));
    json_object_set_new(j, "applied", report_count(in->applied));
    json_object_set_new(j, "empty", json_boolean(fw_plan_is_empty(plan)));
    json_object_set_new(j, "steps", steps);
    json_object_set_new(j, "text", report_string(ds_cstr(&text)));
    ds_destroy(&text);
    return report_text(j);
}

static void
find_owners(const struct sg_policy *policy, struct shash *owners)
{
    const struct sg_port *port;
    const struct sg_group *group;
    char chain[FW_CHAIN_LEN];
    char set[FW_SET_LEN];

    HMAP_FOR_EACH (port, node, &policy->ports) {
        struct owner owner = { .port = port };

        if (!port->binding.device[0]) {
            continue;
        }
        fw_name_bridge_chain(chain, port->binding.device);
        add_owner(owners, chain, &owner);
        owner.direction = sg_direction_name(SG_EGRESS);
        fw_name_egress_chain(chain, port->binding.device);
        add_owner(owners, chain, &owner);
        owner.direction = sg_direction_name(SG_INGRESS);
        fw_name_ingress_chain(chain, port->binding.device);
        add_owner(owners, chain, &owner);
    }
    HMAP_FOR_EACH (group, node, &policy->groups) {
        struct owner owner = { .group = group };

        for (unsigned int i = 0; i < 8; i++) {
            fw_name_set(set, &(struct fw_set_form) {
                .family = i & 1 ? SG_IPV6 : SG_IPV4,
                .content = i & 2 ? FW_NETS : FW_HOSTS,
                .slot = i & 4 ? FW_SLOT_B : FW_SLOT_A,
            }, &group->id);
            add_owner(owners, set, &owner);
        }
        for (int d = 0; d < SG_N_DIRECTIONS; d++) {
            fw_name_group_chain(chain, (enum sg_direction) d, &group->id);
            owner.direction = sg_direction_name((enum sg_direction) d);
            add_owner(owners, chain, &owner);
        }
    }
}

/* Two ids with one name: the renderer reports it. */
static void
add_owner(struct shash *owners, const char *name, const struct owner *owner)
{
    struct owner *copy = xmemdup(owner, sizeof *owner);

    if (!shash_add_once(owners, name, copy)) {
        free(copy);
    }
}

static void
owners_destroy(struct shash *owners)
{
    shash_destroy_free_data(owners);
}

/* 'owner' is NULL for the set of a group that is not held any more. */
static json_t *
set_json(const struct fw_set *set, const struct owner *owner)
{
    const struct sg_group *group = owner ? owner->group : NULL;
    json_t *j = json_object();
    char slot[2] = { set->slot == FW_SLOT_A ? 'a' : 'b', '\0' };

    json_object_set_new(j, "name", report_string(set->name));
    json_object_set_new(j, "group", group ? report_id(&group->id)
                                          : json_null());
    json_object_set_new(j, "family",
                        report_string(sg_family_name(set->family)));
    json_object_set_new(j, "type", report_string(
        fw_content_type(set->content)));
    json_object_set_new(j, "slot", report_string(slot));
    json_object_set_new(j, "members", report_count(set->elements));
    json_object_set_new(j, "policy_members", group
                        ? report_count(fw_set_n_elements(set,
                                                         &group->members))
                        : json_null());
    json_object_set_new(j, "maxelem", report_count(set->maxelem));
    json_object_set_new(j, "hashsize", report_count(set->hashsize));
    json_object_set_new(j, "references", report_count(set->references));
    json_object_set_new(j, "foreign_type", json_boolean(set->foreign_type));
    return j;
}

static void
add_table(json_t *array, const struct fw_table *table, enum sg_family family,
          enum fw_table_id id, const struct shash *owners)
{
    struct shash by_name = SHASH_INITIALIZER(&by_name);
    struct fw_chain *chain;

    HMAP_FOR_EACH (chain, node, &table->chains) {
        shash_add(&by_name, chain->name, chain);
    }

    const struct shash_node **nodes = shash_sort(&by_name);
    for (size_t i = 0; i < shash_count(&by_name); i++) {
        const struct owner *owner;

        chain = nodes[i]->data;
        owner = shash_find_data(owners, chain->name);
        for (size_t k = 0; k < chain->n_rules; k++) {
            const struct fw_rule *rule = &chain->rules[k];
            json_t *j;

            if (rule->match & FW_M_FOREIGN
                || (chain->builtin && !fw_rule_is_hook(rule))) {
                continue;       /* Somebody else's. */
            }
            j = report_rule_json(rule, family);
            json_object_set_new(j, "table", report_string(fw_table_name(id)));
            json_object_set_new(j, "chain", report_string(chain->name));
            json_object_set_new(j, "index", report_count(k));
            json_object_set_new(j, "port", owner && owner->port
                                ? report_id(&owner->port->id) : json_null());
            json_object_set_new(j, "device", owner && owner->port
                                ? report_string(owner->port->binding.device)
                                : json_null());
            json_object_set_new(j, "group", owner && owner->group
                                ? report_id(&owner->group->id)
                                : json_null());
            json_object_set_new(j, "direction", report_nullable(
                owner ? owner->direction : NULL));
            json_array_append_new(array, j);
        }
    }
    free(nodes);
    shash_destroy(&by_name);
}

json_t *
report_rule_json(const struct fw_rule *rule, enum sg_family family)
{
    struct ds text = DS_EMPTY_INITIALIZER;
    json_t *j = json_object();

    fw_rule_format(rule, family, &text);
    json_object_set_new(j, "family", report_string(sg_family_name(family)));
    json_object_set_new(j, "text", report_string(ds_cstr(&text)));
    json_object_set_new(j, "packets", report_count(rule->packets));
    json_object_set_new(j, "bytes", report_count(rule->bytes));
    json_object_set_new(j, "rule_id", report_id(&rule->origin));
    ds_destroy(&text);
    return j;
}

static json_t *
step_json(const struct fw_step *step)
{
    json_t *j = json_object();

    json_object_set_new(j, "phase", report_string(fw_phase_name(step->phase)));
    json_object_set_new(j, "kind", report_string(step_name(step->kind)));
    if (step->kind == FW_STEP_TABLE_COMMIT) {
        json_t *edits = json_array();

        for (size_t i = 0; i < step->n_edits; i++) {
            json_array_append_new(edits, report_edit_json(&step->edits[i],
                                                          step->family));
        }
        json_object_set_new(j, "family", report_string(
            sg_family_name(step->family)));
        json_object_set_new(j, "table", report_string(
            fw_table_name(step->table)));
        json_object_set_new(j, "edits", edits);
    } else {
        size_t n = MIN(step->members.n, MAX_LISTED_MEMBERS);
        json_t *members = json_array();

        for (size_t i = 0; i < n; i++) {
            json_array_append_new(members,
                                  report_prefix(&step->members.p[i]));
        }
        json_object_set_new(j, "family", report_string(
            sg_family_name(step->set.family)));
        json_object_set_new(j, "set", report_string(step->set.name));
        json_object_set_new(j, "n_members", report_count(step->members.n));
        json_object_set_new(j, "members", members);
    }
    return j;
}

json_t *
report_edit_json(const struct fw_edit *edit, enum sg_family family)
{
    bool has_rule = (edit->kind == FW_EDIT_INSERT
                     || edit->kind == FW_EDIT_REPLACE
                     || edit->kind == FW_EDIT_DELETE);
    json_t *j = (has_rule ? report_rule_json(&edit->rule, family)
                 : json_object());

    json_object_set_new(j, "kind", report_string(edit_name(edit->kind)));
    json_object_set_new(j, "chain", report_string(edit->chain));
    if (has_rule) {
        json_object_set_new(j, "index", report_count(edit->index));
    }
    return j;
}

static const char *
step_name(enum fw_step_kind kind)
{
    switch (kind) {
#define FW_STEP(ENUM, NAME) case FW_STEP_##ENUM: return NAME;
    FW_STEPS
#undef FW_STEP
    }
    OVS_NOT_REACHED();
}

static const char *
edit_name(enum fw_edit_kind kind)
{
    switch (kind) {
    case FW_EDIT_CHAIN_CREATE: return "create chain";
    case FW_EDIT_INSERT: return "insert";
    case FW_EDIT_REPLACE: return "replace";
    case FW_EDIT_DELETE: return "delete";
    case FW_EDIT_CHAIN_FLUSH: return "flush chain";
    case FW_EDIT_CHAIN_DELETE: return "delete chain";
    }
    OVS_NOT_REACHED();
}
