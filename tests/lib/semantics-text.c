/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The texts that stand in objects: addresses, MACs, protocols. */

#include "tests/lib/semantics.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool
read_digits(const char *text, int max, int *valuep)
{
    size_t len = strspn(text, "0123456789");

    if (!len || len > 3 || text[len] || (len > 1 && text[0] == '0')) {
        return false;
    }
    *valuep = atoi(text);
    return *valuep <= max;
}

static bool
read_address(const char *text, enum semantics_family *family,
             uint8_t address[16])
{
    /* Ours: an IPv4 address in the clothes of IPv6 is none. */
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

    memset(address, 0, 16);
    if (inet_pton(AF_INET, text, address) == 1) {
        *family = SEMANTICS_IPV4;
    } else if (inet_pton(AF_INET6, text, address) == 1
               && memcmp(address, mapped, sizeof mapped)) {
        *family = SEMANTICS_IPV6;
    } else {
        return false;
    }
    return true;
}

static bool
read_prefix(const char *text, const char *slash, struct semantics_range *r)
{
    char copy[INET6_ADDRSTRLEN];
    int n_bits, n_bytes;

    if ((size_t) (slash - text) >= sizeof copy) {
        return false;
    }
    memcpy(copy, text, slash - text);
    copy[slash - text] = '\0';
    if (!read_address(copy, &r->family, r->first)) {
        return false;
    }
    n_bytes = r->family == SEMANTICS_IPV4 ? 4 : 16;
    if (!read_digits(slash + 1, 8 * n_bytes, &n_bits)) {
        return false;
    }

    memcpy(r->last, r->first, sizeof r->last);
    for (int i = n_bits; i < 8 * n_bytes; i++) {
        r->first[i / 8] &= ~(0x80 >> i % 8);
        r->last[i / 8] |= 0x80 >> i % 8;
    }
    return true;
}

bool
semantics_range_read(const char *text, bool ranges, struct semantics_range *r)
{
    const char *slash = strchr(text, '/');
    const char *dash = strchr(text, '-');
    char copy[INET6_ADDRSTRLEN];
    enum semantics_family family;

    memset(r, 0, sizeof *r);
    if (slash) {
        return read_prefix(text, slash, r);
    }
    if (!dash) {
        if (!read_address(text, &r->family, r->first)) {
            return false;
        }
        memcpy(r->last, r->first, sizeof r->last);
        return true;
    }
    if (!ranges || (size_t) (dash - text) >= sizeof copy) {
        return false;
    }
    memcpy(copy, text, dash - text);
    copy[dash - text] = '\0';
    return read_address(copy, &r->family, r->first)
           && read_address(dash + 1, &family, r->last)
           && r->family == family
           && memcmp(r->first, r->last, sizeof r->first) <= 0;
}

bool
semantics_in_range(const struct semantics_range *r,
                   enum semantics_family family, const uint8_t *address)
{
    size_t size = family == SEMANTICS_IPV4 ? 4 : 16;

    return r->family == family && memcmp(r->first, address, size) <= 0
           && memcmp(address, r->last, size) <= 0;
}

/* aa:bb:cc:dd:ee:ff, aa-bb-cc-dd-ee-ff or aabb.ccdd.eeff. */
bool
semantics_mac_read(const char *text, struct semantics_mac *mac)
{
    const char *form = (strchr(text, '.') ? "xxxx.xxxx.xxxx"
                        : strchr(text, '-') ? "xx-xx-xx-xx-xx-xx"
                        : "xx:xx:xx:xx:xx:xx");
    static const char digits[] = "0123456789abcdef";
    int n = 0;

    memset(mac, 0, sizeof *mac);
    if (strlen(text) != strlen(form)) {
        return false;
    }
    for (int i = 0; text[i]; i++) {
        if (form[i] != 'x') {
            if (text[i] != form[i]) {
                return false;
            }
            continue;
        }

        const char *digit = strchr(digits, tolower((unsigned char) text[i]));
        if (!digit) {
            return false;
        }
        mac->byte[n / 2] = mac->byte[n / 2] << 4 | (digit - digits);
        n++;
    }
    return true;
}

bool
semantics_has_ports(int protocol)
{
    return protocol == 6 || protocol == 17 || protocol == 33
           || protocol == 132 || protocol == 136;
}

/* The API's list of names.  "any" and the number 0 are all protocols; ours:
 * so is "ip", and no name stands for the real protocol 0. */
int
semantics_protocol_number(const char *text)
{
    static const struct {
        const char *name;
        int number;
    } names[] = {
        { "any", SEMANTICS_ANY_PROTOCOL }, { "ip", SEMANTICS_ANY_PROTOCOL },
        { "ah", 51 },
        { "dccp", 33 }, { "egp", 8 }, { "esp", 50 }, { "gre", 47 },
        { "icmp", 1 }, { "icmpv6", 58 }, { "igmp", 2 }, { "ipip", 4 },
        { "ipv6-encap", 41 }, { "ipv6-frag", 44 }, { "ipv6-icmp", 58 },
        { "ipv6-nonxt", 59 }, { "ipv6-opts", 60 }, { "ipv6-route", 43 },
        { "ospf", 89 }, { "pgm", 113 }, { "rsvp", 46 }, { "sctp", 132 },
        { "tcp", 6 }, { "udp", 17 }, { "udplite", 136 }, { "vrrp", 112 },
    };
    int number;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!strcasecmp(text, names[i].name)) {
            return names[i].number;
        }
    }
    if (!read_digits(text, 255, &number)) {
        return SEMANTICS_NO_PROTOCOL;
    }
    return number ? number : SEMANTICS_ANY_PROTOCOL;
}
