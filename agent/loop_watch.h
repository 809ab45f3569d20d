/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef AGENT_LOOP_WATCH_H
#define AGENT_LOOP_WATCH_H 1

/* How long the turns of the loop take: from the moment poll() returns until it
 * is called again.  Whoever waits for the loop (an operator's command, the
 * next message) waits at most that long.
 *
 * Pure: times are handed in, in us.  What the thread was ready to run and had
 * no CPU is the machine's doing and is taken off.  The kernel counts that, but
 * to read it costs as much as a part of a quiet turn, and when a turn begins
 * nobody knows that it will be long.  So what was read LOOP_THREAD_AGE_US
 * before is good enough; what may have been waited before the turn is not
 * taken off.  A turn so counts at most that much more than it took, and never
 * less.
 *
 * Order: begin, step after each step, end. */

#include <stdbool.h>
#include <stdint.h>

#define LOOP_STEPS                                                      \
    LOOP_STEP(RECOVER, "reading the kernel")                            \
    LOOP_STEP(MESSAGES, "messages")                                     \
    LOOP_STEP(PLUGS, "ports and links")                                 \
    LOOP_STEP(SAVED, "the saved policy")                                \
    LOOP_STEP(MEMBERS, "member lane")                                   \
    LOOP_STEP(STRUCTURE, "structure lane")                              \
    LOOP_STEP(FLOWS, "flows that lost their permission")                \
    LOOP_STEP(RESYNC, "an operator's resync")                           \
    LOOP_STEP(QUESTIONS, "questions to the controller")                 \
    LOOP_STEP(CHECKS, "checks once a second")                           \
    LOOP_STEP(CONTROL, "commands")
enum loop_step {
#define LOOP_STEP(ENUM, NAME) LOOP_##ENUM,
    LOOP_STEPS
#undef LOOP_STEP
    LOOP_N_STEPS
};
const char *loop_step_name(enum loop_step);

/* Hence 500 times a second at most. */
#define LOOP_THREAD_AGE_US 2000
/* A turn above this is looked at closely. */
#define LOOP_LONG_US 5000

/* Clocks of the thread. */
struct loop_thread {
    int64_t cpu_us;             /* Had a CPU; as of the last tick or switch. */
    int64_t wait_us;            /* Could have run, but had none. */
};

struct loop_turn {
    int64_t us;                 /* Without waiting for a CPU; 0: none yet. */
    int64_t wall_us;            /* With it. */
    int64_t cpu_us;             /* On a CPU, roughly; -1: not known. */
    enum loop_step longest;     /* What took most of it, */
    int64_t longest_us;         /* and how long (wall). */
    long long int at;           /* When it ended, ms. */
};

struct loop_watch {
    /* Since the last reset. */
    uint64_t turns, n_long;     /* Above LOOP_LONG_US. */
    struct loop_turn longest;

    /* Of the turn under way. */
    bool skip;                  /* It began before the last reset. */
    int64_t began, last;
    enum loop_step longest_step;
    int64_t longest_step_us;
    struct loop_thread thread;  /* As read last, */
    int64_t thread_read;        /* and when; 0: never. */
};

void loop_watch_init(struct loop_watch *);
/* Forgets the longest turn; the one under way is none of those to come. */
void loop_watch_reset(struct loop_watch *);

void loop_watch_begin(struct loop_watch *, int64_t now_us);
void loop_watch_step(struct loop_watch *, enum loop_step, int64_t now_us);
/* The end of the turn; returns how long it took so far (us, wall). */
int64_t loop_watch_elapsed(const struct loop_watch *, int64_t now_us);
/* Are the clocks of the thread to be read at the begin of this turn? */
bool loop_watch_wants_thread(const struct loop_watch *);
void loop_watch_note_thread(struct loop_watch *, const struct loop_thread *,
                            int64_t now_us);
/* 'thread': as read now, or NULL if the turn was too short to ask.  'now' in
 * ms.  Returns what the turn counts (us). */
int64_t loop_watch_end(struct loop_watch *, const struct loop_thread *thread,
                       int64_t now_us, long long int now);

#endif /* agent/loop_watch.h */
