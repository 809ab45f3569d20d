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
    w->turns = 0;
    w->skip = true;
}

void
loop_watch_begin(struct loop_watch *w, int64_t now_us)
{
    w->skip = false;
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
loop_watch_wants_thread(const struct loop_watch *w)
{
    return !w->thread_read || w->began - w->thread_read >= LOOP_THREAD_AGE_US;
}

void
loop_watch_note_thread(struct loop_watch *w, const struct loop_thread *thread,
                       int64_t now_us)
{
    w->thread = *thread;
    w->thread_read = now_us;
}

int64_t
loop_watch_end(struct loop_watch *w, const struct loop_thread *thread,
               int64_t now_us, long long int now)
{
    struct loop_turn turn = {
        .wall_us = MAX(now_us - w->began, 0),
        .cpu_us = -1,
        .longest = w->longest_step,
        .longest_us = w->longest_step_us,
        .at = now,
    };

    turn.us = turn.wall_us;
    if (thread && w->thread_read) {
        int64_t before = MAX(w->began - w->thread_read, 0);
        int64_t wait = thread->wait_us - w->thread.wait_us - before;

        turn.us = MAX(turn.wall_us - MAX(wait, 0), 0);
        turn.cpu_us = MIN(thread->cpu_us - w->thread.cpu_us, turn.us);
    }
    if (thread) {
        loop_watch_note_thread(w, thread, now_us);
    }
    if (!w->skip) {
        w->turns++;
        w->n_long += turn.us > LOOP_LONG_US;
        if (turn.us > w->longest.us) {
            w->longest = turn;
        }
    }
    return turn.us;
}
