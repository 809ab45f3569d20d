/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tests/lib/random_rule.h"

#include <netinet/in.h>

#include "openvswitch/util.h"
#include "tests/lib/test.h"
#include "util.h"

static uint32_t
below(uint64_t *seed, uint32_t n)
{
    return test_random(seed) % n;
}

static bool
sometimes(uint64_t *seed)
{
    return !below(seed, 3);
}

void
random_prefix(uint64_t *seed, enum sg_family family, uint8_t plen,
              struct sg_prefix *p)
{
    memset(p, 0, sizeof *p);
    p->family = family;
    p->plen = plen;
    for (int i = 0; i < plen; i++) {
        if (below(seed, 2)) {
            p->addr[i / 8] |= 0x80 >> i % 8;
        }
    }
}

/* Exact names of all lengths and beginnings of names. */
static void
random_interface(uint64_t *seed, char name[SG_DEVICE_LEN])
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-.";
    size_t len = 1 + below(seed, SG_DEVICE_LEN - 1);

    for (size_t i = 0; i < len; i++) {
        /* The iptables command takes a leading '-' for an option. */
        name[i] = letters[below(seed, i ? sizeof letters - 1 : 26)];
    }
    if (len > 1 && sometimes(seed)) {
        name[len - 1] = '+';
    }
}

static void
random_range(uint64_t *seed, uint16_t *min, uint16_t *max)
{
    *min = below(seed, UINT16_MAX);
    *max = sometimes(seed) ? *min : *min + below(seed, UINT16_MAX - *min);
}

static void
random_protocol(uint64_t *seed, enum sg_family family, struct fw_rule *r)
{
    static const uint8_t protos[] = {
        IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP, IPPROTO_DCCP,
        IPPROTO_UDPLITE, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_GRE, 89, 255,
    };
    uint8_t icmp = family == SG_IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;

    r->match |= FW_M_PROTO;
    r->proto = protos[below(seed, ARRAY_SIZE(protos))];
    if (fw_protocol_has_ports(r->proto)) {
        if (sometimes(seed)) {
            r->match |= FW_M_SPORT;
            random_range(seed, &r->sport_min, &r->sport_max);
        }
        if (!sometimes(seed)) {
            r->match |= FW_M_DPORT;
            random_range(seed, &r->dport_min, &r->dport_max);
        } else if (!(r->match & FW_M_SPORT) && sometimes(seed)) {
            r->match |= FW_M_DPORT;
            r->dport_max = UINT16_MAX;
        }
    } else if (r->proto == icmp && !sometimes(seed)) {
        r->match |= FW_M_ICMP_TYPE;
        r->icmp_type = below(seed, UINT8_MAX);
        if (sometimes(seed)) {
            r->match |= FW_M_ICMP_CODE;
            r->icmp_code = below(seed, UINT8_MAX + 1);
        }
    }
}

static void
random_verdict(uint64_t *seed, const struct random_rule_names *names,
               struct fw_rule *r)
{
    static const enum fw_verdict verdicts[] = {
        FW_ACCEPT, FW_DROP, FW_RETURN, FW_JUMP, FW_GOTO, FW_ZONE, FW_NOTRACK,
    };

    do {
        r->verdict = verdicts[below(seed, ARRAY_SIZE(verdicts))];
    } while (((r->verdict == FW_JUMP || r->verdict == FW_GOTO)
              && !names->chain[0])
             || ((r->verdict == FW_ZONE || r->verdict == FW_NOTRACK)
                 && !names->raw));
    if (r->verdict == FW_JUMP || r->verdict == FW_GOTO) {
        ovs_strlcpy(r->target, names->chain, sizeof r->target);
    } else if (r->verdict == FW_ZONE) {
        r->zone = 1 + below(seed, UINT16_MAX);
    }
}

void
random_rule(uint64_t *seed, enum sg_family family,
            const struct random_rule_names *names, struct fw_rule *r)
{
    uint8_t bits = sg_family_bits(family);

    memset(r, 0, sizeof *r);
    if (sometimes(seed)) {
        r->match |= FW_M_SRC;
        random_prefix(seed, family, 1 + below(seed, bits), &r->src);
    }
    if (sometimes(seed)) {
        r->match |= FW_M_DST;
        random_prefix(seed, family, 1 + below(seed, bits), &r->dst);
    }
    if (sometimes(seed)) {
        r->match |= FW_M_IN;
        random_interface(seed, r->in);
    }
    if (!names->raw && sometimes(seed)) {
        r->match |= FW_M_OUT;
        random_interface(seed, r->out);
    }
    if (sometimes(seed)) {
        r->match |= FW_M_PHYSDEV_IN;
        random_interface(seed, r->physdev_in);
    }
    if (!names->raw && sometimes(seed)) {
        r->match |= FW_M_PHYSDEV_OUT;
        random_interface(seed, r->physdev_out);
    }
    if (sometimes(seed)) {
        r->match |= FW_M_MAC;
        for (size_t i = 0; i < sizeof r->mac.ea; i++) {
            r->mac.ea[i] = below(seed, 256);
        }
    }
    if (sometimes(seed)) {
        r->match |= sometimes(seed) ? FW_M_NOT_CONNMARK : FW_M_CONNMARK;
        r->connmark = UINT32_C(1) << below(seed, 32);
    }
    if (names->set[0] && sometimes(seed)) {
        r->match |= below(seed, 2) ? FW_M_SET_SRC : FW_M_SET_DST;
        ovs_strlcpy(r->set, names->set, sizeof r->set);
    }
    if (sometimes(seed)) {
        r->match |= FW_M_ESTABLISHED;
        if (sometimes(seed)) {
            r->match |= FW_M_NOT_FLOW_PORT;
            r->flow_port = below(seed, UINT16_MAX + 1);
        }
    }
    r->match |= sometimes(seed) ? FW_M_COMMENT : 0;
    if (!sometimes(seed)) {
        random_protocol(seed, family, r);
    } else if (sometimes(seed)) {
        r->match |= FW_M_NOT_PROTO;
        r->proto = 1 + below(seed, UINT8_MAX);
    }
    random_verdict(seed, names, r);
}
