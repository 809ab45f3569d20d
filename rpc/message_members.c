/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* A member list on the wire: a delta, or the whole list.
 *
 * One member that cannot be read makes the list malformed as a whole: the
 * group keeps what it has. */

#include <config.h>
#include "rpc/message_json.h"

#include <inttypes.h>
#include "rpc/address_range.h"
#include "util.h"

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
    error = msg_array(object, field, RPC_LIMIT_MEMBERS, &array);
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
    const struct msg_reader *reader = object->reader;
    size_t limit = reader->limits->members;
    json_t *array, *value;
    size_t i;
    char *error = msg_array(object, field, RPC_LIMIT_MEMBERS, &array);

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
            struct address_range range;
            const char *reason = address_range_from_string(text, &range);

            if (reason) {
                return msg_error_value(&at, text, reason);
            }
            p = range.first;
            length = address_range_length(&range);
        }
        /* What is longer than the limit need not be counted further. */
        length = MIN(length, (uint64_t) limit + 1);
        if (msg_beyond(reader->limits, RPC_LIMIT_MEMBERS, list->n + length)) {
            return msg_error(&at, "more than %"PRIuSIZE" members", limit);
        } else if (reader->n_members) {
            if (msg_beyond(reader->limits, RPC_LIMIT_SET_ENTRIES,
                           *reader->n_members + length)) {
                return msg_error(&at, "more than %"PRIuSIZE" members in one "
                                 "message", reader->limits->set_entries);
            }
            *reader->n_members += length;
        }
        /* Counted down so that the last address is not incremented: it may be
         * the highest there is. */
        for (;;) {
            sg_prefix_list_add(list, &p);
            if (!--length) {
                break;
            }
            address_next(&p);
        }
    }
    return NULL;
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
