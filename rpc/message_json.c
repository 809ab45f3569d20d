/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "rpc/message_json.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "rpc/digest.h"
#include "util.h"
#include "uuid.h"

/* Problems kept of one message; one is enough to see what is wrong. */
#define MAX_PROBLEMS 64

static char *field_error(const struct msg_object *, int field, const char *)
    __attribute__((returns_nonnull));
static char *field_string(const struct msg_object *, int field,
                          const char **);
static void put_path(struct ds *, const struct msg_place *);
static char *check_shape(const char *text, size_t len,
                         const struct rpc_limits *);

/* Fills in 'object' with borrowed references to the members of 'json', which
 * must outlive it.  'place' is where the object stands, NULL if its errors
 * shall not say. */
char *
msg_object_init(struct msg_object *object, const struct msg_reader *reader,
                const struct msg_place *place, json_t *json,
                const char *const names[])
{
    const char *key;
    json_t *value;
    int hint = 0;

    if (!json_is_object(json)) {
        return msg_error(place, "not an object");
    }

    memset(object, 0, sizeof *object);
    object->reader = reader;
    object->place = place;
    object->names = names;
    json_object_foreach (json, key, value) {
        int i;

        /* Keys mostly come in the order of the list. */
        if (names[hint] && !strcmp(names[hint], key)) {
            i = hint;
        } else {
            for (i = 0; names[i] && strcmp(names[i], key); i++) {
                continue;
            }
        }
        if (!names[i]) {
            object->unknown = key;
            continue;
        }
        ovs_assert(i < MSG_MAX_FIELDS);
        object->values[i] = json_is_null(value) ? NULL : value;
        hint = i + 1;
    }
    return NULL;
}

/* Apart from msg_object_init(), because an object that turns out to be
 * malformed has one problem and not several.  'json' is what the object was
 * made from. */
void
msg_object_note_unknown(const struct msg_object *object, json_t *json)
{
    const char *key;
    json_t *value;

    if (!object->unknown) {
        return;
    }
    json_object_foreach (json, key, value) {
        int i;

        for (i = 0; object->names[i] && strcmp(object->names[i], key); i++) {
            continue;
        }
        if (!object->names[i]) {
            msg_problem(object->reader,
                        msg_error_value(object->place, key,
                                        "is not a known key: ignored"));
        }
    }
}

/* A string that we keep and show: printable ASCII, not empty, bounded. */
char *
msg_text(const struct msg_object *object, int field, const char **textp)
{
    const char *text;
    char *error = field_string(object, field, &text);

    if (error) {
        return error;
    }

    size_t len = json_string_length(object->values[field]);
    if (!len) {
        return field_error(object, field, "empty string");
    } else if (msg_beyond(object->reader->limits, RPC_LIMIT_STRING, len)) {
        return field_error(object, field, "string is too long");
    }
    for (size_t i = 0; i < len; i++) {
        if (text[i] < 0x20 || text[i] >= 0x7f) {
            return field_error(object, field,
                               "string has other characters than printable "
                               "ASCII");
        }
    }
    *textp = text;
    return NULL;
}

/* The same, as a copy that belongs to the caller. */
char *
msg_text_dup(const struct msg_object *object, int field, char **textp)
{
    const char *text;
    char *error = msg_text(object, field, &text);

    if (!error) {
        *textp = xstrdup(text);
    }
    return error;
}

char *
msg_short_text(const struct msg_object *object, int field, size_t max,
               char **textp)
{
    const char *text;
    char *error = msg_text(object, field, &text);

    if (!error && strlen(text) > max) {
        error = field_error(object, field, "string is too long");
    }
    if (!error) {
        *textp = xstrdup(text);
    }
    return error;
}

/* Each element is read as the only field of an object of its own. */
char *
msg_text_list(const struct msg_object *object, int field, size_t max_n,
              size_t max, char ***textsp, size_t *np)
{
    static const char *const names[] = { NULL };
    struct msg_place place = { object->place, object->names[field], 0 };
    json_t *array = object->values[field];
    char **texts = NULL;
    char *error = NULL;
    size_t n;

    if (!json_is_array(array)) {
        return field_error(object, field, "not a list");
    } else if (json_array_size(array) > max_n) {
        return field_error(object, field, "list is too long");
    }
    for (n = 0; n < json_array_size(array); n++) {
        struct msg_place at = { &place, NULL, n };
        struct msg_object element = {
            .reader = object->reader, .place = &at, .names = names,
            .values = { json_array_get(array, n) },
        };

        texts = msg_grow(texts, n, sizeof *texts);
        error = msg_short_text(&element, 0, max, &texts[n]);
        if (error) {
            sg_texts_free(texts, n);
            return error;
        }
    }
    *textsp = texts;
    *np = n;
    return NULL;
}

char *
msg_digest(const struct msg_object *object, int field, char **digestp)
{
    const char *text;
    char *error = field_string(object, field, &text);

    if (!error && !rpc_digest_ok(text)) {
        error = field_error(object, field, "not 40 lower-case hex digits");
    }
    if (!error) {
        *digestp = xstrdup(text);
    }
    return error;
}

/* The parsers below are strict enough to bound what they take. */
char *
msg_id(const struct msg_object *object, int field, struct uuid *id)
{
    const char *text;
    char *error = field_string(object, field, &text);

    if (!error && !sg_id_from_string(text, id)) {
        error = field_error(object, field, "not a UUID");
    }
    return error;
}

char *
msg_epoch(const struct msg_object *object, int field, struct sg_epoch *epoch)
{
    const char *text;
    char *error = field_string(object, field, &text);

    if (!error && !sg_epoch_from_string(text, epoch)) {
        error = field_error(object, field,
                            "not an epoch (<unix ms>-<8 hex digits>)");
    }
    return error;
}

char *
msg_kind(const struct msg_object *object, int field, enum sg_kind *kind)
{
    const char *text;
    char *error = field_string(object, field, &text);

    if (!error && !sg_kind_from_string(text, kind)) {
        error = field_error(object, field, "not port, rules or members");
    }
    return error;
}

/* An integer of 'min' or more.  A number with a fraction is none, even 5.0. */
char *
msg_int(const struct msg_object *object, int field, int64_t min,
        int64_t *valuep)
{
    if (!msg_has(object, field)) {
        return field_error(object, field, "missing");
    } else if (!json_is_integer(object->values[field])) {
        return field_error(object, field, "not an integer");
    }

    int64_t value = json_integer_value(object->values[field]);
    if (value < min) {
        return field_error(object, field, "number is too low");
    }
    *valuep = value;
    return NULL;
}

/* Optional: an absent boolean leaves '*valuep' at its default. */
char *
msg_bool(const struct msg_object *object, int field, bool *valuep)
{
    if (!msg_has(object, field)) {
        return NULL;
    } else if (!json_is_boolean(object->values[field])) {
        return field_error(object, field, "not true or false");
    }
    *valuep = json_is_true(object->values[field]);
    return NULL;
}

/* A list that is not longer than 'limit' says, checked before anything is
 * made of it.  The array is borrowed. */
char *
msg_array(const struct msg_object *object, int field, enum rpc_limit limit,
          json_t **arrayp)
{
    if (!msg_has(object, field)) {
        return field_error(object, field, "missing");
    } else if (!json_is_array(object->values[field])) {
        return field_error(object, field, "not a list");
    } else if (msg_beyond(object->reader->limits, limit,
                          json_array_size(object->values[field]))) {
        return field_error(object, field, "list is too long");
    }
    *arrayp = object->values[field];
    return NULL;
}

char *
msg_id_list(const struct msg_object *object, int field,
            enum rpc_limit limit, struct uuid **ids, size_t *n)
{
    struct msg_place place = { object->place, object->names[field], 0 };
    json_t *array, *value;
    size_t i;
    char *error = msg_array(object, field, limit, &array);

    if (error) {
        return error;
    }
    json_array_foreach (array, i, value) {
        struct msg_place at = { &place, NULL, i };
        struct uuid id;

        if (!json_is_string(value)
            || !sg_id_from_string(json_string_value(value), &id)) {
            return msg_error(&at, "not a UUID");
        }
        *ids = msg_grow(*ids, *n, sizeof **ids);
        (*ids)[(*n)++] = id;
    }
    return NULL;
}

/* With 'with_revision', a missing revision is an error; without, one that is
 * there is ignored and the result's is 0. */
char *
msg_ref(const struct msg_reader *reader, const struct msg_place *place,
        json_t *json, bool with_revision, struct sg_ref *refp)
{
    enum { KIND, ID, REVISION };
    static const char *const names[] = { "kind", "id", "revision", NULL };
    struct msg_object object;
    struct sg_ref ref = { .revision = 0 };
    char *error;

    error = msg_object_init(&object, reader, place, json, names);
    if (!error) {
        error = msg_kind(&object, KIND, &ref.kind);
    }
    if (!error) {
        error = msg_id(&object, ID, &ref.id);
    }
    if (!error && with_revision) {
        error = msg_int(&object, REVISION, 1, &ref.revision);
    }
    if (!error) {
        *refp = ref;
    }
    return error;
}

char *
msg_error(const struct msg_place *place, const char *format, ...)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    va_list args;

    if (place) {
        put_path(&ds, place);
        ds_put_cstr(&ds, ": ");
    }
    va_start(args, format);
    ds_put_format_valist(&ds, format, args);
    va_end(args);
    return ds_steal_cstr(&ds);
}

char *
msg_error_value(const struct msg_place *place, const char *value,
                const char *text)
{
    char *quoted = rpc_quote(value, strlen(value));
    char *error = msg_error(place, "\"%s\" %s", quoted, text);

    free(quoted);
    return error;
}

bool
msg_beyond(const struct rpc_limits *limits, enum rpc_limit limit, size_t n)
{
    bool beyond = n > rpc_limit_value(limits, limit);

    if (beyond && limits->refused) {
        limits->refused[limit]++;
    }
    return beyond;
}

/* 'place' begins at the object that owns the list. */
void
msg_refuse(struct sg_refusal **refused, size_t *n,
           const struct msg_place *place, const char *reason)
{
    struct ds path = DS_EMPTY_INITIALIZER;

    put_path(&path, place);
    sg_refusal_add(refused, n, ds_cstr(&path), reason);
    ds_destroy(&path);
}

void
msg_problem(const struct msg_reader *reader, char *problem)
{
    if (reader->problems && *reader->n_problems < MAX_PROBLEMS) {
        /* The path is what the sentence begins with; no key of ours has a
         * colon and unknown keys come after it. */
        char *colon = strstr(problem, ": ");
        ovs_assert(colon);
        *colon = '\0';
        sg_refusal_add(reader->problems, reader->n_problems,
                       problem, colon + 2);
    }
    free(problem);
}

/* The first to see bytes from outside.  The result belongs to the caller. */
char *
msg_parse(const char *text, size_t len, const struct rpc_limits *limits,
          json_t **jsonp)
{
    json_error_t details;
    json_t *json;
    char *error;

    if (msg_beyond(limits, RPC_LIMIT_BODY, len)) {
        return xasprintf("body of %"PRIuSIZE" bytes is above the limit of "
                         "%"PRIuSIZE, len, limits->body);
    }
    error = check_shape(text, len, limits);
    if (error) {
        return error;
    }

    /* Refuses invalid UTF-8, raw control characters, "\u0000" and integers
     * beyond 64 bits by itself. */
    json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &details);
    if (!json) {
        /* jansson's text quotes from the input. */
        char *quoted = rpc_quote(details.text, strlen(details.text));
        error = xasprintf("not JSON: line %d column %d: %s",
                                details.line, details.column, quoted);

        free(quoted);
        return error;
    }
    *jsonp = json;
    return NULL;
}

/* Returns the array, perhaps moved.  No capacity has to be kept: at a power of
 * two the array is full. */
void *
msg_grow(void *array, size_t n, size_t element_size)
{
    if (n & (n - 1)) {
        return array;
    }
    return xrealloc(array, (n ? n * 2 : 1) * element_size);
}

static char *
field_error(const struct msg_object *object, int field, const char *text)
{
    struct msg_place place = { object->place, object->names[field], 0 };

    return msg_error(&place, "%s", text);
}

static char *
field_string(const struct msg_object *object, int field, const char **textp)
{
    if (!msg_has(object, field)) {
        return field_error(object, field, "missing");
    } else if (!json_is_string(object->values[field])) {
        return field_error(object, field, "not a string");
    }
    *textp = json_string_value(object->values[field]);
    return NULL;
}

/* Our own recursion depth is the depth of the protocol's types. */
static void
put_path(struct ds *ds, const struct msg_place *place)
{
    if (place->up) {
        put_path(ds, place->up);
    }
    if (!place->key) {
        ds_put_format(ds, "[%"PRIuSIZE"]", place->index);
    } else {
        ds_put_format(ds, "%s%s", place->up ? "." : "", place->key);
    }
}

/* How many values a text of 'len' bytes may have.  The densest honest text has
 * ten bytes for each: addresses in a list of members.  jansson takes up to 130
 * for a value, so that this also bounds what it takes for a byte. */
static size_t
max_values(size_t len, const struct rpc_limits *limits)
{
    return MIN(limits->values, len / 8 + 1024);
}

/* How many keys its objects may have together: each is looked for among those
 * of its object, which takes longer than to read it.  The densest honest text
 * has 21 bytes for each: the entries of a beacon. */
static size_t
max_keys(size_t len)
{
    return len / 20 + 1024;
}

/* Keys that an object may have in any case; beyond it as many as a beacon may
 * name objects. */
#define SOME_KEYS 1000

/* Depths at which keys are counted; a limit beyond it does without. */
#define COUNTED_DEPTH 128

/* Looks at nesting and at the number of values before memory is taken for
 * them.  jansson has a limit for the first, 2,048 levels of recursion: far
 * more than any message of ours needs.  What stands in strings does not
 * count.  A list or an object counts twice, because it takes more. */
static char *
check_shape(const char *text, size_t len, const struct rpc_limits *limits)
{
    size_t most = max_values(len, limits);
    bool in_string = false;
    size_t values = 1;
    size_t most_of_one = MAX(limits->objects, SOME_KEYS);
    size_t keys_at[COUNTED_DEPTH] = { 0 };      /* Of the open objects. */
    size_t keys = 0;
    size_t depth = 0;

    for (size_t i = 0; i < len; i++) {
        char c = text[i];

        if (in_string) {
            if (c == '\\') {
                i++;
            } else if (c == '"') {
                in_string = false;
            }
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            values += 2;
            if (++depth > limits->depth
                && msg_beyond(limits, RPC_LIMIT_DEPTH, depth)) {
                return xasprintf("JSON is nested deeper than %"PRIuSIZE
                                 " levels", limits->depth);
            }
            keys_at[MIN(depth, COUNTED_DEPTH - 1)] = 0;
        } else if (c == ',') {
            values++;
        } else if (c == ':') {
            size_t *n = &keys_at[MIN(depth, COUNTED_DEPTH - 1)];

            keys++;
            if (++*n > most_of_one) {
                if (limits->refused) {
                    limits->refused[RPC_LIMIT_VALUES]++;
                }
                return xasprintf("JSON has an object of more than %"PRIuSIZE
                                 " keys", most_of_one);
            }
        } else if ((c == ']' || c == '}') && depth) {
            depth--;
        }
    }
    if (values > most) {
        if (limits->refused) {
            limits->refused[RPC_LIMIT_VALUES]++;
        }
        return xasprintf("JSON has more than %"PRIuSIZE" values in "
                         "%"PRIuSIZE" bytes", most, len);
    }
    if (keys > max_keys(len)) {
        if (limits->refused) {
            limits->refused[RPC_LIMIT_VALUES]++;
        }
        return xasprintf("JSON has more than %"PRIuSIZE" keys in "
                         "%"PRIuSIZE" bytes", max_keys(len), len);
    }
    return NULL;
}
