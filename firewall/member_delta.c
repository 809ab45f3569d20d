/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "firewall/member_delta.h"

#include <string.h>

#include "util.h"

static bool sort_out(const struct sg_prefix *, size_t n,
                     struct sg_prefix_list [SG_N_FAMILIES][FW_N_CONTENTS]);
static bool in_list(const struct sg_prefix *, size_t n,
                    const struct sg_prefix *);

void
fw_member_ops_init(struct fw_member_ops *ops)
{
    memset(ops, 0, sizeof *ops);
}

void
fw_member_ops_uninit(struct fw_member_ops *ops)
{
    for (size_t f = 0; f < SG_N_FAMILIES; f++) {
        for (size_t c = 0; c < FW_N_CONTENTS; c++) {
            sg_prefix_list_uninit(&ops->add[f][c]);
            sg_prefix_list_uninit(&ops->del[f][c]);
        }
    }
}

/* ------------------------------------------------------------------------ */
/* The whole family and its halves. */

static struct sg_prefix
whole(enum sg_family family)
{
    return (struct sg_prefix) { .family = family };
}

static struct sg_prefix
half(enum sg_family family, int upper)
{
    return (struct sg_prefix) {
        .family = family, .plen = 1, .addr = { upper ? 0x80 : 0 },
    };
}

/* Is the element for 'p', a half, there for its own sake or for the whole? */
static bool
has_half(const struct sg_members *members, const struct sg_prefix *p)
{
    const struct sg_prefix all = whole(p->family);

    return members && (sg_members_contains(members, p)
                       || sg_members_contains(members, &all));
}

/* A turn's view of a group: as it is, and what of that came and went. */
struct turn {
    const struct sg_members *members;
    const struct sg_prefix *added, *removed;
    size_t n_added, n_removed;
};

static bool
had(const struct turn *t, const struct sg_prefix *p)
{
    return in_list(t->removed, t->n_removed, p)
           || (t->members && sg_members_contains(t->members, p)
               && !in_list(t->added, t->n_added, p));
}

static void
change_halves(struct fw_member_ops *ops, const struct turn *t,
              enum sg_family family)
{
    const struct sg_prefix all = whole(family);

    for (int upper = 0; upper < 2; upper++) {
        const struct sg_prefix p = half(family, upper);
        bool before = had(t, &p) || had(t, &all);
        bool after = has_half(t->members, &p);

        if (after && !before) {
            sg_prefix_list_add(&ops->add[family][FW_NETS], &p);
        } else if (before && !after) {
            sg_prefix_list_add(&ops->del[family][FW_NETS], &p);
        }
    }
}

/* ------------------------------------------------------------------------ */

/* Replaces the content of 'ops'. */
void
fw_member_ops_set(struct fw_member_ops *ops, const struct sg_members *members,
                  const struct sg_prefix *added, size_t n_added,
                  const struct sg_prefix *removed, size_t n_removed)
{
    bool halves = sort_out(added, n_added, ops->add);
    halves |= sort_out(removed, n_removed, ops->del);
    if (halves) {
        const struct turn turn = { members, added, removed,
                                   n_added, n_removed };

        for (size_t f = 0; f < SG_N_FAMILIES; f++) {
            change_halves(ops, &turn, f);
        }
    }
}

static bool
is_unspecified(const struct sg_prefix *p)
{
    static const uint8_t zero[sizeof p->addr];

    return sg_prefix_is_host(p) && !memcmp(p->addr, zero, sizeof zero);
}

/* The kernel refuses prefixes of length 0, and in hash:ip the unspecified
 * address.  Into hash:ip it would expand an IPv4 prefix. */
bool
fw_set_can_hold(const struct fw_set *set, const struct sg_prefix *p)
{
    if (p->family != set->family) {
        return false;
    }
    return (set->content == FW_NETS ? p->plen && !sg_prefix_is_host(p)
            : sg_prefix_is_host(p) && !is_unspecified(p));
}

void
fw_set_elements(const struct fw_set *set, const struct sg_members *members,
                struct sg_prefix_list *list)
{
    const struct sg_member *m;

    if (set->content == FW_NETS && !members->n_prefixes[set->family]) {
        return;
    }
    SG_MEMBERS_FOR_EACH (m, members) {
        if (fw_set_can_hold(set, &m->prefix)
            && (m->prefix.plen != 1 || set->content == FW_HOSTS)) {
            sg_prefix_list_add(list, &m->prefix);
        }
    }
    for (int upper = 0; set->content == FW_NETS && upper < 2; upper++) {
        const struct sg_prefix p = half(set->family, upper);

        if (has_half(members, &p)) {
            sg_prefix_list_add(list, &p);
        }
    }
}

size_t
fw_set_n_elements(const struct fw_set *set, const struct sg_members *members)
{
    enum sg_family family = set->family;

    if (set->content == FW_HOSTS) {
        struct sg_prefix unspecified = whole(family);

        unspecified.plen = sg_family_bits(family);
        return (members->n_hosts[family]
                - sg_members_contains(members, &unspecified));
    }
    if (!members->n_prefixes[family]) {
        return 0;
    }

    const struct sg_prefix all = whole(family);
    size_t n = members->n_prefixes[family];
    n -= sg_members_contains(members, &all);
    for (int upper = 0; upper < 2; upper++) {
        const struct sg_prefix p = half(family, upper);

        n -= sg_members_contains(members, &p);
        n += has_half(members, &p);
    }
    return n;
}

/* All but the whole and the halves; returns true if some of these are among
 * them. */
static bool
sort_out(const struct sg_prefix *p, size_t n,
         struct sg_prefix_list lists[SG_N_FAMILIES][FW_N_CONTENTS])
{
    bool halves = false;

    for (size_t f = 0; f < SG_N_FAMILIES; f++) {
        for (size_t c = 0; c < FW_N_CONTENTS; c++) {
            lists[f][c].n = 0;
        }
    }
    for (size_t i = 0; i < n; i++) {
        enum fw_content content = (sg_prefix_is_host(&p[i])
                                   ? FW_HOSTS : FW_NETS);

        if (p[i].plen <= 1) {
            halves = true;
        } else if (!is_unspecified(&p[i])) {
            sg_prefix_list_add(&lists[p[i].family][content], &p[i]);
        }
    }
    return halves;
}

static bool
in_list(const struct sg_prefix *list, size_t n, const struct sg_prefix *p)
{
    for (size_t i = 0; i < n; i++) {
        if (sg_prefix_equals(&list[i], p)) {
            return true;
        }
    }
    return false;
}

/* A prefix of length 0 contains what its two halves do. */
bool
fw_set_matches(const struct fw_set *set, const struct sg_members *members,
               const struct sg_prefix *address)
{
    const struct sg_member *m;

    if (set->content == FW_HOSTS) {
        return (fw_set_can_hold(set, address)
                && sg_members_contains(members, address));
    }
    SG_MEMBERS_FOR_EACH (m, members) {
        if (!sg_prefix_is_host(&m->prefix)
            && sg_prefix_contains(&m->prefix, address)) {
            return true;
        }
    }
    return false;
}
