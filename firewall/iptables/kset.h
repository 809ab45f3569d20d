/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef IPTABLES_KSET_H
#define IPTABLES_KSET_H 1

/* The sets of this network namespace: hash:ip and hash:net sets of ipset.
 *
 * Writing goes through libipset, one session, values given as binary data;
 * one member is one request and its answer, many share messages of one page.
 * Listing goes through libmnl, because libipset would print each member as
 * text and parse it back.  Which set a rule means goes through a socket
 * option, the same that the iptables command uses.
 *
 * The cost of every request grows with the number of sets that were created
 * before this one in the namespace (the kernel compares names one by one):
 * batch per set.
 *
 * libipset keeps one list of sets per process, and only errors as sentences;
 * both are dealt with here, and nobody else includes the library.
 *
 * Functions return 0 or an errno as in firewall/backend.h; kset_error() has
 * the sentence of the last failure. */

#include "firewall/ruleset.h"

struct kset;

struct kset *kset_create(char **error);
void kset_destroy(struct kset *);
const char *kset_error(const struct kset *);

int kset_list(struct kset *, struct fw_ruleset *) SG_MUST_USE;
int kset_members(struct kset *, const struct fw_set *,
                 struct sg_prefix_list *) SG_MUST_USE;
int kset_test(struct kset *, const struct fw_set *,
              const struct sg_prefix *address, bool *member) SG_MUST_USE;

int kset_set_create(struct kset *, const struct fw_set *) SG_MUST_USE;
int kset_set_destroy(struct kset *, const char *name) SG_MUST_USE;
int kset_swap(struct kset *, const char *a, const char *b) SG_MUST_USE;

/* Some members of one set, whose name, family and content count. */
struct kset_batch {
    const struct fw_set *set;
    const struct sg_prefix *members;
    size_t n;
};
int kset_add(struct kset *, const struct kset_batch *, size_t *n_done)
    SG_MUST_USE;
int kset_del(struct kset *, const struct kset_batch *, size_t *n_done)
    SG_MUST_USE;

int kset_index(struct kset *, const char *name, enum sg_family,
               uint16_t *index) SG_MUST_USE;
int kset_name(struct kset *, uint16_t index, char name[FW_SET_LEN])
    SG_MUST_USE;

#endif /* kset.h */
