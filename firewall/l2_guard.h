/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef FIREWALL_L2_GUARD_H
#define FIREWALL_L2_GUARD_H 1

/* The only door to the guard that stands on the taps, below iptables.
 *
 * br_netfilter passes up only what it knows as IP, and puts fragments together
 * before any table sees them, in one queue for all bridges.  The guard looks
 * at each frame from a tap before that: at its EtherType, and at what it says
 * of its sender, in IPv4, IPv6, ARP, RARP and neighbour discovery.  And it
 * keeps the bridges' devices and the host itself apart.
 *
 * Thin, like struct fw_backend: it does what it is told and reports what
 * happened.  Constant rules, and sets of elements (firewall/l2_elements.h).
 * Three exist: the model below, the bridge family of nf_tables
 * (l2guard/nft_guard.c), and none, where the kernel lacks that.  All functions
 * return 0 or a positive errno:
 *
 *   EAGAIN       what is there is not what was read last: read again
 *   EPERM        a capability is missing
 *   EOPNOTSUPP, ENOENT, EAFNOSUPPORT    the kernel lacks something
 *
 * class->error() has the sentence that belongs to the last failure.
 *
 * Order: read() first.  Each write is one transaction, it happens as a whole
 * or not at all, and only if nothing has changed since the last read() or
 * write of this object. */

#include "firewall/l2_elements.h"
#include "firewall/l2_tables.h"

struct l2_guard {
    const struct l2_guard_class *class;
};

/* What read() found. */
enum l2_found {
    L2_NOTHING,                 /* No table of ours. */
    L2_DAMAGED,                 /* One whose rules are not what they are to be,
                                 * or with elements that we do not make. */
    L2_INTACT,
};

struct l2_guard_class {
    const char *name;           /* "memory", "nft". */

    void (*destroy)(struct l2_guard *);
    const char *(*error)(const struct l2_guard *);

    /* Has something happened that may concern us?  Costs one system call;
     * may say yes for nothing. */
    bool (*hint)(struct l2_guard *);
    /* Has anybody changed anything since the last read() or write?  Two
     * system calls. */
    int (*changed)(struct l2_guard *, bool *changed);
    /* Everything that is there; '*list' (empty before) is in order, and
     * complete only if it is intact. */
    int (*read)(struct l2_guard *, enum l2_found *, struct l2_elements *list);
    /* Takes elements away and adds some, of an intact table. */
    int (*edit)(struct l2_guard *, const struct l2_elements *add,
                const struct l2_elements *del);
    /* Makes the table anew, whatever is there, with these elements. */
    int (*replace)(struct l2_guard *, const struct l2_elements *);
    /* Removes the table, if there is one. */
    int (*remove)(struct l2_guard *);
    /* Which tables others have, that IP packets meet; '*tables' is empty
     * before, and to be used only on success.  Concerns no write: what
     * changed() says has nothing to do with it. */
    int (*tables)(struct l2_guard *, struct l2_tables *tables);
    /* Wakes the loop when hint() would say yes. */
    void (*wait)(struct l2_guard *);
};

/* A model, for tests and simulated hosts. */
struct l2_guard *l2_guard_memory_create(void);
/* One more owner: the model outlives one more destroy(). */
struct l2_guard *l2_guard_memory_ref(struct l2_guard *);
/* The coming 'n' reads and writes fail with 'error'. */
void l2_guard_memory_fail(struct l2_guard *, int n, int error);
/* From now on no element of this device (NULL: of none) can be added; borrowed
 * for good. */
void l2_guard_memory_refuse(struct l2_guard *, const char *device);
uint64_t l2_guard_memory_writes(const struct l2_guard *);
/* Somebody else makes it so. */
void l2_guard_memory_spoil(struct l2_guard *, enum l2_found);
/* Somebody else has these, or (NULL) nobody can tell.  Unannounced. */
void l2_guard_memory_tables(struct l2_guard *, const struct l2_tables *);
const struct l2_elements *l2_guard_memory_elements(const struct l2_guard *);

/* What the rules depend on. */
struct l2_guard_config {
    const char *tap_prefix;     /* What the names of taps begin with, */
    const char *uplink_prefix;  /* and those of the bridges' other devices. */
    bool host_input;            /* Instances and network may send to the host
                                 * over their bridges, */
    bool host_output;           /* and the host to them. */
};
/* nf_tables of this network namespace, through libnftnl.  NULL and '*error'
 * (malloc'd) on failure, which is that of the socket; what the kernel lacks is
 * found by the first read() or write. */
struct l2_guard *l2_guard_nft_create(const struct l2_guard_config *,
                                     char **error);

#endif /* firewall/l2_guard.h */
