/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef FIREWALL_L2_ELEMENTS_H
#define FIREWALL_L2_ELEMENTS_H 1

/* What the layer-2 guard is to know of the ports of this host.  Pure.
 *
 * The rules of the guard are constant; all that depends on the policy are
 * elements of its sets.  An element permits (but for SHUT), and a tap without
 * any is closed, so a list of them can be compared, added and taken away one
 * by one.
 *
 * A list is sorted and has each element once.  A prefix that another one of
 * the same device and MAC contains is not in it: the kernel's sets of ranges
 * take no overlaps. */

#include "sg/policy.h"

#define L2_KINDS                                                            \
    L2_KIND(SEEN, "seen")       /* A family whose packets the tables see    \
                                 * and judge: of those nothing is looked at \
                                 * here that they look at.  It has no       \
                                 * device. */                               \
    L2_KIND(OTHER, "other")     /* A device whose name begins like that of  \
                                 * a tap or an uplink, on a bridge that is  \
                                 * not ours: not looked at. */              \
    L2_KIND(SHUT, "shut")       /* A device on a bridge of ours: nothing    \
                                 * from it passes.  It has no MAC or PAIR,  \
                                 * which are looked up first. */            \
    L2_KIND(FREE, "free")       /* The tap of a trusted port, or of one     \
                                 * without port security: may send all. */  \
    L2_KIND(MAC, "mac")         /* A tap and a MAC address it may use. */   \
    L2_KIND(PAIR, "pair")       /* And an address, or a prefix, that it     \
                                 * may use with it. */
enum l2_kind {
#define L2_KIND(ENUM, NAME) L2_##ENUM,
    L2_KINDS
#undef L2_KIND
};
const char *l2_kind_name(enum l2_kind);

/* Made of bytes alone, without padding; what a kind does not have is zero. */
struct l2_element {
    uint8_t kind;               /* enum l2_kind. */
    char device[SG_DEVICE_LEN]; /* Zeros to its end; SEEN: nothing else. */
    uint8_t index[4];           /* Of OTHER: the device's, in the order of
                                 * this machine. */
    struct sg_mac mac;
    struct sg_prefix prefix;    /* SEEN: only its family. */
};

struct l2_elements {
    struct l2_element *p;
    size_t n, allocated;
};
#define L2_ELEMENTS_INIT { NULL, 0, 0 }
void l2_elements_uninit(struct l2_elements *);
void l2_elements_clear(struct l2_elements *);
void l2_elements_copy(struct l2_elements *dst, const struct l2_elements *src);
void l2_elements_append(struct l2_elements *dst,
                        const struct l2_elements *src);
/* All append; before the list is used it must be put in order. */
void l2_elements_add(struct l2_elements *, enum l2_kind, const char *device,
                     const struct sg_mac *, const struct sg_prefix *);
void l2_elements_add_other(struct l2_elements *, const char *device,
                           uint32_t index);
void l2_elements_add_seen(struct l2_elements *, enum sg_family);
/* Both families are seen, or none; the list stays in order. */
void l2_elements_set_seen(struct l2_elements *, bool seen);
void l2_elements_add_one(struct l2_elements *, const struct l2_element *);
void l2_elements_order(struct l2_elements *);
bool l2_elements_equal(const struct l2_elements *,
                       const struct l2_elements *);
/* What must be added to and removed from 'actual' to make it 'wanted'; both
 * are in order, and so are the results, which must be empty. */
void l2_elements_diff(const struct l2_elements *actual,
                      const struct l2_elements *wanted,
                      struct l2_elements *add, struct l2_elements *del);
int l2_element_compare(const struct l2_element *, const struct l2_element *);

/* One a line: "pair tap1 52:54:00:00:00:01 10.0.0.1", "other tap2 7",
 * "seen IPv4". */
struct ds;
void l2_elements_format(const struct l2_elements *, struct ds *);

/* A device on a bridge, as the links say. */
struct l2_device {
    char name[SG_DEVICE_LEN];
    uint32_t index;
    bool ours;                  /* The bridge.  If not, only devices that are
                                 * called like taps or uplinks matter. */
    bool tap;                   /* Called like one. */
};

struct l2_input {
    const struct sg_policy *policy;
    const struct l2_device *devices;
    size_t n_devices;
    bool shut;                  /* Nothing else filters: close our bridges, in
                                 * both directions, but for those of ports
                                 * that are not to be filtered. */
};
/* The elements for this, in order; '*list' is empty before.  What the tables
 * see is not known here: none is SEEN. */
void l2_elements_render(const struct l2_input *, struct l2_elements *list);

#endif /* firewall/l2_elements.h */
