/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "firewall/l2guard/l2_key.h"

#include <netinet/in.h>
#include <net/ethernet.h>
#include <string.h>

#include "util.h"

/* Where the fields of a key begin. */
#define DEVICE_AT 0
#define INDEX_AT SG_DEVICE_LEN
#define SOURCE_AT SG_DEVICE_LEN
#define CLAIM_AT (SOURCE_AT + 8)
#define ADDRESS_AT (CLAIM_AT + 8)
#define MAC_LEN sizeof(struct sg_mac)
#define TYPE_LEN 2

BUILD_ASSERT_DECL(ADDRESS_AT + 16 == L2_MAX_KEY);

#define FIELDS_TYPE 1, { TYPE_LEN }, TYPE_LEN
#define FIELDS_DEVICE 1, { SG_DEVICE_LEN }, SOURCE_AT
#define FIELDS_INDEX 2, { SG_DEVICE_LEN, 4 }, INDEX_AT + 4
#define FIELDS_MACS 3, { SG_DEVICE_LEN, MAC_LEN, MAC_LEN }, ADDRESS_AT
#define FIELDS_ADDRESS4 \
    4, { SG_DEVICE_LEN, MAC_LEN, MAC_LEN, 4 }, ADDRESS_AT + 4
#define FIELDS_ADDRESS6 \
    4, { SG_DEVICE_LEN, MAC_LEN, MAC_LEN, 16 }, ADDRESS_AT + 16

static const struct l2_set_form forms[] = {
#define L2_SET(ENUM, NAME, RANGES, FIELDS) { NAME, RANGES, FIELDS_##FIELDS },
    L2_SETS
#undef L2_SET
};

const struct l2_set_form *
l2_set_form(enum l2_set set)
{
    return &forms[set];
}

bool
l2_set_from_name(const char *name, enum l2_set *set)
{
    for (size_t i = 0; i < L2_N_SETS; i++) {
        if (!strcmp(forms[i].name, name)) {
            *set = i;
            return true;
        }
    }
    return false;
}

enum l2_set
l2_element_set(const struct l2_element *e)
{
    bool host = sg_prefix_is_host(&e->prefix);

    switch ((enum l2_kind) e->kind) {
    case L2_SEEN:
        return L2_SET_SEEN;
    case L2_OTHER:
        return L2_SET_OTHER;
    case L2_SHUT:
        return L2_SET_SHUT;
    case L2_FREE:
        return L2_SET_FREE;
    case L2_MAC:
        return L2_SET_MACS;
    case L2_PAIR:
        return (e->prefix.family == SG_IPV4
                ? (host ? L2_SET_PAIR4 : L2_SET_NET4)
                : (host ? L2_SET_PAIR6 : L2_SET_NET6));
    }
    OVS_NOT_REACHED();
}

/* The last address of a prefix. */
static void
last_address(const struct sg_prefix *prefix, uint8_t *address)
{
    size_t bits = sg_family_bits(prefix->family);

    memcpy(address, prefix->addr, bits / 8);
    for (size_t bit = prefix->plen; bit < bits; bit++) {
        address[bit / 8] |= 0x80 >> bit % 8;
    }
}

/* The EtherType of a family's packets, the only field of its key. */
static void
encode_type(enum sg_family family, struct l2_key *key)
{
    uint16_t type = htons(family == SG_IPV4 ? ETHERTYPE_IP : ETHERTYPE_IPV6);

    memcpy(key->first, &type, TYPE_LEN);
    memcpy(key->last, &type, TYPE_LEN);
}

static bool
decode_type(const struct l2_key *key, struct l2_element *e)
{
    struct l2_key again;

    e->kind = L2_SEEN;
    for (int f = 0; f < SG_N_FAMILIES; f++) {
        memset(&again, 0, sizeof again);
        encode_type((enum sg_family) f, &again);
        e->prefix.family = f;
        if (!memcmp(&again, key, sizeof again)) {
            return true;
        }
    }
    return false;
}

void
l2_key_encode(const struct l2_element *e, struct l2_key *key)
{
    size_t bits = sg_family_bits(e->prefix.family);

    memset(key, 0, sizeof *key);
    if (e->kind == L2_SEEN) {
        encode_type(e->prefix.family, key);
        return;
    }
    memcpy(key->first + DEVICE_AT, e->device, SG_DEVICE_LEN);
    if (e->kind == L2_OTHER) {
        memcpy(key->first + INDEX_AT, e->index, sizeof e->index);
    } else {
        memcpy(key->first + SOURCE_AT, &e->mac, MAC_LEN);
        memcpy(key->first + CLAIM_AT, &e->mac, MAC_LEN);
    }
    memcpy(key->first + ADDRESS_AT, e->prefix.addr, bits / 8);
    memcpy(key->last, key->first, sizeof key->last);
    if (e->kind == L2_PAIR) {
        last_address(&e->prefix, key->last + ADDRESS_AT);
    }
}

bool
l2_key_decode(enum l2_set set, const struct l2_key *key,
              struct l2_element *e)
{
    const struct l2_set_form *form = &forms[set];
    const uint8_t *first = key->first, *last = key->last;
    struct l2_key again;
    uint8_t bits;

    memset(e, 0, sizeof *e);
    if (set == L2_SET_SEEN) {
        return decode_type(key, e);
    }
    memcpy(e->device, first + DEVICE_AT, SG_DEVICE_LEN - 1);
    e->kind = (set == L2_SET_OTHER ? L2_OTHER
               : set == L2_SET_SHUT ? L2_SHUT
               : set == L2_SET_FREE ? L2_FREE
               : set == L2_SET_MACS ? L2_MAC : L2_PAIR);
    if (e->kind == L2_OTHER) {
        memcpy(e->index, first + INDEX_AT, sizeof e->index);
    } else if (form->n_fields > 1) {
        memcpy(&e->mac, first + SOURCE_AT, MAC_LEN);
    }
    if (e->kind == L2_PAIR) {
        e->prefix.family = (set == L2_SET_PAIR4 || set == L2_SET_NET4
                            ? SG_IPV4 : SG_IPV6);
        bits = sg_family_bits(e->prefix.family);
        memcpy(e->prefix.addr, first + ADDRESS_AT, bits / 8);
        /* As long as the two ends agree. */
        while (e->prefix.plen < bits
               && !((first[ADDRESS_AT + e->prefix.plen / 8]
                     ^ last[ADDRESS_AT + e->prefix.plen / 8])
                    & (0x80 >> e->prefix.plen % 8))) {
            e->prefix.plen++;
        }
    }

    /* Whatever is not exactly what we would write. */
    l2_key_encode(e, &again);
    return (e->device[0] && l2_element_set(e) == set
            && !memcmp(again.first, first, form->key_len)
            && !memcmp(again.last, last, form->key_len));
}
