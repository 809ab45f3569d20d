/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef IPTABLES_IPT_BLOB_H
#define IPTABLES_IPT_BLOB_H 1

/* A table as the kernel hands it out, rule by rule.  Pure.
 *
 * The kernel's table is one array of entries.  A chain of a user begins with
 * an entry whose target is called ERROR and holds the chain's name, a built-in
 * one where the hook begins; each ends with an entry for what happens at its
 * end (its policy, or RETURN), which is no rule.  The last entry of all closes
 * the table.  A jump is the offset of the first entry of a chain. */

#include "firewall/ruleset.h"

#define IPT_N_HOOKS 5

struct ipt_blob {
    enum sg_family family;
    uint32_t valid_hooks;               /* Bits. */
    uint32_t hook_entry[IPT_N_HOOKS];   /* Offset of the first entry. */
    const void *entries;                /* 8-byte aligned. */
    size_t size;
};

enum ipt_target_kind {
    IPT_TARGET_VERDICT,         /* "ACCEPT", "DROP", "RETURN". */
    IPT_TARGET_JUMP,            /* A chain. */
    IPT_TARGET_NONE,            /* "": goes on with the next entry. */
    IPT_TARGET_EXTENSION,
    IPT_TARGET_UNKNOWN,         /* NULL: some other verdict. */
    IPT_TARGET_ASTRAY,          /* NULL: to no beginning of a chain. */
};

/* A chain that begins, or one of its rules. */
struct ipt_blob_item {
    const char *chain;
    int hook;                   /* -1: not a built-in chain. */
    size_t n_rules;             /* Of the chain. */
    const void *rule;           /* The entry; NULL: the chain begins. */
    size_t size;                /* Of the entry. */
    enum ipt_target_kind kind;  /* Of a chain: of what happens at its end. */
    const char *target;         /* What ipt_decode() wants to know. */
};
typedef void ipt_blob_cb(const struct ipt_blob_item *, void *aux);

/* Calls 'cb' for each chain and each of its rules, in the kernel's order.
 * Returns 0, or EPROTO if this is no table; then 'cb' was not called. */
int ipt_blob_walk(const struct ipt_blob *, ipt_blob_cb *cb, void *aux)
    SG_MUST_USE;

/* Are these the same rules of the same chains, whatever their counters? */
bool ipt_blob_equals(const struct ipt_blob *, const struct ipt_blob *);

#endif /* ipt_blob.h */
