/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Packets for random answers: most hit a rule or just miss it. */

#include <config.h>
#include "tests/lib/random-answer.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "firewall/render.h"
#include "tests/lib/test.h"
#include "util.h"

static unsigned int
below(unsigned int n, uint64_t *state)
{
    return test_random(state) % n;
}

#define PICK(ARRAY, STATE) ((ARRAY)[below(ARRAY_SIZE(ARRAY), STATE)])

static bool
once_in(unsigned int n, uint64_t *state)
{
    return !below(n, state);
}

static struct sg_prefix
address(const char *text)
{
    struct sg_prefix p;

    if (!sg_address_from_string(text, &p)) {
        OVS_NOT_REACHED();
    }
    return p;
}

/* What stands before another header in IPv6 is no packet's protocol. */
static bool
is_extension_header(const struct eval_packet *p)
{
    return p->family == SG_IPV6
           && (!p->proto || p->proto == IPPROTO_ROUTING
               || p->proto == IPPROTO_FRAGMENT || p->proto == IPPROTO_AH
               || p->proto == IPPROTO_DSTOPTS);
}

/* One of the ends, one beside it, or anything. */
static int
near(int first, int last, int max, uint64_t *state)
{
    int value = (below(2, state) ? first : last) + (int) below(3, state) - 1;

    return once_in(10, state) ? (int) below(max + 1, state)
                              : MIN(MAX(value, 0), max);
}

static void
random_l4(struct eval_packet *p, const struct answer_hint *hint,
          uint64_t *state)
{
    static const uint8_t others[] = { 1, 4, 6, 17, 33, 47, 58, 132, 136 };
    static const uint16_t sports[] = { 0, 53, 67, 68, 546, 547, 80, 40000 };

    p->proto = hint->protocol < 0 ? PICK(others, state) : hint->protocol;
    if (once_in(12, state)) {
        p->proto += below(3, state) - 1;
    } else if (once_in(12, state)) {
        p->proto = PICK(others, state);
    }
    if (is_extension_header(p)) {
        p->proto = IPPROTO_TCP;
    }

    if (fw_protocol_has_ports(p->proto)) {
        p->sport = (below(2, state) ? PICK(sports, state)
                    : near(hint->source_min, hint->source_max, UINT16_MAX,
                           state));
        p->dport = near(hint->min, hint->max, UINT16_MAX, state);
    } else if (p->proto == (p->family == SG_IPV4 ? IPPROTO_ICMP
                                                 : IPPROTO_ICMPV6)) {
        p->icmp_type = MIN(MAX(hint->min + (int) below(5, state) / 2 - 1, 0),
                           255);
        p->icmp_code = (once_in(3, state) ? below(3, state)
                        : MIN(MAX(hint->max + (int) below(3, state) - 1, 0),
                              255));
    }
}

/* DHCP and ICMPv6, the right ones and their neighbours. */
static void
random_infrastructure(struct eval_packet *p, bool out, uint64_t *state)
{
    static const uint16_t ports[] = { 67, 68, 67, 68, 67, 68, 66, 547 };
    static const uint16_t ports6[] = { 546, 547, 546, 547, 546, 547, 548, 67 };

    if (p->family == SG_IPV6 && below(3, state)) {
        p->proto = IPPROTO_ICMPV6;
        p->icmp_type = once_in(6, state) ? 143 : 126 + below(14, state);
        p->icmp_code = once_in(4, state);
    } else {
        p->proto = IPPROTO_UDP;
        p->sport = p->family == SG_IPV4 ? PICK(ports, state)
                                        : PICK(ports6, state);
        p->dport = p->family == SG_IPV4 ? PICK(ports, state)
                                        : PICK(ports6, state);
    }
    if (out && below(2, state)) {
        memset(p->src.addr, 0, sizeof p->src.addr);
    }
    if (below(2, state)) {
        p->dst = address(p->family == SG_IPV4 ? "255.255.255.255"
                         : "ff02::1");
    }
}

/* The host routes the frame to or from the bridge: it knows no physical device
 * but the one the frame came from. */
static void
route_frame(struct eval_packet *p, bool out)
{
    if (out) {
        strcpy(p->routed, "eth0");
        memset(p->physdev_out, 0, sizeof p->physdev_out);
    } else {
        ovs_strlcpy(p->routed, p->bridge, sizeof p->routed);
        strcpy(p->bridge, "eth0");
        memset(p->physdev_in, 0, sizeof p->physdev_in);
        memset(p->physdev_out, 0, sizeof p->physdev_out);
    }
}

/* The port's own address, or the link-local one of a MAC. */
static struct sg_prefix
own_address(const struct eval_packet *p, size_t n, uint64_t *state)
{
    char text[SG_PREFIX_STRLEN];
    struct sg_prefix own;

    if (p->family == SG_IPV6 && once_in(4, state)) {
        sg_mac_link_local(&p->mac, &own);
        return own;
    }
    snprintf(text, sizeof text, p->family == SG_IPV4 ? "10.0.0.%"PRIuSIZE
             : "2001:db8::%"PRIuSIZE, n + 1);
    return address(text);
}

static void
random_frame(const struct sg_binding *b, bool out, struct eval_packet *p,
             uint64_t *state)
{
    const char *device = b->device, *other = b->uplink;

    /* A third device on the bridge. */
    if (once_in(20, state)) {
        *(below(2, state) ? &device : &other) = "tapx";
    }
    ovs_strzcpy(p->bridge, b->bridge, sizeof p->bridge);
    ovs_strzcpy(p->physdev_in, out ? device : other, sizeof p->physdev_in);
    ovs_strzcpy(p->physdev_out, out ? other : device,
                sizeof p->physdev_out);
}

void
random_answer_packet(const struct answer *a, struct eval_packet *p,
                     uint64_t *state)
{
    static const struct answer_hint none = { .protocol = -1 };
    const struct answer_hint *hint = (a->n_hints
                                      ? &a->hints[below(a->n_hints, state)]
                                      : &none);
    size_t n = below(ANSWER_N_PORTS, state);
    const struct sg_binding *b = &a->bindings[n];
    bool out = once_in(8, state) ? !hint->egress : hint->egress;

    memset(p, 0, sizeof *p);
    p->family = once_in(12, state) ? !hint->family : hint->family;
    random_frame(b, out, p, state);
    if (!sg_mac_from_string(answer_macs[once_in(8, state)
                                        ? below(ANSWER_N_MACS, state) : n],
                            &p->mac)) {
        OVS_NOT_REACHED();
    }
    p->src = (out && below(6, state)
              ? own_address(p, n, state)
              : address(random_answer_address(p->family, state)));
    p->dst = (!out && below(6, state)
              ? own_address(p, n, state)
              : address(random_answer_address(p->family, state)));
    if (once_in(32, state)) {
        memset(p->src.addr, 0, sizeof p->src.addr);
    }
    if (once_in(5, state)) {
        random_infrastructure(p, out, state);
    } else {
        random_l4(p, hint, state);
    }

    if (once_in(24, state)) {
        route_frame(p, out);
    }

    /* Its own zone, another's, or that of all unmanaged devices. */
    int zones[] = { b->zone ? b->zone : EVAL_NO_FLOW,
                    n ? (int) n : ANSWER_N_PORTS, 0 };
    p->flow_zone = once_in(8, state) ? PICK(zones, state) : EVAL_NO_FLOW;

    /* Others use their own bits. */
    uint32_t marks[] = { 0, UINT32_C(1) << FW_REVOKED_BIT,
                         ~(UINT32_C(1) << FW_REVOKED_BIT) };
    p->flow_mark = PICK(marks, state);
}

void
answer_plugs(const struct answer *a,
             struct semantics_plug plugs[ANSWER_N_PORTS])
{
    for (size_t i = 0; i < ANSWER_N_PORTS; i++) {
        const struct sg_binding *b = &a->bindings[i];

        plugs[i] = (struct semantics_plug) {
            .port = answer_port_id(i),
            .device = b->device,
            .uplink = b->uplink,
            .enforceable = b->plug == SG_PLUG_HYBRID && b->zone,
        };
    }
}

void
answer_packet_for_semantics(const struct answer *a,
                            const struct eval_packet *p,
                            struct semantics_packet *sp)
{
    *sp = (struct semantics_packet) {
        .from = p->physdev_in,
        .to = p->physdev_out,
        .family = p->family == SG_IPV4 ? SEMANTICS_IPV4 : SEMANTICS_IPV6,
        .protocol = p->proto,
        .sport = p->sport,
        .dport = p->dport,
        .icmp_type = p->icmp_type,
        .icmp_code = p->icmp_code,
    };
    memcpy(sp->src, p->src.addr, sizeof sp->src);
    memcpy(sp->dst, p->dst.addr, sizeof sp->dst);
    memcpy(&sp->mac, &p->mac, sizeof sp->mac);
    for (size_t i = 0; i < ANSWER_N_PORTS; i++) {
        const struct sg_binding *b = &a->bindings[i];

        sp->known_flow = sp->known_flow
                         || (!strcmp(b->bridge, p->bridge)
                             && b->zone && p->flow_zone == b->zone);
    }
    sp->revoked_flow = (sp->known_flow
                        && p->flow_mark & UINT32_C(1) << FW_REVOKED_BIT);
}
