/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* One security-group rule as one packet filter rule.  The numbers are those
 * of render.c. */

#include <config.h>
#include "firewall/render.h"

#include <netinet/in.h>
#include <string.h>

#include "util.h"

/* To the kernel's icmp match this type means every type. */
#define ICMP_ANY_TYPE 255

static const char *translate_protocol(const struct sg_rule *,
                                      struct fw_rule *);
static const char *translate_ports(const struct sg_rule *, struct fw_rule *);
static const char *translate_icmp(const struct sg_rule *, struct fw_rule *);
static const char *translate_remote(const struct sg_rule *, const char *set,
                                    struct fw_rule *);
static bool is_extension_header(int protocol);

/* Returns NULL, or a reason why the rule cannot be expressed (14); '*out' is
 * then undefined.  'set' is the name of the remote group's set, and ignored
 * if the remote is not a group. */
const char *
fw_render_rule(const struct sg_rule *rule, const char *set,
               struct fw_rule *out)
{
    memset(out, 0, sizeof *out);
    out->origin = rule->id;
    if (rule->direction == SG_EGRESS) {
        out->verdict = FW_GOTO;
        ovs_strzcpy(out->target, FW_CHAIN_OUT, sizeof out->target);
    } else {
        out->verdict = FW_ACCEPT;
    }

    const char *reason = translate_protocol(rule, out);
    return reason ? reason : translate_remote(rule, set, out);
}

/* (11). */
static const char *
translate_protocol(const struct sg_rule *rule, struct fw_rule *out)
{
    if (rule->protocol < 0) {
        return (rule->has_ports || rule->has_source_ports
                || rule->icmp_type >= 0
                ? "ports or ICMP type without a protocol" : NULL);
    }
    /* Protocol 0 in a rule of the kernel's is every protocol. */
    if (!rule->protocol || rule->protocol > UINT8_MAX) {
        return "protocol cannot be matched";
    }
    if (rule->protocol == (rule->family == SG_IPV4
                           ? IPPROTO_ICMPV6 : IPPROTO_ICMP)) {
        return "ICMP of the other ethertype never matches";
    }
    /* The kernel compares the protocol behind the extension headers. */
    if (rule->family == SG_IPV6 && is_extension_header(rule->protocol)) {
        return "IPv6 extension header as protocol never matches";
    }
    out->match |= FW_M_PROTO;
    out->proto = rule->protocol;

    const char *reason = translate_ports(rule, out);
    return reason ? reason : translate_icmp(rule, out);
}

/* The kernel's matches for ports have a range for both ends: all source ports
 * are the absence of a range.  That there must be a header with ports, which
 * they say as well, the range of destination ports says then. */
static const char *
translate_ports(const struct sg_rule *rule, struct fw_rule *out)
{
    bool source = (rule->has_source_ports
                   && (rule->source_port_min
                       || rule->source_port_max < UINT16_MAX));
    bool all = !rule->has_ports || (!rule->port_min
                                    && rule->port_max == UINT16_MAX);

    if (!rule->has_ports && !rule->has_source_ports) {
        return NULL;
    }
    if (!fw_protocol_has_ports(rule->protocol)) {
        return "protocol has no ports";
    }
    if ((rule->has_ports && rule->port_min > rule->port_max)
        || (rule->has_source_ports
            && rule->source_port_min > rule->source_port_max)) {
        return "empty port range";
    }
    if (source) {
        out->match |= FW_M_SPORT;
        out->sport_min = rule->source_port_min;
        out->sport_max = rule->source_port_max;
    }
    if (!source || !all) {
        out->match |= FW_M_DPORT;
        out->dport_min = all ? 0 : rule->port_min;
        out->dport_max = all ? UINT16_MAX : rule->port_max;
    }
    return NULL;
}

static const char *
translate_icmp(const struct sg_rule *rule, struct fw_rule *out)
{
    if (rule->icmp_type < 0) {
        return rule->icmp_code >= 0 ? "ICMP code without a type" : NULL;
    }
    if (rule->protocol != IPPROTO_ICMP && rule->protocol != IPPROTO_ICMPV6) {
        return "ICMP type with another protocol";
    }
    if (rule->icmp_type > UINT8_MAX || rule->icmp_code > UINT8_MAX
        || (rule->family == SG_IPV4 && rule->icmp_type == ICMP_ANY_TYPE)) {
        return "ICMP type or code cannot be matched";
    }
    out->match |= FW_M_ICMP_TYPE;
    out->icmp_type = rule->icmp_type;
    if (rule->icmp_code >= 0) {
        out->match |= FW_M_ICMP_CODE;
        out->icmp_code = rule->icmp_code;
    }
    return NULL;
}

/* (12), (13). */
static const char *
translate_remote(const struct sg_rule *rule, const char *set,
                 struct fw_rule *out)
{
    bool ingress = rule->direction == SG_INGRESS;

    switch (rule->remote) {
    case SG_REMOTE_ANY:
        return NULL;

    case SG_REMOTE_PREFIX:
        if (rule->remote_prefix.family != rule->family) {
            return "remote prefix of the other ethertype never matches";
        }
        if (rule->remote_prefix.plen) {
            out->match |= ingress ? FW_M_SRC : FW_M_DST;
            *(ingress ? &out->src : &out->dst) = rule->remote_prefix;
        }
        return NULL;

    case SG_REMOTE_GROUP:
    case SG_REMOTE_ADDRESS_GROUP:
        out->match |= ingress ? FW_M_SET_SRC : FW_M_SET_DST;
        ovs_strzcpy(out->set, set, sizeof out->set);
        return NULL;
    }
    OVS_NOT_REACHED();
}

static bool
is_extension_header(int protocol)
{
    return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING
           || protocol == IPPROTO_FRAGMENT || protocol == IPPROTO_AH
           || protocol == IPPROTO_DSTOPTS;
}
