/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef IPTABLES_IPT_CODEC_H
#define IPTABLES_IPT_CODEC_H 1

/* A rule as a value <-> a rule as the bytes of a kernel table entry.  Pure.
 *
 * An entry is a header (addresses, interfaces, protocol), any number of
 * matches and one target, each aligned to 8 bytes.  What the codec makes is
 * canonical: matches always in the order physdev, conntrack, connmark, mac,
 * set, ports or ICMP, comment; one way to write each of them, the one that the
 * iptables command has for the same text.
 *
 * Decoding understands exactly what encoding makes, in the form in which the
 * kernel hands it out again: it takes the entry apart, encodes the result and
 * compares.  Whatever is not equal byte for byte is FW_M_FOREIGN.  So a rule
 * that was read and is written back means the same, or cannot be written.
 *
 * The kernel keeps the index of a set, not its name; the two callbacks
 * translate.  They must be cheap: decoding a table calls 'set_name' once per
 * rule with a set.
 *
 * Entries are passed as bytes, so that nobody else needs the kernel's
 * structures. */

#include "firewall/ruleset.h"

struct ipt_codec {
    enum sg_family family;
    /* The set 'name' must exist and hold addresses of the family: a rule with
     * a set of the other family is accepted by the kernel and never matches.
     * ENOENT, EINVAL or another errno. */
    int (*set_index)(void *aux, const char *name, enum sg_family,
                     uint16_t *index);
    int (*set_name)(void *aux, uint16_t index, char name[FW_SET_LEN]);
    void *aux;
};

/* The largest entry: IPv6, every match, the larger of the targets. */
#define IPT_ENTRY_MAX 1200

struct ipt_entry_buf {
    uint64_t words[IPT_ENTRY_MAX / sizeof(uint64_t)];
    size_t size;                /* Bytes used. */
};

int ipt_encode(const struct ipt_codec *, const struct fw_rule *,
               struct ipt_entry_buf *) SG_MUST_USE;
void ipt_decode(const struct ipt_codec *, const void *entry, size_t size,
                const char *target, struct fw_rule *);

#endif /* ipt_codec.h */
