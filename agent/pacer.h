/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef AGENT_PACER_H
#define AGENT_PACER_H 1

/* When to apply a structure change.  Pure: a clock is handed in.
 *
 *   - After the first change, some tens of milliseconds are gathered, counted
 *     from that first one, so that a stream of changes cannot delay it.
 *   - A failure is tried again after 100 ms, 200 ms ... up to a maximum, with
 *     jitter of +-25 %; new changes do not shorten that wait.
 *   - pacer_now() asks for an apply without gathering and without waiting for
 *     the back-off; the back-off goes on growing if it fails again.
 *   - What was refused is tried again after the same times, but this delays
 *     no change.
 *   - A refresh is due some time after the last success.
 *
 *     if (now >= pacer_next(p)) {
 *         int error = apply();
 *         pacer_result(p, error ? PACER_FAILED : PACER_DONE, now);
 *     }
 */

#include "sg/types.h"

#define PACER_BACKOFF_MIN_MS 100

struct pacer_config {
    int gather_ms;
    int backoff_max_ms;
    int refresh_ms;             /* 0: never. */
    uint32_t seed;              /* Of the jitter. */
};

struct pacer;
struct pacer *pacer_create(const struct pacer_config *);
void pacer_destroy(struct pacer *);

/* Something changed. */
void pacer_dirty(struct pacer *, long long int now);
/* Apply as soon as possible. */
void pacer_now(struct pacer *, long long int now);
/* When the next apply is due (ms), LLONG_MAX if none is. */
long long int pacer_next(const struct pacer *);
enum pacer_outcome {
    PACER_DONE,
    PACER_PARTLY,               /* Done but for what was refused. */
    PACER_FAILED,
};
/* How an apply ended that began at or after the last pacer_dirty(). */
void pacer_result(struct pacer *, enum pacer_outcome, long long int now);

/* Is a change waiting to be applied? */
bool pacer_is_dirty(const struct pacer *);
/* Failures in a row, partial successes not among them. */
unsigned int pacer_failures(const struct pacer *);

#endif /* agent/pacer.h */
