/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef TESTS_LIB_TRACE_FIXTURE_H
#define TESTS_LIB_TRACE_FIXTURE_H 1

/* Traces of what is installed in the model kernel: ports to ask about, and
 * questions as text, in the words of agent/trace_query.h. */

#include "firewall/trace.h"
#include "tests/lib/firewall-fixture.h"

/* p1 is filtered, p2 trusted, p3 closed, and p4 has no device. */
#define WORLD                                                               \
    "port p1 device=tap1 bridge=qbr1 uplink=qvb1 zone=1 "                   \
    "mac=52:54:00:00:00:01 ip=10.0.0.1 ip=2001:db8::1 "                     \
    "pair=10.8.0.0/24@52:54:00:00:00:09 group=g1\n"                         \
    "port p2 device=tap2 bridge=qbr2 uplink=qvb2 zone=2 "                   \
    "mac=52:54:00:00:00:02 ip=10.0.0.2 group=g1 trusted\n"                  \
    "port p3 deleted device=tap3 bridge=qbr3 uplink=qvb3 zone=3 "           \
    "mac=52:54:00:00:00:03 ip=10.0.0.3 group=g1\n"                          \
    "port p4 no_device mac=52:54:00:00:00:04 ip=10.0.0.4 group=g1\n"        \
    "rules g1\n"                                                            \
    "rule ingress IPv4 id=r1 proto=6 ports=80-89 prefix=192.0.2.0/24\n"     \
    "rule ingress IPv4 id=r2 proto=17 ports=53-53 group=g1\n"               \
    "rule ingress IPv4 id=r3 proto=1 type=8 code=0\n"                       \
    "rule egress IPv4 id=r4 proto=6\n"                                      \
    "rule egress IPv6 id=r5\n"                                              \
    "members g1 10.0.0.1 10.0.0.9\n"

/* A question or a trace that is not refused; else the test at 'line' fails.
 * The caller destroys the trace. */
struct fw_trace_query tf_query_at(struct fwf *f, const char *text,
                                  const char *file, int line);
struct fw_trace *tf_trace_at(struct fwf *f, const char *text,
                             const char *file, int line);
#define TRACE(F, TEXT) tf_trace_at(F, TEXT, __FILE__, __LINE__)

/* "allowed rule r1", "denied no_rule"; malloc'd. */
char *tf_summary(const struct fw_trace *);

#endif /* tests/lib/trace-fixture.h */
