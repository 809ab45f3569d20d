/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tests/lib/random-policy.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/policy-text.h"
#include "tests/lib/test.h"
#include "util.h"

/* What a port is; more of the ordinary kind. */
static const char *const kinds[] = {
    "known", "known", "known", "orphaned", "absent", "deleted",
    "trusted", "unprotected", "shared_bridge",
};

/* '@' is replaced by a group. */
static const char *const rules[RANDOM_N_RULES] = {
    "egress IPv4",
    "egress IPv6",
    "ingress IPv4 group=@",
    "ingress IPv6 group=@",
    "ingress IPv4 proto=6 ports=80-80 group=@",
    "ingress IPv4 proto=6 ports=80-443",
    "ingress IPv6 proto=6 sports=53-80",
    "ingress IPv4 proto=17 prefix=10.0.0.2",
    "ingress IPv4 prefix=10.0.0.0/29",
    "ingress IPv4 proto=1 type=8",
    "ingress IPv6 proto=58 type=128",
    "ingress IPv6 proto=17",
    "egress IPv4 proto=6 group=@",
    "egress IPv6 address-group=@",
    "egress IPv4 prefix=10.0.0.4/30",
};

/* Members that overlap each other and the addresses of the world. */
static const char *const prefixes[RANDOM_N_PREFIXES] = {
    "10.0.0.0/30 2001:db8::/126",
    "10.0.0.4/31 2001:db8::4/127",
    "10.0.0.0/29 2001:db8::/125",
    "0.0.0.0/0 ::/0",
    "0.0.0.0/1 ::/1",
    "128.0.0.0/1 8000::/1",
};

static unsigned int
below(unsigned int n, uint64_t *state)
{
    return test_random(state) % n;
}

static void
random_port(struct random_policy *rp, size_t i, uint64_t *state)
{
    rp->ports[i].present = below(4, state);
    rp->ports[i].kind = below(ARRAY_SIZE(kinds), state);
    /* Mostly its own address, seldom another's.  A bridge's zone does not
     * change as long as the bridge exists. */
    rp->ports[i].address = below(5, state) ? i : below(RANDOM_N_ADDRESSES,
                                                       state);
    rp->ports[i].zone = below(8, state) ? i + 1 : 0;
    rp->ports[i].groups = below(1 << RANDOM_N_GROUPS, state);
    rp->ports[i].pair = !below(4, state);
}

static void
random_rules(struct random_policy *rp, size_t i, uint64_t *state)
{
    rp->groups[i].known = below(8, state);
    rp->groups[i].n_rules = below(RANDOM_MAX_RULES + 1, state);
    for (size_t j = 0; j < RANDOM_MAX_RULES; j++) {
        rp->groups[i].rules[j] = below(RANDOM_N_RULES, state);
        rp->groups[i].remotes[j] = below(RANDOM_N_GROUPS, state);
    }
}

void
random_policy_init(struct random_policy *rp, uint64_t *state)
{
    memset(rp, 0, sizeof *rp);
    for (size_t i = 0; i < RANDOM_N_PORTS; i++) {
        random_port(rp, i, state);
    }
    for (size_t i = 0; i < RANDOM_N_GROUPS; i++) {
        random_rules(rp, i, state);
        rp->groups[i].members = below(1 << RANDOM_N_ADDRESSES, state);
        if (!below(2, state)) {
            rp->groups[i].prefixes = (1 << below(RANDOM_N_PREFIXES, state)
                                      | 1 << below(RANDOM_N_PREFIXES, state));
        }
    }
}

/* Changes one thing of each kind in 'what'. */
void
random_policy_change(struct random_policy *rp, unsigned int what,
                     uint64_t *state)
{
    size_t port = below(RANDOM_N_PORTS, state);
    size_t group = below(RANDOM_N_GROUPS, state);
    size_t rule = below(RANDOM_MAX_RULES, state);

    if (what & RANDOM_RULES) {
        switch (below(6, state)) {
        case 0:
            random_port(rp, port, state);
            break;
        case 1:
            rp->ports[port].present ^= true;
            break;
        case 2:
            rp->ports[port].groups ^= 1 << group;
            break;
        case 3:
            random_rules(rp, group, state);
            break;
        case 4:
            rp->groups[group].rules[rule] = below(RANDOM_N_RULES, state);
            break;
        case 5:
            rp->groups[group].n_rules = below(RANDOM_MAX_RULES + 1, state);
            break;
        }
    }
    if (what & RANDOM_MEMBERS) {
        uint8_t address = 1 << below(RANDOM_N_ADDRESSES, state);
        uint8_t prefix = 1 << below(RANDOM_N_PREFIXES, state);
        bool is_prefix = !below(3, state);

        /* Half of them move or are copied to another group. */
        for (unsigned int i = below(2, state); i < 2; i++) {
            group = below(RANDOM_N_GROUPS, state);
            *(is_prefix ? &rp->groups[group].prefixes
              : &rp->groups[group].members) ^= (is_prefix ? prefix : address);
        }
    }
}

static void
format_rule(const char *rule, unsigned int remote, struct ds *ds)
{
    ds_put_cstr(ds, "rule ");
    for (const char *p = rule; *p; p++) {
        if (*p == '@') {
            ds_put_format(ds, "g%u", remote + 1);
        } else {
            ds_put_char(ds, *p);
        }
    }
    ds_put_char(ds, '\n');
}

/* The text of policy-text.h. */
void
random_policy_format(const struct random_policy *rp, struct ds *ds)
{
    for (size_t i = 0; i < RANDOM_N_PORTS; i++) {
        size_t n = i + 1;

        if (!rp->ports[i].present) {
            continue;
        }
        ds_put_format(ds, "port p%zu %s device=tap%zu bridge=qbr%zu "
                      "uplink=qvb%zu zone=%d mac=52:54:00:00:00:0%zu "
                      "ip=10.0.0.%d ip=2001:db8::%d",
                      n, kinds[rp->ports[i].kind], n, n, n,
                      rp->ports[i].zone, n, rp->ports[i].address + 1,
                      rp->ports[i].address + 1);
        if (rp->ports[i].pair) {
            ds_put_format(ds, " pair=10.0.0.4/30@52:54:00:00:00:0%zu", n);
        }
        for (size_t g = 0; g < RANDOM_N_GROUPS; g++) {
            if (rp->ports[i].groups & 1 << g) {
                ds_put_format(ds, " group=g%zu", g + 1);
            }
        }
        ds_put_char(ds, '\n');
    }
    for (size_t g = 0; g < RANDOM_N_GROUPS; g++) {
        ds_put_format(ds, "rules g%zu %s\n", g + 1,
                      rp->groups[g].known ? "known" : "absent");
        for (size_t j = 0; j < rp->groups[g].n_rules; j++) {
            format_rule(rules[rp->groups[g].rules[j]],
                        rp->groups[g].remotes[j], ds);
        }
        ds_put_format(ds, "members g%zu", g + 1);
        for (size_t a = 0; a < RANDOM_N_ADDRESSES; a++) {
            if (rp->groups[g].members & 1 << a) {
                ds_put_format(ds, " 10.0.0.%zu 2001:db8::%zu", a + 1, a + 1);
            }
        }
        for (size_t i = 0; i < RANDOM_N_PREFIXES; i++) {
            if (rp->groups[g].prefixes & 1 << i) {
                ds_put_format(ds, " %s", prefixes[i]);
            }
        }
        ds_put_char(ds, '\n');
        for (size_t f = 0; f < SG_N_FAMILIES; f++) {
            if (rp->groups[g].slots & 1 << f) {
                ds_put_format(ds, "slot g%zu %s b\n", g + 1,
                              sg_family_name(f));
            }
        }
    }
}

static struct sg_prefix
random_address(enum sg_family family, uint64_t *state)
{
    char text[SG_PREFIX_STRLEN];

    snprintf(text, sizeof text, family == SG_IPV4 ? "10.0.0.%u"
             : "2001:db8::%u", below(RANDOM_N_ADDRESSES, state) + 1);
    return policy_text_prefix(text);
}

static void
random_l4(struct eval_packet *p, uint64_t *state)
{
    static const uint16_t ports[] = { 22, 53, 67, 68, 80, 443, 546, 547 };
    static const uint8_t types[] = { 0, 8, 128, 130, 134, 135, 137, 143 };
    static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP, 0, 47 };

    p->proto = protocols[below(ARRAY_SIZE(protocols), state)];
    if (!p->proto) {
        p->proto = p->family == SG_IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
    }
    if (fw_protocol_has_ports(p->proto)) {
        p->sport = ports[below(ARRAY_SIZE(ports), state)];
        p->dport = ports[below(ARRAY_SIZE(ports), state)];
    } else {
        p->icmp_type = types[below(ARRAY_SIZE(types), state)];
    }
}

/* Most are well-formed and of a port of the world; some lie about their
 * source, come from a device nobody knows or belong to a flow of the zone of
 * all unmanaged devices. */
void
random_packet(struct eval_packet *p, uint64_t *state)
{
    unsigned int port = below(RANDOM_N_PORTS, state) + 1;
    bool out = below(2, state);
    char mac[SG_MAC_STRLEN];

    memset(p, 0, sizeof *p);
    p->family = below(2, state);
    p->src = random_address(p->family, state);
    p->dst = random_address(p->family, state);
    snprintf(p->bridge, sizeof p->bridge, "qbr%u", port);
    snprintf(out ? p->physdev_in : p->physdev_out, sizeof p->physdev_in,
             below(16, state) ? "tap%u" : "tapx%u", port);
    snprintf(out ? p->physdev_out : p->physdev_in, sizeof p->physdev_in,
             "qvb%u", port);
    snprintf(mac, sizeof mac, "52:54:00:00:00:0%u",
             below(16, state) ? port : port % RANDOM_N_PORTS + 1);
    if (!sg_mac_from_string(mac, &p->mac)) {
        OVS_NOT_REACHED();
    }
    if (out && below(8, state)) {
        char own[SG_PREFIX_STRLEN];
        snprintf(own, sizeof own, p->family == SG_IPV4 ? "10.0.0.%u"
                 : "2001:db8::%u", port);
        p->src = policy_text_prefix(own);
        if (!below(8, state)) {
            memset(p->src.addr, 0, sizeof p->src.addr);
            if (p->family == SG_IPV4 && below(2, state)) {
                p->dst = policy_text_prefix("255.255.255.255");
            }
        }
    }
    random_l4(p, state);

    int zones[] = { EVAL_NO_FLOW, EVAL_NO_FLOW, EVAL_NO_FLOW, port, 0 };
    p->flow_zone = zones[below(ARRAY_SIZE(zones), state)];
    /* A new packet has no mark. */
    p->flow_mark = (p->flow_zone != EVAL_NO_FLOW
                    ? below(2, state) << FW_REVOKED_BIT : 0);
}
