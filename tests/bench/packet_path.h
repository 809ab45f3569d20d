/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef BENCH_PACKET_PATH_H
#define BENCH_PACKET_PATH_H 1

/* Frames through a hybrid plug, and what they cost.
 *
 *     outer namespace     inner namespace             outer namespace
 *     vmX  ----veth---->  tapX = qbrX = qvbX  ----veth---->  qvoX
 *
 * A space is a pair of network namespaces: the inner one has the bridges and
 * whatever rules are to be measured, the outer one has no rules and no
 * addresses, so a frame that comes out is counted by the device and thrown
 * away by the first look at its MAC address.  The namespaces live as long as
 * the process; nobody has to clean up.
 *
 * Frames are given to the kernel in bulk on a packet socket at one end.  The
 * whole way to the other end is softirq work that runs on top of the sender,
 * so the sender's CPU clock has all of it: the system call, both veth pairs,
 * the bridge, the packet filter, and the end.  What ksoftirqd of that CPU did
 * meanwhile is added.  The process must be pinned to one CPU.
 *
 * Whatever goes wrong ends the process. */

#include "sg/policy.h"

enum path_direction {
    PATH_OUT,                   /* From the instance. */
    PATH_IN,
};
#define PATH_N_DIRECTIONS 2

/* Pins the process to one CPU, the last it may use; returns which. */
int packet_path_pin(void);

struct packet_space {
    int inner, outer;           /* Namespaces. */
    int conntrack;              /* Netlink socket in 'inner'. */
};
/* 'filtered': does the bridge show its frames to iptables? */
void packet_space_init(struct packet_space *, bool filtered);
/* Moves this process into the inner namespace. */
void packet_space_enter(const struct packet_space *);
/* Connections that the inner namespace knows of. */
uint64_t packet_space_connections(const struct packet_space *);
/* Forgets them. */
void packet_space_forget(const struct packet_space *);

struct packet_path {
    struct packet_space *space;
    char ends[PATH_N_DIRECTIONS][SG_DEVICE_LEN];  /* Where frames come out. */
    int sockets[PATH_N_DIRECTIONS];
};
/* Plugs the devices of 'binding' in. */
void packet_path_init(struct packet_path *, struct packet_space *,
                      const struct sg_binding *);
/* Frames that came out so far; wraps. */
uint32_t packet_path_count(const struct packet_path *, enum path_direction);

/* UDP frames, 60 bytes (IPv6: 62), all alike but for the source: the next
 * frame comes from the next port and from another address, far from the one
 * before. */
struct packet_stream {
    struct sg_mac smac, dmac;
    struct sg_prefix source;    /* The first of 'n_sources' addresses. */
    size_t n_sources;
    struct sg_prefix dst;       /* Of the same family. */
    uint16_t sport, n_sports;   /* The first, and how many. */
    uint16_t dport;
};
/* The source address of frame 'i'. */
struct sg_prefix packet_stream_source(const struct packet_stream *, size_t i);
/* Sends frames first..first+n-1; returns what it took, in CPU ns. */
int64_t packet_path_send(const struct packet_path *, enum path_direction,
                         const struct packet_stream *, size_t first,
                         size_t n);
/* Sends frame 'i' and looks at what comes out within 'ms': is it the same
 * frame? */
bool packet_path_probe(const struct packet_path *, enum path_direction,
                       const struct packet_stream *, size_t i, int ms);

/* CPU ns of all that was sent so far; of these ksoftirqd's, which are negative
 * if it cannot be seen. */
void packet_path_total(int64_t *sender, int64_t *ksoftirqd);

#endif /* tests/bench/packet_path.h */
