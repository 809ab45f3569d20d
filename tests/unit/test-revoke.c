/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* When flows are looked at, which, and what becomes of them: the scheduler
 * with a policy, a clock and a table of flows of the test's own. */

#include <config.h>
#include "agent/revoke.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "bitmap.h"
#include "tests/lib/policy-text.h"
#include "tests/lib/test.h"
#include "util.h"

#define BIT (UINT32_C(1) << 31)

#define PORT(N, GROUPS)                                                 \
    "port p" #N " device=tap" #N " bridge=qbr" #N " uplink=qvb" #N      \
    " zone=" #N " mac=52:54:00:00:00:0" #N " ip=10.0.0." #N             \
    " ip=2001:db8::" #N " " GROUPS "\n"
#define OUT "rule egress IPv4\nrule egress IPv6\n"
#define FROM_G2 "rule ingress IPv4 proto=17 ports=53-53 group=g2\n"
#define PORTS PORT(1, "group=g1") PORT(2, "group=g3")
#define BEFORE PORTS "rules g1\n" OUT FROM_G2 "rules g3\n" OUT          \
    "members g2 10.0.0.8 10.0.0.9\n"

/* Of the config: by parts, or the whole table in one look. */
static size_t few_flows;

#define TEST_BOTH_WAYS(NAME)                            \
    static void NAME##_either_way(void);                \
    TEST(NAME)                                          \
    {                                                   \
        few_flows = 0;                                  \
        NAME##_either_way();                            \
    }                                                   \
    TEST(NAME##_in_one_look)                            \
    {                                                   \
        few_flows = REVOKE_FEW_FLOWS;                   \
        NAME##_either_way();                            \
    }                                                   \
    static void NAME##_either_way(void)

struct fixture {
    struct revoke *r;
    struct policy_text pt;
    struct flow_table *table;
    long long int now;
    uint64_t generation;
    struct revoke_result result;        /* Of the last pass. */
    int n_passes;
    bool unfiltered;            /* For revoke_started(). */
};

static void
set_policy(struct fixture *f, const char *text)
{
    if (f->generation) {
        policy_text_uninit(&f->pt);
    }
    policy_text_init(&f->pt, text);
    f->pt.policy.generation = ++f->generation;
}

static void
note_groups(struct fixture *f, const char *group)
{
    struct uuid id = policy_text_id(group);
    struct store_dirty dirty = { .groups = &id, .n_groups = 1 };

    revoke_note_structure(f->r, &f->pt.policy, &dirty, f->now);
}

static void
note_device(struct fixture *f, const char *device)
{
    char devices[1][SG_DEVICE_LEN] = { "" };
    struct store_dirty dirty = { .devices = devices, .n_devices = 1 };

    ovs_strlcpy(devices[0], device, sizeof devices[0]);
    revoke_note_structure(f->r, &f->pt.policy, &dirty, f->now);
}

static void
note_member(struct fixture *f, const char *address, bool added)
{
    struct sg_prefix p = policy_text_prefix(address);
    struct sg_prefix_list list = { &p, 1, 1 };
    struct store_change change = { .group = policy_text_id("g2") };

    *(added ? &change.added : &change.removed) = list;
    revoke_note_members(f->r, &f->pt.policy, &change, 1, f->now);
}

static void
in_force(struct fixture *f, uint64_t rules, uint64_t deletions)
{
    const struct revoke_in_force in_force = { rules, deletions };

    revoke_applied(f->r, &in_force, f->now);
}

/* The thread's part, at once. */
static void
run_table(struct fixture *f, struct revoke_job *job)
{
    const struct flow_table_class *class = f->table->class;
    struct flow_filter filters[REVOKE_MAX_FILTERS];
    struct flow_changed changed = { 0, 0, 0 };
    size_t n_flows, n;

    CHECK_EQ(class->count(f->table, &n_flows), 0);
    n = revoke_job_plan(job, n_flows, filters);
    for (size_t i = 0; i < n; i++) {
        struct flow_entry e;
        size_t got = 1;

        CHECK_EQ(class->begin(f->table, &filters[i]), 0);
        while (!class->next(f->table, &e, 1, &got) && got) {
            enum flow_action action = FLOW_LEAVE;

            f->result.seen++;
            if (revoke_job_wants(job, &e)) {
                f->result.judged++;
                action = revoke_judge(f->r, &f->pt.policy, job, &e);
            }
            if (action != FLOW_LEAVE) {
                struct flow_change c = { action, e.zone, e.orig };

                CHECK_EQ(class->change(f->table, &c, 1, BIT, &changed), 0);
                f->result.marked += action == FLOW_MARK;
                f->result.cleared += action == FLOW_CLEAR;
                f->result.deleted += action == FLOW_DELETE;
            }
        }
    }
}

/* True if there was a pass, which took 'cpu_us' and failed if 'error'. */
static bool
pass(struct fixture *f, int64_t cpu_us, int error)
{
    struct revoke_job *job = revoke_begin(f->r, &f->pt.policy, f->now);

    if (!job) {
        return false;
    }
    memset(&f->result, 0, sizeof f->result);
    f->result.cpu_us = cpu_us;
    f->result.error = error;
    f->n_passes++;
    if (!error) {
        run_table(f, job);
    }
    revoke_end(f->r, job, &f->result, f->now);
    return true;
}

/* One turn of the loop, in which everything is in force. */
static bool
turn(struct fixture *f, int64_t cpu_us, int error)
{
    in_force(f, f->generation, f->generation);
    return pass(f, cpu_us, error);
}

/* Turns until there is a pass, for at most a second. */
static long long int
wait_in_force(struct fixture *f, uint64_t rules, uint64_t deletions)
{
    long long int begun = f->now;

    for (; f->now <= begun + 1000; f->now++) {
        in_force(f, rules, deletions);
        if (pass(f, 1000, 0)) {
            return f->now - begun;
        }
    }
    return -1;
}

/* Turns until there is a pass, for at most 'ms'; how long it took, or -1. */
static long long int
wait_pass(struct fixture *f, long long int ms)
{
    long long int begun = f->now;

    for (; f->now <= begun + ms; f->now++) {
        if (turn(f, 1000, 0)) {
            return f->now - begun;
        }
    }
    return -1;
}

static struct flow_tuple
udp(const char *src, const char *dst, uint16_t dport)
{
    return (struct flow_tuple) {
        .src = policy_text_prefix(src), .dst = policy_text_prefix(dst),
        .proto = IPPROTO_UDP, .has_ports = true, .sport = 1000,
        .dport = dport,
    };
}

/* The flow as the tracking has it if its server was heard first. */
static struct flow_tuple
answer(const char *src, const char *dst, uint16_t sport)
{
    struct flow_tuple tuple = udp(src, dst, 1000);

    tuple.sport = sport;
    return tuple;
}

/* As the kernel has it: without ports. */
static struct flow_tuple
dccp(const char *src, const char *dst)
{
    return (struct flow_tuple) {
        .src = policy_text_prefix(src), .dst = policy_text_prefix(dst),
        .proto = IPPROTO_DCCP,
    };
}

static void
add_tuple(struct fixture *f, uint16_t zone, struct flow_tuple orig)
{
    struct flow_entry e = { .zone = zone, .orig = orig, .reply = orig };

    e.reply.src = orig.dst;
    e.reply.dst = orig.src;
    e.reply.sport = orig.dport;
    e.reply.dport = orig.sport;
    flow_table_memory_add(f->table, &e);
}

static void
add_flow(struct fixture *f, uint16_t zone, const char *src, const char *dst,
         uint16_t dport)
{
    add_tuple(f, zone, udp(src, dst, dport));
}

static uint32_t
mark_of_tuple(struct fixture *f, uint16_t zone, struct flow_tuple orig)
{
    struct flow_entry *e = flow_table_memory_find(f->table, zone, &orig);

    return e ? e->mark : 12345;
}

static uint32_t
mark_of(struct fixture *f, uint16_t zone, const char *src, const char *dst,
        uint16_t dport)
{
    return mark_of_tuple(f, zone, udp(src, dst, dport));
}

static void
init(struct fixture *f, bool keep)
{
    const struct revoke_config config = {
        .keep = keep, .bit = BIT, .few_flows = few_flows,
    };

    memset(f, 0, sizeof *f);
    f->now = 1000;
    f->r = revoke_create(&config, f->now);
    f->table = flow_table_memory_create();
    set_policy(f, BEFORE);
}

static void
start(struct fixture *f)
{
    revoke_started(f->r, &f->pt.policy, f->unfiltered, f->now);
    CHECK(wait_pass(f, 100) >= 0);
    f->now += 10000;
    f->n_passes = 0;
}

/* Both, and nothing to be found at the start. */
static void
begin(struct fixture *f, bool keep)
{
    init(f, keep);
    start(f);
}

static void
done(struct fixture *f)
{
    revoke_destroy(f->r);
    f->table->class->destroy(f->table);
    policy_text_uninit(&f->pt);
}

/* At the start every flow of our zones, whoever marked it, and none else. */
TEST(the_start_judges_everything)
{
    struct revoke_status s;
    struct fixture f;

    init(&f, false);
    add_flow(&f, 1, "10.0.0.8", "10.0.0.1", 53);
    add_flow(&f, 1, "10.0.0.7", "10.0.0.1", 53);
    add_flow(&f, 2, "10.0.0.8", "10.0.0.2", 53);
    add_flow(&f, 2, "10.0.0.2", "10.0.0.8", 53);
    add_flow(&f, 9, "10.0.0.7", "10.0.0.1", 53);
    CHECK_EQ(revoke_next(f.r), LLONG_MAX);
    f.now += 60000;
    revoke_get_status(f.r, &s);
    CHECK_EQ(s.waiting_since, 1000);
    CHECK_STR(revoke_wait_name(s.waiting_for), "start");
    start(&f);
    revoke_get_status(f.r, &s);
    CHECK_EQ(s.waiting_since, LLONG_MAX);
    CHECK_UEQ(f.result.marked, 2);
    CHECK_UEQ(f.result.judged, 4);
    CHECK_UEQ(mark_of(&f, 1, "10.0.0.8", "10.0.0.1", 53), 0);
    CHECK_UEQ(mark_of(&f, 1, "10.0.0.7", "10.0.0.1", 53), BIT);
    CHECK_UEQ(mark_of(&f, 2, "10.0.0.8", "10.0.0.2", 53), BIT);
    CHECK_UEQ(mark_of(&f, 2, "10.0.0.2", "10.0.0.8", 53), 0);
    CHECK_UEQ(mark_of(&f, 9, "10.0.0.7", "10.0.0.1", 53), 0);
    CHECK_EQ(revoke_next(f.r), LLONG_MAX);
    done(&f);
}

/* Nothing had filtered the host: a flow may have been met while its server
 * spoke.  What the policy allows neither way is cut, and once something of the
 * port changes the one who is entered as the beginner counts. */
TEST(the_first_start_takes_either_end_for_the_beginner)
{
    struct fixture f;

    for (int unfiltered = 0; unfiltered < 2; unfiltered++) {
        init(&f, false);
        f.unfiltered = unfiltered;
        set_policy(&f, PORTS "rules g1\nrule ingress IPv4 proto=6\n" FROM_G2
                   "rules g3\n" OUT "members g2 10.0.0.8 10.0.0.9\n");
        add_tuple(&f, 1, answer("10.0.0.1", "10.0.0.8", 53));
        add_tuple(&f, 1, answer("10.0.0.1", "10.0.0.7", 53));
        add_flow(&f, 1, "10.0.0.1", "10.0.0.8", 53);
        start(&f);
        CHECK_UEQ(mark_of_tuple(&f, 1, answer("10.0.0.1", "10.0.0.8", 53)),
                  unfiltered ? 0 : BIT);
        CHECK_UEQ(mark_of_tuple(&f, 1, answer("10.0.0.1", "10.0.0.7", 53)),
                  BIT);
        CHECK_UEQ(mark_of(&f, 1, "10.0.0.1", "10.0.0.8", 53), BIT);

        set_policy(&f, PORTS "rules g1\n" FROM_G2 "rules g3\n" OUT
                   "members g2 10.0.0.8 10.0.0.9\n");
        note_groups(&f, "g1");
        CHECK(wait_pass(&f, 100) >= 0);
        CHECK_UEQ(mark_of_tuple(&f, 1, answer("10.0.0.1", "10.0.0.8", 53)),
                  BIT);
        done(&f);
    }
}

/* A flow of DCCP is all ports of two addresses, each way by a rule: it is cut
 * when neither way has one left. */
TEST(dccp_is_cut_when_no_way_is_left)
{
    static const char text[]
        = PORT(1, "group=g1") PORT(2, "group=g2") PORT(3, "group=g3")
          "rules g1\nrule egress IPv4 proto=33 ports=80-80\n"
          "rules g2\nrule ingress IPv4 proto=33 ports=80-80\n"
          "rules g3\nrule ingress IPv4 proto=17\n";
    struct fixture f;

    init(&f, false);
    set_policy(&f, text);
    add_tuple(&f, 1, dccp("10.0.0.8", "10.0.0.1"));
    add_tuple(&f, 1, dccp("10.0.0.1", "10.0.0.9"));
    add_tuple(&f, 2, dccp("10.0.0.8", "10.0.0.2"));
    add_tuple(&f, 2, dccp("10.0.0.2", "10.0.0.9"));
    add_tuple(&f, 3, dccp("10.0.0.8", "10.0.0.3"));
    add_tuple(&f, 3, dccp("10.0.0.3", "10.0.0.9"));
    start(&f);
    CHECK_UEQ(f.result.judged, 6);
    CHECK_UEQ(f.result.marked, 2);
    CHECK_UEQ(mark_of_tuple(&f, 3, dccp("10.0.0.8", "10.0.0.3")), BIT);
    CHECK_UEQ(mark_of_tuple(&f, 3, dccp("10.0.0.3", "10.0.0.9")), BIT);
    done(&f);
}

/* Nothing before the rules are in force, and packets under way have
 * passed. */
TEST_BOTH_WAYS(rules_first)
{
    struct fixture f;

    begin(&f, false);
    add_flow(&f, 1, "10.0.0.8", "10.0.0.1", 53);
    set_policy(&f, PORTS "rules g1\n" OUT "rules g3\n" OUT "members g2\n");
    note_groups(&f, "g1");
    for (int i = 0; i < 1000; i++) {
        f.now++;
        in_force(&f, f.generation - 1, f.generation);
        CHECK(!revoke_begin(f.r, &f.pt.policy, f.now));
    }
    CHECK_EQ(wait_pass(&f, 100), REVOKE_SETTLE_MS);
    CHECK_UEQ(mark_of(&f, 1, "10.0.0.8", "10.0.0.1", 53), BIT);

    struct revoke_status s;
    revoke_get_status(f.r, &s);
    CHECK_EQ(s.cut_lag_ms, 1000 + REVOKE_SETTLE_MS);
    CHECK_EQ(s.waiting_since, LLONG_MAX);

    /* And back again. */
    f.now += 1000;
    set_policy(&f, BEFORE);
    note_groups(&f, "g1");
    CHECK(wait_pass(&f, 100) >= 0);
    CHECK_UEQ(f.result.cleared, 1);
    done(&f);
}

TEST_BOTH_WAYS(a_member_that_leaves_and_comes)
{
    struct fixture f;

    begin(&f, false);
    add_flow(&f, 1, "10.0.0.8", "10.0.0.1", 53);
    add_flow(&f, 1, "10.0.0.9", "10.0.0.1", 53);
    set_policy(&f, PORTS "rules g1\n" OUT FROM_G2 "rules g3\n" OUT
               "members g2 10.0.0.9\n");
    note_member(&f, "10.0.0.8", false);
    CHECK_EQ(wait_pass(&f, 100), REVOKE_SETTLE_MS);
    CHECK_UEQ(f.result.judged, 1);
    CHECK_UEQ(mark_of(&f, 1, "10.0.0.8", "10.0.0.1", 53), BIT);

    f.now += 1000;
    set_policy(&f, BEFORE);
    note_member(&f, "10.0.0.8", true);
    CHECK_EQ(wait_pass(&f, 100), REVOKE_SETTLE_MS);
    CHECK_UEQ(mark_of(&f, 1, "10.0.0.8", "10.0.0.1", 53), 0);

    /* Nothing is marked any more: who comes costs nothing. */
    f.now += 1000;
    note_member(&f, "10.0.0.7", true);
    CHECK_EQ(wait_pass(&f, 2000), -1);
    done(&f);
}

/* While commits fail, who has left is out of the sets, and his flows are cut
 * all the same; what rules revoke waits. */
TEST_BOTH_WAYS(deletions_do_not_wait_for_rules)
{
    struct revoke_status s;
    struct fixture f;

    begin(&f, false);
    add_flow(&f, 1, "10.0.0.8", "10.0.0.1", 53);
    add_flow(&f, 2, "10.0.0.2", "10.0.0.9", 53);
    set_policy(&f, PORTS "rules g1\n" OUT FROM_G2 "rules g3\n"
               "members g2 10.0.0.9\n");
    note_groups(&f, "g3");
    f.now += 10;
    note_member(&f, "10.0.0.8", false);
    CHECK_EQ(wait_in_force(&f, f.generation - 1, f.generation - 1), -1);
    revoke_get_status(f.r, &s);
    CHECK_EQ(s.waiting_for, REVOKE_WAITS_FOR_RULES);

    CHECK_EQ(wait_in_force(&f, f.generation - 1, f.generation),
             REVOKE_SETTLE_MS);
    CHECK_UEQ(mark_of(&f, 1, "10.0.0.8", "10.0.0.1", 53), BIT);
    CHECK_UEQ(mark_of(&f, 2, "10.0.0.2", "10.0.0.9", 53), 0);
    CHECK_EQ(wait_in_force(&f, f.generation - 1, f.generation), -1);
    revoke_get_status(f.r, &s);
    CHECK(s.waiting_since != LLONG_MAX);
    CHECK_EQ(s.waiting_for, REVOKE_WAITS_FOR_RULES);

    CHECK_EQ(wait_pass(&f, 100), REVOKE_SETTLE_MS);
    CHECK_UEQ(mark_of(&f, 2, "10.0.0.2", "10.0.0.9", 53), BIT);

    /* And who could not be deleted. */
    note_member(&f, "10.0.0.9", false);
    CHECK_EQ(wait_in_force(&f, f.generation - 1, f.generation - 1), -1);
    revoke_get_status(f.r, &s);
    CHECK_EQ(s.waiting_for, REVOKE_WAITS_FOR_DELETIONS);
    done(&f);
}

/* A rule that comes takes nothing away, however it is called. */
TEST_BOTH_WAYS(rules_that_only_come)
{
    struct fixture f;

    begin(&f, false);
    add_flow(&f, 1, "10.0.0.8", "10.0.0.1", 53);
    set_policy(&f, PORTS "rules g1\nrule ingress IPv4 proto=6 id=r9\n"
               FROM_G2 OUT "rules g3\n" OUT "members g2 10.0.0.8\n");
    note_groups(&f, "g1");
    CHECK_EQ(wait_pass(&f, 2000), -1);
    set_policy(&f, PORTS "rules g1\n" OUT FROM_G2 "rules g3\n" OUT
               "members g2 10.0.0.8\n");
    note_groups(&f, "g1");
    CHECK(wait_pass(&f, 100) >= 0);
    CHECK_UEQ(f.result.judged, 1);
    CHECK_UEQ(f.result.marked, 0);
    done(&f);
}

/* Groups come, are used, and go when their time is over, which the structure
 * lane is not told by name. */
TEST(groups_that_are_gone_are_forgotten)
{
    struct fixture f;

    begin(&f, false);
    for (int i = 0; i < 100; i++) {
        char group[16], text[1024];

        snprintf(group, sizeof group, "g%d", 100 + i);
        snprintf(text, sizeof text, BEFORE "rules %s\n" OUT, group);
        set_policy(&f, text);
        note_groups(&f, group);
        set_policy(&f, BEFORE);
        revoke_note_structure(f.r, &f.pt.policy, &(struct store_dirty) {
            .n_groups = 0,
        }, f.now);
        CHECK(revoke_n_remembered(f.r)
              <= hmap_count(&f.pt.policy.groups));
    }

    /* The others are remembered. */
    set_policy(&f, BEFORE);
    note_groups(&f, "g1");
    CHECK_EQ(wait_pass(&f, 2000), -1);
    done(&f);
}

/* What was tracked of it is deleted, but for what is marked: the rules that do
 * without the mark may not be in force yet.  Stateful again it is a port like
 * others. */
TEST_BOTH_WAYS(a_port_that_becomes_stateless)
{
    struct fixture f;

    begin(&f, false);
    add_flow(&f, 1, "10.0.0.8", "10.0.0.1", 53);
    add_flow(&f, 2, "10.0.0.2", "10.0.0.8", 53);
    add_flow(&f, 9, "10.0.0.8", "10.0.0.1", 53);
    set_policy(&f, PORTS "rules g1\n" OUT "rules g3\n" OUT "members g2\n");
    note_groups(&f, "g1");
    CHECK(wait_pass(&f, 100) >= 0);
    CHECK_UEQ(mark_of(&f, 1, "10.0.0.8", "10.0.0.1", 53), BIT);
    add_flow(&f, 1, "10.0.0.1", "10.0.0.8", 53);

    f.now += 1000;
    set_policy(&f, PORTS "rules g1 stateless\n" OUT "rules g3\n" OUT);
    note_groups(&f, "g1");
    CHECK(wait_pass(&f, 100) >= 0);
    CHECK_UEQ(f.result.deleted, 1);
    CHECK_UEQ(mark_of(&f, 1, "10.0.0.1", "10.0.0.8", 53), 12345);
    CHECK_UEQ(mark_of(&f, 1, "10.0.0.8", "10.0.0.1", 53), BIT);
    CHECK_UEQ(mark_of(&f, 2, "10.0.0.2", "10.0.0.8", 53), 0);
    CHECK_UEQ(mark_of(&f, 9, "10.0.0.8", "10.0.0.1", 53), 0);

    /* Where the marked one is, the kernel does not know any more; another one
     * has begun since. */
    f.now += 1000;
    add_flow(&f, 1, "10.0.0.1", "10.0.0.8", 53);
    set_policy(&f, BEFORE);
    note_groups(&f, "g1");
    CHECK(wait_pass(&f, 100) >= 0);
    CHECK_UEQ(f.result.deleted, 1);
    CHECK_UEQ(mark_of(&f, 1, "10.0.0.1", "10.0.0.8", 53), 0);
    CHECK_UEQ(mark_of(&f, 1, "10.0.0.8", "10.0.0.1", 53), 12345);
    done(&f);
}

/* Stateless for so short a time that nobody looked: what was tracked before is
 * out of date, but what the policy does not allow. */
static void
check_moment(bool in_time)
{
    struct fixture f;

    begin(&f, false);
    add_flow(&f, 1, "10.0.0.8", "10.0.0.1", 53);
    add_flow(&f, 1, "10.0.0.7", "10.0.0.1", 53);
    set_policy(&f, PORTS "rules g1 stateless\n" OUT FROM_G2 "rules g3\n"
               OUT "members g2 10.0.0.8\n");
    note_groups(&f, "g1");
    in_force(&f, f.generation - !in_time, f.generation);
    f.now++;
    set_policy(&f, BEFORE);
    note_groups(&f, "g1");
    CHECK(wait_pass(&f, 1000) >= 0);
    CHECK(wait_pass(&f, 1000) >= 0 || !in_time);
    CHECK_UEQ(mark_of(&f, 1, "10.0.0.8", "10.0.0.1", 53),
              in_time ? 12345 : 0);
    CHECK_UEQ(mark_of(&f, 1, "10.0.0.7", "10.0.0.1", 53), BIT);
    done(&f);
}

TEST_BOTH_WAYS(a_port_that_is_stateless_for_a_moment)
{
    check_moment(true);
    /* The rules for it never came. */
    check_moment(false);
}

/* As long as the rules that do without are not in force, flows are. */
TEST_BOTH_WAYS(a_port_that_is_about_to_be_stateless)
{
    struct fixture f;

    begin(&f, false);
    add_flow(&f, 1, "10.0.0.8", "10.0.0.1", 53);
    note_member(&f, "10.0.0.8", false);
    set_policy(&f, PORTS "rules g1 stateless\n" OUT FROM_G2 "rules g3\n"
               OUT "members g2 10.0.0.8\n");
    CHECK(wait_in_force(&f, f.generation - 1, f.generation) >= 0);
    CHECK_UEQ(f.result.judged, 1);
    CHECK_UEQ(f.result.deleted, 0);
    CHECK(wait_pass(&f, 1000) >= 0);
    CHECK_UEQ(f.result.deleted, 1);
    done(&f);
}

/* Shows V33: only what is left of a port that is gone is deleted. */
TEST_BOTH_WAYS(ports_that_go)
{
    struct fixture f;

    begin(&f, false);
    add_flow(&f, 1, "10.0.0.8", "10.0.0.1", 53);
    add_flow(&f, 2, "10.0.0.8", "10.0.0.1", 53);
    add_flow(&f, 9, "10.0.0.8", "10.0.0.1", 53);
    set_policy(&f, PORT(1, "group=g1") "rules g1\n" OUT FROM_G2
               "members g2 10.0.0.8\n");
    note_device(&f, "tap2");
    CHECK(wait_pass(&f, 100) >= 0);
    CHECK_UEQ(f.result.deleted, 1);
    CHECK_UEQ(mark_of(&f, 1, "10.0.0.8", "10.0.0.1", 53), 0);
    CHECK_UEQ(mark_of(&f, 2, "10.0.0.8", "10.0.0.1", 53), 12345);
    CHECK_UEQ(mark_of(&f, 9, "10.0.0.8", "10.0.0.1", 53), 0);

    /* It changes and stays. */
    f.now += 1000;
    set_policy(&f, PORT(1, "") "rules g1\n" OUT FROM_G2
               "members g2 10.0.0.8\n");
    note_device(&f, "tap1");
    CHECK(wait_pass(&f, 100) >= 0);
    CHECK_UEQ(f.result.marked, 1);
    CHECK_UEQ(f.result.deleted, 0);
    done(&f);
}

/* A member flaps every 100 ms and each look takes 20 ms; another change waits
 * no longer for that than for the next look. */
TEST(who_flaps_makes_nobody_wait)
{
    struct fixture f;
    long long int begun;
    int64_t cpu = 0;
    bool in = true;
    int n = 0;

    begin(&f, false);
    add_flow(&f, 1, "10.0.0.9", "10.0.0.1", 53);
    begun = f.now;
    for (; f.now < begun + 60000; f.now++) {
        if (f.now % 100 == 0) {
            in = !in;
            f.pt.policy.generation = ++f.generation;
            note_member(&f, "10.0.0.8", in);
        }
        if (f.now == begun + 30050) {
            set_policy(&f, PORTS "rules g1\n" OUT FROM_G2 "rules g3\n" OUT
                       "members g2 10.0.0.8\n");
            note_member(&f, "10.0.0.9", false);
        }
        if (turn(&f, 20000, 0)) {
            cpu += 20000;
            n++;
            if (f.result.marked) {
                CHECK(f.now - begun - 30050 <= REVOKE_PACE_MS + 20);
            }
        }
    }
    CHECK_UEQ(mark_of(&f, 1, "10.0.0.9", "10.0.0.1", 53), BIT);
    CHECK(n >= 100 && n <= 121);
    CHECK(cpu <= 60000 * REVOKE_CPU_PER_MILLE + REVOKE_CPU_BURST_US);
    done(&f);
}

/* A prefix flaps, for which every flow has to be looked at, at 180 ms each
 * time; others, who lose an address now and then, do not wait for that, and
 * their looks stay narrow. */
TEST(who_flaps_dearly_makes_nobody_wait)
{
    struct fixture f;
    long long int begun, left = LLONG_MAX, worst = 0, seen_dear = 0;
    int64_t cpu = 0;
    int n = 0, served = 0;

    few_flows = 0;
    init(&f, false);
    start(&f);
    for (int i = 0; i < 100; i++) {
        char text[SG_PREFIX_STRLEN];

        snprintf(text, sizeof text, "10.0.1.%d", i);
        add_flow(&f, 2, "10.0.0.2", text, 53);
    }
    begun = f.now;
    for (; f.now < begun + 120000; f.now++) {
        long long int t = f.now - begun;

        if (t % 100 == 0) {
            f.pt.policy.generation = ++f.generation;
            note_member(&f, "10.0.1.0/24", false);
        }
        if (t % 4700 == 4699) {
            char text[SG_PREFIX_STRLEN];

            snprintf(text, sizeof text, "10.0.2.%d", n++);
            f.pt.policy.generation = ++f.generation;
            note_member(&f, text, false);
            left = f.now;
        }

        in_force(&f, f.generation, f.generation);
        struct revoke_job *job = revoke_begin(f.r, &f.pt.policy, f.now);
        if (job) {
            struct flow_filter filters[REVOKE_MAX_FILTERS];
            bool dear = revoke_job_plan(job, 100000, filters) == 1;
            struct revoke_result result = { .cpu_us = dear ? 180000 : 70000 };

            cpu += result.cpu_us;
            seen_dear += dear;
            if (sg_members_count(&job->addresses) > 1 || !dear) {
                served++;
                worst = MAX(worst, f.now - left);
            }
            revoke_end(f.r, job, &result, f.now);
        }
    }
    CHECK_EQ(served, n);
    CHECK(worst <= REVOKE_PACE_MS + 2 * REVOKE_SETTLE_MS);
    CHECK(seen_dear >= 40);
    CHECK(cpu <= 120000 * REVOKE_CPU_PER_MILLE + REVOKE_CPU_BURST_US
                 + REVOKE_CPU_CREDIT_US + 180000);
    done(&f);
}

/* But who flaps does not wait for ever, however much others need. */
TEST(who_flaps_has_his_turn)
{
    struct revoke_status s;
    struct fixture f;
    long long int begun;

    init(&f, false);
    start(&f);
    begun = f.now;
    for (; f.now < begun + 60000; f.now++) {
        if (f.now % 100 == 0) {
            char text[SG_PREFIX_STRLEN];

            snprintf(text, sizeof text, "10.1.%lld.%lld", f.now / 25600 % 256,
                     f.now / 100 % 256);
            f.pt.policy.generation = ++f.generation;
            note_member(&f, text, false);
            note_member(&f, "10.0.0.8", false);
        }
        turn(&f, 60000, 0);
        revoke_get_status(f.r, &s);
        CHECK(s.waiting_since == LLONG_MAX
              || f.now - s.waiting_since <= REVOKE_AGAIN_MAX_MS + 1000);
    }
    done(&f);
}

/* The look at everything after a start is nobody's fault. */
TEST(the_start_is_not_charged)
{
    struct fixture f;

    init(&f, false);
    revoke_started(f.r, &f.pt.policy, false, f.now);
    while (!turn(&f, 3000000, 0)) {
        f.now++;
    }
    f.now += 100;
    note_member(&f, "10.0.0.8", false);
    CHECK(wait_pass(&f, REVOKE_PACE_MS) >= 0);
    done(&f);
}

/* Looks that are dear: never more than a tenth of a core. */
TEST(dear_looks_are_seldom)
{
    struct fixture f;
    long long int begun;
    int64_t cpu = 0;

    begin(&f, false);
    begun = f.now;
    for (; f.now < begun + 60000; f.now++) {
        if (f.now % 100 == 0) {
            f.pt.policy.generation = ++f.generation;
            note_member(&f, "10.0.0.8", false);
        }
        cpu += turn(&f, 300000, 0) ? 300000 : 0;
    }
    CHECK(cpu > 60000 * REVOKE_CPU_PER_MILLE / 2);
    CHECK(cpu <= 60000 * REVOKE_CPU_PER_MILLE + REVOKE_CPU_BURST_US
                 + 300000);
    done(&f);
}

TEST_BOTH_WAYS(a_look_that_fails_is_taken_again)
{
    struct revoke_status s;
    struct fixture f;
    long long int last;
    int n = 0;

    begin(&f, false);
    add_flow(&f, 1, "10.0.0.8", "10.0.0.1", 53);
    set_policy(&f, PORTS "rules g1\n" OUT FROM_G2 "rules g3\n" OUT
               "members g2 10.0.0.9\n");
    note_member(&f, "10.0.0.8", false);
    last = f.now;
    for (; n < 10 && f.now <= last + 3 * REVOKE_RETRY_MAX_MS; f.now++) {
        if (turn(&f, 100, EPERM)) {
            CHECK(!n || f.now - last <= 2 * REVOKE_RETRY_MAX_MS);
            CHECK(!n || f.now - last >= REVOKE_RETRY_MS);
            last = f.now;
            n++;
        }
    }
    revoke_get_status(f.r, &s);
    CHECK_UEQ(s.passes_failed, 10);
    CHECK(s.problem != NULL);
    CHECK(s.waiting_since != LLONG_MAX);
    CHECK(wait_pass(&f, REVOKE_RETRY_MAX_MS) >= 0);
    CHECK_UEQ(f.result.marked, 1);
    revoke_get_status(f.r, &s);
    CHECK(!s.problem);
    CHECK_EQ(s.waiting_since, LLONG_MAX);
    done(&f);
}

TEST_BOTH_WAYS(a_port_that_goes_after_a_look_that_failed)
{
    struct fixture f;

    begin(&f, false);
    add_flow(&f, 2, "10.0.0.2", "10.0.0.8", 53);
    note_device(&f, "tap2");
    f.now += REVOKE_SETTLE_MS;
    for (int i = 0; i < 2 * REVOKE_SETTLE_MS; i++, f.now++) {
        turn(&f, 100, EPERM);
    }
    CHECK_EQ(f.n_passes, 1);
    set_policy(&f, PORT(1, "group=g1"));
    note_device(&f, "tap2");
    CHECK(wait_pass(&f, 2 * REVOKE_RETRY_MS) >= 0);
    CHECK_UEQ(f.result.deleted, 1);
    done(&f);
}

/* What is marked stays with the zone: without, it would begin anew the other
 * way round if the port came back.  Who gets the zone is looked at. */
TEST_BOTH_WAYS(marked_flows_of_ports_that_go)
{
    for (int allowed = 0; allowed < 2; allowed++) {
        struct fixture f;

        init(&f, false);
        add_flow(&f, 2, "10.0.0.8", "10.0.0.2", 53);
        add_flow(&f, 2, "10.0.0.2", "10.0.0.8", 53);
        start(&f);
        CHECK_UEQ(f.result.marked, 1);
        set_policy(&f, PORT(1, "group=g1") "rules g1\n" OUT FROM_G2
                   "members g2 10.0.0.8 10.0.0.9\n");
        note_device(&f, "tap2");
        CHECK(wait_pass(&f, 100) >= 0);
        CHECK_UEQ(f.result.deleted, 1);
        CHECK_UEQ(mark_of(&f, 2, "10.0.0.8", "10.0.0.2", 53), BIT);

        f.now += 1000;
        set_policy(&f, allowed ? PORT(1, "group=g1") PORT(2, "group=g1")
                   "rules g1\n" OUT FROM_G2 "members g2 10.0.0.8\n"
                   : BEFORE);
        note_device(&f, "tap2");
        CHECK(wait_pass(&f, 100) >= 0);
        CHECK_UEQ(mark_of(&f, 2, "10.0.0.8", "10.0.0.2", 53),
                  allowed ? 12345 : BIT);
        done(&f);
    }
}

/* Also then nobody gets what another port left, and nothing is left of a port
 * that does not track flows. */
TEST_BOTH_WAYS(what_is_not_left_alone)
{
    static const struct {
        uint16_t zone;
        const char *src, *dst;
    } flows[] = {
        { 1, "10.0.0.7", "10.0.0.1" }, { 2, "10.0.0.7", "10.0.0.2" },
        { 3, "10.0.0.7", "10.0.0.3" }, { 3, "10.0.0.3", "10.0.0.7" },
        { 9, "10.0.0.7", "10.0.0.1" },
    };
    struct fixture f;

    begin(&f, true);
    for (size_t i = 0; i < ARRAY_SIZE(flows); i++) {
        add_flow(&f, flows[i].zone, flows[i].src, flows[i].dst, 53);
    }
    set_policy(&f, PORT(1, "group=g1") PORT(3, "group=g1") "rules g1\n" OUT
               FROM_G2 "members g2 10.0.0.8\n");
    note_device(&f, "tap2");
    note_device(&f, "tap3");
    note_device(&f, "tap1");
    CHECK(wait_pass(&f, 100) >= 0);
    CHECK_UEQ(f.result.deleted, 2);
    CHECK_UEQ(mark_of(&f, 1, "10.0.0.7", "10.0.0.1", 53), 0);
    CHECK_UEQ(mark_of(&f, 2, "10.0.0.7", "10.0.0.2", 53), 12345);
    CHECK_UEQ(mark_of(&f, 3, "10.0.0.7", "10.0.0.3", 53), 12345);
    CHECK_UEQ(mark_of(&f, 3, "10.0.0.3", "10.0.0.7", 53), 0);

    f.now += 1000;
    set_policy(&f, PORT(1, "group=g1") PORT(3, "group=g3")
               "rules g1 stateless\n" OUT FROM_G2 "rules g3\n" OUT
               "members g2 10.0.0.8\n");
    note_groups(&f, "g1");
    CHECK(wait_pass(&f, 1000) >= 0);
    CHECK_UEQ(mark_of(&f, 1, "10.0.0.7", "10.0.0.1", 53), 12345);
    CHECK_UEQ(mark_of(&f, 3, "10.0.0.3", "10.0.0.7", 53), 0);
    CHECK_UEQ(mark_of(&f, 9, "10.0.0.7", "10.0.0.1", 53), 0);
    done(&f);
}

TEST_BOTH_WAYS(flows_may_be_left_alone)
{
    struct fixture f;

    init(&f, true);
    add_flow(&f, 1, "10.0.0.7", "10.0.0.1", 53);
    add_flow(&f, 1, "10.0.0.6", "10.0.0.1", 53);
    flow_table_memory_find(f.table, 1, &(struct flow_tuple) {
        .src = policy_text_prefix("10.0.0.7"),
        .dst = policy_text_prefix("10.0.0.1"),
        .proto = IPPROTO_UDP, .has_ports = true, .sport = 1000, .dport = 53,
    })->mark = BIT | 1;
    start(&f);
    CHECK_UEQ(mark_of(&f, 1, "10.0.0.7", "10.0.0.1", 53), 1);
    CHECK_UEQ(mark_of(&f, 1, "10.0.0.6", "10.0.0.1", 53), 0);
    note_member(&f, "10.0.0.7", false);
    note_groups(&f, "g1");
    CHECK_EQ(wait_pass(&f, 2000), -1);
    done(&f);
}

/* What the table is asked for. */
TEST(plans)
{
    struct flow_filter filters[REVOKE_MAX_FILTERS];
    struct fixture f;

    few_flows = REVOKE_FEW_FLOWS;
    begin(&f, false);
    note_member(&f, "10.0.0.8", false);
    note_member(&f, "2001:db8::8", false);
    note_device(&f, "tap2");
    in_force(&f, f.generation, f.generation);
    f.now += REVOKE_SETTLE_MS;
    in_force(&f, f.generation, f.generation);
    struct revoke_job *job = revoke_begin(f.r, &f.pt.policy, f.now);
    REQUIRE(job);

    CHECK_UEQ(revoke_job_plan(job, 0, filters), 0);
    CHECK_UEQ(revoke_job_plan(job, REVOKE_FEW_FLOWS, filters), 1);
    CHECK_EQ(filters[0].kind, FLOW_ALL);
    CHECK_UEQ(filters[0].mark, 0);
    CHECK_UEQ(revoke_job_plan(job, 100000, filters), 4);
    CHECK_EQ(filters[0].kind, FLOW_OF_ZONE);
    CHECK_EQ(filters[0].zone, 2);
    CHECK_EQ(filters[1].kind, FLOW_FROM);
    CHECK_EQ(filters[2].kind, FLOW_TO);
    CHECK_EQ(filters[3].kind, FLOW_OF_IPV6);

    for (int i = 0; i < 3; i++) {
        char text[SG_PREFIX_STRLEN];

        snprintf(text, sizeof text, "10.0.1.%d", i);
        struct sg_prefix p = policy_text_prefix(text);
        sg_members_add(&job->addresses, &p);
    }
    CHECK_UEQ(revoke_job_plan(job, 100000, filters), 1);
    CHECK_EQ(filters[0].kind, FLOW_ALL);

    /* No filter has prefixes. */
    sg_members_clear(&job->addresses);
    struct sg_prefix p = policy_text_prefix("10.0.1.0/24");
    sg_members_add(&job->addresses, &p);
    CHECK_UEQ(revoke_job_plan(job, 100000, filters), 1);
    CHECK_EQ(filters[0].kind, FLOW_ALL);
    revoke_end(f.r, job, &f.result, f.now);
    done(&f);
}

/* Prefixes leave: whoever is in one of them, whichever way, and who left
 * beside them. */
TEST_BOTH_WAYS(prefixes_that_leave)
{
    struct fixture f;

    begin(&f, false);
    set_policy(&f, PORTS "rules g1\nrules g3\nmembers g2\n");
    note_member(&f, "10.1.0.0/16", false);
    note_member(&f, "10.2.3.0/25", false);
    note_member(&f, "2001:db8:1::/48", false);
    note_member(&f, "10.0.0.8", false);
    add_flow(&f, 1, "10.1.255.1", "10.0.0.1", 53);
    add_flow(&f, 1, "10.0.0.1", "10.2.3.127", 53);
    add_flow(&f, 1, "10.2.3.128", "10.0.0.1", 53);
    add_flow(&f, 1, "2001:db8:1:ffff::1", "2001:db8::1", 53);
    add_flow(&f, 1, "2001:db8:2::1", "2001:db8::1", 53);
    add_flow(&f, 1, "10.0.0.8", "10.0.0.1", 53);
    CHECK(wait_pass(&f, 100) >= 0);
    CHECK_UEQ(f.result.judged, 4);
    CHECK_UEQ(f.result.marked, 4);
    CHECK_UEQ(mark_of(&f, 1, "10.2.3.128", "10.0.0.1", 53), 0);
    CHECK_UEQ(mark_of(&f, 1, "2001:db8:2::1", "2001:db8::1", 53), 0);
    done(&f);
}

/* More addresses than can be kept: everything is looked at. */
TEST(many_addresses)
{
    struct fixture f;

    begin(&f, false);
    add_flow(&f, 2, "10.0.0.8", "10.0.0.2", 53);
    for (int i = 0; i <= REVOKE_MAX_ADDRESSES; i++) {
        char text[SG_PREFIX_STRLEN];

        snprintf(text, sizeof text, "10.1.%d.%d", i / 256, i % 256);
        note_member(&f, text, false);
    }
    CHECK(wait_pass(&f, 100) >= 0);
    CHECK_UEQ(f.result.judged, 1);
    CHECK_UEQ(f.result.marked, 1);
    done(&f);
}
