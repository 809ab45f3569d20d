/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The arguments of each method, and the answer to `sync`.
 *
 * A message about one object is refused if that object is malformed.  In a
 * list of objects a malformed one is named in 'bad' and hurts none of the
 * others. */

#include <config.h>
#include "rpc/message_json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

/* Every set of arguments begins with these; 'FIRST' is where the method's own
 * begin.  In the order in which the encoder writes them. */
enum { ARG_EPOCH, ARG_SENT, ARG_ACK, ARG_FIRST, ARG_SECOND, ARG_THIRD };
/* The answer to `sync` has no `ack` and more of its own. */
enum { ANSWER_OBJECTS = ARG_FIRST, ANSWER_SAME, ANSWER_WANT_HAVE, ANSWER_PAGE,
       ANSWER_NEXT, ANSWER_DIGEST, ANSWER_DUPLICATE_HOST };

#define COMMON "epoch", "sent", "ack"
static const char *const arg_names[][11] = {
    [SG_METHOD_PORTS_UPDATED] = { COMMON, "ports", "objects" },
    [SG_METHOD_PORTS_DELETED] = { COMMON, "ports" },
    [SG_METHOD_RESYNC] = { COMMON, "objects" },
    [SG_METHOD_DUPLICATE_HOST] = { COMMON, "boots" },
    [SG_METHOD_RULES_UPDATED] = { COMMON, "rules", "objects" },
    [SG_METHOD_MEMBERS_CHANGED] = { COMMON, "members" },
    [SG_METHOD_GROUP_DELETED] = { COMMON, "group", "revision" },
    [SG_METHOD_BEACON] = { COMMON, "seq", "changed", "more" },
    /* As a request this one is the controller's; here stands its answer. */
    [SG_METHOD_SYNC] = { COMMON, "objects", "same", "want_have", "page",
                         "next", "digest", "duplicate_host" },
    [SG_METHOD_REPORT] = { NULL },
};
#undef COMMON

static char *read_update(json_t *, const struct msg_place *,
                         const struct rpc_limits *, enum sg_method,
                         struct sg_update *);
static char *read_common(const struct msg_object *, struct sg_update *);
static char *read_args(const struct msg_object *, struct sg_update *);
static char *read_ports(const struct msg_object *, struct sg_update *);
static char *read_ports_deleted(const struct msg_object *,
                                struct sg_update *);
static char *read_resync(const struct msg_object *, struct sg_update *);
static char *read_duplicate_host(const struct msg_object *,
                                 struct sg_update *);
static char *read_rules(const struct msg_object *, struct sg_update *);
static char *read_members(const struct msg_object *, struct sg_update *);
static char *read_group_deleted(const struct msg_object *,
                                struct sg_update *);
static char *read_beacon(const struct msg_object *, struct sg_update *);
static char *read_entry(const struct msg_place *, const char *key, json_t *,
                        struct sg_beacon_entry *);
static void add_ref(struct sg_ref **, size_t *n, const struct sg_ref *);
static void add_bad(const struct msg_object *, struct sg_update *,
                    enum sg_kind, json_t *id, char *error);

static char *read_inline(const struct msg_object *, struct sg_update *);
static char *read_answer(const struct msg_object *, struct sg_update *);
static void read_answer_object(const struct msg_object *, json_t *, size_t,
                               struct sg_update *);
static char *read_answer_body(const struct msg_reader *,
                              const struct msg_place *, enum sg_kind,
                              json_t *, struct sg_update *);
static char *read_answer_absence(const struct msg_object *, enum sg_kind,
                                 struct sg_update *);
static char *read_part(const struct msg_object *, struct sg_update *);
static json_t *answer_id(const struct msg_object *, enum sg_kind);

/* Decodes the arguments of a cast or fanout to an agent.  Returns NULL and
 * fills in '*update', which the caller then uninitialises, or returns an
 * error and leaves '*update' alone.  What was left out or ignored on the way
 * is in the update, at the object or in 'problems'. */
char *
rpc_update_from_request(const struct rpc_message *message,
                        const struct rpc_limits *limits,
                        struct sg_update *update)
{
    static const struct msg_place place = { NULL, "args", 0 };
    enum sg_method method;

    if (message->type != RPC_REQUEST) {
        return xstrdup("not a request");
    } else if (!sg_method_from_string(message->method, &method)
               || method == SG_METHOD_SYNC || method == SG_METHOD_REPORT) {
        char *quoted = rpc_quote(message->method, strlen(message->method));
        char *error = xasprintf("method \"%s\" is not served", quoted);

        free(quoted);
        return error;
    } else if (!rpc_message_served(message)) {
        return xasprintf("%s: only version "RPC_VERSION" in the null "
                         "namespace is served", sg_method_name(method));
    }

    return read_update(message->args, &place, limits, method, update);
}

/* Decodes the answer to `sync` from a reply without failure, in the same way.
 */
char *
rpc_update_from_reply(const struct rpc_message *message,
                      const struct rpc_limits *limits,
                      struct sg_update *update)
{
    static const struct msg_place place = { NULL, "result", 0 };

    if (message->type != RPC_REPLY) {
        return xstrdup("not a reply");
    }
    return read_update(message->result, &place, limits, SG_METHOD_SYNC,
                       update);
}

/* The same for a file that holds just the answer, such as saved policy. */
char *
rpc_update_from_text(const char *text, size_t len,
                     const struct rpc_limits *limits,
                     struct sg_update *update)
{
    static const struct msg_place place = { NULL, "answer", 0 };
    json_t *json;
    char *error = msg_parse(text, len, limits, &json);

    if (error) {
        return error;
    }
    error = read_update(json, &place, limits, SG_METHOD_SYNC, update);
    json_decref(json);
    return error;
}

/* The reader points into the update that is being made, so that what is left
 * out on any level ends up in its 'problems'. */
static char *
read_update(json_t *json, const struct msg_place *place,
            const struct rpc_limits *limits, enum sg_method method,
            struct sg_update *updatep)
{
    struct sg_update update;
    size_t n_members = 0;
    const struct msg_reader reader = {
        limits, &update.problems, &update.n_problems, &n_members,
    };
    struct msg_object object;
    char *error;

    /* 'update' moves to the caller only when it is complete. */
    sg_update_init(&update, method);
    error = msg_object_init(&object, &reader, place, json,
                            arg_names[method]);
    if (!error) {
        error = read_common(&object, &update);
    }
    if (!error) {
        error = read_args(&object, &update);
    }
    if (error) {
        sg_update_uninit(&update);
        return error;
    }
    msg_object_note_unknown(&object, json);
    *updatep = update;
    return NULL;
}

/* Every message belongs to an epoch: without it, revisions mean nothing.
 * 'sent' serves to measure and may be missing. */
static char *
read_common(const struct msg_object *object, struct sg_update *update)
{
    char *error = msg_epoch(object, ARG_EPOCH, &update->epoch);

    if (!error && msg_has(object, ARG_SENT)) {
        error = msg_int(object, ARG_SENT, 0, &update->sent);
    }
    if (!error && msg_has(object, ARG_ACK)) {
        error = msg_short_text(object, ARG_ACK, RPC_MAX_ACK, &update->ack);
    }
    return error;
}

/* What the method has of its own. */
static char *
read_args(const struct msg_object *object, struct sg_update *update)
{
    switch (update->method) {
    case SG_METHOD_PORTS_UPDATED:
        return read_ports(object, update);
    case SG_METHOD_PORTS_DELETED:
        return read_ports_deleted(object, update);
    case SG_METHOD_RESYNC:
        return read_resync(object, update);
    case SG_METHOD_DUPLICATE_HOST:
        return read_duplicate_host(object, update);
    case SG_METHOD_RULES_UPDATED:
        return read_rules(object, update);
    case SG_METHOD_MEMBERS_CHANGED:
        return read_members(object, update);
    case SG_METHOD_GROUP_DELETED:
        return read_group_deleted(object, update);
    case SG_METHOD_BEACON:
        return read_beacon(object, update);
    case SG_METHOD_SYNC:
        return read_answer(object, update);
    case SG_METHOD_REPORT:
        break;
    }
    OVS_NOT_REACHED();
}

/* A list of whole ports.  Another host's trouble must not become ours, so one
 * that is malformed is named and the rest taken. */
static char *
read_ports(const struct msg_object *object, struct sg_update *update)
{
    struct msg_place place = { object->place, "ports", 0 };
    json_t *array, *value;
    size_t i;
    char *error = msg_array(object, ARG_FIRST, RPC_LIMIT_OBJECTS, &array);

    if (error) {
        return error;
    }
    json_array_foreach (array, i, value) {
        struct msg_place at = { &place, NULL, i };
        struct sg_port_spec port;

        error = msg_port(object->reader, &at, value, &port);
        if (error) {
            add_bad(object, update, SG_KIND_PORT,
                    json_object_get(value, "id"), error);
            continue;
        }
        update->ports = msg_grow(update->ports, update->n_ports,
                                 sizeof *update->ports);
        update->ports[update->n_ports++] = port;
    }
    return read_inline(object, update);
}

/* Bodies that come along, so that nobody need ask for them.  Whatever is wrong
 * with them costs only that question. */
static char *
read_inline(const struct msg_object *object, struct sg_update *update)
{
    json_t *array, *value;
    size_t i;
    char *error;

    if (!msg_has(object, ARG_SECOND)) {
        return NULL;
    }
    error = msg_array(object, ARG_SECOND, RPC_LIMIT_OBJECTS, &array);
    if (error) {
        return error;
    }
    json_array_foreach (array, i, value) {
        read_answer_object(object, value, i, update);
    }
    return NULL;
}

/* A deletion without a revision is not taken: it could be older than what we
 * have, and it takes something away. */
static char *
read_ports_deleted(const struct msg_object *object, struct sg_update *update)
{
    enum { ID, REVISION };
    static const char *const names[] = { "id", "revision", NULL };
    struct msg_place place = { object->place, "ports", 0 };
    json_t *array, *value;
    size_t i;
    char *error = msg_array(object, ARG_FIRST, RPC_LIMIT_OBJECTS, &array);

    if (error) {
        return error;
    }
    json_array_foreach (array, i, value) {
        struct msg_place at = { &place, NULL, i };
        struct sg_ref ref = { .kind = SG_KIND_PORT };
        struct msg_object entry;

        error = msg_object_init(&entry, object->reader, &at, value, names);
        if (!error) {
            error = msg_id(&entry, ID, &ref.id);
        }
        if (!error) {
            error = msg_int(&entry, REVISION, 1, &ref.revision);
        }
        if (error) {
            add_bad(object, update, SG_KIND_PORT,
                    json_object_get(value, "id"), error);
            continue;
        }
        msg_object_note_unknown(&entry, value);
        add_ref(&update->deleted, &update->n_deleted, &ref);
    }
    return NULL;
}

/* One bad reference refuses the whole: who asks to be asked again about
 * something unreadable will find that out by the missing question. */
static char *
read_resync(const struct msg_object *object, struct sg_update *update)
{
    struct msg_place place = { object->place, "objects", 0 };
    json_t *array, *value;
    size_t i;

    if (!msg_has(object, ARG_FIRST)) {
        return NULL;
    }
    char *error = msg_array(object, ARG_FIRST, RPC_LIMIT_OBJECTS, &array);
    if (error) {
        return error;
    } else if (!json_array_size(array)) {
        /* Everything and nothing must not look alike. */
        return msg_error(&place, "empty list; leave it out to mean "
                         "everything");
    }
    json_array_foreach (array, i, value) {
        struct msg_place at = { &place, NULL, i };
        struct sg_ref ref;

        error = msg_ref(object->reader, &at, value, false, &ref);
        if (error) {
            return error;
        }
        add_ref(&update->refs, &update->n_refs, &ref);
    }
    return NULL;
}

static char *
read_duplicate_host(const struct msg_object *object, struct sg_update *update)
{
    if (!msg_has(object, ARG_FIRST)) {
        return msg_error(object->place, "boots: missing");
    }
    return msg_text_list(object, ARG_FIRST, RPC_MAX_BOOTS, RPC_MAX_BOOT,
                         &update->boots, &update->n_boots);
}

/* The one rule list of a fanout. */
static char *
read_rules(const struct msg_object *object, struct sg_update *update)
{
    struct msg_place place = { object->place, "rules", 0 };
    char *error = read_answer_body(object->reader, &place, SG_KIND_RULES,
                                   object->values[ARG_FIRST], update);

    return error ? error : read_inline(object, update);
}

/* The one member list of a fanout: here, unlike in an answer, it is usually a
 * delta. */
static char *
read_members(const struct msg_object *object, struct sg_update *update)
{
    struct msg_place place = { object->place, "members", 0 };
    struct sg_members_spec members;
    char *error = msg_members(object->reader, &place,
                              object->values[ARG_FIRST], &members);

    if (!error) {
        update->members = xmemdup(&members, sizeof members);
        update->n_members = 1;
    }
    return error;
}

/* A group is two objects, and each of its two exchanges carries the word for
 * both; the policy store takes what it has. */
static char *
read_group_deleted(const struct msg_object *object, struct sg_update *update)
{
    struct sg_ref ref = { .kind = SG_KIND_RULES };
    char *error = msg_id(object, ARG_FIRST, &ref.id);

    if (!error) {
        error = msg_int(object, ARG_SECOND, 1, &ref.revision);
    }
    if (!error) {
        add_ref(&update->deleted, &update->n_deleted, &ref);
        ref.kind = SG_KIND_MEMBERS;
        add_ref(&update->deleted, &update->n_deleted, &ref);
    }
    return error;
}

/* A beacon is all or nothing: it only makes agents ask, and the next one comes
 * in two seconds. */
static char *
read_beacon(const struct msg_object *object, struct sg_update *update)
{
    struct msg_place place = { object->place, "changed", 0 };
    json_t *changed = object->values[ARG_SECOND];
    const char *key;
    json_t *value;
    char *error = msg_int(object, ARG_FIRST, 0, &update->seq);

    if (!error) {
        error = msg_bool(object, ARG_THIRD, &update->more);
    }
    if (error) {
        return error;
    } else if (!json_is_object(changed)) {
        return msg_error(&place, "not an object");
    } else if (msg_beyond(object->reader->limits, RPC_LIMIT_OBJECTS,
                          json_object_size(changed))) {
        return msg_error(&place, "too many entries");
    }

    json_object_foreach (changed, key, value) {
        struct sg_beacon_entry entry;

        error = read_entry(&place, key, value, &entry);
        if (error) {
            return error;
        }
        update->entries = msg_grow(update->entries, update->n_entries,
                                   sizeof *update->entries);
        update->entries[update->n_entries++] = entry;
    }
    return NULL;
}

/* "<16 hex digits>": revision */
static char *
read_entry(const struct msg_place *place, const char *key, json_t *value,
           struct sg_beacon_entry *entry)
{
    uint64_t hash = 0;

    if (strlen(key) != 16 || strspn(key, "0123456789abcdef") != 16) {
        return msg_error_value(place, key, "is not 16 lower-case hex digits");
    } else if (!json_is_integer(value) || json_integer_value(value) < 1) {
        return msg_error_value(place, key, "has no revision");
    }
    for (; *key; key++) {
        hash = hash << 4 | hexit_value(*key);
    }
    entry->hash = hash;
    entry->revision = json_integer_value(value);
    return NULL;
}

/* ## The answer to `sync` ## */

enum {
    OBJECT_KIND, OBJECT_ID, OBJECT_DELETED, OBJECT_UNKNOWN, OBJECT_REVISION,
    OBJECT_PORT, OBJECT_RULES, OBJECT_MEMBERS, OBJECT_PART, OBJECT_PARTS,
};
static const char *const object_names[] = {
    [OBJECT_KIND] = "kind",
    [OBJECT_ID] = "id",
    [OBJECT_DELETED] = "deleted",
    [OBJECT_UNKNOWN] = "unknown",
    [OBJECT_REVISION] = "revision",
    /* In the order of enum sg_kind. */
    [OBJECT_PORT] = "port",
    [OBJECT_RULES] = "rules",
    [OBJECT_MEMBERS] = "members",
    [OBJECT_PART] = "part",
    [OBJECT_PARTS] = "parts",
    NULL,
};

/* The envelope of the answer must be right; its objects stand each for itself.
 */
static char *
read_answer(const struct msg_object *object, struct sg_update *update)
{
    json_t *array, *value;
    size_t i;
    char *error = msg_array(object, ANSWER_OBJECTS, RPC_LIMIT_OBJECTS,
                            &array);

    if (!error) {
        error = msg_bool(object, ANSWER_SAME, &update->same);
    }
    if (!error) {
        error = msg_bool(object, ANSWER_WANT_HAVE, &update->want_have);
    }
    if (!error && msg_has(object, ANSWER_PAGE)) {
        error = msg_int(object, ANSWER_PAGE, 1, &update->page);
    }
    if (!error && msg_has(object, ANSWER_NEXT)) {
        error = msg_text_dup(object, ANSWER_NEXT, &update->next);
    }
    if (!error && msg_has(object, ANSWER_DIGEST)) {
        error = msg_digest(object, ANSWER_DIGEST, &update->digest);
    }
    if (!error) {
        error = msg_bool(object, ANSWER_DUPLICATE_HOST,
                         &update->duplicate_host);
    }
    if (error) {
        return error;
    }
    json_array_foreach (array, i, value) {
        read_answer_object(object, value, i, update);
    }
    return NULL;
}

/* One element of 'objects': adds it to the array of 'update' that it belongs
 * to; if it is malformed, to 'bad'. */
static void
read_answer_object(const struct msg_object *parent, json_t *json, size_t i,
                   struct sg_update *update)
{
    struct msg_place list = { parent->place, "objects", 0 };
    struct msg_place place = { &list, NULL, i };
    struct msg_object object;
    enum sg_kind kind;
    char *error;

    error = msg_object_init(&object, parent->reader, &place, json,
                            object_names);
    if (!error) {
        error = msg_kind(&object, OBJECT_KIND, &kind);
    }
    if (error) {
        /* Nobody can tell which object this was. */
        msg_problem(parent->reader, error);
        return;
    }

    /* The body stands under the name of the kind: an object cannot pass for
     * one of another kind. */
    int n_bodies = (msg_has(&object, OBJECT_PORT)
                    + msg_has(&object, OBJECT_RULES)
                    + msg_has(&object, OBJECT_MEMBERS));
    bool inlined = update->method != SG_METHOD_SYNC;
    if (n_bodies != msg_has(&object, OBJECT_PORT + kind)) {
        error = msg_error(&place, "the body is not of this kind");
    } else if (inlined && (!n_bodies || kind == SG_KIND_PORT)) {
        error = msg_error(&place, "not a body of rules or members");
    } else if (!n_bodies) {
        error = read_answer_absence(&object, kind, update);
    } else if (msg_has(&object, OBJECT_DELETED)
               || msg_has(&object, OBJECT_UNKNOWN)) {
        error = msg_error(&place, "both a body and its absence");
    } else {
        struct msg_place body = { &place, object_names[OBJECT_PORT + kind],
                                  0 };

        error = read_answer_body(parent->reader, &body, kind,
                                 object.values[OBJECT_PORT + kind], update);
        if (!error && (msg_has(&object, OBJECT_PART)
                       || msg_has(&object, OBJECT_PARTS))) {
            error = read_part(&object, update);
        }
    }
    if (error) {
        add_bad(parent, update, kind, answer_id(&object, kind), error);
    } else {
        msg_object_note_unknown(&object, json);
    }
}

/* Reads the object itself and adds it to the array of its kind. */
static char *
read_answer_body(const struct msg_reader *reader,
                 const struct msg_place *place, enum sg_kind kind,
                 json_t *json, struct sg_update *update)
{
    struct sg_members_spec members;
    struct sg_rules_spec rules;
    struct sg_port_spec port;
    char *error;

    switch (kind) {
    case SG_KIND_PORT:
        error = msg_port(reader, place, json, &port);
        if (!error) {
            update->ports = msg_grow(update->ports, update->n_ports,
                                     sizeof *update->ports);
            update->ports[update->n_ports++] = port;
        }
        return error;

    case SG_KIND_RULES:
        error = msg_rules(reader, place, json, &rules);
        if (!error) {
            update->rules = msg_grow(update->rules, update->n_rules,
                                     sizeof *update->rules);
            update->rules[update->n_rules++] = rules;
        }
        return error;

    case SG_KIND_MEMBERS:
        error = msg_members(reader, place, json, &members);
        /* The delta of an object that may not be held is no answer. */
        if (!error && !members.whole) {
            sg_members_spec_uninit(&members);
            error = msg_error(place, "not a whole list");
        }
        if (!error) {
            update->members = msg_grow(update->members, update->n_members,
                                       sizeof *update->members);
            update->members[update->n_members++] = members;
        }
        return error;
    }
    OVS_NOT_REACHED();
}

/* The body that was read last is a part of a list, which takes it back if it
 * is not. */
static char *
read_part(const struct msg_object *object, struct sg_update *update)
{
    bool members = msg_has(object, OBJECT_MEMBERS);
    int64_t part = 0, parts = 0;
    char *error = NULL;

    if (!members || update->method != SG_METHOD_SYNC) {
        error = msg_error(object->place, "only members in an answer come in "
                          "parts");
    }
    if (!error) {
        error = msg_int(object, OBJECT_PART, 1, &part);
    }
    if (!error) {
        error = msg_int(object, OBJECT_PARTS, 1, &parts);
    }
    if (!error && (part > parts || parts > RPC_MAX_PARTS)) {
        error = msg_error(object->place, "part %"PRId64" of %"PRId64, part,
                          parts);
    }
    if (!error) {
        struct sg_members_spec *spec = &update->members[update->n_members - 1];

        spec->part = (unsigned int) part;
        spec->parts = (unsigned int) parts;
    } else if (members) {
        sg_members_spec_uninit(&update->members[--update->n_members]);
    } else if (msg_has(object, OBJECT_RULES)) {
        sg_rules_spec_uninit(&update->rules[--update->n_rules]);
    } else {
        sg_port_spec_uninit(&update->ports[--update->n_ports]);
    }
    return error;
}

/* "deleted" takes an object away, "unknown" does not: exactly one of them. */
static char *
read_answer_absence(const struct msg_object *object, enum sg_kind kind,
                    struct sg_update *update)
{
    struct sg_ref ref = { .kind = kind };
    bool deleted = false;
    bool unknown = false;
    char *error = msg_id(object, OBJECT_ID, &ref.id);

    if (!error) {
        error = msg_bool(object, OBJECT_DELETED, &deleted);
    }
    if (!error) {
        error = msg_bool(object, OBJECT_UNKNOWN, &unknown);
    }
    if (!error && deleted == unknown) {
        error = msg_error(object->place,
                          "neither a body nor deleted or unknown");
    }
    if (!error && deleted) {
        error = msg_int(object, OBJECT_REVISION, 1, &ref.revision);
    }
    if (error) {
        return error;
    }

    if (deleted) {
        add_ref(&update->deleted, &update->n_deleted, &ref);
    } else {
        add_ref(&update->unknown, &update->n_unknown, &ref);
    }
    return NULL;
}

/* The id of an answered object, wherever it stands; may be NULL. */
static json_t *
answer_id(const struct msg_object *object, enum sg_kind kind)
{
    json_t *body = object->values[OBJECT_PORT + kind];

    return (body
            ? json_object_get(body, kind == SG_KIND_PORT ? "id" : "group")
            : object->values[OBJECT_ID]);
}

static void
add_ref(struct sg_ref **refs, size_t *n, const struct sg_ref *ref)
{
    *refs = msg_grow(*refs, *n, sizeof **refs);
    (*refs)[(*n)++] = *ref;
}

/* Takes ownership of 'error'.  'id' may be anything. */
static void
add_bad(const struct msg_object *object, struct sg_update *update,
        enum sg_kind kind, json_t *id, char *error)
{
    struct sg_ref ref = { .kind = kind };

    if (json_is_string(id)
        && sg_id_from_string(json_string_value(id), &ref.id)) {
        add_ref(&update->bad, &update->n_bad, &ref);
    }
    msg_problem(object->reader, error);
}
