/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef FIREWALL_L2GUARD_NFT_OTHERS_H
#define FIREWALL_L2GUARD_NFT_OTHERS_H 1

/* Which tables others have in nf_tables of this network namespace. */

struct l2_tables;
struct nft_talk;

/* Adds them to '*tables'.  One dump of all chains, without their rules and
 * sets: thousands of chains take some milliseconds.  Returns 0 or a positive
 * errno; EINTR if somebody made a change meanwhile. */
int nft_others_read(struct nft_talk *, struct l2_tables *);

#endif /* firewall/l2guard/nft_others.h */
