/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The documents about the kernel that sgctl shows, read back as JSON: sets,
 * rules, plans and traces. */

#include <config.h>
#include "agent/report.h"

#include "agent/report_trace.h"
#include "tests/lib/policy-text.h"
#include "tests/lib/report-fixture.h"
#include "tests/lib/test.h"

TEST(sets_and_rules)
{
    struct uuid g1 = policy_text_id("g1");
    struct fw_ruleset *rs = fw_ruleset_create();
    struct fw_rule rule;
    struct fw_chain *chain;
    struct fw_set set;
    struct report_fixture f;
    json_t *j;

    rf_init(&f, ANSWER);
    memset(&set, 0, sizeof set);
    fw_name_set(set.name, &(struct fw_set_form) {
        .family = SG_IPV4, .slot = FW_SLOT_B,
    }, &g1);
    set.slot = FW_SLOT_B;
    set.elements = 2;
    set.maxelem = FW_SET_MAXELEM;
    fw_ruleset_add_set(rs, &set);
    strcpy(set.name, "sg1-tmp-1");
    fw_ruleset_add_set(rs, &set);

    chain = fw_table_chain(&rs->tables[SG_IPV4][FW_SECURITY], "FORWARD");
    chain->builtin = true;
    memset(&rule, 0, sizeof rule);
    rule.match = FW_M_FOREIGN;
    fw_chain_append(chain, &rule);
    rule.match = FW_M_SRC;
    rule.verdict = FW_DROP;
    rule.src = policy_text_prefix("10.0.0.0/8");
    fw_chain_append(chain, &rule);
    rule.match = FW_M_IN | FW_M_COMMENT;
    strcpy(rule.in, "qbr+");
    fw_chain_append(chain, &rule);
    rule.match = FW_M_IN;
    fw_chain_append(chain, &rule);
    rule.verdict = FW_JUMP;
    strcpy(rule.target, FW_CHAIN_ROOT);
    fw_chain_append(chain, &rule);

    char name[FW_CHAIN_LEN];
    fw_name_egress_chain(name, "tap1");
    chain = fw_table_chain(&rs->tables[SG_IPV4][FW_SECURITY], name);
    memset(&rule, 0, sizeof rule);
    rule.verdict = FW_DROP;
    rule.packets = 11;
    rule.bytes = 1000;
    rule.origin = policy_text_id("r1");
    fw_chain_append(chain, &rule);
    fw_name_group_chain(name, SG_INGRESS, &g1);
    chain = fw_table_chain(&rs->tables[SG_IPV6][FW_SECURITY], name);
    memset(&rule.origin, 0, sizeof rule.origin);
    fw_chain_append(chain, &rule);

    j = rf_load(report_sets(&f.in, rs));
    PATH(j, "sets.0.group", "\"67000001-0000-4000-8000-000000000001\"");
    PATH(j, "sets.0.slot", "\"b\"");
    PATH(j, "sets.0.family", "\"IPv4\"");
    PATH(j, "sets.0.members", "2");
    PATH(j, "sets.0.policy_members", "2");
    PATH(j, "sets.1.name", "\"sg1-tmp-1\"");
    PATH(j, "sets.1.group", "null");
    PATH(j, "sets.1.policy_members", "null");
    PATH(j, "sets.2", "-");
    json_decref(j);

    /* Only what is ours of the built-in chains. */
    j = rf_load(report_rules(&f.in, rs));
    PATH(j, "rules.0.chain", "\"FORWARD\"");
    PATH(j, "rules.0.index", "2");
    PATH(j, "rules.0.rule_id", "null");
    PATH(j, "rules.0.port", "null");
    PATH(j, "rules.1.chain", "\"FORWARD\"");
    PATH(j, "rules.1.index", "4");
    PATH(j, "rules.1.text", "\"-i qbr+ -j sg1-root\"");
    PATH(j, "rules.2.chain", "\"sg1-e-tap1\"");
    PATH(j, "rules.2.device", "\"tap1\"");
    PATH(j, "rules.2.port", "\"70000001-0000-4000-8000-000000000001\"");
    PATH(j, "rules.2.packets", "11");
    PATH(j, "rules.2.bytes", "1000");
    PATH(j, "rules.2.rule_id", "\"72000001-0000-4000-8000-000000000001\"");
    PATH(j, "rules.2.table", "\"security\"");
    PATH(j, "rules.2.text", "\"-j DROP\"");
    PATH(j, "rules.2.direction", "\"egress\"");
    PATH(j, "rules.3.family", "\"IPv6\"");
    PATH(j, "rules.3.group", "\"67000001-0000-4000-8000-000000000001\"");
    PATH(j, "rules.3.direction", "\"ingress\"");
    PATH(j, "rules.4", "-");
    json_decref(j);
    fw_ruleset_destroy(rs);
    rf_uninit(&f);
}

TEST(plan)
{
    struct fw_edit edits[2];
    struct fw_step steps[2];
    struct fw_plan plan = { steps, 2, 2 };
    struct sg_prefix member = policy_text_prefix("10.0.0.1");
    struct report_fixture f;
    json_t *j;

    rf_init(&f, ANSWER);
    memset(edits, 0, sizeof edits);
    memset(steps, 0, sizeof steps);
    steps[0].phase = FW_PHASE_PREPARE;
    steps[0].kind = FW_STEP_SET_ADD;
    strcpy(steps[0].set.name, "sg1-x");
    for (int i = 0; i < 1001; i++) {
        sg_prefix_list_add(&steps[0].members, &member);
    }
    steps[1].phase = FW_PHASE_COMMIT;
    steps[1].kind = FW_STEP_TABLE_COMMIT;
    steps[1].family = SG_IPV6;
    steps[1].table = FW_SECURITY;
    steps[1].edits = edits;
    steps[1].n_edits = 2;
    edits[0].kind = FW_EDIT_CHAIN_CREATE;
    strcpy(edits[0].chain, "sg1-y");
    edits[1].kind = FW_EDIT_INSERT;
    strcpy(edits[1].chain, "sg1-y");
    edits[1].rule.verdict = FW_DROP;

    j = rf_load(report_plan(&f.in, &plan));
    PATH(j, "empty", "false");
    PATH(j, "generation", "2");
    PATH(j, "steps.0.phase", "\"prepare\"");
    PATH(j, "steps.0.kind", "\"add members\"");
    PATH(j, "steps.0.set", "\"sg1-x\"");
    PATH(j, "steps.0.n_members", "1001");
    PATH(j, "steps.0.members.999", "\"10.0.0.1\"");
    PATH(j, "steps.0.members.1000", "-");
    PATH(j, "steps.1.kind", "\"commit table\"");
    PATH(j, "steps.1.family", "\"IPv6\"");
    PATH(j, "steps.1.edits.0",
         "{\"kind\":\"create chain\",\"chain\":\"sg1-y\"}");
    PATH(j, "steps.1.edits.1.kind", "\"insert\"");
    PATH(j, "steps.1.edits.1.text", "\"-j DROP\"");
    json_decref(j);

    plan.n_steps = 0;
    j = rf_load(report_plan(&f.in, &plan));
    PATH(j, "empty", "true");
    PATH(j, "steps", "[]");
    json_decref(j);
    sg_prefix_list_uninit(&steps[0].members);
    rf_uninit(&f);
}

/* A packet to tap1 that a rule for members of g1 allowed. */
static void
make_trace(struct fw_trace *trace, struct fw_trace_rule *rule)
{
    memset(trace, 0, sizeof *trace);
    memset(rule, 0, sizeof *rule);
    trace->query.port = policy_text_id("p1");
    trace->query.direction = SG_INGRESS;
    trace->query.packet.src = policy_text_prefix("10.0.0.2");
    trace->query.packet.dst = policy_text_prefix("10.0.0.1");
    trace->query.packet.proto = 6;
    trace->query.packet.sport = 49152;
    trace->query.packet.dport = 80;
    strcpy(trace->query.packet.physdev_out, "tap1");
    trace->allowed = trace->wanted = true;
    trace->reason = trace->wanted_reason = FW_TRACE_BY_RULE;
    rule->table = FW_SECURITY;
    rule->index = 2;
    strcpy(rule->chain, "c");
    strcpy(rule->rule.set, "s");
    rule->rule.match = FW_M_SET_SRC;
    rule->rule.verdict = FW_ACCEPT;
    rule->rule.origin = policy_text_id("r1");
    rule->group = rule->members = policy_text_id("g1");
    trace->rules = rule;
    trace->n_rules = 1;
}

TEST(trace)
{
    struct fw_trace_rule rule;
    struct fw_trace trace;
    struct report_trace r = {
        .trace = &trace, .guard = "in place", .has_view = true,
        .view = L2_VIEW_NOT_LOOKED_AT,
    };
    struct report_fixture f;
    json_t *j;

    rf_init(&f, "port p1 rev=1");
    make_trace(&trace, &rule);
    j = rf_load(report_trace(&f.in, &r));
    PATH(j, "verdict", "\"allowed\"");
    PATH(j, "by", "\"tables\"");
    PATH(j, "reason", "\"rule\"");
    PATH(j, "device", "\"tap1\"");
    PATH(j, "direction", "\"ingress\"");
    PATH(j, "packet.text", "\"IPv4 tcp 10.0.0.2:49152 > 10.0.0.1:80\"");
    PATH(j, "packet.destination_port", "80");
    PATH(j, "packet.state", "\"new\"");
    PATH(j, "packet.mac", "-");
    PATH(j, "rule.rule_id", "\"72000001-0000-4000-8000-000000000001\"");
    PATH(j, "rule.group", "\"67000001-0000-4000-8000-000000000001\"");
    PATH(j, "rule.members_of", "\"67000001-0000-4000-8000-000000000001\"");
    PATH(j, "rule.set", "\"s\"");
    PATH(j, "steps.0.chain", "\"c\"");
    PATH(j, "steps.0.index", "2");
    PATH(j, "as_intended", "true");
    PATH(j, "guard", "{\"state\":\"in place\",\"passes\":true,\"view\":"
         "\"not_looked_at\",\"why\":\"not from a tap of ours\"}");
    PATH(j, "notes", "[]");
    json_decref(j);

    /* What it misses, what is not as it is to be, and no rule. */
    trace.allowed = false;
    trace.reason = FW_TRACE_NO_RULE;
    trace.decisive = 1;
    trace.misses[0] = rule;
    trace.misses[0].missed = FW_M_SET_SRC;
    trace.n_misses = trace.n_misses_total = 1;
    trace.differences[0].table = FW_SECURITY;
    trace.differences[0].edit.kind = FW_EDIT_DELETE;
    trace.differences[0].edit.rule = rule.rule;
    trace.n_differences = 1;
    trace.n_differences_total = 20;
    j = rf_load(report_trace(&f.in, &r));
    PATH(j, "verdict", "\"denied\"");
    PATH(j, "rule", "null");
    PATH(j, "as_intended", "false");
    PATH(j, "intended.verdict", "\"allowed\"");
    PATH(j, "needed.0.needs", "\"source a member of "
         "67000001-0000-4000-8000-000000000001, in set s\"");
    PATH(j, "differences.0.kind", "\"delete\"");
    PATH(j, "differences.0.text", "\"-m set --match-set s src -j ACCEPT\"");
    PATH(j, "differences_total", "20");
    json_decref(j);
    rf_uninit(&f);
}

/* What nobody knows is not called allowed, and what the guard drops is
 * denied. */
TEST(verdicts_of_a_trace)
{
    struct fw_trace_rule rule;
    struct fw_trace trace;
    struct report_trace r = { .trace = &trace, .guard = "off" };
    struct report_fixture f;
    json_t *j;

    rf_init(&f, "port p1 rev=1");
    make_trace(&trace, &rule);
    CHECK_STR(report_trace_verdict(&r), "allowed");
    trace.n_foreign[FW_RAW] = 1;
    CHECK_STR(report_trace_verdict(&r), "allowed");
    trace.n_foreign[FW_FILTER] = 2;
    CHECK_STR(report_trace_verdict(&r), "unknown");
    trace.n_foreign[FW_FILTER] = 0;
    trace.n_foreign[FW_SECURITY] = 1;
    CHECK_STR(report_trace_verdict(&r), "unknown");
    j = rf_load(report_trace(&f.in, &r));
    PATH(j, "notes.1", "\"rules of others in table security were met "
         "(1): what they do is not known\"");
    json_decref(j);
    trace.n_foreign[FW_SECURITY] = 0;
    trace.set_error = 5;
    CHECK_STR(report_trace_verdict(&r), "unknown");
    trace.set_error = 0;
    r.knob_problem = "the knob is 0";
    CHECK_STR(report_trace_verdict(&r), "unknown");
    r.has_view = true;
    r.view = L2_VIEW_SHUT;
    CHECK_STR(report_trace_verdict(&r), "denied");
    j = rf_load(report_trace(&f.in, &r));
    PATH(j, "by", "\"guard\"");
    PATH(j, "reason", "\"shut\"");
    PATH(j, "notes.0", "\"the knob is 0\"");
    json_decref(j);

    r.knob_problem = NULL;
    r.view = L2_VIEW_FORGED;
    trace.query.direction = SG_EGRESS;
    trace.query.state = FW_TRACE_RELATED;
    trace.untracked = true;
    f.in.applied--;
    j = rf_load(report_trace(&f.in, &r));
    PATH(j, "verdict", "\"denied\"");
    PATH(j, "packet.mac", "\"00:00:00:00:00:00\"");
    PATH(j, "notes.1", "\"what passes this bridge is not tracked: no flow is "
         "known\"");
    json_decref(j);
    rf_uninit(&f);
}
