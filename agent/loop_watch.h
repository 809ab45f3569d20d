/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef AGENT_LOOP_WATCH_H
#define AGENT_LOOP_WATCH_H 1

/* How long the turns of the loop take: from the moment poll() returns until it
 * is called again.  Whoever waits for the loop (an operator's command, the
 * next message) waits at most that long.
 *
 * Pure: times are handed in, in us.  'delay' is how long the thread was ready
 * to run and had no CPU, since it exists: that is the machine's doing and is
 * taken off.  To read it costs more than a whole quiet turn, so it may be old:
 * loop_watch_wants_delay() says when it is to be read, and a turn then counts
 * at most LOOP_DELAY_AGE_US too little.
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

#define LOOP_DELAY_AGE_US 20000
/* A turn above this is looked at closely. */
#define LOOP_LONG_US 5000

struct loop_turn {
    int64_t us;                 /* Without waiting for a CPU; 0: none yet. */
    int64_t wall_us;            /* With it. */
    enum loop_step longest;     /* What took most of it. */
    long long int at;           /* When it ended, ms. */
};

struct loop_watch {
    uint64_t turns, n_long;     /* Above LOOP_LONG_US. */
    struct loop_turn longest;   /* Since the last reset. */

    /* Of the turn under way. */
    int64_t began, last;
    enum loop_step longest_step;
    int64_t longest_step_us;
    int64_t delay, delay_read;  /* As read last, and when; 0: never. */
};

void loop_watch_init(struct loop_watch *);
/* Forgets the longest turn. */
void loop_watch_reset(struct loop_watch *);

void loop_watch_begin(struct loop_watch *, int64_t now_us);
void loop_watch_step(struct loop_watch *, enum loop_step, int64_t now_us);
/* The end of the turn; returns how long it took so far (us, wall). */
int64_t loop_watch_elapsed(const struct loop_watch *, int64_t now_us);
/* Is 'delay' to be read at the begin of this turn? */
bool loop_watch_wants_delay(const struct loop_watch *);
void loop_watch_note_delay(struct loop_watch *, int64_t delay_us,
                           int64_t now_us);
/* 'delay_us': as read now, or -1 if the turn was too short to ask.  'now' in
 * ms.  Returns what the turn counts (us). */
int64_t loop_watch_end(struct loop_watch *, int64_t delay_us, int64_t now_us,
                       long long int now);

#endif /* agent/loop_watch.h */
