/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* What the controller is asked: the arguments of `sync` and `report`.
 *
 * Keys that we do not know are left alone: a newer agent may say more. */

#include <config.h>
#include "rpc/message_json.h"

#include <string.h>

#include "rpc/topology.h"
#include "util.h"

static char *begin(const struct rpc_message *, enum sg_method,
                   const struct msg_reader *, const char *const names[],
                   struct msg_object *);
static char *read_host(const struct msg_object *, int field, char **);
static char *read_sync(const struct msg_object *, struct sg_sync_request *);
static char *read_refs(const struct msg_object *, int field,
                       bool with_revision, struct sg_ref **, size_t *n);
static char *read_report(const struct msg_object *, struct sg_report *);
static char *read_health(const struct msg_object *, struct sg_report *);
static char *read_count(const struct msg_object *, int field, size_t *);
static char *read_latency(const struct msg_object *, struct sg_latency *);
static char *read_phases(const struct msg_reader *, const struct msg_place *,
                         json_t *, struct sg_latency *, enum sg_kind);
static char *read_buckets(const struct msg_object *, int field,
                          uint64_t counts[SG_LATENCY_BUCKETS]);

enum {
    SYNC_HOST, SYNC_BOOT, SYNC_EPOCH, SYNC_PORTS, SYNC_DIGEST, SYNC_OBJECTS,
    SYNC_HAVE, SYNC_PAGE,
};
static const char *const sync_names[] = {
    [SYNC_HOST] = "host",
    [SYNC_BOOT] = "boot",
    [SYNC_EPOCH] = "epoch",
    [SYNC_PORTS] = "ports",
    [SYNC_DIGEST] = "digest",
    [SYNC_OBJECTS] = "objects",
    [SYNC_HAVE] = "have",
    [SYNC_PAGE] = "page",
    NULL,
};

enum {
    REPORT_HOST, REPORT_BOOT, REPORT_EPOCH, REPORT_GENERATION, REPORT_APPLIED,
    REPORT_IN_SYNC, REPORT_LAG_MS, REPORT_PORTS, REPORT_PROTECTED,
    REPORT_DIGEST, REPORT_STATE, REPORT_PROBLEMS, REPORT_ORPHANED,
    REPORT_HELD, REPORT_ERRORS, REPORT_STALE, REPORT_REASONS, REPORT_ACKED,
    REPORT_LATENCY,
};
static const char *const report_names[] = {
    [REPORT_HOST] = "host",
    [REPORT_BOOT] = "boot",
    [REPORT_EPOCH] = "epoch",
    [REPORT_GENERATION] = "generation",
    [REPORT_APPLIED] = "applied",
    [REPORT_IN_SYNC] = "in_sync",
    [REPORT_LAG_MS] = "lag_ms",
    [REPORT_PORTS] = "ports",
    [REPORT_PROTECTED] = "protected",
    [REPORT_DIGEST] = "digest",
    [REPORT_STATE] = "state",
    [REPORT_PROBLEMS] = "problems",
    [REPORT_ORPHANED] = "orphaned",
    [REPORT_HELD] = "held",
    [REPORT_ERRORS] = "errors",
    [REPORT_STALE] = "stale",
    [REPORT_REASONS] = "reasons",
    [REPORT_ACKED] = "acked",
    [REPORT_LATENCY] = "latency",
    NULL,
};

/* The caller uninitialises 'request' on success. */
char *
rpc_sync_request_decode(const struct rpc_message *message,
                        const struct rpc_limits *limits,
                        struct sg_sync_request *requestp)
{
    const struct msg_reader reader = { .limits = limits };
    struct sg_sync_request request;
    struct msg_object object;
    char *error;

    error = begin(message, SG_METHOD_SYNC, &reader, sync_names, &object);
    if (error) {
        return error;
    }
    memset(&request, 0, sizeof request);
    error = read_sync(&object, &request);
    if (error) {
        sg_sync_request_uninit(&request);
        return error;
    }
    *requestp = request;
    return NULL;
}

/* The caller uninitialises 'report' on success. */
char *
rpc_report_decode(const struct rpc_message *message,
                  const struct rpc_limits *limits, struct sg_report *reportp)
{
    const struct msg_reader reader = { .limits = limits };
    struct sg_report report;
    struct msg_object object;
    char *error;

    error = begin(message, SG_METHOD_REPORT, &reader, report_names, &object);
    if (error) {
        return error;
    }
    memset(&report, 0, sizeof report);
    error = read_report(&object, &report);
    if (error) {
        sg_report_uninit(&report);
        return error;
    }
    *reportp = report;
    return NULL;
}

/* Checks that 'message' calls 'method' and opens its arguments. */
static char *
begin(const struct rpc_message *message, enum sg_method method,
      const struct msg_reader *reader, const char *const names[],
      struct msg_object *object)
{
    static const struct msg_place place = { NULL, "args", 0 };
    const char *name = sg_method_name(method);

    if (message->type != RPC_REQUEST || strcmp(message->method, name)) {
        return xasprintf("not a request for %s", name);
    } else if (!rpc_message_served(message)) {
        return xasprintf("%s: only version "RPC_VERSION" in the null "
                         "namespace is served", name);
    }
    return msg_object_init(object, reader, &place, message->args, names);
}

/* The name becomes part of names on the bus. */
static char *
read_host(const struct msg_object *object, int field, char **hostp)
{
    struct msg_place place = { object->place, object->names[field], 0 };
    const char *host;
    char *error = msg_text(object, field, &host);

    if (error) {
        return error;
    } else if (!rpc_host_ok(host)) {
        return msg_error_value(&place, host, "is not a host name");
    }
    *hostp = xstrdup(host);
    return NULL;
}

/* `ports` must be there, even if it is empty: the list of ports decides what a
 * host is told. */
static char *
read_sync(const struct msg_object *object, struct sg_sync_request *request)
{
    char *error = read_host(object, SYNC_HOST, &request->host);

    if (!error) {
        error = msg_text_dup(object, SYNC_BOOT, &request->boot);
    }
    /* Without an epoch, 'have' speaks of none. */
    if (!error && msg_has(object, SYNC_EPOCH)) {
        error = msg_epoch(object, SYNC_EPOCH, &request->epoch);
    }
    if (!error) {
        error = msg_id_list(object, SYNC_PORTS, RPC_LIMIT_OBJECTS,
                            &request->ports, &request->n_ports);
    }
    if (!error && msg_has(object, SYNC_DIGEST)) {
        error = msg_digest(object, SYNC_DIGEST, &request->digest);
    }
    if (!error && msg_has(object, SYNC_OBJECTS)) {
        request->partial = true;
        error = read_refs(object, SYNC_OBJECTS, false,
                          &request->objects, &request->n_objects);
    }
    if (!error && msg_has(object, SYNC_HAVE)) {
        error = read_refs(object, SYNC_HAVE, true,
                          &request->have, &request->n_have);
    }
    if (!error && msg_has(object, SYNC_PAGE)) {
        error = msg_text_dup(object, SYNC_PAGE, &request->page);
    }
    return error;
}

/* What was read before an error stays in '*refs', for the caller to free. */
static char *
read_refs(const struct msg_object *object, int field, bool with_revision,
          struct sg_ref **refs, size_t *n)
{
    struct msg_place place = { object->place, object->names[field], 0 };
    json_t *array, *value;
    size_t i;
    char *error = msg_array(object, field, RPC_LIMIT_OBJECTS, &array);

    if (error) {
        return error;
    }
    json_array_foreach (array, i, value) {
        struct msg_place at = { &place, NULL, i };
        struct sg_ref ref;

        error = msg_ref(object->reader, &at, value, with_revision, &ref);
        if (error) {
            return error;
        }
        *refs = msg_grow(*refs, *n, sizeof **refs);
        (*refs)[(*n)++] = ref;
    }
    return NULL;
}

/* Numbers are read as 64-bit integers first: none of them may be negative. */
static char *
read_report(const struct msg_object *object, struct sg_report *report)
{
    int64_t generation, applied;
    char *error = read_host(object, REPORT_HOST, &report->host);

    if (!error) {
        error = msg_text_dup(object, REPORT_BOOT, &report->boot);
    }
    if (!error && msg_has(object, REPORT_EPOCH)) {
        error = msg_epoch(object, REPORT_EPOCH, &report->epoch);
    }
    if (!error) {
        error = msg_int(object, REPORT_GENERATION, 0, &generation);
    }
    if (!error) {
        error = msg_int(object, REPORT_APPLIED, 0, &applied);
    }
    if (!error) {
        error = msg_bool(object, REPORT_IN_SYNC, &report->in_sync);
    }
    report->lag_ms = -1;
    if (!error && msg_has(object, REPORT_LAG_MS)) {
        error = msg_int(object, REPORT_LAG_MS, 0, &report->lag_ms);
    }
    if (error) {
        return error;
    }
    report->generation = generation;
    report->applied = applied;
    if (!msg_has(object, REPORT_PORTS) || !msg_has(object, REPORT_PROTECTED)) {
        return msg_error(object->place, "ports or protected: missing");
    }
    return read_health(object, report);
}

/* What says how well the agent is.  All of it may be absent. */
static char *
read_health(const struct msg_object *object, struct sg_report *report)
{
    const struct {
        int field;
        size_t *count;
    } counts[] = {
        { REPORT_PORTS, &report->n_ports },
        { REPORT_PROTECTED, &report->n_protected },
        { REPORT_PROBLEMS, &report->n_problems },
        { REPORT_ORPHANED, &report->n_orphaned },
        { REPORT_HELD, &report->n_held },
    };
    int64_t errors = 0;
    char *error = NULL;

    for (size_t i = 0; !error && i < ARRAY_SIZE(counts); i++) {
        error = read_count(object, counts[i].field, counts[i].count);
    }
    if (!error && msg_has(object, REPORT_ERRORS)) {
        error = msg_int(object, REPORT_ERRORS, 0, &errors);
        report->errors = errors;
    }
    if (!error && msg_has(object, REPORT_DIGEST)) {
        error = msg_digest(object, REPORT_DIGEST, &report->digest);
    }
    if (!error && msg_has(object, REPORT_STATE)) {
        error = msg_short_text(object, REPORT_STATE, RPC_MAX_STATE,
                               &report->state);
    }
    if (!error) {
        error = msg_bool(object, REPORT_STALE, &report->stale);
    }
    if (!error && msg_has(object, REPORT_REASONS)) {
        error = msg_text_list(object, REPORT_REASONS, RPC_MAX_REASONS,
                              RPC_MAX_REASON, &report->reasons,
                              &report->n_reasons);
    }
    if (!error && msg_has(object, REPORT_ACKED)) {
        error = msg_text_list(object, REPORT_ACKED, RPC_MAX_ACKED,
                              RPC_MAX_ACK, &report->acked, &report->n_acked);
    }
    if (!error && msg_has(object, REPORT_LATENCY)) {
        error = read_latency(object, &report->latency);
        report->has_latency = !error;
    }
    return error;
}

/* Absent counts as none. */
static char *
read_count(const struct msg_object *object, int field, size_t *count)
{
    int64_t n = 0;
    char *error = msg_has(object, field) ? msg_int(object, field, 0, &n)
                                         : NULL;

    if (!error) {
        *count = n;
    }
    return error;
}

/* {"members": {"stored": [...], "kernel": [...]}, ...}; what is absent has
 * counted nothing. */
static char *
read_latency(const struct msg_object *report, struct sg_latency *latency)
{
    static const char *const names[] = {
#define SG_KIND(ENUM, NAME) [SG_KIND_##ENUM] = NAME,
        SG_KINDS
#undef SG_KIND
        NULL,
    };
    struct msg_place place = { report->place, "latency", 0 };
    struct msg_object object;
    char *error = msg_object_init(&object, report->reader, &place,
                                  report->values[REPORT_LATENCY], names);

    for (int kind = 0; !error && kind < SG_N_KINDS; kind++) {
        struct msg_place at = { &place, names[kind], 0 };

        if (msg_has(&object, kind)) {
            error = read_phases(report->reader, &at, object.values[kind],
                                latency, (enum sg_kind) kind);
        }
    }
    return error;
}

static char *
read_phases(const struct msg_reader *reader, const struct msg_place *place,
            json_t *json, struct sg_latency *latency, enum sg_kind kind)
{
    static const char *const names[] = {
#define SG_LATENCY_PHASE(ENUM, NAME) [SG_LATENCY_##ENUM] = NAME,
        SG_LATENCY_PHASES
#undef SG_LATENCY_PHASE
        NULL,
    };
    struct msg_object object;
    char *error = msg_object_init(&object, reader, place, json, names);

    for (int phase = 0; !error && phase < SG_LATENCY_N_PHASES; phase++) {
        if (msg_has(&object, phase)) {
            error = read_buckets(&object, phase,
                                 latency->counts[kind][phase]);
        }
    }
    return error;
}

static char *
read_buckets(const struct msg_object *object, int field,
             uint64_t counts[SG_LATENCY_BUCKETS])
{
    struct msg_place place = { object->place, object->names[field], 0 };
    json_t *array = object->values[field];

    if (!json_is_array(array)
        || json_array_size(array) != SG_LATENCY_BUCKETS) {
        return msg_error(&place, "not %d numbers", SG_LATENCY_BUCKETS);
    }
    for (size_t i = 0; i < SG_LATENCY_BUCKETS; i++) {
        json_t *value = json_array_get(array, i);

        if (!json_is_integer(value) || json_integer_value(value) < 0) {
            return msg_error(&place, "not %d numbers", SG_LATENCY_BUCKETS);
        }
        counts[i] = json_integer_value(value);
    }
    return NULL;
}
