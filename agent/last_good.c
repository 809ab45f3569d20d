/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "agent/last_good.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "agent/policy_store.h"
#include "rpc/message.h"
#include "sha1.h"
#include "util.h"

/* Of the first two lines. */
#define MAX_LINE 512
/* JSON values: each takes memory, whatever its text takes. */
#define MAX_VALUES (2 << 20)

static void collect_object(const struct sg_policy *, const struct sg_ref *,
                           struct sg_update *);
static void collect_members(const struct sg_group *, struct sg_update *);
static json_t *read_line(const char **text, size_t *len);
static char *check_first(json_t *, const char *rest, size_t len);
static char *check_second(json_t *, const char *host, int64_t *saved);

void
last_good_collect(const struct policy_store *store,
                  const struct sg_epoch *epoch, struct sg_update *update)
{
    const struct sg_policy *policy = policy_store_policy(store);
    struct sg_ref_list needs = { NULL, 0, 0 };

    sg_update_init(update, SG_METHOD_SYNC);
    update->epoch = *epoch;
    policy_store_needs(store, &needs);
    update->ports = xcalloc(needs.n + 1, sizeof *update->ports);
    update->rules = xcalloc(needs.n + 1, sizeof *update->rules);
    update->members = xcalloc(needs.n + 1, sizeof *update->members);
    update->deleted = xcalloc(needs.n + 1, sizeof *update->deleted);
    for (size_t i = 0; i < needs.n; i++) {
        collect_object(policy, &needs.refs[i], update);
    }
    sg_ref_list_clear(&needs);
}

/* A revision that does not count any more is 0, which no message may have. */
static int64_t
revision_of(int64_t revision)
{
    return MAX(revision, 1);
}

static void
collect_object(const struct sg_policy *policy, const struct sg_ref *ref,
               struct sg_update *update)
{
    const struct sg_port *port = NULL;
    const struct sg_group *group = NULL;
    enum sg_knowledge state;

    if (ref->kind == SG_KIND_PORT) {
        port = sg_policy_port(policy, &ref->id);
        state = port->state;
    } else {
        group = sg_policy_group(policy, &ref->id);
        state = (ref->kind == SG_KIND_RULES ? group->rules_state
                 : group->members_state);
    }

    switch (state) {
    case SG_ABSENT:
        return;
    case SG_DELETED:
        update->deleted[update->n_deleted] = *ref;
        update->deleted[update->n_deleted++].revision
            = revision_of(ref->revision);
        return;
    case SG_KNOWN:
    case SG_ORPHANED:
        break;
    }

    switch (ref->kind) {
    case SG_KIND_PORT: {
        struct sg_port_spec *spec = &update->ports[update->n_ports++];

        sg_port_spec_clone(spec, &port->spec);
        spec->revision = revision_of(spec->revision);
        break;
    }
    case SG_KIND_RULES: {
        struct sg_rules_spec *spec = &update->rules[update->n_rules++];

        sg_rules_spec_clone(spec, &group->rules);
        spec->revision = revision_of(spec->revision);
        break;
    }
    case SG_KIND_MEMBERS:
        collect_members(group, update);
        break;
    }
}

static void
collect_members(const struct sg_group *group, struct sg_update *update)
{
    struct sg_members_spec *spec = &update->members[update->n_members++];
    const struct sg_member *m;

    spec->group = group->id;
    spec->revision = revision_of(group->members_revision);
    spec->whole = true;
    SG_MEMBERS_FOR_EACH (m, &group->members) {
        sg_prefix_list_add(&spec->added, &m->prefix);
    }
}

/* Puts a line in front of 'text', which it frees. */
static char *
prepend(json_t *line, char *text, size_t *len)
{
    char *first = json_dumps(line, JSON_ENSURE_ASCII);
    char *both = xasprintf("%s\n%s", first, text);

    *len += strlen(first) + 1;
    free(first);
    free(text);
    json_decref(line);
    return both;
}

char *
last_good_encode(const struct sg_update *update, const char *host,
                 int64_t saved, size_t *len)
{
    char *text = rpc_encode_update_text(update, len);
    char hex[SHA1_HEX_DIGEST_LEN + 1];
    uint8_t digest[SHA1_DIGEST_SIZE];

    text = prepend(json_pack("{s:s, s:I}", "host", host,
                             "saved", (json_int_t) saved), text, len);
    sha1_bytes(text, *len, digest);
    sha1_to_hex(digest, hex);
    return prepend(json_pack("{s:i, s:s}", "format", LAST_GOOD_FORMAT,
                             "sha1", hex), text, len);
}

char *
last_good_decode(const char *text, size_t len, const char *host,
                 const struct rpc_limits *limits, struct last_good *lg)
{
    struct rpc_limits file_limits = *limits;
    char *error = NULL;
    int64_t saved = 0;
    json_t *line;

    if (len > LAST_GOOD_MAX_BYTES) {
        return xasprintf("longer than %d bytes", LAST_GOOD_MAX_BYTES);
    }
    line = read_line(&text, &len);
    error = check_first(line, text, len);
    json_decref(line);
    if (error) {
        return error;
    }
    line = read_line(&text, &len);
    error = check_second(line, host, &saved);
    json_decref(line);
    if (error) {
        return error;
    }

    file_limits.body = LAST_GOOD_MAX_BYTES;
    file_limits.values = MAX_VALUES;
    file_limits.objects = MAX_VALUES;
    error = rpc_update_from_text(text, len, &file_limits, &lg->update);
    if (!error) {
        /* It was published long ago: no delay is measured by it. */
        lg->update.sent = 0;
        lg->saved = saved;
    }
    return error;
}

/* Takes the first line off the text.  NULL if it is no JSON object. */
static json_t *
read_line(const char **text, size_t *len)
{
    const char *end = memchr(*text, '\n', MIN(*len, MAX_LINE));
    json_t *line = NULL;

    if (end) {
        line = json_loadb(*text, end - *text, JSON_REJECT_DUPLICATES, NULL);
        *len -= end + 1 - *text;
        *text = end + 1;
    }
    if (!json_is_object(line)) {
        json_decref(line);
        return NULL;
    }
    return line;
}

static char *
check_first(json_t *line, const char *rest, size_t len)
{
    const char *sha1 = json_string_value(json_object_get(line, "sha1"));
    const json_t *format = json_object_get(line, "format");
    uint8_t digest[SHA1_DIGEST_SIZE];
    char hex[SHA1_HEX_DIGEST_LEN + 1];

    if (!json_is_integer(format) || json_integer_value(format) < 1) {
        return xstrdup("not a saved policy");
    } else if (json_integer_value(format) > LAST_GOOD_FORMAT) {
        return xasprintf("of a newer format, %"JSON_INTEGER_FORMAT,
                         json_integer_value(format));
    }
    sha1_bytes(rest, len, digest);
    sha1_to_hex(digest, hex);
    return (sha1 && !strcmp(sha1, hex) ? NULL
            : xstrdup("damaged: its checksum is wrong"));
}

static char *
check_second(json_t *line, const char *host, int64_t *savedp)
{
    const json_t *saved = json_object_get(line, "saved");
    const char *owner = json_string_value(json_object_get(line, "host"));

    if (!owner || !json_is_integer(saved) || json_integer_value(saved) < 0) {
        return xstrdup("malformed: no host or no time");
    } else if (strcmp(owner, host)) {
        char *quoted = rpc_quote(owner, strlen(owner));
        char *error = xasprintf("of another host, %s", quoted);

        free(quoted);
        return error;
    }
    *savedp = json_integer_value(saved);
    return NULL;
}

void
last_good_pace_init(struct last_good_pace *pace)
{
    *pace = (struct last_good_pace) { .next = LLONG_MIN };
}

bool
last_good_due(struct last_good_pace *pace, uint64_t generation,
              long long int now)
{
    if (pace->next == LLONG_MIN) {
        pace->next = now + LAST_GOOD_MIN_MS;
    }
    return !pace->busy && generation != pace->generation && now >= pace->next;
}

bool
last_good_due_at_exit(const struct last_good_pace *pace, uint64_t generation)
{
    return generation != pace->generation;
}

void
last_good_began(struct last_good_pace *pace, uint64_t generation,
                long long int now)
{
    pace->generation = generation;
    pace->began = now;
    pace->busy = true;
}

void
last_good_ended(struct last_good_pace *pace, bool ok, int64_t cpu_us,
                long long int now)
{
    long long int cost_ms = cpu_us * LAST_GOOD_COST_FACTOR / 1000;

    pace->busy = false;
    pace->next = MAX(pace->began + LAST_GOOD_MIN_MS, now + cost_ms);
    if (!ok) {
        pace->generation = 0;
        pace->next = MAX(pace->next, now + LAST_GOOD_RETRY_MS);
    }
}
