/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "agent/report_trace.h"

#include <stdarg.h>
#include <stdlib.h>

#include "agent/report_json.h"
#include "util.h"

static bool is_dropped_by_guard(const struct report_trace *);
static bool is_uncertain(const struct report_trace *);
static json_t *packet_json(const struct fw_trace *);
static json_t *trace_rule_json(const struct fw_trace_rule *, enum sg_family);
static json_t *rules_json(const struct fw_trace_rule *, size_t n,
                          enum sg_family);
static json_t *needed_json(const struct fw_trace *);
static json_t *differences_json(const struct fw_trace *);
static json_t *guard_json(const struct report_trace *);
static json_t *notes_json(const struct report_input *,
                          const struct report_trace *);
static json_t *verdict_json(const char *verdict, const char *by,
                            const char *reason, const char *why);

/* What the guard drops the tables do not see.  What the tables do not see, or
 * somebody else's rules decide before ours, nobody knows. */
const char *
report_trace_verdict(const struct report_trace *r)
{
    return (is_dropped_by_guard(r) ? "denied"
            : is_uncertain(r) ? "unknown"
            : r->trace->allowed ? "allowed" : "denied");
}

static const char *
plain_verdict(bool allowed)
{
    return allowed ? "allowed" : "denied";
}

char *
report_trace(const struct report_input *in, const struct report_trace *r)
{
    const struct fw_trace *trace = r->trace;
    enum sg_family family = trace->query.packet.family;
    bool guard = is_dropped_by_guard(r);
    json_t *j = verdict_json(
        report_trace_verdict(r), guard ? "guard" : "tables",
        guard ? l2_view_name(r->view) : fw_trace_reason_name(trace->reason),
        guard ? l2_view_text(r->view) : fw_trace_reason_text(trace->reason));

    json_object_set_new(j, "port", report_id(&trace->query.port));
    json_object_set_new(j, "device", report_string(
        trace->query.direction == SG_EGRESS
        ? trace->query.packet.physdev_in : trace->query.packet.physdev_out));
    json_object_set_new(j, "direction", report_string(
        sg_direction_name(trace->query.direction)));
    json_object_set_new(j, "packet", packet_json(trace));
    json_object_set_new(j, "zone", report_count(trace->zone));
    json_object_set_new(j, "untracked", json_boolean(trace->untracked));
    json_object_set_new(j, "rule", trace->decisive < trace->n_rules
                        ? trace_rule_json(&trace->rules[trace->decisive],
                                          family)
                        : json_null());
    json_object_set_new(j, "steps", rules_json(trace->rules, trace->n_rules,
                                               family));
    json_object_set_new(j, "needed", needed_json(trace));
    json_object_set_new(j, "needed_total",
                        report_count(trace->n_misses_total));
    json_object_set_new(j, "intended", verdict_json(
        plain_verdict(trace->wanted), NULL,
        fw_trace_reason_name(trace->wanted_reason),
        fw_trace_reason_text(trace->wanted_reason)));
    json_object_set_new(j, "as_intended", json_boolean(
        trace->allowed == trace->wanted
        && trace->reason == trace->wanted_reason));
    json_object_set_new(j, "differences", differences_json(trace));
    json_object_set_new(j, "differences_total",
                        report_count(trace->n_differences_total));
    json_object_set_new(j, "differences_elsewhere",
                        report_count(trace->n_elsewhere));
    json_object_set_new(j, "guard", guard_json(r));
    json_object_set_new(j, "notes", notes_json(in, r));
    json_object_set_new(j, "generation", report_count(
        policy_store_policy(in->store)->generation));
    json_object_set_new(j, "applied", report_count(in->applied));
    return report_text(j);
}

static json_t *
verdict_json(const char *verdict, const char *by, const char *reason,
             const char *why)
{
    json_t *j = json_object();

    json_object_set_new(j, "verdict", report_string(verdict));
    if (by) {
        json_object_set_new(j, "by", report_string(by));
    }
    json_object_set_new(j, "reason", report_string(reason));
    json_object_set_new(j, "why", report_string(why));
    return j;
}

static bool
is_dropped_by_guard(const struct report_trace *r)
{
    return r->has_view && !l2_view_passes(r->view);
}

static bool
is_uncertain(const struct report_trace *r)
{
    const struct fw_trace *trace = r->trace;

    return (r->knob_problem || trace->set_error
            || trace->n_foreign[FW_FILTER] || trace->n_foreign[FW_SECURITY]);
}

static json_t *
packet_json(const struct fw_trace *trace)
{
    const struct fw_packet *p = &trace->query.packet;
    struct ds text = DS_EMPTY_INITIALIZER;
    char mac[SG_MAC_STRLEN];
    json_t *j = json_object();

    fw_packet_format(p, &text);
    json_object_set_new(j, "text", report_string(ds_cstr(&text)));
    json_object_set_new(j, "family", report_string(sg_family_name(p->family)));
    json_object_set_new(j, "protocol", report_count(p->proto));
    json_object_set_new(j, "source", report_prefix(&p->src));
    json_object_set_new(j, "destination", report_prefix(&p->dst));
    if (fw_protocol_has_ports(p->proto)) {
        json_object_set_new(j, "source_port", report_count(p->sport));
        json_object_set_new(j, "destination_port", report_count(p->dport));
    }
    if (trace->query.direction == SG_EGRESS) {
        json_object_set_new(j, "mac", report_string(sg_mac_format(&p->mac,
                                                                  mac)));
    }
    json_object_set_new(j, "state", report_string(
        fw_trace_state_name(trace->query.state)));
    ds_destroy(&text);
    return j;
}

static json_t *
trace_rule_json(const struct fw_trace_rule *r, enum sg_family family)
{
    json_t *j = report_rule_json(&r->rule, family);
    bool has_set = (r->rule.match & (FW_M_SET_SRC | FW_M_SET_DST)) != 0;

    json_object_set_new(j, "table", report_string(fw_table_name(r->table)));
    json_object_set_new(j, "chain", report_string(r->chain));
    json_object_set_new(j, "index", report_count(r->index));
    json_object_set_new(j, "depth", report_count(r->depth));
    json_object_set_new(j, "group", report_id(&r->group));
    json_object_set_new(j, "set", has_set ? report_string(r->rule.set)
                        : json_null());
    json_object_set_new(j, "members_of", report_id(&r->members));
    return j;
}

static json_t *
rules_json(const struct fw_trace_rule *rules, size_t n, enum sg_family family)
{
    json_t *array = json_array();

    for (size_t i = 0; i < n; i++) {
        json_array_append_new(array, trace_rule_json(&rules[i], family));
    }
    return array;
}

static json_t *
needed_json(const struct fw_trace *trace)
{
    json_t *array = rules_json(trace->misses, trace->n_misses,
                               trace->query.packet.family);

    for (size_t i = 0; i < trace->n_misses; i++) {
        struct ds text = DS_EMPTY_INITIALIZER;

        fw_trace_format_missed(&trace->misses[i], &text);
        json_object_set_new(json_array_get(array, i), "needs",
                            report_string(ds_cstr(&text)));
        ds_destroy(&text);
    }
    return array;
}

static json_t *
differences_json(const struct fw_trace *trace)
{
    json_t *array = json_array();

    for (size_t i = 0; i < trace->n_differences; i++) {
        json_t *j = report_edit_json(&trace->differences[i].edit,
                                     trace->query.packet.family);

        json_object_set_new(j, "table", report_string(
            fw_table_name(trace->differences[i].table)));
        json_array_append_new(array, j);
    }
    return array;
}

static json_t *
guard_json(const struct report_trace *r)
{
    json_t *j = json_object();

    json_object_set_new(j, "state", report_string(r->guard));
    if (r->has_view) {
        json_object_set_new(j, "passes", json_boolean(
            l2_view_passes(r->view)));
        json_object_set_new(j, "view", report_string(l2_view_name(r->view)));
        json_object_set_new(j, "why", report_string(l2_view_text(r->view)));
    }
    return j;
}

static void
add_note(json_t *notes, const char *format, ...)
    OVS_PRINTF_FORMAT(2, 3);

static void
add_note(json_t *notes, const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = xvasprintf(format, args);
    va_end(args);
    json_array_append_new(notes, report_string(text));
    free(text);
}

/* What keeps the verdict from being all that there is to say. */
static json_t *
notes_json(const struct report_input *in, const struct report_trace *r)
{
    const struct fw_trace *trace = r->trace;
    uint64_t generation = policy_store_policy(in->store)->generation;
    json_t *notes = json_array();

    if (r->knob_problem) {
        add_note(notes, "%s", r->knob_problem);
    }
    for (int t = 0; t < FW_N_TABLES; t++) {
        if (trace->n_foreign[t]) {
            add_note(notes, "rules of others in table %s were met (%"PRIuSIZE
                     "): what they do is not known",
                     fw_table_name((enum fw_table_id) t),
                     trace->n_foreign[t]);
        }
    }
    if (trace->set_error) {
        add_note(notes, "a set could not be asked: %s",
                 ovs_strerror(trace->set_error));
    }
    if (trace->query.state != FW_TRACE_NEW && trace->untracked) {
        add_note(notes, "what passes this bridge is not tracked: no flow is "
                 "known");
    }
    if (in->applied != generation) {
        add_note(notes, "the newest policy, generation %"PRIu64", is not in "
                 "the kernel yet", generation);
    }
    return notes;
}
