/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* A member list on the wire: a delta, or the whole list.
 *
 * One member that cannot be read makes the list malformed as a whole: the
 * group keeps what it has. */

#include <config.h>
#include "rpc/message_json.h"

#include <inttypes.h>
#include <string.h>

#include "util.h"

/* Longest text of an address, with the final NUL (INET6_ADDRSTRLEN). */
#define ADDRESS_STRLEN 46

enum {
    MEMBERS_GROUP, MEMBERS_REVISION, MEMBERS_PREV, MEMBERS_ADDED,
    MEMBERS_REMOVED, MEMBERS_MEMBERS,
};
static const char *const members_names[] = {
    [MEMBERS_GROUP] = "group",
    [MEMBERS_REVISION] = "revision",
    [MEMBERS_PREV] = "prev",
    [MEMBERS_ADDED] = "added",
    [MEMBERS_REMOVED] = "removed",
    [MEMBERS_MEMBERS] = "members",
    NULL,
};

static char *read_members(const struct msg_object *,
                          struct sg_members_spec *);
static char *read_delta(const struct msg_object *, struct sg_members_spec *);
static char *read_member_array(const struct msg_object *, int field,
                               struct sg_prefix_list *);
static char *read_whole_array(const struct msg_object *, int field,
                              struct sg_prefix_list *);
static const char *parse_range(const char *text, struct sg_prefix *first,
                               uint64_t *length);
static uint64_t range_length(const struct sg_prefix *first,
                             const struct sg_prefix *last);
static void next_address(struct sg_prefix *);
static bool lists_intersect(struct sg_prefix_list *, struct sg_prefix_list *);

/* On success the caller owns what '*membersp' points to.  A whole list may
 * name a member twice; it is a set for whoever takes it. */
char *
msg_members(const struct msg_reader *reader, const struct msg_place *place,
            json_t *json, struct sg_members_spec *membersp)
{
    struct sg_members_spec members;
    struct msg_object object;
    char *error;

    error = msg_object_init(&object, reader, place, json, members_names);
    if (error) {
        return error;
    }
    memset(&members, 0, sizeof members);
    error = read_members(&object, &members);
    if (error) {
        sg_members_spec_uninit(&members);
        return error;
    }
    msg_object_note_unknown(&object, json);
    *membersp = members;
    return NULL;
}

static char *
read_members(const struct msg_object *object, struct sg_members_spec *members)
{
    char *error = msg_id(object, MEMBERS_GROUP, &members->group);

    if (!error) {
        error = msg_int(object, MEMBERS_REVISION, 1, &members->revision);
    }
    if (error) {
        return error;
    }

    members->whole = msg_has(object, MEMBERS_MEMBERS);
    if (!members->whole) {
        return read_delta(object, members);
    } else if (msg_has(object, MEMBERS_PREV)
               || msg_has(object, MEMBERS_ADDED)
               || msg_has(object, MEMBERS_REMOVED)) {
        return msg_error(object->place, "both a whole list and a delta");
    }
    return read_whole_array(object, MEMBERS_MEMBERS, &members->added);
}

/* A side that is absent is empty: in a delta, absence takes nothing away. */
static char *
read_delta(const struct msg_object *object, struct sg_members_spec *members)
{
    char *error = msg_int(object, MEMBERS_PREV, 0, &members->prev);

    if (!error && members->prev >= members->revision) {
        error = msg_error(object->place, "prev is not below revision");
    }
    if (!error && !msg_has(object, MEMBERS_ADDED)
        && !msg_has(object, MEMBERS_REMOVED)) {
        error = msg_error(object->place,
                          "neither members nor added or removed");
    }
    if (!error) {
        error = read_member_array(object, MEMBERS_ADDED, &members->added);
    }
    if (!error) {
        error = read_member_array(object, MEMBERS_REMOVED, &members->removed);
    }
    /* Which of the two came last?  Nobody can say. */
    if (!error && lists_intersect(&members->added, &members->removed)) {
        error = msg_error(object->place,
                          "a member is both added and removed");
    }
    return error;
}

/* One side of a delta: addresses and prefixes. */
static char *
read_member_array(const struct msg_object *object, int field,
                  struct sg_prefix_list *list)
{
    struct msg_place place = { object->place, members_names[field], 0 };
    json_t *array, *value;
    size_t i;
    char *error;

    if (!msg_has(object, field)) {
        return NULL;
    }
    error = msg_array(object, field, object->reader->limits->members, &array);
    if (error) {
        return error;
    }
    json_array_foreach (array, i, value) {
        struct msg_place at = { &place, NULL, i };
        const char *text = json_string_value(value);
        struct sg_prefix p;

        if (!text) {
            return msg_error(&at, "not a string");
        } else if (!sg_prefix_from_string(text, &p)) {
            return msg_error_value(&at, text, "is not an address or a prefix");
        }
        sg_prefix_list_add(list, &p);
    }
    return NULL;
}

/* A whole list: addresses, prefixes and ranges of addresses.  What a range
 * stands for counts against the limit before any of it is stored. */
static char *
read_whole_array(const struct msg_object *object, int field,
                 struct sg_prefix_list *list)
{
    struct msg_place place = { object->place, members_names[field], 0 };
    size_t limit = object->reader->limits->members;
    json_t *array, *value;
    size_t i;
    char *error = msg_array(object, field, limit, &array);

    if (error) {
        return error;
    }
    json_array_foreach (array, i, value) {
        struct msg_place at = { &place, NULL, i };
        const char *text = json_string_value(value);
        uint64_t length = 1;
        struct sg_prefix p;

        if (!text) {
            return msg_error(&at, "not a string");
        } else if (!sg_prefix_from_string(text, &p)) {
            const char *reason = parse_range(text, &p, &length);

            if (reason) {
                return msg_error_value(&at, text, reason);
            }
        }
        if (length > limit - list->n) {
            return msg_error(&at, "more than %"PRIuSIZE" members", limit);
        }
        /* Counted down so that the last address is not incremented: it may be
         * the highest there is. */
        for (;;) {
            sg_prefix_list_add(list, &p);
            if (!--length) {
                break;
            }
            next_address(&p);
        }
    }
    return NULL;
}

/* "FIRST-LAST", two addresses of one family.  Returns NULL or a reason. */
static const char *
parse_range(const char *text, struct sg_prefix *first, uint64_t *length)
{
    const char *dash = strchr(text, '-');
    char copy[ADDRESS_STRLEN];
    struct sg_prefix a, b;

    if (!dash || (size_t) (dash - text) >= sizeof copy) {
        return "is not an address, a prefix or a range";
    }
    memcpy(copy, text, dash - text);
    copy[dash - text] = '\0';
    if (!sg_address_from_string(copy, &a)
        || !sg_address_from_string(dash + 1, &b)) {
        return "is not an address, a prefix or a range";
    } else if (a.family != b.family || sg_prefix_compare(&a, &b) > 0) {
        return "is not a range from a lower to a higher address";
    }
    *first = a;
    *length = range_length(&a, &b);
    return NULL;
}

/* How many addresses from 'first' to 'last', both included; UINT64_MAX stands
 * for all that is too much to count. */
static uint64_t
range_length(const struct sg_prefix *first, const struct sg_prefix *last)
{
    size_t n_bytes = sg_family_bits(first->family) / 8;
    uint64_t difference = 0;

    /* Subtracts from the high end: what the leading bytes differ by counts
     * 256 times in the next place.  Never below zero, as last >= first. */
    for (size_t i = 0; i < n_bytes; i++) {
        if (difference > UINT32_MAX) {
            return UINT64_MAX;
        }
        difference = (difference << 8) + last->addr[i] - first->addr[i];
    }
    return difference + 1;
}

/* Adds one, in network byte order. */
static void
next_address(struct sg_prefix *p)
{
    for (size_t i = sg_family_bits(p->family) / 8; i-- > 0; ) {
        if (++p->addr[i]) {
            break;
        }
    }
}

/* Sorts both lists if it must look. */
static bool
lists_intersect(struct sg_prefix_list *a, struct sg_prefix_list *b)
{
    if (!a->n || !b->n) {
        return false;
    }
    sg_prefix_list_sort(a);
    sg_prefix_list_sort(b);
    for (size_t i = 0, j = 0; i < a->n && j < b->n; ) {
        int cmp = sg_prefix_compare(&a->p[i], &b->p[j]);

        if (!cmp) {
            return true;
        } else if (cmp < 0) {
            i++;
        } else {
            j++;
        }
    }
    return false;
}
