/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "rpc/address_range.h"

#include <stdio.h>
#include <string.h>

#include "util.h"

/* Longest text of an address, with the final NUL (INET6_ADDRSTRLEN). */
#define ADDRESS_STRLEN 46

const char *
address_range_from_string(const char *text, struct address_range *range)
{
    const char *dash = strchr(text, '-');
    char copy[ADDRESS_STRLEN];
    struct sg_prefix first, last;

    if (!dash || (size_t) (dash - text) >= sizeof copy) {
        return "is not an address, a prefix or a range";
    }
    memcpy(copy, text, dash - text);
    copy[dash - text] = '\0';
    if (!sg_address_from_string(copy, &first)
        || !sg_address_from_string(dash + 1, &last)) {
        return "is not an address, a prefix or a range";
    } else if (first.family != last.family
               || sg_prefix_compare(&first, &last) > 0) {
        return "is not a range from a lower to a higher address";
    }
    range->first = first;
    range->last = last;
    return NULL;
}

char *
address_range_format(const struct address_range *range,
                     char buf[ADDRESS_RANGE_STRLEN])
{
    sg_prefix_format(&range->first, buf);
    if (!sg_prefix_equals(&range->first, &range->last)) {
        size_t len = strlen(buf);

        buf[len] = '-';
        sg_prefix_format(&range->last, &buf[len + 1]);
    }
    return buf;
}

uint64_t
address_range_length(const struct address_range *range)
{
    size_t n_bytes = sg_family_bits(range->first.family) / 8;
    uint64_t difference = 0;

    /* Subtracts from the high end: what the leading bytes differ by counts
     * 256 times in the next place.  Never below zero, as last >= first. */
    for (size_t i = 0; i < n_bytes; i++) {
        if (difference > UINT32_MAX) {
            return UINT64_MAX;
        }
        difference = ((difference << 8)
                      + range->last.addr[i] - range->first.addr[i]);
    }
    return difference + 1;
}

size_t
address_range_of_run(const struct sg_prefix *p, size_t n,
                     struct address_range *range)
{
    struct sg_prefix next = p[0];
    size_t i = 1;

    address_next(&next);
    range->first = range->last = p[0];
    for (; i < n; i++) {
        if (sg_prefix_equals(&p[i], &range->last)) {
            continue;
        } else if (!sg_prefix_is_host(&p[0])
                   || !sg_prefix_equals(&p[i], &next)) {
            break;
        }
        range->last = next;
        address_next(&next);
    }
    return i;
}

void
address_next(struct sg_prefix *p)
{
    for (size_t i = sg_family_bits(p->family) / 8; i-- > 0; ) {
        if (++p->addr[i]) {
            break;
        }
    }
}
