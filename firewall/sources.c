/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "firewall/sources.h"

#include <stdlib.h>
#include <string.h>

#include "util.h"
#include "uuid.h"

static int
compare_pairs(const void *a_, const void *b_)
{
    const struct sg_pair *a = a_;
    const struct sg_pair *b = b_;
    int cmp = memcmp(&a->mac, &b->mac, sizeof a->mac);

    return cmp ? cmp : sg_prefix_compare(&a->prefix, &b->prefix);
}

static bool
pairs_equal(const struct sg_pair *a, const struct sg_pair *b)
{
    return !compare_pairs(a, b);
}

/* All that the port may send from in 'family', sorted, each once.  Caller
 * frees. */
struct sg_pair *
fw_port_sources(const struct sg_port_spec *spec, enum sg_family family,
                size_t *np)
{
    size_t max = spec->n_fixed_ips + 2 * spec->n_pairs + 1;
    struct sg_pair *pairs = xcalloc(max, sizeof *pairs);
    size_t n = 0;

    for (size_t i = 0; i < spec->n_fixed_ips; i++) {
        if (spec->fixed_ips[i].family == family) {
            pairs[n].prefix = spec->fixed_ips[i];
            pairs[n++].mac = spec->mac;
        }
    }
    for (size_t i = 0; i < spec->n_pairs; i++) {
        if (spec->pairs[i].prefix.family == family) {
            pairs[n++] = spec->pairs[i];
        }
    }
    if (family == SG_IPV6) {
        sg_mac_link_local(&spec->mac, &pairs[n].prefix);
        pairs[n++].mac = spec->mac;
        for (size_t i = 0; i < spec->n_pairs; i++) {
            sg_mac_link_local(&spec->pairs[i].mac, &pairs[n].prefix);
            pairs[n++].mac = spec->pairs[i].mac;
        }
    }

    qsort(pairs, n, sizeof *pairs, compare_pairs);
    *np = 0;
    for (size_t i = 0; i < n; i++) {
        if (!i || !pairs_equal(&pairs[i], &pairs[*np - 1])) {
            pairs[(*np)++] = pairs[i];
        }
    }
    return pairs;
}

static int
compare_macs(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct sg_mac));
}

/* The MAC addresses the port may send from, sorted, each once. */
struct sg_mac *
fw_port_macs(const struct sg_port_spec *spec, size_t *np)
{
    struct sg_mac *macs = xmalloc((spec->n_pairs + 1) * sizeof *macs);

    macs[0] = spec->mac;
    for (size_t i = 0; i < spec->n_pairs; i++) {
        macs[i + 1] = spec->pairs[i].mac;
    }
    qsort(macs, spec->n_pairs + 1, sizeof *macs, compare_macs);
    *np = 0;
    for (size_t i = 0; i < spec->n_pairs + 1; i++) {
        if (!i || compare_macs(&macs[i], &macs[*np - 1])) {
            macs[(*np)++] = macs[i];
        }
    }
    return macs;
}

static int
compare_ports(const void *a_, const void *b_)
{
    const struct sg_port *const *a = a_;
    const struct sg_port *const *b = b_;
    int cmp = strcmp((*a)->binding.device, (*b)->binding.device);

    return cmp ? cmp : uuid_compare_3way(&(*a)->id, &(*b)->id);
}

/* Caller frees the array. */
const struct sg_port **
fw_sorted_ports(const struct sg_policy *policy, size_t *np)
{
    size_t n = hmap_count(&policy->ports);
    const struct sg_port **ports = xmalloc(MAX(n, 1) * sizeof *ports);
    const struct sg_port *port;

    *np = 0;
    HMAP_FOR_EACH (port, node, &policy->ports) {
        ports[(*np)++] = port;
    }
    qsort(ports, n, sizeof *ports, compare_ports);
    return ports;
}
