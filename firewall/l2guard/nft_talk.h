/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef FIREWALL_L2GUARD_NFT_TALK_H
#define FIREWALL_L2GUARD_NFT_TALK_H 1

/* Requests to nf_tables of this network namespace, and its answers.
 *
 * The kernel counts its rulesets: each transaction, whoever makes it, raises
 * the generation by one.  A transaction of ours names the generation that it
 * was made for, and the kernel refuses it (EAGAIN here) if that is over; so
 * nothing that was read needs to be read again as long as the generation is
 * what it was after our last transaction.
 *
 * All functions return 0 or a positive errno. */

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nft_talk;

/* 'table' is what the tables are called, in whatever family; static. */
struct nft_talk *nft_talk_create(const char *table, char **error);
void nft_talk_destroy(struct nft_talk *);

int nft_talk_generation(struct nft_talk *, uint32_t *generation);

/* Has the bridge family, or a table of that name in another one, been changed
 * since the last call, or may it have?
 * Takes at most one buffer's worth of notifications. */
bool nft_talk_hint(struct nft_talk *);
void nft_talk_wait(struct nft_talk *);

/* A request without a body but a table and a set, where these are not NULL;
 * 'flags' NLM_F_DUMP or 0.  EINTR if the kernel says that the answer is no
 * longer true. */
struct nft_question {
    uint16_t type, flags;
    uint8_t family;             /* NFPROTO_... */
    const char *table, *set;
};
int nft_talk_get(struct nft_talk *, const struct nft_question *, mnl_cb_t,
                 void *aux);

/* A transaction: begin, add messages, commit.  Each add() gives a buffer for
 * one message of 'type', to be filled by a function of libnftnl, that is good
 * until the next add(). */
void nft_talk_begin(struct nft_talk *, uint32_t generation);
struct nlmsghdr *nft_talk_add(struct nft_talk *, uint8_t family,
                              uint16_t type, uint16_t flags);
/* '*generation', what it was begun with, becomes what it is afterwards. */
int nft_talk_commit(struct nft_talk *, uint32_t *generation);

#endif /* firewall/l2guard/nft_talk.h */
