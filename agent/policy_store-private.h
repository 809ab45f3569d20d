/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef AGENT_POLICY_STORE_PRIVATE_H
#define AGENT_POLICY_STORE_PRIVATE_H 1

/* The inside of policy_store, for its six files:
 *
 *   policy_store.c     the public face, local ports, lists
 *   store_limits.c     what is beyond a limit, and how much is in use
 *   store_objects.c    objects: found, used, lingering, forgotten
 *   store_apply.c      updates, object by object
 *   store_digest.c     what a controller has, too
 *   store_removal.c    what is not taken away for now
 *
 * Needs are counted, not searched: a port that filters uses the rules of its
 * groups; a rule list that is used uses the members of its remotes.  A change
 * of members therefore looks at nothing but its group.  An object whose last
 * user goes lingers: it stays as it is, goes on receiving updates, and is
 * forgotten by policy_store_expire(). */

#include "agent/member_changes.h"
#include "agent/policy_store.h"
#include "openvswitch/list.h"
#include "sset.h"

/* What is remembered of a port or of half a group besides the object. */
struct track {
    struct hmap_node hash_node; /* In 'by_hash', if held. */
    struct ovs_list linger_node; /* In 'lingering', if held without users. */
    enum sg_kind kind;
    struct uuid id;
    uint64_t hash;              /* sg_ref_hash(). */
    bool held;
    size_t users;
    long long int unneeded;     /* Lingers since; LLONG_MIN: not noted yet. */
    long long int since;        /* Of its state. */
    char *problem;
    long long int problem_since;
    int64_t refused;            /* Revision that was not taken, or 0. */
    int64_t floor;              /* Nothing below replaces what is in force. */
    uint64_t digest_mark;       /* Last digest whose closure has it. */
    bool spared;                /* See policy_store_spare(). */
    long long int spared_since;
    int64_t spared_revision;    /* Of what was not done. */
};

struct store_port {
    struct sg_port port;        /* First: what sg_policy sees. */
    struct track track;
    size_t n_rules;             /* Of all its groups. */
    uint64_t mark;              /* Last policy_store_set_local() with it. */
};

struct store_group {
    struct sg_group group;      /* First: what sg_policy sees. */
    struct track rules, members;
    bool dirty;                 /* In 'dirty_groups'. */
};

struct policy_store {
    struct policy_store_limits limits;
    struct sg_policy policy;    /* Of store_ports and store_groups. */
    struct hmap by_hash;        /* Contains "struct track"s. */
    struct ovs_list lingering;
    long long int now;          /* The newest time that was handed in. */
    uint64_t mark;
    uint64_t digest_mark;
    uint64_t needs_seqno;
    size_t n_problems;
    size_t n_spared;
    size_t n_ports_refused;
    size_t set_entries;         /* Members of all groups. */
    uint64_t refused[STORE_N_LIMITS];
    bool changed;               /* Since the last new generation. */

    struct member_changes changes;
    bool dirty;
    int64_t dirty_sent;         /* Of the oldest change since, or 0. */
    int64_t update_sent;        /* Of the update being applied, else 0. */
    struct sset dirty_devices;
    struct uuid *dirty_groups;
    size_t n_dirty_groups, allocated_dirty_groups;

    struct store_arrival *arrivals;
    size_t n_arrivals, allocated_arrivals;
};

/* store_objects.c */
struct store_port *store_find_port(const struct policy_store *,
                                   const struct uuid *);
struct store_group *store_find_group(const struct policy_store *,
                                     const struct uuid *);
struct track *store_find_track(const struct policy_store *, enum sg_kind,
                               const struct uuid *);
int64_t *track_revision(struct track *);
enum sg_knowledge *track_state(struct track *);

struct store_port *store_add_port(struct policy_store *, const struct uuid *);
void store_remove_port(struct policy_store *, struct store_port *);
void store_free_group(struct policy_store *, struct store_group *);
void store_forget(struct policy_store *, struct track *);

void store_use_groups(struct policy_store *, const struct sg_port_spec *);
void store_unuse_groups(struct policy_store *, const struct sg_port_spec *);
void store_use_remotes(struct policy_store *, const struct sg_rules_spec *);
void store_unuse_remotes(struct policy_store *, const struct sg_rules_spec *);

void store_set_state(struct policy_store *, struct track *,
                     enum sg_knowledge);
void store_set_problem(struct policy_store *, struct track *, char *text);
void store_empty_members(struct policy_store *, struct store_group *,
                         int64_t sent);
void store_dirty_device(struct policy_store *, const char *device);
void store_dirty_group(struct policy_store *, struct store_group *);

/* store_removal.c: it is taken away, or needs no sparing. */
void store_unspare(struct policy_store *, struct track *);

/* store_limits.c: NULL, or a malloc'd sentence why the object cannot be
 * taken; then that is counted. */
char *store_port_problem(struct policy_store *, const struct store_port *,
                         const struct sg_port_spec *) SG_MUST_USE;
char *store_rules_problem(struct policy_store *, const struct store_group *,
                          const struct sg_rules_spec *) SG_MUST_USE;
char *store_members_problem(struct policy_store *, const struct store_group *,
                            const struct sg_members_spec *) SG_MUST_USE;
/* Rules of all groups of the port. */
size_t store_count_rules(const struct policy_store *,
                         const struct sg_port_spec *);
/* Does it count for this port what the rules of 'group' are? */
bool store_port_has_group(const struct sg_port_spec *,
                          const struct uuid *group);

/* store_apply.c */
struct policy_store_applied store_apply(struct policy_store *,
                                        const struct sg_update *,
                                        struct sg_ref_list *ask);
size_t store_remember(struct policy_store *, const struct sg_update *);

/* Does this rule need the members of 'remote_id'? */
static inline bool
store_rule_has_remote(const struct sg_rule *rule)
{
    return (rule->remote == SG_REMOTE_GROUP
            || rule->remote == SG_REMOTE_ADDRESS_GROUP);
}

#endif /* agent/policy_store-private.h */
