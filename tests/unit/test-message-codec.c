/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Everything that is encoded decodes to the same. */

#include <config.h>
#include "rpc/message.h"

#include <stdlib.h>
#include <string.h>

#include "tests/lib/test.h"
#include "util.h"
#include "uuid.h"

#define UNIQUE "0123456789abcdef0123456789abcdef"
#define MSG_ID "fedcba9876543210fedcba9876543210"
#define DIGEST "0123456789abcdef0123456789abcdef01234567"

static struct rpc_limits
limits(void)
{
    struct rpc_limits l;

    rpc_limits_default(&l);
    return l;
}

static char *
decode(const char *body, struct rpc_message *message)
{
    struct rpc_limits l = limits();

    return rpc_message_decode(body, strlen(body), &l, message);
}

static bool
same_string(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

static struct uuid
random_id(uint64_t *seed)
{
    struct uuid id;

    for (int i = 0; i < 4; i++) {
        id.parts[i] = test_random(seed) | 1;
    }
    return id;
}

static struct sg_prefix
random_prefix(uint64_t *seed, bool host)
{
    static const char *const texts[] = {
        "192.0.2.1", "10.77.0.16/28", "0.0.0.0/0", "198.51.100.255",
        "2001:db8::1", "2001:db8::/64", "::/0", "fe80::1",
    };
    struct sg_prefix p;

    do {
        const char *text = texts[test_random(seed) % ARRAY_SIZE(texts)];

        REQUIRE(sg_prefix_from_string(text, &p));
    } while (host && !sg_prefix_is_host(&p));
    if (sg_prefix_is_host(&p)) {
        p.addr[1] = test_random(seed);
    }
    return p;
}

static void
random_port(uint64_t *seed, struct sg_port_spec *port)
{
    memset(port, 0, sizeof *port);
    port->id = random_id(seed);
    port->revision = 1 + test_random(seed) % INT64_MAX;
    if (test_random(seed) % 2) {
        port->network_id = random_id(seed);
        strcpy(port->device, "tap5eb00000-00");
    }
    port->mac.ea[0] = 2;
    port->mac.ea[5] = test_random(seed);
    port->n_fixed_ips = test_random(seed) % 2;
    if (port->n_fixed_ips) {
        struct sg_prefix ip = random_prefix(seed, true);

        port->fixed_ips = xmemdup(&ip, sizeof ip);
    }
    port->n_pairs = test_random(seed) % 2;
    if (port->n_pairs) {
        struct sg_pair pair = { random_prefix(seed, false),
                                { { 2, 1, test_random(seed) } } };

        port->pairs = xmemdup(&pair, sizeof pair);
    }
    port->n_groups = test_random(seed) % 2;
    if (port->n_groups) {
        struct uuid group = random_id(seed);

        port->groups = xmemdup(&group, sizeof group);
    }
    port->port_security_enabled = test_random(seed) % 2;
    port->trusted = test_random(seed) % 2;
}

static void
random_rule(uint64_t *seed, struct sg_rule *rule)
{
    static const int with_ports[] = { 6, 17, 33, 132, 136 };

    memset(rule, 0, sizeof *rule);
    rule->id = random_id(seed);
    rule->direction = test_random(seed) % 2;
    rule->icmp_type = rule->icmp_code = -1;
    rule->remote_prefix = random_prefix(seed, false);
    rule->family = rule->remote_prefix.family;
    switch (test_random(seed) % 4) {
    case 0:
        rule->protocol = -1;
        break;
    case 1:
        rule->protocol = 1 + test_random(seed) % 255;
        break;
    case 2:
        rule->protocol = with_ports[test_random(seed)
                                    % ARRAY_SIZE(with_ports)];
        rule->has_ports = true;
        rule->port_min = test_random(seed);
        rule->port_max = rule->port_min
                         + test_random(seed) % (65536 - rule->port_min);
        break;
    case 3:
        rule->protocol = rule->family == SG_IPV4 ? 1 : 58;
        rule->icmp_type = test_random(seed) % 255;
        rule->icmp_code = (int) (test_random(seed) % 257) - 1;
        break;
    }

    rule->remote = test_random(seed) % 4;
    if (rule->remote != SG_REMOTE_PREFIX) {
        memset(&rule->remote_prefix, 0, sizeof rule->remote_prefix);
    }
    if (rule->remote == SG_REMOTE_GROUP
        || rule->remote == SG_REMOTE_ADDRESS_GROUP) {
        rule->remote_id = random_id(seed);
    }
}

static void
random_rules(uint64_t *seed, struct sg_rules_spec *rules)
{
    memset(rules, 0, sizeof *rules);
    rules->group = random_id(seed);
    rules->revision = 1 + test_random(seed) % 1000;
    rules->stateful = test_random(seed) % 2;
    rules->n_rules = test_random(seed) % 5;
    rules->rules = xcalloc(rules->n_rules + 1, sizeof *rules->rules);
    for (size_t i = 0; i < rules->n_rules; i++) {
        random_rule(seed, &rules->rules[i]);
    }
}

static void
random_members(uint64_t *seed, bool whole, struct sg_members_spec *members)
{
    memset(members, 0, sizeof *members);
    members->group = random_id(seed);
    members->revision = 2 + test_random(seed) % 1000;
    members->whole = whole;
    /* Different ones: a list is encoded as a set. */
    for (int n = test_random(seed) % 4; n > 0; n--) {
        struct sg_prefix p;

        do {
            p = random_prefix(seed, false);
        } while (!p.plen && n > 1);
        if (p.plen) {
            p.addr[0] = 40 + n;
        }
        sg_prefix_list_add(&members->added, &p);
    }
    sg_prefix_list_sort(&members->added);
    if (!whole) {
        members->prev = members->revision - 1;
        struct sg_prefix p = random_prefix(seed, true);

        p.addr[0] = 50;
        sg_prefix_list_add(&members->removed, &p);
    }
}

static void
random_ref(uint64_t *seed, enum sg_kind kind, struct sg_ref **refs, size_t *n)
{
    *refs = xrealloc(*refs, (*n + 1) * sizeof **refs);
    (*refs)[(*n)++] = (struct sg_ref) {
        kind, random_id(seed), 1 + test_random(seed) % 1000,
    };
}

static void
add_objects(uint64_t *seed, struct sg_update *update)
{
    update->n_ports = test_random(seed) % 3;
    update->ports = xcalloc(update->n_ports + 1, sizeof *update->ports);
    for (size_t i = 0; i < update->n_ports; i++) {
        random_port(seed, &update->ports[i]);
    }
    update->n_rules = test_random(seed) % 3;
    update->rules = xcalloc(update->n_rules + 1, sizeof *update->rules);
    for (size_t i = 0; i < update->n_rules; i++) {
        random_rules(seed, &update->rules[i]);
    }
    update->n_members = test_random(seed) % 3;
    update->members = xcalloc(update->n_members + 1, sizeof *update->members);
    for (size_t i = 0; i < update->n_members; i++) {
        random_members(seed, true, &update->members[i]);
    }
    for (int i = test_random(seed) % 3; i > 0; i--) {
        random_ref(seed, i, &update->deleted, &update->n_deleted);
        random_ref(seed, i, &update->unknown, &update->n_unknown);
    }
}

/* What a change may bring along. */
static void
add_inline(uint64_t *seed, struct sg_update *update)
{
    size_t n = test_random(seed) % 3;

    update->rules = xrealloc(update->rules, (update->n_rules + n + 1)
                                            * sizeof *update->rules);
    for (size_t i = 0; i < n; i++) {
        random_rules(seed, &update->rules[update->n_rules++]);
    }
    update->n_members = test_random(seed) % 3;
    update->members = xcalloc(update->n_members + 1, sizeof *update->members);
    for (size_t i = 0; i < update->n_members; i++) {
        random_members(seed, true, &update->members[i]);
    }
}

static void
add_answer_head(uint64_t *seed, struct sg_update *update)
{
    update->same = test_random(seed) % 2;
    update->want_have = test_random(seed) % 2;
    update->page = test_random(seed) % 3;
    update->next = test_random(seed) % 2 ? xstrdup("page \"2\"") : NULL;
    update->digest = test_random(seed) % 2 ? xstrdup(DIGEST) : NULL;
    update->duplicate_host = test_random(seed) % 2;
    if (update->n_members) {
        update->members[0].parts = test_random(seed) % 3;
        update->members[0].part = update->members[0].parts;
    }
}

static void
random_update(uint64_t *seed, enum sg_method method, struct sg_update *update)
{
    sg_update_init(update, method);
    update->epoch.ms = 1 + test_random(seed) % INT64_MAX;
    update->epoch.tag = test_random(seed);
    update->sent = test_random(seed) % INT64_MAX;
    if (method != SG_METHOD_SYNC && test_random(seed) % 2) {
        update->ack = xstrdup("r 17");
    }
    switch (method) {
    case SG_METHOD_PORTS_UPDATED:
        update->ports = xcalloc(2, sizeof *update->ports);
        update->n_ports = 2;
        random_port(seed, &update->ports[0]);
        random_port(seed, &update->ports[1]);
        add_inline(seed, update);
        break;
    case SG_METHOD_PORTS_DELETED:
        random_ref(seed, SG_KIND_PORT, &update->deleted, &update->n_deleted);
        random_ref(seed, SG_KIND_PORT, &update->deleted, &update->n_deleted);
        break;
    case SG_METHOD_RESYNC:
        for (int i = test_random(seed) % 3; i > 0; i--) {
            random_ref(seed, i, &update->refs, &update->n_refs);
            update->refs[update->n_refs - 1].revision = 0;
        }
        break;
    case SG_METHOD_RULES_UPDATED:
        update->rules = xcalloc(1, sizeof *update->rules);
        update->n_rules = 1;
        random_rules(seed, &update->rules[0]);
        add_inline(seed, update);
        break;
    case SG_METHOD_DUPLICATE_HOST:
        update->n_boots = test_random(seed) % 3;
        update->boots = xcalloc(3, sizeof *update->boots);
        for (size_t i = 0; i < update->n_boots; i++) {
            update->boots[i] = xasprintf("boot %"PRIuSIZE, i);
        }
        break;
    case SG_METHOD_MEMBERS_CHANGED:
        update->members = xcalloc(1, sizeof *update->members);
        update->n_members = 1;
        random_members(seed, test_random(seed) % 2, &update->members[0]);
        break;
    case SG_METHOD_GROUP_DELETED:
        random_ref(seed, SG_KIND_RULES, &update->deleted, &update->n_deleted);
        random_ref(seed, SG_KIND_MEMBERS, &update->deleted,
                   &update->n_deleted);
        update->deleted[1].id = update->deleted[0].id;
        update->deleted[1].revision = update->deleted[0].revision;
        break;
    case SG_METHOD_BEACON:
        update->seq = test_random(seed) % INT64_MAX;
        update->more = test_random(seed) % 2;
        update->n_entries = test_random(seed) % 3;
        update->entries = xcalloc(3, sizeof *update->entries);
        for (size_t i = 0; i < update->n_entries; i++) {
            update->entries[i].hash = test_random(seed) >> i * 8;
            update->entries[i].revision = 1 + test_random(seed) % 1000;
        }
        break;
    case SG_METHOD_SYNC:
        add_objects(seed, update);
        add_answer_head(seed, update);
        break;
    case SG_METHOD_REPORT:
        FAIL("no update");
        break;
    }
}

static void
check_refs(const struct sg_ref *a, size_t n_a, const struct sg_ref *b,
           size_t n_b, bool with_revision)
{
    if (!CHECK_UEQ(n_a, n_b)) {
        return;
    }
    for (size_t i = 0; i < n_a; i++) {
        CHECK_EQ(a[i].kind, b[i].kind);
        CHECK(uuid_equals(&a[i].id, &b[i].id));
        CHECK_EQ(a[i].revision, with_revision ? b[i].revision : 0);
    }
}

static void
check_prefixes(const struct sg_prefix_list *a, const struct sg_prefix_list *b)
{
    if (CHECK_UEQ(a->n, b->n) && a->n) {
        CHECK_MEM(a->p, b->p, a->n * sizeof *a->p);
    }
}

static void
check_objects(const struct sg_update *got, const struct sg_update *want)
{
    REQUIRE(CHECK_UEQ(got->n_ports, want->n_ports));
    for (size_t i = 0; i < got->n_ports; i++) {
        CHECK(sg_port_spec_equals(&got->ports[i], &want->ports[i]));
        CHECK_EQ(got->ports[i].revision, want->ports[i].revision);
    }
    REQUIRE(CHECK_UEQ(got->n_rules, want->n_rules));
    for (size_t i = 0; i < got->n_rules; i++) {
        CHECK(sg_rules_spec_equals(&got->rules[i], &want->rules[i]));
        CHECK_EQ(got->rules[i].revision, want->rules[i].revision);
        for (size_t j = 0; j < got->rules[i].n_refused; j++) {
            FAIL("refused: %s", got->rules[i].refused[j].reason);
        }
    }
    REQUIRE(CHECK_UEQ(got->n_members, want->n_members));
    for (size_t i = 0; i < got->n_members; i++) {
        const struct sg_members_spec *a = &got->members[i];
        const struct sg_members_spec *b = &want->members[i];

        CHECK(uuid_equals(&a->group, &b->group));
        CHECK_EQ(a->revision, b->revision);
        CHECK_EQ(a->prev, b->prev);
        CHECK_EQ(a->whole, b->whole);
        CHECK_UEQ(a->part, b->part);
        CHECK_UEQ(a->parts, b->parts);
        check_prefixes(&a->added, &b->added);
        check_prefixes(&a->removed, &b->removed);
    }
}

static void
check_updates(const struct sg_update *got, const struct sg_update *want)
{
    CHECK_EQ(got->method, want->method);
    CHECK_EQ(sg_epoch_compare(&got->epoch, &want->epoch), 0);
    CHECK_EQ(got->sent, want->sent);
    check_objects(got, want);
    check_refs(got->deleted, got->n_deleted, want->deleted, want->n_deleted,
               true);
    check_refs(got->unknown, got->n_unknown, want->unknown, want->n_unknown,
               false);
    check_refs(got->refs, got->n_refs, want->refs, want->n_refs, false);
    CHECK_UEQ(got->n_bad + got->n_problems, 0);
    CHECK_EQ(got->seq, want->seq);
    CHECK_EQ(got->more, want->more);
    CHECK_EQ(got->same, want->same);
    CHECK(same_string(got->next, want->next));
    CHECK(same_string(got->ack, want->ack));
    CHECK(same_string(got->digest, want->digest));
    CHECK_EQ(got->want_have, want->want_have);
    CHECK_EQ(got->page, want->page);
    CHECK_EQ(got->duplicate_host, want->duplicate_host);
    if (CHECK_UEQ(got->n_boots, want->n_boots)) {
        for (size_t i = 0; i < got->n_boots; i++) {
            CHECK_STR(got->boots[i], want->boots[i]);
        }
    }
    if (CHECK_UEQ(got->n_entries, want->n_entries)) {
        for (size_t i = 0; i < got->n_entries; i++) {
            CHECK_UEQ(got->entries[i].hash, want->entries[i].hash);
            CHECK_EQ(got->entries[i].revision, want->entries[i].revision);
        }
    }
}

TEST(round_trip_requests)
{
    uint64_t seed = test_seed();
    struct rpc_limits l = limits();

    for (unsigned int round = 0; round < test_rounds(100); round++) {
        for (int m = 0; m < SG_METHOD_SYNC; m++) {
            struct sg_update want, got;
            struct rpc_message message;
            size_t len;

            random_update(&seed, m, &want);
            char *body = rpc_encode_update(&want, UNIQUE, &len);
            CHECK_UEQ(len, strlen(body));
            REQUIRE(CHECK_NO_ERROR(decode(body, &message)));
            CHECK_EQ(message.type, RPC_REQUEST);
            CHECK_STR(message.unique_id, UNIQUE);
            CHECK(!message.msg_id);
            REQUIRE(CHECK_NO_ERROR(rpc_update_from_request(&message, &l,
                                                           &got)));
            check_updates(&got, &want);
            rpc_message_uninit(&message);
            sg_update_uninit(&got);
            sg_update_uninit(&want);
            free(body);
        }
    }
}

TEST(round_trip_answers)
{
    uint64_t seed = test_seed();
    struct rpc_limits l = limits();

    for (unsigned int round = 0; round < test_rounds(200); round++) {
        struct sg_update want, got;
        struct rpc_message message;
        size_t len;

        random_update(&seed, SG_METHOD_SYNC, &want);
        char *body = rpc_encode_sync_reply(&want, MSG_ID, UNIQUE, &len);
        REQUIRE(CHECK_NO_ERROR(decode(body, &message)));
        CHECK_EQ(message.type, RPC_REPLY);
        CHECK_STR(message.msg_id, MSG_ID);
        CHECK_STR(message.unique_id, UNIQUE);
        CHECK(message.ending && !message.failure_class);
        REQUIRE(CHECK_NO_ERROR(rpc_update_from_reply(&message, &l, &got)));
        check_updates(&got, &want);
        sg_update_uninit(&got);
        rpc_message_uninit(&message);
        free(body);

        char *text = rpc_encode_update_text(&want, &len);
        REQUIRE(CHECK_NO_ERROR(rpc_update_from_text(text, len, &l, &got)));
        check_updates(&got, &want);
        sg_update_uninit(&got);
        sg_update_uninit(&want);
        free(text);
    }
}

/* An update with just one object, of the arrays of 'u'. */
static char *
encode_one(const struct sg_update *u, int kind, size_t i, size_t *len)
{
    struct sg_update one;

    sg_update_init(&one, SG_METHOD_SYNC);
    one.ports = kind == 0 ? &u->ports[i] : NULL;
    one.n_ports = kind == 0;
    one.rules = kind == 1 ? &u->rules[i] : NULL;
    one.n_rules = kind == 1;
    one.members = kind == 2 ? &u->members[i] : NULL;
    one.n_members = kind == 2;
    one.deleted = kind == 3 ? &u->deleted[i] : NULL;
    one.n_deleted = kind == 3;
    one.unknown = kind == 4 ? &u->unknown[i] : NULL;
    one.n_unknown = kind == 4;
    return rpc_encode_entry(&one, len);
}

/* Joined from its entries, an answer has the same text. */
TEST(joined_answers)
{
    uint64_t seed = test_seed();

    for (unsigned int round = 0; round < test_rounds(50); round++) {
        struct rpc_entry entries[32];
        struct sg_update u;
        size_t n = 0, len, joined_len;

        random_update(&seed, SG_METHOD_SYNC, &u);
        const size_t counts[] = {
            u.n_ports, u.n_rules, u.n_members, u.n_deleted, u.n_unknown,
        };
        for (int kind = 0; kind < 5; kind++) {
            for (size_t i = 0; i < counts[kind]; i++) {
                REQUIRE(n < ARRAY_SIZE(entries));
                entries[n].text = encode_one(&u, kind, i, &entries[n].len);
                n++;
            }
        }
        char *whole = rpc_encode_sync_reply(&u, MSG_ID, UNIQUE, &len);
        char *joined = rpc_encode_joined_reply(&u, entries, n, MSG_ID, UNIQUE,
                                               &joined_len);
        CHECK_STR(joined, whole);
        CHECK_UEQ(joined_len, len);
        for (size_t i = 0; i < n; i++) {
            free(CONST_CAST(char *, entries[i].text));
        }
        free(joined);
        free(whole);
        sg_update_uninit(&u);
    }
}

static void
check_sync_request(const struct sg_sync_request *want)
{
    struct rpc_limits l = limits();
    struct sg_sync_request got;
    struct rpc_message message;
    size_t len;
    char *body = rpc_encode_sync_call(want, MSG_ID, "sg-agent.h.00000001",
                                      UNIQUE, &len);

    REQUIRE(CHECK_NO_ERROR(decode(body, &message)));
    CHECK_STR(message.method, "sync");
    CHECK_STR(message.msg_id, MSG_ID);
    CHECK_STR(message.reply_q, "sg-agent.h.00000001");
    CHECK_STR(message.unique_id, UNIQUE);
    CHECK_EQ(message.timeout, 0);
    CHECK(rpc_message_served(&message));
    REQUIRE(CHECK_NO_ERROR(rpc_sync_request_decode(&message, &l, &got)));
    CHECK_STR(got.host, want->host);
    CHECK_STR(got.boot, want->boot);
    CHECK_EQ(sg_epoch_compare(&got.epoch, &want->epoch), 0);
    CHECK_EQ(got.partial, want->partial);
    CHECK(same_string(got.digest, want->digest));
    CHECK(same_string(got.page, want->page));
    if (CHECK_UEQ(got.n_ports, want->n_ports) && got.n_ports) {
        CHECK_MEM(got.ports, want->ports, got.n_ports * sizeof *got.ports);
    }
    check_refs(got.objects, got.n_objects, want->objects, want->n_objects,
               false);
    check_refs(got.have, got.n_have, want->have, want->n_have, true);
    sg_sync_request_uninit(&got);
    rpc_message_uninit(&message);
    free(body);
}

TEST(round_trip_sync_request)
{
    uint64_t seed = test_seed();
    struct sg_sync_request request;

    memset(&request, 0, sizeof request);
    request.host = xstrdup("compute-1");
    request.boot = xstrdup("0badcafe");
    check_sync_request(&request);

    request.epoch = (struct sg_epoch) { 1763666000000, 7 };
    request.ports = xcalloc(3, sizeof *request.ports);
    request.n_ports = 3;
    for (int i = 0; i < 3; i++) {
        request.ports[i] = random_id(&seed);
        random_ref(&seed, i, &request.have, &request.n_have);
    }
    request.page = xstrdup("p2");
    request.digest = xstrdup(DIGEST);
    check_sync_request(&request);

    /* Nothing in particular is not the same as everything. */
    request.partial = true;
    check_sync_request(&request);
    random_ref(&seed, SG_KIND_RULES, &request.objects, &request.n_objects);
    check_sync_request(&request);
    sg_sync_request_uninit(&request);
}

static void
check_report(int64_t lag_ms)
{
    struct rpc_limits l = limits();
    char host[] = "compute-1", boot[] = "0badcafe";
    struct sg_report want = {
        .host = host, .boot = boot, .epoch = { 1763666000000, 7 },
        .generation = 12, .applied = 11, .in_sync = true, .lag_ms = lag_ms,
        .n_ports = 20, .n_protected = 19,
    };
    struct rpc_message message;
    struct sg_report got;
    size_t len;
    char *body = rpc_encode_report(&want, UNIQUE, &len);

    REQUIRE(CHECK_NO_ERROR(decode(body, &message)));
    CHECK(!message.msg_id);
    REQUIRE(CHECK_NO_ERROR(rpc_report_decode(&message, &l, &got)));
    CHECK_STR(got.host, host);
    CHECK_STR(got.boot, boot);
    CHECK_EQ(sg_epoch_compare(&got.epoch, &want.epoch), 0);
    CHECK_UEQ(got.generation, 12);
    CHECK_UEQ(got.applied, 11);
    CHECK(got.in_sync);
    CHECK_EQ(got.lag_ms, lag_ms);
    CHECK_UEQ(got.n_ports, 20);
    CHECK_UEQ(got.n_protected, 19);
    sg_report_uninit(&got);
    rpc_message_uninit(&message);
    free(body);
}

TEST(round_trip_report_of_all)
{
    struct rpc_limits l = limits();
    char host[] = "h", boot[] = "b", digest[] = DIGEST, state[] = "synced";
    char one[] = "one", two[] = "two";
    char *texts[] = { one, two };
    struct sg_report want = {
        .host = host, .boot = boot, .lag_ms = -1, .digest = digest,
        .state = state, .n_problems = 1, .n_orphaned = 2, .n_held = 3,
        .errors = 4, .stale = true, .reasons = texts, .n_reasons = 2,
        .acked = texts, .n_acked = 1, .has_latency = true,
    };
    struct rpc_message message;
    struct sg_report got;
    size_t len;

    sg_latency_add(&want.latency, SG_KIND_MEMBERS, SG_LATENCY_KERNEL, 7);
    sg_latency_add(&want.latency, SG_KIND_PORT, SG_LATENCY_STORED, 20000);
    char *body = rpc_encode_report(&want, UNIQUE, &len);
    REQUIRE(CHECK_NO_ERROR(decode(body, &message)));
    REQUIRE(CHECK_NO_ERROR(rpc_report_decode(&message, &l, &got)));
    CHECK_STR(got.digest, digest);
    CHECK_STR(got.state, state);
    CHECK_UEQ(got.n_problems, 1);
    CHECK_UEQ(got.n_orphaned, 2);
    CHECK_UEQ(got.n_held, 3);
    CHECK_UEQ(got.errors, 4);
    CHECK(got.stale);
    if (CHECK_UEQ(got.n_reasons, 2)) {
        CHECK_STR(got.reasons[1], two);
    }
    if (CHECK_UEQ(got.n_acked, 1)) {
        CHECK_STR(got.acked[0], one);
    }
    CHECK(got.has_latency);
    CHECK_MEM(&got.latency, &want.latency, sizeof want.latency);
    sg_report_uninit(&got);
    rpc_message_uninit(&message);
    free(body);
}

/* What the protocol said before has none of that. */
TEST(report_without_health)
{
    static const char body[] =
        "{\"method\": \"report\", \"args\": {\"host\": \"h\", "
        "\"boot\": \"b\", \"generation\": 1, \"applied\": 1, "
        "\"in_sync\": true, \"ports\": 1, \"protected\": 1}}";
    struct rpc_limits l = limits();
    struct rpc_message message;
    struct sg_report got;

    REQUIRE(CHECK_NO_ERROR(decode(body, &message)));
    REQUIRE(CHECK_NO_ERROR(rpc_report_decode(&message, &l, &got)));
    CHECK(!got.digest && !got.state && !got.has_latency);
    sg_report_uninit(&got);
    rpc_message_uninit(&message);
}

TEST(round_trip_report)
{
    check_report(3);
    check_report(-1);           /* No change has come yet. */
}
