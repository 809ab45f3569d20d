/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef SG_CONTROLLER_DISPATCH_H
#define SG_CONTROLLER_DISPATCH_H 1

/* One request body in, at most one reply body out.
 *
 * Pure but for the interest, which remembers who asked.  The rules are those
 * of a stock oslo.messaging server: a body that cannot be decoded is rejected;
 * a request seen a moment ago is dropped; a call is answered, with an error if
 * need be (UnsupportedVersion, NoSuchMethod, ValueError); of a cast, errors
 * are only told to the caller of this function. */

#include "openvswitch/compiler.h"
#include "sg/types.h"

struct dispatcher;
struct entry_cache;
struct interest;
struct interest_host;
struct rpc_limits;
struct state;

/* Requests remembered for the sake of repeats, as oslo.messaging does. */
#define DISPATCH_MAX_RECENT 16

enum dispatch_result {
    DISPATCH_MALFORMED,         /* Reject it. */
    DISPATCH_DUPLICATE,
    DISPATCH_REFUSED,           /* 'problem' says why. */
    DISPATCH_SYNC,
    DISPATCH_REPORT,
};

/* What requests are about. */
struct dispatch_context {
    const struct state *state;
    struct interest *interest;
    struct entry_cache *cache;
    size_t page_bytes;          /* See answer.h. */
};

struct dispatch_input {
    const void *body;
    size_t len;
    const char *unique_id;      /* For the reply: 32 fresh hex digits. */
    int64_t sent;               /* Unix time in ms. */
    long long int now;
};

struct dispatch_output {
    char *problem;              /* Fit for a log line, or NULL. */
    struct sg_epoch epoch;      /* That the agent spoke of; zeros: none. */
    const struct interest_host *host;   /* Who it was; NULL if refused. */
    bool resync;                /* Its digest is wrong: tell it so. */
    char *reply_queue;          /* NULL: no reply. */
    char *reply;
    size_t reply_len;
};

struct dispatcher *dispatcher_create(const struct rpc_limits *);
void dispatcher_destroy(struct dispatcher *);

/* Fills in 'output', which the caller uninitialises. */
enum dispatch_result dispatch(struct dispatcher *,
                              const struct dispatch_context *,
                              const struct dispatch_input *,
                              struct dispatch_output *);
void dispatch_output_uninit(struct dispatch_output *);

#endif /* tools/sg-controller/dispatch.h */
