/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef AGENT_TRACE_QUERY_H
#define AGENT_TRACE_QUERY_H 1

/* What a `trace` is asked about, from the words of the command.  Pure.
 *
 *   PORT in|out KEY=VALUE...
 *
 * PORT is a device, an interface or the beginning of an id.  Keys: proto (a
 * name or a number), src, dst, sport, dport, type, code, mac, state.  What is
 * left out: the port's own end is its first address of the family and the MAC
 * address that goes with it; a source port is TRACE_SPORT, an ICMP message an
 * echo request, a state "new". */

#include "firewall/trace.h"

/* An ephemeral one. */
#define TRACE_SPORT 49152
#define TRACE_MAX_WORDS 12

/* Returns NULL and fills in '*query', or a malloc'd sentence. */
char *trace_query_parse(const struct sg_policy *, int n, const char *words[],
                        struct fw_trace_query *query) SG_MUST_USE;

#endif /* agent/trace_query.h */
