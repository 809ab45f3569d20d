/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "agent/loop_watch.h"

#include <string.h>

#include "util.h"

const char *
loop_step_name(enum loop_step step)
{
    switch (step) {
#define LOOP_STEP(ENUM, NAME) case LOOP_##ENUM: return NAME;
    LOOP_STEPS
#undef LOOP_STEP
    case LOOP_N_STEPS: break;
    }
    OVS_NOT_REACHED();
}

void
loop_watch_init(struct loop_watch *w)
{
    memset(w, 0, sizeof *w);
}

void
loop_watch_reset(struct loop_watch *w)
{
    memset(&w->longest, 0, sizeof w->longest);
    w->n_long = 0;
}

void
loop_watch_begin(struct loop_watch *w, int64_t now_us)
{
    w->began = w->last = now_us;
    w->longest_step = LOOP_RECOVER;
    w->longest_step_us = 0;
}

void
loop_watch_step(struct loop_watch *w, enum loop_step step, int64_t now_us)
{
    if (now_us - w->last > w->longest_step_us) {
        w->longest_step = step;
        w->longest_step_us = now_us - w->last;
    }
    w->last = now_us;
}

int64_t
loop_watch_elapsed(const struct loop_watch *w, int64_t now_us)
{
    return now_us - w->began;
}

bool
loop_watch_wants_delay(const struct loop_watch *w)
{
    return !w->delay_read || w->began - w->delay_read >= LOOP_DELAY_AGE_US;
}

void
loop_watch_note_delay(struct loop_watch *w, int64_t delay_us, int64_t now_us)
{
    w->delay = delay_us;
    w->delay_read = now_us;
}

int64_t
loop_watch_end(struct loop_watch *w, int64_t delay_us, int64_t now_us,
               long long int now)
{
    int64_t wall = MAX(now_us - w->began, 0);
    int64_t us = wall;

    if (delay_us >= 0) {
        us = MAX(wall - MAX(delay_us - w->delay, 0), 0);
        loop_watch_note_delay(w, delay_us, now_us);
    }
    w->turns++;
    w->n_long += us > LOOP_LONG_US;
    if (us > w->longest.us) {
        w->longest = (struct loop_turn) {
            .us = us, .wall_us = wall, .longest = w->longest_step, .at = now,
        };
    }
    return us;
}
