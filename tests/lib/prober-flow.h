/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef TESTS_PROBER_FLOW_H
#define TESTS_PROBER_FLOW_H 1

/* The flows of a prober: their sockets and the packets on them.  Functions
 * that return text return NULL, or what went wrong, malloc'd. */

#include "tests/lib/lab-sock.h"
#include "tests/lib/prober-account.h"

enum { MAX_FLOWS = 256 };

/* A receiving socket, shared by all flows to the same address and port. */
struct receiver {
    char netns[64];
    union lab_addr addr;
    int fd;
    int users;
    uint64_t drops;             /* Taken over when it was closed. */
};

struct flow {
    char id[64];
    char src[64];
    union lab_addr from, to;
    struct receiver *rx;
    int fd;                     /* -1: not open. */
    bool replies;               /* 'fd' is not connected. */
    bool replied;               /* Another flow sends to where 'fd' is. */
    int rate;                   /* Packets a second. */
    bool sending;
    int64_t begin_us;           /* Pace: due = (now - begin) * rate. */
    int64_t paced;              /* Sent or skipped since 'begin_us'. */
    uint32_t phase;
    in_port_t port;             /* The source port, in host order. */
    uint64_t send_errors, icmp_errors, skipped;
    struct account account;
};

struct prober {
    struct flow flows[MAX_FLOWS];
    size_t n_flows;
    struct receiver receivers[MAX_FLOWS];
    size_t n_receivers;
    uint32_t nonce;
    int64_t start_us;
    int64_t guard_us, drain_us;
    uint64_t stray;             /* Packets that are not of this run. */
    int64_t worst_tick_us;      /* The longest we did not run. */
    uint64_t softnet_drops;     /* At the start. */
};
extern struct prober prober;

char *prober_error(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* Opens the sockets of 'f' (which is in 'prober.flows'), whose names and
 * addresses are set; the receiving one in 'netns'. */
char *flow_open(struct flow *f, const char *netns);
/* Those of one that replies to 'asked': what two flows share is one socket
 * with two descriptors. */
char *flow_open_reply(struct flow *f, struct flow *asked);
char *flow_start(struct flow *);
/* From now on it has another source port. */
char *flow_phase(struct flow *);
void flow_stop(struct flow *);
/* Stops it and closes its sockets. */
void flow_end(struct flow *);

/* Sends what is due, and takes what has come. */
void prober_tick(void);
void prober_receive(void);
/* What our own sockets dropped, and what the kernel's per-CPU queues between
 * devices did, all CPUs, since it was started. */
uint64_t prober_rx_drops(void);
uint64_t prober_softnet_drops(void);

#endif /* tests/lib/prober-flow.h */
