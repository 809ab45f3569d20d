/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef FIREWALL_SET_USERS_H
#define FIREWALL_SET_USERS_H 1

/* Who uses which sets, and how that changes.  Pure.
 *
 * A packet meets the chain of one port and direction ("sg1-e-DEV",
 * "sg1-t-DEV"), and what that chain leads to: the chains of all its groups.
 * So whether a packet passes depends on all sets that such a chain reaches,
 * together; a port is the user of a set, not the group chain that names it.
 *
 * Cost: some passes over the chains of the security tables. */

#include "firewall/ruleset.h"
#include "sset.h"

/* Add the names of all sets used by the ports on 'devices', or by any port
 * that has one of 'groups'. */
void fw_sets_of_devices(const struct fw_ruleset *,
                        const char *const *devices, size_t n, struct sset *);
void fw_sets_of_groups(const struct fw_ruleset *,
                       const struct uuid *groups, size_t n, struct sset *);

/* Are these chains different, other than in the slots of sets? */
bool fw_chain_changes(const struct fw_chain *, const struct fw_chain *);

/* Names of sets by what happens to their users on the way from one ruleset to
 * another.  A port that only gets the other slot of a set did not change: the
 * rule is about the same group. */
struct fw_set_users {
    struct sset old;            /* Used by a port that changes or goes. */
    struct sset new;            /* Used by a port that changed or comes. */
};
void fw_set_users_init(struct fw_set_users *);
void fw_set_users_compare(struct fw_set_users *,
                          const struct fw_ruleset *actual,
                          const struct fw_ruleset *desired);
void fw_set_users_uninit(struct fw_set_users *);

#endif /* firewall/set_users.h */
