/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "sg/types.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "hash.h"
#include "sha1.h"
#include "util.h"
#include "uuid.h"

/* Longest prefix length, "128". */
#define PLEN_DIGITS 3

/* Hex digits after the '-' of an epoch. */
#define EPOCH_TAG_DIGITS 8

/* sg_prefix_equals() and sg_prefix_hash() look at all bytes. */
BUILD_ASSERT_DECL(sizeof(struct sg_prefix) == 18);
BUILD_ASSERT_DECL(SG_PREFIX_STRLEN >= INET6_ADDRSTRLEN + 1 + PLEN_DIGITS);

static bool parse_address(const char *text, size_t len, struct sg_prefix *);
static bool parse_plen(const char *, uint8_t max, uint8_t *plen);
static void mask_host_bits(struct sg_prefix *);
static bool is_v4_mapped(const struct sg_prefix *);
static int hex_pair(const char *);

const char *
sg_family_name(enum sg_family family)
{
    switch (family) {
    case SG_IPV4:
        return "IPv4";
    case SG_IPV6:
        return "IPv6";
    }
    OVS_NOT_REACHED();
}

const char *
sg_direction_name(enum sg_direction direction)
{
    switch (direction) {
    case SG_INGRESS:
        return "ingress";
    case SG_EGRESS:
        return "egress";
    }
    OVS_NOT_REACHED();
}

/* A prefix without a length is a single address.  Users type "198.51.100.7/24"
 * and mean the network, so host bits are cleared and not refused. */
bool
sg_prefix_from_string(const char *text, struct sg_prefix *p)
{
    const char *slash = strchr(text, '/');
    struct sg_prefix tmp;

    if (!slash) {
        return sg_address_from_string(text, p);
    }
    if (!parse_address(text, slash - text, &tmp)
        || !parse_plen(slash + 1, sg_family_bits(tmp.family), &tmp.plen)) {
        return false;
    }
    mask_host_bits(&tmp);
    *p = tmp;
    return true;
}

bool
sg_address_from_string(const char *text, struct sg_prefix *p)
{
    struct sg_prefix tmp;

    /* "10.0.0.1/32" is a prefix that happens to be an address. */
    if (!parse_address(text, strlen(text), &tmp)) {
        return false;
    }
    *p = tmp;
    return true;
}

/* The shortest text, as RFC 5952 has it for IPv6 (inet_ntop() does). */
char *
sg_prefix_format(const struct sg_prefix *p, char buf[SG_PREFIX_STRLEN])
{
    int af = p->family == SG_IPV4 ? AF_INET : AF_INET6;

    inet_ntop(af, p->addr, buf, SG_PREFIX_STRLEN);
    if (!sg_prefix_is_host(p)) {
        size_t n = strlen(buf);

        snprintf(buf + n, SG_PREFIX_STRLEN - n, "/%u", p->plen);
    }
    return buf;
}

uint32_t
sg_prefix_hash(const struct sg_prefix *p)
{
    return hash_bytes(p, sizeof *p, 0);
}

/* Orders by family, then address, then length: a listing has IPv4 first and a
 * prefix right before what it contains. */
int
sg_prefix_compare(const struct sg_prefix *a, const struct sg_prefix *b)
{
    if (a->family != b->family) {
        return a->family < b->family ? -1 : 1;
    }

    int cmp = memcmp(a->addr, b->addr, sizeof a->addr);
    if (cmp) {
        return cmp;
    }
    return a->plen < b->plen ? -1 : a->plen > b->plen;
}

bool
sg_prefix_contains(const struct sg_prefix *outer,
                   const struct sg_prefix *inner)
{
    if (outer->family != inner->family || outer->plen > inner->plen) {
        return false;
    }

    struct sg_prefix cut = *inner;
    cut.plen = outer->plen;
    mask_host_bits(&cut);
    return sg_prefix_equals(&cut, outer);
}

const char *
sg_prefix_unusable(const struct sg_prefix *p)
{
    /* A prefix that merely contains one of these is usable: 0.0.0.0/0 is an
     * honest address pair. */
    static const struct {
        struct sg_prefix range;
        const char *reason;
    } ranges[] = {
        { { { 224 }, SG_IPV4, 4 }, "multicast address" },
        { { { 127 }, SG_IPV4, 8 }, "loopback address" },
        { { { 0 }, SG_IPV4, 32 }, "unspecified address" },
        { { { 255, 255, 255, 255 }, SG_IPV4, 32 }, "broadcast address" },
        { { { 0xff }, SG_IPV6, 8 }, "multicast address" },
        { { { [15] = 1 }, SG_IPV6, 128 }, "loopback address" },
        { { { 0 }, SG_IPV6, 128 }, "unspecified address" },
        { { { [10] = 0xff, [11] = 0xff }, SG_IPV6, 96 },
          "IPv4-mapped address" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
        if (sg_prefix_contains(&ranges[i].range, p)) {
            return ranges[i].reason;
        }
    }
    return NULL;
}

/* The form is told from the length and the third character; then the text must
 * keep to it. */
bool
sg_mac_from_string(const char *text, struct sg_mac *mac)
{
    /* "5254.0012.3456" has a dot after each second byte. */
    bool cisco = strlen(text) == 14;
    char separator = cisco ? '.' : text[0] && text[1] ? text[2] : '\0';
    struct sg_mac tmp;

    if (!cisco && separator != ':' && separator != '-') {
        return false;
    }
    for (size_t i = 0; i < sizeof tmp.ea; i++) {
        if (i && (!cisco || i % 2 == 0) && *text++ != separator) {
            return false;
        }

        int byte = hex_pair(text);
        if (byte < 0) {
            return false;
        }
        tmp.ea[i] = byte;
        text += 2;
    }
    if (*text) {
        return false;
    }
    *mac = tmp;
    return true;
}

char *
sg_mac_format(const struct sg_mac *mac, char buf[SG_MAC_STRLEN])
{
    snprintf(buf, SG_MAC_STRLEN, "%02x:%02x:%02x:%02x:%02x:%02x",
             mac->ea[0], mac->ea[1], mac->ea[2],
             mac->ea[3], mac->ea[4], mac->ea[5]);
    return buf;
}

void
sg_mac_link_local(const struct sg_mac *mac, struct sg_prefix *p)
{
    *p = (struct sg_prefix) {
        /* Modified EUI-64: the universal/local bit is inverted. */
        .addr = { 0xfe, 0x80, 0, 0, 0, 0, 0, 0,
                  mac->ea[0] ^ 2, mac->ea[1], mac->ea[2], 0xff,
                  0xfe, mac->ea[3], mac->ea[4], mac->ea[5] },
        .family = SG_IPV6,
        .plen = 128,
    };
}

/* The all-zero UUID stands for "none" in our structs, so nobody may be called
 * that. */
bool
sg_id_from_string(const char *text, struct uuid *id)
{
    struct uuid tmp;

    /* uuid_from_string() zeroes its argument on failure; ours does not. */
    if (!uuid_from_string(&tmp, text) || uuid_is_zero(&tmp)) {
        return false;
    }
    *id = tmp;
    return true;
}

/* The tag is in lower case, the time without leading zeros, so that two texts
 * are the same epoch exactly if they are the same bytes. */
bool
sg_epoch_from_string(const char *text, struct sg_epoch *epoch)
{
    struct sg_epoch tmp = { 0, 0 };

    if (*text == '0') {
        return false;
    }
    for (; *text >= '0' && *text <= '9'; text++) {
        if (__builtin_mul_overflow(tmp.ms, 10, &tmp.ms)
            || __builtin_add_overflow(tmp.ms, *text - '0', &tmp.ms)) {
            return false;
        }
    }
    /* A text without digits ends here as well: its time would be 0. */
    if (!tmp.ms || *text++ != '-'
        || strspn(text, "0123456789abcdef") != EPOCH_TAG_DIGITS
        || text[EPOCH_TAG_DIGITS]) {
        return false;
    }
    for (; *text; text++) {
        tmp.tag = tmp.tag << 4 | hexit_value(*text);
    }
    *epoch = tmp;
    return true;
}

char *
sg_epoch_format(const struct sg_epoch *epoch, char buf[SG_EPOCH_STRLEN])
{
    snprintf(buf, SG_EPOCH_STRLEN, "%"PRId64"-%08"PRIx32,
             epoch->ms, epoch->tag);
    return buf;
}

int
sg_epoch_compare(const struct sg_epoch *a, const struct sg_epoch *b)
{
    if (a->ms != b->ms) {
        return a->ms < b->ms ? -1 : 1;
    }
    return a->tag < b->tag ? -1 : a->tag > b->tag;
}

const char *
sg_kind_name(enum sg_kind kind)
{
    switch (kind) {
#define SG_KIND(ENUM, NAME) case SG_KIND_##ENUM: return NAME;
    SG_KINDS
#undef SG_KIND
    }
    OVS_NOT_REACHED();
}

bool
sg_kind_from_string(const char *text, enum sg_kind *kind)
{
#define SG_KIND(ENUM, NAME)             \
    if (!strcmp(text, NAME)) {          \
        *kind = SG_KIND_##ENUM;         \
        return true;                    \
    }
    SG_KINDS
#undef SG_KIND
    return false;
}

uint32_t
sg_id_hash(const struct uuid *id)
{
    return hash_words(id->parts, ARRAY_SIZE(id->parts), 0);
}

uint32_t
sg_object_hash(enum sg_kind kind, const struct uuid *id)
{
    return hash_words(id->parts, ARRAY_SIZE(id->parts), kind);
}

uint64_t
sg_ref_hash(enum sg_kind kind, const struct uuid *id)
{
    uint8_t digest[SHA1_DIGEST_SIZE];
    char text[16 + UUID_LEN + 1];       /* The longest kind has 7 letters. */
    uint64_t hash = 0;
    int n;

    n = snprintf(text, sizeof text, "%s:"UUID_FMT,
                 sg_kind_name(kind), UUID_ARGS(id));
    sha1_bytes(text, n, digest);
    for (int i = 0; i < 8; i++) {
        hash = hash << 8 | digest[i];
    }
    return hash;
}

/* Parses the 'len' bytes at 'text' as one address of either family. */
static bool
parse_address(const char *text, size_t len, struct sg_prefix *p)
{
    char copy[INET6_ADDRSTRLEN];

    if (len >= sizeof copy) {
        return false;
    }
    memcpy(copy, text, len);
    copy[len] = '\0';

    /* inet_pton() is as strict as we want to be: four decimal numbers without
     * leading zeros for IPv4, no zone for IPv6. */
    memset(p, 0, sizeof *p);
    p->family = memchr(copy, ':', len) ? SG_IPV6 : SG_IPV4;
    p->plen = sg_family_bits(p->family);
    return (inet_pton(p->family == SG_IPV4 ? AF_INET : AF_INET6,
                      copy, p->addr) == 1
            && !is_v4_mapped(p));
}

/* Decimal, without sign, blanks or leading zeros, up to 'max'. */
static bool
parse_plen(const char *text, uint8_t max, uint8_t *plen)
{
    size_t len = strspn(text, "0123456789");
    unsigned int value = 0;

    if (!len || len > PLEN_DIGITS || text[len] || (*text == '0' && len > 1)) {
        return false;
    }
    for (; *text; text++) {
        value = value * 10 + (*text - '0');
    }
    if (value > max) {
        return false;
    }
    *plen = value;
    return true;
}

/* Makes the prefix canonical.  For IPv4 the unused bytes are cleared as well,
 * if they were not. */
static void
mask_host_bits(struct sg_prefix *p)
{
    size_t byte = p->plen / 8;

    if (byte < sizeof p->addr) {
        p->addr[byte] &= 0xff00 >> p->plen % 8;
        memset(&p->addr[byte + 1], 0, sizeof p->addr - byte - 1);
    }
}

/* ::ffff:0:0/96: the kernel would see another family than the text says. */
static bool
is_v4_mapped(const struct sg_prefix *p)
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

    return (p->family == SG_IPV6
            && !memcmp(p->addr, mapped, sizeof mapped));
}

/* Returns the value of the two hex digits at 's', or -1.  Never looks beyond
 * a NUL. */
static int
hex_pair(const char *s)
{
    int high = hexit_value(s[0]);
    int low = high < 0 ? -1 : hexit_value(s[1]);

    return low < 0 ? -1 : high << 4 | low;
}
