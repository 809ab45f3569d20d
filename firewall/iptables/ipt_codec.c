/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "firewall/iptables/ipt_codec.h"

#include <errno.h>
#include <limits.h>
/* Before the kernel's headers: theirs gives way, the C library's does not. */
#include <netinet/in.h>
#include <string.h>

#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <linux/netfilter/xt_comment.h>
#include <linux/netfilter/xt_connmark.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_CT.h>
#include <linux/netfilter/xt_mac.h>
#include <linux/netfilter/xt_multiport.h>
#include <linux/netfilter/xt_physdev.h>
#include <linux/netfilter/xt_set.h>
#include <linux/netfilter/xt_tcpudp.h>

#include "firewall/iptables/ipt_rule.h"
#include "openvswitch/compiler.h"
#include "openvswitch/util.h"
#include "util.h"

/* Where the two families differ.  All other structures are shared. */
struct layout {
    size_t size;                /* Of the header. */
    size_t addr_len;
    size_t src, dst, src_mask, dst_mask;
    size_t in, out, in_mask, out_mask;
    size_t proto, flags, inversions;
    size_t target_offset, next_offset;
    size_t comefrom;            /* The kernel's; from here on it writes. */
    size_t counters;
    uint8_t flag_proto;         /* Must be set for 'proto' to count. */
    uint8_t flag_goto;
    const char *icmp_match;
};

#define LAYOUT(ENTRY, IP)                                           \
    .size = sizeof(struct ENTRY),                                   \
    .addr_len = sizeof ((struct ENTRY *) NULL)->IP.src,             \
    .src = offsetof(struct ENTRY, IP.src),                          \
    .dst = offsetof(struct ENTRY, IP.dst),                          \
    .src_mask = offsetof(struct ENTRY, IP.smsk),                    \
    .dst_mask = offsetof(struct ENTRY, IP.dmsk),                    \
    .in = offsetof(struct ENTRY, IP.iniface),                       \
    .out = offsetof(struct ENTRY, IP.outiface),                     \
    .in_mask = offsetof(struct ENTRY, IP.iniface_mask),             \
    .out_mask = offsetof(struct ENTRY, IP.outiface_mask),           \
    .proto = offsetof(struct ENTRY, IP.proto),                      \
    .flags = offsetof(struct ENTRY, IP.flags),                      \
    .inversions = offsetof(struct ENTRY, IP.invflags),              \
    .target_offset = offsetof(struct ENTRY, target_offset),         \
    .next_offset = offsetof(struct ENTRY, next_offset),             \
    .comefrom = offsetof(struct ENTRY, comefrom),                   \
    .counters = offsetof(struct ENTRY, counters)

static const struct layout layouts[SG_N_FAMILIES] = {
    [SG_IPV4] = {
        LAYOUT(ipt_entry, ip),
        .flag_proto = 0,
        .flag_goto = IPT_F_GOTO,
        .icmp_match = "icmp",
    },
    [SG_IPV6] = {
        LAYOUT(ip6t_entry, ipv6),
        .flag_proto = IP6T_F_PROTO,
        .flag_goto = IP6T_F_GOTO,
        .icmp_match = "icmp6",
    },
};

/* Headers of a match and of a target: size, name, revision. */
BUILD_ASSERT_DECL(sizeof(struct xt_entry_match)
                  == sizeof(struct xt_entry_target));

/* Both are {type, code[2], invflags}. */
BUILD_ASSERT_DECL(sizeof(struct ipt_icmp) == sizeof(struct ip6t_icmp));
BUILD_ASSERT_DECL(offsetof(struct ipt_icmp, code)
                  == offsetof(struct ip6t_icmp, code));

#define PART_SIZE(HEADER, DATA) \
    (XT_ALIGN(sizeof(struct HEADER)) + XT_ALIGN(sizeof(struct DATA)))
#define MATCH_SIZE(DATA) PART_SIZE(xt_entry_match, DATA)
#define TARGET_HEADER XT_ALIGN(sizeof(struct xt_entry_target))

/* A protocol that is not to be is said alike. */
BUILD_ASSERT_DECL(IPT_INV_PROTO == XT_INV_PROTO
                  && IP6T_INV_PROTO == XT_INV_PROTO);

BUILD_ASSERT_DECL(IPT_ENTRY_MAX >= sizeof(struct ip6t_entry)
                  + MATCH_SIZE(xt_physdev_info)
                  + MATCH_SIZE(xt_conntrack_mtinfo3)
                  + MATCH_SIZE(xt_connmark_mtinfo1)
                  + MATCH_SIZE(xt_mac_info)
                  + MATCH_SIZE(xt_set_info_match_v4)
                  + 2 * MATCH_SIZE(xt_multiport_v1)
                  + MATCH_SIZE(xt_comment_info)
                  + PART_SIZE(xt_entry_target, xt_ct_target_info_v1));

#define PORT_MATCHES (FW_M_SPORT | FW_M_DPORT)
#define SET_MATCHES (FW_M_SET_SRC | FW_M_SET_DST)
#define PHYSDEV_MATCHES (FW_M_PHYSDEV_IN | FW_M_PHYSDEV_OUT)
#define PROTO_MATCHES (FW_M_PROTO | FW_M_NOT_PROTO)
#define CONNMARK_MATCHES (FW_M_CONNMARK | FW_M_NOT_CONNMARK)

/* Both ports of FW_M_NOT_FLOW_PORT, in the "conntrack" match. */
#define FLOW_PORTS (XT_CONNTRACK_ORIGSRC_PORT | XT_CONNTRACK_REPLSRC_PORT)

static void build(const struct layout *, const struct fw_rule *,
                  uint16_t set_index, struct ipt_entry_buf *);
static bool take_apart(const struct ipt_codec *, const uint8_t *entry,
                       size_t size, const char *target,
                       struct fw_rule *, uint16_t *set_index);
static bool is_same(const struct layout *, const uint8_t *entry, size_t size,
                    const struct ipt_entry_buf *, enum fw_verdict);

/* ------------------------------------------------------------------------ */
/* Encoding. */

/* Makes the entry of 'rule' in '*buf', counters zero.  Returns 0, EINVAL if
 * ipt_rule_problem() has something to say, or what 'set_index' returned. */
int
ipt_encode(const struct ipt_codec *codec, const struct fw_rule *rule,
           struct ipt_entry_buf *buf)
{
    uint16_t index = 0;

    if (ipt_rule_problem(codec->family, rule)) {
        return EINVAL;
    }
    if (rule->match & SET_MATCHES) {
        int error = codec->set_index(codec->aux, rule->set, codec->family,
                                     &index);
        if (error) {
            return error;
        }
    }
    build(&layouts[codec->family], rule, index, buf);
    return 0;
}

static uint8_t *
put(struct ipt_entry_buf *buf, size_t size)
{
    uint8_t *p = (uint8_t *) buf->words + buf->size;

    ovs_assert(size <= sizeof buf->words - buf->size);
    /* Padding is compared as well. */
    memset(p, 0, size);
    buf->size += size;
    return p;
}

static void *
put_match(struct ipt_entry_buf *buf, const char *name, uint8_t revision,
          size_t size)
{
    size_t total = XT_ALIGN(sizeof(struct xt_entry_match)) + XT_ALIGN(size);
    struct xt_entry_match *m = (void *) put(buf, total);

    m->u.user.match_size = total;
    m->u.user.revision = revision;
    ovs_strlcpy(m->u.user.name, name, sizeof m->u.user.name);
    return (uint8_t *) m + XT_ALIGN(sizeof *m);
}

static void
set_prefix(const struct layout *l, uint8_t *addr, uint8_t *mask,
           const struct sg_prefix *p)
{
    memcpy(addr, p->addr, l->addr_len);
    memset(mask, 0xff, p->plen / 8);
    if (p->plen % 8) {
        mask[p->plen / 8] = 0xff << (8 - p->plen % 8);
    }
}

/* An exact name is compared with its NUL.  A wildcard keeps its '+' in the
 * name, outside the mask, because the iptables command does. */
static void
set_interface(void *name_, void *mask, const char *name)
{
    size_t len = strlen(name);

    memcpy(name_, name, len);
    memset(mask, 0xff, name[len - 1] == '+' ? len - 1 : len + 1);
}

static void
put_physdev(struct ipt_entry_buf *buf, const struct fw_rule *r)
{
    struct xt_physdev_info *info = put_match(buf, "physdev", 0, sizeof *info);

    if (r->match & FW_M_PHYSDEV_IN) {
        set_interface(info->physindev, info->in_mask, r->physdev_in);
        info->bitmask |= XT_PHYSDEV_OP_IN;
    }
    if (r->match & FW_M_PHYSDEV_OUT) {
        set_interface(info->physoutdev, info->out_mask, r->physdev_out);
        info->bitmask |= XT_PHYSDEV_OP_OUT;
    }
}

static void
put_established(struct ipt_entry_buf *buf, const struct fw_rule *r)
{
    struct xt_conntrack_mtinfo3 *info
        = put_match(buf, "conntrack", 3, sizeof *info);

    info->match_flags = XT_CONNTRACK_STATE;
    info->state_mask = XT_CONNTRACK_STATE_BIT(IP_CT_ESTABLISHED)
                       | XT_CONNTRACK_STATE_BIT(IP_CT_RELATED);
    if (r->match & FW_M_NOT_FLOW_PORT) {
        info->match_flags |= FLOW_PORTS;
        info->invert_flags = FLOW_PORTS;
        info->origsrc_port = info->origsrc_port_high = r->flow_port;
        info->replsrc_port = info->replsrc_port_high = r->flow_port;
    }
}

static void
put_connmark(struct ipt_entry_buf *buf, const struct fw_rule *r)
{
    struct xt_connmark_mtinfo1 *info
        = put_match(buf, "connmark", 1, sizeof *info);

    info->mark = info->mask = r->connmark;
    info->invert = (r->match & FW_M_NOT_CONNMARK) != 0;
}

static void
put_mac(struct ipt_entry_buf *buf, const struct fw_rule *r)
{
    struct xt_mac_info *info = put_match(buf, "mac", 0, sizeof *info);

    memcpy(info->srcaddr, r->mac.ea, sizeof info->srcaddr);
}

static void
put_set(struct ipt_entry_buf *buf, const struct fw_rule *r, uint16_t index)
{
    struct xt_set_info_match_v4 *info = put_match(buf, "set", 4, sizeof *info);

    info->match_set.index = index;
    info->match_set.dim = IPSET_DIM_ONE;
    info->match_set.flags = r->match & FW_M_SET_SRC ? IPSET_DIM_ONE_SRC : 0;
}

static void
put_multiport(struct ipt_entry_buf *buf, enum xt_multiport_flags which,
              uint16_t min, uint16_t max)
{
    struct xt_multiport_v1 *info
        = put_match(buf, "multiport", 1, sizeof *info);

    info->flags = which;
    info->count = min == max ? 1 : 2;
    info->ports[0] = min;
    if (min != max) {
        info->pflags[0] = 1;    /* The next one is the end of a range. */
        info->ports[1] = max;
    }
}

static void
put_ports(struct ipt_entry_buf *buf, const struct fw_rule *r)
{
    if (ipt_has_own_port_match(r->proto)) {
        bool sport = r->match & FW_M_SPORT, dport = r->match & FW_M_DPORT;
        uint16_t range[4] = {
            sport ? r->sport_min : 0, sport ? r->sport_max : UINT16_MAX,
            dport ? r->dport_min : 0, dport ? r->dport_max : UINT16_MAX,
        };
        bool tcp = r->proto == IPPROTO_TCP;
        uint8_t *info = put_match(buf, tcp ? "tcp" : "udp", 0,
                                  tcp ? sizeof(struct xt_tcp)
                                  : sizeof(struct xt_udp));

        /* Both begin with the two ranges. */
        BUILD_ASSERT(offsetof(struct xt_tcp, dpts) == sizeof range / 2);
        BUILD_ASSERT(offsetof(struct xt_udp, dpts) == sizeof range / 2);
        memcpy(info, range, sizeof range);
    } else {
        if (r->match & FW_M_SPORT) {
            put_multiport(buf, XT_MULTIPORT_SOURCE,
                          r->sport_min, r->sport_max);
        }
        if (r->match & FW_M_DPORT) {
            put_multiport(buf, XT_MULTIPORT_DESTINATION,
                          r->dport_min, r->dport_max);
        }
    }
}

static void
put_icmp(const struct layout *l, struct ipt_entry_buf *buf,
         const struct fw_rule *r)
{
    struct ipt_icmp *info = put_match(buf, l->icmp_match, 0, sizeof *info);
    bool code = r->match & FW_M_ICMP_CODE;

    info->type = r->icmp_type;
    info->code[0] = code ? r->icmp_code : 0;
    info->code[1] = code ? r->icmp_code : UINT8_MAX;
}

static void
put_target(struct ipt_entry_buf *buf, const struct fw_rule *r)
{
    bool ct = r->verdict == FW_ZONE || r->verdict == FW_NOTRACK;
    size_t size = ct ? PART_SIZE(xt_entry_target, xt_ct_target_info_v1)
                  : XT_ALIGN(sizeof(struct xt_standard_target));
    struct xt_entry_target *t = (void *) put(buf, size);
    struct xt_ct_target_info_v1 *info
        = (void *) ((uint8_t *) t + TARGET_HEADER);
    const char *name = "";

    t->u.user.target_size = size;
    switch ((enum fw_verdict) r->verdict) {
    case FW_ACCEPT:
    case FW_DROP:
    case FW_RETURN:
        name = r->verdict == FW_ACCEPT ? "ACCEPT"
               : r->verdict == FW_DROP ? "DROP" : "RETURN";
        break;
    case FW_JUMP:
    case FW_GOTO:
        name = r->target;
        break;
    case FW_ZONE:
    case FW_NOTRACK:
        name = "CT";
        t->u.user.revision = 2;
        if (r->verdict == FW_ZONE) {
            info->zone = r->zone;
        } else {
            info->flags = XT_CT_NOTRACK;
        }
        break;
    case FW_NONE:               /* ipt_rule_problem() refused it. */
        OVS_NOT_REACHED();
    }
    ovs_strlcpy(t->u.user.name, name, sizeof t->u.user.name);
}

static void
build(const struct layout *l, const struct fw_rule *r, uint16_t set_index,
      struct ipt_entry_buf *buf)
{
    buf->size = 0;

    uint8_t *e = put(buf, l->size);
    if (r->match & FW_M_SRC) {
        set_prefix(l, e + l->src, e + l->src_mask, &r->src);
    }
    if (r->match & FW_M_DST) {
        set_prefix(l, e + l->dst, e + l->dst_mask, &r->dst);
    }
    if (r->match & FW_M_IN) {
        set_interface(e + l->in, e + l->in_mask, r->in);
    }
    if (r->match & FW_M_OUT) {
        set_interface(e + l->out, e + l->out_mask, r->out);
    }
    if (r->match & PROTO_MATCHES) {
        uint16_t proto = r->proto;
        memcpy(e + l->proto, &proto, sizeof proto);
        e[l->flags] |= l->flag_proto;
    }
    if (r->match & FW_M_NOT_PROTO) {
        e[l->inversions] |= XT_INV_PROTO;
    }
    if (r->verdict == FW_GOTO) {
        e[l->flags] |= l->flag_goto;
    }

    /* The canonical order. */
    if (r->match & PHYSDEV_MATCHES) {
        put_physdev(buf, r);
    }
    if (r->match & FW_M_ESTABLISHED) {
        put_established(buf, r);
    }
    if (r->match & CONNMARK_MATCHES) {
        put_connmark(buf, r);
    }
    if (r->match & FW_M_MAC) {
        put_mac(buf, r);
    }
    if (r->match & SET_MATCHES) {
        put_set(buf, r, set_index);
    }
    if (r->match & PORT_MATCHES) {
        put_ports(buf, r);
    }
    if (r->match & FW_M_ICMP_TYPE) {
        put_icmp(l, buf, r);
    }
    if (r->match & FW_M_COMMENT) {
        struct xt_comment_info *info
            = put_match(buf, "comment", 0, sizeof *info);
        ovs_strlcpy(info->comment, FW_HOOK_COMMENT, sizeof info->comment);
    }

    uint16_t target_offset = buf->size;
    put_target(buf, r);
    uint16_t next_offset = buf->size;
    memcpy(e + l->target_offset, &target_offset, sizeof target_offset);
    memcpy(e + l->next_offset, &next_offset, sizeof next_offset);
}

/* ------------------------------------------------------------------------ */
/* Decoding. */

/* Makes '*rule' of the 'size' bytes at 'entry' (8-byte aligned), which may
 * hold anything.  'target' is what the target is called, because the entry
 * itself holds an offset and an empty name: a verdict, the name of a chain, ""
 * for none, or the name of an extension; NULL if there is no saying.
 *
 * A rule that ipt_encode() would not have made becomes FW_M_FOREIGN; it keeps
 * its counters. */
void
ipt_decode(const struct ipt_codec *codec, const void *entry, size_t size,
           const char *target, struct fw_rule *rule)
{
    const struct layout *l = &layouts[codec->family];
    struct ipt_entry_buf again;
    uint16_t index = 0;

    memset(rule, 0, sizeof *rule);
    bool ours = take_apart(codec, entry, size, target, rule, &index)
                && !ipt_rule_problem(codec->family, rule);
    if (ours) {
        build(l, rule, index, &again);
        ours = is_same(l, entry, size, &again, rule->verdict);
    }
    if (!ours) {
        memset(rule, 0, sizeof *rule);
        rule->match = FW_M_FOREIGN;
    }
    if (size >= l->size) {
        struct xt_counters counters;

        memcpy(&counters, (const uint8_t *) entry + l->counters,
               sizeof counters);
        rule->packets = counters.pcnt;
        rule->bytes = counters.bcnt;
    }
}

/* Are two matches, or two targets, the same?  Behind the end of the name the
 * kernel leaves whatever the reader's buffer held. */
static bool
is_same_part(const uint8_t *a, const uint8_t *b)
{
    const struct xt_entry_match *m = (const void *) a;
    const struct xt_entry_match *n = (const void *) b;
    size_t header = XT_ALIGN(sizeof *m);

    return m->u.user.match_size == n->u.user.match_size
        && m->u.user.revision == n->u.user.revision
        && !strncmp(m->u.user.name, n->u.user.name, sizeof m->u.user.name)
        && !memcmp(a + header, b + header, m->u.user.match_size - header);
}

/* Is 'again' what the kernel would hand out as 'entry', which take_apart()
 * could walk through?  Left out are 'comefrom' and the counters, which are the
 * kernel's, and a standard target, which take_apart() has judged. */
static bool
is_same(const struct layout *l, const uint8_t *entry, size_t size,
        const struct ipt_entry_buf *again, enum fw_verdict verdict)
{
    const uint8_t *b = (const uint8_t *) again->words;
    uint16_t target_offset;

    if (size != again->size || memcmp(entry, b, l->comefrom)) {
        return false;
    }
    memcpy(&target_offset, b + l->target_offset, sizeof target_offset);

    size_t offset = l->size;
    while (offset < target_offset) {
        const struct xt_entry_match *m = (const void *) (b + offset);

        if (!is_same_part(entry + offset, b + offset)) {
            return false;
        }
        offset += m->u.user.match_size;
    }
    return (verdict != FW_ZONE && verdict != FW_NOTRACK)
        || is_same_part(entry + target_offset, b + target_offset);
}

static bool
get_prefix(const struct ipt_codec *codec, const uint8_t *addr,
           const uint8_t *mask, struct sg_prefix *p)
{
    const struct layout *l = &layouts[codec->family];
    unsigned int bits = sg_family_bits(codec->family);
    unsigned int plen = 0;

    while (plen < bits && mask[plen / 8] & (0x80 >> plen % 8)) {
        plen++;
    }
    p->family = codec->family;
    p->plen = plen;
    memcpy(p->addr, addr, l->addr_len);
    return plen > 0;
}

/* Copies an interface name of the kernel; '*ok' becomes false if it has no
 * end.  Returns whether there is one. */
static bool
get_interface(const void *from, char to[SG_DEVICE_LEN], bool *ok)
{
    BUILD_ASSERT(SG_DEVICE_LEN == IFNAMSIZ);
    if (!memchr(from, '\0', IFNAMSIZ)) {
        *ok = false;
        return false;
    }
    memcpy(to, from, strlen(from));
    return to[0] != '\0';
}

static bool
get_header(const struct ipt_codec *codec, const uint8_t *e,
           struct fw_rule *r)
{
    const struct layout *l = &layouts[codec->family];
    uint16_t proto;
    bool ok = true;

    memcpy(&proto, e + l->proto, sizeof proto);
    if (proto > UINT8_MAX) {
        return false;
    }
    r->proto = proto;
    r->match |= (!proto ? 0 : e[l->inversions] & XT_INV_PROTO
                 ? FW_M_NOT_PROTO : FW_M_PROTO)
        | (get_prefix(codec, e + l->src, e + l->src_mask, &r->src)
           ? FW_M_SRC : 0)
        | (get_prefix(codec, e + l->dst, e + l->dst_mask, &r->dst)
           ? FW_M_DST : 0)
        | (get_interface(e + l->in, r->in, &ok) ? FW_M_IN : 0)
        | (get_interface(e + l->out, r->out, &ok) ? FW_M_OUT : 0);
    /* What no match speaks of is zero in a rule. */
    if (!(r->match & FW_M_SRC)) {
        memset(&r->src, 0, sizeof r->src);
    }
    if (!(r->match & FW_M_DST)) {
        memset(&r->dst, 0, sizeof r->dst);
    }
    return ok;
}

static bool
get_physdev(const struct xt_physdev_info *info, struct fw_rule *r)
{
    bool ok = true;

    r->match |= (get_interface(info->physindev, r->physdev_in, &ok)
                 ? FW_M_PHYSDEV_IN : 0)
        | (get_interface(info->physoutdev, r->physdev_out, &ok)
           ? FW_M_PHYSDEV_OUT : 0);
    return ok;
}

/* The ranges of "tcp" and "udp": a full range stands for an absent match, and
 * if both are full the rule had a destination range that is full. */
static void
get_ports(const void *info, struct fw_rule *r)
{
    uint16_t range[4];

    memcpy(range, info, sizeof range);
    bool sport = !ipt_is_every_port(range[0], range[1]);
    if (sport) {
        r->match |= FW_M_SPORT;
        r->sport_min = range[0];
        r->sport_max = range[1];
    }
    if (!sport || !ipt_is_every_port(range[2], range[3])) {
        r->match |= FW_M_DPORT;
        r->dport_min = range[2];
        r->dport_max = range[3];
    }
}

static void
get_multiport(const struct xt_multiport_v1 *info, struct fw_rule *r)
{
    uint16_t min = info->ports[0];
    uint16_t max = info->count > 1 ? info->ports[1] : min;

    if (info->flags == XT_MULTIPORT_SOURCE) {
        r->match |= FW_M_SPORT;
        r->sport_min = min;
        r->sport_max = max;
    } else {
        r->match |= FW_M_DPORT;
        r->dport_min = min;
        r->dport_max = max;
    }
}

static bool
get_set(const struct ipt_codec *codec, const struct xt_set_info_match_v4 *info,
        struct fw_rule *r, uint16_t *index)
{
    *index = info->match_set.index;
    r->match |= info->match_set.flags & IPSET_DIM_ONE_SRC
                ? FW_M_SET_SRC : FW_M_SET_DST;
    return !codec->set_name(codec->aux, *index, r->set);
}

/* Reads one match whose data has 'size' bytes.  What is not read here (flags,
 * inversions, order, repetitions) shows in the comparison. */
static bool
get_match(const struct ipt_codec *codec, const struct xt_entry_match *m,
          struct fw_rule *r, uint16_t *set_index)
{
    const struct layout *l = &layouts[codec->family];
    const void *data = (const uint8_t *) m + XT_ALIGN(sizeof *m);
    size_t size = m->u.user.match_size - XT_ALIGN(sizeof *m);
    const char *name = m->u.user.name;

#define IS(NAME, REVISION, STRUCT)                                          \
    (!strncmp(name, NAME, sizeof m->u.user.name)                            \
     && m->u.user.revision == (REVISION)                                    \
     && size == XT_ALIGN(sizeof(struct STRUCT)))
    if (IS("physdev", 0, xt_physdev_info)) {
        return get_physdev(data, r);
    } else if (IS("conntrack", 3, xt_conntrack_mtinfo3)) {
        const struct xt_conntrack_mtinfo3 *info = data;

        r->match |= FW_M_ESTABLISHED;
        if (info->match_flags & FLOW_PORTS) {
            r->match |= FW_M_NOT_FLOW_PORT;
            r->flow_port = info->origsrc_port;
        }
    } else if (IS("connmark", 1, xt_connmark_mtinfo1)) {
        const struct xt_connmark_mtinfo1 *info = data;

        r->match |= info->invert ? FW_M_NOT_CONNMARK : FW_M_CONNMARK;
        r->connmark = info->mark;
    } else if (IS("mac", 0, xt_mac_info)) {
        r->match |= FW_M_MAC;
        memcpy(r->mac.ea, data, sizeof r->mac.ea);
    } else if (IS("set", 4, xt_set_info_match_v4)) {
        return get_set(codec, data, r, set_index);
    } else if (IS("tcp", 0, xt_tcp) || IS("udp", 0, xt_udp)) {
        get_ports(data, r);
    } else if (IS("multiport", 1, xt_multiport_v1)) {
        get_multiport(data, r);
    } else if (IS(l->icmp_match, 0, ipt_icmp)) {
        const struct ipt_icmp *info = data;

        r->match |= FW_M_ICMP_TYPE;
        r->icmp_type = info->type;
        if (info->code[0] == info->code[1]) {
            r->match |= FW_M_ICMP_CODE;
            r->icmp_code = info->code[0];
        }
    } else if (IS("comment", 0, xt_comment_info)) {
        r->match |= FW_M_COMMENT;
    } else {
        return false;
    }
    return true;
#undef IS
}

static bool
get_target(const struct layout *l, const uint8_t *e, uint16_t offset,
           const char *name, struct fw_rule *r)
{
    const struct xt_entry_target *t = (const void *) (e + offset);
    size_t size = t->u.user.target_size;

    if (!name) {
        return false;
    }
    if (!t->u.user.name[0]) {
        /* The kernel's own: a verdict or a jump. */
        if (size != XT_ALIGN(sizeof(struct xt_standard_target))
            || t->u.user.revision) {
            return false;
        }
        if (!strcmp(name, "ACCEPT")) {
            r->verdict = FW_ACCEPT;
        } else if (!strcmp(name, "DROP")) {
            r->verdict = FW_DROP;
        } else if (!strcmp(name, "RETURN")) {
            r->verdict = FW_RETURN;
        } else if (strlen(name) < sizeof r->target) {
            r->verdict = e[l->flags] & l->flag_goto ? FW_GOTO : FW_JUMP;
            ovs_strlcpy(r->target, name, sizeof r->target);
        } else {
            return false;
        }
        return true;
    }
    if (!strcmp(name, "CT")
        && size == PART_SIZE(xt_entry_target, xt_ct_target_info_v1)) {
        const struct xt_ct_target_info_v1 *info
            = (const void *) (e + offset + TARGET_HEADER);

        r->verdict = info->flags & XT_CT_NOTRACK ? FW_NOTRACK : FW_ZONE;
        r->zone = info->zone;
        return true;
    }
    return false;
}

/* Fills '*r' (zeroed) from the entry, trusting none of its lengths.  Returns
 * false if it is surely not ours. */
static bool
take_apart(const struct ipt_codec *codec, const uint8_t *entry, size_t size,
           const char *target, struct fw_rule *r, uint16_t *set_index)
{
    const struct layout *l = &layouts[codec->family];
    uint16_t target_offset, next_offset;

    if (size < l->size + TARGET_HEADER) {
        return false;
    }
    memcpy(&target_offset, entry + l->target_offset, sizeof target_offset);
    memcpy(&next_offset, entry + l->next_offset, sizeof next_offset);
    if (next_offset != size || target_offset % XT_ALIGN(1)
        || target_offset < l->size || target_offset > size - TARGET_HEADER) {
        return false;
    }
    if (!get_header(codec, entry, r)) {
        return false;
    }

    const struct xt_entry_match *m;
    for (size_t offset = l->size; offset < target_offset;
         offset += m->u.user.match_size) {
        m = (const void *) (entry + offset);
        if (target_offset - offset < XT_ALIGN(sizeof *m)
            || m->u.user.match_size < XT_ALIGN(sizeof *m)
            || m->u.user.match_size % XT_ALIGN(1)
            || m->u.user.match_size > target_offset - offset
            || !get_match(codec, m, r, set_index)) {
            return false;
        }
    }

    const struct xt_entry_target *t = (const void *) (entry + target_offset);
    return t->u.user.target_size == size - target_offset
        && get_target(l, entry, target_offset, target, r);
}
