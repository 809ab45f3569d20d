/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef SG_CONTROLLER_CORE_H
#define SG_CONTROLLER_CORE_H 1

/* All of the controller but its clock, its files and its broker: bodies in,
 * bodies out.
 *
 * Pure: times and the seed of the ids of messages are arguments; the same
 * calls give the same bytes.  service.c is the io around it; a simulator links
 * the same code with agents on a virtual clock.
 *
 * Owns the state, the interest, the beacon and the outbox.  Inputs are
 * requests (core_request), topologies (core_set_topology), the connection
 * (core_up, core_down, core_failed) and time (core_run, at the latest at
 * core_wake()).  After any of them, core_pop() yields what must be published,
 * in that order and on one channel.
 *
 * Topologies that follow each other faster than CORE_COALESCE_MS are merged:
 * the first takes effect at once, the last of the others at most that much
 * later, as one difference to what was published last.  Patches are merged
 * among themselves; a topology has a flush of its own.
 *
 * The outbox is bounded in bytes.  What does not fit, or comes while there is
 * no connection, is dropped and counted: agents find out from the beacon and
 * the revisions. */

#include "openvswitch/list.h"
#include "rpc/message.h"
#include "tools/sg-controller/diff.h"
#include "tools/sg-controller/dispatch.h"

struct beacon;
struct controller_core;
struct entry_cache;
struct interest;
struct state;
struct topology;

#define CORE_COALESCE_MS 50
#define CORE_EXPIRE_INTERVAL_MS 60000
/* Bytes of bodies that wait; the broker's side has a bound of its own. */
#define CORE_MAX_OUT_BYTES (64 * 1024 * 1024)
/* Members in a part of a list that is too large for a page.  The longest takes
 * 48 bytes; of a range, each of two. */
#define CORE_PART_MEMBERS 20000

struct core_config {
    struct sg_epoch epoch;      /* Later than any before, and saved. */
    struct rpc_limits limits;
    struct uuid seed;           /* For the ids of messages: random. */
    /* What tests make smaller than it is. */
    size_t max_out_bytes;       /* CORE_MAX_OUT_BYTES */
    size_t page_bytes;          /* RPC_PAGE_BYTES */
    size_t part_members;        /* CORE_PART_MEMBERS */
    size_t cache_bytes;         /* ENTRY_CACHE_MAX_BYTES */
    size_t beacon_entries;      /* BEACON_MAX_ENTRIES */
};
void core_config_init(struct core_config *, const struct sg_epoch *,
                      const struct uuid *seed);

/* When something happens. */
struct core_time {
    long long int now;          /* Monotonic, ms. */
    int64_t wall;               /* Unix time, ms. */
};

struct core_counters {
    uint64_t syncs, reports;    /* Requests served. */
    uint64_t refused;           /* Answered with an error. */
    uint64_t malformed;         /* Bodies rejected. */
    uint64_t duplicates;        /* The same request again: dropped. */
    uint64_t resyncs;           /* Hosts told that their digest is wrong. */
    uint64_t published;         /* Changes and beacons that left. */
    uint64_t unheard;           /* Of those: nobody was listening. */
    uint64_t dropped;           /* Not sent: no connection, no room, or too
                                 * large. */
    uint64_t flushes;           /* Topologies that took effect. */
};

/* Agents that speak of an epoch after ours: another controller. */
struct core_later_epoch {
    uint64_t n;                 /* Messages. */
    struct sg_epoch epoch;      /* The latest. */
    long long int last;         /* When. */
};

/* What became of the topologies that took effect last. */
struct core_flush {
    uint64_t number;            /* 1 is the first. */
    char *error;                /* Why nothing changed; or NULL. */
    int64_t revision;
    struct change_list changes; /* Objects that changed. */
    size_t n_kind[SG_N_KINDS];  /* How many of each kind. */
    size_t n_messages;          /* To be published because of that. */
};

/* The arguments of a publish. */
struct core_message {
    struct ovs_list node;
    char *exchange;             /* "" for a reply. */
    const char *declare;        /* Type of the exchange, a literal; or NULL. */
    char *routing_key;
    bool mandatory;
    bool is_beacon;
    char *body;
    size_t len;
};

struct controller_core *core_create(const struct core_config *);
void core_destroy(struct controller_core *);

/* A body came from the queue of the controller.  DISPATCH_MALFORMED: reject
 * it.  '*problem' is NULL or a sentence for the log, to be freed. */
enum dispatch_result core_request(struct controller_core *, const void *body,
                                  size_t len, const struct core_time *,
                                  char **problem);

/* A body came that was too large to be taken. */
void core_too_large(struct controller_core *);

/* Ids of the controller before: see state.h.  To be called first. */
void core_set_saved(struct controller_core *, const struct sg_ref *,
                    size_t n);

/* Takes over 'topology', which has passed topology_parse().  Returns the
 * number of the flush that it takes effect with: look at core_last_flush()
 * before the next core_run(). */
enum core_flags {
    CORE_CONFIRM = 1 << 0,      /* An operator says that what it lacks is
                                 * gone, and what was saved with it. */
    CORE_ACK = 1 << 1,          /* Hosts are asked to acknowledge what they
                                 * are told, as core_ack_text(). */
};
uint64_t core_set_topology(struct controller_core *, struct topology *,
                           unsigned int flags, const struct core_time *);
/* Changes what is in force, or waits to be, as topology_patch() does; the
 * next core_set_topology() ends that.  On success stores the number of the
 * flush: it may still fail then, which core_last_flush() says. */
char *core_patch(struct controller_core *, const char *text, size_t len,
                 const char *file, const struct core_time *, uint64_t *flush)
    SG_MUST_USE;
/* Patches since the last core_set_topology(). */
size_t core_n_patches(const struct controller_core *);
char *core_ack_text(uint64_t flush);    /* Malloc'd. */
const struct core_flush *core_last_flush(const struct controller_core *);

/* The connection to the broker is there, or is gone with all that waited. */
void core_up(struct controller_core *, const struct core_time *);
void core_down(struct controller_core *);
/* The broker did not take a message that core_pop() gave: for lack of the
 * exchange, to which nobody listens then, or for any other reason. */
void core_failed(struct controller_core *, bool no_exchange);

void core_run(struct controller_core *, const struct core_time *);
/* When core_run() has to be called next, if nothing else happens. */
long long int core_wake(const struct controller_core *);

/* The next message to publish, for core_message_destroy(); NULL: none. */
struct core_message *core_pop(struct controller_core *);
void core_message_destroy(struct core_message *);
bool core_has_output(const struct controller_core *);
size_t core_out_bytes(const struct controller_core *);

const struct state *core_state(const struct controller_core *);
const struct interest *core_interest(const struct controller_core *);
const struct beacon *core_beacon(const struct controller_core *);
const struct entry_cache *core_cache(const struct controller_core *);
const struct core_later_epoch *core_later_epoch(
    const struct controller_core *);
const struct core_counters *core_counters(const struct controller_core *);

#endif /* tools/sg-controller/core.h */
