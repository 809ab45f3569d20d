/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* What becomes of a packet, and why. */

#include <config.h>
#include "tools/output-private.h"

#include <stdlib.h>
#include <string.h>

#include "tools/columns.h"
#include "util.h"

static void show_rule(const json_t *rule, struct ds *);
static void show_guard(const json_t *guard, struct ds *);
static void show_needed(const json_t *document, struct ds *);
static void show_differences(const json_t *document, struct ds *);
static void show_steps(const json_t *steps, struct ds *);

void
show_trace(const json_t *d, const struct output_query *query OVS_UNUSED,
           struct ds *out)
{
    const json_t *packet = get(d, "packet");
    const json_t *intended = get(d, "intended");
    const json_t *notes = get(d, "notes");
    bool out_of_port = !strcmp(str(d, "direction"), "egress");

    put_value(out, "packet", "%s %s %s, %s", str(packet, "text"),
              out_of_port ? "from" : "to", str(d, "device"),
              str(packet, "state"));
    if (*str(packet, "mac")) {
        put_value(out, "", "source MAC address %s", str(packet, "mac"));
    }
    put_value(out, "verdict", "%s: %s", str(d, "verdict"), str(d, "why"));
    show_rule(get(d, "rule"), out);
    show_guard(get(d, "guard"), out);
    if (!is(d, "as_intended")) {
        put_value(out, "intended", "%s: %s", str(intended, "verdict"),
                  str(intended, "why"));
    }
    show_differences(d, out);
    show_needed(d, out);
    for (size_t i = 0; i < json_array_size(notes); i++) {
        put_value(out, i ? "" : "note", "%s",
                  json_string_value(json_array_get(notes, i)));
    }
    ds_put_char(out, '\n');
    show_steps(get(d, "steps"), out);
}

/* The rule that decided, and whose it is. */
static void
show_rule(const json_t *rule, struct ds *out)
{
    if (*str(rule, "rule_id")) {
        put_value(out, "rule", "%s of group %s", str(rule, "rule_id"),
                  str(rule, "group"));
    } else if (*str(rule, "group")) {
        put_value(out, "rule", "of group %s, but of no rule that it has",
                  str(rule, "group"));
    }
    if (*str(rule, "set")) {
        put_value(out, "members of", "%s, in set %s", str(rule, "members_of"),
                  str(rule, "set"));
    }
}

static void
show_guard(const json_t *guard, struct ds *out)
{
    put_value(out, "l2 guard", "%s%s%s%s", str(guard, "state"),
              *str(guard, "why") ? ", " : "",
              !*str(guard, "why") ? "" : is(guard, "passes") ? "passes: "
              : "drops: ", str(guard, "why"));
}

static void
show_needed(const json_t *d, struct ds *out)
{
    const json_t *list = get(d, "needed");
    size_t n = json_array_size(list);

    for (size_t i = 0; i < n; i++) {
        const json_t *rule = json_array_get(list, i);
        const char *id = str(rule, "rule_id");

        put_value(out, i ? "" : "needed", "%s%s%s", id, *id ? ": " : "",
                  str(rule, "needs"));
    }
    if (num(d, "needed_total") > (long long int) n) {
        put_value(out, "", "and %lld rules more that are further from it",
                  num(d, "needed_total") - (long long int) n);
    }
}

static void
show_differences(const json_t *d, struct ds *out)
{
    const json_t *list = get(d, "differences");
    size_t n = json_array_size(list);

    for (size_t i = 0; i < n; i++) {
        const json_t *edit = json_array_get(list, i);

        put_value(out, i ? "" : "not as meant", "%s: %s %s %s",
                  str(edit, "table"), str(edit, "kind"), str(edit, "chain"),
                  str(edit, "text"));
    }
    if (num(d, "differences_total") > (long long int) n) {
        put_value(out, "", "and %lld more in these chains",
                  num(d, "differences_total") - (long long int) n);
    }
    if (num(d, "differences_elsewhere")) {
        put_value(out, n ? "" : "not as meant", "%lld in other chains",
                  num(d, "differences_elsewhere"));
    }
}

static void
show_steps(const json_t *steps, struct ds *out)
{
    static const char *const headers[] = {
        "TABLE", "CHAIN", ">NR", "SECURITY GROUP RULE", "KERNEL RULE", NULL
    };
    struct columns columns;

    columns_init(&columns, headers);
    for (size_t i = 0; i < json_array_size(steps); i++) {
        const json_t *step = json_array_get(steps, i);

        columns_put(&columns, "%s", str(step, "table"));
        columns_put(&columns, "%s", str(step, "chain"));
        columns_put(&columns, "%lld", num(step, "index") + 1);
        columns_put(&columns, "%s", str(step, "rule_id"));
        columns_put(&columns, "%s", str(step, "text"));
    }
    columns_print(&columns, out);
    columns_uninit(&columns);
}
