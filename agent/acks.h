/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef AGENT_ACKS_H
#define AGENT_ACKS_H 1

/* Messages whose publisher waits until they are in the kernel.
 *
 * Pure; a part of sync.  Each has a text that the next report is to name once
 * the generation that has the change is in the kernel, or ACKS_MAX_MS after
 * it came: then the publisher has to look why. */

#include "rpc/message.h"

#define ACKS_MAX_MS 5000

/* A generation that is not there yet: what the message changes has to be asked
 * for first. */
#define ACKS_UNANSWERED UINT64_MAX

/* Which question has what the message changes in its answer. */
struct acks_question {
    uint64_t number;            /* This one or a later one, */
    long long int begun;        /* begun at this time or later. */
};

struct acks {
    struct ack {
        char text[RPC_MAX_ACK + 1];
        uint64_t generation;
        struct acks_question question;  /* With ACKS_UNANSWERED. */
        long long int deadline;
    } p[RPC_MAX_ACKED];
    size_t n;
    uint64_t n_dropped;         /* There was no room for them. */
};

/* 'text' has at most RPC_MAX_ACK bytes.  The same again waits for the later
 * generation. */
void acks_add(struct acks *, const char *text, uint64_t generation,
              long long int now);
/* The same for a message that has to be asked about. */
void acks_add_unanswered(struct acks *, const char *text,
                         const struct acks_question *, long long int now);
/* 'question' was answered, its answer is in 'generation'. */
void acks_answered(struct acks *, const struct acks_question *question,
                   uint64_t generation);
void acks_clear(struct acks *);
/* Is one to be reported, 'applied' being in the kernel? */
bool acks_ready(const struct acks *, uint64_t applied, long long int now);
/* Takes those out; NULL or '*n' texts, for sg_texts_free(). */
char **acks_take(struct acks *, uint64_t applied, long long int now,
                 size_t *n);
/* When one is due in any case; LLONG_MAX: there is none. */
long long int acks_next(const struct acks *);

#endif /* agent/acks.h */
