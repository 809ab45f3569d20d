/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef TOOLS_TRACE_ARGS_H
#define TOOLS_TRACE_ARGS_H 1

/* What `sgctl trace` is given, as words of the agent's command sg/trace.
 *
 * Pure.  An end of the packet is an address, with ":PORT" if the protocol has
 * ports (an IPv6 address then stands in brackets); "self" is the
 * port's own address. */

#include "sg/types.h"

struct svec;

struct trace_args {
    const char *port, *direction, *protocol, *source, *destination;
    const char *mac, *icmp_type, *icmp_code, *state;    /* Or NULL. */
};

/* Appends the words; or returns a malloc'd sentence: the usage is wrong. */
char *trace_args_to_words(const struct trace_args *, struct svec *words)
    SG_MUST_USE;

#endif /* tools/trace_args.h */
