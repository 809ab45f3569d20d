/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "firewall/l2_elements.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "firewall/names.h"
#include "firewall/sources.h"
#include "openvswitch/dynamic-string.h"
#include "sset.h"
#include "util.h"

BUILD_ASSERT_DECL(sizeof(struct l2_element)
                  == 1 + SG_DEVICE_LEN + 4 + sizeof(struct sg_mac)
                     + sizeof(struct sg_prefix));

static bool is_known(const struct sg_port *);
static void spare(const struct l2_input *, const struct sg_port *,
                  bool is_rendered, struct sset *);
static void render_device(const struct l2_device *, bool shut,
                          struct l2_elements *);
static void render_port(const struct sg_port *, struct l2_elements *);

const char *
l2_kind_name(enum l2_kind kind)
{
    switch (kind) {
#define L2_KIND(ENUM, NAME) case L2_##ENUM: return NAME;
    L2_KINDS
#undef L2_KIND
    }
    OVS_NOT_REACHED();
}

void
l2_elements_uninit(struct l2_elements *list)
{
    free(list->p);
    *list = (struct l2_elements) L2_ELEMENTS_INIT;
}

void
l2_elements_clear(struct l2_elements *list)
{
    list->n = 0;
}

void
l2_elements_append(struct l2_elements *dst, const struct l2_elements *src)
{
    for (size_t i = 0; i < src->n; i++) {
        l2_elements_add_one(dst, &src->p[i]);
    }
}

void
l2_elements_copy(struct l2_elements *dst, const struct l2_elements *src)
{
    l2_elements_clear(dst);
    l2_elements_append(dst, src);
}

void
l2_elements_add_one(struct l2_elements *list, const struct l2_element *e)
{
    if (list->n >= list->allocated) {
        list->p = x2nrealloc(list->p, &list->allocated, sizeof *list->p);
    }
    list->p[list->n++] = *e;
}

/* 'mac' and 'prefix' are NULL for the kinds that have none. */
void
l2_elements_add(struct l2_elements *list, enum l2_kind kind,
                const char *device, const struct sg_mac *mac,
                const struct sg_prefix *prefix)
{
    struct l2_element e;

    memset(&e, 0, sizeof e);
    e.kind = kind;
    ovs_strzcpy(e.device, device, sizeof e.device);
    if (mac) {
        e.mac = *mac;
    }
    if (prefix) {
        e.prefix = *prefix;
    }
    l2_elements_add_one(list, &e);
}

void
l2_elements_add_other(struct l2_elements *list, const char *device,
                      uint32_t index)
{
    l2_elements_add(list, L2_OTHER, device, NULL, NULL);
    memcpy(list->p[list->n - 1].index, &index, sizeof index);
}

void
l2_elements_add_seen(struct l2_elements *list, enum sg_family family)
{
    const struct sg_prefix all = { .family = family };

    l2_elements_add(list, L2_SEEN, "", NULL, &all);
}

void
l2_elements_set_seen(struct l2_elements *list, bool seen)
{
    size_t n = 0;

    for (size_t i = 0; i < list->n; i++) {
        if (list->p[i].kind != L2_SEEN) {
            list->p[n++] = list->p[i];
        }
    }
    list->n = n;
    for (int f = 0; seen && f < SG_N_FAMILIES; f++) {
        l2_elements_add_seen(list, (enum sg_family) f);
    }
    l2_elements_order(list);
}

int
l2_element_compare(const struct l2_element *a, const struct l2_element *b)
{
    int cmp = memcmp(a, b, offsetof(struct l2_element, prefix));

    return cmp ? cmp : sg_prefix_compare(&a->prefix, &b->prefix);
}

static int
compare_elements(const void *a, const void *b)
{
    return l2_element_compare(a, b);
}

/* Is every frame that 'e' permits permitted by 'before' as well, which stands
 * somewhere before it?  Two single addresses, or one and a prefix, do not
 * disturb each other: they are in different sets. */
static bool
is_contained(const struct l2_element *before, const struct l2_element *e)
{
    return (e->kind == L2_PAIR
            && !memcmp(before, e, offsetof(struct l2_element, prefix))
            && !sg_prefix_is_host(&e->prefix)
            && sg_prefix_contains(&before->prefix, &e->prefix));
}

void
l2_elements_order(struct l2_elements *list)
{
    const struct l2_element *prefix = NULL;
    size_t n = 0;

    if (list->n) {
        qsort(list->p, list->n, sizeof *list->p, compare_elements);
    }
    for (size_t i = 0; i < list->n; i++) {
        const struct l2_element *e = &list->p[i];

        /* A prefix sorts right before all that it contains. */
        if ((n && !l2_element_compare(e, &list->p[n - 1]))
            || (prefix && is_contained(prefix, e))) {
            continue;
        }
        list->p[n] = *e;
        if (e->kind == L2_PAIR && !sg_prefix_is_host(&e->prefix)) {
            prefix = &list->p[n];
        }
        n++;
    }
    list->n = n;
}

bool
l2_elements_equal(const struct l2_elements *a, const struct l2_elements *b)
{
    return (a->n == b->n
            && (!a->n || !memcmp(a->p, b->p, a->n * sizeof *a->p)));
}

void
l2_elements_diff(const struct l2_elements *actual,
                 const struct l2_elements *wanted,
                 struct l2_elements *add, struct l2_elements *del)
{
    size_t i = 0, j = 0;

    while (i < actual->n || j < wanted->n) {
        int cmp = (i >= actual->n ? 1
                   : j >= wanted->n ? -1
                   : l2_element_compare(&actual->p[i], &wanted->p[j]));

        if (cmp < 0) {
            l2_elements_add_one(del, &actual->p[i]);
        } else if (cmp > 0) {
            l2_elements_add_one(add, &wanted->p[j]);
        }
        i += cmp <= 0;
        j += cmp >= 0;
    }
}

void
l2_elements_format(const struct l2_elements *list, struct ds *s)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct l2_element *e = &list->p[i];
        char mac[SG_MAC_STRLEN], prefix[SG_PREFIX_STRLEN];

        ds_put_format(s, "%s %.*s", l2_kind_name(e->kind), SG_DEVICE_LEN,
                      e->device);
        if (e->kind == L2_SEEN) {
            ds_put_cstr(s, sg_family_name(e->prefix.family));
        }
        if (e->kind == L2_OTHER) {
            uint32_t index;

            memcpy(&index, e->index, sizeof index);
            ds_put_format(s, " %"PRIu32, index);
        }
        if (e->kind == L2_MAC || e->kind == L2_PAIR) {
            ds_put_format(s, " %s", sg_mac_format(&e->mac, mac));
        }
        if (e->kind == L2_PAIR) {
            ds_put_format(s, " %s", sg_prefix_format(&e->prefix, prefix));
        }
        ds_put_char(s, '\n');
    }
}

void
l2_elements_render(const struct l2_input *in, struct l2_elements *list)
{
    struct sset spared = SSET_INITIALIZER(&spared);
    const struct sg_port **ports, *last = NULL;
    size_t n;

    ports = fw_sorted_ports(in->policy, &n);
    for (size_t i = 0; i < n; i++) {
        const struct sg_port *port = ports[i];
        bool is_rendered = (port->binding.plug == SG_PLUG_HYBRID
                            && is_known(port)
                            && fw_device_name_ok(port->binding.device)
                            && !(last && !strcmp(last->binding.device,
                                                 port->binding.device)));

        spare(in, port, is_rendered, &spared);
        if (is_rendered) {
            if (!in->shut || !sg_port_filters(&port->spec)) {
                render_port(port, list);
            }
            last = port;
        }
    }
    free(ports);
    for (size_t i = 0; i < in->n_devices; i++) {
        if (!sset_contains(&spared, in->devices[i].name)) {
            render_device(&in->devices[i], in->shut, list);
        }
    }
    sset_destroy(&spared);
    l2_elements_order(list);
}

static bool
is_known(const struct sg_port *port)
{
    return port->state == SG_KNOWN || port->state == SG_ORPHANED;
}

/* Which devices of a port's bridge are not to be shut: its uplink; while all
 * is to be shut, both if nothing is to filter it.  A tap needs no element to
 * be closed. */
static void
spare(const struct l2_input *in, const struct sg_port *port, bool is_rendered,
      struct sset *spared)
{
    const struct sg_binding *b = &port->binding;

    if (!in->shut) {
        sset_add(spared, b->uplink);
    } else if (is_rendered && !sg_port_filters(&port->spec)) {
        sset_add(spared, b->device);
        sset_add(spared, b->uplink);
    }
}

static void
render_device(const struct l2_device *d, bool shut, struct l2_elements *list)
{
    if (!d->ours) {
        l2_elements_add_other(list, d->name, d->index);
    } else if (shut || !d->tap) {
        l2_elements_add(list, L2_SHUT, d->name, NULL, NULL);
    }
}

static void
render_port(const struct sg_port *port, struct l2_elements *list)
{
    const struct sg_port_spec *spec = &port->spec;
    const char *device = port->binding.device;
    struct sg_mac *macs;
    size_t n;

    if (!sg_port_filters(spec)) {
        l2_elements_add(list, L2_FREE, device, NULL, NULL);
        return;
    }
    macs = fw_port_macs(spec, &n);
    for (size_t i = 0; i < n; i++) {
        l2_elements_add(list, L2_MAC, device, &macs[i], NULL);
    }
    free(macs);
    for (size_t f = 0; f < SG_N_FAMILIES; f++) {
        struct sg_pair *pairs = fw_port_sources(spec, f, &n);

        for (size_t i = 0; i < n; i++) {
            l2_elements_add(list, L2_PAIR, device, &pairs[i].mac,
                            &pairs[i].prefix);
        }
        free(pairs);
    }
}
