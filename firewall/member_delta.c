/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "firewall/member_delta.h"

#include <string.h>

#include "util.h"

static void sort_out(const struct sg_prefix *, size_t n,
                     struct sg_prefix_list lists[SG_N_FAMILIES]);

void
fw_member_ops_init(struct fw_member_ops *ops)
{
    memset(ops, 0, sizeof *ops);
}

void
fw_member_ops_uninit(struct fw_member_ops *ops)
{
    for (size_t f = 0; f < SG_N_FAMILIES; f++) {
        sg_prefix_list_uninit(&ops->add[f]);
        sg_prefix_list_uninit(&ops->del[f]);
    }
}

/* Replaces the content of 'ops'. */
void
fw_member_ops_set(struct fw_member_ops *ops,
                  const struct sg_prefix *added, size_t n_added,
                  const struct sg_prefix *removed, size_t n_removed)
{
    sort_out(added, n_added, ops->add);
    sort_out(removed, n_removed, ops->del);
}

/* The kernel's hash:ip would expand an IPv4 prefix into its addresses and
 * refuses an IPv6 prefix and the unspecified address. */
bool
fw_set_can_hold(const struct sg_prefix *p, enum sg_family family)
{
    static const uint8_t zero[sizeof p->addr];

    return p->family == family && sg_prefix_is_host(p)
           && memcmp(p->addr, zero, sizeof zero);
}

size_t
fw_members_count(const struct sg_members *members, enum sg_family family)
{
    struct sg_prefix zero = { .family = family,
                              .plen = sg_family_bits(family) };

    return members->n_hosts[family] - sg_members_contains(members, &zero);
}

static void
sort_out(const struct sg_prefix *p, size_t n,
         struct sg_prefix_list lists[SG_N_FAMILIES])
{
    for (size_t f = 0; f < SG_N_FAMILIES; f++) {
        lists[f].n = 0;
    }
    for (size_t i = 0; i < n; i++) {
        if (fw_set_can_hold(&p[i], p[i].family)) {
            sg_prefix_list_add(&lists[p[i].family], &p[i]);
        }
    }
}
