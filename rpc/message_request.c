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
        error = msg_text_dup(object, SYNC_DIGEST, &request->digest);
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
    int64_t generation, applied, n_ports, n_protected;
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
    if (!error) {
        error = msg_int(object, REPORT_PORTS, 0, &n_ports);
    }
    if (!error) {
        error = msg_int(object, REPORT_PROTECTED, 0, &n_protected);
    }
    if (error) {
        return error;
    }
    report->generation = generation;
    report->applied = applied;
    report->n_ports = n_ports;
    report->n_protected = n_protected;
    return NULL;
}
