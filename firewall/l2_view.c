/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "firewall/l2_view.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <string.h>

#include "util.h"

/* Reports of multicast listeners, version 2 (RFC 3810). */
#define MLD2_LISTENER_REPORT 143

static bool is_seen(const struct l2_elements *, const struct fw_packet *);
static bool has(const struct l2_elements *, enum l2_kind,
                const struct fw_packet *);
static bool has_pair(const struct l2_elements *, const struct fw_packet *);
static bool is_unspecified(const struct sg_prefix *);
static bool may_be_unspecified(const struct fw_packet *);
static bool is_icmp6(const struct fw_packet *, uint8_t type);

const char *
l2_view_name(enum l2_view view)
{
    switch (view) {
#define L2_VIEW(ENUM, NAME, TEXT) case L2_VIEW_##ENUM: return NAME;
    L2_VIEWS
#undef L2_VIEW
    }
    OVS_NOT_REACHED();
}

const char *
l2_view_text(enum l2_view view)
{
    switch (view) {
#define L2_VIEW(ENUM, NAME, TEXT) case L2_VIEW_##ENUM: return TEXT;
    L2_VIEWS
#undef L2_VIEW
    }
    OVS_NOT_REACHED();
}

bool
l2_view_passes(enum l2_view view)
{
    return view <= L2_VIEW_OWN_SENDER;
}

/* In the order of the guard's rules. */
enum l2_view
l2_view(const struct l2_elements *list, const struct fw_packet *p,
        bool is_tap)
{
    if (is_seen(list, p)) {
        return L2_VIEW_SEEN;
    }
    if (has(list, L2_SHUT, p)) {
        return L2_VIEW_SHUT;
    }
    if (!is_tap || has(list, L2_OTHER, p)) {
        return L2_VIEW_NOT_LOOKED_AT;
    }
    if (has(list, L2_FREE, p)) {
        return L2_VIEW_UNFILTERED;
    }
    if (is_icmp6(p, ND_ROUTER_ADVERT) || is_icmp6(p, ND_REDIRECT)) {
        return L2_VIEW_ROUTER;
    }
    if (is_unspecified(&p->src) && may_be_unspecified(p)
        && has(list, L2_MAC, p)) {
        return L2_VIEW_OWN_SENDER;
    }
    /* In IPv4 a pair may be the whole family; in IPv6 only this is looked at
     * if there is no address. */
    return (!(is_unspecified(&p->src) && p->family == SG_IPV6)
            && has_pair(list, p) ? L2_VIEW_OWN_SENDER : L2_VIEW_FORGED);
}

static bool
is_seen(const struct l2_elements *list, const struct fw_packet *p)
{
    if (p->family == SG_IPV6 && p->proto != IPPROTO_TCP
        && p->proto != IPPROTO_UDP) {
        return false;
    }
    for (size_t i = 0; i < list->n; i++) {
        if (list->p[i].kind == L2_SEEN
            && list->p[i].prefix.family == p->family) {
            return true;
        }
    }
    return false;
}

static bool
is_from(const struct l2_element *e, const struct fw_packet *p)
{
    return !strncmp(e->device, p->physdev_in, SG_DEVICE_LEN);
}

static bool
has(const struct l2_elements *list, enum l2_kind kind,
    const struct fw_packet *p)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct l2_element *e = &list->p[i];

        if (e->kind == kind && is_from(e, p)
            && (kind != L2_MAC || !memcmp(&e->mac, &p->mac, sizeof p->mac))) {
            return true;
        }
    }
    return false;
}

static bool
has_pair(const struct l2_elements *list, const struct fw_packet *p)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct l2_element *e = &list->p[i];

        if (e->kind == L2_PAIR && is_from(e, p)
            && !memcmp(&e->mac, &p->mac, sizeof p->mac)
            && sg_prefix_contains(&e->prefix, &p->src)) {
            return true;
        }
    }
    return false;
}

static bool
is_unspecified(const struct sg_prefix *address)
{
    static const struct sg_prefix none;

    return !memcmp(address->addr, none.addr, sizeof none.addr);
}

/* What an instance has to send that has no address yet. */
static bool
may_be_unspecified(const struct fw_packet *p)
{
    static const uint8_t broadcast[4] = { 255, 255, 255, 255 };

    return (p->family == SG_IPV4
            ? p->proto == IPPROTO_UDP
              && !memcmp(p->dst.addr, broadcast, sizeof broadcast)
            : is_icmp6(p, ND_NEIGHBOR_SOLICIT)
              || is_icmp6(p, MLD_LISTENER_REPORT)
              || is_icmp6(p, MLD_LISTENER_REDUCTION)
              || is_icmp6(p, MLD2_LISTENER_REPORT));
}

static bool
is_icmp6(const struct fw_packet *p, uint8_t type)
{
    return (p->family == SG_IPV6 && p->proto == IPPROTO_ICMPV6
            && p->icmp_type == type);
}
