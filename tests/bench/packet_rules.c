/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include <config.h>
#include "tests/bench/packet_rules.h"

#include <stdio.h>
#include <stdlib.h>

#include "firewall/firewall.h"
#include "firewall/l2_guard.h"
#include "tests/bench/synthetic.h"
#include "util.h"

#define LOCK_PATH "/run/xtables.lock"
#define RANDOM_SEED 20260
#define ID_LEN 16

/* Groups of synthetic_address(), which keeps them apart. */
enum { MEMBERS, PORTS, OTHERS, STRANGERS, NETS };
/* Addresses from one prefix to the next, as a power of two. */
#define NET_BITS 8

const char *const packet_spot_names[PACKET_N_SPOTS] = {
    "to the port", "from the port", "established in", "established out",
    "group in", "prefixes in", "group out", "drop",
};

struct sg_prefix
packet_rules_member(enum sg_family family, size_t i)
{
    struct sg_prefix p;

    synthetic_address(MEMBERS, i, family, &p);
    return p;
}

static struct sg_prefix
make_net(enum sg_family family, size_t i)
{
    struct sg_prefix p;

    /* synthetic_address() begins with 1. */
    synthetic_address(NETS, ((i + 1) << NET_BITS) - 1, family, &p);
    p.plen = sg_family_bits(family) - NET_BITS + i % PACKET_N_LENGTHS;
    return p;
}

struct sg_prefix
packet_rules_net_host(enum sg_family family, size_t i)
{
    struct sg_prefix p;

    synthetic_address(NETS, (1 << NET_BITS) + i, family, &p);
    return p;
}

struct sg_prefix
packet_rules_stranger(enum sg_family family, size_t i)
{
    struct sg_prefix p;

    synthetic_address(STRANGERS, i, family, &p);
    return p;
}

static void
put_ports(const struct packet_rules_config *config, struct ds *text)
{
    unsigned int state = RANDOM_SEED;

    for (unsigned int i = 0; i < config->n_ports; i++) {
        char ip[SG_N_FAMILIES][SG_PREFIX_STRLEN], id[ID_LEN];
        unsigned int high = rand_r(&state), low = rand_r(&state);

        for (int family = 0; family < SG_N_FAMILIES; family++) {
            struct sg_prefix p;

            synthetic_address(PORTS, i, family, &p);
            sg_prefix_format(&p, ip[family]);
        }
        snprintf(id, sizeof id, "%04x%04x-%02x", high & 0xffff, low & 0xffff,
                 i & 0xff);
        ds_put_format(text, "port p%u device=tap%s bridge=qbr%s uplink=qvb%s "
                      "zone=%u mac=fa:16:3e:00:%02x:%02x ip=%s ip=%s",
                      i + 1, id, id, id, i + 1, i >> 8, i & 0xff,
                      ip[SG_IPV4], ip[SG_IPV6]);
        for (size_t g = 1; g <= config->n_groups; g++) {
            ds_put_format(text, " group=g%"PRIuSIZE, g);
        }
        ds_put_char(text, '\n');
    }
}

static void
put_group(const struct packet_rules_config *config, size_t g, struct ds *text)
{
    ds_put_format(text, "rules g%"PRIuSIZE"\n", g);
    for (int family = 0; family < SG_N_FAMILIES; family++) {
        const char *name = sg_family_name(family);

        ds_put_format(text, "rule ingress %s group=g%"PRIuSIZE"\n", name, g);
        ds_put_format(text, "rule egress %s%s\n", name,
                      g == config->n_groups ? "" : " proto=6 ports=22-22");
    }
    ds_put_format(text, "members g%"PRIuSIZE"\n", g);
}

static struct sg_group *
find_group(struct policy_text *policy, size_t g)
{
    char name[ID_LEN * 2];

    snprintf(name, sizeof name, "g%"PRIuSIZE, g);
    return policy_text_group(policy, name);
}

static void
make_policy(struct packet_rules *r)
{
    const struct packet_rules_config *config = &r->config;
    struct ds text = DS_EMPTY_INITIALIZER;

    put_ports(config, &text);
    for (size_t g = 1; g <= config->n_groups; g++) {
        put_group(config, g, &text);
    }
    policy_text_init(&r->policy, ds_cstr(&text));
    ds_destroy(&text);

    for (int family = 0; family < SG_N_FAMILIES; family++) {
        for (size_t g = 1; g < config->n_groups; g++) {
            struct sg_prefix p;

            synthetic_address(OTHERS, g, family, &p);
            sg_members_add(&find_group(&r->policy, g)->members, &p);
        }

        struct sg_members *last = &find_group(&r->policy,
                                              config->n_groups)->members;
        for (size_t i = 0; i < config->n_members; i++) {
            struct sg_prefix p = packet_rules_member(family, i);

            sg_members_add(last, &p);
        }
        for (size_t i = 0; i < config->n_nets; i++) {
            struct sg_prefix p = make_net(family, i);

            sg_members_add(last, &p);
        }
    }
}

static struct fw_backend *
make_backend(void)
{
    struct fw_backend_iptables_config config = { .lock_path = LOCK_PATH };
    struct fw_backend *backend;
    char *error;

    backend = fw_backend_iptables_create(&config, &error);
    if (!backend) {
        ovs_fatal(0, "%s", error);
    }
    return backend;
}

/* The layer-2 guard for the same ports, as the agent makes it by default. */
static void
put_guard(struct packet_rules *r)
{
    static const struct l2_guard_config config = {
        .tap_prefix = "tap", .uplink_prefix = "qvb",
    };
    const struct l2_input in = { .policy = &r->policy.policy };
    struct l2_elements before = L2_ELEMENTS_INIT;
    enum l2_found found;
    char *error = NULL;

    r->guard = l2_guard_nft_create(&config, &error);
    if (!r->guard) {
        ovs_fatal(0, "%s", error);
    }
    r->elements = (struct l2_elements) L2_ELEMENTS_INIT;
    l2_elements_render(&in, &r->elements);
    l2_elements_set_seen(&r->elements, true);
    if (r->guard->class->read(r->guard, &found, &before)
        || r->guard->class->replace(r->guard, &r->elements)) {
        ovs_fatal(0, "%s", r->guard->class->error(r->guard));
    }
    l2_elements_uninit(&before);
}

void
packet_rules_check_guard(const struct packet_rules *r)
{
    struct l2_elements list = L2_ELEMENTS_INIT;
    enum l2_found found;

    if (r->guard->class->read(r->guard, &found, &list)) {
        ovs_fatal(0, "%s", r->guard->class->error(r->guard));
    }
    if (found != L2_INTACT || !l2_elements_equal(&list, &r->elements)) {
        ovs_fatal(0, "the layer-2 guard is not what it was");
    }
    l2_elements_uninit(&list);
}

void
packet_rules_init(struct packet_rules *r,
                  const struct packet_rules_config *config)
{
    const struct fw_result *result;
    struct firewall *fw;

    r->config = *config;
    make_policy(r);
    r->rs = fw_render(&r->policy.policy, &r->policy.layout, r->policy.slots,
                      NULL);
    r->reader = make_backend();

    fw = firewall_create(make_backend(), &r->policy.layout, 1);
    firewall_set_complete(fw);
    if (firewall_apply(fw, &r->policy.policy)) {
        ovs_fatal(0, "%s", firewall_result(fw)->error_text);
    }
    result = firewall_result(fw);
    if (result->problems.n) {
        ovs_fatal(0, "%s", result->problems.p[0].text);
    }
    firewall_destroy(fw);
    put_guard(r);
}

void
packet_rules_uninit(struct packet_rules *r)
{
    r->reader->class->destroy(r->reader);
    r->guard->class->destroy(r->guard);
    l2_elements_uninit(&r->elements);
    fw_ruleset_destroy(r->rs);
    policy_text_uninit(&r->policy);
}

/* The first rule of a chain that has one of the matches in 'match', its first
 * or last rule. */
enum { FIRST_RULE = 0, LAST_RULE = -1 };
static uint64_t
rule_packets(const struct fw_table *table, const char *name, int64_t match)
{
    const struct fw_chain *chain = fw_table_find(table, name);
    size_t i = 0;

    if (!chain || !chain->n_rules) {
        ovs_fatal(0, "chain %s is empty", name);
    }
    if (match == LAST_RULE) {
        i = chain->n_rules - 1;
    } else if (match != FIRST_RULE) {
        while (i < chain->n_rules && !(chain->rules[i].match & match)) {
            i++;
        }
        if (i == chain->n_rules) {
            ovs_fatal(0, "chain %s lacks the rule that is looked for", name);
        }
    }
    return chain->rules[i].packets;
}

void
packet_rules_count(const struct packet_rules *r, const char *device,
                   enum sg_family family, uint64_t counts[PACKET_N_SPOTS])
{
    const struct fw_backend_class *class = r->reader->class;
    char to[FW_CHAIN_LEN], from[FW_CHAIN_LEN];
    char in[FW_CHAIN_LEN], out[FW_CHAIN_LEN];
    struct uuid group;
    struct fw_table t;
    char last[ID_LEN * 2];

    fw_table_init(&t);
    if (class->begin(r->reader)
        || class->read(r->reader, family, FW_SECURITY, &t)) {
        ovs_fatal(0, "%s", class->error(r->reader));
    }
    class->end(r->reader);

    snprintf(last, sizeof last, "g%"PRIuSIZE, r->config.n_groups);
    group = policy_text_id(last);
    fw_name_ingress_chain(to, device);
    fw_name_egress_chain(from, device);
    fw_name_group_chain(in, SG_INGRESS, &group);
    fw_name_group_chain(out, SG_EGRESS, &group);
    counts[SPOT_TO_PORT] = rule_packets(&t, to, FIRST_RULE);
    counts[SPOT_FROM_PORT] = rule_packets(&t, from, FIRST_RULE);
    counts[SPOT_ESTABLISHED_IN] = rule_packets(&t, FW_CHAIN_PRE_IN,
                                               FW_M_ESTABLISHED);
    counts[SPOT_ESTABLISHED_OUT] = rule_packets(&t, FW_CHAIN_PRE_OUT,
                                                FW_M_ESTABLISHED);
    counts[SPOT_GROUP_IN] = rule_packets(&t, in, FW_M_SET_SRC);
    counts[SPOT_NETS_IN] = (r->config.n_nets
                            ? rule_packets(&t, in, LAST_RULE) : 0);
    counts[SPOT_GROUP_OUT] = rule_packets(&t, out, FIRST_RULE);
    counts[SPOT_DROP] = rule_packets(&t, FW_CHAIN_ROOT, LAST_RULE);
    fw_table_uninit(&t);
}
