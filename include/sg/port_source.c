/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "sg/port_source.h"

#include <stdlib.h>

#include "util.h"

static void
set_pairs(struct sg_port_spec *spec, const struct sg_prefix *prefixes,
          size_t n)
{
    ovs_assert(!spec->n_pairs);
    free(spec->pairs);
    spec->pairs = xcalloc(n, sizeof *spec->pairs);
    for (size_t i = 0; i < n; i++) {
        spec->pairs[i].prefix = prefixes[i];
        spec->pairs[i].mac = spec->mac;
    }
    spec->n_pairs = n;
}

void
sg_port_any_source(struct sg_port_spec *spec)
{
    static const struct sg_prefix any[SG_N_FAMILIES] = {
        { .family = SG_IPV4 }, { .family = SG_IPV6 },
    };

    set_pairs(spec, any, SG_N_FAMILIES);
}

void
sg_port_no_source(struct sg_port_spec *spec)
{
    struct sg_prefix link_local;

    sg_mac_link_local(&spec->mac, &link_local);
    set_pairs(spec, &link_local, 1);
}
