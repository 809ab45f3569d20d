/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef TESTS_LIB_UPDATE_TEXT_H
#define TESTS_LIB_UPDATE_TEXT_H 1

/* A decoded message from one line of text, for tests of what is done with it.
 * Statements are separated by ';':
 *
 *   epoch=MS  sent=MS  same  want_have  page=N  next=TOKEN  seq=N  more
 *   entry=KIND:ID:REV  ack=TEXT  boot=TEXT  duplicate_host
 *   digest=KIND:ID:REV,...    the digest of these, or digest=none
 *   port ID rev=N [groups=g1,g2] [ip=ADDR]... [pair=PREFIX]... [trusted]
 *        [unprotected] [refused]
 *   rules ID rev=N [n=COUNT] [v=VARIANT] [remote=g1,g2] [stateless] [refused]
 *   members ID rev=N [prev=N] [part=K/N] [+MEMBER]... [-MEMBER]...
 *   deleted KIND ID rev=N    unknown KIND ID    bad KIND ID rev=N
 *   ref KIND ID
 *
 * IDs are those of policy-text.h.  A rule list has COUNT rules to anywhere
 * (with ports that depend on VARIANT) and one for each remote.  `members`
 * without `prev` is a whole list; MEMBER is a prefix, or N for 10.0.0.N. */

#include "sg/update.h"

/* Ends the process on a syntax error: the test is wrong. */
void update_text_parse(struct sg_update *, enum sg_method, const char *text);
struct sg_prefix update_text_member(const char *);
/* "g1" for the UUID of policy_text_id("g1"). */
const char *update_text_name(const struct uuid *, char buf[16]);

#endif /* tests/lib/update-text.h */
