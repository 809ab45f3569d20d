/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The documents about what is, or would be, in the kernel. */

#include <config.h>
#include "tools/output-private.h"

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
