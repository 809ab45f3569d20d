/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Lines of text from the agent's documents. */

#include <config.h>
#include "tools/output-private.h"

#include <stdarg.h>
#include <stdlib.h>

#include "tools/columns.h"
#include "util.h"

/* Width of the names of single values. */
#define LABEL_WIDTH 14

void
put_value(struct ds *out, const char *label, const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = xvasprintf(format, args);
    va_end(args);
    ds_put_format(out, "%-*s", LABEL_WIDTH, label);
    columns_put_safe(out, text, COLUMNS_ONE_LINE);
    ds_chomp(out, ' ');
    ds_put_char(out, '\n');
    free(text);
}

void
put_refused(struct ds *out, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *refused = json_array_get(list, i);

        put_value(out, i ? "" : "left out", "%s: %s", str(refused, "what"),
                  str(refused, "reason"));
    }
}

char *
join(const json_t *list)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));

        ds_put_format(&ds, "%s%s", i ? ", " : "", text ? text : "");
    }
    return ds_steal_cstr(&ds);
}

char *
age(const json_t *j, const char *key)
{
    long long int ms = num(j, key);

    if (!json_is_integer(get(j, key))) {
        return xstrdup("never");
    }
    return (ms < 1000 ? xasprintf("%lld ms ago", ms)
            : ms < 120 * 1000 ? xasprintf("%lld.%lld s ago", ms / 1000,
                                          ms % 1000 / 100)
            : ms < 2 * 3600 * 1000LL ? xasprintf("%lld min ago", ms / 60000)
            : xasprintf("%lld h ago", ms / 3600000));
}
