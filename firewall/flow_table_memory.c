/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* A model of the kernel's table of flows. */

#include <config.h>
#include "firewall/flow.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "util.h"

struct model {
    struct flow_table up;
    struct flow_entry *entries;
    size_t n, allocated;
    struct flow_filter filter;
    size_t cursor;              /* Of the dump. */
    size_t n_dumps;
    int fail_nth, fail_error;
};

static const struct flow_table_class model_class;

static struct model *
model_cast(const struct flow_table *table)
{
    ovs_assert(table->class == &model_class);
    return CONTAINER_OF(CONST_CAST(struct flow_table *, table), struct model,
                        up);
}

struct flow_table *
flow_table_memory_create(void)
{
    struct model *m = xzalloc(sizeof *m);

    m->up.class = &model_class;
    return &m->up;
}

void
flow_table_memory_add(struct flow_table *table, const struct flow_entry *e)
{
    struct model *m = model_cast(table);

    if (m->n >= m->allocated) {
        m->entries = x2nrealloc(m->entries, &m->allocated,
                                sizeof *m->entries);
    }
    m->entries[m->n++] = *e;
}

/* By what it says: whoever made one may not have zeroed what is between. */
static bool
tuples_equal(const struct flow_tuple *a, const struct flow_tuple *b)
{
    return (sg_prefix_equals(&a->src, &b->src)
            && sg_prefix_equals(&a->dst, &b->dst)
            && a->proto == b->proto
            && a->has_ports == b->has_ports
            && a->has_icmp == b->has_icmp
            && a->icmp_type == b->icmp_type && a->icmp_code == b->icmp_code
            && a->icmp_id == b->icmp_id
            && a->sport == b->sport && a->dport == b->dport);
}

struct flow_entry *
flow_table_memory_find(struct flow_table *table, uint16_t zone,
                       const struct flow_tuple *orig)
{
    struct model *m = model_cast(table);

    for (size_t i = 0; i < m->n; i++) {
        if (m->entries[i].zone == zone
            && tuples_equal(&m->entries[i].orig, orig)) {
            return &m->entries[i];
        }
    }
    return NULL;
}

void
flow_table_memory_fail(struct flow_table *table, int nth, int error)
{
    struct model *m = model_cast(table);

    m->fail_nth = nth;
    m->fail_error = error;
}

size_t
flow_table_memory_dumps(const struct flow_table *table)
{
    return model_cast(table)->n_dumps;
}

static int
fails(struct model *m)
{
    return m->fail_nth && !--m->fail_nth ? m->fail_error : 0;
}

static void
model_destroy(struct flow_table *table)
{
    struct model *m = model_cast(table);

    free(m->entries);
    free(m);
}

static const char *
model_error(const struct flow_table *table OVS_UNUSED)
{
    return "a fault was asked for";
}

static int
model_count(struct flow_table *table, size_t *n)
{
    *n = model_cast(table)->n;
    return 0;
}

static int
model_begin(struct flow_table *table, const struct flow_filter *filter)
{
    struct model *m = model_cast(table);
    int error = fails(m);

    if (!error) {
        m->filter = *filter;
        m->cursor = 0;
        m->n_dumps++;
    }
    return error;
}

static bool
passes(const struct flow_filter *f, const struct flow_entry *e)
{
    if (f->mark && !(e->mark & f->mark)) {
        return false;
    }
    switch (f->kind) {
    case FLOW_ALL:
        return true;
    case FLOW_OF_ZONE:
        return e->zone == f->zone;
    case FLOW_OF_IPV6:
        return e->orig.src.family == SG_IPV6;
    case FLOW_FROM:
        return sg_prefix_equals(&e->orig.src, &f->address);
    case FLOW_TO:
        return sg_prefix_equals(&e->reply.src, &f->address);
    }
    OVS_NOT_REACHED();
}

static int
model_next(struct flow_table *table, struct flow_entry *entries, size_t max,
           size_t *n)
{
    struct model *m = model_cast(table);
    int error = fails(m);

    if (!error) {
        *n = 0;
        while (m->cursor < m->n && *n < max) {
            const struct flow_entry *e = &m->entries[m->cursor++];

            if (passes(&m->filter, e)) {
                entries[(*n)++] = *e;
            }
        }
    }
    return error;
}

static void
make_change(struct model *m, const struct flow_change *c, uint32_t bit,
            struct flow_changed *changed)
{
    struct flow_entry *e = flow_table_memory_find(&m->up, c->zone, &c->orig);

    if (!e) {
        changed->n_gone++;
        return;
    }
    switch (c->action) {
    case FLOW_MARK:
        e->mark |= bit;
        break;
    case FLOW_CLEAR:
        e->mark &= ~bit;
        break;
    case FLOW_DELETE: {
        size_t i = e - m->entries;

        memmove(e, e + 1, (--m->n - i) * sizeof *e);
        m->cursor -= m->cursor > i;
        break;
    }
    case FLOW_LEAVE:
        OVS_NOT_REACHED();
    }
    changed->n_done++;
}

static int
model_change(struct flow_table *table, const struct flow_change *changes,
             size_t n, uint32_t bit, struct flow_changed *changed)
{
    struct model *m = model_cast(table);
    int error = fails(m);

    if (error) {
        changed->n_failed += n;
        return error;
    }
    for (size_t i = 0; i < n; i++) {
        make_change(m, &changes[i], bit, changed);
    }
    return 0;
}

static const struct flow_table_class model_class = {
    .name = "memory",
    .destroy = model_destroy,
    .error = model_error,
    .count = model_count,
    .begin = model_begin,
    .next = model_next,
    .change = model_change,
};

void
flow_tuple_format(const struct flow_tuple *t, struct ds *ds)
{
    char src[SG_PREFIX_STRLEN], dst[SG_PREFIX_STRLEN];

    ds_put_format(ds, "protocol %"PRIu8" %s > %s", t->proto,
                  sg_prefix_format(&t->src, src),
                  sg_prefix_format(&t->dst, dst));
    if (t->has_ports) {
        ds_put_format(ds, ", ports %"PRIu16" > %"PRIu16, t->sport, t->dport);
    }
    if (t->has_icmp) {
        ds_put_format(ds, ", type %"PRIu8"/%"PRIu8, t->icmp_type,
                      t->icmp_code);
    }
}
