/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "agent/log_budget.h"

#include <limits.h>
#include <string.h>

#include "util.h"

#define LINE 1000
#define SAY_MS 1000

void
log_budget_init(struct log_budget *b, int64_t per_second, long long int now)
{
    memset(b, 0, sizeof *b);
    b->per_second = per_second;
    b->tokens = per_second * LINE;
    b->filled = now;
    b->say_at = LLONG_MIN;
}

bool
log_budget_take(struct log_budget *b, long long int now)
{
    /* A second fills it; more would only overflow. */
    long long int elapsed = MIN(MAX(now - b->filled, 0), 1000);

    b->filled = MAX(b->filled, now);
    b->tokens = MIN(b->tokens + elapsed * b->per_second,
                    b->per_second * LINE);
    if (b->tokens >= LINE) {
        b->tokens -= LINE;
        return true;
    }
    if (!b->suppressed++) {
        b->say_at = now + SAY_MS;
    }
    b->suppressed_total++;
    return false;
}

uint64_t
log_budget_say(struct log_budget *b, long long int now)
{
    uint64_t n = b->suppressed;

    if (!n || now < b->say_at) {
        return 0;
    }
    b->suppressed = 0;
    return n;
}
