/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tests/lib/revoke-fixture.h"

#include <netinet/in.h>
#include <string.h>

#include "tests/lib/test.h"
#include "util.h"

size_t rvf_few_flows;

void
rvf_set_policy(struct rvf *f, const char *text)
{
    if (f->generation) {
        policy_text_uninit(&f->pt);
    }
    policy_text_init(&f->pt, text);
    f->pt.policy.generation = ++f->generation;
}

void
rvf_note_groups(struct rvf *f, const char *group)
{
    struct uuid id = policy_text_id(group);
    struct store_dirty dirty = { .groups = &id, .n_groups = 1 };

    revoke_note_structure(f->r, &f->pt.policy, &dirty, f->now);
}

void
rvf_note_device(struct rvf *f, const char *device)
{
    char devices[1][SG_DEVICE_LEN] = { "" };
    struct store_dirty dirty = { .devices = devices, .n_devices = 1 };

    ovs_strlcpy(devices[0], device, sizeof devices[0]);
    revoke_note_structure(f->r, &f->pt.policy, &dirty, f->now);
}

void
rvf_note_member(struct rvf *f, const char *address, bool added)
{
    struct sg_prefix p = policy_text_prefix(address);
    struct sg_prefix_list list = { &p, 1, 1 };
    struct store_change change = { .group = policy_text_id("g2") };

    *(added ? &change.added : &change.removed) = list;
    revoke_note_members(f->r, &f->pt.policy, &change, 1, f->now);
}

void
rvf_in_force(struct rvf *f, uint64_t rules, uint64_t deletions)
{
    const struct revoke_in_force in_force = { rules, deletions };

    revoke_applied(f->r, &in_force, f->now);
}

/* The thread's part, at once. */
static void
run_table(struct rvf *f, struct revoke_job *job)
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
pass(struct rvf *f, int64_t cpu_us, int error)
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

bool
rvf_turn(struct rvf *f, int64_t cpu_us, int error)
{
    rvf_in_force(f, f->generation, f->generation);
    return pass(f, cpu_us, error);
}

long long int
rvf_wait_in_force(struct rvf *f, uint64_t rules, uint64_t deletions)
{
    long long int begun = f->now;

    for (; f->now <= begun + 1000; f->now++) {
        rvf_in_force(f, rules, deletions);
        if (pass(f, 1000, 0)) {
            return f->now - begun;
        }
    }
    return -1;
}

long long int
rvf_wait_pass(struct rvf *f, long long int ms)
{
    long long int begun = f->now;

    for (; f->now <= begun + ms; f->now++) {
        if (rvf_turn(f, 1000, 0)) {
            return f->now - begun;
        }
    }
    return -1;
}

struct flow_tuple
rvf_udp(const char *src, const char *dst, uint16_t dport)
{
    return (struct flow_tuple) {
        .src = policy_text_prefix(src), .dst = policy_text_prefix(dst),
        .proto = IPPROTO_UDP, .has_ports = true, .sport = 1000,
        .dport = dport,
    };
}

struct flow_tuple
rvf_answer(const char *src, const char *dst, uint16_t sport)
{
    struct flow_tuple tuple = rvf_udp(src, dst, 1000);

    tuple.sport = sport;
    return tuple;
}

struct flow_tuple
rvf_dccp(const char *src, const char *dst)
{
    return (struct flow_tuple) {
        .src = policy_text_prefix(src), .dst = policy_text_prefix(dst),
        .proto = IPPROTO_DCCP,
    };
}

void
rvf_add_tuple(struct rvf *f, uint16_t zone, struct flow_tuple orig)
{
    struct flow_entry e = { .zone = zone, .orig = orig, .reply = orig };

    e.reply.src = orig.dst;
    e.reply.dst = orig.src;
    e.reply.sport = orig.dport;
    e.reply.dport = orig.sport;
    flow_table_memory_add(f->table, &e);
}

void
rvf_add_flow(struct rvf *f, uint16_t zone, const char *src, const char *dst,
             uint16_t dport)
{
    rvf_add_tuple(f, zone, rvf_udp(src, dst, dport));
}

uint32_t
rvf_mark_of_tuple(struct rvf *f, uint16_t zone, struct flow_tuple orig)
{
    struct flow_entry *e = flow_table_memory_find(f->table, zone, &orig);

    return e ? e->mark : 12345;
}

uint32_t
rvf_mark_of(struct rvf *f, uint16_t zone, const char *src, const char *dst,
            uint16_t dport)
{
    return rvf_mark_of_tuple(f, zone, rvf_udp(src, dst, dport));
}

void
rvf_init(struct rvf *f, bool keep)
{
    const struct revoke_config config = {
        .keep = keep, .bit = BIT, .few_flows = rvf_few_flows,
    };

    memset(f, 0, sizeof *f);
    f->now = 1000;
    f->r = revoke_create(&config, f->now);
    f->table = flow_table_memory_create();
    rvf_set_policy(f, BEFORE);
}

void
rvf_start(struct rvf *f)
{
    revoke_started(f->r, &f->pt.policy, f->unfiltered, f->now);
    CHECK(rvf_wait_pass(f, 100) >= 0);
    f->now += 10000;
    f->n_passes = 0;
}

void
rvf_begin(struct rvf *f, bool keep)
{
    rvf_init(f, keep);
    rvf_start(f);
}

void
rvf_uninit(struct rvf *f)
{
    revoke_destroy(f->r);
    f->table->class->destroy(f->table);
    policy_text_uninit(&f->pt);
}
