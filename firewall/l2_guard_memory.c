/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* A model of the guard, with hooks for faults. */

#include <config.h>
#include "firewall/l2_guard.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

struct memory_guard {
    struct l2_guard up;
    int n_refs;
    enum l2_found found;
    struct l2_elements elements;        /* In order; none unless found. */
    uint64_t generation, read;          /* Now; at the last read or write. */
    bool hint;
    struct l2_tables tables;    /* Of others. */
    bool tables_hidden;         /* They cannot be read. */
    uint64_t n_writes;
    int n_failures, failure;
    const char *refused;        /* No element of this device can be added. */
};

static const struct l2_guard_class memory_guard_class;

static struct memory_guard *
memory_guard_cast(const struct l2_guard *guard)
{
    ovs_assert(guard->class == &memory_guard_class);
    return CONTAINER_OF(guard, struct memory_guard, up);
}

struct l2_guard *
l2_guard_memory_create(void)
{
    struct memory_guard *m = xzalloc(sizeof *m);

    m->up.class = &memory_guard_class;
    m->n_refs = 1;
    m->generation = 1;
    return &m->up;
}

struct l2_guard *
l2_guard_memory_ref(struct l2_guard *guard)
{
    memory_guard_cast(guard)->n_refs++;
    return guard;
}

static void
memory_guard_destroy(struct l2_guard *guard)
{
    struct memory_guard *m = memory_guard_cast(guard);

    if (!--m->n_refs) {
        l2_elements_uninit(&m->elements);
        free(m);
    }
}

static const char *
memory_guard_error(const struct l2_guard *guard OVS_UNUSED)
{
    return "model: told to fail";
}

static int
fault(struct memory_guard *m)
{
    if (m->n_failures) {
        m->n_failures--;
        return m->failure;
    }
    return 0;
}

static bool
memory_guard_hint(struct l2_guard *guard)
{
    struct memory_guard *m = memory_guard_cast(guard);
    bool hint = m->hint;

    m->hint = false;
    return hint;
}

static int
memory_guard_changed(struct l2_guard *guard, bool *changed)
{
    struct memory_guard *m = memory_guard_cast(guard);

    *changed = m->generation != m->read;
    return 0;
}

static int
memory_guard_read(struct l2_guard *guard, enum l2_found *found,
                  struct l2_elements *list)
{
    struct memory_guard *m = memory_guard_cast(guard);
    int error = fault(m);

    if (error) {
        return error;
    }
    *found = m->found;
    if (m->found == L2_INTACT) {
        l2_elements_append(list, &m->elements);
    }
    m->read = m->generation;
    return 0;
}

static bool
is_refused(const struct memory_guard *m, const struct l2_elements *add)
{
    for (size_t i = 0; m->refused && i < add->n; i++) {
        if (!strcmp(add->p[i].device, m->refused)) {
            return true;
        }
    }
    return false;
}

/* Puts 'list' into effect, of which 'add' is new, or fails. */
static int
write_model(struct memory_guard *m, enum l2_found found,
            const struct l2_elements *list, const struct l2_elements *add)
{
    int error = fault(m);

    if (!error && m->generation != m->read) {
        error = EAGAIN;
    }
    if (!error && is_refused(m, add)) {
        error = EINVAL;
    }
    if (error) {
        return error;
    }
    l2_elements_copy(&m->elements, list);
    m->found = found;
    m->read = ++m->generation;
    m->n_writes++;
    return 0;
}

/* Like the kernel, which refuses the transaction if an element to be deleted
 * is not there, or one to be added is. */
static int
memory_guard_edit(struct l2_guard *guard, const struct l2_elements *add,
                  const struct l2_elements *del)
{
    struct memory_guard *m = memory_guard_cast(guard);
    struct l2_elements gone = L2_ELEMENTS_INIT, rest = L2_ELEMENTS_INIT;
    size_t n;
    int error;

    if (m->found != L2_INTACT) {
        return ENOENT;
    }
    l2_elements_diff(&m->elements, del, &gone, &rest);
    if (gone.n || rest.n + del->n != m->elements.n) {
        error = ENOENT;
    } else {
        n = rest.n;
        l2_elements_append(&rest, add);
        l2_elements_order(&rest);
        error = (rest.n == n + add->n ? write_model(m, L2_INTACT, &rest, add)
                 : EEXIST);
    }
    l2_elements_uninit(&gone);
    l2_elements_uninit(&rest);
    return error;
}

static int
memory_guard_replace(struct l2_guard *guard, const struct l2_elements *list)
{
    return write_model(memory_guard_cast(guard), L2_INTACT, list, list);
}

static int
memory_guard_remove(struct l2_guard *guard)
{
    const struct l2_elements none = L2_ELEMENTS_INIT;

    return write_model(memory_guard_cast(guard), L2_NOTHING, &none, &none);
}

static int
memory_guard_tables(struct l2_guard *guard, struct l2_tables *tables)
{
    const struct memory_guard *m = memory_guard_cast(guard);

    if (m->tables_hidden) {
        return EINTR;
    }
    *tables = m->tables;
    return 0;
}

static void
memory_guard_wait(struct l2_guard *guard OVS_UNUSED)
{
}

void
l2_guard_memory_fail(struct l2_guard *guard, int n, int error)
{
    struct memory_guard *m = memory_guard_cast(guard);

    m->n_failures = n;
    m->failure = error;
}

void
l2_guard_memory_refuse(struct l2_guard *guard, const char *device)
{
    memory_guard_cast(guard)->refused = device;
}

uint64_t
l2_guard_memory_writes(const struct l2_guard *guard)
{
    return memory_guard_cast(guard)->n_writes;
}

void
l2_guard_memory_spoil(struct l2_guard *guard, enum l2_found found)
{
    struct memory_guard *m = memory_guard_cast(guard);

    m->found = found;
    if (found == L2_NOTHING) {
        l2_elements_clear(&m->elements);
    }
    m->generation++;
    m->hint = true;
}

void
l2_guard_memory_tables(struct l2_guard *guard, const struct l2_tables *tables)
{
    struct memory_guard *m = memory_guard_cast(guard);

    m->tables_hidden = !tables;
    if (tables) {
        m->tables = *tables;
    }
    m->generation++;
}

const struct l2_elements *
l2_guard_memory_elements(const struct l2_guard *guard)
{
    return &memory_guard_cast(guard)->elements;
}

static const struct l2_guard_class memory_guard_class = {
    .name = "memory",
    .destroy = memory_guard_destroy,
    .error = memory_guard_error,
    .hint = memory_guard_hint,
    .changed = memory_guard_changed,
    .read = memory_guard_read,
    .edit = memory_guard_edit,
    .replace = memory_guard_replace,
    .remove = memory_guard_remove,
    .tables = memory_guard_tables,
    .wait = memory_guard_wait,
};
