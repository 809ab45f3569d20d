/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef FIREWALL_L2GUARD_NFT_RULES_H
#define FIREWALL_L2GUARD_NFT_RULES_H 1

/* The constant rules of the guard, as objects of libnftnl.
 *
 * They are the same on every host with the same struct l2_guard_config, so
 * tables that are found can be told from those that are to be by their text
 * alone.  docs/rules.md argues each.
 *
 * There are three tables of one name: that of the bridge family, which has
 * nearly everything, and one each in the families of IP and of ARP, for what
 * a bridge hands to the host without asking anybody. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firewall/names.h"

#define NFT_GUARD_TABLE FW_PREFIX "guard"
/* Before br_netfilter, which is at 0 (NF_BR_PRI_BRNF). */
#define NFT_GUARD_PRIORITY (-300)
/* In the family of IP: before fragments are put together, which is at -400
 * (NF_IP_PRI_CONNTRACK_DEFRAG). */
#define NFT_GUARD_IP_PRIORITY (-450)

struct ds;
struct l2_guard_config;
struct nftnl_chain;
struct nftnl_rule;

/* The rules know the chain they belong to. */
struct nft_rules {
    struct nftnl_rule **p;      /* Those of one chain in their order. */
    size_t n, allocated;
};

void nft_rules_init(struct nft_rules *, const struct l2_guard_config *);
void nft_rules_uninit(struct nft_rules *);

/* The families of the tables: NFPROTO_...  The first has the sets. */
#define NFT_N_TABLES 3
extern const uint8_t nft_table_families[NFT_N_TABLES];

/* The chains of all tables. */
size_t nft_n_chains(void);
/* nft_n_chains() if it is none of ours. */
size_t nft_chain_index(uint32_t family, const char *name);
/* Caller frees. */
struct nftnl_chain *nft_chain_create(size_t i);

/* Appends a line: what a rule does, in libnftnl's words.  Two rules with the
 * same text are the same. */
void nft_rule_text(struct nftnl_rule *, struct ds *);

#endif /* firewall/l2guard/nft_rules.h */
