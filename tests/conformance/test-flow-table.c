/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The kernel's table of flows and the model of it, held to the same
 * behaviour. */

#include <config.h>
#include "firewall/flow.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "tests/lib/netns.h"
#include "tests/lib/test.h"
#include "util.h"

#define BIT (UINT32_C(1) << 31)
#define MAX_ENTRIES 4096

struct fixture {
    struct flow_table *t;
    bool kernel;
    struct flow_entry entries[MAX_ENTRIES];     /* Of the last dump. */
    size_t n;
};

static void
run(void (*test)(struct fixture *), bool kernel)
{
    static struct fixture f;
    char *error = NULL;

    if (kernel) {
        netns_enter();
        f.t = flow_table_kernel_create(&error);
        CHECK_NO_ERROR(error);
        REQUIRE(f.t);
    } else {
        f.t = flow_table_memory_create();
    }
    f.kernel = kernel;
    test(&f);
    f.t->class->destroy(f.t);
}

#define TABLE_TEST(NAME)                                \
    static void NAME(struct fixture *);                 \
    TEST(NAME##_memory)                                 \
    {                                                   \
        run(NAME, false);                               \
    }                                                   \
    TEST(NAME##_kernel)                                 \
    {                                                   \
        run(NAME, true);                                \
    }                                                   \
    static void                                         \
    NAME(struct fixture *f)

static struct sg_prefix
address(const char *text)
{
    struct sg_prefix p;

    if (!sg_address_from_string(text, &p)) {
        FAIL("%s is no address", text);
    }
    return p;
}

static struct flow_entry
make(uint16_t zone, uint8_t proto, const char *src, const char *dst)
{
    struct flow_entry e = {
        .zone = zone,
        .orig = { .src = address(src), .dst = address(dst), .proto = proto },
    };

    return e;
}

static struct flow_entry
with_ports(struct flow_entry e, uint16_t sport, uint16_t dport)
{
    e.orig.has_ports = true;
    e.orig.sport = sport;
    e.orig.dport = dport;
    return e;
}

static struct flow_entry
with_icmp(struct flow_entry e, uint8_t type, uint16_t id)
{
    e.orig.has_icmp = true;
    e.orig.icmp_type = type;
    e.orig.icmp_id = htons(id);
    return e;
}

/* As the conntrack program says it. */
static void
format(const struct flow_entry *e, struct ds *ds)
{
    const struct flow_tuple *t = &e->orig;
    char src[SG_PREFIX_STRLEN], dst[SG_PREFIX_STRLEN];

    ds_put_format(ds, "-I -p %d -s %s -d %s -t 600 --zone %d -m %"PRIu32,
                  t->proto, sg_prefix_format(&t->src, src),
                  sg_prefix_format(&t->dst, dst), e->zone, e->mark);
    if (t->proto == IPPROTO_TCP || t->proto == IPPROTO_SCTP) {
        ds_put_cstr(ds, " --state ESTABLISHED");
    }
    if (t->proto == IPPROTO_SCTP) {
        ds_put_cstr(ds, " --orig-vtag 1 --reply-vtag 2");
    }
    if (t->has_ports) {
        ds_put_format(ds, " --sport %d --dport %d", t->sport, t->dport);
    }
    if (t->has_icmp) {
        const char *name = t->src.family == SG_IPV4 ? "icmp" : "icmpv6";

        ds_put_format(ds, " --%s-type %d --%s-code 0 --%s-id %d", name,
                      t->icmp_type, name, name, ntohs(t->icmp_id));
    }
    ds_put_char(ds, '\n');
}

/* What answers, if nothing is translated. */
static void
complete(struct flow_entry *e)
{
    bool v4 = e->orig.src.family == SG_IPV4;

    e->reply = e->orig;
    e->reply.src = e->orig.dst;
    e->reply.dst = e->orig.src;
    e->reply.sport = e->orig.dport;
    e->reply.dport = e->orig.sport;
    if (e->orig.has_icmp) {
        e->reply.icmp_type = v4 ? 0 : e->orig.icmp_type + 1;
    }
}

static void
add(struct fixture *f, struct flow_entry *entries, size_t n)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < n; i++) {
        complete(&entries[i]);
        if (f->kernel) {
            format(&entries[i], &ds);
        } else {
            flow_table_memory_add(f->t, &entries[i]);
        }
    }
    if (f->kernel) {
        free(netns_run(ds_cstr(&ds), "conntrack -R -"));
    }
    ds_destroy(&ds);
}

/* 'max' entries a time. */
static void
dump(struct fixture *f, struct flow_filter filter, size_t max)
{
    size_t n;

    f->n = 0;
    REQUIRE(!f->t->class->begin(f->t, &filter));
    do {
        REQUIRE(f->n + max <= MAX_ENTRIES);
        REQUIRE(!f->t->class->next(f->t, &f->entries[f->n], max, &n));
        f->n += n;
    } while (n);
}

static const struct flow_entry *
find(const struct fixture *f, uint16_t zone, const struct flow_tuple *orig)
{
    for (size_t i = 0; i < f->n; i++) {
        if (f->entries[i].zone == zone
            && !memcmp(&f->entries[i].orig, orig, sizeof *orig)) {
            return &f->entries[i];
        }
    }
    return NULL;
}

static void
check_entries(const struct fixture *f, const struct flow_entry *entries,
              size_t n)
{
    CHECK_UEQ(f->n, n);
    for (size_t i = 0; i < n; i++) {
        const struct flow_entry *e = find(f, entries[i].zone,
                                          &entries[i].orig);

        if (CHECK(e != NULL)) {
            CHECK_MEM(&e->reply, &entries[i].reply, sizeof e->reply);
            CHECK_UEQ(e->mark, entries[i].mark);
            CHECK(!e->related);
        } else {
            struct ds ds = DS_EMPTY_INITIALIZER;

            flow_tuple_format(&entries[i].orig, &ds);
            FAIL("not found: %s", ds_cstr(&ds));
            ds_destroy(&ds);
        }
    }
}

TABLE_TEST(every_protocol_is_read)
{
    struct flow_entry entries[] = {
        with_ports(make(7, IPPROTO_TCP, "10.0.0.1", "10.0.0.2"), 40000, 22),
        with_ports(make(7, IPPROTO_UDP, "10.0.0.1", "10.0.0.2"), 1, 65535),
        with_ports(make(65535, IPPROTO_SCTP, "10.0.0.1", "10.0.0.2"), 5, 6),
        with_ports(make(7, IPPROTO_UDPLITE, "10.0.0.1", "10.0.0.2"), 5, 6),
        with_icmp(make(7, IPPROTO_ICMP, "10.0.0.1", "10.0.0.2"), 8, 258),
        make(7, IPPROTO_ESP, "10.0.0.1", "10.0.0.2"),
        with_ports(make(7, IPPROTO_TCP, "2001:db8::1", "2001:db8::2"), 1, 2),
        with_ports(make(9, IPPROTO_SCTP, "2001:db8::1", "fe80::2"), 1, 2),
        with_icmp(make(7, IPPROTO_ICMPV6, "2001:db8::1", "2001:db8::2"), 128,
                  3),
        make(7, 112, "2001:db8::1", "2001:db8::2"),
    };
    size_t n;

    entries[1].mark = 0x12345678;
    add(f, entries, ARRAY_SIZE(entries));
    REQUIRE(!f->t->class->count(f->t, &n));
    CHECK_UEQ(n, ARRAY_SIZE(entries));
    dump(f, (struct flow_filter) { .kind = FLOW_ALL }, 100);
    check_entries(f, entries, ARRAY_SIZE(entries));
    dump(f, (struct flow_filter) { .kind = FLOW_ALL }, 1);
    check_entries(f, entries, ARRAY_SIZE(entries));
}

TABLE_TEST(an_empty_table_is_read)
{
    size_t n = 1;

    REQUIRE(!f->t->class->count(f->t, &n));
    CHECK_UEQ(n, 0);
    dump(f, (struct flow_filter) { .kind = FLOW_ALL }, 100);
    CHECK_UEQ(f->n, 0);
}

/* The same flow in two zones, one of another family, one marked. */
static void
add_four(struct fixture *f, struct flow_entry entries[4])
{
    entries[0] = with_ports(make(7, IPPROTO_UDP, "10.0.0.1", "10.0.0.2"),
                            1, 2);
    entries[1] = entries[0];
    entries[1].zone = 8;
    entries[2] = with_ports(make(7, IPPROTO_UDP, "2001:db8::1",
                                 "2001:db8::2"), 1, 2);
    entries[3] = with_ports(make(9, IPPROTO_UDP, "10.0.0.2", "10.0.0.1"),
                            2, 1);
    entries[3].mark = BIT | 1;
    add(f, entries, 4);
}

TABLE_TEST(filters)
{
    struct flow_entry entries[4];
    struct flow_filter filter = { .kind = FLOW_OF_ZONE, .zone = 7 };

    add_four(f, entries);
    dump(f, filter, 100);
    if (f->kernel && f->n == 4) {
        SKIP("this kernel has no filter by zone");
    }
    CHECK_UEQ(f->n, 2);
    CHECK(find(f, 7, &entries[0].orig) && find(f, 7, &entries[2].orig));

    filter = (struct flow_filter) {
        .kind = FLOW_FROM, .address = address("10.0.0.1"),
    };
    dump(f, filter, 100);
    CHECK_UEQ(f->n, 2);
    CHECK(find(f, 7, &entries[0].orig) && find(f, 8, &entries[1].orig));

    filter.kind = FLOW_TO;
    dump(f, filter, 100);
    check_entries(f, &entries[3], 1);

    filter.kind = FLOW_FROM;
    filter.mark = BIT;
    dump(f, filter, 100);
    CHECK_UEQ(f->n, 0);

    filter = (struct flow_filter) { .kind = FLOW_OF_IPV6 };
    dump(f, filter, 100);
    check_entries(f, &entries[2], 1);
    filter.mark = BIT;
    dump(f, filter, 100);
    CHECK_UEQ(f->n, 0);

    filter.kind = FLOW_ALL;
    dump(f, filter, 100);
    check_entries(f, &entries[3], 1);
}

static struct flow_changed
change(struct fixture *f, enum flow_action action,
       const struct flow_entry *e)
{
    const struct flow_change c = { action, e->zone, e->orig };
    struct flow_changed changed = { 0, 0, 0 };

    CHECK_EQ(f->t->class->change(f->t, &c, 1, BIT, &changed), 0);
    CHECK_UEQ(changed.n_failed, 0);
    return changed;
}

static void
check_now(struct fixture *f, const struct flow_entry *entries, size_t n)
{
    dump(f, (struct flow_filter) { .kind = FLOW_ALL }, 100);
    check_entries(f, entries, n);
}

TABLE_TEST(a_mark_is_one_bit_of_one_flow)
{
    struct flow_entry entries[4];

    add_four(f, entries);
    CHECK_UEQ(change(f, FLOW_MARK, &entries[0]).n_done, 1);
    CHECK_UEQ(change(f, FLOW_MARK, &entries[2]).n_done, 1);
    CHECK_UEQ(change(f, FLOW_MARK, &entries[3]).n_done, 1);
    entries[0].mark = entries[2].mark = BIT;
    check_now(f, entries, 4);

    CHECK_UEQ(change(f, FLOW_CLEAR, &entries[0]).n_done, 1);
    CHECK_UEQ(change(f, FLOW_CLEAR, &entries[1]).n_done, 1);
    CHECK_UEQ(change(f, FLOW_CLEAR, &entries[3]).n_done, 1);
    entries[0].mark = 0;
    entries[3].mark = 1;
    check_now(f, entries, 4);
}

TABLE_TEST(every_protocol_is_marked)
{
    struct flow_entry entries[] = {
        with_ports(make(7, IPPROTO_TCP, "10.0.0.1", "10.0.0.2"), 40000, 22),
        with_ports(make(7, IPPROTO_SCTP, "10.0.0.1", "10.0.0.2"), 5, 6),
        with_icmp(make(7, IPPROTO_ICMP, "10.0.0.1", "10.0.0.2"), 8, 258),
        make(7, IPPROTO_ESP, "10.0.0.1", "10.0.0.2"),
        with_icmp(make(7, IPPROTO_ICMPV6, "2001:db8::1", "2001:db8::2"), 128,
                  3),
    };

    add(f, entries, ARRAY_SIZE(entries));
    for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
        CHECK_UEQ(change(f, FLOW_MARK, &entries[i]).n_done, 1);
        entries[i].mark = BIT;
    }
    check_now(f, entries, ARRAY_SIZE(entries));
}

TABLE_TEST(a_deletion_is_of_one_flow)
{
    struct flow_entry entries[4];

    add_four(f, entries);
    CHECK_UEQ(change(f, FLOW_DELETE, &entries[0]).n_done, 1);
    check_now(f, &entries[1], 3);
    /* Another zone has it still. */
    CHECK_UEQ(change(f, FLOW_DELETE, &entries[0]).n_gone, 1);
    CHECK_UEQ(change(f, FLOW_MARK, &entries[0]).n_gone, 1);
    check_now(f, &entries[1], 3);
    CHECK_UEQ(change(f, FLOW_DELETE, &entries[2]).n_done, 1);
}

TABLE_TEST(many_at_once)
{
    static struct flow_entry entries[1000];
    struct flow_change changes[ARRAY_SIZE(entries)];
    struct flow_changed changed = { 0, 0, 0 };
    size_t n_found = 0;
    size_t n = 1;

    for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
        entries[i] = with_ports(make(7, IPPROTO_UDP, "10.0.0.1", "10.0.0.2"),
                                i, 2);
        changes[i] = (struct flow_change) {
            FLOW_MARK, i % 10 ? 7 : 8, entries[i].orig,
        };
    }
    add(f, entries, ARRAY_SIZE(entries));

    /* While a dump is under way. */
    REQUIRE(!f->t->class->begin(f->t, &(struct flow_filter) {
        .kind = FLOW_ALL,
    }));
    REQUIRE(!f->t->class->next(f->t, f->entries, 10, &n));
    n_found += n;
    CHECK_EQ(f->t->class->change(f->t, changes, ARRAY_SIZE(changes), BIT,
                                 &changed), 0);
    CHECK_UEQ(changed.n_done, 900);
    CHECK_UEQ(changed.n_gone, 100);
    CHECK_UEQ(changed.n_failed, 0);
    while (n) {
        REQUIRE(!f->t->class->next(f->t, f->entries, 100, &n));
        n_found += n;
    }
    CHECK_UEQ(n_found, ARRAY_SIZE(entries));

    dump(f, (struct flow_filter) { .kind = FLOW_ALL, .mark = BIT }, 100);
    CHECK_UEQ(f->n, 900);
}
