/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef IPTABLES_IPT_TABLE_H
#define IPTABLES_IPT_TABLE_H 1

/* One legacy table of one family, from reading it to committing it once.
 *
 *   ipt_txn_open -> ipt_txn_read, ipt_txn_zones -> [ipt_txn_commit]
 *   -> ipt_txn_close
 *
 * The kernel hands out and takes a table as a whole.  Reading looks at its
 * bytes where they are, because most tables that are read are not written;
 * libiptc would first copy every entry and sort the chains by name.  Writing
 * is libiptc's: it makes a copy of its own, takes the edits, and replaces the
 * kernel's table in one step, with the counters of all rules that were not
 * edited.  The caller holds the xtables lock all the while.  A commit,
 * successful or not, ends the use of the object: after a failure the table
 * must be read again.
 *
 * A commit is refused (EAGAIN) if the table is not the one that was read.
 * Between that look and the commit itself the kernel guarantees little: it
 * refuses only if the number of entries has changed.  A writer without the
 * lock who leaves the number as it was is overwritten without a trace. */

#include "firewall/backend.h"
#include "firewall/iptables/ipt_codec.h"
#include "firewall/plan.h"

struct ipt_txn;

/* A number that is another one if the table has changed its size; 0 if the
 * kernel does not answer. */
uint64_t ipt_table_mark(enum sg_family, enum fw_table_id);
/* The same of what was read. */
uint64_t ipt_txn_mark(const struct ipt_txn *);

int ipt_txn_open(const struct ipt_codec *, enum fw_table_id,
                 struct ipt_txn **) SG_MUST_USE;
void ipt_txn_close(struct ipt_txn *);

/* Adds our chains and all built-in ones, with all their rules.  EPROTO: what
 * the kernel said is no table. */
int ipt_txn_read(const struct ipt_txn *, struct fw_table *) SG_MUST_USE;
/* The rules of a raw table that give a zone. */
int ipt_txn_zones(const struct ipt_txn *, fw_zone_cb *cb, void *aux)
    SG_MUST_USE;
int ipt_txn_commit(struct ipt_txn *, const struct fw_edit *, size_t n,
                   struct ds *error) SG_MUST_USE;

#endif /* ipt_table.h */
