/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "firewall/iptables/ipt_zone.h"

/* Before the kernel's headers: theirs gives way, the C library's does not. */
#include <netinet/in.h>
#include <string.h>

#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <linux/netfilter/xt_CT.h>
#include <linux/netfilter/xt_physdev.h>

#include "util.h"

/* What an entry asks for, besides its target. */
struct conditions {
    char device[SG_DEVICE_LEN]; /* "": none. */
    bool other;                 /* Something else, too. */
};

/* Of all revisions of the target: the beginning is the same. */
struct ct_info {
    uint16_t flags;
    uint16_t zone;
};
BUILD_ASSERT_DECL(offsetof(struct xt_ct_target_info, zone)
                  == offsetof(struct ct_info, zone));
BUILD_ASSERT_DECL(offsetof(struct xt_ct_target_info_v1, zone)
                  == offsetof(struct ct_info, zone));

#define TARGET_HEADER XT_ALIGN(sizeof(struct xt_entry_target))
#define MATCH_HEADER XT_ALIGN(sizeof(struct xt_entry_match))

/* A name that is compared as a whole: a pattern's mask does not reach the
 * end.  A second one is too many. */
static void
add_device(struct conditions *c, const char *name, const uint8_t *mask)
{
    size_t len = strnlen(name, IFNAMSIZ);

    BUILD_ASSERT(SG_DEVICE_LEN == IFNAMSIZ);
    if (!len || len >= IFNAMSIZ || c->device[0]) {
        c->other = true;
        return;
    }
    for (size_t i = 0; i <= len; i++) {
        c->other = c->other || mask[i] != 0xff;
    }
    memcpy(c->device, name, len);
}

/* Looks at a header of 'family': all of it but the incoming device must be
 * zero. */
static void
look_at_header(enum sg_family family, const void *entry,
               struct conditions *c)
{
    static const struct ipt_ip no_ip;
    static const struct ip6t_ip6 no_ip6;

    if (family == SG_IPV4) {
        struct ipt_ip ip = ((const struct ipt_entry *) entry)->ip;

        if (ip.iniface[0]) {
            add_device(c, ip.iniface, ip.iniface_mask);
        }
        memset(ip.iniface, 0, sizeof ip.iniface);
        memset(ip.iniface_mask, 0, sizeof ip.iniface_mask);
        c->other = c->other || memcmp(&ip, &no_ip, sizeof ip);
    } else {
        struct ip6t_ip6 ip = ((const struct ip6t_entry *) entry)->ipv6;

        if (ip.iniface[0]) {
            add_device(c, ip.iniface, ip.iniface_mask);
        }
        memset(ip.iniface, 0, sizeof ip.iniface);
        memset(ip.iniface_mask, 0, sizeof ip.iniface_mask);
        c->other = c->other || memcmp(&ip, &no_ip6, sizeof ip);
    }
}

static void
look_at_match(const struct xt_entry_match *m, struct conditions *c)
{
    const uint8_t *data = (const uint8_t *) m + MATCH_HEADER;
    size_t size = m->u.user.match_size - MATCH_HEADER;

    if (!strncmp(m->u.user.name, "comment", sizeof m->u.user.name)) {
        return;
    }
    if (!strncmp(m->u.user.name, "physdev", sizeof m->u.user.name)
        && !m->u.user.revision && size >= sizeof(struct xt_physdev_info)) {
        const struct xt_physdev_info *info = (const void *) data;

        c->other = (c->other || info->bitmask != XT_PHYSDEV_OP_IN
                    || info->invert);
        add_device(c, info->physindev, (const uint8_t *) info->in_mask);
    } else {
        c->other = true;
    }
}

bool
ipt_decode_zone(enum sg_family family, const void *entry_, size_t size,
                struct fw_zone_rule *rule)
{
    size_t header = (family == SG_IPV4 ? sizeof(struct ipt_entry)
                     : sizeof(struct ip6t_entry));
    const uint8_t *entry = entry_;
    struct conditions c = { .other = false };
    const struct xt_entry_target *t;
    const struct xt_entry_match *m;
    struct ct_info info;
    size_t target;

    if (size < header + TARGET_HEADER + sizeof info) {
        return false;
    }
    target = (family == SG_IPV4
              ? ((const struct ipt_entry *) entry_)->target_offset
              : ((const struct ip6t_entry *) entry_)->target_offset);
    if (target < header || target % XT_ALIGN(1)
        || target > size - TARGET_HEADER - sizeof info) {
        return false;
    }
    t = (const void *) (entry + target);
    if (strncmp(t->u.user.name, "CT", sizeof t->u.user.name)) {
        return false;
    }
    memcpy(&info, entry + target + TARGET_HEADER, sizeof info);
    if (info.flags & XT_CT_NOTRACK) {
        info.zone = 0;
    } else if (info.flags & XT_CT_ZONE_MARK || !info.zone) {
        return false;
    }

    look_at_header(family, entry, &c);
    for (size_t offset = header; offset < target;
         offset += m->u.user.match_size) {
        m = (const void *) (entry + offset);
        if (target - offset < MATCH_HEADER
            || m->u.user.match_size < MATCH_HEADER
            || m->u.user.match_size % XT_ALIGN(1)
            || m->u.user.match_size > target - offset) {
            return false;
        }
        look_at_match(m, &c);
    }

    memset(rule, 0, sizeof *rule);
    rule->family = family;
    rule->zone = info.zone;
    /* A zone for one direction alone is not the zone of the device. */
    if (!c.other && !(info.flags & (XT_CT_ZONE_DIR_ORIG
                                    | XT_CT_ZONE_DIR_REPL))) {
        memcpy(rule->device, c.device, sizeof rule->device);
    }
    return true;
}
