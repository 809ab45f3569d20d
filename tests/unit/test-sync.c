/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The bounds of sync: what the transcripts in tests/golden/sync are too short
 * for. */

#include <config.h>
#include "agent/sync.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/kept.h"
#include "openvswitch/dynamic-string.h"
#include "rpc/topology.h"
#include "tests/lib/policy-text.h"
#include "tests/lib/test.h"
#include "tests/lib/update-text.h"
#include "util.h"

static const struct policy_store_limits LIMITS = {
    .members = 100, .rules_per_port = 100000, .groups = 100000,
    .ports = 4096, .set_entries = 1000,
};
static const struct sync_config CONFIG = {
    .host = "h1", .boot = "b1", .timeout_ms = 10000, .backoff_min_ms = 200,
    .backoff_max_ms = 60000, .beacon_ms = 2000, .seed = 1,
};

struct fixture {
    struct policy_store *store;
    struct sync *sync;
    struct sg_sync_request request;
    char msg_id[33];
};

static void
set_local(struct fixture *f, size_t n)
{
    struct local_port *locals = xcalloc(n, sizeof *locals);

    for (size_t i = 0; i < n; i++) {
        char name[16];

        snprintf(name, sizeof name, "p%d", (int) i + 1);
        locals[i].id = policy_text_id(name);
        locals[i].binding.plug = SG_PLUG_HYBRID;
    }
    policy_store_set_local(f->store, locals, n);
    sync_needs_changed(f->sync, 0);
    free(locals);
}

static void
init(struct fixture *f, size_t n_ports)
{
    memset(f, 0, sizeof *f);
    f->store = policy_store_create(&LIMITS);
    f->sync = sync_create(&CONFIG, f->store);
    set_local(f, n_ports);
    sync_connected(f->sync, 0);
}

static void
uninit(struct fixture *f)
{
    sg_sync_request_uninit(&f->request);
    sync_destroy(f->sync);
    policy_store_destroy(f->store);
}

static bool
run(struct fixture *f, long long int now)
{
    struct sg_sync_request request;

    if (!sync_run(f->sync, now, f->msg_id, &request)) {
        return false;
    }
    sg_sync_request_uninit(&f->request);
    f->request = request;
    return true;
}

static void
answer(struct fixture *f, const char *text, long long int now)
{
    struct sg_update update;

    update_text_parse(&update, SG_METHOD_SYNC, text);
    update.epoch.ms = 100;
    sync_answer(f->sync, f->msg_id, &update, NULL, now);
    sg_update_uninit(&update);
}

static void
bind_all(struct fixture *f, long long int now)
{
    char **names;
    size_t n;

    if (sync_take_bindings(f->sync, now, &names, &n)) {
        for (size_t i = 0; i < n; i++) {
            sync_bound(f->sync, names[i], now);
            free(names[i]);
        }
        free(names);
    }
}

TEST(requests_say_who_asks)
{
    struct fixture f;
    char first[33];

    init(&f, 1);
    REQUIRE(run(&f, 0));
    CHECK_STR(f.request.host, "h1");
    CHECK_STR(f.request.boot, "b1");
    CHECK_UEQ(strlen(f.msg_id), 32);
    CHECK_UEQ(strspn(f.msg_id, "0123456789abcdef"), 32);
    memcpy(first, f.msg_id, sizeof first);
    CHECK(!run(&f, 1));
    sync_answer(f.sync, f.msg_id, NULL, "x", 1);
    REQUIRE(run(&f, 1000));
    CHECK(strcmp(first, f.msg_id));
    uninit(&f);
}

/* More objects than a partial question may name make it a full one. */
TEST(many_objects)
{
    struct ds text = DS_EMPTY_INITIALIZER;
    struct sync_status status;
    struct fixture f;

    init(&f, 1);
    REQUIRE(run(&f, 0));
    ds_put_cstr(&text, "port p1 rev=1 groups=g1");
    for (int i = 2; i <= 1001; i++) {
        ds_put_format(&text, ",g%d", i);
    }
    for (int i = 1; i <= 1001; i++) {
        ds_put_format(&text, ";rules g%d rev=1 n=1", i);
    }
    answer(&f, ds_cstr(&text), 5);
    CHECK(!run(&f, 5));
    bind_all(&f, 10);
    REQUIRE(run(&f, 30));
    CHECK(!f.request.partial);
    CHECK(f.request.digest && !f.request.n_have);
    answer(&f, "want_have", 30);
    REQUIRE(run(&f, 30));
    CHECK(!f.request.partial && !f.request.digest);
    CHECK_UEQ(f.request.n_have, 1002);
    answer(&f, "same", 40);
    sync_get_status(f.sync, 40, &status);
    CHECK(status.in_sync);
    CHECK_UEQ(status.n_needed, 1002);
    ds_destroy(&text);
    uninit(&f);
}

/* What has no room may have been newer than the answer: asked again. */
TEST(too_much_is_kept)
{
    struct sync_status status;
    struct sg_update update;
    struct fixture f;

    init(&f, 1);
    REQUIRE(run(&f, 0));
    update_text_parse(&update, SG_METHOD_MEMBERS_CHANGED,
                      "epoch=100; members g1 rev=2 prev=1 +1");
    for (int i = 0; i <= KEPT_MAX_UPDATES; i++) {
        sync_update(f.sync, &update, 1);
    }
    sg_update_uninit(&update);
    answer(&f, "port p1 rev=1", 5);
    sync_get_status(f.sync, 5, &status);
    CHECK(status.complete);
    CHECK(!status.in_sync);
    REQUIRE(run(&f, 5));
    CHECK(!f.request.partial);
    answer(&f, "same", 6);
    sync_get_status(f.sync, 6, &status);
    CHECK(status.in_sync);
    uninit(&f);
}

TEST(pages_without_end)
{
    struct sync_status status;
    struct fixture f;
    int pages = 0;

    init(&f, 1);
    REQUIRE(run(&f, 0));
    for (;;) {
        answer(&f, "next=more", 1);
        if (!run(&f, 1)) {
            break;
        }
        pages++;
        REQUIRE(pages < 100000);
        CHECK_STR(f.request.page, "more");
    }
    sync_get_status(f.sync, 1, &status);
    CHECK_STR(status.last_error, "too many pages");
    CHECK(!status.complete);
    uninit(&f);
}

/* Names that are not of groups are none of its business. */
TEST(foreign_exchanges)
{
    struct fixture f;

    init(&f, 1);
    sync_bound(f.sync, "sg-beacon_fanout", 0);
    sync_bound(f.sync, "", 0);
    sync_unbound(f.sync, "sg-rules.x_fanout");
    REQUIRE(run(&f, 0));
    answer(&f, "port p1 rev=1", 1);
    CHECK(!run(&f, 1));
    uninit(&f);
}

TEST(kept_updates_are_whole)
{
    struct kept_update *u;
    struct sg_update update;
    struct kept kept;

    kept_init(&kept);
    update_text_parse(&update, SG_METHOD_SYNC,
                      "epoch=7 sent=8 next=t same want_have page=4 "
                      "digest=none; port p1 rev=1 groups=g1 "
                      "ip=1 pair=10.0.0.0/8 refused; rules g1 rev=2 n=3 "
                      "refused; members g1 rev=3 prev=2 +1 -2 -3;"
                      "deleted rules g2 rev=4; unknown port p2;"
                      "bad members g3 rev=5; ref rules g4; "
                      "seq=9 more entry=port:p1:2");
    kept_add(&kept, &update);
    CHECK_UEQ(kept.n, 1);
    u = kept_pop(&kept);
    REQUIRE(u);
    CHECK_UEQ(kept.bytes, 0);
    CHECK(sg_port_spec_equals(&u->update.ports[0], &update.ports[0]));
    CHECK_EQ(u->update.ports[0].revision, 1);
    CHECK(sg_rules_spec_equals(&u->update.rules[0], &update.rules[0]));
    CHECK_UEQ(u->update.members[0].added.n, 1);
    CHECK_UEQ(u->update.members[0].removed.n, 2);
    CHECK(u->update.members[0].removed.p != update.members[0].removed.p);
    CHECK_EQ(u->update.members[0].prev, 2);
    CHECK_UEQ(u->update.n_deleted, 1);
    CHECK_EQ(u->update.deleted[0].revision, 4);
    CHECK_UEQ(u->update.n_unknown, 1);
    CHECK_UEQ(u->update.n_bad, 1);
    CHECK_UEQ(u->update.n_problems, 1);
    CHECK_UEQ(u->update.n_refs, 1);
    CHECK_UEQ(u->update.n_entries, 1);
    CHECK_EQ(u->update.epoch.ms, 7);
    CHECK_EQ(u->update.sent, 8);
    CHECK_STR(u->update.next, "t");
    CHECK_STR(u->update.digest, update.digest);
    CHECK_EQ(u->update.page, 4);
    CHECK(u->update.same && u->update.want_have && u->update.more);
    kept_update_destroy(u);
    CHECK(!kept_pop(&kept));
    sg_update_uninit(&update);
    kept_uninit(&kept);
}

/* Also what is said of something that was left out takes room. */
TEST(kept_texts_count)
{
    char reason[] = "0123456789abcdef";
    struct sg_update update;
    struct kept kept;
    size_t bytes, n = 0;

    sg_update_init(&update, SG_METHOD_SYNC);
    bytes = kept_update_bytes(&update);
    sg_refusal_add(&update.problems, &update.n_problems, "what", reason);
    CHECK(kept_update_bytes(&update) >= bytes + sizeof reason);
    sg_update_uninit(&update);

    update_text_parse(&update, SG_METHOD_SYNC,
                      "port p1 rev=1; rules g1 rev=1 n=1");
    bytes = kept_update_bytes(&update);
    sg_refusal_add(&update.ports[0].refused, &update.ports[0].n_refused,
                   "what", reason);
    sg_refusal_add(&update.rules[0].refused, &update.rules[0].n_refused,
                   "what", reason);
    CHECK(kept_update_bytes(&update) >= bytes + 2 * sizeof reason);
    sg_update_uninit(&update);

    /* Many small messages with nothing but that. */
    kept_init(&kept);
    sg_update_init(&update, SG_METHOD_SYNC);
    for (int i = 0; i < 20000; i++) {
        sg_refusal_add(&update.problems, &update.n_problems, "what", reason);
    }
    while (!kept.overflow) {
        REQUIRE(++n <= KEPT_MAX_BYTES / (20000 * sizeof reason) + 1);
        kept_add(&kept, &update);
    }
    sg_update_uninit(&update);
    kept_uninit(&kept);
}

static uint64_t
unneeded_after(struct fixture *f, enum sg_method method, const char *text)
{
    struct sync_status status;
    struct sg_update update;

    update_text_parse(&update, method, text);
    update.epoch.ms = 100;
    sync_update(f->sync, &update, 2);
    sg_update_uninit(&update);
    sync_get_status(f->sync, 2, &status);
    return status.unneeded;
}

/* A message about a group that no port here needs says that its exchange
 * should not be bound. */
TEST(unneeded_messages_are_counted)
{
    struct fixture f;

    init(&f, 1);
    REQUIRE(run(&f, 0));
    answer(&f, "port p1 rev=1 groups=g1; rules g1 rev=1 remote=g2;"
               "members g2 rev=1 +1", 1);
    CHECK_UEQ(unneeded_after(&f, SG_METHOD_MEMBERS_CHANGED,
                             "members g2 rev=2 prev=1 +2"), 0);
    CHECK_UEQ(unneeded_after(&f, SG_METHOD_RULES_UPDATED,
                             "rules g1 rev=2 remote=g2"), 0);
    CHECK_UEQ(unneeded_after(&f, SG_METHOD_BEACON, "seq=1"), 0);
    CHECK_UEQ(unneeded_after(&f, SG_METHOD_PORTS_UPDATED,
                             "port p9 rev=1"), 0);
    CHECK_UEQ(unneeded_after(&f, SG_METHOD_MEMBERS_CHANGED,
                             "members g1 rev=2 prev=1 +2"), 1);
    CHECK_UEQ(unneeded_after(&f, SG_METHOD_RULES_UPDATED,
                             "rules g2 rev=2"), 2);
    CHECK_UEQ(unneeded_after(&f, SG_METHOD_GROUP_DELETED,
                             "deleted rules g3 rev=2;"
                             "deleted members g3 rev=2"), 3);
    CHECK_UEQ(unneeded_after(&f, SG_METHOD_GROUP_DELETED,
                             "deleted rules g2 rev=3;"
                             "deleted members g2 rev=3"), 3);
    /* What is brought along does not count. */
    CHECK_UEQ(unneeded_after(&f, SG_METHOD_RULES_UPDATED,
                             "rules g9 rev=2; rules g1 rev=3"), 4);
    CHECK_UEQ(unneeded_after(&f, SG_METHOD_RULES_UPDATED,
                             "rules g9 rev=3; members g2 rev=9"), 5);
    CHECK_UEQ(unneeded_after(&f, SG_METHOD_RULES_UPDATED,
                             "rules g1 rev=4; rules g9 rev=3"), 5);
    uninit(&f);
}

static void
cast(struct fixture *f, const char *text, long long int now)
{
    struct sg_update update;

    update_text_parse(&update, SG_METHOD_PORTS_UPDATED, text);
    update.epoch.ms = 100;
    sync_update(f->sync, &update, now);
    sg_update_uninit(&update);
}

/* A group is forgotten, and needed again before anybody has looked at the
 * list of bindings: that is the same as before, so nobody binds anything and
 * nobody says that it is bound. */
TEST(needed_again_before_it_was_unbound)
{
    struct sync_status status;
    struct fixture f;
    char **names;
    size_t n;

    init(&f, 1);
    REQUIRE(run(&f, 0));
    answer(&f, "port p1 rev=1 groups=g1; rules g1 rev=1", 1);
    bind_all(&f, 2);
    REQUIRE(run(&f, 30));
    answer(&f, "same", 31);
    cast(&f, "port p1 rev=2", 40);
    CHECK(!policy_store_expire(f.store, 41, 1000));
    CHECK(policy_store_expire(f.store, 1041, 1000));
    sync_needs_changed(f.sync, 1041);
    cast(&f, "port p1 rev=3 groups=g1", 1042);

    REQUIRE(sync_take_bindings(f.sync, 1043, &names, &n));
    REQUIRE(n == 1);
    free(names[0]);
    free(names);
    REQUIRE(run(&f, 1100));
    answer(&f, "rules g1 rev=1", 1101);
    sync_get_status(f.sync, 1101, &status);
    CHECK_UEQ(status.n_unbound, 0);
    CHECK(status.in_sync);

    /* Forgotten for good: it is unbound. */
    cast(&f, "port p1 rev=4", 1200);
    policy_store_expire(f.store, 1201, 1000);
    CHECK(policy_store_expire(f.store, 2201, 1000));
    REQUIRE(sync_take_bindings(f.sync, 2202, &names, &n));
    CHECK_UEQ(n, 0);
    free(names);
    uninit(&f);
}

/* An operator's wish that comes while another question is under way is not
 * put off by its answer, nor kept for one that he has not seen. */
TEST(removal_accepted_during_a_question)
{
    struct sync_status status;
    struct fixture f;

    init(&f, 4);
    REQUIRE(run(&f, 0));
    answer(&f, "port p1 rev=1; port p2 rev=1; port p3 rev=1; port p4 rev=1",
           1);
    sync_lost(f.sync, 10);
    REQUIRE(run(&f, 10010));
    answer(&f, "want_have", 10010);
    REQUIRE(run(&f, 10010));
    answer(&f, "deleted port p1 rev=2; deleted port p2 rev=2; "
           "deleted port p3 rev=2; deleted port p4 rev=2", 10011);
    sync_get_status(f.sync, 10011, &status);
    CHECK_UEQ(status.spared.n, 4);

    sync_lost(f.sync, 10020);
    REQUIRE(run(&f, 16000));
    CHECK(f.request.digest != NULL);
    CHECK(!sync_accept_removal(f.sync, 16001));
    answer(&f, "same", 16002);
    REQUIRE(run(&f, 16003));
    CHECK(!f.request.partial && !f.request.digest);
    answer(&f, "deleted port p1 rev=2; deleted port p2 rev=2; "
           "deleted port p3 rev=2; deleted port p4 rev=2", 16004);
    sync_get_status(f.sync, 16004, &status);
    CHECK_UEQ(status.spared.n, 0);
    CHECK(!run(&f, 16005));
    uninit(&f);
}

/* What an answer takes away is collected until its last page, but not without
 * bound. */
TEST(removals_without_end)
{
    const size_t n = 100000;
    struct sync_status status;
    struct sg_update update;
    struct fixture f;
    size_t pages = 0;

    init(&f, 1);
    REQUIRE(run(&f, 0));
    answer(&f, "port p1 rev=1", 1);
    sync_lost(f.sync, 10);
    REQUIRE(run(&f, 10010));
    answer(&f, "want_have", 10010);

    update_text_parse(&update, SG_METHOD_SYNC, "next=more");
    update.epoch.ms = 100;
    update.deleted = xcalloc(n, sizeof *update.deleted);
    update.n_deleted = n;
    while (run(&f, 10010)) {
        REQUIRE(++pages * n * sizeof *update.deleted
                <= KEPT_MAX_BYTES + n * sizeof *update.deleted);
        sync_answer(f.sync, f.msg_id, &update, NULL, 10010);
    }
    sg_update_uninit(&update);
    sync_get_status(f.sync, 10010, &status);
    CHECK_STR(status.last_error, "the answer is too large");
    uninit(&f);
}
