/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef AGENT_REPORT_TRACE_H
#define AGENT_REPORT_TRACE_H 1

/* A trace as a JSON document, with what else decides about a packet.  Pure. */

#include "agent/report.h"
#include "firewall/l2_view.h"
#include "firewall/trace.h"

struct report_trace {
    const struct fw_trace *trace;
    const char *guard;          /* "in place", "missing", "off". */
    enum l2_view view;          /* If it is in place. */
    bool has_view;
    const char *knob_problem;   /* Bridged packets do not pass the tables; or
                                 * NULL. */
};

/* "allowed", "denied" or "unknown". */
const char *report_trace_verdict(const struct report_trace *);
char *report_trace(const struct report_input *, const struct report_trace *);

#endif /* agent/report_trace.h */
