/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The documents that sgctl shows, read back as JSON. */

#include <config.h>
#include "agent/report.h"

#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/latency.h"
#include "agent/loop_watch.h"
#include "agent/metrics.h"
#include "agent/report_trace.h"
#include "rpc/amqp_reason.h"
#include "rpc/topology.h"
#include "tests/lib/policy-text.h"
#include "tests/lib/test.h"
#include "tests/lib/update-text.h"
#include "util.h"

struct fixture {
    struct policy_store *store;
    struct sync *sync;
    struct port_status *ps;
    struct report_broker broker;
    struct report_saved saved;
    struct fw_stats fw;
    struct fw_result result;
    struct report_input in;
};

static const struct policy_store_limits LIMITS = {
    .members = 10, .rules_per_port = 10, .groups = 10, .ports = 4,
    .set_entries = 100,
};
static const struct sync_config CONFIG = {
    .host = "h1", .boot = "b1", .timeout_ms = 10000, .backoff_min_ms = 200,
    .backoff_max_ms = 60000, .beacon_ms = 2000, .seed = 1,
};

static void
update_status(struct fixture *f, const char *broker_problem)
{
    struct port_status_input in = {
        .policy = policy_store_policy(f->store),
        .store = f->store,
        .sync = f->sync,
        .result = f->in.result,
        .applied = f->in.applied,
        .starting = f->in.result ? NULL : "a controller is to answer",
        .starting_since = 1000,
        .ovsdb_ok = true,
        .broker_problem = broker_problem,
    };

    port_status_update(f->ps, &in, f->in.now);
}

/* One port, told with 'answer', in the kernel. */
static void
init(struct fixture *f, const char *text)
{
    struct local_port local;
    struct sg_sync_request request;
    struct sg_update update;
    char msg_id[33];

    memset(f, 0, sizeof *f);
    f->store = policy_store_create(&LIMITS);
    f->sync = sync_create(&CONFIG, f->store);
    f->ps = port_status_create(NULL, 0);
    f->broker = (struct report_broker) {
        .stage = "up", .broker = "b:5672", .queue = "sg-agent.h1.00000001",
        .last_error = "", .sessions = 2, .n_bindings = 3, .n_bound = 3,
    };
    f->saved = (struct report_saved) { .age_ms = -1, .saved = LLONG_MIN };
    f->in = (struct report_input) {
        .now = 5000, .host = "h1", .boot = "b1", .version = "9.9",
        .store = f->store, .sync = f->sync, .ports = f->ps,
        .broker = &f->broker, .fw = &f->fw, .started = 1000,
        .saved = &f->saved,
        .l2_guard = "in place",
        .last_apply = LLONG_MIN, .lag_ms = -1, .start = "asking",
    };
    memset(&local, 0, sizeof local);
    local.id = policy_text_id("p1");
    local.binding.plug = SG_PLUG_HYBRID;
    strcpy(local.binding.device, "tap1");
    strcpy(local.binding.bridge, "qbr1");
    local.binding.zone = 4097;
    policy_store_set_local(f->store, &local, 1);
    if (!text) {
        return;
    }

    sync_connected(f->sync, 4000);
    REQUIRE(sync_run(f->sync, 4000, msg_id, &request));
    sg_sync_request_uninit(&request);
    update_text_parse(&update, SG_METHOD_SYNC, text);
    update.epoch.ms = 100;
    sync_answer(f->sync, msg_id, &update, NULL, 4000);
    sg_update_uninit(&update);
    f->in.result = &f->result;
    f->in.last_apply = 4500;
    f->in.applied = policy_store_policy(f->store)->generation;
    f->result.generation = f->in.applied;
}

static void
uninit(struct fixture *f)
{
    port_status_destroy(f->ps);
    sync_destroy(f->sync);
    policy_store_destroy(f->store);
}

/* Takes ownership of 'text'. */
static json_t *
load(char *text)
{
    json_error_t error;
    json_t *j;

    CHECK(!strchr(text, '\n'));
    j = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (!j) {
        FAIL("%s: %s", error.text, text);
    }
    free(text);
    REQUIRE(j);
    return j;
}

/* The value at "a.b.0.c", as text. */
static void
check_path(json_t *root, const char *path, const char *expected,
           int line)
{
    char *copy = xstrdup(path);
    char *save = NULL;
    json_t *j = root;
    char *text;

    for (char *part = strtok_r(copy, ".", &save); part && j;
         part = strtok_r(NULL, ".", &save)) {
        j = (json_is_array(j) ? json_array_get(j, (size_t) atoi(part))
             : json_object_get(j, part));
    }
    text = j ? json_dumps(j, JSON_ENCODE_ANY | JSON_COMPACT) : xstrdup("-");
    if (strcmp(text, expected)) {
        FAIL("line %d: %s is %s, not %s", line, path, text, expected);
    }
    CHECK(true);
    free(text);
    free(copy);
}
#define PATH(J, P, EXPECTED) check_path(J, P, EXPECTED, __LINE__)

#define ANSWER "port p1 rev=3 groups=g1 ip=1 pair=0.0.0.0/0 pair=2;" \
    "rules g1 rev=2 n=1 remote=g1 refused;" \
    "members g1 rev=7 +1 +2 +10.9.0.0/16 +2001:db8::1"

TEST(disputed_zones_are_warnings)
{
    char one[] = "bridge a", two[] = "bridge b";
    char *problems[] = { one, two };
    struct fixture f;
    json_t *j;

    init(&f, NULL);
    f.in.zone_problems = problems;
    f.in.n_zone_problems = 2;
    f.in.zone_problems_total = 9;
    update_status(&f, NULL);
    j = load(report_status(&f.in));
    PATH(j, "warnings.0", "{\"code\":\"zones\",\"text\":\"bridge a\"}");
    PATH(j, "warnings.1", "{\"code\":\"zones\",\"text\":\"bridge b\"}");
    PATH(j, "warnings.2", "{\"code\":\"zones\",\"text\":\"7 more bridges "
         "have disputed zones\"}");
    json_decref(j);
    uninit(&f);
}

TEST(status_at_the_start)
{
    struct fixture f;
    json_t *j;

    init(&f, NULL);
    update_status(&f, "resolve: no such host");
    j = load(report_status(&f.in));
    PATH(j, "state", "\"starting\"");
    PATH(j, "enforcing", "false");
    PATH(j, "in_sync", "false");
    PATH(j, "start", "\"asking\"");
    PATH(j, "reasons.0", "{\"code\":\"starting\",\"text\":\"a controller "
         "is to answer\",\"since_ms\":4000}");
    PATH(j, "reasons.1", "{\"code\":\"broker_down\",\"text\":\"resolve: no "
         "such host\",\"since_ms\":0}");
    PATH(j, "epoch", "null");
    PATH(j, "beacon_age_ms", "null");
    PATH(j, "lag_ms", "null");
    PATH(j, "last_apply", "null");
    PATH(j, "uptime_ms", "4000");
    PATH(j, "warnings", "[]");
    PATH(j, "l2_guard", "\"in place\"");
    json_decref(j);
    uninit(&f);
}

/* 'reasons' is empty exactly if sgctl may exit with 0. */
TEST(status_when_all_is_well)
{
    struct fixture f;
    struct sg_update beacon;
    json_t *j;

    init(&f, "port p1 rev=1");
    update_text_parse(&beacon, SG_METHOD_BEACON, "epoch=100 seq=9");
    sync_update(f.sync, &beacon, 4400);
    sg_update_uninit(&beacon);
    f.in.lag_ms = 3;
    update_status(&f, NULL);
    j = load(report_status(&f.in));
    PATH(j, "host", "\"h1\"");
    PATH(j, "version", "\"9.9\"");
    PATH(j, "state", "\"enforcing\"");
    PATH(j, "enforcing", "true");
    PATH(j, "in_sync", "true");
    PATH(j, "reasons", "[]");
    PATH(j, "generation", "2");
    PATH(j, "applied", "2");
    PATH(j, "epoch", "\"100-00000000\"");
    PATH(j, "beacon_age_ms", "600");
    PATH(j, "lag_ms", "3");
    PATH(j, "sync.state", "\"synced\"");
    PATH(j, "sync.beacon_seq", "9");
    PATH(j, "broker.stage", "\"up\"");
    PATH(j, "broker.sessions", "2");
    PATH(j, "ports", "{\"total\":1,\"protected\":1,\"degraded\":0,"
         "\"closed\":0,\"unenforceable\":0,\"excepted\":0,"
         "\"unfiltered\":0}");
    PATH(j, "last_apply.ok", "true");
    PATH(j, "last_apply.age_ms", "500");
    PATH(j, "last_apply.problems", "[]");
    json_decref(j);
    uninit(&f);
}

TEST(status_without_a_guard)
{
    struct fixture f;
    json_t *j;

    init(&f, ANSWER);
    update_status(&f, NULL);
    f.in.l2_guard = "off";
    j = load(report_status(&f.in));
    PATH(j, "l2_guard", "\"off\"");
    PATH(j, "warnings.0.code", "\"l2_guard\"");
    PATH(j, "warnings.1", "-");
    json_decref(j);

    f.in.l2_guard = "in place";
    f.in.other_tables = "ip filter, ip6 filter";
    j = load(report_status(&f.in));
    PATH(j, "warnings.0", "{\"code\":\"other_tables\",\"text\":\"nf_tables "
         "has tables of others: ip filter, ip6 filter; packets must pass "
         "these and the legacy tables, which the agent writes; it neither "
         "reads nor changes the others\"}");
    PATH(j, "warnings.1", "-");
    json_decref(j);
    uninit(&f);
}

TEST(status_of_a_saved_policy)
{
    struct fixture f;
    json_t *j;

    init(&f, ANSWER);
    update_status(&f, NULL);
    f.saved.saved = 4000;
    j = load(report_status(&f.in));
    PATH(j, "saved_policy", "{\"in_force\":false,\"age_ms\":null,"
         "\"saved_ms\":1000,\"ignored\":null,\"error\":null}");
    PATH(j, "warnings.0", "-");
    json_decref(j);

    f.saved = (struct report_saved) {
        .in_force = true, .age_ms = 77, .saved = LLONG_MIN,
        .ignored = "damaged", .error = "no space",
    };
    j = load(report_status(&f.in));
    PATH(j, "saved_policy", "{\"in_force\":true,\"age_ms\":77,"
         "\"saved_ms\":null,\"ignored\":\"damaged\","
         "\"error\":\"no space\"}");
    PATH(j, "warnings.0", "{\"code\":\"saved_policy_ignored\",\"text\":"
         "\"the saved policy of an earlier run is not used: damaged\"}");
    PATH(j, "warnings.1", "{\"code\":\"saved_policy_failed\",\"text\":"
         "\"the policy cannot be saved for a reboot: no space\"}");
    json_decref(j);
    uninit(&f);
}

TEST(status_with_warnings_and_reasons)
{
    static const char *const unknown[] = { "tap-x", "tap-y" };
    char text[] = "commit: \"no\"";
    struct uuid p1 = policy_text_id("p1");
    char rendering[] = "cannot";
    struct fw_problem problem = { .port = p1, .text = rendering };
    const uint64_t refusals[MQ_N_REASONS] = {
        [MQ_NOT_FOUND] = 3, [MQ_OTHER_REASON] = 1,
    };
    struct fixture f;
    json_t *j;

    init(&f, ANSWER);
    f.in.unknown_devices = unknown;
    f.in.n_unknown_devices = 2;
    f.in.unknown_devices_total = 3;
    f.broker.blocked = true;
    f.broker.blocked_ms = 4200;
    f.broker.refusals = refusals;
    f.result.error = 5;
    f.result.error_text = text;
    f.result.problems = (struct fw_problems) { &problem, 1, 1 };
    update_status(&f, NULL);
    j = load(report_status(&f.in));
    PATH(j, "state", "\"degraded\"");
    PATH(j, "reasons.0.code", "\"not_in_sync\"");
    PATH(j, "reasons.1.code", "\"apply_failed\"");
    PATH(j, "reasons.2.code", "\"ports\"");
    PATH(j, "reasons.3", "-");
    PATH(j, "warnings.0.text", "\"3 devices on our bridges belong to no port "
         "and are closed: tap-x, tap-y ...\"");
    PATH(j, "warnings.1.code", "\"broker_blocked\"");
    PATH(j, "broker.blocked_ms", "4200");
    PATH(j, "broker.refusals", "{\"NOT_FOUND\":3,\"OTHER\":1}");
    PATH(j, "last_apply.error", "\"commit: \\\"no\\\"\"");
    PATH(j, "last_apply.problems.0", "{\"port\":\"70000001-0000-4000-8000-"
         "000000000001\",\"group\":null,\"text\":\"cannot\"}");
    json_decref(j);

    /* What belongs to no port and no group is a warning. */
    memset(&problem.port, 0, sizeof problem.port);
    j = load(report_status(&f.in));
    PATH(j, "warnings.0.code", "\"kernel_objects\"");
    PATH(j, "warnings.0.text", "\"cannot\"");
    json_decref(j);
    uninit(&f);
}

TEST(ports)
{
    struct fixture f;
    json_t *j;

    init(&f, ANSWER);
    update_status(&f, NULL);
    j = load(report_ports(&f.in));
    PATH(j, "ports.0.id", "\"70000001-0000-4000-8000-000000000001\"");
    PATH(j, "ports.0.device", "\"tap1\"");
    PATH(j, "ports.0.zone", "4097");
    PATH(j, "ports.0.plug", "\"hybrid\"");
    PATH(j, "ports.0.state", "\"degraded\"");
    PATH(j, "ports.0.reason", "\"refused\"");
    PATH(j, "ports.0.since_ms", "0");
    PATH(j, "ports.0.sync", "\"confirmed\"");
    PATH(j, "ports.0.policy.revision", "3");
    PATH(j, "ports.0.policy.network_id", "null");
    PATH(j, "ports.0.policy.fixed_ips", "[\"10.0.0.1\"]");
    /* Everything is a source, not a member. */
    PATH(j, "ports.0.policy.pairs", "["
         "{\"address\":\"0.0.0.0/0\",\"mac\":\"02:00:00:00:00:00\","
         "\"member\":false},"
         "{\"address\":\"10.0.0.2\",\"mac\":\"02:00:00:00:00:00\","
         "\"member\":true}]");
    PATH(j, "ports.0.policy.groups",
         "[\"67000001-0000-4000-8000-000000000001\"]");
    PATH(j, "ports.0.policy.refused", "[]");
    PATH(j, "ports.1", "-");
    json_decref(j);
    uninit(&f);

    init(&f, NULL);
    update_status(&f, NULL);
    j = load(report_ports(&f.in));
    PATH(j, "ports.0.knowledge", "\"absent\"");
    PATH(j, "ports.0.policy", "null");
    /* The agent starts: who knows what is in the kernel. */
    PATH(j, "ports.0.closed", "false");
    json_decref(j);
    uninit(&f);
}

TEST(groups)
{
    struct fixture f;
    json_t *j;

    init(&f, ANSWER);
    j = load(report_groups(&f.in));
    PATH(j, "groups.0.id", "\"67000001-0000-4000-8000-000000000001\"");
    PATH(j, "groups.0.rules.state", "\"known\"");
    PATH(j, "groups.0.rules.revision", "2");
    PATH(j, "groups.0.rules.count", "2");
    PATH(j, "groups.0.rules.stateful", "true");
    PATH(j, "groups.0.rules.since_ms", "1000");
    PATH(j, "groups.0.rules.sync", "\"unconfirmed\"");
    PATH(j, "groups.0.rules.refused.0.reason",
         "\"unknown key \\\"colour\\\"\"");
    PATH(j, "groups.0.members.ipv4", "2");
    PATH(j, "groups.0.members.ipv6", "1");
    PATH(j, "groups.0.members.prefix_members", "1");
    PATH(j, "groups.0.members.needed", "true");
    PATH(j, "groups.0.members.problem", "null");
    PATH(j, "groups.1", "-");
    json_decref(j);
    uninit(&f);
}

TEST(sets_and_rules)
{
    struct uuid g1 = policy_text_id("g1");
    struct fw_ruleset *rs = fw_ruleset_create();
    struct fw_rule rule;
    struct fw_chain *chain;
    struct fw_set set;
    struct fixture f;
    json_t *j;

    init(&f, ANSWER);
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

    j = load(report_sets(&f.in, rs));
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
    j = load(report_rules(&f.in, rs));
    PATH(j, "rules.0.chain", "\"FORWARD\"");
    PATH(j, "rules.0.index", "2");
    PATH(j, "rules.0.rule_id", "null");
    PATH(j, "rules.0.port", "null");
    PATH(j, "rules.1.chain", "\"sg1-e-tap1\"");
    PATH(j, "rules.1.device", "\"tap1\"");
    PATH(j, "rules.1.port", "\"70000001-0000-4000-8000-000000000001\"");
    PATH(j, "rules.1.packets", "11");
    PATH(j, "rules.1.bytes", "1000");
    PATH(j, "rules.1.rule_id", "\"72000001-0000-4000-8000-000000000001\"");
    PATH(j, "rules.1.table", "\"security\"");
    PATH(j, "rules.1.text", "\"-j DROP\"");
    PATH(j, "rules.1.direction", "\"egress\"");
    PATH(j, "rules.2.family", "\"IPv6\"");
    PATH(j, "rules.2.group", "\"67000001-0000-4000-8000-000000000001\"");
    PATH(j, "rules.2.direction", "\"ingress\"");
    PATH(j, "rules.3", "-");
    json_decref(j);
    fw_ruleset_destroy(rs);
    uninit(&f);
}

TEST(plan)
{
    struct fw_edit edits[2];
    struct fw_step steps[2];
    struct fw_plan plan = { steps, 2, 2 };
    struct sg_prefix member = policy_text_prefix("10.0.0.1");
    struct fixture f;
    json_t *j;

    init(&f, ANSWER);
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

    j = load(report_plan(&f.in, &plan));
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
    j = load(report_plan(&f.in, &plan));
    PATH(j, "empty", "true");
    PATH(j, "steps", "[]");
    json_decref(j);
    sg_prefix_list_uninit(&steps[0].members);
    uninit(&f);
}

TEST(small_documents)
{
    struct metrics *m = metrics_create();
    struct report_resync r = {
        .done = true, .n_differences = 2, .text = "one\ntwo\n",
        .generation_before = 3, .generation = 4, .duration_ms = 5,
    };
    struct fixture f;
    json_t *j;
    char *text;

    init(&f, NULL);
    text = report_wait(7, 6, false);
    CHECK_STR(text, "{\"generation\":7,\"applied\":6,\"done\":false}");
    free(text);
    r.error = "a \"b\" \x01\xff";
    text = report_resync(&f.in, &r);
    CHECK_CONTAINS(text, "\"error\":\"(not UTF-8)\"");
    free(text);
    r.error = "a \"b\" \x1b[0m";
    text = report_resync(&f.in, &r);
    CHECK_CONTAINS(text, "\"error\":\"a \\\"b\\\" \\u001B[0m\"");
    free(text);
    r.error = NULL;
    text = report_version(&f.in);
    CHECK_STR(text, "{\"version\":\"9.9\",\"host\":\"h1\",\"boot\":\"b1\","
              "\"uptime_ms\":4000}");
    free(text);

    j = load(report_resync(&f.in, &r));
    PATH(j, "done", "true");
    PATH(j, "error", "null");
    PATH(j, "differences", "2");
    PATH(j, "lines", "[\"one\",\"two\"]");
    PATH(j, "generation", "4");
    json_decref(j);
    r.text = NULL;
    r.error = "no answer";
    j = load(report_resync(&f.in, &r));
    PATH(j, "lines", "[]");
    PATH(j, "error", "\"no answer\"");
    json_decref(j);

    metric_set(metrics_gauge(m, "sg_x", "X", NULL, NULL), 2);
    j = load(report_metrics(m));
    PATH(j, "samples", "[{\"name\":\"sg_x\",\"value\":2.0}]");
    PATH(j, "text",
         "\"# TYPE sg_x gauge\\n# HELP sg_x X\\nsg_x 2\\n# EOF\\n\"");
    json_decref(j);
    metrics_destroy(m);
    uninit(&f);
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
    struct fixture f;
    json_t *j;

    init(&f, "port p1 rev=1");
    make_trace(&trace, &rule);
    j = load(report_trace(&f.in, &r));
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
    j = load(report_trace(&f.in, &r));
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
    uninit(&f);
}

/* What nobody knows is not called allowed, and what the guard drops is
 * denied. */
TEST(verdicts_of_a_trace)
{
    struct fw_trace_rule rule;
    struct fw_trace trace;
    struct report_trace r = { .trace = &trace, .guard = "off" };
    struct fixture f;
    json_t *j;

    init(&f, "port p1 rev=1");
    make_trace(&trace, &rule);
    CHECK_STR(report_trace_verdict(&r), "allowed");
    trace.n_foreign[FW_RAW] = 1;
    CHECK_STR(report_trace_verdict(&r), "allowed");
    trace.n_foreign[FW_FILTER] = 2;
    CHECK_STR(report_trace_verdict(&r), "unknown");
    trace.n_foreign[FW_FILTER] = 0;
    trace.n_foreign[FW_SECURITY] = 1;
    CHECK_STR(report_trace_verdict(&r), "unknown");
    j = load(report_trace(&f.in, &r));
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
    j = load(report_trace(&f.in, &r));
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
    j = load(report_trace(&f.in, &r));
    PATH(j, "verdict", "\"denied\"");
    PATH(j, "packet.mac", "\"00:00:00:00:00:00\"");
    PATH(j, "notes.1", "\"what passes this bridge is not tracked: no flow is "
         "known\"");
    json_decref(j);
    uninit(&f);
}

TEST(loop)
{
    static const struct loop_thread before = { 0, 0 }, after = { 2500, 250 };
    struct loop_watch w;
    json_t *j;

    loop_watch_init(&w);
    j = load(report_loop(&w, 1000));
    PATH(j, "turns", "0");
    PATH(j, "longest_turn_ms", "0.0");
    PATH(j, "longest_turn_cpu_ms", "null");
    PATH(j, "longest_turn_what", "null");
    PATH(j, "longest_turn_age_ms", "null");
    json_decref(j);

    loop_watch_begin(&w, 500);
    loop_watch_note_thread(&w, &before, 500);
    loop_watch_step(&w, LOOP_SAVED, 2500);
    loop_watch_step(&w, LOOP_CHECKS, 3500);
    loop_watch_end(&w, &after, 3500, 4000);
    j = load(report_loop(&w, 4100));
    PATH(j, "turns", "1");
    PATH(j, "long_turns", "0");
    PATH(j, "longest_turn_ms", "2.75");
    PATH(j, "longest_turn_wall_ms", "3.0");
    PATH(j, "longest_turn_wait_ms", "0.25");
    PATH(j, "longest_turn_cpu_ms", "2.5");
    PATH(j, "longest_turn_what", "\"the saved policy\"");
    PATH(j, "longest_turn_what_ms", "2.0");
    PATH(j, "longest_turn_age_ms", "100");
    json_decref(j);
}

TEST(latency)
{
    static const struct store_arrival arrivals[] = {
        { SG_KIND_RULES, 1000 }, { SG_KIND_RULES, 3030 },
    };
    struct latency *l = latency_create();
    json_t *j;

    latency_stored(l, arrivals, 2, 7, 1015);
    latency_applied(l, 7, 21000);
    j = load(report_latency(latency_status(l)));
    CHECK_UEQ(json_array_size(json_object_get(j, "latency")),
              SG_N_KINDS * SG_LATENCY_N_PHASES);
    PATH(j, "latency.0.kind", "\"port\"");
    PATH(j, "latency.0.p50_ms", "null");
    PATH(j, "latency.0.max_ms", "null");
    PATH(j, "latency.2.kind", "\"rules\"");
    PATH(j, "latency.2.phase", "\"stored\"");
    PATH(j, "latency.2.count", "2");
    PATH(j, "latency.2.p50_ms", "1");
    PATH(j, "latency.2.p99_ms", "20");
    PATH(j, "latency.2.max_ms", "15");
    PATH(j, "latency.2.counts", "[1,0,0,0,1,0,0,0,0,0,0,0,0,0]");
    /* Above all bounds: what is known is the longest. */
    PATH(j, "latency.3.p50_ms", "null");
    PATH(j, "latency.3.max_ms", "20000");
    PATH(j, "skewed", "1");
    json_decref(j);
    latency_destroy(l);
}
