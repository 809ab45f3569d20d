/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The policy store: what is taken, what is needed, what is reported. */

#include <config.h>
#include "agent/policy_store.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "openvswitch/dynamic-string.h"
#include "tests/lib/policy-text.h"
#include "tests/lib/test.h"
#include "tests/lib/update-text.h"
#include "util.h"
#include "uuid.h"

static const struct policy_store_limits LIMITS = {
    .members = 10, .rules_per_port = 6, .groups = 5, .ports = 3,
    .set_entries = 25,
};

static long long int now;

static void
set_local(struct policy_store *ps, const char *names)
{
    struct local_port locals[16];
    char *copy = xstrdup(names);
    char *save = NULL;
    size_t n = 0;

    memset(locals, 0, sizeof locals);
    for (char *name = strtok_r(copy, " ", &save); name;
         name = strtok_r(NULL, " ", &save)) {
        struct sg_binding *b = &locals[n].binding;

        locals[n++].id = policy_text_id(name);
        b->plug = SG_PLUG_HYBRID;
        snprintf(b->device, sizeof b->device, "tap-%s", name);
        b->zone = (uint16_t) n;
    }
    policy_store_set_local(ps, locals, n);
    free(copy);
}

static struct policy_store *
store_with(const char *ports)
{
    struct policy_store *ps = policy_store_create(&LIMITS);

    now = 1000;
    policy_store_expire(ps, now, 60000);
    set_local(ps, ports);
    return ps;
}

/* Applies 'text' and returns what came of it, as text. */
static const char *
apply(struct policy_store *ps, const char *text)
{
    static char result[200];
    struct sg_ref_list ask = { NULL, 0, 0 };
    struct policy_store_applied n;
    struct sg_update update;
    size_t len;

    update_text_parse(&update, SG_METHOD_SYNC, text);
    n = policy_store_update(ps, &update, now, &ask);
    sg_update_uninit(&update);
    len = (size_t) snprintf(result, sizeof result,
                            "accepted=%"PRIuSIZE" old=%"PRIuSIZE
                            " gap=%"PRIuSIZE" ignored=%"PRIuSIZE
                            " refused=%"PRIuSIZE, n.n_accepted, n.n_old,
                            n.n_gap, n.n_ignored, n.n_refused);
    for (size_t i = 0; i < ask.n; i++) {
        char name[16];

        len += (size_t) snprintf(result + len, sizeof result - len,
                                 " ask %s:%s",
                                 sg_kind_name(ask.refs[i].kind),
                                 update_text_name(&ask.refs[i].id, name));
    }
    sg_ref_list_clear(&ask);
    return result;
}
#define ACCEPTED(N) "accepted=" #N " old=0 gap=0 ignored=0 refused=0"
#define OLD "accepted=0 old=1 gap=0 ignored=0 refused=0"
#define IGNORED "accepted=0 old=0 gap=0 ignored=1 refused=0"
#define REFUSED "accepted=0 old=0 gap=0 ignored=0 refused=1"

/* "port:p1@3 rules:g1@2 members:g2@0" */
static void
check_needs(const struct policy_store *ps, bool held, const char *expected)
{
    struct sg_ref_list list = { NULL, 0, 0 };
    struct ds s = DS_EMPTY_INITIALIZER;

    (held ? policy_store_held : policy_store_needs)(ps, &list);
    for (size_t i = 0; i < list.n; i++) {
        char name[16];

        ds_put_format(&s, "%s%s:%s@%d", i ? " " : "",
                      sg_kind_name(list.refs[i].kind),
                      update_text_name(&list.refs[i].id, name),
                      (int) list.refs[i].revision);
    }
    CHECK_STR(ds_cstr(&s), expected);
    ds_destroy(&s);
    sg_ref_list_clear(&list);
}

static int
compare_prefixes(const void *a, const void *b)
{
    return sg_prefix_compare(a, b);
}

static void
put_list(struct ds *s, char sign, struct sg_prefix_list *list)
{
    if (list->n) {
        qsort(list->p, list->n, sizeof *list->p, compare_prefixes);
    }
    for (size_t i = 0; i < list->n; i++) {
        char text[SG_PREFIX_STRLEN];

        ds_put_format(s, " %c%s", sign, sg_prefix_format(&list->p[i], text));
    }
}

/* "g1 +10.0.0.1 -10.0.0.2 sent=5" */
static void
check_changes(struct policy_store *ps, const char *expected)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    struct store_change *changes;
    size_t n = policy_store_take_changes(ps, &changes);

    CHECK(!n == !changes);
    for (size_t i = 0; i < n; i++) {
        char name[16];

        ds_put_format(&s, "%s%s", i ? ", " : "",
                      update_text_name(&changes[i].group, name));
        put_list(&s, '+', &changes[i].added);
        put_list(&s, '-', &changes[i].removed);
        if (changes[i].sent) {
            ds_put_format(&s, " sent=%d", (int) changes[i].sent);
        }
    }
    CHECK_STR(ds_cstr(&s), expected);
    policy_store_changes_free(changes, n);
    ds_destroy(&s);
}

/* "tap-p1 g1 sent=5", or "-" if nothing is dirty. */
static void
check_dirty(struct policy_store *ps, const char *expected)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    struct store_dirty dirty;

    if (!policy_store_take_dirty(ps, &dirty)) {
        ds_put_cstr(&s, "-");
    }
    for (size_t i = 0; i < dirty.n_devices; i++) {
        ds_put_format(&s, "%s ", dirty.devices[i]);
    }
    for (size_t i = 0; i < dirty.n_groups; i++) {
        char name[16];

        ds_put_format(&s, "%s ", update_text_name(&dirty.groups[i], name));
    }
    if (dirty.sent) {
        ds_put_format(&s, "sent=%d", (int) dirty.sent);
    }
    ds_chomp(&s, ' ');
    CHECK_STR(ds_cstr(&s), expected);
    store_dirty_uninit(&dirty);
    ds_destroy(&s);
}

static void
check_object(const struct policy_store *ps, enum sg_kind kind,
             const char *name, const char *expected)
{
    struct uuid id = policy_text_id(name);
    struct store_object object;
    char *text;

    if (!policy_store_object(ps, kind, &id, &object)) {
        text = xstrdup("none");
    } else {
        text = xasprintf("%s@%d%s since %d%s%s",
                         sg_knowledge_name(object.state),
                         (int) object.revision,
                         object.needed ? "" : " lingers",
                         (int) object.since,
                         object.problem ? ": " : "",
                         object.problem ? object.problem : "");
    }
    CHECK_STR(text, expected);
    free(text);
}

static size_t
n_members(const struct policy_store *ps, const char *name)
{
    struct uuid id = policy_text_id(name);
    const struct sg_group *g = sg_policy_group(policy_store_policy(ps), &id);

    return g ? sg_members_count(&g->members) : 0;
}

static uint64_t
generation(const struct policy_store *ps)
{
    return policy_store_policy(ps)->generation;
}

#define ONE_PORT \
    "port p1 rev=1 groups=g1; rules g1 rev=1 remote=g1,g2;" \
    "members g1 rev=1 +1; members g2 rev=1 +2 +3"

TEST(closure_in_one_update)
{
    struct policy_store *ps = store_with("p1");

    check_needs(ps, false, "port:p1@0");
    CHECK_STR(apply(ps, ONE_PORT), ACCEPTED(4));
    check_needs(ps, false,
                "port:p1@1 rules:g1@1 members:g1@1 members:g2@1");
    check_changes(ps, "g1 +10.0.0.1, g2 +10.0.0.2 +10.0.0.3");
    check_changes(ps, "");
    check_dirty(ps, "tap-p1 g1");
    check_dirty(ps, "-");
    /* The order within a message does not matter, its parts do. */
    CHECK_STR(apply(ps, ONE_PORT),
              "accepted=0 old=4 gap=0 ignored=0 refused=0");
    check_dirty(ps, "-");
    policy_store_destroy(ps);
    policy_store_destroy(NULL);
}

TEST(what_is_not_needed_is_ignored)
{
    struct policy_store *ps = store_with("p1");

    CHECK_STR(apply(ps, "port p2 rev=1"), IGNORED);
    CHECK_STR(apply(ps, "rules g1 rev=1"), IGNORED);
    CHECK_STR(apply(ps, "members g1 rev=1"), IGNORED);
    CHECK_STR(apply(ps, "deleted rules g1 rev=1"), IGNORED);
    CHECK_STR(apply(ps, "unknown port p2"), IGNORED);
    CHECK_STR(apply(ps, "bad port p2"), IGNORED);
    apply(ps, "port p1 rev=1 groups=g1");
    /* Its rules are needed, its members are not. */
    CHECK_STR(apply(ps, "members g1 rev=1 +1"), IGNORED);
    CHECK_STR(apply(ps, "rules g1 rev=1 n=1"), ACCEPTED(1));
    check_needs(ps, false, "port:p1@1 rules:g1@1");
    policy_store_destroy(ps);
}

TEST(a_port_that_is_not_filtered_needs_no_groups)
{
    struct policy_store *ps = store_with("p1");

    apply(ps, "port p1 rev=1 groups=g1 trusted");
    check_needs(ps, false, "port:p1@1");
    apply(ps, "port p1 rev=2 groups=g1 unprotected");
    check_needs(ps, false, "port:p1@2");
    apply(ps, "port p1 rev=3 groups=g1");
    check_needs(ps, false, "port:p1@3 rules:g1@0");
    policy_store_destroy(ps);
}

TEST(net_member_changes)
{
    struct policy_store *ps = store_with("p1");

    apply(ps, ONE_PORT);
    check_changes(ps, "g1 +10.0.0.1, g2 +10.0.0.2 +10.0.0.3");

    CHECK_STR(apply(ps, "members g1 rev=2 prev=1 +5; sent=70"), ACCEPTED(1));
    CHECK_STR(apply(ps, "members g1 rev=3 prev=2 -5; sent=80"), ACCEPTED(1));
    check_changes(ps, "");
    apply(ps, "members g1 rev=4 prev=3 -1; sent=90");
    apply(ps, "members g1 rev=5 prev=4 +1 +6; sent=85");
    apply(ps, "members g2 rev=2 prev=1 -2 +2 +9");
    check_changes(ps, "g1 +10.0.0.6 sent=85, g2 +10.0.0.9");

    /* What is there already, or is not, is no change. */
    apply(ps, "members g1 rev=6 prev=5 +1 -77");
    check_changes(ps, "");
    /* A whole list counts as its difference. */
    apply(ps, "members g1 rev=9 +6 +7 +7 +10.9.0.0/16");
    check_changes(ps, "g1 +10.0.0.7 +10.9.0.0/16 -10.0.0.1");
    CHECK_UEQ(n_members(ps, "g1"), 3);
    check_dirty(ps, "tap-p1 g1");
    policy_store_destroy(ps);
}

TEST(gaps)
{
    struct policy_store *ps = store_with("p1");

    apply(ps, "port p1 rev=1 groups=g1; rules g1 rev=1 remote=g1");
    /* Nothing to build on. */
    CHECK_STR(apply(ps, "members g1 rev=1 prev=0 +1"),
              "accepted=0 old=0 gap=1 ignored=0 refused=0 ask members:g1");
    apply(ps, "members g1 rev=4 +1");
    CHECK_STR(apply(ps, "members g1 rev=6 prev=5 +2"),
              "accepted=0 old=0 gap=1 ignored=0 refused=0 ask members:g1");
    CHECK_STR(apply(ps, "members g1 rev=5 prev=3 +2"),
              "accepted=0 old=0 gap=1 ignored=0 refused=0 ask members:g1");
    CHECK_STR(apply(ps, "members g1 rev=4 prev=3 +9"), OLD);
    CHECK_STR(apply(ps, "members g1 rev=5 prev=4 +2"), ACCEPTED(1));
    CHECK_UEQ(n_members(ps, "g1"), 2);
    policy_store_destroy(ps);
}

TEST(generations)
{
    struct policy_store *ps = store_with("p1");
    uint64_t g = generation(ps);

    CHECK(g > 0);
    apply(ps, ONE_PORT);
    CHECK_UEQ(generation(ps), g + 1);
    /* The same content at a higher revision changes nothing. */
    apply(ps, "port p1 rev=2 groups=g1; rules g1 rev=2 remote=g1,g2;"
          "members g1 rev=2 +1");
    CHECK_UEQ(generation(ps), g + 1);
    check_dirty(ps, "tap-p1 g1");
    apply(ps, "rules g1 rev=3 remote=g1,g2 v=1");
    CHECK_UEQ(generation(ps), g + 2);
    check_dirty(ps, "g1");
    apply(ps, "members g1 rev=3 prev=2 +9");
    CHECK_UEQ(generation(ps), g + 3);
    apply(ps, "unknown port p1");
    CHECK_UEQ(generation(ps), g + 3);
    check_dirty(ps, "-");
    policy_store_destroy(ps);
}

/* The oldest of what made it dirty counts, and nothing else. */
TEST(publish_time_of_structure_changes)
{
    struct policy_store *ps = store_with("p1");

    apply(ps, ONE_PORT);
    check_dirty(ps, "tap-p1 g1");
    apply(ps, "members g1 rev=2 prev=1 +5; sent=60");
    apply(ps, "rules g1 rev=1 remote=g1,g2 v=1; sent=65");
    check_dirty(ps, "-");
    apply(ps, "rules g1 rev=2 remote=g1,g2 v=1; sent=80");
    apply(ps, "port p1 rev=2 groups=g1,g2; sent=70");
    apply(ps, "rules g1 rev=3 remote=g1,g2 v=2; sent=90");
    check_dirty(ps, "tap-p1 g1 sent=70");
    apply(ps, "rules g1 rev=4 remote=g1,g2; sent=95");
    check_dirty(ps, "g1 sent=95");
    policy_store_destroy(ps);
}

TEST(groups_linger)
{
    struct policy_store *ps = store_with("p1");
    uint64_t seqno;

    apply(ps, ONE_PORT);
    seqno = policy_store_needs_seqno(ps);
    apply(ps, "port p1 rev=2 groups=g3");
    CHECK(policy_store_needs_seqno(ps) != seqno);
    check_needs(ps, false, "port:p1@2 rules:g3@0");
    check_needs(ps, true, "port:p1@2 rules:g1@1 rules:g3@0 members:g1@1 "
                "members:g2@1");
    check_changes(ps, "g1 +10.0.0.1, g2 +10.0.0.2 +10.0.0.3");

    /* They go on following, but a gap of theirs is no reason to ask. */
    CHECK_STR(apply(ps, "members g2 rev=2 prev=1 +4"), ACCEPTED(1));
    CHECK_STR(apply(ps, "members g2 rev=9 prev=8 +4"),
              "accepted=0 old=0 gap=1 ignored=0 refused=0");
    check_changes(ps, "g2 +10.0.0.4");

    CHECK(!policy_store_expire(ps, 5000, 60000));
    CHECK(!policy_store_expire(ps, 64999, 60000));
    check_object(ps, SG_KIND_RULES, "g1", "known@1 lingers since 1000");

    /* Needed again: nothing was lost, and its remotes are back as well. */
    apply(ps, "port p1 rev=3 groups=g1,g3");
    check_needs(ps, false, "port:p1@3 rules:g1@1 rules:g3@0 members:g1@1 "
                "members:g2@2");
    apply(ps, "port p1 rev=4 groups=g3");
    CHECK(!policy_store_expire(ps, 70000, 60000));
    seqno = policy_store_needs_seqno(ps);
    check_dirty(ps, "tap-p1 g1");
    CHECK(policy_store_expire(ps, 130000, 60000));
    CHECK(policy_store_needs_seqno(ps) != seqno);
    check_needs(ps, true, "port:p1@4 rules:g3@0");
    check_changes(ps, "g1 -10.0.0.1, g2 -10.0.0.2 -10.0.0.3 -10.0.0.4");
    check_dirty(ps, "");
    CHECK_UEQ(hmap_count(&policy_store_policy(ps)->groups), 1);
    policy_store_destroy(ps);
}

/* A rule list may lose the last rule that names a remote. */
TEST(remotes_follow_the_rules)
{
    struct policy_store *ps = store_with("p1 p2");

    apply(ps, "port p1 rev=1 groups=g1; rules g1 rev=1 remote=g2,g2,g3");
    check_needs(ps, false, "port:p1@1 port:p2@0 rules:g1@1 members:g2@0 "
                "members:g3@0");
    apply(ps, "rules g1 rev=2 remote=g2");
    check_needs(ps, false, "port:p1@1 port:p2@0 rules:g1@2 members:g2@0");
    apply(ps, "port p2 rev=1 groups=g1");
    set_local(ps, "p2");
    check_needs(ps, false, "port:p2@1 rules:g1@2 members:g2@0");
    check_dirty(ps, "tap-p1 tap-p2 g1");
    set_local(ps, "");
    check_needs(ps, false, "");
    /* Rules that linger bring nothing into use. */
    apply(ps, "rules g1 rev=3 remote=g4");
    check_needs(ps, true, "rules:g1@3 members:g2@0 members:g3@0");
    set_local(ps, "p2");
    apply(ps, "port p2 rev=2 groups=g1");
    check_needs(ps, false, "port:p2@2 rules:g1@3 members:g4@0");
    policy_store_destroy(ps);
}

TEST(deleted)
{
    struct policy_store *ps = store_with("p1");

    apply(ps, ONE_PORT);
    check_dirty(ps, "tap-p1 g1");
    check_changes(ps, "g1 +10.0.0.1, g2 +10.0.0.2 +10.0.0.3");
    CHECK_STR(apply(ps, "deleted members g2 rev=1"), OLD);
    CHECK_STR(apply(ps, "deleted members g2 rev=2; sent=5"), ACCEPTED(1));
    check_changes(ps, "g2 -10.0.0.2 -10.0.0.3 sent=5");
    check_object(ps, SG_KIND_MEMBERS, "g2", "deleted@2 since 1000");
    check_dirty(ps, "-");

    now = 2000;
    CHECK_STR(apply(ps, "deleted rules g1 rev=2"), ACCEPTED(1));
    check_object(ps, SG_KIND_RULES, "g1", "deleted@2 since 2000");
    check_dirty(ps, "g1");
    check_needs(ps, false, "port:p1@1 rules:g1@2");

    CHECK_STR(apply(ps, "deleted port p1 rev=2"), ACCEPTED(1));
    check_dirty(ps, "tap-p1");
    check_needs(ps, false, "port:p1@2");
    CHECK_STR(apply(ps, "unknown port p1"), OLD);
    check_object(ps, SG_KIND_PORT, "p1", "deleted@2 since 2000");

    /* Created again with the same ids; revisions go on. */
    CHECK_STR(apply(ps, "port p1 rev=2 groups=g1"), OLD);
    CHECK_STR(apply(ps, "port p1 rev=3 groups=g1; rules g1 rev=3 remote=g2;"
                    "members g2 rev=3 prev=2 +7"), ACCEPTED(3));
    check_needs(ps, false, "port:p1@3 rules:g1@3 members:g2@3");
    check_changes(ps, "g2 +10.0.0.7");
    policy_store_destroy(ps);
}

TEST(unknown)
{
    struct policy_store *ps = store_with("p1 p2");

    apply(ps, ONE_PORT);
    check_dirty(ps, "tap-p1 tap-p2 g1");
    now = 3000;
    CHECK_STR(apply(ps, "unknown port p1; unknown rules g1;"
                    "unknown members g2; unknown port p2"),
              "accepted=3 old=1 gap=0 ignored=0 refused=0");
    check_object(ps, SG_KIND_PORT, "p1", "orphaned@1 since 3000");
    check_object(ps, SG_KIND_RULES, "g1", "orphaned@1 since 3000");
    check_object(ps, SG_KIND_MEMBERS, "g2", "orphaned@1 since 3000");
    check_object(ps, SG_KIND_PORT, "p2", "absent@0 since 1000");
    CHECK_UEQ(policy_store_n_orphaned(ps), 3);
    /* Last good stays. */
    check_dirty(ps, "-");
    CHECK_UEQ(n_members(ps, "g2"), 2);

    /* Found again as it was, and changed. */
    now = 4000;
    CHECK_STR(apply(ps, "port p1 rev=1 groups=g1"), OLD);
    check_object(ps, SG_KIND_PORT, "p1", "known@1 since 4000");
    apply(ps, "members g2 rev=2 prev=1 +8");
    check_object(ps, SG_KIND_MEMBERS, "g2", "known@2 since 4000");
    apply(ps, "rules g1 rev=2 remote=g1,g2");
    check_object(ps, SG_KIND_RULES, "g1", "known@2 since 4000");
    CHECK_UEQ(policy_store_n_orphaned(ps), 0);
    check_dirty(ps, "-");
    policy_store_destroy(ps);
}

TEST(limits)
{
    struct policy_store *ps = store_with("p1 p2");

    apply(ps, ONE_PORT);
    CHECK_STR(apply(ps, "members g1 rev=2 +1 +2 +3 +4 +5 +6 +7 +8 +9 +10 "
                    "+11"), REFUSED);
    check_object(ps, SG_KIND_MEMBERS, "g1",
                 "known@1 since 1000: 11 members, more than 10");
    CHECK_UEQ(n_members(ps, "g1"), 1);
    CHECK_UEQ(policy_store_n_problems(ps), 1);
    CHECK_STR(apply(ps, "members g1 rev=3 prev=1 +11 +2 +3 +4 +5 +6 +7 +8 +9 "
                    "+10"), REFUSED);
    /* Just fits: one is there already, one goes. */
    CHECK_STR(apply(ps, "members g1 rev=3 prev=1 +1 +2 +3 +4 +5 +6 +7 +8 +9 "
                    "+10"), ACCEPTED(1));
    CHECK_STR(apply(ps, "members g1 rev=4 prev=3 +11 -10"), ACCEPTED(1));
    CHECK_UEQ(policy_store_n_problems(ps), 0);

    CHECK_STR(apply(ps, "rules g1 rev=2 n=7"), REFUSED);
    struct uuid p1 = policy_text_id("p1");
    char *text = xasprintf("known@1 since 1000: port "UUID_FMT" would have 7 "
                           "rules, more than 6", UUID_ARGS(&p1));
    check_object(ps, SG_KIND_RULES, "g1", text);
    free(text);
    CHECK_STR(apply(ps, "rules g1 rev=2 n=6"), ACCEPTED(1));
    apply(ps, "port p1 rev=2 groups=g1,g3");
    CHECK_STR(apply(ps, "rules g3 rev=1 n=1"), REFUSED);
    CHECK_STR(apply(ps, "rules g1 rev=3 n=5; rules g3 rev=1 n=1"),
              ACCEPTED(2));
    CHECK_STR(apply(ps, "port p2 rev=1 groups=g1"), ACCEPTED(1));
    CHECK_STR(apply(ps, "rules g3 rev=2 n=2"), REFUSED);
    CHECK_STR(apply(ps, "port p1 rev=3 groups=g1"), ACCEPTED(1));
    CHECK_STR(apply(ps, "rules g3 rev=2 n=2"), ACCEPTED(1));
    CHECK_STR(apply(ps, "port p2 rev=2 groups=g1,g3"), REFUSED);
    check_object(ps, SG_KIND_PORT, "p2", "known@1 since 1000: its groups "
                 "have 7 rules, more than 6");
    CHECK_STR(apply(ps, "port p2 rev=3 groups=g1,g3 trusted"), ACCEPTED(1));
    CHECK_UEQ(policy_store_n_problems(ps), 0);

    /* g1, g2 and g3 are held. */
    CHECK_STR(apply(ps, "port p2 rev=4 groups=g4,g5,g6"), REFUSED);
    CHECK_STR(apply(ps, "port p2 rev=4 groups=g4,g5"), ACCEPTED(1));
    CHECK_STR(apply(ps, "rules g4 rev=1 remote=g5,g6"), REFUSED);
    CHECK_STR(apply(ps, "rules g4 rev=1 remote=g5,g3"), ACCEPTED(1));

    /* Whoever is here stays when there are too many. */
    set_local(ps, "p5 p6 p1 p2");
    CHECK_UEQ(policy_store_ports_refused(ps), 1);
    CHECK_UEQ(hmap_count(&policy_store_policy(ps)->ports), 3);
    check_object(ps, SG_KIND_PORT, "p1", "known@3 since 1000");
    check_object(ps, SG_KIND_PORT, "p2", "known@4 since 1000");
    policy_store_destroy(ps);
}

TEST(bad_objects)
{
    struct policy_store *ps = store_with("p1");

    apply(ps, ONE_PORT);
    now = 5000;
    CHECK_STR(apply(ps, "bad rules g1 rev=2"), REFUSED);
    check_object(ps, SG_KIND_RULES, "g1",
                 "known@1 since 1000: objects[0]: expected something else");
    CHECK_STR(apply(ps, "bad rules g1 rev=3; bad port p1 rev=2"),
              "accepted=0 old=0 gap=0 ignored=0 refused=2");
    check_object(ps, SG_KIND_PORT, "p1",
                 "known@1 since 1000: malformed as a whole");
    CHECK_UEQ(policy_store_n_problems(ps), 2);
    apply(ps, "rules g1 rev=4 n=1");
    set_local(ps, "");
    CHECK_UEQ(policy_store_n_problems(ps), 0);
    policy_store_destroy(ps);
}

TEST(behind)
{
    struct policy_store *ps = store_with("p1");
    struct uuid p1 = policy_text_id("p1");
    struct uuid g1 = policy_text_id("g1");
    uint64_t port = sg_ref_hash(SG_KIND_PORT, &p1);
    uint64_t rules = sg_ref_hash(SG_KIND_RULES, &g1);
    struct sg_ref ref = { SG_KIND_MEMBERS, { { 0 } }, -1 };

    apply(ps, ONE_PORT);
    CHECK(!policy_store_behind(ps, port, 1, &ref));
    CHECK_EQ(ref.revision, -1);
    CHECK(policy_store_behind(ps, port, 2, &ref));
    CHECK_EQ(ref.kind, SG_KIND_PORT);
    CHECK(uuid_equals(&ref.id, &p1));
    CHECK_EQ(ref.revision, 1);
    CHECK(!policy_store_behind(ps, port ^ 1, 2, &ref));

    /* Refused is not behind. */
    apply(ps, "bad rules g1 rev=4");
    CHECK(!policy_store_behind(ps, rules, 4, &ref));
    CHECK(policy_store_behind(ps, rules, 5, &ref));
    /* What lingers is not needed. */
    apply(ps, "port p1 rev=2");
    CHECK(!policy_store_behind(ps, rules, 5, &ref));
    policy_store_destroy(ps);
}

static void
check_digest(struct policy_store *ps, const char *triples)
{
    char digest[RPC_DIGEST_LEN + 1];
    struct sg_update expected;
    char text[200];

    snprintf(text, sizeof text, "digest=%s", triples);
    update_text_parse(&expected, SG_METHOD_SYNC, text);
    policy_store_digest(ps, digest);
    CHECK_STR(digest, expected.digest);
    sg_update_uninit(&expected);
}

/* What is needed, and known in this epoch. */
TEST(digest)
{
    struct policy_store *ps = store_with("p1 p2");

    check_digest(ps, "none");
    apply(ps, "port p1 rev=1 groups=g1; rules g1 rev=2 remote=g2;"
              "members g2 rev=3 +1");
    check_digest(ps, "port:p1:1,rules:g1:2,members:g2:3");
    apply(ps, "members g2 rev=4 prev=3 +2; unknown port p2");
    check_digest(ps, "port:p1:1,rules:g1:2,members:g2:4");
    /* Lingers. */
    apply(ps, "rules g1 rev=3");
    check_digest(ps, "port:p1:1,rules:g1:3");
    apply(ps, "rules g1 rev=4 remote=g2");
    check_digest(ps, "port:p1:1,rules:g1:4,members:g2:4");
    /* Orphaned, and found again. */
    apply(ps, "unknown rules g1");
    check_digest(ps, "port:p1:1");
    apply(ps, "rules g1 rev=4 remote=g2");
    check_digest(ps, "port:p1:1,rules:g1:4,members:g2:4");
    /* Refused: what is in force counts. */
    apply(ps, "members g2 rev=5 +1 +2 +3 +4 +5 +6 +7 +8 +9 +10 +11");
    check_digest(ps, "port:p1:1,rules:g1:4,members:g2:4");
    apply(ps, "deleted members g2 rev=6");
    check_digest(ps, "port:p1:1,rules:g1:4");
    policy_store_new_epoch(ps);
    check_digest(ps, "none");
    apply(ps, "port p1 rev=1 groups=g1");
    check_digest(ps, "port:p1:1");
    policy_store_destroy(ps);
}

static size_t
count_removed(const struct policy_store *ps, const char *text,
              bool absent_too)
{
    struct sg_update update;
    size_t n;

    update_text_parse(&update, SG_METHOD_SYNC, text);
    n = policy_store_count_removed(ps, &update, absent_too);
    sg_update_uninit(&update);
    return n;
}

/* Only what is news takes anything, and only from who has something. */
TEST(what_an_answer_removes)
{
    struct policy_store *ps = store_with("p1 p2 p3");

    apply(ps, "port p1 rev=5 groups=g1; port p2 rev=5 trusted groups=g1;"
              "rules g1 rev=1");
    CHECK_UEQ(count_removed(ps, "deleted port p1 rev=6;"
                                "deleted port p2 rev=6", false), 2);
    CHECK_UEQ(count_removed(ps, "deleted port p1 rev=5", false), 0);
    CHECK_UEQ(count_removed(ps, "deleted port p3 rev=6", false), 0);
    CHECK_UEQ(count_removed(ps, "deleted port p3 rev=6", true), 1);
    CHECK_UEQ(count_removed(ps, "deleted port p9 rev=6", true), 0);
    CHECK_UEQ(count_removed(ps, "deleted rules g1 rev=6", true), 0);
    /* Emptied: filtered before and after, with groups before only. */
    CHECK_UEQ(count_removed(ps, "port p1 rev=6", false), 1);
    CHECK_UEQ(count_removed(ps, "port p1 rev=5", false), 0);
    CHECK_UEQ(count_removed(ps, "port p1 rev=6 groups=g2", false), 0);
    CHECK_UEQ(count_removed(ps, "port p1 rev=6 trusted", false), 0);
    CHECK_UEQ(count_removed(ps, "port p1 rev=6 unprotected", false), 0);
    CHECK_UEQ(count_removed(ps, "port p2 rev=6", false), 0);
    CHECK_UEQ(count_removed(ps, "port p3 rev=6", true), 0);
    apply(ps, "unknown port p1");
    CHECK_UEQ(count_removed(ps, "deleted port p1 rev=6", false), 1);
    apply(ps, "deleted port p1 rev=6");
    CHECK_UEQ(count_removed(ps, "deleted port p1 rev=7", true), 0);
    policy_store_destroy(ps);
}

/* Nothing was known of it when its deletion was held: then a policy that was
 * saved is last good. */
TEST(spared_and_remembered)
{
    struct uuid id = policy_text_id("p1");
    struct policy_store *ps = store_with("p1 p2");
    struct store_object object;
    struct store_spared spared;
    struct sg_update update;

    update_text_parse(&update, SG_METHOD_SYNC, "deleted port p1 rev=6");
    policy_store_spare(ps, &update, 7000);
    sg_update_uninit(&update);
    policy_store_get_spared(ps, &spared);
    CHECK_UEQ(spared.n_absent, 1);
    update_text_parse(&update, SG_METHOD_SYNC, "port p1 rev=5 groups=g1");
    CHECK_UEQ(policy_store_remember(ps, &update, 8000), 1);
    sg_update_uninit(&update);
    REQUIRE(policy_store_object(ps, SG_KIND_PORT, &id, &object));
    CHECK_EQ(object.state, SG_ORPHANED);
    CHECK_EQ(object.revision, 0);
    CHECK(object.spared);
    policy_store_get_spared(ps, &spared);
    CHECK_UEQ(spared.n, 1);
    CHECK_UEQ(spared.n_absent, 0);
    apply(ps, "deleted port p1 rev=6");
    REQUIRE(policy_store_object(ps, SG_KIND_PORT, &id, &object));
    CHECK_EQ(object.state, SG_DELETED);
    CHECK(!object.spared);
    policy_store_destroy(ps);
}

static bool
is_spared(const struct policy_store *ps, const char *port)
{
    struct uuid id = policy_text_id(port);
    struct store_object object;

    return (policy_store_object(ps, SG_KIND_PORT, &id, &object)
            && object.spared);
}

/* What is spared stays in force, until the next word that is applied. */
TEST(spared)
{
    static const char *const words[] = {
        "port p1 rev=6 groups=g1", "port p1 rev=7 groups=g1",
        "deleted port p1 rev=6", "deleted port p1 rev=7", "unknown port p1",
    };
    static const char *const no_words[] = {
        "port p1 rev=5", "port p1 rev=4 groups=g1", "deleted port p1 rev=5",
        "port p2 rev=9", "bad port p1 rev=6", "rules g1 rev=2 n=1",
    };

    for (size_t i = 0; i < ARRAY_SIZE(words) + ARRAY_SIZE(no_words); i++) {
        bool is_word = i < ARRAY_SIZE(words);
        struct policy_store *ps = store_with("p1 p2");
        struct store_spared spared;
        struct sg_update update;
        uint64_t before;

        apply(ps, "port p1 rev=5 groups=g1; rules g1 rev=1");
        before = policy_store_policy(ps)->generation;
        update_text_parse(&update, SG_METHOD_SYNC,
                          "deleted port p1 rev=6; deleted rules g1 rev=1;"
                          "deleted port p9 rev=1");
        policy_store_spare(ps, &update, 7000);
        policy_store_spare(ps, &update, 9000);
        sg_update_uninit(&update);
        CHECK_UEQ(policy_store_policy(ps)->generation, before);
        policy_store_get_spared(ps, &spared);
        CHECK_UEQ(spared.n, 1);
        CHECK_UEQ(spared.n_ports, 1);
        CHECK_UEQ(spared.n_absent, 0);
        CHECK_EQ(spared.since, 7000);
        CHECK(is_spared(ps, "p1"));

        apply(ps, is_word ? words[i] : no_words[i - ARRAY_SIZE(words)]);
        policy_store_get_spared(ps, &spared);
        CHECK_UEQ(spared.n, !is_word);
        CHECK(is_spared(ps, "p1") == !is_word);
        policy_store_destroy(ps);
    }
}

TEST(a_new_epoch)
{
    struct policy_store *ps = store_with("p1");
    uint64_t g;

    apply(ps, ONE_PORT);
    apply(ps, "members g1 rev=50 +1");
    check_changes(ps, "g1 +10.0.0.1, g2 +10.0.0.2 +10.0.0.3");
    check_dirty(ps, "tap-p1 g1");
    g = generation(ps);
    policy_store_new_epoch(ps);
    CHECK_UEQ(generation(ps), g);
    check_needs(ps, false,
                "port:p1@0 rules:g1@0 members:g1@0 members:g2@0");
    /* A delta of the new epoch has nothing to build on. */
    CHECK_STR(apply(ps, "members g1 rev=1 prev=0 +4"),
              "accepted=0 old=0 gap=1 ignored=0 refused=0 ask members:g1");
    CHECK_STR(apply(ps, "port p1 rev=1 groups=g1; rules g1 rev=1 "
                    "remote=g1,g2; members g1 rev=1 +1 +2"), ACCEPTED(3));
    check_changes(ps, "g1 +10.0.0.2");
    check_dirty(ps, "-");
    policy_store_destroy(ps);
}

TEST(local_ports)
{
    struct policy_store *ps = store_with("p1");
    struct local_port locals[3];
    struct uuid p1 = policy_text_id("p1");

    memset(locals, 0, sizeof locals);
    check_dirty(ps, "tap-p1");
    locals[0].id = policy_text_id("p2");
    locals[0].binding.plug = SG_PLUG_MISSING;
    locals[1].id = locals[2].id = p1;
    locals[1].binding.plug = SG_PLUG_UNENFORCEABLE;
    strcpy(locals[1].binding.device, "tap-old");
    locals[2].binding.plug = SG_PLUG_HYBRID;
    strcpy(locals[2].binding.device, "tap-new");

    /* The plug that can be enforced counts. */
    CHECK(policy_store_set_local(ps, locals, 3));
    CHECK_STR(sg_policy_port(policy_store_policy(ps), &p1)->binding.device,
              "tap-new");
    check_dirty(ps, "tap-new tap-p1");
    CHECK(!policy_store_set_local(ps, locals, 3));
    check_dirty(ps, "-");
    locals[2].binding.zone = 7;
    CHECK(policy_store_set_local(ps, locals, 3));
    check_dirty(ps, "tap-new");
    CHECK(policy_store_set_local(ps, NULL, 0));
    check_dirty(ps, "tap-new");
    CHECK(hmap_is_empty(&policy_store_policy(ps)->ports));
    policy_store_destroy(ps);
}

/* What is needed is the same whichever way the store came to it. */
TEST(needs_do_not_depend_on_the_path)
{
    uint64_t state = test_seed();

    for (unsigned int round = 0; round < test_rounds(200); round++) {
        static const struct policy_store_limits wide = {
            .members = 100, .rules_per_port = 100, .groups = 100, .ports = 10,
            .set_entries = 1000,
        };
        struct policy_store *a = policy_store_create(&wide);
        struct policy_store *b = policy_store_create(&wide);
        struct ds last = DS_EMPTY_INITIALIZER;
        struct sg_ref_list na = { NULL, 0, 0 };
        struct sg_ref_list nb = { NULL, 0, 0 };

        set_local(a, "p1 p2 p3");
        set_local(b, "p1 p2 p3");
        for (int rev = 1; rev <= 12; rev++) {
            ds_clear(&last);
            for (int i = 1; i <= 3; i++) {
                unsigned int r = (unsigned int) test_random(&state);

                ds_put_format(&last, "port p%d rev=%d groups=g%u,g%u%s;", i,
                              rev, 1 + r % 2, 3 + r / 2 % 2,
                              r / 4 % 4 ? "" : " trusted");
            }
            for (int i = 1; i <= 4; i++) {
                unsigned int r = (unsigned int) test_random(&state);

                ds_put_format(&last, "rules g%d rev=%d remote=g%u,g%u;", i,
                              rev, 1 + r % 4, 5 + r / 4 % 4);
            }
            apply(a, ds_cstr(&last));
            if (test_random(&state) % 3 == 0) {
                policy_store_expire(a, 0, 0);
            }
        }
        policy_store_expire(a, 0, 0);
        /* What was not needed when its rules came is not known: tell again. */
        policy_store_new_epoch(a);
        apply(a, ds_cstr(&last));
        apply(b, ds_cstr(&last));
        policy_store_expire(a, 0, 0);
        policy_store_held(a, &na);
        policy_store_needs(b, &nb);
        REQUIRE(na.n == nb.n);
        for (size_t i = 0; i < na.n; i++) {
            CHECK(na.refs[i].kind == nb.refs[i].kind
                  && uuid_equals(&na.refs[i].id, &nb.refs[i].id)
                  && na.refs[i].revision == nb.refs[i].revision);
        }
        sg_ref_list_clear(&na);
        sg_ref_list_clear(&nb);
        policy_store_destroy(a);
        policy_store_destroy(b);
        ds_destroy(&last);
    }
}

/* Only what came by itself, was taken, and says when it was published. */
TEST(arrivals)
{
    struct policy_store *ps = store_with("p1");
    const struct store_arrival *arrivals;
    struct sg_update update;

    apply(ps, "sent=5; port p1 rev=1 groups=g1");
    CHECK_UEQ(policy_store_take_arrivals(ps, &arrivals), 0);

    update_text_parse(&update, SG_METHOD_PORTS_UPDATED,
                      "sent=7; port p1 rev=2 groups=g1; "
                      "rules g1 rev=1 n=1; rules g9 rev=1 n=1");
    policy_store_update(ps, &update, now, NULL);
    policy_store_update(ps, &update, now, NULL);        /* Old. */
    if (CHECK_UEQ(policy_store_take_arrivals(ps, &arrivals), 2)) {
        CHECK_EQ(arrivals[0].kind, SG_KIND_PORT);
        CHECK_EQ(arrivals[0].sent, 7);
        CHECK_EQ(arrivals[1].kind, SG_KIND_RULES);
    }
    CHECK_UEQ(policy_store_take_arrivals(ps, &arrivals), 0);
    sg_update_uninit(&update);

    update_text_parse(&update, SG_METHOD_PORTS_UPDATED, "port p1 rev=3");
    policy_store_update(ps, &update, now, NULL);
    CHECK_UEQ(policy_store_take_arrivals(ps, &arrivals), 0);
    sg_update_uninit(&update);
    policy_store_destroy(ps);
}
