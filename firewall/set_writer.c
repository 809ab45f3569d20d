/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "firewall/set_writer.h"

#include <errno.h>

#include "util.h"

/* A swap is refused while anybody lists the set, which takes no longer than a
 * few ms; who lists it for longer is waited for by the caller's retry. */
#define SWAP_TRIES 8

static int fill_tmp(struct set_writer *, const struct fw_set *,
                    const struct sg_prefix_list *wanted);
static int swap(struct set_writer *, const char *name, const char *tmp);
static void destroy_tmp(struct set_writer *, const char *tmp);

static int
write_members(struct set_writer *w, const struct fw_set *set,
              const struct sg_prefix_list *list, bool add)
{
    const struct fw_backend_class *class = w->backend->class;
    size_t n_done = 0;
    int error;

    if (!list->n) {
        return 0;
    }
    error = (add ? class->set_add : class->set_del)(w->backend, set, list->p,
                                                    list->n, &n_done);
    w->n_batches++;
    w->n_failed += error != 0;
    *(add ? &w->n_added : &w->n_removed) += n_done;
    return error;
}

int
set_writer_add(struct set_writer *w, const struct fw_set *set,
               const struct sg_prefix_list *list)
{
    return write_members(w, set, list, true);
}

int
set_writer_del(struct set_writer *w, const struct fw_set *set,
               const struct sg_prefix_list *list)
{
    return write_members(w, set, list, false);
}

int
set_writer_replace(struct set_writer *w, const struct fw_set *set,
                   const struct sg_prefix_list *wanted, uint32_t maxelem)
{
    struct fw_set tmp = {
        .family = set->family,
        .content = set->content,
        .maxelem = maxelem,
        .hashsize = fw_set_hashsize(maxelem),
    };
    int error;

    fw_name_tmp_set(tmp.name, w->tag, ++w->n_tmp);
    error = w->backend->class->set_create(w->backend, &tmp);
    if (error) {
        w->n_failed++;
        return error;
    }
    w->n_created++;

    error = fill_tmp(w, &tmp, wanted);
    if (!error) {
        error = swap(w, set->name, tmp.name);
    }
    w->n_failed += error != 0;
    /* After the swap it has the old content; without, a part of the new. */
    destroy_tmp(w, tmp.name);
    return error;
}

static int
fill_tmp(struct set_writer *w, const struct fw_set *tmp,
         const struct sg_prefix_list *wanted)
{
    int error = set_writer_add(w, tmp, wanted);

    if (error) {
        return error;
    }

    struct fw_ruleset *headers = fw_ruleset_create();
    error = w->backend->class->list_sets(w->backend, headers);
    if (!error) {
        const struct fw_set *set = fw_ruleset_find_set(headers, tmp->name);
        if (!set || set->elements != wanted->n) {
            error = EAGAIN;
        }
    }
    fw_ruleset_destroy(headers);
    return error;
}

static int
swap(struct set_writer *w, const char *name, const char *tmp)
{
    int error = EBUSY;

    for (int i = 0; error == EBUSY && i < SWAP_TRIES; i++) {
        error = w->backend->class->set_swap(w->backend, name, tmp);
    }
    return error;
}

static void
destroy_tmp(struct set_writer *w, const char *tmp)
{
    if (w->backend->class->set_destroy(w->backend, tmp)) {
        w->litter = true;
    } else {
        w->n_destroyed++;
    }
}
