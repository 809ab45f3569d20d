/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef AGENT_POLICY_STORE_H
#define AGENT_POLICY_STORE_H 1

/* What this host knows: its ports, their groups, the members of the remotes.
 *
 * Pure.  Owns the struct sg_policy that firewall/ reads.  Two inputs: the
 * local ports (OVSDB and the kernel) and updates (the controller).  Three
 * outputs, each collected over a loop turn and taken by the caller: net
 * member changes (member lane), dirty devices and groups (structure lane),
 * and what the host needs (bindings, questions).
 *
 * Unknown is never empty: an object is taken away only by `deleted` or by an
 * explicit list of the controller.  Everything is idempotent by revision. */

#include "rpc/digest.h"
#include "sg/update.h"

struct policy_store;

/* What is above one of these is refused as a whole, the last good stays and
 * says why; the object is asked for again (sync.h) and taken when it fits. */
#define POLICY_STORE_LIMITS                                             \
    /* Of a group. */                                                   \
    POLICY_STORE_LIMIT(MEMBERS, members)                                \
    POLICY_STORE_LIMIT(RULES_PER_PORT, rules_per_port)                  \
    /* Of the host. */                                                  \
    POLICY_STORE_LIMIT(GROUPS, groups)                                  \
    POLICY_STORE_LIMIT(PORTS, ports)                                    \
    /* Members of all groups held. */                                   \
    POLICY_STORE_LIMIT(SET_ENTRIES, set_entries)
enum store_limit {
#define POLICY_STORE_LIMIT(ENUM, NAME) STORE_LIMIT_##ENUM,
    POLICY_STORE_LIMITS
#undef POLICY_STORE_LIMIT
    STORE_N_LIMITS
};
struct policy_store_limits {
#define POLICY_STORE_LIMIT(ENUM, NAME) size_t NAME;
    POLICY_STORE_LIMITS
#undef POLICY_STORE_LIMIT
};

struct policy_store *policy_store_create(const struct policy_store_limits *);
const struct policy_store_limits *policy_store_limits(
    const struct policy_store *);
void policy_store_destroy(struct policy_store *);
const struct sg_policy *policy_store_policy(const struct policy_store *);

/* The complete list of ports plugged on this host, with their zones.  Returns
 * true if anything changed. */
struct local_port {
    struct uuid id;
    struct sg_binding binding;
};
bool policy_store_set_local(struct policy_store *,
                            const struct local_port *, size_t n);

/* A new epoch counts revisions anew: all revisions held become 0 ("in force,
 * of an older epoch"), so that the next whole object replaces them; nothing
 * in force changes. */
void policy_store_new_epoch(struct policy_store *);
/* All that there is will be said again within the same epoch: the same, but
 * what is older than what is held will not replace it. */
void policy_store_say_again(struct policy_store *);

/* Applies one update object by object.  Objects this host does not need are
 * ignored.  Appends to 'ask' (if not NULL) the objects that must be asked for
 * because a delta did not fit. */
struct sg_ref_list {
    struct sg_ref *refs;
    size_t n, allocated;
};
void sg_ref_list_add(struct sg_ref_list *, const struct sg_ref *);
void sg_ref_list_clear(struct sg_ref_list *);

struct policy_store_applied {
    size_t n_accepted, n_old, n_gap;
    size_t n_ignored;           /* Not needed here. */
    size_t n_refused;           /* Malformed or beyond a limit. */
};
struct policy_store_applied policy_store_update(struct policy_store *,
                                                const struct sg_update *,
                                                long long int now,
                                                struct sg_ref_list *ask);

/* A controller has answered, and what it did not tell may be in a policy that
 * was saved before: takes from there what is absent here, as orphaned (what
 * was deleted stays that).  Nothing that is known changes.  Returns how many
 * objects it took. */
size_t policy_store_remember(struct policy_store *,
                             const struct sg_update *saved,
                             long long int now);

/* Removals that are not to be made for now (docs/protocol.md, mass_removal).
 *
 * Would this body take everything from a port that has a policy in force: it
 * filters, had groups and has none any more? */
bool policy_store_empties(const struct policy_store *,
                          const struct sg_port_spec *);
/* From how many ports 'update' would take everything, by deletion or because
 * it empties them.  'absent_too': also from those of which nothing is known.
 */
size_t policy_store_count_removed(const struct policy_store *,
                                  const struct sg_update *, bool absent_too);
/* All that 'update' deletes, and its ports, stay as they are: "spared".  That
 * ends with the next word of a controller that is applied to them. */
void policy_store_spare(struct policy_store *, const struct sg_update *,
                        long long int now);
struct store_spared {
    size_t n;                   /* Objects. */
    size_t n_ports;             /* Of them. */
    size_t n_absent;            /* Of these: nothing is known of them. */
    long long int since;        /* Of the oldest; LLONG_MAX: none. */
};
/* Is there anything to lose?  'absent_too' as above. */
bool policy_store_can_spare(const struct policy_store *, enum sg_kind,
                            const struct uuid *, bool absent_too);
void policy_store_get_spared(const struct policy_store *,
                             struct store_spared *);

/* Net member changes since the last take: (group, added, removed) with each
 * address at most once.  The caller frees with policy_store_changes_free(). */
struct store_change {
    struct uuid group;
    struct sg_prefix_list added, removed;
    int64_t sent;               /* Oldest publish time among them, or 0. */
};
size_t policy_store_take_changes(struct policy_store *,
                                 struct store_change **);
void policy_store_changes_free(struct store_change *, size_t n);

/* Changes that were accepted and came by a message of their own, not by an
 * answer to `sync`, since the last take.  The array lasts until the next
 * update; beyond STORE_MAX_ARRIVALS they are not listed. */
struct store_arrival {
    enum sg_kind kind;
    int64_t sent;               /* Publish time, not 0. */
};
#define STORE_MAX_ARRIVALS 4096
size_t policy_store_take_arrivals(struct policy_store *,
                                  const struct store_arrival **);

/* Structure changes since the last take.  'devices': taps whose port changed
 * (also those that are gone); 'groups': rule lists that changed. */
struct store_dirty {
    char (*devices)[SG_DEVICE_LEN];
    size_t n_devices;
    struct uuid *groups;
    size_t n_groups;
    int64_t sent;               /* Oldest publish time among them, or 0. */
};
bool policy_store_take_dirty(struct policy_store *, struct store_dirty *);
void store_dirty_uninit(struct store_dirty *);

/* Everything the host needs, sorted by kind and id, with the revision held
 * (0: none, not of this epoch, or orphaned: not what a controller has). */
void policy_store_needs(const struct policy_store *, struct sg_ref_list *);

/* The digest (rpc/digest.h) of what the host needs and a controller of this
 * epoch has: ports that are known at a revision, and not spared; of their
 * groups the rules of which that is true; of their remotes the members. */
void policy_store_digest(struct policy_store *,
                         char digest[RPC_DIGEST_LEN + 1]);

/* Does a change of 'hash' (a beacon entry) concern something needed here that
 * is older than 'revision'?  Then fills '*ref'. */
bool policy_store_behind(const struct policy_store *, uint64_t hash,
                         int64_t revision, struct sg_ref *ref);

/* What the store remembers of an object besides the object. */
struct store_object {
    enum sg_knowledge state;
    int64_t revision;           /* Held; 0: none, or of an older epoch. */
    bool needed;                /* False: a group that lingers. */
    bool in_closure;            /* Of the last digest: if that is right, this
                                 * is as the controller has it, or gone. */
    long long int since;        /* When its state became what it is. */
    bool spared;                /* Deleted by a controller, and yet here. */
    int64_t spared_revision;    /* Of that, in this epoch; 0: an earlier
                                 * epoch's controller has said so. */
    long long int spared_since;
    const char *problem;        /* Why its last change was not taken (last
                                 * good stays), or NULL.  Borrowed. */
    long long int problem_since;
};
/* False if the store holds no such object. */
bool policy_store_object(const struct policy_store *, enum sg_kind,
                         const struct uuid *, struct store_object *);
/* Objects with a problem now. */
size_t policy_store_n_problems(const struct policy_store *);
/* Needed objects that are in force, and that the controller does not know. */
size_t policy_store_n_orphaned(const struct policy_store *);
/* Everything held: what is needed, and groups that linger.  Sorted. */
void policy_store_held(const struct policy_store *, struct sg_ref_list *);
/* Raised by each change of which objects policy_store_needs() and
 * policy_store_held() list (not of their revisions). */
uint64_t policy_store_needs_seqno(const struct policy_store *);
/* Local ports beyond the limit: not in the policy, hence closed. */
size_t policy_store_ports_refused(const struct policy_store *);

/* How much of the limits is in use.  Of what exists several times the
 * largest, and whose it is; all zero: there is none. */
struct store_peak {
    size_t n;
    struct uuid id;
};
struct policy_store_usage {
    size_t n_ports, n_groups, set_entries;
    struct store_peak members, rules;                   /* Of a group. */
    struct store_peak rules_per_port, groups_per_port, pairs_per_port;
    uint64_t refused[STORE_N_LIMITS];   /* Times, since creation. */
};
/* Looks at every port and group. */
void policy_store_get_usage(const struct policy_store *,
                            struct policy_store_usage *);

/* Forgets groups that nothing needs any more since 'linger_ms', counted from
 * the first call that finds them so.  Returns true if some went. */
bool policy_store_expire(struct policy_store *, long long int now,
                         long long int linger_ms);

#endif /* agent/policy_store.h */
