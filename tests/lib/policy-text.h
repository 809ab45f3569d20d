/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef TESTS_LIB_POLICY_TEXT_H
#define TESTS_LIB_POLICY_TEXT_H 1

/* A policy from a few lines of text, for tests of what is made of it.
 *
 *   layout [bridge=qbr] [uplink=qvb] [host_input] [host_output]
 *   port p1 [STATE] [PLUG] device=tap1 bridge=qbr1 uplink=qvb1 zone=1
 *        mac=52:54:00:00:00:01 [ip=ADDR]... [pair=PREFIX@MAC]...
 *        [group=g1]... [trusted] [unprotected]
 *   rules g1 [STATE] [stateless]
 *   rule ingress|egress IPv4|IPv6 [id=r1] [proto=N] [ports=A-B]
 *        [sports=A-B] [type=N] [code=N] [prefix=PREFIX] [group=g2]
 *        [address-group=a1]
 *   members g1 [STATE] [ADDR|PREFIX]...
 *   slot g1 IPv4 [nets] b
 *   keep g1 IPv4                    (the set for prefixes, without any)
 *
 * A line may be continued by lines that begin with a blank; '#' begins a
 * comment.  A `rule` belongs to the `rules` before it; without an id it is
 * r1, r2 and so on over the whole text.  STATE and PLUG are those of
 * sg/policy.h, by default known and hybrid.  An id is a letter and a number,
 * standing for a fixed UUID.  Values are checked as little as the policy
 * checks them: a test may want a bad one. */

#include "firewall/render.h"

struct policy_text {
    struct sg_policy policy;
    struct fw_layout layout;
    struct fw_slots *slots;
};

/* Fails the test program's process on a syntax error: a test's own text is
 * right or the test is wrong. */
void policy_text_init(struct policy_text *, const char *text);
void policy_text_uninit(struct policy_text *);

/* The UUID of "g1". */
struct uuid policy_text_id(const char *);
struct sg_prefix policy_text_prefix(const char *);
struct sg_group *policy_text_group(struct policy_text *, const char *id);

#endif /* tests/lib/policy-text.h */
