/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef SG_TYPES_H
#define SG_TYPES_H 1

/* The vocabulary of sg-agent.
 *
 * Small values that every directory speaks in: address family, direction,
 * prefix, MAC address, port range, object identity, epoch.  They have no
 * owner and no destructor; copy them freely.  A value is always canonical:
 * the host bits of a prefix are zero, the unused bytes of an IPv4 address are
 * zero, so two values are equal exactly if memcmp() says so.
 *
 * The functions that turn text into these values (and back) are the only ones
 * in the project that do: nothing else parses an address, a MAC or an id.
 * They are strict: no leading or trailing blanks, no octal, no shorthand
 * ("10.0.0/8"), no embedded NUL.
 *
 * An object id is a `struct uuid` of libopenvswitch; it prints in lower case
 * with UUID_FMT / UUID_ARGS. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "openvswitch/uuid.h"

#define SG_MUST_USE __attribute__((warn_unused_result))

/* Families.  The order is used for array indexes. */
enum sg_family {
    SG_IPV4,
    SG_IPV6,
};
#define SG_N_FAMILIES 2

/* Direction as seen from the instance. */
enum sg_direction {
    SG_INGRESS,                 /* To the instance. */
    SG_EGRESS,                  /* From the instance. */
};
#define SG_N_DIRECTIONS 2

const char *sg_family_name(enum sg_family);        /* "IPv4", "IPv6" */
const char *sg_direction_name(enum sg_direction);  /* "ingress", "egress" */

/* An address or a prefix.  IPv4 occupies addr[0..3].  Zero the whole struct
 * before filling it by hand: it is hashed and compared as bytes. */
struct sg_prefix {
    uint8_t addr[16];           /* Network byte order. */
    uint8_t family;             /* enum sg_family. */
    uint8_t plen;               /* 0..32 or 0..128. */
};

struct sg_mac {
    uint8_t ea[6];
};

static inline uint8_t
sg_family_bits(uint8_t family)
{
    return family == SG_IPV4 ? 32 : 128;
}

/* True if 'p' is a single address (a /32 or a /128). */
static inline bool
sg_prefix_is_host(const struct sg_prefix *p)
{
    return p->plen == sg_family_bits(p->family);
}

/* Largest texts the print functions make, with the final NUL. */
#define SG_PREFIX_STRLEN 50
#define SG_MAC_STRLEN 18
#define SG_EPOCH_STRLEN 32

/* "192.0.2.1", "192.0.2.0/24", "2001:db8::/64".  Host bits are masked away.
 * An IPv4-mapped IPv6 address, a zone ("%eth0") and an unknown form are
 * refused.  On failure '*p' is untouched. */
bool sg_prefix_from_string(const char *, struct sg_prefix *p) SG_MUST_USE;

/* The same, for a text that must be a single address. */
bool sg_address_from_string(const char *, struct sg_prefix *p) SG_MUST_USE;

/* Writes "ADDR" for a single address, "ADDR/LEN" otherwise.  Returns buf. */
char *sg_prefix_format(const struct sg_prefix *, char buf[SG_PREFIX_STRLEN]);

uint32_t sg_prefix_hash(const struct sg_prefix *);
int sg_prefix_compare(const struct sg_prefix *, const struct sg_prefix *);
static inline bool sg_prefix_equals(const struct sg_prefix *,
                                    const struct sg_prefix *);
/* Does 'outer' contain every address of 'inner'? */
bool sg_prefix_contains(const struct sg_prefix *outer,
                        const struct sg_prefix *inner);
/* Multicast, broadcast, loopback, unspecified (as a single address),
 * IPv4-mapped: nothing an instance may own.  Returns NULL if usable, else a
 * static reason. */
const char *sg_prefix_unusable(const struct sg_prefix *);

/* "52:54:00:12:34:56", any letter case, also '-' as separator and Cisco's
 * "5254.0012.3456".  Prints in lower case with colons. */
bool sg_mac_from_string(const char *, struct sg_mac *) SG_MUST_USE;
char *sg_mac_format(const struct sg_mac *, char buf[SG_MAC_STRLEN]);
static inline bool
sg_mac_is_multicast(const struct sg_mac *m)
{
    return m->ea[0] & 1;
}
/* The link-local address that RFC 4291 appendix A derives from a MAC. */
void sg_mac_link_local(const struct sg_mac *, struct sg_prefix *);

/* Canonical 8-4-4-4-12 text in either letter case; nothing else, and not the
 * all-zero id. */
bool sg_id_from_string(const char *, struct uuid *) SG_MUST_USE;
/* All 128 bits count: uuid_hash() of libopenvswitch looks at the first 32,
 * which ids made by hand or by a script often share. */
uint32_t sg_id_hash(const struct uuid *);

/* The life of one controller: "<unix ms at start>-<8 hex>".  The later wins;
 * 'tag' breaks a tie so that the order is total.  All zero: none yet. */
struct sg_epoch {
    int64_t ms;
    uint32_t tag;
};
bool sg_epoch_from_string(const char *, struct sg_epoch *) SG_MUST_USE;
char *sg_epoch_format(const struct sg_epoch *, char buf[SG_EPOCH_STRLEN]);
int sg_epoch_compare(const struct sg_epoch *, const struct sg_epoch *);

/* What revisions are counted for.  A security group is two objects: its rule
 * list and its member list travel, change and are needed apart. */
#define SG_KINDS                                \
    SG_KIND(PORT, "port")                       \
    SG_KIND(RULES, "rules")                     \
    SG_KIND(MEMBERS, "members")
enum sg_kind {
#define SG_KIND(ENUM, NAME) SG_KIND_##ENUM,
    SG_KINDS
#undef SG_KIND
};
#define SG_N_KINDS 3
const char *sg_kind_name(enum sg_kind);
bool sg_kind_from_string(const char *, enum sg_kind *) SG_MUST_USE;

/* An object at a revision; 'revision' 0 means "none". */
struct sg_ref {
    enum sg_kind kind;
    struct uuid id;
    int64_t revision;
};
/* First 8 bytes, big-endian, of SHA-1("<kind>:<uuid>"): what a beacon shows
 * instead of the id, so that no host learns ids it does not use. */
uint64_t sg_ref_hash(enum sg_kind, const struct uuid *);
/* For a table of objects of several kinds. */
uint32_t sg_object_hash(enum sg_kind, const struct uuid *);

static inline bool
sg_prefix_equals(const struct sg_prefix *a, const struct sg_prefix *b)
{
    return !__builtin_memcmp(a, b, sizeof *a);
}

#endif /* sg/types.h */
