/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef SG_UPDATE_H
#define SG_UPDATE_H 1

/* One decoded message, whatever its method: the contract from rpc/ to agent/
 * and to sg-controller.
 *
 * rpc/message makes it from bytes and prints it back; everything in it has
 * been checked against the limits and is canonical.  A consumer looks at
 * 'method' and then at the arrays that method uses; the others are empty.
 * The update owns everything it points to. */

#include "sg/latency.h"
#include "sg/policy.h"

#define SG_METHODS                                                      \
    /* Controller to one agent (cast). */                               \
    SG_METHOD(PORTS_UPDATED, "ports_updated")                           \
    SG_METHOD(PORTS_DELETED, "ports_deleted")                           \
    SG_METHOD(RESYNC, "resync")                                         \
    SG_METHOD(DUPLICATE_HOST, "duplicate_host")                         \
    /* Fanout of a group. */                                            \
    SG_METHOD(RULES_UPDATED, "rules_updated")                           \
    SG_METHOD(MEMBERS_CHANGED, "members_changed")                       \
    SG_METHOD(GROUP_DELETED, "group_deleted")                           \
    /* Fanout to everybody. */                                          \
    SG_METHOD(BEACON, "beacon")                                         \
    /* Agent to controller: call and cast. */                           \
    SG_METHOD(SYNC, "sync")                                             \
    SG_METHOD(REPORT, "report")
enum sg_method {
#define SG_METHOD(ENUM, NAME) SG_METHOD_##ENUM,
    SG_METHODS
#undef SG_METHOD
};
#define SG_METHOD(ENUM, NAME) + 1
enum { SG_N_METHODS = 0 SG_METHODS };
#undef SG_METHOD
const char *sg_method_name(enum sg_method);
bool sg_method_from_string(const char *, enum sg_method *) SG_MUST_USE;

/* A change of a group's members: a delta from 'prev', or the whole list (in
 * 'added', ranges already expanded). */
struct sg_members_spec {
    struct uuid group;
    int64_t revision;
    int64_t prev;               /* Delta: the revision it builds on. */
    bool whole;
    /* A list that is too large for a page comes in parts, 1 to 'parts', each
     * with some of the members in 'added'.  0: not a part. */
    unsigned int part, parts;
    struct sg_prefix_list added;
    struct sg_prefix_list removed;
};

struct sg_beacon_entry {
    uint64_t hash;              /* sg_ref_hash(). */
    int64_t revision;
};

/* The body of an answer to `sync`, and of every fanout.
 *
 * PORTS_UPDATED and RULES_UPDATED may bring bodies of other objects along,
 * which the change makes necessary; they stand in the arrays of their kinds,
 * behind what the message itself is about. */
struct sg_update {
    enum sg_method method;      /* SG_METHOD_SYNC for an answer to sync. */
    struct sg_epoch epoch;
    int64_t sent;               /* Unix time in ms of the publish; 0 none. */
    char *ack;                  /* To be named in a report as soon as the
                                 * change is in the kernel; NULL: nobody
                                 * waits.  Not in an answer. */

    struct sg_port_spec *ports;
    size_t n_ports;
    struct sg_rules_spec *rules;
    size_t n_rules;
    struct sg_members_spec *members;
    size_t n_members;
    struct sg_ref *deleted;     /* At their revisions. */
    size_t n_deleted;
    struct sg_ref *unknown;     /* Answer to sync: never heard of these. */
    size_t n_unknown;
    struct sg_ref *bad;         /* In a list: the object was malformed as a
                                 * whole and is not in this update.  Kind and
                                 * id only. */
    size_t n_bad;
    struct sg_refusal *problems; /* Why; also ignored keys. */
    size_t n_problems;

    /* Beacon. */
    int64_t seq;
    struct sg_beacon_entry *entries;
    size_t n_entries;
    bool more;

    /* Answer to sync. */
    bool same;                  /* Nothing differs from what was asked. */
    bool want_have;             /* The digest differs: ask with `have`. */
    int64_t page;               /* From 1; 0: not said. */
    char *next;                 /* Token of the next page, or NULL. */
    char *digest;               /* Of all that the ports need (rpc/digest.h);
                                 * NULL: not said. */
    bool duplicate_host;        /* Two agents use the name of this host. */

    /* Duplicate_host: the boots that use one name. */
    char **boots;
    size_t n_boots;

    /* Resync: ask again for these; none means everything. */
    struct sg_ref *refs;
    size_t n_refs;
};

void sg_update_init(struct sg_update *, enum sg_method);
void sg_update_uninit(struct sg_update *);
void sg_members_spec_uninit(struct sg_members_spec *);
void sg_texts_free(char **texts, size_t n);

/* sync(host, boot, ports[], digest, objects?, have?, page?).
 *
 * With 'digest' the answer may be that nothing differs, or that it is to be
 * asked with 'have'.
 *
 * Without 'objects' the answer covers the ports, the rules of their groups
 * and the members of the remotes of those rules.  With 'objects' it covers
 * just those (a port brings its closure, as above).  An object whose revision
 * stands in 'have' with the current epoch is left out of the answer. */
struct sg_sync_request {
    char *host;
    char *boot;                 /* Random id of this run of the agent. */
    struct sg_epoch epoch;      /* Epoch that 'have' speaks of. */
    struct uuid *ports;
    size_t n_ports;
    bool partial;               /* 'objects' given. */
    struct sg_ref *objects;     /* Revisions unused. */
    size_t n_objects;
    struct sg_ref *have;
    size_t n_have;
    char *digest;               /* Of what is held (rpc/digest.h), or NULL. */
    char *page;                 /* 'next' of the answer before, or NULL. */
};
void sg_sync_request_uninit(struct sg_sync_request *);

/* report(...): what an agent says of itself. */
struct sg_report {
    char *host;
    char *boot;
    struct sg_epoch epoch;
    uint64_t generation;        /* Newest known. */
    uint64_t applied;           /* Newest in the kernel. */
    bool in_sync;
    int64_t lag_ms;             /* Publish to kernel of the last change; -1:
                                 * none yet. */
    size_t n_ports, n_protected;

    /* What follows may be left out: NULL, 0, false. */
    char *digest;               /* Of what is in force (rpc/digest.h); NULL:
                                 * nothing complete yet. */
    char *state;                /* How far its questions have come. */
    size_t n_problems;          /* Objects whose last change was refused. */
    size_t n_orphaned;          /* In force, the controller knows them not. */
    size_t n_held;              /* Not taken away for now (mass removal). */
    uint64_t errors;            /* Messages refused since its start. */
    bool stale;
    char **reasons;             /* Why it is not well, as codes. */
    size_t n_reasons;
    char **acked;               /* See sg_update 'ack'. */
    size_t n_acked;
    bool has_latency;
    struct sg_latency latency;  /* Of changes since its start. */
};
void sg_report_uninit(struct sg_report *);

#endif /* sg/update.h */
