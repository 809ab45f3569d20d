/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Answers that take several pages, lists that take several parts, digests:
 * decoded by the code that an agent has. */

#include <config.h>
#include "tests/lib/test.h"

#include <stdlib.h>

#include "openvswitch/dynamic-string.h"
#include "tools/sg-controller/answer.h"
#include "tools/sg-controller/closure.h"
#include "tools/sg-controller/diff.h"
#include "tools/sg-controller/entry_cache.h"
#include "tools/sg-controller/page_token.h"
#include "tools/sg-controller/ref_set.h"
#include "tools/sg-controller/state.h"
#include "tools/sg-controller/topology.h"
#include "util.h"
#include "uuid.h"

#define G1 "5ec00000-0000-4000-8000-000000000001"
#define G2 "5ec00000-0000-4000-8000-000000000002"
#define P1 "90000000-0000-4000-8000-000000000001"
#define P2 "90000000-0000-4000-8000-000000000002"
#define P9 "90000000-0000-4000-8000-000000000009"

/* Two or three of the entries below. */
#define PAGE_BYTES 700

static const struct sg_epoch epoch = { 1700000000000, 0xabcd };
static const struct sg_epoch older = { 1600000000000, 1 };

struct fixture {
    struct rpc_limits limits;
    struct state *state;
    struct entry_cache *cache;
    struct answer_given given;
    struct sg_sync_request request;
    struct uuid ports[3];
    struct sg_ref have[8];
    long long int now;
    /* The last answer. */
    struct sg_update update;
    bool answered;
};

/* P1 and P2 in G1, which lets G2 in, an address group of 'addresses'.  P2 is
 * 'more' as well. */
static void
load_ports(struct fixture *f, const char *addresses, const char *more)
{
    struct change_list changes = CHANGE_LIST_INITIALIZER;
    struct topology *topology = NULL;
    char *text = xasprintf(
        "address_groups: [{id: "G2", addresses: [%s]}]\n"
        "groups: [{id: "G1", rules: [\n"
        " {id: 5ec00000-0001-4000-8000-000000000001,\n"
        "  direction: ingress, ethertype: IPv4,\n"
        "  remote_address_group_id: "G2"}]}]\n"
        "ports:\n"
        "- {id: "P1", mac_address: '02:00:00:00:00:01',\n"
        "   fixed_ips: [10.0.0.1], security_groups: ["G1"]}\n"
        "- {id: "P2", mac_address: '02:00:00:00:00:02',\n"
        "   fixed_ips: [10.0.0.2], security_groups: ["G1"]%s}\n", addresses,
        more);

    REQUIRE(CHECK_NO_ERROR(topology_parse(text, strlen(text), "t", &f->limits,
                                          &topology)));
    free(text);
    state_replace(f->state, topology, 0, &changes);
    change_list_uninit(&changes);
}

static void
load(struct fixture *f, const char *addresses)
{
    load_ports(f, addresses, "");
}

static void
setup(struct fixture *f)
{
    const struct entry_cache_config config = {
        .max_bytes = 100000, .whole_bytes = 300, .part_members = 8,
    };
    static const char *const ids[] = { P1, P2, P9 };

    memset(f, 0, sizeof *f);
    rpc_limits_default(&f->limits);
    f->state = state_create(&epoch);
    f->cache = entry_cache_create(&config);
    f->request.host = CONST_CAST(char *, "h1");
    f->request.boot = CONST_CAST(char *, "b1");
    f->request.epoch = epoch;
    f->request.ports = f->ports;
    f->request.have = f->have;
    for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
        REQUIRE(sg_id_from_string(ids[i], &f->ports[i]));
    }
    f->request.n_ports = ARRAY_SIZE(ids);
    load(f, "10.1.0.1");
}

static void
clear(struct fixture *f)
{
    if (f->answered) {
        sg_update_uninit(&f->update);
        f->answered = false;
    }
}

static void
teardown(struct fixture *f)
{
    clear(f);
    free(f->request.page);
    answer_given_clear(&f->given);
    entry_cache_destroy(f->cache);
    state_destroy(f->state);
}

/* Asks, on 'page' (NULL: the first); returns what the answer has:
 * "port 1, part 2/3(8), unknown 9".  'f->update' has the rest. */
static char *
ask_text(struct fixture *f, const char *page)
{
    struct answer_source source = { f->state, f->cache, PAGE_BYTES, f->now };
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct rpc_message message;
    struct ref_set covered;
    struct answer answer;
    size_t len, bytes = 0;
    char *body, *error;

    clear(f);
    free(f->request.page);
    f->request.page = nullable_xstrdup(page);
    ref_set_init(&covered);
    closure_add_request(state_topology(f->state), &f->request, &covered);
    error = answer_sync(&source, &f->request, &covered, &f->given, &answer);
    ref_set_destroy(&covered);
    if (error) {
        return error;
    }
    for (size_t i = 0; i < answer.n; i++) {
        bytes += answer.entries[i].len;
    }
    CHECK(bytes <= PAGE_BYTES);
    answer.head.sent = 1;
    body = rpc_encode_joined_reply(&answer.head, answer.entries, answer.n,
                                   "1", "2", &len);
    answer_uninit(&answer);
    REQUIRE(CHECK_NO_ERROR(rpc_message_decode(body, len, &f->limits,
                                              &message)));
    REQUIRE(CHECK_NO_ERROR(rpc_update_from_reply(&message, &f->limits,
                                                 &f->update)));
    f->answered = true;
    rpc_message_uninit(&message);
    free(body);

    const struct sg_update *u = &f->update;
    for (size_t i = 0; i < u->n_ports; i++) {
        ds_put_format(&ds, "port %u, ", u->ports[i].id.parts[3] & 0xf);
    }
    for (size_t i = 0; i < u->n_rules; i++) {
        ds_put_format(&ds, "rules %u, ", u->rules[i].group.parts[3] & 0xf);
    }
    for (size_t i = 0; i < u->n_members; i++) {
        const struct sg_members_spec *spec = &u->members[i];

        if (spec->part) {
            ds_put_format(&ds, "part %u/%u(%zu)@%"PRId64", ", spec->part,
                          spec->parts, spec->added.n, spec->revision);
        } else {
            ds_put_format(&ds, "members %u(%zu), ", spec->group.parts[3] & 0xf,
                          spec->added.n);
        }
    }
    for (size_t i = 0; i < u->n_unknown; i++) {
        ds_put_format(&ds, "unknown %u, ", u->unknown[i].id.parts[3] & 0xf);
    }
    ds_put_cstr(&ds, u->same ? "same" : u->want_have ? "want have"
                     : u->next ? "more" : "end");
    return ds_steal_cstr(&ds);
}

#define CHECK_ASK(F, PAGE, TEXT)                        \
    do {                                                \
        char *text_ = ask_text(F, PAGE);                \
        CHECK_STR(text_, TEXT);                         \
        free(text_);                                    \
    } while (0)

/* The page after the last one. */
static char *
next_text(struct fixture *f)
{
    char *next = nullable_xstrdup(f->answered ? f->update.next : NULL);
    char *text;

    REQUIRE(next);
    text = ask_text(f, next);
    free(next);
    return text;
}

#define CHECK_NEXT(F, TEXT)                             \
    do {                                                \
        char *text_ = next_text(F);                     \
        CHECK_STR(text_, TEXT);                         \
        free(text_);                                    \
    } while (0)

/* What the last page must say of all that there is now. */
static char *
digest_now(struct fixture *f)
{
    char *digest = xmalloc(RPC_DIGEST_LEN + 1);
    struct ref_set refs;

    ref_set_init(&refs);
    closure_add_request(state_topology(f->state), &f->request, &refs);
    closure_digest(f->state, &refs, digest);
    ref_set_destroy(&refs);
    return digest;
}

#define CHECK_DIGEST(F)                                 \
    do {                                                \
        char *digest_ = digest_now(F);                  \
        CHECK_STR((F)->update.digest, digest_);         \
        free(digest_);                                  \
    } while (0)

/* Eight addresses that are no range, from 10.'b'.0.0 on; 'n' times. */
static char *
addresses(int b, int n)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    for (int i = 0; i < n * 8; i++) {
        ds_put_format(&ds, "%s10.%d.%d.%d", i ? ", " : "", b, i / 100,
                      i % 100 * 2);
    }
    return ds_steal_cstr(&ds);
}

static void
load_parts(struct fixture *f, int b, int n)
{
    char *text = addresses(b, n);

    load(f, text);
    free(text);
}

TEST(pages_follow_each_other_to_the_digest_of_all)
{
    struct fixture f;

    setup(&f);
    CHECK_ASK(&f, NULL, "port 1, port 2, unknown 9, more");
    CHECK_EQ(f.update.page, 1);
    CHECK(!f.update.digest);
    CHECK_NEXT(&f, "rules 1, members 2(1), end");
    CHECK_EQ(f.update.page, 2);
    CHECK_DIGEST(&f);
    CHECK(!f.given.refs);
    teardown(&f);
}

/* Its agent needs none for it, and says so in its digest. */
TEST(a_port_that_is_not_filtered_needs_no_groups)
{
    static const char *const why[] = {
        ", trusted: true", ", port_security_enabled: false",
    };

    for (size_t i = 0; i < ARRAY_SIZE(why); i++) {
        struct sg_ref ref = { .kind = SG_KIND_PORT };
        char digest[RPC_DIGEST_LEN + 1];
        struct fixture f;

        setup(&f);
        load_ports(&f, "10.1.0.1", why[i]);
        f.request.ports = &f.ports[1];
        f.request.n_ports = 1;
        CHECK_ASK(&f, NULL, "port 2, end");
        ref.id = f.ports[1];
        ref.revision = f.update.ports[0].revision;
        rpc_digest(&ref, 1, digest);
        CHECK_STR(f.update.digest, digest);
        teardown(&f);
    }
}

TEST(a_page_that_is_asked_for_twice_is_the_same)
{
    struct fixture f;
    char *next;

    setup(&f);
    CHECK_ASK(&f, NULL, "port 1, port 2, unknown 9, more");
    next = xstrdup(f.update.next);
    load_parts(&f, 2, 5);
    CHECK_ASK(&f, next, "rules 1, part 1/5(8)@7, part 2/5(8)@7, more");
    CHECK_ASK(&f, next, "rules 1, part 1/5(8)@7, part 2/5(8)@7, more");
    CHECK_NEXT(&f, "part 3/5(8)@7, part 4/5(8)@7, part 5/5(8)@7, end");
    CHECK_DIGEST(&f);

    /* Nothing is known of the pages before any more: no word on all. */
    CHECK_ASK(&f, next, "rules 1, part 1/5(8)@7, part 2/5(8)@7, more");
    CHECK_NEXT(&f, "part 3/5(8)@7, part 4/5(8)@7, part 5/5(8)@7, end");
    CHECK(!f.update.digest);
    free(next);
    teardown(&f);
}

TEST(a_list_that_changes_meanwhile_is_finished_at_its_revision)
{
    struct fixture f;
    char *before;

    setup(&f);
    load_parts(&f, 2, 5);
    CHECK_ASK(&f, NULL, "port 1, port 2, unknown 9, more");
    CHECK_NEXT(&f, "rules 1, part 1/5(8)@7, part 2/5(8)@7, more");
    before = digest_now(&f);
    load_parts(&f, 3, 4);
    load_parts(&f, 4, 3);
    CHECK_NEXT(&f, "part 3/5(8)@7, part 4/5(8)@7, part 5/5(8)@7, end");
    /* Of what the pages said. */
    CHECK_STR(f.update.digest, before);
    free(before);
    teardown(&f);
}

TEST(a_list_whose_parts_are_forgotten_begins_again)
{
    struct fixture f;

    setup(&f);
    load_parts(&f, 2, 5);
    CHECK_ASK(&f, NULL, "port 1, port 2, unknown 9, more");
    CHECK_NEXT(&f, "rules 1, part 1/5(8)@7, part 2/5(8)@7, more");
    load_parts(&f, 3, 4);
    entry_cache_trim(f.cache, ENTRY_IDLE_MS);
    CHECK_NEXT(&f, "part 1/4(8)@9, part 2/4(8)@9, part 3/4(8)@9, more");
    CHECK_NEXT(&f, "part 4/4(8)@9, end");
    CHECK_DIGEST(&f);
    teardown(&f);
}

/* The memory is trimmed after each page, by age and by size.  Its parts were
 * made at once, and no page had all of them. */
TEST(a_list_keeps_all_of_its_parts_or_none)
{
    struct entry_cache_config config = {
        .max_bytes = 100000, .whole_bytes = 300, .part_members = 8,
    };
    struct fixture f;

    setup(&f);
    load_parts(&f, 2, 5);
    f.now = 10 * ENTRY_IDLE_MS;
    CHECK_ASK(&f, NULL, "port 1, port 2, unknown 9, more");
    entry_cache_trim(f.cache, f.now);
    CHECK_NEXT(&f, "rules 1, part 1/5(8)@7, part 2/5(8)@7, more");
    entry_cache_trim(f.cache, f.now);
    CHECK_NEXT(&f, "part 3/5(8)@7, part 4/5(8)@7, part 5/5(8)@7, end");
    CHECK_DIGEST(&f);

    entry_cache_destroy(f.cache);
    config.max_bytes = 1000;
    f.cache = entry_cache_create(&config);
    CHECK_ASK(&f, NULL, "port 1, port 2, unknown 9, more");
    CHECK_NEXT(&f, "rules 1, part 1/5(8)@7, part 2/5(8)@7, more");
    entry_cache_trim(f.cache, f.now);
    CHECK_NEXT(&f, "part 3/5(8)@7, part 4/5(8)@7, part 5/5(8)@7, end");
    teardown(&f);
}

TEST(an_object_that_went_between_two_pages)
{
    struct fixture f;
    struct change_list changes = CHANGE_LIST_INITIALIZER;

    setup(&f);
    CHECK_ASK(&f, NULL, "port 1, port 2, unknown 9, more");
    state_replace(f.state, topology_create(), 0, &changes);
    change_list_uninit(&changes);
    /* Its closure is empty; the hosts are told of the ports. */
    CHECK_NEXT(&f, "end");
    teardown(&f);
}

TEST(a_digest_is_answered_with_one_word)
{
    struct fixture f;
    char *digest;

    setup(&f);
    digest = digest_now(&f);
    f.request.digest = digest;
    CHECK_ASK(&f, NULL, "same");
    CHECK(!f.update.page && !f.update.next);

    /* Another epoch's says nothing. */
    f.request.epoch = older;
    CHECK_ASK(&f, NULL, "port 1, port 2, unknown 9, more");
    f.request.epoch = epoch;
    load(&f, "10.1.0.2");
    CHECK_ASK(&f, NULL, "want have");

    /* With `have` in the same question it need not come again. */
    f.have[0] = (struct sg_ref) { SG_KIND_PORT, f.ports[0], 2 };
    f.request.n_have = 1;
    CHECK_ASK(&f, NULL, "port 2, rules 1, unknown 9, more");
    f.request.digest = NULL;
    CHECK_NEXT(&f, "members 2(1), end");
    /* Also of what was left out. */
    CHECK_DIGEST(&f);
    f.request.partial = true;
    f.request.digest = digest;
    f.request.n_objects = 0;
    CHECK_ASK(&f, NULL, "end");
    CHECK(!f.update.digest);
    free(digest);
    teardown(&f);
}

TEST(no_page_but_those_that_it_names)
{
    static const char *const bad[] = {
        "", "x", "1/port/"P1"/0/0/0", "2/pork/"P1"/0/0/0", "2/port/12/0/0/0",
        "2/port/"P1"/5000/0/0", "2/port/"P1"/0/9223372036854775808/0",
        "2/port/"P1"/0/0", "2/port/"P1"/0/0/0/", "2/port/"P1"/0/-1/0",
        "2/port/"P1"/0/0/18446744073709551616", "2/port/"P1"/0/0/0 ",
        "9223372036854775807/port/"P1"/0/0/0",
    };
    struct page_token token;
    struct fixture f;
    char *text;

    setup(&f);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        CHECK_ASK(&f, bad[i], "page: there is no such page");
    }
    /* What could be one gives what stands from there on, and no digest. */
    CHECK_ASK(&f, "7/rules/"G1"/3/9/99", "rules 1, members 2(1), end");
    CHECK_EQ(f.update.page, 7);
    CHECK(!f.update.digest);

    token = (struct page_token) {
        INT64_MAX - 1, { SG_KIND_MEMBERS, f.ports[2], INT64_MAX }, 4096,
        SIZE_MAX
    };
    text = page_token_format(&token);
    CHECK(strlen(text) <= PAGE_TOKEN_MAX);
    memset(&token, 0, sizeof token);
    CHECK(page_token_parse(text, &token));
    CHECK(token.page == INT64_MAX - 1 && token.part == 4096
          && token.n_given == SIZE_MAX);
    free(text);
    teardown(&f);
}

/* Somebody makes tokens up, to be given the same again and again. */
TEST(no_page_is_counted_as_given_twice)
{
    struct fixture f;

    setup(&f);
    f.have[0] = (struct sg_ref) { SG_KIND_PORT, f.ports[0], 2 };
    f.have[1] = (struct sg_ref) { SG_KIND_PORT, f.ports[1], 1 };
    f.request.n_have = 2;
    load_parts(&f, 2, 5);
    for (size_t i = 0; i < 100; i++) {
        char *page = xasprintf("2/port/"P1"/0/0/%"PRIuSIZE, f.given.n);

        free(ask_text(&f, page));
        free(page);
        CHECK(f.given.n <= 4);
    }
    teardown(&f);
}

TEST(each_text_is_made_once_and_the_memory_is_bounded)
{
    struct entry_cache_stats stats;
    struct fixture f;

    setup(&f);
    for (int i = 0; i < 3; i++) {
        CHECK_ASK(&f, NULL, "port 1, port 2, unknown 9, more");
        CHECK_NEXT(&f, "rules 1, members 2(1), end");
    }
    entry_cache_get_stats(f.cache, &stats);
    CHECK_UEQ(stats.misses, 4);
    CHECK_EQ(stats.n, 4);
    for (int i = 0; i < 100; i++) {
        load_parts(&f, i, 10);
        free(ask_text(&f, "2/members/"G2"/0/0/0"));
        entry_cache_trim(f.cache, 0);
        entry_cache_get_stats(f.cache, &stats);
        CHECK(stats.bytes <= 100000);
    }
    CHECK(stats.n > 100);
    entry_cache_trim(f.cache, ENTRY_IDLE_MS);
    entry_cache_get_stats(f.cache, &stats);
    CHECK(!stats.n && !stats.bytes);
    teardown(&f);
}
