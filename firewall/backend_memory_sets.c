/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The sets of the model in backend_memory.c. */

#include <config.h>
#include "firewall/backend_memory-private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "firewall/member_delta.h"
#include "hash.h"
#include "util.h"

/* Content of a set of 'state'. */
struct content {
    struct hmap_node node;      /* In 'contents', by name. */
    char name[FW_SET_LEN];
    struct sg_members members;
};

static bool
is_set_name_ok(const char *name)
{
    return terminated(name, FW_SET_LEN);
}

static struct content *
find_content(const struct backend_memory *b, const char *name)
{
    struct content *content;

    HMAP_FOR_EACH_WITH_HASH (content, node, hash_string(name, 0),
                             &b->contents) {
        if (!strcmp(content->name, name)) {
            return content;
        }
    }
    return NULL;
}

void
memory_sets_init(struct backend_memory *b)
{
    hmap_init(&b->contents);
    sset_init(&b->dumps);
}

void
memory_sets_uninit(struct backend_memory *b)
{
    struct content *content;

    HMAP_FOR_EACH_POP (content, node, &b->contents) {
        sg_members_uninit(&content->members);
        free(content);
    }
    hmap_destroy(&b->contents);
    sset_destroy(&b->dumps);
}

void
fw_backend_memory_hold_dump(struct fw_backend *up, const char *set, bool hold)
{
    struct backend_memory *b = memory_cast(up);

    if (hold) {
        sset_add(&b->dumps, set);
    } else {
        sset_find_and_delete(&b->dumps, set);
    }
}

const struct sg_members *
fw_backend_memory_members(const struct fw_backend *up, const char *set)
{
    struct content *content = find_content(memory_cast(up), set);

    return content ? &content->members : NULL;
}

int
memory_list_sets(struct fw_backend *up, struct fw_ruleset *rs)
{
    struct backend_memory *b = memory_cast(up);
    int error = memory_fault(b, FW_FAULT_LIST, "sets");
    const struct fw_set *set;

    if (error) {
        return error;
    }
    HMAP_FOR_EACH (set, node, &b->state->sets) {
        struct fw_set_form form;

        if (fw_set_kind(set->name, &form) != FW_NAME_FOREIGN) {
            struct fw_set *copy = fw_ruleset_add_set(rs, set);
            memset(&copy->group, 0, sizeof copy->group);
        }
    }
    return 0;
}

/* Is 'there' what the caller takes it for? */
static bool
is_meant(const struct fw_set *there, const struct fw_set *set)
{
    return there->family == set->family && there->content == set->content;
}

int
memory_set_members(struct fw_backend *up, const struct fw_set *set,
                   struct sg_prefix_list *list)
{
    struct backend_memory *b = memory_cast(up);
    const char *name = set->name;

    if (!is_set_name_ok(name)) {
        return memory_failed(b, EINVAL, "list", "set");
    }

    const struct content *content = find_content(b, name);
    int error = memory_fault(b, FW_FAULT_MEMBERS, name);
    const struct sg_member *m;
    if (error) {
        return error;
    }
    if (!content) {
        return memory_failed(b, ENOENT, "list", name);
    }
    if (!is_meant(fw_ruleset_find_set(b->state, name), set)) {
        return memory_failed(b, EINVAL, "list", name);
    }
    SG_MEMBERS_FOR_EACH (m, &content->members) {
        sg_prefix_list_add(list, &m->prefix);
    }
    return 0;
}

int
memory_set_create(struct fw_backend *up, const struct fw_set *set)
{
    struct backend_memory *b = memory_cast(up);
    bool fits = terminated(set->name, sizeof set->name);
    int error = memory_write_fault(b, FW_FAULT_CREATE,
                                   fits ? set->name : "set");

    if (error) {
        return error;
    }
    if (!fits || !set->maxelem) {
        return memory_failed(b, EINVAL, "create", "set");
    }
    if (fw_ruleset_find_set(b->state, set->name)) {
        return memory_failed(b, EEXIST, "create", set->name);
    }

    struct fw_set *copy = fw_ruleset_add_set(b->state, set);
    copy->elements = copy->references = 0;
    copy->foreign_type = false;

    struct content *content = xzalloc(sizeof *content);
    ovs_strzcpy(content->name, set->name, sizeof content->name);
    sg_members_init(&content->members);
    hmap_insert(&b->contents, &content->node, hash_string(set->name, 0));
    return 0;
}

/* Adds one member, or deletes it.  The kernel takes single addresses for
 * prefixes as well. */
static int
change_member(struct fw_set *set, struct content *content,
              const struct sg_prefix *p, bool add)
{
    bool host_in_net = (set->content == FW_NETS && p->family == set->family
                        && sg_prefix_is_host(p));

    if (!(fw_set_can_hold(set, p) || host_in_net) || set->foreign_type) {
        return EINVAL;
    }
    if (!add) {
        sg_members_remove(&content->members, p);
    } else if (!sg_members_contains(&content->members, p)) {
        if (set->elements >= set->maxelem) {
            return ENOSPC;
        }
        sg_members_add(&content->members, p);
    }
    set->elements = sg_members_count(&content->members);
    return 0;
}

struct batch {
    const struct fw_set *set;
    const struct sg_prefix *members;
    size_t n;
    bool add;
};

static int
change_members(struct backend_memory *b, const struct batch *batch,
               size_t *n_done)
{
    const char *what = batch->add ? "add to" : "delete from";
    const char *name = batch->set->name;
    size_t done = 0;
    int error = 0;

    if (!is_set_name_ok(name)) {
        if (n_done) {
            *n_done = 0;
        }
        return memory_failed(b, EINVAL, what, "set");
    }

    struct fw_set *set = fw_ruleset_find_set(b->state, name);
    struct content *content = find_content(b, name);
    if (!set || !content) {
        error = ENOENT;
    } else if (!is_meant(set, batch->set)) {
        error = EINVAL;
    }
    while (!error && done < batch->n) {
        error = change_member(set, content, &batch->members[done],
                              batch->add);
        if (!error) {
            done++;
            memory_changed(b);
        }
    }
    if (n_done) {
        *n_done = done;
    }
    return error ? memory_failed(b, error, what, name) : 0;
}

int
memory_set_add(struct fw_backend *up, const struct fw_set *set,
               const struct sg_prefix *members, size_t n, size_t *n_done)
{
    struct backend_memory *b = memory_cast(up);
    struct batch batch = { set, members, n, true };
    int error = memory_write_fault(b, FW_FAULT_ADD, "add");

    if (error) {
        /* The worst kind of failure: half of it happened. */
        batch.n = n / 2;
        change_members(b, &batch, n_done);
        return error;
    }
    return change_members(b, &batch, n_done);
}

int
memory_set_del(struct fw_backend *up, const struct fw_set *set,
               const struct sg_prefix *members, size_t n, size_t *n_done)
{
    struct backend_memory *b = memory_cast(up);
    struct batch batch = { set, members, n, false };
    int error = memory_write_fault(b, FW_FAULT_DEL, "delete");

    if (error) {
        batch.n = n / 2;
        change_members(b, &batch, n_done);
        return error;
    }
    return change_members(b, &batch, n_done);
}

int
memory_set_swap(struct fw_backend *up, const char *a_name, const char *b_name)
{
    struct backend_memory *b = memory_cast(up);
    struct fw_set *set1 = fw_ruleset_find_set(b->state, a_name);
    struct fw_set *set2 = fw_ruleset_find_set(b->state, b_name);
    int error = memory_write_fault(b, FW_FAULT_SWAP, a_name);

    if (error) {
        return error;
    }
    if (!set1 || !set2) {
        bool named = is_set_name_ok(a_name) && is_set_name_ok(b_name);

        return memory_failed(b, named ? ENOENT : EINVAL, "swap", a_name);
    }
    if (!is_meant(set1, set2)
        || set1->foreign_type != set2->foreign_type) {
        return memory_failed(b, EINVAL, "swap", a_name);
    }
    if (sset_contains(&b->dumps, a_name) || sset_contains(&b->dumps, b_name)) {
        return memory_failed(b, EBUSY, "swap", a_name);
    }
    sg_members_swap(&find_content(b, a_name)->members,
                    &find_content(b, b_name)->members);

    struct fw_set tmp = *set1;
    set1->elements = set2->elements;
    set1->maxelem = set2->maxelem;
    set1->hashsize = set2->hashsize;
    set2->elements = tmp.elements;
    set2->maxelem = tmp.maxelem;
    set2->hashsize = tmp.hashsize;
    memory_changed(b);
    return 0;
}

int
memory_set_destroy(struct fw_backend *up, const char *name)
{
    struct backend_memory *b = memory_cast(up);
    struct fw_set *set = fw_ruleset_find_set(b->state, name);
    struct content *content = find_content(b, name);
    int error = memory_write_fault(b, FW_FAULT_DESTROY, name);

    if (error) {
        return error;
    }
    if (!set) {
        return memory_failed(b, is_set_name_ok(name) ? ENOENT : EINVAL,
                             "destroy", name);
    }
    if (set->references || sset_contains(&b->dumps, name)) {
        return memory_failed(b, EBUSY, "destroy", name);
    }
    hmap_remove(&b->state->sets, &set->node);
    free(set);
    if (content) {
        hmap_remove(&b->contents, &content->node);
        sg_members_uninit(&content->members);
        free(content);
    }
    return 0;
}
