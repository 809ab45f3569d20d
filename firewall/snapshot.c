/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* What is installed, for people: with counters and where it comes from, and
 * what a packet meets in it.  Nothing is written. */

#include <config.h>
#include "firewall/firewall.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "firewall/firewall-private.h"
#include "util.h"

typedef int read_func(struct fw_backend *, enum sg_family,
                      struct fw_ruleset **, char **text);

static read_func read_all;
static int look(struct firewall *, const struct sg_policy *, read_func *read,
                enum sg_family, struct fw_ruleset **actual,
                struct fw_ruleset **desired);
static void set_origins(struct fw_ruleset *actual,
                        const struct fw_ruleset *desired);
static int test_set(void *backend, const char *name,
                    const struct sg_prefix *address, bool *member);

int
firewall_snapshot(struct firewall *fw, const struct sg_policy *policy,
                  struct fw_ruleset **rsp)
{
    struct fw_ruleset *desired;
    int error = look(fw, policy, read_all, SG_IPV4, rsp, &desired);

    if (!error) {
        fw_ruleset_destroy(desired);
    }
    return error;
}

int
firewall_trace(struct firewall *fw, const struct sg_policy *policy,
               const struct fw_trace_query *query, struct fw_trace **tracep,
               char **why)
{
    struct fw_ruleset *actual, *desired;
    int error = look(fw, policy, fw_read_family, query->packet.family,
                     &actual, &desired);

    if (!error) {
        struct fw_trace_args args = {
            .policy = policy,
            .layout = &fw->layout,
            .installed = actual,
            .desired = desired,
            .test = test_set,
            .aux = fw->backend,
        };

        *why = fw_trace_create(&args, query, tracep);
        fw_ruleset_destroy(actual);
        fw_ruleset_destroy(desired);
    }
    return error;
}

static int
read_all(struct fw_backend *backend, enum sg_family family OVS_UNUSED,
         struct fw_ruleset **rsp, char **text)
{
    return fw_read_all(backend, rsp, text);
}

/* Reads, and renders what is to be there.  The sets that exist decide which
 * rules that is. */
static int
look(struct firewall *fw, const struct sg_policy *policy, read_func *read,
     enum sg_family family, struct fw_ruleset **actual,
     struct fw_ruleset **desired)
{
    char *text = NULL;
    int error = fw->backend->class->begin(fw->backend);

    if (error) {
        fw->stats.lock_busy += error == EAGAIN;
        return error;
    }
    error = read(fw->backend, family, actual, &text);
    fw->backend->class->end(fw->backend);
    free(text);
    if (error) {
        return error;
    }

    struct fw_slots *slots = fw_slots_clone(fw->slots);
    prospect_keep_sets(*actual, slots);
    *desired = fw_render(policy, &fw->layout, slots, NULL);
    fw_slots_destroy(slots);
    set_origins(*actual, *desired);
    return 0;
}

static int
test_set(void *backend_, const char *name, const struct sg_prefix *address,
         bool *member)
{
    struct fw_backend *backend = backend_;
    struct fw_set_form form = { .family = address->family };
    struct fw_set set;

    memset(&set, 0, sizeof set);
    ovs_strzcpy(set.name, name, sizeof set.name);
    fw_set_kind(name, &form);
    set.family = form.family;
    set.content = form.content;
    return backend->class->set_test(backend, &set, address, member);
}

/* Nearly always all rules are there, in this order: each is looked for behind
 * the one before. */
static void
set_chain_origins(struct fw_chain *actual, const struct fw_chain *desired)
{
    size_t j = 0;

    for (size_t i = 0; i < actual->n_rules; i++) {
        for (size_t n = 0; n < desired->n_rules; n++) {
            const struct fw_rule *rule = &desired->rules[j];

            j = (j + 1) % desired->n_rules;
            if (fw_rule_equals(&actual->rules[i], rule)) {
                actual->rules[i].origin = rule->origin;
                break;
            }
        }
    }
}

/* The kernel does not know which security-group rule a rule comes from, nor
 * the group of a set. */
static void
set_origins(struct fw_ruleset *actual, const struct fw_ruleset *desired)
{
    struct fw_set *set;

    for (size_t f = 0; f < SG_N_FAMILIES; f++) {
        const struct fw_table *table = &desired->tables[f][FW_SECURITY];
        struct fw_chain *chain;

        HMAP_FOR_EACH (chain, node, &actual->tables[f][FW_SECURITY].chains) {
            const struct fw_chain *other = fw_table_find(table, chain->name);
            if (other && fw_chain_kind(chain->name) == FW_NAME_GROUP) {
                set_chain_origins(chain, other);
            }
        }
    }
    HMAP_FOR_EACH (set, node, &actual->sets) {
        const struct fw_set *other = fw_ruleset_find_set(desired, set->name);
        if (other) {
            set->group = other->group;
        }
    }
}
