/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef FIREWALL_FLOW_H
#define FIREWALL_FLOW_H 1

/* Tracked flows as values, and where they are: the kernel's conntrack table,
 * or a model of it.
 *
 * A flow_table does what a value tells it and decides nothing.  Two exist:
 * the kernel's in conntrack.c and the model in flow_table_memory.c;
 * tests/conformance holds both to the same behaviour.  All functions return 0
 * or a positive errno; class->error() has the sentence that belongs to the
 * last failure.  One thread at a time may use an object.
 *
 * A dump goes through the table while packets change it: a flow that was there
 * before begin() and lives until the end is seen at least once. */

#include "sg/types.h"

/* One direction of a flow, as the kernel's tracking has it.  Zero it before
 * filling it. */
struct flow_tuple {
    struct sg_prefix src, dst;  /* Single addresses. */
    uint8_t proto;
    bool has_ports;             /* Or keys of a protocol that has them. */
    bool has_icmp;
    uint8_t icmp_type, icmp_code;
    uint16_t icmp_id;           /* In network byte order. */
    uint16_t sport, dport;
};

struct flow_entry {
    uint16_t zone;
    uint32_t mark;
    bool related;               /* There is a 'master'. */
    struct flow_tuple orig;     /* Of whoever began the flow. */
    struct flow_tuple reply;
    struct flow_tuple master;   /* The 'orig' of the flow it belongs to. */
};

/* What to dump.  The kernel (6.8 and later) sends these only; an older one may
 * send more, so whoever asks looks at each entry all the same. */
enum flow_filter_kind {
    FLOW_ALL,
    FLOW_OF_ZONE,               /* 'zone' */
    FLOW_OF_IPV6,
    FLOW_FROM,                  /* 'address', IPv4, began it. */
    FLOW_TO,                    /* 'address', IPv4, answers. */
};
struct flow_filter {
    enum flow_filter_kind kind;
    uint16_t zone;
    struct sg_prefix address;   /* A single one. */
    uint32_t mark;              /* Only flows whose mark has this bit; 0: no
                                 * matter. */
};

/* What to do to the flow of a zone that has this tuple as its 'orig'. */
enum flow_action {
    FLOW_LEAVE,
    FLOW_MARK,                  /* Set the bit of its mark. */
    FLOW_CLEAR,                 /* Clear it. */
    FLOW_DELETE,
};
struct flow_change {
    enum flow_action action;    /* Not FLOW_LEAVE. */
    uint16_t zone;
    struct flow_tuple orig;
};
struct flow_changed {
    size_t n_done;
    size_t n_gone;              /* The flow was not there any more. */
    size_t n_failed;
};

struct flow_table {
    const struct flow_table_class *class;
};

struct flow_table_class {
    const char *name;           /* "memory", "conntrack". */

    void (*destroy)(struct flow_table *);
    const char *(*error)(const struct flow_table *);
    /* How many flows there are, whosever. */
    int (*count)(struct flow_table *, size_t *n);
    /* Begins a dump; one that is under way is over with that. */
    int (*begin)(struct flow_table *, const struct flow_filter *);
    /* The next entries, at most 'max', which is at least 1; '*n' is 0 at the
     * end and only there.  EAGAIN: the table was rebuilt meanwhile, begin
     * once more. */
    int (*next)(struct flow_table *, struct flow_entry *, size_t max,
                size_t *n);
    /* Makes all changes that can be made and adds up what came of them; the
     * first error that is more than "not there" is returned.  Other bits of a
     * mark stay as they are.  A dump may be under way. */
    int (*change)(struct flow_table *, const struct flow_change *, size_t n,
                  uint32_t bit, struct flow_changed *);
};

/* The kernel's table of this network namespace.  NULL and '*error' (malloc'd)
 * on failure. */
struct flow_table *flow_table_kernel_create(char **error);

/* A model, for tests. */
struct flow_table *flow_table_memory_create(void);
void flow_table_memory_add(struct flow_table *, const struct flow_entry *);
/* The entry with this tuple, or NULL. */
struct flow_entry *flow_table_memory_find(struct flow_table *, uint16_t zone,
                                          const struct flow_tuple *orig);
/* The 'nth' (from 1) coming call of begin(), next() or change() fails with
 * 'error'. */
void flow_table_memory_fail(struct flow_table *, int nth, int error);
/* Dumps begun so far. */
size_t flow_table_memory_dumps(const struct flow_table *);

/* "udp 10.0.0.1:1 > 10.0.0.2:2, zone 5", for messages. */
struct ds;
void flow_tuple_format(const struct flow_tuple *, struct ds *);

#endif /* firewall/flow.h */
