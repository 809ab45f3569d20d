/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "firewall/iptables/ipt_table.h"

#include <errno.h>
/* Before the kernel's headers: theirs gives way, the C library's does not. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <libiptc/libip6tc.h>
#include <libiptc/libiptc.h>

#include "firewall/iptables/ipt_rule.h"
#include "firewall/iptables/ipt_zone.h"
#include "util.h"

/* libiptc and libip6tc are the same code compiled twice; the handle is of one
 * type, entries are not.  Here entries are bytes. */
struct libiptc {
    struct xtc_handle *(*init)(const char *table);
    void (*free)(struct xtc_handle *);
    int (*commit)(struct xtc_handle *);
    const char *(*first_chain)(struct xtc_handle *);
    const char *(*next_chain)(struct xtc_handle *);
    int (*is_chain)(const char *, struct xtc_handle *);
    int (*builtin)(const char *, struct xtc_handle *);
    const char *(*get_policy)(const char *, struct xt_counters *,
                              struct xtc_handle *);
    int (*set_policy)(const xt_chainlabel, const xt_chainlabel,
                      struct xt_counters *, struct xtc_handle *);
    int (*get_references)(unsigned int *, const xt_chainlabel,
                          struct xtc_handle *);
    int (*create_chain)(const xt_chainlabel, struct xtc_handle *);
    int (*delete_chain)(const xt_chainlabel, struct xtc_handle *);
    int (*flush_entries)(const xt_chainlabel, struct xtc_handle *);
    int (*delete_num_entry)(const xt_chainlabel, unsigned int,
                            struct xtc_handle *);
    const void *(*first_rule)(const char *chain, struct xtc_handle *);
    const void *(*next_rule)(const void *entry, struct xtc_handle *);
    const char *(*get_target)(const void *entry, struct xtc_handle *);
    size_t (*entry_size)(const void *entry);
    int (*insert_entry)(const xt_chainlabel, const void *entry,
                        unsigned int index, struct xtc_handle *);
    int (*replace_entry)(const xt_chainlabel, const void *entry,
                         unsigned int index, struct xtc_handle *);
};

#define LIBIPTC(PREFIX, ENTRY)                                              \
    static const void *                                                     \
    PREFIX##_first(const char *chain, struct xtc_handle *h)                 \
    {                                                                       \
        return PREFIX##_first_rule(chain, h);                               \
    }                                                                       \
    static const void *                                                     \
    PREFIX##_next(const void *entry, struct xtc_handle *h)                  \
    {                                                                       \
        return PREFIX##_next_rule(entry, h);                                \
    }                                                                       \
    static const char *                                                     \
    PREFIX##_target(const void *entry, struct xtc_handle *h)                \
    {                                                                       \
        return PREFIX##_get_target(entry, h);                               \
    }                                                                       \
    static size_t                                                           \
    PREFIX##_size(const void *entry)                                        \
    {                                                                       \
        return ((const struct ENTRY *) entry)->next_offset;                 \
    }                                                                       \
    static int                                                              \
    PREFIX##_insert(const xt_chainlabel chain, const void *entry,           \
                    unsigned int index, struct xtc_handle *h)               \
    {                                                                       \
        return PREFIX##_insert_entry(chain, entry, index, h);               \
    }                                                                       \
    static int                                                              \
    PREFIX##_replace(const xt_chainlabel chain, const void *entry,          \
                     unsigned int index, struct xtc_handle *h)              \
    {                                                                       \
        return PREFIX##_replace_entry(chain, entry, index, h);              \
    }                                                                       \
    static const struct libiptc PREFIX##_lib = {                            \
        PREFIX##_init, PREFIX##_free, PREFIX##_commit,                      \
        PREFIX##_first_chain, PREFIX##_next_chain,                          \
        PREFIX##_is_chain, PREFIX##_builtin,                                \
        PREFIX##_get_policy, PREFIX##_set_policy, PREFIX##_get_references,  \
        PREFIX##_create_chain, PREFIX##_delete_chain,                       \
        PREFIX##_flush_entries, PREFIX##_delete_num_entry,                  \
        PREFIX##_first, PREFIX##_next, PREFIX##_target, PREFIX##_size,      \
        PREFIX##_insert, PREFIX##_replace                                   \
    }
LIBIPTC(iptc, ipt_entry);
LIBIPTC(ip6tc, ip6t_entry);

static const struct libiptc *const libs[SG_N_FAMILIES] = {
    [SG_IPV4] = &iptc_lib,
    [SG_IPV6] = &ip6tc_lib,
};

struct ipt_txn {
    const struct libiptc *lib;
    struct ipt_codec codec;
    enum fw_table_id id;
    struct xtc_handle *handle;
};

static void read_chain(struct ipt_txn *, const char *name,
                       struct fw_table *);
static void subtract_own_references(struct fw_table *);
static int apply_edit(struct ipt_txn *, const struct fw_edit *,
                      const char **reason);

/* Reads the table out of the kernel.  ENOENT: there is no such table.  EPERM:
 * CAP_NET_ADMIN and CAP_NET_RAW are needed. */
int
ipt_txn_open(const struct ipt_codec *codec, enum fw_table_id id,
             struct ipt_txn **txnp)
{
    const struct libiptc *lib = libs[codec->family];
    struct xtc_handle *handle = lib->init(fw_table_name(id));

    if (!handle) {
        /* No such socket option: no legacy tables of this family at all. */
        return errno == ENOPROTOOPT ? ENOENT : errno;
    }

    struct ipt_txn *t = xmalloc(sizeof *t);
    *t = (struct ipt_txn) {
        .lib = lib, .codec = *codec, .id = id, .handle = handle,
    };
    *txnp = t;
    return 0;
}

void
ipt_txn_close(struct ipt_txn *t)
{
    if (t) {
        t->lib->free(t->handle);
        free(t);
    }
}

/* ------------------------------------------------------------------------ */
/* Reading. */

static bool
is_ours(const char *chain)
{
    /* A longer name than we can hold is not one that we made. */
    return !strncmp(chain, FW_PREFIX, strlen(FW_PREFIX))
        && strlen(chain) < FW_CHAIN_LEN;
}

/* Adds our chains and all built-in chains of the table, with all their rules,
 * to '*table'. */
void
ipt_txn_read(struct ipt_txn *t, struct fw_table *table)
{
    for (const char *name = t->lib->first_chain(t->handle); name;
         name = t->lib->next_chain(t->handle)) {
        if (is_ours(name) || t->lib->builtin(name, t->handle)) {
            read_chain(t, name, table);
        }
    }
    subtract_own_references(table);
}

static void
read_chain(struct ipt_txn *t, const char *name, struct fw_table *table)
{
    struct fw_chain *chain = fw_table_chain(table, name);
    xt_chainlabel label = "";
    unsigned int references = 0;

    chain->builtin = t->lib->builtin(name, t->handle);
    ovs_strlcpy(label, name, sizeof label);
    /* For built-in chains libiptc counts the kernel's own. */
    if (!chain->builtin
        && t->lib->get_references(&references, label, t->handle)) {
        chain->references = references;
    }
    for (const void *e = t->lib->first_rule(name, t->handle); e;
         e = t->lib->next_rule(e, t->handle)) {
        struct fw_rule rule;

        ipt_decode(&t->codec, e, t->lib->entry_size(e),
                   t->lib->get_target(e, t->handle), &rule);
        fw_chain_append(chain, &rule);
    }
}

/* libiptc counts every jump; those of our own rules are not of interest to
 * who wants to know whether a chain can go. */
static void
subtract_own_references(struct fw_table *table)
{
    struct fw_chain *chain;

    HMAP_FOR_EACH (chain, node, &table->chains) {
        for (size_t i = 0; i < chain->n_rules; i++) {
            const struct fw_rule *r = &chain->rules[i];
            bool jumps = r->verdict == FW_JUMP || r->verdict == FW_GOTO;

            if (jumps && (!chain->builtin || r->match & FW_M_COMMENT)) {
                struct fw_chain *target = fw_table_find(table, r->target);

                if (target && target->references) {
                    target->references--;
                }
            }
        }
    }
}

void
ipt_txn_zones(struct ipt_txn *t, fw_zone_cb *cb, void *aux)
{
    for (const char *name = t->lib->first_chain(t->handle); name;
         name = t->lib->next_chain(t->handle)) {
        enum fw_name_kind kind = fw_chain_kind(name);

        for (const void *e = t->lib->first_rule(name, t->handle); e;
             e = t->lib->next_rule(e, t->handle)) {
            struct fw_zone_rule rule;

            if (ipt_decode_zone(t->codec.family, e, t->lib->entry_size(e),
                                &rule)) {
                rule.ours = (kind != FW_NAME_FOREIGN
                             && kind != FW_NAME_UNKNOWN);
                cb(&rule, aux);
            }
        }
    }
}

/* ------------------------------------------------------------------------ */
/* Committing. */

static const char *
edit_name(enum fw_edit_kind kind)
{
    switch (kind) {
    case FW_EDIT_CHAIN_CREATE: return "create chain";
    case FW_EDIT_INSERT: return "insert into";
    case FW_EDIT_REPLACE: return "replace in";
    case FW_EDIT_DELETE: return "delete from";
    case FW_EDIT_CHAIN_FLUSH: return "flush";
    case FW_EDIT_CHAIN_DELETE: return "delete chain";
    }
    return "edit";
}

/* libiptc gives the counters of rules back to them, but begins those of the
 * built-in chains' policies anew with each commit, unless they are set. */
static void
keep_policy_counters(struct ipt_txn *t)
{
    for (const char *name = t->lib->first_chain(t->handle); name;
         name = t->lib->next_chain(t->handle)) {
        if (t->lib->builtin(name, t->handle)) {
            struct xt_counters counters;
            xt_chainlabel chain = "", policy = "";
            const char *p = t->lib->get_policy(name, &counters, t->handle);

            if (p) {
                ovs_strlcpy(chain, name, sizeof chain);
                ovs_strlcpy(policy, p, sizeof policy);
                t->lib->set_policy(chain, policy, &counters, t->handle);
            }
        }
    }
}

/* Executes the edits in order and puts the result into the kernel in one
 * step.  After a failure the kernel's table is as it was, and '*error' has a
 * sentence.  (One exception, which cannot be told apart: the new rules are in
 * force, but giving the counters back to the old ones failed.  So after any
 * failure, read.) */
int
ipt_txn_commit(struct ipt_txn *t, const struct fw_edit *edits, size_t n,
               struct ds *error)
{
    const char *family = sg_family_name(t->codec.family);
    const char *table = fw_table_name(t->id);

    for (size_t i = 0; i < n; i++) {
        const struct fw_edit *e = &edits[i];
        const char *reason = NULL;
        int retval = apply_edit(t, e, &reason);

        if (retval) {
            ds_put_format(error, "%s %s: %s %.*s at %"PRIuSIZE": %s",
                          family, table, edit_name(e->kind),
                          FW_CHAIN_LEN, e->chain, e->index,
                          reason ? reason : ovs_strerror(retval));
            return retval;
        }
    }
    if (n) {
        keep_policy_counters(t);
    }
    if (!t->lib->commit(t->handle)) {
        /* A loop of jumps: as wrong as any other argument. */
        int retval = errno == ELOOP ? EINVAL : errno;

        ds_put_format(error, "%s %s: commit: %s", family, table,
                      ovs_strerror(retval));
        return retval;
    }
    return 0;
}

/* Encodes the rule of an edit.  A jump to a chain that does not exist would
 * be taken for an extension of that name and fail only at the commit. */
static int
encode(struct ipt_txn *t, const struct fw_rule *rule,
       struct ipt_entry_buf *buf, const char **reason)
{
    if (rule->verdict == FW_JUMP || rule->verdict == FW_GOTO) {
        if (!memchr(rule->target, '\0', sizeof rule->target)
            || !t->lib->is_chain(rule->target, t->handle)) {
            *reason = "no such target";
            return ENOENT;
        }
    }
    *reason = ipt_rule_problem(t->codec.family, rule);
    return *reason ? EINVAL : ipt_encode(&t->codec, rule, buf);
}

/* Errors of libiptc's editing functions, in the words of backend.h. */
static int
edit_errno(int error)
{
    switch (error) {
    case E2BIG:                 /* Index behind the end. */
        return EINVAL;
    case EMLINK:                /* Chain to delete has references... */
    case ENOTEMPTY:             /* ...or rules. */
        return EBUSY;
    default:
        return error;
    }
}

static int
apply_edit(struct ipt_txn *t, const struct fw_edit *e, const char **reason)
{
    const struct libiptc *lib = t->lib;
    struct ipt_entry_buf buf;
    xt_chainlabel chain = "";
    int ok = 0;

    if (!e->chain[0] || !memchr(e->chain, '\0', sizeof e->chain)
        || e->index > UINT_MAX) {
        *reason = "not the name of a chain";
        return EINVAL;
    }
    /* libiptc reads all 32 bytes of a label. */
    ovs_strlcpy(chain, e->chain, sizeof chain);

    if (e->kind == FW_EDIT_INSERT || e->kind == FW_EDIT_REPLACE) {
        int error = encode(t, &e->rule, &buf, reason);

        if (error) {
            return error;
        }
    }
    errno = 0;
    switch (e->kind) {
    case FW_EDIT_CHAIN_CREATE:
        ok = lib->create_chain(chain, t->handle);
        break;
    case FW_EDIT_INSERT:
        ok = lib->insert_entry(chain, buf.words, e->index, t->handle);
        break;
    case FW_EDIT_REPLACE:
        ok = lib->replace_entry(chain, buf.words, e->index, t->handle);
        break;
    case FW_EDIT_DELETE:
        ok = lib->delete_num_entry(chain, e->index, t->handle);
        break;
    case FW_EDIT_CHAIN_FLUSH:
        ok = lib->flush_entries(chain, t->handle);
        break;
    case FW_EDIT_CHAIN_DELETE:
        ok = lib->delete_chain(chain, t->handle);
        break;
    }
    return ok ? 0 : errno ? edit_errno(errno) : EINVAL;
}
