/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The documents about what is, or would be, in the kernel. */

#include <config.h>
#include "tools/output-private.h"

#include <stdlib.h>

#include "openvswitch/shash.h"
#include "tools/columns.h"
#include "util.h"

void
show_sets(const json_t *d, const struct output_query *query OVS_UNUSED,
          struct ds *out)
{
    static const char *const headers[] = {
        "SET", "FAMILY", "GROUP", ">MEMBERS", ">EXPECTED", ">MAXELEM",
        ">REFERENCES", "NOTE", NULL
    };
    const json_t *list = get(d, "sets");
    struct columns columns;

    columns_init(&columns, headers);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *set = json_array_get(list, i);
        const json_t *expected = get(set, "policy_members");

        columns_put(&columns, "%s", str(set, "name"));
        columns_put(&columns, "%s", str(set, "family"));
        columns_put(&columns, "%s", str(set, "group"));
        columns_put(&columns, "%lld", num(set, "members"));
        if (json_is_integer(expected)) {
            columns_put(&columns, "%"JSON_INTEGER_FORMAT,
                        json_integer_value(expected));
        } else {
            columns_put(&columns, "%s", "");
        }
        columns_put(&columns, "%lld", num(set, "maxelem"));
        columns_put(&columns, "%lld", num(set, "references"));
        columns_put(&columns, "%s", is(set, "foreign_type")
                    ? "of a type that is not ours"
                    : json_is_integer(expected) ? ""
                    : "of no group that is known");
    }
    columns_print(&columns, out);
    columns_uninit(&columns);
}

void
show_rules(const json_t *d, const struct output_query *query OVS_UNUSED,
           struct ds *out)
{
    static const char *const headers[] = {
        "FAMILY", "TABLE", "CHAIN", ">NR", ">PACKETS", ">BYTES",
        "SECURITY GROUP RULE", "KERNEL RULE", NULL
    };
    const json_t *list = get(d, "rules");
    struct columns columns;

    columns_init(&columns, headers);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *rule = json_array_get(list, i);

        columns_put(&columns, "%s", str(rule, "family"));
        columns_put(&columns, "%s", str(rule, "table"));
        columns_put(&columns, "%s", str(rule, "chain"));
        columns_put(&columns, "%lld", num(rule, "index") + 1);
        columns_put(&columns, "%lld", num(rule, "packets"));
        columns_put(&columns, "%lld", num(rule, "bytes"));
        columns_put(&columns, "%s", str(rule, "rule_id"));
        columns_put(&columns, "%s", str(rule, "text"));
    }
    columns_print(&columns, out);
    columns_uninit(&columns);
}

void
show_plan(const json_t *d, const struct output_query *query OVS_UNUSED,
          struct ds *out)
{
    if (is(d, "empty")) {
        ds_put_cstr(out, "nothing would change\n");
    } else {
        columns_put_safe(out, str(d, "text"), COLUMNS_KEEP_LINES);
    }
}

/* ## Counters ## */

static void
add_to(json_t *sum, const json_t *rule, const char *key)
{
    json_object_set_new(sum, key, json_integer(num(sum, key)
                                               + num(rule, key)));
}

/* The sum that a rule belongs to, made if need be.  What stands in a group's
 * chain, but comes from no rule that it has now, is summed up by group. */
static json_t *
find_sum(json_t *sums, struct shash *index, const json_t *rule)
{
    char *key = xasprintf("%s %s %s %s", str(rule, "rule_id"),
                          str(rule, "group"), str(rule, "direction"),
                          str(rule, "family"));
    json_t *sum = shash_find_data(index, key);

    if (!sum) {
        sum = json_pack("{s:O?, s:O?, s:O?, s:O?}",
                        "rule_id", get(rule, "rule_id"),
                        "group", get(rule, "group"),
                        "direction", get(rule, "direction"),
                        "family", get(rule, "family"));
        json_array_append_new(sums, sum);
        shash_add(index, key, sum);
    }
    free(key);
    return sum;
}

json_t *
sum_counters(const json_t *rules)
{
    struct shash index = SHASH_INITIALIZER(&index);
    json_t *sums = json_array();

    for (size_t i = 0; i < json_array_size(rules); i++) {
        const json_t *rule = json_array_get(rules, i);

        if (*str(rule, "group")) {
            json_t *sum = find_sum(sums, &index, rule);

            add_to(sum, rule, "packets");
            add_to(sum, rule, "bytes");
            json_object_set_new(sum, "kernel_rules", json_integer(
                num(sum, "kernel_rules") + 1));
        }
    }
    shash_destroy(&index);
    return sums;
}

void
show_counters(const json_t *d, struct ds *out)
{
    static const char *const headers[] = {
        "SECURITY GROUP RULE", "GROUP", "DIRECTION", "FAMILY", ">PACKETS",
        ">BYTES", ">KERNEL RULES", NULL
    };
    const json_t *list = get(d, "counters");
    struct columns columns;

    columns_init(&columns, headers);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *sum = json_array_get(list, i);

        columns_put(&columns, "%s", str(sum, "rule_id"));
        columns_put(&columns, "%s", str(sum, "group"));
        columns_put(&columns, "%s", str(sum, "direction"));
        columns_put(&columns, "%s", str(sum, "family"));
        columns_put(&columns, "%lld", num(sum, "packets"));
        columns_put(&columns, "%lld", num(sum, "bytes"));
        columns_put(&columns, "%lld", num(sum, "kernel_rules"));
    }
    columns_print(&columns, out);
    columns_uninit(&columns);
}
