/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef FIREWALL_BACKEND_H
#define FIREWALL_BACKEND_H 1

/* The only door to the packet filter.
 *
 * Thin: a backend does what a value tells it and reports what happened; it
 * decides nothing.  Two exist: the model in backend_memory.c and the kernel
 * in iptables/backend_iptables.c; tests/conformance holds both to the same
 * behaviour.  All functions return 0 or a positive errno:
 *
 *   EAGAIN   the lock is held, or somebody else changed the table: again soon
 *   EBUSY    swap or destroy while the set is in use or being listed
 *   ENOSPC   the set is full (maxelem); what came before stays added
 *   ENOENT   no such set, chain, table, match
 *   EEXIST   create of something that exists
 *   EINVAL   the kernel does not take this (also: /0, other family or type)
 *   EPERM    a capability is missing
 *
 * backend->error() has the sentence that belongs to the last failure.
 *
 * Tables.  begin() takes the table lock without waiting (EAGAIN); read() and
 * commit() only between begin() and end().  commit() works on what read()
 * read: read() must come first for that family and table, and a commit
 * consumes it.  zone_rules() looks at the raw table by itself, also between
 * begin() and end(), and at all its chains, whoever made them and whether or
 * not a packet can get there.  end() releases everything.  Rules that an edit
 * does not touch keep their counters.
 *
 * Sets.  Of a set that is named to members(), test(), add() and del() name,
 * family and content count.  add/del take any number of members of one set and
 * treat "already there" / "not there" as success; '*n_done' (if not NULL) says
 * how many members from the front certainly took effect. */

#include "firewall/plan.h"
#include "firewall/ruleset.h"

/* A rule of a raw table that gives frames a conntrack zone, or one of ours by
 * which they are not tracked.  Zones that are computed (of a mark) are not
 * among them. */
struct fw_zone_rule {
    enum sg_family family;
    bool ours;                  /* In a chain of ours. */
    /* The device that is the only condition, whether the rule calls it the
     * incoming one or the bridge's port; "" if the rule has none, another
     * or one more. */
    char device[SG_DEVICE_LEN];
    uint16_t zone;              /* 0: not tracked. */
};
typedef void fw_zone_cb(const struct fw_zone_rule *, void *aux);

struct fw_backend {
    const struct fw_backend_class *class;
};

struct fw_backend_class {
    const char *name;           /* "memory", "iptables". */

    void (*destroy)(struct fw_backend *);
    const char *(*error)(const struct fw_backend *);

    int (*begin)(struct fw_backend *);
    /* Fills an initialized, empty '*table': our chains, and the built-in ones
     * of this table with all rules and their policy. */
    int (*read)(struct fw_backend *, enum sg_family, enum fw_table_id,
                struct fw_table *table);
    /* What read() would leave in 'mark' of a table, found out cheaply, between
     * begin() and end().  If it is not what it was, the table has changed; if
     * it is, another writer may still have left one of the same size.  0: no
     * saying. */
    uint64_t (*mark)(struct fw_backend *, enum sg_family, enum fw_table_id);
    int (*commit)(struct fw_backend *, enum sg_family, enum fw_table_id,
                  const struct fw_edit *, size_t n);
    int (*zone_rules)(struct fw_backend *, enum sg_family, fw_zone_cb *,
                      void *aux);
    void (*end)(struct fw_backend *);

    /* Headers of all sets with our prefix into 'rs->sets'. */
    int (*list_sets)(struct fw_backend *, struct fw_ruleset *rs);
    /* Appends the members of a set. */
    int (*set_members)(struct fw_backend *, const struct fw_set *,
                       struct sg_prefix_list *);
    /* Is the single address in the set, or in a prefix of it? */
    int (*set_test)(struct fw_backend *, const struct fw_set *,
                    const struct sg_prefix *address, bool *member);
    int (*set_create)(struct fw_backend *, const struct fw_set *);
    int (*set_add)(struct fw_backend *, const struct fw_set *,
                   const struct sg_prefix *, size_t n, size_t *n_done);
    int (*set_del)(struct fw_backend *, const struct fw_set *,
                   const struct sg_prefix *, size_t n, size_t *n_done);
    int (*set_swap)(struct fw_backend *, const char *a, const char *b);
    int (*set_destroy)(struct fw_backend *, const char *name);
};

/* A model of the kernel, for tests and dry runs, with hooks for faults. */
struct fw_backend *fw_backend_memory_create(void);
/* One more owner: the model outlives one more destroy().  For tests that
 * restart what is above it. */
struct fw_backend *fw_backend_memory_ref(struct fw_backend *);

enum fw_fault_op {
    FW_FAULT_BEGIN, FW_FAULT_READ, FW_FAULT_COMMIT, FW_FAULT_LIST,
    FW_FAULT_MEMBERS, FW_FAULT_CREATE, FW_FAULT_ADD, FW_FAULT_DEL,
    FW_FAULT_SWAP, FW_FAULT_DESTROY,
    FW_FAULT_COMMITTED,         /* A commit is made, and said to have
                                 * failed. */
    FW_N_FAULTS
};
/* The 'nth' (from 1) coming operation of kind 'op' fails with 'error', and
 * all following ones too if 'persistent'. */
void fw_backend_memory_fail(struct fw_backend *, enum fw_fault_op, int nth,
                            int error, bool persistent);
/* Writes so far (everything but begin, read, end and list). */
uint64_t fw_backend_memory_writes(const struct fw_backend *);
/* The model itself, for tests that play another writer. */
struct fw_ruleset *fw_backend_memory_state(struct fw_backend *);
/* A listing of this set is under way: swap and destroy answer EBUSY. */
void fw_backend_memory_hold_dump(struct fw_backend *, const char *set, bool);
/* Tables read so far. */
uint64_t fw_backend_memory_reads(const struct fw_backend *);
/* What a set holds, or NULL if there is no such set. */
const struct sg_members *fw_backend_memory_members(const struct fw_backend *,
                                                   const char *set);
/* Calls 'cb' after every change that a packet could see: each member added or
 * deleted, each table committed, each swap. */
typedef void fw_backend_memory_cb(void *aux);
void fw_backend_memory_observe(struct fw_backend *, fw_backend_memory_cb *,
                               void *aux);

/* The kernel of this network namespace: legacy tables and ipset. */
struct fw_backend_iptables_config {
    const char *lock_path;      /* "/run/xtables.lock" */
};
/* NULL and '*error' (malloc'd) on failure. */
struct fw_backend *fw_backend_iptables_create(
    const struct fw_backend_iptables_config *, char **error);

#endif /* firewall/backend.h */
