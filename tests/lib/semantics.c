/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The meaning of security groups, in the order of the questions that decide.
 *
 * The networking API says: security groups are sets of rules; a rule allows
 * traffic, none forbids; what no rule of any of the port's groups allows is
 * dropped, in both directions; answers to what was allowed pass.  A port with
 * port security may send only from its own addresses, its own MAC and its
 * allowed address pairs, and an instance must be able to get its addresses
 * and to find its neighbours whatever its groups say. */

#include "tests/lib/semantics.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    DHCP4_SERVER = 67, DHCP4_CLIENT = 68,
    DHCP6_CLIENT = 546, DHCP6_SERVER = 547,
};

/* Of ICMPv6. */
enum {
    LISTENER_QUERY = 130, LISTENER_REPORT = 131, LISTENER_DONE = 132,
    ROUTER_SOLICITATION = 133, ROUTER_ADVERTISEMENT = 134,
    NEIGHBOUR_SOLICITATION = 135, NEIGHBOUR_ADVERTISEMENT = 136,
    REDIRECT = 137, LISTENER_REPORT_2 = 143,
};

static void
verdict(struct semantics_verdict *v, bool allowed, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void
verdict(struct semantics_verdict *v, bool allowed, const char *format, ...)
{
    va_list args;

    v->allowed = allowed;
    va_start(args, format);
    vsnprintf(v->why, sizeof v->why, format, args);
    va_end(args);
}

/* ------------------------------------------------------------------------ */
/* The packet. */

static bool
is_udp(const struct semantics_packet *p, int sport, int dport)
{
    return p->protocol == IPPROTO_UDP && p->sport == sport
           && p->dport == dport;
}

/* From a client to a server or the other way round. */
static bool
is_dhcp(const struct semantics_packet *p, bool by_client)
{
    int client = p->family == SEMANTICS_IPV4 ? DHCP4_CLIENT : DHCP6_CLIENT;
    int server = p->family == SEMANTICS_IPV4 ? DHCP4_SERVER : DHCP6_SERVER;

    return by_client ? is_udp(p, client, server) : is_udp(p, server, client);
}

static bool
is_icmp6(const struct semantics_packet *p)
{
    return p->family == SEMANTICS_IPV6 && p->protocol == IPPROTO_ICMPV6;
}

/* What every node says to its neighbours, whatever address it has. */
static bool
is_host_announcement(const struct semantics_packet *p)
{
    return is_icmp6(p) && (p->icmp_type == NEIGHBOUR_SOLICITATION
                           || p->icmp_type == LISTENER_REPORT
                           || p->icmp_type == LISTENER_DONE
                           || p->icmp_type == LISTENER_REPORT_2);
}

static bool
is_all(const uint8_t *address, enum semantics_family family, uint8_t value)
{
    for (int i = 0; i < (family == SEMANTICS_IPV4 ? 4 : 16); i++) {
        if (address[i] != value) {
            return false;
        }
    }
    return true;
}

/* ------------------------------------------------------------------------ */
/* The source. */

/* fe80::/64 and the interface identifier made of the MAC: its first bit but
 * one flipped, ff:fe in the middle. */
static bool
is_link_local_of(const struct semantics_packet *p,
                 const struct semantics_mac *mac)
{
    const uint8_t *m = mac->byte;
    const uint8_t address[16] = {
        0xfe, 0x80, 0, 0, 0, 0, 0, 0,
        m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5],
    };

    return p->family == SEMANTICS_IPV6
           && !memcmp(p->src, address, sizeof address);
}

static bool
is_from(const struct semantics_packet *p, const struct semantics_mac *mac)
{
    return !memcmp(&p->mac, mac, sizeof *mac);
}

static bool
is_own_source(const struct semantics_port *port,
              const struct semantics_packet *p)
{
    if (is_from(p, &port->mac) && is_link_local_of(p, &port->mac)) {
        return true;
    }
    for (size_t i = 0; i < port->n_sources; i++) {
        const struct semantics_source *s = &port->sources[i];

        if (is_from(p, &s->mac)
            && (semantics_in_range(&s->addresses, p->family, p->src)
                || is_link_local_of(p, &s->mac))) {
            return true;
        }
    }
    return false;
}

static bool
is_own_mac(const struct semantics_port *port,
           const struct semantics_packet *p)
{
    bool own = is_from(p, &port->mac);

    for (size_t i = 0; i < port->n_sources; i++) {
        own = own || is_from(p, &port->sources[i].mac);
    }
    return own;
}

/* Who has no address yet may ask for one, test whether the one it wants is in
 * use, and join the groups that needs. */
static bool
is_before_address(const struct semantics_port *port,
                  const struct semantics_packet *p)
{
    if (!is_all(p->src, p->family, 0) || !is_own_mac(port, p)) {
        return false;
    }
    return p->family == SEMANTICS_IPV4
           ? is_dhcp(p, true) && is_all(p->dst, p->family, 255)
           : is_host_announcement(p);
}

/* ------------------------------------------------------------------------ */
/* Rules. */

/* Of several with one id the newest holds; of equally new ones the first. */
#define FIND_NEWEST(ARRAY, N, ID, FOUND)                                \
    for (size_t i_ = 0; i_ < (N); i_++) {                               \
        if (!strcmp((ARRAY)[i_].id, ID)                                 \
            && (!(FOUND) || (ARRAY)[i_].revision > (FOUND)->revision)) { \
            (FOUND) = &(ARRAY)[i_];                                     \
        }                                                               \
    }

static bool
is_member(const struct semantics *s, const char *group,
          enum semantics_family family, const uint8_t *address)
{
    const struct semantics_members *members = NULL;

    FIND_NEWEST(s->members, s->n_members, group, members);
    for (size_t i = 0; members && i < members->n_ranges; i++) {
        if (semantics_in_range(&members->ranges[i], family, address)) {
            return true;
        }
    }
    return false;
}

/* Everything that the rule names must fit. */
static bool
rule_fits(const struct semantics *s, const struct semantics_rule *rule,
          bool egress, const struct semantics_packet *p)
{
    const uint8_t *remote = egress ? p->dst : p->src;

    if (rule->left_out || rule->egress != egress
        || rule->family != p->family) {
        return false;
    }
    if (rule->protocol >= 0 && rule->protocol != p->protocol) {
        return false;
    }
    if (rule->has_ports && (p->dport < rule->port_min
                            || p->dport > rule->port_max)) {
        return false;
    }
    if (rule->has_source_ports && (p->sport < rule->source_port_min
                                   || p->sport > rule->source_port_max)) {
        return false;
    }
    if ((rule->icmp_type >= 0 && rule->icmp_type != p->icmp_type)
        || (rule->icmp_code >= 0 && rule->icmp_code != p->icmp_code)) {
        return false;
    }
    return rule->remote == SEMANTICS_ANYBODY
           || (rule->remote == SEMANTICS_PREFIX
               ? semantics_in_range(&rule->remote_range, p->family, remote)
               : is_member(s, rule->remote_id, p->family, remote));
}

/* Any rule of any group will do. */
static void
judge_by_groups(const struct semantics *s, const struct semantics_port *port,
                bool egress, const struct semantics_packet *p,
                struct semantics_verdict *v)
{
    for (size_t i = 0; i < port->n_groups; i++) {
        const struct semantics_rules *rules = NULL;

        FIND_NEWEST(s->rules, s->n_rules, port->groups[i], rules);
        for (size_t j = 0; rules && j < rules->n_rules; j++) {
            if (rule_fits(s, &rules->rules[j], egress, p)) {
                verdict(v, true, "rule %s", rules->rules[j].id);
                return;
            }
        }
    }
    verdict(v, false, "no rule of its groups");
}

/* Ours: the API has answers pass of a stateful group, and not of a stateless
 * one, and refuses to mix them at one port; where they are mixed all the same,
 * answers pass.  Only groups that are known have a say. */
static bool
is_stateless(const struct semantics *s, const struct semantics_port *port)
{
    bool any = false;

    for (size_t i = 0; i < port->n_groups; i++) {
        const struct semantics_rules *rules = NULL;

        FIND_NEWEST(s->rules, s->n_rules, port->groups[i], rules);
        if (rules && !rules->deleted) {
            if (rules->stateful) {
                return false;
            }
            any = true;
        }
    }
    return any;
}

/* ------------------------------------------------------------------------ */
/* Directions. */

/* An instance is no DHCP server and no router, even for who asked it. */
static bool
is_impostor(const struct semantics_packet *p)
{
    return is_dhcp(p, false)
           || (is_icmp6(p) && (p->icmp_type == ROUTER_ADVERTISEMENT
                               || p->icmp_type == REDIRECT));
}

/* Ours: where Linux knows a flow by its addresses alone, being known is no
 * answer to the question for ports. */
static bool
passes_as_known(const struct semantics_packet *p, bool tracked)
{
    return p->known_flow && tracked && p->protocol != IPPROTO_DCCP;
}

static void
judge_egress(const struct semantics *s, const struct semantics_port *port,
             const struct semantics_packet *p, struct semantics_verdict *v)
{
    bool tracked = !is_stateless(s, port);

    if (!is_own_source(port, p)) {
        if (is_before_address(port, p)) {
            verdict(v, true, "getting an address");
        } else {
            verdict(v, false, "not its own source");
        }
    } else if (p->revoked_flow && tracked) {
        verdict(v, false, "revoked flow");
    } else if (is_impostor(p)) {
        verdict(v, false, "DHCP server or router");
    } else if (is_dhcp(p, true)) {
        verdict(v, true, "DHCP client");
    } else if (is_host_announcement(p)
               || (is_icmp6(p)
                   && (p->icmp_type == ROUTER_SOLICITATION
                       || p->icmp_type == NEIGHBOUR_ADVERTISEMENT))) {
        verdict(v, true, "neighbour discovery");
    } else if (passes_as_known(p, tracked)) {
        verdict(v, true, "known flow");
    } else {
        judge_by_groups(s, port, true, p, v);
    }
}

static void
judge_ingress(const struct semantics *s, const struct semantics_port *port,
              const struct semantics_packet *p, struct semantics_verdict *v)
{
    bool tracked = !is_stateless(s, port);

    if (p->revoked_flow && tracked) {
        verdict(v, false, "revoked flow");
    } else if (is_dhcp(p, false)) {
        verdict(v, true, "DHCP answer");
    } else if (is_host_announcement(p)
               || (is_icmp6(p)
                   && (p->icmp_type == ROUTER_ADVERTISEMENT
                       || p->icmp_type == NEIGHBOUR_ADVERTISEMENT
                       || p->icmp_type == LISTENER_QUERY))) {
        verdict(v, true, "neighbour discovery");
    } else if (passes_as_known(p, tracked)) {
        verdict(v, true, "known flow");
    } else {
        judge_by_groups(s, port, false, p, v);
    }
}

void
semantics_judge(const struct semantics *s,
                const struct semantics_plug *plugs, size_t n_plugs,
                const struct semantics_packet *p,
                struct semantics_verdict *v)
{
    const struct semantics_plug *plug = NULL;
    const struct semantics_port *port = NULL;
    bool egress = false;

    for (size_t i = 0; i < n_plugs; i++) {
        if (!strcmp(p->from, plugs[i].device)
            && !strcmp(p->to, plugs[i].uplink)) {
            plug = &plugs[i];
            egress = true;
        } else if (!strcmp(p->from, plugs[i].uplink)
                   && !strcmp(p->to, plugs[i].device)) {
            plug = &plugs[i];
        }
    }
    if (!plug) {
        verdict(v, false, "not between a port's device and its uplink");
        return;
    }

    FIND_NEWEST(s->ports, s->n_ports, plug->port, port);
    if (!plug->enforceable) {
        verdict(v, false, "rules cannot be put to this plug");
    } else if (!port) {
        verdict(v, false, "the port is not known");
    } else if (port->deleted) {
        verdict(v, false, "the port is deleted");
    } else if (!port->filtered) {
        verdict(v, true, "trusted or without port security");
    } else if (egress) {
        judge_egress(s, port, p, v);
    } else {
        judge_ingress(s, port, p, v);
    }
}

bool
semantics_is_stateless(const struct semantics *s, const char *port_id)
{
    const struct semantics_port *port = NULL;

    FIND_NEWEST(s->ports, s->n_ports, port_id, port);
    return port && !port->deleted && port->filtered && is_stateless(s, port);
}

const char *
semantics_left_out(const struct semantics *s, const char *rule_id)
{
    for (size_t i = 0; i < s->n_rules; i++) {
        for (size_t j = 0; j < s->rules[i].n_rules; j++) {
            const struct semantics_rule *rule = &s->rules[i].rules[j];

            if (!strcmp(rule->id, rule_id)) {
                return rule->left_out;
            }
        }
    }
    return "no such rule";
}
