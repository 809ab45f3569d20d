/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The kernel of this network namespace as a struct fw_backend: legacy tables
 * through ipt_table, sets through kset, the lock through xtables_lock.
 *
 *   begin      takes the lock
 *   read       opens the table and keeps it for one commit
 *   commit     consumes it
 *   end        closes what was read and not committed, lets go of the lock
 *
 * Set functions may be called at any time; they need no lock, because every
 * request to the kernel is atomic in itself. */

#include <config.h>
#include "firewall/backend.h"

#include <errno.h>
#include <stdlib.h>

#include "firewall/iptables/ipt_table.h"
#include "firewall/iptables/kset.h"
#include "firewall/iptables/xtables_lock.h"
#include "openvswitch/util.h"
#include "util.h"

struct backend_iptables {
    struct fw_backend up;
    char *lock_path;
    int lock;                   /* -1: not held. */
    struct kset *kset;
    struct ipt_codec codecs[SG_N_FAMILIES];
    struct ipt_txn *open[SG_N_FAMILIES][FW_N_TABLES];   /* NULL: not read. */
    struct ds error;            /* Of the last failure... */
    bool error_is_kset;         /* ...or ask 'kset'. */
    bool lookup_failed;         /* During a commit: 'kset' knows more. */
};

static const struct fw_backend_class iptables_class;

static struct backend_iptables *
backend_cast(struct fw_backend *up)
{
    ovs_assert(up->class == &iptables_class);
    return CONTAINER_OF(up, struct backend_iptables, up);
}

/* ------------------------------------------------------------------------ */
/* What the codec asks. */

static int
set_index(void *b_, const char *name, enum sg_family family, uint16_t *index)
{
    struct backend_iptables *b = b_;

    int error = kset_index(b->kset, name, family, index);
    b->lookup_failed = error != 0;
    return error;
}

static int
set_name(void *b_, uint16_t index, char name[FW_SET_LEN])
{
    struct backend_iptables *b = b_;

    return kset_name(b->kset, index, name);
}

/* ------------------------------------------------------------------------ */

/* Opens the sockets; nothing is read or changed.  The settings are copied. */
struct fw_backend *
fw_backend_iptables_create(const struct fw_backend_iptables_config *config,
                           char **error)
{
    struct kset *kset = kset_create(error);

    if (!kset) {
        return NULL;
    }

    struct backend_iptables *b = xzalloc(sizeof *b);
    b->up.class = &iptables_class;
    b->lock_path = xstrdup(config->lock_path);
    b->lock = -1;
    b->kset = kset;
    for (int family = 0; family < SG_N_FAMILIES; family++) {
        b->codecs[family] = (struct ipt_codec) {
            .family = family,
            .set_index = set_index,
            .set_name = set_name,
            .aux = b,
        };
    }
    ds_init(&b->error);
    return &b->up;
}

static void
iptables_end(struct fw_backend *up)
{
    struct backend_iptables *b = backend_cast(up);

    for (int family = 0; family < SG_N_FAMILIES; family++) {
        for (int table = 0; table < FW_N_TABLES; table++) {
            ipt_txn_close(b->open[family][table]);
            b->open[family][table] = NULL;
        }
    }
    if (b->lock >= 0) {
        xtables_lock_release(b->lock);
        b->lock = -1;
    }
}

static void
iptables_destroy(struct fw_backend *up)
{
    struct backend_iptables *b = backend_cast(up);

    iptables_end(up);
    kset_destroy(b->kset);
    ds_destroy(&b->error);
    free(b->lock_path);
    free(b);
}

static const char *
iptables_error(const struct fw_backend *up)
{
    const struct backend_iptables *b = (const void *) up;

    BUILD_ASSERT(!offsetof(struct backend_iptables, up));
    return (b->error_is_kset ? kset_error(b->kset)
            : ds_cstr_ro(&b->error));
}

static struct ds *
new_error(struct backend_iptables *b)
{
    b->error_is_kset = false;
    ds_clear(&b->error);
    return &b->error;
}

static int
kset_result(struct backend_iptables *b, int error)
{
    if (error) {
        b->error_is_kset = true;
    }
    return error;
}

/* ------------------------------------------------------------------------ */
/* Tables. */

static int
iptables_begin(struct fw_backend *up)
{
    struct backend_iptables *b = backend_cast(up);

    ovs_assert(b->lock < 0);
    int error = xtables_lock_take(b->lock_path, &b->lock);
    if (error == EAGAIN) {
        ds_put_format(new_error(b), "%s: held by another process",
                      b->lock_path);
    } else if (error) {
        ds_put_format(new_error(b), "%s: %s", b->lock_path,
                      ovs_strerror(error));
    }
    return error;
}

static int
iptables_read(struct fw_backend *up, enum sg_family family,
              enum fw_table_id id, struct fw_table *table)
{
    struct backend_iptables *b = backend_cast(up);
    struct ipt_txn **txnp = &b->open[family][id];

    ovs_assert(b->lock >= 0);
    ipt_txn_close(*txnp);
    *txnp = NULL;

    int error = ipt_txn_open(&b->codecs[family], id, txnp);
    error = error ? error : ipt_txn_read(*txnp, table);
    if (error) {
        ipt_txn_close(*txnp);
        *txnp = NULL;
        ds_put_format(new_error(b), "%s %s: read: %s",
                      sg_family_name(family), fw_table_name(id),
                      ovs_strerror(error));
        return error;
    }
    table->mark = ipt_txn_mark(*txnp);
    return 0;
}

static uint64_t
iptables_mark(struct fw_backend *up, enum sg_family family,
              enum fw_table_id id)
{
    ovs_assert(backend_cast(up)->lock >= 0);
    return ipt_table_mark(family, id);
}

static int
iptables_commit(struct fw_backend *up, enum sg_family family,
                enum fw_table_id id, const struct fw_edit *edits, size_t n)
{
    struct backend_iptables *b = backend_cast(up);
    struct ipt_txn **txnp = &b->open[family][id];

    ovs_assert(*txnp);
    b->lookup_failed = false;
    int error = ipt_txn_commit(*txnp, edits, n, new_error(b));
    if (error && b->lookup_failed) {
        ds_put_format(&b->error, " (%s)", kset_error(b->kset));
    }
    ipt_txn_close(*txnp);
    *txnp = NULL;
    return error;
}

static int
iptables_zone_rules(struct fw_backend *up, enum sg_family family,
                    fw_zone_cb *cb, void *aux)
{
    struct backend_iptables *b = backend_cast(up);
    struct ipt_txn *txn = NULL;

    ovs_assert(b->lock >= 0);
    int error = ipt_txn_open(&b->codecs[family], FW_RAW, &txn);
    error = error ? error : ipt_txn_zones(txn, cb, aux);
    ipt_txn_close(txn);
    if (error) {
        ds_put_format(new_error(b), "%s %s: read: %s",
                      sg_family_name(family), fw_table_name(FW_RAW),
                      ovs_strerror(error));
        return error;
    }
    return 0;
}

/* ------------------------------------------------------------------------ */
/* Sets. */

static int
iptables_list_sets(struct fw_backend *up, struct fw_ruleset *rs)
{
    struct backend_iptables *b = backend_cast(up);

    return kset_result(b, kset_list(b->kset, rs));
}

static int
iptables_set_members(struct fw_backend *up, const struct fw_set *set,
                     struct sg_prefix_list *members)
{
    struct backend_iptables *b = backend_cast(up);

    return kset_result(b, kset_members(b->kset, set, members));
}

static int
iptables_set_test(struct fw_backend *up, const struct fw_set *set,
                  const struct sg_prefix *address, bool *member)
{
    struct backend_iptables *b = backend_cast(up);

    return kset_result(b, kset_test(b->kset, set, address, member));
}

static int
iptables_set_create(struct fw_backend *up, const struct fw_set *set)
{
    struct backend_iptables *b = backend_cast(up);

    return kset_result(b, kset_set_create(b->kset, set));
}

static int
iptables_set_add(struct fw_backend *up, const struct fw_set *set,
                 const struct sg_prefix *members, size_t n, size_t *n_done)
{
    struct backend_iptables *b = backend_cast(up);
    struct kset_batch batch = { set, members, n };

    return kset_result(b, kset_add(b->kset, &batch, n_done));
}

static int
iptables_set_del(struct fw_backend *up, const struct fw_set *set,
                 const struct sg_prefix *members, size_t n, size_t *n_done)
{
    struct backend_iptables *b = backend_cast(up);
    struct kset_batch batch = { set, members, n };

    return kset_result(b, kset_del(b->kset, &batch, n_done));
}

static int
iptables_set_swap(struct fw_backend *up, const char *set, const char *other)
{
    struct backend_iptables *b = backend_cast(up);

    return kset_result(b, kset_swap(b->kset, set, other));
}

static int
iptables_set_destroy(struct fw_backend *up, const char *name)
{
    struct backend_iptables *b = backend_cast(up);

    return kset_result(b, kset_set_destroy(b->kset, name));
}

static const struct fw_backend_class iptables_class = {
    .name = "iptables",
    .destroy = iptables_destroy,
    .error = iptables_error,
    .begin = iptables_begin,
    .read = iptables_read,
    .mark = iptables_mark,
    .commit = iptables_commit,
    .zone_rules = iptables_zone_rules,
    .end = iptables_end,
    .list_sets = iptables_list_sets,
    .set_members = iptables_set_members,
    .set_test = iptables_set_test,
    .set_create = iptables_set_create,
    .set_add = iptables_set_add,
    .set_del = iptables_set_del,
    .set_swap = iptables_set_swap,
    .set_destroy = iptables_set_destroy,
};
