/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* What must be true of every ruleset we make.  A violation is our own bug; it
 * is found before the kernel sees it. */

#include <config.h>
#include "firewall/ruleset.h"

#include <netinet/in.h>
#include <string.h>

#include "util.h"

struct context {
    const struct fw_ruleset *rs;
    const struct fw_table *table;
    enum sg_family family;
    enum fw_table_id id;
};

static char *check_table(const struct context *);
static char *check_chain(const struct context *, const struct fw_chain *);
static const char *check_rule(const struct context *, const struct fw_chain *,
                              const struct fw_rule *);
static const char *check_matches(const struct context *,
                                 const struct fw_rule *);
static const char *check_verdict(const struct context *,
                                 const struct fw_rule *);
static const char *check_ends(const struct fw_chain *,
                              const struct fw_rule *);
static const char *check_set(const struct fw_set *);

char *
fw_ruleset_check(const struct fw_ruleset *rs)
{
    const struct fw_set *set;

    HMAP_FOR_EACH (set, node, &rs->sets) {
        const char *error = check_set(set);
        if (error) {
            return xasprintf("set %.*s: %s", FW_SET_LEN, set->name, error);
        }
    }
    for (size_t f = 0; f < SG_N_FAMILIES; f++) {
        for (size_t t = 0; t < FW_N_TABLES; t++) {
            struct context ctx = { rs, &rs->tables[f][t], f, t };
            char *error = check_table(&ctx);
            if (error) {
                return error;
            }
        }
    }
    return NULL;
}

static char *
check_table(const struct context *ctx)
{
    const struct fw_chain *chain;

    HMAP_FOR_EACH (chain, node, &ctx->table->chains) {
        char *error = check_chain(ctx, chain);
        if (error) {
            return error;
        }
    }

    const char *loop = fw_table_find_loop(ctx->table);
    if (loop) {
        return xasprintf("%s %s: chain %s leads back to itself",
                         sg_family_name(ctx->family), fw_table_name(ctx->id),
                         loop);
    }
    return NULL;
}

static char *
check_chain(const struct context *ctx, const struct fw_chain *chain)
{
    enum fw_name_kind kind = fw_chain_kind(chain->name);

    if (chain->builtin != (kind == FW_NAME_FOREIGN)
        || kind == FW_NAME_UNKNOWN) {
        return xasprintf("%s %s: chain %s is not one of ours",
                         sg_family_name(ctx->family), fw_table_name(ctx->id),
                         chain->name);
    }
    for (size_t i = 0; i < chain->n_rules; i++) {
        const char *error = check_rule(ctx, chain, &chain->rules[i]);
        if (error) {
            return xasprintf("%s %s: chain %s, rule %"PRIuSIZE": %s",
                             sg_family_name(ctx->family),
                             fw_table_name(ctx->id), chain->name, i + 1,
                             error);
        }
    }
    return NULL;
}

static const char *
check_rule(const struct context *ctx, const struct fw_chain *chain,
           const struct fw_rule *rule)
{
    if (rule->match & FW_M_FOREIGN) {
        return "foreign rule in a desired ruleset";
    }
    if (chain->builtin && !fw_rule_is_hook(rule)) {
        return "cannot be told from a rule of others";
    }
    /* It costs, so it stands only where nothing else says whose rule it is. */
    if (rule->match & FW_M_COMMENT
        && (!chain->builtin || fw_rule_enters(rule))) {
        return "comment out of place";
    }

    const char *error = check_matches(ctx, rule);
    if (!error) {
        error = check_verdict(ctx, rule);
    }
    return error ? error : check_ends(chain, rule);
}

static bool
text_ok(const char *text, size_t size)
{
    size_t len = strnlen(text, size);

    return len && len < size;
}

static const char *
check_matches(const struct context *ctx, const struct fw_rule *rule)
{
    static const uint8_t icmp[] = { IPPROTO_ICMP, IPPROTO_ICMPV6 };
    const uint32_t m = rule->match;

    if ((m & FW_M_SRC && rule->src.family != ctx->family)
        || (m & FW_M_DST && rule->dst.family != ctx->family)) {
        return "address of the other family";
    }
    if ((m & FW_M_IN && !text_ok(rule->in, sizeof rule->in))
        || (m & FW_M_OUT && !text_ok(rule->out, sizeof rule->out))
        || (m & FW_M_PHYSDEV_IN
            && !text_ok(rule->physdev_in, sizeof rule->physdev_in))
        || (m & FW_M_PHYSDEV_OUT
            && !text_ok(rule->physdev_out, sizeof rule->physdev_out))) {
        return "bad device name";
    }
    if (m & (FW_M_CONNMARK | FW_M_NOT_CONNMARK)
        && (!rule->connmark || rule->connmark & (rule->connmark - 1))) {
        return "not one bit of a flow's mark";
    }
    /* To the kernel, protocol 0 is every protocol. */
    if (m & (FW_M_PROTO | FW_M_NOT_PROTO) && !rule->proto) {
        return "protocol 0";
    }
    if ((m & FW_M_PROTO && m & FW_M_NOT_PROTO)
        || (m & FW_M_CONNMARK && m & FW_M_NOT_CONNMARK)) {
        return "a match and its contrary";
    }
    if (m & FW_M_NOT_FLOW_PORT && !(m & FW_M_ESTABLISHED)) {
        return "the port of a flow without a flow";
    }
    if (m & (FW_M_SPORT | FW_M_DPORT | FW_M_ICMP_TYPE)
        && !(m & FW_M_PROTO)) {
        return "ports or ICMP type without a protocol";
    }
    if (m & (FW_M_SPORT | FW_M_DPORT)
        && !fw_protocol_has_ports(rule->proto)) {
        return "ports of a protocol that has none";
    }
    if ((m & FW_M_SPORT && rule->sport_min > rule->sport_max)
        || (m & FW_M_DPORT && rule->dport_min > rule->dport_max)) {
        return "empty port range";
    }
    if (m & FW_M_ICMP_CODE && !(m & FW_M_ICMP_TYPE)) {
        return "ICMP code without a type";
    }
    if (m & FW_M_ICMP_TYPE && rule->proto != icmp[ctx->family]) {
        return "ICMP type with another protocol";
    }
    if (m & (FW_M_SET_SRC | FW_M_SET_DST)) {
        const struct fw_set *set = (text_ok(rule->set, sizeof rule->set)
                                    ? fw_ruleset_find_set(ctx->rs, rule->set)
                                    : NULL);
        if (!set) {
            return "set does not exist";
        }
        /* The kernel takes it, and it never matches. */
        if (set->family != ctx->family) {
            return "set of the other family";
        }
    }
    return NULL;
}

static const char *
check_verdict(const struct context *ctx, const struct fw_rule *rule)
{
    switch ((enum fw_verdict) rule->verdict) {
    case FW_NONE:
        return "no verdict";
    case FW_ACCEPT:
    case FW_DROP:
    case FW_RETURN:
        return NULL;
    case FW_JUMP:
    case FW_GOTO:
        if (!text_ok(rule->target, sizeof rule->target)
            || fw_chain_kind(rule->target) == FW_NAME_FOREIGN
            || !fw_table_find(ctx->table, rule->target)) {
            return "target does not exist";
        }
        return NULL;
    case FW_ZONE:
    case FW_NOTRACK:
        return (ctx->id != FW_RAW ? "conntrack target outside raw"
                : rule->verdict == FW_ZONE && !rule->zone ? "zone 0"
                : NULL);
    }
    return "unknown verdict";
}

/* When the device a frame came from is gone by the time it is looked at, the
 * kernel's physdev match skips the comparison of names, and --physdev-in X
 * matches every X.  --physdev-out is always compared, so it stands in the same
 * rule.  And whatever leads on from where a port is found names both: the
 * chains behind it do not ask again. */
static const char *
check_ends(const struct fw_chain *chain, const struct fw_rule *rule)
{
    const uint32_t ends = rule->match & (FW_M_PHYSDEV_IN | FW_M_PHYSDEV_OUT);
    bool is_entrance = (fw_chain_kind(chain->name) == FW_NAME_PORT
                        && !fw_direction_chain_device(chain->name));

    return (rule->verdict != FW_DROP
            && (ends == FW_M_PHYSDEV_IN
                || (is_entrance && ends != (FW_M_PHYSDEV_IN
                                            | FW_M_PHYSDEV_OUT)))
            ? "names not both devices of its bridge" : NULL);
}

static const char *
check_set(const struct fw_set *set)
{
    struct fw_set_form form;

    if (!text_ok(set->name, sizeof set->name)
        || fw_set_kind(set->name, &form) != FW_NAME_SET) {
        return "not a name of ours";
    }
    if (form.family != set->family || form.content != set->content
        || form.slot != set->slot) {
        return "name and content differ";
    }
    if (!set->maxelem || !set->hashsize) {
        return "no size";
    }
    return NULL;
}
