/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Packets, and what they miss, in words. */

#include <config.h>
#include "firewall/trace.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <string.h>

#include "util.h"
#include "uuid.h"

static void
put_name(struct ds *ds, const char *name, size_t size)
{
    ds_put_printable(ds, name, strnlen(name, size));
}

static void
put_protocol(struct ds *ds, uint8_t proto)
{
    const char *name = fw_protocol_name(proto);

    if (name) {
        ds_put_cstr(ds, name);
    } else {
        ds_put_format(ds, "%"PRIu8, proto);
    }
}

static void
put_prefix(struct ds *ds, const struct sg_prefix *p)
{
    char buf[SG_PREFIX_STRLEN];

    ds_put_cstr(ds, sg_prefix_format(p, buf));
}

static void
put_range(struct ds *ds, uint16_t min, uint16_t max)
{
    ds_put_format(ds, "%"PRIu16, min);
    if (min != max) {
        ds_put_format(ds, " to %"PRIu16, max);
    }
}

static void
put_set(struct ds *ds, const struct fw_trace_rule *r)
{
    if (uuid_is_zero(&r->members)) {
        ds_put_cstr(ds, "in set ");
    } else {
        ds_put_format(ds, "a member of "UUID_FMT", in set ",
                      UUID_ARGS(&r->members));
    }
    put_name(ds, r->rule.set, sizeof r->rule.set);
}

/* One match of a rule. */
static void
put_match(struct ds *ds, const struct fw_trace_rule *r, uint32_t match)
{
    const struct fw_rule *rule = &r->rule;
    char mac[SG_MAC_STRLEN];

    switch ((enum fw_match) match) {
    case FW_M_SRC:
        ds_put_cstr(ds, "source ");
        put_prefix(ds, &rule->src);
        break;
    case FW_M_DST:
        ds_put_cstr(ds, "destination ");
        put_prefix(ds, &rule->dst);
        break;
    case FW_M_IN:
    case FW_M_PHYSDEV_IN:
        ds_put_cstr(ds, "from device ");
        put_name(ds, match == FW_M_IN ? rule->in : rule->physdev_in,
                 SG_DEVICE_LEN);
        break;
    case FW_M_OUT:
    case FW_M_PHYSDEV_OUT:
        ds_put_cstr(ds, "to device ");
        put_name(ds, match == FW_M_OUT ? rule->out : rule->physdev_out,
                 SG_DEVICE_LEN);
        break;
    case FW_M_PROTO:
        ds_put_cstr(ds, "protocol ");
        put_protocol(ds, rule->proto);
        break;
    case FW_M_NOT_PROTO:
        ds_put_cstr(ds, "another protocol than ");
        put_protocol(ds, rule->proto);
        break;
    case FW_M_ESTABLISHED:
        ds_put_cstr(ds, "a known flow");
        break;
    case FW_M_NOT_FLOW_PORT:
        ds_put_format(ds, "a flow that nobody sends from port %"PRIu16" in",
                      rule->flow_port);
        break;
    case FW_M_CONNMARK:
        ds_put_cstr(ds, "a revoked flow");
        break;
    case FW_M_NOT_CONNMARK:
        ds_put_cstr(ds, "a flow that is not revoked");
        break;
    case FW_M_MAC:
        ds_put_format(ds, "source MAC address %s",
                      sg_mac_format(&rule->mac, mac));
        break;
    case FW_M_SET_SRC:
        ds_put_cstr(ds, "source ");
        put_set(ds, r);
        break;
    case FW_M_SET_DST:
        ds_put_cstr(ds, "destination ");
        put_set(ds, r);
        break;
    case FW_M_SPORT:
        ds_put_cstr(ds, "source port ");
        put_range(ds, rule->sport_min, rule->sport_max);
        break;
    case FW_M_DPORT:
        ds_put_cstr(ds, "destination port ");
        put_range(ds, rule->dport_min, rule->dport_max);
        break;
    case FW_M_ICMP_TYPE:
        ds_put_format(ds, "ICMP type %"PRIu8, rule->icmp_type);
        break;
    case FW_M_ICMP_CODE:
        ds_put_format(ds, "ICMP code %"PRIu8, rule->icmp_code);
        break;
    case FW_M_COMMENT:
    case FW_M_FOREIGN:
        break;
    }
}

/* In the order in which people say it. */
void
fw_trace_format_missed(const struct fw_trace_rule *r, struct ds *ds)
{
    static const uint32_t order[] = {
        FW_M_IN, FW_M_OUT, FW_M_PHYSDEV_IN, FW_M_PHYSDEV_OUT,
        FW_M_ESTABLISHED, FW_M_CONNMARK, FW_M_NOT_CONNMARK,
        FW_M_NOT_FLOW_PORT, FW_M_PROTO, FW_M_NOT_PROTO, FW_M_SPORT, FW_M_DPORT,
        FW_M_ICMP_TYPE, FW_M_ICMP_CODE, FW_M_SRC, FW_M_SET_SRC, FW_M_MAC,
        FW_M_DST, FW_M_SET_DST,
    };
    bool first = true;

    for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
        if (r->missed & order[i]) {
            ds_put_cstr(ds, first ? "" : ", ");
            put_match(ds, r, order[i]);
            first = false;
        }
    }
}

static void
put_end(struct ds *ds, const struct sg_prefix *address, uint16_t port,
        bool has_ports)
{
    bool brackets = has_ports && address->family == SG_IPV6;

    ds_put_cstr(ds, brackets ? "[" : "");
    put_prefix(ds, address);
    ds_put_cstr(ds, brackets ? "]" : "");
    if (has_ports) {
        ds_put_format(ds, ":%"PRIu16, port);
    }
}

void
fw_packet_format(const struct fw_packet *p, struct ds *ds)
{
    bool has_ports = fw_protocol_has_ports(p->proto);

    ds_put_format(ds, "%s ", sg_family_name(p->family));
    put_protocol(ds, p->proto);
    if (p->proto == (p->family == SG_IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6)) {
        ds_put_format(ds, " type %"PRIu8" code %"PRIu8, p->icmp_type,
                      p->icmp_code);
    }
    ds_put_char(ds, ' ');
    put_end(ds, &p->src, p->sport, has_ports);
    ds_put_cstr(ds, " > ");
    put_end(ds, &p->dst, p->dport, has_ports);
}
