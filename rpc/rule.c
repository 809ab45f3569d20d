/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "rpc/rule.h"

#include <netinet/in.h>
#include <string.h>
#include <strings.h>

#include "util.h"

#define PROTOCOL_ANY (-1)
#define PROTOCOL_MAX 255
#define PORT_MAX 65535
#define ICMP_MAX 255

/* The kernel's IPv4 ICMP match reads this type as "any type" (icmp_match() in
 * net/ipv4/netfilter/ip_tables.c). */
#define ICMP4_TYPE_WILDCARD 255

static const char *parse_basics(const struct rpc_rule_fields *,
                                struct sg_rule *);
static const char *parse_protocol(const struct rpc_rule_fields *,
                                  struct sg_rule *);
static const char *parse_ports(const struct rpc_rule_fields *,
                               struct sg_rule *);
static const char *parse_source_ports(const struct rpc_rule_fields *,
                                      struct sg_rule *);
static const char *parse_icmp(const struct rpc_rule_fields *,
                              struct sg_rule *);
static const char *parse_remote(const struct rpc_rule_fields *,
                                struct sg_rule *);
static bool is_icmp(const struct sg_rule *);
static bool in_range(int64_t value, int64_t max);

/* Why a range of ports is refused. */
struct range_reasons {
    const char *no_ports, *one_end, *no_port, *swapped;
};
static const char *parse_range(int protocol, const int64_t *min,
                               const int64_t *max,
                               const struct range_reasons *);

/* The order of the checks is that of what they need to know: the family before
 * the meaning of "icmp", the protocol before that of a port range. */
const char *
rpc_rule_from_fields(const struct rpc_rule_fields *fields,
                     struct sg_rule *rule)
{
    struct sg_rule tmp;
    const char *reason;

    /* Zero to the last byte, so that equal rules are equal bytes. */
    memset(&tmp, 0, sizeof tmp);
    tmp.icmp_type = tmp.icmp_code = -1;

    reason = parse_basics(fields, &tmp);
    if (!reason) {
        reason = parse_protocol(fields, &tmp);
    }
    if (!reason) {
        reason = is_icmp(&tmp) ? parse_icmp(fields, &tmp)
                               : parse_ports(fields, &tmp);
    }
    if (!reason) {
        reason = parse_source_ports(fields, &tmp);
    }
    if (!reason) {
        reason = parse_remote(fields, &tmp);
    }
    if (!reason) {
        *rule = tmp;
    }
    return reason;
}

bool
rpc_protocol_from_string(const char *text, int *protocol)
{
    /* The names Neutron takes.  Not here: "hopopt", number 0, because packet
     * filters read protocol 0 as any.  "ipip" is 4, although some files of
     * names say 94. */
    static const struct {
        const char *name;
        int number;
    } names[] = {
        { "any", PROTOCOL_ANY },
        { "ip", PROTOCOL_ANY },
        { "ah", 51 },
        { "dccp", 33 },
        { "egp", 8 },
        { "esp", 50 },
        { "gre", 47 },
        { "icmp", 1 },
        { "icmpv6", 58 },
        { "igmp", 2 },
        { "ipip", 4 },
        { "ipv6-encap", 41 },
        { "ipv6-frag", 44 },
        { "ipv6-icmp", 58 },
        { "ipv6-nonxt", 59 },
        { "ipv6-opts", 60 },
        { "ipv6-route", 43 },
        { "ospf", 89 },
        { "pgm", 113 },
        { "rsvp", 46 },
        { "sctp", 132 },
        { "tcp", 6 },
        { "udp", 17 },
        { "udplite", 136 },
        { "vrrp", 112 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (!strcasecmp(text, names[i].name)) {
            *protocol = names[i].number;
            return true;
        }
    }

    size_t len = strspn(text, "0123456789");
    int value = 0;
    if (!len || len > 3 || text[len] || (*text == '0' && len > 1)) {
        return false;
    }
    for (; *text; text++) {
        value = value * 10 + (*text - '0');
    }
    if (value > PROTOCOL_MAX) {
        return false;
    }
    *protocol = value ? value : PROTOCOL_ANY;
    return true;
}

/* Those whose packets begin with source and destination port. */
bool
rpc_protocol_has_ports(int protocol)
{
    switch (protocol) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
    case IPPROTO_DCCP:
    case IPPROTO_SCTP:
    case IPPROTO_UDPLITE:
        return true;
    default:
        return false;
    }
}

/* Spelled as Neutron spells them: there is no tradition of other spellings, so
 * another one is a mistake. */
static const char *
parse_basics(const struct rpc_rule_fields *fields, struct sg_rule *rule)
{
    if (!fields->id || !sg_id_from_string(fields->id, &rule->id)) {
        return "id is not a UUID";
    }

    if (!fields->direction) {
        return "direction is missing";
    } else if (!strcmp(fields->direction, "ingress")) {
        rule->direction = SG_INGRESS;
    } else if (!strcmp(fields->direction, "egress")) {
        rule->direction = SG_EGRESS;
    } else {
        return "direction is not ingress or egress";
    }

    if (!fields->ethertype) {
        return "ethertype is missing";
    } else if (!strcmp(fields->ethertype, "IPv4")) {
        rule->family = SG_IPV4;
    } else if (!strcmp(fields->ethertype, "IPv6")) {
        rule->family = SG_IPV6;
    } else {
        return "ethertype is not IPv4 or IPv6";
    }
    return NULL;
}

static const char *
parse_protocol(const struct rpc_rule_fields *fields, struct sg_rule *rule)
{
    const char *text = fields->protocol;

    rule->protocol = PROTOCOL_ANY;
    if (text && !rpc_protocol_from_string(text, &rule->protocol)) {
        return "protocol is not a name or a number from 0 to 255 that can be "
               "expressed";
    }

    /* Neutron takes the name "icmp" for the ICMP of the rule's family.  The
     * number 1 stays what it says, and says nothing: who sends it does not
     * mean what it is. */
    if (text && !strcasecmp(text, "icmp") && rule->family == SG_IPV6) {
        rule->protocol = IPPROTO_ICMPV6;
    } else if (rule->protocol == IPPROTO_ICMP && rule->family == SG_IPV6) {
        return "protocol 1 in an IPv6 rule: ICMPv6 is 58 or ipv6-icmp";
    }
    return NULL;
}

static const char *
parse_ports(const struct rpc_rule_fields *fields, struct sg_rule *rule)
{
    static const struct range_reasons reasons = {
        .no_ports = "port range on a protocol without ports",
        .one_end = "port range has one end only",
        .no_port = "port is not a number from 0 to 65535",
        .swapped = "port_range_min is above port_range_max",
    };
    const int64_t *min = fields->port_range_min;
    const int64_t *max = fields->port_range_max;
    const char *reason = parse_range(rule->protocol, min, max, &reasons);

    if (!reason && min) {
        rule->has_ports = true;
        rule->port_min = *min;
        rule->port_max = *max;
    }
    return reason;
}

/* ICMP has none, although it uses the other range. */
static const char *
parse_source_ports(const struct rpc_rule_fields *fields, struct sg_rule *rule)
{
    static const struct range_reasons reasons = {
        .no_ports = "source port range on a protocol without ports",
        .one_end = "source port range has one end only",
        .no_port = "source port is not a number from 0 to 65535",
        .swapped = "source_port_range_min is above source_port_range_max",
    };
    const int64_t *min = fields->source_port_range_min;
    const int64_t *max = fields->source_port_range_max;
    const char *reason = parse_range(rule->protocol, min, max, &reasons);

    if (!reason && min) {
        rule->has_source_ports = true;
        rule->source_port_min = *min;
        rule->source_port_max = *max;
    }
    return reason;
}

/* Checks a range: none, or both ends.  A zero is a port like any other: only a
 * missing field is absent. */
static const char *
parse_range(int protocol, const int64_t *min, const int64_t *max,
            const struct range_reasons *reasons)
{
    if (!min && !max) {
        return NULL;
    } else if (!rpc_protocol_has_ports(protocol)) {
        return reasons->no_ports;
    } else if (!min || !max) {
        return reasons->one_end;
    } else if (!in_range(*min, PORT_MAX) || !in_range(*max, PORT_MAX)) {
        return reasons->no_port;
    } else if (*min > *max) {
        return reasons->swapped;
    }
    return NULL;
}

/* For ICMP the two ends of the range are the type and the code. */
static const char *
parse_icmp(const struct rpc_rule_fields *fields, struct sg_rule *rule)
{
    const int64_t *type = fields->port_range_min;
    const int64_t *code = fields->port_range_max;

    if (!type) {
        return code ? "ICMP code without a type" : NULL;
    } else if (!in_range(*type, ICMP_MAX)) {
        return "ICMP type is not a number from 0 to 255";
    } else if (code && !in_range(*code, ICMP_MAX)) {
        return "ICMP code is not a number from 0 to 255";
    } else if (rule->family == SG_IPV4 && *type == ICMP4_TYPE_WILDCARD) {
        return "ICMP type 255 cannot be told from any type";
    }
    rule->icmp_type = *type;
    rule->icmp_code = code ? *code : -1;
    return NULL;
}

/* Two remotes would mean "both", which one rule cannot say.  A prefix of any
 * kind will do, multicast too: it may be a destination. */
static const char *
parse_remote(const struct rpc_rule_fields *fields, struct sg_rule *rule)
{
    if (!!fields->remote_group_id + !!fields->remote_ip_prefix
        + !!fields->remote_address_group_id > 1) {
        return "more than one remote";
    }

    if (fields->remote_group_id) {
        rule->remote = SG_REMOTE_GROUP;
        if (!sg_id_from_string(fields->remote_group_id, &rule->remote_id)) {
            return "remote_group_id is not a UUID";
        }
    } else if (fields->remote_address_group_id) {
        rule->remote = SG_REMOTE_ADDRESS_GROUP;
        if (!sg_id_from_string(fields->remote_address_group_id,
                               &rule->remote_id)) {
            return "remote_address_group_id is not a UUID";
        }
    } else if (fields->remote_ip_prefix) {
        rule->remote = SG_REMOTE_PREFIX;
        if (!sg_prefix_from_string(fields->remote_ip_prefix,
                                   &rule->remote_prefix)) {
            return "remote_ip_prefix is not an address or a prefix";
        } else if (rule->remote_prefix.family != rule->family) {
            return "remote_ip_prefix is of the other family";
        }
    } else {
        rule->remote = SG_REMOTE_ANY;
    }
    return NULL;
}

/* Protocol 58 in IPv4 is a number like any other: it has no types. */
static bool
is_icmp(const struct sg_rule *rule)
{
    return rule->protocol == (rule->family == SG_IPV4 ? IPPROTO_ICMP
                                                      : IPPROTO_ICMPV6);
}

static bool
in_range(int64_t value, int64_t max)
{
    return value >= 0 && value <= max;
}
