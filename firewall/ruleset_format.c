/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Rulesets as text, in the notation of iptables-save and ipset save.  Names
 * may come from a kernel that others write to as well, so they are escaped. */

#include <config.h>
#include "firewall/ruleset.h"

#include <ctype.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

static void put_name(struct ds *, const char *option, const char *name,
                     size_t size);
static void put_prefix(struct ds *, const char *option,
                       const struct sg_prefix *);
static void put_mac(struct ds *, const struct sg_mac *);
static void put_protocol(const struct fw_rule *, struct ds *);
static void put_l4(const struct fw_rule *, enum sg_family, struct ds *);
static void put_range(struct ds *, const char *option, uint16_t min,
                      uint16_t max);
static void put_verdict(const struct fw_rule *, struct ds *);

void
fw_rule_format(const struct fw_rule *rule, enum sg_family family,
               struct ds *ds)
{
    const uint32_t m = rule->match;
    size_t start = ds->length;

    if (m & FW_M_FOREIGN) {
        ds_put_cstr(ds, "(foreign)");
        return;
    }
    if (m & FW_M_SRC) {
        put_prefix(ds, "-s", &rule->src);
    }
    if (m & FW_M_DST) {
        put_prefix(ds, "-d", &rule->dst);
    }
    if (m & FW_M_IN) {
        put_name(ds, "-i", rule->in, sizeof rule->in);
    }
    if (m & FW_M_OUT) {
        put_name(ds, "-o", rule->out, sizeof rule->out);
    }
    put_protocol(rule, ds);

    /* In the order in which the kernel has the matches. */
    if (m & (FW_M_PHYSDEV_IN | FW_M_PHYSDEV_OUT)) {
        ds_put_cstr(ds, " -m physdev");
        if (m & FW_M_PHYSDEV_IN) {
            put_name(ds, "--physdev-in", rule->physdev_in,
                     sizeof rule->physdev_in);
        }
        if (m & FW_M_PHYSDEV_OUT) {
            put_name(ds, "--physdev-out", rule->physdev_out,
                     sizeof rule->physdev_out);
        }
    }
    if (m & FW_M_ESTABLISHED) {
        ds_put_cstr(ds, " -m conntrack --ctstate RELATED,ESTABLISHED");
    }
    if (m & FW_M_NOT_FLOW_PORT) {
        ds_put_format(ds, " ! --ctorigsrcport %"PRIu16
                      " ! --ctreplsrcport %"PRIu16,
                      rule->flow_port, rule->flow_port);
    }
    if (m & (FW_M_CONNMARK | FW_M_NOT_CONNMARK)) {
        ds_put_format(ds, " -m connmark%s --mark 0x%"PRIx32"/0x%"PRIx32,
                      m & FW_M_NOT_CONNMARK ? " !" : "",
                      rule->connmark, rule->connmark);
    }
    if (m & FW_M_MAC) {
        put_mac(ds, &rule->mac);
    }
    if (m & (FW_M_SET_SRC | FW_M_SET_DST)) {
        put_name(ds, "-m set --match-set", rule->set, sizeof rule->set);
        ds_put_cstr(ds, m & FW_M_SET_SRC ? " src" : " dst");
    }
    put_l4(rule, family, ds);
    if (m & FW_M_COMMENT) {
        ds_put_cstr(ds, " -m comment --comment " FW_HOOK_COMMENT);
    }
    put_verdict(rule, ds);

    /* Each part begins with a blank; the line does not. */
    if (ds->length > start) {
        memmove(ds->string + start, ds->string + start + 1,
                ds->length - start);
        ds_truncate(ds, ds->length - 1);
    }
}

void
fw_table_format(const struct fw_table *table, enum sg_family family,
                enum fw_table_id id, struct ds *ds)
{
    size_t n = hmap_count(&table->chains);
    const struct fw_chain **chains = fw_table_sort(table);

    ds_put_format(ds, "*%s\n", fw_table_name(id));
    for (size_t i = 0; i < n; i++) {
        if (!chains[i]->builtin) {
            ds_put_char(ds, ':');
            ds_put_printable(ds, chains[i]->name, strlen(chains[i]->name));
            ds_put_cstr(ds, " - [0:0]\n");
        }
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < chains[i]->n_rules; j++) {
            ds_put_cstr(ds, "-A ");
            ds_put_printable(ds, chains[i]->name, strlen(chains[i]->name));
            ds_put_char(ds, ' ');
            fw_rule_format(&chains[i]->rules[j], family, ds);
            ds_put_char(ds, '\n');
        }
    }
    ds_put_cstr(ds, "COMMIT\n");
    free(chains);
}

void
fw_ruleset_format(const struct fw_ruleset *rs, struct ds *ds)
{
    size_t n = hmap_count(&rs->sets);
    const struct fw_set **sets = fw_ruleset_sort_sets(rs);

    for (size_t i = 0; i < n; i++) {
        ds_put_cstr(ds, "create ");
        ds_put_printable(ds, sets[i]->name, strlen(sets[i]->name));
        ds_put_format(ds, " %s family %s hashsize %"PRIu32
                      " maxelem %"PRIu32"\n",
                      fw_content_type(sets[i]->content),
                      sets[i]->family == SG_IPV4 ? "inet" : "inet6",
                      sets[i]->hashsize, sets[i]->maxelem);
    }
    free(sets);
    for (size_t f = 0; f < SG_N_FAMILIES; f++) {
        for (size_t t = 0; t < FW_N_TABLES; t++) {
            const struct fw_table *table = &rs->tables[f][t];
            if (!hmap_is_empty(&table->chains)) {
                ds_put_format(ds, "# %s\n", sg_family_name(f));
                fw_table_format(table, f, t, ds);
            }
        }
    }
}

const char *
fw_protocol_name(uint8_t proto)
{
    switch (proto) {
    case IPPROTO_ICMP:
        return "icmp";
    case IPPROTO_TCP:
        return "tcp";
    case IPPROTO_UDP:
        return "udp";
    case IPPROTO_DCCP:
        return "dccp";
    case IPPROTO_ICMPV6:
        return "ipv6-icmp";
    case IPPROTO_SCTP:
        return "sctp";
    case IPPROTO_UDPLITE:
        return "udplite";
    default:
        return NULL;
    }
}

static void
put_name(struct ds *ds, const char *option, const char *name, size_t size)
{
    ds_put_format(ds, " %s ", option);
    ds_put_printable(ds, name, strnlen(name, size));
}

/* The tools print a single address with its length. */
static void
put_prefix(struct ds *ds, const char *option, const struct sg_prefix *p)
{
    char buf[SG_PREFIX_STRLEN];

    ds_put_format(ds, " %s %s", option, sg_prefix_format(p, buf));
    if (sg_prefix_is_host(p)) {
        ds_put_format(ds, "/%d", p->plen);
    }
}

static void
put_mac(struct ds *ds, const struct sg_mac *mac)
{
    char buf[SG_MAC_STRLEN];

    ds_put_cstr(ds, " -m mac --mac-source ");
    for (const char *p = sg_mac_format(mac, buf); *p; p++) {
        ds_put_char(ds, toupper((unsigned char) *p));
    }
}

static void
put_protocol(const struct fw_rule *rule, struct ds *ds)
{
    const char *name = fw_protocol_name(rule->proto);

    if (!(rule->match & (FW_M_PROTO | FW_M_NOT_PROTO))) {
        return;
    }
    if (rule->match & FW_M_NOT_PROTO) {
        ds_put_cstr(ds, " !");
    }
    if (name) {
        ds_put_format(ds, " -p %s", name);
    } else {
        ds_put_format(ds, " -p %"PRIu8, rule->proto);
    }
}

/* The matches on what is behind the IP header. */
static void
put_l4(const struct fw_rule *rule, enum sg_family family, struct ds *ds)
{
    const uint32_t m = rule->match;

    if (m & (FW_M_SPORT | FW_M_DPORT)) {
        /* Two matches have both ends; the third is one for each. */
        bool multi = (rule->proto != IPPROTO_TCP
                      && rule->proto != IPPROTO_UDP);

        if (!multi) {
            ds_put_format(ds, " -m %s", fw_protocol_name(rule->proto));
        }
        if (m & FW_M_SPORT) {
            put_range(ds, multi ? "-m multiport --sports" : "--sport",
                      rule->sport_min, rule->sport_max);
        }
        if (m & FW_M_DPORT) {
            put_range(ds, multi ? "-m multiport --dports" : "--dport",
                      rule->dport_min, rule->dport_max);
        }
    }
    if (m & FW_M_ICMP_TYPE) {
        const char *option = (family == SG_IPV4
                              ? "icmp --icmp-type" : "icmp6 --icmpv6-type");
        ds_put_format(ds, " -m %s %"PRIu8, option, rule->icmp_type);
        if (m & FW_M_ICMP_CODE) {
            ds_put_format(ds, "/%"PRIu8, rule->icmp_code);
        }
    }
}

static void
put_range(struct ds *ds, const char *option, uint16_t min, uint16_t max)
{
    ds_put_format(ds, " %s %"PRIu16, option, min);
    if (min != max) {
        ds_put_format(ds, ":%"PRIu16, max);
    }
}

static void
put_verdict(const struct fw_rule *rule, struct ds *ds)
{
    switch ((enum fw_verdict) rule->verdict) {
    case FW_NONE:
        return;
    case FW_ACCEPT:
        ds_put_cstr(ds, " -j ACCEPT");
        return;
    case FW_DROP:
        ds_put_cstr(ds, " -j DROP");
        return;
    case FW_RETURN:
        ds_put_cstr(ds, " -j RETURN");
        return;
    case FW_JUMP:
        put_name(ds, "-j", rule->target, sizeof rule->target);
        return;
    case FW_GOTO:
        put_name(ds, "-g", rule->target, sizeof rule->target);
        return;
    case FW_ZONE:
        ds_put_format(ds, " -j CT --zone %"PRIu16, rule->zone);
        return;
    case FW_NOTRACK:
        ds_put_cstr(ds, " -j CT --notrack");
        return;
    }
}
