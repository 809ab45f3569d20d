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

#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

#include "firewall/iptables/ipt_blob.h"
#include "firewall/iptables/ipt_draft.h"
#include "firewall/iptables/ipt_rule.h"
#include "firewall/iptables/ipt_zone.h"
#include "util.h"

struct ipt_txn {
    struct ipt_codec codec;
    enum fw_table_id id;
    struct ipt_getinfo info;
    struct ipt_get_entries *entries;
    int fd;
};

/* Both families have the same structures, but for the entries themselves. */
BUILD_ASSERT_DECL(sizeof(struct ipt_getinfo) == sizeof(struct ip6t_getinfo));
BUILD_ASSERT_DECL(offsetof(struct ipt_getinfo, size)
                  == offsetof(struct ip6t_getinfo, size));
BUILD_ASSERT_DECL(offsetof(struct ipt_get_entries, entrytable)
                  == offsetof(struct ip6t_get_entries, entrytable));
BUILD_ASSERT_DECL(offsetof(struct ipt_replace, entries)
                  == offsetof(struct ip6t_replace, entries));
BUILD_ASSERT_DECL((int) IPT_SO_GET_INFO == IP6T_SO_GET_INFO
                  && (int) IPT_SO_GET_ENTRIES == IP6T_SO_GET_ENTRIES
                  && (int) IPT_SO_SET_REPLACE == IP6T_SO_SET_REPLACE
                  && (int) IPT_SO_SET_ADD_COUNTERS
                     == IP6T_SO_SET_ADD_COUNTERS);

/* Another program replaces the table between two questions about it. */
#define MAX_FETCHES 10

static int fetch(struct ipt_txn *);
static int replace(const struct ipt_txn *, const struct ipt_image *);
static int give_counters(const struct ipt_txn *, const struct ipt_image *,
                         const struct xt_counters *);

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
    t->fd = socket(codec->family == SG_IPV4 ? AF_INET : AF_INET6,
                   SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
    error = t->fd < 0 ? errno : fetch(t);
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
        if (t->fd >= 0) {
            close(t->fd);
        }
        free(t->entries);
        free(t);
    }
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
fetch(struct ipt_txn *t)
{
    int error = EAGAIN;

    for (int i = 0; i < MAX_FETCHES && error == EAGAIN; i++) {
        memset(&t->info, 0, sizeof t->info);
        ovs_strlcpy(t->info.name, fw_table_name(t->id),
                    sizeof t->info.name);
        error = ask(t, IPT_SO_GET_INFO, &t->info, sizeof t->info);
        if (error) {
            break;
        }

        size_t size = offsetof(struct ipt_get_entries, entrytable)
                      + t->info.size;
        free(t->entries);
        t->entries = xmalloc(size);
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
           && (!r->chain->builtin || rule->match & FW_M_COMMENT);
}

/* Takes our chains and all built-in ones, with all their rules, and counts the
 * jumps to ours that are not our own rules. */
static void
read_item(const struct ipt_blob_item *item, void *r_)
{
    struct reader *r = r_;
    struct fw_rule rule = { .match = 0 };

    if (!item->rule.p) {
        r->chain = NULL;
        if (item->hook >= 0 || is_ours(item->chain)) {
            r->chain = fw_table_chain(r->table, item->chain);
            r->chain->builtin = item->hook >= 0;
            fw_chain_reserve(r->chain, item->n_rules);
        }
        return;
    }
    if (r->chain) {
        ipt_decode(r->codec, item->rule.p, item->rule.size, item->target,
                   &rule);
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

    if (item->rule.p && ipt_decode_zone(r->family, item->rule.p,
                                        item->rule.size, &rule)) {
        enum fw_name_kind kind = fw_chain_kind(item->chain);

        rule.ours = kind != FW_NAME_FOREIGN && kind != FW_NAME_UNKNOWN;
        r->cb(&rule, r->aux);
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
    struct ipt_blob blob = get_blob(t);
    struct ipt_draft *draft = ipt_draft_create(&blob);
    struct ipt_image image;
    int retval = 0;

    if (!draft) {
        ds_put_format(error, "%s %s: cannot be edited", family, table);
        return EINVAL;
    }
    for (size_t i = 0; i < n && !retval; i++) {
        const struct fw_edit *e = &edits[i];
        const char *reason = NULL;

        retval = ipt_draft_edit(draft, &t->codec, e, &reason);
        if (retval) {
            ds_put_format(error, "%s %s: %s %.*s at %"PRIuSIZE": %s",
                          family, table, edit_name(e->kind),
                          FW_CHAIN_LEN, e->chain, e->index,
                          reason ? reason : ovs_strerror(retval));
        }
    }
    if (!retval && n) {
        ipt_draft_compile(draft, &image);
        retval = replace(t, &image);
        free(image.entries);
        free(image.old);
        /* A loop of jumps: as wrong as any other argument. */
        retval = retval == ELOOP ? EINVAL : retval;
        if (retval) {
            ds_put_format(error, "%s %s: commit: %s", family, table,
                          ovs_strerror(retval));
        }
    }
    ipt_draft_destroy(draft);
    return retval;
}

static int
replace(const struct ipt_txn *t, const struct ipt_image *image)
{
    size_t header = offsetof(struct ipt_replace, entries);
    struct xt_counters *counters = xcalloc(t->info.num_entries,
                                           sizeof *counters);
    struct ipt_replace *r = xzalloc(header + image->size);

    memcpy(r->name, t->info.name, sizeof r->name);
    r->valid_hooks = t->info.valid_hooks;
    r->num_entries = image->n_entries;
    r->size = image->size;
    memcpy(r->hook_entry, image->hook_entry, sizeof r->hook_entry);
    memcpy(r->underflow, image->underflow, sizeof r->underflow);
    /* By this number the kernel knows that the table is the one we read. */
    r->num_counters = t->info.num_entries;
    r->counters = counters;
    memcpy((uint8_t *) r + header, image->entries, image->size);
    int error = (setsockopt(t->fd, level(t), IPT_SO_SET_REPLACE, r,
                            header + image->size)
                 ? errno : give_counters(t, image, counters));
    free(r);
    free(counters);
    return error;
}

/* 'counters' are those of the entries of the old table, up to its end. */
static int
give_counters(const struct ipt_txn *t, const struct ipt_image *image,
              const struct xt_counters *counters)
{
    size_t size = sizeof(struct xt_counters_info)
                  + image->n_entries * sizeof *counters;
    struct xt_counters_info *info = xzalloc(size);

    memcpy(info->name, t->info.name, sizeof info->name);
    info->num_counters = image->n_entries;
    for (size_t i = 0; i < image->n_entries; i++) {
        if (image->old[i] != IPT_NEW_ENTRY) {
            ovs_assert(image->old[i] < t->info.num_entries);
            info->counters[i] = counters[image->old[i]];
        }
    }
    int error = (setsockopt(t->fd, level(t), IPT_SO_SET_ADD_COUNTERS, info,
                            size) ? errno : 0);
    free(info);
    return error;
}
