/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef PROBER_ACCOUNT_H
#define PROBER_ACCOUNT_H 1

/* What became of each packet of one flow, and whether it should have.
 *
 * Times are microseconds since the start of the run and never go back.  No
 * sockets, no clock: the values come in, the verdict goes out. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum expectation { EXPECT_ANY, EXPECT_ALLOWED, EXPECT_DENIED };

/* "any", "allowed", "denied". */
bool expectation_from_string(const char *, enum expectation *);

struct account_packet {
    uint32_t sent_us;
    uint32_t delay_us;          /* Until received; 0: not received. */
};

struct account_event {
    int64_t at_us;
    enum expectation expectation;
};

struct account {
    struct account_packet *packets;     /* Indexed by sequence number. */
    size_t allocated;
    uint64_t n_sent, n_received, n_duplicates;
    int64_t first_received_us;  /* Since "any" was last expected, or -1. */
    int64_t last_received_us;   /* Or -1. */
    struct account_event *events;       /* In order; before the first: any. */
    size_t n_events;
};

/* Consecutive packets with the same fate. */
struct run {
    uint64_t first, count;
    int64_t from_us, to_us;     /* Sent. */
};

enum { MAX_RUNS = 64 };         /* Listed; all are counted. */

struct runs {
    struct run list[MAX_RUNS];
    size_t n;
};

struct verdict {
    uint64_t allowed, lost;     /* Judged as allowed; of those, lost. */
    uint64_t denied, leaked;
    uint64_t unjudged;
    struct runs lost_runs, leaked_runs;
    uint32_t p50_us, p99_us, max_us;    /* Delay of the received ones. */
};

void account_init(struct account *);

/* The next packet left at 'now'. */
void account_sent(struct account *, int64_t now);

/* Packet 'seq' arrived at 'now'; false if it was never sent. */
bool account_received(struct account *, uint64_t seq, int64_t now);

/* From 'now' on packets are expected to fare so. */
void account_expect(struct account *, int64_t now, enum expectation);

/* Judges all packets, except those of the last 'guard_us' before an
 * expectation ends. */
void account_judge(const struct account *, int64_t guard_us,
                   struct verdict *);
/* The same for the packets sent before 'until_us', while the run goes on;
 * does not look at delays. */
void account_judge_until(const struct account *, int64_t guard_us,
                         int64_t until_us, struct verdict *);

/* Prints the members of a JSON object, without its braces. */
void verdict_print(const struct verdict *);

#endif /* tests/lib/prober-account.h */
