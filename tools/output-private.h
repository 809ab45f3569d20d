/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef TOOLS_OUTPUT_PRIVATE_H
#define TOOLS_OUTPUT_PRIVATE_H 1

/* The inside of output.c, for its files: looking into documents, lines of
 * text, and what shows the documents about the kernel. */

#include <jansson.h>

#include "openvswitch/compiler.h"
#include "tools/output.h"

/* Looking into documents.  What is missing is empty, 0 or false. */

static inline const json_t *
get(const json_t *j, const char *key)
{
    return json_object_get(j, key);
}

static inline const char *
str(const json_t *j, const char *key)
{
    const char *text = json_string_value(get(j, key));

    return text ? text : "";
}

static inline long long int
num(const json_t *j, const char *key)
{
    return json_integer_value(get(j, key));
}

static inline bool
is(const json_t *j, const char *key)
{
    return json_is_true(get(j, key));
}

/* The texts of a list; malloc'd. */
char *join(const json_t *list);
/* "12 s ago" from milliseconds; malloc'd. */
char *age(const json_t *j, const char *key);

/* A line of its own; 'label' may be empty. */
void put_value(struct ds *, const char *label, const char *format, ...)
    OVS_PRINTF_FORMAT(3, 4);
/* What was left out of an object. */
void put_refused(struct ds *, const json_t *list);

typedef void show_func(const json_t *document, const struct output_query *,
                       struct ds *);
show_func show_sets, show_rules, show_plan;

#endif /* tools/output-private.h */
