/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef FIREWALL_L2GUARD_L2_KEY_H
#define FIREWALL_L2GUARD_L2_KEY_H 1

/* Elements as the kernel's sets hold them.  Pure.
 *
 * A key is fields one after the other, each filled up with zeros to a multiple
 * of four bytes; an EtherType is a key of its own.  The MAC address stands in
 * others twice: as the source of the frame, and as what the frame says inside
 * (ARP, neighbour discovery) that the sender has.  Only one that says the
 * truth is found. */

#include "firewall/l2_elements.h"

/* The sets: name, whether their elements are ranges, and which fields their
 * keys have. */
#define L2_SETS                                     \
    L2_SET(SEEN, "seen", false, TYPE)               \
    L2_SET(OTHER, "other", false, INDEX)            \
    L2_SET(SHUT, "shut", false, DEVICE)             \
    L2_SET(FREE, "free", false, DEVICE)             \
    L2_SET(MACS, "macs", false, MACS)               \
    L2_SET(PAIR4, "pair4", false, ADDRESS4)         \
    L2_SET(PAIR6, "pair6", false, ADDRESS6)         \
    L2_SET(NET4, "net4", true, ADDRESS4)            \
    L2_SET(NET6, "net6", true, ADDRESS6)
enum l2_set {
#define L2_SET(ENUM, NAME, RANGES, FIELDS) L2_SET_##ENUM,
    L2_SETS
#undef L2_SET
};
#define L2_SET(ENUM, NAME, RANGES, FIELDS) + 1
enum { L2_N_SETS = 0 L2_SETS };
#undef L2_SET

#define L2_MAX_FIELDS 4
#define L2_MAX_KEY (SG_DEVICE_LEN + 8 + 8 + 16)

struct l2_set_form {
    const char *name;
    bool ranges;
    size_t n_fields;
    uint8_t field_len[L2_MAX_FIELDS];   /* Without what fills up. */
    size_t key_len;
};
const struct l2_set_form *l2_set_form(enum l2_set);
bool l2_set_from_name(const char *, enum l2_set *) SG_MUST_USE;

/* Which set an element is in. */
enum l2_set l2_element_set(const struct l2_element *);

struct l2_key {
    uint8_t first[L2_MAX_KEY];
    uint8_t last[L2_MAX_KEY];   /* Of a set of ranges; else as 'first'. */
};
void l2_key_encode(const struct l2_element *, struct l2_key *);
/* False if no element of ours has this key in this set. */
bool l2_key_decode(enum l2_set, const struct l2_key *,
                   struct l2_element *) SG_MUST_USE;

#endif /* firewall/l2guard/l2_key.h */
