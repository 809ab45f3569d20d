/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef RPC_SILENCE_H
#define RPC_SILENCE_H 1

/* Has a peer been silent for so long that it must be gone?
 *
 * Only the time in which we could have heard something counts: not while
 * nobody reads from the connection, and not while this process, or all of the
 * machine, did not run.  The owner looks at the connection before it asks.
 *
 * Times are milliseconds of one clock.  Pure. */

#include <stdbool.h>

struct silence {
    int limit_ms;               /* 0: never. */
    long long int since;        /* Beginning of the silence. */
};

/* A thread that wakes up this much later than it asked for has not run. */
#define SILENCE_STALL_MS 1000

static inline void
silence_init(struct silence *s, int limit_ms, long long int now)
{
    s->limit_ms = limit_ms;
    s->since = now;
}

/* Something has been heard, or nobody listens at present. */
static inline void
silence_broken(struct silence *s, long long int now)
{
    s->since = now;
}

/* The owner has slept until 'now' and had asked to be woken at 'wake_at'. */
static inline void
silence_slept(struct silence *s, long long int wake_at, long long int now)
{
    if (now - wake_at > SILENCE_STALL_MS) {
        s->since += now - wake_at;
    }
}

static inline bool
silence_is_over(const struct silence *s, long long int now)
{
    return s->limit_ms && now - s->since > s->limit_ms;
}

#endif /* rpc/silence.h */
