/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The state of ports and of the host, with time advanced by hand. */

#include <config.h>
#include "agent/port_status.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/policy_store.h"
#include "agent/sync.h"
#include "rpc/topology.h"
#include "tests/lib/policy-text.h"
#include "tests/lib/test.h"
#include "tests/lib/update-text.h"
#include "util.h"

struct fixture {
    struct policy_store *store;
    struct sync *sync;
    struct port_status *ps;
    struct port_status_input in;
    struct fw_result result;
    char msg_id[33];
    struct local_port locals[4];
    size_t n_locals;
    long long int now;
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
set_local(struct fixture *f)
{
    policy_store_set_local(f->store, f->locals, f->n_locals);
    sync_needs_changed(f->sync, f->now);
}

static struct sg_binding *
add_local(struct fixture *f, const char *name, enum sg_plug plug)
{
    struct local_port *local = &f->locals[f->n_locals++];

    local->id = policy_text_id(name);
    local->binding.plug = plug;
    snprintf(local->binding.device, sizeof local->binding.device, "tap-%s",
             name);
    snprintf(local->binding.interface, sizeof local->binding.interface,
             "qvo-%s", name);
    strcpy(local->binding.bridge, "qbr");
    local->binding.zone = (uint16_t) f->n_locals;
    return &local->binding;
}

static void
init(struct fixture *f, char *const *exceptions, size_t n)
{
    memset(f, 0, sizeof *f);
    f->now = 1000;
    f->store = policy_store_create(&LIMITS);
    f->sync = sync_create(&CONFIG, f->store);
    f->ps = port_status_create(exceptions, n);
    f->in = (struct port_status_input) {
        .policy = policy_store_policy(f->store),
        .store = f->store,
        .sync = f->sync,
        .ovsdb_ok = true,
        .broker_problem = "login: refused",
        .starting = "nobody has answered",
        .starting_since = 900,
    };
}

static void
uninit(struct fixture *f)
{
    port_status_destroy(f->ps);
    sync_destroy(f->sync);
    policy_store_destroy(f->store);
}

/* Lets the agent ask, and the controller answer with 'text'. */
static void
ask(struct fixture *f)
{
    struct sg_sync_request request;

    if (sync_run(f->sync, f->now, f->msg_id, &request)) {
        sg_sync_request_uninit(&request);
    }
}

static void
answer(struct fixture *f, const char *text)
{
    struct sg_update update;

    update_text_parse(&update, SG_METHOD_SYNC, text);
    update.epoch.ms = 100;
    sync_answer(f->sync, f->msg_id, &update, NULL, f->now);
    sg_update_uninit(&update);
}

static void
confirm(struct fixture *f)
{
    char **names;
    size_t n;

    if (sync_take_bindings(f->sync, f->now, &names, &n)) {
        for (size_t i = 0; i < n; i++) {
            sync_bound(f->sync, names[i], f->now);
            free(names[i]);
        }
        free(names);
    }
    f->now += 20;              /* SYNC_GATHER_MS */
    ask(f);
    answer(f, "same");
}

/* The kernel has everything now. */
static void
apply(struct fixture *f)
{
    f->in.result = &f->result;
    f->in.starting = NULL;
    f->in.applied = f->result.generation = f->in.policy->generation;
}

static void
check_port(struct fixture *f, const char *name, const char *expected)
{
    struct uuid id = policy_text_id(name);
    const struct port_info *info;
    char *text;

    port_status_update(f->ps, &f->in, f->now);
    info = port_status_port(f->ps, &id);
    REQUIRE(info);
    text = xasprintf("%s %s since %d gen %d%s%s%s%s%s",
                     port_state_name(info->state),
                     port_reason_name(info->reason), (int) info->since,
                     (int) info->generation, info->closed ? " closed" : "",
                     info->excepted ? " excepted" : "",
                     info->counts ? " counts" : "",
                     info->detail[0] ? ": " : "", info->detail);
    CHECK_STR(text, expected);
    free(text);
}

/* "CODE since N: TEXT" per problem. */
static void
check_host(struct fixture *f, const char *expected)
{
    const struct host_info *host;
    struct ds s = DS_EMPTY_INITIALIZER;

    port_status_update(f->ps, &f->in, f->now);
    host = port_status_host(f->ps);
    ds_put_format(&s, "%s%s%s", host->ok ? "ok" : "not ok",
                  host->enforcing ? " enforcing" : "",
                  host->in_sync ? " in_sync" : "");
    for (size_t i = 0; i < N_HOST_REASONS; i++) {
        if (host->problems[i].active) {
            ds_put_format(&s, "\n%s since %d: %s",
                          host_reason_name((enum host_reason) i),
                          (int) host->problems[i].since,
                          host->problems[i].text);
        }
    }
    CHECK_STR(ds_cstr(&s), expected);
    ds_destroy(&s);
}

#define ANSWER "port p1 rev=1 groups=g1; rules g1 rev=1 remote=g1;" \
    "members g1 rev=1 +1"

static void
init_protected(struct fixture *f)
{
    init(f, NULL, 0);
    add_local(f, "p1", SG_PLUG_HYBRID);
    set_local(f);
    f->in.broker_problem = NULL;
    sync_connected(f->sync, f->now);
    ask(f);
    answer(f, ANSWER);
    confirm(f);
    apply(f);
    check_host(f, "ok enforcing in_sync");
}

TEST(the_life_of_a_port)
{
    struct fixture f;

    init(&f, NULL, 0);
    add_local(&f, "p1", SG_PLUG_MISSING);
    set_local(&f);
    check_port(&f, "p1", "seen no_device since 1000 gen 0");
    check_host(&f, "not ok\n"
               "starting since 900: nobody has answered\n"
               "broker_down since 1000: login: refused");

    f.now = 1100;
    f.locals[0].binding.plug = SG_PLUG_HYBRID;
    set_local(&f);
    check_port(&f, "p1", "seen no_policy since 1100 gen 0 counts");

    f.now = 1200;
    f.in.broker_problem = NULL;
    sync_connected(f.sync, f.now);
    ask(&f);
    check_port(&f, "p1", "asked no_policy since 1200 gen 0 counts");

    f.now = 1300;
    answer(&f, ANSWER);
    check_port(&f, "p1", "known not_applied since 1300 gen 0");
    f.now = 1400;
    check_port(&f, "p1", "known not_applied since 1300 gen 0");
    check_host(&f, "not ok\n"
               "starting since 900: nobody has answered\n"
               "not_in_sync since 1200: confirming: of 3 objects 0 unknown "
               "to the controller, 2 unconfirmed, 2 unbound");

    apply(&f);
    check_port(&f, "p1", "protected none since 1400 gen 3");
    confirm(&f);
    check_host(&f, "ok enforcing in_sync");
    f.now = 2000;
    check_port(&f, "p1", "protected none since 1400 gen 3");

    f.n_locals = 0;
    set_local(&f);
    port_status_update(f.ps, &f.in, f.now);
    CHECK_UEQ(port_status_host(f.ps)->n_ports, 0);
    CHECK(!port_status_port(f.ps, &f.locals[0].id));
    uninit(&f);
}

TEST(a_failed_apply)
{
    struct fixture f;
    char text[] = "commit table IPv4 security: Invalid argument";

    init_protected(&f);
    f.now = 5000;
    f.result.error = 22;
    f.result.error_text = text;
    check_port(&f, "p1", "protected none since 1020 gen 2");
    check_host(&f, "not ok in_sync\n"
               "apply_failed since 5000: generation 2: commit table IPv4 "
               "security: Invalid argument");

    /* A port that is new in what could not be applied. */
    add_local(&f, "p2", SG_PLUG_HYBRID);
    set_local(&f);
    ask(&f);
    answer(&f, "port p2 rev=1");
    check_port(&f, "p2", "known not_applied since 5000 gen 0 closed");
    f.result.generation = f.in.policy->generation;
    check_port(&f, "p2", "degraded apply_failed since 5000 gen 0 closed "
               "counts: commit table IPv4 security: Invalid argument");
    f.result.error = 0;
    f.result.error_text = NULL;
    apply(&f);
    check_port(&f, "p2", "protected none since 5000 gen 4");
    check_host(&f, "ok enforcing in_sync");
    uninit(&f);
}

/* A tap that was plugged anew is not protected until the next apply. */
TEST(a_new_place)
{
    struct fixture f;

    init_protected(&f);
    strcpy(f.locals[0].binding.device, "tap-new");
    set_local(&f);
    check_port(&f, "p1", "known not_applied since 1020 gen 0 closed");
    apply(&f);
    check_port(&f, "p1", "protected none since 1020 gen 3");
    uninit(&f);
}

TEST(what_takes_too_long_to_apply)
{
    struct fixture f;
    struct sg_update update;

    init_protected(&f);
    f.now = 5000;
    update_text_parse(&update, SG_METHOD_RULES_UPDATED,
                      "epoch=100; rules g1 rev=2 remote=g1 n=1");
    sync_update(f.sync, &update, f.now);
    sg_update_uninit(&update);
    check_host(&f, "ok enforcing in_sync");
    f.now = 6000;
    check_host(&f, "ok enforcing in_sync");
    f.now = 6001;
    check_host(&f, "not ok in_sync\n"
               "not_applied since 6001: generation 3 is not in the kernel "
               "yet");
    /* That one came into the kernel, but there is a newer one by now. */
    f.in.applied = 3;
    update_text_parse(&update, SG_METHOD_RULES_UPDATED,
                      "epoch=100; rules g1 rev=3 remote=g1 n=2");
    sync_update(f.sync, &update, f.now);
    sg_update_uninit(&update);
    check_host(&f, "ok enforcing in_sync");
    /* The port stays protected at what the kernel has. */
    check_port(&f, "p1", "protected none since 1020 gen 3");
    uninit(&f);
}

TEST(unknown_deleted_orphaned)
{
    struct fixture f;

    init_protected(&f);
    add_local(&f, "p2", SG_PLUG_HYBRID);
    set_local(&f);
    ask(&f);
    answer(&f, "unknown port p2");
    apply(&f);
    check_port(&f, "p2", "degraded unknown since 1020 gen 0 closed counts");
    check_host(&f, "not ok\n"
               "not_in_sync since 1020: synced: of 4 objects 1 unknown to "
               "the controller, 0 unconfirmed, 0 unbound\n"
               "ports since 1020: 1 of 2 ports not as their policy says: "
               "tap-p2 (unknown)");

    f.now = 2020;
    ask(&f);
    answer(&f, "deleted port p2 rev=5");
    check_port(&f, "p2", "known not_applied since 2020 gen 0 closed");
    apply(&f);
    check_port(&f, "p2", "protected deleted since 2020 gen 4 closed");
    check_host(&f, "ok enforcing in_sync");
    CHECK_UEQ(port_status_host(f.ps)->n_closed, 1);
    CHECK_UEQ(port_status_host(f.ps)->n_protected, 2);

    f.now = 3000;
    answer(&f, "");
    sync_request_full(f.sync, f.now);
    ask(&f);
    answer(&f, "unknown port p1; deleted port p2 rev=5; rules g1 rev=1 "
           "remote=g1; members g1 rev=1 +1");
    check_port(&f, "p1", "degraded orphaned since 3000 gen 4 counts: port of "
               "70000001-0000-4000-8000-000000000001");
    uninit(&f);
}

/* Beyond a limit from the beginning, so that there is no last good. */
TEST(a_group_that_is_refused)
{
    struct fixture f;

    init_protected(&f);
    sync_request_full(f.sync, f.now);
    ask(&f);
    answer(&f, "port p1 rev=2 groups=g1; rules g1 rev=2 remote=g3;"
           "members g3 rev=1 +1 +2 +3 +4 +5 +6 +7 +8 +9 +10 +11");
    apply(&f);
    check_port(&f, "p1", "degraded group_missing since 1020 gen 3 counts: "
               "members of 67000003-0000-4000-8000-000000000003: "
               "11 members, more than 10");
    uninit(&f);
}

TEST(groups)
{
    struct fixture f;

    init_protected(&f);
    sync_request_full(f.sync, f.now);
    ask(&f);
    answer(&f, "port p1 rev=2 groups=g1,g2; rules g1 rev=2 remote=g1,g3 "
           "refused; members g1 rev=1 +1");
    apply(&f);
    /* The worst first. */
    check_port(&f, "p1", "degraded group_missing since 1020 gen 3 counts: "
               "members of 67000003-0000-4000-8000-000000000003");
    confirm(&f);
    f.now += 2000;
    ask(&f);
    answer(&f, "rules g2 rev=1; members g3 rev=1 +1");
    apply(&f);
    check_port(&f, "p1", "degraded refused since 3040 gen 4 counts: group "
               "67000001-0000-4000-8000-000000000001, rule r9: unknown key "
               "\"colour\"");
    sync_request_full(f.sync, f.now);
    ask(&f);
    answer(&f, "port p1 rev=2 groups=g1,g2; rules g1 rev=3; "
           "unknown rules g2");
    apply(&f);
    check_port(&f, "p1", "degraded group_orphaned since 3040 gen 5 counts: "
               "rules of 67000002-0000-4000-8000-000000000002");
    CHECK_UEQ(port_status_host(f.ps)->n_unfiltered, 0);
    /* Groups of a port that is not filtered are no matter. */
    sync_request_full(f.sync, f.now);
    ask(&f);
    answer(&f, "port p1 rev=3 groups=g1,g2 trusted");
    apply(&f);
    check_port(&f, "p1", "protected none since 3040 gen 6");
    CHECK_UEQ(port_status_host(f.ps)->n_unfiltered, 1);
    uninit(&f);
}

TEST(problems_of_rendering)
{
    struct fixture f;
    char text[] = "rule x cannot be expressed";
    struct fw_problem problem = { .text = text };

    init_protected(&f);
    f.result.problems = (struct fw_problems) { &problem, 1, 1 };
    problem.port = policy_text_id("p1");
    check_port(&f, "p1", "degraded not_rendered since 1020 gen 2 counts: "
               "rule x cannot be expressed");
    problem.port = policy_text_id("p9");
    check_port(&f, "p1", "protected none since 1020 gen 2");
    problem.group = policy_text_id("g1");
    check_port(&f, "p1", "degraded not_rendered since 1020 gen 2 counts: "
               "rule x cannot be expressed");
    uninit(&f);
}

TEST(plugs)
{
    char id[] = "70000003-0000-4000-8000-000000000003";
    char pattern[] = "qvo-p4*";
    char *const exceptions[] = { id, pattern };
    struct fixture f;

    init(&f, exceptions, 2);
    f.in.broker_problem = NULL;
    add_local(&f, "p1", SG_PLUG_UNENFORCEABLE);
    add_local(&f, "p2", SG_PLUG_SHARED_BRIDGE);
    add_local(&f, "p3", SG_PLUG_UNENFORCEABLE);
    add_local(&f, "p4", SG_PLUG_UNENFORCEABLE);
    set_local(&f);
    sync_connected(f.sync, f.now);
    ask(&f);
    answer(&f, "port p1 rev=1; port p2 rev=1; port p3 rev=1; port p4 rev=1");
    apply(&f);
    check_port(&f, "p1", "degraded unenforceable since 1000 gen 0 counts: "
               "qvo-p1");
    check_port(&f, "p2", "degraded shared_bridge since 1000 gen 0 closed "
               "counts: qbr");
    check_port(&f, "p3", "degraded unenforceable since 1000 gen 0 excepted: "
               "qvo-p3");
    check_port(&f, "p4", "degraded unenforceable since 1000 gen 0 excepted: "
               "qvo-p4");
    check_host(&f, "not ok in_sync\n"
               "unenforceable since 1000: 1 of 4 ports not filtered: tap-p1 "
               "(unenforceable)\n"
               "ports since 1000: 1 of 4 ports not as their policy says: "
               "tap-p2 (shared_bridge)");
    CHECK_UEQ(port_status_host(f.ps)->n_unenforceable, 3);
    CHECK_UEQ(port_status_host(f.ps)->n_excepted, 2);

    /* A port that is not to be filtered need not be enforceable. */
    f.locals[1].binding.plug = SG_PLUG_HYBRID;
    set_local(&f);
    sync_request_full(f.sync, f.now);
    ask(&f);
    answer(&f, "port p1 rev=2 trusted; port p2 rev=2 unprotected; "
           "port p3 rev=1; port p4 rev=1");
    apply(&f);
    check_port(&f, "p1", "degraded unenforceable since 1000 gen 0: qvo-p1");
    check_host(&f, "ok enforcing in_sync");

    f.locals[1].binding.zone = 0;
    set_local(&f);
    apply(&f);
    check_port(&f, "p2", "degraded no_zone since 1000 gen 0 closed counts");
    uninit(&f);
}

/* It is enforced, and yet no controller stands behind it. */
TEST(a_policy_from_a_file)
{
    struct fixture f;

    init_protected(&f);
    f.now = 2000;
    f.in.from_file = true;
    f.in.from_file_age_ms = 42100;
    check_host(&f, "not ok enforcing in_sync\n"
               "from_file since 2000: no controller has answered since the "
               "boot: the policy is from file, age 42 s");
    check_port(&f, "p1", "degraded from_file since 2000 gen 2 counts");

    /* What is worse stands before it, and counts. */
    f.in.kernel_problem = "bridge-nf-call-iptables is not 1";
    check_host(&f, "not ok in_sync\n"
               "from_file since 2000: no controller has answered since the "
               "boot: the policy is from file, age 42 s\n"
               "kernel since 2000: bridge-nf-call-iptables is not 1\n"
               "ports since 2000: 1 of 1 ports not as their policy says: "
               "tap-p1 (kernel)");
    f.in.kernel_problem = NULL;
    f.in.from_file = false;
    f.now = 3000;
    check_host(&f, "ok enforcing in_sync");
    uninit(&f);
}

/* Below the tables anything may pass. */
TEST(without_the_layer_2_guard)
{
    struct fixture f;

    init_protected(&f);
    f.now = 2000;
    f.in.guard_problem = "there is no table of it";
    check_host(&f, "not ok in_sync\n"
               "l2_guard since 2000: there is no table of it\n"
               "ports since 2000: 1 of 1 ports not as their policy says: "
               "tap-p1 (l2_guard)");
    check_port(&f, "p1", "degraded l2_guard since 2000 gen 2 counts");
    f.in.guard_problem = NULL;
    f.now = 3000;
    check_host(&f, "ok enforcing in_sync");
    uninit(&f);
}

/* Nothing is taken away, and everybody can see that something should be. */
TEST(a_mass_removal)
{
    struct fixture f;

    init(&f, NULL, 0);
    f.in.broker_problem = NULL;
    for (int i = 1; i <= 4; i++) {
        char name[16];

        snprintf(name, sizeof name, "p%d", i);
        add_local(&f, name, SG_PLUG_HYBRID);
    }
    set_local(&f);
    sync_connected(f.sync, f.now);
    ask(&f);
    answer(&f, "port p1 rev=1; port p2 rev=1; port p3 rev=1; port p4 rev=1");
    apply(&f);
    sync_request_full(f.sync, f.now);
    f.now = 2000;
    ask(&f);
    answer(&f, "deleted port p1 rev=2; deleted port p2 rev=2;"
               "deleted port p3 rev=2; deleted port p4 rev=2");
    f.now = 5000;
    check_host(&f, "not ok\n"
               "not_in_sync since 5000: synced: of 4 objects 0 unknown to "
               "the controller, 0 unconfirmed, 0 unbound\n"
               "mass_removal since 2000: an answer deletes 4 of 4 ports "
               "(4 objects) at once: they stay as they are until an answer "
               "in 597 s says the same (sgctl accept-removal asks now)\n"
               "ports since 5000: 4 of 4 ports not as their policy says: "
               "tap-p2 (held), tap-p4 (held), tap-p3 (held), tap-p1 (held)");
    uninit(&f);
}

TEST(the_host)
{
    struct fixture f;

    init_protected(&f);
    f.now = 2000;
    f.in.ovsdb_ok = false;
    f.in.kernel_problem = "bridge-nf-call-iptables is not 1";
    check_host(&f, "not ok in_sync\n"
               "ovsdb_down since 2000: no connection to the Open vSwitch "
               "database\n"
               "kernel since 2000: bridge-nf-call-iptables is not 1\n"
               "ports since 2000: 1 of 1 ports not as their policy says: "
               "tap-p1 (kernel)");
    f.in.ovsdb_ok = true;
    f.in.kernel_problem = NULL;
    f.in.n_refused_rows = 1;
    f.in.n_duplicate_rows = 2;
    f.now = 3000;
    check_host(&f, "not ok in_sync\n"
               "rows since 3000: of the interfaces with an iface-id, 1 have "
               "none that is a port id and 2 have that of another "
               "interface: nothing filters them");
    f.in.n_refused_rows = f.in.n_duplicate_rows = 0;
    f.now = 8000;
    check_host(&f, "not ok enforcing in_sync\n"
               "stale since 8000: no beacon of a controller for three "
               "intervals");
    f.now = 9000;
    sync_disconnected(f.sync, f.now);
    f.in.broker_problem = "connect: refused";
    check_host(&f, "not ok enforcing\n"
               "broker_down since 9000: connect: refused");

    /* A local port that there is no room for. */
    for (int i = 2; i <= 4; i++) {
        char name[3] = { 'p', (char) ('0' + i), '\0' };

        add_local(&f, name, SG_PLUG_MISSING);
    }
    struct local_port five[5];
    memcpy(five, f.locals, sizeof f.locals);
    five[4] = five[3];
    five[4].id = policy_text_id("p5");
    policy_store_set_local(f.store, five, 5);
    apply(&f);
    check_host(&f, "not ok\n"
               "broker_down since 9000: connect: refused\n"
               "ports since 9000: 1 of 5 ports not as their policy says");
    uninit(&f);
}
