/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef AGENT_LOG_BUDGET_H
#define AGENT_LOG_BUDGET_H 1

/* How many log lines others may cause: one budget for all lines that repeat
 * what came over the wire, however many kinds of them there are.
 *
 * Pure: the clock is handed in (milliseconds), which is what Open vSwitch's
 * token bucket does not let us do.  Whoever may not log is counted, and the
 * count is said once, in a line of its own, when the flood is over or after a
 * second of it.  An embedded object without anything to free. */

#include <stdbool.h>
#include <stdint.h>

struct log_budget {
    int64_t per_second;
    int64_t tokens;             /* Thousandths of a line. */
    long long int filled;       /* When they were last added to. */
    uint64_t suppressed;        /* Since it was last said. */
    uint64_t suppressed_total;
    long long int say_at;
};

/* Starts with a full second. */
void log_budget_init(struct log_budget *, int64_t per_second,
                     long long int now);
/* May a line be logged?  If not, it is counted. */
bool log_budget_take(struct log_budget *, long long int now);
/* How many lines were suppressed, if that is to be said now: then the count
 * begins anew.  To be called about once a second; else 0. */
uint64_t log_budget_say(struct log_budget *, long long int now);

#endif /* agent/log_budget.h */
