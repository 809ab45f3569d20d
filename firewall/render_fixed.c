/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The part of the ruleset that does not depend on the policy: hooks and the
 * chains that all ports share.  The numbers are those of render.c. */

#include <config.h>
#include "firewall/render.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <string.h>

#include "util.h"

/* Reports of multicast listeners, version 2 (RFC 3810). */
#define MLD2_LISTENER_REPORT 143

/* Where a family's DHCP client and server speak from. */
static const struct {
    uint16_t client, server;
} dhcp_ports[SG_N_FAMILIES] = {
    [SG_IPV4] = { 68, 67 },
    [SG_IPV6] = { 546, 547 },
};

static void hooks(struct fw_ruleset *, enum sg_family,
                  const struct fw_layout *);
static void hook(struct fw_table *, const char *chain, uint32_t in_or_out,
                 const char *prefix, struct fw_rule);
static void put(struct fw_table *, const char *chain, struct fw_rule);
static void put_icmp6(struct fw_table *, const char *chain,
                      const uint8_t *types, size_t n, struct fw_rule verdict);
static void shared_out(struct fw_table *, const struct fw_layout *);
static void shared_unspec(struct fw_table *, enum sg_family);
static void put_known(struct fw_table *, const char *chain, struct fw_rule);
static void put_known_first(struct fw_table *, const char *chain,
                            struct fw_rule, const struct fw_layout *);
static void put_revoked(struct fw_table *, const char *chain,
                        const struct fw_layout *);
static void shared_pre_out(struct fw_table *, enum sg_family,
                           const struct fw_layout *);
static void shared_pre_in(struct fw_table *, enum sg_family,
                          const struct fw_layout *);

#define VERDICT(V) (struct fw_rule) { .verdict = (V) }
#define GO(V, CHAIN) (struct fw_rule) { .verdict = (V), .target = CHAIN }

void
fw_render_fixed(struct fw_ruleset *rs, const struct fw_layout *layout)
{
    for (size_t f = 0; f < SG_N_FAMILIES; f++) {
        struct fw_table *security = &rs->tables[f][FW_SECURITY];

        hooks(rs, f, layout);
        fw_table_chain(&rs->tables[f][FW_RAW], FW_CHAIN_ZONES);

        /* (1) Whatever comes back from the ports' chains is dropped: an
         * empty, half-built or flushed chain is closed. */
        put(security, FW_CHAIN_ROOT, GO(FW_JUMP, FW_CHAIN_BRIDGES));
        put(security, FW_CHAIN_ROOT, VERDICT(FW_DROP));
        fw_table_chain(security, FW_CHAIN_BRIDGES);

        shared_out(security, layout);
        shared_unspec(security, f);
        shared_pre_out(security, f, layout);
        shared_pre_in(security, f, layout);
    }
}

/* (2) Hooks go by the name of the bridge, not by --physdev-is-bridged: a
 * frame to the bridge's own MAC address is routed by the host and would pass
 * such a hook. */
static void
hooks(struct fw_ruleset *rs, enum sg_family family,
      const struct fw_layout *layout)
{
    const char *prefix = layout->bridge_prefix;
    struct fw_table *raw = &rs->tables[family][FW_RAW];
    struct fw_table *security = &rs->tables[family][FW_SECURITY];
    struct fw_table *filter = &rs->tables[family][FW_FILTER];

    hook(raw, "PREROUTING", FW_M_IN, prefix, GO(FW_JUMP, FW_CHAIN_ZONES));

    hook(security, "FORWARD", FW_M_IN, prefix, GO(FW_JUMP, FW_CHAIN_ROOT));
    hook(security, "FORWARD", FW_M_OUT, prefix, VERDICT(FW_DROP));
    fw_table_chain(security, "INPUT");
    if (!layout->host_input) {
        hook(security, "INPUT", FW_M_IN, prefix, VERDICT(FW_DROP));
    }
    fw_table_chain(security, "OUTPUT");
    if (!layout->host_output) {
        hook(security, "OUTPUT", FW_M_OUT, prefix, VERDICT(FW_DROP));
    }

    /* The decision is made in security, which comes after filter; this rule
     * only keeps foreign policies in filter from cutting instances. */
    hook(filter, "FORWARD", FW_M_IN | FW_M_OUT, prefix,
         GO(FW_JUMP, FW_CHAIN_PASS));
    put(filter, FW_CHAIN_PASS, VERDICT(FW_ACCEPT));
}

static void
hook(struct fw_table *table, const char *chain, uint32_t in_or_out,
     const char *prefix, struct fw_rule rule)
{
    rule.match |= in_or_out | (fw_rule_enters(&rule) ? 0 : FW_M_COMMENT);
    if (in_or_out & FW_M_IN) {
        snprintf(rule.in, sizeof rule.in, "%.*s+", SG_DEVICE_LEN - 2, prefix);
    }
    if (in_or_out & FW_M_OUT) {
        snprintf(rule.out, sizeof rule.out, "%.*s+", SG_DEVICE_LEN - 2,
                 prefix);
    }
    put(table, chain, rule);
}

static void
put(struct fw_table *table, const char *chain, struct fw_rule rule)
{
    fw_chain_append(fw_table_chain(table, chain), &rule);
}

/* One rule per ICMPv6 type. */
static void
put_icmp6(struct fw_table *table, const char *chain,
          const uint8_t *types, size_t n, struct fw_rule rule)
{
    for (size_t i = 0; i < n; i++) {
        rule.match |= FW_M_PROTO | FW_M_ICMP_TYPE;
        rule.proto = IPPROTO_ICMPV6;
        rule.icmp_type = types[i];
        put(table, chain, rule);
    }
}

static void
put_udp(struct fw_table *table, const char *chain, uint16_t sport,
        uint16_t dport, struct fw_rule rule)
{
    rule.match |= FW_M_PROTO | FW_M_SPORT | FW_M_DPORT;
    rule.proto = IPPROTO_UDP;
    rule.sport_min = rule.sport_max = sport;
    rule.dport_min = rule.dport_max = dport;
    put(table, chain, rule);
}

/* What an instance may send ends here.  In the hybrid plug a frame that
 * leaves by the uplink is done; any other way out does not exist.  The DROP
 * is needed: chains go here from chains that were jumped to, and falling off
 * would return to those who jumped. */
static void
shared_out(struct fw_table *table, const struct fw_layout *layout)
{
    struct fw_rule rule = {
        .match = FW_M_PHYSDEV_OUT,
        .verdict = FW_ACCEPT,
    };

    snprintf(rule.physdev_out, sizeof rule.physdev_out, "%.*s+",
             SG_DEVICE_LEN - 2, layout->uplink_prefix);
    put(table, FW_CHAIN_OUT, rule);
    put(table, FW_CHAIN_OUT, VERDICT(FW_DROP));
}

/* (6) From an unspecified address an instance may look for a DHCP server,
 * test whether its own address is in use, and join multicast groups. */
static void
shared_unspec(struct fw_table *table, enum sg_family family)
{
    static const uint8_t types[] = {
        ND_NEIGHBOR_SOLICIT, MLD_LISTENER_REPORT, MLD_LISTENER_REDUCTION,
        MLD2_LISTENER_REPORT,
    };

    if (family == SG_IPV4) {
        struct fw_rule rule = GO(FW_GOTO, FW_CHAIN_OUT);

        rule.match = FW_M_DST;
        rule.dst = (struct sg_prefix) {
            .addr = { 255, 255, 255, 255 }, .family = SG_IPV4, .plen = 32,
        };
        put_udp(table, FW_CHAIN_UNSPEC, dhcp_ports[family].client,
                dhcp_ports[family].server, rule);
    } else {
        put_icmp6(table, FW_CHAIN_UNSPEC, types, ARRAY_SIZE(types),
                  GO(FW_GOTO, FW_CHAIN_OUT));
    }
    put(table, FW_CHAIN_UNSPEC, VERDICT(FW_DROP));
}

/* (9).  What belongs to a flow, and is what 'rule' asks besides, passes; not
 * by way of 'out', which asks once more where the packet goes.  It is one
 * rule, because nearly every packet ends here.
 *
 * All that two addresses say to each other in DCCP is one flow to the
 * tracking, whatever the ports: what belongs to it says nothing. */
static void
put_known(struct fw_table *table, const char *chain, struct fw_rule rule)
{
    rule.match |= FW_M_NOT_PROTO | FW_M_ESTABLISHED;
    rule.proto = IPPROTO_DCCP;
    rule.verdict = FW_ACCEPT;
    put(table, chain, rule);
}

/* The same, of a flow that is not revoked: before put_revoked(). */
static void
put_known_first(struct fw_table *table, const char *chain, struct fw_rule rule,
                const struct fw_layout *layout)
{
    rule.match |= FW_M_NOT_CONNMARK;
    rule.connmark = layout->revoked;
    put_known(table, chain, rule);
}

/* (9).  Before everything else that lets a packet pass; what relates to a flow
 * has its mark. */
static void
put_revoked(struct fw_table *table, const char *chain,
            const struct fw_layout *layout)
{
    struct fw_rule rule = VERDICT(FW_DROP);

    rule.match = FW_M_CONNMARK;
    rule.connmark = layout->revoked;
    put(table, chain, rule);
}

/* (7), (9).  The drops come before ESTABLISHED: an instance that plays router
 * or DHCP server is dropped although its victim spoke to it first.  Of a flow
 * that nobody sends from a DHCP server's port in, no packet can be the answer
 * of one, so it need not be asked.  ND and MLD are untracked, so only these
 * rules pass them; a redirect would pass as INVALID with a rule that allows
 * everything, or as RELATED. */
static void
shared_pre_out(struct fw_table *table, enum sg_family family,
               const struct fw_layout *layout)
{
    static const uint8_t router[] = { ND_ROUTER_ADVERT, ND_REDIRECT };
    static const uint8_t host[] = {
        ND_ROUTER_SOLICIT, ND_NEIGHBOR_SOLICIT, ND_NEIGHBOR_ADVERT,
        MLD_LISTENER_REPORT, MLD_LISTENER_REDUCTION, MLD2_LISTENER_REPORT,
    };
    uint16_t client = dhcp_ports[family].client;
    uint16_t server = dhcp_ports[family].server;
    struct fw_rule no_server = {
        .match = FW_M_NOT_FLOW_PORT, .flow_port = server,
    };

    if (family == SG_IPV6) {
        /* Behind one rule, because -p walks the chain of headers. */
        struct fw_rule rule = GO(FW_JUMP, FW_CHAIN_PRE_OUT6);

        put_revoked(table, FW_CHAIN_PRE_OUT, layout);
        rule.match = FW_M_PROTO;
        rule.proto = IPPROTO_ICMPV6;
        put(table, FW_CHAIN_PRE_OUT, rule);
        put_icmp6(table, FW_CHAIN_PRE_OUT6, router, ARRAY_SIZE(router),
                  VERDICT(FW_DROP));
        put_icmp6(table, FW_CHAIN_PRE_OUT6, host, ARRAY_SIZE(host),
                  GO(FW_GOTO, FW_CHAIN_OUT));
        put_known(table, FW_CHAIN_PRE_OUT, no_server);
    } else {
        put_known_first(table, FW_CHAIN_PRE_OUT, no_server, layout);
        put_revoked(table, FW_CHAIN_PRE_OUT, layout);
    }
    put_udp(table, FW_CHAIN_PRE_OUT, server, client, VERDICT(FW_DROP));
    put_known(table, FW_CHAIN_PRE_OUT, (struct fw_rule) { .match = 0 });
    put_udp(table, FW_CHAIN_PRE_OUT, client, server,
            GO(FW_GOTO, FW_CHAIN_OUT));
}

/* (8), (9).  A DHCP answer is never ESTABLISHED (the question was a
 * broadcast), nor is a router advertisement. */
static void
shared_pre_in(struct fw_table *table, enum sg_family family,
              const struct fw_layout *layout)
{
    static const uint8_t types[] = {
        MLD_LISTENER_QUERY, MLD_LISTENER_REPORT, MLD_LISTENER_REDUCTION,
        ND_ROUTER_ADVERT, ND_NEIGHBOR_SOLICIT, ND_NEIGHBOR_ADVERT,
        MLD2_LISTENER_REPORT,
    };

    put_known_first(table, FW_CHAIN_PRE_IN, (struct fw_rule) { .match = 0 },
                    layout);
    put_revoked(table, FW_CHAIN_PRE_IN, layout);
    if (family == SG_IPV6) {
        struct fw_rule rule = GO(FW_JUMP, FW_CHAIN_PRE_IN6);

        rule.match = FW_M_PROTO;
        rule.proto = IPPROTO_ICMPV6;
        put(table, FW_CHAIN_PRE_IN, rule);
        put_icmp6(table, FW_CHAIN_PRE_IN6, types, ARRAY_SIZE(types),
                  VERDICT(FW_ACCEPT));
    }
    put_udp(table, FW_CHAIN_PRE_IN, dhcp_ports[family].server,
            dhcp_ports[family].client, VERDICT(FW_ACCEPT));
}
