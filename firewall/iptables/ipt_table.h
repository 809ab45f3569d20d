/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef IPTABLES_IPT_TABLE_H
#define IPTABLES_IPT_TABLE_H 1

/* One legacy table of one family, from reading it to committing it once.
 *
 *   ipt_txn_open -> ipt_txn_read -> [ipt_txn_commit] -> ipt_txn_close
 *
 * libiptc reads the whole table into memory and keeps it; edits change that
 * copy; the commit replaces the kernel's table by it in one step, with the
 * counters of all rules that were not edited.  The caller holds the xtables
 * lock all the while.  A commit, successful or not, ends the use of the
 * object: after a failure the table must be read again.
 *
 * What the kernel guarantees is little: it refuses a commit only if the
 * number of entries is not the one that was read (EAGAIN).  A writer without
 * the lock who leaves the number as it was is overwritten without a trace. */

#include "firewall/backend.h"
#include "firewall/iptables/ipt_codec.h"
#include "firewall/plan.h"

struct ipt_txn;

int ipt_txn_open(const struct ipt_codec *, enum fw_table_id,
                 struct ipt_txn **) SG_MUST_USE;
void ipt_txn_close(struct ipt_txn *);

void ipt_txn_read(struct ipt_txn *, struct fw_table *);
/* Calls 'cb' for each rule of each chain that gives a zone. */
void ipt_txn_zones(struct ipt_txn *, fw_zone_cb *cb, void *aux);
int ipt_txn_commit(struct ipt_txn *, const struct fw_edit *, size_t n,
                   struct ds *error) SG_MUST_USE;

#endif /* ipt_table.h */
