/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "agent/trace_query.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "firewall/sources.h"
#include "rpc/rule.h"
#include "util.h"
#include "uuid.h"

/* Echo requests. */
#define ICMP4_ECHO 8
#define ICMP6_ECHO 128

/* What was said, besides the port and the direction. */
struct words {
    bool proto, src, dst, sport, dport, type, code, mac;
    bool icmp;                  /* The protocol, by this name. */
    int protocol;
};

static char *find_port(const struct sg_policy *, const char *name,
                       const struct sg_port **);
static char *parse_word(const char *word, struct words *,
                        struct fw_trace_query *);
static const char *check(const struct words *, const struct fw_packet *);
static const char *complete(const struct sg_port *, const struct words *,
                            struct fw_trace_query *);

char *
trace_query_parse(const struct sg_policy *policy, int n, const char *argv[],
                  struct fw_trace_query *query)
{
    const struct sg_port *port = NULL;
    struct fw_trace_query q;
    struct words words;
    const char *why;
    char *error;

    if (n < 2 || n > TRACE_MAX_WORDS) {
        return xstrdup("expected PORT in|out KEY=VALUE...");
    }
    error = find_port(policy, argv[0], &port);
    if (error) {
        return error;
    }
    memset(&q, 0, sizeof q);
    memset(&words, 0, sizeof words);
    q.port = port->id;
    if (strcmp(argv[1], "in") && strcmp(argv[1], "out")) {
        return xasprintf("%s: expected in or out", argv[1]);
    }
    q.direction = strcmp(argv[1], "in") ? SG_EGRESS : SG_INGRESS;
    for (int i = 2; i < n; i++) {
        error = parse_word(argv[i], &words, &q);
        if (error) {
            return error;
        }
    }
    why = complete(port, &words, &q);
    why = why ? why : check(&words, &q.packet);
    if (why) {
        return xstrdup(why);
    }
    *query = q;
    return NULL;
}

/* Is 'name' one of those of the port, or the beginning of its id? */
static bool
is_called(const struct sg_port *port, const char *name)
{
    char id[UUID_LEN + 1];

    snprintf(id, sizeof id, UUID_FMT, UUID_ARGS(&port->id));
    return (*name
            && (!strncasecmp(id, name, strlen(name))
                || !strcmp(port->binding.device, name)
                || !strcmp(port->binding.interface, name)));
}

static char *
find_port(const struct sg_policy *policy, const char *name,
          const struct sg_port **portp)
{
    const struct sg_port *port;

    HMAP_FOR_EACH (port, node, &policy->ports) {
        if (is_called(port, name)) {
            if (*portp) {
                return xasprintf("more than one port is called %s", name);
            }
            *portp = port;
        }
    }
    return *portp ? NULL : xasprintf("no port %s", name);
}

static bool
parse_number(const char *text, int max, int *number)
{
    return str_to_int(text, 10, number) && *number >= 0 && *number <= max;
}

static bool
parse_port(const char *text, uint16_t *port)
{
    int number;

    if (!parse_number(text, UINT16_MAX, &number)) {
        return false;
    }
    *port = number;
    return true;
}

static bool
parse_byte(const char *text, uint8_t *byte)
{
    int number;

    if (!parse_number(text, UINT8_MAX, &number)) {
        return false;
    }
    *byte = number;
    return true;
}

static bool
parse_value(const char *key, const char *value, struct words *w,
            struct fw_trace_query *q)
{
    struct fw_packet *p = &q->packet;

    if (!strcmp(key, "proto")) {
        w->proto = rpc_protocol_from_string(value, &w->protocol);
        w->icmp = !strcasecmp(value, "icmp");
        return w->proto && w->protocol > 0;
    } else if (!strcmp(key, "src")) {
        return w->src = sg_address_from_string(value, &p->src);
    } else if (!strcmp(key, "dst")) {
        return w->dst = sg_address_from_string(value, &p->dst);
    } else if (!strcmp(key, "sport")) {
        return w->sport = parse_port(value, &p->sport);
    } else if (!strcmp(key, "dport")) {
        return w->dport = parse_port(value, &p->dport);
    } else if (!strcmp(key, "type")) {
        return w->type = parse_byte(value, &p->icmp_type);
    } else if (!strcmp(key, "code")) {
        return w->code = parse_byte(value, &p->icmp_code);
    } else if (!strcmp(key, "mac")) {
        return w->mac = sg_mac_from_string(value, &p->mac);
    } else if (!strcmp(key, "state")) {
        return fw_trace_state_from_string(value, &q->state);
    }
    return false;
}

static char *
parse_word(const char *word, struct words *w, struct fw_trace_query *q)
{
    const char *value = strchr(word, '=');
    char *key = value ? xmemdup0(word, value - word) : NULL;
    bool ok = key && parse_value(key, value + 1, w, q);

    free(key);
    return ok ? NULL : xasprintf("%s: this cannot be understood", word);
}

/* The MAC address that goes with the address; its own for one that it has
 * not. */
static struct sg_mac
own_mac(const struct sg_port_spec *spec, const struct sg_prefix *address)
{
    struct sg_mac mac = spec->mac;
    size_t n;
    struct sg_pair *pairs = fw_port_sources(spec, address->family, &n);

    for (size_t i = 0; i < n; i++) {
        if (sg_prefix_contains(&pairs[i].prefix, address)) {
            mac = pairs[i].mac;
            break;
        }
    }
    free(pairs);
    return mac;
}

static bool
own_address(const struct sg_port *port, enum sg_family family,
            struct sg_prefix *address)
{
    const struct sg_port_spec *spec = &port->spec;

    for (size_t i = 0; port->state != SG_ABSENT && i < spec->n_fixed_ips;
         i++) {
        if (spec->fixed_ips[i].family == family) {
            *address = spec->fixed_ips[i];
            return true;
        }
    }
    return false;
}

/* Fills in what was left out. */
static const char *
complete(const struct sg_port *port, const struct words *w,
         struct fw_trace_query *q)
{
    struct fw_packet *p = &q->packet;
    bool out = q->direction == SG_EGRESS;
    const struct sg_prefix *other = out ? &p->dst : &p->src;

    if (!(out ? w->dst : w->src)) {
        return "the address of the other end is missing";
    }
    p->family = other->family;
    if (!(out ? w->src : w->dst)
        && !own_address(port, p->family, out ? &p->src : &p->dst)) {
        return "the port has no address of this family: say which";
    }
    if (!w->proto) {
        return "the protocol is missing";
    }
    /* The name is said of both, as in rules; a number is what it is. */
    p->proto = (w->icmp && p->family == SG_IPV6 ? IPPROTO_ICMPV6
                : w->protocol);
    if (!w->mac && out && port->state != SG_ABSENT) {
        p->mac = own_mac(&port->spec, &p->src);
    }
    if (!w->sport && fw_protocol_has_ports(p->proto)) {
        p->sport = TRACE_SPORT;
    }
    if (!w->type && p->proto == IPPROTO_ICMP) {
        p->icmp_type = ICMP4_ECHO;
    } else if (!w->type && p->proto == IPPROTO_ICMPV6) {
        p->icmp_type = ICMP6_ECHO;
    }
    return NULL;
}

static const char *
check(const struct words *w, const struct fw_packet *p)
{
    bool is_icmp = p->proto == (p->family == SG_IPV4 ? IPPROTO_ICMP
                                                     : IPPROTO_ICMPV6);

    if (p->src.family != p->dst.family) {
        return "source and destination are of different families";
    }
    if (fw_protocol_has_ports(p->proto) && !w->dport) {
        return "the destination port is missing";
    }
    if (!fw_protocol_has_ports(p->proto) && (w->sport || w->dport)) {
        return "this protocol has no ports";
    }
    if (!is_icmp && (w->type || w->code)) {
        return "type and code are for ICMP of the family";
    }
    return NULL;
}
