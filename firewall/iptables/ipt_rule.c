/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include "firewall/iptables/ipt_rule.h"

#include <string.h>

#define ALL_MATCHES (FW_M_FOREIGN - 1)
#define SET_MATCHES (FW_M_SET_SRC | FW_M_SET_DST)
#define PROTO_MATCHES (FW_M_PROTO | FW_M_NOT_PROTO)
#define CONNMARK_MATCHES (FW_M_CONNMARK | FW_M_NOT_CONNMARK)

/* The kernel's "icmp" match takes this type for "any type"; "icmp6" does
 * not. */
#define ICMP_ANY_TYPE 255

static const char *match_problem(enum sg_family, const struct fw_rule *);
static const char *port_problem(const struct fw_rule *);
static const char *icmp_problem(enum sg_family, const struct fw_rule *);
static const char *verdict_problem(const struct fw_rule *);
static bool is_one_bit(uint32_t);
static bool is_prefix_ok(enum sg_family, const struct sg_prefix *);
static bool is_interface_ok(const char name[SG_DEVICE_LEN]);

/* Returns NULL if the rule can be written into a table of 'family', otherwise
 * a static reason. */
const char *
ipt_rule_problem(enum sg_family family, const struct fw_rule *r)
{
    const char *problem = match_problem(family, r);

    if (!problem) {
        problem = port_problem(r);
    }
    if (!problem) {
        problem = icmp_problem(family, r);
    }
    return problem ? problem : verdict_problem(r);
}

static const char *
match_problem(enum sg_family family, const struct fw_rule *r)
{
    if (r->match & ~ALL_MATCHES) {
        return "foreign or unknown match";
    }
    if ((r->match & FW_M_SRC && !is_prefix_ok(family, &r->src))
        || (r->match & FW_M_DST && !is_prefix_ok(family, &r->dst))) {
        return "address is not a canonical prefix of the family";
    }
    if ((r->match & FW_M_IN && !is_interface_ok(r->in))
        || (r->match & FW_M_OUT && !is_interface_ok(r->out))
        || (r->match & FW_M_PHYSDEV_IN && !is_interface_ok(r->physdev_in))
        || (r->match & FW_M_PHYSDEV_OUT
            && !is_interface_ok(r->physdev_out))) {
        return "not an interface name";
    }
    if (r->match & PROTO_MATCHES && !r->proto) {
        return "protocol 0 means any";
    }
    /* A mask of several bits, or of none, is a question we never ask. */
    if (r->match & CONNMARK_MATCHES && !is_one_bit(r->connmark)) {
        return "not one bit of a flow's mark";
    }
    if ((r->match & PROTO_MATCHES) == PROTO_MATCHES
        || (r->match & CONNMARK_MATCHES) == CONNMARK_MATCHES) {
        return "a match and its contrary";
    }
    if (r->match & FW_M_NOT_FLOW_PORT && !(r->match & FW_M_ESTABLISHED)) {
        return "the port of a flow needs a flow";
    }
    if ((r->match & SET_MATCHES) == SET_MATCHES) {
        return "one set match at most";
    }
    if (r->match & SET_MATCHES
        && (!r->set[0] || !memchr(r->set, '\0', sizeof r->set))) {
        return "not the name of a set";
    }
    return NULL;
}

static const char *
port_problem(const struct fw_rule *r)
{
    bool sport = r->match & FW_M_SPORT;
    bool dport = r->match & FW_M_DPORT;

    if (!sport && !dport) {
        return NULL;
    }
    if (!(r->match & FW_M_PROTO) || !fw_protocol_has_ports(r->proto)) {
        return "ports need a protocol that has ports";
    }
    if ((sport && r->sport_min > r->sport_max)
        || (dport && r->dport_min > r->dport_max)) {
        return "port range is empty";
    }
    /* "All destination ports" alone is kept: it says that there must be a
     * port, so it does not match later fragments. */
    if (ipt_has_own_port_match(r->proto)
        && ((sport && ipt_is_every_port(r->sport_min, r->sport_max))
            || (sport && dport
                && ipt_is_every_port(r->dport_min, r->dport_max)))) {
        return "every port is the absence of a port match";
    }
    return NULL;
}

static const char *
icmp_problem(enum sg_family family, const struct fw_rule *r)
{
    uint8_t proto = family == SG_IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;

    if (!(r->match & (FW_M_ICMP_TYPE | FW_M_ICMP_CODE))) {
        return NULL;
    }
    if (!(r->match & FW_M_ICMP_TYPE)) {
        return "ICMP code needs a type";
    }
    if (!(r->match & FW_M_PROTO) || r->proto != proto) {
        return "ICMP type needs the ICMP of the family";
    }
    if (family == SG_IPV4 && r->icmp_type == ICMP_ANY_TYPE) {
        return "ICMP type 255 would match every type";
    }
    return NULL;
}

static const char *
verdict_problem(const struct fw_rule *r)
{
    switch ((enum fw_verdict) r->verdict) {
    case FW_ACCEPT:
    case FW_DROP:
    case FW_RETURN:
    case FW_ZONE:
    case FW_NOTRACK:
        return NULL;

    case FW_JUMP:
    case FW_GOTO:
        /* The iptables command takes these names for verdicts. */
        if (!r->target[0] || !memchr(r->target, '\0', sizeof r->target)
            || !strcmp(r->target, "ACCEPT") || !strcmp(r->target, "DROP")
            || !strcmp(r->target, "QUEUE") || !strcmp(r->target, "RETURN")) {
            return "not the name of a chain";
        }
        return NULL;

    case FW_NONE:
        /* Legal in the kernel, and what is left of a verdict that was lost
         * on the way: never written. */
        return "no verdict";
    }
    return "unknown verdict";
}

static bool
is_one_bit(uint32_t bits)
{
    return bits && !(bits & (bits - 1));
}

static bool
is_prefix_ok(enum sg_family family, const struct sg_prefix *p)
{
    /* /0 is the absence of the match, which has its own spelling. */
    if (p->family != family || !p->plen || p->plen > sg_family_bits(family)) {
        return false;
    }

    size_t i = p->plen / 8;
    if (p->plen % 8 && p->addr[i++] & (0xff >> p->plen % 8)) {
        return false;
    }
    for (; i < sizeof p->addr; i++) {
        if (p->addr[i]) {
            return false;
        }
    }
    return true;
}

/* A bare "+" matches every interface, that is, nothing is matched. */
static bool
is_interface_ok(const char name[SG_DEVICE_LEN])
{
    return name[0] && memchr(name, '\0', SG_DEVICE_LEN) && strcmp(name, "+");
}
