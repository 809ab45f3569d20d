/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef TESTS_LIB_REVOKE_FIXTURE_H
#define TESTS_LIB_REVOKE_FIXTURE_H 1

/* The scheduler of revocations with a policy from text, a clock and a table of
 * flows of the test's own. */

#include "agent/revoke.h"
#include "tests/lib/policy-text.h"

/* Of the mark. */
#define BIT (UINT32_C(1) << 31)

#define PORT(N, GROUPS)                                                 \
    "port p" #N " device=tap" #N " bridge=qbr" #N " uplink=qvb" #N      \
    " zone=" #N " mac=52:54:00:00:00:0" #N " ip=10.0.0." #N             \
    " ip=2001:db8::" #N " " GROUPS "\n"
#define OUT "rule egress IPv4\nrule egress IPv6\n"
#define FROM_G2 "rule ingress IPv4 proto=17 ports=53-53 group=g2\n"
#define PORTS PORT(1, "group=g1") PORT(2, "group=g3")
#define BEFORE PORTS "rules g1\n" OUT FROM_G2 "rules g3\n" OUT          \
    "members g2 10.0.0.8 10.0.0.9\n"

/* Of the config: by parts, or the whole table in one look.  It stays as the
 * last test has set it. */
extern size_t rvf_few_flows;

#define TEST_BOTH_WAYS(NAME)                            \
    static void NAME##_either_way(void);                \
    TEST(NAME)                                          \
    {                                                   \
        rvf_few_flows = 0;                              \
        NAME##_either_way();                            \
    }                                                   \
    TEST(NAME##_in_one_look)                            \
    {                                                   \
        rvf_few_flows = REVOKE_FEW_FLOWS;               \
        NAME##_either_way();                            \
    }                                                   \
    static void NAME##_either_way(void)

struct rvf {
    struct revoke *r;
    struct policy_text pt;
    struct flow_table *table;
    long long int now;
    uint64_t generation;
    struct revoke_result result;        /* Of the last pass. */
    int n_passes;
    bool unfiltered;            /* For rvf_start(). */
};

/* The policy is BEFORE; started: the look at everything is over; begun: both,
 * and nothing to be found at the start. */
void rvf_init(struct rvf *, bool keep);
void rvf_start(struct rvf *);
void rvf_begin(struct rvf *, bool keep);
void rvf_uninit(struct rvf *);

/* A policy of the next generation; the scheduler is not told. */
void rvf_set_policy(struct rvf *, const char *text);
/* It is told: of the rules of a group, of a port, of a member of g2. */
void rvf_note_groups(struct rvf *, const char *group);
void rvf_note_device(struct rvf *, const char *device);
void rvf_note_member(struct rvf *, const char *address, bool added);
/* Up to these generations. */
void rvf_in_force(struct rvf *, uint64_t rules, uint64_t deletions);

/* One turn of the loop, in which everything is in force: true if there was a
 * pass, which took 'cpu_us' and failed if 'error'. */
bool rvf_turn(struct rvf *, int64_t cpu_us, int error);
/* Turns until there is a pass, for at most 'ms', or a second with no more in
 * force than that; how long it took, or -1. */
long long int rvf_wait_pass(struct rvf *, long long int ms);
long long int rvf_wait_in_force(struct rvf *, uint64_t rules,
                                uint64_t deletions);

/* A flow; as the tracking has it if its server was heard first; and as the
 * kernel has one of DCCP: without ports. */
struct flow_tuple rvf_udp(const char *src, const char *dst, uint16_t dport);
struct flow_tuple rvf_answer(const char *src, const char *dst,
                             uint16_t sport);
struct flow_tuple rvf_dccp(const char *src, const char *dst);

/* Into the table, and of UDP. */
void rvf_add_tuple(struct rvf *, uint16_t zone, struct flow_tuple orig);
void rvf_add_flow(struct rvf *, uint16_t zone, const char *src,
                  const char *dst, uint16_t dport);
/* 12345 if the table does not have it. */
uint32_t rvf_mark_of_tuple(struct rvf *, uint16_t zone,
                           struct flow_tuple orig);
uint32_t rvf_mark_of(struct rvf *, uint16_t zone, const char *src,
                     const char *dst, uint16_t dport);

#endif /* tests/lib/revoke-fixture.h */
