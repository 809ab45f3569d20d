/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef FIREWALL_L2_TABLES_H
#define FIREWALL_L2_TABLES_H 1

/* Tables of nf_tables that are none of ours, and that IP packets meet beside
 * the legacy ones: those of the families ip, ip6 and inet that have a chain
 * with a hook, whichever.  Pure.
 *
 * The agent writes the legacy tables, whatever program is called iptables on
 * this host.  Where that is the one that writes nf_tables, there may be rules
 * of both kinds; each kind's commands show only their own, and a packet must
 * pass all of them.  So somebody has to say that there are others. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* So many are named; all are counted. */
#define L2_TABLES_NAMED 5
/* Of the longest name and its null byte (NFT_NAME_MAXLEN). */
#define L2_TABLE_NAME_SIZE 256
/* So many bytes of a name are shown. */
#define L2_TABLE_NAME_SHOWN 32

struct l2_table {
    uint8_t family;             /* NFPROTO_... */
    char name[L2_TABLE_NAME_SIZE];
};

struct l2_tables {
    size_t n;                   /* All of them. */
    /* The first ones; behind these, of the others, the last one. */
    struct l2_table p[L2_TABLES_NAMED + 1];
};
#define L2_TABLES_INIT { .n = 0 }

/* For each chain with a hook; those of a table follow each other.  Does
 * nothing for other families than the three. */
void l2_tables_add(struct l2_tables *, uint8_t family, const char *name);
/* As far as they can be told from their names. */
bool l2_tables_equal(const struct l2_tables *, const struct l2_tables *);

/* "ip filter, ip6 filter and 3 more", in printable ASCII, or NULL if there are
 * none.  Caller frees. */
char *l2_tables_names(const struct l2_tables *);

#endif /* firewall/l2_tables.h */
