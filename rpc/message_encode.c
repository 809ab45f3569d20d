/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Values to bodies: what message_decode.c and message_request.c read back.
 *
 * The texts look like those of oslo.messaging: keys in its order, ASCII only,
 * the message encoded once more as a string in its envelope.  But there are no
 * blanks between the values, which no JSON reader asks for: they would be 25
 * bytes of a change of one member.
 *
 * What updates say is made by message_encode_update.c. */

#include <config.h>
#include "rpc/message_encode-private.h"

#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "util.h"

/* Who waits for the reply to a request, if anyone. */
struct call {
    const char *msg_id;
    const char *reply_q;
};

static char *encode_body(json_t *message, size_t *len);
static char *envelop(const char *message, size_t message_len, size_t *len);
static json_t *reply(json_t *result, const char *msg_id,
                     const char *unique_id);
static char *encode_reply(json_t *result, const char *msg_id,
                          const char *unique_id, size_t *len);
static char *encode_request(const char *method, json_t *args,
                            const struct call *, const char *unique_id,
                            size_t *len);
static char *dump(json_t *, size_t *len);
static json_t *latency(const struct sg_latency *);

/* Encodes a cast or fanout to agents.  'update' is not an answer to `sync`; of
 * a method about one object it has exactly that one.  'bad', 'problems' and
 * what was refused are not encoded, here and below: they were said of another
 * message.  Returns the body, malloc'd, and its length in '*len'. */
char *
rpc_encode_update(const struct sg_update *update, const char *unique_id,
                  size_t *len)
{
    return encode_request(sg_method_name(update->method),
                          enc_args(update), NULL, unique_id, len);
}

/* Encodes an agent's question; the answer comes to the queue 'reply_q'. */
char *
rpc_encode_sync_call(const struct sg_sync_request *request,
                     const char *msg_id, const char *reply_q,
                     const char *unique_id, size_t *len)
{
    const struct call call = { msg_id, reply_q };
    json_t *args = json_object();
    json_t *ports = json_array();

    for (size_t i = 0; i < request->n_ports; i++) {
        append(ports, enc_id(&request->ports[i]));
    }
    set(args, "host", enc_text_or_null(request->host));
    set(args, "boot", enc_text_or_null(request->boot));
    set(args, "epoch", enc_epoch(&request->epoch));
    set(args, "ports", ports);
    set(args, "digest", enc_text_or_null(request->digest));
    if (request->partial) {
        /* Present even if it is empty: absent means everything. */
        set(args, "objects", enc_refs(request->objects, request->n_objects,
                                      false));
    }
    set(args, "have", enc_refs(request->have, request->n_have, true));
    set(args, "page", enc_text_or_null(request->page));
    return encode_request(sg_method_name(SG_METHOD_SYNC), args, &call,
                          unique_id, len);
}

/* Encodes the answer to the call 'msg_id'. */
char *
rpc_encode_sync_reply(const struct sg_update *update, const char *msg_id,
                      const char *unique_id, size_t *len)
{
    return encode_reply(enc_answer(update), msg_id, unique_id, len);
}

/* One element of the list 'objects'. */
char *
rpc_encode_entry(const struct sg_update *update, size_t *len)
{
    json_t *list = enc_entries(update, 0);
    json_t *entry = json_incref(json_array_get(list, 0));

    ovs_assert(json_array_size(list) == 1);
    json_decref(list);
    return dump(entry, len);
}

/* The texts go to the end of the message, where its list of objects is: the
 * result is its last key, and the list is the last key of the result. */
char *
rpc_encode_joined_reply(const struct sg_update *update,
                        const struct rpc_entry *array, size_t n,
                        const char *msg_id, const char *unique_id,
                        size_t *len)
{
    static const char tail[] = "]}}";
    struct ds text = DS_EMPTY_INITIALIZER;
    json_t *result = enc_answer_head(update);
    size_t head_len;
    char *head, *body;

    set(result, "objects", json_array());
    head = dump(reply(result, msg_id, unique_id), &head_len);
    ovs_assert(head_len > sizeof tail
               && !strcmp(head + head_len - (sizeof tail - 1), tail));
    ds_put_buffer(&text, head, head_len - (sizeof tail - 1));
    for (size_t i = 0; i < n; i++) {
        ds_put_cstr(&text, i ? "," : "");
        ds_put_buffer(&text, array[i].text, array[i].len);
    }
    ds_put_cstr(&text, tail);
    body = envelop(ds_cstr(&text), text.length, len);
    ds_destroy(&text);
    free(head);
    return body;
}

char *
rpc_encode_null_reply(const char *msg_id, const char *unique_id, size_t *len)
{
    return encode_reply(json_null(), msg_id, unique_id, len);
}

/* Encodes the answer to a call that failed.  A stock client raises the
 * exception itself if 'module' is "builtins", else its RemoteError with
 * 'class_' in it.  'message' may be any text. */
char *
rpc_encode_failure(const char *msg_id, const char *unique_id,
                   const char *class_, const char *module,
                   const char *message, size_t *len)
{
    json_t *failure = json_object();
    json_t *reply = json_object();
    json_t *text = json_string(message);
    json_t *args = json_array();

    if (!text) {
        /* Not UTF-8. */
        char *quoted = rpc_quote(message, strlen(message));

        text = json_string(quoted);
        free(quoted);
    }
    append(args, json_incref(text));
    set(failure, "class", json_string(class_));
    set(failure, "module", json_string(module));
    set(failure, "message", text);
    set(failure, "tb", json_array());
    set(failure, "args", args);
    set(failure, "kwargs", json_object());

    /* The third encoding: an object, as a string in the message, which becomes
     * a string in the envelope. */
    size_t failure_len;
    char *failure_text = dump(failure, &failure_len);
    set(reply, "result", json_null());
    set(reply, "failure", json_stringn(failure_text, failure_len));
    set(reply, "ending", json_true());
    set(reply, "_msg_id", json_string(msg_id));
    set(reply, "_unique_id", json_string(unique_id));
    free(failure_text);
    return encode_body(reply, len);
}

/* Encodes what an agent says of itself, a cast to the controller. */
char *
rpc_encode_report(const struct sg_report *report, const char *unique_id,
                  size_t *len)
{
    json_t *args = json_object();

    set(args, "host", enc_text_or_null(report->host));
    set(args, "boot", enc_text_or_null(report->boot));
    set(args, "epoch", enc_epoch(&report->epoch));
    set(args, "generation", json_integer(report->generation));
    set(args, "applied", json_integer(report->applied));
    set(args, "in_sync", json_boolean(report->in_sync));
    set(args, "lag_ms", report->lag_ms < 0 ? json_null()
                                           : json_integer(report->lag_ms));
    set(args, "ports", json_integer(report->n_ports));
    set(args, "protected", json_integer(report->n_protected));
    set(args, "digest", enc_text_or_null(report->digest));
    set(args, "state", enc_text_or_null(report->state));
    set(args, "problems", json_integer(report->n_problems));
    set(args, "orphaned", json_integer(report->n_orphaned));
    set(args, "held", json_integer(report->n_held));
    set(args, "errors", json_integer(report->errors));
    set(args, "stale", json_boolean(report->stale));
    set(args, "reasons", enc_texts(report->reasons, report->n_reasons));
    if (report->n_acked) {
        set(args, "acked", enc_texts(report->acked, report->n_acked));
    }
    if (report->has_latency) {
        set(args, "latency", latency(&report->latency));
    }
    return encode_request(sg_method_name(SG_METHOD_REPORT), args, NULL,
                          unique_id, len);
}

/* Encodes an answer to `sync` without anything around it, for a file. */
char *
rpc_encode_update_text(const struct sg_update *update, size_t *len)
{
    return dump(enc_answer(update), len);
}

static json_t *
latency(const struct sg_latency *l)
{
    json_t *object = json_object();

    for (int kind = 0; kind < SG_N_KINDS; kind++) {
        json_t *phases = json_object();

        for (int phase = 0; phase < SG_LATENCY_N_PHASES; phase++) {
            json_t *counts = json_array();

            for (int i = 0; i < SG_LATENCY_BUCKETS; i++) {
                append(counts, json_integer(l->counts[kind][phase][i]));
            }
            set(phases, sg_latency_phase_name(phase), counts);
        }
        set(object, sg_kind_name((enum sg_kind) kind), phases);
    }
    return object;
}

/* ## Around the arguments ## */

/* Takes ownership of 'args'. */
static char *
encode_request(const char *method, json_t *args, const struct call *call,
               const char *unique_id, size_t *len)
{
    json_t *message = json_object();

    set(message, "method", json_string(method));
    set(message, "args", args);
    set(message, "version", json_string(RPC_VERSION));
    if (call) {
        set(message, "_msg_id", json_string(call->msg_id));
        set(message, "_reply_q", json_string(call->reply_q));
        /* No call monitoring. */
        set(message, "_timeout", json_null());
    }
    set(message, "_unique_id", json_string(unique_id));
    return encode_body(message, len);
}

/* Takes ownership of 'result'. */
static char *
encode_reply(json_t *result, const char *msg_id, const char *unique_id,
             size_t *len)
{
    return encode_body(reply(result, msg_id, unique_id), len);
}

/* Takes ownership of 'result'. */
static json_t *
reply(json_t *result, const char *msg_id, const char *unique_id)
{
    json_t *message = json_object();

    /* A stock client looks up all five. */
    set(message, "failure", json_null());
    set(message, "ending", json_true());
    set(message, "_msg_id", json_string(msg_id));
    set(message, "_unique_id", json_string(unique_id));
    set(message, "result", result);
    return message;
}

/* Takes ownership of 'message'. */
static char *
encode_body(json_t *message, size_t *len)
{
    size_t inner_len;
    char *inner = dump(message, &inner_len);
    char *body = envelop(inner, inner_len, len);

    free(inner);
    return body;
}

static char *
envelop(const char *message, size_t message_len, size_t *len)
{
    json_t *envelope = json_object();

    set(envelope, "oslo.version", json_string("2.0"));
    set(envelope, "oslo.message", json_stringn(message, message_len));
    return dump(envelope, len);
}

/* Takes ownership of 'json'. */
static char *
dump(json_t *json, size_t *len)
{
    char *text = json_dumps(json, JSON_ENSURE_ASCII | JSON_COMPACT);

    /* It fails for lack of memory, or for a value that cannot be: ours are
     * checked where they come in. */
    ovs_assert(text);
    json_decref(json);
    *len = strlen(text);
    return text;
}
