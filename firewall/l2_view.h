/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef FIREWALL_L2_VIEW_H
#define FIREWALL_L2_VIEW_H 1

/* What the layer-2 guard makes of an IP packet, told from its elements.  Pure.
 *
 * The packet is taken to be in a frame of its own: untagged, not a fragment,
 * with no extension header.  What neighbour discovery says of itself (target,
 * options, hop limit) is not known, and taken to be right. */

#include "firewall/l2_elements.h"
#include "firewall/walk.h"

#define L2_VIEWS                                                            \
    L2_VIEW(NOT_LOOKED_AT, "not_looked_at", "not from a tap of ours")       \
    L2_VIEW(SEEN, "seen", "it is for the tables to judge")                  \
    L2_VIEW(UNFILTERED, "unfiltered", "this tap may send all")              \
    L2_VIEW(OWN_SENDER, "own_sender", "the sender is the port's own")       \
    L2_VIEW(SHUT, "shut", "the device is shut, because bridged packets do " \
            "not pass the tables")                                          \
    L2_VIEW(FORGED, "forged", "this tap may not send with this MAC "        \
            "address and source")                                           \
    L2_VIEW(ROUTER, "router", "router advertisement or redirect from a tap")
enum l2_view {
#define L2_VIEW(ENUM, NAME, TEXT) L2_VIEW_##ENUM,
    L2_VIEWS
#undef L2_VIEW
};
const char *l2_view_name(enum l2_view);
const char *l2_view_text(enum l2_view);
/* Does such a packet get through? */
bool l2_view_passes(enum l2_view);

/* 'physdev_in' of the packet is where the frame comes from; 'is_tap': its
 * name is that of a tap. */
enum l2_view l2_view(const struct l2_elements *, const struct fw_packet *,
                     bool is_tap);

#endif /* firewall/l2_view.h */
