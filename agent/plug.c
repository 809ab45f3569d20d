/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include <config.h>
#include "agent/plug.h"

#include <string.h>

#include "hash.h"
#include "sset.h"
#include "util.h"

struct plug_node {
    struct hmap_node by_name;
    struct hmap_node by_index;
    struct hmap_node by_master;         /* Only if 'link.master'. */
    struct plug_link link;
};

struct plug_table {
    struct plug_node *nodes;
    size_t n;
    struct hmap by_name, by_index, by_master;
};

struct plug_table *
plug_table_create(const struct plug_link *links, size_t n)
{
    struct plug_table *t = xzalloc(sizeof *t);

    t->nodes = xcalloc(n ? n : 1, sizeof *t->nodes);
    t->n = n;
    hmap_init(&t->by_name);
    hmap_init(&t->by_index);
    hmap_init(&t->by_master);
    for (size_t i = 0; i < n; i++) {
        struct plug_node *node = &t->nodes[i];

        node->link = links[i];
        hmap_insert(&t->by_name, &node->by_name,
                    hash_string(links[i].name, 0));
        hmap_insert(&t->by_index, &node->by_index,
                    hash_int(links[i].index, 0));
        if (links[i].master) {
            hmap_insert(&t->by_master, &node->by_master,
                        hash_int(links[i].master, 0));
        }
    }
    return t;
}

void
plug_table_destroy(struct plug_table *t)
{
    if (t) {
        hmap_destroy(&t->by_name);
        hmap_destroy(&t->by_index);
        hmap_destroy(&t->by_master);
        free(t->nodes);
        free(t);
    }
}

static const struct plug_link *
link_by_name(const struct plug_table *t, const char *name)
{
    const struct plug_node *node;

    HMAP_FOR_EACH_WITH_HASH (node, by_name, hash_string(name, 0),
                             &t->by_name) {
        if (!strcmp(node->link.name, name)) {
            return &node->link;
        }
    }
    return NULL;
}

static const struct plug_link *
link_by_index(const struct plug_table *t, int index)
{
    const struct plug_node *node;

    HMAP_FOR_EACH_WITH_HASH (node, by_index, hash_int(index, 0),
                             &t->by_index) {
        if (node->link.index == index) {
            return &node->link;
        }
    }
    return NULL;
}

/* NULL if it is on none. */
static const struct plug_link *
bridge_of(const struct plug_table *t, const struct plug_link *l)
{
    return l->master ? link_by_index(t, l->master) : NULL;
}

/* Nothing but what plug_resolve() looks at decides: a change of flags or of
 * an address is no change. */
bool
plug_table_equals(const struct plug_table *a, const struct plug_table *b)
{
    if (a->n != b->n) {
        return false;
    }
    for (size_t i = 0; i < a->n; i++) {
        const struct plug_link *x = &a->nodes[i].link;
        const struct plug_link *y = link_by_index(b, x->index);

        if (!y || x->master != y->master || x->peer != y->peer
            || strcmp(x->name, y->name)) {
            return false;
        }
    }
    return true;
}

static bool
has_prefix(const char *name, const char *prefix)
{
    return !strncmp(name, prefix, strlen(prefix));
}

/* Does the name of 'tap' differ from that of 'uplink' in its beginning only,
 * as hypervisor managers name the two? */
static bool
is_twin(const struct plug_names *names, const struct plug_link *tap,
        const struct plug_link *uplink)
{
    return has_prefix(tap->name, names->tap_prefix)
           && has_prefix(uplink->name, names->uplink_prefix)
           && !strcmp(tap->name + strlen(names->tap_prefix),
                      uplink->name + strlen(names->uplink_prefix));
}

/* The device among the ports of 'bridge' other than 'uplink', and how many
 * there are.  Of several the port's own is the uplink's twin, if that is
 * there, else the first by name. */
static const struct plug_link *
bridge_device(const struct plug_table *t, const struct plug_names *names,
              int bridge, const struct plug_link *uplink, size_t *n)
{
    const struct plug_link *best = NULL;
    const struct plug_node *node;

    *n = 0;
    HMAP_FOR_EACH_WITH_HASH (node, by_master, hash_int(bridge, 0),
                             &t->by_master) {
        const struct plug_link *l = &node->link;

        if (l->master != bridge || l->index == uplink->index) {
            continue;
        }
        (*n)++;
        if (!best || is_twin(names, l, uplink)
            || (!is_twin(names, best, uplink)
                && strcmp(l->name, best->name) < 0)) {
            best = l;
        }
    }
    return best;
}

const char *
plug_resolve(const struct plug_table *t, const struct plug_names *names,
             const char *interface, struct sg_binding *b)
{
    const struct plug_link *ovs, *uplink, *bridge, *device;
    size_t n_devices;

    memset(b, 0, sizeof *b);
    b->plug = SG_PLUG_MISSING;
    ovs_strlcpy(b->interface, interface, sizeof b->interface);

    ovs = link_by_name(t, interface);
    if (!ovs) {
        return "the interface does not exist in the kernel";
    }
    uplink = ovs->peer ? link_by_index(t, ovs->peer) : NULL;
    if (!uplink) {
        b->plug = SG_PLUG_UNENFORCEABLE;
        ovs_strlcpy(b->device, ovs->name, sizeof b->device);
        return "the interface is not one end of a veth pair, so its traffic "
               "does not cross a Linux bridge";
    }
    ovs_strlcpy(b->uplink, uplink->name, sizeof b->uplink);
    bridge = bridge_of(t, uplink);
    if (!bridge) {
        return "the other end of the veth pair is on no bridge";
    }
    ovs_strlcpy(b->bridge, bridge->name, sizeof b->bridge);
    device = bridge_device(t, names, bridge->index, uplink, &n_devices);
    if (!device) {
        return "the bridge has no device besides the uplink";
    }
    ovs_strlcpy(b->device, device->name, sizeof b->device);
    if (n_devices > 1) {
        b->plug = SG_PLUG_SHARED_BRIDGE;
        return "the bridge has more than one device";
    }

    b->plug = SG_PLUG_UNENFORCEABLE;
    if (!has_prefix(bridge->name, names->bridge_prefix)) {
        return "the bridge's name does not begin with bridge_prefix";
    }
    if (!has_prefix(uplink->name, names->uplink_prefix)) {
        return "the uplink's name does not begin with uplink_prefix";
    }
    if (!has_prefix(device->name, names->tap_prefix)) {
        return "the device's name does not begin with tap_prefix";
    }
    b->plug = SG_PLUG_HYBRID;
    return NULL;
}

/* Uplinks and taps of the ports in 'known'. */
static void
add_devices(struct sset *devices, const struct sg_binding *known,
            size_t n_known)
{
    for (size_t i = 0; i < n_known; i++) {
        sset_add(devices, known[i].device);
        sset_add(devices, known[i].uplink);
    }
}

size_t
plug_unknown_devices(const struct plug_table *t,
                     const struct plug_names *names,
                     const struct sg_binding *known, size_t n_known,
                     char (*out)[SG_DEVICE_LEN], size_t max)
{
    struct sset devices = SSET_INITIALIZER(&devices);
    size_t n = 0;

    add_devices(&devices, known, n_known);
    for (size_t i = 0; i < t->n; i++) {
        const struct plug_link *l = &t->nodes[i].link;
        const struct plug_link *bridge = bridge_of(t, l);

        if (bridge && has_prefix(bridge->name, names->bridge_prefix)
            && !sset_contains(&devices, l->name)) {
            if (n < max) {
                ovs_strlcpy(out[n], l->name, SG_DEVICE_LEN);
            }
            n++;
        }
    }
    sset_destroy(&devices);
    return n;
}

struct l2_device *
plug_devices(const struct plug_table *t, const struct plug_names *names,
             size_t *np)
{
    struct l2_device *found = xcalloc(MAX(t->n, 1), sizeof *found);
    size_t n = 0;

    for (size_t i = 0; i < t->n; i++) {
        const struct plug_link *l = &t->nodes[i].link;
        const struct plug_link *bridge = bridge_of(t, l);
        bool tap = has_prefix(l->name, names->tap_prefix);
        bool ours = bridge && has_prefix(bridge->name, names->bridge_prefix);

        if (ours || (bridge && (tap || has_prefix(l->name,
                                                  names->uplink_prefix)))) {
            ovs_strlcpy(found[n].name, l->name, sizeof found[n].name);
            found[n].index = (uint32_t) l->index;
            found[n].ours = ours;
            found[n].tap = tap;
            n++;
        }
    }
    *np = n;
    return found;
}
