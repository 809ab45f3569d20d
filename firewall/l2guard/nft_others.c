/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "firewall/l2guard/nft_others.h"

/* Before the kernel's headers, which then leave out what it has. */
#include <netinet/in.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "firewall/l2_tables.h"
#include "firewall/l2guard/nft_rules.h"
#include "firewall/l2guard/nft_talk.h"
#include "util.h"

static bool
is_ours(uint8_t family, const char *table)
{
    for (size_t i = 0; i < NFT_N_TABLES; i++) {
        if (family == nft_table_families[i]) {
            return !strcmp(table, NFT_GUARD_TABLE);
        }
    }
    return false;
}

/* Without an object of libnftnl, since there may be a great many chains, and
 * all but a few have no hook. */
static int
take_chain(const struct nlmsghdr *nlh, void *tables)
{
    const struct nfgenmsg *nfg = mnl_nlmsg_get_payload(nlh);
    const struct nlattr *attr;
    const char *table = NULL;
    bool hooked = false;

    mnl_attr_for_each (attr, nlh, sizeof *nfg) {
        uint16_t type = mnl_attr_get_type(attr);

        if (type == NFTA_CHAIN_TABLE
            && mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0) {
            table = mnl_attr_get_str(attr);
        } else if (type == NFTA_CHAIN_HOOK) {
            hooked = true;
        }
    }
    if (table && hooked && !is_ours(nfg->nfgen_family, table)) {
        l2_tables_add(tables, nfg->nfgen_family, table);
    }
    return MNL_CB_OK;
}

int
nft_others_read(struct nft_talk *talk, struct l2_tables *tables)
{
    const struct nft_question q = {
        .type = NFT_MSG_GETCHAIN,
        .flags = NLM_F_DUMP,
        .family = NFPROTO_UNSPEC,
    };

    return nft_talk_get(talk, &q, take_chain, tables);
}
