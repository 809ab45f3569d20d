/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef FIREWALL_SET_TABLE_H
#define FIREWALL_SET_TABLE_H 1

/* The sets that our installed rules refer to, and what we know of each.
 *
 * An entry is there from the commit that made rules name its set until the
 * commit that took them away, one per group, family and content.  Unless it is
 * 'doubtful', its set holds what the policy says, less what is 'waiting', and
 * besides what is 'leaving'. */

#include "firewall/ruleset.h"
#include "openvswitch/list.h"
#include "sg/members.h"

/* How large a set is, and when it is to grow.  A try that fails is not
 * repeated before some more members have come, twice as many each time. */
struct set_room {
    uint32_t maxelem;
    size_t grow_above;          /* It is to hold more members than this. */
    size_t patience;
};
void set_room_init(struct set_room *, uint32_t maxelem);
/* It is still not larger, and is about to hold 'n' members. */
void set_room_failed(struct set_room *, size_t n);

struct installed_set {
    struct hmap_node node;      /* In set_table 'sets', by group. */
    struct fw_set set;          /* Group, family, content and name. */
    struct set_room room;
    bool doubtful;              /* Set with set_table_doubt(). */
    bool held;                  /* Additions wait for the next apply. */
    bool full;                  /* The last apply could not add them all: it
                                 * is for the next one. */
    struct sg_members waiting;  /* These additions. */
    struct ovs_list wait_node;  /* In set_table 'wait_list' if any wait. */
    struct sg_members leaving;  /* Deletions that go with the next apply. */
};

/* An embedded object. */
struct set_table {
    struct hmap sets;           /* Contains "struct installed_set"s. */
    size_t n_doubtful;
    struct ovs_list wait_list;  /* Contains those for which any wait. */
    size_t n_waiting, n_leaving;        /* Members, of all sets. */
    size_t n_waiting_nets;
};

void set_table_init(struct set_table *);
void set_table_uninit(struct set_table *);
/* The entry with the group, family and content of this set. */
struct installed_set *set_table_find(const struct set_table *,
                                     const struct fw_set *);
/* The same for a desired set, made if need be; if it had another name, what
 * was known of that one is forgotten. */
struct installed_set *set_table_put(struct set_table *,
                                    const struct fw_set *);
/* Forgets the sets of 'family' that 'desired' does not have. */
void set_table_retain(struct set_table *, enum sg_family,
                      const struct fw_ruleset *desired);
void set_table_doubt(struct set_table *, struct installed_set *, bool);
/* Whose addition or deletion goes with the next apply.  The second and the
 * fourth return true if there was one; the last two forget all of a set. */
void set_table_wait(struct set_table *, struct installed_set *,
                    const struct sg_prefix *);
bool set_table_give_up(struct set_table *, struct installed_set *,
                       const struct sg_prefix *);
void set_table_leave(struct set_table *, struct installed_set *,
                     const struct sg_prefix *);
bool set_table_stay(struct set_table *, struct installed_set *,
                    const struct sg_prefix *);
void set_table_came(struct set_table *, struct installed_set *);
void set_table_left(struct set_table *, struct installed_set *);
/* Is the member about to come into any set?  Also true if something may cover
 * it that is about to come, or be covered by it. */
bool set_table_is_coming(const struct set_table *, const struct sg_prefix *);
/* Everything installed is as the policy has it. */
void set_table_settled(struct set_table *);

#define SET_TABLE_FOR_EACH(SET, TABLE) \
    HMAP_FOR_EACH (SET, node, &(TABLE)->sets)
#define SET_TABLE_FOR_EACH_OF_GROUP(SET, GROUP, TABLE) \
    HMAP_FOR_EACH_WITH_HASH (SET, node, sg_id_hash(GROUP), &(TABLE)->sets)

#endif /* firewall/set_table.h */
