/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef TESTS_LIB_STORE_FIXTURE_H
#define TESTS_LIB_STORE_FIXTURE_H 1

/* A policy store with narrow limits that is told and asked in text.
 * Statements are those of update-text.h, names those of policy-text.h.  Each
 * check fails the test if the store says something else. */

#include "agent/policy_store.h"

/* When updates arrive, in ms; sf_create() sets it to 1000. */
extern long long int sf_now;

/* 10 members, 6 rules per port, 5 groups, 3 ports and 25 entries of sets;
 * goes with policy_store_destroy(). */
struct policy_store *sf_create(const char *ports);
/* "p1 p2": p1 is plugged as "tap-p1". */
void sf_set_local(struct policy_store *, const char *ports);

/* Applies 'text' and returns what came of it, as text that stays until the
 * next call. */
const char *sf_apply(struct policy_store *, const char *text);
#define ACCEPTED(N) "accepted=" #N " old=0 gap=0 ignored=0 refused=0"
#define OLD "accepted=0 old=1 gap=0 ignored=0 refused=0"
#define IGNORED "accepted=0 old=0 gap=0 ignored=1 refused=0"
#define REFUSED "accepted=0 old=0 gap=0 ignored=0 refused=1"

/* All that p1 needs: of g1 its rules and members, of g2 its members. */
#define ONE_PORT \
    "port p1 rev=1 groups=g1; rules g1 rev=1 remote=g1,g2;" \
    "members g1 rev=1 +1; members g2 rev=1 +2 +3"

/* What is needed, or held: "port:p1@3 rules:g1@2 members:g2@0". */
void sf_check_needs(const struct policy_store *, bool held,
                    const char *expected);
/* Takes the changes: "g1 +10.0.0.1 -10.0.0.2 sent=5". */
void sf_check_changes(struct policy_store *, const char *expected);
/* Takes what is dirty: "tap-p1 g1 sent=5", or "-" if nothing is. */
void sf_check_dirty(struct policy_store *, const char *expected);
/* "known@1 lingers since 1000: PROBLEM", or "none". */
void sf_check_object(const struct policy_store *, enum sg_kind,
                     const char *name, const char *expected);
/* Of a group; 0 if the policy does not have it. */
size_t sf_n_members(const struct policy_store *, const char *group);
uint64_t sf_generation(const struct policy_store *);

#endif /* tests/lib/store-fixture.h */
