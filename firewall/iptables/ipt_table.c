/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "firewall/iptables/ipt_table.h"

#include <errno.h>
/* Before the kernel's headers: theirs gives way, the C library's does not. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <libiptc/libip6tc.h>
#include <libiptc/libiptc.h>

#include "firewall/iptables/ipt_blob.h"
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
    int (*create_chain)(const xt_chainlabel, struct xtc_handle *);
    int (*delete_chain)(const xt_chainlabel, struct xtc_handle *);
    int (*flush_entries)(const xt_chainlabel, struct xtc_handle *);
    int (*delete_num_entry)(const xt_chainlabel, unsigned int,
                            struct xtc_handle *);
    int (*insert_entry)(const xt_chainlabel, const void *entry,
                        unsigned int index, struct xtc_handle *);
    int (*replace_entry)(const xt_chainlabel, const void *entry,
                         unsigned int index, struct xtc_handle *);
};

#define LIBIPTC(PREFIX)                                                     \
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
        PREFIX##_get_policy, PREFIX##_set_policy,                           \
        PREFIX##_create_chain, PREFIX##_delete_chain,                       \
        PREFIX##_flush_entries, PREFIX##_delete_num_entry,                  \
        PREFIX##_insert, PREFIX##_replace                                   \
    }
LIBIPTC(iptc);
LIBIPTC(ip6tc);

static const struct libiptc *const libs[SG_N_FAMILIES] = {
    [SG_IPV4] = &iptc_lib,
    [SG_IPV6] = &ip6tc_lib,
};

struct ipt_txn {
    struct ipt_codec codec;
    enum fw_table_id id;
    struct ipt_getinfo info;
    struct ipt_get_entries *entries;
    int fd;
    const struct libiptc *lib;
    struct xtc_handle *handle;  /* NULL until the commit. */
};

/* Both families have the same structures, but for the entries themselves. */
BUILD_ASSERT_DECL(sizeof(struct ipt_getinfo) == sizeof(struct ip6t_getinfo));
BUILD_ASSERT_DECL(offsetof(struct ipt_getinfo, size)
                  == offsetof(struct ip6t_getinfo, size));
BUILD_ASSERT_DECL(offsetof(struct ipt_get_entries, entrytable)
                  == offsetof(struct ip6t_get_entries, entrytable));
BUILD_ASSERT_DECL((int) IPT_SO_GET_INFO == IP6T_SO_GET_INFO
                  && (int) IPT_SO_GET_ENTRIES == IP6T_SO_GET_ENTRIES);

/* Another program replaces the table between two questions about it. */
#define MAX_FETCHES 10

static int open_socket(enum sg_family, int *fd);
static int ask_info(struct ipt_txn *);
static int fetch(struct ipt_txn *);
static int take_copy(struct ipt_txn *);
static int apply_edit(struct ipt_txn *, const struct fw_edit *,
                      const char **reason);

/* Reads the table out of the kernel.  ENOENT: there is no such table.  EPERM:
 * CAP_NET_ADMIN and CAP_NET_RAW are needed. */
int
ipt_txn_open(const struct ipt_codec *codec, enum fw_table_id id,
             struct ipt_txn **txnp)
{
    struct ipt_txn *t = xzalloc(sizeof *t);
    int error;

    t->codec = *codec;
    t->id = id;
    t->lib = libs[codec->family];
    error = open_socket(codec->family, &t->fd);
    error = error ? error : fetch(t);
    if (error) {
        ipt_txn_close(t);
        return error;
    }
    *txnp = t;
    return 0;
}

void
ipt_txn_close(struct ipt_txn *t)
{
    if (t) {
        if (t->handle) {
            t->lib->free(t->handle);
        }
        if (t->fd >= 0) {
            close(t->fd);
        }
        free(t->entries);
        free(t);
    }
}

uint64_t
ipt_txn_mark(const struct ipt_txn *t)
{
    return (uint64_t) t->info.num_entries << 32 | t->info.size;
}

uint64_t
ipt_table_mark(enum sg_family family, enum fw_table_id id)
{
    struct ipt_txn t = { .codec = { .family = family }, .id = id };
    uint64_t mark = 0;

    if (!open_socket(family, &t.fd)) {
        mark = ask_info(&t) ? 0 : ipt_txn_mark(&t);
        close(t.fd);
    }
    return mark;
}

static int
open_socket(enum sg_family family, int *fd)
{
    *fd = socket(family == SG_IPV4 ? AF_INET : AF_INET6,
                 SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
    return *fd < 0 ? errno : 0;
}

static int
level(const struct ipt_txn *t)
{
    return t->codec.family == SG_IPV4 ? IPPROTO_IP : IPPROTO_IPV6;
}

static int
ask(const struct ipt_txn *t, int option, void *answer, size_t size)
{
    socklen_t len = size;

    return getsockopt(t->fd, level(t), option, answer, &len) ? errno : 0;
}

static int
ask_info(struct ipt_txn *t)
{
    memset(&t->info, 0, sizeof t->info);
    ovs_strlcpy(t->info.name, fw_table_name(t->id), sizeof t->info.name);
    return ask(t, IPT_SO_GET_INFO, &t->info, sizeof t->info);
}

static int
fetch(struct ipt_txn *t)
{
    int error = EAGAIN;

    for (int i = 0; i < MAX_FETCHES && error == EAGAIN; i++) {
        error = ask_info(t);
        if (error) {
            break;
        }

        size_t size = offsetof(struct ipt_get_entries, entrytable)
                      + t->info.size;
        free(t->entries);
        /* The kernel leaves gaps as they are: behind names, for example. */
        t->entries = xzalloc(size);
        memcpy(t->entries->name, t->info.name, sizeof t->entries->name);
        t->entries->size = t->info.size;
        error = ask(t, IPT_SO_GET_ENTRIES, t->entries, size);
    }
    /* No such socket option: no legacy tables of this family at all. */
    return error == ENOPROTOOPT ? ENOENT : error;
}

static struct ipt_blob
get_blob(const struct ipt_txn *t)
{
    struct ipt_blob blob = {
        .family = t->codec.family,
        .valid_hooks = t->info.valid_hooks,
        .entries = (const uint8_t *) t->entries
                   + offsetof(struct ipt_get_entries, entrytable),
        .size = t->info.size,
    };

    BUILD_ASSERT(sizeof blob.hook_entry == sizeof t->info.hook_entry);
    memcpy(blob.hook_entry, t->info.hook_entry, sizeof blob.hook_entry);
    return blob;
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

/* What a table is read into. */
struct reader {
    const struct ipt_codec *codec;
    struct fw_table *table;
    struct fw_chain *chain;     /* NULL: not of interest. */
};

static bool
is_own_jump(const struct reader *r, const struct fw_rule *rule)
{
    return (rule->verdict == FW_JUMP || rule->verdict == FW_GOTO)
           && (!r->chain->builtin || fw_rule_is_hook(rule));
}

/* Takes our chains and all built-in ones, with all their rules, and counts the
 * jumps to ours that are not our own rules. */
static void
read_item(const struct ipt_blob_item *item, void *r_)
{
    struct reader *r = r_;
    struct fw_rule rule = { .match = 0 };

    if (!item->rule) {
        r->chain = NULL;
        if (item->hook >= 0 || is_ours(item->chain)) {
            r->chain = fw_table_chain(r->table, item->chain);
            r->chain->builtin = item->hook >= 0;
            r->chain->drops = (r->chain->builtin
                               && item->kind == IPT_TARGET_VERDICT
                               && !strcmp(item->target, "DROP"));
            fw_chain_reserve(r->chain, item->n_rules);
        }
        return;
    }
    if (r->chain) {
        ipt_decode(r->codec, item->rule, item->size, item->target, &rule);
        fw_chain_append(r->chain, &rule);
    }
    if (item->kind == IPT_TARGET_JUMP && is_ours(item->target)
        && !(r->chain && is_own_jump(r, &rule))) {
        fw_table_chain(r->table, item->target)->references++;
    }
}

int
ipt_txn_read(const struct ipt_txn *t, struct fw_table *table)
{
    struct reader r = { &t->codec, table, NULL };
    struct ipt_blob blob = get_blob(t);

    return ipt_blob_walk(&blob, read_item, &r);
}

struct zone_reader {
    enum sg_family family;
    fw_zone_cb *cb;
    void *aux;
};

static void
read_zone(const struct ipt_blob_item *item, void *r_)
{
    const struct zone_reader *r = r_;
    struct fw_zone_rule rule;

    if (item->rule && ipt_decode_zone(r->family, item->rule, item->size,
                                      &rule)) {
        enum fw_name_kind kind = fw_chain_kind(item->chain);

        rule.ours = kind != FW_NAME_FOREIGN && kind != FW_NAME_UNKNOWN;
        if (rule.zone || rule.ours) {
            r->cb(&rule, r->aux);
        }
    }
}

int
ipt_txn_zones(const struct ipt_txn *t, fw_zone_cb *cb, void *aux)
{
    struct zone_reader r = { t->codec.family, cb, aux };
    struct ipt_blob blob = get_blob(t);

    return ipt_blob_walk(&blob, read_zone, &r);
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

/* What is edited is libiptc's own copy of the table, which is taken only now.
 * It must be of the table that was read. */
static int
take_copy(struct ipt_txn *t)
{
    struct ipt_txn *again;
    int error;

    t->handle = t->lib->init(fw_table_name(t->id));
    error = t->handle ? ipt_txn_open(&t->codec, t->id, &again) : errno;
    if (!error) {
        struct ipt_blob old = get_blob(t), new = get_blob(again);

        error = ipt_blob_equals(&old, &new) ? 0 : EAGAIN;
        ipt_txn_close(again);
    }
    return error;
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
    int retval;

    if (!n) {
        return 0;
    }
    retval = take_copy(t);
    if (retval) {
        ds_put_format(error, "%s %s: read again: %s", family, table,
                      ovs_strerror(retval));
        return retval;
    }
    for (size_t i = 0; i < n; i++) {
        const struct fw_edit *e = &edits[i];
        const char *reason = NULL;

        retval = apply_edit(t, e, &reason);
        if (retval) {
            ds_put_format(error, "%s %s: %s %.*s at %"PRIuSIZE": %s",
                          family, table, edit_name(e->kind),
                          FW_CHAIN_LEN, e->chain, e->index,
                          reason ? reason : ovs_strerror(retval));
            return retval;
        }
    }
    keep_policy_counters(t);
    if (!t->lib->commit(t->handle)) {
        /* A loop of jumps: as wrong as any other argument. */
        retval = errno == ELOOP ? EINVAL : errno;

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
