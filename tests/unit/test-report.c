/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The documents that sgctl shows, read back as JSON: how the agent is, what
 * it knows, and what it counts.  test-report-kernel.c has those about the
 * kernel. */

#include <config.h>
#include "agent/report.h"

#include <limits.h>
#include <stdlib.h>

#include "agent/latency.h"
#include "agent/loop_watch.h"
#include "agent/metrics.h"
#include "rpc/amqp_reason.h"
#include "tests/lib/policy-text.h"
#include "tests/lib/report-fixture.h"
#include "tests/lib/test.h"
#include "tests/lib/update-text.h"

static void
update_status(struct report_fixture *f, const char *broker_problem)
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

TEST(disputed_zones_are_warnings)
{
    char one[] = "bridge a", two[] = "bridge b";
    char *problems[] = { one, two };
    struct report_fixture f;
    json_t *j;

    rf_init(&f, NULL);
    f.in.zone_problems = problems;
    f.in.n_zone_problems = 2;
    f.in.zone_problems_total = 9;
    update_status(&f, NULL);
    j = rf_load(report_status(&f.in));
    PATH(j, "warnings.0", "{\"code\":\"zones\",\"text\":\"bridge a\"}");
    PATH(j, "warnings.1", "{\"code\":\"zones\",\"text\":\"bridge b\"}");
    PATH(j, "warnings.2", "{\"code\":\"zones\",\"text\":\"7 more bridges "
         "have disputed zones\"}");
    json_decref(j);
    rf_uninit(&f);
}

TEST(status_at_the_start)
{
    struct report_fixture f;
    json_t *j;

    rf_init(&f, NULL);
    update_status(&f, "resolve: no such host");
    j = rf_load(report_status(&f.in));
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
    rf_uninit(&f);
}

/* 'reasons' is empty exactly if sgctl may exit with 0. */
TEST(status_when_all_is_well)
{
    struct report_fixture f;
    struct sg_update beacon;
    json_t *j;

    rf_init(&f, "port p1 rev=1");
    update_text_parse(&beacon, SG_METHOD_BEACON, "epoch=100 seq=9");
    sync_update(f.sync, &beacon, 4400);
    sg_update_uninit(&beacon);
    f.in.lag_ms = 3;
    update_status(&f, NULL);
    j = rf_load(report_status(&f.in));
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
    rf_uninit(&f);
}

TEST(status_without_a_guard)
{
    struct report_fixture f;
    json_t *j;

    rf_init(&f, ANSWER);
    update_status(&f, NULL);
    f.in.l2_guard = "off";
    j = rf_load(report_status(&f.in));
    PATH(j, "l2_guard", "\"off\"");
    PATH(j, "warnings.0.code", "\"l2_guard\"");
    PATH(j, "warnings.1", "-");
    json_decref(j);

    f.in.l2_guard = "in place";
    f.in.other_tables = "ip filter, ip6 filter";
    j = rf_load(report_status(&f.in));
    PATH(j, "warnings.0", "{\"code\":\"other_tables\",\"text\":\"nf_tables "
         "has tables of others: ip filter, ip6 filter; packets must pass "
         "these and the legacy tables, which the agent writes; it neither "
         "reads nor changes the others\"}");
    PATH(j, "warnings.1", "-");
    json_decref(j);
    rf_uninit(&f);
}

TEST(status_of_a_saved_policy)
{
    struct report_fixture f;
    json_t *j;

    rf_init(&f, ANSWER);
    update_status(&f, NULL);
    f.saved.saved = 4000;
    j = rf_load(report_status(&f.in));
    PATH(j, "saved_policy", "{\"in_force\":false,\"age_ms\":null,"
         "\"saved_ms\":1000,\"ignored\":null,\"error\":null}");
    PATH(j, "warnings.0", "-");
    json_decref(j);

    f.saved = (struct report_saved) {
        .in_force = true, .age_ms = 77, .saved = LLONG_MIN,
        .ignored = "damaged", .error = "no space",
    };
    j = rf_load(report_status(&f.in));
    PATH(j, "saved_policy", "{\"in_force\":true,\"age_ms\":77,"
         "\"saved_ms\":null,\"ignored\":\"damaged\","
         "\"error\":\"no space\"}");
    PATH(j, "warnings.0", "{\"code\":\"saved_policy_ignored\",\"text\":"
         "\"the saved policy of an earlier run is not used: damaged\"}");
    PATH(j, "warnings.1", "{\"code\":\"saved_policy_failed\",\"text\":"
         "\"the policy cannot be saved for a reboot: no space\"}");
    json_decref(j);
    rf_uninit(&f);
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
    struct report_fixture f;
    json_t *j;

    rf_init(&f, ANSWER);
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
    j = rf_load(report_status(&f.in));
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
    j = rf_load(report_status(&f.in));
    PATH(j, "warnings.0.code", "\"kernel_objects\"");
    PATH(j, "warnings.0.text", "\"cannot\"");
    json_decref(j);
    rf_uninit(&f);
}

TEST(ports)
{
    struct report_fixture f;
    json_t *j;

    rf_init(&f, ANSWER);
    update_status(&f, NULL);
    j = rf_load(report_ports(&f.in));
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
    rf_uninit(&f);

    rf_init(&f, NULL);
    update_status(&f, NULL);
    j = rf_load(report_ports(&f.in));
    PATH(j, "ports.0.knowledge", "\"absent\"");
    PATH(j, "ports.0.policy", "null");
    /* The agent starts: who knows what is in the kernel. */
    PATH(j, "ports.0.closed", "false");
    json_decref(j);
    rf_uninit(&f);
}

TEST(groups)
{
    struct report_fixture f;
    json_t *j;

    rf_init(&f, ANSWER);
    j = rf_load(report_groups(&f.in));
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
    rf_uninit(&f);
}

TEST(small_documents)
{
    struct metrics *m = metrics_create();
    struct report_resync r = {
        .done = true, .n_differences = 2, .text = "one\ntwo\n",
        .generation_before = 3, .generation = 4, .duration_ms = 5,
    };
    struct report_fixture f;
    json_t *j;
    char *text;

    rf_init(&f, NULL);
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

    j = rf_load(report_resync(&f.in, &r));
    PATH(j, "done", "true");
    PATH(j, "error", "null");
    PATH(j, "differences", "2");
    PATH(j, "lines", "[\"one\",\"two\"]");
    PATH(j, "generation", "4");
    json_decref(j);
    r.text = NULL;
    r.error = "no answer";
    j = rf_load(report_resync(&f.in, &r));
    PATH(j, "lines", "[]");
    PATH(j, "error", "\"no answer\"");
    json_decref(j);

    metric_set(metrics_gauge(m, "sg_x", "X", NULL, NULL), 2);
    j = rf_load(report_metrics(m));
    PATH(j, "samples", "[{\"name\":\"sg_x\",\"value\":2.0}]");
    PATH(j, "text",
         "\"# TYPE sg_x gauge\\n# HELP sg_x X\\nsg_x 2\\n# EOF\\n\"");
    json_decref(j);
    metrics_destroy(m);
    rf_uninit(&f);
}

TEST(loop)
{
    static const struct loop_thread before = { 0, 0 }, after = { 2500, 250 };
    struct loop_watch w;
    json_t *j;

    loop_watch_init(&w);
    j = rf_load(report_loop(&w, 1000));
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
    j = rf_load(report_loop(&w, 4100));
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
    j = rf_load(report_latency(latency_status(l)));
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
