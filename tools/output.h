/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef TOOLS_OUTPUT_H
#define TOOLS_OUTPUT_H 1

/* The agent's documents (agent/report.h) as an operator wants to see them.
 *
 * Pure: a document as text in, text out.  A document may come from a newer or
 * an older agent: keys that are missing show as "-", keys that are not known
 * are left to --json. */

#include <stdbool.h>
#include "openvswitch/dynamic-string.h"
#include "sg/types.h"

enum output_kind {
    OUTPUT_STATUS,
    OUTPUT_PORTS,
    OUTPUT_GROUPS,
    OUTPUT_SETS,
    OUTPUT_RULES,
    OUTPUT_TRACE,
    OUTPUT_PLAN,
    OUTPUT_RESYNC,
    OUTPUT_ENFORCE,
    OUTPUT_WAIT,
    OUTPUT_LIMITS,
    OUTPUT_METRICS,
    OUTPUT_LATENCY,
    OUTPUT_LOOP,
    OUTPUT_VERSION,
};

/* What is asked for; the empty query is everything. */
struct output_query {
    enum output_kind kind;
    /* Only these ports, groups or sets: a device, a name, or the beginning of
     * an id.  For rules: those that decide about this port. */
    const char *id;
    const char *family;         /* Rules: "IPv4" or "IPv6". */
    bool counters;              /* Rules: summed up by security-group rule. */
    bool json;
};

/* Appends to 'out' what 'document' says; '*good' becomes false if that is not
 * as it should be (exit status 1).  Refuses a document that is none, and an
 * 'id' that is not in it. */
char *output_format(const char *document, const struct output_query *,
                    struct ds *out, bool *good) SG_MUST_USE;

#endif /* tools/output.h */
