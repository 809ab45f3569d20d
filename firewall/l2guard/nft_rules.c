/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "firewall/l2guard/nft_rules.h"

/* Before the kernel's headers, which then leave out what it has. */
#include <netinet/in.h>

#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_arp.h>
#include <linux/netfilter_bridge.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "firewall/l2_guard.h"
#include "firewall/l2guard/l2_key.h"
#include "openvswitch/dynamic-string.h"
#include "util.h"

/* The text of one expression; more would be none of ours. */
#define MAX_EXPR_TEXT 512

const uint8_t nft_table_families[NFT_N_TABLES] = {
    NFPROTO_BRIDGE, NFPROTO_INET, NFPROTO_ARP,
};

/* Chains: family, name, and the hook if they have one.  Of what comes from
 * taps nothing but a match is accepted: who falls off any of those chains
 * comes back to "tap" and is dropped by its last rule. */
#define NO_HOOK (-1)
#define CHAINS                                                          \
    CHAIN(HOOK, BRIDGE, "prerouting", NF_BR_PRE_ROUTING)                \
    CHAIN(INPUT, BRIDGE, "input", NF_BR_LOCAL_IN)                       \
    CHAIN(OUTPUT, BRIDGE, "output", NF_BR_LOCAL_OUT)                    \
    CHAIN(TAP, BRIDGE, "tap", NO_HOOK)                                  \
    CHAIN(TYPE, BRIDGE, "tap-type", NO_HOOK)        /* EtherType. */    \
    CHAIN(IP4, BRIDGE, "tap-ip4", NO_HOOK)                              \
    CHAIN(ARP, BRIDGE, "tap-arp", NO_HOOK)                              \
    CHAIN(ARP_PROBE, BRIDGE, "tap-arp-probe", NO_HOOK)                  \
    CHAIN(RARP, BRIDGE, "tap-rarp", NO_HOOK)                            \
    CHAIN(IP6, BRIDGE, "tap-ip6", NO_HOOK)                              \
    CHAIN(SOURCE6, BRIDGE, "ip6-source", NO_HOOK)   /* The sender's? */ \
    CHAIN(FRAGMENT6, BRIDGE, "ip6-fragment", NO_HOOK)                   \
    CHAIN(UNSPEC6, BRIDGE, "ip6-unspecified", NO_HOOK)                  \
    CHAIN(DAD, BRIDGE, "ip6-dad", NO_HOOK)                              \
    CHAIN(ICMP6, BRIDGE, "ip6-icmp", NO_HOOK)                           \
    CHAIN(ND, BRIDGE, "nd", NO_HOOK)                                    \
    CHAIN(NS, BRIDGE, "nd-ns", NO_HOOK)                                 \
    CHAIN(NA, BRIDGE, "nd-na", NO_HOOK)                                 \
    CHAIN(RS, BRIDGE, "nd-rs", NO_HOOK)                                 \
    CHAIN(HOST_IP, INET, "prerouting", NF_INET_PRE_ROUTING)             \
    CHAIN(HOST_ARP, ARP, "input", NF_ARP_IN)
enum chain {
#define CHAIN(ENUM, FAMILY, NAME, HOOK) C_##ENUM,
    CHAINS
#undef CHAIN
    N_CHAINS
};
static const struct {
    uint8_t family;
    const char *name;
    int hook;
} chains[] = {
#define CHAIN(ENUM, FAMILY, NAME, HOOK) { NFPROTO_##FAMILY, NAME, HOOK },
    CHAINS
#undef CHAIN
};

/* Registers.  The kernel prints one that begins at a multiple of 16 bytes by
 * its old name, so that is what we write, too. */
enum {
    R_SCRATCH = NFT_REG_1,
    R_DEVICE = NFT_REG_1,       /* 16 bytes, */
    R_INDEX = NFT_REG_2,        /* then 4; or */
    R_SOURCE = NFT_REG_2,       /* then 8: frame's source, */
    R_CLAIM = NFT_REG32_06,     /* then 8: what is said to be it, */
    R_ADDRESS = NFT_REG_3,      /* then 4 or 16. */
};

/* A field of a frame. */
struct field {
    enum nft_payload_bases base;
    uint32_t offset, len;
};
#define LINK(OFFSET, LEN) { NFT_PAYLOAD_LL_HEADER, OFFSET, LEN }
#define NET(OFFSET, LEN) { NFT_PAYLOAD_NETWORK_HEADER, OFFSET, LEN }
#define TRANSPORT(OFFSET, LEN) { NFT_PAYLOAD_TRANSPORT_HEADER, OFFSET, LEN }

/* The frame's own EtherType.  Not "meta protocol", which the kernel takes
 * from behind a VLAN tag. */
static const struct field eth_source = LINK(6, 6), eth_type = LINK(12, 2);
/* Most of the frame's destination, and the rest of it. */
static const struct field eth_group = LINK(0, 5), eth_member = LINK(5, 1);
/* Flags and offset. */
static const struct field ip4_fragment = NET(6, 2);
static const struct field ip4_protocol = NET(9, 1);
static const struct field ip4_source = NET(12, 4), ip4_target = NET(16, 4);
/* Hardware and protocol type, and their lengths. */
static const struct field arp_format = NET(0, 6), arp_operation = NET(6, 2);
static const struct field arp_sender_mac = NET(8, 6);
static const struct field arp_sender_ip = NET(14, 4);
static const struct field arp_target_mac = NET(18, 6);
static const struct field arp_target_ip = NET(24, 4);
static const struct field ip6_length = NET(4, 2), ip6_next = NET(6, 1);
static const struct field ip6_hop_limit = NET(7, 1);
static const struct field ip6_source = NET(8, 16);
/* ICMPv6 right behind the fixed header. */
static const struct field icmp6_type = NET(40, 1), icmp6_code = NET(41, 1);
static const struct field nd_target = NET(48, 16);
/* Type and length, and MAC address, of an option of NS and NA, and of RS. */
static const struct field nd_option = NET(64, 2), nd_mac = NET(66, 6);
static const struct field rs_option = NET(48, 2), rs_mac = NET(50, 6);
/* The same behind extension headers. */
static const struct field far_icmp6_type = TRANSPORT(0, 1);

/* 01:80:c2:00:00:00 to :0f, which bridges do not forward (802.1D). */
#define RESERVED_GROUP 0x0180c20000
#define RESERVED_MEMBERS 16

/* More fragments, and where this one belongs (RFC 791): neither, in a packet
 * that is whole. */
#define IP4_FRAGMENT_BITS 0x3fff

#define ARP_FORMAT_IP4 0x000108000604
/* Neighbour discovery: RS, RA, NS, NA, redirect. */
#define ND_FIRST 133
#define ND_LAST 137
/* What an ND option says first: its type, and that it is 8 bytes. */
#define OPTION_SOURCE_MAC 0x0101
#define OPTION_TARGET_MAC 0x0201
#define OPTION_NONCE 0x0e01     /* RFC 7527. */
#define NEXT_FRAGMENT 44

static struct nftnl_expr *
add_expr(struct nftnl_rule *rule, const char *name)
{
    struct nftnl_expr *e = nftnl_expr_alloc(name);

    if (!e) {
        out_of_memory();
    }
    nftnl_rule_add_expr(rule, e);
    return e;
}

static void
load(struct nftnl_rule *rule, struct field field, uint32_t reg)
{
    struct nftnl_expr *e = add_expr(rule, "payload");

    nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, reg);
    nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, field.base);
    nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, field.offset);
    nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, field.len);
}

static void
load_meta(struct nftnl_rule *rule, uint32_t key, uint32_t reg)
{
    struct nftnl_expr *e = add_expr(rule, "meta");

    nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, key);
    nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, reg);
}

static void
compare(struct nftnl_rule *rule, enum nft_cmp_ops op, const void *data,
        size_t len)
{
    struct nftnl_expr *e = add_expr(rule, "cmp");

    nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, R_SCRATCH);
    nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, op);
    nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, data, len);
}

/* Compares the first 'len' bytes with a number in network byte order. */
static void
compare_number(struct nftnl_rule *rule, enum nft_cmp_ops op, uint64_t value,
               size_t len)
{
    uint8_t bytes[sizeof value];

    for (size_t i = 0; i < len; i++) {
        bytes[i] = value >> 8 * (len - 1 - i);
    }
    compare(rule, op, bytes, len);
}

static void
test(struct nftnl_rule *rule, struct field field, enum nft_cmp_ops op,
     uint64_t value)
{
    load(rule, field, R_SCRATCH);
    compare_number(rule, op, value, field.len);
}

static void
is(struct nftnl_rule *rule, struct field field, uint64_t value)
{
    test(rule, field, NFT_CMP_EQ, value);
}

/* Is none of the bits in 'mask' set? */
static void
has_none(struct nftnl_rule *rule, struct field field, uint16_t mask)
{
    const uint16_t bits = htons(mask), none = 0;
    struct nftnl_expr *e;

    load(rule, field, R_SCRATCH);
    e = add_expr(rule, "bitwise");
    nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, R_SCRATCH);
    nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, R_SCRATCH);
    nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, sizeof bits);
    nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, &bits, sizeof bits);
    nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, &none, sizeof none);
    compare(rule, NFT_CMP_EQ, &none, sizeof none);
}

static void
is_unspecified6(struct nftnl_rule *rule)
{
    static const uint8_t unspecified[16];

    load(rule, ip6_source, R_SCRATCH);
    compare(rule, NFT_CMP_EQ, unspecified, sizeof unspecified);
}

/* A field of the fragment header, wherever that is. */
static void
load_fragment(struct nftnl_rule *rule, uint32_t offset, uint32_t len,
              uint32_t flags)
{
    struct nftnl_expr *e = add_expr(rule, "exthdr");

    nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_DREG, R_SCRATCH);
    nftnl_expr_set_u8(e, NFTNL_EXPR_EXTHDR_TYPE, NEXT_FRAGMENT);
    nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_OFFSET, offset);
    nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_LEN, len);
    nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_FLAGS, flags);
}

static void
has_fragment_header(struct nftnl_rule *rule, bool has)
{
    load_fragment(rule, 0, 1, NFT_EXTHDR_F_PRESENT);
    compare_number(rule, NFT_CMP_EQ, has, 1);
}

/* The last of the headers, if the kernel can find it. */
static void
last_header(struct nftnl_rule *rule, enum nft_cmp_ops op, uint8_t protocol)
{
    load_meta(rule, NFT_META_L4PROTO, R_SCRATCH);
    compare(rule, op, &protocol, sizeof protocol);
}

static void
look_up(struct nftnl_rule *rule, enum l2_set set, uint32_t flags)
{
    struct nftnl_expr *e = add_expr(rule, "lookup");

    nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SREG, R_DEVICE);
    nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, l2_set_form(set)->name);
    nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_FLAGS, flags);
}

static void
load_macs(struct nftnl_rule *rule, struct field claim)
{
    load_meta(rule, NFT_META_IIFNAME, R_DEVICE);
    load(rule, eth_source, R_SOURCE);
    load(rule, claim, R_CLAIM);
}

/* May the device use its frame's MAC address, and is 'claim' the same? */
static void
owns_mac(struct nftnl_rule *rule, struct field claim)
{
    load_macs(rule, claim);
    look_up(rule, L2_SET_MACS, 0);
}

/* And 'address' with it? */
static void
owns(struct nftnl_rule *rule, struct field claim, struct field address,
     enum l2_set set)
{
    load_macs(rule, claim);
    load(rule, address, R_ADDRESS);
    look_up(rule, set, 0);
}

static void
verdict(struct nftnl_rule *rule, uint32_t code, const char *chain)
{
    struct nftnl_expr *e = add_expr(rule, "immediate");

    nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
    nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, code);
    if (chain) {
        nftnl_expr_set_str(e, NFTNL_EXPR_IMM_CHAIN, chain);
    }
}

static void
go(struct nftnl_rule *rule, enum chain chain)
{
    verdict(rule, (uint32_t) NFT_GOTO, chains[chain].name);
}

static void
accept_frame(struct nftnl_rule *rule)
{
    verdict(rule, NF_ACCEPT, NULL);
}

static struct nftnl_rule *
begin(struct nft_rules *rules, enum chain chain)
{
    struct nftnl_rule *rule = nftnl_rule_alloc();

    if (!rule) {
        out_of_memory();
    }
    nftnl_rule_set_u32(rule, NFTNL_RULE_FAMILY, chains[chain].family);
    nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, NFT_GUARD_TABLE);
    nftnl_rule_set_str(rule, NFTNL_RULE_CHAIN, chains[chain].name);
    if (rules->n >= rules->allocated) {
        rules->p = x2nrealloc(rules->p, &rules->allocated, sizeof *rules->p);
    }
    rules->p[rules->n++] = rule;
    return rule;
}

/* ------------------------------------------------------------------------ */
/* The rules. */

/* Is it a device that is called so?  'key', of its name, says which of a
 * frame's two. */
static struct nftnl_rule *
begin_hook(struct nft_rules *rules, enum chain chain, uint32_t key,
           const char *prefix)
{
    struct nftnl_rule *rule = begin(rules, chain);

    load_meta(rule, key, R_DEVICE);
    compare(rule, NFT_CMP_EQ, prefix, strlen(prefix));
    return rule;
}

/* After its name: is it on a bridge of others? */
static void
is_other(struct nftnl_rule *rule, uint32_t index_key, uint32_t flags)
{
    load_meta(rule, index_key, R_INDEX);
    look_up(rule, L2_SET_OTHER, flags);
}

/* Where the addresses of a family stand: the single ones, the prefixes. */
#define N_OWN 2
static const enum l2_set own[SG_N_FAMILIES][N_OWN] = {
    { L2_SET_PAIR4, L2_SET_NET4 },
    { L2_SET_PAIR6, L2_SET_NET6 },
};

/* Does the frame have this EtherType, and do the tables see its packet? */
static struct nftnl_rule *
begin_seen(struct nft_rules *rules, uint16_t type)
{
    struct nftnl_rule *rule = begin(rules, C_HOOK);

    is(rule, eth_type, type);
    look_up(rule, L2_SET_SEEN, 0);
    return rule;
}

/* What nearly all frames are, of whatever device, first of all: IPv4 in one
 * piece, TCP and UDP right behind the header of IPv6.  The tables see these as
 * they are, and ask for device, MAC address and source before all else; none
 * of them says what a guard must read. */
static void
add_seen(struct nft_rules *rules)
{
    static const uint8_t next[] = { IPPROTO_TCP, IPPROTO_UDP };
    struct nftnl_rule *rule;

    rule = begin_seen(rules, 0x0800);
    has_none(rule, ip4_fragment, IP4_FRAGMENT_BITS);
    accept_frame(rule);
    for (size_t i = 0; i < ARRAY_SIZE(next); i++) {
        rule = begin_seen(rules, 0x86dd);
        is(rule, ip6_next, next[i]);
        accept_frame(rule);
    }
}

static void
drop_shut(struct nft_rules *rules, enum chain chain)
{
    struct nftnl_rule *rule = begin(rules, chain);

    load_meta(rule, NFT_META_IIFNAME, R_DEVICE);
    look_up(rule, L2_SET_SHUT, 0);
    verdict(rule, NF_DROP, NULL);
}

static void
add_entrance(struct nft_rules *rules, const char *tap_prefix)
{
    static const struct { uint16_t type; enum chain chain; } types[] = {
        { 0x0800, C_IP4 }, { 0x86dd, C_IP6 }, { 0x0806, C_ARP },
        { 0x8035, C_RARP },
    };
    struct nftnl_rule *rule;

    add_seen(rules);
    rule = begin_hook(rules, C_HOOK, NFT_META_IIFNAME, tap_prefix);
    verdict(rule, (uint32_t) NFT_JUMP, chains[C_TAP].name);
    drop_shut(rules, C_HOOK);

    drop_shut(rules, C_TAP);
    rule = begin(rules, C_TAP);
    load_meta(rule, NFT_META_IIFNAME, R_DEVICE);
    is_other(rule, NFT_META_IIF, 0);
    accept_frame(rule);
    rule = begin(rules, C_TAP);
    verdict(rule, (uint32_t) NFT_JUMP, chains[C_TYPE].name);
    rule = begin(rules, C_TAP);
    verdict(rule, NF_DROP, NULL);

    rule = begin(rules, C_TYPE);
    load_meta(rule, NFT_META_IIFNAME, R_DEVICE);
    look_up(rule, L2_SET_FREE, 0);
    accept_frame(rule);
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        rule = begin(rules, C_TYPE);
        is(rule, eth_type, types[i].type);
        go(rule, types[i].chain);
    }
}

/* The host itself and what is on its bridges do not speak to each other.
 *
 * A frame to a reserved address is not bridged at all.  LLDP's the bridge
 * leaves to the device that it came in at without asking any hook of its own,
 * whatever the EtherType: the host's own IP takes it from there, as if the tap
 * were an interface like others, past every rule about bridges.  It is looked
 * at before fragments are put together: what comes of that has the Ethernet
 * header of one piece and the device of another.  Whatever the device is
 * called: who has no port may be called anything, and nobody else sends IP or
 * ARP there. */
static void
add_host(struct nft_rules *rules, const struct l2_guard_config *config)
{
    const char *const prefixes[] = {
        config->tap_prefix, config->uplink_prefix,
    };
    static const enum chain unasked[] = { C_HOST_IP, C_HOST_ARP };
    struct nftnl_rule *rule;

    for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
        if (!config->host_input) {
            rule = begin_hook(rules, C_INPUT, NFT_META_IIFNAME, prefixes[i]);
            is_other(rule, NFT_META_IIF, NFT_LOOKUP_F_INV);
            verdict(rule, NF_DROP, NULL);
        }
        if (!config->host_output) {
            rule = begin_hook(rules, C_OUTPUT, NFT_META_OIFNAME, prefixes[i]);
            is_other(rule, NFT_META_OIF, NFT_LOOKUP_F_INV);
            verdict(rule, NF_DROP, NULL);
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(unasked); i++) {
        rule = begin(rules, unasked[i]);
        is(rule, eth_group, RESERVED_GROUP);
        test(rule, eth_member, NFT_CMP_LT, RESERVED_MEMBERS);
        verdict(rule, NF_DROP, NULL);
    }
}

static void
add_ip4(struct nft_rules *rules)
{
    struct nftnl_rule *rule;

    for (size_t i = 0; i < N_OWN; i++) {
        rule = begin(rules, C_IP4);
        owns(rule, eth_source, ip4_source, own[SG_IPV4][i]);
        accept_frame(rule);
    }
    /* A DHCP client that has no address yet. */
    rule = begin(rules, C_IP4);
    is(rule, ip4_source, 0);
    is(rule, ip4_target, UINT32_MAX);
    is(rule, ip4_protocol, IPPROTO_UDP);
    owns_mac(rule, eth_source);
    accept_frame(rule);
}

static void
add_arp(struct nft_rules *rules)
{
    struct nftnl_rule *rule;

    /* Who has my address?  (RFC 5227.) */
    rule = begin(rules, C_ARP);
    is(rule, arp_format, ARP_FORMAT_IP4);
    is(rule, arp_operation, 1);
    is(rule, arp_sender_ip, 0);
    go(rule, C_ARP_PROBE);
    for (size_t i = 0; i < N_OWN; i++) {
        rule = begin(rules, C_ARP_PROBE);
        owns(rule, arp_sender_mac, arp_target_ip, own[SG_IPV4][i]);
        accept_frame(rule);
    }
    /* Requests and replies, gratuitous ones among them. */
    for (size_t i = 0; i < N_OWN; i++) {
        rule = begin(rules, C_ARP);
        is(rule, arp_format, ARP_FORMAT_IP4);
        test(rule, arp_operation, NFT_CMP_GTE, 1);
        test(rule, arp_operation, NFT_CMP_LTE, 2);
        owns(rule, arp_sender_mac, arp_sender_ip, own[SG_IPV4][i]);
        accept_frame(rule);
    }
    /* What a hypervisor announces after a migration. */
    rule = begin(rules, C_RARP);
    is(rule, arp_format, ARP_FORMAT_IP4);
    is(rule, arp_operation, 3);
    is(rule, arp_sender_ip, 0);
    is(rule, arp_target_ip, 0);
    owns_mac(rule, arp_sender_mac);
    owns_mac(rule, arp_target_mac);
    accept_frame(rule);
}

static void
add_ip6(struct nft_rules *rules)
{
    struct nftnl_rule *rule;

    rule = begin(rules, C_IP6);
    is_unspecified6(rule);
    go(rule, C_UNSPEC6);
    rule = begin(rules, C_IP6);
    is(rule, ip6_next, IPPROTO_ICMPV6);
    go(rule, C_ICMP6);
    rule = begin(rules, C_IP6);
    has_fragment_header(rule, true);
    go(rule, C_FRAGMENT6);
    /* Nobody has a reason to send neighbour discovery behind extension
     * headers. */
    rule = begin(rules, C_IP6);
    last_header(rule, NFT_CMP_EQ, IPPROTO_ICMPV6);
    test(rule, far_icmp6_type, NFT_CMP_GTE, ND_FIRST);
    test(rule, far_icmp6_type, NFT_CMP_LTE, ND_LAST);
    verdict(rule, NF_DROP, NULL);
    rule = begin(rules, C_IP6);
    go(rule, C_SOURCE6);

    for (size_t i = 0; i < N_OWN; i++) {
        rule = begin(rules, C_SOURCE6);
        owns(rule, eth_source, ip6_source, own[SG_IPV6][i]);
        accept_frame(rule);
    }
}

/* Fragments.  What the first one of an ICMPv6 message says must be seen in it:
 * together they may be neighbour discovery, which nobody looks into later. */
static void
add_fragment6(struct nft_rules *rules)
{
    struct nftnl_rule *rule;

    rule = begin(rules, C_FRAGMENT6);
    load_fragment(rule, 2, 2, 0);
    /* The offset, in units of 8 bytes, stands above three bits. */
    compare_number(rule, NFT_CMP_GTE, 8, 2);
    go(rule, C_SOURCE6);
    rule = begin(rules, C_FRAGMENT6);
    last_header(rule, NFT_CMP_NEQ, IPPROTO_ICMPV6);
    go(rule, C_SOURCE6);
    rule = begin(rules, C_FRAGMENT6);
    test(rule, far_icmp6_type, NFT_CMP_LT, ND_FIRST);
    go(rule, C_SOURCE6);
    rule = begin(rules, C_FRAGMENT6);
    test(rule, far_icmp6_type, NFT_CMP_GT, ND_LAST);
    go(rule, C_SOURCE6);
}

static void
has_option(struct nftnl_rule *rule, uint16_t length, struct field option,
           uint16_t what)
{
    is(rule, ip6_length, length);
    is(rule, option, what);
}

/* From "::": is an address free that is mine, and reports to multicast
 * routers. */
static void
add_unspecified6(struct nft_rules *rules)
{
    static const struct { uint8_t first, last; } reports[] = {
        { 131, 132 }, { 143, 143 },
    };
    struct nftnl_rule *rule;

    rule = begin(rules, C_UNSPEC6);
    is(rule, ip6_next, IPPROTO_ICMPV6);
    is(rule, icmp6_type, 135);
    is(rule, icmp6_code, 0);
    is(rule, ip6_hop_limit, 255);
    go(rule, C_DAD);
    for (size_t i = 0; i < N_OWN; i++) {
        rule = begin(rules, C_DAD);
        is(rule, ip6_length, 24);
        owns(rule, eth_source, nd_target, own[SG_IPV6][i]);
        accept_frame(rule);
        rule = begin(rules, C_DAD);
        has_option(rule, 32, nd_option, OPTION_NONCE);
        owns(rule, eth_source, nd_target, own[SG_IPV6][i]);
        accept_frame(rule);
    }
    for (size_t i = 0; i < ARRAY_SIZE(reports); i++) {
        rule = begin(rules, C_UNSPEC6);
        has_fragment_header(rule, false);
        last_header(rule, NFT_CMP_EQ, IPPROTO_ICMPV6);
        test(rule, far_icmp6_type, NFT_CMP_GTE, reports[i].first);
        test(rule, far_icmp6_type, NFT_CMP_LTE, reports[i].last);
        owns_mac(rule, eth_source);
        accept_frame(rule);
    }
}

/* ICMPv6 without extension headers, from an address: is it neighbour
 * discovery?  Then at most one option, and that is the MAC address. */
static void
add_icmp6(struct nft_rules *rules)
{
    static const struct { uint8_t type; enum chain chain; } types[] = {
        { 135, C_NS }, { 136, C_NA }, { 133, C_RS },
    };
    struct nftnl_rule *rule;

    rule = begin(rules, C_ICMP6);
    test(rule, icmp6_type, NFT_CMP_LT, ND_FIRST);
    go(rule, C_SOURCE6);
    rule = begin(rules, C_ICMP6);
    test(rule, icmp6_type, NFT_CMP_GT, ND_LAST);
    go(rule, C_SOURCE6);
    for (size_t i = 0; i < N_OWN; i++) {
        rule = begin(rules, C_ICMP6);
        is(rule, icmp6_code, 0);
        is(rule, ip6_hop_limit, 255);
        owns(rule, eth_source, ip6_source, own[SG_IPV6][i]);
        go(rule, C_ND);
    }
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        rule = begin(rules, C_ND);
        is(rule, icmp6_type, types[i].type);
        go(rule, types[i].chain);
    }
}

static void
add_nd(struct nft_rules *rules)
{
    struct nftnl_rule *rule;

    rule = begin(rules, C_NS);
    is(rule, ip6_length, 24);
    accept_frame(rule);
    rule = begin(rules, C_RS);
    is(rule, ip6_length, 8);
    accept_frame(rule);
    for (size_t i = 0; i < N_OWN; i++) {
        rule = begin(rules, C_NS);
        has_option(rule, 32, nd_option, OPTION_SOURCE_MAC);
        owns(rule, nd_mac, ip6_source, own[SG_IPV6][i]);
        accept_frame(rule);
        rule = begin(rules, C_RS);
        has_option(rule, 16, rs_option, OPTION_SOURCE_MAC);
        owns(rule, rs_mac, ip6_source, own[SG_IPV6][i]);
        accept_frame(rule);
        rule = begin(rules, C_NA);
        is(rule, ip6_length, 24);
        owns(rule, eth_source, nd_target, own[SG_IPV6][i]);
        accept_frame(rule);
        rule = begin(rules, C_NA);
        has_option(rule, 32, nd_option, OPTION_TARGET_MAC);
        owns(rule, nd_mac, nd_target, own[SG_IPV6][i]);
        accept_frame(rule);
    }
}

void
nft_rules_init(struct nft_rules *rules, const struct l2_guard_config *config)
{
    *rules = (struct nft_rules) { NULL, 0, 0 };
    add_entrance(rules, config->tap_prefix);
    add_host(rules, config);
    add_ip4(rules);
    add_arp(rules);
    add_ip6(rules);
    add_fragment6(rules);
    add_unspecified6(rules);
    add_icmp6(rules);
    add_nd(rules);
}

void
nft_rules_uninit(struct nft_rules *rules)
{
    for (size_t i = 0; i < rules->n; i++) {
        nftnl_rule_free(rules->p[i]);
    }
    free(rules->p);
}

size_t
nft_n_chains(void)
{
    return N_CHAINS;
}

size_t
nft_chain_index(uint32_t family, const char *name)
{
    size_t i = 0;

    while (i < N_CHAINS && (chains[i].family != family
                            || strcmp(chains[i].name, name))) {
        i++;
    }
    return i;
}

struct nftnl_chain *
nft_chain_create(size_t i)
{
    struct nftnl_chain *chain = nftnl_chain_alloc();

    if (!chain) {
        out_of_memory();
    }
    nftnl_chain_set_u32(chain, NFTNL_CHAIN_FAMILY, chains[i].family);
    nftnl_chain_set_str(chain, NFTNL_CHAIN_TABLE, NFT_GUARD_TABLE);
    nftnl_chain_set_str(chain, NFTNL_CHAIN_NAME, chains[i].name);
    if (chains[i].hook != NO_HOOK) {
        nftnl_chain_set_str(chain, NFTNL_CHAIN_TYPE, "filter");
        nftnl_chain_set_u32(chain, NFTNL_CHAIN_HOOKNUM, chains[i].hook);
        nftnl_chain_set_s32(chain, NFTNL_CHAIN_PRIO,
                            chains[i].family == NFPROTO_INET
                            ? NFT_GUARD_IP_PRIORITY : NFT_GUARD_PRIORITY);
        nftnl_chain_set_u32(chain, NFTNL_CHAIN_POLICY, NF_ACCEPT);
    }
    return chain;
}

static int
print_expr(struct nftnl_expr *e, void *s_)
{
    char text[MAX_EXPR_TEXT];
    struct ds *s = s_;

    nftnl_expr_snprintf(text, sizeof text, e, NFTNL_OUTPUT_DEFAULT, 0);
    ds_put_format(s, "[ %s %s]", nftnl_expr_get_str(e, NFTNL_EXPR_NAME),
                  text);
    return 0;
}

void
nft_rule_text(struct nftnl_rule *rule, struct ds *s)
{
    nftnl_expr_foreach(rule, print_expr, s);
    ds_put_char(s, '\n');
}
