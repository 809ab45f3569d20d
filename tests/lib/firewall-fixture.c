/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tests/lib/firewall-fixture.h"

#include <stdlib.h>
#include <string.h>

#include "tests/lib/test.h"
#include "util.h"

/* Replaces the policy; the firewall is not told. */
void
fwf_set_policy(struct fwf *f, const char *text)
{
    if (f->pt) {
        policy_text_uninit(f->pt);
        free(f->pt);
    }
    f->pt = xmalloc(sizeof *f->pt);
    policy_text_init(f->pt, text);
}

void
fwf_init(struct fwf *f, const char *text)
{
    struct fw_layout layout;

    memset(f, 0, sizeof *f);
    f->backend = fw_backend_memory_create();
    fwf_set_policy(f, text);
    fw_layout_default(&layout);
    f->fw = firewall_create(fw_backend_memory_ref(f->backend), &layout, 7);
}

/* With the policy in force. */
void
fwf_start(struct fwf *f, const char *text)
{
    fwf_init(f, text);
    firewall_set_complete(f->fw);
    CHECK_EQ(firewall_apply(f->fw, &f->pt->policy), 0);
    CHECK(!firewall_needs_apply(f->fw));
}

void
fwf_restart(struct fwf *f)
{
    struct fw_layout layout;

    firewall_destroy(f->fw);
    fw_layout_default(&layout);
    f->fw = firewall_create(fw_backend_memory_ref(f->backend), &layout, 8);
}

void
fwf_uninit(struct fwf *f)
{
    firewall_destroy(f->fw);
    f->backend->class->destroy(f->backend);
    policy_text_uninit(f->pt);
    free(f->pt);
}

/* Changes the policy and tells the member lane. */
int
fwf_change(struct fwf *f, const char *group, const char *added,
       const char *removed)
{
    struct sg_group *g = policy_text_group(f->pt, group);
    struct fw_member_change c = { .group = g->id };
    struct sg_prefix add, del;

    if (added) {
        add = policy_text_prefix(added);
        sg_members_add(&g->members, &add);
        c.added = &add;
        c.n_added = 1;
    }
    if (removed) {
        del = policy_text_prefix(removed);
        sg_members_remove(&g->members, &del);
        c.removed = &del;
        c.n_removed = 1;
    }
    return firewall_members(f->fw, &f->pt->policy, &c, 1);
}

/* The set's members as sorted text; "none" if there is no such set. */
char *
fwf_members(struct fwf *f, const char *set)
{
    const struct sg_members *members = fw_backend_memory_members(f->backend,
                                                                 set);
    struct sg_prefix_list list = SG_PREFIX_LIST_INITIALIZER;
    struct ds ds = DS_EMPTY_INITIALIZER;
    const struct sg_member *m;

    if (!members) {
        return xstrdup("none");
    }
    SG_MEMBERS_FOR_EACH (m, members) {
        sg_prefix_list_add(&list, &m->prefix);
    }
    sg_prefix_list_sort(&list);
    for (size_t i = 0; i < list.n; i++) {
        char buf[SG_PREFIX_STRLEN];
        ds_put_format(&ds, "%s%s", i ? " " : "",
                      sg_prefix_format(&list.p[i], buf));
    }
    sg_prefix_list_uninit(&list);
    return ds_steal_cstr(&ds);
}

void
fwf_hold_group(struct fwf *f)
{
    struct uuid g1 = policy_text_id("g1");

    firewall_hold(f->fw, NULL, 0, &g1, 1);
}

struct fw_chain *
fwf_chain(struct fwf *f, enum fw_table_id table, const char *name)
{
    return fw_table_find(&fw_backend_memory_state(f->backend)
                         ->tables[SG_IPV4][table], name);
}

struct fw_set *
fwf_set(struct fwf *f, const char *name)
{
    return fw_ruleset_find_set(fw_backend_memory_state(f->backend), name);
}
